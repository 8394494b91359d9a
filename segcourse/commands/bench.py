"""`segcourse bench`: the chapters' comparisons, the table on CamVid, speed, the record and the CRF."""

import sys
from pathlib import Path

from segcourse.language import josa, say


def numbers(option: str, text: str | None) -> list[int] | None:
    """"0,1,2" -> [0, 1, 2]. Raises ValueError for anything else."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        raise ValueError(say(en=f"{option} must be whole numbers with commas, as 0,1,2, not {text!r}", ko=f"{option}에는 0,1,2처럼 쉼표로 나눈 정수를 써야 하는데 {josa(repr(text), '이에요/예요')}. 고쳐 주세요."))
    return [int(part) for part in parts]


def chapter(number: str, seeds: str | None, steps: int | None) -> None:
    """Run a chapter's comparison."""
    from segcourse.training import experiments

    experiment = experiments.get(number)
    trial = seeds is not None or steps is not None
    path = experiment.bench(seeds=numbers("--seeds", seeds), steps=steps, write=not trial, report=print)
    if path is not None:
        print(say(en=f"written: {path}", ko=f"{path} 파일에 적었어요."))


def camvid(names: list[str], *, quick: bool, seeds: str | None, kind: str, backbone: str, root: Path | None, device: str, folder: Path, again: bool,
           settings: list[str] | None) -> None:
    """Fill the table on CamVid and print it. With other seeds or settings it is a trial, and the results file stays as it is."""
    from segcourse.commands.training import setting
    from segcourse.training import Progress, benchmark
    from segcourse.training import device as devices

    overrides = dict(setting(text) for text in settings or [])
    chosen = numbers("--seeds", seeds) or list(benchmark.SEEDS)
    trial = bool(overrides) or chosen != list(benchmark.SEEDS) or kind != "ours" or backbone == "none" and not quick
    folder = folder / "trial" if trial else folder
    results = benchmark.run(names, quick=quick, seeds=chosen, kind=kind, backbone=backbone, root=root, device=devices.choose(device), folder=folder, again=again,
                            overrides=overrides, write=not trial, callbacks=lambda: (Progress(),), report=lambda text: print(text, flush=True))
    show(benchmark.lines(results), title=title(results))
    if not trial:
        print(say(en=f"written: {benchmark.path(quick)}", ko=f"{benchmark.path(quick)} 파일에 적었어요."))


def speed(*, data: str, root: Path | None, device: str, crop: str | None, batch_size: int | None, steps: int | None, repeats: int | None, workers: int | None,
          precision: str, json_path: Path | None) -> None:
    """Our loop beside torchvision's reference, and the memory of full-size FCN-8s; written to speed-cpu.json or speed-gpu.json, a trial to --json alone."""
    from segcourse.commands.training import size_of
    from segcourse.training import speed
    from segcourse.training import device as devices

    place = devices.choose(device)
    trial = any(value is not None for value in (crop, batch_size, steps, repeats, workers)) or precision != "auto"
    results = speed.measure(data, root, device=place, crop=size_of(crop), batch_size=batch_size, steps=steps, repeats=repeats, workers=workers, precision=precision)
    results["memory"] = speed.memory(device=place)
    stand_in = "CamVid is not here" in results["data"]
    _keep(results, None if trial or stand_in else "speed-gpu" if place.type == "cuda" else "speed-cpu", json_path)


def record(*, seeds: str | None, root: Path | None, device: str, backbone: Path | None, settings: list[str] | None, options: list[str] | None, json_path: Path | None) -> None:
    """FCN-8s to 57.0 on CamVid as fast as can be, and the floor; written to record.json where it is done as it should be on a GPU, a trial to --json alone."""
    from segcourse.commands.training import pair, setting
    from segcourse.training import record
    from segcourse.training import device as devices

    place = devices.choose(device)
    overrides, network = dict(setting(text) for text in settings or []), dict(pair("--option", text) for text in options or [])
    chosen = numbers("--seeds", seeds) or [0, 1, 2]
    results = record.record(chosen, root=root, backbone=backbone, overrides=overrides, options=network, device=str(place))
    trial = overrides or network or chosen != [0, 1, 2] or place.type != "cuda" or backbone is None or results["failed"]
    _keep(results, None if trial else "record", json_path)


