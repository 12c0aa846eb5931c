"""`imfuse.fuse`: the kind that comes in goes out."""

import io
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import imfuse
from imfuse.errors import (
    OutputError,
    PairMismatch,
    UnknownName,
    UnreadableImage,
    UnsupportedImage,
    UsageError,
)

WHITE = {np.uint8: 255, np.uint16: 65535, np.float16: 1, np.float32: 1, np.float64: 1}


def picture(shape, dtype, seed=0):
    values = np.random.default_rng(seed).random(shape) * WHITE[dtype]
    return (
        values.astype(dtype) if np.issubdtype(dtype, np.floating) else np.rint(values).astype(dtype)
    )


def png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from([(), (1,), (3,), (4,)]),
    st.sampled_from(list(WHITE)),
)
def test_arrays_give_arrays_of_the_same_shape_and_dtype(height, width, channels, dtype):
    ir = picture((height, width), np.uint8)
    vis = picture((height, width, *channels), dtype, seed=1)
    fused = imfuse.fuse(ir, vis, "average")
    assert isinstance(fused, np.ndarray)
    assert fused.shape == vis.shape
    assert fused.dtype == vis.dtype
    if channels == (4,):
        np.testing.assert_allclose(
            fused[..., 3], vis[..., 3], rtol=1e-7
        )  # float64 by way of float32


def test_the_average_of_two_gray_arrays_is_the_average():
    ir, vis = picture((5, 6), np.uint8), picture((5, 6), np.uint8, 1)
    exact = (ir.astype(float) + vis) / 2
    assert np.abs(imfuse.fuse(ir, vis, "average") - exact).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("layout", [(7, 9), (1, 7, 9), (3, 7, 9), (2, 1, 7, 9), (2, 3, 7, 9)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8])
def test_tensors_give_tensors(layout, dtype):
    generator = torch.Generator().manual_seed(0)
    vis = torch.rand(layout, generator=generator)
    ir = torch.rand((*layout[:-3], 1, 7, 9) if len(layout) > 2 else layout, generator=generator)
    if dtype == torch.uint8:
        vis, ir = (vis * 255).to(dtype), (ir * 255).to(dtype)
    fused = imfuse.fuse(ir, vis.to(dtype), "max")
    assert isinstance(fused, torch.Tensor)
    assert fused.shape == vis.shape
    assert fused.dtype == dtype
    array_ir = ir.numpy().reshape(-1, 7, 9)[-1]
    array_vis = vis.to(dtype).numpy().reshape(-1, *([3] if 3 in layout else []), 7, 9)[-1]
    if array_vis.ndim == 3:
        array_vis = array_vis.transpose(1, 2, 0)
    expected = imfuse.fuse(array_ir, np.ascontiguousarray(array_vis), "max")
    last = fused.numpy().reshape(-1, *([3] if 3 in layout else []), 7, 9)[-1]
    assert np.array_equal(last.transpose(1, 2, 0) if last.ndim == 3 else last, expected)


def test_batches_must_agree():
    with pytest.raises(PairMismatch, match="same length"):
        imfuse.fuse(torch.zeros(2, 1, 4, 4), torch.zeros(3, 1, 4, 4))
    with pytest.raises(UsageError, match="batch"):
        imfuse.fuse(torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4), out="x.png")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_pil_gives_pil_of_the_same_mode(mode):
    shape = {"L": (6, 8), "I;16": (6, 8), "RGB": (6, 8, 3), "RGBA": (6, 8, 4)}[mode]
    vis = Image.fromarray(picture(shape, np.uint16 if mode == "I;16" else np.uint8))
    ir = Image.fromarray(picture((6, 8), np.uint8, 1))
    fused = imfuse.fuse(ir, vis, "average")
    assert isinstance(fused, Image.Image)
    assert (fused.mode, fused.size) == (mode, (8, 6))


def test_bytes_give_bytes_of_the_same_format():
    ir, vis = picture((6, 8), np.uint8), picture((6, 8, 3), np.uint8, 1)
    fused = imfuse.fuse(png(ir), png(vis), "average")
    assert isinstance(fused, bytes)
    with Image.open(io.BytesIO(fused)) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), imfuse.fuse(ir, vis, "average"))


def test_paths_with_out_give_the_path_and_without_write_nothing(tmp_path):
    ir, vis = picture((6, 8), np.uint8), picture((6, 8, 3), np.uint8, 1)
    for name, array in (("ir", ir), ("vis", vis)):
        (tmp_path / f"{name}.png").write_bytes(png(array))
    paths = tmp_path / "ir.png", str(tmp_path / "vis.png")
    fused = imfuse.fuse(*paths, "average")
    assert isinstance(fused, imfuse.FusedImage)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ir.png", "vis.png"]
    assert np.array_equal(np.asarray(fused), imfuse.fuse(ir, vis, "average"))
    assert imfuse.fuse(*paths, "average", out=tmp_path / "f.tif") == tmp_path / "f.tif"
    assert np.array_equal(imfuse.read_image(tmp_path / "f.tif").pixels, fused.pixels)


