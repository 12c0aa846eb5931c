"""What holds for every loss: finite differences, refusals, half precision, means over batches."""

import pytest

torch = pytest.importorskip("torch")

from imfuse.errors import PairMismatch  # noqa: E402 - needs torch
from imfuse.learn.losses import gradient, intensity, lovasz, segmentation, similarity  # noqa: E402
from imfuse.learn.losses.decomposition import Features, decomposition_loss  # noqa: E402
from imfuse.learn.losses.quality import edge_transfer, sum_of_correlations_of_differences  # noqa: E402


def weighted(error):
    def loss(fused, ir, vis):
        weight = ir.detach().square()
        return intensity.weighted_intensity(
            fused, ir, vis, ir_weight=weight, vis_weight=1 - weight, error=error
        )

    return loss


def decomposed(fused, ir, vis):
    bases, details = Features(fused, ir), Features(fused.square(), vis)
    return decomposition_loss(bases, details, interaction=Features(fused, vis))


def with_options(loss, **options):
    return lambda *pictures: loss(*pictures, **options)


OF_THREE = {
    "maximum intensity": intensity.maximum_intensity,
    "average intensity": intensity.average_intensity,
    "both intensities": intensity.both_intensities,
    "weighted, absolute": weighted("absolute"),
    "weighted, windows": weighted("windows"),
    "decomposition": decomposed,
    "correlation loss": similarity.correlation_loss,
    "correlation loss of a batch": with_options(similarity.correlation_loss, over="batch"),
    "Qabf": edge_transfer,
    "Qabf of lines": with_options(edge_transfer, angles="of lines"),
    "SCD": sum_of_correlations_of_differences,
    **{
        f"maximum gradient, {operator}": with_options(gradient.maximum_gradient, operator=operator)
        for operator in ("sobel", "sobel-apart", "laplacian")
    },
}
OF_TWO = {
    "absolute error": intensity.absolute_error,
    "squared error": intensity.squared_error,
    "SSIM": similarity.ssim_loss,
    "SSIM, halved": with_options(similarity.ssim_loss, form="halved"),
    "SSIM, inside": with_options(similarity.ssim_loss, border="none"),
    "correlation": similarity.correlation,
    "Gram": similarity.gram_error,
    "Gram, mean square": with_options(similarity.gram_error, norm="mean-square"),
    "Lovasz of pictures": lovasz.lovasz_of_pictures,
    **{
        f"gradient error, {operator}": with_options(gradient.gradient_error, operator=operator)
        for operator in ("sobel", "sobel-apart", "laplacian", "spatial", "second-order")
    },
}
OF_LOGITS = {
    "cross-entropy": segmentation.cross_entropy,
    "weighted cross-entropy": with_options(segmentation.cross_entropy, weights=(1.0, 7.0, 2.0)),
    "OHEM": with_options(segmentation.hard_example_cross_entropy, least=9),
    "Dice": segmentation.dice_loss,
    "Lovasz": lambda logits, labels: lovasz.lovasz_softmax(logits.softmax(1), labels),
}
OF_PICTURES = OF_THREE | OF_TWO

POOLED = ("correlation loss", "correlation loss of a batch", "decomposition", "Lovasz of pictures")
"""Losses of a batch that are no mean of losses of single pictures."""


def pictures(name, batch=1, height=11, width=13, dtype=torch.float64):
    """Return random pictures; the fused ones hold a part of the sources, as they do."""
    generator = torch.Generator().manual_seed(len(name))
    f, a, b = torch.rand(3, batch, 1, height, width, generator=generator, dtype=dtype)
    fused = 0.05 + 0.9 * (f + a + b) / 3
    return [fused, a, b] if name in OF_THREE else [fused, a]


def labels(batch=2):
    generator = torch.Generator().manual_seed(1)
    found = torch.randint(0, 3, (batch, 3, 4), generator=generator)
    found[0, 0, :2] = 255
    return found


@pytest.mark.parametrize("name", OF_PICTURES)
def test_gradients_are_those_of_finite_differences(name):
    fused, *sources = pictures(name)
    loss = OF_PICTURES[name]
    fused.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, *sources), fused, fast_mode=True)
    (found,) = torch.autograd.grad(loss(fused, *sources), fused)
    assert found.abs().max() > 1e-6


@pytest.mark.parametrize("name", OF_LOGITS)
def test_gradients_of_semantic_losses_are_those_of_finite_differences(name):
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(2, 3, 3, 4, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: OF_LOGITS[name](x, labels()), logits)
    (found,) = torch.autograd.grad(OF_LOGITS[name](logits, labels()), logits)
    assert found.abs().max() > 1e-3
    assert found[0, :, 0, :2].abs().max() == 0


@pytest.mark.parametrize("name", OF_LOGITS)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_labels_may_be_any_integers(name, dtype):
    logits = torch.randn(2, 3, 3, 4)
    assert OF_LOGITS[name](logits, labels().to(dtype)) == OF_LOGITS[name](logits, labels())


@pytest.mark.parametrize("form", ["cross-entropy", "per-channel"])
def test_gradients_of_mask_losses_are_those_of_finite_differences(form):
    logits = torch.randn(2, 2, 3, 4, dtype=torch.float64).requires_grad_()
    mask = torch.rand(2, 1, 3, 4) < 0.4

    def loss(x):
        return segmentation.mask_cross_entropy(x, mask, weights=(1.5, 20), form=form)

    assert torch.autograd.gradcheck(loss, logits)


@pytest.mark.parametrize("name", OF_PICTURES)
def test_a_number_with_the_mean_over_the_batch(name):
    batch = pictures(name, batch=3)
    found = OF_PICTURES[name](*batch)
    assert found.shape == ()
    if name not in POOLED:
        singles = [OF_PICTURES[name](*(x[i : i + 1] for x in batch)) for i in range(3)]
        torch.testing.assert_close(found, sum(singles) / 3)


@pytest.mark.parametrize("name", OF_PICTURES)
def test_pictures_that_do_not_fit_are_refused(name):
    fused, *sources = pictures(name, batch=2)
    for bad in (fused[:1], fused[..., :-1], fused[:, 0], fused.expand(-1, 2, -1, -1)):
        with pytest.raises(PairMismatch, match=r"\(b, c, h, w\)"):
            OF_PICTURES[name](bad, *sources)


@pytest.mark.parametrize("name", OF_PICTURES)
def test_half_precision_is_widened_even_under_autocast(name):
    batch = [x.bfloat16() for x in pictures(name, batch=2)]
    expected = OF_PICTURES[name](*(x.float() for x in batch))
    leaf = batch[0].requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = OF_PICTURES[name](leaf, *batch[1:])
    found.backward()
    assert found.dtype == torch.float32
    # 1e-3: what a test itself computes under autocast (squares of pictures) is rounded
    torch.testing.assert_close(found.detach(), expected, rtol=1e-3, atol=1e-5)
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize("name", OF_LOGITS)
def test_half_precision_logits_are_widened(name):
    logits = torch.randn(2, 3, 3, 4).bfloat16()
    found = OF_LOGITS[name](logits, labels())
    torch.testing.assert_close(
        found, OF_LOGITS[name](logits.float(), labels()), check_dtype=False, rtol=0.01, atol=0.01
    )
    if name != "Lovasz":  # whose softmax is the caller's
        assert found.dtype == torch.float32