def dense_map(*, steps: int | None, out: Path | None) -> None:
    """Train the network of the lab "the same weights, a denser map" and write its maps; a trial to --out alone."""
    from segcourse.training import dense_maps

    if steps is not None and out is None:
        raise ValueError(say(en="with --steps it is a trial: name a file for it with --out, the maps of the package stay as they are",
                             ko="--steps를 주면 시범 실행이라 패키지의 파일은 그대로 둬요. --out으로 저장할 파일을 정해 주세요."))
    path = dense_maps.make(out, steps=steps, report=lambda line: print(line, flush=True))
    print(say(en=f"written: {path}", ko=f"{path} 파일에 적었어요."))


def switches(*, steps: int | None, out: Path | None) -> None:
    """Train the small DeconvNet of chapter 03's labs; a trial to --out alone."""
    from segcourse.training import switches

    if steps is not None and out is None:
        raise ValueError(say(en="with --steps it is a trial: name a file for it with --out, the network of the package stays as it is",
                             ko="--steps를 주면 시범 실행이라 패키지의 파일은 그대로 둬요. --out으로 저장할 파일을 정해 주세요."))
    path = switches.make(out, steps=steps, report=lambda line: print(line, flush=True))
    print(say(en=f"written: {path}", ko=f"{path} 파일에 적었어요."))


def proposals(*, out: Path | None) -> None:
    """The maps of the lab of object proposals, of a DeconvNet that is trained for them in two stages."""
    from segcourse.training import proposal_maps

    path = proposal_maps.make(out, report=lambda line: print(line, flush=True))
    print(say(en=f"written: {path}", ko=f"{path} 파일에 적었어요."))


def crf(*, quick: bool, device: str, repeats: int | None, json_path: Path | None) -> None:
    """`ops.dense_crf` beside pydensecrf2 and the definition; written to crf.json, a trial to --json alone."""
    from segcourse.training import crf_speed
    from segcourse.training import device as devices

    results = crf_speed.measure(device=devices.choose(device), quick=quick, repeats=repeats, report=lambda text: print(text, flush=True))
    show([crf_speed.head(), *map(crf_speed.line, results["rows"])],
         title=say(en=f"dense CRF, {results['labels']} labels, set-up included, medians of {results['repeats']}", ko=f"완전 연결 CRF, 레이블 {results['labels']}개, 준비 시간 포함, {results['repeats']}번의 중앙값"))
    for text in crf_speed.notes(results):
        print(text)
    _keep(results, None if quick or repeats is not None else "crf", json_path)


def _keep(results: dict, name: str | None, json_path: Path | None) -> None:
    from segcourse.training import checkpoints, provenance

    for path in filter(None, (provenance.results_file(name) if name else None, json_path)):
        checkpoints.write_json(path, results)
        print(say(en=f"written: {path}", ko=f"{path} 파일에 적었어요."))


def title(results: dict) -> str:
    """What the table is of; a quick one says that it is."""
    if results["trial"]:
        return say(en="TRIAL on CamVid's validation split (101 images), void excluded, mIoU and pixel accuracy in %. Published numbers are of the test split",
                   ko="시범 실행이에요. CamVid 검증 분할(이미지 101장), 무시 레이블 제외, mIoU와 픽셀 정확도의 단위는 %. 논문 수치는 시험 분할에서 잰 값이에요")
    text = say(en="CamVid, test split (233 images), void excluded, mIoU and pixel accuracy in %", ko="CamVid 시험 분할(이미지 233장), 무시 레이블 제외, mIoU와 픽셀 정확도의 단위는 %")
    if results["quick"]:
        text = say(en="QUICK: narrow networks from nothing, a few passes at 180x240, no reproduction of a published number. ",
                   ko="간이 실행이에요. 채널을 줄인 네트워크를 180x240 이미지로 처음부터, 몇 바퀴만 학습했어요. 논문 수치를 재현한 결과가 아니에요. ") + text
    return text


def show(lines: list[list[str]], *, title: str) -> None:
    """Print a table, its first line the head."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, head in enumerate(lines[0]):
        table.add_column(head, justify="left" if number in (0, len(lines[0]) - 1) else "right")
    for line in lines[1:]:
        table.add_row(*line)
    Console(width=None if sys.stdout.isatty() else 200).print(table)
