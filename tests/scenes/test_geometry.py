"""Camera and canvas: where points fall, what covers a pixel, and what is cut off."""

import numpy as np
import pytest

from imfuse.scenes import canvas as c
from imfuse.scenes.camera import NEAR, Camera, enclosing
from imfuse.scenes.canvas import Canvas, Material, coverage
from imfuse.scenes.misalign import pull, push, random_flow

CAMERA = Camera(height=90, width=120, focal=100, horizon=42, eye=1.5, x=0.7, yaw=0.2)


def test_rays_and_projection_agree():
    dx, dy, dz = CAMERA.rays(CAMERA.frame)
    for row, column, depth in ((0, 0, 4.0), (80, 30, 9.0), (41, 119, 25.0)):
        ray = np.array([dx[row, column], dy[row, column], dz[row, column]])
        point = np.array([CAMERA.x, CAMERA.eye, 0]) + ray * depth
        u, v = CAMERA.project(point)[0]
        assert (u, v) == pytest.approx((column + 0.5, row + 0.5), abs=1e-3)
        assert CAMERA.depth(point[0], point[2]) == pytest.approx(depth, rel=1e-5)


def test_the_ground_meets_the_horizon_far_away():
    v = CAMERA.project([(0, 0, z) for z in (5, 50, 5000)])[:, 1]
    assert v[0] > v[1] > v[2] > CAMERA.horizon
    assert v[2] == pytest.approx(CAMERA.horizon, abs=0.1)


def test_polygons_are_cut_at_the_near_plane():
    strip = [(-1, 0, -5), (1, 0, -5), (1, 0, 20), (-1, 0, 20)]
    straight = Camera(**{**vars(CAMERA), "yaw": 0.0})
    outline = straight.outline(strip)
    lowest = straight.horizon + straight.focal * straight.eye / NEAR
    assert outline[:, 1].max() == pytest.approx(lowest, rel=1e-6)
    assert len(straight.outline([(-1, 0, -5), (1, 0, -5), (0, 0, -1)])) == 0


def test_coverage_of_a_polygon_is_its_area():
    square = np.array([(10.25, 10.5), (30.75, 10.5), (30.75, 22.0), (10.25, 22.0)])
    covered = coverage(square, (0, 0, 40, 30)).sum()
    assert covered == pytest.approx(20.5 * 11.5, rel=0.06)


@pytest.mark.parametrize("radius", [0.08, 0.3, 1.7, 6.0])
def test_coverage_of_a_bar_is_its_area_even_below_a_pixel(radius):
    canvas = Canvas(CAMERA)
    ends = np.array([(20.3, 45.2), (100.6, 52.9)])
    canvas.capsule(ends, (radius, radius), Material(albedo=(1, 1, 1)).fields(5.0))
    length = np.hypot(*(ends[1] - ends[0]))
    expected = 2 * radius * length + np.pi * radius**2
    assert canvas.fields[..., 0].sum() == pytest.approx(expected, rel=0.05)


def test_a_bar_bulges_towards_the_camera():
    canvas = Canvas(CAMERA)
    canvas.capsule(
        np.array([(60.0, 10.0), (60.0, 80.0)]), (10, 10), Material(albedo=(1, 1, 1)).fields(5.0)
    )
    row = canvas.fields[45]
    assert row[60, 8] == pytest.approx(-1, abs=0.05)
    assert row[67, 6] > 0.5
    assert row[52, 6] < -0.5


def test_nearer_paint_covers_labels_and_depth():
    canvas = Canvas(CAMERA)
    box = (10, 10, 20, 20)
    full = np.ones((10, 10), np.float32)
    canvas.blend(box, full, Material(albedo=(1, 0, 0)).fields(9.0), c.CAR)
    canvas.blend(box, full * 0.4, Material(albedo=(0, 1, 0)).fields(5.0), c.PERSON)
    assert (canvas.labels[10:20, 10:20] == c.CAR).all()
    canvas.blend(box, full, Material(albedo=(0, 1, 0)).fields(5.0), c.PERSON)
    assert (canvas.labels[10:20, 10:20] == c.PERSON).all()
    assert canvas.labels.sum() == c.PERSON * 100
    canvas.blend(box, full, Material(albedo=(0, 0, 1)).fields(2.0), None)
    assert (canvas.labels[10:20, 10:20] == c.PERSON).all()
    assert (canvas.fields[10:20, 10:20, c.DEPTH] == 2.0).all()


def test_boxes_outside_the_frame_are_none():
    points = np.array([(-50.0, 5.0), (-20.0, 9.0)])
    assert enclosing(points, CAMERA.frame) is None
    assert enclosing(points[:0], CAMERA.frame) is None


def test_pushing_then_pulling_gives_the_picture_back(rng):
    y, x = np.mgrid[0:80, 0:100].astype(np.float32)
    picture = np.sin(x / 7) * np.cos(y / 9)
    flow = random_flow(80, 100, 5.0, rng)
    there = push(picture, flow)
    assert np.abs(there - picture)[12:-12, 12:-12].mean() > 0.05
    back = pull(there, flow)
    assert np.abs(back - picture)[12:-12, 12:-12].max() < 0.02
