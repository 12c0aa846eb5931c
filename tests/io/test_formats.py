"""The table of formats: found by content, extended by plug-ins, and names for what is not read."""

import gzip
import io
import os
import re
import struct
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from imfuse.errors import OutputError, UnreadableImage, UnsupportedImage
from imfuse.io.formats import table
from imfuse.io.formats.container import Decoded
from imfuse.io.formats.format import Format
from imfuse.io.images import encode_image, read_image, write_image
from imfuse.types import Picture


def test_each_format_finds_its_own_files_only(samples):
    for name, sample in samples.items():
        found = [one.name for one in table.formats().values() if one.recognise(sample.data)]
        assert found == [name.split("-")[0].upper()]


def test_suffixes_belong_to_one_format_each():
    suffixes = [suffix for one in table.formats().values() for suffix in one.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert table.suffixes()[".tif"] == "TIFF"


@pytest.fixture
def plug_ins(monkeypatch):
    """A function that makes objects plug-ins, by their names; errors are raised on loading."""

    def install(**found):
        class Point:
            def __init__(self, name, value):
                self.name, self.value = name, value

            def load(self):
                if isinstance(self.value, Exception):
                    raise self.value
                return self.value

        points = [Point(name, value) for name, value in found.items()]
        monkeypatch.setattr(table, "entry_points", lambda group: points)
        for cached in (table.formats, table._plug_ins):
            cached.cache_clear()

    yield install
    monkeypatch.undo()
    for cached in (table.formats, table._plug_ins):
        cached.cache_clear()


def test_a_plug_in_is_read_but_does_not_replace_ours(plug_ins, samples):
    def read(source):
        return Decoded(pixels=np.frombuffer(source.data[4:], np.uint8).reshape(2, -1))

    own = Format(name="OWN", suffixes=(".own",), recognise=lambda d: d[:4] == b"OWN!", read=read)
    png = Format(name="PNG", suffixes=(".png",), recognise=lambda d: True, read=read)
    plug_ins(own=own, png=png)
    picture = read_image(b"OWN!" + bytes(range(6)))
    assert picture.format == "OWN"
    np.testing.assert_array_equal(picture.pixels, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(
        read_image(samples["png-gray8"].data).pixels, samples["png-gray8"].pixels
    )
    assert table.suffixes()[".own"] == "OWN"
    with pytest.raises(OutputError, match="unknown format 'OWN'"):
        encode_image(picture, "OWN")


def test_a_broken_plug_in_is_named_only_where_it_could_have_helped(plug_ins, samples):
    plug_ins(bad=ImportError("no module named x"), odd=object())
    assert read_image(samples["png-gray8"].data).size == (11, 14)
    with pytest.raises(UnreadableImage, match="'bad' can't be loaded: no module.*'odd' is no For"):
        read_image(b"nothing that anybody knows")


def media(brand, *more):
    brands = b"".join((brand, bytes(4), brand, *more))
    return struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + b"\0\0\0\x08mdat"


def tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        file.addfile(tarfile.TarInfo("a.png"))
    return buffer.getvalue()


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.png", b"")
    return buffer.getvalue()


def pil(kind, **options):
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, kind, **options)
    return buffer.getvalue()


def numpy_file():
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


NIFTI = struct.pack("<i", 348) + bytes(340) + b"n+1\0" + bytes(100)
FOREIGN = [
    (bytes(128) + b"DICM\2\0\0\0UL", "DICOM", "slices"),
    (b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100", "DICOM", "slices"),
    (NIFTI, "NIfTI", "slices"),
    (gzip.compress(NIFTI), "NIfTI file, packed by gzip", "slices"),
    (gzip.compress(b"anything"), "gzip", "Unpack"),
    (b"\x1f\x8b broken", "gzip", "Unpack"),
    (media(b"isom", b"mp41"), "video", "frames"),
    (media(b"qt  "), "video", "frames"),
    (b"\0\0\0\x08wide\0\0\0\0mdat", "video", "frames"),
    (b"RIFF\0\0\0\0AVI LIST", "video (AVI)", "frames"),
    (b"\x1aE\xdf\xa3\x01\0\0\0", "video (Matroska", "frames"),
    (media(b"heic", b"mif1"), "HEIC", "Convert"),
    (media(b"mif1", b"heic"), "HEIC", "Convert"),
    (media(b"avif", b"mif1"), "AVIF", "Convert"),
    (media(b"mif1", b"avif"), "AVIF", "Convert"),
    (pil("AVIF"), "AVIF", "Convert"),
    (b"\xff\x0a\xfa\x7f\x01", "JPEG XL", "Convert"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", "Convert"),
    (pil("JPEG2000"), "JPEG 2000", "Convert"),
    (b"SIMPLE  =                    T", "FITS", "Convert"),
    (pil("GIF"), "GIF", "one file per frame"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS", "git lfs pull"),
    (b"<!DOCTYPE html>\n<html></html>", "web page", "browser"),
    (b"\xef\xbb\xbf \n<HTML lang=en>", "web page", "browser"),
    (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC>", "web page", "browser"),
    ("<!doctype html>".encode("utf-16"), "web page", "browser"),
    (b"<?xml version='1.0'?>\n<!-- made -->\n<svg/>", "SVG", "Convert"),
    (pil("PDF"), "PDF", "Convert"),
    (numpy_file(), "NumPy", "Python"),
    (zipped(), "ZIP", "Unpack"),
    (tar(), "tar", "Unpack"),
    (b"FFF\0CREATOR", "FLIR", "Export"),
    (b"\xca\xac\x80\0\0\xc0", "InfiRay", "export"),
    (b"8BPS\0\1", "Photoshop", "Convert"),
    (b"\x89HDF\r\n\x1a\n", "HDF5", "Convert"),
    (b"\x76\x2f\x31\x01", "OpenEXR", "Convert"),
]


@pytest.mark.parametrize(("data", "title", "remedy"), FOREIGN, ids=[one[1] for one in FOREIGN])
def test_files_that_are_no_pictures_of_ours_have_names(refused, data, title, remedy):
    error = refused(UnsupportedImage, data, found=re.escape(title))
    assert remedy.lower() in error.remedy.lower()
    assert error.expected == "a PNG, JPEG, TIFF, BMP or WEBP file"


def test_text_and_noise_have_no_name(refused, rng):
    for data in (b"hello", b"<xml/>", b"\0" * 500, rng.bytes(200), b"<!--" * 1000, b"\xff\xfe<"):
        refused(UnreadableImage, data, found="not a picture")


def segments(*parts):
    return b"".join(b"\xff" + bytes([m]) + struct.pack(">H", len(c) + 2) + c for m, c in parts)


def exif_of(maker):
    exif = Image.Exif()
    exif[271] = maker
    return exif.tobytes()


@pytest.mark.parametrize(
    ("parts", "maker"),
    [
        ([(0xE1, b"FLIR\0\1\0\0FFF\0" + bytes(500))], "FLIR"),
        ([(0xE1, exif_of("DJI")), (0xE3, bytes(60_000)), (0xE4, bytes(300))], "DJI"),
        ([(0xE1, exif_of("DJI"))], None),
        ([(0xE1, exif_of("Kodak")), (0xE3, bytes(60_000))], None),
        ([(0xE1, exif_of("DJI")), (0xE3, b"_JPSJPS_" + bytes(100))], None),
    ],
)
def test_radiometric_jpegs_say_that_their_temperatures_were_not_used(samples, parts, maker):
    plain = samples["jpeg-gray"].data
    picture = read_image(plain[:2] + segments(*parts) + plain[2:])
    np.testing.assert_array_equal(picture.pixels, read_image(plain).pixels)
    notes = [note for note in picture.notes if "temperatures" in note]
    assert len(notes) == (maker is not None)
    assert all(f"of {maker}'s" in note for note in notes)


def test_real_radiometric_files(data):
    files = sorted((data / "thermal").glob("*.jpg"))
    assert len(files) == 15
    for file in files:
        notes = " ".join(read_image(file).notes)
        raw_of_dji = file.name.startswith("dji") and "xt2" not in file.name
        assert ("of DJI's holds temperatures" if raw_of_dji else "of FLIR's holds") in notes
    for file in sorted((data / "cameras" / "flir-adas" / "raw" / "vis").iterdir()):
        assert not read_image(file).notes
    for file, title in (
        ("thermal/infiray_c200.irg", "InfiRay"),
        ("medical/head/t1.nii.gz", "NIfTI file, packed by gzip"),
        ("medical/petct/ct/046.dcm", "DICOM"),
    ):
        with pytest.raises(UnsupportedImage, match=title):
            read_image(data / file)
    clip = next((data / "m3svd" / "visible").glob("*.mp4"))
    with pytest.raises(UnsupportedImage, match="video"):
        read_image(clip)


def test_reading_a_png_loads_neither_onnxruntime_nor_torch(tmp_path):
    write_image(tmp_path / "a.png", Picture(pixels=np.zeros((4, 5), np.uint8)))
    code = (
        f"import sys, imfuse; imfuse.read_image({str(tmp_path / 'a.png')!r});"
        "assert not {'torch', 'onnxruntime', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
