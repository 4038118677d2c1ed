"""Ink on a sheet: print and handwriting on A4 at 300 dpi.

A `Sheet` has layers that are multiplied: paper, print and pen. Every piece of text leaves a `Mark`
with its box in pixels of the clean page (left, top, right, bottom).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from samples.generator.fonts import glyphs

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
Frame = tuple[float, float, float, float]

DPI = 300
WIDTH, HEIGHT = 2480, 3508

# Nobody writes a whole word in the swash capitals of these hands.
_SWASH_CAPITALS = ("Ecolier", "marck", "mr-dafoe", "sacramento", "dkg", "playwrite")


@cache
def sized_font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """A font file at a size in pixels."""
    return ImageFont.truetype(str(path), size)


def points(size: float) -> int:
    """Points as pixels of the page."""
    return round(size * DPI / 72)


def millimetres(length: float) -> int:
    """Millimetres as pixels of the page."""
    return round(length * DPI / 25.4)


@dataclass(frozen=True)
class Face:
    """A printed face: regular and bold files, size in points, colour."""

    regular: Path
    bold: Path
    size: float
    colour: Colour = (15, 15, 15)

    def at(self, scale: float = 1.0, colour: Colour | None = None) -> Face:
        return Face(self.regular, self.bold, self.size * scale, colour or self.colour)

    def font(self, bold: bool = False) -> ImageFont.FreeTypeFont:
        return sized_font(self.bold if bold else self.regular, points(self.size))


@dataclass(frozen=True)
class Hand:
    """Somebody's handwriting with one pen. `slant` is a shear, `drift` the fall of the line."""

    font: Path
    size: int
    colour: Colour
    slant: float
    drift: float
    wobble: float
    pressure: float

    @property
    def pitch(self) -> int:
        font = sized_font(self.font, self.size)
        tall = font.getbbox("Ébgj", anchor="ls")
        return round(max(self.size * 1.2, (tall[3] - tall[1]) * 0.92))


@dataclass(frozen=True)
class Mark:
    """Words drawn on the page, the facts they state and where."""

    text: str
    box: Frame
    facts: tuple[str, ...]
    handwritten: bool


@dataclass
class Sheet:
    """A page in the making: paper below, `ink` (white where nothing is written) above."""

    paper: Image.Image
    ink: Image.Image
    hand_ink: Image.Image
    marks: list[Mark] = field(default_factory=list)

    @classmethod
    def blank(cls, tint: Colour = (255, 255, 255)) -> Sheet:
        size = (WIDTH, HEIGHT)
        white = (255, 255, 255)
        return cls(
            Image.new("RGB", size, tint),
            Image.new("RGB", size, white),
            Image.new("RGB", size, white),
        )

    def pixels(self, rng: Random) -> Pixels:
        """Paper times print times pen, the pen strokes gently warped so that no letter repeats."""
        pen = _warped(np.asarray(self.hand_ink), rng)
        layers = [np.asarray(self.paper), np.asarray(self.ink), pen]
        product = np.ones((HEIGHT, WIDTH, 3), np.float32)
        for layer in layers:
            product *= layer.astype(np.float32) / 255
        return (product * 255).astype(np.uint8)


