"""What a recipe is: settings, networks, and the stages that they are trained in."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, PositiveInt
from torch import nn

from imfuse.data.sources import Source
from imfuse.engines.shipped import shipped_file
from imfuse.errors import UsageError
from imfuse.learn.checkpoints import load_weights
from imfuse.learn.models.base import FusionNetwork, Origin
from imfuse.learn.networks import complete_settings, create_network
from imfuse.learn.trainer.stage import Planned, Stage, Workshop


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

    seed: int = Field(0, ge=0, lt=2**32)
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


CODE_NETWORK = "The network is that of the published code unless network.variant=paper."
"""A departure of recipes whose paper and code have different networks."""


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
