"""Pictures with one class per pixel: `datasets.load(name, split)` -> a sequence of (image uint8 (3, H, W), label uint8 (H, W)).

    streets   street scenes drawn by the package, CamVid's classes, no download
    camvid    the public CamVid, 360x480
    voc       PASCAL VOC 2012, with the further labels of SBD (see `segcourse.datasets.voc` for its splits)
    folder    pictures of the reader's own
"""

import difflib
import importlib
from pathlib import Path

from segcourse.datasets.root import data_root
from segcourse.language import say

__all__ = ["load", "names", "hold", "normalise", "data_root", "IMAGENET_MEAN", "IMAGENET_STD"]

# Loaded when first used: `segcourse doctor` must get as far as saying that torch is broken.
_FROM = {"hold": "held", "normalise": "normalisation", "IMAGENET_MEAN": "normalisation", "IMAGENET_STD": "normalisation"}


def __getattr__(name):
    if name in _FROM:
        return getattr(importlib.import_module(f"segcourse.datasets.{_FROM[name]}"), name)
    raise AttributeError(f"module 'segcourse.datasets' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_FROM})


# name: (module, class, splits, whether it reads files under a root)
_SETS = {
    "streets": ("streets", "Streets", ("train", "valid", "test"), False),
    "camvid": ("camvid", "CamVid", ("train", "valid", "test"), True),
    # VOC's three tests are named to say that their labels are not public.
    "voc": ("voc", "VOC", ("train", "train_aug", "sbd_train", "valid", "seg11valid", "test", "test2011", "test2012"), True),
    "folder": ("folder", "Folder", ("all", "train", "valid", "test"), True),
}


def names() -> list[str]:
    """The names `load` knows."""
    return list(_SETS)


def _nearest(wrong: str, known) -> str:
    near = difflib.get_close_matches(str(wrong).lower(), known, n=1, cutoff=0.5)
    return near[0] if near else ", ".join(known)


def check_name(name: str) -> str:
    """Return `name` if it is a data set's, else raise ValueError naming the nearest."""
    if name not in _SETS:
        near = _nearest(name, _SETS)
        raise ValueError(say(en=f"no data set is called {name!r}: try {near}", ko=f"{name!r}라는 데이터 세트는 없어요. {near}로 해 주세요."))
    return name


def check_split(name: str, split: str) -> str:
    """Return `split` if the data set `name` has it, else raise ValueError naming the nearest."""
    splits = _SETS[check_name(name)][2]
    if split not in splits:
        near = "valid" if split in ("val", "validation") else _nearest(split, splits)
        raise ValueError(say(en=f"{name} has no split {split!r}: try {near}", ko=f"{name}에는 {split!r} 분할이 없어요. {near}로 해 주세요."))
    return split


def load(name: str, split: str, root: str | Path | None = None, **options):
    """The split ("train", "valid" or "test"; voc has more) of the data set called `name`; `root` is where to look for files (see `data_root`).

    Options: `size=(h, w)` everywhere; `length=` for streets. Raises ValueError for an unknown name, split or option,
    FileNotFoundError where files are missing.
    """
    check_split(name, split)
    module, kind, _, reads_files = _SETS[name]
    build = getattr(importlib.import_module(f"segcourse.datasets.{module}"), kind)
    if reads_files:
        options["root"] = data_root(root)
    return build(split, **options)
