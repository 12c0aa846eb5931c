"""Render a pair of pictures with ground truth from a kind and a seed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imfuse.errors import UnknownName, UsageError
from imfuse.scenes import light as lit
from imfuse.scenes.buildings import Building
from imfuse.scenes.canvas import BIKE, CAR, Canvas
from imfuse.scenes.ground import paint_ground, paint_sky
from imfuse.scenes.horizon import paint_horizon
from imfuse.scenes.layout import street_world
from imfuse.scenes.misalign import push, random_flow
from imfuse.scenes.places import foliage_world, smoke_world
from imfuse.scenes.raster import shrink
from imfuse.scenes.sensors import random_infrared, random_visible
from imfuse.scenes.smoke import optical_depth, smoke_over, smoke_over_infrared
from imfuse.scenes.world import Thing, World
from imfuse.types import Float

_WORLDS: dict[str, Callable[[int], World]] = {
    "street-day": lambda seed: street_world(seed, night=False),
    "street-night": lambda seed: street_world(seed, night=True),
    "fog": lambda seed: street_world(seed, night=False, foggy=True),
    "smoke": smoke_world,
    "foliage": foliage_world,
}

SCENES = tuple(_WORLDS)
"""Kinds of scenes that `render` knows, besides `random`."""

LARGEST = 32000
"""Largest side in pixels; OpenCV's remapping stores positions in 16 bits."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A rendered pair and its ground truth.

    Attributes:
        ir: `(H, W)` infrared picture in [0, 1].
        vis: `(H, W, 3)` visible RGB picture in [0, 1].
        labels: `(H, W)` classes of MSRS, in the geometry of `vis`: 0 unlabelled, 1 car, 2 person,
            3 bike, 4 curve (kerb), 5 car stop, 6 guardrail, 7 colour cone, 8 bump.
        mask: `(H, W)` bool, True for pixels of salient objects: car, person or bike.
        flow: `(H, W, 2)` displacement (dx, dy) in pixels: the point at (x, y) in `vis` is at (x +
            dx, y + dy) in `ir`. Reading `ir` there (`cv2.remap` with map (x + dx, y + dy)) gives
            the infrared picture in the geometry of `vis`. All zero without misalignment.
        kind: Kind of the scene; never `random`.
        seed: Seed of the scene.
    """

    ir: Float
    vis: Float
    labels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    flow: Float
    kind: str
    seed: int


def render(
    kind: str = "street-day",
    *,
    size: tuple[int, int] = (480, 640),
    seed: int = 0,
    misalign: float = 0.0,
) -> Scene:
    """Render an infrared and a visible picture of one synthetic scene, with ground truth.

    Args:
        kind: One of `SCENES`, or `random` to let the seed choose.
        size: Height and width in pixels. Other sizes show the same scene: a 4:3 window around the
            middle is always inside the picture.
        seed: Seed of the scene's content. `street-day`, `street-night` and `fog` of one seed show
            the same street.
        misalign: Largest displacement of `ir` against `vis`, in pixels.

    Returns:
        Both pictures, labels, mask and displacement; always the same for the same arguments.

    Raises:
        UnknownName: `kind` is not known.
        UsageError: A size is below 1 or above 32000, the seed is negative, or `misalign` is
            negative or not finite.

    Examples:
        >>> scene = render("street-night", size=(48, 64), seed=3)
        >>> scene.ir.shape, scene.vis.shape
        ((48, 64), (48, 64, 3))
    """
    height, width = _checked(kind, size, seed, misalign)
    if kind == "random":
        kind = random_kind(seed)
    world = _WORLDS[kind](seed)
    return photograph(world, (height, width), kind=kind, misalign=misalign)


def random_kind(seed: int) -> str:
    """Return the kind that `random` chooses for a seed."""
    return SCENES[int(np.random.default_rng([seed, 404]).integers(len(SCENES)))]


def photograph(
    world: World, size: tuple[int, int], *, kind: str = "", misalign: float = 0.0
) -> Scene:
    """Take both pictures of a world; its seed also determines the cameras and their noise."""
    height, width = size
    fine = _finer(height, width)
    canvas = paint(world, height * fine, width * fine)
    scale = min(height, 0.75 * width) / 480.0
    optics, noise, shift = np.random.default_rng([world.seed, 7]).spawn(3)
    visible = random_visible(optics, world.weather)
    infrared = random_infrared(optics, world.weather)
    seen, warmth = _measured(world, canvas)
    radiance = infrared.optics(_averaged(warmth, fine), world.weather.air, scale)
    flow = random_flow(height, width, misalign, shift)
    if misalign:
        radiance = push(radiance, flow)
    labels = np.ascontiguousarray(canvas.labels[fine // 2 :: fine, fine // 2 :: fine])
    return Scene(
        ir=infrared.take(radiance, scale, noise),
        vis=visible.take(_averaged(seen, fine), scale, noise),
        labels=labels,
        mask=(labels >= CAR) & (labels <= BIKE),
        flow=flow,
        kind=kind,
        seed=world.seed,
    )


def _checked(kind: str, size: tuple[int, int], seed: int, misalign: float) -> tuple[int, int]:
    """Return height and width, or refuse sizes that can't be rendered."""
    if kind not in SCENES and kind != "random":
        raise UnknownName("scene", kind, (*SCENES, "random"))
    height, width = size
    if not (1 <= height <= LARGEST and 1 <= width <= LARGEST):
        raise UsageError(f"size {height}x{width}", expected=f"height and width from 1 to {LARGEST}")
    if seed < 0:
        raise UsageError(f"seed {seed}", expected="0 or more")
    if not 0 <= misalign < np.inf:
        raise UsageError(f"misalign {misalign}", expected="0 or more pixels")
    return int(height), int(width)


