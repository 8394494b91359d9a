"""A miniature VOC and SBD in their own layouts: few drawn pictures of different sizes, own lists, .mat files of SBD's structure."""

import numpy as np
from PIL import Image
from scipy.io import savemat

from segcourse.datasets.palettes import VOC

# Names begin with a year, as VOC's do. Some stand in several lists, as the real ones: SBD train holds one of VOC2012's train and one of its val.
LISTS = {
    "2012": {"train": ["2007_000032", "2008_000008", "2009_000017"], "val": ["2007_000033", "2008_000009", "2011_000003"]},
    "2011": {"train": ["2007_000032", "2008_000008"], "val": ["2007_000033", "2008_000009"]},
    "sbd": {"train": ["2008_000008", "2008_000009", "2010_000001", "2010_000002"], "val": ["2011_000003", "2010_000003", "2009_000017"]},
}
TRAIN_AUG = ["2007_000032", "2008_000008", "2009_000017", "2010_000001", "2010_000002", "2010_000003"]
SEG11VALID = ["2007_000033"]


def picture(name):
    """(image, label) of one name as arrays: a size, a class and a place that follow from the name; a line of void around the object."""
    generator = np.random.default_rng(int(name.replace("_", "")))
    height, width = int(generator.integers(30, 50)), int(generator.integers(30, 50))
    label = np.zeros((height, width), np.uint8)
    label[8:20, 8:22] = 255
    label[10:18, 10:20] = generator.integers(1, 21)
    image = np.clip(VOC.colours[np.where(label == 255, 21, label)] // 2 + generator.integers(0, 100, (height, width, 3)), 0, 255)
    return image.astype(np.uint8), label


def sbd_label(name):
    """SBD's own label of the picture: the same object, and no void."""
    label = picture(name)[1].copy()
    label[label == 255] = 0
    return label


def write_voc(base, year="2012"):
    """VOC of a year below `base`, in torchvision's place; returns its folder."""
    place = base / {"2012": "VOCdevkit/VOC2012", "2011": "TrainVal/VOCdevkit/VOC2011"}[year]
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    for part, names in LISTS[year].items():
        (place / "ImageSets/Segmentation" / f"{part}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        for name in names:
            image, label = picture(name)
            Image.fromarray(image).save(place / "JPEGImages" / f"{name}.jpg", quality=95)
            mask = Image.fromarray(label)
            mask.putpalette([int(part) for row in VOC.colours for part in row] + [0] * (768 - 66))
            mask.save(place / "SegmentationClass" / f"{name}.png")
    return place


def write_sbd(base):
    """SBD below `base`, where its archive unpacks to; returns its folder."""
    place = base / "benchmark_RELEASE/dataset"
    for folder in ("img", "cls"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    for part, names in LISTS["sbd"].items():
        (place / f"{part}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        for name in names:
            Image.fromarray(picture(name)[0]).save(place / "img" / f"{name}.jpg", quality=95)
            truth = np.zeros((1, 1), [("Boundaries", object), ("Segmentation", object), ("CategoriesPresent", object)])
            truth[0, 0] = (np.zeros((20, 1), object), sbd_label(name), np.array([[1]]))
            savemat(place / "cls" / f"{name}.mat", {"GTcls": truth}, do_compression=True)
    return place
