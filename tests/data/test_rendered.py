"""Rendered pairs as files."""

import json

import numpy as np
import pytest

from imfuse.data.rendered import count_of, render_pairs
from imfuse.errors import OutputError, UnknownName, UsageError
from imfuse.io.images import read_image
from imfuse.scenes import SCENES, render


@pytest.mark.parametrize(
    "wrong",
    [
        "scenes:0",
        "scenes:",
        "scenes:-1",
        "scenes:x",
        "scenes:²",
        "scenes:1000001",
        "scenes:" + "9" * 5000,
    ],
)
def test_there_is_one_grammar_of_scenes(wrong):
    assert (count_of("scenes", 20), count_of("scenes:7", 20)) == (20, 7)
    with pytest.raises(UsageError, match="scenes:N with N from 1 to 1000000"):
        count_of(wrong, 20)


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
