"""PP-OCR on single lines."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.ocr import rapid
from tests.ocr.pages import drawn


def test_words_with_their_places_and_probabilities() -> None:
    image = drawn([(20, 10, "Doliprane 1000 mg matin")], size=(700, 80))
    (read,) = rapid.recogniser().recognise([image])
    assert read.text == "Doliprane 1000 mg matin"
    ends = [0.0]
    for word in read.words:
        assert ends[-1] <= word.start < word.end <= 700
        assert 0.5 < word.confidence < 1
        assert len(word.characters) == len(word.text)
        ends.append(word.end)


@pytest.mark.parametrize("text", ["½ comprimé", "75 µg", "≥ 38,5"])
def test_signs_that_tesseract_lacks(text: str) -> None:
    image = drawn([(20, 10, text)], size=(420, 80))
    (read,) = rapid.recogniser().recognise([image])
    assert read.text.replace(" ", "") == text.replace(" ", "")


def test_paper_says_nothing() -> None:
    (read,) = rapid.recogniser().recognise([np.full((48, 300), 240, np.uint8)])
    assert read.words == ()


def test_a_character_alone_has_room_too() -> None:
    image = drawn([(20, 10, "2 comprimés puis 5 jours")], size=(700, 80))
    (read,) = rapid.recogniser().recognise([image])
    assert [word.text for word in read.words] == ["2", "comprimés", "puis", "5", "jours"]
    assert all(word.end - word.start > 10 for word in read.words)
