"""PSFusion's segmentation head without any other segmenter (its table 5), scored on labels.

    python benchmarks/papers/direct_segmentation.py psfusion.safetensors --data MSRS -o direct.json

MODEL is PSFusion's weights, the folder of its training, or an ONNX segmenter of pairs. As in the
paper, IoU is counted over the pixels of all pictures together.
"""

import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import add_result, open_pairs, parser, write_json
from numpy.typing import NDArray

from imfuse.data.sources import Source
from imfuse.errors import ImfuseError, UsageError
from imfuse.learn.heads import segmenter_file
from imfuse.metrics.published import published_rows
from imfuse.metrics.segmentation import confusion_matrix, segmentation_scores
from imfuse.vision.segmenter import OnnxSegmenter


def load_segmenter(model: Path) -> OnnxSegmenter:
    """Return the segmenter of pairs that a user names.

    Raises:
        UsageError: It looks at pictures instead.
        ImfuseError: It can't be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        segmenter = OnnxSegmenter(segmenter_file(model, Path(folder)))
    if not segmenter.pairs:
        raise UsageError(f"{model}, which segments pictures", expected="a segmenter of pairs")
    return segmenter


def confusion(segmenter: OnnxSegmenter, source: Source) -> tuple[NDArray[np.int64], int]:
    """Return pixels by true and found class, and how many labelled pairs they are from.

    Raises:
        UsageError: No pair has labels.
    """
    names = source.layout.classes
    size = max(len(names), 0 if segmenter.spec is None else len(segmenter.spec.classes))
    total, count = np.zeros((size, size), np.int64), 0
    for index in range(len(source)):
        sample = source.read(index)
        if sample.labels is not None:
            found = segmenter.label(np.dstack([sample.vis, sample.ir]))
            total += confusion_matrix(sample.labels, found, size)
            count += 1
    if not count:
        raise UsageError("pairs without labels", expected="a dataset with labels, or scenes:N")
    return total, count


def score(model: Path, source: Source) -> dict[str, Any]:
    """Return IoU in percent of each class and the mean, beside what the paper prints."""
    found, count = confusion(load_segmenter(model), source)
    scores = segmentation_scores(found)
    names = source.layout.classes
    return {
        "model": str(model),
        "data": source.layout.name,
        "pairs": count,
        "iou": {
            names[number] if number < len(names) else str(number): _percent(value)
            for number, value in enumerate(scores.iou)
        },
        "miou": _percent(scores.mean_iou),
        "printed": {
            row.method: dict(row.values)
            for row in published_rows("MSRS", task="segmentation")
            if row.paper == "PSFusion" and row.method == "PSFusion direct head"
        },
    }


def _percent(share: float) -> float | None:
    """Return a share in percent; None for a class that occurs nowhere."""
    return None if math.isnan(share) else round(100 * float(share), 2)


def main() -> None:
    """Score a head, and print its scores."""
    arguments = parser(__doc__)
    arguments.add_argument("model", type=Path, metavar="MODEL")
    add_result(arguments)
    given = arguments.parse_args()
    try:
        result = score(given.model, open_pairs(given))
        if given.out is not None:
            write_json(given.out, result)
    except ImfuseError as error:
        sys.exit(str(error))
    for name, value in result["iou"].items():
        print(f"{name:<16}{'-' if value is None else f'{value:.2f}':>8}")
    print(f"{'mean':<16}{result['miou']:8.2f}   on {result['pairs']} pairs of {result['data']}")
    print(f"printed, on MSRS: {result['printed']}")


if __name__ == "__main__":
    main()
