"""The decomposition loss against its equations, and that it does train."""

import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import PairMismatch, UsageError  # noqa: E402 - needs torch
from imfuse.learn.losses.decomposition import Features, decomposition_loss  # noqa: E402
from reference import losses as reference  # noqa: E402


@pytest.fixture
def features(rng):
    """Base, detail and interaction, each correlated a little."""
    kinds = []
    for share in (0.8, 0.3, 0.5):
        ir = rng.random((2, 3, 5, 6))
        vis = share * ir + (1 - share) * rng.random(ir.shape)
        kinds.append(Features(*(torch.tensor(x).requires_grad_() for x in (ir, vis))))
    return kinds


def coefficients(features, compute):
    return [compute(*(x.detach().numpy() for x in kind)) for kind in features]


def test_equals_equations_26_and_27(features):
    b, d, g = coefficients(features, reference.correlation_over_channels)
    base, detail, interaction = features
    first = decomposition_loss(base, detail)
    assert first.item() == pytest.approx(d**2 / (b + 1.01), rel=1e-5)
    second = decomposition_loss(base, detail, interaction=interaction)
    assert second.item() == pytest.approx((d**2 + g**2) / (b + 1.01), rel=1e-5)


def test_the_release_pools_counts_details_twice_and_is_dead(features):
    b, d, _ = coefficients(features, reference.coefficient)
    base, detail, interaction = features
    first = decomposition_loss(base, detail, variant="release")
    assert first.item() == pytest.approx(d**2 / (b + 1.01), rel=1e-5)
    second = decomposition_loss(base, detail, interaction=interaction, variant="release")
    assert second.item() == pytest.approx(2 * d**2 / (b + 1.01), rel=1e-5)
    assert not second.requires_grad


def test_every_kind_of_features_is_trained(features):
    base, detail, interaction = features
    decomposition_loss(base, detail, interaction=interaction).backward()
    for kind in features:
        for x in kind:
            assert x.grad.isfinite().all()
            assert x.grad.abs().mean() > 1e-5


def test_descent_joins_bases_and_parts_details(features):
    base, detail, _ = features
    leaves = [*base, *detail]
    before = decomposition_loss(base, detail)
    before.backward()
    moved = [x.detach() - 0.5 * x.grad for x in leaves]
    after = decomposition_loss(Features(*moved[:2]), Features(*moved[2:]))
    assert after < before
    ideal = decomposition_loss(
        Features(base.ir, base.ir), Features(detail.ir, torch.ones_like(detail.ir))
    )
    assert ideal.item() == pytest.approx(0, abs=1e-9)


def test_mistakes_are_refused(features):
    base, detail, _ = features
    with pytest.raises(UsageError, match="paper, release"):
        decomposition_loss(base, detail, variant="papers")
    with pytest.raises(PairMismatch):
        decomposition_loss(base, Features(detail.ir, detail.vis[:, :1]))
