"""Small pages drawn for the tests in DejaVu Sans, which `make test` installs."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.model import Legibility, Quality, Size
from pipeline.raster import Pixels, Prepared, Transform

DPI = 300.0
FACE = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def drawn(
    texts: Sequence[tuple[int, int, str]], size: tuple[int, int] = (1700, 900), height: int = 46
) -> Pixels:
    """A grey page (height, width) with each text at (x, y) of its top left corner."""
    page = Image.new("L", size, 250)
    draw = ImageDraw.Draw(page)
    for x, y, text in texts:
        draw.text((x, y), text, font=ImageFont.truetype(FACE, height), fill=20)
    return np.asarray(cv2.GaussianBlur(np.asarray(page), (0, 0), 0.8), np.uint8)


def prepared(grey: Pixels, transform: Transform | None = None, *, blank: bool = False) -> Prepared:
    """`grey` as imaging would hand it over."""
    return Prepared(
        grey=grey,
        transform=transform or Transform(np.eye(3)),
        size=Size(width=grey.shape[1], height=grey.shape[0]),
        dpi=DPI,
        rotation=0,
        blank=blank,
        quality=Quality(legibility=Legibility.GOOD),
        fingerprint="0" * 16,
    )
