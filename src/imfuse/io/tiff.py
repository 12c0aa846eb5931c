"""TIFF files: tags are read and strips are put together here, so that no gap stays unnoticed.

tifffile fills missing strips with zeros, reads no LZW without a further package, and logs what it
finds odd; Pillow and OpenCV change depths. Pillow's libtiff still unpacks what needs it: LZW and
its like byte by byte, JPEG and fax as whole pictures.
"""

from dataclasses import replace

import numpy as np

from imfuse.io import exif
from imfuse.io.container import Decoded, Source
from imfuse.io.ifd import SIGNATURES, Block, DamagedBlock, Entry, integers
from imfuse.io.tiff_colour import to_planes
from imfuse.io.tiff_pack import WHOLE, decode_whole, unpack, unpredict
from imfuse.io.tiff_page import STORAGE, Page, read_page
from imfuse.types import Pixels

__all__ = ["SIGNATURES", "read_tiff"]

_MOST_PAGES = 65_536
_MOST_PROFILE = 1 << 24
_SMALLER_COPY, _MASK = 1, 4  # flags of tag 254


def read_tiff(source: Source) -> Decoded:
    """Decode the one picture in a TIFF file; previews and masks beside it are passed over."""
    try:
        block = Block.over(source.data)
        tags, _ = block.directory(_only_page(source, block), STORAGE)
        page = read_page(source, block, tags)
        if page.compression in WHOLE and page.bits <= 8:
            decoded = Decoded(pixels=decode_whole(page))
        else:
            decoded = to_planes(page, _samples(page))
        return _with_metadata(page, decoded)
    except DamagedBlock as error:
        text = str(error)
        wrong = source.truncated if text.startswith("it refers to") else source.corrupt
        raise wrong(text) from error


def _only_page(source: Source, block: Block) -> int:
    """Return the place of the only full page."""
    at, seen, full = block.first, set[int](), list[int]()
    while at and at not in seen and len(seen) < _MOST_PAGES:
        seen.add(at)
        start, entries, after = block.count(at)
        # Tags are sorted, so the kind of page comes first if it is given at all.
        flagged = entries and block.number(start, 2) == 254
        kind = integers(block.entry(start), block.order)[0] if flagged else 0
        if not kind & (_SMALLER_COPY | _MASK):
            full.append(at)
        at = after
    if not full:
        full = [block.first]
    if len(full) > 1:
        raise source.unsupported(
            f"a TIFF of {len(full)} pages",
            expected="a single picture",
            remedy="Save the pages as single pictures and fuse those.",
        )
    return full[0]


def _samples(page: Page) -> Pixels:
    """Return the samples `(H, W, C)`; those of less than 8 bits one to a byte."""
    samples = np.empty((page.height, page.width, page.channels), page.dtype.newbyteorder("="))
    segments = page.segments()
    across = -(-page.width // page.tile[1])
    down = -(-page.height // page.tile[0])
    for index, segment in enumerate(segments):
        plane, place = divmod(index, down * across)
        y, x = place // across * page.tile[0], place % across * page.tile[1]
        values = _segment(page, index, segment)[: page.height - y, : page.width - x]
        channels = slice(plane, plane + 1) if page.separate else slice(None)
        samples[y : y + len(values), x : x + values.shape[1], channels] = values
    return samples


def _segment(page: Page, index: int, segment: memoryview) -> Pixels:
    data = np.frombuffer(unpack(page, index, segment), np.uint8)
    rows, columns = page.rows(index), page.tile[1]
    if page.bits < 8:
        bits = np.unpackbits(data.reshape(rows, -1), axis=1)[:, : columns * page.bits]
        weights = np.left_shift(1, np.arange(page.bits)[::-1]).astype(np.uint8)
        weighted = bits.reshape(rows, columns, 1, page.bits) * weights
        return np.asarray(weighted.sum(axis=3, dtype=np.uint8))
    return unpredict(page, data.view(page.dtype).reshape(rows, columns, -1))


def _with_metadata(page: Page, decoded: Decoded) -> Decoded:
    tags, order = page.tags, page.block.order
    carried = exif.from_directory(tags, order, most=len(page.source.data))
    icc: Entry | None = tags.get(34675)
    return replace(
        decoded,
        exif=carried.block if carried else None,
        icc=bytes(icc.data) if icc is not None and len(icc.data) <= _MOST_PROFILE else None,
        dpi=exif.resolution(tags, order),
        orientation=carried.orientation if carried else 1,
    )
