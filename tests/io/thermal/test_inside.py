"""Both pictures of one file, and how they lie on each other."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

import imfuse
from imfuse.errors import PairMismatch, UsageError
from imfuse.io.formats.container import Source
from imfuse.io.thermal.inside import read_inside
from imfuse.radiometry import Reading
from reference import thermal_files as made

WIDTH, HEIGHT, RATIO, RIGHT, DOWN = 320, 240, 2.0, 12, -20


def inside(data):
    return read_inside(Source(data=data, name="made.jpg", max_pixels=10**8), Reading())


def spot(x, y, width, height):
    """Return a picture with a spot at a place."""
    rows, columns = np.mgrid[:height, :width]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)


def one_scene(orientation=1):
    """Return a file whose infrared and visible picture show spots of one scene.

    The infrared picture has half the visible width, its centre lies off by RIGHT and DOWN, and its
    80 pixels cover 160 visible ones: a visible pixel is half an infrared one.
    """
    places = [(150, 90), (200, 120), (130, 60)]
    visible = 30 + 200 * sum(spot(x, y, WIDTH, HEIGHT) for x, y in places)
    scene = 20 + 60 * sum(
        spot((x - 159.5 - RIGHT) / 2 + 39.5, (y - 119.5 - DOWN) / 2 + 29.5, 80, 60)
        for x, y in places
    )
    out = io.BytesIO()
    gray = np.clip(visible, 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([gray] * 3)).save(out, "JPEG", quality=95, subsampling=0)
    counts = np.rint(made.counts_of(scene)).astype(np.uint16)
    records = [
        (made.CAMERA, made.camera_record(shown=(15000, 3000))),
        (made.RAW, made.raw_record(counts)),
        (made.VISIBLE, made.visible_record(out.getvalue(), WIDTH, HEIGHT)),
        (made.PLACEMENT, made.placement_record(RATIO, RIGHT, DOWN)),
    ]
    exif = b"Exif\0\0" + made.exif_of("Maker", "M1", orientation)
    return made.with_segments(made.flir_jpeg(made.container(records)), [(0xE1, exif)])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_brightest_places_of_both_fall_together(orientation):
    pair, registration = inside(one_scene(orientation))
    assert registration.estimator == "file"
    sizes = (60, 80), (HEIGHT, WIDTH)
    if orientation > 4:
        sizes = tuple(size[::-1] for size in sizes)
    assert (pair.ir.size, pair.vis.size) == sizes
    luma = cv2.GaussianBlur(pair.vis.pixels[..., 1].astype(np.float32), (0, 0), 1)
    warped = cv2.warpPerspective(pair.ir.pixels, registration.matrix, pair.vis.size[::-1])
    for _ in range(3):
        y, x = np.unravel_index(luma.argmax(), luma.shape)
        near = warped[max(0, y - 12) : y + 13, max(0, x - 12) : x + 13]
        v, u = np.unravel_index(near.argmax(), near.shape)
        assert abs(u - min(x, 12)) <= 1.5
        assert abs(v - min(y, 12)) <= 1.5
        luma[max(0, y - 15) : y + 16, max(0, x - 15) : x + 16] = 0


def test_the_result_is_fused_where_both_see_and_visible_elsewhere(tmp_path):
    data = one_scene()
    file = tmp_path / "both.jpg"
    file.write_bytes(data)
    with pytest.warns(imfuse.ImfuseWarning, match="the range that the camera showed"):
        fused = imfuse.fuse(file, model="average")
    with pytest.warns(imfuse.ImfuseWarning, match="the range that the camera showed"):
        again = imfuse.fuse(data, model="average")
    assert again.startswith(b"\xff\xd8")  # bytes in, bytes out, as JPEG as the photograph inside
    pair, registration = inside(data)
    assert fused.size == (HEIGHT, WIDTH)
    covered = np.isfinite(fused.physical)
    assert covered.mean() == pytest.approx(1 / RATIO**2, rel=0.05)
    np.testing.assert_array_equal(fused.pixels[~covered], pair.vis.pixels[~covered])
    assert (fused.pixels[covered] != pair.vis.pixels[covered]).mean() > 0.9
    assert fused.unit == "celsius"
    assert fused.history["registration"]["matrix"] == registration.matrix.tolist()
    assert fused.history["infrared"]["parameters"]["emissivity"] == pytest.approx(0.9)
    assert fused.metadata.exif is not None


def test_png_pictures_of_luma_and_chroma_become_rgb():
    rgb = np.full((24, 32, 3), (200, 60, 30), np.uint8)
    ycrcb = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    record = made.visible_record(made.png(np.ascontiguousarray(ycrcb[..., [0, 2, 1]])), 32, 24)
    counts = np.full((24, 32), 15000, np.uint16)
    counts[5] = 16000
    records = [
        (made.RAW, made.raw_record(counts)),
        (made.CAMERA, made.camera_record()),
        (made.VISIBLE, record),
    ]
    pair, registration = inside(made.flir_jpeg(made.container(records)))
    np.testing.assert_allclose(pair.vis.pixels, rgb, atol=2)
    assert registration.estimator == "resize"


def test_other_proportions_without_a_placement_are_refused():
    with pytest.raises(PairMismatch, match="does not say how they lie"):
        inside(made.flir_file(np.full((24, 32), 20.0) + np.eye(24, 32), visible=(100, 24)))


@pytest.mark.parametrize("ratio", [0.0, -1.0, 1e9, float("nan")])
def test_an_absurd_placement_counts_for_nothing(ratio):
    scene = np.full((24, 32), 20.0) + np.eye(24, 32)
    data = made.flir_file(scene, visible=(64, 48), placement=(ratio, 5, 5))
    assert inside(data).registration.estimator == "resize"


def test_files_without_a_visible_picture_are_refused_with_what_to_do(tmp_path):
    alone = made.flir_file(np.full((24, 32), 20.0) + np.eye(24, 32))
    for data, kind in ((alone, "FLIR radiometric JPEG"), (made.jpeg(), "file")):
        with pytest.raises(PairMismatch, match=f"inside this {kind}") as caught:
            imfuse.fuse(data)
        assert "imfuse fuse" in caught.value.remedy
    with pytest.raises(UsageError, match="without a visible picture"):
        imfuse.fuse(np.zeros((4, 5), np.uint8))


def test_an_irg_file_with_a_photograph():
    counts = (np.arange(24 * 32).reshape(24, 32) + 4600).astype(np.uint16)
    pair, registration = inside(made.irg(counts, visible=made.jpeg(64, 48)))
    assert pair.vis.size == (48, 64)
    assert registration.estimator == "resize"


@pytest.mark.parametrize("name", ["flir_ax8", "flir_b60", "flir_one", "flir_t420"])
def test_real_files_are_fused_alone(data, tmp_path, name):
    out = tmp_path / "out.tif"
    with pytest.warns(imfuse.ImfuseWarning, match="the camera showed"):
        imfuse.fuse(
            data / "thermal" / f"{name}.jpg", model="average", out=out, keep_temperature=True
        )
    kept = imfuse.read_temperature(out)
    celsius = imfuse.read_infrared(data / "thermal" / f"{name}.jpg").pixels
    assert kept.shape == imfuse.read_image(out).size
    assert 0.15 < np.isfinite(kept).mean() < 0.95
    assert np.nanmin(kept) >= celsius.min() - 1e-3
    assert np.nanmax(kept) <= celsius.max() + 1e-3


@pytest.mark.parametrize(("name", "most"), [("flir_b60", 4), ("flir_t420", 14)])
def test_real_pictures_lie_upon_each_other(data, name, most):
    """Edges of both agree best near the place that the file gives, in visible pixels."""
    file = (data / "thermal" / f"{name}.jpg").read_bytes()
    pair, registration = read_inside(Source(data=file, name=name, max_pixels=10**8), Reading())
    scale, x, y = registration.matrix[0, 0], *registration.matrix[:2, 2]
    small = cv2.resize(
        pair.vis.pixels[..., 1], None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA
    )
    scores = cv2.matchTemplate(
        edges(small), edges(pair.ir.pixels)[3:-3, 3:-3], cv2.TM_CCOEFF_NORMED
    )
    v, u = np.unravel_index(scores.argmax(), scores.shape)
    # Centres of pixels: (i + 1/2) / scale - 1/2 in the small picture.
    expected = np.array([(x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5])
    assert np.hypot(*(np.array([u - 3, v - 3]) - expected)) * scale < most


def edges(pixels):
    smooth = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 1.2)
    strength = np.hypot(cv2.Sobel(smooth, -1, 1, 0), cv2.Sobel(smooth, -1, 0, 1))
    return np.minimum(strength, np.percentile(strength, 97)).astype(np.float32)
