"""Hard pairs with known truth: a rendered pair, harmed in one sensor in a way that is known.

Each pair comes with what the same cameras would have seen without the harm, so that it can be
measured what a fusion took from the sensor that still sees, and how much of the harm it kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.errors import UnknownName, UsageError
from imfuse.ops.color import luma
from imfuse.scenes.raster import blur
from imfuse.scenes.render import Scene, render
from imfuse.types import Float, Mask

Sensor = Literal["ir", "vis"]

_CLASSES = (1, 2, 3)
"""Labels of targets: car, person, bike."""
_LEAST = 120
"""Pixels of a target at 640x480 below which it can't be measured."""
_MOST = 4
"""Targets of a scene, the largest ones."""


@dataclass(frozen=True, kw_only=True)
class HardPair:
    """A pair in which one sensor is harmed.

    Attributes:
        ir: `(H, W)` infrared picture in [0, 1].
        vis: `(H, W, 3)` visible picture.
        clean_ir: The infrared picture without the harm.
        clean_vis: The visible picture without the harm.
        quiet_ir: The infrared picture with the harm but for its noise.
        quiet_vis: The visible picture with the harm but for its noise.
        targets: Masks of objects that the harm hides.
        harmed: The sensor that is harmed.
        hazard: Kind of the harm.
        seed: Seed of the scene.
    """

    ir: Float
    vis: Float
    clean_ir: Float
    clean_vis: Float
    quiet_ir: Float
    quiet_vis: Float
    targets: tuple[Mask, ...]
    harmed: Sensor
    hazard: str
    seed: int

    @property
    def seen(self) -> Float:
        """The clean picture, in gray, of the sensor that is not harmed."""
        return self.clean_ir if self.harmed == "vis" else luma(self.clean_vis)


def hard_pair(hazard: str, *, seed: int = 0, size: tuple[int, int] = (480, 640)) -> HardPair:
    """Render a hard pair; always the same for the same arguments.

    Args:
        hazard: One of `HAZARDS`.
        seed: Seed of the scene and of the harm.
        size: Height and width in pixels, from 64 on.

    Raises:
        UnknownName: There is no such hazard.
        UsageError: The size is too small, or the seed negative.
    """
    if hazard not in HAZARDS:
        raise UnknownName("hazard", hazard, tuple(HAZARDS))
    if min(size) < 64:
        raise UsageError(f"size {size[0]}x{size[1]}", expected="at least 64x64")
    kind = "street-night" if hazard == "glare" else "street-day"
    scene = _rendered(kind, seed, size)
    targets = targets_of(scene.labels)
    rng = np.random.default_rng([seed, 31, list(HAZARDS).index(hazard)])
    harmed, harm = _HARMS[hazard]
    clean = scene.ir if harmed == "ir" else scene.vis
    quiet, noise = harm(clean, targets, rng)
    noisy = np.clip(quiet + noise, 0, 1).astype(np.float32)
    return HardPair(
        ir=noisy if harmed == "ir" else scene.ir,
        vis=noisy if harmed == "vis" else scene.vis,
        clean_ir=scene.ir,
        clean_vis=scene.vis,
        quiet_ir=quiet if harmed == "ir" else scene.ir,
        quiet_vis=quiet if harmed == "vis" else scene.vis,
        targets=targets,
        harmed=harmed,
        hazard=hazard,
        seed=seed,
    )


def targets_of(labels: NDArray[np.uint8]) -> tuple[Mask, ...]:
    """Return the masks of the largest cars, people and bikes, largest first.

    Args:
        labels: `(H, W)` classes of MSRS.
    """
    found = []
    for one in _CLASSES:
        count, parts, stats, _ = cv2.connectedComponentsWithStats((labels == one).astype(np.uint8))
        found += [(int(stats[i, cv2.CC_STAT_AREA]), parts == i) for i in range(1, count)]
    least = _LEAST * labels.size / (640 * 480)
    kept = sorted((one for one in found if one[0] >= least), key=lambda one: -one[0])
    return tuple(mask for _, mask in kept[:_MOST])


