"""What is on a page: writing, nothing, or something that is no document at all.

A faint pencil note is writing; ink that shows through from the other side is not.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.imaging import ink
from pipeline.raster import Pixels

_DPI = 150.0  # of the copy that is judged
_STROKE_AREA = 100  # pixels (2.9 mm²): a smaller mark is a speck, or says too little of its edge
_FEWEST_STROKES = 2
_PLAINLY_INKED = 0.0015  # share of the page under strong ink that needs no closer look
# Darkness of a stroke under a narrow blur over that under a wide one. Measured on pencil laid over
# paper texture 1.8 to 2.5, on ink blurred through the sheet 1.1 to 1.58.
_SHARP_STROKE = 1.65
_BLURRED_INK = 60.0
_NEVER_THROUGH = 90.0  # darkness that no ink from the other side reaches


def is_document(dark: Pixels, tone: Pixels, mask: Pixels, line_margin: float) -> bool:
    """Whether a page reduced to about 100 dpi looks like paper: with marks the size of letters,
    or lines of text (`line_margin` of `orientation.Lean`), or nearly nothing on an even ground.

    `dark` is its darkness, `tone` its paper, `mask` its ink. Thresholds lie between 147 scanned
    pages and two dozen photographs of people, places, things and textures.
    """
    paper_share = cv2.countNonZero(cv2.inRange(dark, 0, 15)) / dark.size
    inked = cv2.countNonZero(mask) / mask.size
    mean, deviation = cv2.meanStdDev(tone)
    even = float(deviation[0, 0]) < 0.1 * float(mean[0, 0])
    if even and (paper_share > 0.97 or (line_margin >= 10 and inked < 0.15)):
        return True
    _, _, found, _ = cv2.connectedComponentsWithStats(mask)
    area = found[1:, cv2.CC_STAT_AREA]
    size = np.maximum(found[1:, cv2.CC_STAT_WIDTH], found[1:, cv2.CC_STAT_HEIGHT])
    letters = (size < 60) & (area > 12)
    share = float(area[letters].sum()) / max(float(area.sum()), 1.0)
    return inked < 0.25 and (share >= 0.3 or (line_margin >= 6 and int(letters.sum()) >= 20))


def is_blank(grey: Pixels, dpi: float, reduced: Pixels, writing: Pixels) -> bool:
    """Judge a straight (height, width) grey page of `dpi`; `reduced` is the same page at about
    100 dpi and `writing` its ink without rules."""
    height, width = (side // 12 for side in writing.shape)
    middle = writing[height:-height, width:-width]  # inside of any punch hole or scanner edge
    least = _PLAINLY_INKED * writing.size
    plain = cv2.countNonZero(middle) >= least or cv2.countNonZero(_cleared(writing)) >= least
    if plain and not _is_faint(reduced, writing):
        return False
    scale = min(_DPI / dpi, 1.0)
    size = (max(round(grey.shape[1] * scale), 1), max(round(grey.shape[0] * scale), 1))
    page = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    dark = ink.darkness(page, ink.paper(page, 61)).astype(np.float32)
    narrow = cv2.GaussianBlur(dark, (0, 0), 0.7)
    wide = cv2.GaussianBlur(dark, (0, 0), 2.5)
    paper = float(np.median(narrow))
    noise = 1.48 * float(np.median(np.abs(narrow - paper)))
    marked = (narrow > paper + max(5 * noise, 5.0)).astype(np.uint8) * np.uint8(255)
    marked = _cleared(ink.without_rules(np.asarray(marked, np.uint8)))
    if float(np.percentile(narrow[marked > 0], 90) if marked.any() else 0.0) > _BLURRED_INK:
        return False  # too dark to shine through: written, and badly scanned
    return _sharp_strokes(marked, narrow - paper, wide - paper) < _FEWEST_STROKES


def _is_faint(page: Pixels, writing: Pixels) -> bool:
    """Whether what the mask shows is so pale that it may come through from the other side."""
    tones = page[writing > 0]
    return float(np.percentile(tones, 10)) > 0.6 * float(np.median(page[::4, ::4]))


def _cleared(mask: Pixels) -> Pixels:
    """The mask without what touches the border (scanner edges) and without punch holes."""
    height, width = mask.shape
    count, labels, found, _ = cv2.connectedComponentsWithStats(mask)
    x, y, w, h, area = found.T
    at_border = (x <= 1) | (y <= 1) | (x + w >= width - 1) | (y + h >= height - 1)
    # a hole is 5 to 8 mm across and within 25 mm of the edge, on a sheet some 297 mm long
    millimetre = max(height, width) / 297
    size = np.maximum(w, h) / millimetre
    round_shape = (area > 0.6 * w * h) & (np.minimum(w, h) > 0.75 * np.maximum(w, h))
    near_edge = np.minimum.reduce([x, y, width - x - w, height - y - h]) < 25 * millimetre
    hole = round_shape & near_edge & (size > 3.5) & (size < 9.5)
    drop = at_border | hole
    drop[0] = True
    kept: npt.NDArray[np.uint8] = np.where(drop[:count], 0, 255).astype(np.uint8)
    return np.asarray(kept[labels], np.uint8)


def _sharp_strokes(
    marked: Pixels, narrow: npt.NDArray[np.float32], wide: npt.NDArray[np.float32]
) -> int:
    count, labels, found, _ = cv2.connectedComponentsWithStats(marked)
    area = found[:, cv2.CC_STAT_AREA]
    # the middle of strokes only: their edges look alike, sharp or not
    core = (narrow > 0.6 * cv2.dilate(narrow, np.ones((9, 9), np.uint8))).ravel()
    flat = labels.ravel()[core]
    top = np.bincount(flat, narrow.ravel()[core], count)
    base = np.maximum(np.bincount(flat, wide.ravel()[core], count), 1e-3)
    pixels = np.maximum(np.bincount(flat, minlength=count), 1)
    sharp = (top / base >= _SHARP_STROKE) | (top / pixels >= _NEVER_THROUGH)
    return int((sharp & (area >= _STROKE_AREA))[1:].sum())
