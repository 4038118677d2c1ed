"""Where a row names a medicine, and how surely.

Names are met exactly first, then as an engine's usual confusions would spell them, then by a few
changed letters; the last only on rows that are prescription lines, and only when one name stands
out. A name that is in no list is kept as it was read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Final

from pipeline.extraction.dosage.lexer import meant
from pipeline.extraction.dosage.vocabulary import vocabulary
from pipeline.extraction.evidence import TextLine
from pipeline.model import Match
from pipeline.terminology import Entry, Near, Terminology
from pipeline.terminology.names import fold_name, squash


@dataclass(frozen=True, slots=True)
class Mention:
    """Characters `start` to `end` of a row that name a medicine.

    `entries` are what the name may stand for, the likeliest first; `others` names it was nearly
    read as. `reading` is the probability that the engine gives the name, where it put it forward
    itself. `listed` is the name it was taken for, folded, where that was not written.
    """

    start: int
    end: int
    text: str
    match: Match
    similarity: float
    entries: tuple[Entry, ...] = ()
    others: tuple[str, ...] = ()
    name: str = ""
    substances: tuple[str, ...] = ()
    reading: float | None = None
    listed: str = ""

    @property
    def entry(self) -> Entry | None:
        return self.entries[0] if self.entries else None


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a row, folded, at its place."""

    text: str
    start: int
    end: int


_WORD: Final = re.compile(
    r"[^\W\d_]{4,}(?=\d[\do]*(?:[.,]\d+)?\s?(?:m[gq9]|rng|g|µg|ug|ml|ui|mcg|microg|%)(?!\w)|\d{2,}\b|\d+[.,]\d"
    r"|\d\s?[-–/]|\d\s?(?:cp|comp|gel|sach|bouff|amp|inj|gout|gt|patch|supp|ov|pulv|dose|appl|caps"
    r"|lav|seri|styl|unid|mes|pip|past))|[^\W_]+"
)
"""A word; a name glued to its strength (`RAMIPRIL5 mg`) ends before the number."""
_BAR: Final = re.compile(r"(?<=[a-z])\|(?=[a-z])")
"""An `l` inside a word that was read as a bar."""
_JOINT: Final = re.compile(r"[ \t]*[/+][ \t]*|[ \t]*-[ \t]*")


@cache
def words_of(kind: str, key: str = "names") -> frozenset[str]:
    """A list of `context.toml`, folded."""
    return frozenset(fold_name(word) for word in _context()[kind][key])


@cache
def phrases_of(kind: str, key: str) -> tuple[str, ...]:
    """A list of `context.toml` as written, in lower case."""
    return tuple(_context()[kind][key])


@cache
def _context() -> dict[str, dict[str, list[str]]]:
    path = Path(__file__).with_name("context.toml")
    return tomllib.loads(path.read_text("utf-8"))


def words(line: TextLine, start: int = 0, end: int | None = None) -> list[Word]:
    """The words of a row between two characters."""
    stop = len(line.text) if end is None else end
    return [
        Word(match.group().replace("œ", "oe").replace("µ", "u"), match.start(), match.end())
        for match in _WORD.finditer(_BAR.sub("l", line.folded), start, stop)
    ]


def exact_mentions(
    line: TextLine, terminology: Terminology, *, lookalikes: bool = False
) -> tuple[Mention, ...]:
    """Names spelled right (case, accents, spaces and hyphens aside), the longest at each place.

    With `lookalikes`, also names of which only characters that look alike were misread.
    """
    found: list[Mention] = []
    row = words(line)
    place = 0
    while place < len(row):
        mention, size = _longest(line, row, place, terminology)
        if mention is None and lookalikes:
            mention, size = _glued(line, row[place], terminology)
        alike = _misread(line, row, place, terminology) if lookalikes else None
        if alike is not None and (mention is None or alike[1] > size):
            mention, size = alike
        if mention is None:
            place += 1
            continue
        found.append(mention)
        place += size
    found = [replace(m, match=Match.NORMALISED) if "|" in m.text else m for m in found]
    return tuple(_combined(line, found, terminology))


