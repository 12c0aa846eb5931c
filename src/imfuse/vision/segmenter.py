"""Segmenters in ONNX files, ours or anybody's, run by ONNX Runtime on the CPU.

Such a file has one input (b, 3, H, W), float, and gives either logits (b, k, H', W') or classes
(b, H', W'). Height and width may be fixed. Ours say of themselves, as JSON under the metadata key
`imfuse.segmenter`, what their classes are, and whether they take unfused pairs: (b, 4, H, W),
infrared last.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imfuse.engines.onnx import SEGMENTER_KEY
from imfuse.engines.onnx_file import OnnxFile, brief
from imfuse.errors import BadValues, WeightsError
from imfuse.ops.geometry import pad_to
from imfuse.types import Float, Text
from imfuse.vision.sliding import Windows, mean_logits

_HIGHEST = 255
"""Highest class that label pictures can hold; it stands for unknown there."""
_LONGEST_SIDE = 32767
"""Most rows or columns that OpenCV resizes."""
_MOST_PIXELS = 1 << 25
"""Most pixels that a file may bring every picture to."""


SegmenterInput = Literal["vis", "ir", "fused", "pair"]
"""Kind of pictures that a segmenter looks at; `pair`: both unfused ones, as four channels."""


class SegmenterSpec(BaseModel):
    """Description that our own files carry."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Text
    """Name of the network."""
    classes: Annotated[tuple[Text, ...], Field(max_length=256)]
    """Names of the classes, by number."""
    on: SegmenterInput = "vis"
    """Kind of pictures that it was trained on."""
    minimum: Annotated[int, Field(ge=1, le=1 << 12)] = 1
    """Least height and width; smaller pictures are mirrored at their borders."""
    multiple: Annotated[int, Field(ge=1, le=1 << 8)] = 1
    """Height and width must be a multiple of this; other pictures are mirrored at their borders."""
    training_data: Text = ""
    training_terms: Text = ""

    def padded(self, side: int) -> int:
        """Return the height or width that pictures of a height or width are mirrored to."""
        return -(-max(side, self.minimum) // self.multiple) * self.multiple


class OnnxSegmenter:
    """A segmenter in an ONNX file.

    Pictures are multiplied by `scale`, then `mean` is taken away and the rest divided by `std`.

    Args:
        model: Path of the file.
        scale: 1: the file takes values from 0 to 1; 255: from 0 to 255.
        mean: Of red, green, blue.
        std: Of red, green, blue.
        size: Height and width that pictures are brought to; None: what the file fixes, else their
            own. With `windows`, each window is brought to it.
        windows: Windows that the file sees a picture by, whose logits are averaged; None: it sees
            the whole picture at once.
        threads: Threads inside the network; None: all cores.

    Attributes:
        spec: What the file says of itself; None for other people's.
        sha256: SHA-256 of the file.
        size: Height and width that pictures are brought to; None: their own.
        pairs: Whether it segments unfused pairs, not pictures.

    Raises:
        WeightsError: The file is missing, corrupted, or takes something else than pictures or, if
            it is ours, pairs.
    """

    def __init__(
        self,
        model: Path,
        *,
        scale: float = 1.0,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        size: tuple[int, int] | None = None,
        windows: Windows | None = None,
        threads: int | None = None,
    ) -> None:
        self._model, self._file, self._windows = model, OnnxFile(model, threads), windows
        self.sha256 = self._file.sha256
        self.spec = _read_spec(self._file)
        self.pairs = self.spec is not None and self.spec.on == "pair"
        self._channels = 4 if self.pairs else 3
        self._input, fixed = _input(self._file, self._channels)
        self.size = fixed if size is None else size
        self._scale = np.float32(scale)
        spare = 1 if self.pairs else 0  # infrared is only scaled
        self._mean = np.asarray([*mean, *[0.0] * spare], np.float32)
        self._std = np.asarray([*std, *[1.0] * spare], np.float32)

    def refuse_pairs(self) -> None:
        """Refuse a segmenter of unfused pairs where it would have to look at fused pictures.

        Raises:
            WeightsError: It is one.
        """
        if self.pairs:
            raise WeightsError(
                "a segmenter of unfused pairs",
                file=self._model,
                expected="a segmenter of pictures",
                remedy="Label the pairs with `imfuse segment run MODEL VIS --ir IR`, and score the "
                "labels with `imfuse segment score`.",
            )

    def class_names(self, usual: Sequence[str]) -> tuple[str, ...]:
        """Return names for the classes of a file that does not name them: usual ones, or numbers.

        Args:
            usual: Names for a file of as many classes.

        Raises:
            WeightsError: The file gives something else than logits or classes.
        """
        height, width = self.size or (64, 64)
        found = self._run(np.zeros((1, self._channels, height, width), np.float32))
        count = found.shape[1] if _has_logits(found) else _HIGHEST + 1
        return tuple(usual) if count == len(usual) else tuple(map(str, range(count)))

    def label(self, picture: Float) -> NDArray[np.uint8]:
        """Return the class of each pixel.

        Args:
            picture: `(H, W, 3)` RGB, or `(H, W)` gray, in [0, 1]; for a segmenter of pairs
                `(H, W, 4)`: RGB, then infrared.

        Returns:
            `(H, W)`.

        Raises:
            WeightsError: The file can't take pictures of this size, or gives something else than
                logits or classes; classes are not enough for windows.
            BadValues: There are more classes than 8 bits hold.
        """
        rgb = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
        height, width = rgb.shape[:2]
        if self._windows is None:
            found, whole = self._seen(rgb)
        else:
            found = mean_logits(self._logits, rgb, self._windows)[None]
            whole = height, width
        return self._classes(found, whole)[:height, :width]

    def _seen(self, rgb: Float) -> tuple[NDArray[Any], tuple[int, int]]:
        """Return what the file gives for a picture, and the height and width that this covers."""
        spec = self.spec
        sides = rgb.shape[:2]
        shown = rgb if spec is None else pad_to(rgb, *(spec.padded(n) for n in sides))
        whole = shown.shape[0], shown.shape[1]
        if self.size is not None and self.size != whole:
            smaller = self.size[0] < whole[0] or self.size[1] < whole[1]
            way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
            shown = np.asarray(cv2.resize(shown, self.size[::-1], interpolation=way), np.float32)
        values = (np.asarray(shown, np.float32) * self._scale - self._mean) / self._std
        found = self._run(np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32))
        return found, whole

    def _logits(self, rgb: Float) -> Float:
        """Return the logits `(classes, h, w)` of a picture `(h, w, channels)`."""
        found, whole = self._seen(rgb)
        if not _has_logits(found):
            raise WeightsError(
                "classes instead of logits, which can't be averaged over windows",
                file=self._model,
                expected="logits (1, classes, height, width)",
                remedy="Export it without its last argmax, or let it see whole pictures.",
            )
        height, width = rgb.shape[:2]
        return np.stack([_resized(one, whole)[:height, :width] for one in found[0]])

    def _run(self, values: Float) -> NDArray[Any]:
        try:
            outputs = self._file.run(None, {self._input: values})
        except WeightsError as error:
            height, width = values.shape[2:]
            raise WeightsError(
                f"it can't segment a picture of {width}x{height} ({brief(error.found)})",
                file=self._model,
                remedy="Give the size that it was made for, such as --size 512x512 (size=).",
            ) from error
        for output in outputs:
            found = np.asarray(output)
            if found.ndim in (3, 4) and found.shape[0] == 1 and _is_map(found, values.shape[2:]):
                return found
        raise WeightsError(
            f"outputs of the shapes {', '.join(str(np.shape(one)) for one in outputs[:6])}",
            file=self._model,
            expected="logits (1, classes, height, width) or classes (1, height, width)",
            remedy="If it is a detector, give it to `imfuse bench --task detect --detector`.",
        )

    def _classes(self, found: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return classes at a size: the largest logits there, or the nearest class."""
        if _has_logits(found):
            classes = np.zeros(size, np.int64)
            best = np.full(size, -np.inf, np.float32)
            for number, logits in enumerate(found[0]):
                plane = _resized(logits, size)
                classes[plane > best] = number
                np.maximum(best, plane, out=best)
        else:
            first = found[0, 0] if found.ndim == 4 else found[0]
            nearest = cv2.INTER_NEAREST_EXACT
            whole = np.rint(first).astype(np.float32)
            classes = cv2.resize(whole, size[::-1], interpolation=nearest).astype(np.int64)
        if classes.min() < 0 or classes.max() > _HIGHEST:
            worst = classes.max() if classes.max() > _HIGHEST else classes.min()
            raise BadValues(
                f"class {worst}", file=self._model, expected=f"classes from 0 to {_HIGHEST}"
            )
        return np.asarray(classes, np.uint8)


def _has_logits(found: NDArray[Any]) -> bool:
    """Return whether an output holds logits of several classes, not classes."""
    return found.ndim == 4 and found.shape[1] > 1


def _resized(logits: NDArray[Any], size: tuple[int, int]) -> Float:
    """Return the logits of a class at a height and width."""
    plane = np.asarray(logits, np.float32)
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _is_map(found: NDArray[Any], size: tuple[int, ...]) -> bool:
    """Return whether an output can be logits or classes of a picture of a height and width.

    They are finite numbers, of a size to resize, and one step down is as long as one to the right;
    otherwise the candidates of a detector would pass for classes.
    """
    rows, columns = found.shape[-2:]
    if found.dtype.kind not in "iuf" or found.size == 0 or max(rows, columns) > _LONGEST_SIDE:
        return False
    height, width = size
    alike = abs(rows * width - columns * height) <= 2 * max(height, width)  # sizes are rounded
    return alike and bool(np.isfinite(found).all())


def _input(file: OnnxFile, channels: int) -> tuple[str, tuple[int, int] | None]:
    """Return the name of the input, and its height and width if they are fixed."""
    inputs = file.inputs
    shape = inputs[0].shape if len(inputs) == 1 else ()
    if len(shape) != 4 or inputs[0].kind != "tensor(float)" or shape[1] != channels:
        raise WeightsError(
            f"inputs {', '.join(str(one) for one in inputs[:6]) or 'none'}",
            file=file.path,
            expected=f"one input of floats (1, {channels}, height, width)",
            remedy="Export the segmenter so that it takes a picture and nothing else.",
        )
    height, width = shape[2:]
    fixed = None if height is None or width is None else (height, width)
    if fixed is not None and not (min(fixed) > 0 and fixed[0] * fixed[1] <= _MOST_PIXELS):
        raise WeightsError(
            f"an input of {width}x{height}",
            file=file.path,
            expected=f"at most {_MOST_PIXELS:,} pixels",
        )
    return inputs[0].name, fixed


def _read_spec(file: OnnxFile) -> SegmenterSpec | None:
    text = file.metadata.get(SEGMENTER_KEY)
    try:
        return None if text is None else SegmenterSpec.model_validate_json(text)
    except ValidationError as error:
        found = f"bad metadata {SEGMENTER_KEY} ({brief(error.errors()[0]['msg'])})"
        raise WeightsError(found, file=file.path, remedy="Export it again.") from error
