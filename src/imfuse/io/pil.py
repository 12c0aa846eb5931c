"""Pictures from and to Pillow's own objects."""

import numpy as np
from PIL import Image

from imfuse.errors import OutputError, UnsupportedImage
from imfuse.io.arrays import from_pil, palette_colours
from imfuse.io.container import Decoded, Source
from imfuse.io.finish import finish
from imfuse.types import Picture, Pixels


def picture_from_pil(image: Image.Image, *, name: str = "<PIL image>") -> Picture:
    """Return a Pillow picture as ours, upright, with its metadata.

    Args:
        image: Gray, colour, palette, with or without alpha; 8 bits, `I;16`, or `F`.
        name: What messages call the picture.

    Raises:
        UnsupportedImage: The mode is one whose range is unknown, such as `I`.
        UnreadableImage: The file behind the picture turns out to be damaged.
        BadValues: Float samples are NaN or infinite.
    """
    source = Source(data=b"", name=name, max_pixels=2**62)
    with source.decoding("Pillow"):
        image.load()
        source.check_size(*image.size)
        pixels, alpha = _planes(image, source)
    info = image.info
    block, icc, dpi = info.get("exif"), info.get("icc_profile"), info.get("dpi")
    decoded = Decoded(
        pixels=pixels,
        alpha=alpha,
        exif=block.removeprefix(b"Exif\0\0") if isinstance(block, bytes) else None,
        icc=icc if isinstance(icc, bytes) else None,
        dpi=_dpi(dpi),
    )
    return finish(decoded, name, None)


def _dpi(found: object) -> tuple[float, float] | None:
    if isinstance(found, tuple) and len(found) == 2:
        x, y = (float(value) for value in found)
        if 0 < x < 2**31 and 0 < y < 2**31:
            return x, y
    return None


def _planes(image: Image.Image, source: Source) -> tuple[Pixels, Pixels | None]:
    mode = image.mode
    if mode in {"P", "PA"}:
        return _palette(image)
    if mode == "1":
        return from_pil(image.convert("L")), None
    if mode.startswith("I;16"):
        return from_pil(image).astype(np.uint16), None
    if mode == "I":
        raise UnsupportedImage(
            "a Pillow picture of mode 'I' (32-bit numbers of unknown range)",
            file=source.name,
            expected="8 bits, 16 bits (mode 'I;16') or float (mode 'F')",
            remedy="Scale it, and convert it by image.convert('I;16').",
        )
    plain = {"La": "LA", "RGBa": "RGBA"}.get(mode, mode)
    if plain not in {"L", "F", "LA", "RGB", "RGBA"}:
        plain = "RGB"
    samples = from_pil(image if plain == mode else image.convert(plain))
    if samples.ndim == 2 or samples.shape[2] == 3:
        return samples, None
    alpha = np.ascontiguousarray(samples[..., -1])
    colours = samples[..., 0] if plain == "LA" else samples[..., :3]
    return np.ascontiguousarray(colours), alpha


def _palette(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    table = np.asarray(image.getpalette("RGBA"), np.uint8).reshape(-1, 4)
    index = from_pil(image)
    alpha = None
    if image.mode == "PA":
        index, alpha = index[..., 0], np.ascontiguousarray(index[..., 1])
    elif "transparency" in image.info:
        alpha = np.ascontiguousarray(from_pil(image.convert("RGBA"))[..., 3])
    table = np.concatenate((table, np.zeros((256 - len(table), 4), np.uint8)))
    used = table[: int(index.max()) + 1, :3]
    return palette_colours(used, index), alpha


def picture_to_pil(picture: Picture) -> Image.Image:
    """Return a picture as Pillow's: 8 bits in every form, 16 bits and float in gray without alpha.

    EXIF, ICC profile and resolution are put where Pillow's own readers put them (`info`).

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
    image.info.update({key: value for key, value in known.items() if value is not None})
    return image
