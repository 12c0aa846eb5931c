"""Fixtures that all tests share, and where the real pairs are."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from imfuse.cli import main

settings.register_profile("imfuse", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("imfuse")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)


@pytest.fixture
def run(capsys, monkeypatch):
    """Run the command and return its exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "220")
    monkeypatch.setenv("NO_COLOR", "1")

    def _run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return exit_.value.code or 0, captured.out, captured.err

    return _run


@pytest.fixture
def golden():
    return GOLDEN


@pytest.fixture(scope="session")
def data():
    """The folder of real pairs, or a skip; with IMFUSE_REQUIRE_DATA set, a failure."""
    folder = Path(os.environ.get("IMFUSE_DATA", "../shared/data"))
    if not (folder / "README.md").exists():
        reason = f"no real pairs at IMFUSE_DATA={folder}"
        if os.environ.get("IMFUSE_REQUIRE_DATA"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
