"""From an engine's own figures to the probability that a word is right.

The fit (`pipeline.training.reading`) and what it was made on stand in `calibration.json`.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence
from importlib import resources

import numpy as np
from pydantic import BaseModel, ConfigDict


class Curve(BaseModel):
    """The probability that a word is right: a logistic score, made monotone between knots.

    `features` name the inputs in order; `fitted` says on what, with how many words and what
    calibration error is left on pages that had no part in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float
    scores: tuple[float, ...]
    probabilities: tuple[float, ...]
    fitted: dict[str, str | int | float]

    def __call__(self, features: Sequence[float]) -> float:
        score = self.bias + sum(w * f for w, f in zip(self.weights, features, strict=True))
        return float(np.interp(score, self.scores, self.probabilities))


@functools.cache
def curve(engine: str) -> Curve:
    """The curve of an engine: `tesseract` or `rapidocr`."""
    text = resources.files(__package__).joinpath("calibration.json").read_text(encoding="utf-8")
    return Curve.model_validate(json.loads(text)[engine])


def doubt(probability: float) -> float:
    """How far an engine's figure between 0 and 1 is from certainty, on a scale that tells 0.99
    from 0.999: the negative logarithm of what is missing, 0 to 9."""
    return -math.log(min(max(1.0 - probability, 1e-4), 1.0))
