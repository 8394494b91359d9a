"""Throughput: our loop beside torchvision's reference training of segmentation, with torchvision's own network in both; and a GPU's memory.

    measure()    images per second of both loops, with the same network, crop, batch, precision and optimiser
    memory()     what full-size FCN-8s takes of a GPU, against the 16 GB of a T4

*theirs* is written again from what `references/segmentation` of pytorch/vision does (train.py, presets.py, utils.py), in
what costs time: files opened by Pillow and cut by transforms.v2 in worker processes, tensors copied to the device with neither pinned memory nor
overlap, `loss.item()` at every step, a line of smoothed figures every ten steps, cudnn's autotuning. What it leaves out costs nothing here or is
kinder to theirs: several GPUs, moving averages, warm-up of the learning rate, evaluation, checkpoints; and its loader starts its workers anew at
every pass, which at CamVid's 22 steps a pass would be most of the time, so that here the passes are laid end to end and workers start once.
Three things differ from the original, in both loops alike: the crop need not be square, the base of the random size is the picture's own shorter
side (520 there), and void is the data set's label (255 there). Where it draws the size evenly, ours draws it evenly on a log scale.
"""

import contextlib
import gc
import os
import statistics
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segcourse import datasets
from segcourse.datasets import IMAGENET_MEAN, IMAGENET_STD, hold
from segcourse.language import say
from segcourse.training import device as devices
from segcourse.training import feeds, provenance, recipes
from segcourse.training.callbacks import Callback
from segcourse.training.loop import TrainingError, fit
from segcourse.training.recipes import Recipe

LOOPS = ("theirs", "ours")
AUX = 0.5                    # weight of the auxiliary head's loss, and below ten times the rate for it: both as in the reference
AUX_RATE = 10.0
TARGET = 16e9                # bytes: a T4's 16 GB


# ------------------------------------------------------------------------------------------------------------------------------- what is set

@dataclass(frozen=True)
class Setting:
    """What both loops have in common. `warmup` steps are run before the clock starts, `steps` after."""

    place: torch.device
    crop: tuple[int, int]
    batch_size: int
    precision: str                                   # float32 | bfloat16 | float16
    warmup: int
    steps: int
    workers: int                                     # processes that read files for theirs
    scale: tuple[float, float] = (0.5, 2.0)          # of the picture's own size
    flip: float = 0.5
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 1e-4
    print_every: int = 10                            # theirs: steps between lines of figures
    read_every: int = 1                              # ours: steps between looks at the loss
    seed: int = 0

    @property
    def total(self) -> int:
        """Steps in all."""
        return self.warmup + self.steps

    def recipe(self) -> Recipe:
        """The same for `fit`: SGD with decay of every parameter, poly schedule, the auxiliary head at ten times the rate."""
        return Recipe(steps=self.total, batch_size=self.batch_size, optimizer="sgd", lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay,
                      decay_bias=True, head_lr=AUX_RATE, schedule="poly", flip=self.flip > 0, scale=None if self.scale == (1, 1) else self.scale,
                      crop=self.crop, precision=self.precision, read_every=self.read_every, seed=self.seed)


class Stopwatch:
    """Seconds between two marks around the measured steps, the same for both loops: the device has finished its work at each of them."""

    def __init__(self, place: torch.device):
        self.place, self.marks, self.waits = place, [], []

    def mark(self, waited: float) -> None:
        """Now; `waited` are the seconds the loop has waited for its batches so far."""
        if self.place.type == "cuda":
            torch.cuda.synchronize(self.place)
        self.marks.append(time.perf_counter())
        self.waits.append(waited)

    def result(self, setting: Setting) -> dict:
        """What happened between the two marks."""
        seconds, waited = self.marks[1] - self.marks[0], self.waits[1] - self.waits[0]
        return {"images_per_second": setting.steps * setting.batch_size / seconds, "seconds": seconds, "waited": waited, "waited_share": waited / seconds,
                "peak_memory": torch.cuda.max_memory_allocated(self.place) if self.place.type == "cuda" else None}


