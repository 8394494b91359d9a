"""The measurement of speed: both loops train the same network in the same way, on the same pictures, and the numbers add up."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import nn

from segcourse import datasets
from segcourse.training import speed

MINIATURE = dict(device="cpu", crop=(32, 32), batch_size=2, steps=2, warmup=1, repeats=2, workers=0, report=None)


class Tiny(nn.Module):
    """Shaped as torchvision's: a backbone with two outputs, a classifier and an auxiliary one; made in the way of `speed.build`."""

    def __init__(self, num_classes):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.BatchNorm2d(8), nn.ReLU())
        self.classifier, self.aux_classifier = nn.Conv2d(8, num_classes, 1), nn.Conv2d(8, num_classes, 3, padding=1)

    def forward(self, images):
        features = self.backbone(images)
        return {name: nn.functional.interpolate(head(features), size=images.shape[-2:], mode="bilinear", align_corners=False)
                for name, head in (("out", self.classifier), ("aux", self.aux_classifier))}


@pytest.fixture
def camvid(camvid_folder):
    return datasets.hold(datasets.load("camvid", "train", camvid_folder))


def setting(**changes):
    start = speed.Setting(place=torch.device("cpu"), crop=(32, 40), batch_size=2, precision="float32", warmup=1, steps=3, workers=0)
    return replace(start, **changes)


