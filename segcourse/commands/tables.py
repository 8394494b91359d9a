"""Tables that commands print."""

import sys

from segcourse.language import say


def percent(value: float | None) -> str:
    """A fraction in per cent, two decimals; – for none."""
    return "–" if value is None or value != value else f"{100 * value:.2f}"


def scores_table(scores, palette, title: str) -> None:
    """Per-class IoU and the means, printed on stdout in per cent."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column(say(en="class", ko="클래스"))
    for head in (say(en="IoU %", ko="IoU %"), say(en="recall %", ko="재현율 %"), say(en="boundary IoU %", ko="경계 IoU %")):
        table.add_column(head, justify="right")
    for number, name in enumerate(palette.names()[:len(scores.iou)]):
        table.add_row(name, percent(scores.iou[number].item()), percent(scores.accuracy[number].item()),
                      percent(scores.boundary_iou_per_class[number].item()))
    table.add_section()
    table.add_row(say(en="mean", ko="평균"), percent(scores.miou), percent(scores.mean_accuracy), percent(scores.boundary_iou))
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table)
    console.print(say(en=f"mIoU {percent(scores.miou)} · pixel accuracy {percent(scores.pixel_accuracy)} · "
                         f"frequency weighted IoU {percent(scores.frequency_weighted_iou)}",
                      ko=f"mIoU {percent(scores.miou)} · 픽셀 정확도 {percent(scores.pixel_accuracy)} · "
                         f"빈도 가중 IoU {percent(scores.frequency_weighted_iou)}"), highlight=False)
