"""Rules across elements: invariants of R4 by their official keys, of FR Core, and our own.

Keys as in https://hl7.org/fhir/R4 (tim-2, obs-7 …); `fr-…` for FR Core 2.2.0; others are ours
and say what they guard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from pipeline.fhir import systems
from pipeline.fhir.structure import Node, Problem

Content = dict[str, Any]


def invariant_problems(node: Node) -> Iterator[Problem]:
    """Rules that one object of a Bundle breaks."""
    for check in _CHECKS.get(node.type, ()):
        for key, message in check(node):
            yield Problem(key, node.path, message)


Broken = Iterator[tuple[str, str]]


def _has(content: Content, name: str) -> bool:
    """Whether an element is there, as a value or with extensions only."""
    return name in content or f"_{name}" in content


def _choice(content: Content, name: str) -> str | None:
    """Name of the `value[x]` that is there."""
    pattern = re.compile(rf"_?{name}[A-Z]\w*")
    return next((key for key in content if pattern.fullmatch(key)), None)


def _codes(concept: Any, system: str | None = None) -> set[str]:
    """Codes of a CodeableConcept, of one system or of all."""
    codings = concept.get("coding", ()) if isinstance(concept, dict) else ()
    return {
        str(coding.get("code"))
        for coding in codings
        if system is None or coding.get("system") == system
    }


def _extensions(content: Content) -> set[str]:
    return {str(extension.get("url")) for extension in content.get("extension", ())}


# --- datatypes ------------------------------------------------------------------------------


def _extension(node: Node) -> Broken:
    if (_choice(node.content, "value") is not None) == ("extension" in node.content):
        yield "ext-1", "an extension has either a value or extensions"


def _repeat(node: Node) -> Broken:
    content = node.content
    if _has(content, "duration") and not _has(content, "durationUnit"):
        yield "tim-1", "a duration without its unit"
    if _has(content, "period") != _has(content, "periodUnit"):
        yield "tim-2", "a period and its unit go together"
    for key, name in (("tim-4", "duration"), ("tim-5", "period")):
        if name in content and content[name] < 0:
            yield key, "a negative time"
    for key, more, less in (
        ("tim-6", "periodMax", "period"),
        ("tim-7", "durationMax", "duration"),
        ("tim-8", "countMax", "count"),
        ("frequency-max", "frequencyMax", "frequency"),
    ):
        if _has(content, more) and not _has(content, less):
            yield key, "a maximum without its minimum"
        elif more in content and content[more] < content[less]:
            yield "maximum", "a maximum below its minimum"
    if _has(content, "offset") and (
        "when" not in content or {"C", "CM", "CD", "CV"} & set(content["when"])
    ):
        yield "tim-9", "an offset without a moment it can be counted from"
    if _has(content, "timeOfDay") and _has(content, "when"):
        yield "tim-10", "moments and times of day together"


def _period(node: Node) -> Broken:
    start, end = node.content.get("start"), node.content.get("end")
    if isinstance(start, str) and isinstance(end, str) and start[: len(end)] > end[: len(start)]:
        yield "per-1", "a period that ends before it starts"


def _range(node: Node) -> Broken:
    low, high = node.content.get("low"), node.content.get("high")
    if isinstance(low, dict) and isinstance(high, dict):
        if "value" in low and "value" in high and low["value"] > high["value"]:
            yield "rng-2", "a range from high to low"
        if low.get("code") != high.get("code"):
            yield "range-units", "a range in two units"
        if "comparator" in low or "comparator" in high:
            yield "sqty-1", "a comparator in a range"


def _ratio(node: Node) -> Broken:
    if ("numerator" in node.content) != ("denominator" in node.content):
        yield "rat-1", "half a ratio"
    denominator = node.content.get("denominator")
    if isinstance(denominator, dict) and denominator.get("value") == 0:
        yield "ratio-zero", "a ratio over zero"


def _dose(node: Node) -> Broken:
    if "comparator" in node.content.get("doseQuantity", {}):
        yield "sqty-1", "a comparator in a dose"
    for dose in _doses(node.content):
        if "value" in dose and dose["value"] < 0:
            yield "dose-negative", "a dose below zero"


def _doses(content: Content) -> list[Content]:
    spread = content.get("doseRange", {})
    doses = (content.get("doseQuantity"), spread.get("low"), spread.get("high"))
    return [dose for dose in doses if isinstance(dose, dict)]


def _contact_point(node: Node) -> Broken:
    if "value" in node.content and not _has(node.content, "system"):
        yield "cpt-2", "a contact without its system"
    if not _has(node.content, "value"):
        yield "fr-core-contact-point", "a contact without a value"


def _attachment(node: Node) -> Broken:
    if "data" in node.content and "contentType" not in node.content:
        yield "att-1", "data without its type"


def _narrative(node: Node) -> Broken:
    if "div" not in node.content:
        yield "txt-2", "a narrative without text"


def _human_name(node: Node) -> Broken:
    content = node.content
    if "extension" in content and not (content.keys() - {"extension", "use"}):
        return  # unread: it says so by a data-absent-reason
    if content.get("use") == "official" and not (
        _has(content, "family") and _has(content, "given")
    ):
        yield "fr-core-human-name", "an official name needs family and given names"
    if not (_has(content, "family") or _has(content, "given") or _has(content, "text")):
        yield "name", "a name without any part"


def _identifier(node: Node) -> Broken:
    content = node.content
    system, value = content.get("system"), content.get("value")
    if not _has(content, "value"):
        yield "identifier", "an identifier without a value"
    if system in systems.INS and not _qualified(node):
        yield "ins", "an INS without a qualified identity"
    if isinstance(value, str):
        if value.startswith("urn:uuid:"):
            if system != systems.URI:
                yield "identifier-space", "an identifier that looks like a fullUrl"
        elif not _trusted(node):
            return  # read with doubt: a person will look, our checks need not
        elif system in systems.SOCIAL_SECURITY and not is_nir(value):
            yield "nir", "a social security number whose key is wrong"
        elif system == systems.RPPS and not (value.isdecimal() and len(value) == 11):
            yield "rpps", "an RPPS number without its 11 digits"
        elif system == systems.AMELI and not (value.isdecimal() and len(value) == 9):
            yield "am", "a health insurance number without its 9 digits"
        elif system == systems.FINESS and not re.fullmatch(r"[0-9][0-9AB]\d{7}", value):
            yield "finess", "a FINESS number without its 9 characters"


def _trusted(node: Node) -> bool:
    """Whether nothing says that the element's value is doubtful."""
    for extension in node.content.get("extension", ()):
        if extension.get("url") == systems.EVIDENCE:
            parts = extension.get("extension", ())
            return all(part.get("valueCode") not in ("doubtful", "unread") for part in parts)
    return True


