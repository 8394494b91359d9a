"""What a reader has done, in one small file under their home: ~/.segcourse/progress.json, or in the folder that SEGCOURSE_HOME names.

Several notebooks may write at once. Each one keeps what it has to add and, under a lock, reads the file, adds, and replaces the file in one
step. The lock is a file that only one process can create, which every system offers; a lock that nobody has touched for `STALE` seconds was
left behind and is taken away. A damaged file is kept aside; where nothing can be written, progress lives as long as the notebook. A
notebook that is being built (SEGCOURSE_BUILD=1) neither reads nor writes.
"""

import contextlib
import functools
import json
import os
import random
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from segcourse.language import say

STALE = 2.0         # seconds without a sign of life from whoever holds the lock; a write takes milliseconds
PATIENCE = 8.0      # seconds to wait for the lock
_EMPTY = {"tries": 0, "solved": False, "hints": [], "solution_seen": False}


def merged(one: dict, other: dict) -> dict:
    """Two records of one exercise as one: tries add up, hints are a set, what is solved or seen stays so; fields of a later course are
    kept.
    """
    together = {**_EMPTY, **one, **{name: value for name, value in other.items() if name not in _EMPTY}}
    together["tries"] += other.get("tries", 0)
    together["hints"] = sorted({*together["hints"], *other.get("hints", ())})
    for name in ("solved", "solution_seen"):
        together[name] = together[name] or other.get(name, False)
    return together


def _checked(content: object) -> dict:
    """The content of the file if it is what this module writes, else ValueError."""
    if not isinstance(content, dict) or not isinstance(content.get("exercises"), dict):
        raise ValueError("no exercises")
    for record in content["exercises"].values():
        fits = isinstance(record, dict) and all(type(record.get(name, value)) is type(value) for name, value in _EMPTY.items())
        if not fits or not all(isinstance(hint, str) for hint in record.get("hints", [])):
            raise ValueError("not a record")
    return content


class Damaged(Exception):
    """A progress file that is not what this module writes."""

    def __init__(self, raw: bytes):
        super().__init__("damaged")
        self.raw = raw


def salvaged(raw: bytes) -> dict[str, dict]:
    """The records that stand whole in a file that was cut off or overwritten in part; none where nothing can be read.

    The file is this module's own: `"fcn.fc6_as_conv": {...}`, one record after the other.
    """
    text, found, decoder = raw.decode("utf-8", errors="replace"), {}, json.JSONDecoder()
    for begin in re.finditer(r'"(\w+\.\w+)"\s*:\s*(?=\{)', text):
        with contextlib.suppress(ValueError, RecursionError):
            record, _ = decoder.raw_decode(text, begin.end())
            found |= _checked({"exercises": {begin[1]: record}})["exercises"]
    return found


def _damage(name: str, aside: str, kept: int) -> str:
    if not kept:
        return say(en=f"{name} was damaged: it is kept as {aside}, and a new one begins.",
                   ko=f"{name} 파일이 망가져 있었어요. {aside} 이름으로 남겨 두고 새로 시작할게요.")
    exercises = "1 exercise" if kept == 1 else f"{kept} exercises"
    return say(en=f"{name} was damaged: {exercises} could be read and stay, the damaged file is kept as {aside}. If you have a backup, put it in its place.",
               ko=f"{name} 파일이 망가져 있었어요. 읽을 수 있는 문제 {kept}개의 기록은 그대로 이어 가고, 망가진 파일은 {aside} 이름으로 남겨 뒀어요. "
                  f"백업이 있다면 그 파일로 바꿔 주세요.")