def build(network: str | Callable[[int], nn.Module], num_classes: int, seed: int = 0) -> nn.Module:
    """The network both loops train, with the random weights of `seed`: a name of torchvision's segmentation models, with an auxiliary head and
    without pretrained weights, or a function of the number of classes. Its forward gives {"out": logits (N, C, H, W), "aux": the same}.

    Raises ValueError for a name that torchvision has not.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if callable(network):
            return network(num_classes)
        from torchvision.models import get_model, list_models, segmentation

        known = list_models(segmentation)
        if network not in known:
            raise ValueError(say(en=f"torchvision has no segmentation network {network!r}: choose among {', '.join(known)}",
                                 ko=f"torchvision에는 {network!r}라는 분할 네트워크가 없어요. {', '.join(known)} 가운데서 골라 주세요."))
        return get_model(network, weights=None, weights_backbone=None, aux_loss=True, num_classes=num_classes)


# ------------------------------------------------------------------------------------------------------------------------------------ theirs

class _PadTo:
    """Pads a picture and its mask on the right and below to at least the crop: the mean colour's black and void, as in the reference."""

    def __init__(self, crop: tuple[int, int], void: int):
        self.crop, self.void = crop, void

    def __call__(self, picture, mask):
        from torchvision.transforms.v2 import functional

        below, right = (max(0, wanted - got) for wanted, got in zip(self.crop, mask.shape[-2:], strict=True))
        if below or right:
            picture = functional.pad(picture, [0, 0, right, below], fill=0)
            mask = functional.pad(mask, [0, 0, right, below], fill=self.void)
        return picture, mask


class PictureFiles(torch.utils.data.Dataset):
    """Picture and label files, opened by Pillow and cut whenever asked for -> (float32 (3, h, w) normalised, int64 (h, w))."""

    def __init__(self, images: Sequence[Path], labels: Sequence[Path], *, setting: Setting, side: int, void: int):
        from torchvision import tv_tensors
        from torchvision.transforms import v2

        low, high = (int(factor * side) for factor in setting.scale)
        self.images, self.labels = list(images), list(labels)
        self.transforms = v2.Compose([
            *([v2.RandomResize(min_size=low, max_size=high)] if low < high else []),
            *([v2.RandomHorizontalFlip(setting.flip)] if setting.flip else []),
            _PadTo(setting.crop, void), v2.RandomCrop(setting.crop), v2.PILToTensor(),
            v2.ToDtype({torch.Tensor: torch.float32, tv_tensors.Mask: torch.int64, "others": None}, scale=True),
            v2.Normalize(mean=IMAGENET_MEAN, std=IMAGENET_STD), v2.ToPureTensor()])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        from PIL import Image
        from torchvision import tv_tensors
        from torchvision.transforms.v2 import functional

        picture = Image.open(self.images[index]).convert("RGB")
        mask = tv_tensors.Mask(functional.pil_to_tensor(Image.open(self.labels[index])).squeeze(0))
        return self.transforms(picture, mask)


class Collate:
    """A list of (picture, mask) -> batch tensors of the largest height and width among them, the rest black and void."""

    def __init__(self, void: int):
        self.void = void

    @staticmethod
    def _together(parts: Sequence[Tensor], fill: int) -> Tensor:
        largest = [max(sides) for sides in zip(*(part.shape for part in parts), strict=True)]
        batch = parts[0].new_full((len(parts), *largest), fill)
        for place, part in zip(batch, parts, strict=True):
            place[..., :part.shape[-2], :part.shape[-1]].copy_(part)
        return batch

    def __call__(self, pairs):
        pictures, masks = zip(*pairs, strict=True)
        return self._together(pictures, 0), self._together(masks, self.void)


class Figures:
    """Smoothed figures of the last 20 steps and of all, as the reference's logger keeps them: a line is made every few steps."""

    def __init__(self):
        self.last, self.sum, self.count = defaultdict(lambda: deque(maxlen=20)), defaultdict(float), defaultdict(int)

    def add(self, **values: float) -> None:
        """One more value of each."""
        for name, value in values.items():
            self.last[name].append(value)
            self.sum[name] += value
            self.count[name] += 1

    def line(self) -> str:
        """name: median of the last (mean of all)."""
        return "  ".join(f"{name}: {torch.tensor(list(values)).median().item():.4f} ({self.sum[name] / self.count[name]:.4f})"
                         for name, values in self.last.items())


