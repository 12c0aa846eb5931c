"""Damaged forms of files: flipped bits, cuts, wrong lengths, exchanged parts, splices."""

import random
import struct
import zlib
from collections.abc import Iterator

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


def _exchange(data: bytearray, _: bytes, rng: random.Random) -> bytearray:
    """Exchange two neighbouring parts: chunks of PNG and WebP, or any bytes."""
    cuts = _chunks(data)
    if len(cuts) < 4:
        cuts = [rng.randrange(len(data) + 1) for _i in range(3)]
    first, second, third = sorted(rng.sample(cuts, 3))
    return data[:first] + data[second:third] + data[first:second] + data[third:]


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


_DAMAGES = (_flip, _head, _cut, _remove, _insert, _repeat, _exchange, _number, _splice)


def _chunks(data: bytearray) -> list[int]:
    """Return where the chunks of PNG and WebP begin."""
    png, webp = data.startswith(b"\x89PNG"), data.startswith(b"RIFF")
    at, found = (8 if png else 12), []
    while (png or webp) and at + 8 <= len(data):
        found.append(at)
        length = data[at : at + 4] if png else data[at + 4 : at + 8]
        size = int.from_bytes(length, "big" if png else "little")
        at += size + (12 if png else 8 + size % 2)
    return found


def _mended(data: bytearray) -> bytearray:
    """Correct PNG's checksums and WebP's length, so that the damage behind them is reached."""
    if data.startswith(b"RIFF") and len(data) >= 8:
        struct.pack_into("<I", data, 4, len(data) - 8)
    for at in _chunks(data) if data.startswith(b"\x89PNG") else ():
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 <= len(data):
            struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
    return data
