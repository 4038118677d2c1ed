"""Letterheads that run down the left margin of a page, with what was written to their right."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

from pipeline.model import Box

_FEWEST = 5  # lines of a letterhead that is told from a row or two that happen to be short
_BESIDE = 3  # lines that stand to its right
_WIDEST = 0.45  # of the width that is written on
_ALONG = 0.5  # of its height that has something beside it

_LETTERHEAD = re.compile(
    r"(?<![a-z])(?:dr|docteur|pr|professeur|medecine?|sage-femme|tel|telephone|secretariat|rpps|"
    r"r\.p\.p\.s|adeli|finess|n° am|cabinet|rue|avenue|place|boulevard|consultations|urgences)"
    r"(?![a-z])|(?<!\d)\d{5}\s+[a-z]"
)
# What is said of a patient or prescribed, and no letterhead holds.
_BODY = re.compile(
    r"\d\s?(?:mg|g|µg|ml|ui|%|cp|kg|cm|mmhg|sa)(?![a-z])|"
    r"(?<![a-z])(?:mme|madame|mr|monsieur|patiente?|nee? le|ddn|ordonnance|prescriptions?|"
    r"certificat|consultation|grossesse|examens?|motif|antecedents|allergies?|traitement|bilan|"
    r"comprimes?|gelules?)(?![a-z])"
)


def margin_column(lines: Sequence[tuple[str, Box]]) -> frozenset[int]:
    """Which lines of a page, given with their folded text and their place on the level page, are
    those of a letterhead down its left margin; none where it has no such column.

    The rows to the right of one have nothing to do with those of the letterhead that happen to be
    level with them. Such a column is narrow, nothing crosses its edge, and it says who writes and
    nothing of what is written.
    """
    if not lines:
        return frozenset()
    begin = min(box.x for _, box in lines)
    widest = _WIDEST * (max(box.right for _, box in lines) - begin)
    height = statistics.median(box.height for _, box in lines)
    edges = sorted({box.right for _, box in lines if box.right - begin <= widest}, reverse=True)
    for edge in edges:
        column = [i for i, (_, box) in enumerate(lines) if box.right <= edge]
        if len(column) < _FEWEST:
            break
        if _is_margin(lines, column, edge + height / 2):
            return frozenset(column)
    return frozenset()


def _is_margin(lines: Sequence[tuple[str, Box]], column: Sequence[int], edge: float) -> bool:
    top = min(lines[i][1].y for i in column)
    bottom = max(lines[i][1].bottom for i in column)
    own = set(column)
    beside = [
        (text, box)
        for i, (text, box) in enumerate(lines)
        if i not in own and box.bottom > top and box.y < bottom
    ]
    if len(beside) < _BESIDE or any(box.x < edge for _, box in beside):
        return False
    along = min(bottom, max(box.bottom for _, box in beside))
    along -= max(top, min(box.y for _, box in beside))
    said = [lines[i][0] for i in column]
    return (
        along >= _ALONG * (bottom - top)
        and sum(_LETTERHEAD.search(text) is not None for text in said) >= 2
        and not any(_BODY.search(text) for text in said)
        and any(_BODY.search(text) for text, _ in beside)
    )
