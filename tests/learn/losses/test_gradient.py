"""Gradient losses against tables of weights, and on ramps whose gradients are known."""

import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import UnknownName  # noqa: E402 - needs torch
from imfuse.learn.losses import gradient  # noqa: E402
from reference import losses as reference  # noqa: E402


@pytest.fixture
def three(rng):
    return [torch.tensor(x) for x in rng.random((3, 2, 1, 9, 11))]


def planes(batch):
    return [sample[0].numpy() for sample in batch]


@pytest.mark.parametrize("operator", ["sobel", "sobel-apart", "laplacian"])
def test_maximum_gradient_equals_direct_sums(three, operator):
    found = gradient.maximum_gradient(*three, operator=operator)
    singles = zip(*map(planes, three), strict=True)
    expected = [reference.maximum_gradient(*single, operator) for single in singles]
    assert found.item() == pytest.approx(sum(expected) / 2, rel=1e-12)


@pytest.mark.parametrize(
    "operator", ["sobel", "sobel-apart", "laplacian", "spatial", "second-order"]
)
def test_gradient_error_equals_direct_sums(three, operator):
    found = gradient.gradient_error(*three[:2], operator=operator)
    singles = zip(*map(planes, three[:2]), strict=True)
    expected = [reference.gradient_error(*single, operator) for single in singles]
    assert found.item() == pytest.approx(sum(expected) / 2, rel=1e-12)
    assert gradient.gradient_error(three[0], three[0], operator=operator) == 0


def test_a_picture_that_holds_the_stronger_edges_costs_nothing():
    ramp = torch.linspace(0, 1, 12).expand(1, 1, 9, 12)
    weak = ramp / 3
    assert gradient.maximum_gradient(ramp, ramp, weak) == 0
    assert gradient.maximum_gradient(weak, ramp, weak) > 0.1


def test_ramps_have_the_slope_that_the_operators_promise():
    ramp = (torch.arange(12) / 100.0).expand(1, 1, 9, 12)
    inside = gradient.sobel_magnitude(ramp)[..., 1:-1, 1:-1]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.08))
    x, y = gradient.sobel(ramp, "repeated")
    assert x[..., 1:-1].allclose(torch.tensor(0.08))
    assert y.abs().max() < 1e-7
    flat = torch.zeros_like(ramp)
    curvature = gradient.gradient_error(ramp[..., 2:-2], flat[..., 2:-2], operator="second-order")
    slope = gradient.gradient_error(ramp, flat, operator="spatial")
    assert slope.item() == pytest.approx(0.01 / 2 * 11 / 12)  # half of it: along y; ends count half
    assert curvature < slope


def test_signs_matter_to_the_spatial_gradient_only(three):
    x = three[0] - 0.5  # zeros outside are then the same for both
    for operator in ("sobel", "sobel-apart", "laplacian", "second-order"):
        assert gradient.gradient_error(x, -x, operator=operator).item() == pytest.approx(
            0, abs=1e-12
        )
    assert gradient.gradient_error(x, -x, operator="spatial") > 0.05


def test_unknown_operators_are_refused(three):
    with pytest.raises(UnknownName, match="sobel"):
        gradient.gradient_error(*three[:2], operator="sobl")
    with pytest.raises(UnknownName):
        gradient.maximum_gradient(*three, operator="spatial")
