"""The pipeline with small engines of known behaviour, so that every value can be foretold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imfuse.engines.base import FunctionEngine
from imfuse.errors import BadValues, PairMismatch, UnknownName, UsageError
from imfuse.fuser import Fuser
from imfuse.ops.color import luma
from imfuse.types import SCALES, FusionSpec, ImagePair, Metadata, Picture, SizeRule, TileRule

WHITE = {np.dtype(k): v for k, v in SCALES.items()}
DTYPES = [np.uint8, np.uint16, np.float32]


def engine(function, **spec):
    return FunctionEngine(FusionSpec(name="test", title="test", kind="classical", **spec), function)


def ir_only(ir, vis):
    return ir


def vis_only(ir, vis):
    return vis


def random_pixels(rng, shape, dtype):
    values = rng.random(shape)
    if dtype == np.float32:
        return values.astype(np.float32)
    return np.rint(values * WHITE[np.dtype(dtype)]).astype(dtype)


def pair(ir, vis, **vis_options):
    return ImagePair(
        ir=Picture(pixels=ir, name="ir"), vis=Picture(pixels=vis, name="vis", **vis_options)
    )


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(DTYPES),
    st.sampled_from(DTYPES),
    st.booleans(),
    st.sampled_from([SizeRule(), SizeRule(minimum=16, multiple=8), SizeRule(multiple=7)]),
)
def test_taking_the_visible_returns_it_exactly(height, width, ir_type, vis_type, colour, size):
    rng = np.random.default_rng(height * 41 + width)
    vis = random_pixels(rng, (height, width, 3) if colour else (height, width), vis_type)
    ir = random_pixels(rng, (height, width), ir_type)
    fused = Fuser(engine(vis_only, size=size, tile=TileRule(halo=0))).fuse(pair(ir, vis))
    assert fused.pixels.dtype == vis_type
    assert np.array_equal(fused.pixels, vis)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(DTYPES), st.sampled_from(DTYPES))
def test_taking_the_infrared_converts_its_depth(height, width, ir_type, vis_type):
    rng = np.random.default_rng(height * 41 + width)
    ir = random_pixels(rng, (height, width), ir_type)
    vis = random_pixels(rng, (height, width), vis_type)
    fused = Fuser(engine(ir_only, tile=TileRule(halo=0))).fuse(pair(ir, vis)).pixels
    expected = ir / WHITE[np.dtype(ir_type)] * WHITE[np.dtype(vis_type)]
    step = 0.0 if vis_type == np.float32 else 0.5
    assert np.abs(fused - expected).max() <= step + 1e-3 * max(step, 1e-3)


def test_engine_sees_the_sizes_it_asked_for():
    seen = []

    def spy(ir, vis):
        seen.append((ir.shape, vis.shape))
        return vis

    spec = {"size": SizeRule(minimum=32, multiple=8), "visible": "rgb", "output": "rgb"}
    vis = np.zeros((33, 5), np.uint8)
    fused = Fuser(engine(spy, **spec)).fuse(pair(vis, vis))
    assert seen == [((40, 32), (40, 32, 3))]
    assert fused.pixels.shape == (33, 5, 3)


def test_values_are_clamped_never_stretched():
    ir = np.full((4, 4), 100, np.uint8)
    for value, expected in ((-3.0, 0), (0.25, 64), (7.0, 255)):

        def constant(ir, vis, value=value):
            return np.full_like(ir, value)

        fused = Fuser(engine(constant)).fuse(pair(ir, ir)).pixels
        assert (fused == expected).all()


def test_rounding_is_half_to_even():
    values = np.array([[0.5, 1.5, 2.5, 3.5]], np.float32) / 255

    def constant(ir, vis):
        return values

    flat = np.zeros((1, 4), np.uint8)
    assert Fuser(engine(constant)).fuse(pair(flat, flat)).pixels.tolist() == [[0, 2, 2, 4]]


def test_colour_keeps_the_visible_chroma(rng):
    vis = (0.3 + 0.4 * rng.random((9, 11, 3))).astype(np.float32)
    ir = (0.45 + 0.1 * rng.random((9, 11))).astype(np.float32)
    fused = Fuser(engine(lambda ir, vis: (ir + vis) / 2)).fuse(pair(ir, vis)).pixels
    np.testing.assert_allclose(luma(fused), (ir + luma(vis)) / 2, atol=1e-6)
    np.testing.assert_allclose(fused[..., 0] - luma(fused), vis[..., 0] - luma(vis), atol=1e-6)
    np.testing.assert_allclose(fused[..., 2] - luma(fused), vis[..., 2] - luma(vis), atol=1e-6)


def test_alpha_and_metadata_come_from_the_visible(rng):
    vis = random_pixels(rng, (3, 4, 3), np.uint8)
    alpha = random_pixels(rng, (3, 4), np.uint8)
    kept = Metadata(exif=b"e", icc=b"i", dpi=(72.0, 72.0))
    fused = Fuser("average").fuse(pair(vis[..., 0], vis, alpha=alpha, metadata=kept, format="PNG"))
    assert fused.alpha is alpha
    assert fused.metadata == kept
    assert (fused.format, fused.model, fused.name) == ("PNG", "average", "vis")


def test_a_gray_profile_does_not_go_onto_a_colour_result():
    def colours(ir, vis):
        return np.dstack([vis, ir, vis])

    vis = np.zeros((2, 2), np.uint8)
    kept = Metadata(exif=b"e", icc=b"gray profile")
    fused = Fuser(engine(colours, output="rgb")).fuse(pair(vis, vis, metadata=kept))
    assert fused.metadata == Metadata(exif=b"e")


def test_infrared_in_three_equal_channels_is_gray(rng):
    ir = random_pixels(rng, (6, 8), np.uint8)
    vis = random_pixels(rng, (6, 8), np.uint8)
    fused = Fuser(engine(ir_only)).fuse(pair(np.dstack([ir] * 3), vis))
    assert np.array_equal(fused.pixels, ir)
    assert fused.notes == ()


def test_infrared_in_false_colour_is_fused_by_luma_with_a_note(rng):
    ir = random_pixels(rng, (6, 8, 3), np.uint8)
    vis = np.zeros((6, 8), np.uint8)
    fused = Fuser(engine(ir_only)).fuse(pair(ir, vis))
    expected = np.rint(luma(ir.astype(np.float32)))
    assert np.abs(fused.pixels - expected).max() <= 1
    assert len(fused.notes) == 1
    assert "false colour" in fused.notes[0]


def test_coding_noise_in_gray_infrared_is_not_false_colour(rng):
    gray = rng.integers(20, 200, (64, 64, 1))
    noisy = (gray + rng.integers(-4, 5, (64, 64, 3))).astype(np.uint8)
    assert Fuser(engine(ir_only)).fuse(pair(noisy, gray[..., 0].astype(np.uint8))).notes == ()


@pytest.mark.parametrize("bounds", [(1000.0, 3000.0), (3000.0, 1000.0)])
def test_infrared_range_maps_its_ends_to_black_and_white(bounds):
    ir = np.array([[0, 1000, 1500, 3000, 60000]], np.uint16)
    vis = np.zeros((1, 5), np.float32)
    fused = Fuser(engine(ir_only), ir_range=bounds).fuse(pair(ir, vis)).pixels
    low, high = bounds
    np.testing.assert_allclose(fused, np.clip((ir - low) / (high - low), 0, 1), atol=1e-6)


def test_degrees_need_a_range_and_the_message_gives_one():
    ir = np.array([[12.5, 41.25]], np.float32)
    vis = np.zeros((1, 2), np.uint8)
    with pytest.raises(BadValues, match=r"12\.5 to 41\.25.*--ir-range 12\.5:41\.25"):
        Fuser("average").fuse(pair(ir, vis))
    assert Fuser("average", ir_range=(12.5, 41.25)).fuse(pair(ir, vis)).pixels.tolist() == [
        [0, 128]
    ]


def test_narrow_16_bit_infrared_is_pointed_out():
    ir = np.array([[7000, 8000]], np.uint16)
    notes = Fuser("average").fuse(pair(ir, np.zeros((1, 2), np.uint16))).notes
    assert "--ir-range 7000:8000" in notes[0]


def test_visible_floats_outside_0_to_1_are_refused():
    vis = np.array([[0.0, 255.0]], np.float32)
    with pytest.raises(BadValues, match="vis: float values from 0 to 255; expected values in 0..1"):
        Fuser("average").fuse(pair(np.zeros((1, 2), np.uint8), vis))


def test_the_same_picture_twice_is_pointed_out(rng):
    vis = random_pixels(rng, (4, 4), np.uint8)
    assert "same picture" in Fuser("average").fuse(pair(vis, vis.copy())).notes[0]


def test_different_sizes_are_refused_with_both_sizes_and_the_remedy():
    with pytest.raises(PairMismatch, match="infrared is 6x4, visible .* is 8x5.*--resize ir"):
        Fuser("average").fuse(pair(np.zeros((4, 6), np.uint8), np.zeros((5, 8), np.uint8)))


@pytest.mark.parametrize(("which", "size"), [("ir", (5, 8)), ("vis", (4, 6))])
def test_resize_brings_one_to_the_other(which, size):
    alpha = np.full((5, 8), 9, np.uint8)
    two = pair(np.full((4, 6), 50, np.uint8), np.full((5, 8, 3), 100, np.uint8), alpha=alpha)
    fused = Fuser("average", resize=which).fuse(two)
    assert fused.size == size
    assert fused.alpha.shape == size
    assert (fused.pixels == 75).all()
    assert "resized" in fused.notes[0]


def test_nan_from_a_method_never_reaches_a_file():
    def broken(ir, vis):
        return np.where(ir > 0.5, np.nan, vis).astype(np.float32)

    with pytest.raises(BadValues, match="test gave NaN"):
        Fuser(engine(broken)).fuse(pair(np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8)))


def test_arguments_that_make_no_sense():
    with pytest.raises(UnknownName, match="unknown method 'laplacien'. Did you mean laplacian"):
        Fuser("laplacien")
    for bad in (
        {"prefer_ir": 1.5},
        {"prefer_ir": float("nan")},
        {"resize": "both"},
        {"ir_range": (3, 3)},
        {"ir_range": (0, float("nan"))},
    ):
        with pytest.raises(UsageError):
            Fuser("average", **bad)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("output", ["luma", "rgb"])
def test_preference_leads_from_one_picture_by_way_of_the_method_to_the_other(rng, colour, output):
    ir = rng.random((6, 7)).astype(np.float32)
    vis = (0.4 + 0.2 * rng.random((6, 7, 3) if colour else (6, 7))).astype(np.float32)

    def flat(ir, vis):
        return np.full_like(ir if output == "luma" else np.dstack([ir] * 3), 0.5)

    two = pair(ir, vis)
    results = {
        share: luma(np.dstack([p] * 3) if p.ndim == 2 else p)
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
        for p in [Fuser(engine(flat, output=output), prefer_ir=share).fuse(two).pixels]
    }
    vis_luma = luma(vis) if colour else vis
    np.testing.assert_allclose(results[0.0], vis_luma, atol=1e-6)
    np.testing.assert_allclose(results[0.5], 0.5, atol=1e-6)
    np.testing.assert_allclose(results[0.25], (vis_luma + 0.5) / 2, atol=1e-6)
    if output == "rgb" or not colour:  # else clamping of a colour may take some luma
        np.testing.assert_allclose(results[0.75], (ir + 0.5) / 2, atol=1e-6)
        np.testing.assert_allclose(results[1.0], ir, atol=1e-6)


def test_inputs_are_left_alone(rng):
    ir, vis = random_pixels(rng, (30, 20), np.uint8), random_pixels(rng, (30, 20, 3), np.float32)
    before = ir.copy(), vis.copy()
    ir.flags.writeable = vis.flags.writeable = False
    Fuser("laplacian").fuse(pair(ir, vis))
    assert np.array_equal(ir, before[0])
    assert np.array_equal(vis, before[1])
