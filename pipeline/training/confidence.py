"""Fits `pipeline/ocr/calibration.json`: from the engines' own figures to probabilities.

    python -m pipeline.training.confidence --lines ../shared/handwriting/lines \\
        --out pipeline/ocr/calibration.json

Pages are made by the sample generator in the development fonts and words, in all modes, and
prepared as the product prepares them; every word read is compared with the word that was written
there. PP-OCR learns from lines of these pages and from real lines of the training writers. What
error is left is measured on pages and writers a curve was not fitted on, in five folds.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.config import Settings
from pipeline.imaging.preparing import prepare
from pipeline.model import Box, ZoneKind
from pipeline.ocr import handwriting, rapid, tesseract
from pipeline.ocr.engine import ZoneImage
from pipeline.ocr.tesseract import RawWord, Tesseract
from pipeline.raster import Pixels, Prepared, Raster, Transform
from samples.generator import degradation
from samples.generator.contents import paper
from samples.generator.rendering import Writing, render
from samples.generator.vocabulary import vocabulary

log = logging.getLogger(__name__)
Table = npt.NDArray[np.float64]

WRITINGS: tuple[Writing, ...] = ("printed", "typewritten", "handwritten", "mixed")
_PLAIN = str.maketrans({"’": "'", "–": "-", "—": "-", "“": '"', "”": '"', "×": "x"})
_BLOCK = 40
"""Fewest words behind a point of a curve."""


@dataclasses.dataclass(frozen=True)
class Mark:
    """What was written where: four corners in original pixels, and whether by hand."""

    text: str
    corners: npt.NDArray[np.float32]
    by_hand: bool

    def holds(self, box: Box) -> bool:
        middle = (box.x + box.width / 2, box.y + box.height / 2)
        return cv2.pointPolygonTest(self.corners, middle, False) >= 0


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A page as prepared, with what stands on it."""

    number: int
    prepared: Prepared
    marks: tuple[Mark, ...]


@dataclasses.dataclass
class Samples:
    """Feature rows with what came true, and the page or writer each comes from."""

    rows: list[Sequence[float]] = dataclasses.field(default_factory=list)
    right: list[bool] = dataclasses.field(default_factory=list)
    group: list[str] = dataclasses.field(default_factory=list)

    def add(self, row: Sequence[float], right: bool, group: str) -> None:
        self.rows.append(row)
        self.right.append(right)
        self.group.append(group)


def sheets(count: int, seed: int) -> Iterator[Sheet]:
    """Generated pages, captured by scanner, fax and phone in turn."""
    words = vocabulary("development")
    settings = Settings()
    for number in range(count):
        chance = random.Random(f"confidence-{seed}-{number}")  # noqa: S311 - reproducible
        writing = WRITINGS[number % len(WRITINGS)]
        drawn = render(paper(chance, words, None), chance, "development", writing, "")[0]
        means = chance.choices(("scan", "fax", "photo"), weights=(6, 2, 2))[0]
        if means == "fax":
            capture = degradation.faxed(drawn.pixels, chance, "")
        elif means == "photo":
            capture = degradation.photographed(drawn.pixels, chance)
        else:
            capture = degradation.scanned(drawn.pixels, chance, chance.random() ** 1.5)
        pixels = capture.pixels if capture.orientation == 1 else np.rot90(capture.pixels, -1)
        prepared = prepare(Raster(np.ascontiguousarray(pixels), float(capture.dpi)), settings)
        places = Transform(capture.homography)
        marks = tuple(
            Mark(mark.text, _corners(mark.box, places), mark.handwritten) for mark in drawn.marks
        )
        log.info("page %d: %s, %s", number, writing, means)
        yield Sheet(number, prepared, marks)


def _corners(box: tuple[float, float, float, float], places: Transform) -> npt.NDArray[np.float32]:
    left, top, right, bottom = box
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    return places.points(corners).astype(np.float32)


