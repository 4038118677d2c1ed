"""Examinations and care that a paper asks for.

On a request every row of the body is one; in a note only rows of the plan, or rows that ask in so
many words (« faire », « demande de », « prévoir »).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.extraction.conditions.qualifiers import qualify
from pipeline.extraction.evidence import UNKNOWN_BY_HAND, TextLine, value
from pipeline.extraction.orders.naming import order_kind
from pipeline.extraction.sections.reading import find_title
from pipeline.model import Certainty, DocumentKind, Medication, Order, OrderKind, ZoneKind

_LEAD = re.compile(
    r"[\s\-•*·>–.]*(?:\d{1,2}\s?[.)/-]\s+)?(?:(?:faire(?: pratiquer| realiser| faire)?|prevoir|"
    r"demande(?: de| d')?|prescription (?:de |d')|"
    r"je (?:lui )?(?:prescris|demande)|ordonnance (?:de |d'|pour )|realisation (?:de |d')|"
    r"programmer|a faire\s?:|"
    r"priere de (?:realiser|faire|pratiquer)|merci de (?:bien vouloir )?(?:realiser|faire|"
    r"pratiquer|faire realiser)|"
    r"au laboratoire|controle)\s*:?\s*)?(?:une?\s+|le\s+|la\s+|les\s+|des\s+|l'|du\s+)?"
)
_ASKS = re.compile(
    r"(?<![a-z])(?:faire|prevoir|demande|demander|je (?:lui )?prescris|je demande|"
    r"prescription (?:de|d')|ordonnance (?:de|d'|pour)|"
    r"programmer|a faire|priere de|merci de|realiser|a realiser|a prevoir|bilan a|"
    r"\d{1,2} seances?|par (?:une? )?(?:ide|infirmi\w+)|a domicile|soins infirmiers|"
    r"de face|face et profil|face \+ profil)(?![a-z])"
)
_NO_ORDER = re.compile(
    r"(?:page\s?\d|^\W*\d\s?/\s?\d\W*$|signature|cachet|certificat|confraternellement|"
    r"cordialement|document\b|"
    r"^\W*(?:dr|docteur|pr|sage-femme)\b|\bduree\b\s*:|^\W*(?:le|fait)\b.{0,20}\d{4}|"
    r"^\W*(?:urgent|a jeun|merci)\W*$)"
)
_RESULT = re.compile(
    r"[:=]\s*[<>]?\s*\d|\d\s?(?:g/l|mg/l|mmol|µmol|%|g/dl|ui/l|bpm|mmhg)|\b(?:normale?s?|"
    r"retrouve\w*|montre\w*|revenue?s?|realisee?s?|faite?s?|du \d|le \d|negati\w+|positi\w+)\b"
)


def read_orders(
    lines: Sequence[TextLine], kind: DocumentKind | None, medications: Sequence[Medication]
) -> tuple[Order, ...]:
    """Orders of the body, one a row. Rows that medications were read from are left out."""
    request = kind is DocumentKind.TEST_REQUEST
    drug_boxes = {
        (one.drug.evidence.page, box) for one in medications for box in one.drug.evidence.boxes
    }
    orders: list[Order] = []
    seen: set[str] = set()
    for index, line in enumerate(lines):
        if (
            line.struck
            or _heads(line, lines[index + 1 : index + 2])
            or any(page == line.page and box.intersection(line.box) > 0 for page, box in drug_boxes)
        ):
            continue
        order = _order(line, request, kind)
        if order is not None:
            text = (order.text.value or order.text.evidence.text).casefold()
            if text not in seen:
                seen.add(text)
                orders.append(order)
    return tuple(orders)


def _heads(line: TextLine, below: Sequence[TextLine]) -> bool:
    """Whether a row announces what the one `below` it asks for: « Bilan sanguin : »."""
    announced = any(one.section == line.section for one in below)
    return announced and line.text.rstrip().endswith(":")


def _order(line: TextLine, request: bool, kind: DocumentKind | None) -> Order | None:
    if line.section in (
        "information",
        "reason",
        "history",
        "family",
        "allergies",
        "treatment",
        "lifestyle",
        "story",
        "examination",
        "conclusion",
        "pregnancy",
    ):
        return None
    if line.section == "tests" and not request:
        return None
    folded = line.folded
    if _NO_ORDER.search(folded):
        return None
    title = find_title(line)
    start = title.end if title is not None else 0
    asks = (title is not None and title.section == "orders") or bool(_ASKS.search(folded))
    lead = _LEAD.match(folded, start)
    begin = lead.end() if lead else start
    end = len(line.text)
    while end > begin and line.text[end - 1] in " .;:":
        end -= 1
    body = folded[begin:end]
    if not any(character.isalpha() for character in body) or len(body) > 160:
        return None
    named = order_kind(body)
    at, found = named if named is not None else (0, None)
    if found is None:
        listed = line.section in ("orders", "") and re.match(r"\s*[-•*·–]", line.text)
        titled = line.section == "orders" and line.kind is ZoneKind.HANDWRITTEN
        if not (request and (listed or titled)):
            return None
        found = OrderKind.OTHER
    if not request:
        in_plan = line.section in ("plan", "orders", "prescription") or (
            line.section == ""
            and kind in (DocumentKind.PRESCRIPTION, DocumentKind.PRESCRIPTION_BIZONE)
        )
        if not (in_plan or asks) or _RESULT.search(body):
            return None
        if qualify(folded, begin + at, end).certainty is Certainty.NEGATED:
            return None
    span = line.span(begin, end)
    strange = named is None and line.kind is ZoneKind.HANDWRITTEN
    return Order(
        kind=found,
        text=value(
            "order",
            " ".join(span.text.split()),
            span,
            f"orders.{found.value}",
            trust=0.96,
            doubts=(UNKNOWN_BY_HAND,) if strange else (),
        ),
    )
