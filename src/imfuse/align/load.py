"""From what the options say to the aligner that does it."""

from pathlib import Path

from imfuse.align.auto import AutoAligner
from imfuse.align.resize import PixelOnPixel, SameView
from imfuse.align.rig import Rig, RigAligner
from imfuse.options import FuseOptions
from imfuse.types import Aligner


def find_aligner(options: FuseOptions) -> Aligner:
    """Return the aligner that the options ask for.

    Raises:
        UnreadableImage: The rig file can't be read.
    """
    if options.align == "off":
        return PixelOnPixel() if options.resize is None else SameView(stretch=options.stretch)
    if options.align == "auto":
        return AutoAligner()
    file = Path(options.align)
    return RigAligner(Rig.read(file), file)
