"""SegFormer: the segmenter that guides BFFR and evaluates BFFR and PSFusion.

E. Xie, W. Wang, Z. Yu, A. Anandkumar, J. M. Alvarez, P. Luo, "SegFormer: Simple and efficient
design for semantic segmentation with transformers", NeurIPS 2021, arXiv 2105.15203.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional
from transformers import SegformerConfig, SegformerForSemanticSegmentation
from transformers.utils import logging

from imfuse.learn.guides.base import Logits, Segmenter

_SIZES: dict[str, dict[str, Any]] = {
    "b0": {"hidden_sizes": [32, 64, 160, 256], "depths": [2] * 4, "decoder_hidden_size": 256},
    "b2": {"hidden_sizes": [64, 128, 320, 512], "depths": [3, 4, 6, 3], "decoder_hidden_size": 768},
}


class SegFormer(Segmenter):
    """The MiT transformer with a decoder of linear layers, from `transformers`.

    Args:
        size: `b0` (3.7 million parameters) guides BFFR; `b2` (27.4 million) evaluates PSFusion.
        classes: Number of classes, including background; 9 in MSRS.

    Departures: in the papers its encoder starts with ImageNet weights; here with random ones, drawn
        as in the authors' code, unless `adopt` loads some.
    """

    name = "segformer"
    title = "Mix transformer with a decoder of linear layers"
    paper = (
        "E. Xie, W. Wang, Z. Yu, A. Anandkumar, J. M. Alvarez, P. Luo, SegFormer: Simple and "
        "efficient design for semantic segmentation with transformers, NeurIPS 2021, "
        "arXiv 2105.15203"
    )
    heads = ("network.decode_head.",)

    def __init__(self, *, size: Literal["b0", "b2"] = "b0", classes: int = 9) -> None:
        super().__init__()
        config = SegformerConfig(
            **_SIZES[size] | {"num_labels": classes},
            num_attention_heads=[1, 2, 5, 8],
            sr_ratios=[8, 4, 2, 1],
            drop_path_rate=0.1,
            classifier_dropout_prob=0.1,
        )
        self.network = SegformerForSemanticSegmentation(config)
        self.network.apply(_initialise)
        nn.init.normal_(self.network.decode_head.classifier.weight, std=0.01)

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Load weights: our own, or those that `transformers` loads (MiT, SegFormer).

        If they have no decoder, or one with other classes, the present decoder stays.

        Raises:
            RuntimeError: They belong to another network.
        """
        if any(key.startswith("network.") for key in weights):
            super().adopt(weights)
            return
        kind: Any = SegformerForSemanticSegmentation  # its type annotations lack the report
        with _silence():
            loaded, report = kind.from_pretrained(
                None,
                config=self.network.config,
                state_dict=dict(weights),
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        other = {key for key, *_ in report["mismatched_keys"]} | set(report["missing_keys"])
        lacking = sorted(key for key in other if not key.startswith("decode_head."))
        if lacking:
            raise RuntimeError(f"weights of another network\nwithout {lacking[0]}")
        state = {key: value for key, value in loaded.state_dict().items() if key not in other}
        self.network.load_state_dict(state, strict=False)

    def segment(self, pictures: Tensor) -> Logits:
        """Segment `(b, 3, h, w)`; sides must be at least 29 pixels for the first stage."""
        # Stage by stage instead of with hooks, which the ONNX exporter can't follow.
        features, x = [], pictures
        for stage in self.network.segformer.stages:
            x = stage(x)
            features.append(x)
        logits = self.network.decode_head(features)
        size = pictures.shape[2:]
        return Logits(functional.interpolate(logits, size, mode="bilinear"), None)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep `transformers` from reporting what we check ourselves."""
    reporting: Any = logging  # parts of it have no type annotations
    verbosity, bars = reporting.get_verbosity(), reporting.is_progress_bar_enabled()
    reporting.set_verbosity(reporting.CRITICAL)
    reporting.disable_progress_bar()
    try:
        yield
    finally:
        reporting.set_verbosity(verbosity)
        if bars:
            reporting.enable_progress_bar()


def _initialise(module: nn.Module) -> None:
    """Draw weights as the authors' code does; `transformers` draws them too small."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif isinstance(module, nn.Conv2d):
        outputs = module.out_channels // module.groups * math.prod(module.kernel_size)
        nn.init.normal_(module.weight, std=math.sqrt(2 / outputs))
    if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
        nn.init.zeros_(module.bias)
