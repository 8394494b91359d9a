"""Cross-entropy against torch's own, values and gradients; the hardest pixels against sorting."""

import math

import pytest
import torch
from torch.nn import functional as F

from segcourse import ops

GENERATOR = torch.Generator().manual_seed(4)
LOGITS = torch.randn(3, 5, 6, 7, generator=GENERATOR, dtype=torch.float64)
LABELS = torch.randint(0, 6, (3, 6, 7), generator=GENERATOR)       # 5 is void
WEIGHT = torch.rand(5, generator=GENERATOR, dtype=torch.float64) + 0.1


def test_log_softmax_equals_torch_and_does_not_overflow():
    assert torch.allclose(ops.log_softmax(LOGITS), F.log_softmax(LOGITS, 1), atol=1e-14)
    assert torch.isfinite(ops.log_softmax(LOGITS * 1e4)).all()


def test_each_pixel_equals_torch():
    expected = F.cross_entropy(LOGITS, LABELS, ignore_index=5, reduction="none")
    assert torch.allclose(ops.pixel_cross_entropy(LOGITS, LABELS, void=5), expected, atol=1e-12)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_mean_and_gradient_equal_torch(weight):
    ours, theirs = LOGITS.clone().requires_grad_(), LOGITS.clone().requires_grad_()
    mine = ops.cross_entropy(ours, LABELS, void=5, weight=weight)
    other = F.cross_entropy(theirs, LABELS, ignore_index=5, weight=weight)
    assert mine.item() == pytest.approx(other.item(), rel=1e-12)
    mine.backward(), other.backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-14)


def test_no_idea_costs_log_of_the_classes():
    assert ops.cross_entropy(torch.zeros(1, 11, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long)).item() == pytest.approx(math.log(11), rel=1e-6)


def test_all_void_costs_nothing():
    logits = LOGITS.clone().requires_grad_()
    loss = ops.cross_entropy(logits, torch.full_like(LABELS, 5), void=5)
    loss.backward()
    assert loss == 0 and logits.grad.abs().max() == 0


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 5, 6, 7\).*\(3, 7, 6\)"):
        ops.cross_entropy(LOGITS, LABELS.transpose(1, 2), void=5)


@pytest.mark.parametrize("share", [0.1, 0.25, 1.0])
def test_the_hardest_pixels_of_each_image(share):
    loss, counted = ops.pixel_cross_entropy(LOGITS, LABELS, void=5), LABELS != 5
    means = []
    for values, kept in zip(loss, counted):
        ordered = sorted((value for value, keep in zip(values.flatten().tolist(), kept.flatten().tolist()) if keep), reverse=True)
        taken = ordered[:max(1, round(share * len(ordered)))]
        means.append(sum(taken) / len(taken))
    assert ops.top_k_mean(loss, counted, share).item() == pytest.approx(sum(means) / 3)


def test_void_is_never_among_the_hardest():
    loss, counted = torch.tensor([[[9.0, 1.0], [3.0, 2.0]]]), torch.tensor([[[False, True], [True, True]]])
    assert ops.top_k_mean(loss, counted, 0.3).item() == 3.0
    assert ops.top_k_mean(loss, torch.zeros_like(counted), 0.3).item() == 0


@pytest.mark.parametrize("share", [0, 1.2])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match=str(share)):
        ops.top_k_mean(torch.ones(1, 2, 2), torch.ones(1, 2, 2), share)
