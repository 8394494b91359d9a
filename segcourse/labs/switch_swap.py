"""The lab of the switch swap: one picture's code decoded with another picture's switches, and what comes out.

Chapter 03, claims 3.5 and 3.6, and "the switch swap" (lecture notes, last section). The network is a trained DeconvNet (Noh et al., 2015) or a SegNet of
the reader's; every pair of pictures is computed in the kernel.
"""

import copy
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from segcourse import figures, ops
from segcourse.datasets import normalise, palettes
from segcourse.figures.base import percent
from segcourse.labs import switch_net
from segcourse.labs.base import Field, Lab, module_source, style_source
from segcourse.language import josa, say

MOST = 9                                                     # pictures
PATIENCE = 5000                                              # ms a page waits for an answer before it says that none comes
SWITCHES, CODES = ("a", "b"), ("a", "b", "mean", "zero")
SETTING = ("a", "b")                                         # what Python has to compute anew
# Pairs that 'try this' sets up. Their answers are handed over with the lab, so that they can be seen without a kernel.
PAIRS = (("1", "2"), ("3", "2"))


@dataclass(frozen=True)
class Answer:
    """What two pictures make of one another.

    maps: uint8 (2, 4, H, W), label maps: rows by whose switches (A, B), columns by whose code (A, B, the mean, zeros). miou: (2, 4, 2) floats, the
    mean IoU of each map against A's and against B's labels.
    """

    maps: np.ndarray
    miou: np.ndarray


class Swaps:
    """A network and pictures of one size (P of them): codes and switches, made once, and the label maps of every exchange.

    images: uint8 (P, 3, H, W); labels: uint8 (P, H, W); mean: the mean code (1, C, h, w), by default that of these pictures.
    """

    def __init__(self, model: nn.Module, images: Tensor, labels: Tensor, *, classes: int, void: int, mean: Tensor | None = None):
        self.model, self.images, self.labels, self.classes, self.void = model.eval(), images, labels, classes, void
        self.encoded = lru_cache(maxsize=None)(self._encoded)
        self.alone = lru_cache(maxsize=None)(self._alone)
        self.answer = lru_cache(maxsize=8)(self._answer)
        self.mean = torch.cat([self.encoded(n).code for n in range(len(images))]).mean(0, keepdim=True) if mean is None else mean

    def _encoded(self, n: int):
        with torch.inference_mode(), switch_net.threads():
            return self.model.encode(normalise(self.images[n:n + 1]).to(next(self.model.parameters())))

    def decoded(self, n: int, *codes: Tensor) -> Tensor:
        """The label maps (len(codes), H, W) uint8 that codes (1, C, h, w) make with the switches of picture n."""
        mine, count = self.encoded(n), len(codes)
        with torch.inference_mode(), switch_net.threads():
            many = mine._replace(code=torch.cat(codes).to(mine.code), switches=[level.expand(count, -1, -1, -1) for level in mine.switches])
            return self.model.decode(many).argmax(1).to(torch.uint8)

    def _alone(self, n: int) -> Tensor:
        """(3, H, W): own code, mean code, zeros."""
        own = self.encoded(n).code
        return self.decoded(n, own, self.mean, torch.zeros_like(own))

    def _answer(self, a: int, b: int) -> Answer:
        found = np.empty((2, 4, *self.labels.shape[1:]), dtype=np.uint8)
        for row, (mine, other) in enumerate(((a, b), (b, a))):
            own, mean, zero = self.alone(mine).numpy()
            crossed = own if a == b else self.decoded(mine, self.encoded(other).code)[0].numpy()
            found[row] = (own, crossed, mean, zero) if row == 0 else (crossed, own, mean, zero)
        scores = [[[self.miou(torch.from_numpy(labels), n) for n in (a, b)] for labels in row] for row in found]
        return Answer(found, np.array(scores))

    def miou(self, labels: Tensor, n: int) -> float:
        """Mean IoU of a label map against picture n's labels, over the classes that occur in either."""
        return float(ops.class_iou(ops.confusion_matrix(self.labels[n], labels, self.classes, self.void)).nanmean())


