"""Bicycles, parked or ridden."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imfuse.scenes import canvas as c
from imfuse.scenes.camera import Points
from imfuse.scenes.canvas import Canvas, Material
from imfuse.scenes.light import contact_shadow
from imfuse.scenes.people import Person
from imfuse.scenes.weather import Weather

WHEEL = 0.34
_REAR, _FRONT = (0.0, WHEEL, -0.52), (0.0, WHEEL, 0.52)
_CRANK, _SEAT, _HEAD = (0.0, 0.3, -0.06), (0.0, 0.86, -0.22), (0.0, 0.83, 0.36)
_TUBES = (
    (_REAR, _CRANK),
    (_REAR, _SEAT),
    (_CRANK, _SEAT),
    (_CRANK, _HEAD),
    (_SEAT, _HEAD),
    (_HEAD, _FRONT),
    (_HEAD, (0.0, 1.0, 0.33)),
)


@dataclass(frozen=True, kw_only=True)
class Bike:
    """A bicycle standing on both wheels.

    Attributes:
        x: World position.
        z: World position along the street.
        heading: 0 points away from the camera.
        colour: Albedo of the frame.
        rider: Its rider, if any.
        lit: True if its lamp is on.
    """

    x: float
    z: float
    heading: float
    colour: tuple[float, float, float]
    rider: Person | None = None
    lit: bool = False

    def _turned(self, points: NDArray[np.float64]) -> Points:
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
        turned: Points = points @ turn + np.array([self.x, 0, self.z])
        return turned

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw wheels, tubes, saddle, handlebar, and the rider."""
        camera = canvas.camera
        depth = camera.depth(self.x, self.z)
        if depth < 1.2:
            return
        reach = 0.2 + 0.5 * abs(np.sin(self.heading))
        contact_shadow(canvas, (self.x, self.z), (reach, 0.7 - reach / 2), 0.4)
        scale = camera.scale(depth)
        tyre = Material(albedo=(0.02, 0.02, 0.02), warmth=4.0 if self.rider else -0.5, heating=0.7)
        for hub in (_REAR, _FRONT):
            self._wheel(canvas, np.array(hub), tyre, depth)
        frame = Material(albedo=self.colour, warmth=-0.8, emissivity=0.88, gloss=0.3, heating=0.5)
        fields = frame.fields(depth)
        for a, b in _TUBES:
            ends = camera.project(self._turned(np.array([a, b])))
            canvas.capsule(ends, (0.019 * scale, 0.019 * scale), fields, c.BIKE)
        self._fittings(canvas, depth, scale)
        if self.rider is not None:
            self.rider.draw(canvas, weather)

    def _wheel(
        self, canvas: Canvas, hub: NDArray[np.float64], tyre: Material, depth: float
    ) -> None:
        """Draw a tyre as a ring of short bars, and a veil of spokes."""
        angle = np.linspace(0, 2 * np.pi, 17)
        rim = np.stack([0 * angle, WHEEL * np.sin(angle), WHEEL * np.cos(angle)], 1) + hub
        where = canvas.camera.project(self._turned(rim))
        width = 0.022 * canvas.camera.scale(depth)
        fields = tyre.fields(depth)
        for i in range(16):
            canvas.capsule(where[i : i + 2], (width, width), fields, c.BIKE)
        centre = canvas.camera.project(self._turned(hub[None]))[0]
        spokes = Material(albedo=(0.3, 0.3, 0.3), gloss=0.2, emissivity=0.8).fields(depth)
        for i in range(0, 16, 2):
            ends = np.stack([centre, where[i]])
            canvas.capsule(ends, (0.12 * width, 0.12 * width), spokes, c.BIKE)

    def _fittings(self, canvas: Canvas, depth: float, scale: float) -> None:
        dark = Material(albedo=(0.02, 0.02, 0.02), warmth=-0.3).fields(depth)
        bars = [
            ([(-0.26, 1.02, 0.28), (0.26, 1.02, 0.28)], 0.018),
            ([(0, 0.92, -0.34), (0, 0.93, -0.12)], 0.05),
            ([(-0.1, 0.42, -0.06), (0.1, 0.2, -0.06)], 0.02),
        ]
        for points, radius in bars:
            ends = canvas.camera.project(self._turned(np.array(points, np.float64)))
            canvas.capsule(ends, (radius * scale, radius * scale), dark, c.BIKE)
        towards = np.cos(self.heading) < 0
        glow = (28.0, 27.0, 24.0) if towards else (4.0, 0.15, 0.1)
        at = (0.0, 0.85, 0.45) if towards else (0.0, 0.7, -0.6)
        lamp = Material(albedo=(0.5, 0.5, 0.5), glow=glow if self.lit else (0, 0, 0), warmth=2.0)
        point = canvas.camera.project(self._turned(np.array([at, at])))
        canvas.capsule(point, (0.04 * scale, 0.04 * scale), lamp.fields(depth), c.BIKE)

    def shadows(self, weather: Weather) -> list[NDArray[np.float64]]:
        """Return the outlines of the shadow on the ground."""
        shapes = [] if self.rider is None else self.rider.shadows(weather)
        shift = weather.shift()
        angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        for hub in (_REAR, _FRONT):
            rim = np.stack([0 * angle, WHEEL * np.sin(angle), WHEEL * np.cos(angle)], 1) + hub
            rim[:, 0] += 0.03 * np.sign(np.sin(angle))
            shapes.append(_flattened(self._turned(rim), shift))
        for a, b in _TUBES:
            bar = np.array([a, b, b, a]) + np.array([[0.03, 0, 0]] * 2 + [[-0.03, 0, 0]] * 2)
            shapes.append(_flattened(self._turned(bar), shift))
        return shapes


def _flattened(points: Points, shift: NDArray[np.float64]) -> Points:
    """Project points to the ground along the light."""
    return np.stack(
        [
            points[:, 0] + shift[0] * points[:, 1],
            0 * points[:, 1],
            points[:, 2] + shift[1] * points[:, 1],
        ],
        1,
    )
