"""The pages of one scan become the paper documents they were.

A separator sheet, a letterhead, another patient, a page number or a title says where a document
starts. Where nothing is said, a page joins the one before only if that page was full: the pages
of two patients in one document are worse than one document in two pieces.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from dataclasses import dataclass
from itertools import pairwise

from rapidfuzz import fuzz

from pipeline.folios import folio
from pipeline.model import Document, Legibility, Line, Page, Scan

# What the QR code on a separator sheet says. It is the sheet's only meaning: never change it,
# sheets are in drawers.
SEPARATOR = "REPRISE:SEPARATEUR"

_HEAD = 0.35  # share of the page height in which letterhead, date and patient stand
_VERY_TOP = 0.15
_FULL = 0.72  # a page whose last line stands below this may go on overleaf
_SAME_NAME = 80.0  # similarity of names (percent) that bad reading of one name can cause


@dataclass(frozen=True)
class Split:
    """Every page number of the pages given, in exactly one place."""

    documents: tuple[Document, ...]
    blank: tuple[int, ...]
    separators: tuple[int, ...]
    unreadable: tuple[int, ...]


def split(scan: Scan, pages: tuple[Page, ...]) -> Split:
    """Put the read pages of `scan` into documents, each with the reason in French."""
    separators: list[int] = []
    blank: list[int] = []
    unreadable: list[int] = []
    groups: list[tuple[str, list[Page]]] = []
    after_separator = False
    for page in sorted(pages, key=lambda page: page.number):
        if _is_separator(page):
            separators.append(page.number)
            after_separator = True
        elif page.blank:
            blank.append(page.number)
        elif page.quality.legibility is Legibility.UNREADABLE:
            unreadable.append(page.number)
        else:
            reason = _start(page, groups[-1][1] if groups else [], after_separator)
            if reason:
                groups.append((reason, [page]))
            else:
                groups[-1][1].append(page)
            after_separator = False
    return Split(
        documents=tuple(_document(scan, reason, group) for reason, group in groups),
        blank=tuple(blank),
        separators=tuple(separators),
        unreadable=tuple(unreadable),
    )


def _document(scan: Scan, start: str, pages: list[Page]) -> Document:
    name = f"https://reprise.example/document/{scan.sha256}/{pages[0].number}"
    return Document(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        scan=scan,
        pages=tuple(pages),
        reason=" ".join(
            [start, *(_continuation(page, before) for before, page in pairwise(pages))]
        ),
    )


def _is_separator(page: Page) -> bool:
    return any(zone.payload == SEPARATOR for zone in page.zones)


def _start(page: Page, current: list[Page], after_separator: bool) -> str | None:
    """Why `page` starts a document, in French; None if it goes on with `current`."""
    place = f"Page {page.number} : "
    if not current:
        return place + "première page du fichier."
    if after_separator:
        return place + "suit une feuille séparatrice."
    patient = _patient(page)
    known = next((found for found in map(_patient, current) if found), None)
    if patient and known and not patient.may_be(known):
        return place + "le patient change."
    number, last = _page_number(page), _page_number(current[-1])
    if number and number.of_same_run(last):
        return None
    if number and number.index == 1:
        return place + f"porte le numéro {number}."
    if last and last.index == last.total:
        return place + f"la page précédente porte le numéro {last}, la dernière."
    if number and number.index > 1 and last is None:
        return None
    if _has_letterhead(page):
        return place + "nouvel en-tête."
    if patient is None and _has_opening(page):
        return place + "commence par un titre ou une date."
    if patient is None and _depth(current[-1]) < _FULL:
        return place + "la page précédente n'était pas remplie, et rien ne les relie."
    return None


def _continuation(page: Page, before: Page) -> str:
    number = _page_number(page)
    if number and number.of_same_run(_page_number(before)):
        return f"Page {page.number} : porte le numéro {number}, à la suite."
    if _patient(page):
        return f"Page {page.number} : même patient, sans nouvel en-tête."
    return f"Page {page.number} : suite, sans en-tête ni autre patient."


# --- what a page says about itself ----------------------------------------------------------


@dataclass(frozen=True)
class _Number:
    index: int
    total: int | None

    def __str__(self) -> str:
        return f"{self.index}/{self.total}" if self.total else str(self.index)

    def of_same_run(self, before: _Number | None) -> bool:
        return before is not None and (self.index, self.total) == (before.index + 1, before.total)


@dataclass(frozen=True)
class _Person:
    name: str
    birth_date: tuple[int, int, int] | None

    def may_be(self, other: _Person) -> bool:
        """Whether bad reading can explain the difference. Two good birth dates decide."""
        alike = fuzz.token_set_ratio(self.name, other.name) if self.name and other.name else None
        if self.birth_date and other.birth_date:
            same_parts = sum(a == b for a, b in zip(self.birth_date, other.birth_date, strict=True))
            return same_parts == 3 or (same_parts == 2 and (alike or 0.0) >= _SAME_NAME)
        return alike is None or alike >= _SAME_NAME


_PAGE_OF = re.compile(r"\bpage\s*(\d{1,2}\s*(?:/|sur|de)\s*\d{1,2})$", re.IGNORECASE)
_ALONE = re.compile(r"(?:page|p\.)\s*(\d{1,2})", re.IGNORECASE)
# What opens a line at the very top, and what a letterhead says anywhere in the upper third. A
# signature or "cher confrère, docteur …" further down is neither.
_HEADING = re.compile(
    r"^\W*(?:Docteur|Dr\b|Pr\b|Professeur|Cabinet|Centre|Clinique|H[ôo]pital|Maison de sant[ée]"
    r"|Sage-femme|SELARL|SCM)",
    re.IGNORECASE,
)
_PRACTICE = re.compile(
    r"\bR\.?P\.?P\.?S\b|\bFINESS\b|\bADELI\b|^\W*M[ée]decin\b|^\W*M[ée]decine g[ée]n[ée]rale\b",
    re.IGNORECASE,
)
_PERSON = re.compile(
    r"(?:\b(?:M\.|Mr\.?|Mme\.?|Mlle\.?|Monsieur|Madame|Mademoiselle|Enfant|Patiente?)|\bNom)"
    r"\s*:?\s*(?P<name>[A-ZÀ-Ý][^\d,;:()]{2,60})"
)
_CARER = re.compile(r"(?:Docteur|Dr|Professeur|Pr|Confr[èe]re)\b", re.IGNORECASE)
_BORN = re.compile(
    r"\b(?:n[ée]e?\s*(?:\(e\)\s*)?le|naissance|DDN)\s*:?\s*"
    r"(\d{1,2})\s*[/.\- ]\s*(\d{1,2})\s*[/.\- ]\s*((?:19|20)?\d{2})\b",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"^(?:\S+(?:\s\S+)?,\s*)?le\s+\d{1,2}(?:er)?[\s/.\-]+(?:\d{1,2}|[a-zéûô]{3,9})[\s/.\-]+\d{2,4}",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"^\W*(?:ordonnance|certificat|compte[- ]rendu|consultation|demande|prescription"
    r"|arr[êe]t de travail|bilan|courrier|suivi)\b[^.]{0,40}$",
    re.IGNORECASE,
)


def _head(page: Page) -> tuple[Line, ...]:
    limit = _HEAD * page.size.height
    return tuple(line for line in page.lines if line.box.y + line.box.height / 2 <= limit)


def _page_number(page: Page) -> _Number | None:
    """ "2/3", "page 2 sur 3" or "page 2", alone on a line in the top or bottom tenth."""
    for line in page.lines:
        middle = (line.box.y + line.box.height / 2) / page.size.height
        if 0.1 < middle < 0.9:
            continue
        text = line.text.strip(" -–—.")
        last = _PAGE_OF.search(text)
        if number := folio(line.text if last is None else last[1]):
            return _Number(*number)
        if alone := _ALONE.fullmatch(text):
            return _Number(int(alone[1]), None)
    return None


def _has_letterhead(page: Page) -> bool:
    return any(
        _PRACTICE.search(line.text)
        or (line.box.y < _VERY_TOP * page.size.height and _HEADING.search(line.text))
        for line in _head(page)
    )


def _has_opening(page: Page) -> bool:
    return any(_DATED.search(line.text) or _TITLE.search(line.text) for line in _head(page))


def _depth(page: Page) -> float:
    """How far down the page its writing reaches, as a share of the height."""
    limit = 0.93 * page.size.height  # below stand footers
    bottoms = [line.box.bottom for line in page.lines if line.box.bottom < limit]
    return max(bottoms, default=0.0) / page.size.height


def _patient(page: Page) -> _Person | None:
    name = ""
    birth_date: tuple[int, int, int] | None = None
    limit = 0.6 * page.size.height
    for line in page.lines:
        if line.box.y > limit:
            continue
        found = _PERSON.search(line.text)
        if found and not name and not _CARER.match(found["name"]):
            name = _plain(re.split(r"\b[Nn][ée]e?\b", found["name"])[0])
        if birth_date is None and (found := _BORN.search(line.text)):
            birth_date = (int(found[1]), int(found[2]), int(found[3]) % 100)
    return _Person(name, birth_date) if name or birth_date else None


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFD", name)
    return "".join(c for c in letters if not unicodedata.combining(c)).upper().strip()
