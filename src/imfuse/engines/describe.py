"""Examine and try fusion networks in ONNX files without a description.

Inputs are identified by their channels and names. Before a network is accepted, a trial run on
artificial pictures must give a picture that depends on both.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from imfuse.engines.feed import KINDS, Feed, FeedInput, Layout, Plane
from imfuse.engines.onnx_file import OnnxFile, Port, brief
from imfuse.engines.trial import refusal, try_network
from imfuse.errors import UnknownName, UsageError
from imfuse.types import FusionSpec, SizeRule, TileRule

SETTINGS = {
    "ir": "name of the infrared input",
    "vis": "name of the visible input",
    "order": "ir,vis or vis,ir: order of the channels of a single input",
    "layout": "nchw or nhwc: order of the inputs' axes",
    "range": "0:1, -1:1 or 0:255: values that stand for black and white",
    "output": "name of the output that is the fused picture",
    "output-range": "values of the output, where they differ from those of the inputs",
    "overlap": "pixels of a tile's border that are not used, for networks of a fixed size",
    "halo": "pixels around an output pixel that influence it; allows fusing in tiles",
    "memory": "bytes that the network needs per pixel",
    "name": "name of the network",
    "title": "one line about it",
    "licence": "licence of its weights",
}
"""Settings of a description, with their meanings."""

_LONGEST_SIDE = 4096
"""Largest fixed height or width of a network."""
_BYTES_PER_PIXEL = 8192
"""Assumed memory of networks that take any size; most published ones need less."""
_END = r"(img|image|in|input)?([^a-z]|$)"
_IR = re.compile(r"(^|[^a-z])(ir|inf|infra|infrared|thermal|therm|tir|lwir|nir|mri|ct)" + _END)
_VIS = re.compile(r"(^|[^a-z])(vi|vis|visible|visual|rgb|colou?r|pet|spect)" + _END)
_STACKS = {2: (1, 1), 6: (3, 3)}


@dataclass(frozen=True)
class Description:
    """Result of examining a network.

    Attributes:
        spec: Description for generic code.
        feed: Description of inputs and output.
        notes: Assumptions, for the user to check.
    """

    spec: FusionSpec
    feed: Feed
    notes: tuple[str, ...]


def describe(file: OnnxFile, settings: Mapping[str, str]) -> Description:
    """Determine the inputs and the output of a fusion network, and try it.

    Args:
        file: The network.
        settings: The user's settings for it; see `SETTINGS`.

    Raises:
        UsageError: A setting is unknown or makes no sense.
        WeightsError: The file is not a fusion network of two pictures, or needs more settings.
    """
    for name in settings:
        if name not in SETTINGS:
            raise UnknownName("setting", name, SETTINGS)
    notes: list[str] = []
    inputs = _inputs(file, settings, notes)
    fixed = _fixed_size(file, inputs)
    low_high = _range(settings, "range", (0.0, 1.0))
    overlap = _number(settings, "overlap", min(fixed) // 8 if fixed else 0)
    if fixed and 2 * overlap >= min(fixed):
        raise UsageError(f"overlap={overlap}", expected=f"less than half of {min(fixed)}")
    feed = Feed(
        inputs=inputs,
        output="",
        range=low_high,
        output_range=_range(settings, "output-range", low_high),
        size=fixed,
        overlap=overlap,
    )
    told = settings.get("output")
    if told is not None and told not in {one.name for one in file.outputs}:
        raise UnknownName("output", told, [one.name for one in file.outputs])
    feed, rule, colour = try_network(file, feed, told)
    spec = _spec(file.path, feed, rule, settings, colour=colour)
    return Description(spec, feed, tuple(notes))


def _inputs(file: OnnxFile, settings: Mapping[str, str], notes: list[str]) -> tuple[FeedInput, ...]:
    found = [(port, *_layout(file, port, settings)) for port in file.inputs]
    shown = ", ".join(str(port) for port in file.inputs[:6]) or "none"
    channels = [one[2] for one in found]
    if len(found) == 1 and channels[0] in (2, 4, 6):
        port, layout, count = found[0]
        order = [part.strip() for part in settings.get("order", "ir,vis").split(",")]
        if sorted(order) != ["ir", "vis"]:
            raise UsageError(f"order={settings['order']}", expected="ir,vis or vis,ir")
        if "order" not in settings:
            notes.append(
                "infrared is taken to come first; --set order=vis,ir (settings=) reverses the order"
            )
        of_each = {"ir": _STACKS.get(count, (1, 3))[0], "vis": _STACKS.get(count, (1, 3))[1]}
        planes = tuple(Plane.model_validate({"of": o, "channels": of_each[o]}) for o in order)
        return (FeedInput(name=port.name, planes=planes, layout=layout, kind=_kind(port)),)
    if len(found) != 2 or not set(channels) <= {1, 3}:
        raise refusal(
            file,
            f"inputs {shown}",
            "two of 1 or 3 channels, or one of 2, 4 or 6",
            "Export the network so that it takes a pair of pictures and nothing else.",
        )
    infrared = _infrared(file, settings, channels)
    return tuple(
        FeedInput(
            name=port.name,
            planes=(
                Plane.model_validate({"of": "ir" if i == infrared else "vis", "channels": count}),
            ),
            layout=layout,
            kind=_kind(port),
        )
        for i, (port, layout, count) in enumerate(found)
    )


def _infrared(file: OnnxFile, settings: Mapping[str, str], channels: list[int]) -> int:
    """Return the number of the infrared input, from the settings, the names or the channels."""
    names = [port.name for port in file.inputs]
    told = {key: settings[key] for key in ("ir", "vis") if key in settings}
    for key, name in told.items():
        if name not in names:
            raise UnknownName(f"input ({key})", name, names)
    if told:
        first = names.index(told["ir"]) if "ir" in told else 1 - names.index(told["vis"])
        if "vis" in told and names.index(told["vis"]) == first:
            raise UsageError("ir and vis are one input", expected="two inputs")
        return first
    marks = [(bool(_IR.search(one)), bool(_VIS.search(one))) for one in map(_words, names)]
    for number, (infrared, visible) in enumerate(marks):
        other = marks[1 - number]
        if (infrared and not visible and not other[0]) or (
            other[1] and not other[0] and not visible
        ):
            return number
    if channels[0] != channels[1]:
        return channels.index(1)
    raise refusal(
        file,
        f"inputs {' and '.join(str(port) for port in file.inputs)}, alike",
        "names that distinguish infrared from visible",
        f"Say which is infrared: --set ir={brief(names[0], 40)} (settings=).",
    )


def _words(name: str) -> str:
    """Return a name in lower case with its words separated: `inputIR` as `input_ir`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _layout(file: OnnxFile, port: Port, settings: Mapping[str, str]) -> tuple[Layout, int]:
    told = settings.get("layout")
    if told not in (None, "nchw", "nhwc"):
        raise UsageError(f"layout={told}", expected="nchw or nhwc")
    if len(port.shape) == 4 and port.shape[0] in (1, None) and port.kind in KINDS:
        layouts: tuple[tuple[Layout, int], ...] = (("nchw", 1), ("nhwc", 3))
        for layout, axis in layouts:
            channels = port.shape[axis]
            if channels in (1, 2, 3, 4, 6) and told in (None, layout):
                return layout, channels
    raise refusal(
        file,
        f"input {port}",
        "one picture of floats (1, channels, height, width), the channels stated",
        "Export the network so that it takes a pair of pictures and nothing else.",
    )