def _warped(pixels: Pixels, rng: Random) -> Pixels:
    if pixels.min() == 255:
        return pixels
    noise = np.random.default_rng(rng.getrandbits(32))
    fields = []
    for _ in range(2):
        coarse = noise.normal(0, 1, (HEIGHT // 28, WIDTH // 28)).astype(np.float32)
        fields.append(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * 1.5)
    columns, rows = np.meshgrid(
        np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32)
    )
    warped = cv2.remap(
        pixels, columns + fields[0], rows + fields[1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(255, 255, 255),
    )  # fmt: skip
    return np.asarray(warped, dtype=np.uint8)


def put(
    sheet: Sheet, x: float, y: float, text: str, face: Face, *, bold: bool = False,
    anchor: str = "la", facts: tuple[str, ...] = (), underline: bool = False,
) -> Frame:  # fmt: skip
    """Print `text`; `anchor` as in Pillow (la left, ma middle, ra right). Returns its box."""
    draw = ImageDraw.Draw(sheet.ink)
    font = face.font(bold)
    draw.text((x, y), text, font=font, fill=face.colour, anchor=anchor)
    box = draw.textbbox((x, y), text, font=font, anchor=anchor)
    if underline:
        draw.line((box[0], box[3] + 6, box[2], box[3] + 6), fill=face.colour, width=4)
    sheet.marks.append(Mark(text, box, facts, False))
    return box


def write(
    sheet: Sheet,
    x: float,
    y: float,
    text: str,
    hand: Hand,
    rng: Random,
    facts: tuple[str, ...] = (),
) -> Frame:
    """Write `text` by hand, word by word, from (x, y top); returns the box of the ink."""
    known = glyphs(hand.font)
    text = "".join(c if c in known or c == " " else _nearest(c) for c in text)
    start = x
    top, bottom = math.inf, -math.inf
    swash = hand.font.name.startswith(_SWASH_CAPITALS)
    for word in text.split(" "):
        if swash and len(word) > 3 and word.isupper() and word.replace("-", "").isalpha():
            word = word.title()
        if not word:
            x += hand.size * 0.6
            continue
        if len(word) > 4 and rng.random() < 0.008:
            x = _struck_out(sheet, x, y, word, hand, rng)
        size = max(12, round(hand.size * rng.gauss(1.0, 0.03)))
        font = sized_font(hand.font, size)
        left, up, right, down = font.getbbox(word)
        pad = size // 2
        glyph = Image.new("L", (int(right - left) + 2 * pad, int(down - up) + 2 * pad), 0)
        ImageDraw.Draw(glyph).text((pad - left, pad - up), word, font=font, fill=255)
        angle = rng.gauss(0, hand.wobble) - math.degrees(math.atan(hand.drift))
        shear = hand.slant + rng.gauss(0, 0.02)
        glyph = glyph.transform(
            glyph.size, Image.Transform.AFFINE, (1, shear, -shear * glyph.height / 2, 0, 1, 0),
            resample=Image.Resampling.BILINEAR,
        ).rotate(angle, Image.Resampling.BILINEAR)  # fmt: skip
        stroke = np.asarray(glyph, np.float32) / 255
        if hand.pressure > 1:
            square = np.ones((3, 3), np.uint8)
            stroke = np.asarray(cv2.dilate(stroke, square), np.float32)
        fade = rng.uniform(0.82, 1.0)
        mask = Image.fromarray((np.clip(stroke * fade, 0, 1) * 255).astype(np.uint8))
        place_x = round(x - pad)
        place_y = round(y + up - pad + (x - start) * hand.drift + rng.gauss(0, hand.size * 0.025))
        sheet.hand_ink.paste(Image.new("RGB", mask.size, hand.colour), (place_x, place_y), mask)
        top, bottom = min(top, place_y + pad), max(bottom, place_y + mask.height - pad)
        x += right - left + hand.size * rng.uniform(0.26, 0.36)
    box = (start, top, x, bottom)
    sheet.marks.append(Mark(text, box, facts, True))
    return box


def _struck_out(sheet: Sheet, x: float, y: float, word: str, hand: Hand, rng: Random) -> float:
    """A false start of `word`, crossed out; returns where the next word goes."""
    font = sized_font(hand.font, hand.size)
    start = word[: rng.randint(2, len(word) - 1)]
    draw = ImageDraw.Draw(sheet.hand_ink)
    draw.text((x, y), start, font=font, fill=hand.colour)
    left, top, right, bottom = draw.textbbox((x, y), start, font=font)
    for _ in range(rng.randint(1, 3)):
        height = rng.uniform(top + 0.3 * (bottom - top), top + 0.7 * (bottom - top))
        ends = (left - 8, height + rng.uniform(-8, 8), right + 8, height + rng.uniform(-8, 8))
        draw.line(ends, fill=hand.colour, width=5)
    return float(right) + hand.size * 0.3


def _nearest(char: str) -> str:
    return {
        "µ": "u",
        "•": "-",
        "½": "1/2",
        "œ": "oe",
        "–": "-",
        "☎": "Tél",
        "’": "'",
        "²": "2",
    }.get(char, "")


def hand_width(text: str, hand: Hand) -> float:
    """Width in pixels that `text` takes in this hand, about."""
    font = sized_font(hand.font, hand.size)
    return sum(font.getlength(word) + hand.size * 0.31 for word in text.split(" "))


def wrapped(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """`text` in lines no wider than `width` pixels, as `measure` has it; at least one word each."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        trial = f"{line} {word}".strip() if line else word
        if line and measure(trial) > width:
            lines.append(line)
            line = word
        else:
            line = trial
    return [*lines, line]


def frame_box(
    sheet: Sheet, frame: Frame, colour: Colour = (60, 60, 60), width: int = 3, radius: int = 0
) -> None:
    """Print the outline of a box."""
    ImageDraw.Draw(sheet.ink).rounded_rectangle(frame, radius=radius, outline=colour, width=width)


def rule(sheet: Sheet, y: float, left: float, right: float, colour: Colour, width: int = 3) -> None:
    """Print a level line."""
    ImageDraw.Draw(sheet.ink).line((left, y, right, y), fill=colour, width=width)
