"""Schedules: end points and shapes that their papers give."""

import pytest

from segcourse.training import Recipe, schedules


def at(name, step, steps, warmup=0):
    return schedules.factor(Recipe(schedule=name, steps=steps, warmup=warmup, step_every=40 if name == "step" else 0), step)


def test_poly_is_deeplabs():
    assert [at("poly", step, 100) for step in (0, 50, 99)] == pytest.approx([1.0, 0.5**0.9, 0.01**0.9])


def test_cosine_starts_at_one_passes_half_and_nears_zero():
    assert at("cosine", 0, 100) == 1.0
    assert at("cosine", 50, 100) == pytest.approx(0.5)
    assert at("cosine", 99, 100) < 0.001


def test_one_cycle_rises_then_falls():
    values = [at("one_cycle", step, 100) for step in range(100)]
    peak = values.index(max(values))
    assert peak == 19 and values[peak] == 1.0
    assert values[:20] == sorted(values[:20]) and values[20:] == sorted(values[20:], reverse=True)


def test_step_is_a_tenth_after_every_so_many_steps():
    assert [at("step", step, 120) for step in (0, 39, 40, 79, 80)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    with pytest.raises(ValueError, match="step_every"):
        Recipe(schedule="step")


@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_warm_up_is_linear_and_never_more_than_a_fifth(name):
    assert at(name, 0, 1000, 100) == pytest.approx(0.01 * at(name, 0, 1000) if name != "one_cycle" else 0.01)
    assert at(name, 9, 50, 1000) == at(name, 9, 50, 10 if name == "one_cycle" else 0)


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="cosine"):
        at("cosin", 0, 1)