def _longest(
    line: TextLine, row: Sequence[Word], place: int, terminology: Terminology
) -> tuple[Mention | None, int]:
    first = row[place]
    if first.text not in terminology.first_words:
        joined = terminology.squashed(first.text) if len(first.text) > 4 else ()
        if not joined:
            return _cut_in_two(line, row, place, terminology)
        text = line.text[first.start : first.end]
        return Mention(
            first.start, first.end, text, Match.EXACT, 1.0, _preferred(first.text, joined)
        ), 1
    best: tuple[Mention | None, int] = (None, 0)
    key = ""
    for size in range(1, min(7, len(row) - place) + 1):
        word = row[place + size - 1]
        if size == 1:
            key = word.text
        else:
            before = line.folded[row[place + size - 2].end : word.start]
            if before.strip() not in ("", "-", "'", "/", "+", ".", "®", "’") or "\t" in before:
                break
            key += ("/" if before.strip() in ("/", "+") else " ") + word.text
        if word.text == "a" and key.startswith("vit") and line.text[word.start] != "A":
            break  # "vit à domicile" is no vitamin
        entries = terminology.at(key)
        if not entries and size > 1:
            entries = terminology.squashed(key)
        if entries and len(squash(key)) > 2:
            start, end = row[place].start, word.end
            best = (
                Mention(
                    start, end, line.text[start:end], Match.EXACT, 1.0, _preferred(key, entries)
                ),
                size,
            )
    return best


def _misread(
    line: TextLine, row: Sequence[Word], place: int, terminology: Terminology
) -> tuple[Mention, int] | None:
    """A name with misread characters, and its words: `DoIiprane`, `Depakine chr0no`."""
    best: tuple[Mention, int] | None = None
    for size in range(1, min(4, len(row) - place) + 1):
        members = row[place : place + size]
        written = line.text[members[0].start : members[-1].end]
        key = " ".join(word.text for word in members)
        if len(squash(key)) < 5 or not re.fullmatch(r"[\w\s'/.-]+", written):
            continue
        numbered = size > 1 and re.fullmatch(r"\d\d", members[-1].text)  # "Preveriar 13"
        if all(_is_plain(word.text) for word in members):
            continue
        last = members[-1].text
        lettered = last[0].isalpha() or sum(c.isalpha() for c in last) > 4  # "8iprofenid"
        if not (numbered or lettered):
            continue
        plain = _is_plain(members[0].text) and members[0].text not in terminology.first_words
        if size > 1 and (plain or max(len(w.text) for w in members) < 5):
            continue
        if size > 1 and len(members[-1].text) == 1 and members[-1].text in "ilo":
            continue  # "Monuril I sachet": a one
        found = [near for near in terminology.alike(key) if near.entry.kind != "homeopathic"]
        if not found or any(near.written == key or _is_plain(near.written) for near in found):
            continue
        nearest = max(found, key=lambda near: (near.similarity, near.entry.marketed))
        if nearest.similarity < _ALIKE:
            continue
        entries = _preferred(nearest.written, terminology.at(nearest.written))
        mention = Mention(
            members[0].start, members[-1].end, written, Match.NORMALISED,
            round(nearest.similarity, 3), entries, listed=nearest.written,
        )  # fmt: skip
        best = mention, size
    return best


_ALIKE: Final = 0.7
"""Similarity under which a look-alike has to stand out among all near names: « Forlx » looks like
« Fonx » and is Forlax."""


@cache
def _is_plain(word: str) -> bool:
    """Whether a word is one of dosage or of everyday text, which no misread name is."""
    listed = words_of("ordinary") | words_of("everyday") | words_of("no_name", "words")
    return word in listed or vocabulary().known(word) is not None or word in vocabulary().ordinary


