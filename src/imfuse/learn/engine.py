"""Files of weights as engines, run by PyTorch: `imfuse fuse -m FILE.pth`."""

import hashlib
from pathlib import Path

import numpy as np
import torch

from imfuse.engines.sections import split_section
from imfuse.learn.checkpoints import load_weights
from imfuse.learn.models.base import FusionNetwork
from imfuse.types import Float, FusionSpec


class TorchEngine:
    """A network run by PyTorch on the CPU; threads may share it.

    Args:
        network: The network, with its weights.
        spec: Description of the network; None: `network.spec()`.
        weights_sha256: SHA-256 of the file of the weights; None: they come from no file.
        notes: Remarks for the user on how the weights were found.
    """

    def __init__(
        self,
        network: FusionNetwork,
        spec: FusionSpec | None = None,
        *,
        weights_sha256: str | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self._network = network.eval()
        self.weights_sha256, self.notes = weights_sha256, notes
        self.spec = spec or network.spec()

    def fuse(self, ir: Float, vis: Float) -> Float:
        """Fuse two arrays; see `imfuse.types.Engine.fuse`."""
        with torch.inference_mode():
            fused = self._network(_to_batch(ir), _to_batch(vis))[0]
        result: Float = (fused[0] if fused.shape[0] == 1 else fused.permute(1, 2, 0)).numpy()
        return np.ascontiguousarray(result)


def _to_batch(array: Float) -> torch.Tensor:
    first = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return torch.from_numpy(np.array(first, np.float32))[None]


def open_weights(path: Path) -> TorchEngine:
    """Return the engine for a file of weights, ours or one that others published.

    Raises:
        WeightsError: It is not a file of weights, or belongs to no known network.
    """
    loaded = load_weights(path)
    with split_section(path)[0].open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    spec = loaded.network.spec(loaded.origin)
    return TorchEngine(loaded.network, spec, weights_sha256=sha256, notes=loaded.notes)
