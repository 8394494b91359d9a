"""Chapter 01's exercises: every solution passes its checker, plausible wrong answers are refused with the right hint, stubs are not attempts."""

import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from segcourse import exercises, language, ops
from segcourse.authoring import korean

CHECKED = [exercise.name for exercise in exercises.all("fcn") if not exercise.open]


def run(text, name):
    """The function `name` that `text` defines where the chapter's names are known."""
    names = {"torch": torch, "nn": nn, "F": F, "ops": ops}
    exec(text, names)
    return names[name.partition(".")[2]]


def solution_code(exercise):
    return re.search(r"```python\n(.*?)```", exercise.solution_text(), re.S)[1]


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("spoken", language.LANGUAGES)
def test_the_solution_as_shown_passes_and_the_stub_is_no_attempt(name, spoken):
    exercise = exercises.get(name)
    with language.reading(spoken):
        assert exercise.check(run(solution_code(exercise), name)).status == "correct"
        assert exercise.check(run(exercise.stub(spoken), name)).status == "not attempted"
        assert exercise.check(exercise.answer).status == "correct"


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


# exercise -> answer -> (function, status, kind of mistake)
ANSWERS = {
    "fcn.fc6_as_conv": {
        "an nn.Conv2d": (right_conv, "correct", None),
        "the package's function": (lambda linear, channels, kernel_size: ops.linear_to_conv(linear, kernel_size), "correct", None),
        "channels last": (lambda linear, channels, kernel_size: (linear.weight.view(-1, *kernel_size, channels).permute(0, 3, 1, 2), linear.bias), "wrong", "order"),
        "width before height": (lambda linear, channels, kernel_size:
                                (linear.weight.view(-1, channels, kernel_size[1], kernel_size[0]).transpose(2, 3), linear.bias), "wrong", "order"),
        "weight matrix transposed": (lambda linear, channels, kernel_size: (linear.weight.t().reshape(-1, channels, *kernel_size), linear.bias), "wrong", "order"),
        "no bias": (lambda linear, channels, kernel_size: (linear.weight.view(-1, channels, *kernel_size), None), "wrong", "bias"),
        "nn.Conv2d without a bias": (lambda *inputs: conv_like(*inputs, bias=False), "wrong", "bias"),
        "nn.Conv2d with its own bias": (conv_like, "wrong", "bias"),
        "a new convolution": (lambda linear, channels, kernel_size: nn.Conv2d(channels, linear.out_features, kernel_size), "wrong", "fresh"),
        "padding": (with_padding, "not checkable", "padding"),
        "square kernel": (lambda linear, channels, kernel_size: (linear.weight.view(-1, channels, *kernel_size[::-1]), linear.bias), "not checkable", "order"),
        "weight only": (lambda linear, channels, kernel_size: linear.weight.view(-1, channels, *kernel_size), "not checkable", None),
        "first hole only": (lambda linear, channels, kernel_size: (linear.weight.view(-1, channels, *kernel_size), ...), "not attempted", None),
    },
}


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name in ANSWERS for answer in ANSWERS[name]])
def test_answers_are_judged_and_the_hint_fits(name, answer):
    exercise = exercises.get(name)
    function, status, kind = ANSWERS[name][answer]
    verdict = exercise.check(function)
    assert (verdict.status, verdict.mistake) == (status, kind), repr(verdict)
    if kind:
        assert exercise.next_hint() == exercise.mistakes[kind]


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


def texts(exercise):
    yield from (exercise._title, exercise._task, *exercise._hints)
    if exercise._checker:
        yield exercise._checker.against
        yield from (mistake.hint for mistake in exercise._checker.mistakes.values())
    if exercise._discussion:
        yield exercise._discussion


@pytest.mark.parametrize("name", [exercise.name for exercise in exercises.all("fcn")])
def test_both_languages_say_the_same(name):
    """No translated Korean that a machine can hear, and the same code, formulas and numbers on both sides."""
    for text in texts(exercises.get(name)):
        assert not korean.faults(text.ko), text.ko
        for pattern in (r"`[^`]+`", r"\$[^$]+\$"):
            assert set(re.findall(pattern, text.en)) == set(re.findall(pattern, text.ko)), text.ko
        assert len(re.findall(r"^\* ", text.en, re.M)) == len(re.findall(r"^\* ", text.ko, re.M))
