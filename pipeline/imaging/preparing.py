"""A decoded page becomes upright, straight, flat and evenly lit, ready to be read.

Everything is decided on a copy of about 100 dpi; the full page is touched only where that copy
says it must be, and then once.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.config import Settings
from pipeline.imaging import fingerprint, ink, marks, orientation
from pipeline.model import Legibility, Quality, Step, Zone
from pipeline.raster import Pixels, Prepared, Raster, Transform

STEP = Step(name="imaging", version="1")

_ANALYSIS_SIDE = 1170  # pixels: an A4 sheet at 100 dpi
_STRAIGHT = 0.2  # degrees: engines read a lean below this as well as none

Matrix = npt.NDArray[np.float64]


def prepare(raster: Raster, settings: Settings) -> Prepared:
    """The page ready to be read, and the way back to the pixels of `raster`."""
    cv2.setNumThreads(1)
    grey = _grey(raster.pixels)
    small, _ = _reduced(grey, _ANALYSIS_SIDE)
    mask = ink.mask(ink.darkness(small, ink.paper(small, 40)))
    found = orientation.lean(mask)
    rotation = 90 if found.quarter else 0
    upright, back = _turned(grey, rotation)
    if abs(found.angle) > _STRAIGHT:
        upright, straight = _straightened(upright, found.angle)
        back = back @ straight
    blank = cv2.countNonZero(mask) < 0.0005 * mask.size
    return Prepared(
        grey=upright,
        transform=Transform(back),
        size=raster.size,
        dpi=raster.dpi,
        rotation=rotation,
        blank=blank,
        quality=Quality(legibility=Legibility.GOOD),
        fingerprint=fingerprint.fingerprint(mask),
        zones=_barcodes(grey),
        steps=(STEP.model_copy(update={"settings": settings.fingerprint}),),
    )


def _grey(pixels: Pixels) -> Pixels:
    if pixels.ndim == 2:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _reduced(grey: Pixels, side: int) -> tuple[Pixels, float]:
    """`grey` with its longer side at most `side` pixels, and the scale applied."""
    height, width = grey.shape
    scale = min(side / max(height, width), 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _turned(grey: Pixels, rotation: int) -> tuple[Pixels, Matrix]:
    """`grey` turned clockwise by `rotation` degrees, and the way back."""
    height, width = grey.shape
    if rotation == 90:
        back = np.array([[0, 1, 0], [-1, 0, height], [0, 0, 1]], np.float64)
        return np.asarray(cv2.rotate(grey, cv2.ROTATE_90_CLOCKWISE), np.uint8), back
    if rotation == 180:
        back = np.array([[-1, 0, width], [0, -1, height], [0, 0, 1]], np.float64)
        return np.asarray(cv2.rotate(grey, cv2.ROTATE_180), np.uint8), back
    if rotation == 270:
        back = np.array([[0, -1, width], [1, 0, 0], [0, 0, 1]], np.float64)
        return np.asarray(cv2.rotate(grey, cv2.ROTATE_90_COUNTERCLOCKWISE), np.uint8), back
    return grey, np.eye(3)


def _straightened(grey: Pixels, angle: float) -> tuple[Pixels, Matrix]:
    """`grey` turned about its middle so that lines falling by `angle` degrees become level."""
    height, width = grey.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    straight = cv2.warpAffine(
        grey, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(straight, np.uint8), np.linalg.inv(np.vstack([turn, [0, 0, 1]]))


def _barcodes(grey: Pixels) -> tuple[Zone, ...]:
    small, scale = _reduced(grey, 1750)
    back = Transform(np.diag([1 / scale, 1 / scale, 1.0]))
    return tuple(
        zone.model_copy(update={"box": back.box(zone.box)}) for zone in marks.barcodes(small)
    )
