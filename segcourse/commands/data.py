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
        *_archive("voc", root), *_archive("sbd", root), *_archive("voc2011", root),
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


_ARCHIVES = {      # what each is for: English, Korean
    "voc": ("PASCAL VOC 2012, for the splits train and valid", "PASCAL VOC 2012. train과 valid 분할에 써요"),
    "sbd": ("more labels for VOC's images, for voc's splits train_aug, sbd_train and seg11valid",
            "VOC 이미지의 추가 레이블. voc의 train_aug, sbd_train, seg11valid 분할에 써요"),
    "voc2011": ("PASCAL VOC 2011, for voc's split seg11valid alone", "PASCAL VOC 2011. voc의 seg11valid 분할에만 써요"),
}


def _archive(name: str, root: Path | None) -> list[str]:
    from segcourse.datasets import voc

    place, base, archive = voc.whole(name, root), data_root(root), voc.archives()[name]
    if place is not None:
        return [line(name, f"{place}: " + ", ".join(f"{part} {count}" for part, count in voc.counted(name, root).items()))]
    en, ko = _ARCHIVES[name]
    cost = say(en=f"about {megabytes(archive.size)}", ko=f"약 {megabytes(archive.size)}") if archive.exact else say(en="its size is not known here", ko="크기는 아직 몰라요")
    room = free(base)
    left = "" if room is None else say(en=f", {megabytes(room)} free", ko=f", 남은 공간 {megabytes(room)}")
    part = voc.counted(name, root)
    there = say(en=f"not all of it is in {base}", ko=f"{base}에 일부만 있어요") if part else say(en=f"not in {base}", ko=f"{base}에 없어요")
    return [line(name, say(en=f"{en}; {there}: `segcourse data get {name}` fetches {archive.file}, {cost}{left}",
                           ko=f"{ko}. {there}. `segcourse data get {name}`로 받아 주세요({archive.file}, {cost}{left})")),
            line("", say(en=f"by hand: put {archive.file} into {base} and run `segcourse data get {name}`, which checks and unpacks it",
                         ko=f"직접 받으려면 {archive.file} 파일을 {base}에 넣고 {josa(f'`segcourse data get {name}`', '을/를')} 실행해 주세요. 확인하고 풀어 줘요"))]


class _Lines:
    """Progress where there is no terminal to draw a bar in: a line for every tenth part, and one for silence."""

    def __init__(self, name: str, files: int, size: int):
        self.name, self.files, self.size, self.done, self.came, self.tenth, self.spoken = name, files, size, 0, 0, 0, time.monotonic()

    def settled(self, _path: str, size: int) -> None:
        self.done += 1
        self.reached(self.came + size)

    def reached(self, came: int) -> None:
        self.came = came
        tenth = 10 * self.came // max(self.size, 1)
        if tenth > self.tenth or came < self.size and time.monotonic() > self.spoken + 30:
            self.tenth, self.spoken = tenth, time.monotonic()
            files = f" {self.done}/{self.files}" if self.files > 1 else ""
            print(f"{self.name}{files}  {megabytes(self.came)} / {megabytes(self.size)}", flush=True)

    def notice(self, text: str) -> None:
        print(text, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class _Bar:
    """Progress in a terminal."""

    def __init__(self, name: str, files: int, size: int):
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

        text = name + (" {task.fields[done]}/{task.fields[of]}" if files > 1 else "")
        self.bar = Progress(TextColumn(text), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
                            TimeRemainingColumn())
        self.done = 0
        self.task = self.bar.add_task("", total=size, done=0, of=files)

    def settled(self, _path: str, size: int) -> None:
        self.done += 1
        self.bar.update(self.task, advance=size, done=self.done)

    def reached(self, came: int) -> None:
        self.bar.update(self.task, completed=came)

    def notice(self, text: str) -> None:
        self.bar.print(text, highlight=False, markup=False)

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *_):
        self.bar.stop()


def get(name: str, root: Path | None, mirror: str | None, say_line: Callable[[str], None] = print) -> None:
    """Fetch the data set `name`, or the archive sbd or voc2011 that voc's other splits need, showing progress, and say what there is now. Raises RuntimeError where files did not come, saying why and
    what to do; Interrupted, with what is there, on Ctrl-C.
    """
    from segcourse import datasets
    from segcourse.datasets import camvid

    if name in _ARCHIVES:
        _get_archive(name, root, mirror, say_line)
        return
    if datasets.check_name(name) != "camvid":
        say_line(say(en=f"{name}: nothing to fetch, it needs no download", ko=f"{josa(name, '은/는')} 받을 것이 없어요. 바로 쓸 수 있어요"))
        return
    files = camvid.manifest()
    progress = (_Bar if sys.stdout.isatty() else _Lines)(name, len(files), sum(file.size for file in files))
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


def _get_archive(name: str, root: Path | None, mirror: str | None, say_line: Callable[[str], None]) -> None:
    from segcourse.datasets import archives, voc

    archive, base = voc.archives()[name], data_root(root)
    progress = (_Bar if sys.stdout.isatty() else _Lines)(name, 1, archive.size)
    with progress:
        try:
            report = archives.bring(archive, base, is_there=lambda: voc.whole(name, root), mirror=mirror, progress=progress.reached,
                                    notice=progress.notice)
        except KeyboardInterrupt:
            raise Interrupted(say(en=f"stopped by Ctrl-C; what has come of {archive.file} stays in {base}. Run the command again: it goes on from there",
                                  ko=f"Ctrl-C로 멈췄어요. {archive.file} 파일은 받은 만큼 {base}에 있어요. 다시 실행하면 이어서 받아요")) from None
    for path in report.aside:
        say_line(say(en=f"what was in the way is now {path}", ko=f"그 자리에 있던 것은 이름을 {josa(path, '으로/로')} 바꿨어요"))
    if report.folder is None:
        address, why = report.failed[-1]
        raise RuntimeError(say(
            en=f"{archive.file} did not come; {len(report.failed)} tried, the last {address} ({why}). Run the command again later; or "
               f"{archives.by_hand(archive, base)}",
            ko=f"{archive.file} 파일을 못 받았어요. {len(report.failed)}곳을 시도했고 마지막은 {address}였어요({why}). 나중에 다시 실행해 주세요. "
               f"{archives.by_hand(archive, base)}."))
    if report.came:
        how = say(en=f"fetched and unpacked ({megabytes(report.bytes)}, {report.seconds:.0f} s)",
                  ko=f"받아서 풀었어요({megabytes(report.bytes)}, {report.seconds:.0f}초)")
    elif report.kept:
        how = say(en=f"unpacked from {report.kept}, which may be deleted now", ko=f"{report.kept}에서 풀었어요. 이 파일은 이제 지워도 돼요")
    else:
        how = say(en="was there", ko="이미 있었어요")
    say_line(f"{report.folder}: {how}")
    counts = ", ".join(f"{part} {count}" for part, count in voc.counted(name, root).items())
    say_line(say(en=f"pictures its lists name: {counts}", ko=f"목록에 있는 이미지: {counts}"))


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
        ko=f"파일 {of}개 가운데 {lacking}개를 못 받았어요. 처음 못 받은 것은 {josa(file, '이에요/예요')}({why}). 다시 실행하면 이어서 받아요. 직접 받으려면 {folder.parent}에서 "
           f"`git clone --depth 1 {camvid.HOME}`을 실행해 주세요.")
