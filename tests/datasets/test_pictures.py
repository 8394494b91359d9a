"""Bad picture files: a data set refuses them by name, value and remedy, in one line; a reader's photo is converted, and that is said."""

import numpy as np
import pytest
import torch
from PIL import Image

from segcourse import datasets
from segcourse.datasets.pictures import picture_files, read_image, read_label, read_photo
from segcourse.language import reading

HEIGHT, WIDTH = 12, 16


@pytest.fixture
def mine(tmp_path):
    """A reader's folder of three pictures and their labels, 12x16: images/p0.png to p2.png, labels/p0.png to p2.png."""
    generator = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    for number in range(3):
        Image.fromarray(generator.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / "images" / f"p{number}.png")
        Image.fromarray(generator.integers(0, 12, (HEIGHT, WIDTH), np.uint8)).save(tmp_path / "labels" / f"p{number}.png")
    return tmp_path


def with_label(value):
    def spoil(folder):
        label = np.array(Image.open(folder / "labels" / "p1.png"))
        label[3, 4] = value
        Image.fromarray(label).save(folder / "labels" / "p1.png")
    return spoil


def as_mode(kind, mode):
    def spoil(folder):
        path = folder / kind / "p1.png"
        Image.open(path).convert(mode).save(path)
    return spoil


def cut_to(kind, length):
    def spoil(folder):
        path = folder / kind / "p1.png"
        path.write_bytes(path.read_bytes()[:length])
    return spoil


def garbled(folder):
    path = folder / "images" / "p1.png"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def smaller_label(folder):
    path = folder / "labels" / "p1.png"
    Image.open(path).resize((8, 6), Image.Resampling.NEAREST).save(path)


def turned_label(folder):
    path = folder / "labels" / "p1.png"
    Image.open(path).rotate(90, expand=True).save(path)


def text_as_picture(folder):
    (folder / "images" / "p1.png").write_text("not a picture", encoding="utf-8")


def no_label(folder):
    (folder / "labels" / "p1.png").unlink()


def no_pictures(folder):
    for path in (folder / "images").iterdir():
        path.unlink()


BROKEN = {      # what is wrong: (how, error, what the message names)
    "label 12 of 11 classes": (with_label(12), ValueError, ["labels", "p1.png", "12", "11", "10"]),
    "label 255": (with_label(255), ValueError, ["p1.png", "255"]),
    "greyscale picture": (as_mode("images", "L"), ValueError, ["images", "p1.png", "convert('RGB')"]),
    "picture with transparency": (as_mode("images", "RGBA"), ValueError, ["p1.png", "RGBA", "convert('RGB')"]),
    "palette picture": (as_mode("images", "P"), ValueError, ["p1.png", "convert('RGB')"]),
    "colour label": (as_mode("labels", "RGB"), ValueError, ["labels", "p1.png", "PNG"]),
    "deep label": (as_mode("labels", "I;16"), ValueError, ["labels", "p1.png", "8"]),
    "black-and-white label": (as_mode("labels", "1"), ValueError, ["labels", "p1.png"]),
    "smaller label": (smaller_label, ValueError, ["p1.png", "(12, 16)", "(6, 8)"]),
    "label lying on its side": (turned_label, ValueError, ["p1.png", "(12, 16)", "(16, 12)"]),
    "empty file": (cut_to("images", 0), ValueError, ["images", "p1.png"]),
    "header only": (cut_to("images", 40), ValueError, ["images", "p1.png"]),
    "second half missing": (cut_to("images", 300), ValueError, ["images", "p1.png"]),
    "half a label": (cut_to("labels", 120), ValueError, ["labels", "p1.png"]),
    "a byte turned over": (garbled, ValueError, ["images", "p1.png"]),
    "a text called png": (text_as_picture, ValueError, ["images", "p1.png"]),
    "no label": (no_label, FileNotFoundError, ["p1.png", "labels"]),
    "empty folder": (no_pictures, FileNotFoundError, ["images", "PNG"]),
}


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("what", BROKEN)
def test_a_folder_refuses_it_in_one_line(mine, what, language):
    spoil, kind, told = BROKEN[what]
    spoil(mine)
    with reading(language), pytest.raises(kind) as error:
        datasets.load("folder", "all", root=mine)[1]
    message = str(error.value)
    assert "\n" not in message and all(part in message for part in told), message
    assert language == "en" or message.endswith("요.")


