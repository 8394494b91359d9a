"""One whole training: network, data, recipe and starting weights in; a folder with checkpoint, log and scores out.

    folder/checkpoint.safetensors   the scored network, after every look at the validation split and at the end
    folder/state.safetensors        while it lasts: what `resume` goes on from
    folder/log.jsonl                every step, every look at a split
    folder/scores.json              at the end

`segcourse train` runs one, `segcourse bench camvid` many.
"""

import contextlib
import math
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from segcourse import datasets, models
from segcourse.datasets import disk
from segcourse.language import josa, say
from segcourse.training import checkpoints, provenance, state
from segcourse.training import device as devices
from segcourse.training.callbacks import Callback, Keep, Log
from segcourse.training.inference import evaluate
from segcourse.training.loop import fit
from segcourse.training.recipes import Recipe
from segcourse.training.run import History
from segcourse.training.scores import Scores

CHECKPOINT, STATE, LOG, SCORES, LOCK = "checkpoint.safetensors", "state.safetensors", "log.jsonl", "scores.json", ".segcourse-lock"


@dataclass(frozen=True)
class Job:
    """What is to be trained. `backbone` is None, a file, or "imagenet" for torchvision's weights; `init` a checkpoint to take weights from."""

    name: str
    data: str
    recipe: Recipe
    folder: Path
    options: dict = field(default_factory=dict)         # of `models.create`, without num_classes
    data_options: dict = field(default_factory=dict)    # of `datasets.load`: size
    length: int | None = None                           # training pictures of streets
    root: Path | None = None
    kind: str = "ours"                                  # of the recipe
    backbone: str | Path | None = None
    init: Path | None = None
    epochs: float | None = None                         # passes over the training split, instead of recipe.steps
    train_split: str = "train"                          # VOC has several: train_aug, sbd_train
    valid_split: str = "valid"                          # and seg11valid

    def split(self, role: str):
        """The split that serves as "train", "valid" or "test"."""
        options, name = dict(self.data_options), {"train": self.train_split, "valid": self.valid_split}.get(role, role)
        if role == "train" and self.length is not None and self.data == "streets":
            options["length"] = self.length
        return datasets.load(self.data, name, root=self.root, **options)


@dataclass(frozen=True)
class Result:
    """What a job leaves: the network in eval mode, its history, its scores by split, and the report that scores.json holds."""

    model: torch.nn.Module
    history: History
    scores: dict[str, Scores]
    report: dict


def imagenet_vgg16(address: str | None = None, folder: Path | None = None) -> dict:
    """torchvision's VGG16 weights, trained on ImageNet (kept in `folder`, else in weights/ beside the data sets); checked by the hash in
    their name. Raises OSError where they cannot be fetched, with the way to do it by hand.
    """
    import pooch
    from torchvision.models import VGG16_Weights

    published = VGG16_Weights.IMAGENET1K_V1
    address, size = address or published.url, f"{published.meta['_file_size']:.0f} MB"
    folder = folder or datasets.data_root() / "weights"
    name = address.rpartition("/")[2]                       # vgg16-397923af.pth: the name ends in the beginning of its SHA-256
    file, wanted = folder / name, name.partition("-")[2].partition(".")[0]

    def there() -> bool:
        return file.is_file() and checkpoints.digest(file).startswith(wanted)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with disk.alone(folder / f".{name}.lock") if not there() else contextlib.nullcontext():        # of several processes one fetches
            if not there():
                print(say(en=f"fetching {address} ({size})", ko=f"{address} 에서 받고 있어요({size})"), file=sys.stderr, flush=True)
                pooch.get_logger().setLevel("WARNING")      # it would advise the reader of hashes
                fetched = Path(pooch.retrieve(address, known_hash=None, fname=f".{name}.part", path=folder, downloader=pooch.HTTPDownloader(timeout=30)))
                if not checkpoints.digest(fetched).startswith(wanted):
                    fetched.unlink()
                    raise OSError(say(en=f"what came is not {name}", ko=f"받은 파일이 {josa(name, '과/와')} 달라요"))
                fetched.replace(file)
    except (OSError, ValueError) as error:                  # requests' errors are OSErrors
        reason = " ".join(str(error).split())[:160]
        raise OSError(say(en=f"torchvision's VGG16 weights could not be fetched from {address} ({reason}): fetch that file elsewhere and give it as --backbone FILE, or train "
                             f"without with --backbone none",
                          ko=f"torchvision의 VGG16 가중치를 {address} 에서 받지 못했어요({reason}). 다른 곳에서 받은 파일을 --backbone으로 알려 주거나 --backbone none으로 처음부터 "
                             f"학습해 주세요.")) from error
    return checkpoints.read_weights(file)


