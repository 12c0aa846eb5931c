"""The gate: how likely an estimated registration is right, and why it isn't where it isn't.

A logistic regression on what speaks for and against an estimate. Its weights are calibrated on
training pairs and rendered scenes (`benchmarks/gate.py`); `benchmarks/alignment.py` tells how
reliable it is on others.
"""

import math

import numpy as np

from imfuse.align.estimate import Estimate

RIGHT = 10.0
"""Mean distance of corners, in pixels at 640, up to which a registration counts as right."""

WEIGHTS = {
    "evidence": -7.8735,
    "beyond chance": 1.4027,
    "fitting": 61.1537,
    "cover": 2.1027,
    "deviation": -1.7733,
    "again": -1.8189,
    "bend": -1.4321,
    "near": -0.0245,
}
"""Weights of `signs`."""
BIAS = -45.0050

_MOST_BEND = 60.0
_SCALES = (0.2, 5.0)
_FEWEST = 24
_AGAIN = 12.0


def signs(estimate: Estimate) -> dict[str, float]:
    """Return what the gate goes by, each of about the size of 1."""
    fit = estimate.fit
    return {
        "evidence": fit.evidence,
        "beyond chance": fit.evidence - estimate.by_chance,
        "fitting": fit.fitting,
        "cover": fit.cover,
        "deviation": math.log(fit.deviation + 0.1),
        "again": math.log(estimate.again + 1),
        "bend": math.log(estimate.bend + 1),
        "near": float(estimate.stage == "near"),
    }


def confidence(estimate: Estimate) -> float:
    """Return the probability, 0 to 1, that an estimate is within 10 pixels at 640."""
    if implausible(estimate):
        return 0.0
    total = BIAS + sum(WEIGHTS[name] * value for name, value in signs(estimate).items())
    return float(1 / (1 + np.exp(-np.clip(total, -30, 30))))


def implausible(estimate: Estimate) -> bool:
    """Return True for a registration that two cameras side by side can't have."""
    low, high = _SCALES
    return estimate.bend > _MOST_BEND or not low < estimate.scale < high


def reason(estimate: Estimate) -> str:
    """Return why an estimate of little confidence is not to be trusted."""
    if implausible(estimate):
        return "implausible_geometry"
    if estimate.fit.patches < _FEWEST:
        return "too_few_matches"
    return "estimators_disagree" if estimate.again > _AGAIN else "low_confidence"
