"""Where two engines read the same ink: which reading stands, and how sure it is now.

Agreement of engines is the best evidence there is. With the calibrated probabilities p and q of
two readings that differ, Bayes' rule under independent errors gives p(1 − q) over all cases in
which not both are right. Readings that agree would be right with 1 − (1 − p)(1 − q), were their
errors independent; but a stroke that was cut off misleads both, so that the lesser engine counts
by its square root only (measured on real pages). What stands is never a mixture: a line is one
engine's or the other's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from pipeline.model import Alternative, Line, Word

_CERTAIN = 0.995
"""No reading of ink is surer than this, however many engines agree."""


def agreed(first: float, second: float) -> float:
    """Probability of a word that two engines read alike."""
    high, low = max(first, second), min(first, second)
    return max(min(1 - (1 - high) * math.sqrt(1 - low), _CERTAIN), high)


def contradicted(first: float, second: float) -> float:
    """Probability of the first reading of a word that a second engine reads otherwise."""
    only_first, only_second = first * (1 - second), second * (1 - first)
    neither = (1 - first) * (1 - second)
    return only_first / max(only_first + only_second + neither, 1e-9)


def certainty(line: Line) -> float:
    """Mean probability of a line's words, weighted by their length; 0 for an empty line."""
    length = sum(len(word.text) for word in line.words)
    return sum(word.confidence * len(word.text) for word in line.words) / max(length, 1)


def fused(first: Line, second: Line) -> Line:
    """The surer of two readings of one line, weighed word by word against the other.

    `note` says which engine won and why; the loser's words stand as alternatives of source
    engine.
    """
    one, two = certainty(first), certainty(second)
    if _squeezed(first) == _squeezed(second) != "":
        fuller = len(first.words) >= len(second.words)
        return _confirmed(first, two) if fuller else _confirmed(second, one)
    winner, loser = (first, second) if one >= two else (second, first)
    if not loser.words:
        return winner
    note = (
        f"{winner.engine} ({max(one, two):.2f}) plutôt que {loser.engine} ({min(one, two):.2f}) : "
        "lecture plus sûre"
    )
    words = _weighed(winner.words, loser.words, loser.engine)
    return winner.model_copy(update={"words": words, "note": note})


def _squeezed(line: Line) -> str:
    return "".join(word.text for word in line.words)


def _confirmed(line: Line, other: float) -> Line:
    """A line whose every character another engine reads alike, with certainty `other`; only that
    one's spaces may differ, and engines lose spaces rather than invent them."""
    words = tuple(
        word.model_copy(update={"confidence": agreed(word.confidence, other)})
        for word in line.words
    )
    return line.model_copy(update={"words": words})


def replaced(line: Line, start: int, stop: int, part: Line) -> Line:
    """`line` with words `start` to `stop` (exclusive) as they stand in `part`."""
    words = (*line.words[:start], *part.words, *line.words[stop:])
    if part.engine == line.engine:
        return line.model_copy(update={"words": words})
    engine = line.engine if part.engine in line.engine else f"{line.engine} + {part.engine}"
    note = "; ".join(filter(None, (line.note, f"« {part.text} » : {part.note}")))
    return line.model_copy(update={"words": words, "engine": engine, "note": note})


def _weighed(words: Sequence[Word], others: Sequence[Word], engine: str) -> tuple[Word, ...]:
    result = list(words)
    texts, other_texts = [w.text for w in words], [w.text for w in others]
    for block in Levenshtein.opcodes(texts, other_texts):
        count = block.src_end - block.src_start
        if block.tag != "equal" and count != block.dest_end - block.dest_start:
            continue
        for step in range(count):
            place = block.src_start + step
            result[place] = weighed(result[place], others[block.dest_start + step], engine)
    return tuple(result)


def weighed(word: Word, other: Word, engine: str) -> Word:
    """`word` with the probability and the alternatives it has beside another engine's reading."""
    if word.text == other.text:
        sure = agreed(word.confidence, other.confidence)
        return word.model_copy(update={"confidence": sure})
    left = contradicted(word.confidence, other.confidence)
    rival = Alternative(
        text=other.text,
        confidence=contradicted(other.confidence, word.confidence),
        source=engine,
    )
    rest = tuple(one for one in word.alternatives if one.text != other.text)
    ranked = sorted((rival, *rest), key=lambda one: -one.confidence)
    return word.model_copy(update={"confidence": left, "alternatives": tuple(ranked)})
