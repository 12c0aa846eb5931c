"""The state of a training run in one file, written atomically and read without running code."""

import io
import pickle
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import torch
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from imfuse.errors import ImfuseError, WeightsError
from imfuse.io.atomic import write_atomically
from imfuse.learn.torch_file import check_archive
from imfuse.learn.training.nesting import check_nesting

FORMAT = 1
"""Number of the file format."""

_REMEDY = "Start the training again, in another folder."

Count = Annotated[int, Field(ge=0)]


@dataclass
class State:
    """Everything needed to resume.

    Attributes:
        config: The complete configuration of the run, as plain values.
        stage: Number of the stage, from 0; the number of stages if all are done.
        step: Steps of that stage that are done.
        total: Steps of all stages that are done.
        seconds: Time that all these steps took.
        modules: Weights of the recipe's modules.
        optimizers: States of the stage's optimisers.
        average: Moving average of the weights, or None.
        random: States of the random number generators.
    """

    config: dict[str, Any]
    stage: Count = 0
    step: Count = 0
    total: Count = 0
    seconds: Annotated[float, Field(ge=0, le=1e10)] = 0.0
    modules: dict[str, Any] = field(default_factory=dict)
    optimizers: list[dict[str, Any]] = field(default_factory=list)
    average: dict[str, Any] | None = None
    random: dict[str, Any] = field(default_factory=dict)


def save_state(path: Path, state: State) -> None:
    """Write a state.

    Raises:
        OutputError: The file can't be written; an older one is untouched.
    """
    # Not `asdict`, which would copy every tensor.
    content = {one.name: getattr(state, one.name) for one in fields(state)}
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    write_atomically(path, [buffer.getbuffer()])


def load_state(path: Path) -> State:
    """Return a state.

    Raises:
        WeightsError: The file is missing, damaged, or not the state of a training.
    """
    with damaged(path):
        _check_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        check_nesting(content)
        number = content.pop("format")
        if number != FORMAT:
            found = f"format {str(number)[:40]}"
            raise WeightsError(found, file=path, expected=str(FORMAT), remedy=_REMEDY)
        for name, kind in get_type_hints(State, include_extras=True).items():
            if name in content:
                TypeAdapter(kind, config=ConfigDict(strict=True)).validate_python(content[name])
        return State(**content)


def _check_archive(path: Path) -> None:
    """Refuse an archive whose bytes have changed, or that unpacks to more than its own size.

    PyTorch itself compares no checksums when it reads.
    """
    with zipfile.ZipFile(path) as archive:
        packed = [one.filename for one in archive.infolist() if one.compress_type]
        if packed or sum(one.file_size for one in archive.infolist()) > path.stat().st_size:
            raise zipfile.BadZipFile("compressed")
        if archive.testzip() is not None:
            raise zipfile.BadZipFile("checksum")
    try:
        check_archive(path)
    except WeightsError as error:
        raise WeightsError(error.found, file=path, remedy=_REMEDY) from error


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Turn the errors of reading or restoring a damaged state into `WeightsError`.

    Raises:
        WeightsError: The file is missing, damaged, or not the state of a training.
    """
    try:
        yield
    except ImfuseError:
        raise
    except (OSError, EOFError) as error:
        if getattr(error, "strerror", None):
            found = f"no state of a training to resume from ({error.strerror})"  # type: ignore[union-attr]
            raise WeightsError(found, file=path, remedy="Check the folder.") from error
        raise _refusal(path, error) from error
    except _DAMAGE as error:
        raise _refusal(path, error) from error


_DAMAGE = (
    *(RuntimeError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError),
    *(AssertionError, MemoryError, pickle.UnpicklingError, zipfile.BadZipFile, ValidationError),
)
"""Everything that PyTorch and our own code raise for values that training never writes."""


def _refusal(path: Path, error: Exception) -> WeightsError:
    found = f"not the state of a training, or a damaged one ({type(error).__name__})"
    return WeightsError(found, file=path, remedy=_REMEDY)


def check_progress(state: State, steps: Sequence[int]) -> None:
    """Refuse a state whose counts do not fit the steps of the stages.

    Raises:
        ValueError: The counts do not fit.
    """
    within = state.stage < len(steps) and 0 <= state.step < steps[state.stage]
    done = state.stage == len(steps) and state.step == 0
    if not (within or done) or state.total != sum(steps[: state.stage]) + state.step:
        raise ValueError("counts")
    if state.step and not (state.modules and state.random):
        raise ValueError("parts")


def restore_optimizer(optimizer: torch.optim.Optimizer, stored: dict[str, Any]) -> None:
    """Restore an optimiser's moments; it keeps its own learning rates and other settings.

    Raises:
        ValueError: The moments belong to other parameters.
    """
    own = optimizer.state_dict()
    groups = [group["params"] for group in own["param_groups"]]
    if [group["params"] for group in stored["param_groups"]] != groups:
        raise ValueError("groups")
    optimizer.load_state_dict({"state": stored["state"], "param_groups": own["param_groups"]})
    for parameter, values in optimizer.state.items():
        for value in values.values():
            fits = isinstance(value, torch.Tensor) and value.shape in (parameter.shape, ())
            if not (fits or value is None):
                raise ValueError("moments")


def random_state() -> dict[str, Any]:
    """Return the states of PyTorch's generators."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def set_random_state(state: dict[str, Any]) -> None:
    """Restore the states of PyTorch's generators."""
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
