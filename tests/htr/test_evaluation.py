"""Figures for handwriting: rates, calibration, folders that are not as they should be."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import cv2
import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.evaluation.handwriting import (
    calibration,
    evaluate_handwriting,
    judged_words,
    place_of,
    rates,
    truths,
)
from samples.generator.fonts import printed_fonts
from samples.generator.lines import Line, render

HEADER = "file\ttext\tpage\tsource\twriter\tflags\traw\n"


def test_rates_are_micro_averaged() -> None:
    found = rates([("abcd", "abcx"), ("Un mot", "un mot")])
    assert found["cer"] == pytest.approx(2 / 10)
    assert found["cer_ci"] == pytest.approx(1 / 10)
    assert found["wer"] == pytest.approx(2 / 3)


def test_rates_count_insertions_and_nothing_read() -> None:
    assert rates([("ab", "")])["cer"] == 1
    assert rates([("ab", "abcdef")])["cer"] == 2
    assert rates([])["cer"] == 0


def test_words_are_judged_in_their_place() -> None:
    assert judged_words(["le", "malade", "vient", "ici"], "le malade revient") == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("confidence", "right", "expected"), [(0.9, 9, 0.0), (0.9, 5, 0.4), (0.25, 10, 0.75)]
)
def test_calibration_error(confidence: float, right: int, expected: float) -> None:
    judged = [(confidence, place < right) for place in range(10)]
    assert calibration(judged)["ece"] == pytest.approx(expected)


def test_the_word_in_a_names_place_is_found() -> None:
    assert place_of("xarelto", "1) Xarelto 20 mg", "1) Karelto 20 mg") == 1
    assert place_of("xarelto", "Doliprane", "Doliprane") is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fonts = printed_fonts()
    if not fonts:
        pytest.skip("no font to draw with is installed")
    rows = [
        ("Doliprane 1000 mg", "copiste", "a", ""),
        ("Pas de fièvre", "copiste", "b", ""),
        ("Tension normale", "testaments", "c", ""),
        ("prise de >poids<", "copiste", "a", "struck"),
    ]
    table = HEADER
    for place, (text, source, writer, flags) in enumerate(rows):
        image = render(Line(text.replace(">", "").replace("<", "")), fonts[0], Random(place))
        cv2.imwrite(str(tmp_path / f"{place}.png"), np.asarray(image))
        table += f"{place}.png\t{text}\tp\t{source}\t{writer}\t{flags}\t{text}\n"
    (tmp_path / "lines.tsv").write_text(table, encoding="utf-8")
    return tmp_path


def test_a_folder_is_measured_by_the_convention(folder: Path) -> None:
    found = evaluate_handwriting(folder)
    assert found["lines"] == 2
    assert set(found["sources"]) == {"copiste", "testaments"}
    assert set(found["writers"]) == {"a", "b"}
    assert found["flagged"]["struck"]["lines"] == 1
    for kind in ("greedy", "decoded"):
        assert set(found[kind]) == {"cer", "cer_ci", "wer"}
        assert found[kind]["cer_ci"] <= found[kind]["cer"] < 0.3
    assert found["calibration"]["words"] >= 5
    assert found["speed"]["ms_line"] > found["speed"]["ms_recognition"] > 0
    json.dumps(found)


def test_missing_or_broken_folders_are_usage_errors(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        evaluate_handwriting(tmp_path / "nothing")
    (folder / "1.png").write_bytes(b"not an image")
    with pytest.raises(UsageError):
        evaluate_handwriting(folder)
    (folder / "1.png").unlink()
    with pytest.raises(UsageError):
        evaluate_handwriting(folder)
    (folder / "lines.tsv").write_text("file\tother\n1.png\tx\n")
    with pytest.raises(UsageError):
        truths(folder)
    (folder / "lines.tsv").write_text(HEADER)
    with pytest.raises(UsageError):
        evaluate_handwriting(folder)
