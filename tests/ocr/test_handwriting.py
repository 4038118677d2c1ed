"""Printed or handwritten."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.model import Box
from pipeline.ocr import handwriting
from tests.ocr.pages import DPI, drawn


@pytest.mark.parametrize(
    "text", ["Docteur Claire Martin", "12 rue des Lilas", "Tél. 01 99 00 47 57"]
)
def test_print_is_print(text: str) -> None:
    line = drawn([(12, 8, text)], size=(24 * len(text), 64))
    assert handwriting.odds(line) < 0


def test_real_hands_are_handwriting(shared_dir: Path) -> None:
    folder = shared_dir / "handwriting" / "lines" / "dev" / "img" / "copiste"
    lines = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.iterdir())[::12]]
    odds = [handwriting.odds(np.asarray(line, np.uint8)) for line in lines]
    assert sum(value > 0 for value in odds) >= 0.95 * len(odds)


def test_neighbours_and_tesseract_sway_an_unclear_line() -> None:
    line = drawn([(12, 8, "matin et soir")], size=(330, 64))
    alone, unsure = (handwriting.probabilities([line], [score])[0] for score in (0.95, 0.3))
    assert alone < unsure


def test_plain_print_stays_print_beside_a_signature() -> None:
    line = drawn([(12, 8, "Respectez les posologies")], size=(620, 64))
    scribble = np.full((90, 300), 255, np.uint8)
    turns = np.linspace(0, 6 * np.pi, 200)
    path = np.column_stack([20 + turns * 13, 45 + 30 * np.sin(turns)]).astype(np.int32)
    cv2.polylines(scribble, [path], isClosed=False, color=60, thickness=3)
    by_hand, printed = handwriting.probabilities([scribble, line], [0.3, 0.96])
    assert by_hand > 0.5 > printed
    assert handwriting.probabilities([scribble, line], [0.3, 0.5])[1] > printed


def test_ink_that_nobody_read() -> None:
    page = drawn([(100, 100, "Ordonnance"), (100, 500, "Renouveler deux fois")])
    page[300:303, 100:1500] = 60
    read = Box(x=90, y=90, width=350, height=90)
    boxes = handwriting.unread_ink(page, DPI, [read])
    assert boxes
    around = Box.around(boxes)
    assert 480 < around.y < around.bottom < 600
    assert 80 < around.x < 140
    assert not handwriting.unread_ink(page, DPI, [Box(x=90, y=90, width=700, height=500)])


def test_figures_beside_words_that_nobody_read_are_found_with_them() -> None:
    page = drawn([(100, 500, "1"), (160, 500, "à"), (220, 500, "2 bouff."), (900, 500, "1")])
    boxes = handwriting.unread_ink(page, DPI, [])
    around = Box.around(boxes)
    assert 90 < around.x < 125  # « 1 » is there, and the lone one far behind is not
    assert around.right < 850
