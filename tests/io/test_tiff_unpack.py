"""Packed TIFF strips against libtiff, which packs and unpacks them independently."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from imfuse.errors import ImfuseError, UnreadableImage, UnsupportedImage
from imfuse.io.formats import fax, lzw
from imfuse.io.images import read_image

FAX = ["tiff_ccitt", "group3", "group4"]


def pil(array, compression, mode=None, **tags):
    buffer = io.BytesIO()
    image = Image.fromarray(array)
    image = image.convert(mode) if mode else image
    image.save(buffer, "TIFF", compression=compression, tiffinfo=tags.pop("tiffinfo", {}))
    return buffer.getvalue()


def unpacked(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return np.asarray(image.convert("RGB") if image.mode in {"CMYK", "YCbCr"} else image)


def bilevel(seed, shape):
    """Draw black and white pictures from noise to large areas."""
    rng = np.random.default_rng(seed)
    values = rng.random(shape).astype(np.float32)
    blurred = cv2.GaussianBlur(values, (0, 0), 0.01 + seed % 5)
    return blurred > np.quantile(blurred, rng.uniform(0.05, 0.95))


@pytest.mark.parametrize("method", FAX)
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (40, 61), (7, 5300), (300, 2)])
@pytest.mark.parametrize("seed", range(5))
def test_fax(method, shape, seed):
    pixels = bilevel(seed, shape)
    data = pil(pixels, method)
    np.testing.assert_array_equal(read_image(data).pixels, pixels * np.uint8(255))


@pytest.mark.parametrize("method", FAX)
@pytest.mark.parametrize("value", [False, True])
def test_fax_of_one_colour(method, value):
    pixels = np.full((9, 3000), value)
    np.testing.assert_array_equal(read_image(pil(pixels, method)).pixels, pixels * np.uint8(255))


def test_fax_with_rows_that_need_the_one_above():
    pixels = bilevel(2, (50, 90))
    data = pil(pixels, "group3", tiffinfo={292: 1})
    np.testing.assert_array_equal(unpacked(data), pixels)
    np.testing.assert_array_equal(read_image(data).pixels, pixels * np.uint8(255))


def strips(data):
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        return zip(page.dataoffsets, page.databytecounts, strict=True)


@pytest.mark.parametrize("method", FAX)
def test_damaged_fax_is_refused_or_another_valid_picture(method, capfd):
    """Fax has no checksum; what can't be read as codes that fill each row is refused."""
    data = pil(bilevel(3, (60, 80)), method)
    start, size = next(iter(strips(data)))
    refused = 0
    for bit in range(8 * start, 8 * (start + size), 3):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        try:
            read_image(bytes(damaged))
        except UnreadableImage:
            refused += 1
    assert refused > size * 8 / 3 * 0.8
    assert not capfd.readouterr().err
    half = size // 2
    damaged = data[: start + half] + bytes(size - half) + data[start + size :]
    with pytest.raises(UnreadableImage, match="corrupt|truncated"):
        read_image(damaged)


@pytest.mark.parametrize("method", ["zstd", "lzma", "tiff_lzw", "jpeg"])
def test_damaged_strips_are_named_and_nothing_is_printed(method, capfd):
    pixels = (np.indices((40, 56)).sum(0) * 3 % 256).astype(np.uint8)
    data = pil(pixels, method)
    start, size = next(iter(strips(data)))
    refused = 0
    for place in range(start, start + size):
        damaged = bytearray(data)
        damaged[place] ^= 0x55
        try:
            read_image(bytes(damaged))
        except ImfuseError:
            refused += 1
    assert refused > 0
    with pytest.raises(UnreadableImage):
        read_image(data[: start + size // 2] + bytes(size - size // 2) + data[start + size :])
    assert capfd.readouterr() == ("", "")


def test_fax_codes_that_do_not_exist():
    for data in (b"", b"\0", b"\0\0\0\0", b"\2\0\0"):
        with pytest.raises(ValueError, match="code|row"):
            fax.unpack(data, 20, 3, 4, 0)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("kind", ["noise", "flat", "smooth"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (70, 90), (301, 500, 3)])
def test_lzw(dtype, kind, shape):
    rng = np.random.default_rng(0)
    values = {
        "noise": lambda: rng.random(shape),
        "flat": lambda: np.full(shape, 0.5),
        "smooth": lambda: np.add.outer(np.arange(shape[0]), np.arange(shape[1]))
        .reshape(*shape[:2], *[1] * (len(shape) - 2)).repeat(shape[2] if shape[2:] else 1, axis=-1)
        / 1000,
    }[kind]().reshape(shape)  # fmt: skip
    pixels = (values * (1 if dtype == "f4" else np.iinfo(dtype).max)).astype(dtype)
    stored = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    for rows in (1, 64, 10_000):
        options = (cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_ROWSPERSTRIP, rows)
        data = cv2.imencode(".tiff", stored, options)[1].tobytes()
        np.testing.assert_array_equal(read_image(data).pixels, pixels)


def code_stream(*codes):
    """Pack LZW codes as a writer would, given (code, bits)."""
    text = "".join(f"{code:0{bits}b}" for code, bits in codes)
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")


@pytest.mark.parametrize(
    ("codes", "size", "found"),
    [
        ([(256, 9), (300, 9)], 1, "not in the table"),
        ([(256, 9), (65, 9), (260, 9)], 9, "not in the table"),
        ([(256, 9), (65, 9), (257, 9)], 2, "1 bytes too early"),
        ([(256, 9), (65, 9)], 5, "too early"),
        ([(256, 9)] * 5000, 5, "cleared too often"),
        ([(256, 9)], 1, "too early"),
    ],
)
def test_lzw_that_is_refused(codes, size, found):
    with pytest.raises(ValueError, match=found):
        lzw.check(code_stream(*codes), size)


def test_lzw_code_for_what_is_just_being_read():
    lzw.check(code_stream((256, 9), (65, 9), (258, 9), (257, 9)), 3)  # A, then AA


@pytest.mark.parametrize("mode", ["L", "RGB", "YCbCr"])
@pytest.mark.parametrize("shape", [(11, 14), (200, 333)])
def test_jpeg(mode, shape):
    rng = np.random.default_rng(1)
    pixels = cv2.resize(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8), shape[::-1])
    data = pil(pixels, "jpeg", mode)
    expected = unpacked(data)
    found = read_image(data).pixels
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 2
    assert np.abs(found.astype(int) - (pixels if mode != "L" else expected)).mean() < 8


def test_jpeg_of_inks_is_refused():
    with pytest.raises(UnsupportedImage, match="JPEG of 4 channels"):
        read_image(pil(np.zeros((9, 9, 3), np.uint8), "jpeg", "CMYK"))


@pytest.mark.parametrize("method", ["packbits", "lzma", "zstd"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_other_methods(method, dtype):
    pixels = np.repeat(np.random.default_rng(2).integers(0, 255, (20, 30)), 3, axis=1)
    pixels = pixels.astype(dtype)
    data = pil(pixels, method)
    np.testing.assert_array_equal(read_image(data).pixels, pixels)
