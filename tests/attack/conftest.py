"""Pairs to attack with."""

import numpy as np
import pytest

from imfuse.data.rendered import RenderedPairs
from imfuse.io.images import write_image
from imfuse.types import Picture


@pytest.fixture(scope="session")
def rendered_pairs():
    """Return a function that writes rendered pairs into the folders `ir` and `vis` of a folder."""

    def write(root, count, size=(48, 64)):
        source = RenderedPairs(min(count, 4), split="test", size=size)
        samples = [source.load(index) for index in range(len(source))]
        for folder in ("ir", "vis"):
            (root / folder).mkdir(parents=True)
        for index in range(count):
            sample = samples[index % len(samples)]  # rendering takes time: others are shifted
            for folder, pixels in (("ir", sample.ir), ("vis", sample.vis)):
                shifted = np.roll(pixels, 3 * index, axis=1)
                write_image(root / folder / f"{index:03d}.png", Picture(pixels=shifted))

    return write
