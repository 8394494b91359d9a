"""Charts: curves, comparisons, bars and the confusion matrix. Everything is labelled where it is; numbers stand beside their marks."""

import re
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from segcourse.datasets.palettes import CAMVID, Palette
from segcourse.figures import fonts
from segcourse.figures.base import (FAINT, INK, MUTED, PAPER, RULE, SERIES, TEXT, WIDTH, Figure, array, drawn, heading, heading_height, mix, number, percent,
                                    percent_sign, readable_on, squeeze, tell)
from segcourse.language import josa, say

_MARKS = "osD^vP"
_CLEAR = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.2}      # behind a text, so that no line runs through it


def metric_name(metric: str, palette: Palette = CAMVID) -> str:
    """What a metric of a results file is called in the language in force: "boundary_iou" is "boundary IoU", "경계 IoU"."""
    known = {"miou": say(en="mIoU", ko="mIoU"), "boundary_iou": say(en="boundary IoU", ko="경계 IoU"), "valid_miou": say(en="validation mIoU", ko="검증 mIoU"),
             "pixel_accuracy": say(en="pixel accuracy", ko="픽셀 정확도"), "mean_accuracy": say(en="mean accuracy", ko="평균 정확도"),
             "loss": say(en="loss", ko="손실"), "seconds": say(en="seconds", ko="시간(초)")}
    if metric in known:
        return known[metric]
    if metric.endswith("_iou") and metric.removesuffix("_iou") in palette.names_en:
        return f"{palette.name(palette.names_en.index(metric.removesuffix('_iou')))} IoU"
    return metric.replace("_", " ")


def variant_name(variant: str) -> str:
    """A network's name as the paper writes it: "fcn8s" is "FCN-8s"; anything else as it is."""
    return re.sub(r"^fcn(\d+s)$", r"FCN-\1", str(variant))


def _spread_labels(wanted: Sequence[float], least: float) -> list[float]:
    """Positions as near as can be to `wanted` and at least `least` apart, in the same order."""
    order = np.argsort(wanted, kind="stable")
    placed = np.array(wanted, float)[order]
    for _ in range(200):
        gaps = np.diff(placed)
        tight = gaps < least - 1e-9
        if not tight.any():
            break
        for k in np.nonzero(tight)[0]:
            push = (least - (placed[k + 1] - placed[k])) / 2
            placed[k] -= push
            placed[k + 1] += push
    result = np.empty_like(placed)
    result[order] = placed
    return result.tolist()


def _sentence(title: str | None) -> str:
    return f"{title.rstrip('.')}. " if title else ""


# -- bars ------------------------------------------------------------------------------------------------------------------------------

