"""Checkpoints: what goes in comes out, and what is damaged, foreign or hostile is refused with a reason."""

import json
import pickle

import pytest
import torch

from segcourse import models
from segcourse.training import load_checkpoint, save_checkpoint
from segcourse.training import checkpoints as C

OPTIONS = {"num_classes": 5, "width": 0.03, "padding": "same"}


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    model = models.create("fcn8s", **OPTIONS).eval()
    path = save_checkpoint(tmp_path / "deep" / "net.safetensors", model, {"model": "fcn8s", "options": OPTIONS, "note": "길"})
    return path, model


def test_round_trip(saved):
    path, model = saved
    again, meta = load_checkpoint(path)
    images = torch.randn(1, 3, 40, 50, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(again(images), model(images))
    assert meta["note"] == "길" and not again.training
    assert [part.name for part in path.parent.iterdir()] == ["net.safetensors"]


def test_other_tools_can_read_it(saved):
    from safetensors import safe_open

    with safe_open(str(saved[0]), framework="numpy") as file:
        assert set(file.keys()) == set(saved[1].state_dict())
        assert json.loads(file.metadata()["segcourse"])["model"] == "fcn8s"


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, -1])
def test_a_truncated_file_is_refused(saved, keep):
    path = saved[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:int(len(whole) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(ValueError, match="damaged or no safetensors"):
        load_checkpoint(path)


def test_pickles_are_refused_unread(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").write_text, ("x",))

    (tmp_path / "evil.safetensors").write_bytes(pickle.dumps(Hostile(), protocol=2))
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Hostile(), protocol=2))
    with pytest.raises(ValueError, match="damaged or no safetensors"):
        load_checkpoint(tmp_path / "evil.safetensors")
    for name in ("evil.safetensors", "evil.pt"):
        with pytest.raises(ValueError, match="damaged or holds more than weights"):
            C.read_weights(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def write_header(path, header):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, path, metadata=header)


@pytest.mark.parametrize("header, reason", [
    (None, "does not come from this course"),
    ({"segcourse": "{"}, "header cannot be read"),
    ({"segcourse": '{"format": "segcourse-checkpoint-9", "model": "fcn8s", "options": {"num_classes": 5}}'}, "no model of this version"),
    ({"segcourse": '{"format": "segcourse-checkpoint-1", "model": "fcn8s", "options": {"num_classes": 1000000000}}'}, "no model of this version"),
    ({"segcourse": '{"format": "segcourse-checkpoint-1", "model": "fcn8z", "options": {"num_classes": 5}}'}, "cannot be built"),
    ({"segcourse": '{"format": "segcourse-checkpoint-1", "model": "fcn8s", "options": {"num_classes": 5, "width": 0.03, "os": "rm"}}'}, "cannot be built"),
    ({"segcourse": '{"format": "segcourse-checkpoint-1", "model": "fcn8s", "options": {"num_classes": 5, "width": 0.03}}'}, "do not fit fcn8s"),
])
def test_foreign_headers_are_refused_with_the_reason(tmp_path, header, reason):
    write_header(tmp_path / "x.safetensors", header)
    with pytest.raises(ValueError, match=reason):
        load_checkpoint(tmp_path / "x.safetensors")


def test_missing_file_and_missing_meta(tmp_path, saved):
    with pytest.raises(FileNotFoundError, match="segcourse train"):
        load_checkpoint(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="options"):
        save_checkpoint(tmp_path / "x.safetensors", saved[1], {"model": "fcn8s"})


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_file_whole(saved, monkeypatch, error):
    path = saved[0]
    before = path.read_bytes()

    def write(part):
        part.write_bytes(b"half")
        raise error

    with pytest.raises(type(error)):
        C.write_atomically(path, write)
    assert path.read_bytes() == before and [part.name for part in path.parent.iterdir()] == ["net.safetensors"]


def test_copy_weights_takes_what_fits(saved, tmp_path):
    path, source = saved
    target = models.create("fcn16s", **OPTIONS)
    copied = C.copy_weights(path, target)
    state = target.state_dict()
    assert copied and all(torch.equal(state[name], source.state_dict()[name]) for name in copied)
    alexnet = models.create("fcn_alexnet", num_classes=3, width=0.03, padding="same")
    with pytest.raises(ValueError, match="no weight"):
        C.copy_weights(path, alexnet)


def test_backbones_in_both_formats(tmp_path):
    from safetensors.torch import save_file

    state = {"features.0.weight": torch.randn(4, 3, 3, 3)}
    torch.save(state, tmp_path / "a.pt")
    save_file(state, tmp_path / "a.safetensors")
    for name in ("a.pt", "a.safetensors"):
        assert torch.equal(C.read_weights(tmp_path / name)["features.0.weight"], state["features.0.weight"])
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="state dict"):
        C.read_weights(tmp_path / "list.pt")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        C.read_weights(tmp_path / "nowhere.pt")
