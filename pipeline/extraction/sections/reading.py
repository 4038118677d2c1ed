"""Passages of a note: which title each row stands under."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pipeline.extraction.evidence import TextLine, joined
from pipeline.model import Section

HEAD = "head"
"""Section of the rows that only say who wrote the paper and for whom."""


@dataclass(frozen=True, slots=True)
class Title:
    """A title found in a row: the section it opens, and where its own text begins."""

    section: str
    end: int


def _any_of(titles: Iterable[str]) -> str:
    """A pattern for any of some titles, the longest first, whatever the spaces in them."""
    longest = sorted(titles, key=len, reverse=True)
    return "|".join(re.escape(title).replace(r"\ ", r"\s+") for title in longest)


@cache
def _titles() -> tuple[re.Pattern[str], dict[str, str]]:
    data = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))
    sections = {title: key for key, titles in data["titles"].items() for title in titles}
    every, strong = _any_of(sections), _any_of(data["strong"]["titles"])
    pattern = re.compile(
        rf"^[\W\d_]{{0,6}}(?:(?P<t>{every})\s*(?:\(s\))?\s*(?:[:=]|[.\-–>]*\s*$|\s[-–>]+\s|,?\s*$)"
        rf"|(?P<s>{strong})(?=\s+\S))"
    )
    return pattern, sections


def find_title(line: TextLine) -> Title | None:
    """The section that a row's beginning opens, if it is a title."""
    pattern, sections = _titles()
    match = pattern.match(line.folded)
    if match is None:
        return None
    written = match["t"] or match["s"]
    if match["s"] and not match["t"] and not line.text.lstrip(" -•*\t")[:1].isupper():
        return None
    return Title(sections[re.sub(r"\s+", " ", written)], match.end())


def inline_titles(line: TextLine) -> tuple[tuple[int, Title], ...]:
    """Titles inside a row, after a full stop or a wide gap: where each begins, and the title.

    A title has its colon; where the engine lost it, a capital must open it, and only the strong
    ones, or one at the very end of the row, count.
    """
    pattern, sections = _inline()
    found: list[tuple[int, Title]] = []
    for match in pattern.finditer(line.folded):
        group = "t" if match["t"] else "s"
        start = match.start(group)
        if group == "s" and not line.text[start].isupper():
            continue
        found.append((start, Title(sections[re.sub(r"\s+", " ", match[group])], match.end())))
    return tuple(found)


@cache
def _inline() -> tuple[re.Pattern[str], dict[str, str]]:
    _, sections = _titles()
    data = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))
    every, strong = _any_of(sections), _any_of(data["strong"]["titles"])
    return re.compile(
        rf"(?:[.;!?]\s+|\t|\s[-–]\s)(?P<t>{every})\s*:"
        rf"|[.!?]\s+(?P<s>(?:{strong})(?=\s)|(?:{every})(?=\s*$))"
    ), sections


_BULLET = re.compile(
    r"\s*(?:[-•*·–>▪●◦→]|\.\s+(?=[A-ZÀ-Ý])|\d{1,2}\s?°?[.)/]\s|\d{1,2}\s?[-–]\s+(?=[A-ZÀ-Ý])|[oO]\s)"
)


_NEW_STATEMENT = re.compile(
    r"(?:allerg\w+|pas d(?:e |')|absence|aucune?|revoir|rdv|a revoir|dr\b|docteur|auscultation|"
    r"ta\b|fc\b|poids|taille|bdcf?|maf|hu\b)"
)
_EXPECTS_NUMBER = re.compile(
    r"(?:[:=]|\b(?:fr|fc|pouls|ta|pa|poids|taille|imc|spo2|sat|eva|hu|crp|hb|de|a|du|le|et|pdt|"
    r"pendant|qsp|pour|x))\s*$"
)
_UNFINISHED = re.compile(
    r"(?:,|\b(?:a|de|du|des|d'|pour|pendant|durant|pdt|qsp|x|et|ou|le|la|les|si|par|avec|sans|en|au|puis|"
    r"toutes|tous|dans|chez)(?:\s+\d{1,3})?|\b(?:qsp|pendant|durant|pour|pdt|x)\s*\d{1,3}|-)\s*$"
)
_LASTING = re.compile(r"\b(?:pdt|pendant|durant|qsp|pour|x)\s*$")
_MEASURED = re.compile(
    r"\b(?:fr|fc|pouls|ta|pa|tension|poids|taille|imc|spo2|sao2|sat|eva|hu|crp|hb|hba1c|dep|bdc|bdcf|"
    r"temperature|saturation|glycemie|ferritine|creatinine|tsh)\s*[:=]?\s*$"
)
# « RAMIPRIL 10 mg »: a medicine with its strength, or a name in capitals, opens a row of its own.
_NEW_MEDICINE = re.compile(
    r"[A-ZÀ-Ý][^\W\d_]{2,}(?:[ '-][^\W\d_]+){0,4}\s+\d[\d ,./]*\s?(?:mg|g|µg|ug|mcg|UI|%)(?!\w)|"
    r"[A-ZÀ-Ý]{5,}\b"
)


