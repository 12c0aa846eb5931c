"""Convert pictures from and to Pillow's objects."""

import numpy as np
from PIL import Image

from imfuse.errors import OutputError
from imfuse.io.formats.arrays import planes
from imfuse.io.formats.container import Decoded, Source
from imfuse.io.formats.finish import finish
from imfuse.types import Picture


def picture_from_pil(image: Image.Image, *, name: str = "<PIL image>") -> Picture:
    """Convert a Pillow picture to a `Picture`, upright, with its metadata.

    Args:
        image: Gray, colour, palette, with or without alpha; 8 bits, `I;16`, `I`, or `F`.
        name: Name of the picture in messages.

    Raises:
        UnreadableImage: The file behind the picture turns out to be damaged.
        BadValues: No pixel has a value.
    """
    source = Source(data=b"", name=name, max_pixels=2**62)
    with source.decoding("Pillow"):
        image.load()
        source.check_size(*image.size)
        pixels, alpha = planes(image)
    info = image.info
    block, icc, dpi = info.get("exif"), info.get("icc_profile"), info.get("dpi")
    xmp = info.get("xmp", info.get("XML:com.adobe.xmp"))
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    decoded = Decoded(
        pixels=pixels,
        alpha=alpha,
        exif=block.removeprefix(b"Exif\0\0") if isinstance(block, bytes) else None,
        icc=icc if isinstance(icc, bytes) else None,
        dpi=_dpi(dpi),
        xmp=xmp if isinstance(xmp, bytes) else None,
    )
    return finish(decoded, name, None)


def _dpi(found: object) -> tuple[float, float] | None:
    if isinstance(found, tuple) and len(found) == 2:
        x, y = (float(value) for value in found)
        if 0 < x < 2**31 and 0 < y < 2**31:
            return x, y
    return None


def picture_to_pil(picture: Picture) -> Image.Image:
    """Convert a picture to Pillow's: any 8-bit one; 16 bits and float only in gray without alpha.

    EXIF, ICC profile, resolution and XMP are stored where Pillow's own readers do so (`info`).

    Raises:
        OutputError: Pillow has no mode for such pixels.
    """
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.dtype != np.uint8 and (pixels.ndim == 3 or alpha is not None):
        raise OutputError(
            f"Pillow has no mode for {pixels.dtype} colour or alpha",
            file=picture.name,
            expected="8-bit pixels, or gray ones without alpha",
            remedy="Use the NumPy array instead, or convert the pixels to 8 bits.",
        )
    if alpha is not None:
        pixels = np.dstack((pixels, alpha))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    metadata = picture.metadata
    known = {"exif": metadata.exif, "icc_profile": metadata.icc, "dpi": metadata.dpi}
    known["xmp"] = metadata.xmp
    image.info.update({key: value for key, value in known.items() if value is not None})
    return image
