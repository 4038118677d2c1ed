"""An engine that reads line by line: segmentation first, then a recogniser for each line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.model import Box, Line, Word, ZoneKind
from pipeline.ocr import fusion, handwriting, htr, rapid, segmentation
from pipeline.ocr.engine import LineImage, Recogniser, Span, Transcription, ZoneImage
from pipeline.raster import Pixels

_PRINTED_ODDS = {
    ZoneKind.HANDWRITTEN: -1.4,
    ZoneKind.PRINTED: 1.0,
    ZoneKind.STAMP: math.inf,
    ZoneKind.BARCODE: math.inf,
}
"""Log-odds of handwriting below which a line is taken for print, by what its zone seems to be."""
_PLAIN = 0.9
"""Certainty from which a line of a zone that seems to be print needs no second reading."""
_LEGIBLE = 0.6
"""What PP-OCR's characters reach in every line of a contemporary hand, and in few signatures."""


@dataclass(frozen=True)
class LineByLine:
    """Implements `pipeline.ocr.engine.Engine` for zones that may hold handwriting.

    Every line goes to `general` first. Lines by hand that it can make anything of go to `by_hand`
    as well, and so do those of print that it is not sure of; the two readings are fused. A
    signature goes no further. `lexicon` holds names that may occur.
    """

    by_hand: Recogniser
    general: Recogniser
    lexicon: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.by_hand.name

    def read(self, zone: ZoneImage) -> tuple[Line, ...]:
        """Lines from top to bottom. Raises `SetupError` when weights are missing."""
        return tuple(
            line
            for image in segmentation.text_lines(zone.grey, zone.dpi)
            for line in self._read_line(image, zone)
        )

    def _read_line(self, image: LineImage, zone: ZoneImage) -> list[Line]:
        printed = handwriting.odds(image.grey) < _PRINTED_ODDS[zone.kind]
        kind = ZoneKind.PRINTED if printed else ZoneKind.HANDWRITTEN
        (seen,) = self.general.recognise([image.grey])
        lines = _lines(seen, image, zone, kind, self.general.name)
        if _sense(seen) < _LEGIBLE or self.by_hand is self.general:
            return lines
        plain = printed or zone.kind is not ZoneKind.HANDWRITTEN
        if plain and all(fusion.certainty(line) > _PLAIN for line in lines):
            return lines
        (read,) = self.by_hand.recognise([image.grey], self.lexicon)
        ours = _lines(read, image, zone, kind, self.by_hand.name)
        if len(ours) == len(lines) == 1 and not ours[0].struck:
            if ours[0].text != lines[0].text and fusion.certainty(ours[0]) >= fusion.certainty(
                lines[0]
            ):
                # Whatever the line looks like: what this engine reads better is by hand.
                ours[0] = ours[0].model_copy(update={"kind": ZoneKind.HANDWRITTEN})
            return [fusion.fused(ours[0], lines[0])]
        return ours


def _sense(read: Transcription) -> float:
    """Mean probability of the characters of a line, 0 for none."""
    seen = [probability for word in read.words for probability in word.characters]
    return sum(seen) / max(len(seen), 1)


def engine(lexicon: Sequence[str] = ()) -> LineByLine:
    """Our own handwriting recogniser, or PP-OCR where its weights are not in place."""
    general = rapid.recogniser()
    ours = (htr.WEIGHTS / "handwriting.onnx").is_file()
    return LineByLine(htr.recogniser() if ours else general, general, tuple(lexicon))


def second_opinion(grey: Pixels, line: Line, recogniser: Recogniser) -> Line:
    """A printed line of a page, its doubtful words read again by another engine and fused.

    Words that stand next to one another are read together.
    """
    place = len(line.words)
    while place:
        stop = place
        while place and _doubtful(line.words[place - 1]):
            place -= 1
        if place == stop:
            place -= 1
            continue
        line = _read_again(grey, line, place, stop, recogniser)
    return line


def _doubtful(word: Word) -> bool:
    """Whether a second engine is worth its time: figures are never taken on one engine's word
    unless it is very sure. Lone signs are: PP-OCR takes a "+" for a letter."""
    if not any(map(str.isalnum, word.text)):
        return False
    return word.confidence < (0.95 if any(map(str.isdigit, word.text)) else 0.9)


def _read_again(grey: Pixels, line: Line, start: int, stop: int, recogniser: Recogniser) -> Line:
    words = line.words[start:stop]
    box = Box.around(tuple(word.box for word in words))
    spare = 0.2 * box.height
    # Beside the words up to half-way to their neighbours, so that these are not read along.
    left, right = box.x - 2 * spare, box.right + 2 * spare
    if start:
        left = max(left, (line.words[start - 1].box.right + box.x) / 2)
    if stop < len(line.words):
        right = min(right, (box.right + line.words[stop].box.x) / 2)
    height, width = grey.shape
    x, y = max(int(left), 0), max(int(box.y - spare), 0)
    image = grey[y : min(round(box.bottom + spare), height), x : min(round(right), width)]
    if min(image.shape) < 8:
        return line
    (read,) = recogniser.recognise([image])
    again = tuple(
        Word(
            text=span.text,
            box=Box(x=x + span.start, y=box.y, width=span.end - span.start, height=box.height),
            confidence=span.confidence,
            alternatives=span.alternatives,
        )
        for span in read.words
        if span.text
    )
    if not again:
        return line
    first = line.model_copy(update={"words": words, "box": box})
    second = Line(words=again, box=box, kind=line.kind, engine=recogniser.name)
    part = _with_figures_lost(fusion.fused(first, second), words)
    return fusion.replaced(line, start, stop, part)


_LOST = 0.5
"""Most confidence in a word that a second reading, which stands, does not have."""


def _with_figures_lost(part: Line, words: Sequence[Word]) -> Line:
    """`part` with those of `words` before and behind it that it says nothing of, from the outermost
    one with a figure on: « 1 à 2 bouffées » read again as « 2 bouffées » keeps « 1 à », doubtful.
    """
    left, right = part.words[0].box.x, max(word.box.right for word in part.words)
    before = [word for word in words if word.box.x + word.box.width / 2 < left]
    behind = [word for word in words if word.box.x + word.box.width / 2 > right]
    while before and not any(map(str.isdigit, before[0].text)):
        before = before[1:]
    while behind and not any(map(str.isdigit, behind[-1].text)):
        behind = behind[:-1]
    if not before and not behind:
        return part
    before, behind = (
        [word.model_copy(update={"confidence": min(word.confidence, _LOST)}) for word in beside]
        for beside in (before, behind)
    )
    kept = (*before, *part.words, *behind)
    box = Box.around(tuple(word.box for word in kept))
    return part.model_copy(update={"words": kept, "box": box})


def _lines(
    read: Transcription, image: LineImage, zone: ZoneImage, kind: ZoneKind, engine: str
) -> list[Line]:
    """The words of a line image on the page; struck words make a line of their own, so that
    nothing takes them for text that was meant."""
    lines = []
    for struck in (False, True):
        words = tuple(_word(span, image, zone) for span in read.words if span.struck is struck)
        if words:
            lines.append(
                Line(
                    words=words,
                    box=Box.around(tuple(word.box for word in words)),
                    kind=kind,
                    engine=engine,
                    struck=struck,
                    note=read.note,
                )
            )
    return lines


def _word(span: Span, image: LineImage, zone: ZoneImage) -> Word:
    return Word(
        text=span.text,
        box=zone.transform.box(image.box(span.start, span.end)),
        confidence=0.0 if span.struck else min(max(span.confidence, 0.0), 1.0),
        alternatives=span.alternatives,
    )
