"""The distribution imfuse-zoo of this repository, which `make setup` installs."""

import json
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import imfuse
from imfuse.cards import network_cards
from imfuse.engines.packages import GROUP, MANIFEST, ZOO, read_manifest, weights_packages
from imfuse.engines.shipped import shipped

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "zoo" / "src" / "imfuse_zoo"


def test_the_zoo_is_installed_so_that_all_tests_cover_its_networks():
    listed = read_manifest(FOLDER / MANIFEST, "").networks
    assert listed
    for name in listed:
        assert shipped()[name].package == ZOO
        assert network_cards()[name.partition("@")[0]].package == ZOO
    assert {package.name: package.problem for package in weights_packages()}[ZOO] is None
    assert "imfuse_zoo" in {one.value for one in entry_points(group=GROUP)}


def test_each_file_is_listed_and_each_listed_file_is_there():
    for folder in (FOLDER, ROOT / "src" / "imfuse" / "weights"):
        listed = json.loads((folder / MANIFEST).read_text())["networks"].values()
        assert {one["file"] for one in listed} == {file.name for file in folder.glob("*.onnx")}


def test_both_distributions_are_of_one_version():
    import imfuse_zoo

    assert imfuse_zoo.__version__ == imfuse.__version__ == version(ZOO)
    series = f">={imfuse.__version__},<0.2"
    ours, theirs = (
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
        for folder in (".", "zoo")
    )
    assert ours["optional-dependencies"]["zoo"] == [f"imfuse-zoo{series}"]
    assert theirs["dependencies"] == [f"imfuse{series}"]


def test_imfuse_itself_holds_only_our_own_networks():
    assert all(one.package == ZOO or name.startswith("imfuse-") for name, one in shipped().items())
    folder = ROOT / "src" / "imfuse" / "weights"
    assert sum(file.stat().st_size for file in folder.iterdir()) < 1e6
