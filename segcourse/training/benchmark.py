"""The course's table on CamVid: every network, three seeds, beside what was published. `segcourse bench camvid` writes segcourse/results/camvid.json.

Test split, 233 images of 360x480, 11 classes, void excluded, one confusion matrix over the split. Recipes were chosen on the validation split;
the test images are scored once at the end of a run, and its log shows that. With `quick` narrow networks train for minutes on a processor, at
180x240 and from nothing: that table, in camvid-quick.json, shows that everything works and is no reproduction of anything.
"""

import hashlib
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from segcourse import published
from segcourse.language import say
from segcourse.training import checkpoints, jobs, provenance, recipes

SEEDS = (0, 1, 2)
QUICK_SIZE = (180, 240)
METRICS = ("miou", "pixel_accuracy", "boundary_iou", "seconds", "images_per_second")
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
            "command": report["command"], "commit": report["commit"], "versions": report["versions"], "recipe": report["recipe"], "options": report["options"]}


def summarise(rows: Sequence[dict]) -> dict[str, dict]:
    """name -> metric -> {"mean", "sd" (of a sample; None for one seed), "seeds"}; every seed counts, none is dropped."""
    table: dict[str, dict] = {}
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
            if left is None or write and "test" not in left:
                left = jobs.run(wanted, resume=left is None and not again, overwrite=left is not None or again, test=write, device=device, callbacks=callbacks()).report
            line = row(wanted, left)
            rows = [other for other in rows if other["name"] != line["name"] or other["key"] == line["key"] and other["seed"] != line["seed"]] + [line]
            rows.sort(key=_order)
            if write:
                checkpoints.write_json(path(quick), _results(rows, quick))
        if report is not None:
            miou, accuracy, rate = f"{100 * line['miou']:5.2f}", f"{100 * line['pixel_accuracy']:5.2f}", f"{line['images_per_second']:.1f}"
            report(f"{line['name']:<12} " + say(en=f"seed {line['seed']}   mIoU {miou}   pixel accuracy {accuracy}   {line['seconds']:.0f} s   {rate} images/s",
                                                ko=f"시드 {line['seed']}   mIoU {miou}   픽셀 정확도 {accuracy}   {line['seconds']:.0f}초   1초에 {rate}장"))
    return _results(rows, quick, trial=not write)


def _results(rows: list[dict], quick: bool, trial: bool = False) -> dict:
    return {"command": "segcourse bench camvid" + (" --quick" if quick else ""), "quick": quick, "trial": trial, "setting": TRIAL if trial else SETTING, "commit": provenance.commit(),
            "summary": summarise(rows), "rows": rows}


def quoted(name: str) -> dict[str, str]:
    """What was published for a network on CamVid, as printed: {"miou": "57.0", "pixel_accuracy": "88.0"}; "" where nothing was."""
    keys = {"miou": f"fcn.{name}.camvid", "pixel_accuracy": f"fcn.{name}.camvid_accuracy"}
    known = set(published.keys())
    return {metric: published.get(key).printed if key in known else "" for metric, key in keys.items()}


def lines(results: dict) -> list[list[str]]:
    """The table as text, a head and a line a network: published mIoU and accuracy, ours (mean ± sd, every seed), parameters, seconds, memory, speed, start."""
    head = [say(en="network", ko="네트워크"), say(en="published mIoU", ko="논문 mIoU"), say(en="ours, mIoU", ko="이 강의 mIoU"), say(en="seeds", ko="시드별"),
            say(en="published accuracy", ko="논문 픽셀 정확도"), say(en="ours, accuracy", ko="이 강의 픽셀 정확도"), say(en="parameters", ko="파라미터"), say(en="seconds", ko="초"),
            say(en="peak memory", ko="최대 메모리"), say(en="images/s", ko="이미지/초"), say(en="starts from", ko="시작 가중치")]
    table = [head]
    for name, values in results["summary"].items():
        mine = [line for line in results["rows"] if line["name"] == name]
        memory = [line["peak_memory_bytes"] for line in mine if line["peak_memory_bytes"]]
        start = mine[0]["pretrained"]
        table.append([name, quoted(name)["miou"] or "–", _spread(values["miou"]), " ".join(f"{100 * line['miou']:.2f}" for line in mine),
                      quoted(name)["pixel_accuracy"] or "–", _spread(values["pixel_accuracy"]), f"{mine[0]['parameters'] / 1e6:.2f}M", f"{values['seconds']['mean']:.0f}",
                      f"{max(memory) / 1e9:.1f} GB" if memory else "–", f"{values['images_per_second']['mean']:.1f}",
                      start["backbone"] if start and "backbone" in start else say(en="nothing", ko="없음")])
    return table


def _spread(values: dict) -> str:
    return f"{100 * values['mean']:.2f}" + ("" if values["sd"] is None else f" ± {100 * values['sd']:.2f}")
