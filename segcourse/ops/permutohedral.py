"""A Gaussian filter over any features in time that grows with the pixels, not with their pairs: the permutohedral lattice.

Adams, Baek and Davis, *Fast High-Dimensional Filtering Using the Permutohedral Lattice*, Eurographics 2010. Every pixel is a point in the space of
its features. That space is tiled by simplices; a pixel lays its values on the d + 1 corners of the one it lies in (splat), the values on the
corners are blurred along the d + 1 directions of the lattice (blur), and every pixel reads its corners again (slice).

All three steps are one operation, a sum of a few weighted rows of a table, and so is the transpose of each: `product`.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

ROOM = 8            # a table of all corners there could be is made where it has at most this many places for each corner of a simplex


class Rows(NamedTuple):
    """A sparse matrix, row by row: row i holds `weight` in the columns `column`, both from place start[i] up to, not with, start[i + 1]."""

    column: Tensor
    weight: Tensor
    start: Tensor

    def times(self, table: Tensor) -> Tensor:
        """This matrix (n, m) times a table (m, values): (n, values)."""
        return F.embedding_bag(self.column, table, self.start, mode="sum", per_sample_weights=self.weight, include_last_offset=True)


class Stacked(NamedTuple):
    """Sparse matrices, one below the other."""

    parts: list[Rows]

    def times(self, table: Tensor) -> Tensor:
        """This matrix times a table."""
        return torch.cat([part.times(table) for part in self.parts])


class _Product(torch.autograd.Function):
    """A sparse matrix times a table. Backward is the transpose: of a splat a slice, of a slice a splat, of a blur itself. So the gradient of
    splat, blurs, slice runs over the same lattice with the blurs in reverse order."""

    @staticmethod
    def forward(ctx, table, matrix, transpose):
        ctx.matrix, ctx.transpose = matrix, transpose
        return matrix.times(table)

    @staticmethod
    def backward(ctx, grad):
        matrix = ctx.matrix
        return _Product.apply(grad.contiguous(), ctx.transpose(), lambda: matrix), None, None


def product(table: Tensor, matrix: Rows | Stacked, transpose: Callable[[], Rows | Stacked]) -> Tensor:
    """matrix times table. transpose() makes the transposed matrix, and is called only where a gradient is asked for."""
    return _Product.apply(table, matrix, transpose)


class Permutohedral:
    """The lattice under the points `features` (images, d, n): float, already divided by the kernel's standard deviations.

    filter(values) is about the sum over j of exp(-|f_i - f_j|^2 / 2) values_j, j = i included, within each image, times a factor below 1 that depends
    on d and on how densely the lattice is filled. Values are contiguous tables (images * n, any number of columns).
    """

    def __init__(self, features: Tensor):
        images, d, n = features.shape
        self.corners, self.points = d + 1, images * n
        base, place, self.share = _enclosing(_elevate(features.transpose(0, 1).reshape(d, -1)))
        key, steps, size = _keys(base, place, images)
        found, self.corner, self._grouped, find = _numbered(key, size)      # corner, share (d + 1, points): which each point stands between, how near
        self.rows = len(found) + 1                                          # of the table; the last stays 0, for neighbours that are not there
        self.blurs = [self._blur(find(found + step), 1 / (1 + 2.0**-d) if last else 1.0) for step, last in zip(steps, [False] * d + [True], strict=True)]
        self.weigh(None, None)

    def _blur(self, ahead: Tensor, scale: float) -> Rows:
        """Along one direction: each corner, and half of the next one, `ahead`, and of the one before. (scale: page 7's, once for all directions)"""
        nowhere = self.rows - 1
        here = torch.arange(self.rows, dtype=torch.int32, device=ahead.device)
        ahead = F.pad(ahead, (0, 1), value=nowhere)
        before = torch.full_like(here, nowhere).scatter_(0, ahead.long(), here)
        before[nowhere] = nowhere
        weight = torch.tensor([scale, scale / 2, scale / 2], dtype=self.share.dtype, device=here.device).repeat(self.rows)
        return Rows(torch.stack([here, ahead, before], 1).view(-1), weight, _starts(self.rows, 3, here))

    def weigh(self, before: Tensor | None, after: Tensor | None) -> None:
        """From here on multiply values by before, and the result by after, (points,) each. Both go into the weights and cost the filter nothing."""
        self.given = self.share if before is None else self.share * before
        self.taken = self.given if after is before else self.share if after is None else self.share * after
        self._splat = None

    def splat(self, share: Tensor) -> Rows:
        """(rows, points): what each corner is given, `share` (d + 1, points) of each point's values."""
        if share is self.given and self._splat is not None:
            return self._splat
        points = torch.arange(self.points, dtype=torch.int32, device=share.device).repeat(self.corners)
        counts = torch.bincount(self.corner.view(-1), minlength=self.rows)
        matrix = Rows(points.index_select(0, self._grouped), share.view(-1).index_select(0, self._grouped), F.pad(counts.cumsum(0), (1, 0)).int())
        self._splat = matrix if share is self.given else self._splat
        return matrix

    def gather(self, values: Tensor) -> Tensor:
        """Splat and blur: values (points, columns) -> what then stands on the corners (rows, columns)."""
        table = product(values, self.splat(self.given), lambda: slices([self], [self.given]))
        for blur in self.blurs:
            table = product(table, blur, lambda blur=blur: blur)
        return table

    def sums(self) -> Tensor:
        """(points,): filter of ones, as if nothing was weighed."""
        table = self.share.new_zeros(self.rows).index_add_(0, self.corner.view(-1), self.share.view(-1)).view(-1, 1)
        for blur in self.blurs:
            table = blur.times(table)
        return (table.view(-1).index_select(0, self.corner.view(-1)).view_as(self.share) * self.share).sum(0)

    def filter(self, values: Tensor) -> Tensor:
        """Splat, blur, slice: values (points, columns) -> the same shape."""
        return spread([self.gather(values)], [self])


def slices(lattices: list[Permutohedral], shares: list[Tensor]) -> Rows:
    """(points, rows of all lattices): what each point takes of its corners, in several lattices over the same points at once."""
    before, corner = 0, []
    for lattice in lattices:
        corner.append(lattice.corner + before)
        before += lattice.rows
    corner = torch.cat(corner)
    return Rows(corner.t().reshape(-1), torch.cat(shares).t().reshape(-1), _starts(corner.shape[1], corner.shape[0], corner))


def spread(tables: list[Tensor], lattices: list[Permutohedral], matrix: Rows | None = None) -> Tensor:
    """Slice: the tables on the lattices' corners -> (points, columns), their sum at each point. matrix: slices() of the lattices, if at hand."""
    taken = [lattice.taken for lattice in lattices]
    matrix = slices(lattices, taken) if matrix is None else matrix
    return product(torch.cat(tables), matrix, lambda: Stacked([lattice.splat(share) for lattice, share in zip(lattices, taken, strict=True)]))


def _starts(rows: int, each: int, like: Tensor) -> Tensor:
    return torch.arange(0, rows * each + 1, each, dtype=torch.int32, device=like.device)


def _elevate(features: Tensor) -> Tensor:
    """Features (d, points) -> (d + 1, points) in the plane whose coordinates sum to 0, scaled so that the blur has standard deviation 1 (page 5)."""
    d = len(features)
    deviation = (2 / 3) ** 0.5 * (d + 1)
    elevated = features.new_empty(d + 1, features.shape[1])
    above = torch.zeros_like(features[0])
    for j in range(d, 0, -1):
        scaled = features[j - 1] * (deviation / ((j + 1) * j) ** 0.5)
        torch.sub(above, j * scaled, out=elevated[j])
        above = above + scaled
    elevated[0] = above
    return elevated


def _enclosing(elevated: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The simplex round each point (pages 6 and 10), (d + 1, points) each: its corner of remainder 0, in units of d + 1; the place of each coordinate
    among the d + 1 when ordered by how far the point lies beyond that corner, 0 for the least; and the point's share of each corner, from remainder 0 up."""
    corners, d = len(elevated), len(elevated) - 1
    unit = torch.tensor(1 / corners, dtype=elevated.dtype).item()
    base = (elevated * unit).round_()                                       # half to even, as pydensecrf
    offset = torch.sub(elevated, base, alpha=corners)
    place = base.sum(0).to(torch.int8).neg_() + torch.zeros(corners, 1, dtype=torch.int8, device=base.device)
    for i in range(corners):
        for j in range(i + 1, corners):
            less = (offset[i] < offset[j]).view(torch.int8)
            place[j] += less
            place[i] += 1 - less                                            # of equals the first is placed above
    turn = (place > d).view(torch.int8) - (place < 0).view(torch.int8)      # where the rounded corner left the plane: round the cycle, back into it
    place -= corners * turn
    base += turn
    beyond = list(torch.sub(elevated, base, alpha=corners).mul_(unit))
    for turn in range(corners):                                             # sorted, by exchanging neighbours
        for i in range(turn % 2, d, 2):
            beyond[i], beyond[i + 1] = torch.minimum(beyond[i], beyond[i + 1]), torch.maximum(beyond[i], beyond[i + 1])
    share = torch.empty_like(elevated)
    torch.add(beyond[0], 1 - beyond[d], out=share[0])
    for i in range(1, corners):
        torch.sub(beyond[i], beyond[i - 1], out=share[i])
    return base, place, share


def _keys(base: Tensor, place: Tensor, images: int) -> tuple[Tensor, list[int], int]:
    """(One number for each corner (d + 1, points), what is added to it for a step along each direction, how many numbers there could be).

    Counted in units of d + 1, from corner to corner of a simplex one coordinate falls by 1, that of place 0 first, and a corner is a vector of d + 1
    integers up to a multiple of (1, ..., 1). The differences of neighbours in it are d integers, which do not see the multiple: the number's digits.
    """
    d = len(base) - 1
    digits = base[:-1] - base[1:]
    lows, highs = torch.stack([digits.amin(1), digits.amax(1)]).long().tolist()
    weights, size = [], 1
    for low, high in zip(lows, highs, strict=True):
        weights.append(size)
        size *= high - low + 5                                              # a corner is up to 1 off, its neighbour along a blur 1 more, on either side
    steps = [weight - left for weight, left in zip([*weights, 0], [0, *weights], strict=True)]
    kind = torch.int32 if size * images < 2**31 else torch.int64
    key = torch.empty(base.shape, dtype=kind, device=base.device)
    first = torch.zeros_like(key[0])
    for digit, low, weight in zip(digits, lows, weights, strict=True):
        first += (digit.to(kind) - (low - 2)) * weight
    if images > 1:
        first.view(images, -1).add_(torch.arange(images, dtype=kind, device=base.device).view(-1, 1) * size)
    key[:] = first
    remainder = torch.arange(1, d + 1, dtype=torch.int8, device=base.device).view(-1, 1)
    for coordinate, step in zip(place, steps, strict=True):
        key[1:].sub_((coordinate < remainder).to(kind), alpha=step)
    return key, steps, size * images


def _numbered(key: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """(The keys that occur, in order; for each key its number among them; the places of the keys, those of one number together; the function that
    looks keys up, giving their number, or how many there are for keys that do not occur)."""
    flat, device = key.view(-1), key.device
    if size <= ROOM * len(flat):
        seen = torch.zeros(size, dtype=torch.bool, device=device).index_fill_(0, flat.long(), True)
        found = seen.nonzero().view(-1)
        number = torch.full((size,), len(found), dtype=torch.int32, device=device)
        number.index_copy_(0, found, torch.arange(len(found), dtype=torch.int32, device=device))
        slot = number.index_select(0, flat)
        short = (slot - 2**15).to(torch.int16) if len(found) <= 2**16 else slot         # 16 bits sort twice as fast as 32
        return found.to(key.dtype), slot.view_as(key), short.sort(stable=True).indices, lambda wanted: number.index_select(0, wanted)
    ordered, grouped = flat.sort(stable=True)
    new = F.pad(ordered[1:] != ordered[:-1], (1, 0), value=True)
    found = ordered[new]
    slot = torch.empty(len(flat), dtype=torch.int32, device=device).scatter_(0, grouped, new.cumsum(0, dtype=torch.int32).sub_(1))

    def find(wanted):
        number = torch.searchsorted(found, wanted).clamp_(max=len(found) - 1)
        return torch.where(found.index_select(0, number) == wanted, number, len(found)).int()
    return found, slot.view_as(key), grouped, find
