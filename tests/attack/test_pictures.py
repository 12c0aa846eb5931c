"""Picture files that are made to take time or memory: all are bounded before any work."""

import io
import resource
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from imfuse.errors import ImfuseError
from imfuse.io.images import read_image
from imfuse.types import Picture
from reference.picture_files import SAMPLES


def jpeg_with_exif(block):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG", exif=b"Exif\0\0" + block)
    return buffer.getvalue()


def tiff_with_directory(entries, tail=b""):
    """Return an 8x8 gray TIFF with further entries `(tag, kind, count, value)`."""
    base = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    rest = [(273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, 8), (279, 4, 1, 64)]
    directory = [*base, *rest, *entries]
    at = 72
    body = struct.pack("<2sHI", b"II", 42, at) + bytes(64) + struct.pack("<H", len(directory))
    body += b"".join(struct.pack("<HHII", *one) for one in directory) + bytes(4)
    return body + tail


def looped_exif(count):
    """Return an EXIF block whose entries all point at the same directory of many entries."""
    entries = b"".join(struct.pack("<HHII", 34665, 4, 1, 8) for _ in range(count))
    return struct.pack("<2sHIH", b"II", 42, 8, count) + entries + bytes(4)


def staggered_exif(count):
    """Return an EXIF block whose entries point at directories that overlap one another."""
    inner = 8 + 2 + 12 * count + 4
    entries = b"".join(
        struct.pack("<HHII", 34665, 4, 1, inner + 2 * (index % 500)) for index in range(count)
    )
    filler = struct.pack("<H", 2000) * (12 * 1000)
    return struct.pack("<2sHIH", b"II", 42, 8, count) + entries + bytes(4) + filler


@pytest.mark.parametrize("block", [looped_exif(5000), staggered_exif(2500)])
def test_exif_pointers_are_walked_once(block):
    started = time.process_time()
    picture = read_image(jpeg_with_exif(block[:65_000]))
    tiff = tiff_with_directory([(34665, 4, 1, 72)] * 4000)
    with_tiff = read_image(tiff)
    assert time.process_time() - started < 2
    assert picture.size == (16, 16)
    assert with_tiff.size == (8, 8)


MEASURE = """
import resource, sys
from imfuse.errors import ImfuseError
from imfuse.io.images import read_image
import numpy, cv2, PIL.Image, tifffile
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_image(sys.argv[1])
    print("read")
except ImfuseError as error:
    print(type(error).__name__, len(str(error)))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def measured(path):
    """Return what reading a file came to, and the memory that it took, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, path],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == ""
    outcome, memory = done.stdout.splitlines()
    return outcome, int(memory)


def big_png(rows, height=16_000, width=30_000, depth=8, colour=2):
    """Return a PNG that announces many pixels, of which few rows are there."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = bytes(1 + width * channels * depth // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux tells it")
@pytest.mark.parametrize("depth", [8, pytest.param(16, marks=pytest.mark.slow)])
def test_a_png_without_its_last_rows_is_refused_before_memory_is_taken(tmp_path, depth):
    path = tmp_path / "bomb.png"
    content = big_png(15_990, depth=depth)
    path.write_bytes(content)
    assert len(content) < 8_000_000
    outcome, memory = measured(path)
    assert outcome.startswith("UnreadableImage")
    assert memory < 100_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux tells it")
def test_a_long_text_tag_is_not_copied(tmp_path):
    length = 60 << 20
    path = tmp_path / "text.tif"
    at = 72 + 2 + 10 * 12 + 4
    path.write_bytes(tiff_with_directory([(270, 2, length, at)], b"a" * (length - 1) + b"\0"))
    outcome, memory = measured(path)
    assert outcome == "read"
    assert memory < 2.5 * length  # the file itself is one of these


def mutations(rng, data, count):
    """Yield damaged copies: bits, runs, lengths, cuts, and parts of the file in other places."""
    for _ in range(count):
        copy = bytearray(data)
        for _ in range(int(rng.integers(1, 5))):
            at = int(rng.integers(len(copy)))
            match int(rng.integers(6)):
                case 0:
                    copy[at] ^= 1 << int(rng.integers(8))
                case 1:
                    copy[at : at + 4] = rng.bytes(4)
                case 2:
                    copy[at : at + 4] = struct.pack(">I", int(rng.choice([0, 1, 2**31, 2**32 - 1])))
                case 3:
                    del copy[at : at + int(rng.integers(1, 40))]
                case 4:
                    other = int(rng.integers(len(copy)))
                    copy[at:at] = copy[other : other + int(rng.integers(1, 60))]
                case _:
                    del copy[max(12, at) :]
        yield bytes(copy)


def read(data):
    try:
        return read_image(data, max_pixels=1_000_000)
    except ImfuseError as error:
        return error


def attack(rng, count, capfd):
    slowest = 0.0
    for _, sample in sorted(SAMPLES.items()):
        for damaged in mutations(rng, sample.data, count):
            started = time.process_time()
            outcome = read(damaged)
            assert isinstance(outcome, Picture) or len(str(outcome)) < 2000
            assert isinstance(outcome, ImfuseError) or np.isfinite(outcome.pixels).all()
            slowest = max(slowest, time.process_time() - started)
    assert slowest < 2
    return capfd.readouterr().err


def test_damaged_files_end_in_a_picture_or_a_named_error(capfd):
    attack(np.random.default_rng(1), 12, capfd)


@pytest.mark.slow
def test_many_damaged_files_end_in_a_picture_or_a_named_error(capfd):
    attack(np.random.default_rng(2), 600, capfd)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4_000_000
