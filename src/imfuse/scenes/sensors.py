"""The two cameras: from arriving light and heat to pictures."""

from dataclasses import dataclass

import cv2
import numpy as np

from imfuse.ops.color import luma
from imfuse.scenes.raster import blur, shrink, stretch
from imfuse.scenes.weather import Weather
from imfuse.types import Float

GHOSTS = ((-1.0, 1.6, (0.9, 0.3, 0.6)), (-0.55, 2.6, (0.3, 0.6, 0.4)), (0.45, 2.0, (0.5, 0.4, 0.9)))
"""Lens ghosts of bright spots: magnification, blur (in eighths of a pixel), tint."""


@dataclass(frozen=True, kw_only=True)
class VisibleCamera:
    """A colour camera with automatic exposure.

    Attributes:
        target: Target mean luma of the exposure.
        gain_limit: Largest exposure gain; dark scenes stay dark beyond it.
        balance: Error of the white balance per channel.
        blur: Spread of the lens and the colour filter interpolation in pixels.
        noise: Read noise (linear, at gain 1).
        shot: Strength of the shot noise, which grows with the square root of the light.
        glare: Share of the light that the lens scatters around bright spots.
        vignette: Loss of light in the corners.
        black: Luma of black, lifted by flare or by the tone curve of a cheap camera.
        saturation: Gain of colour relative to gray.
        contrast: Strength of the S-shaped tone curve, 0 to 1.
    """

    target: float
    gain_limit: float
    balance: tuple[float, float, float]
    blur: float
    noise: float
    shot: float
    glare: float
    vignette: float
    black: float
    saturation: float
    contrast: float

    def take(self, light: Float, scale: float, rng: np.random.Generator) -> Float:
        """Return the `(H, W, 3)` picture in [0, 1] for linear light.

        Args:
            light: `(H, W, 3)`, 1 for a white surface in full daylight.
            scale: Picture scale relative to 640x480.
            rng: Source of the noise.
        """
        seen = _scatter(light, self.glare, scale)
        seen += _ghosts(light, self.glare, scale)
        seen = blur(seen, max(self.blur * scale, 0.25))
        gain = self._exposure(luma(seen))
        seen = seen * (np.float32(gain) * np.array(self.balance, np.float32))
        seen *= _falloff(seen.shape[:2], self.vignette)[..., None]
        variance = np.float32(self.shot**2 * gain) * np.maximum(seen, 0)
        spread = np.sqrt(variance + np.float32((self.noise * gain) ** 2))
        seen += spread * _grain(seen.shape[:2], rng)
        return self._tone(seen)

    def _exposure(self, brightness: Float) -> float:
        """Choose the gain that brings the geometric mean of the light to the target."""
        middle = float(np.exp(np.mean(np.log(np.clip(brightness, 1e-4, 4.0)))))
        linear = self.target**2.2
        return float(np.clip(linear / middle, 0.05, self.gain_limit))

    def _tone(self, seen: Float) -> Float:
        """Strengthen colour, compress highlights, and encode with gamma and some contrast."""
        grey = luma(seen)[..., None]
        bent = np.maximum(grey + np.float32(self.saturation) * (seen - grey), 1e-6)
        high = 1 - np.float32(0.5) * np.exp(np.minimum(0.5 - bent, 0) / np.float32(0.5))
        bent = np.where(bent > 0.5, high, bent)
        coded = np.asarray(cv2.pow(bent, 1 / 2.2), np.float32)
        coded -= np.float32(self.contrast / (2 * np.pi)) * np.sin(np.float32(2 * np.pi) * coded)
        result: Float = np.clip(self.black + (1.02 - self.black) * coded, 0, 1).astype(np.float32)
        return result


def _grain(shape: tuple[int, int], rng: np.random.Generator) -> Float:
    """Return sensor noise after a camera's denoising; its spread was 1 before."""
    grain = rng.standard_normal((*shape, 3), np.float32)
    fine = blur(grain, 0.8)
    # Denoisers filter colour more than luma, so colour noise is coarse and weak.
    mean = luma(fine)[..., None]
    coarse = blur(fine, 1.6)
    result: Float = np.float32(1.6) * mean + np.float32(1.2) * (coarse - luma(coarse)[..., None])
    return result


