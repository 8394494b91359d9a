"""Where data goes: the folder a reader names, else SEGCOURSE_DATA, else data/ in a checkout, else the user's cache folder."""

import os
import sys
from pathlib import Path

import segcourse


def checkout() -> Path | None:
    """The checkout this package is imported from, or None for an installed wheel."""
    parent = Path(segcourse.__file__).resolve().parent.parent
    return parent if (parent / "pyproject.toml").is_file() and (parent / "notebooks").is_dir() else None


def cache_folder() -> Path:
    """The folder this system keeps caches in, with the course's name. Nothing is created."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "segcourse"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "segcourse"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "segcourse"


def data_root(root: str | Path | None = None) -> Path:
    """The folder data sets are looked for in: `root` if given, else the first of the places named at the top of this file."""
    chosen = root or os.environ.get("SEGCOURSE_DATA")
    if chosen:
        return Path(chosen).expanduser()
    here = checkout()
    return here / "data" if here else cache_folder()
