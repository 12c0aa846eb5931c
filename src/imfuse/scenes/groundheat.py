"""Ground heat that only the infrared camera sees, from buried objects and past shadows."""

from typing import Protocol

import numpy as np

from imfuse.scenes.raster import stretch
from imfuse.scenes.textures import fractal_tile, sample
from imfuse.types import Float


class Place(Protocol):
    """Properties that a street must have."""

    @property
    def seed(self) -> int:
        """Seed of its irregularities."""
        ...

    @property
    def half(self) -> float:
        """Half the width of the road in metres."""
        ...


STALL = 6.4
"""Length of kerb taken by a parked car in metres."""


def ground_blotches(seed: int, across: Float, z: Float, blur: Float) -> Float:
    """Return the ground's temperature variation from invisible causes: soil, damp and pipes.

    Args:
        seed: Seed of the street.
        across: Metres from the middle line.
        z: Metres along the street.
        blur: Size of a pixel along the street in metres; smaller detail fades out.
    """
    broad = sample(fractal_tile((seed + 2) % 7, 1.25), across * np.float32(3.1), z * np.float32(1))
    small = sample(fractal_tile((seed + 5) % 7, 0.35), across * np.float32(11), z * np.float32(6))
    small *= np.clip(1.6 - blur, 0, 1)
    # A trench that was filled with different soil.
    middle = np.float32(seed % 37 / 9.0 - 2)
    trench = np.clip((np.float32(0.5) - np.abs(across - middle)) / np.float32(0.12), 0, 1)
    result: Float = np.float32(0.3) * broad + np.float32(0.12) * small
    result += trench * np.float32((seed % 5 - 2) * 0.3)
    return result


def parked_traces(seed: int, place: tuple[Float, Float], half: float, blur: Float) -> Float:
    """Return traces of cars parked along the kerbs (-1 to 1): engines warm, shadows cool."""
    across, z = place
    slot = np.floor(z / np.float32(STALL))
    table = np.random.default_rng([seed, 15]).random((3, 64), np.float32)
    side = (across > 0) * 31
    chosen, style, shift = table[:, np.mod(slot + side, 64).astype(np.int32)]
    u = np.abs(np.abs(across) - np.float32(half - 1.15))
    v = np.abs(z - (slot + np.float32(0.5)) * np.float32(STALL) - (shift - np.float32(0.5)))
    soft = np.maximum(blur, np.float32(0.25))
    cover = np.clip((0.85 - u) / soft, 0, 1) * np.clip((2.1 - v) / soft, 0, 1)
    warm = np.where(style < 0.5, np.float32(1), np.float32(-0.9))
    result: Float = (cover * warm * (chosen < 0.4)).astype(np.float32)
    return result


def lids(seed: int, across: Float, z: Float, blur: Float) -> Float:
    """Return the kelvin by which manhole lids differ from the surrounding road."""
    wide, long = np.float32(2.3), np.float32(7.1)
    column, row = np.floor(across / wide), np.floor(z / long)
    table = np.random.default_rng([seed, 16]).random((2, 32, 32), np.float32)
    chosen, sign = table[:, np.mod(column, 32).astype(int), np.mod(row, 32).astype(int)]
    u, v = across - (column + np.float32(0.5)) * wide, z - (row + np.float32(0.5)) * long
    ring = np.sqrt(u * u + v * v)
    lid = np.clip((np.float32(0.34) - ring) / np.maximum(blur, 1e-3) + 0.5, 0, 1) * (chosen < 0.1)
    result: Float = (lid * (np.float32(2.5) * sign - np.float32(1))).astype(np.float32)
    return result


def ground_heat(street: Place, road: Float, maps: tuple[Float, ...]) -> Float:
    """Return the kelvin by which points of the ground differ from invisible causes.

    Heat diffuses, so every second pixel is enough.

    Args:
        street: Plan of the ground.
        road: Coverage by the road.
        maps: Metres across and along, and the size of a pixel in both directions.
    """
    height, width = road.shape
    across, z, blur, blur_along, lane = (np.ascontiguousarray(m[::2, ::2]) for m in (*maps, road))
    wide = np.maximum(blur, blur_along)
    heat = ground_blotches(street.seed, across, z, blur_along)
    if street.half > 3.4:
        heat += np.float32(2.2) * parked_traces(street.seed, (across, z), street.half, wide)
    heat += lane * lids(street.seed, across, z, wide)
    return stretch(heat.astype(np.float32), height, width)
