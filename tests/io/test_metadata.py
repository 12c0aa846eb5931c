"""EXIF, colour profile, resolution and orientation: read, carried, written, read again."""

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

from imfuse.io.formats import exif
from imfuse.io.formats.exif import INCH, tidy_dpi
from imfuse.io.images import encode_image, picture_from_pil, picture_to_pil, read_image
from imfuse.types import Metadata, Picture

CARRIERS = ["PNG", "JPEG", "TIFF", "WEBP"]


def as_pillow(block):
    found = Image.Exif()
    found.load(b"Exif\0\0" + block)
    return found


@pytest.fixture
def metadata(make_exif, make_profile):
    return Metadata(exif=exif.tidy(make_exif()).block, icc=make_profile(), dpi=(300.0, 72.0))


@pytest.fixture
def colours(samples):
    return samples["png-rgb8"].pixels


@pytest.mark.parametrize("kind", CARRIERS)
def test_metadata_survive_every_format(kind, metadata, colours):
    data = encode_image(Picture(pixels=colours, metadata=metadata), kind)
    assert read_image(data).metadata == metadata
    for further in CARRIERS:
        assert read_image(encode_image(read_image(data), further)).metadata == metadata


@pytest.mark.parametrize("kind", CARRIERS)
def test_pillow_finds_what_is_written(kind, metadata, colours):
    data = encode_image(Picture(pixels=colours, metadata=metadata), kind)
    image = Image.open(io.BytesIO(data))
    found = image.getexif()
    assert found[271] == "Maker of cameras"
    assert found.get_ifd(34665)[37386] == 35.0
    assert found.get_ifd(34853)[1] == "N"
    assert image.info["icc_profile"] == metadata.icc
    if kind != "WEBP":
        assert image.info["dpi"] == pytest.approx((300, 72), abs=0.02)


def test_bmp_keeps_the_resolution_only(metadata, colours):
    picture = read_image(encode_image(Picture(pixels=colours, metadata=metadata), "BMP"))
    assert picture.metadata == Metadata(dpi=metadata.dpi)


@pytest.mark.parametrize("order", ["<", ">"])
def test_byte_order_of_exif_is_kept(order, colours):
    tags = Image.Exif()
    tags.endian, tags[271], tags[274] = order, "Maker", 1
    block = tags.tobytes().removeprefix(b"Exif\0\0")
    assert block[:2] == (b"II" if order == "<" else b"MM")
    for dtype in (np.uint8, np.uint16):
        picture = Picture(pixels=colours.astype(dtype) * dtype(1), metadata=Metadata(exif=block))
        again = read_image(encode_image(picture, "TIFF"))
        assert again.metadata.exif == block
        np.testing.assert_array_equal(again.pixels, picture.pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_orientation_is_applied(kind, orientation, make_exif, samples):
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(kind, {})
    buffer = io.BytesIO()
    image = Image.fromarray(samples["png-rgb8"].pixels)
    image.save(buffer, kind, exif=b"Exif\0\0" + make_exif(orientation), **options)
    picture = read_image(buffer.getvalue())
    expected = ImageOps.exif_transpose(Image.open(buffer))
    np.testing.assert_array_equal(picture.pixels, np.asarray(expected))
    assert as_pillow(picture.metadata.exif)[274] == 1
    again = read_image(encode_image(picture, "PNG"))
    np.testing.assert_array_equal(again.pixels, picture.pixels)


def test_orientation_by_hand_and_alpha_turns_along(make_exif):
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    expected = {
        1: [[0, 1, 2], [3, 4, 5]], 2: [[2, 1, 0], [5, 4, 3]], 3: [[5, 4, 3], [2, 1, 0]],
        4: [[3, 4, 5], [0, 1, 2]], 5: [[0, 3], [1, 4], [2, 5]], 6: [[3, 0], [4, 1], [5, 2]],
        7: [[5, 2], [4, 1], [3, 0]], 8: [[2, 5], [1, 4], [0, 3]],
    }  # fmt: skip
    for orientation, turned in expected.items():
        image = Image.fromarray(np.dstack((pixels, pixels + np.uint8(9))))
        buffer = io.BytesIO()
        image.save(buffer, "PNG", exif=b"Exif\0\0" + make_exif(orientation))
        picture = read_image(buffer.getvalue())
        assert picture.pixels.tolist() == turned
        np.testing.assert_array_equal(picture.alpha, picture.pixels + 9)


def test_orientation_of_a_pillow_picture(make_exif, colours):
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, "JPEG", exif=b"Exif\0\0" + make_exif(6))
    image = Image.open(buffer)
    picture = picture_from_pil(image)
    np.testing.assert_array_equal(picture.pixels, np.asarray(ImageOps.exif_transpose(image)))
    assert picture_from_pil(picture_to_pil(picture)).metadata == picture.metadata


