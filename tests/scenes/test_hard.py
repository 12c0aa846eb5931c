"""Hard pairs: one sensor is harmed, and the truth is known."""

import numpy as np
import pytest

from imfuse import UsageError
from imfuse.errors import UnknownName
from imfuse.ops.color import luma
from imfuse.scenes import render
from imfuse.scenes.hard import HAZARDS, hard_pair, targets_of
from imfuse.scoring.hard import contrast, kept_contrast

HIDING = [name for name in HAZARDS if name != "pattern"]


@pytest.mark.parametrize("hazard", HAZARDS)
def test_only_one_sensor_is_harmed(hazard):
    pair = hard_pair(hazard, seed=1, size=(240, 320))
    other = "vis" if pair.harmed == "ir" else "ir"
    for kind in ("clean_", "quiet_"):
        assert (getattr(pair, other) == getattr(pair, kind + other)).all()
    assert not np.allclose(getattr(pair, pair.harmed), getattr(pair, f"clean_{pair.harmed}"))
    for picture in (pair.ir, pair.vis, pair.quiet_ir, pair.quiet_vis):
        assert picture.dtype == np.float32
        assert 0 <= picture.min() <= picture.max() <= 1
    again = hard_pair(hazard, seed=1, size=(240, 320))
    assert (again.ir == pair.ir).all()
    assert (again.vis == pair.vis).all()


@pytest.mark.parametrize("hazard", HIDING)
def test_targets_vanish_from_the_harmed_sensor(hazard):
    """Where the other sensor shows a target, at most half of its contrast is left in this one."""
    shares = []
    for seed in range(4):
        pair = hard_pair(hazard, seed=seed)
        gray = pair.ir if pair.harmed == "ir" else luma(pair.vis)
        clean = pair.clean_ir if pair.harmed == "ir" else luma(pair.clean_vis)
        for target in pair.targets:
            if abs(contrast(clean, target)) > 0.1:
                shares.append(kept_contrast(gray, clean, target))
            assert kept_contrast(pair.seen, pair.seen, target) == 1 or np.isnan(
                kept_contrast(pair.seen, pair.seen, target)
            )
    assert len(shares) >= 3
    assert np.median(shares) < 0.5


def test_targets_are_the_largest_objects():
    labels = render("street-day", seed=1).labels
    found = targets_of(labels)
    sizes = [target.sum() for target in found]
    assert 1 <= len(found) <= 4
    assert sizes == sorted(sizes, reverse=True)
    for target in found:
        assert len(set(labels[target])) == 1
        assert labels[target][0] in (1, 2, 3)
    assert targets_of(np.zeros((50, 60), np.uint8)) == ()


def test_bad_arguments_are_named():
    with pytest.raises(UnknownName, match="glare"):
        hard_pair("glair")
    with pytest.raises(UsageError, match="64x64"):
        hard_pair("dark", size=(20, 20))
