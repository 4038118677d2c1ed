"""Faults to plant in a sound Bundle: each must be found by our own check, and by HAPI's where it
can know. `plant(fault)` gives a Bundle with one fault in it.

The clean consultation and ordonnance below hold everything that the faults need.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from pipeline.config import Settings
from pipeline.fhir import systems
from pipeline.fhir.drafting import draft
from pipeline.model import (
    Allergy,
    BirthPlace,
    Certainty,
    Code,
    Condition,
    ConditionRole,
    DocumentKind,
    Dosage,
    Drug,
    Extraction,
    HumanName,
    Measurement,
    Medication,
    Patient,
    Prescriber,
    Quantity,
    Range,
    Sex,
    Strength,
    Substitution,
    Value,
)
from tests.fhir.examples import (
    MEASUREMENTS,
    ORAL,
    RECORDED,
    TABLET,
    Reader,
    daily,
    document,
    loinc,
    measurement,
    nir,
    qty,
)

Bundle = dict[str, Any]


@cache
def _sound() -> Bundle:
    """A consultation with a patient, vital signs, a prescription line, a condition, an allergy."""
    import datetime as dt

    reader = Reader(4, clean=True)
    paper, original = document(4)

    def weight() -> Measurement:
        return measurement(Reader(1, clean=True), MEASUREMENTS[0])

    pressure = Measurement(
        key="blood-pressure",
        code=loinc("85354-9", "Blood pressure panel with all children optional"),
        components=tuple(
            Measurement(
                key=code,
                code=loinc(code, name),
                value=_quantity(reader, qty(value, "mmHg", "mm[Hg]"), "TA 13/8"),
            )
            for code, name, value in (
                ("8480-6", "Systolic blood pressure", "130"),
                ("8462-4", "Diastolic blood pressure", "80"),
            )
        ),
    )
    line = Medication(
        drug=reader.read(
            Drug(
                text="AMLOR 5 mg gél",
                name="AMLOR",
                substances=("AMLODIPINE",),
                codings=(Code(system=systems.EDQM, code="10210000", display="Gélule"),),
            ),
            "AMLOR 5 mg gél",
        ),
        strength=reader.read(Strength(parts=(qty("5", "mg", "mg"),)), "5 mg"),
        form=reader.read(TABLET, "cp"),
        dosage=reader.read(
            (
                Dosage(
                    text="1 à 2 cp matin et soir",
                    dose=Range(low=qty("1", "comprimé"), high=qty("2", "comprimé")),
                    route=ORAL,
                    timing=daily(2, "MORN", "EVE", bounds=qty("7", "jours", "d")),
                ),
            ),
            "1 à 2 cp matin et soir pendant 7 jours",
        ),
        repeats=reader.read(2, "AR 2"),
        substitution=reader.read(Substitution(allowed=False, reason="MTE"), "NS (MTE)"),
    )
    extraction = Extraction(
        document_id=paper.id,
        kind=reader.read(DocumentKind.CONSULTATION, "CONSULTATION"),
        date=reader.read(dt.date(2026, 11, 12), "12/11/2026"),
        patient=Patient(
            names=(
                reader.read(HumanName(family="LEFÈVRE", given=("Zoé",), use="official"), "LEFÈVRE"),
            ),
            sex=reader.read(Sex.FEMALE, "F"),
            birth_date=reader.read(dt.date(1974, 12, 25), "25/12/1974"),
            birth_place=reader.read(
                BirthPlace(text="Fictive (75987)", town="Fictive", insee="75987"), "Fictive (75987)"
            ),
            nir=reader.read(nir("2741275987001"), "2 74 12 75 987 001"),
            phone=reader.read("06 39 98 12 34", "06 39 98 12 34"),
        ),
        prescriber=Prescriber(
            name=reader.read(HumanName(family="ROY", given=("Alix",), prefix="Dr"), "Dr ROY"),
            rpps=reader.read("10990000001", "RPPS 10990000001"),
        ),
        medications=(line,),
        measurements=(weight(), pressure),
        conditions=(
            Condition(
                text=reader.read("HTA", "HTA"),
                code=Code(
                    system="https://smt.esante.gouv.fr/terminologie-cim-10",
                    code="I10",
                    display="Hypertension",
                ),
                role=ConditionRole.DIAGNOSIS,
            ),
        ),
        allergies=(
            Allergy(text=reader.read("Pénicilline", "péni"), certainty=Certainty.CONFIRMED),
        ),
    )
    return draft(extraction, paper, original, Settings(), RECORDED)


def _quantity(reader: Reader, value: Quantity, text: str) -> Value[Quantity]:
    return reader.read(value, text)


def sound() -> Bundle:
    """A draft without any fault."""
    return copy.deepcopy(_sound())


def resource(bundle: Bundle, kind: str, number: int = 0) -> Any:
    """The resource of a type in a Bundle, by its place among those of its type."""
    found = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind]
    return found[number]


@dataclass(frozen=True)
class Fault:
    """One thing to break; `official` tells that base R4, FR Core or our published profiles forbid
    it, so that any validator that has them finds it, and not only our own check."""

    name: str
    break_it: Callable[[Bundle], object]
    official: bool = True


def plant(fault: Fault) -> Bundle:
    """A sound draft with `fault` in it."""
    bundle = sound()
    fault.break_it(bundle)
    return bundle


def _weight(bundle: Bundle) -> Any:
    return resource(bundle, "Observation", 0)


def _pressure(bundle: Bundle) -> Any:
    return resource(bundle, "Observation", 1)


def _line(bundle: Bundle) -> Any:
    return resource(bundle, "MedicationRequest")


def _repeat(bundle: Bundle) -> Any:
    return _line(bundle)["dosageInstruction"][0]["timing"]["repeat"]


def _set(path: Callable[[Bundle], Any], **values: Any) -> Callable[[Bundle], object]:
    return lambda bundle: path(bundle).update(values)


def _drop(path: Callable[[Bundle], Any], *names: str) -> Callable[[Bundle], object]:
    def broken(bundle: Bundle) -> None:
        for name in names:
            del path(bundle)[name]

    return broken


def _patient(bundle: Bundle) -> Any:
    return resource(bundle, "Patient")


def _identifier(kind: str, system: str) -> Callable[[Bundle], Any]:
    return lambda bundle: next(
        one for one in resource(bundle, kind)["identifier"] if one["system"] == system
    )


def _commune(bundle: Bundle) -> Any:
    """The INSEE code of the birth place, which stands last beside its evidence."""
    place = next(e for e in _patient(bundle)["extension"] if e["url"] == systems.BIRTH_PLACE)
    return place["valueAddress"]["extension"][-1]["valueCoding"]


def _evidence(bundle: Bundle) -> Any:
    extensions = _patient(bundle)["_birthDate"]["extension"]
    return next(e for e in extensions if e["url"] == systems.EVIDENCE)


def _part(name: str) -> Callable[[Bundle], Any]:
    return lambda bundle: next(
        part for part in _evidence(bundle)["extension"] if part["url"] == name
    )


def _attachment(bundle: Bundle) -> Any:
    return resource(bundle, "DocumentReference")["content"][0]["attachment"]


def _second_value(bundle: Bundle) -> None:
    _weight(bundle)["valueString"] = "72 kg"


def _component_code(bundle: Bundle) -> None:
    pressure = _pressure(bundle)
    pressure["component"][1]["code"] = copy.deepcopy(pressure["component"][0]["code"])


def _duplicate(bundle: Bundle) -> None:
    bundle["entry"].append(copy.deepcopy(bundle["entry"][-2]))


def _without_entry(kind: str) -> Callable[[Bundle], object]:
    def broken(bundle: Bundle) -> None:
        bundle["entry"] = [e for e in bundle["entry"] if e["resource"]["resourceType"] != kind]

    return broken


def _entry(bundle: Bundle) -> Any:
    return next(e for e in bundle["entry"] if e["resource"]["resourceType"] == "Composition")


def _practitioner_entry(bundle: Bundle) -> Any:
    return next(e for e in bundle["entry"] if e["resource"]["resourceType"] == "Practitioner")


_SPARE = "urn:uuid:00000000-0000-5000-8000-000000000000"

FAULTS: tuple[Fault, ...] = (
    # codes
    Fault("status of another type", _set(_weight, status="finished")),
    Fault("status that does not exist", _set(_line, status="prescribed")),
    Fault("intent that does not exist", _set(_line, intent="wish")),
    Fault("gender outside the value set", _set(_patient, gender="F")),
    Fault("moment that does not exist", _set(_repeat, when=["MATIN"])),
    Fault("unit of period that does not exist", _set(_repeat, periodUnit="jour")),
    Fault("verification status that does not exist", lambda b: _set(
        lambda x: resource(x, "Condition")["verificationStatus"]["coding"][0], code="sure")(b)),
    Fault("clinical status of another system", lambda b: _set(
        lambda x: resource(x, "AllergyIntolerance")["clinicalStatus"]["coding"][0],
        system="http://snomed.info/sct")(b)),
    Fault("entry method that does not exist", lambda b: _entry(b)["request"].update(method="SEND")),
    Fault("LOINC code with a wrong check digit", lambda b: _set(
        lambda x: _weight(x)["code"]["coding"][0], code="29463-8")(b)),
    # units
    Fault("unit that is not UCUM", lambda b: _weight(b)["valueQuantity"].update(code="kilos")),
    Fault("vital sign in a unit its profile refuses",
          lambda b: _weight(b)["valueQuantity"].update(code="mg", unit="mg")),
    Fault("blood pressure in centimetres of mercury",
          lambda b: _pressure(b)["component"][0]["valueQuantity"].update(code="cm[Hg]")),
    Fault("unit code without its system", lambda b: _weight(b)["valueQuantity"].pop("system")),
    Fault("duration in kilograms", lambda b: _repeat(b)["boundsDuration"].update(code="kg"),
          official=False),
    # JSON
    Fault("number in quotes", lambda b: _weight(b)["valueQuantity"].update(value="72.5")),
    Fault("empty list", _set(_weight, note=[])),
    Fault("null", _set(_weight, issued=None)),
    Fault("empty string", _set(_line, authoredOn="")),
    Fault("element that does not exist", _set(_weight, weight=72)),
    Fault("element of R5", lambda b: _line(b).update(
        medication={"concept": _line(b).pop("medicationCodeableConcept")})),
    Fault("list where there is one", _set(_weight, status=["preliminary"])),
    Fault("one where there is a list", lambda b: _line(b).update(
        dosageInstruction=_line(b)["dosageInstruction"][0])),
    Fault("boolean as text", _set(_line, reportedBoolean="true")),
    Fault("day that does not exist", _set(_patient, birthDate="1974-02-30")),
    Fault("birth place with a postal code of too few digits", lambda b: _commune(b).update(
        code="7598"), official=False),
    Fault("date in French order", _set(_patient, birthDate="25/12/1974")),
    Fault("time without a zone",
          lambda b: resource(b, "Provenance").update(recorded="2026-11-23T18:30:00")),
    Fault("id with a blank", lambda b: _entry(b)["resource"].update(id="a b")),
    Fault("scan that is not base64", lambda b: _attachment(b).update(data="%PDF-1.4")),
    Fault("narrative with a script", lambda b: resource(b, "Composition")["section"][0].update(
        text={"status": "generated",
              "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script>a</div>'})),
    # cardinality
    Fault("no status", _drop(_weight, "status")),
    Fault("no code", _drop(_weight, "code")),
    Fault("no subject of a prescription", _drop(_line, "subject")),
    Fault("no medication", _drop(_line, "medicationCodeableConcept")),
    Fault("encounter without period", lambda b: resource(b, "Encounter").pop("period")),
    Fault("encounter without identifier", lambda b: resource(b, "Encounter").pop("identifier")),
    # invariants
    Fault("two values for one choice", _second_value),
    Fault("value and reason for its absence", _set(
        _weight, dataAbsentReason={"text": "inconnu"})),
    Fault("moments and times of day", _set(_repeat, timeOfDay=["08:00:00"])),
    Fault("period without its unit", _drop(_repeat, "periodUnit")),
    Fault("unit without its period", _drop(_repeat, "period"), official=False),
    Fault("offset without a moment", lambda b: _repeat(b).update(offset=30) or _repeat(b).pop(
        "when")),
    Fault("negative period", _set(_repeat, period=Decimal(-1))),
    Fault("maximum without its minimum", lambda b: _repeat(b).update(periodMax=2) or [
        _repeat(b).pop(name) for name in ("period", "periodUnit")]),
    Fault("range from high to low", lambda b: _line(b)["dosageInstruction"][0]["doseAndRate"][0][
        "doseRange"]["low"].update(value=3)),
    Fault("half a ratio", lambda b: _line(b)["contained"][0]["ingredient"][0]["strength"].pop(
        "denominator")),
    Fault("period that ends before it starts", lambda b: resource(b, "Encounter")["period"].update(
        end="2026-11-01")),
    Fault("component with the code and value of the whole", lambda b: (
        _pressure(b).update(valueQuantity=_weight(b)["valueQuantity"]),
        _pressure(b)["component"][0].update(code=_pressure(b)["code"]))),
    Fault("blood pressure with two systolic components", _component_code),
    Fault("blood pressure without diastolic", lambda b: _pressure(b)["component"].pop()),
    Fault("vital sign without date", _drop(_weight, "effectiveDateTime")),
    Fault("vital sign without category", _drop(_weight, "category")),
    Fault("vital sign dated by month", _set(_weight, effectiveDateTime="2026-11")),
    Fault("allergy without clinical status",
          lambda b: resource(b, "AllergyIntolerance").pop("clinicalStatus")),
    Fault("extension with value and parts", lambda b: _evidence(b).update(valueString="x")),
    Fault("extension with neither", lambda b: _evidence(b).pop("extension")),
    Fault("empty section", lambda b: resource(b, "Composition")["section"].append(
        {"title": "Vide"})),
    # references
    Fault("reference that leads nowhere", lambda b: _weight(b)["subject"].update(
        reference=_SPARE)),
    Fault("reference to the wrong type", lambda b: _line(b).update(
        requester={"reference": _entry(b)["fullUrl"]})),
    Fault("reference to a contained resource that is not there",
          lambda b: _line(b)["supportingInformation"][0].update(reference="#drug")),
    Fault("contained resource nothing refers to", _drop(_line, "supportingInformation")),
    Fault("fullUrl used twice", _duplicate),
    Fault("id that is not the fullUrl's", lambda b: _entry(b)["resource"].update(id="other"),
          official=False),
    Fault("put to another place", lambda b: _entry(b)["request"].update(url="Composition/other"),
          official=False),
    Fault("create without condition", lambda b: _practitioner_entry(b)["request"].pop(
        "ifNoneExist"), official=False),
    Fault("condition with a bare plus sign", lambda b: _practitioner_entry(b)["request"].update(
        ifNoneExist="identifier=https://rpps.esante.gouv.fr|1+1"), official=False),
    Fault("statement about somebody else", lambda b: resource(b, "Condition").update(
        subject={"reference": "Patient/somebody-else"}), official=False),
    # identity
    Fault("social security number with a wrong key", lambda b: _identifier(
        "Patient", systems.NIR)(b).update(value="274127598700199")),
    Fault("RPPS of ten digits", lambda b: _identifier("Practitioner", systems.RPPS)(b).update(
        value="1099000000")),
    Fault("INS of an unqualified identity", lambda b: _identifier("Patient", systems.NIR)(
        b).update(system="urn:oid:1.2.250.1.213.1.4.8")),
    Fault("identity of unsaid reliability", lambda b: _patient(b).pop("extension"),
          official=False),
    Fault("identifier that looks like a fullUrl", lambda b: resource(b, "Condition")["identifier"][
        0].update(value=_SPARE), official=False),
    Fault("contact without a value", lambda b: _patient(b)["telecom"][0].pop("value")),
    Fault("official name without given names", lambda b: _patient(b)["name"][0].pop("given")),
    # evidence and state
    Fault("state that does not exist", lambda b: _part("state")(b).update(valueCode="perhaps")),
    Fault("confidence above one", lambda b: _part("confidence")(b).update(
        valueDecimal=Decimal("1.2"))),
    Fault("region off the page", lambda b: _part("region")(b).update(
        valueString="xywh=percent:10,20,300,4"), official=False),
    Fault("page of another document", lambda b: _part("page")(b).update(valuePositiveInt=7),
          official=False),
    Fault("evidence without a page", lambda b: _evidence(b)["extension"].remove(_part("page")(b))),
    Fault("unread value that is there", lambda b: _part("state")(b).update(valueCode="unread"),
          official=False),
    Fault("scan that is not what its hash says", lambda b: _attachment(b).update(
        hash="AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
    Fault("final measurement in a draft", _set(_weight, status="final")),
    Fault("active prescription in a draft", _set(_line, status="active")),
    Fault("document without patient", _without_entry("Patient")),
    Fault("document without scan", _without_entry("DocumentReference")),
    Fault("document without provenance", _without_entry("Provenance")),
)  # fmt: skip
