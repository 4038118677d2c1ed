"""From a read document to lines of text and back to the ink.

The rules of this room work on `TextLine`: one row of a page as a string, with the word under every
character. What they find is a `Span` of such a line; `value` turns spans into a `Value` with its
`Evidence` and its state. No rule builds either by hand, so that every value points at its pixels
and faces the thresholds of its kind (`thresholds.toml`).
"""

from __future__ import annotations

import hashlib
import statistics
import textwrap
import tomllib
import unicodedata
import uuid
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

from pipeline.extraction.columns import margin_column
from pipeline.model import (
    Box,
    Document,
    Evidence,
    Legibility,
    Line,
    Page,
    Quality,
    Scan,
    Size,
    State,
    Value,
    Word,
    ZoneKind,
)

T = TypeVar("T")

Kind = Literal[
    "drug",
    "strength",
    "form",
    "dosage",
    "supply",
    "substitution",
    "allergy",
    "name",
    "birth_date",
    "sex",
    "age",
    "identifier",
    "contact",
    "speciality",
    "date",
    "measurement",
    "condition",
    "order",
    "certificate",
    "appointment",
    "document_kind",
    "text",
]
"""Kinds of value with thresholds of their own in `thresholds.toml`."""

RESTORED: Final = "Orthographe restituée par le programme."
"""The doubt of what was read from words whose spelling was guessed."""

UNKNOWN_BY_HAND: Final = "Écrit à la main, et d'aucune liste : à relire."
"""The doubt of words by hand that no vocabulary confirms."""

HARDLY: Final = 0.6
"""Confidence under which a word may be any other: a negation, a unit, a part of a name."""

COLUMN_GAP = "\t"
"""Stands in a line's text where a gap is too wide to be a space between words."""


# --- lines ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Token:
    """A word at its place in a line's text: characters `start` to `end`.

    `level` is the word's box on the level page (see `TextLine.level`). Where the vocabulary set
    a word right, the line's text has the right spelling and `word.text` what was read.
    """

    start: int
    end: int
    word: Word
    level: Box


