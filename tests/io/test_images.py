"""Reading and writing: every kind of file against its array, and round trips."""

import io

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from imfuse.errors import OutputError, UsageError
from imfuse.io.images import (
    SUFFIXES,
    can_hold,
    encode_image,
    holds_alpha,
    output_format,
    picture_from_pil,
    picture_to_pil,
    read_image,
    write_image,
)
from imfuse.types import Metadata, Picture

FORMATS = ["PNG", "JPEG", "TIFF", "BMP", "WEBP"]
DEPTHS = [np.uint8, np.uint16, np.float32]


def random_picture(height, width, *, dtype, colour, alpha, seed=0):
    rng = np.random.default_rng(seed)

    def values(*shape):
        if dtype == np.float32:
            return rng.random(shape, dtype=np.float32)
        return rng.integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)

    pixels = values(height, width, 3) if colour else values(height, width)
    return Picture(pixels=pixels, alpha=values(height, width) if alpha else None)


def assert_same(found, expected):
    assert (found is None) == (expected is None)
    if found is not None:
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_every_kind_of_file_gives_its_pixels(sample):
    picture = read_image(sample.data, name="a sample")
    if sample.pixels is not None:
        assert_same(picture.pixels, sample.pixels)
    assert_same(picture.alpha, sample.alpha)
    assert picture.pixels.flags.c_contiguous
    assert picture.pixels.flags.writeable
    assert picture.name == "a sample"


def test_path_bytes_and_suffix_do_not_matter(tmp_path, samples):
    sample = samples["png-rgb16"]
    path = tmp_path / "misnamed.jpg"
    path.write_bytes(sample.data)
    for source in (path, str(path), sample.data):
        picture = read_image(source)
        assert picture.format == "PNG"
        assert_same(picture.pixels, sample.pixels)
    assert read_image(path).name == str(path)
    assert read_image(sample.data).name == "<bytes>"


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    height=st.integers(1, 40), width=st.integers(1, 40), depth=st.sampled_from(DEPTHS),
    colour=st.booleans(), alpha=st.booleans(), seed=st.integers(0, 2**16),
)  # fmt: skip
def test_what_is_written_is_read_again(kind, height, width, depth, colour, alpha, seed):
    picture = random_picture(height, width, dtype=depth, colour=colour, alpha=alpha, seed=seed)
    if not can_hold(kind, depth):
        with pytest.raises(OutputError, match=r"can't hold .* samples.*\.tif"):
            encode_image(picture, kind)
        return
    again = read_image(encode_image(picture, kind))
    assert again.format == kind
    assert_same(again.alpha, picture.alpha if holds_alpha(kind) else None)
    pixels = picture.pixels
    if kind == "WEBP" and not colour:
        pixels = np.repeat(pixels[..., None], 3, axis=2)  # WebP knows no gray
    if kind == "JPEG":
        assert again.pixels.shape == pixels.shape
    else:
        assert_same(again.pixels, pixels)


@pytest.mark.parametrize("kind", FORMATS)
def test_other_programs_read_what_is_written(kind):
    for dtype in DEPTHS:
        for colour in (False, True):
            if not can_hold(kind, dtype):
                continue
            picture = random_picture(9, 7, dtype=dtype, colour=colour, alpha=False)
            data = np.frombuffer(encode_image(picture, kind), np.uint8)
            by_opencv = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            if kind in {"PNG", "TIFF", "BMP"}:
                expected = picture.pixels
                assert_same(by_opencv, expected[..., ::-1] if colour else expected)
            if kind == "TIFF":
                assert_same(tifffile.imread(io.BytesIO(data)), picture.pixels)


def test_gray_with_alpha_is_read_by_pillow():
    picture = random_picture(9, 7, dtype=np.uint8, colour=False, alpha=True)
    for kind in ("PNG", "TIFF"):
        image = Image.open(io.BytesIO(encode_image(picture, kind)))
        assert image.mode == "LA"
        assert_same(np.asarray(image), np.dstack((picture.pixels, picture.alpha)))


def test_jpeg_is_close_and_keeps_full_chroma(samples):
    smooth = cv2.resize(samples["png-rgb8"].pixels, (64, 48), interpolation=cv2.INTER_CUBIC)
    data = encode_image(Picture(pixels=smooth), "JPEG")
    error = np.abs(read_image(data).pixels.astype(int) - smooth)
    assert error.mean() < 1.5, f"mean error {error.mean()}, largest {error.max()}"
    assert Image.open(io.BytesIO(data)).layer[0][1:3] == (1, 1)
    assert len(encode_image(Picture(pixels=smooth), "JPEG", quality=30)) < len(data)


@pytest.mark.parametrize("kind", FORMATS)
def test_same_picture_same_bytes(kind, samples, make_exif, make_profile):
    metadata = Metadata(exif=make_exif(), icc=make_profile(), dpi=(300.0, 300.0))
    picture = Picture(pixels=samples["png-rgb8"].pixels, metadata=metadata)
    assert encode_image(picture, kind) == encode_image(picture, kind)


