"""Losses against torch's own cross-entropy and frequencies counted by hand."""

import pytest
import torch
import torch.nn.functional as F

from segcourse.training import cross_entropy, median_frequency_weights, top_k_cross_entropy

GENERATOR = torch.Generator().manual_seed(3)
LOGITS = torch.randn(2, 5, 6, 7, generator=GENERATOR, dtype=torch.float64)
LABELS = torch.randint(0, 6, (2, 6, 7), generator=GENERATOR).to(torch.uint8)      # 5 is void
WEIGHT = torch.rand(5, generator=GENERATOR) + 0.1


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_equals_torch(weight, reduction):
    expected = F.cross_entropy(LOGITS.float(), LABELS.long(), weight=weight, ignore_index=5, reduction=reduction)
    assert cross_entropy(LOGITS, LABELS, void=5, weight=weight, reduction=reduction) == pytest.approx(float(expected), rel=1e-6)


def test_void_pixels_send_no_gradient():
    logits = LOGITS.float().requires_grad_()
    cross_entropy(logits, LABELS, void=5).backward()
    void = (LABELS == 5).unsqueeze(1).expand_as(logits)
    assert logits.grad[void].abs().max() == 0 and (logits.grad[~void].abs() > 0).all()


def test_a_batch_of_void_costs_nothing_and_is_a_number():
    logits = LOGITS.float().requires_grad_()
    loss = cross_entropy(logits, torch.full((2, 6, 7), 5), void=5, weight=WEIGHT)
    loss.backward()
    assert loss == 0 and logits.grad.abs().max() == 0


def test_sum_is_the_mean_times_the_counted_pixels():
    counted = int((LABELS != 5).sum())
    assert cross_entropy(LOGITS, LABELS, void=5, reduction="sum") == pytest.approx(float(cross_entropy(LOGITS, LABELS, void=5)) * counted, rel=1e-5)


def test_median_frequency_by_hand():
    """Class 0: 6 of 8 + 4 of 8 pixels; class 1: 2 of 8 in the first image, absent from the second, so 2 / 8; class 2: 4 of 8, 4 / 8.
    Frequencies 10/16, 1/4, 1/2: the median is 1/2."""
    labels = torch.tensor([[[0, 0, 0, 0], [0, 0, 1, 1]], [[0, 0, 0, 0], [2, 2, 2, 2]]], dtype=torch.uint8)
    assert median_frequency_weights(labels, 3, void=11).tolist() == pytest.approx([0.5 / 0.625, 2.0, 1.0])
    assert median_frequency_weights(labels, 3, void=11, power=0.5).tolist() == pytest.approx([0.8**0.5, 2**0.5, 1.0])


def test_median_frequency_leaves_void_out_and_gives_absent_classes_one():
    labels = torch.tensor([[[0, 0, 11, 11], [1, 11, 11, 11]]], dtype=torch.uint8)
    assert median_frequency_weights(labels, 3, void=11).tolist() == pytest.approx([0.5 / (2 / 3), 0.5 / (1 / 3), 1.0])
    with pytest.raises(ValueError, match="void"):
        median_frequency_weights(torch.full((1, 2, 2), 11), 3, void=11)


def test_the_hardest_pixels_equal_the_readable_version():
    from segcourse import ops

    expected = ops.top_k_mean(ops.pixel_cross_entropy(LOGITS, LABELS, void=5), LABELS != 5, 0.3)
    assert top_k_cross_entropy(LOGITS, LABELS, void=5, share=0.3) == pytest.approx(float(expected), rel=1e-6)
    assert top_k_cross_entropy(LOGITS[:1], LABELS[:1], void=5, share=1.0) == pytest.approx(float(cross_entropy(LOGITS[:1], LABELS[:1], void=5)), rel=1e-6)
