"""The segcourse command: thin. What it does is in `segcourse.training`, `segcourse.datasets` and the others, loaded when a command needs it.

Exit status: 0 done, 1 failed while running, 2 wrong usage or input, 130 interrupted. Errors are one line on stderr; SEGCOURSE_DEBUG=1
shows where they come from.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from segcourse.commands import Interrupted
from segcourse.language import say

app = typer.Typer(name="segcourse", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help=say(en="Learn semantic segmentation by taking apart the papers that made it.",
                           ko="의미론적 분할을, 그것을 만든 논문을 하나씩 뜯어보며 배워요."))
data_app = typer.Typer(no_args_is_help=True, help=say(en="The data sets of the course.", ko="강의에서 쓰는 데이터 세트예요."))
app.add_typer(data_app, name="data")
bench_app = typer.Typer(no_args_is_help=True, help=say(en="Measure: the chapters' comparisons, the table on CamVid, speed.", ko="장의 비교 실험, CamVid 표, 속도를 재요."))
app.add_typer(bench_app, name="bench")

Root = Annotated[Optional[Path], typer.Option(help=say(en="folder that holds the data set (else SEGCOURSE_DATA, else data/)",
                                                       ko="데이터 세트가 있는 폴더(없으면 SEGCOURSE_DATA, 그다음 data/)"))]
Device = Annotated[str, typer.Option(help=say(en="auto, cpu, cuda, cuda:1 or mps", ko="auto, cpu, cuda, cuda:1, mps"))]
Size = Annotated[Optional[str], typer.Option(help=say(en="HEIGHTxWIDTH to bring pictures to, as 180x240", ko="이미지를 맞출 크기 높이x너비, 예를 들어 180x240"))]

Crf = Annotated[bool, typer.Option("--crf", help=say(en="put a fully connected CRF behind the network, with the values released with DeepLab v1 for pictures of about 500 pixels",
                                                     ko="네트워크 뒤에 완전 연결 CRF를 붙여요. 기본값은 DeepLab v1이 약 500픽셀 사진에 맞춰 공개한 값이에요"))]


def _number(option: str, en: str, ko: str):
    return Annotated[Optional[float], typer.Option(option, help=say(en=en, ko=ko))]


BilateralWeight = _number("--crf-bilateral-weight", "of the CRF's kernel of place and colour (default 4); implies --crf", "위치와 색을 보는 CRF 커널의 가중치(기본 4). --crf를 함께 켜요")
BilateralXy = _number("--crf-bilateral-xy", "its width in pixels (default 49)", "그 커널의 위치 너비, 픽셀(기본 49)")
BilateralRgb = _number("--crf-bilateral-rgb", "its width in grey levels (default 5)", "그 커널의 색 너비, 밝기 단계(기본 5)")
GaussianWeight = _number("--crf-gaussian-weight", "of the CRF's kernel of place alone (default 3)", "위치만 보는 CRF 커널의 가중치(기본 3)")
GaussianXy = _number("--crf-gaussian-xy", "its width in pixels (default 3)", "그 커널의 너비, 픽셀(기본 3)")


def _crf(asked: bool, **values: float | None) -> dict[str, float] | None:
    """The keywords of ops.dense_crf that were given; None without a CRF."""
    given = {name: value for name, value in values.items() if value is not None}
    return given if asked or given else None


@app.command(help=say(en="Train a network and print its scores on the validation split.", ko="네트워크를 학습하고 검증 분할의 점수를 보여 줘요."))
def train(
    name: Annotated[str, typer.Argument(help=say(en="fcn32s, fcn16s, fcn8s, fcn_alexnet, deeplab_v1, deconvnet or segnet", ko="fcn32s, fcn16s, fcn8s, fcn_alexnet, deeplab_v1, deconvnet, segnet"))],
    data: Annotated[str, typer.Option(help="camvid | streets | voc | folder")] = "streets",
    root: Root = None,
    recipe: Annotated[str, typer.Option(help=say(en="paper: as published; ours: with the differences `recipes.changes` lists",
                                                 ko="paper: 논문 그대로, ours: 저희가 바꾼 조건"))] = "ours",
    width: Annotated[Optional[float], typer.Option(help=say(en="share of the paper's channels (default: 1; on streets 0.125)",
                                                            ko="논문의 채널 수에 곱할 배율(기본 1, streets에서는 0.125)"))] = None,
    padding: Annotated[Optional[str], typer.Option(help=say(en="100 (the paper's) or same (for small pictures) (default: 100; on streets same)",
                                                            ko="100(논문) 또는 same(작은 이미지)(기본 100, streets에서는 same)"))] = None,
    option: Annotated[Optional[list[str]], typer.Option(help=say(en="any other option of the network, as --option batch_norm=true; repeatable",
                                                                ko="네트워크의 다른 옵션, 예를 들어 --option batch_norm=true, 여러 번 가능"))] = None,
    steps: Annotated[Optional[int], typer.Option(help=say(en="optimiser steps", ko="학습 스텝 수"))] = None,
    epochs: Annotated[Optional[float], typer.Option(help=say(en="passes over the training split, instead of --steps", ko="--steps 대신 학습 분할을 도는 횟수"))] = None,
    batch_size: Annotated[Optional[int], typer.Option(help=say(en="pictures a step", ko="한 스텝의 이미지 수"))] = None,
    lr: Annotated[Optional[float], typer.Option(help=say(en="learning rate", ko="학습률"))] = None,
    set_: Annotated[Optional[list[str]], typer.Option("--set", help=say(en="any value of the recipe, as --set schedule=cosine; repeatable",
                                                                       ko="학습 조건의 값, 예를 들어 --set schedule=cosine, 여러 번 가능"))] = None,
    seed: Annotated[int, typer.Option(help=say(en="of weights, batches and dropout", ko="가중치, 배치, 드롭아웃의 시드"))] = 0,
    device: Device = "auto",
    size: Size = None,
    length: Annotated[Optional[int], typer.Option(help=say(en="training pictures of streets", ko="streets의 학습 이미지 수"))] = None,
    backbone: Annotated[Optional[str], typer.Option(help=say(en="file of VGG16 weights (torchvision's names), convolutions alone or all; imagenet: torchvision's own, fetched once; none",
                                                             ko="VGG16 가중치 파일(torchvision 이름, 합성곱층만 있어도 돼요). imagenet이면 torchvision 가중치를 한 번만 받아 써요. none이면 쓰지 않아요"))] = None,
    init: Annotated[Optional[Path], typer.Option(help=say(en="checkpoint to take weights from, as 32s for 16s", ko="가중치를 가져올 체크포인트, 16s에는 32s"))] = None,
    out: Annotated[Optional[Path], typer.Option(help=say(en="folder of checkpoint and scores", ko="체크포인트와 점수를 둘 폴더"))] = None,
    overwrite: Annotated[bool, typer.Option(help=say(en="replace the run in --out", ko="--out에 있던 결과를 바꿔요"))] = False,
    resume: Annotated[bool, typer.Option(help=say(en="go on with the run in --out that was broken off; begin where there is none", ko="--out에서 멈춘 학습을 이어 가요. 없으면 처음부터 해요"))] = False,
    devices: Annotated[int, typer.Option(min=1, help=say(en="GPUs of this machine, or processes on a processor; the batch is shared", ko="이 컴퓨터에서 쓸 GPU 수(CPU에서는 프로세스 수). 배치를 나눠 맡아요"))] = 1,
    nodes: Annotated[int, typer.Option(min=1, help=say(en="machines; start the command on each, with NODE_RANK, MASTER_ADDR and MASTER_PORT set", ko="컴퓨터 수. 컴퓨터마다 NODE_RANK, MASTER_ADDR, MASTER_PORT를 정하고 실행해요"))] = 1,
    tensorboard: Annotated[bool, typer.Option(help=say(en="write curves for TensorBoard into --out as well", ko="TensorBoard용 곡선도 --out에 적어요"))] = False,
    save_seconds: Annotated[float, typer.Option(min=0, help=say(en="seconds between saves of the state that --resume goes on from", ko="--resume이 이어 갈 상태를 저장하는 간격(초)"))] = 120.0,
    json_: Annotated[Optional[Path], typer.Option("--json", help=say(en="file to write the result to as well", ko="결과를 함께 적을 파일"))] = None,
    train_split: Annotated[str, typer.Option(help=say(en="split to train on; voc has train_aug and sbd_train as well", ko="학습할 분할. voc에는 train_aug와 sbd_train도 있어요"))] = "train",
    valid_split: Annotated[str, typer.Option(help=say(en="split to score on while training; voc has seg11valid as well", ko="학습하면서 점수를 잴 분할. voc에는 seg11valid도 있어요"))] = "valid",
    test: Annotated[bool, typer.Option(help=say(en="score the test split too, once, at the end", ko="끝에 시험 분할도 한 번 재요"))] = False,
    stages: Annotated[str, typer.Option(help=say(en="one, or two: DeconvNet's curriculum on streets, single objects first, then proposals; the steps are shared",
                                                 ko="one 또는 two. two는 streets에서 DeconvNet의 커리큘럼대로 물체 하나씩 먼저, 그다음 후보 영역으로 학습해요. 스텝은 두 단계가 나눠 써요"))] = "one",
) -> None:
    from segcourse.commands import training as commands

    commands.train(name, data=data, root=root, kind=recipe, width=width, padding=padding, options=option, steps=steps, epochs=epochs, batch_size=batch_size, lr=lr,
                   settings=set_, seed=seed, device=device, size=size, length=length, backbone=backbone, init=init, out=out, overwrite=overwrite, resume=resume,
                   json_path=json_, test=test, processes=devices, nodes=nodes, tensorboard=tensorboard, save_seconds=save_seconds, train_split=train_split, valid_split=valid_split,
                   stages=stages)


@app.command(help=say(en="Score a checkpoint; the numbers are those `train` printed.", ko="체크포인트의 점수를 다시 재요. `train`이 보여 준 값과 같아요."))
def evaluate(
    checkpoint: Annotated[Path, typer.Argument()],
    data: Annotated[Optional[str], typer.Option(help=say(en="the checkpoint's own, unless named", ko="말하지 않으면 체크포인트에 적힌 것"))] = None,
    root: Root = None,
    split: Annotated[Optional[str], typer.Option(help=say(en="train | valid | test, and of voc seg11valid (default: the one it was scored on in training)",
                                                          ko="train | valid | test, voc에는 seg11valid도(기본: 학습할 때 점수를 잰 분할)"))] = None,
    size: Size = None,
    device: Device = "auto",
    json_: Annotated[Optional[Path], typer.Option("--json", help=say(en="file to write the scores to", ko="점수를 적을 파일"))] = None,
    crf: Crf = False,
    bilateral_weight: BilateralWeight = None,
    bilateral_xy: BilateralXy = None,
    bilateral_rgb: BilateralRgb = None,
    gaussian_weight: GaussianWeight = None,
    gaussian_xy: GaussianXy = None,
) -> None:
    from segcourse import datasets
    from segcourse.commands.tables import scores_table
    from segcourse.commands.training import size_of
    from segcourse.training import checkpoints, provenance
    from segcourse.training import device as devices
    from segcourse.training import evaluate as score

    place = devices.choose(device)
    model, meta = checkpoints.load_checkpoint(checkpoint)
    about = meta.get("data") or {}
    data = data or about.get("name", "streets")
    split = split or (about.get("valid_split", "valid") if data == about.get("name") else "valid")
    wanted = size_of(size) or (tuple(about["size"]) if about.get("resized") and data == about.get("name") else None)
    dataset = datasets.load(data, split, root=root, **({} if wanted is None else {"size": wanted}))
    refined = _crf(crf, bilateral_weight=bilateral_weight, bilateral_xy=bilateral_xy, bilateral_rgb=bilateral_rgb, gaussian_weight=gaussian_weight, gaussian_xy=gaussian_xy)
    scores = score(model, dataset, device=place, precision=(meta.get("recipe") or {}).get("precision", "auto"), crf=refined)
    scores_table(scores, dataset.palette, f"{meta['model']}{'' if refined is None else ' + CRF'} · {data} · " + (dataset.meaning if data == "voc" else split))
    if json_ is not None:
        checkpoints.write_json(json_, {"command": provenance.command(), "checkpoint": checkpoint.name, "data": data, "split": split, "crf": refined,
                                       "device": devices.describe(place), "commit": provenance.commit(), **scores.as_dict()})


@app.command(help=say(en="Label photos: writes NAME-labels.png, NAME-overlay.png and NAME-legend.png.", ko="사진에 레이블을 붙여 NAME-labels.png, NAME-overlay.png, NAME-legend.png를 만들어요."))
def predict(
    checkpoint: Annotated[Path, typer.Argument()],
    photos: Annotated[list[Path], typer.Argument(help=say(en="pictures, or folders of pictures", ko="이미지 또는 이미지 폴더"))],
    out: Annotated[Path, typer.Option(help=say(en="folder to write to", ko="결과를 둘 폴더"))] = Path("predictions"),
    device: Device = "auto",
    short_side: Annotated[Optional[int], typer.Option(help=say(en="pixels of the shorter side the network sees; 0 for the photo's own "
                                                                  "(default: as it was trained)",
                                                               ko="네트워크가 볼 짧은 변의 픽셀 수, 0이면 사진 그대로(기본: 학습할 때의 크기)"))] = None,
    crf: Crf = False,
    bilateral_weight: BilateralWeight = None,
    bilateral_xy: BilateralXy = None,
    bilateral_rgb: BilateralRgb = None,
    gaussian_weight: GaussianWeight = None,
    gaussian_xy: GaussianXy = None,
) -> None:
    from PIL import Image
    from rich.console import Console

    from segcourse import datasets
    from segcourse.datasets import palettes, pictures
    from segcourse.training import checkpoints, provenance
    from segcourse.training import device as devices
    from segcourse.training import predict as label_of

    place = devices.choose(device)
    files = []
    for photo in photos:
        inside = pictures.picture_files(photo) if photo.is_dir() else [photo]
        if not inside:
            raise FileNotFoundError(say(en=f"the folder {photo} holds no pictures: name photos or a folder of PNG or JPEG files",
                                        ko=f"{photo} 폴더에 이미지가 없어요. 사진이나 PNG, JPEG가 있는 폴더를 알려 주세요."))
        files.extend(inside)
    opened = [(path, *pictures.read_photo(path)) for path in files]     # all are read before any is written
    model, meta = checkpoints.load_checkpoint(checkpoint)
    model.to(place)
    if short_side is None:
        short_side = min((meta.get("data") or {}).get("size") or [0])
    palette = palettes.get(meta.get("palette", "streets"))
    if meta["options"]["num_classes"] != len(palette.names_en):
        raise ValueError(say(en=f"{checkpoint} has {meta['options']['num_classes']} classes and the palette of {meta.get('palette')} {len(palette.names_en)}: use a checkpoint "
                                f"trained on {' or '.join(datasets.names())}",
                             ko=f"{checkpoint}의 클래스는 {meta['options']['num_classes']}개인데 {meta.get('palette')}의 팔레트는 {len(palette.names_en)}개예요. "
                                f"{', '.join(datasets.names())}로 학습한 체크포인트를 써 주세요."))
    drawn = bool(provenance.version("matplotlib"))         # a bare server labels photos all the same, without the picture with the legend
    if drawn:
        from segcourse import figures
    refined = _crf(crf, bilateral_weight=bilateral_weight, bilateral_xy=bilateral_xy, bilateral_rgb=bilateral_rgb, gaussian_weight=gaussian_weight, gaussian_xy=gaussian_xy)
    console = Console(highlight=False)
    taken: set[str] = set()
    for path, picture, note in opened:
        label = label_of(model, picture, short_side=short_side, crf=refined).numpy()
        stem = path.stem
        for number in range(2, len(opened) + 2):
            if stem not in taken:
                break
            stem = f"{path.stem}-{number}"
        taken.add(stem)
        coloured = Image.fromarray(label)
        coloured.putpalette(palette.colours.astype("uint8").tobytes())       # values stay class numbers, a viewer shows the colours
        photo = Image.fromarray(picture.permute(1, 2, 0).numpy())
        overlay = Image.blend(photo, coloured.convert("RGB"), 0.55)
        for image, kind in ((coloured, "labels"), (overlay, "overlay")):
            checkpoints.write_atomically(out / f"{stem}-{kind}.png", lambda part, image=image: image.save(part, format="PNG"))
        written = [out / f"{stem}-labels.png", out / f"{stem}-overlay.png"]
        if drawn:
            figure = figures.overlay(picture, label, title=path.name, palette=palette)
            written.append(checkpoints.write_atomically(out / f"{stem}-legend.png", lambda part, figure=figure: figure.savefig(part, format="png")))
        if note:
            console.print(note)
        shares = [(float((label == number).mean()), number) for number in range(len(palette.names()))]
        words = "  ".join(f"[rgb({','.join(str(int(part)) for part in palette.colours[number])})]■[/] {palette.name(number)} {100 * share:.0f} %"
                          for share, number in sorted(shares, reverse=True) if share >= 0.005)
        console.print("  ".join(str(path) for path in written) + f"\n  {words}", soft_wrap=True)


@bench_app.command("chapter", help=say(en="Run a chapter's comparison and write segcourse/results: `segcourse bench chapter 01`.",
                                       ko="장의 비교 실험을 돌려 segcourse/results에 적어요(예: `segcourse bench chapter 01`)."))
def bench_chapter(
    number: Annotated[str, typer.Argument(help="01")],
    seeds: Annotated[Optional[str], typer.Option(help=say(en="comma separated, for a trial; writes nothing", ko="쉼표로 나눈 시드. 시범 실행이라 저장하지 않아요"))] = None,
    steps: Annotated[Optional[int], typer.Option(help=say(en="for a trial; writes nothing", ko="시범 실행의 스텝 수, 저장하지 않아요"))] = None,
) -> None:
    from segcourse.commands import bench

    bench.chapter(number, seeds, steps)


@bench_app.command("camvid", help=say(en="Train networks on CamVid with seeds 0, 1, 2 and write segcourse/results/camvid.json: the table beside the published numbers.",
                                      ko="CamVid에서 시드 0, 1, 2로 네트워크를 학습하고, 논문 수치와 견줄 결과를 segcourse/results/camvid.json에 적어요."))
def bench_camvid(
    names: Annotated[Optional[list[str]], typer.Argument(help=say(en="networks (default: all that have a recipe)", ko="네트워크(기본: 학습 조건이 있는 것 모두)"))] = None,
    quick: Annotated[bool, typer.Option(help=say(en="narrow networks at 180x240, minutes on a processor; the table says so", ko="채널을 줄인 네트워크를 180x240으로 학습해요. CPU로도 몇 분이면 되고, 표에 간이 실행이라고 적어요"))] = False,
    seeds: Annotated[Optional[str], typer.Option(help=say(en="comma separated, for a trial; results stay as they are", ko="쉼표로 나눈 시드. 시범 실행이라 결과 파일은 그대로예요"))] = None,
    recipe: Annotated[str, typer.Option(help=say(en="paper | ours", ko="paper | ours"))] = "ours",
    backbone: Annotated[str, typer.Option(help=say(en="file of VGG16 weights, imagenet (torchvision's) or none", ko="VGG16 가중치 파일, imagenet(torchvision), none"))] = "imagenet",
    root: Root = None,
    device: Device = "auto",
    out: Annotated[Path, typer.Option(help=say(en="folder of the runs", ko="학습 결과를 둘 폴더"))] = Path("runs"),
    again: Annotated[bool, typer.Option(help=say(en="train what is there already as well", ko="이미 있는 것도 다시 학습해요"))] = False,
    set_: Annotated[Optional[list[str]], typer.Option("--set", help=say(en="any value of the recipes, for a trial", ko="시범 실행에 쓸 학습 조건의 값"))] = None,
) -> None:
    from segcourse.commands import bench

    bench.camvid(names or [], quick=quick, seeds=seeds, kind=recipe, backbone=backbone, root=root, device=device, folder=out, again=again, settings=set_)


@bench_app.command("speed", help=say(en="Images a second of our loop beside torchvision's reference training, and the GPU memory of full-size FCN-8s.",
                                     ko="이 강의와 torchvision의 학습 코드가 1초에 이미지를 몇 장 학습하는지 나란히 재요. 채널을 줄이지 않은 FCN-8s의 GPU 메모리도 재요."))
def bench_speed(
    data: Annotated[str, typer.Option(help="camvid | streets")] = "camvid",
    root: Root = None,
    device: Device = "auto",
    crop: Annotated[Optional[str], typer.Option(help=say(en="HEIGHTxWIDTH of both loops", ko="두 코드에 똑같이 쓸 크롭의 높이x너비"))] = None,
    batch_size: Annotated[Optional[int], typer.Option(help=say(en="pictures a step", ko="한 스텝의 이미지 수"))] = None,
    steps: Annotated[Optional[int], typer.Option(help=say(en="steps that are timed", ko="시간을 잴 스텝 수"))] = None,
    repeats: Annotated[Optional[int], typer.Option(help=say(en="of both, in turn", ko="번갈아 되풀이할 횟수"))] = None,
    workers: Annotated[Optional[int], typer.Option(help=say(en="processes that read files for theirs", ko="torchvision 쪽에서 파일을 읽을 프로세스 수"))] = None,
    precision: Annotated[str, typer.Option(help="auto | float32 | bfloat16 | float16")] = "auto",
    json_: Annotated[Optional[Path], typer.Option("--json", help=say(en="file to write the result to as well", ko="결과를 함께 적을 파일"))] = None,
) -> None:
    from segcourse.commands import bench

    bench.speed(data=data, root=root, device=device, crop=crop, batch_size=batch_size, steps=steps, repeats=repeats, workers=workers, precision=precision, json_path=json_)


@bench_app.command("record", help=say(en="FCN-8s to 57.0 mIoU on CamVid as fast as can be, each seed in a fresh process, and the least it could take.",
                                      ko="FCN-8s를 CamVid에서 mIoU 57.0까지 되도록 빨리 학습해요. 시드마다 새 프로세스에서 시간을 재고, 아무리 빨라도 걸리는 시간과 견줘요."))
def bench_record(
    seeds: Annotated[Optional[str], typer.Option(help=say(en="comma separated (default 0,1,2)", ko="쉼표로 나눈 시드(기본 0,1,2)"))] = None,
    root: Root = None,
    device: Device = "auto",
    backbone: Annotated[Optional[Path], typer.Option(help=say(en="file of VGG16 weights", ko="VGG16 가중치 파일"))] = None,
    set_: Annotated[Optional[list[str]], typer.Option("--set", help=say(en="any value of the recipe, for a trial", ko="시범 실행에 쓸 학습 조건의 값"))] = None,
    option: Annotated[Optional[list[str]], typer.Option(help=say(en="any option of the network, for a trial", ko="시범 실행에 쓸 네트워크 옵션"))] = None,
    json_: Annotated[Optional[Path], typer.Option("--json", help=say(en="file to write the result to as well", ko="결과를 함께 적을 파일"))] = None,
) -> None:
    from segcourse.commands import bench

    bench.record(seeds=seeds, root=root, device=device, backbone=backbone, settings=set_, options=option, json_path=json_)


@bench_app.command("dense-map", help=say(en="Train the network of the lab 'the same weights, a denser map' and write its maps to segcourse/results: minutes on two cores.",
                                         ko="'가중치는 그대로, 점수 맵만 촘촘하게' 실험실의 네트워크를 학습하고 점수 맵을 segcourse/results에 적어요. 코어 2개로 몇 분 걸려요."))
def bench_dense_map(
    steps: Annotated[Optional[int], typer.Option(help=say(en="for a trial; needs --out", ko="시범 실행의 스텝 수. --out이 필요해요"))] = None,
    out: Annotated[Optional[Path], typer.Option(help=say(en="file to write to (default: that of the package)", ko="저장할 파일(기본: 패키지의 파일)"))] = None,
) -> None:
    from segcourse.commands import bench

    bench.dense_map(steps=steps, out=out)


@bench_app.command("switches", help=say(en="Train the small DeconvNet whose switches the labs of chapter 03 show and write it to segcourse/results: minutes on two cores.",
                                        ko="3장 실험실에서 스위치를 들여다볼 작은 DeconvNet을 학습하고 segcourse/results에 적어요. 코어 2개로 몇 분 걸려요."))
def bench_switches(
    steps: Annotated[Optional[int], typer.Option(help=say(en="for a trial; needs --out", ko="시범 실행의 스텝 수. --out이 필요해요"))] = None,
    out: Annotated[Optional[Path], typer.Option(help=say(en="file to write to (default: that of the package)", ko="저장할 파일(기본: 패키지의 파일)"))] = None,
) -> None:
    from segcourse.commands import bench

    bench.switches(steps=steps, out=out)


@bench_app.command("proposals", help=say(en="Let the network of `bench switches` label boxes one by one, for the lab of object proposals; writes segcourse/results: seconds.",
                                         ko="`bench switches`의 네트워크로 후보 영역을 하나씩 예측해서 segcourse/results에 적어요. 몇 초 걸려요."))
def bench_proposals(
    out: Annotated[Optional[Path], typer.Option(help=say(en="file to write to (default: that of the package)", ko="저장할 파일(기본: 패키지의 파일)"))] = None,
) -> None:
    from segcourse.commands import bench

    bench.proposals(out=out)


@bench_app.command("crf", help=say(en="The dense CRF beside pydensecrf2 (where it is installed) and beside the definition: time, difference, memory; writes segcourse/results/crf.json.",
                                   ko="완전 연결 CRF의 시간, 차이, 메모리를 재서 pydensecrf2(설치돼 있으면), 정의대로 한 계산과 견줘요. segcourse/results/crf.json에 적어요."))
def bench_crf(
    quick: Annotated[bool, typer.Option(help=say(en="one small size, once, for a trial; writes nothing", ko="작은 크기 하나만 한 번 재는 시범 실행, 저장하지 않아요"))] = False,
    device: Device = "auto",
    repeats: Annotated[Optional[int], typer.Option(min=1, help=say(en="of both, in turn (default 9), for a trial; writes nothing", ko="번갈아 되풀이할 횟수(기본 9). 정하면 시범 실행이라 저장하지 않아요"))] = None,
    json_: Annotated[Optional[Path], typer.Option("--json", help=say(en="file to write the result to as well", ko="결과를 함께 적을 파일"))] = None,
) -> None:
    from segcourse.commands import bench

    bench.crf(quick=quick, device=device, repeats=repeats, json_path=json_)


@app.command(help=say(en="Open JupyterLab on the chapters.", ko="JupyterLab으로 강의를 열어요."))
def lab(
    browser: Annotated[bool, typer.Option(help=say(en="open a browser; without one the address is printed", ko="브라우저를 열어요. 열지 않으면 주소를 보여 줘요"))] = True,
    port: Annotated[int, typer.Option()] = 8888,
) -> None:
    import importlib.util
    import subprocess
    import tempfile

    from segcourse.commands import chapters

    if importlib.util.find_spec("jupyterlab") is None:
        raise ValueError(say(en="JupyterLab is not installed: pip install \"segcourse[lab]\"", ko="JupyterLab이 없어요. pip install \"segcourse[lab]\"로 설치해 주세요."))
    from segcourse.commands import lab as rooms

    port, about_port = rooms.free_port(port)
    settings, about_home = rooms.homes()
    for text in (about_port, about_home):
        if text:
            print(text, flush=True)
    folder = chapters.folder()
    headless = sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:    # containers run as root, and Jupyter would refuse
        command.append("--allow-root")
    if headless or not browser:
        command.append("--no-browser")
        print(say(en="open the address that JupyterLab prints below, token and all", ko="아래에 JupyterLab이 보여 주는 주소를 토큰까지 그대로 열어 주세요."), flush=True)
    with tempfile.TemporaryDirectory(prefix="segcourse-lab-") as first:
        raise typer.Exit(subprocess.call([*command, *rooms.first_page(folder, Path(first))], env=os.environ | settings))


@app.command(help=say(en="Build the chapters from their source (for authors); --help lists its options.", ko="원본에서 강의 노트북을 만들어요(저자용). --help가 옵션을 보여 줘요."),
             context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def notebooks(context: typer.Context) -> None:
    from segcourse.authoring import build

    raise typer.Exit(build.main(context.args))


@app.command(help=say(en="Say what is installed, whether it works, and what to do where it does not.", ko="무엇이 설치되어 있고 잘 되는지, 안 되면 어떻게 할지 알려 줘요."))
def doctor() -> None:
    from segcourse.commands import doctor as examination

    raise typer.Exit(examination.examine())


@data_app.command("list", help=say(en="Say which data sets are there, and what the others cost to get.", ko="어떤 데이터 세트가 있는지, 없는 것은 얼마나 받아야 하는지 보여 줘요."))
def data_list(root: Root = None) -> None:
    from segcourse.commands import data

    print("\n".join(data.listing(root)))


@data_app.command("get", help=say(en="Fetch a data set; what is there already and right is left alone.", ko="데이터 세트를 받아요. 이미 제대로 있는 파일은 그대로 둬요."))
def data_get(
    name: Annotated[str, typer.Argument(help="camvid | voc | sbd | voc2011")],
    root: Root = None,
    mirror: Annotated[Optional[str], typer.Option(help=say(en="https address to fetch from instead, which holds CamVid/train and the others",
                                                           ko="대신 받을 https 주소. 그 아래에 CamVid/train 등이 있어야 해요"))] = None,
) -> None:
    from segcourse.commands import data

    data.get(name, root, mirror)


def _fail(message: object, status: int) -> int:
    process = os.environ.get("LOCAL_RANK", "0")         # of several processes each says what it met: it may be the only one
    print(f"segcourse{'' if process == '0' else f' (process {process})'}: {' '.join(str(message).split())}", file=sys.stderr)
    return status


def _given(error, arguments: list[str]) -> str:
    """" (got 'many')": what stood behind the option a usage error is about, which typer's message leaves out."""
    for option in getattr(getattr(error, "param", None), "opts", ()):
        if option in arguments and arguments[-1] != option:
            value = arguments[len(arguments) - arguments[::-1].index(option)]       # the last one counts
            return "" if value in error.format_message() else say(en=f" (got {value!r})", ko=f" ({value!r}을 받았어요. 고쳐 주세요.)")
    return ""


