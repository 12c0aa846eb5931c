"""The command line as a user types it: what it prints where, and what it exits with."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import imfuse
from imfuse.cli import doctor
from imfuse.cli.console import parse_bytes, parse_preference, parse_size
from imfuse.errors import UsageError
from imfuse.io.images import read_image, write_image
from imfuse.types import Picture


@pytest.fixture
def pair(tmp_path, rng):
    ir, vis = tmp_path / "ir.png", tmp_path / "vis.png"
    write_image(ir, Picture(pixels=rng.integers(0, 256, (30, 40)).astype(np.uint8)))
    write_image(vis, Picture(pixels=rng.integers(0, 256, (30, 40, 3)).astype(np.uint8)))
    return ir, vis


@pytest.fixture
def folders(tmp_path, rng):
    for folder, channels in (("ir", ()), ("vis", (3,))):
        (tmp_path / folder).mkdir()
        for index in range(3):
            pixels = rng.integers(0, 256, (20, 30, *channels)).astype(np.uint8)
            write_image(tmp_path / folder / f"{index}.png", Picture(pixels=pixels))
    return tmp_path / "ir", tmp_path / "vis", tmp_path / "out"


def test_two_files(run, pair, tmp_path):
    code, out, err = run("fuse", *pair, "-o", tmp_path / "fused.png", "-m", "average")
    assert (code, out) == (0, "")
    assert "fused.png  (40x30, average," in err
    expected = imfuse.fuse(*pair, "average").pixels
    assert np.array_equal(read_image(tmp_path / "fused.png").pixels, expected)


def test_json_is_the_only_thing_on_stdout(run, pair, tmp_path):
    code, out, _ = run("fuse", *pair, "-o", tmp_path / "f.png", "--json")
    assert code == 0
    result = json.loads(out)
    assert result["failed"] == []
    (row,) = result["outputs"]
    assert {"ir", "vis", "out", "model", "seconds"} <= row.keys()
    assert row["out"] == str(tmp_path / "f.png")


def test_a_folder_as_output_of_two_files(run, pair, tmp_path):
    (tmp_path / "out").mkdir()
    code, _, _ = run("fuse", *pair, "-o", tmp_path / "out")
    assert code == 0
    assert (tmp_path / "out" / "vis.png").exists()


def test_preference(run, pair, tmp_path):
    for option in ("vis=1", "ir=0"):
        code, _, _ = run("fuse", *pair, "-o", tmp_path / "f.png", "--prefer", option)
        assert code == 0
        vis = read_image(pair[1]).pixels.astype(int)
        assert np.abs(read_image(tmp_path / "f.png").pixels - vis).max() <= 1


def test_warnings_go_to_stderr_and_into_json(run, pair, tmp_path):
    code, out, err = run("fuse", pair[1], pair[0], "-o", tmp_path / "f.png", "--json")
    assert code == 0
    assert "warning: " in err
    assert "false colour" in json.loads(out)["outputs"][0]["warnings"][0]


def test_transparency_that_is_lost_is_told(run, pair, tmp_path):
    pixels = read_image(pair[1]).pixels
    write_image(tmp_path / "a.png", Picture(pixels=pixels, alpha=pixels[..., 0].copy()))
    for name, told in (("f.jpg", True), ("f.tif", False)):
        code, _, err = run("fuse", pair[0], tmp_path / "a.png", "-o", tmp_path / name)
        assert code == 0
        assert ("can't hold transparency" in err) == told


def test_two_folders(run, folders):
    ir, vis, out = folders
    (vis / "only.png").write_bytes((vis / "0.png").read_bytes())
    code, stdout, stderr = run("fuse", ir, vis, "-o", out, "--json", "--workers", 2)
    assert code == 0
    result = json.loads(stdout)
    assert len(result["outputs"]) == 3
    assert result["unmatched"] == {"ir": [], "vis": [str(vis / "only.png")]}
    assert "3 pairs fused" in stderr
    assert "visible without an infrared partner (1):\n  only.png" in stderr
    code, stdout, stderr = run("fuse", ir, vis, "-o", out, "--json", "--workers", 2, "--resume")
    assert code == 0
    assert len(json.loads(stdout)["skipped"]) == 3
    assert "3 pairs fused already" in stderr


def test_failures_in_a_folder_are_listed_and_the_exit_code_tells(run, folders):
    ir, vis, out = folders
    (ir / "1.png").write_bytes(b"broken")
    code, stdout, stderr = run("fuse", ir, vis, "-o", out, "--json")
    assert code == 3
    result = json.loads(stdout)
    assert len(result["outputs"]) == 2
    (failed,) = result["failed"]
    assert failed["ir"] == str(ir / "1.png")
    assert failed["type"] == "UnreadableImage"
    assert failed["remedy"]
    assert f"failed (1):\n  {ir / '1.png'}: " in stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{ir}", "{tmp}/missing.png", "-o", "{tmp}/f.png"], 3, "missing.png"),
        (["{ir}", "{ir}", "-o", "{tmp}/f.png"], 3, "same file"),
        (["{ir}", "{small}", "-o", "{tmp}/f.png"], 3, "--resize ir"),
        (["{ir}", "{vis}", "-o", "{vis}"], 3, "one of the inputs"),
        (["{ir}", "{vis}", "-o", "{tmp}/no/f.png"], 3, "folder does not exist"),
        (["{ir}", "{vis}", "-o", "{tmp}/f.gif"], 3, ".png"),
        (["{ir}", "{vis}", "-o", "{tmp}/f"], 3, ".png"),
        (["{ir}", "{vis}", "-o", "{tmp}/f.png", "-m", "avrage"], 2, "Did you mean average"),
        (["{ir}", "{vis}", "-o", "{tmp}/f.png", "-m", "m.onnx"], 3, "m.onnx"),
        (["{ir}", "{vis}", "-o", "{tmp}/f.png", "--ir-range", "5"], 2, "LOW:HIGH"),
        (["{ir}", "{vis}", "-o", "{tmp}/f.png", "--ir-range", "5:5"], 2, "two different"),
        (["{ir}", "{vis}", "-o", "{tmp}/f.png", "--max-memory", "lots"], 2, "800MB"),
        (["{ir}", "{vis}", "-o", "{tmp}/f.png", "--prefer", "ir=2"], 2, "ir=0..1"),
        (
            ["{ir}", "{vis}", "-o", "{tmp}/f.png", "--max-pixels", "1000"],
            3,
            "1200|1,200|--max-pixels",
        ),
        (["{ir}", "{vis}", "-o", "{tmp}/f.png", "--resume"], 2, "two folders"),
        (["{ir}", "{tmp}", "-o", "{tmp}/f.png"], 2, "two files or two folders"),
        (["{tmp}", "{tmp}/nowhere", "-o", "{tmp}/f.png"], 2, "nowhere is missing"),
        (["{tmp}/empty", "{tmp}", "-o", "{tmp}/o"], 3, "no pictures"),
        (["{tmp}", "{tmp}", "-o", "{tmp}/o"], 2, "--pair-regex"),
        (["{ir}", "{vis}"], 2, "--out"),
        (["{ir}", "{vis}", "-o", "{tmp}/f.png", "--resize", "both"], 2, "resize"),
    ],
)
def test_refusals(run, pair, tmp_path, arguments, code, words):
    (tmp_path / "empty").mkdir()
    small = tmp_path / "small.png"
    write_image(small, Picture(pixels=np.zeros((5, 6), np.uint8)))
    before = sorted(tmp_path.rglob("*"))
    places = {"ir": pair[0], "vis": pair[1], "tmp": tmp_path, "small": small}
    got, out, err = run("fuse", *(a.format(**places) for a in arguments))
    assert got == code, err
    assert re.search(words, err)
    assert "Traceback" not in err
    assert out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_refusals_as_json(run, pair, tmp_path):
    code, out, _ = run("fuse", pair[0], pair[0], "-o", tmp_path / "f.png", "--json")
    assert code == 3
    error = json.loads(out)["error"]
    assert error["type"] == "PairMismatch"
    assert error["file"] == str(pair[0])
    assert error["remedy"]


def test_models_list_and_info(run):
    code, out, _ = run("models", "list", "--json")
    assert code == 0
    specs = json.loads(out)
    for spec in specs:
        keys = {"name", "paper", "year", "kind", "parameters", "visible", "weights", "licence"}
        assert keys <= spec.keys()
        code, out, _ = run("models", "info", spec["name"])
        assert code == 0
        assert spec["title"] in out
        code, out, _ = run("models", "info", spec["name"], "--json")
        shown = json.loads(out)
        assert shown.items() >= spec.items()
        if spec["kind"] == "network":
            assert shown["good_for"]
            assert shown["gmacs_256"] > 0
    assert sum(spec["default"] for spec in specs) == 1
    code, out, _ = run("models", "list")
    assert all(spec["name"] in out for spec in specs)
    assert run("models", "info", "nothing")[0] == 2


def test_doctor(run):
    code, out, _ = run("doctor", "--json")
    assert code == 0
    findings = json.loads(out)
    assert findings["imfuse"] == imfuse.__version__
    assert "CPUExecutionProvider" in findings["providers"]
    assert findings["packages"]["numpy"] == np.__version__
    assert findings["extras"]["learn"] == []
    code, out, _ = run("doctor")
    assert code == 0
    for name, version in findings["packages"].items():
        assert f"  {name} " in out  # apart from its version, however long it is
        assert (version or "not installed") in out


def test_doctor_says_what_to_install(run, monkeypatch):
    lost = "torch"
    version = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda n: None if n == lost else version(n))
    code, out, _ = run("doctor")
    assert code == 0
    assert re.search(r"torch +not installed", out)
    assert "lacks torch; pip install 'imfuse[learn]' adds it" in out


def test_version(run):
    assert run("--version") == (0, f"imfuse {imfuse.__version__}\n", "")


def test_scenes(run, tmp_path):
    options = ["-n", 2, "--size", "64x48", "--seed", 3, "--misalign", 2, "--json"]
    code, out, _ = run("scenes", "-o", tmp_path / "s", *options)
    assert code == 0
    pairs = json.loads(out)["pairs"]
    assert [p["seed"] for p in pairs] == [3, 4]
    for pair in pairs:
        shapes = {
            folder: read_image(tmp_path / "s" / folder / f"{pair['name']}.png").pixels.shape
            for folder in ("ir", "vis", "labels", "mask")
        }
        expected = {"ir": (48, 64), "vis": (48, 64, 3), "labels": (48, 64), "mask": (48, 64)}
        assert shapes == expected
        flow = np.load(tmp_path / "s" / "flow" / f"{pair['name']}.npy")
        assert flow.shape == (48, 64, 2)
        assert 0 < np.abs(flow).max() <= 2 + 1e-6
    assert run("scenes", "-o", tmp_path / "t", "--kind", "beach")[0] == 2
    assert run("scenes", "-o", tmp_path / "t", "--size", "64")[0] == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [("1GB", 10**9), ("2GiB", 2**31), ("800 mb", 8 * 10**8), ("1.5K", 1500), ("1e6", 10**6)],
)
def test_amounts_of_memory(text, value):
    assert parse_bytes(text) == value


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "0", "1TB2", "1.2.3M", "1e999", "1e400GB"])
def test_amounts_that_are_none(text):
    with pytest.raises(UsageError):
        parse_bytes(text)


def test_ranges_and_sizes():
    assert parse_preference("ir=0.6") == {"prefer_ir": 0.6}
    assert parse_preference("vis=0.75, detail=1.2") == {"prefer_ir": 0.25, "detail": 1.2}
    assert parse_preference("vis,machine") == {"prefer_ir": 0, "machine": 1}
    for bad in ("0.6", "", "ir=", "ir=1.5", "uv=0.5", "ir=1.2.3", "ir,vis", "detail=2", "ir=nan"):
        with pytest.raises(UsageError):
            parse_preference(bad)
    assert parse_size("640x480") == (480, 640)
    for bad in ("640", "0x5", "axb", "5x-5"):
        with pytest.raises(UsageError):
            parse_size(bad)


def complete(words):
    """Ask the command for completions as bash does."""
    environment = {
        **os.environ,
        "_IMFUSE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    command = [sys.executable, "-c", "from imfuse.cli import main; main()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_shell_completion_knows_commands_and_methods():
    assert "fuse" in complete("imfuse f")
    assert complete("imfuse fuse a b -m lap") == ["laplacian", "laplacian-max"]


def test_networks_without_weights_say_where_there_are_some(run, tmp_path, pair):
    code, out, _ = run("models", "info", "cddfuse")
    assert code == 0
    for words in ("1,188,272", "no licence stated", "https://", "imfuse convert", "good for"):
        assert words in out
    code, out, _ = run("models", "info", "didfuse")
    assert "FILE FILE (of encoder and decoder)" in out
    code, _, err = run("fuse", *pair, "-o", tmp_path / "out.png", "-m", "cddfuse")
    assert code == 3
    assert "not part of imfuse" in err
    assert "imfuse models info cddfuse" in err
    assert not (tmp_path / "out.png").exists()


def test_names_that_no_system_takes_are_refused(run, pair, folders, tmp_path):
    long = "x" * 5000
    for words in (
        ("fuse", long, pair[1], "-o", tmp_path / "f.png"),
        ("fuse", *pair, "-o", tmp_path / long),
        ("evaluate", long, *pair),
        ("evaluate", folders[0], *folders[:2], "--metrics", "EN", "--csv", long),
        ("bench", "--data", long),
        ("data", "check", long),
    ):
        code, _, err = run(*words)
        assert code in {2, 3}
        assert "error: " in err
        assert len(err.replace(long, "")) < 2000


def test_values_are_quoted_in_part_only(run, pair, tmp_path):
    code, _, err = run("fuse", *pair, "-o", tmp_path / "f.png", "--format", "x" * 50_000)
    assert code == 2
    assert "[...]" in err
    assert len(err) < 3000
