"""Settings that all recipes share, and types of settings."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, PositiveInt


def _square(value: object) -> object:
    return (value, value) if isinstance(value, int | str) else value


Size = Annotated[tuple[PositiveInt, PositiveInt], BeforeValidator(_square)]
"""Height and width in pixels; one number stands for both."""

Share = Annotated[float, Field(ge=0, lt=1)]
"""A fraction, from 0 to below 1."""

Several = Annotated[int, Field(ge=2)]
"""A batch size of at least two, for networks with batch norm over single pixels."""


class Section(BaseModel):
    """Settings that belong together. They are frozen, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Settings(Section):
    """Settings of every recipe. Recipes add their own, with the paper's values as defaults."""

    seed: int = Field(0, ge=0, lt=2**32)
    """Random seed for weights, sampling order and augmentation."""
    batch: PositiveInt
    """Batch size, summed over all processes."""
    crop: Size | None
    """Height and width of the random crop from each sample; none: whole pictures."""
    times: dict[str, PositiveInt] = {}
    """Repetitions of the pairs of a dataset in each epoch: times.msrs=6. Default: once."""
    network: dict[str, JsonValue] = {}
    """Settings of the network, such as the ablations of its paper."""
    weights: Path | None = None
    """Initial weights: a file of ours or of the authors (keep it, as --resume needs it again), one
    of several state dicts in it (FILE.pth#NAME), or the name of a network whose weights are part of
    imfuse. None: random."""
    held_out: Share = 0.05
    """Fraction of the training pairs to hold out for previews and scores."""
    ema: Share = 0.0
    """Decay of the exponential moving average of the weights, which becomes the result; 0: off."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the networks; losses are float32. auto: bfloat16 where the hardware has it."""
    workers: int | None = Field(None, ge=0)
    """Processes that load samples in the background; none: as many as there are idle cores."""
    checkpoint_every: PositiveInt = 500
    """Steps between two checkpoints."""
    preview_every: PositiveInt = 500
    """Steps between two previews of held-out pairs."""


def value_of(settings: BaseModel, name: str) -> Any:  # noqa: ANN401 - a setting of any type
    """Return the value of a setting by its name, with a dot between section and setting."""
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value
