"""A data set that comes as one large archive: fetched from the first mirror that has it, checked, unpacked, and put in its place whole.

The archive grows as NAME.part in the data folder, is checked by its MD5 and only then gets its name; what it holds is unpacked in
`.segcourse-part` and renamed into place. So a run that was stopped, or killed, goes on where it was, and nothing half-written ever stands under
its own name. Of two runs at once the second waits. A reader's own file is never deleted: what is in the way is renamed to NAME.aside. An archive
put into the data folder by hand is checked and unpacked like one that came.
"""

import contextlib
import hashlib
import logging
import os
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from segcourse.datasets import disk, fetch
from segcourse.language import josa, say

_CHUNK = 1 << 18
_SPARE = 1 << 26          # bytes left free on the disk beyond what is to come


@dataclass(frozen=True)
class Archive:
    """One archive: `name` as in ``segcourse data get NAME``, its `file` and `md5`, its length in bytes (`size`; `exact` where it is known to the
    byte), the bytes it unpacks to, roughly (`unpacked`), the folder in it that is wanted (`inside`), which is also where it belongs under the
    data folder, and the https `addresses` that have it, first the data set's own."""

    name: str
    file: str
    md5: str
    size: int
    unpacked: int
    inside: str
    addresses: tuple[str, ...]
    exact: bool = True


@dataclass
class Report:
    """What a run did: `folder` if the data set is there now; `came` whether the archive was fetched, `kept` the reader's own archive if one was
    used; `aside` what was renamed; `failed` (address, why)."""

    folder: Path | None = None
    came: bool = False
    kept: Path | None = None
    aside: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    bytes: int = 0
    seconds: float = 0.0


class _Run:
    """What the working thread and the calling one share."""

    def __init__(self):
        self.ends, self.notices, self.got = threading.Event(), fetch.queue.SimpleQueue(), 0

    def check(self) -> None:
        if self.ends.is_set():
            raise fetch.Stopped


def by_hand(archive: Archive, root: Path) -> str:
    """How to bring the archive without this program, in the language in force."""
    return say(
        en=f"by hand: get {archive.file} (MD5 {archive.md5}) from {archive.addresses[0]} or a colleague, put it into {root}, and run "
           f"`segcourse data get {archive.name}` again: it checks and unpacks it",
        ko=f"직접 받으려면 {archive.file} 파일(MD5 {archive.md5})을 {archive.addresses[0]} 에서 받거나 동료에게 얻어서 {root} 폴더에 넣고 "
           f"{josa(f'`segcourse data get {archive.name}`', '을/를')} 다시 실행해 주세요. 확인하고 풀어 줘요")


def at_mirror(archive: Archive, mirror: str) -> str:
    """The archive's address at a mirror the reader names: the file's own, or that of the folder it lies in."""
    return mirror if mirror.endswith(archive.file) else mirror.rstrip("/") + "/" + archive.file


