"""TIFF: tifffile reads the tags, `tiff_unpack` unpacks, and strips are joined here.

Without further packages, tifffile can't unpack LZW, JPEG or fax, and fills missing strips with
zeros; Pillow and OpenCV change depths. So every strip is unpacked and measured separately.
"""

import io
import logging
import math
import struct
from itertools import islice
from typing import TypeAlias

import numpy as np
from tifffile import TiffFile, TiffPage

from imfuse.io.formats import exif
from imfuse.io.formats.container import Decoded, Source
from imfuse.io.formats.format import Format
from imfuse.io.formats.tiff_colour import to_planes
from imfuse.io.formats.tiff_tags import MOST_PAGES, STORAGE, bounded, geo, nodata, number, xmp
from imfuse.io.formats.tiff_temperature import MARK
from imfuse.io.formats.tiff_unpack import jpeg_planes, jpeg_segment, unpack
from imfuse.types import Metadata, Pixels

_Planes: TypeAlias = tuple[Pixels, Pixels | None, tuple[str, ...]]

# Two byte orders, classic and BigTIFF.
_SIGNATURES = frozenset({b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"})

_MOST_STRIPS = 1 << 16  # each takes some microseconds
_DAMAGED = "the EXIF tags are damaged and were ignored"
_MOST_PROFILE = 1 << 24
_RATIOS = {1: 1, 5: 2800, 8: 1032, 32946: 1032, 32773: 64}  # largest ratio of each method
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))

# tifffile logs anything odd, which Python would print unless somebody has set up logging.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def _read(source: Source) -> Decoded:
    """Decode the only picture in a TIFF file; previews and masks beside it are ignored."""
    source = bounded(source)
    with source.decoding("tifffile"), TiffFile(io.BytesIO(source.data)) as file:
        page = _only_page(source, file)
        _check(source, page)
        samples = _samples(source, page, _segments(source, page))
        if page.compression == 7:
            planes: _Planes = (jpeg_planes(page, samples), None, ())
        else:
            planes = to_planes(source, page, samples)
        tags = page.tags
        found = None if file.is_bigtiff else exif.tidy(source.data, page.offset)
        icc = tags.valueof(34675)
        x, y, unit = (tags.valueof(tag) for tag in (282, 283, 296))
        return Decoded(
            pixels=planes[0],
            alpha=planes[1],
            exif=found.block if found else None,
            icc=icc if isinstance(icc, bytes) and len(icc) <= _MOST_PROFILE else None,
            dpi=exif.resolution(number(x), number(y), 2 if unit is None else unit),
            xmp=xmp(page),
            geo=geo(page),
            nodata=nodata(page),
            orientation=int(tags.valueof(274, 1)),
            notes=planes[2] if found or file.is_bigtiff else (*planes[2], _DAMAGED),
        )


def _only_page(source: Source, file: TiffFile) -> TiffPage:
    """Return the only full page."""
    pages = [page for page in islice(file.pages, MOST_PAGES) if isinstance(page, TiffPage)]
    pages = pages[:1] + [page for page in pages[1:] if not _is_temperature(page)]
    full = [page for page in pages if not page.subfiletype & 0b101] or pages[:1]
    if len(full) > 1:
        raise source.several(f"a TIFF of {len(full)} pages")
    if not full:
        raise source.truncated("its first directory is not in the file")
    return full[0]


def _is_temperature(page: TiffPage) -> bool:
    """Return True for a page that holds the temperatures behind the first one."""
    return str(page.tags.valueof(270)).startswith(MARK)


