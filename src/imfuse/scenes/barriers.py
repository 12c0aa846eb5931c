"""Barriers for cars: kerbs, car stops, bumps and guardrails."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imfuse.scenes import canvas as c
from imfuse.scenes.canvas import Canvas, Material
from imfuse.scenes.furniture import CONCRETE, strip
from imfuse.scenes.ground import Street
from imfuse.scenes.light import contact_shadow
from imfuse.scenes.mesh import Face, draw_faces
from imfuse.scenes.weather import Weather

Shadow = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Kerb:
    """One stretch of kerb between road and pavement."""

    street: Street
    side: float
    z: float
    length: float
    x: float = 0.0

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw the face towards the road and the top."""
        near, far = self.z, self.z + self.length
        inner, outer = self.side * self.street.half, self.side * (self.street.half + 0.16)
        a, b = (self.street.x(inner, z) for z in (near, far))
        p, q = (self.street.x(outer, z) for z in (near, far))
        stone = Material(
            albedo=(0.33, 0.325, 0.31), warmth=1.0 if weather.night else 0.4, heating=0.7
        )
        face = Material(
            albedo=(0.24, 0.235, 0.225), warmth=1.5 if weather.night else 0.5, heating=0.7
        )
        high = 0.13
        canvas.face(
            [(a, high, near), (p, high, near), (q, high, far), (b, high, far)], stone, c.CURVE
        )
        canvas.face([(a, 0, near), (a, high, near), (b, high, far), (b, 0, far)], face, c.CURVE)

    def shadows(self, weather: Weather) -> list[Shadow]:
        """Return no shadows, since kerbs are too low to matter."""
        return []


@dataclass(frozen=True, kw_only=True)
class Block:
    """A low box: a car stop on a parking place, or a speed bump across the road.

    Attributes:
        x: World position of the middle.
        z: World position of the near side.
        width: Extent across the street in metres.
        height: Height in metres.
        length: Extent along the street in metres.
        bands: Number of black and yellow bands, or 0 for plain concrete.
        label: Class of MSRS.
    """

    x: float
    z: float
    width: float
    height: float
    length: float
    bands: int
    label: int

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw the ramped profile in bands across the street."""
        contact_shadow(
            canvas,
            (self.x, self.z + self.length / 2),
            (self.width / 2, self.length / 2 + 0.06),
            0.5,
        )
        count = max(self.bands, 1)
        edges = self.x + self.width * (np.arange(count + 1) / count - 0.5)
        profile = [(0.0, 0.0), (0.22, 0.8), (0.5, 1.0), (0.78, 0.8), (1.0, 0.0)]
        faces = []
        for i in range(count):
            colour = (0.5, 0.36, 0.03) if i % 2 == 0 else (0.025, 0.025, 0.025)
            lift = 1.4 if weather.night else 0.3
            paint = Material(albedo=colour, warmth=lift, heating=0.85)
            material = paint if self.bands else CONCRETE
            for (s, t), (u, v) in pairwise(profile):
                z0, z1, y0, y1 = (
                    self.z + s * self.length,
                    self.z + u * self.length,
                    t * self.height,
                    v * self.height,
                )
                quad = [
                    (edges[i], y0, z0),
                    (edges[i + 1], y0, z0),
                    (edges[i + 1], y1, z1),
                    (edges[i], y1, z1),
                ]
                faces.append(Face(np.array(quad), material, 0, smooth=False))
        draw_faces(canvas, faces, self.label)

    def shadows(self, weather: Weather) -> list[Shadow]:
        """Return the strip that the block shades."""
        shift = weather.shift() * self.height
        left, right = self.x - self.width / 2, self.x + self.width / 2
        z = self.z + self.length / 2
        return [
            np.array(
                [
                    (left, 0, z),
                    (right, 0, z),
                    (right + shift[0], 0, z + shift[1]),
                    (left + shift[0], 0, z + shift[1]),
                ]
            )
        ]


@dataclass(frozen=True, kw_only=True)
class Guardrail:
    """A rail on posts along the street, of steel bands or of pipes."""

    street: Street
    across: float
    z: float
    length: float
    pipes: bool
    colour: tuple[float, float, float]

    @property
    def x(self) -> float:
        """World position of its near end."""
        return self.street.x(self.across, self.z)

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw posts and rails, far ones first."""
        steel = Material(albedo=self.colour, warmth=-1.0, emissivity=0.78, gloss=0.2, heating=0.5)
        steps = np.arange(self.z + self.length, self.z - 0.01, -2.0)
        rails = (
            ((0.4, 0.022), (0.62, 0.022), (0.85, 0.028))
            if self.pipes
            else ((0.48, 0.06), (0.66, 0.07))
        )
        for far, near in pairwise(steps):
            depth = canvas.camera.depth(self.street.x(self.across, near), near)
            if depth < 0.9:
                continue
            scale = canvas.camera.scale(depth)
            fields = steel.fields(depth)
            ends = [(self.street.x(self.across, z), 0.0, z) for z in (near, far)]
            for height, radius in rails:
                where = canvas.camera.project(np.array(ends) + np.array([0, height, 0]))
                grow = depth / max(canvas.camera.depth(*(ends[1][0], far)), 0.5)
                canvas.capsule(where, (radius * scale, radius * scale * grow), fields, c.GUARDRAIL)
            top = 0.85 if self.pipes else 0.72
            x, _, z = ends[0]
            post = canvas.camera.project([(x, 0, z), (x, top, z)])
            canvas.capsule(post, (0.04 * scale, 0.04 * scale), fields, c.GUARDRAIL)

    def shadows(self, weather: Weather) -> list[Shadow]:
        """Return the strips that the rails shade."""
        shapes = []
        for height in (0.6, 0.85) if self.pipes else (0.6,):
            shift = weather.shift() * height
            a, b = (
                np.array([self.street.x(self.across, z), z]) + shift
                for z in (self.z, self.z + self.length)
            )
            shapes.append(strip((a[0], a[1]), (b[0], b[1]), 0.03 if self.pipes else 0.09))
        return shapes
