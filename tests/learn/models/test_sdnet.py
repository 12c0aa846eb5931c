"""SDNet against published counts, and against what the authors' TensorFlow graph computed."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.learn.cost import count_macs  # noqa: E402 - needs torch
from imfuse.learn.models.sdnet import SDNet  # noqa: E402
from reference import originals  # noqa: E402 - needs torch only in part

RECORD = Path(__file__).parents[1] / "originals/tensorflow/sdnet.json"
BRANCHES = {"ir": "infrared", "vi": "visible"}


def our_key(variable):
    """Return our name of a variable such as `fusion_model/layer3_vi/w3_vi`."""
    _, scope, kind = variable.split("/")
    layer, side = scope.removeprefix("layer").split("_")
    tensor = "conv.weight" if kind.startswith("w") else "conv.bias"
    if side in BRANCHES:
        number = int(layer)
        place = f"_decoder.{number - 7}"
        if number < 5:
            place = "_branch.head" if number == 1 else f"_branch.dense.{number - 2}"
        return f"{BRANCHES[side]}{place}.{tensor}"
    return f"{'squeeze' if side == 'fuse' else 'widen'}.{tensor}"


def test_the_authors_graph_gives_the_same():
    known = json.loads(RECORD.read_text())
    network = SDNet().eval()
    network.load_state_dict(
        {
            our_key(key): torch.from_numpy(
                value if value.ndim == 1 else value.transpose(3, 2, 0, 1)
            )
            for key, value in originals.weights(known["weights"]).items()
        }
    )
    ir, vis = (torch.from_numpy(x)[None, None] for x in originals.pair(*known["size"]))
    with torch.inference_mode():
        found = network.features(ir, vis)
        assert torch.equal(found.fused, network(ir, vis))
    rows, columns = known["step"]
    for part, values in {"fused": known["output"], **known["parts"]}.items():
        assert np.ptp(values) > 0.01
        output = getattr(found, part)[0, 0].numpy()[::rows, ::columns]
        np.testing.assert_allclose(output, values, rtol=0, atol=2e-6, err_msg=part)


def test_parameters_and_cost():
    network = SDNet()
    assert network.parameters_count == 67_091  # 0.07 M
    # Listed are 8.81 G: the decomposition network included, and by TensorFlow, which counts
    # products and sums apart, a sum for each bias, and two operations for a leaky ReLU.
    fusing = count_macs(network)
    assert fusing == 256**2 * 28_576
    decomposing = 256**2 * (128 + 2 * 9 * (128 * 16 + 16 * 4 + 4))
    activated = 256**2 * (2 * 4 * 16 + 128 + 2 * (16 + 4))
    assert round((2 * (fusing + decomposing) + 3 * activated + 3 * 256**2) / 1e9, 2) == 8.81
