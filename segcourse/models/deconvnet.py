"""DeconvNet: Noh, Hong, Han, *Learning Deconvolution Network for Semantic Segmentation*, ICCV 2015.

VGG16 shrinks a square to 1x1x4096, and its mirror image grows that back (section 3). Each pooling writes down where its maxima stood, and the
unpooling across from it puts them there again (3.1.1); deconvolutions, which are transposed convolutions of stride 1, make the sparse map dense
(3.1.2). Batch normalisation and a ReLU follow every layer but the scores; without them the paper found nothing to learn (4.2.1).

The layers are those of the release. 224 pixels and 21 classes:

| block | layers | map | channels |
| --- | --- | --- | --- |
| conv1 to conv5 | VGG16's, 3x3, each with a 2x2 pooling that keeps its switches | 112, 56, 28, 14, 7 | 64, 128, 256, 512, 512 |
| fc6, fc7 | 7x7 without padding, 1x1 | 1 | 4096 |
| fc6_deconv | transposed 7x7 | 7 | 512 |
| unpool5, deconv5_1 to 5_3 | transposed 3x3 | 14 | 512, 512, 512 |
| unpool4, deconv4_1 to 4_3 | | 28 | 512, 512, 256 |
| unpool3, deconv3_1 to 3_3 | | 56 | 256, 256, 128 |
| unpool2, deconv2_1 to 2_2 | | 112 | 128, 64 |
| unpool1, deconv1_1 to 1_2 | | 224 | 64, 64 |
| seg_score | 1x1 | 224 | 21 |

A block is narrowed by its last deconvolution, so that the next unpooling has as many channels as its switches. 251,805,653 parameters, those of 29
batch normalisations among them; the convolutions keep their biases, as in Caffe, where the two were separate layers.

*Sizes.* fc6 spans `grid` x `grid` cells of stride 32 and has no padding. A picture of 32 x grid pixels becomes one cell; a larger one a map of h - grid + 1
cells, which fc6_deconv brings back to h; a smaller one than 32 (grid - 1) + 1 is refused. Poolings round up as Caffe's do, and the unpooling is told
the size it returns to: 360x480 goes by 45x60, 23x30 and 12x15, and 23 back to 45. The paper itself only ever shows the network squares of 224.

Departures, off unless asked for: `width`, `grid`, `batch_norm=False`, and the ways back of `unpool` and `deconvolve` that stand beside the paper's.
"""

from collections import OrderedDict

import torch
from torch import fx, nn

from segcourse.language import say
from segcourse.models.checks import check_images
from segcourse.models.unpooling import WAYS, Encoded, Unpool, check_encoded, check_fits, check_statistics, check_way, copy_vgg16, last, run_trunk, switching_trunk
from segcourse.models.vgg import he_initialise, scaled, torchvision_names

MIRROR = ((5, (512, 512, 512)), (4, (512, 512, 256)), (3, (256, 256, 128)), (2, (128, 64)), (1, (64, 64)))      # stage, channels of its deconvolutions


