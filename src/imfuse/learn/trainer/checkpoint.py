"""The state of a training in one file, whole or not at all, read without running anything."""

import io
import pickle
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from imfuse.errors import WeightsError
from imfuse.io.atomic import write_atomically

FORMAT = 1
"""Number of the file format."""

FILE = "state.ckpt"
"""Name of the file in a run's folder."""


@dataclass
class State:
    """All that it takes to go on.

    Attributes:
        config: The complete configuration of the run, as plain values.
        stage: Number of the stage, from 0; as many as there are stages when all are done.
        step: Steps of that stage that are done.
        total: Steps of all stages that are done.
        seconds: Time that they took.
        modules: Weights of the recipe's modules.
        optimizers: States of the stage's optimisers.
        average: Running mean of the weights, or None.
        random: States of the random number generators.
    """

    config: dict[str, Any]
    stage: int = 0
    step: int = 0
    total: int = 0
    seconds: float = 0.0
    modules: dict[str, Any] = field(default_factory=dict)
    optimizers: list[dict[str, Any]] = field(default_factory=list)
    average: dict[str, Any] | None = None
    random: dict[str, Any] = field(default_factory=dict)


def save_state(path: Path, state: State) -> None:
    """Write a state.

    Raises:
        OutputError: The file can't be written; an older one is untouched.
    """
    # Not asdict: it would copy every tensor.
    content = {one.name: getattr(state, one.name) for one in fields(state)}
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    write_atomically(path, [buffer.getbuffer()])


def load_state(path: Path) -> State:
    """Return a state.

    Raises:
        WeightsError: The file is missing, damaged, or no state of a training.
    """
    remedy = "Start the training again, in another folder."
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        number = content.pop("format")
        state = State(**content)
    except OSError as error:
        found = f"no state of a training to go on from ({error.strerror})"
        raise WeightsError(found, file=path, remedy="Check the folder.") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, ValueError) as e:
        found = f"no state of a training, or a damaged one ({type(e).__name__})"
        raise WeightsError(found, file=path, remedy=remedy) from e
    if number != FORMAT:
        raise WeightsError(f"format {number}", file=path, expected=str(FORMAT), remedy=remedy)
    return state


def random_state() -> dict[str, Any]:
    """Return the states of PyTorch's generators."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def set_random_state(state: dict[str, Any]) -> None:
    """Put PyTorch's generators back."""
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
