"""Street furniture: bollards, cones, lamp posts and signs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imfuse.scenes import canvas as c
from imfuse.scenes.canvas import Canvas, Material
from imfuse.scenes.light import Lamp, contact_shadow
from imfuse.scenes.weather import Weather

Shadow = NDArray[np.float64]
STEEL = Material(albedo=(0.32, 0.33, 0.34), warmth=-1.2, emissivity=0.72, gloss=0.25, heating=0.5)
CONCRETE = Material(albedo=(0.36, 0.35, 0.32), warmth=0.8, heating=0.75)


def strip(a: tuple[float, float], b: tuple[float, float], width: float) -> Shadow:
    """Return a strip on the ground from a to b."""
    p, q = np.array(a), np.array(b)
    along = (q - p) / (np.hypot(*(q - p)) + 1e-6)
    side = np.array([-along[1], along[0]]) * width
    return np.array([[v[0], 0.0, v[1]] for v in (p + side, p - side, q - side, q + side)])


@dataclass(frozen=True, kw_only=True)
class Bollard:
    """A stone or steel post against cars; MSRS labels it as a car stop."""

    x: float
    z: float
    height: float = 0.85
    radius: float = 0.11
    steel: bool = False

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw the post."""
        depth = canvas.camera.depth(self.x, self.z)
        if depth < 1.5:
            return
        contact_shadow(canvas, (self.x, self.z), (0.2, 0.16), 0.5)
        r = self.radius * canvas.camera.scale(depth)
        ends = canvas.camera.project([(self.x, 0.0, self.z), (self.x, self.height, self.z)])
        material = STEEL if self.steel else CONCRETE
        canvas.capsule(ends, (r, r * 0.95), material.fields(depth), c.CAR_STOP, standing=True)

    def shadows(self, weather: Weather) -> list[Shadow]:
        """Return the strip that the post shades."""
        end = np.array([self.x, self.z]) + weather.shift() * self.height
        return [strip((self.x, self.z), (end[0], end[1]), self.radius)]


