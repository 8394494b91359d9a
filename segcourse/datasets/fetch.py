"""Files of a data set brought one by one, several at a time, each checked against a manifest before it gets its name.

Nothing half-written ever stands under a file's own name: a file grows in `.segcourse-part` beside the data set and is renamed when its length
and SHA-256 are right. So a run that was stopped, or killed, goes on where it was. A reader's own file is never deleted: where a damaged one
is in the way, it is renamed to NAME.aside.
"""

import hashlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from segcourse.language import say

STAGING = ".segcourse-part"
GIVE_UP = 8              # files that fail one after the other: the server or the way to it is gone
_CHUNK = 1 << 12


@dataclass(frozen=True)
class Entry:
    """One line of a manifest: where the file belongs, its length in bytes, its SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass
class Report:
    """What a run did. `failed` holds (file, why); `accepted` files of other bytes that hold the right kind of picture; `aside` files renamed."""

    fetched: list[str] = field(default_factory=list)
    right: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    bytes: int = 0
    seconds: float = 0.0


class Unwelcome(Exception):
    """An answer that will not get better by asking again."""


class Stopped(Exception):
    """The run ends: this file is not waited for."""


def read_manifest(text: str) -> list[Entry]:
    """Lines ``SHA-256  bytes  path``. Raises ValueError for a line of any other form, and for a path that leaves the folder."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.split(maxsplit=2)
        if not parts:
            continue
        if len(parts) != 3 or len(parts[0]) != 64 or not parts[1].isdigit() or os.path.isabs(parts[2]) or ".." in parts[2].split("/"):
            raise ValueError(say(en=f"line {number} of the manifest is not 'SHA-256 bytes path': {line[:80]!r}",
                                 ko=f"목록의 {number}번째 줄이 'SHA-256 바이트 경로' 꼴이 아니에요. {line[:80]!r}을 고쳐 주세요."))
        entries.append(Entry(parts[2], int(parts[1]), parts[0].lower()))
    return entries


def is_right(path: Path, entry: Entry) -> bool:
    """Whether the file at `path` is, byte for byte, the one the manifest names."""
    if not path.is_file() or path.stat().st_size != entry.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256


def _checked_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")):
        raise ValueError(say(en=f"{url} is no https address: give one that begins with https://", ko=f"{url}는 https 주소가 아니에요. https://로 시작하는 주소를 써 주세요."))
    return url


