"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of data sets beside the project; tests that need it skip without it."""
    path = Path(os.environ.get("REPRISE_SHARED", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip("the data sets beside the project are not here")
    return path
