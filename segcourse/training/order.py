"""Randomness of a run: everything that is drawn depends on the seed and on what it is drawn for, not on what was drawn before.

So a run that goes on from its middle, and the parts of a run on several GPUs, draw the same numbers as one unbroken run on one device.
"""

import hashlib

import torch
from torch import Tensor


def seed_of(seed: int, *purpose: int | str) -> int:
    """A seed below 2**63 for one purpose, as ("order", epoch) or ("augment", step); the same on every machine."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def generator(seed: int, *purpose: int | str) -> torch.Generator:
    """A generator on the processor, seeded by `seed_of`."""
    return torch.Generator().manual_seed(seed_of(seed, *purpose))


class Order:
    """Shuffled passes over `count` pictures laid end to end: position p of the run is picture `order[p]`; none is used twice in a pass."""

    def __init__(self, count: int, seed: int):
        self.count, self.seed = count, seed
        self._passes: dict[int, Tensor] = {}

    def _of_pass(self, number: int) -> Tensor:
        if number not in self._passes:
            self._passes = {old: order for old, order in self._passes.items() if abs(old - number) < 2}     # two passes may share a batch
            self._passes[number] = torch.randperm(self.count, generator=generator(self.seed, "order", number))
        return self._passes[number]

    def __getitem__(self, position: int) -> int:
        return int(self._of_pass(position // self.count)[position % self.count])

    def take(self, first: int, number: int) -> Tensor:
        """int64 (number,): the pictures at positions `first` to `first + number - 1`."""
        return torch.tensor([self[position] for position in range(first, first + number)], dtype=torch.long)