def _qualified(node: Node) -> bool:
    patient = node.parents[-1].content if node.parents else {}
    for extension in patient.get("extension", ()):
        if extension.get("url") == systems.IDENTITY_RELIABILITY:
            parts = extension.get("extension", ())
            return any(part.get("valueCoding", {}).get("code") == "VALI" for part in parts)
    return False


def is_nir(value: str) -> bool:
    """Whether a social security number has 15 characters and its key: 97 − (number mod 97).

    In Corsica 2A counts as 19 and 2B as 18.
    """
    match = re.fullmatch(r"([1-478]\d{4}(?:\d\d|2[AB])\d{6})(\d\d)", value)
    if match is None:
        return False
    number = match[1].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(match[2])


# --- resources ------------------------------------------------------------------------------


def _observation(node: Node) -> Broken:
    content = node.content
    value = _choice(content, "value")
    if value is not None and "dataAbsentReason" in content:
        yield "obs-6", "a value and the reason why it is absent"
    own = _codes(content.get("code"))
    components = [part for part in content.get("component", ()) if isinstance(part, dict)]
    if value is not None and any(_codes(part.get("code")) & own for part in components):
        yield "obs-7", "a component with the code of the whole, and a value"
    loinc = _codes(content.get("code"), systems.LOINC)
    vital = loinc & systems.VITAL_SIGNS.keys()
    if not vital:
        return
    missing = "dataAbsentReason" not in content and value is None
    if missing and not components and "hasMember" not in content:
        yield "vs-2", "a vital sign without a value or a reason"
    for part in components:
        if _choice(part, "value") is None and "dataAbsentReason" not in part:
            yield "vs-3", "a component without a value or a reason"
    if "vital-signs" not in {c for part in content.get("category", ()) for c in _codes(part)}:
        yield "vital-signs", "a vital sign without its category"
    if _choice(content, "effective") is None:
        yield "vital-signs", "a vital sign without its date"
    if "subject" not in content:
        yield "vital-signs", "a vital sign of nobody"
    effective = content.get("effectiveDateTime")
    if isinstance(effective, str) and len(effective) < 10:
        yield "vs-1", "a vital sign's date without its day"
    for part in (content, *components):
        for code in _codes(part.get("code"), systems.LOINC):
            yield from _vital_unit(code, part)
    claimed = content.get("meta", {}).get("profile", ())
    if systems.BODY_MASS_INDEX in vital and claimed and value is None:
        yield "bmi", "a body mass index that claims its profile without a value"
    if systems.BLOOD_PRESSURE in vital:
        yield from _blood_pressure(content, components, value)


