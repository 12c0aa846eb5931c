"""Huge pictures in small files: refused by their headers, at once, without allocating."""

import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from imfuse.errors import ImageTooLarge, UnreadableImage, UnsupportedImage
from imfuse.io.images import encode_image, read_image
from imfuse.types import Picture
from reference.raw_png import png_chunk, png_head


def bombs(width, height):
    """Yield the headers of all formats, with hardly anything behind them."""
    yield "png", png_head(width, height) + png_chunk(b"IDAT", zlib.compress(bytes(200)))
    bmp = struct.pack("<2sIHHI", b"BM", 200, 0, 0, 54)
    yield (
        "bmp",
        bmp + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(99),
    )
    tags = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (278, height),
        (279, 99),
    ]
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    yield "tiff", b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + table + bytes(200)
    if max(width, height) < 2**16:
        frame = struct.pack(
            ">BHHBBBBBBBBBB", 8, height, width, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1
        )
        frame = b"\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame
        scan = b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0" + bytes(99) + b"\xff\xd9"
        yield "jpeg", b"\xff\xd8" + frame + scan
    canvas = (
        bytes(4)
        + max(width - 1, 0).to_bytes(3, "little")
        + max(height - 1, 0).to_bytes(3, "little")
    )
    body = (
        b"WEBPVP8X"
        + struct.pack("<I", 10)
        + canvas
        + b"VP8L"
        + struct.pack("<I", 5)
        + b"\x2f"
        + bytes(5)
    )
    yield "webp", b"RIFF" + struct.pack("<I", len(body)) + body


def label(value):
    return value if isinstance(value, str) else "head"


@pytest.mark.parametrize(
    ("kind", "data"), list(bombs(60_000, 50_000)), ids=lambda value: str(value)[:4]
)
def test_three_billion_pixels_are_refused_by_the_header(refused, kind, data):
    tracemalloc.start()
    start = time.perf_counter()
    error = refused(ImageTooLarge, data, found="60000x50000 = 3,000,000,000 pixels")
    assert time.perf_counter() - start < 0.1
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert "max_pixels" in error.remedy
    assert "500,000,000" in error.expected


@pytest.mark.parametrize(
    ("kind", "data"), list(bombs(16_000, 12_000)), ids=lambda value: str(value)[:4]
)
def test_small_files_of_large_pictures_are_truncated(refused, kind, data):
    start = time.perf_counter()
    refused(UnreadableImage, data, found="truncated|corrupted")
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_the_limit_can_be_set_and_pillows_own_does_not_matter(refused, kind, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow would refuse from 200 on
    data = encode_image(Picture(pixels=np.zeros((20, 30, 3), np.uint8)), kind)
    assert read_image(data, max_pixels=600).size == (20, 30)
    refused(ImageTooLarge, data, found="30x20 = 600 pixels", max_pixels=599)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize(("kind", "data"), list(bombs(1, 1)), ids=label)
def test_tiny_pictures_without_content(refused, kind, data):
    if kind in {"bmp", "tiff"}:
        assert read_image(data).size == (1, 1)
    else:
        refused(UnreadableImage, data, found="corrupted|truncated")


def test_empty_pictures(refused):
    for kind, data in bombs(1, 1):
        if kind in {"png", "bmp", "tiff", "jpeg"}:
            zero = dict(bombs(5, 0) if kind != "jpeg" else bombs(0, 5))[kind]
            refused(UnsupportedImage, zero, found="empty picture")
            assert data


def test_memory_that_does_not_suffice(refused, samples, monkeypatch):
    def exhausted(*_, **__):
        raise MemoryError

    monkeypatch.setattr("imfuse.io.formats.png.PngImageFile", exhausted)
    refused(ImageTooLarge, samples["png-rgb8"].data, found="not enough memory")
