"""Fits the decoder's weights and the confidences: ``python -m pipeline.training.calibration``.

Words are fitted on the development lines (unflagged rows of the headline source); names on
synthetic prescription lines in fonts that trained nothing. Figures given for them are
cross-validated by writer (by font for names), so that no writer is measured by a curve that saw
him. Writes `calibration.json` beside the network.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from pipeline.evaluation.handwriting import (
    HEADLINE,
    Truth,
    calibration,
    grey_image,
    judged_words,
    truths,
)
from pipeline.ocr.decoding import LogProbs, Weights
from pipeline.ocr.htr import (
    WEIGHTS,
    Calibration,
    Curve,
    HandwritingRecogniser,
    name_features,
    nameable,
    slots_of,
    with_twins,
    word_features,
    word_lexicon,
)

Floats = npt.NDArray[np.float64]

FLAT = Curve((0.0,) * 6, 0.0, (-1.0, 1.0), (0.5, 0.5))
"""A curve that knows nothing, to start from."""
START = Calibration(1.0, Weights(), FLAT, 3.0, replace(FLAT, weights=(0.0,) * 5), 0.95, 0.2)


def logistic(features: Floats, right: Floats, ridge: float = 1e-2) -> tuple[Floats, float]:
    """Weights and bias of a logistic regression, by Newton's method."""
    mean, spread = features.mean(0), features.std(0) + 1e-9
    design = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        odds = 1 / (1 + np.exp(-design @ weights))
        curvature = design.T @ (design * (odds * (1 - odds) + 1e-6)[:, None])
        penalty = ridge * len(features) * np.append(np.ones(len(weights) - 1), 0) * 1e-1
        step = np.linalg.solve(
            curvature + np.diag(penalty + 1e-9), design.T @ (right - odds) - penalty * weights
        )
        weights += step
        if np.abs(step).max() < 1e-8:
            break
    scaled = weights[:-1] / spread
    return scaled, float(weights[-1] - scaled @ mean)


