"""Flat surfaces of houses: walls with windows, ledges, bricks, stains, signs; tiled roofs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from imfuse.scenes import canvas as c
from imfuse.scenes.camera import enclosing
from imfuse.scenes.canvas import Canvas, coverage
from imfuse.scenes.paintwork import (
    SIGNS,
    Cells,
    Colour,
    Maps,
    band,
    paint_posters,
    storey_paint,
    wall_heat,
)
from imfuse.scenes.textures import fractal_tile, sample
from imfuse.scenes.weather import Weather
from imfuse.types import Float


@dataclass(frozen=True, kw_only=True)
class Facade:
    """Look of the walls of one house.

    Attributes:
        wall: Albedo of the wall.
        roof: Albedo of the roof.
        storey: Height of a storey in metres.
        bay: Distance between windows in metres.
        window: Width and height of a window as shares of its cell.
        brick: Strength of the courses of bricks, 0 to 1.
        shop: True if the ground floor has wide panes and signs.
        lit: Share of windows that are lit at night.
        warmth: Kelvin above the air from indoor heating.
        seed: Seed of the stains and of the choice of lit windows.
    """

    wall: Colour
    roof: Colour
    storey: float
    bay: float
    window: tuple[float, float]
    brick: float
    shop: bool
    lit: float
    warmth: float
    seed: int


def paint_plane(
    canvas: Canvas,
    corners: ArrayLike,
    axes: tuple[ArrayLike, ArrayLike],
    surface: Callable[[Float, Maps], None],
) -> None:
    """Paint a flat polygon whose look depends on the position on it.

    Args:
        canvas: Painted so far.
        corners: `(N, 3)` outline in metres; positions are relative to its first corner.
        axes: Unit vectors along and up the surface.
        surface: Function that sets albedo, glow, temperature and so on for positions on the
            surface.
    """
    camera = canvas.camera
    points = np.asarray(corners, np.float64)
    outline = camera.outline(points)
    box = enclosing(outline, camera.frame)
    if box is None or len(outline) < 3:
        return
    along, up = (np.asarray(a, np.float64) for a in axes)
    normal = np.cross(along, up)
    origin = points[0] - (camera.x, camera.eye, 0)
    if normal @ origin > 0:
        normal = -normal
    dx, dy, dz = camera.rays(box)
    nx, ny, nz = (np.float32(v) for v in normal)
    slant = np.minimum(nx * dx + ny * dy + nz * dz, np.float32(-1e-4))
    depth = np.clip(np.float32(normal @ origin) / slant, 0.3, 2000)
    place = []
    for axis in (along, up):
        a, b, e = (np.float32(v) for v in axis)
        place.append((a * dx + b * dy + e * dz) * depth - np.float32(axis @ origin))
    pixel = depth / np.float32(camera.focal)
    stretch = pixel / np.maximum(-slant, np.float32(0.04))
    fields = np.zeros((*depth.shape, c.CHANNELS), np.float32)
    fields[..., c.NORMAL] = normal
    fields[..., c.DEPTH] = depth
    fields[..., c.SUNLIT] = 1
    fields[..., c.OPENNESS] = 1
    surface(fields, (place[0], place[1], stretch, pixel))
    canvas.blend(box, coverage(outline, box), fields)


def roof_surface(facade: Facade) -> Callable[[Float, Maps], None]:
    """Return the surface function of a tiled roof."""

    def paint(fields: Float, maps: Maps) -> None:
        s, y, blur_s, blur_y = maps
        stain = sample(fractal_tile(facade.seed % 7, 1.0), s * 7, y * 4)
        near = np.clip(1.5 - blur_y * 5, 0, 1)
        course = np.mod(y, np.float32(0.32)) / np.float32(0.32)
        tile = band(np.mod(s, 0.25) - np.float32(0.125), 0.105, blur_s)
        tone = (1 + 0.16 * stain) * (1 - near * (0.35 * (1 - course) + 0.15 * (1 - tile)))
        for i in range(3):
            fields[..., i] = tone * np.float32(facade.roof[i])
        # The structure below the tiles, not their colour, determines their temperature.
        attic = sample(fractal_tile((facade.seed + 2) % 7, 1.25), s * 4 + 19, y * 4)
        rafters = band(np.mod(s, np.float32(0.9)) - np.float32(0.45), 0.06, blur_s)
        fields[..., c.TEMPERATURE] = -1.5 + 0.9 * attic + 0.7 * rafters
        fields[..., c.EMISSIVITY] = 0.9
        fields[..., c.HEATING] = 0.5 + 0.1 * (facade.seed % 5)

    return paint


def wall_surface(facade: Facade, weather: Weather, height: float) -> Callable[[Float, Maps], None]:
    """Return the surface function of a wall whose windows end at a given height."""

    def paint(fields: Float, maps: Maps) -> None:
        y = maps[1]
        cells = Cells(facade.seed, np.floor(maps[0] / facade.bay), np.floor(y / facade.storey))
        tone, stain, ledge = _plaster(facade, maps, height, cells)
        pane, frame, lit, curtain, draught = _windows(facade, maps, height, cells)
        for i in range(3):
            wall = tone * np.float32(facade.wall[i])
            wall = wall + frame * (np.float32(0.42) - wall) * np.float32(0.7)
            cloth = np.float32((0.5, 0.48, 0.43)[i]) * curtain
            fields[..., i] = wall + pane * (np.float32((0.03, 0.035, 0.04)[i]) + cloth - wall)
        if facade.shop:
            _shop_signs(fields, facade, weather, maps)
        else:
            paint_posters(fields, facade.seed, maps, 1 - np.minimum(pane + frame, 1))
        if weather.night:
            glow = pane * lit * (np.float32(0.3) + np.float32(0.2) * curtain)
            for i in range(3):
                tint = np.where(curtain > 0.2, (1.0, 0.72, 0.4)[i], (0.85, 0.95, 0.88)[i])
                fields[..., 3 + i] += glow * tint.astype(np.float32)
        place = (facade.bay, facade.storey)
        heat, bare = wall_heat(facade.seed, place, facade.warmth, maps)
        heat += np.float32(facade.warmth) + 0.15 * stain - 0.3 * ledge
        # Panes reflect the opposite side and vary with the room behind them; frames leak.
        glass = np.float32(facade.warmth - 0.4) + 0.8 * lit + draught
        heat += pane * (glass - heat) + (0.5 + 0.5 * facade.warmth) * frame
        fields[..., c.TEMPERATURE] = heat
        fields[..., c.EMISSIVITY] = 0.93 - 0.1 * pane
        fields[..., c.GLOSS] = 0.55 * pane
        fields[..., c.HEATING] = bare + pane * (np.float32(0.24) - bare)
        fields[..., c.OPENNESS] = 0.55 + 0.45 * np.clip(y / 3, 0, 1)

    return paint


def _plaster(facade: Facade, maps: Maps, height: float, cells: Cells) -> tuple[Float, Float, Float]:
    """Return the tone of the wall with stains, and the ledges between storeys."""
    s, y, blur_s, blur_y = maps
    stain = sample(
        fractal_tile(facade.seed % 7, 1.0), s * 6 + facade.seed % 91, y * np.float32(2.2)
    )
    fine = sample(fractal_tile((facade.seed + 3) % 7, 0.4), s * 22, y * 22)
    tone = storey_paint(facade.seed, facade.storey, cells, maps) + 0.1 * stain
    tone += 0.1 * fine * np.clip(1.5 - blur_s * 6, 0, 1)
    # Rain leaves dark streaks below ledges; they hardly change the temperature.
    streak = sample(fractal_tile((facade.seed + 1) % 7, 0.7), s * 9, y * np.float32(0.6))
    tone *= 1 - 0.07 * np.clip(streak, 0, 2)
    if facade.brick:
        row = np.floor(y / np.float32(0.09))
        joint = band(np.mod(y, np.float32(0.09)) - np.float32(0.045), 0.036, blur_y)
        joint *= band(
            np.mod(s + np.float32(0.12) * np.mod(row, 2), np.float32(0.25)) - np.float32(0.125),
            0.112,
            blur_s,
        )
        tone *= 1 - facade.brick * np.clip(1.5 - blur_y * 16, 0, 1) * 0.35 * (1 - joint)
    ledge = band(np.mod(y, np.float32(facade.storey)) - np.float32(0.12), 0.12, blur_y)
    ledge *= np.clip(1.8 - 0.5 * blur_y, 0, 1)
    tone *= 1 + 0.16 * ledge - 0.25 * np.clip(1 - y / np.float32(0.5), 0, 1)
    tone *= 1 - 0.3 * np.clip((y - np.float32(height - 0.5)) * 4, 0, 1) * (y < height)
    return tone.astype(np.float32), stain, ledge


def _windows(facade: Facade, maps: Maps, height: float, cells: Cells) -> tuple[Float, ...]:
    """Return the coverage by panes and frames, and the light, curtain and heat of each window."""
    s, y, blur_s, blur_y = maps
    bay, storey = np.float32(facade.bay), np.float32(facade.storey)
    column, row = np.floor(s / bay), np.floor(y / storey)
    across = (s / bay - column - np.float32(0.5)) * bay
    up = (y / storey - row - np.float32(0.52)) * storey
    ground = (row < 0.5) & facade.shop
    width: Float = np.where(ground, bay * np.float32(0.45), bay * np.float32(facade.window[0] / 2))
    tall: Float = np.where(
        ground, storey * np.float32(0.3), storey * np.float32(facade.window[1] / 2)
    )
    up = np.where(ground, up + storey * np.float32(0.08), up)
    under_roof = ((row + 1) * storey < np.float32(height + 0.3)).astype(np.float32)
    pane = band(across, width, blur_s) * band(up, tall, blur_y) * under_roof
    outer = band(across, width + 0.09, blur_s) * band(up, tall + 0.09, blur_y) * under_roof
    bars = np.maximum(band(across, 0.03, blur_s), band(up - tall * np.float32(0.3), 0.025, blur_y))
    bars *= np.clip(1.4 - 10 * blur_s, 0, 1)
    first, second = cells.draw(0), cells.draw(1)
    lit = np.where(first < facade.lit, 0.35 + 1.6 * second, 0.0)
    if facade.shop:
        open_late = float(facade.seed % 5 < 3)
        lit = np.where(ground, (0.9 + 1.2 * second) * open_late, lit)
    curtain = np.where((second > 0.45) & ~ground, second, 0.0).astype(np.float32)
    open_part = pane * (1 - bars)
    frame = np.clip(outer - open_part, 0, 1)
    draught = np.float32(4.0) * (cells.draw(7) - np.float32(0.4))
    return open_part, frame, lit.astype(np.float32), curtain, draught


def _shop_signs(fields: Float, facade: Facade, weather: Weather, maps: Maps) -> None:
    """Paint coloured signs above the ground-floor panes; some are lit at night."""
    s, y, blur_s, blur_y = maps
    wide = np.float32(facade.bay * 2)
    column = np.floor(s / wide)
    cells = Cells(facade.seed, column, 40)
    first, second = cells.draw(0), cells.draw(1)
    board = band((s / wide - column - np.float32(0.5)) * wide, wide * np.float32(0.44), blur_s)
    middle = np.float32(facade.storey * 0.86)
    board *= band(y - middle, 0.28, blur_y) * (first < 0.75)
    writing = sample(fractal_tile(facade.seed % 7, 0.3), s * 9, np.floor(y * 3) * 17)
    letters = board * band(y - middle, 0.13, blur_y) * (writing > 0.3)
    colours = np.array(SIGNS, np.float32)[(second * len(SIGNS)).astype(np.int32)]
    for i in range(3):
        paint = colours[..., i] + letters * (np.float32(0.7) - colours[..., i])
        fields[..., i] += board * (paint - fields[..., i])
        if weather.night:
            fields[..., 3 + i] += board * paint * (second > 0.4) * np.float32(0.35)
