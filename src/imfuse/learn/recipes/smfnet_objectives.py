"""Objectives and settings of both stages of SMFNet's training."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.func import functional_call

from imfuse.learn.batches.patches import LEAST_CONTRAST
from imfuse.learn.blocks.color import luma
from imfuse.learn.losses.decomposition import Features, decomposition_loss
from imfuse.learn.losses.gradient import gradient_error, maximum_gradient
from imfuse.learn.losses.intensity import maximum_intensity
from imfuse.learn.losses.lovasz import lovasz_of_pictures
from imfuse.learn.losses.similarity import gram_error, ssim_loss
from imfuse.learn.models.smfnet import Parts, SMFNet
from imfuse.learn.recipes.guidance import FusionSettings
from imfuse.learn.recipes.settings import Section, Share, Size
from imfuse.learn.recipes.stage import Losses, Objective, exact


class Reconstruction(Section):
    """Weights of the losses in stage I, equations 17 to 26."""

    similarity: NonNegativeFloat = 8.0
    """Weight of 1 - SSIM for each picture, alpha3."""
    similarity_form: Literal["plain", "halved"] = "plain"
    """1 - SSIM, or half of it, cut off at 0.5 (kornia 0.2)."""
    gradient: NonNegativeFloat = 10.0
    """Weight of the difference of Sobel magnitudes for each picture, beta1."""
    semantic: NonNegativeFloat = 1.0
    """Weight of Lovasz-Softmax for the visible picture."""
    intensity: NonNegativeFloat = 1.0
    """Weight of the difference of Gram matrices for the infrared picture."""
    gram: Literal["features", "picture"] = "features"
    """Matrices of the encoder's shallow features, or of the gray picture: its mean square."""
    decomposition: NonNegativeFloat = 2.0
    """Weight of the decomposition loss, alpha1."""
    visible_gradient: NonNegativeFloat = 5.0
    """Weight of the difference of signed gradients for the visible picture, alpha2."""


class Fusing(Section):
    """Weights of the losses in stage II besides the intensity loss, equations 27 to 30."""

    decomposition: NonNegativeFloat = 2.0
    """Weight of the decomposition loss (alpha4). The text exchanges both weights: 10 and 2."""
    gradient: NonNegativeFloat = 10.0
    """Weight of the distance to the greater gradient (alpha5)."""


class SMFNetSettings(FusionSettings):
    """Settings of SMFNet's training."""

    batch: PositiveInt = 6
    crop: Size | None = (128, 128)
    """Height and width of the square patches cut from pictures; none: whole pictures."""
    stride: PositiveInt = 200
    """Distance between patches in pixels."""
    least_contrast: Share = LEAST_CONTRAST
    """Lowest contrast, (P90 - P10) / P90, of both pictures of a patch; others are left out."""
    epochs: tuple[PositiveInt, PositiveInt] = (40, 80)
    """Epochs of stage I and of stage II."""
    stages: Literal["both", "second", "joined"] = "both"
    """Stages to train. second: stage II only, from `weights`. joined: stage II only, from random
    weights, with the epochs of both."""
    slots: Literal["rgb-as-vis", "mri-as-vis"] = "rgb-as-vis"
    """Visible input for medical pairs: the coloured picture, if there is one; or the MRI, as in
    CDDFuse, which then is the visible picture of `imfuse fuse`, too."""
    rate: PositiveFloat = 1e-4
    """Peak learning rate of the five Adam optimisers."""
    every: PositiveInt = 20
    """Epochs between two reductions of the learning rates."""
    factor: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Factor of each reduction."""
    floor: NonNegativeFloat = 1e-6
    """Lowest learning rate."""
    clip: PositiveFloat | None = 0.01
    """Largest gradient norm of each module, by clipping; none: no clipping."""
    correlations: Literal["paper", "release"] = "paper"
    """Correlation in the decomposition loss: per channel, or without gradient as in the code."""
    interaction: Literal["none", "second", "both"] = "second"
    """Stages whose decomposition loss includes the graph's interaction between modalities."""
    reconstruction: Reconstruction = Field(default_factory=Reconstruction)
    """Weights of the losses in stage I."""
    fusing: Fusing = Field(default_factory=Fusing)
    """Weights of the losses in stage II."""


