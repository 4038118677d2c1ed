"""One FHIR transaction Bundle per patient, for a server that someone else posts to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pipeline.fhir.serialising import dumps
from pipeline.reimport.export.merging import Entry, Json, merged, patient_of
from pipeline.reimport.export.writing import Folder


def write_transactions(bundles: Mapping[str, Json], folder: Folder) -> None:
    """Write `<uuid>.json` for each patient of `bundles` (by document id).

    The patient and actors are created on condition, all else is PUT: posting the same Bundle
    twice changes nothing. File names say nothing of the patient.
    """
    patients: dict[str, dict[str, Json]] = defaultdict(dict)
    for document, bundle in bundles.items():
        patients[patient_of(document, bundle)][document] = bundle
    for group in patients.values():
        entries = merged(group)
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [_entry(entry) for entry in entries],
        }
        patient = next((e for e in entries if e.resource["resourceType"] == "Patient"), entries[0])
        folder.write(f"{patient.id}.json", (dumps(bundle, indent=1) + "\n").encode())


def _entry(entry: Entry) -> Json:
    kind = entry.resource["resourceType"]
    request: Json
    if entry.queries:
        # A search by any of the papers' own numbers: a comma means "or".
        query = "identifier=" + ",".join(q.removeprefix("identifier=") for q in entry.queries)
        request = {"method": "POST", "url": kind, "ifNoneExist": query}
    else:
        request = {"method": "PUT", "url": f"{kind}/{entry.id}"}
    return {"fullUrl": entry.url, "resource": entry.resource, "request": request}
