"""Two front ends in which the course is read: the JupyterLab of this environment, and JupyterLab 3 with ipywidgets 7.7.1, as in Colab.

The second is made by the first test that needs it, in build/lab3 (git ignores it), and kept until something it is made from changes.
"""

import asyncio
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from importlib import metadata, util
from pathlib import Path

import pytest
from filelock import FileLock

import segcourse

ROOT = Path(__file__).parents[2]
FRONT_ENDS = ("jupyterlab4", "jupyterlab3")

# Colab's widgets and what they stand on (backend-info of 2026-08-19), with the last JupyterLab that takes ipywidgets 7.
PINS = (
    "jupyterlab==3.6.8",
    "notebook==6.5.7",
    "ipywidgets==7.7.1",
    "jupyterlab_widgets==1.1.11",
    "widgetsnbextension==3.6.10",
    "anywidget==0.9.21",
    "ipykernel==6.17.1",
    "ipython==7.34.0",
    "traitlets==5.7.1",
    "matplotlib==3.10.0",
    "numpy==2.1.3",
    "pillow==11.3.0",
)


def python_of(front_end):
    """The interpreter of a front end. Skips the test where it cannot be had, fails it where the course and the pins exclude each other."""
    if front_end == "jupyterlab4":
        if util.find_spec("jupyterlab") is None:
            pytest.skip("jupyterlab is not installed: pip install 'segcourse[lab]'")
        return sys.executable
    folder = ROOT / "build" / "lab3"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.with_name("lab3.lock")):           # tests in two processes may ask for it at once
        return colab_like(folder)


def colab_like(folder):
    """The interpreter of the second front end in `folder`, made where it is not there yet."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # torch as it is here: what was fetched for this environment is not fetched again.
    wanted = [*PINS, "setuptools", *(f"{name}=={metadata.version(name).split('+')[0]}" for name in ("torch", "torchvision"))]
    made_from = json.dumps([wanted, str(ROOT), sys.version, (ROOT / "pyproject.toml").read_text(encoding="utf-8")])
    stamp, mark = folder / "made-from", hashlib.sha256(made_from.encode()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == mark and python.exists():
        return str(python)
    if util.find_spec("uv") is None:
        pytest.skip("JupyterLab 3 with ipywidgets 7 is made by uv, which is not installed: pip install uv")
    shutil.rmtree(folder, ignore_errors=True)
    uv = [sys.executable, "-m", "uv"]
    for command in (
        ["venv", "--quiet", "--python", sys.executable, str(folder)],
        ["pip", "install", "--quiet", "--python", str(python), "--editable", str(ROOT), *wanted],
    ):
        done = subprocess.run([*uv, *command], capture_output=True, encoding="utf-8", errors="replace", check=False)
        if done.returncode:
            assert "unsatisfiable" not in done.stderr, f"the course cannot be installed beside {', '.join(PINS)}:\n{done.stderr}"
            last = (done.stderr.strip().splitlines() or ["uv failed"])[-1]
            pytest.skip(f"JupyterLab 3 with ipywidgets 7 could not be installed ({last}): it takes a network")
    stamp.write_text(mark, encoding="utf-8")
    return str(python)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Line(threading.Thread):
    """A line of 127.0.0.1 to a server on `target`, on which every byte arrives `delay` seconds later, each way. DevTools slow no websocket."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target, self.port, self.delay = target, free_port(), 0.0
        self.up = threading.Event()

    def run(self):
        asyncio.run(self.serve())

    async def serve(self):
        self.loop, self.stopped = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self.join, "127.0.0.1", self.port):
            self.up.set()
            await self.stopped.wait()

    async def join(self, reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # the server has ended
            writer.close()
            return
        await asyncio.gather(self.carry(reader, there_writer), self.carry(there_reader, writer))

    async def carry(self, reader, writer):
        waiting = asyncio.Queue()

        async def hand_over():
            while (item := await waiting.get()) is not None:
                await asyncio.sleep(item[0] - self.loop.time())
                writer.write(item[1])
                await writer.drain()
            writer.close()

        handing = asyncio.create_task(hand_over())
        try:
            while data := await reader.read(1 << 16):
                waiting.put_nowait((self.loop.time() + self.delay, data))
        except OSError:
            pass
        waiting.put_nowait(None)
        await asyncio.gather(handing, return_exceptions=True)

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopped.set)


