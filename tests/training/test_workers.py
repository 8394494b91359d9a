"""Batches read by worker processes: the same for any number of workers, ranks and beginnings, and labels that stay under their images."""

import dataclasses
import importlib.util
import math
import multiprocessing
import time
from pathlib import Path

import pytest
import torch

from segcourse import datasets
from segcourse.datasets.base import Dataset
from segcourse.datasets.normalisation import IMAGENET_MEAN, IMAGENET_STD
from segcourse.datasets.palettes import VOC
from segcourse.language import reading
from segcourse.training import workers
from segcourse.training.order import Order, seed_of
from segcourse.training.recipes import Recipe
from segcourse.training.workers import Workers

_spec = importlib.util.spec_from_file_location("vocs", Path(__file__).parents[1] / "datasets" / "vocs.py")
vocs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(vocs)

pytestmark = pytest.mark.filterwarnings("ignore:voc .*:UserWarning")
RECIPE = Recipe(steps=5, batch_size=4, crop=(32, 32), scale=(0.5, 2.0), flip=True, colour=0.2, seed=3)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("vocs")
    vocs.write_voc(base), vocs.write_sbd(base)
    return base


@pytest.fixture(scope="module")
def voc(place):
    return datasets.load("voc", "train_aug", root=place)


class Ramp(Dataset):
    """Pictures whose grey is 2 * column + row and whose label is the same: wherever the two are asked, they must agree."""

    def __init__(self, height=60, width=90, count=3, same_size=True):
        super().__init__(name="ramp", split="train", palette=VOC)
        self.same_size, self.shape, self.count = same_size, (height, width), count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        rows, columns = torch.meshgrid(*map(torch.arange, self.shape), indexing="ij")
        grey = (2 * columns + rows).to(torch.uint8)
        return grey.expand(3, -1, -1).contiguous(), grey


def taken(data, recipe, first=0, **options):
    return [(images.clone(), labels.clone()) for images, labels in Workers(data, recipe, "cpu", **options).batches(first)]


def same(one, other):
    return len(one) == len(other) and all(torch.equal(a, b) for pair, twin in zip(one, other, strict=True) for a, b in zip(pair, twin, strict=True))


@pytest.fixture(scope="module")
def alone(voc):
    return taken(voc, RECIPE, workers=0)


def grey_of(images):
    """The first channel of normalised images, 0 to 255."""
    return images[:, 0] * IMAGENET_STD[0] * 255 + IMAGENET_MEAN[0] * 255


def test_batches_have_the_shape_the_training_needs(alone):
    assert len(alone) == 5
    for images, labels in alone:
        assert images.shape == (4, 3, 32, 32) and images.dtype == torch.float32 and labels.shape == (4, 32, 32) and labels.dtype == torch.uint8
        assert type(images) is type(labels) is torch.Tensor and ((labels < 21) | (labels == 255)).all()
    assert not torch.equal(alone[0][0], alone[1][0])


@pytest.mark.parametrize("number, start", [(1, None), (2, None), (2, "spawn")])
def test_any_number_of_workers_gives_the_same_batches(voc, alone, number, start):
    assert same(taken(voc, RECIPE, workers=number, start=start), alone)


@pytest.mark.parametrize("world", [2, 3, 4])
def test_the_ranks_share_the_batch_one_process_would_have(voc, alone, world):
    shares = [taken(voc, RECIPE, rank=rank, world=world, workers=0) for rank in range(world)]
    for step, (images, labels) in enumerate(alone):
        assert torch.equal(torch.cat([share[step][0] for share in shares]), images) and torch.equal(torch.cat([share[step][1] for share in shares]), labels)


def test_a_share_is_what_its_bounds_say():
    for size, world in ((4, 3), (8, 3), (20, 8), (7, 7)):
        for rank in range(world):
            share = workers._Positions(dataclasses.replace(RECIPE, batch_size=size), rank, world).share
            assert list(share) == [place for place in range(size) if rank * size / world <= place < (rank + 1) * size / world]


@pytest.mark.parametrize("number", [0, 2])
def test_a_run_that_goes_on_draws_what_the_unbroken_one_drew(voc, alone, number):
    assert same(taken(voc, RECIPE, first=3, workers=number), alone[3:])
    feed = Workers(voc, RECIPE, "cpu", workers=number)
    next(feed.batches())                                  # left in the middle, with batches on their way
    assert same(list(feed.batches(2)), alone[2:])


