"""The kernels of a fully connected CRF: which pixels listen to which, and how strongly. On the lattice, and by the definition.

Krähenbühl and Koltun, *Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials*, NIPS 2011, section 2 and equation 3. As in
pydensecrf, a kernel's sum over j includes j = i, and the kernel is normalised.
"""

import torch
from torch import Tensor

from segcourse.ops.permutohedral import Permutohedral, slices, spread

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


class ExactKernels:
    """Kernels over one set of pixels, by the definition: time for all pairs of pixels."""

    def __init__(self, features: list[Tensor], normalisation: str):
        self.features = features
        ones = features[0].new_ones(features[0].shape[0] * features[0].shape[2], 1)
        self.scales = [_scales(_ByDefinition.apply(ones, each), normalisation, 1.0) for each in features]

    def messages(self, q: Tensor, factors: list) -> Tensor:
        """q (N * pixels, labels) -> the sum over kernels of their factor (a number, or a (labels, labels) matrix) times the kernel's sums."""
        total = 0
        for each, (before, after), factor in zip(self.features, self.scales, factors, strict=True):
            total = total + times(_ByDefinition.apply(q * before, each) * after, factor)
        return total


class LatticeKernels:
    """The same up to the lattice's error, in time that grows with the pixels. Factors are applied on the lattice's corners, which are fewer."""

    def __init__(self, features: list[Tensor], normalisation: str):
        self.lattices = [Permutohedral(each) for each in features]
        for lattice in self.lattices:
            lattice.weigh(*_scales(lattice.sums(), normalisation, None))
        self.slice = slices(self.lattices, [lattice.taken for lattice in self.lattices])

    def messages(self, q: Tensor, factors: list) -> Tensor:
        """As ExactKernels."""
        tables = [times(lattice.gather(q), factor) for lattice, factor in zip(self.lattices, factors, strict=True)]
        return spread(tables, self.lattices, self.slice)


def times(values: Tensor, factor) -> Tensor:
    """Values (rows, labels) by a number, or by a matrix."""
    return values @ factor if isinstance(factor, Tensor) and factor.dim() == 2 else values * factor


def _scales(norm: Tensor, normalisation: str, one) -> tuple:
    """What values are multiplied by before and after the kernel, given its row sums `norm`: D^-1/2 K D^-1/2 where symmetric, K D^-1 before,
    D^-1 K after."""
    if normalisation == "symmetric":
        root = norm.rsqrt()
        return root, root
    return {"before": (1 / norm, one), "after": (one, 1 / norm), "none": (one, one)}[normalisation]
