"""What the paper says of the patient: conditions, allergies, measurements, certificates."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from pipeline.fhir import systems
from pipeline.fhir.elements import (
    Json,
    absent,
    clean,
    coded,
    coding,
    concept,
    date,
    extension,
    quantity,
    quantity_range,
)
from pipeline.fhir.paper import Paper, machine_read
from pipeline.model import (
    Allergy,
    Certainty,
    Certificate,
    Code,
    Condition,
    ConditionRole,
    Measurement,
    Quantity,
    Range,
    Value,
)

# What the French guides ask for where a problem has no code of its own: this, and the words.
UNCODED = Code(
    system="https://smt.esante.gouv.fr/terminologie-cim-10",
    code="R69",
    display="Causes inconnues et non précisées de morbidité",
)
AGE = Measurement(key="age", code=Code(system=systems.LOINC, code="30525-0", display="Age"))


def encounter(paper: Paper, reasons: tuple[str, ...]) -> Json:
    """The consultation behind the paper, on the paper's date; `reasons` are Condition keys."""
    visit = coding(f"{systems.FR_CORE_CODES}/fr-core-cs-identifier-type", "VN", "Visit Number")
    resource: Json = {
        "resourceType": "Encounter",
        **machine_read(f"{systems.FR_CORE}/fr-core-encounter"),
        "identifier": [{"type": concept(visit), **paper.identifier("encounter")}],
        "status": "finished",
        "class": coding(f"{systems.TERMINOLOGY}/v3-ActCode", "AMB", "ambulatory"),
        **paper.subject(),
        "period": {**paper.dated("start"), **paper.dated("end")},
        "serviceProvider": paper.reference("Organization", "organization"),
    }
    if practitioner := paper.by("individual"):
        resource["participant"] = [practitioner]
    if reasons:
        resource["reasonReference"] = [paper.reference("Condition", key) for key in reasons]
    return resource


# --- conditions -----------------------------------------------------------------------------


def certainty(value: Certainty) -> Json:
    """What the note itself says of its certainty; kept, so that validating cannot change it."""
    return extension(systems.CERTAINTY, valueCode=value.value)


_CATEGORIES = {
    ConditionRole.PROBLEM: ("problem-list-item", "Problème"),
    ConditionRole.DIAGNOSIS: ("encounter-diagnosis", "Diagnostic"),
    ConditionRole.REASON: ("encounter-diagnosis", "Motif de consultation"),
    ConditionRole.HISTORY: ("problem-list-item", systems.PAST),
}


def condition(paper: Paper, read: Condition, key: str) -> Json:
    """A problem of the patient. A negated one is refuted at once: it must never look present."""
    category, title = _CATEGORIES[read.role]
    negated = read.certainty is Certainty.NEGATED
    resource: Json = {
        "resourceType": "Condition",
        **machine_read(),
        "identifier": [paper.identifier(key)],
        "verificationStatus": {
            "extension": [certainty(read.certainty)],
            **concept(
                coding(
                    f"{systems.TERMINOLOGY}/condition-ver-status",
                    "refuted" if negated else "unconfirmed",
                )
            ),
        },
        "category": [
            concept(coding(f"{systems.TERMINOLOGY}/condition-category", category), text=title)
        ],
        "code": paper.element(
            read.text, lambda text: coded((read.code or UNCODED,), text), "CodeableConcept"
        ),
        **paper.subject(),
        **paper.encounter(),
        **paper.by("asserter"),
    }
    if not negated and read.role is not ConditionRole.HISTORY:
        resource["clinicalStatus"] = concept(
            coding(f"{systems.TERMINOLOGY}/condition-clinical", "active")
        )
    if onset := clean(read.onset):
        resource["onsetString"] = onset
    return resource


def family_history(paper: Paper, read: Condition, key: str) -> Json:
    """A condition of the family, which is none of the patient's own.

    R4 has no status here for what the note denies or supposes. Then the words say so, and there is
    no code, which would say that somebody of the family has it.
    """
    doubt = systems.CERTAINTY_WORDS.get(read.certainty)

    def code_of(text: str) -> Json:
        if doubt is not None:
            return concept(text=f"{doubt} : {text}")
        return coded((read.code,) if read.code else (), text)

    code = paper.element(read.text, code_of, "CodeableConcept")
    return {
        "resourceType": "FamilyMemberHistory",
        **machine_read(),
        "identifier": [paper.identifier(key)],
        "status": "partial",
        **paper.subject("patient"),
        **paper.dated("date"),
        "relationship": concept(
            coding(f"{systems.TERMINOLOGY}/v3-RoleCode", "FAMMEMB"), text="Famille"
        ),
        "condition": [{"extension": [certainty(read.certainty)], "code": code}],
    }


