"""French personal names: which words are the family name and which are given.

French paper writes family names in capitals; where it does not, given names known to be common
help, and what is left open is said to be so.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.extraction.evidence import fold

LETTERS_REPAIRED = "Lettres rétablies dans un nom mal lu."
ORDER_UNCLEAR = "Ordre du nom et du prénom incertain."
ONE_NAME = "Un seul nom lu : nom ou prénom ?"


@cache
def vocabulary() -> dict[str, Any]:
    """`vocabulary.toml`: words that tell who is who."""
    return tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))


@cache
def _given_names() -> frozenset[str]:
    text = Path(__file__).with_name("given_names.txt").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(fold(word) for line in lines for word in line.split())


def is_given_name(word: str) -> bool:
    """Whether `word` is a common given name; of a hyphenated one every part must be."""
    parts = [part for part in re.split(r"[-'.]", fold(word)) if part]
    return bool(parts) and all(part in _given_names() for part in parts)


@dataclass(frozen=True, slots=True)
class NameWord:
    """A word of a name at characters `start` to `end`."""

    text: str
    start: int
    end: int

    @property
    def folded(self) -> str:
        return fold(self.text).strip("'.-")

    @property
    def in_capitals(self) -> bool:
        letters = [character for character in self.text if character.isalpha()]
        upper = sum(character.isupper() for character in letters)
        # OCR reads a capital I as l: one small letter in a long word in capitals is no case.
        small = [c for c in letters if c.islower()]
        if len(letters) >= 4 and upper >= len(letters) - 1 and all(c in "lio" for c in small):
            return True
        return len(letters) >= 2 and upper == len(letters)

    @property
    def is_particle(self) -> bool:
        return self.folded in vocabulary()["patient"]["particles"]


@dataclass(frozen=True, slots=True)
class ParsedName:
    """A name as understood. `start` and `end` are the characters it takes."""

    family: str
    given: tuple[str, ...]
    start: int
    end: int
    doubts: tuple[str, ...] = ()
    by_capitals: bool = False


# A hyphen that OCR set apart has room on one side; with room on both it is a dash. A stroke behind
# capitals (« ZANETT| », « TREMOL/ERES ») is an I.
_WORD = re.compile(
    r"[^\W\d_][^\W_]*(?:(?<=[A-ZÀ-Ý][A-ZÀ-Ý])(?:[|](?:(?=\s)|[A-ZÀ-Ý]+)|/[A-ZÀ-Ý]{2,}))?(?:['’`´][^\W_]+)*"
    r"(?:(?:\s[-–‑]|[-–‑]\s?)[^\W\d_][^\W_]*(?:['’][^\W_]+)*)*\.?"
)


_PROPER = re.compile(r",?\s+[A-ZÀ-Ý][a-zà-ÿ]+")
BORN = r"[a-z]?[nwvmhr]ee?[)\]]?\s+le\s*:?\s*\d"
"""« né le 3/4/1979 », folded, as it is written and as engines read it: « WE le », « CNE le »."""
_LABEL = re.compile(rf"d\.\s?d\.\s?n\b|[a-z]+\s+de\s+naissance\b|{BORN}")


def name_words(text: str, start: int, end: int | None = None) -> list[NameWord]:
    """The words from `start` on that may belong to one name.

    Stops at a word that cannot be in a name, at a number, a bracket or a wide gap; one comma
    is passed over (« MARTIN, Sophie »).
    """
    end = len(text) if end is None else end
    words: list[NameWord] = []
    at = start
    commas = 0
    while at < end:
        gap = re.compile(r"[ ,.]*").match(text, at, end)
        assert gap is not None
        if "," in gap[0] and words:
            commas += 1
            if commas > 1:
                break
        match = _WORD.match(text, gap.end(), end)
        if match is None:
            break
        word = NameWord(match[0].rstrip("."), match.start(), match.end())
        folded = word.folded
        particle = word.is_particle and (
            (word.in_capitals and words) or _leads_on(text, match.end(), end)
        )
        initial = (
            len(word.text) == 1 and word.text.isupper() and text[match.start() + 1 :][:1] == "."
        )
        apart = len(word.text) == 1 and words and words[-1].in_capitals and not initial
        if apart and word.text.isupper() and _PROPER.match(text, match.end()):
            # « PEREIR A Nathalie »: a letter that a hand set apart from its name
            words[-1] = NameWord(f"{words[-1].text} {word.text}", words[-1].start, match.end())
            at = match.end()
            continue
        if folded in vocabulary()["names"]["stops"] and not (particle or initial):
            break
        if not word.text[0].isupper() and not word.is_particle:
            after_particle = bool(words) and words[-1].is_particle and words[-1].text.islower()
            capital_inside = sum(c.isupper() for c in word.text) > len(word.text) / 2
            if not (after_particle or capital_inside):
                break
        if word.text.islower() and word.is_particle and not _leads_on(text, match.end(), end):
            # « Marques do brito »: after a foreign particle the name may go on in small letters.
            foreign = folded in vocabulary()["names"]["foreign_particles"]
            if not (foreign and re.compile(r" [a-z]{3,}").match(fold(text), match.end())):
                break
        if ":" in text[match.end() : match.end() + 2] or _LABEL.match(fold(text), match.start()):
            break
        words.append(word)
        at = match.end()
        if len(words) >= 8:
            break
    while words and (words[-1].is_particle and words[-1].text.islower()):
        words.pop()
    # « ROY Zoé F »: a letter after the names is the sex.
    if len(words) > 2 and words[-1].text in ("F", "M", "H"):
        words.pop()
    return words


def _leads_on(text: str, at: int, end: int) -> bool:
    """Whether another name word follows a particle."""
    match = re.compile(r"\s?['’]?\s?([^\W\d_]+)").match(text, at, end)
    return match is not None and (
        match[1][0].isupper() or fold(match[1]) in vocabulary()["patient"]["particles"]
    )


def _mended(words: Sequence[NameWord], capitals: bool) -> tuple[str, bool]:
    """The words as one name, letters that OCR took for others set right in capitals."""
    said = []
    repaired = False
    for word in words:
        text = re.sub(r"\s?[-–‑]\s?", "-", word.text.replace("’", "'"))
        if capitals and word.in_capitals:
            mended = re.sub(r"[l|/]", "I", text).translate(str.maketrans("015", "OIS"))
            mended = re.sub(r"[io]", lambda m: m[0].upper(), mended)
            repaired |= mended != text
            text = mended
        said.append(text)
    return " ".join(said), repaired or any(c.isdigit() for word in said for c in word)


def parse_name(words: Sequence[NameWord], *, family_first: bool) -> ParsedName | None:
    """Family and given names out of `words`; None when there is nothing to parse.

    `family_first` is the order to take where neither capitals nor known given names tell.
    """
    if not words:
        return None
    start, end = words[0].start, words[-1].end
    capitals = [index for index, word in enumerate(words) if word.in_capitals]
    proper = [index for index in capitals if not words[index].is_particle]
    if len(words) == 1:
        text, repaired = _mended(words, True)
        doubts = (ONE_NAME,) + ((LETTERS_REPAIRED,) if repaired else ())
        return ParsedName(text, (), start, end, doubts)
    if proper and len(capitals) < len(words):
        split = _by_capitals(words, capitals)
        if split is not None:
            family, given = split
            text, repaired = _mended(family, True)
            names, repaired_too = _given(given)
            doubts = (LETTERS_REPAIRED,) if repaired or repaired_too else ()
            # « ROY ZOÉ Marie »: a given name in capitals next to the others.
            edge = family[-1] if family[0] is words[0] else family[0]
            if len(family) > 1 and not edge.is_particle and is_given_name(edge.text):
                doubts += (ORDER_UNCLEAR,)
            return ParsedName(text, names, start, end, doubts, by_capitals=True)
    return _by_given_names(words, start, end, family_first, bool(capitals))


def _given(words: Sequence[NameWord]) -> tuple[tuple[str, ...], bool]:
    text, repaired = _mended(words, False)
    return tuple(text.split(" ")) if text else (), repaired


def _by_capitals(
    words: Sequence[NameWord], capitals: Sequence[int]
) -> tuple[Sequence[NameWord], Sequence[NameWord]] | None:
    first, last = capitals[0], capitals[-1]
    if not all(
        words[index].in_capitals or words[index].is_particle for index in range(first, last)
    ):
        return None
    while first > 0 and words[first - 1].is_particle:
        first -= 1
    if first == 0:
        given = words[last + 1 :]
        return (words[: last + 1], given) if given else None
    if last == len(words) - 1:
        return words[first:], words[:first]
    # Given names on both sides: « Sophie MARTIN Anne » is not a way to write; ask.
    return None


def _by_given_names(
    words: Sequence[NameWord], start: int, end: int, family_first: bool, capitals: bool
) -> ParsedName:
    known = [is_given_name(word.text) and not word.is_particle for word in words]
    doubts: tuple[str, ...] = ()
    if capitals and all(word.is_particle for word in words[:-1]):
        # « M. DE LA FONTAINE »: a family name alone, its given name elsewhere.
        text, repaired = _mended(words, True)
        return ParsedName(text, (), start, end, (ONE_NAME,))
    leading = next((i for i, one in enumerate(known) if not one), len(words))
    trailing = next((i for i, one in enumerate(reversed(known)) if not one), len(words))
    if known[0] and not known[-1]:
        given_count, given_leads = leading, True
        # « Jean Martin Dubois »: Martin may belong to either.
        if leading > 1 and not capitals:
            doubts += (ORDER_UNCLEAR,)
    elif known[-1] and not known[0]:
        given_count, given_leads = (trailing if capitals else 1), False
    else:
        given_count, given_leads = 1, not family_first
        if family_first or capitals or not known[0]:
            doubts += (ORDER_UNCLEAR,)
    if given_leads:
        given, family = words[:given_count], words[given_count:]
    else:
        given, family = words[len(words) - given_count :], words[: len(words) - given_count]
    # « Hme BARBIER Anne »: what stands before capitals in small letters may be a civility misread
    cases = {word.in_capitals for word in family if not word.is_particle}
    if len(cases) > 1 and ORDER_UNCLEAR not in doubts:
        doubts += (ORDER_UNCLEAR,)
    text, repaired = _mended(family, True)
    names, repaired_too = _given(given)
    if repaired or repaired_too:
        doubts += (LETTERS_REPAIRED,)
    return ParsedName(text, names, start, end, doubts)
