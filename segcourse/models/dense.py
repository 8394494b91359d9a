"""A network as a plain row of layers up to its scores, for `ops.make_dense`, and scores of any grid brought to the picture's size."""

import torch
import torch.nn.functional as F
from torch import nn

from segcourse.language import say
from segcourse.models.deeplab_v1 import DeepLabV1, row_of
from segcourse.models.fcn import FCN32s, FCNAlexNet
from segcourse.models.geometry import Grid
from segcourse.models.pixels import PixelNet


def scorer(model: nn.Module) -> nn.Sequential:
    """The layers of `model` up to and including its scores, as an nn.Sequential that shares its weights: images (N, C, H, W) -> (N, classes, h, w).

    For the networks whose scores come from one map: fcn32s, fcn_alexnet, deeplab_v1 and pixelnet. Raises ValueError for others (16s and 8s add
    the scores of several maps).
    """
    if isinstance(model, DeepLabV1):
        return model.scorer()
    if isinstance(model, PixelNet):
        return row_of(model, [("features", model.features), ("score", model.score)])
    if not isinstance(model, (FCN32s, FCNAlexNet)):
        raise ValueError(say(en=f"the scores of {type(model).__name__} do not come from one row of layers: use fcn32s, fcn_alexnet, deeplab_v1 or pixelnet",
                             ko=f"{type(model).__name__}의 점수는 층 한 줄로 나오지 않아요. fcn32s, fcn_alexnet, deeplab_v1, pixelnet 가운데 하나를 써 주세요."))
    rows = [("features", model.features)]
    for number in ("6", "7"):
        rows += [(f"fc{number}", getattr(model, f"fc{number}"))]
        rows += [(f"bn{number}", getattr(model, f"bn{number}"))] if hasattr(model, f"bn{number}") else []
        rows += [(f"relu{number}", nn.ReLU()), (f"drop{number}", model.dropout)]
    return row_of(model, [*rows, ("score_fr", model.score_fr)])


def scores(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The score map of `model` before it is enlarged: images (N, C, H, W) -> (N, classes, h, w). Networks and errors as `scorer`."""
    return model.scores(images) if isinstance(model, DeepLabV1) else scorer(model)(images)


def grid(layers: nn.Module) -> Grid:
    """Where the cells of the map of `layers` (a scorer, a trunk, a dense copy of one) lie: cell i has its centre at pixel scale * i + shift."""
    place = Grid()
    for layer in layers.modules():
        if isinstance(layer, (nn.ZeroPad2d, nn.ConstantPad2d)):
            place = Grid(place.scale, place.shift - place.scale * layer.padding[2])
        place = place.after(layer)
    return place


def enlarge(scores: torch.Tensor, grid: Grid, size: tuple[int, int]) -> torch.Tensor:
    """Bring a score map (N, C, h, w) whose cells lie as `grid` says to `size` (H, W), bilinearly; beyond the outermost centres the scores stay.

    For any grid, so that maps of output stride 32, 16 and 8 of one network can be laid over the same picture.
    """
    ways = []
    for side, cells in zip(size, scores.shape[2:], strict=True):
        places = (torch.arange(side, dtype=torch.float64) - float(grid.shift)) / float(grid.scale)
        ways.append((2 * places / max(cells - 1, 1) - 1).to(scores.device, scores.dtype))
    where = torch.stack(torch.meshgrid(*ways, indexing="ij")[::-1], -1).expand(len(scores), -1, -1, -1)      # grid_sample wants x before y
    return F.grid_sample(scores, where, mode="bilinear", padding_mode="border", align_corners=True)
