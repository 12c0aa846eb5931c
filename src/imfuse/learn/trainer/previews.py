"""Pictures of how far a training is: infrared, visible and fused, side by side."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import cv2
import numpy as np
import torch

from imfuse.data.sample import Sample, quantised
from imfuse.data.sources import Source
from imfuse.io.atomic import write_atomically
from imfuse.learn.batches.transforms import crop
from imfuse.learn.models.base import FusionNetwork
from imfuse.learn.trainer.fusing import fuse_sample

_PAIRS = 3
_SIZE = (240, 320)
_GAP = 4


def preview_samples(source: Source) -> list[Sample]:
    """Return the middles of up to three pairs, spread evenly over a source."""
    count = min(_PAIRS, len(source))
    return [_middle(source.read(i * len(source) // count)) for i in range(count)]


def _middle(sample: Sample) -> Sample:
    height, width = (min(s, most) for s, most in zip(sample.size, _SIZE, strict=True))
    corner = (sample.size[0] - height) // 2, (sample.size[1] - width) // 2
    return crop(sample, corner, (height, width))


def write_preview(
    path: Path,
    network: FusionNetwork,
    samples: Sequence[Sample],
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Write one picture with a row for each sample.

    Args:
        path: File to write.
        network: The network, in evaluation mode.
        samples: With float32 values.
        device: Where the network is.
        autocast: Gives a context that says how precisely to compute.

    Raises:
        OutputError: The file can't be written.
    """
    rows = []
    for sample in samples:
        ir = np.repeat(sample.ir[..., None], 3, axis=2)
        parts = [ir, sample.vis, fuse_sample(network, sample, device, autocast)]
        rows.append([np.pad(part, ((0, _GAP), (0, _GAP), (0, 0))) for part in parts])
    width = max(sum(part.shape[1] for part in row) for row in rows)
    lines = [np.concatenate(row, axis=1) for row in rows]
    lines = [np.pad(line, ((0, 0), (0, width - line.shape[1]), (0, 0))) for line in lines]
    picture = quantised(np.concatenate(lines).astype(np.float32))
    _, content = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write_atomically(path, [content.tobytes()])
