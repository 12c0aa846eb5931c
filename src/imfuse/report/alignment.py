"""The page of a registration: both pictures under a slider, a checkerboard, what is left over."""

from pathlib import Path

import cv2
import numpy as np

from imfuse import __version__
from imfuse.align.auto import Found, warped
from imfuse.align.evidence import Numbers
from imfuse.errors import ImfuseError
from imfuse.io.encode import encode_image
from imfuse.ops import color, geometry
from imfuse.report.page import picture_url, render
from imfuse.types import SCALES, ImagePair, Picture, Pixels

_WIDEST = 960
"""Largest width of the pictures in pixels."""
_SQUARES = 12
_LONGER = 3.0
"""Factor by which arrows are longer than what they show."""
_DOUBTFUL = 0.5
"""Probability below which a patch counts as fitting nowhere."""


def alignment_page(pair: ImagePair, found: Found, refusal: ImfuseError | None) -> str:
    """Return one HTML page that needs nothing else.

    Args:
        pair: The pictures.
        found: Their registration.
        refusal: Why it was refused; None: it was not.
    """
    values, outside = warped(pair, found)
    factor = min(1.0, _WIDEST / pair.vis.size[1])
    size = round(factor * pair.vis.size[0]), round(factor * pair.vis.size[1])
    vis = _shown(pair.vis, size)
    infrared = geometry.resize(np.rint(255 * values).astype(np.uint8), *size)
    gone = geometry.resize(outside.astype(np.uint8), *size) > 0
    infrared = np.repeat(infrared[..., None], 3, axis=2)
    infrared[gone] = vis[gone] // 3
    fit = found.estimate.fit
    unit = factor / float(found.view.vis_scale[0, 0])
    facts = [
        ("confidence", f"{found.confidence:.2f}"),
        ("search", found.estimate.stage),
        ("patches", str(fit.patches)),
        ("patches that follow", f"{100 * fit.fitting:.0f} %"),
        ("left over (root mean square)", f"{found.rms:.2f} visible pixels"),
        ("other starts end", f"{found.estimate.again:.1f} px at 640 away"),
        ("bend", f"{found.estimate.bend:.1f} px at 640"),
    ]
    return render(
        "alignment.html.j2",
        style="alignment.css",
        script="alignment.js",
        title=f"Registration of {Path(pair.ir.name).name} and {Path(pair.vis.name).name}",
        verdict="registered" if refusal is None else str(refusal),
        facts=facts,
        matrix=[[f"{value:.6g}" for value in row] for row in found.matrix],
        visible=picture_url(_encoded(vis)),
        infrared=picture_url(_encoded(infrared)),
        checkerboard=picture_url(_encoded(_checkerboard(vis, infrared))),
        residuals=picture_url(
            _encoded(_arrows(vis, unit * fit.places, unit * fit.found, fit.follows))
        ),
        longer=f"{_LONGER:g}",
        version=__version__,
    )


def _shown(vis: Picture, size: tuple[int, int]) -> Pixels:
    values = vis.pixels.astype(np.float32)
    if vis.pixels.dtype != np.float32:
        values *= np.float32(255 / SCALES[vis.pixels.dtype])
    else:
        values *= np.float32(255)
    picture = geometry.resize(np.rint(np.clip(values, 0, 255)).astype(np.uint8), *size)
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def _checkerboard(first: Pixels, second: Pixels) -> Pixels:
    """Return squares of both pictures in turn: edges go on where they lie upon each other."""
    height, width = first.shape[:2]
    side = max(8, width // _SQUARES)
    y, x = np.arange(height)[:, None] // side, np.arange(width)[None] // side
    return np.where(((x + y) % 2 == 0)[..., None], first, second)


def _arrows(vis: Pixels, places: Numbers, found: Numbers, follows: Numbers) -> Pixels:
    """Return a dimmed picture with an arrow for each patch: green ones follow, red ones don't."""
    gray = color.luma(vis.astype(np.float32) / np.float32(255))
    canvas = np.repeat((110 * gray).astype(np.uint8)[..., None], 3, axis=2)
    for place, end, likely in zip(
        places, places + _LONGER * (found - places), follows, strict=True
    ):
        colour = (90, 220, 90) if likely >= _DOUBTFUL else (230, 80, 60)
        start, tip = ((int(8 * one[0]), int(8 * one[1])) for one in (place, end))
        cv2.arrowedLine(canvas, start, tip, colour, 1, cv2.LINE_AA, 3, 0.3)
    return canvas


def _encoded(pixels: Pixels) -> bytes:
    return encode_image(Picture(pixels=np.ascontiguousarray(pixels)), "WEBP")
