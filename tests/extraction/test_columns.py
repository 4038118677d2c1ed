"""A letterhead down the margin of a page, and what only looks like one."""

from __future__ import annotations

import re

import pytest

from pipeline.config import Settings
from pipeline.extraction.columns import margin_column
from pipeline.extraction.evidence import document_from_text, fold
from pipeline.extraction.pipeline import extract
from pipeline.model import Box, Document, DocumentKind, Line

MARGIN = """
Dr Alain FOURNEL
Médecin généraliste         Valbourg, le 12/11/2026
12 rue des Tilleuls
01999 Valbourg              Ordonnance
Tél. 01 99 00 12 34
RPPS : 10990520172          Mme ROY Zoé
                            née le 12/03/1988
Consultations
Lundi - Mardi 9h-12h        AMLOR 5 mg, 1 gélule le matin
Jeudi 14h-18h30             TAHOR 40 mg, 1 cp le soir
"""
FACING = """
Dr Alain FOURNEL                    Mme ROY Zoé
Médecin généraliste                 née le 12/03/1988
12 rue des Tilleuls                 4 rue du Puits
01999 Valbourg                      01999 Valbourg
Tél. 01 99 00 12 34
AMLOR 5 mg, 1 gélule le matin et le soir pendant trois mois
"""
SHORT = """
Dr Alain FOURNEL                    12 rue des Tilleuls
Médecin généraliste                 01999 Valbourg
Tél. 01 99 00 12 34                 le 12/11/2026
Mme ROY Zoé
Ordonnance
AMLOR 5 mg                          pendant 3 mois
1 gélule le matin
TAHOR 40 mg                         pendant 3 mois
"""


def _pieces(text: str) -> list[tuple[str, Box]]:
    return [
        (piece[0], Box(x=piece.start(), y=y, width=piece.end() - piece.start(), height=1))
        for y, row in enumerate(text.splitlines())
        for piece in re.finditer(r"\S+(?: \S+)*", row)
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [(MARGIN, 9), (FACING, 5), (SHORT, 0), ("", 0), (MARGIN.replace("Jeudi", "Mme X"), 0)],
    ids=["margin", "facing the patient", "rows of medicines", "nothing", "with a patient"],
)
def test_a_letterhead_down_the_margin_is_told_from_short_rows(text: str, found: int) -> None:
    lines = [(fold(piece), box) for piece, box in _pieces(text)]
    assert len(margin_column(lines)) == found


def _apart(document: Document) -> Document:
    """The document with its lines cut at wide gaps, as engines read them."""

    def cut(line: Line) -> list[Line]:
        groups = [[line.words[0]]]
        for word in line.words[1:]:
            if word.box.x - groups[-1][-1].box.right > 2:
                groups.append([])
            groups[-1].append(word)
        return [
            line.model_copy(
                update={"words": tuple(words), "box": Box.around(tuple(w.box for w in words))}
            )
            for words in groups
        ]

    (page,) = document.pages
    lines = tuple(piece for line in page.lines for piece in cut(line))
    return document.model_copy(update={"pages": (page.model_copy(update={"lines": lines}),)})


def test_hours_in_the_margin_are_no_days_of_a_dosage() -> None:
    found = extract(_apart(document_from_text(MARGIN)), Settings())
    assert found.kind.value is DocumentKind.PRESCRIPTION
    assert [one.family for one in (n.value for n in found.patient.names) if one] == ["ROY"]
    assert [one.drug.value.name for one in found.medications if one.drug.value] == [
        "AMLOR", "TAHOR",
    ]  # fmt: skip
    for line in found.medications:
        assert line.dosage is not None and line.dosage.value is not None
        (step,) = line.dosage.value
        assert step.timing is not None and step.timing.day_of_week == ()
    assert not any("Lundi" in section.text for section in found.sections)
