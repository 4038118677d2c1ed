"""CIM-10 labels from a file that the user supplies, found in text by one automaton.

The classification is not shipped: its file comes from the ATIH, as a table of codes and labels
separated by `|`, `;`, tabs or commas, in UTF-8 or Windows-1252, with or without a header.
"""

from __future__ import annotations

import csv
import re
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import ahocorasick

from pipeline.config import Settings
from pipeline.errors import SetupError
from pipeline.terminology.bdpm import SCHEMA, VERSION

SYSTEM: Final = "https://smt.esante.gouv.fr/terminologie-cim-10"
_CODE: Final = re.compile(r"[A-Z]\d{2}(?:\.?[\dX+-]{1,4})?")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Characters `start` to `end` of a text that are the label of a CIM-10 code."""

    start: int
    end: int
    code: str
    label: str


@cache
def _flat_character(character: str) -> str:
    base = unicodedata.normalize("NFD", character.lower())[:1]
    return base if base.isalnum() else " "


def flat(text: str) -> tuple[str, tuple[int, ...]]:
    """Words in lower case without accents, one space between them, and each character's place."""
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        plain = _flat_character(character)
        if plain != " " or (characters and characters[-1] != " "):
            characters.append(plain)
            places.append(place)
    while characters and characters[-1] == " ":
        characters.pop()
        places.pop()
    return "".join(characters), tuple(places)


def import_cim10(source: Path, target: Path) -> int:
    """Adds the labels of `source` to the store `target`; how many there are.

    Raises `SetupError` when the file is missing or holds no code with its label.
    """
    labels = {flat(label)[0]: (code, label) for code, label in _rows(source)}
    labels = {folded: found for folded, found in labels.items() if len(folded) > 3}
    if not labels:
        raise SetupError(f"{source.name} ne contient aucun libellé de la CIM-10.")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = not target.exists()
    with closing(sqlite3.connect(target)) as store:
        if fresh:
            store.executescript(SCHEMA)
            store.execute("INSERT INTO about VALUES ('version', ?)", (VERSION,))
        store.execute("DELETE FROM label")
        store.executemany(
            "INSERT INTO label VALUES (?, ?, ?)",
            [(folded, code, label) for folded, (code, label) in sorted(labels.items())],
        )
        store.execute("INSERT OR REPLACE INTO about VALUES ('cim10', ?)", (source.name,))
        store.commit()
    return len(labels)


def _rows(source: Path) -> Iterator[tuple[str, str]]:
    """Codes with their longest label."""
    try:
        data = source.read_bytes()
    except OSError as error:
        raise SetupError(f"Le fichier {source.name} est introuvable.") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    head = text[:2000]
    delimiter = max("|;\t,", key=head.count)
    for row in csv.reader(text.splitlines(), delimiter=delimiter):
        cells = [cell.strip() for cell in row]
        if len(cells) < 2 or not _CODE.fullmatch(cells[0]):
            continue
        labels = [cell for cell in cells[1:] if sum(c.isalpha() for c in cell) > 3]
        if labels:
            # between equally long forms, the one in mixed case is the readable one
            yield _dotted(cells[0]), max(labels, key=lambda label: (len(label), label))


def _dotted(code: str) -> str:
    """`A000` as `A00.0`."""
    return code if len(code) <= 3 or "." in code else f"{code[:3]}.{code[3:]}"


class Labels:
    """Labels of the CIM-10 that a text may hold; empty where none were imported."""

    def __init__(self, labels: dict[str, tuple[str, str]]) -> None:
        self._automaton: Any = ahocorasick.Automaton()
        for folded, (code, label) in labels.items():
            self._automaton.add_word(folded, (len(folded), code, label))
        self._known = len(labels)
        if labels:
            self._automaton.make_automaton()

    def __len__(self) -> int:
        return self._known

    @classmethod
    def load(cls, settings: Settings) -> Labels:
        """The labels in the imported store, read once per process."""
        return _load(settings.terminology)

    def find(self, text: str) -> tuple[Labelled, ...]:
        """Whole-word labels in `text`, the longest at each place, from left to right."""
        if not self._known:
            return ()
        flattened, places = flat(text)
        found: list[Labelled] = []
        for last, (length, code, label) in self._automaton.iter(flattened):
            start, end = last + 1 - length, last + 1
            before = flattened[start - 1] if start else " "
            after = flattened[end] if end < len(flattened) else " "
            if before == " " and after == " ":
                found.append(Labelled(places[start], places[end - 1] + 1, code, label))
        found.sort(key=lambda one: (one.start, -one.end))
        result: list[Labelled] = []
        for one in found:
            if not result or one.start >= result[-1].end:
                result.append(one)
        return tuple(result)


@cache
def _load(store: Path | None) -> Labels:
    if store is None or not store.is_file():
        return Labels({})
    with closing(sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            rows = connection.execute("SELECT folded, code, label FROM label").fetchall()
        except sqlite3.Error:
            return Labels({})
    return Labels({folded: (code, label) for folded, code, label in rows})
