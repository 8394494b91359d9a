"""A Gaussian filter over any features in time that grows with the pixels, not with their pairs: the permutohedral lattice.

Adams, Baek and Davis, *Fast High-Dimensional Filtering Using the Permutohedral Lattice*, Eurographics 2010. Every pixel is a point in the space of
its features. That space is tiled by simplices; a pixel lays its values on the d + 1 corners of the one it lies in (splat), the values on the
corners are blurred along the d + 1 directions of the lattice (blur), and every pixel reads its corners again (slice).

All three steps are one operation, a sum of a few weighted rows of a table, and so is each one's transpose: `product`.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Rows(NamedTuple):
    """A sparse matrix, row by row: row i holds `weight` in the columns `column` from place start[i] up to, not with, start[i + 1]."""

    column: Tensor
    weight: Tensor
    start: Tensor

    def times(self, table: Tensor) -> Tensor:
        """This matrix (n, m) times a table (m, values): (n, values)."""
        return F.embedding_bag(self.column, table, self.start, mode="sum", per_sample_weights=self.weight, include_last_offset=True)


class _Product(torch.autograd.Function):
    """A sparse matrix times a table. Backward is its transpose: of a splat a slice, of a slice a splat, of a blur itself. So the gradient of
    splat, blurs, slice runs over the same lattice with the blurs in reverse order."""

    @staticmethod
    def forward(ctx, table, matrix, transposed):
        ctx.matrix, ctx.transposed = matrix, transposed
        return matrix.times(table)

    @staticmethod
    def backward(ctx, grad):
        return _Product.apply(grad.contiguous(), ctx.transposed, ctx.matrix), None, None


product = _Product.apply


def _elevate(features: Tensor) -> Tensor:
    """Features (d, n) -> (d + 1, n), on the plane whose coordinates sum to 0, scaled so that the blur below has standard deviation 1 (page 5)."""
    d = len(features)
    deviation = (2 / 3) ** 0.5 * (d + 1)
    elevated = features.new_empty(d + 1, features.shape[1])
    above = torch.zeros_like(features[0])
    for j in range(d, 0, -1):
        scaled = features[j - 1] * (deviation / ((j + 1) * j) ** 0.5)
        elevated[j] = above - j * scaled
        above = above + scaled
    elevated[0] = above
    return elevated


def _enclosing(elevated: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The simplex round each point, (d + 1, n) each: its corner of remainder 0 in units of d + 1, the order of the coordinates from the one that
    lies least far above that corner to the one that lies furthest, and how far that is, in the same order and units (pages 6 and 10)."""
    corners, d = len(elevated), len(elevated) - 1
    unit = 1 / torch.tensor(corners, dtype=elevated.dtype).item()
    base = (elevated * unit).round_()                                       # half to even, as pydensecrf
    offset = elevated - base * corners
    total = base.sum(0).to(torch.int8)
    rank = torch.zeros(elevated.shape, dtype=torch.int8, device=elevated.device)
    for i in range(corners):
        for j in range(i + 1, corners):
            behind = (offset[i] < offset[j]).view(torch.int8)               # of equals the first counts as the larger
            rank[i] += behind
            rank[j] += 1 - behind
    rank += total                                                           # where the corners' coordinates do not sum to 0, bring it back
    turn = (rank < 0).view(torch.int8) - (rank > d).view(torch.int8)
    rank += corners * turn
    base += turn
    beyond = (elevated - base * corners) * unit
    place = (d - rank).long()
    order = torch.empty_like(place).scatter_(0, place, torch.arange(corners, device=place.device).view(-1, 1).expand_as(place))
    return base.to(torch.int32), order, beyond.gather(0, order)


