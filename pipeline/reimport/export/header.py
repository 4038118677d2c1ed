"""What a French document header says, taken from a validated Bundle.

Sources: CI-SIS "structuration minimale" and its code lists J01 (specialties), J02 (facilities),
J04 (practice settings) and J07 (document types) of the Agence du numérique en santé.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pipeline.errors import ReimportError
from pipeline.fhir import systems
from pipeline.reimport.matching import fold

Json = dict[str, Any]

# Specialties as letterheads say them (folded) → J01 code and display.
SPECIALTIES: Final = MappingProxyType(
    {
        "medecine generale": ("G15_10/SM54", "Médecin - Médecine Générale (SM)"),
        "medecin generaliste": ("G15_10/SM54", "Médecin - Médecine Générale (SM)"),
        "cardiologie": ("G15_10/SM04", "Médecin - Cardiologie et maladies vasculaires (SM)"),
        "cardiologue": ("G15_10/SM04", "Médecin - Cardiologie et maladies vasculaires (SM)"),
        "dermatologie": ("G15_10/SM15", "Médecin - Dermatologie et Vénéréologie (SM)"),
        "dermatologue": ("G15_10/SM15", "Médecin - Dermatologie et Vénéréologie (SM)"),
        "gynecologie obstetrique": ("G15_10/SM20", "Médecin - Gynécologie-obstétrique (SM)"),
        "gynecologie medicale": ("G15_10/SM19", "Médecin - Gynécologie médicale (SM)"),
        "neurologie": ("G15_10/SM32", "Médecin - Neurologie (SM)"),
        "neurologue": ("G15_10/SM32", "Médecin - Neurologie (SM)"),
        "ophtalmologie": ("G15_10/SM38", "Médecin - Ophtalmologie (SM)"),
        "ophtalmologue": ("G15_10/SM38", "Médecin - Ophtalmologie (SM)"),
        "pediatrie": ("G15_10/SM40", "Médecin - Pédiatrie (SM)"),
        "pediatre": ("G15_10/SM40", "Médecin - Pédiatrie (SM)"),
        "pneumologie": ("G15_10/SM41", "Médecin - Pneumologie (SM)"),
        "pneumologue": ("G15_10/SM41", "Médecin - Pneumologie (SM)"),
        "psychiatrie": ("G15_10/SM42", "Médecin - Psychiatrie (SM)"),
        "psychiatre": ("G15_10/SM42", "Médecin - Psychiatrie (SM)"),
        "rhumatologie": ("G15_10/SM48", "Médecin - Rhumatologie (SM)"),
        "rhumatologue": ("G15_10/SM48", "Médecin - Rhumatologie (SM)"),
    }
)


class HeaderIncomplete(ReimportError):
    """A validated document that lacks what every shared French document must state."""

    code = "en-tete-incomplet"
    sentence = "Il manque une indication obligatoire pour un document partagé."


@dataclass(frozen=True)
class Coded:
    code: str
    system: str
    display: str


@dataclass(frozen=True)
class Identified:
    """A number (`extension`) in a list that an OID (`root`) names."""

    root: str
    extension: str = ""


@dataclass(frozen=True)
class Subject:
    """The patient as on the paper. Without a qualified INS only `number`, the practice's own.

    `gender` is F, M or U, as HL7 v2 writes it.
    """

    number: Identified
    birth_family: str
    used_family: str
    birth_given: tuple[str, ...]
    used_given: str
    gender: str
    birth_date: dt.date


@dataclass(frozen=True)
class Author:
    rpps: str
    family: str
    given: str
    prefix: str
    specialty: Coded | None


@dataclass(frozen=True)
class Practice:
    """`number` has no extension where the paper gave no FINESS number."""

    name: str
    number: Identified
    facility: Coded
    setting: Coded


@dataclass(frozen=True)
class Header:
    """The header of one document. `day` is the paper's; `validated` when a person released it."""

    id: str
    title: str
    type: Coded
    category: Coded
    day: dt.date
    validated: dt.datetime
    validator: str
    subject: Subject
    author: Author
    practice: Practice


# Types whose display in our own tables is not that of J07.
_TYPE_DISPLAYS: Final = MappingProxyType(
    {"57055-6": "Synthèse antepartum", "89601-9": "Certificat médical"}
)

LOINC_OID: Final = "2.16.840.1.113883.6.1"
CLASS_OID: Final = "1.2.250.1.213.1.1.4.1"
SPECIALTY_OID: Final = "1.2.250.1.213.1.1.4.5"
FACILITY_OID: Final = "1.2.250.1.71.4.2.4"
SETTING_OID: Final = "1.2.250.1.213.1.1.4.9"
PERSON_OID: Final = "1.2.250.1.71.4.2.1"
ORGANIZATION_OID: Final = "1.2.250.1.71.4.2.2"
FINESS_PREFIX: Final = "1"
RPPS_PREFIX: Final = "8"


def oid(identity: uuid.UUID) -> str:
    """The OID that a UUID has of its own (ITU-T X.667)."""
    return f"2.25.{identity.int}"


