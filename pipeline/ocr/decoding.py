"""From CTC posteriors to text: beam search with a character language model, and known names
scored on the lattice itself.

Everything works on `log_probs`, the natural logarithms of the network's posteriors (time,
classes), blank first, then :data:`pipeline.ocr.symbols.SYMBOLS`. Confidences that come from here
are not calibrated; :mod:`pipeline.ocr.htr` does that.

Sources of the methods: CTC and its forward algorithm, Graves et al., ICML 2006; prefix beam
search with a language model, Hannun et al., arXiv:1408.2873.
"""

from __future__ import annotations

import math
import string
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from pipeline.ocr.symbols import SYMBOLS

LogProbs = npt.NDArray[np.float32]

BLANK = 0
CLASS_OF = {symbol: number for number, symbol in enumerate(SYMBOLS, start=1)}
SPACE = CLASS_OF[" "]
BOUNDARY = 255
"""The language model's symbol for the start and the end of a line."""

_NEVER = -1e30
_ZERO = CLASS_OF["0"]
_FOLDED = np.arange(256, dtype=np.uint64)
_FOLDED[[CLASS_OF[digit] for digit in string.digits]] = _ZERO


def folded(number: int) -> int:
    """A class as the language model sees it: one class for all ten digits.

    The model may say that a digit follows, never which one: a dose is read, not guessed.
    """
    return int(_FOLDED[number])


class LanguageModel:
    """A back-off character n-gram model of order 8 at most.

    An n-gram is a 64-bit number, one byte a symbol, the latest symbol lowest. `keys` are sorted;
    `costs` and `backoffs` are −16 times the natural logarithms, in bytes.
    """

    def __init__(
        self,
        keys: npt.NDArray[np.uint64],
        costs: npt.NDArray[np.uint8],
        backoffs: npt.NDArray[np.uint8],
        order: int,
    ) -> None:
        self._keys = array("Q")
        self._keys.frombytes(np.ascontiguousarray(keys).data.cast("B"))
        self._last = (keys & np.uint64(255)).astype(np.uint8)
        # A byte's sixteenths are exact in two bytes; in four, a process would need 20 MB more.
        self._scores = costs.astype(np.float16) / np.float16(-16)
        self._backoffs = backoffs.astype(np.float16) / np.float16(-16)
        self.order = order
        self._kept: dict[int, npt.NDArray[np.float32]] = {}
        self._unigrams = np.full(256, -16.0, np.float32)
        first = bisect_left(self._keys, 256)
        self._unigrams[self._last[:first]] = self._scores[:first]

    @classmethod
    def load(cls, path: Path) -> LanguageModel:
        """Reads a model written by `pipeline.training.language_model`."""
        with np.load(path) as stored:
            keys = stored["steps"]
            np.cumsum(keys, out=keys)
            return cls(keys, stored["costs"], stored["backoffs"], int(stored["order"]))

    def scores(self, history: int) -> npt.NDArray[np.float32]:
        """Log probabilities (256) of each folded class after a history made by `extended`."""
        known = self._kept.get(history)
        if known is not None:
            return known
        row = self._unigrams
        for length in range(1, self.order):
            if length > 1 and not history >> (8 * (length - 1)):
                break
            context = history & ((1 << (8 * length)) - 1)
            at = bisect_left(self._keys, context)
            if at < len(self._keys) and self._keys[at] == context:
                row = row + self._backoffs[at]
            elif length > 1 or row is self._unigrams:
                row = row.copy()
            start = bisect_left(self._keys, context << 8)
            end = bisect_left(self._keys, (context + 1) << 8, start)
            if start < end:
                row[self._last[start:end]] = self._scores[start:end]
        if len(self._kept) > 20_000:
            self._kept.clear()
        self._kept[history] = row
        return row

    def extended(self, history: int, number: int) -> int:
        """The history after one more class."""
        return ((history << 8) | folded(number)) & ((1 << (8 * (self.order - 1))) - 1)

    def log_probability(self, text: str) -> float:
        """Log probability of a whole line, its end included."""
        history, total = BOUNDARY, 0.0
        for symbol in text:
            number = CLASS_OF[symbol]
            total += float(self.scores(history)[folded(number)])
            history = self.extended(history, number)
        return total + float(self.scores(history)[BOUNDARY])


