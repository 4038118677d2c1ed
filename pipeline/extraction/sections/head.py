"""Rows that only carry the letterhead, the patient block and the dateline."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from rapidfuzz import fuzz

from pipeline.extraction.evidence import TextLine, fold
from pipeline.extraction.orders.naming import order_kind
from pipeline.extraction.sections.reading import find_title
from pipeline.folios import folio
from pipeline.model import Box, Evidence, OrderKind, Patient, Prescriber, Value

_CONTACT = re.compile(
    r"(?<![a-z])(?:tel\b|telephone|fax\b|rpps|finess|adeli|n° am\b|assurance maladie|"
    r"securite sociale|n° ss\b|nir\b|nss\b|matricule ins|siret|siren|e-?mail|mail\b|"
    r"facturation|n° d'identification|lundi au|"
    r"site\b|www\.|n° ordre|(?:l'\s?)?ordre n°|ordre des|"
    r"conventionne\w*|secteur [12]|secretariat|sur rendez-vous|consultations? sur|diplome\w*|"
    r"ancien\w* (?:interne|"
    r"chef|externe)|membre d'une association|cabinet medical|maison de sante|centre de sante|"
    r"faculte de|membre de|association agreee|en cas d'urgence|carte bancaire|cheque|"
    r"urgences? :)|@\w"
)

# « Fait à Saint-Rémy-les-Ormes, le jeudi 12/11/2026 », « Valbourg, 12/11/2026 »
_DATELINE = re.compile(
    r"\W*(?:(?:fait|etabli|redige|signe)\s+a\s+)?(?:[a-z][a-z' -]{1,40},?\s+)?(?:le|ce|du|"
    r"date\s*:)\s+(?:(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)\s+)?"
    r"[^a-z]*[a-z]{0,10}[^a-z]*$|"
    r"[a-z][a-z' -]{1,40}(?:,| -)\s*\d{1,2}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?\d{2,4}\W*$"
)
# The fields of a patient's block, with or without the colon that engines lose.
_FIELD = re.compile(
    r"\W*(?:nom|prenom|prenoms|prenom\s?\(s\)|nom d'usage|nom usuel|nom de famille|"
    r"nom de naissance|naissance|sexe|age|nom de jeune fille|nom et prenom|identite|concerne|"
    r"concernant|patient(?:\s?\(e\)|e)?|beneficiaire|"
    r"date de naissance|ddn|adresse)\s*(?::|\s[A-ZÀ-Ý\d])",
    re.IGNORECASE,
)


def head_rows(
    lines: Sequence[TextLine],
    patient: Patient,
    prescriber: Prescriber,
    date: Value[dt.date] | None,
) -> frozenset[int]:
    """Numbers of the rows down the margin, and of those of which every part is taken up by
    identity, contact or dateline."""
    sources = [one.evidence for one in patient.names]
    for one in (
        patient.sex, patient.birth_date, patient.birth_place, patient.age, patient.nir,
        patient.local_id, patient.phone, patient.address, prescriber.name, prescriber.speciality,
        prescriber.rpps, prescriber.am, prescriber.finess, prescriber.address,
        prescriber.phone, date,
    ):  # fmt: skip
        if one is not None:
            sources.append(one.evidence)
    signature = _signature(prescriber)
    alone = [
        line.margin
        or (
            all(_is_head(part, sources, signature) or _is_number(part) for part in line.parts())
            and not _is_number(line)
        )
        for line in lines
    ]
    alone = [
        known
        or ((i < 0.5 * len(lines) or any(alone[i - 1 : i])) and _is_field(line, sources, signature))
        for i, (line, known) in enumerate(zip(lines, alone, strict=True))
    ]
    # Above the first row that says something clinical, rows between those of identity belong to
    # them (a practice, a degree, a slogan). A letterhead may offer « Échographie - ECG ».
    letterhead = _letterhead_end(lines, patient, prescriber)
    body = next(
        (
            i
            for i, line in enumerate(lines)
            if i >= letterhead
            and not alone[i]
            and (find_title(line) is not None or _is_clinical(line) or _asks(line))
        ),
        len(lines),
    )
    top = max((i for i in range(body) if alone[i]), default=-1)
    head = {line.number for i, line in enumerate(lines) if alone[i] or i < top}
    said = [part.folded for line in lines if line.number in head for part in line.parts()]
    echoes = {
        line.number
        for i, line in enumerate(lines)
        if i > 0.5 * len(lines) and not _is_clinical(line) and _echoes(line, said)
    }
    return frozenset(head | echoes | _furniture(lines, patient, prescriber))


def _is_number(part: TextLine) -> bool:
    return folio(part.text) is not None


_LIKE = 75.0
"""Likeness in per cent of a name at the head of a further page, read less well than the first."""


def _furniture(
    lines: Sequence[TextLine], patient: Patient, prescriber: Prescriber
) -> frozenset[int]:
    """Page numbers, and the names at the head of further pages: what the sheets of one document
    carry so as not to be lost, between two rows that belong together."""
    names = [fold(one.value.family) for one in patient.names if one.value is not None]
    if prescriber.name is not None and prescriber.name.value is not None:
        names.append(fold(prescriber.name.value.family))
    found = set()
    for before, line, after in zip((None, *lines), lines, (*lines[1:], None), strict=False):
        first = before is None or before.page != line.page
        number = folio(line.text)
        if number is not None and (first or after is None or after.page != line.page):
            if number[1] > 1:
                found.add(line.number)
        elif first and before is not None and not _is_clinical(line):
            words = re.findall(r"[a-z'-]{3,}", line.folded)
            if len(words) <= 8 and any(
                fuzz.ratio(name, word) >= _LIKE for name in names for word in words
            ):
                found.add(line.number)
    return frozenset(found)


def _letterhead_end(lines: Sequence[TextLine], patient: Patient, prescriber: Prescriber) -> int:
    """The place in `lines` behind the last row of the prescriber's that stands above the patient's
    first row; 0 where none does."""
    named = [one.evidence for one in (*patient.names, patient.birth_date, patient.nir) if one]
    first = next((i for i, line in enumerate(lines) if _touched(line, named)), 0)
    own = (
        prescriber.name, prescriber.speciality, prescriber.rpps, prescriber.am, prescriber.finess,
        prescriber.address, prescriber.phone,
    )  # fmt: skip
    sources = [one.evidence for one in own if one is not None]
    return max((i + 1 for i in range(first) if _touched(lines[i], sources)), default=0)


def _touched(line: TextLine, sources: Sequence[Evidence]) -> bool:
    return any(
        source.page == line.page and box.intersection(line.box) > 0.2 * box.area
        for source in sources
        for box in source.boxes
    )


_ECHO = 8
"""Fewest letters in which a likeness says something."""


def _echoes(line: TextLine, said: Sequence[str]) -> bool:
    """Whether a row repeats a piece of the letterhead, as a stamp does, be it badly read.

    A few letters are like a piece of anything: « CAT : » and « FR 20 » are no echo. One or two are
    what is read into a signature.
    """
    longest = max(len(part.text) for part in line.parts())
    if find_title(line) is not None or 3 <= longest < _ECHO:
        return False
    return all(
        len(part.text) < 3
        or any(
            len(part.text) <= len(text) + 4 and fuzz.partial_ratio(part.folded, text) >= 80
            for text in said
        )
        for part in line.parts()
    )


_CLINICAL = re.compile(
    r"\d\s?(?:mg|g|µg|ml|ui|%|cp|cps|kg|cm|bpm|mmhg|sa|jours?|fois|mois|h|j)(?![a-z])|(?<!n)°|"
    r"(?<![a-z])(?:ta|fc|pouls|poids|taille|spo2|sat|g\dp\d|ddr|dpa|comprimes?|gelules?|matin|soir|"
    r"ordonnance|certificat|consultation|grossesse|examens?|allerg\w+|motif|antecedents|certifie|"
    r"soussignee?|affection|prescriptions?|demande|observation|faire)(?![a-z])"
)


# « Jeudi 14h-18h30 »
_HOURS = re.compile(r"\d{1,2}\s?h\s?(?:\d{2})?\s?(?:-|a)\s?\d{1,2}\s?h\s?(?:\d{2})?")


def _is_clinical(line: TextLine) -> bool:
    return _CLINICAL.search(_HOURS.sub("", line.folded)) is not None


_OPENING = re.compile(r"\s*(?P<bullet>[-•*·–>.]|\d{1,2}\s?[.)/-])?\s*")


def _asks(line: TextLine) -> bool:
    """Whether a row begins with an examination: « Radio du thorax », « - NFS », and not with
    somebody who gives care."""
    opening = _OPENING.match(line.folded)
    named = order_kind(line.folded)
    if opening is None or named is None or named[0] != opening.end():
        return False
    return opening["bullet"] is not None or named[1] in (OrderKind.LABORATORY, OrderKind.IMAGING)


def _is_field(line: TextLine, sources: Sequence[Evidence], signature: str) -> bool:
    """Whether a row is made of the fields of a patient's block and of what is head already."""
    parts = line.parts()
    if len(line.text) > 90 or _is_clinical(line):
        return False
    return all(
        _is_head(part, sources, signature)
        or _labelled(part)
        or (index > 0 and bool(_FIELD.match(f"{parts[index - 1].folded.rstrip(' :')} : ")))
        for index, part in enumerate(parts)
    )


def _labelled(part: TextLine) -> bool:
    """Whether a field stands first: « Patiente : » or « Patiente Zoé », no « patiente vue »."""
    match = _FIELD.match(part.folded)
    if match is None:
        return False
    last = part.text[match.end() - 1]
    return last == ":" or last.isupper() or last.isdigit()


def _signature(prescriber: Prescriber) -> str:
    name = prescriber.name.value if prescriber.name is not None else None
    return fold(name.family) if name is not None else ""


def _is_head(part: TextLine, sources: Sequence[Evidence], signature: str) -> bool:
    if _CONTACT.search(part.folded):
        return True
    signed = signature and re.search(rf"(?<![a-z]){re.escape(signature)}(?![a-z])", part.folded)
    if signed and len(part.text.split()) <= 5:
        return True
    boxes: set[Box] = set()
    for source in sources:
        if source.page == part.page:
            boxes.update(box for box in source.boxes if box.intersection(part.box) > 0)
    taken = sum(
        token.end - token.start
        for token in part.tokens
        if any(token.word.box.intersection(box) > 0.5 * token.word.box.area for box in boxes)
    )
    letters = len(part.text.replace(" ", ""))
    return taken >= 0.55 * letters or bool(taken and _DATELINE.match(part.folded))
