"""Where pixels are: two rows of them over one length, with their centres."""

from segcourse.figures.base import MUTED, PAPER, ROLES, WIDTH, Figure, box, drawn, heading, heading_height, mix, tell
from segcourse.language import say


@drawn
def pixel_centres(old: int, new: int, *, title: str | None = None) -> Figure:
    """`old` pixels above and `new` pixels below over the same length, dots at the centres, a line from each new centre up to where it looks.

    Raises ValueError for fewer than 1 or more than 40 pixels.
    """
    if not (1 <= old <= 40 and 1 <= new <= 40):
        raise ValueError(say(en=f"pixel_centres draws 1 to 40 pixels, got {old} and {new}: choose fewer", ko=f"pixel_centres는 픽셀을 1개에서 40개까지 그리는데 {old}개와 {new}개예요. 줄여 주세요."))
    head = heading_height(title)
    figure = Figure.of_size(head + 196)
    heading(figure, title)
    figure.write(0, head + 12, say(en=f"{old} pixels", ko=f"픽셀 {old}개"), colour=ROLES["input"], bold=True)
    figure.write(0, head + 184, say(en=f"{new} pixels over the same length", ko=f"같은 길이에 픽셀 {new}개"), colour=ROLES["output"], bold=True)
    ax = figure.panel(0, head + 24, WIDTH, 148)
    ax.set(xlim=(-0.02 * old / 4, old * 1.005), ylim=(148, 0))
    ax.axis("off")
    for count, top, role in ((old, 2, "input"), (new, 100, "output")):
        side = old / count
        for i in range(count):
            box(ax, i * side, top, side, 44, facecolor=mix(PAPER, ROLES[role], 0.15), edgecolor=MUTED, linewidth=1)
            ax.plot((i + 0.5) * side, top + 22, "o", color=ROLES[role], markersize=6)
    for i in range(new):
        ax.plot([(i + 0.5) * old / new] * 2, [24, 122], color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
    places = ", ".join(f"{(i + 0.5) * old / new - 0.5:g}" for i in range(new))
    return tell(figure, (f"{title.rstrip('.')}. " if title else "") + say(
        en=f"{new} pixels under {old} over the same length. With the centres of the upper row at 0, 1, 2 and so on, those of the lower row stand at {places}.",
        ko=f"픽셀 {old}개 아래 같은 길이에 픽셀 {new}개. 윗줄 중심을 0, 1, 2로 세면 아랫줄 중심은 {places}에 있어요."))