@dataclass(frozen=True)
class Hypothesis:
    """A reading of a whole line: log likelihood from the image, and with the language model."""

    text: str
    optical: float
    total: float


@dataclass(frozen=True)
class Weights:
    """How much the language model counts (`model`), what a symbol more is worth (`length`)."""

    model: float = 0.8
    length: float = 2.2


def greedy(log_probs: LogProbs) -> str:
    """The text of the likeliest class at each time step."""
    best = log_probs.argmax(-1)
    kept = best[np.flatnonzero(np.diff(best, prepend=-1))]
    return "".join(SYMBOLS[number - 1] for number in kept if number != BLANK).strip()


def _sum(a: float, b: float) -> float:
    """log(exp(a) + exp(b))"""
    if a < b:
        a, b = b, a
    return a if b <= _NEVER else a + math.log1p(math.exp(b - a))


def beam_search(
    log_probs: LogProbs,
    model: LanguageModel,
    weights: Weights = Weights(),
    width: int = 16,
    floor: float = -8.0,
    reach: float = 14.0,
) -> list[Hypothesis]:
    """The best readings of a line, best first.

    Classes below `floor` (log probability) are not tried at a time step; prefixes more than
    `reach` below the best are dropped.
    """
    # prefix → blank and non-blank log likelihood, language score, history, last class
    beams: dict[str, tuple[float, float, float, int, int]] = {"": (0.0, _NEVER, 0.0, BOUNDARY, 0)}
    for row in log_probs:
        numbers = np.flatnonzero(row > floor).tolist() or [int(row.argmax())]
        values = row.tolist()
        grown: dict[str, tuple[float, float, float, int, int]] = {}
        for prefix, (blank, other, score, history, last) in beams.items():
            both = _sum(blank, other)
            stays_blank, stays = _NEVER, _NEVER
            for number in numbers:
                value = values[number]
                if number == BLANK:
                    stays_blank = both + value
                    continue
                start = both
                if number == last:
                    stays = other + value
                    start = blank
                    if blank <= _NEVER:
                        continue
                longer = prefix + SYMBOLS[number - 1]
                found = grown.get(longer)
                if found is None:
                    kept = beams.get(longer)
                    if kept is None:
                        gain = float(model.scores(history)[folded(number)])
                        added = score + weights.model * gain + weights.length
                        after = model.extended(history, number)
                    else:
                        added, after = kept[2], kept[3]
                    grown[longer] = (_NEVER, start + value, added, after, number)
                else:
                    grown[longer] = (found[0], _sum(found[1], start + value), *found[2:])
            found = grown.get(prefix)
            if found is None:
                if stays_blank > _NEVER or stays > _NEVER:
                    grown[prefix] = (stays_blank, stays, score, history, last)
            else:
                merged = (_sum(found[0], stays_blank), _sum(found[1], stays))
                grown[prefix] = (*merged, score, history, last)
        ranked = sorted(
            ((_sum(state[0], state[1]) + state[2], prefix) for prefix, state in grown.items()),
            reverse=True,
        )[:width]
        beams = {prefix: grown[prefix] for value, prefix in ranked if value > ranked[0][0] - reach}
    readings: dict[str, Hypothesis] = {}
    for prefix, (blank, other, score, history, _) in beams.items():
        optical = _sum(blank, other)
        end = weights.model * float(model.scores(history)[BOUNDARY])
        text = " ".join(prefix.split())
        reading = Hypothesis(text, optical, optical + score + end)
        if text not in readings or readings[text].total < reading.total:
            readings[text] = reading
    return sorted(readings.values(), key=lambda reading: -reading.total)


# --- where a text stands in the lattice -----------------------------------------------------


def _states(numbers: Sequence[int]) -> npt.NDArray[np.intp]:
    """CTC states of a class sequence: blanks between and around."""
    states = np.zeros(2 * len(numbers) + 1, np.intp)
    states[1::2] = numbers
    return states


