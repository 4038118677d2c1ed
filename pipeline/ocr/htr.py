"""The handwriting engine: one line image in, words with calibrated confidences out.

The network and its companions lie in `pipeline/ocr/weights` (see MODEL_CARD.md there):
`handwriting.onnx`, the character language model `language.npz` and `calibration.json`.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from pipeline.model import Alternative, State
from pipeline.ocr import networks
from pipeline.ocr.decoding import (
    CLASS_OF,
    SPACE,
    Candidate,
    Hypothesis,
    LanguageModel,
    Lexicon,
    LogProbs,
    Weights,
    align,
    beam_search,
    folded,
    greedy,
    likelihoods,
)
from pipeline.ocr.engine import Span, Transcription
from pipeline.ocr.ink import SIDE, fitted, ink_of, network_input
from pipeline.ocr.symbols import STRUCK
from pipeline.raster import Pixels

if TYPE_CHECKING:
    import onnxruntime

VERSION = "1.3"
WEIGHTS = Path(__file__).parent / "weights"
DOWNSAMPLING = 8
"""Columns of the network's input per time step."""
TWINS = {"1": "Il|!", "0": "Oo"}
"""Letters and signs that many hands write exactly as a figure."""
SIGNS = ".,;:"
"""What may be lost at the end of a word without another word being read."""
NEAR = 0.7
"""How like a name the pieces of a word must be, put together, to be taken for it."""
DISPUTED = 0.5
"""Most confidence in a figure that reads otherwise without the language model."""
LEAST = -20.0
"""Log probability of what cannot stand somewhere."""
LONGEST = 4000
"""Widest network input in pixels; longer lines are squeezed."""


@dataclass(frozen=True)
class Curve:
    """A logistic score made monotone: features · weights + bias, then linear between knots."""

    weights: tuple[float, ...]
    bias: float
    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, features: Sequence[float]) -> float:
        score = self.bias + sum(w * f for w, f in zip(self.weights, features, strict=True))
        return float(np.interp(score, self.scores, self.probabilities))


@dataclass(frozen=True)
class Calibration:
    """What was fitted on the development lines, by `pipeline.training.calibration`.

    `temperature` softens the posteriors; `word` maps a word's features to the probability that it
    is right; `none` is by how many nats a name must be preferred to "in no lexicon", `name` maps
    a name's features likewise; `sure` and `unread` are the probabilities from which a name is
    sure and below which it is unread.
    """

    temperature: float
    decoding: Weights
    word: Curve
    none: float
    name: Curve
    sure: float
    unread: float

    @classmethod
    def load(cls, path: Path) -> Calibration:
        stored = json.loads(path.read_text(encoding="utf-8"))
        curves = {
            key: Curve(
                tuple(stored[key]["weights"]),
                stored[key]["bias"],
                tuple(stored[key]["scores"]),
                tuple(stored[key]["probabilities"]),
            )
            for key in ("word", "name")
        }
        return cls(
            temperature=stored["temperature"],
            decoding=Weights(**stored["decoding"]),
            none=stored["none"],
            sure=stored["sure"],
            unread=stored["unread"],
            **curves,
        )


@dataclass(frozen=True)
class Name:
    """A word weighed against a lexicon on the lattice.

    `state` is sure, doubtful (with up to five `candidates`, best first) or unread;
    `confidence` the calibrated probability of the first candidate. `known` is false where "in no
    lexicon" explains the ink better than any name.
    """

    state: State
    confidence: float
    candidates: tuple[Alternative, ...]
    known: bool


@dataclass(frozen=True)
class Slot:
    """A word of a decoded line on the lattice: text, symbol positions, time steps (end exclusive),
    the share of the beam that agrees, and other readings with their shares."""

    text: str
    spans: npt.NDArray[np.intp]
    start: int
    end: int
    share: float
    others: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Lattice:
    """What the network sees in a line image of `width` pixels.

    `log_probs` is (time, classes); time step t covers columns `t · columns − offset` onwards of
    the line image.
    """

    log_probs: LogProbs
    columns: float
    offset: float
    width: int

    def column(self, step: float) -> float:
        """The column of the line image where a time step begins, within the image."""
        return min(max(step * self.columns - self.offset, 0.0), float(self.width))