def _falloff(shape: tuple[int, int], strength: float) -> Float:
    """Return the loss of light towards the corners (cosine law, scaled)."""
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None]
    return np.asarray(1 - np.float32(strength) * (x * x + y * y) / 2, np.float32)


def _scatter(light: Float, share: float, scale: float) -> Float:
    """Spread a share of the light over wide, long-tailed halos (veiling glare and bloom)."""
    height, width = light.shape[:2]
    result = light * np.float32(1 - share)
    for sigma, part in ((3.0, 0.45), (10.0, 0.3), (36.0, 0.17), (110.0, 0.08)):
        radius = sigma * scale
        step = int(max(1, min(radius / 2.5, min(height, width) / 4)))
        small = shrink(light, max(height // step, 1), max(width // step, 1))
        halo = stretch(blur(small, max(radius / step, 0.3)), height, width)
        result = result + np.float32(share * part) * halo
    return result.astype(np.float32)


def _ghosts(light: Float, share: float, scale: float) -> Float:
    """Return lens flare: faint, coloured, out-of-focus images of bright spots across the centre."""
    height, width = light.shape[:2]
    step = max(1, min(round(8 * scale), height // 4, width // 4))
    size = (max(width // step, 1), max(height // step, 1))
    bright = shrink(np.maximum(light - 3, 0), size[1], size[0])
    if not bright.any():
        return np.zeros_like(light)
    centre = ((size[0] - 1) / 2, (size[1] - 1) / 2)
    total = np.zeros_like(bright)
    for zoom, sigma, tint in GHOSTS:
        turn = np.array([[zoom, 0, centre[0] * (1 - zoom)], [0, zoom, centre[1] * (1 - zoom)]])
        moved = np.asarray(cv2.warpAffine(bright, turn, size), np.float32)
        total += blur(moved, sigma) * np.array(tint, np.float32)
    return stretch(total, height, width) * np.float32(0.012 * share)


@dataclass(frozen=True, kw_only=True)
class InfraredCamera:
    """A long-wave (8 to 14 um) microbolometer camera.

    Attributes:
        span: Kelvin between black and white of the fixed mapping.
        floor: Kelvin above the air that is black in the fixed mapping.
        equalise: Share of the plateau-equalised mapping that many cameras add, 0 to 1.
        detail: Gain of fine detail over the base.
        blur: Spread of the lens in pixels.
        noise: Noise-equivalent temperature difference in kelvin.
        fixed: Spread of the fixed pattern noise in kelvin.
    """

    span: float
    floor: float
    equalise: float
    detail: float
    blur: float
    noise: float
    fixed: float

    def optics(self, warmth: Float, air: float, scale: float) -> Float:
        """Return the band radiance behind the lens, as kelvin around air temperature.

        In the 8 to 14 um band, radiance grows about as the 4.5th power of the temperature.
        """
        base = np.float32(air + 273.15)
        radiance = (np.power(np.maximum(1 + warmth / base, 0.3), 4.5) - 1) * (base / 4.5)
        return blur(radiance.astype(np.float32), max(self.blur * scale, 0.3))

    def take(self, radiance: Float, scale: float, rng: np.random.Generator) -> Float:
        """Return the `(H, W)` picture in [0, 1] for the radiance behind the lens."""
        grain = blur(rng.standard_normal(radiance.shape, np.float32), 0.5)
        seen = radiance + np.float32(1.7 * self.noise) * grain
        seen += np.float32(self.fixed) * fixed_pattern(*radiance.shape)
        linear = np.clip((seen - self.floor) / self.span, 0, 1)
        picture = linear
        if self.equalise > 0:
            spread = np.float32(0.06) + np.float32(0.9) * _plateau(seen)
            picture = (1 - self.equalise) * linear + self.equalise * spread
        if self.detail:
            base = blur(picture.astype(np.float32), max(4.0 * scale, 0.5))
            picture = picture + self.detail * (picture - base)
        result: Float = np.clip(picture, 0, 1).astype(np.float32)
        return result


def fixed_pattern(height: int, width: int) -> Float:
    """Return one camera's fixed pattern of pixels, columns and rows."""
    rng = np.random.default_rng([9, 2026])
    columns = rng.standard_normal(width, np.float32)[None]
    rows = rng.standard_normal(height, np.float32)[:, None]
    pixels = rng.standard_normal((height, width), np.float32)
    result: Float = 0.75 * columns + 0.45 * rows + 0.5 * pixels
    return result


def _plateau(seen: Float) -> Float:
    """Return the plateau-equalised picture: equal tones for equal counts, with counts capped."""
    low, high = float(seen.min()), float(seen.max())
    if high - low < 1e-6:
        return np.full_like(seen, 0.5)
    counts, edges = np.histogram(seen, bins=512, range=(low, high))
    # A floor for every bin separates the few hottest objects, which would all be white.
    capped = np.minimum(counts, 4.0 * seen.size / 512) + 0.7 * seen.size / 512
    total = np.concatenate([[0], np.cumsum(capped)])
    mapped = np.interp(seen.ravel(), edges, total / total[-1])
    result: Float = mapped.reshape(seen.shape).astype(np.float32)
    return result


def random_visible(rng: np.random.Generator, weather: Weather) -> VisibleCamera:
    """Draw a random visible camera, with the same number of draws by day and by night."""
    cast = rng.normal(0, 0.05, 2)
    bright, noise, glare, soft, vivid = rng.uniform(0, 1, 5)
    night = weather.night
    # White balance errs towards green under street lamps.
    green = 0.25 * vivid if night else 0.0
    return VisibleCamera(
        target=0.125 + 0.2 * bright**2 if night else 0.4 + 0.16 * bright,
        gain_limit=40.0 + 40 * bright if night else 4.0,
        balance=(1 - green + float(cast[0]), 1.0 + 0.2 * green, 1 - 1.2 * green + float(cast[1])),
        blur=0.5 + 0.35 * soft,
        noise=0.0003 + 0.0004 * noise,
        shot=0.005 + 0.006 * noise,
        glare=0.06 + 0.1 * glare,
        vignette=0.2 + 0.3 * soft,
        # Cheap tone curves crush the darkest parts at night, and noise adds colour to the rest.
        black=-0.03 + 0.012 * glare if night else 0.03 + 0.12 * glare * soft,
        saturation=1.15 + 0.45 * vivid if night else 0.9 + 0.35 * vivid,
        contrast=(0.25 if night else 0.05) + 0.3 * (1 - glare),
    )


def random_infrared(rng: np.random.Generator, weather: Weather) -> InfraredCamera:
    """Draw a random infrared camera, with the same number of draws by day and by night.

    Some map a fixed span of temperatures, wide enough for people, and leave the rest dark (as in
    MSRS and M3SVD); others equalise the tones of each picture (as in RoadScene).
    """
    style, span, noise, soft, detail = rng.uniform(0, 1, 5)
    spreading = style > (0.65 if weather.night else 0.4)
    hot = max(weather.skin(), 7.0)
    floor = -1.5 - 2.0 * float(span) - (2.0 if spreading else 0.0)
    if not (weather.night or spreading):
        # By day cameras put black near the cooler surfaces; otherwise all but people would be gray.
        floor = -2.0 + 0.18 * hot * float(detail)
    return InfraredCamera(
        # Faces, and by day faces in the sun, come out a little below white.
        span=(hot - floor + (0.0 if weather.night else 1.5)) * float(1.0 + 0.28 * span),
        floor=floor,
        equalise=float(0.65 + 0.33 * span) if spreading else 0.0,
        detail=0.3 + 0.6 * detail if spreading else 0.15 * detail,
        blur=0.7 + 0.5 * soft,
        noise=0.03 + 0.04 * noise,
        fixed=0.008 + 0.014 * noise,
    )
