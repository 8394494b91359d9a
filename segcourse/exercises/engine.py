"""How an exercise works: question, check, hint, solution, and a stub that is the solution with holes.

The solution is a plain function; the decorator `exercise` turns it into an `Exercise`. A statement marked ``# hole`` is what a learner has
to write: in the stub an assignment keeps its left side (``out = ...``), anything else becomes ``...``. Comments for the learner stand in
both languages, ``# en: ... | ko: ...``.

A checker draws random inputs, asks the learner's function and compares its answer with two truths: the package's own operation and torch's.
A mistake is told by what it gives: the wrong way is computed too, and where it explains every wrong answer, its hint is the one that helps.
"""

import ast
import contextlib
import copy
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from segcourse.exercises import store
from segcourse.language import josa, reading, say

SEED = 0
HARDEST = 4             # an open exercise
SMALL = 9               # cells a side of what is written out in a verdict
CORRECT, WRONG, NOT_ATTEMPTED, NOT_CHECKABLE = "correct", "wrong", "not attempted", "not checkable"
_SIGNS = {CORRECT: "✓", WRONG: "✗", NOT_ATTEMPTED: "○", NOT_CHECKABLE: "?"}


class Both(NamedTuple):
    """A text in both languages; `str()` gives the one in force."""

    en: str
    ko: str

    def __str__(self) -> str:
        return say(en=self.en, ko=self.ko)


class Unfit(Exception):
    """An answer of a type that cannot be compared; its text says what was expected."""


@dataclass
class Case:
    """One input, what the learner's function gave for it (`raw`), the same as numbers (`value`), and the truth."""

    inputs: tuple
    raw: object
    value: torch.Tensor | None
    truth: torch.Tensor


@dataclass(frozen=True)
class Mistake:
    """A wrong way that learners take: the hint that helps, and whether it explains the wrong answers."""

    hint: Both
    explains: Callable[[list[Case]], bool]


@dataclass(frozen=True)
class Checker:
    """How answers are judged.

    draw: generator -> the inputs, small ones first; truths: functions of the inputs, the package's operation and torch's; describe: inputs
    -> one line; read: (what the learner's function gave, inputs) -> float64 tensor, raises `Unfit`; tolerance: the largest difference that
    still counts as equal; against: what the answers are compared with, as the verdict names it; picture: Case -> Figure.
    """

    draw: Callable[[torch.Generator], Iterable[tuple]]
    truths: tuple[Callable, ...]
    describe: Callable[[tuple], str]
    read: Callable
    tolerance: float
    against: Both
    mistakes: dict[str, Mistake] = field(default_factory=dict)
    picture: Callable | None = None


def numbers(raw, inputs=()) -> torch.Tensor:
    """A tensor, array, number or nested list as a float64 tensor on the CPU. Raises Unfit for anything else."""
    try:
        value = raw.detach() if isinstance(raw, torch.Tensor) else torch.as_tensor(np.asarray(raw, dtype=np.float64))
        if value.is_complex():
            raise TypeError
        return value.to("cpu", torch.float64).clone()
    except Exception:   # whatever a learner's object does when it is asked for its numbers
        kind = type(raw).__name__
        raise Unfit(say(en=f"A tensor of numbers was expected, and your function gives {kind}.",
                        ko=f"숫자로 된 텐서가 나와야 하는데 {kind} 값이 나왔어요.")) from None


def equal(one: torch.Tensor, other: torch.Tensor, tolerance: float) -> bool:
    """Whether both have one shape and differ by no more than `tolerance` anywhere; nan equals nothing."""
    return one.shape == other.shape and bool(((one - other).abs() <= tolerance).all())


def gives(*ways: Callable, tolerance: float = 1e-6) -> Callable[[list[Case]], bool]:
    """`Mistake.explains` for wrong ways that can be computed: one of `ways`, functions of the inputs, gives every wrong answer."""
    def same(way, case) -> bool:
        try:
            wrong = numbers(way(*copy.deepcopy(case.inputs)))
            fits = case.value is not None and wrong.shape == case.value.shape
            return fits and torch.allclose(wrong, case.value, 0.0, tolerance, equal_nan=True)
        except (ArithmeticError, IndexError, RuntimeError, ValueError, Unfit):      # this wrong way has no answer for this input
            return False

    return lambda cases: any(all(same(way, case) for case in cases) for way in ways)


# --- what a learner sees --------------------------------------------------------------------------------------------------


