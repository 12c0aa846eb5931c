"""The content of a scene: one world per seed, seen by day or by night."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imfuse.scenes.camera import Camera
from imfuse.scenes.canvas import Canvas
from imfuse.scenes.ground import Street
from imfuse.scenes.weather import Weather


class Thing(Protocol):
    """An object that stands on the ground."""

    @property
    def x(self) -> float:
        """World position across the street in metres."""
        ...

    @property
    def z(self) -> float:
        """World position along the street in metres."""
        ...

    def draw(self, canvas: Canvas, weather: Weather) -> None:
        """Paint it over everything farther away."""
        ...

    def shadows(self, weather: Weather) -> list[NDArray[np.float64]]:
        """Return the outlines of its shadow on the ground."""
        ...


@dataclass(frozen=True, kw_only=True)
class Puff:
    """A ball of smoke.

    Attributes:
        place: Centre in metres.
        radius: Radius in metres.
        density: Extinction of visible light per metre at its centre.
        seed: Seed of its billows.
    """

    place: tuple[float, float, float]
    radius: float
    density: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class View:
    """Position and direction of the camera, independent of the picture's size.

    Attributes:
        eye: Height above the ground in metres.
        x: Position across the street.
        yaw: Rotation to the right in radians.
        focal: Focal length as a share of the height of a 4:3 picture.
        horizon: Row of the horizon as a share of the height of a 4:3 picture.
    """

    eye: float
    x: float
    yaw: float
    focal: float
    horizon: float

    def camera(self, height: int, width: int) -> Camera:
        """Return the camera for a size; a central 4:3 window is always inside the picture."""
        window = min(height, 0.75 * width)
        return Camera(
            height=height,
            width=width,
            focal=self.focal * window,
            horizon=height / 2 + (self.horizon - 0.5) * window,
            eye=self.eye,
            x=self.x,
            yaw=self.yaw,
        )


@dataclass(frozen=True, kw_only=True)
class World:
    """The complete content of a scene.

    Attributes:
        seed: Seed of sky and land.
        view: Position of the camera.
        street: Plan of the ground.
        weather: Light and air.
        things: Objects that stand on the ground, in any order.
        flat: Flat objects on the ground that hide nothing standing there, in any order.
        smoke: Balls of smoke.
        headlights: True if the camera's own car lights the road.
    """

    seed: int
    view: View
    street: Street
    weather: Weather
    things: list[Thing]
    flat: list[Thing] = field(default_factory=list)
    smoke: list[Puff] = field(default_factory=list)
    headlights: bool = False
