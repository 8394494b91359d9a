"""The classes of a data set: their order, their names in both languages, and the colours in which every picture of the course shows them.

CamVid's eleven classes do not wear their original colours here: those put a red building beside a green tree, one and the same to many
readers. Ours start from a hue that fits the thing (a light sky, a green tree, a dark road, ivory poles) and were then moved by a search until
any two classes differ by at least 28 in CIELAB, by at least 18 as seen by readers with protanopia, deuteranopia or tritanopia (simulated after
Machado, Oliveira and Fernandes, 2009), and until classes that touch in a street differ by at least 8 in lightness, so that a grey print still
shows the outline. tests/datasets/test_palettes.py measures all of it.

PASCAL VOC's classes keep their official colours: they are known from every paper, and stand in the label files themselves. They pass no such
measure (a bus and a motorbike differ by 9, for readers with protanopia by 1), so a picture in them needs the names of its classes beside it.
"""

import difflib
from dataclasses import dataclass

import numpy as np

from segcourse.language import current, josa, say

__all__ = ["Palette", "CAMVID", "VOC", "get"]


@dataclass(frozen=True, eq=False)
class Palette:
    """Names and colours of C classes. `colours` is uint8 (C + 1, 3), RGB; its last row is the colour of void, the pixels that do not count.

    names_en, names_ko: C names each, void not among them; void: the label of void pixels.
    """

    names_en: tuple[str, ...]
    names_ko: tuple[str, ...]
    colours: np.ndarray
    void: int

    def __post_init__(self):
        colours = np.array(self.colours, dtype=np.uint8)
        if colours.shape != (len(self.names_en) + 1, 3) or len(self.names_en) != len(self.names_ko):
            raise ValueError(say(
                en=f"{len(self.names_en)} English and {len(self.names_ko)} Korean names need {len(self.names_en) + 1} colours of three numbers "
                   f"(void last), got {colours.shape}: correct the palette",
                ko=f"영어 이름 {len(self.names_en)}개와 한국어 이름 {len(self.names_ko)}개에는 무시 레이블까지 색이 {len(self.names_en) + 1}개 필요한데 "
                   f"모양이 {colours.shape}이에요. 팔레트를 고쳐 주세요."))
        colours.setflags(write=False)
        object.__setattr__(self, "colours", colours)

    @property
    def num_classes(self) -> int:
        """How many classes there are, void left out."""
        return len(self.names_en)

    def __len__(self) -> int:
        return len(self.names_en)

    def names(self) -> tuple[str, ...]:
        """The names of the classes in the language in force, void left out."""
        return self.names_ko if current() == "ko" else self.names_en

    def name(self, label: int) -> str:
        """The name of one label in the language in force; void has one too. Raises ValueError for a number that is neither."""
        label = int(label)
        if label == self.void:
            return say(en="void", ko="무시")
        if not 0 <= label < len(self):
            raise ValueError(self._refusal(label))
        return self.names()[label]

    def colour(self, label: int) -> tuple[int, int, int]:
        """(R, G, B), 0 to 255, of one label or of void. Raises ValueError for a number that is neither."""
        self.name(label)
        row = len(self) if int(label) == self.void else int(label)
        return tuple(int(part) for part in self.colours[row])

    def check(self, label) -> np.ndarray:
        """`label`, whole numbers of any shape, as an integer array. Raises TypeError for fractions, ValueError for a number that is no class."""
        label = np.asarray(label.detach().cpu() if hasattr(label, "detach") else label)
        if label.dtype.kind not in "iu":
            raise TypeError(say(en=f"a label map holds class numbers, whole ones, not {label.dtype}: take the argmax of the scores first",
                                ko=f"레이블 맵에는 정수인 클래스 번호가 들어가야 하는데 {label.dtype}이에요. 먼저 점수의 argmax를 구해 주세요."))
        wrong = ((label < 0) | (label >= len(self))) & (label != self.void)
        if wrong.any():
            raise ValueError(self._refusal(int(label[wrong][0])))
        return label

    def colourise(self, label) -> np.ndarray:
        """Class numbers (H, W) -> uint8 (H, W, 3) in the colours of the classes; leading dimensions of 1 are dropped.

        Raises ValueError for a label that is neither a class nor void and for other shapes, TypeError for fractions.
        """
        label = self.check(label)
        while label.ndim > 2 and label.shape[0] == 1:
            label = label[0]
        if label.ndim != 2:
            raise ValueError(say(en=f"a label map has the shape (H, W), not {label.shape}: pass one at a time",
                                 ko=f"레이블 맵의 모양은 (H, W)여야 하는데 {label.shape}이에요. 한 장씩 넣어 주세요."))
        return self.colours[np.where(label == self.void, len(self), label)]

    def _refusal(self, label: int) -> str:
        last = len(self) - 1
        return say(en=f"{label} is no class: with {len(self)} classes a label is 0 to {last}, or {self.void} for void; correct the label map",
                   ko=f"{josa(label, '은/는')} 클래스 번호가 아니에요. 클래스가 {len(self)}개면 0부터 {last}까지이고 무시 레이블은 "
                      f"{josa(self.void, '이에요/예요')}. 레이블 맵을 고쳐 주세요.")


