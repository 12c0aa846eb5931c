"""What a recipe is made of: settings, stages, objectives, and optimisers with their rates."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, cast

import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, PositiveInt
from torch import Tensor, nn

from imfuse.engines.shipped import shipped_file
from imfuse.errors import UsageError
from imfuse.learn.checkpoints import load_weights
from imfuse.learn.data.sources import Source
from imfuse.learn.data.transforms import Augmentation
from imfuse.learn.models.base import FusionNetwork, Origin
from imfuse.learn.networks import complete_settings, create_network


def _square(value: object) -> object:
    return (value, value) if isinstance(value, int | str) else value


Size = Annotated[tuple[PositiveInt, PositiveInt], BeforeValidator(_square)]
"""Height and width in pixels; one number stands for both."""

Share = Annotated[float, Field(ge=0, lt=1)]
"""A part of a whole, from 0 to below 1."""

Several = Annotated[int, Field(ge=2)]
"""Samples of a step: at least two, as what sees the whole picture is normed over the batch."""


class Section(BaseModel):
    """Settings that belong together; unknown ones are refused, and none changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Settings(Section):
    """Settings of every recipe. Recipes add their own, with the paper's values as defaults."""

    seed: int = Field(0, ge=0)
    """Of weights, order and variants of samples, and whatever else is drawn."""
    batch: PositiveInt
    """Samples of a step, over all processes together."""
    crop: Size | None
    """Height and width of the part cut from each sample; none: whole pictures."""
    times: dict[str, PositiveInt] = {}
    """How often an epoch takes the pairs of a set, by its name: times.msrs=6; once unless given."""
    network: dict[str, JsonValue] = {}
    """Settings of the network, such as the ablations of its paper."""
    weights: Path | None = None
    """Weights to begin with: a file, ours or the authors', that must still be there to --resume, or
    the name of a network whose weights are part of imfuse."""
    held_out: Share = 0.05
    """Share of the training pairs that only previews and scores are made of."""
    ema: Share = 0.0
    """Weight of the past in the running mean of the weights, which then is the result; 0: none."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Type of the networks' arithmetic; losses are float32. auto: bfloat16 where it is fast."""
    workers: int | None = Field(None, ge=0)
    """Processes that read samples ahead; none: as many as there are idle cores."""
    checkpoint_every: PositiveInt = 500
    """Steps between two checkpoints."""
    preview_every: PositiveInt = 500
    """Steps between two pictures of how held-out pairs are fused."""


class Losses(NamedTuple):
    """What an objective says of a batch.

    Attributes:
        total: What is minimised.
        terms: The parts of it, for the log, each before its weight unless its name says otherwise.
    """

    total: Tensor
    terms: Mapping[str, Tensor]


class Objective(nn.Module, ABC):
    """What a stage minimises. It holds the networks that it trains, and those that it only asks."""

    @abstractmethod
    def forward(self, ir: Tensor, vis: Tensor, labels: Tensor | None) -> Losses:
        """Return the losses of a batch.

        Args:
            ir: `(b, 1, h, w)` in [0, 1].
            vis: `(b, 3, h, w)` in [0, 1], RGB.
            labels: `(b, h, w)` classes, 255 for unknown; None if the source has none.
        """


def exact(like: Tensor) -> torch.autocast:
    """Return a context without reduced precision, in which losses are to be computed."""
    return torch.autocast(like.device.type, enabled=False)


@dataclass
class Optimization:
    """An optimiser, and its rate at each step.

    Attributes:
        optimizer: The optimiser. The rate of a group is multiplied by the group's `scale`, if any.
            Adam is best `fused`: on a CPU in a quarter of the time, which for PSFusion's 46 million
            weights is a quarter of a second a step.
        rate: From a step of the paper's schedule (a fraction, where a budget shortens or stretches
            it) to the learning rate.
        clip: Largest norm of the gradient of its parameters together; None: any.
    """

    optimizer: torch.optim.Optimizer
    rate: Callable[[float], float]
    clip: float | None = None

    def set_rate(self, step: float) -> float:
        """Set and return the rate of a step."""
        rate = self.rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)
        return rate

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All parameters that it changes."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]


class Planned(NamedTuple):
    """A stage before it begins: its name, and its length in the paper's schedule."""

    name: str
    steps: int


@dataclass
class Stage:
    """A part of a training, ready to run.

    Attributes:
        objective: What is minimised.
        trained: Names of the recipe's modules that train; the others are in evaluation mode.
        optimizations: The optimisers, which each take a step per batch; none where nothing but the
            running means of norms is to change.
        source: The samples.
        batch: How many make a step, over all processes together.
        augmentation: How they are varied.
        least: How many each process needs; two where there are norms over a batch.
        frozen_norms: Whether norms over a batch keep the means that they have seen.
    """

    objective: Objective
    trained: Sequence[str]
    optimizations: Sequence[Optimization]
    source: Source
    batch: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    least: int = 1
    frozen_norms: bool = False


