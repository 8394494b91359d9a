"""FCN-32s, FCN-16s, FCN-8s and FCN-AlexNet: Long, Shelhamer, Darrell, *Fully Convolutional Networks for Semantic Segmentation*, CVPR 2015.

A classifier whose fully connected layers are read as convolutions (section 3.1) gives a score map at stride 32. It is enlarged by transposed
convolutions that start as bilinear interpolation (3.3). 16s and 8s add the scores of pool4 and pool3 on the way up (4.2).

``padding=100`` is the paper's geometry: conv1_1 pads 100 pixels, so that the smallest picture survives fc6, and crops undo it.
``padding="same"`` is the laptop's: conv1_1 pads 1, fc6 pads 3, no pixel is computed in vain. The crops are derived for either.

Departures, both off unless asked for: `batch_norm` (the paper has none; narrow networks trained from scratch need it) and `width`.
"""

from collections import OrderedDict

import torch
from torch import nn

from segcourse import ops
from segcourse.language import say
from segcourse.models.checks import check_images
from segcourse.models.geometry import Grid, crop
from segcourse.models.vgg import copy_vgg16, he_initialise, scaled, torchvision_names, trunk_layers


def bilinear_upsampling(channels: int, factor: int, kernel_size: int | None = None, *, freeze: bool = False) -> nn.ConvTranspose2d:
    """A transposed convolution without bias or padding that begins as bilinear enlargement by `factor`; the release freezes it."""
    weight = ops.bilinear_kernel(channels, factor, kernel_size)
    layer = nn.ConvTranspose2d(channels, channels, weight.shape[-1], stride=factor, bias=False)
    with torch.no_grad():
        layer.weight.copy_(weight)
    return layer.requires_grad_(not freeze)


