"""From a run to a package of weights: file, checksum, card, and the pixels behind the weights."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

from imfuse.engines.load import load_engine
from imfuse.engines.packages import FORMAT, MANIFEST, OURS, ZOO, read_manifest
from imfuse.learn.checkpoints import save_weights
from imfuse.learn.models.base import Origin
from imfuse.learn.networks import create_network
from imfuse.learn.recipes.card import StageDone, TrainingCard

ROOT = Path(__file__).parents[2] / "benchmarks"
STEP = 2 * 32 * 32
"""Pixels of a step."""


def made(folder, steps, before):
    """Write the weights and the card of a run, as `imfuse train` leaves them."""
    folder.mkdir()
    network = create_network("seafusion")
    origin = Origin(training_data="scenes", steps=steps + before)
    for file in ("weights.safetensors", "stage-1.safetensors"):
        save_weights(folder / file, network, settings={}, origin=origin)
    card = TrainingCard(
        network="seafusion",
        recipe="seafusion",
        preset="paper",
        paper="",
        departures="",
        parameters=network.parameters_count,
        training_data="scenes",
        training_terms="",
        begun_with="scenes" if before else None,
        begun_steps=before or None,
        data=["scenes:6"],
        pairs=5,
        held_out=1,
        pairs_sha256="0" * 64,
        stages=[StageDone(name="fuse 1", steps=steps, planned=100)],
        budget=f"{steps}it",
        seconds=1.0,
        precision="32-true",
        device="a core",
        processes=1,
        imfuse="0",
        torch="0",
        seed=0,
        settings={"batch": 2, "crop": [32, 32]},
        scores={"EN": 7.0},
        scored=1,
    )
    (folder / "card.json").write_text(card.model_dump_json())


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three runs, each begun with the weights of the one before."""
    folder = tmp_path_factory.mktemp("runs")
    made(folder / "first", 2, 0)
    made(folder / "second", 3, 2)
    made(folder / "third", 4, 5)
    return folder


@pytest.fixture
def ship(monkeypatch, tmp_path):
    """`ship.ship`, for packages in a folder of their own."""
    monkeypatch.syspath_prepend(ROOT)
    import ship

    folders = {OURS: tmp_path / "ours", ZOO: tmp_path / "zoo"}
    for folder in folders.values():
        folder.mkdir()
        (folder / MANIFEST).write_text(json.dumps({"format": FORMAT, "networks": {}}))
    monkeypatch.setattr(ship, "PACKAGES_OF_WEIGHTS", folders)
    monkeypatch.setattr(ship, "_commit", lambda run: "abc1234")
    yield ship.ship
    sys.modules.pop("ship")


@pytest.fixture
def listed_only(ship, monkeypatch):
    """No network is exported."""
    module = sys.modules["ship"]
    monkeypatch.setattr(module, "export_onnx", lambda network, out, *_, **__: out.write_bytes(b"x"))


def entry(folder, name="seafusion"):
    return read_manifest(folder / "zoo" / MANIFEST, "").networks[name]


def test_a_run_becomes_a_listed_file(ship, runs, tmp_path):
    ship(runs / "first")
    found = entry(tmp_path)
    assert load_engine(tmp_path / "zoo" / found.file).spec == found.spec
    assert found.spec.training_steps == 2
    assert found.card["commit"] == "abc1234"
    assert (found.card["pixels"], found.card["begun_pixels"]) == (2 * STEP, None)
    assert not read_manifest(tmp_path / "ours" / MANIFEST, "").networks


@pytest.mark.usefixtures("listed_only")
def test_pixels_add_up_over_what_was_shipped_before(ship, runs, tmp_path):
    ship(runs / "first")
    ship(runs / "second")
    assert entry(tmp_path).card["begun_pixels"] == 2 * STEP
    ship(runs / "third")
    card = entry(tmp_path).card
    assert (card["pixels"], card["begun_pixels"]) == (4 * STEP, 5 * STEP)


@pytest.mark.usefixtures("listed_only")
def test_pixels_add_up_over_runs_in_between(ship, runs, tmp_path):
    ship(runs / "first")
    ship(runs / "third", after=[runs / "second"])
    assert entry(tmp_path).card["begun_pixels"] == 5 * STEP


@pytest.mark.usefixtures("listed_only")
def test_pixels_are_unknown_where_a_run_is_missing(ship, runs, tmp_path):
    ship(runs / "first")
    ship(runs / "third")
    assert entry(tmp_path).card["begun_pixels"] is None


@pytest.mark.slow
def test_a_stage_becomes_a_variant_in_eight_bits(ship, runs, tmp_path):
    ship(runs / "first")
    ship(runs / "first", 8, 1, "early")
    whole, early = entry(tmp_path), entry(tmp_path, "seafusion@early")
    assert early.file == "seafusion@early.onnx"
    assert load_engine(tmp_path / "zoo" / early.file).spec.name == "seafusion@early"
    assert early.card["scores"] == {}
    assert whole.card["scores"]
    sizes = [(tmp_path / "zoo" / one.file).stat().st_size for one in (early, whole)]
    assert sizes[0] < 0.75 * sizes[1]