def _finer(height: int, width: int) -> int:
    """Return the supersampling factor for small pictures, which can't hold shapes directly."""
    wanted = int(np.ceil(200 / min(height, width)))
    return max(1, min(wanted, int(np.sqrt(640 * 480 / (height * width)))))


def _averaged(field: Float, fine: int) -> Float:
    """Return means over squares of fine pixels."""
    if fine == 1:
        return field
    return shrink(field, field.shape[0] // fine, field.shape[1] // fine)


def paint(world: World, height: int, width: int) -> Canvas:
    """Return the surface properties at every pixel of a picture of the world."""
    camera = world.view.camera(height, width)
    canvas = Canvas(camera)
    weather = world.weather
    paint_sky(canvas, weather, world.seed)
    paint_ground(canvas, world.street, weather)
    shapes = [shape for thing in world.things for shape in thing.shadows(weather)]
    lit.cast_shadows(canvas, shapes, weather)
    if shapes and weather.sunlight > 0 and not weather.night:
        before = lit.earlier(weather)
        past = [shape for thing in world.things for shape in thing.shadows(before)]
        lit.lag_heat(canvas, past, weather)
    paint_horizon(canvas, weather, world.seed)

    def depth(thing: Thing) -> float:
        return camera.depth(thing.x, thing.z)

    # Kerbs and bumps are flat on the ground and hide nothing that stands on it.
    for thing in sorted(world.flat, key=depth, reverse=True):
        thing.draw(canvas, weather)
    houses = [thing for thing in world.things if isinstance(thing, Building)]
    shade = [shape for house in houses for shape in house.shadows(weather)]
    for thing in sorted(world.things, key=depth, reverse=True):
        hidden = not isinstance(thing, Building) and lit.in_shade(thing.x, thing.z, shade)
        canvas.sunlit = 0.0 if hidden else 1.0
        thing.draw(canvas, weather)
    return canvas


def _measured(world: World, canvas: Canvas) -> tuple[Float, Float]:
    """Return light and apparent temperatures as they arrive at the two cameras."""
    weather = world.weather
    lamps = [lamp for thing in world.things for lamp in getattr(thing, "lamps", list)()]
    lamps.sort(key=lambda lamp: abs(lamp.place[2]))
    lamps = lamps[:9]
    if world.headlights:
        aim = (float(np.sin(world.view.yaw)), -0.07, float(np.cos(world.view.yaw)))
        lamps.append(
            lit.Lamp(place=(world.view.x, 0.7, 0.0), colour=(9, 8.7, 8), aim=aim, spread=0.33)
        )
    seen = lit.visible_light(canvas, weather, lamps if weather.night else [])
    seen = lit.through_air(canvas, weather, seen)
    warmth = lit.apparent_temperature(canvas, weather)
    warmth = lit.through_air_infrared(canvas, weather, warmth)
    if world.smoke:
        total, shading = optical_depth(canvas, world.smoke)
        seen = smoke_over(weather, seen, total, shading)
        warmth = smoke_over_infrared(warmth, total)
    return seen, warmth