def test_the_thumbnail_is_dropped(make_exif):
    block = bytearray(make_exif())
    order = "<" if block[:2] == b"II" else ">"
    entries = struct.unpack_from(f"{order}H", block, 8)[0]
    struct.pack_into(f"{order}I", block, 10 + 12 * entries, len(block))  # a second directory
    block += struct.pack(f"{order}HHHII", 1, 513, 4, 1, 10_000) + bytes(4) + bytes(500)
    assert exif.tidy(bytes(block)).block == exif.tidy(make_exif()).block


@pytest.mark.parametrize("damage", [b"", b"junk", b"II*\0\xff\xff\xff\x7f", b"MM\0*\0\0\0\x08\xff"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_damaged_exif_block_is_noted(kind, damage, colours):
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, kind, exif=b"Exif\0\0" + damage + b"\0")
    picture = read_image(buffer.getvalue())
    assert picture.pixels.shape == colours.shape
    assert picture.metadata.exif is None
    assert any("EXIF" in note for note in picture.notes)


def test_single_damaged_entries_are_left_out(make_exif, colours):
    good = exif.tidy(make_exif()).block
    block = bytearray(good)
    order = "<" if block[:2] == b"II" else ">"
    struct.pack_into(f"{order}I", block, 10 + 8, 2**31)  # the maker's name lies nowhere
    tidy = exif.tidy(bytes(block))
    assert tidy.lost == 1
    assert 271 not in as_pillow(tidy.block)
    assert 306 in as_pillow(tidy.block)


def test_text_that_is_not_ascii_is_kept():
    block = Image.Exif()
    block[315] = "J\u00f6rg \u674e".encode()
    block.get_ifd(34665)[42036] = "Gr\u00f6\u00dfe".encode()
    tidy = exif.tidy(block.tobytes().removeprefix(b"Exif\0\0"))
    assert "J\u00f6rg \u674e".encode() in tidy.block
    assert "Gr\u00f6\u00dfe".encode() in tidy.block
    assert exif.tidy(tidy.block).block == tidy.block


def test_damaged_exif_never_warns(make_exif):
    rng = np.random.default_rng(8)
    good = make_exif(6)
    for _ in range(2000):  # a warning would be an error here, and a damaged block for `tidy`
        block = bytearray(good)
        for place in rng.integers(8, len(block), rng.integers(1, 5)):
            block[place] = rng.integers(256)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            tidy = exif.tidy(bytes(block))
        assert not caught
        assert tidy is None or tidy.block is None or exif.tidy(tidy.block) is not None


def test_entries_that_share_their_bytes_do_not_multiply():
    value = bytes(60_000)
    entries = 4000
    table = b"".join(struct.pack("<HHII", 60_000 + i % 5000, 7, 60_000, 10) for i in range(entries))
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", entries) + table + bytes(4) + value
    assert exif.tidy(block) is None


def test_profiles_that_do_not_fit_are_not_written(make_profile, samples):
    rgb, gray = make_profile(), make_profile("GRAY")
    colour, plain = samples["png-rgb8"].pixels, samples["png-gray8"].pixels
    for kind in CARRIERS:
        for pixels, icc, kept in (
            (colour, rgb, rgb), (colour, gray, None), (colour, make_profile("CMYK"), None),
            (colour, b"junk", None), (plain, rgb, None), (plain, gray, gray),
        ):  # fmt: skip
            picture = Picture(pixels=pixels, metadata=Metadata(icc=icc))
            if pixels is plain and kind == "WEBP":  # written in colour
                kept = rgb if icc is rgb else None  # noqa: PLW2901 - the exception of the table
            assert read_image(encode_image(picture, kind)).metadata.icc == kept


def test_resolutions_agree_after_rounding():
    for dpi in (1.0, 72.0, 72.5, 96.0, 150.0, 300.0, 600.0, 1200.0):
        per_metre = round(dpi / INCH)
        assert tidy_dpi(per_metre, per_metre) == (dpi, dpi)
    assert tidy_dpi(0, 10) is None


def test_empty_metadata_stay_empty(colours):
    for kind in (*CARRIERS, "BMP"):
        assert read_image(encode_image(Picture(pixels=colours), kind)).metadata == Metadata()


def test_exif_too_long_for_jpeg_is_left_out(colours):
    tags = Image.Exif()
    tags.endian, tags[271] = "<", "Maker"
    tags.get_ifd(34665)[37500] = bytes(70_000)
    block = tags.tobytes().removeprefix(b"Exif\0\0")
    picture = Picture(pixels=colours, metadata=Metadata(exif=block))
    assert read_image(encode_image(picture, "JPEG")).metadata.exif is None
    assert read_image(encode_image(picture, "PNG")).metadata.exif == block
    assert read_image(encode_image(picture, "TIFF")).metadata.exif == block
