"""Tesseract for print: one process for a whole page."""

from __future__ import annotations

import functools
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from lxml import etree

from pipeline.config import Settings
from pipeline.errors import SetupError
from pipeline.model import Box, Line, Word, ZoneKind
from pipeline.ocr import calibration, handwriting
from pipeline.ocr.engine import ZoneImage
from pipeline.raster import Pixels, Transform

# pytesseract loads pandas where it finds it: a second and 60 MB a worker for data frames that
# nobody asks for here.
_PANDAS = sys.modules.get("pandas")
sys.modules["pandas"] = None  # type: ignore[assignment]
import pytesseract  # noqa: E402

if _PANDAS is None:
    del sys.modules["pandas"]
else:
    sys.modules["pandas"] = _PANDAS

SPARSE = 11
"""Page segmentation mode that finds text wherever it stands: it keeps the two columns of a
letterhead apart, where mode 6 forces them into common rows and misreads both."""

_TITLE = re.compile(r"(bbox|baseline|x_wconf|x_bboxes|x_conf|x_size) ([^;]+)")
_XHTML = "{http://www.w3.org/1999/xhtml}"
READING_DPI = 240
"""Finer scans are reduced to this first: as many words of print come out right, many more of
typewriting, and a fifth of the time is saved. At 200 another 0.06 s a page would be, for three
right values fewer in 2200 and one silent error more."""
_MARGIN = 48  # pixels of paper left around the ink: engines misread text that touches the edge


