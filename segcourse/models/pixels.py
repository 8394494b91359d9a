"""PixelNet, the first network of the course (chapter 00): the smallest thing that takes an image and names every pixel. It is no paper's.

Four 3x3 convolutions look at a window of 23 pixels, a 1x1 convolution gives each cell one score a class, and the score map, at stride 4, is
enlarged to the image by bilinear interpolation. What it lacks, a wide view and fine outlines, is what the papers of the course bring.
"""

import torch
import torch.nn.functional as F
from torch import nn

from segcourse.models.checks import check_images
from segcourse.models.vgg import he_initialise, scaled


class PixelNet(nn.Module):
    """Images (N, in_channels, H, W) -> logits (N, num_classes, H, W), for any H and W from 1 on. `width` scales its 16, 32, 32, 32 channels."""

    def __init__(self, num_classes, *, width=1.0, in_channels=3):
        super().__init__()
        self.num_classes, self.in_channels = num_classes, in_channels
        few, more = scaled(16, width), scaled(32, width)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, few, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(few), nn.ReLU(),     # stride 2
            nn.Conv2d(few, more, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(more), nn.ReLU(),           # stride 4
            nn.Conv2d(more, more, 3, padding=1, bias=False), nn.BatchNorm2d(more), nn.ReLU(),
            nn.Conv2d(more, more, 3, padding=1, bias=False), nn.BatchNorm2d(more), nn.ReLU(),
        )
        self.score = nn.Conv2d(more, num_classes, 1)
        he_initialise(self)
        nn.init.zeros_(self.score.weight)      # at the start every class has the same score

    def forward(self, images):
        x = self.features(check_images(images, self.in_channels))     # (N, 32, H/4, W/4)
        scores = self.score(x)                                        # (N, num_classes, H/4, W/4)
        return F.interpolate(scores, size=images.shape[2:], mode="bilinear", align_corners=False)
