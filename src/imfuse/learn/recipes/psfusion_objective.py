"""Objective and settings of PSFusion: equations 16 to 23."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)
from torch import Tensor

from imfuse.data.sample import IGNORED
from imfuse.errors import UsageError
from imfuse.learn.blocks.color import luma
from imfuse.learn.losses.filters import Border
from imfuse.learn.losses.gradient import Magnitude, Operator, gradient_error, maximum_gradient
from imfuse.learn.losses.intensity import (
    PixelError,
    absolute_error,
    both_intensities,
    weighted_intensity,
)
from imfuse.learn.losses.masks import (
    SALIENT,
    boundary_mask,
    contrast_masks,
    foreground_mask,
    hard_weights,
    soft_weights,
)
from imfuse.learn.losses.segmentation import (
    MSRS_BINARY_WEIGHTS,
    MaskForm,
    hard_example_cross_entropy,
    mask_cross_entropy,
)
from imfuse.learn.losses.similarity import Over, correlation_loss
from imfuse.learn.models.psfusion import PSFusion, PSFusionFeatures
from imfuse.learn.recipes.descent import DescentSettings
from imfuse.learn.recipes.labels import check_labels
from imfuse.learn.recipes.salience import Classes, find_salient
from imfuse.learn.recipes.settings import Share, Size
from imfuse.learn.recipes.stage import Losses, Objective, exact


class PSFusionSettings(DescentSettings):
    """Settings of PSFusion's training."""

    batch: Annotated[int, Field(ge=1)] = 16
    """Batch size, summed over all processes; at least two in each while batch norms learn."""
    crop: Size | None = (256, 256)
    """Height and width of the random crop, multiples of 32; square crops are also rotated."""
    classes: PositiveInt = 9
    """Number of classes in the labels and of the network, including the background; 9 in MSRS."""
    epochs: PositiveInt = 2500
    """Passes over all pairs."""
    warmup: NonNegativeInt = 0
    """Warm-up steps, from a rate of 1e-5; at most a tenth of all steps."""

    settle: Share = 0.0
    """Length of the stage that only updates the statistics of batch norms, on larger crops, as a
    fraction of all other steps; 0: no such stage."""
    settle_crop: Size = (256, 256)
    """Height and width of the random crops in that stage and after it."""
    frozen_norms: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Fraction of the steps, the last ones, with frozen batch norms: normalising by a few samples
    hides how bright they were. 0: none; 1: all steps, for `weights` whose norms are trained."""

    fusion: NonNegativeFloat = 10.0
    """Weight of the losses of the fused picture, lambda_f."""
    correlation: NonNegativeFloat = 0.1
    """Weight of the correlation loss, alpha."""
    correlation_limit: PositiveFloat | None = None
    """Ignore the correlation loss above this value; none: never ignore it."""
    fidelity: NonNegativeFloat = 5.0
    """Weight of the losses of both reconstructed sources, lambda_sf."""
    semantic: NonNegativeFloat = 10.0
    """Weight of the losses of the three semantic heads, lambda_se."""

    intensity: Literal["soft-masks", "hard-masks", "both"] = "soft-masks"
    """Intensity loss: weighting masks (equation 17), selecting masks, or none (equation 23)."""
    salient: Classes = SALIENT
    """Labels that stand out in infrared: car, person, bike; []: masks from contrast only."""
    border: Border = "reflected"
    """Padding around pictures for contrast masks."""
    error: PixelError = "absolute"
    """Distance in the intensity loss with masks: between pixels, or between windows."""
    texture_operator: Magnitude = "sobel"
    """Gradient operator of the texture loss."""
    fidelity_operator: Operator = "sobel"
    """Gradient operator for reconstructed sources."""
    correlation_over: Over = "channels"
    """One correlation coefficient for each picture, or one for the batch."""

    hard_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.75
    """Probability of the true class below which a pixel is hard (OHEM)."""
    hard_share: Annotated[float, Field(gt=0, le=1)] = 1 / 16
    """Smallest fraction of the batch to treat as hard pixels."""
    boundary: PositiveInt = 3
    """Width of class boundaries in pixels, on either side of an edge."""
    binary_weights: tuple[PositiveFloat, PositiveFloat] = MSRS_BINARY_WEIGHTS
    """Weights of background and objects."""
    head_form: MaskForm = "cross-entropy"
    """Loss of boundaries and objects: softmax, or one sigmoid per channel."""

    @model_validator(mode="before")
    @classmethod
    def _one_number_of_classes(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Give the network as many classes as the recipe, or the recipe as many as the network."""
        network = values.get("network", {})
        if not isinstance(network, dict):
            return values
        count = values.get("classes", network.get("classes", cls.model_fields["classes"].default))
        return {"classes": count, **values, "network": {"classes": count, **network}}


