"""The land on the horizon: distant hills or roofs, with trees in front."""

import numpy as np
from numpy.typing import NDArray

from imfuse.scenes import canvas as c
from imfuse.scenes.canvas import Canvas, Material
from imfuse.scenes.textures import fractal_tile, sample, wave
from imfuse.scenes.weather import Weather
from imfuse.types import Float


def paint_horizon(canvas: Canvas, weather: Weather, seed: int) -> None:
    """Paint the background: distant hills or roofs, and a row of trees in front."""
    camera = canvas.camera
    dx, _, dz = camera.rays((0, 0, camera.width, 1))
    angle = np.arctan2(dx, dz)[0]
    leaf = {"summer": (0.05, 0.08, 0.03), "autumn": (0.12, 0.085, 0.035)}.get(
        weather.season, (0.09, 0.08, 0.065)
    )
    rng = np.random.default_rng([seed, 5])
    roofs = np.asarray(np.rint(wave(seed + 1, angle * 40, 2) * 3) / 3, np.float32)
    layers: list[tuple[float, Float, tuple[float, float, float], float]] = [
        (700.0, 26 + 26 * wave(seed, angle * 6, 4), (0.1, 0.11, 0.09), -0.5),
        (350.0, 15 + 12 * roofs * float(rng.random()), (0.26, 0.24, 0.22), 0.5),
        (160.0, 6.5 + 2.4 * wave(seed + 2, angle * 50, 6), leaf, -0.3),
    ]
    for depth, height, albedo, warmth in layers:
        top = camera.horizon - camera.focal * np.maximum(height, 1.0) / depth
        rows = np.arange(camera.height, dtype=np.float32)[:, None] + 0.5
        last = min(max(int(np.ceil(camera.horizon + 1)), 0), camera.height)
        first = min(max(int(np.floor(top.min())) - 1, 0), last)
        alpha = np.clip(rows[first:last] - top[None].astype(np.float32), 0, 1)
        material = Material(albedo=albedo, warmth=warmth, heating=0.15)
        fields = np.broadcast_to(material.fields(depth), (*alpha.shape, c.CHANNELS)).copy()
        rise = (rows[first:last] - np.float32(camera.horizon)) / np.float32(camera.focal)
        _speckle(fields, seed + int(depth), angle, rise)
        canvas.blend((0, first, camera.width, last), alpha.astype(np.float32), fields)


def _speckle(fields: NDArray[np.float32], seed: int, angle: Float, rise: Float) -> None:
    """Give a distant layer the mottled look of leaves and windows."""
    shape = fields.shape[:2]
    noise = sample(
        fractal_tile(seed % 7, 0.8),
        np.broadcast_to(angle * np.float32(900), shape),
        np.broadcast_to(rise * np.float32(900), shape),
    )
    fields[..., c.ALBEDO] *= np.clip(1 + 0.4 * noise, 0.2, 2)[..., None]
    fields[..., c.TEMPERATURE] += 0.7 * noise[:, ::-1]
