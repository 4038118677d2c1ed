"""How a paper looks: fonts, layouts and the flow of its text over pages.

`render` draws a `Paper` as one or more pages. Arrays are RGB uint8 of shape (3508, 2480, 3), or
half as high for half a sheet; each page carries `marks`, so that evidence can be checked against
ink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
from PIL import ImageDraw

from samples.generator.contents import Paper, Passage
from samples.generator.drawing import (
    HEIGHT,
    WIDTH,
    Colour,
    Face,
    Hand,
    Mark,
    Pixels,
    Sheet,
    frame_box,
    hand_width,
    millimetres,
    points,
    put,
    rule,
    sized_font,
    wrapped,
    write,
)
from samples.generator.fonts import Group, handwriting_fonts
from samples.generator.letterheads import LETTERHEADS, barcode, letterhead, signature, stamp
from samples.generator.vocabulary import Split

Writing = Literal["printed", "typewritten", "handwritten", "mixed"]

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

_PATIENTS: dict[Split, tuple[str, ...]] = {
    "development": ("right", "left", "framed", "left", "table", "halves", "row"),
    "heldout": ("left", "right", "ruled", "line"),
}


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
        letterhead="plain" if writing == "typewritten" else rng.choice(LETTERHEADS[split]),
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
    x_height = -sized_font(path, 1000).getbbox("x", anchor="ls")[1]
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
        return HEIGHT - (420 if self.look.letterhead in ("foot", "address-below") else 330)

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
            head = (*paper.letterhead[:2], *paper.identifiers[:1], *paper.contact[-1:])
            for text in head:
                self.line(text, 0)
            self.y += 30
        else:
            self.y = letterhead(sheet, paper, look.letterhead, look.head, look.margin, top)
            if look.barcode:
                self.y = barcode(sheet, look.margin, self.y, paper)

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
        for part in wrapped(
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
        y = self.y + sum(sized_font(look.hand.font, look.hand.size).getmetrics()) * 0.98
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
        if kind == "row" and sum(len(p.text) for p in lines) < 70:
            facts = tuple(f for p in lines for f in p.facts)
            lines = [Passage("text", ", ".join(p.text for p in lines), facts)]
        x = {"right": 1300.0, "framed": 1280.0}.get(kind, float(look.margin))
        if kind == "ruled":
            rule(self.sheet, self.y - 16, look.margin, WIDTH - look.margin, (120, 120, 120), 2)
        if kind in ("table", "halves") and not self.by_hand:
            (self._patient_table if kind == "table" else self._patient_halves)(lines)
            self.y += 50
            return
        for passage in lines:
            if look.form and " : " in passage.text:
                self._filled_in(passage, x)
                continue
            self.line(
                passage.text, 0, passage.facts, x=x, bold=kind == "framed" and passage is lines[0]
            )
        if kind == "ruled":
            rule(self.sheet, self.y + 10, look.margin, WIDTH - look.margin, (120, 120, 120), 2)
        if kind == "framed" and not self.by_hand:
            frame_box(self.sheet, (x - 40, start - 25, WIDTH - look.margin + 30, self.y + 15))
        self.y += 50

    def _patient_table(self, lines: Sequence[Passage]) -> None:
        """A ruled row a line: its label in the first column, its value in the second."""
        look = self.look
        left, right = look.margin, WIDTH - look.margin
        for passage in lines:
            start = self.y
            label, colon, value = passage.text.partition(" : ")
            if colon:
                put(self.sheet, left + 20, self.y, label, look.body)
                self.line(value, 0, passage.facts, x=left + 760.0, bold=True)
            else:
                self.line(passage.text, 0, passage.facts, x=left + 20.0)
            self.y += 14
            frame_box(self.sheet, (left, start - 16, right, self.y - 12), width=2)

    def _patient_halves(self, lines: Sequence[Passage]) -> None:
        """The block in two columns, side by side."""
        middle = (len(lines) + 1) // 2
        start = self.y
        for passage in lines[:middle]:
            self.line(passage.text, 0, passage.facts, right=WIDTH / 2 - 30)
        after = self.y
        self.y = start
        for passage in lines[middle:]:
            self.line(passage.text, 0, passage.facts, x=WIDTH / 2 + 30)
        self.y = max(after, self.y)

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
        share = {"development": 0.4, "heldout": 0.6}[look.split]
        table = not self.by_hand and self.rng.random() < share
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
            frame_box(
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
        parts = wrapped(passage.text, WIDTH - 2 * look.margin - 120, font.getlength)
        height = points(face.size) * 1.35 * len(parts)
        if self.y + height > self.bottom:
            self._turn()
        if not passage.text.startswith("("):
            frame_box(
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
            stamp(self.sheet, x - 60, self.y, self.paper, look.head, self.rng)
        else:
            x = min(x, WIDTH - look.margin - self._measure(self.paper.closing[0]) - 60)
            self.line(self.paper.closing[0], 0, x=x)
        signature(self.sheet, x + self.rng.uniform(-80, 200), self.y + 40, look.hand, self.rng)
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
    if drawn.half and len(writer.sheets) == 1 and drawn.letterhead not in ("foot", "address-below"):
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