def flowed(
    rows: Sequence[TextLine], page_rows: Sequence[TextLine] | None = None
) -> tuple[TextLine, ...]:
    """Rows as they are meant to be read: wrapped ones joined, and cut where a title stands inside.

    A row goes on in the next one when the first word of that one had no room left on it; how far
    rows may reach is seen from all `page_rows` (`rows` themselves unless given).
    """
    lines: list[TextLine] = []
    last: TextLine | None = None
    margins: dict[int, float] = {}
    for row in page_rows or rows:
        margins[row.page] = max(margins.get(row.page, 0.0), row.level.right)
    for row in rows:
        if last is not None and _goes_on(last, row, margins[row.page]):
            lines[-1] = joined(lines[-1], row)
        else:
            lines.append(row)
        last = row
    return tuple(piece for line in lines for piece in _cut(line))


def _goes_on(row: TextLine, following: TextLine, margin: float) -> bool:
    if row.page != following.page or row.section == HEAD or following.section == HEAD:
        return False
    if "\t" in following.text or row.struck or following.struck:
        return False
    if find_title(following) is not None:
        return False
    # « ... FR » / « 21. Auscultation ... »: after a label a number is no bullet.
    bullet = _BULLET.match(following.text)
    counted = bullet is not None and bullet[0].strip()[0].isdigit()
    if bullet is not None and not (counted and _EXPECTS_NUMBER.search(row.folded)):
        return False
    if _NEW_STATEMENT.match(following.folded):
        return False
    unfinished = _UNFINISHED.search(row.folded) is not None
    if not unfinished and _NEW_MEDICINE.match(following.text):
        return False
    # Of a row in columns it is the last that goes on, in a row that stands below it; in the middle
    # of a phrase a wide gap makes no column.
    flows = unfinished and following.text[:1].islower()
    begins = row.level.x
    row = row.parts()[-1]
    height = min(row.level.height, following.level.height)
    if following.level.y - row.level.bottom > 1.3 * height:
        return False
    if not any(
        -1.5 * height <= following.level.x - x <= 8 * height
        for x in ((row.level.x, begins) if flows else (row.level.x,))
    ):
        return False
    first = following.tokens[0].level
    if flows:
        return True
    counts = _MEASURED.search(row.folded) or _LASTING.search(row.folded)
    if counts and following.text[:1].isdigit():
        return True
    character = first.width / max(len(following.tokens[0].word.text), 1)
    # A line of its own may happen to be long: only one that fills its column is a wrapped one.
    return row.level.right + character + first.width > margin and row.level.width > 25 * character


def _cut(line: TextLine) -> tuple[TextLine, ...]:
    titles = inline_titles(line)
    if not titles:
        return (line,)
    pieces: list[TextLine] = []
    start, section = 0, line.section
    for at, title in (*titles, (len(line.text), None)):
        piece = line.piece(start, at)
        if piece is not None:
            pieces.append(replace(piece, section=section))
        start = at
        if title is not None:
            section = title.section
    return tuple(pieces)


def listing(lines: Sequence[TextLine]) -> Iterator[tuple[TextLine, bool]]:
    """Lines, and whether each belongs to the list that its passage's title announces.

    Text on the title's own line is the list, with the bullets below; else the lines below are,
    down to a wide blank or, where they have bullets, to a row that has none.
    """
    open_list = inline = bulleted = False
    last: TextLine | None = None
    for line in lines:
        title = find_title(line)
        if title is not None:
            open_list, inline = True, bool(line.text[title.end :].strip(" :.-"))
            bulleted = False
        elif last is None or last.section != line.section:
            open_list = False
        elif _BULLET.match(line.text):
            bulleted = True
        else:
            height = min(line.level.height, last.level.height)
            apart = line.page != last.page or line.level.y - last.level.bottom > 3.5 * height
            other = bulleted and line.text[:1].isupper()
            open_list = open_list and not (inline or apart or other)
        yield line, open_list
        last = line


_DOSED = re.compile(
    r"\d\s?(?:mg|g|µg|mcg|ml|ui|%|cp|comp|gel|sachet|goutte|bouffee|kg|cm|mmhg)|\d-\d-\d|\d\s?/\s?j"
)


def in_sections(lines: Sequence[TextLine], head: frozenset[int]) -> tuple[TextLine, ...]:
    """The rows with their sections; those numbered in `head` stand outside every passage.

    Allergies said beside their title end before a row with a dose or a measure, so that the
    medicines that follow without a title, or with one misread, are not taken for more of them.
    """
    placed: list[TextLine] = []
    current, said = "", False
    for line in lines:
        if line.number in head:
            placed.append(replace(line, section=HEAD))
            continue
        title = find_title(line)
        if title is not None:
            current, said = title.section, bool(line.text[title.end :].strip(" :.-\t"))
        elif current == "allergies" and said and _DOSED.search(line.folded):
            current = ""
        placed.append(replace(line, section=current))
        inside = inline_titles(line)
        if inside:
            current = inside[-1][1].section
    return tuple(placed)


def passages(lines: Sequence[TextLine]) -> tuple[Section, ...]:
    """The passages as people read them: title as written, then text."""
    sections: list[Section] = []
    title, text, page, current = "", list[str](), 1, ""
    for line in lines:
        if line.section == HEAD:
            continue
        opened = find_title(line)
        if opened is not None or (line.section != current):
            if text or title:
                sections.append(Section(title=title, text="\n".join(text), page=page))
            title, text, page, current = "", [], line.page, line.section
            if opened is not None:
                title = line.text[: opened.end].strip(" :-=\t•*")
                rest = line.text[opened.end :].strip()
                text = [rest] if rest else []
                continue
        if not text and not title:
            page = line.page
        text.append(line.text.replace("\t", "  "))
    if text or title:
        sections.append(Section(title=title, text="\n".join(text), page=page))
    return tuple(sections)
