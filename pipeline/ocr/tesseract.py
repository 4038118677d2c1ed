"""Tesseract for print: one process for a whole page."""

from __future__ import annotations

import functools
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytesseract
from lxml import etree

from pipeline.config import Settings
from pipeline.errors import SetupError
from pipeline.model import Box
from pipeline.raster import Pixels

SPARSE = 11
"""Page segmentation mode that finds text wherever it stands: it keeps the two columns of a
letterhead apart, where mode 6 forces them into common rows and misreads both."""
ONE_WORD = 8

_TITLE = re.compile(r"(bbox|baseline|x_wconf|x_bboxes|x_conf|x_size) ([^;]+)")
_XHTML = "{http://www.w3.org/1999/xhtml}"


@dataclass(frozen=True)
class RawWord:
    """A word as Tesseract gives it: box in image pixels, confidences in per cent.

    `score` is the engine's own figure for the word, `characters` those of its characters; none
    of them is a probability.
    """

    text: str
    box: Box
    score: float
    characters: tuple[float, ...]


@dataclass(frozen=True)
class RawLine:
    """A text line as Tesseract gives it; `x_height` in image pixels."""

    words: tuple[RawWord, ...]
    box: Box
    x_height: float

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@functools.cache
def version(command: str) -> str:
    """The engine's version, such as `5.3.0`. Raises `SetupError` when it cannot be run."""
    pytesseract.pytesseract.tesseract_cmd = command
    try:
        return str(pytesseract.get_tesseract_version())
    except (pytesseract.TesseractNotFoundError, SystemExit) as missing:
        raise SetupError(
            "Tesseract est absent : installez les paquets « tesseract-ocr » et "
            "« tesseract-ocr-fra »."
        ) from missing


@functools.cache
def languages(command: str) -> tuple[str, ...]:
    """The languages installed. Raises `SetupError` when the engine cannot be run."""
    version(command)
    return tuple(sorted(pytesseract.get_languages()))


def read(grey: Pixels, dpi: float, settings: Settings, mode: int = SPARSE) -> tuple[RawLine, ...]:
    """The text lines of `grey` (height, width) uint8, in the engine's order, by one process.

    The image goes over as an uncompressed file, since encoding it would cost as much as a third
    of the reading. Raises `SetupError` when the engine or its language is missing.
    """
    # Two Tesseracts of several threads on one machine slow each other many times over.
    os.environ["OMP_THREAD_LIMIT"] = "1"
    version(settings.tesseract)
    with tempfile.TemporaryDirectory(prefix="reprise-") as folder:
        path = Path(folder, "page.pgm")
        cv2.imwrite(str(path), grey)
        config = f"--psm {mode} --dpi {max(round(dpi), 70)} -c hocr_char_boxes=1"
        try:
            hocr = pytesseract.image_to_pdf_or_hocr(
                str(path), lang=settings.languages, config=config, extension="hocr"
            )
        except pytesseract.TesseractError as failed:
            if "loading language" not in str(failed):
                raise
            raise SetupError(
                f"Tesseract n'a pas pu lire avec la langue « {settings.languages} » : "
                "installez le paquet « tesseract-ocr-fra »."
            ) from failed
    return _lines(hocr)


def _lines(hocr: bytes) -> tuple[RawLine, ...]:
    root = etree.fromstring(hocr, etree.XMLParser(recover=True, resolve_entities=False))
    lines = []
    for element in root.iter(f"{_XHTML}span"):
        if element.get("class") in {"ocr_line", "ocr_header", "ocr_textfloat", "ocr_caption"}:
            title = _title(element)
            words = tuple(word for word in map(_word, element) if word.text)
            if words:
                x_height = float(title.get("x_size", "0"))
                lines.append(RawLine(words, Box.around(tuple(w.box for w in words)), x_height))
    return tuple(lines)


def _word(element: etree._Element) -> RawWord:
    characters = []
    for character in element:
        text = (character.text or "").strip()
        score = float(_title(character).get("x_conf", "0"))
        characters += [(letter, score) for letter in text]
    title = _title(element)
    if not characters:
        characters = [(letter, 0.0) for letter in (element.text or "").strip()]
    return RawWord(
        text="".join(letter for letter, _ in characters),
        box=_box(title.get("bbox", "0 0 0 0").split()),
        score=float(title.get("x_wconf", "0")),
        characters=tuple(score for _, score in characters),
    )


def _title(element: etree._Element) -> dict[str, str]:
    return dict(_TITLE.findall(element.get("title", "")))


def _box(corners: Sequence[str]) -> Box:
    left, top, right, bottom = map(float, corners)
    return Box(x=left, y=top, width=right - left, height=bottom - top)