def start_weights(job: Job, model) -> dict | None:
    """Fill `model` with the weights the job starts from; returns what they are, for results (None: it starts from nothing)."""
    source: dict = {}
    if job.init is not None:
        checkpoints.copy_weights(job.init, model)
        source["init"] = Path(job.init).name
    if job.backbone is not None and str(job.backbone) != "none":
        if not hasattr(model, "load_vgg16"):
            raise ValueError(say(en=f"{job.name} is not built on VGG16, so no backbone fits it: leave --backbone out",
                                 ko=f"{job.name}의 몸통은 VGG16이 아니라서 맞는 백본이 없어요. --backbone을 빼 주세요."))
        if str(job.backbone) == "imagenet":
            model.load_vgg16(imagenet_vgg16())
            source |= {"backbone": "torchvision VGG16_Weights.IMAGENET1K_V1"}
        else:
            missing = model.load_vgg16(checkpoints.read_weights(job.backbone))
            source |= {"backbone": Path(job.backbone).name, "sha256": checkpoints.digest(job.backbone), "left_new": missing}
    return source or None


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: two runs into one folder would mix their files. The system takes the lock back from a run that is killed.

    A folder made for a run that ended before it had written anything is taken away again.
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with disk.alone(folder / LOCK, wait=False):
            checkpoints.clear_parts(folder)
            yield
    except disk.Taken:
        raise ValueError(say(en=f"another run is writing into {folder}: wait until it ends, or name another folder with --out",
                             ko=f"{folder} 폴더에서 다른 학습이 돌고 있어요. 끝날 때까지 기다리거나 --out으로 다른 폴더를 골라 주세요.")) from None
    finally:
        if made and {path.name for path in folder.iterdir()} <= {LOCK}:
            (folder / LOCK).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()


def check_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Raise ValueError where `folder` holds a run that is to be neither gone on with nor replaced, or a finished one that cannot be gone on with."""
    there = {name for name in (CHECKPOINT, STATE, SCORES) if (folder / name).exists()}
    finished = SCORES in there and STATE not in there
    if overwrite or not there or resume and not finished:
        return
    if resume:
        raise ValueError(say(en=f"the run in {folder} is finished, there is nothing to go on with: its scores are in {SCORES}; --overwrite begins anew",
                             ko=f"{folder}의 학습은 이미 끝나서 이어 갈 것이 없어요. 점수는 {SCORES}에 있어요. 새로 하려면 --overwrite를 붙여 주세요."))
    if not finished:
        raise ValueError(say(en=f"{folder} holds a run that was broken off: go on with --resume, name another folder with --out, or begin anew with --overwrite",
                             ko=f"{folder} 폴더에 멈춘 학습이 있어요. 이어 가려면 --resume, 다른 폴더에 하려면 --out, 처음부터 다시 하려면 --overwrite를 붙여 주세요."))
    raise ValueError(say(en=f"{folder} already holds a run: name another folder with --out, or give --overwrite",
                         ko=f"{folder} 폴더에 이미 학습 결과가 있어요. --out으로 다른 폴더를 고르거나 --overwrite를 붙여 주세요."))


class _Clear(Callback):
    """Takes an older run's files away when a new one really begins, and not before its data and options have been found to be good."""

    def __init__(self, folder: Path):
        self.folder = folder

    def on_start(self, run) -> None:
        if not run.step:
            for name in (STATE, SCORES, CHECKPOINT):
                (self.folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def _stops_between_steps(keep: Keep) -> Iterator[None]:
    """Let Ctrl-C, or a server's SIGTERM, end the run after the step that is being done, with its state kept; a second one ends it at once."""
    if threading.current_thread() is not threading.main_thread():       # as in a test, or a notebook's thread: signals are not ours there
        yield
        return
    signals = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.getsignal(number) for number in signals}

    def ask(_number, _frame):
        if keep.stop:
            raise KeyboardInterrupt
        keep.stop = True

    for number in signals:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_same_network(stored: dict, meta: dict, path: Path) -> None:
    for name in ("model", "options", "data", "pretrained"):
        if stored.get(name) != meta[name]:
            raise ValueError(say(en=f"{path} is of a run with {name} {stored.get(name)!r}, and now it is {meta[name]!r}: give the same command, or begin anew with --overwrite",
                                 ko=f"{path} 상태를 저장할 때는 {name} 값이 달랐어요(저장할 때 {stored.get(name)!r}, 지금 {meta[name]!r}). 같은 명령을 쓰거나 --overwrite로 "
                                    f"처음부터 다시 해 주세요."))


