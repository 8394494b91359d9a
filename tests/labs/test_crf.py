import json
import sys
import zlib

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segcourse import labs, ops
from segcourse.labs.base import LabValueError
from segcourse.language import reading
from segcourse.ops.crf_kernels import crf_features

labs.crf  # imports the file; its name in the package is the function's
code = sys.modules["segcourse.labs.crf"]
START = code.CrfLab.complete({})
OTHER = START | {"confidence": 55, "bilateral_weight": 6.5, "bilateral_rgb": 9, "gaussian_weight": 1.5, "gaussian_xy": 2}


def given(state, *wanted):
    """What the page is handed, as lists."""
    found = code.answer(state)
    everything = {"photo": lambda: code.image().permute(1, 2, 0).flatten().tolist(), "cells": lambda: code.cells().flatten().tolist(),
                  "pull": lambda: found.pull.flatten().tolist(), "unit": lambda: found.unit, "sharpness": lambda: code.sharpness(state["confidence"]),
                  "setting": lambda: {name: state[name] for name in code.SETTING}}
    return {name: everything[name]() for name in wanted}


# -- what Python answers ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("state", [START, OTHER])
def test_the_answer_is_the_mean_field_of_the_operation(state):
    found = code.answer(state)
    p = (code.sharpness(state["confidence"]) * code.scores()).softmax(0)
    keywords = {name: state[name] for name in code.WEIGHTS_AND_WIDTHS}
    for iterations in (0, 1, 10):
        q = ops.dense_crf(p, code.image(), iterations=iterations, **keywords)
        np.testing.assert_array_equal(found.labels[iterations], q.argmax(0))
        if iterations:
            # log q = log q0 + pull, but for a constant at each pixel
            pull = torch.from_numpy(found.pull[iterations - 1].astype(np.float32)) * found.unit
            start = ops.dense_crf(p, code.image(), iterations=0, **keywords)
            np.testing.assert_allclose((start.log() + pull).softmax(0), q, atol=found.unit / 2)
    assert found.pull.min() == 0 and found.pull.max() == 255 and (found.pull.min(1) == 0).all()
    energies = [float(step[1]) / p[0].numel() for step in code.mean_field(state)]
    assert found.energy == pytest.approx(energies) and len(found.energy) == 11
    assert found.energy[0] > found.energy[1] > found.energy[10]


def test_a_question_is_answered_in_bytes_and_anything_else_is_let_go(monkeypatch):
    lab, sent = labs.crf(), []
    monkeypatch.setattr(lab, "send", lambda content, buffers=None: sent.append((content, buffers)))
    for noise in (None, "ask", {}, {"answer": "x"}):
        lab._handle_custom_msg(noise, [])
    assert sent == []
    question = code.CrfLab.setting(OTHER)
    lab._handle_custom_msg({"ask": question}, [])
    (content, [bytes_]), = sent
    assert content["answer"] == question and json.loads(json.dumps(content)) == content
    labels, pull = np.split(np.frombuffer(bytes_, np.uint8), [11 * 120 * 160])
    found = code.answer(OTHER)
    np.testing.assert_array_equal(labels, found.labels.ravel())
    np.testing.assert_array_equal(pull, found.pull.ravel())
    assert content["unit"] == found.unit and content["sharpness"] == code.sharpness(55) and content["energy"] == list(found.energy)
    with pytest.raises(LabValueError):
        lab._asked(lab, {"ask": "confidence=7"}, [])


def test_answers_that_no_kernel_has_to_give_come_along():
    lab = labs.crf(bilateral_rgb=12)
    handed = {given["answer"]: given for given in lab._settings["handed"]}
    states = [START, *(START | changed for changed in code.TRIES), START | {"bilateral_rgb": 12}]
    assert list(handed) == [code.CrfLab.setting(state) for state in states]
    for state in states:
        part, found = handed[code.CrfLab.setting(state)], code.answer(state)
        labels, pull = np.split(np.frombuffer(zlib.decompress(lab._data[part["begin"]:part["begin"] + part["size"]]), np.uint8), [11 * 120 * 160])
        np.testing.assert_array_equal(labels, found.labels.ravel())
        assert np.abs(pull.astype(int) - found.pull.ravel()).max() <= 7
    assert len(labs.crf()._settings["handed"]) == 1 + len(code.TRIES)
    lab.value = "bilateral_rgb=13 gaussian_weight=0"             # a page is written for the state the lab is in
    assert "bilateral_rgb=13" in lab.html(picture=False).split('"handed"')[1].split('"colours"')[0].replace("\\", "")


