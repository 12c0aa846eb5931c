"""Infrared values on their way into the result: calibration, range, holes, and what is said."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import imfuse
from imfuse.engines.base import FunctionEngine
from imfuse.errors import BadValues, ImfuseWarning, UsageError
from imfuse.fuser import Fuser
from imfuse.options import AUTO_RANGE, FuseOptions, InfraredRange
from imfuse.ranges import pooled_range, sample_infrared
from imfuse.types import Calibration, FusionSpec, ImagePair, Picture

IR_ONLY = FunctionEngine(
    FusionSpec(name="ir-only", title="t", kind="classical"), lambda ir, vis: ir.copy()
)


def fused(ir, vis_size=None, vis=None, **options):
    ir = ir if isinstance(ir, Picture) else Picture(pixels=ir, name="ir")
    if vis is None:
        height, width = vis_size or ir.size
        vis = np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width)
    return Fuser(options.pop("model", IR_ONLY), **options).fuse(
        ImagePair(ir=ir, vis=Picture(pixels=vis, name="vis"))
    )


def scene(rng, shape=(120, 160), low=0.0, high=255.0, dtype=np.uint8):
    """A smooth picture with detail that fills a range."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = np.sin(x / 9) + np.cos(y / 7) + 0.3 * rng.random(shape)
    waves = (waves - waves.min()) / np.ptp(waves)
    return (low + (high - low) * waves).astype(dtype)


# Range before resampling


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.uint16, np.int16, np.int32])
def test_values_reach_the_range_before_they_are_resampled(dtype):
    ir = np.repeat([[20, 34]], 2, axis=0).astype(dtype)
    result = fused(ir, (8, 8), resize="ir", ir_range=(18, 36)).pixels
    assert result[0, 0] == pytest.approx((20 - 18) / 18, abs=1e-6)
    assert result[0, -1] == pytest.approx((34 - 18) / 18, abs=1e-6)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 30), st.integers(1, 30))
def test_resampling_invents_no_values(height, width, new_height, new_width):
    rng = np.random.default_rng(height * 9 + width)
    ir = rng.choice([2000, 3400], (height, width)).astype(np.uint16)
    result = fused(
        ir, (new_height, new_width), resize="ir", stretch=True, ir_range=(0, 4096)
    ).pixels * np.float32(4096)
    assert result.min() >= ir.min() - 0.01
    assert result.max() <= ir.max() + 0.01


def test_float_values_out_of_range_are_refused_also_where_they_are_resized():
    with pytest.raises(BadValues, match="float values from 20 to 34"):
        fused(np.array([[20.0, 34.0]], np.float32), (2, 4), resize="ir")


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32])
def test_types_without_white_need_a_range(dtype, rng):
    ir = scene(rng, low=200, high=365, dtype=dtype)
    with pytest.raises(BadValues, match="--ir-range auto"):
        fused(ir)
    expected = np.clip((ir.astype(np.float64) - 210) / 140, 0, 1)
    assert np.abs(fused(ir, ir_range=(210, 350)).pixels - expected).max() < 1e-5


def test_a_range_is_of_calibrated_values():
    counts = np.array([[3000, 4000]], np.uint16)
    ir = Picture(pixels=counts, calibration=Calibration(unit="celsius", slope=0.04, offset=-100))
    result = fused(ir, ir_range=(10, 70))
    np.testing.assert_allclose(result.pixels, [[10 / 60, 50 / 60]], atol=1e-6)
    np.testing.assert_allclose(result.physical, [[20, 60]], atol=1e-4)
    assert result.history["ir_range"] == [10, 70]


# Ranges by percentiles


