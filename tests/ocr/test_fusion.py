"""Two readings of the same ink."""

from __future__ import annotations

import pytest

from pipeline.model import Box, Line, Word, ZoneKind
from pipeline.ocr import fusion


def line(engine: str, *words: tuple[str, float]) -> Line:
    boxes = [Box(x=100.0 * place, y=0, width=90, height=40) for place in range(len(words))]
    return Line(
        words=tuple(
            Word(text=text, box=box, confidence=confidence)
            for (text, confidence), box in zip(words, boxes, strict=True)
        ),
        box=Box.around(tuple(boxes)),
        kind=ZoneKind.PRINTED,
        engine=engine,
    )


@pytest.mark.parametrize(
    ("first", "second", "together", "apart"),
    [(0.5, 0.19, 0.55, 0.405 / 0.905), (0.9, 0.64, 0.94, 0.324 / 0.424), (0.9, 0.0, 0.9, 0.9)],
)
def test_agreement_raises_and_contradiction_lowers(
    first: float, second: float, together: float, apart: float
) -> None:
    assert fusion.agreed(first, second) == pytest.approx(together)
    assert fusion.contradicted(first, second) == pytest.approx(apart)


def test_no_agreement_is_certainty() -> None:
    assert fusion.agreed(0.9999, 0.5) == 0.9999
    assert fusion.agreed(0.99, 0.99) < 1


def test_the_surer_line_stands_and_says_why() -> None:
    one = line("a 1", ("75", 0.6), ("mg", 0.9))
    two = line("b 2", ("15", 0.9), ("mg", 0.95))
    fused = fusion.fused(one, two)
    assert (fused.text, fused.engine) == ("15 mg", "b 2")
    assert "b 2" in fused.note
    assert "a 1" in fused.note
    assert fused.words[0].confidence < 0.9
    assert fused.words[0].alternatives[0].text == "75"
    assert fused.words[0].alternatives[0].source == "a 1"
    assert fused.words[1].confidence > 0.95
    assert fusion.fused(two, one) == fused


def test_lost_spaces_confirm_the_words() -> None:
    fused = fusion.fused(line("b 2", ("37,5mg", 0.99)), line("a 1", ("37,5", 0.8), ("mg", 0.8)))
    assert fused.text == "37,5 mg"
    assert all(word.confidence > 0.95 for word in fused.words)


def test_replacing_words_names_both_engines() -> None:
    whole = line("a 1", ("75", 0.5), ("mg", 0.9))
    part = line("b 2", ("15", 0.9)).model_copy(update={"note": "plus sûr"})
    changed = fusion.replaced(whole, 0, 1, part)
    assert changed.text == "15 mg"
    assert changed.engine == "a 1 + b 2"
    assert "plus sûr" in changed.note


def test_a_surer_word_takes_its_place_in_the_other_line() -> None:
    one = line("a 1", ("Concusion", 0.5), ("lombalgie", 0.95))
    two = line("b 2", ("Conclusion", 0.9), ("lombalge", 0.4))
    fused = fusion.fused(one, two)
    assert (fused.text, fused.engine) == ("Conclusion lombalgie", "a 1 + b 2")
    assert fused.words[0].alternatives[0].text == "Concusion"
    assert fused.words[0].alternatives[0].source == "a 1"
    assert "« Conclusion »" in fused.note


def test_a_part_of_a_line_never_stands_for_it() -> None:
    whole = line("a 1", ("PA", 0.6), ("12/8", 0.6), ("pouls", 0.6))
    part = line("b 2", ("PA", 0.99))
    fused = fusion.fused(whole, part, whole=False)
    assert fused.text == "PA 12/8 pouls"
    assert fused.words[0].confidence > 0.9


@pytest.mark.parametrize("other", ["Hubert.", "HUBERT", "Hùbert"])
def test_signs_case_and_accents_are_no_contradiction(other: str) -> None:
    fused = fusion.fused(line("a 1", ("Hubert", 0.8)), line("b 2", (other, 0.5)))
    assert fused.words[0].confidence >= 0.8
