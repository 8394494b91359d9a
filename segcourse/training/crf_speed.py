"""Speed and exactness of `ops.dense_crf` beside pydensecrf2 and beside the definition: `measure()`. Without pydensecrf the rest is measured.

Both start from the same probabilities and end with probabilities in the same order; set-up (pydensecrf: unary, features, lattice) is inside the clock.
They run in turn, in one process; pydensecrf uses one thread whatever is set. Kernels as in pydensecrf's own examples.
"""

import gc
import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segcourse import datasets, ops
from segcourse.language import say
from segcourse.training import device as devices
from segcourse.training import provenance

SIZES = ((213, 320), (360, 480), (375, 500))
SCENES = ("drawn", "photo")
LABELS = 21
WEIGHTS = dict(bilateral_weight=10.0, bilateral_xy=80.0, bilateral_rgb=13.0, gaussian_weight=3.0, gaussian_xy=3.0)
SURE = 0.9                  # probability of a pixel's coarse label


def scene(kind: str, size: tuple[int, int], labels: int = LABELS) -> tuple[Tensor, Tensor]:
    """(probabilities (labels, H, W), image uint8 (3, H, W)): "drawn", a street, or "photo", scikit-image's astronaut. A coarse labelling, one label a cell of
    8x8 pixels (4x4 in small images): the street's at the cell's centre, or the photo's blurred brightness there in four steps; it has probability 0.9."""
    if kind == "drawn":
        image, label = datasets.load("streets", "train", size=size, length=1)[0]
        label = label.long() % labels
    else:
        from skimage import data

        photo = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float()
        image = F.interpolate(photo[None], size, mode="bilinear", antialias=True)[0].round().to(torch.uint8)
        blurred = F.avg_pool2d(image.float().mean(0)[None, None], 7, 1, 3, count_include_pad=False)[0, 0]
        label = (blurred / 64).long() % labels
    cell = max(4, min(size) // 45)
    rows, columns = (((torch.arange(side) // cell) * cell + cell // 2).clamp(max=side - 1) for side in size)
    coarse = ops.one_hot(label[rows][:, columns], labels)
    probabilities = (1 - SURE) / max(1, labels - 1) * (1 - coarse) + SURE * coarse
    return probabilities / probabilities.sum(0), image


def peer_is_here() -> bool:
    """Whether pydensecrf can be imported."""
    return importlib.util.find_spec("pydensecrf") is not None


def peer(probabilities: Tensor, image: Tensor, iterations: int) -> Tensor:
    """The same by pydensecrf."""
    from pydensecrf import densecrf, utils

    labels, height, width = probabilities.shape
    crf = densecrf.DenseCRF2D(width, height, labels)
    crf.setUnaryEnergy(utils.unary_from_softmax(probabilities.numpy()))
    crf.addPairwiseBilateral(sxy=WEIGHTS["bilateral_xy"], srgb=WEIGHTS["bilateral_rgb"], rgbim=np.ascontiguousarray(image.permute(1, 2, 0).numpy()),
                             compat=WEIGHTS["bilateral_weight"])
    crf.addPairwiseGaussian(sxy=WEIGHTS["gaussian_xy"], compat=WEIGHTS["gaussian_weight"])
    return torch.from_numpy(np.array(crf.inference(iterations))).view(labels, height, width)


def in_turn(runs: list[Callable[[], Tensor]], repeats: int) -> tuple[list[list[float]], list[Tensor]]:
    """Each run once unclocked, then all of them in turn, `repeats` times: (seconds of each, the last results)."""
    seconds: list[list[float]] = [[] for _ in runs]
    results = [run() for run in runs]
    for _ in range(repeats):
        for number, run in enumerate(runs):
            began = time.perf_counter()
            results[number] = run()
            seconds[number].append(time.perf_counter() - began)
    return seconds, results


def _row(kind: str, size: tuple[int, int], iterations: int, threads: int, repeats: int) -> dict:
    probabilities, image = scene(kind, size)
    runs = [lambda: ops.dense_crf(probabilities, image, iterations=iterations, **WEIGHTS)]
    if peer_is_here():
        runs.append(lambda: peer(probabilities, image, iterations))
    seconds, results = in_turn(runs, repeats)
    row = {"scene": kind, "size": list(size), "iterations": iterations, "threads": threads, "ours": statistics.median(seconds[0]), "ours_all": seconds[0]}
    if len(runs) == 1:
        return row | {"peer": None, "ratio": None, "max_difference": None}
    return row | {"peer": statistics.median(seconds[1]), "peer_all": seconds[1], "ratio": statistics.median(seconds[0]) / statistics.median(seconds[1]),
                  "max_difference": float((results[0] - results[1]).abs().max())}


def exactness(size: tuple[int, int] = (60, 80)) -> list[dict]:
    """The lattice against the definition, and pydensecrf's lattice against it ("peer", None where it is not installed)."""
    rows = []
    for kind in SCENES:
        probabilities, image = scene(kind, size)
        exact = ops.dense_crf_exact(probabilities, image, **WEIGHTS)
        rows.append({"scene": kind, "size": list(size), "iterations": 10, **_against(exact, ops.dense_crf(probabilities, image, **WEIGHTS)),
                     "peer": _against(exact, peer(probabilities, image, 10)) if peer_is_here() else None})
    return rows


def _against(exact: Tensor, q: Tensor) -> dict:
    return {"mean_difference": float((exact - q).abs().mean()), "max_difference": float((exact - q).abs().max()),
            "same_label": float((exact.argmax(0) == q.argmax(0)).double().mean())}


def memory(size: tuple[int, int], calls: int) -> dict:
    """Bytes above what the process held before: the most during a call, and what is left after `calls` more. None where /proc does not tell."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not (status.exists() and reset.exists()):
        return {"size": list(size), "peak": None, "growth": None, "calls": calls}

    def held(what: str) -> int:
        return next(int(line.split()[1]) * 1024 for line in status.read_text(encoding="ascii").splitlines() if line.startswith(what))
    probabilities, image = scene("photo", size)
    small = scene("drawn", (60, 80))
    ops.dense_crf(*small, iterations=1, **WEIGHTS)
    gc.collect()
    reset.write_text("5", encoding="ascii")
    before = held("VmRSS")
    ops.dense_crf(probabilities, image, **WEIGHTS)
    peak = held("VmHWM") - before
    for _ in range(10):
        ops.dense_crf(*small, iterations=1, **WEIGHTS)
    before = held("VmRSS")
    for _ in range(calls):
        ops.dense_crf(*small, iterations=1, **WEIGHTS)
    return {"size": list(size), "peak": peak, "growth": held("VmRSS") - before, "calls": calls}


def on_gpu(device: torch.device, repeats: int) -> dict:
    """375x500, 10 iterations, against pydensecrf on this machine's processor; and images a second in batches of 16 of 360x480 with 11 labels."""
    probabilities, image = (tensor.to(device) for tensor in scene("photo", (375, 500)))
    on_processor = probabilities.cpu(), image.cpu()

    def run(*pictures):
        result = ops.dense_crf(*pictures, **WEIGHTS)
        torch.cuda.synchronize(device)
        return result
    runs = [lambda: run(probabilities, image)] + ([lambda: peer(*on_processor, 10)] if peer_is_here() else [])
    seconds, results = in_turn(runs, repeats)
    middle = [statistics.median(each) for each in seconds]
    single = {"ours": middle[0], "peer": middle[1] if len(runs) > 1 else None, "times_faster": middle[1] / middle[0] if len(runs) > 1 else None,
              "max_difference": float((results[0].cpu() - results[1]).abs().max()) if len(runs) > 1 else None}
    batch = [torch.stack([tensor] * 16).to(device) for tensor in scene("drawn", (360, 480), 11)]
    seconds, _ = in_turn([lambda: run(*batch)], repeats)
    return {"device": devices.describe(device), "single": single, "batch": {"images": 16, "size": [360, 480], "labels": 11, "iterations": 10,
                                                                           "images_per_second": 16 / statistics.median(seconds[0])}}


def measure(*, device: str | torch.device | None = None, quick: bool = False, repeats: int | None = None, report: Callable[[str], None] | None = print) -> dict:
    """All of it -> a dictionary of JSON values; nothing is written. `quick`: one small size, one repeat, to see that it runs."""
    place = devices.choose(device)
    repeats = repeats or (1 if quick else 9)
    sizes, rows = ((48, 64),) if quick else SIZES, []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            for size in sizes:
                for iterations in (5, 10):
                    for kind in SCENES:
                        rows.append(_row(kind, size, iterations, threads, repeats))
                        if report is not None:
                            report(" ".join(line(rows[-1])))
        with torch.no_grad():
            exact = exactness((32, 40) if quick else (60, 80))
            held = memory(sizes[-1], 5 if quick else 100)
            gpu = on_gpu(place, repeats) if place.type == "cuda" else None
    finally:
        torch.set_num_threads(before)
    return {"command": provenance.command(), "commit": provenance.commit(), "device": devices.describe(torch.device("cpu")), "quick": quick, "repeats": repeats,
            "labels": LABELS, "weights": WEIGHTS, "versions": provenance.versions() | {"pydensecrf2": provenance.version("pydensecrf2")},
            "rows": rows, "exact": exact, "memory": held, "gpu": gpu}


def head() -> list[str]:
    """Names of the columns of `line`."""
    return [say(en=en, ko=ko) for en, ko in (("scene", "장면"), ("size", "크기"), ("iterations", "반복"), ("threads", "스레드"), ("ours, ms", "이 강의, ms"),
                                             ("pydensecrf2, ms", "pydensecrf2, ms"), ("ratio", "비율"), ("max |dQ|", "max |dQ|"))]


def line(row: dict) -> list[str]:
    """A row of the table, as text."""
    absent = say(en="not installed", ko="설치되지 않음")
    return [say(en=row["scene"], ko={"drawn": "그린 장면", "photo": "사진"}[row["scene"]]), "x".join(map(str, row["size"])), str(row["iterations"]), str(row["threads"]),
            f"{row['ours'] * 1e3:.0f}", *((f"{row['peer'] * 1e3:.0f}", f"{row['ratio']:.2f}", f"{row['max_difference']:.1e}") if row["peer"] else (absent,) * 3)]


def notes(results: dict) -> list[str]:
    """What stands below the table."""
    texts = []
    for row in results["exact"]:
        size, mean, same = "x".join(map(str, row["size"])), f"{row['mean_difference']:.1e}", f"{row['same_label']:.2%}"
        kind = line(row | {"threads": 0, "ours": 0, "peer": None})[0]
        texts.append(say(en=f"against the definition, {kind} {size}: mean |dQ| {mean}, same label on {same}", ko=f"정의대로 계산한 결과와 비교({kind} {size}): 평균 |dQ| {mean}, 레이블이 같은 픽셀 {same}"))
    held = results["memory"]
    if held["peak"] is not None:
        size, peak, growth = "x".join(map(str, held["size"])), f"{held['peak'] / 1e6:.0f} MB", f"{held['growth'] / 1e6:.1f} MB"
        texts.append(say(en=f"memory at {size}: {peak} above what was held; {growth} more after {held['calls']} calls", ko=f"{size} 이미지의 메모리: 원래보다 {peak} 더 썼고, {held['calls']}번 호출한 뒤 {growth} 늘었어요"))
    if results["gpu"]:
        single, batch = results["gpu"]["single"], results["gpu"]["batch"]
        times = f"{single['times_faster']:.1f}" if single["times_faster"] else "-"
        texts.append(say(en=f"{results['gpu']['device']}: 375x500, 10 iterations {single['ours'] * 1e3:.1f} ms, {times} times as fast as pydensecrf2; {batch['images_per_second']:.0f} images/s at 360x480",
                         ko=f"{results['gpu']['device']}: 375x500, 10번 반복에 {single['ours'] * 1e3:.1f} ms, pydensecrf2보다 {times}배 빨라요. 360x480 이미지는 1초에 {batch['images_per_second']:.0f}장"))
    return texts
