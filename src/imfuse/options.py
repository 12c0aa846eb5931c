"""Fusion options, defined once for the command line, Python, folder runs and servers."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

from imfuse.degrees import DegreeRange
from imfuse.errors import UnknownName, UsageError
from imfuse.types import Engine, Preference, Tone

Runtime: TypeAlias = Literal["onnxruntime", "openvino", "openvino-bf16"]
"""Runtime for `.onnx` files."""

RUNTIMES: tuple[Runtime, ...] = ("onnxruntime", "openvino", "openvino-bf16")

PALETTE_NAMES = (
    *("auto", "estimate", "white-hot", "black-hot", "iron", "iron-red", "ironbow", "rainbow"),
    *("rainbow-hc", "arctic", "lava", "glowbow", "medical", "tint", "hottest"),
    *("inferno", "plasma", "magma", "hot", "jet", "turbo"),
)
"""Palettes of infrared in false colour; `imfuse.ops.palettes` has their colours."""

MAX_PIXELS = 500_000_000
"""Default limit on the pixels of a picture (decompression bomb guard)."""

_PART = r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(%?)\s*"


@dataclass(frozen=True)
class InfraredRange:
    """Infrared values that become black and white.

    Attributes:
        low: Value, or percentile, that becomes 0.
        high: Value, or percentile, that becomes 1. If below `low`, black-hot becomes white-hot.
        percent: True if both are percentiles of the infrared picture, 0 to 100; otherwise they are
            values in the picture's own units.

    Raises:
        UsageError: The two are equal or not finite, or are percentiles outside 0 to 100.
    """

    low: float
    high: float
    percent: bool = False

    def __post_init__(self) -> None:
        """Check the two ends."""
        finite = math.isfinite(self.low) and math.isfinite(self.high)
        if not finite or self.low == self.high:
            raise UsageError(f"infrared range {self}", expected="two different finite numbers")
        if self.percent and not all(0 <= end <= 100 for end in (self.low, self.high)):
            raise UsageError(f"infrared range {self}", expected="percentiles from 0% to 100%")

    def __str__(self) -> str:
        """Return the range as written on the command line."""
        unit = "%" if self.percent else ""
        return f"{self.low:g}{unit}:{self.high:g}{unit}"

    @classmethod
    def parse(cls, text: str) -> "InfraredRange":
        """Read `LOW:HIGH`, `LOW%:HIGH%`, or `auto`.

        Raises:
            UsageError: It is none of these.

        Examples:
            >>> InfraredRange.parse("18:36"), str(InfraredRange.parse("auto"))
            (InfraredRange(low=18.0, high=36.0, percent=False), '0.5%:99.5%')
        """
        if text.strip().lower() == "auto":
            return AUTO_RANGE
        found = re.fullmatch(f"{_PART}:{_PART}", text, re.IGNORECASE)
        if found is None or found[2] != found[4]:
            raise UsageError(
                f"--ir-range (ir_range=) {text}",
                expected="LOW:HIGH, LOW%:HIGH%, or auto, such as 18:36",
            )
        return cls(float(found[1]), float(found[3]), percent=found[2] == "%")


AUTO_RANGE = InfraredRange(0.5, 99.5, percent=True)
"""The range that `auto` stands for."""


WISHES = {"prefer_ir": 1.0, "detail": 1.5, "natural": 1.0, "machine": 1.0}
"""Options that are wishes, and the largest value of each; the least is 0."""


@dataclass(frozen=True, kw_only=True)
class FuseOptions:
    """How to fuse. All options have defaults, and are checked on creation.

    Attributes:
        model: Name of a method, path of a model file, or an engine; None: the default method.
        resize: Picture to resize to the other's size if the two differ: `ir` or `vis`. None: pairs
            of different sizes are refused.
        stretch: True if `resize` may change the proportions of a picture by more than 2 %.
        ir_range: Infrared values (in the picture's own units) that become black and white; values
            beyond are clipped. In reverse order, they turn black-hot into white-hot. Also two
            percentiles or `auto`; see `InfraredRange`. None: the full range of the picture's type.
        palette: Palette of infrared in false colour, which is turned back into values from 0 to 1:
            `auto` recognises it, or follows it through the picture's colours, and leaves gray
            pictures as they are; `estimate` only does the second; or a name of `PALETTE_NAMES`.
            `iron` and `rainbow` stand for all of their kind. None: the luma of the colours.
        palette_range: Temperatures that the cold and the hot end of the palette stand for, with
            their unit, such as `12C:40C`; values are then degrees. None: they stay from 0 to 1.
        prefer_ir: Weight of the infrared picture, 0 to 1. At 1/2 the method decides; towards 1
            (0) its result is blended with more and more of the infrared (visible) picture, until
            only that is left. Networks that know preferences also decide for more of it by
            themselves, and are blended less at first.
        detail: 0 to 1.5: how far fine structure is raised; for `imfuse-b` and `imfuse-s`.
        natural: 0 to 1: how close the result stays to a well exposed visible picture; likewise.
        machine: 0 to 1: how far the result serves detectors; likewise.
        tone: `auto` lifts dark results until they can be made out, `night` further, at the price
            of noise; pictures that are bright enough stay as they are. `off`: nothing is changed,
            as where numbers are compared.
        provenance: Whether to tell for each pixel where it comes from; see
            `FusedImage.provenance`. `imfuse-b` and `imfuse-s` know it; for other methods it is
            estimated, which takes 18 ms more for 640x480.
        max_memory: Bytes that one pair may take, counting its result but not its inputs. Large
            pictures are fused in overlapping tiles, with the same result. None: 1 GB; for
            methods that must see the whole picture at once, half of the machine's memory if that is
            more.
        max_pixels: Pictures whose header declares more pixels are refused.
        threads: Number of threads inside the method, for methods that allow it to be set; None:
            all cores.
        runtime: Runtime for an `.onnx` file: `onnxruntime`; `openvino`, which is faster and an
            extra; or `openvino-bf16`, which rounds to bfloat16 on processors that support it, and
            is several times faster there. Other models ignore it.
        quality: Quality of JPEG results, 1 to 100.
        settings: Description of an `.onnx` file that does not describe itself, as `(key, value)`
            pairs or a mapping; see `imfuse.engines.describe.SETTINGS`.

    Raises:
        UsageError: A value makes no sense.
    """

    model: str | Path | Engine | None = None
    resize: Literal["ir", "vis"] | None = None
    stretch: bool = False
    ir_range: InfraredRange | tuple[float, float] | str | None = None
    palette: str | None = None
    palette_range: DegreeRange | str | None = None
    prefer_ir: float = 0.5
    detail: float = 0.0
    natural: float = 0.0
    machine: float = 0.0
    tone: Tone = "off"
    provenance: bool = False
    max_memory: int | None = None
    max_pixels: int = MAX_PIXELS
    threads: int | None = None
    runtime: Runtime = "onnxruntime"
    quality: int = 95
    settings: tuple[tuple[str, str], ...] | Mapping[str, str] = ()

    def __post_init__(self) -> None:
        """Check all values, and normalise the range and the settings."""
        pairs = tuple(sorted((key, str(value)) for key, value in dict(self.settings).items()))
        object.__setattr__(self, "settings", pairs)
        if isinstance(self.ir_range, str):
            object.__setattr__(self, "ir_range", InfraredRange.parse(self.ir_range))
        elif self.ir_range is not None and not isinstance(self.ir_range, InfraredRange):
            object.__setattr__(self, "ir_range", _two_numbers(self.ir_range))
        self._check_palette()
        if self.resize not in {None, "ir", "vis"}:
            raise UsageError(f"resize={self.resize!r}", expected="'ir' or 'vis'")
        if self.stretch and self.resize is None:
            raise UsageError("stretch without resize", expected="--resize (resize=) ir or vis")
        self._check_wishes()
        if self.tone not in get_args(Tone):
            expected = f"one of {', '.join(get_args(Tone))}"
            raise UsageError(f"--tone (tone=) {self.tone!r}", expected=expected)
        if self.runtime not in RUNTIMES:
            expected = f"one of {', '.join(RUNTIMES)}"
            raise UsageError(f"runtime={self.runtime!r}", expected=expected)
        if not (isinstance(self.quality, int) and 1 <= self.quality <= 100):
            raise UsageError(f"quality {self.quality!r}", expected="1 to 100")
        for name in ("max_memory", "max_pixels", "threads"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and value >= 1):
                expected = "a whole number from 1" + (" (bytes)" if name == "max_memory" else "")
                raise UsageError(f"{name}={value!r}", expected=expected)

    def _check_palette(self) -> None:
        if self.palette is not None and self.palette not in PALETTE_NAMES:
            raise UnknownName("palette", str(self.palette)[:80], PALETTE_NAMES)
        if isinstance(self.palette_range, str):
            object.__setattr__(self, "palette_range", DegreeRange.parse(self.palette_range))
        if not isinstance(self.palette_range, DegreeRange | None):
            found = f"palette_range={self.palette_range!r}"
            raise UsageError(found, expected="a text such as '12C:40C'")
        if self.palette_range is not None and self.palette is None:
            raise UsageError(
                f"--palette-range (palette_range=) {self.palette_range} without a palette",
                expected="--palette auto (palette='auto'), or the palette's name",
            )

    def _check_wishes(self) -> None:
        for name, most in WISHES.items():
            value = getattr(self, name)
            if not (_is_number(value) and 0 <= value <= most):
                raise UsageError(f"{name}={value!r}", expected=f"a number from 0 to {most:g}")

    @classmethod
    def of(
        cls, options: "FuseOptions | str | Path | Engine | None" = None, **changes: Any
    ) -> "FuseOptions":
        """Return options, or options for a model alone, with some of them changed.

        Raises:
            UsageError: A value makes no sense, or there is no option of that name.
        """
        unknown = set(changes) - {field.name for field in fields(cls)}
        if unknown:
            known = {field.name for field in fields(cls)}
            raise UnknownName("option", min(unknown), known)
        if isinstance(options, FuseOptions):
            return replace(options, **changes)
        return cls(**({"model": options} | changes))

    @property
    def infrared_range(self) -> InfraredRange | None:
        """The range of the infrared picture, in its normalised form."""
        return cast("InfraredRange | None", self.ir_range)

    @property
    def degrees(self) -> DegreeRange | None:
        """Temperatures at the ends of the palette, in their normalised form."""
        return cast("DegreeRange | None", self.palette_range)

    @property
    def preference(self) -> Preference:
        """Wishes for engines that know them."""
        lean = 2 * self.prefer_ir - 1
        return Preference(lean, self.detail, self.natural, self.machine)

    def loading(self) -> dict[str, Any]:
        """Return the options that `imfuse.engines.load` needs, by its parameter names."""
        return {
            "model": self.model,
            "threads": self.threads,
            "runtime": self.runtime,
            "settings": dict(self.settings),
            "max_memory": self.max_memory,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values, for run files and `FusedImage.history`."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _two_numbers(ends: object) -> InfraredRange:
    """Return the range between two numbers.

    Raises:
        UsageError: These are not two numbers.
    """
    try:
        low, high = (float(end) for end in ends)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        expected = "two numbers such as (18, 36), or a text such as '1%:99%' or 'auto'"
        raise UsageError(f"ir_range={ends!r}", expected=expected) from error
    return InfraredRange(low, high)


def _plain(value: object) -> object:
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, tuple):
        return dict(value)
    return value.spec.name if isinstance(value, Engine) else str(value)
