"""A network as a row of boxes: as tall as its map is large, as wide as it has channels; short cuts come down to the way back."""

import math

from matplotlib.patches import FancyArrowPatch, Rectangle

from segcourse.figures.figure import INK, PALE, ROLES, WIDTH, Figure, new, style
from segcourse.language import say


def architecture(stages, skips, *, title=None) -> Figure:
    """The trunk as `stages` (name, stride, channels) from left to right, and under it the way back up from right to left.

    `skips` are (stage, score) pairs from the deepest to the shallowest: each stage's 1x1 scores join the way back at its own stride.
    """
    strides = {name: stride for name, stride, _ in stages}
    with style():
        height = 3.9 + (0.3 if title else 0)
        figure = new(height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(0, height)
        axes.axis("off")
        top = height - (0.62 if title else 0.3)
        if title:
            axes.text(0.15, height - 0.2, title, fontsize=11, va="center")
        middle = top - 0.95
        slot = (WIDTH - 1.2) / len(stages)

        def tall(stride):
            return 1.75 * (1 - math.log2(stride) / 6.6)

        axes.add_patch(Rectangle((0.16, middle - tall(1) / 2), 0.14, tall(1), facecolor=ROLES["input"][0], edgecolor=ROLES["input"][1]))
        axes.text(0.23, middle - tall(1) / 2 - 0.06, say(en="image", ko="사진"), fontsize=9, ha="center", va="top")
        places = {}
        x_before = 0.30
        for index, (name, stride, channels) in enumerate(stages):
            wide = 0.1 + 0.055 * math.log2(channels)
            x = 0.75 + index * slot
            axes.add_patch(FancyArrowPatch((x_before + 0.02, middle), (x - 0.02, middle), arrowstyle="-|>", mutation_scale=8, color=PALE, linewidth=1))
            colour = ROLES["kernel"] if name.startswith("fc") else ROLES["plain"]
            axes.add_patch(Rectangle((x, middle - tall(stride) / 2), wide, tall(stride), facecolor=colour[0], edgecolor=colour[1]))
            axes.text(x + wide / 2, middle + tall(stride) / 2 + 0.05, name, fontsize=9, ha="center", va="bottom")
            axes.text(x + wide / 2, middle, str(channels), fontsize=8.5, ha="center", va="center", rotation=90, color=PALE)
            places[name] = (x + wide / 2, middle - tall(stride) / 2)
            x_before = x + wide
        low = 0.78
        previous = None
        for number, (stage, score) in enumerate(skips):
            x, bottom = places[stage]
            stride = strides[stage]
            side = 0.16 + 0.06 * (5 - math.log2(stride))
            axes.add_patch(FancyArrowPatch((x, bottom - 0.03), (x, low + side + 0.04), arrowstyle="-|>", mutation_scale=9, color=ROLES["output"][1], linewidth=1.4))
            axes.text(x + 0.06, low + side + 0.16, score, fontsize=8.5, ha="left", va="bottom", color=ROLES["output"][1])
            axes.add_patch(Rectangle((x - side, low - side), 2 * side, 2 * side, facecolor=ROLES["output"][0], edgecolor=ROLES["output"][1]))
            axes.text(x, low, "+" if previous else "", fontsize=13, ha="center", va="center")
            axes.text(x, low - side - 0.07, f"1/{stride}", fontsize=9, ha="center", va="top", color=PALE)
            if previous:
                x_from, side_from, stride_from = previous
                axes.add_patch(FancyArrowPatch((x_from - side_from - 0.03, low), (x + side + 0.03, low), arrowstyle="-|>", mutation_scale=9, color=INK, linewidth=1.2))
                axes.text((x_from - side_from + x + side) / 2, low + 0.06, f"×{stride_from // stride}", fontsize=9.5, ha="center", va="bottom")
            previous = (x, side, stride)
        x_from, side_from, stride_from = previous
        axes.add_patch(FancyArrowPatch((x_from - side_from - 0.03, low), (0.98, low), arrowstyle="-|>", mutation_scale=9, color=INK, linewidth=1.2))
        axes.text((x_from - side_from + 0.98) / 2, low + 0.06, f"×{stride_from}", fontsize=9.5, ha="center", va="bottom")
        axes.add_patch(Rectangle((0.16, low - 0.42), 0.8, 0.84, facecolor=ROLES["output"][0], edgecolor=ROLES["output"][1]))
        axes.text(0.56, low, say(en="scores\nof every\npixel", ko="모든\n픽셀의\n점수"), fontsize=9, ha="center", va="center")
    row = ", ".join(f"{name} 1/{stride} {channels}" for name, stride, channels in stages)
    back = ", ".join(f"{stage} → {score}" for stage, score in skips)
    figure.alt = (f"{title}. " if title else "") + say(en=f"Trunk: {row} channels. Scores on the way back: {back}.", ko=f"몸통 {row}채널. 돌아오는 길의 점수 {back}.")
    return figure