def _display(text: str) -> None:
    """Show markdown: drawn in a notebook, as it stands elsewhere."""
    try:
        from IPython.core.getipython import get_ipython
        from IPython.display import publish_display_data
    except ImportError:
        print(text)
        return
    if get_ipython() is None:
        print(text)
    else:
        publish_display_data({"text/markdown": text, "text/plain": text})


class Verdict:
    """What `check` says: `status` ("correct", "wrong", "not attempted" or "not checkable"), the text, the kind of `mistake` where it can be
    told (else None), and a `picture` where one helps (a Figure, else None)."""

    def __init__(self, status: str, text: str, *, mistake: str | None = None, picture=None):
        self.status, self.text, self.mistake, self.picture = status, text, mistake, picture

    def __repr__(self) -> str:
        return f"{_SIGNS[self.status]} {self.text}"

    def _ipython_display_(self):
        from IPython.display import display, publish_display_data

        publish_display_data({"text/plain": repr(self)})
        if self.picture is not None:
            display(self.picture)


def _number(value: float, digits: int = 6) -> str:
    text = f"{value:.{digits}g}"
    return "0" if text == "-0" else text


def _grid(values: torch.Tensor) -> list[str]:
    cells = [[_number(value, 4) for value in row] for row in values.tolist()]
    wide = max(len(cell) for row in cells for cell in row)
    return [" ".join(cell.rjust(wide) for cell in row) for row in cells]


def _beside(truth: torch.Tensor, value: torch.Tensor, tolerance: float) -> list[str]:
    """Lines that set the right answer beside the learner's: all of it where it is small, and the first cell that differs."""
    words = say(en="expected", ko="기대한 값"), say(en="yours", ko="나온 값")
    lines = []
    if truth.ndim == 2 and 0 < truth.numel() and max(truth.shape) <= SMALL:
        for word, grid in zip(words, (truth, value)):
            lines += [f"{word}:", *(f"    {row}" for row in _grid(grid))]
    if truth.ndim == 0:
        return [f"{word}: {_number(number)}" for word, number in zip(words, (truth.item(), value.item()))]
    place = tuple(((truth - value).abs() <= tolerance).logical_not().nonzero()[0].tolist())
    right, given = (_number(grid[place].item()) for grid in (truth, value))
    if right == given:
        right, given = (_number(grid[place].item(), 12) for grid in (truth, value))
    at = f"[{', '.join(map(str, place))}]"
    return lines + [say(en=f"first difference at {at}: expected {right}, yours {given}", ko=f"처음 다른 자리 {at}: 기대한 값 {right}, 나온 값 {given}")]


def _message(error: BaseException) -> str:
    """What the error says; nothing where its own text fails, too."""
    try:
        return str(error)
    except Exception:
        return ""


def _one_line(error: BaseException) -> str:
    """The error's name and the first line of its message, without addresses in memory."""
    first = next((line.strip() for line in _message(error).splitlines() if line.strip()), "")
    first = re.sub(r"\s+at 0x[0-9a-fA-F]+", "", first)
    name = type(error).__name__
    return f"{name}: {first[:200]}" if first else name


def _place(error: BaseException, answer) -> str:
    """The line of the learner's own function in which it stopped, as written; empty where it is not known."""
    code = getattr(answer, "__code__", None)
    text, trace = "", error.__traceback__
    while code is not None and trace is not None:
        if trace.tb_frame.f_code.co_filename == code.co_filename:
            text = linecache.getline(code.co_filename, trace.tb_lineno).strip() or text
        trace = trace.tb_next
    return text


# --- the solution, and the stub made of it ----------------------------------------------------------------------------------

_HOLE = re.compile(r"\s*# hole\b")
_COMMENT = re.compile(r"# en: (?P<en>.*?) \| ko: (?P<ko>.*)$")


def _source(function: Callable) -> list[str]:
    """The lines of `function` without its decorators and its docstring, holes still marked, comments in the language in force."""
    source = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(source).body[0]
    lines = source.splitlines()
    first = node.body[0]
    skip = range(0)
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        skip = range(first.lineno, first.end_lineno + 1)
    kept = [line for number, line in enumerate(lines, 1) if number >= node.lineno and number not in skip]
    return [_COMMENT.sub(lambda found: f"# {say(en=found['en'], ko=found['ko'])}", line) for line in kept]