def zero_score(channels: int, num_classes: int) -> nn.Conv2d:
    """A 1x1 convolution to class scores, zero at the start (section 4.3): a new skip begins by changing nothing."""
    layer = nn.Conv2d(channels, num_classes, 1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class _FCN(nn.Module):
    """What all four share: the input check, the crops, the transfer of weights."""

    coarser: str | None = None      # the network whose training this one continues
    head = ("score_",)              # beginnings of the names of what gives scores: a recipe may let it learn faster

    def crop_offsets(self) -> dict[str, int]:
        """Map -> first row and column that is kept, as derived from the layers; the paper's 19, 5 and 27, 5, 9 and 31."""
        return {name: abs(offset) for name, offset in self._offsets.items()}

    def load_from(self, coarser: nn.Module) -> list[str]:
        """Continue from a coarser net (16s from 32s, 8s from 16s): copy what has the same name and shape; returns what stays new."""
        own, theirs = self.state_dict(), coarser.state_dict()
        shared = {name: value for name, value in theirs.items() if name in own and own[name].shape == value.shape}
        if not any(name.startswith("features.") for name in shared):
            raise ValueError(say(en=f"nothing of {type(coarser).__name__} fits {type(self).__name__}: both must have the same width and batch_norm",
                                 ko=f"{type(coarser).__name__}의 가중치가 {type(self).__name__}에 하나도 맞지 않아요. width와 batch_norm을 똑같이 해 주세요."))
        self.load_state_dict(shared, strict=False)
        return sorted(set(own) - set(shared))


class _VGGFCN(_FCN):
    def __init__(self, num_classes, *, width, in_channels, padding, dropout, batch_norm):
        super().__init__()
        if padding not in (100, "same"):
            raise ValueError(say(en=f'padding is 100 (the paper) or "same" (the laptop), not {padding!r}', ko=f'padding에는 100(논문)이나 "same"(노트북)만 쓸 수 있어요. {padding!r} 대신 골라 주세요.'))
        self.num_classes, self.in_channels = num_classes, in_channels
        first, around_fc6 = (100, 0) if padding == 100 else (1, 3)
        self.features = nn.Sequential(OrderedDict(trunk_layers(width=width, in_channels=in_channels, first_padding=first, ceil_mode=True, batch_norm=batch_norm)))
        deep, hidden = scaled(512, width), scaled(4096, width)
        self.fc6 = nn.Conv2d(deep, hidden, 7, padding=around_fc6)
        self.bn6 = nn.BatchNorm2d(hidden) if batch_norm else nn.Identity()
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.bn7 = nn.BatchNorm2d(hidden) if batch_norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        he_initialise(self)
        self.score_fr = zero_score(hidden, num_classes)

    def _grid(self, name: str) -> Grid:
        """The grid of one of the trunk's maps; of "score_fr" too."""
        grid = Grid()
        for layer_name, layer in self.features.named_children():
            grid = grid.after(layer)
            if layer_name == name:
                return grid
        return grid.after(self.fc6)

    def _trunk(self, images):
        """pool3 (stride 8), pool4 (16) and the coarse scores (32)."""
        x = check_images(images, self.in_channels)
        kept = {}
        for name, layer in self.features.named_children():
            x = layer(x)
            if name in ("pool3", "pool4"):
                kept[name] = x
        x = self.dropout(torch.relu(self.bn6(self.fc6(x))))
        x = self.dropout(torch.relu(self.bn7(self.fc7(x))))
        return kept["pool3"], kept["pool4"], self.score_fr(x)

    def load_vgg16(self, state: dict) -> list[str]:
        """Start from VGG16's ImageNet weights under torchvision's names; fc6 and fc7 by reshaping, where `state` has them.

        Returns the names of the layers for which `state` had nothing. Raises ValueError where the shapes do not fit (width must be 1).
        """
        wanted = {f"features.{ours}": theirs for ours, theirs in torchvision_names().items()} | {"fc6": "classifier.0", "fc7": "classifier.3"}
        return copy_vgg16(self, wanted, state)


class FCN32s(_VGGFCN):
    """One enlargement by 32. Images (N, in_channels, H, W) -> logits (N, num_classes, H, W), for any H and W from 1 on."""

    def __init__(self, num_classes, *, width=1.0, in_channels=3, padding=100, dropout=0.5, batch_norm=False, freeze_upsampling=False):
        super().__init__(num_classes, width=width, in_channels=in_channels, padding=padding, dropout=dropout, batch_norm=batch_norm)
        self.upscore32 = bilinear_upsampling(num_classes, 32, freeze=freeze_upsampling)                     # stride 32 -> 1
        self._offsets = {"upscore32": Grid().offset_in(self._grid("score_fr").after(self.upscore32))}

    def forward(self, images):
        _, _, score = self._trunk(images)
        return crop(self.upscore32(score), self._offsets["upscore32"], images)


class _Skips(_VGGFCN):
    """Adding a skip's scores to the enlarged ones: whichever map reaches further is cropped to the other."""

    def _plan(self, enlarged: Grid, skip: Grid, names: tuple[str, str]) -> Grid:
        offset = enlarged.offset_in(skip)
        self._offsets[names[1] if offset >= 0 else names[0]] = offset
        return enlarged if offset >= 0 else skip

    def _fuse(self, enlarged, skip, names):
        if names[1] in self._offsets:
            return enlarged + crop(skip, self._offsets[names[1]], enlarged)
        return crop(enlarged, -self._offsets[names[0]], skip) + skip


class FCN16s(_Skips):
    """Enlarge by 2, add the scores of pool4, enlarge by 16. Shapes as FCN32s. `at_once` scales pool4 by 0.01, as the release's at-once nets do."""

    coarser = "fcn32s"

    def __init__(self, num_classes, *, width=1.0, in_channels=3, padding=100, dropout=0.5, batch_norm=False, freeze_upsampling=False, at_once=False):
        super().__init__(num_classes, width=width, in_channels=in_channels, padding=padding, dropout=dropout, batch_norm=batch_norm)
        self.scale_pool4 = 0.01 if at_once else 1.0
        self.upscore2 = bilinear_upsampling(num_classes, 2, freeze=freeze_upsampling)                       # stride 32 -> 16
        self.score_pool4 = zero_score(scaled(512, width), num_classes)
        self.upscore16 = bilinear_upsampling(num_classes, 16, freeze=freeze_upsampling)                     # stride 16 -> 1
        self._offsets = {}
        fused = self._plan(self._grid("score_fr").after(self.upscore2), self._grid("pool4"), ("upscore2", "score_pool4"))
        self._offsets["upscore16"] = Grid().offset_in(fused.after(self.upscore16))

    def forward(self, images):
        _, pool4, score = self._trunk(images)
        fused = self._fuse(self.upscore2(score), self.score_pool4(pool4 * self.scale_pool4), ("upscore2", "score_pool4"))
        return crop(self.upscore16(fused), self._offsets["upscore16"], images)


class FCN8s(_Skips):
    """Enlarge by 2, add pool4, enlarge by 2, add pool3, enlarge by 8. Shapes as FCN32s. `at_once` scales pool4 and pool3 by 0.01 and 0.0001."""

    coarser = "fcn16s"

    def __init__(self, num_classes, *, width=1.0, in_channels=3, padding=100, dropout=0.5, batch_norm=False, freeze_upsampling=False, at_once=False):
        super().__init__(num_classes, width=width, in_channels=in_channels, padding=padding, dropout=dropout, batch_norm=batch_norm)
        self.scale_pool4, self.scale_pool3 = (0.01, 0.0001) if at_once else (1.0, 1.0)
        self.upscore2 = bilinear_upsampling(num_classes, 2, freeze=freeze_upsampling)                       # stride 32 -> 16
        self.score_pool4 = zero_score(scaled(512, width), num_classes)
        self.upscore_pool4 = bilinear_upsampling(num_classes, 2, freeze=freeze_upsampling)                  # stride 16 -> 8
        self.score_pool3 = zero_score(scaled(256, width), num_classes)
        self.upscore8 = bilinear_upsampling(num_classes, 8, freeze=freeze_upsampling)                       # stride 8 -> 1
        self._offsets = {}
        fused = self._plan(self._grid("score_fr").after(self.upscore2), self._grid("pool4"), ("upscore2", "score_pool4"))
        fused = self._plan(fused.after(self.upscore_pool4), self._grid("pool3"), ("upscore_pool4", "score_pool3"))
        self._offsets["upscore8"] = Grid().offset_in(fused.after(self.upscore8))

    def forward(self, images):
        pool3, pool4, score = self._trunk(images)
        fused = self._fuse(self.upscore2(score), self.score_pool4(pool4 * self.scale_pool4), ("upscore2", "score_pool4"))
        fused = self._fuse(self.upscore_pool4(fused), self.score_pool3(pool3 * self.scale_pool3), ("upscore_pool4", "score_pool3"))
        return crop(self.upscore8(fused), self._offsets["upscore8"], images)


class FCNAlexNet(_FCN):
    """FCN-AlexNet-32s, after CaffeNet: grouped convolutions and local response normalisation included (57M parameters only with the groups)."""

    def __init__(self, num_classes, *, width=1.0, in_channels=3, padding=100, dropout=0.5, freeze_upsampling=False):
        super().__init__()
        if padding not in (100, "same"):
            raise ValueError(say(en=f'padding is 100 (the paper) or "same" (the laptop), not {padding!r}', ko=f'padding에는 100(논문)이나 "same"(노트북)만 쓸 수 있어요. {padding!r} 대신 골라 주세요.'))
        self.num_classes, self.in_channels = num_classes, in_channels
        first, pool, around_fc6 = (100, 0, 0) if padding == 100 else (5, 1, 3)

        def wide(channels):     # two groups need an even number
            return 2 * max(1, round(channels * width / 2))

        def pooling():
            return nn.MaxPool2d(3, stride=2, padding=pool, ceil_mode=True)

        def lrn():
            return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)

        self.features = nn.Sequential(OrderedDict([
            ("conv1", nn.Conv2d(in_channels, wide(96), 11, stride=4, padding=first)), ("relu1", nn.ReLU(inplace=True)),
            ("pool1", pooling()), ("norm1", lrn()),                                                         # stride 8
            ("conv2", nn.Conv2d(wide(96), wide(256), 5, padding=2, groups=2)), ("relu2", nn.ReLU(inplace=True)),
            ("pool2", pooling()), ("norm2", lrn()),                                                         # stride 16
            ("conv3", nn.Conv2d(wide(256), wide(384), 3, padding=1)), ("relu3", nn.ReLU(inplace=True)),
            ("conv4", nn.Conv2d(wide(384), wide(384), 3, padding=1, groups=2)), ("relu4", nn.ReLU(inplace=True)),
            ("conv5", nn.Conv2d(wide(384), wide(256), 3, padding=1, groups=2)), ("relu5", nn.ReLU(inplace=True)),
            ("pool5", pooling()),                                                                           # stride 32
        ]))
        self.fc6 = nn.Conv2d(wide(256), wide(4096), 6, padding=around_fc6)
        self.fc7 = nn.Conv2d(wide(4096), wide(4096), 1)
        self.dropout = nn.Dropout(dropout)
        he_initialise(self)
        self.score_fr = zero_score(wide(4096), num_classes)
        self.upscore32 = bilinear_upsampling(num_classes, 32, 63, freeze=freeze_upsampling)                 # stride 32 -> 1
        grid = Grid().after_all([*self.features, self.fc6, self.upscore32])
        self._offsets = {"upscore32": Grid().offset_in(grid)}

    def forward(self, images):
        x = self.features(check_images(images, self.in_channels))
        x = self.dropout(torch.relu(self.fc6(x)))
        x = self.dropout(torch.relu(self.fc7(x)))
        return crop(self.upscore32(self.score_fr(x)), self._offsets["upscore32"], images)
