"""TIFF files: one uncompressed strip behind one directory, with EXIF inside it."""

from typing import Literal

import numpy as np

from imfuse.io import exif
from imfuse.io.ifd import UNDEFINED, Entry, header, long, serialise, short
from imfuse.types import Metadata, Pixels


def encode_tiff(
    pixels: Pixels, alpha: Pixels | None, metadata: Metadata
) -> list[bytes | memoryview]:
    """Encode pixels of any depth; the parts, put together, are the file.

    Not compressed: that is exact, quickest, and read by every program.
    """
    directory, order = exif.entries(metadata.exif)
    colour = pixels.ndim == 3
    if alpha is not None:
        pixels = np.dstack((pixels, alpha))
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    directory |= {
        256: long(pixels.shape[1], order=order),
        257: long(pixels.shape[0], order=order),
        258: short(*[8 * pixels.itemsize] * channels, order=order),
        259: short(1, order=order),
        262: short(2 if colour else 1, order=order),
        273: long(0, order=order),
        277: short(channels, order=order),
        278: long(pixels.shape[0], order=order),
        279: long(pixels.nbytes, order=order),
        284: short(1, order=order),
        339: short(*[3 if pixels.dtype.kind == "f" else 1] * channels, order=order),
    }
    if alpha is not None:
        directory[338] = short(2, order=order)  # straight, not multiplied into the colours
    if metadata.dpi is not None:
        directory |= exif.resolution_entries(metadata.dpi, order)
    if metadata.icc is not None:
        directory[34675] = Entry(UNDEFINED, len(metadata.icc), metadata.icc)
    # The pixels follow the directory, whose length does not depend on the number put in here.
    start = -(-(8 + len(serialise(directory, order))) // 16) * 16
    directory[273] = long(start, order=order)
    head = (header(order) + serialise(directory, order)).ljust(start, b"\0")
    # EXIF keeps its byte order, since nobody knows the order inside maker notes.
    swap: Literal["<", ">"] = "<" if order == "<" else ">"
    body: Pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder(swap))
    return [head, body.reshape(-1).view(np.uint8).data]
