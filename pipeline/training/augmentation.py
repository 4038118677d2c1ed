"""Distortions of ink images that look like other pens, hands, papers, scanners and phones."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.ocr.ink import HEIGHT, STRETCH, Ink

Random = np.random.Generator
Picture = npt.NDArray[Any]
"""An ink image, float32; OpenCV's signatures say less."""


def _pen(ink: Picture, random: Random) -> Picture:
    """A thicker or thinner pen."""
    draw = random.random()
    if draw < 0.15:
        return cv2.dilate(ink, np.ones((2, 2), np.uint8))
    if draw < 0.30:
        return cv2.erode(ink, np.ones((2, 2), np.uint8))
    if draw < 0.36:
        return cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    return ink


def _hand(ink: Picture, random: Random) -> Picture:
    """Another size, slant, baseline and steadiness of the hand, at the network's height."""
    height, width = ink.shape
    out_width = max(16, int(width * HEIGHT / height * STRETCH * random.uniform(0.7, 1.02)))
    filled = random.uniform(0.76, 1.0)  # part of the height that the line fills
    rise = random.uniform(-0.5, 0.5) * HEIGHT * (1 - filled)
    slant = random.uniform(-0.45, 0.45) if random.random() < 0.6 else 0.0
    turn = random.normal(0, 0.008) * min(1.0, 700 / width)
    columns, rows = np.meshgrid(
        np.arange(out_width, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32)
    )
    source_rows = (rows - HEIGHT / 2 - rise) / (HEIGHT * filled) * height + height / 2
    source_columns = columns / out_width * width
    map_x = source_columns + slant * (source_rows - height / 2)
    map_y = source_rows + turn * (source_columns - width / 2)
    if random.random() < 0.6:
        knots, size = max(4, out_width // 24), random.uniform(0.5, 2.6) * height / 40
        for target, part in ((map_x, 1.0), (map_y, 0.8)):
            wave = random.normal(0, size * part, (4, knots)).astype(np.float32)
            target += cv2.resize(wave, (out_width, HEIGHT), interpolation=cv2.INTER_CUBIC)
    shrink = height / HEIGHT
    if shrink > 1.2:
        ink = cv2.GaussianBlur(ink, (0, 0), 0.35 * shrink)
    return cv2.remap(
        ink, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=0,
    )  # fmt: skip


def _paper(ink: Picture, random: Random) -> Picture:
    """Ruled or squared paper, and ends of strokes from the lines above and below."""
    height, width = ink.shape
    if random.random() < 0.14:
        row, shade = int(random.integers(height // 2, height - 1)), random.uniform(0.15, 0.6)
        ink[row] = np.maximum(ink[row], shade + random.normal(0, 0.05, width))
        if random.random() < 0.4:
            step = int(random.integers(14, 40))
            ink[:, int(random.integers(0, step)) :: step] += shade * 0.7
    if random.random() < 0.12:
        reach = int(random.integers(2, 7))
        strip = np.roll(ink, int(random.integers(width // 4 + 1, width)), axis=1)
        if random.random() < 0.5:
            ink[:reach] = np.maximum(ink[:reach], strip[-reach:])
            ink[:reach] = np.maximum(ink[:reach], strip[height // 2 : height // 2 + reach])
        else:
            ink[-reach:] = np.maximum(ink[-reach:], strip[height // 3 : height // 3 + reach])
    return ink


def _camera(ink: Picture, random: Random) -> Picture:
    """Blur, low resolution, compression, uneven light, pale ink, noise and small gaps."""
    height, width = ink.shape
    if random.random() < 0.15:
        ink = cv2.GaussianBlur(ink, (0, 0), random.uniform(0.4, 1.1))
    if random.random() < 0.1:
        scale = random.uniform(0.5, 0.8)
        small = cv2.resize(
            ink, (max(8, int(width * scale)), int(height * scale)), interpolation=cv2.INTER_AREA
        )
        ink = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if random.random() < 0.08:
        grey: Picture = np.clip(255 - 200 * ink, 0, 255).astype(np.uint8)
        _, packed = cv2.imencode(
            ".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(15, 50))]
        )
        unpacked = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.float32)
        ink = (255 - unpacked) / 200
    if random.random() < 0.1:
        light = random.normal(0, 1, (2, 5)).astype(np.float32)
        ink = ink * (1 + 0.3 * cv2.resize(light, (width, height)))
    ink = ink * random.uniform(0.6, 1.25)
    if random.random() < 0.5:
        ink = ink + random.normal(0, random.uniform(0.01, 0.08), ink.shape)
    if random.random() < 0.1:
        left = int(random.integers(0, max(1, width - 12)))
        ink[:, left : left + int(random.integers(3, 9))] = 0
    return ink.astype(np.float32)


def augmented(ink: Ink, random: Random) -> Ink:
    """A distorted copy of an ink image of any height, at the network's height."""
    out = _camera(_paper(_hand(_pen(ink, random), random), random), random)
    left, right = (int(side) for side in random.integers(2, 10, 2))
    return np.pad(np.clip(out, -0.3, 1.3), ((0, 0), (left, right))).astype(np.float32)
