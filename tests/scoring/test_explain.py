"""Which way leads to a number: ways that are known beforehand are found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imfuse.errors import PairMismatch, UsageError
from imfuse.io.images import write_image
from imfuse.metrics.catalogue import METRICS
from imfuse.metrics.protocols import PROTOCOLS
from imfuse.scoring.explain import AS_THEY_ARE, Explainer, matching
from imfuse.scoring.judge import Item
from imfuse.scoring.references import References
from imfuse.scoring.scorer import Scorer
from imfuse.types import ImagePair, Picture
from reference.pictures import pair


def judged(judge, fused, ir, vis):
    return judge.score(fused, Item("a", ImagePair(ir=ir, vis=vis)))


@pytest.fixture(scope="module")
def pictures():
    """Gray infrared and, for rgb-mean to matter, a colour visible and fused picture."""
    ir, vis = (np.rint(255 * x).astype(np.uint8) for x in pair(70, 80, seed=5))
    rgb = np.dstack([vis, np.sqrt(vis * 255.0).astype(np.uint8), vis // 2])
    fused = np.clip(rgb.astype(float) * 0.6 + 0.3 * ir[..., None] + 9, 0, 255).astype(np.uint8)
    return [Picture(pixels=x) for x in (fused, ir, rgb)]


def explained(symbol, pictures):
    explainer = Explainer(symbol)
    evaluation = explainer.summarise("x", [judged(explainer, *pictures)])
    return explainer.findings(evaluation)


@pytest.mark.parametrize("symbol", ["MI", "SSIM", "VIF", "AG", "PSNR"])
@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_every_protocols_own_number_is_explained_by_it(symbol, protocol, pictures):
    if protocol != "reference" and protocol not in METRICS[symbol].kits:
        pytest.skip(f"{protocol} has no {symbol}")
    scorer = Scorer.of(protocol, metrics=[symbol])
    value = judged(scorer, *pictures).values[symbol]
    fitting, nearest = matching(explained(symbol, pictures), f"{value:.9g}")
    assert any(protocol in way.protocols for finding in fitting for way in finding.ways)
    assert nearest.value == pytest.approx(value, rel=1e-6)


def gray(pictures):
    return [Picture(pixels=p.pixels if p.pixels.ndim == 2 else p.pixels[..., 0]) for p in pictures]


def test_stretching_is_recognised(pictures):
    fused, ir, vis = gray(pictures)
    low, high = fused.pixels.min(), fused.pixels.max()
    stretched = np.floor((fused.pixels.astype(float) - low) * 255 / (high - low))
    value = np.std(stretched)
    fitting, _ = matching(explained("SD", [fused, ir, vis]), f"{value:.4f}")
    assert [way.pictures for way in fitting[0].ways] == ["fused one stretched to 0..255"] * len(
        fitting[0].ways
    )


def test_the_unit_scale_is_recognised(pictures):
    findings = explained("SF", gray(pictures))
    ours = next(f for f in findings if any("reference" in way.protocols for way in f.ways))
    fitting, _ = matching(findings, f"{ours.value / 255:.6g}")
    assert any(way.pictures == "scaled to 0..1" for finding in fitting for way in finding.ways)


def test_a_deep_infrared_picture_looks_unlike_through_gray(pictures):
    """Fused and visible of 8 bits are alike through all channels; infrared of 16 bits is not."""
    fused, ir, vis = gray(pictures)
    deep = Picture(pixels=ir.pixels.astype(np.uint16) * 200 + 77)
    for protocol in ("reference", "tang"):
        scorer = Scorer.of(protocol, metrics=["CC"])
        value = judged(scorer, fused, deep, vis).values["CC"]
        fitting, _ = matching(explained("CC", [fused, deep, vis]), f"{value:.12g}")
        assert any(protocol in way.protocols for finding in fitting for way in finding.ways)


def test_findings_ascend_and_lead_with_the_plainest_way(pictures):
    findings = explained("MI", pictures)
    values = [finding.value for finding in findings]
    assert values == sorted(values)
    for finding in findings:
        counts = [len(way.departures) for way in finding.ways]
        assert counts == sorted(counts)
    ours = next(f for f in findings if any("reference" in way.protocols for way in f.ways))
    assert ours.ways[0].departures == ()
    assert ours.ways[0].pictures == AS_THEY_ARE


def test_a_printed_number_stands_for_what_rounds_to_it(pictures):
    findings = explained("MI", pictures)
    value = findings[0].value
    assert matching(findings, f"{value:.3f}")[0]
    off = f"{value * 1.5 + 10:.6f}"
    fitting, nearest = matching(findings, off)
    assert fitting == []
    assert nearest is findings[-1]
    assert len(matching(findings, f"{value:.1f}")[0]) >= len(matching(findings, f"{value:.6f}")[0])


@pytest.mark.parametrize("text", ["", "x", "1,5", "nan", "1e", "0x1"])
def test_no_number(text, pictures):
    with pytest.raises(UsageError, match="is no number"):
        matching(explained("EN", pictures), text)


@pytest.mark.parametrize("symbol", ["SSIM", "PSNR", "MI", "VIF"])
@pytest.mark.parametrize("role", ["infrared", "visible"])
def test_a_score_against_one_source_is_recognised(pictures, symbol, role):
    """The oracle computes the metric on a trio in which one source stands for both."""
    fused, ir, vis = pictures
    one = ir if role == "infrared" else vis
    both = judged(Scorer.of(metrics=[symbol]), fused, one, one).values[symbol]
    explainer = Explainer(symbol)
    evaluation = explainer.summarise("x", [judged(explainer, *pictures)])
    for words, value in (("once", both / 2), ("twice", both)):
        fitting, _ = matching(explainer.findings(evaluation), f"{value:.7f}")
        named = {way.pictures for finding in fitting for way in finding.ways}
        assert f"compared with {role} alone, {words}" in named


def test_what_ignores_the_sources_is_not_compared_with_one(pictures):
    explainer = Explainer("EN")
    evaluation = explainer.summarise("x", [judged(explainer, *pictures)])
    ways = {way.pictures for one in explainer.findings(evaluation) for way in one.ways}
    assert not any("alone" in words for words in ways)


@pytest.mark.parametrize("symbol", ["SSIM", "PSNR", "VIF"])
def test_a_score_against_a_reference_is_recognised(pictures, symbol, tmp_path):
    """The oracle computes the metric on a trio in which the reference stands for both sources."""
    fused, ir, vis = pictures
    wanted = replace(vis, pixels=np.ascontiguousarray(vis.pixels[::-1]))
    file = tmp_path / "fused.png"
    for folder, path in (("plain", file), ("references", tmp_path / "wanted" / "fused.png")):
        path.parent.mkdir(exist_ok=True)
        write_image(path, fused if folder == "plain" else wanted)
    both = judged(Scorer.of(metrics=[symbol]), fused, wanted, wanted).values[symbol]
    item = Item("one", ImagePair(ir=ir, vis=vis), files=(file, file, file))
    for path in (tmp_path / "wanted", tmp_path / "wanted" / "fused.png"):
        explainer = Explainer(symbol, References(path, folder=path.is_dir()))
        evaluation = explainer.summarise("x", [explainer.score(fused, item)])
        for words, value in (("once", both / 2), ("twice", both)):
            fitting, _ = matching(explainer.findings(evaluation), f"{value:.7f}")
            named = {way.pictures for finding in fitting for way in finding.ways}
            assert f"compared with the reference, {words}" in named


def test_references_that_do_not_fit_are_refused(pictures, tmp_path):
    fused, *_ = pictures
    write_image(tmp_path / "other.png", fused)
    with pytest.raises(PairMismatch, match="no reference of this name"):
        References(tmp_path, folder=True).find(fused, Path("one.png"))
    small = replace(fused, pixels=np.ascontiguousarray(fused.pixels[1:]))
    with pytest.raises(PairMismatch, match="the reference has"):
        References(tmp_path, folder=True).find(small, Path("other.png"))
    with pytest.raises(UsageError, match="there is no reference"):
        References(tmp_path / "nothing", folder=True)
    with pytest.raises(UsageError, match="is a folder"):
        References(tmp_path, folder=False)
