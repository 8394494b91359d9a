"""SegNet: Badrinarayanan, Kendall, Cipolla, *SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation*, PAMI 2017.

DeconvNet's sibling without the middle: VGG16's thirteen convolutions, no fully connected layers, and their mirror image. What crosses over to the
decoder is the switches alone (section 3); they save the memory of whole maps. The layers of the release, every one 3x3 with padding 1:

| encoder | channels | decoder | channels |
| --- | --- | --- | --- |
| conv1_1, 1_2, pool1 | 64 | unpool5, conv5_3_D, 5_2_D, 5_1_D | 512, 512, 512 |
| conv2_1, 2_2, pool2 | 128 | unpool4, conv4_3_D, 4_2_D, 4_1_D | 512, 512, 256 |
| conv3_1 to 3_3, pool3 | 256 | unpool3, conv3_3_D, 3_2_D, 3_1_D | 256, 256, 128 |
| conv4_1 to 4_3, pool4 | 512 | unpool2, conv2_2_D, 2_1_D | 128, 64 |
| conv5_1 to 5_3, pool5 | 512 | unpool1, conv1_2_D, 1_1_D | 64, the classes |

Batch normalisation and a ReLU follow every convolution but conv1_1_D, which gives the scores. 29,433,483 numbers in the convolutions at 11 classes, biases
among them; 29,449,355 parameters with batch normalisation. Poolings round up, and each unpooling returns to the size its pooling came from: 360x480 goes by
45x60, 23x30 and 12x15, and 23 back to 45, as the release's prototxt spells out.

The paper speaks of dropout 0.5 in the deeper layers; where it stands is that of its sibling, Bayesian SegNet: after pool3, pool4, pool5 and after the last
convolutions of the decoder's blocks 5, 4 and 3. `dropout=0` takes it out. Departures, off unless asked for: `width`, `batch_norm=False`, other ways of `unpool`.
"""

from collections import OrderedDict

from torch import fx, nn

from segcourse.models.checks import check_images
from segcourse.models.unpooling import WAYS, Encoded, Unpool, check_encoded, check_statistics, check_way, copy_vgg16, last, run_trunk, switching_trunk
from segcourse.models.vgg import he_initialise, scaled, torchvision_names

MIRROR = ((5, (512, 512, 512)), (4, (512, 512, 256)), (3, (256, 256, 128)), (2, (128, 64)), (1, (64, None)))      # stage, channels; None for the classes


class SegNet(nn.Module):
    """Images (N, in_channels, H, W) -> logits (N, num_classes, H, W), for any H and W from 1 on.

    `unpool` chooses what enlarges the map: "switches" (the paper), or "corner", "nearest" or "bilinear", which ignore them. Raises ValueError for other
    choices, and for training batch normalisation on one picture of at most 16 pixels a side.
    """

    head = ("decoder.conv1_1_D.",)

    def __init__(self, num_classes, *, width=1.0, in_channels=3, batch_norm=True, dropout=0.5, unpool="switches"):
        super().__init__()
        check_way(unpool, WAYS)
        self.num_classes, self.in_channels, self.unpool = num_classes, in_channels, unpool
        self.features = switching_trunk(width=width, in_channels=in_channels, batch_norm=batch_norm, dropout=dropout)       # stride 32
        decoder, channels = {}, scaled(512, width)
        for stage, wide in MIRROR:
            decoder[f"unpool{stage}"] = Unpool(unpool)                                                                      # stride 2 ** (stage - 1)
            for number, out in zip(range(len(wide), 0, -1), wide, strict=True):
                conv = nn.Conv2d(channels, num_classes if out is None else scaled(out, width), 3, padding=1)
                channels = conv.out_channels
                parts = [("conv", conv)]
                if out is not None:
                    parts += [("bn", nn.BatchNorm2d(channels) if batch_norm else nn.Identity()), ("relu", nn.ReLU(inplace=True))]
                if number == 1 and stage >= 3:
                    parts += [("drop", nn.Dropout(dropout))]
                decoder[f"conv{stage}_{number}_D"] = nn.Sequential(OrderedDict(parts))
        self.decoder = nn.ModuleDict(decoder)
        he_initialise(self)
        nn.init.kaiming_normal_(self.decoder["conv1_1_D"].conv.weight)      # by fan-in, as Caffe counts: few classes would make a fan-out of wild scores

    def forward(self, images):
        return last(self._steps(self.encode(images)))

    def encode(self, images) -> Encoded:
        """The map after pool5 (N, 512 * width, h, w) as the code, with the five poolings' switches and sizes; h = ceil(H / 32)."""
        images = check_images(images, self.in_channels)
        if not isinstance(images, fx.Proxy):
            cells = [-(-side // 16) for side in images.shape[2:]]
            check_statistics(self.features["bn5_3"] if "bn5_3" in self.features else None, images, cells[0] * cells[1], "conv5")
        return run_trunk(self.features, images)

    def decode(self, encoded: Encoded):
        """The logits (N, num_classes, H, W) of what `encode` gave, or of code, switches and sizes put together anew. Raises ValueError where they do not fit."""
        return last(self.decode_steps(encoded))

    def decode_steps(self, encoded: Encoded):
        """Yield (name, map) after each unpooling and each convolution (its batch normalisation, ReLU and dropout included), conv1_1_D with the scores last.
        Raises ValueError as `decode` does."""
        check_encoded(encoded, self.decoder["conv5_3_D"].conv.in_channels, self.unpool)
        return self._steps(encoded)

    def _steps(self, encoded: Encoded):
        x = encoded.code
        for name, layer in self.decoder.items():
            if name.startswith("unpool"):
                stage = int(name[6]) - 1
                x = layer(x, encoded.switches[stage], encoded.sizes[stage])
            else:
                x = layer(x)
            yield name, x

    def load_vgg16(self, state: dict) -> list[str]:
        """Start from the convolutions of VGG16's ImageNet weights under torchvision's names.

        Returns the names of the layers for which `state` had nothing. Raises ValueError where the shapes do not fit (width must be 1).
        """
        return copy_vgg16(self, {f"features.{ours}": theirs for ours, theirs in torchvision_names().items()}, state)
