"""The engine on rendered and on real lines."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from pipeline.errors import SetupError
from pipeline.model import State
from pipeline.ocr.decoding import CLASS_OF, Hypothesis
from pipeline.ocr.htr import (
    DISPUTED,
    WEIGHTS,
    HandwritingRecogniser,
    Lattice,
    nameable,
    recogniser,
    slots_of,
    with_twins,
    word_lexicon,
)
from pipeline.ocr.ink import HEIGHT, SIDE, fitted, ink_of, network_input
from pipeline.ocr.symbols import SYMBOLS
from pipeline.raster import Pixels
from samples.generator.fonts import printed_fonts
from samples.generator.lines import Line, render

TEXTS = ("Doliprane 1000 mg matin et soir", "TA 13/8 poids 72,4 kg", "Pas d'allergie connue")


@pytest.fixture(scope="module")
def engine() -> HandwritingRecogniser:
    return recogniser()


def drawn(text: str, struck: int | None = None, seed: int = 3) -> Pixels:
    fonts = printed_fonts()
    if not fonts:
        pytest.skip("no font to draw with is installed")
    return np.asarray(render(Line(text, struck=struck), fonts[0], Random(seed)), np.uint8)


def test_weights_are_small_enough_to_ship() -> None:
    assert (WEIGHTS / "handwriting.onnx").stat().st_size <= 25_000_000
    assert (WEIGHTS / "language.npz").stat().st_size <= 7_000_000


def test_engine_is_loaded_once() -> None:
    assert recogniser() is recogniser()


def test_weights_are_loaded_with_the_first_line_only() -> None:
    fresh = HandwritingRecogniser()
    assert not {"_session", "model", "calibration"} & vars(fresh).keys()
    fresh.recognise([drawn(TEXTS[0])])
    assert {"_session", "model", "calibration"} <= vars(fresh).keys()


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"handwriting\.onnx"):
        HandwritingRecogniser(tmp_path).load()


@pytest.mark.parametrize("text", TEXTS)
def test_reads_a_plain_line(engine: HandwritingRecogniser, text: str) -> None:
    (read,) = engine.recognise([drawn(text)])
    assert Levenshtein.normalized_distance(read.text.lower(), text.lower()) < 0.15


def test_words_lie_in_the_image_from_left_to_right(engine: HandwritingRecogniser) -> None:
    image = drawn(TEXTS[0])
    (read,) = engine.recognise([image])
    edges = [edge for word in read.words for edge in (word.start, word.end)]
    assert min(edges) >= 0
    assert max(edges) <= image.shape[1]
    starts = [word.start for word in read.words]
    assert starts == sorted(starts)
    ink = ink_of(image).max(0) > 0.5
    for word in read.words:
        assert ink[int(word.start) : int(np.ceil(word.end))].any()


def test_characters_have_confidences(engine: HandwritingRecogniser) -> None:
    (read,) = engine.recognise([drawn(TEXTS[2])])
    for word in read.words:
        assert len(word.characters) == len(word.text)
        assert all(0 <= value <= 1 for value in (*word.characters, word.confidence))


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_empty_line_reads_as_nothing(engine: HandwritingRecogniser, value: int) -> None:
    (read,) = engine.recognise([np.full((60, 400), value, np.uint8)])
    assert all(word.confidence < 0.9 for word in read.words)


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (200, 4), (60, 9000)])
def test_odd_shapes_do_not_break_it(engine: HandwritingRecogniser, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, shape).astype(np.uint8)
    (read,) = engine.recognise([noise])
    assert all(0 <= word.start <= word.end <= shape[1] for word in read.words)


def test_no_lines_give_no_transcriptions(engine: HandwritingRecogniser) -> None:
    assert engine.recognise([]) == ()


def test_recognition_is_repeatable(engine: HandwritingRecogniser) -> None:
    image = drawn(TEXTS[0])
    assert engine.recognise([image]) == engine.recognise([image])


def test_lexicon_offers_names_and_rewrites_nothing(engine: HandwritingRecogniser) -> None:
    image = drawn("Doliprane 1000 mg")
    names = ("DOLIPRANE", "DAFALGAN", "EFFERALGAN CODEINE", "DOLIRHUME")
    (plain,) = engine.recognise([image])
    (helped,) = engine.recognise([image], names)
    assert helped.text == plain.text
    offered = [a for a in helped.words[0].alternatives if a.source == "lexicon"]
    assert offered[0].text.upper() == "DOLIPRANE"
    assert not [a for a in helped.words[1].alternatives if a.source == "lexicon"]


def test_in_no_lexicon_can_win(engine: HandwritingRecogniser) -> None:
    reading = engine.read(drawn("consultation"))
    lexicon = word_lexicon(("DOLIPRANE", "XARELTO"))
    name = engine.name_of(reading.lattice.log_probs, reading.slots[0], lexicon)
    assert not name.known
    assert name.state is not State.SURE


@pytest.mark.parametrize(
    ("word", "expected"), [("Doliprane", True), ("1000", False), ("B12xyz", False), ("cp", False)]
)
def test_figures_and_short_words_are_never_looked_up(word: str, expected: bool) -> None:
    assert nameable(word) is expected


def test_a_figure_that_the_language_model_mends_is_disputed(
    engine: HandwritingRecogniser,
) -> None:
    """A dose is read, not guessed: "3,75" from strokes that say "375" is no sure reading."""
    text = "37 mg"
    probabilities = np.full((5 * len(text), len(SYMBOLS) + 1), 1e-4)
    for place, symbol in enumerate(text):
        probabilities[5 * place : 5 * place + 3, CLASS_OF[symbol]] = 1
        probabilities[5 * place + 3 : 5 * place + 5, 0] = 1
    probabilities[3, [0, CLASS_OF[","]]] = 0.5, 0.49
    log_probs = np.log(probabilities / probabilities.sum(1, keepdims=True)).astype(np.float32)
    slots = slots_of(log_probs, [Hypothesis("3,7 mg", 0.0, 0.0)])
    span = engine._span(Lattice(log_probs, 8.0, 0.0, 8 * len(log_probs)), slots[0], None)
    assert span.text == "3,7"
    assert span.confidence <= DISPUTED
    assert span.alternatives[0].text == "37"


def test_slots_are_the_words_of_the_best_reading(engine: HandwritingRecogniser) -> None:
    log_probs = engine.look(drawn(TEXTS[1])).log_probs
    hypotheses = engine.decode(log_probs)
    slots = slots_of(log_probs, hypotheses)
    assert " ".join(slot.text for slot in slots) == hypotheses[0].text
    assert all(0 < slot.share <= 1 + 1e-6 for slot in slots)
    assert slots_of(log_probs, []) == ()


def test_ink_is_normalised_whatever_the_tone() -> None:
    image = drawn(TEXTS[0]).astype(float)
    pale = np.clip(140 + image * 0.3, 0, 255).astype(np.uint8)
    assert np.abs(ink_of(pale) - ink_of(image.astype(np.uint8))).mean() < 0.1


def test_network_input_has_its_height_and_multiple() -> None:
    values = network_input(fitted(ink_of(drawn(TEXTS[0]))))
    assert values.shape[0] == HEIGHT
    assert values.shape[1] % 8 == 0
    assert values[:, : SIDE // 2].min() == 1  # paper at the sides
    assert values.min() >= -1


def test_real_unseen_writers(engine: HandwritingRecogniser, shared_dir: Path) -> None:
    from pipeline.evaluation.handwriting import grey_image, rates, truths

    rows = [
        row
        for row in truths(shared_dir / "handwriting" / "lines" / "dev")
        if row.source == "copiste" and not row.flags
    ][::12]
    pairs = [(row.text, engine.read(grey_image(row.file)).decoded) for row in rows]
    assert rates(pairs)["cer_ci"] < 0.08


def test_a_bare_stroke_where_a_figure_stands_is_a_one() -> None:
    """Whether a 1 or an I was drawn nobody can tell; which figure it is, everybody can."""
    text = "1 cp"
    log_probs = np.full((12, len(SYMBOLS) + 1), -12.0, np.float32)
    for step, symbol in zip((1, 4, 6, 9), text, strict=True):
        log_probs[step, CLASS_OF[symbol]] = 0.0
    log_probs[[0, 2, 3, 5, 7, 8, 10, 11], 0] = 0.0
    for symbol, probability in (("1", 0.3), ("I", 0.4), ("|", 0.3)):
        log_probs[1, CLASS_OF[symbol]] = np.log(probability)
    readings = [Hypothesis("1 cp", 0.0, 0.0), Hypothesis("I cp", 0.0, -0.1)]
    slots = slots_of(log_probs, readings)
    assert slots[0].share == pytest.approx(1.0)
    assert slots[0].others == ()
    merged = with_twins(log_probs, slots)
    assert merged[1, CLASS_OF["1"]] == pytest.approx(0.0, abs=1e-3)
    assert merged[1, CLASS_OF["I"]] < -10
    # Two figures are never merged, and letters of words stay what they are.
    seven = slots_of(log_probs, [Hypothesis("7 cp", 0.0, 0.0), Hypothesis("1 cp", 0.0, -0.1)])
    assert seven[0].others[0][0] == "1"
    assert with_twins(log_probs, seven)[1, CLASS_OF["1"]] == log_probs[1, CLASS_OF["1"]]


def test_a_word_that_is_a_known_name_is_as_sure_as_the_name(engine: HandwritingRecogniser) -> None:
    image = drawn("KARDEGIC")
    (plain,) = engine.recognise([image])
    (named,) = engine.recognise([image], ["KARDEGIC", "CARDENSIEL"])
    assert named.words[0].text.upper() == "KARDEGIC"
    assert named.words[0].confidence >= plain.words[0].confidence
    assert named.words[0].alternatives[0].source == "lexicon"


def test_halves_of_a_known_name_are_one_word(engine: HandwritingRecogniser) -> None:
    reading = engine.read(drawn("KARDE GIC 160 mg"), word_lexicon(("KARDEGIC", "CARDENSIEL")))
    assert reading.decoded.split()[0].upper() == "KARDEGIC"
    assert reading.slots[0].text == reading.transcription.words[0].text
    three = engine.read(drawn("KAR DE GIC 160 mg"), word_lexicon(("KARDEGIC", "CARDENSIEL")))
    assert three.decoded.split()[0].upper() == "KARDEGIC"
    beside = engine.read(drawn("KARDEGIC au soir"), word_lexicon(("KARDEGIC", "CARDENSIEL")))
    assert beside.decoded.split()[0].upper() == "KARDEGIC"
    apart = engine.read(drawn("MATIN MIDI"), word_lexicon(("KARDEGIC", "CARDENSIEL")))
    assert apart.decoded.upper().split() == ["MATIN", "MIDI"]