class PSFusionObjective(Objective):
    """Losses of the fused picture, the restored sources and the semantic heads.

    Args:
        network: The network to train.
        settings: Weights and forms of the losses.
    """

    def __init__(self, network: PSFusion, settings: PSFusionSettings) -> None:
        super().__init__()
        self.network, self._settings = network, settings

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return lambda_f L_f + lambda_sf (L_vi + L_ir) + lambda_se (L_se + L_bd + L_bi)."""
        _check_size(ir)
        settings = self._settings
        found = self.network.features(ir, vis)
        with exact(ir):
            y = luma(vis)
            fused = self._fusion(found.fused.float(), ir, y, labels)
            fidelity = self._fidelity(found, ir, y)
            semantic = {} if labels is None else self._semantic(found, labels)
            correlation = settings.correlation * self._limited(fused["correlation"])
            total = settings.fusion * (fused["intensity"] + fused["texture"] + correlation)
            total = total + settings.fidelity * _sum(fidelity, total)
            total = total + settings.semantic * _sum(semantic, total)
            return Losses(total, fused | fidelity | semantic)

    def _fusion(
        self, fused: Tensor, ir: Tensor, y: Tensor, labels: Tensor | None
    ) -> dict[str, Tensor]:
        """Return the terms of equation 20."""
        settings = self._settings
        return {
            "intensity": self._intensity(fused, ir, y, labels),
            "texture": maximum_gradient(fused, ir, y, operator=settings.texture_operator),
            "correlation": correlation_loss(fused, ir, y, over=settings.correlation_over),
        }

    def _limited(self, correlation: Tensor) -> Tensor:
        """Return the correlation loss if it is within its limit, else 0."""
        limit = self._settings.correlation_limit
        if limit is None:
            return correlation
        return correlation.where(correlation < limit, 0)

    def _intensity(self, fused: Tensor, ir: Tensor, y: Tensor, labels: Tensor | None) -> Tensor:
        settings = self._settings
        if settings.intensity == "both":
            return both_intensities(fused, ir, y)
        contrast = contrast_masks(ir, y, border=settings.border)
        salient = find_salient(labels, settings.salient, like=ir)
        weigh = soft_weights if settings.intensity == "soft-masks" else hard_weights
        weights = weigh(contrast, salient)
        return weighted_intensity(
            fused,
            ir,
            y,
            ir_weight=weights.ir,
            vis_weight=weights.vis,
            error=settings.error,
        )

    def _fidelity(self, found: PSFusionFeatures, ir: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Return the terms of equation 21, none if nothing is restored."""
        pictures = {"visible": (found.visible, y), "infrared": (found.infrared, ir)}
        operator = self._settings.fidelity_operator
        return {
            name: absolute_error(restored.float(), source)
            + gradient_error(restored.float(), source, operator=operator)
            for name, (restored, source) in pictures.items()
            if restored is not None
        }

    def _semantic(self, found: PSFusionFeatures, labels: Tensor) -> dict[str, Tensor]:
        """Return the semantic terms of equation 22, none if there are no heads."""
        if found.semantic is None or found.boundary is None or found.binary is None:
            return {}
        settings = self._settings
        check_labels(labels, settings.classes)
        known = labels != IGNORED
        boundary = boundary_mask(labels, radius=settings.boundary)
        return {
            "semantic": hard_example_cross_entropy(
                found.semantic.float(),
                labels,
                threshold=settings.hard_threshold,
                least=round(settings.hard_share * labels.numel()),
            ),
            "boundary": _of_known(found.boundary, boundary, known, settings.head_form),
            "binary": _of_known(
                found.binary,
                foreground_mask(labels),
                known,
                settings.head_form,
                settings.binary_weights,
            ),
        }


def _check_size(ir: Tensor) -> None:
    """Refuse pictures whose sides can't be halved five times."""
    height, width = ir.shape[2:]
    multiple = PSFusion.size.multiple
    if height % multiple or width % multiple:
        raise UsageError(
            f"pictures of {height}x{width} pixels for psfusion",
            expected=f"multiples of {multiple}",
            remedy="Train on crops: --set crop=256 (settings=).",
        )


def _of_known(
    logits: Tensor,
    mask: Tensor,
    known: Tensor,
    form: MaskForm,
    weights: tuple[float, float] | None = None,
) -> Tensor:
    """Return the loss of a head over the pixels with labels, 0 if there are none."""
    logits = logits.float()
    if not known.any():
        return 0 * logits.sum()
    # The losses are means over pixels in any arrangement: put all labelled pixels in one row.
    row = logits.movedim(1, 0)[:, known][None, :, None]
    return mask_cross_entropy(row, mask[:, 0][known][None, None, None], weights=weights, form=form)


def _sum(terms: Mapping[str, Tensor], like: Tensor) -> Tensor:
    return sum(terms.values(), start=like.new_zeros(()))
