"""Two encoders on unfused pairs: shapes, exchange, training, files."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from imfuse.engines.onnx_file import OnnxFile  # noqa: E402 - after the skip
from imfuse.errors import UsageError, WeightsError  # noqa: E402
from imfuse.learn.guides.export import export_segmenter  # noqa: E402
from imfuse.learn.guides.frozen import open_guide  # noqa: E402
from imfuse.learn.guides.table import create_guide, create_picture_guide  # noqa: E402
from imfuse.learn.guides.two_encoders import Rectification  # noqa: E402
from imfuse.learn.training.run import train  # noqa: E402
from imfuse.vision.segmenter import OnnxSegmenter, SegmenterSpec  # noqa: E402

torch.set_num_threads(1)


def created(exchange="none"):
    torch.manual_seed(0)
    return create_guide("two-encoders", encoder="resnet-18", exchange=exchange, classes=4)


def streams(guide, pairs):
    """Return the joined features at all levels."""
    with torch.inference_mode():
        return guide.eval().encoder(pairs)


@pytest.mark.parametrize("exchange", ["none", "cmx"])
def test_gradients_reach_both_encoders(exchange):
    guide = created(exchange).train()
    logits = guide(torch.rand(2, 4, 64, 70)).main
    assert logits.shape == (2, 4, 64, 70)
    logits.square().mean().backward()
    for encoder in (guide.encoder.visible, guide.encoder.infrared):
        assert all(p.grad.abs().max() > 0 for p in encoder.parameters())


def test_each_sensor_has_its_encoder_and_only_cmx_lets_them_exchange():
    pairs = torch.rand(1, 4, 64, 64)
    other = pairs.clone()
    other[:, 3] = 1 - other[:, 3]
    for exchange in ("none", "cmx"):
        guide = created(exchange)
        kept = {}
        guide.encoder.visible.layer4.register_forward_hook(
            lambda module, given, found, kept=kept: kept.setdefault(len(kept), found)
        )
        features = streams(guide, pairs), streams(guide, other)
        assert not torch.equal(features[0][0], features[1][0])
        # The deepest features of the visible encoder know of the other sensor only with cmx.
        assert torch.equal(kept[0], kept[1]) is (exchange == "none")


def test_rectification_adds_the_other_sensor_by_its_weights():
    torch.manual_seed(0)
    block = Rectification(6)
    both = torch.rand(2, 12, 5, 7)
    first, second = both.chunk(2, 1)
    with torch.inference_mode():
        pooled = torch.cat([both.mean((2, 3)), both.amax((2, 3))], 1)[..., None, None]
        channel, pixel = block.by_channel(pooled), block.by_pixel(both)
        found = block(both)
    expected = first + 0.5 * channel[:, 6:] * second + 0.5 * pixel[:, 1:] * second
    torch.testing.assert_close(found[:, :6], expected)
    expected = second + 0.5 * channel[:, :6] * first + 0.5 * pixel[:, :1] * first
    torch.testing.assert_close(found[:, 6:], expected)


@pytest.mark.slow
@pytest.mark.parametrize("exchange", ["none", "cmx"])
def test_its_file_gives_the_same_logits(exchange, tmp_path):
    guide, file = created(exchange).eval(), tmp_path / "model.onnx"
    spec = SegmenterSpec(name="two-encoders", classes=tuple("abcd"), on="pair", minimum=33)
    assert export_segmenter(guide, file, spec) < 1e-4
    assert OnnxFile(file).inputs[0].shape[1] == 4


@pytest.mark.slow
def test_it_trains_on_pairs(tmp_path):
    settings = {"network.encoder": "resnet-18", "batch": 2, "crop": 64, "workers": 0}
    card = train("two-encoders", "scenes:6", tmp_path / "run", settings=settings, budget="2it")
    assert card.on == "pair"
    assert "It looks at unfused pairs." in (tmp_path / "run" / "card.md").read_text()
    segmenter = OnnxSegmenter(tmp_path / "run" / "model.onnx")
    assert segmenter.pairs
    assert segmenter.label(np.zeros((20, 50, 4), np.float32)).shape == (20, 50)
    with pytest.raises(WeightsError, match="unfused pairs"):
        open_guide(tmp_path / "run" / "model.onnx", ["car"])


def test_it_refuses_to_guide_fusion_and_to_look_at_one_picture(tmp_path):
    with pytest.raises(UsageError, match="unfused pairs"):
        create_picture_guide("two-encoders", encoder="resnet-18")
    with pytest.raises(UsageError, match="on"):
        train("two-encoders", "scenes:4", tmp_path / "run", settings={"on": "vis"})
    with pytest.raises(UsageError, match="'pair'"):
        train("banet", "scenes:4", tmp_path / "run", settings={"on": "pair"})
