"""Files of a data set brought one by one, several at a time, each checked against a manifest before it gets its name.

Nothing half-written ever stands under a file's own name: a file grows in `.segcourse-part` beside the data set and is renamed when its length
and SHA-256 are right. So a run that was stopped, or killed, goes on where it was. Of two runs at once the second waits: the first holds a lock
that the operating system takes back from a process that is killed. A reader's own file is never deleted: where a damaged one is in the way, it
is renamed to NAME.aside.
"""

import contextlib
import contextvars
import email.utils
import hashlib
import json
import logging
import math
import os
import platform
import queue
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from segcourse.datasets import disk
from segcourse.language import say

STAGING = ".segcourse-part"
LOCK = ".segcourse-lock"
GIVE_UP = 8              # files that fail one after the other: the server or the way to it is gone
LONGEST_PAUSE = 120      # seconds: a server that asks for more is asked again by the reader
_GRACE = 1.0             # seconds that threads get to notice that the run ends
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


class Closed(Unwelcome):
    """An answer that no other file will better, either: the run ends."""


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


class _Server:
    """What the threads of a run share: whether it ends, until when the server wants quiet, and what the reader should be told."""

    def __init__(self):
        self.ends, self.notices = threading.Event(), queue.SimpleQueue()
        self._quiet_until, self._own = 0.0, threading.local()

    def session(self) -> requests.Session:
        """The calling thread's own, so that connections are kept open from file to file."""
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
        return self._own.session

    def wait(self) -> None:
        """Sleep while the server wants quiet. Raises Stopped when the run ends meanwhile."""
        while not self.ends.is_set():
            left = self._quiet_until - time.monotonic()
            if left <= 0:
                return
            self.ends.wait(left)
        raise Stopped

    def keep_quiet(self, seconds: float) -> None:
        """Ask for nothing for a while. Raises Closed where that is too long to wait."""
        if seconds > LONGEST_PAUSE:
            minutes = math.ceil(seconds / 60)
            self.ends.set()                              # here, before a thread asks for the next file
            raise Closed(say(en=f"the server has had enough questions and asks to wait {minutes} minutes",
                             ko=f"요청이 너무 많아서 서버가 {minutes}분 뒤에 다시 시도하라고 해요"))
        until = time.monotonic() + seconds
        if until > self._quiet_until + 0.5:
            self.notices.put(say(en=f"the server asks for a pause of {math.ceil(seconds)} s: waiting",
                                 ko=f"서버가 {math.ceil(seconds)}초 쉬라고 해서 기다리고 있어요"))
        self._quiet_until = max(self._quiet_until, until)


