"""Patient, Practitioner, PractitionerRole, Organization and Device of a paper document."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pipeline
from pipeline.config import Settings
from pipeline.fhir import systems
from pipeline.fhir.elements import (
    Json,
    clean,
    coding,
    concept,
    date,
    extension,
    human_name,
)
from pipeline.fhir.paper import Paper, is_read, machine_read
from pipeline.model import BirthPlace, Patient, Prescriber, Sex, Step, Value

PROVISIONAL = extension(
    systems.IDENTITY_RELIABILITY,
    parts=[
        extension(
            "identityStatus",
            valueCoding=coding(systems.IDENTITY_STATUS, "PROV", "Identité provisoire"),
        )
    ],
)


def patient(paper: Paper, read: Patient) -> Json:
    """The patient as the paper names them: a provisional identity, to be matched at reimport.

    An NIR that was read is a social security number (NSS), never an INS: that may travel only
    with a qualified identity.
    """
    identifiers = [paper.identifier("patient")]
    if read.nir is not None:
        # FR Core 2.2.0 has two slices for the type NH, told apart by nothing else: a coded type
        # matches both, which validators refuse. The system says what the number is.
        kind = concept(text="Numéro de sécurité sociale (NIR)")
        system = systems.social_security(read.nir.value or "")
        identifiers.append(_identifier(paper, read.nir, system, use="official", type=kind))
    if read.local_id is not None:
        kind = concept(
            coding(f"{systems.TERMINOLOGY}/v2-0203", "PI", "Patient internal identifier")
        )
        identifiers.append(
            _identifier(paper, read.local_id, systems.LOCAL_PATIENT_NAMES, use="usual", type=kind)
        )
    resource: Json = {
        "resourceType": "Patient",
        **machine_read(f"{systems.FR_CORE}/fr-core-patient"),
        "extension": [PROVISIONAL],
        "identifier": identifiers,
    }
    if read.names:
        resource["name"] = [paper.element(name, human_name, "HumanName") for name in read.names]
    resource |= _contacts(paper, read.phone, read.address)
    if read.sex is not None:
        resource |= paper.primitive("gender", read.sex, lambda sex: sex.value, "Code")
        # The required value set has a code of its own for what is not known.
        resource.setdefault("gender", Sex.UNKNOWN.value)
    if read.birth_date is not None:
        resource |= paper.primitive("birthDate", read.birth_date, date, "Date")
    if read.birth_place is not None:
        place = paper.element(read.birth_place, _birth_place, "Address")
        resource["extension"].append(extension(systems.BIRTH_PLACE, valueAddress=place))
    return resource


def _birth_place(place: BirthPlace) -> Json:
    """Town and, where the paper gave it, INSEE code: `text` says both as written."""
    result: Json = {"text": clean(place.text)}
    if place.town is not None:
        result["city"] = clean(place.town)
    if place.insee is not None:
        code = coding(systems.COMMUNES, place.insee)
        result["extension"] = [extension(systems.INSEE_CODE, valueCoding=code)]
    return result


def practitioner(paper: Paper, read: Prescriber) -> Json:
    """The prescriber; known to a server by the RPPS number where that was read."""
    identifiers = []
    if read.rpps is not None:
        kind = coding(f"{systems.FR_CORE_CODES}/fr-core-cs-v2-0203", "RPPS", "N° RPPS")
        identifiers.append(
            _identifier(paper, read.rpps, systems.RPPS, use="official", type=concept(kind))
        )
    else:
        identifiers.append(paper.identifier("practitioner"))
    resource: Json = {
        "resourceType": "Practitioner",
        **machine_read(f"{systems.FR_CORE}/fr-core-practitioner"),
        "identifier": identifiers,
    }
    if read.name is not None:
        resource["name"] = [paper.element(read.name, human_name, "HumanName")]
    if read.speciality is not None:
        code = paper.element(read.speciality, lambda text: concept(text=text), "CodeableConcept")
        resource["qualification"] = [{"code": code}]
    return resource


def practitioner_role(paper: Paper, read: Prescriber) -> Json | None:
    """The prescriber at the practice, known by the health insurance number; None without one."""
    if read.am is None:
        return None
    return {
        "resourceType": "PractitionerRole",
        **machine_read(f"{systems.FR_CORE}/fr-core-practitioner-role"),
        "identifier": [_identifier(paper, read.am, systems.AMELI)],
        **paper.by("practitioner"),
        "organization": paper.reference("Organization", "organization"),
    }


def organization(paper: Paper, read: Prescriber) -> Json:
    """The practice. Its own identifier follows the prescriber's RPPS, so that it stays one."""
    identifiers = []
    if read.finess is not None:
        kind = coding(f"{systems.FR_CORE_CODES}/fr-core-cs-v2-0203", "FINEG")
        identifiers.append(_identifier(paper, read.finess, systems.FINESS, type=concept(kind)))
    elif is_read(read.rpps) and read.rpps is not None and read.rpps.value is not None:
        identifiers.append({"system": systems.PRACTICE_NAMES, "value": clean(read.rpps.value)})
    else:
        identifiers.append(paper.identifier("organization"))
    name = "Cabinet médical"
    if read.name is not None and read.name.value is not None:
        name = f"Cabinet de {' '.join((*read.name.value.given, read.name.value.family))}"
    return {
        "resourceType": "Organization",
        **machine_read(f"{systems.FR_CORE}/fr-core-organization"),
        "identifier": identifiers,
        "name": clean(name),
        **_contacts(paper, read.phone, read.address),
    }


