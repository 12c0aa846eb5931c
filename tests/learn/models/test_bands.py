"""Our own networks: the engine against PyTorch, where pixels come from, files."""

import json

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch")

from imfuse.engines.band_pyramid import collapsed, split  # noqa: E402
from imfuse.engines.bands import BANDS_KEY, BandsEngine, _strips, scale_of  # noqa: E402
from imfuse.engines.load import load_engine, open_onnx  # noqa: E402
from imfuse.engines.onnx import OnnxEngine  # noqa: E402
from imfuse.engines.scene import SCENE, describe, in_blocks  # noqa: E402
from imfuse.errors import UsageError, WeightsError  # noqa: E402
from imfuse.fuser import Fuser  # noqa: E402
from imfuse.learn.blocks.decider import described  # noqa: E402
from imfuse.learn.checkpoints import load_weights, save_weights  # noqa: E402
from imfuse.learn.export import export_onnx  # noqa: E402
from imfuse.learn.models import bands  # noqa: E402
from imfuse.learn.models.bands import ImfuseB, ImfuseS  # noqa: E402
from imfuse.learn.models.base import Origin  # noqa: E402
from imfuse.types import ImagePair, Picture, Preference  # noqa: E402

BOTH = pytest.mark.parametrize("kind", [ImfuseB, ImfuseS])


def made(kind):
    """Return a network whose decisions differ from place to place."""
    torch.manual_seed(0)
    network = kind().eval()
    with torch.no_grad():
        for parameter in network.decider.parameters():
            parameter.mul_(1.5)
        for parameter in network.decider.wishes.parameters():
            parameter.normal_(std=0.5)
        for silent in (network.decider.scene[-1], *network.decider.for_machines):
            silent.weight.normal_(std=0.2)
        network.sharpness.copy_(torch.tensor([3.0, 4.0, 5.0, 6.0]))
    return network


@pytest.fixture(scope="module", params=[ImfuseB, ImfuseS])
def exported(request, tmp_path_factory):
    """A network, and the file of what decides in it."""
    network, file = made(request.param), tmp_path_factory.mktemp("bands") / "model.onnx"
    assert export_onnx(network, file) < 1e-5
    return network, file


def pictures(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((2, height, width), np.float32)


def batches(ir, vis):
    return torch.from_numpy(ir)[None, None], torch.from_numpy(vis)[None, None]


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (480, 640)])
def test_the_engine_computes_what_the_network_does(exported, size):
    network, file = exported
    engine = open_onnx(file)
    assert isinstance(engine, BandsEngine)
    assert engine.spec.name == network.name
    ir, vis = pictures(*size)
    before = ir.copy(), vis.copy()
    found = engine.fuse(ir, vis)
    with torch.inference_mode():
        expected = network(*batches(ir, vis))[0, 0].numpy()
    assert (found.dtype, found.shape) == (np.float32, size)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert (ir == before[0]).all()
    assert (vis == before[1]).all()


def test_shares_add_up_to_the_picture_and_know_its_origin(exported):
    network, file = exported
    engine = open_onnx(file)
    ir, vis = pictures(96, 128, seed=1)
    shares = engine.shares(ir, vis)
    np.testing.assert_allclose(sum(shares), engine.fuse(ir, vis), atol=2e-6)
    with torch.inference_mode():
        expected = network.shares(*batches(ir, vis))
    for one, other in zip(shares, expected, strict=True):
        np.testing.assert_allclose(one, other[0, 0].numpy(), atol=2e-6)
    # Planted: where one picture has nothing at all, nothing can come from it.
    none = np.zeros_like(ir)
    assert (engine.shares(ir, none).vis == 0).all()
    assert (engine.shares(none, vis).ir == 0).all()


def test_given_its_decisions_the_picture_is_linear_in_the_sources(exported):
    """A blob that one source gains, the picture gains, by the share of that source."""
    network, _ = exported
    ir, vis = (one.double() for one in batches(*pictures(64, 96, seed=2)))
    network = made(type(network)).double()
    decide = network.decide
    with torch.inference_mode():
        first = network.shares(ir, vis)
        fixed = decide(*(_bands(x) for x in (ir, vis)), Preference(), described(ir, vis))
        network.decide = lambda *_: fixed
        blob = torch.zeros_like(ir)
        blob[..., 20:40, 30:60] = 0.25
        more, alone = network(ir + blob, vis), network.shares(blob, torch.zeros_like(vis)).ir
    torch.testing.assert_close(more, sum(first) + alone)


