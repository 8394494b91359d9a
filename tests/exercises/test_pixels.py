"""Chapter 00's exercises: every solution passes its checker, plausible wrong answers are refused with the right hint, stubs are not attempts."""

import pytest
import torch
from torch.nn import functional as F

from segcourse import exercises, ops, training

CHECKED = [exercise.name for exercise in exercises.all("pixels") if not exercise.open]


def resized(**options):
    return lambda labels, size: F.interpolate(labels[None, None].double(), size=size, **options)[0, 0]


def sampled(place):
    """A resizing in loops that looks at place(i, old side, new side)."""
    def resize(labels, size):
        out = labels.new_zeros(size)
        for y in range(size[0]):
            for x in range(size[1]):
                out[y, x] = labels[place(y, labels.shape[0], size[0]), place(x, labels.shape[1], size[1])]
        return out
    return resize


def picked(logits, labels, void, *, axis=0):
    """-log p of the true class at each pixel, with class 0 at void."""
    index = labels.where(labels != void, 0)
    if axis == 0:
        return -logits.log_softmax(0).gather(0, index[None])[0]
    return -logits.flatten(1).log_softmax(1).view_as(logits).gather(0, index[None])[0]


def masked(function):
    """The loss of a picture from a function of its counted logits (C, n) and labels (n,)."""
    return lambda logits, labels, void: function(logits[:, labels != void], labels[labels != void])


def intersections(truths, predictions, classes, kept):
    hit = torch.stack([((truths == c) & (predictions == c) & kept).sum() for c in range(classes)]).double()
    true = torch.stack([((truths == c) & kept).sum() for c in range(classes)])
    said = torch.stack([((predictions == c) & kept).sum() for c in range(classes)])
    return hit, true, said


def from_counts(formula, *, reduce=torch.nanmean, mask=True, by_image=False):
    """A mean IoU with one thing of it changed: the formula, the mean, the mask, or what is counted together."""
    def score(truths, predictions, classes, void):
        groups = [slice(i, i + 1) for i in range(len(truths))] if by_image else [slice(None)]
        means = []
        for part in groups:
            kept = truths[part] != void if mask else torch.ones_like(truths[part], dtype=torch.bool)
            means.append(reduce(formula(*intersections(truths[part], predictions[part], classes, kept))))
        return torch.stack(means).mean()
    return score


def iou(hit, true, said):
    return hit / (true + said - hit)


