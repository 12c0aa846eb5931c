"""The sky, and the surface of the street with its markings."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imfuse.scenes import canvas as c
from imfuse.scenes.canvas import Canvas
from imfuse.scenes.groundheat import ground_heat
from imfuse.scenes.textures import fractal_tile, sample
from imfuse.scenes.weather import Weather
from imfuse.types import Float


@dataclass(frozen=True, kw_only=True)
class Street:
    """Plan of the ground. Distances across are measured from the middle line, in metres.

    Attributes:
        half: Half the width of the road.
        walk: Width of the pavement on either side.
        bend: Curvature: the middle line is at x = bend z^2.
        verge: Ground behind the pavement.
        lines: Style of the middle line.
        crossing: Distance along the street of a zebra crossing, or None.
        kerbs: True if raised kerbs separate road and pavement.
        seed: Seed of the surface's irregularities.
        road: Albedo of the road.
        pavement: Albedo of the pavement.
    """

    half: float
    walk: float
    bend: float
    verge: Literal["grass", "paved", "earth"]
    lines: Literal["dashed", "double", "none"]
    crossing: float | None
    kerbs: bool
    seed: int
    road: tuple[float, float, float]
    pavement: tuple[float, float, float]

    def x(self, across: float, z: float) -> float:
        """Return the world x of a point, given its distance from the middle line."""
        return across + self.bend * z * z


_VERGES = {
    "grass": ((0.075, 0.115, 0.035), -1.0),
    "paved": ((0.24, 0.225, 0.2), 1.2),
    "earth": ((0.19, 0.145, 0.095), 0.6),
}


def _inside(value: Float, low: float, high: float, blur: Float) -> Float:
    """Return the share of a pixel's footprint between two positions."""
    result: Float = np.clip((value - low) / blur + 0.5, 0, 1) * np.clip(
        (high - value) / blur + 0.5, 0, 1
    )
    return result


def _stripes(value: Float, period: float, share: float, blur: Float) -> Float:
    """Return the coverage by periodic stripes, which fade to their mean below pixel size."""
    phase = np.abs(np.mod(value, period) - period / 2)
    sharp = np.clip((period * share / 2 - phase) / blur + 0.5, 0, 1)
    fade = np.clip(1.6 - 1.2 * blur / period, 0, 1)
    result: Float = sharp * fade + share * (1 - fade)
    return result


def _roughness(street: Street, x: Float, z: Float, blur: Float) -> tuple[Float, Float]:
    """Return fine and coarse irregularities of the ground; cells below pixel size fade out."""
    fine = np.zeros_like(x)
    for i, cell in enumerate((0.012, 0.05, 0.23)):
        tile = fractal_tile((street.seed + i) % 7, 0.35)
        fade = np.clip(1.7 - blur / (cell * 3), 0, 1) * (1.1, 0.7, 0.45)[i]
        if float(fade.max()) > 0:
            fine += fade * sample(tile, x / np.float32(cell), z / np.float32(cell))
    tile = fractal_tile(street.seed % 7, 1.25)
    coarse = sample(tile, x * np.float32(1.9) + 57, z * np.float32(0.3))
    return fine, coarse


def paint_ground(canvas: Canvas, street: Street, weather: Weather) -> None:
    """Paint everything below the horizon."""
    camera = canvas.camera
    top = min(max(int(np.ceil(camera.horizon + 0.02)), 0), camera.height)
    if top >= camera.height:
        return
    dx, dy, dz = camera.rays((0, top, camera.width, camera.height))
    far = np.float32(camera.eye) / np.maximum(-dy, np.float32(1e-6))
    depth: Float = np.minimum(far, np.float32(c.FAR))
    x, z = dx * depth + np.float32(camera.x), dz * depth
    blur_across = depth / np.float32(camera.focal)
    blur_along = depth * blur_across / np.float32(camera.eye)
    across = x - np.float32(street.bend) * z * np.abs(z)
    fine, coarse = _roughness(street, x, z, np.minimum(blur_along, blur_across * 4))
    target = canvas.fields[top:]
    target[..., c.NORMAL] = (0, 1, 0)
    target[..., c.DEPTH] = depth
    target[..., c.SUNLIT] = 1
    target[..., c.OPENNESS] = 1
    _surfaces(target, street, weather, (across, z, fine, coarse, blur_across, blur_along))
    target[..., 6] += np.float32(0.05) * fine
    target[..., 8] += np.float32(0.05) * fine
    if weather.wet:
        _wet(target, weather, coarse)


_Maps = tuple[NDArray[np.floating], ...]


