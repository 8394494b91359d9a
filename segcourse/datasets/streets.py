"""Streets: street scenes drawn by the package, with CamVid's eleven classes and void, from a seed.

A scene is a flat street under a sky: a horizon, a vanishing point, a camera so many metres above the ground. Everything stands on the ground at some
depth and is painted from far to near, image and label with the same outlines, at twice the size; light, shadow, texture, haze and sensor noise
follow. Colours are shared between the classes on purpose (a car, a house, a jacket and a sign may wear the same red, road and pavement the
same grey), and the camera stands high or low, on the road or beside it, so that neither colour nor place tells the class.

Scenes depend on the split, the index and the size alone. Splits never share a seed.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from segcourse.datasets import palettes
from segcourse.datasets.base import Dataset
from segcourse.language import say

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST, VOID = range(12)
COUNTED = (CAR, PEDESTRIAN, BICYCLIST, SIGN, POLE)      # classes whose objects `instance` counts
LENGTHS = {"train": 600, "valid": 100, "test": 100}
_SPLIT_SEEDS = {"train": 11, "valid": 23, "test": 61}       # no recipe was chosen by looking at the test scenes
SMALLEST = 32

# sky above, sky at the horizon, light on things (R, G, B), how dark shadows are (1 is none), haze, and the colours of leaves
_MOODS = (
    ((84, 142, 212), (196, 219, 236), (1.04, 1.02, 0.97), 0.52, 0.35, ((62, 108, 52), (92, 132, 60), (48, 88, 58))),        # noon
    ((118, 160, 206), (248, 226, 192), (1.10, 1.00, 0.86), 0.55, 0.55, ((84, 118, 58), (110, 128, 62), (70, 96, 60))),      # morning
    ((172, 180, 188), (216, 219, 219), (0.96, 0.98, 1.00), 0.86, 0.50, ((66, 98, 66), (86, 110, 72), (56, 84, 62))),        # overcast
    ((228, 232, 236), (240, 241, 240), (1.00, 1.00, 1.01), 0.80, 0.60, ((78, 104, 64), (98, 118, 84), (60, 82, 60))),       # white sky
    ((72, 76, 128), (240, 164, 120), (0.86, 0.70, 0.66), 0.70, 0.55, ((58, 70, 48), (76, 78, 54), (50, 60, 56))),           # dusk
    ((126, 172, 214), (222, 228, 226), (1.08, 1.00, 0.90), 0.55, 0.40, ((176, 104, 44), (196, 146, 56), (138, 70, 44))),    # autumn
    ((160, 172, 190), (206, 208, 212), (0.92, 0.95, 1.02), 0.75, 0.55, ((92, 82, 76), (110, 100, 92), (74, 72, 74))),       # winter
    ((104, 112, 122), (164, 170, 174), (0.74, 0.78, 0.82), 0.90, 0.65, ((50, 76, 56), (64, 86, 60), (46, 64, 56))),         # rain
)
# One list for houses, cars, clothes, signs and fences: nothing may be told by its paint.
_PAINTS = ((168, 88, 70), (196, 150, 98), (214, 202, 178), (150, 148, 146), (96, 98, 104), (128, 146, 170), (140, 160, 128), (206, 142, 122),
           (124, 92, 72), (228, 226, 220), (176, 170, 190), (70, 84, 110), (186, 60, 56), (52, 88, 160), (212, 176, 70), (60, 62, 66), (88, 118, 84), (158, 176, 196))


@lru_cache(maxsize=1)
def _textures() -> np.ndarray:
    """One tileable texture for each class and void: float32 (12, 256, 256), about zero."""
    rng = np.random.Generator(np.random.PCG64(2015))

    def noise(*sizes):
        total = np.zeros((256, 256), np.float32)
        for size, amount in sizes:
            small = rng.random((256 // size[0], 256 // size[1]), dtype=np.float32) - 0.5
            grown = np.repeat(np.repeat(small, size[0], 0), size[1], 1)
            if max(size) > 2:                                       # soften the blocks, around the edges of the tile too
                for axis, length in enumerate(size):
                    for shift in range(1, length, 2):
                        grown = (grown + np.roll(grown, shift, axis)) / 2 if shift > 1 else grown
            total += amount * grown / max(float(grown.std()), 1e-6)
        return total

    rows = (np.arange(256) % 6 < 1).astype(np.float32)[:, None]
    out = np.zeros((12, 256, 256), np.float32)
    out[SKY] = noise(((32, 64), 3.5), ((16, 32), 2.0))
    out[BUILDING] = noise(((2, 4), 4.0), ((16, 8), 2.5)) - 7.0 * rows
    out[POLE] = noise(((8, 2), 5.0))
    out[ROAD] = noise(((1, 1), 5.0), ((2, 8), 3.0), ((32, 32), 2.5))
    out[PAVEMENT] = noise(((1, 1), 4.0), ((8, 8), 4.0))
    out[TREE] = noise(((4, 4), 15.0), ((2, 2), 9.0), ((16, 16), 10.0))
    out[SIGN] = noise(((1, 1), 2.5))
    out[FENCE] = noise(((16, 2), 7.0))
    out[CAR] = noise(((8, 16), 3.5))
    out[PEDESTRIAN] = noise(((4, 2), 7.0))
    out[BICYCLIST] = noise(((4, 2), 7.0))
    out[VOID] = noise(((8, 8), 5.0))
    return out


class _Scene:
    """One scene while it is being painted. Lengths on the ground are in metres, on the canvas in pixels of twice the image's size."""

    def __init__(self, seed, size: tuple[int, int], with_instances: bool):
        self.rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
        self._pool = iter(self.rng.random(4000).tolist())
        self.h, self.w = 2 * size[0], 2 * size[1]
        self.image = Image.new("RGB", (self.w, self.h))
        self.label = Image.new("L", (self.w, self.h), SKY)
        self.count = Image.new("I", (self.w, self.h)) if with_instances else None
        self.draw, self.mark = ImageDraw.Draw(self.image), ImageDraw.Draw(self.label)
        self.number = ImageDraw.Draw(self.count) if with_instances else None
        self.objects = 0
        self.current = 0
        self.sky_top, self.sky_low, self.light, self.shade, self.haze, self.leaves = _MOODS[int(self.random() * len(_MOODS))]
        self.sun = -1.0 if self.random() < 0.5 else 1.0
        self.horizon = self.between(0.28, 0.58) * self.h
        self.vanish = self.between(0.2, 0.8) * self.w
        self.camera = self.between(1.25, 2.7)               # metres above the ground
        self.curve = self.between(-0.35, 0.35) * self.w if self.random() < 0.35 else 0.0
        self.ground = self.h - self.horizon
        self.focal = 1.05 * self.h

    # -- chance ---------------------------------------------------------------------------------------------------------------
    def random(self) -> float:
        return next(self._pool)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * next(self._pool)

    def pick(self, things):
        return things[int(next(self._pool) * len(things))]

    def paint(self, spread: float = 22.0) -> tuple[float, float, float]:
        base = self.pick(_PAINTS)
        grey = self.between(-spread, spread)
        return tuple(channel + grey + self.between(-8, 8) for channel in base)

    # -- geometry -------------------------------------------------------------------------------------------------------------
    def scale(self, t: float) -> float:
        """Pixels a metre at depth t: 1 is the bottom of the canvas, 0 the horizon."""
        return t * self.ground / self.camera

    def x(self, metres: float, t: float) -> float:
        return self.vanish + self.curve * (1 - t) * abs(1 - t) + metres * self.scale(t)

    def y(self, t: float) -> float:
        return self.horizon + t * self.ground

    def deeper(self, t: float, metres: float) -> float:
        """The depth `metres` behind depth t."""
        distance = self.focal * self.camera / (t * self.ground)
        return self.focal * self.camera / (self.ground * (distance + metres))

    # -- paint ----------------------------------------------------------------------------------------------------------------
    def colour(self, rgb, t: float = 1.0, light: float = 1.0) -> tuple[int, int, int]:
        far = self.haze * (1 - 1.6 * t) if t < 0.62 else 0.0
        near = (1 - far) * light
        gain, low = self.light, self.sky_low
        red, green, blue = (int(near * rgb[0] * gain[0] + far * low[0]), int(near * rgb[1] * gain[1] + far * low[1]), int(near * rgb[2] * gain[2] + far * low[2]))
        return (0 if red < 0 else 255 if red > 255 else red, 0 if green < 0 else 255 if green > 255 else green, 0 if blue < 0 else 255 if blue > 255 else blue)

    def polygon(self, points, colour, kind: int | None = None) -> None:
        points = [(int(px + 0.5), int(py + 0.5)) for px, py in points]
        self.draw.polygon(points, fill=colour)
        if kind is not None:
            self.mark.polygon(points, fill=kind)
            if self.number:
                self.number.polygon(points, fill=self.current if kind in COUNTED else 0)

    def box(self, left, top, right, bottom, colour, kind: int | None = None) -> None:
        left, top, right, bottom = int(left + 0.5), int(top + 0.5), int(right + 0.5), int(bottom + 0.5)
        if right < left or bottom < top or right < 0 or bottom < 0 or left > self.w or top > self.h:
            return
        corners = (left, top, right, bottom)
        self.draw.rectangle(corners, fill=colour)
        if kind is not None:
            self.mark.rectangle(corners, fill=kind)
            if self.number:
                self.number.rectangle(corners, fill=self.current if kind in COUNTED else 0)

    def ellipse(self, left, top, right, bottom, colour, kind: int | None = None) -> None:
        left, top, right, bottom = int(left + 0.5), int(top + 0.5), int(right + 0.5), int(bottom + 0.5)
        if right < left or bottom < top or right < 0 or bottom < 0 or left > self.w or top > self.h:
            return
        self.draw.ellipse((left, top, right, bottom), fill=colour)
        if kind is not None:
            self.mark.ellipse((left, top, right, bottom), fill=kind)
            if self.number:
                self.number.ellipse((left, top, right, bottom), fill=self.current if kind in COUNTED else 0)

    def line(self, points, colour, width, kind: int | None = None) -> None:
        points = [(int(px + 0.5), int(py + 0.5)) for px, py in points]
        width = max(1, int(width + 0.5))
        self.draw.line(points, fill=colour, width=width)
        if kind is not None:
            self.mark.line(points, fill=kind, width=max(2, width))
            if self.number:
                self.number.line(points, fill=self.current if kind in COUNTED else 0, width=max(2, width))

    def new_object(self) -> None:
        self.objects += 1
        self.current = self.objects

    # -- sky and ground -------------------------------------------------------------------------------------------------------
    def paint_sky(self) -> None:
        bands = 14
        for band in range(bands):
            share = band / (bands - 1)
            colour = tuple(int(a + (b - a) * share) for a, b in zip(self.sky_top, self.sky_low))
            top = self.horizon * band / bands
            self.draw.rectangle((0, int(top), self.w, int(self.horizon * (band + 1) / bands) + 1), fill=colour)
        self.draw.rectangle((0, int(self.horizon), self.w, self.h), fill=self.sky_low)
        for _ in range(int(self.between(0, 6))):
            cx, cy, wide = self.random() * self.w, self.random() * self.horizon * 0.8, self.between(0.08, 0.25) * self.w
            tint = tuple(int(0.55 * a + 0.45 * b) for a, b in zip(self.sky_low, (250, 250, 250) if self.shade < 0.8 else self.sky_top))
            for _ in range(4):
                dx, r = self.between(-0.6, 0.6) * wide, self.between(0.25, 0.5) * wide
                self.draw.ellipse((int(cx + dx - r), int(cy - 0.3 * r), int(cx + dx + r), int(cy + 0.3 * r)), fill=tint)

    def strip(self, left, right, t0, t1, colour, kind=None, steps=7) -> None:
        """A strip of ground between `left` and `right` metres, from depth t0 (far) to t1 (near)."""
        depths = [t0 + (t1 - t0) * (step / steps) ** 1.6 for step in range(steps + 1)]
        edge = [(self.x(left, t), self.y(t)) for t in depths]
        edge += [(self.x(right, t), self.y(t)) for t in reversed(depths)]
        self.polygon(edge, colour, kind)

    def paint_ground(self) -> None:
        grey = self.between(84, 140)
        tone = self.between(-10, 12), self.between(-7, 7), self.between(-12, 10)
        gap = self.between(9, 34) * (1 if self.random() < 0.65 else -1)
        road = tuple(grey + part for part in tone)
        walk = tuple(grey + gap + part * self.between(-0.5, 1.6) for part in tone)
        if self.random() < 0.3:                                                # brick or sandstone paving
            walk = tuple(c + d for c, d in zip(walk, (26, 4, -12)))
        self.box(0, self.horizon, self.w, self.h, self.colour(walk, 0.7), PAVEMENT)
        offset = self.between(-6.5, 6.5) if self.random() < 0.55 else self.between(-2.5, 2.5)
        self.left, self.right = offset - self.between(3.2, 5.5), offset + self.between(3.2, 5.5)
        for metres in (-9, -6, -3, 3, 6, 9):                                     # joints of the paving
            side = self.left if metres < 0 else self.right
            near = [(self.x(side + metres / 2, t), self.y(t)) for t in (0.12, 0.5, 1.15)]
            self.line(near, self.colour(tuple(c - 16 for c in walk), 0.8), 1)
        for step in range(12):
            t = 1.1 / (1 + 0.35 * step)
            y = self.y(t)
            self.line([(0, y), (self.w, y)], self.colour(tuple(c - 12 for c in walk), 0.8), 1)
        self.strip(self.left, self.right, 0.0, 1.25, self.colour(road, 0.8), ROAD)
        if self.random() < 0.3:                                                # a side street
            t0 = self.between(0.12, 0.5)
            t1 = t0 * self.between(1.25, 1.6)
            self.box(0, self.y(t0), self.w, self.y(t1), self.colour(road, 0.8), ROAD)
            self.junction = (t0, t1)
        else:
            self.junction = None
        kerb = self.colour(tuple(c + 38 for c in walk), 0.8)
        for edge in (self.left, self.right):
            self.strip(edge - 0.08, edge + 0.08, 0.03, 1.25, kerb, PAVEMENT)
        if self.junction:
            self.box(0, self.y(self.junction[0]), self.w, self.y(self.junction[1]), self.colour(road, 0.8), ROAD)
        white = self.colour((226, 224, 214), 0.8)
        middle = (self.left + self.right) / 2
        if self.random() < 0.75:
            z = 1.0
            for _ in range(9):                                                 # the broken middle line
                near, far = 1.2 / z, 1.2 / (z + 0.35)
                self.strip(middle - 0.09, middle + 0.09, far, near, white, steps=2)
                z += 0.8
        if self.random() < 0.25:                                               # a crossing
            t = self.between(0.3, 0.75)
            metres = self.left
            while metres < self.right:
                self.strip(metres + 0.15, metres + 0.6, t * 0.86, t, white, steps=2)
                metres += 0.95
        for _ in range(int(self.between(0, 4))):                               # patches and manholes
            t, metres = self.between(0.2, 1.0), self.between(self.left, self.right)
            s = self.scale(t)
            self.draw.ellipse([int(v) for v in (self.x(metres, t) - 0.45 * s, self.y(t) - 0.09 * s, self.x(metres, t) + 0.45 * s, self.y(t) + 0.09 * s)],
                              fill=self.colour(tuple(c - 26 for c in road), t))

    # -- what stands on it ----------------------------------------------------------------------------------------------------
    def plan(self) -> None:
        """Decide what stands where, and remember it by depth."""
        things = []
        for side, edge in ((-1, self.left), (1, self.right)):
            things += self.plan_side(side, edge)
        for _ in range(int(self.between(1, 5.2))):
            parked = self.random() < 0.6
            t = 0.09 + 0.85 * self.random() ** 1.5
            edge = self.pick((self.left + 1.1, self.right - 1.1)) if parked else self.between(self.left + 1.3, self.right - 1.3)
            things.append((t, self.car, (edge, t)))
        for _ in range(int(self.between(1, 6))):
            t = 0.11 + 0.82 * self.random() ** 1.15
            metres = self.pavement_place() if self.random() < 0.8 else self.between(self.left, self.right)
            things.append((t, self.pedestrian, (metres, t)))
        for _ in range(int(self.between(0.45, 2.7))):
            t = 0.16 + 0.75 * self.random() ** 1.1
            things.append((t, self.bicyclist, (self.between(self.left + 0.4, self.right - 0.4), t)))
        for _ in range(int(self.between(1, 4.4))):
            t = 0.13 + 0.76 * self.random() ** 1.25
            things.append((t, self.pole, (self.kerb_place(), t)))
        for _ in range(int(self.between(0.8, 3.6))):
            t = 0.16 + 0.72 * self.random() ** 1.15
            things.append((t, self.sign, (self.kerb_place(), t)))
        for _ in range(int(self.between(0, 2.5))):
            t = 0.14 + 0.7 * self.random() ** 1.4
            things.append((t, self.clutter, (self.pavement_place(), t)))
        self.things = sorted(things, key=lambda thing: thing[0])

    def kerb_place(self) -> float:
        return self.left - self.between(0.3, 1.2) if self.random() < 0.5 else self.right + self.between(0.3, 1.2)

    def pavement_place(self) -> float:
        return self.left - self.between(0.4, 3.4) if self.random() < 0.5 else self.right + self.between(0.4, 3.4)

    def plan_side(self, side: int, edge: float):
        wall = edge + side * self.between(2.5, 6.0)                           # where houses begin
        things = []
        leafy = self.random()
        z = self.between(0.9, 1.5)
        while z < 16:
            length = self.between(0.8, 3.2)
            far, near = 1.0 / (z + length), 1.0 / z
            choice = self.random()
            crossing = self.junction and far < self.junction[1] * 1.1 and near > self.junction[0] * 0.9
            if not crossing:
                if choice < 0.62 - 0.3 * leafy:
                    things.append((far, self.house, (side, wall, far, near)))
                elif choice < 0.86:
                    for _ in range(int(self.between(1, 3.2))):
                        t = self.between(far, near)
                        things.append((t, self.tree, (wall + side * self.between(-2.2, 3.0), t)))
                if self.random() < 0.34:
                    things.append(((far + near) / 2, self.fence, (edge + side * self.between(0.15, 2.4), far, min(near, 1.05))))
            z += length
        if self.random() < 0.7:
            for _ in range(int(self.between(1, 3))):
                t = 0.12 + 0.6 * self.random() ** 1.5
                things.append((t, self.tree, (edge + side * self.between(0.8, 2.0), t)))
        return things

    def house(self, side, wall, far, near) -> None:
        base = self.paint(26)
        sunny = self.sun == -side
        front, cheek = (1.0 if sunny else 0.74), (0.82 if sunny else 0.94)
        tall = self.between(4.5, 15.0) if self.random() < 0.85 else self.between(15, 28)
        middle = (far + near) / 2
        quad = []
        for t in (far, near):
            s = self.scale(t)
            quad.append((self.x(wall, t), self.y(t), self.y(t) - tall * s))
        (xf, yf, rf), (xn, yn, rn) = quad
        if (side < 0 and xf < 0) or (side > 0 and xf > self.w):                # all of it stands outside the picture
            return
        out = self.x(wall + side * 9, near)
        # the end wall that faces the camera, then the long wall along the street
        self.polygon([(xn, yn), (out, yn), (out, rn), (xn, rn)], self.colour(base, near, cheek), BUILDING)
        facade = self.colour(base, middle * 1.5, front)
        self.polygon([(xf, yf), (xn, yn), (xn, rn), (xf, rf)], facade, BUILDING)
        if self.random() < 0.45:                                               # a pitched roof
            roof = self.paint(14)
            peak = self.between(1.2, 3.2)
            self.polygon([(xf, rf), (xn, rn), (out * 0.5 + xn * 0.5, rn - peak * self.scale(near)), (xf * 0.6 + self.x(wall + side * 4, far) * 0.4, rf - peak * self.scale(far))],
                         self.colour(roof, middle, 0.8), BUILDING)
            self.polygon([(xn, rn), (out, rn), (out * 0.5 + xn * 0.5, rn - peak * self.scale(near))], self.colour(roof, near, 0.7), BUILDING)
        bright = self.random() < 0.35
        pane = self.colour(self.sky_low if bright else (58, 66, 78), middle * 1.5, 0.9)
        floors = max(1, min(5 if near > 0.2 else 2, int(tall / 3.1)))
        columns = 2 + int(self.random() * (4 if near > 0.2 else 1))
        tops = self.between(0.5, 0.62)
        shop = self.random() < 0.4
        spans = []
        for column in range(columns):                                          # even steps in the world are even steps of 1 / t
            z0 = 1 / near + (1 / far - 1 / near) * (column + 0.22) / columns
            z1 = 1 / near + (1 / far - 1 / near) * (column + 0.78) / columns
            spans.append((1 / z0, 1 / z1))
        for ta, tb in spans:
            xa, xb = self.x(wall, ta), self.x(wall, tb)
            if (xa < 0 and xb < 0) or (xa > self.w and xb > self.w):
                continue
            ya, yb, sa, sb = self.y(ta), self.y(tb), self.scale(ta), self.scale(tb)
            for floor in range(floors):
                low, high = (floor + 0.25) * tall / floors, (floor + 0.25 + tops) * tall / floors
                if floor == 0 and shop:
                    low, high = 0.3, min(2.4, tall * 0.8)
                self.polygon([(xa, ya - low * sa), (xb, yb - low * sb), (xb, yb - high * sb), (xa, ya - high * sa)], pane)
        if xn > -0.2 * self.w and xn < 1.2 * self.w:                           # windows of the end wall
            s = self.scale(near)
            for floor in range(min(floors, 4)):
                for column in range(2):
                    left = xn + (out - xn) * (0.16 + 0.4 * column)
                    right = left + (out - xn) * 0.2
                    y = yn - (floor + 0.3) * tall / floors * s
                    self.box(min(left, right), y - 0.5 * tall / floors * s, max(left, right), y, self.colour((62, 68, 80), near, 0.9))
        if shop and near > 0.18 and self.random() < 0.5:                      # the sign above the shop
            self.new_object()
            face = self.colour(self.paint(10), near, 1.05)
            z0, z1 = sorted((self.between(1 / near, 1 / far), self.between(1 / near, 1 / far)))
            ta, tb = 1 / z0, 1 / max(z1, z0 * 1.08)
            low, high = 2.6, self.between(3.3, 3.9)
            self.polygon([(self.x(wall, ta), self.y(ta) - low * self.scale(ta)), (self.x(wall, tb), self.y(tb) - low * self.scale(tb)),
                          (self.x(wall, tb), self.y(tb) - high * self.scale(tb)), (self.x(wall, ta), self.y(ta) - high * self.scale(ta))], face, SIGN)
            for share in (0.3, 0.6):
                t = ta + (tb - ta) * share
                y = self.y(t) - (low + high) / 2 * self.scale(t)
                self.box(self.x(wall, t) - 0.25 * self.scale(t), y - 0.14 * self.scale(t), self.x(wall, t) + 0.25 * self.scale(t), y + 0.14 * self.scale(t),
                         self.colour((240, 236, 226) if sum(face) < 380 else (50, 50, 60), t))

    def shadow(self, metres, t, length, width) -> None:
        """A long soft dark patch on the ground, away from the sun."""
        s = self.scale(t)
        x, y = self.x(metres, t), self.y(t)
        lean = -self.sun * min(length, 7) * s * 0.75
        self.shadows.append([(x - width * s / 2, y), (x + width * s / 2, y), (x + lean + width * s / 2, y - 0.13 * abs(lean)), (x + lean - width * s / 2, y - 0.13 * abs(lean))])

    def tree(self, metres, t) -> None:
        s, x, y = self.scale(t), self.x(metres, t), self.y(t)
        tall = self.between(3.5, 9.5)
        if not -8 * s < x < self.w + 8 * s:
            return
        bark = self.colour((92, 76, 62), t, 0.9)
        trunk = max(2, self.between(0.14, 0.36) * s)
        self.polygon([(x - trunk / 2, y), (x + trunk / 2, y), (x + trunk / 3, y - 0.6 * tall * s), (x - trunk / 3, y - 0.6 * tall * s)], bark, TREE)
        leaf = self.pick(self.leaves)
        wide = self.between(0.32, 0.55) * tall * s
        slim = self.random() < 0.2
        small = wide < 14
        for _ in range(4 if small else 7):
            dx = self.between(-0.62, 0.62) * wide * (0.45 if slim else 1)
            dy = self.between(0.34, 0.92) * tall * s
            r = self.between(0.38, 0.62) * wide * (0.6 if slim else 1)
            light = 0.72 + 0.36 * (dy / (tall * s)) + (0.1 if dx * self.sun > 0 else -0.06)
            self.ellipse(x + dx - r, y - dy - r * 0.85, x + dx + r, y - dy + r * 0.85, self.colour(leaf, t, light), TREE)
        for _ in range(3 if small else 9):                                     # clumps of light and dark
            dx, dy = self.between(-0.6, 0.6) * wide * (0.5 if slim else 1), self.between(0.4, 0.95) * tall * s
            r = self.between(0.06, 0.16) * wide
            self.ellipse(x + dx - r, y - dy - r, x + dx + r, y - dy + r, self.colour(leaf, t, self.pick((0.62, 0.8, 1.22))))

    def pole(self, metres, t) -> None:
        self.new_object()
        s, x, y = self.scale(t), self.x(metres, t), self.y(t)
        tall, wide = self.between(4.0, 8.5), max(2.8, self.between(0.15, 0.32) * s)
        body = self.colour(self.pick(((92, 96, 100), (140, 144, 146), (66, 70, 66), (118, 104, 88), (184, 186, 184))), t)
        self.box(x - wide / 2, y - tall * s, x + wide / 2, y, body, POLE)
        self.box(x + wide / 2 - max(1, wide / 4), y - tall * s, x + wide / 2, y, tuple(int(c * 0.7) for c in body))
        if self.random() < 0.6:                                                # the arm of a street lamp
            reach = self.between(0.8, 1.8) * s * (1 if metres < (self.left + self.right) / 2 else -1)
            self.line([(x, y - tall * s), (x + reach, y - (tall + 0.3) * s)], body, max(2, wide * 0.6), POLE)
            self.box(min(x + reach, x + reach * 0.7), y - (tall + 0.42) * s, max(x + reach, x + reach * 0.7), y - (tall + 0.2) * s, self.colour((226, 222, 200), t), POLE)

    def sign(self, metres, t) -> None:
        self.new_object()
        s, x, y = self.scale(t), self.x(metres, t), self.y(t)
        tall, half = self.between(2.1, 3.2), max(3.6, self.between(0.38, 0.68) * s)
        self.current = self.objects
        self.box(x - max(1, 0.04 * s), y - tall * s, x + max(1, 0.04 * s), y, self.colour((128, 130, 132), t), POLE)
        self.new_object()
        face = self.pick(((188, 52, 48), (46, 92, 172), (226, 222, 214), (214, 172, 52), (52, 118, 84)))
        inner = (236, 234, 228) if sum(face) < 480 else self.pick(((60, 60, 66), (188, 52, 48)))
        top, form = y - tall * s, self.random()
        rim, core = self.colour(face, t, 1.02), self.colour(inner, t)
        if form < 0.4:
            self.ellipse(x - half, top - half, x + half, top + half, rim, SIGN)
            self.ellipse(x - 0.58 * half, top - 0.58 * half, x + 0.58 * half, top + 0.58 * half, core)
        elif form < 0.62:
            self.polygon([(x - half, top + 0.8 * half), (x + half, top + 0.8 * half), (x, top - half)], rim, SIGN)
            self.polygon([(x - 0.5 * half, top + 0.5 * half), (x + 0.5 * half, top + 0.5 * half), (x, top - 0.4 * half)], core)
        elif form < 0.82:
            wide = half * self.between(0.9, 1.9)
            self.box(x - wide, top - 0.7 * half, x + wide, top + 0.7 * half, rim, SIGN)
            for share in (-0.3, 0.25):
                self.box(x - 0.7 * wide, top + (share - 0.12) * half, x + 0.7 * wide, top + (share + 0.12) * half, core)
        else:                                                                  # a traffic light
            self.box(x - 0.45 * half, top - 1.1 * half, x + 0.45 * half, top + 1.1 * half, self.colour((44, 46, 48), t), SIGN)
            lamp = int(self.random() * 3)
            for place, hue in enumerate(((220, 60, 50), (226, 172, 60), (70, 190, 110))):
                r = 0.27 * half
                cy = top + (place - 1) * 0.68 * half
                self.ellipse(x - r, cy - r, x + r, cy + r, self.colour(hue if place == lamp else (74, 74, 76), t))

    def fence(self, metres, far, near) -> None:
        tall = self.between(0.9, 1.7)
        depths = [far + (near - far) * step / 4 for step in range(5)]
        low = [(self.x(metres, t), self.y(t)) for t in depths]
        high = [(self.x(metres, t), self.y(t) - tall * self.scale(t)) for t in depths]
        paint = self.paint(16)
        if max(low[0][0], low[-1][0]) < 0 or min(low[0][0], low[-1][0]) > self.w:
            return
        outline = low + high[::-1]
        if self.random() < 0.45:                                               # boards
            self.polygon(outline, self.colour(paint, near, 0.9), FENCE)
            share, gap, heavy = 0.75, 2.6, False
        else:                                                                  # railings: one looks through them
            points = [(int(px + 0.5), int(py + 0.5)) for px, py in outline]
            self.mark.polygon(points, fill=FENCE)
            if self.number:
                self.number.polygon(points, fill=0)
            share, gap, heavy = 1.0, 3.4, True
        dark = self.colour(tuple(c * (0.55 if not heavy else 0.8) for c in paint), near, share)
        length = ((low[0][0] - low[-1][0]) ** 2 + (low[0][1] - low[-1][1]) ** 2) ** 0.5
        bars = max(4, min(26, int(length / (gap * 2))))
        for bar in range(bars + 1):
            z = 1 / near + (1 / far - 1 / near) * bar / bars
            t = 1 / z
            x, y, s = self.x(metres, t), self.y(t), self.scale(t)
            if not 0 <= x <= self.w:
                continue
            self.line([(x, y), (x, y - tall * s)], dark, max(1, 0.05 * s if heavy else 1))
        self.line(high, dark, max(2, 0.06 * self.scale(near)), FENCE)
        self.line([(a, b - 0.12 * tall * self.scale(t)) for (a, b), t in zip(low, depths)], dark, max(1, 0.05 * self.scale(near)))

    def car(self, metres, t) -> None:
        self.new_object()
        s, y = self.scale(t), self.y(t)
        body = self.paint(20)
        if self.random() < 0.18:
            self.car_aside(metres, t, s, y, body)
            return
        tall, half, long = self.between(1.35, 1.95), self.between(0.8, 0.95), self.between(3.6, 4.6)
        behind = self.deeper(t, long)
        x, xb, sb, yb = self.x(metres, t), self.x(metres, behind), self.scale(behind), self.y(behind)
        side = 1 if xb > x else -1                                             # the flank one can see
        rear, flank, glass = self.colour(body, t), self.colour(body, t, 0.8 if self.sun == side else 0.66), self.colour((48, 56, 66), t)
        waist = 0.55 * tall
        near, far = x + side * half * s, xb + side * half * sb
        clear = 0.18
        self.polygon([(near, y - clear * s), (far, yb - clear * sb), (far, yb - waist * sb), (near, y - waist * s)], flank, CAR)
        inset = 0.14
        cab_near, cab_far = near + (far - near) * 0.1 - side * inset * s, near + (far - near) * 0.72 - side * inset * sb
        mid = t + (behind - t) * 0.72
        self.polygon([(near, y - waist * s), (near + (far - near) * 0.86, self.y(t + (behind - t) * 0.86) - waist * self.scale(t + (behind - t) * 0.86)),
                      (cab_far, self.y(mid) - tall * self.scale(mid)), (cab_near, y - tall * s)], flank, CAR)
        self.polygon([(near + (far - near) * 0.12 - side * 0.05 * s, y - (waist + 0.06) * s), (near + (far - near) * 0.7, self.y(mid) - (waist + 0.06) * self.scale(mid)),
                      (cab_far, self.y(mid) - (tall - 0.1) * self.scale(mid)), (cab_near + (far - near) * 0.06, y - (tall - 0.12) * s)], glass)
        self.box(x - half * s, y - waist * s, x + half * s, y - clear * s, rear, CAR)
        self.polygon([(x - half * s, y - waist * s), (x + half * s, y - waist * s), (x + (half - inset) * s, y - tall * s), (x - (half - inset) * s, y - tall * s)], rear, CAR)
        self.polygon([(x - (half - 0.12) * s, y - (waist + 0.05) * s), (x + (half - 0.12) * s, y - (waist + 0.05) * s),
                      (x + (half - 0.24) * s, y - (tall - 0.1) * s), (x - (half - 0.24) * s, y - (tall - 0.1) * s)], glass)
        lamp = self.colour((204, 46, 40) if self.random() < 0.6 else (240, 232, 200), t, 1.1)
        for left in (-half, half - 0.26):
            self.box(x + left * s, y - 0.82 * waist * s, x + (left + 0.26) * s, y - 0.6 * waist * s, lamp)
        self.box(x - 0.24 * s, y - 0.56 * waist * s, x + 0.24 * s, y - 0.42 * waist * s, self.colour((222, 214, 150), t))
        tyre = self.colour((26, 26, 28), t)
        for left in (-half + 0.06, half - 0.32):
            self.box(x + left * s, y - 0.28 * s, x + (left + 0.26) * s, y, tyre, CAR)
        for share in (0.16, 0.76):
            tw = t + (behind - t) * share
            sw, xw = self.scale(tw), near + (far - near) * share
            self.ellipse(xw - 0.2 * sw, self.y(tw) - 0.6 * sw, xw + 0.2 * sw, self.y(tw), tyre, CAR)

    def car_aside(self, metres, t, s, y, body) -> None:
        """A car that crosses the view."""
        x, long, tall = self.x(metres, t), self.between(3.7, 4.6), self.between(1.35, 1.7)
        paint, glass = self.colour(body, t), self.colour((50, 58, 68), t)
        self.polygon([(x - long / 2 * s, y - 0.2 * s), (x + long / 2 * s, y - 0.2 * s), (x + long / 2 * s, y - 0.62 * s), (x + 0.3 * long * s, y - 0.78 * s),
                      (x - 0.46 * long * s, y - 0.8 * s)], paint, CAR)
        self.polygon([(x - 0.42 * long * s, y - 0.76 * s), (x + 0.3 * long * s, y - 0.76 * s), (x + 0.13 * long * s, y - tall * s), (x - 0.3 * long * s, y - tall * s)], paint, CAR)
        self.polygon([(x - 0.36 * long * s, y - 0.82 * s), (x - 0.04 * long * s, y - 0.82 * s), (x - 0.04 * long * s, y - (tall - 0.1) * s), (x - 0.27 * long * s, y - (tall - 0.1) * s)], glass)
        self.polygon([(x, y - 0.82 * s), (x + 0.24 * long * s, y - 0.82 * s), (x + 0.12 * long * s, y - (tall - 0.1) * s), (x, y - (tall - 0.1) * s)], glass)
        for share in (-0.3, 0.3):
            cx = x + share * long * s
            self.ellipse(cx - 0.33 * s, y - 0.66 * s, cx + 0.33 * s, y, self.colour((28, 28, 30), t), CAR)
            self.ellipse(cx - 0.16 * s, y - 0.49 * s, cx + 0.16 * s, y - 0.17 * s, self.colour((150, 152, 156), t))

    def pedestrian(self, metres, t) -> None:
        self.new_object()
        s, x, y = self.scale(t) * self.between(0.86, 1.08), self.x(metres, t), self.y(t)
        top, trousers = self.colour(self.paint(26), t), self.colour(self.paint(30), t, 0.7)
        skin = self.colour(self.pick(((224, 178, 148), (186, 132, 100), (118, 80, 60), (240, 200, 172))), t)
        stride = self.between(0.02, 0.26)
        wide = self.between(0.2, 0.27)
        leg = max(1.2, 0.085 * s)
        for foot in (-stride, stride):
            self.polygon([(x - leg + 0.3 * foot * s, y - 0.85 * s), (x + leg + 0.3 * foot * s, y - 0.85 * s), (x + foot * s + leg, y), (x + foot * s - leg, y)], trousers, PEDESTRIAN)
        coat = 0.55 if self.random() < 0.3 else 0.8
        self.polygon([(x - wide * s, y - coat * s), (x + wide * s, y - coat * s), (x + (wide + 0.02) * s, y - 1.42 * s), (x - (wide + 0.02) * s, y - 1.42 * s)], top, PEDESTRIAN)
        for arm in (-1, 1):
            self.polygon([(x + arm * wide * s, y - 1.4 * s), (x + arm * (wide + 0.12) * s, y - 1.34 * s), (x + arm * (wide + 0.12 + 0.3 * stride) * s, y - 0.82 * s),
                          (x + arm * (wide + 0.02) * s, y - 0.85 * s)], tuple(int(c * 0.86) for c in top), PEDESTRIAN)
        self.ellipse(x - 0.125 * s, y - 1.74 * s, x + 0.125 * s, y - 1.43 * s, skin, PEDESTRIAN)
        self.ellipse(x - 0.13 * s, y - 1.77 * s, x + 0.13 * s, y - 1.6 * s, self.colour(self.pick(((40, 32, 28), (92, 66, 44), (180, 150, 96), (60, 60, 62))), t), PEDESTRIAN)

    def bicyclist(self, metres, t) -> None:
        self.new_object()
        s, x, y = self.scale(t) * self.between(0.95, 1.15), self.x(metres, t), self.y(t)
        metal, tyre = self.colour(self.paint(20), t), self.colour((34, 34, 36), t)
        jacket, trousers = self.colour(self.paint(26), t), self.colour(self.paint(26), t, 0.7)
        skin = self.colour((220, 176, 146), t)
        thin = max(1.6, 0.07 * s)
        if self.random() < 0.72:                                               # from the side
            way = 1 if self.random() < 0.5 else -1
            for wheel in (-0.52, 0.52):
                cx, r = x + wheel * s, 0.34 * s
                corners = [int(v + 0.5) for v in (cx - r, y - 2 * r, cx + r, y)]
                self.draw.ellipse(corners, outline=tyre, width=int(max(1, thin)))
                self.mark.ellipse(corners, fill=BICYCLIST)
                if self.number:
                    self.number.ellipse(corners, fill=self.current)
            hub = (x - 0.05 * way * s, y - 0.32 * s)
            self.line([(x - 0.52 * way * s, y - 0.34 * s), hub, (x + 0.38 * way * s, y - 0.82 * s), (x + 0.52 * way * s, y - 0.34 * s)], metal, thin, BICYCLIST)
            self.line([hub, (x - 0.2 * way * s, y - 0.86 * s), (x + 0.38 * way * s, y - 0.82 * s)], metal, thin, BICYCLIST)
            self.line([(x - 0.18 * way * s, y - 0.92 * s), (x + 0.1 * way * s, y - 0.62 * s), hub], trousers, max(2, 0.15 * s), BICYCLIST)
            self.polygon([(x - 0.32 * way * s, y - 0.88 * s), (x - 0.02 * way * s, y - 0.88 * s), (x + 0.26 * way * s, y - 1.42 * s), (x - 0.02 * way * s, y - 1.48 * s)], jacket, BICYCLIST)
            self.line([(x + 0.14 * way * s, y - 1.36 * s), (x + 0.4 * way * s, y - 0.98 * s)], jacket, max(2, 0.11 * s), BICYCLIST)
            self.ellipse(x + 0.08 * way * s, y - 1.76 * s, x + (0.08 + 0.26) * way * s, y - 1.46 * s, skin, BICYCLIST) if way > 0 else \
                self.ellipse(x - 0.34 * s, y - 1.76 * s, x - 0.08 * s, y - 1.46 * s, skin, BICYCLIST)
            head = x + 0.21 * way * s
        else:                                                                  # from behind
            for leg in (-1, 1):
                self.polygon([(x + leg * 0.02 * s, y - 0.95 * s), (x + leg * 0.2 * s, y - 0.95 * s), (x + leg * 0.24 * s, y - 0.6 * s), (x + leg * 0.15 * s, y - 0.3 * s),
                              (x + leg * 0.07 * s, y - 0.3 * s)], trousers, BICYCLIST)
            self.polygon([(x - 0.19 * s, y - 0.88 * s), (x + 0.19 * s, y - 0.88 * s), (x + 0.24 * s, y - 1.45 * s), (x - 0.24 * s, y - 1.45 * s)], jacket, BICYCLIST)
            self.line([(x - 0.38 * s, y - 1.04 * s), (x - 0.22 * s, y - 1.08 * s)], metal, thin, BICYCLIST)
            self.line([(x + 0.22 * s, y - 1.08 * s), (x + 0.38 * s, y - 1.04 * s)], metal, thin, BICYCLIST)
            self.box(x - 0.06 * s, y - 0.72 * s, x + 0.06 * s, y, tyre, BICYCLIST)
            self.box(x - 0.05 * s, y - 0.8 * s, x + 0.05 * s, y - 0.72 * s, self.colour((204, 46, 40), t, 1.1))
            self.ellipse(x - 0.125 * s, y - 1.76 * s, x + 0.125 * s, y - 1.46 * s, skin, BICYCLIST)
            head = x
        self.ellipse(head - 0.15 * s, y - 1.82 * s, head + 0.15 * s, y - 1.62 * s, self.colour(self.paint(24), t), BICYCLIST)      # the helmet

    def clutter(self, metres, t) -> None:
        """A bin, a box, a bollard: labelled by nobody."""
        s, x, y = self.scale(t), self.x(metres, t), self.y(t)
        wide, tall = self.between(0.2, 0.5), self.between(0.5, 1.2)
        face = self.colour(self.paint(20), t, 0.85)
        self.box(x - wide * s, y - tall * s, x + wide * s, y, face, VOID)
        self.box(x - wide * s, y - tall * s, x + wide * s, y - 0.86 * tall * s, tuple(int(c * 0.7) for c in face))

    # -- all of it ------------------------------------------------------------------------------------------------------------
    def render(self) -> tuple[np.ndarray, np.ndarray]:
        self.paint_sky()
        self.paint_backdrop()
        self.paint_ground()
        self.plan()
        self.cast_shadows()
        for _, kind, arguments in self.things:
            kind(*arguments)
        self.overhang()
        if self.random() < 0.13:                                               # the bonnet of one's own car
            rise = self.between(0.05, 0.12) * self.h
            self.ellipse(-0.1 * self.w, self.h - rise, 1.1 * self.w, self.h + 2.2 * rise, self.colour(self.paint(12), 1.0, 0.8), VOID)
        return self.finish()

    def paint_backdrop(self) -> None:
        """What closes the street far away."""
        x = -0.05 * self.w
        while x < self.w:
            wide, tall = self.between(0.05, 0.2) * self.w, self.between(0.02, 0.13) * self.h
            choice = self.random()
            if choice < 0.5:
                colour = self.colour(self.paint(14), 0.12, 0.95)
                self.box(x, self.horizon - tall, x + wide, self.horizon + 2, colour, BUILDING)
                dark = tuple(int(c * 0.8) for c in colour)
                for step in range(3):
                    self.box(x + (0.15 + 0.3 * step) * wide, self.horizon - 0.75 * tall, x + (0.27 + 0.3 * step) * wide, self.horizon - 0.35 * tall, dark)
            elif choice < 0.86:
                leaf = self.colour(self.pick(self.leaves), 0.14, 0.95)
                for _ in range(3):
                    cx, r = x + self.random() * wide, self.between(0.35, 0.6) * tall + 2
                    self.ellipse(cx - 1.4 * r, self.horizon - tall - 0.2 * r, cx + 1.4 * r, self.horizon + 2, leaf, TREE)
            x += wide * self.between(0.7, 1.1)

    def cast_shadows(self) -> None:
        """Darken the ground where something stands between it and the sun."""
        self.shadows = []
        for t, kind, arguments in self.things:
            if kind == self.car:
                self.shadow(arguments[0], t, 1.7, 2.1)
            elif kind == self.tree:
                self.shadow(arguments[0], t, 6.0, 2.6)
            elif kind == self.house:
                side, wall, far, near = arguments
                if self.sun == side:
                    self.shadows.append([(self.x(wall, far), self.y(far)), (self.x(wall, near), self.y(near)),
                                         (self.x(wall - side * 4.5, near), self.y(near)), (self.x(wall - side * 4.5, far), self.y(far))])
            elif kind in (self.pedestrian, self.bicyclist):
                self.shadow(arguments[0], t, 1.7, 0.4)
            elif kind in (self.pole, self.sign):
                self.shadow(arguments[0], t, 5.0, 0.16)
        if self.shade > 0.88:
            return
        mask = Image.new("L", (self.w, self.h), 255)
        draw = ImageDraw.Draw(mask)
        dark = int(255 * self.shade)
        for outline in self.shadows:
            draw.polygon([(int(px + 0.5), int(py + 0.5)) for px, py in outline], fill=dark)
        ground = np.asarray(self.label)
        keep = (ground == ROAD) | (ground == PAVEMENT)
        factor = np.where(keep, np.asarray(mask), 255).astype(np.uint16)
        shaded = (np.asarray(self.image).astype(np.uint16) * factor[..., None] // 255).astype(np.uint8)
        self.image.paste(Image.fromarray(shaded))

    def overhang(self) -> None:
        """Leaves or a bridge above the street, in some scenes: sky is not always what is on top."""
        chance = self.random()
        if chance < 0.2:
            corner = self.pick((0.0, 1.0)) * self.w
            leaf = self.pick(self.leaves)
            for _ in range(10):
                cx, cy = corner + self.between(-0.26, 0.26) * self.w, self.between(-0.08, 0.2) * self.h
                r = self.between(0.05, 0.12) * self.w
                self.ellipse(cx - r, cy - 0.7 * r, cx + r, cy + 0.7 * r, self.colour(leaf, 1.0, self.between(0.6, 0.95)), TREE)
        elif chance < 0.26:
            face = self.colour(self.paint(14), 0.8, 0.8)
            top, bottom = self.between(0.0, 0.1) * self.h, self.between(0.15, 0.24) * self.h
            self.box(0, top, self.w, bottom, face, BUILDING)
            self.box(0, bottom - 0.02 * self.h, self.w, bottom, tuple(int(c * 0.6) for c in face))

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Texture, uneven light, the lens, noise: uint8 (H, W, 3) and the label map uint8 (H, W)."""
        label = np.asarray(self.label)[::2, ::2].copy()
        fine = np.asarray(self.image).astype(np.uint16)                        # drawn at twice the size: four pixels become one
        small = (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]).astype(np.float32) * np.float32(0.25)
        height, width = label.shape
        rows, columns = (np.arange(height) + int(self.random() * 256)) % 256, (np.arange(width) + int(self.random() * 256)) % 256
        grain = _textures().reshape(-1)[label.astype(np.int32) * 65536 + (rows[:, None] * 256 + columns).astype(np.int32)]
        small += grain[..., None] * self.between(0.8, 1.15)
        across = np.linspace(self.between(0.9, 1.06), self.between(0.9, 1.06), width, dtype=np.float32)
        down = np.linspace(self.between(0.94, 1.05), self.between(0.92, 1.05), height, dtype=np.float32)
        small *= (down[:, None] * across)[..., None] * np.float32(self.between(0.88, 1.1))
        noise = self.rng.integers(-256, 257, (height, width, 3), dtype=np.int16)
        small += noise * np.float32(self.between(3.0, 9.0) / 256)
        return np.clip(small + 0.5, 0, 255).astype(np.uint8), label


def _check_size(size) -> tuple[int, int]:
    try:
        height, width = (int(side) for side in size)
    except (TypeError, ValueError):
        raise ValueError(say(en=f"size is a pair (height, width), not {size!r}", ko=f"size는 (높이, 너비) 한 쌍이어야 하는데 {size!r}이에요. 고쳐 주세요.")) from None
    if min(height, width) < SMALLEST:
        raise ValueError(say(en=f"streets are drawn from {SMALLEST}x{SMALLEST} pixels on, not {height}x{width}: choose a larger size",
                             ko=f"거리 그림은 {SMALLEST}x{SMALLEST} 픽셀부터 그려요. {height}x{width}보다 크게 해 주세요."))
    return height, width


class Streets(Dataset):
    """One split of drawn street scenes: ``[i] -> (image uint8 (3, H, W), label uint8 (H, W))``, drawn when asked for.

    `size` (H, W) from 32x32 on; `length` scenes (600 for training, 100 for the others, unless given). `.instance(i)` numbers the objects.
    """

    def __init__(self, split: str = "train", *, size: tuple[int, int] = (96, 128), length: int | None = None, root: str | Path | None = None):
        super().__init__(name="streets", split=split, palette=palettes.CAMVID)
        if split not in _SPLIT_SEEDS:
            raise ValueError(say(en=f"streets has no split {split!r}: try {', '.join(_SPLIT_SEEDS)}", ko=f"streets에는 {split!r} 분할이 없어요. {', '.join(_SPLIT_SEEDS)} 중에서 골라 주세요."))
        if length is not None and (not isinstance(length, int) or length < 1):
            raise ValueError(say(en=f"length is a number of scenes from 1 on, not {length!r}", ko=f"length는 1 이상의 장면 수여야 하는데 {length!r}이에요. 고쳐 주세요."))
        self.size = _check_size(size)
        self.length = LENGTHS[split] if length is None else length
        self._drawn: dict[int, tuple[Tensor, Tensor]] = {}

    def __len__(self) -> int:
        return self.length

    def _seed(self, index: int) -> list[int]:
        return [_SPLIT_SEEDS[self.split], index]

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        index = self.check_index(index)
        if index not in self._drawn:
            image, label = _Scene(self._seed(index), self.size, with_instances=False).render()
            if len(self._drawn) >= 64:
                self._drawn.pop(next(iter(self._drawn)))
            self._drawn[index] = torch.from_numpy(image).permute(2, 0, 1).contiguous(), torch.from_numpy(label)
        image, label = self._drawn[index]
        return image.clone(), label.clone()

    def instance(self, index: int) -> Tensor:
        """int16 (H, W): 0, or the number of the car, pedestrian, bicyclist, sign or pole that one sees there, counted from 1."""
        scene = _Scene(self._seed(self.check_index(index)), self.size, with_instances=True)
        scene.render()
        numbers = np.asarray(scene.count)[::2, ::2]
        seen = np.isin(np.asarray(scene.label)[::2, ::2], COUNTED)
        _, numbers = np.unique(np.where(seen, numbers, 0), return_inverse=True)
        numbers = numbers.reshape(self.size) + (0 if not seen.all() else 1)
        return torch.from_numpy(numbers.astype(np.int16))
