"""The course's table on CamVid: every network, three seeds, beside what was published. `segcourse bench camvid` writes segcourse/results/camvid.json.

Test split, 233 images of 360x480, 11 classes, void excluded, one confusion matrix over the split. Recipes were chosen on the validation split;
the test images are scored once at the end of a run, and its log shows that. A network whose paper puts a fully connected CRF behind it, DeepLab, has
two lines: its CRF is tuned on the validation split, and one pass over the test images is scored without and with it. With `quick` narrow networks train for minutes on a processor, at
180x240 and from nothing: that table, in camvid-quick.json, shows that everything works and is no reproduction of anything.
"""

import hashlib
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from segcourse import published
from segcourse.language import say
from segcourse.training import checkpoints, crf_search, jobs, provenance, recipes, refine
from segcourse.training import device as devices
from segcourse.training.callbacks import Log

SEEDS = (0, 1, 2)
QUICK_SIZE = (180, 240)
METRICS = ("miou", "pixel_accuracy", "boundary_iou", "seconds", "images_per_second")
WITH_CRF = ("deeplab_v1",)
SEARCHED, SEARCHED_QUICK = 100, 10          # validation images on which a CRF is tuned; the paper's 100
TRIAL = "a trial: CamVid validation split, 101 images, 11 classes, void excluded, one confusion matrix over the split"
SETTING = "CamVid test split, 233 images, 11 classes, void excluded, one confusion matrix over the split"


def path(quick: bool = False) -> Path:
    """The results file."""
    return provenance.results_file("camvid-quick" if quick else "camvid")


def read(quick: bool = False) -> dict:
    """The results file, read. Raises FileNotFoundError, with the command that makes it, where there is none."""
    file = path(quick)
    if not file.is_file():
        command = "segcourse bench camvid" + (" --quick" if quick else "")
        raise FileNotFoundError(say(en=f"there are no results {file.name} yet: run `{command}`", ko=f"{file.name} 결과가 아직 없어요. `{command}`를 실행해 주세요."))
    return json.loads(file.read_text(encoding="utf-8"))


def job(name: str, seed: int, *, quick: bool = False, kind: str = "ours", backbone: str | Path | None = "imagenet", root: Path | None = None,
        folder: Path = Path("runs"), overrides: dict | None = None) -> jobs.Job:
    """The training behind one row. `backbone` goes to the networks that are built on VGG16; quick ones start from nothing.

    Raises ValueError for a network without a recipe, or another kind of recipe.
    """
    kind = "quick" if quick else kind
    recipe = replace(recipes.get(name, data="camvid", kind=kind), seed=seed, **(overrides or {}))
    from segcourse import models

    on_vgg = not quick and hasattr(models.create(name, num_classes=2, width=0.01), "load_vgg16")
    asked = jobs.Job(name, "camvid", recipe, Path(folder), options=recipes.network_options(name, data="camvid", kind=kind),
                     data_options={"size": QUICK_SIZE} if quick else {}, root=root, kind=kind, backbone=backbone if on_vgg else None)
    return replace(asked, folder=Path(folder) / f"camvid-{kind}" / f"{name}-{_key(asked)[:8]}-seed{seed}")


def _key(asked: jobs.Job) -> str:
    """A hash of what a network's rows have in common, all but the seed: rows of another key are of another experiment, and never stand in one mean."""
    weights = None if asked.backbone in (None, "none") else str(asked.backbone) if str(asked.backbone) == "imagenet" else checkpoints.digest(asked.backbone)
    spec = {"name": asked.name, "recipe": replace(asked.recipe, seed=0).as_dict(), "options": asked.options, "data": asked.data_options, "weights": weights}
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]


def row(asked: jobs.Job, report: dict) -> dict:
    """One line of the table, from the report that a job left (fractions, seconds, bytes)."""
    split, log = "test" if "test" in report else "valid", asked.folder / jobs.LOG
    test = report[split]
    reads = [line for line in map(json.loads, log.read_text(encoding="utf-8").splitlines()) if line.get("event") == "scored" and line["split"] == "test"]
    return {"name": asked.name, "seed": asked.recipe.seed, "key": _key(asked), "kind": asked.kind, "split": split, "miou": test["miou"], "pixel_accuracy": test["pixel_accuracy"],
            "boundary_iou": test["boundary_iou"], "iou": dict(zip(test["classes"], test["iou"], strict=True)), "valid_miou": report["valid"]["miou"],
            "test_images": reads[-1]["images"] if reads else 0, "test_scored": len(reads), "parameters": report["parameters"], "seconds": report["seconds"],
            "images_per_second": report["images_per_second"], "waited_share": report["waited_share"], "peak_memory_bytes": report["peak_memory_bytes"],
            "pretrained": report["pretrained"], "size": report["data"]["size"], "device": report["device"], "precision": report["precision"],
            "command": report["command"], "commit": report["commit"], "versions": report["versions"], "recipe": report["recipe"], "options": report["options"],
            **({"crf": _crf_row(report["crf"], split)} if "crf" in report else {})}