@dataclass(frozen=True)
class TextLine:
    """One row of a page, left to right, as text that can be traced back to its words.

    Words are joined by one space, or by `COLUMN_GAP` where a wide gap parts two columns.
    `number` counts the rows of the document from 0. `section` is the key of the passage the row
    stands in (`sections/vocabulary.toml`), empty before sections are known. `margin` tells that it
    is one of a letterhead down the side of the page. `box` is in original
    page pixels; `level` is the same place in the frame in which rows are level (quarter turn and
    slope taken out), the one to compare positions in.
    """

    text: str
    tokens: tuple[Token, ...]
    page: int
    number: int
    size: Size
    kind: ZoneKind
    engine: str
    box: Box
    level: Box
    struck: bool = False
    section: str = ""
    margin: bool = False

    @cached_property
    def folded(self) -> str:
        """The text in lower case without accents; same length, so that offsets agree."""
        return fold(self.text)

    def span(self, start: int = 0, end: int | None = None) -> Span:
        """Characters `start` to `end` of the line, without the white space around them."""
        end = len(self.text) if end is None else end
        while start < end and self.text[start].isspace():
            start += 1
        while end > start and self.text[end - 1].isspace():
            end -= 1
        return Span(self, start, end)

    def piece(self, start: int, end: int) -> TextLine | None:
        """The words that lie whole within characters `start` to `end`, as a line of its own."""
        tokens = tuple(
            Token(token.start - start, token.end - start, token.word, token.level)
            for token in self.tokens
            if start <= token.start and token.end <= end
        )
        if not tokens:
            return None
        return replace(
            self,
            text=self.text[start:end],
            tokens=tokens,
            box=Box.around(tuple(token.word.box for token in tokens)),
            level=Box.around(tuple(token.level for token in tokens)),
        )

    def parts(self) -> tuple[TextLine, ...]:
        """The row cut at its wide gaps: the columns of a letterhead, each a line of its own."""
        if COLUMN_GAP not in self.text:
            return (self,)
        parts: list[TextLine] = []
        start = 0
        for text in self.text.split(COLUMN_GAP):
            part = self.piece(start, start + len(text))
            if part is not None:
                parts.append(part)
            start += len(text) + 1
        return tuple(parts)


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` of a line."""

    line: TextLine
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.line.text[self.start : self.end]

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """Every word that the span touches, whole."""
        return tuple(token.word for token in self.tokens)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """The words that the span touches, at their places in the line."""
        tokens = self.line.tokens
        first = bisect_right(tokens, self.start, key=lambda token: token.end)
        last = bisect_left(tokens, self.end, lo=first, key=lambda token: token.start)
        return tokens[first:last]

    @property
    def boxes(self) -> tuple[Box, ...]:
        """One box for each row that the span runs over, in original pixels."""
        rows: list[list[Token]] = []
        for token in self.tokens:
            last = rows[-1][-1] if rows else None
            if last is not None and token.level.x >= last.level.x:
                rows[-1].append(token)
            else:
                rows.append([token])
        return tuple(Box.around(tuple(token.word.box for token in row)) for row in rows)

    @property
    def read_text(self) -> str:
        """The text as it was read: where the vocabulary set a word right, the word itself."""
        text, at = "", self.start
        for token in self.tokens:
            text += self.line.text[at : max(at, token.start)]
            start, end = max(token.start, self.start), min(token.end, self.end)
            repaired = self.line.text[token.start : token.end] != token.word.text
            text += token.word.text if repaired else self.line.text[start:end]
            at = end
        return (text + self.line.text[at : self.end]).replace(COLUMN_GAP, " ")

    @property
    def repaired(self) -> tuple[tuple[str, str], ...]:
        """Words of the span that the vocabulary set right: as read, and as understood."""
        return tuple(
            (token.word.text, self.line.text[token.start : token.end])
            for token in self.tokens
            if self.line.text[token.start : token.end] != token.word.text
        )

    @property
    def reading(self) -> float:
        """Probability that the span was read right: that of its least certain word."""
        return min((word.confidence for word in self.words), default=0.0)


_FOLDED = {"œ": "œ", "æ": "æ", "’": "'", "‘": "'", "´": "'", "`": "'", "–": "-", "—": "-", "‑": "-"}
_FOLDED |= {"\u00a0": " ", "\u202f": " ", "×": "x", "₂": "2", "²": "2", "³": "3", "⁹": "9"}
_FOLDED |= {"⁺": "+", "⁻": "-"}


@cache
def _fold_character(character: str) -> str:
    if character in _FOLDED:
        return _FOLDED[character]
    lower = character.lower()
    base = unicodedata.normalize("NFD", lower)[:1]
    return base if len(lower) == 1 else character


def fold(text: str) -> str:
    """Lower case, no accents, plain apostrophes and hyphens; as long as `text`."""
    return "".join(map(_fold_character, text))


# --- from a document to lines ---------------------------------------------------------------


def _turned(box: Box, page: Page) -> Box:
    """`box` after the page's quarter turn, clockwise."""
    width, height = page.size.width, page.size.height
    if page.rotation == 90:
        return Box(x=height - box.bottom, y=box.x, width=box.height, height=box.width)
    if page.rotation == 180:
        return Box(x=width - box.right, y=height - box.bottom, width=box.width, height=box.height)
    if page.rotation == 270:
        return Box(x=box.y, y=width - box.right, width=box.height, height=box.width)
    return box


def _leveller(page: Page) -> Callable[[Box], Box]:
    """A function that places a box of `page` where it would be on a level page.

    The slope is the median over the lines long enough to tell it; boxes stay upright rectangles,
    so only their heights on the page move.
    """
    slopes: list[float] = []
    for line in page.lines:
        if len(line.words) < 3:
            continue
        first, last = _turned(line.words[0].box, page), _turned(line.words[-1].box, page)
        run = last.x + last.right - first.x - first.right
        if run > 8 * max(first.height, last.height):
            slopes.append((last.bottom + last.y - first.bottom - first.y) / run)
    slope = statistics.median(slopes) if slopes else 0.0
    if abs(slope) < 0.002:
        slope = 0.0

    def level(box: Box) -> Box:
        turned = _turned(box, page)
        if not slope:
            return turned
        shift = slope * (turned.x + turned.right) / 2
        return turned.model_copy(update={"y": turned.y - shift})

    return level