def test_views_and_foreign_byte_orders_are_written_right():
    base = random_picture(20, 30, dtype=np.uint16, colour=True, alpha=False).pixels
    for view in (base[::2, ::-1], base[..., ::-1], base.astype(">u2")):
        for kind in ("PNG", "TIFF"):
            again = read_image(encode_image(Picture(pixels=view), kind)).pixels
            np.testing.assert_array_equal(again, view)


def test_formats_of_suffixes():
    assert {output_format(f"a{suffix}") for suffix in SUFFIXES} == set(FORMATS)
    assert output_format("A.TIF") == "TIFF"
    for name in ("a.gif", "a", "a.png.bak"):
        with pytest.raises(OutputError, match=r"\.png, \.jpg.*\.webp"):
            output_format(name)
    assert can_hold("PNG", np.uint16)
    assert not can_hold("WEBP", "uint16")
    assert not can_hold("PNG", np.float32)
    assert not can_hold("TIFF", np.float64)
    assert [kind for kind in FORMATS if holds_alpha(kind)] == ["PNG", "TIFF", "WEBP"]


@pytest.mark.parametrize(
    ("pixels", "alpha", "kind", "found"),
    [
        (np.zeros((3, 4, 2), np.uint8), None, "PNG", r"shape \(3, 4, 2\)"),
        (np.zeros((0, 4), np.uint8), None, "PNG", r"shape \(0, 4\)"),
        (np.zeros((3, 4), np.int32), None, "TIFF", "int32"),
        (np.zeros((3, 4), np.uint8), np.zeros((4, 3), np.uint8), "PNG", "alpha of shape"),
        (np.zeros((3, 4), np.uint8), np.zeros((3, 4), np.uint16), "PNG", "type uint16"),
        (np.zeros((1, 16_384), np.uint8), None, "WEBP", "16384x1"),
        (np.zeros((65_501, 1), np.uint8), None, "JPEG", "1x65501"),
        (np.zeros((3, 4), np.uint8), None, "GIF", "unknown format 'GIF'"),
    ],
)
def test_impossible_output_is_refused(pixels, alpha, kind, found):
    with pytest.raises(OutputError, match=found) as caught:
        encode_image(Picture(pixels=pixels, alpha=alpha), kind)
    assert caught.value.remedy


def test_bad_quality_is_a_usage_error():
    picture = random_picture(2, 2, dtype=np.uint8, colour=True, alpha=False)
    with pytest.raises(UsageError, match="quality 0"):
        encode_image(picture, "JPEG", quality=0)


def test_write_image_takes_the_format_from_the_suffix(tmp_path):
    picture = random_picture(6, 5, dtype=np.uint8, colour=True, alpha=True)
    for suffix, kind in SUFFIXES.items():
        path = tmp_path / f"a{suffix.upper()}"
        write_image(path, picture)
        assert read_image(path).format == kind
    with pytest.raises(OutputError, match=r"out\.jpg.*can't hold uint16"):
        write_image(tmp_path / "out.jpg", random_picture(2, 2, dtype=np.uint16, colour=0, alpha=0))
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_pillow_pictures(mode, samples):
    image = Image.fromarray(samples["png-rgb8"].pixels).convert(mode)
    picture = picture_from_pil(image)
    colour = mode not in {"1", "L", "LA"}
    expected = image.convert("RGB" if colour else "L")
    assert_same(picture.pixels, np.asarray(expected))
    assert (picture.alpha is not None) == mode.endswith("A")
    back = picture_to_pil(picture)
    assert_same(np.asarray(back.convert(expected.mode)), picture.pixels)


def test_pillow_pictures_of_more_depth():
    for dtype, mode in ((np.uint16, "I;16"), (np.float32, "F")):
        picture = random_picture(4, 5, dtype=dtype, colour=False, alpha=False)
        image = picture_to_pil(picture)
        assert image.mode == mode
        assert_same(picture_from_pil(image).pixels, picture.pixels)
    with pytest.raises(OutputError, match="no mode for uint16"):
        picture_to_pil(random_picture(4, 5, dtype=np.uint16, colour=True, alpha=False))


def test_pillow_palette_with_transparency(samples):
    for name in ("png-palette8-alpha", "png-palette-gray"):
        image = Image.open(io.BytesIO(samples[name].data))
        assert image.mode == "P"
        picture = picture_from_pil(image)
        assert_same(picture.pixels, samples[name].pixels)
        assert_same(picture.alpha, samples[name].alpha)


def test_what_a_format_can_not_hold_is_noted(tmp_path, make_exif, make_profile):
    picture = random_picture(6, 5, dtype=np.uint8, colour=True, alpha=True)
    assert write_image(tmp_path / "f.png", picture) == ()
    assert write_image(tmp_path / "f.jpg", picture) == (
        f"{tmp_path / 'f.jpg'}: JPEG can't hold transparency; left out",
    )
    metadata = Metadata(exif=make_exif(), icc=make_profile())
    notes = write_image(tmp_path / "f.bmp", Picture(pixels=picture.pixels, metadata=metadata))
    assert [note.split(";")[0].rpartition("can't hold ")[2] for note in notes] == [
        "EXIF data",
        "colour profile",
    ]
    assert write_image(tmp_path / "f.tif", Picture(pixels=picture.pixels, metadata=metadata)) == ()
