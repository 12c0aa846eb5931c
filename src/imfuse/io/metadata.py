"""What files say besides pixels: resolution and colour profiles (EXIF is in `exif.py`)."""

INCH = 0.0254
"""Metres in an inch: PNG and BMP give the resolution per metre."""


def tidy_dpi(x: int, y: int) -> tuple[float, float] | None:
    """Return dots per inch from whole pixels per metre.

    72 dpi become 2835 per metre, which are 72.009 dpi: of all values that are stored alike, the
    one with the fewest decimals is returned, so that writing and reading agree.
    """
    return (_tidy(x), _tidy(y)) if x > 0 and y > 0 else None


def _tidy(per_metre: int) -> float:
    for decimals in (0, 1, 2):
        value = round(per_metre * INCH, decimals)
        if value and round(value / INCH) == per_metre:
            return value
    return per_metre * INCH


def profile_fits(icc: bytes, *, colour: bool) -> bool:
    """Whether an ICC profile describes pictures of this kind: gray for gray, RGB for colour."""
    whole = 132 <= int.from_bytes(icc[:4], "big") <= len(icc)
    return whole and icc[36:40] == b"acsp" and icc[16:20] == (b"RGB " if colour else b"GRAY")
