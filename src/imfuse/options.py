"""Fusion options, defined once for the command line, Python, folder runs and servers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

from imfuse.degrees import DegreeRange
from imfuse.errors import UnknownName, UsageError
from imfuse.infrared_range import AUTO_RANGE, InfraredRange
from imfuse.radiometry import DEFAULTS, Conditions, Reading, Unit, checked_condition
from imfuse.types import Engine, Preference, Tone

__all__ = [
    "AUTO_RANGE",
    "MAX_PIXELS",
    "RUNTIMES",
    "WISHES",
    "FuseOptions",
    "InfraredRange",
    "Runtime",
]

Runtime: TypeAlias = Literal["onnxruntime", "openvino", "openvino-bf16"]
"""Runtime for `.onnx` files."""

Frame: TypeAlias = Literal["vis", "ir", "overlap"]
"""Pixels of the result where the pictures of a pair don't lie pixel on pixel."""

RUNTIMES: tuple[Runtime, ...] = ("onnxruntime", "openvino", "openvino-bf16")

RIG_SUFFIXES = (".json",)
"""Extensions of rig files."""

PALETTE_NAMES = (
    *("auto", "estimate", "white-hot", "black-hot", "iron", "iron-red", "ironbow", "rainbow"),
    *("rainbow-hc", "arctic", "lava", "glowbow", "medical", "tint", "hottest"),
    *("inferno", "plasma", "magma", "hot", "jet", "turbo"),
)
"""Palettes of infrared in false colour; `imfuse.ops.palettes` has their colours."""

MAX_PIXELS = 500_000_000
"""Default limit on the pixels of a picture (decompression bomb guard)."""

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
        align: How to find which infrared pixel shows what a visible one shows: `off`: the pictures
            are registered already; `auto`: by what both show, refusing pairs of which it isn't
            sure; or a rig file of `imfuse rig calibrate`, for cameras that are fixed to each other.
        frame: Pixels of the result: those of the visible (`vis`) or of the infrared picture
            (`ir`), or those of the visible one that both show (`overlap`). What one camera alone
            sees is shown from that one.
        ir_range: Infrared values (in the picture's own units) that become black and white; values
            beyond are clipped. In reverse order, they turn black-hot into white-hot. Also two
            percentiles, degrees such as `10C:40C`, or `auto`; see `InfraredRange`. None: the full
            range of the picture's type; for a single thermal file, what its camera showed.
        ir_unit: Meaning of the numbers in an infrared file that does not say it; see
            `imfuse.radiometry.UNITS`. For a thermal file, `counts` takes its raw numbers and
            `preview` the 8-bit picture that every viewer shows.
        emissivity: Emissivity of what is seen, 0.01 to 1, or a text such as `95%`. This and the
            next ones replace what a radiometric file says.
        reflected: Apparent temperature that it reflects, in degrees Celsius, or a text such as
            `293K`.
        atmosphere: Temperature of the air, likewise.
        distance: Distance of the camera in metres.
        humidity: Relative humidity, 0 to 1, or a text such as `50%`.
        window_temperature: Temperature of a window in front of the camera, as `reflected`.
        window_transmission: Its transmission, 0.01 to 1.
        keep_temperature: Whether the result's file, a TIFF, keeps the temperatures in degrees
            Celsius as its second page; see `imfuse.read_temperature`.
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
    align: str | Path = "off"
    frame: Frame = "vis"
    ir_range: InfraredRange | tuple[float, float] | str | None = None
    ir_unit: Unit | None = None
    emissivity: float | str | None = None
    reflected: float | str | None = None
    atmosphere: float | str | None = None
    distance: float | str | None = None
    humidity: float | str | None = None
    window_temperature: float | str | None = None
    window_transmission: float | str | None = None
    keep_temperature: bool = False
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
        self._check_thermal()
        self._check_palette()
        if self.resize not in {None, "ir", "vis"}:
            raise UsageError(f"resize={self.resize!r}", expected="'ir' or 'vis'")
        if self.stretch and self.resize is None:
            raise UsageError("stretch without resize", expected="--resize (resize=) ir or vis")
        self._check_alignment()
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

    def _check_alignment(self) -> None:
        if self.align != "off" and self.resize is not None:
            found = f"resize={self.resize!r} with align={str(self.align)!r}"
            expected = "one of them; with --align (align=), --frame (frame=) sets the size"
            raise UsageError(found, expected=expected)
        known = isinstance(self.align, Path) or self.align in {"off", "auto"}
        if not known and Path(self.align).suffix.lower() not in RIG_SUFFIXES:
            kinds = " or ".join(RIG_SUFFIXES)
            expected = f"off, auto, or a rig file that ends in {kinds}"
            raise UsageError(f"--align (align=) {self.align}", expected=expected)
        if self.frame not in get_args(Frame):
            expected = f"one of {', '.join(get_args(Frame))}"
            raise UsageError(f"--frame (frame=) {self.frame!r}", expected=expected)
        if self.frame != "vis" and self.resize is not None:
            expected = "one of them: --resize (resize=) already says which size the result has"
            raise UsageError(f"frame={self.frame!r} with resize={self.resize!r}", expected=expected)

    def _check_thermal(self) -> None:
        if self.ir_unit is not None and self.ir_unit not in get_args(Unit):
            expected = f"one of {', '.join(get_args(Unit))}"
            raise UsageError(f"--ir-unit (ir_unit=) {self.ir_unit!r}", expected=expected)
        for name in DEFAULTS:
            object.__setattr__(self, name, checked_condition(name, getattr(self, name)))

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
    def conditions(self) -> Conditions:
        """The conditions of measurement that the user gave."""
        given = {name: getattr(self, name) for name in DEFAULTS}
        return Conditions({name: value for name, value in given.items() if value is not None})

    @property
    def reading(self) -> Reading:
        """How to read infrared files."""
        wanted, given = self.infrared_range, self.conditions
        in_degrees = wanted is not None and wanted.unit is not None
        return Reading(
            unit=self.ir_unit,
            conditions=given,
            ranged=wanted is not None,
            degrees=in_degrees or self.keep_temperature or bool(given.values),
        )

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