def theirs(model: nn.Module, files: PictureFiles, setting: Setting, *, void: int) -> dict:
    """Train `model` on `files` as the reference does; returns what `Stopwatch.result` says, and "losses". The model is changed in place."""
    place, on_gpu = setting.place, setting.place.type == "cuda"
    ahead = 2 * setting.workers           # batches the workers make in advance: asked for beyond the end, so that they work as hard to the last step
    images = (setting.total + ahead) * setting.batch_size
    generator = torch.Generator().manual_seed(setting.seed)
    loader = torch.utils.data.DataLoader(
        files, batch_size=setting.batch_size, num_workers=setting.workers, drop_last=True, collate_fn=Collate(void), generator=generator,
        sampler=torch.utils.data.RandomSampler(files, num_samples=images, generator=generator))
    model.to(place).train()
    groups = [{"params": list(model.backbone.parameters())}, {"params": list(model.classifier.parameters())}]
    if getattr(model, "aux_classifier", None) is not None:
        groups.append({"params": list(model.aux_classifier.parameters()), "lr": AUX_RATE * setting.lr})
    optimizer = torch.optim.SGD(groups, lr=setting.lr, momentum=setting.momentum, weight_decay=setting.weight_decay)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=setting.total, power=0.9)
    scaler = torch.amp.GradScaler(place.type) if setting.precision == "float16" else None
    half = {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(setting.precision)
    watch, figures, losses, waited = Stopwatch(place), Figures(), [], 0.0
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(place)
    with torch.backends.cudnn.flags(enabled=True, benchmark=True), torch.random.fork_rng(devices=[place] if on_gpu else []):
        torch.manual_seed(setting.seed)
        end = time.perf_counter()
        batches = iter(loader)
        for step in range(1, setting.total + 1):
            began = time.perf_counter()
            pictures, masks = next(batches)
            got = time.perf_counter() - began
            waited += got
            pictures, masks = pictures.to(place), masks.to(place)
            with torch.autocast(place.type, dtype=half) if half else contextlib.nullcontext():
                outputs = model(pictures)
                parts = {name: F.cross_entropy(logits, masks, ignore_index=void) for name, logits in outputs.items()}
                loss = parts["out"] + AUX * parts["aux"] if "aux" in parts else parts["out"]
            optimizer.zero_grad()
            if scaler is None:
                loss.backward()
                optimizer.step()
            else:
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
            schedule.step()
            losses.append(loss.item())
            figures.add(loss=losses[-1], lr=optimizer.param_groups[0]["lr"], data=got, time=time.perf_counter() - end)
            if step % setting.print_every == 0:
                figures.line()
            end = time.perf_counter()
            if step in (setting.warmup, setting.total):
                watch.mark(waited)
        batches = None                       # the workers end here
    return watch.result(setting) | {"losses": losses}


# -------------------------------------------------------------------------------------------------------------------------------------- ours

class WithLosses(nn.Module):
    """A network of torchvision as `fit` takes it: images (N, 3, H, W) -> logits (N, C, H, W), and `losses` with the auxiliary head's."""

    head = ("network.aux_classifier",)       # learns ten times as fast, as in the reference

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)["out"]

    def losses(self, images: Tensor, labels: Tensor, criterion) -> dict[str, Tensor]:
        """{"out": loss, "aux": half the auxiliary head's}; labels (N, H, W)."""
        outputs = self.network(images)
        found = {"out": criterion(outputs["out"], labels)}
        if "aux" in outputs:
            found["aux"] = AUX * criterion(outputs["aux"], labels)
        return found


class _Watch(Callback):
    def __init__(self, watch: Stopwatch, setting: Setting):
        self.watch, self.setting = watch, setting

    def on_step(self, run, step: int, loss: float) -> None:
        if step == self.setting.warmup:
            self.watch.mark(run.history.waited)

    def on_end(self, run) -> None:
        self.watch.mark(run.history.waited)


def ours(model: nn.Module, dataset, setting: Setting) -> dict:
    """Train `model` on `dataset` with `fit`; returns what `Stopwatch.result` says, and "losses". The model is changed in place."""
    watch = Stopwatch(setting.place)
    history = fit(WithLosses(model), dataset, None, setting.recipe(), callbacks=[_Watch(watch, setting)], device=setting.place)
    return watch.result(setting) | {"losses": history.losses}


