"""Small valid files of every kind that is read, with the arrays that they should give."""

import io
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

Array = NDArray[np.generic]
HEIGHT, WIDTH = 11, 14


@dataclass(frozen=True)
class Sample:
    """A file, and what reading it gives; None where a lossy codec decides."""

    data: bytes
    pixels: Array | None
    alpha: Array | None = None


def _random(*shape: int, dtype: str = "u1", seed: int = 0) -> Array:
    # Smooth with some noise, so that files are small and every filter of PNG is met.
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    values = (0.5 + 0.3 * np.sin(x / 3) + 0.2 * np.cos(y / 2))[(...,) + (None,) * (len(shape) - 2)]
    values = np.clip(values + rng.normal(0, 0.03, shape), 0, 1)
    if np.dtype(dtype).kind == "f":
        return values.astype(dtype)
    return (values * np.iinfo(dtype).max).astype(dtype)


GRAY, RGB, ALPHA = _random(HEIGHT, WIDTH), _random(HEIGHT, WIDTH, 3), _random(HEIGHT, WIDTH, seed=1)
GRAY16, RGB16 = _random(HEIGHT, WIDTH, dtype="u2"), _random(HEIGHT, WIDTH, 3, dtype="u2")
ALPHA16 = _random(HEIGHT, WIDTH, dtype="u2", seed=1)
GRAYF, RGBF = _random(HEIGHT, WIDTH, dtype="f4"), _random(HEIGHT, WIDTH, 3, dtype="f4")


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content)) + kind + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )  # fmt: skip


def png(array: Array, depth: int, colour: int, *extra: bytes, interlaced: bool = False) -> bytes:
    """Write a PNG with the filters taking turns; samples of less than 8 bits one to an item."""
    height, width = array.shape[:2]
    parts = [array]
    if interlaced:
        grid = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]  # fmt: skip  # noqa: E501
        parts = [array[y::dy, x::dx] for x, y, dx, dy in grid]
    rows = b"".join(_filtered(part, depth) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"".join((
        b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *extra,
        chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""),
    ))  # fmt: skip


