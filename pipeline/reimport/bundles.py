"""Validated bundles as what is to be written: entries, where they go, and when they are there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.errors import UsageError
from pipeline.fhir import systems
from pipeline.fhir.serialising import dumps, loads
from pipeline.reimport.errors import NotValidated

Json = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One resource to write: its fullUrl, and where it goes.

    `reference` is `Type/id` for a PUT; a conditional create has the search in `condition`.
    """

    full_url: str
    resource: Json
    reference: str | None
    condition: str | None

    @property
    def kind(self) -> str:
        return str(self.resource["resourceType"])


def digest(resource: Json) -> str:
    """Hash of a resource's content."""
    return hashlib.sha256(dumps(resource).encode()).hexdigest()[:24]


def load(path: Path) -> Json:
    """The bundle in a file. Raises `NotValidated` when it is damaged or says it is a draft."""
    try:
        bundle = loads(path.read_bytes())
    except (ValueError, OSError) as broken:
        raise NotValidated(
            "Le fichier validé est abîmé : validez ce document à nouveau."
        ) from broken
    if systems.VALIDATED_BUNDLE not in bundle.get("meta", {}).get("profile", ()):
        raise NotValidated
    return bundle


def validated(out: Path) -> dict[str, Path]:
    """Files of the validated documents, by document id. Raises `UsageError` for none."""
    paths = {path.stem: path for path in sorted((out / "validated").glob("*.json"))}
    if not paths:
        raise UsageError(f"Aucun document validé dans {out} : lancez d'abord « reprise validate ».")
    return paths


def title_of(bundle: Json) -> str:
    """What people call the document: its kind and day, nothing of the patient."""
    for entry in bundle.get("entry", ()):
        resource = entry.get("resource", {})
        if resource.get("resourceType") == "Composition":
            return str(resource.get("title", "")).partition(" (")[0]
    return ""


def patient_of(bundle: Json) -> Json:
    for entry in bundle.get("entry", ()):
        resource: Json = entry.get("resource", {})
        if resource.get("resourceType") == "Patient":
            return resource
    return {"resourceType": "Patient"}


def patient_entry(entries: Sequence[Entry]) -> Entry:
    for entry in entries:
        if entry.kind == "Patient":
            return entry
    raise NotValidated


def entries_of(bundle: Json) -> list[Entry]:
    entries = []
    for entry in bundle["entry"]:
        request = entry["request"]
        put = request["method"] == "PUT"
        entries.append(
            Entry(
                full_url=entry["fullUrl"],
                resource=entry["resource"],
                reference=request["url"] if put else None,
                condition=None if put else request["ifNoneExist"],
            )
        )
    return entries


def known_places(entries: Sequence[Entry]) -> dict[str, str]:
    """Where each entry goes whose id is ours to choose."""
    return {entry.full_url: entry.reference for entry in entries if entry.reference}


def placed(resource: Json, places: Mapping[str, str]) -> Json:
    """`resource` with every reference to a fullUrl replaced by where that entry is kept."""

    def place(node: Any) -> Any:
        if isinstance(node, dict):
            return {
                name: places.get(value, value)
                if name == "reference" and isinstance(value, str)
                else place(value)
                for name, value in node.items()
            }
        if isinstance(node, list):
            return [place(one) for one in node]
        return node

    return {name: place(value) for name, value in resource.items()}


def references_in(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["reference"]} if isinstance(node.get("reference"), str) else set()
        return own.union(*(references_in(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references_in(one) for one in node))
    return set()


def encoded(query: str) -> str:
    """A search as it may travel: what a server would read otherwise is percent-encoded."""
    return quote(query, safe="?=&:/|,.-_~%")


def holds(theirs: Any, ours: Any) -> bool:
    """Whether everything in `ours` is in `theirs`; a server may add, and renumbers `meta`."""
    if isinstance(ours, dict):
        if not isinstance(theirs, dict):
            return False
        return all(
            _holds_meta(theirs.get(name), value)
            if name == "meta"
            else holds(theirs.get(name), value)
            for name, value in ours.items()
        )
    if isinstance(ours, list):
        return (
            isinstance(theirs, list)
            and len(ours) == len(theirs)
            and all(holds(b, a) for a, b in zip(ours, theirs, strict=True))
        )
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return theirs is ours
    if isinstance(ours, int | Decimal) and isinstance(theirs, int | Decimal):
        return Decimal(ours) == Decimal(theirs)
    return bool(ours == theirs)


def _holds_meta(theirs: Any, ours: Any) -> bool:
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return not ours
    for name in ("profile", "security", "tag"):
        kept = theirs.get(name, [])
        if any(not any(holds(b, a) for b in kept) for a in ours.get(name, ())):
            return False
    return True
