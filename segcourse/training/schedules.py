"""Learning-rate schedules: the factor on a recipe's learning rate at each step."""

import difflib
import math

from segcourse.language import say


def _warm(step: int, warmup: int) -> float:
    return min(1.0, (step + 1) / warmup) if warmup else 1.0


def constant(step: int, steps: int, warmup: int = 0) -> float:
    """1 throughout, after the warm-up."""
    return _warm(step, warmup)


def poly(step: int, steps: int, warmup: int = 0) -> float:
    """(1 - step / steps) ** 0.9, DeepLab's schedule (Chen et al., 2016, section 4.1)."""
    return _warm(step, warmup) * (1 - step / steps) ** 0.9


def cosine(step: int, steps: int, warmup: int = 0) -> float:
    """Half a cosine from 1 to 0 (Loshchilov and Hutter, 2017)."""
    return _warm(step, warmup) * 0.5 * (1 + math.cos(math.pi * step / steps))


def one_cycle(step: int, steps: int, warmup: int = 0) -> float:
    """Straight up to 1 over the warm-up (a fifth of the steps where none is given), then half a cosine down to 0 (after Smith, 2018)."""
    rise = warmup or max(1, steps // 5)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def step(step: int, steps: int, warmup: int = 0, *, every: int, drop: float = 0.1) -> float:
    """Times `drop` after every `every` steps: DeepLab v1's schedule is a tenth every 2000 (Chen et al., 2015, section 4)."""
    return _warm(step, warmup) * drop ** (step // every)


SCHEDULES = {"constant": constant, "step": step, "poly": poly, "cosine": cosine, "one_cycle": one_cycle}


def factor(recipe, step: int) -> float:
    """The factor of a recipe's schedule at `step` (0 to recipe.steps - 1). Raises ValueError for an unknown name."""
    name = recipe.schedule
    if name not in SCHEDULES:
        near = (difflib.get_close_matches(str(name), SCHEDULES, n=1, cutoff=0.4) or [", ".join(SCHEDULES)])[0]
        raise ValueError(say(en=f"no schedule is called {name!r}: try {near}", ko=f"{name!r}라는 학습률 계획은 없어요. {near}로 해 주세요."))
    more = {"every": recipe.step_every, "drop": recipe.step_factor} if name == "step" else {}
    return SCHEDULES[name](step, recipe.steps, min(recipe.warmup, recipe.steps // 5), **more)     # a short trial run is not all warm-up
