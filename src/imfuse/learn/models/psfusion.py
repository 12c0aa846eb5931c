"""PSFusion: fusion with progressive injection of semantic features.

L. Tang, H. Zhang, H. Xu, J. Ma, "Rethinking the necessity of image fusion in high-level vision
tasks: A practical infrared and visible image fusion network based on progressive semantic injection
and scene fidelity", Information Fusion 99, 2023, doi:10.1016/j.inffus.2023.101870.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.errors import UsageError
from imfuse.learn.blocks.crossmodal import DetailFusion, SemanticFusion, Variant
from imfuse.learn.blocks.normed import ConvNorm, FunnelReLU, PointwiseBottleneck
from imfuse.learn.blocks.resnet import ResidualStage
from imfuse.learn.models.base import FusionNetwork, check_choice
from imfuse.types import SizeRule

_PARTS = {4: 16, 5: 4, 6: 1}
"""Levels with attention (scales 1/8, 1/16, 1/32) and the number of parts they attend in."""


class PSFusionFeatures(NamedTuple):
    """Outputs of PSFusion in training; None where the setting that enables one is off."""

    fused: Tensor
    """`(b, 1, h, w)` in [0, 1]."""
    infrared: Tensor | None
    """Reconstructed infrared picture, `(b, 1, h, w)` in [0, 1]."""
    visible: Tensor | None
    """Reconstructed luma of the visible picture, `(b, 1, h, w)` in [0, 1]."""
    semantic: Tensor | None
    """Logits of the classes, `(b, classes, h, w)`."""
    boundary: Tensor | None
    """Logits of no boundary and boundary, `(b, 2, h, w)`."""
    binary: Tensor | None
    """Logits of background and object, `(b, 2, h, w)`."""


class PSFusion(FusionNetwork):
    """The network of PSFusion (figure 4).

    Two encoders give six levels, at scales 1, 1/2, 1/4, 1/8, 1/16, 1/32. The superficial detail
    fusion module (SDFM) fuses levels 1 to 3, the profound semantic fusion module (PSFM) levels 4
    to 6. The sparse semantic perception branch computes semantic features from levels 3 to 6; the
    scene restoration branch injects level 3 into 2, 2 into 1, and then the semantic features.

    Args:
        variant: Version to follow where paper and published code compute different functions. In
            `paper`: each modality is gated by the other (equation 4); the weight W applies to
            infrared (6); attention is softmax(Q K^T), and its result is added without a factor (9,
            10); gamma alone scales normalised features (15); convolution blocks of S2PM and DSRM
            have one batch norm. In `release`: each modality is gated by itself; W applies to
            visible; attention is softmax(K^T Q), and its result is multiplied by a factor that
            starts at 0; features are scaled by 1 + sigmoid(gamma), then normalised over the batch;
            those blocks have two batch norms in a row.
        classes: Number of classes of the semantic head, including background; 9 in MSRS.
        deep_attention: Fuse levels 4 to 6 with PSFM; otherwise with SDFM (table 4, w/o PSFM).
        semantic_heads: Predict classes, boundaries and objects in training (S2P2; table 4,
            w/o S2P2). The semantic features are injected either way.
        fidelity_heads: Reconstruct the source pictures in training (SFP; table 3, w/o SFP).

    Departures: both variants output luma, like the code; the paper writes three channels. Widths,
    SFEB, the dense layers and the layers of SFP's masks are known only from the code. Both variants
    predict objects, then classes, then boundaries, like the code and its source GMNet (the paper's
    equations 12 to 14 swap objects and boundaries), weight by the second channel of the softmax
    alone, and have 1x1 convolutions with ReLU6 where equations 12 to 14 have 3x3 with ReLU. In
    `paper`, the other modality's enhanced features are added to the attention result, because the
    un-enhanced ones in the equation have different widths, and gamma and beta share one
    convolution, as in the code. Encoders start from random weights instead of ImageNet's, which the
    stages of a ResNet-34 load under their usual names. Published heads contain convolutions that
    are never applied; their 9474 parameters are kept frozen. Row w/o Mask of table 3 is a recipe.
    """

    name = "psfusion"
    title = "Network with semantic injection, trained to segment and to reconstruct"
    good_for = (
        "Infrared and visible pictures that a segmenter will read; it also restores both "
        "sources and labels the scene. By far the largest network here."
    )
    paper = (
        "L. Tang, H. Zhang, H. Xu, J. Ma, Rethinking the necessity of image fusion in high-level "
        "vision tasks: A practical infrared and visible image fusion network based on progressive "
        "semantic injection and scene fidelity, Information Fusion 99, 2023, "
        "doi:10.1016/j.inffus.2023.101870"
    )
    year = 2023
    visible = "rgb"
    activation = "tanh"
    size = SizeRule(minimum=32, multiple=32)
    bytes_per_pixel = 5600

    def __init__(
        self,
        *,
        variant: Variant = "release",
        classes: int = 9,
        deep_attention: bool = True,
        semantic_heads: bool = True,
        fidelity_heads: bool = True,
    ) -> None:
        super().__init__()
        check_choice("variant", variant, ("paper", "release"))
        self.infrared_encoder = _Encoder(1)
        self.visible_encoder = _Encoder(3)
        widths = [(32, 32), (64, 32), (64, 64), (128, 64), (256, 64), (512, 64)]
        self.fusion = nn.ModuleList(
            SemanticFusion(inputs, outputs, variant, parts=_PARTS[level])
            if deep_attention and level in _PARTS
            else DetailFusion(inputs, outputs, variant)
            for level, (inputs, outputs) in enumerate(widths, 1)
        )
        self.gather = nn.ModuleList(nn.Conv2d(64, 64, 3, padding=1) for _ in range(4))
        norms = 2 if variant == "release" else 1
        self.perception = nn.Sequential(  # S2PM
            ConvNorm(256, 64, norms=norms),
            ConvNorm(64, 64, norms=norms),
            ConvNorm(64, 64, norms=norms),
        )
        self.inject_third = _Injection(64, variant)  # SIM1
        self.inject_second = _Injection(32, variant)  # SIM2
        self.first_restoration = _DenseRestoration(norms)
        self.inject_semantic = _Injection(64, variant)  # SIM3
        self.last_restoration = _DenseRestoration(norms)
        self.fused_head = nn.Conv2d(32, 1, 3, padding=1)  # IFP
        self.infrared_head = _FidelityHead() if fidelity_heads else None
        self.visible_head = _FidelityHead() if fidelity_heads else None
        self.semantic_heads = _SemanticHeads(classes) if semantic_heads else None

    def fuse(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse `(b, 1, h, w)` and `(b, 3, h, w)` to `(b, 1, h, w)`, without the other heads."""
        _, restored = self._branches(ir, vis)
        return _as_picture(self.fused_head(restored))

    def features(self, ir: Tensor, vis: Tensor) -> PSFusionFeatures:
        """Return all outputs that the losses use.

        Args:
            ir: `(b, 1, h, w)` in [0, 1].
            vis: `(b, 3, h, w)` RGB in [0, 1].
        """
        perceived, restored = self._branches(ir, vis)
        heads = self.semantic_heads
        semantic, boundary, binary = heads(perceived) if heads else (None, None, None)
        return PSFusionFeatures(
            fused=_as_picture(self.fused_head(restored)),
            infrared=self.infrared_head(restored) if self.infrared_head else None,
            visible=self.visible_head(restored) if self.visible_head else None,
            semantic=semantic,
            boundary=boundary,
            binary=binary,
        )

    def segment(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Return the logits of the classes `(b, classes, h, w)`; fusing is left out.

        Args:
            ir: `(b, 1, h, w)` in [0, 1].
            vis: `(b, 3, h, w)` RGB in [0, 1].

        Raises:
            UsageError: The network was built without `semantic_heads`.
        """
        if self.semantic_heads is None:
            raise UsageError(
                f"{self.name} without its segmentation head",
                expected="a network that was trained with network.semantic_heads=true",
            )
        logits: Tensor = self.semantic_heads(self._perceived(self._fused(ir, vis)))[0]
        return logits

    def _fused(self, ir: Tensor, vis: Tensor) -> list[Tensor]:
        """Return the fused features of the six levels."""
        encoded = zip(self.infrared_encoder(ir), self.visible_encoder(vis), strict=True)
        return [fusion(*pair) for fusion, pair in zip(self.fusion, encoded, strict=True)]

    def _perceived(self, fused: Sequence[Tensor]) -> Tensor:
        """Return semantic features `(b, 64, h/4, w/4)`: equation 11."""
        gathered = [
            _enlarge(conv(x), 2**i)
            for i, (conv, x) in enumerate(zip(self.gather, fused[2:], strict=True))
        ]
        perceived: Tensor = self.perception(torch.cat(gathered, 1))
        return perceived

    def _branches(self, ir: Tensor, vis: Tensor) -> tuple[Tensor, Tensor]:
        """Return semantic features `(b, 64, h/4, w/4)` and restored features `(b, 32, h, w)`."""
        fused = self._fused(ir, vis)
        perceived = self._perceived(fused)
        x = self.inject_third(fused[1], fused[2])
        x = self.inject_second(fused[0], x)
        x = self.inject_semantic(self.first_restoration(x), perceived)
        restored: Tensor = self.last_restoration(x)
        return perceived, restored


class _Encoder(nn.Module):
    """One modality: two superficial blocks (SFEB), then the stages of a ResNet-34."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            ConvNorm(inputs, 32, 7, act="none", bias=True),
            FunnelReLU(32),
            ConvNorm(32, 32, act="none", bias=True),
            FunnelReLU(32),
        )
        self.second = nn.Sequential(
            nn.Conv2d(32, 64, 3, 2, padding=1),
            nn.BatchNorm2d(64),
            FunnelReLU(64),
            nn.Conv2d(64, 64, 3, padding=1),
        )
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = ResidualStage(64, 64, 3)
        self.layer2 = ResidualStage(64, 128, 4, stride=2)
        self.layer3 = ResidualStage(128, 256, 6, stride=2)
        self.layer4 = ResidualStage(256, 512, 3, stride=2)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return 32, 64, 64, 128, 256 and 512 channels at scales 1 to 1/32: equations 1 to 3."""
        first = self.first(x)
        second = functional.relu(self.bn1(self.second(first)))
        found = [first, second]
        x = functional.max_pool2d(second, 3, 2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            found.append(x)
        return found


class _Injection(nn.Module):
    """SIM: semantic features scale and shift 32 channels of normalised ones."""

    def __init__(self, semantic: int, variant: Variant) -> None:
        super().__init__()
        self.variant = variant
        self.prepare = ConvNorm(32, 32) if variant == "paper" else nn.Identity()
        self.shared = nn.Sequential(nn.Conv2d(semantic, 32, 3, padding=1), nn.ReLU())
        self.gamma = nn.Conv2d(32, 32, 3, padding=1)
        self.beta = nn.Conv2d(32, 32, 3, padding=1)
        self.norm = nn.BatchNorm2d(32) if variant == "release" else nn.Identity()

    def forward(self, x: Tensor, semantic: Tensor) -> Tensor:
        """Inject `(b, semantic, h/s, w/s)` into `(b, 32, h, w)`: equation 15."""
        shared = self.shared(functional.interpolate(semantic, x.shape[2:], mode="bilinear"))
        normalised = functional.instance_norm(self.prepare(x))
        gamma = self.gamma(shared)
        scale = gamma if self.variant == "paper" else 1 + torch.sigmoid(gamma)
        injected: Tensor = self.norm(scale * normalised) + self.beta(shared)
        return injected


class _DenseRestoration(nn.Module):
    """DSRM: four densely connected convolutions of 32 channels."""

    def __init__(self, norms: int) -> None:
        super().__init__()
        self.dense = nn.ModuleList(ConvNorm(32 * i, 32, norms=norms) for i in range(1, 5))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, 32, h, w)` to the same shape."""
        found = [x]
        for conv in self.dense:
            found.append(conv(torch.cat(found, 1)))
        return found[-1]