def isotonic(scores: Floats, right: Floats, least: int = 25) -> tuple[Floats, Floats]:
    """Knots of a monotone map from score to probability: pooled adjacent violators over groups of
    at least `least` words, each group's share drawn towards the whole by half a word."""
    order = np.argsort(scores, kind="stable")
    pooled: list[list[float]] = []  # lowest and highest score, right ones, size
    for part in np.array_split(order, max(2, len(order) // least)):
        mean = float(scores[part].mean())
        pooled.append([mean, mean, float(right[part].sum()) + 0.25, len(part) + 0.5])
        while len(pooled) > 1 and pooled[-2][2] / pooled[-2][3] >= pooled[-1][2] / pooled[-1][3]:
            _, highest, hits, size = pooled.pop()
            earlier = pooled[-1]
            earlier[1:] = [highest, earlier[2] + hits, earlier[3] + size]
    # A pool is as right at its lowest score as at its highest.
    knots = [
        (score, hits / size)
        for lowest, highest, hits, size in pooled
        for score in dict.fromkeys((lowest, highest))
    ]
    return np.array([score for score, _ in knots]), np.array([share for _, share in knots])


def fitted_curve(features: Floats, right: Floats) -> Curve:
    """A calibrated curve for features (n, k) and outcomes (n)."""
    weights, bias = logistic(features, right)
    scores, probabilities = isotonic(features @ weights + bias, right)
    return Curve(
        tuple(np.round(weights, 6).tolist()),
        round(bias, 6),
        tuple(np.round(scores, 4).tolist()),
        tuple(np.round(probabilities, 5).tolist()),
    )


def cross_validated(
    features: Floats, right: Floats, groups: Sequence[str], folds: int = 5
) -> tuple[Floats, float]:
    """Confidences of curves that did not see the group (writer), and their calibration error."""
    names = sorted(set(groups))
    fold_of = {name: place % folds for place, name in enumerate(names)}
    fold = np.array([fold_of[name] for name in groups])
    confidences = np.zeros(len(right))
    for place in range(min(folds, len(names))):
        test = fold == place
        curve = fitted_curve(features[~test], right[~test])
        confidences[test] = [curve(row) for row in features[test]]
    pairs = [(float(c), bool(r)) for c, r in zip(confidences, right, strict=True)]
    return confidences, float(calibration(pairs)["ece"])


Lattices = list[tuple[Truth, LogProbs]]


def lattices(
    folder: Path, engine: HandwritingRecogniser, keep: Callable[[Truth], bool]
) -> Lattices:
    """Posteriors of the rows of a folder that `keep` wants."""
    return [
        (row, engine.look(grey_image(row.file)).log_probs) for row in truths(folder) if keep(row)
    ]


def words_of(engine: HandwritingRecogniser, lines: Lattices) -> tuple[Floats, Floats, list[str]]:
    """Features of each decoded word, whether it is right, its writer."""
    features, right, writers = [], [], []
    for row, log_probs in lines:
        hypotheses = engine.decode(log_probs)
        slots = slots_of(log_probs, hypotheses)
        flags = judged_words([slot.text for slot in slots], row.text)
        log_probs = with_twins(log_probs, slots)
        for slot, good in zip(slots, flags, strict=True):
            features.append(word_features(log_probs, slot, engine.model))
            right.append(float(good))
            writers.append(row.writer)
    return np.array(features), np.array(right), writers


def counterparts(words: Sequence[str], truth: Sequence[str]) -> list[str]:
    """The true word that stands in the place of each word read, or nothing where words were cut
    or joined."""
    found = [""] * len(words)
    for block in Levenshtein.opcodes(words, truth):
        length = block.src_end - block.src_start
        if block.tag in ("equal", "replace") and length == block.dest_end - block.dest_start:
            found[block.src_start : block.src_end] = truth[block.dest_start : block.dest_end]
    return found


def names_of(
    engine: HandwritingRecogniser, lines: Lattices, names: Sequence[str]
) -> tuple[Floats, Floats, list[str]]:
    """Features of the best name for each word that may be one, whether the word is that name, the
    font. Words that are no name teach when to say so."""
    lexicon = word_lexicon(tuple(names))
    features, right, fonts = [], [], []
    for row, log_probs in lines:
        slots = slots_of(log_probs, engine.decode(log_probs))
        true = counterparts([slot.text for slot in slots], row.text.split(" "))
        for slot, word in zip(slots, true, strict=True):
            if not nameable(slot.text):
                continue
            found, ranked, _ = name_features(log_probs, slot, lexicon, engine.calibration.none)
            if ranked:
                features.append(found)
                right.append(float(ranked[0].name.casefold() == word.casefold().strip(".,;:()")))
                fonts.append(row.writer)
    return np.array(features), np.array(right), fonts


def threshold(confidences: Floats, right: Floats, precision: float) -> float:
    """The least confidence from which at least `precision` of the names are right."""
    order = np.argsort(-confidences)
    hits = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(hits >= precision)
    return float(confidences[order][good[-1]]) if good.size else 1.0


def stored(value: Calibration, notes: dict[str, Any]) -> str:
    curves = {
        key: {
            "weights": curve.weights,
            "bias": curve.bias,
            "scores": curve.scores,
            "probabilities": curve.probabilities,
        }
        for key, curve in (("word", value.word), ("name", value.name))
    }
    decoding = {"model": value.decoding.model, "length": value.decoding.length}
    plain = {
        "temperature": value.temperature,
        "decoding": decoding,
        "none": value.none,
        "sure": value.sure,
        "unread": value.unread,
    }
    return json.dumps(plain | curves | {"notes": notes}, indent=1) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Fit the confidences of the handwriting engine.")
    parser.add_argument("--dev", type=Path, required=True, help="folder of real lines")
    parser.add_argument("--names", type=Path, required=True, help="folder of synthetic name lines")
    parser.add_argument("--lexicon", type=Path, required=True, help="names, one a row")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--model", type=float, default=Weights.model)
    parser.add_argument("--length", type=float, default=Weights.length)
    parser.add_argument("--precision", type=float, default=0.997)
    options = parser.parse_args(argv)
    decoding = Weights(options.model, options.length)
    start = replace(START, temperature=options.temperature, decoding=decoding)
    target = options.weights / "calibration.json"
    target.write_text(stored(start, {}), encoding="utf-8")
    engine = HandwritingRecogniser(options.weights)

    real = lattices(options.dev, engine, lambda row: row.source == HEADLINE and not row.flags)
    features, right, writers = words_of(engine, real)
    _, word_error = cross_validated(features, right, writers)
    word = fitted_curve(features, right)

    names = options.lexicon.read_text(encoding="utf-8").split("\n")
    drawn = lattices(options.names, engine, lambda row: True)
    features, right, fonts = names_of(engine, drawn, names)
    confidences, name_error = cross_validated(features, right, fonts)
    name = fitted_curve(features, right)
    notes = {
        "words": len(writers),
        "word_ece_unseen_writers": word_error,
        "name_words": len(fonts),
        "name_ece_unseen_fonts": name_error,
    }
    value = replace(
        start,
        word=word,
        name=name,
        sure=max(0.95, threshold(confidences, right, options.precision)),
    )
    target.write_text(stored(value, notes), encoding="utf-8")


if __name__ == "__main__":
    main()
