"""Rows out of words and values back to their ink."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Settings
from pipeline.errors import UnreadablePage
from pipeline.extraction.evidence import (
    RESTORED,
    document_from_text,
    doubted,
    fold,
    text_lines,
    thresholds,
    value,
)
from pipeline.extraction.pipeline import COMPONENTS, extract, pipeline
from pipeline.extraction.repair.reading import repaired
from pipeline.model import (
    Alternative,
    Box,
    Document,
    DocumentKind,
    Legibility,
    Line,
    Page,
    Quality,
    Scan,
    Size,
    State,
    Word,
    ZoneKind,
)

TODAY = dt.date(2026, 11, 23)


def _page(lines: list[tuple[str, float, float, float]], rotation: int = 0) -> Document:
    """A page of 1000 × 1400 pixels; lines as text, left, top and confidence."""
    built = []
    for text, left, top, confidence in lines:
        words, x = [], left
        for piece in text.split(" "):
            width = 12.0 * len(piece)
            words.append(
                Word(text=piece, box=Box(x=x, y=top, width=width, height=20), confidence=confidence)
            )
            x += width + 12
        box = Box.around(tuple(word.box for word in words))
        built.append(Line(words=tuple(words), box=box, kind=ZoneKind.PRINTED, engine="essai 1"))
    page = Page(
        number=1,
        size=Size(width=1000, height=1400),
        dpi=120,
        rotation=0,
        quality=Quality(legibility=Legibility.GOOD),
        fingerprint="0" * 16,
        lines=tuple(built),
    )
    scan = Scan(sha256="0", sha1="0", size=1, media_type="image/png", origins=(), page_count=1)
    return Document(id="essai", scan=scan, pages=(page,), reason="")


@given(st.text(max_size=200))
def test_folding_keeps_every_offset(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=80))
def test_words_of_a_text_keep_their_places(text: str) -> None:
    for line in text_lines(document_from_text(text)):
        for token in line.tokens:
            assert line.text[token.start : token.end] == token.word.text


def test_lines_side_by_side_become_one_row_with_a_column_gap() -> None:
    rows = text_lines(_page([("Dr Anne MOREL", 40, 100, 1), ("Mme ROY Zoé", 600, 103, 1)]))
    assert [row.text for row in rows] == ["Dr Anne MOREL\tMme ROY Zoé"]
    assert [part.text for part in rows[0].parts()] == ["Dr Anne MOREL", "Mme ROY Zoé"]


def test_a_sloping_page_is_levelled() -> None:
    slope = 0.04
    words = []
    for index, text in enumerate(["TA", "13/8", "FC", "72", "Poids", "70", "kg"]):
        x = 60.0 + 130 * index
        words.append(Word(text=text, box=Box(x=x, y=200 + slope * x, width=60, height=20),
                          confidence=1))  # fmt: skip
    left = Line(words=tuple(words[:4]), box=Box.around(tuple(w.box for w in words[:4])),
                kind=ZoneKind.PRINTED, engine="essai 1")  # fmt: skip
    right = Line(words=tuple(words[4:]), box=Box.around(tuple(w.box for w in words[4:])),
                 kind=ZoneKind.PRINTED, engine="essai 1")  # fmt: skip
    document = _page([])
    page = document.pages[0].model_copy(update={"lines": (right, left)})
    rows = text_lines(document.model_copy(update={"pages": (page,)}))
    assert [row.text.replace("\t", " ") for row in rows] == ["TA 13/8 FC 72 Poids 70 kg"]


def test_a_value_points_at_its_words() -> None:
    row = text_lines(_page([("Poids : 70 kg ce jour", 40, 100, 0.98)]))[0]
    start = row.text.index("70")
    one = value("measurement", 70, row.span(start, start + 5), "essai")
    assert one.evidence.text == "70 kg"
    (box,) = one.evidence.boxes
    assert box == Box(x=40 + 12 * 8, y=100, width=60, height=20)
    assert one.evidence.engine == "essai 1"


@pytest.mark.parametrize(
    ("confidence", "state"), [(0.99, State.SURE), (0.5, State.DOUBTFUL), (0.1, State.UNREAD)]
)
def test_the_state_follows_the_reading(confidence: float, state: State) -> None:
    row = text_lines(_page([("ROY Zoé", 40, 100, confidence)]))[0]
    one = value("name", "ROY", row.span(), "essai")
    assert one.state is state
    assert (one.value is None) is (state is State.UNREAD)
    assert bool(one.reasons) is (state is not State.SURE)


def test_doubts_only_lower_trust() -> None:
    row = text_lines(_page([("ROY Zoé", 40, 100, 0.1)]))[0]
    unread = value("name", "ROY", row.span(), "essai")
    assert doubted(unread, "Raison.").state is State.UNREAD
    sure = value("name", "ROY", text_lines(_page([("ROY", 40, 100, 1)]))[0].span(), "essai")
    assert doubted(sure, "Raison.").state is State.DOUBTFUL
    assert doubted(sure, "Raison.").confidence < sure.confidence
    assert doubted(doubted(sure, "Raison."), "Autre.").confidence > 0.8
    assert doubted(sure) == sure


def test_what_a_rule_doubts_is_stated_less_surely() -> None:
    span = text_lines(_page([("1 cp", 40, 100, 1)]))[0].span()
    sure, restored, odd = (
        value("dosage", "1 cp", span, "essai", doubts=doubts).confidence
        for doubts in ([], [RESTORED], [RESTORED, "Mots non interprétés."])
    )
    assert sure > restored > odd > 0


def test_every_kind_has_thresholds() -> None:
    for limits in thresholds().values():
        assert 0 <= limits.unread < limits.sure <= 1
        assert 0 < limits.doubted <= 1 and 0 < limits.restored <= 1


@pytest.mark.parametrize(
    ("read", "understood"),
    [("HbAlc", "HbA1c"), ("Sp02", "SpO2"), ("Docteur", "Docteur"), ("GROSSES5E", "GROSSESSE"),
     ("Ferrltine", "Ferritine"), ("Imodium", "Imodium")],
)  # fmt: skip
def test_words_of_the_trade_are_set_right(read: str, understood: str) -> None:
    row = repaired(text_lines(document_from_text(f"{read} : 7"))[0])
    assert row.text == f"{understood} : 7"


def test_what_was_set_right_shows() -> None:
    found = extract(_page([("HbAlc 7,2 %", 40, 100, 0.99)]), Settings(), TODAY)
    (one,) = found.measurements
    assert one.value is not None
    assert one.value.state is State.SURE
    assert one.value.evidence.text == "HbAlc 7,2 %"
    assert one.value.evidence.rule.endswith("+vocabulary")
    assert "« HbAlc » compris « HbA1c »." in one.value.reasons


def test_ink_that_nobody_could_read_is_kept_as_unread() -> None:
    found = extract(_page([("Dr Anne MOREL", 40, 100, 1), ("xq wzj kk", 40, 300, 0.1)]),
                    Settings(), TODAY)  # fmt: skip
    (row,) = found.unread
    assert row.value is None
    assert row.evidence.text == "xq wzj kk"


def test_a_document_without_a_word_is_said_to_be_unreadable() -> None:
    with pytest.raises(UnreadablePage):
        extract(_page([]), Settings(), TODAY)


def test_a_whole_prescription() -> None:
    text = (
        "Docteur Valérie ROUSSEL\nMédecine générale\nRPPS : 10999174559\n\n"
        "Lyon, le 12/11/2026\n\nMme MARTIN Sophie\nnée le 12/03/1988\n\nORDONNANCE\n\n"
        "DOLIPRANE 1000 mg comprimé\n1 cp 3 fois par jour pendant 5 jours\n\nDr Valérie Roussel"
    )
    found = extract(document_from_text(text), Settings(), TODAY)
    assert found.kind.value is DocumentKind.PRESCRIPTION
    assert found.date is not None
    assert found.date.value == dt.date(2026, 11, 12)
    (medication,) = found.medications
    assert medication.drug.value is not None
    assert medication.drug.value.text.startswith("DOLIPRANE")
    assert not found.measurements
    assert not found.conditions
    again = extract(document_from_text(text), Settings(), TODAY)
    assert again == found


def test_the_pipeline_is_made_of_named_components() -> None:
    assert tuple(pipeline().pipe_names) == COMPONENTS


def test_a_cut_decimal_is_one_figure() -> None:
    row = repaired(text_lines(document_from_text("Diprosone 0, 05 % 12, 5mg 1, 2 ou 3"))[0])
    assert row.text == "Diprosone 0,05 % 12,5mg 1, 2 ou 3"
    assert row.span(10, 16).read_text == "0,05 %"
    assert len(row.span(10, 14).words) == 2


@pytest.mark.parametrize(
    ("read", "confidence", "others", "understood"),
    [
        ("Benseignements", 0.5, (), "Renseignements"),
        ("Benseignements", 0.95, (), "Benseignements"),
        ("Condusian", 0.4, ("Conclusion",), "Conclusion"),
        ("Oasis", 0.4, (), "Oasis"),
        ("Néce))", 0.5, (), "Né(e)"),
    ],
)
def test_words_an_engine_is_not_sure_of_may_be_of_the_vocabulary(
    read: str, confidence: float, others: tuple[str, ...], understood: str
) -> None:
    row = text_lines(document_from_text(read))[0]
    word = row.tokens[0].word.model_copy(
        update={
            "confidence": confidence,
            "alternatives": tuple(
                Alternative(text=other, confidence=0.3, source="htr") for other in others
            ),
        }
    )
    better = repaired(replace(row, tokens=(replace(row.tokens[0], word=word),)))
    assert better.text == understood
    assert better.span().read_text == read
