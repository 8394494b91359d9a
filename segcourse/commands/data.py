"""`segcourse data list` and `segcourse data get`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from segcourse.commands import Interrupted
from segcourse.commands.columns import line
from segcourse.datasets.disk import free, megabytes
from segcourse.datasets.root import data_root
from segcourse.language import josa, say


def listing(root: Path | None) -> list[str]:
    """One or two lines for each data set: what is there, what the rest costs, and how to bring it by hand."""
    return [
        line("streets", say(en="drawn by the package: always there, nothing to get", ko="패키지가 그려요. 받을 것 없이 언제나 있어요")),
        *_camvid(root),
        line("folder", say(en="pictures of your own: DIR/images and, to train, DIR/labels; name DIR with --root. Nothing to get",
                           ko="직접 찍은 사진이에요. DIR/images에 사진을, 학습하려면 DIR/labels에 레이블을 두고 --root로 DIR을 알려 주세요")),
    ]


def _camvid(root: Path | None) -> list[str]:
    from segcourse.datasets import camvid

    place, files = camvid.locate(root), camvid.manifest()
    base = data_root(root)
    by_hand = line("", say(en=f"by hand: `git clone --depth 1 {camvid.HOME}` in {base}, or its CamVid folder there",
                           ko=f"직접 받으려면 {base}에서 `git clone --depth 1 {camvid.HOME}`을 실행하거나 CamVid 폴더를 그곳에 넣어 주세요"))
    if place is None:
        cost, room = megabytes(sum(file.size for file in files)), free(base)
        left = "" if room is None else say(en=f", {megabytes(room)} free", ko=f", 남은 공간 {megabytes(room)}")
        return [line("camvid", say(en=f"not in {base}: `segcourse data get camvid` fetches {len(files)} files, {cost}{left}",
                                   ko=f"{base}에 없어요. `segcourse data get camvid`로 받아 주세요(파일 {len(files)}개, {cost}{left})")), by_hand]
    words = ", ".join(f"{split} {count}/{camvid.COUNTS[split]}" for split, count in camvid.counted(place).items())
    lacking = [file for file in files if not camvid.has(place, file)]
    if not lacking:
        return [line("camvid", f"{place}: {words}")]
    cost = megabytes(sum(file.size for file in lacking))
    return [line("camvid", f"{place}: {words}" + say(
        en=f"; {len(lacking)} of {len(files)} files, {cost}, are missing: `segcourse data get camvid` brings them",
        ko=f". 파일 {len(files)}개 가운데 {len(lacking)}개({cost})가 없어요. `segcourse data get camvid`로 받아 주세요")), by_hand]


class _Lines:
    """Progress where there is no terminal to draw a bar in: a line for every tenth part, and one for silence."""

    def __init__(self, files: int, size: int):
        self.files, self.size, self.done, self.came, self.tenth, self.spoken = files, size, 0, 0, 0, time.monotonic()

    def settled(self, _path: str, size: int) -> None:
        self.done, self.came = self.done + 1, self.came + size
        tenth = 10 * self.came // max(self.size, 1)
        if tenth > self.tenth or time.monotonic() > self.spoken + 30:
            self.tenth, self.spoken = tenth, time.monotonic()
            print(f"camvid {self.done}/{self.files}  {megabytes(self.came)} / {megabytes(self.size)}", flush=True)

    def notice(self, text: str) -> None:
        print(text, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class _Bar:
    """Progress in a terminal."""

    def __init__(self, files: int, size: int):
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

        self.bar = Progress(TextColumn("camvid {task.fields[done]}/{task.fields[of]}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
                            TimeRemainingColumn())
        self.done = 0
        self.task = self.bar.add_task("", total=size, done=0, of=files)

    def settled(self, _path: str, size: int) -> None:
        self.done += 1
        self.bar.update(self.task, advance=size, done=self.done)

    def notice(self, text: str) -> None:
        self.bar.print(text, highlight=False, markup=False)

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *_):
        self.bar.stop()


def get(name: str, root: Path | None, mirror: str | None, say_line: Callable[[str], None] = print) -> None:
    """Fetch the data set `name`, showing progress, and say what there is now. Raises RuntimeError where files did not come, saying why and
    what to do; Interrupted, with what is there, on Ctrl-C.
    """
    from segcourse import datasets
    from segcourse.datasets import camvid

    if datasets.check_name(name) != "camvid":
        say_line(say(en=f"{name}: nothing to fetch, it needs no download", ko=f"{josa(name, '은/는')} 받을 것이 없어요. 바로 쓸 수 있어요"))
        return
    files = camvid.manifest()
    progress = (_Bar if sys.stdout.isatty() else _Lines)(len(files), sum(file.size for file in files))
    with progress:
        try:
            folder, report = camvid.get(root, address=mirror or camvid.ADDRESS, progress=progress.settled, notice=progress.notice)
        except KeyboardInterrupt:
            there = progress.done
            raise Interrupted(say(en=f"stopped by Ctrl-C; {there} of {len(files)} files are there. Run the command again: it goes on from there",
                                  ko=f"Ctrl-C로 멈췄어요. 파일 {len(files)}개 가운데 {there}개가 있어요. 다시 실행하면 이어서 받아요")) from None
    for text in _summary(folder, report):
        say_line(text)
    lacking = len(report.failed) + len(report.untried)
    if lacking:
        raise RuntimeError(_did_not_come(lacking, len(files), report, folder))


def _summary(folder: Path, report) -> list[str]:
    """What came, what was there, what is odd about it, and the count of pictures that can be used now."""
    from segcourse.datasets import camvid

    lines = [f"{folder}: " + say(
        en=f"{len(report.fetched)} fetched ({megabytes(report.bytes)}, {report.seconds:.0f} s), {len(report.right)} were there",
        ko=f"{len(report.fetched)}개 받음({megabytes(report.bytes)}, {report.seconds:.0f}초), {len(report.right)}개는 이미 있었어요")]
    if report.accepted:
        lines.append(say(
            en=f"{len(report.accepted)} files have other bytes than the public ones but decode to 480x360: kept as they are, for instance {report.accepted[0]}",
            ko=f"{len(report.accepted)}개는 공개된 파일과 바이트는 다르지만 480x360으로 읽혀서 그대로 두었어요. 예: {report.accepted[0]}"))
    if report.aside:
        lines.append(say(en=f"{len(report.aside)} damaged files were renamed, for instance to {report.aside[0]}",
                         ko=f"손상된 파일 {len(report.aside)}개는 이름을 바꿔 두었어요. 예: {report.aside[0]}"))
    lines.append(say(en="pictures with their labels: ", ko="레이블이 있는 이미지: ")
                 + ", ".join(f"{split} {count}/{camvid.COUNTS[split]}" for split, count in camvid.counted(folder).items()))
    strangers = camvid.strangers(folder)
    if strangers:
        lines.append(say(
            en=f"{len(strangers)} files are not CamVid's, for instance {strangers[0]}: they are read along, so move them away to compare scores",
            ko=f"CamVid에 없는 파일이 {len(strangers)}개 있어요. 예: {strangers[0]}. 함께 읽히니 점수를 비교하려면 다른 곳으로 옮겨 주세요"))
    return lines


def _did_not_come(lacking: int, of: int, report, folder: Path) -> str:
    from segcourse.datasets import camvid

    file, why = report.failed[0] if report.failed else (report.untried[0], say(en="not tried", ko="시도하지 못함"))
    return say(
        en=f"{lacking} of {of} files did not come, the first {file}: {why}. Run the command again, it goes on where it stopped; or by hand: "
           f"`git clone --depth 1 {camvid.HOME}` in {folder.parent}",
        ko=f"파일 {of}개 가운데 {lacking}개를 못 받았어요. 처음 못 받은 것은 {file}({why}). 다시 실행하면 이어서 받아요. 직접 받으려면 {folder.parent}에서 "
           f"`git clone --depth 1 {camvid.HOME}`을 실행해 주세요.")
