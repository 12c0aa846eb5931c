"""Alpha channels that are pictures of their own, and those that are transparency."""

import time

import cv2
import numpy as np
import pytest

from imfuse.io.alpha import alpha_is_picture
from imfuse.scenes import SCENES, render

SIZES = [(480, 640), (240, 320)]


def disc(height, width, softness):
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 2) - min(height, width) / 3
    return np.clip(0.5 - distance / softness, 0, 1)


def gradients(height, width):
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    noise = np.random.default_rng(3).random((height, width)) / 255
    yield from (x, y, (x + y) / 2, np.hypot(x - 0.5, y - 0.5), 0.2 + 0.6 * x * y, x + noise)


def masks(height, width):
    yield np.ones((height, width))
    yield np.zeros((height, width))
    yield np.full((height, width), 0.5)
    for softness in (1, 5, 30, 200):
        yield disc(height, width, softness)
        yield 1 - disc(height, width, softness)
        yield 0.7 * disc(height, width, softness)
    yield (np.random.default_rng(0).random((height, width)) > 0.5).astype(float)
    hair = np.random.default_rng(1).random((height, width)) > 0.9
    yield cv2.GaussianBlur(hair.astype(np.float32), (0, 0), 0.8) * disc(height, width, 3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "top"), [("u1", 255), ("u2", 65535), ("f4", 1)])
def test_transparency_is_not_taken_for_a_picture(size, dtype, top):
    for index, alpha in enumerate((*masks(*size), *gradients(*size))):
        stored = np.clip(alpha * top, 0, top).astype(dtype)
        assert not alpha_is_picture(stored), index


@pytest.mark.parametrize("seed", range(10))
def test_infrared_scenes_are_pictures(seed):
    scene = render(sorted(SCENES)[seed % len(SCENES)], size=(240, 320), seed=seed)
    for dtype, top in (("u1", 255), ("u2", 65535), ("f4", 1)):
        assert alpha_is_picture((scene.ir * top).astype(dtype))


def test_real_infrared_pictures(data):
    files = sorted((data / "tno25" / "ir").iterdir())[:25]
    files += sorted((data / "roadscene" / "ir").iterdir())[:40]
    files += sorted((data / "msrs" / "test" / "ir").iterdir())[::9]
    from imfuse.io.images import read_image

    planes = [read_image(file).pixels for file in files]
    found = [alpha_is_picture(p if p.ndim == 2 else p[..., 0]) for p in planes]
    assert len(found) > 100
    assert np.mean(found) >= 0.95


@pytest.mark.parametrize(("low", "high"), [(90, 130), (12, 36)])
def test_real_infrared_pictures_of_low_contrast(data, low, high):
    from imfuse.io.images import read_image

    files = sorted((data / "tno25" / "ir").iterdir())
    files += sorted((data / "roadscene" / "ir").iterdir())[:40]
    files += sorted((data / "msrs" / "test" / "ir").iterdir())[::9]
    found = []
    for file in files:
        pixels = read_image(file).pixels
        gray = np.asarray(pixels if pixels.ndim == 2 else pixels[..., 0], np.float32)
        squeezed = low + (high - low) * (gray - gray.min()) / np.ptp(gray)
        found.append(alpha_is_picture(np.rint(squeezed).astype(np.uint8)))
    assert np.mean(found) >= 0.85


@pytest.mark.parametrize("seed", range(4))
def test_infrared_scenes_of_low_contrast_are_pictures(seed):
    scene = render(sorted(SCENES)[seed % len(SCENES)], size=(240, 320), seed=seed)
    for dtype, top in (("u1", 255), ("u2", 65535), ("f4", 1)):
        assert alpha_is_picture(((90 + 40 * scene.ir) / 255 * top).astype(dtype))


def test_masks_that_are_never_clear_nor_opaque_are_transparency():
    for size in SIZES:
        text = np.zeros(size, np.uint8)
        for row in range(40, size[0], 40):
            cv2.putText(text, "a watermark " * 4, (9, row), 0, 0.8, 255, 1, cv2.LINE_AA)
        for mask in (*masks(*size), *gradients(*size), text / 255):
            alpha = np.rint(60 + 120 * mask).astype(np.uint8)
            assert not alpha_is_picture(alpha)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 2), (3, 3)])
def test_small_ones_are_no_pictures(shape, rng):
    assert not alpha_is_picture(rng.integers(0, 256, shape, dtype=np.uint8) // 255)


def test_twenty_megapixels_take_little_time(rng):
    alpha = rng.integers(0, 256, (4000, 5000), dtype=np.uint8)
    start = time.perf_counter()
    alpha_is_picture(alpha)
    assert time.perf_counter() - start < 0.5
