"""The folder of a run: its files, and checks that training may start there."""

from pathlib import Path

from imfuse.errors import OutputError, UsageError
from imfuse.learn.training.config import RunConfig

CONFIG = "config.yaml"
STATE = "state.ckpt"
LOG = "log.jsonl"
WEIGHTS = "weights.safetensors"
MODEL = "model.onnx"
PREVIEWS = "previews"
LOCK = ".imfuse-lock"


def stage_weights(folder: Path, index: int) -> Path:
    """Return the file for the weights at the end of a stage (stages are counted from 0)."""
    return folder / f"stage-{index + 1}.safetensors"


def check_folder(folder: Path) -> None:
    """Refuse a folder in which training can't start.

    Raises:
        OutputError: The folder is not empty, or can't be read.
    """
    try:
        there = _content(folder)
    except OSError as error:
        raise no_folder(folder, error) from error
    if there and not is_unbegun(folder):
        begun = STATE in there
        raise OutputError(
            "it holds a training already" if begun else "the folder is not empty",
            file=folder,
            remedy="Resume it with --resume (resume=True), or choose another folder."
            if begun
            else "Choose another folder.",
        )


def is_unbegun(folder: Path) -> bool:
    """Return True if a folder holds only the configuration of a run that was killed at its start.

    Unlike that one, a configuration written by hand has no steps, or no version.
    """
    if _content(folder) != {CONFIG}:
        return False
    try:
        config = RunConfig.read(folder / CONFIG)
    except UsageError:
        return False
    return config.steps is not None and config.imfuse is not None


def _content(folder: Path) -> set[str]:
    """Return the names in a folder, without locks and the leftovers of killed writers."""
    if not folder.exists():
        return set()
    names = {path.name for path in folder.iterdir()} - {LOCK}
    return {name for name in names if not (name.startswith(".") and name.endswith(".imfuse-tmp"))}


def no_folder(folder: Path, error: OSError) -> OutputError:
    """Return the error for a folder that can't be created or read."""
    found = f"the folder can't be used ({error.strerror})"
    return OutputError(found, file=folder, remedy="Choose another folder.")
