"""BFFR against counts of the published network and against its formulas, written out here."""

import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 - needs torch
from torch.nn.functional import batch_norm, conv2d, layer_norm, leaky_relu, max_pool2d, pad  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from imfuse.errors import UsageError  # noqa: E402
from imfuse.learn.models.bffr import BFFR, _attend  # noqa: E402

ATTENTIONS = ["code", "paper", "shen", "channel", "spatial", "none"]
HEADS = (4, 8, 8, 16)
WIDTHS = (32, 64, 96, 128)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def count(module):
    return sum(p.numel() for p in module.parameters())


def pictures(height=19, width=26, batch=1, dtype=torch.float32):
    return torch.rand(2, batch, 1, height, width, dtype=dtype)


def softmax(values):
    exponents = [math.exp(x - max(values)) for x in values]
    return [x / sum(exponents) for x in exponents]


def product(a, b):
    return [
        [sum(x * y for x, y in zip(row, col, strict=True)) for col in transpose(b)] for row in a
    ]


def transpose(a):
    return [list(row) for row in zip(*a, strict=True)]


def softmax_columns(a):
    return transpose([softmax(column) for column in transpose(a)])


def attend_by_hand(q, k, v, formula):
    """One head, lists of n rows and d columns."""
    scale = len(q[0]) ** -0.5
    if formula == "code":
        logits = [[x * scale for x in row] for row in product(transpose(q), k)]
        return product(v, softmax_columns(logits))
    if formula == "paper":
        logits = [[x * scale for x in row] for row in product(transpose(k), v)]
        return product(q, softmax_columns(logits))
    context = product(transpose(softmax_columns(k)), v)
    return product([softmax(row) for row in q], context)


@pytest.mark.parametrize("formula", ["code", "paper", "shen"])
def test_attention_is_its_formula(formula):
    q, k, v = torch.randn(3, 2, 3, 5, 4, dtype=torch.float64)
    found = _attend(q, k, v, formula)
    for b in range(2):
        for head in range(3):
            by_hand = attend_by_hand(*(x[b, head].tolist() for x in (q, k, v)), formula)
            torch.testing.assert_close(found[b, head], torch.tensor(by_hand, dtype=torch.float64))


class Reference:
    """The published network on a state dict, in evaluation."""

    def __init__(self, network):
        self.state = network.state_dict()

    def conv(self, name, x, slope=1.0, mode="constant"):
        weight, bias = self.state[f"{name}.conv.weight"], self.state[f"{name}.conv.bias"]
        edge = weight.shape[-1] // 2
        return leaky_relu(conv2d(pad(x, [edge] * 4, mode), weight, bias), slope)

    def encode(self, name, x):
        x, scales = self.conv(f"{name}.head", x), []
        for i in range(4):
            block = f"{name}.blocks.{i}"
            x = x if i == 0 else max_pool2d(x, 2)
            first = self.conv(f"{block}.dense1", x, 0.2)
            second = self.conv(f"{block}.dense2", torch.cat([x, first], 1), 0.2)
            x = self.conv(f"{block}.merge", torch.cat([x, first, second], 1), 0.1)
            scales.append(x)
        return scales

    def convolutions(self, name, x):
        for i in range(2):
            x = self.conv(f"{name}.{i}.0", x, mode="reflect")
            norm = [self.state[f"{name}.{i}.1.{key}"] for key in ("running_mean", "running_var")]
            scale = [self.state[f"{name}.{i}.1.{key}"] for key in ("weight", "bias")]
            x = batch_norm(x, *norm, *scale).relu()
        return x

    def strengthen(self, name, x, heads):
        y = self.convolutions(f"{name}.before", x)
        q, k, v = (
            torch.einsum("oc,bchw->bohw", self.state[f"{name}.{key}.weight"], y)
            .flatten(2)
            .unflatten(1, (heads, -1))
            .transpose(2, 3)
            for key in ("query", "key", "value")
        )
        y = _attend(q, k, v, "code").permute(0, 2, 1, 3).flatten(2)
        y = y @ self.state[f"{name}.project.weight"].T + self.state[f"{name}.project.bias"]
        scale = [self.state[f"{name}.norm.{key}"] for key in ("weight", "bias")]
        y = layer_norm(y, (x.shape[1],), *scale).transpose(1, 2).unflatten(2, x.shape[2:])
        return x + x * self.convolutions(f"{name}.after", y)

    def node(self, name, *inputs):
        *same, below = inputs
        below = nn.Upsample(scale_factor=2)(below)
        rows, columns = (a - b for a, b in zip(same[0].shape[2:], below.shape[2:], strict=True))
        below = pad(below, [0, columns, 0, rows], "reflect")
        return self.conv(f"decoder.{name}", torch.cat([*same, below], 1), 0.01, "reflect")

    def fuse(self, ir, vis):
        infrared, visible = self.encode("infrared_encoder", ir), self.encode("visible_encoder", vis)
        x1, x2, x3, x4 = (
            self.strengthen(f"fusion.{i}.infrared", infrared[i], heads) / 2
            + self.strengthen(f"fusion.{i}.visible", visible[i], heads) / 2
            for i, heads in enumerate(HEADS)
        )
        x1_1 = self.node("node1_1", x1, x2)
        x2_1 = self.node("node2_1", x2, x3)
        x1_2 = self.node("node1_2", x1, x1_1, x2_1)
        x3_1 = self.node("node3_1", x3, x4)
        x2_2 = self.node("node2_2", x2, x2_1, x3_1)
        x1_3 = self.node("node1_3", x1, x1_1, x1_2, x2_2)
        return torch.sigmoid(2 * self.conv("decoder.last", x1_3))


