"""A run while it lasts: what `fit` leaves behind (`History`), what callbacks are shown (`Run`), and the error that ends one."""

from dataclasses import dataclass, field

import torch
from torch import nn

from segcourse.training.recipes import Recipe
from segcourse.training.scores import Scores


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step and what to change."""


@dataclass
class History:
    """What `fit` leaves behind: the loss of every step, the scores on the validation split, and what the run cost."""

    losses: list[float] = field(default_factory=list)
    scores: list[tuple[int, Scores]] = field(default_factory=list)   # (step, scores)
    seconds: float = 0.0                     # of the training steps; looks at the validation split, callbacks and the writing of files left out
    waited: float = 0.0                      # of these, seconds in which the run waited for its batches
    images_per_second: float = 0.0
    device: str = ""
    precision: str = ""
    processes: int = 1
    peak_memory: int | None = None           # bytes of GPU memory; None elsewhere


@dataclass
class Run:
    """What a callback is shown: the model being trained, the recipe, and the history so far. `step` counts finished steps.

    scored: the network that is scored and kept, the moving average of the weights where the recipe asks for one, else the model itself.
    """

    model: nn.Module
    recipe: Recipe
    history: History
    device: torch.device
    step: int = 0
    look_follows: bool = False               # whether the validation split is scored after this step: its state is whole only then
    optimizer: torch.optim.Optimizer | None = None
    average: nn.Module | None = None
    precision: object = None                 # Fabric's precision plug-in: float16's loss scale is part of a run's state
    feed: object = None                      # where the batches come from; see `feeds`

    @property
    def scored(self) -> nn.Module:
        return self.model if self.average is None else self.average.module
