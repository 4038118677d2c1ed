"""Whole prescription lines of French practices: read clean, and read with ink gone wrong."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest

from pipeline.config import Settings
from pipeline.evaluation.posology import Score, score_lines
from tests.extraction.prescriptions import misread, prescription_lines

SETTINGS = Settings()


def mistaken(lines: list[dict[str, Any]]) -> tuple[dict[str, list[tuple[str, str, str]]], Score]:
    """What was read wrong, by line, but for fields that a reading leaves to taste."""
    score = score_lines(lines, SETTINGS)
    free = {line["id"]: line["free"] for line in lines}
    wrong: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for line, field, wanted, got in score.mistakes:
        if field not in free[line]:
            wrong[line].append((field, wanted, got))
    return wrong, score


def test_clean_lines_are_read_whole() -> None:
    lines = prescription_lines()
    wrong, _ = mistaken(lines)
    assert len(lines) >= 500
    assert len(wrong) <= 0.01 * len(lines), dict(wrong)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lines_with_misread_characters_are_read_whole(seed: int) -> None:
    rng = random.Random(seed)
    lines = [{**line, "text": misread(line["text"], rng)} for line in prescription_lines()]
    wrong, score = mistaken(lines)
    assert len(wrong) <= 0.06 * len(lines), dict(wrong)
    assert len(wrong.keys() - score.flagged) <= 0.015 * len(lines)


@pytest.mark.parametrize("seed", [4, 5])
def test_lines_in_worn_ink_are_read_whole_or_flagged(seed: int) -> None:
    rng = random.Random(seed)
    lines = [
        {**line, "text": misread(line["text"], rng, worn=True)} for line in prescription_lines()
    ]
    wrong, score = mistaken(lines)
    assert len(wrong) <= 0.1 * len(lines), dict(wrong)
    assert len(wrong.keys() - score.flagged) <= 0.015 * len(lines)
