"""Large pictures: tiles that equal the whole, in bounded memory."""

import tracemalloc

import cv2
import numpy as np
import pytest

from imfuse.engines.base import FunctionEngine
from imfuse.errors import MemoryLimit
from imfuse.fuser import Fuser
from imfuse.types import FusionSpec, ImagePair, Picture, TileRule


def engine(function, **spec):
    return FunctionEngine(FusionSpec(name="test", title="test", kind="classical", **spec), function)


def vis_only(ir, vis):
    return vis


def pair(ir, vis):
    return ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))


def random_pixels(rng, shape, dtype):
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def box(size):
    def mean(ir, vis):
        return cv2.blur(ir, (size, size), borderType=cv2.BORDER_REFLECT) + 0 * vis

    return mean


@pytest.mark.parametrize(("height", "width"), [(201, 340), (40, 3000), (3000, 40), (512, 512)])
def test_tiles_equal_the_whole(rng, height, width):
    ir = random_pixels(rng, (height, width), np.uint16)
    vis = random_pixels(rng, (height, width, 3), np.uint8)
    tiled_engine = engine(box(9), tile=TileRule(halo=4, stride=8), bytes_per_pixel=40)
    whole = Fuser(tiled_engine).fuse(pair(ir, vis)).pixels
    for room in (100_000, 500_000, 3_000_000):
        fuser = Fuser(tiled_engine, max_memory=vis.nbytes + room)
        tiled = fuser.fuse(pair(ir, vis)).pixels
        assert np.array_equal(tiled, whole)


def test_too_small_a_halo_would_show(rng):
    """The test above can fail: the same engine with a halo of 3 instead of 4 differs."""
    ir = random_pixels(rng, (512, 512), np.uint16)
    vis = np.zeros((512, 512), np.float32)
    wrong = engine(box(9), tile=TileRule(halo=3), bytes_per_pixel=40)
    whole = Fuser(wrong).fuse(pair(ir, vis)).pixels
    tiled = Fuser(wrong, max_memory=3_000_000).fuse(pair(ir, vis)).pixels
    assert np.abs(whole - tiled).max() > 1e-3


def test_tiles_bound_the_memory():
    vis = np.zeros((2000, 3000, 3), np.uint8)
    ir = np.zeros((2000, 3000), np.uint8)
    fuser = Fuser(engine(box(9), tile=TileRule(halo=4), bytes_per_pixel=8), max_memory=40_000_000)
    tracemalloc.start()
    fuser.fuse(pair(ir, vis))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert vis.nbytes < peak < 40_000_000


def test_too_little_memory_is_refused_with_an_amount_that_is_enough():
    vis = np.zeros((300, 300), np.uint8)
    for rule, words in ((None, "as a whole.*works in tiles"), (TileRule(halo=40), "max-memory")):
        hungry = engine(vis_only, tile=rule, bytes_per_pixel=1000)
        with pytest.raises(MemoryLimit, match=words) as caught:
            Fuser(hungry, max_memory=1_000_000).fuse(pair(vis, vis))
        enough = int(str(caught.value).split("--max-memory ")[1].split("MB")[0])
        Fuser(hungry, max_memory=enough * 1_000_000).fuse(pair(vis, vis))


def test_without_a_limit_whole_pictures_may_take_half_of_the_machine(monkeypatch):
    """But what can be cut is kept within 1 GB, and never is less than that allowed."""
    monkeypatch.setattr("imfuse.tiles.total_memory", lambda: 6_000_000_000)
    whole = engine(vis_only, bytes_per_pixel=1000)
    assert Fuser(whole).max_memory == 3_000_000_000
    assert Fuser(engine(vis_only, tile=TileRule(halo=1))).max_memory == 1_000_000_000
    monkeypatch.setattr("imfuse.tiles.total_memory", lambda: 1_000_000_000)
    assert Fuser(whole).max_memory == 1_000_000_000
    assert Fuser(whole, max_memory=5).max_memory == 5
