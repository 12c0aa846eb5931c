"""PSFusion's training: fusing, restoring both sources and labelling the scene, all at once.

L. Tang, H. Zhang, H. Xu, J. Ma, "Rethinking the necessity of image fusion in high-level vision
tasks: A practical infrared and visible image fusion network based on progressive semantic injection
and scene fidelity", Information Fusion 99, 2023, doi:10.1016/j.inffus.2023.101870.
"""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any, ClassVar, cast

from torch import nn

from imfuse.data.layouts import Layout
from imfuse.data.sources import Source
from imfuse.errors import UsageError
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.heads import export_head
from imfuse.learn.models.base import Origin
from imfuse.learn.models.psfusion import PSFusion
from imfuse.learn.recipes.descent import descent_departure, is_square, make_descent
from imfuse.learn.recipes.fusion import FusionRecipe
from imfuse.learn.recipes.labels import class_names, require_labels
from imfuse.learn.recipes.psfusion_objective import PSFusionObjective, PSFusionSettings
from imfuse.learn.recipes.recipe import CODE_NETWORK
from imfuse.learn.recipes.salience import check_salient
from imfuse.learn.recipes.settings import Settings
from imfuse.learn.recipes.stage import Planned, Stage, Workshop, trainable

SEGMENTER = "segmenter.onnx"
"""File in a run's folder: the network as a segmenter of unfused pairs."""

RELEASE = {
    "warmup": 1000,
    "intensity": "hard-masks",
    "border": "zero",
    "error": "windows",
    "texture_operator": "sobel-apart",
    "fidelity_operator": "second-order",
    "correlation_over": "batch",
    "head_form": "per-channel",
}
"""The values of the published program."""

CPU = {
    "batch": 2,
    "crop": 96,
    "optimizer": "adam",
    "rate": 3e-4,
    "correlation_limit": 2.0,
    "settle": 0.02,
    "settle_crop": 192,
    "frozen_norms": 0.5,
    "intensity": "hard-masks",
    "texture_operator": "sobel-apart",
}
"""The best use of an hour or two on a few cores. Selecting masks and the published program's
gradients bring the picture of lowest loss closer to both sources: VIF .84 instead of .62 when the
pixels of six centre crops (training pairs of MSRS) were optimised without a network. The output of
a new network correlates with nothing, which is where the correlation loss has its pole: that loss
would dominate all others, so `correlation_limit` ignores it at first. Adam gives a picture after a
few hundred steps. Batch norms over a few small crops remove the brightness of pictures: a network
trained with them for 4400 steps missed its sources by .12 (mean difference plus that of gradients),
and by .04 after 200 more steps with frozen norms. The network's attention runs over whole pictures,
and trained on small crops it darkens larger ones: at 288 pixels, outputs had four fifths of the
mean that they had at 96. So the first half of the training learns features, at little cost, and the
second half learns pictures."""


_FORMS = (
    "intensity",
    "border",
    "error",
    "texture_operator",
    "fidelity_operator",
    "correlation_over",
    "correlation_limit",
    "head_form",
)
"""Settings that choose the form of a loss."""