def align(log_probs: LogProbs, text: str) -> npt.NDArray[np.intp]:
    """First and last time step (inclusive) of each symbol of a text on its likeliest path, as
    (symbols, 2).

    Raises `ValueError` when the text has more symbols than there is time for.
    """
    numbers = [CLASS_OF[symbol] for symbol in text]
    if not numbers:
        return np.zeros((0, 2), np.intp)
    states = _states(numbers)
    steps, size = len(log_probs), len(states)
    skip = np.zeros(size, bool)
    skip[3::2] = states[3::2] != states[1:-2:2]
    score = np.full(size, _NEVER)
    score[:2] = log_probs[0, states[:2]]
    back = np.zeros((steps, size), np.int8)
    for step in range(1, steps):
        one = np.concatenate(([_NEVER], score[:-1]))
        two = np.where(skip, np.concatenate(([_NEVER, _NEVER], score[:-2])), _NEVER)
        choices = np.stack((score, one, two))
        back[step] = choices.argmax(0)
        score = choices.max(0) + log_probs[step, states]
    at = size - 1 if score[-1] >= score[-2] else size - 2
    if score[at] <= _NEVER / 2:
        raise ValueError("the text has more symbols than the line has time steps")
    spans = np.full((len(numbers), 2), -1, np.intp)
    for step in range(steps - 1, -1, -1):
        if at % 2:
            spans[at // 2, 0] = step
            if spans[at // 2, 1] < 0:
                spans[at // 2, 1] = step
        at -= int(back[step, at])
    return spans


def likelihoods(log_probs: LogProbs, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """CTC log likelihood of each text over the whole of `log_probs`."""
    if not texts:
        return np.zeros(0)
    longest = max(len(text) for text in texts)
    states = np.zeros((len(texts), 2 * longest + 1), np.intp)
    for place, text in enumerate(texts):
        states[place, 1 : 2 * len(text) : 2] = [CLASS_OF[symbol] for symbol in text]
    skip = np.zeros(states.shape, bool)
    skip[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    probabilities = np.exp(log_probs.astype(np.float64))
    score = np.zeros(states.shape)
    score[:, :2] = probabilities[0][states[:, :2]]
    scale = np.zeros(len(texts))
    for step in range(1, len(log_probs)):
        moved = score.copy()
        moved[:, 1:] += score[:, :-1]
        moved[:, 2:] += np.where(skip[:, 2:], score[:, :-2], 0)
        score = moved * probabilities[step][states]
        peak = np.maximum(score.max(1, keepdims=True), 1e-300)
        score /= peak
        scale += np.log(peak[:, 0])
    rows, ends = np.arange(len(texts)), np.array([2 * len(text) for text in texts])
    total = score[rows, ends] + np.where(ends > 0, score[rows, np.maximum(ends - 1, 0)], 0)
    return np.asarray(np.log(np.maximum(total, 1e-300)) + scale)


# --- names ----------------------------------------------------------------------------------

NEAREST = 150


@dataclass(frozen=True)
class Candidate:
    """A known name on the lattice: the form that fits best, its log likelihood."""

    name: str
    form: str
    score: float


class Lexicon:
    """Known names (drugs) to weigh against what stands on the page.

    `names` are kept as given; symbols that the recogniser lacks make a name unusable.
    """

    def __init__(self, names: Iterable[str]) -> None:
        usable = {name: None for name in names if name and all(c in CLASS_OF for c in name)}
        self.names = list(usable)
        self._folded = [name.casefold() for name in self.names]

    def nearest(self, text: str, count: int = NEAREST) -> list[str]:
        """The names nearest to a text by edit distance over length, without regard to case."""
        found = process.extract(
            text.casefold(),
            self._folded,
            scorer=Levenshtein.normalized_distance,
            limit=count,
        )
        return [self.names[place] for _, _, place in found]

    def candidates(self, log_probs: LogProbs, texts: Sequence[str]) -> list[Candidate]:
        """The names nearest to any of `texts`, scored on the lattice in their usual case forms,
        best first."""
        names = dict.fromkeys(name for text in texts for name in self.nearest(text))
        forms = [(name, form) for name in names for form in case_forms(name)]
        scores = likelihoods(log_probs, [form for _, form in forms])
        best: dict[str, Candidate] = {}
        for (name, form), score in zip(forms, scores.tolist(), strict=True):
            if name not in best or best[name].score < score:
                best[name] = Candidate(name, form, score)
        return sorted(best.values(), key=lambda candidate: -candidate.score)


def case_forms(name: str) -> list[str]:
    """Capitals, small letters, an initial capital, and an initial capital for each word."""
    forms = (name.upper(), name.lower(), name.capitalize(), name.title())
    return [form for form in dict.fromkeys(forms) if all(symbol in CLASS_OF for symbol in form)]