# exercise -> answer -> (function, status, kind of mistake)
ANSWERS = {
    "pixels.resize_labels": {
        "torch's exact nearest": (resized(mode="nearest-exact"), "correct", None),
        "the package's": (lambda labels, size: ops.resize(labels, size, mode="nearest"), "correct", None),
        "torch's nearest": (resized(mode="nearest"), "wrong", "corner"),
        "loops without the half": (sampled(lambda i, had, wanted: i * had // wanted), "wrong", "corner"),
        "corners aligned": (sampled(lambda i, had, wanted: round(i * (had - 1) / max(wanted - 1, 1))), "wrong", "aligned"),
        "bilinear": (resized(mode="bilinear"), "wrong", "means"),
        "bilinear and rounded": (lambda labels, size: resized(mode="bilinear")(labels, size).round().long(), "wrong", "means"),
        "columns first": (lambda labels, size: ops.resize(labels, size[::-1], mode="nearest"), "not checkable", "turned"),
        "transposed": (lambda labels, size: ops.resize(labels.T, size, mode="nearest"), "wrong", None),
        "the labels as they are": (lambda labels, size: labels, "not checkable", None),
        "nothing": (lambda labels, size: None, "not attempted", None),
    },
    "pixels.pixel_loss": {
        "torch": (lambda logits, labels, void: F.cross_entropy(logits[None], labels[None], ignore_index=void), "correct", None),
        "softmax, then log": (masked(lambda z, t: -z.softmax(0).gather(0, t[None]).log().mean()), "correct", None),
        "void in the denominator": (lambda logits, labels, void: (picked(logits, labels, void) * (labels != void)).mean(), "wrong", "void"),
        "void as class 0": (lambda logits, labels, void: picked(logits, labels, void).mean(), "wrong", "void is a class"),
        "sum": (masked(lambda z, t: F.cross_entropy(z.T, t, reduction="sum")), "wrong", "sum"),
        "sign": (masked(lambda z, t: z.log_softmax(0).gather(0, t[None]).mean()), "wrong", "sign"),
        "softmax over the pixels": (lambda logits, labels, void: picked(logits, labels, void, axis=1)[labels != void].mean(), "wrong", "axis"),
        "one less the probability": (masked(lambda z, t: 1 - z.softmax(0).gather(0, t[None]).mean()), "wrong", "no logarithm"),
        "log of the mean": (masked(lambda z, t: -z.softmax(0).gather(0, t[None]).mean().log()), "wrong", "no logarithm"),
        "exp of a large logit": (masked(lambda z, t: -(z.exp() / z.exp().sum(0)).gather(0, t[None]).log().mean()), "wrong", "overflow"),
        "one loss a pixel": (lambda logits, labels, void: picked(logits, labels, void), "not checkable", None),
        "first hole only": (lambda logits, labels, void: ..., "not attempted", None),
    },
    "pixels.mean_iou": {
        "counts": (from_counts(iou), "correct", None),
        "Scores": (lambda t, p, c, v: training.Scores.from_labels(p, t, c, void=v).miou, "correct", None),
        "void left in": (from_counts(iou, mask=False), "wrong", "void"),
        "mean over images": (from_counts(iou, by_image=True), "wrong", "images"),
        "mean over images, absent as 1": (from_counts(iou, by_image=True, reduce=lambda values: values.nan_to_num(1.0).mean()), "wrong", "images"),
        "absent as 0": (from_counts(iou, reduce=lambda values: values.nan_to_num(0.0).mean()), "wrong", "absent"),
        "only classes of the truth": (from_counts(lambda hit, true, said: torch.where(true > 0, iou(hit, true, said), torch.nan)), "wrong", "only true"),
        "recall": (from_counts(lambda hit, true, said: hit / true), "wrong", "recall"),
        "precision": (from_counts(lambda hit, true, said: hit / said), "wrong", "recall"),
        "Dice": (from_counts(lambda hit, true, said: 2 * hit / (true + said)), "wrong", "twice"),
        "hits counted twice": (from_counts(lambda hit, true, said: hit / (true + said)), "wrong", "twice"),
        "pixel accuracy": (lambda t, p, c, v: (t == p)[t != v].double().mean(), "wrong", "accuracy"),
        "one a class": (lambda t, p, c, v: iou(*intersections(t, p, c, t != v)), "not checkable", None),
        "nothing": (lambda t, p, c, v: None, "not attempted", None),
    },
}


def test_every_checked_exercise_has_wrong_answers():
    assert set(ANSWERS) == set(CHECKED)
    for name, answers in ANSWERS.items():
        told = {kind for _, status, kind in answers.values() if status == "wrong" and kind}
        assert len(told) >= 3, name
        assert {kind for _, _, kind in answers.values() if kind} == set(exercises.get(name).mistakes), name


@pytest.mark.parametrize(("name", "answer"), [(name, answer) for name, answers in ANSWERS.items() for answer in answers])
def test_answers_are_judged(name, answer, judge):
    judge(name, *ANSWERS[name][answer])


def test_no_new_centre_lies_between_two_old_pixels():
    """Then "the pixel under the centre" is one pixel, whatever way it is computed."""
    for labels, size in exercises.pixels.resize_labels._checker.draw(torch.Generator().manual_seed(0)):
        for had, wanted in zip(labels.shape, size):
            assert had == wanted or all((2 * i + 1) * had % (2 * wanted) for i in range(wanted))


def test_the_discussions_numbers_are_those_that_the_solution_computes(run, solution_code):
    """If the streets have changed: write the numbers that the failed assert shows into WITNESS, and read the discussion again."""
    labels = training.experiments.get("00").data("test").stack()[1]
    answer = run(solution_code(exercises.pixels.few_names), "pixels.few_names")
    order = torch.bincount(labels[labels != 11].long(), minlength=11).argsort(descending=True).tolist()

    def found(keep):
        scores = training.Scores.from_labels(answer(labels, keep), labels, 11)
        return round(100 * scores.pixel_accuracy, 1), round(100 * scores.miou, 1)

    assert {count: found(order[:count]) for count in range(1, 12)} == exercises.pixels.WITNESS
    assert {6: found(order[:-7:-1])} == exercises.pixels.RAREST_FIRST
    assert not {2, 6, 9, 10} & set(order[:6])           # no pole, sign, pedestrian or bicyclist among the six commonest


def test_the_open_exercise_has_question_hints_and_discussion_but_no_checker(capsys, run):
    exercise = exercises.pixels.few_names
    assert exercise.open and "nothing is checked" in exercise.question_text()
    assert exercise.check(lambda labels, keep: labels).status == "not checkable"
    exercise.solution()
    assert "| 6 | 93.6 % | 52.8 % |" in capsys.readouterr().out
    run(exercise.stub("ko"), exercise.name)


def test_the_chapters_order():
    assert [(exercise.name, exercise.minutes, exercise.difficulty) for exercise in exercises.all("pixels")] == [
        ("pixels.resize_labels", "10", 1), ("pixels.pixel_loss", "20", 2), ("pixels.mean_iou", "20", 2), ("pixels.few_names", "20–40", 4)]
