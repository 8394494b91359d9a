"""FCN-8s on CamVid to 57.0 mean IoU on the test split, in as little time as possible: `record()`; and the least it could take: `floor()`.

The clock runs from the start of the process to the end of training, less imports and the reading of files (PNG and backbone), which say more of the
disk than of the training. Making the network, moving it, cudnn's trial of its algorithms and every step count. Each seed is a process of its own,
so that all of that happens every time. The recipe, its number of steps above all, is fixed before: a run trains that many steps, never looks at the
validation split, and scores the test split once, after the clock has stopped. A seed that misses the target is a failed seed, and is told as one.

`FAST` has not been measured yet: its values are reasoned (see there), and to be settled on the validation split of a GPU machine, never on the test.
"""

import contextlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

_IMPORTED = time.perf_counter()      # before torch: all heavy imports of this file are inside functions, where they are timed

from segcourse import published  # noqa: E402
from segcourse.language import current, josa, say  # noqa: E402
from segcourse.training import provenance, recipes  # noqa: E402

_LIGHT = time.perf_counter() - _IMPORTED

NETWORK = "fcn8s"
# conv1_1's pad of 100 pixels has the trunk work on 558x678 pixels instead of 360x480, 2.2 times as many, to no gain at this size.
OPTIONS = {"padding": "same", "dropout": 0.5}

# Reasoned for one H100, not yet measured. Against our usual recipe for FCN-8s on CamVid (4000 steps of 8 pictures):
FAST = replace(
    recipes.get(NETWORK, data="camvid", kind="ours"),
    batch_size=16,          # a step's fixed price (134 M weights through AdamW, hundreds of launches) is paid half as often as with 8 pictures
    steps=800,              # 12800 pictures, 35 passes, where the usual recipe takes 87: the first thing to settle on the validation split
    crop=(288, 384),        # 64 % of the pixels of a picture; one size throughout, since cudnn tries its algorithms anew for every other
    lr=3e-4,                # 2e-4 for 8 pictures, times about the square root of 2 for twice as many
    schedule="one_cycle",   # few steps: up for a tenth of them, then all the way down, so that the last weights are the settled ones
    warmup=80,
    average=0.0,            # the rate ends at 0: an average of the last weights would be near the last weights, and cost two passes over all of them a step
    precision="auto",       # bfloat16 on an H100: tensor cores without float16's loss scale, which waits for the device at every step
    evaluate_every=0,       # a look at the validation split is time, and nothing would follow from it
    read_every=50,          # every look at the loss empties the queue of the GPU
)


def target() -> float:
    """The mean IoU to reach, in per cent: FCN-8s in the CamVid table of Jégou et al. (2017)."""
    return published.get("fcn.fcn8s.camvid").value


# ------------------------------------------------------------------------------------------------------------------------------------- clock

def age() -> tuple[float, str]:
    """(Seconds since this process was started, where they were read): "/proc", to 0.01 s; elsewhere "import", since this file was first imported,
    which leaves out the start of the interpreter."""
    since_import = time.perf_counter() - _IMPORTED
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()      # a name may hold blanks
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return since_import, "import"
    # a container may count its processes from another start than its clock
    return (seconds, "/proc") if since_import - 0.02 <= seconds <= since_import + 600 else (since_import, "import")


class Clock:
    """Seconds since the process was started, less those spent under `importing` and `reading`."""

    def __init__(self):
        self.seconds = {"imports": 0.0, "files": 0.0}
        before, self.source = age()
        self._start = time.perf_counter() - before

    @contextlib.contextmanager
    def _apart(self, what: str):
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[what] += time.perf_counter() - began

    def importing(self):
        """A block of imports, that does not count."""
        return self._apart("imports")

    def reading(self):
        """A block that reads files, that does not count."""
        return self._apart("files")

    def read(self) -> dict:
        """{"total": since the start of the process, "imports", "files", "counted": what is left, "source": see `age`}, in seconds."""
        total = time.perf_counter() - self._start
        return {"total": total, **self.seconds, "counted": total - sum(self.seconds.values()), "source": self.source}


