"""Benchmarks and reports with a judge that they have never heard of."""

import numpy as np
import pytest

from imfuse.bench.run import Bench, competitors_of
from imfuse.bench.summary import Summary
from imfuse.data.entries import NamedPair
from imfuse.errors import PairMismatch
from imfuse.metrics.metric import MetricInfo
from imfuse.report.scores import evaluation_page
from imfuse.scoring.judge import Row, summarise
from imfuse.scoring.page import settings, striking_pairs
from imfuse.types import ImagePair, Picture

INFO = MetricInfo(
    symbol="LUX", title="mean brightness", better="higher", unit="gray levels", reference="a test"
)


class Brightness:
    """Judges by mean brightness, and refuses dark pictures."""

    name = "brightness"

    def score(self, fused, item):
        value = float(fused.pixels.mean())
        if value < 10:
            raise PairMismatch("too dark", file=item.name)
        return Row(name=item.name, values={"LUX": value}, detail=fused.size)

    def summarise(self, label, rows, *, failed=(), notes=()):
        return summarise(
            label,
            rows,
            {"LUX": INFO},
            protocol=self.name,
            channel="all",
            about={"judge": "a test's own"},
            failed=failed,
            notes=notes,
        )


def pairs(rng):
    for index in range(4):
        ir, vis = rng.integers(20, 256, (2, 24, 32)).astype(np.uint8)
        if index == 3:
            ir, vis = ir // 200, vis // 200
        pair = ImagePair(ir=Picture(pixels=ir), vis=Picture(pixels=vis))
        yield NamedPair(f"p{index}", lambda pair=pair: pair)


def test_any_judge_runs_through_benchmark_and_report(rng):
    known = list(pairs(rng))
    bench = Bench(competitors_of(["max"]), known, [Brightness()])
    assert sorted(bench) == ["p0", "p1", "p2", "p3"]
    (failed,) = bench.failed
    assert failed[0] == "p3"
    by_label = {one.label: one for one in bench.evaluations()}
    for label, combine in (("max", np.maximum), ("average", lambda a, b: a / 2 + b / 2)):
        expected = [
            np.rint(combine(*(p.pixels.astype(float) for p in (pair.ir, pair.vis)))).mean()
            for pair in (one.load() for one in known[:3])
        ]
        assert by_label[label].columns["LUX"] == pytest.approx(expected, abs=0.51)
        assert by_label[label].infos["LUX"] is INFO
    summary = Summary.of(bench, speeds={})
    assert summary.bought() is not None
    best = by_label["max"]
    page = evaluation_page("t", summary.main, best.infos, settings=settings(best))
    assert "mean brightness" in page
    assert "a test&#39;s own" in page
    assert len(striking_pairs(best)) == 3