class Permutohedral:
    """The lattice under the points `features` (images, d, n): float, already divided by the kernel's standard deviations.

    filter(values) is (approximately) the sum over j of exp(-|f_i - f_j|^2 / 2) values_j, j = i included, within each image, up to a constant factor
    that depends on d and on how densely the lattice is filled; the kernel's normalisation takes it out again.
    Values are tables (images * n, any number of columns), contiguous. Images share one lattice but no corner.
    """

    def __init__(self, features: Tensor):
        images, d, n = features.shape
        corners, points = d + 1, images * n
        base, order, beyond = _enclosing(_elevate(features.transpose(0, 1).reshape(d, points)))
        device = base.device

        # A corner is an integer vector up to a multiple of (1, ..., 1). Differences of neighbours in it are d free integers: digits of one number.
        digits = base[:-1] - base[1:]
        low, high = digits.amin(1).tolist(), digits.amax(1).tolist()
        strides, size = [], 1
        for least, most in zip(low, high, strict=True):
            strides.append(size)
            size *= most - least + 5                                        # a corner may lie 1 off, its neighbour in a blur another 1
        wide = torch.int64 if size * images * corners >= 2**31 else torch.int32
        step = torch.tensor([a - b for a, b in zip([*strides, 0], [0, *strides], strict=True)], dtype=wide, device=device)
        key = torch.empty(corners, points, dtype=wide, device=device)
        key[0] = sum((digits[i].to(wide) - (low[i] - 2)) * strides[i] for i in range(d))
        if images > 1:
            key[0] += (torch.arange(images, device=device, dtype=wide) * size).repeat_interleave(n)
        for remainder in range(1, corners):                                 # from corner to corner one coordinate falls by d + 1, the rest rise by 1
            key[remainder] = key[remainder - 1] - step[order[remainder - 1]]
        span = size * images
        key += torch.arange(corners, device=device, dtype=wide).view(-1, 1) * span          # corners of one remainder stand together

        share = torch.empty_like(beyond)                                    # barycentric coordinates
        share[0] = beyond[0] + (1 - beyond[-1])
        torch.sub(beyond[1:], beyond[:-1], out=share[1:])

        key, place = key.view(-1).sort()
        new = torch.ones_like(key, dtype=torch.bool)
        torch.ne(key[1:], key[:-1], out=new[1:])
        start = new.nonzero().view(-1)
        lattice = key[start]
        slot = new.cumsum(0, dtype=torch.int32).sub_(1)
        self.size = len(lattice)

        pixel = (place.view(corners, points) - torch.arange(corners, device=device).view(-1, 1) * points).view(-1)
        places = torch.empty(points, corners, dtype=torch.int32, device=device)
        places.view(-1).scatter_(0, (pixel.view(corners, points) * corners + torch.arange(corners, device=device).view(-1, 1)).view(-1), slot)
        ends = torch.tensor([len(key), len(key)], device=device)            # the last row of the table stays 0: the neighbour of those that have none
        self.splat = Rows(pixel.int(), share.view(-1)[place], torch.cat([start, ends]).int())
        self.slice = Rows(places.view(-1), share.t().reshape(-1) / (1 + 2.0**-d), torch.arange(0, points * corners + 1, corners, dtype=torch.int32, device=device))
        self.blurs = self._blurs(lattice, step, span, corners, share.dtype)

    def _blurs(self, lattice, step, span, corners, dtype) -> list[Rows]:
        """Along each direction 1/2, 1, 1/2 over a corner and its two neighbours."""
        count, device = self.size, lattice.device
        remainder = lattice.div(span, rounding_mode="floor")
        back = torch.where(remainder == 0, (corners - 1) * span, -span)     # the next corner has remainder one less
        start = torch.arange(0, 3 * (count + 1) + 1, 3, dtype=torch.int32, device=device)
        weight = torch.tensor([1.0, 0.5, 0.5], dtype=dtype, device=device).repeat(count + 1)
        blurs = []
        for axis in range(corners):
            wanted = lattice + back + step[axis]
            found = torch.searchsorted(lattice, wanted).clamp_(max=count - 1)
            there = lattice[found] == wanted
            column = torch.full((count + 1, 3), count, dtype=torch.int32, device=device)
            column[:, 0] = torch.arange(count + 1, dtype=torch.int32, device=device)
            column[:count, 1] = torch.where(there, found, count)
            here = there.nonzero().view(-1)
            column[found[here], 2] = here.int()
            blurs.append(Rows(column.view(-1), weight, start))
        return blurs

    def scale(self, before: Tensor, after: Tensor) -> None:
        """From here on, filter values * before and multiply the result by after, (images * n, 1) each: both go into the weights, at no cost."""
        corners = len(self.blurs)
        self.splat = self.splat._replace(weight=self.splat.weight * before.view(-1)[self.splat.column])
        self.slice = self.slice._replace(weight=(self.slice.weight.view(-1, corners) * after.view(-1, 1)).view(-1))

    def filter(self, values: Tensor) -> Tensor:
        """Values (images * n, columns) -> the same shape: splat, blur along each direction, slice."""
        table = product(values, self.splat, self.slice)
        for blur in self.blurs:
            table = product(table, blur, blur)
        return product(table, self.slice, self.splat)
