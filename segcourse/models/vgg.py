"""VGG16 (Simonyan, Zisserman, ICLR 2015, configuration D): thirteen 3x3 convolutions, five poolings, three fully connected layers.

The convolutions carry the paper's names, conv1_1 to conv5_3. Torchvision numbers the same layers features.0 to features.28;
`torchvision_names` tells them apart.
"""

from collections import OrderedDict

import torch
from torch import nn

from segcourse.language import say

STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))     # how many convolutions, how wide


def scaled(channels: int, width: float) -> int:
    """`channels` of the paper, thinned or widened by `width`; at least 1."""
    return max(1, round(channels * width))


def trunk_layers(*, width: float = 1.0, in_channels: int = 3, first_padding: int = 1, ceil_mode: bool = False, batch_norm: bool = False,
                 bias: bool | None = None, switches: bool = False):
    """The trunk's layers as (name, module), conv1_1 to pool5. `first_padding` is the padding of conv1_1, 100 in FCN.

    `bias` says whether the convolutions have one; unless given, where no batch normalisation follows. With `switches` the poolings return
    (pooled, switches).
    """
    bias = not batch_norm if bias is None else bias
    layers, channels = [], in_channels
    for stage, (depth, wide) in enumerate(STAGES, 1):
        for number in range(1, depth + 1):
            padding = first_padding if (stage, number) == (1, 1) else 1
            out = scaled(wide, width)
            layers.append((f"conv{stage}_{number}", nn.Conv2d(channels, out, 3, padding=padding, bias=bias)))
            if batch_norm:
                layers.append((f"bn{stage}_{number}", nn.BatchNorm2d(out)))
            layers.append((f"relu{stage}_{number}", nn.ReLU(inplace=True)))
            channels = out
        layers.append((f"pool{stage}", nn.MaxPool2d(2, stride=2, ceil_mode=ceil_mode, return_indices=switches)))     # stride 2 ** stage
    return layers


def torchvision_names() -> dict[str, str]:
    """conv1_1 -> features.0 and so on, for the thirteen convolutions of torchvision's vgg16."""
    names, index = {}, 0
    for stage, (depth, _) in enumerate(STAGES, 1):
        for number in range(1, depth + 1):
            names[f"conv{stage}_{number}"] = f"features.{index}"
            index += 2
        index += 1
    return names


def copy_vgg16(model: nn.Module, wanted: dict[str, str], state: dict) -> list[str]:
    """Copy ImageNet's weights from `state`, under torchvision's names, into the layers of `model` that `wanted` pairs with them (ours -> torchvision's).

    Fully connected weights are read as those of a convolution. Returns the names of the layers for which `state` had nothing. Raises ValueError
    where the shapes do not fit.
    """
    own, missing = dict(model.named_modules()), []
    for ours, theirs in wanted.items():
        weight, bias = state.get(f"{theirs}.weight"), state.get(f"{theirs}.bias")
        layer = own[ours]
        if weight is None:
            missing.append(ours)
            continue
        if weight.numel() != layer.weight.numel():
            raise ValueError(say(en=f"{theirs} has weights {tuple(weight.shape)}, {ours} needs {tuple(layer.weight.shape)}: ImageNet's weights fit width=1.0 and in_channels=3 only",
                                 ko=f"{theirs}의 가중치는 {tuple(weight.shape)}인데 {ours}에는 {tuple(layer.weight.shape)}이 필요해요. width=1.0, in_channels=3으로 만들어 주세요."))
        with torch.no_grad():
            layer.weight.copy_(weight.view(layer.weight.shape))      # 4096x25088 read as 4096x512x7x7: claim 1.2b
            if layer.bias is not None:
                layer.bias.copy_(bias)
    return missing


def he_initialise(module: nn.Module) -> None:
    """He et al. 2015: normal weights of variance 2 / fan_out, zero biases, for convolutions and fully connected layers."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


class VGG16(nn.Module):
    """The ImageNet classifier: images (N, in_channels, 224, 224) -> scores (N, num_classes). Other sizes do not fit fc6, by design.

    `features` is the trunk up to pool5 (stride 32); fc6, fc7, fc8 are the fully connected layers that an FCN turns into convolutions.
    """

    def __init__(self, num_classes: int = 1000, *, width: float = 1.0, in_channels: int = 3, side: int = 224, dropout: float = 0.5):
        super().__init__()
        self.features = nn.Sequential(OrderedDict(trunk_layers(width=width, in_channels=in_channels)))
        hidden = scaled(4096, width)
        self.fc6 = nn.Linear(scaled(512, width) * (side // 32) ** 2, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.fc8 = nn.Linear(hidden, num_classes)
        self.dropout = nn.Dropout(dropout)
        he_initialise(self)

    def forward(self, images):
        x = self.features(images).flatten(1)
        x = self.dropout(torch.relu(self.fc6(x)))
        x = self.dropout(torch.relu(self.fc7(x)))
        return self.fc8(x)

    def load_torchvision(self, state: dict) -> None:
        """Take the weights of torchvision's vgg16 (full width). Raises KeyError or RuntimeError where they do not fit."""
        renamed = {}
        for ours, theirs in [*((f"features.{k}", v) for k, v in torchvision_names().items()), ("fc6", "classifier.0"), ("fc7", "classifier.3"), ("fc8", "classifier.6")]:
            for kind in ("weight", "bias"):
                renamed[f"{ours}.{kind}"] = state[f"{theirs}.{kind}"]
        self.load_state_dict(renamed)
