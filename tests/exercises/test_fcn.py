"""Chapter 01's exercises: every solution passes its checker, plausible wrong answers are refused with the right hint, stubs are not
attempts.
"""

from fractions import Fraction

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from segcourse import exercises, models, ops, training

CHECKED = [exercise.name for exercise in exercises.all("fcn") if not exercise.open]


def conv_like(linear, channels, kernel_size, **options):
    conv = nn.Conv2d(channels, linear.out_features, kernel_size, **options)
    conv.weight.data.copy_(linear.weight.data.view(conv.weight.shape))
    return conv


def right_conv(linear, channels, kernel_size):
    conv = conv_like(linear, channels, kernel_size)
    conv.bias.data.copy_(linear.bias.data)
    return conv


def with_padding(linear, channels, kernel_size):
    conv = conv_like(linear, channels, kernel_size, padding=1)
    conv.bias.data.copy_(linear.bias.data)
    return conv


def loops(press, *, size=None, step=None, last=None):
    """Stamp and add with one thing of it changed."""
    def stamp(x, kernel, stride):
        rows, columns = kernel.shape
        move = stride if step is None else step
        just_enough = (x.shape[0] - 1) * stride + rows, (x.shape[1] - 1) * stride + columns
        out = torch.zeros(size(x, kernel, stride)) if size else x.new_zeros(just_enough)
        for y in range(x.shape[0]):
            for c in range(x.shape[1]):
                for i in range(rows):
                    for j in range(columns):
                        press(out, y * move + i, c * move + j, x[y, c], kernel, i, j)
        return last(out, x, kernel, stride) if last else out
    return stamp


def add(out, y, x, value, kernel, i, j):
    out[y, x] += value * kernel[i, j]


def put(out, y, x, value, kernel, i, j):
    out[y, x] = value * kernel[i, j]


def add_turned(out, y, x, value, kernel, i, j):
    out[y, x] += value * kernel[-1 - i, -1 - j]


def add_inside(out, y, x, value, kernel, i, j):
    if y < out.shape[0] and x < out.shape[1]:
        out[y, x] += value * kernel[i, j]


def averaged(out, x, kernel, stride):
    return out / loops(add)(torch.ones_like(x), torch.ones_like(kernel), stride).clamp(min=1)


def multiples(x, kernel, stride):
    return x.shape[0] * stride, x.shape[1] * stride


def tent(taps, centre, factor):
    line = (1 - (torch.arange(taps) - centre).abs() / factor).clamp(min=0)
    return line[:, None] * line


def pyramid(factor):
    line = 1 - (torch.arange(2 * factor) - factor + 0.5).abs() / factor
    return torch.minimum(line[:, None], line)


