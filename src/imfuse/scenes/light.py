"""Light and heat on surfaces: sun, sky, lamps, shadows, and the air in between."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.scenes import canvas as c
from imfuse.scenes.camera import Camera, enclosing
from imfuse.scenes.canvas import Canvas, coverage
from imfuse.scenes.ground import sky_light
from imfuse.scenes.raster import blur, stretch
from imfuse.scenes.weather import Weather
from imfuse.types import Float

SKY_BELOW_AIR = 14.0
"""Kelvin by which the reflected clear sky is colder than the air, over the whole half-space."""


SUN_HEAT = 15.0
"""Kelvin that full sunlight adds to a surface that absorbs all of it and conducts none away."""

LAG = 0.3
"""Radians that the sun has moved since the ground absorbed most of its present heat."""


@dataclass(frozen=True, kw_only=True)
class Lamp:
    """A small source of light.

    Attributes:
        place: World position in metres.
        colour: Linear RGB power: radiance of a white surface one metre away.
        aim: Unit direction of a beam, or None for light to all sides.
        spread: Angle in radians at which most of the beam's light is gone.
    """

    place: tuple[float, float, float]
    colour: tuple[float, float, float]
    aim: tuple[float, float, float] | None = None
    spread: float = 0.35


def cast_shadows(canvas: Canvas, shapes: Sequence[NDArray[np.float64]], weather: Weather) -> None:
    """Remove the sunlight from the parts of the bare ground in the shadow of `shapes`.

    Args:
        canvas: With only ground and sky so far.
        shapes: Outlines on the ground plane, `(N, 3)` in metres.
        weather: Determines whether there is direct light.
    """
    if not shapes or weather.sunlight <= 0 or weather.night:
        return
    camera = canvas.camera
    shade = _shade(camera, shapes)
    # The sun is half a degree wide, so edges are soft and some light leaks around them.
    shade = blur(shade, max(camera.focal * 0.0022, 0.3))
    canvas.fields[..., c.SUNLIT] = 1 - 0.97 * shade


def earlier(weather: Weather) -> Weather:
    """Return the weather with the sun where it was when the ground absorbed its heat."""
    x, y, z = weather.sun
    turn = LAG if x > 0 else -LAG
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    return replace(weather, sun=(x * cos - z * sin, y, x * sin + z * cos))


def lag_heat(canvas: Canvas, shapes: Sequence[NDArray[np.float64]], weather: Weather) -> None:
    """Set the ground's solar heat from earlier shadows as well as from the present ones.

    Args:
        canvas: With only ground and sky so far, and with the present shadows.
        shapes: Outlines on the ground plane of the earlier shadows.
        weather: The present weather.
    """
    if not shapes or weather.sunlight <= 0 or weather.night:
        return
    camera = canvas.camera
    half = replace(
        camera,
        height=(camera.height + 1) // 2,
        width=(camera.width + 1) // 2,
        focal=camera.focal / 2,
        horizon=camera.horizon / 2,
    )
    before = blur(_shade(half, shapes), max(camera.focal * 0.004, 0.4))
    before = stretch(before, camera.height, camera.width)
    f = canvas.fields
    change = np.float32(0.65) * (1 - 0.97 * before - f[..., c.SUNLIT])
    strength = np.float32(SUN_HEAT * weather.sunlight * weather.sun[1])
    f[..., c.TEMPERATURE] += strength * f[..., c.HEATING] * change * (f[..., 7] > 0.5)


def _shade(camera: Camera, shapes: Sequence[NDArray[np.float64]]) -> Float:
    """Return the coverage of the picture by outlines on the ground."""
    shade: Float = np.zeros((camera.height, camera.width), np.float32)
    for shape in shapes:
        outline = camera.outline(shape)
        box = enclosing(outline, camera.frame)
        if box is None or len(outline) < 3:
            continue
        part = shade[box[1] : box[3], box[0] : box[2]]
        np.maximum(part, coverage(outline, box), out=part)
    return shade


def in_shade(x: float, z: float, shapes: Sequence[NDArray[np.float64]]) -> bool:
    """Return True if a point on the ground is in the shadow of a house."""
    place = (float(x), float(z))
    outlines = (shape[:, [0, 2]].astype(np.float32) for shape in shapes)
    return any(cv2.pointPolygonTest(o, place, measureDist=False) > 0 for o in outlines)


def contact_shadow(
    canvas: Canvas, centre: tuple[float, float], size: tuple[float, float], strength: float
) -> None:
    """Occlude the sky for the ground around an object, as a soft ellipse.

    Args:
        canvas: Painted so far.
        centre: x and z of the centre on the ground.
        size: Half extents along x and z in metres.
        strength: Share of the sky that is hidden at the centre.
    """
    camera = canvas.camera
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([np.cos(angle) * size[0], 0 * angle, np.sin(angle) * size[1]], 1)
    outline = camera.outline(ring + np.array([centre[0], 0, centre[1]]))
    spread = 0.18 * min(size) * camera.scale(max(camera.depth(*centre), 1.0))
    spread = min(max(spread, 0.4), 0.025 * camera.focal)
    box = enclosing(outline, camera.frame, 3 * spread)
    if box is None or len(outline) < 3:
        return
    alpha = blur(coverage(outline, box), spread)
    target = canvas.fields[box[1] : box[3], box[0] : box[2]]
    hidden = 1 - np.float32(strength) * alpha
    target[..., c.OPENNESS] *= hidden
    target[..., c.SUNLIT] *= hidden


def visible_light(canvas: Canvas, weather: Weather, lamps: Sequence[Lamp]) -> Float:
    """Return the linear light from every surface towards the camera, `(H, W, 3)`."""
    f = canvas.fields
    normal = f[..., c.NORMAL]
    up = normal[..., 1]
    around = 0.5 + 0.5 * up
    facing = np.maximum(normal @ weather.sun_vector, 0) * f[..., c.SUNLIT]
    warm = max(weather.warmth_of_light, 0)
    if weather.night:
        sun = np.array([0.004, 0.005, 0.008]) * weather.sunlight
        sky = np.array([0.004, 0.0043, 0.005])
        bounce = sky * 0.3
    else:
        sun = np.array([1.0, 0.95 - 0.12 * warm, 0.88 - 0.32 * warm]) * 1.25 * weather.sunlight
        sky = np.array([0.30, 0.345, 0.41]) * (0.75 + 0.55 * weather.cloud)
        bounce = (0.2 * sun * weather.sun[1] + 0.18 * sky) * 0.7
    light = facing[..., None] * sun.astype(np.float32)
    light += (around * f[..., c.OPENNESS])[..., None] * sky.astype(np.float32)
    light += ((1 - around) * f[..., c.OPENNESS])[..., None] * bounce.astype(np.float32)
    if lamps:
        light += lamplight(canvas, lamps)
    result: Float = f[..., c.ALBEDO] * light + f[..., c.GLOW]
    result += _mirrored(canvas, weather, light)
    return result


def _mirrored(canvas: Canvas, weather: Weather, light: Float) -> Float:
    """Return the light that glossy surfaces reflect: the sky above, the street below."""
    f = canvas.fields
    camera = canvas.camera
    dx, dy, dz = camera.rays(camera.frame)
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    n = f[..., c.NORMAL]
    straight = (n[..., 0] * dx + n[..., 1] * dy + n[..., 2] * dz) / length
    rise = dy / length - 2 * straight * n[..., 1]
    grazing = (1 - np.clip(np.abs(straight), 0, 1)) ** 5
    share = f[..., c.GLOSS] * (0.35 + 0.65 * grazing) * np.minimum(f[..., c.OPENNESS] + 0.2, 1)
    sky = sky_light(weather, np.maximum(rise, 0), weather.cloud)
    # Below and near the horizon a mirror shows houses, trees and the road, not the sky.
    above = np.clip((rise - 0.12) * 6, 0, 1)[..., None]
    below = np.float32(0.25) * light + np.float32(0.0015 if weather.night else 0.04)
    result: Float = share[..., None] * (above * sky + (1 - above) * below)
    return result


def lamplight(canvas: Canvas, lamps: Sequence[Lamp]) -> Float:
    """Return the light of all lamps on every surface, `(H, W, 3)`.

    It changes slowly over most surfaces, so every second pixel is enough; positions come from the
    depth at each pixel.
    """
    camera = canvas.camera
    f = canvas.fields
    step = 2 if min(camera.height, camera.width) > 8 else 1
    dx, dy, dz = (a[::step, ::step] for a in camera.rays(camera.frame))
    depth = f[::step, ::step, c.DEPTH]
    n = np.ascontiguousarray(f[::step, ::step, c.NORMAL])
    x, y, z = dx * depth + np.float32(camera.x), dy * depth + np.float32(camera.eye), dz * depth
    light = np.zeros((*depth.shape, 3), np.float32)
    for lamp in lamps:
        lx, ly, lz = (np.float32(p) - q for p, q in zip(lamp.place, (x, y, z), strict=True))
        square = lx * lx + ly * ly + lz * lz + np.float32(0.3)
        inverse = 1 / np.sqrt(square)
        facing = (n[..., 0] * lx + n[..., 1] * ly + n[..., 2] * lz) * inverse
        power = np.clip(0.85 * facing + 0.15, 0, 1) / square
        if lamp.aim is not None:
            a, b, e = (np.float32(v) for v in lamp.aim)
            cosine = np.clip(-(lx * a + ly * b + lz * e) * inverse, -1, 1)
            power *= np.exp(-((np.arccos(cosine) / np.float32(lamp.spread)) ** 2))
        light += power[..., None] * np.array(lamp.colour, np.float32)
    return stretch(light, camera.height, camera.width)


def apparent_temperature(canvas: Canvas, weather: Weather) -> Float:
    """Return the apparent temperature of every surface, in kelvin above the air.

    Absorbed sunlight warms surfaces; shiny ones reflect the cold sky if they face up and the warm
    street if they face down.
    """
    f = canvas.fields
    warmth = f[..., c.TEMPERATURE].copy()
    up = np.clip(f[..., 7], -1, 1)
    if not weather.night:
        facing = np.maximum(f[..., c.NORMAL] @ weather.sun_vector, 0) * f[..., c.SUNLIT]
        sun = facing * np.float32(SUN_HEAT * weather.sunlight) + np.float32(2.5)
        warmth += f[..., c.HEATING] * sun
    chill = np.float32(-SKY_BELOW_AIR * (1 - 0.7 * weather.cloud))
    mirrored = chill * np.clip(0.5 + 0.9 * up, 0, 1) * np.clip(f[..., c.OPENNESS], 0, 1)
    emissivity = f[..., c.EMISSIVITY]
    result: Float = emissivity * warmth + (1 - emissivity) * mirrored
    return result


def through_air(canvas: Canvas, weather: Weather, light: Float) -> Float:
    """Fade visible light into the light of the air with distance."""
    depth = np.minimum(canvas.fields[..., c.DEPTH], np.float32(c.FAR))
    sky = canvas.fields[..., c.DEPTH] > 2000
    clear = np.exp(-np.float32(weather.fog) * depth)
    clear[sky] = np.exp(-np.float32(weather.fog) * 400.0) if weather.fog > 0.005 else 1.0
    horizon = sky_light(weather, np.zeros(1, np.float32), weather.cloud)[0]
    if weather.night:
        horizon = horizon * np.float32(1 + 60 * weather.fog)
    result: Float = light * clear[..., None] + (1 - clear)[..., None] * horizon
    return result


def through_air_infrared(canvas: Canvas, weather: Weather, warmth: Float) -> Float:
    """Fade apparent temperatures to that of the air with distance; fog attenuates heat far less."""
    depth = np.minimum(canvas.fields[..., c.DEPTH], np.float32(c.FAR))
    clear = np.exp(-np.float32(0.0004 + 0.12 * weather.fog) * np.minimum(depth, 600))
    clear[canvas.fields[..., c.DEPTH] > 2000] = 1
    result: Float = warmth * clear
    return result
