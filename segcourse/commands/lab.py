"""`segcourse lab`: JupyterLab on a port that is free, with folders that can be written to."""

import json
import locale
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from segcourse.datasets import disk
from segcourse.language import current, josa, say

TRIES = 50       # ports after the one asked for, as JupyterLab itself would try


def taken(port: int) -> bool:
    """Whether another program listens on `port` of this computer. Raises PermissionError where the system keeps the port for itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)      # a port that was let go a minute ago is free
        try:
            listener.bind(("127.0.0.1", port))
        except PermissionError:
            if sys.platform == "win32":          # what Windows says of a port in exclusive use
                return True
            raise
        except OSError:
            return True
    return False


def free_port(wanted: int) -> tuple[int, str]:
    """(the first free port from `wanted` on, what to tell the reader or ""). Raises ValueError for a port that cannot be used, and where none is free."""
    if not 0 <= wanted <= 65535:
        raise ValueError(say(en=f"--port {wanted}: a port is a number from 1 to 65535, take one above 1023", ko=f"--port {wanted}: 포트는 1에서 65535까지예요. 1023보다 큰 수로 해 주세요."))
    last = min(wanted + TRIES, 65535)
    try:
        port = next((port for port in range(wanted, last + 1) if not taken(port)), None)
    except PermissionError:
        raise ValueError(say(en=f"--port {wanted}: the system keeps this port for itself, take one above 1023",
                             ko=f"--port {wanted}: 시스템이 쓰는 포트예요. 1023보다 큰 수로 해 주세요.")) from None
    if port is None:
        raise ValueError(say(en=f"the ports {wanted} to {last} are all taken: name another with --port", ko=f"{wanted}부터 {last}까지 포트가 모두 쓰이고 있어요. --port로 다른 포트를 골라 주세요."))
    if port == wanted:
        return port, ""
    return port, say(en=f"port {wanted} is taken (perhaps by a JupyterLab that is still open): using {port}",
                     ko=f"{wanted}번 포트는 이미 쓰이고 있어서(열어 둔 JupyterLab일 수 있어요) {josa(port, '을/를')} 쓸게요")


# Where Jupyter and what runs in it keep things, and the place under the home each takes by itself.
_KEEPERS = {"JUPYTER_CONFIG_DIR": ".jupyter", "JUPYTER_DATA_DIR": ".local/share/jupyter", "JUPYTER_RUNTIME_DIR": ".local/share/jupyter/runtime",
            "IPYTHONDIR": ".ipython", "MPLCONFIGDIR": ".config/matplotlib"}


def homes() -> tuple[dict[str, str], str]:
    """(environment variables that lead Jupyter, IPython and matplotlib to a folder that can be written, what to tell the reader): empty where the home can be."""
    try:
        home: Path | None = Path.home()
    except RuntimeError:
        home = None
    shut = [name for name, place in _KEEPERS.items() if _is_shut(Path(os.environ[name]) if os.environ.get(name) else home and home / place)]
    if not shut:
        return {}, ""
    instead = Path(tempfile.mkdtemp(prefix="segcourse-"))
    settings = {name: str(instead / name.lower()) for name in shut}
    if "JUPYTER_DATA_DIR" in shut and home is not None:         # kernels and extensions that are there can still be read
        paths = [os.environ.get("JUPYTER_PATH", ""), os.environ.get("JUPYTER_DATA_DIR") or str(home / _KEEPERS["JUPYTER_DATA_DIR"])]
        settings["JUPYTER_PATH"] = os.pathsep.join(part for part in paths if part)
    return settings, say(
        en=f"{home or 'the home folder'} cannot be written to: JupyterLab's settings and history go to {instead}, which may be gone tomorrow; progress is "
           f"kept where SEGCOURSE_HOME says, and else only as long as a notebook is open",
        ko=f"홈 폴더({home or '없음'})에 쓸 수 없어서 JupyterLab 설정과 기록을 {instead}에 둘게요. 나중에 사라질 수 있어요. 진도를 남기려면 쓸 수 있는 폴더를 "
           f"SEGCOURSE_HOME에 적어 주세요")


def _is_shut(place: Path | None) -> bool:
    if place is None:
        return True
    stands = disk.standing(place)
    return not stands.is_dir() or disk.refusal(stands) is not None


def first_page(folder: Path, settings: Path) -> list[str]:
    """JupyterLab's options to open with the start page in the reader's language, shown as a page and not as Markdown text; none where it is missing.

    `settings` is an empty folder: JupyterLab reads its defaults from there, those of this machine and how Markdown is opened. A reader's own settings
    come before both.
    """
    spoken = current() if os.environ.get("SEGCOURSE_LANG") else "ko" if (locale.getlocale()[0] or os.environ.get("LANG") or "").startswith(("ko", "Korean")) else "en"
    page = f"{spoken}/start.md"
    if not (folder / page).is_file():
        return []
    here = Path(os.environ.get("JUPYTERLAB_DIR") or Path(sys.prefix, "share", "jupyter", "lab")) / "settings"
    if here.is_dir():
        shutil.copytree(here, settings, dirs_exist_ok=True)
    overrides = settings / "overrides.json"
    try:
        defaults = json.loads(overrides.read_text(encoding="utf-8")) if overrides.exists() else {}
    except ValueError:
        return [f"--LabApp.default_url=/lab/tree/{page}"]          # whatever they wrote there, JupyterLab says it better
    viewers = defaults.setdefault("@jupyterlab/docmanager-extension:plugin", {}).setdefault("defaultViewers", {})
    viewers.setdefault("markdown", "Markdown Preview")
    overrides.write_text(json.dumps(defaults), encoding="utf-8")
    return [f"--LabApp.default_url=/lab/tree/{page}", f"--LabApp.app_settings_dir={settings}"]
