import hashlib
import json

import numpy as np
import pytest

import imfuse
from imfuse.data.rendered import RenderedPairs
from imfuse.data.sample import gray
from imfuse.engines import shipped as module
from imfuse.engines.load import load_engine, model_names, model_specs
from imfuse.engines.packages import FORMAT, MANIFEST, OURS, Entry
from imfuse.engines.shipped import shipped, shipped_file
from imfuse.errors import UnknownName, WeightsError
from imfuse.metrics.catalogue import find_metric

torch = pytest.importorskip("torch")


CARD = {
    "network": "seafusion",
    "recipe": "seafusion",
    "preset": "cpu",
    "seed": 7,
    "stages": [{"name": "fuse", "steps": 50, "planned": 200}],
    "seconds": 600.0,
    "pairs": 90,
    "held_out": 10,
    "scored": 8,
    "scores": {"EN": 6.5},
    "departures": "in this",
    "device": "2 cores",
    "precision": "bf16-mixed",
    "begun_with": "their pairs",
    "training_data": "rendered scenes",
    "training_terms": "ask them; ours",
    "commit": "abc1234",
}
ORIGIN = {
    "licence": "CC-BY-NC-4.0",
    "training_data": "their pairs; then rendered scenes",
    "training_terms": "ask them; ours",
    "training_steps": 50,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a network in half precision."""
    from imfuse.learn.export import export_onnx
    from imfuse.learn.models.seafusion import SeAFusion

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    network = SeAFusion()
    assert export_onnx(network, folder / "seafusion.onnx", bits=16) < 1e-6
    whole = export_onnx(network, folder / "whole.onnx")
    assert whole < 1e-6
    return folder


@pytest.fixture
def folder(trained, tmp_path, monkeypatch):
    """The same, taken for that of the package."""
    content = (trained / "seafusion.onnx").read_bytes()
    (tmp_path / "seafusion.onnx").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    spec = load_engine(tmp_path / "seafusion.onnx").spec.model_copy(update=ORIGIN)
    entry = {"file": "seafusion.onnx", "sha256": sha256, "spec": spec.model_dump(), "card": CARD}
    content = {"format": FORMAT, "networks": {"seafusion": entry}}
    (tmp_path / MANIFEST).write_text(json.dumps(content))
    monkeypatch.setattr(module, "_folder", lambda: tmp_path)
    monkeypatch.setattr(module, "weights_packages", lambda: ())
    for cached in (module._ours, shipped, shipped_file):
        cached.cache_clear()
    yield tmp_path
    for cached in (module._ours, shipped, shipped_file):
        cached.cache_clear()


def test_files_of_weights_are_as_they_were_made():
    for name, one in shipped().items():
        assert shipped_file(name) == one.file
        assert one.card["network"] == name.partition("@")[0]
        assert one.spec == load_engine(name).spec
        assert one.spec.training_data


LEAST = {"bffr": {"Qabf": 0.95, "SF": 0.95}}
"""Of the average's values, where a network is not made to beat it: BFFR's learns the average, then
leaves it as far as helps a segmenter."""


@pytest.mark.parametrize("name", shipped())
def test_what_they_make_of_an_unseen_scene_bears_comparison_with_the_average(name):
    pair = RenderedPairs(1, split="test", size=(96, 128)).load(0)
    looks = pair.ir, gray(pair.vis)
    for symbol, least in LEAST.get(name, {"Qabf": 1.1, "SF": 1.1}).items():
        network, average = (
            find_metric(symbol)(
                gray(imfuse.fuse(pair.ir, pair.vis, model=model)), *looks, data_range=255
            )
            for model in (name, "average")
        )
        assert network > least * average, symbol


def test_names_of_the_manifest_fuse(folder, rng):
    assert "seafusion" in model_names()
    ir, vis = rng.random((2, 24, 31), np.float32)
    fused = load_engine("seafusion").fuse(ir, vis)
    assert fused.shape == ir.shape


def test_half_precision_halves_the_file_and_computes_the_same(trained, rng):
    halved, whole = (trained / f"{name}.onnx" for name in ("seafusion", "whole"))
    assert halved.stat().st_size < 0.6 * whole.stat().st_size
    ir, vis = rng.random((2, 24, 31), np.float32)
    found, expected = (load_engine(path).fuse(ir, vis) for path in (halved, whole))
    # The second file was written from weights that the first had rounded.
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_changed_and_missing_files_are_refused(folder):
    (folder / "seafusion.onnx").write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"SHA-256.*Install imfuse again"):
        load_engine("seafusion")
    assert shipped()["seafusion"].package == OURS
    (folder / "seafusion.onnx").unlink()
    with pytest.raises(WeightsError, match="missing"):
        load_engine("seafusion")


def test_unknown_names_are_told_from_networks_too(folder):
    with pytest.raises(UnknownName, match="seafusion"):
        load_engine("seafuson")
    with pytest.raises(UnknownName, match="seafusion"):
        shipped_file("seafuson")
    with pytest.raises(WeightsError, match="not part of imfuse"):
        load_engine("cddfuse")


def test_the_command_line_lists_shows_and_verifies_them(folder, run):
    code, out, _ = run("models", "list", "--json")
    assert code == 0
    rows = {row["name"]: row for row in json.loads(out)}
    assert rows["seafusion"]["weights"]
    assert rows["seafusion"].items() >= ORIGIN.items()
    assert not rows["cddfuse"]["weights"]
    code, out, _ = run("models", "info", "seafusion", "--json")
    assert (code, json.loads(out)["weights"]) == (0, True)
    code, out, _ = run("models", "info", "seafusion")
    training = ("--preset cpu, seed 7, at commit abc1234", "90, and 10", "50, 25.0%", "EN 6.5")
    for shown in (*training, "weights trained on their pairs", "after those of"):
        assert shown in out
    code, out, _ = run("models", "verify", "--json")
    assert json.loads(out) == {"verified": {"seafusion": "seafusion.onnx"}}
    (folder / "seafusion.onnx").write_bytes(b"")
    shipped_file.cache_clear()
    code, _, error = run("models", "verify")
    assert code == 3
    assert "seafusion.onnx" in error


def test_entries_of_later_releases_are_read():
    spec = {"name": "a", "title": "a", "kind": "network"}
    given = {"file": "a.onnx", "sha256": "0" * 64, "spec": spec}
    assert Entry(**given, url="c") == Entry(**given)


def test_specs_by_name_are_those_of_the_engines():
    specs = {spec.name: spec for spec in model_specs()}
    assert sorted(specs) == sorted(model_names())
    for name, spec in specs.items():
        assert spec == load_engine(name).spec
