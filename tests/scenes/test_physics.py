"""Whether pictures show what light and heat would do: night, smoke, leaves, glare, sun."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from imfuse.ops.color import luma
from imfuse.scenes import canvas as c
from imfuse.scenes.layout import street_world
from imfuse.scenes.light import apparent_temperature, in_shade, visible_light
from imfuse.scenes.places import foliage_world, smoke_world
from imfuse.scenes.render import paint, photograph
from imfuse.scenes.smoke import optical_depth
from imfuse.scenes.thicket import Thicket

SIZE = (120, 160)


def _around(mask, width=9):
    """Return a ring of pixels around a mask."""
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((width, width), np.uint8))
    near = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    return (wide > 0) & (near == 0)


def test_people_are_warmer_than_what_is_around_them_at_night(scene_of):
    found = 0
    for seed in range(9):
        scene = scene_of("street-night", seed, SIZE)
        people = cv2.erode((scene.labels == c.PERSON).astype(np.uint8), np.ones((2, 2))) > 0
        if people.sum() < 25:
            continue
        found += 1
        around = _around(scene.labels == c.PERSON) & ~scene.mask
        assert scene.ir[people].mean() > scene.ir[around].mean() + 0.05, seed
        if found == 5:
            break
    assert found >= 5


def test_the_sky_is_cold_and_bright_by_day(scene_of):
    for seed in range(3):
        world = street_world(seed, night=False)
        canvas = paint(world, *SIZE)
        scene = scene_of("street-day", seed, SIZE)
        sky = canvas.fields[..., c.DEPTH] > 2000
        ground = (canvas.fields[..., 7] > 0.9) & ~sky
        if sky.sum() < 60:
            continue
        assert scene.ir[sky].mean() < scene.ir[ground].mean() - 0.05
        assert luma(scene.vis)[sky].mean() > luma(scene.vis)[ground].mean()


@pytest.mark.parametrize("seed", [1, 2, 6])
def test_smoke_takes_contrast_from_the_visible_picture_only(seed):
    world = smoke_world(seed)
    dense = optical_depth(paint(world, *SIZE), world.smoke)[0] > 1.5
    assert dense.mean() > 0.03
    smoky, clear = photograph(world, SIZE), photograph(replace(world, smoke=[]), SIZE)
    assert luma(smoky.vis)[dense].std() < 0.6 * luma(clear.vis)[dense].std()
    assert smoky.ir[dense].std() > 0.75 * clear.ir[dense].std()
    assert np.array_equal(smoky.labels, clear.labels)


def test_leaves_hide_people_from_light_more_than_from_heat():
    hidden, warm = [], []
    for seed in range(5):
        world = foliage_world(seed)
        bare = [t for t in world.things if not isinstance(t, Thicket)]
        leafy, open_ = photograph(world, SIZE), photograph(replace(world, things=bare), SIZE)
        people = leafy.labels == c.PERSON
        assert np.array_equal(leafy.labels, open_.labels)
        if people.sum() < 60:
            continue
        before = paint(replace(world, things=bare), *SIZE).fields[..., c.DEPTH]
        after = paint(world, *SIZE).fields[..., c.DEPTH]
        hidden.append((after[people] < 0.93 * before[people]).mean())
        around = _around(people, 25)
        warm.append(np.percentile(leafy.ir[people], 85) - leafy.ir[around].mean())
        if len(hidden) == 4:
            break
    assert len(hidden) >= 3
    assert 0.35 < np.mean(hidden) < 0.97
    assert np.mean(np.array(warm) > 0.05) >= 0.75


def test_headlights_saturate_and_bloom():
    seen = 0
    for seed in range(6):
        world = street_world(seed, night=True)
        on = photograph(world, SIZE)
        off = photograph(replace(world, things=[_dark(t) for t in world.things]), SIZE)
        bright = luma(on.vis) > 0.96
        lamps = bright & (luma(off.vis) < 0.7) & (on.labels == c.CAR)
        if lamps.sum() < 2:
            continue
        seen += 1
        ring = _around(lamps, 9)
        assert luma(on.vis)[ring].mean() > luma(off.vis)[ring].mean() + 0.05
        if seen == 2:
            break
    assert seen >= 2


def _dark(thing):
    return replace(thing, lights=False) if hasattr(thing, "lights") else thing


def test_sunlit_ground_is_brighter_and_warmer_than_shaded_ground():
    compared = 0
    for seed in range(20):
        world = street_world(seed, night=False)
        if compared == 2:
            break
        if world.weather.sunlight < 0.5 or world.weather.wet:
            continue
        canvas = paint(world, *SIZE)
        f = canvas.fields
        plain = (f[..., 7] > 0.97) & (f[..., c.DEPTH] < 60)
        lit, shaded = plain & (f[..., c.SUNLIT] > 0.95), plain & (f[..., c.SUNLIT] < 0.1)
        if min(lit.sum(), shaded.sum()) < 60:
            continue
        compared += 1
        light = luma(visible_light(canvas, world.weather, []))
        heat = apparent_temperature(canvas, world.weather)
        assert light[lit].mean() > 1.3 * light[shaded].mean()
        assert heat[lit].mean() > heat[shaded].mean() + 0.5
    assert compared == 2


def test_what_stands_in_the_shadow_of_a_house_gets_no_sun():
    square = np.array([(0.0, 0, 0), (4, 0, 0), (4, 0, 6), (0, 0, 6)])
    assert in_shade(2, 3, [square])
    assert not in_shade(5, 3, [square])
    assert not in_shade(2, 3, [])
    assert any(_people_without_sun(seed) > 10 for seed in range(12))


def _people_without_sun(seed):
    canvas = paint(street_world(seed, night=False), *SIZE)
    return (canvas.fields[..., c.SUNLIT][canvas.labels == c.PERSON] < 0.1).sum()


def test_fog_hides_the_distance(scene_of):
    for seed in range(2):
        day, fog = scene_of("street-day", seed, SIZE), scene_of("fog", seed, SIZE)
        far = slice(35, 70)
        assert luma(fog.vis)[far].std() < luma(day.vis)[far].std()


@pytest.mark.parametrize("kind", ["street-day", "street-night"])
def test_statistics_lie_near_those_of_real_pairs(kind, scene_of):
    """Bands: ends of what MSRS, RoadScene and M3SVD show (docs/scenes.md), with some room."""
    rows = []
    for seed in range(6):
        scene = scene_of(kind, seed, SIZE)
        y, ir = luma(scene.vis), scene.ir
        dx = np.diff(y, axis=1)
        kurtosis = ((dx - dx.mean()) ** 4).mean() / dx.var() ** 2
        d = ir[1:, 1:] - ir[1:, :-1] - ir[:-1, 1:] + ir[:-1, :-1]
        noise = 1.4826 * np.median(np.abs(d)) / 2
        relation = np.corrcoef(y.ravel(), ir.ravel())[0, 1]
        rows.append((y.mean(), y.std(), ir.mean(), ir.std(), kurtosis, noise, relation))
    mean = np.mean(rows, axis=0)
    bands = [(0.35, 0.7) if kind == "street-day" else (0.06, 0.35)]
    bands += [(0.06, 0.25), (0.05, 0.6), (0.05, 0.3), (8, 500), (0.0002, 0.03), (-0.6, 0.6)]
    for value, (low, high) in zip(mean, bands, strict=True):
        assert low < value < high, mean


@pytest.mark.slow
def test_every_class_occurs_and_people_and_cars_most():
    """Labels alone, which need no light: 60 streets."""
    share = np.zeros(9)
    scenes = np.zeros(9)
    for seed in range(60):
        labels = paint(street_world(seed, night=False), 96, 128).labels
        counts = np.bincount(labels.ravel(), minlength=9)
        share += counts / labels.size
        scenes += counts > 0
    assert (scenes > 0).all(), scenes
    assert scenes[c.PERSON] > 45
    assert scenes[c.CAR] > 35
    assert share[0] / 60 > 0.75
    assert all(scenes[k] < 50 for k in (c.CAR_STOP, c.GUARDRAIL, c.CONE, c.BUMP))