@contextlib.contextmanager
def _children_end_with_us(fabric) -> Iterator[None]:
    """Where this process fails, end the processes that it started: they would wait for it, and hold their GPUs."""
    try:
        yield
    except BaseException:
        for child in getattr(getattr(fabric.strategy, "launcher", None), "procs", ()):
            child.kill()
        raise


def run(job: Job, *, resume: bool = False, overwrite: bool = False, test: bool = False, device: str | torch.device | None = None, processes: int = 1,
        nodes: int = 1, callbacks: tuple[Callback, ...] = (), save_seconds: float = 120.0) -> Result | None:
    """Train a job -> its Result; on processes other than the first, None.

    resume: go on from the folder's state; where there is none yet, begin. test: score the test split too, once, at the end. processes: GPUs,
    or processes on a processor, of this machine. Raises ValueError for what cannot be (see `check_folder`), TrainingError where training cannot
    go on; whatever was kept before stays.
    """
    if not devices.is_child():
        check_folder(job.folder, resume=resume, overwrite=overwrite)
    fabric = devices.fabric(devices.choose(device), job.recipe.precision, devices=processes, nodes=nodes)
    if processes * nodes > 1:
        fabric.launch()
    first, alone = fabric.is_global_zero, fabric.world_size == 1
    splits = {name: job.split(name) for name in ("train", "valid", *(("test",) if test else ()))}
    recipe = job.recipe
    if job.epochs is not None:
        recipe = replace(recipe, steps=max(1, math.floor(job.epochs * len(splits["train"]) / recipe.batch_size + 0.5)))
    options = {"num_classes": splits["train"].num_classes} | job.options
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = models.create(job.name, **options)
    pretrained = start_weights(job, model)
    size = list(splits["valid"][0][0].shape[1:]) if getattr(splits["train"], "same_size", True) else None      # of a picture: training may see crops
    meta = {"model": job.name, "options": options, "classes": list(splits["train"].classes), "palette": job.data, "recipe": recipe.as_dict(), "recipe_kind": job.kind,
            "data": {"name": job.data, "size": size, "resized": "size" in job.data_options, "train_images": len(splits["train"]),
                     "train_split": job.train_split, "valid_split": job.valid_split},
            "pretrained": pretrained, "commit": provenance.commit(), "versions": provenance.versions()}
    folder = job.folder
    with _alone_in(folder) if first else contextlib.nullcontext(), _children_end_with_us(fabric):
        if first:
            check_folder(folder, resume=resume, overwrite=overwrite)        # again: another run may have finished while this one read its data
        before = None
        if resume and (folder / STATE).exists():
            before = state.read(folder / STATE)
            _check_same_network(before.header["meta"], meta, folder / STATE)
        log = Log(folder / LOG, {"command": provenance.command(), **meta, "valid_images": len(splits["valid"])})
        keep = Keep(folder / CHECKPOINT, meta, state=folder / STATE, seconds=save_seconds)
        with _stops_between_steps(keep) if alone else contextlib.nullcontext():
            history = fit(model, splits["train"], splits["valid"], recipe, callbacks=(_Clear(folder), *callbacks, log, keep), fabric=fabric, resume=before)
        if not first:
            return None
        scores = {"valid": history.scores[-1][1]}
        if test:
            scores["test"] = evaluate(model, splits["test"], precision=recipe.precision)
            log.looked("test", recipe.steps, len(splits["test"]), scores["test"])
        report = _report(meta, model, history, scores) | {"splits": {name: split.meaning for name, split in splits.items()}}
        checkpoints.write_json(folder / SCORES, report)
        (folder / STATE).unlink(missing_ok=True)        # last: until now the run could be gone on with
    return Result(model, history, scores, report)


def _report(meta: dict, model, history: History, scores: dict[str, Scores]) -> dict:
    return {"command": provenance.command(), **meta, "device": history.device, "processes": history.processes, "precision": history.precision,
            "parameters": sum(parameter.numel() for parameter in model.parameters()), "seconds": round(history.seconds, 2),
            "waited_share": round(history.waited / history.seconds, 5) if history.seconds else None,
            "images_per_second": round(history.images_per_second, 2), "peak_memory_bytes": history.peak_memory,
            "validation": [{"step": step, "miou": look.miou, "pixel_accuracy": look.pixel_accuracy} for step, look in history.scores],
            **{split: values.as_dict() for split, values in scores.items()}}
