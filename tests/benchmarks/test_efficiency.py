"""The table of costs at the papers' sizes, made at a small one."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmarks(monkeypatch, tmp_path):
    """The modules, writing their results to a folder of their own."""
    monkeypatch.syspath_prepend(ROOT)
    import efficiency
    import tables

    for module in (efficiency, tables):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    monkeypatch.setattr(
        efficiency,
        "write_results",
        lambda name, found: (tmp_path / f"{name}.json").write_text(json.dumps({"results": found})),
    )
    return efficiency, tables


def call(monkeypatch, efficiency, *arguments):
    monkeypatch.setattr(sys, "argv", ["efficiency.py", *arguments])
    efficiency.main()


def test_costs_are_measured_and_kept(benchmarks, monkeypatch):
    efficiency, tables = benchmarks
    call(monkeypatch, efficiency, "seafusion", "--sizes", "64x96")
    call(monkeypatch, efficiency, "seafusion", "refinefuse", "--sizes", "512x512", "--count-only")
    call(monkeypatch, efficiency, "seafusion", "--sizes", "64x96", "--count-only")
    rows = json.loads((efficiency.RESULTS / "efficiency.json").read_text())["results"]["rows"]
    small, large = (row for row in rows if row["network"] == "seafusion")
    # RefineFuse's table 11 gives 43.52 for 512x512, and the cost goes by pixels.
    assert large["gmac"] == pytest.approx(43.52, rel=1e-3)
    assert small["gmac"] == pytest.approx(43.52 * 64 * 96 / 512**2, rel=2e-3)
    assert small["onnx_ms"] > 0  # kept when only counting
    assert small["peak_mb"] > 0
    assert large["onnx_ms"] is None
    table = tables.efficiency().splitlines()
    assert len(table) == 4
    (row,) = (line for line in table if "seafusion" in line)
    assert "43.52 (43.52)" in row
    assert "| - |" in row
    assert "166,883" in row
