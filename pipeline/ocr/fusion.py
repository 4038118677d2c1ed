"""Where two engines read the same ink: which reading stands, and how sure it is now.

Agreement of engines is the best evidence there is. With the calibrated probabilities p and q of
two readings that differ, Bayes' rule under independent errors gives p(1 − q) over all cases in
which not both are right. Readings that agree would be right with 1 − (1 − p)(1 − q), were their
errors independent; but a stroke that was cut off misleads both, so that the lesser engine counts
by its square root only (measured on real pages). Words keep the places that the surer line gives
them.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence

from rapidfuzz.distance import Levenshtein

from pipeline.model import Alternative, Box, Line, Word

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


def fused(first: Line, second: Line, whole: bool = True) -> Line:
    """The surer of two readings of one line, weighed word by word against the other.

    A word of the other line that stands in the place of one, and is surer, takes that place; where
    `second` is not the `whole` line, `first` stands but for such words. `note` says which engine
    won and why; what the other read stands as an alternative of source engine.
    """
    one, two = certainty(first), certainty(second)
    if _squeezed(first) == _squeezed(second) != "":
        fuller = len(first.words) >= len(second.words)
        return _confirmed(first, two) if fuller else _confirmed(second, one)
    winner, loser = (first, second) if one >= two or not whole else (second, first)
    if not loser.words:
        return winner
    won, lost = certainty(winner), certainty(loser)
    why = "lecture plus sûre" if won >= lost else "ligne lue en entier"
    notes = [f"{winner.engine} ({won:.2f}) plutôt que {loser.engine} ({lost:.2f}) : {why}"]
    words = list(winner.words)
    taken = [word.text for word in words]
    for place, other in _paired(winner.words, loser.words):
        words[place] = weighed(words[place], other, winner.engine, loser.engine)
        if words[place].text != taken[place]:
            notes.append(f"« {other.text} » : {loser.engine}")
    engine = winner.engine if len(notes) == 1 else f"{winner.engine} + {loser.engine}"
    return winner.model_copy(
        update={"words": tuple(words), "note": " ; ".join(notes), "engine": engine}
    )


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


def _paired(words: Sequence[Word], others: Sequence[Word]) -> Iterator[tuple[int, Word]]:
    """Each word's place, and the word of `others` that is about the same ink."""
    texts, other_texts = [w.text for w in words], [w.text for w in others]
    for block in Levenshtein.opcodes(texts, other_texts):
        count = block.src_end - block.src_start
        if block.tag != "equal" and count != block.dest_end - block.dest_start:
            continue
        for step in range(count):
            place, other = block.src_start + step, others[block.dest_start + step]
            if _same_place(words[place].box, other.box):
                yield place, other


def _same_place(one: Box, other: Box) -> bool:
    """Whether two boxes reach over the same stretch of a row, more or less."""
    shared = min(one.right, other.right) - max(one.x, other.x)
    return shared > 0.5 * max(one.width, other.width)


def weighed(word: Word, other: Word, engine: str, other_engine: str) -> Word:
    """The surer of two readings of one word, with the probability and the alternatives that it
    has beside the other. Signs at a word's end are no contradiction, nor are case and accents."""
    if word.confidence < other.confidence:
        word, other, other_engine = other, word, engine
    if word.text == other.text or _bare(word) == _bare(other) != "":
        sure = agreed(word.confidence, other.confidence)
        return word.model_copy(update={"confidence": sure})
    left = word.confidence
    if _plain(word) != _plain(other):
        left = contradicted(word.confidence, other.confidence)
    rival = Alternative(
        text=other.text,
        confidence=contradicted(other.confidence, word.confidence),
        source=other_engine,
    )
    rest = tuple(one for one in word.alternatives if one.text != other.text)
    ranked = sorted((rival, *rest), key=lambda one: -one.confidence)
    return word.model_copy(update={"confidence": left, "alternatives": tuple(ranked)})


def _bare(word: Word) -> str:
    return word.text.rstrip(".,;:")


def _plain(word: Word) -> str:
    letters = unicodedata.normalize("NFD", _bare(word).casefold().replace("×", "x"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