@dataclass(frozen=True, kw_only=True)
class Cone:
    """A traffic cone with two white bands."""

    x: float
    z: float
    height: float = 0.7

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw foot, cone and bands."""
        depth = canvas.camera.depth(self.x, self.z)
        if depth < 1.5:
            return
        scale = canvas.camera.scale(depth)
        contact_shadow(canvas, (self.x, self.z), (0.26, 0.24), 0.5)
        orange = Material(albedo=(0.62, 0.11, 0.02), warmth=-0.4, heating=0.5)
        white = Material(albedo=(0.75, 0.75, 0.73), warmth=-0.4, heating=0.5)
        foot = [
            (self.x + a * 0.19, 0.03, self.z + b * 0.19)
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        canvas.face(foot, orange, c.CONE)
        for low, high, material in ((0, 1, orange), (0.34, 0.52, white), (0.66, 0.8, white)):
            ends = [(self.x, 0.02 + t * self.height, self.z) for t in (low, high)]
            radii = [(0.145 - 0.118 * t) * scale for t in (low, high)]
            self._ring(canvas, canvas.camera.project(ends), radii, material, depth)

    def _ring(
        self,
        canvas: Canvas,
        ends: NDArray[np.float64],
        radii: list[float],
        material: Material,
        depth: float,
    ) -> None:
        """Draw a truncated cone as three flat strips that face left, ahead and right."""
        (u0, v0), (u1, v1) = ends
        cuts = (-1.0, -0.45, 0.45, 1.0)
        for a, b, nx in zip(cuts[:-1], cuts[1:], (-0.75, 0.0, 0.75), strict=True):
            part = np.array(
                [
                    (u0 + a * radii[0], v0),
                    (u0 + b * radii[0], v0),
                    (u1 + b * radii[1], v1),
                    (u1 + a * radii[1], v1),
                ]
            )
            canvas.polygon(part, material.fields(depth, normal=(nx, 0.25, -0.6)), c.CONE)

    def shadows(self, weather: Weather) -> list[Shadow]:
        """Return the triangle that the cone shades."""
        end = np.array([self.x, self.z]) + weather.shift() * self.height
        shade = strip((self.x, self.z), (end[0], end[1]), 0.14)
        shade[2:, [0, 2]] = end
        return [shade]


@dataclass(frozen=True, kw_only=True)
class LampPost:
    """A street lamp on a post, with an arm over the road."""

    x: float
    z: float
    height: float
    arm: float
    colour: tuple[float, float, float]
    power: float

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw post, arm and head."""
        depth = canvas.camera.depth(self.x, self.z)
        if depth < 1.5:
            return
        scale = canvas.camera.scale(depth)
        project = canvas.camera.project
        contact_shadow(canvas, (self.x, self.z), (0.2, 0.16), 0.4)
        fields = Material(
            albedo=(0.13, 0.135, 0.13), warmth=-0.8, emissivity=0.85, gloss=0.1
        ).fields(depth)
        top = (self.x, self.height, self.z)
        head = (self.x + self.arm, self.height + 0.15, self.z)
        foot = project([(self.x, 0, self.z), top])
        canvas.capsule(foot, (0.085 * scale, 0.055 * scale), fields, standing=True)
        canvas.capsule(project([top, head]), (0.04 * scale, 0.035 * scale), fields)
        glow = tuple(self.power * v for v in self.colour) if weather.night else (0.0, 0.0, 0.0)
        lamp = Material(
            albedo=(0.5, 0.5, 0.48),
            warmth=14.0 if weather.night else 0.0,
            glow=(glow[0], glow[1], glow[2]),
        )
        wide = np.sign(self.arm or 1.0) * 0.28
        ends = project(
            [(head[0], head[1] - 0.08, self.z), (head[0] + wide, head[1] - 0.06, self.z)]
        )
        canvas.capsule(ends, (0.09 * scale, 0.07 * scale), lamp.fields(depth))

    def lamps(self) -> list[Lamp]:
        """Return its light source."""
        place = (self.x + self.arm, self.height - 0.1, self.z)
        r, g, b = self.colour
        power = 4.5 * self.power / 20
        return [Lamp(place=place, colour=(r * power, g * power, b * power))]

    def shadows(self, weather: Weather) -> list[Shadow]:
        """Return the strip that the post shades."""
        end = np.array([self.x, self.z]) + weather.shift() * self.height
        return [strip((self.x, self.z), (end[0], end[1]), 0.07)]


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A round or square sign on a post."""

    x: float
    z: float
    colour: tuple[float, float, float]
    corners: int

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw post and board."""
        depth = canvas.camera.depth(self.x, self.z)
        if depth < 1.5:
            return
        scale = canvas.camera.scale(depth)
        foot = np.array([self.x, 0, self.z])
        post = canvas.camera.project([(self.x, 0, self.z), (self.x, 2.6, self.z)])
        canvas.capsule(post, (0.03 * scale, 0.03 * scale), STEEL.fields(depth))
        angle = 2 * np.pi * (np.arange(self.corners) + 0.5) / self.corners
        for radius, colour in ((0.33, (0.7, 0.7, 0.68)), (0.29, self.colour)):
            ring = np.stack([radius * np.cos(angle), 2.4 + radius * np.sin(angle), 0 * angle], 1)
            board = Material(albedo=colour, warmth=-1.5, emissivity=0.85, gloss=0.1, heating=0.5)
            canvas.polygon(canvas.camera.project(ring + foot), board.fields(depth))
        bar = np.array([(-0.2, 2.36, 0), (0.2, 2.36, 0), (0.2, 2.45, 0), (-0.2, 2.45, 0)])
        white = Material(albedo=(0.7, 0.7, 0.68), warmth=-1.5, emissivity=0.85)
        canvas.polygon(canvas.camera.project(bar + foot), white.fields(depth))

    def shadows(self, weather: Weather) -> list[Shadow]:
        """Return the strip that the post shades."""
        end = np.array([self.x, self.z]) + weather.shift() * 2.2
        return [strip((self.x, self.z), (end[0], end[1]), 0.04)]
