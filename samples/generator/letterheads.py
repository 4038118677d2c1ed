"""Letterheads of practices, prescription blanks' barcodes and rubber stamps."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import cv2
import numpy as np
import zxingcpp
from PIL import Image, ImageDraw

from samples.generator.contents import Paper
from samples.generator.drawing import (
    HEIGHT,
    WIDTH,
    Face,
    Hand,
    Sheet,
    frame_box,
    millimetres,
    points,
    put,
    rule,
)
from samples.generator.vocabulary import Split

LETTERHEADS: dict[Split, tuple[str, ...]] = {
    "development": (
        "left-right",
        "centred",
        "boxed",
        "band",
        "plain",
        "pair",
        "fields",
        "qr",
        "two-barcodes",
        "slogan",
        "associates",
        "address-below",
    ),
    "heldout": ("right-block", "logo", "column", "foot", "left-right", "group"),
}


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


def letterhead(sheet: Sheet, paper: Paper, layout: str, face: Face, margin: int, top: int) -> float:
    """Draws the letterhead in one of `LETTERHEADS`; returns the y below it."""
    left, right = margin, WIDTH - margin
    names, ids, contact = paper.letterhead, paper.identifiers, paper.contact
    match layout:
        case "left-right":
            y1 = _stack(sheet, left, top, (*names, *ids), face, bold_first=True)
            y2 = _stack(sheet, right, top, contact, face.at(0.92), anchor="ra")
            y = max(y1, y2) + 30
            rule(sheet, y, left, right, face.colour)
        case "centred":
            y = _stack(sheet, WIDTH / 2, top, names, face, anchor="ma", bold_first=True)
            y = _stack(sheet, WIDTH / 2, y, (" - ".join(contact), *ids), face.at(0.9), anchor="ma")
        case "boxed":
            y = _stack(sheet, left + 40, top + 30, (*names, *contact, *ids), face, bold_first=True)
            frame_box(sheet, (left, top, left + 1050, y + 20), face.colour, radius=24)
            y += 30
        case "band":
            ImageDraw.Draw(sheet.ink).rectangle((0, 0, WIDTH, millimetres(7)), fill=face.colour)
            y1 = _stack(sheet, left, top, names, face, bold_first=True)
            y2 = _stack(sheet, right, top, (*contact, *ids), face.at(0.88), anchor="ra")
            y = max(y1, y2)
        case "plain":
            y = _stack(sheet, left, top, (*names, *contact, *ids), face)
        case "pair":
            y1 = _stack(sheet, left, top, (*names, *ids), face, bold_first=True)
            other = ("Dr Jeanne HERVIEU", "Médecine générale", "RPPS : 10990000019")
            y2 = _stack(sheet, WIDTH / 2 + 200, top, other, face, bold_first=True)
            y = max(y1, y2) + 20
            put(sheet, WIDTH / 2, y, " - ".join(contact), face.at(0.85), anchor="ma")
            y += points(face.size) * 1.5
            rule(sheet, y, left, right, face.colour)
        case "fields":
            y = float(top)
            labels = ("", *("" for _ in names[1:]), "Adresse", "Ville", "Contact")
            for label, line in zip(labels, (*names, *contact), strict=False):
                if label:
                    put(sheet, left, y, f"{label} :", face.at(0.9))
                put(sheet, left + 330, y, line, face, bold=not label)
                y += points(face.size) * 1.4
            y = _stack(sheet, left + 330, y, ids, face)
            frame_box(sheet, (left - 20, top - 20, right, y + 10), face.colour)
        case "qr":
            code = zxingcpp.create_barcode(
                f"https://exemple.invalid/{paper.prescriber.rpps}", zxingcpp.BarcodeFormat.QRCode
            )
            image = Image.fromarray(np.array(code.to_image(scale=6))).convert("RGB")
            sheet.ink.paste(image.resize((260, 260)), (right - 260, top))
            y = _stack(sheet, left, top, (*names, *contact, *ids), face, bold_first=True)
            y = max(y, top + 280)
        case "two-barcodes":
            barcode(sheet, left, top, paper)
            barcode(sheet, right - 520, top, paper)
            put(sheet, left + 260, top + 115, paper.prescriber.rpps, face.at(0.8), anchor="ma")
            put(sheet, right - 260, top + 115, paper.prescriber.am, face.at(0.8), anchor="ma")
            y1 = _stack(sheet, left, top + 190, names, face, bold_first=True)
            y2 = _stack(sheet, right, top + 190, (*contact, *ids), face.at(0.9), anchor="ra")
            y = max(y1, y2)
        case "slogan":
            y = _stack(sheet, WIDTH / 2, top, names, face.at(1.1), anchor="ma", bold_first=True)
            rule(sheet, y + 6, left, right, face.colour, 2)
            y1 = _stack(sheet, left, y + 20, contact, face.at(0.9))
            y2 = _stack(
                sheet,
                right,
                y + 20,
                ("Consultations sur rendez-vous", "Lundi au vendredi 8h30-12h et 14h-19h", *ids),
                face.at(0.9),
                anchor="ra",
            )
            y = max(y1, y2)
            _stack(
                sheet,
                WIDTH / 2,
                HEIGHT - 240,
                (
                    "Membre d'une association de gestion agréée, le règlement des honoraires",
                    "par chèque est accepté. En cas d'urgence vitale, composez le 15.",
                ),
                face.at(0.75),
                anchor="ma",
            )
        case "associates":
            y = _stack(sheet, WIDTH / 2, top, contact[:1] + names[:1], face.at(1.05), anchor="ma")
            rule(sheet, y + 8, left, right, face.colour, 2)
            listed = ("Dr Marie-Luce AUBRAC", "Dr Yvon PERRIGAUD", "Mme Odile SENECHAL, infirmière")
            y1 = _stack(sheet, left, y + 24, (names[0], *names[1:], *ids), face.at(0.9))
            y2 = _stack(sheet, right, y + 24, listed, face.at(0.8), anchor="ra")
            y = _stack(sheet, left, max(y1, y2), contact[1:], face.at(0.85))
        case "address-below":
            y = _stack(sheet, right, top, names, face.at(1.1), anchor="ra", bold_first=True)
            y = _stack(sheet, right, y, ids, face.at(0.85), anchor="ra")
            foot = "  •  ".join(contact)
            rule(sheet, HEIGHT - 290, left, right, face.colour, 2)
            put(sheet, WIDTH / 2, HEIGHT - 270, foot, face.at(0.85), anchor="ma")
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
            rule(sheet, y + 20, left, right, face.colour, 6)
            y += 30
        case "column":
            y1 = _stack(sheet, left, top, names, face, bold_first=True)
            y2 = _stack(sheet, WIDTH / 2, top, contact, face.at(0.9), anchor="ma")
            y3 = _stack(sheet, right, top, ids, face.at(0.9), anchor="ra")
            y = max(y1, y2, y3)
            for offset in (0, 8):
                rule(sheet, y + 10 + offset, left, right, face.colour, 2)
            y += 20
        case "foot":
            y = _stack(sheet, WIDTH / 2, top, names, face.at(1.1), anchor="ma", bold_first=True)
            rule(sheet, y + 10, 800, WIDTH - 800, face.colour, 2)
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
            rule(sheet, y, left, right, face.colour, 2)
            put(sheet, WIDTH / 2, y + 14, " - ".join(contact), face.at(0.85), anchor="ma")
            y += 70
        case _:
            raise ValueError(f"unknown letterhead {layout}")
    return y + 40


def barcode(sheet: Sheet, x: float, y: float, paper: Paper) -> float:
    """The RPPS number as Code 128, as prescription blanks carry it."""
    code = zxingcpp.create_barcode(paper.prescriber.rpps, zxingcpp.BarcodeFormat.Code128)
    bars = Image.fromarray(np.array(code.to_image(scale=3))).convert("RGB").resize((520, 110))
    sheet.ink.paste(bars, (round(x), round(y)))
    return y + 150


def stamp(sheet: Sheet, x: float, y: float, paper: Paper, head: Face, rng: Random) -> None:
    """A rubber stamp with the prescriber's name, uneven and askew, over whatever is there."""
    colour = rng.choice(((70, 40, 140), (30, 60, 150), (25, 25, 30)))
    face = head.at(0.95, colour)
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


def signature(sheet: Sheet, x: float, y: float, hand: Hand, rng: Random) -> None:
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
