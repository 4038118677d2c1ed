"""How a paper looks: letterheads, layouts, print, typewriter and handwriting on A4 at 300 dpi.

`render` draws a `Paper` as one or more pages. Arrays are RGB uint8 of shape (3508, 2480, 3);
each page carries `marks`: what was written where (box in pixels of the clean page, x right, y
down) and by which means, so that evidence can be checked against ink.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from samples.generator.contents import Paper, Passage
from samples.generator.fonts import Group, glyphs, handwriting_fonts
from samples.generator.vocabulary import Split

Pixels = NDArray[np.uint8]
Writing = Literal["printed", "typewritten", "handwritten", "mixed"]
Colour = tuple[int, int, int]
Frame = tuple[float, float, float, float]

DPI = 300
WIDTH, HEIGHT = 2480, 3508
INKS: tuple[Colour, ...] = ((25, 40, 120), (18, 18, 24), (20, 30, 90), (45, 45, 52), (30, 55, 150))
HEAD_COLOURS: tuple[Colour, ...] = (
    (15, 15, 15),
    (15, 15, 15),
    (20, 60, 110),
    (30, 90, 60),
    (110, 25, 40),
)

_FAMILIES: dict[Split, tuple[tuple[str, str], ...]] = {
    "development": (
        ("liberation/LiberationSans-Regular.ttf", "liberation/LiberationSans-Bold.ttf"),
        ("liberation/LiberationSerif-Regular.ttf", "liberation/LiberationSerif-Bold.ttf"),
        ("dejavu/DejaVuSans.ttf", "dejavu/DejaVuSans-Bold.ttf"),
        ("crosextra/Carlito-Regular.ttf", "crosextra/Carlito-Bold.ttf"),
    ),
    "heldout": (
        ("lato/Lato-Regular.ttf", "lato/Lato-Bold.ttf"),
        ("dejavu/DejaVuSerif.ttf", "dejavu/DejaVuSerif-Bold.ttf"),
        ("liberation/LiberationSansNarrow-Regular.ttf", "liberation/LiberationSansNarrow-Bold.ttf"),
        ("P052-Roman", "P052-Bold"),
        ("NimbusSans-Regular", "NimbusSans-Bold"),
    ),
}
_TYPEWRITERS: dict[Split, tuple[str, ...]] = {
    "development": ("courier-prime/Courier Prime", "liberation/LiberationMono-Regular.ttf"),
    "heldout": ("NimbusMonoPS-Regular", "dejavu/DejaVuSansMono.ttf"),
}
_HARD_TO_READ = ("rock-salt", "mr-dafoe", "sacramento", "dkgIt")
# Nobody writes a whole word in the swash capitals of these hands.
_SWASH_CAPITALS = ("Ecolier", "marck", "mr-dafoe", "sacramento", "dkg", "playwrite")


@cache
def _font_file(name: str) -> Path:
    """A system font by the end of its path. Raises `FileNotFoundError` where it is missing."""
    roots = (Path("/usr/share/fonts"), Path.home() / ".fonts")
    wanted = name.lower()
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.suffix not in (".ttf", ".otf"):
                continue
            plain = str(path).lower()
            if plain.endswith((wanted, f"{wanted}.otf", f"{wanted}.ttf")):
                return path
    raise FileNotFoundError(f"font {name} is not installed")


def _installed(name: str) -> bool:
    try:
        return _font_file(name).is_file()
    except FileNotFoundError:
        return False


@cache
def _loaded(path: Path, size: int) -> ImageFont.FreeTypeFont:
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
        return _loaded(self.bold if bold else self.regular, points(self.size))


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
        font = _loaded(self.font, self.size)
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


@dataclass(frozen=True)
class Rendered:
    """A finished clean page."""

    pixels: Pixels
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Look:
    """All choices about one document's appearance."""

    writing: Writing
    split: Split
    head: Face
    body: Face
    hand: Hand
    letterhead: str
    patient: str
    paper: str
    bullets_indent: int
    line_gap: float
    bold_drugs: bool
    stamp: bool
    barcode: bool
    form: bool
    half: bool
    margin: int