def md5_of(path: Path, check: Callable[[], None] = lambda: None) -> str:
    """The MD5 of a file in hexadecimal; `check` is called now and then, and may raise."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
            check()
    return digest.hexdigest()


def put_aside(path: Path) -> Path:
    """Rename what stands at `path` to NAME.aside, or NAME.aside2 and so on, and return where it is now."""
    aside, number = path.with_name(path.name + ".aside"), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.aside{number}")
    os.replace(path, aside)
    return aside


class _Download:
    """A downloader for pooch: goes on with `part` where it ends, follows redirects to other https hosts, and hands the whole file over.

    A mirror may send elsewhere, as a storage network does: what comes is checked by its MD5, whoever sent it.
    """

    def __init__(self, archive: Archive, part: Path, run: _Run, timeout: float):
        self.archive, self.part, self.run, self.timeout = archive, part, run, timeout
        self.resumed = False

    def __call__(self, url, output_file, _pooch):
        for _ in range(6):
            self.run.check()
            have = self.part.stat().st_size if self.part.exists() else 0
            # identity: some servers call a .tgz an encoding, and the file would come unpacked
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
            with requests.get(url, stream=True, timeout=self.timeout, allow_redirects=False, headers=headers) as answer:
                if answer.is_redirect:
                    try:
                        url = fetch._checked_address(urljoin(url, answer.headers["Location"]))
                    except ValueError as error:
                        raise fetch.Unwelcome(str(error)) from error
                    continue
                if answer.status_code == 416:             # the part is as long as the file, or longer: begin anew
                    self.part.unlink()
                    continue
                self._check(answer)
                start = have if answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-") else 0
                if answer.status_code == 206 and not start:
                    raise fetch.Unwelcome(say(en="the server sends another piece than it was asked for", ko="서버가 요청과 다른 부분을 보내요"))
                self.resumed = start > 0
                self._read(answer, start)
            os.replace(self.part, output_file)
            return
        raise fetch.Unwelcome(say(en="the server redirects for ever", ko="서버가 끝없이 다른 주소로 보내요"))

    def _check(self, answer) -> None:
        status = answer.status_code
        if status == 407:
            raise fetch.Unwelcome(fetch._wants_a_name(answer.url))
        if status not in (200, 206):
            kind = fetch.Unwelcome if 400 <= status < 500 and status not in (408, 429) else requests.HTTPError
            raise kind(say(en=f"the server answers {status}", ko=f"서버가 {status}로 답해요"))
        if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise fetch._page_instead(fetch.Entry(self.archive.file, self.archive.size, ""))

    def _read(self, answer, start: int) -> None:
        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        if self.archive.exact and total not in (None, self.archive.size):
            raise fetch.Unwelcome(say(en=f"it has another file: {total} bytes, not {self.archive.size}",
                                      ko=f"다른 파일이 있어요. {self.archive.size}바이트여야 하는데 {total}바이트예요"))
        self.run.got = start
        try:
            with open(self.part, "ab" if start else "wb") as file:
                for chunk in answer.raw.stream(_CHUNK, decode_content=False):
                    self.run.check()
                    file.write(chunk)
                    self.run.got += len(chunk)
        except fetch.Stopped:
            raise
        except Exception as error:                        # urllib3's own, since the raw stream is read
            if isinstance(error, OSError) and not isinstance(error, TimeoutError) and error.errno is not None:
                raise
            raise requests.ConnectionError(str(error)) from error
        if total is not None and self.run.got != total:
            raise requests.ConnectionError(say(en=f"{self.run.got} of {total} bytes came", ko=f"{total}바이트 가운데 {self.run.got}바이트만 왔어요"))


def _fetch_from(archive: Archive, address: str, root: Path, staging: Path, run: _Run, *, tries: int, pause: float, timeout: float) -> Path:
    """Fetch the archive into `root` under its own name. Raises requests.RequestException, fetch.Unwelcome or ValueError (another MD5)."""
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    part = root / (archive.file + ".part")
    for attempt in range(tries):
        download = _Download(archive, part, run, timeout)
        try:
            came = pooch.retrieve(address, known_hash=f"md5:{archive.md5}", fname=archive.file, path=staging, downloader=download)
            break
        except requests.RequestException:
            if attempt + 1 == tries or run.ends.wait(pause * 2 ** attempt):
                raise
        except ValueError:
            if attempt + 1 == tries or not download.resumed:      # a part that another file's beginning spoilt is worth one more try
                raise
    run.check()
    os.replace(came, root / archive.file)
    return root / archive.file


def _unpack(archive: Archive, path: Path, staging: Path, run: _Run) -> Path:
    """Unpack `path` into `staging` and return the folder that is wanted. Raises ValueError for an archive that is none, or would write elsewhere."""
    if not hasattr(tarfile, "data_filter"):
        raise ValueError(say(en="Python 3.11.4 or newer is needed to unpack archives safely: update Python",
                             ko="압축을 안전하게 풀려면 파이썬 3.11.4 이상이 필요해요. 파이썬을 업데이트해 주세요."))
    place = staging / "unpacked"
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                run.check()
                tar.extract(member, place, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise ValueError(say(en=f"{path} cannot be unpacked ({error}): fetch it again", ko=f"{path} 파일을 풀 수 없어요({error}). 다시 받아 주세요.")) from error
    if not (place / archive.inside).is_dir():
        raise ValueError(say(en=f"{path} holds no folder {archive.inside}: fetch it again", ko=f"{path} 파일에 {archive.inside} 폴더가 없어요. 다시 받아 주세요."))
    return place / archive.inside


def _work(archive: Archive, root: Path, addresses: list[str], staging: Path, run: _Run, report: Report, **patience) -> None:
    """Find or fetch the archive, unpack it and put it into its place; what happened is noted in the report."""
    path = root / archive.file
    if path.is_file():
        run.notices.put(say(en=f"{path} is there: checking it", ko=f"{path} 파일이 있어서 확인하고 있어요"))
        found = md5_of(path, run.check)
        if found == archive.md5:
            report.kept = path
        else:
            aside = put_aside(path)
            report.aside.append(str(aside))
            run.notices.put(say(en=f"its MD5 is {found}, not {archive.md5}: renamed to {aside}",
                                ko=f"MD5가 달라서(맞는 값 {archive.md5}, 이 파일 {found}) 이름을 {josa(aside, '으로/로')} 바꿨어요"))
    if report.kept is None:
        for address in addresses:
            run.notices.put(say(en=f"fetching {address}", ko=f"{address} 에서 받고 있어요"))
            try:
                _fetch_from(archive, address, root, staging, run, **patience)
                report.came, report.bytes = True, run.got
                break
            except (requests.RequestException, fetch.Unwelcome, ValueError) as error:
                why = fetch._reason(error, address)
                if isinstance(error, ValueError) and not isinstance(error, requests.RequestException):
                    why = say(en=f"what came has not the MD5 {archive.md5}", ko=f"받은 파일의 MD5가 달라요(맞는 값 {archive.md5})")
                report.failed.append((address, why))
                run.notices.put(say(en=f"{urlsplit(address).netloc}: {why}", ko=f"{urlsplit(address).netloc}: {why}"))
        else:
            return
    run.notices.put(say(en=f"unpacking {archive.file}", ko=f"{archive.file} 파일을 풀고 있어요"))
    unpacked, place = _unpack(archive, path, staging, run), root / archive.inside
    run.check()
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        report.aside.append(str(put_aside(place)))
    os.replace(unpacked, place)
    if report.kept is None:
        path.unlink()
    report.folder = place


def bring(archive: Archive, root: str | Path, *, is_there: Callable[[], Path | None], mirror: str | None = None, tries: int = 3, pause: float = 0.5,
          timeout: float = 30.0, progress: Callable[[int], None] | None = None, notice: Callable[[str], None] | None = None) -> Report:
    """Bring an archive's folder to `root` / `archive.inside`, unless `is_there()` finds it whole already.

    The mirrors are tried in turn, or `mirror` alone; `timeout` is in seconds of silence, `pause` the first wait before another try at a mirror
    (doubled each time). `progress(bytes)` is told how much has come, `notice(text)` what is being done and why a mirror failed, both from the
    calling thread. Where no mirror has it, the report has no folder, and says why. Raises ValueError for an address that is not https or an
    archive that cannot be unpacked, PermissionError or another OSError, saying what to do, where the disk refuses; on KeyboardInterrupt, which
    is heeded within a second or two, what has come stays.
    """
    root, started, report, notice = Path(root), time.monotonic(), Report(), notice or (lambda text: None)
    addresses = [fetch._checked_address(address) for address in ([at_mirror(archive, mirror)] if mirror else archive.addresses)]
    report.folder = is_there()
    if report.folder is not None:
        return report
    part, wanted = root / (archive.file + ".part"), archive.unpacked + _SPARE
    if not (root / archive.file).is_file():
        wanted += max(archive.size - (part.stat().st_size if part.is_file() else 0), 0)
    room = disk.free(root)
    if room is not None and room < wanted:
        raise disk.too_little(root, room, wanted)
    run = _Run()
    try:
        with fetch._alone(root, notice) as staging:
            report.folder = is_there()                    # another run may have brought it
            if report.folder is None:
                _watch(lambda _: _work(archive, root, addresses, staging, run, report, tries=tries, pause=pause, timeout=timeout),
                       archive, run, progress or (lambda done: None), notice)
    except (requests.RequestException, fetch.Unwelcome):
        raise
    except OSError as error:
        raise disk.explained(error, root, wanted) from error
    report.seconds = time.monotonic() - started
    return report


def _watch(work, archive: Archive, run: _Run, progress, notice) -> None:
    """Run `work` in a thread that holds up neither Ctrl-C nor the end of the process, and pass on what it reports."""
    with contextlib.closing(fetch._spread(work, [archive], 1, run.ends)) as results:
        try:
            for settled in results:
                while not run.notices.empty():
                    notice(run.notices.get())
                progress(run.got)
                if settled is not None and settled[2] is not None:
                    raise settled[2]
        finally:
            run.ends.set()
