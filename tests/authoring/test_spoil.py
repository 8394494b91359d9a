"""A claim's cell must fail once its operation is broken; the bench runs only the cells that matter and puts everything back."""

import sys
import types

import pytest

from segcourse.authoring import spoil
from segcourse.authoring.source import Cell, Chapter

ops = types.ModuleType("stamp_operations")
ops.add = lambda a, b: a + b

CELLS = [
    ("from fractions import Fraction", "setup"),
    ("raise SystemExit('never run')",),
    ("steps = 2", "parameters"),
    ("import stamp_operations as ops", "for-claim-9.1"),
    (
        "total = ops.add(steps, 3)\nfor tap in (1, 2):\n    total += tap\nprint(T(en='sum', ko='합'), total)\n"
        "assert total == 8\nassert total > steps",
        "claim-9.1",
    ),
    ("assert Fraction(1) == 2\nx = 1\nassert x == 1", "claim-9.2"),
]


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setitem(sys.modules, "stamp_operations", ops)
    cells = [Cell("code", text, 10 * number, None, tuple(tags)) for number, (text, *tags) in enumerate(CELLS)]
    return spoil.Bench(Chapter("90_stamps.py", "90_stamps", 1, 1, cells))


def test_holds_as_it_is(bench):
    assert bench.decide("9.1") is None


def test_falls_when_the_operation_is_broken_and_is_put_back(bench):
    true = ops.add
    assert bench.decide("9.1", lambda tool: tool.setattr(ops, "add", lambda a, b: (a + b) / 2)) is not None
    assert ops.add is true and bench.decide("9.1") is None


def test_falls_when_the_code_of_the_cell_is_broken(bench):
    assert bench.decide("9.1", lambda tool: tool.replace("total += tap", "total = tap")) is not None
    assert bench.decide("9.1") is None


def test_falls_when_a_name_is_broken(bench):
    assert bench.decide("9.1", lambda tool: tool.names.update(steps=30)) is not None


def test_harmless_spoil_is_told_apart(bench):
    assert bench.decide("9.1", lambda tool: tool.setattr(ops, "add", lambda a, b: b + a)) is None


def test_code_that_is_not_there_is_an_error(bench):
    with pytest.raises(ValueError, match="no cell of the claim contains"):
        bench.decide("9.1", lambda tool: tool.replace("total -= tap", ""))


def test_an_assert_before_the_end_does_not_count(bench):
    with pytest.raises(RuntimeError, match="does not decide it"):
        bench.decide("9.2")


def test_another_error_does_not_count(bench):
    def breaks(a, b):
        raise TypeError("shapes")

    with pytest.raises(TypeError, match="shapes"):
        bench.decide("9.1", lambda tool: tool.setattr(ops, "add", breaks))
    assert ops.add(1, 1) == 2


def test_claim_without_a_cell(bench):
    with pytest.raises(KeyError, match="no cell tagged claim-9.3"):
        bench.decide("9.3")


def test_table_is_read_from_the_tests(tmp_path):
    folder = tmp_path / "tests" / "notebooks"
    folder.mkdir(parents=True)
    chapter = Chapter("notebooks/source/90_stamps.py", "90_stamps", 1, 1)
    with pytest.raises(FileNotFoundError, match="spoil_90_stamps.py is missing"):
        spoil.table(chapter, tmp_path)
    (folder / "spoil_90_stamps.py").write_text("def broken(tool):\n    pass\n\n\nSPOILS = {'9.1': broken}\n", encoding="utf-8")
    assert list(spoil.table(chapter, tmp_path)) == ["9.1"]
