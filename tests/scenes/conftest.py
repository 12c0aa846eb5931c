"""Scenes that several tests look at, rendered once."""

from functools import lru_cache

import pytest

from imfuse.scenes import render

SIZE = (120, 160)


@lru_cache(maxsize=64)
def _rendered(kind, seed, size, misalign):
    return render(kind, seed=seed, size=size, misalign=misalign)


@pytest.fixture(scope="session")
def scene_of():
    """A cached `render(kind, seed)` at a small size."""

    def get(kind, seed=0, size=SIZE, misalign=0.0):
        return _rendered(kind, seed, size, misalign)

    return get