def _cut_in_two(
    line: TextLine, row: Sequence[Word], place: int, terminology: Terminology
) -> tuple[Mention | None, int]:
    """A name cut in two by the engine or the writer: `JANU VIA`, `Zyma D`."""
    if place + 1 == len(row):
        return None, 0
    first, second = row[place : place + 2]
    key = first.text + second.text
    if line.text[first.end : second.start] != " " or not key.isalpha() or len(key) < 5:
        return None, 0
    figure = row[place + 2] if place + 2 < len(row) else None
    if figure is not None and figure.text.isdecimal():  # "Novo mix 30"
        entries = terminology.squashed(key + figure.text)
        if entries:
            text, whole = line.text[first.start : figure.end], f"{key} {figure.text}"
            entries = _preferred(whole, entries)
            return Mention(
                first.start, figure.end, text, Match.NORMALISED, 1.0, entries, listed=whole
            ), 3
    entries = terminology.squashed(key)
    if not entries:
        return None, 0
    text = line.text[first.start : second.end]
    return Mention(
        first.start, second.end, text, Match.NORMALISED, 1.0, _preferred(key, entries), listed=key
    ), 2


def _glued(line: TextLine, word: Word, terminology: Terminology) -> tuple[Mention | None, int]:
    """A name that the word behind it is glued to: `Xalatancollyre`."""
    size = len(word.text)
    if size != word.end - word.start or size < 8 or not word.text.isalpha():
        return None, 0
    known = vocabulary()
    for lead in _LEADS:
        entries = terminology.at(word.text[len(lead) :]) if word.text.startswith(lead) else ()
        if entries:
            start = word.start + len(lead)
            entries = _preferred(word.text[len(lead) :], entries)
            text = line.text[start : word.end]
            return Mention(start, word.end, text, Match.NORMALISED, 1.0, entries), 1
    for cut in range(size - 3, 4, -1):
        head, tail = word.text[:cut], word.text[cut:]
        behind = known.known(tail)
        entries = terminology.at(head)
        formed = {"form", "unit"} & readings(tail) and (size - cut > 3 or cut > 6)
        similarity = 1.0
        if not entries and formed and (alike := terminology.alike(head)):
            entries = tuple(near.entry for near in alike)
            similarity = round(max(near.similarity for near in alike), 3)
        told = behind is not None and (size - cut > 3 or behind in ("gel", "pom", "gtt"))
        if entries and (told or formed):
            end = word.start + cut
            text = line.text[word.start : end]
            entries = _preferred(word.text[:cut], entries)
            return Mention(word.start, end, text, Match.NORMALISED, similarity, entries), 1
    return None, 0


def readings(word: str) -> frozenset[str]:
    """What a word of dosage may mean, misread or not: `ponnmade` is a form."""
    return frozenset(vocabulary().phrases.get((meant(word),), {}))


_LEADS: Final = (
    "avec",
    "par",
    "poursuivre",
    "poursuite",
    "continuer",
    "arreter",
    "arret",
    "stop",
    "remplacer",
)
"""Words of what becomes of a medicine, to which its name may be glued."""


