"""Class names and colours. CamVid's eleven classes, recoloured for colour-blind readers and kept apart by lightness too.

The colours began at the hue one would give each class and were moved, as little as needed, until any two lie at least 17 CIELAB units apart in normal
sight and under simulated deuteranopia, protanopia and tritanopia (Machado, Oliveira, Fernandes 2009), and classes that touch in a street differ
in lightness by at least 12. A test measures it.
"""

from dataclasses import dataclass

import numpy as np

from segcourse.language import current, say


@dataclass(frozen=True)
class Palette:
    """`names_en` and `names_ko` of C classes, `colours` uint8 (C + 1, 3) whose last row is void's, and `void`, the label that is ignored."""

    names_en: tuple[str, ...]
    names_ko: tuple[str, ...]
    colours: np.ndarray
    void: int

    def names(self) -> tuple[str, ...]:
        """The class names in the language in force."""
        return self.names_ko if current() == "ko" else self.names_en

    def name(self, index: int) -> str:
        """The name of one class, or of void, in the language in force. Raises ValueError for any other index."""
        index = int(index)
        if index == self.void:
            return say(en="void", ko="무시")
        self.check(np.asarray(index))
        return self.names()[index]

    def check(self, label: np.ndarray) -> None:
        """Raise ValueError where a label is neither a class nor void, with its value."""
        wrong = (label < 0) | ((label >= len(self.names_en)) & (label != self.void))
        if wrong.any():
            value = int(np.asarray(label)[wrong].ravel()[0])
            last = len(self.names_en) - 1
            raise ValueError(say(en=f"label {value} is neither a class (0 to {last}) nor void ({self.void}): check the label map or pass its palette",
                                 ko=f"레이블 {value}은(는) 클래스(0~{last})도 무시 레이블({self.void})도 아니에요. 레이블 맵이나 팔레트를 확인해 주세요."))

    def colourise(self, label) -> np.ndarray:
        """label (H, W) of whole numbers -> colours uint8 (H, W, 3). Raises ValueError for a label outside the palette."""
        label = np.asarray(label).astype(np.int64)
        self.check(label)
        rows = np.where(label == self.void, len(self.names_en), label)
        return self.colours[rows]


CAMVID = Palette(
    names_en=("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"),
    names_ko=("하늘", "건물", "기둥", "도로", "보도", "나무", "표지판", "울타리", "자동차", "보행자", "자전거 탄 사람"),
    colours=np.array([(126, 185, 208), (155, 112, 101), (255, 255, 220), (21, 135, 172), (189, 202, 197), (24, 86, 83), (244, 180, 44), (152, 160, 98),
                      (55, 48, 125), (167, 28, 38), (247, 215, 160), (24, 24, 28)], dtype=np.uint8),
    void=11,
)