def _seconds(text: str | None) -> float | None:
    """Retry-After, which is a number of seconds or a date (RFC 9110, 10.2.3), in seconds from now; None for neither."""
    text = (text or "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return None


def _page_instead(entry: Entry) -> Unwelcome:
    kind = entry.path.rpartition(".")[2].upper()
    return Unwelcome(say(
        en=f"an HTML page came instead of a {kind}, as a proxy or the login page of a network sends: open any page in a browser and log in, "
           f"or use another network",
        ko=f"{kind} 대신 HTML 페이지가 왔어요. 프록시나 네트워크 로그인 페이지 같아요. 브라우저에서 아무 페이지나 열어 로그인하거나 "
           f"다른 네트워크를 써 주세요"))


class _Download:
    """A downloader for pooch: follows redirects within its host alone, and stops at the entry's length, at silence, and at `deadline`."""

    def __init__(self, entry: Entry, server: _Server, timeout: float):
        self.entry, self.server, self.timeout = entry, server, timeout

    def __call__(self, url, output_file, _pooch):
        home = urlsplit(url)[:2]
        for _ in range(4):
            self.server.wait()
            with self.server.session().get(url, stream=True, timeout=self.timeout, allow_redirects=False) as answer:
                if answer.is_redirect:
                    url = urljoin(url, answer.headers["Location"])
                    if urlsplit(url)[:2] != home:
                        away = urlsplit(url).netloc
                        raise Unwelcome(say(en=f"the server sends us away, to {away} (the login page of a network? open any page in a browser)",
                                            ko=f"서버가 다른 곳({away})으로 보내요. 네트워크 로그인 페이지인지 브라우저에서 확인해 주세요"))
                    continue
                self._check(answer)
                self._read(answer, output_file)
                return
        raise Unwelcome(say(en="the server redirects for ever", ko="서버가 끝없이 다른 주소로 보내요"))

    def _check(self, answer) -> None:
        status = answer.status_code
        if status == 407:
            raise Unwelcome(_wants_a_name(answer.url))
        wait = _seconds(answer.headers.get("Retry-After")) if status in (429, 503) else None
        if wait is not None:
            self.server.keep_quiet(wait)
        if status != 200:
            kind = Unwelcome if 400 <= status < 500 and status not in (408, 429) else requests.HTTPError
            raise kind(say(en=f"the server answers {status}", ko=f"서버가 {status}로 답해요"))
        if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise _page_instead(self.entry)

    def _read(self, answer, output_file):
        deadline = time.monotonic() + self.timeout * 4 + self.entry.size / 20_000      # 20 kB/s is slow, and still arrives
        got = 0
        with open(output_file, "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                if self.server.ends.is_set():
                    raise Stopped
                if not got and chunk.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
                    raise _page_instead(self.entry)
                got += len(chunk)
                if got > self.entry.size or time.monotonic() > deadline:
                    break
                file.write(chunk)
        if time.monotonic() > deadline:
            raise requests.Timeout(say(en="it comes too slowly", ko="너무 느리게 와요"))
        if got != self.entry.size:
            raise requests.ConnectionError(say(en=f"{got} of {self.entry.size} bytes came", ko=f"{self.entry.size}바이트 가운데 {got}바이트만 왔어요"))


def _proxy(url: str) -> str:
    """The proxy that questions to `url` go through, without the name and password in it."""
    chosen = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)) or ""
    parts = urlsplit(chosen)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else chosen


def _wants_a_name(url: str) -> str:
    return say(en=f"the proxy {_proxy(url)} asks for a name and a password: write them into HTTPS_PROXY as http://NAME:PASSWORD@HOST:PORT",
               ko=f"프록시 {_proxy(url)}에 로그인이 필요해요. HTTPS_PROXY에 http://이름:비밀번호@주소:포트 꼴로 적어 주세요")


def _reason(error: Exception, url: str) -> str:
    """Why a file did not come, in a few words; requests' own messages are addresses and object names."""
    text = " ".join(str(error).split())
    if isinstance(error, ValueError) and not isinstance(error, requests.RequestException):     # pooch: another hash
        return say(en="other bytes came than the manifest names", ko="목록과 다른 내용이 왔어요")
    if isinstance(error, requests.exceptions.ProxyError):
        if re.search(r"\b407\b", text):                  # as a word: the text also has the addresses of objects in memory
            return _wants_a_name(url)
        return say(en=f"the proxy {_proxy(url)} cannot be reached: correct HTTPS_PROXY (or the system's proxy), or unset it",
                   ko=f"프록시 {_proxy(url)}에 연결할 수 없어요. HTTPS_PROXY나 시스템 프록시 설정을 고치거나 지워 주세요")
    if isinstance(error, requests.exceptions.SSLError):
        return say(en="the server's certificate is not one this computer trusts, as behind a proxy that reads along: set REQUESTS_CA_BUNDLE to the "
                      "proxy's certificate, or use another network",
                   ko="서버 인증서를 믿을 수 없어요. 보안 프록시가 중간에 있다면 REQUESTS_CA_BUNDLE에 그 인증서를 적거나 다른 네트워크를 써 주세요")
    host = urlsplit(url).hostname
    if any(words in text for words in ("NameResolutionError", "Failed to resolve", "getaddrinfo failed", "Name or service not known")):
        return say(en=f"the name {host} is not found: is this computer on the network?", ko=f"{host} 주소를 찾을 수 없어요. 네트워크 연결을 확인해 주세요")
    if "timed out" in text:
        return say(en="the server does not answer in time", ko="서버가 제때 답하지 않아요")
    if "IncompleteRead" in text or "Connection broken" in text:
        return say(en="the connection broke off", ko="연결이 중간에 끊겼어요")
    if "ConnectionPool" in text or "Connection aborted" in text:
        return say(en=f"the server {host} cannot be reached: is this computer on the network?", ko=f"서버 {host}에 연결할 수 없어요. 네트워크 연결을 확인해 주세요")
    return text or type(error).__name__


