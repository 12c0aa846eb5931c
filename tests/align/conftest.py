"""Rendered pairs whose registration is known."""

import numpy as np
import pytest

from imfuse.scenes import render
from reference.two_cameras import SIZE


def as_bytes(picture):
    return np.rint(255 * picture).astype(np.uint8)


@pytest.fixture(scope="session")
def scenes():
    """Registered pairs of streets: infrared `(H, W)` and visible `(H, W, 3)`."""
    found = []
    for seed in range(6):
        scene = render("street-day" if seed % 2 else "street-night", size=SIZE, seed=500 + seed)
        found.append((as_bytes(scene.ir), as_bytes(scene.vis)))
    return found
