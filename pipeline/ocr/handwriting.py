"""Printed or handwritten: told apart by line, and ink that nobody has read yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.model import Box
from pipeline.ocr import calibration, networks
from pipeline.raster import Pixels, outlines

HEIGHT = 32
"""Height in pixels of the network's input."""
STEP = 8
"""Columns of the network's input for each of its answers."""

NETWORK = Path(__file__).parent / "print_or_hand.onnx"
"""Trained by `pipeline.training.print_or_hand`."""

# Print that stays print beside a signature: log-odds of its own, and Tesseract's own score.
_PLAINLY_PRINTED, _READ_WELL = -3.0, 0.9

_LOOK_DPI = 100
_LEAST_HEIGHT, _MOST_HEIGHT = 1.2, 40.0  # millimetres of a word or a few joined lines by hand
_LEAST_WIDTH = 2.5
_MILLIMETRE = _LOOK_DPI / 25.4


def strip(grey: Pixels) -> npt.NDArray[np.float32]:
    """Ink of a line image (height, width) at the network's height: paper 0, strokes 1."""
    height, width = grey.shape
    size = (max(round(width * HEIGHT / height), STEP), HEIGHT)
    way = cv2.INTER_AREA if height > HEIGHT else cv2.INTER_LINEAR
    values = np.asarray(cv2.resize(grey, size, interpolation=way), np.uint8)
    # From the histogram: ten times faster than sorting the pixels of every line of a page.
    shares = np.bincount(values.ravel(), minlength=256).cumsum() / values.size
    paper, black = np.searchsorted(shares, (0.8, 0.02)).tolist()
    ink = np.clip((paper - values.astype(np.float32)) / max(paper - black, 40), 0, 1)
    return np.asarray(ink, np.float32)


def odds(line: Pixels) -> float:
    """Log-odds that a grey line image (height, width) is handwritten, for the network alone.

    Raises `SetupError` when the network's file is missing.
    """
    seen = strip(line)
    ink = np.zeros((HEIGHT, -(-seen.shape[1] // STEP) * STEP), np.float32)
    ink[:, : seen.shape[1]] = seen
    found = networks.session(NETWORK).run(None, {"ink": ink[None, None]})[0][0]
    columns = ink.max(axis=0).reshape(-1, STEP).max(axis=1)[: len(found)] > 0.3
    return float(found[columns].mean()) if columns.any() else 0.0


def features(lines: Sequence[Pixels], scores: Sequence[float]) -> list[tuple[float, ...]]:
    """What tells whether each line of a page, in reading order, is handwritten.

    What the line looks like counts, how unsure Tesseract was of it (`scores`, 0 to 1), and what
    the lines before and after it look like.
    """
    seen = [odds(line) for line in lines]
    result: list[tuple[float, ...]] = []
    for place, (own, score) in enumerate(zip(seen, scores, strict=True)):
        beside = [seen[other] for other in (place - 1, place + 1) if 0 <= other < len(seen)]
        neighbours = sum(beside) / len(beside) if beside else 0.0
        result.append((own, calibration.doubt(min(score, 0.985)), neighbours))
    return result


def probabilities(lines: Sequence[Pixels], scores: Sequence[float]) -> tuple[float, ...]:
    """Probability of each line of a page, in reading order, that it is handwritten."""
    curve = calibration.curve("by_hand")
    return tuple(
        0.0 if own < _PLAINLY_PRINTED and score > _READ_WELL else curve((own, *others))
        for (own, *others), score in zip(features(lines, scores), scores, strict=True)
    )


def unread_ink(grey: Pixels, dpi: float, read: Iterable[Box]) -> tuple[Box, ...]:
    """Boxes, in pixels of `grey`, around strokes that look like writing and lie in none of `read`.

    Ruled lines, frames, specks and solid shapes are no writing. `read` are the boxes of what is
    accounted for already: words read with confidence, barcodes.
    """
    scale = _LOOK_DPI / dpi
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    darkness = cv2.subtract(cv2.blur(small, (25, 25)), small)
    ink = np.asarray(cv2.threshold(darkness, 14, 1, cv2.THRESH_BINARY)[1], np.uint8)
    ink = _without_rules(ink)
    for box in read:
        left, top = int(box.x * scale) - 2, int(box.y * scale) - 2
        right, bottom = round(box.right * scale) + 3, round(box.bottom * scale) + 3
        ink[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 0
    strokes = cv2.bitwise_or(cv2.medianBlur(ink, 3), _strokes(ink))
    words = cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, np.ones((3, 9), np.uint8))
    found: list[Box] = []
    narrow: list[Box] = []
    for outline in outlines(np.asarray(words, np.uint8)):
        x, y, width, height = cv2.boundingRect(outline)
        if not _LEAST_HEIGHT <= height / _MILLIMETRE <= _MOST_HEIGHT or width >= 60 * height:
            continue
        if width / _MILLIMETRE < _LEAST_WIDTH:
            narrow.append(Box(x=x, y=y, width=width, height=height))
            continue
        here = np.s_[y : y + height, x : x + width]
        _, labels = cv2.connectedComponents(words[here])
        column, row = outline[0, 0].tolist()
        is_part = labels == labels[row - y, column - x]
        if int(strokes[here][is_part].sum()) < 0.75 * width * height:
            found.append(Box(x=x, y=y, width=width, height=height))
    return tuple(
        Box(x=box.x / scale, y=box.y / scale, width=box.width / scale, height=box.height / scale)
        for box in _with_figures(found, narrow)
    )


def _with_figures(found: Sequence[Box], narrow: Sequence[Box]) -> list[Box]:
    """`found`, and those of `narrow` that stand in a row with one of them: figures and short words
    are too narrow to be told from specks, but for what stands beside them."""
    result, left = list(found), list(narrow)
    for box in result:  # which grows by what it meets
        near = [one for one in left if _in_a_row(box, one)]
        left = [one for one in left if one not in near]
        result += near
    return result


def _in_a_row(one: Box, other: Box) -> bool:
    """Whether two boxes are level, and apart by no more than the height of the higher."""
    level = min(one.bottom, other.bottom) - max(one.y, other.y)
    gap = max(one.x, other.x) - min(one.right, other.right)
    high = max(one.height, other.height)
    return level > 0.5 * min(one.height, other.height) and gap <= high < 3 * other.height


def _without_rules(ink: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    across = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, 50), np.uint8))
    down = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((50, 1), np.uint8))
    rules = cv2.bitwise_or(across, down)
    if not cv2.countNonZero(rules):
        return ink
    return np.asarray(cv2.subtract(ink, cv2.dilate(rules, np.ones((3, 3), np.uint8))), np.uint8)


def _strokes(ink: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Connected ink of some length: what is left when specks are taken away."""
    specks = [outline for outline in outlines(ink) if max(cv2.boundingRect(outline)[2:]) < 6]
    return np.asarray(cv2.drawContours(ink.copy(), specks, -1, 0, cv2.FILLED), np.uint8)
