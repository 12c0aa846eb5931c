"""Measurements: signed and 32-bit integers keep their values, and holes are marked and filled."""

import io

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from imfuse.errors import BadValues, OutputError, UnsupportedImage
from imfuse.io.images import encode_image, picture_from_pil, read_image
from imfuse.io.inputs import as_picture
from imfuse.types import Picture

HEIGHT, WIDTH = 5, 7


def tiff(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, photometric="minisblack", **options)
    return buffer.getvalue()


def ramp(dtype):
    ends = (0.0, 1.0) if np.dtype(dtype).kind == "f" else (max(np.iinfo(dtype).min, -9000), 9000)
    return np.linspace(*ends, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(dtype)


@pytest.mark.parametrize("dtype", ["i2", "i4", "u4"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "predictor": True}])
def test_integers_of_any_kind_and_byte_order(dtype, order, options):
    pixels = ramp(dtype)
    picture = read_image(tiff(pixels.astype(order + dtype), byteorder=order, **options))
    assert picture.pixels.dtype == np.dtype(dtype)
    assert picture.pixels.dtype.isnative
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.nodata is None
    with pytest.raises(OutputError, match=f"can't hold {np.dtype(dtype)}"):
        encode_image(picture, "TIFF")


def test_white_is_zero_does_not_turn_measurements():
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, ramp("i2"), photometric="miniswhite")
    np.testing.assert_array_equal(read_image(buffer.getvalue()).pixels, ramp("i2"))


def test_white_is_zero_leaves_floats_as_stored():
    """Floats may be degrees, which have no white to be subtracted from."""
    degrees = np.linspace(20, 34, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.float32)
    degrees[1, 2] = 7
    buffer = io.BytesIO()
    tag = (42113, 2, 2, "7", True)
    tifffile.imwrite(buffer, degrees, photometric="miniswhite", extratags=[tag])
    picture = read_image(buffer.getvalue())
    check_holes(picture, degrees, degrees == 7)
    assert any("declares that 0 is white" in note for note in picture.notes)


def test_measurements_in_colour_are_refused():
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((4, 5, 3), np.int16), photometric="rgb")
    with pytest.raises(UnsupportedImage, match="3 channels of signed"):
        read_image(buffer.getvalue())
    with pytest.raises(UnsupportedImage, match="int16 in 3 channels"):
        as_picture(np.zeros((4, 5, 3), np.int16), "infrared", 100)


@pytest.mark.parametrize("dtype", ["i2", "i4", "u4", "f4", "u2"])
@pytest.mark.parametrize("kind", ["array", "big-endian array", "tensor"])
def test_arrays_and_tensors(dtype, kind):
    pixels = ramp(dtype)
    value = {"array": pixels, "big-endian array": pixels.astype(f">{dtype}")}.get(kind)
    picture = as_picture(torch.from_numpy(pixels) if value is None else value, "infrared", 100)
    assert picture.pixels.dtype == np.dtype(dtype)
    assert picture.pixels.dtype.isnative
    np.testing.assert_array_equal(picture.pixels, pixels)


@pytest.mark.parametrize("dtype", ["i8", "u8", "i1", "?", "c8"])
def test_arrays_of_other_types_are_refused_with_a_remedy(dtype):
    with pytest.raises(UnsupportedImage, match="int32") as caught:
        as_picture(np.zeros((4, 5), dtype), "infrared", 100)
    assert "astype" in caught.value.remedy


def check_holes(picture, pixels, holes):
    np.testing.assert_array_equal(picture.nodata, holes)
    np.testing.assert_array_equal(picture.pixels[~holes], pixels[~holes].astype(np.float32))
    assert (picture.pixels[holes] == pixels[~holes].min()).all()
    assert np.isfinite(picture.pixels).all()
    count = int(holes.sum())
    assert int(picture.nodata.sum()) == count


