"""Whole pictures through a network that is being trained: for previews, scores, and segmenters."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from imfuse.data.sample import Sample, quantised
from imfuse.data.sources import Derived, Source
from imfuse.io.atomic import write_atomically
from imfuse.learn.blocks.color import luma, recolour
from imfuse.learn.models.base import FusionNetwork
from imfuse.types import Float


def fuse_sample(
    network: FusionNetwork,
    sample: Sample,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Float:
    """Return a sample's pictures fused, `(H, W, 3)` in [0, 1], with the visible one's chroma.

    Args:
        network: The network, in evaluation mode.
        sample: With float32 values.
        device: Where the network is.
        autocast: Gives a context that says how precisely to compute.
    """
    ir = torch.from_numpy(np.array(sample.ir))[None, None].to(device)
    vis = torch.from_numpy(np.array(sample.vis.transpose(2, 0, 1)))[None].to(device)
    with torch.inference_mode():
        with autocast():
            fused = _any_size(network, ir, vis).float()
        rgb = fused.clamp(0, 1) if fused.shape[1] == 3 else recolour(fused, vis)
    result: Float = rgb[0].permute(1, 2, 0).float().cpu().numpy()
    return result


def _any_size(network: FusionNetwork, ir: Tensor, vis: Tensor) -> Tensor:
    """Fuse pictures of any size: continued at the lower right as the network needs, then cut."""
    shown = vis if network.visible == "rgb" else luma(vis)
    height, width = ir.shape[2:]
    sides = (max(side, network.size.minimum) for side in (height, width))
    rows, columns = (-(-side // network.size.multiple) * network.size.multiple for side in sides)
    edges = (0, columns - width, 0, rows - height)
    ir, shown = (functional.pad(part, edges, mode="replicate") for part in (ir, shown))
    fused: Tensor = network(ir, shown)
    return fused[..., :height, :width]


class FusedSource(Derived):
    """Fused pictures in place of the visible ones, kept as files.

    Making it fuses every sample whose file is not there yet.

    Args:
        source: The pairs.
        network: The network that fuses them, in evaluation mode.
        folder: Where the files are kept.
        device: Where the network is.
        stretch: Whether each picture's values are stretched to [0, 1].
        lead: Whether this process writes; others find the files made.
        wait: Returns when all processes have called it.
        autocast: Gives a context that says how precisely to compute.
        tell: Called with a few words on how far it is, after each picture.
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
        stored = cv2.imread(str(self._file(index)), cv2.IMREAD_COLOR_RGB)
        ir = sample.ir if sample.ir.dtype == np.uint8 else quantised(sample.as_float().ir)
        return replace(sample, ir=ir, vis=np.asarray(stored, np.uint8))


def _encoded(fused: Float, *, stretch: bool) -> bytes:
    if stretch:
        fused = (fused - fused.min()) / max(float(np.ptp(fused)), 1e-6)
    _, content = cv2.imencode(".png", cv2.cvtColor(quantised(fused), cv2.COLOR_RGB2BGR))
    return content.tobytes()
