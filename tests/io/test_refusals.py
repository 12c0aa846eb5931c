"""What is refused when reading: with a named error, quickly, and never by half a picture."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFile

from imfuse.errors import BadValues, ImageTooLarge, UnreadableImage, UnsupportedImage
from imfuse.io.images import encode_image, picture_from_pil, read_image
from imfuse.types import Picture
from reference.raw_png import png_chunk, png_head

# --- files that are none


def test_missing_file(refused, tmp_path):
    refused(UnreadableImage, tmp_path / "none.png", found="no such file")


def test_folder(refused, tmp_path):
    refused(UnreadableImage, tmp_path, found="it is a folder")


def test_pipe(refused, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    refused(UnreadableImage, tmp_path / "pipe.png", found="device or a pipe")


def test_file_as_folder(refused, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    refused(UnreadableImage, tmp_path / "file" / "a.png", found="can't be opened")


def test_null_byte_in_the_path(refused):
    refused(UnreadableImage, "a\0b.png", found="can't be opened")


def test_no_permission(refused, tmp_path, monkeypatch):
    # Root, which tests may run as, is allowed everything: the refusal is simulated.
    path = tmp_path / "a.png"
    path.write_bytes(b"x")

    def forbidden(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", forbidden)
    refused(UnreadableImage, path, found="Permission denied")


def test_empty_file(refused, tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    refused(UnreadableImage, tmp_path / "a.png", found="file is empty")
    refused(UnreadableImage, b"", found="file is empty")


@pytest.mark.parametrize("data", [b"x", b"This is text." * 50, bytes(999), b"\x89PN", b"BX"])
def test_not_a_picture(refused, data):
    refused(UnreadableImage, data, found="not a picture", name="some name")


def test_foreign_formats_are_named(refused):
    buffer = io.BytesIO()
    Image.new("L", (3, 3)).save(buffer, "GIF")
    error = refused(UnsupportedImage, buffer.getvalue(), found="a GIF file")
    assert "one file per frame" in error.remedy
    refused(UnsupportedImage, b"%PDF-1.7 ...", found="a PDF file")


def test_a_huge_file_is_not_read_at_all(refused, tmp_path):
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(1 << 36)  # sparse: 64 GB in name only
    refused(ImageTooLarge, path, found="68,719,476,736 bytes")


# --- truncated and damaged files


def test_every_truncation_is_refused(sample):
    """No prefix of a file is read as a picture, except where only an ornament is missing."""
    data = sample.data
    whole = read_image(data)
    for length in range(0, len(data) - 1, max(1, len(data) // 150)):
        try:
            picture = read_image(data[:length])
        except (UnreadableImage, ImageTooLarge):
            continue
        # TIFF may end in metadata, of which pixels do not depend.
        assert whole.format == "TIFF", f"{length} of {len(data)} bytes were read as a picture"
        np.testing.assert_array_equal(picture.pixels, whole.pixels)


def test_truncation_is_named(refused, samples):
    for name in ("png-rgb8", "jpeg-rgb", "tiff-gray8", "bmp-rgb", "webp-lossless"):
        data = samples[name].data
        refused(UnreadableImage, data[: len(data) * 3 // 4], found="truncated", name=name)


@pytest.mark.parametrize("place", [40, -20, -6])
def test_wrong_checksum_of_a_png(refused, place, samples):
    data = bytearray(samples["png-rgb8-pil"].data)
    data[place] ^= 1
    refused(UnreadableImage, bytes(data), found="checksum|truncated")


def test_png_with_damaged_stream_but_right_checksums(refused):
    rows = zlib.compress(b"\0" + bytes(30))
    for body, found in (
        (rows[:-8], "missing"), (b"\x78\x9c\xff\xff\xff\xff", "damaged"), (b"", "missing"),
        (zlib.compress(b"\0" + bytes(20)), "missing"),
        (zlib.compress(b"\7" + bytes(30)), "corrupted"),
    ):  # fmt: skip
        data = png_head(10, 1) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
        refused(UnreadableImage, data, found=found)


def test_png_with_bad_structure(refused):
    idat = png_chunk(b"IDAT", zlib.compress(b"\0" + bytes(10)))
    end = png_chunk(b"IEND", b"")
    refused(UnreadableImage, png_head(10, 1, 8, 0) + end, found="no picture data")
    refused(UnreadableImage, png_head(10, 1, 5, 0) + idat + end, found="header is invalid")
    refused(UnreadableImage, png_head(10, 1, 8, 3) + idat + end, found="no valid palette")
    palette = png_chunk(b"PLTE", bytes(3))
    index = png_chunk(b"IDAT", zlib.compress(b"\0" + bytes(9) + b"\1"))
    refused(UnreadableImage, png_head(10, 1, 8, 3) + palette + index + end, found="not in the pal")
    critical = png_chunk(b"ABCD", b"")
    refused(
        UnreadableImage, png_head(10, 1, 8, 0) + critical + idat + end, found="unknown critical"
    )
    data = b"\x89PNG\r\n\x1a\n" + idat + end
    refused(UnreadableImage, data, found="not a header")


def test_jpeg_with_damaged_tables(refused, samples):
    data = bytearray(samples["jpeg-rgb"].data)
    place = data.index(b"\xff\xc4") + 5
    data[place : place + 16] = b"\xff" * 16
    refused(UnreadableImage, bytes(data), found="corrupted|truncated")


@pytest.mark.parametrize(("mode", "subsampling"), [("L", 0), ("RGB", 0), ("RGB", 2)])
def test_jpeg_with_an_end_marker_after_a_part_of_its_data(refused, mode, subsampling):
    noise = np.random.default_rng(4).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(buffer, "JPEG", subsampling=subsampling)
    data = buffer.getvalue()
    assert read_image(data).size == (64, 80)
    for length in range(len(data) // 2, len(data) * 9 // 10, 97):
        part = data[:length].rstrip(b"\xff") + b"\xff\xd9"
        refused(UnreadableImage, part, found="truncated")


def test_jpeg_that_ends_in_middle_gray():
    for mode in ("L", "RGB"):
        image = Image.new(mode, (40, 30), 128 if mode == "L" else (128, 128, 128))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG")
        assert (read_image(buffer.getvalue()).pixels == 128).all()


def test_pillows_leniency_does_not_reach_us(refused, samples, monkeypatch):
    """Other code in the process may have told Pillow to accept truncated files."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for name in ("png-rgb8", "jpeg-rgb", "bmp-rgb", "tiff-lzw"):
        data = samples[name].data
        refused(UnreadableImage, data[: len(data) // 2], found="truncated")


def test_tiff_with_wrong_places(refused):
    for tag, value, found in (
        (273, 10**6, "truncated"),
        (279, 10**6, "truncated"),
        (279, 5, "bytes"),
    ):
        data = bytearray(encode_image(Picture(pixels=np.zeros((20, 30), np.uint8)), "TIFF"))
        at = next(
            place
            for place in range(10, 200, 12)
            if data[place : place + 2] == struct.pack("<H", tag)
        )
        struct.pack_into("<I", data, at + 8, value)
        refused(UnreadableImage, bytes(data), found=found)


def test_tiff_with_a_missing_strip(refused):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.ones((64, 16), np.uint8), rowsperstrip=16, compression="zlib")
    data = bytearray(buffer.getvalue())
    buffer.seek(0)
    with tifffile.TiffFile(buffer) as file:
        offsets = file.pages[0].tags[273]
        counts = file.pages[0].tags[279]
    code = {3: "<H", 4: "<I"}
    for tag in (offsets, counts):
        struct.pack_into(code[int(tag.dtype)], data, tag.valueoffset, 0)
    refused(UnreadableImage, bytes(data), found="corrupted|truncated")


# --- sound files of a kind that is not read


def test_animations_and_several_pages(refused):
    frames = [Image.fromarray(np.full((8, 9, 3), value, np.uint8)) for value in (0, 90, 200)]
    for kind, found in (("PNG", "3 frames"), ("WEBP", "3 frames"), ("TIFF", "3 pages")):
        buffer = io.BytesIO()
        frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
        error = refused(UnsupportedImage, buffer.getvalue(), found=found)
        assert "as single pictures" in error.remedy


def test_previews_in_a_tiff_are_passed_over():
    full = np.arange(600, dtype=np.uint16).reshape(20, 30)
    for order in (False, True):
        buffer = io.BytesIO()
        with tifffile.TiffWriter(buffer) as writer:
            for preview in (order, not order):
                pixels = full[::4, ::4] if preview else full
                writer.write(pixels, subfiletype=1 if preview else 0, metadata=None)
        np.testing.assert_array_equal(read_image(buffer.getvalue()).pixels, full)


@pytest.mark.parametrize("dtype", ["i1", "i8", "u8", "c8"])
def test_other_depths_of_tiff(refused, dtype):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.ones((4, 5), dtype), photometric="minisblack")
    error = refused(UnsupportedImage, buffer.getvalue(), found="samples that are")
    assert "16 bits" in error.remedy


