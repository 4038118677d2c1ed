"""A prepared page becomes lines of words: which engine is asked for what, and in which order.

Tesseract reads the whole page once, and a small network tells print from handwriting. On a
purely printed page nothing else runs but PP-OCR on the few words that Tesseract is not sure of.
Lines by hand, and ink that Tesseract passed over, make up the zones that go to the handwriting
engine; what both read is fused.

Everything here is in pixels of the prepared page, where lines are level; `read_page` leads back
to the original at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.config import Settings
from pipeline.model import Box, Line, Word, Zone, ZoneKind
from pipeline.ocr import fusion, handwriting, rapid, recognition, segmentation
from pipeline.ocr.engine import Engine, ZoneImage
from pipeline.ocr.tesseract import Tesseract, cut
from pipeline.raster import Pixels, Prepared, Transform

_INCH = 25.4  # millimetres
_SPARE = 4.0  # millimetres of page around a zone
_STAMPED = 0.5
"""Text inside a stamp is never surer than this."""
_HERE = Transform(np.eye(3))


@dataclass(frozen=True)
class Reading:
    """What a page says: `lines` in reading order and printed and handwritten `zones`, in original
    pixels; `rotation` is the clockwise turn in degrees that makes the original upright."""

    lines: tuple[Line, ...]
    zones: tuple[Zone, ...]
    rotation: int


def read_page(prepared: Prepared, settings: Settings, lexicon: Sequence[str] = ()) -> Reading:
    """Read a page. Raises `SetupError` when an engine, a language or weights are missing.

    `lexicon` holds names that may occur (drugs), which the handwriting engine weighs against the
    ink and offers as alternatives.
    """
    if prepared.blank:
        return Reading((), (), prepared.rotation)
    engine = Tesseract(settings)
    read = engine.read(_whole(prepared))
    if _few_words(read) and _upside_down(prepared):
        prepared = _turned(prepared)
        read = engine.read(_whole(prepared))
    printed = [
        recognition.second_opinion(prepared.grey, line, rapid.recogniser())
        for line in read
        if line.kind is ZoneKind.PRINTED
    ]
    written = [line for line in read if line.kind is ZoneKind.HANDWRITTEN]
    lines = printed + _by_hand(prepared, printed, written, recognition.engine(lexicon))
    lines = [_in_stamp(line, _placed(prepared, ZoneKind.STAMP)) for line in _ordered(lines)]
    zones = _zones(lines, prepared.dpi)
    return Reading(
        _mapped(lines, prepared.transform),
        tuple(zone.model_copy(update={"box": prepared.transform.box(zone.box)}) for zone in zones),
        prepared.rotation,
    )


def _whole(prepared: Prepared) -> ZoneImage:
    return ZoneImage(prepared.grey, ZoneKind.PRINTED, prepared.dpi, _HERE)


def _mapped(lines: Sequence[Line], transform: Transform) -> tuple[Line, ...]:
    """The lines in original pixels."""
    places = [box for line in lines for box in (line.box, *(word.box for word in line.words))]
    boxes = iter(transform.boxes(places))
    return tuple(
        line.model_copy(
            update={
                "box": next(boxes),
                "words": tuple(word.model_copy(update={"box": next(boxes)}) for word in line.words),
            }
        )
        for line in lines
    )


def _placed(prepared: Prepared, kind: ZoneKind) -> list[Box]:
    """Zones that imaging found, on the prepared page."""
    back = Transform(np.asarray(np.linalg.inv(prepared.transform.matrix), np.float64))
    return [back.box(zone.box) for zone in prepared.zones if zone.kind is kind]


# --- handwriting ----------------------------------------------------------------------------


def _by_hand(
    prepared: Prepared, printed: Sequence[Line], written: Sequence[Line], engine: Engine
) -> list[Line]:
    """Lines of the zones that hold handwriting or ink nobody has read; `written` is what
    Tesseract made of handwriting."""
    known = [word.box for line in printed for word in line.words]
    known += _placed(prepared, ZoneKind.BARCODE)
    unread = handwriting.unread_ink(prepared.grey, prepared.dpi, known)
    boxes = [*unread, *(line.box for line in written)]
    if not boxes:
        return []
    zones = _gathered(boxes, prepared.dpi)
    covered = _covered(prepared, known, zones)
    stamps = _placed(prepared, ZoneKind.STAMP)
    read: list[Line] = []
    for box in zones:
        kind = ZoneKind.PRINTED
        if any(box.intersection(stamp) > 0.6 * box.area for stamp in stamps):
            kind = ZoneKind.STAMP
        elif any(box.intersection(line.box) > 0 for line in written):
            kind = ZoneKind.HANDWRITTEN
        read += engine.read(_zone(covered, prepared.dpi, box, kind))
    return _fused(read, written)


def _covered(prepared: Prepared, known: Sequence[Box], zones: Sequence[Box]) -> Pixels:
    """The page with what is read already painted over, as far as it stands in or near zones."""
    covered = prepared.grey.copy()
    near = 2 * _SPARE / _INCH * prepared.dpi
    for box in known:
        grown = Box(
            x=box.x - near,
            y=box.y - near,
            width=box.width + 2 * near,
            height=box.height + 2 * near,
        )
        if any(grown.intersection(zone) > 0 for zone in zones):
            part = cut(covered, box, 0.06)
            part[:] = int(np.percentile(part, 85)) if part.size else 255
    return covered


def _zone(grey: Pixels, dpi: float, box: Box, kind: ZoneKind) -> ZoneImage:
    """The zone of a page around a box, with `_SPARE` around it."""
    spare = round(_SPARE / _INCH * dpi)
    height, width = grey.shape
    top, left = max(int(box.y) - spare, 0), max(int(box.x) - spare, 0)
    bottom, right = min(round(box.bottom) + spare, height), min(round(box.right) + spare, width)
    shift: npt.NDArray[np.float64] = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
    return ZoneImage(
        np.ascontiguousarray(grey[top:bottom, left:right]),
        kind,
        dpi,
        Transform(shift),
    )


def _gathered(boxes: Sequence[Box], dpi: float) -> tuple[Box, ...]:
    """Boxes merged as long as two are near each other: 12 mm beside, 6 mm above or below."""
    beside, above = 12 / _INCH * dpi, 6 / _INCH * dpi
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


def _fused(lines: Sequence[Line], others: Sequence[Line]) -> list[Line]:
    """`lines` weighed against Tesseract's readings of the same handwriting (`others`).

    The rows are those of `lines`: Tesseract takes slanted rows by hand apart and mixes them. Its
    words go, one by one, to the line that they lie on; what lies on none is added, but for what
    lies on struck ink. A line gives way to Tesseract only where that saw all of it and is surer.
    """
    on: dict[int, list[Word]] = {}
    rest: list[Line] = []
    for other in others:
        free: list[Word] = []
        for word in other.words:
            host = _host(lines, word)
            if host is None:
                free.append(word)
            else:
                on.setdefault(host, []).append(word)
        if free:
            rest.append(_with_words(other, free))
    result: list[Line] = []
    for place, line in enumerate(lines):
        words = sorted(on.get(place, ()), key=lambda word: word.box.x)
        if words and not line.struck:
            line = fusion.fused(line, _with_words(others[0], words), whole=_covers(words, line))
        result.append(line)
    return result + rest


def _host(lines: Sequence[Line], word: Word) -> int | None:
    """The line that a word lies on: the one whose middle is nearest to the word's."""
    x, y = word.box.x + word.box.width / 2, word.box.y + word.box.height / 2
    found = [
        (abs(line.box.y + line.box.height / 2 - y), place)
        for place, line in enumerate(lines)
        if line.box.y <= y <= line.box.bottom
        and line.box.x - 0.3 * line.box.height <= x <= line.box.right + 0.3 * line.box.height
    ]
    return min(found)[1] if found else None


