"""Pairs with replaced pictures, as a segmenter or a network sees them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from imfuse.data.sample import Sample, gray, make_sample, pixels_of
from imfuse.data.sources import Derived, Source
from imfuse.errors import DatasetNotFound, UsageError
from imfuse.io.images import read_image
from imfuse.io.pairs import list_images

FUSED = "fused:"
"""Prefix of a setting that names a folder of fused pictures."""


class ShownSource(Derived):
    """A source whose visible pictures are replaced.

    Args:
        source: The pairs.
        on: `ir`: by the infrared ones; `fused:FOLDER`: by the pictures of a folder that are named
            after the pairs.

    Raises:
        UsageError: `on` is neither.
        DatasetNotFound: The folder lacks pictures of some pairs.
        UnreadableImage: The folder is missing or empty.
    """

    def __init__(self, source: Source, on: str) -> None:
        super().__init__(source)
        self._files: list[Path] | None = None
        if on.startswith(FUSED):
            self._files = _files(source, Path(on.removeprefix(FUSED)))
        elif on != "ir":
            raise UsageError(f"pictures {on!r}", expected="vis, ir, or fused:FOLDER")

    def load(self, index: int) -> Sample:
        """Return a sample with the other picture as the visible one."""
        sample = self.source.load(index)
        if self._files is None:
            return replace(sample, vis=np.repeat(sample.ir[..., None], 3, axis=2))
        file = self._files[index]
        fused = pixels_of(read_image(file))
        made = make_sample(sample.name, sample.ir, fused, sample.labels, file)
        return made if made.ir.dtype == made.vis.dtype else made.as_float()


class MRIAsVisible(Derived):
    """A source with MRI as the visible pictures, and PET or SPECT, in gray, as infrared ones."""

    def load(self, index: int) -> Sample:
        """Return a sample; if its infrared picture is an MRI, exchange both pictures, in gray."""
        sample = self.source.load(index)
        if not self.entries[index].mri_as_ir:
            return sample
        vis = np.repeat(sample.ir[..., None], 3, axis=2)
        return replace(sample, ir=gray(sample.vis), vis=vis)


def shown(source: Source, on: str) -> Source:
    """Return a source as a segmenter sees it; for `vis`, the source itself."""
    return source if on == "vis" else ShownSource(source, on)


def _files(source: Source, folder: Path) -> list[Path]:
    there = {path.stem: path for path in list_images(folder)}
    wanted = [name.rpartition("/")[2] for name in source.names]
    missing = [name for name in wanted if name not in there]
    if missing:
        raise DatasetNotFound(
            f"no fused picture of {len(missing)} pairs, such as {missing[0]}",
            file=folder,
            expected="one for each pair, with the same name except for the extension",
            remedy="Fuse the pairs first: `imfuse fuse IR VIS -o FOLDER`.",
        )
    return [there[name] for name in wanted]
