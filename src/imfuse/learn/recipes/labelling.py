"""Label whole pictures during the training of a segmenter: for previews and for scores."""

import numpy as np
import torch
from numpy.typing import NDArray

from imfuse.data.sample import Sample
from imfuse.data.sources import Source
from imfuse.learn.guides.base import Segmenter
from imfuse.learn.recipes.labels import SMALLEST
from imfuse.metrics.segmentation import confusion_matrix
from imfuse.ops.geometry import pad_to
from imfuse.types import Float

_SCORED = 50
"""Largest number of held-out pairs that the scores on the card are computed from."""


def seen(guide: Segmenter, sample: Sample) -> Float:
    """Return what a segmenter gets of a sample: `(H, W, 3)`, or 4 channels for a network of pairs.

    Args:
        guide: The segmenter.
        sample: The sample, with float32 values.
    """
    pair = guide.channels > sample.vis.shape[2]
    return np.dstack([sample.vis, sample.ir]) if pair else sample.vis


def find_classes(guide: Segmenter, picture: Float, device: torch.device) -> NDArray[np.uint8]:
    """Return the class of each pixel of a picture `(H, W, channels)` in [0, 1].

    Args:
        guide: The segmenter, in evaluation mode.
        picture: The picture; if too small, it is mirrored at its borders, as in `imfuse segment
            run`.
        device: The segmenter's device.
    """
    height, width = picture.shape[:2]
    padded = pad_to(picture, max(SMALLEST, height), max(SMALLEST, width))
    pixels = torch.from_numpy(np.array(padded.transpose(2, 0, 1)))[None].to(device)
    with torch.inference_mode():
        logits = guide(pixels).main
    classes = logits[0, :, :height, :width].argmax(0)
    return np.asarray(classes.cpu().numpy(), np.uint8)


def coloured(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the PASCAL VOC colours `(H, W, 3)` of classes: black for 0, dark red for 1."""
    numbers = np.arange(256)
    shifts = np.arange(8)
    bits = [(numbers[:, None] >> (3 * shifts + channel)) & 1 for channel in range(3)]
    palette = np.stack([(one << (7 - shifts)).sum(axis=1) for one in bits], axis=1)
    return palette.astype(np.uint8)[labels]


def confusion_over(
    guide: Segmenter, source: Source, device: torch.device, classes: int
) -> tuple[NDArray[np.int64], int]:
    """Return the confusion matrix over up to fifty labelled samples, and their number.

    The samples are spread evenly over the source.
    """
    confusion, scored = np.zeros((classes, classes), np.int64), 0
    labelled = [i for i, entry in enumerate(source.entries) if entry.labelled]
    count = min(_SCORED, len(labelled))
    for place in range(count):
        sample = source.read(labelled[place * len(labelled) // count])
        if sample.labels is not None:
            found = find_classes(guide, seen(guide, sample), device)
            confusion += confusion_matrix(sample.labels, found, classes)
            scored += 1
    return confusion, scored