def _crf_row(crf: dict, split: str) -> dict:
    """What a line of the table has of its CRF. On a trial's validation split the figures are those of the images it was tuned on."""
    figures = crf["test"] if split == "test" else max(crf["trials"], key=lambda trial: trial["miou"])
    return {"miou": figures["miou"], "pixel_accuracy": figures["pixel_accuracy"], "boundary_iou": figures["boundary_iou"],
            **({"iou": dict(zip(figures["classes"], figures["iou"], strict=True))} if split == "test" else {}),
            "setting": crf["setting"], "tuned_on": crf["images"], "tuned_seconds": crf["seconds"], "tuned_miou": max(trial["miou"] for trial in crf["trials"]),
            "tuned_plain_miou": crf["plain_miou"], "trials": len(crf["trials"])}


def with_crf(asked: jobs.Job, report: dict, *, images: int, test: bool, finer: bool = True, device: str | None = None) -> dict:
    """Tune a CRF behind a trained job's network on its validation split; with `test`, score the test split once, without and with it.

    Adds "crf", and with `test` "test", to the report, in scores.json too; what the report already has is not done again.
    """
    crf = report.get("crf")
    if crf is not None and ("test" in crf or not test):
        return report
    model, _ = checkpoints.load_checkpoint(asked.folder / jobs.CHECKPOINT)
    place = devices.choose(device)
    if crf is None:
        start = time.perf_counter()
        found = crf_search.search(model, asked.split("valid"), images=images, finer=finer, device=place, precision=asked.recipe.precision)
        crf = found.as_dict() | {"seconds": round(time.perf_counter() - start, 1)}
    report = report | {"crf": crf}
    if test:
        split = asked.split("test")
        plain, refined = refine.both(model, split, crf["setting"], device=place, precision=asked.recipe.precision)
        Log(asked.folder / jobs.LOG, {}).looked("test", asked.recipe.steps, len(split), plain)
        report |= {"test": plain.as_dict(), "crf": crf | {"test": refined.as_dict()}}
    checkpoints.write_json(asked.folder / jobs.SCORES, report)
    return report


def _lines_of(rows: Sequence[dict]) -> list[dict]:
    """The rows, and behind those that have a CRF one more, of the network with it."""
    return [line for row in rows for line in (row, *([row | {"name": f"{row['name']} + CRF"} | row["crf"]] if "crf" in row else []))]


def summarise(rows: Sequence[dict]) -> dict[str, dict]:
    """name -> metric -> {"mean", "sd" (of a sample; None for one seed), "seeds"}; every seed counts, none is dropped. "name + CRF" is the network with one."""
    table: dict[str, dict] = {}
    rows = _lines_of(rows)
    for name in dict.fromkeys(line["name"] for line in rows):
        mine = [line for line in rows if line["name"] == name]
        table[name] = {metric: {"mean": statistics.fmean(line[metric] for line in mine),
                                "sd": statistics.stdev(line[metric] for line in mine) if len(mine) > 1 else None} for metric in METRICS}
        table[name]["seeds"] = [line["seed"] for line in mine]
    return table


def _order(line: dict) -> tuple[int, int]:
    names = recipes.names()
    return (names.index(line["name"]) if line["name"] in names else len(names), line["seed"])