@pytest.mark.parametrize("confidence", [40, 70, 99])
def test_the_network_is_as_sure_as_it_says_and_keeps_its_labels(confidence):
    p = code.unary(confidence)
    assert p.amax(0).mean().item() == pytest.approx(confidence / 100, abs=1e-3)
    assert torch.equal(p.argmax(0), code.unary(70).argmax(0))
    assert code.cells().sum(0).allclose(torch.ones(15, 20)) and set(p.argmax(0).unique().tolist()) == set(range(6))


# -- what the chapter says of it ----------------------------------------------------------------------------------------------------

def test_the_crf_redraws_the_rocket_and_loses_the_masts():
    window = slice(45, 90), slice(65, 100)                       # the rocket's middle, where nothing else is as warm
    red, _, blue = (part[window] for part in code.image().int())
    warm = red > blue - 15
    before, after = (torch.from_numpy(code.answer(START).labels[n][window]) == code.ROCKET for n in (0, 10))

    def overlap(mask):
        return float((mask & warm).sum() / (mask | warm).sum())

    assert overlap(before) < 0.65 and overlap(after) > 0.85, (overlap(before), overlap(after))
    smooth, wide, sure = (code.answer(START | changed).labels for changed in code.TRIES)
    masts = {name: int((found[10] == code.MAST).sum()) / int((found[0] == code.MAST).sum()) for name, found in
             {"start": code.answer(START).labels, "wide": wide, "sure": sure}.items()}
    assert masts["wide"] < 0.05 < masts["start"] < 0.5 < 0.8 < masts["sure"], masts
    moved = {name: int((found[10] != found[0]).sum()) for name, found in {"start": code.answer(START).labels, "sure": sure}.items()}
    assert moved["sure"] < moved["start"] / 5
    assert (code.unary(70).argmax(0)[34:44, 113:119] == code.MAST).any() and not (smooth[10][34:44, 113:119] == code.MAST).any(), "smoothing takes the tips"


def test_without_kernels_nothing_moves():
    found = code.answer(START | {"bilateral_weight": 0, "gaussian_weight": 0})
    assert (found.labels == found.labels[0]).all() and not found.pull.any() and np.ptp(found.energy) < 1e-6


# -- what the page computes ---------------------------------------------------------------------------------------------------------

PLACES = [(0, 0), (119, 159), (62, 87), (40, 115), (101, 32)]


@pytest.mark.parametrize("state", [START, OTHER, START | {"bilateral_weight": 0}])
def test_whom_a_pixel_listens_to_is_the_kernel_of_the_operation(in_node, state):
    page = in_node("crf", "cases.places.map((at) => [...m.listening(cases.photo, 120, 160, at, cases.setting)])", given(state, "photo", "setting") | {"places": PLACES})
    features = [crf_features(code.image()[None], state["bilateral_xy"], state["bilateral_rgb"], dtype=torch.float64)[0],
                crf_features(code.image()[None], state["gaussian_xy"], dtype=torch.float64)[0]]
    for (r, c), heard in zip(PLACES, page):
        wanted = sum(weight * torch.exp(-((f - f[:, [160 * r + c]]) ** 2).sum(0) / 2)
                     for weight, f in zip((state["bilateral_weight"], state["gaussian_weight"]), features))
        np.testing.assert_allclose(heard, wanted, atol=1e-12)
        np.testing.assert_allclose(code.listening(state, r, c).ravel(), wanted, atol=1e-12)
        assert np.argmax(heard) == 160 * r + c and max(heard) == pytest.approx(state["bilateral_weight"] + state["gaussian_weight"])


