"""SMFNet's training: encoder and decoder learn to reconstruct, then the whole network to fuse.

X. Zhang, L. Wang, L. Zhao, X. Li, S. Ma, "A semantic-aware and multi-guided network for
infrared-visible image fusion", IEEE Transactions on Multimedia, 2025,
doi:10.48550/arXiv.2407.06159.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch

from imfuse.data.sources import Source
from imfuse.errors import UsageError
from imfuse.learn.batches.patches import PatchSource
from imfuse.learn.batches.shown import MRIAsVisible
from imfuse.learn.models.smfnet import SMFNet
from imfuse.learn.recipes.fusion import FusionRecipe
from imfuse.learn.recipes.recipe import CODE_NETWORK
from imfuse.learn.recipes.settings import Settings
from imfuse.learn.recipes.smfnet_objectives import (
    Fusing,
    FusionObjective,
    ReconstructionObjective,
    SMFNetSettings,
)
from imfuse.learn.recipes.stage import Objective, Optimization, Planned, Stage, Workshop, trainable
from imfuse.learn.schedules import halving

_FROM_START = ("encoder", "decoder", "reasoning")
_OF_STAGE_2 = ("base_fusion", "detail_fusion")


class SMFNetRecipe(FusionRecipe):
    """Both stages of SMFNet.

    Rows of table 5: `interaction=both` (two-stage both cc_G), `stages=joined` (w/o two stage
    training), `reconstruction.semantic=0` with `reconstruction.intensity=0` (w/o intensity and
    semantic loss), `network.exchanged_fusion=true` (INN<->transformer),
    `network.cross_attention=false` (CAI->INN block), `network.residual_base=false` (w/o residual
    transformer) and `network.graph=false` (w/o GNN). Medical pairs: preset `medical`, either from
    scratch or, to fine-tune, with `weights` and `stages=second` or `both`.

    Departures: Gram matrices are those of the shallow features (64x64) instead of the picture's
    (1x1), computed by the encoder without training it; Lovasz-Softmax treats pictures as
    probabilities of two classes; correlations have gradients. In the published code (preset
    `release`) these three terms train next to nothing. The weights of stage II are those of that
    code; the text exchanges them (preset `printed`). Adam's moments are reset before stage II.
    The network is that of the code, unless `network.variant=paper`. Medical pairs are cut every 64
    pixels; PET and SPECT are their visible pictures, so that fused pictures keep their colours,
    where CDDFuse takes the MRI as visible (`slots=mri-as-vis`).
    """

    name = "smfnet"
    title = "Reconstruction, then fusion, with five optimisers"
    paper = SMFNet.paper
    network = "smfnet"
    options = SMFNetSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # In the published code, Lovasz-Softmax has one channel and is constant.
        "release": {
            "correlations": "release",
            "reconstruction": {"similarity_form": "halved", "semantic": 0.0, "gram": "picture"},
        },
        "printed": {"fusing": {"decomposition": 10.0, "gradient": 2.0}},
        # A stride of 200 would leave one patch in the corner of 256x256 pixels.
        "medical": {"stride": 64},
        # Time goes by pixels, so crops are small; but batch norms need several of them, since those
        # of a single crop hide how bright it was. With the paper's decay, the encoder would have a
        # quarter of the learning rate left by the time it first fuses.
        "cpu": {"batch": 4, "crop": 64, "stride": 64, "rate": 5e-4, "every": 25},
    }
    settings: SMFNetSettings

    @classmethod
    def view(cls, source: Source, settings: Settings) -> Source:
        """Return the pairs, with MRI as the visible pictures if the settings say so."""
        moved = cast(SMFNetSettings, settings).slots == "mri-as-vis"
        return MRIAsVisible(source) if moved else source

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        own = self.settings
        if own.stages == "second" and own.weights is None:
            raise UsageError(
                "stages=second without weights",
                expected="a network that stage I has trained: --set weights=FILE (settings=)",
                remedy="Train both stages, or skip the first one with --set stages=joined "
                "(settings=).",
            )
        if own.crop is not None and own.crop[0] != own.crop[1]:
            raise UsageError(f"crop {own.crop}", expected="square patches, such as crop=128")
        self.departures = self._departures()
        self.install("fusion", self.create())
        self._cut: tuple[Source, Source] | None = None

    def _departures(self) -> str:
        own = self.settings
        told = [CODE_NETWORK]
        if own.fusing == Fusing():
            told.append(
                "Weights of stage II are the published code's (2 and 10), not as printed (10, 2)."
            )
        if own.correlations == "paper":
            told.append("Correlations have gradients, unlike in the published code.")
        if own.stages == "both":
            if own.reconstruction.gram == "features":
                told.append("Gram matrices are those of shallow features.")
            if own.reconstruction.semantic > 0:
                told.append("Lovasz-Softmax treats pictures as two classes, dark and bright.")
            told.append("Adam's moments are reset before stage II.")
        return " ".join(told)

    def plan(self, source: Source) -> Sequence[Planned]:
        """Return one or two stages, whose epochs have enough steps to see all patches."""
        first, second = (count * self._steps_an_epoch(source) for count in self.settings.epochs)
        if self.settings.stages == "both":
            return [Planned("reconstruct", first), Planned("fuse", second)]
        return [Planned("fuse", second if self.settings.stages == "second" else first + second)]

    def _steps_an_epoch(self, source: Source) -> int:
        return -(-len(self._patches(source)) // self.settings.batch)

    def _patches(self, source: Source) -> Source:
        """Return the patches of a source; cached, as cutting reads the whole source."""
        settings = self.settings
        if settings.crop is None:
            return source
        if self._cut is None or self._cut[0] is not source:
            patches = PatchSource(
                source,
                size=settings.crop[0],
                stride=settings.stride,
                least_contrast=settings.least_contrast,
            )
            self._cut = source, patches
        return self._cut[1]

    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return the stage that reconstructs, or the one that fuses."""
        trained = ("fusion",)
        self.set_modes(trained)
        network = cast(SMFNet, self.fusion)
        steps = self._steps_an_epoch(workshop.source)
        reconstructs = self.settings.stages == "both" and index == 0
        objective: Objective
        if reconstructs:
            objective = ReconstructionObjective(network, self.settings)
            optimizations = [self._adam(name, steps, begun=0) for name in _FROM_START]
        else:
            objective = FusionObjective(network, self.settings)
            begun = 0 if self.settings.stages == "joined" else self.settings.epochs[0]
            optimizations = [
                self._adam(name, steps, begun=begun, since=begun if name in _OF_STAGE_2 else 0)
                for name in (*_FROM_START, *_OF_STAGE_2)
            ]
        return Stage(
            objective,
            trained,
            [one for one in optimizations if one is not None],
            self._patches(workshop.source),
            self.settings.batch,
        )

    def _adam(self, part: str, steps: int, *, begun: int, since: int = 0) -> Optimization | None:
        """Return the optimiser of a part of the network; None if the part has nothing to train.

        Args:
            part: Name of the part.
            steps: Steps per epoch.
            begun: Number of epochs before the stage.
            since: Epoch at which the learning rate's schedule begins.
        """
        settings = self.settings
        parameters = trainable(self.fusion.get_submodule(part))
        if not parameters:
            return None

        def rate(step: float) -> float:
            return halving(
                begun + step / steps,
                start=settings.rate,
                every=settings.every,
                factor=settings.factor,
                floor=settings.floor,
                since=since,
            )

        adam = torch.optim.Adam(parameters, lr=settings.rate, fused=True)
        return Optimization(adam, rate, settings.clip)