def making_a_batch(dataset, setting: Setting, batches: int = 20) -> float | None:
    """Seconds of GPU time for one of our batches, chosen, normalised, cut and mirrored on the device, with nothing else running: from its first
    operation to its last, gaps included. None without a GPU, where `History.waited` is that time."""
    if setting.place.type != "cuda":
        return None
    source = iter(feeds.Held(dataset, replace(setting.recipe(), steps=batches + 3), setting.place).batches())
    times = []
    for _ in range(batches + 3):
        before, after = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        before.record()
        next(source)
        after.record()
        after.synchronize()
        times.append(before.elapsed_time(after) / 1000)
    return statistics.median(times[3:])


# ----------------------------------------------------------------------------------------------------------------------------------- measure

def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _numbered(place: torch.device) -> torch.device:
    """A GPU with its number: some of torch's functions want one."""
    return torch.device("cuda", torch.cuda.current_device()) if place.type == "cuda" and place.index is None else place


def _written(dataset, folder: Path) -> tuple[list[Path], list[Path]]:
    """The pictures of `dataset` as PNG files in `folder`: (images, labels)."""
    from PIL import Image

    images, labels = [], []
    for number, (image, label) in enumerate(dataset):
        images.append(folder / f"image_{number:04d}.png")
        labels.append(folder / f"label_{number:04d}.png")
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(images[-1])
        Image.fromarray(label.numpy()).save(labels[-1])
    return images, labels


@contextlib.contextmanager
def _pictures(data: str, root, size: tuple[int, int], length: int):
    """(data set in memory, its image files, its label files, what it is in words for the result). Where CamVid is asked for and absent, drawn
    streets of its size stand in; drawn pictures are written into a folder that is removed afterwards."""
    if data == "camvid":
        from segcourse.datasets import camvid

        if camvid.locate(root) is not None:
            found = datasets.load("camvid", "train", root)
            yield hold(found), found.images, found.labels, f"camvid train, {len(found)} PNG files"
            return
    elif data != "streets":
        raise ValueError(say(en=f"speed is measured on camvid or streets, not on {data!r}: choose one of them",
                             ko=f"속도는 camvid나 streets로 재요. {data!r} 대신 골라 주세요."))
    drawn = hold(datasets.load("streets", "train", size=size, length=length))
    with tempfile.TemporaryDirectory(prefix="segcourse-speed-") as folder:
        images, labels = _written(drawn, Path(folder))
        absent = "; CamVid is not here" if data == "camvid" else ""
        yield drawn, images, labels, f"streets, {length} drawn scenes of {size[0]}x{size[1]} written as PNG files{absent}"