def test_other_kinds_of_tiff(refused):
    for options, shape, found in (
        ({"photometric": "minisblack", "planarconfig": "contig"}, (6, 7, 5), "5 gray channels"),
        ({"photometric": 8}, (6, 7, 3), "CIELab"),
    ):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, np.ones(shape, np.uint8), **options)
        refused(UnsupportedImage, buffer.getvalue(), found=found)


@pytest.mark.parametrize("values", [[np.nan, np.nan], [np.inf, -np.inf]])
def test_pictures_without_any_value(refused, values):
    data = encode_image(Picture(pixels=np.array([values], np.float32)), "TIFF")
    refused(BadValues, data, found="NaN or infinite")


def test_floats_out_of_range_are_left_to_the_caller():
    pixels = np.array([[-3, 20.5, 3e38, 3e38]], np.float32)
    picture = read_image(encode_image(Picture(pixels=pixels), "TIFF"))
    np.testing.assert_array_equal(picture.pixels, pixels)


def test_doubles_beyond_float32_are_refused(refused):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.full((2, 2), 1e300))
    refused(BadValues, buffer.getvalue(), found="NaN or infinite")


def test_pillow_pictures_with_a_damaged_file_behind(samples):
    data = samples["jpeg-rgb"].data
    image = Image.open(io.BytesIO(data[:-20]))
    with pytest.raises(UnreadableImage, match="<PIL image>.*truncated"):
        picture_from_pil(image)