class Jupyter:
    """A JupyterLab of `python` over an empty folder of its own, behind a Line. Use as a context."""

    def __init__(self, python, folder, name):
        self.python, self.folder, self.name = python, folder, name
        self.port, self.token = free_port(), secrets.token_hex(16)
        self.line = Line(self.port)
        self.context = None

    def context_of(self, browser):
        """One for all notebooks of this server: its pages find JupyterLab in the browser's cache."""
        if self.context is None:
            self.context = browser.new_context(viewport={"width": 1200, "height": 1000})
        return self.context

    def __enter__(self):
        own = {name: str(self.folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
        own["JUPYTERLAB_SETTINGS_DIR"] = own["JUPYTERLAB_WORKSPACES_DIR"] = str(self.folder / "lab")
        (self.folder / "pages").mkdir()
        # JupyterLab's own question, whether it may fetch news, would lie over the labs.
        settings = self.folder / "lab" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8")
        self.log = (self.folder / "server.log").open("w", encoding="utf-8")
        self.server = subprocess.Popen(
            [
                self.python,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={self.port}",
                f"--ServerApp.token={self.token}",
                f"--ServerApp.root_dir={self.folder / 'pages'}",
                "--LabApp.expose_app_in_browser=True",  # so that a test can ask for a command of the menus by its name
                "--LabApp.news_url=null",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            ],
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | own | self.package(),
            cwd=self.folder,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.line.start()
        self.line.up.wait()
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api?token={self.token}", timeout=2).close()
                return self
            except (OSError, urllib.error.URLError):
                assert self.server.poll() is None, (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")[-2000:]
                time.sleep(0.25)
        raise AssertionError("JupyterLab did not answer within a minute")

    def package(self):
        """What makes kernels import the package that the tests import, and not the one installed beside it, as in a second checkout. The environment of
        JupyterLab 3 was made for this checkout; what lies beside the package here may not fit there."""
        return {"PYTHONPATH": str(Path(segcourse.__file__).parents[1])} if self.python == sys.executable else {}

    def __exit__(self, *_):
        if self.context is not None:
            self.context.close()
        self.server.terminate()
        try:
            self.server.wait(20)
        except subprocess.TimeoutExpired:
            self.server.kill()
        self.line.stop()
        self.log.close()

    def write(self, name, cells):
        """A notebook of code cells, not run."""
        notebook = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "cells": [
                {"cell_type": "code", "id": f"cell-{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
                for i, source in enumerate(cells)
            ],
        }
        (self.folder / "pages" / name).write_text(json.dumps(notebook), encoding="utf-8")

    def address(self, name):
        return f"http://127.0.0.1:{self.line.port}/lab/tree/{name}?token={self.token}&reset"


# The badge over every chapter is a picture of Colab's; GitHub shows it, and offline it is a missing picture. Nothing else may be asked for.
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"

COMMANDS = """
window.notebookPanel = () => jupyterapp.shell.currentWidget;
window.setCell = (n, code) => { const cell = notebookPanel().content.widgets.at(n); cell.model.sharedModel.setSource(code); };
window.runCell = async (n) => { const nb = notebookPanel().content; nb.deselectAll(); nb.activeCellIndex = n < 0 ? nb.widgets.length + n : n; await jupyterapp.commands.execute('notebook:run-cell'); };
window.kernelStatus = () => { const s = notebookPanel().sessionContext.session; return s && s.kernel ? s.kernel.status : 'none'; };
"""


class NotebookPage:
    """A notebook open in a front end. `problems`: console errors; `outside`: requests to another host; `sent`: widget messages to Python."""

    def __init__(self, browser, jupyter, name, *, script=""):
        self.jupyter = jupyter
        self.page = page = jupyter.context_of(browser).new_page()
        page.set_default_timeout(60_000)
        self.problems, self.outside, self.sent = [], [], []
        page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._asked)
        page.on("websocket", lambda socket: socket.on("framesent", self._framed))
        page.route(BADGE, lambda route: route.fulfill(content_type="image/svg+xml", body='<svg xmlns="http://www.w3.org/2000/svg"/>'))
        page.add_init_script(COMMANDS + script)
        page.goto(jupyter.address(name))
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.wait_for_function("window.jupyterapp && notebookPanel() && notebookPanel().content && notebookPanel().sessionContext")

    def _asked(self, request):
        ours = (f"http://127.0.0.1:{self.jupyter.line.port}/", f"ws://127.0.0.1:{self.jupyter.line.port}/", "blob:", "data:")
        if not request.url.startswith(ours) and request.url != BADGE:
            self.outside.append(request.url)

    def _framed(self, frame):
        if b"comm_msg" in (frame if isinstance(frame, bytes) else frame.encode()):
            self.sent.append(frame)

    def ready(self):
        """Wait until the kernel does nothing."""
        self.page.wait_for_function("kernelStatus() === 'idle'")
        return self

    def run_all(self):
        self.ready().page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        return self.ready()

    def run_cell(self, number, code=None):
        """Run a cell, given another text first, and wait for it."""
        if code is not None:
            self.page.evaluate("([n, code]) => setCell(n, code)", [number, code])
        self.page.evaluate("(n) => runCell(n)", number)
        self.ready()

    def output(self, number):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number).locator(".jp-OutputArea").first

    def restart(self):
        """Restart the kernel as a reader does, answering what JupyterLab asks."""
        self.page.evaluate("void jupyterapp.commands.execute('notebook:restart-kernel')")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.wait_for_selector(".jp-Dialog", state="detached")
        self.page.wait_for_timeout(300)
        self.ready()

    @property
    def tracebacks(self):
        """What the cells show of errors and of stderr."""
        return self.page.evaluate(
            """[...document.querySelectorAll('.jp-OutputArea-output')].filter((o) => /stderr|error/.test(o.dataset.mimeType || '')
                || /Traceback|Javascript Error|Error displaying widget|Loading widget/.test(o.textContent)).map((o) => o.textContent)"""
        )

    def close(self):
        self.page.close()
