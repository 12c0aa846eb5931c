"""Lovasz-Softmax against the set function that it extends."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import PairMismatch, UnknownName  # noqa: E402 - needs torch
from imfuse.learn.losses.lovasz import lovasz_of_pictures, lovasz_softmax  # noqa: E402
from reference import losses as reference  # noqa: E402


@pytest.fixture
def case(rng):
    logits = torch.tensor(rng.normal(size=(2, 4, 3, 5)))
    labels = torch.tensor(rng.integers(0, 3, (2, 3, 5)))  # the last class is absent
    labels[1, 0, :2] = 255
    return logits.softmax(1), labels


@pytest.mark.parametrize("classes", ["present", "all"])
def test_equals_the_extension_of_the_set_function(case, classes):
    probabilities, labels = case
    counted = labels.flatten() != 255
    flat = probabilities.transpose(0, 1).flatten(1)[:, counted]
    expected = reference.lovasz(flat.tolist(), labels.flatten()[counted].tolist(), classes)
    found = lovasz_softmax(probabilities, labels, classes=classes)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_for_certain_predictions_it_is_one_less_iou(case, rng):
    _, labels = case
    labels = labels.where(labels != 255, 0)
    predicted = torch.tensor(rng.integers(0, 3, labels.shape))
    certain = torch.nn.functional.one_hot(predicted, 3).movedim(3, 1).double()
    ious = [
        ((predicted == k) & (labels == k)).sum() / ((predicted == k) | (labels == k)).sum()
        for k in range(3)
    ]
    assert lovasz_softmax(certain, labels).item() == pytest.approx(1 - np.mean(ious), rel=1e-6)


def test_absent_classes_count_only_when_asked(case):
    probabilities, labels = case
    absent = probabilities[:, 3].masked_fill(labels == 255, 0).max()
    three = lovasz_softmax(probabilities, labels)
    four = lovasz_softmax(probabilities, labels, classes="all")
    assert four.item() == pytest.approx((3 * three + absent).item() / 4, rel=1e-9)


def test_where_nothing_counts_it_is_zero(case):
    probabilities, labels = case
    leaf = probabilities.clone().requires_grad_()
    value = lovasz_softmax(leaf, torch.full_like(labels, 255))
    value.backward()
    assert value == 0
    assert leaf.grad.abs().max() == 0


def test_gradients_in_a_large_picture_keep_their_digits_in_float32():
    """With 160 000 pixels, 1 - IoU grows by so little from one to the next that float32 is lost."""
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(1, 1, 400, 400, generator=generator)
    labels = (torch.rand(1, 400, 400, generator=generator) < 0.3).long()
    single = torch.cat([1 - p, p], 1)
    precise = single.double()
    for leaf in (single, precise):
        lovasz_softmax(leaf.requires_grad_(), labels).backward()
    error = (single.grad - precise.grad).abs().mean() / precise.grad.abs().mean()
    assert error < 1e-5


def test_of_pictures_bright_is_what_the_target_has_above_its_mean(rng):
    picture, target = torch.tensor(rng.random((2, 2, 1, 4, 5)))
    bright = np.array([t > t.mean() for t in target.numpy()]).astype(int)
    p = picture.flatten().numpy()
    expected = reference.lovasz([1 - p, p], bright.flatten())
    assert lovasz_of_pictures(picture, target).item() == pytest.approx(expected, rel=1e-9)


def test_of_pictures_it_trains_and_pulls_towards_the_target(rng):
    target = torch.tensor(rng.random((1, 1, 6, 7)))
    picture = torch.tensor(rng.random((1, 1, 6, 7))).requires_grad_()
    before = lovasz_of_pictures(picture, target)
    before.backward()
    assert (picture.grad != 0).all()
    bright = target > target.mean()
    assert (picture.grad[bright] < 0).all()
    assert (picture.grad[~bright] > 0).all()
    assert lovasz_of_pictures(bright.double(), target) == 0


def test_mistakes_are_refused(case):
    probabilities, labels = case
    with pytest.raises(PairMismatch):
        lovasz_softmax(probabilities, labels[:1])
    with pytest.raises(UnknownName, match="present"):
        lovasz_softmax(probabilities, labels, classes="presen")
    with pytest.raises(PairMismatch, match="3 channels"):
        lovasz_of_pictures(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))
