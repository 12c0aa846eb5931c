"""Trees, bushes and hedges: trunks and branches, and crowns of leaf clusters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imfuse.scenes import canvas as c
from imfuse.scenes.camera import Points, enclosing
from imfuse.scenes.canvas import Canvas, Grain, Material
from imfuse.scenes.light import contact_shadow
from imfuse.scenes.raster import stretch
from imfuse.scenes.textures import fit_cluster, fractal_tile, patch, sample
from imfuse.scenes.weather import Weather
from imfuse.types import Float

Colour = tuple[float, float, float]
VARIANTS = 5

LEAVES: dict[str, tuple[Colour, ...]] = {
    "summer": ((0.1, 0.145, 0.06), (0.13, 0.16, 0.07), (0.08, 0.12, 0.06)),
    "autumn": ((0.24, 0.165, 0.07), (0.19, 0.16, 0.07), (0.26, 0.13, 0.07)),
    "winter": ((0.065, 0.1, 0.05), (0.055, 0.085, 0.05), (0.08, 0.095, 0.055)),
}
BARK = Material(albedo=(0.085, 0.07, 0.055), warmth=0.6, emissivity=0.95, heating=0.45)


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A tree or, without a trunk, a bush.

    Attributes:
        x: World position.
        z: World position along the street.
        height: Height of the top in metres.
        crown: Radius of the crown in metres.
        trunk: Height at which the crown begins in metres; 0 for a bush.
        leaf: Albedo of the leaves.
        bare: True if it has shed its leaves.
        seed: Seed of its shape.
    """

    x: float
    z: float
    height: float
    crown: float
    trunk: float
    leaf: Colour
    bare: bool
    seed: int

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw the trunk, the branches and the crown."""
        depth = canvas.camera.depth(self.x, self.z)
        reach = 1.3 * self.crown + 0.3
        ends = [(self.x - reach, -1, self.z), (self.x + reach, self.height + 1, self.z)]
        if depth < 2.0 or enclosing(canvas.camera.project(ends), canvas.camera.frame) is None:
            return
        rng = np.random.default_rng([self.seed, 3])
        reach = 0.5 if self.trunk else 0.9 * self.crown
        contact_shadow(canvas, (self.x, self.z), (reach, reach), 0.5)
        if self.trunk:
            self._wood(canvas, depth, rng)
        if not self.bare:
            self._leaves(canvas, weather, depth, rng)

    def _wood(self, canvas: Canvas, depth: float, rng: np.random.Generator) -> None:
        """Draw the trunk and branches, which fork a few times."""
        scale = canvas.camera.scale(depth)
        base = canvas.camera.project([(self.x, 0.0, self.z)])[0]
        radius = 0.022 * self.height + 0.05
        start = np.array([0.0, 0.0])
        levels = (4 if depth < 45 else 3) if self.bare else (2 if depth < 18 else 1)
        bars: list[tuple[Points, float, float]] = []
        foot = np.array([(0.0, 0.0), (0.0, min(0.5, 0.4 * self.trunk))])
        bars.append((foot, 1.3 * radius, radius))
        self._grow(bars, rng, start, (self.trunk * 1.05, 0.0), radius, levels)
        points = np.concatenate([b[0] for b in bars]) * (scale, -scale) + base
        box = enclosing(points, canvas.camera.frame, 1.3 * radius * scale + 3)
        if box is None:
            return
        bark = patch(self.seed, box, base, max(0.018 * scale, 0.05), slope=0.7)
        rough = Grain(box, np.float32(1.3) * bark)
        fields = BARK.fields(depth, openness=0.7)
        for ends, r0, r1 in bars:
            if max(r0, r1) * scale > 0.12:
                where = ends * (scale, -scale) + base
                root = ends[0, 1] == 0
                canvas.capsule(where, (r0 * scale, r1 * scale), fields, 0, rough, standing=root)

    def _grow(
        self,
        bars: list[tuple[Points, float, float]],
        rng: np.random.Generator,
        start: NDArray[np.float64],
        step: tuple[float, float],
        radius: float,
        levels: int,
    ) -> None:
        length, angle = step
        end = start + length * np.array([np.sin(angle), np.cos(angle)])
        bars.append((np.stack([start, end]), radius, radius * 0.72))
        if levels == 0:
            return
        for side in (-1, 1, 0)[: 3 if levels > 1 else 2]:
            turn = angle * 0.85 + side * rng.uniform(0.3, 0.65) + rng.normal(0, 0.12)
            share = rng.uniform(0.5, 0.75) if levels < 4 or self.trunk < 2 else 0.7
            limb = share * (length if length < 0.4 * self.height else 0.36 * self.height)
            self._grow(bars, rng, end, (limb, turn), radius * rng.uniform(0.5, 0.68), levels - 1)

    def _leaves(
        self, canvas: Canvas, weather: Weather, depth: float, rng: np.random.Generator
    ) -> None:
        """Draw leaf clusters over one another, lower and farther ones first."""
        tall = (self.height - self.trunk) / 2
        middle = self.trunk + tall
        count = 5 if self.trunk and depth < 45 else 3
        for i in range(count):
            angle = 2 * np.pi * (i + rng.random()) / max(count - 1, 1)
            out = 0.0 if i == count - 1 else rng.uniform(0.3, 0.55)
            size = rng.uniform(0.62, 0.85) if i < count - 1 else 0.95
            at = (
                self.x + out * self.crown * np.cos(angle),
                middle + out * tall * np.sin(angle) * 0.9,
            )
            self._cluster(canvas, weather, depth, (at, size, size * tall / self.crown, rng))

    def _cluster(
        self,
        canvas: Canvas,
        weather: Weather,
        depth: float,
        shape: tuple[tuple[float, float], float, float, np.random.Generator],
    ) -> None:
        (x, y), size, tall, rng = shape
        camera = canvas.camera
        half = np.array([self.crown * size, self.crown * tall]) * camera.scale(depth) * 1.25
        centre = camera.project([(x, y, self.z)])[0]
        variant, flip = int(rng.integers(VARIANTS)), bool(rng.random() < 0.5)
        hue = float(rng.uniform(0.85, 1.15))
        low, high = np.floor(centre - half).astype(int), np.ceil(centre + half).astype(int)
        box = enclosing(np.stack([low, high]).astype(np.float64), camera.frame, 0)
        if box is None or max(high - low) > 4 * max(camera.height, camera.width, 32):
            return
        image = fit_cluster(variant, int(high[1] - low[1]), int(high[0] - low[0]), flip=flip)
        part = image[box[1] - low[1] : box[3] - low[1], box[0] - low[0] : box[2] - low[0]]
        fields = leaf_fields(part, self.leaf, depth, hue)
        self._round(fields, box, centre, half)
        fields[..., c.TEMPERATURE] += 0.4 if weather.night else 0.0
        canvas.blend(box, part[..., 3], fields)

    def _round(
        self, fields: Float, box: tuple[int, int, int, int], centre: Points, half: Points
    ) -> None:
        """Give the cluster the slopes of a sphere, so that one side is sunlit."""
        u = (np.arange(box[0], box[2], dtype=np.float32) + 0.5 - centre[0]) / half[0]
        v = (np.arange(box[1], box[3], dtype=np.float32) + 0.5 - centre[1]) / half[1]
        fields[..., 6] = 0.9 * u[None]
        fields[..., 7] = 0.35 - 0.7 * v[:, None]
        fields[..., 8] = -0.6

    def shadows(self, weather: Weather) -> list[NDArray[np.float64]]:
        """Return outlines of the crown's ragged shadow and of the trunk's."""
        rng = np.random.default_rng([self.seed, 9])
        shift = weather.shift()
        shapes = []
        middle = (self.height + self.trunk) / 2
        centre = np.array([self.x, self.z]) + shift * middle
        count, spread = (14, 0.75) if not self.bare else (0, 0.0)
        for _ in range(count):
            at = (
                centre
                + rng.normal(0, 0.4 * spread * self.crown, 2)
                + shift * rng.normal(0, 0.2) * middle * 0.4
            )
            angle = np.linspace(0, 2 * np.pi, 11, endpoint=False)
            r = self.crown * rng.uniform(0.16, 0.4) * (1 + 0.3 * rng.standard_normal(11))
            shapes.append(
                np.stack([at[0] + r * np.cos(angle), 0 * angle, at[1] + r * np.sin(angle)], 1)
            )
        if self.trunk:
            side = 0.02 * self.height + 0.04
            end = np.array([self.x, self.z]) + shift * self.trunk * (1.5 if self.bare else 1.1)
            shapes.append(
                np.array(
                    [
                        (self.x - side, 0, self.z),
                        (self.x + side, 0, self.z),
                        (end[0] + side * 0.7, 0, end[1]),
                        (end[0] - side * 0.7, 0, end[1]),
                    ]
                )
            )
        return shapes


def leaf_fields(part: Float, leaf: Colour, depth: float, hue: float = 1.0) -> Float:
    """Return the surface properties of a drawn leaf cluster (light, hue, depth cue, coverage)."""
    fields = np.empty((*part.shape[:2], c.CHANNELS), np.float32)
    material = Material(albedo=leaf, warmth=0.0, emissivity=0.96, heating=0.14)
    fields[:] = material.fields(depth)
    light = part[..., 0]
    tint = (1 + 0.18 * part[..., 1] * hue, 1 + 0.05 * part[..., 1], 1 - 0.1 * part[..., 1])
    for i in range(3):
        fields[..., i] *= light * np.maximum(tint[i], 0.2)
    fields[..., c.OPENNESS] = np.clip(0.25 + 0.6 * light, 0, 1)
    # Leaves are at air temperature; transpiration differs from bough to bough.
    rows, columns = part.shape[:2]
    step = 4 if min(rows, columns) > 24 else 1
    x = np.arange(0, columns, step, dtype=np.float32) * np.float32(70 / max(rows, columns))
    y = np.arange(0, rows, step, dtype=np.float32) * np.float32(70 / max(rows, columns))
    boughs = sample(fractal_tile(3, 0.7), *np.meshgrid(x + 40 * hue, y + 90 * hue))
    boughs = stretch(boughs, rows, columns)
    fields[..., c.TEMPERATURE] = 0.2 + 0.1 * (part[..., 0] - 0.8) + np.float32(0.6) * boughs
    return fields
