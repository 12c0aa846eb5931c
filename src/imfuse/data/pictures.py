"""Pairs stored as pictures: two files, one PNG of four channels, or two halves of one picture."""

from pathlib import Path

from imfuse.data.folders import Found, PairPaths
from imfuse.data.sample import Sample, make_sample, pixels_of
from imfuse.data.sources import Entry, Source
from imfuse.errors import UnsupportedImage
from imfuse.io.images import read_image
from imfuse.io.labels import read_labels
from imfuse.types import Pixels


class PicturePairs(Source):
    """The pairs of a folder of pictures.

    Args:
        found: What the folder holds.
    """

    def __init__(self, found: Found) -> None:
        self.found, self.layout = found, found.layout
        self.pairs = found.pairs
        # One name may occur in two splits.
        names = [pair.name for pair in found.pairs]
        twice = len(set(names)) < len(names)
        self.entries = tuple(
            Entry(
                name=f"{pair.split}/{pair.name}" if twice and pair.split else pair.name,
                split=pair.split,
                group=pair.name,
                labelled=pair.labels is not None,
                mri_as_ir=found.layout.mri_as_ir,
            )
            for pair in found.pairs
        )

    @property
    def unmatched(self) -> tuple[tuple[Path, str], ...]:
        """Files that make no pair, and why."""
        return self.found.unmatched

    def load(self, index: int) -> Sample:
        """Return a sample as it is stored."""
        pair = self.pairs[index]
        ir, vis = _READERS[self.found.form.kind](pair)
        labels = None if pair.labels is None else read_labels(pair.labels)
        sample = make_sample(self.entries[index].name, ir, vis, labels, pair.ir)
        if sample.ir.dtype == sample.vis.dtype:
            return sample
        # Sensors of different depth: both as float, the one type that holds either.
        return sample.as_float()


def _two_files(pair: PairPaths) -> tuple[Pixels, Pixels]:
    return pixels_of(read_image(pair.ir)), pixels_of(read_image(pair.vis))


def _four_channels(pair: PairPaths) -> tuple[Pixels, Pixels]:
    picture = read_image(pair.ir)
    if picture.alpha is None or not picture.is_colour:
        raise UnsupportedImage(
            "it has no four channels",
            file=pair.ir,
            expected="red, green, blue and thermal in one PNG",
        )
    return picture.alpha, pixels_of(picture)


def _halves(pair: PairPaths) -> tuple[Pixels, Pixels]:
    pixels = pixels_of(read_image(pair.ir))
    width = pixels.shape[1]
    if width % 2:
        raise UnsupportedImage(
            f"its width {width} is odd",
            file=pair.ir,
            expected="two pictures of the same width, the visible one on the left",
        )
    return pixels[:, width // 2 :], pixels[:, : width // 2]


_READERS = {
    "files": _two_files,
    "four channels": _four_channels,
    "side by side": _halves,
}
