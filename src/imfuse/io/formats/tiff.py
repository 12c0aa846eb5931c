"""TIFF: tifffile reads the tags, zlib and Pillow's libtiff unpack, strips are put together here.

Without further packages tifffile unpacks neither LZW, JPEG nor fax, and fills missing strips with
zeros; Pillow and OpenCV change depths. So every strip is unpacked and measured by itself.
"""

import io
import logging
import math
import struct
import zlib
from itertools import accumulate, islice
from typing import Any, TypeAlias

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from tifffile import TiffFile, TiffPage

from imfuse.io.formats import exif
from imfuse.io.formats.arrays import planes
from imfuse.io.formats.container import Decoded, Source
from imfuse.io.formats.format import Format
from imfuse.io.formats.tiff_colour import to_planes
from imfuse.io.formats.tiff_tags import MOST_PAGES, STORAGE, bounded, geo, nodata, number, xmp
from imfuse.types import Metadata, Pixels

_Buffer: TypeAlias = bytes | memoryview

_Planes: TypeAlias = tuple[Pixels, Pixels | None, tuple[str, ...]]

# Two byte orders, classic and BigTIFF.
_SIGNATURES = frozenset({b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"})

_DAMAGED = "the EXIF tags are damaged and were ignored"
_MOST_PROFILE = 1 << 24
_WHOLE = frozenset({2, 3, 4, 7})  # fax and JPEG, which know about pixels
_RATIOS = {1: 1, 5: 2800, 8: 1032, 32946: 1032, 32773: 64}  # the most that a method packs
_LIBTIFF = frozenset({5, 32773, 34925, 50000})  # LZW, PackBits, LZMA, Zstandard
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))

# tifffile logs what it finds odd. Where nobody set up logging, Python would print that.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def _read(source: Source) -> Decoded:
    """Decode the one picture in a TIFF file; previews and masks beside it are passed over."""
    source = bounded(source)
    with source.decoding("tifffile"), TiffFile(io.BytesIO(source.data)) as file:
        page = _only_page(source, file)
        _check(source, page)
        whole = page.compression in _WHOLE and page.bitspersample in {1, 8}
        segments = _segments(source, page)
        if whole:
            planes: _Planes = (_decode_whole(source, page, segments), None, ())
        else:
            planes = to_planes(source, page, _samples(source, page, segments))
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
    full = [page for page in pages if not page.subfiletype & 0b101] or pages[:1]
    if len(full) > 1:
        raise source.several(f"a TIFF of {len(full)} pages")
    if not full:
        raise source.truncated("its first directory is not in the file")
    return full[0]