def _bar_rows(figure: Figure, names, values, colours, texts, *, top, left, room, row, thick, limit, marks=(), indent=10):
    """Horizontal bars in pixels: `values` (rows, series) with nan for none."""
    sheet = figure.sheet
    scale = room / limit
    for r, name in enumerate(names):
        middle = top + (r + 0.5) * row
        figure.write(left - indent, middle, name, ha="right")
        count = len(values[r])
        for k, value in enumerate(values[r]):
            y = middle + (k - (count - 1) / 2) * (thick + 2)
            if value == value:
                length = max(value * scale, 1)
                sheet.add_patch(Rectangle((left, y - thick / 2), length, thick, facecolor=colours[r][k], edgecolor=INK, linewidth=0.5))
                figure.write(left + length + 6, y, texts[r][k], bbox=_CLEAR)
            else:
                figure.write(left + 6, y, texts[r][k], colour=MUTED)
    sheet.plot([left, left], [top, top + row * len(names)], color=MUTED, linewidth=0.8, zorder=6)
    for value, text, k in marks:
        x = left + value * scale
        sheet.plot([x, x], [top - 2, top + row * len(names)], color=SERIES[k] if len(marks) > 1 else INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        figure.write(x + 4, top - 11, text, colour=SERIES[k] if len(marks) > 1 else INK)


@drawn
def bars(values: Mapping[str, float], *, unit: str = "", title: str | None = None, as_percent: bool = False, colours: Sequence[str] | None = None) -> Figure:
    """Horizontal bars {name: number >= 0}, each with its name before it and its number behind. as_percent: numbers are fractions.

    Raises ValueError for no bars or a negative number.
    """
    names, numbers = [str(name) for name in values], [float(value) for value in values.values()]
    if not names or min(numbers, default=0) < 0:
        raise ValueError(say(en=f"bars need at least one number and none below zero, got {dict(values)}: correct them",
                             ko=f"막대에는 0 이상인 수가 하나 이상 필요한데 {dict(values)}이에요. 고쳐 주세요."))
    texts = [percent(value, 1) if as_percent else number(value) + (f" {unit}" if unit and unit[0].isascii() else unit) for value in numbers]
    left = min(280, max(fonts.width(name, TEXT) for name in names) + 14)
    room = WIDTH - left - max(fonts.width(text, TEXT) for text in texts) - 12
    head, row = heading_height(title), 28
    figure = Figure.of_size(head + row * len(names) + 10)
    heading(figure, title)
    limit = max(*(value for value in numbers if value == value), 0.0) or 1.0
    fills = list(colours or [SERIES[0]] * len(names))
    _bar_rows(figure, names, [[value] for value in numbers], [[fill] for fill in fills], [[text] for text in texts], top=head + 2, left=left, room=room, row=row,
              thick=18, limit=limit)
    return tell(figure, _sentence(title) + say(en="Bars: ", ko="막대: ") + "; ".join(f"{name} {text}" for name, text in zip(names, texts)) + ".")


def _ious(scores, palette: Palette) -> np.ndarray:
    values = getattr(scores, "iou", scores)
    values = [float("nan") if value is None else float(value) for value in (values.tolist() if hasattr(values, "tolist") else values)]
    if len(values) != len(palette):
        raise ValueError(say(en=f"{len(values)} IoU values for {len(palette)} classes: pass Scores, or one number a class (nan where a class is absent)",
                             ko=f"클래스는 {len(palette)}개인데 IoU는 {len(values)}개예요. Scores나 클래스마다 수 하나씩(없는 클래스는 nan)을 넣어 주세요."))
    return np.array(values)


@drawn
def class_iou(models: Mapping, *, title: str | None = None, palette: Palette = CAMVID, sort: bool = False) -> Figure:
    """Horizontal bars of each class's IoU: {model: Scores, or one fraction a class with nan or None where it is absent}.

    One model wears the colours of the classes; several have a colour each and are named at the first class. A dashed line is the mean.
    sort: classes by the first model's IoU instead of the palette's order. Raises ValueError for another number of classes.
    """
    table = {variant_name(name): _ious(scores, palette) for name, scores in models.items()}
    if not table:
        raise ValueError(say(en="class_iou needs at least one model, got none: pass {name: scores}", ko="class_iou에 모델이 없어요. {이름: 점수}를 넣어 주세요."))
    first = next(iter(table.values()))
    order = np.argsort(-np.nan_to_num(first, nan=-1), kind="stable") if sort else np.arange(len(palette))
    names, count = [palette.name(k) for k in order], len(table)
    thick = 16 if count == 1 else 14
    row = 26 if count == 1 else count * (thick + 2) + 12
    left = max(fonts.width(name, TEXT) for name in names) + 44
    means = {name: float(np.nanmean(values)) for name, values in table.items()}
    head = heading_height(title)
    key = 24 if count > 1 else 0
    figure = Figure.of_size(head + key + 22 + row * len(names) + 6)
    heading(figure, title)
    if key:
        x = left
        for k, name in enumerate(table):
            figure.sheet.add_patch(Rectangle((x, head + 5), 14, 14, facecolor=SERIES[k], edgecolor=INK, linewidth=0.5))
            figure.write(x + 20, head + 12, name, bold=True, colour=SERIES[k])
            x += fonts.width(name, TEXT, bold=True) + 44
    top = head + key + 22
    values = [[series[k] for series in table.values()] for k in order]
    colours = [[_hex(palette.colour(k)) if count == 1 else SERIES[i % 6] for i in range(count)] for k in order]
    absent = say(en="absent", ko="없음")
    texts = [[absent if value != value else percent(value) for value in line] for line in values]
    room = WIDTH - left - 64
    limit = max(0.1, float(np.nanmax([*table.values()])))
    marks = [(mean, f"mIoU {percent(mean, 1)}", k) for k, mean in enumerate(means.values())]
    if count > 1:
        marks = [(mean, "", k) for mean, _, k in marks]
        wanted = _spread_labels([left + mean * room / limit for mean in means.values()], 62)
        for k, (x, mean) in enumerate(zip(wanted, means.values())):
            figure.write(x, top - 11, percent(mean, 1), colour=SERIES[k], ha="center", bold=True)
        figure.write(left - 10, top - 11, "mIoU", ha="right")
    _bar_rows(figure, names, values, colours, texts, top=top, left=left, room=room, row=row, thick=thick, limit=limit, marks=marks, indent=36)
    for r, k in enumerate(order):
        y = top + (r + 0.5) * row
        figure.sheet.add_patch(Rectangle((left - 30, y - 7), 18, 14, facecolor=_hex(palette.colour(k)), edgecolor=INK, linewidth=0.6))
    told = " ".join(f"{name} (mIoU {percent(means[name], 1)}): " + ", ".join(
        f"{palette.name(k)} {absent if series[k] != series[k] else percent(series[k])}" for k in order) + "." for name, series in table.items())
    return tell(figure, _sentence(title) + say(en="IoU of each class. ", ko="클래스별 IoU. ") + told)


def _hex(colour) -> str:
    return "#%02x%02x%02x" % tuple(colour)


# -- lines ------------------------------------------------------------------------------------------------------------------------------

@drawn
def lines(series: Mapping, *, x_label: str = "", y_label: str = "", title: str | None = None, as_percent: bool = False, height: int = 300, ax=None) -> Figure:
    """Lines {name: y values, or (x, y)}, each named at its end, in colours and line styles of their own. as_percent: y are fractions.

    Raises ValueError where x and y of a line differ in length.
    """
    data = {}
    for name, values in series.items():
        pair = values if isinstance(values, tuple) and len(values) == 2 else (None, values)
        y = array(pair[1]).astype(float).ravel()
        x = np.arange(1, len(y) + 1) if pair[0] is None else array(pair[0]).astype(float).ravel()
        if len(x) != len(y) or not len(y):
            raise ValueError(say(en=f"line {name!r} has {len(x)} x and {len(y)} y values: give as many of each, at least one",
                                 ko=f"{name!r} 선의 x는 {len(x)}개, y는 {len(y)}개예요. 하나 이상, 같은 수로 넣어 주세요."))
        data[str(name)] = (x, 100 * y if as_percent else y)
    if not data:
        raise ValueError(say(en="lines needs at least one line, got none: pass {name: values}", ko="lines에 선이 없어요. {이름: 값}을 넣어 주세요."))
    unit = percent_sign() if as_percent else ""
    figure = None
    if ax is None:
        head = heading_height(title)
        figure = Figure.of_size(head + height)
        heading(figure, title)
        room = max((fonts.width(name, TEXT, bold=True) for name in data), default=0) + 16
        ax = figure.panel(62, head + 26, WIDTH - 62 - room, height - 26 - 48)
    elif title:
        ax.set_title(title)
    ends = []
    for k, (name, (x, y)) in enumerate(data.items()):
        ax.plot(x, y, color=SERIES[k % 6], linestyle=("-", (0, (5, 2)), (0, (1.5, 1.5)), "-.")[k % 4], marker=_MARKS[k % 6] if len(x) <= 20 else None,
                markersize=5)
        ends.append((x[-1], y[-1]))
    _dress(ax, x_label, y_label, unit)
    low, high = ax.get_ylim()
    tall = ax.get_window_extent().height
    placed = _spread_labels([y for _, y in ends], 18 * (high - low) / tall)
    for k, (name, (x, _), y) in enumerate(zip(data, ends, placed)):
        ax.annotate(name, (x, y), xytext=(7, 0), textcoords="offset points", va="center", color=SERIES[k % 6], fontfamily=fonts.BOLD, annotation_clip=False)
    told = "; ".join(say(en=f"{name} from {number(y[0])}{unit} to {number(y[-1])}{unit} (between {number(y.min())} and {number(y.max())})",
                         ko=f"{name}: {number(y[0])}{unit}에서 {number(y[-1])}{unit}까지(최소 {number(y.min())}, 최대 {number(y.max())})") for name, (_, y) in data.items())
    axes = say(en=f"Lines of {y_label or 'values'} over {x_label or 'position'}: ", ko=f"{x_label or '위치'}에 따른 {y_label or '값'}의 선. ")
    return tell(figure or ax, _sentence(title) + axes + told + ".")


def _dress(ax, x_label: str, y_label: str, unit: str = "") -> None:
    """Names and units on the axes, hairlines behind, few ticks; the name of y stands above its axis, where it is read without turning."""
    ax.grid(axis="y")
    ax.set_xlabel(x_label)
    if y_label:
        ax.text(0, 1, f"{y_label}{f' ({unit.strip()})' if unit else ''}", transform=ax.transAxes + ScaledTranslation(-0.42, 0.16, ax.figure.dpi_scale_trans),
                ha="left", va="center", color=MUTED)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], min_n_ticks=3))
    ax.xaxis.set_major_locator(MaxNLocator(7, integer=True, steps=[1, 2, 5, 10]))
    ax.tick_params(axis="y", length=0)


