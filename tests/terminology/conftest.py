"""The official drug files, imported once for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.terminology import Summary, import_bdpm


@pytest.fixture(scope="session")
def _official(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    store = tmp_path_factory.mktemp("terminology") / "bdpm.sqlite"
    return store, import_bdpm(shared_dir / "bdpm", store)


@pytest.fixture(scope="session")
def official_store(_official: tuple[Path, Summary]) -> Path:
    """A store of the real files; tests that need it skip where the files are not."""
    return _official[0]


@pytest.fixture(scope="session")
def official_summary(_official: tuple[Path, Summary]) -> Summary:
    """What that import brought in."""
    return _official[1]