def _unused(path: Path) -> Path:
    """`path`, or PATH2, PATH3 where that exists."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}{number}")
    return free


def _patiently(action):
    """`action()`, tried again where Windows refuses for a moment because another process has the file open."""
    for _ in range(5):
        try:
            return action()
        except PermissionError:
            time.sleep(0.02)
    return action()


class Store:
    """The records of all exercises, in the file `path`; None keeps them in memory."""

    def __init__(self, path: Path | None):
        self.path = path
        self._unsaved: dict[str, dict] = {}
        self._said = False

    def add(self, name: str, *, tries: int = 0, solved: bool = False, hints: list[str] | tuple[str, ...] = (),
            solution_seen: bool = False) -> None:
        """Add to the record of the exercise `name` and save. Never raises: what cannot be saved is kept, and said once."""
        new = {"tries": tries, "solved": solved, "hints": list(hints), "solution_seen": solution_seen}
        self._unsaved[name] = merged(self._unsaved.get(name, {}), new)
        if self.path is None:
            return
        try:
            self._save()
        except OSError:
            self.in_memory()

    def read(self) -> dict[str, dict]:
        """name -> {"tries", "solved", "hints", "solution_seen"}: what is in the file, and what could not be saved."""
        stored: dict[str, dict] = {}
        if self.path is not None:
            try:
                try:
                    stored = self._content()["exercises"]
                except Damaged as damage:
                    stored = salvaged(damage.raw)       # where the folder is read-only
                    self._save()                        # under the lock: another notebook may be mending it
                    stored = self._content()["exercises"]
            except (OSError, Damaged):
                self.in_memory()
        return {name: merged(stored.get(name, {}), self._unsaved.get(name, {})) for name in {**stored, **self._unsaved}}

    def in_memory(self) -> None:
        """Say, once, that what is done here will be lost."""
        if not self._said:
            self._said = True
            folder = str(self.path.parent) if self.path else "~/.segcourse"
            with contextlib.suppress(RuntimeError):
                folder = folder.replace(str(Path.home()), "~", 1)
            print(say(en=f"Progress cannot be saved in {folder}: it lasts as long as this notebook. Set SEGCOURSE_HOME to a folder that "
                         f"can be written to.",
                      ko=f"{folder}에 진도를 저장할 수 없어요. 이 노트북을 끄면 사라져요. 쓸 수 있는 폴더를 SEGCOURSE_HOME에 적어 주세요."))

    def _content(self) -> dict:
        """The file's content. Raises Damaged, or OSError where it cannot be read."""
        try:
            raw = _patiently(self.path.read_bytes)
        except FileNotFoundError:
            return {"version": 1, "exercises": {}}
        try:
            return _checked(json.loads(raw.decode("utf-8-sig")))
        except (ValueError, RecursionError):
            raise Damaged(raw) from None

    def _load(self) -> dict:
        """The file's content, for whoever holds the lock. A damaged file is moved aside, and what stands whole in it goes on."""
        try:
            return self._content()
        except Damaged as damage:
            kept, aside = salvaged(damage.raw), _unused(self.path.with_name(self.path.name + ".damaged"))
            with contextlib.suppress(FileNotFoundError):
                _patiently(lambda: os.replace(self.path, aside))
                print(_damage(self.path.name, aside.name, len(kept)))
            return {"version": 1, "exercises": kept}

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(3):
            with _lock(self.path) as is_ours:
                content = self._load()
                for name, new in self._unsaved.items():
                    content["exercises"][name] = merged(content["exercises"].get(name, {}), new)
                if _write(self.path, json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n", is_ours):
                    self._unsaved = {}
                    return
        raise TimeoutError("the lock was taken away each time")


def _write(path: Path, text: str, still) -> bool:
    """Replace `path` in one step, unless `still()` says no just before; whether it was done."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if not still():
            return False
        _patiently(lambda: os.replace(temporary, path))
        return True
    finally:
        temporary.unlink(missing_ok=True)


def _holder(lock: Path) -> str | None:
    """What the lock's owner wrote into it; None where there is no lock."""
    try:
        return lock.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except PermissionError:     # Windows, while it is being taken away
        return ""


@contextlib.contextmanager
def _lock(path: Path) -> Iterator:
    """Hold the lock beside `path`; gives a function that tells whether it is still ours. Raises TimeoutError or another OSError.

    Whether a lock was left behind is judged by watching it on this computer's own clock, since a network drive's may be wrong. Whoever was
    only slow, and lost the lock so, notices before replacing the file.
    """
    lock, token = path.with_name(path.name + ".lock"), f"{os.getpid()} {uuid.uuid4().hex}"
    started = watched_since = time.monotonic()
    watched, refused = None, 0
    while True:
        try:
            handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            break
        except FileExistsError:
            refused = 0
        except PermissionError:     # a folder that is read-only, or Windows, while the lock is being taken away
            refused += 1
            if refused > 5:
                raise
        now, holder = time.monotonic(), _holder(lock)
        if holder is None or holder != watched:
            watched, watched_since = holder, now
        elif now - watched_since > STALE:
            with contextlib.suppress(FileNotFoundError, PermissionError):
                lock.unlink()
        if now - started > PATIENCE:
            raise TimeoutError(f"{lock.name} is held by another notebook")
        time.sleep(random.uniform(0.004, 0.02))
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(token)
    try:
        yield lambda: _holder(lock) == token
    finally:
        if _holder(lock) == token:
            with contextlib.suppress(FileNotFoundError, PermissionError):      # if it stays, it goes stale
                _patiently(lock.unlink)


@functools.lru_cache(maxsize=None)
def _store(path: Path | None) -> Store:
    return Store(path)


def current() -> Store:
    """The store of the folder in force; in memory while a notebook is being built, and where there is no home."""
    if os.environ.get("SEGCOURSE_BUILD") == "1":
        return Store(None)
    home = os.environ.get("SEGCOURSE_HOME")
    try:
        folder = Path(home).expanduser() if home else Path.home() / ".segcourse"
    except RuntimeError:        # nobody's home
        homeless = _store(None)
        homeless.in_memory()
        return homeless
    return _store(folder / "progress.json")


def progress(chapter: str | None = None):
    """A table of the exercises of `chapter` ("fcn"), or of all: minutes, how far the reader is, hints used, solution seen. Shows as HTML
    and text.

    Raises KeyError for an unknown chapter.
    """
    from segcourse import exercises, figures

    records, rows = current().read(), []
    for exercise in exercises.all(chapter):
        record = {**_EMPTY, **records.get(exercise.name, {})}
        seen = say(en="seen", ko="봤어요") if record["solution_seen"] else "–"
        hints = str(len(record["hints"]) or "–")
        rows.append([exercise.name, exercise.title, exercise.minutes, _state(record, exercise.open), hints, seen])
    headers = [say(en="exercise", ko="연습 문제"), say(en="title", ko="제목"), say(en="minutes", ko="시간(분)"), say(en="state", ko="상태"),
               say(en="hints used", ko="본 힌트"), say(en="solution", ko="풀이")]
    return figures.table(rows, headers)


def _state(record: dict, is_open: bool) -> str:
    if is_open:
        return say(en="open", ko="열린 문제")
    if record["solved"]:
        return say(en="solved", ko="맞았어요")
    if record["tries"]:
        return say(en="tried once" if record["tries"] == 1 else f"tried {record['tries']} times", ko=f"{record['tries']}번 해 봤어요")
    return say(en="not yet", ko="아직")
