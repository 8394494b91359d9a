"""The engine: names, stubs made of solutions, hints in their order, and verdicts whatever a learner writes."""

import random
import re

import numpy as np
import pytest
import torch

from segcourse import exercises, figures, language
from segcourse.exercises import engine
from segcourse.exercises.engine import Both, Checker, Mistake, exercise, gives


def draw(generator):
    for size in (2, 3, 4):
        yield torch.randint(1, 9, (size, size + 1), generator=generator).double(), size


@exercise(
    title=Both(en="Half", ko="반"), minutes=5, difficulty=1, task=Both(en="Halve `x`.", ko="`x`를 반으로 나눠 보세요."),
    hints=(Both(en="first", ko="첫째"), Both(en="second", ko="둘째")), imports="import math",
    checker=Checker(
        draw=draw, truths=(lambda x, size: x / 2, lambda x, size: x * 0.5), describe=lambda inputs: f"x {tuple(inputs[0].shape)}",
        read=engine.numbers, tolerance=1e-9, against=Both(en="x / 2", ko="x / 2"),
        mistakes={"double": Mistake(Both(en="that doubles", ko="두 배가 됐어요"), gives(lambda x, size: x * 2)),
                  "broken": Mistake(Both(en="never", ko="아니에요"), gives(lambda x, size: x @ x))},
        picture=lambda case: figures.grid(case.truth)),
)
def half(x, size):
    """Half of x."""
    # en: a number for each cell | ko: 칸마다 숫자 하나
    out = torch.zeros_like(x)  # hole  # en: the paper | ko: 종이
    count: int = 0
    for row in range(len(x)):
        for column in range(size + 1):
            out[row, column] += x[row, column] / 2  # hole
            count += 1  # hole
    if math.isnan(count):  # hole  # noqa: F821  `math` stands in the imports
        return None
    return out


STUB = """import math


def half(x, size):
    # {0}
    out = ...     # {1}
    count: int = 0
    for row in range(len(x)):
        for column in range(size + 1):
            ...
    ...     # noqa: F821  `math` stands in the imports
    return out"""


@pytest.fixture(autouse=True)
def fresh():
    half._mistake, half._given = None, []


def test_the_stub_is_the_solution_with_holes():
    assert half.stub("en") == STUB.format("a number for each cell", "the paper")
    assert half.stub("ko") == STUB.format("칸마다 숫자 하나", "종이")
    with pytest.raises(ValueError, match="'fr'"):
        half.stub("fr")
    with language.reading("ko"):
        assert half.solution_text().startswith("```python\nimport math\n\n\ndef half(x, size):\n    # 칸마다 숫자 하나\n    out = "
                                               "torch.zeros_like(x)  # 종이\n")
    assert "hole" not in half.solution_text() and '"""' not in half.solution_text()


def run(text, name="half"):
    names = {"torch": torch}
    exec(text, names)
    return names[name]


def test_the_stub_is_not_an_attempt_and_its_solution_is_correct():
    assert half.check(run(half.stub("en"))).status == "not attempted"
    assert half.check(run(half.solution_text().removeprefix("```python").removesuffix("```"))).status == "correct"


def stops(x, size):
    return x / [size]


def never_the_same_object(x, size):
    raise ValueError(f"{object()} went\nwrong")


class Strange(torch.Tensor):
    @property
    def shape(self):
        raise RuntimeError("no shape")


class Impossible:
    def __array__(self, *args, **options):
        raise KeyError("nothing")

    def __eq__(self, other):
        raise RecursionError


class Mute(ValueError):
    def __str__(self):
        raise Mute


def mute(x, size):
    raise Mute


def recursive(x, size):
    return recursive(x, size)


def spoils_its_input(x, size):
    return x.div_(2)


ANSWERS = {
    "right": (lambda x, size: x / 2, "correct", "3 random inputs"),
    "list": (lambda x, size: (x / 2).tolist(), "correct", ""),
    "array": (lambda x, size: (x / 2).numpy(), "correct", ""),
    "float32": (lambda x, size: x.float() / 2, "correct", ""),
    "in place": (spoils_its_input, "correct", ""),
    "gradient": (lambda x, size: x.requires_grad_() / 2, "correct", ""),
    "double": (lambda x, size: x * 2, "wrong", "hint for this mistake"),
    "nan": (lambda x, size: x * float("nan"), "wrong", "yours nan"),
    "late": (lambda x, size: x / 2 + (size == 4), "wrong", "input 3 of 3"),
    "nothing": (lambda x, size: None, "not attempted", ""),
    "hole in a tuple": (lambda x, size: (x, ...), "not attempted", ""),
    "hole in a sum": (lambda x, size: x + ..., "not attempted", ""),
    "nothing given": (None, "not attempted", ""),
    "a number": (5, "not checkable", "check(half)"),
    "stops": (stops, "not checkable", "TypeError"),
    "says where": (stops, "not checkable", "in the line `return x / [size]`"),
    "address": (never_the_same_object, "not checkable", "ValueError: <object object> went"),
    "other arguments": (lambda x: x / 2, "not checkable", "TypeError"),
    "shape": (lambda x, size: x[0], "not checkable", "The shape (2, 3) was expected, and yours is (3,)"),
    "text": (lambda x, size: "half", "not checkable", "gives str"),
    "complex": (lambda x, size: x * 1j, "not checkable", "gives Tensor"),
    "dictionary": (lambda x, size: {"x": x}, "not checkable", "gives dict"),
    "ragged": (lambda x, size: [[1], [1, 2]], "not checkable", "gives list"),
    "strange": (lambda x, size: x.as_subclass(Strange), "not checkable", ""),
    "impossible": (lambda x, size: Impossible(), "not checkable", "gives Impossible"),
    "an error without words": (mute, "not checkable", "Mute"),
    "recursive": (recursive, "not checkable", "RecursionError"),
    "exit": (lambda x, size: exit(), "not checkable", "SystemExit"),
    "late nothing": (lambda x, size: x / 2 if size < 4 else None, "not checkable", "None"),
    "wrong, then stops": (lambda x, size: x * 2 if size == 2 else 1 / 0, "wrong", "input 1 of 3"),
    "empty": (lambda x, size: torch.zeros(0), "not checkable", "(0,)"),
    "meta": (lambda x, size: torch.zeros(2, 3, device="meta"), "not checkable", ""),
}