def measure(data: str = "camvid", root: str | Path | None = None, *, device: str | torch.device | None = None, crop: tuple[int, int] | None = None,
            batch_size: int | None = None, steps: int | None = None, warmup: int | None = None, repeats: int | None = None, workers: int | None = None,
            precision: str = "auto", read_every: int | None = None, network: str | Callable[[int], nn.Module] = "fcn_resnet50",
            size: tuple[int, int] = (360, 480), length: int = 367, seed: int = 0, report: Callable[[str], None] | None = print) -> dict:
    """Images per second of both loops on this machine -> a dictionary of JSON values; nothing is written.

    data: "camvid" (drawn streets of `size`, `length` of them, where it is absent) or "streets". crop (h, w) and batch_size of both loops.
    Each repeat trains a new network with `theirs`, then one with `ours`: `warmup` steps (workers start, cudnn tries its algorithms), then `steps`
    steps against the clock. workers: processes that read files for theirs, 16 or as many as there are cores. precision as in a recipe.
    Not given, they suit a GPU (320x480, 16, 300 steps after 50, 5 repeats) or a processor (96x128, 4, 4 steps after 1, 3 repeats).
    "waited_share" is the loop's own reckoning: of theirs the time in `next(loader)`, of ours `History.waited`. On a GPU the latter holds the wait for the
    device's earlier work too, where making a batch waits for it; what making a batch costs the GPU is in "making_a_batch".
    `report` is called with a line of text after each run. Raises ValueError for a crop, precision or network that cannot be.
    """
    place = _numbered(devices.choose(device))
    on_gpu = place.type == "cuda"
    word = devices.precision_for(place, precision)
    if precision == "float64":
        raise ValueError(say(en="speed is measured in float32, bfloat16 or float16, not in float64: choose one of them",
                             ko="속도는 float32, bfloat16, float16으로 재요. float64 대신 골라 주세요."))

    def given(value, on_a_gpu, elsewhere):
        return value if value is not None else on_a_gpu if on_gpu else elsewhere
    every = max(1, given(read_every, 10, 1))
    setting = Setting(
        place=place, crop=tuple(given(crop, (320, 480), (96, 128))), batch_size=given(batch_size, 16, 4), steps=given(steps, 300, 4),
        warmup=-(-max(1, given(warmup, 50, 1)) // every) * every,          # the clock starts where our loop looks at the device
        precision={"32-true": "float32", "bf16-mixed": "bfloat16", "16-mixed": "float16"}[word], read_every=every, seed=seed,
        workers=min(16, cores()) if workers is None else workers)
    if min(setting.crop) < 1 or setting.batch_size < 2 or setting.steps < 1:
        raise ValueError(say(en=f"crop {setting.crop}, batch_size {setting.batch_size}, steps {setting.steps}: sizes are at least 1, and batch "
                                f"normalisation needs a batch of 2",
                             ko=f"crop {setting.crop}, batch_size {setting.batch_size}, steps {setting.steps}. 크기는 1 이상이고, 배치 정규화에는 배치가 2장 이상 "
                                f"필요하니 고쳐 주세요."))
    repeats = max(1, given(repeats, 5, 3))
    runs: dict[str, list[dict]] = {loop: [] for loop in LOOPS}
    with _pictures(data, root, size, length) as (dataset, images, labels, described):
        side = min(dataset.images.shape[-2:])
        files = PictureFiles(images, labels, setting=setting, side=side, void=dataset.void)
        for repeat in range(repeats):
            for loop in LOOPS:
                model = build(network, dataset.num_classes, seed)
                runs[loop].append(theirs(model, files, setting, void=dataset.void) if loop == "theirs" else ours(model, dataset, setting))
                del model
                gc.collect()
                if on_gpu:
                    torch.cuda.empty_cache()
                if report is not None:
                    run = runs[loop][-1]
                    rate, share = f"{run['images_per_second']:.2f}", f"{100 * run['waited_share']:.1f} %"
                    report(f"{repeat + 1}/{repeats} {loop:<6} " + say(en=f"{rate} images/s, waited for data {share}", ko=f"1초에 {rate}장, 데이터를 기다린 시간 {share}"))
        making = making_a_batch(dataset, setting)
    rates = {loop: [run["images_per_second"] for run in runs[loop]] for loop in LOOPS}
    step_seconds = {loop: statistics.median(run["seconds"] for run in runs[loop]) / setting.steps for loop in LOOPS}
    result = {
        "command": provenance.command(), "commit": provenance.commit(), "device": devices.describe(place), "cores": cores(),
        "threads": torch.get_num_threads(), "versions": provenance.versions(), "data": described,
        "network": network if isinstance(network, str) else getattr(network, "__name__", str(network)), "crop": list(setting.crop),
        "batch_size": setting.batch_size, "precision": setting.precision, "warmup": setting.warmup, "steps": setting.steps, "repeats": repeats,
        "workers": setting.workers, "read_every": setting.read_every, "scale": list(setting.scale), "seed": seed,
        "images_per_second": {loop: {"median": statistics.median(rates[loop]), "all": rates[loop]} for loop in LOOPS},
        "ratio": statistics.median(rates["ours"]) / statistics.median(rates["theirs"]),
        "ratios": [mine / other for mine, other in zip(rates["ours"], rates["theirs"], strict=True)],
        "step_seconds": step_seconds,
        "waited_share": {loop: {"median": statistics.median(run["waited_share"] for run in runs[loop]), "all": [run["waited_share"] for run in runs[loop]]}
                         for loop in LOOPS},
        "making_a_batch": None if making is None else {"gpu_seconds": making, "share_of_step": making / step_seconds["ours"]},
        "peak_memory": {loop: max((run["peak_memory"] or 0) for run in runs[loop]) or None for loop in LOOPS},
    }
    if report is not None:
        mine, other = (result["images_per_second"][loop]["median"] for loop in ("ours", "theirs"))
        report(say(en=f"theirs {other:.2f}, ours {mine:.2f} images/s (medians of {repeats}): {result['ratio']:.3f} times theirs; {result['device']}",
                   ko=f"torchvision은 1초에 {other:.2f}장, 이 강의는 1초에 {mine:.2f}장({repeats}번의 중앙값). 이 강의가 torchvision의 {result['ratio']:.3f}배예요. {result['device']}"))
    return result


# ------------------------------------------------------------------------------------------------------------------------------------ memory

class _Noise:
    """As many pictures as CamVid has, of noise: what a step takes of the memory does not depend on what is in them."""

    name, split, num_classes, void, classes = "noise", "train", 11, 11, tuple("abcdefghijk")

    def __init__(self, count: int, size: tuple[int, int]):
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8, generator=generator)
        self.labels = torch.randint(0, 11, (count, *size), dtype=torch.uint8, generator=generator)

    def __len__(self) -> int:
        return len(self.images)

    def stack(self, indices=None):
        """Images uint8 (N, 3, H, W), labels uint8 (N, H, W)."""
        return self.images, self.labels


