"""Pictures that move: figures of one size, one after another, in one animated PNG.

An animated PNG is an `image/png` like any other, so it goes where every figure goes: JupyterLab, Colab and GitHub's preview hand it to the browser,
which plays it, with no kernel and no network. Whoever knows nothing of motion (a printer, an old viewer) finds a still in it, the last frame.

A live notebook also asks whether the reader wants motion: where the system is set to less of it, the `<picture>` of the html shows that still.
A built notebook has no html (see `base`), so that the animation is never the only place where something can be seen: put the frames that matter beside it.
"""

import base64
from collections.abc import Sequence

import numpy as np

from segcourse.figures.base import Figure, Shown, fewer_bits, written
from segcourse.language import say

HELD = 3        # times as long as the others the last frame stays


class Animation(Shown):
    """Frames uint8 (H, W, 3), shown again and again for `seconds` each, the last one three times as long, with `alt`: what they show.

    The colours in `exact` (K, 3) are kept as they are.
    """

    def __init__(self, frames: Sequence[np.ndarray], *, seconds: float, alt: str, exact: np.ndarray):
        self.seconds, self.alt = seconds, alt
        self._frames = [fewer_bits(frame, exact) for frame in frames]

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self._frames[0].size

    def png(self) -> bytes:
        """The animated PNG."""
        shown = round(1000 * self.seconds)
        return written(self._frames[-1], self.alt, save_all=True, default_image=True, append_images=self._frames,
                       duration=[shown] * (len(self) - 1) + [HELD * shown], loop=0)

    def still(self) -> bytes:
        """The last frame alone, as PNG."""
        return written(self._frames[-1], self.alt)

    def _embedded(self, picture: str) -> str:
        still = base64.b64encode(self.still()).decode("ascii")
        return f'<picture><source media="(prefers-reduced-motion: reduce)" srcset="data:image/png;base64,{still}">{super()._embedded(picture)}</picture>'


def animation(frames: Sequence[Figure], *, seconds: float = 1.0) -> Animation:
    """Figures of one size as an `Animation` that begins anew after the last: `seconds` for each, three times as long for the last.

    Say in every frame which one it is: a reader may look up in the middle. Raises ValueError for fewer than two frames, frames of different
    sizes, or seconds outside 0.5 to 10 (what changes more often than twice a second cannot be followed).
    """
    frames = list(frames)
    if len(frames) < 2:
        raise ValueError(say(en=f"an animation needs at least two figures, got {len(frames)}: pass the frames in their order",
                             ko=f"애니메이션에는 그림이 2장 이상 필요한데 {len(frames)}장이에요. 보여 줄 순서대로 넣어 주세요."))
    sizes = [frame.size_px for frame in frames]
    other = next((k for k, size in enumerate(sizes) if size != sizes[0]), None)
    if other is not None:
        raise ValueError(say(en=f"the frames of an animation have one size, but the first is {sizes[0]} pixels and number {other + 1} is {sizes[other]}: draw them alike",
                             ko=f"애니메이션의 그림은 크기가 모두 같아야 하는데 첫 그림은 {sizes[0]}픽셀, {other + 1}번째 그림은 {sizes[other]}픽셀이에요. 같은 크기로 그려 주세요."))
    if not 0.5 <= seconds <= 10:
        raise ValueError(say(en=f"a frame is shown for 0.5 to 10 seconds, not {seconds}: correct seconds", ko=f"그림 하나를 보여 주는 시간은 0.5초에서 10초까지인데 {seconds}초예요. seconds를 고쳐 주세요."))
    alt = say(en=f"An animation of {len(frames)} pictures, one after another. The first: {frames[0].alt} The last: {frames[-1].alt}",
              ko=f"그림 {len(frames)}장이 차례로 바뀌는 애니메이션. 첫 그림: {frames[0].alt} 마지막 그림: {frames[-1].alt}")
    return Animation([frame.pixels() for frame in frames], seconds=seconds, alt=alt, exact=np.concatenate([frame.exact for frame in frames]))
