"""The lab of object proposals: one network looks at box after box, and the maps it makes of them are pasted together by the pixelwise maximum.

Chapter 03, claims 3.4a and 3.8. Noh et al. (2015), sections 3.3 and 4.3: edge boxes there, a simple generator here (`segcourse.training.proposals`).
"""

import json
import zlib
from functools import cache
from importlib import resources

import numpy as np
import torch

from segcourse import datasets, figures
from segcourse.datasets import palettes
from segcourse.figures.base import percent
from segcourse.labs.base import Field, Lab, module_source, style_source
from segcourse.language import say

FILE = "proposals.safetensors"
MOST, LAST = 5, 50                                           # pictures, boxes
NEEDED = ("images", "truth", "boxes", "labels", "crops", "about")


@cache
def shipped() -> dict:
    """What comes with the package, as `training.proposal_maps.compute` gives it; its pictures are drawn again, they are not in the file."""
    from safetensors import safe_open

    with resources.as_file(resources.files("segcourse") / "results" / FILE) as path, safe_open(str(path), framework="pt") as file:
        about = json.loads(file.metadata()["segcourse"])
        packed = {name: file.get_tensor(name) for name in file.keys()}
    name, split = about["data"].split()
    images, truth = datasets.load(name, split, size=tuple(about["size"])).stack(about["shown"])

    def each(kind, shape):
        return [np.frombuffer(zlib.decompress(packed[f"{kind}{n}"].numpy().tobytes()), np.uint8).reshape(count, *shape) for n, count in enumerate(about["counts"])]

    return {"images": images, "truth": truth, "boxes": [packed[f"boxes{n}"].numpy() for n in range(len(images))], "labels": each("labels", about["size"]),
            "crops": each("crops", (about["side"],) * 2), "about": about}


def checked(maps: dict) -> dict:
    """`maps` themselves. Raises ValueError for anything else than what `training.proposal_maps.compute` gives."""
    missing = sorted(set(NEEDED) - set(maps if isinstance(maps, dict) else ()))
    if missing:
        raise ValueError(say(en=f"maps lacks {', '.join(missing)}: pass what training.proposal_maps.compute(model, dataset) gave",
                             ko=f"maps에 {', '.join(missing)} 항목이 없어요. training.proposal_maps.compute(model, dataset)의 결과를 넣어 주세요."))
    if len(maps["images"]) > MOST:
        raise ValueError(say(en=f"the lab shows at most {MOST} pictures, got {len(maps['images'])}: name fewer in show",
                             ko=f"이 실험실에서 볼 수 있는 이미지는 {MOST}장까지인데 {len(maps['images'])}장이에요. show에 번호를 더 적게 넣어 주세요."))
    most = max(len(boxes) for boxes in maps["boxes"])
    if most > LAST:
        raise ValueError(say(en=f"the lab goes up to {LAST} boxes a picture, got {most}: compute the maps with number={LAST}",
                             ko=f"이 실험실에서 볼 수 있는 후보 영역은 이미지마다 {LAST}개까지인데 {most}개예요. number={LAST}으로 다시 계산해 주세요."))
    return maps


