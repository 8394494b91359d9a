"""`segcourse train`: from the words on the command line to a `training.jobs.Job`, and its result in a table."""

import dataclasses
import difflib
import json
from pathlib import Path

from segcourse.commands import Interrupted
from segcourse.commands.tables import scores_table
from segcourse.language import josa, say


def size_of(text: str | None) -> tuple[int, int] | None:
    """"180x240" -> (180, 240). Raises ValueError for anything else."""
    if text is None:
        return None
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) != 2 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise ValueError(say(en=f"--size must be HEIGHTxWIDTH, as 180x240, not {text!r}", ko=f"--size는 180x240처럼 높이x너비로 써야 하는데 {josa(repr(text), '이에요/예요')}. 고쳐 주세요."))
    return int(parts[0]), int(parts[1])


def pair(option: str, text: str) -> tuple[str, object]:
    """"scale=[0.5,2]" -> ("scale", (0.5, 2)): a name and a JSON value, or a word."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(say(en=f"{option} {text!r}: write NAME=VALUE, as {option} name=3", ko=f"{option} {text!r}: {option} name=3처럼 이름=값으로 써 주세요."))
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = {"none": None, "true": True, "false": False}.get(value.lower(), value)
    return name, tuple(parsed) if isinstance(parsed, list) else parsed


def setting(text: str) -> tuple[str, object]:
    """One value of a recipe, as `pair`. Raises ValueError for a name that is none, naming the nearest."""
    from segcourse.training.recipes import FIELDS

    name, value = pair("--set", text)
    if name == "seed":
        raise ValueError(say(en="the seed is not set here: give --seed or --seeds", ko="시드는 --set이 아니라 --seed나 --seeds로 정해 주세요."))
    if name not in FIELDS:
        near = (difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.4) or [", ".join(FIELDS)])[0]
        raise ValueError(say(en=f"--set {name}: a recipe has no such value, try {near}", ko=f"--set {name}: 학습 조건에 그런 값은 없어요. {josa(near, '으로/로')} 해 주세요."))
    return name, value


def _padding(text: str) -> int | str:
    if text != "same" and not text.isdigit():
        raise ValueError(say(en=f"--padding must be a whole number or same, not {text!r}", ko=f"{josa('--padding', '은/는')} 정수나 same이어야 하는데 {josa(repr(text), '이에요/예요')}. 고쳐 주세요."))
    return text if text == "same" else int(text)


def train(name: str, *, data: str, root: Path | None, kind: str, width: float | None, padding: str | None, options: list[str] | None, steps: int | None,
          epochs: float | None, batch_size: int | None, lr: float | None, settings: list[str] | None, seed: int, device: str, size: str | None, length: int | None,
          backbone: str | None, init: Path | None, out: Path | None, overwrite: bool, resume: bool, json_path: Path | None, test: bool, processes: int, nodes: int,
          tensorboard: bool, save_seconds: float, train_split: str, valid_split: str,
          stages: str = "one") -> None:
    """Train and print. Raises what `training.jobs.run` raises, and Interrupted on Ctrl-C, with what is kept."""
    from segcourse.training import recipes

    if stages not in ("one", "two"):
        raise ValueError(say(en=f"--stages must be one or two, not {stages!r}", ko=f"--stages는 one이나 two여야 하는데 {josa(repr(stages), '이에요/예요')}. 고쳐 주세요."))
    recipe = recipes.get(name, data=data, kind=kind) if name in recipes.names() else recipes.Recipe()
    changed = dict(setting(text) for text in settings or [])
    changed |= {key: value for key, value in (("steps", steps), ("batch_size", batch_size), ("lr", lr)) if value is not None}
    recipe = dataclasses.replace(recipe, seed=seed, **changed)
    wanted = size_of(size)

    from segcourse import datasets
    from segcourse.datasets import palettes
    from segcourse.training import Progress, TensorBoard, checkpoints, jobs
    from segcourse.training import device as devices

    if stages == "two":
        from segcourse.training import two_stage
        from segcourse.training.callbacks import counting

        two_stage.check(name, data, processes=processes * nodes, epochs=epochs)
    for split in (train_split, valid_split):
        datasets.check_split(data, split)
    place = devices.choose(device)
    fitting = recipes.network_options(name, data=data, kind=kind) if name in recipes.names() else {}
    network = ({"width": 1.0} | ({"padding": 100} if name.startswith("fcn") else {}) if name in recipes.names() else {}) | fitting | dict(pair("--option", text) for text in options or [])
    if width is not None:
        network["width"] = width
    if padding is not None:
        network["padding"] = _padding(padding)
    folder = out or Path("runs") / f"{name}-{data}-seed{seed}"
    job = jobs.Job(name, data, recipe, folder, options=network, data_options={} if wanted is None else {"size": wanted}, length=length, root=root, kind=kind,
                   backbone=backbone, init=init, epochs=epochs, train_split=train_split, valid_split=valid_split)
    if stages == "two":
        _check_pictures(job)
    progress = Progress()
    more = (TensorBoard(folder),) if tensorboard else ()
    try:
        if stages == "two":
            result = two_stage.run(job, resume=resume, overwrite=overwrite, test=test, device=place, callbacks=(progress,), later=more, save_seconds=save_seconds,
                                   counting=counting)
        else:
            result = jobs.run(job, resume=resume, overwrite=overwrite, test=test, device=place, processes=processes, nodes=nodes, callbacks=(progress, *more),
                              save_seconds=save_seconds)
    except KeyboardInterrupt:
        progress.close()
        raise Interrupted(_stopped(folder if stages == "one" or (folder / jobs.STATE).exists() else folder / two_stage.FIRST)) from None
    finally:
        progress.close()
    if result is None:
        return
    if json_path is not None:
        checkpoints.write_json(json_path, result.report)
    for split, scores in result.scores.items():
        meaning = result.report["splits"][split]
        scores_table(scores, palettes.get(data), f"{name} · {data} · " + (meaning if data == "voc" else split))
    history = result.history
    print(say(en=f"{history.seconds:.0f} s on {history.device}, {history.images_per_second:.1f} images/s; checkpoint and scores in {folder}",
              ko=f"{history.device}에서 {history.seconds:.0f}초, 1초에 이미지 {history.images_per_second:.1f}장. 체크포인트와 점수는 {folder}에 있어요."))


def _check_pictures(job) -> None:
    """Raise ValueError where the network cannot be made, or whole pictures, on which the second stage is scored, are too small for it: before the first is
    trained on crops, which always fit."""
    import torch

    from segcourse import models

    shape = job.split("valid")[0][0].shape
    with torch.device("meta"), torch.no_grad():          # shapes alone: no memory, no time
        models.create(job.name, 1, **job.options).eval().encode(torch.zeros(1, *shape))


def _stopped(folder: Path) -> str:
    """What Ctrl-C left."""
    from segcourse.training import jobs, state

    path = folder / jobs.STATE
    if not path.exists():
        return say(en="stopped by Ctrl-C: nothing had been kept yet", ko="Ctrl-C로 멈췄어요. 아직 저장한 것은 없어요.")
    step = state.read(path).step
    return say(en=f"stopped by Ctrl-C: the state of step {step} stays in {folder}; the same command with --resume goes on from there",
               ko=f"Ctrl-C로 멈췄어요. {step}번째 스텝의 상태가 {folder}에 있어요. 같은 명령에 --resume을 붙이면 이어서 해요.")
