"""Networks in ONNX files, run by ONNX Runtime on the CPU. Nothing in a file is executed.

A fusion model of ours is an ONNX file with the inputs `ir` (1, 1, H, W) and `vis` (1, 1 or 3, H,
W), one output `fused` (1, 1 or 3, H, W), dynamic H and W, and its `FusionSpec` as JSON under the
metadata key `imfuse.spec`. Other networks also hold a description of their inputs and output, under
`imfuse.feed` (see `imfuse.engines.feed`), or are examined when they are opened.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic import ValidationError

from imfuse.engines.describe import describe
from imfuse.engines.feed import FEED_KEY, Feed, ours
from imfuse.engines.onnx_file import OnnxFile, brief
from imfuse.errors import UsageError, WeightsError
from imfuse.types import Float, FusionSpec

SPEC_KEY = "imfuse.spec"
"""Metadata key that holds the `FusionSpec` as JSON."""
SEGMENTER_KEY = "imfuse.segmenter"
"""Metadata key that holds the `SegmenterSpec` of a segmenter as JSON."""

_REMEDY = "Export it with imfuse, or use a file that `imfuse models list` shows."


class OnnxEngine:
    """A fusion network in an ONNX file.

    Args:
        model: Path of the file, or the file if it is open already; then what follows is settled,
            but for the settings.
        threads: Threads inside the network; None: all cores.
        optimise: Whether to optimise the network for this machine; opening is faster without.
        settings: The user's settings for a file without a description; see
            `imfuse.engines.describe.SETTINGS`.
        max_memory: Bytes that a pair may take; see `imfuse.engines.onnx_file.OnnxFile`.

    Attributes:
        spec: The file's description, or the result of examining it.
        feed: Description of the network's inputs and output.
        weights_sha256: SHA-256 of the file.
        notes: Assumptions about a file without a description.

    Raises:
        UsageError: There are settings for a file with a description; or one makes no sense.
        WeightsError: The file is missing, damaged, or not a network that fuses two pictures.
    """

    def __init__(
        self,
        model: Path | OnnxFile,
        *,
        threads: int | None = None,
        optimise: bool = True,
        settings: Mapping[str, str] | None = None,
        max_memory: int | None = None,
    ) -> None:
        self._file = (
            model
            if isinstance(model, OnnxFile)
            else OnnxFile(model, threads, optimise=optimise, max_memory=max_memory)
        )
        self.weights_sha256: str | None = self._file.sha256
        self.spec, self.feed, self.notes = _described(self._file, settings or {})
        _check_signature(self._file, self.feed)

    def fuse(self, ir: Float, vis: Float) -> Float:
        """Fuse two arrays; see `imfuse.types.Engine.fuse`."""

        def run(values: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
            return self._file.run([self.feed.output], values)[0]

        return checked(self.feed.fuse(run, ir, vis, self._file.path), self.spec, self._file.path)


def described_itself(file: OnnxFile) -> UsageError:
    """Return the error for settings that are given with a file that describes itself."""
    return UsageError(
        f"--set (settings=) with {file.path}, which describes itself",
        remedy="Omit it, or give the file as it was before `imfuse convert`.",
    )


def checked(fused: Float, spec: FusionSpec, file: Path) -> Float:
    """Return a result if it has the channels that the spec promises.

    Raises:
        WeightsError: The result has other channels.
    """
    if (fused.ndim == 3) != (spec.output == "rgb"):
        raise WeightsError(
            f"an output of the shape {fused.shape}",
            file=file,
            expected=f"{spec.output}, as its description says",
            remedy=_REMEDY,
        )
    return fused


def _described(
    file: OnnxFile, settings: Mapping[str, str]
) -> tuple[FusionSpec, Feed, tuple[str, ...]]:
    text = file.metadata.get(SPEC_KEY)
    if text is None and SEGMENTER_KEY in file.metadata:
        remedy = "Label pictures with it: imfuse segment run."
        raise WeightsError("a segmenter, not a fusion network", file=file.path, remedy=remedy)
    if text is None:
        found = describe(file, settings)
        return found.spec, found.feed, found.notes
    if settings:
        raise described_itself(file)
    key = SPEC_KEY
    try:
        spec = FusionSpec.model_validate_json(text)
        key = FEED_KEY
        feed_text = file.metadata.get(FEED_KEY)
        feed = ours(spec.visible) if feed_text is None else Feed.model_validate_json(feed_text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        found_bad = f"bad metadata {key} ({brief(f'{place}: ' * bool(place) + first['msg'])})"
        raise WeightsError(found_bad, file=file.path, remedy=_REMEDY) from error
    return spec, feed, ()


def _check_signature(file: OnnxFile, feed: Feed) -> None:
    """Refuse a file whose inputs and output differ from its description."""
    expected = {
        one.name: (sum(plane.channels for plane in one.planes), one.kind) for one in feed.inputs
    }
    layouts = {one.name: one.layout for one in feed.inputs}
    found = {}
    fits = feed.output in {one.name for one in file.outputs}
    for port in file.inputs:
        axis = 3 if layouts.get(port.name) == "nhwc" else 1
        found[port.name] = port.shape[axis] if len(port.shape) == 4 else None, port.kind
        sides = (port.shape[1:3] if axis == 3 else port.shape[2:]) if len(port.shape) == 4 else ()
        fits = fits and sides == (feed.size or (None, None))
    if not fits or found != expected:
        shown = ", ".join(str(port) for port in (*file.inputs, *file.outputs)[:6])
        wanted = ", ".join(f"{brief(n, 40)} {c} {kind}" for n, (c, kind) in expected.items())
        raise WeightsError(
            f"inputs and outputs {shown}",
            file=file.path,
            expected=f"{wanted} (channels and type) of {_size(feed)}, and an output "
            f"{brief(feed.output, 40)}",
            remedy=_REMEDY,
        )


def _size(feed: Feed) -> str:
    return f"{feed.size[1]}x{feed.size[0]}" if feed.size else "any size"
