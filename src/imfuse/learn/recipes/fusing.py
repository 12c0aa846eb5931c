"""Fuse whole pictures during training: for previews, for scores, and for segmenters."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from imfuse.data.sample import Sample, quantised
from imfuse.data.sources import Derived, Source
from imfuse.errors import UnreadableImage
from imfuse.io.atomic import write_atomically
from imfuse.learn.blocks.color import luma, recolour
from imfuse.learn.models.base import FusionNetwork
from imfuse.ops.geometry import pad_to, padded_size
from imfuse.types import Float


def fuse_sample(
    network: FusionNetwork,
    sample: Sample,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Float:
    """Fuse a sample: `(H, W, 3)` in [0, 1], with the visible picture's chroma.

    Sizes that the network does not take are padded as `imfuse.Fuser` pads them.

    Args:
        network: The network, in evaluation mode.
        sample: The sample, with float32 values.
        device: The network's device.
        autocast: Returns a context that sets the precision.
    """
    height, width = sample.size
    whole = padded_size(height, width, network.size)
    padded_ir, padded_vis = pad_to(sample.ir, *whole), pad_to(sample.vis, *whole)
    ir = torch.from_numpy(np.array(padded_ir))[None, None].to(device)
    vis = torch.from_numpy(np.array(padded_vis.transpose(2, 0, 1)))[None].to(device)
    with torch.inference_mode():
        with autocast():
            fused = network(ir, vis if network.visible == "rgb" else luma(vis)).float()
        rgb = fused.clamp(0, 1) if fused.shape[1] == 3 else recolour(fused, vis)
    result: Float = rgb[0, :, :height, :width].permute(1, 2, 0).float().cpu().numpy()
    return result


class FusedSource(Derived):
    """Fused pictures in place of the visible ones, kept as files.

    The constructor fuses every sample that has no file yet.

    Args:
        source: The pairs.
        network: The network that fuses them, in evaluation mode.
        folder: Folder of the files.
        device: The network's device.
        stretch: Whether each picture's values are stretched to [0, 1].
        lead: Whether this process writes the files, which the others then read.
        wait: Returns when all processes have called it.
        autocast: Returns a context that sets the precision.
        tell: Called with a short progress message after each picture.
    """

    def __init__(
        self,
        source: Source,
        network: FusionNetwork,
        folder: Path,
        device: torch.device,
        *,
        stretch: bool = False,
        lead: bool = True,
        wait: Callable[[], object] = lambda: None,
        autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        super().__init__(source)
        self._folder = folder
        if lead:
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(len(source)):
                if not self._file(index).exists():
                    fused = fuse_sample(network, source.read(index), device, autocast)
                    write_atomically(self._file(index), [_encoded(fused, stretch=stretch)])
                    tell(f"fusing pair {index + 1} of {len(source)}")
        wait()

    def _file(self, index: int) -> Path:
        return self._folder / f"{index:06d}.png"

    def load(self, index: int) -> Sample:
        """Return a sample with the fused picture as the visible one, in 8 bits."""
        sample = self.source.load(index)
        file = self._file(index)
        stored = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
        if stored is None or stored.shape[:2] != sample.size:
            raise UnreadableImage(
                "a damaged picture of this run",
                file=file,
                remedy="Delete it and resume the training, which creates it again.",
            )
        ir = sample.ir if sample.ir.dtype == np.uint8 else quantised(sample.as_float().ir)
        return replace(sample, ir=ir, vis=np.asarray(stored, np.uint8))


def _encoded(fused: Float, *, stretch: bool) -> bytes:
    if stretch:
        fused = (fused - fused.min()) / max(float(np.ptp(fused)), 1e-6)
    _, content = cv2.imencode(".png", cv2.cvtColor(quantised(fused), cv2.COLOR_RGB2BGR))
    return content.tobytes()
