"""Label pictures: the classes are what the file says, in whichever way it is stored."""

import zlib

import numpy as np
import pytest
from PIL import Image

from imfuse.errors import UnreadableImage, UnsupportedImage
from imfuse.io.labels import read_labels, write_labels
from reference.raw_png import png_chunk, png_head

LABELS = np.random.default_rng(0).integers(0, 9, (13, 17)).astype(np.uint8)


def save(path, index, table):
    image = Image.frombytes("P", index.shape[::-1], index.tobytes())
    image.putpalette(np.asarray(table, np.uint8).tobytes())
    image.save(path)


@pytest.mark.parametrize("order", [range(9), reversed(range(9)), (3, 1, 4, 0, 5, 8, 2, 6, 7)])
def test_a_palette_of_grays_is_read_by_its_grays(tmp_path, order):
    """Programs that shrink PNG files turn few grays into a palette, in any order."""
    grays = np.array(list(order), np.uint8)
    index = np.argsort(grays)[LABELS].astype(np.uint8)
    save(tmp_path / "a.png", index, np.repeat(grays[:, None], 3, axis=1))
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image.convert("L")), LABELS)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS)


def test_pillows_own_way_to_a_palette(tmp_path):
    image = Image.fromarray(LABELS).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS)
    Image.fromarray(LABELS).quantize(9).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "b.png"), LABELS)


@pytest.mark.parametrize("length", [9, 256])
def test_a_palette_of_colours_is_read_by_its_indices(tmp_path, length):
    table = np.random.default_rng(1).integers(0, 256, (length, 3))
    table[0] = 0  # black background, which is gray
    save(tmp_path / "a.png", LABELS, table)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS)


def test_one_colour_is_enough(tmp_path):
    table = np.repeat(np.arange(9)[::-1, None], 3, axis=1)
    table[8] = (0, 0, 200)
    save(tmp_path / "a.png", LABELS, table)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS)


def test_grays_that_do_not_tell_classes_apart_say_nothing(tmp_path):
    save(tmp_path / "a.png", LABELS, np.zeros((9, 3)))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS)


@pytest.mark.parametrize(("depth", "classes"), [(1, 2), (2, 4), (4, 9)])
def test_grays_of_few_bits_are_taken_as_stored(tmp_path, depth, classes):
    labels = LABELS % classes
    bits = (labels[..., None] >> np.arange(depth)[::-1]) & 1
    rows = np.packbits(bits.reshape(len(labels), -1), axis=1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    head = png_head(17, 13, depth=depth, colour=0)
    data = head + png_chunk(b"IDAT", zlib.compress(body)) + png_chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(data)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), labels)


def test_what_is_written_is_read(tmp_path):
    write_labels(tmp_path / "a.png", LABELS)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), LABELS)
    Image.fromarray(np.dstack([LABELS] * 3)).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "b.png"), LABELS)


def test_refusals(tmp_path):
    Image.fromarray(np.dstack([LABELS, LABELS, LABELS + 1])).save(tmp_path / "a.png")
    with pytest.raises(UnsupportedImage, match="mode RGB"):
        read_labels(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableImage):
        read_labels(tmp_path / "b.png")
