"""Passages of a note: which title each row stands under."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pipeline.extraction.evidence import TextLine
from pipeline.model import Section

HEAD = "head"
"""Section of the rows that only say who wrote the paper and for whom."""


@dataclass(frozen=True, slots=True)
class Title:
    """A title found in a row: the section it opens, and where its own text begins."""

    section: str
    end: int


@cache
def _titles() -> tuple[re.Pattern[str], dict[str, str]]:
    data = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))
    sections = {title: key for key, titles in data["titles"].items() for title in titles}
    every = "|".join(
        re.escape(title).replace(r"\ ", r"\s+") for title in sorted(sections, key=len, reverse=True)
    )
    strong = "|".join(
        re.escape(title).replace(r"\ ", r"\s+")
        for title in sorted(data["strong"]["titles"], key=len, reverse=True)
    )
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


def in_sections(lines: Sequence[TextLine], head: frozenset[int]) -> tuple[TextLine, ...]:
    """The rows with their sections; those numbered in `head` stand outside every passage."""
    placed: list[TextLine] = []
    current = ""
    for line in lines:
        if line.number in head:
            placed.append(replace(line, section=HEAD))
            continue
        title = find_title(line)
        if title is not None:
            current = title.section
        placed.append(replace(line, section=current))
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