def _covers(words: Sequence[Word], line: Line) -> bool:
    """Whether each word of `line` lies, with its middle, on one of `words`."""
    return all(
        any(one.box.x <= word.box.x + word.box.width / 2 <= one.box.right for one in words)
        for word in line.words
    )


def _with_words(line: Line, words: Sequence[Word]) -> Line:
    box = Box.around(tuple(word.box for word in words))
    return line.model_copy(update={"words": tuple(words), "box": box})


# --- the page as a whole --------------------------------------------------------------------


def _few_words(lines: Sequence[Line]) -> bool:
    """Whether too little was read with confidence to know which end of the page is up."""
    words = [word for line in lines for word in line.words]
    sure = sum(word.confidence > 0.9 and len(word.text) > 2 for word in words)
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
        transform=Transform(np.asarray(prepared.transform.matrix @ half, np.float64)),
        rotation=(prepared.rotation + 180) % 360,
    )


def _in_stamp(line: Line, stamps: Sequence[Box]) -> Line:
    """The line, of low confidence where a stamp lies over most of it."""
    if not any(line.box.intersection(box) > 0.6 * line.box.area for box in stamps):
        return line
    words = tuple(
        word.model_copy(update={"confidence": min(word.confidence, _STAMPED)})
        for word in line.words
    )
    return line.model_copy(update={"words": words, "kind": ZoneKind.STAMP})


def _ordered(lines: Sequence[Line]) -> list[Line]:
    """Lines from top to bottom, side by side from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.box.y):
        top = rows[-1][0].box if rows else None
        if top and line.box.y < top.y + 0.5 * min(top.height, line.box.height):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.box.x)]


def _zones(lines: Sequence[Line], dpi: float) -> tuple[Zone, ...]:
    """Zones of print and of handwriting: lines of one kind that stand near each other."""
    return tuple(
        Zone(kind=kind, box=box)
        for kind in (ZoneKind.PRINTED, ZoneKind.HANDWRITTEN)
        for box in _gathered([line.box for line in lines if line.kind is kind], dpi)
    )
