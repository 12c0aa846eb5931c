"""Fixtures that all tests share, and where the real pairs are."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("imfuse", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("imfuse")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)


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