def _surfaces(target: Float, street: Street, weather: Weather, maps: _Maps) -> None:
    """Mix road, pavement and verge by position, and add the road markings."""
    across, z, fine, coarse, blur, blur_along = maps
    walk = street.half + street.walk
    road = _inside(across, -street.half, street.half, blur)
    paved = _inside(across, -walk, walk, blur) - road
    verge, verge_warmth = _VERGES[street.verge]
    rest = 1 - road - paved
    tracks = sum(np.exp(-(((across - s) / np.float32(0.45)) ** 2)) for s in (-2.5, -1, 1, 2.5))
    grey = road * (1 + 0.22 * fine + 0.1 * coarse - 0.1 * tracks)
    joints = _stripes(across, 0.5, 0.05, blur) + _stripes(z, 0.5, 0.05, blur_along)
    grey *= 1 - 0.3 * _repairs(street, across, z, blur, blur_along)
    slab = paved * (1 + 0.15 * fine + 0.12 * coarse - 0.35 * np.minimum(joints, 1))
    wild = rest * np.maximum(1 + 0.42 * fine + 0.25 * coarse, 0.1)
    mark = road * _marks(street, across, z, blur, blur_along) * np.clip(0.9 + 0.2 * coarse, 0.3, 1)
    for i in range(3):
        base = grey * street.road[i] + slab * street.pavement[i] + wild * verge[i]
        target[..., i] = base + mark * ((0.62, 0.6, 0.56)[i] - base)
    if street.lines == "double":
        yellow = mark * _inside(across, -0.4, 0.4, blur)
        target[..., 2] -= yellow * 0.42
        target[..., 1] -= yellow * 0.17
    _warm(target, street, weather, (road, paved, rest, tracks), maps)
    target[..., c.TEMPERATURE] += rest * verge_warmth - 0.2 * mark
    target[..., c.EMISSIVITY] = 0.95 - 0.01 * mark
    target[..., c.GLOSS] = 0.03 * road


def _warm(target: Float, street: Street, weather: Weather, shares: _Maps, maps: _Maps) -> None:
    """Set the temperature of the ground, which depends little on its lightness."""
    across, z, _, coarse, blur, blur_along = maps
    road, paved, rest, tracks = shares
    lift = 1.5 if weather.night else 0.6
    warm = road * (lift + 0.6 * tracks) + paved * (0.7 * lift) + np.float32(0.1) * coarse
    warm += ground_heat(street, road, (across, z, blur, blur_along))
    target[..., c.TEMPERATURE] = warm
    slabs = np.float32(0.34 + 0.07 * (street.seed % 5))
    verge = 0.3 if street.verge == "grass" else 0.55
    target[..., c.HEATING] = np.float32(0.55) * road + slabs * paved + verge * rest


def _repairs(street: Street, across: Float, z: Float, blur: Float, blur_along: Float) -> Float:
    """Return the change in lightness of the road from patches, cracks and manhole covers."""
    wide, long = np.float32(2.1), np.float32(5.3)
    column, row = np.floor(across / wide), np.floor(z / long)
    table = np.random.default_rng([street.seed, 6]).random((4, 32, 32), np.float32)
    chosen, shade, left, depth = table[
        :, np.mod(column, 32).astype(int), np.mod(row, 32).astype(int)
    ]
    u, v = across - column * wide, z - row * long
    size = np.float32(0.35) + left * np.float32(0.6)
    patch = _inside(u, 0.1, 2.0 * size + 0.1, blur) * _inside(v, 0.3, 0.8 + 3.5 * depth, blur_along)
    patch = patch * (chosen < 0.16) * (np.float32(1.6) * shade - np.float32(0.5))
    ring = np.sqrt((u - np.float32(1.0)) ** 2 + (v - np.float32(2.5)) ** 2)
    cover = np.clip((np.float32(0.32) - ring) / np.maximum(blur, blur_along) + 0.5, 0, 1)
    crack = np.abs(sample(fractal_tile((street.seed + 4) % 7, 1.1), across * 9, z * 5))
    thin = np.clip(1 - crack / (np.float32(0.02) + blur), 0, 1) * np.clip(
        1.2 - 9 * blur_along, 0, 1
    )
    result: Float = patch + cover * ((chosen > 0.95) * np.float32(1.3)) + thin
    return result


def _marks(street: Street, across: Float, z: Float, blur: Float, blur_along: Float) -> Float:
    """Return the coverage of the road by paint."""
    marks = np.zeros_like(across)
    if street.lines == "dashed":
        marks = _inside(across, -0.07, 0.07, blur) * _stripes(z, 9.0, 0.5, blur_along)
    elif street.lines == "double":
        marks = _inside(across, -0.22, -0.1, blur) + _inside(across, 0.1, 0.22, blur)
    if street.lines != "none":
        edge = street.half - 0.35
        marks += _inside(np.abs(across), edge - 0.12, edge, blur)
    if street.crossing is not None:
        start = street.crossing
        zone = _inside(z, start, start + 3.2, blur_along)
        clear = _inside(z, start - 2.5, start + 5.5, blur_along)
        stop = _inside(z, start - 1.6, start - 1.2, blur_along) * _inside(
            across, 0, street.half, blur
        )
        zebra = zone * _stripes(across, 1.0, 0.5, blur) * (np.abs(across) < street.half - 0.3)
        marks = marks * (1 - clear) + zebra + stop
    return np.clip(marks, 0, 1)


