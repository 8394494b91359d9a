"""Archives from mirrors that misbehave, from the reader's own hand, on disks that refuse: whole or not there, and nothing of the reader's is lost."""

import dataclasses
import errno
import hashlib
import importlib.util
import io
import os
import re
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from segcourse.datasets import archives, fetch, voc
from segcourse.language import reading

_spec = importlib.util.spec_from_file_location("vocs", Path(__file__).with_name("vocs.py"))
vocs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(vocs)

QUICK = {"tries": 3, "pause": 0.02, "timeout": 5}
FILE = "VOCtrainval_11-May-2012.tar"


def tar_of(folder, name, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        tar.add(folder, name)
    return out.getvalue()


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The bytes of a small VOC2012 archive, padded so that it comes in several pieces."""
    base = tmp_path_factory.mktemp("made")
    vocs.write_voc(base)
    (base / "VOCdevkit/VOC2012/padding").write_bytes(os.urandom(3_000_000))
    return tar_of(base / "VOCdevkit", "VOCdevkit")


@pytest.fixture
def archive(content):
    return archives.Archive("voc", FILE, hashlib.md5(content).hexdigest(), len(content), len(content), "VOCdevkit/VOC2012", ())


class Server(ThreadingHTTPServer):
    """The archive below /first/, /second/ and so on, each with `how` it misbehaves; `asked` has (mirror, Range) of every question."""

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.how, self.asked, self.over = content, {}, [], threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.close_connection = True
        mirror, content, wanted = self.path.split("/")[1], self.server.content, self.headers.get("Range")
        how = self.server.how.get(mirror, "fine")
        self.server.asked.append((mirror, wanted))
        first_time = sum(asked == mirror for asked, _ in self.server.asked) == 1
        start = int(re.match(r"bytes=(\d+)-", wanted)[1]) if wanted and how != "knows no ranges" else 0
        if how == "absent" or FILE not in self.path:
            return self.send_error(404)
        if how == "fails":
            return self.send_error(500)
        if how == "busy":
            return self.send_error(503)
        if how in ("sends on", "sends to http"):
            self.send_response(302)
            to = f"http://localhost:{self.server.server_port}/fine/{FILE}" if how == "sends on" else f"http://example.org/{FILE}"
            self.send_header("Location", to)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if start >= len(content):
            return self.send_error(416)
        if how == "other file":
            content = content + b"more"
        if how == "other bytes":
            content = bytes(len(content))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if how == "login page":
            self.send_header("Content-Type", "text/html")
        if how == "calls it an encoding":
            self.send_header("Content-Encoding", "x-gzip")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if how in ("breaks off", "breaks off once") and (how == "breaks off" or first_time):
            self.wfile.write(rest[:1_000_000])
        elif how == "stalls":
            self.wfile.write(rest[:1_000_000])
            self.wfile.flush()
            self.server.over.wait(20)
        elif how == "slow":
            for at in range(0, len(rest), 100_000):
                time.sleep(0.05)
                self.wfile.write(rest[at:at + 100_000])
        else:
            self.wfile.write(rest)


@pytest.fixture
def server(content):
    made = Server(content)
    yield made
    made.over.set()
    made.shutdown()
    made.server_close()


def bring(archive, root, server, mirrors="first", **options):
    at = tuple(f"{server.address}{mirror}/{FILE}" for mirror in mirrors.split())
    return archives.bring(dataclasses.replace(archive, addresses=at), root, is_there=lambda: voc.whole("voc", root), **QUICK | options)


def on_disk(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path.name != fetch.LOCK)


def is_whole(root, beside=()):
    """VOC2012 is there, and nothing else but `beside`."""
    loose = [name for name in on_disk(root) if not name.startswith("VOCdevkit/VOC2012/")]
    return voc.whole("voc", root) == root / "VOCdevkit/VOC2012" and loose == sorted(beside) and len(on_disk(root)) == 15 + len(loose)


def test_it_comes_is_unpacked_and_not_asked_for_again(archive, server, tmp_path, capfd):
    seen, notices = [], []
    report = bring(archive, tmp_path, server, progress=seen.append, notice=notices.append)
    assert is_whole(tmp_path) and report.came and report.folder == tmp_path / "VOCdevkit/VOC2012" and not report.failed and not report.aside
    assert seen[-1] == len(server.content) and seen == sorted(seen) and [notice.split()[0] for notice in notices] == ["fetching", "unpacking"]
    again = bring(archive, tmp_path, server)
    assert len(server.asked) == 1 and not again.came and again.folder == report.folder
    assert not "".join(capfd.readouterr())


@pytest.mark.parametrize("how, why, asked", [
    ("absent", "answers 404", 1), ("fails", "answers 500", 3), ("busy", "answers 503", 3), ("login page", "HTML page came instead of a TAR", 1),
    ("other bytes", "has not the MD5", 1), ("other file", r"another file: \d+ bytes, not \d+", 1), ("sends to http", "no https address", 1)])
def test_the_next_mirror_is_asked_and_the_reason_is_said(archive, server, tmp_path, how, why, asked):
    server.how["first"], notices = how, []
    report = bring(archive, tmp_path, server, "first second", notice=notices.append)
    assert is_whole(tmp_path) and [mirror for mirror, _ in server.asked] == ["first"] * asked + ["second"]
    assert len(report.failed) == 1 and re.search(why, report.failed[0][1]) and any(re.search(why, notice) for notice in notices)


def test_every_mirror_away(archive, server, tmp_path):
    server.how.update(first="absent", second="fails")
    report = bring(archive, tmp_path, server, "first second")
    assert report.folder is None and [why for _, why in report.failed] == ["the server answers 404", "the server answers 500"] and on_disk(tmp_path) == []
    dead = dataclasses.replace(archive, addresses=("http://127.0.0.1:9/" + FILE,))
    report = archives.bring(dead, tmp_path, is_there=lambda: None, tries=1, timeout=1)
    assert "cannot be reached" in report.failed[0][1]


def test_a_mirror_may_send_on_to_where_it_stores(archive, server, tmp_path):
    server.how["first"] = "sends on"
    assert bring(archive, tmp_path, server).came and is_whole(tmp_path)


def test_what_is_called_an_encoding_is_kept_packed(archive, server, tmp_path):
    server.how["first"] = "calls it an encoding"
    assert bring(archive, tmp_path, server).came and is_whole(tmp_path)


@pytest.mark.parametrize("how, ranges", [("breaks off once", [None, "bytes=1000000-"]), ("breaks off", [None, "bytes=1000000-", "bytes=2000000-"])])
def test_it_goes_on_where_it_broke_off(archive, server, tmp_path, how, ranges):
    server.how["first"] = how
    report = bring(archive, tmp_path, server, "first second")
    asked = [wanted for mirror, wanted in server.asked if mirror == "first"]
    assert asked == ranges and is_whole(tmp_path)
    if how == "breaks off":               # the other mirror has the same file: it goes on there
        assert server.asked[-1] == ("second", "bytes=3000000-") and "broke off" in report.failed[0][1]


def test_a_server_without_ranges_begins_anew(archive, server, tmp_path):
    (tmp_path / f"{FILE}.part").write_bytes(server.content[:500_000])
    server.how["first"] = "knows no ranges"
    assert bring(archive, tmp_path, server).came and is_whole(tmp_path)


@pytest.mark.parametrize("spoilt", [b"\1" * 500_000, "too long"])
def test_a_part_that_is_of_something_else_is_given_up(archive, server, tmp_path, spoilt):
    (tmp_path / f"{FILE}.part").write_bytes(server.content + b"more" if spoilt == "too long" else spoilt)
    assert bring(archive, tmp_path, server).came and is_whole(tmp_path) and len(server.asked) == 2


def test_an_archive_put_there_by_hand_is_checked_unpacked_and_left(archive, server, tmp_path):
    (tmp_path / FILE).write_bytes(server.content)
    report = bring(archive, tmp_path, server)
    assert is_whole(tmp_path, beside=[FILE]) and report.kept == tmp_path / FILE and not report.came and server.asked == []


def test_a_damaged_archive_put_there_by_hand_is_put_aside(archive, server, tmp_path):
    (tmp_path / FILE).write_bytes(server.content[:-1])
    notices = []
    report = bring(archive, tmp_path, server, notice=notices.append)
    assert is_whole(tmp_path, beside=[f"{FILE}.aside"]) and report.came and report.aside == [str(tmp_path / f"{FILE}.aside")]
    assert (tmp_path / f"{FILE}.aside").read_bytes() == server.content[:-1] and any("its MD5 is" in notice for notice in notices)


def test_what_is_in_the_way_is_put_aside_and_other_years_stay(archive, server, tmp_path):
    place = vocs.write_voc(tmp_path)
    (place / "SegmentationClass/2008_000008.png").unlink()
    (tmp_path / "VOCdevkit/VOC2007").mkdir()
    (tmp_path / "VOCdevkit/VOC2007/mine").write_text("mine")
    report = bring(archive, tmp_path, server)
    assert voc.whole("voc", tmp_path) and report.aside == [str(tmp_path / "VOCdevkit/VOC2012.aside")]
    assert (tmp_path / "VOCdevkit/VOC2007/mine").exists() and (tmp_path / "VOCdevkit/VOC2012.aside/ImageSets").is_dir()


@pytest.mark.parametrize("member", ["../outside.txt", "link"])
def test_an_archive_that_would_write_elsewhere_is_refused(archive, server, tmp_path, member):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo(member)
        if member == "link":
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(entry)
        else:
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"evil"))
    server.content = out.getvalue()
    root = tmp_path / "data"
    bad = dataclasses.replace(archive, md5=hashlib.md5(server.content).hexdigest(), size=len(server.content))
    with pytest.raises(ValueError, match="cannot be unpacked.*(outside|absolute path)"):
        bring(bad, root, server)
    assert not (tmp_path / "outside.txt").exists() and on_disk(root) == [FILE]      # checked, and there for whoever wants to look


def test_an_archive_without_the_folder_is_refused(archive, server, tmp_path):
    server.content = tar_of(Path(__file__), "VOCdevkit/other")
    with pytest.raises(ValueError, match="holds no folder VOCdevkit/VOC2012"):
        bring(dataclasses.replace(archive, md5=hashlib.md5(server.content).hexdigest(), size=len(server.content)), tmp_path, server)


def test_an_address_without_https_is_refused(archive, tmp_path):
    for options in ({"mirror": "http://example.org/"}, {"mirror": "ftp://example.org/"}):
        with pytest.raises(ValueError, match="no https address"):
            archives.bring(archive, tmp_path, is_there=lambda: None, **options)


@pytest.mark.parametrize("given", ["other", "other/", f"other/{FILE}"])
def test_a_mirror_of_the_readers_is_the_only_one_asked(archive, server, tmp_path, given):
    server.how["other"] = "absent"
    report = bring(archive, tmp_path, server, mirror=server.address + given)
    assert server.asked == [("other", None)] and report.failed[0][0] == f"{server.address}other/{FILE}"


RUN = """
import sys
from segcourse.datasets import archives, voc
archive = archives.Archive("voc", sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[3]), "VOCdevkit/VOC2012", (sys.argv[4],))
report = archives.bring(archive, sys.argv[5], is_there=lambda: voc.whole("voc", sys.argv[5]))
print(report.came, report.folder is not None)
"""


def other_run(archive, server, root):
    return subprocess.Popen([sys.executable, "-c", RUN, FILE, archive.md5, str(archive.size), f"{server.address}first/{FILE}", str(root)],
                            stdout=subprocess.PIPE, text=True, encoding="utf-8")


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_a_run_that_is_killed_goes_on_from_there(archive, server, tmp_path):
    server.how["first"] = "slow"
    run, part = other_run(archive, server, tmp_path), tmp_path / f"{FILE}.part"
    wait_for(lambda: part.exists() and part.stat().st_size > 500_000)
    run.kill()
    run.wait()
    have = part.stat().st_size
    server.how.clear()
    assert bring(archive, tmp_path, server).came and is_whole(tmp_path) and server.asked[-1] == ("first", f"bytes={have}-")


def test_the_second_of_two_runs_waits_and_asks_for_nothing(archive, server, tmp_path):
    server.how["first"], notices = "slow", []
    run = other_run(archive, server, tmp_path)
    wait_for(lambda: server.asked)
    report = bring(archive, tmp_path, server, notice=notices.append)
    assert run.communicate(timeout=60)[0].split() == ["True", "True"] and not report.came and report.folder is not None
    assert f"process {run.pid} on " in notices[0] and len(server.asked) == 1 and is_whole(tmp_path)


def test_ctrl_c_is_heeded_though_the_server_is_silent(archive, server, tmp_path):
    server.how["first"] = "stalls"

    def interrupted(done):
        if done:
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        bring(archive, tmp_path, server, progress=interrupted, timeout=30)
    assert time.monotonic() - started < 4 and on_disk(tmp_path) == [f"{FILE}.part"]


def test_too_little_room_is_said_before_anything_is_asked(archive, server, tmp_path, monkeypatch):
    monkeypatch.setattr(archives.disk, "free", lambda folder: 100_000_000)
    with pytest.raises(OSError, match=r"are to come into .*, and its disk has 100 MB free"):
        bring(dataclasses.replace(archive, unpacked=90_000_000), tmp_path, server)
    assert server.asked == [] and on_disk(tmp_path) == []
    monkeypatch.setattr(archives.disk, "free", lambda folder: 170_000_000)
    assert bring(dataclasses.replace(archive, unpacked=90_000_000), tmp_path, server).came


@pytest.mark.parametrize("number, kind, words", [(errno.ENOSPC, OSError, "is full; what has come stays"), (errno.EROFS, PermissionError, "cannot be written to")])
def test_a_disk_that_refuses_is_said_and_what_has_come_stays(archive, server, tmp_path, monkeypatch, number, kind, words):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(archives.tarfile.TarFile, "extract", refuse)
        with pytest.raises(kind, match=words):
            bring(archive, tmp_path, server)
    assert on_disk(tmp_path) == [FILE]
    assert bring(archive, tmp_path, server).kept and len(server.asked) == 1 and is_whole(tmp_path, beside=[FILE])


def test_the_real_archives_have_torchvisions_checksums_and_https_addresses():
    from torchvision.datasets import SBDataset
    from torchvision.datasets.voc import DATASET_YEAR_DICT

    real = voc.archives()
    assert real["voc"].md5 == DATASET_YEAR_DICT["2012"]["md5"] and real["voc2011"].md5 == DATASET_YEAR_DICT["2011"]["md5"]
    assert real["sbd"].md5 == SBDataset.md5
    for name, archive in real.items():
        assert archive.name == name and archive.addresses and all(address.startswith("https://") and address.endswith(archive.file) for address in archive.addresses)
    with reading("ko"):
        text = archives.by_hand(real["sbd"], Path("data"))
    assert real["sbd"].md5 in text and "benchmark.tgz" in text and "`segcourse data get sbd`를" in text