@lru_cache(maxsize=1)
def shipped() -> Swaps:
    """The network and the streets that come with the package."""
    images, labels = switch_net.shown()
    of = switch_net.pictures()
    return Swaps(switch_net.network(), images, labels, classes=of.num_classes, void=of.void, mean=switch_net.mean_code())


def made_of(model: nn.Module, dataset, show) -> Swaps:
    """The exchange of a network and pictures of the reader's own. Raises ValueError for what cannot be exchanged."""
    if not (hasattr(model, "encode") and hasattr(model, "decode")):
        raise ValueError(say(en=f"the lab needs a network with encode and decode, and {type(model).__name__} has none: use models.create('deconvnet', ...) or 'segnet'",
                             ko=f"이 실험실에는 encode와 decode가 있는 네트워크가 필요한데 {josa(type(model).__name__, '은/는')} 아니에요. "
                                "models.create('deconvnet', ...)나 'segnet'을 써 주세요."))
    if dataset is None:
        raise ValueError(say(en="a network of your own comes with pictures: give dataset, and show where you want others than the first",
                             ko="직접 학습한 네트워크를 쓰려면 이미지도 있어야 해요. dataset을 넣어 주세요. show로 이미지 번호를 고를 수 있어요."))
    numbers = list(range(min(6, len(dataset)))) if show is None else list(show)
    if not 2 <= len(numbers) <= MOST:
        raise ValueError(say(en=f"the lab swaps among 2 to {MOST} pictures, got {len(numbers)}: name as many in show",
                             ko=f"이미지는 2장에서 {MOST}장까지 쓸 수 있는데 {len(numbers)}장이에요. show의 번호를 고쳐 주세요."))
    images, labels = zip(*(dataset[n] for n in numbers))
    if len({tuple(image.shape) for image in images}) > 1:
        raise ValueError(say(en="pictures that swap switches must have one size: resize or crop them", ko="스위치를 바꿀 이미지는 크기가 모두 같아야 해요. 크기를 맞춰 주세요."))
    return Swaps(copy.deepcopy(model).cpu(), torch.stack(images), torch.stack(labels), classes=dataset.num_classes, void=dataset.void)


