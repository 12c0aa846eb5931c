"""Networks, their losses, and training (needs the extra `learn`, which brings PyTorch).

    >>> from imfuse.learn import load, train
    >>> card = train("seafusion", "scenes:40", "run", preset="cpu", budget="9it")  # doctest: +SKIP
    >>> network = load("run")  # doctest: +SKIP

Both are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imfuse.learn.loading import load
    from imfuse.learn.training.run import train

_HOMES = {"load": "imfuse.learn.loading", "train": "imfuse.learn.training.run"}

__all__ = ["load", "train"]


def __getattr__(name: str) -> object:
    """Import a public name."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