def _check(source: Source, page: TiffPage) -> None:
    """Refuse what can't be decoded or would be misread, before anything is allocated.

    tifffile leaves out the tags that it can't read, and works on with their defaults.
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
    # Measurements: signed, or of 32 bits.
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


def _segments(source: Source, page: TiffPage) -> list[_Buffer]:
    """Return the strips or tiles as they are stored, with the usual order of bits."""
    starts, sizes = page.dataoffsets, page.databytecounts
    wanted = math.prod(page.chunked)
    if min(len(starts), len(sizes)) < wanted:
        raise source.corrupt(f"{min(len(starts), len(sizes))} of {wanted} strips are listed")
    places = list(zip(starts[:wanted], sizes[:wanted], strict=True))
    last = max(start + size for start, size in places)
    if last > len(source.data):
        raise source.truncated(f"it refers to byte {last:,} of {len(source.data):,}")
    needed = math.prod(page.shaped) * page.bitspersample // 8
    if sum(size for _, size in places) * _RATIOS.get(page.compression, 10**6) < needed:
        raise source.truncated("there are far fewer bytes than the picture needs")
    source.check_bytes(needed)
    data = memoryview(source.data)
    segments: list[_Buffer] = [data[start : start + size] for start, size in places]
    if page.fillorder == 2 and page.compression != 7:  # JPEG has an order of its own
        segments = [bytes(segment).translate(_REVERSED) for segment in segments]
    return segments


def _samples(source: Source, page: TiffPage, segments: list[_Buffer]) -> Pixels:
    """Return the samples `(H, W, C)`; those of less than 8 bits one to a byte."""
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
    source: Source, page: TiffPage, packed: _Buffer, shape: tuple[int, int, int]
) -> Pixels:
    rows, columns, channels = shape
    stride = (columns * channels * page.bitspersample + 7) // 8
    with source.decoding("the decompressor"):
        data = _unpack(source, page.compression, packed, rows, stride)
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


def _unpack(source: Source, method: int, packed: _Buffer, rows: int, stride: int) -> _Buffer:
    if method == 1:
        return packed
    if method in {8, 32946}:
        return zlib.decompressobj().decompress(packed, rows * stride)
    if method in _LIBTIFF:  # as if it were an 8-bit gray picture
        tags = {256: stride, 257: rows, 258: 8, 259: int(method), 262: 1, 278: rows}
        with TiffImageFile(_file(tags, [packed])) as image:
            image.load()
            return image.tobytes()
    raise source.unsupported(
        f"TIFF compression {int(method)}",
        expected="none, Deflate, LZW, PackBits, LZMA, Zstandard, JPEG or fax",
        remedy="Save it again without compression, or as PNG.",
    )


def _file(tags: dict[int, Any], segments: list[_Buffer]) -> io.BytesIO:
    """Return a small TIFF file of these strips or tiles, for Pillow."""
    directory = ImageFileDirectory_v2()
    starts, sizes = (324, 325) if 322 in tags else (273, 279)
    lengths = [len(segment) for segment in segments]
    for tag in (starts, sizes):
        directory.tagtype[tag] = 4  # 32-bit numbers, whose length does not depend on their value
    for tag, value in (tags | {sizes: tuple(lengths), starts: tuple(lengths)}).items():
        directory[tag] = value
    at = 8 + len(directory.tobytes(8))
    # Pillow itself moves the starts of strips, but not those of tiles, behind the directory.
    before = at if starts == 324 else 0
    directory[starts] = tuple(before + place for place in accumulate([0, *lengths[:-1]]))
    head = struct.pack("<2sHI", b"II", 42, 8)
    return io.BytesIO(b"".join((head, directory.tobytes(8), *segments)))


def _decode_whole(source: Source, page: TiffPage, segments: list[_Buffer]) -> Pixels:
    """Return the samples of a picture that is packed by fax or JPEG, as 8-bit gray or RGB."""
    if page.compression == 7 and not all(b"\xff\xd9" in bytes(part[-16:]) for part in segments):
        raise source.truncated("a JPEG strip has no end marker")
    tags: dict[int, Any] = {256: page.imagewidth, 257: page.imagelength, 259: int(page.compression)}
    tags |= {258: (page.bitspersample,) * page.samplesperpixel, 277: page.samplesperpixel}
    # Pillow warns of tags with more values than usual: only the first is handed on.
    for tag in (262, 284, 292, 293, 322, 323, 347, 530):
        value = page.tags.valueof(tag)
        if value is not None:
            several = tag == 530 and isinstance(value, tuple)
            tags[tag] = value if several or isinstance(value, bytes) else int(np.ravel(value)[0])
    if 322 not in tags:
        tags[278] = page.rowsperstrip
    with source.decoding("Pillow"), TiffImageFile(_file(tags, segments)) as image:
        if image.size != (page.imagewidth, page.imagelength):
            raise source.corrupt("its size is given twice, differently")
        image.load()
        return planes(image.convert("RGB") if image.mode == "RGBA" else image)[0]


def _encode(
    pixels: Pixels, alpha: Pixels | None, metadata: Metadata, _quality: int
) -> list[bytes | memoryview]:
    """Encode pixels of any depth as one strip; the parts, put together, are the file.

    Not compressed: that is exact, quickest, and read by every program. Pillow writes the tags,
    since it puts EXIF among them (tifffile has no way to).
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
    tags[273], tags[279] = 0, pixels.nbytes  # Pillow lets the strip start behind the tags
    tags[339] = (3 if pixels.dtype.kind == "f" else 1,) * channels
    if alpha is not None:
        tags[338] = 2  # straight, not multiplied into the colours
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
    largest=2**32 - 2**20,  # bytes that its 32-bit offsets reach
)
