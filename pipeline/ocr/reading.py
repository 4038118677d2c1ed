"""A prepared page becomes lines of words: the order in which engines are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config import Settings
from pipeline.model import Box, Line, Word, Zone, ZoneKind
from pipeline.ocr import tesseract
from pipeline.raster import Prepared


@dataclass(frozen=True)
class Reading:
    """What a page says: `lines` in reading order and printed and handwritten `zones`, in original
    pixels; `rotation` is the clockwise turn in degrees that makes the original upright."""

    lines: tuple[Line, ...]
    zones: tuple[Zone, ...]
    rotation: int


def read_page(prepared: Prepared, settings: Settings, lexicon: Sequence[str] = ()) -> Reading:
    """Read a page. Raises `SetupError` when an engine is missing."""
    if prepared.blank:
        return Reading((), (), prepared.rotation)
    name = f"tesseract {tesseract.version(settings.tesseract)}"
    lines = []
    for raw in tesseract.read(prepared.grey, prepared.dpi, settings):
        words = tuple(
            Word(
                text=word.text,
                box=prepared.transform.box(word.box),
                confidence=min(max(word.score / 100, 0.0), 0.99),
            )
            for word in raw.words
        )
        box = Box.around(tuple(word.box for word in words))
        lines.append(Line(words=words, box=box, kind=ZoneKind.PRINTED, engine=name))
    return Reading(tuple(lines), (), prepared.rotation)