def shake_norms(network):
    """Give norms statistics and scales that they would not have by birth."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.1, 0.5)
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 1)
    return network


@pytest.mark.parametrize("size", [(16, 24), (19, 29), (31, 22)])
def test_release_computes_the_published_network(size):
    network = shake_norms(BFFR().double().eval())
    ir, vis = pictures(*size, batch=2, dtype=torch.float64)
    torch.testing.assert_close(network(ir, vis), Reference(network).fuse(ir, vis))


def test_parameters():
    network = BFFR()
    assert network.parameters_count == 3_909_025
    for block, width in zip(network.fusion, WIDTHS, strict=True):
        convolution = 9 * width**2 + width + 2 * width
        attention = 4 * convolution + 4 * width**2 + width + 2 * width
        assert count(block) == 2 * attention
    idle = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    assert idle == 2 * (2 * 16 + 3 * 32 + 2 * 64 + 96)


@pytest.mark.parametrize(("height", "width", "facts"), [(256, 256, 30.79), (240, 320, 36.08)])
def test_multiplications(height, width, facts):
    """Without products of attention; norms as 4 for each value, doubling as 1."""
    with torch.device("meta"):
        network, x = BFFR(), torch.empty(1, 1, height, width)
    with FlopCounterMode(display=False) as counter:
        network(x, x)
    counts = counter.get_flop_counts()["Global"]
    products = counts.pop(torch.ops.aten.bmm) / 2
    layers = sum(counts.values()) / 2
    values = [c * height * width // 4**i for i, c in enumerate(WIDTHS)]
    doubled = sum(4 * n * times for n, times in zip(values[1:], (3, 2, 1), strict=True))
    norms = sum(2 * 5 * 4 * n for n in values)
    assert (layers + norms + doubled) / 1e9 == pytest.approx(facts, abs=0.005)
    per_head = sum(2 * 2 * n * (c // h) for n, c, h in zip(values, WIDTHS, HEADS, strict=True))
    assert products == per_head


def test_variants_differ_in_the_formula_alone():
    release, paper, shen = BFFR(), BFFR(variant="paper"), BFFR(attention="shen")
    for other in (paper, shen):
        other.load_state_dict(release.state_dict())
    formulas = [n.fusion[0].infrared.formula for n in (release, paper, shen)]
    assert formulas == ["code", "paper", "shen"]
    assert BFFR(variant="paper", attention="code").fusion[0].infrared.formula == "code"
    ir, vis = pictures()
    outputs = [shake_norms(n).eval()(ir, vis) for n in (release, paper, shen)]
    for i in range(3):
        assert not torch.allclose(outputs[i], outputs[i - 1], atol=1e-5)


@pytest.mark.parametrize(
    ("attention", "added"),
    [
        ("none", 0),
        ("channel", sum(2 * (2 * 8 * c + 8 + c) for c in WIDTHS)),
        ("spatial", sum(2 * (c * c + c + c) for c in WIDTHS)),
    ],
)
def test_ablations_exchange_the_attention_alone(attention, added):
    full, other = BFFR(), BFFR(attention=attention)
    assert count(other.fusion) == added
    assert full.parameters_count - other.parameters_count == count(full.fusion) - added
    for part in ("visible_encoder", "infrared_encoder", "decoder"):
        shapes = [[p.shape for p in getattr(n, part).parameters()] for n in (full, other)]
        assert shapes[0] == shapes[1]


def test_without_attention_features_are_averaged():
    block = BFFR(attention="none").fusion[1]
    ir, vis = torch.randn(2, 1, 64, 5, 6)
    torch.testing.assert_close(block(ir, vis), (ir + vis) / 2)


def test_channel_attention_is_squeeze_and_excitation():
    block = BFFR(attention="channel").fusion[1].double()
    ir, vis = torch.randn(2, 2, 64, 5, 6, dtype=torch.float64)
    expected = []
    for part, x in ((block.infrared, ir), (block.visible, vis)):
        first, second = part.squeeze.conv, part.excite
        hidden = (x.flatten(2).mean(2) @ first.weight[:, :, 0, 0].T + first.bias).clamp(min=0)
        mask = 1 / (1 + torch.exp(-(hidden @ second.weight[:, :, 0, 0].T + second.bias)))
        expected.append(x + x * mask[:, :, None, None])
    torch.testing.assert_close(block(ir, vis), sum(expected) / 2)


def test_spatial_attention_is_that_of_sca_cnn():
    strength = BFFR(attention="spatial").fusion[0].visible.double()
    x = torch.randn(2, 32, 5, 6, dtype=torch.float64)
    mixed = torch.einsum("oc,bchw->bohw", strength.mix.weight[:, :, 0, 0], x)
    mixed = torch.tanh(mixed + strength.mix.bias[:, None, None])
    scores = torch.exp(torch.einsum("c,bchw->bhw", strength.score.weight[0, :, 0, 0], mixed))
    expected = scores / scores.mean((1, 2), keepdim=True)
    torch.testing.assert_close(strength(x)[:, 0], expected)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_every_kind_trains_and_stays_in_range(attention):
    network = BFFR(attention=attention)
    ir, vis = pictures(batch=2)
    fused = network(ir, vis)
    assert fused.shape == ir.shape
    assert 0 <= fused.min() <= fused.max() <= 1
    (fused * torch.randn_like(fused)).sum().backward()
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_a_batch_is_its_pictures(attention):
    network = BFFR(attention=attention).eval()
    ir, vis = pictures(batch=2)
    with torch.inference_mode():
        alone = [network(ir[i : i + 1], vis[i : i + 1]) for i in range(2)]
        torch.testing.assert_close(network(ir, vis), torch.cat(alone), atol=2e-6, rtol=0)


@pytest.mark.slow
def test_it_is_traced_with_free_height_and_width():
    network = shake_norms(BFFR().eval())
    sizes = {2: torch.export.Dim("h", min=16), 3: torch.export.Dim("w", min=16)}
    exported = torch.export.export(network, tuple(pictures()), dynamic_shapes=(sizes, sizes))
    ir, vis = pictures(24, 31)
    with torch.inference_mode():
        torch.testing.assert_close(exported.module()(ir, vis), network(ir, vis))


@pytest.mark.parametrize("settings", [{"variant": "code"}, {"attention": "full"}])
def test_unknown_settings_are_refused(settings):
    with pytest.raises(UsageError):
        BFFR(**settings)