# --- drawing --------------------------------------------------------------------------------


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
        font = _loaded(hand.font, size)
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
    font = _loaded(hand.font, hand.size)
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
    font = _loaded(hand.font, hand.size)
    return sum(font.getlength(word) + hand.size * 0.31 for word in text.split(" "))


def _wrapped(text: str, width: float, measure: object) -> list[str]:
    assert callable(measure)
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


def _box(
    sheet: Sheet, frame: Frame, colour: Colour = (60, 60, 60), width: int = 3, radius: int = 0
) -> None:
    ImageDraw.Draw(sheet.ink).rounded_rectangle(frame, radius=radius, outline=colour, width=width)


def _rule(
    sheet: Sheet, y: float, left: float, right: float, colour: Colour, width: int = 3
) -> None:
    ImageDraw.Draw(sheet.ink).line((left, y, right, y), fill=colour, width=width)


# --- letterheads ----------------------------------------------------------------------------


def _stack(
    sheet: Sheet,
    x: float,
    y: float,
    lines: Sequence[str],
    face: Face,
    anchor: str = "la",
    bold_first: bool = False,
) -> float:
    for number, line in enumerate(lines):
        first = bold_first and number == 0
        used = face.at(1.35) if first else face
        put(sheet, x, y, line, used, bold=first, anchor=anchor)
        y += points(used.size) * 1.35
    return y


def _letterhead(sheet: Sheet, paper: Paper, look: Look, top: int) -> float:
    """Draws the letterhead; returns the y below it."""
    face, left, right = look.head, look.margin, WIDTH - look.margin
    names, ids, contact = paper.letterhead, paper.identifiers, paper.contact
    match look.letterhead:
        case "left-right":
            y1 = _stack(sheet, left, top, (*names, *ids), face, bold_first=True)
            y2 = _stack(sheet, right, top, contact, face.at(0.92), anchor="ra")
            y = max(y1, y2) + 30
            _rule(sheet, y, left, right, face.colour)
        case "centred":
            y = _stack(sheet, WIDTH / 2, top, names, face, anchor="ma", bold_first=True)
            y = _stack(sheet, WIDTH / 2, y, (" - ".join(contact), *ids), face.at(0.9), anchor="ma")
        case "boxed":
            y = _stack(sheet, left + 40, top + 30, (*names, *contact, *ids), face, bold_first=True)
            _box(sheet, (left, top, left + 1050, y + 20), face.colour, radius=24)
            y += 30
        case "band":
            ImageDraw.Draw(sheet.ink).rectangle((0, 0, WIDTH, millimetres(7)), fill=face.colour)
            y1 = _stack(sheet, left, top, names, face, bold_first=True)
            y2 = _stack(sheet, right, top, (*contact, *ids), face.at(0.88), anchor="ra")
            y = max(y1, y2)
        case "plain":
            y = _stack(sheet, left, top, (*names, *contact, *ids), face)
        case "right-block":
            lines = (*names, *ids, *contact)
            widest = max(
                face.font().getlength(lines[0]) * 1.5, *map(face.font().getlength, lines[1:])
            )
            x = min(1500, right - widest)
            y = _stack(sheet, x, top, lines, face, bold_first=True)
        case "logo":
            draw = ImageDraw.Draw(sheet.ink)
            draw.ellipse((left, top, left + 190, top + 190), outline=face.colour, width=10)
            draw.line((left + 95, top + 40, left + 95, top + 150), fill=face.colour, width=16)
            draw.line((left + 40, top + 95, left + 150, top + 95), fill=face.colour, width=16)
            y = _stack(sheet, left + 250, top, (*names, *contact), face, bold_first=True)
            y = (
                _stack(sheet, right, top, ids, face.at(0.85), anchor="ra")
                if len(ids) > 3
                else max(y, _stack(sheet, right, top + 10, ids, face.at(0.85), anchor="ra"))
            )
            _rule(sheet, y + 20, left, right, face.colour, 6)
            y += 30
        case "column":
            y1 = _stack(sheet, left, top, names, face, bold_first=True)
            y2 = _stack(sheet, WIDTH / 2, top, contact, face.at(0.9), anchor="ma")
            y3 = _stack(sheet, right, top, ids, face.at(0.9), anchor="ra")
            y = max(y1, y2, y3)
            for offset in (0, 8):
                _rule(sheet, y + 10 + offset, left, right, face.colour, 2)
            y += 20
        case "foot":
            y = _stack(sheet, WIDTH / 2, top, names, face.at(1.1), anchor="ma", bold_first=True)
            _rule(sheet, y + 10, 800, WIDTH - 800, face.colour, 2)
            _stack(
                sheet,
                WIDTH / 2,
                HEIGHT - 260,
                (" – ".join(contact), "   ".join(ids)),
                face.at(0.85),
                anchor="ma",
            )
            y += 20
        case "group":
            y1 = _stack(sheet, left, top, (*names, *ids), face, bold_first=True)
            others = ("Dr Paul-Henri Castaing", "Gynécologie", "Dr Inès Lavergne", "Pédiatrie")
            y2 = _stack(sheet, right, top, others, face.at(0.8), anchor="ra")
            y = max(y1, y2) + 10
            _rule(sheet, y, left, right, face.colour, 2)
            put(sheet, WIDTH / 2, y + 14, " - ".join(contact), face.at(0.85), anchor="ma")
            y += 70
        case _:
            raise ValueError(f"unknown letterhead {look.letterhead}")
    return y + 40


