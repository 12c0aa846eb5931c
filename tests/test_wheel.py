"""`pip install imfuse`, and then `imfuse-zoo`, on a machine that has nothing else."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheels_work_without_torch_and_stay_small(tmp_path):
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT), str(ROOT / "zoo"))
    (wheel,), (zoo,) = (tmp_path.glob(f"{name}-*.whl") for name in ("imfuse", "imfuse_zoo"))
    assert wheel.stat().st_size < 10e6
    assert zoo.stat().st_size < 100e6
    names = zipfile.ZipFile(wheel).namelist()
    assert "imfuse/py.typed" in names
    weights = {Path(name).stem for name in names if name.endswith(".onnx")}
    assert weights == {"imfuse-b", "imfuse-s"}

    run(sys.executable, "-m", "venv", str(tmp_path / "env"))
    python = str(tmp_path / "env" / "bin" / "python")
    constraints = ("--constraint", str(ROOT / "constraints.txt"))
    run(python, "-m", "pip", "--quiet", "install", *constraints, str(wheel))
    files = (tmp_path / "env").rglob("*")
    assert sum(f.stat().st_size for f in files if f.is_file() and not f.is_symlink()) < 400e6

    command = str(tmp_path / "env" / "bin" / "imfuse")
    result = json.loads(run(command, "demo", "-o", str(tmp_path / "demo"), "--json"))
    assert Path(result["page"]).stat().st_size > 100_000
    scores = [str(tmp_path / "demo" / name) for name in ("fused", "ir", "vis")]
    report = tmp_path / "scores.html"
    found = json.loads(run(command, "evaluate", *scores, "--report", str(report), "--json"))
    assert found["count"] == result["count"]
    assert report.stat().st_size > 100_000
    listed = json.loads(run(command, "models", "list", "--json"))
    assert len(listed) >= 8
    findings = json.loads(run(command, "doctor", "--json"))
    assert "torch" in findings["extras"]["learn"]
    absent = "import importlib.util as u; print([m for m in ('torch','scipy') if u.find_spec(m)])"
    assert run(python, "-c", absent).strip() == "[]"

    ir, vis = (sorted((tmp_path / "demo" / name).iterdir())[0] for name in ("ir", "vis"))
    fuse = [command, "fuse", str(ir), str(vis), "-o", str(tmp_path / "out.png"), "-m", "seafusion"]
    refused = subprocess.run(fuse, capture_output=True, text=True, check=False)
    assert refused.returncode == 3
    assert "pip install 'imfuse[zoo]'" in refused.stderr
    run(python, "-m", "pip", "--quiet", "install", "--no-deps", str(zoo))
    run(*fuse)
    assert (tmp_path / "out.png").stat().st_size > 10_000
    assert "seafusion" in json.loads(run(command, "models", "verify", "--json"))["verified"]
    listed = {row["name"]: row for row in json.loads(run(command, "models", "list", "--json"))}
    assert listed["bffr"]["package"] == "imfuse-zoo"
    assert listed["bffr"]["weights"]
