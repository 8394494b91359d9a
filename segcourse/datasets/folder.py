"""The reader's own pictures: a folder of images, with labels beside them if there are any.

    DIR/images/NAME.jpg  DIR/labels/NAME.png          one set, its split is called "all"
    DIR/train/images/... DIR/train/labels/...         and the same for valid and test, where the reader splits it

Pictures may also lie in DIR itself. Without a labels folder every label is void: good for predicting, useless for training.
"""

import functools
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from segcourse.datasets import palettes
from segcourse.datasets.base import Dataset
from segcourse.datasets.pictures import picture_files, read_image, read_label
from segcourse.language import say


class Folder(Dataset):
    """Pictures in a folder: `[i] -> (image uint8 (3, H, W), label uint8 (H, W))`. Classes are those of `palette` (CamVid's by default).

    Raises FileNotFoundError for a missing or empty folder or a picture without its label, ValueError for a damaged file, an image that
    is not RGB, a label out of range or of another size than its image.
    """

    def __init__(self, split: str = "all", *, root: str | Path, size: tuple[int, int] | None = None, palette=palettes.CAMVID):
        super().__init__(name="folder", split=split, palette=palette)
        base = Path(root).expanduser()
        base = base if split == "all" else base / split
        images = base / "images" if (base / "images").is_dir() else base
        if not images.is_dir():
            raise FileNotFoundError(say(en=f"there is no folder {images}: name a folder that holds pictures",
                                        ko=f"{images} 폴더가 없어요. 이미지가 있는 폴더를 알려 주세요."))
        self.images = picture_files(images)
        if not self.images:
            raise FileNotFoundError(say(en=f"the folder {images} holds no pictures: put PNG or JPEG files there, or name another folder",
                                        ko=f"{images} 폴더에 이미지가 없어요. PNG나 JPEG 파일을 넣거나 다른 폴더를 알려 주세요."))
        self.size = None if size is None else (int(size[0]), int(size[1]))
        found = {path.stem: path for path in picture_files(base / "labels")} if (base / "labels").is_dir() else None
        missing = [path for path in self.images if found is not None and path.stem not in found]
        if missing:
            raise FileNotFoundError(say(
                en=f"{missing[0]} has no label in {base / 'labels'} ({len(missing)} such): add it, or remove the labels folder to do without",
                ko=f"{missing[0]}의 레이블이 {base / 'labels'} 폴더에 없어요(모두 {len(missing)}개). 레이블을 넣거나 labels 폴더를 지워 주세요."))
        self.labels = None if found is None else [found[path.stem] for path in self.images]

    @functools.cached_property
    def same_size(self) -> bool:
        """Whether all pictures have one size, as their files' heads say: only then can they be stacked."""
        if self.size is not None:
            return True
        sizes = set()
        for path in self.images:
            with Image.open(path) as image:
                sizes.add(image.size)
        return len(sizes) == 1

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        index = self.check_index(index)
        image = read_image(self.images[index], size=self.size)
        if self.labels is None:
            return image, torch.full(image.shape[1:], self.void, dtype=torch.uint8)
        label = read_label(self.labels[index], num_classes=self.num_classes, void=self.void, size=self.size)
        if image.shape[1:] != label.shape:
            raise ValueError(say(
                en=f"{self.images[index]} is {tuple(image.shape[1:])} but its label {self.labels[index]} is {tuple(label.shape)}: replace one of them",
                ko=f"{self.images[index]}의 크기는 {tuple(image.shape[1:])}인데 레이블 {self.labels[index]}의 크기는 {tuple(label.shape)}이에요. "
                   f"둘 가운데 하나를 바꿔 주세요."))
        return image, label
