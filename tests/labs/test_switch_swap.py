import json
import sys
import zlib

import numpy as np
import pytest
import torch

from segcourse import datasets, labs, models
from segcourse.datasets import normalise
from segcourse.labs import switch_net
from segcourse.labs.base import LabValueError
from segcourse.language import reading
from segcourse.training import dense_maps, switch_swap, switches
from segcourse.training.scores import Scores

# The function labs.switch_swap hides the file of its name.
code = sys.modules["segcourse.labs.switch_swap"]
START = code.SwitchSwapLab.complete({})


def by_hand(model, images, a, b, mean):
    """The eight maps, each decoded on its own."""
    with torch.no_grad():
        encoded = [model.encode(normalise(images[n:n + 1])) for n in (a, b)]
        codes = [encoded[0].code, encoded[1].code, mean, torch.zeros_like(mean)]
        return torch.stack([torch.stack([model.decode(mine._replace(code=other)).argmax(1)[0] for other in codes]) for mine in encoded])


# -- what Python answers ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("a, b", [(0, 1), (2, 1), (3, 3)])
def test_the_eight_maps_are_switches_by_codes(a, b):
    swaps = code.shipped()
    found = swaps.answer(a, b)
    wanted = by_hand(switch_net.network(), swaps.images, a, b, switch_net.mean_code())
    assert found.maps.shape == (2, 4, *swaps.images.shape[2:]) and (torch.from_numpy(found.maps) != wanted).float().mean() < 1e-3   # a batch may round otherwise
    for row in range(2):
        for column in range(4):
            for who, n in enumerate((a, b)):
                truth = Scores.from_labels(torch.from_numpy(found.maps[row, column]), swaps.labels[n], 11, void=11)
                assert found.miou[row, column, who] == pytest.approx(truth.miou)


def test_a_question_is_answered_in_bytes_and_anything_else_is_let_go(monkeypatch):
    lab, sent = labs.switch_swap(), []
    monkeypatch.setattr(lab, "send", lambda content, buffers=None: sent.append((content, buffers)))
    for noise in (None, "ask", {}, {"answer": "x"}):
        lab._handle_custom_msg(noise, [])
    assert sent == []
    lab._handle_custom_msg({"ask": "a=4 b=2"}, [])
    (content, [bytes_]), = sent
    assert content["answer"] == "a=4 b=2" and json.loads(json.dumps(content)) == content
    found = code.shipped().answer(3, 1)
    assert bytes_ == found.maps.tobytes() and content["miou"] == found.miou.tolist()
    with pytest.raises(LabValueError):
        lab._asked(lab, {"ask": "a=0 b=2"}, [])


def test_the_answers_of_things_to_try_come_along_and_that_of_the_state():
    lab = labs.switch_swap(a=5, b=6)
    parts, data = lab._settings["parts"], lab._data
    assert [handed["answer"] for handed in lab._settings["handed"]] == ["a=1 b=2", "a=3 b=2", "a=5 b=6"]
    for handed in lab._settings["handed"]:
        at, size = parts[handed["answer"]]
        found = lab.answer(code.SwitchSwapLab.read_state(handed["answer"]))
        assert zlib.decompress(data[at:at + size]) == found.maps.tobytes() and handed["miou"] == found.miou.tolist()
    lab.value = "a=6 b=1"
    assert "a=6 b=1" in lab.html(picture=False).split('"handed"')[-1].replace("\\", "") or "a=6 b=1" in lab.html(picture=False)
    at, size = parts["images"]
    assert np.frombuffer(data[at:at + size], "u1").reshape(-1, *lab._settings["size"], 3)[2, 40, 50].tolist() == code.shipped().images[2, :, 40, 50].tolist()


# -- the file ----------------------------------------------------------------------------------------------------------------------

ABOUT = switch_net.about()


def test_the_file_is_small_and_says_where_it_comes_from():
    assert switches.results().stat().st_size < 1_600_000 and switches.results().name == switch_net.FILE
    assert ABOUT["format"] == switches.FORMAT and ABOUT["command"] == "segcourse bench switches" and ABOUT["commit"] != "unknown" and ABOUT["device"]
    assert ABOUT["steps"] == ABOUT["recipe"]["steps"] and ABOUT["seed"] == 0, "a trial is no file of the package"


def test_the_file_was_made_by_this_code():
    assert ABOUT["fingerprint"] == switches.experiment().fingerprint(), "run `segcourse bench switches` again"
    assert ABOUT["pictures_digest"] == dense_maps.digest(switch_net.shown()[0]), "streets draws other pictures now: run `segcourse bench switches` again"


def test_the_numbers_of_the_file_are_those_of_the_network_in_it():
    few = datasets.load("streets", "test", size=tuple(ABOUT["data_options"]["size"]), length=12)
    found = switch_swap.swap(switch_net.network(), few)
    for kind in ("own", "zero_code", "random_switches"):         # of twelve pictures, not of a hundred: near is what can be asked
        assert found[kind]["miou"] == pytest.approx(ABOUT["swap"][kind]["miou"], abs=0.08), kind
    assert ABOUT["trained"]["miou"] == pytest.approx(ABOUT["swap"]["own"]["miou"], abs=1e-9)


