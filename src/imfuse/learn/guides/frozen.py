"""Frozen detectors and segmenters in ONNX files, through which gradients flow to the picture.

Both are asked the same question: how sure are you of each of some classes, at each of your places?
A detector's places are its candidates, a segmenter's are pixels.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.errors import UsageError, WeightsError
from imfuse.learn.onnx_graph.reading import read_graph
from imfuse.vision.classes import common_name
from imfuse.vision.detector import OnnxDetector
from imfuse.vision.preparation import Preparation
from imfuse.vision.segmenter import OnnxSegmenter


class FrozenGuide(nn.Module, ABC):
    """A network that looks at pictures, and is never trained.

    Attributes:
        size: Height and width that it sees pictures at; None: their own.
        classes: Names of the classes that it is asked for.
    """

    size: tuple[int, int] | None
    classes: tuple[str, ...]

    def __init__(self, path: Path, preparation: Preparation) -> None:
        super().__init__()
        self.graph = read_graph(path)
        self._preparation = preparation

    def forward(self, rgb: Tensor) -> Tensor:
        """Return how sure it is of each class at each place.

        Args:
            rgb: `(b, 3, h, w)` in [0, 1].

        Returns:
            `(b, places, classes)` in [0, 1].
        """
        # In bfloat16, gradients through small detectors point elsewhere (cosine .8 to float64).
        with torch.autocast(rgb.device.type, enabled=False):
            return self.read(self.graph(self._prepared(rgb.float())))

    @abstractmethod
    def read(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return `(b, places, classes)` in [0, 1] from the network's outputs."""

    def _prepared(self, rgb: Tensor) -> Tensor:
        """Return pictures as the network takes them: scaled, with a margin, normalised."""
        how = self._preparation
        if self.size is None:
            whole = rgb
        else:
            place = how.place((rgb.shape[2], rgb.shape[3]), self.size)
            inner = rgb
            if (place.rows, place.columns) != rgb.shape[2:]:
                inner = functional.interpolate(rgb, (place.rows, place.columns), mode="bilinear")
            right = self.size[1] - place.left - place.columns
            below = self.size[0] - place.top - place.rows
            whole = functional.pad(inner, (place.left, right, place.top, below), value=how.margin)
        if how.order == "bgr":
            whole = whole.flip(1)
        mean, std = (whole.new_tensor(one).view(1, 3, 1, 1) for one in (how.mean, how.std))
        return (whole * how.scale - mean) / std


class FrozenDetector(FrozenGuide):
    """A detector. Its boxes are left to themselves: candidates lie where they lie.

    Args:
        path: ONNX file.
        classes: Names of the classes to ask for; those that it does not know are left out.

    Raises:
        WeightsError: The file can't be used, or its answers are no scores of fixed places.
        UsageError: It knows none of the classes.
    """

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        found = OnnxDetector(path)
        super().__init__(path, found.preparation)
        self.size, self._family = found.size, found.family
        if self._family not in _SCORES:
            raise WeightsError(
                f"a detector of the family {self._family}, which can't guide",
                file=path,
                expected=f"one of {', '.join(_SCORES)}",
                remedy="Export it without suppression, so that it answers with scores of fixed "
                "places.",
            )
        self.classes, numbers = _asked(found.names, classes, path)
        self._count = len(found.names)
        self.register_buffer("numbers", torch.tensor(numbers), persistent=False)

    def read(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return the scores of the candidates."""
        scores = _SCORES[self._family](outputs, self._count)
        return scores[..., cast(Tensor, self.numbers)]


class FrozenSegmenter(FrozenGuide):
    """A segmenter, which answers with logits.

    Args:
        path: ONNX file.
        classes: Names of the classes to ask for; those that it does not know are left out.

    Raises:
        WeightsError: The file can't be used.
        UsageError: It knows none of the classes, or does not name them.
    """

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        found = OnnxSegmenter(path)
        found.refuse_pairs()
        super().__init__(path, Preparation(fit="stretch"))
        self.size = found.size
        if found.spec is None:
            raise UsageError(
                "a segmenter that does not name its classes",
                file=path,
                expected="one that imfuse trained (`imfuse segment train`)",
            )
        self.classes, numbers = _asked(found.spec.classes, classes, path)
        self.register_buffer("numbers", torch.tensor(numbers), persistent=False)

    def read(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return the probabilities of the pixels."""
        logits = next(one for one in outputs if one.ndim == 4)
        scores = logits.softmax(1)[:, cast(Tensor, self.numbers)]
        return scores.flatten(2).transpose(1, 2)


def open_guide(path: Path, classes: Sequence[str]) -> FrozenGuide:
    """Return the guide in an ONNX file: a segmenter of ours, or any detector.

    Args:
        path: The file.
        classes: Names of the classes to ask for.

    Raises:
        WeightsError: The file can't be used.
        UsageError: It knows none of the classes.
    """
    from imfuse.engines.onnx import SEGMENTER_KEY  # noqa: PLC0415 - see below
    from imfuse.engines.onnx_file import OnnxFile  # noqa: PLC0415 - one look decides which

    if SEGMENTER_KEY in OnnxFile(path).metadata:
        return FrozenSegmenter(path, classes)
    try:
        return FrozenDetector(path, classes)
    except WeightsError:
        if _segments(path):
            FrozenSegmenter(path, classes)  # says what is wrong with it
        raise


def _segments(path: Path) -> bool:
    """Return whether a file is a segmenter, of whatever classes."""
    try:
        OnnxSegmenter(path).class_names(())
    except WeightsError:
        return False
    return True


def _asked(
    known: Sequence[str], wanted: Sequence[str], path: Path
) -> tuple[tuple[str, ...], list[int]]:
    usual = [common_name(name) for name in wanted]
    found = [(name, n) for n, name in enumerate(known) if common_name(name) in usual]
    if not found:
        raise UsageError(
            f"none of the classes {', '.join(wanted)}",
            file=path,
            expected=f"some of {', '.join(known[:8])}, ...",
            remedy="Name others: --set 'guidance.classes=[\"car\"]' (settings=).",
        )
    return tuple(name for name, _ in found), [n for _, n in found]


def _objectness(outputs: Sequence[Tensor], classes: int) -> Tensor:
    table = outputs[0]
    return table[..., 4:5] * table[..., 5 : 5 + classes]


def _columns(outputs: Sequence[Tensor], classes: int) -> Tensor:
    table = next(one for one in outputs if one.ndim == 3)
    return table[:, 4 : 4 + classes].transpose(1, 2)


def _first(outputs: Sequence[Tensor], classes: int) -> Tensor:
    return outputs[0][..., :classes]


def _each_grid(outputs: Sequence[Tensor], classes: int) -> Tensor:
    return torch.cat([one for one in outputs if one.ndim == 3 and one.shape[2] == classes], 1)


_SCORES = {
    "yolox": _objectness,
    "yolov5": _objectness,
    "yolov6": _objectness,
    "yolov8": _columns,
    "nanodet": _first,
    "picodet": _each_grid,
}
"""Scores `(b, places, classes)` from the outputs of each family that can guide."""
