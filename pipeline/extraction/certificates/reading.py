"""Certificates and sick leave, and the days they cover.

The end may be written (« jusqu'au », « au ») or counted: a leave of n days that starts on a day
ends n − 1 days later, both included.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, cast

from pipeline.extraction.dates.reading import DateMention, find_dates, role
from pipeline.extraction.evidence import Span, TextLine, doubted, value
from pipeline.extraction.sections.reading import HEAD
from pipeline.model import Certificate, DocumentKind, Value

Kind = Literal["sick-leave", "sport", "presence", "pregnancy", "other"]

COUNTED = "Fin calculée d'après la durée écrite."
DIFFERS = "La durée écrite ne correspond pas aux dates."
BEFORE_PAPER = "La fin précède la date du document."
WEEKDAY = "Jour de la semaine : date déduite de celle du document."
FROM_DOCUMENT = "Début déduit de la date du document."


@cache
def _kinds() -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    data = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))
    return tuple(
        (cast(Kind, kind), re.compile(rf"(?<![a-z])(?:{'|'.join(patterns)})"))
        for kind, patterns in data["kinds"].items()
    )


_LENGTH = re.compile(
    r"(?:pendant|pour(?: une duree de)?|duree\s*:?|de|arret de travail\s*:?|prolongation de|"
    r"d'une duree de)?\s*"
    r"(?<![\d/.])(?P<n>\d{1,3}|un|une|deux|trois|quatre|cinq|six|sept|huit|dix|"
    r"quinze)\s?(?:\([^)]{1,12}\)\s?)?"
    r"(?P<u>jours?|j\b|semaines?|mois)"
)
_WORDS = {
    "un": 1,
    "une": 1,
    "deux": 2,
    "trois": 3,
    "quatre": 4,
    "cinq": 5,
    "six": 6,
    "sept": 7,
    "huit": 8,
    "dix": 10,
    "quinze": 15,
}


def read_certificates(
    lines: Sequence[TextLine], kind: DocumentKind | None, day: dt.date | None, today: dt.date
) -> tuple[Certificate, ...]:
    """The certificate of a certificate paper, or a sick leave that a note mentions.

    `day` is the document's date.
    """
    body = [line for line in lines if line.section != HEAD and not line.struck]
    if kind is DocumentKind.CERTIFICATE:
        found = _certificate(lines, body, day, today)
        return (found,) if found is not None else ()
    leaves: list[Certificate] = []
    for line in body:
        if line.section in ("history", "family", "story", "allergies"):
            continue
        match = _kinds()[0][1].search(line.folded)
        if match is None or re.search(
            r"(?:pas (?:de |d')|sans |refuse|en cours|a ete|etait)\s*(?:l')?$",
            line.folded[: match.start()],
        ):
            continue
        start, end = _days((line,), "sick-leave", day, today)
        span = line.span(match.start(), len(line.text))
        if start is None and end is None and not _LENGTH.search(line.folded, match.start()):
            continue
        leaves.append(
            Certificate(
                kind="sick-leave",
                text=value("certificate", span.text, span, "certificates.in-note", trust=0.95),
                start=start,
                end=end,
            )
        )
    return tuple(leaves)


_TITLE = re.compile(r"\W*(?:certificat|attestation|avis d'arret|arret de travail)[a-z' -]{0,40}\W*")


def _certificate(
    lines: Sequence[TextLine], body: Sequence[TextLine], day: dt.date | None, today: dt.date
) -> Certificate | None:
    # Rows of the certificate's own sentence may look like the patient block: take them all, from
    # the first that speaks as a certificate does.
    speaking = re.compile(
        r"(?<![a-z])(?:je,? soussigne|certifie|atteste|arret|declare|est (?:apte|enceinte)|"
        r"contre-indication|"
        r"s'est presente|presence|eviction|a ete examine|necessite|etat de sante)"
    )
    begin = next(
        (
            i
            for i, line in enumerate(lines)
            if speaking.search(line.folded) and not _TITLE.fullmatch(line.folded)
        ),
        None,
    )
    rows = list(lines[begin:]) if begin is not None else list(body)
    rows = [
        row for row in rows if not re.match(r"\W*(?:dr|docteur|signature|cachet)\b", row.folded)
    ]
    if not rows:
        return None
    whole = "\n".join(line.folded for line in (*body, *rows))
    kind = next((name for name, pattern in _kinds() if pattern.search(whole)), None)
    if kind is None:
        return None
    start, end = _days(rows, kind, day, today)
    spans = tuple(line.span() for line in rows)
    text = " ".join(span.text.replace("\t", " ") for span in spans)
    return Certificate(
        kind=kind,
        text=value("certificate", text, spans, f"certificates.{kind}", trust=0.96),
        start=start,
        end=end,
    )


def _days(
    rows: Sequence[TextLine], kind: str, day: dt.date | None, today: dt.date
) -> tuple[Value[dt.date] | None, Value[dt.date] | None]:
    start: DateMention | None = None
    end: DateMention | None = None
    for line in rows:
        for mention in find_dates(line, today):
            what = _role(mention)
            if what == "period_start" and start is None:
                start = mention
            elif what == "period_end" and end is None:
                end = mention
    first = _value(start, day, "certificates.start")
    last = _value(end, day, "certificates.end")
    if kind != "sick-leave":
        return first, last
    length, span = _length(rows)
    if first is None and day is not None:
        first = _this_day(rows, day, counted=span is not None)
    if last is None and day is not None:
        last = _weekday(rows, day)
    begun = first.value if first is not None else day
    if last is not None and last.value is not None and first is None and day is not None:
        last = doubted(last, *([BEFORE_PAPER] if last.value < day else []))
    if begun is None or length is None or span is None:
        return first, last
    counted = begun + dt.timedelta(days=length - 1)
    if last is None and first is not None:
        last = value(
            "certificate", counted, span, "certificates.length", trust=0.93, remarks=(COUNTED,)
        )
    elif last is not None and last.value not in (None, counted, counted + dt.timedelta(days=1)):
        last = doubted(last, DIFFERS).model_copy(update={"alternatives": (counted,)})
    return first, last


_FROM_TODAY = re.compile(
    r"(?:a compter|a partir|a dater|debutant)\s+(?:de\s+)?ce jour"
    r"|a compter d'aujourd'hui|des ce jour"
)
_TODAY = re.compile(r"ce jour")
_UNTIL_WEEKDAY = re.compile(
    r"jusqu'?\s?a(?:u)?\s+(?P<day>lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)"
    r"(?:\s+(?:inclus|prochain))?(?!\s*\w*\d)"
)
_WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")


def _this_day(rows: Sequence[TextLine], day: dt.date, *, counted: bool) -> Value[dt.date] | None:
    """The paper's own day where the leave begins on it (« à compter de ce jour »); a bare « ce
    jour » says so only beside a `counted` length."""
    for line in rows:
        match = _FROM_TODAY.search(line.folded)
        if match is None and counted:
            match = _TODAY.search(line.folded)
        if match is not None:
            span = line.span(match.start(), match.end())
            return value(
                "certificate", day, span, "certificates.this-day",
                trust=0.95, remarks=(FROM_DOCUMENT,),
            )  # fmt: skip
    return None


def _weekday(rows: Sequence[TextLine], day: dt.date) -> Value[dt.date] | None:
    """The end of a leave that lasts « jusqu'à vendredi »: the next one after the paper's day."""
    for line in rows:
        match = _UNTIL_WEEKDAY.search(line.folded)
        if match is not None:
            ahead = (_WEEKDAYS.index(match["day"]) - day.weekday()) % 7 or 7
            span = line.span(match.start("day"), match.end("day"))
            return value(
                "certificate", day + dt.timedelta(days=ahead), span, "certificates.weekday",
                trust=0.9, doubts=(WEEKDAY,),
            )  # fmt: skip
    return None


def _role(mention: DateMention) -> str:
    before = mention.span.line.folded[: mention.span.start]
    if re.search(r"(?:jusqu'?\s?au|\bau|inclus)\s*(?:\w+\s)?$", before):
        return "period_end"
    if re.search(
        r"(?:\bdu|a compter du|a partir du|a dater du|des le|debut\w*(?: le)?\s*:?)\s*(?:\w+\s)?$",
        before,
    ):
        return "period_start"
    return role(mention)


def _value(mention: DateMention | None, day: dt.date | None, rule: str) -> Value[dt.date] | None:
    if mention is None:
        return None
    doubts = mention.doubts
    if not mention.year_written:
        doubts += ("Année absente : déduite de la date du document.",)
    return value(
        "certificate",
        mention.near(day),
        mention.span,
        rule,
        trust=0.98,
        doubts=doubts,
        remarks=mention.remarks,
    )


def _length(rows: Sequence[TextLine]) -> tuple[int | None, Span | None]:
    for line in rows:
        match = _LENGTH.search(line.folded)
        if match is not None:
            number = _WORDS.get(match["n"]) or int(match["n"])
            unit = {"s": 7, "m": 30}.get(match["u"][0], 1)
            return number * unit, line.span(match.start("n"), match.end())
    return None, None
