"""Files that people give for pictures: what they are, and what to do with them."""

import re

_CONVERT = "Convert it to PNG or TIFF first."
_FRAMES = "Extract the frames as PNG files, and fuse those."
_SLICES = "Export the slices as 16-bit PNG or TIFF files first."

_HEADS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"GIF8", "a GIF", "Convert it to PNG or TIFF first, one file per frame."),
    (0, b"%PDF", "a PDF", _CONVERT),
    (0, b"\x00\x00\x00\x0cjP", "a JPEG 2000", _CONVERT),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000", _CONVERT),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL", _CONVERT),
    (0, b"\xff\x0a", "a JPEG XL", _CONVERT),
    (0, b"\xff\xd8\xff\xf7", "a JPEG-LS", _CONVERT),
    (0, b"8BPS", "a Photoshop", _CONVERT),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR", _CONVERT),
    (0, b"#?RADIANCE", "a Radiance HDR", _CONVERT),
    (0, b"PK\x03\x04", "a ZIP", "Unpack it and give the pictures."),
    (0, b"\x1f\x8b", "a gzip", "Unpack it first. A .nii.gz holds NIfTI slices: export them."),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip", "Unpack it and give the pictures."),
    (0, b"Rar!", "a RAR", "Unpack it and give the pictures."),
    (0, b"\x89HDF", "an HDF5 or MATLAB", _CONVERT),
    (0, b"MATLAB 5.0", "a MATLAB", _CONVERT),
    (0, b"CDF\x01", "a NetCDF", _CONVERT),
    (0, b"\x93NUMPY", "a NumPy", "Load it in Python, and give the array to imfuse.fuse."),
    (0, b"SIMPLE  =", "a FITS", _CONVERT),
    (128, b"DICM", "a DICOM", _SLICES),
    (344, b"n+1\0", "a NIfTI", _SLICES),
    (344, b"ni1\0", "a NIfTI", _SLICES),
    (0, b"\x5c\x01\x00\x00", "an ANALYZE or NIfTI", _SLICES),
    (0, b"\x1aE\xdf\xa3", "a video (Matroska or WebM)", _FRAMES),
    (0, b"\x00\x00\x01\xba", "a video (MPEG)", _FRAMES),
    (0, b"\x00\x00\x01\xb3", "a video (MPEG)", _FRAMES),
    (0, b"OggS", "a video (Ogg)", _FRAMES),
    (0, b"FLV\x01", "a video (Flash)", _FRAMES),
    (0, b"FFF\0", "a FLIR thermal (FFF)", "Export it as a radiometric TIFF first."),
    (0, b"AFF\0", "a FLIR thermal (AFF)", "Export it as a radiometric TIFF first."),
    (0, b"<svg", "an SVG", _CONVERT),
    (
        0,
        b"version https://git-lfs",
        "a Git LFS pointer, not the picture itself",
        "Fetch the pictures: git lfs pull.",
    ),
)
_BRANDS = {  # of ISO base media files: bytes 8 to 12, behind `ftyp`
    (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"): ("a HEIC", _CONVERT),
    (b"avif", b"avis"): ("an AVIF", _CONVERT),
    (b"crx ",): ("a Canon raw", "Develop it to a 16-bit TIFF first."),
}
_RIFF = {b"AVI ": ("a video (AVI)", _FRAMES), b"WAVE": ("a sound", "Give a picture.")}


def foreign(data: bytes) -> tuple[str, str] | None:
    """Return what a file is that is not read here, and what to do; None where nobody knows.

    Args:
        data: Content of the file; the first kilobyte counts.
    """
    head = data[:1024]
    for at, mark, title, remedy in _HEADS:
        if head.startswith(mark, at):
            return title, remedy
    return _container(head) or _text(head.lstrip(b"\xef\xbb\xbf \t\r\n").lower())


def _container(head: bytes) -> tuple[str, str] | None:
    """Return what an ISO base media or RIFF file holds."""
    if head[4:8] == b"ftyp":
        for brands, known in _BRANDS.items():
            if head[8:12] in brands:
                return known
        return "a video (MP4 or QuickTime)", _FRAMES
    if head[4:8] in {b"moov", b"mdat", b"wide", b"skip"}:
        return "a video (QuickTime)", _FRAMES
    return _RIFF.get(head[8:12]) if head[:4] == b"RIFF" else None


def _text(text: bytes) -> tuple[str, str] | None:
    if re.match(rb"<!doctype html|<html|<head", text):
        return (
            "a web page, as a failed download leaves it",
            "Download the picture again, and look at the page to see why it failed.",
        )
    return ("an SVG", _CONVERT) if re.match(rb"<\?xml.*<svg", text, re.DOTALL) else None
