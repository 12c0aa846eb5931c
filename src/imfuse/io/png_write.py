"""Writing of PNG: pixels are encoded by OpenCV's libpng, metadata are put between as chunks."""

import struct
import zlib

import cv2
import numpy as np

from imfuse.io.metadata import INCH
from imfuse.types import Metadata, Pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return one PNG chunk with length and checksum."""
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)))


def encode_png(
    pixels: Pixels, alpha: Pixels | None, metadata: Metadata
) -> list[bytes | memoryview]:
    """Encode 8-bit or 16-bit pixels; the parts, put together, are the file."""
    # Paeth filter and run-length strategy: 12 ms and 309 kB for a 640x480 RGB street scene, where
    # zlib's default at level 1 takes 16 ms for 378 kB, and at level 6 80 ms for 321 kB.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # OpenCV 4.12
        options += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH]
    options += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    done, encoded = cv2.imencode(".png", _packed(pixels, alpha), options)
    if not done:
        raise MemoryError
    body = np.asarray(encoded, np.uint8).reshape(-1).data
    header = bytearray(body[8:33])
    if alpha is not None and pixels.ndim == 2:
        header[16:18] = bytes((8 * pixels.itemsize, 4))
        header = bytearray(chunk(b"IHDR", bytes(header[8:21])))
    return [SIGNATURE, bytes(header), *_metadata_chunks(metadata), body[33:]]


def _packed(pixels: Pixels, alpha: Pixels | None) -> Pixels:
    """Return samples in the order that OpenCV writes.

    It has no gray with alpha, but PNG's filters and compression see only bytes: the two bytes
    of gray and alpha are written as one 16-bit sample, 16-bit ones as the four of RGBA, and the
    header is corrected afterwards.
    """
    if alpha is None:
        return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    if pixels.ndim == 2:
        both = np.stack((pixels, alpha), axis=2)
        if pixels.dtype == np.uint8:
            return both.view(">u2")[..., 0].astype(np.uint16)
        octets = both.astype(">u2").view(np.uint8)
        return cv2.cvtColor(octets, cv2.COLOR_RGBA2BGRA)
    out = np.empty((*alpha.shape, 4), pixels.dtype)
    out[..., :3], out[..., 3] = pixels[..., ::-1], alpha
    return out


def _metadata_chunks(metadata: Metadata) -> list[bytes]:
    chunks = []
    if metadata.icc is not None:
        chunks.append(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc, 6)))
    if metadata.dpi is not None:
        x, y = (min(round(value / INCH), 2**31 - 1) for value in metadata.dpi)
        chunks.append(chunk(b"pHYs", struct.pack(">IIB", x, y, 1)))
    if metadata.exif is not None:
        chunks.append(chunk(b"eXIf", metadata.exif))
    return chunks