def _bring(entry: Entry, base: str, folder: Path, staging: Path, server: _Server, *, tries: int, pause: float, timeout: float) -> str | None:
    """Fetch one file into its place. Returns the name its predecessor was given, if one stood there."""
    import pooch                                         # only here: reading data sets needs it nowhere

    pooch.get_logger().setLevel(logging.WARNING)         # a line for each of a thousand files would hide the rest
    name = entry.path.replace("/", "__")
    for attempt in range(tries):
        try:
            came = pooch.retrieve(base + entry.path, known_hash=f"sha256:{entry.sha256}", fname=name, path=staging,
                                  downloader=_Download(entry, server, timeout))
            break
        except (requests.RequestException, ValueError):
            if attempt + 1 == tries or server.ends.wait(pause * 2 ** attempt):
                raise
    if server.ends.is_set():
        raise Stopped
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


def _spread(work: Callable[[Entry], object], entries: list[Entry], workers: int,
            ends: threading.Event) -> Iterator[tuple[Entry, object, Exception | None] | None]:
    """(entry, result, error) as each is done, None now and then while nothing is; over when all are, or soon after `ends` is set.

    The threads are daemons, so that one that waits for a server holds up neither Ctrl-C nor the end of the process; they speak the caller's
    language.
    """
    todo, done, context = queue.SimpleQueue(), queue.SimpleQueue(), contextvars.copy_context()
    for entry in entries:
        todo.put(entry)

    def labour(own: contextvars.Context) -> None:
        with contextlib.suppress(queue.Empty):
            while not ends.is_set():
                entry = todo.get_nowait()
                try:
                    done.put((entry, own.run(work, entry), None))
                except Exception as error:
                    done.put((entry, None, error))

    threads = [threading.Thread(target=labour, args=(context.copy(),), daemon=True) for _ in range(min(workers, len(entries)))]
    for thread in threads:
        thread.start()
    left, patience = len(entries), None
    try:
        while left:
            try:
                yield done.get(timeout=0.1)              # short: on Windows, Ctrl-C waits for it
                left -= 1
            except queue.Empty:
                yield None
            if ends.is_set():
                patience = patience or time.monotonic() + _GRACE
                if done.empty() and (time.monotonic() > patience or not any(thread.is_alive() for thread in threads)):
                    return
    finally:
        over = time.monotonic() + _GRACE
        for thread in threads if ends.is_set() else ():
            thread.join(max(over - time.monotonic(), 0))


def _holder(staging: Path) -> str:
    """Who holds the lock, in words."""
    try:
        who = json.loads((staging / "run.json").read_text(encoding="utf-8"))
        return say(en=f"process {who['process']} on {who['computer']}, since {who['since']}",
                   ko=f"{who['computer']}의 프로세스 {who['process']}, {who['since']}부터")
    except (OSError, ValueError, KeyError, TypeError):
        return say(en="another process", ko="다른 프로세스")


@contextlib.contextmanager
def _alone(folder: Path, notice: Callable[[str], None] | None) -> Iterator[Path]:
    """Hold the lock of a data set's folder, waiting for whoever holds it; gives a folder of this run's own to put parts in."""
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / STAGING

    def waiting() -> None:
        if notice:
            notice(say(en=f"another run fetches into {folder} ({_holder(staging)}): waiting until it ends; Ctrl-C leaves it alone",
                       ko=f"다른 실행이 {folder} 폴더에 받고 있어요({_holder(staging)}). 끝날 때까지 기다릴게요. Ctrl-C를 눌러도 그 실행은 계속돼요"))

    own = staging / uuid.uuid4().hex[:12]
    with disk.alone(folder / LOCK, waiting=waiting) as locked:      # without locks two runs do the work twice and spoil nothing: each has its own parts
        try:
            if locked:
                shutil.rmtree(staging, ignore_errors=True)   # what a killed run left
            own.mkdir(parents=True, exist_ok=True)
            if locked:
                who = {"process": os.getpid(), "computer": platform.node(), "since": time.strftime("%H:%M")}
                (staging / "run.json").write_text(json.dumps(who), encoding="utf-8")
            yield own
        finally:
            shutil.rmtree(staging if locked else own, ignore_errors=True)
            with contextlib.suppress(OSError):
                staging.rmdir()                              # where there is no lock: if no other run has parts in it


