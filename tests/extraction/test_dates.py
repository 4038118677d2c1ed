"""French dates in lines of text, and the date of a document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extraction.dates.document import document_date
from pipeline.extraction.dates.reading import find_dates, month_numbers, role
from pipeline.extraction.evidence import TextLine, document_from_text, text_lines
from pipeline.model import State

TODAY = dt.date(2026, 11, 23)
MONTHS = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]


def _line(text: str) -> TextLine:
    return text_lines(document_from_text(text))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lyon, le 12 novembre 2026", "2026-11-12"),
        ("Le 12/11/2026", "2026-11-12"),
        ("le 12.11.26", "2026-11-12"),
        ("le 12-11-2026", "2026-11-12"),
        ("12 / 11 / 2026", "2026-11-12"),
        ("2026-11-12", "2026-11-12"),
        ("le 1er mars 2026", "2026-03-01"),
        ("12 nov. 26", "2026-11-12"),
        ("le 12 novernbre 2026", "2026-11-12"),
        ("né le O2/l1/1954", "1954-11-02"),
        ("le douze novembre deux mille vingt-six", "2026-11-12"),
        ("le trois mai mil neuf cent quatre-vingt-sept", "1987-05-03"),
        ("née le 3/5/61", "1961-05-03"),
    ],
)
def test_a_date_is_read_in_every_french_form(text: str, expected: str) -> None:
    (mention,) = find_dates(_line(text), TODAY)
    assert mention.date is not None
    assert mention.date.isoformat() == expected


@pytest.mark.parametrize(
    "text",
    [
        "TA 13/8",
        "TA : 12/7, FC 72",
        "tension 14/9",
        "EVA 6/10",
        "AV 10/10",
        "1/2 comprimé",
        "tous les 15 jours",
        "Tél. 01 99 00 12 12",
        "2 88 03 75 915 123 38",
        "1-0-1",
        "99/99/2026",
        "12,5/25 mg",
    ],
)
def test_no_date_is_made_of_other_numbers(text: str) -> None:
    assert find_dates(_line(text), TODAY) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("le 05/23/2026", "Ordre"),
        ("le 31/02/2026", "n'existe pas"),
        ("vendredi 12 novembre 2026", "jour de la semaine"),
        ("le 12112026", "Séparateurs"),
        ("le 12/11/2O26", "Chiffres"),
    ],
)
def test_what_is_not_plain_is_said(text: str, reason: str) -> None:
    (mention,) = find_dates(_line(text), TODAY)
    assert any(reason in doubt for doubt in mention.doubts)


def test_an_impossible_day_is_no_date() -> None:
    (mention,) = find_dates(_line("le 31/02/2026"), TODAY)
    assert mention.date is None


def test_a_missing_year_comes_from_the_context_only() -> None:
    (mention,) = find_dates(_line("DDR le 28.12"), TODAY)
    assert mention.date is None
    assert mention.near(None) is None
    assert mention.near(dt.date(2026, 2, 1)) == dt.date(2025, 12, 28)


@given(st.dates(dt.date(1900, 1, 1), dt.date(2027, 12, 31)), st.sampled_from(range(6)))
def test_any_day_written_in_full_is_read_back(day: dt.date, form: int) -> None:
    number = "1er" if day.day == 1 else str(day.day)
    text = (
        f"le {day:%d/%m/%Y}",
        f"le {day:%d.%m.%Y}",
        f"le {day.day}-{day.month}-{day.year}",
        f"le {number} {MONTHS[day.month - 1]} {day.year}",
        f"{number} {MONTHS[day.month - 1].upper()} {day.year}",
        day.isoformat(),
    )[form]
    (mention,) = find_dates(_line(text), TODAY)
    assert mention.date == day
    assert mention.doubts == ()


def test_every_month_has_a_name() -> None:
    assert set(month_numbers().values()) == set(range(1, 13))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("née DURAND le 01.02.1990", "birth"),
        ("Date de naissance : 12/03/1988", "birth"),
        ("DDN 12/03/1988", "birth"),
        ("DDR le 10/07/2026", "pregnancy"),
        ("bilan du 02/10/2026", "result"),
        ("RDV le 14/12/2026", "next"),
        ("arrêt du 12/11/2026", "period_start"),
        ("jusqu'au 15/11/2026", "period_end"),
        ("Consultation du 12/11/2026", "document"),
        ("Fait à Lyon, le 12/11/2026", "document"),
    ],
)
def test_the_words_before_say_which_date_it_is(text: str, expected: str) -> None:
    (mention,) = find_dates(_line(text), TODAY)
    assert role(mention) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lyon, le 12/11/2026\nMme X née le 03/05/1961\nBilan du 02/10/2026", "2026-11-12"),
        ("Née le 03/05/1961\nOrdonnance\nRevoir le 02/12/2026\nFait le 12/11/2026", "2026-11-12"),
        ("Arrêt de travail du 10/11/2026 au 15/11/2026\nLe 9 novembre 2026", "2026-11-09"),
    ],
)
def test_the_document_has_its_own_date(
    rows: Callable[[str], tuple[TextLine, ...]], text: str, expected: str
) -> None:
    found = document_date(rows(text), TODAY)
    assert found is not None
    assert found.value is not None
    assert found.value.isoformat() == expected


def test_no_date_is_no_date(rows: Callable[[str], tuple[TextLine, ...]]) -> None:
    assert document_date(rows("Née le 03/05/1961\nTA 13/8"), TODAY) is None


def test_a_date_after_today_is_doubted(rows: Callable[[str], tuple[TextLine, ...]]) -> None:
    found = document_date(rows("Le 12/12/2026"), TODAY)
    assert found is not None
    assert found.state is State.DOUBTFUL
