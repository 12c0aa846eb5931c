"""Cumulative curves from results of the bench."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest


@pytest.fixture
def bench(tmp_path, rng):
    """Results with one undefined value and values that several pictures share."""
    rows = {
        label: [
            {"name": str(i), "VIF": float(rng.integers(5)) / 4, "Qabf": float(rng.random())}
            for i in range(21)
        ]
        for label in ("a & b", "max")
    }
    rows["max"][3]["VIF"] = None
    path = tmp_path / "bench.json"
    models = [{"model": label, "rows": each} for label, each in rows.items()]
    path.write_text(json.dumps({"models": models}))
    return path, rows


def test_points_say_how_many_pictures_have_at_most_a_value(experiment, call, bench, tmp_path):
    path, rows = bench
    call(experiment("cumulative"), path, "-o", tmp_path / "curves")
    found = json.loads((tmp_path / "curves.json").read_text())
    assert list(found) == ["VIF", "Qabf"]
    for symbol, each in found.items():
        for label, curve in each.items():
            values = np.array([row[symbol] for row in rows[label] if row[symbol] is not None])
            expected = [np.mean(values <= value) for value in curve["at_most"]]
            assert set(curve["at_most"]) == set(values)
            np.testing.assert_allclose(curve["share"], expected)


def test_the_picture_has_a_chart_a_metric_and_a_curve_a_method(experiment, call, bench, tmp_path):
    path, _ = bench
    call(experiment("cumulative"), path, "-o", tmp_path / "curves", "--metrics", "Qabf")
    root = ET.parse(tmp_path / "curves.svg").getroot()  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    charts = [one for one in root.iter(f"{space}svg") if one.get("class") == "chart"]
    assert len(charts) == 1
    curves = [one for one in charts[0].iter(f"{space}path") if one.get("class") == "curve"]
    assert [one.get("d").count("L") for one in curves] == [20, 20]
    assert "a & b" in [text.text for text in root.iter(f"{space}text")]


def test_other_files_and_metrics_are_refused(experiment, call, bench, tmp_path):
    module = experiment("cumulative")
    with pytest.raises(SystemExit, match="some of VIF, Qabf"):
        call(module, bench[0], "--metrics", "SSIM", "-o", tmp_path / "c")
    (tmp_path / "other.json").write_text('{"models": []}')
    for name in ("other.json", "missing.json"):
        with pytest.raises(SystemExit, match=r"imfuse bench --json|No such file"):
            call(module, tmp_path / name, "-o", tmp_path / "c")
    assert not (tmp_path / "c.svg").exists()
