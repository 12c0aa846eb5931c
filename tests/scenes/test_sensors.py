"""The two cameras alone, on light and heat that are known."""

from itertools import pairwise

import numpy as np
import pytest

from imfuse.ops.color import luma
from imfuse.scenes.sensors import InfraredCamera, VisibleCamera, fixed_pattern

QUIET = InfraredCamera(span=40, floor=-5, equalise=0, detail=0, blur=0.7, noise=0, fixed=0)
PLAIN = VisibleCamera(
    target=0.4, gain_limit=4, balance=(1, 1, 1), blur=0.5, noise=0, shot=0, glare=0.1, vignette=0,
    black=0, saturation=1, contrast=0,
)  # fmt: skip


def _infrared(**changes):
    return InfraredCamera(**{**vars(QUIET), **changes})


def test_radiance_grows_faster_than_temperature():
    warmth = np.repeat(np.array([0, 10, 20], np.float32), 8)[None].repeat(8, 0)
    radiance = _infrared(blur=0.01).optics(warmth, 20.0, 1.0)
    cool, middle, warm = radiance[4, 2], radiance[4, 12], radiance[4, 21]
    assert cool == pytest.approx(0, abs=1e-3)
    assert warm - middle > middle - cool > 10


@pytest.mark.parametrize("equalise", [0.0, 0.9])
def test_the_mapping_of_heat_to_gray_never_falls(equalise, rng):
    radiance = np.sort(rng.normal(5, 12, 64 * 64).astype(np.float32)).reshape(64, 64)
    picture = _infrared(equalise=equalise).take(radiance, 1.0, rng)
    assert (np.diff(picture.ravel()) >= -1e-6).all()
    assert picture[0, 0] < 0.15
    assert picture[-1, -1] > 0.85


def test_the_fixed_pattern_stays_between_pictures_and_the_noise_does_not():
    flat = np.full((60, 80), 12, np.float32)
    pattern = fixed_pattern(60, 80)

    def two(**changes):
        camera = _infrared(**changes)
        takes = [camera.take(flat, 1.0, np.random.default_rng(k)) for k in (1, 2)]
        return [t - t.mean() for t in takes]

    first, second = two(fixed=0.2, noise=0.02)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.9
    assert np.corrcoef(first.ravel(), pattern.ravel())[0, 1] > 0.9
    first, second = two(fixed=0.0, noise=0.2)
    assert first.std() > 0.002
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1


def test_the_fixed_pattern_has_stripes():
    pattern = fixed_pattern(200, 200)
    assert pattern.mean(0).std() > 3 * pattern.std() / np.sqrt(200)
    assert pattern.mean(1).std() > 3 * pattern.std() / np.sqrt(200)


def test_noise_scales_with_its_setting(rng):
    flat = np.full((90, 90), 12, np.float32)
    weak = _infrared(noise=0.05).take(flat, 1.0, rng).std()
    strong = _infrared(noise=0.5).take(flat, 1.0, rng).std()
    assert 8 < strong / weak < 12


def test_exposure_brings_dim_and_bright_scenes_to_the_target(rng):
    base = rng.uniform(0.1, 0.4, (80, 100, 3)).astype(np.float32)
    dim, usual = (PLAIN.take(base * k, 1.0, rng).mean() for k in (0.6, 1.5))
    assert dim == pytest.approx(usual, abs=0.01)
    dark = PLAIN.take(base * 0.001, 1.0, rng).mean()
    assert dark < 0.5 * dim


def test_a_bright_spot_blooms_with_a_falling_halo(rng):
    light = np.full((120, 160, 3), 0.02, np.float32)
    light[58:62, 78:82] = 200
    picture = luma(PLAIN.take(light, 1.0, rng))
    rings = [picture[60, 80 + d] for d in (0, 8, 16, 30)]
    assert rings[0] > 0.97
    assert all(a > b for a, b in pairwise(rings))
    plain = luma(VisibleCamera(**{**vars(PLAIN), "glare": 0.0}).take(light, 1.0, rng))
    assert rings[1] > plain[60, 88] + 0.05


def test_shot_noise_grows_with_light():
    camera = VisibleCamera(**{**vars(PLAIN), "shot": 0.05, "glare": 0.0})
    light = np.full((100, 200, 3), 0.02, np.float32)
    light[:, 100:] = 0.5
    difference = camera.take(light, 1.0, np.random.default_rng(1)) - camera.take(
        light, 1.0, np.random.default_rng(2)
    )
    assert difference[:, :90].std() > 0.001
    # Gamma compresses the bright side, so compare the noise before it: slope of v^2.2.
    gamma = (0.02 / 0.5) ** (1 - 1 / 2.2)
    dark, bright = difference[:, :90].std() * gamma, difference[:, 110:].std()
    assert bright > 1.5 * dark


def test_corners_are_darker_with_vignetting(rng):
    light = np.full((90, 120, 3), 0.3, np.float32)
    picture = VisibleCamera(**{**vars(PLAIN), "vignette": 0.5}).take(light, 1.0, rng)
    assert picture[0, 0].mean() < picture[45, 60].mean() - 0.05
