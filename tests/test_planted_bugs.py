"""Do the tests bite? Every patch in tests/planted plants one bug, as someone who believes something plausible would write it, and a test must fail.

A patch is a unified diff below a head of two lines:

    # Believed: where stamps overlap, their values are averaged.
    # Tests: tests/ops/test_transposed_conv.py

It is applied to a copy of the course, never to the working tree, and the tests it names (files, or file::test) are run there. What counts is a
test that fails: a file that cannot be collected, a fixture that breaks or code that does not compile proves nothing. A patch that no test
notices is a finding: write the missing test. The same tests pass without the patch, as the rest of the run shows.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PATCHES = sorted((ROOT / "tests" / "planted").glob("*.patch"))
LONGEST = 600       # seconds the tests of one patch may take, on a busy machine


@dataclass(frozen=True)
class Planted:
    """What became of one planted bug: `caught_by` names the first test that failed, or is "" and `why` says what happened instead."""

    caught_by: str
    why: str
    seconds: float = 0.0


def head(text: str) -> tuple[str, list[str]]:
    """What the author of a patch believed, and the tests that should notice. Raises ValueError where the patch does not say."""
    found = {name: re.findall(rf"^# {name}: (\S.*)$", text, re.MULTILINE) for name in ("Believed", "Tests")}
    if len(found["Believed"]) != 1 or not found["Tests"]:
        raise ValueError("begin the patch with a line '# Believed: ...', what its author took for true, and a line '# Tests: tests/...', which should notice")
    return found["Believed"][0], " ".join(found["Tests"]).split()


def copy_course(root: Path, place: Path) -> None:
    """Copy what git keeps of `root`, and what it would keep, to `place`, with what Python has compiled of it: it is not compiled again.

    Times are copied, too, by which Python knows that compiled code is of its file; what a patch changes is younger.
    """
    listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=root, capture_output=True, check=True).stdout
    names = [name for name in listed.decode().split("\0") if name]
    for name in names:
        if (root / name).is_file():         # not one that was deleted and not committed yet
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, place / name)
    for folder in sorted({Path(name).parent / "__pycache__" for name in names if name.endswith(".py")}):
        (place / folder).mkdir(parents=True, exist_ok=True)
        for compiled in (root / folder).glob("*.pyc"):
            shutil.copy2(compiled, place / folder / compiled.name)


def apply(patch: Path, place: Path) -> str:
    """Apply a patch to the copy at `place`: "" where it is done, else why not."""
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(place.parent)}      # a repository around it would skip the files without a word
    # A Windows checkout may have ended the lines of either side otherwise.
    done = subprocess.run(["git", "apply", "--ignore-whitespace", "-"], cwd=place, env=environment, input=patch.read_bytes(), capture_output=True)
    if done.returncode:
        return f"patch {patch.name} no longer applies: write it anew\n{done.stderr.decode(errors='replace')}"
    for name in re.findall(r"^\+\+\+ b/(.+\.py)$", patch.read_text(encoding="utf-8"), re.MULTILINE):
        try:
            compile((place / name).read_text(encoding="utf-8"), name, "exec")
        except SyntaxError as error:
            return f"patch {patch.name} leaves {name} that does not compile ({error}): a bug must run to be caught"
    return ""


class Nursery:
    """Runs pytest in copies of the course, one at a time: in forks of a process that has torch in memory, or where there is no fork, anew."""

    def __init__(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "SEGCOURSE_", "PYTHONPATH"))}
        environment |= {"PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        # Two seconds less for each bug: no test that is named needs a plugin.
        environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **({"SEGCOURSE_CHROMIUM": os.environ["SEGCOURSE_CHROMIUM"]} if "SEGCOURSE_CHROMIUM" in os.environ else {})}
        self.environment, self.process = environment, None

    def run(self, arguments: list[str], place: Path) -> tuple[int | None, str]:
        """(exit status, or None where it took longer than LONGEST; what it said)."""
        output = place / "said.txt"
        if not hasattr(os, "fork"):
            # An editable installation stands behind PYTHONPATH: the copy is what is imported.
            with output.open("wb") as said:
                try:
                    status = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=place, env=self.environment | {"PYTHONPATH": str(place)},
                                            stdout=said, stderr=said, timeout=LONGEST).returncode
                except subprocess.TimeoutExpired:
                    status = None
        else:
            if self.process is None:
                self.process = subprocess.Popen([sys.executable, str(ROOT / "tests" / "planted" / "nursery.py")], env=self.environment, text=True,
                                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            print(json.dumps({"place": str(place), "arguments": arguments, "output": str(output), "longest": LONGEST}), file=self.process.stdin, flush=True)
            status = int(self.process.stdout.readline())
            status = None if status == -signal.SIGALRM else status
        return status, output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""

    def close(self):
        if self.process is not None:
            self.process.kill()         # it waits for a job that does not come
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()


def run_tests(tests: list[str], place: Path, nursery: Nursery) -> tuple[str, str]:
    """Run tests in the copy at `place` up to the first that fails: (its name and what it said, ""), or ("", what happened instead)."""
    report = place / "report.xml"
    status, said = nursery.run(["-x", "-q", "-p", "no:cacheprovider", "--no-header", f"--junit-xml={report}", *tests], place)
    if status is None:
        return "", f"its tests took more than {LONGEST} s: name fewer of them"
    cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
    for case in cases:
        failure = case.find("failure")
        if failure is not None:
            message = (failure.get("message") or "").splitlines()
            return f"{case.get('classname')}::{case.get('name')}: {message[0][:160] if message else ''}", ""
    if any(case.find("error") is not None for case in cases) or status not in (0, 5):
        return "", f"its tests broke before one of them could fail:\n{said[-3000:]}"
    passed = sum(case.find("skipped") is None for case in cases)
    if not passed:
        return "", f"no test ran (of {len(cases)}, {len(cases) - passed} were skipped)"
    return "", f"it survives: {passed} tests pass all the same. Write the test that is missing"


def plant(patch: Path, root: Path, place: Path, nursery: Nursery) -> Planted:
    """Plant one bug in a copy of `root` made at `place`, and see which test notices."""
    started = time.monotonic()
    try:
        _, tests = head(patch.read_text(encoding="utf-8"))
        copy_course(root, place)
        why = apply(patch, place)
        caught, why = ("", why) if why else run_tests(tests, place, nursery)
    except ValueError as error:
        caught, why = "", f"patch {patch.name}: {error}"
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return Planted(caught, why, time.monotonic() - started)


# --- the planted bugs -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def nursery():
    made = Nursery()
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="bugs are planted in a copy of a git checkout, and this is none")
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_planted_bug_is_caught(patch, nursery, tmp_path, record_property):
    result = plant(patch, ROOT, tmp_path / patch.stem, nursery)
    record_property("caught by", result.caught_by)      # what the end of the run tells of
    assert result.caught_by, result.why


def test_there_are_enough_of_them_and_each_says_what_it_believes():
    assert len(PATCHES) >= 14
    for patch in PATCHES:
        _, tests = head(patch.read_text(encoding="utf-8"))
        for test in tests:
            assert (ROOT / test.partition("::")[0]).exists(), f"{patch.name} names {test}, which is not there: correct its head"


# --- what plants them -----------------------------------------------------------------------------------------------------

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
CODE = "def total(values):\n    # all of them\n    return sum(values)\n"
TESTS = "import thing\n\n\ndef test_total():\n    assert thing.total([1, 2]) == 3\n\n\ndef test_type():\n    assert isinstance(thing.total([1]), int)\n"
PATCH = """# Believed: {believed}
# Tests: tests/test_thing.py
--- a/thing.py
+++ b/thing.py
@@ -1,3 +1,3 @@
 def total(values):
