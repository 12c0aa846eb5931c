"""Parts that the readers of all formats share: the bytes, the size guard, the error messages."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2

from imfuse.errors import (
    ImageTooLarge,
    ImfuseError,
    UnreadableImage,
    UnsupportedImage,
)
from imfuse.types import GeoValue, Pixels

_AGAIN = "Copy or export the file again from its source"
_LONGEST_FINDING = 200  # most characters of a file's or a library's text in a message


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Content of a file, before its orientation is applied and its metadata tidied."""

    pixels: Pixels
    alpha: Pixels | None = None
    exif: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    geo: Mapping[int, GeoValue] = field(default_factory=dict)
    """GeoTIFF's tags by number."""
    nodata: float | None = None
    """The value that marks pixels without a value, as declared by the file."""
    orientation: int | None = None
    """TIFF's own orientation tag; None: the EXIF block decides."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Source:
    """The bytes of one picture file, and its name for messages.

    Attributes:
        data: The whole file.
        name: Path of the file, or a word such as `<bytes>`.
        max_pixels: Largest number of pixels that the header may announce.
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

    def check_bytes(self, size: int) -> None:
        """Refuse samples that take far more memory than the file's size and the limit suggest.

        A picture within `max_pixels` may have 8 or more bytes per pixel, and Deflate can pack them
        to a thousandth. Files packed to less than a hundredth may have at most 2 bytes per pixel
        at the limit.

        Args:
            size: Bytes of all samples, unpacked.

        Raises:
            ImageTooLarge: The samples take more.
        """
        most = max(2 * self.max_pixels, 1 << 26, 100 * len(self.data))
        if size > most:
            raise ImageTooLarge(
                f"{len(self.data):,} bytes unpack to {size:,} bytes of pixels",
                file=self.name,
                expected=f"at most {most:,}",
                remedy="If the file can be trusted, raise --max-pixels (max_pixels=); else delete"
                " it: such files are made to exhaust memory.",
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
            f"the file is truncated: {_short(what)}",
            file=self.name,
            expected="a whole picture",
            remedy=f"{_AGAIN}; a part of it is missing.",
        )

    def corrupt(self, what: str) -> UnreadableImage:
        """Return the error for a file whose content contradicts itself."""
        return UnreadableImage(
            f"the file is corrupted: {_short(what)}",
            file=self.name,
            expected="an undamaged picture",
            remedy=f"{_AGAIN}.",
        )

    def unsupported(self, found: str, *, expected: str, remedy: str) -> UnsupportedImage:
        """Return the error for a sound file of a kind that is not read here."""
        return UnsupportedImage(_short(found), file=self.name, expected=expected, remedy=remedy)

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
            raise self.corrupt(f"{library} reports: {lines[0]}") from error


def _short(text: str) -> str:
    """Return a text from a file or a library without control characters, and not too long."""
    tidy = "".join(one if one.isprintable() else "?" for one in text[: _LONGEST_FINDING + 1])
    return tidy if len(text) <= _LONGEST_FINDING else f"{tidy[:_LONGEST_FINDING]}..."
