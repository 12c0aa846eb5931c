"""What the tags of a TIFF page say about the storage of its pixels."""

from dataclasses import dataclass

import numpy as np

from imfuse.io.container import Source
from imfuse.io.ifd import Block, Entry, integers

STORAGE = frozenset({*range(256, 260), 262, 266, 273, 277, 278, 279, 284, 317, 320})
STORAGE |= {*range(322, 326), 338, 339, 347, 530}
"""Tags without which the pixels would be misread."""

_RATIOS = {1: 1, 5: 2800, 8: 1032, 32946: 1032, 32773: 64}  # the most that a method packs


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page's tags, as far as they say how its pixels are stored."""

    source: Source
    block: Block
    tags: dict[int, Entry]
    width: int
    height: int
    channels: int
    bits: int
    kind: int
    """1: unsigned numbers, 3: floats."""
    compression: int
    predictor: int
    separate: bool
    tile: tuple[int, int]
    """Height and width of a strip or tile."""
    tiled: bool

    def value(self, tag: int, default: int) -> int:
        """Return a tag's first number."""
        return integers(self.tags[tag], self.block.order)[0] if tag in self.tags else default

    def values(self, tag: int) -> tuple[int, ...]:
        """Return a tag's numbers, none where it is missing."""
        return integers(self.tags[tag], self.block.order) if tag in self.tags else ()

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of the samples as they are stored."""
        code = "f" if self.kind == 3 else "u"
        return np.dtype(f"{self.block.order}{code}{max(self.bits, 8) // 8}")

    def segments(self) -> list[memoryview]:
        """Return the strips or tiles as they are stored."""
        starts = self.values(324 if self.tiled else 273)
        sizes = self.values(325 if self.tiled else 279)
        down, across = (
            -(-a // b) for a, b in zip((self.height, self.width), self.tile, strict=True)
        )
        wanted = down * across * (self.channels if self.separate else 1)
        if not sizes and len(starts) == 1 and self.compression == 1:  # early writers leave it out
            sizes = (self.packed_size(0),)
        if len(starts) < wanted or len(sizes) < wanted:
            raise self.source.corrupt(
                f"{min(len(starts), len(sizes))} of {wanted} strips are listed"
            )
        places = zip(starts[:wanted], sizes[:wanted], strict=True)
        return [self.block.slice(start, size) for start, size in places]

    def rows(self, index: int) -> int:
        """Return the number of rows in a strip (the last is shorter) or tile (always whole)."""
        down = -(-self.height // self.tile[0])
        if self.tiled:
            return self.tile[0]
        return min(self.tile[0], self.height - index % down * self.tile[0])

    def packed_size(self, index: int) -> int:
        """Return the bytes that a strip or tile has when unpacked."""
        return self.rows(index) * self.row_bytes

    @property
    def row_bytes(self) -> int:
        """Bytes in a row of a strip or tile; rows of less than 8 bits end at a whole byte."""
        return (self.tile[1] * (1 if self.separate else self.channels) * self.bits + 7) // 8


def read_page(source: Source, block: Block, tags: dict[int, Entry]) -> Page:
    """Read the tags, and refuse sizes and samples that can't be decoded.

    Raises:
        UnsupportedImage: The samples are integers of other than 8 or 16 bits, or differ.
        ImageTooLarge: There are too many pixels.
        UnreadableImage: The tags contradict themselves.
    """

    def value(tag: int, default: int) -> int:
        return integers(tags[tag], block.order)[0] if tag in tags else default

    width, height = value(256, 0), value(257, 0)
    source.check_size(width, height)
    channels, tiled = value(277, 1), 322 in tags
    bits, kind = _samples(source, block, tags, channels)
    tile = (value(323, 0), value(322, 0)) if tiled else (min(value(278, height), height), width)
    # A tile may be larger than the picture, but not absurdly so.
    if min(tile) < 1 or channels < 1 or tile[0] * tile[1] > 4 * width * height + 2**22:
        raise source.corrupt("its strips, tiles or channels have an impossible size")
    page = Page(
        source=source,
        block=block,
        tags=tags,
        width=width,
        height=height,
        channels=channels,
        bits=bits,
        kind=kind,
        compression=value(259, 1),
        predictor=value(317, 1),
        separate=value(284, 1) == 2 and channels > 1,
        tile=tile,
        tiled=tiled,
    )
    stored = sum(len(segment) for segment in page.segments())
    if stored * _RATIOS.get(page.compression, 10**6) < height * width * channels * bits // 8:
        raise source.truncated("there are far fewer bytes than the picture needs")
    return page


def _samples(
    source: Source, block: Block, tags: dict[int, Entry], channels: int
) -> tuple[int, int]:
    """Return bits per sample and their kind, which all channels must share."""
    all_bits = set(integers(tags[258], block.order)) if 258 in tags else {1}
    kinds = set(integers(tags[339], block.order)) if 339 in tags else {1}
    if len(all_bits) > 1 or len(kinds) > 1:
        raise source.unsupported(
            f"channels of different depths ({sorted(all_bits)} bits, kinds {sorted(kinds)})",
            expected="equal channels",
            remedy="Convert it to 8 or 16 bits per channel.",
        )
    bits, kind = all_bits.pop(), kinds.pop()
    kind = 1 if kind == 4 else kind  # 4: undefined, which in practice is unsigned
    low = bits in {1, 2, 4} and channels == 1
    if not ((kind == 1 and (bits in {8, 16} or low)) or (kind == 3 and bits in {16, 32, 64})):
        title = {1: "unsigned integers", 2: "signed integers", 3: "floats"}.get(kind, "complex")
        raise source.unsupported(
            f"samples that are {title} of {bits} bits",
            expected="unsigned integers of 8 or 16 bits, or floats of 16, 32 or 64",
            remedy="Convert it: to 16 bits, or to 32-bit float with values in [0, 1].",
        )
    return bits, kind
