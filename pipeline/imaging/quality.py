"""Can this page be read, and if not, what should be done about the paper or the scanner?

`assess` judges the pixels before reading, `reconsidered` what was read: a page is put aside only
where both say that it cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.model import Legibility, Line, Quality
from pipeline.raster import Pixels

_TILE = 7.0  # millimetres: some letters, little change of light
_TILES = 8

# Steepest rise from ink to paper, as a share of their difference, per millimetre. 11 point print
# read by Tesseract, blurred step by step at 75 to 300 dpi: all right above 1.6, 6 % of characters
# wrong at 1.4, a third at 1.1, nearly all below 0.9.
_SOFT = 1.45
_BLURRED = 0.85
_FAINT = 0.12  # difference of ink and paper as a share of the paper's tone
_VANISHING = 0.04
_DARK = 70.0  # tone of the paper, 0 to 255
_BLACK = 25.0
_COARSE_DPI = 140.0
_TOO_COARSE_DPI = 60.0

# Words of a page that was read after all. Two printed pages blurred step by step kept half of their
# words above this confidence as long as a person would take them for right, and a sixth of them
# when every second line had an error.
_CONFIDENT = 0.9
_WORDS = 10
_SHARE = 0.4

_RESCAN = "numérisez la page à nouveau"
_SOFT_ADVICE = f"La page est floue : {_RESCAN}, bien à plat et sans bouger."
_FAINT_ADVICE = f"L'écriture est trop pâle : {_RESCAN} avec plus de contraste."
_DARK_ADVICE = f"L'image est trop sombre : {_RESCAN} avec plus de lumière."
_COARSE_ADVICE = f"La résolution est trop faible : {_RESCAN} à 300 ppp."
_CUT_ADVICE = f"La page est coupée : {_RESCAN} en entier."


def assess(
    grey: Pixels, dpi: float, mask: Pixels, *, scanned_dpi: float, paper: float, cut: bool
) -> Quality:
    """Verdict on an upright (height, width) grey page of `dpi` that is not blank.

    `mask` is its ink at a lower scale, `scanned_dpi` its resolution as it came in, `paper` the
    tone of its paper before any evening of light, `cut` whether a part of the sheet is missing.
    """
    sharpness, contrast = _edges(grey, dpi, mask)
    unreadable = [
        (sharpness < _BLURRED, _SOFT_ADVICE),
        (contrast < _VANISHING, _FAINT_ADVICE),
        (paper < _BLACK, _DARK_ADVICE),
        (scanned_dpi < _TOO_COARSE_DPI, _COARSE_ADVICE),
    ]
    poor = [
        (scanned_dpi < _COARSE_DPI, _COARSE_ADVICE),
        (sharpness < _SOFT, _SOFT_ADVICE),
        (contrast < _FAINT, _FAINT_ADVICE),
        (paper < _DARK, _DARK_ADVICE),
        (cut, _CUT_ADVICE),
    ]
    legibility = Legibility.GOOD
    advice = [text for found, text in unreadable if found]
    if advice:
        legibility = Legibility.UNREADABLE
    else:
        advice = [text for found, text in poor if found]
        if advice:
            legibility = Legibility.POOR
    return Quality(
        legibility=legibility,
        advice=" ".join(advice),
        sharpness=round(sharpness, 2),
        contrast=round(contrast, 2),
    )


def reconsidered(quality: Quality, lines: Sequence[Line]) -> Quality:
    """The verdict once the page's `lines` are known: what was read with confidence is no more than
    poor, whatever its pixels look like."""
    if quality.legibility is not Legibility.UNREADABLE:
        return quality
    words = [word for line in lines for word in line.words if sum(map(str.isalnum, word.text)) >= 3]
    confident = sum(word.confidence >= _CONFIDENT for word in words)
    if confident < _WORDS or confident < _SHARE * len(words):
        return quality
    return quality.model_copy(update={"legibility": Legibility.POOR})


def touches_border(mask: Pixels) -> bool:
    """Whether lines of writing run out of the picture: three or more letters on one side."""
    rim = (mask[:1], mask[-1:], mask[:, :1], mask[:, -1:])
    if not any(cv2.countNonZero(np.ascontiguousarray(side)) for side in rim):
        return False
    height, width = mask.shape
    count, _, found, _ = cv2.connectedComponentsWithStats(mask)
    if count < 4:
        return False
    x, y, w, h, _ = found[1:].T
    # letters at about 100 dpi, neither specks nor the dark edge of a scan
    letter = (w >= 4) & (h >= 4) & (w < width // 15) & (h < height // 30)
    sides = (x <= 0, y <= 0, x + w >= width, y + h >= height)
    return any(int((letter & side).sum()) >= 3 for side in sides)


def _edges(grey: Pixels, dpi: float, mask: Pixels) -> tuple[float, float]:
    """Sharpness (per millimetre) and contrast (0 to 1) where the ink is densest."""
    side = max(round(_TILE * dpi / 25.4), 24)
    rows, columns = max(grey.shape[0] // side, 1), max(grey.shape[1] // side, 1)
    density = cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA).ravel()
    # neither the emptiest tiles nor those that are one black area
    density = np.where(density > 128, 0, density)
    sharpness: list[float] = []
    contrast: list[float] = []
    for place in np.argsort(density)[::-1][:_TILES]:
        row, column = divmod(int(place), columns)
        tile = grey[row * side : (row + 1) * side, column * side : (column + 1) * side]
        smooth = cv2.GaussianBlur(tile, (0, 0), 0.7) if dpi >= 150 else tile
        slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
        paper, ink = np.percentile(smooth, (95, 1))
        difference = max(float(paper - ink), 1.0)
        sharpness.append(float(np.percentile(slope, 99)) / 8 / difference * dpi / 25.4)
        contrast.append(difference / max(float(paper), 1.0))
    return float(np.median(sharpness)), float(np.median(contrast))
