"""Render example pairs, fuse them, and show them on a page, for `make demo`."""

from pathlib import Path

from imfuse.data.rendered import render_pairs
from imfuse.folders import FolderJob, prepare
from imfuse.io.atomic import write_text
from imfuse.io.images import encode_image, read_image
from imfuse.options import FuseOptions
from imfuse.report.page import Row, side_by_side
from imfuse.scenes import SCENES

DEMO_SEED = 20
"""Seed that gives a street with people in front of headlights."""


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
