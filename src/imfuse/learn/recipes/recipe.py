"""The base class of recipes: settings, networks, training stages, and their results."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from imfuse.data.layouts import Layout
from imfuse.data.sample import Sample
from imfuse.data.sources import Source
from imfuse.engines.sections import split_section, with_section
from imfuse.learn.models.base import Origin
from imfuse.learn.recipes.card import TrainingCard
from imfuse.learn.recipes.settings import Settings
from imfuse.learn.recipes.stage import Planned, Stage, Workshop

CODE_NETWORK = "The network is that of the published code unless network.variant=paper."
"""Departure to state in recipes whose paper and code have different networks."""

Autocast = Callable[[], AbstractContextManager[object]]
"""Returns a context in which networks compute in the precision of the training."""


@dataclass(frozen=True)
class Scored:
    """Scores of a trained network on held-out pairs.

    Attributes:
        means: Mean scores by name; empty if there are none.
        pairs: Number of pairs that were scored.
        more: Further fields of the recipe's card.
    """

    means: Mapping[str, float]
    pairs: int
    more: Mapping[str, Any] = field(default_factory=dict)


class Recipe(ABC):
    """The training procedure of one paper: how to train, preview, score and save its network.

    Subclasses set the class attributes, install their modules in the constructor, and implement
    `plan` and `stage`; `FusionRecipe` and `SegmenterRecipe` implement the rest. Constructors draw
    random numbers from PyTorch's global generator, which the caller seeds.

    Attributes:
        settings: The settings.
        modules: All networks, under the names that stages use.
        origin: Where the initial weights come from; None: they are random.
    """

    name: ClassVar[str]
    """Name on the command line."""
    title: ClassVar[str]
    """One line for humans."""
    paper: ClassVar[str]
    """Authors, title, venue, year, DOI."""
    network: ClassVar[str]
    """Name of the network to train."""
    options: ClassVar[type[Settings]]
    """Class of the recipe's settings, with the paper's values as defaults."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Named sets of other values, such as those of the published code (`release`)."""
    departures: str = ""
    """Differences from the paper, for the card; they may depend on settings."""
    kind: ClassVar[Literal["recipe", "segmenter"]]
    """The users' word for it: a `recipe` trains a fusion network, a `segmenter` a segmenter."""
    subject: ClassVar[str]
    """Name of the module to train."""
    card: ClassVar[type[TrainingCard]] = TrainingCard
    """The kind of card that describes the result."""
    use: ClassVar[str]
    """The command that uses the result, with the placeholder `{model}`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.modules = nn.ModuleDict()
        self._fixed: dict[str, set[str]] = {}
        self.origin: Origin | None = None

    def twin(self) -> Self:
        """Return a copy with modules of its own, for trials that change weights."""
        other = copy.copy(self)
        other.modules = copy.deepcopy(self.modules)
        other.__dict__["_fixed"] = dict(self._fixed)
        return other

    @classmethod
    def located(cls, settings: Settings, find: Callable[[Path], Path]) -> Settings:
        """Return settings whose relative paths are replaced by what `find` returns for them."""
        weights = settings.weights
        if weights is None or weights.is_absolute():
            return settings
        file, section = split_section(weights)
        return settings.model_copy(update={"weights": with_section(find(file), section)})

    @classmethod
    def view(cls, source: Source, settings: Settings) -> Source:
        """Return the pairs as networks see them in training, previews and scores."""
        return source

    def install(self, name: str, module: nn.Module) -> None:
        """Add a module, or replace one.

        Parameters that do not require gradients now will not train in any stage.
        """
        self.modules[name] = module
        self._fixed[name] = {key for key, p in module.named_parameters() if not p.requires_grad}

    @abstractmethod
    def plan(self, source: Source) -> Sequence[Planned]:
        """Return the stages of the paper's schedule for a source."""

    def schedule(self, source: Source) -> Sequence[Planned]:
        """Return all stages: those of the paper, and those that settings add."""
        return self.plan(source)

    def start(self, index: int, source: Source) -> None:
        """Change modules at the start of a stage of `schedule`; see `begin`."""
        self.begin(index)

    def open_stage(self, index: int, workshop: Workshop) -> Stage:
        """Return a stage of `schedule`, ready to run; see `stage`."""
        return self.stage(index, workshop)

    def begin(self, index: int) -> None:  # noqa: B027 - most recipes change nothing
        """Change modules at the start of a stage; not called when a stage is resumed."""

    @abstractmethod
    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return a stage, ready to run.

        The modules are in the state before the stage, or, on resuming, in that of the checkpoint.

        Raises:
            UsageError: The samples lack what the stage needs, such as labels.
        """

    @abstractmethod
    def preview(
        self,
        module: nn.Module,
        samples: Sequence[Sample],
        device: torch.device,
        autocast: Autocast = nullcontext,
    ) -> NDArray[np.uint8]:
        """Return a picture `(H, W, 3)` of the network's output for some samples.

        Args:
            module: The network, in evaluation mode.
            samples: Held-out samples with float32 values.
            device: The network's device.
            autocast: Returns a context that sets the precision.
        """

    @abstractmethod
    def score(
        self,
        module: nn.Module,
        held_out: Source | None,
        layouts: Sequence[Layout],
        device: torch.device,
        tell: Callable[[str], object] = lambda _: None,
    ) -> Scored:
        """Score the trained network.

        Args:
            module: The network, in evaluation mode.
            held_out: Held-out pairs, or None.
            layouts: The datasets of the training pairs.
            device: The network's device.
            tell: Called with short progress messages.
        """

    @abstractmethod
    def save(self, module: nn.Module, path: Path, origin: Origin) -> None:
        """Write the network's weights as safetensors.

        Raises:
            OutputError: The file can't be written.
        """

    @abstractmethod
    def export(
        self, module: nn.Module, path: Path, origin: Origin, layouts: Sequence[Layout]
    ) -> None:
        """Write the network, on the CPU and in evaluation mode, as an ONNX file.

        Raises:
            WeightsError: The file's output differs from the network's.
            OutputError: The file can't be written.
        """

    def set_modes(self, trained: Iterable[str], *, frozen_norms: bool = False) -> None:
        """Put modules into training mode with gradients, or into evaluation mode without.

        Args:
            trained: Names of the modules to train.
            frozen_norms: Whether batch norms stay in evaluation mode even there.
        """
        names = set(trained)
        for name, module in self.modules.items():
            module.train(name in names)
            norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
            for norm in norms if frozen_norms else []:
                norm.eval()
            for key, parameter in module.named_parameters():
                parameter.requires_grad_(name in names and key not in self._fixed[name])
