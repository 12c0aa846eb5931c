"""Thousands of damaged files: each gives a valid picture or a named error, and nothing else."""

import random
import struct
import time
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from imfuse.errors import ImfuseError
from imfuse.io.images import read_image
from imfuse.types import RAW_TYPES, SCALES, Picture

MAX_PIXELS = 100_000
PER_SAMPLE = 150  # times 60 samples: 9,000 files
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutants(data: bytes, other: bytes, rng: random.Random) -> Iterator[bytes]:
    """Yield damaged forms of a file for ever; some are spliced with another file."""
    while True:
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            damaged = rng.choice(_DAMAGES)(damaged, other, rng)
        yield bytes(_mended(damaged) if rng.random() < 0.7 else damaged)


def _flip(data: bytearray, _: bytes, rng: random.Random) -> bytearray:
    for _i in range(rng.choice((1, 1, 3, 10))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _head(data: bytearray, _: bytes, rng: random.Random) -> bytearray:
    if data:
        data[rng.randrange(min(64, len(data)))] = rng.randrange(256)
    return data


def _cut(data: bytearray, _: bytes, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data) + 1)]


def _remove(data: bytearray, _: bytes, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data) + 1)
    del data[at : at + rng.choice((1, 2, 4, 16, 100))]
    return data


def _insert(data: bytearray, _: bytes, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 16)))
    return data


def _repeat(data: bytearray, _: bytes, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data) + 1)
    part = data[at : at + rng.randrange(1, 200)]
    where = rng.randrange(len(data) + 1)
    data[where:where] = part
    return data


def _number(data: bytearray, _: bytes, rng: random.Random) -> bytearray:
    code = rng.choice(("<H", ">H", "<I", ">I"))
    size = struct.calcsize(code)
    if len(data) >= size:
        value = rng.choice((*_NUMBERS, rng.randrange(2**32), len(data), rng.randrange(300)))
        struct.pack_into(code, data, rng.randrange(len(data) - size + 1), value % 256**size)
    return data


def _splice(data: bytearray, other: bytes, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data) + 1)
    return data[:at] + other[rng.choice((at, rng.randrange(len(other)))) :]


_DAMAGES = (_flip, _head, _cut, _remove, _insert, _repeat, _number, _splice)


def _mended(data: bytearray) -> bytearray:
    """Correct PNG's checksums and WebP's length, so that the damage behind them is reached."""
    if data.startswith(b"RIFF") and len(data) >= 8:
        struct.pack_into("<I", data, 4, len(data) - 8)
    if not data.startswith(b"\x89PNG"):
        return data
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return data


def check(picture: Picture) -> None:
    """Raise unless the picture keeps what `Picture` promises."""
    pixels, alpha = picture.pixels, picture.alpha
    assert pixels.dtype in SCALES.keys() | RAW_TYPES
    assert pixels.dtype.isnative
    assert pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    assert 0 < pixels.shape[0] * pixels.shape[1] <= MAX_PIXELS
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert np.isfinite(pixels).all()
    if picture.nodata is not None:
        assert picture.nodata.shape == pixels.shape[:2]
        assert picture.nodata.any()
        assert not picture.nodata.all()
    if alpha is not None:
        assert alpha.shape == pixels.shape[:2]
        assert alpha.dtype == pixels.dtype
        assert np.isfinite(alpha).all()


@pytest.mark.parametrize("family", ["png", "jpeg", "tiff", "bmp", "webp"])
def test_damaged_files_give_a_valid_picture_or_a_named_error(family, samples, capfd):
    names = [name for name in samples if name.startswith(family)]
    rng = random.Random(f"2026 {family}")  # noqa: S311 - no secret
    read = refused = 0
    for name in names:
        other = samples[rng.choice(names)].data
        for index, damaged in zip(
            range(PER_SAMPLE), mutants(samples[name].data, other, rng), strict=False
        ):
            start = time.perf_counter()
            try:
                check(read_image(damaged, max_pixels=MAX_PIXELS, name=f"{name} {index}"))
                read += 1
            except ImfuseError as error:
                refused += bool(error.file == f"{name} {index}" and error.remedy)
            assert time.perf_counter() - start < 5
    assert read + refused == PER_SAMPLE * len(names)
    assert refused > read / 10
    assert "Traceback" not in capfd.readouterr().err
