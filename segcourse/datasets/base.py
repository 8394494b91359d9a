"""What every data set of the course can do."""

from collections.abc import Iterator

import torch
from torch import Tensor

from segcourse.language import say


class Dataset:
    """A split of pictures with one class per pixel: ``len(d)``, ``d[i] -> (image uint8 (3, H, W), label uint8 (H, W))``, iteration.

    `name`, `split`, `palette` (see `palettes.Palette`), and from the palette `classes` (English names), `num_classes` and `void`, the label that
    counts neither in the loss nor in a score. `same_size` says whether all pictures have one size, so that they can be stacked and held.
    """

    same_size = True

    def __init__(self, *, name: str, split: str, palette):
        self.name, self.split, self.palette = name, split, palette
        self.classes = palette.names_en
        self.num_classes, self.void = len(palette.names_en), palette.void

    @property
    def meaning(self) -> str:
        """What the split is, in the language in force: printed beside every score, so that nobody compares two splits of one name."""
        return say(en=f"{self.name} {self.split}, {len(self)} images", ko=f"{self.name} {self.split}, 이미지 {len(self)}장")

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} does not say how many pictures it has")

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        raise TypeError(f"{type(self).__name__} does not say how to get a picture")

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"<{self.name}, {self.split}: {len(self)} pictures, {self.num_classes} classes>"

    def check_index(self, index: int) -> int:
        """`index` counted from the front. Raises IndexError with the number of pictures where there is none at `index`."""
        if not -len(self) <= index < len(self):
            raise IndexError(say(en=f"{self.name} {self.split} has {len(self)} pictures, 0 to {len(self) - 1}: there is none at {index}",
                                 ko=f"{self.name} {self.split}에는 이미지가 {len(self)}장(0~{len(self) - 1}번) 있어요. {index}번은 없으니 다른 번호를 골라 주세요."))
        return index % len(self)

    def stack(self, indices=None) -> tuple[Tensor, Tensor]:
        """All pictures, or those at `indices`, at once: images uint8 (N, 3, H, W), labels uint8 (N, H, W)."""
        chosen = range(len(self)) if indices is None else indices
        images, labels = zip(*(self[index] for index in chosen), strict=True)
        return torch.stack(images), torch.stack(labels)
