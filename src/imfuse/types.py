"""The values passed between the parts: pictures, pairs, and descriptions of methods."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Float: TypeAlias = NDArray[np.float32]
"""A float32 array of values in [0, 1]: `(H, W)`, or `(H, W, 3)` in RGB order."""

Pixels: TypeAlias = NDArray[Any]
"""Pixels at the depth of their file: uint8, uint16, float32; infrared also int16, int32, uint32."""

Mask: TypeAlias = NDArray[np.bool_]
"""A boolean array `(H, W)`."""

GeoValue: TypeAlias = tuple[int, ...] | tuple[float, ...] | str
"""Value of a GeoTIFF tag: numbers, or ASCII text."""

SCALES = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0, np.dtype(np.float32): 1.0}
"""White value of each pixel type. A range follows from the type and is never guessed."""

RAW_TYPES = frozenset({np.dtype(np.int16), np.dtype(np.int32), np.dtype(np.uint32)})
"""Pixel types of measurements. They have no white value, so infrared in them needs a range."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Facts that a picture file holds besides its pixels. Each is None where the file has none."""

    exif: bytes | None = None
    """EXIF block without the `Exif\\0\\0` head; orientation already applied and set to 1."""
    icc: bytes | None = None
    """ICC colour profile."""
    dpi: tuple[float, float] | None = None
    """Horizontal and vertical resolution in dots per inch."""
    xmp: bytes | None = None
    """XMP packet (XML), unchanged."""
    geo: Mapping[int, GeoValue] = field(default_factory=dict)
    """GeoTIFF tags by number: where on Earth the pixels lie. Empty where the file has none."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How stored values become physical ones: `physical = slope * stored + offset`.

    Attributes:
        unit: Unit of the physical values.
        slope: Physical units per stored unit.
        offset: Physical value of a stored 0.
        sources: Where each parameter came from, by its name (`unit`, `slope`, `emissivity`, ...).
        parameters: Conditions that the values were computed with, by name; see
            `imfuse.radiometry.DEFAULTS`.
        shown: Physical values that the camera itself showed as black and white; None: not known.
            Single pictures are shown like this if no range is given.
    """

    unit: Literal["celsius", "kelvin", "counts", "hounsfield", "suv"]
    slope: float = 1.0
    offset: float = 0.0
    sources: Mapping[str, Literal["file", "user", "default"]] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    shown: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture as it was read, in its own depth.

    Attributes:
        pixels: `(H, W)` gray or `(H, W, 3)` RGB; uint8, uint16, or float32, in [0, 1] except for
            infrared pictures with a range. Infrared may also be int16, int32 or uint32.
        alpha: `(H, W)` in the dtype of `pixels`, or None where the file has no transparency.
        nodata: `(H, W)` bool, True where the sensor gave no value; None: it gave one everywhere.
            The pixels there are meaningless, but finite.
        calibration: How pixels become physical values; None where the file does not say.
        metadata: EXIF, ICC profile, resolution, XMP and GeoTIFF tags.
        name: The path, or a word such as `<bytes>`, for messages.
        format: File format in upper case (`PNG`, `JPEG`, `TIFF`, `BMP`, `WEBP`), None for arrays.
        notes: What a user should know about how the picture was read; shown as warnings.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    nodata: Mask | None = None
    calibration: Calibration | None = None
    metadata: Metadata = field(default_factory=Metadata)
    name: str = "<array>"
    format: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def extent(self) -> str:
        """Width and height for messages, such as `640x480`."""
        return f"{self.size[1]}x{self.size[0]}"

    @property
    def is_colour(self) -> bool:
        """True if the picture has three channels."""
        return self.pixels.ndim == 3

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Pixels:  # noqa: FBT001 - NumPy's protocol
        """Return the pixels, so that NumPy functions accept a picture directly."""
        return np.array(self.pixels, dtype=dtype, copy=copy)


@dataclass(frozen=True, kw_only=True)
class ImagePair:
    """Two pictures of one scene, infrared first, of any two sizes.

    They need not be registered: an `Aligner` does that. Colour is taken from the second.
    """

    ir: Picture
    vis: Picture


