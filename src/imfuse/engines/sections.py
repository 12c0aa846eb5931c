"""One of several state dicts in a file of weights: `FILE.pth#params_ema`."""

from pathlib import Path

WEIGHTS = (".safetensors", ".pth", ".pt", ".pkl", ".ckpt", ".model")
"""Endings of files of weights, which PyTorch runs."""


def split_section(path: Path) -> tuple[Path, str]:
    """Return the file that a path stands for, and the name of the section to take from it.

    Args:
        path: Path of a file. A `#` after the ending of a file of weights begins the section.

    Returns:
        The path and an empty name where none is given.

    Examples:
        >>> split_section(Path("net.pth#params_ema"))[1], split_section(Path("net#2.pth"))[1]
        ('params_ema', '')
    """
    name, _, section = path.name.rpartition("#")
    if Path(name).suffix.lower() not in WEIGHTS:
        return path, ""
    return path.with_name(name), section


def with_section(path: Path, section: str) -> Path:
    """Return a path that stands for a section of a file; the inverse of `split_section`."""
    return path.with_name(f"{path.name}#{section}") if section else path
