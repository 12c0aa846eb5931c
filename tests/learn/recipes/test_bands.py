"""Losses of our own networks: harm, noise and contrast, and what guidance may change."""

import pytest

torch = pytest.importorskip("torch")

from imfuse.learn.models.bands import ImfuseS  # noqa: E402
from imfuse.learn.recipes.band_samples import _patches, harmed, with_noise  # noqa: E402
from imfuse.learn.recipes.bands import (  # noqa: E402
    BandsObjective,
    BandsSettings,
    ImfuseSRecipe,
    _missing_contrast,
)
from imfuse.types import Preference  # noqa: E402


def objective(**settings):
    torch.manual_seed(0)
    return BandsObjective(ImfuseS(), BandsSettings(**settings))


@pytest.fixture
def sources():
    torch.manual_seed(1)
    return torch.rand(16, 1, 64, 64), torch.rand(16, 1, 64, 64)


def test_what_harm_hides_is_asked_of_the_other_source(sources):
    ir, y = sources
    (told_ir, seen_ir), (told_y, seen_y) = harmed(ir, y, 0.9999)
    harmed_ir = (seen_ir != ir).flatten(1).any(1)
    harmed_y = (seen_y != y).flatten(1).any(1)
    assert (harmed_ir ^ harmed_y).all()  # one of both, never both
    assert harmed_ir.any()
    assert harmed_y.any()
    for told, seen, source, other in ((told_ir, seen_ir, ir, y), (told_y, seen_y, y, ir)):
        gone = (seen - source).abs() > 0.3
        assert (told - other)[gone].abs().mean() < 0.5 * (seen - other)[gone].abs().mean()
        assert (told - seen).abs().max() > 0.1
    assert (told_ir[harmed_y] == ir[harmed_y]).all()
    assert (seen_ir[harmed_y] == ir[harmed_y]).all()


def test_where_the_other_source_shows_nothing_harm_is_not_undone(sources):
    """A sky that infrared does not see stays bright."""
    _, y = sources
    cold = torch.full_like(y, 0.1)
    (_, _), (told_y, seen_y) = harmed(cold, y, 0.9999)
    torch.testing.assert_close(told_y, seen_y, atol=0.02, rtol=0)


def test_without_harm_and_noise_nothing_changes(sources):
    ir, y = sources
    (told_ir, seen_ir), (told_y, seen_y) = harmed(ir, y, 0.0)
    for one in (told_ir, seen_ir, with_noise(ir, y, 0.0, 0.1)[0]):
        assert (one == ir).all()
    for one in (told_y, seen_y, with_noise(ir, y, 0.0, 0.1)[1]):
        assert (one == y).all()


def test_one_source_at_a_time_is_noisy(sources):
    ir, y = sources
    noisy_ir, noisy_y = with_noise(ir, y, 0.9999, 0.1)
    of_ir, of_y = ((a != b).flatten(1).any(1) for a, b in ((noisy_ir, ir), (noisy_y, y)))
    assert (of_ir ^ of_y).all()
    assert of_ir.any()
    assert of_y.any()
    assert 0 <= noisy_ir.min() <= noisy_ir.max() <= 1


def test_patches_are_soft_and_differ():
    torch.manual_seed(0)
    masks = _patches(torch.zeros(8, 1, 64, 96))
    assert masks.shape == (8, 1, 64, 96)
    assert 0 <= masks.min() < 0.05
    assert 0.95 < masks.max() <= 1
    assert masks.flatten(1).mean(1).std() > 0.05


def test_missing_contrast_is_a_share_of_what_is_wanted():
    torch.manual_seed(0)
    target = torch.rand(4, 1, 32, 32)
    for factor, missing in ((1.12, 0.0), (2.0, 0.0), (0.56, 0.5)):
        found = _missing_contrast(factor * target, target, 1.12)
        assert float(found) == pytest.approx(missing, abs=5e-3)


def test_all_losses_are_finite_where_pictures_are_even():
    made = objective(harmed=0.9999, noisy=0.9999)
    for value in (0.0, 1.0):
        even = torch.full((2, 1, 64, 64), value)
        losses = made(even, even.expand(-1, 3, -1, -1), None)
        losses.total.backward()
        assert torch.isfinite(losses.total)
        for parameter in made.network.parameters():
            assert parameter.grad is None or torch.isfinite(parameter.grad).all()


def test_wishes_alone_are_always_wished_for():
    torch.manual_seed(0)
    always = objective(wishes_alone=True, preferences=0.0)
    assert all(any(always._wanted()) for _ in range(50))
    never = objective(preferences=0.0)
    assert not any(any(never._wanted()) for _ in range(50))
    seen = {name for _ in range(60) for name, v in always._wanted()._asdict().items() if v}
    assert seen == {"lean", "detail", "natural"}


def test_guidance_changes_nothing_but_the_wish_for_machines(sources):
    ir, y = sources
    recipe = ImfuseSRecipe(BandsSettings())
    recipe.freeze_for_guidance()
    network = recipe.fusion.eval()
    with torch.no_grad():
        for one in network.decider.wishes:
            one.of["detail"].normal_(std=0.3)
        usual, crisp = (network.prefer(ir, y, Preference(detail=d)) for d in (0.0, 1.0))
    trained = [p for p in network.parameters() if p.requires_grad]
    assert trained
    step = torch.optim.SGD(trained, 1.0)
    for _ in range(2):  # the heads are 0 at first, and the scales behind them learn from then on
        step.zero_grad()
        network.fuse_for_machines(ir, y).square().mean().backward()
        step.step()
    with torch.no_grad():
        assert (network.prefer(ir, y, Preference()) == usual).all()
        assert (network.prefer(ir, y, Preference(detail=1.0)) == crisp).all()
        assert not torch.allclose(network.fuse_for_machines(ir, y), usual)
        assert "machine" in network.decider.learned