def _with_holes(lines: list[str]) -> list[str]:
    """The stub's lines: each statement whose first line is marked as a hole is taken out, and a row of bare holes becomes one."""
    marked = {node.lineno: node for node in ast.walk(ast.parse("\n".join(lines)))
              if isinstance(node, ast.stmt) and _HOLE.search(lines[node.lineno - 1])}
    kept, number = [], 1
    while number <= len(lines):
        node, line = marked.get(number), lines[number - 1]
        if node is None:
            kept.append(line)
            number += 1
            continue
        indent = " " * node.col_offset
        code, _, comment = line.partition("# hole")
        if isinstance(node, ast.Assign):
            hole = f"{indent}{code.strip().split(' = ')[0]} = ..."
        else:
            hole = f"{indent}return ..." if isinstance(node, ast.Return) else f"{indent}..."
        hole += f"     {comment.strip()}" if comment.strip() else ""
        if not (hole.strip() == "..." and kept and kept[-1] == hole):
            kept.append(hole)
        number = node.end_lineno + 1
    return kept


def _attempted(raw) -> bool:
    """Whether there is an answer at all: not None, and no hole left in it."""
    return raw is not None and raw is not Ellipsis and not (isinstance(raw, (tuple, list)) and any(part is Ellipsis for part in raw))