def allergy(paper: Paper, read: Allergy, key: str) -> Json:
    """An allergy or intolerance, or the explicit statement that none is known."""
    negated = read.certainty is Certainty.NEGATED and not read.none_known
    none_known = (
        (
            Code(
                system="http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips",
                code="no-known-allergies",
                display="No known allergies",
            ),
            Code(system=systems.SNOMED, code="716186003", display="No known allergy"),
        )
        if read.none_known
        else ()
    )
    status = f"{systems.TERMINOLOGY}/allergyintolerance"
    resource: Json = {
        "resourceType": "AllergyIntolerance",
        **machine_read(),
        "identifier": [paper.identifier(key)],
        "clinicalStatus": concept(
            coding(f"{status}-clinical", "inactive" if negated else "active")
        ),
        "verificationStatus": {
            # "No known allergy" is a statement that the note affirms.
            "extension": [certainty(Certainty.CONFIRMED if read.none_known else read.certainty)],
            **concept(coding(f"{status}-verification", "refuted" if negated else "unconfirmed")),
        },
        "code": paper.element(read.text, lambda text: coded(none_known, text), "CodeableConcept"),
        **paper.subject("patient"),
        **paper.encounter(),
        **paper.by("asserter"),
    }
    if not read.none_known:
        resource["type"] = read.kind
    if reaction := clean(read.reaction):
        resource["reaction"] = [{"manifestation": [concept(text=reaction)]}]
    return resource


# --- measurements ---------------------------------------------------------------------------


def observation(paper: Paper, read: Measurement, key: str) -> Json:
    """A measurement; a vital sign claims its R4 and FR Core profiles."""
    measured = {**effective(paper, read.date), **_measured(paper, read)}
    code = _measured_code(read.code)
    category: Json = {}
    if any(one["code"] in systems.VITAL_SIGNS for one in code.get("coding", ())):
        kind = coding(f"{systems.TERMINOLOGY}/observation-category", "vital-signs", "Vital Signs")
        category = {"category": [concept(kind)]}
    resource: Json = {
        "resourceType": "Observation",
        **machine_read(*vital_sign_profiles(code, measured)),
        "identifier": [paper.identifier(key)],
        "status": "preliminary",
        **category,
        "code": code,
        **paper.subject(),
        **paper.encounter(),
        **measured,
        **paper.by("performer", many=True),
    }
    if components := _components(paper, read):
        resource["component"] = components
    if site := clean(read.body_site):
        resource["bodySite"] = concept(text=site)
    if trend := clean(read.trend):
        resource["interpretation"] = [concept(text=trend)]
    return resource


def _measured_code(code: Code) -> Json:
    """The code of a measurement, after the broader one that its profile asks for if any."""
    broader = systems.BROADER.get(code.code) if code.system == systems.LOINC else None
    if broader is None:
        return coded((code,))
    return concept(coding(systems.LOINC, *broader), coding(code.system, code.code, code.display))


def vital_sign_profiles(code: Json, observation: Json) -> list[str]:
    """Profiles that an Observation of `code` can claim; none when it is no vital sign.

    The R4 profiles' vs-1 is false for anything but a dateTime in the validators at hand, so
    that an undated vital sign claims FR Core's alone. The body mass index's want a value.
    """
    for one in code.get("coding", ()):
        if one.get("system") == systems.LOINC and one.get("code") in systems.VITAL_SIGNS:
            if one["code"] == systems.BODY_MASS_INDEX and "valueQuantity" not in observation:
                return []
            base, french = systems.VITAL_SIGNS[one["code"]]
            profiles = [f"{systems.FR_CORE}/fr-core-observation-{french}"]
            if "effectiveDateTime" in observation:
                profiles.insert(0, f"http://hl7.org/fhir/StructureDefinition/{base}")
            return profiles
    return []


def age(paper: Paper, value: Value[Quantity]) -> Json:
    """The age that the paper gives, which no birth date follows from."""
    return observation(paper, AGE.model_copy(update={"value": value}), "age")


