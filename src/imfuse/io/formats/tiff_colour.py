"""Photometric interpretations: convert samples of a TIFF page to gray or RGB with alpha."""

import numpy as np
from tifffile import TiffPage

from imfuse.io.formats.arrays import palette_colours
from imfuse.io.formats.container import Source
from imfuse.types import RAW_TYPES, Pixels

_WHITE_IS_ZERO, _GRAY, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_CHANNELS = {_WHITE_IS_ZERO: 1, _GRAY: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4}
_KEPT = (
    "it declares that 0 is white; its float values were kept as stored, since floats have no white"
)
_NAMES = {4: "a mask", 6: "YCbCr", 8: "CIELab", 9: "ICCLab", 10: "ITULab", 32803: "raw sensor"}


def to_planes(
    source: Source, page: TiffPage, samples: Pixels
) -> tuple[Pixels, Pixels | None, tuple[str, ...]]:
    """Return pixels, alpha and notes from `(H, W, C)` samples.

    Raises:
        UnsupportedImage: This kind of colours is not read here.
        UnreadableImage: There are fewer channels than this kind of colours needs.
    """
    kind, channels = _kind(source, page)
    samples = _widened(page, samples)
    alpha, notes, premultiplied = _alpha(page, samples, channels)
    if kind == _PALETTE:
        pixels = _look_up(source, page, samples[..., 0])
    elif kind == _CMYK:
        pixels = _from_cmyk(samples)
        notes += ("CMYK colours were converted to RGB without their profile",)
    else:
        colours = samples[..., 0] if channels == 1 else samples[..., :3]
        pixels = np.ascontiguousarray(colours)
        if kind == _WHITE_IS_ZERO and pixels.dtype.kind == "f":
            notes += (_KEPT,)
        elif kind == _WHITE_IS_ZERO and pixels.dtype not in RAW_TYPES:  # measurements stay
            pixels = _top(pixels) - pixels
    if alpha is not None and premultiplied:
        pixels = _straight(pixels, alpha)
        notes += ("colours were stored multiplied by alpha, and were divided by it",)
    return pixels, alpha, notes


def _kind(source: Source, page: TiffPage) -> tuple[int, int]:
    """Return the kind of colours, and their number of channels."""
    count = page.samplesperpixel
    kind = int(page.tags.valueof(262, _RGB if count > 2 else _GRAY))
    channels = _CHANNELS.get(kind)
    numbers = page.sampleformat in {2, 3} or page.bitspersample == 32
    if channels is None or (kind in {_PALETTE, _CMYK} and numbers):
        raise source.unsupported(
            f"TIFF colours that are {_NAMES.get(kind, f'of kind {kind}')}",
            expected="gray, RGB, CMYK or a palette",
            remedy="Convert it to RGB.",
        )
    if count < channels:
        raise source.corrupt(f"{count} channels where {channels} are needed")
    if channels == 1 and count > 2:
        raise source.unsupported(
            f"{count} gray channels",
            expected="one gray channel, or RGB",
            remedy="Save the channel that you need as a picture of its own.",
        )
    return kind, channels


def _top(samples: Pixels) -> Pixels:
    top = 1.0 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
    return np.asarray(top, samples.dtype)


def _widened(page: TiffPage, samples: Pixels) -> Pixels:
    """Convert floats to float32, and spread 1, 2 and 4 bits over 8, except in palettes."""
    if page.sampleformat == 3:
        # A double beyond float32 becomes infinite, which is refused later.
        with np.errstate(over="ignore", invalid="ignore"):
            return samples.astype(np.float32, copy=False)
    if page.bitspersample < 8 and page.photometric != _PALETTE:
        return samples * np.uint8(255 // (2**page.bitspersample - 1))
    return samples


def _alpha(
    page: TiffPage, samples: Pixels, channels: int
) -> tuple[Pixels | None, tuple[str, ...], bool]:
    """Return alpha, notes, and True if the colours are multiplied by alpha."""
    extra = page.extrasamples[: page.samplesperpixel - channels]
    for place, kind in enumerate(extra):
        if kind in {1, 2}:
            return np.ascontiguousarray(samples[..., channels + place]), (), kind == 1
    ignored = page.samplesperpixel - channels
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


def _look_up(source: Source, page: TiffPage, index: Pixels) -> Pixels:
    table = np.ravel(page.tags.valueof(320, ())).astype(np.uint16)
    if not table.size or table.size % 3:
        raise source.corrupt("there is no valid palette")
    if int(index.max()) >= table.size // 3:
        raise source.corrupt("a pixel's colour is not in the palette")
    # The table has 16 bits, of which we use the upper 8; some writers fill in 8-bit values.
    octets = (table if table.max() < 256 else table >> 8).astype(np.uint8)
    return palette_colours(np.ascontiguousarray(octets.reshape(3, -1).T), index)


def _from_cmyk(samples: Pixels) -> Pixels:
    top = np.uint64(_top(samples))
    ink = top - samples[..., :3].astype(np.uint64)
    light = top - samples[..., 3:4].astype(np.uint64)
    return ((ink * light + top // np.uint64(2)) // top).astype(samples.dtype)