@pytest.mark.parametrize("what", ["label 12 of 11 classes", "greyscale picture", "second half missing"])
def test_one_bad_file_does_not_spoil_the_others(mine, what):
    BROKEN[what][0](mine)
    data = datasets.load("folder", "all", root=mine)
    assert data[0][0].shape == data[2][0].shape == (3, HEIGHT, WIDTH)


def camvid_with(folder, kind, value):
    """Spoils train_1 of a CamVid: its picture's mode, its bytes or its label."""
    image, label = folder / "CamVid" / "train" / "train_1.png", folder / "CamVid" / "trainannot" / "train_1.png"
    if kind == "mode":
        Image.open(image).convert(value).save(image)
    elif kind == "cut":
        label.write_bytes(label.read_bytes()[:value])
    elif kind == "label":
        numbers = np.array(Image.open(label))
        numbers[0, 0] = value
        Image.fromarray(numbers).save(label)
    elif kind == "size":
        Image.open(label).resize(value, Image.Resampling.NEAREST).save(label)
    else:
        for path in (folder / "CamVid" / value).iterdir():
            path.unlink()


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(("kind", "value", "told"), [
    ("mode", "L", ["train_1.png", "convert('RGB')"]), ("mode", "RGBA", ["train_1.png", "RGBA", "convert('RGB')"]),
    ("cut", 60, ["trainannot", "train_1.png"]), ("label", 12, ["trainannot", "train_1.png", "12", "11"]),
    ("size", (10, 6), ["train_1.png", "(48, 64)", "(6, 10)"]), ("empty", "trainannot", ["trainannot"]),
])
def test_camvid_refuses_it_in_one_line(camvid_folder, kind, value, told, language):
    camvid_with(camvid_folder, kind, value)
    with reading(language), pytest.raises((ValueError, FileNotFoundError)) as error:
        datasets.load("camvid", "train", root=camvid_folder)[1]
    message = str(error.value)
    assert "\n" not in message and all(part in message for part in told), message
    assert language == "en" or message.endswith("요.")


def test_resizing_does_not_hide_a_wrong_label(mine):
    """A bad pixel that survives the resizing is refused; so is a label whose file is damaged."""
    label = np.full((HEIGHT, WIDTH), 12, np.uint8)
    Image.fromarray(label).save(mine / "labels" / "p1.png")
    with pytest.raises(ValueError, match="12"):
        datasets.load("folder", "all", root=mine, size=(6, 8))[1]


def test_a_palette_label_is_read_as_its_numbers(mine):
    """As VOC's are stored: the colours are for looking at."""
    numbers = np.array(Image.open(mine / "labels" / "p1.png"))
    painted = Image.fromarray(numbers)
    painted.putpalette(list(range(255, -1, -1)) * 3)
    painted.save(mine / "labels" / "p1.png")
    assert Image.open(mine / "labels" / "p1.png").mode == "P"
    assert np.array_equal(datasets.load("folder", "all", root=mine)[1][1].numpy(), numbers)


def test_only_pictures_count_in_order_of_their_names(mine):
    (mine / "images" / "notes.txt").write_text("x", encoding="utf-8")
    (mine / "images" / ".hidden.png").write_bytes(b"x")
    (mine / "images" / "p1.png").rename(mine / "images" / "p9.PNG")
    (mine / "labels" / "p1.png").rename(mine / "labels" / "p9.png")
    assert [path.name for path in picture_files(mine / "images")] == ["p0.png", "p2.png", "p9.PNG"]
    data = datasets.load("folder", "all", root=mine)
    assert len(data) == 3 and data[2][1].shape == (HEIGHT, WIDTH)