def judged(read: Sequence[str], written: str) -> list[bool]:
    """For each word read whether it stands in the text written, in its place."""
    words = [word.translate(_PLAIN) for word in read]
    right = [False] * len(words)
    matcher = SequenceMatcher(None, words, written.translate(_PLAIN).split(), autojunk=False)
    for block in matcher.get_matching_blocks():
        right[block.a : block.a + block.size] = [True] * block.size
    return right


def collect(pages: Iterable[Sheet], lines: Path) -> dict[str, Samples]:
    """Samples of what tells handwriting, of Tesseract's words and of PP-OCR's words."""
    samples = {name: Samples() for name in ("by_hand", "tesseract", "rapidocr")}
    engine = Tesseract(Settings())
    pending: list[tuple[RawWord, tuple[RawWord, ...], tuple[float, ...], bool, str]] = []
    for page in pages:
        zone = ZoneImage(
            page.prepared.grey, ZoneKind.PRINTED, page.prepared.dpi, page.prepared.transform
        )
        found = engine.passages(zone)
        images = [tesseract.cut(zone.grey, tesseract.around(words)) for words in found]
        looks = handwriting.features(images, list(map(tesseract.score, found)))
        group = f"page {page.number}"
        placed = [
            (word, words, look, zone.transform.box(word.box))
            for words, look in zip(found, looks, strict=True)
            for word in words
        ]
        seen: set[int] = set()
        for mark in page.marks:
            here = sorted(
                (one for one in placed if mark.holds(one[3])), key=lambda one: one[0].box.x
            )
            right = judged([word.text for word, *_ in here], mark.text)
            for (word, words, look, _), true in zip(here, right, strict=True):
                pending.append((word, words, look, true, group))
                if id(words) not in seen:
                    seen.add(id(words))
                    samples["by_hand"].add(look, mark.by_hand, group)
        _general(page, samples["rapidocr"], group)
    _real_lines(lines, samples["rapidocr"])
    curve = _logistic(samples["by_hand"])
    for word, words, look, true, group in pending:
        by_hand = 1 / (1 + np.exp(-(curve[0] + np.dot(curve[1], look))))
        samples["tesseract"].add(tesseract.features(word, words, float(by_hand)), true, group)
    return samples


