"""The date of the document among all the dates it holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pipeline.extraction.dates.reading import DateMention, find_dates, is_old, role
from pipeline.extraction.evidence import TextLine, value
from pipeline.model import Value

AFTER_TODAY = "Date postérieure au jour de la lecture."
OLD = "Date ancienne : est-ce bien celle du document ?"
SEVERAL = "Plusieurs dates possibles pour le document."
NO_LABEL = "Date sans libellé."
CENTURY = "Année écrite sur deux chiffres."


def document_date(lines: Sequence[TextLine], today: dt.date) -> Value[dt.date] | None:
    """The day the document was written, or None where it names none.

    Birth dates, dates of results, periods and appointments are never taken. Of several, the best
    announced one wins, the earlier on the page where they are equal.
    """
    candidates: list[tuple[float, DateMention]] = []
    total = max((line.number for line in lines), default=0) + 1
    for above, line in zip((None, *lines), lines, strict=False):
        for mention in find_dates(line, today):
            if mention.year_written:
                score = _score(mention, line, above, total)
                if score > 0:
                    candidates.append((score, mention))
    if not candidates:
        return None
    candidates.sort(key=lambda item: (is_old(item[1], today), -item[0], item[1].span.line.number))
    score, best = candidates[0]
    doubts = list(best.doubts)
    others = tuple(
        dict.fromkeys(
            mention.date
            for other, mention in candidates[1:]
            if other > score - 0.8 and mention.date is not None and mention.date != best.date
        )
    )
    if others:
        doubts.append(SEVERAL)
    if best.date is not None:
        if best.date > today:
            doubts.append(AFTER_TODAY)
        elif is_old(best, today):
            doubts.append(OLD)
    if score < 1.5:
        doubts.append(NO_LABEL)
    remarks = list(best.remarks)
    if not best.century_written:
        remarks.append(CENTURY)
    return value(
        "date",
        best.date,
        best.span,
        best.rule,
        trust=0.99 if best.century_written else 0.95,
        doubts=doubts,
        remarks=remarks,
        alternatives=others,
    )


def _score(mention: DateMention, line: TextLine, above: TextLine | None, total: int) -> float:
    # A date that opens a row may go on with the sentence above; alone on it, it stands for itself.
    alone = not line.folded[mention.span.end :].strip(" .,")
    what = role(mention, None if alone else above)
    if what in ("birth", "pregnancy", "next", "period_start", "period_end", "result"):
        return 0.0
    score = 3.0 if what == "document" else 1.0
    before = line.folded[: mention.span.start].rsplit("\t", 1)[-1]
    after = line.folded[mention.span.end :].split("\t", 1)[0]
    if what == "document" and len(before) <= 45 and len(after.strip(" .,")) <= 12:
        score += 1.5
    elif not before.strip(" -–.:,") and not after.strip(" -–.,"):
        score += 1.0
    place = line.number / total
    score += 0.5 if place < 0.45 or place > 0.9 else 0.0
    return score
