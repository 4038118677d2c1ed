"""The ground truth of scans, as the sample generator writes it (docs/evaluation.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a fact is written: page and box, in percent of the page as a viewer shows it."""

    page: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class TruthDocument:
    """One paper document: its scan, pages, rendering mode, facts, and where they stand."""

    scan: str
    sha1: str
    pages: frozenset[int]
    mode: str
    facts: Json
    places: Mapping[str, tuple[Place, ...]]


def read_truth(folder: Path) -> list[TruthDocument]:
    """All documents of a truth folder. Raises `UsageError` when there is none, or a bad file."""
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        raise UsageError("Le dossier de vérité ne contient aucun fichier JSON.")
    return [document for path in files for document in _documents(path)]


def _documents(path: Path) -> Iterator[TruthDocument]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        for facts in data["documents"]:
            places: dict[str, list[Place]] = {}
            for place in facts.get("places", ()):
                x, y, width, height = place["box"]
                found = Place(place["page"], (x, y, width, height))
                places.setdefault(place["fact"], []).append(found)
            yield TruthDocument(
                scan=data["scan"],
                sha1=data.get("sha1", ""),
                pages=frozenset(facts["pages"]),
                mode=facts["mode"],
                facts=facts,
                places={fact: tuple(found) for fact, found in places.items()},
            )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError("Un fichier de vérité n'a pas la forme attendue.") from error
