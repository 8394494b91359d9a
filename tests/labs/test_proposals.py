import json
import sys
import zlib

import numpy as np
import pytest
import torch

from segcourse import datasets, labs, models
from segcourse.labs.base import LabValueError
from segcourse.language import reading
from segcourse.training import dense_maps, experiments, instancewise, proposal_maps, proposals
from segcourse.training.scores import Scores

# The function labs.proposals hides the file of its name.
code = sys.modules["segcourse.labs.proposals"]
MAPS = code.shipped()
ABOUT = MAPS["about"]
SIZE = tuple(ABOUT["size"])


def test_the_file_is_small_and_of_the_packages_network():
    assert proposal_maps.results().stat().st_size < 300_000 and proposal_maps.results().name == code.FILE
    assert ABOUT["format"] == proposal_maps.FORMAT and ABOUT["command"] == "segcourse bench proposals" and ABOUT["commit"] != "unknown"
    assert ABOUT["fingerprint"] == experiments.get("03").fingerprint(), "the network is trained otherwise now: run `segcourse bench proposals` again"
    assert ABOUT["pictures_digest"] == dense_maps.digest(MAPS["images"]), "streets draws other pictures now: run `segcourse bench proposals` again"


def test_the_boxes_are_the_proposals_of_the_pictures():
    for image, boxes in zip(MAPS["images"], MAPS["boxes"]):
        assert boxes.tolist() == proposals.propose(image, 50).tolist(), "proposals are made another way now: run `segcourse bench proposals` again"


def test_the_maps_are_merged_by_the_maximum():
    torch.manual_seed(0)
    model, data = models.create("deconvnet", num_classes=11, width=0.03, grid=2).eval(), datasets.load("streets", "test", size=(64, 96))
    made = proposal_maps.compute(model, data, show=(1,), number=8)
    for n, step in enumerate(instancewise.steps(model, data[1][0], torch.from_numpy(made["boxes"][0]), 64)):
        assert np.array_equal(step.probabilities.argmax(0).numpy(), made["labels"][0][n])
    boxes, labels = torch.from_numpy(MAPS["boxes"][1]).long(), MAPS["labels"][1]
    # The map after box n holds only labels of the map before, and of the box.
    for n in (1, 20, len(boxes) - 1):
        top, left, bottom, right = boxes[n]
        outside = np.ones(labels.shape[1:], bool)
        outside[top:bottom, left:right] = False
        assert np.array_equal(labels[n][outside], labels[n - 1][outside])


def test_scores_count_what_is_not_seen_as_wrong():
    for n, (truth, labels, boxes) in enumerate(zip(MAPS["truth"], MAPS["labels"], MAPS["boxes"])):
        for k in (1, 10, len(boxes)):
            seen = code.covered(boxes[:k], labels.shape[1:])
            guess = np.where(seen, labels[k - 1], 99)
            real = truth.numpy()
            each = [((guess == c) & (real == c)).sum() / (((guess == c) & (real != 11)) | (real == c)).sum() for c in range(11) if (((guess == c) & (real != 11)) | (real == c)).any()]
            assert ABOUT["miou"][n][k - 1] == pytest.approx(np.mean(each))
        whole = Scores.from_labels(torch.from_numpy(labels[-1]), truth, 11, void=11).miou
        if code.covered(boxes, labels.shape[1:]).all():
            assert ABOUT["miou"][n][-1] == pytest.approx(whole)


def test_bytes_lie_where_the_settings_say():
    lab = labs.proposals()
    parts, data = lab.settings()["parts"], lab.data()
    assert sum(length for _, length in parts.values()) == len(data)
    at, length = parts["labels 2"]
    assert zlib.decompress(data[at:at + length]) == MAPS["labels"][1].tobytes()
    at, length = parts["boxes 3"]
    assert np.frombuffer(data[at:at + length], "<i2").reshape(-1, 4).tolist() == MAPS["boxes"][2].tolist()


def test_the_page_counts_as_python_does(in_node):
    boxes, labels = MAPS["boxes"][0], MAPS["labels"][0]
    covers = in_node("proposals", "[0, 1, 2, 9, 10].map((k) => [...m.coverage(cases, k, %d, %d)])" % SIZE, boxes.ravel().tolist())
    for k, cover in zip((0, 1, 2, 9, 10), covers):
        np.testing.assert_array_equal(np.reshape(cover, SIZE) > 0, code.covered(boxes[:k], SIZE))
        assert sum(cover) == int(((boxes[:k, 2] - boxes[:k, 0]) * (boxes[:k, 3] - boxes[:k, 1])).sum())
    changed = in_node("proposals", """[1, 2, 10].map((n) => m.changedBy(cases.labels, Array.from({ length: 11 }, (_, k) => m.coverage(cases.boxes, k, %d, %d)), n, cases.labels.length / 10))""" % SIZE,
                      {"boxes": boxes.ravel().tolist(), "labels": labels[:10].ravel().tolist()})
    for n, found in zip((1, 2, 10), changed):
        before, after = (np.where(code.covered(boxes[:k], SIZE), labels[max(k - 1, 0)], -1) for k in (n - 1, n))
        assert found == (before != after).sum()


def test_the_state_and_what_is_refused():
    assert labs.proposals(picture=2, boxes=7, lines=True).value == "picture=2 boxes=7 lines=yes pixel=none"
    with pytest.raises(LabValueError, match="boxes must be a whole number from 1 to 50, got '51'"):
        labs.proposals(boxes=51)
    with reading("ko"), pytest.raises(LabValueError, match="주세요"):
        labs.proposals(box=1)
    with pytest.raises(ValueError, match="maps lacks about, boxes, crops, images, labels, truth: pass what training.proposal_maps.compute"):
        labs.proposals(maps={})
    more = MAPS | {"boxes": [np.tile(boxes, (51, 1))[:51] for boxes in MAPS["boxes"]]}
    with pytest.raises(ValueError, match="up to 50 boxes a picture, got 51: compute the maps with number=50"):
        labs.proposals(maps=more)


def test_pictures_without_labels_have_no_score_and_the_page_is_told_so_in_json():
    nan = float("nan")
    about = ABOUT | {"miou": [[nan] * count for count in ABOUT["counts"]], "whole": [nan] * len(ABOUT["counts"])}
    told = json.loads(json.dumps(labs.proposals(maps=MAPS | {"about": about})._settings, allow_nan=False))
    assert told["whole"] == [None] * len(ABOUT["counts"]) and told["miou"] == [[None] * count for count in ABOUT["counts"]]


def test_maps_of_a_data_set_under_another_name_and_a_network_of_other_classes(refused):
    pictures = datasets.load("streets", "valid", size=(64, 96), length=1)
    pictures.name = "streets at night"
    own = proposal_maps.compute(models.create("deconvnet", num_classes=11, width=0.03, grid=2).eval(), pictures, (0,), number=2)
    assert len(labs.proposals(maps=own).settings()["counts"]) == 1
    refused(lambda: proposal_maps.compute(models.create("deconvnet", num_classes=5, width=0.03, grid=2).eval(), pictures, (0,), number=2), ["5", "11", "streets at night"])


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_static_picture_says_its_scores(language):
    with reading(language):
        figure = labs.proposals().static_picture()
    assert f"{100 * ABOUT['miou'][0][-1]:.0f}" in figure.alt and figure.size_px[0] == 720