def test_the_coarse_map_is_enlarged_as_torch_does(in_node):
    page = in_node("crf", "[...m.enlarge(cases.cells, 6, 120, 160, 8)]", given(START, "cells"))
    np.testing.assert_allclose(page, F.interpolate(code.cells()[None], scale_factor=8, mode="bilinear", align_corners=False).flatten(), atol=1e-6)


@pytest.mark.parametrize("state", [START, OTHER, START | {"confidence": 99}])
def test_what_is_shown_of_a_pixel_is_what_the_operation_gives(in_node, state):
    places = [r * 160 + c for r, c in PLACES]
    page = in_node("crf", """(() => { const scores = m.enlarge(cases.cells, 6, 120, 160, 8).map((v) => Math.log(v + cases.floor));
        return cases.places.map((i) => { const p = m.networkAt(scores, 6, i, cases.sharpness, cases.least), pull = m.pullAt(cases, 6, 19200, 4, i);
          return { p: [...p], q: [...m.believed(p, pull)], doubt: m.doubtOf(p) }; }); })()""",
                   given(state, "cells", "pull", "unit", "sharpness") | {"places": places, "floor": code.FLOOR, "least": code.LEAST})
    keywords = {name: state[name] for name in code.WEIGHTS_AND_WIDTHS}
    p, q = (ops.dense_crf(code.unary(state["confidence"]), code.image(), iterations=n, **keywords).flatten(1) for n in (0, 4))
    for i, shown in zip(places, page):
        np.testing.assert_allclose(shown["p"], p[:, i], atol=1e-5)
        np.testing.assert_allclose(shown["q"], q[:, i], atol=code.answer(state).unit / 2)
        entropy = -(p[:, i] * p[:, i].log()).sum() / np.log(6)
        assert shown["doubt"] == pytest.approx(float(entropy), abs=1e-4)


def test_shares_of_attention(in_node):
    heard, of = [3, 1, 4, 0, 2], [0, 2, 0, 1, 2]
    assert in_node("crf", "[...m.heardFrom(cases[0], cases[1], 4)]", [heard, of]) == [0.7, 0, 0.3, 0]
    assert in_node("crf", "[...m.heardFrom([0, 0], [0, 1], 2)]") == [0, 0]
    assert in_node("crf", "[m.doubtOf([1, 0, 0]), m.doubtOf([0.25, 0.25, 0.25, 0.25])]") == pytest.approx([0, 1])


def test_an_answer_is_unpacked_and_taken_apart(in_node):
    lab = labs.crf()
    part = lab._settings["handed"][1]
    cases = {"bytes": list(lab._data[part["begin"]:part["begin"] + part["size"]]), "part": part, "settings": {"rows": 120, "columns": 160, "iterations": 10}}
    page = in_node("crf", """await (async () => { const a = m.readAnswer(await m.inflate(Uint8Array.from(cases.bytes)), cases.part, cases.settings);
        return { labels: [...a.labels], pulls: a.pull.length, unit: a.unit, energy: a.energy }; })()""", cases)
    found = code.answer(START | code.TRIES[0])
    assert page["labels"] == found.labels.ravel().tolist() and page["pulls"] == 10 * 6 * 19200
    assert page["unit"] == found.unit and page["energy"] == list(found.energy)


# -- one question at a time ---------------------------------------------------------------------------------------------------------

ASKED = """(() => { const sent = [], timers = new Map(); let n = 0, said = 0;
  const q = new m.Questions({ send: (v) => { if (v === 'torn') throw new Error('Cannot send'); sent.push(v); }, changed: () => { said += 1; }, patience: 100,
    later: (f) => { timers.set(++n, f); return n; }, never: (id) => timers.delete(id) });
  const late = () => { const [id, f] = [...timers][0]; timers.delete(id); f(); };
  const told = []; for (const [what, v] of cases) { if (what === 'late') late(); else told.push(q[what](v)); }
  return { sent, told: told.filter((v) => v !== undefined), silent: q.silent, said, underWay: q.underWay, next: q.next, timers: timers.size }; })()"""


def asked(in_node, *steps):
    return in_node("crf", ASKED, [list(step) for step in steps])