def _smooth(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of about `window` values around each place; at the ends of those there are, half as many: a mean of ever fewer would end in noise."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    starts, ends = np.maximum(places - window // 2, 0), np.minimum(places + window // 2 + 1, len(values))
    return (total[ends] - total[starts]) / (ends - starts)


@drawn
def curve(losses: Sequence[float], *, scores: Sequence[tuple] = (), steps: int | None = None, title: str | None = None, height: int = 250) -> Figure:
    """The loss of every step (thin) with its running mean (thick), and beside it the mIoU of each look at the validation split.

    losses: one number a step. scores: (step, Scores or mIoU) pairs. steps: the length of the whole run, where it is still going on.
    """
    values = array(losses).astype(float).ravel()
    looks = [(int(step), float(getattr(score, "miou", score))) for step, score in scores]
    window = max(1, (steps or len(values)) // 20)
    head = heading_height(title)
    figure = Figure.of_size(head + height)
    heading(figure, title)
    beside = len(looks) >= 2 or (steps is not None and bool(looks))
    wide = 388 if beside else WIDTH - 62 - 90
    ax = figure.panel(46, head + 26, wide, height - 26 - 46)
    x = np.arange(1, len(values) + 1)
    if len(values):
        mean = _smooth(values, window)
        ax.plot(x, values, color=mix(PAPER, SERIES[0], 0.35), linewidth=0.8)
        ax.plot(x, mean, color=SERIES[0], linewidth=2.2)
        ax.annotate(number(mean[-1]), (x[-1], mean[-1]), xytext=(6, 0), textcoords="offset points", va="center", color=SERIES[0], fontfamily=fonts.BOLD,
                    annotation_clip=False)
        ax.set_ylim(0, max(float(np.quantile(values, 0.995)) * 1.06, 1e-9))
    ax.set_xlim(0, max(steps or 0, len(values), 1))
    _dress(ax, say(en="step", ko="스텝"), say(en="loss", ko="손실"))
    if beside:
        right = figure.panel(46 + wide + 92, head + 26, WIDTH - 46 - wide - 92 - 66, height - 26 - 46)
        at, miou = [step for step, _ in looks], [100 * value for _, value in looks]
        right.plot(at, miou, color=SERIES[2], marker="o", markersize=5, clip_on=False, zorder=5)
        right.annotate(f"{number(round(miou[-1], 1))}{percent_sign()}", (at[-1], miou[-1]), xytext=(7, 0), textcoords="offset points", va="center", color=SERIES[2],
                       fontfamily=fonts.BOLD, annotation_clip=False)
        right.set_xlim(0, max(steps or 0, len(values), *at))
        right.set_ylim(0, max(10, 1.15 * max(miou)))
        _dress(right, say(en="step", ko="스텝"), say(en="validation mIoU", ko="검증 mIoU"), percent_sign())
        right.xaxis.set_major_locator(MaxNLocator(3, integer=True, steps=[1, 2, 5, 10]))
    elif looks:
        figure.write(WIDTH - 8, head + 12, say(en=f"validation mIoU {percent(looks[-1][1], 1)} at step {looks[-1][0]}",
                                               ko=f"{looks[-1][0]}번째 스텝에서 검증 mIoU {percent(looks[-1][1], 1)}"), bold=True, colour=SERIES[2], ha="right")
    told = _told_curve(values, window, looks)
    return tell(figure, _sentence(title) + told)


def _told_curve(values, window, looks) -> str:
    if not len(values):
        return say(en="No training step yet.", ko="아직 학습한 스텝이 없어요.")
    start, end = values[:window].mean(), values[-window:].mean()
    way = say(en="falls" if end < start else "rises", ko="내려가요" if end < start else "올라가요")
    told = say(en=f"Over {len(values)} steps the loss {way} from {number(start)} to {number(end)} (means of {window} steps).",
               ko=f"{len(values)}스텝 동안 손실이 {number(start)}에서 {josa(number(end), '으로/로')} {way}({window}스텝 평균).")
    if looks:
        told += " " + say(en="Validation mIoU: ", ko="검증 mIoU는 ") + ", ".join(say(en=f"{percent(value, 1)} at step {step}", ko=f"{step}번째 스텝에서 {percent(value, 1)}")
                                                                               for step, value in looks[-6:]) + "."
    return told


# -- comparisons ------------------------------------------------------------------------------------------------------------------------

@drawn
def compare(rows: Sequence[Mapping], *, metrics: Sequence[str] | str | None = None, metric: str | None = None, baseline: str | None = None, title: str | None = None,
            names: Mapping[str, str] | None = None, height: int = 330) -> Figure:
    """Variants with every seed: a dot for each run, thin lines join the runs of one seed, a bar with whiskers is the mean ± standard deviation.

    rows: {"variant", "seed", metric: fraction} each, as `Experiment.results()["rows"]`. metrics: one panel each (mIoU by default). baseline: a
    variant; then the panels show the difference from its run of the same seed, in percentage points. names: {variant: what to call it}.
    Raises ValueError where a row lacks a metric or a seed has no baseline.
    """
    wanted = [metric] if metric else [metrics] if isinstance(metrics, str) else list(metrics or ["miou"])
    rows = list(rows)
    variants, seeds = list(dict.fromkeys(row["variant"] for row in rows)), list(dict.fromkeys(row["seed"] for row in rows))
    if not rows:
        raise ValueError(say(en="compare needs at least one row, got none: pass the rows of a results file", ko="compare에 넣은 행이 없어요. 결과 파일의 rows를 넣어 주세요."))
    for name in wanted:
        if any(row.get(name) is None for row in rows):
            known = ", ".join(key for key, value in rows[0].items() if isinstance(value, float))
            raise ValueError(say(en=f"not every row has the metric {name!r}: choose among {known}", ko=f"모든 행에 {name!r} 지표가 있지는 않아요. {known} 가운데에서 골라 주세요."))
    if baseline is not None and any((baseline, seed) not in {(row["variant"], row["seed"]) for row in rows} for seed in seeds):
        raise ValueError(say(en=f"the baseline {baseline!r} has not been run with every seed: choose among {', '.join(variants)}",
                             ko=f"기준 {baseline!r}에는 시드마다 실행한 결과가 있지 않아요. {', '.join(variants)} 가운데에서 골라 주세요."))
    called = {variant: (names or {}).get(variant, variant_name(variant)) for variant in variants}
    head = heading_height(title)
    gap, left = 58, 44
    wide = (WIDTH - left - 10 - gap * (len(wanted) - 1)) / len(wanted)
    ticks = {variant: fonts.wrap(name, wide / len(variants) - 4, TEXT) for variant, name in called.items()}
    under = 50 + 17 * (max(map(len, ticks.values())) - 1)
    height += under - 50
    figure = Figure.of_size(head + height)
    heading(figure, title)
    told = []
    for place, name in enumerate(wanted):
        value = {(row["variant"], row["seed"]): 100 * float(row[name]) for row in rows}
        if baseline is not None:
            value = {(variant, seed): number_ - value[baseline, seed] for (variant, seed), number_ in list(value.items())}
        ax = figure.panel(left + place * (wide + gap), head + 28, wide, height - 28 - under)
        for seed in seeds:
            line = [(x, value[variant, seed]) for x, variant in enumerate(variants) if (variant, seed) in value]
            ax.plot(*zip(*line), color=FAINT, linewidth=0.9, zorder=2)
        statistics = []
        for x, variant in enumerate(variants):
            mine = np.array([value[variant, seed] for seed in seeds if (variant, seed) in value])
            mean, sd = mine.mean(), mine.std(ddof=1) if len(mine) > 1 else 0.0
            ax.plot([x] * len(mine), mine, linestyle="none", marker="o", markersize=5.5, color=SERIES[0], markeredgecolor=PAPER, markeredgewidth=0.7, zorder=3)
            ax.errorbar([x + 0.16], [mean], yerr=[sd], color=INK, marker="_", markersize=11, markeredgewidth=2.2, linewidth=1.2, capsize=3, zorder=4)
            statistics.append((x, mean, sd))
        low, high = min(value.values()), max(value.values())
        pad = max(0.14 * (high - low), 0.6)
        ax.set_ylim(low - pad, high + 1.6 * pad)
        ax.set_xlim(-0.4, len(variants) - 0.35)
        signed = baseline is not None
        # Numbers go to the right of the mean where there is room, above the dots otherwise.
        roomy = wide / len(variants) > 96
        for x, mean, sd in statistics:
            text = f"{'+' if signed and mean > 0 else ''}{mean:.1f}".replace("-", "−")
            mine = [v for (variant, _), v in value.items() if variant == variants[x]]
            spot = ((x + 0.16, mean), (9, 0), "left", "center") if roomy else ((x, max(*mine, mean + sd)), (2, 6), "center", "bottom")
            ax.annotate(text, spot[0], xytext=spot[1], textcoords="offset points", ha=spot[2], va=spot[3], fontfamily=fonts.BOLD, annotation_clip=False, bbox=_CLEAR, zorder=6)
        if signed:
            ax.axhline(0, color=MUTED, linewidth=0.8, zorder=1)
        heading_text = metric_name(name)
        _dress(ax, "", heading_text, " " + say(en="points", ko="퍼센트포인트") if signed else percent_sign())
        ax.set_xticks(range(len(variants)))
        ax.set_xticklabels(["\n".join(ticks[variant]) for variant in variants])
        pairs = [(called[variant], f"{'+' if signed and mean > 0 else ''}{mean:.1f} ± {sd:.1f}".replace("-", "−")) for variant, (_, mean, sd) in zip(variants, statistics)]
        told.append(f"{heading_text}: " + ", ".join(f"{variant} {text}" for variant, text in pairs) + ".")
    if baseline is None:
        kind = say(en="Per cent", ko="단위 %")
    else:
        kind = say(en=f"Difference from {called[baseline]} in percentage points", ko=f"{josa(called[baseline], '과/와')}의 차이(퍼센트포인트)")
    lead = say(en=f"{len(variants)} variants with {len(seeds)} paired seeds, mean ± standard deviation. {kind}. ",
               ko=f"변형 {len(variants)}개, 짝지은 시드 {len(seeds)}개, 평균 ± 표준편차. {kind}. ")
    figure.write(0, head + height - 10, say(en="dot: one run · thin line: one seed · bar and whiskers: mean ± standard deviation",
                                            ko="점: 실행 하나 · 가는 선: 시드 하나 · 가로 막대와 수염: 평균 ± 표준편차"), colour=MUTED)
    return tell(figure, _sentence(title) + lead + " ".join(told))


@drawn
def confusion(matrix, *, title: str | None = None, palette: Palette = CAMVID, names: Sequence[str] | None = None) -> Figure:
    """A confusion matrix (C, C), rows the truth, columns the prediction, in per cent of each row: the diagonal is the recall of a class.

    Counts are divided by their row; a class that never occurs has an empty row. Raises ValueError for a matrix that is not square or names that do
    not fit.
    """
    counts = squeeze(array(matrix), 2).astype(float)
    words = list(names or palette.names())
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or len(words) != len(counts):
        raise ValueError(say(en=f"a confusion matrix of {len(words)} classes has the shape ({len(words)}, {len(words)}), not {counts.shape}: correct it, or pass names=",
                             ko=f"클래스가 {len(words)}개인 혼동 행렬의 모양은 ({len(words)}, {len(words)})인데 {counts.shape}이에요. 고치거나 names=를 넣어 주세요."))
    total = counts.sum(1, keepdims=True)
    shares = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    classes = len(words)
    left = max(fonts.width(word, TEXT) for word in words) + 34
    cell = min(48, (WIDTH - left - 4) / classes)
    head = heading_height(title)
    slanted = max(fonts.width(word, TEXT) for word in words) * 0.72 + 16
    top = head + 22 + slanted
    figure = Figure.of_size(top + cell * classes + 6)
    heading(figure, title)
    figure.write(0, head + 10, say(en="rows: truth · columns: prediction · % of the true pixels", ko="행: 정답 · 열: 예측 · 정답 픽셀 가운데 %"), colour=MUTED)
    scale = matplotlib.colormaps["cividis"]
    for r in range(classes):
        y = top + (r + 0.5) * cell
        figure.write(left - 10, y, words[r], ha="right")
        figure.write(left + (r + 0.5) * cell - 4, top - 8, words[r], ha="left", va="bottom", rotation=45, rotation_mode="anchor")
        for c in range(classes):
            share = shares[r, c]
            fill = PAPER if share != share else to_hex(scale(float(share)))
            figure.sheet.add_patch(Rectangle((left + c * cell, top + r * cell), cell, cell, facecolor=fill, edgecolor=RULE, linewidth=0.6))
            if share == share and share >= 0.005:
                figure.write(left + (c + 0.5) * cell, y, f"{100 * share:.0f}", colour=readable_on(fill), ha="center", va="center_baseline")
    diagonal = np.diag(shares)
    recalls = ", ".join(f"{word} {percent(value)}" for word, value in zip(words, diagonal))
    off = shares - np.diag(np.nan_to_num(diagonal))
    off[np.isnan(off)] = 0
    worst = np.unravel_index(off.argmax(), off.shape)
    return tell(figure, _sentence(title) + say(
        en=f"Confusion matrix. Recall: {recalls}. The commonest mistake: {percent(off[worst])} of {words[worst[0]]} is taken for {words[worst[1]]}.",
        ko=f"혼동 행렬. 재현율은 {recalls}. 가장 잦은 실수: {words[worst[0]]}의 {percent(off[worst])}를 {josa(words[worst[1]], '으로/로')} 보았어요."))
