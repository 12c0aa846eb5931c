"""Try a fusion network on artificial pictures before it is accepted."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imfuse.engines.feed import Feed, Layout
from imfuse.engines.onnx_file import OnnxFile, brief
from imfuse.errors import WeightsError
from imfuse.ops.geometry import padded_size
from imfuse.types import Float, SizeRule

_SECONDS = 60.0
"""Time limit for a run on a small picture, in seconds."""
_MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
_RANGES = (
    "Say what values it takes: --set range=-1:1 or range=0:255 (settings=); and if it gives "
    "others, output-range=LOW:HIGH."
)


def try_network(file: OnnxFile, feed: Feed, told: str | None) -> tuple[Feed, SizeRule, bool]:
    """Try a network.

    Args:
        file: The network.
        feed: Its inputs; the output is still unknown.
        told: Name of the output that is the fused picture; None: find it.

    Returns:
        The feed with its output, the sizes that work, and whether the result is in colour.

    Raises:
        WeightsError: The network gives no fused picture, or more than one.
    """
    rules = [SizeRule()] if feed.size else [SizeRule(multiple=m, minimum=m) for m in _MULTIPLES]
    failed: list[WeightsError] = []
    for rule in rules:
        size = feed.size or _odd(rule.multiple)
        try:
            complete = _with_output(file, feed, size, told)
        except WeightsError as error:
            failed.append(error)
            continue
        found = rule if feed.size else _with_minimum(file, complete, rule.multiple)
        return complete, found, _check_result(file, complete, found)
    raise failed[0]


def refusal(file: OnnxFile, found: str, expected: str, remedy: str) -> WeightsError:
    """Return the error that refuses a network."""
    return WeightsError(found, file=file.path, expected=expected, remedy=remedy)


def _odd(multiple: int) -> tuple[int, int]:
    """Return different height and width of about 64 pixels that no larger multiple divides."""
    first = max(1, 64 // multiple) // 2 * 2 + 1
    return multiple * first, multiple * (first + 2)


def _with_output(file: OnnxFile, feed: Feed, size: tuple[int, ...], told: str | None) -> Feed:
    ir, vis = _pictures(feed, size)
    low, high = feed.range
    values = {one.name: one.values(ir, vis, low, high) for one in feed.inputs}
    names = [told] if told else [one.name for one in file.outputs]
    found = dict(zip(names, file.run(names, values, seconds=_SECONDS), strict=True))
    fitting = [(name, way) for name, array in found.items() for way in _ways(array, size)]
    if len(fitting) == 1:
        name, layout = fitting[0]
        return feed.model_copy(update={"output": name, "layout": layout})
    shapes = ", ".join(f"{brief(n, 40)} {np.shape(array)}" for n, array in list(found.items())[:6])
    if fitting:
        raise refusal(
            file,
            f"outputs {shapes}",
            "one fused picture",
            f"Say which it is: --set output={brief(fitting[0][0], 40)} (settings=).",
        )
    raise refusal(
        file,
        f"outputs {shapes} for pictures of {size[0]}x{size[1]} (height x width)",
        "a fused picture of the same size, gray or RGB",
        "A network whose output has another size can't be used.",
    )


def _ways(array: NDArray[Any], size: tuple[int, ...]) -> Iterator[Layout]:
    shape = np.shape(array)
    if getattr(array, "dtype", np.dtype(object)).kind != "f" or len(shape) != 4:
        return
    if shape[0] == 1 and shape[1] in (1, 3) and shape[2:] == size:
        yield "nchw"
    elif shape[0] == 1 and shape[3] in (1, 3) and shape[1:3] == size:
        yield "nhwc"


def _with_minimum(file: OnnxFile, feed: Feed, multiple: int) -> SizeRule:
    """Return the rule with the smallest height and width that work."""
    minimum = multiple
    while minimum < 64:
        try:
            for size in ((minimum, minimum), (minimum, minimum + multiple)):
                _fuse(file, feed, *_pictures(feed, size))
        except WeightsError:
            minimum *= 2
        else:
            break
    return SizeRule(multiple=multiple, minimum=minimum)


def _fuse(file: OnnxFile, feed: Feed, ir: Float, vis: Float) -> Float:
    def run(values: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        return file.run([feed.output], values, seconds=_SECONDS)[0]

    return feed.fuse(run, ir, vis, file.path)


def _pictures(feed: Feed, size: tuple[int, ...]) -> tuple[Float, Float]:
    """Return two different artificial pictures: soft shapes with some texture."""
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = y / np.float32(max(height, 8)), x / np.float32(max(width, 8))
    ir = 0.3 + 0.6 * np.exp(-20 * ((x - 0.6) ** 2 + (y - 0.4) ** 2)) + 0.02 * np.sin(40 * x)
    vis = 0.5 + 0.3 * np.sin(9 * x + 4 * y) + 0.1 * np.cos(50 * y)
    rgb = np.stack([vis, 0.8 * vis + 0.1, 0.9 - 0.7 * vis], axis=2)
    shown = rgb if feed.sees_colour else vis
    return ir.astype(np.float32), shown.astype(np.float32)


def _check_result(file: OnnxFile, feed: Feed, rule: SizeRule) -> bool:
    """Refuse a network unless its result depends on both pictures; return True if it is colour."""
    size = feed.size or padded_size(72, 96, rule)
    ir, vis = _pictures(feed, size)
    fused = _fuse(file, feed, ir, vis)
    if not np.isfinite(fused).all():
        raise refusal(file, "its result is not finite", "a fused picture", _RANGES)
    low, high = (float(np.percentile(fused, end)) for end in (2, 98))
    if low < -0.25 or high > 1.25 or high - low < 0.01:
        out = feed.output_range
        raise refusal(
            file,
            f"results from {_scaled(low, out):.3g} to {_scaled(high, out):.3g} for pictures "
            f"from {feed.range[0]:g} to {feed.range[1]:g}",
            f"values that spread between {out[0]:g} and {out[1]:g}",
            _RANGES,
        )
    for what, other in (
        ("infrared", _fuse(file, feed, np.ascontiguousarray(1 - ir[:, ::-1]), vis)),
        ("visible", _fuse(file, feed, ir, np.ascontiguousarray(1 - vis[:, ::-1]))),
    ):
        if not np.abs(other - fused).mean() > 1e-4:
            raise refusal(
                file,
                f"its result does not depend on the {what} picture",
                "a network that fuses two pictures",
                "Check --set (settings=) ir=NAME, output=NAME and range=LOW:HIGH.",
            )
    return fused.ndim == 3


def _scaled(value: float, ends: tuple[float, float]) -> float:
    return ends[0] + value * (ends[1] - ends[0])
