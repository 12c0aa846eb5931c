"""Shared parts of the readers: the bytes, the size guard, and the wording of refusals."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2

from imfuse.errors import (
    ImageTooLarge,
    ImfuseError,
    UnreadableImage,
    UnsupportedImage,
)
from imfuse.types import Pixels

_AGAIN = "Copy or export the file again from its source"


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Content of a file, before orientation is applied and metadata is normalised."""

    pixels: Pixels
    alpha: Pixels | None = None
    exif: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    geo: dict[int, Any] | None = None
    """GeoTIFF tags, by code."""
    nodata: float | None = None
    """Value that stands for no data, where the file names one."""
    orientation: int | None = None
    """TIFF's own orientation tag; None: the EXIF block decides."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Source:
    """The bytes of one picture file, with what messages need.

    Attributes:
        data: The whole file.
        name: Its path, or a word such as `<bytes>`.
        max_pixels: Most pixels that the header may announce.
    """

    data: bytes
    name: str
    max_pixels: int

    def check_size(self, width: int, height: int) -> None:
        """Refuse an empty picture, and one above the limit, before anything is allocated.

        Raises:
            UnsupportedImage: A side is zero.
            ImageTooLarge: More than `max_pixels` pixels.
        """
        if width < 1 or height < 1:
            raise self.unsupported(
                f"the header announces an empty picture of {width}x{height} pixels",
                expected="at least 1x1 pixel",
                remedy=f"{_AGAIN}.",
            )
        if width * height > self.max_pixels:
            raise ImageTooLarge(
                f"the header announces {width}x{height} = {width * height:,} pixels",
                file=self.name,
                expected=f"at most {self.max_pixels:,}",
                remedy="If the file can be trusted, raise --max-pixels (max_pixels=); else delete"
                " it: such headers are made to exhaust memory.",
            )

    def too_large_for_memory(self) -> ImageTooLarge:
        """Return the error for a picture that exhausts memory."""
        return ImageTooLarge(
            "there is not enough memory to decode the picture",
            file=self.name,
            expected="a picture that fits in memory",
            remedy="Cut or shrink it, or close other programs.",
        )

    def truncated(self, what: str) -> UnreadableImage:
        """Return the error for a file that ends too early."""
        return UnreadableImage(
            f"the file is truncated: {what}",
            file=self.name,
            expected="a whole picture",
            remedy=f"{_AGAIN}; a part of it is missing.",
        )

    def corrupt(self, what: str) -> UnreadableImage:
        """Return the error for a file whose content contradicts itself."""
        return UnreadableImage(
            f"the file is corrupted: {what}",
            file=self.name,
            expected="an undamaged picture",
            remedy=f"{_AGAIN}.",
        )

    def unsupported(self, found: str, *, expected: str, remedy: str) -> UnsupportedImage:
        """Return the error for a sound file of a kind that is not read here."""
        return UnsupportedImage(found, file=self.name, expected=expected, remedy=remedy)

    def several(self, found: str) -> UnsupportedImage:
        """Return the error for an animation, or a file of several pages."""
        return self.unsupported(
            found,
            expected="a single picture",
            remedy="Save the frames or pages as single pictures and fuse those.",
        )

    @contextmanager
    def decoding(self, library: str) -> Iterator[None]:
        """Turn whatever a decoding library raises into a named error."""
        try:
            yield
        except ImfuseError:
            raise
        except MemoryError as error:
            raise self.too_large_for_memory() from error
        except cv2.error as error:
            if "nsufficient memory" in str(error):
                raise self.too_large_for_memory() from error
            raise self.corrupt(f"{library} reports: {error.err}") from error
        except Exception as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise self.corrupt(f"{library} reports: {lines[0][:200]}") from error