def test_the_seed_decides_and_the_callers_random_numbers_are_left_alone(voc, alone):
    torch.manual_seed(5)
    expected = torch.rand(3)
    for number in (0, 1):
        torch.manual_seed(5)
        assert same(taken(voc, RECIPE, workers=number), alone)
        assert torch.equal(torch.rand(3), expected)
    assert not same(taken(voc, dataclasses.replace(RECIPE, seed=4), workers=0), alone)


def test_each_pass_takes_every_picture_once_in_another_order(voc):
    plain = Recipe(steps=3, batch_size=4, crop=(50, 50), seed=1)
    order = Order(len(voc), 1)
    passes = [[order[position] for position in range(start, start + 6)] for start in (0, 6)]
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(6)) and passes[0] != passes[1]
    assert order.take(4, 5).tolist() == [*passes[0][4:], *passes[1][:3]] and seed_of(1, "order", 0) != seed_of(1, "order", 1)
    labels = torch.cat([labels for _, labels in taken(voc, plain, workers=0)])
    for position, label in enumerate(labels):
        truth = voc[order[position]][1]
        assert (label != 255).sum() == (truth != 255).sum() and label[label != 255].sum() == truth[truth != 255].sum()


def test_without_augmentation_pictures_pass_through():
    data = Ramp()
    (images, labels), = taken(data, Recipe(steps=1, batch_size=3), workers=0)
    assert torch.equal(images[0], datasets.normalise(data[0][0])) and torch.equal(labels[0], data[0][1])


@pytest.mark.parametrize("factor", [1 / 3, 0.43, 0.7, 0.9, 1.3, 1.7])
def test_label_and_image_stay_aligned_when_scaled(factor):
    """On a ramp the label under a pixel must be the image's value there: on average "nearest" is half a new pixel off, which is 1.5 / factor here."""
    data, high = Ramp(), factor + 1e-9
    (images, labels), = taken(data, Recipe(steps=1, batch_size=3, scale=(factor, high), crop=(round(60 * factor), round(90 * factor))), workers=0)
    off = (grey_of(images) - labels.float())[:, 2:-2, 2:-2]
    assert abs(float(off.mean())) < 0.45 and off.abs().max() <= 0.5 * 3 + 1       # torch rounds a uint8 image once for each direction
    if factor == 1 / 3:
        assert torch.equal(labels[0], data[0][1][1::3, 1::3])
    assert set(labels.unique().tolist()) <= set(data[0][1].unique().tolist())


def test_scales_are_drawn_evenly_on_a_log_scale_and_crops_from_everywhere():
    low, high = 0.5, 2.0
    torch.manual_seed(0)
    draw = workers.ScaleEvenly(low, high)
    factors = torch.tensor([draw.make_params([torch.zeros(3, 1000, 1000)])["size"][0] / 1000 for _ in range(2000)]).log()
    assert factors.min() >= math.log(low) - 1e-3 and factors.max() <= math.log(high) + 1e-3
    thirds = torch.histc(factors, 3, math.log(low), math.log(high)) / 2000
    assert (thirds - 1 / 3).abs().max() < 0.04
    data = Ramp(40, 60, count=1)
    labels = torch.cat([labels for _, labels in taken(data, Recipe(steps=100, batch_size=4, crop=(20, 20)), workers=0)])
    columns = {int(label[0, 1]) for label in labels}
    assert (labels[:, :, 1] - labels[:, :, 0] == 2).all() and len(columns) > 60       # of 21 * 41 corners, whose values are 2 * column + row


def test_half_of_the_pictures_are_mirrored_labels_too():
    data = Ramp(20, 30, count=1)
    pairs = taken(data, Recipe(steps=50, batch_size=4, flip=True), workers=0)
    images, labels = (torch.cat(part) for part in zip(*pairs, strict=True))
    turned = labels[:, 0, 0] > labels[:, 0, -1]
    assert 0.35 < turned.float().mean() < 0.65
    assert (grey_of(images) - labels.float()).abs().max() < 1e-2 and torch.equal(labels[turned][0].flip(-1), data[0][1])