def fetch(entries: Iterable[Entry], base: str, folder: str | Path, *, accept: Callable[[Path, Entry], bool] | None = None, workers: int = 8,
          tries: int = 4, pause: float = 0.5, timeout: float = 20.0, progress: Callable[[str, int], None] | None = None,
          notice: Callable[[str], None] | None = None) -> Report:
    """Bring every file of a manifest from `base` + its path to `folder` / its path; what is right already is not asked for again.

    `accept(path, entry)` says whether what the reader has there, if anything, will do although its bytes differ. `timeout` is in seconds of
    silence, `pause` the first wait before another try (doubled each time); a server's Retry-After is kept, up to two minutes. `progress(path,
    bytes)` is called as files are settled, `notice(text)` when the reader should know why nothing happens, both from the calling thread. A file
    that fails does not stop the others; when eight fail in a row, the rest is not tried. Where another run fetches into the folder, this one
    waits. Raises ValueError for an address that is not https, PermissionError or another OSError, saying what to do, where nothing can be
    written; on KeyboardInterrupt, which is heeded within a second or two, what has come stays.
    """
    base, folder, started = _checked_address(base if base.endswith("/") else base + "/"), Path(folder), time.monotonic()
    report, progress = Report(), progress or (lambda path, size: None)
    wanted = _lacking(list(entries), folder, accept, workers, report, progress)
    if wanted:
        room, size = disk.free(folder), sum(entry.size for entry in wanted)
        if room is not None and room < size:
            raise disk.too_little(folder, room, size)
        try:
            with _alone(folder, notice) as staging:
                wanted = _lacking(wanted, folder, accept, workers, report, progress)      # another run may have brought some
                _fetch_into(staging, wanted, base, folder, report, progress, notice, workers, tries=tries, pause=pause, timeout=timeout)
        except OSError as error:
            raise disk.explained(error, folder, sum(entry.size for entry in wanted) - report.bytes) from error
    report.seconds = time.monotonic() - started
    return report


def _lacking(entries, folder, accept, workers, report, progress) -> list[Entry]:
    """The entries that are not there yet, in order; the others are noted in the report."""
    def check(entry: Entry) -> str:
        place = folder / entry.path
        return "right" if is_right(place, entry) else "accepted" if accept is not None and accept(place, entry) else ""

    settled, ends = set(), threading.Event()
    with contextlib.closing(_spread(check, entries, workers, ends)) as results:
        try:
            for entry, kind, error in filter(None, results):
                if error:
                    raise error
                if kind:
                    getattr(report, kind).append(entry.path)
                    settled.add(entry.path)
                    progress(entry.path, entry.size)
        finally:
            ends.set()
    return [entry for entry in entries if entry.path not in settled]


def _fetch_into(staging, wanted, base, folder, report, progress, notice, workers, **patience) -> None:
    """Bring `wanted`, and note in the report what came and what did not, and why. Raises OSError where the disk refuses."""
    server, tried, in_a_row = _Server(), set(), 0

    def work(entry: Entry) -> str | None:
        return _bring(entry, base, folder, staging, server, **patience)

    with contextlib.closing(_spread(work, wanted, workers, server.ends)) as results:
        try:
            for settled in results:
                while notice and not server.notices.empty():
                    notice(server.notices.get())
                if settled is None or isinstance(settled[2], Stopped):
                    continue
                entry, aside, error = settled
                tried.add(entry.path)
                if error is None:
                    report.fetched.append(entry.path)
                    report.bytes += entry.size
                    report.aside += [aside] if aside else []
                    in_a_row = 0
                elif isinstance(error, (requests.RequestException, Unwelcome, ValueError)):
                    report.failed.append((entry.path, _reason(error, base + entry.path)))
                    in_a_row += 1
                else:
                    raise error                          # a full disk, a folder that may not be written: no other file will do better
                progress(entry.path, entry.size)
                if in_a_row >= GIVE_UP:
                    server.ends.set()
        finally:
            server.ends.set()
    report.untried += [entry.path for entry in wanted if entry.path not in tried]
