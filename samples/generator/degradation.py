"""What scanners, fax machines and phones do to a clean page.

Each function takes RGB uint8 pixels of a clean A4 page at 300 dpi and returns a `Capture`: the
pixels that a file would hold, their resolution, and the 3×3 homography from clean to captured
pixels, so that the truth about places survives. All randomness comes from the given source.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Capture:
    """Captured pixels (RGB, grey or, when `bilevel`, black and white), dpi and homography."""

    pixels: Pixels
    dpi: int
    homography: Matrix
    bilevel: bool = False
    orientation: int = 1


def _scaled(pixels: Pixels, scale: float) -> Pixels:
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _skew(pixels: Pixels, degrees: float, fill: int) -> tuple[Pixels, Matrix]:
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(
        pixels, turn, (width, height), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(fill,) * 3,
    )  # fmt: skip
    return np.asarray(turned, dtype=np.uint8), np.vstack([turn, [0, 0, 1]])


def _smooth_field(
    noise: np.random.Generator, height: int, width: int, cells: int
) -> NDArray[np.float32]:
    """A slowly varying field around 0 with unit spread."""
    coarse = noise.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(
        cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32
    )


def punched(pixels: Pixels, rng: Random) -> Pixels:
    """Two ISO 838 holes (80 mm apart, 12 mm from the left edge), dark as on a scanner's lid."""
    out = pixels.copy()
    middle = out.shape[0] // 2 + rng.randint(-30, 30)
    shade = rng.choice((10, 40, 200))
    for offset in (-472, 472):
        cv2.circle(out, (142 + rng.randint(-12, 12), middle + offset), 35, (shade,) * 3, -1)
    return out


def shown_through(pixels: Pixels, other: Pixels, strength: float) -> Pixels:
    """The back of the sheet (`other`, mirrored and blurred) shining through."""
    back = cv2.GaussianBlur(np.ascontiguousarray(other[:, ::-1]), (0, 0), 4).astype(np.float32)
    through = 255 - (255 - back) * strength
    darker: Pixels = np.minimum(pixels, through).astype(np.uint8)
    return darker


def scanned(pixels: Pixels, rng: Random, hardness: float, back: Pixels | None = None) -> Capture:
    """A flatbed or feeder scan; `hardness` 0 is careful, 1 is hurried on a bad machine."""
    noise = np.random.default_rng(rng.getrandbits(32))
    if back is not None:
        pixels = shown_through(pixels, back, 0.10 + 0.10 * hardness)
    if rng.random() < 0.15 + 0.25 * hardness:
        pixels = punched(pixels, rng)
    skewed, homography = _skew(pixels, rng.gauss(0, 0.3 + 1.1 * hardness), 250)
    dpi = 300 if hardness < 0.7 else rng.choice((300, 240, 200))
    scale = dpi / 300
    if dpi != 300:
        skewed = _scaled(skewed, scale)
    homography = np.diag([scale, scale, 1.0]) @ homography
    image: NDArray[np.float32] = skewed.astype(np.float32)
    if rng.random() < 0.75:
        image = image.mean(axis=2, dtype=np.float32)
    blur = rng.uniform(0.3, 0.6 + 0.8 * hardness) * scale
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur), np.float32)
    low = rng.uniform(0, 30 + 60 * hardness)
    high = rng.uniform(255 - 35 * hardness, 255)
    image = (low + image * ((high - low) / 255)).astype(np.float32)
    height, width = image.shape[:2]
    shade = _smooth_field(noise, height, width, 4) * (1 + 3 * hardness)
    grain = noise.normal(0, 1.5 + 5 * hardness, image.shape[:2]).astype(np.float32)
    texture = np.asarray(shade + grain, np.float32)
    image = image + (texture if image.ndim == 2 else texture[..., None])
    if rng.random() < 0.3 * hardness + 0.1:
        edge = rng.randint(6, 40)
        image[:, :edge] *= np.linspace(0.3, 1, edge, dtype=np.float32)[
            None, :, *([None] * (image.ndim - 2))
        ]
    return Capture(np.clip(image, 0, 255).astype(np.uint8), dpi, homography)


