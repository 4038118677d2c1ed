"""A prepared page becomes lines of words: which engine is asked for what, and in which order.

Tesseract reads the whole page once. On a purely printed page nothing else runs but a small
network that tells print from handwriting. Lines by hand, and ink that Tesseract passed over, make
up the zones that go to the handwriting engine; what both read is fused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.config import Settings
from pipeline.model import Box, Line, Word, Zone, ZoneKind
from pipeline.ocr import calibration, fusion, handwriting, htr, rapid, segmentation, tesseract
from pipeline.ocr.engine import LineImage, Recogniser, Span, Transcription, ZoneImage
from pipeline.ocr.tesseract import RawLine, RawWord
from pipeline.raster import Pixels, Prepared, Transform

_MILLIMETRES = 25.4
_PRINTED_ODDS = -1.4
"""Log-odds below which a line in a zone suspected of handwriting is print after all."""
_STAMPED = 0.5
"""Text inside a stamp or over a signature is never surer than this."""


@dataclass(frozen=True)
class Reading:
    """What a page says: `lines` in reading order and printed and handwritten `zones`, in original
    pixels; `rotation` is the clockwise turn in degrees that makes the original upright."""

    lines: tuple[Line, ...]
    zones: tuple[Zone, ...]
    rotation: int


@dataclass(frozen=True)
class Passage:
    """Words that stand together on a line, as Tesseract read them, and the probability that they
    were written by hand. Boxes are in pixels of the prepared page."""

    words: tuple[RawWord, ...]
    by_hand: float

    @property
    def box(self) -> Box:
        return _around(self.words)


def read_page(prepared: Prepared, settings: Settings, lexicon: Sequence[str] = ()) -> Reading:
    """Read a page. Raises `SetupError` when an engine, a language or weights are missing.

    `lexicon` holds names that may occur (drugs), which the handwriting engine weighs against the
    ink and offers as alternatives.
    """
    if prepared.blank:
        return Reading((), (), prepared.rotation)
    passages = _passages(prepared, settings)
    if _few_words(passages) and _upside_down(prepared):
        prepared = _turned(prepared)
        passages = _passages(prepared, settings)
    printed = tuple(passage for passage in passages if passage.by_hand < 0.5)
    written = tuple(passage for passage in passages if passage.by_hand >= 0.5)
    name = f"tesseract {tesseract.version(settings.tesseract)}"
    lines = [_line(passage, prepared.transform, name) for passage in printed]
    for zone in _zones_to_read(prepared, printed, written):
        lines += _read_zone(zone, lexicon)
    lines = _fused(lines, [_line(passage, prepared.transform, name) for passage in written])
    lines = [_in_stamp(line, prepared.zones) for line in lines]
    return Reading(_ordered(lines, prepared.transform), _zones(lines), prepared.rotation)


# --- print ----------------------------------------------------------------------------------


def _passages(prepared: Prepared, settings: Settings) -> tuple[Passage, ...]:
    """Tesseract's lines, cut where a wide gap parts what need not belong together."""
    found = [
        words
        for line in tesseract.read(prepared.grey, prepared.dpi, settings)
        for words in _parts(line)
        if _is_text(words, prepared.dpi)
    ]
    images = [_cut(prepared.grey, _around(words)) for words in found]
    scores = [sum(word.score for word in words) / len(words) / 100 for words in found]
    probabilities = handwriting.probabilities(images, scores)
    return tuple(map(Passage, found, probabilities))


def _around(words: Sequence[RawWord]) -> Box:
    return Box.around(tuple(word.box for word in words))


def _parts(line: RawLine) -> Iterable[tuple[RawWord, ...]]:
    part = [line.words[0]]
    for before, word in pairwise(line.words):
        if word.box.x - before.box.right > 2.5 * max(before.box.height, word.box.height):
            yield tuple(part)
            part = []
        part.append(word)
    yield tuple(part)


