"""A perceptual hash: alike for rescans of one sheet, unlike for other sheets."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.raster import Pixels


def fingerprint(writing: Pixels) -> str:
    """64 bits in hexadecimal from the ink mask, without rules, of an upright, straight page.

    The signs of the page's low cosine frequencies against their median (the pHash of Zauner,
    2010), without the lowest of each axis, which any two pages share.
    """
    writing = writing.copy()
    rows, columns = (side // 25 for side in writing.shape)
    writing[:rows] = writing[-rows:] = 0
    writing[:, :columns] = writing[:, -columns:] = 0
    if not cv2.countNonZero(writing):
        return "0" * 16
    field = cv2.resize(writing, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(cv2.GaussianBlur(field, (0, 0), 1.5))[1:9, 1:9].ravel()
    bits = low > np.median(low)
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"
