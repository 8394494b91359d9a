"""What DeconvNet and SegNet share: a trunk that keeps its switches, and the ways back from a pooled map.

All poolings round up, as Caffe's do: 45 cells leave 23. So no cell is left out, and cutting the enlarged map to its old size is enough.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from segcourse.language import say
from segcourse.models.vgg import trunk_layers

WAYS = ("switches", "corner", "nearest", "bilinear")


class Encoded(NamedTuple):
    """What a network keeps of its pictures: the code, and the two lists that lead back from it, pool1's first.

    switches[k] (N, C, h, w) int64 say where the maxima of pool k+1 stood, as y * W + x; sizes[k] (H, W) is the size of the map that it pooled.
    `encoded._replace(switches=other.switches)` decodes one picture's code with another's switches.
    """

    code: Tensor
    switches: list[Tensor]
    sizes: list[tuple[int, int]]


def switching_trunk(*, width: float, in_channels: int, batch_norm: bool, dropout: float | None = None) -> nn.ModuleDict:
    """VGG16's convolutions, biases kept beside batch normalisation, and poolings that return (pooled, switches). `dropout` after pool3, pool4, pool5.

    A ModuleDict and no Sequential: only `run_trunk` knows what to do with the switches.
    """
    layers = {}
    for name, layer in trunk_layers(width=width, in_channels=in_channels, ceil_mode=True, batch_norm=batch_norm):
        if isinstance(layer, nn.MaxPool2d):
            layer.return_indices = True
        elif isinstance(layer, nn.Conv2d) and layer.bias is None:
            layer.bias = nn.Parameter(torch.zeros(layer.out_channels))
        layers[name] = layer
        if dropout is not None and name in ("pool3", "pool4", "pool5"):
            layers[f"drop{name[-1]}"] = nn.Dropout(dropout)
    return nn.ModuleDict(layers)


def run_trunk(features: nn.ModuleDict, images: Tensor) -> Encoded:
    """The map after pool5 (stride 32) as the code, with all switches and sizes."""
    x, switches, sizes = images, [], []
    for name, layer in features.items():
        if name.startswith("pool"):
            sizes.append(x.shape[2:])
            x, chosen = layer(x)
            switches.append(chosen)
        else:
            x = layer(x)
    return Encoded(x, switches, sizes)


class Unpool(nn.Module):
    """Enlarge a map (N, C, h, w) to the size (H, W) it was pooled from by 2x2, h = ceil(H / 2), along one of `WAYS`.

    "switches" is `ops.max_unpool2d`, "corner" `ops.bed_of_nails`, "nearest" `ops.nearest_unpool2d`, "bilinear" an `ops.resize` by two, cut to the
    size; each with torch's own operations, which are faster and which `ops.receptive_field` and torch.fx can follow.
    """

    def __init__(self, way: str):
        super().__init__()
        self.way = way
        if way == "corner":
            self.register_buffer("nail", torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]), persistent=False)

    def extra_repr(self) -> str:
        return self.way

    def forward(self, x: Tensor, switches: Tensor, size: tuple[int, int]) -> Tensor:
        check_fits(x, size, switches if self.way == "switches" else None)
        if self.way == "switches":
            return F.max_unpool2d(x, switches, 2, output_size=size)
        if self.way == "bilinear":
            large = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        else:
            large = F.interpolate(x, scale_factor=2.0, mode="nearest")
        if self.way == "corner":
            corners = F.conv_transpose2d(torch.ones_like(x[:, :1]), self.nail, stride=2)
            large = torch.where(corners > 0, large, 0.0)
        return large[:, :, :size[0], :size[1]]


def check_way(unpool: str, ways: tuple[str, ...]) -> None:
    """Refuse a way back that is not among `ways`."""
    if unpool not in ways:
        raise ValueError(say(en=f"unpool must be one of {', '.join(ways)}, got {unpool!r}", ko=f"unpool은 {', '.join(ways)} 가운데 하나여야 하는데 {unpool!r}이에요. 골라 주세요."))


def check_statistics(norm: nn.Module, images: Tensor, cells: int, place: str) -> None:
    """Refuse to train batch normalisation on a single number a channel: its variance is 0, and nothing but the shift would be left."""
    if isinstance(norm, nn.BatchNorm2d) and norm.training and len(images) * cells == 1:
        raise ValueError(say(en=f"batch normalisation cannot learn from one image whose map at {place} is a single cell: one number a channel has no variance; train with "
                                "at least 2 images in a batch or with a larger one, or call model.eval() first",
                             ko=f"이미지 1장의 {place} 맵이 한 칸이면 채널마다 값이 하나뿐이라 배치 정규화가 분산을 구할 수 없어요. 배치에 2장 이상 넣거나 더 큰 이미지로 학습하거나 "
                                "model.eval()을 먼저 불러 주세요."))


def check_fits(x: Tensor, size: tuple[int, int], switches: Tensor | None = None) -> None:
    """Refuse sizes and switches that do not belong to a map like x (N, C, h, w)."""
    if isinstance(x, fx.Proxy):
        return
    shape = tuple(x.shape)
    if tuple(-(-side // 2) for side in size) != shape[2:]:
        raise ValueError(say(en=f"a map of {shape[2]}x{shape[3]} was not pooled from {size[0]}x{size[1]}: take code, switches and sizes from pictures of one size",
                             ko=f"{shape[2]}x{shape[3]} 맵은 {size[0]}x{size[1]}에서 풀링한 맵이 아니에요. 코드와 스위치와 크기를 크기가 같은 이미지에서 가져와 주세요."))
    if switches is not None and tuple(switches.shape) != shape:
        raise ValueError(say(en=f"a map {shape} needs a switch for each of its numbers, the switches are {tuple(switches.shape)}: take both from as many pictures "
                                "and from networks of one width",
                             ko=f"{shape} 맵에는 값마다 스위치가 하나씩 있어야 하는데 스위치는 {tuple(switches.shape)}이에요. 이미지 장수와 네트워크의 width가 "
                                "같은 것을 넣어 주세요."))


def check_encoded(encoded: Encoded, channels: int, way: str) -> None:
    """Refuse what no network of five poolings with `channels` in its code has made: codes, sizes and switches put together anew may be of several maps.

    With `way` "switches" every switch must lie in its own window. That reads them all, which a forward pass, whose switches are its own, need not do.
    """
    if encoded.code.dim() != 4 or encoded.code.shape[1] != channels:
        raise ValueError(say(en=f"the code must be (N, {channels}, h, w), got {tuple(encoded.code.shape)}: take it from a network of the same width",
                             ko=f"코드는 (N, {channels}, h, w)여야 하는데 {tuple(encoded.code.shape)}이에요. width가 같은 네트워크의 코드를 넣어 주세요."))
    levels = {len(encoded.switches), len(encoded.sizes)}
    if levels != {5}:
        raise ValueError(say(en=f"there must be switches and sizes of all 5 poolings, got {len(encoded.switches)} and {len(encoded.sizes)}: change those of a level in a copy of the list",
                             ko=f"풀링 5개의 스위치와 크기가 모두 있어야 하는데 {len(encoded.switches)}개와 {len(encoded.sizes)}개예요. 목록을 복사해서 한 단계만 바꿔 주세요."))
    if way != "switches":
        return
    for stage, (switches, (height, width)) in enumerate(zip(encoded.switches, encoded.sizes, strict=True), 1):
        if switches.dtype != torch.int64 or switches.dim() != 4:
            raise ValueError(say(en=f"the switches of pool{stage} must be int64 (N, C, h, w), got {switches.dtype} {tuple(switches.shape)}: take what encode gives",
                                 ko=f"pool{stage}의 스위치는 int64 (N, C, h, w)여야 하는데 {switches.dtype} {tuple(switches.shape)}이에요. encode가 준 것을 넣어 주세요."))
        if switches.is_meta or tuple(switches.shape[2:]) != tuple(-(-side // 2) for side in (height, width)):
            continue                                                                                # without numbers; or `check_fits` names both shapes
        row, column = (torch.arange(cells, device=switches.device) for cells in switches.shape[2:])
        at_home = (switches >= 0) & (switches < height * width) & (switches // width // 2 == row[:, None]) & (switches % width // 2 == column)
        if not at_home.all():
            strange = int(switches[~at_home][0])
            raise ValueError(say(en=f"a switch of pool{stage} points at place {strange} of a map of {height}x{width}, outside its own window of 2x2: the switches are "
                                    "of another map; take switches and sizes from the same pictures",
                                 ko=f"pool{stage}의 스위치 하나가 {height}x{width} 맵의 {strange}번 자리를 가리키는데 자기 2x2 창 밖이에요. 다른 맵의 스위치니까 스위치와 크기를 "
                                    "같은 이미지에서 가져와 주세요."))


def last(steps: Iterator[tuple[str, Tensor]]) -> Tensor:
    """The map of the last of (name, map)."""
    for _, x in steps:
        pass
    return x


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