def _wet(target: Float, weather: Weather, coarse: Float) -> None:
    """Darken the ground and make it reflective, most of all where water stands."""
    puddle = np.clip((coarse + 0.2) * 0.9, 0, 1) * np.float32(weather.wet)
    target[..., c.ALBEDO] *= (1 - 0.5 * np.maximum(puddle, 0.5 * weather.wet))[..., None]
    target[..., c.GLOSS] = 0.08 + 0.55 * puddle
    target[..., c.TEMPERATURE] *= 1 - 0.6 * puddle
    target[..., c.HEATING] *= 0.4


def paint_sky(canvas: Canvas, weather: Weather, seed: int) -> None:
    """Paint everything above the horizon as distant light and cold."""
    camera = canvas.camera
    bottom = min(max(int(np.ceil(camera.horizon + 0.02)), 0), camera.height)
    if bottom <= 0:
        return
    dx, dy, dz = camera.rays((0, 0, camera.width, bottom))
    rise = np.maximum(dy / np.sqrt(dx * dx + dy * dy + dz * dz), 0)
    far = 1 / (rise + np.float32(0.06))
    clouds = sample(fractal_tile(seed % 7, 1.35), dx * far * 22 + seed % 97, dz * far * 22)
    cover = np.clip((clouds + np.float32(3.2 * weather.cloud - 1.9)) * 0.8, 0, 1)
    target = canvas.fields[:bottom]
    target[..., c.GLOW] = sky_light(weather, rise, cover)
    if not weather.night:
        target[..., c.GLOW] += _sun(weather, (dx, dy, dz), cover)
    target[..., c.NORMAL] = (0, 0, -1)
    target[..., c.DEPTH] = c.FAR
    target[..., c.EMISSIVITY] = 1
    target[..., c.TEMPERATURE] = sky_chill(weather, rise) * (1 - 0.72 * cover)


def _sun(weather: Weather, rays: tuple[Float, Float, Float], cover: Float) -> Float:
    """Return the sun's disc and the bright air around it, `(H, W, 3)`."""
    dx, dy, dz = rays
    a, b, e = (np.float32(v) for v in weather.sun)
    cosine = (a * dx + b * dy + e * dz) / np.sqrt(dx * dx + dy * dy + dz * dz)
    apart = np.maximum(1 - cosine, 0)
    glow = np.float32(0.9) * np.exp(-apart / np.float32(0.03)) + 60 * (apart < 2e-4)
    light = glow * np.float32(weather.sunlight) * (1 - 0.9 * cover)
    warm = max(weather.warmth_of_light, 0)
    result: Float = light[..., None] * np.array(
        [1, 0.95 - 0.1 * warm, 0.86 - 0.3 * warm], np.float32
    )
    return result


def sky_light(weather: Weather, rise: Float, cover: Float | float = 0.0) -> Float:
    """Return the sky's light, `(..., 3)`, at a height above the horizon given by its sine."""
    haze = np.exp(-rise * 5.0)[..., None]
    covered = np.asarray(cover, np.float32)[..., None]
    if weather.night:
        blue = np.array([0.0016, 0.0022, 0.0042], np.float32)
        glow = np.array([0.009, 0.008, 0.007], np.float32)
        dark: Float = blue + haze * glow + covered * glow * np.float32(0.4)
        return dark
    warm = np.float32(max(weather.warmth_of_light, 0) * weather.sunlight)
    blue = np.array([0.2, 0.36, 0.72], np.float32)
    pale = np.array([0.78 + 0.2 * warm, 0.8, 0.86 - 0.3 * warm], np.float32)
    grey = np.array([0.72, 0.73, 0.76], np.float32) * np.float32(0.55 + 0.55 * weather.sunlight)
    clear = blue + haze * (pale - blue)
    result: Float = clear + covered * (grey - clear) * np.float32(0.92)
    return result


def sky_chill(weather: Weather, rise: Float) -> Float:
    """Return the kelvin by which the clear sky looks colder than the air, least at the horizon."""
    depth = 34.0 - 20.0 * weather.cloud
    result: Float = -np.float32(depth) * (1 - np.exp(-rise * 4.0)) - 1.5
    return result