@dataclass(frozen=True)
class Reading:
    """A line as read, with the lattice and the words' places on it, for later steps to score
    against. `decoded` and `greedy` mark struck words with `STRUCK`."""

    transcription: Transcription
    greedy: str
    decoded: str
    lattice: Lattice
    slots: tuple[Slot, ...]


class HandwritingRecogniser:
    """Implements `pipeline.ocr.engine.Recogniser`. Loaded once a process: see `recogniser()`."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._weights = weights

    def load(self) -> None:
        """Load all that a first line by hand would: most print has none and needs none of it.

        Raises `SetupError` or `OSError` when weights are missing, `ValueError` for damaged ones.
        """
        _ = self._session, self.model, self.calibration

    @functools.cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        return networks.session(self._weights / "handwriting.onnx")

    @functools.cached_property
    def model(self) -> LanguageModel:
        """The character language model."""
        return LanguageModel.load(self._weights / "language.npz")

    @functools.cached_property
    def calibration(self) -> Calibration:
        """How scores become probabilities."""
        return Calibration.load(self._weights / "calibration.json")

    @property
    def name(self) -> str:
        return f"reprise-htr {VERSION}"

    def recognise(
        self, lines: Sequence[Pixels], lexicon: Sequence[str] = ()
    ) -> tuple[Transcription, ...]:
        """One transcription for each grey line image (height, width), in order.

        With a `lexicon` of names, its words are weighed against the lattice and the likely ones
        offered as alternatives of source `lexicon`; what was read is never rewritten.
        """
        known = word_lexicon(tuple(lexicon)) if lexicon else None
        return tuple(self.read(line, known).transcription for line in lines)

    def look(self, grey: Pixels) -> Lattice:
        """What the network sees in one grey line image, dark ink on light paper."""
        ink = fitted(ink_of(grey))
        stretch = (ink.shape[1] - 2 * SIDE) / grey.shape[1]
        values = network_input(ink[:, :LONGEST])
        block = np.broadcast_to(values, (1, 3, *values.shape)).astype(np.float32)
        (probabilities,) = self._session.run(None, {"x": block})
        log_probs = np.log(np.maximum(probabilities[0], 1e-9)) / self.calibration.temperature
        log_probs -= np.logaddexp.reduce(log_probs, axis=-1, keepdims=True)
        return Lattice(
            log_probs.astype(np.float32), DOWNSAMPLING / stretch, SIDE / stretch, grey.shape[1]
        )

    def decode(self, log_probs: LogProbs) -> list[Hypothesis]:
        """Readings of a line with the language model, best first."""
        return beam_search(log_probs, self.model, self.calibration.decoding)

    def read(self, grey: Pixels, lexicon: Lexicon | None = None) -> Reading:
        """Reads one grey line image, dark ink on light paper."""
        return self.interpret(self.look(grey), lexicon)

    def interpret(self, lattice: Lattice, lexicon: Lexicon | None = None) -> Reading:
        """Words, confidences and alternatives of a line that the network has seen."""
        hypotheses = self.decode(lattice.log_probs)
        slots = slots_of(lattice.log_probs, hypotheses)
        if lexicon is not None:
            slots = self._mended(with_twins(lattice.log_probs, slots), slots, lexicon)
        seen = replace(lattice, log_probs=with_twins(lattice.log_probs, slots))
        return Reading(
            Transcription(tuple(self._span(seen, slot, lexicon) for slot in slots)),
            greedy(lattice.log_probs),
            " ".join(slot.text for slot in slots),
            lattice,
            slots,
        )

    def _mended(
        self, log_probs: LogProbs, slots: Sequence[Slot], lexicon: Lexicon
    ) -> tuple[Slot, ...]:
        """The words of a line, two or three that are the pieces of one known name as one.

        Spaced capitals and script hands look like several words: `KARDE GIC`. The letters stay as
        they were read.
        """
        result: list[Slot] = []
        place = 0
        while place < len(slots):
            for count in (3, 2, 1):
                pieces = slots[place : place + count]
                whole = _together(pieces) if len(pieces) == count > 1 else None
                if whole is not None and self._is_name(log_probs, whole, pieces, lexicon):
                    break
            result.append(whole or slots[place])
            place += count
        return tuple(result)

    def _is_name(
        self, log_probs: LogProbs, whole: Slot, pieces: Sequence[Slot], lexicon: Lexicon
    ) -> bool:
        """Whether a word put together from `pieces` is a known name rather than any other word, and
        more like one than each piece is."""
        likeness = _likeness(whole.text, lexicon)
        if likeness < NEAR or any(_likeness(one.text, lexicon) >= likeness for one in pieces):
            return False
        return self.name_of(log_probs, whole, lexicon).known

    def _span(self, lattice: Lattice, slot: Slot, lexicon: Lexicon | None) -> Span:
        log_probs = lattice.log_probs
        confidence = self.calibration.word(word_features(log_probs, slot, self.model))
        kept = [place for place, symbol in enumerate(slot.text) if symbol != STRUCK]
        text = "".join(slot.text[place] for place in kept)
        shown = symbol_posteriors(log_probs, slot)
        rest = (1 - confidence) / max(sum(share for _, share in slot.others), 1e-9)
        alternatives = [
            Alternative(text=other, confidence=min(1.0, share * rest), source=self.name)
            for other, share in slot.others[:5]
            if other and STRUCK not in other
        ]
        seen = greedy(log_probs[slot.start : slot.end])
        if seen != slot.text and any(map(str.isdigit, seen + text)):
            # The language model may mend a word, never a figure: both readings are shown.
            confidence = min(confidence, DISPUTED)
            alternatives = [a for a in alternatives if a.text != seen]
            if seen and STRUCK not in seen:
                alternatives.insert(
                    0, Alternative(text=seen, confidence=DISPUTED, source=self.name)
                )
        if lexicon is not None and nameable(text):
            name = self.name_of(log_probs, slot, lexicon)
            if name.known:
                alternatives = list(name.candidates) + alternatives
                if name.candidates[0].text.casefold() == text.casefold():
                    confidence = max(confidence, name.confidence)
        return Span(
            text=text,
            start=lattice.column(slot.start),
            end=lattice.column(slot.end),
            confidence=confidence if len(kept) == len(slot.text) or not kept else 0.0,
            characters=tuple(shown[place] for place in kept),
            alternatives=tuple(alternatives),
            struck=not kept,
        )

    def name_of(self, log_probs: LogProbs, slot: Slot, lexicon: Lexicon) -> Name:
        """A word weighed against a lexicon, with "in no lexicon" as a candidate that can win."""
        features, ranked, none = name_features(log_probs, slot, lexicon, self.calibration.none)
        confidence = self.calibration.name(features) if ranked else 0.0
        top = ranked[:5]
        if not top:
            return Name(State.UNREAD, 0.0, (), known=False)
        known = top[0].score > none
        shares = np.exp(np.array([candidate.score for candidate in top]) - top[0].score)
        others = (1 - confidence) * shares / max(float(shares[1:].sum()), 1e-9)
        candidates = tuple(
            Alternative(
                text=candidate.form,
                confidence=confidence if place == 0 else min(confidence, float(others[place])),
                source="lexicon",
            )
            for place, candidate in enumerate(top)
        )
        if confidence >= self.calibration.sure and known:
            return Name(State.SURE, confidence, candidates, known)
        state = State.UNREAD if confidence < self.calibration.unread else State.DOUBTFUL
        return Name(state, confidence, candidates, known)


@functools.cache
def recogniser() -> HandwritingRecogniser:
    """The engine with the weights of this package, loaded once a process."""
    return HandwritingRecogniser()


@functools.lru_cache(maxsize=4)
def word_lexicon(names: tuple[str, ...]) -> Lexicon:
    """The words of four letters and more that occur in names."""
    words = {word for name in names for word in name.split() if nameable(word)}
    return Lexicon(sorted(words))


def nameable(text: str) -> bool:
    """Whether a word may be weighed against a lexicon: four letters and more, no digit. Figures
    are read, never looked up."""
    return sum(map(str.isalpha, text)) >= 4 and not any(map(str.isdigit, text))


def slots_of(log_probs: LogProbs, hypotheses: Sequence[Hypothesis]) -> tuple[Slot, ...]:
    """The words of the best hypothesis with their places and what the other hypotheses say."""
    if not hypotheses or not hypotheses[0].text:
        return ()
    text = hypotheses[0].text
    spans = align(log_probs, text)
    totals = np.array([hypothesis.total for hypothesis in hypotheses])
    shares = np.exp(totals - totals.max())
    shares /= shares.sum()
    words = text.split(" ")
    agreed: list[float] = [0.0] * len(words)
    others: list[dict[str, float]] = [{} for _ in words]
    for hypothesis, share in zip(hypotheses, shares.tolist(), strict=True):
        read = hypothesis.text.split(" ")
        for block in Levenshtein.opcodes(words, read):
            length = block.src_end - block.src_start
            if block.tag == "equal":
                for place in range(block.src_start, block.src_end):
                    agreed[place] += share
            elif block.tag == "replace" and length == block.dest_end - block.dest_start:
                for step in range(length):
                    other = read[block.dest_start + step]
                    if _alike(words[block.src_start + step], other):
                        agreed[block.src_start + step] += share
                        continue
                    found = others[block.src_start + step]
                    found[other] = found.get(other, 0.0) + share
    slots, place = [], 0
    for number, word in enumerate(words):
        first, last = place, place + len(word) - 1
        place = last + 2
        # A word's window reaches from the space before it to the space after it.
        start = int(spans[first - 1, 1]) + 1 if first else 0
        end = int(spans[last + 1, 0]) if last + 1 < len(text) else len(log_probs)
        ranked = sorted(others[number].items(), key=lambda item: -item[1])
        own = spans[first : last + 1]
        slots.append(
            Slot(word, own, min(start, int(own[0, 0])), end, agreed[number], tuple(ranked))
        )
    return tuple(slots)


def _together(pieces: Sequence[Slot]) -> Slot | None:
    """Words of a line as one; None where one is no piece of a word."""
    if not all(piece.text.isalpha() for piece in pieces[:-1]):
        return None
    text = "".join(piece.text for piece in pieces)
    if not pieces[-1].text.rstrip(SIGNS).isalpha() or not nameable(text):
        return None
    share = min(piece.share for piece in pieces)
    spans = np.concatenate([piece.spans for piece in pieces])
    return Slot(text, spans, pieces[0].start, pieces[-1].end, share, ())


def _likeness(text: str, lexicon: Lexicon) -> float:
    """How like a text is to the nearest name, 1 for the same."""
    text = text.rstrip(SIGNS)
    near = lexicon.nearest(text, 1)
    return Levenshtein.normalized_similarity(text.casefold(), near[0].casefold()) if near else 0.0


def _alike(word: str, other: str) -> bool:
    """Whether `other` is `word` but for case, signs at its end and letters written as figures."""
    word, other = word.rstrip(SIGNS), other.rstrip(SIGNS)
    return len(word) == len(other) and all(
        one.casefold() == two.casefold() or two in TWINS.get(one, "")
        for one, two in zip(word, other, strict=True)
    )


def _twins(symbol: str) -> str:
    return TWINS.get(symbol, symbol.swapcase() if symbol.isalpha() else "")


def with_twins(log_probs: LogProbs, slots: Sequence[Slot]) -> LogProbs:
    """Posteriors in which each symbol that was read has those of its twins as well: letters have
    their other case, figures the letters that are written alike.

    Where the language model says that a figure stands, a bare stroke is a 1 and not an I: which
    of two figures it is, nobody guesses.
    """
    result = log_probs.copy()
    for slot in slots:
        last = slot.start - 1
        for place, (symbol, (first, end)) in enumerate(
            zip(slot.text, slot.spans.tolist(), strict=True)
        ):
            twins = [CLASS_OF[twin] for twin in _twins(symbol) if twin in CLASS_OF]
            if twins:
                following = slot.spans[place + 1, 0] if place + 1 < len(slot.text) else slot.end
                steps = slice(max(last + 1, first - 1), min(int(following), end + 2))
                own = CLASS_OF[symbol]
                result[steps, own] = np.logaddexp.reduce(result[steps][:, [own, *twins]], axis=1)
                result[steps, twins] = LEAST
            last = end
    return result


def symbol_posteriors(log_probs: LogProbs, slot: Slot) -> list[float]:
    """The highest posterior of each symbol of a word within its own time steps."""
    return [
        float(np.exp(log_probs[first : last + 1, CLASS_OF[symbol]].max()))
        for symbol, (first, last) in zip(slot.text, slot.spans.tolist(), strict=True)
    ]


def word_features(log_probs: LogProbs, slot: Slot, model: LanguageModel) -> list[float]:
    """What speaks for a word: log odds of its share of the beam, its least and mean symbol
    posterior (log), its likelihood in its window against the greedy reading there, the language
    model's mean log probability of it as a word alone, and its length."""
    shown = np.log(np.maximum(symbol_posteriors(log_probs, slot), 1e-4))
    share = min(max(slot.share, 1e-3), 1 - 1e-3)
    window = log_probs[slot.start : slot.end]
    best = greedy(window)
    texts = [slot.text, best] if best else [slot.text]
    scores = likelihoods(window, texts)
    history, total = CLASS_OF[" "], 0.0
    for symbol in slot.text:
        number = CLASS_OF[symbol]
        total += max(float(model.scores(history)[folded(number)]), -9.0)
        history = model.extended(history, number)
    length = len(slot.text)
    return [
        math.log(share / (1 - share)),
        float(shown.min()),
        float(shown.mean()),
        float(np.clip(scores[0] - scores[-1], -10, 10)),
        total / length,
        math.log(length),
    ]


def name_features(
    log_probs: LogProbs, slot: Slot, lexicon: Lexicon, none: float
) -> tuple[list[float], list[Candidate], float]:
    """Features of the best name for a word, the names best first, and the score that "in no
    lexicon" reaches.

    "In no lexicon" scores as the best free reading of the window, less `none` nats for the many
    strings it could have been.
    """
    window = log_probs[slot.start : slot.end].copy()
    window[:, SPACE] = LEAST
    free = [text for text in dict.fromkeys((slot.text, greedy(window))) if text]
    ranked = lexicon.candidates(window, free)
    best_free = float(likelihoods(window, free).max())
    open_score = best_free - none
    if not ranked:
        return [], [], open_score
    margin = ranked[0].score - (ranked[1].score if len(ranked) > 1 else ranked[0].score - 20)
    steps = max(len(slot.text), 1)
    gap = max(best_free - ranked[0].score, 0.0)
    features = [
        min(margin, 15.0),
        max(-gap, -25.0),
        max(-gap / steps, -5.0),
        max(best_free / steps, -5.0),
        Levenshtein.normalized_similarity(slot.text.casefold(), ranked[0].form.casefold()),
    ]
    return features, ranked, open_score