def test_outside_the_picture_is_the_mean_colour_and_void():
    (images, labels), = taken(Ramp(10, 12, count=2), Recipe(steps=1, batch_size=2, crop=(30, 40)), workers=0)
    outside = labels == 255
    assert (outside.flatten(1).sum(1) == 30 * 40 - 120).all() and images.movedim(1, -1)[outside].abs().max() < 0.01
    inside = (~outside[0]).nonzero()
    assert (inside.amax(0) - inside.amin(0) + 1).tolist() == [10, 12], "the whole picture is in the crop"


def test_colours_are_jittered_by_what_the_recipe_says():
    data = Ramp(20, 30, count=1)
    plain = grey_of(datasets.normalise(data[0][0])[None])
    images = torch.cat([images for images, _ in taken(data, Recipe(steps=50, batch_size=4, colour=0.2), workers=0)])
    brightness = grey_of(images).mean((1, 2)) / plain.mean()
    assert brightness.min() < 0.87 and brightness.max() > 1.13 and brightness.min() > 0.75 and brightness.max() < 1.25


@pytest.mark.parametrize("number", [0, 2])
def test_every_label_once_in_order(voc, number):
    labels = list(Workers(voc, RECIPE, "cpu", workers=number).labels())
    assert len(labels) == Workers(voc, RECIPE, "cpu", workers=0).count == 6
    assert all(torch.equal(label, voc[index][1]) for index, label in enumerate(labels))


@pytest.mark.parametrize("number, start, language", [
    (0, None, "en"), (2, None, "ko"), pytest.param(1, "spawn", "ko", marks=pytest.mark.slow)])       # a spawned process imports torch anew
def test_a_damaged_picture_is_the_data_sets_own_line(tmp_path, number, start, language):
    damaged = vocs.write_voc(tmp_path) / "JPEGImages/2008_000008.jpg"
    damaged.write_bytes(damaged.read_bytes()[:200])
    with reading(language):
        feed = Workers(datasets.load("voc", "train", root=tmp_path), RECIPE, "cpu", workers=number, start=start)
        with pytest.raises(ValueError) as error:
            list(feed.batches())
        with pytest.raises(ValueError) as again:
            list(feed.labels())
    for said in (str(error.value), str(again.value)):
        assert "2008_000008.jpg" in said and "\n" not in said and "Traceback" not in said
        assert "is damaged or no picture" in said if language == "en" else said.endswith("바꿔 주세요.")


@pytest.mark.alone
@pytest.mark.parametrize("how", ["error", "left"])
def test_workers_end_at_once_when_a_run_does(tmp_path, how):
    path = vocs.write_voc(tmp_path) / "JPEGImages/2008_000008.jpg"
    if how == "error":
        path.write_bytes(b"")
    before, held = set(multiprocessing.active_children()), None
    batches = Workers(datasets.load("voc", "train", root=tmp_path), RECIPE, "cpu", workers=2).batches()
    started = time.monotonic()
    try:
        next(batches)
        assert len(set(multiprocessing.active_children()) - before) == 2
        batches.close()
    except ValueError as error:
        held = error                                      # a notebook keeps the last error, with all its frames
    assert (held is not None) == (how == "error")
    assert not set(multiprocessing.active_children()) - before and time.monotonic() - started < 4


def test_pictures_of_different_sizes_need_a_crop(voc):
    with pytest.raises(ValueError, match="the pictures of voc differ in size and the recipe has no crop"):
        Workers(voc, dataclasses.replace(RECIPE, crop=None), "cpu", workers=0)
    with reading("ko"), pytest.raises(ValueError, match="정해 주세요[.]$"):
        Workers(voc, dataclasses.replace(RECIPE, crop=None), "cpu", workers=0)
    (images, _), *_ = taken(Ramp(), dataclasses.replace(RECIPE, crop=None), workers=0)
    assert images.shape == (4, 3, 60, 90)


@pytest.mark.parametrize("rank, world", [(0, 5), (2, 2), (-1, 2)])
def test_a_rank_without_a_share_is_refused(voc, rank, world):
    with pytest.raises(ValueError, match=f"rank {rank} of {world} cannot have a share of a batch of 4"):
        Workers(voc, RECIPE, "cpu", rank=rank, world=world, workers=0)


