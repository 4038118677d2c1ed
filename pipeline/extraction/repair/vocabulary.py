"""The words that repairs go by (`vocabulary.toml`)."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pipeline.extraction.evidence import fold


@cache
def _lists() -> dict[str, list[str]]:
    return tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))


def trade_words() -> list[str]:
    """Words of the trade that OCR misspells, as they should be written."""
    return _lists()["words"]


@cache
def folded(name: str) -> frozenset[str]:
    """The words of one list, folded."""
    return frozenset(map(fold, _lists()[name]))