def test_percentiles_leave_dead_pixels_telemetry_and_holes_out(rng):
    ir = scene(rng, (240, 320), 3000, 12000, np.uint16)
    spoilt = ir.copy()
    spoilt[0:2] = 65535  # telemetry
    spoilt[rng.integers(0, 240, 40), rng.integers(0, 320, 40)] = 65535
    spoilt[rng.integers(0, 240, 40), rng.integers(0, 320, 40)] = 0
    nodata = np.zeros(ir.shape, bool)
    nodata[100:150, 100:150] = True
    spoilt[nodata] = 1
    picture = Picture(pixels=spoilt, nodata=nodata)
    found = pooled_range([sample_infrared(picture)], AUTO_RANGE)
    low, high = np.percentile(ir, [0.5, 99.5])
    assert found.low == pytest.approx(low, abs=0.02 * 9000)
    assert found.high == pytest.approx(high, abs=0.02 * 9000)


def test_a_range_of_percentiles_is_that_of_the_picture(rng):
    ir = scene(rng, (64, 64), 3000, 12000, np.uint16)
    result = fused(ir, ir_range="1%:99%")
    low, high = result.history["ir_range"]
    assert 3000 < low < 4000 < high
    np.testing.assert_allclose(
        result.pixels, np.clip((ir.astype(float) - low) / (high - low), 0, 1), atol=1e-5
    )


@pytest.mark.parametrize(("rows", "telemetry"), [(60, 3), (120, 2), (60, 0), (480, 2)])
def test_telemetry_of_small_sensors_counts_for_nothing(rng, rows, telemetry):
    counts = scene(rng, (rows, rows * 4 // 3), 8000, 8436, np.uint16)
    extra = rng.integers(0, 65536, (telemetry, counts.shape[1])).astype(np.uint16)
    ir = np.vstack([counts, extra])
    (note,) = fused(ir).notes
    assert "will hardly show" in note
    low, high = fused(ir, ir_range="auto").history["ir_range"]
    assert 8000 <= low < high <= 8436


def test_pictures_of_different_kinds_share_no_percentiles(rng):
    degrees = sample_infrared(Picture(pixels=scene(rng, low=20, high=34, dtype="f4"), name="a.tif"))
    gray = sample_infrared(Picture(pixels=scene(rng, low=120, high=206), name="b.png"))
    with pytest.raises(BadValues, match=r"float32 values .* a.tif, uint8 .* b.png") as caught:
        pooled_range([degrees, degrees, gray], AUTO_RANGE, file="ir")
    assert caught.value.file == "ir"
    counts = scene(rng, low=2900, high=3100, dtype=np.uint16)
    kelvin = Picture(pixels=counts, calibration=Calibration(unit="kelvin", slope=0.1))
    with pytest.raises(BadValues, match=r"uint16 values .* kelvin values"):
        pooled_range([sample_infrared(Picture(pixels=counts)), sample_infrared(kelvin)], AUTO_RANGE)
    assert pooled_range([degrees, degrees], AUTO_RANGE).low == pytest.approx(20, abs=1)


def test_percentiles_of_a_constant_picture_are_refused():
    with pytest.raises(BadValues, match="ir: the infrared values don't vary"):
        fused(np.full((20, 20), 7, np.uint16), ir_range="auto")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18:36", InfraredRange(18, 36)),
        ("36:18", InfraredRange(36, 18)),
        (" -5.5 : 1e3 ", InfraredRange(-5.5, 1000)),
        ("1%:99%", InfraredRange(1, 99, percent=True)),
        ("AUTO", AUTO_RANGE),
    ],
)
def test_ranges_are_read_and_print_as_they_are_typed(text, expected):
    assert InfraredRange.parse(text) == expected
    assert InfraredRange.parse(str(expected)) == expected
    assert FuseOptions(ir_range=text).infrared_range == expected


@pytest.mark.parametrize(
    "text", ["", ":", "1:", "1:1", "1%:2", "nan:1", "inf:1", "-1%:50%", "0%:101%", "a:b", "1:2:3"]
)
def test_ranges_that_make_no_sense_are_refused(text):
    with pytest.raises(UsageError):
        InfraredRange.parse(text)


# What is said of infrared that hardly shows


