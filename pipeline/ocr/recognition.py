"""An engine that reads line by line: segmentation first, then a recogniser for each line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.model import Box, Line, Word, ZoneKind
from pipeline.ocr import handwriting, htr, rapid, segmentation
from pipeline.ocr.engine import LineImage, Recogniser, Span, Transcription, ZoneImage

_PRINTED_ODDS = -1.4
"""Log-odds below which a line in a zone suspected of handwriting is print after all."""


@dataclass(frozen=True)
class LineByLine:
    """Implements `pipeline.ocr.engine.Engine` for zones where handwriting is suspected.

    Lines by hand go to `by_hand`, those that turn out to be print to `print`. `lexicon` holds
    names that may occur.
    """

    by_hand: Recogniser
    print: Recogniser
    lexicon: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.by_hand.name

    def read(self, zone: ZoneImage) -> tuple[Line, ...]:
        """Lines from top to bottom. Raises `SetupError` when weights are missing."""
        lines: list[Line] = []
        for image in segmentation.text_lines(zone.grey, zone.dpi):
            printed = handwriting.odds(image.grey) < _PRINTED_ODDS
            recogniser = self.print if printed else self.by_hand
            kind = ZoneKind.PRINTED if printed else ZoneKind.HANDWRITTEN
            (read,) = recogniser.recognise([image.grey], self.lexicon)
            lines += _lines(read, image, zone, kind, recogniser.name)
        return tuple(lines)


def engine(lexicon: Sequence[str] = ()) -> LineByLine:
    """Our own handwriting recogniser, or PP-OCR where its weights are not in place."""
    general = rapid.recogniser()
    ours = (htr.WEIGHTS / "handwriting.onnx").is_file()
    return LineByLine(htr.recogniser() if ours else general, general, tuple(lexicon))


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