def header(bundle: Json) -> Header:
    """The header of a validated Bundle. Raises `HeaderIncomplete` with what is missing."""
    resources: dict[str, Json] = {}
    for entry in bundle["entry"]:
        resources.setdefault(entry["resource"]["resourceType"], entry["resource"])
    composition = resources["Composition"]
    if "date" not in composition:
        raise HeaderIncomplete("La date du document n'est pas connue : il n'est pas exporté.")
    scan = resources["DocumentReference"]
    attester = composition["attester"][0]
    practice = _practice(resources, scan)
    return Header(
        id=oid(uuid.UUID(composition["id"])),
        title=composition["title"],
        type=_coded(composition["type"], systems.LOINC, LOINC_OID),
        category=_coded(composition["category"][0], systems.DOCUMENT_CLASS, CLASS_OID),
        day=dt.date.fromisoformat(composition["date"][:10]),
        validated=dt.datetime.fromisoformat(attester["time"]),
        validator=attester["party"]["display"],
        subject=_subject(resources["Patient"], practice),
        author=_author(resources.get("Practitioner", {})),
        practice=practice,
    )


def _coded(concept: Json, system: str, root: str) -> Coded:
    for coding in concept.get("coding", ()):
        if coding.get("system") == system and "code" in coding:
            display = coding.get("display") or concept.get("text", "")
            return Coded(coding["code"], root, _TYPE_DISPLAYS.get(coding["code"], display))
    raise HeaderIncomplete("La nature du document n'est pas connue : il n'est pas exporté.")


def _subject(patient: Json, practice: Practice) -> Subject:
    names = {name.get("use"): name for name in patient.get("name", ())}
    official, usual = names.get("official", {}), names.get("usual", {})
    birth_given = tuple(one for one in official.get("given", ()) if one)
    used_given = tuple(one for one in usual.get("given", ()) if one)
    families = official.get("family", ""), usual.get("family", "")
    if not any(families) or not (birth_given or used_given) or "birthDate" not in patient:
        raise HeaderIncomplete(
            "Le nom, le prénom ou la date de naissance du patient manque : complétez-les à la "
            "relecture."
        )
    try:
        born = dt.date.fromisoformat(patient["birthDate"])
    except ValueError as error:
        raise HeaderIncomplete("La date de naissance du patient n'est pas complète.") from error
    gender = {"female": "F", "male": "M"}.get(patient.get("gender", ""), "U")
    return Subject(
        number=_patient_number(patient, practice),
        birth_family=families[0],
        used_family=families[1],
        birth_given=birth_given,
        used_given=used_given[0] if used_given else "",
        gender=gender,
        birth_date=born,
    )


def _patient_number(patient: Json, practice: Practice) -> Identified:
    """The practice's number of the patient, or else that of the paper; each in a list of its own.

    Numbers of one practice are not those of another: the list's OID follows the practice.
    """
    values = {one.get("system"): one.get("value") for one in patient.get("identifier", ())}
    for system in (systems.LOCAL_PATIENT_NAMES, systems.ENTITY_NAMES):
        if values.get(system):
            owner = f"{practice.name}/{practice.number.extension}"
            issuer = owner if system == systems.LOCAL_PATIENT_NAMES else ""
            return Identified(
                oid(uuid.uuid5(uuid.NAMESPACE_URL, f"{system}/{issuer}")), values[system]
            )
    raise HeaderIncomplete("Le patient n'a pas de numéro dans ce cabinet.")


def _author(practitioner: Json) -> Author:
    rpps = next(
        (
            one["value"]
            for one in practitioner.get("identifier", ())
            if one.get("system") == systems.RPPS and one.get("value")
        ),
        None,
    )
    name: Json = next(iter(practitioner.get("name", ())), {})
    if rpps is None or not name.get("family"):
        raise HeaderIncomplete(
            "Le nom ou le numéro RPPS du prescripteur manque : complétez-les à la relecture."
        )
    qualification: Json = next(iter(practitioner.get("qualification", ())), {})
    known = SPECIALTIES.get(fold(qualification.get("code", {}).get("text", "")))
    return Author(
        rpps=rpps,
        family=name["family"],
        given=" ".join(one for one in name.get("given", ()) if one),
        prefix=" ".join(one for one in name.get("prefix", ()) if one),
        specialty=None if known is None else Coded(known[0], SPECIALTY_OID, known[1]),
    )


def _practice(resources: Json, scan: Json) -> Practice:
    organization = resources["Organization"]
    finess = next(
        (
            one["value"]
            for one in organization.get("identifier", ())
            if one.get("system") == systems.FINESS and one.get("value")
        ),
        None,
    )
    context = scan["context"]
    return Practice(
        name=organization.get("name", "Cabinet médical"),
        number=Identified(ORGANIZATION_OID, "" if finess is None else FINESS_PREFIX + finess),
        facility=_coded(context["facilityType"], systems.SECTOR, FACILITY_OID),
        setting=_coded(context["practiceSetting"], systems.SETTING, SETTING_OID),
    )