def test_a_fast_drag_builds_no_backlog(in_node):
    drag = [("ask", n) for n in range(1, 40)]
    page = asked(in_node, *drag)
    assert page["sent"] == [1] and page["next"] == 39 and page["timers"] == 1
    page = asked(in_node, *drag, ("heard", 1))
    assert page["sent"] == [1, 39] and page["underWay"] == 39 and page["next"] is None
    page = asked(in_node, *drag, ("heard", 1), ("heard", 39))
    assert page["sent"] == [1, 39] and page["underWay"] is None and page["timers"] == 0


def test_the_newest_wins_and_what_is_under_way_is_not_asked_again(in_node):
    assert asked(in_node, ("ask", 1), ("ask", 2), ("ask", 1), ("heard", 1))["sent"] == [1], "the slider came back: 2 is wanted no more"
    assert asked(in_node, ("ask", 1), ("ask", 2), ("forget", None), ("heard", 1))["sent"] == [1], "what is wanted now was answered before"
    page = asked(in_node, ("ask", 1), ("heard", 7))
    assert page["told"] == [False] and page["underWay"] == 1, "another view's answer is not the one waited for"


def test_silence_is_noticed_and_ends_with_any_answer(in_node):
    page = asked(in_node, ("ask", 1), ("late",))
    assert page["silent"] and page["said"] == 1 and page["underWay"] is None
    page = asked(in_node, ("ask", 1), ("late",), ("ask", 1), ("ask", 1))
    assert page["sent"] == [1], "a kernel that is busy answers later: it is not asked the same again and again"
    page = asked(in_node, ("ask", 1), ("ask", 2), ("late",))
    assert page["sent"] == [1, 2], "a question that got lost does not stop the next"
    page = asked(in_node, ("ask", 1), ("late",), ("heard", 1))
    assert not page["silent"] and page["timers"] == 0


# -- the state ----------------------------------------------------------------------------------------------------------------------

def test_the_page_names_a_setting_as_python_does(in_node):
    for state in (START, OTHER):
        lab = labs.crf(**{name: state[name] for name in code.SETTING})
        text = in_node("crf", "m.settingText(m.readState(cases.value, cases.fields), cases.setting, cases.fields)",
                       {"value": lab.value, "fields": lab._fields, "setting": lab._settings["setting"]})
        assert text == code.CrfLab.setting(state)


@pytest.mark.parametrize("text, said", [
    ("confidence=100", "confidence must be a whole number from 40 to 99, got '100': write for example confidence=70"),
    ("bilateral_rgb=0", "bilateral_rgb must be a whole number from 1 to 40"),
    ("gaussian_weight=-1", "gaussian_weight must be a number from 0 to 20"),
    ("view=heat", "view must be one of result, network"),
    ("bilateral_with=3", "did you mean bilateral_"),
    ("iteration=11", "iteration must be a whole number from 0 to 10"),
])
def test_a_state_that_is_none_is_refused(text, said):
    lab = labs.crf()
    with reading("en"), pytest.raises(LabValueError) as refused:
        lab.value = text
    assert said in str(refused.value) and "\n" not in str(refused.value)
    with reading("ko"), pytest.raises(LabValueError, match="주세요"):
        lab.value = text


def test_a_pixel_beyond_the_photo_stands_at_its_rim():
    assert labs.crf(pixel=(500, 3)).state["pixel"] == (119, 3)
    assert labs.crf(pixel=None).state["pixel"] == code.PIXEL


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_static_picture_says_what_moved(language):
    with reading(language):
        figure = labs.crf().static_picture()
        names = code.label_names()
    found = code.answer(START)
    assert str(int((found.labels[0] != found.labels[10]).sum())) in figure.alt
    assert names[code.ROCKET] in figure.alt and names[code.SKY] in figure.alt
    assert figure.size_px[0] == 720


def test_a_line_that_is_torn_is_silence_and_no_error(in_node):
    """JupyterLab throws where a lab asks a kernel that has been restarted."""
    page = asked(in_node, ("ask", "torn"), ("ask", "torn"))
    assert page["sent"] == [] and page["silent"] and page["said"] == 1 and page["timers"] == 0 and page["underWay"] is None
    assert asked(in_node, ("ask", "torn"), ("ask", 2))["sent"] == [2]
