"""Newline-delimited JSON, a file per resource type, as bulk `$import` takes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pipeline.fhir.serialising import dumps
from pipeline.reimport.export.merging import Json, kinds, merged, with_references
from pipeline.reimport.export.writing import Folder


def write_ndjson(bundles: Mapping[str, Json], folder: Folder) -> None:
    """Write `<Type>.ndjson` for each type of resource in `bundles` (by document id).

    Every resource has an id that does not change from export to export, and references are
    `Type/id`.
    """
    entries = merged(bundles)
    named = kinds(entries)
    lines: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        kind = entry.resource["resourceType"]
        resource = {**entry.resource, "resourceType": kind, "id": entry.id}
        lines[kind].append(dumps(with_references(resource, named)) + "\n")
    for kind, rows in sorted(lines.items()):
        folder.write(f"{kind}.ndjson", "".join(rows).encode())