@dataclass(frozen=True)
class _Placed:
    """A line with its words on the level page, and the band of the page it takes."""

    line: Line
    words: tuple[tuple[Word, Box], ...]
    band: Box
    margin: bool = False


def _stands_beside(one: Box, others: Iterable[Box]) -> bool:
    """Whether `one` is level with all `others` and apart from each."""
    for other in others:
        shared = min(one.bottom, other.bottom) - max(one.y, other.y)
        level = shared > 0.55 * min(one.height, other.height)
        apart = one.x >= other.right or other.x >= one.right
        alike = max(one.height, other.height) < 2.6 * min(one.height, other.height)
        if not (level and apart and alike):
            return False
    return True


def _rows(page: Page, level: Callable[[Box], Box]) -> list[list[_Placed]]:
    """Lines that stand side by side, gathered into rows from top to bottom; those of a letterhead
    down the margin are rows of their own, before the ones beside it."""
    placed: list[_Placed] = []
    for line in page.lines:
        words = tuple((word, level(word.box)) for word in line.words if word.text)
        if not words:
            continue
        top = statistics.median(box.y for _, box in words)
        left = min(box.x for _, box in words)
        band = Box(
            x=left,
            y=top,
            width=max(box.right for _, box in words) - left,
            height=max(statistics.median(box.bottom for _, box in words) - top, 0.0),
        )
        placed.append(_Placed(line, words, band))
    placed.sort(key=lambda one: one.band.y + one.band.height / 2)
    margin = margin_column([(fold(one.line.text), one.band) for one in placed])
    if not margin:
        return _gathered(placed)
    column = [replace(placed[index], margin=True) for index in sorted(margin)]
    others = [one for index, one in enumerate(placed) if index not in margin]
    begin = column[0].band.y
    above = [one for one in others if one.band.bottom <= begin]
    beside = [one for one in others if one.band.bottom > begin]
    return [*_gathered(above), *_gathered(column), *_gathered(beside)]


def _gathered(placed: Sequence[_Placed]) -> list[list[_Placed]]:
    """Lines from top to bottom, those that stand side by side as one row."""
    rows: list[list[_Placed]] = []
    for one in placed:
        for row in reversed(rows[-6:]):
            if _stands_beside(one.band, (other.band for other in row)):
                row.append(one)
                break
        else:
            rows.append([one])
    return rows


def _text_line(row: Sequence[_Placed], page: Page, number: int) -> TextLine:
    parts = sorted(row, key=lambda one: one.band.x)
    words = [pair for one in parts for pair in one.words]
    engines = tuple(dict.fromkeys(one.line.engine for one in parts))
    # A grid of characters spaces its words by one; ink needs room for justified text.
    widest_space = 2.5 if engines == (TEXT_ENGINE,) else 4.0
    character = statistics.median(max(box.width, 0.1) / len(word.text) for word, box in words)
    text = ""
    tokens: list[Token] = []
    right: float | None = None
    for word, box in words:
        if right is not None:
            text += COLUMN_GAP if box.x - right > widest_space * character else " "
        tokens.append(Token(len(text), len(text) + len(word.text), word, box))
        text += word.text
        right = box.right
    kinds = {one.line.kind for one in parts}
    return TextLine(
        text=text,
        tokens=tuple(tokens),
        page=page.number,
        number=number,
        size=page.size,
        kind=ZoneKind.HANDWRITTEN if ZoneKind.HANDWRITTEN in kinds else parts[0].line.kind,
        engine=" + ".join(engines),
        box=Box.around(tuple(word.box for word, _ in words)),
        level=Box.around(tuple(box for _, box in words)),
        struck=all(one.line.struck for one in parts),
        margin=parts[0].margin,
    )


def joined(one: TextLine, other: TextLine) -> TextLine:
    """Two rows of one page as one line: the second goes on where the first had to stop."""
    shift = len(one.text) + 1
    tokens = tuple(
        Token(token.start + shift, token.end + shift, token.word, token.level)
        for token in other.tokens
    )
    engines = dict.fromkeys([*one.engine.split(" + "), *other.engine.split(" + ")])
    handwritten = ZoneKind.HANDWRITTEN in (one.kind, other.kind)
    return replace(
        one,
        text=f"{one.text} {other.text}",
        tokens=(*one.tokens, *tokens),
        kind=ZoneKind.HANDWRITTEN if handwritten else one.kind,
        engine=" + ".join(engines),
        box=Box.around((one.box, other.box)),
        level=Box.around((one.level, other.level)),
    )