def stuck(ir):
    ir = ir.copy()
    ir[ir.shape[0] // 2, ir.shape[1] // 3] = np.iinfo(ir.dtype).max
    return ir


def hardly_visible(rng):
    counts = scene(rng, low=3000, high=12000, dtype=np.uint16)
    return {
        "14-bit counts": counts,
        "14-bit counts and a stuck pixel": stuck(counts),
        "float counts": (counts / np.float32(65535)).astype(np.float32),
        "8-bit 40 to 44": scene(rng, low=40, high=44.99),
        "8-bit and a stuck pixel": stuck(scene(rng, low=40, high=44.99)),
        "narrow and telemetry": np.vstack([np.full((3, 160), 65535, np.uint16), counts]),
        "a stuck row": np.vstack([counts[:50], np.full((1, 160), 65535, np.uint16), counts]),
    }


@pytest.mark.parametrize("kind", list(hardly_visible(np.random.default_rng(0))))
def test_infrared_that_hardly_uses_its_range_is_told(rng, kind):
    ir = hardly_visible(rng)[kind]
    (note,) = fused(ir).notes
    assert "will hardly show" in note
    low, high = (float(end) for end in note.split("--ir-range ")[1].split()[0].split(":"))
    clean = {"14-bit counts": (3000, 12000), "8": (40, 45), "f": (3000 / 65535, 12000 / 65535)}
    least, most = clean[kind if kind in clean else kind[0] if kind[0] in "8f" else "14-bit counts"]
    assert least <= low < high <= most
    assert high - low > 0.75 * (most - least)
    assert not fused(ir, ir_range=(low, high)).notes


@pytest.mark.parametrize(("low", "high", "dtype"), [(0, 255, np.uint8), (90, 180, np.uint8)])
def test_nothing_is_said_of_infrared_that_shows(rng, low, high, dtype):
    assert fused(scene(rng, low=low, high=high, dtype=dtype)).notes == ()


def test_a_range_that_most_of_the_infrared_misses_is_told(rng):
    (note,) = fused(scene(rng), ir_range=(20, 40)).notes
    assert "lies outside the range 20 to 40" in note
    assert fused(scene(rng), ir_range=(20, 230)).notes == ()


@pytest.mark.parametrize(
    ("ir_range", "ends", "dtype"),
    [
        ((0, 65535), (3000, 8818), np.uint16),
        ((0, 255), (40, 43.99), np.uint8),
        ((-200, 2000), (20, 34), np.float32),
        ((2000, -200), (20, 34), np.int16),
        ((32, 400), (-20, 34), np.float32),
    ],
)
def test_a_range_that_is_far_too_wide_is_told(rng, ir_range, ends, dtype):
    ir = scene(rng, low=ends[0], high=ends[1], dtype=dtype)
    notes = fused(ir, ir_range=ir_range).notes
    if ir_range == (32, 400):  # most lies outside, which is told instead
        assert "lies outside" in notes[0]
        return
    (note,) = notes
    assert "will hardly show" in note
    better = note.split("--ir-range ")[1].split()[0]
    assert not fused(ir, ir_range=better).notes
    low, high = (float(end) for end in better.split(":"))
    assert (low < high) == (ir_range[0] < ir_range[1])


def test_a_picture_of_one_value_is_told(rng):
    flat, dark = np.full((20, 30), 77, np.uint8), np.zeros((20, 30, 3), np.uint8)
    vis = scene(rng, (20, 30))
    (note,) = fused(flat, vis=vis).notes
    assert note == "ir: the infrared picture has the same value everywhere"
    (note,) = fused(vis, vis=dark).notes
    assert note == "vis: the visible picture has the same value everywhere"
    flat[3, 4] = 78
    assert fused(flat, vis=vis).notes == ()
    assert fused(flat[:1, :1], vis=vis[:1, :1]).notes == ()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(120, 160), (120, 160, 3)])
