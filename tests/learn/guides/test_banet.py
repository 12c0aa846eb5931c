"""BANet against what the program that SeAFusion publishes computed, by weights in its names."""

import json
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402 - after the skip

from imfuse.errors import PairMismatch  # noqa: E402
from imfuse.learn.guides.banet import BANet  # noqa: E402
from reference import originals  # noqa: E402

RENAMES = (
    (r"^cp\.resnet\.", "encoder."),
    (r"^cp\.arm(\d+)\.conv_atten\.", r"refine\1.gate.0."),
    (r"^cp\.arm(\d+)\.bn_atten\.", r"refine\1.gate.1."),
    (r"^cp\.arm(\d+)\.conv\.", r"refine\1.conv."),
    (r"^cp\.sp(\d+)\.", r"join\1."),
    (r"^cp\.conv_head(\d+)\.", r"from\1."),
    (r"^cp\.conv_fuse1\.", "gate16."),
    (r"^cp\.conv_fuse2\.", "gate8."),
    (r"^cp\.conv_fuse\.", "merge."),
    (r"^conv_out\.conv_out\.", "main_head.1."),
    (r"^conv_out16\.conv_out\.", "auxiliary_head.1."),
    (r"^conv_out\.conv\.", "main_head.0."),
    (r"^conv_out16\.conv\.", "auxiliary_head.0."),
    (r"^((?!encoder).*)\.conv\.weight$", r"\1.0.weight"),
    (r"^((?!encoder).*)\.bn\.", r"\1.1."),
)


@pytest.fixture
def record(request):
    path = request.path.parents[1] / "originals" / "guides" / "banet.json"
    return json.loads(path.read_text())


def rename(key):
    for pattern, replacement in RENAMES:
        key = re.sub(pattern, replacement, key)
    return key


def test_the_authors_weights_give_the_authors_logits(record):
    network = BANet(classes=9).eval()
    arrays = originals.weights(record["weights"])
    ours = {rename(k): torch.from_numpy(v) for k, v in arrays.items()}
    missing = network.load_state_dict(ours, strict=False)
    assert not missing.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in missing.missing_keys)
    _, rgb = originals.pair(*record["size"], "rgb")
    with torch.inference_mode():
        found = network(torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None])
    rows, columns = record["step"]
    for logits, values in zip(found, record["output"], strict=True):
        assert logits.shape == (1, 9, *record["size"])
        expected = np.array(values)
        assert np.ptp(expected) > 0.1
        part = logits[0, :, ::rows, ::columns].numpy()
        np.testing.assert_allclose(part, expected, atol=1e-5 * np.abs(expected).max())


def test_size_and_cost_are_the_known_ones():
    network = BANet(classes=9).to("meta").eval()
    assert sum(p.numel() for p in network.parameters()) == 12_894_080
    normed = []
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(lambda _, inputs, out: normed.append(out.numel()))
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, 480, 640, device="meta"))
    # The usual counter takes four operations for each value of a batch norm.
    total = counter.get_total_flops() / 2 + 4 * sum(normed)
    assert total == pytest.approx(14.54e9, abs=5e6)


def test_gradients_reach_every_parameter_and_the_pictures():
    torch.manual_seed(0)
    network = BANet(classes=4).train()
    pictures = torch.rand(2, 3, 64, 96, requires_grad=True)
    main, auxiliary = network(pictures)
    (main.square().mean() + auxiliary.square().mean()).backward()
    assert pictures.grad.abs().max() > 0
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().max() > 0, name


def test_heads_are_what_ends_in_logits():
    names = [n for n, _ in BANet(classes=5).named_parameters() if n.startswith(BANet.heads)]
    assert len(names) == 2 * 4


def test_wrong_batches_are_refused():
    with pytest.raises(PairMismatch, match=r"\(b, 3, h, w\)"):
        BANet()(torch.zeros(1, 1, 64, 64))


def test_a_published_encoder_is_adopted():
    torch.manual_seed(0)
    guide, other = BANet(), BANet()
    published = {**other.encoder.state_dict(), "fc.weight": torch.zeros(2, 2)}
    head = guide.main_head[1].weight.clone()
    guide.adopt(published)
    assert torch.equal(guide.encoder.layer4[1].conv2.weight, other.encoder.layer4[1].conv2.weight)
    assert torch.equal(guide.main_head[1].weight, head)
    guide.adopt(other.state_dict())
    assert torch.equal(guide.main_head[1].weight, other.main_head[1].weight)
