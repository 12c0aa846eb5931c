"""The description of a picture format: one object in one file per format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from imfuse.io.formats.container import Decoded, Source
from imfuse.types import Metadata, Pixels

Encoder = Callable[[Pixels, Pixels | None, Metadata, int], Sequence[bytes | memoryview]]
"""From pixels, alpha, metadata and quality to the parts of a file."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A picture format.

    A plug-in defines one such object and names it in the entry-point group `imfuse.formats`.

    Attributes:
        name: Name in upper case, such as `PNG`.
        suffixes: Endings of file names in lower case, with their dot, the usual one first.
        recognise: Returns True for the content of such a file; only the first bytes count.
        read: Decodes a file.
        encode: Encodes a picture; None where the format is only read.
        depths: Types of samples that it stores without loss.
        alpha: Whether it stores transparency.
        holds: Which of `exif`, `icc`, `xmp` and `geo` it stores.
        longest_exif: Most bytes of EXIF.
        longest_xmp: Most bytes of XMP.
        longest_side: Most pixels of a side.
        largest: Most bytes of pixels.
    """

    name: str
    suffixes: tuple[str, ...]
    recognise: Callable[[bytes], bool]
    read: Callable[[Source], Decoded]
    encode: Encoder | None = None
    depths: tuple[type[np.generic], ...] = (np.uint8,)
    alpha: bool = False
    holds: frozenset[str] = frozenset({"exif", "icc", "xmp"})
    longest_exif: int = 2**31
    longest_xmp: int = 2**31
    longest_side: int = 2**31 - 1
    largest: int = 2**62

    def can_hold(self, dtype: DTypeLike) -> bool:
        """Return True if samples of a type are stored without loss of depth."""
        return np.dtype(dtype).type in self.depths
