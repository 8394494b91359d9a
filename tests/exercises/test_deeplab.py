"""Chapter 02's exercises: every solution passes its checker, plausible wrong answers are refused with the right hint, stubs are not attempts."""

import math

import pytest
import torch
from torch.nn import functional as F

from segcourse import datasets, exercises, language, ops, training
from segcourse.exercises.engine import numbers

CHECKED = [exercise.name for exercise in exercises.all("deeplab") if not exercise.open]


def taps(*, apart=lambda rate: rate, span=lambda k, rate: (k - 1) * rate + 1, kernel_of=lambda kernel: kernel, step=lambda rate: 1, paper=None):
    """Atrous convolution in loops, with one thing of it changed."""
    def conv(x, kernel, rate):
        k, kernel = len(kernel), kernel_of(kernel)
        rows, columns = ((side - span(k, rate)) // step(rate) + 1 for side in x.shape)
        out = torch.zeros(rows, columns) if paper == "float32" else x.new_zeros(rows, columns)
        for i in range(k):
            for j in range(k):
                top, left = i * apart(rate), j * apart(rate)
                out += kernel[i, j] * x[top:top + rows * step(rate):step(rate), left:left + columns * step(rate):step(rate)]
        return out
    return conv


def zeros_in_the_input(x, kernel, rate):
    wide = x.new_zeros(*(side * rate - rate + 1 for side in x.shape))
    for y in range(x.shape[0]):
        for c in range(x.shape[1]):
            wide[y * rate, c * rate] = x[y, c]
    return taps()(wide, kernel, 1)


def zeros_in_the_kernel(x, kernel, rate):
    k = len(kernel)
    wide = kernel.new_zeros((k - 1) * rate + 1, (k - 1) * rate + 1)
    wide[::rate, ::rate] = kernel
    return F.conv2d(x[None, None], wide[None, None])[0, 0]


def zeros_behind_every_tap(x, kernel, rate):
    wide = kernel.new_zeros(len(kernel) * rate, len(kernel) * rate)
    wide[::rate, ::rate] = kernel
    return F.conv2d(x[None, None], wide[None, None])[0, 0]


def as_large_as_x(x, kernel, rate):
    before = (len(kernel) - 1) * rate // 2
    after = (len(kernel) - 1) * rate - before
    return taps()(F.pad(x, (before, after, before, after)), kernel, rate)


def one_factor(change):
    """The layers in one pass: `change` gets (kind, stride removed or 1, factor, layer) and gives (padding, dilation, next factor)."""
    def dense(layers, output_stride):
        out, kept, factor = [], 1, 1
        for kind, kernel, stride, padding, dilation in layers:
            gone = stride if kept * stride > output_stride else 1
            kept *= stride // gone
            padding, dilation, factor = change(kind, gone, factor, padding, dilation)
            out.append((kind, kernel, stride // gone, padding, dilation))
        return out
    return dense


right_layers = one_factor(lambda kind, gone, f, p, d: (p * f, d * f, f * gone))


def first_strides_go(layers, output_stride):
    """The other way round: the first strides are removed, the last ones stay. The map is as dense and the same."""
    strides = [stride for _, _, stride, _, _ in layers]
    keep, product = [1] * len(strides), 1
    for number in reversed(range(len(strides))):
        if product * strides[number] <= output_stride and output_stride % (product * strides[number]) == 0:
            keep[number] = strides[number]
            product *= strides[number]
    if product != output_stride:
        return right_layers(layers, output_stride)
    out, factor = [], 1
    for (kind, kernel, stride, padding, dilation), kept in zip(layers, keep):
        out.append((kind, kernel, kept, padding * factor, dilation * factor))
        factor *= stride // kept
    return out


def all_strides_go(layers, output_stride):
    return right_layers(layers, 1)


def as_lists_of_floats(layers, output_stride):
    return [[kind, *map(float, values)] for kind, *values in right_layers(layers, output_stride)]


def pairs(*, alone=lambda p: -math.log(p), pays=lambda one, other: one != other, both_ways=False, joined=lambda place: True,
          weight=lambda place, colour, w1, a, b, w2, c: w1 * math.exp(-place / (2 * a * a) - colour / (2 * b * b)) + w2 * math.exp(-place / (2 * c * c))):
    """The energy in loops over floats, with one thing of it changed."""
    def energy(labels, probabilities, image, *setting):
        height, width = labels.shape
        pixels = [(y, x) for y in range(height) for x in range(width)]
        total = sum(alone(float(probabilities[labels[p], p[0], p[1]])) for p in pixels)
        colours = {(y, x): image[:, y, x].tolist() for y, x in pixels}
        for i, one in enumerate(pixels):
            for j, other in enumerate(pixels):
                place = (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2
                if (j > i or both_ways and j != i) and joined(place) and pays(labels[one], labels[other]):
                    total += weight(place, sum((r - s) ** 2 for r, s in zip(colours[one], colours[other])), *setting)
        return total
    return energy


def in_float32(labels, probabilities, image, w1, alpha, beta, w2, gamma):
    """Someone who adds everything up in float32."""
    total = torch.zeros((), dtype=torch.float32)
    total += -probabilities.float().flatten(1).gather(0, labels.flatten()[None]).log().sum()
    rows, columns = torch.meshgrid(*(torch.arange(side, dtype=torch.float32) for side in labels.shape), indexing="ij")
    place = torch.stack([rows.flatten(), columns.flatten()], 1)
    colour, flat = image.float().flatten(1).t(), labels.flatten()
    for i in range(len(flat)):
        for j in range(i + 1, len(flat)):
            if flat[i] != flat[j]:
                near, alike = (place[i] - place[j]).square().sum(), (colour[i] - colour[j]).square().sum()
                total += w1 * torch.exp(-near / (2 * alpha ** 2) - alike / (2 * beta ** 2)) + w2 * torch.exp(-near / (2 * gamma ** 2))
    return total


def believe(cost=lambda unary, kernel, q: unary + without_self(kernel) @ (1 - q), *, last=lambda scores: torch.softmax(scores, 1)):
    return lambda unary, kernel, q: last(-cost(unary, kernel, q))


def without_self(kernel):
    return kernel * (1 - torch.eye(len(kernel)))


def in_place(unary, kernel, q):
    for i in range(len(q)):
        others = sum(kernel[i, j] * (1 - q[j]) for j in range(len(q)) if j != i)
        q[i] = torch.softmax(-unary[i] - others, 0)
    return q


def in_place_then_normalised(unary, kernel, q):
    for i in range(len(q)):
        q[i] = torch.exp(-unary[i] - sum(kernel[i, j] * (1 - q[j]) for j in range(len(q)) if j != i))
    return q / q.sum(1, keepdim=True)


# exercise -> answer -> (function, status, kind of mistake)
ANSWERS = {
    "deeplab.atrous_conv": {
        "loops": (taps(), "correct", None),
        "zeros in the kernel": (zeros_in_the_kernel, "correct", None),
        "float32 paper": (taps(paper="float32"), "correct", None),
        "rate ignored": (taps(apart=lambda rate: 1, span=lambda k, rate: k), "not checkable", "rate"),
        "rate ignored, right size": (taps(apart=lambda rate: 1), "wrong", "rate"),
        "span k * r": (taps(span=lambda k, rate: k * rate), "not checkable", "span"),
        "zeros behind every tap": (zeros_behind_every_tap, "not checkable", "span"),
        "rate zeros between taps": (taps(apart=lambda rate: rate + 1, span=lambda k, rate: (k - 1) * (rate + 1) + 1), "not checkable", "gaps"),
        "zeros in the input": (zeros_in_the_input, "not checkable", "stuffed"),
        "a stride": (taps(apart=lambda rate: 1, span=lambda k, rate: k, step=lambda rate: rate), "not checkable", "stride"),
        "a rate and a stride": (taps(step=lambda rate: rate), "not checkable", "stride"),
        "flipped": (taps(kernel_of=lambda kernel: kernel.flip(0, 1)), "wrong", "flipped"),
        "rows and columns swapped": (taps(kernel_of=lambda kernel: kernel.t()), "wrong", "flipped"),
        "as large as x": (as_large_as_x, "not checkable", "padded"),
        "batch and channel left on": (lambda x, kernel, rate: F.conv2d(x[None, None], kernel[None, None], dilation=rate), "not checkable", None),
        "one too much": (lambda x, kernel, rate: taps()(x, kernel, rate) + 1e-6, "wrong", None),
    },
    "deeplab.denser": {
        "one pass": (right_layers, "correct", None),
        "lists of floats": (as_lists_of_floats, "correct", None),
        "the first strides go": (first_strides_go, "correct", None),
        "nothing done": (lambda layers, output_stride: layers, "not checkable", "stride"),
        "all strides go": (all_strides_go, "not checkable", "stride"),
        "only strides": (one_factor(lambda kind, gone, f, p, d: (p, d, 1)), "wrong", "untouched"),
        "its own stride too": (one_factor(lambda kind, gone, f, p, d: (p * f * gone, d * f * gone, f * gone)), "wrong", "own"),
        "padding left": (one_factor(lambda kind, gone, f, p, d: (p, d * f, f * gone)), "wrong", "padding"),
        "padding is the dilation": (one_factor(lambda kind, gone, f, p, d: (d * f if p else 0, d * f, f * gone)), "wrong", "padding"),
        "next layer only": (one_factor(lambda kind, gone, f, p, d: (p * f, d * f, f * gone if gone > 1 else 1)), "wrong", "next"),
        "pools left": (one_factor(lambda kind, gone, f, p, d: (p, d, f * gone) if kind == "pool" else (p * f, d * f, f * gone)), "wrong", "pools"),
        "last stride only": (one_factor(lambda kind, gone, f, p, d: (p * f, d * f, gone if gone > 1 else f)), "wrong", "cumulative"),
        "strides added": (one_factor(lambda kind, gone, f, p, d: (p * f, d * f, f + gone - 1)), "wrong", "cumulative"),
        "own dilation lost": (one_factor(lambda kind, gone, f, p, d: (p * f, f if f > 1 else d, f * gone)), "wrong", "replaced"),
        "first hole only": (lambda layers, output_stride: ..., "not attempted", None),
        "other kernels": (lambda layers, output_stride: [(kind, kernel * 2 - 1, 1, p, d) for kind, kernel, _, p, d in layers], "not checkable", None),
        "four numbers": (lambda layers, output_stride: [layer[1:] for layer in layers], "not checkable", None),
        "a number": (lambda layers, output_stride: 3, "not checkable", None),
        "stride 0": (lambda layers, output_stride: [(kind, kernel, 0, p, d) for kind, kernel, _, p, d in layers], "not checkable", None),
        "halves": (lambda layers, output_stride: [(kind, kernel, 1, 0.5, d) for kind, kernel, _, p, d in layers], "not checkable", None),
        "far too wide": (one_factor(lambda kind, gone, f, p, d: (p, d * 1000, 1)), "wrong", None),
    },
    "deeplab.unary_and_pairwise": {
        "floats": (pairs(), "correct", None),
        "float32": (in_float32, "correct", None),
        "log P": (pairs(alone=math.log), "wrong", "unary"),
        "minus P": (pairs(alone=lambda p: -p), "wrong", "unary"),
        "no unary": (pairs(alone=lambda p: 0), "wrong", "unary"),
        "every pair twice": (pairs(both_ways=True), "wrong", "twice"),
        "those who agree pay": (pairs(pays=lambda one, other: one == other), "wrong", "agree"),
        "those who agree pay, twice": (pairs(pays=lambda one, other: one == other, both_ways=True), "wrong", "agree"),
        "everyone pays": (pairs(pays=lambda one, other: True), "wrong", "everyone"),
        "everyone pays, twice": (pairs(pays=lambda one, other: True, both_ways=True), "wrong", "everyone"),
        "four neighbours": (pairs(joined=lambda place: place <= 1), "wrong", "neighbours"),
        "eight neighbours": (pairs(joined=lambda place: place <= 2), "wrong", "neighbours"),
        "no half": (pairs(weight=lambda place, colour, w1, a, b, w2, c: w1 * math.exp(-place / a ** 2 - colour / b ** 2) + w2 * math.exp(-place / c ** 2)),
                    "wrong", "half"),
        "distances not squared": (pairs(weight=lambda place, colour, w1, a, b, w2, c: w1 * math.exp(
            -place ** 0.5 / (2 * a ** 2) - colour ** 0.5 / (2 * b ** 2)) + w2 * math.exp(-place ** 0.5 / (2 * c ** 2))), "wrong", "squares"),
        "widths not squared": (pairs(weight=lambda place, colour, w1, a, b, w2, c: w1 * math.exp(
            -place / (2 * a) - colour / (2 * b)) + w2 * math.exp(-place / (2 * c))), "wrong", "squares"),
        "colour as a kernel of its own": (pairs(weight=lambda place, colour, w1, a, b, w2, c: w1 * (math.exp(-place / (2 * a * a)) + math.exp(
            -colour / (2 * b * b))) + w2 * math.exp(-place / (2 * c * c))), "wrong", "colour"),
        "no colour": (pairs(weight=lambda place, colour, w1, a, b, w2, c: w1 * math.exp(-place / (2 * a * a)) + w2 * math.exp(-place / (2 * c * c))),
                      "wrong", "colour"),
        "a map": (lambda labels, probabilities, *rest: -probabilities.log(), "not checkable", None),
        "a little too much": (lambda *inputs: pairs()(*inputs) + 1e-3, "wrong", None),
    },
    "deeplab.mean_field_step": {
        "costs": (believe(), "correct", None),
        "beliefs": (believe(lambda unary, kernel, q: unary - without_self(kernel) @ q), "correct", None),
        "float32": (lambda unary, kernel, q: believe()(unary.float(), kernel.float(), q.float()), "correct", None),
        "against the others": (believe(lambda unary, kernel, q: unary + without_self(kernel) @ q), "wrong", "sign"),
        "the sign of the cost": (believe(lambda unary, kernel, q: unary - without_self(kernel) @ (1 - q)), "wrong", "sign"),
        "no unary": (believe(lambda unary, kernel, q: without_self(kernel) @ (1 - q)), "wrong", "unary"),
        "plus unary": (believe(lambda unary, kernel, q: -unary + without_self(kernel) @ (1 - q)), "wrong", "unary"),
        "both signs": (believe(lambda unary, kernel, q: -unary - without_self(kernel) @ (1 - q)), "wrong", "unary"),
        "from q on": (believe(lambda unary, kernel, q: -q.log() + without_self(kernel) @ (1 - q)), "wrong", "again"),
        "scores": (believe(last=lambda scores: scores), "wrong", "softmax"),
        "scores by beliefs": (believe(lambda unary, kernel, q: unary - without_self(kernel) @ q, last=lambda scores: scores), "wrong", "softmax"),
        "exp only": (believe(last=torch.exp), "wrong", "softmax"),
        "over the pixels": (believe(last=lambda scores: torch.softmax(scores, 0)), "wrong", "pixels"),
        "in place": (in_place, "wrong", "sequential"),
        "in place, normalised at the end": (in_place_then_normalised, "wrong", "sequential"),
        "oneself too": (believe(lambda unary, kernel, q: unary + kernel @ (1 - q)), "wrong", "self"),
        "oneself once": (believe(lambda unary, kernel, q: unary - without_self(kernel) @ q - q), "wrong", "self"),
        "mean of the others": (believe(lambda unary, kernel, q: unary - without_self(kernel) @ q / without_self(kernel).sum(1, keepdim=True)), "wrong", "average"),
        "q as it was": (lambda unary, kernel, q: q, "wrong", None),
        "labels": (lambda unary, kernel, q: believe()(unary, kernel, q).argmax(1), "not checkable", None),
    },
}


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name in ANSWERS for answer in ANSWERS[name]])
def test_answers_are_judged_and_the_hint_fits(name, answer, judge):
    judge(name, *ANSWERS[name][answer])


@pytest.mark.parametrize("name", CHECKED)
def test_every_mistake_is_made_by_some_answer(name):
    told = {kind for _, _, kind in ANSWERS[name].values() if kind}
    assert told == set(exercises.get(name).mistakes) and len(told) >= 3


@pytest.mark.parametrize("name", CHECKED)
def test_the_two_truths_agree(name):
    checker = exercises.get(name)._checker
    for inputs in checker.draw(torch.Generator().manual_seed(7)):
        one, other = (numbers(truth(*inputs)) for truth in checker.truths)
        assert one.shape == other.shape and (one - other).abs().max() <= min(checker.tolerance / 2, 1e-9)


def drawn(name, seed=0):
    return list(exercises.get(name)._checker.draw(torch.Generator().manual_seed(seed)))


def test_random_stacks_hold_what_a_wrong_rule_would_trip_over():
    """A pool, a padding, a dilation of its own and two removed strides behind one another, and every output stride from 1 to all of them."""
    stacks = drawn("deeplab.denser")
    dense = [right_layers(*inputs) for inputs in stacks]
    later = [[(old, new) for old, new in zip(inputs[0], made) if old[4] != new[4]] for inputs, made in zip(stacks, dense)]
    assert any(old[0] == "pool" for pairs in later for old, _ in pairs) and any(old[3] for pairs in later for old, _ in pairs)
    assert any(old[4] > 1 for pairs in later for old, _ in pairs) and any(new[4] // old[4] in (6, 12) for pairs in later for old, new in pairs)
    assert any(inputs[1] == 1 for inputs in stacks) and any(inputs[0] == made for inputs, made in zip(stacks, dense))


def test_sums_of_the_stacks_are_whole_numbers_that_float64_holds():
    for layers, output_stride in drawn("deeplab.denser"):
        found = exercises.deeplab._strided_map(layers)
        assert len(found) == exercises.deeplab.CELLS and found.abs().max() < 2 ** 53 and (found == found.round()).all()
        assert (found != 0).any()


def test_the_solution_makes_vgg16_what_deeplab_begins_with():
    """Output stride 8: conv5 at rate 2, fc6 at rate 4, as in the paper's first column; pool5 at 2, which the release leaves out."""
    old = exercises.deeplab.vgg16_layers()
    assert len(old) == 19 and [layer[0] for layer in old].count("pool") == 5 and old[-1] == ("conv", 7, 1, 0, 1)
    new = exercises.deeplab.denser.answer(old, 8)
    assert new[-5:] == [("conv", 3, 1, 2, 2)] * 3 + [("pool", 2, 1, 0, 2), ("conv", 7, 1, 0, 4)] and new[:13] == old[:13]
    assert new[13] == ("pool", 2, 1, 0, 1)
    exercises.deeplab.vgg16_layers().clear()
    assert exercises.deeplab.vgg16_layers() == old


def test_the_released_layers_are_not_vgg16_made_dense():
    """Undilated pools give another map: the claim of the hint for "pools"."""
    layers = exercises.deeplab.vgg16_layers()
    undilated = [(kind, kernel, stride, padding, 1 if kind == "pool" else dilation) for kind, kernel, stride, padding, dilation in right_layers(layers, 8)]
    right, released = (exercises.deeplab._sampled(made, (layers, 8)) for made in (right_layers(layers, 8), undilated))
    strided = exercises.deeplab._strided_map(layers)
    assert torch.equal(right, strided) and not torch.equal(released, strided)


def test_every_pair_that_pays_weighs_as_much_as_the_question_says():
    lightest = math.inf
    for labels, _, image, *setting in drawn("deeplab.unary_and_pairwise"):
        weights = exercises.deeplab._weights(*exercises.deeplab._distances(labels.shape, image), *setting)
        lightest = min(lightest, weights.min().item())
    assert 0.04 <= lightest and "0.04" in exercises.deeplab.unary_and_pairwise.question_text()


def test_float32_errs_by_less_than_the_questions_say():
    worst = max(abs(float(in_float32(*inputs)) - pairs()(*inputs)) for inputs in drawn("deeplab.unary_and_pairwise"))
    assert worst < 1e-4
    worst = max((believe()(*(part.float() for part in inputs)).double() - believe()(*inputs)).abs().max() for inputs in drawn("deeplab.mean_field_step"))
    assert worst < 1e-6


def test_wrong_beliefs_are_as_far_off_as_the_question_says():
    for answer, (function, status, kind) in ANSWERS["deeplab.mean_field_step"].items():
        if status == "wrong" and kind:
            far = max((function(*(part.clone() for part in inputs)) - believe()(*inputs)).abs().max() for inputs in drawn("deeplab.mean_field_step"))
            assert far > 1e-3, answer


def test_a_labelling_of_one_hot_beliefs_costs_the_energy():
    """Energy and mean field speak of one model: the energy of a labelling is the expected cost when every belief is certain of it."""
    for labels, probabilities, image, *setting in drawn("deeplab.unary_and_pairwise"):
        kernel = exercises.deeplab._weights(*exercises.deeplab._distances(labels.shape, image), *setting)
        certain = F.one_hot(labels.flatten(), len(probabilities)).double()
        expected = (certain * -probabilities.flatten(1).t().log()).sum() + 0.5 * (without_self(kernel) * (1 - certain @ certain.t())).sum()
        assert float(exercises.deeplab.unary_and_pairwise.answer(labels, probabilities, image, *setting)) == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize(("name", "answer"), [("deeplab.atrous_conv", "rate ignored, right size"), ("deeplab.denser", "own dilation lost"),
                                              ("deeplab.denser", "its own stride too"), ("deeplab.denser", "pools left")])
def test_a_wrong_answer_comes_with_a_picture(name, answer):
    assert exercises.get(name).check(ANSWERS[name][answer][0]).picture is not None


def test_the_open_exercise_has_question_hints_and_discussion_but_no_checker(capsys):
    exercise = exercises.deeplab.open_poles
    assert exercise.open and exercise.minutes == "40–60" and "nothing is checked" in exercise.question_text()
    verdict = exercise.check(lambda probabilities, images, labels: None)
    assert verdict.status == "not checkable" and "open" in repr(verdict)
    assert len(exercise.hints) == 3 and exercise.next_hint() == exercise.hints[0]
    exercise.solution()
    said = capsys.readouterr().out
    assert "def open_poles(probabilities, images, labels):" in said
    for name, values in exercises.deeplab.REFINED.items():
        assert f"| `{name}` | " + " | ".join(f"{value:.1f} %" for value in values) + " |" in said


@pytest.mark.parametrize("spoken", language.LANGUAGES)
def test_the_open_exercise_runs_as_it_stands(spoken, monkeypatch, run):
    """With a CRF that changes nothing in place of the package's: the stub is code that runs."""
    asked = []
    monkeypatch.setattr(ops, "dense_crf", lambda probabilities, images, **setting: asked.append(setting) or probabilities, raising=False)
    start = run(exercises.deeplab.open_poles.stub(spoken), "deeplab.open_poles")
    found = start(*exercises.deeplab.coarse_streets(pictures=2))
    assert list(found) == ["coarse", "release"] and asked == [{}] and found["coarse"] == found["release"]
    asked.clear()
    assert list(exercises.deeplab.open_poles.answer(*exercises.deeplab.coarse_streets(pictures=2))) == list(exercises.deeplab.REFINED)
    assert len(asked) == len(exercises.deeplab.REFINED) - 1


def test_the_coarse_streets_are_probabilities_that_know_the_shares():
    probabilities, images, labels = exercises.deeplab.coarse_streets(pictures=3, stride=16)
    assert probabilities.shape == (3, 11, 96, 128) and images.shape == (3, 3, 96, 128) and images.dtype == torch.uint8
    assert torch.equal(labels, datasets.load("streets", "valid").stack(range(3))[1]) and datasets.load("streets", "valid").classes[2] == "pole"
    assert (probabilities.sum(1) - 1).abs().max() < 1e-5 and probabilities.min() > 0.001
    sure = exercises.deeplab.coarse_streets(pictures=3, stride=16, confidence=4)[0]
    assert torch.equal(sure.argmax(1), probabilities.argmax(1)) and sure.amax(1).mean() > probabilities.amax(1).mean() + 0.05
    with pytest.raises(ValueError, match="4, 8, 16 or 32"):
        exercises.deeplab.coarse_streets(stride=5)
    with pytest.raises(ValueError, match="confidence"):
        exercises.deeplab.coarse_streets(confidence=0)


def test_the_coarse_labellings_scores_are_those_of_the_discussion():
    for split, known in (("valid", exercises.deeplab.REFINED), ("test", exercises.deeplab.TESTED)):
        probabilities, _, labels = exercises.deeplab.coarse_streets(split)
        scores = training.Scores.from_labels(probabilities.argmax(1), labels, 11)
        assert known["coarse"] == pytest.approx([100 * value for value in (scores.miou, scores.boundary_iou, scores.iou[2].item())], abs=0.11)


@pytest.mark.slow
def test_the_discussions_numbers_are_those_that_the_solution_computes(run, solution_code):
    """If the streets or the CRF have changed: write the numbers that the failed assert shows into REFINED, and read the discussion again."""
    answer = run(solution_code(exercises.deeplab.open_poles), "deeplab.open_poles")
    found = answer(*exercises.deeplab.coarse_streets())
    assert list(found) == list(exercises.deeplab.REFINED)
    for name, values in exercises.deeplab.REFINED.items():
        assert found[name] == pytest.approx(values, abs=0.31), f"{found}"
    settings = {"both": dict(bilateral_xy=12.5, gaussian_xy=0.77), "same colour": dict(bilateral_rgb=3, gaussian_xy=0.77)}
    probabilities, images, labels = exercises.deeplab.coarse_streets("test")
    for name, setting in settings.items():
        scores = training.Scores.from_labels(ops.dense_crf(probabilities, images, **setting).argmax(1), labels, 11)
        found = [100 * value for value in (scores.miou, scores.boundary_iou, scores.iou[2].item())]
        assert found == pytest.approx(exercises.deeplab.TESTED[name], abs=0.31), name
    for confidence, share in exercises.deeplab.CHANGED.items():
        probabilities, images, _ = exercises.deeplab.coarse_streets(confidence=confidence)
        refined = ops.dense_crf(probabilities, images, **settings["both"])
        assert 100 * (refined.argmax(1) != probabilities.argmax(1)).double().mean().item() == pytest.approx(share, abs=0.11)


def test_the_chapters_order():
    assert [(exercise.name, exercise.minutes, exercise.difficulty) for exercise in exercises.all("deeplab")] == [
        ("deeplab.atrous_conv", "10", 1), ("deeplab.denser", "20", 3), ("deeplab.unary_and_pairwise", "15", 2), ("deeplab.mean_field_step", "25", 3),
        ("deeplab.open_poles", "40–60", 4)]