class DeconvNet(nn.Module):
    """Images (N, in_channels, H, W) -> logits (N, num_classes, H, W), for sides from 32 (grid - 1) + 1 on.

    `unpool` chooses what enlarges the map: "switches" (the paper), "corner", "nearest" or "bilinear", which ignore the switches, or "none": then the
    first deconvolution of each block has stride 2 and enlarges alone ("deconvolve only"; as many weights). With `deconvolve=False` nothing makes
    the map dense ("unpool only"): no deconvolutions, only a 1x1 convolution without bias or nonlinearity, narrow4, narrow3, narrow2, where the
    channels must become fewer; fc6_deconv stays, since one cell has nothing to be unpooled with.

    Raises ValueError for other choices, for pictures smaller than the grid, and for training batch normalisation on one picture of one cell.
    """

    head = ("seg_score.",)      # a recipe may let it learn faster; the paper's does not

    def __init__(self, num_classes, *, width=1.0, in_channels=3, grid=7, batch_norm=True, unpool="switches", deconvolve=True):
        super().__init__()
        check_way(unpool, (*WAYS, "none"))
        if isinstance(grid, bool) or not isinstance(grid, int) or grid < 1:
            raise ValueError(say(en=f"grid is the side of fc6's kernel, a whole number from 1 on, got {grid!r}; the paper's is 7, and 2 fits crops of 64 pixels",
                                 ko=f"grid는 fc6 커널의 한 변이라서 1 이상의 정수여야 하는데 {grid!r}이에요. 논문 값은 7이고, 64픽셀 조각에는 2가 맞아요. 고쳐 주세요."))
        if unpool == "none" and not deconvolve:
            raise ValueError(say(en='unpool="none" with deconvolve=False leaves nothing that could enlarge the map: choose one of the two',
                                 ko='unpool="none"과 deconvolve=False를 함께 쓰면 맵을 키울 것이 없어요. 둘 중 하나만 골라 주세요.'))
        self.num_classes, self.in_channels, self.grid, self.unpool, self.deconvolve = num_classes, in_channels, grid, unpool, deconvolve
        deep, hidden = scaled(512, width), scaled(4096, width)

        def norm(channels):
            return nn.BatchNorm2d(channels) if batch_norm else nn.Identity()

        self.features = switching_trunk(width=width, in_channels=in_channels, batch_norm=batch_norm)        # stride 32
        self.fc6, self.bn6 = nn.Conv2d(deep, hidden, grid), norm(hidden)
        self.fc7, self.bn7 = nn.Conv2d(hidden, hidden, 1), norm(hidden)
        self.fc6_deconv, self.fc6_debn = nn.ConvTranspose2d(hidden, deep, grid), norm(deep)
        decoder, channels = {}, deep
        for stage, mirrored in MIRROR:
            wide = [scaled(out, width) for out in mirrored]
            if unpool != "none":
                decoder[f"unpool{stage}"] = Unpool(unpool)                                                  # stride 2 ** (stage - 1)
            if not deconvolve and wide[-1] != channels:
                decoder[f"narrow{stage}"] = nn.Conv2d(channels, wide[-1], 1, bias=False)
            for number, out in enumerate(wide if deconvolve else (), 1):
                enlarging = {"stride": 2, "output_padding": 1} if unpool == "none" and number == 1 else {}
                deconv = nn.ConvTranspose2d(channels, out, 3, padding=1, **enlarging)
                decoder[f"deconv{stage}_{number}"] = nn.Sequential(OrderedDict(deconv=deconv, debn=norm(out), derelu=nn.ReLU(inplace=True)))
                channels = out
            channels = wide[-1]
        self.decoder = nn.ModuleDict(decoder)
        self.seg_score = nn.Conv2d(channels, num_classes, 1)
        self._initialise(width, batch_norm)

    def _initialise(self, width: float, batch_norm: bool) -> None:
        """The release's numbers: deconvolutions and scores normal with deviation 0.01, shifts of batch normalisation 0.001.

        A thin network's sums have fewer terms, so its deviation grows with 1 / sqrt(width); and without batch normalisation, which makes any
        scale good, 0.01 would let the signal die: He's variance instead. The narrowing convolutions keep the scale of what they join.
        """
        he_initialise(self)
        for name, layer in self.named_modules():
            if name.startswith("decoder.narrow"):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            elif isinstance(layer, nn.ConvTranspose2d):
                if batch_norm:
                    nn.init.normal_(layer.weight, std=0.01 / width ** 0.5)
                else:
                    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")      # of the transposed weight: what one output sums
                nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.BatchNorm2d):
                nn.init.constant_(layer.bias, 0.001)
        nn.init.normal_(self.seg_score.weight, std=0.01 / width ** 0.5)

    def forward(self, images):
        return last(self._steps(self.encode(images)))

    def encode(self, images) -> Encoded:
        """The code (N, 4096 * width, h, w) after fc7 with the five poolings' switches and sizes; h = ceil(H / 32) - grid + 1."""
        self._check(check_images(images, self.in_channels))
        pool5, switches, sizes = run_trunk(self.features, images)
        x = torch.relu(self.bn6(self.fc6(pool5)))
        x = torch.relu(self.bn7(self.fc7(x)))
        return Encoded(x, switches, sizes)

    def decode(self, encoded: Encoded):
        """The logits (N, num_classes, H, W) of what `encode` gave, or of code, switches and sizes put together anew. Raises ValueError where they do not fit."""
        return last(self.decode_steps(encoded))

    def decode_steps(self, encoded: Encoded):
        """Yield (name, map) after fc6_deconv, after each unpooling and each deconvolution (its batch normalisation and ReLU included), seg_score last.
        Raises ValueError as `decode` does."""
        check_encoded(encoded, self.fc7.out_channels, self.unpool)
        return self._steps(encoded)

    def _steps(self, encoded: Encoded):
        x = torch.relu(self.fc6_debn(self.fc6_deconv(encoded.code)))
        yield "fc6_deconv", x
        for name, layer in self.decoder.items():
            stage = int(name[6]) - 1                                # of unpool5, narrow5, deconv5_1
            size = encoded.sizes[stage]
            if name.startswith("unpool"):
                x = layer(x, encoded.switches[stage], size)
            elif self.unpool == "none" and name.endswith("_1"):
                check_fits(x, size)
                x = layer(x)[:, :, :size[0], :size[1]]              # twice the cells, less one where a side was odd
            else:
                x = layer(x)
            yield name, x
        yield "seg_score", self.seg_score(x)

    def load_vgg16(self, state: dict) -> list[str]:
        """Start from VGG16's ImageNet weights under torchvision's names; fc6 (at grid 7) and fc7 by reshaping, where `state` has them.

        Returns the names of the layers for which `state` had nothing, fc6 among them at another grid. Raises ValueError where the shapes do not
        fit (width must be 1).
        """
        wanted = {f"features.{ours}": theirs for ours, theirs in torchvision_names().items()} | {"fc6": "classifier.0", "fc7": "classifier.3"}
        if self.grid != 7:
            del wanted["fc6"]
        missing = copy_vgg16(self, wanted, state)
        return missing if self.grid == 7 else sorted([*missing, "fc6"])

    def _check(self, images) -> None:
        if isinstance(images, fx.Proxy):
            return
        height, width = images.shape[2:]
        cells = [-(-side // 32) - self.grid + 1 for side in (height, width)]
        if min(cells) < 1:
            least = 32 * (self.grid - 1) + 1
            raise ValueError(say(en=f"images of {height}x{width} are too small: fc6 spans {self.grid}x{self.grid} cells of 32 pixels, so both sides must be at least {least}; enlarge the images, or "
                                    f"create the network with a smaller grid (now {self.grid})",
                                 ko=f"이미지 {height}x{width}는 너무 작아요. fc6이 32픽셀짜리 칸 {self.grid}x{self.grid}개를 덮으니까 두 변이 모두 {least}픽셀 이상이어야 해요. 이미지를 키우거나 "
                                    f"grid를 {self.grid}보다 작게 해서 네트워크를 만들어 주세요."))
        check_statistics(self.bn7, images, cells[0] * cells[1], "fc6")
