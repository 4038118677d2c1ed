"""Lines cut out of a zone."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.ocr import segmentation
from pipeline.ocr.engine import LineImage
from tests.ocr.pages import DPI, drawn


def test_lines_come_from_top_to_bottom_with_their_place() -> None:
    page = drawn([(100, 100, "Amoxicilline 500 mg"), (140, 260, "1 comprimé matin et soir")])
    first, second = segmentation.text_lines(page, DPI)
    for line, top, left in ((first, 100, 100), (second, 260, 140)):
        box = line.box(0, line.grey.shape[1])
        assert abs(box.x - left) < 25
        assert top - 15 < box.y < top + 25
        assert box.height < 90
        assert line.grey.shape[1] == len(line.top) == len(line.bottom)


def test_a_leaning_line_is_straightened() -> None:
    page = drawn([(100, 300, "Consultation de suivi sans particularité")], height=52)
    turn = cv2.getRotationMatrix2D((850, 450), 5, 1.0)
    leaning = np.asarray(cv2.warpAffine(page, turn, (1700, 900), borderValue=250.0), np.uint8)
    (line,) = segmentation.text_lines(leaning, DPI)
    rise = line.top[-1, 1] - line.top[0, 1]
    assert rise < -0.05 * (line.top[-1, 0] - line.top[0, 0])
    level = line.box(0, line.grey.shape[1]).height
    assert line.grey.shape[0] * DPI / segmentation.WORKING_DPI < 0.7 * level


def test_an_empty_zone_has_no_lines() -> None:
    assert segmentation.text_lines(np.full((400, 900), 240, np.uint8), DPI) == ()


def test_the_box_of_columns_follows_the_line() -> None:
    columns = np.arange(100.0)
    line = LineImage(
        grey=np.zeros((20, 100), np.uint8),
        top=np.column_stack([columns + 10, 50 + 0.1 * columns]),
        bottom=np.column_stack([columns + 10, 70 + 0.1 * columns]),
    )
    box = line.box(50, 60)
    assert (box.x, box.right) == (60, 69)
    assert box.y == pytest.approx(55)
    assert box.bottom == pytest.approx(75.9)
    assert line.box(95, 400).right == 109


@pytest.mark.parametrize("page", ["imp_wikitexte_0123", "wikitexte_0119_1"])
def test_every_line_of_a_real_page_is_found(shared_dir: Path, page: str) -> None:
    path = shared_dir / "handwriting" / "pages" / "dev" / f"{page}.jpg"
    truth = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    grey = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
    lines = segmentation.text_lines(grey, truth["dpi"])
    polygons = [np.array(line["polygon"], np.float32) for line in truth["lines"]]
    found = [0] * len(polygons)
    for line in lines:
        for x, y in ((line.top + line.bottom) / 2)[:: max(len(line.top) // 20, 1)].tolist():
            for place, polygon in enumerate(polygons):
                found[place] += cv2.pointPolygonTest(polygon, (x, y), False) >= 0
    assert all(found)
    assert len(lines) <= len(polygons) + 3
