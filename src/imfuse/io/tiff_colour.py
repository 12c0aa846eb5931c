"""From the samples of a TIFF page to gray or RGB with alpha: photometric interpretations."""

import numpy as np

from imfuse.io.arrays import palette_colours
from imfuse.io.container import Decoded
from imfuse.io.tiff_page import Page
from imfuse.types import Pixels

_WHITE_IS_ZERO, _GRAY, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_CHANNELS = {_WHITE_IS_ZERO: 1, _GRAY: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4}
_NAMES = {4: "a mask", 6: "YCbCr", 8: "CIELab", 9: "ICCLab", 10: "ITULab", 32803: "raw sensor"}


def to_planes(page: Page, samples: Pixels) -> Decoded:
    """Return pixels and alpha from `(H, W, C)` samples.

    Raises:
        UnsupportedImage: The colours are of a kind that is not read here.
        UnreadableImage: There are fewer channels than the kind of colours needs.
    """
    source = page.source
    kind = page.value(262, _RGB if page.channels > 2 else _GRAY)
    channels = _CHANNELS.get(kind)
    if channels is None or (kind in {_PALETTE, _CMYK} and page.kind != 1):
        raise source.unsupported(
            f"TIFF colours that are {_NAMES.get(kind, f'of kind {kind}')}",
            expected="gray, RGB, CMYK or a palette",
            remedy="Convert it to RGB.",
        )
    if page.channels < channels:
        raise source.corrupt(f"{page.channels} channels where {channels} are needed")
    if channels == 1 and page.channels > 2:
        raise source.unsupported(
            f"{page.channels} gray channels",
            expected="one gray channel, or RGB",
            remedy="Save the channel that you need as a picture of its own.",
        )
    samples = _widened(page, samples)
    alpha, notes, premultiplied = _alpha(page, samples, channels)
    if kind == _PALETTE:
        pixels = _look_up(page, samples[..., 0])
    elif kind == _CMYK:
        pixels = _from_cmyk(samples)
        notes += ("CMYK colours were converted to RGB without their profile",)
    else:
        colours = samples[..., 0] if channels == 1 else samples[..., :3]
        pixels = np.ascontiguousarray(colours)
        if kind == _WHITE_IS_ZERO:
            pixels = _top(pixels) - pixels
    if alpha is not None and premultiplied:
        pixels = _straight(pixels, alpha)
        notes += ("colours were divided by their alpha, with which they had been multiplied",)
    return Decoded(pixels=pixels, alpha=alpha, notes=notes)


def _top(samples: Pixels) -> Pixels:
    top = 1.0 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
    return np.asarray(top, samples.dtype)


def _widened(page: Page, samples: Pixels) -> Pixels:
    """Return float32 for any float; 1, 2 and 4 bits spread over 8, except in palettes."""
    if page.kind == 3:
        # A double beyond float32 becomes infinite, which is refused later.
        with np.errstate(over="ignore", invalid="ignore"):
            return samples.astype(np.float32, copy=False)
    if page.bits < 8 and page.value(262, _GRAY) != _PALETTE:
        return samples * np.uint8(255 // (2**page.bits - 1))
    return samples


def _alpha(
    page: Page, samples: Pixels, channels: int
) -> tuple[Pixels | None, tuple[str, ...], bool]:
    """Return alpha, notes, and whether the colours are multiplied with it."""
    extra = page.values(338)[: page.channels - channels]
    for place, kind in enumerate(extra):
        if kind in {1, 2}:
            return np.ascontiguousarray(samples[..., channels + place]), (), kind == 1
    ignored = page.channels - channels
    notes = (f"{ignored} channel(s) of unknown meaning were ignored",) if ignored else ()
    return None, notes, False


def _straight(pixels: Pixels, alpha: Pixels) -> Pixels:
    weight = alpha if pixels.ndim == 2 else alpha[..., None]
    top = _top(pixels)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values = pixels * (top.astype(np.float64) / weight)
    if pixels.dtype.kind == "u":
        values = np.minimum(np.rint(values), top)
    return np.where(weight == 0, pixels, values).astype(pixels.dtype)


def _look_up(page: Page, index: Pixels) -> Pixels:
    table = np.asarray(page.values(320), np.uint16)
    if not table.size or table.size % 3:
        raise page.source.corrupt("there is no valid palette")
    if int(index.max()) >= table.size // 3:
        raise page.source.corrupt("a pixel's colour is not in the palette")
    # The table has 16 bits, of which the upper 8 count; some writers fill in 8-bit values.
    octets = (table if table.max() < 256 else table >> 8).astype(np.uint8)
    return palette_colours(np.ascontiguousarray(octets.reshape(3, -1).T), index)


def _from_cmyk(samples: Pixels) -> Pixels:
    top = np.uint64(_top(samples))
    ink = top - samples[..., :3].astype(np.uint64)
    light = top - samples[..., 3:4].astype(np.uint64)
    return ((ink * light + top // np.uint64(2)) // top).astype(samples.dtype)
