"""Fixtures shared by the tests of networks."""

import pytest
import torch
import torch.nn.functional as F


@pytest.fixture
def learns():
    """learns(model, images, labels, lr): every weight gets a gradient, and three steps on the same pictures make the loss fall."""
    def trained(model, images, labels, lr):
        optimiser, losses = torch.optim.AdamW(model.parameters(), lr=lr), []
        for _ in range(3):
            loss = F.cross_entropy(model(images), labels)
            optimiser.zero_grad()
            loss.backward()
            assert all(part.grad is not None for part in model.parameters())
            optimiser.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0]
    return trained
