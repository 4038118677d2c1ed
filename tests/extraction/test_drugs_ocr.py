"""Medicines read by the real engine from degraded images of clean lines."""

from __future__ import annotations

import io
import random
import shutil
from pathlib import Path

import numpy as np
import pytesseract
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pipeline.config import Settings
from pipeline.extraction.drugs import read_medications
from pipeline.extraction.evidence import document_from_text, text_lines
from pipeline.model import Box, Document, Line, Size, Word, ZoneKind
from pipeline.terminology import Terminology
from pipeline.terminology.names import fold_name, squash

FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSerif-Bold.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
    "/usr/share/fonts/truetype/lato/Lato-Medium.ttf",
)
DOSAGES = (
    "1 comprimé matin et soir pendant 7 jours",
    "1 gélule par jour, QSP 3 mois",
    "1 cp x 3/j si douleur, max 4/j",
    "2 comprimés le matin",
    "1 cp au coucher",
    "1-0-1 pendant 1 mois",
    "1 sachet toutes les 6 heures",
)


def clean_lines(count: int, rng: random.Random) -> list[tuple[str, str]]:
    """Names of marketed oral medicines, each with a prescription line of a strength it has."""
    entries = sorted(
        (
            entry
            for entry in Terminology.load(Settings()).entries
            if entry.kind == "brand"
            and entry.marketed
            and entry.name.isalpha()
            and len(entry.name) > 4
            and entry.routes[:1] == ("orale",)
            and any(len(s) == 1 and s[0][1] == "mg" and s[0][0] >= 1 for s in entry.strengths)
        ),
        key=lambda entry: entry.name,
    )
    lines = []
    for entry in rng.sample(entries, count):
        strength = next(s for s in entry.strengths if len(s) == 1 and s[0][1] == "mg")
        amount = format(strength[0][0].normalize(), "f").replace(".", ",")
        lines.append((entry.name, f"{entry.name} {amount} mg : {rng.choice(DOSAGES)}"))
    return lines


def degraded(lines: list[str], font: str, rng: random.Random) -> Image.Image:
    """A page of `lines`, 200 dpi, slightly turned, blurred, noisy and compressed like a scan."""
    page = Image.new("L", (1500, 90 * len(lines) + 120), 250)
    draw = ImageDraw.Draw(page)
    face = ImageFont.truetype(font, 30)
    for row, line in enumerate(lines):
        draw.text((70, 60 + 90 * row), line, font=face, fill=30)
    page = page.rotate(rng.uniform(-0.4, 0.4), fillcolor=250, resample=Image.Resampling.BICUBIC)
    page = page.filter(ImageFilter.GaussianBlur(0.9))
    pixels = np.asarray(page, dtype=np.float64)
    noise = np.random.default_rng(rng.randrange(2**31)).normal(0, 14, pixels.shape)
    page = Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
    held = io.BytesIO()
    page.save(held, "JPEG", quality=35)
    return Image.open(io.BytesIO(held.getvalue())).convert("L")


def read_by_tesseract(image: Image.Image, path: Path) -> Document:
    """The document that the engine reads from `image`."""
    image.save(path)
    data = pytesseract.image_to_data(
        str(path), lang="fra", config="--psm 6", output_type=pytesseract.Output.DICT
    )
    rows: dict[tuple[int, int, int], list[Word]] = {}
    for place, text in enumerate(data["text"]):
        if text.strip():
            box = Box(
                x=data["left"][place],
                y=data["top"][place],
                width=data["width"][place],
                height=data["height"][place],
            )
            word = Word(text=text, box=box, confidence=max(0.0, data["conf"][place] / 100))
            key = (data["block_num"][place], data["par_num"][place], data["line_num"][place])
            rows.setdefault(key, []).append(word)
    base = document_from_text("x")
    page = base.pages[0].model_copy(
        update={
            "size": Size(width=image.width, height=image.height),
            "lines": tuple(
                Line(
                    words=tuple(words),
                    box=Box.around(tuple(word.box for word in words)),
                    kind=ZoneKind.PRINTED,
                    engine="tesseract",
                )
                for words in rows.values()
            ),
        }
    )
    return Document(id=base.id, scan=base.scan, pages=(page,), reason="test")


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_medicines_survive_a_bad_scan(tmp_path: Path) -> None:
    fonts = [font for font in FONTS if Path(font).is_file()]
    if not fonts:
        pytest.skip("no font to draw the lines with")
    rng = random.Random(5)
    right = wrong = missed = silent = 0
    for font in fonts:
        lines = clean_lines(20, rng)
        image = degraded([line for _, line in lines], font, rng)
        document = read_by_tesseract(image, tmp_path / "page.png")
        found = read_medications(text_lines(document), Settings(), prescription=True)
        names = {squash(fold_name(name)) for name, _ in lines}
        got = set()
        for medication in found:
            drug = medication.drug.value
            name = squash(fold_name(drug.name or drug.text)) if drug else ""
            if name in names:
                got.add(name)
            else:
                wrong += 1
                silent += medication.drug.state == "sure"
        right += len(got)
        missed += len(names) - len(got)
    assert right > 40
    assert 2 * right / (2 * right + wrong + missed) >= 0.97, (right, wrong, missed)
    assert silent <= 1
