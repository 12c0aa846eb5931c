"""Scores of one picture: channels, protocols, refusals, reasons."""

import numpy as np
import pytest

import imfuse
from imfuse.errors import PairMismatch, UnknownName, UsageError
from imfuse.metrics.catalogue import METRICS
from imfuse.metrics.protocols import PROTOCOLS
from imfuse.scoring.judge import Item
from imfuse.scoring.scorer import Scorer
from imfuse.types import ImagePair, Picture
from reference.pictures import pair


@pytest.fixture
def colour(rng):
    """A colour fused and visible picture, and gray infrared."""
    ir, vis = (np.rint(255 * x).astype(np.uint8) for x in pair(64, 72, seed=2))
    rgb = np.dstack([vis, 255 - vis // 2, rng.integers(0, 256, vis.shape, dtype=np.uint8)])
    return np.minimum(rgb, 250), ir, rgb


def scored(scorer, *arrays):
    fused, ir, vis = (Picture(pixels=x) for x in arrays)
    return scorer.score(fused, Item("a", ImagePair(ir=ir, vis=vis)))


def test_reference_has_every_metric_by_our_definition(colour):
    scorer = Scorer.of()
    assert list(scorer.conventions) == list(METRICS)
    assert not any(scorer.conventions.values())
    luma = [x if x.ndim == 2 else x @ [0.299, 0.587, 0.114] for x in colour]
    found = scored(scorer, *colour).values
    for symbol, metric in METRICS.items():
        expected = metric(*luma, data_range=255)
        assert found[symbol] == pytest.approx(expected, rel=1e-4, nan_ok=True), symbol


@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name != "reference"])
def test_a_protocol_has_its_kits_metrics_and_conventions(protocol, colour):
    scorer = Scorer.of(protocol)
    assert scorer.conventions == {
        symbol: metric.kits[protocol]
        for symbol, metric in METRICS.items()
        if protocol in metric.kits
    }
    assert {"EN", "SD", "SF", "AG", "MI", "Qabf", "SSIM"} <= set(scorer.conventions)
    assert scorer.channel == ("rgb-mean" if protocol == "vifb" else "gray")


def test_rgb_mean_is_the_mean_of_the_metric_over_the_channels(colour):
    fused, ir, vis = colour
    found = scored(Scorer.of("vifb", metrics=["EN", "SSIM"]), *colour).values
    for symbol in found:
        metric = METRICS[symbol]
        each = [
            metric(fused[..., c], ir, vis[..., c], data_range=255, **metric.kits["vifb"])
            for c in range(3)
        ]
        assert found[symbol] == pytest.approx(np.mean(each), rel=1e-6)


def test_the_channel_can_be_chosen(colour):
    by_channel = {
        channel: scored(Scorer.of("reference", channel, ["SD"]), *colour).values["SD"]
        for channel in ("y", "gray", "rgb-mean")
    }
    assert len(set(by_channel.values())) == 3
    assert by_channel["y"] == pytest.approx(by_channel["gray"], rel=0.01)


def test_metrics_can_be_chosen_in_any_spelling_and_stay_in_order():
    scorer = Scorer.of("reference", metrics=["vif", "ms_ssim", "EN"])
    assert sorted(scorer.conventions) == ["EN", "MS-SSIM", "VIF"]
    assert next(iter(scorer.conventions)) == "EN"


def test_unknown_names_bring_the_closest():
    with pytest.raises(UnknownName, match="Did you mean tang"):
        Scorer.of("tnag")
    with pytest.raises(UnknownName, match="Did you mean .*SSIM"):
        Scorer.of(metrics=["SSMI"])
    with pytest.raises(UnknownName, match="rgb-mean"):
        Scorer.of(channel="rgb")
    with pytest.raises(UsageError, match="protocol vifb has no SCD.*--protocol reference"):
        Scorer.of("vifb", metrics=["EN", "SCD"])
    with pytest.raises(UsageError, match="no metric"):
        Scorer.of(metrics=[])


def test_sizes_that_differ_are_refused(colour):
    fused, ir, vis = colour
    with pytest.raises(
        PairMismatch, match="fused is 72x64, infrared .* is 71x64, visible .* 72x64"
    ):
        scored(Scorer.of(), fused, ir[:, 1:], vis)


def test_depth_is_stated(colour):
    fused, ir, vis = colour
    found = scored(Scorer.of(metrics=["EN"]), fused, ir.astype(np.uint16) * 257, vis)
    assert found.notes == ("infrared: scaled from 0..65535 (16 bits) to 0..255",)


def test_undefined_values_have_reasons():
    flat = np.full((64, 72), 9, np.uint8)
    found = scored(Scorer.of(metrics=["CC", "EN", "MS-SSIM"]), flat, flat, flat)
    assert found.values["EN"] == 0
    reasons = {one.metric: one.reason for one in found.undefined}
    assert "constant" in reasons["CC"]
    assert "needs at least" in reasons["MS-SSIM"]
    assert set(reasons) == {symbol for symbol, v in found.values.items() if np.isnan(v)}


def test_python_takes_every_kind_of_picture(colour, tmp_path):
    fused, ir, vis = colour
    paths = []
    for name, pixels in zip(("f", "i", "v"), colour, strict=True):
        imfuse.write_image(tmp_path / f"{name}.png", Picture(pixels=pixels))
        paths.append(tmp_path / f"{name}.png")
    kinds = (
        colour,
        paths,
        [str(path) for path in paths],
        [path.read_bytes() for path in paths],
        [imfuse.read_image(path) for path in paths],
        (fused / np.float64(255), ir / np.float32(255), vis / np.float64(255)),
    )
    results = [dict(imfuse.evaluate(*kind, metrics=["SD", "VIF"])) for kind in kinds[:-1]]
    with pytest.warns(imfuse.ImfuseWarning, match="scaled from 0..1"):
        results.append(dict(imfuse.evaluate(*kinds[-1], metrics=["SD", "VIF"])))
    for result in results[1:]:
        assert result == pytest.approx(results[0], rel=1e-5)


def test_python_batches_of_tensors():
    torch = pytest.importorskip("torch")
    three = [torch.rand(3, 1, 32, 40, generator=torch.manual_seed(k)) for k in range(3)]
    with pytest.warns(imfuse.ImfuseWarning):
        together = imfuse.evaluate(*three, metrics=["SD", "CC"])
    assert together.names == ("0", "1", "2")
    with pytest.warns(imfuse.ImfuseWarning):
        alone = imfuse.evaluate(*(x[1] for x in three), metrics=["SD", "CC"])
    assert together.columns["CC"][1] == alone["CC"]
    with pytest.raises(PairMismatch, match="three batches"):
        imfuse.evaluate(three[0], three[1], three[2][:2])


def test_python_warns_of_what_is_undefined():
    flat = np.full((32, 32), 9, np.uint8)
    with pytest.warns(imfuse.ImfuseWarning, match="CC is undefined for 1 of 1 pictures"):
        found = imfuse.evaluate(flat, flat, flat, metrics=["CC"])
    assert np.isnan(found["CC"])