def text_lines(document: Document) -> tuple[TextLine, ...]:
    """The rows of a document from top to bottom, page after page.

    Lines that an engine read apart but that stand side by side on the paper come together as one
    row, columns parted by `COLUMN_GAP`; a page's quarter turn and slope are taken out first.
    """
    lines: list[TextLine] = []
    for page in document.pages:
        for row in _rows(page, _leveller(page)):
            lines.append(_text_line(row, page, len(lines)))
    return tuple(lines)


# --- values ---------------------------------------------------------------------------------

_DOUBTED: Final = 0.9
"""What is left of a confidence where something doubts the value."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidence from which a value is sure (one by hand from `by_hand`, one by hand with a 4 or a
    9 from `four_or_nine`, where that is more), and under which it counts as not read; what is left
    of it where a rule doubts the value, and where only its spelling was restored."""

    sure: float
    unread: float
    by_hand: float = 0.0
    four_or_nine: float = 0.0
    doubted: float = _DOUBTED
    restored: float = 0.95


@cache
def thresholds() -> dict[str, Thresholds]:
    """Thresholds of every kind, from `thresholds.toml`.

    Raises `KeyError` when a kind has none: a kind without a threshold must not be presented.
    """
    data = tomllib.loads(Path(__file__).with_name("thresholds.toml").read_text("utf-8"))
    return {kind: Thresholds(**data[kind]) for kind in get_args(Kind)}


def evidence(spans: Sequence[Span], rule: str) -> Evidence:
    """Where `spans` (at least one, in reading order) stand on their page.

    Evidence lies on one page: spans on a later page than the first are left out of the boxes but
    stay in the text. Raises `ValueError` for no span or spans without words.
    """
    first = next((span for span in spans if span.words), None)
    if first is None:
        raise ValueError("evidence needs at least one word")
    here = [span for span in spans if span.line.page == first.line.page and span.words]
    boxes = tuple(dict.fromkeys(box for span in here for box in span.boxes))
    kinds = {span.line.kind for span in here}
    return Evidence(
        page=first.line.page,
        boxes=boxes,
        size=first.line.size,
        text=" ".join(span.read_text for span in spans),
        engine=" + ".join(dict.fromkeys(span.line.engine for span in here)),
        rule=rule,
        reading=min(span.reading for span in spans if span.words),
        kind=ZoneKind.HANDWRITTEN if ZoneKind.HANDWRITTEN in kinds else first.line.kind,
    )


def value(
    kind: Kind,
    content: T | None,
    spans: Span | Sequence[Span],
    rule: str,
    *,
    decisive: Span | None = None,
    reading: float | None = None,
    trust: float = 1.0,
    doubts: Iterable[str] = (),
    remarks: Iterable[str] = (),
    alternatives: Iterable[T] = (),
) -> Value[T]:
    """A value of `kind` read from `spans` by `rule`, in the state its confidence earns.

    `decisive` is the part of the spans that makes the value, where the rest (a label, a unit) was
    met in a vocabulary and so is known to be read right: then only its words' confidence counts.
    `reading` is the probability of what the value says where the engine gave it one of its own.
    `trust` is the probability that the rule is right when the text was read right. Each of
    `doubts` (French, for the person who checks) makes the value doubtful whatever its confidence;
    `remarks` are shown beside it and change nothing. No content, or ink read with less than the
    kind's least confidence, makes it unread: then no value is put forward. What is doubted keeps
    only the part of its confidence that `thresholds.toml` leaves it.
    """
    spans = (spans,) if isinstance(spans, Span) else spans
    repairs = dict(pair for span in spans for pair in span.repaired)
    source = evidence(spans, rule + "+vocabulary" if repairs else rule)
    if decisive is not None and decisive.words:
        source = source.model_copy(update={"reading": decisive.reading})
    if reading is not None:
        source = source.model_copy(update={"reading": reading})
    limits = thresholds()[kind]
    least = limits.sure
    if source.kind is ZoneKind.HANDWRITTEN:
        figures = (decisive.text,) if decisive is not None else tuple(span.text for span in spans)
        alike = any(figure in text for text in figures for figure in "49")
        least = max(least, limits.by_hand, limits.four_or_nine if alike else 0.0)
    confidence = source.reading * trust
    reasons = [*doubts]
    kept = 1.0 if not reasons else limits.doubted if {*reasons} != {RESTORED} else limits.restored
    state = State.DOUBTFUL if reasons else State.SURE
    if content is None or source.reading < limits.unread:
        state, content = State.UNREAD, None
        reasons = reasons or ["Écriture non lue : à saisir d'après le document."]
    elif confidence < least:
        state = State.DOUBTFUL
        if source.reading < least:
            reasons.append("Lecture incertaine.")
        elif not reasons:
            reasons.append("Interprétation incertaine.")
    return Value[T](
        value=content,
        state=state,
        confidence=round(confidence * kept, 4),
        evidence=source,
        reasons=tuple(dict.fromkeys([*reasons, *remarks, *_said(repairs)])),
        alternatives=tuple(alternatives),
    )


