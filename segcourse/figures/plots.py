"""Scores and curves: IoU by class, seeds of several variants, learning curves, confusion."""

import os
import time

import numpy as np

from segcourse.datasets import palettes
from segcourse.figures.figure import INK, Figure, array, new, style
from segcourse.language import say

LINE_COLOURS = ("#1f5fa8", "#c4620a", "#2e7d32", "#7a3e9d", "#8a6d00")


def _percent(axis) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def class_iou(named, *, title=None, palette=palettes.CAMVID) -> Figure:
    """IoU of every class, one bar for each of `named` {name: Scores or C numbers}; the number stands at the bar's end."""
    values = {name: array(getattr(found, "iou", found)).astype(float).ravel() for name, found in named.items()}
    with style():
        count, models = len(palette.names_en), len(values)
        height = 0.2 * count * max(1.25, models) + 0.75
        figure = new(height)
        axes = figure.add_axes((0.19, 0.52 / height, 0.78, 1 - 0.9 / height))
        thick = 0.78 / models
        for number, (name, iou) in enumerate(values.items()):
            place = np.arange(count) + (number - (models - 1) / 2) * thick
            colours = palette.colours[:count] / 255 if models == 1 else LINE_COLOURS[number % 5]
            axes.barh(place, np.nan_to_num(iou), height=thick * 0.92, color=colours, edgecolor="#77777c", linewidth=0.5, label=name)
            for y, share in zip(place, iou):
                axes.text((0 if np.isnan(share) else share) + 0.008, y, "–" if np.isnan(share) else f"{share:.0%}", va="center", fontsize=8.5 if models < 3 else 7.5)
        axes.set_yticks(range(count), palette.names())
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.set_xlabel("IoU")
        _percent(axes.xaxis)
        if models > 1:
            axes.legend(loc="lower right")
        if title:
            axes.set_title(title)
    told = "; ".join(f"{name}: " + ", ".join(f"{palette.name(i)} {share:.0%}" for i, share in enumerate(iou) if not np.isnan(share)) for name, iou in values.items())
    figure.alt = (f"{title}. " if title else "") + say(en="IoU by class. ", ko="클래스별 IoU. ") + told
    return figure


_METRICS = {"miou": ("mIoU", "mIoU"), "boundary_iou": ("boundary IoU", "경계 IoU"), "pole_iou": ("pole IoU", "기둥 IoU"), "pixel_accuracy": ("pixel accuracy", "픽셀 정확도")}


def compare(rows, *, metrics=("miou",), title=None) -> Figure:
    """Variants beside each other, a panel for each metric: every seed a dot, paired seeds joined by a line, mean ± sd beside them.

    `rows` are dicts with "variant", "seed" and the metrics as shares of 1.
    """
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    seeds = sorted({row["seed"] for row in rows})
    told = []
    with style():
        height = 2.9 + (0.3 if title else 0)
        figure = new(height)
        for number, metric in enumerate(metrics):
            table = np.array([[next(row[metric] for row in rows if row["variant"] == v and row["seed"] == s) for v in variants] for s in seeds])
            wide = (0.98 - 0.075 * len(metrics)) / len(metrics)
            axes = figure.add_axes((0.075 + number * (wide + 0.075), 0.14, wide, 1 - 0.34 - (0.06 if title else 0)))
            for line in table:
                axes.plot(range(len(variants)), line, color="#9a9aa0", linewidth=0.9, marker="o", markersize=3.6, zorder=2)
            mean, sd = table.mean(0), table.std(0, ddof=1) if len(seeds) > 1 else np.zeros(len(variants))
            axes.errorbar(np.arange(len(variants)) + 0.12, mean, sd, fmt="D", color=LINE_COLOURS[number % 5], markersize=5.5, capsize=3, linewidth=1.6, zorder=3)
            span = max(np.ptp(table), 1e-3)
            for x, value in enumerate(mean):
                axes.text(x + 0.2, value, f"{value:.1%}", fontsize=9, va="center", color=LINE_COLOURS[number % 5])
            axes.set_xticks(range(len(variants)), [v.replace("fcn", "FCN-") for v in variants])
            axes.set_xlim(-0.3, len(variants) - 0.35)
            axes.set_ylim(table.min() - 0.15 * span, table.max() + 0.15 * span)
            _percent(axes.yaxis)
            name = say(en=_METRICS.get(metric, (metric, metric))[0], ko=_METRICS.get(metric, (metric, metric))[1])
            axes.set_title(name, fontsize=10)
            told.append(f"{name}: " + ", ".join(f"{v} {m:.1%} ± {s:.1%}" for v, m, s in zip(variants, mean, sd)))
        if title:
            figure.text(0.02, 1 - 0.17 / height, title, fontsize=11, va="center")
    figure.alt = (f"{title}. " if title else "") + say(en=f"{len(seeds)} seeds. ", ko=f"시드 {len(seeds)}개. ") + "; ".join(told)
    return figure