class _FidelityHead(nn.Module):
    """SFP: a mask for one modality, then its picture."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = nn.Sequential(
            ConvNorm(32, 32, bias=True, depthwise=True),
            ConvNorm(32, 32, bias=True, depthwise=True),
            ConvNorm(32, 32, act="none", bias=True, depthwise=True),
        )
        self.channel = PointwiseBottleneck(32, 8)
        self.norm = nn.BatchNorm2d(32)
        self.head = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, 32, h, w)` to `(b, 1, h, w)` in [0, 1]."""
        mask = torch.sigmoid(self.spatial(x) * self.channel(x.mean((2, 3), keepdim=True)))
        return _as_picture(self.head(self.norm(mask * x)))


class _SemanticHeads(nn.Module):
    """S2P2: predicts objects, then the classes of likely objects, then boundaries."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.binary = nn.Sequential(
            ConvNorm(64, 16, 1, act="relu6"), nn.Conv2d(16, 2, 3, padding=1)
        )
        self.refine = ConvNorm(64, 64, 1, act="relu6")
        self.semantic = nn.Conv2d(64, classes, 3, padding=1)
        self.boundary = nn.Sequential(
            ConvNorm(128, 64, 1, act="relu6", bias=True), nn.Conv2d(64, 2, 3, padding=1)
        )
        self.idle = nn.Sequential(ConvNorm(128, 64, 1), nn.Conv2d(64, 2, 3, padding=1))
        self.idle.requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits of classes, boundaries and objects from `(b, 64, h/4, w/4)`."""
        binary = self.binary(x)
        of_object = binary.softmax(1)[:, 1:]
        refined = self.refine(_enlarge(x * of_object, 2))
        boundary = self.boundary(torch.cat([refined, _enlarge(x, 2)], 1))
        return (
            _enlarge(self.semantic(refined), 2),
            _enlarge(boundary, 2),
            _enlarge(binary, 4),
        )


def _enlarge(x: Tensor, times: int) -> Tensor:
    """Interpolate so that the corners of both grids coincide."""
    if times == 1:
        return x
    return functional.interpolate(x, scale_factor=times, mode="bilinear", align_corners=True)


def _as_picture(x: Tensor) -> Tensor:
    return torch.tanh(x) / 2 + 0.5
