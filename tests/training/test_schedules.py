"""Schedules: end points and shapes that their papers give."""

import pytest

from segcourse.training import schedules


def test_poly_is_deeplabs():
    assert [schedules.factor("poly", step, 100) for step in (0, 50, 99)] == pytest.approx([1.0, 0.5**0.9, 0.01**0.9])


def test_cosine_starts_at_one_passes_half_and_nears_zero():
    assert schedules.factor("cosine", 0, 100) == 1.0
    assert schedules.factor("cosine", 50, 100) == pytest.approx(0.5)
    assert schedules.factor("cosine", 99, 100) < 0.001


def test_one_cycle_rises_then_falls():
    values = [schedules.factor("one_cycle", step, 100) for step in range(100)]
    peak = values.index(max(values))
    assert peak == 19 and values[peak] == 1.0
    assert values[:20] == sorted(values[:20]) and values[20:] == sorted(values[20:], reverse=True)


@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_warm_up_is_linear_and_never_more_than_a_fifth(name):
    assert schedules.factor(name, 0, 1000, 100) == pytest.approx(0.01 * schedules.factor(name, 0, 1000) if name != "one_cycle" else 0.01)
    assert schedules.factor(name, 9, 50, 1000) == schedules.factor(name, 9, 50, 10 if name == "one_cycle" else 0)


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="cosine"):
        schedules.factor("cosin", 0, 1)
