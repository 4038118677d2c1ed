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
    assert len(lines) >= 150
    assert len(wrong) <= 0.02 * len(lines), dict(wrong)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lines_with_misread_characters_are_read_whole(seed: int) -> None:
    rng = random.Random(seed)
    lines = [{**line, "text": misread(line["text"], rng)} for line in prescription_lines()]
    wrong, score = mistaken(lines)
    assert len(wrong) <= 0.08 * len(lines), dict(wrong)
    assert score.sure_and_wrong <= 0.05 * len(lines)
