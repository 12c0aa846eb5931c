"""Load trained networks from run folders, files and imfuse itself."""

from pathlib import Path

from imfuse.engines.shipped import shipped_file
from imfuse.errors import WeightsError
from imfuse.learn.checkpoints import load_weights
from imfuse.learn.models.base import FusionNetwork

_WEIGHTS = "weights.safetensors"


def load(path_or_name: str | Path) -> FusionNetwork:
    """Return a fusion network with its weights, on the CPU and in evaluation mode.

    Args:
        path_or_name: Folder of a run, file of weights (`.safetensors` or `.onnx` written by imfuse,
            or `.pth` as its authors published it; `FILE.pth#NAME` takes one of several state
            dicts), or the name of a network that has weights (`imfuse models list`).

    Returns:
        A PyTorch module: `network(ir, vis)` takes `(b, 1, h, w)` and, depending on
        `network.visible`, `(b, 1, h, w)` luma or `(b, 3, h, w)` RGB, float32 in [0, 1]. Height and
        width must be at least `network.size.minimum`, and multiples of `network.size.multiple`.

    Raises:
        UnknownName: There is no such network, and no such file.
        WeightsError: The file is damaged, or holds anything but weights; or the folder has none, or
            the package with the network's weights is not installed.

    Examples:
        >>> network = load("seafusion")
        >>> network.name, network.training
        ('seafusion', False)
    """
    path = Path(path_or_name)
    if path.is_dir():
        if not (path / _WEIGHTS).is_file():
            raise WeightsError(
                "no weights in this folder",
                file=path,
                expected=f"{_WEIGHTS}, which a training writes at its end",
                remedy="Resume the training, or give one of its stage-N.safetensors.",
            )
        return load_weights(path / _WEIGHTS).network
    if path.exists() or path.suffix or path.name != str(path_or_name):
        return load_weights(path).network
    return load_weights(shipped_file(str(path_or_name))).network