def _said(repairs: dict[str, str]) -> Iterator[str]:
    for read, understood in repairs.items():
        yield f"« {read} » compris « {understood} »."


def doubted(one: Value[T], *reasons: str) -> Value[T]:
    """`one` with more reasons to check it. Trust only falls: an unread value stays unread, and one
    that was sure loses confidence."""
    if not reasons:
        return one
    state = State.UNREAD if one.state is State.UNREAD else State.DOUBTFUL
    kept = _DOUBTED if one.state is State.SURE else 1.0
    return one.model_copy(
        update={
            "state": state,
            "reasons": tuple(dict.fromkeys([*one.reasons, *reasons])),
            "confidence": round(one.confidence * kept, 4),
        }
    )


# --- documents that were born as text -------------------------------------------------------

TEXT_ENGINE = "text"


def document_from_text(text: str) -> Document:
    """A document whose pages (parted by form feeds) are grids of characters.

    One column is one pixel wide and one line one pixel high; every word has confidence 1.
    """
    data = text.encode("utf-8")
    sha256 = hashlib.sha256(data).hexdigest()
    pages = tuple(
        _grid_page(number, content) for number, content in enumerate(text.split("\f"), start=1)
    )
    return Document(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://reprise.example/text/{sha256}")),
        scan=Scan(
            sha256=sha256,
            sha1=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
            size=len(data),
            media_type="text/plain",
            origins=("texte.txt",),
            page_count=len(pages),
        ),
        pages=pages,
        reason="Texte saisi.",
    )


_WIDEST_ROW: Final = 2_000
"""Characters of a row of text; a longer one goes on in the next, as on paper."""


def _fitting(row: str) -> list[str]:
    """A row, cut between words where it is too wide."""
    if len(row) <= _WIDEST_ROW:
        return [row]
    return textwrap.wrap(row, _WIDEST_ROW, drop_whitespace=False, break_on_hyphens=False)


def _grid_page(number: int, text: str) -> Page:
    rows = [part for row in text.splitlines() for part in _fitting(row.expandtabs(4))]
    lines: list[Line] = []
    for y, row in enumerate(rows):
        words: list[Word] = []
        start = 0
        for piece in row.split():
            start = row.index(piece, start)
            box = Box(x=start, y=y, width=len(piece), height=1)
            words.append(Word(text=piece, box=box, confidence=1.0))
            start += len(piece)
        if words:
            box = Box.around(tuple(word.box for word in words))
            lines.append(
                Line(words=tuple(words), box=box, kind=ZoneKind.PRINTED, engine=TEXT_ENGINE)
            )
    return Page(
        number=number,
        size=Size(width=max((len(row) for row in rows), default=1) or 1, height=len(rows) or 1),
        dpi=1.0,
        blank=not lines,
        quality=Quality(legibility=Legibility.GOOD),
        fingerprint="0" * 16,
        lines=tuple(lines),
    )
