"""Detectors in ONNX files, run by ONNX Runtime on the CPU.

A file says what it takes and how it answers by its shapes only, so it is shown a test picture and
recognised by its answer; see `imfuse.vision.families`.
"""

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imfuse.engines.onnx_file import OnnxFile, Port, brief
from imfuse.errors import WeightsError
from imfuse.lookup import look_up
from imfuse.types import Float
from imfuse.vision.detections import Detections, make_detections, suppress
from imfuse.vision.detector_settings import DetectorSettings
from imfuse.vision.families.base import Arrays, Reading, Trial
from imfuse.vision.families.names import COCO
from imfuse.vision.families.queries import SIZE_INPUT
from imfuse.vision.families.suppressed import PADDLE_INPUTS
from imfuse.vision.families.table import FAMILIES

_Shapes = dict[str, tuple[int, ...]]

_USUAL_SIDE = 640
"""Height and width for files that take any size."""
_MOST_PIXELS = 1 << 25
_LIMIT = 30.0
"""Seconds that the test picture may take."""
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
_AS_BYTES: dict[str, Any] = {"scale": 255.0, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
_REMEDY = (
    "Export the detector to one of these layouts, or name the family it belongs to with "
    "--judge-set family=NAME (settings=)."
)


class OnnxDetector:
    """A detector in an ONNX file. Threads may share it.

    Args:
        model: Path of the file.
        settings: What is known better than by its family.
        threads: Threads inside the network; None: all cores.

    Attributes:
        path: Path of the file.
        sha256: SHA-256 of its content.
        family: Name of its family.
        names: Names of its classes, by number.
        settings: Its settings.
        size: Height and width that pictures are brought to.
        preparation: What is done to pictures before.

    Raises:
        WeightsError: The file is missing or corrupted, takes something else than a picture, or
            answers in an unknown layout.
        UnknownName: There is no such family.
    """

    def __init__(
        self, model: Path, settings: DetectorSettings | None = None, threads: int | None = None
    ) -> None:
        self.path, self.settings = model, settings or DetectorSettings()
        self._file = OnnxFile(model, threads)
        self.sha256 = self._file.sha256
        self._picture, self._last = _picture_input(self._file)
        self._bytes = self._picture.kind == "tensor(uint8)"
        self.size = self._size()
        self._others = self._other_inputs()
        named = self.settings.names or _names_in(self._file)
        reading = self._recognise(len(named) or None)
        self._reading, self.family = reading, reading.family
        self.names = named or reading.names or _usual_names(reading.classes)
        chosen = {"fit", "order", "scale", "mean", "std"}
        known = self.settings.model_dump(include=chosen, exclude_none=True)
        # A file that takes bytes takes pixels as they are.
        plain = _AS_BYTES if self._bytes else {}
        self.preparation = replace(reading.preparation, **{**plain, **known})

    def detect(self, picture: Float) -> Detections:
        """Return the objects in a picture, most confident first.

        Args:
            picture: `(H, W, 3)` RGB, or `(H, W)` gray, in [0, 1].

        Returns:
            Boxes in pixels of the picture, inside of it.

        Raises:
            WeightsError: The network fails, or answers in another layout than before.
        """
        values, place = self.preparation.apply(picture, self.size)
        found = self._decode(self._run(values))
        likely = (found.scores >= self.settings.score) & (found.scores > 0)
        found = found.take(likely & (found.classes >= 0))  # some files fill up with class -1
        if not self._reading.suppressed:
            found = suppress(found, self.settings.iou)
        found = found.take(slice(self.settings.most))
        height, width = picture.shape[:2]
        with np.errstate(over="ignore"):
            inside = place.back(found.xyxy).clip(0, np.array([width, height] * 2, np.float32))
        return make_detections(inside, found.scores, found.classes)

    def about(self) -> dict[str, str]:
        """Return, in words, everything that its detections depend on."""
        how, settings = self.preparation, self.settings
        height, width = self.size
        return {
            "detector": f"{self.path.name}, SHA-256 {self.sha256}, {self.family}",
            "its input": f"{width}x{height}, {how.fit}, {how.order}, scale {how.scale:g}, "
            f"mean {how.mean}, std {how.std}",
            "its threshold": f"confidence {settings.score:g}, at most {settings.most} objects",
            "its suppression": "in the file"
            if self._reading.suppressed
            else f"IoU {settings.iou:g}",
        }

    def _run(self, values: Float, seconds: float | None = None) -> Arrays:
        kind = _TYPES[self._picture.kind]
        shown = values.transpose(1, 2, 0) if self._last else values
        if self._bytes:
            shown = np.rint(shown).clip(0, 255)
        shown = np.ascontiguousarray(shown, kind)
        if len(self._picture.shape) == 4:
            shown = shown[None]
        feed = {self._picture.name: shown, **self._others}
        try:
            outputs = self._file.run(None, feed, seconds=seconds)
        except WeightsError as error:
            found = f"it can't look at a picture ({brief(error.found)})"
            remedy = (
                "Give the size that it was made for, as --judge-set size=[640,640] (settings=)."
            )
            raise WeightsError(found, file=self.path, remedy=remedy) from error
        named = zip(self._file.outputs, outputs, strict=True)
        return {port.name: np.asarray(one) for port, one in named if _is_numeric(one)}

    def _decode(self, outputs: Arrays) -> Detections:
        # Lists of objects have any length; the rest can't change while the input's size does not.
        found = _shapes(outputs)
        if found != self._usual and not (
            self._reading.suppressed and _same_axes(found, self._usual)
        ):
            raise self._changed(outputs)
        try:
            with np.errstate(all="ignore"):  # what is not finite is dropped
                return self._reading.decode(outputs)
        except Exception as error:
            raise self._changed(outputs) from error

    def _changed(self, outputs: Arrays) -> WeightsError:
        return WeightsError(
            f"its outputs changed to {_shown(_shapes(outputs))}",
            file=self.path,
            expected=f"{_shown(self._usual)}, as for the test picture",
            remedy="Export the detector with outputs of one layout.",
        )

    def _recognise(self, classes: int | None) -> Reading:
        family = self.settings.family
        families = FAMILIES if family is None else {family: look_up("family", family, FAMILIES)}
        # Anything but one value, which some networks turn into nothing but equal numbers. A file
        # that takes more than [0, 1] sees a dark picture, while 255 might overflow in float16.
        picture = np.random.default_rng(0).random((3, *self.size), np.float32)
        outputs = self._run(picture * (255 if self._bytes else 1), seconds=_LIMIT)
        inputs = tuple(port.name for port in self._file.inputs)
        trial = Trial(self.size, inputs, outputs, classes)
        self._usual = _shapes(outputs)
        with np.errstate(all="ignore"):
            for recognise in families.values():
                reading = recognise(trial)
                if reading is not None:
                    return reading
        height, width = self.size
        which = "no known detector gives" if family is None else f"{family} does not give"
        raise WeightsError(
            f"outputs {_shown(self._usual)} for a picture of {width}x{height}, which {which}",
            file=self.path,
            expected=f"the outputs of one of {', '.join(families)}"
            + (f" for {classes} classes, as many as have names" if classes else ""),
            remedy=_REMEDY,
        )

    def _size(self) -> tuple[int, int]:
        shape = self._picture.shape[-3:]
        height, width = shape[:2] if self._last else shape[1:]
        wanted = self.settings.size or (_USUAL_SIDE, _USUAL_SIDE)
        size = height or wanted[0], width or wanted[1]
        if self.settings.size is not None and size != self.settings.size:
            raise WeightsError(
                f"an input of {size[1]}x{size[0]}, fixed in the file",
                file=self.path,
                expected=f"the {wanted[1]}x{wanted[0]} that were asked for",
                remedy="Leave the size out.",
            )
        if not (min(size) > 0 and size[0] * size[1] <= _MOST_PIXELS):
            found, expected = f"an input of {size[1]}x{size[0]}", f"at most {_MOST_PIXELS:,} pixels"
            raise WeightsError(found, file=self.path, expected=expected)
        return size

    def _other_inputs(self) -> dict[str, NDArray[Any]]:
        """Return values for inputs that say how the picture was scaled: not at all."""
        feed: dict[str, NDArray[Any]] = {}
        for port in self._file.inputs:
            if port.name == self._picture.name:
                continue
            if port.name == PADDLE_INPUTS[0]:
                feed[port.name] = np.ones((1, 2), np.float32)
            elif port.name == PADDLE_INPUTS[1]:
                feed[port.name] = np.array([self.size], np.float32)
            elif port.name == SIZE_INPUT:
                feed[port.name] = np.array([self.size[::-1]], np.int64)
            else:
                raise WeightsError(
                    f"an input that is no picture: {port}",
                    file=self.path,
                    expected=f"a picture, and at most {', '.join([*PADDLE_INPUTS, SIZE_INPUT])}",
                    remedy="Export the detector so that it takes a picture and nothing else.",
                )
        return feed


def _picture_input(file: OnnxFile) -> tuple[Port, bool]:
    """Return the input that takes the picture, and whether its channels come last."""
    found = []
    for port in file.inputs:
        shape = port.shape[-3:]
        if len(port.shape) not in (3, 4) or port.kind not in _TYPES:
            continue
        if len(port.shape) == 4 and port.shape[0] not in (1, None):
            continue
        if shape[0] == 3 or (shape[0] is None and shape[2] != 3):
            found.append((port, False))
        elif shape[2] == 3:
            found.append((port, True))
    if len(found) == 1:
        return found[0]
    raise WeightsError(
        f"inputs {', '.join(str(one) for one in file.inputs[:6]) or 'none'}",
        file=file.path,
        expected="one picture of three channels (1, 3, height, width)",
        remedy="Export the detector for one picture at a time.",
    )


def _is_numeric(output: object) -> bool:
    return isinstance(output, np.ndarray | np.generic) and output.dtype.kind in "fiu"


def _shapes(outputs: Arrays) -> _Shapes:
    return {name: one.shape for name, one in outputs.items()}


def _same_axes(first: _Shapes, second: _Shapes) -> bool:
    return {name: len(one) for name, one in first.items()} == {
        name: len(one) for name, one in second.items()
    }


def _shown(shapes: _Shapes) -> str:
    """Return names and shapes of outputs for messages."""
    parts = (
        f"{brief(name, 40)} {'x'.join(map(str, one)) or 'scalar'}"
        for name, one in list(shapes.items())[:8]
    )
    return ", ".join(parts) or "without numbers"


def _names_in(file: OnnxFile) -> tuple[str, ...]:
    """Return the names of classes in the metadata that Ultralytics' exports have, if any."""
    try:
        table = ast.literal_eval(file.metadata.get("names", "()"))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ()
    if isinstance(table, dict):
        if set(table) != set(range(len(table))):
            return ()
        table = [table[number] for number in range(len(table))]
    if not isinstance(table, list | tuple) or not all(isinstance(one, str) for one in table):
        return ()
    return tuple(brief(one, 80) for one in table)


def _usual_names(classes: int) -> tuple[str, ...]:
    """Return COCO's names for its number of classes, else numbers."""
    if classes in (0, len(COCO)):
        return COCO
    return tuple(f"class {number}" for number in range(classes))