def _vital_unit(code: str, part: Content) -> Broken:
    allowed = systems.VITAL_SIGN_UNITS.get(code)
    value = _choice(part, "value")
    if allowed is None or value is None:
        return
    quantity = part.get("valueQuantity")
    if not isinstance(quantity, dict):
        yield "vital-signs", "a vital sign that is no quantity"
    elif quantity.get("system") != systems.UCUM or quantity.get("code") not in allowed:
        yield "vital-signs", "a vital sign in a unit its profile does not allow"
    elif not ("value" in quantity and "unit" in quantity):
        yield "vital-signs", "a vital sign without value or unit"


def _blood_pressure(content: Content, components: list[Content], value: str | None) -> Broken:
    if value is not None:
        yield "bp", "a blood pressure with a value of its own"
    for code in (systems.SYSTOLIC, systems.DIASTOLIC):
        if sum(code in _codes(part.get("code"), systems.LOINC) for part in components) != 1:
            yield "bp", "a blood pressure has one systolic and one diastolic component"


def _observation_component(node: Node) -> Broken:
    value = _choice(node.content, "value")
    if value is not None and "dataAbsentReason" in node.content:
        yield "obs-6", "a value and the reason why it is absent"


def _condition(node: Node) -> Broken:
    content = node.content
    clinical = _codes(content.get("clinicalStatus"))
    verification = _codes(content.get("verificationStatus"))
    if _choice(content, "abatement") and not clinical & {"inactive", "resolved", "remission"}:
        yield "con-4", "an abated condition that is still active"
    if "entered-in-error" in verification and clinical:
        yield "con-5", "a clinical status of an error"
    if "refuted" in verification and "active" in clinical:
        yield "refuted", "a refuted condition that is active"


def _allergy(node: Node) -> Broken:
    clinical = _codes(node.content.get("clinicalStatus"))
    verification = _codes(node.content.get("verificationStatus"))
    if "entered-in-error" in verification:
        if clinical:
            yield "ait-2", "a clinical status of an error"
    elif not clinical:
        yield "ait-1", "an allergy without a clinical status"
    if "refuted" in verification and "active" in clinical:
        yield "refuted", "a refuted allergy that is active"


