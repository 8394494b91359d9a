"""A tiny data set and a tiny network that the tests of training share."""

import pytest
import torch
from torch import nn


class Scenes:
    """Tiny pictures in three classes: each class has a colour and a place of its own in every picture; class 3 is void."""

    name, split, num_classes, void, classes = "scenes", "train", 3, 3, ("ground", "box", "post")

    def __init__(self, count=4, size=(24, 32)):
        generator = torch.Generator().manual_seed(7)
        self.labels = torch.zeros(count, *size, dtype=torch.uint8)
        for number in range(count):
            y, x = 2 + 3 * (number % 4), 4 + 4 * (number % 4)
            self.labels[number, y:y + 8, x:x + 8] = 1
            self.labels[number, :, 28 - 2 * (number % 4)] = 2
            self.labels[number, :, 0] = 3
        colours = torch.tensor([[60, 60, 60], [200, 80, 80], [80, 200, 80], [0, 0, 0]])
        noise = torch.randint(-20, 20, (count, 3, *size), generator=generator)
        self.images = (colours[self.labels.long()].permute(0, 3, 1, 2) + noise).clamp(0, 255).to(torch.uint8)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]

    def stack(self, indices=None):
        chosen = list(range(len(self)) if indices is None else indices)
        return self.images[chosen], self.labels[chosen]


def build(seed=0, dropout=0.1, norm=False):
    """A network of three convolutions: images (N, 3, H, W) -> logits (N, 3, H, W)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12) if norm else nn.Identity(), nn.ReLU(), nn.Dropout(dropout),
                  nn.Conv2d(12, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 3, 1)]
        return nn.Sequential(*layers)


@pytest.fixture
def scenes():
    return Scenes


@pytest.fixture
def network():
    return build


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