def memory(*, device: str | torch.device | None = None, precisions: Sequence[str] = ("float16", "bfloat16", "float32"), name: str = "fcn8s",
           size: tuple[int, int] = (360, 480), batch_size: int | None = None, width: float = 1.0, steps: int = 3, pictures: int = 367,
           target: float = TARGET, report: Callable[[str], None] | None = print) -> dict:
    """GPU memory of our recipe for full-size FCN-8s on CamVid (360x480, padding 100, batch 8, AdamW): `steps` steps in each of `precisions`.

    Bytes, per precision: "allocated" is the most that tensors took, "reserved" the most PyTorch took of the device for them, the pictures held on
    it included; "outside" what the device had given away besides (the CUDA context, and other programs). It "fits" where reserved and outside
    together are within `target`. Another card chooses other convolution algorithms, with other workspaces: a T4 was not measured by this.
    Without a GPU: {"measured": False, "why": ...}.
    """
    place = _numbered(devices.choose(device))
    if place.type != "cuda":
        if report is not None:
            report(say(en="memory: not measured, no GPU", ko="메모리는 재지 못했어요. GPU가 없어요."))
        return {"measured": False, "why": "not measured: no GPU"}
    from segcourse import models

    recipe = replace(recipes.get(name, data="camvid", kind="ours"), steps=steps, evaluate_every=0)
    recipe = recipe if batch_size is None else replace(recipe, batch_size=batch_size)
    data, rows = _Noise(pictures, size), []
    for precision in precisions:
        gc.collect()
        torch.cuda.empty_cache()
        torch.manual_seed(0)
        model = models.create(name, num_classes=data.num_classes, width=width)
        try:
            history = fit(model, data, None, replace(recipe, precision=precision), device=place)
        except TrainingError as error:
            rows.append({"precision": precision, "fits": False, "error": str(error)})
        else:
            reserved = torch.cuda.max_memory_reserved(place)
            free, total = torch.cuda.mem_get_info(place)
            outside = total - free - torch.cuda.memory_reserved(place)
            rows.append({"precision": precision, "allocated": history.peak_memory, "reserved": reserved, "outside": outside,
                         "fits": reserved + outside <= target})
        del model
        if report is not None:
            row = rows[-1]
            fits = say(en="fits" if row["fits"] else "does not fit", ko="들어가요" if row["fits"] else "들어가지 않아요")
            report(say(en=f"{name} {precision}: {row.get('reserved', 0) / 1e9:.2f} GB reserved, {fits} into {target / 1e9:.0f} GB",
                       ko=f"{name} {precision}: 예약한 메모리는 {row.get('reserved', 0) / 1e9:.2f} GB, {target / 1e9:.0f} GB에 {fits}."))
    return {"measured": True, "network": name, "width": width, "size": list(size), "recipe": recipe.as_dict(), "steps": steps,
            "device": devices.describe(place), "total": torch.cuda.get_device_properties(place).total_memory, "target": target,
            "commit": provenance.commit(), "versions": provenance.versions(), "rows": rows}
