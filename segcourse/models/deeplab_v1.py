"""DeepLab v1: Chen, Papandreou, Kokkinos, Murphy, Yuille, *Semantic Image Segmentation with Deep Convolutional Nets and Fully Connected CRFs*, ICLR 2015.

VGG16 whose map stays at stride 8: pool4 and pool5 lose their stride, and conv5 and fc6 reach further instead (section 3.1). fc6 is thinned out to
be fast and yet see far (3.2, table 2). What the network says is sharpened afterwards by `ops.dense_crf`, which is no part of it.

The layers are those of the release (DeepLab-LargeFOV), which the paper does not spell out: every pool is 3x3 with padding 1 instead of 2x2, so that
the middle of cell i lies on pixel 8 i exactly, and in large_fov a 3x3 average pool, pool5a, follows pool5. conv5 is dilated by 2 but pool5, behind the
same lost stride, is not: the net is *not* what `ops.make_dense` would make of the same weights at stride 32.

| variant | fc6 | rate | reaches over | published field | parameters, 21 classes |
| --- | --- | --- | --- | --- | --- |
| large_fov | 3x3, 1024 | 12 | 25 cells | 224 | 20,505,429 |
| 7x7 | 7x7, 4096 | 4 | 25 cells | 224 | 134,346,581 |
| 4x4_rate4 | 4x4, 4096 | 4 | 13 cells | 128 | 65,140,565 |
| 4x4_rate8 | 4x4, 4096 | 8 | 25 cells | 224 | 65,140,565 |

*Receptive fields.* A kernel of k taps at rate r reaches over k + (k - 1)(r - 1) cells. The published 224 and 128 are 8 (k - 1) r + 32: the kernel's
reach on the grid of stride 8 with one old cell of 32 pixels around its last tap, the side of the picture for which VGG16's fc6 fits. What a score
sees of the picture is more, since each cell of pool5 sees 212 pixels itself: 212 + 8 (reach - 1) = 404 or 308 with VGG16's 2x2 pools ("404 in
convolutional mode" in the paper). With the released pools, pool5 undilated, it is 419 or 323, and the average pool makes it 435 for large_fov.

Departures, off unless asked for: `batch_norm` (narrow networks from nothing need it) and `width`. The paper trains against the label map thinned out
by 8; here, as everywhere in the course, the loss is taken on the enlarged scores, at every pixel.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

from segcourse.language import josa, say
from segcourse.models.checks import check_images
from segcourse.models.vgg import STAGES, he_initialise, scaled, torchvision_names

VARIANTS = {"large_fov": (3, 12, 1024), "7x7": (7, 4, 4096), "4x4_rate4": (4, 4, 4096), "4x4_rate8": (4, 8, 4096)}     # fc6: kernel, rate, channels
MIDDLE = 128            # channels of each multi-scale branch
DECIMATION_SEED = 0     # which 1024 of VGG16's 4096 filters stay


def row_of(model: nn.Module, layers) -> nn.Sequential:
    """The (name, layer) pairs as an nn.Sequential in the mode `model` is in, every layer left in its own."""
    row = nn.Sequential(OrderedDict(layers))
    row.training = model.training
    return row


def trunk(*, width=1.0, in_channels=3, batch_norm=False, average=True) -> nn.Sequential:
    """conv1_1 to pool5, and with `average` pool5a, as released: images (N, in_channels, H, W) -> (N, 512, h, w), h = ceil((H - 1) / 8) + 1."""
    layers, channels = [], in_channels
    for stage, (depth, wide) in enumerate(STAGES, 1):
        rate = 2 if stage == 5 else 1                              # pool4 has kept its cells: conv5 finds the old ones 2 apart
        for number in range(1, depth + 1):
            out = scaled(wide, width)
            layers.append((f"conv{stage}_{number}", nn.Conv2d(channels, out, 3, padding=rate, dilation=rate, bias=not batch_norm)))
            if batch_norm:
                layers.append((f"bn{stage}_{number}", nn.BatchNorm2d(out)))
            layers.append((f"relu{stage}_{number}", nn.ReLU(inplace=True)))
            channels = out
        layers.append((f"pool{stage}", nn.MaxPool2d(3, stride=2 if stage <= 3 else 1, padding=1, ceil_mode=True)))      # stride 2, 4, 8, 8, 8
    if average:
        layers.append(("pool5a", nn.AvgPool2d(3, stride=1, padding=1)))
    return nn.Sequential(OrderedDict(layers))


class DeepLabV1(nn.Module):
    """Images (N, in_channels, H, W) -> logits (N, num_classes, H, W), for any H and W from 1 on.

    `variant` chooses fc6 (the table above), and `rate` another rate for it: of 41 cells, the map the paper trains on, a reach of 25 is about half,
    and small pictures keep that share with a small rate. Even rates let a 4x4 kernel lie evenly around its cell, so that no padding is lopsided.
    `multi_scale` adds five branches, from the picture and from pool1 to pool4: 3x3 to 128 channels, then
    1x1, joined to fc7's output before fc8 (section 4.3 "multi-scale prediction"); the paper trains them alone, everything else fixed.

    The scores are enlarged by a fixed bilinear interpolation. Cell i lies on pixel 8 i, so that corners meet corners at the release's sizes,
    8 k + 1. At others the last cell lies up to 7 pixels past the picture (the pools round up, as Caffe's do), and what reaches past is cut off.
    """

    head = ("fc8",)         # what the paper trains at ten times the rate

    def __init__(self, num_classes, *, width=1.0, in_channels=3, variant="large_fov", rate=None, multi_scale=False, dropout=0.5, batch_norm=False):
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(say(en=f"deeplab_v1 has no variant {variant!r}: choose among {', '.join(VARIANTS)}",
                                 ko=f"deeplab_v1에 {variant!r} 변형은 없어요. {', '.join(VARIANTS)} 가운데서 골라 주세요."))
        self.num_classes, self.in_channels, self.variant = num_classes, in_channels, variant
        kernel, published, channels = VARIANTS[variant]
        rate = published if rate is None else rate
        if isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
            raise ValueError(say(en=f"rate must be a whole number from 1 on, got {rate!r}; the paper's for {variant} is {published}",
                                 ko=f"rate는 1 이상의 정수여야 하는데 {josa(repr(rate), '이에요/예요')}. 논문에서 {variant}에 쓴 값은 {published}예요. 고쳐 주세요."))
        if (kernel - 1) * rate % 2:
            raise ValueError(say(en=f"a {kernel}x{kernel} kernel at the odd rate {rate} has no middle on a cell, and its scores would lie half a cell aside: take an even rate",
                                 ko=f"팽창률이 홀수({rate})면 {kernel}x{kernel} 커널의 한가운데가 칸에 놓이지 않아서 점수가 반 칸 밀려요. 짝수로 해 주세요."))
        deep, hidden = scaled(512, width), scaled(channels, width)
        self.features = trunk(width=width, in_channels=in_channels, batch_norm=batch_norm, average=variant == "large_fov")
        self.fc6 = nn.Conv2d(deep, hidden, kernel, padding=(kernel - 1) * rate // 2, dilation=rate)
        self.bn6 = nn.BatchNorm2d(hidden) if batch_norm else nn.Identity()
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.bn7 = nn.BatchNorm2d(hidden) if batch_norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.branches = None
        if multi_scale:
            middle, wide = scaled(MIDDLE, width), [scaled(channels, width) for _, channels in STAGES]
            self.branches = nn.ModuleDict({"image": branch(in_channels, middle, 8), "pool1": branch(wide[0], middle, 4), "pool2": branch(wide[1], middle, 2),
                                           "pool3": branch(wide[2], middle, 1), "pool4": branch(wide[3], middle, 1)})
            hidden += 5 * middle
        self.fc8 = nn.Conv2d(hidden, num_classes, 1)
        he_initialise(self)
        nn.init.normal_(self.fc8.weight, std=0.01)

    def scores(self, images):
        """The score map before it is enlarged: (N, num_classes, h, w) with h = ceil((H - 1) / 8) + 1, at stride 8."""
        x = check_images(images, self.in_channels)
        sides = [] if self.branches is None else [self.branches["image"](x)]
        for name, layer in self.features.named_children():
            x = layer(x)
            if self.branches is not None and name in self.branches:
                sides.append(self.branches[name](x))
        x = self.dropout(torch.relu(self.bn6(self.fc6(x))))
        x = self.dropout(torch.relu(self.bn7(self.fc7(x))))
        return self.fc8(torch.cat([x, *sides], 1) if sides else x)

    def forward(self, images):
        scores = self.scores(images)
        whole = (8 * (scores.shape[2] - 1) + 1, 8 * (scores.shape[3] - 1) + 1)                          # from the first cell's middle to the last's
        return F.interpolate(scores, size=whole, mode="bilinear", align_corners=True)[:, :, :images.shape[2], :images.shape[3]]

    def scorer(self) -> nn.Sequential:
        """The layers up to and including the scores, as an nn.Sequential that shares the weights. Raises ValueError for multi_scale, which is no row."""
        if self.branches is not None:
            raise ValueError(say(en="with multi_scale the scores come from six maps, not from one row of layers: use a network without it",
                                 ko="multi_scale을 쓰면 점수가 맵 6개에서 나와서 층 한 줄로 쓸 수 없어요. multi_scale 없이 만들어 주세요."))
        return row_of(self, [("features", self.features), ("fc6", self.fc6), ("bn6", self.bn6), ("relu6", nn.ReLU()), ("drop6", self.dropout),
                             ("fc7", self.fc7), ("bn7", self.bn7), ("relu7", nn.ReLU()), ("drop7", self.dropout), ("fc8", self.fc8)])

    def load_vgg16(self, state: dict) -> list[str]:
        """Start from VGG16's ImageNet weights under torchvision's names; fc6 and fc7 where `state` has them.

        fc6 by decimation (section 3.2): of VGG16's 7x7 taps every second (4x4) or third (3x3) stays, which at rates 8 and 12 lie where they lay; of
        its 4096 filters 1024 drawn at random (always the same), and of fc7 those rows and columns. Returns the names of the layers for
        which `state` had nothing. Raises ValueError where the shapes do not fit (width must be 1).
        """
        own, missing = dict(self.named_modules()), []
        kernel, _, channels = VARIANTS[self.variant]
        step = 6 // (kernel - 1)
        kept = torch.randperm(4096, generator=torch.Generator().manual_seed(DECIMATION_SEED))[:channels].sort().values
        wanted = {f"features.{ours}": theirs for ours, theirs in torchvision_names().items()} | {"fc6": "classifier.0", "fc7": "classifier.3"}
        for ours, theirs in wanted.items():
            weight, bias, layer = state.get(f"{theirs}.weight"), state.get(f"{theirs}.bias"), own[ours]
            if weight is None:
                missing.append(ours)
                continue
            given = tuple(weight.shape)
            if ours == "fc6" and given == (4096, 512 * 49):
                weight, bias = weight.view(4096, 512, 7, 7)[kept][:, :, ::step, ::step], bias[kept]
            elif ours == "fc7" and given == (4096, 4096):
                weight, bias = weight[kept][:, kept, None, None], bias[kept]
            if weight.shape != layer.weight.shape:
                raise ValueError(say(en=f"{theirs} has weights {given}, {ours} {tuple(layer.weight.shape)}: ImageNet's weights fit width=1.0 and in_channels=3 only",
                                     ko=f"{theirs}의 가중치는 {given}, {josa(ours, '은/는')} {tuple(layer.weight.shape)}이에요. width=1.0, in_channels=3으로 만들어 주세요."))
            with torch.no_grad():
                layer.weight.copy_(weight)
                if layer.bias is not None:
                    layer.bias.copy_(bias)
        return missing


def branch(channels: int, middle: int, stride: int) -> nn.Sequential:
    """A multi-scale branch: 3x3 to `middle` channels, then 1x1, each with a ReLU. The first convolution moves on by `stride`, which brings a map of
    any size to the cells of pool3 (the paper does not say how): its cells lie on pixels 8 i, and the zeros after the map make room for the last.
    """
    return nn.Sequential(OrderedDict([
        ("pad", nn.ZeroPad2d((1, stride, 1, stride))), ("conv1", nn.Conv2d(channels, middle, 3, stride=stride)), ("relu1", nn.ReLU(inplace=True)),
        ("conv2", nn.Conv2d(middle, middle, 1)), ("relu2", nn.ReLU(inplace=True)),
    ]))