def _kind(port: Port) -> Any:  # noqa: ANN401 - one of `KINDS`, which was checked
    return port.kind


def _fixed_size(file: OnnxFile, inputs: tuple[FeedInput, ...]) -> tuple[int, int] | None:
    sizes = set()
    for port, taken in zip(file.inputs, inputs, strict=True):
        sizes.add(port.shape[2:] if taken.layout == "nchw" else port.shape[1:3])
    if sizes == {(None, None)}:
        return None
    sides = next(iter(sizes))
    if len(sizes) > 1 or not all(side and side <= _LONGEST_SIDE for side in sides):
        raise refusal(
            file,
            f"inputs {', '.join(str(port) for port in file.inputs)}",
            f"height and width all fixed (to {_LONGEST_SIDE} at most) or all free, and equal",
            "Export the network with dynamic height and width.",
        )
    return int(sides[0] or 0), int(sides[1] or 0)


def _range(
    settings: Mapping[str, str], key: str, default: tuple[float, float]
) -> tuple[float, float]:
    if key not in settings:
        return default
    try:
        low, high = (float(end) for end in settings[key].strip("[]").replace(",", ":").split(":"))
        Feed(inputs=(FeedInput(name="", planes=(_GRAY,)),), output="", range=(low, high))
    except (ValueError, ValidationError) as error:
        raise UsageError(f"{key}={settings[key]}", expected="0:1, -1:1 or 0:255") from error
    return low, high


_GRAY = Plane(of="ir", channels=1)


def _number(settings: Mapping[str, str], key: str, default: int) -> int:
    value = settings.get(key, str(default))
    if not value.isdecimal() or len(value) > 9:
        raise UsageError(f"{key}={value}", expected="a whole number")
    return int(value)


def _spec(
    path: Path, feed: Feed, rule: SizeRule, settings: Mapping[str, str], *, colour: bool
) -> FusionSpec:
    name = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "network"
    halo = _number(settings, "halo", 0)
    try:
        tile = TileRule(halo=halo, stride=rule.multiple) if "halo" in settings else None
        if feed.size:
            # Tiles begin at borders of the network's own tiles, and hold all that overlap them.
            tile = TileRule(halo=max(feed.size), stride=feed.step)
        return FusionSpec(
            name=settings.get("name", name[:60]),
            title=settings.get("title", f"the network in {brief(path.name, 80)}"),
            kind="network",
            licence=settings.get("licence", "not stated"),
            training_data="not known",
            visible="rgb" if feed.sees_colour else "luma",
            output="rgb" if colour else "luma",
            size=rule,
            tile=tile,
            bytes_per_pixel=_number(settings, "memory", 64 if feed.size else _BYTES_PER_PIXEL),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--set (settings=) {first['loc'][0]}: {brief(first['msg'])}") from error
