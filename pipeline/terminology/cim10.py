"""CIM-10 labels from a file that the user supplies, looked up in the store as they are needed.

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
from typing import Final

from pipeline.config import Settings
from pipeline.errors import SetupError
from pipeline.terminology.bdpm import SCHEMA, VERSION

SYSTEM: Final = "https://smt.esante.gouv.fr/terminologie-cim-10"
_UNSPECIFIED: Final = re.compile(
    r"(?:,?\s+(?:sans (?:autre )?précision|non précisée?s?)|\s*\([^)]*\)|\s*\[[^\]]*\])+\s*$",
    re.IGNORECASE,
)
_MOST_WORDS: Final = 14
"""Words of the longest run that is looked up."""
_LOOK_UP: Final = "SELECT code, label FROM label WHERE folded = ?"
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
    rows = list(_rows(source))
    labels = {flat(label)[0]: (code, label) for code, label in rows}
    count = len(labels)
    shorter: dict[str, set[tuple[str, str]]] = {}
    for code, label in rows:  # nobody writes « sans précision » in a note
        folded = flat(_UNSPECIFIED.sub("", label))[0]
        if folded not in labels:
            shorter.setdefault(folded, set()).add((code, label))
    labels |= {folded: found.pop() for folded, found in shorter.items() if len(found) == 1}
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
    return count


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

    def __init__(self, store: sqlite3.Connection | None) -> None:
        self._store = store

    def __len__(self) -> int:
        if self._store is None:
            return 0
        return int(self._store.execute("SELECT COUNT(*) FROM label").fetchone()[0])

    @classmethod
    def load(cls, settings: Settings) -> Labels:
        """The labels in the imported store, opened once per process; nothing is held in memory."""
        return _load(settings.terminology)

    def find(self, text: str) -> tuple[Labelled, ...]:
        """Whole-word labels in `text`, the longest at each place, from left to right."""
        if self._store is None:
            return ()
        flattened, places = flat(text)
        found: list[Labelled] = []
        for start, end in _runs(flattened):
            if found and places[start] < found[-1].end:
                continue
            row = self._store.execute(_LOOK_UP, (flattened[start:end],)).fetchone()
            if row is not None:
                found.append(Labelled(places[start], places[end - 1] + 1, *row))
        return tuple(found)


def _runs(flattened: str) -> Iterator[tuple[int, int]]:
    """Places of whole words in a row that may be a label, the longest first at each word."""
    words = [match.span() for match in re.finditer(r"\S+", flattened)]
    for first, (start, _) in enumerate(words):
        for _, end in reversed(words[first : first + _MOST_WORDS]):
            if end - start > 3:
                yield start, end


@cache
def _load(store: Path | None) -> Labels:
    if store is None or not store.is_file():
        return Labels(None)
    address = f"{store.resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, check_same_thread=False)
    try:
        connection.execute("SELECT folded, code, label FROM label LIMIT 1").fetchone()
    except sqlite3.Error:
        connection.close()
        return Labels(None)
    return Labels(connection)