@dataclass(frozen=True, kw_only=True)
class Registration:
    """How infrared pixels map to visible ones.

    Attributes:
        matrix: `(3, 3)` float64 that maps an infrared pixel `(x, y, 1)` to the visible pixel, up to
            scale. Coordinates have their origin at the centre of the upper left pixel. None: only
            `field` defines the mapping.
        field: `(H, W, 2)` float32: for each output pixel, the `(x, y)` in the infrared picture
            that it shows; None: the matrix alone defines the mapping.
        estimator: How it was found: `none` (the pictures match pixel by pixel), `resize` (both
            show the same field of view), `file` (the file of both says so), `rig` (a rig file), or
            `auto` (a search).
        confidence: From 0 to 1; 1 where it was not estimated.
        outside: `(H, W)` bool, True for output pixels that the infrared picture does not cover;
            None: it covers all.
    """

    matrix: NDArray[np.float64] | None = None
    field: NDArray[np.float32] | None = None
    estimator: Literal["none", "resize", "file", "rig", "auto"] = "none"
    confidence: float = 1.0
    outside: Mask | None = None


class Aligner(Protocol):
    """Something that registers the two pictures of a pair."""

    def register(self, pair: ImagePair) -> Registration:
        """Return the registration of a pair.

        Raises:
            PairMismatch: The pair can't be registered, or not reliably enough.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class FusedImage(Picture):
    """A fused picture, with a record of how it was made.

    Attributes:
        model: Name of the method.
        seconds: Wall time of the fusion itself, without decoding and encoding.
        history: What was done, as plain values: `imfuse` (version), `model`, `weights_sha256`,
            `options`, `ir_range` (the infrared values that became black and white), `infrared`
            (unit, conditions of the measurement and their origin; None where no unit is known),
            `registration` (with `alone`, the share of pixels that one camera alone shows),
            `warnings`.
        physical: `(H, W)` float32 physical values of the infrared picture (see `Calibration`),
            warped into place but otherwise untouched, NaN where there are none; None where the
            infrared picture has no calibration.
        unit: Unit of `physical`, see `Calibration`; None where there are no such values.
        provenance: `(H, W, 3)` float32 shares of infrared, of the visible picture and of neither
            in each pixel, which sum to 1; None unless `FuseOptions.provenance` asked for them.
    """

    model: str
    seconds: float
    history: Mapping[str, Any] = field(default_factory=dict)
    physical: Float | None = None
    unit: str | None = None
    provenance: Float | None = None


def _plain_text(text: str) -> str:
    """Refuse characters that a terminal acts on, or that make text look like other text."""
    if any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in text):
        raise ValueError("it holds control characters")
    return text


Text: TypeAlias = Annotated[str, Field(max_length=4000), AfterValidator(_plain_text)]
"""A line that is shown to people, and may come from an untrusted file."""

_LARGEST = 1 << 16
"""Maximum that a rule may ask for, in pixels; pictures with such sides exceed any memory."""


class SizeRule(BaseModel):
    """Sizes that an engine accepts; `Fuser` pads up to them and crops back."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    minimum: int = Field(default=1, ge=1, le=_LARGEST)
    """Smallest height and width in pixels."""
    multiple: int = Field(default=1, ge=1, le=_LARGEST)
    """Height and width must be multiples of this."""


