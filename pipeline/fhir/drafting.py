"""An extraction becomes a draft: one R4 transaction Bundle for one paper document."""

from __future__ import annotations

import datetime as dt
from typing import TypeVar

from pipeline.config import Settings
from pipeline.fhir import actors, orders, records, statements, systems
from pipeline.fhir.elements import Json, extension, instant
from pipeline.fhir.fields import resource_fields
from pipeline.fhir.paper import Attachment, Paper
from pipeline.fhir.transactions import entry
from pipeline.model import ConditionRole, Document, Extraction, Prescriber

Entity = TypeVar("Entity")

__all__ = ["Attachment", "draft"]


def draft(
    extraction: Extraction,
    document: Document,
    attachment: Attachment,
    settings: Settings,
    recorded: dt.datetime | None = None,
) -> Json:
    """The draft Bundle of one document, as FHIR JSON with `Decimal` numbers (see `serialising`).

    Ids and identifiers follow the scan and the place of an entity in it: the same extraction
    gives the same Bundle, but for the time `recorded` (now, unless given).
    """
    paper = Paper(
        document=document,
        date=extraction.date,
        recorded=recorded or dt.datetime.now(dt.UTC),
        has_practitioner=extraction.prescriber != Prescriber(),
    )
    clinical = _clinical(paper, extraction)
    reasons = tuple(
        key
        for key, read in _keyed("condition", extraction.conditions)
        if read.role is ConditionRole.REASON
    )
    original = records.binary(paper, attachment)
    everything = [
        *_actors(paper, extraction, settings),
        ("encounter", statements.encounter(paper, reasons)),
        ("scan", records.document_reference(paper, extraction, attachment)),
        *([("binary", original)] if original is not None else []),
        *clinical,
        (
            "composition",
            records.composition(paper, extraction, [(paper.url(k), r) for k, r in clinical]),
        ),
    ]
    targets = [_target(paper, key, resource) for key, resource in everything if key not in _MADE]
    everything.append(("provenance", records.provenance(paper, targets)))
    return {
        "resourceType": "Bundle",
        "id": paper.id("bundle"),
        "meta": {"profile": [systems.DRAFT_BUNDLE]},
        "identifier": {"system": systems.DOCUMENT_NAMES, "value": paper.stem},
        "type": "transaction",
        "timestamp": instant(paper.recorded),
        "entry": [entry(paper.url(key), resource) for key, resource in everything],
    }


# Resources that hold nothing the machine read: they are no target of the provenance.
_MADE = frozenset({"device", "scan", "binary"})


def _keyed(name: str, entities: tuple[Entity, ...]) -> list[tuple[str, Entity]]:
    return [(f"{name}/{number}", entity) for number, entity in enumerate(entities, 1)]


def _actors(paper: Paper, read: Extraction, settings: Settings) -> list[tuple[str, Json]]:
    role = actors.practitioner_role(paper, read.prescriber)
    return [
        ("patient", actors.patient(paper, read.patient)),
        *(
            [("practitioner", actors.practitioner(paper, read.prescriber))]
            if paper.has_practitioner
            else []
        ),
        ("organization", actors.organization(paper, read.prescriber)),
        *([("role", role)] if role is not None else []),
        ("device", actors.device(settings, read.steps)),
    ]


def _clinical(paper: Paper, read: Extraction) -> list[tuple[str, Json]]:
    """(key, resource) of all that the paper states and asks for."""
    found: list[tuple[str, Json]] = []
    for key, condition in _keyed("condition", read.conditions):
        if condition.role is ConditionRole.FAMILY:
            found.append((key, statements.family_history(paper, condition, key)))
        else:
            found.append((key, statements.condition(paper, condition, key)))
    for key, allergy in _keyed("allergy", read.allergies):
        found.append((key, statements.allergy(paper, allergy, key)))
    if read.patient.age is not None:
        found.append(("age", statements.age(paper, read.patient.age)))
    for key, measurement in _keyed("measurement", read.measurements):
        found.append((key, statements.observation(paper, measurement, key)))
    for key, certificate in _keyed("certificate", read.certificates):
        found.append((key, statements.certificate(paper, certificate, key)))
    for key, medication in _keyed("medication", read.medications):
        found.append((key, orders.medication_request(paper, medication, key)))
        if medication.ald is not None:
            zone = f"{key}/ald"
            found.append((zone, statements.long_term_condition(paper, medication.ald, zone)))
    for key, order in _keyed("order", read.orders):
        found.append((key, orders.service_request(paper, order, key)))
    for key, visit in _keyed("appointment", read.appointments):
        found.append((key, orders.appointment(paper, visit, key)))
    return found


def _target(paper: Paper, key: str, resource: Json) -> Json:
    """A provenance target: the resource, and each of its elements that was read."""
    kind = resource["resourceType"]
    paths = [
        extension(systems.TARGET_PATH, valueString=f"{kind}.{field.path}")
        for field in resource_fields(paper.url(key), resource)
    ]
    return {**({"extension": paths} if paths else {}), **paper.reference(kind, key)}
