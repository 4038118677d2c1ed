"""Synthetic lines: what they say, who they name, what they look like."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from random import Random

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.ocr.symbols import STRUCK, SYMBOLS
from samples.generator import lines
from samples.generator.fonts import printed_fonts
from samples.generator.lines import (
    Cutting,
    Line,
    RealPen,
    any_line,
    brand_names,
    held_out,
    render,
)

NAMES = ["DOLIPRANE", "XARELTO", "CO AMOXICLAV"]
FICTION = ("019900", "026191", "035301", "046571", "053649", "063998")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    random = Random(4)
    return [any_line(random, NAMES, ["Le patient va bien ce jour."]).text for _ in range(3000)]


def test_lines_are_in_the_recognisers_symbols(texts: list[str]) -> None:
    assert all(set(text) <= set(SYMBOLS) for text in texts)


def test_same_seed_same_lines() -> None:
    assert [any_line(Random(9), NAMES, ()) for _ in range(5)] == [
        any_line(Random(9), NAMES, ()) for _ in range(5)
    ]


def test_social_security_numbers_are_never_attributed_and_have_their_key() -> None:
    random = Random(2)
    for _ in range(500):
        digits = re.sub(r"\D", "", lines._nir(random))
        assert len(digits) == 15
        assert 901 <= int(digits[7:10]) <= 988
        assert int(digits[13:]) == 97 - int(digits[:13]) % 97


def test_telephones_are_reserved_for_fiction() -> None:
    random = Random(2)
    for _ in range(200):
        assert re.sub(r"\D", "", lines._phone(random)).startswith(FICTION)


def test_medicine_is_well_covered(texts: list[str]) -> None:
    everything = "\n".join(texts)
    for sign in "½¼°%µ/+×x²":
        assert sign in everything or sign in "×²", sign
    for idiom in ("mg", "matin", "SA", "TA ", "HU ", "QSP", "si besoin", "RPPS 1099", "DDN"):
        assert idiom in everything, idiom


def test_a_struck_word_is_not_transcribed() -> None:
    line = Line("prendre 5 mg", struck=1)
    assert line.transcript == f"prendre {STRUCK} mg"


def test_a_drawn_line_has_its_height_and_ink() -> None:
    fonts = printed_fonts()
    if not fonts:
        pytest.skip("no font to draw with is installed")
    plain = np.asarray(render(Line("prendre 500 mg"), fonts[0], Random(1)))
    struck = np.asarray(render(Line("prendre 500 mg", struck=1), fonts[0], Random(1)))
    assert plain.shape[0] == struck.shape[0] == lines.HEIGHT
    assert plain.shape[1] > 3 * lines.HEIGHT
    assert plain.min() < 130 < np.median(plain)


def test_characters_of_real_hands_stand_on_the_line_in_their_size(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((20, 10), 255, np.uint8))
    cv2.imwrite(str(tmp_path / "b.png"), np.full((30, 8), 255, np.uint8))
    (tmp_path / "glyphs.tsv").write_text(
        "file\tsymbol\twriter\theight\tdrop\na.png\t7\tw\t1.00\t0.00\nb.png\tg\tw\t1.00\t0.40\n"
    )
    given = lines.read_cuttings(tmp_path)
    forms = {symbol: given[symbol]["w"] for symbol in given}
    sheet = Image.new("L", (300, 200), 0)
    went = lines._drawn(sheet, 20, 100, "7g", RealPen(forms, 40.0, 5.0), 0, Random(1))
    ink = np.asarray(sheet) > 0
    columns = np.flatnonzero(ink.any(0))
    assert (columns[0], went) == (20, 20 + 5 + 11 + 5)
    assert np.flatnonzero(ink[:, 25])[[0, -1]].tolist() == [60, 99]
    assert np.flatnonzero(ink[:, 50])[[0, -1]].tolist() == [76, 115]


def test_a_line_takes_its_figures_from_a_real_hand(tmp_path: Path) -> None:
    fonts = printed_fonts()
    if not fonts:
        pytest.skip("no font to draw with is installed")
    block = {"w": (Cutting(np.full((20, 20), 255, np.uint8), 1.0, 0.0),)}
    plain = np.asarray(render(Line("888"), fonts[0], Random(1)))
    inks = [
        float(
            (
                np.asarray(render(Line("888"), fonts[0], Random(seed), None, {"8": block})) < 130
            ).mean()
        )
        for seed in range(8)
    ]
    assert max(inks) > 2 * float((plain < 130).mean())


def test_names_come_from_the_database_without_strength_or_laboratory(tmp_path: Path) -> None:
    columns = ["1", "", "comprimé", "orale", "", "Procédure nationale", "Commercialisée"] + [""] * 5
    file = tmp_path / "CIS_bdpm.txt"
    rows = (
        "DOLIPRANE 1000 mg, comprimé",
        "AMOXICILLINE BIOGARAN 500 mg, gélule",
        "ÉCONAZOLE EG 1 %",
    )
    text = "\r\n".join("\t".join([columns[0], row, *columns[2:]]) for row in rows)
    file.write_bytes(text.encode("cp1252"))
    assert brand_names(file) == ["AMOXICILLINE", "DOLIPRANE", "ÉCONAZOLE"]


def test_about_a_tenth_of_the_names_are_held_out() -> None:
    random = Random(1)
    names = ["".join(random.choices("ABCDEFGHIKLMNOP", k=8)) for _ in range(2000)]
    assert 0.06 < sum(map(held_out, names)) / len(names) < 0.14


def test_a_folder_of_lines_has_the_columns_of_the_real_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fonts = printed_fonts()
    if not fonts:
        pytest.skip("no font to draw with is installed")
    monkeypatch.setattr(lines, "handwriting_fonts", lambda group: fonts)
    lines.write_lines(tmp_path, NAMES, [], "train", 12, seed=1)
    with (tmp_path / "lines.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert list(rows[0]) == ["file", "text", "page", "source", "writer", "flags", "raw"]
    assert len(rows) == 12
    assert all((tmp_path / row["file"]).exists() for row in rows)
    first = (tmp_path / "lines.tsv").read_bytes()
    lines.write_lines(tmp_path, NAMES, [], "train", 12, seed=1)
    assert (tmp_path / "lines.tsv").read_bytes() == first
