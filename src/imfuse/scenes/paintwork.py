"""Wall features that only one camera sees: paint without heat, and heat without paint."""

import numpy as np

from imfuse.scenes.raster import stretch
from imfuse.scenes.textures import fractal_tile, sample
from imfuse.types import Float

Colour = tuple[float, float, float]
Maps = tuple[Float, Float, Float, Float]
"""Per pixel: metres along and up the surface, and the size of a pixel in both directions."""

SIGNS: tuple[Colour, ...] = (
    (0.5, 0.04, 0.04), (0.04, 0.12, 0.4), (0.05, 0.3, 0.14), (0.6, 0.42, 0.05), (0.6, 0.6, 0.58),
)  # fmt: skip


def band(phase: Float, half: Float | np.float32 | float, blur: Float) -> Float:
    """Return the coverage by a strip around 0, given its half width."""
    result: Float = np.clip((np.asarray(half, np.float32) - np.abs(phase)) / blur + 0.5, 0, 1)
    return result


class Cells:
    """Random numbers in [0, 1), fixed per cell of a wall."""

    def __init__(self, seed: int, column: Float, row: Float | float) -> None:
        table = np.random.default_rng([seed, 8]).random((8, 64 * 64), np.float32)
        self._table = table
        self._index = (np.mod(column, 64) * 64 + np.mod(row, 64)).astype(np.intp)

    def draw(self, which: int) -> Float:
        """Return one of eight numbers for every pixel."""
        result: Float = np.take(self._table[which], self._index)
        return result


def paint_posters(fields: Float, seed: int, maps: Maps, free: Float) -> None:
    """Add posters and graffiti to the lowest three metres; paper is as warm as its wall."""
    s, y, blur_s, blur_y = maps
    if not (y < 3).any():
        return
    wide = np.float32(1.7)
    column = np.floor(s / wide)
    cells = Cells(seed, column, 50)
    first, second = cells.draw(0), cells.draw(1)
    across = s - (column + np.float32(0.5)) * wide
    middle = np.float32(1.1) + np.float32(0.9) * second
    sheet = band(across, 0.3 + 0.45 * second, blur_s) * band(y - middle, 0.3 + first, blur_y)
    sheet *= ((first < 0.3) & (y < 3)) * free
    marks = sample(fractal_tile(seed % 7, 1.0), s * 14, y * 14)
    dark = np.where(marks > 0.4, np.float32(0.25), np.float32(1.0))
    colours = np.array(SIGNS, np.float32)[(first * 997 % len(SIGNS)).astype(np.int32)]
    for i in range(3):
        fields[..., i] += sheet * (dark * colours[..., i] - fields[..., i])


def storey_paint(seed: int, storey: float, cells: Cells, maps: Maps) -> Float:
    """Return the factor of albedo for panels below windows and for every other storey."""
    _, y, _, blur_y = maps
    row = np.floor(y / np.float32(storey))
    strength = np.float32((0.0, 0.3, 0.55)[seed % 3])
    below = band(y - row * np.float32(storey) - np.float32(0.45), 0.38, blur_y)
    below *= cells.draw(2) < (0.6 if seed % 4 < 2 else 0.1)
    result: Float = 1 + strength * (np.mod(row, 2) - np.float32(0.5))
    result -= below * (np.float32(0.9) * cells.draw(3) - np.float32(0.35))
    return result


def wall_heat(seed: int, cell: tuple[float, float], loss: float, maps: Maps) -> tuple[Float, Float]:
    """Return the kelvin by which parts of a wall differ, and how much the sun warms them.

    Args:
        seed: Seed of the house.
        cell: Distance between windows and height of a storey in metres.
        loss: Kelvin above the air from indoor heating.
        maps: Positions on the wall.
    """
    height, width = maps[0].shape
    # Heat diffuses, so every second pixel is enough.
    s, y, blur_s, blur_y = (np.ascontiguousarray(m[::2, ::2]) for m in maps)
    bay, storey = (np.float32(v) for v in cell)
    column, row = np.floor(s / bay), np.floor(y / storey)
    rooms = Cells(seed, column, row)
    across, up = s - column * bay, y - row * storey
    heat: Float = np.float32((0.6, 1.4, 2.4)[seed // 3 % 3]) * (rooms.draw(4) - np.float32(0.5))
    damp = sample(fractal_tile((seed + 5) % 7, 0.8), s * 4 + 31, y * 4 + seed % 53)
    heat += np.float32(0.45) * damp
    # Ceilings and inner walls are thermal bridges through the insulation.
    bridges = band(up, 0.16, 2 * blur_y) + np.float32(0.6) * band(across, 0.12, 2 * blur_s)
    heat += np.float32(0.4 + 0.5 * loss) * bridges
    radiator = band(up - np.float32(0.5), 0.3, 2 * blur_y) * (rooms.draw(5) < 0.4)
    heat += np.float32(0.7 * loss) * radiator * band(across - bay / 2, 0.25 * bay, 2 * blur_s)
    pipe = band(np.mod(s, 3 * bay) - np.float32(0.4) * bay, 0.07, 2 * blur_s)
    heat += pipe * np.float32((seed % 7 - 3) * 0.8)
    # Plaster over wool heats up at once, plaster over stone does not.
    share = np.float32(0.25 + 0.07 * (seed % 5)) + np.float32(0.22) * (rooms.draw(6) - 0.5)
    share = np.maximum(share + np.float32(0.04) * damp, np.float32(0.08))
    large = (stretch(a.astype(np.float32), height, width) for a in (heat, share))
    return next(large), next(large)