def test_what_the_labs_say_of_it():
    """Over the whole split: the map looks like the owner of the switches, and without his switches nobody is recognised."""
    swap = {kind: of["miou"] for kind, of in ABOUT["swap"].items()}
    assert swap["own"] > 0.2
    assert swap["other_code"] > swap["other_switches"] + 0.05, swap
    assert swap["own"] > swap["other_code"] and swap["mean_code"] > swap["zero_code"] > swap["random_switches"], swap
    assert swap["mean_code"] > swap["own"] - 0.04, "the same code for every picture costs little"


# -- the lab -----------------------------------------------------------------------------------------------------------------------

def test_the_page_counts_agreement(in_node):
    assert in_node("switch_swap", "m.agreement(cases[0], cases[1])", [[0, 1, 2, 3], [0, 2, 2, 3]]) == 0.75


def test_the_state_is_set_by_words_and_by_numbers():
    assert labs.switch_swap(a=3, b=1, code="mean", pixel=(3, 4)).value == "a=3 b=1 switches=a code=mean lines=a pixel=3,4"
    with pytest.raises(LabValueError, match="code must be one of a, b, mean, zero, got 'random'"):
        labs.switch_swap(code="random")
    with reading("ko"), pytest.raises(LabValueError, match="주세요"):
        labs.switch_swap(swiches="a")


def test_a_network_of_ones_own():
    pictures = datasets.load("streets", "valid", size=(64, 96), length=5)
    torch.manual_seed(0)
    model = models.create("segnet", num_classes=11, width=0.03)
    lab = labs.switch_swap(model=model, dataset=pictures, show=(4, 0, 2), a=3)
    assert lab.settings()["pictures"] == 3 and lab.settings()["size"] == [64, 96]
    mean = torch.cat([lab.swaps.encoded(n).code for n in range(3)]).mean(0, keepdim=True)
    wanted = by_hand(model.eval(), torch.stack([pictures[n][0] for n in (4, 0, 2)]), 2, 1, mean)
    assert (torch.from_numpy(lab.answer(lab.state).maps) != wanted).float().mean() < 1e-3
    assert lab.answer(START | {"a": "9"}) is lab.answer(START | {"a": "3"}), "beyond the last it is the last"


def test_a_number_beyond_the_last_finds_its_answer_in_the_page():
    lab = labs.switch_swap(a=9, b=8)
    last = len(lab.swaps.images)
    assert lab._settings["handed"][-1]["answer"] == f"a={last} b={last}"


def test_two_pictures_are_enough():
    lab = labs.switch_swap(model=models.create("segnet", num_classes=11, width=0.03), dataset=datasets.load("streets", "valid", size=(64, 96), length=2))
    assert lab._settings["pairs"] == [["1", "2"]] and [of["answer"] for of in lab._settings["handed"]] == ["a=1 b=2"]
    assert lab.texts()["try4"].startswith("The other way round") and labs.switch_swap().texts()["try4"].startswith("Another pair")


def test_pictures_without_labels_have_no_score_and_the_page_is_told_so_in_json():
    class Unlabelled(list):
        palette, num_classes, void = datasets.load("streets", "valid", length=1).palette, 11, 11

    of = Unlabelled((image, torch.full(image.shape[1:], 11, dtype=torch.uint8)) for image in torch.randint(0, 255, (2, 3, 32, 64), dtype=torch.uint8))
    lab, sent = labs.switch_swap(model=models.create("segnet", num_classes=11, width=0.03), dataset=of), []
    lab.send = lambda content, buffers: sent.append(content)
    lab._asked(lab, {"ask": "a=2 b=1"}, [])
    for miou in (sent[0]["miou"], lab._settings["handed"][0]["miou"]):
        assert json.loads(json.dumps(miou, allow_nan=False)) == [[[None, None]] * 4] * 2


def test_what_cannot_be_shown_is_refused():
    pictures = datasets.load("streets", "valid", size=(64, 96), length=12)
    model = models.create("segnet", num_classes=11, width=0.03)
    with pytest.raises(ValueError, match="FCN8s has none: use models.create"):
        labs.switch_swap(model=models.create("fcn8s", num_classes=11, width=0.03, padding="same"), dataset=pictures)
    with pytest.raises(ValueError, match="2 to 9 pictures, got 1"):
        labs.switch_swap(model=model, dataset=pictures, show=(3,))
    with pytest.raises(ValueError, match="comes with pictures: give dataset"):
        labs.switch_swap(model=model)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_static_picture_says_its_scores(language):
    with reading(language):
        figure = labs.switch_swap().static_picture()
    found = code.shipped().answer(0, 1)
    for k in range(4):
        assert f"{100 * found.miou[0, k, 0]:.0f}" in figure.alt
    assert figure.size_px[0] == 720
