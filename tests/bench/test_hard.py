"""Methods compared on hard pairs."""

import json

import cv2
import numpy as np
import pytest

from imfuse import UsageError
from imfuse.bench.hard import measure_rendered
from imfuse.bench.hard_summary import HardSummary, Measured
from imfuse.bench.run import Competitor
from imfuse.scenes import render


@pytest.fixture(scope="module")
def summary():
    methods = [Competitor.of_method(name) for name in ("average", "max", "laplacian")]
    labels = [one.label for one in methods]
    return HardSummary.of(labels, measure_rendered(methods, 1))


def test_the_mean_of_both_sources_is_known(summary):
    """It passes on half of all noise and glare, never overshoots, and has half of each target."""
    for part in ("dark", "pattern"):
        assert summary.mean("average", "noise", part) == pytest.approx(0.5, abs=1e-3)
    assert summary.mean("average", "glare") == pytest.approx(0.5, abs=1e-3)
    for label in ("average", "max"):
        assert summary.mean(label, "halo") == pytest.approx(0, abs=1e-6)
    assert 0.3 < summary.mean("average", "contrast") < 0.7
    assert summary.mean("max", "contrast", "overexposed") < 0.2
    assert summary.mean("laplacian", "contrast", "overexposed") > 0.6
    assert summary.best("edges") == "laplacian"
    assert summary.measures == ["contrast", "edges", "noise", "glare", "halo", "colour"]


def test_means_are_over_parts_and_skip_what_was_not_measured():
    measured = [
        Measured("a", {"x": [("halo", 1.0)]}),
        Measured("a", {"x": [("halo", 3.0), ("noise", float("nan"))]}),
        Measured("b", {"x": [("halo", 8.0)]}),
    ]
    summary = HardSummary.of(["x"], measured)
    assert summary.mean("x", "halo") == 5.0
    assert summary.mean("x", "halo", "a") == 2.0
    assert np.isnan(summary.mean("x", "noise"))
    assert summary.counts == {"a": 2, "b": 1}
    assert summary.sections()[0].rows == [["x", "-", "5.00"]]
    assert summary.as_dict()["rows"][0]["noise"] is None
    assert summary.best("noise") is None
    assert summary.best("halo") == "x"


def test_the_command(run, tmp_path):
    csv, table = tmp_path / "values.csv", tmp_path / "table.md"
    command = ["bench", "--task", "hard", "--data", "scenes:1", "--models", "max"]
    code, out, err = run(*command, "--csv", csv, "--markdown", table)
    assert code == 0, err
    assert "Contrast ↑ by what is hard" in out
    assert "overexposed" in table.read_text()
    assert csv.read_text().startswith("method,measure,part,value\n")
    code, out, err = run(*command, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [row["model"] for row in found["rows"]] == ["average", "max", "laplacian"]
    assert found["count"] == dict.fromkeys(found["count"], 1)


@pytest.fixture
def labelled(tmp_path):
    scene = render("street-night", seed=1)
    root = tmp_path / "pairs"
    for name, pixels in (
        ("ir", (255 * scene.ir).astype(np.uint8)),
        ("vis", (255 * scene.vis[..., ::-1]).astype(np.uint8)),
        ("labels", scene.labels),
    ):
        (root / name).mkdir(parents=True)
        cv2.imwrite(str(root / name / "00001N.png"), pixels)
    return root


def test_labelled_pairs_have_targets(labelled, run, tmp_path):
    folder = tmp_path / "fused"
    folder.mkdir()
    cv2.imwrite(
        str(folder / "00001N.png"),
        cv2.imread(str(labelled / "ir" / "00001N.png"), cv2.IMREAD_GRAYSCALE),
    )
    code, out, err = run(
        "bench", "--task", "hard", "--data", labelled, "--fused", f"warm={folder}", "--json"
    )
    assert code == 0, err
    rows = {row["model"]: row for row in json.loads(out)["rows"]}
    assert set(rows["warm"]["parts"]["contrast"]) == {"night"}
    assert rows["warm"]["contrast"] > 0.7
    assert rows["max"]["colour"] < rows["average"]["colour"] < rows["warm"]["colour"]


def test_what_can_not_be_measured_is_named(labelled, run, tmp_path):
    folder = labelled / "vis"
    code, _, err = run("bench", "--task", "hard", "--data", "scenes:1", "--fused", f"x={folder}")
    assert code == 2
    assert "the fused pictures x as a row" in err
    code, _, err = run("bench", "--task", "hard", "--report", tmp_path / "r.html")
    assert code == 2
    assert "--report with --task hard" in err
    code, _, err = run("bench", "--task", "hard", "--metrics", "EN")
    assert code == 2
    for more in (["--workers", "2"], ["--ir-range", "auto"]):
        code, _, err = run("bench", "--task", "hard", "--data", "scenes:1", *more)
        assert code == 2
        assert more[0] in err
    small = tmp_path / "small"
    small.mkdir()
    cv2.imwrite(str(small / "00001N.png"), np.zeros((20, 30), np.uint8))
    code, _, err = run("bench", "--task", "hard", "--data", labelled, "--fused", f"x={small}")
    assert code == 3
    assert "30x20 by x" in err
    for path in (labelled / "labels").iterdir():
        path.unlink()
    (labelled / "labels").rmdir()
    code, _, err = run("bench", "--task", "hard", "--data", labelled)
    assert code == 2
    assert "without labels" in err
    with pytest.raises(UsageError, match="clips|rendered"):
        list(measure_rendered([Competitor.of_folder("x", folder)], 1))


def test_clips_show_flicker(run, tmp_path):
    """Where nothing moves but the light of single frames, a method shows only what it adds."""
    scene = render("street-day", size=(96, 128), seed=7)
    for sensor, pixels in (("infrared", scene.ir), ("visible", scene.vis)):
        path = tmp_path / "m3svd" / sensor / "0111_1716.mp4"
        path.parent.mkdir(parents=True)
        video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (128, 96))
        frame = (200 * pixels).astype(np.uint8)
        frame = frame if frame.ndim == 3 else np.dstack([frame] * 3)
        for _ in range(4):
            video.write(frame[..., ::-1])
        video.release()
    code, out, err = run("bench", "--task", "hard", "--data", tmp_path / "m3svd", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["count"] == {"0111_1716": 1}
    for row in found["rows"]:
        assert row["flicker"] < 0.3