class Exercise:
    """One exercise. `question()` shows the task, `check(answer)` judges a function, `hint()` gives the next hint, `solution()` shows the
    code.
    """

    def __init__(self, function: Callable, *, title: Both, minutes: int | tuple[int, int], difficulty: int, task: Both,
                 hints: tuple[Both, ...], checker: Checker | None, imports: str, discussion: Both | None):
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self.difficulty, self.answer = difficulty, function
        self.__doc__ = function.__doc__
        self._title, self._minutes, self._task, self._hints, self._checker = title, minutes, task, hints, checker
        self._imports, self._discussion = imports, discussion
        self._mistake: str | None = None        # of the last check
        self._given: list[str] = []             # hints since the last round began

    def __repr__(self) -> str:
        return f"exercises.{self.name}: {self.title} · .question() .check() .hint() .solution()"

    @property
    def title(self) -> str:
        """In the language in force."""
        return str(self._title)

    @property
    def minutes(self) -> str:
        """As printed: "20" or "40–60"."""
        return "–".join(map(str, self._minutes)) if isinstance(self._minutes, tuple) else str(self._minutes)

    @property
    def open(self) -> bool:
        """Whether there is no checker for it."""
        return self._checker is None

    @property
    def mistakes(self) -> dict[str, str]:
        """The mistakes that can be told: kind -> hint, in the language in force."""
        return {kind: str(mistake.hint) for kind, mistake in self._checker.mistakes.items()} if self._checker else {}

    @property
    def hints(self) -> list[str]:
        """The general hints, from a nudge to nearly the answer."""
        return [str(hint) for hint in self._hints]

    def question_text(self) -> str:
        """The question as markdown."""
        head = say(en=f"{self.minutes} minutes · difficulty {self.difficulty} of {HARDEST}", ko=f"{self.minutes}분 · 난이도 {HARDEST}단계 중 "
                                                                                                f"{self.difficulty}")
        if self.open:
            head += say(en=" · open: nothing is checked", ko=" · 열린 문제라 채점하지 않아요")
        return f"**{self.title}** · {head}\n\n{str(self._task).strip()}"

    def question(self) -> None:
        """Show the task, with its shapes, the minutes it takes and how difficult it is."""
        _display(self.question_text())

    def solution_text(self) -> str:
        """The code of the solution; for an open exercise the discussion follows. Markdown."""
        code = "\n".join(_HOLE.sub("", line).rstrip() if "# en:" not in line else _HOLE.sub("", line) for line in _source(self.answer))
        code = "\n\n\n".join(filter(None, [self._imports, code]))
        return "\n\n".join(filter(None, [f"```python\n{code}\n```", str(self._discussion).strip() if self._discussion else ""]))

    def solution(self) -> None:
        """Show the solution."""
        store.current().add(self.name, solution_seen=True)
        _display(self.solution_text())

    def stub(self, language: str) -> str:
        """The solution with holes, comments in `language`: what the learner's cell begins with. Raises ValueError for another language."""
        with reading(language):
            return "\n\n\n".join(filter(None, [self._imports, "\n".join(_with_holes(_source(self.answer)))]))

    def next_hint(self) -> str:
        """The hint that `hint` would show: the last mistake's first, where it was told, then the general ones, and so round again."""
        waiting = ([self._mistake] if self._mistake else []) + [str(k) for k in range(1, len(self._hints) + 1)]
        left = [key for key in waiting if key not in self._given]
        if not left:
            self._given = []
            return say(en="That was the last hint. `hint()` begins again; `solution()` shows the code.",
                       ko="힌트는 이게 전부예요. `hint()`를 다시 부르면 처음부터 보여 주고, `solution()`은 풀이를 보여 줘요.")
        self._given.append(left[0])
        store.current().add(self.name, hints=[left[0]])
        return self.mistakes[left[0]] if left[0] in self.mistakes else self.hints[int(left[0]) - 1]

    def hint(self) -> None:
        """Show the next hint: one for the mistake that the last check found, where it could tell, then the others in their order."""
        _display(say(en="**Hint.** ", ko="**힌트.** ") + self.next_hint())

    def check(self, answer=None) -> Verdict:
        """Judge the function `answer` with random inputs. Raises nothing, whatever the function does (Ctrl-C excepted)."""
        try:
            with torch.random.fork_rng(devices=[]):
                verdict = self._judge(answer)
        except Exception as error:      # what a learner's object may do when it is looked at, nobody foresees
            verdict = Verdict(NOT_CHECKABLE, say(en=f"Your answer cannot be looked at ({_one_line(error)}). Give back plain tensors or "
                                                    f"numbers.",
                                                 ko=f"답을 들여다볼 수 없었어요({_one_line(error)}). 평범한 텐서나 숫자를 돌려주세요."))
        if verdict.mistake != self._mistake:
            self._given = [key for key in self._given if key not in self.mistakes]
        self._mistake = verdict.mistake
        if verdict.status == CORRECT:
            store.current().add(self.name, tries=1, solved=True)
        elif verdict.status != NOT_ATTEMPTED and not self.open:
            store.current().add(self.name, tries=1)
        return verdict

    def _judge(self, answer) -> Verdict:
        if self.open:
            return Verdict(NOT_CHECKABLE, say(en=f"This exercise is open: no checker can judge it. exercises.{self.name}.solution() "
                                                 f"discusses what we found.",
                                              ko=f"열린 문제라서 채점하지 않아요. exercises.{self.name}.solution()에 저희가 얻은 결과를 적어 두었어요."))
        if answer is None or answer is Ellipsis:
            return self._not_attempted()
        if not callable(answer):
            short = self.name.partition(".")[2]
            return Verdict(NOT_CHECKABLE, say(en=f"Pass the function itself: check({short}), not what it gives and not "
                                                 f"{type(answer).__name__}.",
                                              ko=f"함수 자체를 넣어 주세요. 계산한 값({type(answer).__name__}) 말고 check({short})처럼 써 주세요."))
        generator = torch.Generator().manual_seed(SEED)
        inputs_of_all = list(self._checker.draw(generator))
        wrong: list[Case] = []
        first = None
        for number, inputs in enumerate(inputs_of_all, 1):
            torch.default_generator.manual_seed(SEED)       # an answer that draws numbers draws the same ones each time
            try:
                raw = answer(*copy.deepcopy(inputs))
            except (Exception, SystemExit) as error:
                if wrong:
                    break
                if "ellipsis" in _message(error).lower():
                    return self._not_attempted()
                return self._stopped(error, answer, inputs)
            if not _attempted(raw):
                if wrong:
                    break
                if number == 1 or raw is not None:
                    return self._not_attempted()
                return self._verdict(NOT_CHECKABLE, say(en="Your function gives None here.", ko="이 입력에서는 None이 나와요."), inputs)
            case, complaint = self._compare(raw, inputs)
            if case is not None:
                wrong.append(case)
                first = first or (number, complaint)
        if not wrong:
            count, against, near = len(inputs_of_all), self._checker.against, f"{self._checker.tolerance:.0e}".replace("e-0", "e-")
            return Verdict(CORRECT, say(en=f"Correct. {count} random inputs, and each time the same as {against.en} (to {near}).",
                                        ko=f"맞았어요. 무작위 입력 {count}개에서 모두 {against.ko} 값과 같아요(오차 {near} 이내)."))
        return self._explain(wrong, *first, len(inputs_of_all))

    def _compare(self, raw, inputs) -> tuple[Case | None, str | None]:
        """The case where the answer is not right, with the complaint about its type or shape, if that is what is wrong; (None, None) where
        it is right.
        """
        truths = [numbers(truth(*copy.deepcopy(inputs))) for truth in self._checker.truths]
        try:
            value = self._checker.read(raw, inputs)
        except Unfit as unfit:
            return Case(inputs, raw, None, truths[0]), str(unfit)
        if value.shape != truths[0].shape:
            return Case(inputs, raw, value, truths[0]), _shapes(truths[0], value)
        for truth in truths:
            if not equal(value, truth, self._checker.tolerance):
                return Case(inputs, raw, value, truth), None
        return None, None

    def _explain(self, wrong: list[Case], number: int, complaint: str | None, count: int) -> Verdict:
        case = wrong[0]
        kind = next((kind for kind, mistake in self._checker.mistakes.items() if mistake.explains(wrong)), None)
        if complaint:
            return self._verdict(NOT_CHECKABLE, complaint, case.inputs, mistake=kind)
        picture = None
        if self._checker.picture is not None:
            with contextlib.suppress(Exception):        # the words say it all; a picture that cannot be drawn is left out
                picture = self._checker.picture(case)
        head = say(en=f"Not right yet: input {number} of {count} gives something else.", ko=f"아직 아니에요. 입력 {count}개 중 {number}번째에서 값이 달라요.")
        beside = _beside(case.truth, case.value, self._checker.tolerance)
        return self._verdict(WRONG, head, case.inputs, beside, mistake=kind, picture=picture)

    def _verdict(self, status, head, inputs, lines=(), *, mistake=None, picture=None) -> Verdict:
        told = [say(en="input: ", ko="입력: ") + self._checker.describe(inputs), *lines]
        call = f"exercises.{self.name}.hint()"
        if mistake:
            told.append(say(en=f"{call} has a hint for this mistake.", ko=f"{call}에 이 실수에 맞는 힌트가 있어요."))
        elif status == WRONG:
            told.append(say(en=f"{call} has a hint.", ko=f"{call}에서 힌트를 볼 수 있어요."))
        text = "\n".join([head, *(f"  {line}" for part in told for line in part.splitlines())])
        return Verdict(status, text, mistake=mistake, picture=picture)

    def _stopped(self, error, answer, inputs) -> Verdict:
        place = _place(error, answer)
        line_en, line_ko = (f", in the line `{place}`", f"(줄 `{place}`)") if place else ("", "")
        said = _one_line(error)
        return self._verdict(NOT_CHECKABLE, say(en=f"Cannot be checked: your function stopped with {said}{line_en}",
                                                ko=f"채점할 수 없어요. 함수가 도중에 멈췄어요{line_ko}. {said}"), inputs)

    def _not_attempted(self) -> Verdict:
        return Verdict(NOT_ATTEMPTED, say(en="Not attempted yet: there is still a `...` in it, or it returns nothing. Fill the holes and "
                                             "run both cells again.",
                                          ko="아직 풀지 않았어요. `...`이 남아 있거나 돌려주는 값이 없어요. 빈칸을 채우고 두 셀을 다시 실행해 주세요."))