# --------------------------------------------------------------------------------------------------------------------------------- one run

# What a run loads of torch and lightning, now or at its first step.
_HEAVY = ("torch", "torch._dynamo", "torch.optim.swa_utils", "PIL.Image", "safetensors.torch", "segcourse.models", "segcourse.models.fcn",
          "segcourse.datasets.camvid", "segcourse.training.loop", "segcourse.training.checkpoints", "segcourse.training.inference")


def recipe(overrides: dict | None = None, *, seed: int = 0):
    """`FAST` with `overrides` (names and values of a Recipe; lists are taken as pairs) and a seed. Raises ValueError for a name that is none."""
    changes = {name: tuple(value) if isinstance(value, list) else value for name, value in (overrides or {}).items()}
    unknown = sorted(set(changes) - set(recipes.FIELDS))
    if unknown:
        raise ValueError(say(en=f"a recipe has no {unknown[0]!r}: choose among {', '.join(recipes.FIELDS)}",
                             ko=f"학습 조건에 {josa(repr(unknown[0]), '이라는/라는')} 값은 없어요. {', '.join(recipes.FIELDS)} 가운데서 골라 주세요."))
    return replace(FAST, **{"seed": seed} | changes)


def run(seed: int = 0, *, root: str | Path | None = None, backbone: str | Path | None = None, overrides: dict | None = None, options: dict | None = None,
        device: str | None = None, goal: float | None = None, clock: Clock | None = None, split: str = "test") -> dict:
    """Train one seed in this process and score the test split (or `split`) once -> a dictionary of JSON values.

    "seconds" is what counts: from the start of the process to the end of training, less imports and file reading ("clock" has the parts). "miou" is
    in per cent; "reached" says whether it is at least `goal` (57.0). backbone: VGG16's weights under torchvision's names, or None for random ones.
    overrides: of the recipe; options: of `models.create`. Raises as `datasets.load`, `fit` and `read_weights` do.
    """
    clock = clock or Clock()
    chosen, options, goal = recipe(overrides, seed=seed), OPTIONS | (options or {}), target() if goal is None else goal
    with clock.importing():
        for name in _HEAVY:
            importlib.import_module(name)
        import torch

        from segcourse import datasets, models
        from segcourse.training import checkpoints, evaluate, fit
        from segcourse.training import device as devices
        devices.fabric(torch.device("cpu"))              # loads lightning; makes nothing on a GPU
    place = devices.choose(device)
    with clock.reading():
        train = datasets.hold(datasets.load("camvid", "train", root))
        weights = checkpoints.read_weights(backbone) if backbone is not None else None
    torch.manual_seed(chosen.seed)
    with torch.device(place):                            # random weights are drawn where they are used: a second less than on a processor
        model = models.create(NETWORK, num_classes=train.num_classes, **options)
    new = model.load_vgg16(weights) if weights is not None else None
    history = fit(model, train, None, chosen, device=place)
    if place.type == "cuda":
        torch.cuda.synchronize(place)
    times = clock.read()
    test = datasets.load("camvid", split, root)
    began = time.perf_counter()
    scores = evaluate(model, test, precision=chosen.precision)
    if place.type == "cuda":
        torch.cuda.synchronize(place)
    scoring = time.perf_counter() - began
    values = scores.as_dict()
    return {
        "seed": chosen.seed, "split": split, "reached": bool(100 * values["miou"] >= goal), "miou": 100 * values["miou"], "goal": goal,
        "seconds": times["counted"], "clock": times,
        "training_seconds": history.seconds, "waited_seconds": history.waited, "images_per_second": history.images_per_second, "scoring_seconds": scoring,
        "pixel_accuracy": 100 * values["pixel_accuracy"], "iou": values["iou"], "classes": values["classes"], "first_loss": history.losses[0],
        "last_loss": statistics.fmean(history.losses[-20:]), "peak_memory": history.peak_memory, "device": history.device, "precision": history.precision,
        "pictures": {"train": len(train), split: len(test)},
        "backbone": None if backbone is None else {"file": Path(backbone).name, "sha256": checkpoints.digest(backbone), "new_layers": new},
        "recipe": chosen.as_dict(), "network": NETWORK, "options": options}


