"""Losses of segmenters against plain loops, and against constants that papers print."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import BadValues, PairMismatch, UnknownName  # noqa: E402 - needs torch
from imfuse.learn.losses import segmentation  # noqa: E402
from reference import losses as reference  # noqa: E402


@pytest.fixture
def case(rng):
    """Logits of four classes, labels with pixels not to count, as arrays and as tensors."""
    logits, labels = rng.normal(size=(2, 4, 5, 6)), rng.integers(0, 4, (2, 5, 6))
    labels[0, :2, :3] = 255
    return logits, labels, torch.tensor(logits), torch.tensor(labels)


@pytest.mark.parametrize("weights", [None, (1.5, 16.7, 29.4, 0.0)])
def test_cross_entropy_equals_loops(case, weights):
    logits, labels, *tensors = case
    found = segmentation.cross_entropy(*tensors, weights=weights)
    expected = reference.cross_entropy(logits, labels, weights)
    assert found.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("least", [1, 5, 20, 53, 54, 307_200])
@pytest.mark.parametrize("threshold", [0.7, 0.05])
def test_hard_examples_equal_loops(case, threshold, least):
    logits, labels, *tensors = case
    found = segmentation.hard_example_cross_entropy(*tensors, threshold=threshold, least=least)
    expected = reference.hard_examples(logits, labels, threshold, least)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_hard_examples_are_above_the_threshold_or_the_least_number(case):
    _, _, logits, labels = case
    easy = 20 * torch.nn.functional.one_hot(labels.where(labels < 4, 0), 4).movedim(3, 1).double()
    few = segmentation.hard_example_cross_entropy(easy, labels, least=3)
    all_of_them = segmentation.hard_example_cross_entropy(easy, labels, least=10_000)
    assert few.item() == pytest.approx(all_of_them.item())
    wrong = easy.clone()
    wrong[1, :, 0, 0] = 0
    one = segmentation.hard_example_cross_entropy(wrong, labels, least=1)
    assert one.item() == pytest.approx(math.log(4))
    assert segmentation.hard_example_cross_entropy(logits, labels, least=54) < (
        segmentation.hard_example_cross_entropy(logits, labels, least=5)
    )


@pytest.mark.parametrize(("count", "height", "width"), [(3, 480, 640), (4, 24, 32)])
def test_the_least_number_is_one_sample_unless_another_is_given(count, height, width):
    """Of whole frames of MSRS the 307 200 of the codes."""
    pixels = count * height * width
    certainty = torch.linspace(3, 9, pixels, dtype=torch.float64).reshape(count, 1, height, width)
    logits, labels = torch.cat([certainty, -certainty], 1), torch.zeros(count, height, width).int()
    losses = torch.nn.functional.softplus(-2 * certainty.flatten()[: height * width])
    found = segmentation.hard_example_cross_entropy(logits, labels)
    assert found.item() == pytest.approx(losses.mean().item(), rel=1e-9)


def test_dice_equals_loops(case):
    logits, labels, *tensors = case
    for smoothing in (1e-5, 1.0):
        found = segmentation.dice_loss(*tensors, smoothing=smoothing)
        expected = reference.dice(logits, labels, 4, smoothing)
        assert found.item() == pytest.approx(expected, rel=1e-9)
    assert segmentation.dice_loss(*tensors).item() == pytest.approx(
        reference.dice(logits, labels, 4, 1e-5), rel=1e-9
    )


@pytest.mark.parametrize("weights", [None, segmentation.MSRS_BINARY_WEIGHTS])
def test_mask_losses_equal_loops(rng, weights):
    logits, mask = rng.normal(size=(3, 2, 5, 6)), rng.random((3, 5, 6)) < 0.3
    tensors = torch.tensor(logits), torch.tensor(mask)[:, None]
    found = segmentation.mask_cross_entropy(*tensors, weights=weights)
    expected = reference.cross_entropy(logits, mask.astype(int), weights)
    assert found.item() == pytest.approx(expected, rel=1e-6)
    found = segmentation.mask_cross_entropy(*tensors, weights=weights, form="per-channel")
    expected = reference.per_channel(logits, mask, weights or (1, 1))
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_a_sure_and_right_answer_costs_nothing(case):
    _, _, _, labels = case
    sure = 100 * torch.nn.functional.one_hot(labels.where(labels < 4, 0), 4).movedim(3, 1).double()
    for loss in (
        segmentation.cross_entropy,
        segmentation.hard_example_cross_entropy,
        segmentation.dice_loss,
    ):
        assert loss(sure, labels).item() == pytest.approx(0, abs=1e-9)
        assert loss(-sure, labels) > 0.9


def test_where_nothing_counts_losses_are_zero_with_zero_gradients(case):
    _, _, logits, labels = case
    nothing = torch.full_like(labels, 255)
    for loss in (segmentation.cross_entropy, segmentation.hard_example_cross_entropy):
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, nothing)
        value.backward()
        assert value == 0
        assert leaf.grad.abs().max() == 0
    assert segmentation.dice_loss(logits, nothing).isfinite()


@pytest.mark.parametrize(
    "printed",
    [
        segmentation.MSRS_BINARY_WEIGHTS,
        segmentation.MFNET_BINARY_WEIGHTS,
        segmentation.MFNET_BOUNDARY_WEIGHTS,
        segmentation.MFNET_CLASS_WEIGHTS,
    ],
)
def test_enet_weights_reproduce_the_printed_ones(printed):
    """Shares of pixels follow from the weights; they must add up to 1 and give them back."""
    shares = np.exp(1 / np.array(printed)) - 1.02
    assert shares.sum() == pytest.approx(1, abs=2e-3)
    counts = [round(1e9 * share) for share in shares]
    assert segmentation.enet_weights(counts) == pytest.approx(printed, rel=2e-3)


def test_enet_weights_of_a_class_that_never_occurs():
    found = segmentation.enet_weights([10, 0])
    assert found == pytest.approx((1 / math.log(2.02), 1 / math.log(1.02)))
    assert segmentation.enet_weights([1, 0]) == found


def test_mistakes_are_refused(case):
    _, _, logits, labels = case
    for loss in (
        segmentation.cross_entropy,
        segmentation.hard_example_cross_entropy,
        segmentation.dice_loss,
    ):
        with pytest.raises(PairMismatch):
            loss(logits, labels[:, :4])
        with pytest.raises(BadValues, match=r"labels \[3\]"):
            loss(logits[:, :3], labels)
        with pytest.raises(BadValues, match=r"labels \[-1\]"):
            loss(logits, labels.where(labels != 3, -1))
    with pytest.raises(PairMismatch, match="5 weights"):
        segmentation.cross_entropy(logits, labels, weights=[1.0] * 5)
    two = logits[:, :2]
    with pytest.raises(PairMismatch):
        segmentation.mask_cross_entropy(two, labels > 0)
    with pytest.raises(UnknownName, match="per-channel"):
        segmentation.mask_cross_entropy(two, (labels > 0)[:, None], form="channel")
    for counts in ([0, 0], [-1, 5]):
        with pytest.raises(BadValues, match="counts"):
            segmentation.enet_weights(counts)