_LETTERHEADS: dict[Split, tuple[str, ...]] = {
    "development": ("left-right", "centred", "boxed", "band", "plain"),
    "heldout": ("right-block", "logo", "column", "foot", "left-right", "group"),
}
_PATIENTS: dict[Split, tuple[str, ...]] = {
    "development": ("right", "left", "framed", "left"),
    "heldout": ("left", "right", "ruled", "line"),
}


# --- documents ------------------------------------------------------------------------------


def look(rng: Random, split: Split, writing: Writing) -> Look:
    """Draw an appearance in the fonts and layouts of one split."""
    if writing == "typewritten":
        path = _font_file(rng.choice([n for n in _TYPEWRITERS[split] if _installed(n)]))
        head = body = Face(path, path, rng.choice((10.5, 11.5, 12)), (28, 28, 32))
    else:
        families = [names for names in _FAMILIES[split] if all(map(_installed, names))]
        regular, bold = (_font_file(name) for name in rng.choice(families))
        body = Face(regular, bold, rng.choice((10, 10.5, 11, 12, 12.5)))
        if rng.random() < 0.3:
            regular, bold = (_font_file(name) for name in rng.choice(families))
        head = Face(regular, bold, rng.choice((9.5, 10.5, 11)), rng.choice(HEAD_COLOURS))
    return Look(
        writing=writing,
        split=split,
        head=head,
        body=body,
        hand=_pen(rng, body)
        if writing in ("printed", "typewritten")
        else hand(rng, "train" if split == "development" else "held-out"),
        letterhead="plain" if writing == "typewritten" else rng.choice(_LETTERHEADS[split]),
        patient=rng.choice(_PATIENTS[split]),
        paper=rng.choice(("white", "white", "white", "ruled", "squared"))
        if writing == "handwritten"
        else rng.choice(("white",) * 9 + ("ruled",)) if writing == "mixed" else "white",
        bullets_indent=rng.choice((0, 0, 60)),
        line_gap=rng.uniform(1.35, 1.75),
        bold_drugs=rng.random() < 0.5 and writing == "printed",
        stamp=rng.random() < 0.35,
        barcode=rng.random() < 0.15 and writing in ("printed", "mixed"),
        form=rng.random() < 0.4 and writing == "mixed",
        half=rng.random() < 0.3,
        margin=millimetres(rng.uniform(14, 24)),
    )  # fmt: skip


def _pen(rng: Random, face: Face) -> Hand:
    """The pen that signs a printed page; nothing is written with it."""
    return Hand(face.regular, points(face.size), rng.choice(INKS), 0.0, 0.0, 0.0, 1)


