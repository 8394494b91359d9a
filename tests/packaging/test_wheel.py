"""The wheel, installed as a reader installs it: into a fresh environment, used from an empty folder whose path holds Korean letters and a
space, by a reader with an empty home. Python 3.11 and 3.13; a Python that is not on this machine, and an index out of reach, skip.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from segcourse.authoring import build, elsewhere
from segcourse.labs import names as lab_names

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = [path.stem for path in build.sources(ROOT)]
LANGUAGE = {"3.11": "en", "3.13": "ko"}     # what is run under which Python; make colab runs both under 3.13
NEWEST = max(LANGUAGE, key=lambda version: int(version.partition(".")[2]))


@dataclass(frozen=True)
class Reader:
    """A reader of the wheel: the Python it is installed in, the folder they work in, and their environment variables."""

    version: str
    python: Path
    desk: Path
    environment: dict[str, str]

    def run(self, *words, **options):
        return subprocess.run([str(word) for word in words], cwd=self.desk, env=self.environment, capture_output=True, text=True,
                              encoding="utf-8", **options)

    def script(self, text: str, *arguments: str) -> str:
        """What a Python script says; it must end well and write nothing to stderr."""
        done = self.run(self.python, "-c", text, *arguments)
        assert done.returncode == 0 and not done.stderr.strip(), done.stdout + done.stderr
        return done.stdout

    def command(self, *words: str) -> list[str]:
        return [str(self.python.with_name("segcourse.exe" if sys.platform == "win32" else "segcourse")), *words]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return elsewhere.build_wheel(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module", params=["3.11", "3.13"])
def reader(request, wheel, tmp_path_factory):
    place = tmp_path_factory.mktemp("reader")
    desk, home = place / "내 강의 폴더", place / "home"
    desk.mkdir()
    home.mkdir()
    python = elsewhere.make_environment(place / "environment", request.param)
    elsewhere.install(python, f"{wheel}[lab]")
    return Reader(request.param, python, desk, elsewhere.reader_environment(python, home, PYTHONIOENCODING="utf-8"))


def test_the_wheel_holds_every_file_of_the_package_and_every_chapter(wheel):
    there = set(zipfile.ZipFile(wheel).namelist())
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "segcourse").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    chapters = {f"segcourse/notebooks/{language}/{name}.ipynb" for language in ("en", "ko") for name in CHAPTERS}
    assert package | chapters <= there
    assert not [name for name in there if "__pycache__" in name or name.startswith("tests") or "/source/" in name]


def test_the_package_knows_no_checkout_and_starts_quickly_without_torch(reader):
    where = json.loads(reader.script("import json, segcourse; from segcourse.datasets.root import checkout, data_root\n"
                                     "print(json.dumps([segcourse.__file__, str(checkout()), str(data_root())]))"))
    assert reader.python.parent.parent in Path(where[0]).parents and where[1] == "None"
    assert Path(reader.environment["HOME"]) in Path(where[2]).parents

    def seconds(text):
        began = time.perf_counter()
        loaded = reader.script(text)
        return time.perf_counter() - began, loaded.split()

    timed = [seconds("import segcourse, sys; print(*sys.modules)") for _ in range(5)]
    assert not {"torch", "numpy", "matplotlib"} & set(timed[0][1])
    assert min(timed)[0] - min(seconds("print()") for _ in range(5))[0] < 0.3


def test_nothing_of_the_crf_extra_is_installed(reader, wheel):
    assert not [name for name in elsewhere.packages(reader.python) if "densecrf" in name]
    if reader.version == "3.13":            # the extra itself brings nothing there
        wanted = elsewhere.uv("pip", "install", "--dry-run", "--python", reader.python, f"{wheel}[crf]")
        assert "densecrf" not in wanted


PICTURES = """
import sys, warnings
warnings.simplefilter("error")
import segcourse
from segcourse import figures, labs
segcourse.use_language(sys.argv[1])
for name in labs.names():
    getattr(labs, name)().picture().save(f"{name}.png")
figures.bars({"건물": 0.25, "도로": 0.75}, title="가나다 힣 뷁").save("막대.png")
"""


def test_labs_and_a_korean_figure_are_drawn_without_a_warning(reader):
    reader.script(PICTURES, LANGUAGE[reader.version])
    for name in [*lab_names(), "막대"]:
        picture = Image.open(reader.desk / f"{name}.png").convert("L")
        low, high = picture.getextrema()
        assert picture.width >= 300 and picture.height >= 50 and high - low > 100, name


def test_a_missing_glyph_would_have_been_a_warning(reader):
    done = reader.run(reader.python, "-W", "error", "-c", "import matplotlib; matplotlib.use('Agg'); from matplotlib.figure import Figure\n"
                      "figure = Figure(); figure.text(0.5, 0.5, '가'); figure.savefig('bare.png')")
    assert done.returncode == 1 and "missing from" in done.stderr


def test_doctor_is_well(reader):
    done = reader.run(*reader.command("doctor"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Python                {reader.version}" in done.stdout and str(ROOT) not in done.stdout


def _asked(address: str, patience: float = 30, **options) -> bytes:
    """What the server answers; it says where it is a moment before it listens."""
    until = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(address, **options), timeout=30) as answer:
                return answer.read()
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError) or time.monotonic() > until:
                raise
            time.sleep(0.2)


def _listening(process) -> str:
    """The address with its token that JupyterLab prints when it is ready."""
    for line in process.stdout:
        words = [word for word in line.split() if word.startswith("http://127.0.0.1:") and "token=" in word]
        if words:
            return words[0]
    raise AssertionError(f"JupyterLab ended ({process.wait()}) before it said where it is")


@pytest.fixture(scope="module")
def opened(reader):
    """`segcourse lab` was run once in the empty folder: (the copied folder, what the server said of a chapter)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(reader.command("lab", "--no-browser", "--port", str(port)), cwd=reader.desk, env=reader.environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
                               start_new_session=True)
    try:
        said = _listening(process)              # http://127.0.0.1:PORT/lab/tree/en/start.md?token=...
        address, token = said.partition("/lab")[0], said.partition("token=")[2]
        served = json.loads(_asked(f"{address}/api/contents/{LANGUAGE[reader.version]}/{CHAPTERS[0]}.ipynb?token={token}"))
        _asked(f"{address}/api/shutdown?token={token}", method="POST", data=b"")
        process.wait(timeout=30)
    finally:
        if process.poll() is None:              # JupyterLab is its child
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.stdout.close()
    return reader.desk / "segcourse-notebooks", served


def test_lab_copies_the_chapters_and_opens_them(reader, opened):
    folder, served = opened
    for language in ("en", "ko"):
        for name in CHAPTERS:
            assert (folder / language / f"{name}.ipynb").read_bytes() == (ROOT / "notebooks" / language / f"{name}.ipynb").read_bytes()
    assert served["type"] == "notebook" and served["content"]["metadata"]["segcourse"]["chapter"] == CHAPTERS[0]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_copied_chapter_runs_to_its_end(reader, opened, chapter):
    if reader.version != NEWEST and chapter != CHAPTERS[0]:
        pytest.skip(f"every chapter runs from the wheel on Python {NEWEST}, and from the checkout in tests/notebooks")
    folder = opened[0] / LANGUAGE[reader.version]
    ran = elsewhere.run_notebook(folder / f"{chapter}.ipynb", reader.python, folder, reader.environment)
    assert not ran.problems, "\n".join(ran.problems)
    assert ran.ran == ran.cells > 0 and ran.widgets > 0