@dataclass(frozen=True)
class Workshop:
    """What a recipe gets to build a stage with.

    Attributes:
        source: The training samples.
        folder: Where it may keep files of its own; None: nowhere, as in trials of speed.
        device: Where networks run.
        lead: Whether this process is the one that writes files.
        wait: Returns when all processes have called it.
        autocast: Gives a context in which networks compute as precisely as in training.
        tell: Takes a few words on what is going on before the first step, where that lasts.
    """

    source: Source
    folder: Path | None
    device: torch.device
    lead: bool = True
    wait: Callable[[], object] = lambda: None
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext
    tell: Callable[[str], object] = lambda _: None


class Recipe(ABC):
    """The training procedure of one paper.

    Subclasses set the class attributes, install their modules in the constructor, and write `plan`
    and `stage`. What is random in constructors is drawn from PyTorch's global generator, which the
    trainer seeds.

    Attributes:
        settings: The settings.
        modules: All networks, under the names that stages use.
        origin: Where the weights to begin with come from; None: from nowhere, they are random.
    """

    name: ClassVar[str]
    """Name on the command line."""
    title: ClassVar[str]
    """One line for humans."""
    paper: ClassVar[str]
    """Authors, title, venue, year, DOI."""
    network: ClassVar[str]
    """Name of the network that it trains."""
    options: ClassVar[type[Settings]]
    """Its settings, with the paper's values as defaults."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Other values under a name, such as those of the published code (`release`)."""
    departures: str = ""
    """Where it differs from the paper, for the card; settings may have a say."""
    subject: ClassVar[str] = "fusion"
    """Name of the module that is trained for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.modules = nn.ModuleDict()
        self._fixed: dict[str, set[str]] = {}
        self.origin: Origin | None = None

    @classmethod
    def view(cls, source: Source, settings: Settings) -> Source:
        """Return pairs as networks are to see them: in training, in previews, and in scores."""
        return source

    def install(self, name: str, module: nn.Module) -> None:
        """Take a module in, or another one in its place.

        Parameters that do not require gradients now will not train in any stage.
        """
        self.modules[name] = module
        self._fixed[name] = {key for key, p in module.named_parameters() if not p.requires_grad}

    def create(self) -> FusionNetwork:
        """Return a network with the settings asked for, fresh or with the weights to begin with.

        Raises:
            WeightsError: See `load_weights`.
            UsageError: They are of another network, or of one with other settings.
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
                remedy="Set network.NAME=VALUE to what these weights were trained with."
                if found[0] == self.network
                else f"Give weights of {self.network}.",
            )
        self.origin = loaded.origin
        network.load_state_dict(loaded.network.state_dict())
        return network

    @property
    def fusion(self) -> FusionNetwork:
        """The network that is trained for."""
        return cast(FusionNetwork, self.modules["fusion"])

    @abstractmethod
    def plan(self, source: Source) -> Sequence[Planned]:
        """Return the stages of the paper's schedule for a source."""

    def begin(self, index: int) -> None:  # noqa: B027 - most recipes change nothing
        """Change modules as a stage begins; not called when a stage is resumed."""

    @abstractmethod
    def stage(self, index: int, workshop: Workshop) -> Stage:
        """Return a stage, ready to run.

        The modules are as the stage found them, or, when resumed, as it left them.

        Raises:
            UsageError: The samples lack what the stage needs, such as labels.
        """

    def set_modes(self, trained: Iterable[str], *, frozen_norms: bool = False) -> None:
        """Put modules into training or evaluation mode, and let the former get gradients.

        Args:
            trained: Names of the modules that train.
            frozen_norms: Whether norms over a batch stay in evaluation mode all the same.
        """
        names = set(trained)
        for name, module in self.modules.items():
            module.train(name in names)
            norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
            for norm in norms if frozen_norms else []:
                norm.eval()
            for key, parameter in module.named_parameters():
                parameter.requires_grad_(name in names and key not in self._fixed[name])


def _found(given: Path) -> Path:
    """Return the file that is meant by a path, or by the name of a network."""
    is_name = given.name == str(given) and not given.suffix and not given.exists()
    return shipped_file(str(given)) if is_name else given


def trainable(*modules: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of modules that may train."""
    return [p for module in modules for p in module.parameters() if p.requires_grad]
