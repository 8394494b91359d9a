"""VOC and SBD: which image belongs to which split, and what is said when something is not there."""

import importlib.util
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segcourse import datasets
from segcourse.datasets import voc
from segcourse.language import reading

_spec = importlib.util.spec_from_file_location("vocs", Path(__file__).with_name("vocs.py"))
vocs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(vocs)

pytestmark = pytest.mark.filterwarnings("ignore:voc .*:UserWarning")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with VOC2012, SBD and VOC2011, all of a few pictures. Nobody writes there."""
    base = tmp_path_factory.mktemp("vocs")
    vocs.write_voc(base), vocs.write_voc(base, "2011"), vocs.write_sbd(base)
    return base


def names(data):
    return [path.stem for path in data.images]


@pytest.mark.parametrize("split, expected", [
    ("train", vocs.LISTS["2012"]["train"]), ("valid", vocs.LISTS["2012"]["val"]), ("sbd_train", vocs.LISTS["sbd"]["train"]),
    ("train_aug", vocs.TRAIN_AUG), ("seg11valid", vocs.SEG11VALID)])
def test_each_split_is_its_own_pictures(whole, split, expected):
    data = datasets.load("voc", split, root=whole)
    assert names(data) == expected and len(data) == len(expected)
    assert (data.name, data.split, data.num_classes, data.void, data.same_size) == ("voc", split, 21, 255, False)
    assert data.classes[0] == "background" and data.classes[1] == "aeroplane" and data.classes[20] == "tvmonitor"


def test_no_training_split_has_an_image_of_the_validation_it_goes_with(whole):
    splits = {split: set(names(datasets.load("voc", split, root=whole))) for split in voc.COUNTS}
    assert not splits["train_aug"] & splits["valid"] and not splits["train"] & splits["valid"] and not splits["sbd_train"] & splits["seg11valid"]
    assert splits["sbd_train"] & splits["valid"], "and this is why the FCN paper has a validation of its own"


def test_images_and_labels_are_those_of_the_files(whole):
    data = datasets.load("voc", "valid", root=whole)
    for index, name in enumerate(names(data)):
        image, label = data[index]
        drawn, truth = vocs.picture(name)
        assert image.dtype == label.dtype == torch.uint8 and image.shape == (3, *truth.shape)
        assert np.array_equal(label.numpy(), truth) and (label == 255).any()
        assert np.array_equal(image.permute(1, 2, 0).numpy(), np.array(Image.open(data.images[index]))) and image.is_contiguous()
        assert np.abs(image.permute(1, 2, 0).numpy().astype(int) - drawn).mean() < 25       # JPEG


def test_vocs_own_labels_come_before_sbds(whole):
    """train_aug takes an image that both have with VOC's label, which marks void; the others with SBD's, which does not."""
    data = datasets.load("voc", "train_aug", root=whole)
    for index, name in enumerate(names(data)):
        ours = vocs.picture(name)[1] if name in vocs.LISTS["2012"]["train"] else vocs.sbd_label(name)
        assert np.array_equal(data[index][1].numpy(), ours), name


def test_what_a_split_means_is_said_in_both_languages(whole):
    meanings = {split: datasets.load("voc", split, root=whole).meaning for split in voc.COUNTS}
    assert meanings["valid"] == "VOC2012 val, 3 images" and meanings["seg11valid"] == "VOC2011 val without SBD train, 1 images"
    assert len(set(meanings.values())) == len(meanings)
    with reading("ko"):
        assert datasets.load("voc", "train_aug", root=whole).meaning == "VOC2012 train과 SBD(VOC2012 val 제외), 이미지 6장"
    assert datasets.load("streets", "valid", length=4).meaning == "streets valid, 4 images"


@pytest.mark.filterwarnings("default")
def test_a_split_that_is_not_whole_says_so(whole, monkeypatch):
    with pytest.warns(UserWarning, match="voc valid has 3 images here, and 1449 where it is whole: scores on it cannot be compared"):
        datasets.load("voc", "valid", root=whole)
    monkeypatch.setitem(voc.COUNTS, "valid", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        datasets.load("voc", "valid", root=whole)
    with reading("ko"), pytest.warns(UserWarning, match="원래는 1464장.*비교할 수 없어요[.]"):
        datasets.load("voc", "train", root=whole)


def test_counts_are_those_of_the_papers():
    """10 582 = 1464 + 9118 of SBD's 11 355 that are in neither list of VOC2012; FCN's published list of seg11valid has 736 names."""
    assert voc.COUNTS == {"train": 1464, "train_aug": 10582, "sbd_train": 8498, "valid": 1449, "seg11valid": 736}


@pytest.mark.parametrize("split", ["test", "test2011", "test2012"])
def test_test_labels_are_not_public(whole, split):
    with pytest.raises(ValueError, match=f"{split}.*not public: only the PASCAL evaluation server"):
        datasets.load("voc", split, root=whole)
    with reading("ko"), pytest.raises(ValueError, match="공개되지 않았어요.*주세요"):
        voc.VOC(split, root=whole)


def test_an_unknown_split_suggests_the_nearest(whole):
    with pytest.raises(ValueError, match="try valid$"):
        datasets.load("voc", "val", root=whole)
    with pytest.raises(ValueError, match="try train_aug"):
        voc.VOC("trainaug", root=whole)


@pytest.mark.parametrize("named", [".", "VOCdevkit", "VOCdevkit/VOC2012"])
def test_found_from_the_root_or_from_its_own_folders(whole, named):
    assert len(datasets.load("voc", "train", root=whole / named)) == 3
    assert voc.locate(whole / "VOCdevkit/VOC2012/JPEGImages") is None


@pytest.mark.parametrize("inside", ["benchmark_RELEASE/dataset", "SBD", "sbd", "."])
def test_sbd_is_found_where_torchvision_or_the_archive_puts_it(tmp_path, inside):
    place = vocs.write_sbd(tmp_path / "made")
    target = (tmp_path / "data" / inside).absolute().resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    place.rename(target)
    assert len(datasets.load("voc", "sbd_train", root=tmp_path / "data")) == 4


@pytest.mark.parametrize("split, made, named", [
    ("train", [], "VOC2012.*segcourse data get voc`"), ("sbd_train", ["voc"], "SBD.*segcourse data get sbd`"),
    ("train_aug", ["voc"], "SBD.*segcourse data get sbd`"), ("train_aug", ["sbd"], "VOC2012.*segcourse data get voc`"),
    ("seg11valid", ["voc", "sbd"], "seg11valid needs VOC2011's lists.*segcourse data get voc2011`.*seg11valid.txt")])
def test_what_is_not_there_is_named_with_the_command_that_brings_it(tmp_path, split, made, named):
    if "voc" in made:
        vocs.write_voc(tmp_path)
    if "sbd" in made:
        vocs.write_sbd(tmp_path)
    with pytest.raises(FileNotFoundError, match=named) as error:
        datasets.load("voc", split, root=tmp_path)
    assert str(tmp_path) in str(error.value)
    with reading("ko"), pytest.raises(FileNotFoundError, match="주세요[.]$"):
        datasets.load("voc", split, root=tmp_path)


def test_seg11valid_from_the_published_list_wears_vocs_labels_of_2012_and_says_so(tmp_path):
    place = vocs.write_voc(tmp_path)
    listed = place / "ImageSets/Segmentation/seg11valid.txt"
    listed.write_text("2007_000033\n2011_000003\n", encoding="utf-8")
    data = datasets.load("voc", "seg11valid", root=tmp_path)
    assert names(data) == ["2007_000033", "2011_000003"] and data.meaning == "VOC2011 val without SBD train, labels of VOC2012, 2 images"
    listed.write_text("2007_000033\n2007_999999\n", encoding="utf-8")
    with pytest.raises(ValueError, match="names 2007_999999, which VOC2012 has no label of"):
        datasets.load("voc", "seg11valid", root=tmp_path)


def test_a_list_that_names_what_is_not_there(tmp_path):
    place = vocs.write_voc(tmp_path)
    (place / "SegmentationClass/2008_000008.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"SegmentationClass lacks 2008_000008\.png \(1 such\).*segcourse data get voc`"):
        datasets.load("voc", "train", root=tmp_path)
    assert voc.whole("voc", tmp_path) is None and len(datasets.load("voc", "valid", root=tmp_path)) == 3


@pytest.mark.parametrize("suffix, cut", [(".jpg", 0), (".jpg", 300), (".png", 20), (".mat", 0), (".mat", 200), (".mat", 60)])
def test_a_damaged_file_is_one_line_with_its_name(tmp_path, suffix, cut):
    vocs.write_voc(tmp_path), vocs.write_sbd(tmp_path)
    folder = {".jpg": "VOCdevkit/VOC2012/JPEGImages", ".png": "VOCdevkit/VOC2012/SegmentationClass", ".mat": "benchmark_RELEASE/dataset/cls"}[suffix]
    path = tmp_path / folder / f"2008_000008{suffix}"
    path.write_bytes(path.read_bytes()[:cut])
    data = datasets.load("voc", "sbd_train" if suffix == ".mat" else "train", root=tmp_path)
    with pytest.raises(ValueError, match=rf"2008_000008\{suffix} is damaged or no (picture|label).*replace the file") as error:
        data[names(data).index("2008_000008")]
    assert "\n" not in str(error.value)


def test_a_label_that_is_no_class_and_one_of_another_size_are_refused(tmp_path):
    place = vocs.write_voc(tmp_path)
    path = place / "SegmentationClass/2007_000032.png"
    label = vocs.picture("2007_000032")[1]
    label[0, 0] = 21
    Image.fromarray(label).save(path)
    data = datasets.load("voc", "train", root=tmp_path)
    with pytest.raises(ValueError, match=r"2007_000032\.png holds the label 21, but with 21 classes a label is 0 to 20, or 255"):
        data[0]
    Image.fromarray(label[:20]).save(path)
    with pytest.raises(ValueError, match=rf"2007_000032\.jpg is \({label.shape[0]}, {label.shape[1]}\) but its label .* is \(20, {label.shape[1]}\)"):
        data[0]
    Image.fromarray(np.zeros((*label.shape, 3), np.uint8)).save(path)
    with pytest.raises(ValueError, match="2007_000032"):
        data[0]


def test_pictures_of_different_sizes_cannot_be_stacked_and_with_a_size_they_can(whole):
    data = datasets.load("voc", "train", root=whole)
    with pytest.raises(ValueError, match=r"2008_000008\.jpg is \(\d+, \d+\) and 2007_000032\.jpg \(.*cannot be stacked; give a size="):
        data.stack()
    assert data.stack([1, 1])[0].shape[:2] == (2, 3)
    sized = datasets.load("voc", "train", root=whole, size=(24, 36))
    images, labels = sized.stack()
    assert sized.same_size and images.shape == (3, 3, 24, 36) and labels.shape == (3, 24, 36) and images.dtype == labels.dtype == torch.uint8
    assert torch.equal(datasets.hold(sized).stack([2, 0])[1], labels[[2, 0]])


def test_size_takes_labels_at_pixel_centres_and_averages_images(tmp_path):
    """Three times smaller: the centre of each 3x3 block is the label; a checkerboard picture of 0 and 255 must come out grey."""
    place = vocs.write_voc(tmp_path)
    label = (np.arange(48 * 60).reshape(48, 60) % 21).astype(np.uint8)
    board = (np.indices((48, 60)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(label).save(place / "SegmentationClass/2007_000032.png")
    Image.fromarray(np.repeat(board[..., None], 3, axis=2)).save(place / "JPEGImages/2007_000032.jpg", quality=100, subsampling=0)
    image, small = datasets.load("voc", "train", root=tmp_path, size=(16, 20))[0]
    assert np.array_equal(small.numpy(), label[1::3, 1::3])
    image, _ = datasets.load("voc", "train", root=tmp_path, size=(12, 15))[0]
    assert (image[:, 1:-1, 1:-1].float() - 127.5).abs().max() < 12


def test_a_data_set_can_be_sent_to_another_process(whole):
    data = datasets.load("voc", "train_aug", root=whole)
    again = pickle.loads(pickle.dumps(data))
    assert torch.equal(again[5][0], data[5][0]) and torch.equal(again[3][1], data[3][1])


def test_scipy_is_asked_for_by_name(whole, monkeypatch):
    import builtins

    importing = builtins.__import__

    def without(name, *rest, **options):
        if name.startswith("scipy"):
            raise ImportError(name)
        return importing(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RuntimeError, match="pip install scipy"):
        datasets.load("voc", "sbd_train", root=whole)
