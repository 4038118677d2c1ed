"""The verdict on a page after it has been read."""

from __future__ import annotations

import pytest

from pipeline.imaging.quality import reconsidered
from pipeline.model import Box, Legibility, Line, Quality, Word, ZoneKind

ADVICE = "La page est floue."


def _lines(confidences: list[float], text: str = "ordonnance") -> tuple[Line, ...]:
    box = Box(x=0, y=0, width=100, height=20)
    words = tuple(Word(text=text, box=box, confidence=one) for one in confidences)
    return (Line(words=words, box=box, kind=ZoneKind.PRINTED, engine="test"),)


@pytest.mark.parametrize(
    ("confidences", "legibility"),
    [
        ([0.97] * 12 + [0.5] * 8, Legibility.POOR),
        ([0.97] * 12 + [0.5] * 30, Legibility.UNREADABLE),
        ([0.97] * 5, Legibility.UNREADABLE),
        ([0.6] * 60, Legibility.UNREADABLE),
        ([], Legibility.UNREADABLE),
    ],
)
def test_what_was_read_with_confidence_is_not_put_aside(
    confidences: list[float], legibility: Legibility
) -> None:
    seen = Quality(legibility=Legibility.UNREADABLE, advice=ADVICE)
    verdict = reconsidered(seen, _lines(confidences) if confidences else ())
    assert verdict.legibility is legibility
    assert verdict.advice == ADVICE


def test_short_words_do_not_vouch_for_a_page() -> None:
    seen = Quality(legibility=Legibility.UNREADABLE, advice=ADVICE)
    assert reconsidered(seen, _lines([0.99] * 40, "l-")).legibility is Legibility.UNREADABLE


def test_a_good_page_stays_good_whatever_was_read() -> None:
    seen = Quality(legibility=Legibility.GOOD)
    assert reconsidered(seen, _lines([0.1] * 40)) == seen
