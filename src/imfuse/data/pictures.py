"""Pairs stored as pictures: two files, one PNG of four channels, or two halves of one picture."""

from dataclasses import replace
from pathlib import Path

from imfuse.data.boxes import read_boxes
from imfuse.data.entries import Entry
from imfuse.data.folders import Found
from imfuse.data.matching import PairPaths
from imfuse.data.sample import Annotations, Sample, make_sample, pixels_of
from imfuse.data.sources import Source
from imfuse.errors import UnsupportedImage
from imfuse.io.images import read_image
from imfuse.io.labels import read_labels
from imfuse.types import ImagePair, Picture


class PicturePairs(Source):
    """The pairs of a folder of pictures.

    Args:
        found: Content of the folder.
    """

    def __init__(self, found: Found) -> None:
        self.found, self.layout = found, found.layout
        self.files = found.pairs
        # The same name may occur in two splits.
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
        """Files without a partner, with the reason."""
        return self.found.unmatched

    def load(self, index: int) -> Sample:
        """Return a sample as it is stored."""
        files, pair = self.files[index], self.pair(index)
        ir, vis = pixels_of(pair.ir), pixels_of(pair.vis)
        labels, boxes = self._annotations(files, pair.vis.size)
        sample = make_sample(self.entries[index].name, ir, vis, labels, files.ir)
        sample = replace(sample, boxes=boxes)
        if sample.ir.dtype == sample.vis.dtype:
            return sample
        # If the sensors' depths differ, use float for both, which can hold either.
        return sample.as_float()

    def pair(self, index: int) -> ImagePair:
        """Return the two pictures as their files hold them."""
        return _READERS[self.found.form.kind](self.files[index])

    def annotations(self, index: int) -> Annotations:
        """Return the labels and boxes of a sample."""
        files = self.files[index]
        if files.boxes is None or files.boxes.suffix.lower() == ".json":
            return self._annotations(
                files, (0, 0)
            )  # only boxes in files of their own need the size
        return self._annotations(files, self.pair(index).vis.size)

    def _annotations(self, files: PairPaths, size: tuple[int, int]) -> Annotations:
        labels = None if files.labels is None else read_labels(files.labels)
        if files.boxes is None:
            return Annotations(labels)
        known = self.layout.box_classes or self.layout.classes
        return Annotations(labels, read_boxes(files.boxes, files.name, size, known))


def _two_files(files: PairPaths) -> ImagePair:
    return ImagePair(ir=read_image(files.ir), vis=read_image(files.vis))


def _four_channels(files: PairPaths) -> ImagePair:
    picture = read_image(files.ir)
    if picture.alpha is None or not picture.is_colour:
        raise UnsupportedImage(
            "it has no four channels",
            file=files.ir,
            expected="red, green, blue and thermal in one PNG",
        )
    return ImagePair(
        ir=replace(picture, pixels=picture.alpha, alpha=None), vis=replace(picture, alpha=None)
    )


def _halves(files: PairPaths) -> ImagePair:
    picture = read_image(files.ir)
    width = picture.size[1]
    if width % 2:
        raise UnsupportedImage(
            f"its width {width} is odd",
            file=files.ir,
            expected="two pictures of the same width, the visible one on the left",
        )
    halves = slice(width // 2, width), slice(width // 2)
    ir, vis = (_columns(picture, half) for half in halves)
    return ImagePair(ir=ir, vis=vis)


def _columns(picture: Picture, columns: slice) -> Picture:
    return replace(
        picture,
        pixels=picture.pixels[:, columns],
        alpha=None if picture.alpha is None else picture.alpha[:, columns],
        nodata=None if picture.nodata is None else picture.nodata[:, columns],
    )


_READERS = {
    "files": _two_files,
    "four channels": _four_channels,
    "side by side": _halves,
}
