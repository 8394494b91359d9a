"""What a disk refuses, in the reader's words: which folder, what is wrong with it, what to do."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from segcourse.language import say

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_FULL_WINDOWS = {39, 112}          # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL


# What a drive without locks answers.
_NO_LOCKS = {getattr(errno, name, None) for name in ("ENOSYS", "ENOLCK", "ENOTSUP", "EOPNOTSUPP")} - {None}


class Taken(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def alone(lock: str | Path, *, wait: bool = True, waiting: Callable[[], None] | None = None) -> Iterator[bool]:
    """Hold a lock file; the system takes it back from a process that is killed. Raises Taken where another holds it and `wait` is False; else it
    waits, and calls `waiting` once when it has to.

    Gives whether the lock is held: on a drive, or a system, without locks nothing is, and two runs have to keep apart otherwise.
    """
    import filelock

    held = filelock.FileLock(lock)
    while True:
        try:
            held.acquire(timeout=0.3 if wait else 0)
            break
        except filelock.Timeout:
            if not wait:
                raise Taken(str(lock)) from None
            if waiting is not None:
                waiting()
            waiting = None
        except (NotImplementedError, OSError) as error:     # the first is filelock's word for a system that has no locks
            if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
                raise
            break
    try:
        yield held.is_locked
    finally:
        held.release()


def megabytes(size: int) -> str:
    """Bytes as the course writes them: 0.4 MB, 187 MB, 12.3 GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e10 else f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"


def standing(folder: str | Path) -> Path:
    """`folder` if it exists, else the nearest folder above it that does."""
    path = Path(os.path.abspath(folder))
    for place in (path, *path.parents):
        try:
            if place.exists():
                return place
        except OSError:             # a folder above may not be looked into
            continue
    return path


def free(folder: str | Path) -> int | None:
    """Bytes free where `folder` is or would be made; None where the system does not say."""
    try:
        return shutil.disk_usage(standing(folder)).free
    except OSError:
        return None


def refusal(folder: str | Path) -> OSError | None:
    """The error that a write into `folder` ends in, made there or in the nearest folder above it and taken away again; None if it can be written."""
    try:
        with tempfile.TemporaryFile(dir=standing(folder)) as file:
            file.write(b"\0")
    except OSError as error:
        return error
    return None


def is_full(error: OSError) -> bool:
    """Whether the error says that a disk, or the reader's share of it, is full."""
    return error.errno in _FULL or getattr(error, "winerror", None) in _FULL_WINDOWS


def too_little(folder: str | Path, there: int, wanted: int) -> OSError:
    """The error for a disk with `there` bytes free where `wanted` are to come."""
    return OSError(say(
        en=f"{megabytes(wanted)} are to come into {folder}, and its disk has {megabytes(there)} free: free {megabytes(wanted - there)}, or name a "
           f"folder on another disk with --root",
        ko=f"{folder} 폴더에 {megabytes(wanted)}를 받아야 하는데 디스크에 {megabytes(there)}밖에 남지 않았어요. {megabytes(wanted - there)}를 비우거나 "
           f"--root로 다른 디스크의 폴더를 알려 주세요."))


def explained(error: OSError, folder: str | Path, wanted: int = 0) -> OSError:
    """`error`, met while writing into `folder`, with what to do; `wanted` bytes were still to come. PermissionError where nothing may be written."""
    if is_full(error):
        return OSError(say(
            en=f"the disk of {folder} is full; what has come stays. Free {megabytes(wanted)} and run the command again, or name a folder on another "
               f"disk with --root",
            ko=f"{folder} 폴더가 있는 디스크가 가득 찼어요. 받은 파일은 그대로 있어요. {megabytes(wanted)}를 비우고 다시 실행하거나, --root로 다른 디스크의 "
               f"폴더를 알려 주세요."))
    if isinstance(error, PermissionError) or error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        place = standing(folder)
        return PermissionError(say(
            en=f"{place} cannot be written to ({error.strerror or 'no permission'}): name a folder of your own with --root, or set SEGCOURSE_DATA to one",
            ko=f"{place} 폴더에 쓸 수 없어요({error.strerror or '권한 없음'}). --root나 SEGCOURSE_DATA로 쓸 수 있는 폴더를 알려 주세요."))
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        place = next((part for part in (Path(folder), *Path(folder).parents) if part.exists()), Path(folder))
        return NotADirectoryError(say(
            en=f"{place} is a file where a folder is needed: move it away, or name another folder with --root",
            ko=f"{place}: 폴더가 있어야 할 자리에 파일이 있어요. 옮기거나 --root로 다른 폴더를 알려 주세요."))
    return OSError(say(en=f"{folder} cannot be written to ({error.strerror or error}): name another folder with --root",
                       ko=f"{folder} 폴더에 쓸 수 없어요({error.strerror or error}). --root로 다른 폴더를 알려 주세요."))
