"""What only one of the two cameras sees: the warmth of clothes, walls and ground, and paint."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from imfuse.ops.color import luma
from imfuse.scenes import canvas as c
from imfuse.scenes.canvas import absorbed
from imfuse.scenes.clothing import wear
from imfuse.scenes.layout import street_world
from imfuse.scenes.light import apparent_temperature, earlier
from imfuse.scenes.paintwork import Cells, storey_paint, wall_heat
from imfuse.scenes.people import random_person
from imfuse.scenes.render import paint, photograph
from imfuse.scenes.weather import random_weather
from imfuse.scenes.world import World

SIZE = (120, 160)
NEAR = 5.0
SKIN = (0.4, 0.3, 0.2)


def _portrait(seed):
    """Return a bare street by day with one person who looks into the camera."""
    world = street_world(seed, night=False)
    weather = replace(world.weather, fog=1e-4)
    view = replace(world.view, yaw=0.0)
    who = random_person(np.random.default_rng(seed), view.x, NEAR, weather, heading=np.pi)
    return replace(world, weather=weather, view=view, things=[who], flat=[]), who


def test_people_by_day_are_no_flat_silhouettes():
    """Real crops of MSRS and RoadScene have interior standard deviations of 0.1 to 0.25."""
    spread, level = [], []
    for seed in range(4):
        scene = photograph(_portrait(seed)[0], (240, 320))
        inside = cv2.erode((scene.labels == c.PERSON).astype(np.uint8), np.ones((3, 3))) > 0
        assert inside.sum() > 500
        spread.append(scene.ir[inside].std())
        level.append(scene.ir[inside].mean())
    assert np.mean(spread) > 0.07
    assert min(spread) > 0.04
    assert 0.4 < np.mean(level) < 0.9


def test_faces_are_warmer_than_coats_and_coats_than_shoes():
    for seed in range(4):
        world, who = _portrait(seed)
        canvas = paint(world, *SIZE)
        heat = apparent_temperature(canvas, world.weather)
        people = canvas.labels == c.PERSON

        def at(low, high, people=people, canvas=canvas, heat=heat, who=who):
            heights = [(who.x, who.height * h, NEAR) for h in (high, low)]
            top, bottom = canvas.camera.project(heights)[:, 1].astype(int)
            return float(np.median(heat[top:bottom][people[top:bottom]]))

        assert at(0.88, 0.97) > at(0.6, 0.78) + 0.5
        materials = who.materials(world.weather)
        assert materials["shoes"].warmth < materials["top"].warmth < materials["face"].warmth


def test_clothes_keep_heat_inside_and_stay_the_same():
    shares = [
        np.mean([wear(s, k, (0.4, 0.3, 0.2)).shares["top"] for s in range(30)]) for k in (0, 1)
    ]
    assert shares[0] > shares[1] + 0.2
    assert wear(3, 0.5, SKIN) == wear(3, 0.5, SKIN)


def test_edges_by_day_are_shared_no_more_than_in_this_band(scene_of):
    """Real pairs: 0.22 to 0.29; far below, the pictures would show two different places."""
    found = []
    for seed in range(6):
        scene = scene_of("street-day", seed, SIZE)
        edges = [np.hypot(*np.gradient(a)).ravel() for a in (luma(scene.vis), scene.ir)]
        found.append(np.corrcoef(*edges)[0, 1])
    assert 0.15 < np.mean(found) < 0.5


def test_light_and_dark_paint_take_in_nearly_the_same_heat():
    assert absorbed(0.0) > absorbed(0.6) > 0.65 * absorbed(0.0)


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_walls_hold_heat_that_their_paint_does_not_show(seed):
    s, y = np.meshgrid(np.arange(0, 18, 0.06), np.arange(0, 9, 0.06))
    pixel = np.full_like(s, 0.06)
    maps = tuple(m.astype(np.float32) for m in (s, y, pixel, pixel))
    cells = Cells(seed, np.floor(maps[0] / 3), np.floor(maps[1] / 3))
    paint_ = storey_paint(seed, 3.0, cells, maps)
    heat, share = wall_heat(seed, (3.0, 3.0), 1.5, maps)
    assert heat.shape == share.shape == s.shape
    assert heat.std() > 0.4
    assert 0.07 < share.min() < share.max() < 0.8
    assert abs(np.corrcoef(paint_.ravel(), heat.ravel())[0, 1]) < 0.4


def _sunny() -> World:
    for seed in range(30):
        world = street_world(seed, night=False)
        if world.weather.sunlight > 0.8 and not world.weather.wet:
            return world
    raise AssertionError("no sunny street")


def test_warmth_on_the_ground_follows_the_shadow_of_a_while_ago():
    world = _sunny()
    canvas = paint(world, *SIZE)
    f = canvas.fields
    ground = (f[..., 7] > 0.97) & (f[..., c.DEPTH] < 60)
    heat = apparent_temperature(canvas, world.weather)
    now = np.corrcoef(heat[ground], f[..., c.SUNLIT][ground])[0, 1]
    assert 0 < now < 0.93


def test_the_earlier_sun_stood_as_high_but_elsewhere():
    weather = random_weather(np.random.default_rng(1), night=False)
    before = earlier(weather)
    assert before.sun[1] == weather.sun[1]
    assert np.linalg.norm(before.sun) == pytest.approx(np.linalg.norm(weather.sun))
    assert 0.9 < np.dot(before.sun, weather.sun) < 0.999
