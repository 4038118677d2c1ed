"""Printed pages for the benchmark: full A4 pages at 300 dpi, scanned with care."""

from __future__ import annotations

from pathlib import Path
from random import Random

from samples.generator import writing
from samples.generator.contents import paper
from samples.generator.degradation import scanned
from samples.generator.rendering import render
from samples.generator.vocabulary import vocabulary


def printed_pages(folder: Path, count: int, seed: int) -> list[Path]:
    """Write `count` one-page printed papers as grey PNG images; returns their paths."""
    words = vocabulary("development")
    paths: list[Path] = []
    attempt = 0
    while len(paths) < count:
        attempt += 1
        rng = Random(f"pages-{seed}-{attempt}")
        sheet = paper(
            rng, words, rng.choice(("ordonnance", "note-de-consultation", "suivi-de-grossesse"))
        )
        drawn = render(sheet, rng, "development", "printed", "{n}/{total}")
        if len(drawn) != 1:
            continue
        capture = scanned(drawn[0].pixels, rng, 0.2)
        path = folder / f"page {len(paths) + 1:02d}.png"
        writing.save([capture], path, "png", 80)
        paths.append(path)
    return paths