def _preferred(key: str, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entry of that very name first, then marketed, then known in detail, then substances."""
    asked = squash(key)
    return tuple(
        sorted(
            entries,
            key=lambda e: (
                e.kind == "homeopathic",
                squash(fold_name(e.name)) != asked,
                not e.marketed,
                not e.strengths,
                e.kind != "substance",
            ),
        )
    )


def _combined(line: TextLine, found: Sequence[Mention], terminology: Terminology) -> list[Mention]:
    """Substances joined by `/`, `+` or `-` become the medicine that holds them all."""
    result: list[Mention] = []
    for mention in found:
        last = result[-1] if result else None
        if (
            last is not None
            and _JOINT.fullmatch(line.folded[last.end : mention.start])
            and _substance(last) is not None
            and _substance(mention) is not None
        ):
            parts = [*_substances(last), *_substances(mention)]
            entries: tuple[Entry, ...] = ()
            if len(parts) <= 3:
                for order in permutations(parts):
                    entries = terminology.at("/".join(order))
                    if entries:
                        break
            if not entries and "/" not in line.folded[last.end : mention.start]:
                result.append(mention)
                continue
            result[-1] = replace(
                last,
                end=mention.end,
                text=line.text[last.start : mention.end],
                entries=entries,
                name="/".join(part.upper() for part in parts),
                substances=tuple(parts),
            )
        else:
            result.append(mention)
    return result


def _substance(mention: Mention) -> Entry | None:
    return next((e for e in mention.entries if e.kind == "substance"), None)


def _substances(mention: Mention) -> tuple[str, ...]:
    if mention.substances:
        return mention.substances
    entry = _substance(mention)
    return () if entry is None else (entry.name.lower(),)


def near_mention(
    line: TextLine,
    row: Sequence[Word],
    terminology: Terminology,
    *,
    fits: Sequence[str] = (),
    strengths: Sequence[tuple[object, str]] = (),
) -> Mention | None:
    """The medicine that the words `row` at the head of a prescription line nearly spell.

    `strengths` is what the line gives, in base units; `fits` are forms it names. Among names at
    one distance they decide. `None` when nothing, or more than one medicine, is near enough.
    """
    if row[0].text in words_of("ordinary") | words_of("everyday"):
        return None
    best: tuple[float, Mention] | None = None
    for size in range(min(4, len(row)), 0, -1):
        joined = " ".join(word.text for word in row[:size])
        letters = squash(joined)
        if sum(c.isalpha() for c in letters) < 4:
            continue
        start, end = row[0].start, row[size - 1].end
        text = line.text[start:end]
        alternatives = _alternatives(line, start, end)
        candidates: list[tuple[Near, Match]] = []
        for other in alternatives:
            for entry in terminology.find(other):
                near = Near(entry, fold_name(other), 0.97 + 0.02 * alternatives[other])
                candidates.append((near, Match.LATTICE))
        candidates += [(near, Match.NORMALISED) for near in terminology.alike(joined)]
        edits = 0 if len(letters) < 5 else 1 if len(letters) < 7 else 2 if len(letters) < 12 else 3
        if edits:
            candidates += [
                (near, Match.FUZZY) for near in terminology.near(joined, edits=edits, limit=8)
            ]
        chosen = _stand_out(candidates, strengths)
        if chosen is None:
            continue
        near, match, others = chosen
        reading = None
        if match is Match.LATTICE:
            reading = max(
                p for other, p in alternatives.items() if fold_name(other) == near.written
            )
        mention = Mention(
            start, end, text, match, round(near.similarity, 3), (near.entry,), others,
            reading=reading, listed=near.written,
        )  # fmt: skip
        score = near.similarity + 0.02 * size
        if best is None or score > best[0]:
            best = (score, mention)
    return None if best is None else best[1]


def _alternatives(line: TextLine, start: int, end: int) -> dict[str, float]:
    """Other readings of the ink that the engine itself put forward, with their probabilities."""
    found = line.span(start, end).words
    if len(found) != 1:
        return {}
    ranked = sorted(found[0].alternatives, key=lambda a: a.confidence)
    return {alternative.text: alternative.confidence for alternative in ranked}


def _stand_out(
    candidates: Sequence[tuple[Near, Match]], strengths: Sequence[tuple[object, str]]
) -> tuple[Near, Match, tuple[str, ...]] | None:
    """The one candidate that similarity and strength set apart from all other medicines."""
    if not candidates:
        return None

    def rank(item: tuple[Near, Match]) -> tuple[float, bool]:
        near, match = item
        agrees = near.entry.has_strength(tuple(strengths)) if strengths else None  # type: ignore[arg-type]
        if any(unit == "UI" for _, unit in strengths) and near.entry.is_insulin:
            agrees = True  # its units are a dose
        bonus = 0.06 if match is not Match.FUZZY else 0.0
        # lists of strengths have gaps: one that is not in them weighs less than two letters
        bonus += {True: 0.05, False: -0.1, None: 0.0}[agrees]
        return (-(near.similarity + bonus), not near.entry.marketed)

    ordered = sorted(candidates, key=rank)
    near, match = ordered[0]
    rivals = [
        other
        for other, _ in ordered[1:]
        if other.written != near.written and _medicine(other.entry) != _medicine(near.entry)
    ]
    close = [
        other
        for other in rivals
        if other.similarity > near.similarity - 0.05
        and (not strengths or other.entry.has_strength(tuple(strengths)) is not False)  # type: ignore[arg-type]
        and other.entry.marketed >= near.entry.marketed
    ]
    if close and match is Match.FUZZY:
        return None
    names = tuple(dict.fromkeys(other.written.upper() for other in rivals))
    return near, match, names[:3]


def _medicine(entry: Entry) -> tuple[str, ...]:
    """What makes two names one medicine: their substances, else the name."""
    return entry.substances or (entry.name,)
