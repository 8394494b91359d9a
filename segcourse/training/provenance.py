"""Where a number comes from: command, commit, versions, device. Written beside every result."""

import os
import platform
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

from segcourse.datasets.root import checkout


def results_file(name: str) -> Path:
    """Where measurements are kept: segcourse/results/NAME.json."""
    return Path(str(resources.files("segcourse"))) / "results" / f"{name}.json"


def commit() -> str:
    """The commit of the checkout, with "+changes" where files differ from it; SEGCOURSE_COMMIT where git is not at hand; else "unknown"."""
    stated = os.environ.get("SEGCOURSE_COMMIT")
    here = checkout()
    if stated or here is None:
        return stated or "unknown"
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, encoding="utf-8", timeout=20, check=True).stdout.strip()
    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if git("status", "--porcelain", "--", "segcourse") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def command() -> str:
    """The command line of this process, as a reader would type it."""
    words = sys.argv[1:]
    return " ".join(["segcourse", *(f'"{word}"' if " " in word else word for word in words)])


def version(name: str) -> str:
    """The installed version of a distribution, or "" for none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def versions() -> dict[str, str]:
    """Versions that decide a number."""
    return {"python": platform.python_version(), "torch": version("torch"), "torchvision": version("torchvision"),
            "lightning": version("lightning"), "numpy": version("numpy")}
