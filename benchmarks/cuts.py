"""Pairs that don't line up in a known way: cuts of registered pairs, drawn at random."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imfuse.align.calibrate import calibrate
from imfuse.io.images import read_image
from imfuse.scenes import render
from imfuse.types import ImagePair, Picture

WIDTH = 640
REGIMES = ("near", "rig", "wide")
"""Shift up to 20 pixels, 3 degrees, 5 %; up to 15 % of the width, 8 degrees, factor .7 to 1.4; one
camera sees 30 to 70 % of the other's width, 3 degrees."""
_SCENES = ("street-day", "street-night", "street-day", "street-night", "foliage", "fog")
_FIRST_SCENE = 90_000


@dataclass(frozen=True)
class Registered:
    """A pair with the matrix from infrared to visible pixels that counts as true."""

    name: str
    ir: NDArray[np.uint8]
    vis: NDArray[np.uint8]
    matrix: NDArray[np.float64]


@dataclass(frozen=True)
class Cut:
    """A pair that doesn't line up, and the matrix that is to be found."""

    name: str
    pair: ImagePair
    truth: NDArray[np.float64]


def scenes(count: int, first: int = _FIRST_SCENE) -> Iterator[Registered]:
    """Yield rendered pairs, whose truth is exact."""
    for index in range(count):
        scene = render(_SCENES[index % len(_SCENES)], size=(480, WIDTH), seed=first + index)
        ir, vis = (np.rint(255 * one).astype(np.uint8) for one in (scene.ir, scene.vis))
        yield Registered(f"{scene.kind}-{scene.seed}", ir, vis, np.eye(3))


def pairs(ir: Path, names: list[str], matrix: NDArray[np.float64]) -> Iterator[Registered]:
    """Yield registered pairs of files of a folder `ir` and its sibling `vis`."""
    for name in names:
        first, second = (read_image(folder / name) for folder in (ir, ir.parent / "vis"))
        gray = first.pixels if first.pixels.ndim == 2 else first.pixels[..., 0]
        yield Registered(name, gray, second.pixels, matrix)


def rig_of(folder: Path, count: int) -> NDArray[np.float64]:
    """Return how a dataset's registration is off, from some of its pairs together."""
    names = sorted(one.name for one in (folder / "ir").iterdir())
    chosen = [names[index * len(names) // count] for index in range(count)]
    found = calibrate(
        (one.name, one.name, ImagePair(ir=Picture(pixels=one.ir), vis=Picture(pixels=one.vis)))
        for one in pairs(folder / "ir", chosen, np.eye(3))
    )
    return found.array


def cut(one: Registered, regime: str, seed: int) -> Cut:
    """Return what two cameras would see of a registered pair."""
    rng = np.random.default_rng(seed)
    size = one.vis.shape[0], one.vis.shape[1]
    while True:
        vis, ir, shape = _windows(rng, regime, size)
        outline = np.array(
            [[0, 0], [shape[1] - 1, 0], [0, shape[0] - 1], [shape[1] - 1, shape[0] - 1]]
        )
        if all(_inside(matrix, outline, size) for matrix in (vis, ir)):
            break
    shown = [
        cv2.warpPerspective(
            picture,
            matrix,
            (shape[1], shape[0]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        for picture, matrix in ((one.ir, ir), (one.vis, vis))
    ]
    pair = ImagePair(ir=Picture(pixels=shown[0]), vis=Picture(pixels=shown[1]))
    return Cut(one.name, pair, np.linalg.inv(vis) @ one.matrix @ ir)


def foreign(first: Registered, second: Registered) -> ImagePair:
    """Return infrared of one scene with the visible picture of another."""
    return ImagePair(ir=Picture(pixels=first.ir), vis=Picture(pixels=second.vis))


def corner_error(found: NDArray[np.float64], cut: Cut) -> float:
    """Return the mean distance of the corners in pixels of a visible picture of 640."""
    height, width = cut.pair.ir.size
    at = np.array([[0, 0, 1], [width - 1, 0, 1], [width - 1, height - 1, 1], [0, height - 1, 1]])
    ends = [at @ matrix.T for matrix in (found, cut.truth)]
    places = [end[:, :2] / end[:, 2:] for end in ends]
    unit = WIDTH / max(cut.pair.vis.size)
    return float(unit * np.hypot(*(places[0] - places[1]).T).mean())


def _windows(
    rng: np.random.Generator, regime: str, size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[int, int]]:
    """Return what the pixels of both cameras are in the registered pair, and their size."""
    height, width = size
    shape = 4 * round(WIDTH * height / width / 4), WIDTH
    ratio = {
        "near": np.exp(rng.uniform(np.log(0.95), np.log(1.05))),
        "rig": np.exp(rng.uniform(np.log(0.7), np.log(1.4))),
        "wide": np.exp(rng.uniform(np.log(0.3), np.log(0.7))) ** rng.choice([-1, 1]),
    }[regime]
    degrees = rng.uniform(-1, 1) * (8 if regime == "rig" else 3)
    view = {"near": 0.88, "rig": 0.8 / max(1, ratio), "wide": 0.93 / max(1, ratio)}[regime]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    if regime == "wide":
        apart = rng.uniform(-1, 1, 2) * np.array(size[::-1]) * abs(view - view * ratio) / 2.1
    else:
        angle = rng.uniform(0, 2 * np.pi)
        length = rng.uniform(0, 20 / WIDTH if regime == "near" else 0.15)
        apart = length * view * width * np.array([np.cos(angle), np.sin(angle)])
    tilt = np.eye(3)
    tilt[2, :2] = rng.uniform(-1, 1, 2) * (1.5e-5 if regime == "near" else 3e-5)
    vis = _window(view * width / shape[1], 0, middle - apart / 2, shape)
    ir = _window(view * ratio * width / shape[1], degrees, middle + apart / 2, shape) @ tilt
    return vis, ir, shape


def _window(
    scale: float, degrees: float, middle: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.float64]:
    cos, sin = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    matrix[:2, 2] = middle - matrix[:2, :2] @ [(shape[1] - 1) / 2, (shape[0] - 1) / 2]
    return matrix


def _inside(matrix: NDArray[np.float64], outline: NDArray[np.int64], size: tuple[int, int]) -> bool:
    moved = np.c_[outline, np.ones(4)] @ matrix.T
    places = moved[:, :2] / moved[:, 2:]
    return bool((places > -0.5).all() and (places < np.array(size[::-1]) - 0.5).all())


def names_of(folder: Path, count: int, listed: Path | None = None) -> list[str]:
    """Return names of some pairs of a folder, spread over it."""
    if listed is None:
        names = sorted(one.name for one in (folder / "ir").iterdir())
    else:
        names = [f"{Path(one).stem}.jpg" for one in listed.read_text().split()]
    count = min(count, len(names))
    return [names[index * len(names) // count] for index in range(count)]