def _bands(picture):
    return bands._pyramid(picture)


def test_bands_add_up_to_the_picture():
    picture = pictures(96, 64)[0]
    np.testing.assert_allclose(collapsed(split(picture)), picture, atol=1e-6)


def test_scales_of_decisions():
    assert [scale_of(level, 1) for level in range(5)] == [0, 0, 1, 2, 2]
    assert [scale_of(level, 3) for level in range(5)] == [0, 0, 0, 0, 1]


@BOTH
def test_a_preference_changes_the_picture(kind):
    network = made(kind)
    ir, vis = batches(*pictures(64, 64))
    with torch.inference_mode():
        usual = network(ir, vis)
        torch.testing.assert_close(network.prefer(ir, vis, Preference()), usual)
        for name in Preference._fields:
            assert not torch.allclose(network.prefer(ir, vis, Preference(**{name: 1.0})), usual)


def test_options_are_preferences(exported):
    network, file = exported
    ir, vis = pictures(64, 96)
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    found = Fuser(file, prefer_ir=0.7, detail=1.2, natural=0.3, machine=0.1).fuse(pair).pixels
    wanted = Preference(lean=0.4, detail=1.2, natural=0.3, machine=0.1)
    with torch.inference_mode():
        decided = network.prefer(*batches(ir, vis), wanted)[0, 0].numpy()
    expected = 0.84 * decided + 0.16 * ir  # .4 squared
    np.testing.assert_allclose(found, expected.clip(0, 1), atol=2e-6)
    assert not np.allclose(Fuser(file).fuse(pair).pixels, found)
    for prefer_ir, source in ((0.0, vis), (1.0, ir)):
        told = Fuser(file, prefer_ir=prefer_ir, provenance=True).fuse(pair)
        np.testing.assert_allclose(told.pixels, source, atol=1e-6)
        assert (told.provenance[..., int(prefer_ir == 0.0)] == 1).all()
    leaning = Fuser(file, prefer_ir=0.9).fuse(pair).pixels
    with torch.inference_mode():
        decided = network.prefer(*batches(ir, vis), Preference(lean=0.8))[0, 0].numpy()
    np.testing.assert_allclose(leaning, (0.36 * decided + 0.64 * ir).clip(0, 1), atol=2e-6)
    for name in ("detail", "natural", "machine"):
        with pytest.raises(UsageError, match=f"wish for {name} with max.*-m imfuse-b"):
            Fuser("max", **{name: 0.5})
        with pytest.raises(UsageError, match=name):
            Fuser(file, **{name: 1.6})


def test_wishes_that_nobody_trained_are_refused(tmp_path):
    network, file = made(ImfuseS), tmp_path / "model.onnx"
    with torch.no_grad():
        for one in network.decider.wishes:
            one.of["machine"].zero_()
    export_onnx(network, file)
    assert open_onnx(file).rule.wishes == ("lean", "detail", "natural")
    Fuser(file, natural=1, prefer_ir=1)
    with pytest.raises(UsageError, match="wish for machine with imfuse-s.*lean, detail, natural"):
        Fuser(file, machine=0.5)


