"""Pairs that lie elsewhere are named, those that don't show it are said to be unsure."""

import cv2
import numpy as np
import pytest
from PIL import Image

from imfuse.data import open_source
from imfuse.data.checks import examine, report
from imfuse.scenes import render
from reference.two_cameras import corner_error, moved

SIZE = (360, 480)
PLANTED = moved(1.06, 3.0, (30.0, -18.0), size=SIZE)


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    for role in ("ir", "vis"):
        (folder / role).mkdir()
    scenes = [render("street-day", size=SIZE, seed=500 + seed) for seed in range(5)]
    for i, scene in enumerate(scenes):
        ir = np.rint(255 * (scenes[4].ir[:, ::-1] if i == 3 else scene.ir)).astype(np.uint8)
        if i == 1:
            ir = cv2.warpPerspective(ir, PLANTED, SIZE[::-1], borderMode=cv2.BORDER_REFLECT)
        Image.fromarray(ir).save(folder / "ir" / f"{i}.png")
        vis = np.rint(255 * scene.vis).astype(np.uint8)
        Image.fromarray(vis).save(folder / "vis" / f"{i}.png")
    source = open_source(folder)
    return report(source, list(examine(source)))


def test_the_pair_that_is_off_is_named_with_its_distance(checked):
    off = [found for found in checked.findings if found.kind == "off"]
    assert [found.where for found in off] == ["1"]
    truth = corner_error(PLANTED, np.eye(3), SIZE) * 640 / SIZE[1]
    said = float(off[0].message.split(" lies ")[1].split()[0])
    assert said == pytest.approx(truth, abs=6)


def test_a_pair_of_two_scenes_is_unsure(checked):
    assert checked.unsure == ("3",)
    assert checked.as_dict()["unsure"] == ("3",)