def test_both_loops_take_the_same_steps(camvid):
    """Whole pictures, all of them in every batch, so that order and cutting decide nothing: losses and weights of both must agree."""
    common = setting(crop=(48, 64), batch_size=6, scale=(1, 1), flip=0.0, precision="float32", steps=5)
    first, second = speed.build(Tiny, 11), speed.build(Tiny, 11)
    before = [value.clone() for value in first.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, second.parameters(), strict=True))
    files = speed.PictureFiles(camvid.dataset.images, camvid.dataset.labels, setting=common, side=48, void=11)
    there = speed.theirs(first, files, common, void=11)
    here = speed.ours(second, camvid, common)
    assert len(there["losses"]) == len(here["losses"]) == 6
    assert there["losses"] == pytest.approx(here["losses"], rel=1e-4) and there["losses"][-1] < there["losses"][0]
    for start, a, b in zip(before, first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
        assert not torch.equal(start, a)
    for (name, a), b in zip(first.named_buffers(), second.buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5, msg=name)


def test_the_auxiliary_head_learns_ten_times_as_fast_in_both(camvid):
    from segcourse.training.optimisers import parameter_groups

    model = speed.WithLosses(Tiny(11))
    rates = {id(parameter): group["rate"] for group in parameter_groups(model, setting().recipe()) for parameter in group["params"]}
    assert {rates[id(parameter)] for parameter in model.network.aux_classifier.parameters()} == {0.1}
    assert {rates[id(parameter)] for parameter in model.network.backbone.parameters()} == {0.01}
    assert {group["weight_decay"] for group in parameter_groups(model, setting().recipe())} == {1e-4}


def test_both_loops_cut_batches_of_the_same_shape(camvid):
    seen = []

    class Looking(Tiny):
        def forward(self, images):
            seen.append((tuple(images.shape), images.dtype))
            return super().forward(images)

    common = setting(crop=(40, 56))             # larger than the picture at half size: both must pad
    files = speed.PictureFiles(camvid.dataset.images, camvid.dataset.labels, setting=common, side=48, void=11)
    speed.theirs(speed.build(Looking, 11), files, common, void=11)
    assert len(seen) == 4
    speed.ours(speed.build(Looking, 11), camvid, common)
    assert len(seen) == 8 and set(seen) == {((2, 3, 40, 56), torch.float32)}


def test_files_are_cut_and_padded_with_void(tmp_path):
    Image.new("RGB", (64, 48), (255, 0, 0)).save(tmp_path / "image.png")
    Image.new("L", (64, 48), 4).save(tmp_path / "label.png")
    common = setting(crop=(40, 80), scale=(1, 1))
    picture, mask = speed.PictureFiles([tmp_path / "image.png"], [tmp_path / "label.png"], setting=common, side=48, void=11)[0]
    assert picture.shape == (3, 40, 80) and picture.dtype == torch.float32 and mask.shape == (40, 80) and mask.dtype == torch.int64
    assert type(picture) is torch.Tensor and type(mask) is torch.Tensor
    assert set(mask.unique().tolist()) == {4, 11} and (mask == 11).sum() == 40 * 16
    expected = torch.tensor([(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225])
    torch.testing.assert_close(picture[:, 0, 0], expected)
    torch.testing.assert_close(picture[:, 0, 79], torch.tensor([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]))


def test_the_random_size_is_between_half_and_double(tmp_path):
    Image.new("RGB", (64, 48)).save(tmp_path / "image.png")
    Image.new("L", (64, 48), 4).save(tmp_path / "label.png")
    files = speed.PictureFiles([tmp_path / "image.png"], [tmp_path / "label.png"], setting=setting(crop=(96, 128)), side=48, void=11)
    torch.manual_seed(0)
    areas = [int((files[0][1] == 4).sum()) for _ in range(60)]
    assert min(areas) >= 24 * 32 and max(areas) < 96 * 128 and max(areas) > 4 * min(areas)


def test_collating_pads_to_the_largest():
    pictures, masks = speed.Collate(11)([(torch.ones(3, *size), torch.zeros(size, dtype=torch.long)) for size in ((2, 3), (4, 2))])
    assert pictures.shape == (2, 3, 4, 3) and masks.shape == (2, 4, 3)
    assert pictures[0, 0].sum() == 6 and pictures[1, 0].sum() == 8
    assert (masks[0] == 11).sum() == 6 and (masks[1] == 11).sum() == 4


def test_the_numbers_add_up(camvid_folder):
    lines = []
    result = speed.measure("camvid", camvid_folder, **MINIATURE | {"network": Tiny, "report": lines.append})
    assert result["data"] == "camvid train, 6 PNG files" and result["network"] == "Tiny"
    assert (result["crop"], result["batch_size"], result["precision"], result["steps"], result["repeats"]) == ([32, 32], 2, "float32", 2, 2)
    for loop in speed.LOOPS:
        rates, shares = result["images_per_second"][loop], result["waited_share"][loop]
        assert len(rates["all"]) == 2 and min(rates["all"]) <= rates["median"] <= max(rates["all"])
        assert all(0 < share < 1 for share in shares["all"])
    medians = [result["images_per_second"][loop]["median"] for loop in ("ours", "theirs")]
    assert result["ratio"] == pytest.approx(medians[0] / medians[1])
    assert result["step_seconds"]["ours"] > 0 and result["making_a_batch"] is None and result["peak_memory"] == {"theirs": None, "ours": None}
    assert len(lines) == 5 and "theirs" in lines[0] and "ours" in lines[1]
    assert json.loads(json.dumps(result)) == result


def test_seconds_and_waits_are_those_between_the_marks(monkeypatch):
    moments = iter([10.0, 12.0])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(moments))
    watch = speed.Stopwatch(torch.device("cpu"))
    watch.mark(1.0)
    watch.mark(1.5)
    found = watch.result(setting(steps=6, batch_size=4))
    assert found["images_per_second"] == 12.0 and found["seconds"] == 2.0 and found["waited"] == 0.5 and found["waited_share"] == 0.25


def test_drawn_streets_stand_in_where_camvid_is_absent(tmp_path):
    result = speed.measure("camvid", tmp_path, **MINIATURE | {"network": Tiny, "size": (48, 64), "length": 4, "repeats": 1})
    assert result["data"] == "streets, 4 drawn scenes of 48x64 written as PNG files; CamVid is not here"


def test_torchvision_s_own_network_in_both_loops_with_workers(camvid_folder):
    result = speed.measure("camvid", camvid_folder, **MINIATURE | {"workers": 1, "repeats": 1, "steps": 1})
    assert result["network"] == "fcn_resnet50" and result["workers"] == 1 and result["images_per_second"]["ours"]["median"] > 0


def test_the_same_seed_gives_the_same_network_and_leaves_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, second = speed.build(Tiny, 11, 1), speed.build(Tiny, 11, 1)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_sixteen_bits_work_in_both(camvid_folder):
    result = speed.measure("camvid", camvid_folder, **MINIATURE | {"network": Tiny, "precision": "bfloat16", "repeats": 1})
    assert result["precision"] == "bfloat16"


@pytest.mark.parametrize("wrong, words", [({"network": "fcn_resnet51"}, "fcn_resnet51"), ({"precision": "float64"}, "float64"),
                                          ({"batch_size": 1}, "batch of 2")])
def test_what_cannot_be_measured_is_said(camvid_folder, wrong, words):
    with pytest.raises(ValueError, match=words):
        speed.measure("camvid", camvid_folder, **MINIATURE | wrong)


def test_another_data_set_is_refused(camvid_folder):
    with pytest.raises(ValueError, match="voc"):
        speed.measure("voc", camvid_folder, **MINIATURE)


def test_the_clock_starts_where_our_loop_looks(camvid_folder):
    result = speed.measure("camvid", camvid_folder, **MINIATURE | {"network": Tiny, "warmup": 2, "read_every": 3, "steps": 4, "repeats": 1})
    assert result["warmup"] == 3 and result["images_per_second"]["ours"]["median"] > 0


def test_memory_needs_a_gpu():
    lines = []
    assert speed.memory(device="cpu", report=lines.append) == {"measured": False, "why": "not measured: no GPU"} and "no GPU" in lines[0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_memory_on_a_gpu():
    result = speed.memory(size=(48, 64), width=0.05, batch_size=2, pictures=4, report=None)
    assert result["measured"] and [row["precision"] for row in result["rows"]] == ["float16", "bfloat16", "float32"]
    assert all(0 < row["allocated"] <= row["reserved"] and row["fits"] for row in result["rows"])
