import json

import numpy as np
import pytest

from imfuse.demo import DEMO_SEED, render_pairs, run_demo
from imfuse.errors import OutputError, UnknownName
from imfuse.fuser import Fuser
from imfuse.io.images import read_image
from imfuse.scenes import SCENES, render
from imfuse.types import ImagePair


def test_the_demo_fuses_one_street_in_every_kind_and_shows_it(tmp_path):
    result = run_demo(tmp_path / "d", "average")
    assert result["count"] == len(SCENES)
    names = sorted(p.name for p in (tmp_path / "d" / "fused").glob("*.png"))
    assert names == sorted(f"{DEMO_SEED:05d}-{kind}.png" for kind in SCENES)
    page = (tmp_path / "d" / "index.html").read_text()
    assert page.count("<img ") == 3 * len(SCENES)
    for name in names:
        pair = [read_image(tmp_path / "d" / side / name) for side in ("ir", "vis")]
        fused = Fuser("average").fuse(ImagePair(ir=pair[0], vis=pair[1]))
        assert np.array_equal(read_image(tmp_path / "d" / "fused" / name).pixels, fused.pixels)


def test_rendered_files_are_the_scene(tmp_path):
    (row,) = render_pairs(tmp_path, ["street-night"], count=1, size=(40, 60), seed=5)
    assert row == {"name": "00005-street-night", "kind": "street-night", "seed": 5}
    scene = render("street-night", size=(40, 60), seed=5)
    stem = row["name"]
    for side, values in (("ir", scene.ir), ("vis", scene.vis)):
        pixels = read_image(tmp_path / side / f"{stem}.png").pixels
        assert np.abs(pixels / 255 - values).max() <= 0.5 / 255 + 1e-6
    assert np.array_equal(read_image(tmp_path / "labels" / f"{stem}.png").pixels, scene.labels)
    mask = read_image(tmp_path / "mask" / f"{stem}.png").pixels
    assert np.array_equal(mask, scene.mask * np.uint8(255))
    assert not (tmp_path / "flow").exists()


def test_places_and_kinds_that_do_not_exist(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't make the folder"):
        render_pairs(tmp_path / "file", ["random"], count=1, size=(8, 8), seed=0)
    with pytest.raises(UnknownName, match="street-day"):
        render_pairs(tmp_path, ["street-dya"], count=1, size=(8, 8), seed=0)


def test_rows_are_json(tmp_path):
    rows = render_pairs(tmp_path, ["random"], count=2, size=(8, 9), seed=1)
    assert json.loads(json.dumps(rows)) == rows
    assert all(row["kind"] in SCENES for row in rows)
