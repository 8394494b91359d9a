"""A curve that grows while a network trains: `training.fit(..., callbacks=[figures.LiveCurve()])`."""

import os
import sys
import time

from segcourse.figures.charts import curve
from segcourse.figures.base import Figure
from segcourse.language import say


class LiveCurve:
    """A `training.Callback` that redraws loss and mIoU in place, at most every `every` seconds and for at most a tenth of the time, and leaves one final
    picture, in which nothing depends on time. Where a notebook is built (SEGCOURSE_BUILD=1) only that one is shown; in a console, plain lines.

    After the run `figure` is the final picture. (It has the four methods of a Callback rather than its base class: figures do not import training.)
    """

    def __init__(self, *, every: float = 0.5, title: str | None = None):
        self.every, self.title = every, title
        self.figure: Figure | None = None
        self._shown = self._pause = 0.0
        self._handle: str | None = None

    def on_start(self, run) -> None:
        self.figure, self._handle, self._shown, self._pause = None, None, time.monotonic(), self.every
        self._place = _place()

    def on_step(self, run, step: int, loss: float) -> None:
        if self._place == "console":
            steps = run.recipe.steps
            if step in (1, steps) or step % max(1, steps // 10) == 0:
                print(say(en=f"step {step}/{steps}  loss {loss:.3f}", ko=f"스텝 {step}/{steps}  손실 {loss:.3f}"), flush=True)
        elif self._place == "notebook" and time.monotonic() - self._shown >= self._pause:
            self._redraw(run)

    def on_evaluate(self, run, step: int, scores) -> None:
        if self._place == "console":
            print(say(en=f"step {step}  validation mIoU {100 * scores.miou:.1f} %", ko=f"스텝 {step}  검증 mIoU {100 * scores.miou:.1f}%"), flush=True)
        elif self._place == "notebook" and time.monotonic() - self._shown >= self._pause:
            self._redraw(run)

    def on_end(self, run) -> None:
        self.figure = self._draw(run, final=True)
        if self._place == "notebook" and self._handle is not None:
            self._publish(self.figure)
        elif self._place in ("notebook", "build"):
            self.figure._ipython_display_()

    def _draw(self, run, *, final: bool = False) -> Figure:
        return curve(run.history.losses, scores=run.history.scores, steps=None if final else run.recipe.steps, title=self.title)

    def _redraw(self, run) -> None:
        started = time.monotonic()
        self._publish(self._draw(run))
        self._shown = time.monotonic()
        self._pause = max(self.every, 10 * (self._shown - started))

    def _publish(self, figure: Figure) -> None:
        from IPython.display import publish_display_data

        update, self._handle = self._handle is not None, self._handle or f"segcourse-{id(self)}-{time.monotonic_ns()}"
        publish_display_data(*figure._repr_mimebundle_(), transient={"display_id": self._handle}, update=update)


def _place() -> str:
    """Where this runs: "build" (a notebook being built), "notebook", or "console"."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or not hasattr(shell, "kernel"):
        return "console"
    return "build" if os.environ.get("SEGCOURSE_BUILD") == "1" else "notebook"