def _organization(node: Node) -> Broken:
    if "identifier" not in node.content and "name" not in node.content:
        yield "org-1", "an organization without identifier or name"


def _section(node: Node) -> Broken:
    content = node.content
    if not {"text", "entry", "section"} & content.keys():
        yield "cmp-1", "a section with nothing in it"
    if "emptyReason" in content and "entry" in content:
        yield "cmp-2", "an empty section with entries"


def _family_history(node: Node) -> Broken:
    ages = ("ageAge", "ageRange", "ageString")
    if any(name in node.content for name in ages) and _choice(node.content, "born"):
        yield "fhs-1", "an age and a birth date"


def _encounter(node: Node) -> Broken:
    content = node.content
    if "period" not in content:
        yield "fr-core-encounter", "an encounter without a period"
    identifiers = content.get("identifier", ())
    if not identifiers:
        yield "fr-core-encounter", "an encounter without an identifier"
    if any(not {"type", "system", "value"} <= one.keys() for one in identifiers):
        yield "fr-core-encounter", "an identifier without type, system or value"


def _address(node: Node) -> Broken:
    for extension in node.content.get("extension", ()):
        if extension.get("url") == systems.INSEE_CODE:
            code = extension.get("valueCoding", {})
            if code.get("system") != systems.COMMUNES or not re.fullmatch(
                r"(?:\d{2}|2[AB])\d{3}", code.get("code", "")
            ):
                yield "insee", "a commune without its five characters"


def _patient(node: Node) -> Broken:
    reliability = systems.IDENTITY_RELIABILITY
    if reliability not in _extensions(node.content):
        yield "identity", "an identity that does not say how reliable it is"


def _medication_request(node: Node) -> Broken:
    if _choice(node.content, "medication") is None:
        yield "medication", "a request for no medication"


def _substitution(node: Node) -> Broken:
    if "reason" in node.content and node.content.get("allowedBoolean") is True:
        yield "substitution", "a reason against an allowed substitution"


def _provenance(node: Node) -> Broken:
    if node.content.get("meta", {}).get("profile") == [systems.AI_PROVENANCE]:
        roles = {
            code
            for agent in node.content.get("agent", ())
            for role in agent.get("role", ())
            for code in _codes(role, systems.AI_DEVICE_TYPE)
        }
        if "Artificial-Intelligence" not in roles:
            yield "ai-provenance", "an AI provenance without an AI agent"
        reasons = {c for reason in node.content.get("reason", ()) for c in _codes(reason)}
        if "AIAST" not in reasons:
            yield "ai-provenance", "an AI provenance without its reason"


def _ai_confidence(node: Node) -> Broken:
    if node.content.get("url") == systems.AI_CONFIDENCE:
        value = node.content.get("valueDecimal", Decimal(-1))
        if not 0 <= value <= 1:
            yield "confidence", "a confidence that is no probability"


_CHECKS: dict[str, tuple[Callable[[Node], Broken], ...]] = {
    "Extension": (_extension, _ai_confidence),
    "TimingRepeat": (_repeat,),
    "Period": (_period,),
    "Range": (_range,),
    "Ratio": (_ratio,),
    "DosageDoseAndRate": (_dose,),
    "ContactPoint": (_contact_point,),
    "Attachment": (_attachment,),
    "Narrative": (_narrative,),
    "HumanName": (_human_name,),
    "Address": (_address,),
    "Identifier": (_identifier,),
    "Observation": (_observation,),
    "ObservationComponent": (_observation_component,),
    "Condition": (_condition,),
    "AllergyIntolerance": (_allergy,),
    "Organization": (_organization,),
    "CompositionSection": (_section,),
    "FamilyMemberHistory": (_family_history,),
    "Encounter": (_encounter,),
    "Patient": (_patient,),
    "MedicationRequest": (_medication_request,),
    "MedicationRequestSubstitution": (_substitution,),
    "Provenance": (_provenance,),
}
