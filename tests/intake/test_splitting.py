"""A batch is cut where documents start, and every page ends in exactly one place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.intake.splitting import SEPARATOR, Split, split
from pipeline.model import (
    Box,
    Legibility,
    Line,
    Page,
    Quality,
    Scan,
    Size,
    Word,
    Zone,
    ZoneKind,
)

HEIGHT = 3508
SCAN = Scan(
    sha256="ab" * 32, sha1="cd" * 20, size=1, media_type="application/pdf",
    origins=("lot.pdf",), page_count=9,
)  # fmt: skip

HEAD = {0.05: "Docteur Claire Martineau", 0.07: "Médecin généraliste"}
DUPONT = {0.2: "Mme DUPONT Jeanne, née le 14/03/1951"}
MARTIN = {0.2: "M. MARTIN Paul, né le 02/07/1978"}
BODY = {0.4: "AMOXICILLINE 500 mg", 0.45: "1 gélule matin et soir"}
FULL = {0.5: "suite du texte", 0.88: "dernière ligne de la page"}


def page(number: int, *parts: dict[float, str], **more: object) -> Page:
    """A page whose lines stand at shares of its height."""
    lines = []
    for share, text in sorted({k: v for part in parts for k, v in part.items()}.items()):
        box = Box(x=200, y=share * HEIGHT, width=1200, height=40)
        word = Word(text=text, box=box, confidence=0.9)
        lines.append(Line(words=(word,), box=box, kind=ZoneKind.PRINTED, engine="test"))
    values: dict[str, object] = {
        "number": number,
        "size": Size(width=2480, height=HEIGHT),
        "dpi": 300,
        "quality": Quality(legibility=Legibility.GOOD),
        "fingerprint": "0" * 16,
        "lines": tuple(lines),
    }
    return Page.model_validate(values | more)


def separator(number: int) -> Page:
    box = Box(x=0, y=0, width=9, height=9)
    code = Zone(kind=ZoneKind.BARCODE, box=box, payload=SEPARATOR)
    return page(number, {0.1: "FEUILLE SÉPARATRICE"}, zones=(code,))


def taken(result: Split) -> list[tuple[int, ...]]:
    return [document.page_numbers for document in result.documents]


@pytest.mark.parametrize(
    ("pages", "documents", "why"),
    [
        pytest.param(
            [page(1, HEAD, DUPONT, BODY), page(2, HEAD, MARTIN, BODY)],
            [(1,), (2,)], "le patient change", id="two patients under one letterhead",
        ),
        pytest.param(
            [page(1, HEAD, DUPONT, BODY), page(2, HEAD, DUPONT, BODY)],
            [(1,), (2,)], "nouvel en-tête", id="one patient, two letterheads",
        ),
        pytest.param(
            [page(1, HEAD, DUPONT, BODY, {0.95: "1/2"}), page(2, HEAD, DUPONT, {0.95: "2/2"})],
            [(1, 2)], "2/2, à la suite", id="numbered overleaf with its letterhead again",
        ),
        pytest.param(
            [page(1, HEAD, DUPONT, {0.95: "Page 1 sur 2"}), page(2, BODY, {0.95: "Page 2 sur 2"}),
             page(3, BODY, FULL)],
            [(1, 2), (3,)], "2/2, la dernière", id="after the last number something starts",
        ),
        pytest.param(
            [page(1, HEAD, DUPONT, {0.95: "1/2"}), page(2, MARTIN, BODY, {0.95: "2/2"})],
            [(1,), (2,)], "le patient change", id="a number does not join two patients",
        ),
        pytest.param(
            [page(1, HEAD, DUPONT, BODY, FULL), page(2, BODY)],
            [(1, 2)], "suite, sans en-tête", id="overleaf of a full page",
        ),
        pytest.param(
            [page(1, HEAD, DUPONT, BODY), page(2, {0.3: "renouveler le traitement"})],
            [(1,), (2,)], "n'était pas remplie", id="nothing joins a note to a short page",
        ),
        pytest.param(
            [page(1, HEAD, DUPONT, BODY, FULL), page(2, {0.1: "Paris, le 3 mai 2026"}, BODY)],
            [(1,), (2,)], "un titre ou une date", id="a date at the top",
        ),
        pytest.param(
            [page(1, HEAD, DUPONT, BODY, FULL), separator(2), page(3, DUPONT, BODY)],
            [(1,), (3,)], "feuille séparatrice", id="separator sheet",
        ),
        pytest.param(
            [page(1, HEAD, DUPONT, FULL), page(2, {0.2: "Mme DUPOMT Jeamne, née le 14/03/1951"})],
            [(1, 2)], "même patient", id="a name read badly is still that patient",
        ),
        pytest.param(
            [page(1, HEAD, {0.2: "Mme DUPONT Jeanne, née le 14/03/1951"}, FULL),
             page(2, {0.2: "Mme DUPONT Jeanne, née le 22/11/1983"}, FULL)],
            [(1,), (2,)], "le patient change", id="namesakes",
        ),
        pytest.param(
            [page(1, HEAD, DUPONT, FULL), page(2, {0.2: "Monsieur Docteur Leroy, avec mes"}, FULL)],
            [(1, 2)], "suite", id="a colleague addressed is no patient",
        ),
    ],
)  # fmt: skip
def test_where_documents_start(
    pages: list[Page], documents: list[tuple[int, ...]], why: str
) -> None:
    result = split(SCAN, tuple(pages))
    assert taken(result) == documents
    assert any(why in document.reason for document in result.documents)


def test_blank_separator_and_unreadable_pages_are_set_apart_and_shown() -> None:
    unreadable = Quality(legibility=Legibility.UNREADABLE, advice="La page est floue.")
    pages = (
        page(1, HEAD, DUPONT, BODY, {0.95: "1/2"}),
        page(2, blank=True),
        page(3, BODY, {0.95: "2/2"}),
        separator(4),
        page(5, HEAD, quality=unreadable),
        page(6, HEAD, MARTIN, BODY),
    )
    result = split(SCAN, pages)
    assert taken(result) == [(1, 3), (6,)]
    assert (result.blank, result.separators, result.unreadable) == ((2,), (4,), (5,))


def test_ids_repeat_and_tell_documents_apart() -> None:
    pages = (page(1, HEAD, DUPONT, BODY), page(2, HEAD, MARTIN, BODY))
    first, second = (document.id for document in split(SCAN, pages).documents)
    assert first != second
    assert [document.id for document in split(SCAN, pages[::-1]).documents] == [first, second]


KINDS = st.sampled_from(["head", "body", "full", "blank", "separator", "unreadable", "numbered"])


@given(st.lists(KINDS, max_size=8))
def test_every_page_is_in_exactly_one_place(kinds: list[str]) -> None:
    bad = Quality(legibility=Legibility.UNREADABLE)
    made: dict[str, Callable[[int], Page]] = {
        "head": lambda n: page(n, HEAD, DUPONT, BODY),
        "body": lambda n: page(n, BODY),
        "full": lambda n: page(n, FULL),
        "blank": lambda n: page(n, blank=True),
        "separator": separator,
        "unreadable": lambda n: page(n, quality=bad),
        "numbered": lambda n: page(n, BODY, {0.95: f"{n}/9"}),
    }
    pages = tuple(made[kind](number) for number, kind in enumerate(kinds, start=1))
    result = split(SCAN, pages)
    places = [n for numbers in taken(result) for n in numbers]
    places += [*result.blank, *result.separators, *result.unreadable]
    assert sorted(places) == list(range(1, len(kinds) + 1))
    assert all(document.reason.endswith(".") for document in result.documents)
