"""Operators that resample pictures."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from imfuse.learn.onnx_graph.node import Node, Numbers, Operator

_COORDINATES = (
    "asymmetric",
    "align_corners",
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "tf_half_pixel_for_nn",
)
_PLANE = (2, 3)
"""Axes of height and width in a batch of pictures."""


def _upsample(node: Node, x: Tensor, given: Numbers | None = None) -> Tensor:
    scales = given or node.listed("scales") or []
    sizes = [_scaled(length, scale) for length, scale in zip(x.shape, scales, strict=True)]
    return _resample(node, x, dict(enumerate(zip(sizes, scales, strict=True))))


def _resize(
    node: Node,
    x: Tensor,
    roi_or_scales: Numbers | None = None,
    scales: Numbers | None = None,
    sizes: Numbers | None = None,
) -> Tensor:
    if node.opset < 11:
        return _upsample(node, x, roi_or_scales)
    axes = [axis % x.ndim for axis in node.listed("axes") or range(x.ndim)]
    if sizes:
        scales = [size / x.shape[axis] for size, axis in zip(sizes, axes, strict=True)]
    else:
        sizes = [_scaled(x.shape[a], scale) for a, scale in zip(axes, scales or [], strict=True)]
    pairs = zip(sizes, scales or [], strict=True)
    return _resample(node, x, dict(zip(axes, pairs, strict=True)))


def _scaled(length: int, scale: float) -> int:
    return int(np.float32(length) * np.float32(scale))


def _resample(node: Node, x: Tensor, targets: dict[int, tuple[int, float]]) -> Tensor:
    """Resample axes, each to a size by a scale."""
    mode = node.get("mode", "nearest")
    default = "asymmetric" if node.opset < 11 else "half_pixel"
    how = node.get("coordinate_transformation_mode", default)
    rounding = "" if node.opset < 11 else node.get("nearest_mode", "round_prefer_floor")
    changed = {
        axis: (size, scale)
        for axis, (size, scale) in targets.items()
        if size != x.shape[axis] or scale != 1
    }
    if not changed:
        return x
    fast = _fast(x, changed, mode, how, rounding)
    if fast is not None:
        return fast
    for axis, (size, scale) in changed.items():
        length = x.shape[axis]
        if mode == "nearest":
            taken = _nearest(length, size, scale, how, rounding)
            x = x.index_select(axis, torch.from_numpy(taken).to(x.device))
            continue
        arrays = _linear(length, size, scale, how)
        lower, upper, weight = (torch.from_numpy(one).to(x.device) for one in arrays)
        weight = weight.to(x.dtype).reshape(-1, *[1] * (x.ndim - axis - 1))
        x = torch.lerp(x.index_select(axis, lower), x.index_select(axis, upper), weight)
    return x


def _fast(
    x: Tensor, changed: dict[int, tuple[int, float]], mode: str, how: str, rounding: str
) -> Tensor | None:
    """Let PyTorch resample the plane of a picture where it does just the same."""
    if x.ndim != 4 or not set(changed) <= set(_PLANE):
        return None
    sizes, scales = zip(*(changed.get(a, (x.shape[a], 1.0)) for a in _PLANE), strict=True)
    axes = list(zip(x.shape[2:], sizes, scales, strict=True))
    if mode == "nearest":
        repeated = all(_repeats(*axis, how, rounding) for axis in axes)
        return F.interpolate(x, list(sizes), mode="nearest") if repeated else None
    exact = all(size == length * scale for length, size, scale in axes)
    half = how == "half_pixel" or (how == "pytorch_half_pixel" and min(sizes) > 1)
    corners = how == "align_corners"
    if corners or (half and exact):
        return F.interpolate(x, list(sizes), mode="bilinear", align_corners=corners)
    return None


def _coordinates(length: int, size: int, scale: float, how: str) -> NDArray[np.float32]:
    """Return where the values of a resampled axis lie on the original one."""
    x = np.arange(size, dtype=np.float32)
    step = np.float32(scale)
    half = (x + np.float32(0.5)) / step - np.float32(0.5)
    if how == "asymmetric":
        return x / step
    if how == "align_corners":
        return x * np.float32(length - 1) / np.float32(max(size - 1, 1))
    if how == "tf_half_pixel_for_nn":
        return (x + np.float32(0.5)) / step
    if how == "pytorch_half_pixel" and size == 1:
        return x
    if how == "half_pixel_symmetric":
        centre = np.float32(length / 2)
        return half + centre * np.float32(1 - size / (length * scale))
    return half


@lru_cache(256)
def _nearest(length: int, size: int, scale: float, how: str, rounding: str) -> NDArray[np.int64]:
    """Return which value of the original axis each value of a resampled one takes."""
    at = _coordinates(length, size, scale, how)
    rounded = {
        "": np.ceil(at) if scale < 1 else np.floor(at),  # as ONNX Runtime, before operator set 11
        "floor": np.floor(at),
        "ceil": np.ceil(at),
        "round_prefer_floor": np.ceil(at - np.float32(0.5)),
        "round_prefer_ceil": np.floor(at + np.float32(0.5)),
    }[rounding]
    taken: NDArray[np.int64] = rounded.clip(0, length - 1).astype(np.int64)
    return taken


@lru_cache(256)
def _repeats(length: int, size: int, scale: float, how: str, rounding: str) -> bool:
    """Return True if resampling repeats each value equally often."""
    if size % length:
        return False
    taken = _nearest(length, size, scale, how, rounding)
    return bool((taken == np.arange(size) // (size // length)).all())


@lru_cache(256)
def _linear(
    length: int, size: int, scale: float, how: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return both neighbours of each resampled value, and the weight of the second."""
    at = _coordinates(length, size, scale, how).clip(0, length - 1)
    lower = at.astype(np.int64)
    return lower, np.minimum(lower + 1, length - 1), at - lower.astype(np.float32)


def _grid_sample(node: Node, x: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(
        x,
        grid,
        mode="nearest" if node.get("mode", "linear") == "nearest" else "bilinear",
        padding_mode=node.get("padding_mode", "zeros"),
        align_corners=bool(node.get("align_corners", 0)),
    )


def _unsampled(node: Node) -> str:
    """Say which way of resampling is unsupported."""
    mode = node.get("mode", "nearest")
    how = node.get("coordinate_transformation_mode", "half_pixel")
    if mode not in {"nearest", "linear"}:
        return f"{node.kind} with mode {mode}"
    if how not in _COORDINATES:
        return f"{node.kind} with coordinates {how}"
    if node.get("antialias", 0):
        return f"{node.kind} with antialias"
    policy = node.get("keep_aspect_ratio_policy", "stretch")
    return "" if policy == "stretch" else f"{node.kind} with policy {policy}"


def _cubic(node: Node) -> str:
    cubic = node.get("mode", "linear") in {"cubic", "bicubic"}
    return "GridSample with mode cubic" if cubic else ""


OPERATORS: Mapping[str, Operator] = {
    "GridSample": Operator(_grid_sample, refuse=_cubic),
    "Resize": Operator(_resize, numbers=(1, 2, 3), sizes=3, refuse=_unsampled),
    "Upsample": Operator(_upsample, numbers=(1,), refuse=_unsampled),
}
