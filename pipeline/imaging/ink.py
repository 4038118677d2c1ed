"""Where the ink is: paper tone, relative darkness and ink masks of a reduced grey page."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.raster import Pixels

_STAIN = 16  # darkness that noise of paper and scanner stays below


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
    """255 where there is ink. The threshold is Otsu's, held where noise and faint pencil part."""
    stained = dark[dark > _STAIN]
    level = cv2.threshold(stained, 0, 255, cv2.THRESH_OTSU)[0] if stained.size else _STAIN
    level = min(max(0.75 * float(level), 28.0), 80.0)
    return np.asarray(cv2.threshold(dark, level, 255, cv2.THRESH_BINARY)[1], np.uint8)


def without_rules(ink: Pixels) -> Pixels:
    """The mask without ruled or squared lines, frames and table lines of a straight page."""
    height, width = ink.shape
    across = cv2.getStructuringElement(cv2.MORPH_RECT, (max(width // 12, 3), 1))
    down = cv2.getStructuringElement(cv2.MORPH_RECT, (1, max(height // 18, 3)))
    rules = cv2.bitwise_or(
        cv2.morphologyEx(ink, cv2.MORPH_OPEN, across), cv2.morphologyEx(ink, cv2.MORPH_OPEN, down)
    )
    rules = cv2.dilate(rules, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.bitwise_and(ink, cv2.bitwise_not(rules)), np.uint8)
