"""Known displacement between the two cameras' pictures."""

import numpy as np

from imfuse.scenes.raster import read_at
from imfuse.types import Float


def random_flow(height: int, width: int, amount: float, rng: np.random.Generator) -> Float:
    """Draw a smooth random displacement, as from a second camera: shift, rotation, scale and bends.

    Args:
        height: Rows.
        width: Columns.
        amount: Length of the longest displacement in pixels.
        rng: Source of randomness.

    Returns:
        `(H, W, 2)` pixels (dx, dy); exactly zero when `amount` is 0.
    """
    shift = rng.normal(0, 1, 2)
    turn, zoom = rng.normal(0, 0.8, 2)
    bends = rng.normal(0, 0.5, (4, 4, 2)).astype(np.float32)
    if amount == 0:
        return np.zeros((height, width, 2), np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    u, v = (np.linspace(0.5, 3.5 - 1, n, dtype=np.float32) for n in (width, height))
    grid = np.meshgrid(u, v)
    slow = read_at(bends, grid[0], grid[1], cubic=True)
    dx = shift[0] + zoom * x - turn * y + slow[..., 0]
    dy = shift[1] + zoom * y + turn * x + slow[..., 1]
    flow = np.stack([dx, dy], 2)
    longest = float(np.sqrt((flow**2).sum(2)).max())
    result: Float = (flow * (amount / max(longest, 1e-6))).astype(np.float32)
    return result


def pull(picture: Float, flow: Float, *, cubic: bool = True) -> Float:
    """Return the picture whose pixel p is that of `picture` at p + flow(p)."""
    height, width = picture.shape[:2]
    x = np.arange(width, dtype=np.float32)[None] + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    return read_at(picture, x, y, cubic=cubic)


def push(picture: Float, flow: Float) -> Float:
    """Undo `pull`: move the pixel of `picture` at p to p + flow(p).

    The inverse displacement g solves g(q) = -flow(q + g(q)); iterating it converges because the
    flow changes by far less than a pixel per pixel.
    """
    inverse = -flow
    for _ in range(12):
        inverse = -pull(flow, inverse, cubic=False)
    return pull(picture, inverse)
