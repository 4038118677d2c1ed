"""Puts papers together into scan files with their truth.

Modes are how a paper came to be a file: printed, typewritten, handwritten (all by hand), mixed
(printed letterhead, handwritten body), fax (one bit) and photo. One scan in about twelve is a
batch of several patients; some have a blank page, some went in upside down.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal, get_args

import numpy as np

from samples.generator import degradation, writing
from samples.generator.contents import Kind, Paper, paper
from samples.generator.degradation import Capture, Pixels
from samples.generator.drawing import Mark, Sheet
from samples.generator.identities import professional
from samples.generator.rendering import Rendered, Writing, render
from samples.generator.vocabulary import Split, Vocabulary, vocabulary

Mode = Literal["printed", "typewritten", "handwritten", "mixed", "fax", "photo"]
MODES: tuple[Mode, ...] = get_args(Mode)
WEIGHTS: dict[Mode, int] = {
    "printed": 32, "typewritten": 10, "handwritten": 14, "mixed": 22, "fax": 10, "photo": 12,
}  # fmt: skip
NAMES = (
    "scan_{n:04d}",
    "Numérisation {n:03d}",
    "SCAN{n:05d}",
    "IMG_{n:04d}",
    "doc {n:03d}",
    "patient-{n:03d}",
)


@dataclass(frozen=True)
class ScanFile:
    """One scan: captured pages and its truth (docs/evaluation.md), ready to be written."""

    name: str
    container: writing.Container
    captures: tuple[Capture, ...]
    truth: dict[str, Any]
    quality: int = 82


def _places(page: int, marks: Sequence[Mark], capture: Capture) -> Iterator[dict[str, Any]]:
    """Where each fact is written, in percent of the page as a viewer shows it."""
    height, width = capture.pixels.shape[:2]
    if capture.orientation == 6:
        height, width = width, height
    for mark in marks:
        if not mark.facts:
            continue
        left, top, right, bottom = mark.box
        corners = np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]])
        moved = corners @ capture.homography.T
        points = moved[:, :2] / moved[:, 2:]
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        box = [
            100 * x0 / width,
            100 * y0 / height,
            100 * (x1 - x0) / width,
            100 * (y1 - y0) / height,
        ]
        for fact in mark.facts:
            yield {
                "fact": fact,
                "page": page,
                "box": [round(float(v), 2) for v in box],
                "handwritten": mark.handwritten,
            }


def _writing(rng: Random, mode: Mode) -> Writing:
    if mode == "fax" or mode == "photo":
        written: Writing = rng.choices(("printed", "typewritten", "mixed"), weights=(60, 15, 25))[0]
        return written
    return mode


def _capture(
    rng: Random, mode: Mode, pixels: Pixels, sheet: Paper, back: Pixels | None, hardness: float
) -> Capture:
    if mode == "fax":
        header = ""
        if rng.random() < 0.5:
            time = f"{rng.randint(8, 19):02d}:{rng.randint(0, 59):02d}"
            header = f"{sheet.date:%d/%m/%Y} {time}   FAX {sheet.prescriber.phone}   P. 01"
        return degradation.faxed(pixels, rng, header)
    if mode == "photo":
        return degradation.photographed(pixels, rng)
    return degradation.scanned(pixels, rng, hardness, back)


def capture_page(
    rng: Random,
    mode: Mode,
    sheet: Paper,
    pages: Sequence[Rendered],
    first_page: int,
    hardness: float,
) -> tuple[list[Capture], dict[str, Any]]:
    """Capture the drawn pages of one paper; its truth, with pages counted from `first_page`."""
    captures = []
    places: list[dict[str, Any]] = []
    for number, page in enumerate(pages, start=first_page):
        back = pages[0].pixels if rng.random() < 0.06 else None
        capture = _capture(rng, mode, page.pixels, sheet, back, hardness)
        captures.append(capture)
        places += _places(number, page.marks, capture)
    numbers = list(range(first_page, first_page + len(pages)))
    return captures, {"pages": numbers, "mode": mode, **sheet.facts, "places": places}


def document(
    rng: Random, sheet: Paper, mode: Mode, words: Vocabulary, first_page: int, hardness: float
) -> tuple[list[Capture], dict[str, Any]]:
    """Draw and capture one paper. `hardness` as in `degradation.scanned`."""
    written = _writing(rng, mode)
    pages = render(sheet, rng, words.split, written, rng.choice(words.wording["continued"]))
    captures, truth = capture_page(rng, mode, sheet, pages, first_page, hardness)
    return captures, {"writing": written, **truth}


def turn(
    captures: Sequence[Capture], truth: dict[str, Any], degrees: int
) -> tuple[list[Capture], dict[str, Any]]:
    """The same pages fed in turned clockwise by 90, 180 or 270 degrees."""
    places = [_turned_place(place, degrees) for place in truth["places"]]
    return [degradation.turned(c, degrees) for c in captures], {**truth, "places": places}


def single(
    rng: Random, words: Vocabulary, mode: Mode, number: int, kind: Kind | None = None
) -> ScanFile:
    """One paper in one file, now and then with a blank back or upside down."""
    sheet = paper(rng, words, kind)
    captures, truth = document(rng, sheet, mode, words, 1, rng.random() ** 1.5)
    blank: list[int] = []
    rotation = 0
    container: writing.Container
    if mode == "photo":
        container = "jpg"
    elif mode == "fax":
        container = "tif"
    elif len(captures) > 1:
        container = rng.choice(("pdf", "pdf", "tif"))
    else:
        container = rng.choice(("pdf", "pdf", "pdf", "jpg", "png", "webp"))
    if mode not in ("photo", "fax") and rng.random() < 0.10:
        rotation = rng.choice((90, 180, 270))
        captures, truth = turn(captures, truth, rotation)
    if container == "pdf" and rng.random() < 0.08:
        captures.append(blank_page(rng))
        blank.append(len(captures))
    if mode == "photo" and len(captures) > 1:
        container = "pdf"
    name = rng.choice(NAMES).format(n=number) + f".{container}"
    scan = {
        "scan": name,
        "blank": blank,
        "separators": [],
        "rotation": rotation,
        "documents": [truth],
    }
    return ScanFile(name, container, tuple(captures), scan, rng.choice((70, 80, 88)))


def _turned_place(place: dict[str, Any], degrees: int) -> dict[str, Any]:
    x, y, width, height = place["box"]
    box = {
        90: [100 - y - height, x, height, width],
        180: [100 - x - width, 100 - y - height, width, height],
        270: [y, 100 - x - width, height, width],
    }[degrees]
    return {**place, "box": [round(v, 2) for v in box]}


def blank_page(rng: Random) -> Capture:
    """A scanned sheet without a word on it."""
    return degradation.scanned(Sheet.blank().pixels(rng), rng, rng.uniform(0.1, 0.6))


def batch(rng: Random, words: Vocabulary, mode: Mode, number: int, count: int) -> ScanFile:
    """Several patients of one practice fed in one go, some sheets followed by a blank back."""
    captures: list[Capture] = []
    documents: list[dict[str, Any]] = []
    blank: list[int] = []
    midwife = rng.random() < 0.2
    who = professional(rng, words, midwife)
    for _ in range(count):
        same = rng.random() < 0.6
        kind: Kind | None = (
            rng.choice(("ordonnance", "suivi-de-grossesse")) if midwife and same else None
        )
        sheet = paper(rng, words, kind if same else None, who if same else None)
        hardness = rng.random() ** 1.5
        pages, truth = document(rng, sheet, mode, words, len(captures) + 1, hardness)
        captures += pages
        documents.append(truth)
        if rng.random() < 0.15:
            captures.append(blank_page(rng))
            blank.append(len(captures))
    container: writing.Container = "tif" if mode == "fax" else "pdf"
    name = f"lot {number:03d}.{container}"
    scan = {"scan": name, "blank": blank, "separators": [], "rotation": 0, "documents": documents}
    return ScanFile(name, container, tuple(captures), scan, 75)


def scans(count: int, seed: int, split: Split, modes: Sequence[Mode] = MODES) -> Iterator[ScanFile]:
    """Scan files holding `count` documents, in `modes` by their usual shares.

    The same seed gives the same scans.
    """
    rng = Random(f"{split}-{seed}")
    words = vocabulary(split)
    made = number = 0
    while made < count:
        number += 1
        mode = rng.choices(modes, weights=[WEIGHTS[m] for m in modes])[0]
        source = Random(f"{split}-{seed}-{number}")
        if mode != "photo" and count - made >= 2 and rng.random() < 0.07:
            scan = batch(source, words, mode, number, min(count - made, rng.choice((2, 3))))
        else:
            scan = single(source, words, mode, number)
        made += len(scan.truth["documents"])
        yield scan


def store(scan: ScanFile, out: Path) -> None:
    """Write a scan to `out/inbox` and its truth to `out/truth`."""
    inbox, truth = out / "inbox", out / "truth"
    for folder in (inbox, truth):
        folder.mkdir(parents=True, exist_ok=True)
    path = inbox / scan.name
    path.parent.mkdir(parents=True, exist_ok=True)
    writing.save(scan.captures, path, scan.container, scan.quality)
    sha1 = hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
    text = json.dumps({**scan.truth, "sha1": sha1}, ensure_ascii=False, indent=1)
    (truth / f"{Path(scan.name).stem}.json").write_text(text + "\n", encoding="utf-8")
