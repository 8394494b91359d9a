"""`segcourse lab` opens JupyterLab on the start page: the map is seen, without a kernel, and a link leads into a chapter."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """(address, token) of a JupyterLab that `segcourse lab` started for a Korean reader, with settings of its own."""
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed: pip install 'segcourse[lab]'")
    folder, token = tmp_path_factory.mktemp("start"), secrets.token_hex(16)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    environment |= {"JUPYTERLAB_SETTINGS_DIR": str(folder / "lab"), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "lab"), "JUPYTER_TOKEN": token, "SEGCOURSE_LANG": "ko"}
    command = [sys.executable, "-m", "segcourse", "lab", "--no-browser", "--port", str(port)]
    running = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(480):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=2).close()
                break
            except (OSError, urllib.error.URLError):
                assert running.poll() is None, "segcourse lab ended by itself"
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}", token
    finally:
        shut = urllib.request.Request(f"http://127.0.0.1:{port}/api/shutdown?token={token}", method="POST", headers={"Authorization": f"token {token}"})
        try:
            urllib.request.urlopen(shut, timeout=10).close()
            running.wait(30)
        except (OSError, subprocess.TimeoutExpired):
            running.kill()
            running.wait(20)


def test_the_reader_sees_the_map_first_and_goes_on_to_a_chapter(server, browser):
    address, token = server
    page = browser.new_context(viewport={"width": 1200, "height": 1000}).new_page()
    page.goto(f"{address}/?token={token}")                              # where JupyterLab leads by itself
    page.wait_for_selector(".jp-MarkdownViewer img", timeout=120_000)
    shown = page.locator(".jp-MarkdownViewer")
    assert shown.locator("h1").inner_text().startswith("여기서 시작해요") and page.locator(".jp-FileEditor").count() == 0
    page.wait_for_function("(() => { const i = document.querySelector('.jp-MarkdownViewer img'); return i.complete && i.naturalWidth === 720; })()")
    assert "장 지도" in shown.locator("img").get_attribute("alt")
    assert page.locator(".jp-Notebook").count() == 0
    shown.get_by_role("link", name="용어집").first.click()
    page.get_by_role("heading", name="용어집", level=1).wait_for(timeout=60_000)
    assert page.locator(".jp-MarkdownViewer").get_by_text("수용 영역", exact=True).count() == 1
    page.get_by_role("tab", name="start.md").click()
    page.locator(".jp-MarkdownViewer a", has_text="FCN, 픽셀마다").first.click()
    page.wait_for_selector(".jp-Notebook h1", timeout=120_000)
    assert "FCN" in page.locator(".jp-Notebook h1").first.inner_text()
    page.context.close()