# ------------------------------------------------------------------------------------------------------------------------------- all seeds

def _in_a_process_of_its_own(request: dict) -> dict:
    """What `run` gives for `request`, its arguments; or, where the process failed, {"seed", "reached": False, "error": its last words}."""
    with tempfile.TemporaryDirectory(prefix="segcourse-record-") as folder:
        question, answer = Path(folder) / "request.json", Path(folder) / "result.json"
        question.write_text(json.dumps(request), encoding="utf-8")
        here = str(Path(__file__).resolve().parents[2])                              # where this package lies, installed or not
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH")))), "SEGCOURSE_LANG": current(),
                                    "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run([sys.executable, "-m", "segcourse.training.record", str(question), str(answer)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace", env=environment, check=False)
        if done.returncode == 0 and answer.is_file():
            return json.loads(answer.read_text(encoding="utf-8"))
    words = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit status {done.returncode}"]
    return {"seed": request["seed"], "reached": False, "miou": None, "seconds": None, "status": done.returncode, "error": words[-1], "stderr": words[-20:]}


def record(seeds: Sequence[int] = (0, 1, 2), *, root: str | Path | None = None, backbone: str | Path | None = None, overrides: dict | None = None,
           options: dict | None = None, device: str | None = None, goal: float | None = None, with_floor: bool = True,
           report: Callable[[str], None] | None = print) -> dict:
    """Train every seed in a fresh process -> a dictionary of JSON values; nothing is written.

    "reached" counts the seeds whose test mIoU is at least `goal`; a seed that missed it, or whose process died ("error"), stays in "rows".
    "seconds" has the mean, median, least and most of the seeds if all of them reached the goal, and is None otherwise: a record with failed
    seeds left out would be none. "floor" is what `floor` says, and "times_the_floor" how far off it the mean is. The arguments are those of `run`.
    Raises ValueError for overrides that are no recipe, no seed at all or a device that is not there, FileNotFoundError for CamVid or a backbone
    that is not there: before the first process starts. With overrides or options it is a trial, scored on the validation split.
    """
    from segcourse import datasets
    from segcourse.training import checkpoints
    from segcourse.training import device as devices

    if not seeds or (overrides or {}).keys() & {"seed"}:
        raise ValueError(say(en="give one seed or more as seeds, and none among the overrides", ko="시드는 overrides 말고 seeds에 하나 이상 적어 주세요."))
    chosen, goal = recipe(overrides), target() if goal is None else goal
    devices.choose(device)
    for split in ("train", "test"):
        datasets.load("camvid", split, root)
    if backbone is not None:
        checkpoints.read_weights(backbone)
    split = "valid" if overrides or options else "test"           # recipes are settled on the validation split
    common = {"split": split, "root": None if root is None else str(root), "backbone": None if backbone is None else str(backbone), "overrides": overrides,
              "options": options, "device": device, "goal": goal}
    rows = []
    for seed in seeds:
        row = _in_a_process_of_its_own({"seed": int(seed)} | common)      # JSON makes lists of pairs, and `recipe` pairs of lists
        rows.append(row)
        if report is not None:
            report(describe(row, goal))
    seconds = [row["seconds"] for row in rows if row["reached"]]
    whole = len(seconds) == len(rows)
    result = {"command": provenance.command(), "commit": provenance.commit(), "versions": provenance.versions(), "goal": goal,
              "seeds": [int(seed) for seed in seeds],
              "reached": len(seconds), "failed": [row["seed"] for row in rows if not row["reached"]],
              "seconds": {"mean": statistics.fmean(seconds), "median": statistics.median(seconds), "least": min(seconds), "most": max(seconds)} if whole else None,
              "device": next((row["device"] for row in rows if row.get("device")), None), "recipe": chosen.as_dict(), "network": NETWORK,
              "options": OPTIONS | (options or {}), "rows": rows}
    if with_floor:
        result["floor"] = floor(chosen, options=options, device=device)
        result["times_the_floor"] = result["seconds"]["mean"] / result["floor"]["seconds"] if whole else None
    if report is not None:
        if whole:
            report(say(en=f"{NETWORK}: {goal:.1f} mIoU with all {len(rows)} seeds, {result['seconds']['mean']:.2f} s (mean); {result['device']}",
                       ko=f"{NETWORK}: 시드 {len(rows)}개가 모두 목표(mIoU {goal:.1f})에 닿았어요. 평균은 {result['seconds']['mean']:.2f}초예요. {result['device']}"))
        else:
            report(say(en=f"no record: {len(result['failed'])} of {len(rows)} seeds failed ({', '.join(map(str, result['failed']))})",
                       ko=f"기록으로 치지 않아요. 시드 {len(rows)}개 가운데 {len(result['failed'])}개가 실패했어요({', '.join(map(str, result['failed']))})."))
        if with_floor:
            off = f" ({result['times_the_floor']:.1f}x)" if whole else ""
            report(say(en=f"the least this device could take: {result['floor']['seconds']:.2f} s{off}",
                       ko=f"이 장치에서는 아무리 빨라도 {result['floor']['seconds']:.2f}초가 걸려요{off}."))
    return result


