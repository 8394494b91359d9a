"""What `fit` reports to while it runs. `Callback` does nothing: override what you need."""

import sys
import time
from pathlib import Path

from segcourse.language import say


class Callback:
    """Told about a run: `run.model`, `run.recipe`, `run.history`, `run.device`, `run.step`."""

    def on_start(self, run) -> None:
        """Before the first step."""

    def on_step(self, run, step: int, loss: float) -> None:
        """After each step, counted from 1."""

    def on_evaluate(self, run, step: int, scores) -> None:
        """After each look at the validation split."""

    def on_end(self, run) -> None:
        """After the last step."""


class Progress(Callback):
    """A bar in a terminal; elsewhere (a log file, a pipe) a plain line every `every` steps, a twentieth of the run by default."""

    def __init__(self, *, every: int | None = None, stream=None):
        self.every, self.stream = every, stream or sys.stderr
        self.bar, self.miou = None, None

    def _words(self, run, loss: float) -> str:
        text = say(en=f"loss {loss:.3f} · {run.history.images_per_second:.1f} images/s",
                   ko=f"손실 {loss:.3f} · 1초에 {run.history.images_per_second:.1f}장")
        return text if self.miou is None else text + f" · mIoU {100 * self.miou:.1f}"

    def on_start(self, run) -> None:
        self.every = self.every or max(1, run.recipe.steps // 20)
        if self.stream.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self.bar = Progress(TextColumn(say(en="training", ko="학습")), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                                TextColumn("{task.fields[words]}"), console=Console(file=self.stream))
            self.task = self.bar.add_task("", total=run.recipe.steps, words="")
            self.bar.start()

    def on_step(self, run, step: int, loss: float) -> None:
        if self.bar is not None:
            self.bar.update(self.task, completed=step, words=self._words(run, loss))
        elif step % self.every == 0 or step in (1, run.recipe.steps):
            left = run.history.seconds / step * (run.recipe.steps - step)
            print(say(en=f"step {step}/{run.recipe.steps} · {self._words(run, loss)} · {left:.0f} s left",
                      ko=f"스텝 {step}/{run.recipe.steps} · {self._words(run, loss)} · {left:.0f}초 남음"), file=self.stream, flush=True)

    def on_evaluate(self, run, step: int, scores) -> None:
        self.miou = scores.miou
        if self.bar is None:
            print(say(en=f"step {step} · validation mIoU {100 * scores.miou:.2f} · pixel accuracy {100 * scores.pixel_accuracy:.2f}",
                      ko=f"스텝 {step} · 검증 mIoU {100 * scores.miou:.2f} · 픽셀 정확도 {100 * scores.pixel_accuracy:.2f}"),
                  file=self.stream, flush=True)

    def on_end(self, run) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was, also after an interrupted run."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


class KeepCheckpoint(Callback):
    """Writes the model to `path` after every look at the validation split, and at least every `seconds`; never half a file."""

    def __init__(self, path: Path, meta: dict, *, seconds: float = 120.0):
        self.path, self.meta, self.seconds = Path(path), meta, seconds
        self.written_at, self.step = time.monotonic(), None

    def _write(self, run, step: int, scores=None) -> None:
        from segcourse.training.checkpoints import save_checkpoint

        save_checkpoint(self.path, run.model, self.meta | {"step": step, "scores": None if scores is None else scores.as_dict()})
        self.written_at, self.step = time.monotonic(), step

    def on_step(self, run, step: int, loss: float) -> None:
        if time.monotonic() - self.written_at >= self.seconds:
            self._write(run, step)

    def on_evaluate(self, run, step: int, scores) -> None:
        self._write(run, step, scores)
