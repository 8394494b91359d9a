"""The ways in agree: pip (pyproject.toml), conda (environment.yml) and make ask for the same, in ranges, and the course has one address."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from segcourse.authoring import colab
from segcourse.authoring.repository import REPOSITORY

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
NO_MAKE = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}  # make test runs these tests
REQUIREMENTS = [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]


def conda_packages() -> dict[str, str]:
    """Name -> version range of what conda itself installs."""
    names = [re.fullmatch(r"([a-z0-9_.-]+)\s*(.*)", line) for line in CONDA["dependencies"] if isinstance(line, str)]
    return {found[1]: found[2] for found in names}


def extras_of(text: str) -> set[str]:
    return set(re.search(r"\[([a-z,]+)\]", text)[1].split(","))


def test_conda_has_the_same_python():
    assert SpecifierSet(conda_packages()["python"]) == SpecifierSet(PROJECT["requires-python"])


def test_python_range_is_the_one_promised():
    promised = SpecifierSet(PROJECT["requires-python"])
    assert [minor for minor in range(9, 16) if f"3.{minor}.4" in promised] == [11, 12, 13]
    named = {line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", line)}
    assert named == {"3.11", "3.12", "3.13"}


def test_conda_installs_the_course_with_what_make_installs():
    pip = next(entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict))
    assert len(pip) == 1 and pip[0].startswith("-e .[")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    made = set(re.search(r"^EXTRAS := (.+)$", makefile, re.MULTILINE)[1].split(","))
    assert extras_of(pip[0]) == made <= set(EXTRAS)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("options, forced", [([], False), (["-B"], True), (["-Bs"], True), (["ARGS=B"], False)])
def test_only_make_with_b_builds_every_notebook(options, forced):
    said = subprocess.run(["make", "-n", *options, "notebooks"], cwd=ROOT, env=NO_MAKE, check=True, capture_output=True, text=True).stdout
    command = next(line for line in said.splitlines() if "authoring.build" in line)
    assert ("--force" in command) is forced


def test_conda_brings_the_tools_make_needs():
    assert {"pip", "make", "git"} <= set(conda_packages())


@pytest.mark.parametrize("line", REQUIREMENTS)
def test_requirement_is_a_range(line):
    specifiers = list(Requirement(line).specifier)
    assert specifiers, f"{line}: give the oldest version that works"
    assert not [str(each) for each in specifiers if each.operator in ("==", "===", "~=")], (
        f"{line}: a pin breaks with the next Colab; write >="
    )


def test_one_address_for_the_repository():
    user = REPOSITORY.removeprefix("https://github.com/")
    tracked = [ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md", *sorted((ROOT / "notebooks").glob("*/*.ipynb"))]
    for path in tracked:
        text = path.read_text(encoding="utf-8")
        addresses = re.findall(
            r"(?:github\.com|colab\.research\.google\.com/github|raw\.githubusercontent\.com)/([\w-]+/segcourse)\b", text
        )
        assert set(addresses) <= {user}, f"{path.name} has another address than segcourse/authoring/repository.py"


COLAB = colab.listed(ROOT)
BROUGHT = {"lightning", "koreanize-matplotlib"}  # what Colab lacks and the install cell brings


@pytest.mark.parametrize("line", PROJECT["dependencies"])
def test_colab_s_own_package_is_good_enough(line):
    """A range that shuts Colab's version out would make the install cell replace it, and ask the reader for a restart."""
    requirement = Requirement(line)
    if requirement.name in BROUGHT:
        assert requirement.name not in COLAB
    else:
        assert COLAB[requirement.name].partition("+")[0] in requirement.specifier