class PSFusionRecipe(FusionRecipe):
    """Equations 16 to 23 of PSFusion.

    Rows of its ablations: w/o Mask is `intensity=both`, w/o SFP `network.fidelity_heads=false`,
    w/o S2P2 `network.semantic_heads=false`, w/o PSFM `network.deep_attention=false`. Pixels without
    a label are ignored by the semantic losses, and are not salient.

    Departures: momentum, weight decay, power, crops, flips, the constants of hard examples and the
    weights of objects come from the code, as the paper does not give them. Unlike in the code, the
    encoders begin without ImageNet weights. The network is that of the code; the paper's own
    equations are `network.variant=paper`. Neither paper nor code states the width of boundaries:
    by ENet's rule on the test labels of MSRS, the published weights (1.4548, 19.8962) belong to
    lines of 3 pixels on either side of an edge (1.4552, 19.79), not to objects (1.50, 10.95), for
    which the code uses them. The published code exchanges infrared and visible in the call of the
    intensity loss; `release` does not. `release` has a batch size of 16, which the code's constants
    are made for; the code's default is 4. The code selects weights by the mIoU of test pairs; here
    the last weights are the result.
    """

    name = "psfusion"
    title = "Fusing, restoring both pictures and labelling the scene in one training"
    paper = PSFusion.paper
    network = "psfusion"
    options = PSFusionSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"release": RELEASE, "cpu": CPU}
    settings: PSFusionSettings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._check_settings()
        self.departures = (
            "The encoders begin with random weights instead of ImageNet's. "
            f"{CODE_NETWORK} {descent_departure(self.settings)}{self._loss_departures()} Crops and "
            "the constants of the semantic losses are the code's. The result is the last weights, "
            "not those that score best on test pairs."
        )
        self.install("fusion", self.create())

    def _loss_departures(self) -> str:
        """Return how the losses differ from the paper's equations, for the card."""
        own, fields = self.settings, PSFusionSettings.model_fields
        changed = [f"{n}={getattr(own, n)}" for n in _FORMS if getattr(own, n) != fields[n].default]
        return f" Losses other than the paper's: {', '.join(changed)}." if changed else ""

    def _check_settings(self) -> None:
        settings = self.settings
        of_network = settings.network["classes"]
        if of_network != settings.classes:
            found = f"classes={settings.classes}, network.classes={of_network!r}"
            raise UsageError(found, expected="one number", remedy="Set classes alone.")
        multiple = PSFusion.size.multiple
        for size in (settings.crop, settings.settle_crop):
            if size is not None and any(side % multiple for side in size):
                found = f"crop {size[0]}x{size[1]} for {self.name}"
                raise UsageError(found, expected=f"multiples of {multiple} pixels")
        if settings.batch < 2 and (settings.frozen_norms < 1 or settings.settle):
            expected = "at least 2, as norms learn from them"
            remedy = "Smaller batches need frozen_norms=1, settle=0 and weights."
            raise UsageError("batch=1", expected=expected, remedy=remedy)
        if settings.settle and settings.ema:
            remedy = "Set one of them to 0."
            raise UsageError("ema and settle at once", expected="one of them", remedy=remedy)

    def plan(self, source: Source) -> Sequence[Planned]:
        """Return the stages: in all, 68 steps an epoch for the 1083 pairs of MSRS, and settling.

        Raises:
            UsageError: Masks or heads need labels, and these are missing or have other classes.
        """
        settings = self.settings
        remedy = (
            "Add rendered pairs, which have labels (--data scenes:200, data=), or train without "
            "labels: --set salient=[] --set network.semantic_heads=false (settings=)."
        )
        if cast(PSFusion, self.fusion).semantic_heads is not None:
            require_labels(source, self.name, settings.classes, remedy=remedy)
        if settings.intensity != "both":
            check_salient(source, self.name, settings.salient, remedy=remedy)
        steps = ceil(len(source) / settings.batch) * settings.epochs
        finish = int(steps * settings.frozen_norms)
        stages = [
            Planned("train", steps - finish),
            Planned("settle", ceil(steps * settings.settle), crop="settle_crop"),
            Planned("finish", finish, crop="settle_crop"),
        ]
        return [one for one in stages if one.steps]

    def export(
        self, module: nn.Module, path: Path, origin: Origin, layouts: Sequence[Layout]
    ) -> None:
        """Write a model that `imfuse fuse` runs, and beside it one that labels the scene."""
        super().export(module, path, origin, layouts)
        network = cast(PSFusion, module)
        if network.semantic_heads is not None:
            names = class_names(layouts, self.settings.classes)
            export_head(network, path.with_name(SEGMENTER), origin, names)

    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return the training stage, the one that settles the norms, or the one after it."""
        settings, trained = self.settings, ("fusion",)
        self.set_modes(trained)
        steps = {one.name: one.steps for one in self.plan(workshop.source)}
        name = list(steps)[index]
        optimizations = []
        if name != "settle":
            first, finish = steps.get("train", 0), steps.get("finish", 0)
            total, begun = first + finish, first if name == "finish" else 0
            optimizations.append(
                make_descent(
                    trainable(self.fusion), settings, total, begun=begun, pace=workshop.pace
                )
            )
        crop = settings.crop if name == "train" else settings.settle_crop
        return Stage(
            PSFusionObjective(cast(PSFusion, self.fusion), settings),
            trained,
            optimizations,
            workshop.source,
            settings.batch,
            Augmentation(crop=crop, flip=True, flip_vertical=True, rotate=is_square(crop)),
            least=1 if name == "finish" else 2,
            frozen_norms=name == "finish",
        )
