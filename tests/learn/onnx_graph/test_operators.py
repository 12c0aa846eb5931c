"""Every operator gives what ONNX Runtime gives, over attributes and operator sets."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from imfuse.engines.onnx_file import OnnxFile  # noqa: E402 - after the skips
from imfuse.learn.onnx_graph.reading import read_graph  # noqa: E402 - needs torch
from imfuse.learn.onnx_graph.table import OPERATORS  # noqa: E402 - needs torch
from learn.onnx_graph.graphs import floats, ints, write_graph  # noqa: E402 - needs onnx

TWO = "float[1,3,8,9] x, float[1,3,8,9] z"


def weights(*shape, **others):
    return {"w": floats(*shape), **others}


def shaped(name, *values):
    return {name: ints(*values)}


ELEMENTWISE = [
    *[(f"y = {name}(x)", {}) for name in (
        "Abs", "Ceil", "Cos", "Elu", "Erf", "Exp", "Floor", "HardSigmoid", "Identity", "LeakyRelu",
        "Neg", "Relu", "Reciprocal", "Round", "Sigmoid", "Sign", "Sin", "Softplus", "Tanh",
        "Dropout",
    )],
    *[(f"a = Abs(x) y = {name}(a)", {}) for name in ("Log", "Sqrt")],
    *[(f"y = {name}(x)", {"opset": 20}) for name in ("Gelu", "HardSwish", "Mish")],
    ('y = Gelu<approximate="tanh">(x)', {"opset": 20}),
    ("y = Elu<alpha=0.3>(x)", {}),
    ("y = LeakyRelu<alpha=0.3>(x)", {"opset": 16}),
    ("y = HardSigmoid<alpha=0.3, beta=0.4>(x)", {}),
    *[(f"y = {name}(x, z)", {"inputs": TWO, "opset": opset})
      for name in ("Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Mean") for opset in (9, 13)],
    *[(f"y = {name}(x, w)", weights(3, 1, 1)) for name in ("Add", "Sub", "Mul", "Div", "PRelu")],
    *[(f"y = {name}(x, z, w)", {"inputs": TWO} | weights(9)) for name in ("Min", "Max", "Mean")],
    *[(f"c = {name}(x, z) y = Where(c, x, z)", {"inputs": TWO, "opset": opset})
      for name, opset in (("Less", 9), ("Greater", 13), ("LessOrEqual", 16),
                          ("GreaterOrEqual", 12))],
    *[(f"a = Less(x, z) b = Greater(x, w) y = {name}(a, b)", {"inputs": TWO} | weights(1))
      for name in ("And", "Or", "Xor")],
    ("a = Less(x, z) y = Not(a)", {"inputs": TWO}),
    ("a = Round(x) b = Round(z) y = Equal(a, b)", {"inputs": TWO}),
    ("y = Pow(x, w)", {"w": np.float32(3)}),
    ("a = Abs(x) y = Pow(a, z)", {"inputs": TWO}),
    ("y = Pow(x, w)", {"w": np.int64(2)}),
    ("y = Mod<fmod=1>(x, w)", weights(9)),
    ("i = Cast<to=7>(x) j = Add(i, m) y = Mod(j, w)", {"w": ints(3), "m": ints(-2)}),
    ("s = Mul(x, w) i = Cast<to=7>(s) y = Div(i, m)", {"w": np.float32(9), "m": ints(2)}),
    *[(f"y = Cast<to={kind}>(x)", {}) for kind in (1, 3, 6, 7, 9, 10, 11)],
    ("i = Cast<to=11>(x) y = CastLike(i, x)", {"opset": 15}),
    ("y = Clip<min=-0.5, max=0.7>(x)", {"opset": 9}),
    ("y = Clip<min=0.1>(x)", {"opset": 10}),
    ("y = Clip(x)", {}),
    ("y = Clip(x, low)", {"low": np.float32(-0.2), "opset": 11}),
    ("y = Clip(x, , high)", {"high": np.float32(0.2)}),
    ("y = MatMul(x, w)", weights(9, 4)),
    ("y = MatMul(x, w)", weights(3, 9, 2)),
    ("y = Gemm(x, w, b)", weights(9, 4, b=floats(4)) | {"inputs": "float[5,9] x"}),
    ("y = Gemm<alpha=0.5, beta=2.0, transA=1, transB=1>(x, w, b)",
     weights(4, 5, b=floats(9, 1)) | {"inputs": "float[5,9] x"}),
    ("y = Gemm(x, w)", weights(9, 4) | {"inputs": "float[5,9] x", "opset": 11}),
    ('y = Einsum<equation="bchw,wk->bkhc">(x, w)', weights(9, 4)),
]  # fmt: skip

CONV = weights(4, 3, 3, 3, b=floats(4))
UP = weights(3, 4, 3, 3, b=floats(4))
WINDOWS = [
    *[(f"y = Conv<{options}>(x, w, b)", CONV) for options in (
        "pads=[1,1,1,1]",
        "strides=[2,2], pads=[0,1,2,1]",
        "dilations=[2,2], pads=[2,2,2,2]",
        'auto_pad="SAME_UPPER", strides=[2,2]',
        'auto_pad="SAME_LOWER", strides=[2,2]',
        'auto_pad="VALID"',
    )],
    ("y = Conv<group=3, kernel_shape=[3,3]>(x, w)", weights(6, 1, 3, 3)),
    ("y = Conv<pads=[1,2]>(x, w)", weights(4, 3, 4) | {"inputs": "float[1,3,9] x"}),
    ("y = Conv(x, w)", weights(2, 1, 2, 3, 2) | {"inputs": "float[1,1,4,5,6] x"}),
    *[(f"y = ConvTranspose<{options}>(x, w, b)", UP) for options in (
        "strides=[2,2]",
        "strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]",
        "strides=[2,3], pads=[0,1,1,0]",
        "strides=[2,2], pads=[0,0,1,1], output_padding=[1,0]",
        "dilations=[2,2], pads=[1,1,1,1]",
        'strides=[2,2], auto_pad="SAME_UPPER"',
        'strides=[2,2], auto_pad="SAME_LOWER"',
        "strides=[2,2], output_shape=[16,18]",
        'strides=[2,2], output_shape=[16,18], auto_pad="SAME_UPPER"',
    )],
    ("y = ConvTranspose<group=3>(x, w)", weights(3, 2, 3, 3)),
    ("y = ConvTranspose<strides=[2]>(x, w)", weights(3, 4, 3) | {"inputs": "float[1,3,9] x"}),
    *[(f"y = {name}<kernel_shape=[3,3], {options}>(x)", {"opset": opset})
      for name in ("MaxPool", "AveragePool") for opset in (11, 19, 22) for options in (
        "strides=[2,2]",
        "strides=[2,2], pads=[1,1,1,1]",
        "strides=[2,3], pads=[0,1,2,1]",
        "strides=[2,2], pads=[1,1,1,1], ceil_mode=1",
        "strides=[2,2], ceil_mode=1",
        "strides=[3,3], pads=[2,2,2,2], ceil_mode=1",
        'strides=[2,2], auto_pad="SAME_UPPER"',
        'strides=[2,2], auto_pad="SAME_LOWER"',
    )],
    ("y = MaxPool<kernel_shape=[3,2], dilations=[2,3], pads=[1,1,1,1]>(x)", {}),
    ("y = MaxPool<kernel_shape=[3], strides=[2]>(x)", {"inputs": "float[1,3,9] x"}),
    *[(f"y = AveragePool<kernel_shape=[3,3], count_include_pad=1, {options}>(x)", {"opset": 19})
      for options in ("pads=[1,1,1,1]", "pads=[0,1,2,1], strides=[2,2]",
                      "pads=[1,1,1,1], strides=[2,2], ceil_mode=1")],
    ("y = GlobalAveragePool(x)", {}),
    ("y = GlobalMaxPool(x)", {}),
]  # fmt: skip

REDUCTIONS = [
    ("y = BatchNormalization<epsilon=0.01>(x, w, b, m, v)",
     weights(3, b=floats(3), m=floats(3, seed=2), v=np.abs(floats(3, seed=1)))),
    ("y = BatchNormalization(x, w, b, m, v)",
     weights(3, b=floats(3), m=floats(3, seed=2), v=np.abs(floats(3, seed=1))) | {"opset": 9}),
    ("y = InstanceNormalization<epsilon=0.01>(x, w, b)", weights(3, b=floats(3, seed=1))),
    ("y = LayerNormalization(x, w, b)", weights(9, b=floats(9, seed=1)) | {"opset": 17}),
    ("y = LayerNormalization<axis=2, epsilon=0.1>(x, w)", weights(8, 9) | {"opset": 17}),
    ("y = LayerNormalization<axis=-2>(x, w)", weights(9) | {"opset": 17}),
    ("y = GroupNormalization<num_groups=2>(x, w, b)",
     weights(4, b=floats(4, seed=1)) | {"opset": 21, "inputs": "float[1,4,5,6] x"}),
    ("y = GroupNormalization<num_groups=2>(x, w, b)",
     weights(2, b=floats(2, seed=1)) | {"opset": 18, "inputs": "float[1,4,5,6] x"}),
    *[(f"y = {name}{axis}(x)", {"opset": opset}) for name in ("Softmax", "LogSoftmax")
      for axis in ("", "<axis=1>", "<axis=-1>", "<axis=2>") for opset in (11, 13)],
    *[(f"y = {name}<axes=[1,-1], keepdims={keep}>(x)", {"opset": 12}) for keep in (0, 1)
      for name in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd",
                   "ReduceSum", "ReduceSumSquare")],
    *[(f"y = {name}(x, a)", {"opset": 18} | shaped("a", 1, -1))
      for name in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd",
                   "ReduceSum", "ReduceSumSquare")],
    ("y = ReduceSum<keepdims=0>(x)", {}),
    ("y = ReduceSum<noop_with_empty_axes=1>(x)", {}),
    ("y = ReduceMean(x)", {"opset": 18}),
    *[(f"y = {name}<axis={axis}, keepdims={keep}>(x)", {}) for name in ("ArgMax", "ArgMin")
      for axis, keep in ((1, 1), (-1, 0))],
    ("v, i = TopK<axis=2>(x, k) f = Cast<to=1>(i) y = Add(v, f)", shaped("k", 3)),
    ("y, i = TopK<axis=-1, largest=0>(x, k)", shaped("k", 4) | {"opset": 11}),
    ("v, y = TopK<k=2>(x)", {"opset": 9}),
]  # fmt: skip

SCALES = {"s": np.float32([1, 1, 2, 3]), "roi": np.float32([])}
RESIZES = [
    *[(f'y = Upsample<mode="{mode}">(x, s)', {"opset": 9, "s": np.float32([1, 1, 2, 1.5])})
      for mode in ("nearest", "linear")],
    *[(f'y = Resize<mode="{mode}">(x, s)', {"opset": 10, "s": np.float32(scales)})
      for mode in ("nearest", "linear") for scales in ([1, 1, 2, 1.5], [1, 1, 0.5, 0.7])],
    *[(f'y = Resize<mode="nearest", coordinate_transformation_mode="{how}", '
       f'nearest_mode="{rounding}">(x, roi, s)', SCALES | {"s": np.float32([1, 1, *scales])})
      for how in ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel",
                  "tf_half_pixel_for_nn")
      for rounding in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
      for scales in ((2, 3), (0.5, 1.7))],
    *[(f'y = Resize<mode="linear", coordinate_transformation_mode="{how}">(x, , s)',
       {"s": np.float32([1, 1, *scales]), "opset": 13})
      for how in ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel",
                  "tf_half_pixel_for_nn")
      for scales in ((2, 3), (0.5, 1.7), (1.25, 2), (0.125, 1))],
    *[(f'y = Resize<mode="{mode}", coordinate_transformation_mode="half_pixel_symmetric">(x, , s)',
       {"s": np.float32([1, 1, 1.7, 0.7]), "opset": 19}) for mode in ("nearest", "linear")],
    *[(f'y = Resize<mode="{mode}">(x, , , n)', shaped("n", 1, 3, *size) | {"opset": opset})
      for mode in ("nearest", "linear") for size in ((16, 18), (5, 20)) for opset in (13, 18)],
    ('y = Resize<mode="linear", axes=[2,3]>(x, , , n)', shaped("n", 12, 5) | {"opset": 18}),
    ('y = Resize<mode="linear">(x, , s)', {"s": np.float32([1, 1, 2]), "inputs": "float[1,3,9] x"}),
    ("y = Resize(x, , s)", {"s": np.float32([1, 1, 1, 1])}),
    *[(f'y = GridSample<mode="{mode}", padding_mode="{pad}", align_corners={corners}>(x, g)',
       {"opset": opset, "g": floats(1, 5, 6, 2)})
      for mode, opset in (("bilinear", 16), ("nearest", 16), ("linear", 20))
      for pad in ("zeros", "border", "reflection") for corners in (0, 1)],
]  # fmt: skip

SHAPES = [
    ("y = Reshape(x, n)", shaped("n", 0, -1, 3)),
    ("y = Reshape(x, n)", shaped("n", 1, 27, 8) | {"opset": 9}),
    ("y = Reshape<allowzero=1>(x, n)", shaped("n", -1) | {"opset": 14}),
    ("y = Transpose(x)", {}),
    ("y = Transpose<perm=[0,2,3,1]>(x)", {}),
    *[(f"y = Flatten<axis={axis}>(x)", {}) for axis in (0, 1, 2, 4, -1)],
    ("y = Squeeze(x)", {"inputs": "float[1,3,1,9] x"}),
    ("y = Squeeze<axes=[0,-2]>(x)", {"inputs": "float[1,3,1,9] x", "opset": 11}),
    ("y = Squeeze(x, a)", {"inputs": "float[1,3,1,9] x"} | shaped("a", 2)),
    ("y = Unsqueeze<axes=[4,0]>(x)", {"opset": 11}),
    ("y = Unsqueeze(x, a)", shaped("a", -1, 1)),
    ("y = Expand(x, n)", shaped("n", 2, 1, 8, 1)),
    ("y = Expand(x, n)", shaped("n", 4, 3, 5, 9) | {"inputs": "float[3,1,9] x"}),
    ("y = Tile(x, n)", shaped("n", 1, 2, 1, 3)),
    ("y = Concat<axis=1>(x, z, x)", {"inputs": TWO}),
    ("y = Concat<axis=-1>(x, w)", weights(1, 3, 8, 2)),
    ("a, y = Split<axis=3, split=[4,5]>(x)", {"opset": 11}),
    ("a, b = Split<axis=2>(x) y = Concat<axis=3>(b, a)", {"opset": 11}),
    ("a, y = Split<axis=-1>(x, n)", shaped("n", 2, 7)),
    ("y, a = Split<axis=3, num_outputs=2>(x)", {"opset": 18}),
    ("y = Slice<starts=[1,-3], ends=[2,100], axes=[1,3]>(x)", {"opset": 9}),
    ("y = Slice<starts=[0,1], ends=[1,-1]>(x)", {"opset": 9}),
    ("y = Slice(x, s, e)", shaped("s", 0, 1) | shaped("e", 1, 2) | {"opset": 10}),
    ("y = Slice(x, s, e, a, t)", shaped("s", 1, 0) | shaped("e", 8, 9) | shaped("a", 2, -1)
     | shaped("t", 2, 3)),
    ("y = Slice(x, s, e, a, t)", shaped("s", -1, 6) | shaped("e", -100, 1) | shaped("a", 3, 2)
     | shaped("t", -1, -2)),
    ("y = Slice(x, s, e, a, t)", shaped("s", 2**31) | shaped("e", -(2**63)) | shaped("a", 3)
     | shaped("t", -4)),
    ("a = Slice(x, s, e, c, t) y = Concat<axis=3>(a, x)", shaped("s", 2) | shaped("e", 5)
     | shaped("c", 3) | shaped("t", -1)),
    *[(f'y = Pad<mode="{mode}", pads=[0,0,1,2,0,0,3,2]>(x)', {"opset": 9})
      for mode in ("constant", "reflect", "edge")],
    ("y = Pad<value=0.5, pads=[0,1,1,2,0,0,3,2]>(x)", {"opset": 10}),
    *[(f'y = Pad<mode="{mode}">(x, n)', shaped("n", 0, 0, 1, 2, 0, 0, 3, 2) | {"opset": opset})
      for mode in ("constant", "reflect", "edge") for opset in (11, 18)],
    *[(f'y = Pad<mode="{mode}">(x, n)', shaped("n", 0, 2, 1, 0, 0, 1, 3, 2))
      for mode in ("reflect", "edge")],
    ('y = Pad<mode="reflect">(x, n)', shaped("n", 2, 3) | {"inputs": "float[9] x"}),
    ("y = Pad(x, n, v)", shaped("n", 0, 0, -1, 2, 0, 0, 0, -2) | {"v": np.float32(0.3)}),
    ("y = Pad(x, n, , a)", shaped("n", 1, 2, 3, 0) | shaped("a", -1, 2) | {"opset": 18}),
    ('y = Pad<mode="wrap">(x, n)', shaped("n", 0, 0, 1, 2, 0, 0, 3, 2) | {"opset": 19}),
    *[(f"y = Gather<axis={axis}>(x, i)", {"i": np.int64(i)})
      for axis, i in ((1, 2), (-1, [0, -1, 3]), (2, [[1, 2], [-3, 0]]), (0, [0]))],
    ("y = GatherElements<axis=-1>(x, i)", {"i": np.int64([[[[0, -1]] * 8] * 3])}),
    ("y = Shape(x)", {}),
    ("y = Shape<start=1, end=-1>(x)", {"opset": 15}),
    ("s = Shape(x) y = ConstantOfShape<value=float[1] {2.5}>(s)", {"opset": 9}),
    ("s = Shape(x) c = ConstantOfShape(s) y = Add(c, x)", {}),
    ("n = Size(x) f = Cast<to=1>(n) y = Mul(x, f)", {}),
    ("c = Constant<value=float[2,1] {1.5, 2.0}>() y = Mul(x, c)",
     {"opset": 9, "inputs": "float[1,2,9] x"}),
    ("c = Constant<value_float=1.5>() d = Constant<value_floats=[1.0,2.0,3.0]>() e = Mul(c, d) "
     "y = Mul(x, e)", {"inputs": "float[2,3] x"}),
    ("c = Constant<value_ints=[3,-1]>() d = Constant<value_int=1>() e = Mul(c, d) "
     "y = Reshape(x, e)", {}),
    ("s = Shape(x) h = Gather(s, i) r = Range(z, h, o) f = Cast<to=1>(r) y = Add(x, f)",
     {"i": np.int64(3), "z": np.int64(0), "o": np.int64(1)}),
    ("r = Range(z, h, o) y = Add(x, r)",
     {"z": np.float32(0.5), "h": np.float32(5), "o": np.float32(0.5)}),
    *[(f'y = DepthToSpace<blocksize=2, mode="{mode}">(x)', {"inputs": "float[1,8,3,4] x"})
      for mode in ("DCR", "CRD")],
    ("y = SpaceToDepth<blocksize=2>(x)", {"inputs": "float[1,3,6,4] x"}),
]  # fmt: skip

CASES = ELEMENTWISE + WINDOWS + REDUCTIONS + RESIZES + SHAPES


@pytest.mark.parametrize(("body", "options"), CASES)
def test_operator_equals_onnx_runtime(body, options, tmp_path):
    path = write_graph(tmp_path / "one.onnx", body, **options)
    file = OnnxFile(path, threads=1, optimise=False)
    pictures = [floats(*port.shape, seed=i) for i, port in enumerate(file.inputs)]
    expected = file.run(None, dict(zip([one.name for one in file.inputs], pictures, strict=True)))
    found = read_graph(path)(*map(torch.from_numpy, pictures))[0].numpy()
    assert found.dtype == expected[0].dtype
    np.testing.assert_allclose(found, expected[0], rtol=1e-5, atol=1e-5)


def test_every_operator_is_compared():
    compared = {name for body, _ in CASES for name in re.findall(r"= (\w+)", body)}
    assert compared == set(OPERATORS)
