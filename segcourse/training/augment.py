"""Augmentation on the device: scale, crop and mirror a whole batch with one resampling, then jitter its colours."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from segcourse.training.recipes import Recipe


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def augment(images: Tensor, labels: Tensor, recipe: Recipe, *, void: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Normalised images (N, 3, H, W) and uint8 labels (N, H, W) -> the same, scaled, cropped, mirrored and recoloured as `recipe` says.

    Labels are taken from the nearest pixel centre. Outside the picture the image is 0 (the mean colour) and the label void. All random
    numbers come from `generator`, which lives on the processor, so that every device sees the same batches.
    """
    count, _, height, width = images.shape
    crop_h, crop_w = recipe.crop or (height, width)
    scaled = recipe.scale is not None or (crop_h, crop_w) != (height, width)
    mirror = torch.where(torch.rand(count, generator=generator) < (0.5 if recipe.flip else 0.0), -1.0, 1.0)
    if scaled:
        low, high = recipe.scale or (1.0, 1.0)
        scale = _uniform(count, math.log(low), math.log(high), generator).exp()
        theta = torch.zeros(count, 2, 3)
        for axis, (size, crop) in enumerate(((width, crop_w), (height, crop_h))):   # grid_sample counts x before y, edges at -1 and 1
            slack = scale * size - crop                                             # room for the crop; negative where it is larger
            start = torch.rand(count, generator=generator) * slack
            theta[:, axis, axis] = crop / (scale * size)
            theta[:, axis, 2] = (2 * start + crop) / (scale * size) - 1
        theta[:, 0] *= mirror.view(-1, 1)
        grid = F.affine_grid(theta.to(images.device), (count, 3, crop_h, crop_w), align_corners=False)
        images = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        shifted = labels.unsqueeze(1).float() - void     # outside becomes 0, which is void again after the shift back
        labels = (F.grid_sample(shifted, grid, mode="nearest", padding_mode="zeros", align_corners=False) + void).round().to(torch.uint8).squeeze(1)
    elif recipe.flip:
        turned = (mirror < 0).to(images.device)
        images = torch.where(turned.view(-1, 1, 1, 1), images.flip(-1), images)
        labels = torch.where(turned.view(-1, 1, 1), labels.flip(-1), labels)
    if recipe.colour:
        contrast = _uniform(count, 1 - recipe.colour, 1 + recipe.colour, generator).view(-1, 1, 1, 1).to(images.device)
        brightness = _uniform(count, -recipe.colour, recipe.colour, generator).view(-1, 1, 1, 1).to(images.device)
        images = images * contrast + brightness
    return images, labels
