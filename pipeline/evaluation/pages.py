"""Whole pages by hand, from the scan alone, beside the same pages' true line crops.

``python -m pipeline.evaluation.pages PAGES LINES``: PAGES holds scans with a JSON file each
(`lines`, each with `text` and `polygon` in pixels of the scan), LINES a `lines.tsv` whose `page`
column names them. What is lost between the two error rates is lost by finding and cutting lines.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein
from rich.console import Console
from rich.table import Table

from pipeline.config import Settings
from pipeline.evaluation.handwriting import grey_image
from pipeline.imaging.decoding import decode
from pipeline.imaging.preparing import prepare
from pipeline.intake.scanning import inspect
from pipeline.model import Line
from pipeline.ocr.htr import HandwritingRecogniser, recogniser
from pipeline.ocr.reading import read_page
from pipeline.ocr.symbols import STRUCK, transcription

Polygon = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TruePage:
    """A scan, its lines' texts with their polygons (n, 2) in its pixels, and the lines' crops with
    their texts."""

    scan: Path
    lines: tuple[tuple[str, Polygon], ...]
    crops: tuple[tuple[Path, str], ...]


@dataclass(frozen=True)
class PageErrors:
    """Case-insensitive character errors over characters, from the scan and on the true crops, and
    the number of lines that were not found."""

    name: str
    scan: float
    crops: float
    missed: int


def true_pages(pages: Path, lines: Path) -> list[TruePage]:
    """The pages of a folder with their crops in another."""
    crops: dict[str, list[tuple[Path, str]]] = {}
    with (lines / "lines.tsv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            crop = lines / row["file"], transcription(row["text"])
            crops.setdefault(row["page"], []).append(crop)
    found = []
    for path in sorted(pages.glob("*.json")):
        truth: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found.append(
            TruePage(
                pages / truth["image"],
                tuple(
                    (transcription(line["text"]), np.array(line["polygon"], np.float32))
                    for line in truth["lines"]
                ),
                tuple(crops.get(path.stem, ())),
            )
        )
    return found


def placed(lines: Sequence[Line], polygons: Sequence[Polygon]) -> list[str]:
    """What was read on each polygon, its words from left to right.

    A word belongs to the polygon that its middle lies in or is nearest to, within its height.
    What lies on none is text that the truth leaves out, such as a printed notice.
    """
    words: list[list[tuple[float, str]]] = [[] for _ in polygons]
    for line in lines:
        for word in line.words if not line.struck else ():
            middle = (word.box.x + word.box.width / 2, word.box.y + word.box.height / 2)
            near = [cv2.pointPolygonTest(polygon, middle, True) for polygon in polygons]
            best = int(np.argmax(near))
            if near[best] > -word.box.height:
                words[best].append((middle[0], word.text))
    return [" ".join(text for _, text in sorted(row)) for row in words]


def error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Character error rate of (truth, reading) pairs, case and struck words aside."""
    errors = size = 0
    for truth, read in pairs:
        wanted, said = (
            " ".join(text.replace(STRUCK, " ").split()).lower() for text in (truth, read)
        )
        errors += Levenshtein.distance(wanted, said)
        size += len(wanted)
    return errors / max(size, 1)


def page_errors(page: TruePage, engine: HandwritingRecogniser, settings: Settings) -> PageErrors:
    """Reads a page from its scan and from its crops. Raises `InputError` for an unusable scan."""
    data = page.scan.read_bytes()
    scan = inspect(data, page.scan.name, settings)
    lines = read_page(prepare(decode(data, scan.media_type, 1, settings), settings), settings).lines
    read = placed(lines, [polygon for _, polygon in page.lines])
    texts = [text for text, _ in page.lines]
    crops = [(text, engine.read(grey_image(file)).decoded) for file, text in page.crops]
    return PageErrors(
        page.scan.stem,
        error_rate(zip(texts, read, strict=True)),
        error_rate(crops),
        sum(bool(text.strip(STRUCK)) and not said for text, said in zip(texts, read, strict=True)),
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure whole pages against their line crops.")
    parser.add_argument("pages", type=Path)
    parser.add_argument("lines", type=Path)
    options = parser.parse_args(argv)
    table = Table(title="Erreurs de caractères, en %", title_justify="left")
    for column in ("page", "depuis le scan", "sur les vraies lignes", "lignes manquées"):
        table.add_column(column, justify="left" if column == "page" else "right")
    settings, engine = Settings(), recogniser()
    measured = [
        (page, page_errors(page, engine, settings))
        for page in true_pages(options.pages, options.lines)
    ]
    for _, errors in measured:
        table.add_row(
            errors.name, f"{100 * errors.scan:.1f}", f"{100 * errors.crops:.1f}", str(errors.missed)
        )
    sizes = np.array([sum(len(text) for text, _ in page.lines) for page, _ in measured], float)
    shares = sizes / max(sizes.sum(), 1)
    table.add_row(
        "ensemble",
        f"{100 * sum(s * e.scan for s, (_, e) in zip(shares, measured, strict=True)):.1f}",
        f"{100 * sum(s * e.crops for s, (_, e) in zip(shares, measured, strict=True)):.1f}",
        str(sum(errors.missed for _, errors in measured)),
    )
    Console().print(table)


if __name__ == "__main__":
    main()
