"""Which rows count as not read."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from pipeline.extraction.evidence import TextLine, evidence, thresholds
from pipeline.model import State, Value

NOT_READ = "Écriture non lue : à saisir d'après le document."
STRUCK = "Ligne barrée sur le document."


def unread_rows(lines: Sequence[TextLine]) -> tuple[Value[str], ...]:
    """Rows whose words are, in the median, read with less than the least confidence of text."""
    limit = thresholds()["text"].unread
    rows: list[Value[str]] = []
    for line in lines:
        if sum(character.isalnum() for character in line.text) < 3 and not line.struck:
            continue
        confidence = statistics.median(token.word.confidence for token in line.tokens)
        if confidence < limit or line.struck:
            rows.append(
                Value[str](
                    value=None,
                    state=State.UNREAD,
                    confidence=round(confidence, 4),
                    evidence=evidence((line.span(),), "unread.row"),
                    reasons=(STRUCK if line.struck else NOT_READ,),
                )
            )
    return tuple(rows)
