"""Validated bundles in an output folder, and what must be on a server once they were sent."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.fhir.fields import fields
from pipeline.fhir.serialising import dumps, loads
from pipeline.fhir.validating import validate
from pipeline.model import Decision, DecisionAction, DocumentKind
from pipeline.reimport.assignment import Policy
from pipeline.reimport.bundles import patient_of
from pipeline.reimport.client import Patience
from tests.fhir import examples

Json = dict[str, Any]

DOCTOR = "Dr Camille Exemple"
EVERYONE = Policy(who=DOCTOR, accept_clear=True, create_unmatched=True)
# Quick, and stubborn enough for a proxy that harms one request in four.
STUBBORN = Patience(tries=25, first=0.002, longest=0.02)


@cache
def texts(count: int, papers: int = 1) -> tuple[str, ...]:
    """`count` validated bundles as FHIR JSON, so many of each patient."""
    return tuple(
        dumps(_of_another(bundle, number // papers))
        for number, bundle in enumerate(examples.validated(count))
    )


def fill(out: Path, count: int, papers: int = 1) -> list[Json]:
    """Write `count` validated bundles into `out`, so many of each patient; returns them."""
    folder = out / "validated"
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts(count, papers)):
        (folder / f"document-{number:04}.json").write_text(text, encoding="utf-8")
    return [loads(text) for text in texts(count, papers)]


def with_large_scan(bundle: Json, size: int) -> Json:
    """The bundle of a scan of `size` bytes that is a resource of its own."""
    data = bytes(range(256)) * (size // 256)
    (scan,) = (
        e["resource"]
        for e in bundle["entry"]
        if e["resource"]["resourceType"] == "DocumentReference"
    )
    attachment = scan["content"][0]["attachment"]
    del attachment["data"]
    identity = str(uuid.uuid5(uuid.UUID(scan["id"]), "binary"))
    attachment |= {
        "url": f"Binary/{identity}",
        "size": len(data),
        "hash": base64.b64encode(hashlib.sha1(data).digest()).decode(),
    }
    binary = {
        "resourceType": "Binary",
        "id": identity,
        "contentType": attachment["contentType"],
        "securityContext": {"reference": f"urn:uuid:{scan['id']}", "type": "DocumentReference"},
        "data": base64.b64encode(data).decode(),
    }
    bundle["entry"].append(
        {
            "fullUrl": f"urn:uuid:{identity}",
            "resource": binary,
            "request": {"method": "PUT", "url": f"Binary/{identity}"},
        }
    )
    return bundle


def revalidated(out: Path) -> tuple[str, str]:
    """A consultation in `out`, validated; returns its file's text before and after a person took
    a drug out that was read there by mistake."""
    draft = examples.draft_of(DocumentKind.CONSULTATION, 3, clean=True)
    field = next(f for f in fields(draft) if f.path == "medicationCodeableConcept")
    reject = Decision(
        action=DecisionAction.REJECT,
        field=field.name,
        old=field.value,
        who=DOCTOR,
        when=examples.VALIDATED,
    )
    before, after = (
        dumps(validate(draft, taken, DOCTOR, examples.VALIDATED)) for taken in ((), (reject,))
    )
    (out / "validated").mkdir()
    (out / "validated" / "document.json").write_text(before, encoding="utf-8")
    return before, after


def references_of(text: str) -> set[str]:
    """Where everything of a bundle goes that is PUT."""
    return set(put_references([loads(text)]))


def put_references(bundles: Iterable[Json]) -> list[str]:
    """Where everything goes that is PUT."""
    return [
        entry["request"]["url"]
        for bundle in bundles
        for entry in bundle["entry"]
        if entry["request"]["method"] == "PUT"
    ]


def conditions(bundles: Iterable[Json]) -> set[tuple[str, str]]:
    """Type and search of each actor that is created on condition."""
    return {
        (entry["request"]["url"], entry["request"]["ifNoneExist"])
        for bundle in bundles
        for entry in bundle["entry"]
        if entry["request"]["method"] == "POST"
    }


def kinds(bundles: Iterable[Json]) -> Counter[str]:
    """How many resources of each type must be on the server, actors and patients once each."""
    bundles = list(bundles)
    counted = Counter(reference.partition("/")[0] for reference in put_references(bundles))
    counted.update(kind for kind, _ in conditions(bundles))
    counted["Patient"] = len({dumps(patient_of(bundle)["name"]) for bundle in bundles})
    return counted


_FAMILIES = ("Fictif", "Exemplaire", "Dupré", "Imaginé", "Levrai", "Spécimen", "Modèle", "Factice")
_GIVEN = ("Agathe", "Bruno", "Clémence", "Didier", "Émilie", "Fabrice", "Gaëlle", "Hugues")


def _of_another(bundle: Json, number: int) -> Json:
    """The bundle with an identity that resembles no other one's."""
    for entry in bundle["entry"]:
        patient = entry["resource"]
        if patient["resourceType"] != "Patient":
            continue
        # Far apart in name, first name and birth date at once.
        family = (
            _FAMILIES[number % 8] + chr(97 + number // 8 % 26) * 3 + chr(97 + number // 208) * 2
        )
        patient["name"] = [{"use": "usual", "family": family, "given": [_GIVEN[number * 3 % 8]]}]
        patient["birthDate"] = f"{1930 + number % 80}-{1 + number % 12:02}-{1 + number % 28:02}"
        patient["identifier"] = patient["identifier"][:1]
        patient["gender"] = ("female", "male")[number % 2]
        for name in ("_birthDate", "_gender"):
            patient.pop(name, None)
    return bundle
