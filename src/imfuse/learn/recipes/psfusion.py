"""PSFusion's training: fusing, restoring both sources and labelling the scene, all at once.

L. Tang, H. Zhang, H. Xu, J. Ma, "Rethinking the necessity of image fusion in high-level vision
tasks: A practical infrared and visible image fusion network based on progressive semantic injection
and scene fidelity", Information Fusion 99, 2023, doi:10.1016/j.inffus.2023.101870.
"""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, ClassVar, cast

from imfuse.data.sources import Source
from imfuse.errors import UsageError
from imfuse.learn.batches.transforms import Augmentation
from imfuse.learn.models.psfusion import PSFusion
from imfuse.learn.recipes.descent import descent_departure, is_square, make_descent
from imfuse.learn.recipes.fusion import FusionRecipe
from imfuse.learn.recipes.labels import require_labels
from imfuse.learn.recipes.psfusion_objective import PSFusionObjective, PSFusionSettings
from imfuse.learn.recipes.recipe import CODE_NETWORK
from imfuse.learn.recipes.salience import check_salient
from imfuse.learn.recipes.settings import Settings
from imfuse.learn.recipes.stage import Planned, Stage, Workshop, trainable

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
"""The most of an hour or two on a few cores. By masks that choose, and by the published
program's gradients, the picture of least loss is closer to both sources: on the middle of six
training pairs of MSRS, whose pixels were optimised without a network, VIF .84 instead of .62. A
fresh network correlates with nothing, where the correlation loss has its pole: at first that loss
drowns all others, here it waits. Adam gives a picture after some hundred steps. Norms over a few
small crops take the brightness out of pictures: a network that had learned with them for 4400 steps
missed its sources by .12 (mean difference plus that of gradients), and after 200 more steps with
its norms frozen by .04. Its attention runs over whole pictures, and learns from small crops to make
larger ones darker: of the mean that it had in crops of 96 pixels, 288 had four fifths. So the first
half is for features, at little cost, and the second one for pictures."""


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
    a label count in no semantic loss, and are not salient.

    Departures: momentum, weight decay, power, crops, flips, the constants of hard examples and the
    weights of objects are known from the code only, whose ImageNet weights the encoders lack. The
    network is that of the code; the paper's own equations are `network.variant=paper`. How wide
    boundaries are is said nowhere: by ENet's rule on MSRS (its test labels) the published weights
    (1.4548, 19.8962) are those of lines of 3 pixels on either side of an edge (1.4552, 19.79), not
    those of objects (1.50, 10.95), for which the code takes them. `release` does not exchange
    infrared and visible in the intensity loss, as the published call does, and has batches of 16,
    for which its constants are made, where its default is 4. The code selects by the mIoU of test
    pairs; here the last weights count.
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
            "the constants of the semantic losses are the code's. The last weights count, not "
            "those that do best on test pairs."
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
            UsageError: Masks or heads need labels, and there are none, or other ones.
        """
        settings = self.settings
        remedy = (
            "Add rendered pairs, which have labels (--data scenes:200), or do without labels: "
            "--set salient=[] --set network.semantic_heads=false."
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

    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return the stage that trains, the one that lets norms settle, or the one after it."""
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
