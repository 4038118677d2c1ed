"""A perceptual hash: alike for rescans of one sheet, unlike for other sheets."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.raster import Pixels


def fingerprint(ink: Pixels) -> str:
    """64 bits in hexadecimal from the ink mask of an upright page, by the signs of its low
    cosine frequencies (pHash, Zauner 2010) over the ink's own bounding box."""
    x, y, width, height = cv2.boundingRect(ink)
    if width == 0 or height == 0:
        return "0" * 16
    field = cv2.resize(ink[y : y + height, x : x + width], (32, 32), interpolation=cv2.INTER_AREA)
    low = cv2.dct(field.astype(np.float32))[:8, :8].ravel()
    bits = low > np.median(low)
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"
