"""Kinds of TIFF that common programs write but our other samples lack, put together by hand."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from imfuse.errors import UnreadableImage, UnsupportedImage
from imfuse.io.images import read_image

HEIGHT, WIDTH = 9, 13


def directory_bytes(tags, order):
    """Return a TIFF header and directory; values are `(code, numbers)`."""
    table, values = struct.pack(f"{order}H", len(tags)), b""
    start = 8 + 2 + 12 * len(tags) + 4
    for tag, (code, numbers) in sorted(tags.items()):
        value = struct.pack(f"{order}{len(numbers)}{code}", *numbers)
        kind = {"H": 3, "I": 4}[code]
        table += struct.pack(f"{order}HHI", tag, kind, len(numbers))
        if len(value) <= 4:
            table += value.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}I", start + len(values))
            values += value
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return head + table + bytes(4) + values


def build(strips, *, order="<", **tags):
    """Return a TIFF of one page; tags are given as t256=value or a tuple."""
    numbers = {"t256": WIDTH, "t257": HEIGHT, "t259": 1, "t262": 1, "t277": 1} | tags
    starts = 324 if "t322" in tags else 273
    directory = {
        int(name[1:]): ("H", value if isinstance(value, tuple) else (value,))
        for name, value in numbers.items()
    }
    lengths = [len(strip) for strip in strips]
    if starts == 273:
        directory.setdefault(278, ("H", (HEIGHT,)))
    directory[325 if starts == 324 else 279] = ("I", lengths)
    directory[starts] = ("I", lengths)
    at = len(directory_bytes(directory, order))
    directory[starts] = ("I", np.cumsum([at, *lengths[:-1]]).tolist())
    return directory_bytes(directory, order) + b"".join(strips)


def random(*shape, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("channels", [1, 3])
def test_float_predictor(order, dtype, channels):
    pixels = random(HEIGHT, WIDTH, channels, dtype=dtype)
    size = pixels.itemsize
    octets = pixels.astype(f">{dtype}").view(np.uint8).reshape(HEIGHT, -1, size)
    planes = octets.transpose(0, 2, 1).reshape(HEIGHT, WIDTH * size, channels)
    packed = np.diff(planes, axis=1, prepend=np.zeros((HEIGHT, 1, channels), np.uint8))
    options = {"t262": 2 if channels == 3 else 1, "t277": channels, "t317": 3, "t259": 8}
    options |= {"t258": (8 * size,) * channels, "t339": (3,) * channels}
    picture = read_image(build([zlib.compress(packed.tobytes())], order=order, **options))
    np.testing.assert_array_equal(picture.pixels, np.squeeze(pixels.astype(np.float32)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_integer_predictor_in_several_strips(order, dtype):
    pixels = random(HEIGHT, WIDTH, 3, dtype=dtype)
    packed = np.diff(pixels, axis=1, prepend=np.zeros((HEIGHT, 1, 3), dtype)).astype(order + dtype)
    strips = [zlib.compress(packed[y : y + 4].tobytes()) for y in range(0, HEIGHT, 4)]
    bits = (8 * pixels.itemsize,) * 3
    data = build(strips, order=order, t258=bits, t259=8, t262=2, t277=3, t278=4, t317=2)
    np.testing.assert_array_equal(read_image(data).pixels, pixels)


def test_separate_planes_in_tiles():
    pixels = random(HEIGHT, WIDTH, 3)
    padded = np.pad(pixels, ((0, 16 - HEIGHT), (0, 16 - WIDTH), (0, 0)), mode="edge")
    tiles = [
        padded[y : y + 8, x : x + 8, plane].tobytes()
        for plane in range(3) for y in (0, 8) for x in (0, 8)
    ]  # fmt: skip
    data = build(tiles, t258=(8, 8, 8), t262=2, t277=3, t284=2, t322=8, t323=8)
    np.testing.assert_array_equal(read_image(data).pixels, pixels)
    with pytest.raises(UnreadableImage, match="11 of 12 strips"):
        read_image(build(tiles[:-1], t258=(8, 8, 8), t262=2, t277=3, t284=2, t322=8, t323=8))


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("kind", ["gray", "white is zero", "palette"])
@pytest.mark.parametrize("reversed_bits", [False, True])
def test_less_than_eight_bits(bits, kind, reversed_bits):
    index = random(HEIGHT, WIDTH) >> (8 - bits)
    places = (index[..., None] >> np.arange(bits)[::-1]) & 1
    packed = np.packbits(places.reshape(HEIGHT, -1), axis=1)
    if reversed_bits:
        packed = np.packbits(np.unpackbits(packed, bitorder="little"))
    options = {"t258": bits, "t266": 2 if reversed_bits else 1}
    expected = index * np.uint8(255 // (2**bits - 1))
    if kind == "white is zero":
        options["t262"], expected = 0, 255 - expected
    elif kind == "palette":
        table = random(3, 2**bits, dtype=np.uint16)
        options |= {"t262": 3, "t320": tuple(table.ravel().tolist())}
        expected = (table >> 8).astype(np.uint8).T[index]
    np.testing.assert_array_equal(read_image(build([packed.tobytes()], **options)).pixels, expected)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_colours_multiplied_with_alpha_are_divided_again(dtype):
    alpha = random(HEIGHT, WIDTH, dtype=dtype)
    alpha[0, :3] = 0
    top = 1.0 if dtype == "f4" else np.iinfo(dtype).max
    straight = random(HEIGHT, WIDTH, 3, dtype=dtype, seed=1)
    colours = straight * (alpha[..., None] / top)
    colours = colours.astype(dtype) if dtype == "f4" else np.rint(colours).astype(dtype)
    samples = np.dstack((colours, alpha))
    kind = {"t339": (3,) * 4} if dtype == "f4" else {}
    bits = (8 * alpha.itemsize,) * 4
    data = build([samples.tobytes()], t258=bits, t262=2, t277=4, t338=1, **kind)
    picture = read_image(data)
    np.testing.assert_array_equal(picture.alpha, alpha)
    strong = alpha > top / 4  # half a step of rounding becomes at most two
    error = np.abs(picture.pixels[strong].astype(float) - straight[strong])
    assert error.max() <= (1e-6 if dtype == "f4" else 2)
    assert "multiplied by alpha" in picture.notes[0]
    straight_data = build([samples.tobytes()], t258=bits, t262=2, t277=4, t338=2, **kind)
    np.testing.assert_array_equal(read_image(straight_data).pixels, colours)


def test_channels_of_unknown_meaning_are_left_out():
    samples = random(HEIGHT, WIDTH, 5)
    for extra, alpha in (((0, 0), None), ((0, 2), 4), ((2, 0), 3)):
        data = build([samples.tobytes()], t258=(8,) * 5, t262=2, t277=5, t338=extra)
        picture = read_image(data)
        np.testing.assert_array_equal(picture.pixels, samples[..., :3])
        if alpha is None:
            assert picture.alpha is None
            assert "2 channel(s)" in picture.notes[0]
        else:
            np.testing.assert_array_equal(picture.alpha, samples[..., alpha])


def test_white_is_zero_in_16_bits():
    pixels = random(HEIGHT, WIDTH, dtype="u2")
    data = build([pixels.tobytes()], t258=16, t262=0)
    np.testing.assert_array_equal(read_image(data).pixels, 65535 - pixels)


def test_cmyk_of_16_bits():
    samples = random(HEIGHT, WIDTH, 4, dtype="u2").astype(np.int64)
    data = build([samples.astype("<u2").tobytes()], t258=(16,) * 4, t262=5, t277=4)
    expected = (65535.0 - samples[..., :3]) * (65535.0 - samples[..., 3:]) / 65535
    assert np.abs(read_image(data).pixels - expected).max() <= 0.5


@pytest.mark.parametrize("compression", [5, 8, 32773, 32946])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_compressions_agree_with_libtiff(compression, dtype):
    pixels = cv2.resize(random(6, 6, dtype=dtype), (150, 120), interpolation=cv2.INTER_NEAREST)
    options = (cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 50)
    written, data = cv2.imencode(".tiff", pixels, options)
    assert written
    np.testing.assert_array_equal(read_image(data.tobytes()).pixels, pixels)


def test_a_strip_without_its_size():
    pixels = random(HEIGHT, WIDTH)
    data = bytearray(build([pixels.tobytes()], t258=8))
    at = data.index(struct.pack("<HH", 279, 4))
    struct.pack_into("<H", data, at, 280)  # another tag, which says nothing
    np.testing.assert_array_equal(read_image(bytes(data)).pixels, pixels)


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({"t259": 34712}, "compression 34712"),
        ({"t317": 34892, "t259": 1}, "predictor 34892"),
        ({"t258": (8, 16), "t277": 2}, "different depths"),
        ({"t258": 12}, "12 bits"),
        ({"t262": 32803}, "raw sensor"),
    ],
)
def test_kinds_that_are_not_read(tags, found):
    data = build([bytes(HEIGHT * WIDTH * 3)], **({"t258": 8} | tags))
    with pytest.raises(UnsupportedImage, match=found) as caught:
        read_image(data)
    assert caught.value.remedy