def lines(x, named, *, xlabel, ylabel, title=None, percent=False, ax=None) -> Figure:
    """Curves {name: values} over `x`, each named at its end."""
    with style():
        if ax is None:
            figure = new(3.0)
            axes = figure.add_axes((0.09, 0.17, 0.78, 0.7))
        else:
            axes, figure = ax, ax.get_figure()
        for number, (name, values) in enumerate(named.items()):
            values = array(values).astype(float)
            axes.plot(x, values, color=LINE_COLOURS[number % 5])
            axes.text(x[-1], values[-1], f" {name}", color=LINE_COLOURS[number % 5], va="center", fontsize=9.5)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        if percent:
            _percent(axes.yaxis)
        if title:
            axes.set_title(title)
    ends = ", ".join(f"{name} {array(values)[-1]:.3g}" for name, values in named.items())
    figure.alt = (f"{title}. " if title else "") + say(en=f"{ylabel} over {xlabel}, at the end {ends}", ko=f"{xlabel}에 따른 {ylabel}, 마지막 값 {ends}")
    return figure


def bars(named, *, ylabel, title=None) -> Figure:
    """One bar for each of {name: value}, the value above it."""
    with style():
        figure = new(2.8)
        axes = figure.add_axes((0.1, 0.14, 0.87, 0.72))
        for number, (name, value) in enumerate(named.items()):
            axes.bar(number, value, color=LINE_COLOURS[number % 5], width=0.6)
            axes.text(number, value, f"{value:,.3g}", ha="center", va="bottom", fontsize=9.5)
        axes.set_xticks(range(len(named)), list(named))
        axes.set_ylabel(ylabel)
        if title:
            axes.set_title(title)
    figure.alt = (f"{title}. " if title else "") + ylabel + ": " + ", ".join(f"{name} {value:,.3g}" for name, value in named.items())
    return figure


