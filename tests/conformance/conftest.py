"""Engines started once a session, for the tests marked `conformance`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance import engines
from tests.conftest import ROOT

PACKAGES = Path(os.environ.get("REPRISE_SHARED", ROOT.parent / "shared")) / "fhir-packages"
FR_CORE = PACKAGES / "hl7.fhir.fr.core-2.2.0.tgz"


@pytest.fixture(scope="session")
def hapi_validator() -> Iterator[engines.HapiValidator]:
    """HAPI's validator with our definitions, and FR Core 2.2.0 where the data sets are."""
    with engines.hapi_validator(FR_CORE if FR_CORE.is_file() else None) as validator:
        yield validator


@pytest.fixture(scope="session")
def medplum_validator() -> Iterator[str]:
    with engines.medplum() as origin:
        yield origin


@pytest.fixture
def hapi_server() -> Iterator[str]:
    """An empty HAPI JPA server of the test's own."""
    with engines.hapi_server() as base:
        yield base


@pytest.fixture
def medplum_server() -> Iterator[str]:
    """An empty Medplum server of the test's own."""
    with engines.medplum() as origin:
        yield f"{origin}/fhir"
