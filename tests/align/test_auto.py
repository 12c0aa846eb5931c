"""The search and its gate: planted registrations come back; foreign and empty pairs are refused."""

import time

import numpy as np
import pytest

from imfuse import FuseOptions
from imfuse.align.auto import AutoAligner, find, warped
from imfuse.errors import NotRegistered
from imfuse.fuser import Fuser
from imfuse.types import ImagePair, Picture
from reference.two_cameras import SIZE, corner_error, cut, moved


def pair(ir, vis):
    return ImagePair(ir=Picture(pixels=ir, name="ir.png"), vis=Picture(pixels=vis, name="vis.png"))


@pytest.mark.parametrize(
    ("index", "scale", "degrees", "shift", "size"),
    [
        (0, 0.97, 1.0, (4, -5), SIZE),  # nearby
        (1, 0.8, -4.0, (20, 10), (256, 320)),  # a rig, of another size
        (4, 0.55, 1.0, (-30, 20), SIZE),  # infrared sees half of the view
    ],
)
def test_what_was_planted_is_found(scenes, index, scale, degrees, shift, size):
    truth = moved(scale, degrees, shift)
    truth = truth @ np.diag([SIZE[1] / size[1], SIZE[1] / size[1], 1])
    found = AutoAligner().register(cut(scenes[index], truth, size))
    assert corner_error(found.matrix, truth, size) < 4
    assert found.estimator == "auto"
    assert 0.7 <= found.confidence <= 1


def test_the_visible_picture_may_see_less(scenes):
    ir, vis = scenes[3]
    window = (slice(90, 290), slice(120, 390))
    found = AutoAligner().register(pair(ir, np.ascontiguousarray(vis[window])))
    truth = np.array([[1, 0, -120], [0, 1, -90], [0, 0, 1.0]])
    assert corner_error(found.matrix, truth, SIZE) < 4


@pytest.mark.parametrize(
    "index", [0, 1, *(pytest.param(one, marks=pytest.mark.slow) for one in (2, 3, 4, 5))]
)
def test_foreign_pairs_are_refused(scenes, index):
    other = (index + 3) % len(scenes)
    with pytest.raises(NotRegistered, match="--align off") as refusal:
        AutoAligner().register(pair(scenes[index][0], scenes[other][1][:, ::-1].copy()))
    error = refusal.value
    assert error.reason in {"low_confidence", "estimators_disagree", "no_overlap"}
    assert error.confidence < 0.7
    assert error.as_dict()["reason"] == error.reason


HOPELESS = {
    "black": lambda rng: np.zeros((120, 160), np.uint8),
    "even": lambda rng: np.full((120, 160), 200, np.uint8),
    "noise": lambda rng: rng.integers(0, 256, (120, 160), dtype=np.uint8),
    "one pixel": lambda rng: np.full((1, 1), 7, np.uint8),
    "a line": lambda rng: rng.integers(0, 256, (1, 4000), dtype=np.uint8),
    "a ramp": lambda rng: np.tile(np.arange(160, dtype=np.uint8), (120, 1)),
    "large": lambda rng: np.zeros((4320, 7680), np.uint8),
    "stripes": lambda rng: np.tile(np.uint8([0, 255] * 80), (120, 1)),
}


SEARCHED = {(kind, role) for kind in ("noise", "a ramp", "stripes") for role in ("ir", "vis")}
SEARCHED -= {("noise", "ir"), ("a ramp", "vis")}
"""Pictures that are searched in vain, which takes seconds; two of them are always tried."""


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        pytest.param(kind, role, marks=[pytest.mark.slow] if (kind, role) in SEARCHED else [])
        for kind in HOPELESS
        for role in ("ir", "vis")
    ],
)
def test_hopeless_pictures_are_refused_in_time(scenes, rng, kind, role):
    ir, vis = scenes[0]
    hopeless = HOPELESS[kind](rng)
    started = time.process_time()
    with pytest.raises(NotRegistered):
        AutoAligner().register(pair(hopeless, vis) if role == "ir" else pair(ir, hopeless))
    assert time.process_time() - started < 30


def test_a_refused_pair_can_still_be_looked_at(scenes):
    foreign = pair(scenes[0][0], scenes[3][1][:, ::-1].copy())
    found = find(foreign)
    values, outside = warped(foreign, found)
    assert values.shape == outside.shape == SIZE
    assert found.confidence < 0.7


def test_errors_survive_other_processes():
    import pickle

    error = NotRegistered(
        "found", reason="no_overlap", confidence=0.25, matrix=[[1.0]], file="a", remedy="b"
    )
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - ours
    assert str(copied) == str(error)
    assert (copied.reason, copied.confidence, copied.matrix) == ("no_overlap", 0.25, [[1.0]])


def test_the_result_hides_no_source_where_infrared_ends(scenes):
    """With a method that shows infrared alone, the rest is the visible picture, to the bit."""
    truth = moved(0.7, 0, (10, 5))
    one = cut(scenes[2], truth, SIZE)
    fuser = Fuser(FuseOptions(model="max", align="auto", prefer_ir=1.0))
    fused = fuser.fuse(one)
    corners = fused.pixels[:20, :20], one.vis.pixels[:20, :20]
    np.testing.assert_array_equal(*corners)
    told = fused.history["registration"]
    assert told["estimator"] == "auto"
    assert told["alone"] == pytest.approx(1 - 0.7**2, abs=0.06)
