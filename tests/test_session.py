"""State between frames: the range follows slowly, and the registration is found once."""

import numpy as np
import pytest

from imfuse import PairMismatch, Session
from imfuse.fuser import Fuser
from imfuse.types import ImagePair, Picture, Registration


def frames(rng, count, jump_at, jump):
    base = rng.integers(3000, 9000, (64, 80)).astype(np.float64)
    for index in range(count):
        yield (base + (jump if index >= jump_at else 0)).astype(np.uint16)


def test_a_range_follows_slowly_where_single_frames_would_jump(rng):
    vis = np.zeros((64, 80), np.uint8)
    session = Session("max", ir_range="auto")
    fused = [session.push(frame, vis) for frame in frames(rng, 60, 10, 2000)]
    lows = [frame.history["ir_range"][0] for frame in fused]
    steps = np.abs(np.diff(lows))
    assert np.ptp(lows[:10]) < 1e-6
    assert steps.max() <= 0.1 * 2000 + 1e-6
    assert lows[-1] - lows[0] == pytest.approx(2000, rel=0.02)


def test_without_percentiles_each_frame_is_fused_as_it_would_be_alone(rng):
    session, fuser = Session("laplacian"), Fuser("laplacian")
    for _ in range(3):
        ir = rng.integers(0, 256, (32, 40)).astype(np.uint8)
        vis = rng.integers(0, 256, (32, 40, 3)).astype(np.uint8)
        assert np.array_equal(session.push(ir, vis), Session(fuser).push(ir, vis))


def test_the_pictures_are_registered_once_and_again_when_sizes_change(rng):
    calls = []

    class Counting:
        def register(self, pair):
            calls.append(pair.ir.size)
            return Registration(matrix=np.eye(3))

    session = Session(Fuser("max", aligner=Counting()))
    for side in (20, 20, 20, 30, 30):
        session.push(np.zeros((side, side), np.uint8), np.ones((side, side), np.uint8))
    assert calls == [(20, 20), (30, 30)]


def test_a_frame_that_fails_leaves_the_state_as_it_was(rng):
    vis = np.zeros((64, 80), np.uint8)
    good = next(frames(rng, 1, 9, 0))
    session = Session("max", ir_range="auto")
    first = session.push(good, vis).history["ir_range"]
    with pytest.raises(PairMismatch):
        session.push(good // 2, vis[:10])
    assert session.push(good, vis).history["ir_range"] == first


def test_a_frame_of_another_type_begins_a_range_of_its_own(rng):
    vis = rng.integers(0, 256, (64, 80)).astype(np.uint8)
    session = Session("max", ir_range="auto")
    counts = next(frames(rng, 1, 9, 0))
    session.push(counts, vis)
    degrees = (counts / 300).astype(np.float32)
    low, high = session.push(degrees, vis).history["ir_range"]
    assert (low, high) == tuple(
        Session("max", ir_range="auto").push(degrees, vis).history["ir_range"]
    )
    assert high < 31


def test_a_passing_light_does_not_make_the_tone_flicker(rng):
    """Only the lift follows slowly; each frame that is shown is its own."""
    ir = rng.integers(10, 40, (64, 80)).astype(np.uint8)
    lit = ir + np.uint8(120)
    session, alone = Session("max", tone="night"), Fuser("max", tone="night")
    frames = [ir] * 5 + [lit] + [ir] * 5
    shown = [session.push(ir, frame).pixels.astype(float).mean() for frame in frames]
    steady, flash = np.array(shown[:5]), shown[5]
    assert np.ptp(steady) < 1e-6
    assert abs(shown[6] - steady[0]) < 0.2 * (steady[0] - ir.mean())
    assert (alone.fuse(_pair(ir, lit)).pixels == lit).all()
    assert flash > lit.mean() + 20  # as bright as before, so that nothing jumps back afterwards


def test_what_a_network_takes_the_scene_for_follows_slowly(rng):
    ir, day = rng.integers(0, 90, (2, 64, 80)).astype(np.uint8)
    session, alone = Session("imfuse-s"), Fuser("imfuse-s")
    first = session.push(ir, day)
    assert (first.pixels == alone.fuse(_pair(ir, day)).pixels).all()
    changes = [session.push(ir, day // 4).pixels for _ in range(120)]
    assert (changes[0] != alone.fuse(_pair(ir, day // 4)).pixels).mean() > 0.05
    assert (changes[-1] == alone.fuse(_pair(ir, day // 4)).pixels).mean() > 0.98


def _pair(ir, vis):
    return ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
