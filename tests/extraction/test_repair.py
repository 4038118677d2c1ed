"""What OCR misreads on print, told by the words beside it."""

from __future__ import annotations

import pytest

from pipeline.extraction.evidence import document_from_text, text_lines
from pipeline.extraction.repair.reading import repaired


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("e VOGALENE LYOC 7,5 mg", "• VOGALENE LYOC 7,5 mg"),
        ("© Smecta 3 g", "• Smecta 3 g"),
        ("BU protéines ©, sucre ©", "BU protéines 0, sucre 0"),
        ("LEVOTHYROX 100 Hg", "LEVOTHYROX 100 µg"),
        ("LEVOTHYROX 112 lg", "LEVOTHYROX 112 µg"),
        ("ZYMAD 100000. UI ampoule", "ZYMAD 100000 UI ampoule"),
        ("Dextro 1,69 g/1", "Dextro 1,69 g/l"),
        ("dans l'æil droit", "dans l'œil droit"),
        ("Sp0O2 94%", "SpO2 94%"),
        ("TA 14/10, 39°%6, FR 16", "TA 14/10, 39°6, FR 16"),
        ("HU 17 e BDC 144/min e BU : sucre 0", "HU 17 • BDC 144/min • BU : sucre 0"),
        # and what must stay
        ("TA 120/80 mm Hg", "TA 120/80 mm Hg"),
        ("e vogalene", "e vogalene"),
        ("soit 3 ug. Hg", "soit 3 µg. Hg"),
        ("A Paris", "A Paris"),
        ("Le 12. Novembre", "Le 12. Novembre"),
    ],
)
def test_words_set_right_by_their_neighbours(read: str, meant: str) -> None:
    (line,) = text_lines(document_from_text(read))
    assert repaired(line).text == meant


def test_the_evidence_keeps_what_was_read() -> None:
    (line,) = text_lines(document_from_text("LEVOTHYROX 100 Hg"))
    mended = repaired(line)
    assert mended.span().read_text == "LEVOTHYROX 100 Hg"
    assert mended.span().repaired == (("Hg", "µg"),)