def hand(rng: Random, group: Group) -> Hand:
    """Draw a hand from a font group: size by the height of its letters, slant, pen."""
    fonts = [p for p in handwriting_fonts(group) if not p.name.startswith(_HARD_TO_READ)]
    path = rng.choice(fonts)
    # Fonts differ widely in how much of the em their letters fill: level the x-height.
    x_height = -_loaded(path, 1000).getbbox("x", anchor="ls")[1]
    size = round(millimetres(rng.uniform(2.4, 3.1)) / max(x_height, 200) * 1000)
    return Hand(
        font=path,
        size=min(size, 130),
        colour=rng.choice(INKS),
        slant=rng.uniform(-0.05, 0.22),
        drift=rng.uniform(-0.008, 0.008),
        wobble=rng.uniform(0.2, 0.8),
        pressure=2 if path.stem.endswith("-300") and rng.random() < 0.6 else 1,
    )


def _lines_on(sheet: Sheet, kind: str) -> None:
    draw = ImageDraw.Draw(sheet.paper)
    step = millimetres(8 if kind == "ruled" else 5)
    for y in range(millimetres(20), HEIGHT, step):
        draw.line((0, y, WIDTH, y), fill=(190, 205, 230), width=2)
    if kind == "squared":
        for x in range(0, WIDTH, step):
            draw.line((x, 0, x, HEIGHT), fill=(190, 205, 230), width=2)
    else:
        x = millimetres(28)
        draw.line((x, 0, x, HEIGHT), fill=(235, 170, 180), width=3)


def _barcode(sheet: Sheet, x: float, y: float, paper: Paper) -> float:
    """The RPPS number as Code 128, as prescription blanks carry it."""
    code = zxingcpp.create_barcode(paper.prescriber.rpps, zxingcpp.BarcodeFormat.Code128)
    bars = Image.fromarray(np.array(code.to_image(scale=3))).convert("RGB").resize((520, 110))
    sheet.ink.paste(bars, (round(x), round(y)))
    return y + 150


