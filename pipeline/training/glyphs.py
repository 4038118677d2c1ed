"""Characters of real hands: ``python -m pipeline.training.glyphs --lines DIR --out OUT``.

Fonts have few forms of them, and hands differ in capitals and figures more than in anything else.
A letter or figure is cut from a transcribed line where no stroke ties it to its neighbours; the
synthetic lines then draw with them (``python -m samples.generator.lines --glyphs OUT``).
``OUT/glyphs.tsv`` (file, symbol, writer, height, drop) lists grey images, ink light on black:
`height` is the glyph's and `drop` how far its foot lies below the line, both in heights of a
capital of its line.
"""

import argparse
import csv
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline.ocr import htr
from pipeline.ocr.decoding import CLASS_OF, align
from pipeline.ocr.ink import Ink, ink_of
from pipeline.training.data import LineImage, read_lines, trainable

_INK = 0.35
_RULE = 3
"""Strokes no higher than this, in pixels, are the paper's lines or specks."""
_WIDE = 1.6
"""Characters no wider than this, in their heights."""
_BELIEVED = 0.2
"""The least probability that the network gives a character where the transcript puts it: below,
the two may be out of step. Low, as those that it misreads teach most."""
_BELOW = "gjpqyçfQJ"
"""Letters whose foot often lies below the line."""
_ENOUGH = 3
"""Glyphs that a line must give for their sizes to be told."""
_CLEAR = 2.0
"""Pixels between a glyph's strokes and the place of the characters beside it."""


@dataclass(frozen=True)
class Glyph:
    """A character cut from a line: its ink (height, width) and its first and last row there."""

    symbol: str
    ink: Ink
    top: int
    foot: int


def cut(line: LineImage) -> list[Glyph]:
    """The letters and figures of a line that stand free of their neighbours."""
    wanted = [place for place, symbol in enumerate(line.text) if symbol.isalnum()]
    if not wanted:
        return []
    seen = htr.recogniser().look(line.grey)
    try:
        steps = align(seen.log_probs, line.text)
    except ValueError:
        return []
    places = [float(x) for x in (steps.mean(1) + 0.5) * seen.columns - seen.offset]
    ink = ink_of(line.grey)
    count, labels, boxes, centres = cv2.connectedComponentsWithStats(
        (ink > _INK).astype(np.uint8), connectivity=8
    )
    found = []
    for place in wanted:
        first, last = steps[place]
        believed = seen.log_probs[first : last + 1, CLASS_OF[line.text[place]]].max()
        if believed < math.log(_BELIEVED):
            continue
        before, after = _beside(line.text, places, place, line.grey.shape[1])
        left, right = (before + places[place]) / 2, (after + places[place]) / 2
        parts = [
            part
            for part in range(1, count)
            if left <= centres[part][0] <= right and boxes[part][3] > _RULE
        ]
        if not parts:
            continue
        x, y, width, height = (np.array([boxes[part][side] for part in parts]) for side in range(4))
        start, stop, top, foot = x.min(), (x + width).max(), y.min(), (y + height).max()
        if (
            top == 0
            or foot == len(ink)
            or not before + _CLEAR < start < places[place] + _CLEAR
            or not places[place] - _CLEAR < stop < after - _CLEAR
            or foot - top < len(ink) * _usual(line.text[place]) / 4
            or stop - start > _WIDE * (foot - top)
        ):
            continue
        mask = cv2.dilate(np.isin(labels, parts).astype(np.uint8), np.ones((3, 3), np.uint8))
        alone = np.where(mask > 0, np.clip(ink, 0, 1), 0).astype(np.float32)
        found.append(Glyph(line.text[place], alone[top:foot, start:stop], int(top), int(foot)))
    return found


def _beside(text: str, places: Sequence[float], place: int, width: int) -> tuple[float, float]:
    """Where the nearest characters before and after one stand, spaces left out."""
    others = [at for at, symbol in enumerate(text) if symbol != " "]
    before = max((places[at] for at in others if at < place), default=-_CLEAR)
    after = min((places[at] for at in others if at > place), default=width + _CLEAR)
    return before, after


def _usual(symbol: str) -> float:
    """A character's usual height, in heights of a capital."""
    return 0.55 if symbol in "acemnorsuvwxzœæ" else 0.8 if symbol in "iàâäçèéêëîïôöùûü" else 1.0


def placed(glyphs: Sequence[Glyph]) -> list[tuple[float, float]]:
    """Height and drop of a line's glyphs; see the module's docstring."""
    capital = float(
        np.median([(glyph.foot - glyph.top) / _usual(glyph.symbol) for glyph in glyphs])
    )
    base = np.median(
        [glyph.foot for glyph in glyphs if glyph.symbol not in _BELOW]
        or [round(glyph.foot - 0.3 * capital) for glyph in glyphs]
    )
    return [
        ((glyph.foot - glyph.top) / capital, float(glyph.foot - base) / capital) for glyph in glyphs
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Cut letters and figures from real lines.")
    parser.add_argument("--lines", type=Path, required=True, help="folder with lines.tsv")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    lines = [line for line in read_lines(options.lines) if trainable(line)]
    options.out.mkdir(parents=True, exist_ok=True)
    with (
        (options.out / "glyphs.tsv").open("w", encoding="utf-8", newline="") as table,
        ProcessPoolExecutor() as pool,
    ):
        rows = csv.writer(table, delimiter="\t", lineterminator="\n")
        rows.writerow(("file", "symbol", "writer", "height", "drop"))
        number = 0
        for line, glyphs in zip(lines, pool.map(cut, lines, chunksize=50), strict=True):
            if len(glyphs) < _ENOUGH:
                continue
            for glyph, (height, drop) in zip(glyphs, placed(glyphs), strict=True):
                file = f"{number:06}.png"
                cv2.imwrite(str(options.out / file), np.asarray(255 * glyph.ink, np.uint8))
                rows.writerow((file, glyph.symbol, line.writer, f"{height:.2f}", f"{drop:.2f}"))
                number += 1


if __name__ == "__main__":
    main()