def _general(page: Sheet, samples: Samples, group: str) -> None:
    """PP-OCR on some marks of a page."""
    back = Transform(np.asarray(np.linalg.inv(page.prepared.transform.matrix), np.float64))
    for mark in page.marks[:: max(len(page.marks) // 8, 1)]:
        corners = back.points(mark.corners.astype(np.float64))
        x, y = corners.min(axis=0)
        right, bottom = corners.max(axis=0)
        box = Box(x=float(x), y=float(y), width=float(right - x), height=float(bottom - y))
        image = tesseract.cut(page.prepared.grey, box)
        if min(image.shape) > 10:
            _compare(image, mark.text, samples, group)


def _real_lines(folder: Path, samples: Samples) -> None:
    """Some 300 unflagged lines by contemporary hands."""
    with (folder / "train" / "lines.tsv").open(encoding="utf-8", newline="") as table:
        rows = [
            row
            for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
            if row["source"] == "copiste" and not row["flags"]
        ]
    for row in rows[:: max(len(rows) // 300, 1)]:
        image = cv2.imread(str(folder / "train" / row["file"]), cv2.IMREAD_GRAYSCALE)
        _compare(np.asarray(image, np.uint8), row["text"], samples, row["writer"])


def _compare(image: Pixels, text: str, samples: Samples, group: str) -> None:
    (read,) = rapid.recogniser().recognise([image])
    characters = [value for word in read.words for value in word.characters]
    mean = sum(characters) / max(len(characters), 1)
    right = judged([word.text for word in read.words], text)
    for word, true in zip(read.words, right, strict=True):
        samples.add(rapid.features(word.text, word.characters, mean), true, group)


# --- fitting --------------------------------------------------------------------------------


def _logistic(samples: Samples) -> tuple[float, Table]:
    """Bias and weights of a logistic regression, by Newton's method, mildly regularised."""
    rows, right = np.array(samples.rows, np.float64), np.array(samples.right, np.float64)
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    values = np.column_stack([np.ones(len(rows)), (rows - mean) / spread])
    weights = np.zeros(values.shape[1])
    ridge = np.eye(len(weights))
    ridge[0, 0] = 0
    for _ in range(40):
        found = 1 / (1 + np.exp(-values @ weights))
        slope = values.T @ (right - found) - ridge @ weights
        bend = (values.T * (found * (1 - found))) @ values + ridge
        weights += np.linalg.solve(bend, slope)
    return float(weights[0] - (weights[1:] * mean / spread).sum()), weights[1:] / spread


def _steps(scores: Table, right: Table) -> tuple[list[float], list[float]]:
    """Pool adjacent violators: knots of a rising curve, each from at least `_BLOCK` words, none
    at certainty."""
    blocks: list[list[float]] = []
    for place in np.argsort(scores, kind="stable"):
        score = float(scores[place])
        blocks.append([score, score, float(right[place]), 1.0])
        while len(blocks) > 1 and (
            blocks[-2][3] < _BLOCK or blocks[-2][2] / blocks[-2][3] >= blocks[-1][2] / blocks[-1][3]
        ):
            last = blocks.pop()
            blocks[-1] = [
                blocks[-1][0], last[1], blocks[-1][2] + last[2], blocks[-1][3] + last[3],
            ]  # fmt: skip
    middles = [(first + last) / 2 for first, last, _, _ in blocks]
    shares = np.maximum.accumulate([(hits + 0.5) / (count + 1.5) for *_, hits, count in blocks])
    return middles, shares.tolist()


def fitted(samples: Samples, names: Sequence[str], data: str) -> dict[str, Any]:
    """A curve as `calibration.json` keeps it."""
    rows, right = np.array(samples.rows, np.float64), np.array(samples.right, np.float64)
    groups = sorted(set(samples.group))
    fold = np.array([groups.index(group) % 5 for group in samples.group])
    told = np.zeros(len(rows))
    for part in range(5):
        kept = np.flatnonzero(fold != part)
        some = Samples([samples.rows[i] for i in kept], [samples.right[i] for i in kept])
        bias, weights = _logistic(some)
        knots, shares = _steps(bias + rows[kept] @ weights, right[kept])
        told[fold == part] = np.interp(bias + rows[fold == part] @ weights, knots, shares)
    bias, weights = _logistic(samples)
    knots, shares = _steps(bias + rows @ weights, right)
    return {
        "features": list(names),
        "weights": np.round(weights, 4).tolist(),
        "bias": round(bias, 4),
        "scores": np.round(knots, 3).tolist(),
        "probabilities": np.round(shares, 4).tolist(),
        "fitted": {
            "by": "pipeline.training.confidence",
            "data": data,
            "samples": len(rows),
            "groups": len(groups),
            "calibration error on other groups": round(calibration_error(told, right), 4),
            "right at one half on other groups": round(float(((told > 0.5) == right).mean()), 4),
        },
    }


def calibration_error(told: Table, right: Table, bins: int = 15) -> float:
    """Mean distance between what was told and what came true, in bins of equal size."""
    order = np.array_split(np.argsort(told), bins)
    return float(sum(abs(told[b].mean() - right[b].mean()) * len(b) for b in order) / len(told))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Fit the confidences of the reading engines.")
    parser.add_argument("--lines", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    samples = collect(sheets(chosen.pages, chosen.seed), chosen.lines)
    pages = f"{chosen.pages} generated pages of all modes, development fonts and words"
    word = ("word", "weakest_character", "line", "digit", "log_length", "symbol")
    curves = {
        "by_hand": fitted(samples["by_hand"], ("network", "doubt", "neighbours"), pages),
        "tesseract": fitted(samples["tesseract"], (*word, "by_hand"), pages),
        "rapidocr": fitted(samples["rapidocr"], word, f"{pages}; real lines of training writers"),
    }
    chosen.out.write_text(json.dumps(curves, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, curve in curves.items():
        log.info("%s: %s", name, curve["fitted"])


if __name__ == "__main__":
    main()
