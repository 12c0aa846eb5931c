"""Scripts of the papers' experiments as modules."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

PAPERS = Path(__file__).parents[2] / "benchmarks" / "papers"


@pytest.fixture
def experiment(monkeypatch):
    """Import an experiment by its name; it is forgotten after the test."""
    monkeypatch.syspath_prepend(PAPERS)

    def load(name):
        for one in ("common", name):
            monkeypatch.delitem(sys.modules, one, raising=False)
        return import_module(name)

    return load


@pytest.fixture
def call(monkeypatch, capsys):
    """Run an experiment with arguments, as if typed, and return what it printed."""

    def run(module, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{module.__name__}.py", *map(str, arguments)])
        module.main()
        return capsys.readouterr().out

    return run