def test_tiles_give_the_whole(exported):
    """The halo reaches as far as the network looks."""
    network, file = exported
    halo = network.halo
    size = -(-(3 * halo + 200) // 32) * 32
    ir, vis = pictures(size, size, seed=3)
    engine = open_onnx(file).in_scene(describe(in_blocks(ir), in_blocks(vis)))
    whole = engine.fuse(ir, vis)
    start = -(-(halo + 32) // 32) * 32
    window = slice(start - halo, start + 64 + halo)
    part = engine.fuse(ir[window, window].copy(), vis[window, window].copy())
    core = part[halo : halo + 64, halo : halo + 64]
    np.testing.assert_allclose(core, whole[start : start + 64, start : start + 64], atol=1e-6)


@pytest.mark.parametrize("size", [(256, 96), (288, 160), (32 * 11, 64)])
def test_strips_give_the_whole(exported, monkeypatch, size):
    """The network reaches less far than the rows beyond a strip."""
    _, file = exported
    engine, (ir, vis) = open_onnx(file), pictures(*size)
    whole = engine.fuse(ir, vis)
    planes = size[0] * size[1] // 4**engine.rule.start
    monkeypatch.setattr("imfuse.engines.bands._STRIP", planes // 3)
    assert len(_strips(size[0] >> engine.rule.start, size[1] >> engine.rule.start)) > 1
    np.testing.assert_allclose(engine.fuse(ir, vis), whole, atol=1e-6)


def test_the_whole_picture_counts(exported):
    """A window gets another look at night than by day, in the engine as in the network."""
    _, file = exported
    engine, (ir, vis) = open_onnx(file), pictures(64, 64)
    by_itself = engine.fuse(ir, vis)
    own = describe(in_blocks(ir), in_blocks(vis))
    np.testing.assert_array_equal(engine.in_scene(own).fuse(ir, vis), by_itself)
    wishing = engine.in_scene(own).preferring(Preference(detail=1.0))
    np.testing.assert_array_equal(
        wishing.fuse(ir, vis), engine.preferring(Preference(detail=1.0)).fuse(ir, vis)
    )
    night = describe(*np.zeros((2, 3, 4, 4), np.float32))
    assert not np.allclose(engine.in_scene(night).fuse(ir, vis), by_itself, atol=1e-3)


def test_a_fuser_tells_its_tiles_of_the_whole(exported):
    _, file = exported
    rng = np.random.default_rng(5)
    light = np.linspace(0, 1, 500, dtype=np.float32)
    ir, vis = rng.random((2, 1500, 500), np.float32) * light[:, None].repeat(3, 1).T.reshape(-1, 1)
    pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
    whole = Fuser(file, tone="night").fuse(pair).pixels
    need = 4 * ir.size + 1000 * 500 * (256 + 100)
    tiled = Fuser(file, tone="night", max_memory=need).fuse(pair).pixels
    np.testing.assert_allclose(tiled, whole, atol=2e-6)


def test_both_describe_a_scene_alike():
    ir, vis = (one.round(decimals=2) for one in pictures(160, 96))
    found = describe(in_blocks(ir), in_blocks(vis))
    assert found.shape == (SCENE,)
    np.testing.assert_allclose(found, described(*batches(ir, vis))[0].numpy(), atol=1e-6)


def test_the_file_gives_the_network_back(exported, tmp_path):
    network, file = exported
    loaded = load_weights(file).network
    for name, values in network.state_dict().items():
        assert (loaded.state_dict()[name] == values).all(), name
    half = tmp_path / "half.onnx"
    assert export_onnx(made(type(network)), half, bits=16) < 1e-5
    assert half.stat().st_size < 0.7 * file.stat().st_size


def test_any_size_in_colour(exported):
    _, file = exported
    rng = np.random.default_rng(0)
    pair = ImagePair(
        ir=Picture(pixels=rng.integers(0, 256, (37, 51), np.uint8)),
        vis=Picture(pixels=rng.integers(0, 256, (37, 51, 3), np.uint8)),
    )
    fused = Fuser(file).fuse(pair)
    assert (fused.pixels.shape, fused.pixels.dtype) == ((37, 51, 3), np.uint8)
    for runtime in ("openvino", "openvino-bf16"):
        assert isinstance(load_engine(file, runtime=runtime), BandsEngine)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"start": 9}, "bad metadata"),
        ({"sharpness": [1.0]}, "bad metadata"),
        ({"halved": None}, "bad metadata"),
        ({"start": 2}, "inputs and outputs"),
    ],
)
def test_files_that_say_something_else_are_refused(exported, tmp_path, changes, said):
    _, file = exported
    model = onnx.load(file)
    told = {one.key: one for one in model.metadata_props}
    rule = {**json.loads(told[BANDS_KEY].value), **changes}
    told[BANDS_KEY].value = json.dumps(rule)
    other = tmp_path / "other.onnx"
    onnx.save(model, other)
    with pytest.raises(WeightsError, match=said):
        open_onnx(other)


def test_settings_are_refused(exported):
    _, file = exported
    with pytest.raises(UsageError, match="describes itself"):
        open_onnx(file, settings={"range": "0:1"})


@pytest.mark.slow
def test_the_command_writes_the_whole(exported, run, tmp_path):
    network, _ = exported
    weights = tmp_path / "w.safetensors"
    save_weights(weights, network, settings={}, origin=Origin())
    out = tmp_path / "whole.onnx"
    code, _, err = run("export", weights, "-o", out, "--whole")
    assert code == 0, err
    assert isinstance(open_onnx(out), OnnxEngine)
    code, _, err = run("export", weights, "-o", out, "--whole", "--segmenter")
    assert code == 2
