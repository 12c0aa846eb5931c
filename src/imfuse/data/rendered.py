"""Rendered scenes: an unlimited supply of pairs with labels, the same for every user."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imfuse.data.catalogue import SCENES as LAYOUT
from imfuse.data.entries import Entry
from imfuse.data.sample import Sample, quantised
from imfuse.data.sources import Source
from imfuse.errors import OutputError, UsageError
from imfuse.io.images import write_image
from imfuse.scenes import SCENES, Scene, render
from imfuse.types import Picture

DEFAULT_SCENES = 200
MOST_SCENES = 1_000_000
FIRST_TRAINING_SEED = 1_000_000
"""First seed for training, far from the seeds 0, 1, 2, ... of benchmarks and demonstrations, so
that training never sees their scenes."""


def scene_name(kind: str, seed: int) -> str:
    """Return the name of a scene, as used everywhere."""
    return f"{seed:05d}-{kind}"


def count_of(spec: str, default: int) -> int:
    """Read `scenes`, or `scenes:N`.

    Args:
        spec: Text that the user wrote.
        default: Number of scenes for `scenes` without a number.

    Raises:
        UsageError: N is not a number from 1 to a million.
    """
    _, colon, count = spec.partition(":")
    plain = count.isascii() and count.isdecimal() and len(count) < 10
    number = int(count) if plain else 0 if colon else default
    if not 1 <= number <= MOST_SCENES:
        raise UsageError(spec[:100], expected=f"scenes, or scenes:N with N from 1 to {MOST_SCENES}")
    return number


class RenderedPairs(Source):
    """Rendered pairs with labels: all kinds of scenes in turn, then the next seed.

    Args:
        count: Number of pairs.
        split: `test`: the scenes that `imfuse bench --data scenes` fuses; else training scenes.
        size: Height and width in pixels.

    Raises:
        UsageError: The count is below 1, or above a million.
    """

    layout = LAYOUT

    def __init__(
        self,
        count: int = DEFAULT_SCENES,
        *,
        split: str = "train",
        size: tuple[int, int] = (480, 640),
    ) -> None:
        count = count_of(f"scenes:{count}", DEFAULT_SCENES)
        self._size = size
        first = 0 if split == "test" else FIRST_TRAINING_SEED
        self._scenes = tuple(
            (SCENES[i % len(SCENES)], first + i // len(SCENES)) for i in range(count)
        )
        self.entries = tuple(
            Entry(scene_name(kind, seed), split, f"{seed:05d}", labelled=True)
            for kind, seed in self._scenes
        )

    def load(self, index: int) -> Sample:
        """Render a pair in 8 bits, as a file would store it."""
        kind, seed = self._scenes[index]
        scene = render(kind, size=self._size, seed=seed)
        return Sample(
            self.entries[index].name, quantised(scene.ir), quantised(scene.vis), scene.labels
        )

    def check(self, index: int) -> None:
        """Do nothing, as rendered pairs can always be read."""


def render_pairs(
    out: Path,
    kinds: Sequence[str],
    *,
    count: int,
    size: tuple[int, int],
    seed: int,
    misalign: float = 0.0,
) -> list[dict[str, object]]:
    """Render pairs with their ground truth into `ir/ vis/ labels/ mask/` (and `flow/`) of a folder.

    Args:
        out: Folder to write to; created if missing.
        kinds: Kinds of scenes; each seed is rendered in all kinds before the next seed.
        count: Number of pairs.
        size: Height and width in pixels.
        seed: The first seed; each following one adds 1. A seed gives the same street in all kinds.
        misalign: Largest displacement of the infrared picture in pixels.

    Returns:
        Per pair its `name`, `kind` and `seed`.

    Raises:
        UnknownName: There is no such kind of scene.
        OutputError: The folder can't be written.
    """
    for folder in ("ir", "vis", "labels", "mask", *(["flow"] if misalign else [])):
        _make_folder(out / folder)
    rows: list[dict[str, object]] = []
    for index in range(count):
        later, which = divmod(index, len(kinds))
        scene = render(kinds[which], size=size, seed=seed + later, misalign=misalign)
        name = scene_name(scene.kind, scene.seed)
        _write_scene(out, name, scene)
        if misalign:
            np.save(out / "flow" / f"{name}.npy", scene.flow)
        rows.append({"name": name, "kind": scene.kind, "seed": scene.seed})
    return rows


def _write_scene(out: Path, name: str, scene: Scene) -> None:
    layers = {
        "ir": quantised(scene.ir),
        "vis": quantised(scene.vis),
        "labels": scene.labels,
        "mask": scene.mask.astype(np.uint8) * 255,
    }
    for folder, pixels in layers.items():
        write_image(out / folder / f"{name}.png", Picture(pixels=pixels))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"can't make the folder ({error.strerror})"
        raise OutputError(found, file=folder, remedy="Give another with -o (out=).") from error
