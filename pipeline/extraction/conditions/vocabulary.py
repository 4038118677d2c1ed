"""The table of common problems, as an automaton over folded text."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import ahocorasick

from pipeline.extraction.evidence import fold
from pipeline.model import Code
from pipeline.terminology.cim10 import SYSTEM

_AMBIGUOUS = frozenset({
    "fa", "ep", "pr", "sas", "ic", "sca", "sep", "spa", "pac", "ira", "iu", "rac", "map",
    "did", "oma", "mni", "pna", "gea", "ppr", "ncb", "tvp", "idm", "hta",
    "toc", "rpm", "ddb", "geu", "hpp", "rciu",
})  # fmt: skip
"""Abbreviations that count only when written in capitals."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of the table; `code` is None where no CIM-10 code is sure."""

    display: str
    code: Code | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A problem found at characters `start` to `end` of a folded text."""

    problem: Problem
    start: int
    end: int


@cache
def _automaton() -> ahocorasick.Automaton:
    automaton = ahocorasick.Automaton()
    path = Path(__file__).with_name("problems.csv")
    with path.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table, delimiter=";"):
            code = (
                Code(system=SYSTEM, code=row["code"], display=row["display"])
                if row["code"]
                else None
            )
            problem = Problem(row["display"], code)
            for term in filter(None, row["terms"].split("|")):
                plain = fold(term)
                first, _, rest = plain.partition(" ")
                plural = f"{first}s {rest}" if rest and first[-1] not in "sx" else plain
                for variant in {plain, plain.replace("oe", "œ"), plural}:
                    if variant not in automaton:
                        automaton.add_word(variant, (variant, problem))
    automaton.make_automaton()
    return automaton


def find_problems(text: str, folded: str) -> Iterator[Hit]:
    """Problems named in a line, the longest where they overlap, whole words only."""
    hits: list[Hit] = []
    for last, (term, problem) in _automaton().iter(folded):
        end = last + 1
        start = end - len(term)
        touches = start > 0 and (folded[start - 1].isalnum() or folded[start - 1] in "'-")
        if touches and folded[max(0, start - 2) : start] not in ("d'", "l'"):
            continue
        if end < len(folded) and (folded[end].isalnum() or folded[end] == "-"):
            if folded[end] != "s" or folded[end + 1 : end + 2].isalnum():
                continue
            end += 1
        if term in _AMBIGUOUS and not text[start:end].isupper():
            continue
        hits.append(Hit(problem, start, end))
    hits.sort(key=lambda hit: (hit.start - hit.end, hit.start))
    kept: list[Hit] = []
    for hit in hits:
        if all(hit.end <= other.start or other.end <= hit.start for other in kept):
            kept.append(hit)
    yield from sorted(kept, key=lambda hit: hit.start)