class _Writer:
    """Puts passages on sheets from top to bottom, by print or by hand, turning the page."""

    def __init__(self, paper: Paper, look: Look, rng: Random, total: int) -> None:
        self.paper, self.look, self.rng, self.total = paper, look, rng, total
        self.sheets: list[Sheet] = []
        self.y = 0.0
        self._turn()

    @property
    def by_hand(self) -> bool:
        return self.look.writing in ("handwritten", "mixed")

    @property
    def sheet(self) -> Sheet:
        return self.sheets[-1]

    @property
    def bottom(self) -> int:
        return HEIGHT - (420 if self.look.letterhead == "foot" else 330)

    def _turn(self) -> None:
        tint = self.rng.choice(((255, 255, 255), (255, 255, 255), (252, 250, 244)))
        sheet = Sheet.blank(tint)
        if self.look.paper != "white":
            _lines_on(sheet, self.look.paper)
        self.sheets.append(sheet)
        top = millimetres(self.rng.uniform(14, 20))
        look, paper = self.look, self.paper
        if len(self.sheets) > 1:
            name = f"{paper.patient.family.upper()} {paper.patient.given[0]}"
            self.y = top
            self.line(f"{paper.closing[0]} - {name}", 0)
            self.y += 60
        elif look.writing == "handwritten":
            self.y = top
            for text in (*paper.letterhead[:2], *paper.contact[-1:]):
                self.line(text, 0)
            self.y += 30
        else:
            self.y = _letterhead(sheet, paper, look, top)
            if look.barcode:
                self.y = _barcode(sheet, look.margin, self.y, paper)

    def _measure(self, text: str) -> float:
        if self.by_hand:
            return hand_width(text, self.look.hand)
        return self.look.body.font().getlength(text)

    def line(
        self, text: str, indent: float, facts: tuple[str, ...] = (), *, bold: bool = False,
        underline: bool = False, x: float | None = None, right: float | None = None,
    ) -> None:  # fmt: skip
        """One passage, wrapped; moves down and turns the page when it is full."""
        look = self.look
        left = (look.margin if x is None else x) + indent
        width = (right or WIDTH - look.margin) - left
        hand_written = self.by_hand
        pitch = look.hand.pitch if hand_written else points(look.body.size) * look.line_gap
        for part in _wrapped(
            text,
            width,
            self._measure if hand_written or not self.by_hand else look.body.font().getlength,
        ):
            if self.y + pitch > self.bottom and len(self.sheets) < 4:
                self._turn()
            if hand_written:
                write(self.sheet, left, self.y, part, look.hand, self.rng, facts)
                if underline:
                    self._underline(left, part)
            else:
                put(
                    self.sheet,
                    left,
                    self.y,
                    part,
                    look.body,
                    bold=bold,
                    facts=facts,
                    underline=underline,
                )
            self.y += pitch

    def _underline(self, left: float, text: str) -> None:
        look = self.look
        y = self.y + sum(_loaded(look.hand.font, look.hand.size).getmetrics()) * 0.98
        end = left + hand_width(text, look.hand)
        middle = ((left + end) / 2, y + self.rng.uniform(-6, 6))
        ImageDraw.Draw(self.sheet.hand_ink).line(
            (left, y, *middle, end, y + self.rng.uniform(-8, 8)), fill=look.hand.colour, width=4
        )

    def patient(self) -> None:
        look, lines = self.look, list(self.paper.patient_lines)
        kind = look.patient
        start = self.y
        if kind == "line" and sum(len(p.text) for p in lines) < 75:
            facts = tuple(f for p in lines for f in p.facts)
            lines = [Passage("text", " - ".join(p.text for p in lines), facts)]
        x = {"right": 1300.0, "framed": 1280.0}.get(kind, float(look.margin))
        if kind == "ruled":
            _rule(self.sheet, self.y - 16, look.margin, WIDTH - look.margin, (120, 120, 120), 2)
        for passage in lines:
            if look.form and " : " in passage.text:
                self._filled_in(passage, x)
                continue
            self.line(
                passage.text, 0, passage.facts, x=x, bold=kind == "framed" and passage is lines[0]
            )
        if kind == "ruled":
            _rule(self.sheet, self.y + 10, look.margin, WIDTH - look.margin, (120, 120, 120), 2)
        if kind == "framed" and not self.by_hand:
            _box(self.sheet, (x - 40, start - 25, WIDTH - look.margin + 30, self.y + 15))
        self.y += 50

    def _filled_in(self, passage: Passage, x: float) -> None:
        """A printed label with a dotted line, filled in by hand."""
        look, sheet = self.look, self.sheet
        label, _, value = passage.text.partition(" : ")
        below = self.y + look.hand.pitch * 0.62
        box = put(sheet, x, below, f"{label} :", look.body, anchor="ls")
        end = min(WIDTH - look.margin, max(box[2] + 700, box[2] + hand_width(value, look.hand)))
        for dot in range(round(box[2]) + 20, round(end), 18):
            ImageDraw.Draw(sheet.ink).ellipse((dot, below + 2, dot + 4, below + 6), fill=(90,) * 3)
        write(sheet, box[2] + 30, self.y, value, look.hand, self.rng, passage.facts)
        self.y += look.hand.pitch

    def dateline(self, beside: bool) -> None:
        text = self.paper.dateline
        at = self.y
        x = WIDTH - self.look.margin - self._measure(text) - 20 if beside else self.look.margin
        self.line(text, 0, ("date",), x=max(x, self.look.margin))
        if (
            beside
            and self.rng.random() < 0.5
            and self.look.patient in ("left", "framed")
            and self.look.patient == "left"
        ):
            self.y = at  # the date stands to the right of the patient's first line
            if (
                self.paper.patient_lines
                and self._measure(self.paper.patient_lines[0].text) + self._measure(text)
                > WIDTH - 2 * self.look.margin - 200
            ):
                self.y = at + (
                    self.look.hand.pitch
                    if self.by_hand
                    else points(self.look.body.size) * self.look.line_gap
                )
        self.y += 20

    def title(self) -> None:
        if not self.paper.title:
            self.y += 20
            return
        self.y += 20
        if self.by_hand:
            self.line(self.paper.title, 500 if self.rng.random() < 0.5 else 0, underline=True)
        else:
            face = self.look.body.at(1.3)
            put(
                self.sheet,
                WIDTH / 2,
                self.y,
                self.paper.title,
                face,
                bold=True,
                anchor="ma",
                underline=self.rng.random() < 0.4,
            )
            self.y += points(face.size) * 1.6
        self.y += 40

    def body(self) -> None:
        look = self.look
        table = look.split == "heldout" and not self.by_hand and self.rng.random() < 0.6
        room = self.rng.uniform(0.25, 0.9)
        for number, passage in enumerate(self.paper.body):
            match passage.role:
                case "zone":
                    self._zone(passage)
                case "gap":
                    self.y += 120
                case "heading":
                    self.y += 25
                    self.line(passage.text, 0, bold=True, underline=self.rng.random() < 0.3)
                case "drug":
                    if number and self.paper.body[number - 1].role == "dosage":
                        self.y += room * points(look.body.size)
                    self.line(
                        passage.text, look.bullets_indent, passage.facts, bold=look.bold_drugs
                    )
                case "dosage":
                    self.line(passage.text, look.bullets_indent + 110, passage.facts)
                case "prescription":
                    self.y += room * 0.5 * points(look.body.size)
                    self._prescription(passage, table)
                case _:
                    self.line(passage.text, 0, passage.facts)

    def _prescription(self, passage: Passage, table: bool) -> None:
        drug, gap, dosage = passage.text.partition("  ")
        look = self.look
        column = 1240.0
        if not gap or (self.by_hand and self._measure(drug) > column - look.margin - 60):
            self.line(" ".join(passage.text.split()), look.bullets_indent, passage.facts)
            return
        if self.y + 3 * points(look.body.size) * look.line_gap > self.bottom:
            self._turn()
        start = self.y
        self.line(
            drug, look.bullets_indent, passage.facts[:1], bold=look.bold_drugs, right=column - 40
        )
        after = self.y
        self.y = start
        self.line(dosage, 0, passage.facts[1:], x=column)
        self.y = max(after, self.y)
        if table:
            _box(
                self.sheet,
                (look.margin - 20, start - 18, WIDTH - look.margin + 20, self.y + 2),
                width=2,
            )
            ImageDraw.Draw(self.sheet.ink).line(
                (column - 25, start - 18, column - 25, self.y + 2), fill=(60, 60, 60), width=2
            )

    def _zone(self, passage: Passage) -> None:
        look = self.look
        face = look.body.at(0.85)
        font = face.font()
        parts = _wrapped(passage.text, WIDTH - 2 * look.margin - 120, font.getlength)
        height = points(face.size) * 1.35 * len(parts)
        if self.y + height > self.bottom:
            self._turn()
        if not passage.text.startswith("("):
            _box(
                self.sheet,
                (look.margin - 20, self.y - 15, WIDTH - look.margin + 20, self.y + height + 80),
                width=3,
            )
        for part in parts:
            put(self.sheet, WIDTH / 2, self.y, part, face, anchor="ma")
            self.y += points(face.size) * 1.35
        self.y += 55 if passage.text.startswith("(") else 0

    def close(self) -> None:
        look = self.look
        room = self.bottom + 60 - self.y
        self.y += min(max(room - 380, 20), 160)
        if room < 2.5 * look.hand.pitch:
            return
        x = self.rng.uniform(1300, 1600)
        if look.stamp:
            _stamp(self.sheet, x - 60, self.y, self.paper, look, self.rng)
        else:
            x = min(x, WIDTH - look.margin - self._measure(self.paper.closing[0]) - 60)
            self.line(self.paper.closing[0], 0, x=x)
        _signature(self.sheet, x + self.rng.uniform(-80, 200), self.y + 40, look.hand, self.rng)
        if self.rng.random() < 0.2 and look.writing == "printed":
            face = look.body.at(0.7, (90, 90, 90))
            put(
                self.sheet,
                WIDTH / 2,
                HEIGHT - 150,
                self.rng.choice(
                    (
                        "Membre d'une association agréée - le règlement par chèque est accepté",
                        "En cas d'urgence, composer le 15",
                        "Respectez les posologies et la durée de votre traitement",
                    )
                ),
                face,
                anchor="ma",
            )

    def number_pages(self, wording: str) -> None:
        total = len(self.sheets)
        for number, sheet in enumerate(self.sheets, start=1):
            put(
                sheet,
                WIDTH - self.look.margin,
                HEIGHT - 200,
                wording.format(n=number, total=total),
                self.look.head.at(0.9),
                anchor="ra",
            )


