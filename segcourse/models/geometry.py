"""Where a map lies over the picture: cell i of a map has its centre at pixel ``scale * i + shift``, and every layer moves both by a rule.

The crop offsets of an FCN follow from this; none is typed in.
"""

from dataclasses import dataclass
from fractions import Fraction

from torch import nn


def _first(value) -> int:
    return value[0] if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Grid:
    """The centres of a map's cells along one axis, in input pixels: ``scale * i + shift``."""

    scale: Fraction = Fraction(1)
    shift: Fraction = Fraction(0)

    def after(self, layer: nn.Module) -> "Grid":
        """The grid of the map which `layer` makes of a map with this grid. Layers without a kernel change nothing."""
        if not hasattr(layer, "kernel_size"):
            return self
        kernel, stride, padding = (_first(getattr(layer, name)) for name in ("kernel_size", "stride", "padding"))
        middle = Fraction(_first(getattr(layer, "dilation", 1)) * (kernel - 1), 2) - padding      # of the kernel, from its first tap on the grid
        if isinstance(layer, nn.ConvTranspose2d):
            scale = self.scale / stride
            return Grid(scale, self.shift - scale * middle)
        return Grid(self.scale * stride, self.shift + self.scale * middle)

    def after_all(self, layers) -> "Grid":
        """The grid after several layers."""
        grid = self
        for layer in layers:
            grid = grid.after(layer)
        return grid

    def offset_in(self, larger: "Grid") -> int:
        """The cell of `larger` (same scale) which lies where cell 0 of this grid lies. Raises ValueError where the cells do not meet."""
        cells = (self.shift - larger.shift) / larger.scale
        if self.scale != larger.scale or cells.denominator != 1:
            raise ValueError(f"the cells of {self} and {larger} do not lie on each other")
        return int(cells)


def crop(larger, offset: int, reference):
    """Cut `larger` (N, C, H, W) down to the height and width of `reference`, from cell `offset` on."""
    height, width = reference.shape[2], reference.shape[3]
    return larger[:, :, offset:offset + height, offset:offset + width]