class _Download:
    """A downloader for pooch: follows redirects within its host alone, and stops at the entry's length, at silence, and at `deadline`."""

    def __init__(self, entry: Entry, *, timeout: float, stop: threading.Event):
        self.entry, self.timeout, self.stop = entry, timeout, stop

    def __call__(self, url, output_file, _pooch):
        home = urlsplit(url)[:2]
        for _ in range(4):
            with requests.get(url, stream=True, timeout=self.timeout, allow_redirects=False) as answer:
                if answer.is_redirect:
                    url = urljoin(url, answer.headers["Location"])
                    if urlsplit(url)[:2] != home:
                        raise Unwelcome(say(en=f"the server sends us away, to {urlsplit(url).netloc}", ko=f"서버가 다른 곳({urlsplit(url).netloc})으로 보내요"))
                    continue
                if 400 <= answer.status_code < 500 and answer.status_code not in (408, 429):
                    raise Unwelcome(say(en=f"the server answers {answer.status_code}", ko=f"서버가 {answer.status_code}로 답해요"))
                if answer.status_code != 200:
                    raise requests.HTTPError(say(en=f"the server answers {answer.status_code}", ko=f"서버가 {answer.status_code}로 답해요"))
                self._read(answer, output_file)
                return
        raise Unwelcome(say(en="the server redirects for ever", ko="서버가 끝없이 다른 주소로 보내요"))

    def _read(self, answer, output_file):
        deadline = time.monotonic() + self.timeout * 4 + self.entry.size / 20_000      # 20 kB/s is slow, and still arrives
        got = 0
        with open(output_file, "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                if self.stop.is_set():
                    raise Stopped
                got += len(chunk)
                if got > self.entry.size or time.monotonic() > deadline:
                    break
                file.write(chunk)
        if time.monotonic() > deadline:
            raise requests.Timeout(say(en="it comes too slowly", ko="너무 느리게 와요"))
        if got != self.entry.size:
            raise requests.ConnectionError(say(en=f"{got} of {self.entry.size} bytes came", ko=f"{self.entry.size}바이트 가운데 {got}바이트만 왔어요"))


def _reason(error: Exception) -> str:
    """Why a file did not come, in a few words; requests' own messages are addresses and object names."""
    text = " ".join(str(error).split())
    if isinstance(error, ValueError) and not isinstance(error, requests.RequestException):     # pooch: another hash
        return say(en="other bytes came than the manifest names", ko="목록과 다른 내용이 왔어요")
    if "timed out" in text:
        return say(en="the server does not answer in time", ko="서버가 제때 답하지 않아요")
    if "IncompleteRead" in text or "Connection broken" in text:
        return say(en="the connection broke off", ko="연결이 중간에 끊겼어요")
    if "ConnectionPool" in text or "Connection aborted" in text:
        return say(en="the server cannot be reached", ko="서버에 연결할 수 없어요")
    return text or type(error).__name__


def _bring(entry: Entry, base: str, folder: Path, *, tries: int, pause: float, timeout: float, stop: threading.Event) -> str | None:
    """Fetch one file into its place. Returns the name its predecessor was given, if one stood there."""
    import pooch                                         # only here: reading data sets needs it nowhere

    pooch.get_logger().setLevel(logging.WARNING)         # a line for each of a thousand files would hide the rest
    staging = folder / STAGING
    name = entry.path.replace("/", "__")
    for attempt in range(tries):
        try:
            came = pooch.retrieve(base + entry.path, known_hash=f"sha256:{entry.sha256}", fname=name, path=staging,
                                  downloader=_Download(entry, timeout=timeout, stop=stop))
            break
        except (requests.RequestException, ValueError):
            if attempt + 1 == tries or stop.wait(pause * 2 ** attempt):
                raise
    place, aside = folder / entry.path, None
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        aside = place.with_name(place.name + ".aside")
        number = 1
        while aside.exists():
            number += 1
            aside = place.with_name(f"{place.name}.aside{number}")
        os.replace(place, aside)
    os.replace(came, place)
    return None if aside is None else str(aside)


def fetch(entries: Iterable[Entry], base: str, folder: str | Path, *, accept: Callable[[Path, Entry], bool] | None = None, workers: int = 8,
          tries: int = 4, pause: float = 0.5, timeout: float = 20.0, progress: Callable[[str, int], None] | None = None) -> Report:
    """Bring every file of a manifest from `base` + its path to `folder` / its path; what is right already is not asked for again.

    `accept(path, entry)` says whether what the reader has there, if anything, will do although its bytes differ. `timeout` is in seconds of silence, `pause` the first wait before another try
    (doubled each time). `progress(path, bytes)` is called from the calling thread as files are settled. A file that fails does not stop the
    others; when eight fail in a row, the rest is not tried. Raises ValueError for an address that is not https, PermissionError where
    nothing can be written; on KeyboardInterrupt what has come stays.
    """
    base, folder, started = _checked_address(base if base.endswith("/") else base + "/"), Path(folder), time.monotonic()
    report, wanted = Report(), []
    with ThreadPoolExecutor(workers) as pool:
        entries = list(entries)
        for entry, right in zip(entries, pool.map(lambda e: is_right(folder / e.path, e), entries)):
            kept = right or (accept is not None and accept(folder / entry.path, entry))
            if kept:
                (report.right if right else report.accepted).append(entry.path)
                if progress:
                    progress(entry.path, entry.size)
            else:
                wanted.append(entry)
    staging = folder / STAGING
    shutil.rmtree(staging, ignore_errors=True)           # what a killed run left
    if not wanted:
        report.seconds = time.monotonic() - started
        return report
    staging.mkdir(parents=True)
    stop, pool, in_a_row = threading.Event(), ThreadPoolExecutor(workers), 0
    try:
        jobs = {pool.submit(_bring, entry, base, folder, tries=tries, pause=pause, timeout=timeout, stop=stop): entry for entry in wanted}
        for job in as_completed(jobs):
            entry = jobs[job]
            if job.cancelled():
                report.untried.append(entry.path)
                continue
            try:
                aside = job.result()
            except OSError as error:
                if not isinstance(error, requests.RequestException):
                    raise                                # a full disk, a folder that may not be written: no other file will do better
                report.failed.append((entry.path, _reason(error)))
            except Stopped:
                report.untried.append(entry.path)
            except (Unwelcome, ValueError) as error:
                report.failed.append((entry.path, _reason(error)))
            else:
                report.fetched.append(entry.path)
                report.bytes += entry.size
                report.aside += [aside] if aside else []
            if progress:
                progress(entry.path, entry.size)
            in_a_row = in_a_row + 1 if report.failed and report.failed[-1][0] == entry.path else 0
            if in_a_row == GIVE_UP:
                stop.set()
                for other in jobs:
                    other.cancel()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(staging, ignore_errors=True)
    report.seconds = time.monotonic() - started
    return report
