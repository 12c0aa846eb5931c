"""From what the options say to the aligner that does it."""

from imfuse.align.resize import PixelOnPixel, SameView
from imfuse.options import FuseOptions
from imfuse.types import Aligner


def find_aligner(options: FuseOptions) -> Aligner:
    """Return the aligner that the options ask for."""
    return PixelOnPixel() if options.resize is None else SameView(stretch=options.stretch)