def test_kinds_can_be_mixed_and_the_visible_decides():
    ir, vis = picture((6, 8), np.uint8), picture((6, 8, 3), np.uint8, 1)
    expected = imfuse.fuse(ir, vis)
    assert np.array_equal(imfuse.fuse(png(ir), vis), expected)
    assert np.array_equal(
        np.asarray(imfuse.fuse(torch.from_numpy(ir), Image.fromarray(vis))), expected
    )
    assert np.array_equal(imfuse.fuse(imfuse.Picture(pixels=ir), vis), expected)


def test_notes_become_warnings_that_point_at_the_caller():
    ir = picture((6, 8, 3), np.uint8)
    with pytest.warns(imfuse.ImfuseWarning, match="false colour") as caught:
        imfuse.fuse(ir, np.zeros((6, 8), np.uint8))
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("ir", "error", "words"),
    [
        (np.zeros((4, 4), np.int64), UnsupportedImage, "int64.*uint8, uint16, or floats"),
        (np.zeros((4, 4), np.int32), imfuse.BadValues, "int32.*expected a range"),
        (np.zeros((4, 4), bool), UnsupportedImage, "bool"),
        (np.zeros((4, 4, 2), np.uint8), UnsupportedImage, r"\(4, 4, 2\)"),
        (np.zeros((0, 4), np.uint8), UnsupportedImage, r"\(0, 4\)"),
        (np.zeros(4, np.uint8), UnsupportedImage, r"\(4,\)"),
        (np.full((4, 4), np.nan, np.float32), imfuse.BadValues, "no pixel has a value"),
        (np.full((4, 4), np.inf), imfuse.BadValues, "no pixel has a value"),
        (np.full((4, 4), 255.0), imfuse.ImfuseError, "expected values in 0..1"),
        (b"no picture", UnreadableImage, "infrared bytes"),
        ("missing.png", UnreadableImage, "missing.png"),
        (3, UsageError, "infrared is a int"),
        (np.zeros((5, 4), np.uint8), PairMismatch, "4x5.*4x4"),
    ],
)
def test_refusals_are_named(ir, error, words):
    with pytest.raises(error, match=words):
        imfuse.fuse(ir, np.zeros((4, 4), np.uint8))


def test_unknown_methods_name_the_closest():
    with pytest.raises(UnknownName, match="Did you mean average"):
        imfuse.fuse(np.zeros((4, 4)), np.ones((4, 4)), "avarage")


@pytest.mark.parametrize(
    "error", [OutputError("x", file="f", expected="e", remedy="r"), UnknownName("m", "a", ["b"])]
)
def test_errors_survive_pickling(error):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.as_dict() == error.as_dict()


@pytest.mark.parametrize("which", ["ir", "vis"])
def test_no_picture_that_came_from_a_file_is_replaced(tmp_path, which):
    """The check once ran only where both inputs were paths."""
    for name in ("ir", "vis"):
        (tmp_path / f"{name}.png").write_bytes(png(picture((6, 8), np.uint8)))
    files = {name: tmp_path / f"{name}.png" for name in ("ir", "vis")}
    before = files[which].read_bytes()
    link = tmp_path / "link.png"
    link.symlink_to(files[which])
    array = picture((6, 8), np.uint8, seed=1)
    kinds = [files[which], imfuse.read_image(files[which]), Image.open(files[which])]
    for kind in kinds:
        pair = {"ir": array, "vis": array} | {which: kind}
        for out in (files[which], link):
            with pytest.raises(imfuse.OutputError, match="one of the inputs"):
                imfuse.fuse(pair["ir"], pair["vis"], "average", out=out)
    assert files[which].read_bytes() == before
    imfuse.fuse(*pair.values(), "average", out=tmp_path / "fused.png")
    assert (tmp_path / "fused.png").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"ir_range": 18},
        {"ir_range": (1,)},
        {"ir_range": (18, "a")},
        {"ir_range": (1, 2, 3)},
        {"max_memory": "1GB"},
        {"max_pixels": 1.5},
        {"threads": "2"},
        {"quality": "high"},
        {"prefer_ir": "0.5"},
        {"prefer_ir": float("nan")},
    ],
)
def test_options_of_wrong_types_are_named(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        imfuse.fuse(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), **options)


@pytest.mark.parametrize("option", ["resume", "workers", "suffix", "pairs", "pair_regex"])
def test_options_of_folders_name_the_function_that_takes_them(option):
    with pytest.raises(UsageError, match=f"{option}.*imfuse.fuse_folders"):
        imfuse.fuse("ir/", "vis/", out="o", **{option: 1})
