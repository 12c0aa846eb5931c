"""Rendered example pairs, fused, with a page that shows them: what `make demo` runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imfuse.errors import OutputError
from imfuse.folders import FolderJob, prepare
from imfuse.io.atomic import write_text
from imfuse.io.images import encode_image, read_image, write_image
from imfuse.options import FuseOptions
from imfuse.report.page import Row, side_by_side
from imfuse.scenes import SCENES, Scene, render
from imfuse.types import Float, Picture

DEMO_SEED = 20
"""A street with people in front of headlights."""


def render_pairs(
    out: Path,
    kinds: Sequence[str],
    *,
    count: int,
    size: tuple[int, int],
    seed: int,
    misalign: float = 0.0,
) -> list[dict[str, object]]:
    """Render pairs with their truth into `ir/ vis/ labels/ mask/` (and `flow/`) of a folder.

    Args:
        out: Folder to write to; made if missing.
        kinds: Kinds of scenes; each seed is rendered as all of them before the next one.
        count: Number of pairs.
        size: Height and width in pixels.
        seed: The first seed; the next adds 1. One seed is one street in every kind.
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
        name = f"{scene.seed:05d}-{scene.kind}"
        _write_scene(out, name, scene)
        if misalign:
            np.save(out / "flow" / f"{name}.npy", scene.flow)
        rows.append({"name": name, "kind": scene.kind, "seed": scene.seed})
    return rows


def _write_scene(out: Path, name: str, scene: Scene) -> None:
    layers = {
        "ir": _to_8_bit(scene.ir),
        "vis": _to_8_bit(scene.vis),
        "labels": scene.labels,
        "mask": scene.mask.astype(np.uint8) * 255,
    }
    for folder, pixels in layers.items():
        write_image(out / folder / f"{name}.png", Picture(pixels=pixels))


def _to_8_bit(values: Float) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.rint(values * 255).astype(np.uint8)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"can't make the folder ({error.strerror})"
        raise OutputError(found, file=folder, remedy="Give another with -o.") from error


def run_demo(out: Path, model: str | None = None) -> dict[str, object]:
    """Render one pair of each kind, fuse them, and write `index.html` beside them.

    Returns:
        The folders `ir`, `vis`, `fused`, the `page`, the `count` of pairs, and the `model`.
    """
    pairs = render_pairs(out, SCENES, count=len(SCENES), size=(480, 640), seed=DEMO_SEED)
    run = prepare(
        FolderJob(
            ir=out / "ir",
            vis=out / "vis",
            out=out / "fused",
            options=FuseOptions(model=model),
            workers=2,
        )
    )
    for result in run:
        if result.error:
            raise result.error
    name = run.fuser.engine.spec.name
    page = side_by_side(
        "imfuse: example pairs",
        f"Rendered scenes, fused with the method {name}. Left: what the visible camera sees; "
        "middle: what the infrared camera sees; right: both in one picture.",
        [_row(out, str(pair["name"]), name) for pair in pairs],
    )
    write_text(out / "index.html", page)
    return {
        "ir": str(out / "ir"),
        "vis": str(out / "vis"),
        "fused": str(out / "fused"),
        "page": str(out / "index.html"),
        "count": len(pairs),
        "model": name,
    }


def _row(out: Path, name: str, model: str) -> Row:
    titles = {"vis": "visible", "ir": "infrared", "fused": f"fused ({model})"}
    return Row(
        title=name.split("-", 1)[1].replace("-", " "),
        pictures=[
            (title, encode_image(read_image(out / folder / f"{name}.png"), "JPEG", quality=90))
            for folder, title in titles.items()
        ],
    )