def test_an_index_beyond_the_end(mine):
    data = datasets.load("folder", "all", root=mine)
    assert torch.equal(data[-1][0], data[2][0])
    with pytest.raises(IndexError):
        data[3]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("read", [read_image, lambda path: read_label(path, num_classes=11, void=11), lambda path: read_photo(path)])
def test_a_file_that_is_not_there(tmp_path, read, language):
    with reading(language), pytest.raises(FileNotFoundError, match=r"gone\.png"):
        read(tmp_path / "gone.png")


# -- photos of the reader's own: accepted and converted ------------------------------------------------------------------------------------

def test_an_ordinary_photo_needs_no_word(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    photo, note = read_photo(tmp_path / "a.png")
    assert note == "" and photo.dtype == torch.uint8 and np.array_equal(photo.permute(1, 2, 0).numpy(), pixels)


def test_half_transparency_is_laid_on_white(tmp_path):
    Image.new("RGBA", (4, 3), (200, 0, 100, 128)).save(tmp_path / "a.png")
    photo, note = read_photo(tmp_path / "a.png")
    expected = [round(255 + (part - 255) * 128 / 255) for part in (200, 0, 100)]
    assert np.abs(photo[:, 0, 0].numpy().astype(int) - expected).max() <= 1 and "white" in note and "a.png" in note


@pytest.mark.parametrize(("mode", "suffix", "word"), [
    ("L", "png", "greyscale"), ("1", "png", "greyscale"), ("LA", "png", "transparency"), ("RGBA", "png", "transparency"),
    ("P", "png", "palette"), ("CMYK", "jpg", "CMYK"),
])
def test_what_was_converted_is_said(tmp_path, mode, suffix, word):
    path = tmp_path / f"photo.{suffix}"
    Image.new("RGB", (6, 4), (255, 255, 255)).convert(mode).save(path)
    photo, note = read_photo(path)
    assert photo.shape == (3, 4, 6) and photo.dtype == torch.uint8 and word in note and path.name in note and "\n" not in note
    assert (photo.float() - 255).abs().max() <= 2       # white stays white


def test_a_palette_with_a_transparent_colour(tmp_path):
    picture = Image.new("P", (4, 4), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((0, 0), 1)
    picture.save(tmp_path / "a.png", transparency=0)
    photo, note = read_photo(tmp_path / "a.png")
    assert photo[:, 0, 0].tolist() == [0, 0, 255] and photo[:, 2, 2].tolist() == [255, 255, 255] and "white" in note


def test_a_picture_that_is_already_open():
    photo, note = read_photo(Image.new("L", (6, 4), 90))
    assert photo.unique().tolist() == [90] and note == "the photo is greyscale: its one channel is used three times"


@pytest.mark.parametrize(("name", "said"), [("dog.png", "dog.png는 흑백이라서"), (None, "사진은 흑백이라서")])
def test_notes_are_korean_in_korean(tmp_path, name, said):
    picture = Image.new("L", (6, 4), 90)
    if name:
        picture.save(tmp_path / name)
    with reading("ko"):
        note = read_photo(tmp_path / name if name else picture)[1]
    assert said in note and note.endswith("요.")


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(("make", "told"), [
    (lambda path: path.write_bytes(b""), ["x.png"]), (lambda path: path.write_bytes(b"GIF89a"), ["x.png"]),
    (lambda path: Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(path), ["I;16", "8", "JPEG"]),
])
def test_a_photo_that_cannot_be_used(tmp_path, make, told, language):
    make(tmp_path / "x.png")
    with reading(language), pytest.raises(ValueError) as error:
        read_photo(tmp_path / "x.png")
    message = str(error.value)
    assert "\n" not in message and all(part in message for part in told), message
    assert language == "en" or message.endswith("요.")
