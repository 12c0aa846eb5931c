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
from imfuse.infrared import pooled_range, sample_infrared
from imfuse.options import AUTO_RANGE, FuseOptions, InfraredRange
from imfuse.types import Calibration, FusionSpec, ImagePair, Picture

IR_ONLY = FunctionEngine(
    FusionSpec(name="ir-only", title="t", kind="classical"), lambda ir, vis: ir.copy()
)


def fused(ir, vis_size=None, vis=None, **options):
    ir = ir if isinstance(ir, Picture) else Picture(pixels=ir, name="ir")
    if vis is None:
        vis = np.zeros(vis_size or ir.size, np.float32)
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


def test_percentiles_of_a_constant_picture_are_refused():
    with pytest.raises(BadValues, match="don't vary"):
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


# Pixels without data


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
