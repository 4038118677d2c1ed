"""The words of a dosage line: `vocabulary.toml` made ready for look-up."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from pipeline.extraction.evidence import fold

Readings = dict[str, Any]
"""What a word or phrase may mean: kind of meaning → its value."""

_PIECE = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+|[½¼¾⅓⅔/%+→*×≥≤=]|[-=]>")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit one counts, and what it alone tells of form and route."""

    name: str
    plural: str
    form: str | None
    route: str | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """What a piece is meant to be where its neighbours fit; see `[[confusion]]` in the file."""

    meant: str
    after_number: bool
    if_repaired: bool
    neighbours: tuple[tuple[int, frozenset[str]], ...]
    """Places relative to the piece, and what may stand there."""


_NEIGHBOURS: Final = {"earlier": -2, "before": -1, "after": 1, "later": 2}


def _confusion(entry: dict[str, Any]) -> Confusion:
    return Confusion(
        entry["meant"],
        entry.get("after_number", False),
        entry.get("if_repaired", False),
        tuple((at, frozenset(entry[key])) for key, at in _NEIGHBOURS.items() if key in entry),
    )


def simple(text: str) -> str:
    """`text` in lower case without accents or ligatures: how words are compared."""
    return fold(text).replace("œ", "oe").replace("æ", "ae").replace("μ", "µ")


def stem(word: str) -> str:
    """`word` without its plural ending; short words keep it (`cas`, `UI`)."""
    return word[:-1] if len(word) > 3 and word[-1] in "sx" else word


def pieces(text: str) -> tuple[str, ...]:
    """The stems and signs of a phrase as the lexer will see them."""
    return tuple(map(stem, _PIECE.findall(simple(text).replace("(s)", ""))))


class Vocabulary:
    """Phrases by the stems of their words, and the single words they are made of."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.phrases: dict[tuple[str, ...], Readings] = {}
        self.units: dict[str, Unit] = {}
        self.ucum: dict[str, str] = {}
        self.form_routes: dict[str, str] = data["form_route"]
        self.site_routes: dict[str, str] = {}
        self.misread_halves: frozenset[str] = frozenset(
            simple(form) for form in data["misread_half"]["written"]
        )
        self.misread: dict[str, str] = {
            simple(seen): stem(simple(meant))
            for meant, forms in data["misread"].items()
            for seen in forms
        }
        self.confusions: dict[str, list[Confusion]] = {}
        for entry in data["confusion"]:
            for written in entry["written"]:
                self.confusions.setdefault(written, []).append(_confusion(entry))
        self.complaints: dict[str, str] = {
            simple(word): word for word in data["complaint_words"]["written"]
        }
        self.ordinary: frozenset[str] = frozenset(
            stem(simple(word)) for word in data["ordinary"]["written"]
        )
        for kind, value, forms in _entries(data, self):
            for form in forms:
                self.phrases.setdefault(pieces(form), {}).setdefault(kind, value)
        self.spelling: dict[str, str] = {}
        """Words by their stems as French spells them, for what was misread."""
        for _, _, forms in _entries(data, self):
            for form in forms:
                for word in re.findall(r"[^\W\d_]{3,}", form.lower()):
                    self.spelling.setdefault(stem(simple(word)), word)
        for word in (*data["complaint_words"]["written"], *data["ordinary"]["written"]):
            known = self.spelling.setdefault(stem(simple(word)), word)
            if known == word + "s":
                self.spelling[stem(simple(word))] = word
        self.longest = max(map(len, self.phrases))
        self.words: frozenset[str] = frozenset(
            word for phrase in self.phrases for word in phrase if word[0].isalpha()
        )
        self.common: frozenset[str] = frozenset(
            word
            for phrase, readings in self.phrases.items()
            if _COMMON & readings.keys()
            for word in phrase
        )
        self.starts: frozenset[str] = frozenset(phrase[0] for phrase in self.phrases)

    def known(self, word: str) -> str | None:
        """The stem of a word of the vocabulary, else `None`."""
        if stem(word) in self.words:
            return stem(word)
        if len(word) == 3 and word[-1] == "s" and word[:-1] in self.words:
            return word[:-1]
        return None


def _entries(
    data: dict[str, Any], vocabulary: Vocabulary
) -> Iterator[tuple[str, object, list[str]]]:
    """Kind, value and written forms of each entry of the file."""
    for name, entry in data["unit"].items():
        unit = Unit(name, entry.get("plural", name + "s"), entry.get("form"), entry.get("route"))
        vocabulary.units[name] = unit
        yield "unit", name, [*entry["written"], name, unit.plural]
    for name, entry in data["measure"].items():
        vocabulary.ucum[name] = entry["ucum"]
        yield "measure", name, entry["written"]
    for kind in _BY_VALUE:
        for value, forms in data[kind].items():
            yield kind, value, [value, *forms] if kind == "instruction" else forms
    for value, forms in data["number"].items():
        yield "number_word", Decimal(value), forms
    for value, forms in data["ordinal_word"].items():
        yield "ordinal_word", Decimal(value), forms
    for value, forms in data["fraction"].items():
        yield "fraction", Decimal(value), forms
    for value, entry in data["site"].items():
        if "route" in entry:
            vocabulary.site_routes[value] = entry["route"]
        yield "site", value, [value, *entry["written"]]
    for kind in _LISTS:
        for variant, forms in data[kind].items():
            if isinstance(forms, list):
                name = kind if variant == "written" else f"{kind}_{variant}"
                yield name, True, forms
    for value, forms in data["fractioned_dispensing"]["adverb"].items():
        yield "fractioned_adverb", value, forms


_COMMON: Final = frozenset(
    [
        "unit",
        "measure",
        "period",
        "moment",
        "moments",
        "times",
        "duration",
        "number_word",
        "route",
        "weekday",
        "as_needed",
        "meal",
        "supply",
        "renewal",
        "every",
        "maximum",
        "interval",
    ]
)
"""Kinds whose words a misreading is most likely to mean."""

_BY_VALUE: Final = (
    "period",
    "period_adverb",
    "frequency_adverb",
    "moment",
    "moments",
    "meal_relation",
    "meal",
    "weekday",
    "route",
    "form",
    "complaint",
    "open_ended",
    "dispense",
    "action",
    "cycle_day_parity",
    "instruction",
)
_LISTS: Final = (
    "every",
    "times",
    "intake",
    "as_needed",
    "as_needed_for",
    "condition",
    "maximum",
    "interval",
    "duration",
    "supply",
    "renewal",
    "redose",
    "adjusting",
    "month",
    "monitoring",
    "handling",
    "fractioned_dispensing",
    "substitution",
    "then",
    "once",
    "event",
    "filler",
    "negative",
    "until",
    "gestation",
    "ordinal",
    "first",
    "following_days",
    "of_cycle",
    "pause",
    "except",
    "comparison",
    "later",
    "equivalence",
    "alternatively",
    "titration",
)


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of this folder, read once per process."""
    path = Path(__file__).with_name("vocabulary.toml")
    return Vocabulary(tomllib.loads(path.read_text("utf-8")))