def _filtered(array: Array, depth: int) -> bytes:
    flat = array.reshape(len(array), -1)
    if depth < 8:
        bits = (flat[..., None] >> np.arange(depth)[::-1]) & 1
        packed = np.packbits(bits.reshape(len(array), -1).astype(np.uint8), axis=1)
        step = 1
    else:
        packed = np.ascontiguousarray(flat.astype(f">u{depth // 8}")).view(np.uint8)
        step = packed.shape[1] // array.shape[1]
    out = bytearray()
    above = np.zeros_like(packed[0])
    for index, row in enumerate(packed):
        left = np.concatenate((np.zeros(step, np.uint8), row))[: len(row)]
        corner = np.concatenate((np.zeros(step, np.uint8), above))[: len(row)]
        guess = left.astype(int) + above - corner
        order = np.stack([abs(guess - left), abs(guess - above), abs(guess - corner)])
        paeth = np.choose(order.argmin(axis=0), [left, above, corner])
        kinds = [0 * row, left, above, (left.astype(int) + above) // 2, paeth]
        out += bytes([index % 5]) + (row - kinds[index % 5]).astype(np.uint8).tobytes()
        above = row
    return bytes(out)


def pil(array: Array, kind: str, mode: str | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(array: Array, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def opencv(array: Array, suffix: str, *options: int) -> bytes:
    swapped = array if array.ndim == 2 else cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
    return cv2.imencode(suffix, swapped, options)[1].tobytes()


def exif_block(orientation: int = 1, **more: object) -> bytes:
    exif = Image.Exif()
    exif[271], exif[274], exif[306] = "Maker of cameras", orientation, "2026:11:21 09:00:00"
    exif.get_ifd(34665)[37386] = 35.0  # focal length
    exif.get_ifd(34665)[42036] = "A lens with a long name"
    exif.get_ifd(34853)[1] = "N"
    return exif.tobytes().removeprefix(b"Exif\0\0")


def profile(space: str = "sRGB") -> bytes:
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[24:36] = bytes(12)  # the time of its creation
    if space != "sRGB":
        data[16:20] = space.encode()
    return bytes(data)


def _png_samples() -> dict[str, Sample]:
    low = _random(HEIGHT, WIDTH, seed=3)
    table = np.random.default_rng(5).integers(0, 256, (16, 3), dtype=np.uint8)
    index = low >> 4
    palette = chunk(b"PLTE", table.tobytes())
    opacity = np.arange(10, dtype=np.uint8) * 20
    key = int(RGB16[2, 3, 0]), int(RGB16[2, 3, 1]), int(RGB16[2, 3, 2])
    keyed = np.where((key == RGB16).all(axis=2), 0, 65535).astype(np.uint16)
    la, rgba = np.dstack((GRAY, ALPHA)), np.dstack((RGB, ALPHA))
    la16, rgba16 = np.dstack((GRAY16, ALPHA16)), np.dstack((RGB16, ALPHA16))
    ramp = chunk(b"PLTE", np.repeat(np.arange(16, dtype=np.uint8)[:, None] * 9, 3, 1).tobytes())
    return {
        "png-gray8": Sample(png(GRAY, 8, 0), GRAY),
        "png-gray16": Sample(png(GRAY16, 16, 0), GRAY16),
        "png-gray1": Sample(png(low >> 7, 1, 0), (low >> 7) * np.uint8(255)),
        "png-gray2": Sample(png(low >> 6, 2, 0), (low >> 6) * np.uint8(85)),
        "png-gray4": Sample(
            png(index, 4, 0, chunk(b"tRNS", b"\0\7")), index * np.uint8(17),
            np.where(index == 7, 0, 255).astype(np.uint8),
        ),
        "png-rgb8": Sample(png(RGB, 8, 2, chunk(b"gAMA", b"\0\0\xff\0")), RGB),
        "png-rgb8-pil": Sample(pil(RGB, "PNG"), RGB),
        "png-rgb8-exif": Sample(
            pil(RGB, "PNG", exif=exif_block(), icc_profile=profile(), dpi=(72, 300)), RGB
        ),
        "png-rgb16": Sample(png(RGB16, 16, 2), RGB16),
        "png-rgb16-key": Sample(
            png(RGB16, 16, 2, chunk(b"tRNS", struct.pack(">HHH", *key))), RGB16, keyed
        ),
        "png-la8": Sample(png(la, 8, 4), GRAY, ALPHA),
        "png-la16": Sample(png(la16, 16, 4), GRAY16, ALPHA16),
        "png-rgba8": Sample(png(rgba, 8, 6), RGB, ALPHA),
        "png-rgba16": Sample(png(rgba16, 16, 6), RGB16, ALPHA16),
        "png-palette4": Sample(png(index, 4, 3, palette), table[index]),
        "png-palette8-alpha": Sample(
            png(index, 8, 3, palette, chunk(b"tRNS", opacity.tobytes())), table[index],
            np.concatenate((opacity, np.full(6, 255, np.uint8)))[index],
        ),
        "png-palette-gray": Sample(png(index, 8, 3, ramp), index * np.uint8(9)),
        "png-interlaced-rgb8": Sample(png(RGB, 8, 2, interlaced=True), RGB),
        "png-interlaced-rgba16": Sample(png(rgba16, 16, 6, interlaced=True), RGB16, ALPHA16),
        "png-interlaced-gray1": Sample(
            png(low >> 7, 1, 0, interlaced=True), (low >> 7) * np.uint8(255)
        ),
    }  # fmt: skip


def _jpeg_samples() -> dict[str, Sample]:
    def decoded(data: bytes) -> Sample:
        image = Image.open(io.BytesIO(data))
        return Sample(data, np.asarray(image.convert("RGB") if image.mode == "CMYK" else image))

    return {
        "jpeg-gray": decoded(pil(GRAY, "JPEG")),
        "jpeg-rgb": decoded(pil(RGB, "JPEG", quality=90)),
        "jpeg-rgb-444": decoded(pil(RGB, "JPEG", subsampling=0, restart_marker_blocks=1)),
        "jpeg-progressive": decoded(pil(RGB, "JPEG", progressive=True)),
        "jpeg-cmyk": decoded(pil(RGB, "JPEG", "CMYK")),
        "jpeg-exif": decoded(
            pil(RGB, "JPEG", exif=b"Exif\0\0" + exif_block(), icc_profile=profile(), dpi=(300, 300))
        ),
    }


def _tiff_samples() -> dict[str, Sample]:
    rgb = {"photometric": "rgb"}
    rgba, table = np.dstack((RGB, ALPHA)), np.random.default_rng(6).integers(0, 256, (3, 256))
    low = (GRAY > 127).astype(np.uint8) * np.uint8(255)
    big = _random(40, 50, 3, dtype="u2")
    cmyk = np.asarray(Image.fromarray(RGB).convert("CMYK"))
    cmyk_rgb = np.rint((255.0 - cmyk[..., :3]) * (255.0 - cmyk[..., 3:]) / 255).astype(np.uint8)
    return {
        "tiff-gray8": Sample(tiff(GRAY), GRAY),
        "tiff-gray16": Sample(tiff(GRAY16, byteorder=">"), GRAY16),
        "tiff-gray12": Sample(tiff(GRAY16 >> 4), GRAY16 >> 4),
        "tiff-rgb8": Sample(tiff(RGB, **rgb), RGB),
        "tiff-rgb8-big": Sample(tiff(RGB, bigtiff=True, **rgb), RGB),
        "tiff-rgb16-strips": Sample(tiff(RGB16, rowsperstrip=4, byteorder=">", **rgb), RGB16),
        "tiff-rgb16-deflate": Sample(
            tiff(RGB16, compression="zlib", predictor=True, rowsperstrip=3, **rgb), RGB16
        ),
        "tiff-rgb16-tiles": Sample(tiff(big, tile=(16, 32), compression="zlib", **rgb), big),
        "tiff-rgb16-planar": Sample(
            tiff(np.moveaxis(RGB16, 2, 0), planarconfig="separate", rowsperstrip=4, **rgb), RGB16
        ),
        "tiff-rgb16-lzw": Sample(opencv(RGB16, ".tiff"), RGB16),
        "tiff-float32-lzw": Sample(opencv(GRAYF, ".tiff", cv2.IMWRITE_TIFF_COMPRESSION, 5), GRAYF),
        "tiff-float16": Sample(
            tiff(GRAYF.astype("f2")), GRAYF.astype("f2").astype("f4")
        ),
        "tiff-float32-rgb": Sample(tiff(RGBF, **rgb), RGBF),
        "tiff-float64": Sample(tiff(GRAYF.astype("f8"), byteorder=">"), GRAYF),
        "tiff-rgba8": Sample(tiff(rgba, extrasamples=["unassalpha"], **rgb), RGB, ALPHA),
        "tiff-min-is-white": Sample(tiff(GRAY, photometric="miniswhite"), 255 - GRAY),
        "tiff-palette": Sample(
            tiff(GRAY, photometric="palette", colormap=(table << 8).astype("u2")),
            table.T.astype(np.uint8)[GRAY],
        ),
        "tiff-bits": Sample(pil(low, "TIFF", "1"), low),
        "tiff-fax": Sample(pil(low, "TIFF", "1", compression="group4"), low),
        "tiff-lzw": Sample(pil(RGB, "TIFF", compression="tiff_lzw"), RGB),
        "tiff-zstd": Sample(pil(RGB, "TIFF", compression="zstd"), RGB),
        "tiff-lzma": Sample(pil(GRAY, "TIFF", compression="lzma"), GRAY),
        "tiff-packbits": Sample(pil(GRAY, "TIFF", compression="packbits"), GRAY),
        "tiff-jpeg": Sample(pil(RGB, "TIFF", compression="jpeg"), None),
        "tiff-cmyk": Sample(pil(RGB, "TIFF", "CMYK"), cmyk_rgb),
        "tiff-exif": Sample(
            pil(RGB, "TIFF", exif=b"Exif\0\0" + exif_block(), dpi=(72, 300), icc_profile=profile()),
            RGB,
        ),
    }  # fmt: skip


def _other_samples() -> dict[str, Sample]:
    low = (GRAY > 127).astype(np.uint8) * np.uint8(255)
    rgba = np.dstack((RGB, ALPHA))
    lossy = pil(RGB, "WEBP")
    quantised = Image.fromarray(RGB).quantize(16)
    buffer = io.BytesIO()
    quantised.save(buffer, "BMP")
    return {
        "bmp-bits": Sample(pil(low, "BMP", "1"), low),
        "bmp-gray": Sample(pil(GRAY, "BMP"), GRAY),
        "bmp-palette": Sample(buffer.getvalue(), np.asarray(quantised.convert("RGB"))),
        "bmp-rgb": Sample(pil(RGB, "BMP", dpi=(72, 300)), RGB),
        "bmp-alpha": Sample(cv2.imencode(".bmp", rgba[..., [2, 1, 0, 3]])[1].tobytes(), RGB, ALPHA),
        "webp-lossy": Sample(lossy, np.asarray(Image.open(io.BytesIO(lossy)))),
        "webp-lossless": Sample(pil(RGB, "WEBP", lossless=True), RGB),
        "webp-alpha": Sample(pil(rgba, "WEBP", lossless=True, exact=True), RGB, ALPHA),
        "webp-alpha-lossy": Sample(pil(rgba, "WEBP", alpha_quality=100), None, ALPHA),
        "webp-exif": Sample(
            pil(RGB, "WEBP", lossless=True, exif=exif_block(), icc_profile=profile()), RGB
        ),
    }


SAMPLES: dict[str, Sample] = _png_samples() | _jpeg_samples() | _tiff_samples() | _other_samples()
