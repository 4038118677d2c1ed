"""A page from pixels to lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.config import Settings
from pipeline.errors import SetupError
from pipeline.model import Box, Line, Word, Zone, ZoneKind
from pipeline.ocr.engine import Span, Transcription, ZoneImage
from pipeline.ocr.reading import _fused, read_page
from pipeline.ocr.recognition import LineByLine, second_opinion
from pipeline.ocr.tesseract import Tesseract
from pipeline.raster import Pixels, Transform
from tests.ocr.pages import DPI, drawn, prepared

LETTER = [
    (100, 80, "Docteur Claire MARTIN"),
    (100, 150, "Médecine générale"),
    (1100, 100, "RPPS 10990123457"),
    (1100, 185, "Tél. 01 99 00 47 57"),
    (100, 380, "AMOXICILLINE 500 mg"),
    (160, 470, "1 gélule matin et soir pendant 7 jours"),
    (100, 600, "DOLIPRANE 1000 mg"),
    (160, 690, "1 comprimé toutes les 6 heures si douleur"),
]
SETTINGS = Settings()


def test_columns_stay_apart_and_figures_are_right() -> None:
    reading = read_page(prepared(drawn(LETTER)), SETTINGS)
    texts = [line.text for line in reading.lines]
    for _, _, text in LETTER:
        assert text in texts
    assert {line.kind for line in reading.lines} == {ZoneKind.PRINTED}
    assert all(line.engine.startswith("tesseract 5") for line in reading.lines)
    assert [zone.kind for zone in reading.zones].count(ZoneKind.HANDWRITTEN) == 0


def test_boxes_are_in_original_pixels() -> None:
    # The original is half the size and lies on its side.
    back = Transform(np.array([[0, 0.5, 0], [-0.5, 0, 850], [0, 0, 1]], np.float64))
    reading = read_page(prepared(drawn(LETTER), back), SETTINGS)
    (line,) = [line for line in reading.lines if line.text == "AMOXICILLINE 500 mg"]
    x, y, _ = LETTER[4]
    assert abs(line.box.bottom - (850 - 0.5 * x)) < 12
    assert 0.5 * y <= line.box.x < line.box.right < 0.5 * y + 30
    word = line.words[0]
    assert word.text == "AMOXICILLINE"
    assert word.box.height > 4 * word.box.width


def test_a_blank_page_says_nothing() -> None:
    reading = read_page(prepared(np.full((800, 600), 250, np.uint8), blank=True), SETTINGS)
    assert (reading.lines, reading.zones) == ((), ())


def test_a_page_upside_down_is_turned() -> None:
    grey = np.ascontiguousarray(drawn(LETTER)[::-1, ::-1])
    reading = read_page(prepared(grey), SETTINGS)
    assert reading.rotation == 180
    (line,) = [line for line in reading.lines if line.text == "DOLIPRANE 1000 mg"]
    assert line.box.y > 200
    assert line.box.right > 1500


def test_text_in_a_stamp_is_never_sure() -> None:
    page = prepared(drawn(LETTER))
    stamp = Zone(kind=ZoneKind.STAMP, box=Box(x=60, y=60, width=800, height=160))
    reading = read_page(replace(page, zones=(stamp,)), SETTINGS)
    stamped = [line for line in reading.lines if line.box.y < 200 and line.box.x < 500]
    assert stamped
    for line in stamped:
        assert line.kind is ZoneKind.STAMP
        assert max(word.confidence for word in line.words) <= 0.5


def test_confidences_are_probabilities() -> None:
    words = [w for line in read_page(prepared(drawn(LETTER)), SETTINGS).lines for w in line.words]
    assert all(0 < word.confidence < 1 for word in words)


def test_a_missing_engine_is_named() -> None:
    settings = Settings(tesseract="no-such-engine")
    with pytest.raises(SetupError, match="tesseract-ocr"):
        read_page(prepared(drawn(LETTER)), settings)


def test_a_missing_language_is_named() -> None:
    with pytest.raises(SetupError, match="xyz"):
        Tesseract(Settings(languages="xyz")).read(
            ZoneImage(drawn(LETTER), ZoneKind.PRINTED, DPI, Transform(np.eye(3)))
        )


class _Striking:
    """A recogniser that sees every second word struck out."""

    name = "striking 1"

    def recognise(
        self, lines: Sequence[Pixels], lexicon: Sequence[str] = ()
    ) -> tuple[Transcription, ...]:
        words = (
            Span("Doliprane", 0, 60, confidence=0.9, characters=(0.9,) * 9, struck=True),
            Span("Ibuprofène", 70, 150, confidence=0.9, characters=(0.9,) * 10),
        )
        return tuple(Transcription(words) for _ in lines)


def test_struck_words_are_no_text() -> None:
    zone = ZoneImage(
        drawn([(100, 100, "Doliprane Ibuprofène")]), ZoneKind.HANDWRITTEN, DPI, Transform(np.eye(3))
    )
    engine = LineByLine(_Striking(), _Striking())
    kept, struck = engine.read(zone)
    assert (kept.text, kept.struck) == ("Ibuprofène", False)
    assert (struck.text, struck.struck) == ("Doliprane", True)
    assert struck.words[0].confidence == 0


@dataclass(frozen=True)
class _Says:
    """A recogniser that reads every line as one word."""

    text: str
    confidence: float
    name: str = "says 1"

    def recognise(
        self, lines: Sequence[Pixels], lexicon: Sequence[str] = ()
    ) -> tuple[Transcription, ...]:
        characters = (0.9,) * len(self.text)
        word = Span(self.text, 0, 120, confidence=self.confidence, characters=characters)
        return tuple(Transcription((word,)) for _ in lines)


@pytest.mark.parametrize(
    ("by_hand", "general", "kind"),
    [
        (_Says("BARBIER", 0.85), _Says("BARBTER", 0.6), ZoneKind.HANDWRITTEN),
        (_Says("BARBTER", 0.6), _Says("BARBIER", 0.85), ZoneKind.PRINTED),
        (_Says("BARBIER", 0.85), _Says("BARBIER", 0.6), ZoneKind.PRINTED),
    ],
)
def test_what_the_engine_for_handwriting_reads_better_is_by_hand(
    by_hand: _Says, general: _Says, kind: ZoneKind
) -> None:
    zone = ZoneImage(drawn([(100, 100, "BARBIER")]), ZoneKind.PRINTED, DPI, Transform(np.eye(3)))
    (line,) = LineByLine(by_hand, general).read(zone)
    assert (line.text, line.kind) == ("BARBIER", kind)


@pytest.mark.parametrize("page", ["wikitexte_0119_2", "imp_wikitexte_0217"])
def test_handwritten_zones_of_real_pages(shared_dir: Path, page: str) -> None:
    path = shared_dir / "handwriting" / "pages" / "dev" / f"{page}.jpg"
    truth = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    grey = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
    reading = read_page(replace(prepared(grey), dpi=200.0), SETTINGS)
    zones = [zone.box for zone in reading.zones if zone.kind is ZoneKind.HANDWRITTEN]
    for line in truth["lines"]:
        x, y = np.mean(line["baseline"], axis=0)
        middle = Box(x=float(x) - 10, y=float(y) - 20, width=20, height=20)
        assert any(zone.intersection(middle) > 0 for zone in zones)


def _row(text: str, y: float, engine: str, *, confidence: float = 0.9, step: float = 100) -> Line:
    words = tuple(
        Word(text=word, box=Box(x=place * step, y=y, width=90, height=40), confidence=confidence)
        for place, word in enumerate(text.split())
    )
    return Line(
        words=words,
        box=Box.around(tuple(word.box for word in words)),
        kind=ZoneKind.HANDWRITTEN,
        engine=engine,
    )


def test_rows_that_tesseract_mixes_stay_apart() -> None:
    """Rows by hand lie aslant, and Tesseract joins words of two of them."""
    rows = [_row("Examen clinique :", 0, "htr 1"), _row("PA 115/55 pouls", 60, "htr 1")]
    mixed = _row("Examen clinique", 0, "tesseract 5", confidence=0.4)
    lower = _row("PA 15/55", 60, "tesseract 5", confidence=0.4)
    mixed = mixed.model_copy(
        update={
            "words": (*lower.words, *mixed.words),
            "box": Box.around((mixed.box, lower.box)),
        }
    )
    assert [line.text for line in _fused(rows, [mixed])] == ["Examen clinique :", "PA 115/55 pouls"]


def test_words_that_only_tesseract_saw_are_kept_and_struck_ones_are_not() -> None:
    struck = _row("Doliprane", 0, "htr 1").model_copy(update={"struck": True})
    seen = _row("Doliprane", 0, "tesseract 5"), _row("Signature", 300, "tesseract 5")
    assert [(line.text, line.struck) for line in _fused([struck], seen)] == [
        ("Doliprane", True),
        ("Signature", False),
    ]


class _Asked:
    """A second engine that only counts what it is shown."""

    name = "asked"

    def __init__(self) -> None:
        self.shown = 0

    def recognise(
        self, lines: Sequence[Pixels], lexicon: Sequence[str] = ()
    ) -> tuple[Transcription, ...]:
        self.shown += len(lines)
        return tuple(Transcription(()) for _ in lines)


@pytest.mark.parametrize(("text", "shown"), [("+", 0), ("→", 0), ("G2P1", 1), ("Sénéchal,", 1)])
def test_a_second_engine_is_asked_for_doubtful_words_but_not_for_signs(
    text: str, shown: int
) -> None:
    box = Box(x=100, y=100, width=120, height=40)
    line = Line(
        words=(Word(text=text, box=box, confidence=0.7),),
        box=box,
        kind=ZoneKind.PRINTED,
        engine="tesseract",
    )
    asked = _Asked()
    assert second_opinion(np.full((300, 400), 255, np.uint8), line, asked) == line
    assert asked.shown == shown


def test_figures_that_a_second_reading_does_not_have_are_kept_and_doubtful() -> None:
    words = tuple(
        Word(text=text, box=Box(x=100 + 40 * place, y=100, width=30, height=40), confidence=0.7)
        for place, text in enumerate(["e", "1", "à", "2", "cp"])
    )
    line = Line(
        words=words,
        box=Box.around(tuple(word.box for word in words)),
        kind=ZoneKind.PRINTED,
        engine="tesseract",
    )

    class Shorter:
        """Reads the last two words of what it is shown, and nothing before them."""

        name = "shorter"

        def recognise(
            self, lines: Sequence[Pixels], lexicon: Sequence[str] = ()
        ) -> tuple[Transcription, ...]:
            right = lines[0].shape[1]
            read = (
                Span("2", right - 90, right - 60, confidence=0.99, characters=(0.99,)),
                Span("cp", right - 50, right - 20, confidence=0.99, characters=(0.99,) * 2),
            )
            return (Transcription(read),)

    read = second_opinion(np.full((300, 500), 255, np.uint8), line, Shorter())
    assert read.text == "1 à 2 cp"
    assert [word.confidence <= 0.5 for word in read.words] == [True, True, False, False]