def effective(paper: Paper, own: Value[dt.date] | None = None) -> Json:
    """When a measurement was made: its own date, else the paper's.

    An unknown date is a period that says so: vs-1 refuses a dateTime without a day.
    """
    if own is not None and own.value is not None:
        return paper.primitive("effectiveDateTime", own, date, "DateTime")
    if own is not None:
        return {"effectivePeriod": {"extension": paper.marks(own)}}
    if paper.day is None:
        return {"effectivePeriod": {"extension": [absent()]}}
    return {"effectiveDateTime": paper.day}


def _measured(paper: Paper, read: Measurement) -> Json:
    """`value[x]` of a measurement, or why it is missing; nothing for a panel."""
    if read.value is None:
        if read.components:
            return {}
        return {"dataAbsentReason": concept(coding(systems.ABSENT_REASON, "unknown", "Unknown"))}
    return value_element(paper, read.value, read.code.code)


def value_element(paper: Paper, value: Value[Any], code: str = "") -> Json:
    """`value[x]` with its marks. An unread one becomes a `dataAbsentReason` that carries them.

    (A `value[x]` that only holds extensions would break the vital sign profiles, and obs-6.)
    """
    content = value.value
    if content is None:
        reason = concept(coding(systems.ABSENT_REASON, "unknown", "Unknown"))
        return {"dataAbsentReason": {"extension": paper.marks(value), **reason}}
    if isinstance(content, Quantity):
        return {"valueQuantity": paper.element(value, lambda q: _fitting(q, code), "Quantity")}
    if isinstance(content, Range):
        return {"valueRange": paper.element(value, quantity_range, "Range")}
    if isinstance(content, bool):
        return paper.primitive("valueBoolean", value, bool, "Boolean")
    if isinstance(content, dt.date):
        return paper.primitive("valueDateTime", value, date, "DateTime")
    return paper.primitive("valueString", value, clean, "String")


def _fitting(value: Quantity, code: str) -> Json:
    """`value` in a unit that the vital sign `code` allows: a height in metres becomes cm."""
    if value.ucum == "m" and "cm" in systems.VITAL_SIGN_UNITS.get(code, ()):
        value = value.model_copy(
            update={"value": value.value * Decimal(100), "unit": "cm", "ucum": "cm"}
        )
    return quantity(value)


def _components(paper: Paper, read: Measurement) -> list[Json]:
    """Components of a panel; a blood pressure always has both, missing ones said so."""
    components = [
        {"code": coded((part.code,)), **_measured(paper, part)} for part in read.components
    ]
    if read.code.code == systems.BLOOD_PRESSURE and read.value is None:
        there = {part.code.code for part in read.components}
        for code, display in (
            (systems.SYSTOLIC, "Systolic blood pressure"),
            (systems.DIASTOLIC, "Diastolic blood pressure"),
        ):
            if code not in there:
                reason = concept(coding(systems.ABSENT_REASON, "unknown", "Unknown"))
                components.append(
                    {
                        "code": concept(coding(systems.LOINC, code, display)),
                        "dataAbsentReason": reason,
                    }
                )
    return components


# --- certificates ---------------------------------------------------------------------------


def certificate(paper: Paper, read: Certificate, key: str) -> Json:
    """A certificate as a statement, with the first and last day it covers as components."""
    days = [
        {"code": concept(coding(systems.CERTIFICATE, code, title)), **value_element(paper, day)}
        for (code, title), day in (
            (systems.CERTIFICATE_START, read.start),
            (systems.CERTIFICATE_END, read.end),
        )
        if day is not None
    ]
    title = systems.CERTIFICATE_TITLES[read.kind]
    return {
        "resourceType": "Observation",
        **machine_read(),
        "identifier": [paper.identifier(key)],
        "status": "preliminary",
        "code": concept(coding(systems.CERTIFICATE, read.kind, title)),
        **paper.subject(),
        **paper.encounter(),
        **effective(paper),
        **paper.by("performer", many=True),
        **value_element(paper, read.text),
        **({"component": days} if days else {}),
    }


def long_term_condition(paper: Paper, value: Value[bool], key: str) -> Json:
    """Whether a prescription line stands in the ALD zone of a bizone ordonnance."""
    return {
        "resourceType": "Observation",
        **machine_read(),
        "identifier": [paper.identifier(key)],
        "status": "preliminary",
        "code": concept(
            coding(systems.CISIS, systems.LONG_TERM_CONDITION, "En rapport avec une ALD")
        ),
        **paper.subject(),
        **paper.encounter(),
        **effective(paper),
        **value_element(paper, value),
    }