def _is_text(words: Sequence[RawWord], dpi: float) -> bool:
    """Whether a find is more than a speck, a rule or an edge that was taken for characters."""
    height = _around(words).height / dpi * _MILLIMETRES
    letters = [score for word in words for score in word.characters]
    plain = any(character.isalnum() for word in words for character in word.text)
    sure = sum(word.score for word in words) / len(words)
    return 0.8 < height < 30 and len(letters) > 0 and (sure > 30 if plain else sure > 70)


def _cut(grey: Pixels, box: Box, margin: float = 0.12) -> Pixels:
    """The part of a page inside a box and a margin of its height."""
    spare = round(margin * box.height)
    height, width = grey.shape
    top, bottom = max(int(box.y) - spare, 0), min(round(box.bottom) + spare, height)
    left, right = max(int(box.x) - spare, 0), min(round(box.right) + spare, width)
    return grey[top:bottom, left:right]


def _line(passage: Passage, transform: Transform, engine: str) -> Line:
    curve = calibration.curve("tesseract")
    length = sum(len(word.text) for word in passage.words)
    mean = sum(word.score * len(word.text) for word in passage.words) / length / 100
    words = tuple(
        Word(
            text=word.text,
            box=transform.box(word.box),
            confidence=curve(
                (
                    calibration.doubt(word.score / 100),
                    calibration.doubt(min(word.characters) / 100),
                    calibration.doubt(mean),
                    float(any(map(str.isdigit, word.text))),
                    float(np.log(len(word.text))),
                    float(not any(map(str.isalnum, word.text))),
                )
            ),
        )
        for word in passage.words
    )
    return Line(
        words=words,
        box=Box.around(tuple(word.box for word in words)),
        kind=ZoneKind.HANDWRITTEN if passage.by_hand >= 0.5 else ZoneKind.PRINTED,
        engine=engine,
    )


# --- handwriting ----------------------------------------------------------------------------


def handwriting_engine() -> Recogniser:
    """Our own handwriting recogniser, or PP-OCR where its weights are not in place."""
    if (htr.WEIGHTS / "handwriting.onnx").is_file():
        return htr.recogniser()
    return rapid.recogniser()


def _zones_to_read(
    prepared: Prepared, printed: Sequence[Passage], written: Sequence[Passage]
) -> tuple[ZoneImage, ...]:
    """Parts of the page that hold handwriting or ink nobody has read, print covered with paper."""
    to_prepared = _inverse(prepared.transform)
    known = [word.box for passage in printed for word in passage.words]
    barcodes = [
        to_prepared.box(zone.box) for zone in prepared.zones if zone.kind is ZoneKind.BARCODE
    ]
    unread = handwriting.unread_ink(prepared.grey, prepared.dpi, [*known, *barcodes])
    boxes = [*unread, *(passage.box for passage in written)]
    if not boxes:
        return ()
    covered = prepared.grey.copy()
    for box in (*known, *barcodes):
        part = _cut(covered, box, 0.06)
        part[:] = int(np.percentile(part, 85)) if part.size else 255
    return tuple(_zone_image(prepared, covered, box) for box in _gathered(boxes, prepared.dpi))


def _zone_image(prepared: Prepared, grey: Pixels, box: Box) -> ZoneImage:
    spare = round(4 / _MILLIMETRES * prepared.dpi)
    height, width = grey.shape
    top, left = max(int(box.y) - spare, 0), max(int(box.x) - spare, 0)
    bottom, right = min(round(box.bottom) + spare, height), min(round(box.right) + spare, width)
    shift = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
    return ZoneImage(
        grey=grey[top:bottom, left:right],
        kind=ZoneKind.HANDWRITTEN,
        dpi=prepared.dpi,
        transform=_after(shift, prepared.transform),
    )


def _gathered(boxes: Sequence[Box], dpi: float) -> tuple[Box, ...]:
    """Boxes merged as long as two are near each other: 12 mm beside, 6 mm above or below."""
    beside, above = 12 / _MILLIMETRES * dpi, 6 / _MILLIMETRES * dpi
    groups: list[Box] = []
    for box in boxes:
        merged = box
        while True:
            grown = Box(
                x=merged.x - beside,
                y=merged.y - above,
                width=merged.width + 2 * beside,
                height=merged.height + 2 * above,
            )
            near = [group for group in groups if grown.intersection(group) > 0]
            if not near:
                break
            groups = [group for group in groups if group not in near]
            merged = Box.around((merged, *near))
        groups.append(merged)
    return tuple(groups)