def describe(row: dict, goal: float) -> str:
    """One line about a seed, in the language in force."""
    seed = row["seed"]
    if row.get("error"):
        return say(en=f"seed {seed}: failed, the run broke off: {row['error']}", ko=f"시드 {seed}: 실행이 도중에 끊겨 실패했어요. {row['error']}")
    counted, valid = f"{row['seconds']:.2f}", row.get("split") == "valid"
    on_en, on_ko = ("the validation split", "검증 분할") if valid else ("the test split", "시험 분할")
    if not row["reached"]:
        return say(en=f"seed {seed}: failed, {row['miou']:.2f} mIoU on {on_en} is less than {goal:.1f} ({counted} s)",
                   ko=f"시드 {seed}: 실패했어요. {on_ko}의 mIoU {row['miou']:.2f}, 목표 {goal:.1f}보다 낮아요({counted}초).")
    return say(en=f"seed {seed}: {row['miou']:.2f} mIoU on {on_en} in {counted} s (and {row['scoring_seconds']:.1f} s of scoring)",
               ko=f"시드 {seed}: {on_ko}의 mIoU {row['miou']:.2f}, {counted}초(평가는 따로 {row['scoring_seconds']:.1f}초)")


# ------------------------------------------------------------------------------------------------------------------------------------- floor

def count(model, shape: tuple[int, ...]) -> dict:
    """What one step with a batch of `shape` (N, 3, H, W) has to compute and keep; nothing is computed: `model` lies on the meta device.

    "forward" and "backward" in FLOPs, a multiplication and an addition being two (convolutions and matrix products; the first layer's input needs
    no gradient, so that backward is a little less than twice forward); "parameters"; "activations": the values that its weighted layers put out.
    """
    import torch
    from torch import nn
    from torch.utils.flop_counter import FlopCounterMode

    kept = []
    layers = [layer for layer in model.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))]
    handles = [layer.register_forward_hook(lambda _layer, _inputs, output: kept.append(output.numel())) for layer in layers]
    try:
        with FlopCounterMode(display=False) as forward:
            output = model(torch.empty(shape, device="meta"))
        with FlopCounterMode(display=False) as backward:
            output.sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    return {"forward": forward.get_total_flops(), "backward": backward.get_total_flops(), "activations": sum(kept),
            "parameters": sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)}


def _best(work, synchronise, repeats: int) -> float:
    """The least seconds of `work()` among several."""
    times = []
    for _ in range(repeats + 2):                       # two to warm up
        synchronise()
        began = time.perf_counter()
        work()
        synchronise()
        times.append(time.perf_counter() - began)
    return min(times[2:])


