"""Temperatures from the counts of a thermal camera: Planck's law, reflections and the air between.

The formula is the measurement formula in FLIR's manuals; the R package Thermimage (G. Tattersall)
lists its terms with the names of exiftool. With S(T) the counts of a black body,

    counts = w [e t S(object) + (1 - e) t S(reflected) + (1 - t) S(air)] + (1 - w) S(window),

e is the emissivity of the object, t the transmission of the air, and w that of a window in front of
the lens.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imfuse.types import Float, Pixels

_ZERO = 273.15


@dataclass(frozen=True)
class Planck:
    """Constants of a camera: `S(T) = r1 / (r2 (exp(b / T) - f)) - o`, with T in Kelvin."""

    r1: float
    b: float
    f: float
    o: float
    r2: float

    def counts(self, celsius: float) -> float:
        """Return the counts of a black body of this temperature in degrees Celsius."""
        kelvin = np.float64(celsius + _ZERO)
        with np.errstate(all="ignore"):
            return float(self.r1 / (self.r2 * (np.exp(self.b / kelvin) - self.f)) - self.o)


@dataclass(frozen=True)
class Air:
    """Constants of the air's transmission; see `transmission`."""

    alpha1: float
    alpha2: float
    beta1: float
    beta2: float
    x: float


def transmission(air: Air, *, distance: float, atmosphere: float, humidity: float) -> float:
    """Return the share of radiation that the air lets through.

    Args:
        air: Constants.
        distance: Length of the way in metres.
        atmosphere: Temperature of the air in degrees Celsius.
        humidity: Relative humidity, 0 to 1.
    """
    t = atmosphere
    # Water in the air by temperature: a cubic in the exponent, fitted by FLIR.
    with np.errstate(all="ignore"):
        vapour = humidity * np.exp(1.5587 + 6.939e-2 * t - 2.7816e-4 * t**2 + 6.8455e-7 * t**3)
        way, wet = np.sqrt(distance), np.sqrt(vapour)
        thin = np.exp(-way * (air.alpha1 + air.beta1 * wet))
        thick = np.exp(-way * (air.alpha2 + air.beta2 * wet))
        return float(air.x * thin + (1 - air.x) * thick)


def celsius(counts: Pixels, planck: Planck, air: Air, conditions: Mapping[str, float]) -> Float:
    """Return temperatures of uint16 counts.

    Args:
        counts: `(H, W)` uint16.
        planck: Constants of the camera.
        air: Constants of the air.
        conditions: Value of each condition; see `imfuse.radiometry.DEFAULTS`.

    Returns:
        `(H, W)` float32 in degrees Celsius; NaN where no temperature gives such counts.
    """
    table: NDArray[np.float64] = np.arange(1 << 16, dtype=np.float64)
    return np.asarray(of_counts(table, planck, air, conditions), np.float32)[counts]


def of_counts(
    counts: NDArray[np.float64], planck: Planck, air: Air, conditions: Mapping[str, float]
) -> NDArray[np.float64]:
    """Return temperatures in degrees Celsius of counts of any kind; see `celsius`."""
    e, w = conditions["emissivity"], conditions["window_transmission"]
    t = transmission(
        air,
        distance=conditions["distance"],
        atmosphere=conditions["atmosphere"],
        humidity=conditions["humidity"],
    )
    with np.errstate(all="ignore"):
        others = w * (1 - e) * t * planck.counts(conditions["reflected"])
        others += w * (1 - t) * planck.counts(conditions["atmosphere"])
        others += (1 - w) * planck.counts(conditions["window_temperature"])
        own = (counts - others) / (w * e * t)
        inside = planck.r1 / (planck.r2 * (own + planck.o)) + planck.f
        kelvin = planck.b / np.log(np.where(inside > 1, inside, np.nan))
    found = kelvin - _ZERO
    return np.where(np.isfinite(found) & (found > -_ZERO), found, np.nan)
