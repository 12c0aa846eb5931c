"""Base class of recipes for fusion networks: initial weights, previews, scores, files."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from imfuse.data.layouts import Layout
from imfuse.data.sample import Sample, quantised
from imfuse.data.sources import Source
from imfuse.engines.shipped import shipped_file
from imfuse.errors import UsageError
from imfuse.learn.checkpoints import load_weights, save_weights
from imfuse.learn.export import export_onnx
from imfuse.learn.models.base import FusionNetwork, Origin
from imfuse.learn.networks import complete_settings, create_network
from imfuse.learn.recipes.fusing import fuse_sample
from imfuse.learn.recipes.guidance import (
    FusionSettings,
    GuidanceSettings,
    guidance_stage,
    with_guidance,
)
from imfuse.learn.recipes.previews import in_rows
from imfuse.learn.recipes.recipe import Autocast, Recipe, Scored
from imfuse.learn.recipes.scores import score
from imfuse.learn.recipes.settings import Settings
from imfuse.learn.recipes.stage import Planned, Stage, Workshop

_SCORED = 8
"""Largest number of held-out pairs that the scores on the card are computed from."""


class FusionRecipe(Recipe):
    """A recipe that trains a fusion network, the module `fusion`."""

    kind = "recipe"
    subject = "fusion"
    use = "imfuse fuse IR VIS -o OUT -m {model}"

    def create(self) -> FusionNetwork:
        """Return the network with the settings' ablations and random or initial weights.

        Raises:
            WeightsError: See `load_weights`.
            UsageError: The weights belong to another network, or to one with other settings.
        """
        file, wanted = self.settings.weights, self.settings.network
        network = create_network(self.network, **wanted)
        if file is None:
            return network
        loaded = load_weights(_found(file))
        found = loaded.network.name, complete_settings(loaded.network.name, loaded.settings)
        if found != (self.network, complete_settings(self.network, wanted)):
            raise UsageError(
                f"weights of {loaded.network.name} with settings {dict(loaded.settings)}",
                file=file,
                expected=f"of {self.network} with settings {wanted}",
                remedy="Set network.NAME=VALUE to the values these weights were trained with."
                if found[0] == self.network
                else f"Give weights of {self.network}.",
            )
        self.origin = loaded.origin
        network.load_state_dict(loaded.network.state_dict())
        return network

    def schedule(self, source: Source) -> Sequence[Planned]:
        """Return the stages of the paper, and the guided one if guides are given."""
        return with_guidance(partial(self.plan, source), self._guidance)

    def start(self, index: int, source: Source) -> None:
        """Change modules at the start of a stage of the paper."""
        if not self._guides(index, source):
            self.begin(index)

    def open_stage(self, index: int, workshop: Workshop) -> Stage:
        """Return a stage of the paper, or the guided one."""
        if not self._guides(index, workshop.source):
            return self.stage(index, workshop)
        self.set_modes(("fusion",), frozen_norms=True)
        self.freeze_for_guidance()
        steps = self.schedule(workshop.source)[index].steps
        return guidance_stage(self.fusion, self._guidance, steps, workshop)

    def freeze_for_guidance(self) -> None:
        """Freeze what the guided stage must not change."""

    def _guides(self, index: int, source: Source) -> bool:
        """Return True if a stage is the guided one."""
        return bool(self._guidance.networks) and index + 1 == len(self.schedule(source))

    @classmethod
    def located(cls, settings: Settings, find: Callable[[Path], Path]) -> Settings:
        """Return settings whose relative paths are replaced by what `find` returns for them."""
        found = super().located(settings, find)
        guidance = _guidance_of(found)
        networks = tuple(path if path.is_absolute() else find(path) for path in guidance.networks)
        update = {"guidance": guidance.model_copy(update={"networks": networks})}
        return found.model_copy(update=update) if networks else found

    @property
    def _guidance(self) -> GuidanceSettings:
        return _guidance_of(self.settings)

    @property
    def fusion(self) -> FusionNetwork:
        """The network to train."""
        return cast(FusionNetwork, self.modules["fusion"])

    def preview(
        self,
        module: nn.Module,
        samples: Sequence[Sample],
        device: torch.device,
        autocast: Autocast = nullcontext,
    ) -> NDArray[np.uint8]:
        """Return a row for each sample: infrared, visible, fused."""
        network = cast(FusionNetwork, module)
        rows = []
        for sample in samples:
            ir = np.repeat(sample.ir[..., None], 3, axis=2)
            parts = [ir, sample.vis, fuse_sample(network, sample, device, autocast)]
            rows.append([quantised(part) for part in parts])
        return in_rows(rows)

    def score(
        self,
        module: nn.Module,
        held_out: Source | None,
        layouts: Sequence[Layout],
        device: torch.device,
        tell: Callable[[str], object] = lambda _: None,
    ) -> Scored:
        """Return mean scores over up to eight held-out pairs."""
        if held_out is None:
            return Scored({}, 0)
        pairs = min(_SCORED, len(held_out))
        means = score(cast(FusionNetwork, module), held_out, device, most=pairs, tell=tell)
        return Scored(means, pairs)

    def save(self, module: nn.Module, path: Path, origin: Origin) -> None:
        """Write the weights, with everything that `load_weights` needs to rebuild the network."""
        network = cast(FusionNetwork, module)
        save_weights(path, network, settings=self.settings.network, origin=origin)

    def export(
        self, module: nn.Module, path: Path, origin: Origin, layouts: Sequence[Layout]
    ) -> None:
        """Write a model that `imfuse fuse` runs."""
        network = cast(FusionNetwork, module)
        export_onnx(network, path, network.spec(origin), settings=self.settings.network)


def _guidance_of(settings: Settings) -> GuidanceSettings:
    """Return the settings of the guided stage; recipes may be without them."""
    return settings.guidance if isinstance(settings, FusionSettings) else GuidanceSettings()


def _found(given: Path) -> Path:
    """Return the file for a path or for the name of a network."""
    is_name = given.name == str(given) and not given.suffix and not given.exists()
    return shipped_file(str(given)) if is_name else given
