"""Train a network of 809 parameters on rendered scenes and write it as `tiny.onnx`.

It proves the ONNX engine with a real network: three convolutions that learn to keep the brighter
intensity and the stronger gradient of the two pictures (the loss of SeAFusion without semantics,
Tang et al., Information Fusion 2022). Run it with `python tests/golden/make_tiny_network.py`
(two minutes on two cores); `tests/engines/test_onnx.py` checks the file against a float64
convolution written out in NumPy.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from imfuse.engines.onnx import SPEC_KEY
from imfuse.ops.color import luma
from imfuse.scenes import SCENES, render
from imfuse.types import FusionSpec, SizeRule, TileRule

STEPS, BATCH, CROP, SEED = 600, 8, 64, 0

SPEC = FusionSpec(
    name="tiny",
    title="Three convolutions, for tests only",
    kind="network",
    year=2026,
    activation="tanh",
    size=SizeRule(minimum=1),
    tile=TileRule(halo=3),
    parameters=809,
    bytes_per_pixel=128,
    training_data="imfuse.scenes, 32 rendered pairs",
    training_terms="Apache-2.0",
)


class Tiny(nn.Module):
    """Three 3x3 convolutions from both pictures to fused luma."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 8, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(8, 1, 3, padding=1),
        )

    def forward(self, ir: Tensor, vis: Tensor) -> Tensor:
        """Fuse `(b, 1, h, w)` in [0, 1]."""
        return torch.tanh(self.layers(torch.cat([ir, vis], 1))) / 2 + 0.5


def gradient(x: Tensor) -> Tensor:
    """Return |horizontal| + |vertical| Sobel differences."""
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])[None, None]
    across = functional.conv2d(x, kernel, padding=1)
    return across.abs() + functional.conv2d(x, kernel.transpose(2, 3), padding=1).abs()


def train() -> Tiny:
    """Train on random crops of rendered scenes."""
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    scenes = [render(SCENES[i % len(SCENES)], size=(240, 320), seed=1000 + i) for i in range(32)]
    pictures = torch.from_numpy(np.stack([np.stack([s.ir, luma(s.vis)]) for s in scenes]))
    network = Tiny()
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for step in range(STEPS):
        rows, columns = rng.integers(0, 240 - CROP, BATCH), rng.integers(0, 320 - CROP, BATCH)
        which = rng.integers(0, len(scenes), BATCH)
        batch = torch.stack(
            [
                pictures[n, :, y : y + CROP, x : x + CROP]
                for n, y, x in zip(which, rows, columns, strict=True)
            ]
        )
        ir, vis = batch[:, :1], batch[:, 1:]
        fused = network(ir, vis)
        intensity = (fused - torch.maximum(ir, vis)).abs().mean()
        texture = (gradient(fused) - torch.maximum(gradient(ir), gradient(vis))).abs().mean()
        loss = intensity + texture
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.4f}")  # noqa: T201 - a script
    return network.eval()


def main() -> None:
    """Train, export, and add the description that the engine reads."""
    network = train()
    assert sum(p.numel() for p in network.parameters()) == SPEC.parameters
    size = {2: torch.export.Dim("height", min=1), 3: torch.export.Dim("width", min=1)}
    program = torch.onnx.export(
        network,
        (torch.rand(1, 1, 37, 53), torch.rand(1, 1, 37, 53)),
        input_names=["ir", "vis"],
        output_names=["fused"],
        dynamic_shapes={"ir": size, "vis": size},
        dynamo=True,
    )
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, {SPEC_KEY: SPEC.model_dump_json()})
    # Where the exporter ran is nobody's business.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.save(model, Path(__file__).parent / "tiny.onnx")


if __name__ == "__main__":
    main()
