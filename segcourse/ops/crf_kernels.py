"""The kernels of a fully connected CRF: which pixels listen to which, and how strongly. On the lattice, and by the definition.

Krähenbühl and Koltun, *Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials*, NIPS 2011, section 2 and equation 3. As in
pydensecrf, a kernel's sum over j includes j = i, and the kernel is normalised.
"""

import torch
from torch import Tensor

from segcourse.ops.permutohedral import Permutohedral

NORMALISATIONS = ("symmetric", "before", "after", "none")
PAIRS = 2**22               # entries of the exact kernel that are held at a time: 16 MB of float32


def crf_features(image: Tensor, xy: float, rgb: float | None = None, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Image uint8 (N, 3, H, W) -> (N, 5, H * W): x / xy, y / xy, red / rgb, green / rgb, blue / rgb of each pixel; without rgb the places alone."""
    n, _, height, width = image.shape
    x = torch.arange(width, dtype=dtype, device=image.device) / xy
    y = torch.arange(height, dtype=dtype, device=image.device) / xy
    places = torch.stack([x.expand(height, width), y.view(-1, 1).expand(height, width)]).view(1, 2, -1).expand(n, 2, -1)
    return places if rgb is None else torch.cat([places, image.reshape(n, 3, -1).to(dtype) / rgb], 1)


class _ByDefinition(torch.autograd.Function):
    """exp(-|f_i - f_j|^2 / 2) times values, row block by row block; nothing of the kernel is kept. It is symmetric: backward is the same again."""

    @staticmethod
    def forward(ctx, values, features):
        ctx.features = features
        n, _, pixels = features.shape
        out = []
        for f, v in zip(features, values.view(n, pixels, -1), strict=True):
            for rows in f.split(max(1, PAIRS // pixels), 1):
                distance = sum((a.view(-1, 1) - b).square_() for a, b in zip(rows, f, strict=True))
                out.append(distance.mul_(-0.5).exp_() @ v)
        return torch.cat(out)

    @staticmethod
    def backward(ctx, grad):
        return _ByDefinition.apply(grad.contiguous(), ctx.features), None


class ExactKernel:
    """filter(values): the sum over all j, in time and (in blocks) memory for all pairs of pixels."""

    def __init__(self, features: Tensor, normalisation: str = "symmetric"):
        self.features = features
        ones = features.new_ones(features.shape[0] * features.shape[2], 1)
        self.before, self.after = scales(_ByDefinition.apply(ones, features), normalisation)

    def filter(self, values: Tensor) -> Tensor:
        """Values (N * pixels, columns) -> the same shape."""
        return _ByDefinition.apply(values * self.before, self.features) * self.after


class LatticeKernel:
    """filter(values): the same up to the lattice's error, in time that grows with the pixels."""

    def __init__(self, features: Tensor, normalisation: str = "symmetric"):
        self.lattice = Permutohedral(features)
        ones = features.new_ones(features.shape[0] * features.shape[2], 1)
        before, after = scales(self.lattice.filter(ones), normalisation)
        self.lattice.scale(before, after)

    def filter(self, values: Tensor) -> Tensor:
        """Values (N * pixels, columns) -> the same shape."""
        return self.lattice.filter(values)


def scales(norm: Tensor, normalisation: str) -> tuple[Tensor, Tensor]:
    """What values are multiplied by before and after the kernel, given the kernel's row sums `norm` (n, 1): D^-1/2 K D^-1/2 where symmetric,
    K D^-1 before, D^-1 K after."""
    one = torch.ones_like(norm)
    if normalisation == "symmetric":
        return norm.rsqrt(), norm.rsqrt()
    return {"before": (1 / norm, one), "after": (one, 1 / norm), "none": (one, one)}[normalisation]