def _shapes(truth: torch.Tensor, value: torch.Tensor) -> str:
    if truth.ndim == 0:
        return say(en=f"One number was expected, and yours has the shape {tuple(value.shape)}.", ko=f"숫자 하나가 나와야 하는데 {tuple(value.shape)} "
                                                                                                    f"모양이 나왔어요.")
    return say(en=f"The shape {tuple(truth.shape)} was expected, and yours is {tuple(value.shape)}.",
               ko=f"모양이 {josa(tuple(truth.shape), '이어야/여야')} 하는데 {josa(tuple(value.shape), '이에요/예요')}.")


def exercise(*, title: Both, minutes: int | tuple[int, int], difficulty: int, task: Both, hints: tuple[Both, ...] = (),
             checker: Checker | None = None, imports: str = "", discussion: Both | None = None) -> Callable[[Callable], Exercise]:
    """Decorator: the solution below it becomes an `Exercise` of that name.

    minutes: one number or (from, to); difficulty: 1 to 4; task, hints and discussion are markdown; imports: lines that stub and solution
    begin with. Without a checker the exercise is open.
    """
    return lambda function: Exercise(function, title=title, minutes=minutes, difficulty=difficulty, task=task, hints=hints, checker=checker,
                                     imports=imports, discussion=discussion)
