"""Bundles of many documents as one set of resources: each patient and each actor once.

A document's Bundle describes its patient and its prescriber anew. In an export, descriptions of
one identity (`patient_key`) or of one known actor (the same conditional create) become one
resource: the first one stays as it is, and what others say besides (another address, another
telephone) is added to it. Paths in Provenance follow what moved.
"""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.fhir import systems
from pipeline.reimport.matching import fold, patient_key, traits_of

Json = dict[str, Any]

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, f"{systems.BASE}/export")
_INDEXED: Final = re.compile(r"(\w+)\.(\w+)\[(\d+)\](.*)")


@dataclass(frozen=True)
class Entry:
    """A resource of the export. `url` is its `urn:uuid:`; `queries` find an actor on a server."""

    url: str
    resource: Json
    queries: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.url.removeprefix("urn:uuid:")


def patient_of(document: str, bundle: Json) -> str:
    """The key of the identity on the paper, as matching groups it."""
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            return patient_key(traits_of(entry["resource"]), document)
    return document


def merged(bundles: Mapping[str, Json]) -> list[Entry]:
    """All resources of validated `bundles` (by document id), patients and actors once.

    References are still `urn:uuid:`, those of the export. The bundles are left as they are.
    """
    entries: dict[str, Entry] = {}
    for document, bundle in sorted(bundles.items()):
        _add(entries, document, copy.deepcopy(bundle))
    return list(entries.values())


def with_references(resource: Json, renamed: Mapping[str, str]) -> Json:
    """`resource` with every string that is a key of `renamed` replaced."""
    result: Json = _replace(resource, renamed)
    return result


def _add(entries: dict[str, Entry], document: str, bundle: Json) -> None:
    renamed: dict[str, str] = {}
    for entry in bundle["entry"]:
        query = entry["request"].get("ifNoneExist")
        if entry["resource"]["resourceType"] == "Patient":
            key = f"patient/{patient_of(document, bundle)}"
        elif query is not None:
            key = f"{entry['request']['url']}/{query}"
        else:
            continue
        renamed[entry["fullUrl"]] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, key)}"
    moved: dict[tuple[str, str, int], int] = {}
    for entry in bundle["entry"]:
        url = renamed.get(entry["fullUrl"], entry["fullUrl"])
        resource = with_references(entry["resource"], renamed)
        query = entry["request"].get("ifNoneExist")
        queries = () if query is None else (query,)
        known = entries.get(url)
        if known is None:
            entries[url] = Entry(url, resource, queries)
            continue
        for (name, index), place in _add_to(known.resource, resource).items():
            moved[url, name, index] = place
        more = tuple(one for one in queries if one not in known.queries)
        entries[url] = Entry(url, known.resource, known.queries + more)
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Provenance":
            _follow(entries[entry["fullUrl"]].resource, moved)


def _add_to(first: Json, other: Json) -> dict[tuple[str, int], int]:
    """Add to `first` what only `other` says; gives where each list item of `other` now is."""
    moved = {}
    for name, value in other.items():
        if name in {"meta", "extension", "resourceType", "id"}:
            continue
        if name not in first:
            first[name] = value
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            continue
        kept = first[name]
        for index, item in enumerate(value):
            said = [_said(name, one) for one in kept]
            if _said(name, item) not in said:
                kept.append(item)
                said.append(_said(name, item))
            moved[name, index] = said.index(_said(name, item))
    return moved


def _said(name: str, item: Json) -> Any:
    """What an item of a list says, to tell whether two say the same; its evidence is no part."""
    if name == "name":
        given = [fold(one) for one in item.get("given", ()) if one]
        return item.get("use"), fold(item.get("family", "")), given
    if name == "identifier":
        return item.get("system"), item.get("value")
    return _without_marks(item)


def _without_marks(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            name: _without_marks(child)
            for name, child in node.items()
            if name != "extension" and not name.startswith("_")
        }
    if isinstance(node, list):
        return [_without_marks(child) for child in node]
    return node


def _follow(provenance: Json, moved: Mapping[tuple[str, str, int], int]) -> None:
    """Let the target paths of `provenance` name the places where list items now are."""
    for target in provenance.get("target", ()):
        for extension in target.get("extension", ()):
            found = _INDEXED.fullmatch(extension.get("valueString", ""))
            if extension.get("url") != systems.TARGET_PATH or found is None:
                continue
            place = moved.get((target["reference"], found[2], int(found[3])))
            if place is not None:
                extension["valueString"] = f"{found[1]}.{found[2]}[{place}]{found[4]}"


def _replace(node: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {name: _replace(child, renamed) for name, child in node.items()}
    if isinstance(node, list):
        return [_replace(child, renamed) for child in node]
    return renamed.get(node, node) if isinstance(node, str) else node


def kinds(entries: Iterable[Entry]) -> dict[str, str]:
    """`Type/id` of each entry by its `urn:uuid:`."""
    return {entry.url: f"{entry.resource['resourceType']}/{entry.id}" for entry in entries}
