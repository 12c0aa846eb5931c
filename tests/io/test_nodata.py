"""Pixels without data, integers with a sign, and what both become."""

import io

import numpy as np
import pytest
import tifffile

import imfuse
from imfuse.errors import BadValues
from imfuse.io.images import read_image
from imfuse.io.inputs import as_picture


def tiff(pixels, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric="minisblack", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["i2", "i4", "u4", "u2", "f4"])
def test_measurements_keep_their_values_and_either_byte_order(dtype, order):
    pixels = np.array([[-250, 3, 365], [12, 0, 1]], "i4").clip(
        np.iinfo("u2").min if dtype[0] == "u" else -250
    )
    picture = read_image(tiff(pixels.astype(order + dtype), byteorder=order))
    assert picture.pixels.dtype == np.dtype(dtype)
    assert picture.pixels.dtype.isnative
    assert np.array_equal(picture.pixels, pixels)
    assert picture.nodata is None
    array = as_picture(pixels.astype(order + dtype), "infrared", 100)
    assert array.pixels.dtype.isnative
    assert np.array_equal(array.pixels, pixels)


@pytest.mark.parametrize(
    ("dtype", "mark", "tag"),
    [
        ("f4", np.nan, None),
        ("f4", np.inf, None),
        ("f8", -1.7e308, None),
        ("f4", -9999, None),
        ("f4", -273.15, None),
        ("f4", -3.4028235e38, None),
        ("i2", -32768, None),
        ("i2", -9999, None),
        ("i4", -9999, None),
        ("f4", 7, "7"),
        ("u1", 0, "0"),
        ("u2", 65535, "65535"),
        ("f4", np.nan, "nan"),
    ],
)
def test_pixels_without_data_are_marked(dtype, mark, tag):
    pixels = np.arange(20, 44).reshape(4, 6).astype(dtype)
    hole = np.zeros(pixels.shape, bool)
    hole[1, 2:5] = True
    pixels[hole] = mark
    tags = [] if tag is None else [(42113, "s", 0, tag, True)]
    picture = read_image(tiff(pixels, extratags=tags))
    assert np.array_equal(picture.nodata, hole)
    assert np.array_equal(picture.pixels[~hole], pixels[~hole])
    assert np.all(picture.pixels[hole] == pixels[~hole].min())
    if tag is None:
        array = as_picture(pixels, "infrared", 100)
        assert np.array_equal(array.nodata, hole)


def test_values_below_zero_are_data():
    """Hounsfield units reach -1024, and winters -40 degrees."""
    for values in ([-1024, -1000, 3000], [-40, -39.5, 12], [-273.14, -200, 0]):
        assert read_image(tiff(np.array([values], "f4"))).nodata is None


def test_the_mask_turns_with_the_picture():
    pixels = np.arange(6, dtype=np.float32).reshape(2, 3)
    pixels[0, 0] = np.nan
    picture = read_image(tiff(pixels, extratags=[(274, "H", 1, 6, True)]))
    assert picture.nodata.tolist() == [[False, True], [False, False], [False, False]]


def test_colour_pixels_with_a_missing_channel_are_missing():
    array = np.full((3, 4, 3), 0.5, np.float32)
    array[1, 2, 1] = np.nan
    picture = as_picture(array, "visible", 100)
    assert np.argwhere(picture.nodata).tolist() == [[1, 2]]
    with pytest.raises(BadValues, match="1 pixels of the visible picture have no value"):
        imfuse.fuse(np.zeros((3, 4), np.uint8), array)


def test_degrees_with_holes_are_fused_with_the_visible_picture_in_the_holes(tmp_path):
    degrees = np.linspace(18, 36, 30 * 40, dtype=np.float32).reshape(30, 40)
    degrees[5:9, 5:9] = -9999
    vis = np.full((30, 40), 40, np.uint8)
    (tmp_path / "ir.tif").write_bytes(tiff(degrees))
    imfuse.write_image(tmp_path / "vis.png", imfuse.Picture(pixels=vis))
    with pytest.warns(imfuse.ImfuseWarning, match="16 of 1,200 pixels have no data"):
        fused = imfuse.fuse(tmp_path / "ir.tif", tmp_path / "vis.png", "max", ir_range="18:36")
    expected = np.maximum(40, np.rint((degrees - 18) / 18 * 255))
    expected[5:9, 5:9] = 40
    assert np.abs(fused.pixels - expected).max() <= 1
