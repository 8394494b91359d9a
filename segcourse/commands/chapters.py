"""The chapters a reader works in: notebooks/ of a checkout, else a copy of the package's own in ./segcourse-notebooks.

What a reader has changed is theirs and stays as it is. A chapter that a newer version brings takes the place of a copy nobody has touched,
and stands beside one that somebody has: 01_fcn-new.ipynb. Which is which is told by .segcourse.json in that folder, which says what was
copied; where it is missing or damaged, every file counts as the reader's.
"""

import contextlib
import errno
import hashlib
import json
import os
import uuid
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from segcourse.language import say

FOLDER = "segcourse-notebooks"
RECORD = ".segcourse.json"


@dataclass
class Copied:
    """What came of copying: files that are new, copies brought up to date, files left as they are, and the newer chapters put beside a
    reader's own, as (the reader's, the newer one).
    """

    folder: Path
    new: list[Path] = field(default_factory=list)
    updated: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    beside: list[tuple[Path, Path]] = field(default_factory=list)


def folder() -> Path:
    """The folder to open, with the chapters in it; from a wheel they are copied out first, and what was done is printed.

    Raises FileNotFoundError where the installation holds no chapters, and OSError where they cannot be written, each with the remedy.
    """
    from segcourse.datasets.root import checkout

    here = checkout()
    if here is not None:
        return here / "notebooks"
    inside = (Path.cwd() / RECORD).is_file()        # the second time, started from within
    target = Path.cwd() if inside else Path.cwd() / FOLDER
    with resources.as_file(resources.files("segcourse") / "notebooks") as shipped:
        if not shipped.is_dir():
            raise FileNotFoundError(say(en=f"this installation holds no chapters ({shipped}): install segcourse again",
                                        ko=f"설치된 패키지에 강의가 없어요({shipped}). segcourse를 다시 설치해 주세요."))
        _tell(copy(shipped, target))
    return target


def copy(shipped: Path, target: Path) -> Copied:
    """Bring the files under `shipped` to `target`; nothing a reader has changed is touched. Each file appears whole or not at all."""
    done = Copied(target)
    try:
        target.mkdir(parents=True, exist_ok=True)
        record = _read_record(target)
        for source in sorted(path for path in shipped.rglob("*") if path.is_file()):
            if _bring(source.read_bytes(), source.relative_to(shipped).as_posix(), record, done):
                _write(target / RECORD, (json.dumps({"files": record}, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode("utf-8"))
    except OSError as error:
        raise _explained(error, target) from error
    return done


def _bring(content: bytes, name: str, record: dict[str, dict[str, str]], done: Copied) -> bool:
    """Bring one shipped file; whether `record` changed. `record[name]`: "copied" is the digest of what was written there, "brought" of the
    newest version the reader has been given, there or beside it.
    """
    digest, place, known = _digest(content), done.folder / name, record.get(name, {})
    if not os.path.lexists(place):
        _write(place, content)
        done.new.append(place)
    elif _digest_of(place) == digest:
        done.kept.append(place)
    elif _untouched(place, known):
        _write(place, content)
        done.updated.append(place)
    else:
        done.kept.append(place)
        if known.get("brought") == digest:
            return False
        done.beside.append((place, _put_beside(content, name, record, done.folder)))
        record[name] = {**known, "brought": digest}
        return True
    record[name] = {"copied": digest, "brought": digest}
    return record[name] != known


def _put_beside(content: bytes, name: str, record: dict[str, dict[str, str]], target: Path) -> Path:
    """Write `content` under the first name beside `name` that is free, or holds it already, or holds a copy nobody has touched."""
    digest, path = _digest(content), Path(name)
    number = 1
    while True:
        other = path.with_name(f"{path.stem}-new{'' if number == 1 else f'-{number}'}{path.suffix}").as_posix()
        place = target / other
        if not os.path.lexists(place) or _digest_of(place) == digest or _untouched(place, record.get(other, {})):
            _write(place, content)
            record[other] = {"copied": digest, "brought": digest}
            return place
        number += 1


def _untouched(place: Path, known: dict[str, str]) -> bool:
    return not place.is_symlink() and known.get("copied") == _digest_of(place)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(place: Path) -> str | None:
    """The digest of a file; None for what is none, such as a folder or a link that leads nowhere."""
    return _digest(place.read_bytes()) if place.is_file() else None


def _read_record(target: Path) -> dict[str, dict[str, str]]:
    try:
        files = json.loads((target / RECORD).read_text(encoding="utf-8"))["files"]
        return {name: {key: str(value) for key, value in known.items()} for name, known in files.items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(place: Path, content: bytes) -> None:
    """Write a file in one step: whoever looks sees the old one or the new one, and a full disk leaves no half of one."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, place)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _explained(error: OSError, target: Path) -> OSError:
    """The error with a sentence a reader can act on, of the same class."""
    why = error.strerror or str(error)
    if error.errno == errno.ENOSPC:
        return OSError(say(en=f"the disk is full: {target} could not be written. Make room, or run the command in a folder of another disk",
                           ko=f"디스크가 가득 차서 {target}에 쓸 수 없어요. 공간을 비우거나 다른 디스크의 폴더에서 실행해 주세요."))
    kind = NotADirectoryError if isinstance(error, FileExistsError) else type(error)
    return kind(say(en=f"the chapters cannot be copied to {target} ({why}). Run the command in a folder you may write to, and "
                       f"where nothing else is called {FOLDER}",
                    ko=f"강의를 {target}에 복사할 수 없어요({why}). 쓸 수 있고 {FOLDER} 이름이 비어 있는 폴더에서 실행해 주세요."))


def _tell(done: Copied) -> None:
    """Print what was copied, in one line, and a line for every newer chapter that stands beside a reader's own."""
    updated = len(done.updated)
    more_en = f", {updated} that you had not changed brought up to date" if updated else ""
    more_ko = f", 바꾸지 않은 {updated}개를 새 판으로 바꿨고" if updated else ""
    print(say(en=f"chapters in {done.folder}: {len(done.new)} copied{more_en}, {len(done.kept)} left as they are",
              ko=f"{done.folder}: {len(done.new)}개를 복사했고{more_ko} {len(done.kept)}개는 그대로 뒀어요."), flush=True)
    for mine, newer in done.beside:
        print(say(en=f"  {mine.relative_to(done.folder).as_posix()} is newer in this version: yours stays, the newer one is {newer.name}",
                  ko=f"  이 버전에는 {mine.relative_to(done.folder).as_posix()}의 새 판이 있어요. 고치신 파일은 그대로 두고 새 판은 {newer.name}에 뒀어요."),
              flush=True)
