"""Decoding against brute force on lattices small enough to enumerate."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from pipeline.ocr.decoding import (
    BOUNDARY,
    CLASS_OF,
    LanguageModel,
    Lexicon,
    LogProbs,
    Weights,
    align,
    beam_search,
    case_forms,
    folded,
    greedy,
    likelihoods,
)
from pipeline.ocr.htr import WEIGHTS
from pipeline.ocr.symbols import STRUCK, SYMBOLS, normalised, transcription

CLASSES = len(SYMBOLS) + 1


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel.load(WEIGHTS / "language.npz")


def lattice(steps: int, letters: str, seed: int) -> LogProbs:
    """Random posteriors over blank and a few letters."""
    random = np.random.default_rng(seed)
    probabilities = np.full((steps, CLASSES), 1e-12)
    chosen = [0, *(CLASS_OF[letter] for letter in letters)]
    probabilities[:, chosen] = random.dirichlet(np.full(len(chosen), 0.6), steps)
    return np.asarray(np.log(probabilities), np.float32)


def written(text: str, steps: int = 3) -> LogProbs:
    """Posteriors of a text read without doubt, each symbol `steps` wide with a blank after it."""
    probabilities = np.full((len(text) * (steps + 1), CLASSES), 1e-6)
    for place, symbol in enumerate(text):
        start = place * (steps + 1)
        probabilities[start : start + steps, CLASS_OF[symbol]] = 1
        probabilities[start + steps, 0] = 1
    return np.asarray(np.log(probabilities / probabilities.sum(1, keepdims=True)), np.float32)


def enumerated(log_probs: LogProbs, letters: str) -> dict[str, float]:
    """Probability of each text, summed over every path."""
    chosen = [0, *(CLASS_OF[letter] for letter in letters)]
    found: dict[str, float] = {}
    for path in itertools.product(chosen, repeat=len(log_probs)):
        text = "".join(SYMBOLS[k - 1] for k, _ in itertools.groupby(path) if k)
        value = math.exp(sum(float(log_probs[step, k]) for step, k in enumerate(path)))
        found[text] = found.get(text, 0.0) + value
    return found


@pytest.mark.parametrize("seed", range(5))
def test_likelihoods_sum_over_all_paths(seed: int) -> None:
    log_probs = lattice(5, "abé", seed)
    truth = enumerated(log_probs, "abé")
    texts = [text for text in truth if truth[text] > 1e-9]
    assert np.allclose(np.exp(likelihoods(log_probs, texts)), [truth[t] for t in texts], rtol=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_beam_without_language_model_finds_the_likeliest_text(
    seed: int, model: LanguageModel
) -> None:
    log_probs = lattice(6, "ab", seed)
    truth = enumerated(log_probs, "ab")
    best = max(truth, key=lambda text: truth[text])
    readings = beam_search(log_probs, model, Weights(0.0, 0.0), width=64, floor=-30, reach=60)
    assert readings[0].text == best
    assert math.exp(readings[0].optical) == pytest.approx(truth[best], rel=1e-3)


def test_beam_ranks_by_both_image_and_language(model: LanguageModel) -> None:
    log_probs = written("le malade est venu")
    place = CLASS_OF["u"], CLASS_OF["n"]
    for step in range(len(log_probs)):
        if log_probs[step].argmax() == place[0]:
            log_probs[step, place[1]] = math.log(0.55)
            log_probs[step, place[0]] = math.log(0.45)
    assert greedy(log_probs) == "le malade est venn"
    assert beam_search(log_probs, model)[0].text == "le malade est venu"


@pytest.mark.parametrize("pair", ["12", "57", "09", "38"])
def test_language_model_never_prefers_one_digit_to_another(pair: str, model: LanguageModel) -> None:
    texts = [f"Doliprane {digit}00 mg matin et soir" for digit in pair]
    assert model.log_probability(texts[0]) == model.log_probability(texts[1])


def test_language_model_is_a_distribution(model: LanguageModel) -> None:
    folded_classes = sorted({folded(number) for number in CLASS_OF.values()} | {BOUNDARY})
    history = BOUNDARY
    for symbol in "Prendre le":
        total = float(np.exp(model.scores(history)[folded_classes]).sum())
        assert total == pytest.approx(1, abs=0.08)  # logarithms are kept to a sixteenth
        history = model.extended(history, CLASS_OF[symbol])


def test_french_is_likelier_than_noise(model: LanguageModel) -> None:
    assert model.log_probability("le patient va bien") > model.log_probability("le qxzient va bwkn")


def test_alignment_covers_each_symbol_in_order() -> None:
    text = "aab é"
    spans = align(written(text), text)
    assert spans.tolist() == [[4 * place, 4 * place + 2] for place in range(len(text))]


def test_alignment_refuses_a_text_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="more symbols"):
        align(written("ab", steps=1), "abcdefgh")


def test_lexicon_names_are_scored_on_the_lattice_not_by_edit_distance() -> None:
    log_probs = written("Xarelfo")
    for step in range(len(log_probs)):
        if log_probs[step].argmax() == CLASS_OF["f"]:
            log_probs[step, CLASS_OF["t"]] = math.log(0.3)
    found = Lexicon(["XARELTO", "XARELSO", "DOLIPRANE"]).candidates(log_probs, ["Xarelfo"])
    assert [found[0].name, found[0].form] == ["XARELTO", "Xarelto"]
    assert found[0].score - found[1].score > 5


def test_case_forms_are_the_usual_ones() -> None:
    assert case_forms("co amox") == ["CO AMOX", "co amox", "Co amox", "Co Amox"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("prise de >poids< 5 kg", f"prise de {STRUCK} 5 kg"),
        (">< venu", f"{STRUCK} venu"),
        ("l’œil – 5…", "l'œil - 5..."),
        ("e\u0301tat  général", "état général"),
    ],
)
def test_transcription_convention(raw: str, expected: str) -> None:
    assert transcription(raw) == expected


def test_symbols_are_single_and_composed() -> None:
    assert len(set(SYMBOLS)) == len(SYMBOLS) < BOUNDARY - 1
    assert all(normalised(symbol) in (symbol, "") for symbol in SYMBOLS)
