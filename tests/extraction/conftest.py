"""What tests of the extraction room share: text to rows, and one fixed day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from pipeline.config import Settings
from pipeline.extraction.evidence import TextLine, document_from_text, text_lines
from pipeline.extraction.pipeline import extract
from pipeline.model import Extraction

TODAY = dt.date(2026, 11, 23)


@pytest.fixture(scope="session")
def today() -> dt.date:
    return TODAY


@pytest.fixture(scope="session")
def rows() -> Callable[[str], tuple[TextLine, ...]]:
    def make(text: str) -> tuple[TextLine, ...]:
        return text_lines(document_from_text(text))

    return make


@pytest.fixture(scope="session")
def extracted() -> Callable[[str], Extraction]:
    def run(text: str) -> Extraction:
        return extract(document_from_text(text), Settings(), TODAY)

    return run
