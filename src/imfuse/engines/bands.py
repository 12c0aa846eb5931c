"""Our own networks in ONNX files: a network decides, and a few passes over arrays do the rest.

Such a file holds only the part that decides (`imfuse.learn.models.bands.Decider`): inputs `planes`
(1, C, h, w), `preference` (1, 4) and `scene` (1, 18; see `imfuse.engines.scene`), outputs `first`,
`second` and `third`, and under the metadata key `imfuse.bands` what to do with them. Pictures are
split into bands and put together here, with OpenCV: `imfuse-s` then takes a sixth of the time of
the whole in ONNX Runtime (640x480).
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imfuse.engines.band_pyramid import (
    LEVELS,
    Decided,
    blended,
    collapsed,
    enlarged,
    halved,
    selected,
    sigmoid,
    split,
    strength,
)
from imfuse.engines.onnx import SPEC_KEY
from imfuse.engines.onnx_file import OnnxFile, brief
from imfuse.engines.scene import SCENE, describe, in_blocks
from imfuse.errors import UsageError, WeightsError
from imfuse.types import Float, FusionSpec, Preference, Shares

BANDS_KEY = "imfuse.bands"
"""Metadata key that holds the `BandRule` as JSON."""
OUTPUTS = ("first", "second", "third")
"""Answers of the network, at its resolution, a half and a quarter of it."""
LIFT = 0.25
"""Largest change of brightness that no source explains."""
GAIN = (0.5, 1.3)
"""Least gain of a band, and how far the largest one is above it."""
SCALED = (4.0, 6.0)
"""Factors by which the network gets a band, and the magnitude of finer ones."""
TASTES = len(Preference())
"""Numbers of a preference."""

_STRIP = 130_000
"""Pixels of the planes that the network gets at once; 640x480 gives it 77,000 of them."""
_REACH = 32
"""Rows beyond a strip that the network looks at: its convolutions reach 28 rows."""
_GRID = 4
"""Multiple of rows at which a strip begins, as the network halves its planes twice."""

_REMEDY = "Export it again with imfuse."


class BandRule(BaseModel):
    """Description in a file of the part that is not in it.

    Attributes:
        start: Halvings before the network begins: 1 is half resolution, 3 an eighth.
        halved: Whether the finest band is selected at half resolution.
        sharpness: Factor of the contrast of each band in its selection.
        wishes: Fields of `Preference` that the network has learned.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    start: Annotated[int, Field(ge=1, le=3)]
    halved: bool
    sharpness: Annotated[tuple[float, ...], Field(min_length=LEVELS, max_length=LEVELS)]
    wishes: tuple[str, ...] = Preference._fields

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the network's outputs."""
        return OUTPUTS[: scale_of(LEVELS, self.start) + 1]


