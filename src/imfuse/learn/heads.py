"""The segmentation head of a fusion network, as a segmenter of unfused pairs."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from imfuse.errors import UsageError, WeightsError
from imfuse.learn.checkpoints import load_weights
from imfuse.learn.guides.base import Logits, Segmenter
from imfuse.learn.guides.export import export_segmenter
from imfuse.learn.models.base import FusionNetwork, Origin
from imfuse.learn.models.psfusion import PSFusion
from imfuse.vision.segmenter import SegmenterSpec


class OwnHead(Segmenter):
    """PSFusion as a segmenter: both pictures in, classes out; nothing is fused to a picture.

    Args:
        network: A fusion network with a segmentation head.

    Attributes:
        classes: Number of classes.

    Raises:
        UsageError: The network has no such head.
    """

    name = PSFusion.name
    title = "The segmentation head of PSFusion"
    paper = PSFusion.paper
    channels = 4
    heads = ("network.semantic_heads.",)

    def __init__(self, network: FusionNetwork) -> None:
        super().__init__()
        if not isinstance(network, PSFusion) or network.semantic_heads is None:
            raise UsageError(
                f"{network.name}, which has no segmentation head",
                expected="psfusion with network.semantic_heads=true",
                remedy="Segment its fused pictures with a segmenter (imfuse segment train).",
            )
        self.network = network
        self.classes: int = network.semantic_heads.semantic.out_channels

    def segment(self, pictures: Tensor) -> Logits:
        """Return the logits of pairs `(b, 4, h, w)`, infrared last."""
        return Logits(self.network.segment(pictures[:, 3:], pictures[:, :3]), None)


def export_head(
    network: FusionNetwork, out: Path, origin: Origin, classes: Sequence[str] = ()
) -> float:
    """Write the segmentation head as an ONNX file that `imfuse segment run --ir` runs.

    Args:
        network: The fusion network, with its weights.
        out: File to write.
        origin: Where the weights come from.
        classes: Names of the classes, if known; default: their numbers.

    Returns:
        The largest difference from the network; see `export_segmenter`.

    Raises:
        UsageError: The network has no such head.
        WeightsError: The file would differ from the network.
        OutputError: The file can't be written.
    """
    head = OwnHead(network)
    spec = SegmenterSpec(
        name=network.name,
        classes=tuple(classes) or tuple(map(str, range(head.classes))),
        on="pair",
        minimum=network.size.minimum,
        multiple=network.size.multiple,
        training_data=origin.training_data,
        training_terms=origin.training_terms,
    )
    return export_segmenter(head, out, spec)


def segmenter_file(model: Path, folder: Path) -> Path:
    """Return an ONNX segmenter for what a user names: an ONNX file, a run, or a network's weights.

    Args:
        model: ONNX file, which is returned as it is; folder of a run, whose segmenter is returned;
            or weights of a network with a segmentation head, which is exported.
        folder: Folder for an exported file.

    Raises:
        WeightsError: There is no such file, a folder holds no segmenter, or weights are damaged.
        UsageError: The network has no segmentation head.
    """
    if model.is_dir():
        return _of_run(model)
    if model.suffix == ".onnx":
        return model
    loaded = load_weights(model)
    out = folder / "segmenter.onnx"
    export_head(loaded.network, out, loaded.origin)
    return out


def _of_run(folder: Path) -> Path:
    """Return the segmenter in the folder of a run: a fusion network's head, or the model itself."""
    for name in ("segmenter.onnx", "model.onnx"):
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(
        "no segmenter in this folder",
        file=folder,
        expected="segmenter.onnx or model.onnx, which a training writes at its end",
        remedy="Resume the training, or give a file of weights.",
    )
