"""Where pixels come from: planted content, sums, files."""

import cv2
import numpy as np
import pytest

import imfuse
from imfuse.errors import OutputError
from imfuse.fuser import Fuser
from imfuse.io.images import read_image
from imfuse.provenance import as_map, estimated, overlay
from imfuse.types import ImagePair, KnowingEngine, Picture, Shares


def planted():
    """Return a pair: texture everywhere in the visible picture, a bright blob in infrared."""
    rng = np.random.default_rng(0)
    vis = cv2.GaussianBlur(rng.random((96, 128), np.float32), (0, 0), 2)
    vis = (0.2 + 0.5 * (vis - vis.min()) / np.ptp(vis)).astype(np.float32)
    ir = np.full((96, 128), 0.05, np.float32)
    ir[30:60, 40:80] = 0.95
    return ir, vis


def fused(method, ir, vis, **options):
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    return Fuser(method, provenance=True, **options).fuse(pair)


def test_the_parts_of_an_estimate_add_up():
    ir, vis = planted()
    rng = np.random.default_rng(1)
    other = (0.5 * ir + 0.3 * vis + 0.2 * rng.random(ir.shape)).astype(np.float32)
    parts = estimated(other, ir, vis)
    np.testing.assert_allclose(sum(parts), other, atol=1e-5)
    shares = as_map(parts)
    np.testing.assert_allclose(shares.sum(axis=-1), 1, atol=1e-6)
    assert shares.min() >= 0


@pytest.mark.parametrize("weight", [0.25, 0.5, 0.8])
def test_a_weighted_sum_is_explained_by_its_weights(weight):
    ir, vis = (np.random.default_rng(seed).random((64, 96), np.float32) for seed in (0, 1))
    parts = estimated(weight * ir + (1 - weight) * vis, ir, vis)
    inner = slice(8, -8)
    np.testing.assert_allclose(parts.ir[inner, inner], weight * ir[inner, inner], atol=0.02)
    np.testing.assert_allclose(parts.neither[inner, inner], 0, atol=0.02)


def test_maximum_takes_the_blob_from_infrared_and_the_rest_from_visible():
    ir, vis = planted()
    shares = fused("max", ir, vis).provenance
    assert shares.shape == (96, 128, 3)
    assert shares[38:52, 50:70, 0].mean() > 0.9
    assert shares[70:, :, 1].mean() > 0.9


def test_what_neither_source_has_comes_from_neither():
    ir, vis = planted()
    parts = estimated(vis + 0.3 * np.sin(np.arange(128) / 3).astype(np.float32), ir, vis)
    assert as_map(parts)[..., 2].mean() > 0.15
    assert as_map(estimated(vis, ir, vis))[..., 2].mean() < 0.01


class Known:
    """Adds half of infrared to the visible picture, and a tenth of white; knows it."""

    spec = imfuse.FusionSpec(name="known", title="Known", kind="classical", tile=None)

    def shares(self, ir, vis):
        return Shares(ir / 2, vis, np.full_like(ir, 0.1))

    def fuse(self, ir, vis):
        return np.sum(self.shares(ir, vis), axis=0)


def test_engines_that_know_are_asked():
    assert isinstance(Known(), KnowingEngine)
    ir, vis = planted()
    shares = fused(Known(), ir, vis).provenance
    np.testing.assert_allclose(shares, as_map(Shares(ir / 2, vis, np.full_like(ir, 0.1))))
    # Towards one source, its share grows by as much as its picture is mixed in.
    more = fused(Known(), ir, vis, prefer_ir=0.75).provenance
    expected = as_map(Shares(ir / 4 + ir / 2, vis / 2, np.full_like(ir, 0.05)))
    np.testing.assert_allclose(more, expected, atol=1e-6)
    alone = fused(Known(), ir, vis, prefer_ir=0.0).provenance
    np.testing.assert_allclose(alone[..., 1], 1)


def test_nobody_pays_who_does_not_ask():
    ir, vis = planted()
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    plain = Fuser("max").fuse(pair)
    assert plain.provenance is None
    assert (plain.pixels == fused("max", ir, vis).pixels).all()


def test_tiles_tell_what_the_whole_does():
    rng = np.random.default_rng(0)
    ir, vis = rng.random((2, 300, 400), np.float32)
    whole = fused("laplacian-max", ir, vis).provenance
    tiled = fused("laplacian-max", ir, vis, max_memory=40_000_000).provenance
    assert np.abs(whole - tiled).mean() < 0.02


@pytest.fixture
def files(tmp_path):
    ir, vis = planted()
    for kind, values in (("ir", ir), ("vis", np.dstack([vis] * 3))):
        (tmp_path / kind).mkdir()
        for name in ("1", "2"):
            pixels = np.rint(255 * values).astype(np.uint8)
            cv2.imwrite(str(tmp_path / kind / f"{name}.png"), pixels)
    return tmp_path


def test_the_command_writes_the_map(run, files):
    pair = (files / "ir" / "1.png", files / "vis" / "1.png")
    given = ("fuse", *pair, "-o", files / "f.png", "-m", "max")
    code, _, err = run(*given, "--provenance", files / "map.png")
    assert code == 0, err
    pixels = read_image(files / "map.png").pixels
    assert pixels.shape == (96, 128, 3)
    assert pixels[45, 60, 0] > 220  # red: infrared
    assert pixels[80, 20, 2] > 220  # blue: visible
    before = pair[1].read_bytes()
    for place in (pair[1], files / "f.png", files / "none" / "map.png"):
        code, _, err = run(*given, "--provenance", place)
        assert code != 0
    assert "would replace the result" in run(*given, "--provenance", files / "f.png")[2]
    assert pair[1].read_bytes() == before


def test_folders_get_a_folder_of_maps(run, files):
    given = ("fuse", files / "ir", files / "vis", "-o", files / "out", "-m", "max")
    code, _, err = run(*given, "--provenance", files / "maps")
    assert code == 0, err
    assert sorted(path.name for path in (files / "maps").iterdir()) == ["1.png", "2.png"]
    for place in ("ir", "vis", "out"):
        code, _, err = run(*given, "--provenance", files / place)
        assert code != 0
        assert "--provenance" in err
    with pytest.raises(OutputError):
        imfuse.fuse_folders(
            files / "ir", files / "vis", files / "other", provenance=files / "vis", model="max"
        )


def test_an_overlay_shows_the_origin_by_colour_and_the_picture_by_brightness():
    gray = np.float32([[0.0, 0.2, 0.6]]).repeat(3, 0)
    shares = np.repeat(np.eye(3, dtype=np.float32)[:, None], 3, 1)
    found = overlay(gray, shares)
    assert (found[:, 0] == 0).all()
    assert (np.diff(found.sum(-1), axis=1) > 0).all()
    assert found[:, 2].argmax(-1).tolist() == [0, 2, 1]  # red infrared, blue visible, green neither
