"""Houses: boxes along the street, with flat or pitched roofs."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.scenes.canvas import Canvas
from imfuse.scenes.walls import Facade, paint_plane, roof_surface, wall_surface
from imfuse.scenes.weather import Weather

EAVES = 0.45
"""Overhang of a pitched roof over the walls in metres."""


@dataclass(frozen=True, kw_only=True)
class Building:
    """A box on the ground.

    Attributes:
        x0: Left side.
        x1: Right side.
        z0: Near side.
        z1: Far side.
        height: Height of the walls in metres.
        ridge: Height of the ridge above the walls; 0 for a flat roof. It runs along the street.
        facade: Look of its walls.
    """

    x0: float
    x1: float
    z0: float
    z1: float
    height: float
    ridge: float
    facade: Facade

    @property
    def x(self) -> float:
        """Middle of the box across the street."""
        return (self.x0 + self.x1) / 2

    @property
    def z(self) -> float:
        """Far side of the box; objects beside its walls are drawn after it."""
        return self.z1

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Draw roof and walls that face the camera, the far ones first."""
        eye = canvas.camera.x
        surface = wall_surface(self.facade, weather, self.height)
        sides = [x for x, seen in ((self.x0, eye < self.x0), (self.x1, eye > self.x1)) if seen]
        for x in sides:
            wall = [(x, 0, self.z0), (x, 0, self.z1), (x, self.height, self.z1)]
            wall.append((x, self.height, self.z0))
            paint_plane(canvas, wall, ((0, 0, 1), (0, 1, 0)), surface)
        front = [(self.x0, 0, self.z0), (self.x1, 0, self.z0), (self.x1, self.height, self.z0)]
        if self.ridge:
            front.append((self.x, self.height + self.ridge, self.z0))
        front.append((self.x0, self.height, self.z0))
        paint_plane(canvas, front, ((1, 0, 0), (0, 1, 0)), surface)
        for x in sides if self.ridge else []:
            self._slope(canvas, x)

    def _slope(self, canvas: Canvas, x: float) -> None:
        """Draw the half of the roof over one side."""
        run = self.x - x
        up = np.array([run, self.ridge, 0.0]) / np.hypot(run, self.ridge)
        low = np.array([x, self.height, 0.0]) - EAVES * up
        top = np.array([self.x, self.height + self.ridge, 0.0])
        near, far = np.array([0, 0, self.z0 - EAVES]), np.array([0, 0, self.z1 + EAVES])
        corners = [low + near, low + far, top + far, top + near]
        paint_plane(canvas, corners, ((0, 0, 1), up), roof_surface(self.facade))

    def shadows(self, weather: Weather) -> list[NDArray[np.float64]]:
        """Return the outline of the shadow on the ground."""
        shift = weather.shift()
        x, z = (self.x0, self.x1), (self.z0, self.z1)
        low = np.array([(a, b) for a in x for b in z])
        ridge = np.array([(self.x, b) for b in z]) + shift * (self.height + self.ridge)
        both = np.concatenate([low, low + shift * self.height, ridge]).astype(np.float32)
        hull = cv2.convexHull(both).reshape(-1, 2)
        return [np.stack([hull[:, 0], 0 * hull[:, 0], hull[:, 1]], 1).astype(np.float64)]
