"""Machine judges from the words of a user: files, maps of classes, settings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from imfuse.align.resize import resized
from imfuse.data.layouts import Layout
from imfuse.errors import UnknownName, UsageError
from imfuse.io.yaml_file import load_yaml
from imfuse.scoring.detection import DetectionJudge
from imfuse.scoring.judge import Item, Row
from imfuse.scoring.scorer import Scorer
from imfuse.scoring.segmentation import SegmentationJudge
from imfuse.scoring.truths import BoxTruths
from imfuse.types import Picture
from imfuse.vision.classes import ClassMap
from imfuse.vision.detector import OnnxDetector
from imfuse.vision.detector_settings import ChannelMeans, ChannelSpread, DetectorSettings, White
from imfuse.vision.segmenter import OnnxSegmenter

CITYSCAPES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train",
    "motorcycle", "bicycle",
)  # fmt: skip
"""Classes of Cityscapes, which segmenters of 19 classes have as a rule."""


class ScorerOfAnySize(Scorer):
    """Metrics of pictures that may be of another size than their pairs, as published ones are.

    Machines take such pictures as they are; metrics compare pixels, so these are resized first.
    """

    def score(self, fused: Picture, item: Item) -> Row:
        """Score one picture at the size of its visible picture."""
        size = item.pair.vis.size
        if fused.size == size:
            return super().score(fused, item)
        row = super().score(resized(fused, size), item)
        note = f"resized from {fused.extent} for the metrics"
        return replace(row, notes=(*row.notes, note))


class SegmenterSettings(BaseModel):
    """Preprocessing of a segmenter's training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[int, int] | None = None
    """Height and width that pictures are brought to; None: the file's, or their own."""
    scale: White = 1.0
    """Value of white, before mean and std: 1 or 255."""
    mean: ChannelMeans = (0.0, 0.0, 0.0)
    """Subtracted from each channel, red first."""
    std: ChannelSpread = (1.0, 1.0, 1.0)
    """What each channel is then divided by."""
    names: tuple[str, ...] | None = None
    """Names of the classes, by number; None: those in the file, or Cityscapes' for 19."""


def detection_judge(
    detector: Path,
    layout: Layout,
    boxes: Sequence[str] = (),
    class_map: Path | None = None,
    settings: Mapping[str, object] | None = None,
) -> DetectionJudge:
    """Return the judge that has a detector look at pictures.

    Args:
        detector: Its ONNX file.
        layout: Description of the set, for the names of the classes of its labels.
        boxes: Files or folders with boxes, `FILE` or `NAME=FILE`; none: the boxes of the set, or
            boxes around its labels.
        class_map: YAML file of lines such as `car: [car, bus]`.
        settings: Values of `DetectorSettings` by name.

    Raises:
        UsageError: A setting is wrong, a file of boxes is missing, or two truths share a name.
        ImfuseError: The detector or the map can't be used.
    """
    truths: dict[str, Path] = {}
    for text in boxes:
        name, path = _named_path(text)
        if not name:
            raise UsageError(f"boxes {text!r}", expected="FILE or NAME=FILE")
        if name in truths:
            expected = "different names, as in hand=FILE"
            raise UsageError(f"two truths are named {name}", expected=expected)
        if not path.exists():
            raise UsageError("no such file", file=path, expected="boxes", remedy="Check the path.")
        truths[name] = path
    known = _checked(DetectorSettings, settings)
    network = OnnxDetector(detector, known, threads=1)
    found = BoxTruths(truths, layout.classes)
    return DetectionJudge(network, found, read_map(class_map), known.iou)


def segmentation_judge(
    segmenter: Path,
    layout: Layout,
    labels: Path | None = None,
    class_map: Path | None = None,
    settings: Mapping[str, object] | None = None,
) -> SegmentationJudge:
    """Return the judge that has a segmenter look at pictures.

    Args:
        segmenter: Its ONNX file.
        layout: Description of the set, for the names of the truth's classes.
        labels: Folder with labels; None: those of the set.
        class_map: YAML file of lines such as `car: [car, bus]`; its names are the truth's classes
            where the set does not name them.
        settings: Values of `SegmenterSettings` by name.

    Raises:
        UsageError: A setting is wrong, the folder is missing, or nobody names the classes.
        ImfuseError: The segmenter or the map can't be used.
    """
    if labels is not None and not labels.is_dir():
        raise UsageError("no such folder", file=labels, expected="a folder of label pictures")
    known = _checked(SegmenterSettings, settings)
    network = OnnxSegmenter(
        segmenter, scale=known.scale, mean=known.mean, std=known.std, size=known.size, threads=1
    )
    network.refuse_pairs()
    table = read_map(class_map)
    names = layout.classes or tuple(table or ())
    if not names:
        raise UsageError(
            "nobody says what the classes of the labels are",
            expected="a set that names them (`imfuse data list`), or a map",
            remedy="Give a YAML file with a line for each class, in the order of the labels, such "
            "as `car: [car, bus]`, with --map (class_map=).",
        )
    found = known.names or (() if network.spec is None else network.spec.classes)
    found = found or network.class_names(CITYSCAPES)
    about = {
        "segmenter": f"{segmenter.name}, SHA-256 {network.sha256}",
        "its input": f"scale {known.scale:g}, mean {known.mean}, std {known.std}"
        + ("" if known.size is None else f", {known.size[1]}x{known.size[0]}"),
        "labels": ", ".join(f"{number} {name}" for number, name in enumerate(names)),
    }
    return SegmentationJudge(network, found, names, labels, table, about)


def read_map(path: Path | None) -> ClassMap | None:
    """Read a map of classes: for each class of the truth, those of the network that count as it.

    Raises:
        UsageError: The file can't be read, or holds something else.
    """
    if path is None:
        return None
    content = load_yaml(path)
    if not isinstance(content, dict) or not content:
        raise UsageError("no map of classes", file=path, expected="lines like `car: [car, bus]`")
    found: dict[str, tuple[str | int, ...]] = {}
    for name, value in content.items():
        classes = value if isinstance(value, list) else [] if value is None else [value]
        if not all(isinstance(one, str | int) for one in (name, *classes)):
            expected = "names or numbers of classes, as in `car: [car, bus]`"
            raise UsageError(f"{name}: {value!r}", file=path, expected=expected)
        found[str(name)] = tuple(classes)
    return found


def _named_path(text: str) -> tuple[str, Path]:
    """Read `NAME=FILE` or `FILE`, whose name then is the truth's."""
    name, sign, path = text.partition("=")
    if not sign or Path(text).exists():
        return Path(text).stem, Path(text)
    return name, Path(path)


def _checked(kind: Any, settings: Mapping[str, object] | None) -> Any:  # noqa: ANN401 - one of ours
    try:
        return kind.model_validate(dict(settings or {}))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise UnknownName("setting", name, list(kind.model_fields)) from error
        raise UsageError(
            f"setting {name}: {first['msg']}",
            expected=f"values of {', '.join(kind.model_fields)}",
        ) from error
