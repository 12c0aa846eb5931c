"""Temperatures in the second page of a TIFF."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from imfuse.errors import ImfuseError, OutputError
from imfuse.io.images import read_image, read_temperature, write_image
from imfuse.types import Metadata, Picture

VALUES = np.linspace(-40, 1200, 5 * 7).reshape(5, 7).astype(np.float32)
VALUES[2, 3] = np.nan


def written(tmp_path, pixels, **rest):
    file = tmp_path / "out.tif"
    write_image(file, Picture(pixels=pixels, **rest), temperature=VALUES)
    return file


@pytest.mark.parametrize(
    "pixels",
    [
        np.arange(35, dtype=np.uint8).reshape(5, 7),
        np.arange(105, dtype=np.uint16).reshape(5, 7, 3),
        np.linspace(0, 1, 35, dtype=np.float32).reshape(5, 7),
    ],
)
def test_both_pages_come_back_and_others_read_them(tmp_path, pixels):
    file = written(tmp_path, pixels)
    np.testing.assert_array_equal(read_image(file).pixels, pixels)
    np.testing.assert_array_equal(read_temperature(file), VALUES)
    np.testing.assert_array_equal(read_temperature(file.read_bytes()), VALUES)
    with tifffile.TiffFile(file) as pages:
        assert len(pages.pages) == 2
        np.testing.assert_array_equal(pages.pages[0].asarray(), pixels)
        np.testing.assert_array_equal(pages.pages[1].asarray(), VALUES)
        assert "degrees Celsius" in pages.pages[1].description
        assert "Celsius" in pages.pages[1].tags[42112].value
    if pixels.dtype != np.uint16:  # which Pillow does not read in colour
        with Image.open(file) as image:
            assert image.n_frames == 2
            np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("order", "<>")
def test_either_byte_order_and_metadata(tmp_path, order):
    exif = Image.Exif()
    exif.endian = order
    exif[271] = "Maker"
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    assert block[:2] == {"<": b"II", ">": b"MM"}[order]
    pixels = np.arange(35, dtype=np.uint16).reshape(5, 7)
    file = written(tmp_path, pixels, metadata=Metadata(exif=block, dpi=(72.0, 72.0)))
    assert file.read_bytes()[:2] == block[:2]
    np.testing.assert_array_equal(read_image(file).pixels, pixels)
    np.testing.assert_array_equal(read_temperature(file), VALUES)


def test_other_files_keep_none(tmp_path):
    plain = tmp_path / "plain.tif"
    write_image(plain, Picture(pixels=np.zeros((4, 5), np.uint8)))
    png = tmp_path / "plain.png"
    write_image(png, Picture(pixels=np.zeros((4, 5), np.uint8)))
    two = tmp_path / "two.tif"
    tifffile.imwrite(two, np.zeros((2, 4, 5), np.uint8), photometric="minisblack")
    assert [read_temperature(file) for file in (plain, png, two)] == [None] * 3


def test_only_a_tiff_keeps_them(tmp_path):
    with pytest.raises(OutputError, match="PNG can't keep temperatures"):
        write_image(
            tmp_path / "a.png", Picture(pixels=np.zeros((5, 7), np.uint8)), temperature=VALUES
        )
    assert not list(tmp_path.iterdir())


def test_cuts_are_named_errors_or_none(tmp_path):
    data = written(tmp_path, np.zeros((5, 7), np.uint8)).read_bytes()
    results = []
    for at in range(1, len(data)):
        try:
            results.append(read_temperature(data[:at]))
        except ImfuseError:
            continue
    assert all(one is None for one in results)
