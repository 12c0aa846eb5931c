"""Learning rates and loss weights over the course of training, as in the papers and their code.

Pure functions of a step or an epoch, both counted from 0. They may be fractions, because a budget
can shorten or stretch a schedule.
"""

import math

from imfuse.errors import UsageError


def semantic_weight(turn: int, *, gamma: float = 1.0) -> float:
    """Return beta = gamma (m - 1), the weight of the semantic loss in round m = turn + 1.

    References:
        SeAFusion and SCGRFuse (algorithm 1): rounds of fusing, then segmenting, 1 to 4; the first
        has no segmenter yet.
    """
    return gamma * turn


def geometric(epoch: float, *, start: float = 1e-3, factor: float = 0.75) -> float:
    """Return start * factor^(epoch - 1): 1.33e-3, 1e-3, 7.5e-4, ...

    References:
        Code of SeAFusion and SCGRFuse, per epoch of a round; the exponent is theirs.
    """
    return start * math.pow(factor, epoch - 1)


def halving(
    epoch: float,
    *,
    start: float = 1e-4,
    every: int = 20,
    factor: float = 0.5,
    floor: float = 1e-6,
    since: int = 0,
) -> float:
    """Return start * factor^floor((epoch - since) / every), but no less than `floor`.

    Args:
        epoch: The epoch.
        start: The rate until `since + every`.
        every: Epochs between two reductions.
        factor: Factor of each reduction.
        floor: Lowest rate.
        since: Epoch at which the schedule begins: 0 for encoder, decoder and graph of CDDFuse and
            SMFNet, 40 (stage II) for their fusion layers.

    References:
        Code of CDDFuse and SMFNet.
    """
    return max(start * math.pow(factor, max(epoch - since, 0) // every), floor)


def polynomial(
    step: float,
    *,
    steps: int,
    start: float,
    power: float = 0.9,
    warmup: float = 0,
    warmup_start: float = 1e-5,
) -> float:
    """Return start * (1 - t)^power, with t from 0 to 1 after the warm-up.

    During the warm-up, the rate grows by the same factor at each step, from `warmup_start` to
    `start`.

    Args:
        step: The step.
        steps: Total number of steps.
        start: Highest rate: 1e-3 in PSFusion, 1e-2 for the segmenters of SeAFusion and SCGRFuse.
        power: 0.9 in all three.
        warmup: Steps of warm-up: 1000 in the code of all three, 0 in the papers.
        warmup_start: Rate of the first step, if there is a warm-up.

    Raises:
        UsageError: The step is out of range, or the warm-up takes all steps.

    References:
        PSFusion, SeAFusion, SCGRFuse; SCGRFuse prints the power inside the fraction by mistake.
    """
    _check(step, steps, warmup)
    if step < warmup:
        return warmup_start * math.pow(start / warmup_start, step / warmup)
    return start * math.pow(1 - (step - warmup) / (steps - warmup), power)


def polynomial_from_below(
    step: float,
    *,
    steps: int,
    start: float,
    power: float = 1.0,
    warmup: float = 1500,
    warmup_ratio: float = 1e-6,
) -> float:
    """Return start * (1 - step / steps)^power, multiplied by a ramp during the warm-up.

    The ramp is 1 - (1 - step / warmup)(1 - warmup_ratio): the rate begins at `warmup_ratio * start`
    and joins the polynomial, which decays from step 0.

    Args:
        step: The step.
        steps: Total number of steps: 160 000 in BFFR, though its warm start is stopped at 20 000.
        start: 6e-4 for BFFR's warm start, 6e-5 for its semantic training, 1e-4 for the SegFormer-B2
            that judges PSFusion.
        power: 1 in all of them.
        warmup: Steps of warm-up.
        warmup_ratio: Fraction of the rate at the first step.

    Raises:
        UsageError: The step is out of range, or the warm-up takes all steps.

    References:
        BFFR's configuration (mmsegmentation); PSFusion's for SegFormer.
    """
    _check(step, steps, warmup)
    rate = start * math.pow(1 - step / steps, power)
    if step < warmup:
        rate *= 1 - (1 - step / warmup) * (1 - warmup_ratio)
    return rate


def kept_warmup(warmup: float, *, planned: int, pace: float) -> float:
    """Return a warm-up in steps of the paper's schedule that a short budget does not take away.

    A moving average of squared gradients, as Adam keeps it, needs some hundred steps of its own,
    however much a budget shortens the schedule. So the warm-up shrinks with the schedule to 300
    real steps, or to a fifth of a stage that has fewer than 1,500; and it never takes more real
    steps than the paper's.

    Args:
        warmup: Steps of warm-up in the paper's schedule.
        planned: Steps of the stage in that schedule.
        pace: Steps of the paper's schedule per real step: above 1 where a budget shortens it.
    """
    least = min(_LEAST_WARMUP, planned / pace * _LARGEST_SHARE)
    return min(warmup, max(warmup / pace, least)) * pace


_LEAST_WARMUP, _LARGEST_SHARE = 300, 0.2
"""Real steps to which a warm-up may shrink, and their largest share of a stage."""


def cosine(step: float, *, steps: int, start: float, end: float = 0.0) -> float:
    """Return a rate that decays from `start` to `end` along half a cosine.

    Raises:
        UsageError: The step is out of range.

    References:
        I. Loshchilov, F. Hutter, "SGDR", ICLR 2017, eq. 5; SCGRFuse's DeepLabv3+ (7e-3, 7e-5).
    """
    _check(step, steps, 0)
    return end + (start - end) * (1 + math.cos(math.pi * step / steps)) / 2


def _check(step: float, steps: int, warmup: float) -> None:
    if not (0 <= step <= steps and 0 <= warmup < steps):
        raise UsageError(
            f"step {step} of {steps} with {warmup} of warm-up",
            expected="0 <= step <= steps and 0 <= warmup < steps",
            remedy="A shorter training needs a shorter warm-up too.",
        )
