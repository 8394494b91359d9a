"""One-hot targets against torch's own, with void as no class at all."""

import pytest
import torch
from torch.nn import functional as F

from segcourse import ops


def test_equals_torch_with_the_classes_in_front():
    labels = torch.randint(0, 7, (2, 5, 6), generator=torch.Generator().manual_seed(0))
    assert torch.equal(ops.one_hot(labels, 7), F.one_hot(labels, 7).permute(0, 3, 1, 2).float())
    assert torch.equal(ops.one_hot(labels[0].to(torch.uint8), 7), F.one_hot(labels[0], 7).permute(2, 0, 1).float())


def test_void_is_no_class():
    labels = torch.tensor([[0, 2], [11, 1]])
    target = ops.one_hot(labels, 3, void=11)
    assert target.sum(0).tolist() == [[1, 1], [0, 1]] and target.argmax(0)[0].tolist() == [0, 2]


@pytest.mark.parametrize("value", [3, -1])
def test_a_number_that_is_no_class_is_refused_with_its_value(value):
    with pytest.raises(ValueError, match=str(value)):
        ops.one_hot(torch.tensor([[0, value]]), 3)
