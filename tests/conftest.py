"""Fixtures shared by all tests, and how the tests are shared out where several processes run them."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segcourse.language import LANGUAGES, reading

from . import at_once

# --- several processes, where pytest-xdist is installed and asked for ---------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    return at_once.processes()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes():
    # PyTorch's threads keep a core busy while they wait, here one that another process needs: the tests of ops take 42 s so, and 66 s otherwise.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    if not hasattr(node.config, "_shares"):
        node.config._shares = folder = tempfile.mkdtemp(prefix="shares-")
        node.config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    node.workerinput["shares"] = node.config._shares


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session):
    if hasattr(session.config, "workerinput"):
        at_once.write_plan(Path(session.config.workerinput["shares"]) / "plan.json", session.items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config):
    if config.getoption("numprocesses") and config.getoption("dist") == "load":         # -n, and nothing else asked for
        return at_once.Sharing(len(config.getoption("tx")), Path(config._shares) / "plan.json")
    return None


# --- what a run tells at its end ----------------------------------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter):
    """Which test caught which planted bug: what they were written for."""
    for report in terminalreporter.getreports("passed"):
        caught = dict(report.user_properties).get("caught by")
        if caught:
            terminalreporter.write_line(f"{report.nodeid.partition('[')[2][:-1]} ({report.duration:.0f} s): caught by {caught}")


# --- fixtures -----------------------------------------------------------------------------------------------------------------


def draw_scene(generator, height=48, width=64):
    """A tiny street: sky over building over road, a car of random place; colours noisy around one per class. (image, label) as arrays."""
    label = np.zeros((height, width), np.uint8)
    label[height // 3:] = 1
    label[2 * height // 3:] = 3
    x = int(generator.integers(0, width - 20))
    label[height // 2:height // 2 + 12, x:x + 20] = 8
    label[:, width - 2:] = 11
    colours = np.array([[120, 170, 230], [150, 90, 70], [0, 0, 0], [90, 90, 95], [0] * 3, [0] * 3, [0] * 3, [0] * 3, [200, 40, 40],
                        [0] * 3, [0] * 3, [10, 10, 10]])
    noise = generator.normal(0, 12, (height, width, 3))
    return np.clip(colours[label] + noise, 0, 255).astype(np.uint8), label


@pytest.fixture(params=LANGUAGES)
def refused(request):
    """refused(action, told): in either language the action is refused in one line that names all of `told`."""
    def check(action, told, kind=ValueError):
        with reading(request.param), pytest.raises(kind) as error:
            action()
        message = str(error.value)
        assert "\n" not in message and all(part in message for part in told), message
        assert request.param == "en" or message.endswith("요.")
    return check


@pytest.fixture
def camvid_folder(tmp_path):
    """A folder with a CamVid of 6, 3 and 3 drawn pictures of 48x64 in the public layout."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3), ("test", 3)):
        for kind in (split, f"{split}annot"):
            (tmp_path / "CamVid" / kind).mkdir(parents=True)
        for number in range(count):
            image, label = draw_scene(generator)
            Image.fromarray(image).save(tmp_path / "CamVid" / split / f"{split}_{number}.png")
            Image.fromarray(label).save(tmp_path / "CamVid" / f"{split}annot" / f"{split}_{number}.png")
    return tmp_path
