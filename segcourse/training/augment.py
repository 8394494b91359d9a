"""Augmentation on the device: scale, crop and mirror a whole batch with one resampling, then jitter its colours.

What happens to a batch is drawn first (`draw`), as a few numbers per picture, and applied afterwards (`apply`): a process that trains on a
share of the batch draws for all of it and applies its share.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segcourse.training.recipes import Recipe


@dataclass(frozen=True)
class Draws:
    """What happens to each of N pictures. window (N, 2, 3) maps the crop to the picture, edges at -1 and 1 (None: the whole picture);
    mirror (N,) is -1 or 1; contrast and brightness (N,) (None: colours stay). `draws[a:b]` are those of pictures a to b - 1."""

    size: tuple[int, int]
    mirror: Tensor
    window: Tensor | None = None
    contrast: Tensor | None = None
    brightness: Tensor | None = None

    def __getitem__(self, part: slice) -> "Draws":
        return self.mapped(lambda values: values[part])

    def mapped(self, change: Callable[[Tensor], Tensor]) -> "Draws":
        """The draws with `change` applied to each tensor, as to bring them to a device."""
        changed = (None if values is None else change(values) for values in (self.mirror, self.window, self.contrast, self.brightness))
        return Draws(self.size, *changed)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def draw(count: int, size: tuple[int, int], recipe: Recipe, generator: torch.Generator) -> Draws:
    """Draw for `count` pictures of `size` (H, W) what `recipe` says. `generator` lives on the processor: every device sees the same batches."""
    height, width = size
    crop_h, crop_w = recipe.crop or size
    mirror = torch.where(torch.rand(count, generator=generator) < (0.5 if recipe.flip else 0.0), -1.0, 1.0)
    window = contrast = brightness = None
    if recipe.scale is not None or (crop_h, crop_w) != (height, width):
        low, high = recipe.scale or (1.0, 1.0)
        scale = _uniform(count, math.log(low), math.log(high), generator).exp()
        window = torch.zeros(count, 2, 3)
        for axis, (side, crop) in enumerate(((width, crop_w), (height, crop_h))):   # affine_grid counts x before y
            slack = scale * side - crop                                             # room for the crop; negative where it is larger
            start = torch.rand(count, generator=generator) * slack
            window[:, axis, axis] = crop / (scale * side)
            window[:, axis, 2] = (2 * start + crop) / (scale * side) - 1
        window[:, 0] *= mirror.view(-1, 1)
    if recipe.colour:
        contrast = _uniform(count, 1 - recipe.colour, 1 + recipe.colour, generator)
        brightness = _uniform(count, -recipe.colour, recipe.colour, generator)
    return Draws((crop_h, crop_w), mirror, window, contrast, brightness)


def apply(images: Tensor, labels: Tensor, draws: Draws, *, void: int) -> tuple[Tensor, Tensor]:
    """Normalised images (N, 3, H, W) and uint8 labels (N, H, W) -> the same, scaled, cropped, mirrored and recoloured as drawn.

    Labels are taken from the nearest pixel centre. Outside the picture the image is 0 (the mean colour) and the label void.
    """
    if draws.window is not None:
        grid = F.affine_grid(draws.window.to(images), (len(images), 3, *draws.size), align_corners=False)
        images = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        shifted = labels.unsqueeze(1).to(images.dtype) - void     # outside becomes 0, which is void again after the shift back
        labels = (F.grid_sample(shifted, grid, mode="nearest", padding_mode="zeros", align_corners=False) + void).round().to(torch.uint8).squeeze(1)
    else:
        turned = (draws.mirror < 0).to(images.device)
        images = torch.where(turned.view(-1, 1, 1, 1), images.flip(-1), images)
        labels = torch.where(turned.view(-1, 1, 1), labels.flip(-1), labels)
    if draws.contrast is not None:
        images = images * draws.contrast.view(-1, 1, 1, 1).to(images) + draws.brightness.view(-1, 1, 1, 1).to(images)
    return images, labels