def _check(source: Source, page: TiffPage) -> None:
    """Refuse files that can't be decoded or would be misread, before anything is allocated.

    tifffile leaves out tags that it can't read, and continues with their defaults.
    """
    tiff = page.parent.tiff
    start = page.offset + tiff.tagnosize
    count = struct.unpack_from(tiff.tagnoformat, source.data, page.offset)[0]
    for place in range(start, start + count * tiff.tagsize, tiff.tagsize):
        code = struct.unpack_from(f"{tiff.byteorder}H", source.data, place)[0]
        if code in STORAGE and page.tags.valueof(code) is None:
            raise source.truncated(f"the value of tag {code} is not in the file")
    source.check_size(page.imagewidth, page.imagelength)
    if page.imagedepth != 1 or page.samplesperpixel < 1:
        raise source.corrupt("its depth or channels have an impossible number")
    _check_samples(source, page)
    # A tile may be larger than the picture, but not absurdly so.
    most = 4 * page.imagewidth * page.imagelength + 2**22
    if page.is_tiled and not 0 < page.tilewidth * page.tilelength <= most:
        raise source.corrupt("its tiles have an impossible size")
    if page.predictor not in {1, 2} and not (page.predictor == 3 and page.sampleformat == 3):
        raise source.unsupported(
            f"TIFF predictor {int(page.predictor)}",
            expected="1, 2, or 3 for floats",
            remedy="Save it again without compression, or as PNG.",
        )


def _check_samples(source: Source, page: TiffPage) -> None:
    bits, kind = page.bitspersample, page.sampleformat
    if isinstance(bits, tuple) or isinstance(kind, tuple):
        raise source.unsupported(
            f"channels of different depths ({bits} bits, kinds {kind})",
            expected="equal channels",
            remedy="Convert it to 8 or 16 bits per channel.",
        )
    low = bits in {1, 2, 4} and page.samplesperpixel == 1
    unsigned = kind in {1, 4} and (bits in {8, 16} or low)  # 4: undefined
    # Signed and 32-bit integers are measurements.
    raw = (kind == 2 and bits in {16, 32}) or (kind in {1, 4} and bits == 32)
    if raw and page.samplesperpixel > 1:
        raise source.unsupported(
            f"{page.samplesperpixel} channels of signed or 32-bit integers",
            expected="one channel",
            remedy="Save the channel that you need as a picture of its own.",
        )
    if not unsigned and not raw and not (kind == 3 and bits in {16, 32, 64}):
        title = {1: "unsigned integers", 2: "signed integers", 3: "floats"}.get(kind, "complex")
        raise source.unsupported(
            f"samples that are {title} of {bits} bits",
            expected="integers of 8, 16 or 32 bits, or floats of 16, 32 or 64",
            remedy="Convert it: to 16 bits, or to 32-bit float with values in [0, 1].",
        )


def _segments(source: Source, page: TiffPage) -> list[bytes | memoryview]:
    """Return the strips or tiles as they are stored, with the usual order of bits."""
    starts, sizes = page.dataoffsets, page.databytecounts
    wanted = math.prod(page.chunked)
    if min(len(starts), len(sizes)) < wanted:
        raise source.corrupt(f"{min(len(starts), len(sizes))} of {wanted} strips are listed")
    if wanted > _MOST_STRIPS:
        raise source.unsupported(
            f"a TIFF of {wanted:,} strips",
            expected=f"at most {_MOST_STRIPS:,}",
            remedy="Save it again with more rows in a strip.",
        )
    places = list(zip(starts[:wanted], sizes[:wanted], strict=True))
    last = max(start + size for start, size in places)
    if last > len(source.data):
        raise source.truncated(f"it refers to byte {last:,} of {len(source.data):,}")
    needed = math.prod(page.shaped) * page.bitspersample // 8
    if sum(size for _, size in places) * _RATIOS.get(page.compression, 10**6) < needed:
        raise source.truncated("there are far fewer bytes than the picture needs")
    source.check_bytes(needed)
    data = memoryview(source.data)
    segments: list[bytes | memoryview] = [data[start : start + size] for start, size in places]
    if page.fillorder == 2 and page.compression != 7:  # JPEG has an order of its own
        segments = [bytes(segment).translate(_REVERSED) for segment in segments]
    return segments


