"""Description of a picture format; each format is one object in one file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from imfuse.io.formats.container import Decoded, Source
from imfuse.types import Metadata, Pixels

Encoder = Callable[[Pixels, Pixels | None, Metadata, int], Sequence[bytes | memoryview]]
"""Function of pixels, alpha, metadata and quality (1 to 100) that returns the parts of a file."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A picture format.

    Attributes:
        name: Name in upper case, such as `PNG`.
        suffixes: Suffixes of file names, in lower case and with their dot.
        recognise: Returns True for the content of such a file; cheap, from its first bytes.
        read: Decodes a file.
        encode: Encodes a picture; None if the format is only read.
        depths: Types of samples that it stores without loss of depth.
        alpha: Whether it stores transparency.
        longest_exif: Largest EXIF block that it stores, in bytes; 0: none.
        longest_xmp: Largest XMP packet that it stores, in bytes; 0: none.
        icc: Whether it stores colour profiles.
        gray: Whether it stores gray pictures as such; otherwise they are written as colour.
        geo: Whether it stores GeoTIFF's tags.
        longest_side: Largest width and height in pixels.
        largest: Largest size of all samples together, in bytes.
    """

    name: str
    suffixes: tuple[str, ...]
    recognise: Callable[[bytes], bool]
    read: Callable[[Source], Decoded]
    encode: Encoder | None = None
    depths: tuple[type[np.generic], ...] = ()
    alpha: bool = False
    longest_exif: int = 2**31
    longest_xmp: int = 2**31
    icc: bool = True
    gray: bool = True
    geo: bool = False
    longest_side: int = 2**31 - 1
    largest: int = 2**62

    def can_hold(self, dtype: DTypeLike) -> bool:
        """Return True if samples of this type are stored without loss of depth."""
        return self.encode is not None and np.dtype(dtype).type in self.depths

    def losses(self, metadata: Metadata) -> list[str]:
        """Return the parts of a picture's metadata that this format has no place for."""
        lost = []
        for title, block, most in (
            ("EXIF data", metadata.exif, self.longest_exif),
            ("XMP data", metadata.xmp, self.longest_xmp),
        ):
            if block is not None and len(block) > most:
                lost.append(f"{title} of more than {round(most / 1024)} kB" if most else title)
        if metadata.icc is not None and not self.icc:
            lost.append("colour profile")
        if metadata.geo and not self.geo:
            lost.append("GeoTIFF tags")
        return lost