@dataclass(frozen=True)
class Tesseract:
    """Implements `pipeline.ocr.engine.Engine`: one process for a zone."""

    settings: Settings

    @property
    def name(self) -> str:
        return f"tesseract {version(self.settings.tesseract)}"

    def read(self, zone: ZoneImage) -> tuple[Line, ...]:
        """Lines cut where a wide gap parts what need not belong together, each told to be print
        or handwriting. Raises `SetupError` when the engine, its language or weights are missing.
        """
        found = self.passages(zone)
        images = [cut(zone.grey, around(words)) for words in found]
        by_hand = handwriting.probabilities(images, list(map(score, found)))
        return tuple(
            _line(words, probability, zone.transform, self.name)
            for words, probability in zip(found, by_hand, strict=True)
        )

    def passages(self, zone: ZoneImage) -> list[tuple[RawWord, ...]]:
        """Words that stand together on a line, as the engine gives them, in pixels of the zone."""
        top, left, inked = _inked(zone.grey)
        scale = min(1.0, READING_DPI / zone.dpi)
        if scale < 1:
            reduced = cv2.resize(inked, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            inked = np.asarray(reduced, np.uint8)
        return [
            tuple(_placed(word, scale, left, top) for word in words)
            for line in raw_lines(inked, zone.dpi * scale, self.settings)
            for words in parts(line)
            if _is_text(words, zone.dpi * scale)
        ]


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
    try:
        shown = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as missing:
        raise SetupError(
            "Tesseract est absent : installez les paquets « tesseract-ocr » et "
            "« tesseract-ocr-fra »."
        ) from missing
    found = re.search(r"tesseract v?([\d.]+)", shown.stdout + shown.stderr)
    return found[1] if found else "?"


@functools.cache
def languages(command: str) -> tuple[str, ...]:
    """The languages installed. Raises `SetupError` when the engine cannot be run."""
    version(command)
    shown = subprocess.run([command, "--list-langs"], capture_output=True, text=True, check=True)
    return tuple(sorted(shown.stdout.splitlines()[1:]))


def raw_lines(grey: Pixels, dpi: float, settings: Settings) -> tuple[RawLine, ...]:
    """The text lines of `grey` (height, width) uint8, in the engine's order, by one process.

    The image goes over as an uncompressed file, since encoding it would cost as much as a third
    of the reading. Raises `SetupError` when the engine or its language is missing.
    """
    # Two Tesseracts of several threads on one machine slow each other many times over.
    os.environ["OMP_THREAD_LIMIT"] = "1"
    version(settings.tesseract)
    pytesseract.pytesseract.tesseract_cmd = settings.tesseract
    with tempfile.TemporaryDirectory(prefix="reprise-") as folder:
        path = Path(folder, "page.pgm")
        cv2.imwrite(str(path), grey)
        config = f"--psm {SPARSE} --dpi {max(round(dpi), 70)} -c hocr_char_boxes=1"
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


# --- what the engine gets -------------------------------------------------------------------


def _inked(grey: Pixels) -> tuple[int, int, Pixels]:
    """The part of a zone that holds ink, after its top and left: empty margins cost time."""
    small = cv2.resize(grey, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    dark = cv2.blur(small, (15, 15)).astype(np.int16) - small > 12
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    if not len(rows):
        return 0, 0, grey
    top, left = max(8 * int(rows[0]) - _MARGIN, 0), max(8 * int(columns[0]) - _MARGIN, 0)
    bottom, right = 8 * int(rows[-1] + 1) + _MARGIN, 8 * int(columns[-1] + 1) + _MARGIN
    return top, left, np.ascontiguousarray(grey[top:bottom, left:right])


def _placed(word: RawWord, scale: float, left: int, top: int) -> RawWord:
    """A word of the reduced and cropped image where it stands in the zone."""
    box = Box(
        x=word.box.x / scale + left,
        y=word.box.y / scale + top,
        width=word.box.width / scale,
        height=word.box.height / scale,
    )
    return replace(word, box=box)


# --- from the engine's lines to ours --------------------------------------------------------


def parts(line: RawLine) -> Iterator[tuple[RawWord, ...]]:
    """The words of a line between its wide gaps."""
    part = [line.words[0]]
    for before, word in pairwise(line.words):
        if word.box.x - before.box.right > 2.5 * max(before.box.height, word.box.height):
            yield tuple(part)
            part = []
        part.append(word)
    yield tuple(part)


def around(words: Sequence[RawWord]) -> Box:
    return Box.around(tuple(word.box for word in words))


def cut(grey: Pixels, box: Box, margin: float = 0.12) -> Pixels:
    """The part of an image inside a box and a margin of its height."""
    spare = round(margin * box.height)
    height, width = grey.shape
    top, bottom = max(int(box.y) - spare, 0), min(round(box.bottom) + spare, height)
    left, right = max(int(box.x) - spare, 0), min(round(box.right) + spare, width)
    return grey[top:bottom, left:right]


def score(words: Sequence[RawWord]) -> float:
    """The engine's own figure for words of a line, 0 to 1."""
    return sum(word.score for word in words) / len(words) / 100


def _is_text(words: Sequence[RawWord], dpi: float) -> bool:
    """Whether a find is more than a speck, a rule or an edge that was taken for characters."""
    height = around(words).height / dpi * 25.4
    plain = any(character.isalnum() for word in words for character in word.text)
    return 0.8 < height < 30 and score(words) > (0.3 if plain else 0.7)


def features(word: RawWord, words: Sequence[RawWord], by_hand: float) -> tuple[float, ...]:
    """What the probability of a word is told from; `words` are those of its line and `by_hand`
    the probability that the line is handwritten."""
    length = sum(len(one.text) for one in words)
    mean = sum(one.score * len(one.text) for one in words) / length
    return (
        calibration.doubt(word.score / 100),
        calibration.doubt(min(word.characters) / 100),
        calibration.doubt(mean / 100),
        float(any(map(str.isdigit, word.text))),
        math.log(len(word.text)),
        float(not any(map(str.isalnum, word.text))),
        by_hand,
    )


def _line(words: Sequence[RawWord], by_hand: float, transform: Transform, engine: str) -> Line:
    curve = calibration.curve("tesseract")
    boxes = transform.boxes([word.box for word in words])
    read = tuple(
        Word(text=word.text, box=box, confidence=curve(features(word, words, by_hand)))
        for word, box in zip(words, boxes, strict=True)
    )
    return Line(
        words=read,
        box=Box.around(tuple(word.box for word in read)),
        kind=ZoneKind.HANDWRITTEN if by_hand >= 0.5 else ZoneKind.PRINTED,
        engine=engine,
    )