def test_a_visible_picture_that_hardly_uses_its_range_is_told(rng, dtype, shape):
    ir, gray = scene(rng), scene(rng)[:, ::-1].astype(np.uint16)
    twelve_bits = np.broadcast_to(gray.T[..., None] * 16, (160, 120, 3)).transpose(1, 0, 2)
    twelve_bits = np.ascontiguousarray(twelve_bits if len(shape) == 3 else gray * 16)
    twelve_bits[60, 60] = 65535  # a dead pixel
    white = 1 if dtype == np.float32 else 65535
    vis = (twelve_bits * (white / 65535)).astype(dtype)
    (note,) = fused(ir, vis=vis).notes
    assert note.startswith("vis: the visible picture reaches only")
    brighter = (twelve_bits.clip(0, 4095) * 16 * (white / 65535)).astype(dtype)
    assert fused(ir, vis=brighter).notes == ()


def test_nothing_is_said_of_a_visible_picture_of_a_dark_scene(rng):
    assert fused(scene(rng), vis=scene(rng, high=30)[::-1].copy()).notes == ()


def test_notes_of_readers_name_their_picture(rng):
    ir = Picture(pixels=scene(rng), name="ir.jpg", notes=("is a preview",))
    assert fused(ir).notes == ("ir.jpg: is a preview",)


# Pixels without data


def test_masked_infrared_shows_the_visible_picture(rng):
    ir, vis = scene(rng), scene(rng)[::-1].copy()
    mask = np.zeros(ir.shape, bool)
    mask[40:60, 30:90] = True
    with pytest.warns(ImfuseWarning, match="1,200 of 19,200 pixels have no data"):
        found = imfuse.fuse(np.ma.array(ir, mask=mask), vis, "max")
    assert np.array_equal(found[mask], vis[mask])
    assert np.array_equal(found[~mask], np.maximum(ir, vis)[~mask])
    with pytest.raises(BadValues, match="masked"):
        imfuse.fuse(ir, np.ma.array(vis, mask=mask), "max")


@pytest.mark.parametrize("model", ["max", "laplacian", "laplacian-max", "gff"])
@pytest.mark.parametrize("resized", [False, True])
def test_pixels_without_data_show_the_visible_picture_and_spoil_no_others(rng, model, resized):
    true = scene(rng, (96, 128))
    vis = scene(rng, (192, 256) if resized else (96, 128))[:, ::-1].copy()
    nodata = np.zeros(true.shape, bool)
    nodata[36:50, 56:76] = True
    spoilt = np.where(nodata, 255, true).astype(np.uint8)
    options = {"model": model, "vis": vis, "resize": "ir" if resized else None}
    whole = fused(true, **options).pixels.astype(float)
    found = fused(Picture(pixels=spoilt, nodata=nodata), **options)
    hole = np.kron(nodata, np.ones((2, 2), bool)) if resized else nodata
    assert np.array_equal(found.pixels[hole], vis[hole])
    far = np.ones(hole.shape, bool)
    y, x = np.nonzero(hole)
    reach = 24 * (1 + resized)
    far[y.min() - reach : y.max() + reach, x.min() - reach : x.max() + reach] = False
    difference = np.abs(found.pixels - whole)
    assert difference[far].max() <= 3
    assert difference[~hole].mean() < 1
    assert any("280 of 12,288 pixels have no data" in note for note in found.notes)


def test_transparent_infrared_is_no_data(rng):
    ir, vis = scene(rng), scene(rng)[::-1].copy()
    alpha = np.full(ir.shape, 255, np.uint8)
    alpha[:30] = 0
    found = fused(Picture(pixels=ir, alpha=alpha), model="max", vis=vis)
    assert np.array_equal(found.pixels[:30], vis[:30])
    assert np.array_equal(found.pixels[30:], np.maximum(ir, vis)[30:])


def test_infrared_without_any_data_is_refused():
    ir = Picture(pixels=np.zeros((4, 4), np.uint8), alpha=np.zeros((4, 4), np.uint8))
    with pytest.raises(BadValues, match="no pixel has data"):
        fused(ir)


