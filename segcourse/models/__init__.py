"""The papers' networks, one file each: images (N, C, H, W) in, logits (N, classes, H, W) out, as large as the images."""

import difflib

from segcourse.language import say
from segcourse.models import deconvnet, deeplab_v1, dense, fcn, pixels, segnet, vgg
from segcourse.models.deconvnet import DeconvNet
from segcourse.models.deeplab_v1 import DeepLabV1
from segcourse.models.dense import enlarge, scorer, scores
from segcourse.models.fcn import FCN8s, FCN16s, FCN32s, FCNAlexNet
from segcourse.models.pixels import PixelNet
from segcourse.models.segnet import SegNet
from segcourse.models.unpooling import Encoded

_BUILDERS = {"pixelnet": PixelNet, "fcn32s": FCN32s, "fcn16s": FCN16s, "fcn8s": FCN8s, "fcn_alexnet": FCNAlexNet, "deeplab_v1": DeepLabV1,
             "deconvnet": DeconvNet, "segnet": SegNet}

__all__ = ["DeconvNet", "DeepLabV1", "Encoded", "FCN8s", "FCN16s", "FCN32s", "FCNAlexNet", "PixelNet", "SegNet", "create", "deconvnet", "deeplab_v1",
           "dense", "enlarge", "fcn", "names", "pixels", "scorer", "scores", "segnet", "vgg"]


def names() -> list[str]:
    """The names that `create` knows."""
    return list(_BUILDERS)


def create(name, num_classes, *, width=1.0, in_channels=3, **options):
    """Build the network called `name` (see `names`) with fresh weights.

    `width` scales every layer's channels; `options` are the network's own (padding, dropout, batch_norm ...). Raises ValueError for an unknown
    name (with the nearest), a width or a number of classes that makes no network, or an option that the network does not have.
    """
    if name not in _BUILDERS:
        near = difflib.get_close_matches(str(name), _BUILDERS, n=1, cutoff=0.3)
        hint_en, hint_ko = (f"; did you mean {near[0]!r}?", f" 혹시 {near[0]!r}인가요?") if near else (":", "")
        raise ValueError(say(en=f"no model is called {name!r}{hint_en} choose among {', '.join(_BUILDERS)}",
                             ko=f"{name!r}라는 모델은 없어요.{hint_ko} {', '.join(_BUILDERS)} 중에서 골라 주세요."))
    if not (isinstance(num_classes, int) and num_classes >= 1):
        raise ValueError(say(en=f"num_classes must be a whole number from 1 on, got {num_classes!r}", ko=f"num_classes는 1 이상의 정수여야 하는데 {num_classes!r}이에요. 고쳐 주세요."))
    if not 0 < width <= 8:
        raise ValueError(say(en=f"width must lie above 0 and at most at 8, got {width}; 1.0 is the paper's", ko=f"width는 0보다 크고 8 이하여야 하는데 {width}이에요. 논문 값은 1.0이에요. 고쳐 주세요."))
    if not (isinstance(in_channels, int) and in_channels >= 1):
        raise ValueError(say(en=f"in_channels must be a whole number from 1 on, got {in_channels!r}", ko=f"in_channels는 1 이상의 정수여야 하는데 {in_channels!r}이에요. 고쳐 주세요."))
    try:
        return _BUILDERS[name](num_classes, width=width, in_channels=in_channels, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        option = str(error).split("'")[-2]
        raise ValueError(say(en=f"{name} has no option {option!r}: leave it out or check its name", ko=f"{name}에는 {option!r} 옵션이 없어요. 이름을 확인해 주세요.")) from error