def faxed(pixels: Pixels, rng: Random, header: str) -> Capture:
    """A fine-resolution fax: 200 dpi, one bit, speckles, a transmission line at the top."""
    noise = np.random.default_rng(rng.getrandbits(32))
    skewed, homography = _skew(pixels, rng.gauss(0, 0.5), 255)
    scale = 200 / 300
    grey = _scaled(skewed, scale).astype(np.float32).mean(axis=2)
    homography = np.diag([scale, scale, 1.0]) @ homography
    grey += noise.normal(0, 14, grey.shape)
    black = grey < rng.uniform(150, 180)
    black ^= noise.random(grey.shape) < rng.uniform(0.0002, 0.0012)
    image = Image.fromarray(np.where(black, 0, 255).astype(np.uint8)).convert("1")
    if header:
        font = ImageFont.truetype("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf", 22)
        ImageDraw.Draw(image).text((60, 14), header, font=font, fill=0)
    out = np.asarray(image.convert("L"))
    if rng.random() < 0.3:
        column = rng.randint(100, out.shape[1] - 100)
        out = out.copy()
        out[:, column : column + 1] = 0
    return Capture(np.asarray(out, np.uint8), 200, homography, bilevel=True)


def _table(noise: np.random.Generator, height: int, width: int, rng: Random) -> NDArray[np.float32]:
    """The surface that the sheet lies on: a plain or grained table top."""
    base = np.array(
        rng.choice(((96, 72, 52), (60, 62, 66), (150, 140, 128), (40, 48, 58))), np.float32
    )
    grain = noise.normal(0, 1, (height // 3, 24)).astype(np.float32)
    grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC) * rng.uniform(2, 9)
    return base[None, None, :] + grain[..., None]


def photographed(pixels: Pixels, rng: Random) -> Capture:
    """A phone's photo: perspective, a table around, uneven light, a shadow, a little blur.

    `orientation` is the EXIF value a viewer needs; the pixels are stored accordingly turned.
    """
    noise = np.random.default_rng(rng.getrandbits(32))
    height, width = pixels.shape[:2]
    out_width, out_height = (2700, 3600) if height > width else (3600, 2700)
    margin = rng.uniform(0.04, 0.08)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    target = np.array(
        [[margin, margin], [1 - margin, margin], [1 - margin, 1 - margin], [margin, 1 - margin]],
        np.float32,
    )
    target += noise.uniform(-0.022, 0.022, (4, 2)).astype(np.float32)
    target *= np.array([out_width, out_height], np.float32)
    homography = cv2.getPerspectiveTransform(corners, target)
    size = (out_width, out_height)
    sheet = cv2.warpPerspective(pixels, homography, size, flags=cv2.INTER_AREA).astype(np.float32)
    mask = cv2.warpPerspective(np.full((height, width), 255, np.uint8), homography, size)
    alpha = (mask.astype(np.float32) / 255)[..., None]
    image = sheet * alpha + _table(noise, out_height, out_width, rng) * (1 - alpha)
    light = 0.86 + 0.07 * _smooth_field(noise, out_height, out_width, 3)
    if rng.random() < 0.6:
        light *= _shadow(noise, out_height, out_width, rng)
    cast = np.array(
        [rng.uniform(0.96, 1.0), rng.uniform(0.95, 0.99), rng.uniform(0.86, 0.98)], np.float32
    )
    image = image * np.clip(light, 0.3, 1.05)[..., None] * cast
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.1))
    image += noise.normal(0, rng.uniform(2, 5), image.shape[:2]).astype(np.float32)[..., None]
    photo = np.clip(image, 0, 255).astype(np.uint8)
    matrix = np.asarray(homography, np.float64)
    if rng.random() < 0.5:
        # Held sideways: stored a quarter turn anticlockwise, shown upright by orientation 6.
        return Capture(np.ascontiguousarray(np.rot90(photo, 1)), 300, matrix, orientation=6)
    return Capture(photo, 300, matrix)


def _shadow(
    noise: np.random.Generator, height: int, width: int, rng: Random
) -> NDArray[np.float32]:
    """The photographer's own shadow: one soft-edged half plane."""
    angle = rng.uniform(0, 2 * np.pi)
    columns, rows = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    distance = columns * np.cos(angle) + rows * np.sin(angle) - rng.uniform(0.1, 0.6)
    soft = 1 / (1 + np.exp(-distance / rng.uniform(0.03, 0.15)))
    return np.asarray(1 - rng.uniform(0.2, 0.4) * soft, np.float32)


def turned(capture: Capture, degrees: int) -> Capture:
    """The capture as stored when the sheet went in turned clockwise by 90, 180 or 270 degrees."""
    height, width = capture.pixels.shape[:2]
    matrices = {
        90: [[0, -1, height], [1, 0, 0], [0, 0, 1]],
        180: [[-1, 0, width], [0, -1, height], [0, 0, 1]],
        270: [[0, 1, 0], [-1, 0, width], [0, 0, 1]],
    }
    pixels = np.ascontiguousarray(np.rot90(capture.pixels, -degrees // 90))
    homography = np.asarray(matrices[degrees], np.float64) @ capture.homography
    return Capture(pixels, capture.dpi, homography, capture.bilevel, capture.orientation)
