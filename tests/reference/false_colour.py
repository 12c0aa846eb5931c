"""Pictures in false colour with known values, and plain float64 references to read them by."""

import io
from functools import cache

import cv2
import numpy as np
from PIL import Image

from imfuse.ops.palettes import PALETTES, as_picture
from imfuse.scenes import render

SIZE = (256, 320)


@cache
def scene(kind="street-night", seed=1):
    """Infrared values of a rendered scene, spread over the whole palette."""
    values = render(kind, seed=seed, size=SIZE).ir
    low, high = values.min(), values.max()
    return (values - low) / (high - low)


def jpeg(rgb, quality):
    """The picture after JPEG with chroma at half the size, as cameras write it."""
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, "JPEG", quality=quality, subsampling=2)
    return np.asarray(Image.open(content))


def photograph(path):
    """The pixels of a picture file in RGB."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def shown(name, values, quality=None, levels="full"):
    """Values in the colours of a palette."""
    rgb = as_picture(values, PALETTES[name].colours(levels))
    return rgb if quality is None else jpeg(rgb, quality)


def with_marks(name, values, levels="full"):
    """Values in colour with a bar, a translucent box, a logo and a cross-hair; and where they are.

    The second result is True for the bar, the third one for everything drawn.
    """
    rgb = shown(name, values, levels=levels).copy()
    height, width = values.shape
    bar = np.zeros(values.shape, bool)
    top, bottom, left = height // 4, 3 * height // 4, width - 18
    rows = np.linspace(1, 0, bottom - top)[:, None] * np.ones(10)
    rgb[top - 1 : bottom + 1, left - 1 : left + 11] = 0
    rgb[top:bottom, left : left + 10] = shown(name, rows, levels=levels)
    bar[top:bottom, left : left + 10] = True
    drawn = bar.copy()
    box = slice(6, 34), slice(6, 96)
    rgb[box] = rgb[box] // 2 + 40
    drawn[box] = True
    ink = np.zeros(values.shape, np.uint8)
    cv2.putText(ink, "36.5", (12, 27), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 255, 2)
    cv2.putText(ink, "CAM", (width - 90, height - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 255, 2)
    middle = height // 2, width // 2
    cv2.drawMarker(ink, middle[::-1], 255, cv2.MARKER_CROSS, 30, 2)
    outline = cv2.dilate(ink, np.ones((3, 3), np.uint8))
    rgb[outline > 0] = 0
    rgb[ink > 0] = 255
    return rgb, bar, drawn | (outline > 0)


def nearest_exactly(colours, table, chroma):
    """Position and distance of the nearest point, by trying 64 points between any two of a table.

    Args:
        colours: `(M, 3)` RGB.
        table: `(N, 3)` RGB from cold to hot.
        chroma: Weight of chroma.
    """
    table = np.asarray(table, np.float64)
    at = np.linspace(0, len(table) - 1, 64 * (len(table) - 1) + 1)
    dense = np.stack([np.interp(at, np.arange(len(table)), table[:, k]) for k in range(3)], 1)

    def points(rgb):
        red, green, blue = np.asarray(rgb, np.float64).T
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        return np.stack(
            [luma, chroma * (blue - luma) / 1.772, chroma * (red - luma) / 1.402], axis=1
        )

    curve = points(dense)
    distances = np.array([np.sqrt(((curve - one) ** 2).sum(1)) for one in points(colours)])
    return at[distances.argmin(1)] / (len(table) - 1), distances.min(1)
