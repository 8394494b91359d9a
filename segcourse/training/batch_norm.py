"""Batch normalisation in training: its own statistics, frozen ones, or those of all processes together."""

from torch import nn

_NORMS = nn.modules.batchnorm._BatchNorm


def prepare(model: nn.Module, mode: str, *, processes: int = 1, on_gpu: bool = False) -> nn.Module:
    """The model with its batch normalisation as the recipe says; to be called before the optimiser is made.

    "frozen" fixes scale and shift (and `train_mode` the statistics), as DeepLab does with small batches. "sync" counts mean and variance over
    all processes; with one process, or on processors (which PyTorch has no such layer for), it is ordinary training.
    """
    if mode == "frozen":
        for layer in model.modules():
            if isinstance(layer, _NORMS):
                layer.requires_grad_(False)
    if mode == "sync" and processes > 1 and on_gpu:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model


def train_mode(model: nn.Module, mode: str) -> None:
    """`model.train()`; frozen batch normalisation stays with the statistics that it has."""
    model.train()
    if mode == "frozen":
        for layer in model.modules():
            if isinstance(layer, _NORMS):
                layer.eval()
