"""Foliage close to the camera, drawn leaf by leaf."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.scenes.camera import enclosing
from imfuse.scenes.canvas import Canvas, Material
from imfuse.scenes.raster import shrink
from imfuse.scenes.trees import leaf_fields
from imfuse.scenes.weather import Weather
from imfuse.types import Float

Colour = tuple[float, float, float]
# Half of a leaf's outline: position along the stalk and half width.
_OUTLINE = ((0.0, 0.0), (0.15, 0.17), (0.4, 0.25), (0.7, 0.17), (1.0, 0.0))


@dataclass(frozen=True, kw_only=True)
class Thicket:
    """A shrub whose single leaves can be seen.

    Attributes:
        x: World position.
        z: World position along the street.
        height: Height of the top in metres.
        width: Width in metres.
        base: Height of the lowest leaves in metres.
        leaf: Albedo of the leaves.
        leaves: Number of leaves.
        length: Mean length of a leaf in metres.
        hanging: True if it hangs down from above instead of standing on the ground.
        seed: Seed of its shape.
    """

    x: float
    z: float
    height: float
    width: float
    base: float
    leaf: Colour
    leaves: int
    length: float
    seed: int
    hanging: bool = False

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw twigs, then leaves from back to front, keeping the labels behind them."""
        camera = canvas.camera
        depth = camera.depth(self.x, self.z)
        if depth < 0.7:
            return
        scale = camera.scale(depth)
        corners = np.array(
            [
                (self.x - self.width * 0.6, self.base - 0.3, self.z),
                (self.x + self.width * 0.6, self.height + 0.2, self.z),
            ]
        )
        box = enclosing(camera.project(corners), camera.frame, 2)
        if box is None:
            return
        rng = np.random.default_rng([self.seed, 21])
        origin = camera.project([(self.x, 0.0, self.z)])[0] - box[:2]
        fine = 2 if (box[2] - box[0]) * (box[3] - box[1]) > 6000 else 4
        image = np.zeros(((box[3] - box[1]) * fine, (box[2] - box[0]) * fine, 4), np.float32)
        bark = self._twigs(image, rng, origin * fine, scale * fine)
        self._blades(image, rng, origin * fine, scale * fine)
        small = shrink(image, box[3] - box[1], box[2] - box[0])
        alpha = np.clip(small[..., 3], 0, 1)
        small[..., :3] /= np.maximum(small[..., 3:], 1e-3)
        wood = np.clip(-small[..., 2], 0, 1)
        fields = leaf_fields(small, self.leaf, depth)
        fields += wood[..., None] * (bark.fields(depth) - fields)
        fields[..., 6] = 0.3 * small[..., 1]
        fields[..., 7] = 0.25 + 0.3 * small[..., 1]
        fields[..., 8] = -0.8
        canvas.blend(box, alpha, fields, None)

    def _twigs(
        self, image: Float, rng: np.random.Generator, origin: NDArray[np.float64], scale: float
    ) -> Material:
        for _ in range(int(6 + 4 * self.width)):
            start = np.array([rng.normal(0, 0.2) * self.width, 0.0])
            end = np.array(
                [rng.uniform(-0.5, 0.5) * self.width, rng.uniform(0.5, 0.9) * self.height]
            )
            if self.hanging:
                start = np.array([rng.uniform(-0.6, 0.6) * self.width, self.height + 0.4])
                end = np.array([rng.uniform(-0.5, 0.5) * self.width, self.base])
            bow = rng.normal((0, 0.1), 0.12)
            share = np.linspace(0, 1, 9)[:, None]
            path = start + (end - start) * share + bow * np.sin(np.pi * share)
            pixels = origin + path * (scale, -scale)
            fixed = np.rint(np.clip(pixels - 0.5, -1e5, 1e5) * 16).astype(np.int32)
            thick = max(1, round(0.011 * scale))
            cv2.polylines(
                image,
                [fixed],
                isClosed=False,
                color=(0.6, 0.0, -1.0, 1.0),
                thickness=thick,
                shift=4,
            )
        return Material(albedo=(0.05, 0.04, 0.03), warmth=0.3, heating=0.3)

    def _blades(
        self, image: Float, rng: np.random.Generator, origin: NDArray[np.float64], scale: float
    ) -> None:
        n = self.leaves
        outline = np.array(_OUTLINE)
        blade = np.concatenate([outline, outline[-2:0:-1] * (1, -1)])
        clumps = rng.uniform(-0.5, 0.5, (max(n // 14, 1), 2))
        # A shrub is rounded: it narrows towards its top (or, hanging, towards its tips).
        free = clumps[:, 1] if not self.hanging else -clumps[:, 1]
        clumps[:, 0] *= np.sqrt(np.clip(1.1 - 0.9 * (free + 0.5) ** 2, 0.1, 1))
        centre = clumps[np.arange(n) % len(clumps)] + rng.normal(0, 0.06, (n, 2))
        x = centre[:, 0] * self.width
        y = self.base + (centre[:, 1] + 0.5) * (self.height - self.base)
        angle = rng.normal(-0.9, 0.8, n) * rng.choice([-1, 1], n) + np.pi / 2 * rng.choice(
            [0, 1], n
        )
        size = self.length * rng.uniform(0.6, 1.35, n)
        along = blade[:, 0] * size[:, None]
        side = blade[:, 1] * (size * rng.uniform(0.5, 1.25, n))[:, None]
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        u = origin[0] + (x[:, None] + along * cos - side * sin) * scale
        v = origin[1] - (y[:, None] + along * sin + side * cos) * scale
        fixed = np.rint((np.clip(np.stack([u, v], 2), -1e5, 1e5) - 0.5) * 16).astype(np.int32)
        light = 0.5 + 0.5 * np.arange(n) / n + 0.3 * centre[:, 1] + rng.normal(0, 0.22, n)
        light, hue = np.clip(light, 0.15, 1.7).tolist(), rng.normal(0, 1, n).tolist()
        for i in range(n):
            cv2.fillPoly(image, [fixed[i]], (light[i], hue[i], 0.0, 1.0), cv2.LINE_8, 4)

    def shadows(self, weather: Weather) -> list[NDArray[np.float64]]:
        """Return no shadow, since the leaves themselves hide it."""
        return []
