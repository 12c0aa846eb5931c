"""Export segmenters to ONNX files, which `imfuse segment run` uses without PyTorch."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from imfuse.engines.onnx import SEGMENTER_KEY
from imfuse.engines.onnx_file import OnnxFile
from imfuse.errors import WeightsError
from imfuse.io.atomic import write_atomically
from imfuse.learn.blocks.exporting import trace
from imfuse.learn.guides.base import Segmenter
from imfuse.vision.segmenter import SegmenterSpec

TOLERANCE = 1e-3
"""Maximum difference of logits between PyTorch and ONNX Runtime, relative to their range."""

_TRACED = (101, 135)
_CHECKED = ((97, 66), (64, 160))


def export_segmenter(guide: Segmenter, out: Path, spec: SegmenterSpec) -> float:
    """Write a segmenter as an ONNX file: input `pictures`, output `logits`, any height and width.

    Args:
        guide: The segmenter, with its weights.
        out: File to write.
        spec: Description stored in the file; `minimum` is the smallest height and width, which
            are multiples of `multiple`.

    Returns:
        The largest difference between the file's logits and the segmenter's, relative to their
        range, over two sizes that the exporter did not see.

    Raises:
        WeightsError: That difference exceeds `TOLERANCE`; nothing is written then.
        OutputError: The file can't be written.
    """
    guide = guide.eval()
    content = _convert(guide, spec)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "model.onnx"
        trial.write_bytes(content)
        session = OnnxFile(trial)
        difference = 0.0
        for size in _CHECKED:
            pictures = _noise(guide, _size(size, spec))
            with torch.inference_mode():
                expected = guide.segment(pictures).main.numpy()
            found = session.run(["logits"], {"pictures": pictures.numpy()})[0]
            reach = max(float(np.ptp(expected)), 1e-6)
            difference = max(difference, float(np.abs(found - expected).max()) / reach)
    if not difference <= TOLERANCE:
        raise WeightsError(
            f"the exported {guide.name} differs by {difference:.2g} of its range",
            file=out,
            expected=f"at most {TOLERANCE:g}",
            remedy="This is a bug in imfuse or in the exporter; please report it.",
        )
    write_atomically(out, [content])
    return difference


class _Main(nn.Module):
    """The main head, without the input checks, which only matter in Python."""

    def __init__(self, guide: Segmenter) -> None:
        super().__init__()
        self.guide = guide

    def forward(self, pictures: Tensor) -> Tensor:
        return self.guide.segment(pictures).main


def _size(size: tuple[int, int], spec: SegmenterSpec) -> tuple[int, int]:
    """Return a size that the segmenter takes."""
    return spec.padded(size[0]), spec.padded(size[1])


def _noise(guide: Segmenter, size: tuple[int, int]) -> Tensor:
    draw = torch.Generator().manual_seed(sum(size))
    return torch.rand(1, guide.channels, *size, generator=draw)


def _convert(guide: Segmenter, spec: SegmenterSpec) -> bytes:
    least, multiple = -(-spec.minimum // spec.multiple), spec.multiple
    sides = {
        2 + i: multiple * torch.export.Dim(name, min=least)
        for i, name in enumerate(("height", "width"))
    }
    properties = {SEGMENTER_KEY: spec.model_dump_json()}
    pictures = _noise(guide, _size(_TRACED, spec))
    model = trace(_Main(guide), {"pictures": pictures}, ["logits"], [sides], properties)
    content: bytes = model.SerializeToString()
    return content
