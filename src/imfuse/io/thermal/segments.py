"""Application segments of JPEG files, where thermal cameras store their data."""

from collections.abc import Iterator

_SCAN, _END = 0xDA, 0xD9
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})

EXIF = b"Exif\0\0"
"""Beginning of an EXIF segment."""


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of each segment before the pixels.

    It ends where a segment is cut off or damaged, which the reader of the pixels reports.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in {_SCAN, _END} or end < at + 4 or end > len(data):
            return
        yield marker, data[at + 4 : end]
        at = end


def frame_size(data: bytes) -> tuple[int, int] | None:
    """Return height and width of the picture that a JPEG file shows; None: it says none."""
    for marker, content in segments(data):
        if marker in _FRAMES and len(content) >= 5:
            return int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
    return None


def exif_of(data: bytes) -> bytes | None:
    """Return the EXIF block of a JPEG file without its head; None: it has none."""
    for marker, content in segments(data):
        if marker == 0xE1 and content.startswith(EXIF):
            return content[len(EXIF) :]
    return None
