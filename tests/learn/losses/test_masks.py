"""Masks and weights, on labels and pictures where the right answer is plain to see."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import BadValues, UnknownName  # noqa: E402 - needs torch
from imfuse.learn.losses import masks  # noqa: E402
from reference.losses import contrast  # noqa: E402

LABELS = torch.tensor([[0, 0, 1, 1], [0, 2, 4, 255], [3, 8, 4, 255]])[None]


def test_salient_classes_are_car_person_bike_unless_others_are_given():
    expected = [[0, 0, 1, 1], [0, 1, 0, 0], [1, 0, 0, 0]]
    assert masks.salient_mask(LABELS)[0, 0].int().tolist() == expected
    cars = masks.salient_mask(LABELS, classes=(1,))
    assert cars.sum() == 2
    assert cars.shape == (1, 1, 3, 4)
    assert not masks.salient_mask(LABELS, classes=()).any()
    assert masks.salient_mask(LABELS.to(torch.uint8)).equal(masks.salient_mask(LABELS))


def test_foreground_is_every_class_that_counts():
    expected = [[0, 0, 1, 1], [0, 1, 1, 0], [1, 1, 1, 0]]
    assert masks.foreground_mask(LABELS)[0, 0].int().tolist() == expected


def test_boundaries_lie_on_both_sides_of_an_edge():
    labels = torch.zeros(1, 6, 7, dtype=torch.long)
    labels[:, :, 3:] = 5
    near = masks.boundary_mask(labels)[0, 0]
    assert near.any(0).tolist() == [False, False, True, True, False, False, False]
    assert near.all(0)[2:4].all()
    wide = masks.boundary_mask(labels, radius=2)[0, 0]
    assert wide.all(0).tolist() == [False, True, True, True, True, False, False]


@pytest.mark.parametrize("level", [0, 2])
def test_pixels_not_to_count_make_no_boundary(level):
    labels = torch.full((1, 5, 6), level)
    labels[:, :, 4:] = 255
    assert not masks.boundary_mask(labels).any()
    labels[:, 0, 0] = 1
    assert masks.boundary_mask(labels).sum() == 4


@pytest.mark.parametrize(
    "function", [masks.salient_mask, masks.foreground_mask, masks.boundary_mask]
)
def test_labels_must_be_integers_without_channels(function):
    with pytest.raises(BadValues, match="integers"):
        function(LABELS.float())
    with pytest.raises(BadValues, match=r"\(1, 1, 3, 4\)"):
        function(LABELS[None])


@pytest.mark.parametrize("measure", ["variance", "deviation"])
@pytest.mark.parametrize("border", ["reflected", "zero"])
def test_contrast_equals_direct_sums(rng, measure, border):
    ir, vis = rng.random((2, 9, 11))
    ours = masks.contrast_masks(
        *(torch.tensor(x)[None, None] for x in (ir, vis)), measure=measure, border=border
    )
    theirs = [contrast(x, measure, border) for x in (ir, vis)]
    np.testing.assert_array_equal(ours.ir[0, 0], theirs[0] > theirs[1])
    np.testing.assert_array_equal(ours.vis[0, 0], theirs[1] > theirs[0])
    assert ours.ir.any()
    assert ours.vis.any()


@pytest.mark.parametrize("measure", ["variance", "deviation"])
def test_flat_areas_belong_to_neither(rng, measure):
    ir, vis = torch.full((1, 1, 20, 30), 0.93), torch.full((1, 1, 20, 30), 0.2)
    ir[..., 15:] += 0.05 * torch.tensor(rng.random((20, 15))).float()
    found = masks.contrast_masks(ir, vis, measure=measure)
    assert not found.ir[..., :10].any()
    assert not found.vis.any()
    assert found.ir[..., 20:].float().mean() > 0.95


def test_soft_weights_are_sigmoids_of_sums():
    of_ir = torch.tensor([True, True, False, False]).reshape(1, 1, 1, 4)
    salient = torch.tensor([True, False, True, False]).reshape(1, 1, 1, 4)
    weights = masks.soft_weights(masks.Masks(of_ir, ~of_ir), salient)
    half, one, two = 0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-2))
    assert weights.ir.flatten().tolist() == pytest.approx([two, one, one, half])
    assert weights.vis.flatten().tolist() == pytest.approx([half, one, one, two])


def test_hard_weights_choose_one_source_or_let_both_claim():
    of_ir = torch.tensor([True, True, False, False, False]).reshape(1, 1, 1, 5)
    of_vis = torch.tensor([False, False, True, True, False]).reshape(1, 1, 1, 5)
    salient = torch.tensor([True, False, True, False, False]).reshape(1, 1, 1, 5)
    contrast_of = masks.Masks(of_ir, of_vis)
    weights = masks.hard_weights(contrast_of, salient)
    assert weights.ir.flatten().tolist() == [1, 1, 1, 0, 0]
    assert (weights.ir + weights.vis).eq(1).all()
    union = masks.hard_weights(contrast_of, salient, visible="union")
    assert union.vis.flatten().tolist() == [0, 1, 1, 1, 1]
    assert union.ir.equal(weights.ir)


def test_unknown_conventions_are_refused(rng):
    x = torch.zeros(1, 1, 9, 9)
    with pytest.raises(UnknownName, match="variance"):
        masks.contrast_masks(x, x, measure="varianc")
    flat = masks.contrast_masks(x, x)
    with pytest.raises(UnknownName, match="union"):
        masks.hard_weights(flat, flat.ir, visible="unions")