@lru_cache(maxsize=4)
def _rendered(kind: str, seed: int, size: tuple[int, int]) -> Scene:
    return render(kind, size=size, seed=seed)


_Targets = tuple[Mask, ...]
_Harmed = tuple[Float, Float | float]
"""A picture after the harm, and the noise that comes on top."""


def _glare(vis: Float, targets: _Targets, rng: np.random.Generator) -> _Harmed:
    """Blind the camera by a lamp in front of each target."""
    height, width = vis.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    light = np.zeros((height, width), np.float32)
    for target in targets:
        rows, columns = np.nonzero(target)
        size = max(float(np.ptp(rows)), 8.0)
        distance = np.hypot(y - rows.mean() - 0.1 * size * rng.normal(), x - columns.mean())
        near = 1.3 * np.exp(-((distance / (0.55 * size)) ** 2))
        light += (near + 0.5 * np.exp(-distance / (0.9 * size))).astype(np.float32)
    tint = np.array([1.0, 0.97, 0.9], np.float32)
    return np.clip(vis + light[..., None] * tint, 0, 1), 0.0


def _dark(vis: Float, targets: _Targets, rng: np.random.Generator) -> _Harmed:
    """Take nearly all light away, which leaves the noise of the sensor."""
    grain = rng.normal(0, 0.03, vis.shape).astype(np.float32)
    return np.asarray(0.05 + 0.07 * vis, np.float32), 0.7 * (grain + blur(grain, 0.8))


def _smoke(vis: Float, targets: _Targets, rng: np.random.Generator) -> _Harmed:
    """Lay thick smoke over the picture, of uneven brightness."""
    height, width = vis.shape[:2]
    clouds = blur(rng.normal(0, 1, (height, width)).astype(np.float32), height / 12)
    clouds = 0.62 + 0.06 * clouds / max(float(clouds.std()), 1e-6)
    return np.clip(0.08 * vis + 0.92 * clouds[..., None], 0, 1).astype(np.float32), 0.0


def _overexposed(vis: Float, targets: _Targets, rng: np.random.Generator) -> _Harmed:
    """Expose far too long."""
    return np.clip(0.55 + 1.2 * vis, 0, 1).astype(np.float32), 0.0


def _crossover(ir: Float, targets: _Targets, rng: np.random.Generator) -> _Harmed:
    """Give every target the temperature of what is around it."""
    hidden = np.zeros(ir.shape, np.float32)
    for target in targets:
        hidden[cv2.dilate(target.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0] = 1
    shown = 1 - hidden
    around = blur(ir * shown, 12.0) / np.maximum(blur(shown, 12.0), 1e-3)
    soft = blur(hidden, 1.0)
    return np.asarray(ir + soft * (around - ir), np.float32), 0.0


def _pattern(ir: Float, targets: _Targets, rng: np.random.Generator) -> _Harmed:
    """Add the fixed pattern of an uncooled sensor: columns, and grain."""
    columns = rng.normal(0, 0.04, (1, ir.shape[1])) + 0 * ir
    return ir, (columns + rng.normal(0, 0.025, ir.shape)).astype(np.float32)


_HARMS: dict[str, tuple[Sensor, Callable[[Float, _Targets, np.random.Generator], _Harmed]]] = {
    "glare": ("vis", _glare),
    "dark": ("vis", _dark),
    "smoke": ("vis", _smoke),
    "overexposed": ("vis", _overexposed),
    "crossover": ("ir", _crossover),
    "pattern": ("ir", _pattern),
}

HAZARDS = {
    "glare": "lamps in front of what infrared shows, by night",
    "dark": "hardly any light, and the noise of the visible camera",
    "smoke": "smoke before the visible camera",
    "overexposed": "a visible picture that is nearly white",
    "crossover": "targets as warm as what is around them",
    "pattern": "fixed columns and grain of the infrared sensor",
}
"""Kinds of harm, and what happens."""
