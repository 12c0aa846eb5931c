"""`imfuse doctor`: versions of this installation, and packages that its extras lack."""

import importlib.metadata
import platform
import re
import shutil
import sys

from imfuse import __version__
from imfuse.cli.console import JsonOption, print_json, show

_PURPOSES = {
    "zoo": "weights of the papers' networks",
    "learn": "train, convert and export networks",
    "imagenet": "pretrained encoder for guides",
    "openvino": "run networks faster",
    "dev": "work on imfuse itself",
}
"""Purpose of each extra."""


def doctor(as_json: JsonOption = False) -> None:
    """Show versions, ONNX Runtime providers, threads, and what each extra still lacks."""
    findings = _findings()
    if as_json:
        print_json(findings)
        return
    names = {
        "imfuse": "imfuse",
        "python": "Python",
        "platform": "system",
        "cores": "CPU cores",
        "opencv_threads": "OpenCV threads",
    }
    for key, name in names.items():
        show(f"{name:<16}{findings[key]}")
    show(f"{'ONNX Runtime':<16}{', '.join(findings['providers'])}")  # type: ignore[arg-type]
    packages: dict[str, str | None] = findings["packages"]  # type: ignore[assignment]
    width = max(map(len, packages)) + 2
    show("\npackages")
    for name, version in packages.items():
        show(f"  {name:<{width}}{version or 'not installed'}")
    programs: dict[str, str | None] = findings["programs"]  # type: ignore[assignment]
    show("\nprograms")
    for name, path in programs.items():
        show(f"  {name:<{width}}{path or 'not installed'}")
    show("\nextras")
    for extra, missing in findings["extras"].items():  # type: ignore[attr-defined]
        state = "installed"
        if missing:
            state = f"lacks {', '.join(missing)}; pip install 'imfuse[{extra}]' adds it"
        show(f"  {extra:<10}{_PURPOSES.get(extra, ''):<36}{state}")


def _findings() -> dict[str, object]:
    import cv2
    import onnxruntime

    from imfuse.io.thermal.dji_tool import PROGRAM
    from imfuse.machine import available_cores

    core, extras = _requirements()
    packages = {name: _version(name) for name in sorted(core | set().union(*extras.values()))}
    return {
        "imfuse": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cores": available_cores(),
        "opencv_threads": cv2.getNumThreads(),
        "providers": onnxruntime.get_available_providers(),
        "packages": packages,
        "programs": {PROGRAM: shutil.which(PROGRAM)},
        "extras": {
            extra: sorted(name for name in names if packages[name] is None)
            for extra, names in extras.items()
        },
    }


def _requirements() -> tuple[set[str], dict[str, set[str]]]:
    """Return the packages of the core and of each extra, read from our own metadata."""
    core: set[str] = set()
    extras: dict[str, set[str]] = {}
    for requirement in importlib.metadata.requires("imfuse") or []:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"]([^'\"]+)", requirement)
        (extras.setdefault(extra[1], set()) if extra else core).add(name)
    return core, extras


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
