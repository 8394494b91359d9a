"""`segcourse data list` and `data get` for VOC's archives: what the reader is told, in one line and in both languages."""

import dataclasses
import hashlib
import importlib.util
from pathlib import Path

import pytest

from segcourse import cli
from segcourse.datasets import archives, fetch, voc
from segcourse.language import reading

_spec = importlib.util.spec_from_file_location("test_archives", Path(__file__).parents[1] / "datasets" / "test_archives.py")
kit = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(kit)
content, server = kit.content, kit.server


@pytest.fixture
def small(content, server, monkeypatch):
    """voc's archive is the small one, from two mirrors of the local server."""
    real, bring = voc.archives, archives.bring
    mine = {"md5": hashlib.md5(content).hexdigest(), "size": len(content), "unpacked": len(content),
            "addresses": tuple(f"{server.address}{mirror}/{kit.FILE}" for mirror in ("first", "second"))}
    monkeypatch.setattr(voc, "archives", lambda: real() | {"voc": dataclasses.replace(real()["voc"], **mine)})
    monkeypatch.setattr(archives, "bring", lambda *args, **options: bring(*args, **kit.QUICK | options))
    return mine["md5"]


def test_list_says_what_is_there_and_what_the_rest_costs(small, tmp_path, capsys):
    assert cli.run(["data", "list", "--root", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"not in {tmp_path}: `segcourse data get voc` fetches {kit.FILE}, about 3.1 MB" in said and "benchmark.tgz, about 1420 MB" in said
    assert f"by hand: put {kit.FILE} into {tmp_path} and run `segcourse data get voc`" in said and "`segcourse data get voc2011`" in said
    kit.vocs.write_voc(tmp_path), kit.vocs.write_sbd(tmp_path)
    assert cli.run(["data", "list", "--root", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"{tmp_path / 'VOCdevkit/VOC2012'}: train 3, val 3" in said and f"{tmp_path / 'benchmark_RELEASE/dataset'}: train 4, val 3" in said
    (tmp_path / "VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg").unlink()
    with reading("ko"):
        assert cli.run(["data", "list", "--root", str(tmp_path)]) == 0
    assert f"{tmp_path}에 일부만 있어요. `segcourse data get voc`로 받아 주세요" in capsys.readouterr().out


def test_get_prints_why_a_mirror_failed_and_what_is_there_now(small, server, tmp_path, capsys):
    server.how["first"] = "absent"
    assert cli.run(["data", "get", "voc", "--root", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"fetching {server.address}first/{kit.FILE}" and said[1].endswith("the server answers 404")
    assert any(line.startswith("voc  3.1 MB / 3.1 MB") for line in said) and said[-1] == "pictures its lists name: train 3, val 3"
    assert said[-2].startswith(f"{tmp_path / 'VOCdevkit/VOC2012'}: fetched and unpacked (3.1 MB, ") and kit.is_whole(tmp_path)
    with reading("ko"):
        assert cli.run(["data", "get", "voc", "--root", str(tmp_path)]) == 0
    assert "이미 있었어요" in capsys.readouterr().out and len(server.asked) == 2


@pytest.mark.parametrize("language, words", [("en", "did not come; 2 tried, the last .*by hand: get {file} .MD5 {md5}. from .* put it into {root}, and run"),
                                             ("ko", "못 받았어요.*직접 받으려면 {file} 파일.MD5 {md5}.*{root} 폴더에 넣고")])
def test_where_every_mirror_is_away_the_way_by_hand_is_said_in_one_line(small, server, tmp_path, capsys, language, words):
    import re

    server.how.update(first="absent", second="absent")
    with reading(language):
        assert cli.run(["data", "get", "voc", "--root", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert re.search(words.format(file=re.escape(kit.FILE), md5=small, root=re.escape(str(tmp_path))), said) and said.count("\n") == 1
    (tmp_path / kit.FILE).write_bytes(server.content)
    assert cli.run(["data", "get", "voc", "--root", str(tmp_path)]) == 0
    assert f"unpacked from {tmp_path / kit.FILE}, which may be deleted now" in capsys.readouterr().out


def test_a_mirror_of_ones_own(small, server, tmp_path):
    assert cli.run(["data", "get", "voc", "--root", str(tmp_path), "--mirror", f"{server.address}mine"]) == 0
    assert server.asked == [("mine", None)] and kit.is_whole(tmp_path)


def test_ctrl_c_says_how_to_go_on(small, server, tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(archives, "bring", interrupted)
    assert cli.run(["data", "get", "sbd", "--root", str(tmp_path)]) == 130
    assert "goes on from there" in capsys.readouterr().err


def test_an_unknown_name_suggests_the_nearest(capsys):
    assert cli.run(["data", "get", "vocs"]) == 2 and "try voc" in capsys.readouterr().err


def test_nothing_is_locked_where_nothing_is_missing(small, tmp_path, monkeypatch):
    kit.vocs.write_voc(tmp_path)
    monkeypatch.setattr(fetch, "_alone", None)
    assert cli.run(["data", "get", "voc", "--root", str(tmp_path)]) == 0
