"""What every network promises. None is named here: class attributes decide."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils._pytree import tree_leaves  # noqa: E402 - no public way to flatten

from imfuse.engines.load import open_onnx  # noqa: E402 - needs torch
from imfuse.errors import ImfuseError, UnknownName  # noqa: E402
from imfuse.learn.checkpoints import load_weights, save_weights  # noqa: E402
from imfuse.learn.engine import TorchEngine  # noqa: E402
from imfuse.learn.export import TOLERANCE, export_onnx  # noqa: E402
from imfuse.learn.models.bands import BandSelection  # noqa: E402
from imfuse.learn.models.base import Origin  # noqa: E402
from imfuse.learn.networks import NETWORKS, create_network, find_network  # noqa: E402
from imfuse.types import FusionSpec, Preference  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


LARGE = {"psfusion", "swinfusion", "emma", "rfn-nest"}
"""Networks of tens of millions of parameters, or of many layers, which take a minute here."""


@pytest.fixture(
    params=[pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in NETWORKS]
)
def network(request):
    return create_network(request.param).eval()


def inputs(network, batch=1, times=(1, 2)):
    """Return a batch of a small size that the network takes; odd where it takes odd sizes."""
    rule = network.size
    steps = max(1, -(-max(rule.minimum, 9) // rule.multiple))
    height, width = (rule.multiple * (steps + t) for t in times)
    channels = 3 if network.visible == "rgb" else 1
    return torch.rand(batch, 1, height, width), torch.rand(batch, channels, height, width)


def test_it_tells_what_it_is(network):
    assert NETWORKS[network.name]
    assert find_network(network.name) is type(network)
    assert "doi:" in network.paper
    spec = network.spec(Origin(training_data="nothing"))
    assert FusionSpec.model_validate_json(spec.model_dump_json()) == spec
    assert spec.parameters == sum(p.numel() for p in network.parameters())


def test_shape_range_and_determinism(network):
    ir, vis = inputs(network)
    with torch.inference_mode():
        fused, again = network(ir, vis), network(ir, vis)
    assert fused.shape == (1, 3 if network.output == "rgb" else 1, *ir.shape[2:])
    assert torch.equal(fused, again)
    assert torch.isfinite(fused).all()
    low, high = (-math.inf, math.inf) if network.activation == "none" else (0, 1)
    assert low <= fused.min() <= fused.max() <= high


def test_a_batch_is_its_pictures(network):
    ir, vis = inputs(network, batch=3)
    with torch.inference_mode():
        together = network(ir, vis)
        alone = torch.cat([network(ir[i : i + 1], vis[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=2e-5, rtol=0)


def test_both_pictures_matter_and_symmetry_is_as_declared(network):
    ir, vis = inputs(network)
    gray = vis.mean(1, keepdim=True)
    visible = gray.expand_as(vis)
    swapped = ir.expand_as(vis)
    with torch.inference_mode():
        plain, other = network(ir, visible), network(gray, swapped)
        assert not torch.allclose(plain, network(1 - ir, visible), atol=1e-6)
        assert not torch.allclose(plain, network(ir, 1 - visible), atol=1e-6)
    assert torch.allclose(plain, other, atol=1e-5) == network.symmetric


def test_gradients_reach_every_trainable_parameter(network):
    ir, vis = inputs(network, batch=2)
    network.train()
    with torch.no_grad():
        for parameter in network.parameters():  # gates that begin at 0 hide what lies behind them
            parameter.add_(0.02 * torch.randn_like(parameter))
    if isinstance(network, BandSelection):
        outputs = network.prefer(ir, vis, Preference(0.5, 0.5, 0.5, 0.5))  # 0 leaves wishes idle
    else:  # also what only training looks at
        outputs = getattr(network, "features", network)(ir, vis)
    sum((x * torch.rand_like(x)).sum() for x in tree_leaves(outputs)).backward()
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0, name
        else:
            assert parameter.grad is None, name


def test_the_halo_is_enough_and_needed(network):
    """A pixel does not feel what lies farther away than the halo, and feels what lies there."""
    if network.halo is None:
        pytest.skip("the whole picture decides")
    halo = network.halo
    side = -(-(2 * halo + 5) // network.size.multiple) * network.size.multiple
    ir, vis = torch.rand(1, 1, side, side), torch.rand(1, 1, side, side)
    ir.requires_grad_(requires_grad=True)
    middle = side // 2
    network(ir, vis)[0, 0, middle, middle].backward()
    felt = ir.grad[0, 0].abs() > 0
    rows = np.flatnonzero(felt.any(1).numpy())
    assert middle - halo <= rows.min()
    assert rows.max() <= middle + halo
    # A random network may leave a corner of its view unused, but hardly more than a pixel.
    if network.stride == 1:
        assert rows.max() - rows.min() >= 2 * halo - 2


def test_weights_survive_a_file(network, tmp_path):
    save_weights(tmp_path / "w.safetensors", network, settings={}, origin=Origin(licence="ours"))
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.origin == Origin(licence="ours")
    for key, value in network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[key], value)


def test_the_exported_file_computes_the_same(network, tmp_path):
    """At sizes that the exporter did not see, in both engines, with the description inside."""
    out = tmp_path / "model.onnx"
    assert export_onnx(network, out) <= TOLERANCE
    engine, live = open_onnx(out), TorchEngine(network)
    assert engine.spec == live.spec == network.spec()
    ir, vis = inputs(network, times=(4, 2))
    arrays = ir[0, 0].numpy(), vis[0].permute(1, 2, 0).squeeze(-1).numpy()
    np.testing.assert_allclose(engine.fuse(*arrays), live.fuse(*arrays), atol=TOLERANCE)
    # And whoever goes on training finds all weights in it that fusing takes.
    network(ir, vis).sum().backward()
    read = dict(load_weights(out).network.named_parameters())
    for key, value in network.named_parameters():
        assert torch.equal(read[key], value) or value.grad is None


def test_wrong_batches_are_refused(network):
    ir, vis = inputs(network)
    for wrong in ((ir[..., 1:], vis), (ir.expand(-1, 2, -1, -1), vis), (ir, vis[:, :0])):
        with pytest.raises(ImfuseError, match="expected"):
            network(*wrong)


def test_unknown_names_bring_the_closest():
    with pytest.raises(UnknownName, match="Did you mean seafusion"):
        create_network("seafuson")
    with pytest.raises(UnknownName, match="Did you mean fusion"):
        create_network("ifcnn", fuson="mean")


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("ifcnn", {"fusion": "product"}, "maximum, mean, sum"),
        ("scgrfuse", {"variant": "papr"}, "'paper' or 'release'"),
        ("refinefuse", {"levels": "three"}, "a valid integer"),
        ("refinefuse", {"levels": 9}, "1 to 5"),
        ("scgrfuse", {"trainable_operators": 3}, "a valid boolean"),
        ("densefuse", {"fuzzy": 3}, "unknown setting"),
        ("u2fusion", {"fuzzy": 3}, "none"),
    ],
)
def test_bad_settings_are_refused(name, settings, words):
    with pytest.raises(ImfuseError, match=words):
        create_network(name, **settings)