@pytest.mark.parametrize(
    "mark",
    [np.nan, np.inf, -np.inf, -9999, -32768, -273.15, np.finfo("f4").min, -999, 1e300, -1e300],
)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_marks_among_floats(mark, dtype):
    pixels = np.linspace(-40, 60, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype("f4").astype(dtype)
    with np.errstate(over="ignore"):
        pixels[1, 2] = pixels[4, 6] = np.asarray(mark).astype(dtype)
    holes = np.zeros((HEIGHT, WIDTH), bool)
    holes[1, 2] = holes[4, 6] = True
    check_holes(read_image(tiff(pixels)), pixels, holes)
    before = pixels.copy()
    check_holes(as_picture(pixels, "infrared", 100), pixels, holes)
    np.testing.assert_array_equal(pixels, before)  # the caller's array stays as it is
    check_holes(as_picture(torch.from_numpy(pixels), "infrared", 100), pixels, holes)


NETCDF, LARGEST = 9.969209968386869e36, float(np.finfo("f4").max)


@pytest.mark.parametrize(
    ("mark", "dtype", "ends"),
    [
        (-(2**31), "i4", (180, 345)),
        (2**31 - 1, "i4", (180, 345)),
        (2**32 - 1, "u4", (180, 345)),
        (9999, "f4", (20, 34)),
        (9999, "i2", (20, 1500)),
        (1e20, "f4", (20, 34)),
        (NETCDF, "f4", (20, 34)),
        (LARGEST, "f4", (20, 34)),
        (0, "f4", (290, 307)),
        (0, "u4", (290, 1400)),
    ],
)
def test_marks_far_from_all_other_values(mark, dtype, ends):
    pixels = np.linspace(*ends, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(dtype)
    pixels[1, 2] = pixels[4, 6] = mark
    for source in (tiff(pixels), pixels):
        check_holes(as_picture(source, "infrared", 100), pixels, pixels == np.asarray(mark, dtype))


def test_several_marks_and_nan_in_one_picture():
    pixels = np.linspace(290, 307, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.float32)
    pixels[0, :4] = np.nan, -9999, 0, 9999
    check_holes(read_image(tiff(pixels)), pixels, ~(pixels > 200) | (pixels == 9999))


@pytest.mark.parametrize(
    ("value", "dtype", "ends"),
    [
        (9999, "f4", (3000, 9000)),
        (9999, "u2", (20, 34)),
        (9998, "f4", (20, 34)),
        (0, "f4", (100, 307)),
        (0, "f4", (290, 9000)),
        (0, "u2", (290, 307)),
        (0, "f4", (0, 1)),
        (32767, "i2", (200, 340)),
    ],
)
def test_values_that_may_be_meant(value, dtype, ends):
    pixels = np.linspace(*ends, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(dtype)
    pixels[1, 2] = value
    assert read_image(tiff(pixels)).nodata is None


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4"])
def test_masked_arrays(dtype):
    pixels = np.linspace(20, 200, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(dtype)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[1:3, 2:5] = True
    check_holes(as_picture(np.ma.array(pixels, mask=mask), "infrared", 100), pixels, mask)
    assert as_picture(np.ma.array(pixels), "infrared", 100).nodata is None
    with pytest.raises(BadValues, match="no pixel has a value"):
        as_picture(np.ma.array(pixels, mask=True), "infrared", 100)
    with pytest.raises(BadValues, match="6 pixels of the visible picture are masked") as caught:
        as_picture(np.ma.array(pixels, mask=mask), "visible", 100)
    assert "filled" in caught.value.remedy


def test_values_under_a_mask_are_not_looked_at():
    pixels = np.linspace(20, 34, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.float32)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[0] = True
    pixels[0] = np.arange(-1000, -1000 + WIDTH)
    pixels[2, 2] = -999
    holes = mask | (pixels == -999)
    check_holes(as_picture(np.ma.array(pixels, mask=mask), "infrared", 100), pixels, holes)


def test_a_mask_in_one_channel_counts_for_the_pixel():
    colours = np.full((3, 4, 3), 90, np.uint8)
    mask = np.zeros(colours.shape, bool)
    mask[1, 2, 0] = True
    picture = as_picture(np.ma.array(colours, mask=mask), "infrared", 100)
    np.testing.assert_array_equal(picture.nodata, mask.any(axis=2))


def test_marks_in_pillow_pictures():
    pixels = np.array([[1.0, np.nan, 3.0]], np.float32)
    check_holes(picture_from_pil(Image.fromarray(pixels)), pixels, np.isnan(pixels))


@pytest.mark.parametrize(("mark", "dtype"), [(-9999, "i2"), (-32768, "i2"), (-9999, "i4")])
def test_marks_among_integers(mark, dtype):
    pixels = ramp(dtype) // 10
    pixels[0, 3] = mark
    check_holes(read_image(tiff(pixels)), pixels, pixels == mark)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "u4", "f4"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_gdals_tag(dtype, order):
    pixels = ramp("u1").astype(dtype) + np.asarray(1, dtype)
    pixels[2, 2:5] = 0
    tag = (42113, 2, 2, "0", True)
    data = tiff(pixels.astype(order + dtype), byteorder=order, extratags=[tag])
    check_holes(read_image(data), pixels, pixels == 0)
    assert read_image(tiff(pixels)).nodata is None


@pytest.mark.parametrize("text", ["nan", "no number", "1e400", "0.5"])
def test_gdals_tag_that_names_no_value_of_the_picture(text):
    tag = (42113, 2, len(text) + 1, text, True)
    assert read_image(tiff(ramp("u1"), extratags=[tag])).nodata is None


def test_gdals_tag_means_stored_values():
    """Where white is zero pixels are turned, and in a palette they are colours."""
    tag = (42113, 2, 2, "7", True)
    for dtype, top in (("u1", 255), ("u2", 65535)):
        stored = np.array([[7, 8, 9]], dtype)
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, stored, photometric="miniswhite", extratags=[tag])
        picture = read_image(buffer.getvalue())
        np.testing.assert_array_equal(picture.nodata, [[True, False, False]])
        np.testing.assert_array_equal(picture.pixels, [[top - 9, top - 8, top - 9]])
    buffer = io.BytesIO()
    grays = np.tile(np.arange(256, dtype=np.uint16)[::-1] * 257, (3, 1))
    options = {"photometric": "palette", "colormap": grays}
    tifffile.imwrite(buffer, np.array([[248, 7]], np.uint8), extratags=[tag], **options)
    picture = read_image(buffer.getvalue())
    np.testing.assert_array_equal(picture.pixels, [[7, 248]])
    assert picture.nodata is None


def test_many_values_below_absolute_zero_are_measurements():
    """A CT in Hounsfield units begins at -1024."""
    pixels = np.linspace(-1024, 3000, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.float32)
    picture = read_image(tiff(pixels))
    assert picture.nodata is None
    np.testing.assert_array_equal(picture.pixels, pixels)
    pixels[0, 0] = -9999  # now that is what the others are blended with
    np.testing.assert_array_equal(read_image(tiff(pixels)).nodata, pixels < -273.15)


def test_colours_without_a_value():
    pixels = np.full((3, 4, 3), 0.5, np.float32)
    pixels[1, 2, 0] = np.nan
    picture = read_image(encode_image(Picture(pixels=pixels), "TIFF"))
    expected = np.zeros((3, 4), bool)
    expected[1, 2] = True
    np.testing.assert_array_equal(picture.nodata, expected)
    assert (picture.pixels == 0.5).all()
    negative = np.full((3, 4, 3), -9999, np.float32)
    assert read_image(encode_image(Picture(pixels=negative), "TIFF")).nodata is None


def test_holes_are_turned_with_the_picture():
    pixels = ramp("f4")
    pixels[0, 1] = np.nan
    data = bytearray(tiff(pixels, extratags=[(274, 3, 1, 6, True)]))
    picture = read_image(bytes(data))
    assert picture.size == (WIDTH, HEIGHT)
    np.testing.assert_array_equal(picture.nodata, np.rot90(np.isnan(pixels), -1))


def test_alpha_without_a_value_is_transparent():
    pixels, alpha = np.full((2, 3), 0.25, np.float32), np.ones((2, 3), np.float32)
    alpha[1, 1] = np.nan
    picture = read_image(encode_image(Picture(pixels=pixels, alpha=alpha), "TIFF"))
    assert picture.nodata.sum() == 1
    assert picture.nodata[1, 1]
    assert picture.alpha[1, 1] == 0


@pytest.mark.parametrize("dtype", ["f4", "i2"])
def test_a_picture_of_nothing_but_marks(dtype):
    with pytest.raises(BadValues, match="no pixel has a value"):
        read_image(tiff(np.full((3, 4), -9999, dtype)))
    with pytest.raises(BadValues, match="<infrared array>: no pixel has a value"):
        as_picture(np.full((3, 4), -9999, dtype), "infrared", 100)
