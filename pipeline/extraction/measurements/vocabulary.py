"""The measurement vocabulary as types: what `vocabulary.toml` says, compiled once a process."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.extraction.evidence import fold
from pipeline.model import Code

LOINC = "http://loinc.org"
OWN = "https://reprise.example/fhir/CodeSystem/measurement"


@dataclass(frozen=True)
class Entry:
    """One measurement of the vocabulary; the fields are described in `vocabulary.toml`."""

    key: str
    code: Code
    reads: str
    labels: tuple[str, ...]
    abbreviations: tuple[str, ...]
    strip_labels: tuple[str, ...] = ()
    unit: str = ""
    ucum: str | None = None
    units: dict[str, Decimal] = field(default_factory=dict)
    other_units: dict[str, str] = field(default_factory=dict)
    plausible: tuple[Decimal, Decimal] | None = None
    within_plausible: bool = False
    needs_unit: frozenset[str] = frozenset()
    slash_only: frozenset[str] = frozenset()
    out_of: int = 0
    ambiguous: str = ""
    ambiguous_below: Decimal | None = None
    guess_unit: tuple[tuple[Decimal, str], ...] = ()
    large: tuple[Decimal, str] | None = None
    bare: tuple[re.Pattern[str], ...] = ()
    bare_written: tuple[re.Pattern[str], ...] = ()

    @property
    def unit_pattern(self) -> re.Pattern[str]:
        return _unit_pattern((*self.units, *self.other_units))


@cache
def _unit_pattern(units: tuple[str, ...]) -> re.Pattern[str]:
    """Any of `units` where it stands, on folded text; white space and OCR's 1 for l allowed."""
    written = []
    for unit in sorted((unit for unit in units if unit), key=len, reverse=True):
        source = re.escape(unit).replace(r"\ ", r"\s?").replace("/", r"\s?/\s?")
        source = re.sub(r"/\\s\?l$", r"/\\s?[l1i|]", source)
        written.append(source + (r"(?![a-z0-9])" if unit[-1].isalnum() else ""))
    return re.compile(r"\s{0,2}(?P<u>" + ("|".join(written) or r"(?!)") + ")")


def _decimal(number: object) -> Decimal:
    return Decimal(str(number))


def _entry(data: dict[str, Any]) -> Entry:
    loinc = data["loinc"]
    code = (
        Code(system=LOINC, code=loinc, display=data["display"])
        if loinc
        else Code(system=OWN, code=data["key"].replace("_", "-"), display=data["display"])
    )
    plausible = data.get("plausible")
    large = data.get("large")
    return Entry(
        key=data["key"],
        code=code,
        reads=data["reads"],
        labels=tuple(map(fold, data["labels"])),
        abbreviations=tuple(data["abbreviations"]),
        strip_labels=tuple(data.get("strip_labels", ())),
        unit=data.get("unit", ""),
        ucum=data.get("ucum"),
        units={unit: _decimal(factor) for unit, factor in data.get("units", {}).items()},
        other_units=data.get("other_units", {}),
        plausible=(_decimal(plausible[0]), _decimal(plausible[1])) if plausible else None,
        within_plausible=data.get("within_plausible", False),
        needs_unit=frozenset(data.get("needs_unit", ())),
        slash_only=frozenset(data.get("slash_only", ())),
        out_of=data.get("out_of", 0),
        ambiguous=data.get("ambiguous", ""),
        ambiguous_below=_decimal(data["ambiguous_below"]) if "ambiguous_below" in data else None,
        guess_unit=tuple((_decimal(limit), unit) for limit, unit in data.get("guess_unit", ())),
        large=(_decimal(large[0]), large[1]) if large else None,
        bare=tuple(re.compile(pattern) for pattern in data.get("bare", ())),
        bare_written=tuple(re.compile(pattern) for pattern in data.get("bare_written", ())),
    )


@cache
def vocabulary() -> dict[str, Entry]:
    """Every measurement by its key. Raises `KeyError` where an entry lacks a field."""
    text = Path(__file__).with_name("vocabulary.toml").read_text("utf-8")
    return {data["key"]: _entry(data) for data in tomllib.loads(text)["measurement"]}