def run(names: Sequence[str] = (), *, quick: bool = False, seeds: Sequence[int] = SEEDS, kind: str = "ours", backbone: str | Path | None = "imagenet",
        root: Path | None = None, device: str | None = None, folder: Path = Path("runs"), again: bool = False, overrides: dict | None = None,
        write: bool = True, callbacks: Callable[[], tuple] = tuple, report: Callable[[str], None] | None = None) -> dict:
    """Train every named network (all, unless named) with every seed -> the results, written after each run, other networks' rows kept.

    A row that is there for the same recipe, options and weights is not trained again unless `again`; a run that was broken off goes on where it was. A
    network's rows of another recipe or other weights leave the table when the first new one comes. With write=False, a trial, nothing but the runs'
    folders is written, and the validation split is what is shown: the test images are not looked at. Raises ValueError for an unknown network, and what `jobs.run` raises.
    """
    asked = [job(name, seed, quick=quick, kind=kind, backbone=backbone, root=root, folder=folder, overrides=overrides)
             for seed in seeds for name in names or recipes.names()]
    rows = []
    if path(quick).is_file() and write:
        rows = read(quick)["rows"]
    for wanted in asked:
        old = [line for line in rows if (line["name"], line["seed"], line["key"]) == (wanted.name, wanted.recipe.seed, _key(wanted))]
        if old and not again:
            line = old[0]
        else:
            scores = wanted.folder / jobs.SCORES
            finished = scores.is_file() and not (wanted.folder / jobs.STATE).exists() and not again
            left = json.loads(scores.read_text(encoding="utf-8")) if finished else None
            has_crf = wanted.name in WITH_CRF
            if left is None or write and not has_crf and "test" not in left:
                left = jobs.run(wanted, resume=left is None and not again, overwrite=left is not None or again, test=write and not has_crf, device=device, callbacks=callbacks()).report
            if has_crf:
                left = with_crf(wanted, left, images=SEARCHED_QUICK if quick else SEARCHED, test=write, finer=not quick, device=device)
            line = row(wanted, left)
            rows = [other for other in rows if other["name"] != line["name"] or other["key"] == line["key"] and other["seed"] != line["seed"]] + [line]
            rows.sort(key=_order)
            if write:
                checkpoints.write_json(path(quick), _results(rows, quick))
        if report is not None:
            for told in _lines_of([line]):
                miou, accuracy, rate = f"{100 * told['miou']:5.2f}", f"{100 * told['pixel_accuracy']:5.2f}", f"{told['images_per_second']:.1f}"
                report(f"{told['name']:<12} " + say(en=f"seed {told['seed']}   mIoU {miou}   pixel accuracy {accuracy}   {told['seconds']:.0f} s   {rate} images/s",
                                                    ko=f"시드 {told['seed']}   mIoU {miou}   픽셀 정확도 {accuracy}   {told['seconds']:.0f}초   1초에 {rate}장"))
    return _results(rows, quick, trial=not write)


def _results(rows: list[dict], quick: bool, trial: bool = False) -> dict:
    return {"command": "segcourse bench camvid" + (" --quick" if quick else ""), "quick": quick, "trial": trial, "setting": TRIAL if trial else SETTING, "commit": provenance.commit(),
            "summary": summarise(rows), "rows": rows}


def quoted(name: str) -> dict[str, str]:
    """What was published for a network on CamVid, as printed: {"miou": "57.0", "pixel_accuracy": "88.0"}; "" where nothing was."""
    found = {}
    for metric, ending in (("miou", f".{name}.camvid"), ("pixel_accuracy", f".{name}.camvid_accuracy")):
        found[metric] = next((published.get(key).printed for key in published.keys() if key.endswith(ending)), "")
    return found


def lines(results: dict) -> list[list[str]]:
    """The table as text, a head and a line a network: published mIoU and accuracy, ours (mean ± sd, every seed), parameters, seconds, memory, speed, start."""
    head = [say(en="network", ko="네트워크"), say(en="published mIoU", ko="논문 mIoU"), say(en="ours, mIoU", ko="이 강의 mIoU"), say(en="seeds", ko="시드별"),
            say(en="published accuracy", ko="논문 픽셀 정확도"), say(en="ours, accuracy", ko="이 강의 픽셀 정확도"), say(en="parameters", ko="파라미터"), say(en="seconds", ko="초"),
            say(en="peak memory", ko="최대 메모리"), say(en="images/s", ko="이미지/초"), say(en="starts from", ko="시작 가중치")]
    table = [head]
    for name, values in results["summary"].items():
        mine = [line for line in _lines_of(results["rows"]) if line["name"] == name]
        memory = [line["peak_memory_bytes"] for line in mine if line["peak_memory_bytes"]]
        start = mine[0]["pretrained"]
        table.append([name, quoted(name)["miou"] or "–", _spread(values["miou"]), " ".join(f"{100 * line['miou']:.2f}" for line in mine),
                      quoted(name)["pixel_accuracy"] or "–", _spread(values["pixel_accuracy"]), f"{mine[0]['parameters'] / 1e6:.2f}M", f"{values['seconds']['mean']:.0f}",
                      f"{max(memory) / 1e9:.1f} GB" if memory else "–", f"{values['images_per_second']['mean']:.1f}",
                      start["backbone"] if start and "backbone" in start else say(en="nothing", ko="없음")])
    return table


def _spread(values: dict) -> str:
    return f"{100 * values['mean']:.2f}" + ("" if values["sd"] is None else f" ± {100 * values['sd']:.2f}")
