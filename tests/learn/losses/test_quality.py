"""VIF, Qabf and SCD with gradients: equal to the metrics, and what their gradients do."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import UsageError  # noqa: E402 - needs torch
from imfuse.io.images import read_image  # noqa: E402
from imfuse.learn.losses import quality  # noqa: E402
from imfuse.metrics import edges, fidelity, similarity  # noqa: E402
from imfuse.metrics.planes import Trio  # noqa: E402
from reference.trios import arrays  # noqa: E402

PAIRS = {
    quality.visual_information_fidelity: fidelity.visual_information_fidelity,
    quality.edge_transfer: edges.edge_transfer,
    quality.sum_of_correlations_of_differences: similarity.sum_of_correlations_of_differences,
}
CASES = [(41, 46, 0, True), (97, 81, 1, False), (120, 64, 2, True)]


def batches(pictures, dtype=torch.float64):
    return [torch.tensor(x / 255, dtype=dtype)[None, None] for x in pictures]


def trio(pictures):
    return Trio.of(*(x / 255 for x in pictures), data_range=1)


def three(*case):
    *size, seed, whole = case
    return [x.astype(np.float64) for x in arrays(*size, seed, whole=whole)]


@pytest.mark.parametrize("loss", PAIRS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_are_those_of_the_metrics(loss, case, dtype):
    pictures = three(*case)
    found = loss(*batches(pictures, dtype)).item()
    assert found == pytest.approx(PAIRS[loss](trio(pictures)), rel=1e-5)


@pytest.mark.parametrize("loss", PAIRS)
def test_faint_pictures_have_the_values_of_the_metrics(loss):
    """Variances below one squared gray level, of the fused picture alone and of all three."""
    f, a, b = three(60, 64, 4, False)
    for pictures in ([120 + f / 200, a, b], [120 + x / 100 for x in (f, a, b)]):
        found = loss(*batches(pictures)).item()
        assert found == pytest.approx(PAIRS[loss](trio(pictures)), rel=1e-4)


@pytest.mark.parametrize("loss", PAIRS)
def test_the_value_of_a_batch_is_the_mean_over_its_pictures(loss):
    sets = [three(50, 60, seed, True) for seed in range(3)]
    expected = np.mean([PAIRS[loss](trio(pictures)) for pictures in sets])
    stacked = [torch.cat(x) for x in zip(*map(batches, sets), strict=True)]
    assert loss(*stacked).item() == pytest.approx(expected, rel=1e-5)
    channels = [x.transpose(0, 1) for x in stacked]
    assert loss(*channels).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("convention", [{"angles": "of lines"}, {"border": "reflected"}])
def test_conventions_of_qabf_are_those_of_the_metric(convention):
    pictures = three(60, 70, 3, True)
    found = quality.edge_transfer(*batches(pictures), **convention).item()
    expected = edges.edge_transfer(trio(pictures), **convention)
    assert found == pytest.approx(expected, rel=1e-5)
    assert found != pytest.approx(edges.edge_transfer(trio(pictures)), rel=1e-4)


def test_real_pairs_have_the_values_of_the_metrics(data):
    folder = data / "tno25"
    ir, vis = (sorted((folder / kind).iterdir())[0] for kind in ("ir", "vis"))
    pictures = [read_image(path).pixels.astype(np.float64) for path in (ir, vis)]
    pictures = [x if x.ndim == 2 else x[..., 1] for x in pictures]
    pictures = [np.maximum(*pictures), *pictures]
    for loss, metric in PAIRS.items():
        found = loss(*batches(pictures, torch.float32)).item()
        assert found == pytest.approx(metric(trio(pictures)), rel=1e-4)


@pytest.mark.parametrize("loss", PAIRS)
def test_gradients_are_those_of_finite_differences(loss):
    """Along random directions, at the least size of VIF; no edge of noise is quite vertical."""
    generator = torch.Generator().manual_seed(0)
    parts = torch.rand(3, 1, 1, 41, 42, generator=generator, dtype=torch.float64)
    fused, ir, vis = parts.mean(0).requires_grad_(), parts[0], parts[1]
    (gradient,) = torch.autograd.grad(loss(fused, ir, vis), fused)
    assert gradient.isfinite().all()
    assert (gradient != 0).float().mean() > 0.9
    for _ in range(4):
        direction = torch.randn(fused.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            up, down = (loss(fused + step * direction, ir, vis) for step in (1e-6, -1e-6))
        slope = ((up - down) / 2e-6).item()
        assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("loss", PAIRS)
def test_ascent_raises_the_metric(loss):
    pictures = three(48, 50, 6, True)
    before = PAIRS[loss](trio(pictures))
    fused, ir, vis = batches(pictures)
    for _ in range(5):
        fused = fused.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(fused, ir, vis), fused)
        fused = (fused + 2e-3 * gradient / gradient.abs().mean()).clamp(0, 1)
    after = PAIRS[loss](
        Trio.of(*(x[0, 0].detach().numpy() for x in (fused, ir, vis)), data_range=1)
    )
    assert after > before + 0.01


def test_equal_pictures_have_the_greatest_value():
    _, a, _ = batches(three(50, 60, 7, True))
    assert quality.visual_information_fidelity(a, a, a).item() == pytest.approx(2)
    assert quality.edge_transfer(a, a, a).item() == pytest.approx(0.9748, abs=2e-3)


@pytest.mark.parametrize("loss", PAIRS)
@pytest.mark.parametrize("flat", ["fused", "ir", "vis", "sources", "all"])
def test_constant_pictures_give_finite_values_and_gradients(loss, flat):
    fused, ir, vis = (x.float() for x in batches(three(48, 50, 8, True)))
    level = torch.full_like(fused, 0.3)
    if flat in ("fused", "all"):
        fused = level.clone()
    if flat in ("ir", "sources", "all"):
        ir = level
    if flat in ("vis", "sources", "all"):
        vis = 2 * level
    fused.requires_grad_()
    value = loss(fused, ir, vis)
    value.backward()
    assert value.isfinite()
    assert fused.grad.isfinite().all()
    if flat in ("sources", "all"):
        assert value == 0
        assert fused.grad.abs().max() == 0


def test_a_source_that_shows_next_to_nothing_keeps_its_digits_in_float32():
    """As in a night's crop: a single pixel above black, beside pictures full of texture."""
    fused, _, vis = batches(three(64, 70, 10, True))
    ir = torch.full_like(fused, 0.1)
    ir[..., 30, 40] += 1 / 255
    precise = quality.visual_information_fidelity(fused, ir, vis)
    found = quality.visual_information_fidelity(*(x.float() for x in (fused, ir, vis)))
    # 2e-3: of variances of 1e-4 squared gray levels, float32 keeps three digits
    assert found.item() == pytest.approx(precise.item(), rel=2e-3)


def test_beside_one_constant_source_the_other_decides_qabf():
    f, a, b = three(48, 50, 8, True)
    pictures = [f, np.full_like(a, 77), b]
    found = quality.edge_transfer(*batches(pictures)).item()
    assert found == pytest.approx(edges.edge_transfer(trio(pictures)), rel=1e-5)
    assert found > 0.1


def test_one_constant_picture_does_not_spoil_its_batch():
    good = batches(three(48, 50, 9, True))
    black = torch.zeros_like(good[0])
    for loss in PAIRS:
        stacked = [torch.cat([x, black]) for x in good]
        assert loss(*stacked).item() == pytest.approx(loss(*good).item() / 2, rel=1e-9)


def test_pictures_too_small_for_vif_are_refused():
    x = torch.rand(1, 1, 40, 60)
    with pytest.raises(UsageError, match="at least 41x41"):
        quality.visual_information_fidelity(x, x, x)
