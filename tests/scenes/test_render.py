"""What `render` promises for every kind: sizes, ranges, sameness, labels, displacement."""

import cv2
import numpy as np
import pytest

from imfuse.errors import UnknownName, UsageError
from imfuse.ops.color import luma
from imfuse.scenes import SCENES, Scene, render
from imfuse.scenes.render import random_kind


def _bytes(scene):
    return [getattr(scene, n).tobytes() for n in ("ir", "vis", "labels", "mask", "flow")]


@pytest.mark.parametrize("kind", SCENES)
def test_same_arguments_give_the_same_bytes_whatever_happened_before(kind, scene_of):
    first = scene_of(kind, 5)
    np.random.seed(1)  # noqa: NPY002 - the global state must not matter
    render("street-day", seed=99, size=(20, 30))
    again = render(kind, seed=5, size=(120, 160))
    assert _bytes(again) == _bytes(first)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (7, 5), (33, 481), (481, 33)])
def test_every_size_has_the_promised_shapes_types_and_ranges(size):
    for kind in ("street-night", "smoke", "foliage") if size == (7, 5) else ("random",):
        scene = render(kind, seed=2, size=size, misalign=0.5)
        assert isinstance(scene, Scene)
        assert scene.kind in SCENES
        assert scene.seed == 2
        assert scene.ir.shape == size
        assert scene.vis.shape == (*size, 3)
        assert scene.labels.shape == scene.mask.shape == size
        assert scene.flow.shape == (*size, 2)
        dtypes = [getattr(scene, n).dtype for n in ("ir", "vis", "labels", "mask", "flow")]
        assert dtypes == [np.float32, np.float32, np.uint8, np.bool_, np.float32]
        for picture in (scene.ir, scene.vis):
            assert np.isfinite(picture).all()
            assert picture.min() >= 0
            assert picture.max() <= 1
        assert np.isfinite(scene.flow).all()
        assert scene.labels.max() <= 8
        assert np.array_equal(scene.mask, np.isin(scene.labels, (1, 2, 3)))


def test_the_default_size_is_that_of_msrs():
    assert render.__kwdefaults__["size"] == (480, 640)


@pytest.mark.parametrize(("kind", "seed"), [("street-day", 3), ("street-night", 4), ("foliage", 3)])
def test_twice_the_size_is_the_same_scene(kind, seed, scene_of):
    small, large = scene_of(kind, seed, (240, 320)), scene_of(kind, seed, (480, 640))
    for name, bound in (("vis", 0.035), ("ir", 0.05)):
        down = cv2.resize(getattr(large, name), (320, 240), interpolation=cv2.INTER_AREA)
        difference = np.abs(down - getattr(small, name))
        assert difference.mean() < bound, (name, float(difference.mean()))
    agree = (large.labels[::2, ::2] == small.labels).mean()
    assert agree > 0.97


@pytest.mark.parametrize("kind", ["street-day", "foliage"])
def test_wider_and_taller_pictures_hold_the_same_middle(kind, scene_of):
    middle = scene_of(kind, 8).labels
    wide = scene_of(kind, 8, (120, 300)).labels[:, 70:230]
    tall = scene_of(kind, 8, (200, 160)).labels[40:160]
    assert (wide == middle).mean() > 0.99
    assert (tall == middle).mean() > 0.99
    assert middle.any()


def test_day_night_and_fog_are_one_street(scene_of):
    for seed in range(4):
        day, night = scene_of("street-day", seed), scene_of("street-night", seed)
        assert np.array_equal(day.labels, night.labels)
        assert np.array_equal(day.labels, scene_of("fog", seed).labels)
        assert luma(night.vis).mean() < luma(day.vis).mean() - 0.08


def test_scenes_differ_between_seeds(scene_of):
    pictures = [scene_of("street-day", seed).vis for seed in range(4)]
    for i, a in enumerate(pictures):
        for b in pictures[:i]:
            assert np.abs(a - b).mean() > 0.05


def test_random_takes_every_kind_and_says_which():
    assert {random_kind(seed) for seed in range(40)} == set(SCENES)
    scene = render("random", seed=11, size=(60, 80))
    assert scene.kind == random_kind(11)
    assert _bytes(scene) == _bytes(render(scene.kind, seed=11, size=(60, 80)))


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": (0, 4)},
        {"size": (4, -1)},
        {"size": (4, 40000)},
        {"seed": -1},
        {"misalign": -0.1},
        {"misalign": float("nan")},
        {"misalign": float("inf")},
    ],
)
def test_senseless_arguments_are_refused(arguments):
    with pytest.raises(UsageError) as caught:
        render("street-day", **arguments)
    assert caught.value.exit_code == 2
    assert caught.value.expected


def test_an_unknown_kind_is_refused_with_the_closest():
    with pytest.raises(UnknownName, match="street-day"):
        render("street-daj")


def _aligned(scene):
    height, width = scene.ir.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    at = scene.flow + np.stack([x, y], 2)
    return cv2.remap(scene.ir, at[..., 0], at[..., 1], cv2.INTER_LINEAR)


def test_no_misalignment_is_exactly_zero_flow(scene_of):
    assert not scene_of("street-day", 1).flow.any()


@pytest.mark.parametrize("amount", [1.0, 4.0, 12.0])
def test_the_flow_leads_from_the_visible_pixel_to_the_infrared_one(amount, scene_of):
    straight = scene_of("street-night", 7, (240, 320))
    moved = scene_of("street-night", 7, (240, 320), amount)
    assert np.isclose(np.hypot(*np.moveaxis(moved.flow, 2, 0)).max(), amount, rtol=1e-4)
    assert moved.vis.tobytes() == straight.vis.tobytes()
    assert moved.labels.tobytes() == straight.labels.tobytes()
    inner = (slice(16, -16), slice(16, -16))
    before = np.abs(moved.ir - straight.ir)[inner].mean()
    after = np.abs(_aligned(moved) - straight.ir)[inner].mean()
    # What is left is noise, which does not move with the scene, and interpolation.
    noise = np.abs(_aligned(moved) - cv2.blur(_aligned(moved), (3, 3)))[inner].mean()
    assert after < 0.5 * before if amount > 1 else after < before
    assert after < 2 * noise


def test_the_flow_is_smooth_and_differs_between_seeds(scene_of):
    flows = [scene_of("street-day", seed, (120, 160), 6.0).flow for seed in (1, 2)]
    assert np.abs(flows[0] - flows[1]).max() > 1
    for flow in flows:
        assert np.abs(np.diff(flow, axis=0)).max() < 0.35
        assert np.abs(np.diff(flow, axis=1)).max() < 0.35
