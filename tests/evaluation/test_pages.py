"""Whole pages against their lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.config import Settings
from pipeline.evaluation.pages import error_rate, page_errors, placed, true_pages
from pipeline.model import Box, Line, Word, ZoneKind
from pipeline.ocr.htr import recogniser
from pipeline.ocr.symbols import STRUCK


def _band(top: float) -> np.ndarray:
    return np.array([[0, top], [500, top], [500, top + 50], [0, top + 50]], np.float32)


def _line(text: str, y: float, *, struck: bool = False) -> Line:
    words = tuple(
        Word(text=word, box=Box(x=100.0 * place, y=y, width=80, height=40), confidence=0.9)
        for place, word in enumerate(text.split())
    )
    return Line(
        words=words,
        box=Box.around(tuple(word.box for word in words)),
        kind=ZoneKind.HANDWRITTEN,
        engine="test",
        struck=struck,
    )


def test_words_go_to_the_line_they_lie_on() -> None:
    lines = [_line("deux trois", 105), _line("un", 2), _line("barré", 3, struck=True)]
    read = placed([*lines, _line("loin", 900)], [_band(0), _band(100)])
    assert read == ["un", "deux trois"]


def test_case_and_struck_words_are_no_errors() -> None:
    assert error_rate([(f"Un {STRUCK} chat", "un chat")]) == 0
    assert error_rate([("abcd", "abxd")]) == pytest.approx(0.25)


def test_a_real_page_is_read_from_its_scan_about_as_well_as_from_its_lines(
    shared_dir: Path,
) -> None:
    data = shared_dir / "handwriting"
    pages = true_pages(data / "pages" / "dev", data / "lines" / "dev")
    assert len(pages) == 37
    page = next(page for page in pages if page.scan.stem == "imp_wikitexte_0123")
    assert page.crops
    errors = page_errors(page, recogniser(), Settings())
    assert errors.missed == 0
    assert errors.scan < errors.crops + 0.05
