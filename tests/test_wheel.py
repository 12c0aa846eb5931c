"""What `pip install imfuse` gives on a machine that has nothing else."""

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
def test_the_wheel_works_without_torch_and_stays_small(tmp_path):
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("imfuse-*.whl")
    assert wheel.stat().st_size < 25e6
    names = zipfile.ZipFile(wheel).namelist()
    assert "imfuse/py.typed" in names
    assert any(name.startswith("imfuse/weights/") for name in names)

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
