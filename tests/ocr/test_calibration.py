"""From scores to probabilities."""

from __future__ import annotations

import itertools

import pytest

from pipeline.ocr import calibration

ENGINES = ("tesseract", "rapidocr", "by_hand")


@pytest.mark.parametrize("engine", ENGINES)
def test_curves_rise_and_never_reach_certainty(engine: str) -> None:
    curve = calibration.curve(engine)
    assert len(curve.weights) == len(curve.features)
    assert len(curve.scores) == len(curve.probabilities)
    for before, after in itertools.pairwise(curve.scores):
        assert before < after
    for before, after in itertools.pairwise(curve.probabilities):
        assert before <= after
    assert 0 < curve.probabilities[0] < curve.probabilities[-1] < 1
    assert curve.fitted


@pytest.mark.parametrize("engine", ["tesseract", "rapidocr"])
def test_a_surer_word_is_likelier_right(engine: str) -> None:
    curve = calibration.curve(engine)

    def probability(score: float) -> float:
        doubt = calibration.doubt(score)
        rest = [0.0] * (len(curve.features) - 3)
        return curve((doubt, doubt, doubt, *rest))

    steps = [probability(score) for score in (0.2, 0.6, 0.9, 0.97, 0.999)]
    assert steps == sorted(steps)
    assert steps[-1] > 0.95
    assert steps[0] < 0.5


def test_doubt_tells_high_probabilities_apart() -> None:
    assert calibration.doubt(0.0) == 0
    assert calibration.doubt(0.999) - calibration.doubt(0.99) > 2
    assert calibration.doubt(1.0) < 10
