"""Thermal pictures in an alpha channel are told from masks, soft edges and gradients."""

import cv2
import numpy as np
import pytest

import imfuse
from imfuse.ops.alpha import is_picture
from imfuse.scenes import SCENES, render

SIZE = (120, 160)


def masks():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    disc = np.where(np.hypot(x - 80, y - 60) < 45, 255, 0).astype(np.uint8)
    vignette = 255 * np.clip(1.2 - np.hypot(x - 80, y - 60) / 100, 0, 1)
    return {
        "solid": np.full(SIZE, 255, np.uint8),
        "disc": disc,
        "soft edge": cv2.GaussianBlur(disc, (0, 0), 4),
        "gradient": np.rint(255 * x / SIZE[1]).astype(np.uint8),
        "vignette": np.rint(vignette).astype(np.uint8),
        "half": np.full(SIZE, 128, np.uint8),
        "hair": cv2.resize(
            np.random.default_rng(0).integers(0, 2, (60, 80)).astype(np.uint8) * 255, SIZE[::-1]
        )
        // 255
        * 255,
        "a pixel": np.zeros((1, 1), np.uint8),
    }


@pytest.mark.parametrize("name", masks())
def test_transparency_is_none(name):
    assert not is_picture(masks()[name])


@pytest.mark.parametrize("kind", SCENES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_rendered_infrared_is_a_picture(kind, dtype):
    scale = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[dtype]
    ir = (render(kind, size=SIZE, seed=3).ir * scale).astype(dtype)
    assert is_picture(ir)


def test_a_thermal_alpha_makes_no_result_see_through(rng):
    scene = render(SCENES[0], size=SIZE, seed=3)
    ir, vis = (np.rint(255 * one).astype(np.uint8) for one in (scene.ir, scene.vis))
    rgbt = np.dstack([vis, ir])
    with pytest.warns(imfuse.ImfuseWarning, match="alpha channel looks like a picture"):
        fused = imfuse.fuse(ir, rgbt, "max")
    assert np.array_equal(fused[..., :3], imfuse.fuse(ir, vis, "max"))
