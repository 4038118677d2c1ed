"""The kind of a paper, from its title and from what such papers say."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.extraction.evidence import Span, TextLine, value
from pipeline.extraction.orders.naming import order_kind
from pipeline.extraction.sections.reading import find_title
from pipeline.model import DocumentKind, Measurement, OrderKind, Value


@dataclass(frozen=True, slots=True)
class _Clue:
    kind: DocumentKind
    pattern: re.Pattern[str]
    title: float
    inside: float


@cache
def _clues() -> tuple[_Clue, ...]:
    data = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))
    return tuple(
        _Clue(
            DocumentKind(clue["kind"]),
            # Apostrophes are small: engines lose them.
            re.compile(rf"(?<![a-z])(?:{clue['pattern']})".replace("d'", r"d'?\s?")),
            clue["title"],
            clue["inside"],
        )
        for clue in data["clue"]
    )


_PRESCRIBED = re.compile(
    r"\d\s?(?:mg|g|µg|mcg|ml|ui|%)(?![a-z])|\b(?:cp|cps|cpr|comprimes?|gelules?|gel|sachets?|"
    r"bouffees?|"
    r"gouttes?|suppos?|suppositoires?|ampoules?|application|ovules?)\b"
)
_TAKEN = re.compile(
    r"\b(?:matin|midi|soir|coucher|par jour|fois|pendant|pdt|qsp|si besoin|toutes les|semaines?|"
    r"/\s?j|"
    r"/\s?jour|\d\s?/\s?j|x\s?\d|jours?|mois|\d-\d-\d)"
)


def prescription_rows(lines: Sequence[TextLine]) -> int:
    """How many rows, alone or with the next one, say a drug's strength or form and its taking."""
    count = 0
    for index, line in enumerate(lines):
        following = lines[index + 1].folded if index + 1 < len(lines) else ""
        if _PRESCRIBED.search(line.folded) and _TAKEN.search(line.folded + " " + following):
            count += 1
    return count


CLOSE = "Plusieurs types de document possibles."
NOTHING = "Type de document déduit de la présentation."


_CLINICAL_SECTIONS = frozenset(
    {"reason", "history", "family", "examination", "conclusion", "story", "lifestyle"}
)
_OBSTETRIC = frozenset(
    {"gestational_age", "lmp", "edd", "gravidity", "fundal_height", "fetal_heart_rate",
     "fetal_movements", "cervix_dilation"}
)  # fmt: skip


_ASKED = frozenset(
    {OrderKind.LABORATORY, OrderKind.IMAGING, OrderKind.PHYSIOTHERAPY, OrderKind.NURSING}
)
_CLOSING = re.compile(r"\W*(?:a jeun|urgent|merci|signature|cachet|page)\b|[\W\d]*[a-z]?\W*$")


@dataclass(frozen=True, slots=True)
class Asking:
    """How many rows of a body ask for an examination or care, and how many do not."""

    asked: int = 0
    other: int = 0


def asking(passages: Sequence[TextLine]) -> Asking:
    """What the rows of the body ask for, titles and closing words left out."""
    asked = other = 0
    for line in passages:
        title = find_title(line)
        body = line.folded[title.end if title is not None else 0 :]
        if line.section == "information" or _CLOSING.match(body) or body.rstrip().endswith(":"):
            continue
        named = order_kind(body)
        if named is not None and named[1] in _ASKED and not _PRESCRIBED.search(body):
            asked += 1
        else:
            other += 1
    return Asking(asked, other)


_NOTHING_ASKED = Asking()
_ASKS_ALONE = 8.0
"""Weight of a body in which every row asks: « Ordonnance » heads medicines and examinations."""


def read_kind(
    lines: Sequence[TextLine],
    drug_lines: int,
    measurements: Sequence[Measurement] = (),
    rows: Asking = _NOTHING_ASKED,
) -> Value[DocumentKind]:
    """The kind of document whose clues weigh most.

    `drug_lines` is the number of rows that look like prescriptions: without any clue a paper with
    such rows is an ordonnance, one without is a note, and one of which every row asks for an
    examination (`rows`) is a request. Rows have their sections: what stands under
    a clinical title, and what was measured, makes a note or a pregnancy visit, whatever is
    prescribed at its end. `lines` must not be empty.
    """
    weights: dict[DocumentKind, float] = defaultdict(float)
    spans: dict[DocumentKind, Span] = {}
    heaviest: dict[DocumentKind, float] = defaultdict(float)
    clinical: set[str] = set()
    for line in lines:
        if line.section in _CLINICAL_SECTIONS:
            clinical.add(line.section)
        for clue in _clues():
            # One clue counts once a row, however often its words come back in it.
            match = clue.pattern.search(line.folded)
            if match is None:
                continue
            rest = line.folded[: match.start()] + line.folded[match.end() :]
            alone = len(re.sub(r"[\W\d_]", "", rest)) <= 3
            # « Ordonnance : » under a note's findings heads its plan, not the paper.
            heads = alone and not (clinical and clue.kind is DocumentKind.PRESCRIPTION)
            weight = clue.title if heads else clue.inside
            weights[clue.kind] += weight
            if weight > heaviest[clue.kind]:
                heaviest[clue.kind] = weight
                spans[clue.kind] = line.span(match.start(), match.end())
    weights[DocumentKind.CONSULTATION] += 1.2 * len(clinical)
    keys = {one.key for one in measurements}
    weights[DocumentKind.PREGNANCY] += min(1.6 * len(keys & _OBSTETRIC), 6.4)
    weights[DocumentKind.CONSULTATION] += min(1.2 * len(keys - _OBSTETRIC - {"weight"}), 3.6)
    if DocumentKind.PRESCRIPTION_BIZONE in spans:
        weights[DocumentKind.PRESCRIPTION_BIZONE] += weights[DocumentKind.PRESCRIPTION]
    if rows.asked and not rows.other and not measurements:
        weights[DocumentKind.TEST_REQUEST] += _ASKS_ALONE
    prescription = DocumentKind.PRESCRIPTION
    weights[prescription] += min(drug_lines, 4) * 0.8
    ranked = sorted(weights, key=lambda kind: -weights[kind])
    best = ranked[0]
    if weights[best] < 1.0:
        best = prescription if drug_lines else DocumentKind.CONSULTATION
        return value(
            "document_kind", best, lines[0].span(), "kinds.layout", trust=0.6, doubts=(NOTHING,)
        )
    second = weights[ranked[1]] if len(ranked) > 1 else 0.0
    margin = weights[best] - second
    request_titled = best is prescription and rows.asked and not drug_lines
    doubts = (CLOSE,) if margin < 1.0 or request_titled else ()
    others = (DocumentKind.TEST_REQUEST,) if request_titled else tuple(ranked[1:2])
    return value(
        "document_kind",
        best,
        spans.get(best) or lines[0].span(),
        "kinds.clues",
        trust=min(0.99, 0.8 + 0.05 * margin),
        doubts=doubts,
        alternatives=others if doubts else (),
    )