class SwitchSwapLab(Lab):
    """Two pictures, A and B: eight label maps, from each one's switches with A's code, B's code, a mean code, and zeros.

    Fields: a, b (the number of a picture from 1; beyond the last it is the last), switches (a, b) and code (a, b, mean, zero): which of the maps is shown large,
    lines (a, b, none: whose true outlines lie over it), pixel (row and column pointed at, or none).
    model, dataset, show: a DeconvNet or SegNet of your own, its pictures, and the numbers of at most 9 of them.

    Another a or b asks Python. Messages: {"ask": "a=1 b=2"} comes, {"answer": the same text, "miou"} and one buffer, the eight maps, go.
    """

    module = "switch_swap"
    _esm = module_source("switch_swap")
    _css = style_source()
    fields = (
        Field(name="a", kind="choice", default="1", options=tuple(str(n) for n in range(1, MOST + 1))),
        Field(name="b", kind="choice", default="2", options=tuple(str(n) for n in range(1, MOST + 1))),
        Field(name="switches", kind="choice", default="a", options=SWITCHES),
        Field(name="code", kind="choice", default="b", options=CODES),
        Field(name="lines", kind="choice", default="a", options=("a", "b", "none")),
        Field(name="pixel", kind="cell", default=None),
    )

    def __init__(self, *, model: nn.Module | None = None, dataset=None, show=None, **state):
        self.swaps = shipped() if model is None else made_of(model, dataset, show)
        self.palette = palettes.CAMVID if model is None else dataset.palette
        state = {name: str(value) if name in SETTING else value for name, value in state.items()}
        self._opened = self.complete(state)
        for n in range(len(self.swaps.images)):
            self.swaps.alone(n)              # now, so that a pair asked for later takes two decodings and no more
        super().__init__(**state)
        self.on_msg(self._asked)

    def _pair(self, state: dict) -> tuple[int, int]:
        last = len(self.swaps.images)
        return tuple(min(int(state[name]), last) - 1 for name in SETTING)

    def answer(self, state: dict) -> Answer:
        """The eight maps of a state, and their scores."""
        return self.swaps.answer(*self._pair(state))

    def setting(self, state: dict) -> str:
        """The part of a state that Python must answer, as the page writes it: beyond the last picture it is the last."""
        return " ".join(f"{name}={n + 1}" for name, n in zip(SETTING, self._pair(state)))

    def _pairs(self) -> tuple[tuple[str, str], ...]:
        """Those of PAIRS that there are pictures for."""
        return tuple(pair for pair in PAIRS if all(int(number) <= len(self.swaps.images) for number in pair))

    @staticmethod
    def _scores(found: Answer) -> list:
        """Its mean IoUs for the page: JSON knows no nan, which is what a picture without labels has."""
        return np.where(np.isnan(found.miou), None, found.miou).tolist()

    def _asked(self, _, content, buffers):
        """A question of the page."""
        if not isinstance(content, dict) or "ask" not in content:
            return
        found = self.answer(self.read_state(content["ask"]))
        self.send({"answer": content["ask"], "miou": self._scores(found)}, [found.maps.tobytes()])

    def _handed(self) -> dict[str, Answer]:
        """The answers that are handed over: those of 'try this', and the one the lab opens at."""
        start = self.complete({})
        states = [*(start | dict(zip(SETTING, pair)) for pair in self._pairs()), self._opened]
        return {self.setting(state): self.answer(state) for state in states}

    def _parts(self) -> tuple[dict[str, list], bytes]:
        """Where each part lies among the bytes, and the bytes."""
        pieces = {"images": self.swaps.images.permute(0, 2, 3, 1).contiguous().numpy().tobytes(), "labels": self.swaps.labels.contiguous().numpy().tobytes()}
        pieces |= {text: zlib.compress(found.maps.tobytes(), 6) for text, found in self._handed().items()}
        places, at = {}, 0
        for name, values in pieces.items():
            places[name] = [at, len(values)]
            at += len(values)
        return places, b"".join(pieces.values())

    def settings(self):
        palette, places = self.palette, self._parts()[0]
        return {"size": list(self.swaps.labels.shape[1:]), "pictures": len(self.swaps.images), "parts": places, "patience": PATIENCE, "pairs": [list(pair) for pair in self._pairs()],
                "handed": [{"answer": text, "miou": self._scores(found)} for text, found in self._handed().items()], "void": palette.void,
                "colours": ["#%02x%02x%02x" % palette.colour(label) for label in (*range(len(palette)), palette.void)]}

    def data(self):
        return self._parts()[1]

    def html(self, picture: bool = True) -> str:
        """As `Lab.html`; the answer to the state the lab is in goes along."""
        opened, self._opened = self._opened, self.state
        try:
            if self.setting(opened) != self.setting(self._opened):
                self._settings, self._data = self.settings(), self.data()
            return super().html(picture)
        finally:
            self._opened = opened

    def texts(self):
        palette = self.palette
        return {
            "title": say(en="Lab: the switch swap", ko="스위치 바꿔 끼우기 실험실"),
            "cellLabel": say(en="{grid}: row {row}, column {column}", ko="{grid}, {row}행 {column}열"),
            "maps": say(en="eight maps", ko="예측 8장"),
            "large": say(en="the chosen map", ko="고른 예측"),
            "pictureOf": say(en="picture {who}", ko="이미지 {who}"),
            "switchesOf": say(en="{who}'s switches", ko="{who}의 스위치"),
            "code.a": say(en="A's code", ko="A의 코드"),
            "code.b": say(en="B's code", ko="B의 코드"),
            "code.mean": say(en="mean code", ko="평균 코드"),
            "code.zero": say(en="zeros for code", ko="0으로 채운 코드"),
            "largeTitle": say(en="{code} + {switches}", ko="{code} + {switches}"),
            "linesOf": say(en="lines: {who}'s true outlines", ko="선은 {who}의 정답 윤곽"),
            "truthOf": say(en="truth of {who}", ko="{who}의 정답 레이블"),
            "against": say(en="mIoU against {who}'s labels", ko="{who}의 정답과 견준 mIoU"),
            "like": say(en="same as {who}'s prediction", ko="{who}의 예측과 같은 픽셀"),
            "percent": say(en="{v}\u00a0%", ko="{v}%"),
            "computing": say(en="computing …", ko="계산하는 중…"),
            "noAnswer": say(en="no answer", ko="답이 없어요"),
            "describe": say(en="{name}, in A's truth {a}, in B's {b}", ko="{name}, A의 정답은 {a}, B의 정답은 {b}"),
            "describeMap": say(en="{code}, {switches}: mIoU {a} against A, {b} against B", ko="{code}, {switches}, mIoU는 A와 {a}, B와 {b}"),
            "hint": say(en="Press one of the eight maps to see it large. A map is scored twice: against A's labels and against B's. The better score is bold.",
                        ko="예측 8장 가운데 하나를 누르면 크게 보여요. 예측마다 A의 정답, B의 정답과 한 번씩 견줘서 더 잘 맞는 쪽을 굵게 적었어요."),
            "a": say(en="picture A", ko="이미지 A"),
            "b": say(en="picture B", ko="이미지 B"),
            "switches": say(en="switches", ko="스위치"),
            "code": say(en="code", ko="코드"),
            "lines": say(en="true outlines", ko="정답 윤곽"),
            "who.a": "A", "who.b": "B",
            "whose.a": say(en="A's", ko="A의 것"),
            "whose.b": say(en="B's", ko="B의 것"),
            "whose.mean": say(en="mean", ko="평균"),
            "whose.zero": say(en="zeros", ko="모두 0"),
            "none": say(en="none", ko="없음"),
            "number": say(en="number {n}", ko="{n}번"),
            "needsPython": say(en="Another pair is computed by Python, and there is none behind this page. The pairs under 'Try this' came along; open the notebook to pick "
                                  "your own.",
                               ko="다른 짝은 파이썬이 계산해야 하는데 이 페이지에는 파이썬이 없어요. '해 보세요'에 있는 짝은 미리 계산해 두었어요. 직접 고르려면 노트북을 열어 보세요."),
            "lineMissing": say(en="This pair takes Python, and there is none behind this page: the maps belong to another pair.",
                               ko="이 짝은 파이썬이 계산해야 하는데 이 페이지에는 파이썬이 없어요. 예측은 다른 짝의 결과예요."),
            "lineLost": say(en="Python does not answer: it is busy with another cell, or was restarted; then run this cell again. The maps belong to the pair before.",
                            ko="파이썬이 답하지 않아요. 다른 셀을 실행하고 있거나 다시 시작된 상태예요. 다시 시작했다면 이 셀을 한 번 더 실행해 주세요. 예측은 바꾸기 전 짝의 결과예요."),
            "lineWaiting": say(en="Python is computing; the maps still belong to the pair before.", ko="파이썬이 계산하고 있어요. 예측은 아직 바꾸기 전 짝의 결과예요."),
            "lineSame": say(en="A and B are one picture: pick two to see what a swap does.", ko="A와 B가 같은 이미지예요. 서로 다른 이미지를 골라 보세요."),
            "line": say(en="{code} with {switches}: mIoU {a} against A's labels, {b} against B's. At {p} of the pixels the map says what the network says of A, at {q} what it says of B.",
                        ko="{code:을/를} {switches:과/와} 함께 디코더에 넣었어요. mIoU는 A의 정답과 견주면 {a}, B의 정답과 견주면 {b}예요. A를 예측한 결과와는 픽셀의 {p}, B를 예측한 결과와는 {q}가 같아요."),
            "linePixel": say(en="The pixel in row {r}, column {c} is {name} here, {ta} in A's truth and {tb} in B's.",
                             ko="{r}행 {c}열 픽셀은 여기서 {name}, A의 정답에서는 {ta}, B의 정답에서는 {tb:이에요/예요}."),
            "try1": say(en="B's code went through A's switches. Whose street is it? Look at the outlines, then at the classes.",
                        ko="B의 코드를 A의 스위치와 함께 디코더에 넣었어요. 누구의 거리가 나왔나요? 윤곽을 먼저 보고, 그다음 클래스를 보세요."),
            "try2": say(en="The same mean code for every picture. How much worse is it than A's own code? What did the code have to say, then?",
                        ko="어느 이미지에나 똑같은 평균 코드를 넣었어요. A 자신의 코드를 넣은 예측보다 얼마나 나빠졌나요? 그러면 코드가 전한 것은 무엇일까요?"),
            "try3": say(en="Now the code is all zeros, and only the switches speak. What can still be seen of A?",
                        ko="코드를 모두 0으로 바꿔서 스위치만 남겼어요. A의 무엇이 아직 보이나요?"),
            "try4": say(en="Another pair, the other way round: A's code, B's switches, B's true outlines. Does it hold again?",
                        ko="다른 짝으로, 이번에는 거꾸로 A의 코드를 B의 스위치와 함께 넣었어요. 선은 B의 정답 윤곽이에요. 이번에도 그런가요?") if len(self._pairs()) > 1 else
                    say(en="The other way round: A's code, B's switches, B's true outlines. Does it hold again?",
                        ko="이번에는 거꾸로 A의 코드를 B의 스위치와 함께 넣었어요. 선은 B의 정답 윤곽이에요. 이번에도 그런가요?"),
        } | {f"class.{label}": palette.name(label) for label in (*range(len(palette)), palette.void)}

    def static_picture(self):
        """Pictures A and B, the prediction of A, and A's switches with B's code, a mean code and zeros."""
        swaps, (a, b) = self.swaps, self._pair(self.complete({}))
        found = self.answer(self.complete({}))
        words = {code: say(en=en, ko=ko) for code, en, ko in (("a", "A's code", "A의 코드"), ("b", "B's code", "B의 코드"), ("mean", "mean code", "평균 코드"),
                                                              ("zero", "zeros for code", "0으로 채운 코드"))}
        names, told = [say(en="picture A", ko="이미지 A"), say(en="picture B", ko="이미지 B")], []
        for k, code in enumerate(CODES):
            against = [percent(value) for value in found.miou[0, k]]
            names.append(say(en=f"{words[code]}, A's switches: mIoU {against[0]} to A, {against[1]} to B",
                             ko=f"{words[code]}, A의 스위치. mIoU는 A와 {against[0]}, B와 {against[1]}"))
            told.append(say(en=f"with {words[code]} {against[0]} against A's labels and {against[1]} against B's",
                            ko=f"{josa(words[code], '을/를')} 넣으면 A와 {against[0]}, B와 {against[1]}"))
        ours = all(found.miou[0, k, 0] > found.miou[0, k, 1] for k in range(len(CODES)))
        title = say(en="Whatever the code, the switches draw A's street", ko="어떤 코드를 넣어도 스위치가 A의 거리를 그려요") if ours else \
            say(en="A's switches with four codes: whose street is it?", ko="A의 스위치에 코드 네 가지를 넣으면 누구의 거리가 나올까요?")
        figure = figures.images([swaps.images[a], swaps.images[b], *(torch.from_numpy(part).long() for part in found.maps[0])],
                                kinds=["photo"] * 2 + ["labels"] * 4, columns=3, titles=names, title=title, palette=self.palette)
        figure.alt = say(
            en=f"Lab, the switch swap: two drawn streets, A and B, and four label maps that one trained network decodes with A's switches. Mean IoU: {', '.join(told)}.",
            ko=f"스위치 바꿔 끼우기 실험실. 거리 그림 A와 B, 그리고 학습한 네트워크가 A의 스위치로 디코딩한 예측 4장이에요. mIoU는 {', '.join(told)}예요.")
        return figure