def _read_zone(zone: ZoneImage, lexicon: Sequence[str]) -> list[Line]:
    """Lines of a zone; each goes to the engine for print or for handwriting as it looks."""
    lines = []
    for image in segmentation.text_lines(zone.grey, zone.dpi):
        printed = handwriting.odds(image.grey) < _PRINTED_ODDS
        engine = rapid.recogniser() if printed else handwriting_engine()
        kind = ZoneKind.PRINTED if printed else ZoneKind.HANDWRITTEN
        (read,) = engine.recognise([image.grey], lexicon)
        lines += _lines(read, image, zone.transform, kind, engine.name)
    return lines


def _lines(
    read: Transcription, image: LineImage, transform: Transform, kind: ZoneKind, engine: str
) -> list[Line]:
    """The words of a line image in original pixels; struck words make a line of their own, so
    that nothing takes them for text that was meant."""
    lines = []
    for struck in (False, True):
        words = tuple(_word(span, image, transform) for span in read.words if span.struck is struck)
        if words:
            box = Box.around(tuple(word.box for word in words))
            lines.append(
                Line(words=words, box=box, kind=kind, engine=engine, struck=struck, note=read.note)
            )
    return lines


def _word(span: Span, image: LineImage, transform: Transform) -> Word:
    return Word(
        text=span.text,
        box=transform.box(image.box(span.start, span.end)),
        confidence=0.0 if span.struck else min(max(span.confidence, 0.0), 1.0),
        alternatives=span.alternatives,
    )


def _fused(lines: Sequence[Line], others: Sequence[Line]) -> list[Line]:
    """`lines` with Tesseract's readings of handwriting (`others`).

    Where both read the same words the surer reading stands; words that only Tesseract found are
    added, and the reading that sees more of a line is kept where neither is complete.
    """
    result = list(lines)
    for other in others:
        beside = [line for line in result if _same_row(line, other)]
        struck = [line for line in beside if line.struck]
        beside = [line for line in beside if not line.struck]
        rest = _without(other, struck)
        if rest is None:
            continue
        if not beside:
            result.append(rest)
            continue
        joined = _joined(beside)
        more = _without(rest, beside)
        lacking = _without(joined, [rest])
        result = [line for line in result if line not in beside]
        if more is None and lacking is not None and fusion.certainty(joined) > 0.5:
            result += beside
        elif lacking is None or more is None or fusion.certainty(rest) > fusion.certainty(joined):
            result.append(fusion.fused(joined, rest))
        else:
            result += beside
        kept = [line for line in result if _same_row(line, rest)]
        result += [line for part in (more, lacking) if part and (line := _without(part, kept))]
    return result


def _same_row(line: Line, other: Line) -> bool:
    """Whether two lines lie over one another on one row of the page."""
    height = min(line.box.bottom, other.box.bottom) - max(line.box.y, other.box.y)
    width = min(line.box.right, other.box.right) - max(line.box.x, other.box.x)
    return width > 0 and height > 0.5 * min(line.box.height, other.box.height)


def _joined(lines: Sequence[Line]) -> Line:
    """Lines of one row as one line."""
    if len(lines) == 1:
        return lines[0]
    words = sorted((word for line in lines for word in line.words), key=lambda word: word.box.x)
    engines = " + ".join(dict.fromkeys(line.engine for line in lines))
    box = Box.around(tuple(line.box for line in lines))
    return lines[0].model_copy(update={"words": tuple(words), "box": box, "engine": engines})


