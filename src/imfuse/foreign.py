"""Kinds of file that people mistake for readable pictures or models, with advice for each."""

import re
import zlib
from contextlib import suppress
from pathlib import Path

_CONVERT = "Convert it to PNG or TIFF first."
_FRAMES = "Extract its frames as PNG files first, one file per frame."
_SLICES = "Export the slices that you want to fuse as 16-bit PNG or TIFF files first."
_THERMAL = (
    "Give it as the infrared picture (imfuse.read_infrared reads it), or export the visible one."
)
_UNPACK = "Unpack it, and give the pictures inside."

_HEADS: tuple[tuple[int, bytes, str, str], ...] = (  # offset, bytes there, name, remedy
    (0, b"GIF8", "a GIF file", "Convert it to PNG or TIFF first, one file per frame."),
    (0, b"%PDF", "a PDF file", _CONVERT),
    (0, b"\x00\x00\x00\x0cjP", "a JPEG 2000 file", _CONVERT),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 file", _CONVERT),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL file", _CONVERT),
    (0, b"\xff\x0a", "a JPEG XL file", _CONVERT),
    (0, b"8BPS", "a Photoshop file", _CONVERT),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR file", _CONVERT),
    (0, b"#?RADIANCE", "a Radiance HDR file", _CONVERT),
    (0, b"SIMPLE  =", "a FITS file", _CONVERT),
    (0, b"PK\x03\x04", "a ZIP file", _UNPACK),
    (0, b"Rar!", "a RAR file", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip file", _UNPACK),
    (257, b"ustar", "a tar file", _UNPACK),
    (0, b"\x89HDF", "an HDF5 or MATLAB file", _CONVERT),
    (0, b"MATLAB 5.0", "a MATLAB file", _CONVERT),
    (0, b"\x93NUMPY", "a NumPy file", "Load it in Python, and give the array to imfuse.fuse."),
    (128, b"DICM", "a DICOM file", _SLICES),
    (0, b"\x08\x00\x05\x00", "a DICOM file", _SLICES),  # without a preamble
    (0, b"\x08\x00\x08\x00", "a DICOM file", _SLICES),
    (0, b"\x02\x00\x00\x00UL", "a DICOM file", _SLICES),
    (344, b"n+1\0", "a NIfTI file", _SLICES),
    (344, b"ni1\0", "a NIfTI file", _SLICES),
    (4, b"n+2\0", "a NIfTI file", _SLICES),
    (0, b"\x1aE\xdf\xa3", "a video (Matroska or WebM)", _FRAMES),
    (0, b"\x00\x00\x01\xba", "a video (MPEG)", _FRAMES),
    (0, b"OggS", "a video (Ogg)", _FRAMES),
    (0, b"FLV\x01", "a video (Flash)", _FRAMES),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a video (Windows Media)", _FRAMES),
    (0, b"FFF\0", "a thermal file of FLIR's", _THERMAL),
    (0, b"\xca\xac\x80\0", "a thermal file of InfiRay's", _THERMAL),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself", "Run git lfs pull."),
)
_BRANDS = (  # of ISO media files, in the list after `ftyp`
    (rb"avif|avis", "an AVIF file", _CONVERT),
    (rb"hei[cxms]|hev[cxms]|mif1|msf1", "a HEIC file", _CONVERT),
    (rb"crx ", "a raw file of Canon's", "Develop it to a 16-bit TIFF first."),
)
_PAGE = "Open it in a browser: it usually says why the file could not be downloaded."


def foreign(data: bytes) -> tuple[str, str] | None:
    """Return the kind of a file that imfuse does not read, and advice; None if it is unknown."""
    for at, mark, title, remedy in _HEADS:
        if data.startswith(mark, at):
            return title, remedy
    if data[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}:
        return _media(data)
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "a video (AVI)", _FRAMES
    if data[:2] == b"\x1f\x8b":
        return _packed(data)
    return _text(data[:4096])


def _media(data: bytes) -> tuple[str, str]:
    """Return the kind of an ISO media file, which holds a video or pictures, and advice."""
    for brands, title, remedy in _BRANDS:
        if data[4:8] == b"ftyp" and re.search(brands, data[8:64]):
            return title, remedy
    return "a video (MP4 or QuickTime)", _FRAMES


def _packed(data: bytes) -> tuple[str, str]:
    """Return the kind of a gzip file, judged by the first bytes inside, and advice."""
    with suppress(zlib.error):
        head = zlib.decompressobj(31).decompress(data[:4096], 1024)
        for at, mark, title, remedy in _HEADS:
            if head.startswith(mark, at):
                return f"{title}, packed by gzip", remedy
    return "a gzip file", _UNPACK


def _text(head: bytes) -> tuple[str, str] | None:
    for encoding in ("utf-16", "utf-8-sig"):
        if encoding != "utf-16" or head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            text = head.decode(encoding, "replace").lstrip().lower()
            break
    text = re.sub(r"\A(?:<\?xml.*?\?>|<!--.*?-->|\s)*", "", text, flags=re.DOTALL)
    if re.match(r"<!doctype html|<html|<head|<body|<script|<title", text):
        return "a web page (HTML), not the file itself", _PAGE
    if re.match(r"<svg|<!doctype svg", text):
        return "an SVG file", _CONVERT
    return None


def foreign_model(data: bytes) -> tuple[str, str] | None:
    """Return the kind of a file that is not a model, and advice; None if it may be one.

    A ZIP file may be one, since PyTorch writes them.
    """
    return None if data.startswith(b"PK") else foreign(data)


def foreign_file(path: Path) -> tuple[str, str] | None:
    """Return `foreign_model` of a file's first bytes; None also if it can't be read."""
    try:
        with path.open("rb") as file:
            return foreign_model(file.read(_HEAD))
    except OSError:
        return None


_HEAD = 4096
"""Number of bytes by which a file is recognised."""