class BandsEngine:
    """A network of ours that decides per band; see `imfuse.learn.models.bands.BandSelection`.

    Args:
        file: The open file.
        preference: What to prefer.
        scene: What the whole pictures are like, `(SCENE,)`; None: what is given is the whole.

    Attributes:
        spec: The file's description.
        rule: What is not in the network.
        weights_sha256: SHA-256 of the file.

    Raises:
        WeightsError: The file holds no such network.
    """

    def __init__(
        self, file: OnnxFile, *, preference: Preference | None = None, scene: Float | None = None
    ) -> None:
        self._file, self._scene = file, scene
        self.weights_sha256: str | None = file.sha256
        self.spec, self.rule = _described(self._file)
        self._preference = preference or Preference()

    def preferring(self, preference: Preference) -> "BandsEngine":
        """Return the engine that fuses by a preference.

        Raises:
            UsageError: The network has not learned one of its wishes.
        """
        unknown = [
            name
            for name, weight in preference._asdict().items()
            if weight and name not in self.rule.wishes
        ]
        if unknown:
            raise UsageError(
                f"the wish for {', '.join(unknown)} with {self.spec.name}",
                expected=f"wishes that it has learned: {', '.join(self.rule.wishes) or 'none'}",
            )
        return BandsEngine(self._file, preference=preference, scene=self._scene)

    def in_scene(self, scene: Float) -> "BandsEngine":
        """Return the engine for parts of whole pictures; see `imfuse.types.SceneEngine`."""
        return BandsEngine(self._file, preference=self._preference, scene=scene)

    def fuse(self, ir: Float, vis: Float) -> Float:
        """Fuse two arrays; see `imfuse.types.Engine.fuse`."""
        of_ir, of_vis = split(ir), split(vis)
        decided = self._decide(of_ir, of_vis, self._scene_of(ir, vis))
        return collapsed([blended(*one) for one in zip(of_ir, of_vis, decided, strict=True)])

    def shares(self, ir: Float, vis: Float) -> Shares:
        """Return what of the fused picture comes from where; the three add up to it.

        Args:
            ir: `(H, W)` float32 in [0, 1], of a size that `spec.size` allows.
            vis: Likewise.
        """
        of_ir, of_vis = split(ir), split(vis)
        decided = self._decide(of_ir, of_vis, self._scene_of(ir, vis))
        parts: tuple[list[Float], list[Float], list[Float]] = ([], [], [])
        for a, b, (mask, gain, lift) in zip(of_ir, of_vis, decided, strict=True):
            factor = np.float32(1) if gain is None else gain
            parts[0].append(factor * mask * a)
            parts[1].append(factor * (1 - mask) * b)
            parts[2].append(np.zeros_like(a) if lift is None else lift)
        return Shares(*map(collapsed, parts))

    def _scene_of(self, ir: Float, vis: Float) -> Float:
        return describe(in_blocks(ir), in_blocks(vis)) if self._scene is None else self._scene

    def _selected(
        self,
        level: int,
        maps: tuple[Float, Float],
        bands: tuple[Float, Float],
        finest: Sequence[Float],
    ) -> Decided:
        """Return the decision on a band.

        Args:
            level: The band, 0 for the finest.
            maps: What the network says of it: logit, and gain before its range is set.
            bands: The band of infrared, and that of the visible picture.
            finest: Magnitude of both finest bands at half resolution.
        """
        start, halved = self.rule.start, self.rule.halved and level == 0
        logit, gain = maps[0], GAIN[0] + GAIN[1] * sigmoid(maps[1])
        for _ in range(start + scale_of(level, start) - level - halved):
            logit, gain = enlarged(logit), enlarged(gain)
        sizes = finest if halved else [strength(band, level) for band in bands]
        mask = selected(logit, sizes, self.rule.sharpness[level])
        if halved:
            mask, gain = enlarged(mask), enlarged(gain)
        return Decided(mask, gain, None)

    def _answers(self, planes: Float, scene: Float) -> list[Float]:
        """Return the maps `(C, h, w)` of each scale, of large planes strip by strip.

        The features of a network at half resolution would take most of the memory of all.
        """
        feed = {
            "preference": np.asarray([self._preference], np.float32),
            "scene": scene[None],
        }
        parts: list[list[Float]] = []
        for core, window in _strips(*planes.shape[2:]):
            found = self._file.run(self.rule.outputs, {"planes": planes[:, :, window], **feed})
            parts.append(
                [
                    maps[0, :, (core.start - window.start) >> scale :][
                        :, : (core.stop - core.start) >> scale
                    ]
                    for scale, maps in enumerate(found)
                ]
            )
        return [
            one[0] if len(one) == 1 else np.concatenate(one, 1) for one in zip(*parts, strict=True)
        ]

    def _decide(
        self, of_ir: Sequence[Float], of_vis: Sequence[Float], scene: Float
    ) -> Iterator[Decided]:
        """Yield what the network decides for each band, finest first, and for what is left.

        One at a time, as all of them together take much memory.
        """
        start = self.rule.start
        finest = [halved(np.abs(bands[0])) for bands in (of_ir, of_vis)]
        seen = (_seen(*one, start) for one in zip((of_ir, of_vis), finest, strict=True))
        planes = np.stack([plane for one in seen for plane in one])[None]
        maps = [iter(one) for one in self._answers(planes, scene)]
        for level in range(LEVELS):
            answer = maps[scale_of(level, start)]
            yield self._selected(
                level, (next(answer), next(answer)), (of_ir[level], of_vis[level]), finest
            )
        scale = scale_of(LEVELS, start)
        logit, lift = next(maps[scale]), next(maps[scale])
        for _ in range(LEVELS - start - scale):
            logit, lift = halved(logit), halved(lift)
        lift = np.float32(LIFT) * np.tanh(lift)
        yield Decided(sigmoid(2 * logit), None, lift)


def _strips(height: int, width: int) -> list[tuple[slice, slice]]:
    """Return the rows to keep, and those that the network gets for them, strip by strip."""
    count = max(1, -(-height * width // _STRIP))
    core = -(-height // count // _GRID) * _GRID
    return [
        (
            slice(start, min(start + core, height)),
            slice(max(0, start - _REACH), min(start + core + _REACH, height)),
        )
        for start in range(0, height, core)
    ]


def scale_of(level: int, start: int) -> int:
    """Return the scale of the network, 0 to 2, at which a band is decided.

    Args:
        level: The band, 0 for the finest, `LEVELS` for what is left.
        start: Halvings before the network begins.
    """
    return max(0, min(2, level - start))


def _seen(bands: Sequence[Float], finest: Float, start: int) -> list[Float]:
    """Return what the network gets of a picture.

    Args:
        bands: Its bands, finest first, then what is left.
        finest: Magnitude of the finest band at half resolution.
        start: Halvings before the network begins.
    """
    of_band, of_finer = (np.float32(factor) for factor in SCALED)
    planes = [collapsed(bands[start:]), of_band * bands[start]]
    for level in range(start):
        size = finest if level == 0 else halved(np.abs(bands[level]))
        for _ in range(start - level - 1):
            size = halved(size)
        planes.append(of_finer * size)
    return planes


def _described(file: OnnxFile) -> tuple[FusionSpec, BandRule]:
    """Return the description in a file, and what is not in its network.

    Raises:
        WeightsError: They are missing or damaged, or the network has other inputs and outputs.
    """
    try:
        spec = FusionSpec.model_validate_json(file.metadata.get(SPEC_KEY, ""))
        rule = BandRule.model_validate_json(file.metadata.get(BANDS_KEY, ""))
    except ValidationError as error:
        found = f"bad metadata {SPEC_KEY} or {BANDS_KEY} ({brief(error.errors()[0]['msg'])})"
        raise WeightsError(found, file=file.path, remedy=_REMEDY) from error
    inputs = {port.name: port.shape for port in file.inputs}
    planes = (1, 4 + 2 * rule.start, None, None)
    fitting = inputs == {"planes": planes, "preference": (1, TASTES), "scene": (1, SCENE)}
    if not fitting or tuple(port.name for port in file.outputs) != rule.outputs:
        shown = ", ".join(str(port) for port in (*file.inputs, *file.outputs)[:6])
        expected = (
            f"planes {planes}, preference (1, {TASTES}), scene (1, {SCENE}), "
            f"and {', '.join(rule.outputs)}"
        )
        raise WeightsError(
            f"inputs and outputs {shown}", file=file.path, expected=expected, remedy=_REMEDY
        )
    return spec, rule
