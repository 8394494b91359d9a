"""`segcourse bench crf`: what it measures is what it says, with and without pydensecrf, and a trial writes no result."""

import json

import pytest
import torch
from typer.testing import CliRunner

from segcourse import ops
from segcourse.cli import app
from segcourse.language import reading
from segcourse.training import crf_speed, provenance


@pytest.fixture
def no_peer(monkeypatch):
    monkeypatch.setattr(crf_speed, "peer_is_here", lambda: False)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(crf_speed, "scene", lambda kind, size, labels=21, real=crf_speed.scene: real(kind, (32, 40), labels))
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)      # two threads on a busy machine wait for each other


@pytest.mark.parametrize("kind", crf_speed.SCENES)
def test_scenes_are_fixed_and_coarse(kind):
    probabilities, image = crf_speed.scene(kind, (48, 64))
    again, _ = crf_speed.scene(kind, (48, 64))
    assert torch.equal(probabilities, again) and probabilities.shape == (21, 48, 64) and image.shape == (3, 48, 64) and image.dtype == torch.uint8
    torch.testing.assert_close(probabilities.sum(0), torch.ones(48, 64))
    labels = probabilities.argmax(0)
    assert len(labels.unique()) >= 3 and torch.equal(labels.view(12, 4, 16, 4)[:, :1, :, :1].expand(12, 4, 16, 4).reshape(48, 64), labels)


def test_in_turn():
    order = []

    def run(name):
        def call():
            order.append(name)
            return torch.zeros(())
        return call
    seconds, _ = crf_speed.in_turn([run("a"), run("b")], 3)
    assert order == ["a", "b"] * 4 and [len(each) for each in seconds] == [3, 3]


def test_quick_without_the_peer(no_peer, small, tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "results_file", lambda name: tmp_path / f"{name}.json")
    for language, words in (("en", "not installed"), ("ko", "설치되지 않음")):
        with reading(language):
            done = CliRunner().invoke(app, ["bench", "crf", "--quick", "--device", "cpu", "--json", str(tmp_path / "trial.json")])
        assert done.exit_code == 0, done.output
        assert words in done.output
    assert not (tmp_path / "crf.json").exists()
    results = json.loads((tmp_path / "trial.json").read_text(encoding="utf-8"))
    assert results["quick"] and results["gpu"] is None and {(row["scene"], row["iterations"], row["threads"]) for row in results["rows"]} == {
        (kind, iterations, threads) for kind in ("drawn", "photo") for iterations in (5, 10) for threads in (1, 2)}
    assert all(row["peer"] is None and row["ratio"] is None and row["ours"] > 0 for row in results["rows"])
    for name in ("command", "commit", "device", "versions", "exact", "memory"):
        assert results[name]


def test_the_whole_is_written(no_peer, tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "results_file", lambda name: tmp_path / f"{name}.json")
    monkeypatch.setattr(crf_speed, "measure", lambda **options: {"labels": 21, "repeats": 9, "rows": [], "exact": [], "memory": {"peak": None}, "gpu": None})
    assert CliRunner().invoke(app, ["bench", "crf", "--device", "cpu"]).exit_code == 0 and (tmp_path / "crf.json").exists()
    (tmp_path / "crf.json").unlink()
    assert CliRunner().invoke(app, ["bench", "crf", "--device", "cpu", "--repeats", "2"]).exit_code == 0 and not (tmp_path / "crf.json").exists()


def test_the_peer_is_pydensecrf():
    pytest.importorskip("pydensecrf")
    probabilities, image = crf_speed.scene("photo", (48, 64))
    row = crf_speed._row("photo", (48, 64), 5, 1, 1)
    assert row["max_difference"] <= 1e-3 and row["ratio"] == pytest.approx(row["ours"] / row["peer"])
    assert (crf_speed.peer(probabilities, image, 5) - ops.dense_crf(probabilities, image, iterations=5, **crf_speed.WEIGHTS)).abs().max() <= 1e-3