-    # all of them
-    return sum(values)
+    # {comment}
+    return {returned}
"""


@pytest.fixture
def tried(tmp_path, nursery):
    """tried(patch text) -> what became of it, planted in a course of one function and two tests."""
    root = tmp_path / "course"
    (root / "tests").mkdir(parents=True)
    (root / "thing.py").write_text(CODE, encoding="utf-8")
    (root / "tests" / "test_thing.py").write_text(TESTS, encoding="utf-8")
    (root / ".gitignore").write_text("ignored.py\n", encoding="utf-8")
    (root / "ignored.py").write_text("", encoding="utf-8")
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)

    def plant_text(text):
        patch = tmp_path / "bug.patch"
        patch.write_text(text, encoding="utf-8", newline="\n")
        result = plant(patch, root, tmp_path / "copy", nursery)
        assert (root / "thing.py").read_text(encoding="utf-8") == CODE and not (tmp_path / "copy").exists()
        return result

    plant_text.root = root
    return plant_text


@needs_git
@pytest.mark.slow
def test_a_bug_that_a_test_notices_is_caught(tried):
    result = tried(PATCH.format(believed="a total is a mean", comment="all of them", returned="sum(values) / len(values)"))
    assert "test_thing::test_total" in result.caught_by and "1.5 == 3" in result.caught_by


@needs_git
@pytest.mark.slow
def test_a_patch_that_changes_nothing_survives(tried):
    result = tried(PATCH.format(believed="a comment matters", comment="every one of them", returned="sum(values)"))
    assert not result.caught_by and "it survives: 2 tests pass" in result.why


@needs_git
def test_a_patch_that_no_longer_applies_says_so(tried):
    text = PATCH.format(believed="a total is a mean", comment="all of them", returned="0").replace("-    return sum(values)", "-    return max(values)")
    assert not tried(text).caught_by and "patch bug.patch no longer applies: write it anew" in tried(text).why


@needs_git
@pytest.mark.slow
@pytest.mark.parametrize(
    "returned, said", [("sum(values", "does not compile"), ("sum(values)\n+import missing_module", "broke before one of them could fail")], ids=["syntax", "import"]
)
def test_code_that_does_not_run_is_not_caught_but_broken(tried, returned, said):
    text = PATCH.format(believed="this runs", comment="all of them", returned=returned)
    result = tried(text.replace("+1,3 @@", "+1,4 @@") if "import" in returned else text)
    assert not result.caught_by and said in result.why


@needs_git
@pytest.mark.slow
def test_tests_that_all_skip_catch_nothing(tried):
    tests = tried.root / "tests" / "test_thing.py"
    tests.write_text("import pytest\n\n\n@pytest.mark.skip(reason='no GPU')\ndef test_total():\n    assert False\n", encoding="utf-8")
    result = tried(PATCH.format(believed="a total is a mean", comment="all of them", returned="0"))
    assert not result.caught_by and "no test ran" in result.why


@needs_git
def test_a_patch_without_a_head_is_refused(tried):
    text = PATCH.format(believed="a total is a mean", comment="all of them", returned="0").partition("\n")[2]
    assert "begin the patch with a line '# Believed:" in tried(text).why


@needs_git
@pytest.mark.slow
def test_the_copy_is_what_is_imported_and_holds_what_git_keeps(tried, tmp_path, nursery):
    copy_course(tried.root, tmp_path / "other")
    assert sorted(path.relative_to(tmp_path / "other").as_posix() for path in (tmp_path / "other").rglob("*") if path.is_file()) == [
        ".gitignore", "tests/test_thing.py", "thing.py"]
    (tmp_path / "other" / "segcourse.py").write_text("HERE = True\n", encoding="utf-8")
    (tmp_path / "other" / "tests" / "test_thing.py").write_text("import segcourse\n\n\ndef test_here():\n    assert not segcourse.HERE\n", encoding="utf-8")
    assert "test_here" in run_tests(["tests/test_thing.py"], tmp_path / "other", nursery)[0]
