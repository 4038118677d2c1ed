"""PP-OCR, with the weights that the RapidOCR package carries (Apache-2.0), as a line recogniser."""

from __future__ import annotations

import functools
import importlib.metadata
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.model import Alternative
from pipeline.ocr import calibration, networks
from pipeline.ocr.engine import Span, Transcription
from pipeline.raster import Pixels

HEIGHT = 48  # pixels: the network's input
STRETCH = 1.25  # hands are narrower than the print it was trained on
SIDE = 6  # pixels of paper added left and right

_LATIN = frozenset(
    "!\"#%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz|~"
    "£§«»°±²³µμ×÷½¼¾→≤≥€ÀÂÇÈÉÊËÎÏÔÙÛÜàâäçèéêëîïôöùûüŒœÆæ "
)
_PLAIN = str.maketrans({"μ": "µ", "（": "(", "）": ")", "，": ",", "：": ":"})

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Emission:
    """A character that the network put out: `column` in line pixels, `others` its rivals there."""

    symbol: str
    probability: float
    column: float
    others: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class RapidRecogniser:
    """The general recogniser: reads print well and hands somewhat."""

    name: str

    def recognise(
        self, lines: Sequence[Pixels], lexicon: Sequence[str] = ()
    ) -> tuple[Transcription, ...]:
        """Best path of each line image; the lexicon is not used."""
        return tuple(_transcription(tuple(emissions(line)), line.shape[0]) for line in lines)


@functools.cache
def recogniser() -> RapidRecogniser:
    """The recogniser under its name and version. Raises `SetupError` without its weights."""
    weights = networks.packaged("models/*rec*.onnx")
    return RapidRecogniser(f"rapidocr {importlib.metadata.version('rapidocr')} {weights.stem}")


@functools.cache
def _alphabet() -> tuple[npt.NDArray[np.intp], tuple[str, ...]]:
    """Output classes that stand for French characters (the blank first), and these characters."""
    metadata = networks.session(networks.packaged("models/*rec*.onnx")).get_modelmeta()
    symbols = ["", *metadata.custom_metadata_map["character"].splitlines(), " "]
    kept = [0, *(i for i, symbol in enumerate(symbols) if i and symbol in _LATIN)]
    return np.array(kept), tuple(symbols[i].translate(_PLAIN) for i in kept)


def emissions(line: Pixels) -> Iterator[Emission]:
    """Characters of a grey line image (height, width), from left to right."""
    values, scale = _network_input(line)
    network = networks.session(networks.packaged("models/*rec*.onnx"))
    kept, symbols = _alphabet()
    everything: Probabilities = network.run(None, {network.get_inputs()[0].name: values})[0][0]
    probabilities = everything[:, kept]
    step = values.shape[3] / len(probabilities)
    best = probabilities.argmax(axis=1)
    # Rival readings of a character are judged at its strongest frame.
    for start, stop in _runs(best):
        if best[start] == 0:
            continue
        peak = start + int(probabilities[start:stop, best[start]].argmax())
        frame = probabilities[peak]
        rivals = [i for i in np.argsort(-frame)[:4] if i not in (0, best[start])]
        yield Emission(
            symbol=symbols[best[start]],
            probability=float(frame[best[start]]),
            column=((start + stop) / 2 * step - SIDE) / scale,
            others=tuple((symbols[i], float(frame[i])) for i in rivals if frame[i] > 0.02),
        )


def _network_input(line: Pixels) -> tuple[npt.NDArray[np.float32], float]:
    """The network's (1, 3, 48, width) input, paper 1 and ink −1, and its pixels per column."""
    grey = line.astype(np.float32)
    paper, black = np.percentile(grey, 75), np.percentile(grey, 1)
    ink = np.clip((paper - grey) / max(float(paper - black), 25.0), 0, 1)
    width = max(16, round(line.shape[1] * HEIGHT / line.shape[0] * STRETCH))
    ink = cv2.resize(ink, (width, HEIGHT), interpolation=cv2.INTER_AREA)
    ink = np.pad(ink, ((0, 0), (SIDE, SIDE + -(width + 2 * SIDE) % 8)))
    values = np.repeat((1 - 2 * ink)[None, None], 3, axis=1).astype(np.float32)
    return values, width / line.shape[1]


def _runs(values: npt.NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Start and stop of each run of equal values."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1), len(values)]
    yield from itertools.pairwise(edges)


def _transcription(emitted: Sequence[Emission], height: int) -> Transcription:
    words = tuple(_words(emitted))
    certainty = [emission.probability for word in words for emission in word]
    line = sum(certainty) / max(len(certainty), 1)
    # A character alone has no neighbour to tell its width: that of the others on the line does.
    pitches = [pitch for word in words if (pitch := _pitch(word))]
    usual = float(np.median(pitches)) if pitches else height / 3
    return Transcription(tuple(_span(word, line, usual) for word in words))


def _pitch(word: Sequence[Emission]) -> float:
    """Mean distance of a word's characters, 0 for one alone."""
    return (word[-1].column - word[0].column) / max(len(word) - 1, 1)


def _words(emitted: Iterable[Emission]) -> Iterator[tuple[Emission, ...]]:
    word: list[Emission] = []
    for emission in emitted:
        if emission.symbol != " ":
            word.append(emission)
        elif word:
            yield tuple(word)
            word = []
    if word:
        yield tuple(word)


def _span(word: Sequence[Emission], line: float, pitch: float) -> Span:
    """A word; `line` is the mean probability of the characters of its line, `pitch` their usual
    distance in columns."""
    columns = [emission.column for emission in word]
    half = (_pitch(word) or pitch) / 2
    characters = tuple(emission.probability for emission in word)
    text = "".join(emission.symbol for emission in word)
    confidence = calibration.curve("rapidocr")(features(text, characters, line))
    alternatives = [
        Alternative(
            text=text[:i] + other + text[i + 1 :],
            confidence=(1 - confidence) * probability / max(1 - emission.probability, probability),
            source="rapidocr",
        )
        for i, emission in enumerate(word)
        for other, probability in emission.others
        if other != " "
    ]
    alternatives.sort(key=lambda alternative: -alternative.confidence)
    return Span(
        text=text,
        start=max(columns[0] - half, 0.0),
        end=columns[-1] + half,
        confidence=confidence,
        characters=characters,
        alternatives=tuple(alternatives[:3]),
    )


def features(text: str, characters: Sequence[float], line: float) -> tuple[float, ...]:
    """What the probability of a word is told from: its characters' probabilities and the mean of
    those of its line."""
    return (
        calibration.doubt(float(np.prod(characters))),
        calibration.doubt(min(characters)),
        calibration.doubt(line),
        float(any(map(str.isdigit, text))),
        math.log(len(text)),
        float(not any(map(str.isalnum, text))),
    )
