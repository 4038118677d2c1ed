"""The small inbox committed in `samples/inbox`: one of everything that a practice scans.

Made again with `python -m samples.generator samples`; its files are kept light (under 6 MB in all).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pypdfium2

from pipeline.intake.separator import separator_pdf
from samples.generator import degradation
from samples.generator.contents import Kind, paper
from samples.generator.degradation import Capture
from samples.generator.drawing import HEIGHT
from samples.generator.identities import professional
from samples.generator.rendering import render
from samples.generator.scans import (
    Mode,
    ScanFile,
    blank_page,
    capture_page,
    document,
    store,
    turn,
)
from samples.generator.vocabulary import vocabulary
from samples.generator.writing import Container

SEED = 2026
_LIGHT = 0.35

# Path in the inbox, how it was made, what it is, seed, and clockwise turn of the sheet.
_SINGLE: tuple[tuple[str, Mode, Kind, int, int], ...] = (
    ("ordonnance imprimée.pdf", "printed", "ordonnance", 3, 0),
    ("ordonnance bizone.pdf", "printed", "ordonnance-bizone", 5, 0),
    ("scan_0003.webp", "printed", "note-de-consultation", 2, 0),
    ("consultation dactylographiée.jpg", "typewritten", "note-de-consultation", 3, 0),
    ("sage-femme/suivi de grossesse.pdf", "printed", "suivi-de-grossesse", 4, 0),
    ("bilan à jeun.png", "printed", "demande-d-examens", 6, 0),
    ("certificat.pdf", "typewritten", "certificat", 2, 0),
    ("ordonnance manuscrite.jpg", "handwritten", "ordonnance", 8, 0),
    ("note manuscrite.pdf", "handwritten", "note-de-consultation", 9, 0),
    ("en-tête et manuscrit.pdf", "mixed", "ordonnance", 12, 0),
    ("sage-femme/SCAN00011.jpg", "mixed", "suivi-de-grossesse", 7, 0),
    ("fax du soir.tif", "fax", "ordonnance", 10, 0),
    ("IMG_0412.jpg", "photo", "ordonnance", 14, 0),
    ("page tournée.jpg", "printed", "ordonnance", 15, 90),
)


def _bilevel(capture: Capture) -> Capture:
    """As a scanner's text mode stores it: black and white."""
    grey = capture.pixels if capture.pixels.ndim == 2 else capture.pixels.mean(axis=2)
    return replace(capture, pixels=np.where(grey < 150, 0, 255).astype(np.uint8), bilevel=True)


def _single(path: str, mode: Mode, kind: Kind, seed: int, degrees: int) -> ScanFile:
    rng = Random(f"inbox-{SEED}-{seed}")
    words = vocabulary("development")
    container: Container = Path(path).suffix.removeprefix(".")  # type: ignore[assignment]
    captures, truth = document(rng, paper(rng, words, kind), mode, words, 1, hardness=_LIGHT)
    if container not in ("pdf", "tif"):
        captures, truth["pages"] = captures[:1], [1]
    if container == "png":
        captures = [_bilevel(capture) for capture in captures]
    if degrees:
        captures, truth = turn(captures, truth, degrees)
    scan = {"scan": path, "blank": [], "separators": [], "rotation": degrees, "documents": [truth]}
    return ScanFile(path, container, tuple(captures), scan, quality=55)


def _two_pages() -> ScanFile:
    """A prescription of two pages, "1/2" and "2/2", with a blank back fed in after it."""
    words = vocabulary("development")
    for seed in range(1, 200):
        rng = Random(f"inbox-{SEED}-two-{seed}")
        sheet = paper(rng, words, "note-de-consultation")
        pages = render(sheet, Random(seed), "development", "mixed", "{n}/{total}")
        if len(pages) == 2 and sum(bool(mark.facts) for mark in pages[1].marks) >= 3:
            break
    captures, truth = capture_page(rng, "mixed", sheet, pages, 1, _LIGHT)
    captures.append(blank_page(rng))
    name = "deux pages 1 sur 2.pdf"
    scan = {"scan": name, "blank": [3], "separators": [], "rotation": 0, "documents": [truth]}
    return ScanFile(name, "pdf", tuple(captures), scan, quality=50)


def _phone() -> ScanFile:
    """Half a sheet photographed with a phone that stores HEIC, at half its resolution."""
    words = vocabulary("development")
    for seed in range(1, 400):
        rng = Random(f"inbox-{SEED}-phone-{seed}")
        sheet = paper(rng, words, "ordonnance")
        pages = render(sheet, rng, "development", "printed", "{n}/{total}")
        if len(sheet.facts["medications"]) >= 2 and len(pages[0].pixels) < HEIGHT:
            break
    captures, truth = capture_page(rng, "photo", sheet, pages, 1, _LIGHT)
    small = replace(captures[0], pixels=np.ascontiguousarray(captures[0].pixels[::2, ::2]))
    name = "IMG_0413.heic"
    scan = {"scan": name, "blank": [], "separators": [], "rotation": 0, "documents": [truth]}
    return ScanFile(name, "heic", (small,), scan)


def _batch() -> ScanFile:
    """Four patients of two practices in one go: a separator sheet once, else by letterhead."""
    rng = Random(f"inbox-{SEED}-batch")
    words = vocabulary("development")
    captures: list[Capture] = []
    documents = []
    separators = []
    first, second = professional(rng, words, False), professional(rng, words, False)
    plan: tuple[tuple[Kind, bool], ...] = (
        ("ordonnance", True),
        ("ordonnance", True),
        ("note-de-consultation", False),
        ("certificat", False),
    )
    for number, (kind, of_first) in enumerate(plan):
        sheet = paper(rng, words, kind, first if of_first else second)
        pages, truth = document(rng, sheet, "printed", words, len(captures) + 1, hardness=_LIGHT)
        captures += pages
        documents.append(truth)
        if number == 0:
            page = pypdfium2.PdfDocument(separator_pdf())[0].render(scale=300 / 72).to_numpy()
            captures.append(degradation.scanned(np.ascontiguousarray(page[..., :3]), rng, 0.1))
            separators.append(len(captures))
    name = "lot du lundi.pdf"
    scan = {
        "scan": name,
        "blank": [],
        "separators": separators,
        "rotation": 0,
        "documents": documents,
    }
    return ScanFile(name, "pdf", tuple(captures), scan, quality=50)


def scans() -> Iterator[ScanFile]:
    """The readable files of the committed inbox."""
    for entry in _SINGLE:
        yield _single(*entry)
    makers: tuple[Callable[[], ScanFile], ...] = (_two_pages, _phone, _batch)
    for make in makers:
        yield make()


def store_inbox(out: Path) -> None:
    """Write the inbox and its truth under `out`, with one truncated file that must be refused."""
    for scan in scans():
        store(scan, out)
    whole = (out / "inbox" / "ordonnance manuscrite.jpg").read_bytes()
    (out / "inbox" / "numérisation interrompue.jpg").write_bytes(whole[: len(whole) // 3])
