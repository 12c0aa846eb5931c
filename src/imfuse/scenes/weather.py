"""Time of day, sky and season: the light and warmth of a world."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Season = Literal["summer", "autumn", "winter"]


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Light and air of a scene.

    Attributes:
        night: True if lamps and windows are the main light.
        air: Air temperature in degrees Celsius.
        sun: Unit vector towards the sun (or the moon).
        sunlight: Strength of the direct light, 0 (overcast) to 1 (clear).
        cloud: Cloud cover, 0 to 1.
        fog: Extinction of visible light per metre of air.
        wet: Wetness of the ground, 0 to 1.
        season: Season, which determines the look of trees and clothes.
        warmth_of_light: -1 (blue hour) to 1 (low, orange sun).
    """

    night: bool
    air: float
    sun: tuple[float, float, float]
    sunlight: float
    cloud: float
    fog: float
    wet: float
    season: Season
    warmth_of_light: float

    @property
    def sun_vector(self) -> NDArray[np.float32]:
        """Unit vector towards the sun as an array."""
        return np.array(self.sun, np.float32)

    def shift(self) -> NDArray[np.float64]:
        """Shift of a shadow along x and z in metres per metre of height."""
        height = max(self.sun[1], 0.2)
        return -np.array([self.sun[0], self.sun[2]]) / height

    def skin(self) -> float:
        """Excess temperature of bare skin over the air in kelvin."""
        return 33.5 - 0.12 * max(20 - self.air, 0) - self.air


_SEASONS: tuple[Season, ...] = ("summer", "summer", "autumn", "winter")


def random_weather(rng: np.random.Generator, *, night: bool, foggy: bool = False) -> Weather:
    """Draw random weather; day and night of one generator state share season, wetness and fog."""
    season = _SEASONS[rng.integers(len(_SEASONS))]
    warm = {"summer": (15, 26), "autumn": (8, 18), "winter": (-3, 9)}[season]
    air = float(rng.uniform(*warm))
    azimuth, elevation = rng.uniform(-2.8, 2.8), np.radians(rng.uniform(14, 62))
    cloud = float(rng.choice([rng.uniform(0, 0.35), rng.uniform(0.35, 0.75), 1.0]))
    wet = float(rng.uniform(0.4, 1)) if rng.random() < 0.22 else 0.0
    fog = (
        float(rng.uniform(0.012, 0.04)) if rng.random() < 0.1 else float(rng.uniform(1e-4, 1.2e-3))
    )
    dense = float(rng.uniform(0.03, 0.08))
    if wet:
        cloud = max(cloud, 0.8)
    if fog > 0.005:
        cloud = 1.0
    if foggy:
        fog, cloud = dense, 1.0
    flat = np.cos(elevation)
    return Weather(
        night=night,
        air=air - (6.0 if night else 0.0),
        sun=(
            float(flat * np.sin(azimuth)),
            float(np.sin(elevation)),
            float(flat * np.cos(azimuth)),
        ),
        sunlight=float(np.clip(1.25 - 1.25 * cloud, 0, 1)),
        cloud=cloud,
        fog=fog,
        wet=wet,
        season=season,
        warmth_of_light=float(np.clip(1.3 - 2.2 * np.sin(elevation), -0.2, 1)),
    )
