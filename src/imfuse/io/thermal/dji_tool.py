"""Temperatures of DJI's files by `dji-thermal-cli`, a program that the user may have installed.

It is licensed under the AGPL, so it is only ever called as a program of its own.
"""

import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from imfuse.errors import BadValues, ImfuseError
from imfuse.io.formats.container import Source
from imfuse.io.formats.tiff import TIFF
from imfuse.radiometry import Conditions
from imfuse.types import Float

PROGRAM = "dji-thermal-cli"
"""Name of the program, which is looked for on the search path."""

_SECONDS = 300
_OPTIONS = {
    "emissivity": ("emissivity", 1.0),
    "reflected": ("reflected-temp", 1.0),
    "atmosphere": ("ambient-temp", 1.0),
    "humidity": ("humidity", 100.0),
    "distance": ("distance", 1.0),
}
"""Option of the program for each condition, and its value per unit of ours."""


def installed() -> bool:
    """Return True if the program is on the search path."""
    return shutil.which(PROGRAM) is not None


def measure(source: Source, wanted: Conditions) -> Float:
    """Return the temperatures of a radiometric JPEG of DJI's in degrees Celsius, `(H, W)`.

    Args:
        source: The file.
        wanted: Conditions that replace those in the file.

    Raises:
        BadValues: The program is missing, knows no such condition, or can't read the file.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise _refused(source, f"DJI's temperatures need the program {PROGRAM}, which is missing")
    unknown = sorted(set(wanted.values) - set(_OPTIONS))
    if unknown:
        raise BadValues(
            f"{unknown[0].replace('_', ' ')} with a file of DJI's",
            file=source.name,
            expected=f"some of {', '.join(_OPTIONS)}",
            remedy="Leave it out.",
        )
    given = {"distance": "embedded"}  # by default it goes by the drone's range finder
    for name, value in wanted.values.items():
        option, factor = _OPTIONS[name]
        given[option] = f"{value * factor:.9g}"
    with tempfile.TemporaryDirectory(prefix="imfuse-") as folder:
        file, out = Path(folder) / "picture.jpg", Path(folder) / "out"
        file.write_bytes(source.data)
        given |= {"input-dir": str(file), "output-dir": str(out), "output": "temp_c:tiff"}
        given |= {"jobs": "1"}
        options = [f"--{name}={value}" for name, value in given.items()]
        _call(source, [program, "process", *options])
        written = sorted(out.rglob("*_temp_c.tiff")) if out.is_dir() else []
        if not written:
            raise _refused(source, f"{PROGRAM} wrote no temperatures")
        return _temperatures(source, written[0].read_bytes())


def _call(source: Source, command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed list of arguments, and no shell
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _refused(source, f"{PROGRAM} can't be run: {error}") from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise _refused(source, f"{PROGRAM} reports: {lines[-1][:200]}")


def _temperatures(source: Source, data: bytes) -> Float:
    try:
        pixels = TIFF.read(replace(source, data=data)).pixels
    except ImfuseError as error:
        raise _refused(source, f"{PROGRAM} wrote an unreadable file ({error.found})") from error
    if pixels.ndim != 2 or pixels.dtype != np.float32:
        raise _refused(source, f"{PROGRAM} wrote {pixels.dtype} values")
    return pixels


def _refused(source: Source, found: str) -> BadValues:
    return BadValues(
        found,
        file=source.name,
        expected=f"{PROGRAM} (a Python package, AGPL) on the search path",
        remedy="Install it (pipx install dji-thermal-cli), or use the counts in the file: "
        "--ir-unit counts --ir-range auto (ir_unit='counts', ir_range='auto').",
    )