CAMVID = Palette(
    names_en=("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"),
    names_ko=("하늘", "건물", "기둥", "도로", "보도", "나무", "표지판", "울타리", "자동차", "보행자", "자전거 탄 사람"),
    colours=np.array([
        (171, 226, 255),    # sky: light blue, the lightest but poles
        (199, 132, 119),    # building: brick
        (255, 255, 240),    # pole: ivory, so that a thin line stands out of everything
        (87, 79, 111),      # road: asphalt with a touch of violet
        (183, 167, 191),    # pavement: the road's hue, much lighter
        (43, 96, 10),       # tree: leaf green
        (227, 190, 39),     # sign: yellow
        (92, 53, 39),       # fence: dark wood
        (55, 101, 193),     # car: blue
        (225, 72, 63),      # pedestrian: red
        (99, 219, 176),     # bicyclist: mint
        (28, 28, 32),       # void: nearly black; figures hatch it
    ], dtype=np.uint8),
    void=11,
)


def voc_colour(label: int) -> tuple[int, int, int]:
    """(R, G, B) of one label, 0 to 255, in the colour map of PASCAL VOC's development kit.

    The bits of the label are dealt out in turn to red, green and blue, each channel filled from its highest bit down.
    """
    return tuple(sum((label >> (3 * place + channel) & 1) << (7 - place) for place in range(3)) for channel in range(3))


VOC = Palette(
    names_en=("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse",
              "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
    names_ko=("배경", "비행기", "자전거", "새", "보트", "병", "버스", "자동차", "고양이", "의자", "소", "식탁", "개", "말", "오토바이", "사람", "화분", "양", "소파",
              "기차", "모니터"),
    colours=np.array([voc_colour(label) for label in (*range(21), 255)], dtype=np.uint8),
    void=255,
)

_OF = {"streets": CAMVID, "camvid": CAMVID, "folder": CAMVID, "voc": VOC}


def get(name: str) -> Palette:
    """The palette of the data set called `name`, as a checkpoint notes it. Raises ValueError naming the nearest for an unknown one."""
    if name not in _OF:
        near = (difflib.get_close_matches(str(name).lower(), _OF, n=1, cutoff=0.5) or [", ".join(_OF)])[0]
        raise ValueError(say(en=f"no palette is called {name!r}: try {near}", ko=f"{josa(repr(name), '이라는/라는')} 팔레트는 없어요. {near}로 해 주세요."))
    return _OF[name]


def key(palette: Palette) -> str:
    """The name under which `get` knows `palette`: what a file notes. Raises ValueError for a palette of one's own, which no file can name."""
    for name, known in _OF.items():
        if known is palette:
            return name
    raise ValueError(say(en=f"only the palettes of {', '.join(_OF)} can be noted in a file: use one of them", ko=f"파일에는 {', '.join(_OF)}의 팔레트만 적어 둘 수 있어요. 그중 하나를 써 주세요."))
