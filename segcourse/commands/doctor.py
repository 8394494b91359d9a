"""`segcourse doctor`: what is here, whether it works, and what to do where it does not.

What may crash, hang or be half installed is tried in processes of their own (`python -m segcourse.commands.doctor torch`), so that the doctor
outlives it. Nothing but the standard library and the course's own words is needed to run it.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import segcourse
from segcourse.commands.columns import line
from segcourse.datasets import disk
from segcourse.datasets.root import checkout, data_root
from segcourse.language import current, josa, say

PYTHONS = ((3, 11), (3, 13))
PATIENCE = 120           # seconds for a process that tries something; a driver that hangs takes longer
_EXTRAS = ("lab", "test", "author", "crf")
_SHOWN_WITH = ("matplotlib", "ipywidgets", "anywidget")


@dataclass(frozen=True)
class Finding:
    """One line of the report. `problem`: "" for none, "note" for what the course can do without, "broken" for what it needs; `remedy` says what to do."""

    head: str
    text: str
    problem: str = ""
    remedy: str = ""


def note(head: str, text: str, remedy: str) -> Finding:
    return Finding(head, text, "note", remedy)


def broken(head: str, text: str, remedy: str) -> Finding:
    return Finding(head, text, "broken", remedy)


# --- Python and the packages ----------------------------------------------------------------------------------------------

def _install(*what: str) -> str:
    """The command that installs `what` into this Python."""
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return f"{python} -m pip install " + " ".join(f'"{part}"' for part in what)


def _fits(version: tuple[int, ...]) -> bool:
    return PYTHONS[0] <= tuple(version[:2]) <= PYTHONS[1]


def python() -> Iterator[Finding]:
    """This Python, and the one a checkout's .venv was made of."""
    head, text = "Python", f"{platform.python_version()} {sys.executable}"
    if not _fits(sys.version_info):
        yield broken(head, text, say(en="the course needs Python 3.11, 3.12 or 3.13: install one, and make .venv with it",
                                     ko="파이썬 3.11, 3.12, 3.13이 필요해요. 하나를 설치해서 .venv를 다시 만들어 주세요"))
    else:
        yield Finding(head, text)
    here = checkout()
    made = here / ".venv" / "pyvenv.cfg" if here else None
    if made is None or not made.is_file():
        return
    found = re.search(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", made.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    version = tuple(map(int, found.groups())) if found else ()
    again = "make setup" if os.name != "nt" else "rmdir /s /q .venv, py -3.12 -m venv .venv"
    if not _fits(version):
        words = ".".join(map(str, version)) or "?"
        yield note(".venv", f"Python {words}", say(en=f"it is of a Python that does not fit: `{again}` makes it anew",
                                                   ko=f"맞지 않는 파이썬으로 만들었어요. `{again}`으로 다시 만들어 주세요"))
    elif Path(sys.prefix).resolve() != made.parent.resolve():
        yield note(".venv", str(made.parent), say(en=f"the course is installed there, and this command runs in {sys.prefix}: activate .venv, or use `make lab`",
                                                  ko=f"강의는 여기에 설치됐는데 이 명령은 {sys.prefix}에서 돌고 있어요. .venv를 활성화하거나 `make lab`을 써 주세요"))


def requirements() -> dict[str, list[str]]:
    """"" (what every part needs) and the extras -> requirement lines, from the installed package, or pyproject.toml of a checkout."""
    here = checkout()
    if here is not None:
        project = tomllib.loads((here / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return {"": project["dependencies"], **project["optional-dependencies"]}
    sorted_out: dict[str, list[str]] = {"": []}
    for text in metadata.requires("segcourse") or ():
        requirement, _, marker = text.partition(";")
        extra = re.search(r"""extra\s*==\s*['"]([\w-]+)['"]""", marker)
        rest = re.sub(r"""\s*(and\s*)?\(?extra\s*==\s*['"][\w-]+['"]\)?""", "", marker).strip()
        sorted_out.setdefault(extra[1] if extra else "", []).append(requirement.strip() + (f"; {rest}" if rest else ""))
    return sorted_out


def _version(name: str) -> str:
    try:
        return metadata.version(name) or ""
    except metadata.PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    """"2.15.0+cpu" -> (2, 15, 0)."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _lacks(text: str) -> tuple[str, str, bool] | None:
    """(name, installed version or "", whether it is new enough) of one requirement line; None where its marker rules it out here."""
    requirement, _, marker = text.partition(";")
    limit = re.search(r"""python_version\s*<\s*['"](\d+)\.(\d+)['"]""", marker)
    if limit and sys.version_info[:2] >= tuple(map(int, limit.groups())):
        return None
    name, least = re.match(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([\d.]+))?", requirement.strip()).groups()
    have = _version(name)
    return name, have, bool(have) and (not least or _numbers(have) >= _numbers(least))


def packages() -> Iterator[Finding]:
    """A line for every package the course needs, and one for each extra."""
    wanted = requirements()
    for text in wanted[""]:
        name, have, enough = _lacks(text) or ("", "", True)
        if not have:
            yield broken(name, say(en="not installed", ko="설치되지 않음"), _install(text))
        elif not enough:
            yield broken(name, say(en=f"{have}, and {text} is needed", ko=f"{have}인데 {text} 버전이 필요해요"), _install(text))
        elif name:
            yield Finding(name, have)
    for extra in _EXTRAS:
        lines = wanted.get(extra, [])
        absent = [text for text in lines if (found := _lacks(text)) and not found[2]]
        head = f"segcourse[{extra}]"
        if not absent:
            applicable = any(_lacks(text) for text in lines)
            yield Finding(head, say(en="complete", ko="모두 있음") if applicable else say(en="not for this Python", ko="이 파이썬에는 해당 없음"))
        elif extra == "crf":
            yield Finding(head, say(en="not installed (only to compare with another implementation)", ko="설치되지 않음(다른 구현과 비교할 때만 필요)"))
        else:
            what = {"lab": say(en="to open the chapters", ko="강의를 여는 데"), "test": say(en="for the tests", ko="테스트하는 데"),
                    "author": say(en="to write chapters", ko="새 장을 쓰는 데")}[extra]
            yield note(head, say(en=f"incomplete, needed {what}", ko=f"빠진 것이 있음, {what} 필요"), _install(*(text.partition(";")[0].strip() for text in absent)))


# --- what is tried in a process of its own --------------------------------------------------------------------------------

def _say_trouble(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _try_torch() -> dict:
    """Import torch and torchvision, choose the device, and run one convolution forward and backward on it."""
    import torch

    found = {"torch": torch.__version__, "cuda": torch.version.cuda or ""}
    from segcourse.training import device as devices

    place = devices.choose()
    found |= {"device": str(place), "kind": place.type, "words": devices.describe(place)}
    try:
        weight = torch.full((1, 1, 3, 3), 2.0, device=place, requires_grad=True)
        torch.nn.functional.conv2d(torch.ones(1, 1, 5, 5, device=place), weight).square().sum().backward()
        right = torch.equal(weight.grad.cpu(), torch.full((1, 1, 3, 3), 324.0))      # 9 outputs of 18, each times 2 times its input
        found["computes"] = "" if right else "wrong: " + str(weight.grad.flatten().tolist())
    except Exception as error:
        found["computes"] = _say_trouble(error)
    try:
        found["torchvision"] = ""
        _try_torchvision(torch)
    except Exception as error:
        found["torchvision"] = _say_trouble(error)
    from segcourse.commands import data

    found["data"] = data.listing(None)
    return found


def _try_torchvision(torch) -> None:
    """Call into torchvision's compiled part, which must be of PyTorch's version. Importing the package itself takes ten seconds of compilers."""
    import importlib.util

    package = importlib.util.find_spec("torchvision")
    for folder in package.submodule_search_locations or () if package else ():
        for library in [*Path(folder).glob("_C*.so"), *Path(folder).glob("_C*.pyd")]:
            torch.ops.load_library(str(library))
            torch.ops.torchvision.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)


def _try_jupyter() -> dict:
    """Import what the chapters show themselves with, and look for the kernel they will run in."""
    found = {}
    for name in _SHOWN_WITH:
        try:
            __import__(name)
        except Exception as error:
            found[name] = _say_trouble(error)
    if "matplotlib" not in found:
        try:
            from segcourse.figures import fonts

            face = fonts.font_manager.get_font(fonts.files()[fonts.REGULAR[0]])
            found["font"] = face.family_name if face.get_char_index(ord("한")) else ""
        except Exception as error:
            found["font trouble"] = _say_trouble(error)
    try:
        from jupyter_client.kernelspec import KernelSpecManager

        found["kernel"] = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except Exception as error:
        found["kernel trouble"] = _say_trouble(error)
    return found


_TRIALS = {"torch": _try_torch, "jupyter": _try_jupyter}


def _begin(trial: str) -> subprocess.Popen:
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "ignore", "SEGCOURSE_LANG": current()}
    path = [str(Path(segcourse.__file__).resolve().parents[1]), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(part for part in reversed(path) if part)
    return subprocess.Popen([sys.executable, "-m", "segcourse.commands.doctor", trial], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            encoding="utf-8", errors="replace", env=environment)


def _end(process: subprocess.Popen) -> dict:
    """What the trial found; {"died": how} where it did not live to tell."""
    try:
        out, errors = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {"died": say(en=f"no answer within {PATIENCE} s (a driver that hangs, or a busy machine)", ko=f"{PATIENCE}초 안에 답이 없음(드라이버가 멈췄거나 컴퓨터가 바쁨)")}
    try:
        return json.loads(out.strip().splitlines()[-1])
    except (ValueError, IndexError):
        last = (errors.strip().splitlines() or [""])[-1][:300]
        return {"died": last if process.returncode == 1 and last else say(en=f"crashed with status {process.returncode} {last}".strip(),
                                                                            ko=f"종료 상태 {josa(process.returncode, '으로/로')} 멈춤 {last}".strip())}


def device(found: dict) -> Iterator[Finding]:
    """Which device would be used, and whether it computes; whether torchvision fits PyTorch."""
    head = say(en="device", ko="장치")
    pair = _install("torch>=2.8", "torchvision>=0.23") + " --upgrade --force-reinstall"
    if "died" in found:
        if _version("torch"):
            yield broken("PyTorch", found["died"], say(en=f"it cannot be loaded, install it again: {pair}", ko=f"불러올 수 없어요. 다시 설치해 주세요: {pair}"))
        return
    trouble = found["computes"]
    if not trouble:
        yield Finding(head, f"{found['device']} ({found['words']}), " + say(en="computes", ko="계산 확인"))
    else:
        yield broken(head, f"{found['device']}: {trouble}", _device_remedy(found, trouble))
    yield Finding("CUDA", found["cuda"] or say(en="PyTorch was built without it", ko="CUDA 없이 만든 PyTorch"))
    if found["kind"] == "cpu" and shutil.which("nvidia-smi"):
        yield note(say(en="graphics card", ko="그래픽 카드"), say(en="an NVIDIA driver is here, and PyTorch does not use it", ko="NVIDIA 드라이버가 있는데 PyTorch가 쓰지 못함"),
                   say(en="run nvidia-smi: if it fails, mend the driver; else install the PyTorch that pytorch.org offers for your CUDA",
                       ko="nvidia-smi를 실행해서 실패하면 드라이버를 고치고, 되면 pytorch.org에서 CUDA에 맞는 PyTorch를 설치해 주세요"))
    if found["torchvision"] and _version("torchvision"):
        yield broken("torchvision", f"{_version('torchvision')}: {found['torchvision']}",
                     say(en=f"it does not fit torch {found['torch']}; install both together: {pair}", ko=f"torch {found['torch']}과 맞지 않아요. 둘을 함께 설치해 주세요: {pair}"))


def _device_remedy(found: dict, trouble: str) -> str:
    if "out of memory" in trouble.lower():
        return say(en="its memory is full: end the other program that uses it (nvidia-smi lists them), or use --device cpu",
                   ko="메모리가 가득 찼어요. 그 장치를 쓰는 다른 프로그램을 끝내거나(nvidia-smi로 볼 수 있어요) --device cpu로 해 주세요")
    if "no kernel image" in trouble or "not compatible" in trouble:
        return say(en="this PyTorch was not built for this card: install another from pytorch.org, or use --device cpu",
                   ko="이 그래픽 카드용으로 만든 PyTorch가 아니에요. pytorch.org에서 맞는 것을 설치하거나 --device cpu로 해 주세요")
    if found["kind"] == "cpu":
        return say(en="PyTorch is damaged: install it again, " + _install("torch>=2.8", "torchvision>=0.23") + " --force-reinstall",
                   ko="PyTorch가 손상됐어요. 다시 설치해 주세요: " + _install("torch>=2.8", "torchvision>=0.23") + " --force-reinstall")
    return say(en="use --device cpu, and set CUDA_VISIBLE_DEVICES to nothing for the chapters until the driver is mended",
               ko="드라이버를 고칠 때까지 --device cpu로 하고, 강의를 열 때는 CUDA_VISIBLE_DEVICES를 비워 주세요")


def jupyter(found: dict) -> Iterator[Finding]:
    """Whether what shows the chapters loads, whether the widgets' two halves fit, where Korean in figures comes from, which kernel runs."""
    if "died" in found:
        yield broken("Jupyter", found["died"], say(en="install the course again", ko="강의를 다시 설치해 주세요"))
        return
    for name in _SHOWN_WITH:
        if name in found and _version(name):
            yield broken(name, found[name], say(en=f"it cannot be loaded, install it again: {_install(name)} --force-reinstall",
                                                ko=f"불러올 수 없어요. 다시 설치해 주세요: {_install(name)} --force-reinstall"))
    yield from _widgets()
    head = say(en="Korean in figures", ko="그림 속 한글")
    if found.get("font"):
        yield Finding(head, found["font"])
    elif "matplotlib" not in found:
        trouble = found.get("font trouble") or say(en="no Korean letters", ko="한글이 없는 글꼴")
        yield (broken if current() == "ko" else note)(head, trouble, say(en="figures would show boxes for Korean: ", ko="그림의 한글이 네모로 나와요. 다시 설치해 주세요: ")
                                                      + _install("koreanize-matplotlib") + " --force-reinstall")
    kernel = found.get("kernel", "")
    if kernel and os.path.isabs(kernel) and Path(kernel).parent != Path(sys.executable).parent:
        yield note(say(en="notebook kernel", ko="노트북 커널"), kernel,
                   say(en="notebooks would run in another Python than this: " + f"{sys.executable} -m ipykernel install --sys-prefix",
                       ko="노트북이 다른 파이썬에서 돌아요. 이 명령으로 고쳐 주세요: " + f"{sys.executable} -m ipykernel install --sys-prefix"))


def _widgets() -> Iterator[Finding]:
    """The half of ipywidgets in the browser belongs to the half in Python: 8 to jupyterlab_widgets 3, 7 to 1."""
    here, there, lab = (_numbers(_version(name)) for name in ("ipywidgets", "jupyterlab_widgets", "jupyterlab"))
    if not here or not lab:
        return
    head, wanted = say(en="widgets", ko="위젯"), "jupyterlab_widgets<2" if here[0] == 7 else "jupyterlab_widgets>=3,<4"
    text = f"ipywidgets {_version('ipywidgets')}, jupyterlab_widgets {_version('jupyterlab_widgets') or '–'}, anywidget {_version('anywidget') or '–'}"
    if not there or there[0] != (1 if here[0] == 7 else 3):
        yield broken(head, text, say(en=f"the two halves do not fit, and sliders would stay blank: {_install(wanted)}",
                                     ko=f"둘의 버전이 맞지 않아서 슬라이더가 보이지 않아요. 설치해 주세요: {_install(wanted)}"))
    elif here[0] == 7 and lab[0] > 3:
        yield broken(head, text + f", jupyterlab {_version('jupyterlab')}", say(en=f"ipywidgets 7 shows nothing in JupyterLab 4: {_install('ipywidgets>=8')}",
                                                                                 ko=f"ipywidgets 7은 JupyterLab 4에서 보이지 않아요. 설치해 주세요: {_install('ipywidgets>=8')}"))
    else:
        yield Finding(head, text + say(en=": they fit", ko=": 서로 맞음"))


# --- the machine around it ------------------------------------------------------------------------------------------------

def places(root: Path | None = None) -> Iterator[Finding]:
    """Where data goes, whether it can be written there and how much fits; where progress is kept; folders under the home that others write to."""
    base, head = data_root(root), say(en="data folder", ko="데이터 폴더")
    trouble, room = disk.refusal(base), disk.free(base)
    text = str(base) + ("" if room is None else say(en=f", {disk.megabytes(room)} free", ko=f", 남은 공간 {disk.megabytes(room)}"))
    if disk.standing(base).is_file():
        yield note(head, text, say(en=f"{disk.standing(base)} is a file: move it away, or set SEGCOURSE_DATA", ko=f"{disk.standing(base)}: 폴더가 아니라 파일이에요. 옮기거나 SEGCOURSE_DATA를 정해 주세요"))
    elif trouble is not None:
        yield note(head, text, say(en=f"nothing can be written there ({trouble.strerror or trouble}): set SEGCOURSE_DATA to a folder of your own",
                                   ko=f"쓸 수 없는 폴더예요({trouble.strerror or trouble}). SEGCOURSE_DATA에 쓸 수 있는 폴더를 적어 주세요"))
    else:
        yield Finding(head, text)
    yield from _progress()
    for name, path in {"matplotlib": os.environ.get("MPLCONFIGDIR"), "IPython": os.environ.get("IPYTHONDIR"), "Jupyter": os.environ.get("JUPYTER_CONFIG_DIR")}.items():
        if path and disk.refusal(path) is not None:
            yield note(name, path, say(en="it cannot be written to: what is set there is not kept", ko="쓸 수 없는 폴더라서 설정이 남지 않아요. 다른 폴더를 적어 주세요"))


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _progress() -> Iterator[Finding]:
    """The file that remembers solved exercises. Looked at, never changed."""
    head, chosen = say(en="progress", ko="진도"), os.environ.get("SEGCOURSE_HOME")
    folder = Path(chosen).expanduser() if chosen else (_home() / ".segcourse" if _home() else None)
    elsewhere = say(en="set SEGCOURSE_HOME to a folder that can be written to", ko="쓸 수 있는 폴더를 SEGCOURSE_HOME에 적어 주세요")
    if folder is None:
        yield note(head, say(en="there is no home folder, so it lasts as long as a notebook", ko="홈 폴더가 없어서 노트북을 끄면 사라짐"), elsewhere)
        return
    path = folder / "progress.json"
    if disk.standing(folder).is_file() or disk.refusal(folder) is not None:
        yield note(head, say(en=f"{folder} cannot be written to, so it lasts as long as a notebook", ko=f"{folder} 폴더에 쓸 수 없어서 노트북을 끄면 사라짐"), elsewhere)
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        solved = sum(bool(record.get("solved")) for record in content["exercises"].values())
        yield Finding(head, f"{path}: " + say(en=f"{len(content['exercises'])} exercises begun, {solved} solved", ko=f"시작한 문제 {len(content['exercises'])}개, 맞힌 문제 {solved}개"))
    except FileNotFoundError:
        yield Finding(head, say(en=f"{path}, not begun", ko=f"{path}, 아직 없음"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield note(head, str(path), say(en="it is damaged: the next exercise takes what is whole in it and keeps it aside; a backup of yours would be better",
                                        ko="파일이 망가졌어요. 다음 문제를 풀 때 읽을 수 있는 기록을 살리고 원본은 따로 남겨요. 백업이 있으면 그 파일로 바꿔 주세요"))
    for aside in sorted(folder.glob("progress.json.damaged*")):
        yield Finding("", say(en=f"{aside.name}: an earlier damaged file, kept", ko=f"{aside.name}: 전에 망가져서 남겨 둔 파일"))


def words() -> Iterator[Finding]:
    """The language, and whether the terminal and the system can write it."""
    encoding = getattr(sys.stdout, "encoding", None) or "?"
    head, text = say(en="language", ko="언어"), f"{current()}, {encoding}"
    try:
        "한글 – ·".encode(encoding)
        yield Finding(head, text)
    except (UnicodeError, LookupError):
        yield note(head, text, say(en="this terminal cannot show every letter: set PYTHONUTF8=1 (and LANG=C.UTF-8 on Linux)",
                                   ko="이 터미널은 보여 주지 못하는 글자가 있어요. PYTHONUTF8=1로 해 주세요(리눅스는 LANG=C.UTF-8도)"))
    if shutil.which("fc-list") and sys.platform.startswith("linux"):
        try:
            found = subprocess.run(["fc-list", ":lang=ko", "family"], capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=10).stdout
        except (OSError, subprocess.SubprocessError):
            return
        if not found.strip():
            yield note(say(en="Korean in the browser", ko="브라우저의 한글"), say(en="this system has no Korean font", ko="시스템에 한글 글꼴이 없음"),
                       say(en="a browser on this machine shows boxes: install one (Debian, Ubuntu: apt install fonts-nanum)",
                           ko="이 컴퓨터의 브라우저에서는 한글이 네모로 보여요. 글꼴을 설치해 주세요(데비안, 우분투: apt install fonts-nanum)"))


def network(port: int = 8888) -> Iterator[Finding]:
    """Whether JupyterLab's port is free; which proxy is set. Nothing is asked of the network."""
    from segcourse.commands.lab import taken

    head = say(en="port", ko="포트")
    if taken(port):
        yield note(head, say(en=f"{port} is taken", ko=f"{josa(port, '은/는')} 이미 쓰는 중"),
                   say(en="perhaps JupyterLab is open already; `segcourse lab` takes the next free port", ko="JupyterLab이 이미 열려 있는지 확인해 주세요. `segcourse lab`은 비어 있는 다음 포트를 써요"))
    else:
        yield Finding(head, say(en=f"{port} is free", ko=f"{port} 사용 가능"))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        if os.environ.get(name):
            yield Finding(say(en="proxy", ko="프록시"), f"{name}={re.sub(r'//[^/@]*@', '//', os.environ[name])}")
            break


def course() -> Iterator[Finding]:
    """The course itself."""
    from segcourse.training import provenance

    yield Finding("segcourse", f"{segcourse.__version__} ({provenance.commit()})")
    yield Finding(say(en="system", ko="시스템"), platform.platform())
    yield Finding(say(en="checkout", ko="저장소"), str(checkout() or say(en="none: an installed package", ko="없음(설치된 패키지)")))


# --- the report -----------------------------------------------------------------------------------------------------------

def _safely(part: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """The part's findings. A part that fails is one itself: the doctor goes on."""
    found = []
    try:
        found.extend(part())
    except Exception as error:
        found.append(note(getattr(part, "__name__", "doctor"), _say_trouble(error), say(en="this could not be looked at: please report it", ko="확인하지 못했어요. 저장소에 알려 주세요")))
    return found


def examine(show: Callable[[str], None] = print, port: int = 8888) -> int:
    """Print the report line by line as it is found, then what is wrong with the remedy. Returns 1 when something needed is broken, else 0."""
    trials = {name: _begin(name) for name in _TRIALS}
    findings: list[Finding] = []

    def part(look: Callable[[], Iterable[Finding]]) -> None:
        for finding in _safely(look):
            findings.append(finding)
            show(line(finding.head, finding.text))

    for look in (course, python, words, packages):
        part(look)
    torch_found = _end(trials["torch"])
    part(lambda: device(torch_found))
    part(lambda: jupyter(_end(trials["jupyter"])))
    part(lambda: network(port))
    part(places)
    for text in torch_found.get("data") or [line(say(en="data sets", ko="데이터 세트"), say(en="not looked at, since PyTorch does not load", ko="PyTorch를 불러올 수 없어서 확인하지 못함"))]:
        show(text)
    return _conclude(findings, show)


def _conclude(findings: list[Finding], show: Callable[[str], None]) -> int:
    """The problems, what is needed first, one line each; then the sum."""
    by_kind = {kind: [finding for finding in findings if finding.problem == kind] for kind in ("broken", "note")}
    show("")
    for kind, mark in (("broken", say(en="BROKEN", ko="문제")), ("note", say(en="note", ko="참고"))):
        for finding in by_kind[kind]:
            show(f"{mark}  {finding.head}: {finding.text} → {finding.remedy}")
    wrong, notes = len(by_kind["broken"]), len(by_kind["note"])
    if wrong:
        show(say(en=f"{wrong} needed thing{'s are' if wrong > 1 else ' is'} broken, {notes} note{'' if notes == 1 else 's'}.",
                 ko=f"꼭 고쳐야 할 문제가 {wrong}개, 참고할 것이 {notes}개 있어요. 위에 적힌 대로 고쳐 주세요."))
    else:
        show(say(en=f"Everything that is needed works, {notes} note{'' if notes == 1 else 's'}." if notes else "Everything works.",
                 ko=f"필요한 것은 모두 잘 돼요. 참고할 것은 {notes}개예요." if notes else "모두 잘 돼요."))
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        answer = _TRIALS[sys.argv[1]]()
    except Exception as trouble:
        answer = {"died": _say_trouble(trouble)}
    print("\n" + json.dumps(answer))
