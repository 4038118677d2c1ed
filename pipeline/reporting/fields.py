"""An extraction as the flat list of fields that people look at, with French labels."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.model import (
    BirthPlace,
    Code,
    DocumentKind,
    Drug,
    Extraction,
    HumanName,
    Measurement,
    Medication,
    Quantity,
    Range,
    Sex,
    State,
    Strength,
    Substitution,
    Value,
)

KINDS = {
    DocumentKind.PRESCRIPTION: "Ordonnance",
    DocumentKind.PRESCRIPTION_BIZONE: "Ordonnance bizone",
    DocumentKind.CONSULTATION: "Note de consultation",
    DocumentKind.PREGNANCY: "Suivi de grossesse",
    DocumentKind.TEST_REQUEST: "Demande d'examens",
    DocumentKind.CERTIFICATE: "Certificat",
}
SEXES = {Sex.FEMALE: "Féminin", Sex.MALE: "Masculin", Sex.UNKNOWN: "Inconnu"}
UNREAD = "illisible"


@dataclass(frozen=True)
class Field:
    """One value under its label, ready to be shown."""

    label: str
    text: str
    value: Value[Any]


def fields(extraction: Extraction) -> list[Field]:
    """All values of a document in the order a reader expects them."""
    return [
        Field(label, show(value), value)
        for label, value in _labelled(extraction)
        if value is not None
    ]


def show(value: Value[Any]) -> str:
    """A value as French readers write it; what was not read is said to be unread."""
    if value.state is State.UNREAD or value.value is None:
        return UNREAD
    return _text(value.value, value.evidence.text)


def _text(content: Any, written: str) -> str:
    match content:
        case bool():
            return "oui" if content else "non"
        case DocumentKind():
            return KINDS[content]
        case Sex():
            return SEXES[content]
        case dt.date():
            return content.strftime("%d/%m/%Y")
        case HumanName():
            return " ".join(
                part for part in (content.prefix, *content.given, content.family) if part
            )
        case BirthPlace():
            return content.text
        case Drug():
            known = content.name and content.name.casefold() != content.text.casefold()
            return f"{content.text} ({content.name})" if known else content.text
        case Quantity():
            return _quantity(content)
        case Range():
            return f"{_quantity(content.low)} à {_quantity(content.high)}"
        case Strength():
            text = " / ".join(_quantity(part) for part in content.parts)
            return f"{text} par {_quantity(content.per)}" if content.per else text
        case Code():
            return content.display
        case Substitution():
            if content.allowed:
                return "substituable"
            return f"non substituable ({content.reason})" if content.reason else "non substituable"
        case tuple():
            return written
        case _:
            return str(content)


def _quantity(quantity: Quantity) -> str:
    number = format(quantity.value.normalize() + Decimal(0), "f").replace(".", ",")
    return f"{quantity.comparator or ''}{number} {quantity.unit}".strip()


def _labelled(extraction: Extraction) -> Iterator[tuple[str, Value[Any] | None]]:
    yield "Type de document", extraction.kind
    yield "Date", extraction.date
    patient = extraction.patient
    for name in patient.names:
        birth = name.value is not None and name.value.use == "official"
        yield ("Patient, nom de naissance" if birth else "Patient"), name
    yield "Sexe", patient.sex
    yield "Naissance", patient.birth_date
    yield "Lieu de naissance", patient.birth_place
    yield "Âge", patient.age
    yield "NIR", patient.nir
    yield "N° de dossier", patient.local_id
    yield "Téléphone", patient.phone
    yield "Adresse", patient.address
    prescriber = extraction.prescriber
    yield "Prescripteur", prescriber.name
    yield "Spécialité", prescriber.speciality
    yield "RPPS", prescriber.rpps
    yield "AM", prescriber.am
    yield "FINESS", prescriber.finess
    yield "Adresse du cabinet", prescriber.address
    yield "Téléphone du cabinet", prescriber.phone
    for medication in extraction.medications:
        yield from _medication(medication)
    for measurement in extraction.measurements:
        yield from _measurement(measurement)
    for allergy in extraction.allergies:
        yield ("Intolérance" if allergy.kind == "intolerance" else "Allergie"), allergy.text
    for condition in extraction.conditions:
        yield "Problème", condition.text
    for order in extraction.orders:
        yield "Demande", order.text
    for certificate in extraction.certificates:
        yield "Certificat", certificate.text
        yield "Du", certificate.start
        yield "Au", certificate.end
    for appointment in extraction.appointments:
        yield "Prochain rendez-vous", appointment.text
        yield "Date du rendez-vous", appointment.date
    for passage in extraction.unread:
        yield "Passage non lu", passage


def _medication(medication: Medication) -> Iterator[tuple[str, Value[Any] | None]]:
    """Values of one line, each under its drug: flagged ones are shown away from the others."""
    yield "Médicament", medication.drug
    drug = medication.drug.value.text if medication.drug.value else "médicament illisible"
    yield f"Dosage ({drug})", medication.strength
    yield f"Forme ({drug})", medication.form
    yield f"Posologie ({drug})", medication.dosage
    yield f"Durée ({drug})", medication.supply_duration
    yield f"À délivrer ({drug})", medication.dispense_quantity
    yield f"Délivrance tous les ({drug})", medication.dispense_interval
    yield f"Renouvellements ({drug})", medication.repeats
    yield f"Substitution ({drug})", medication.substitution
    yield f"ALD ({drug})", medication.ald


def _measurement(measurement: Measurement) -> Iterator[tuple[str, Value[Any] | None]]:
    yield measurement.code.display, measurement.value
    for component in measurement.components:
        yield from _measurement(component)
    yield f"{measurement.code.display}, date", measurement.date