@cache
def units() -> frozenset[str]:
    """Every unit that a measurement may have, folded."""
    entries = vocabulary().values()
    return frozenset({"kg"}.union(*(entry.units for entry in entries))) - {"", "g", "m"}


@cache
def words() -> dict[str, list[str]]:
    """The lists of words beside the entries: `findings` and `fillers`."""
    text = Path(__file__).with_name("vocabulary.toml").read_text("utf-8")
    found: dict[str, list[str]] = tomllib.loads(text)["words"]
    return found


@cache
def short_words() -> dict[str, str]:
    """Misread short words and what they stand for."""
    text = Path(__file__).with_name("vocabulary.toml").read_text("utf-8")
    found: dict[str, str] = tomllib.loads(text)["misread"]
    return found


@dataclass(frozen=True, slots=True)
class Label:
    """A label found in a line: its place, how it is listed, and the entries it may announce."""

    start: int
    end: int
    listed: str
    keys: tuple[str, ...]


def _alternation(terms: dict[str, list[str]]) -> re.Pattern[str]:
    sources = [
        re.escape(term).replace(r"\ ", r"\s+") for term in sorted(terms, key=len, reverse=True)
    ]
    # A label may touch its number ("TA13/8") but no letter; a single letter touches neither.
    return re.compile(
        r"(?<![\w°/])(?:" + "|".join(sources) + r")(?![^\W\d_])(?!\+\w)(?<!(?<!\w)[A-Z](?=\d))"
    )


@cache
def _tables() -> tuple[tuple[re.Pattern[str], dict[str, list[str]]], ...]:
    folded: dict[str, list[str]] = {}
    written: dict[str, list[str]] = {}
    strip: dict[str, list[str]] = {}
    for entry in vocabulary().values():
        for label in entry.labels:
            folded.setdefault(label, []).append(entry.key)
        for label in entry.abbreviations:
            written.setdefault(label, []).append(entry.key)
        for label in entry.strip_labels:
            strip.setdefault(label, []).append(entry.key)
    return tuple((_alternation(table), table) for table in (folded, written, strip))


def find_labels(text: str, folded: str, strip_from: int | None) -> list[Label]:
    """Labels of a line from left to right, the longest where two overlap.

    From `strip_from` on (the place of « BU »), the short labels of a urine strip count too.
    """
    (by_fold, fold_keys), (by_writing, written_keys), (by_strip, strip_keys) = _tables()
    found: list[Label] = []
    for pattern, keys, source, start in (
        (by_fold, fold_keys, folded, 0),
        (by_writing, written_keys, text, 0),
        (by_strip, strip_keys, folded, strip_from),
    ):
        if start is None:
            continue
        for match in pattern.finditer(source, start):
            if len(match[0]) == 1 and source[match.end() : match.end() + 1] == "/":
                continue  # the G of G/L
            listed = re.sub(r"\s+", " ", match[0])
            found.append(Label(match.start(), match.end(), listed, tuple(keys[listed])))
    # Where a strip is being read its labels come first: "leuco ++" is no blood count there.
    found.sort(key=lambda label: (label.start, -(label.end - label.start)))
    if strip_from is not None:
        strip_places = {
            (label.start, label.end)
            for label in found
            if label.start >= strip_from and label.listed in strip_keys
        }
        found = [
            label
            for label in found
            if (label.start, label.end) not in strip_places or label.listed in strip_keys
        ]
    kept: list[Label] = []
    for label in found:
        if kept and label.start < kept[-1].end:
            if (label.start, label.end) == (kept[-1].start, kept[-1].end):
                first = strip_keys.get(label.listed, []) if strip_from is not None else []
                keys_both = tuple(dict.fromkeys([*first, *kept[-1].keys, *label.keys]))
                kept[-1] = Label(label.start, label.end, kept[-1].listed, keys_both)
            continue
        kept.append(label)
    return kept
