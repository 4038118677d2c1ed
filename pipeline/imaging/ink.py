"""Where the ink is: paper tone, relative darkness and ink masks of a reduced grey page."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.raster import Pixels

_THICK = 6  # pixels at 100 to 150 dpi: no rule is a millimetre and a half
_LONG = 8  # a rule that nothing crosses is an eighth of the page long at least
_STAIN = 16  # darkness that the noise of rough paper stays below


def paper(grey: Pixels, reach: int) -> Pixels:
    """Tone of the paper under and around the ink, the shape of `grey`.

    Ink thinner than `reach` pixels is bridged: a closing at a quarter of the size, smoothed.
    """
    height, width = grey.shape
    small = cv2.resize(
        grey, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA
    )
    side = max(reach // 4, 1) | 1
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    smooth = cv2.blur(cv2.medianBlur(closed, 5), (side, side))
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def darkness(grey: Pixels, tone: Pixels) -> Pixels:
    """How much darker than its paper each pixel is: 0 paper, 255 black."""
    light = cv2.divide(grey, tone, scale=255)
    return np.asarray(cv2.bitwise_not(light), np.uint8)


def mask(dark: Pixels) -> Pixels:
    """255 where there is ink. The threshold is Otsu's between ink and stains, held above what the
    paper's own noise reaches and low enough for pale strokes."""
    counts = np.bincount(dark.ravel(), minlength=256)
    reached = np.cumsum(counts) / dark.size
    paper = int(np.searchsorted(reached, 0.5))
    noise = int(np.searchsorted(reached, 0.84)) - paper  # one standard deviation
    stain = min(max(paper + 6 * noise, 8), _STAIN)
    stained = dark[dark > stain]
    level = cv2.threshold(stained, 0, 255, cv2.THRESH_OTSU)[0] if stained.size else float(stain)
    level = min(max(0.75 * level, 1.6 * stain), 80.0)
    return np.asarray(cv2.threshold(dark, level, 255, cv2.THRESH_BINARY)[1], np.uint8)


def without_rules(ink: Pixels) -> Pixels:
    """The mask without ruled or squared lines, frames and table lines of a straight page. What
    crosses a rule or is thicker (a letter, a line of text that blur has run together) stays."""
    height, width = ink.shape
    across, down = max(width // 12, 3), max(height // 18, 3)
    for long, thick in (((1, across), (_THICK, 1)), ((down, 1), (1, _THICK))):
        runs = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(long, np.uint8))
        if cv2.countNonZero(runs):
            kept = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(thick, np.uint8))
            rules = cv2.dilate(cv2.subtract(runs, kept), np.ones((3, 3), np.uint8))
            ink = np.asarray(cv2.bitwise_or(cv2.subtract(ink, rules), kept), np.uint8)
    return ink


def without_lone_rules(ink: Pixels) -> Pixels:
    """The mask without long thin lines that touch no writing, whichever way they lean: what parts a
    letterhead in a column from the rest of its page says nothing of which way the text runs."""
    _, labels, found, _ = cv2.connectedComponentsWithStats(ink)
    length = np.hypot(found[:, cv2.CC_STAT_WIDTH], found[:, cv2.CC_STAT_HEIGHT])
    rule = (length > max(ink.shape) / _LONG) & (found[:, cv2.CC_STAT_AREA] < _THICK * length)
    rule[0] = False
    if not rule.any():
        return ink
    return np.asarray(np.where(rule[labels], 0, ink), np.uint8)
