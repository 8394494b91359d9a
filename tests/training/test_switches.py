"""The small DeconvNet of chapter 03's labs: a trial goes where it is told, and only such a network is loaded."""

import pytest
import torch

from segcourse import models
from segcourse.commands import bench
from segcourse.training import proposal_maps, switches
from segcourse.training.checkpoints import read_header


def test_a_trial_needs_a_file_of_its_own():
    with pytest.raises(ValueError, match="with --steps it is a trial: name a file for it with --out"):
        bench.switches(steps=3, out=None)


def test_what_is_missing_or_no_network_of_the_labs_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        switches.load(tmp_path / "none.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    with pytest.raises(ValueError, match="cannot be used as a network of the labs: .*run `segcourse bench switches`"):
        switches.load(tmp_path / "torn.safetensors")


def test_a_picture_without_proposals_is_named():
    class Grey:
        name, split, num_classes, void = "grey", "test", 3, 3

        def stack(self, indices):
            return torch.full((len(indices), 3, 64, 64), 90, dtype=torch.uint8), torch.zeros(len(indices), 64, 64, dtype=torch.uint8)

    with pytest.raises(ValueError, match="picture 4 has no proposal: name others in show"):
        proposal_maps.compute(models.create("deconvnet", num_classes=3, width=0.03, grid=2).eval(), Grey(), show=(4,))
    with pytest.raises(ValueError, match="show is empty"):
        proposal_maps.compute(models.create("deconvnet", num_classes=3, width=0.03, grid=2).eval(), Grey(), show=())


@pytest.mark.slow
def test_a_trial_is_written_where_it_is_told(tmp_path, monkeypatch):
    small = switches.experiment()
    small = type(small)(**{**vars(small), "lengths": {"train": 8, "valid": 2, "test": 4}, "variant_options": {name: options | {"width": 0.03} for name, options in small.variant_options.items()}})
    monkeypatch.setattr(switches, "experiment", lambda: small)
    monkeypatch.setattr(switches, "SHOWN", (0, 3))
    said = []
    path = switches.make(tmp_path / "trial.safetensors", steps=1, report=said.append)
    about = read_header(path, what="a network", remedy="make it again")
    assert about["steps"] == 1 and about["shown"] == [0, 3] and about["fingerprint"] and set(about["swap"]) >= {"own", "other_code", "mean_code"}
    model = switches.load(path)
    with torch.no_grad():
        assert model(torch.zeros(1, 3, 96, 128)).shape == (1, 11, 96, 128)
    assert any(line.startswith("zero_code") for line in said)
