"""Smoke: a lit, billowing haze that hides visible light and hardly attenuates heat."""

from collections.abc import Sequence

import numpy as np

from imfuse.scenes import canvas as c
from imfuse.scenes.canvas import Canvas
from imfuse.scenes.textures import fractal_tile, sample
from imfuse.scenes.weather import Weather
from imfuse.scenes.world import Puff
from imfuse.types import Float

INFRARED_SHARE = 0.035
"""Extinction of smoke at 10 um relative to visible light; its droplets are much smaller."""


def optical_depth(canvas: Canvas, smoke: Sequence[Puff]) -> tuple[Float, Float]:
    """Return the smoke's optical depth in front of each pixel, and the shading of its billows."""
    camera = canvas.camera
    dx, dy, dz = camera.rays(camera.frame)
    length2 = dx * dx + dy * dy + dz * dz
    depth = canvas.fields[..., c.DEPTH]
    total = np.zeros_like(depth)
    shading = np.zeros_like(depth)
    for puff in smoke:
        px, py, pz = (
            np.float32(a)
            for a in (puff.place[0] - camera.x, puff.place[1] - camera.eye, puff.place[2])
        )
        nearest = np.maximum((dx * px + dy * py + dz * pz) / length2, 0.05)
        ox, oy, oz = dx * nearest - px, dy * nearest - py, dz * nearest - pz
        r = np.float32(puff.radius)
        miss = (ox * ox + oy * oy + oz * oz) / (r * r)
        u, v = (ox + oz) / r * 14, oy / r * 14
        tile = fractal_tile(puff.seed % 7, 1.5)
        start = np.float32(puff.seed % 251)
        swirl = 7 * sample(tile, u * 0.5 + start, v * 0.5 - start)
        billow = sample(tile, u + swirl + start, v + 0.7 * swirl)
        core = np.exp(-miss * np.clip(1 + 0.06 * swirl, 0.45, 1.9) * 1.3)
        column = core * np.clip(1 + 0.7 * billow, 0.03, 2.6) * np.float32(1.77 * puff.density) * r
        column *= np.clip((depth - nearest) / (2 * r) + 0.5, 0, 1)
        total += column
        shading += column * (0.5 * billow + 0.35 * oy / r)
    return total, np.asarray(shading / np.maximum(total, 1e-3), np.float32)


def smoke_over(weather: Weather, light: Float, total: Float, shading: Float) -> Float:
    """Blend lit smoke of a given optical depth and shading over visible light."""
    clear = np.exp(-total)
    tint = np.array([0.5, 0.56, 0.6], np.float32)
    strength = 0.02 if weather.night else 0.55 + 0.35 * weather.sunlight
    lit = np.clip(1 + 0.38 * shading, 0.4, 1.8) * np.float32(strength)
    # Dense smoke shadows itself, so thick parts are a little darker and bluer than the rim.
    lit *= 1 - 0.25 * np.clip(total / 6, 0, 1)
    result: Float = light * clear[..., None] + ((1 - clear) * lit)[..., None] * tint
    return result


def smoke_over_infrared(warmth: Float, total: Float) -> Float:
    """Blend smoke, a little warmer than the air, over apparent temperatures."""
    clear = np.exp(-np.float32(INFRARED_SHARE) * total)
    result: Float = warmth * clear + (1 - clear) * np.float32(1.5)
    return result
