"""SSIM, correlation and Gram losses against direct sums and on pictures of known likeness."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import UnknownName, UsageError  # noqa: E402 - needs torch
from imfuse.learn.losses import similarity  # noqa: E402
from reference import losses as reference  # noqa: E402


@pytest.fixture
def two(rng):
    a = rng.random((2, 1, 9, 11))
    return torch.tensor(0.6 * a + 0.4 * rng.random(a.shape)), torch.tensor(a)


@pytest.fixture
def features(rng):
    return [torch.tensor(x) for x in rng.random((2, 2, 3, 4, 5))]


@pytest.mark.parametrize("border", ["reflected", "zero"])
def test_ssim_equals_direct_sums(two, border):
    singles = [
        reference.ssim_map(p[0].numpy(), t[0].numpy(), border) for p, t in zip(*two, strict=True)
    ]
    distance = 1 - np.array(singles)
    plain = similarity.ssim_loss(*two, border=border)
    assert plain.item() == pytest.approx(distance.mean(), rel=1e-9)
    halved = similarity.ssim_loss(*two, form="halved", border=border)
    assert halved.item() == pytest.approx(np.clip(distance, 0, 1).mean() / 2, rel=1e-9)


def test_ssim_of_known_likeness(two):
    x = two[1]
    assert similarity.ssim_loss(x, x).item() == pytest.approx(0, abs=1e-12)
    opposite = similarity.ssim_loss(1 - x, x)
    assert 1 < opposite < 2
    # the halved form stops at no likeness, and has no gradient beyond
    picture = (1 - x).requires_grad_()
    halved = similarity.ssim_loss(picture, x, form="halved")
    halved.backward()
    assert 0.45 < halved.item() <= 0.5
    assert picture.grad.abs().max() < 0.01
    black, white = torch.zeros_like(x), torch.ones_like(x)
    expected = 1 - 0.01**2 / (1 + 0.01**2)
    assert similarity.ssim_loss(white, black).item() == pytest.approx(expected)


def test_ssim_wants_pictures_larger_than_its_window(two):
    small = two[0][..., :5]
    with pytest.raises(UsageError, match="at least 6x6"):
        similarity.ssim_loss(small, small)
    assert similarity.ssim_loss(small, small, border="zero").item() == pytest.approx(0, abs=1e-12)


def test_correlation_equals_pearson(features):
    one, other = features
    per_channel = reference.correlation_over_channels(one.numpy(), other.numpy())
    assert similarity.correlation(one, other).item() == pytest.approx(per_channel, abs=1e-6)
    pooled = reference.coefficient(one.numpy(), other.numpy())
    found = similarity.correlation(one, other, over="batch")
    assert found.item() == pytest.approx(pooled, abs=1e-6)
    assert abs(per_channel - pooled) > 0.001


def test_correlation_ignores_brightness_and_contrast_of_each_channel(features):
    one, _ = features
    gain, shift = torch.rand(2, 2, 3, 1, 1, dtype=one.dtype) + 0.5
    changed = gain * one - shift
    assert similarity.correlation(one, changed).item() == pytest.approx(1, abs=1e-6)
    assert similarity.correlation(one, -changed).item() == pytest.approx(-1, abs=1e-6)
    assert similarity.correlation(one, changed, over="batch") < 0.9


def test_constant_channels_correlate_with_nothing_and_have_finite_gradients(features):
    flat = torch.full_like(features[0], 0.3).requires_grad_()
    value = similarity.correlation(flat, features[1])
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert flat.grad.isfinite().all()


@pytest.mark.parametrize("over", ["channels", "batch"])
def test_correlation_loss_equals_its_formula(two, rng, over):
    f, a = two
    b = torch.tensor(rng.random(f.shape)) + f
    total = sum(similarity.correlation(f, s, over=over).item() for s in (a, b))
    found = similarity.correlation_loss(f, a, b, over=over)
    assert found.item() == pytest.approx(1 / (total + 1e-6), rel=1e-12)
    assert similarity.correlation_loss(a, a, a, over=over).item() == pytest.approx(0.5, abs=1e-5)


def test_correlation_loss_leads_to_its_sources_from_beyond_its_pole(rng):
    """As printed, it is negative there, and descent makes pictures more and more opposite."""
    ir, vis = (torch.tensor(rng.random((1, 1, 16, 16))) for _ in range(2))
    fused = (-(ir + vis) / 2 + 0.01 * torch.tensor(rng.random(ir.shape))).requires_grad_()
    before = similarity.correlation(fused, ir) + similarity.correlation(fused, vis)
    assert before < -0.5
    loss = similarity.correlation_loss(fused, ir, vis)
    assert loss.item() > 10
    loss.backward()
    moved = (fused - 0.01 * fused.grad / fused.grad.norm()).detach()
    assert similarity.correlation(moved, ir) + similarity.correlation(moved, vis) > before
    assert similarity.correlation_loss(moved, ir, vis) < loss


def test_correlation_loss_is_smooth_where_its_tangent_begins():
    values = []
    for total in (0.09999, 0.10001):
        share = torch.tensor(total / 2, dtype=torch.float64, requires_grad=True)
        angle = torch.acos(share)
        a = torch.tensor([1.0, -1, 0, 0], dtype=torch.float64).reshape(1, 1, 2, 2)
        b = torch.tensor([0.0, 0, 1, -1], dtype=torch.float64).reshape(1, 1, 2, 2)
        loss = similarity.correlation_loss(torch.cos(angle) * a + torch.sin(angle) * b, a, a)
        values.append((loss.item(), torch.autograd.grad(loss, share)[0].item()))
    assert values[0] == pytest.approx(values[1], rel=1e-3)
    assert values[0] == pytest.approx((10, -200), rel=1e-3)


def test_gram_matrix_equals_direct_sums(features):
    one, other = features
    grams = [np.array([reference.gram(sample) for sample in x.numpy()]) for x in features]
    np.testing.assert_allclose(similarity.gram_matrix(one), grams[0], rtol=1e-12)
    difference = grams[0] - grams[1]
    root = np.sqrt((difference**2).sum((1, 2))).mean()
    assert similarity.gram_error(one, other).item() == pytest.approx(root, rel=1e-12)
    square = similarity.gram_error(one, other, norm="mean-square")
    assert square.item() == pytest.approx((difference**2).mean(), rel=1e-12)


def test_gram_does_not_see_where_things_are(features):
    one, _ = features
    assert similarity.gram_error(one.flip(2), one).item() == pytest.approx(0, abs=1e-12)
    same = one.clone().requires_grad_()
    similarity.gram_error(same, one).backward()
    assert same.grad.abs().max() == 0


def test_unknown_conventions_are_refused(two):
    with pytest.raises(UnknownName, match="halved"):
        similarity.ssim_loss(*two, form="half")
    with pytest.raises(UnknownName, match="channels"):
        similarity.correlation(*two, over="channel")
    with pytest.raises(UnknownName, match="root"):
        similarity.gram_error(*two, norm="roots")
