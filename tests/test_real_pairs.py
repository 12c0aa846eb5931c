"""The methods on the field's own pairs: what must hold there, and published anchors."""

import os

import cv2
import numpy as np
import pytest

import imfuse
from imfuse.folders import FolderJob, prepare
from imfuse.fuser import Fuser
from imfuse.io.images import read_image
from imfuse.io.pairs import match_folders
from imfuse.options import FuseOptions
from imfuse.registry import method_names
from imfuse.types import ImagePair


def read_pair(files):
    return ImagePair(ir=read_image(files.ir), vis=read_image(files.vis))


@pytest.fixture(scope="module")
def some_pairs(data):
    """One pair in sixty of every set, day and night, colour and gray."""
    folders = ["msrs/test", "msrs/train34", "roadscene", "tno25"]
    matched = [match_folders(data / f / "ir", data / f / "vis").pairs for f in folders]
    return [read_pair(files) for pairs in matched for files in pairs[::60]]


@pytest.mark.parametrize("method", method_names())
def test_the_result_is_the_visible_picture_with_another_luma(some_pairs, method):
    fuser = Fuser(method)
    for pair in some_pairs[::3] if method == "gtf" else some_pairs:
        fused = fuser.fuse(pair)
        vis = pair.vis.pixels
        assert fused.pixels.shape == vis.shape
        assert fused.pixels.dtype == np.uint8
        if vis.ndim == 3:
            inside = (fused.pixels > 0).all(-1) & (fused.pixels < 255).all(-1)
            chroma = fused.pixels[inside].astype(int) - vis[inside]
            assert np.ptp(chroma, axis=-1).max() <= 1  # R, G, B moved together, but for rounding


@pytest.mark.parametrize("method", [name for name in method_names() if name not in {"average"}])
def test_both_sources_show_in_the_result(some_pairs, method):
    """Fine structure of each source is found again; a method that dropped one would fail."""
    fuser = Fuser(method)
    found = []
    for pair in some_pairs[::3]:
        ir, vis = (np.atleast_3d(p.pixels).astype(np.float32).mean(-1) for p in (pair.ir, pair.vis))
        fused = np.atleast_3d(fuser.fuse(pair).pixels).astype(np.float32).mean(-1)
        high = [cv2.Laplacian(cv2.GaussianBlur(x, (0, 0), 2), cv2.CV_32F) for x in (fused, ir, vis)]
        found.append([np.corrcoef(high[0].ravel(), h.ravel())[0, 1] for h in high[1:]])
    assert (np.mean(found, axis=0) > 0.15).all()


@pytest.mark.slow
def test_max_on_the_msrs_test_split_scores_what_the_field_knows(data, tmp_path):
    """EN 6.65, SD 42.3, SF 10.9, VIF 1.05, Qabf 0.71, by a kit whose rounding is not known."""
    sources = data / "msrs/test/ir", data / "msrs/test/vis"
    workers = os.cpu_count() or 1
    job = FolderJob(
        ir=sources[0],
        vis=sources[1],
        out=tmp_path,
        options=FuseOptions(model="max"),
        suffix=".bmp",
        workers=workers,
    )
    assert not any(result.error for result in prepare(job))
    symbols = ["EN", "SD", "SF", "VIF", "Qabf"]
    found = imfuse.evaluate(tmp_path, *sources, "tang", metrics=symbols, workers=workers)
    assert found.count == 361
    means = [found[symbol] for symbol in symbols]
    np.testing.assert_allclose(means, (6.65, 42.3, 10.9, 1.05, 0.71), rtol=0.012)
