"""Chapter 03's exercises: every solution passes its checker, plausible wrong answers are refused with the right hint, stubs are not attempts."""

import pytest
import torch
from torch.nn import functional as F

from segcourse import exercises, language
from segcourse.exercises.engine import numbers

CHECKED = [exercise.name for exercise in exercises.all("deconvnet") if not exercise.open]


def windows(*, place=lambda y, z, i, j, x, k, columns: y * x.shape[1] + z, beats=lambda new, best: new > best, start=-1e9, step=lambda k, stride: stride,
            count=lambda side, k, stride: (side - k) // stride + 1, give=lambda pooled, switches: (pooled, switches)):
    """Max pooling in loops over floats, with one thing of it changed; windows end at the rim."""
    def pool(x, kernel, stride):
        move = step(kernel, stride)
        rows, columns = (count(side, kernel, move) for side in x.shape)
        pooled, switches = [[start] * columns for _ in range(rows)], [[0] * columns for _ in range(rows)]
        for r in range(rows):
            for c in range(columns):
                for i in range(kernel):
                    for j in range(kernel):
                        y, z = r * move + i, c * move + j
                        if y < x.shape[0] and z < x.shape[1] and beats(float(x[y, z]), pooled[r][c]):
                            pooled[r][c], switches[r][c] = float(x[y, z]), place(y, z, i, j, x, kernel, columns)
        return give(torch.tensor(pooled), torch.tensor(switches))
    return pool


def zero_beaten_by_torch(x, kernel, stride):
    """A best that begins at 0 for the numbers, and switches that someone took from elsewhere."""
    pooled, switches = F.max_pool2d(x[None, None], kernel, stride, return_indices=True)
    return pooled[0, 0].clamp(min=0), switches[0, 0]


def placed(where=lambda s, size, cells: (s // size[1], s % size[1]), size=lambda size, cells: size):
    """Unpooling in loops; `where` reads a switch."""
    def back(pooled, switches, output_size):
        out = torch.zeros(size(output_size, pooled.shape))
        for r in range(pooled.shape[0]):
            for c in range(pooled.shape[1]):
                out[where(int(switches[r, c]), output_size, pooled.shape)] = pooled[r, c]
        return out
    return back


def block_side(size, cells):
    return size[0] // cells[0]


def corners(pooled, switches, output_size):
    out, side = torch.zeros(output_size), block_side(output_size, pooled.shape)
    for r in range(pooled.shape[0]):
        for c in range(pooled.shape[1]):
            out[r * side, c * side] = pooled[r, c]
    return out


def blocks(share):
    def back(pooled, switches, output_size):
        out, side = torch.zeros(output_size, dtype=torch.float64), block_side(output_size, pooled.shape)
        for r in range(pooled.shape[0]):
            for c in range(pooled.shape[1]):
                out[r * side:r * side + side, c * side:c * side + side] = pooled[r, c] / (side * side if share else 1)
        return out
    return back


def flat(pooled, switches, output_size):
    out = torch.zeros(output_size[0] * output_size[1], dtype=pooled.dtype)
    out[switches.flatten()] = pooled.flatten()
    return out.view(output_size)


def layer(kernel=lambda w: w.transpose(0, 1).flip(2, 3), padding=lambda k, p: k - 1 - p):
    return lambda weight, p: (kernel(weight), padding(weight.shape[-1], p))


def boxed(paste, *, last=lambda out, size, boxes, maps: out, cut=lambda top, left, bottom, right: (slice(top, bottom), slice(left, right))):
    """Proposals one after the other: `paste` of what lies there and what comes."""
    def merge(size, boxes, maps):
        out = torch.zeros(len(maps[0]), *size, dtype=maps[0].dtype)
        for box, scores in zip(boxes.tolist(), maps):
            rows, columns = cut(*box)
            out[:, rows, columns] = paste(out[:, rows, columns], scores)
        return last(out, size, boxes, maps)
    return merge


def covers(size, boxes):
    count = torch.zeros(size)
    for top, left, bottom, right in boxes.tolist():
        count[top:bottom, left:right] += 1
    return count


def surest(size, boxes, maps):
    """The whole column of classes comes from the proposal with the highest number at the pixel; of equals the first."""
    out, best = torch.zeros(len(maps[0]), *size, dtype=maps[0].dtype), torch.zeros(size, dtype=maps[0].dtype)
    for (top, left, bottom, right), scores in zip(boxes.tolist(), maps):
        for y in range(top, bottom):
            for x in range(left, right):
                column = scores[:, y - top, x - left]
                if column.max() > best[y, x]:
                    best[y, x], out[:, y, x] = column.max(), column
    return out


# exercise -> answer -> (function, status, kind of mistake)
ANSWERS = {
    "deconvnet.pool_and_remember": {
        "loops": (windows(), "correct", None),
        "torch": (lambda x, kernel, stride: [part[0, 0] for part in F.max_pool2d(x[None, None], kernel, stride, return_indices=True)], "correct", None),
        "lists": (windows(give=lambda pooled, switches: (pooled.tolist(), switches.tolist())), "correct", None),
        "inside the window": (windows(place=lambda y, z, i, j, x, k, columns: i * k + j), "wrong", "window"),
        "pooled width": (windows(place=lambda y, z, i, j, x, k, columns: y * columns + z), "wrong", "width"),
        "cells times kernel": (windows(place=lambda y, z, i, j, x, k, columns: y * columns * k + z), "wrong", "width"),
        "down the columns": (windows(place=lambda y, z, i, j, x, k, columns: z * x.shape[0] + y), "wrong", "transposed"),
        "columns times width": (windows(place=lambda y, z, i, j, x, k, columns: z * x.shape[1] + y), "wrong", "transposed"),
        "the last of equals": (windows(beats=lambda new, best: new >= best), "wrong", "last"),
        "from 0 on": (windows(start=0.0), "wrong", "zero"),
        "from 0 on, true switches": (zero_beaten_by_torch, "wrong", "zero"),
        "kernel as stride": (windows(step=lambda k, stride: k), "not checkable", "stride"),
        "rounded up": (windows(count=lambda side, k, stride: -(-(side - k) // stride) + 1), "not checkable", "rim"),
        "numbers only": (lambda x, kernel, stride: F.max_pool2d(x[None, None], kernel, stride)[0, 0], "not checkable", None),
        "row and column": (lambda x, kernel, stride: (windows()(x, kernel, stride)[0], torch.zeros(*windows()(x, kernel, stride)[0].shape, 2)), "not checkable", None),
        "switches one on": (windows(place=lambda y, z, i, j, x, k, columns: y * x.shape[1] + z + 1), "wrong", None),
        "the smallest": (windows(beats=lambda new, best: new < best, start=1e9), "wrong", None),
        "a hole": (lambda x, kernel, stride: (x, ...), "not attempted", None),
    },
    "deconvnet.put_back": {
        "loops": (placed(), "correct", None),
        "all at once": (flat, "correct", None),
        "corners": (corners, "wrong", "corner"),
        "whole blocks": (blocks(share=False), "wrong", "block"),
        "a quarter each": (blocks(share=True), "wrong", "block"),
        "row and column swapped": (placed(lambda s, size, cells: (s % size[1], s // size[1])), "wrong", "transposed"),
        "counted down the columns": (placed(lambda s, size, cells: (s % size[0], s // size[0])), "wrong", "transposed"),
        "size of the blocks": (placed(size=lambda size, cells: tuple(n * block_side(size, cells) for n in cells)), "not checkable", "size"),
        "twice as large": (lambda pooled, switches, size: torch.zeros(2 * pooled.shape[0], 2 * pooled.shape[1]).put_(switches, pooled.float()), "not checkable", "size"),
        "width of the blocks": (placed(lambda s, size, cells: divmod(s, cells[1] * block_side(size, cells))), "wrong", "width"),
        "pooled width": (placed(lambda s, size, cells: divmod(s, cells[1])), "not checkable", None),
        "values forgotten": (lambda pooled, switches, size: placed()(torch.ones_like(pooled), switches, size), "wrong", None),
        "a batch": (lambda pooled, switches, size: flat(pooled, switches, size)[None], "not checkable", None),
    },
    "deconvnet.as_convolution": {
        "turned and swapped": (layer(), "correct", None),
        "float32": (layer(lambda w: w.transpose(0, 1).flip(2, 3).float()), "correct", None),
        "padding as a pair": (layer(padding=lambda k, p: (k - 1 - p, k - 1 - p)), "correct", None),
        "as it stands": (layer(lambda w: w), "wrong", "untouched"),
        "as it stands, padding kept": (layer(lambda w: w, lambda k, p: p), "wrong", "untouched"),
        "reshaped": (layer(lambda w: w.reshape(w.shape[1], w.shape[0], *w.shape[2:])), "wrong", "untouched"),
        "swapped only": (layer(lambda w: w.transpose(0, 1)), "wrong", "flip"),
        "swapped only, padding kept": (layer(lambda w: w.transpose(0, 1), lambda k, p: p), "wrong", "flip"),
        "upside down only": (layer(lambda w: w.transpose(0, 1).flip(2)), "wrong", "flip"),
        "mirrored only": (layer(lambda w: w.transpose(0, 1).flip(3)), "wrong", "flip"),
        "kernel transposed": (layer(lambda w: w.transpose(0, 1).transpose(2, 3)), "wrong", "flip"),
        "turned only": (layer(lambda w: w.flip(2, 3)), "wrong", "swap"),
        "turned, reshaped": (layer(lambda w: w.flip(2, 3).reshape(w.shape[1], w.shape[0], *w.shape[2:])), "wrong", "swap"),
        "padding kept": (layer(padding=lambda k, p: p), "not checkable", "padding"),
        "padding k - 1": (layer(padding=lambda k, p: k - 1), "not checkable", "padding"),
        "half the kernel": (layer(padding=lambda k, p: k // 2), "not checkable", "padding"),
        "no padding": (layer(padding=lambda k, p: 0), "not checkable", "padding"),
        "weights only": (lambda weight, p: weight, "not checkable", None),
        "a negative padding": (layer(padding=lambda k, p: -1), "not checkable", "padding"),
        "doubled": (layer(lambda w: 2 * w.transpose(0, 1).flip(2, 3)), "wrong", None),
    },
    "deconvnet.merge_proposals": {
        "the larger": (boxed(torch.maximum), "correct", None),
        "float32": (lambda size, boxes, maps: boxed(torch.maximum)(size, boxes, [scores.float() for scores in maps]), "correct", None),
        "the last": (boxed(lambda there, scores: scores), "wrong", "last"),
        "the first": (boxed(lambda there, scores: torch.where(there > 0, there, scores)), "wrong", "last"),
        "the sum": (boxed(torch.add), "wrong", "sum"),
        "the mean": (boxed(torch.add, last=lambda out, size, boxes, maps: out / covers(size, boxes).clamp(min=1)), "wrong", "average"),
        "the mean of all": (boxed(torch.add, last=lambda out, size, boxes, maps: out / len(boxes)), "wrong", "average"),
        "left before top": (boxed(torch.maximum, cut=lambda left, top, right, bottom: (slice(top, bottom), slice(left, right))), "wrong", "transposed"),
        "the surest": (surest, "wrong", "winner"),
        "sums to one": (boxed(torch.maximum, last=lambda out, size, boxes, maps: out / out.sum(0).clamp(min=1e-12)), "wrong", "normalised"),
        "the smaller": (boxed(lambda there, scores: torch.where(there > 0, torch.minimum(there, scores), scores)), "wrong", None),
        "one more row": (boxed(torch.maximum, cut=lambda top, left, bottom, right: (slice(top, bottom + 1), slice(left, right))), "not checkable", None),
        "labels": (boxed(torch.maximum, last=lambda out, size, boxes, maps: out.argmax(0)), "not checkable", None),
    },
}


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name, answers in ANSWERS.items() for answer in answers])
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
        assert torch.equal(one, other)


def drawn(name, seed=0):
    return list(exercises.get(name)._checker.draw(torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("seed", range(5))
def test_windows_hold_what_a_wrong_rule_would_trip_over(seed):
    """Ties for the largest, windows without a positive number, odd sides, strides on both sides of the kernel, and no zero."""
    ties = negative = 0
    inputs = drawn("deconvnet.pool_and_remember", seed)
    for x, kernel, stride in inputs:
        cells = x.unfold(0, kernel, stride).unfold(1, kernel, stride).flatten(2)
        ties += int(((cells == cells.amax(2, keepdim=True)).sum(2) > 1).sum())
        negative += int((cells.amax(2) < 0).sum())
        assert (x != 0).all()
    assert ties > 5 and negative > 3
    assert {(stride > kernel) - (stride < kernel) for _, kernel, stride in inputs} == {-1, 0, 1}
    assert any((side - kernel) % stride for x, kernel, stride in inputs for side in x.shape)


def test_the_way_back_meets_sides_that_the_window_does_not_divide():
    rests = set()
    for pooled, switches, size in drawn("deconvnet.put_back"):
        side, other = (whole // cells for whole, cells in zip(size, pooled.shape))
        assert side == other and (pooled != 0).all() and switches.unique().numel() == switches.numel()
        rests.add((size[0] % side > 0, size[1] % side > 0))
    assert rests == {(False, False), (False, True), (True, False), (True, True)}


def test_a_deconvolution_and_its_convolution_agree_on_every_map():
    """Not only on the map that the check sends through: claim 3.1."""
    for weight, padding in drawn("deconvnet.as_convolution"):
        x = torch.randn(2, weight.shape[0], 9, 8, dtype=torch.float64)
        kernel, pad = exercises.deconvnet.as_convolution.answer(weight, padding)
        assert (F.conv2d(x, kernel, padding=pad) - F.conv_transpose2d(x, weight, padding=padding)).abs().max() < 1e-11


def test_boxes_overlap_hold_one_another_and_leave_pixels_uncovered():
    inputs = drawn("deconvnet.merge_proposals")
    assert all(covers(size, boxes).max() >= 2 for size, boxes, _ in inputs[:4])
    assert any((covers(size, boxes) == 0).any() for size, boxes, _ in inputs) and any((covers(size, boxes) > 0).all() for size, boxes, _ in inputs)
    for size, boxes, maps in inputs:
        assert all((scores.sum(0) - 1).abs().max() < 1e-9 and scores.min() > 0 for scores in maps)
        assert (boxes[:, 2:] <= torch.tensor(size)).all() and (boxes >= 0).all()


@pytest.mark.parametrize(("name", "answer"), [("deconvnet.pool_and_remember", "pooled width"), ("deconvnet.put_back", "corners")])
def test_a_wrong_answer_comes_with_a_picture(name, answer):
    assert exercises.get(name).check(ANSWERS[name][answer][0]).picture is not None


def test_the_open_exercise_has_question_hints_and_discussion_but_no_checker(capsys):
    exercise = exercises.deconvnet.open_swap
    assert exercise.open and exercise.minutes == "40–60" and "nothing is checked" in exercise.question_text()
    verdict = exercise.check(lambda levels: None)
    assert verdict.status == "not checkable" and "open" in repr(verdict)
    assert len(exercise.hints) == 3 and exercise.next_hint() == exercise.hints[0]
    exercise.solution()
    said = capsys.readouterr().out
    assert "def open_swap(levels=4):" in said
    for name, values in exercises.deconvnet.SWAPPED.items():
        assert f"| `{name}` | " + " | ".join(f"{value:.0f} %" for value in values) + " |" in said


@pytest.mark.parametrize("spoken", language.LANGUAGES)
def test_the_open_exercise_runs_as_it_stands(spoken, run):
    found = run(exercises.deconvnet.open_swap.stub(spoken), "deconvnet.open_swap")(levels=2)
    assert list(found) == ["own", "swap"] and found["own"][2] > found["swap"][2] > 0


@pytest.mark.slow
def test_the_discussions_numbers_are_those_that_the_solution_computes(run, solution_code):
    """If the streets have changed: write the numbers that the failed assert shows into SWAPPED and COARSER, and read the discussion again."""
    answer = run(solution_code(exercises.deconvnet.open_swap), "deconvnet.open_swap")
    found = answer()
    assert list(found) == list(exercises.deconvnet.SWAPPED)
    for name, values in exercises.deconvnet.SWAPPED.items():
        assert found[name] == pytest.approx(values, abs=0.11), f"{found}"
    start = run(exercises.deconvnet.open_swap.stub("en"), "deconvnet.open_swap")
    for levels, values in exercises.deconvnet.COARSER.items():
        assert start(levels)["swap"][2:] == pytest.approx(values, abs=0.11), levels


def test_folding_keeps_the_extremes_and_unfolding_puts_them_back():
    a, b = exercises.deconvnet.grey_pairs(pictures=3)
    assert a.shape == (3, 1, 96, 128) and torch.equal(b[1], a[0]) and 0 <= a.min() < a.max() <= 1
    code, switches, sizes = exercises.deconvnet.fold(a, 4)
    assert code.shape == (3, 2, 6, 8) and sizes == [(96, 128), (48, 64), (24, 32), (12, 16)] and [level.shape[2] for level in switches] == [48, 24, 12, 6]
    blocks_of = a.unfold(2, 16, 16).unfold(3, 16, 16).flatten(4)[:, 0]
    assert torch.equal(code[:, 0], blocks_of.amax(-1)) and (1 - code[:, 1] - blocks_of.amin(-1)).abs().max() < 1e-6
    flat_picture = torch.full((1, 1, 16, 16), 0.25)
    back = exercises.deconvnet.unfold(*exercises.deconvnet.fold(flat_picture, 2))
    assert (back - 0.25).abs().max() < 1e-6
    whole, detail = exercises.deconvnet.likeness(a, a)
    assert whole == pytest.approx(100, abs=1e-3) and detail == pytest.approx(100, abs=1e-3)
    assert exercises.deconvnet.likeness(1 - a, a)[1] == pytest.approx(-100, abs=1e-3)


def test_the_chapters_order():
    assert [(exercise.name, exercise.minutes, exercise.difficulty) for exercise in exercises.all("deconvnet")] == [
        ("deconvnet.pool_and_remember", "15", 2), ("deconvnet.put_back", "10", 1), ("deconvnet.as_convolution", "20", 3), ("deconvnet.merge_proposals", "15", 2),
        ("deconvnet.open_swap", "40–60", 4)]