def _stamp(sheet: Sheet, x: float, y: float, paper: Paper, look: Look, rng: Random) -> None:
    """A rubber stamp with the prescriber's name, uneven and askew, over whatever is there."""
    colour = rng.choice(((70, 40, 140), (30, 60, 150), (25, 25, 30)))
    face = look.head.at(0.95, colour)
    lines = [paper.letterhead[0], *paper.contact[:2], *paper.identifiers[:1]]
    width = round(max(face.font().getlength(line) for line in lines)) + 80
    height = round(points(face.size) * 1.3 * len(lines)) + 60
    image = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text(
            (width / 2, 30 + number * points(face.size) * 1.3),
            line,
            font=face.font(number == 0),
            fill=230,
            anchor="ma",
        )
    if rng.random() < 0.5:
        draw.rounded_rectangle((6, 6, width - 6, height - 6), radius=20, outline=220, width=5)
    noise = np.random.default_rng(rng.getrandbits(32)).uniform(
        0.35, 1.1, (height // 24 + 2, width // 24 + 2)
    )
    patchy = cv2.resize(noise.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    mask = Image.fromarray((np.asarray(image) * np.clip(patchy, 0, 1)).astype(np.uint8))
    mask = mask.rotate(rng.uniform(-7, 7), Image.Resampling.BILINEAR, expand=True)
    place = (round(min(x, WIDTH - mask.width - 60)), round(min(y, HEIGHT - mask.height - 60)))
    sheet.ink.paste(Image.new("RGB", mask.size, colour), place, mask)


def _signature(sheet: Sheet, x: float, y: float, hand: Hand, rng: Random) -> None:
    """A scribble: a few swinging loops and a flourish."""
    draw = ImageDraw.Draw(sheet.hand_ink)
    count = rng.randint(5, 9)
    knots = np.array(
        [
            (x + i * rng.uniform(35, 60), y + rng.uniform(-70, 70) * (1 - i / (count + 2)))
            for i in range(count)
        ]
        + [(x - 40, y + rng.uniform(50, 90)), (x + count * 55, y + rng.uniform(30, 80))]
    )
    t = np.linspace(0, len(knots) - 1, 240)
    smooth = np.stack([np.interp(t, range(len(knots)), knots[:, axis]) for axis in (0, 1)], 1)
    kernel = np.hanning(25) / np.hanning(25).sum()
    path = [
        tuple(p) for p in np.stack([np.convolve(smooth[:, a], kernel, "valid") for a in (0, 1)], 1)
    ]
    draw.line([(float(a), float(b)) for a, b in path], fill=hand.colour, width=5, joint="curve")


def render(
    paper: Paper, rng: Random, split: Split, writing: Writing, continued: str
) -> list[Rendered]:
    """Draw `paper`; pages beyond the first carry the prescriber, the patient and `continued`."""
    drawn = look(rng, split, writing)
    writer = _Writer(paper, drawn, rng, 1)
    if rng.random() < 0.5:
        writer.dateline(beside=rng.random() < 0.7)
        writer.patient()
    else:
        writer.patient()
        writer.dateline(beside=rng.random() < 0.5)
    writer.title()
    writer.body()
    writer.close()
    if len(writer.sheets) > 1:
        writer.number_pages(continued)
    height = HEIGHT
    if drawn.half and len(writer.sheets) == 1 and drawn.letterhead != "foot":
        # Half a sheet: what practices cut or buy as A5, laid lengthwise.
        height = HEIGHT // 2 if writer.y < HEIGHT // 2 - 400 else HEIGHT
    return [
        Rendered(
            np.ascontiguousarray(sheet.pixels(rng)[:height]),
            tuple(_with_prescriber(mark, paper) for mark in sheet.marks),
        )
        for sheet in writer.sheets
    ]


def _with_prescriber(mark: Mark, paper: Paper) -> Mark:
    """The mark, telling which facts about the prescriber a letterhead line states."""
    if mark.facts:
        return mark
    facts = []
    if paper.prescriber.family.casefold() in mark.text.casefold():
        facts += ["prescriber.family", "prescriber.given"]
    if paper.prescriber.rpps in mark.text:
        facts.append("prescriber.rpps")
    return Mark(mark.text, mark.box, tuple(facts), mark.handwritten)
