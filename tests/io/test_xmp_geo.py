"""XMP among all formats that hold it, and GeoTIFF's tags from TIFF to TIFF."""

import io
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from imfuse.io.formats.xmp import LONGEST
from imfuse.io.images import (
    encode_image,
    picture_from_pil,
    picture_to_pil,
    read_image,
    write_image,
)
from imfuse.types import Metadata, Picture
from reference.raw_png import png_chunk

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 3)).astype(np.uint8)
PACKET = (
    "<?xpacket begin='\ufeff'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    "<rdf:Description rdf:about='' tiff:Orientation='1' drone-dji:GimbalYawDegree='+12.5'>"
    "<dc:creator>Zoë</dc:creator></rdf:Description></x:xmpmeta><?xpacket end='w'?>"
).encode()
KINDS = ["PNG", "JPEG", "TIFF", "WEBP"]
GEO = {
    33550: (0.5, 0.5, 0.0),
    33922: (0.0, 0.0, 0.0, 440720.0, 3751320.0, 0.0),
    34735: (1, 1, 0, 2, 1024, 0, 1, 1, 1026, 34737, 12, 0),
    34736: (6378137.0, 298.257),
    34737: "WGS 84 / UTM|",
    42112: "<GDALMetadata><Item name='a'>b</Item></GDALMetadata>",
}


def coloured(**metadata):
    return Picture(pixels=PIXELS, metadata=Metadata(**metadata))


@pytest.mark.parametrize("kind", KINDS)
def test_xmp_survives(kind):
    again = read_image(encode_image(coloured(xmp=PACKET), kind))
    assert again.metadata.xmp == PACKET
    assert not again.notes
    assert again.metadata.exif is None
    assert read_image(encode_image(coloured(), kind)).metadata.xmp is None


@pytest.mark.parametrize("kind", KINDS)
def test_pillow_finds_the_xmp_that_we_write(kind):
    with Image.open(io.BytesIO(encode_image(coloured(xmp=PACKET), kind))) as image:
        assert image.info.get("xmp", image.info.get("XML:com.adobe.xmp")) in {
            PACKET,
            PACKET.decode(),
        }


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP"])
def test_the_xmp_that_pillow_writes_is_found(kind):
    buffer = io.BytesIO()
    options = {"tiffinfo": {700: PACKET}} if kind == "TIFF" else {"xmp": PACKET}
    Image.fromarray(PIXELS).save(buffer, kind, **options)
    assert read_image(buffer.getvalue()).metadata.xmp == PACKET


def test_xmp_of_pillow_pictures():
    for kind in KINDS:
        with Image.open(io.BytesIO(encode_image(coloured(xmp=PACKET), kind))) as image:
            picture = picture_from_pil(image)
        assert picture.metadata.xmp == PACKET
        assert picture_to_pil(picture).info["xmp"] == PACKET


def with_xmp(content):
    data = encode_image(coloured(), "PNG")
    return data[:33] + png_chunk(b"iTXt", content) + data[33:]


def test_packed_xmp_in_png():
    head = b"XML:com.adobe.xmp\0\1\0en\0titel\0"
    assert read_image(with_xmp(head + zlib.compress(PACKET))).metadata.xmp == PACKET
    for damaged in (head + b"nothing", b"XML:com.adobe.xmp\0", b"XML:com.adobe.xmp\0\0\0en"):
        assert read_image(with_xmp(damaged)).metadata.xmp is None


@pytest.mark.parametrize("packed", [True, False])
def test_large_xmp_is_left_out_with_a_note(packed):
    text = b"x" * (LONGEST + 1)
    content = zlib.compress(text * 100) if packed else text
    picture = read_image(with_xmp(b"XML:com.adobe.xmp\0" + bytes([packed]) + b"\0\0\0" + content))
    assert picture.metadata.xmp is None
    assert "XMP data of more than 1 MB were left out" in picture.notes
    assert read_image(encode_image(coloured(xmp=text[1:]), "TIFF")).metadata.xmp == text[1:]
    for kind in ("TIFF", "WEBP"):
        again = read_image(encode_image(coloured(xmp=text), kind))
        assert again.metadata.xmp is None
        assert any("XMP" in note for note in again.notes)


def test_orientation_in_xmp_is_set_to_upright():
    for written, expected in (
        (b'<a tiff:Orientation="6"/>', b'<a tiff:Orientation="1"/>'),
        (b"<tiff:Orientation>8</tiff:Orientation>", b"<tiff:Orientation>1</tiff:Orientation>"),
        (b"<tiff:Orientation>1</tiff:Orientation>", b"<tiff:Orientation>1</tiff:Orientation>"),
    ):
        assert read_image(encode_image(coloured(xmp=written), "PNG")).metadata.xmp == expected


def geotiff(**options):
    buffer = io.BytesIO()
    types = {33550: 12, 33922: 12, 34735: 3, 34736: 12, 34737: 2, 42112: 2}
    tags = [
        (tag, types[tag], len(value) + isinstance(value, str), value, True)
        for tag, value in GEO.items()
    ]
    orientation = options.pop("orientation", None)
    if orientation:
        tags.append((274, 3, 1, orientation, True))
    tifffile.imwrite(buffer, PIXELS, photometric="rgb", extratags=tags, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"bigtiff": True}])
def test_geotiff_tags_survive(options):
    picture = read_image(geotiff(**options))
    assert picture.metadata.geo == GEO
    again = encode_image(picture, "TIFF")
    assert read_image(again).metadata.geo == GEO
    with tifffile.TiffFile(io.BytesIO(again)) as file:
        page = file.pages[0]
        assert {tag: page.tags.valueof(tag) for tag in GEO} == GEO
        types = {tag: int(page.tags[tag].dtype) for tag in GEO}
        assert types == {33550: 12, 33922: 12, 34735: 3, 34736: 12, 34737: 2, 42112: 2}
        assert file.is_geotiff


def test_geotiff_tags_of_a_turned_picture_are_left_out():
    picture = read_image(geotiff(orientation=6))
    assert not picture.metadata.geo
    assert any("GeoTIFF" in note for note in picture.notes)


@pytest.mark.parametrize(
    ("suffix", "metadata", "lost"),
    [
        (".bmp", {"xmp": PACKET}, ["XMP data"]),
        (".jpg", {"xmp": b"x" * 65_505}, ["XMP data of more than 64 kB"]),
        (".jpg", {"xmp": b"x" * 65_504}, []),
        (".png", {"geo": GEO}, ["GeoTIFF tags"]),
        (".jpg", {"geo": GEO, "xmp": PACKET}, ["GeoTIFF tags"]),
        (".tif", {"geo": GEO, "xmp": PACKET}, []),
        (".bmp", {"geo": GEO, "xmp": PACKET}, ["XMP data", "GeoTIFF tags"]),
    ],
)
def test_losses_are_told(tmp_path, suffix, metadata, lost):
    path = tmp_path / f"a{suffix}"
    notes = write_image(path, coloured(**metadata))
    assert [note.split(" can't hold ")[1] for note in notes] == [f"{one}; left out" for one in lost]
    np.testing.assert_array_equal(read_image(path).size, (8, 9))
