"""Edge directions: what is bright may be dark, and a turned picture has turned directions."""

import numpy as np
import pytest

from imfuse.align.features import CHANNELS, directions, normalised


@pytest.fixture
def gray(rng):
    coarse = rng.random((12, 16)).astype(np.float32)
    return 255 * np.kron(coarse, np.ones((12, 12), np.float32))


def test_the_sign_of_contrast_does_not_matter(gray):
    np.testing.assert_allclose(directions(255 - gray), directions(gray), atol=2e-4)


def test_a_quarter_turn_turns_the_directions(gray):
    turned = directions(np.ascontiguousarray(np.rot90(gray)))
    expected = np.roll(np.rot90(directions(gray)), CHANNELS // 2, axis=-1)
    np.testing.assert_allclose(turned, expected, atol=2e-3)


def test_a_mirror_mirrors_the_directions(gray):
    order = [-index % CHANNELS for index in range(CHANNELS)]
    mirrored = directions(np.ascontiguousarray(gray[:, ::-1]))
    np.testing.assert_allclose(mirrored, directions(gray)[:, ::-1][..., order], atol=2e-3)


@pytest.mark.parametrize("degrees", [0, 22.5, 45, 90, 135])
def test_stripes_have_the_direction_across_them(degrees):
    y, x = np.mgrid[:96, :96].astype(np.float32)
    angle = np.deg2rad(degrees)
    wave = 127 + 100 * np.sin((x * np.cos(angle) + y * np.sin(angle)) / 3)
    middle = directions(wave.astype(np.float32))[8:16, 8:16].mean((0, 1))
    assert int(middle.argmax()) == degrees / 22.5


def test_brighter_or_stronger_pictures_look_the_same(gray):
    """Local contrast is a ratio, but for faint places, which stay faint."""
    np.testing.assert_allclose(normalised(0.5 * gray + 80), normalised(gray), atol=0.25)
    assert np.abs(directions(np.full((48, 64), 90, np.float32))).max() < 1e-3


def test_vectors_are_at_most_one_long(gray):
    assert np.square(directions(gray)).sum(-1).max() <= 1