def covered(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """bool (H, W): the pixels that lie in one of boxes (n, 4), top, left, bottom, right."""
    found = np.zeros(size, bool)
    for top, left, bottom, right in boxes:
        found[max(top, 0):bottom, max(left, 0):right] = True
    return found


class ProposalsLab(Lab):
    """A picture, its proposals best first, and the label map assembled from the first of them.

    Fields: picture (from 1; beyond the last it is the last), boxes (1 to 50: how many have been looked at), lines (yes: the true outlines over the map), pixel
    (row and column pointed at, or none).
    maps: what `training.proposal_maps.compute` made of a network of your own; without it those of the package.
    """

    module = "proposals"
    _esm = module_source("proposals")
    _css = style_source()
    fields = (
        Field(name="picture", kind="choice", default="1", options=tuple(str(n) for n in range(1, MOST + 1))),
        Field(name="boxes", kind="int", default=10, low=1, high=LAST),
        Field(name="lines", kind="flag", default=False),
        Field(name="pixel", kind="cell", default=None),
    )

    def __init__(self, *, maps: dict | None = None, **state):
        self.maps = shipped() if maps is None else checked(maps)
        super().__init__(**{name: str(value) if name == "picture" else value for name, value in state.items()})

    def _parts(self) -> tuple[dict[str, list], bytes]:
        maps = self.maps
        pieces = {"images": maps["images"].permute(0, 2, 3, 1).contiguous().numpy().tobytes(), "truth": maps["truth"].contiguous().numpy().tobytes()}
        for n, (boxes, labels, crops) in enumerate(zip(maps["boxes"], maps["labels"], maps["crops"]), 1):
            pieces[f"boxes {n}"] = np.asarray(boxes).astype("<i2").tobytes()
            pieces[f"labels {n}"] = zlib.compress(np.ascontiguousarray(labels, np.uint8).tobytes(), 6)
            pieces[f"crops {n}"] = zlib.compress(np.ascontiguousarray(crops, np.uint8).tobytes(), 6)
        places, at = {}, 0
        for name, values in pieces.items():
            places[name] = [at, len(values)]
            at += len(values)
        return places, b"".join(pieces.values())

    def settings(self):
        about, palette = self.maps["about"], palettes.get(self.maps["about"]["palette"])
        # JSON knows no nan, which is what a picture without labels has.
        miou, whole = ([[None if value != value else value for value in row] for row in rows] for rows in (about["miou"], [about["whole"]]))
        return {"size": list(about["size"]), "side": about["side"], "counts": list(about["counts"]), "parts": self._parts()[0], "miou": miou, "whole": whole[0],
                "void": palette.void, "colours": ["#%02x%02x%02x" % palette.colour(label) for label in (*range(len(palette)), palette.void)]}

    def data(self):
        return self._parts()[1]

    def texts(self):
        palette = palettes.get(self.maps["about"]["palette"])
        return {
            "title": say(en="Lab: a map from proposals", ko="후보 영역으로 예측을 조립하는 실험실"),
            "cellLabel": say(en="{grid}: row {row}, column {column}", ko="{grid}, {row}행 {column}열"),
            "photo": say(en="picture with boxes", ko="후보 영역을 그린 이미지"),
            "map": say(en="assembled map", ko="조립한 예측"),
            "photoTitle": say(en="the first {n} boxes, the newest in orange", ko="후보 영역 {n}개, 주황이 마지막"),
            "mapTitle": say(en="the map so far (hatched: not seen yet)", ko="지금까지의 예측(빗금은 아직 안 본 곳)"),
            "crop": say(en="seen at {s}×{s}", ko="{s}×{s}로 본 상자"),
            "says": say(en="says of it", ko="상자의 예측"),
            "truth": say(en="truth", ko="정답 레이블"),
            "curve": say(en="mIoU of the map", ko="조립한 예측의 mIoU"),
            "wholeLine": say(en="in one pass {v}", ko="통째로 한 번에 {v}"),
            "boxes": say(en="boxes", ko="후보 영역 수"),
            "next": say(en="One more", ko="하나 더"),
            "picture": say(en="picture", ko="이미지"),
            "lines": say(en="true outlines", ko="정답 윤곽"),
            "bare": say(en="not seen yet", ko="아직 안 본 곳"),
            "percent": say(en="{v}\u00a0%", ko="{v}%"),
            "unpacking": say(en="The maps are being unpacked; in a moment they will be here.", ko="미리 계산한 예측을 푸는 중이에요. 잠깐이면 돼요."),
            "line": say(en="After {n} of {all} boxes {p} of the picture has been seen. Box {n} is {h}×{w} pixels, and it changed {m} pixels of the map.",
                        ko="후보 영역 {all}개 가운데 {n}개로 이미지의 {p}를 봤어요. {n}번째 상자는 {h}×{w}픽셀이고 예측을 {m}픽셀 바꿨어요."),
            "lineScore": say(en="The map has an mIoU of {a} (what is not seen yet counts as wrong); the whole picture in one pass has {b}.",
                             ko="조립한 예측의 mIoU는 {a}예요(아직 안 본 곳은 틀린 것으로 세요). 이미지를 통째로 한 번에 예측하면 {b}예요."),
            "linePixel": say(en="The pixel in row {r}, column {c} lies in {k} boxes; the surest says {name}.", ko="{r}행 {c}열 픽셀은 상자 {k}개에 들어 있고, 가장 확신한 상자는 {name:이라고/라고} 해요."),
            "lineBare": say(en="The pixel in row {r}, column {c} lies in no box yet.", ko="{r}행 {c}열 픽셀은 아직 어느 상자에도 없어요."),
            "try1": say(en="One box, a piece of the street enlarged. What does the network make of it, and is it what you see there?",
                        ko="상자 하나만 봤어요. 거리의 한 조각을 키운 셈이에요. 네트워크는 무엇이라고 하나요? 눈에 보이는 것과 같은가요?"),
            "try2": say(en="Ten boxes. Press 'One more' again and again: does a new box ever make the map worse where it was right?",
                        ko="상자 10개를 봤어요. '하나 더'를 계속 눌러 보세요. 맞았던 곳이 새 상자 때문에 틀려지기도 하나요?"),
            "try3": say(en="All of them, with the true outlines. Are the boxes better than one pass over the whole picture here? Where, and why not elsewhere?",
                        ko="모두 다 보고 정답 윤곽을 겹쳤어요. 통째로 한 번에 예측할 때보다 나은가요? 나은 곳은 어디이고, 다른 곳은 왜 낫지 않을까요?"),
        } | {f"class.{label}": palette.name(label) for label in (*range(len(palette)), palette.void)}

    def static_picture(self):
        """The first picture and its truth, and the map after 1, 5, 15 and all boxes."""
        maps, about = self.maps, self.maps["about"]
        palette, count = palettes.get(about["palette"]), about["counts"][0]
        after = sorted({min(n, count) for n in (1, 5, 15, count)})
        shown = []
        for n in after:
            seen = covered(maps["boxes"][0][:n], tuple(about["size"]))
            shown.append(torch.from_numpy(np.where(seen, maps["labels"][0][n - 1], palette.void).astype(np.int64)))
        names = [say(en="picture", ko="이미지"), say(en="truth", ko="정답 레이블")] + [
            say(en=f"{n} box{'es' if n > 1 else ''}: mIoU {percent(about['miou'][0][n - 1])}", ko=f"상자 {n}개, mIoU {percent(about['miou'][0][n - 1])}") for n in after]
        title = say(en="Box by box, the largest score of each pixel stays", ko="상자마다 예측하고, 픽셀마다 가장 큰 점수만 남겨요")
        figure = figures.images([maps["images"][0], maps["truth"][0].long(), *shown], kinds=["photo"] + ["labels"] * (1 + len(shown)), columns=3, titles=names, title=title, palette=palette)
        each = ", ".join(say(en=f"{n} boxes {percent(about['miou'][0][n - 1])}", ko=f"{n}개 뒤 {percent(about['miou'][0][n - 1])}") for n in after)
        figure.alt = say(en=f"Lab, a map from proposals: a drawn street, its truth, and the label map assembled from boxes. Its mean IoU: {each}; the whole picture in one pass "
                            f"{percent(about['whole'][0])}. What no box has covered is hatched.",
                         ko=f"후보 영역으로 예측을 조립하는 실험실. 거리 그림과 정답 레이블, 상자를 하나씩 보며 조립한 예측이에요. mIoU는 상자 {each}, 통째로 한 번에 예측하면 "
                            f"{percent(about['whole'][0])}예요. 어느 상자에도 없는 곳은 빗금이에요.")
        return figure
