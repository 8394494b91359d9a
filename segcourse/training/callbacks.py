"""What `fit` reports to while it runs. `Callback` does nothing: override what you need."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from segcourse.language import say


class Callback:
    """Told about a run: `run.model`, `run.recipe`, `run.history`, `run.device`, `run.step` (see `run.Run`). Of several processes only the first tells."""

    def on_start(self, run) -> None:
        """Before the first step."""

    def on_step(self, run, step: int, loss: float) -> None:
        """After each step, counted from 1."""

    def on_evaluate(self, run, step: int, scores) -> None:
        """After each look at the validation split."""

    def on_end(self, run) -> None:
        """After the last step."""


@contextmanager
def counting(words: str, total: int, *, stream=None) -> Iterator[Callable[[], None]]:
    """What is no training and still takes its time: a bar in a terminal, elsewhere a plain line every fifth. Call what it yields after each of `total`."""
    stream = stream or sys.stderr
    if not stream.isatty():
        done = 0

        def count() -> None:
            nonlocal done
            done += 1
            if 5 * done // total > 5 * (done - 1) // total:
                print(f"{words} {done}/{total}", file=stream, flush=True)
        yield count
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(file=stream)) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


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


def _told_refused(folder: Path, error: OSError, stream=None) -> str:
    """Say that a folder cannot be written to and that the run goes on; returns why."""
    why = error.strerror or str(error)
    print(say(en=f"{folder} cannot be written to ({why}): training goes on, and what was written before stays. Free some room there",
              ko=f"{folder} 폴더에 쓸 수 없어요({why}). 학습은 계속하고 먼저 저장한 것은 그대로 있어요. 공간을 비워 주세요."), file=stream or sys.stderr, flush=True)
    return why


class Keep(Callback):
    """Writes `checkpoint` (the scored network) after every look at the validation split, and `state` (what a run goes on from) at least every
    `seconds` and after every look; never half a file. A disk that is full, or refuses otherwise, is told once and the run goes on: what was
    written before stays. Where `stop` is set (Ctrl-C), the state is written after the step that is being done and KeyboardInterrupt ends the run.

    Weights that are no finite numbers are never written over good ones. meta: what the header of both says; see `checkpoints.save_checkpoint`.
    """

    def __init__(self, checkpoint: Path, meta: dict, *, state: Path | None = None, seconds: float = 120.0, stream=None):
        self.checkpoint, self.meta, self.state, self.seconds = Path(checkpoint), meta, None if state is None else Path(state), seconds
        self.stream, self.refused, self.stop = stream or sys.stderr, "", False
        self.written_at = time.monotonic()

    def _try(self, write) -> None:
        try:
            write()
        except OSError as error:
            if not self.refused:
                self.refused = _told_refused(self.checkpoint.parent, error, self.stream)
        else:
            self.refused = ""

    def write_checkpoint(self, run, scores=None, **more) -> None:
        """Write the scored network; raises OSError where that fails."""
        from segcourse.training.checkpoints import save_checkpoint

        save_checkpoint(self.checkpoint, run.scored, self.meta | {"step": run.step, "scores": None if scores is None else scores.as_dict()} | more)

    def _write(self, run, scores=None) -> None:
        from segcourse.training import state

        self.written_at = time.monotonic()
        if not all(bool(values.isfinite().all()) for values in run.model.state_dict().values() if values.is_floating_point()):
            return
        if self.state is not None:
            self._try(lambda: state.save(self.state, run, self.meta))
        if scores is not None or self.state is None:
            self._try(lambda: self.write_checkpoint(run, scores))

    def on_step(self, run, step: int, loss: float) -> None:
        # Of several losses read at once only the last has its weights here; and where a look follows, it belongs to the state.
        if step == run.step and not run.look_follows and (self.stop or time.monotonic() - self.written_at >= self.seconds):
            self._write(run)
            self._end_if_asked()

    def on_evaluate(self, run, step: int, scores) -> None:
        if step < run.recipe.steps:
            self._write(run, scores)
            self._end_if_asked()

    def _end_if_asked(self) -> None:
        if self.stop:
            raise KeyboardInterrupt

    def on_end(self, run) -> None:
        self.write_checkpoint(run, run.history.scores[-1][1] if run.history.scores else None, finished=True)


def _rate(recipe, step: int) -> float:
    """The recipe's learning rate at a step counted from 1, before the factors of trunk, head and biases."""
    from segcourse.training import schedules

    return recipe.lr * schedules.factor(recipe, step - 1)


class Log(Callback):
    """A line of JSON for everything that happens: the run's description, every step (loss, learning rate, seconds), every look at a split.

    A run that goes on from a state first takes away the lines of the steps that it will do again; one that begins anew takes away all, but never
    those that say that the test images were looked at. A disk that is full is told once, and the run goes on.
    """

    def __init__(self, path: Path, about: dict):
        self.path, self.about, self.refused = Path(path), about, ""

    def write(self, **values) -> None:
        """Append a line."""
        try:
            with self.path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(values, ensure_ascii=False) + "\n")
        except OSError as error:
            if not self.refused:
                self.refused = _told_refused(self.path.parent, error)

    def _rewind(self, step: int) -> None:
        from segcourse.training.checkpoints import write_atomically

        kept = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                values = json.loads(line)
                if values.get("split") == "test" or values.get("step", 0) <= step:
                    kept.append(line + "\n")
            except ValueError:                  # the line at which the run was killed
                continue
        write_atomically(self.path, lambda part: part.write_text("".join(kept), encoding="utf-8", newline="\n"))

    def on_start(self, run) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_file():
            self._rewind(run.step if run.step else -1)
        if run.step:
            self.write(event="resumed", step=run.step)
        else:
            self.write(event="started", step=0, **self.about)

    def on_step(self, run, step: int, loss: float) -> None:
        self.write(step=step, loss=loss, lr=_rate(run.recipe, step), seconds=round(run.history.seconds, 3))

    def looked(self, split: str, step: int, images: int, scores) -> None:
        """Write down that a split was scored."""
        self.write(event="scored", step=step, split=split, images=images, miou=scores.miou, pixel_accuracy=scores.pixel_accuracy)

    def on_evaluate(self, run, step: int, scores) -> None:
        self.looked("valid", step, self.about.get("valid_images"), scores)

    def on_end(self, run) -> None:
        history = run.history
        self.write(event="trained", step=run.step, seconds=history.seconds, waited=history.waited, images_per_second=history.images_per_second,
                   peak_memory_bytes=history.peak_memory, device=history.device, precision=history.precision, processes=history.processes)


class TensorBoard(Callback):
    """Loss, learning rate and validation scores for TensorBoard, through Fabric's logger. Raises ModuleNotFoundError naming the package to install."""

    def __init__(self, folder: Path):
        try:
            from lightning_fabric.loggers import TensorBoardLogger

            self.logger = TensorBoardLogger(root_dir=Path(folder), name="tensorboard", version="")
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(say(en="--tensorboard needs the package tensorboard: pip install tensorboard",
                                          ko="--tensorboard를 쓰려면 tensorboard 패키지가 있어야 해요. pip install tensorboard로 설치해 주세요.")) from error

    def on_step(self, run, step: int, loss: float) -> None:
        self.logger.log_metrics({"loss": loss, "lr": _rate(run.recipe, step)}, step=step)

    def on_evaluate(self, run, step: int, scores) -> None:
        self.logger.log_metrics({"valid/miou": scores.miou, "valid/pixel_accuracy": scores.pixel_accuracy}, step=step)

    def on_end(self, run) -> None:
        self.logger.finalize("success")