class ReconstructionObjective(Objective):
    """Loss of stage I: reconstruct each picture from its own features.

    Args:
        network: The network, whose encoder, graph and decoder are trained; its fusion layers are
            not used.
        settings: The weights.
    """

    def __init__(self, network: SMFNet, settings: SMFNetSettings) -> None:
        super().__init__()
        self.network, self._settings = network, settings

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return L_vi + L_ir + alpha1 L_decomp + alpha2 L_grad, equations 17 to 26."""
        weights = self._settings.reconstruction
        y = luma(vis)
        ir_parts, vis_parts = self.network.decompose(ir, y)
        ir_again, y_again = (self.network.reconstruct(parts) for parts in (ir_parts, vis_parts))
        target, judged = ir, ir_again
        if weights.gram == "features":
            target, judged = ir_parts.shallow.detach(), _shallow(self.network, ir_again)
        with exact(ir):
            ir_again, y_again = ir_again.float(), y_again.float()
            terms = {
                "visible similarity": self._similarity(y_again, y),
                "visible semantic": lovasz_of_pictures(y_again, y),
                "visible gradient": gradient_error(y_again, y),
                "infrared similarity": self._similarity(ir_again, ir),
                "infrared intensity": self._intensity(judged, target),
                "infrared gradient": gradient_error(ir_again, ir),
                "decomposition": _decomposition(
                    ir_parts,
                    vis_parts,
                    self._settings,
                    interact=self._settings.interaction == "both",
                ),
                "signed gradient": gradient_error(y_again, y, operator="spatial"),
            }
            total = (
                weights.similarity * (terms["visible similarity"] + terms["infrared similarity"])
                + weights.semantic * terms["visible semantic"]
                + weights.intensity * terms["infrared intensity"]
                + weights.gradient * (terms["visible gradient"] + terms["infrared gradient"])
                + weights.decomposition * terms["decomposition"]
                + weights.visible_gradient * terms["signed gradient"]
            )
        return Losses(total, terms)

    def _similarity(self, picture: Tensor, target: Tensor) -> Tensor:
        form = self._settings.reconstruction.similarity_form
        return ssim_loss(picture, target, form=form)

    def _intensity(self, judged: Tensor, target: Tensor) -> Tensor:
        """Return equation 20 for features, or the published code's version for pictures."""
        of_features = self._settings.reconstruction.gram == "features"
        return gram_error(judged, target, norm="root" if of_features else "mean-square")


class FusionObjective(Objective):
    """Loss of stage II: give the fused picture the brighter value and the greater gradient.

    Args:
        network: The network, which is trained as a whole.
        settings: The weights.
    """

    def __init__(self, network: SMFNet, settings: SMFNetSettings) -> None:
        super().__init__()
        self.network, self._settings = network, settings

    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return L_intensity + alpha4 L_decomp + alpha5 L_grad, equations 27 to 30."""
        weights = self._settings.fusing
        y = luma(vis)
        fused, ir_parts, vis_parts = self.network.features(ir, y)
        with exact(ir):
            fused = fused.float()
            terms = {
                "intensity": maximum_intensity(fused, ir, y),
                "decomposition": _decomposition(
                    ir_parts,
                    vis_parts,
                    self._settings,
                    interact=self._settings.interaction != "none",
                ),
                "gradient": maximum_gradient(fused, ir, y),
            }
            total = (
                terms["intensity"]
                + weights.decomposition * terms["decomposition"]
                + weights.gradient * terms["gradient"]
            )
        return Losses(total, terms)


def _shallow(network: SMFNet, picture: Tensor) -> Tensor:
    """Return shallow features, without training the encoder to hide differences in them."""
    layers = nn.Sequential(network.encoder.embed, network.encoder.shallow)
    fixed = {name: parameter.detach() for name, parameter in layers.named_parameters()}
    features: Tensor = functional_call(layers, fixed, picture)
    return features


def _decomposition(ir: Parts, vis: Parts, settings: SMFNetSettings, *, interact: bool) -> Tensor:
    base, detail, graph = (
        Features(getattr(ir, name).float(), getattr(vis, name).float())
        for name in ("base", "detail", "graph")
    )
    return decomposition_loss(
        base, detail, interaction=graph if interact else None, variant=settings.correlations
    )