def peaks(place, dtype, *, side: int | None = None, copied: int | None = None, repeats: int = 10) -> dict:
    """What the device does at its best, measured: "flops" a second in a product of two side x side matrices of `dtype`, "bandwidth" in bytes a
    second (read and written) while copying `copied` bytes. Sizes that suit the device unless given."""
    import torch

    on_gpu = place.type == "cuda"
    side, copied = side or (8192 if on_gpu else 1024), copied or (2 ** 31 if on_gpu else 2 ** 27)
    wait = (lambda: torch.cuda.synchronize(place)) if on_gpu else (lambda: None)
    first, second = (torch.randn(side, side, device=place).to(dtype) for _ in range(2))
    out = torch.empty_like(first)
    product = _best(lambda: torch.mm(first, second, out=out), wait, repeats)
    del first, second, out
    source = torch.zeros(copied, dtype=torch.uint8, device=place)
    goal = torch.empty_like(source)
    copy = _best(lambda: goal.copy_(source), wait, repeats)
    return {"flops": 2 * side ** 3 / product, "bandwidth": 2 * copied / copy, "side": side, "copied": copied, "dtype": str(dtype).removeprefix("torch.")}


def bytes_of(counted: dict, chosen, itemsize: int) -> int:
    """The bytes one step must move at the least: every weight read and written in float32 (8), its gradient written and read (8), the optimiser's
    values of it read and written (AdamW 16, SGD with momentum 8), every activation written once and read once in the
    precision of the run. Of a batch in parts, of a moving average and of the casts to 16 bits nothing is counted: a floor may be too low, never
    too high."""
    state = 16 if chosen.optimizer == "adamw" else 8 if chosen.momentum else 0
    return counted["parameters"] * (8 + 8 + state) + 2 * counted["activations"] * itemsize


def floor(chosen=None, size: tuple[int, int] = (360, 480), *, options: dict | None = None, device: str | None = None, network: str = NETWORK,
          num_classes: int = 11, measured: dict | None = None) -> dict:
    """The least time that the steps of a recipe (`FAST`, unless given) could take on this device -> a dictionary of JSON values.

    A step takes at least as long as its arithmetic at the measured peak of a matrix product, and as long as moving its bytes at the measured
    bandwidth; the two may overlap, so that the larger counts. "seconds" is that times the steps; "step" has the parts. `size` (H, W) is the
    picture's, the crop's where the recipe has one. measured: what `peaks` gave, to spare its measuring. Convolutions can be done with fewer
    multiplications than are counted (Winograd, FFT), but tensor cores are not used that way.
    """
    import torch

    from segcourse import models
    from segcourse.training import device as devices

    chosen = FAST if chosen is None else chosen
    place = devices.choose(device)
    dtype = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(devices.precision_for(place, chosen.precision), torch.float32)
    with torch.device("meta"):
        model = models.create(network, num_classes=num_classes, **OPTIONS | (options or {}))
    height, width = chosen.crop or size
    counted = count(model, (chosen.batch_size, 3, height, width))
    measured = peaks(place, dtype) if measured is None else measured
    flops, moved = counted["forward"] + counted["backward"], bytes_of(counted, chosen, dtype.itemsize)
    arithmetic, transport = flops / measured["flops"], moved / measured["bandwidth"]
    return {"seconds": chosen.steps * max(arithmetic, transport), "steps": chosen.steps, "batch_size": chosen.batch_size, "size": [height, width],
            "step": {"flops": flops, "bytes": moved, "arithmetic_seconds": arithmetic, "transport_seconds": transport,
                     "seconds": max(arithmetic, transport), "bound_by": "arithmetic" if arithmetic >= transport else "transport"},
            "counted": counted, "measured": measured, "device": devices.describe(place), "network": network, "options": OPTIONS | (options or {})}


def _answer(question: str, answer: str) -> None:
    """What the process of one seed does: read the arguments of `run`, write what it gives."""
    clock = Clock()
    clock.seconds["imports"] += _LIGHT
    request = json.loads(Path(question).read_text(encoding="utf-8"))
    result = run(**request, clock=clock)
    Path(answer).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    _answer(*sys.argv[1:])