def test_waiting_is_counted_and_the_fingerprint_is_of_the_split(place, voc):
    feed = Workers(voc, RECIPE, "cpu", workers=0)
    assert feed.waited == 0
    list(feed.batches())
    assert feed.waited > 0
    other = Workers(datasets.load("voc", "sbd_train", root=place), RECIPE, "cpu", workers=0)
    assert feed.fingerprint() == Workers(voc, RECIPE, "cpu", workers=0).fingerprint() != other.fingerprint() and len(feed.fingerprint()) == 16


def test_a_sensible_number_of_workers():
    assert 1 <= workers.sensible_workers() <= 8 and workers.sensible_workers(10_000) == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_the_batches_are_the_same(voc, alone):
    there = list(Workers(voc, RECIPE, "cuda", workers=2).batches())
    assert all(images.is_cuda and torch.allclose(images.cpu(), twin, atol=1e-5) and torch.equal(labels.cpu(), truth)
               for (images, labels), (twin, truth) in zip(there, alone, strict=True))


def test_a_training_on_pictures_of_many_sizes_from_the_command_line(tmp_path, capsys):
    """Through the workers, all the way: trained, broken off and gone on with, scored, evaluated and predicted again, with the split's meaning beside its scores."""
    import json

    from segcourse import cli
    from segcourse.training import jobs, state

    vocs.write_voc(tmp_path)
    out = tmp_path / "run"
    words = ["train", "fcn32s", "--data", "voc", "--root", str(tmp_path), "--out", str(out), "--width", "0.03", "--padding", "same", "--batch-size", "2", "--device", "cpu",
             "--set", "crop=[32,32]", "--set", "evaluate_every=2", "--steps", "3"]
    assert cli.run(words) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    meaning = datasets.load("voc", "valid", root=tmp_path).meaning
    assert meaning in " ".join(printed.split()) and "aeroplane" in printed
    report = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert report["splits"]["valid"] == meaning and report["data"]["size"] is None and len(report["valid"]["iou"]) == 21 and report["waited_share"] >= 0
    whole = jobs.checkpoints.load_checkpoint(out / "checkpoint.safetensors")[0].state_dict()

    class PowerCut(jobs.Callback):
        def on_step(self, run, step, loss):
            if step == 3:
                raise InterruptedError

    recipe = Recipe.from_dict(report["recipe"])
    broken = jobs.Job("fcn32s", "voc", recipe, tmp_path / "broken", options={"width": 0.03, "padding": "same"}, root=tmp_path)
    with pytest.raises(InterruptedError):
        jobs.run(broken, device="cpu", callbacks=(PowerCut(),), save_seconds=0)
    assert state.read(tmp_path / "broken" / jobs.STATE).step == 2
    again = jobs.run(broken, device="cpu", resume=True).model.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in whole.items())
    assert cli.run(["evaluate", str(out / "checkpoint.safetensors"), "--root", str(tmp_path), "--device", "cpu"]) == 0
    assert f"mIoU {100 * report['valid']['miou']:.2f}" in capsys.readouterr().out
    photo = next((tmp_path / "VOCdevkit" / "VOC2012" / "JPEGImages").iterdir())
    assert cli.run(["predict", str(out / "checkpoint.safetensors"), str(photo), "--out", str(tmp_path / "seen"), "--device", "cpu"]) == 0
    assert len(list((tmp_path / "seen").iterdir())) == 3
    capsys.readouterr()
    vocs.write_sbd(tmp_path)
    assert cli.run([*words, "--overwrite", "--train-split", "train_aug"]) == 0
    report = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert report["data"]["train_images"] == len(datasets.load("voc", "train_aug", root=tmp_path)) > len(datasets.load("voc", "train", root=tmp_path))
    assert report["splits"]["train"] == datasets.load("voc", "train_aug", root=tmp_path).meaning
    capsys.readouterr()
    assert cli.run([*words, "--overwrite", "--valid-split", "seg12valid"]) == 2 and "seg11valid" in capsys.readouterr().err
    assert cli.run([*words, "--overwrite", "--recipe", "paper", "--set", "crop=none"]) == 2 and "crop" in capsys.readouterr().err
    assert cli.run(["train", "fcn32s", "--data", "voc", "--root", str(tmp_path), "--out", str(tmp_path / "x"), "--test"]) == 2