def _without(line: Line, others: Sequence[Line]) -> Line | None:
    """The words of a line that none of `others` covers; None when nothing is left."""
    spare = 0.3 * line.box.height
    words = tuple(
        word
        for word in line.words
        if not any(
            other.box.x - spare <= word.box.x + word.box.width / 2 <= other.box.right + spare
            and _same_row(line, other)
            for other in others
        )
    )
    if not words:
        return None
    box = Box.around(tuple(word.box for word in words))
    return line.model_copy(update={"words": words, "box": box})


# --- the page as a whole --------------------------------------------------------------------


def _few_words(passages: Sequence[Passage]) -> bool:
    """Whether too little was read with confidence to know which end of the page is up."""
    words = [word for passage in passages for word in passage.words]
    sure = sum(word.score > 85 and len(word.text) > 2 and word.text.isalpha() for word in words)
    return sure < 6 or sure < 0.15 * len(words)


def _upside_down(prepared: Prepared) -> bool:
    """Whether the page's longest lines make more sense to PP-OCR after half a turn."""
    images = segmentation.text_lines(prepared.grey, prepared.dpi)
    longest = sorted(images, key=lambda image: -image.grey.shape[1])[:5]
    if not longest:
        return False
    upright = [_sense(image.grey) for image in longest]
    turned = [_sense(np.ascontiguousarray(image.grey[::-1, ::-1])) for image in longest]
    return float(np.median(turned)) > float(np.median(upright)) + 0.05


def _sense(line: Pixels) -> float:
    """Mean probability of the characters that PP-OCR sees in a line."""
    seen = [emission.probability for emission in rapid.emissions(line)]
    return float(np.mean(seen)) if seen else 0.0


def _turned(prepared: Prepared) -> Prepared:
    """The page after half a turn."""
    height, width = prepared.grey.shape
    half = np.array([[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]], np.float64)
    return replace(
        prepared,
        grey=np.asarray(cv2.rotate(prepared.grey, cv2.ROTATE_180), np.uint8),
        transform=_after(half, prepared.transform),
        rotation=(prepared.rotation + 180) % 360,
    )


def _in_stamp(line: Line, zones: Sequence[Zone]) -> Line:
    """The line, of low confidence where a stamp lies over most of it."""
    stamps = [zone.box for zone in zones if zone.kind is ZoneKind.STAMP]
    if not any(line.box.intersection(box) > 0.6 * line.box.area for box in stamps):
        return line
    words = tuple(
        word.model_copy(update={"confidence": min(word.confidence, _STAMPED)})
        for word in line.words
    )
    return line.model_copy(update={"words": words, "kind": ZoneKind.STAMP})


def _ordered(lines: Sequence[Line], transform: Transform) -> tuple[Line, ...]:
    """Lines from top to bottom of the upright page, side by side from left to right."""
    back = _inverse(transform)
    placed = sorted(((back.box(line.box), line) for line in lines), key=lambda one: one[0].y)
    rows: list[list[tuple[Box, Line]]] = []
    for box, line in placed:
        row = rows[-1] if rows else []
        level = row and box.y < row[0][0].y + 0.5 * min(row[0][0].height, box.height)
        if level:
            row.append((box, line))
        else:
            rows.append([(box, line)])
    return tuple(line for row in rows for _, line in sorted(row, key=lambda one: one[0].x))


def _zones(lines: Sequence[Line]) -> tuple[Zone, ...]:
    """Zones of print and of handwriting: lines of one kind that stand near each other."""
    zones = []
    for kind in (ZoneKind.PRINTED, ZoneKind.HANDWRITTEN):
        boxes = [line.box for line in lines if line.kind is kind]
        if boxes:
            # 12 mm and 6 mm at a pitch of lines that is about 8 mm on any paper.
            dpi = float(np.median([box.height for box in boxes])) * _MILLIMETRES / 4
            zones += [Zone(kind=kind, box=box) for box in _gathered(boxes, dpi)]
    return tuple(zones)


def _after(first: npt.NDArray[np.float64], then: Transform) -> Transform:
    return Transform(np.asarray(then.matrix @ first, np.float64))


def _inverse(transform: Transform) -> Transform:
    return Transform(np.asarray(np.linalg.inv(transform.matrix), np.float64))