class TileRule(BaseModel):
    """How a picture may be cut into tiles whose results equal that of the whole."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    halo: int = Field(ge=0, le=_LARGEST)
    """Pixels on each side of an output pixel that can influence it."""
    stride: int = Field(default=1, ge=1, le=_LARGEST)
    """Tiles start at multiples of this (decimation grids, overlapping patches)."""


SPEC_FORMAT = 1
"""Newest format of a `FusionSpec` that this version reads. It grows only when an old reader would
misunderstand a new file; a new field alone does not, as unknown fields are ignored."""


class FusionSpec(BaseModel):
    """Description of a fusion method; stored in the metadata of ONNX files as JSON.

    Generic code and contract tests read this, and contain no method names.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = Field(default=1, ge=1)
    """Format of this description; see `SPEC_FORMAT`."""
    name: Annotated[Text, Field(min_length=1, max_length=100)]
    """The name on the command line: lower case, digits, hyphens."""
    title: Text
    """One line for humans."""
    kind: Literal["classical", "network"]
    paper: Text = ""
    """Author, title, venue; empty where the method is folklore."""
    year: int | None = None
    licence: Text = "Apache-2.0"
    """Licence of the weights for networks, of the code otherwise (SPDX)."""
    visible: Literal["luma", "rgb"] = "luma"
    """Visible input that the engine takes: `(H, W)` luma or `(H, W, 3)` RGB."""
    output: Literal["luma", "rgb"] = "luma"
    """Kind of picture that the engine returns."""
    activation: Literal["none", "tanh", "sigmoid", "clamp"] = "none"
    """Function that bounds the engine's output; `none`: values may leave [0, 1] and are clamped."""
    size: SizeRule = SizeRule()
    tile: TileRule | None = None
    """None: the result depends on the whole picture, which is then never cut."""
    symmetric: bool = False
    """True if exchanging infrared and (gray) visible leaves the fused luma unchanged."""
    parameters: int = Field(default=0, ge=0)
    """Number of trainable parameters; 0 for classical methods."""
    bytes_per_pixel: int = Field(default=64, ge=0, le=1 << 32)
    """Working memory per pixel besides inputs and output, rounded up."""
    training_data: Text = ""
    training_terms: Text = ""
    training_steps: int | None = None
    """Training steps behind the weights; None: unknown, or there were none."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_newer_formats(cls, values: Any) -> Any:  # noqa: ANN401 - what the file holds
        newest = values.get("format") if isinstance(values, Mapping) else None
        if isinstance(newest, int) and newest > SPEC_FORMAT:
            raise ValueError(f"format {newest} needs a newer imfuse")
        return values


Tone: TypeAlias = Literal["off", "auto", "night"]
"""How far dark results are lifted; see `imfuse.ops.tone`."""


class Preference(NamedTuple):
    """Wishes of a person, for engines that know them; 0 is the usual picture.

    Attributes:
        lean: -1 to 1: from the visible picture towards infrared.
        detail: 0 to 1.5: how far fine structure is raised.
        natural: 0 to 1: how close the picture stays to a well exposed visible one.
        machine: 0 to 1: how far the picture serves detectors.
    """

    lean: float = 0.0
    detail: float = 0.0
    natural: float = 0.0
    machine: float = 0.0


class Shares(NamedTuple):
    """A fused picture as the sum of what comes from each source, and from neither.

    Attributes:
        ir: `(H, W)` float32: what comes from infrared.
        vis: Likewise, from the visible picture.
        neither: Likewise, what the method adds.
    """

    ir: Float
    vis: Float
    neither: Float


@runtime_checkable
class Engine(Protocol):
    """Something that fuses two registered arrays. Engines keep no state: threads may share one."""

    @property
    def spec(self) -> FusionSpec:
        """Description of the method."""
        ...

    def fuse(self, ir: Float, vis: Float) -> Float:
        """Fuse two pictures.

        Args:
            ir: `(H, W)` float32 in [0, 1], of a size that `spec.size` allows.
            vis: `(H, W)`, or `(H, W, 3)` where `spec.visible` is `rgb`; float32 in [0, 1].

        Returns:
            `(H, W)`, or `(H, W, 3)` where `spec.output` is `rgb`; float32, not yet clamped.
            The inputs are never written to.
        """
        ...


@runtime_checkable
class PreferringEngine(Protocol):
    """An engine that knows preferences."""

    def preferring(self, preference: Preference) -> Engine:
        """Return the engine that fuses by a preference.

        Raises:
            UsageError: The engine does not know one of its wishes.
        """
        ...


@runtime_checkable
class KnowingEngine(Protocol):
    """An engine that knows what of its result comes from where."""

    def shares(self, ir: Float, vis: Float) -> Shares:
        """Return the parts of a result; they add up to that of `Engine.fuse`.

        Args:
            ir: See `Engine.fuse`.
            vis: See `Engine.fuse`.
        """
        ...


@runtime_checkable
class SceneEngine(Protocol):
    """An engine that looks at the whole of both pictures; see `imfuse.engines.scene`."""

    def in_scene(self, scene: Float) -> Engine:
        """Return the engine for parts of pictures, or for frames of one video.

        Args:
            scene: Numbers that describe the whole.
        """
        ...