@pytest.mark.parametrize("spoken", ["en", "ko"])
@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_a_learner_writes_gets_a_verdict(name, spoken, home):
    answer, status, said = ANSWERS[name]
    with language.reading(spoken):
        verdict = half.check(answer)
        assert verdict.status == status
        assert repr(verdict) == repr(half.check(answer)), "the same answer must get the same words"
    assert not re.search(r"0x[0-9a-f]{4}", repr(verdict))
    if spoken == "en":
        assert said in repr(verdict)


def test_control_c_is_let_through():
    def interrupted(x, size):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half.check(interrupted)


def test_a_check_leaves_the_notebooks_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    random.seed(1), np.random.seed(1)
    half.check(lambda x, size: torch.rand(x.shape))
    assert torch.equal(torch.rand(3), expected)


def test_a_wrong_answer_shows_input_values_and_a_picture():
    verdict = half.check(lambda x, size: x * 2)
    assert repr(verdict).splitlines()[:2] == ["✗ Not right yet: input 1 of 3 gives something else.", "  input: x (2, 3)"]
    x = next(iter(draw(torch.Generator().manual_seed(engine.SEED))))[0]
    assert f"first difference at [0, 0]: expected {x[0, 0].item() / 2:g}, yours {x[0, 0].item() * 2:g}" in repr(verdict)
    assert isinstance(verdict.picture, figures.Figure)


def test_a_small_difference_is_shown_with_enough_digits():
    said = repr(half.check(lambda x, size: x / 2 + 1e-8))
    right, given = re.search(r"expected ([\d.]+), yours ([\d.]+)", said).groups()
    assert float(given) - float(right) == pytest.approx(1e-8)


def test_hints_begin_with_the_mistake_and_go_round():
    half.check(lambda x, size: x * 2)
    said = [half.next_hint() for _ in range(5)]
    assert said[:3] == ["that doubles", "first", "second"] and "last hint" in said[3] and said[4] == "that doubles"


def test_hints_without_a_known_mistake_go_in_their_order():
    assert half.check(lambda x, size: x + 7).mistake is None
    assert [half.next_hint() for _ in range(2)] == ["first", "second"]


def test_a_mistake_must_explain_every_wrong_answer():
    assert half.check(lambda x, size: x * 2 if size == 2 else x * 3).mistake is None


def test_the_mistake_is_forgotten_once_the_answer_is_right():
    half.check(lambda x, size: x * 2)
    half.check(lambda x, size: x / 2)
    assert half.next_hint() == "first"


def test_what_is_shown_in_a_console(capsys):
    half.question(), half.hint(), half.solution()
    said = capsys.readouterr().out
    assert said.startswith("**Half** · 5 minutes · difficulty 1 of 4\n\nHalve `x`.\n") and "**Hint.** first" in said and "```python" in said


def test_what_is_shown_in_a_notebook(monkeypatch):
    monkeypatch.setattr("IPython.core.getipython.get_ipython", object)
    shown = []
    monkeypatch.setattr("IPython.display.publish_display_data", lambda data, *args, **options: shown.append(data))
    half.question()
    half.check(lambda x, size: x / 2)._ipython_display_()
    assert shown[0]["text/markdown"] == shown[0]["text/plain"] == half.question_text()
    assert shown[1] == {"text/plain": "✓ Correct. 3 random inputs, and each time the same as x / 2 (to 1e-9)."}


def test_names():
    assert exercises.get("fcn.fc6_as_conv") is exercises.fcn.fc6_as_conv
    assert exercises.all("fcn")[0] is exercises.fcn.fc6_as_conv
    with pytest.raises(KeyError, match="did you mean 'fcn.fc6_as_conv'"):
        exercises.get("fcn.fc6_as_con")
    with pytest.raises(KeyError, match="did you mean 'fcn'"):
        exercises.all("fnc")
    with language.reading("ko"), pytest.raises(KeyError, match="혹시 'fcn'인가요"):
        exercises.all("01")
    assert "fcn.fc6_as_conv" in repr(exercises.fcn.fc6_as_conv)