def _samples(source: Source, page: TiffPage, segments: list[bytes | memoryview]) -> Pixels:
    """Return the samples `(H, W, C)`; those of less than 8 bits take a byte each."""
    planes, _, height, width, channels = page.shaped
    rows, columns = (
        (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, width)
    )
    dtype = np.dtype(np.uint8 if page.bitspersample < 8 else page.dtype)
    samples = np.empty((height, width, planes * channels), dtype)
    across, down = -(-width // columns), -(-height // rows)
    for index, segment in enumerate(segments):
        plane, place = divmod(index, down * across)
        y, x = place // across * rows, place % across * columns
        whole = rows if page.is_tiled else min(rows, height - y)
        values = _segment(source, page, segment, (whole, columns, channels))
        part = values[: height - y, : width - x]
        samples[y : y + rows, x : x + columns, plane * channels :][..., :channels] = part
    return samples


def _segment(
    source: Source, page: TiffPage, packed: bytes | memoryview, shape: tuple[int, int, int]
) -> Pixels:
    rows, columns, channels = shape
    if page.compression == 7:
        return jpeg_segment(source, page, packed, shape)
    stride = (columns * channels * page.bitspersample + 7) // 8
    with source.decoding("the decompressor"):
        data = unpack(source, page, packed, (rows, columns), stride)
    if len(data) < rows * stride:
        raise source.truncated(f"a strip has {len(data):,} bytes instead of {rows * stride:,}")
    octets: Pixels = np.frombuffer(data, np.uint8, rows * stride).reshape(rows, stride)
    bits = page.bitspersample
    if bits < 8:
        places = np.unpackbits(octets, axis=1)[:, : columns * bits].reshape(*shape, bits)
        return np.asarray((places << np.arange(bits, dtype=np.uint8)[::-1]).sum(-1, np.uint8))
    dtype = np.dtype(page.dtype)
    if page.predictor == 3:  # differences of bytes, the highest bytes of a row first
        octets = octets.reshape(rows, -1, channels).cumsum(axis=1, dtype=np.uint8)
        octets = octets.reshape(rows, dtype.itemsize, -1).transpose(0, 2, 1).copy()
        return octets.view(dtype.newbyteorder(">")).reshape(shape).astype(dtype)
    samples = octets.view(dtype.newbyteorder(page.parent.byteorder)).reshape(shape)
    if page.predictor == 2:
        whole = samples.view(f"{page.parent.byteorder}u{dtype.itemsize}")
        samples = whole.cumsum(axis=1, dtype=f"u{dtype.itemsize}").view(dtype)
    return samples


def _encode(
    pixels: Pixels, alpha: Pixels | None, metadata: Metadata, _quality: int
) -> list[bytes | memoryview]:
    """Encode pixels of any depth as one strip; the parts, joined, are the file.

    The strip is not compressed: that is exact, fastest, and readable by every program. Pillow
    writes the tags, since it can include EXIF, which tifffile can't.
    """
    tags = exif.directory(metadata.exif, metadata.dpi)
    colour = pixels.ndim == 3
    if alpha is not None:
        pixels = np.dstack((pixels, alpha))
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    height, width = pixels.shape[:2]
    tags[256], tags[257], tags[258] = width, height, (8 * pixels.itemsize,) * channels
    tags[259], tags[262], tags[277], tags[278], tags[284] = (
        1,
        2 if colour else 1,
        channels,
        height,
        1,
    )
    tags[273], tags[279] = 0, pixels.nbytes  # Pillow lets the strip start after the tags
    tags[339] = (3 if pixels.dtype.kind == "f" else 1,) * channels
    if alpha is not None:
        tags[338] = 2  # straight alpha, not multiplied into the colours
    if metadata.icc is not None:
        tags[34675] = metadata.icc
    if metadata.xmp is not None:
        tags[700] = metadata.xmp
    for tag, value in metadata.geo.items():
        tags[tag] = value
    head = tags.tobytes().removeprefix(b"Exif\0\0")
    body = np.ascontiguousarray(
        pixels, pixels.dtype.newbyteorder("<" if tags.endian == "<" else ">")
    )
    return [head, body.reshape(-1).view(np.uint8).data]


TIFF = Format(
    name="TIFF",
    suffixes=(".tif", ".tiff"),
    recognise=lambda data: data[:4] in _SIGNATURES,
    read=_read,
    encode=_encode,
    depths=(np.uint8, np.uint16, np.float32),
    alpha=True,
    geo=True,
    largest=2**32 - 2**20,  # bytes within reach of its 32-bit offsets
)
