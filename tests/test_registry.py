"""The table of methods, its plug-ins, and the files behind it."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from imfuse import registry
from imfuse.engines.base import FunctionEngine
from imfuse.engines.load import load_engine
from imfuse.engines.shipped import shipped
from imfuse.errors import ImfuseError, UnknownName
from imfuse.types import FusionSpec

MINE = FunctionEngine(FusionSpec(name="mine", title="mine", kind="classical"), lambda ir, vis: vis)


@pytest.fixture
def plug_ins(monkeypatch):
    def install(**targets):
        points = [EntryPoint(n, v, "imfuse.methods") for n, v in targets.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: points)
        registry._methods.cache_clear()

    yield install
    registry._methods.cache_clear()


def test_plug_ins_stand_behind_our_own_methods(plug_ins):
    plug_ins(mine=f"{__name__}:MINE", another=f"{__name__}:MINE")
    assert registry.method_names() == [*registry.METHODS, "another", "mine"]


def test_a_plug_in_cannot_replace_a_method_of_ours(plug_ins):
    plug_ins(average="nowhere:NOTHING")
    assert registry.find_method("average").spec.name == "average"


def test_a_plug_in_is_imported_only_when_it_is_asked_for(plug_ins, tmp_path, monkeypatch):
    (tmp_path / "imfuse_test_plug_in.py").write_text(
        "from imfuse.engines.classical.pixelwise import AVERAGE as ENGINE\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plug_ins(mine="imfuse_test_plug_in:ENGINE", broken="imfuse_no_such_module:ENGINE")
    assert "broken" in registry.method_names()
    assert registry.find_method("mine").spec.name == "average"
    with pytest.raises(ImfuseError, match="'broken'.*imfuse_no_such_module.*uninstall"):
        registry.find_method("broken")


def test_unknown_names_list_what_there_is():
    with pytest.raises(UnknownName, match="unknown method 'xyzzy'. Known: average,"):
        registry.find_method("xyzzy")


def test_every_engine_in_the_classical_folder_is_in_the_table():
    folder = Path(registry.__file__).parent / "engines" / "classical"
    engines = sum(path.read_text().count("= FunctionEngine(") for path in folder.glob("*.py"))
    assert engines == len(registry.METHODS)


def test_the_default_needs_nothing_but_imfuse():
    assert registry.DEFAULT_METHOD in {*registry.METHODS, *shipped()}
    assert load_engine().spec.name == registry.DEFAULT_METHOD
