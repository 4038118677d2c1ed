"""Codes: required bindings of R4 that no Python model enforces, and units in UCUM.

Value sets are those of https://hl7.org/fhir/R4/terminologies-valuesets.html for the types that
a Bundle of ours holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from pipeline.fhir import systems
from pipeline.fhir.structure import Node, Problem


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_REQUEST = _codes("draft active on-hold completed entered-in-error unknown")
_INTENT = _codes(
    "proposal plan directive order original-order reflex-order filler-order instance-order option"
)

# Type and element → codes of the required value set.
REQUIRED: Final = MappingProxyType(
    {
        ("Observation", "status"): _codes(
            "registered preliminary final amended corrected cancelled entered-in-error unknown"
        ),
        ("MedicationRequest", "status"): _REQUEST | {"cancelled", "stopped"},
        ("MedicationRequest", "intent"): _INTENT - {"directive"},
        ("ServiceRequest", "status"): _REQUEST | {"revoked"},
        ("ServiceRequest", "intent"): _INTENT,
        ("Encounter", "status"): _codes(
            "planned arrived triaged in-progress onleave finished cancelled entered-in-error"
            " unknown"
        ),
        ("DocumentReference", "status"): _codes("current superseded entered-in-error"),
        ("DocumentReference", "docStatus"): _codes("preliminary final amended entered-in-error"),
        ("Composition", "status"): _codes("preliminary final amended entered-in-error"),
        ("FamilyMemberHistory", "status"): _codes(
            "partial completed entered-in-error health-unknown"
        ),
        ("Device", "status"): _codes("active inactive entered-in-error unknown"),
        ("Medication", "status"): _codes("active inactive entered-in-error"),
        ("TimingRepeat", "when"): _codes(
            "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT"
            " PHS HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV"
        ),
        ("TimingRepeat", "periodUnit"): _codes("s min h d wk mo a"),
        ("TimingRepeat", "durationUnit"): _codes("s min h d wk mo a"),
        ("TimingRepeat", "dayOfWeek"): _codes("mon tue wed thu fri sat sun"),
        ("Patient", "gender"): _codes("male female unknown"),  # FR Core leaves out "other"
        ("HumanName", "use"): _codes(
            "usual official temp nickname anonymous old maiden"
        ),
        ("Identifier", "use"): _codes("usual official temp secondary old"),
        ("ContactPoint", "system"): _codes("phone fax email pager url sms other"),
        ("ContactPoint", "use"): _codes("home work temp old mobile"),
        ("Address", "use"): _codes("home work temp old billing"),
        ("Narrative", "status"): _codes("generated extensions additional empty"),
        ("Quantity", "comparator"): _codes("< <= >= >"),
        ("Duration", "comparator"): _codes("< <= >= >"),
        ("Bundle", "type"): _codes(
            "document message transaction transaction-response batch batch-response history"
            " searchset collection"
        ),
        ("BundleEntryRequest", "method"): _codes("GET HEAD POST PUT DELETE PATCH"),
        ("ProvenanceEntity", "role"): _codes("derivation revision quotation source removal"),
        ("AllergyIntolerance", "type"): _codes("allergy intolerance"),
        ("AllergyIntolerance", "category"): _codes("food medication environment biologic"),
        ("AllergyIntolerance", "criticality"): _codes("low high unable-to-assess"),
        ("DeviceDeviceName", "type"): _codes(
            "udi-label-name user-friendly-name patient-reported-name manufacturer-name model-name"
            " other"
        ),
    }
)  # fmt: skip

# Type and element of CodeableConcepts whose codings must come from one system's codes.
REQUIRED_CONCEPTS: Final = MappingProxyType(
    {
        ("Condition", "clinicalStatus"): (
            f"{systems.TERMINOLOGY}/condition-clinical",
            _codes("active recurrence relapse inactive remission resolved"),
        ),
        ("Condition", "verificationStatus"): (
            f"{systems.TERMINOLOGY}/condition-ver-status",
            _codes("unconfirmed provisional differential confirmed refuted entered-in-error"),
        ),
        ("AllergyIntolerance", "clinicalStatus"): (
            f"{systems.TERMINOLOGY}/allergyintolerance-clinical",
            _codes("active inactive resolved"),
        ),
        ("AllergyIntolerance", "verificationStatus"): (
            f"{systems.TERMINOLOGY}/allergyintolerance-verification",
            _codes("unconfirmed confirmed refuted entered-in-error"),
        ),
    }
)

# Code systems small enough to know whole, or whose codes a Bundle of ours takes from a short
# list: system → codes. Any other code of these is a mistake.
CLOSED_SYSTEMS: Final = MappingProxyType(
    {
        f"{systems.TERMINOLOGY}/observation-category": _codes(
            "social-history vital-signs imaging laboratory procedure survey exam therapy activity"
        ),
        f"{systems.TERMINOLOGY}/condition-category": _codes(
            "problem-list-item encounter-diagnosis"
        ),
        f"{systems.TERMINOLOGY}/medicationrequest-category": _codes(
            "inpatient outpatient community discharge"
        ),
        f"{systems.TERMINOLOGY}/provenance-participant-type": _codes(
            "enterer performer author verifier legal attester informant custodian assembler"
            " composer"
        ),
        f"{systems.TERMINOLOGY}/v3-substanceAdminSubstitution": _codes("E EC BC G TE TB TG F N"),
        f"{systems.TERMINOLOGY}/v3-Confidentiality": _codes("U L M N R V"),
        f"{systems.TERMINOLOGY}/v3-ActCode": _codes(
            "AMB EMER FLD HH IMP ACUTE NONAC OBSENC PRENC SS VR PROCESSINLINELABEL"
        ),
        systems.ABSENT_REASON: _codes(
            "unknown asked-unknown temp-unknown not-asked asked-declined masked not-applicable"
            " unsupported as-text error not-a-number negative-infinity positive-infinity"
            " not-performed not-permitted"
        ),
        systems.IDENTITY_STATUS: _codes(
            "VIDE PROV VALI DOUB DESA DPOT DOUA COLP COLV FILI CACH ANOM IDVER RECD IDRA USUR"
            " HOMD HOMA INVA FICT DOUT"
        ),
        f"{systems.FR_CORE_CODES}/fr-core-cs-v2-0203": _codes(
            "ADELI RPPS RPPSRG IDNPS NNFRA NDP INS-C INS-NIA INS-NIR INS-NIR-TEST INS-NIR-DEMO"
            " FINEJ FINEG SIREN SIRET IDNST INTRN EXTRN"
        ),
        f"{systems.FR_CORE_CODES}/fr-core-cs-identifier-type": _codes("VN MN"),
        systems.DOCUMENT_CLASS: _codes("10 11 31 42 52"),
        systems.DOCUMENT_KIND: frozenset(kind.value for kind in systems.DOCUMENT_TYPES),
        systems.ORDER_KIND: frozenset(
            {*(kind.value for kind in systems.ORDER_TITLES), systems.FOLLOW_UP[0]}
        ),
        systems.CERTIFICATE: frozenset(
            {
                *systems.CERTIFICATE_TITLES,
                systems.CERTIFICATE_START[0],
                systems.CERTIFICATE_END[0],
            }
        ),
        systems.MEASUREMENT: frozenset(systems.MEASUREMENTS),
        systems.SUBSTITUTION_REASON: frozenset(systems.SUBSTITUTION_REASONS),
    }
)

# UCUM codes that are checked already, so that a usual document needs no parser.
COMMON_UNITS: Final = _codes(
    "% /10 /15 /min /wk 10*3/uL 10*6.[iU] 10*6/uL 10*9/L 10*12/L [IU] [IU]/L [iU] {#} {INR}"
    " {PackYears} {score} a cL Cel cm d dB fL g g/dL g/kg g/L G/L h kg kg/m2 L L/min m m[IU]/L MBq"
    " meq meq/L mg mg/d mg/dL mg/g mg/h mg/kg mg/kg/d mg/L mg/mmol min mL mL/h mL/kg mL/min"
    " mL/min/{1.73_m2} mm mm/h mm[Hg] mmol mmol/L mmol/mol mo mU/L ng ng/mL nmol/L pg pg/mL pmol/L"
    " s U/L ug ug/kg ug/L umol/L wk"
)  # fmt: skip
_PERIOD_UNITS: Final = _codes("s min h d wk mo a")
LOINC_PATTERN_LENGTH: Final = 9


@cache
def is_ucum(code: str) -> bool:
    """Whether `code` is a UCUM expression (case-sensitive)."""
    if code in COMMON_UNITS:
        return True
    # Takes most of a second and tens of megabytes to load; seldom needed.
    from lark.exceptions import LarkError
    from ucumvert.parser import get_ucum_parser

    try:
        _parser(get_ucum_parser).parse(code)
    except LarkError:
        return False
    return True


@cache
def _parser(make: Any) -> Any:
    return make()


def binding_problems(node: Node) -> Iterator[Problem]:
    """Codes of one object that are not in the value set their element requires."""
    for name, value in node.content.items():
        codes = REQUIRED.get((node.type, name))
        if codes is not None:
            for code in value if isinstance(value, list) else [value]:
                if code is not None and code not in codes:
                    yield Problem(
                        "binding", f"{node.path}.{name}", "not a code of the required value set"
                    )
        concept = REQUIRED_CONCEPTS.get((node.type, name))
        if concept is not None and isinstance(value, dict):
            yield from _concept_problems(f"{node.path}.{name}", value, *concept)
    match node.type:
        case "Coding":
            yield from _coding_problems(node)
        case "Quantity" | "Duration" | "Age":
            yield from _unit_problems(node)
        case "Extension" if node.content.get("url") == systems.ABSENT:
            known = CLOSED_SYSTEMS[systems.ABSENT_REASON]
            if node.content.get("valueCode") not in known:
                yield Problem("binding", node.path, "not a reason for absent data")


def _concept_problems(
    path: str, value: dict[str, Any], system: str, codes: frozenset[str]
) -> Iterator[Problem]:
    for coding in value.get("coding") or [{}]:
        if coding.get("system") != system or coding.get("code") not in codes:
            yield Problem("binding", path, "not a code of the required value set")


def _coding_problems(node: Node) -> Iterator[Problem]:
    system, code = node.content.get("system"), node.content.get("code")
    if not isinstance(system, str) or not isinstance(code, str):
        if "extension" not in node.content:
            yield Problem("coding", node.path, "a coding without system or code")
        return
    if ":" not in system:
        yield Problem("coding", f"{node.path}.system", "not an absolute URI")
    if code not in CLOSED_SYSTEMS.get(system, (code,)):
        yield Problem("coding", f"{node.path}.code", "no such code in its system")
    if system == systems.LOINC and not _is_loinc(code):
        yield Problem("coding", f"{node.path}.code", "not a LOINC code")


def _is_loinc(code: str) -> bool:
    """Form and check digit (Luhn) of a LOINC code; parts and answers (LP…, LA…) count too."""
    body, dash, digit = code.partition("-")
    digits = body.removeprefix("LP").removeprefix("LA")
    if not dash or not digits.isdecimal() or not (digit.isdecimal() and len(digit) == 1):
        return False
    if len(code) > LOINC_PATTERN_LENGTH:
        return False
    total = 0
    for place, character in enumerate(reversed(digits)):
        doubled = int(character) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return (10 - total % 10) % 10 == int(digit)


def _unit_problems(node: Node) -> Iterator[Problem]:
    system, code = node.content.get("system"), node.content.get("code")
    if code is not None and system is None:
        yield Problem("qty-3", node.path, "a unit code without its system")
    if system == systems.UCUM and isinstance(code, str) and not is_ucum(code):
        yield Problem("ucum", f"{node.path}.code", "not a UCUM unit")
    timed = node.type == "Duration" and node.content.get("value") is not None
    if timed and code is not None and (system != systems.UCUM or code not in _PERIOD_UNITS):
        yield Problem("drt-1", node.path, "a duration whose unit is no unit of time")
