"""A data set read once and kept in memory as uint8: `hold(dataset)`."""

import torch
from torch import Tensor


class Held:
    """The pictures of `dataset` as two tensors, `images` (N, 3, H, W) and `labels` (N, H, W); everything else is asked of `dataset`."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.images, self.labels = dataset.stack()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index], self.labels[index]

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def __getattr__(self, name):
        if name == "dataset":       # asked for before __init__ has run, as copying does
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def stack(self, indices=None) -> tuple[Tensor, Tensor]:
        """All pictures, or those at `indices`: images uint8 (N, 3, H, W), labels uint8 (N, H, W)."""
        if indices is None:
            return self.images, self.labels
        chosen = torch.as_tensor(list(indices), dtype=torch.long)
        return self.images[chosen], self.labels[chosen]


def hold(dataset) -> Held:
    """`dataset` in memory: reading files or drawing scenes then happens once, however often it is trained on or scored."""
    return dataset if isinstance(dataset, Held) else Held(dataset)
