"""Damaged and malicious picture files end in a picture or a named error, and in nothing else.

Within seconds, within the memory that their size explains, with nothing on stderr, and in messages
that fit on a screen. A small part runs always, all of it with `-m slow`.
"""

import itertools
import random
import resource
import struct
import subprocess
import sys
import time
import warnings
import zlib

import numpy as np
import pytest

from imfuse.errors import ImfuseError
from imfuse.io.images import encode_image, read_image
from imfuse.types import RAW_TYPES, SCALES, Picture
from reference.mutants import mutants
from reference.picture_files import SAMPLES
from reference.raw_png import png_chunk, png_head

MAX_PIXELS = 100_000
LONGEST_MESSAGE = 2000
SECONDS = 5
GROWTH = 200_000  # kB of memory that all mutants of a format together may add
RARE, SLOW = (305, 33432, 37510, 42112, 50839), pytest.mark.slow
FAMILIES = ["png", "jpeg", "tiff", "bmp", "webp"]


def check(picture):
    """Raise unless the picture keeps what `Picture` promises."""
    pixels, alpha, nodata = picture.pixels, picture.alpha, picture.nodata
    assert pixels.dtype in SCALES.keys() | RAW_TYPES
    assert pixels.dtype.isnative
    assert pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    assert 0 < pixels.shape[0] * pixels.shape[1] <= 2 * MAX_PIXELS
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert np.isfinite(pixels).all()
    if nodata is not None:
        assert nodata.shape == pixels.shape[:2]
        assert nodata.any()
        assert not nodata.all()
    if alpha is not None:
        assert alpha.shape == pixels.shape[:2]
        assert alpha.dtype == pixels.dtype
        assert np.isfinite(alpha).all()


def attempt(data, name="<attack>", **limits):
    """Read a file; return whether it gave a picture, and the seconds that it took."""
    start = time.perf_counter()
    try:
        check(read_image(data, name=name, **limits))
        refusal = None
    except ImfuseError as error:
        refusal = error
    seconds = time.perf_counter() - start
    if refusal is not None:
        assert refusal.file == name
        assert refusal.remedy
        assert len(str(refusal)) < LONGEST_MESSAGE
        assert str(refusal).isprintable()
    return refusal is None, seconds


def attack(family, per_sample, seed):
    names = [name for name in SAMPLES if name.startswith(family)]
    rng = random.Random(f"{seed} {family}")  # noqa: S311 - no secret
    read, before = [], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in names:
        other = SAMPLES[rng.choice(names)].data
        damaged = itertools.islice(mutants(SAMPLES[name].data, other, rng), per_sample)
        for index, data in enumerate(damaged):
            good, seconds = attempt(data, f"{name} {index}", max_pixels=MAX_PIXELS)
            assert seconds < SECONDS, (name, index)
            read.append(good)
    assert 0.02 < np.mean(read) < 0.9
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH


@pytest.mark.parametrize("family", FAMILIES)
def test_mutants(family, capfd):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        attack(family, 60, 2026)
    assert not caught
    assert capfd.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_many_mutants(family, seed, capfd):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        attack(family, 1500, seed)
    assert not caught
    assert capfd.readouterr().err == ""


def directory(entries, following=0, order="<"):
    body = b"".join(struct.pack(f"{order}HHII", *entry) for entry in entries)
    return struct.pack(f"{order}H", len(entries)) + body + struct.pack(f"{order}I", following)