def run(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status; what a reader can cause becomes one line on stderr."""
    usage_error = typer.BadParameter.__mro__[2]       # click's own base class of usage errors, wherever typer keeps it
    try:
        status = app(args=arguments, prog_name="segcourse", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except Interrupted as stop:
        return _fail(stop, 130)
    except (KeyboardInterrupt, typer.Abort):
        return _fail(say(en="stopped by Ctrl-C", ko="Ctrl-C로 멈췄어요"), 130)
    except BrokenPipeError:
        return 1
    except SystemExit as stop:             # argparse, behind `notebooks`
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except Exception as error:
        if os.environ.get("SEGCOURSE_DEBUG"):
            raise
        from segcourse.datasets import disk

        if isinstance(error, usage_error):
            if type(error).__name__ == "NoArgsIsHelpError":
                print(error.format_message())
                return 2
            return _fail(error.format_message() + _given(error, arguments or sys.argv[1:]), 2)
        if isinstance(error, KeyError) and error.args:
            return _fail(error.args[0], 2)
        if isinstance(error, OSError) and disk.is_full(error) and error.filename:
            return _fail(say(en=f"the disk of {error.filename} is full: free some room, or name another folder",
                             ko=f"디스크가 가득 차서 {error.filename} 파일을 쓸 수 없어요. 공간을 비우거나 다른 폴더를 알려 주세요."), 1)
        if isinstance(error, (ValueError, FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError, TypeError)):
            return _fail(error, 2)
        if "torch" in sys.modules and type(error).__name__ != "TrainingError":
            from segcourse.training import trouble

            if trouble.is_out_of_memory(error):
                return _fail(say(en="out of memory: use a smaller --batch-size, --size or --width, or take the batch in parts with --set accumulate=2; what was kept stays",
                                 ko="메모리가 모자라요. --batch-size, --size, --width를 줄이거나 --set accumulate=2로 배치를 나눠 주세요. 저장한 것은 그대로 있어요."), 1)
        return _fail(error if str(error) else type(error).__name__, 1)


def main() -> None:
    """The segcourse command."""
    sys.exit(run())


if __name__ == "__main__":
    main()
