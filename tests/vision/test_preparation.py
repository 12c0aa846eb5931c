"""Pictures become inputs of detectors, and boxes find their way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfuse.vision.preparation import IMAGENET_MEAN, IMAGENET_STD, Preparation

FITS = ("corner", "centre", "stretch")
SIDES = st.integers(1, 2000)
SIZES = st.tuples(SIDES, SIDES)


@given(fit=st.sampled_from(FITS), picture=SIZES, size=SIZES)
def test_boxes_find_their_way_back(fit, picture, size):
    place = Preparation(fit=fit).place(picture, size)
    height, width = picture
    boxes = np.array(
        [[0, 0, width, height], [width / 4, height / 8, width / 2, height]], np.float64
    )
    origin = np.array([place.left, place.top] * 2)
    there = boxes * np.array([place.across, place.down] * 2) + origin
    back = place.back(there.astype(np.float32))
    assert back.dtype == np.float32
    blur = 1e-3 / min(1, place.across, place.down)  # float32 in a far smaller input
    np.testing.assert_allclose(back, boxes, rtol=1e-4, atol=blur)
    # The whole picture fills its place there.
    np.testing.assert_allclose(
        there[0],
        [place.left, place.top, place.left + place.columns, place.top + place.rows],
        rtol=1e-9,
    )


@given(fit=st.sampled_from(FITS), picture=SIZES, size=SIZES)
def test_pictures_lie_within_the_input(fit, picture, size):
    place = Preparation(fit=fit).place(picture, size)
    assert place.top >= 0
    assert place.left >= 0
    assert place.top + place.rows <= size[0]
    assert place.left + place.columns <= size[1]
    assert min(place.rows, place.columns) >= 1
    assert place.rows == size[0] or place.columns == size[1]
    if fit == "stretch":
        assert (place.rows, place.columns) == size
        return
    right = size[1] - place.columns - place.left
    below = size[0] - place.rows - place.top
    if fit == "corner":
        assert place.top == place.left == 0
    else:
        assert 0 <= right - place.left <= 1
        assert 0 <= below - place.top <= 1
    # Scaled evenly, but for the rounding to whole pixels.
    ratio = min(size[0] / picture[0], size[1] / picture[1])
    assert abs(place.rows - max(picture[0] * ratio, 1)) <= 0.5 + 1e-6
    assert abs(place.columns - max(picture[1] * ratio, 1)) <= 0.5 + 1e-6


COLOUR = (0.2, 0.4, 0.8)
PREPARATIONS = [
    Preparation(),
    Preparation(fit="corner", order="bgr", scale=255),
    Preparation(fit="stretch", mean=IMAGENET_MEAN, std=IMAGENET_STD),
    Preparation(
        order="bgr", scale=255, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395)
    ),
    Preparation(fit="corner", std=(2.0, 4.0, 8.0), margin=0.0),
]


@pytest.mark.parametrize("how", PREPARATIONS)
def test_values_are_those_of_the_formula(how):
    picture = np.broadcast_to(np.array(COLOUR, np.float32), (20, 30, 3))
    values, place = how.apply(picture, (48, 40))
    assert values.shape == (3, 48, 40)
    assert values.dtype == np.float32
    inside = np.zeros((48, 40), bool)
    inside[place.top : place.top + place.rows, place.left : place.left + place.columns] = True
    for channel in range(3):
        white = COLOUR[channel] if how.order == "rgb" else COLOUR[2 - channel]
        mean, std = how.mean[channel], how.std[channel]
        expected = (white * how.scale - mean) / std
        np.testing.assert_allclose(values[channel][inside], expected, rtol=1e-5)
        margin = (how.margin * how.scale - mean) / std
        np.testing.assert_allclose(values[channel][~inside], margin, rtol=1e-5, atol=1e-6)
    assert inside.all() == (how.fit == "stretch")


@pytest.mark.parametrize("fit", FITS)
def test_a_picture_of_the_input_s_size_stays_as_it_is(rng, fit):
    picture = rng.random((24, 36, 3), np.float32)
    values, place = Preparation(fit=fit).apply(picture, (24, 36))
    np.testing.assert_array_equal(values, picture.transpose(2, 0, 1))
    boxes = np.array([[1, 2, 3, 4]], np.float32)
    np.testing.assert_array_equal(place.back(boxes), boxes)


@pytest.mark.parametrize("fit", FITS)
def test_content_moves_as_boxes_do(fit):
    picture = np.zeros((60, 90, 3), np.float32)
    picture[20:40, 30:60] = 1
    values, place = Preparation(fit=fit, margin=0.0).apply(picture, (128, 96))
    rows, columns = np.nonzero(values[0] > 0.5)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    np.testing.assert_allclose(place.back(box), [[30, 20, 60, 40]], atol=1)


@pytest.mark.parametrize("how", PREPARATIONS)
def test_gray_pictures_are_shown_thrice(rng, how):
    gray = rng.random((20, 30), np.float32)
    values, place = how.apply(gray, (48, 40))
    thrice, same = how.apply(np.stack([gray] * 3, axis=2), (48, 40))
    np.testing.assert_allclose(values, thrice, rtol=1e-5, atol=1e-6)
    assert place == same


def test_pictures_are_left_as_they_were(rng):
    picture = rng.random((20, 30, 3), np.float32)
    before = picture.copy()
    Preparation(fit="stretch", scale=255, mean=(1.0, 2.0, 3.0)).apply(picture, (20, 30))
    np.testing.assert_array_equal(picture, before)


def test_a_long_picture_keeps_a_row():
    values, place = Preparation().apply(np.ones((1, 5000, 3), np.float32), (64, 64))
    assert place.rows == 1
    assert (values[:, place.top] == 1).all()