def pointers(size, pointer):
    """Return an EXIF block whose directory points at itself as often as fits."""
    count = min(65_000, (size - 14) // 12)
    return b"II*\0\x08\0\0\0" + directory([(pointer, 4, 1, 8)] * count)


def with_exif(kind, block):
    plain = encode_image(Picture(pixels=np.zeros((8, 8, 3), np.uint8)), kind)
    if kind == "JPEG":
        content = b"Exif\0\0" + block
        return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + plain[2:]
    if kind == "PNG":
        return plain[:33] + png_chunk(b"eXIf", block) + plain[33:]
    flags = struct.pack("<I", 8) + (7).to_bytes(3, "little") * 2
    body = b"".join((
        b"WEBPVP8X", struct.pack("<I", 10), flags, plain[12:], b"EXIF",
        struct.pack("<I", len(block)), block, bytes(len(block) % 2),
    ))  # fmt: skip
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("pointer", [34665, 34853, 40965, 330])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_directories_that_point_at_themselves(kind, pointer):
    block = pointers(65_000 if kind == "JPEG" else 720_000, pointer)
    read, seconds = attempt(with_exif(kind, block))
    assert read
    assert seconds < SECONDS


PLAIN = [
    (256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
    (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64),
]  # fmt: skip


@pytest.mark.parametrize("pointer", [34665, 34853, 40965, 330])
def test_tiff_directories_that_point_at_themselves(pointer):
    at = 72
    entries = [*PLAIN, *[(pointer, 4, 1, at)] * 60_000]
    data = b"II*\0" + struct.pack("<I", at) + bytes(64) + directory(entries)
    assert attempt(data)[1] < SECONDS


def test_tiff_pages_that_lie_upon_each_other():
    count, step = 50_000, 12
    data = bytearray(b"II*\0\x08\0\0\0" + bytes(12 * (count + 2000)))
    for page in range(1000):
        struct.pack_into("<H", data, 8 + page * step, count)
        struct.pack_into("<I", data, 10 + page * step + 12 * count, 8 + (page + 1) * step)
    read, seconds = attempt(bytes(data))
    assert not read
    assert seconds < SECONDS


@pytest.mark.parametrize("count", [60_000, 1_000_000])
def test_tiff_of_countless_strips(count):
    at = 72 + 6 + 12 * len(PLAIN)
    shape = [(256, 4, 1, 1), (257, 4, 1, count), *PLAIN[2:5], (273, 4, count, at), PLAIN[6]]
    shape += [(278, 4, 1, 1), (279, 4, count, at + 4 * count)]
    data = b"II*\0" + struct.pack("<I", 72) + bytes(64) + directory(shape)
    data += np.full(count, 8, "<u4").tobytes() + np.ones(count, "<u4").tobytes()
    read, seconds = attempt(data)
    assert read == (count < 1 << 16)
    assert seconds < SECONDS


def test_tags_that_share_their_bytes():
    size = 1_000_000
    entries = [*PLAIN, *[(40_000 + n, 2, size, 16_000) for n in range(1000)]]
    data = b"II*\0" + struct.pack("<I", 72) + bytes(64) + directory(entries) + bytes(size + 5000)
    assert attempt(data)[1] < SECONDS


MEASURE = """
import resource, sys
from imfuse.errors import ImfuseError
from imfuse.io.images import read_image
read_image(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_image(sys.argv[1])
    print("read", end=" ")
except ImfuseError as error:
    print("refused", end=" ")
    assert len(str(error)) < 2000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def measured(folder, data):
    """Read a file in a process of its own; return `read` or `refused`, and megabytes."""
    (folder / "attack").write_bytes(data)
    (folder / "plain.tif").write_bytes(SAMPLES["tiff-exif"].data)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, folder / "attack", folder / "plain.tif"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    result, kilobytes = done.stdout.split()
    return result, int(kilobytes) / 1000


def zeros(megabytes):
    """Return zlib data of so many zeros, at once: Deflate's blocks may be repeated."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + block * megabytes + b"\3\0" + bytes(4)


@pytest.mark.parametrize(("depth", "colour", "size"), [(16, 6, 8), (16, 2, 6), (16, 4, 4)])
def test_png_of_many_bytes_a_pixel_within_the_limit_of_pixels(tmp_path, depth, colour, size):
    pixels = 25_000 * 19_900
    data = png_head(25_000, 19_900, depth=depth, colour=colour)
    body = zeros(pixels * size // (1 << 20) + 1)
    data += png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    assert len(data) < 5_000_000
    result, megabytes = measured(tmp_path, data)
    assert result == "refused"
    assert megabytes < 50


def test_packed_tiff_of_floats_within_the_limit_of_pixels(tmp_path):
    body = zeros(3000)
    tags = [
        (256, 4, 1, 16_000), (257, 4, 1, 16_000), (258, 3, 1, 32), (259, 3, 1, 8), (262, 3, 1, 2),
        (273, 4, 1, 200), (277, 3, 1, 3), (278, 4, 1, 16_000), (279, 4, 1, len(body)),
        (339, 3, 1, 3),
    ]  # fmt: skip
    head = b"II*\0\x08\0\0\0" + directory(tags)
    result, megabytes = measured(tmp_path, head.ljust(200, b"\0") + body)
    assert result == "refused"
    assert megabytes < 50


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt", b"eXIf", b"tEXt"])
def test_png_chunks_that_unpack_to_a_gigabyte(tmp_path, kind):
    plain = encode_image(Picture(pixels=np.zeros((8, 8, 3), np.uint8)), "PNG")
    words = {b"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0", b"eXIf": b"II*\0"}
    content = words.get(kind, b"text\0\0") + zeros(1000)
    result, megabytes = measured(tmp_path, plain[:33] + png_chunk(kind, content) + plain[33:])
    assert result == "read"
    assert megabytes < 120


def text_tag(tag, megabytes, order="<"):
    size = megabytes << 20
    at = 72 + 6 + 12 * (len(PLAIN) + 1)
    entries = sorted([*PLAIN, (tag, 2, size, at)])
    head = {"<": b"II*\0", ">": b"MM\0*"}[order]
    start = head + struct.pack(f"{order}I", 72) + bytes(64)
    if order == ">":  # values of 16 bits lie in the upper half
        entries = [(t, k, n, v << 16 if k == 3 else v) for t, k, n, v in entries]
    return start + directory(entries, order=order) + b"a" * size


@pytest.mark.parametrize("tag", [270, 700, *(pytest.param(tag, marks=SLOW) for tag in RARE)])
@pytest.mark.parametrize("order", ["<", ">"])
def test_large_text_in_a_tag(tmp_path, tag, order):
    result, megabytes = measured(tmp_path, text_tag(tag, 20, order))
    assert result == "read"
    assert megabytes < 5 * 20


@pytest.mark.slow
def test_200_megabytes_of_text(tmp_path):
    result, megabytes = measured(tmp_path, text_tag(270, 200))
    assert result == "read"
    assert megabytes < 700


def test_messages_are_short():
    count = 60_000
    kinds = [
        [*PLAIN[:2], (258, 3, count, 300), *PLAIN[3:6], (277, 3, 1, count), *PLAIN[7:]],
        [*PLAIN[:2], (258, 3, count, 300), *PLAIN[3:], (339, 3, count, 300)],
        [*PLAIN[:3], (259, 3, count, 300), *PLAIN[4:]],
        [*PLAIN[:4], (262, 3, count, 300), *PLAIN[5:]],
        [*PLAIN, (317, 3, count, 300)],
        [*PLAIN, (338, 3, count, 300)],
    ]
    values = np.arange(count, dtype="<u2").tobytes()
    for entries in kinds:
        data = b"II*\0" + struct.pack("<I", 72) + bytes(64) + directory(sorted(entries))
        assert attempt(data.ljust(300, b"\0") + values)[1] < SECONDS
    for kind in (b"\0\1\2\3", b"AB\nC", b"\xff\xfe\xfd\xfc"):
        data = png_head(8, 8) + png_chunk(kind, b"x") + png_chunk(b"IEND", b"")
        assert not attempt(data)[0]