def copier(factor):
    weight = torch.zeros(2 * factor, 2 * factor)
    weight[factor // 2:factor // 2 + factor, factor // 2:factor // 2 + factor] = 1
    return weight


def crop(middle=lambda kernel, padding: (kernel - 1) / 2 - padding, *, scaled=True, finer_first=True, signed=False):
    """The crop in floats, with one thing of it changed."""
    def offset(layers):
        scale, shift = 1.0, 0.0
        for kind, kernel, stride, padding in layers:
            if kind == "up" and finer_first:
                scale /= stride
            step = middle(kernel, padding) * (scale if scaled else 1)
            shift += step if kind == "down" else -step
            if kind == "down":
                scale *= stride
            elif not finer_first:
                scale /= stride
        return shift if signed else abs(shift)
    return offset


def typed_in(layers):
    for name in ("fcn32s", "fcn16s", "fcn8s", "fcn_alexnet"):
        for cropped, own in exercises.fcn.paths(name).items():
            if own == layers:
                return models.create(name, num_classes=2, width=1 / 64).crop_offsets()[cropped]
    return 19


def half_the_difference(size, *, ceil):
    def offset(layers):
        made = size
        for kind, kernel, stride, padding in layers:
            if kind == "up":
                made = (made - 1) * stride + kernel - 2 * padding
            else:
                padded = torch.zeros(1, 1, 1, made + 2 * padding)
                made = F.max_pool2d(padded, (1, kernel), stride=(1, stride), ceil_mode=ceil and stride > 1).shape[-1]
        return abs(made - size) // 2
    return offset


# exercise -> answer -> (function, status, kind of mistake)
ANSWERS = {
    "fcn.fc6_as_conv": {
        "an nn.Conv2d": (right_conv, "correct", None),
        "the package's function": (lambda linear, channels, kernel_size: ops.linear_to_conv(linear, kernel_size), "correct", None),
        "channels last": (lambda linear, channels, size:
                          (linear.weight.view(-1, *size, channels).permute(0, 3, 1, 2), linear.bias), "wrong", "order"),
        "width before height": (lambda linear, channels, size:
                                (linear.weight.view(-1, channels, *size[::-1]).transpose(2, 3), linear.bias), "wrong", "order"),
        "weight matrix transposed": (lambda linear, channels, size:
                                     (linear.weight.t().reshape(-1, channels, *size), linear.bias), "wrong", "order"),
        "no bias": (lambda linear, channels, kernel_size: (linear.weight.view(-1, channels, *kernel_size), None), "wrong", "bias"),
        "nn.Conv2d without a bias": (lambda *inputs: conv_like(*inputs, bias=False), "wrong", "bias"),
        "nn.Conv2d with its own bias": (conv_like, "wrong", "bias"),
        "a new convolution": (lambda linear, channels, size: nn.Conv2d(channels, linear.out_features, size), "wrong", "fresh"),
        "padding": (with_padding, "not checkable", "padding"),
        "width and height swapped": (lambda linear, channels, size:
                                     (linear.weight.view(-1, channels, *size[::-1]), linear.bias), "not checkable", "order"),
        "weight only": (lambda linear, channels, kernel_size: linear.weight.view(-1, channels, *kernel_size), "not checkable", None),
        "first hole only": (lambda linear, channels, size: (linear.weight.view(-1, channels, *size), ...), "not attempted", None),
    },
    "fcn.stamp_and_add": {
        "loops": (loops(add), "correct", None),
        "torch": (lambda x, kernel, stride: F.conv_transpose2d(x[None, None], kernel[None, None], stride=stride)[0, 0], "correct", None),
        "average": (loops(add, last=averaged), "wrong", "average"),
        "assignment": (loops(put), "wrong", "assignment"),
        "stride ignored": (loops(add, step=1), "wrong", "stride"),
        "stride ignored, small paper": (lambda x, kernel, stride: loops(add)(x, kernel, 1), "not checkable", "stride"),
        "flipped": (loops(add_turned), "wrong", "flipped"),
        "paper of height * stride": (loops(add_inside, size=multiples), "not checkable", "size"),
        "paper that is too small": (loops(add, size=lambda x, kernel, stride: x.shape), "not checkable", None),
        "a convolution": (lambda x, kernel, stride: F.conv2d(x[None, None], kernel[None, None], stride=stride, padding=kernel.shape)[0, 0],
                          "not checkable", "size"),
        "batch and channel left on": (lambda x, kernel, stride: F.conv_transpose2d(x[None, None], kernel[None, None], stride=stride),
                                      "not checkable", None),
        "float32": (lambda x, kernel, stride: loops(add)(x.float(), kernel.float(), stride), "correct", None),
        "float32 paper": (loops(add, size=lambda x, kernel, stride: loops(add)(x, kernel, stride).shape), "correct", None),
        "one too much": (lambda x, kernel, stride: loops(add)(x, kernel, stride) + 1e-6, "wrong", None),
    },
    "fcn.bilinear_weights": {
        "the package's function": (lambda factor: ops.bilinear_kernel(1, factor)[0, 0], "correct", None),
        "float32": (lambda factor: tent(2 * factor, factor - 0.5, factor), "correct", None),
        "2 * factor - 1 taps": (lambda factor: tent(2 * factor - 1, factor - 1, factor), "not checkable", "odd"),
        "top on the left tap": (lambda factor: tent(2 * factor, factor - 1, factor), "wrong", "centre"),
        "top on the right tap": (lambda factor: tent(2 * factor, factor, factor), "wrong", "centre"),
        "sums to 1": (lambda factor: tent(2 * factor, factor - 0.5, factor) / tent(2 * factor, factor - 0.5, factor).sum(), "wrong", "sum"),
        "nearest": (copier, "wrong", "nearest"),
        "nearest, factor x factor": (lambda factor: torch.ones(factor, factor), "not checkable", "nearest"),
        "pyramid": (pyramid, "wrong", "pyramid"),
        "one line": (lambda factor: 1 - (torch.arange(2 * factor) - factor + 0.5).abs() / factor, "not checkable", "line"),
        "right for even factors only": (lambda factor: tent(2 * factor, factor - (1 if factor % 2 else 0.5), factor), "wrong", "centre"),
        "four axes": (lambda factor: ops.bilinear_kernel(1, factor), "not checkable", None),
    },
    "fcn.crop_offset": {
        "floats": (crop(), "correct", None),
        "a fraction": (lambda layers: Fraction(round(crop()(layers))), "correct", None),
        "typed in": (typed_in, "wrong", "constant"),
        "always 19": (lambda layers: 19, "wrong", "constant"),
        "half of what a picture of 500 grows": (half_the_difference(500, ceil=True), "wrong", "half"),
        "half of what a picture of 224 grows, rounded down": (half_the_difference(224, ceil=False), "wrong", "half"),
        "no padding": (crop(lambda kernel, padding: (kernel - 1) / 2), "wrong", "padding"),
        "no padding of 100": (crop(lambda kernel, padding: (kernel - 1) / 2 - (padding if padding < 100 else 0)), "wrong", "padding"),
        "middle rounded down": (crop(lambda kernel, padding: (kernel - 1) // 2 - padding), "wrong", "rounding"),
        "middle rounded up": (crop(lambda kernel, padding: kernel // 2 - padding), "wrong", "rounding"),
        "one scale for all": (crop(scaled=False), "wrong", "scale"),
        "old scale on the way up": (crop(finer_first=False), "wrong", "scale"),
        "where the last map lies": (crop(signed=True), "wrong", "sign"),
        "the other way round": (lambda layers: -crop(signed=True)(layers), "wrong", "sign"),
        "down and across": (lambda layers: (19, 19), "not checkable", None),
        "truncated": (lambda layers: crop()(layers) + 0.5, "wrong", None),
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
        one, other = (torch.as_tensor(truth(*inputs)).double() for truth in checker.truths)
        assert one.shape == other.shape and (one - other).abs().max() <= checker.tolerance / 2


CROPS = {"fcn32s": {"upscore32": 19}, "fcn16s": {"score_pool4": 5, "upscore16": 27},
         "fcn8s": {"score_pool4": 5, "score_pool3": 9, "upscore8": 31}, "fcn_alexnet": {"upscore32": 18}}


@pytest.mark.parametrize("name", CROPS)
def test_the_solution_gives_the_papers_crops(name):
    found = {cropped: exercises.fcn.crop_offset.answer(layers) for cropped, layers in exercises.fcn.paths(name).items()}
    assert found == CROPS[name] == models.create(name, num_classes=2, width=1 / 64).crop_offsets()


def test_paths_are_the_readers_own_and_other_names_are_refused():
    exercises.fcn.paths("fcn8s")["upscore8"].clear()
    assert exercises.fcn.paths("fcn8s")["upscore8"][0] == ("down", 3, 1, 100)
    with pytest.raises(ValueError, match="fcn_alexnet"):
        exercises.fcn.paths("segnet")


def test_random_stacks_go_either_way():
    """The last map begins further out in some, further in in others; a checker that draws only one kind would let a sign pass."""
    shifts = [exercises.fcn._shift(*inputs) for inputs in exercises.fcn.crop_offset._checker.draw(torch.Generator().manual_seed(0))]
    assert min(shifts) < 0 < max(shifts) and len(set(shifts)) > 10


def test_the_open_exercise_has_question_hints_and_discussion_but_no_checker(capsys, run):
    exercise = exercises.fcn.open_boundaries
    assert exercise.open and exercise.minutes == "40–60" and "nothing is checked" in exercise.question_text()
    verdict = exercise.check(lambda labels, stride, num_classes: None)
    assert verdict.status == "not checkable" and "open" in repr(verdict)
    assert len(exercise.hints) == 3 and exercise.next_hint() == exercise.hints[0]
    exercise.solution()
    said = capsys.readouterr().out
    assert "def open_boundaries(labels, stride, num_classes):" in said and "| 32 | 35.5 % | 12.4 % | 3.1 % |" in said
    run(exercise.stub("ko"), exercise.name)


def test_the_discussions_numbers_are_those_that_the_solution_computes(run, solution_code):
    """If the streets have changed: write the numbers that the failed assert shows into ORACLE, and read the discussion again."""
    test = training.experiments.get("01").data("test")
    labels, pole = test.stack()[1], test.classes.index("pole")
    answer = run(solution_code(exercises.fcn.open_boundaries), "fcn.open_boundaries")
    assert (len(labels), *labels.shape[1:]) == (100, 96, 128)
    found = {}
    for stride in exercises.fcn.ORACLE:
        scores = answer(labels, stride, 11)
        found[stride] = tuple(round(100 * value, 1) for value in (scores.miou, scores.boundary_iou, scores.iou[pole].item()))
    for stride, numbers in exercises.fcn.ORACLE.items():
        assert found[stride] == pytest.approx(numbers, abs=0.11), f"{found}"


@pytest.mark.slow
def test_free_scores_pass_the_oracle():
    free, test = exercises.fcn.FREE, training.experiments.get("01").data("test")
    labels, stride = test.stack(range(free["pictures"]))[1].long(), free["stride"]
    oracle = exercises.fcn.open_boundaries.answer(labels, stride, 11)
    shares = F.avg_pool2d(F.one_hot(labels, 12)[..., :11].permute(0, 3, 1, 2).float(), stride)
    scores = (shares + 1e-3).log().requires_grad_()
    optimizer = torch.optim.Adam([scores], lr=0.2)
    for _ in range(free["steps"]):
        optimizer.zero_grad()
        enlarged = F.interpolate(scores, scale_factor=stride, mode="bilinear", align_corners=False)
        F.cross_entropy(enlarged, labels, ignore_index=11).backward()
        optimizer.step()
    tuned = training.Scores.from_labels(enlarged.argmax(1), labels, 11)
    assert (100 * oracle.miou, 100 * tuned.miou) == pytest.approx((free["oracle"], free["tuned"]), abs=0.3)


def test_the_chapters_order():
    assert [(exercise.name, exercise.minutes, exercise.difficulty) for exercise in exercises.all("fcn")] == [
        ("fcn.fc6_as_conv", "10", 1), ("fcn.stamp_and_add", "20", 2), ("fcn.bilinear_weights", "15", 2), ("fcn.crop_offset", "30", 3),
        ("fcn.open_boundaries", "40–60", 4)]
