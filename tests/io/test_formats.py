"""Formats: found by content, added by plug-ins, and other files called by their names."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from imfuse.errors import ImfuseError, OutputError, UnsupportedImage
from imfuse.io.encode import encode_image, write_image
from imfuse.io.formats import table
from imfuse.io.formats.container import Decoded
from imfuse.io.formats.format import Format
from imfuse.io.images import read_image
from imfuse.io.labels import read_labels
from imfuse.types import Metadata, Picture

GRAY = np.arange(48, dtype=np.uint8).reshape(6, 8)


def ftyp(brand):
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(12)


FOREIGN = {
    "DICOM": bytes(128) + b"DICM" + bytes(100),
    "NIfTI": bytes(344) + b"n+1\0" + bytes(100),
    "gzip": b"\x1f\x8b\x08" + bytes(50),
    "HEIC": ftyp(b"heic"),
    "AVIF": ftyp(b"avif"),
    "JPEG XL": b"\xff\x0a" + bytes(30),
    "JPEG XL (container)": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(30),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(30),
    "FITS": b"SIMPLE  =                    T" + bytes(50),
    "GIF": b"GIF89a" + bytes(30),
    "video (MP4": ftyp(b"isom"),
    "video (QuickTime": struct.pack(">I", 8) + b"wide" + bytes(30),
    "video (Matroska": b"\x1aE\xdf\xa3" + bytes(30),
    "video (AVI": b"RIFF" + bytes(4) + b"AVI LIST" + bytes(30),
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
    "web page": b"\n<!DOCTYPE html>\n<html><head></head></html>",
    "web page (no doctype)": b"<html lang='en'><body>404</body></html>",
    "SVG": b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "NumPy": b"\x93NUMPY\x01\0" + bytes(100),
    "FLIR thermal (FFF": b"FFF\0" + bytes(60),
    "PDF": b"%PDF-1.7\n",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_files_are_called_by_their_names(name, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(FOREIGN[name])
    with pytest.raises(UnsupportedImage) as caught:
        read_image(path)
    assert name.split(" (container")[0].split(" (no")[0] in caught.value.found
    assert caught.value.remedy
    assert len(str(caught.value)) < 500


def test_a_plug_in_is_found_by_content_and_by_suffix(tmp_path, monkeypatch):
    def read(source):
        width, height = source.data[4:6]
        source.check_size(width, height)
        return Decoded(pixels=np.frombuffer(source.data[6:], np.uint8).reshape(height, width))

    def encode(pixels, alpha, metadata, quality):
        return [b"TINY", bytes(pixels.shape[::-1]), pixels.tobytes()]

    tiny = Format(
        name="TINY",
        suffixes=(".tiny",),
        recognise=lambda data: data[:4] == b"TINY",
        read=read,
        encode=encode,
        holds=frozenset(),
    )

    class EntryPoint:
        name, value = "tiny", "elsewhere:TINY"
        broken = False

        def load(self):
            if self.broken:
                raise ImportError("no such module")
            return tiny

    monkeypatch.setattr(table, "entry_points", lambda group: [EntryPoint()])
    table.formats.cache_clear()
    try:
        monkeypatch.setitem(table.SUFFIXES, ".tiny", "TINY")
        exif = Image.Exif()
        exif[271] = "Maker"
        block = exif.tobytes().removeprefix(b"Exif\0\0")
        picture = Picture(pixels=GRAY, metadata=Metadata(exif=block))
        (note,) = write_image(tmp_path / "a.tiny", picture)
        assert "TINY holds no EXIF data" in note
        assert np.array_equal(read_image(tmp_path / "a.tiny").pixels, GRAY)
        with pytest.raises(OutputError, match="TINY can't hold uint16"):
            encode_image(Picture(pixels=GRAY.astype(np.uint16)), "TINY")
        EntryPoint.broken = True
        table.formats.cache_clear()
        with pytest.raises(ImfuseError, match="plug-in format 'tiny'.*no such module"):
            table.formats()
    finally:
        monkeypatch.undo()
        table.formats.cache_clear()


# Metadata that is carried, or told to be lost

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6" note="kept"/></x:xmpmeta>'
GEO = {
    33550: (0.5, 0.5, 0.0),
    33922: (0.0, 0.0, 0.0, 11.0, 48.0, 0.0),
    34735: (1, 1, 0, 0),
    34737: "WGS 84|",
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_xmp_is_carried(kind):
    picture = Picture(pixels=GRAY, metadata=Metadata(xmp=XMP))
    again = read_image(encode_image(picture, kind)).metadata.xmp
    assert again == XMP.replace(b'"6"', b'"1"')


def test_pillow_reads_the_xmp_that_is_written():
    for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        image = Image.open(
            io.BytesIO(encode_image(Picture(pixels=GRAY, metadata=Metadata(xmp=XMP)), kind))
        )
        found = (
            image.tag_v2[700]
            if kind == "TIFF"
            else image.info.get("xmp", image.info.get("XML:com.adobe.xmp"))
        )
        assert b"kept" in (found if isinstance(found, bytes) else found.encode())


def test_compressed_xmp_of_a_png_is_read_and_bombs_are_left_out():
    plain = encode_image(Picture(pixels=GRAY), "PNG")

    def with_text(text):
        content = b"XML:com.adobe.xmp\0\x01\0\0\0" + zlib.compress(text)
        head = struct.pack(">I", len(content)) + b"iTXt" + content
        return plain[:33] + head + struct.pack(">I", zlib.crc32(head[4:])) + plain[33:]

    assert read_image(with_text(XMP)).metadata.xmp == XMP.replace(b'"6"', b'"1"')
    bomb = read_image(with_text(bytes(200 << 20)))
    assert bomb.metadata.xmp is None
    assert any("XMP" in note for note in bomb.notes)


def test_geotiff_tags_are_carried_by_tiff_and_told_to_be_lost_elsewhere(tmp_path):
    picture = Picture(pixels=GRAY, metadata=Metadata(geo=GEO, xmp=XMP))
    again = read_image(encode_image(picture, "TIFF"))
    assert dict(again.metadata.geo) == GEO
    (note,) = write_image(tmp_path / "a.png", picture)
    assert "PNG holds no GeoTIFF tags" in note
    assert len(write_image(tmp_path / "a.bmp", picture)) == 2
    long = Picture(pixels=GRAY, metadata=Metadata(xmp=b"x" * 70_000))
    (note,) = write_image(tmp_path / "a.jpg", long)
    assert "JPEG holds no XMP data of more than 64 kB" in note
    assert read_image(tmp_path / "a.jpg").metadata.xmp is None


# Thermal cameras


@pytest.mark.parametrize("marker", [0xE1, 0xE3])
def test_a_radiometric_jpeg_says_that_its_temperatures_were_not_used(marker):
    plain = encode_image(Picture(pixels=GRAY), "JPEG")
    content = b"FLIR\0\x01\0\0" + bytes(100) if marker == 0xE1 else bytes(60_000)
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content
    (note,) = read_image(plain[:2] + segment + plain[2:]).notes
    assert "temperatures, which were not used" in note
    assert read_image(plain).notes == ()


# Labels


def test_labels_of_a_palette_of_grays_are_the_grays(tmp_path):
    labels = np.array([[0, 3, 8], [8, 255, 0]], np.uint8)
    values = np.unique(labels)
    image = Image.fromarray(np.searchsorted(values, labels).astype(np.uint8), "P")
    image.putpalette(np.repeat(values, 3).tobytes())
    image.save(tmp_path / "gray.png")
    assert np.array_equal(read_labels(tmp_path / "gray.png"), labels)
    Image.fromarray(labels).save(tmp_path / "plain.png")
    assert np.array_equal(read_labels(tmp_path / "plain.png"), labels)


def test_labels_of_a_palette_of_colours_are_the_indices(tmp_path):
    index = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    image = Image.fromarray(index, "P")
    image.putpalette(bytes([0, 0, 0, 128, 0, 0, 128, 128, 128]))
    image.save(tmp_path / "colour.png")
    assert np.array_equal(read_labels(tmp_path / "colour.png"), index)