def device(settings: Settings, steps: Sequence[Step]) -> Json:
    """The software that read the paper: its version and that of each stage."""
    parts = [("reprise", f"{pipeline.__version__} ({settings.fingerprint})")]
    parts.extend((step.name, f"{step.version} {step.settings}".strip()) for step in steps)
    parts = [(clean(name), clean(version)) for name, version in parts if clean(version)]
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    return {
        "resourceType": "Device",
        "meta": {"profile": [systems.AI_DEVICE]},
        "extension": [
            extension(
                systems.AI_KIND,
                valueCodeableConcept=concept(
                    coding(systems.AI_DEVICE_TYPE, "Clinical-Documentation-and-Workflow")
                ),
            )
        ],
        "identifier": [
            {
                "system": systems.SOFTWARE_NAMES,
                "value": f"reprise-{pipeline.__version__}-{digest}",
            }
        ],
        "status": "active",
        "manufacturer": "Reprise",
        "deviceName": [{"name": "reprise", "type": "user-friendly-name"}],
        "type": concept(coding(systems.AI_DEVICE_TYPE, "Artificial-Intelligence")),
        "version": [{"type": {"text": name}, "value": version} for name, version in parts],
    }


def _identifier(paper: Paper, value: Value[str], system: str, **more: object) -> Json:
    """An identifier as read; an unread one keeps its kind and says that the value is missing.

    National numbers are written without blanks, a practice's own as it is.
    """

    def build(text: str) -> Json:
        compact = "" if system != systems.LOCAL_PATIENT_NAMES else " "
        return {**more, "system": system, "value": compact.join(clean(text).split())}

    result = paper.element(value, build, "Identifier")
    if value.value is None:
        missing = [extension(systems.ABSENT, valueCode="unknown")]
        result |= {**more, "system": system, "_value": {"extension": missing}}
    return result


def _contacts(paper: Paper, phone: Value[str] | None, address: Value[str] | None) -> Json:
    result: Json = {}
    if phone is not None:
        telecom = paper.element(
            phone, lambda text: {"system": "phone", "value": clean(text)}, "ContactPoint"
        )
        if phone.value is None:
            missing = [extension(systems.ABSENT, valueCode="unknown")]
            telecom |= {"system": "phone", "_value": {"extension": missing}}
        result["telecom"] = [telecom]
    if address is not None:
        result["address"] = [paper.element(address, lambda text: {"text": clean(text)}, "Address")]
    return result