def confusion(matrix, *, title=None, palette=palettes.CAMVID) -> Figure:
    """Rows are true classes, columns predicted ones; each row adds up to 100 %."""
    counts = array(matrix).astype(float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    with style():
        figure = new(5.4)
        axes = figure.add_axes((0.2, 0.2, 0.72, 0.72))
        axes.imshow(shares, cmap="cividis", vmin=0, vmax=1, aspect="auto")
        for i, j in np.ndindex(*shares.shape):
            if shares[i, j] >= 0.005:
                axes.text(j, i, f"{100 * shares[i, j]:.0f}", ha="center", va="center", fontsize=9, color="white" if shares[i, j] < 0.55 else INK)
        names = palette.names()
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel(say(en="predicted", ko="예측"))
        axes.set_ylabel(say(en="true", ko="정답"))
        for spine in axes.spines.values():
            spine.set_visible(False)
        if title:
            axes.set_title(title)
    worst = [(shares[i, j], i, j) for i in range(len(names)) for j in range(len(names)) if i != j]
    told = ", ".join(f"{palette.name(i)} → {palette.name(j)} {share:.0%}" for share, i, j in sorted(worst, reverse=True)[:3])
    figure.alt = (f"{title}. " if title else "") + say(en=f"Confusion matrix; most often mistaken: {told}", ko=f"혼동 행렬. 가장 자주 헷갈린 것은 {told}")
    return figure


def curve(losses, scores=(), *, title=None, steps=None) -> Figure:
    """The loss of every step (thin) and its running mean, and the mIoU on the validation split where `scores` [(step, Scores)] has any."""
    losses = np.asarray(losses, float)
    with style():
        figure = new(2.7)
        axes = figure.add_axes((0.08, 0.19, 0.84, 0.66))
        x = np.arange(1, len(losses) + 1)
        axes.plot(x, losses, color="#b9cfe8", linewidth=0.8)
        if len(losses):
            window = max(1, len(losses) // 25)
            padded = np.concatenate([np.full(window - 1, losses[0]), losses])
            smooth = np.convolve(padded, np.ones(window) / window, mode="valid")
            axes.plot(x, smooth, color=LINE_COLOURS[0])
            axes.text(x[-1], smooth[-1], f" {smooth[-1]:.2f}", color=LINE_COLOURS[0], fontsize=9.5, va="center")
            axes.set_ylim(0, 1.1 * np.quantile(losses, 0.98))
        axes.set_xlim(1, max(steps or 0, len(losses), 2))
        axes.set_xlabel(say(en="step", ko="스텝"))
        axes.set_ylabel(say(en="loss", ko="손실"), color=LINE_COLOURS[0])
        if scores:
            right = axes.twinx()
            right.plot([step for step, _ in scores], [found.miou for _, found in scores], "o-", color=LINE_COLOURS[1], markersize=4)
            right.set_ylim(0, 1)
            right.set_ylabel(say(en="validation mIoU", ko="검증 mIoU"), color=LINE_COLOURS[1])
            _percent(right.yaxis)
        if title:
            axes.set_title(title)
    told = say(en=f"loss from {losses[0]:.2f} to {losses[-1]:.2f} in {len(losses)} steps", ko=f"{len(losses)}스텝 동안 손실이 {losses[0]:.2f}에서 {losses[-1]:.2f}로") if len(losses) else ""
    if scores:
        told += say(en=f", validation mIoU {scores[-1][1].miou:.1%}", ko=f", 검증 mIoU {scores[-1][1].miou:.1%}")
    figure.alt = (f"{title}. " if title else "") + told
    return figure


class LiveCurve:
    """A training callback: the curve as it grows, in a notebook; at the end one picture stays. In a console it prints a line now and then."""

    def __init__(self, every_seconds: float = 0.7):
        self.every_seconds, self._handle, self._drawn = every_seconds, None, 0.0

    def _in_notebook(self) -> bool:
        try:
            from IPython.core.getipython import get_ipython
        except ImportError:
            return False
        return get_ipython() is not None and hasattr(get_ipython(), "kernel")

    def _show(self, run) -> None:
        from IPython.display import display

        figure = curve(run.history.losses, run.history.scores, steps=run.recipe.steps)
        if self._handle is None:
            self._handle = display(figure, display_id=True)
        else:
            self._handle.update(figure)

    def on_start(self, run) -> None:
        """Training begins."""
        self._live = self._in_notebook()
        self._building = os.environ.get("SEGCOURSE_BUILD") == "1"

    def on_step(self, run, step: int, loss: float) -> None:
        """A step is done: redraw, if the last drawing is old enough."""
        if self._building or time.monotonic() - self._drawn < self.every_seconds:
            return
        self._drawn = time.monotonic()
        if self._live:
            self._show(run)
        elif step % 50 == 0:
            print(say(en=f"step {step}: loss {loss:.3f}", ko=f"{step}스텝 손실 {loss:.3f}"))

    def on_evaluate(self, run, step: int, scores) -> None:
        """The validation split was scored."""

    def on_end(self, run) -> None:
        """Training is over: one last picture."""
        if self._live:
            self._show(run)
        else:
            print(say(en=f"loss {run.history.losses[-1]:.3f} after {run.step} steps", ko=f"{run.step}스텝 뒤 손실 {run.history.losses[-1]:.3f}"))
