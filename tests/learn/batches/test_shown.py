"""What a segmenter is to look at in place of the visible picture."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.data.rendered import RenderedPairs  # noqa: E402
from imfuse.errors import DatasetNotFound, PairMismatch, UsageError  # noqa: E402 - after the skip
from imfuse.io.labels import write_labels  # noqa: E402
from imfuse.learn.batches.shown import shown  # noqa: E402


@pytest.fixture(scope="module")
def scenes():
    return RenderedPairs(2, size=(24, 32))


def test_visible_pictures_stay(scenes):
    assert shown(scenes, "vis") is scenes


def test_infrared_takes_the_visible_ones_place(scenes):
    before, after = scenes.load(1), shown(scenes, "ir").load(1)
    assert all((after.vis[..., c] == before.ir).all() for c in range(3))
    assert (after.ir == before.ir).all()
    assert (after.labels == before.labels).all()


def test_fused_pictures_are_found_by_name(scenes, tmp_path, rng):
    wanted = [rng.integers(0, 256, (24, 32), np.uint8) for _ in scenes.names]
    for name, pixels in zip(scenes.names, wanted, strict=True):
        write_labels(tmp_path / f"{name}.png", pixels)
    source = shown(scenes, f"fused:{tmp_path}")
    assert source.names == scenes.names
    assert (source.load(1).vis == wanted[1][..., None]).all()
    assert (source.load(1).labels == scenes.load(1).labels).all()


def test_missing_pictures_are_named(scenes, tmp_path):
    write_labels(tmp_path / f"{scenes.names[0]}.png", np.zeros((24, 32), np.uint8))
    with pytest.raises(DatasetNotFound, match=f"1 pairs, such as {scenes.names[1]}"):
        shown(scenes, f"fused:{tmp_path}")


def test_fused_pictures_of_another_size_are_refused(scenes, tmp_path):
    for name in scenes.names:
        write_labels(tmp_path / f"{name}.png", np.zeros((24, 30), np.uint8))
    with pytest.raises(PairMismatch, match="visible 30x24"):
        shown(scenes, f"fused:{tmp_path}").load(0)


def test_other_words_are_refused(scenes):
    with pytest.raises(UsageError, match="vis, ir, or fused:FOLDER"):
        shown(scenes, "depth")