def test_the_visible_picture_must_have_values_of_a_known_range():
    ok = np.zeros((4, 4), np.uint8)
    with pytest.raises(BadValues, match="int16 values in the visible picture"):
        fused(ok, vis=ok.astype(np.int16))
    nodata = np.eye(4, dtype=bool)
    vis = Picture(pixels=ok.astype(np.float32), nodata=nodata)
    with pytest.raises(BadValues, match="4 pixels of the visible picture have no value"):
        Fuser("max").fuse(ImagePair(ir=Picture(pixels=ok), vis=vis))


def test_physical_values_are_moved_into_place_and_nothing_else(rng):
    counts = rng.integers(2900, 3100, (6, 8)).astype(np.uint16)
    nodata = np.zeros((6, 8), bool)
    nodata[0, 0] = True
    calibration = Calibration(unit="kelvin", slope=0.1, offset=0)
    ir = Picture(pixels=counts, nodata=nodata, calibration=calibration)
    physical = fused(ir, ir_range=(290, 310)).physical
    assert np.isnan(physical[0, 0])
    np.testing.assert_allclose(physical[~nodata], counts[~nodata] * 0.1, rtol=1e-6)
    assert fused(counts, ir_range=(2900, 3100)).physical is None


# Pictures in the wrong places


def test_a_swapped_pair_is_told(rng):
    colour = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    (note,) = fused(colour, vis=scene(rng, (20, 30))).notes
    assert "were the two swapped?" in note
    assert "swapped" not in "".join(fused(colour, vis=colour[::-1].copy()).notes)
    with pytest.warns(ImfuseWarning, match="swapped"):
        imfuse.fuse(colour, scene(rng, (20, 30)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        imfuse.fuse(scene(rng, (20, 30)), colour)


def test_a_swapped_pair_is_told_where_the_visible_picture_is_nearly_gray(rng):
    gray = scene(rng, (60, 80), high=230)
    faint = np.dstack([gray] * 3)
    faint[:10, :10, 0] += 20
    infrared = np.dstack([scene(rng, (60, 80))[::-1]] * 3)
    (note,) = fused(faint, vis=infrared).notes
    assert "faint colours" in note
    assert "were the two swapped?" in note
    assert fused(infrared, vis=faint).notes == ()
    noisy = gray[..., None] + rng.integers(0, 6, (60, 80, 3)).astype(np.uint8)
    assert fused(noisy, vis=infrared).notes == ()


def test_real_pairs_in_order_and_swapped(data):
    told = []
    for name in ("FLIR_00006", "FLIR_00122", "FLIR_00977", "FLIR_01415"):
        ir, vis = (
            imfuse.read_image(data / "roadscene" / side / f"{name}.jpg") for side in ("ir", "vis")
        )
        assert Fuser("max").fuse(ImagePair(ir=ir, vis=vis)).notes == ()
        told += Fuser("max").fuse(ImagePair(ir=vis, vis=ir)).notes
    assert sum("swapped" in note for note in told) == 4


def test_a_thermal_alpha_makes_no_result_see_through(rng):
    ir, vis = scene(rng), rng.integers(0, 256, (120, 160, 3)).astype(np.uint8)
    rgbt = np.dstack([vis, ir])
    with pytest.warns(ImfuseWarning, match="alpha channel looks like a picture"):
        result = imfuse.fuse(ir, rgbt, "max")
    assert np.array_equal(result[..., :3], imfuse.fuse(ir, vis, "max"))
    assert (result[..., 3] == 255).all()


@pytest.mark.parametrize("ir_range", [None, (280, 320), "1%:99%"])
def test_physical_values_are_calibrated_whatever_range_is_shown(rng, ir_range):
    counts = rng.integers(0, 65536, (20, 30)).astype(np.uint16)
    calibration = Calibration(unit="kelvin", slope=0.01, offset=3)
    result = fused(Picture(pixels=counts, calibration=calibration), ir_range=ir_range)
    np.testing.assert_allclose(result.physical, counts * 0.01 + 3, rtol=1e-5)
    if ir_range is None:  # without a range, the type's own is shown, calibrated or not
        np.testing.assert_allclose(result.pixels, fused(counts).pixels, atol=1e-6)
