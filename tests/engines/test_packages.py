"""Packages that add weights: found by their entry point, checked, and never in the others' way."""

import hashlib
import importlib
import json

import numpy as np
import pytest

import imfuse
from imfuse.engines import packages, shipped
from imfuse.engines.load import load_engine, model_names, model_specs
from imfuse.engines.packages import FORMAT, GROUP, MANIFEST, ZOO, weights_packages
from imfuse.errors import UnknownName, WeightsError

CACHES = (packages.weights_packages, shipped._ours, shipped.shipped, shipped.shipped_file)


def forget():
    importlib.invalidate_caches()
    for cached in CACHES:
        cached.cache_clear()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the search path where packages can be installed; imfuse-zoo is not there."""
    found = packages.entry_points
    monkeypatch.setattr(
        packages,
        "entry_points",
        lambda group: [
            one for one in found(group=group) if (tmp_path / one.module.split(".")[0]).exists()
        ],
    )
    monkeypatch.syspath_prepend(tmp_path)
    forget()
    yield tmp_path
    forget()


@pytest.fixture
def install(site, golden):
    """Return a function that installs a package of weights, as pip would leave it."""

    def _install(
        name="rival",
        *,
        networks=("tiny",),
        version="1.0",
        requires=(),
        content=None,
        file="tiny.onnx",
        module=None,
    ):
        module = module or name.replace("-", "_")
        folder = site / module
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("raise RuntimeError('this code must not run')\n")
        weights = (golden / "tiny.onnx").read_bytes()
        (folder / "tiny.onnx").write_bytes(weights)
        spec = load_engine(golden / "tiny.onnx").spec.model_dump(mode="json")
        sha256 = hashlib.sha256(weights).hexdigest()
        given = {
            one: {"file": file, "sha256": sha256, "spec": spec | {"name": one}} for one in networks
        }
        text = json.dumps({"format": FORMAT, "networks": given}) if content is None else content
        (folder / MANIFEST).write_text(text)
        about = site / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir()
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
        (about / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")
        target = module.replace("/", ".")
        (about / "entry_points.txt").write_text(f"[{GROUP}]\nany = {target}\n")
        forget()
        return folder

    return _install


def problem():
    (package,) = weights_packages()
    assert package.problem is not None
    assert not package.networks
    return str(package.problem)


def still_fuses():
    ir, vis = np.random.default_rng(0).integers(0, 255, (2, 64, 64), np.uint8)
    return imfuse.fuse(ir, vis).shape == vis.shape


def test_a_package_adds_names_without_running_its_code(install, rng):
    folder = install()
    assert "tiny" in model_names()
    assert "tiny" in {spec.name for spec in model_specs()}
    assert shipped.shipped_file("tiny") == folder / "tiny.onnx"
    assert shipped.shipped()["tiny"].package == "rival"
    ir, vis = rng.integers(0, 255, (2, 24, 31), np.uint8)
    assert imfuse.fuse(ir, vis, "tiny").shape == vis.shape


def test_the_command_line_names_the_package(install, run):
    install()
    rows = {row["name"]: row for row in json.loads(run("models", "list", "--json")[1])}
    assert rows["tiny"].items() >= {"weights": True, "package": "rival"}.items()
    assert rows["seafusion"].items() >= {"weights": False, "package": ZOO}.items()
    assert rows["imfuse-b"]["package"] == "imfuse"
    assert rows["average"]["package"] == ""
    code, out, _ = run("models", "list")
    assert code == 0
    assert "pip install 'imfuse[zoo]'" in out
    assert "in the package rival" in run("models", "info", "tiny")[1]
    assert "tiny" in json.loads(run("models", "verify", "--json")[1])["verified"]


@pytest.mark.usefixtures("site")
def test_without_the_zoo_its_networks_say_how_to_get_them(run, tmp_path):
    for name in ("seafusion", "bffr@warm-start"):
        with pytest.raises(WeightsError, match=rf"{name} are in.*pip install 'imfuse\[zoo\]'"):
            load_engine(name)
    code, _, error = run("fuse", "a.png", "b.png", "-o", tmp_path / "c.png", "-m", "scgrfuse")
    assert code == 3
    assert "pip install 'imfuse[zoo]'" in error
    code, out, _ = run("models", "info", "seafusion")
    assert code == 0
    assert "pip install 'imfuse[zoo]'" in out
    with pytest.raises(UnknownName, match="Did you mean seafusion"):
        shipped.shipped_file("seafuson")
    assert still_fuses()


def test_a_file_of_another_network_is_refused(install):
    install(networks=("other",))
    with pytest.raises(WeightsError, match="described as tiny; expected other. Update or reinst"):
        load_engine("other")


def test_changed_files_name_the_package(install):
    folder = install()
    (folder / "tiny.onnx").write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"SHA-256.*Install rival again"):
        load_engine("tiny")
    assert still_fuses()


def test_names_of_others_stay_theirs(install, rng):
    ours = imfuse.fuse(*rng.integers(0, 255, (2, 64, 64), np.uint8))
    install("a-thief", networks=("imfuse-b", "average", "seafusion", "bffr@mine", "mine"))
    install("b-thief", networks=("mine",))
    held = shipped.shipped()
    assert held["imfuse-b"].package == "imfuse"
    assert held["mine"].package == held["bffr@mine"].package == "a-thief"
    assert load_engine("average").spec.kind == "classical"
    assert ours.shape == (64, 64)
    with pytest.raises(WeightsError, match="which is not installed"):
        load_engine("seafusion")
    install(ZOO, networks=("seafusion", "mine"), version=imfuse.__version__)
    assert shipped.shipped()["seafusion"].package == ZOO
    assert shipped.shipped()["mine"].package == ZOO  # the zoo comes first


@pytest.mark.parametrize(
    ("version", "requires", "words"),
    [
        ("9.0", ["numpy", "imfuse>=9,<10"], "imfuse-zoo needs imfuse<10,>=9"),
        ("0.0.1", ["imfuse<0.1"], "imfuse-zoo needs imfuse<0.1"),
        ("9.0", ["Imfuse==9.*; python_version > '3'"], "imfuse-zoo needs imfuse==9"),
        ("0.0.1", [], "imfuse needs imfuse-zoo"),
    ],
)
def test_a_zoo_of_another_version_is_refused_by_name(
    install, run, monkeypatch, version, requires, words
):
    bound = ["imfuse-zoo>=0.1.0.dev0; extra == 'zoo'"]
    monkeypatch.setattr(packages, "requires", lambda name: bound)
    install(ZOO, networks=("seafusion",), version=version, requires=requires)
    assert words in problem()
    pattern = rf"imfuse-zoo {version} does not go with.*pip install -U imfuse imfuse-zoo"
    for name in ("seafusion", "scgrfuse"):
        with pytest.raises(WeightsError, match=pattern):
            load_engine(name)
    assert still_fuses()
    code, _, error = run("models", "list")
    assert code == 0
    assert "weights of imfuse-zoo can't be used" in error
    assert run("models", "verify")[0] == 3


def test_a_zoo_of_this_version_goes(install, monkeypatch):
    series = ".".join(imfuse.__version__.split(".")[:2])
    monkeypatch.setattr(packages, "requires", lambda name: [f"imfuse-zoo>={series}.0.dev0"])
    install(ZOO, networks=("seafusion",), version=imfuse.__version__, requires=["imfuse>=0.1.dev0"])
    assert weights_packages()[0].problem is None
    with pytest.raises(WeightsError, match=f"installed imfuse-zoo {imfuse.__version__} has no"):
        load_engine("scgrfuse")
    with pytest.raises(UnknownName):
        load_engine("seafusion@another")


SPEC = {"name": "tiny", "title": "", "kind": "network"}
ENTRY = {"file": "tiny.onnx", "sha256": "0" * 64, "spec": SPEC}


def manifest(**changes):
    return json.dumps({"format": 1, "networks": {"tiny": ENTRY | changes}})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "damaged list of weights"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin1"), "damaged"),
        ("[" * 100_000, "damaged list of weights"),
        ("[]", "damaged list of weights"),
        ("{}", "damaged list of weights"),
        ('{"format": 0, "networks": {}}', "damaged list of weights: format"),
        ('{"format": 2, "networks": {"tiny": 5}}', "format 2; expected at most 1"),
        ('{"format": 1, "networks": {"Name": 5}}', "damaged list of weights: networks.Name"),
        (manifest(file="../tiny.onnx"), "file: String should match pattern"),
        (manifest(file="/tiny.onnx"), "file: String should match pattern"),
        (manifest(file="tiny.pkl"), "file: String should match pattern"),
        (manifest(sha256="0" * 63), "sha256: String should match pattern"),
        (manifest(spec=SPEC | {"name": "other"}), "tiny is described as other"),
        (manifest(spec=SPEC | {"kind": "poem"}), "spec.kind"),
        (manifest(spec=SPEC | {"format": 99}), "needs a newer imfuse"),
        (manifest()[:-7], "damaged list of weights"),
    ],
)
def test_damaged_lists_are_named_and_harm_nothing_else(install, run, content, words):
    folder = install(content=content)
    assert words in problem()
    assert str(folder / MANIFEST) in problem()
    assert still_fuses()
    with pytest.raises((WeightsError, UnknownName)):
        load_engine("tiny")
    assert run("models", "verify")[0] == 3


def test_what_is_missing_is_named(install, site):
    folder = install()
    (folder / MANIFEST).unlink()
    forget()
    assert "the list of weights is missing" in problem()
    for file in folder.iterdir():
        file.unlink()
    assert still_fuses()


def test_packages_around_the_weights_are_not_run_either(install, site):
    folder = install(module="outer/inner")
    (site / "outer" / "__init__.py").write_text("raise RuntimeError('this code must not run')\n")
    assert shipped.shipped()["tiny"].file == folder / "tiny.onnx"


@pytest.mark.parametrize("requires", ["imfuse>=", "=== ==", "imfuse>=0.1.0.dev0; nonsense"])
def test_requirements_that_cannot_be_read_are_named(install, requires):
    install(requires=[requires])
    assert "the version or requirements of rival can't be read" in problem()
    assert still_fuses()


def test_a_version_that_is_none_is_named(install, monkeypatch):
    monkeypatch.setattr(packages, "requires", lambda name: ["rival>=1"])
    install(version="latest")
    with pytest.raises((WeightsError, UnknownName)):
        load_engine("tiny")
    assert still_fuses()


def test_a_package_that_is_not_there_is_named(install, site, monkeypatch):
    folder = install(module="gone")
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    forget()
    assert "the package 'gone' with the weights of rival is missing" in problem()
    assert folder.exists()
    assert still_fuses()
