"""What a draft says of an extraction."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
import subprocess
import sys
import tomllib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from pipeline.config import Settings
from pipeline.fhir import systems
from pipeline.fhir.checking import problems
from pipeline.fhir.drafting import Attachment, draft
from pipeline.fhir.fields import Field, fields
from pipeline.fhir.orders import dosage
from pipeline.fhir.records import INLINE_LIMIT
from pipeline.fhir.serialising import dumps, lines, loads
from pipeline.model import (
    Allergy,
    Certainty,
    Certificate,
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
    MedicationAction,
    Order,
    OrderKind,
    Patient,
    Prescriber,
    Quantity,
    Range,
    Sex,
    State,
    Timing,
    Value,
)
from tests.fhir.examples import (
    DOSAGES,
    MEASUREMENTS,
    RECORDED,
    Reader,
    blood_pressure,
    daily,
    document,
    draft_of,
    drafts,
    extraction,
    loinc,
    measurement,
    nir,
    qty,
)

Json = dict[str, Any]
DAY = dt.date(2026, 11, 12)


def made(**content: Any) -> Json:
    """A draft of an extraction with the given content, checked."""
    reader = Reader(0, clean=True)
    paper, original = document(0)
    filled = {
        "kind": reader.read(DocumentKind.CONSULTATION, "CONSULTATION"),
        "date": reader.read(DAY, "12/11/2026"),
        **content,
    }
    read = Extraction(document_id=paper.id, **filled)
    bundle = draft(read, paper, original, Settings(), RECORDED)
    assert problems(bundle) == []
    return bundle


def of(bundle: Json, kind: str) -> list[Json]:
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind]


def reader() -> Reader:
    return Reader(0, clean=True)


def values_of(model: object) -> list[Value[Any]]:
    """Every value that an extraction holds."""
    if isinstance(model, Value):
        return [model]
    if isinstance(model, BaseModel):
        return [found for name in type(model).model_fields for found in values_of(
            getattr(model, name))]  # fmt: skip
    if isinstance(model, tuple):
        return [found for part in model for found in values_of(part)]
    return []


def as_evidence(value: Value[Any]) -> tuple[Any, ...]:
    source = value.evidence
    return (value.state, source.page, source.region, source.text.strip(), source.rule)


def as_read(field: Field) -> tuple[Any, ...]:
    found = field.evidence
    return (field.state, found["page"], found["region"], found["text"], found["rule"])


# --- evidence -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DocumentKind)
@pytest.mark.parametrize("seed", range(4))
def test_every_value_of_the_extraction_is_one_field_with_its_evidence(
    kind: DocumentKind, seed: int
) -> None:
    read, paper, original = extraction(kind, seed)
    bundle = draft(read, paper, original, Settings(), RECORDED)
    expected = Counter(as_evidence(value) for value in values_of(read))
    assert Counter(as_read(field) for field in fields(bundle)) == expected


def test_an_unread_value_is_absent_and_says_so() -> None:
    for bundle in drafts(24):
        for field in fields(bundle):
            assert (field.value is None) == (field.state is State.UNREAD)


@pytest.mark.parametrize(("family", "given"), [("", ("Zoé",)), ("ROY", ()), ("ROY", ("Zoé",))])
def test_a_birth_name_of_which_a_part_was_not_read_says_so(
    family: str, given: tuple[str, ...]
) -> None:
    name = HumanName(family=family, given=given, use="official")
    (resource,) = of(made(patient=Patient(names=(reader().read(name, "née"),))), "Patient")
    (written,) = resource["name"]
    assert ("family" in written, "_family" in written) == (bool(family), not family)
    assert ("_given" in written) == (not given)


def test_a_doubtful_value_offers_its_alternatives() -> None:
    weight = Measurement(
        key="weight",
        code=loinc("29463-7", "Body weight"),
        value=reader().read(
            qty("72", "kg", "kg"), "72", qty("12", "kg", "kg"), state=State.DOUBTFUL
        ),
    )
    (field,) = (f for f in fields(made(measurements=(weight,))) if f.kind == "Observation")
    assert field.evidence["reason"] == ["Lecture incertaine"]
    assert [other["value"] for other in field.alternatives] == [12]


def test_the_provenance_names_each_element_that_was_read() -> None:
    bundle = draft_of(DocumentKind.PREGNANCY, 3)
    (provenance,) = of(bundle, "Provenance")
    targets = {
        f"{target['reference']}#{mark['valueString'].partition('.')[2]}"
        for target in provenance["target"]
        for mark in target.get("extension", ())
    }
    assert targets == {field.name for field in fields(bundle)}


# --- identity of resources ------------------------------------------------------------------


def test_a_second_run_gives_the_same_bundle_but_for_the_time() -> None:
    read, paper, original = extraction(DocumentKind.CONSULTATION, 5)
    first = draft(read, paper, original, Settings(), RECORDED)
    again = draft(read, paper, original, Settings(), RECORDED)
    later = draft(read, paper, original, Settings(), RECORDED + dt.timedelta(days=1))
    assert dumps(first) == dumps(again)
    assert [e["fullUrl"] for e in first["entry"]] == [e["fullUrl"] for e in later["entry"]]


def test_two_documents_of_one_scan_share_no_id() -> None:
    urls: list[str] = []
    for pages in ((1, 2), (3,)):
        read, paper, original = extraction(DocumentKind.CONSULTATION, 5, pages=pages)
        urls += [e["fullUrl"] for e in draft(read, paper, original, Settings())["entry"]]
    assert len(set(urls)) == len(urls)


def test_actors_are_created_on_condition_and_the_rest_is_put() -> None:
    read, paper, original = extraction(DocumentKind.CONSULTATION, 1, clean=True)
    rpps = reader().read("10990000001", "RPPS")
    read = read.model_copy(update={"prescriber": Prescriber(rpps=rpps)})
    bundle = draft(read, paper, original, Settings())
    ways = {
        e["resource"]["resourceType"]: (e["request"]["method"], e["request"].get("ifNoneExist"))
        for e in bundle["entry"]
    }
    assert ways["Practitioner"] == ("POST", "identifier=https://rpps.esante.gouv.fr|10990000001")
    created = {kind for kind, (method, _) in ways.items() if method == "POST"}
    assert created == {"Patient", "Practitioner", "Organization", "Device"}
    assert not any("+" in (condition or "") for _, condition in ways.values())


def test_a_number_of_the_patient_never_decides_who_the_patient_is() -> None:
    number = reader().read(nir("2741275987001"), "NIR")
    bundle = made(patient=Patient(nir=number))
    entry = next(e for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
    assert "2741275987001" not in entry["request"]["ifNoneExist"]
    assert systems.ENTITY_NAMES in entry["request"]["ifNoneExist"]


# --- the scan -------------------------------------------------------------------------------


def test_the_scan_travels_with_its_name_hash_and_pages() -> None:
    read, paper, original = extraction(DocumentKind.CERTIFICATE, 2, pages=(2, 3))
    (scan,) = of(draft(read, paper, original, Settings()), "DocumentReference")
    (content,) = scan["content"]
    attachment = content["attachment"]
    assert attachment["title"] == original.title
    assert base64.b64decode(attachment["data"]) == original.data
    assert base64.b64decode(attachment["hash"]) == hashlib.sha1(original.data).digest()
    (pages,) = attachment["extension"]
    assert [(p["url"], p["valuePositiveInt"]) for p in pages["extension"]] == [
        ("first", 2), ("last", 3), ("page", 2), ("page", 3),
    ]  # fmt: skip


def test_a_part_of_a_scan_names_the_scan_and_holds_only_its_pages() -> None:
    read, paper, original = extraction(DocumentKind.CERTIFICATE, 2)
    part = Attachment(data=b"%PDF-1.4 page", media_type="application/pdf", title=original.title)
    bundle = draft(read, paper, part, Settings())
    assert problems(bundle) == []
    whole, own = (c["attachment"] for c in of(bundle, "DocumentReference")[0]["content"])
    assert whole["title"] == original.title
    assert base64.b64decode(whole["hash"]).hex() == paper.scan.sha1
    assert "data" not in whole
    assert base64.b64decode(own["data"]) == part.data


def test_a_large_scan_is_a_resource_of_its_own() -> None:
    read, paper, _ = extraction(DocumentKind.CERTIFICATE, 2)
    large = Attachment(data=b"\0" * (INLINE_LIMIT + 1), media_type="image/tiff", title="grand.tif")
    bundle = draft(read, paper, large, Settings())
    assert problems(bundle) == []
    (binary,) = of(bundle, "Binary")
    own = of(bundle, "DocumentReference")[0]["content"][1]["attachment"]
    assert own["url"] == f"Binary/{binary['id']}"
    assert b"".join(lines(bundle)).decode() == _entry_a_line(bundle)


def _entry_a_line(bundle: Json) -> str:
    head, entries = dumps(bundle | {"entry": []}), map(dumps, bundle["entry"])
    return head.removesuffix("]}") + "\n" + ",\n".join(entries) + "\n]}\n"


# --- what the paper says --------------------------------------------------------------------


def test_the_least_that_a_paper_can_say_makes_a_sound_draft() -> None:
    bundle = made(date=None)
    assert of(bundle, "Practitioner") == []
    assert of(bundle, "Composition")[0]["author"][0]["type"] == "Device"
    assert "date" not in of(bundle, "Composition")[0]


def test_nothing_at_all_was_read() -> None:
    unread = reader().read(None, "~~", state=State.UNREAD)
    bundle = made(
        kind=unread, date=unread, unread=(unread,), medications=(Medication(drug=unread),)
    )
    assert {field.state for field in fields(bundle)} == {State.UNREAD}
    assert "text" not in of(bundle, "MedicationRequest")[0]["medicationCodeableConcept"]


@pytest.mark.parametrize(
    ("certainty", "status"),
    [
        (Certainty.CONFIRMED, "unconfirmed"),
        (Certainty.HYPOTHESIS, "unconfirmed"),
        (Certainty.NEGATED, "refuted"),
    ],
)
def test_a_draft_condition_is_unconfirmed_and_never_present_when_denied(
    certainty: Certainty, status: str
) -> None:
    condition = Condition(text=reader().read("diabète", "diabète"), certainty=certainty)
    (resource,) = of(made(conditions=(condition,)), "Condition")
    assert resource["verificationStatus"]["coding"][0]["code"] == status
    assert ("clinicalStatus" in resource) == (certainty is not Certainty.NEGATED)


def test_a_condition_of_the_family_is_none_of_the_patient() -> None:
    condition = Condition(text=reader().read("père : IDM", "père"), role=ConditionRole.FAMILY)
    bundle = made(conditions=(condition,))
    assert of(bundle, "Condition") == []
    assert len(of(bundle, "FamilyMemberHistory")) == 1


@pytest.mark.parametrize(
    ("certainty", "text", "coded"),
    [
        (Certainty.CONFIRMED, "diabète", True),
        (Certainty.HYPOTHESIS, "Hypothèse : diabète", False),
        (Certainty.NEGATED, "Nié : diabète", False),
    ],
)
def test_what_a_note_denies_of_the_family_never_looks_present(
    certainty: Certainty, text: str, coded: bool
) -> None:
    condition = Condition(
        text=reader().read("diabète", "pas de diabète familial"),
        code=Code(system="https://smt.esante.gouv.fr/terminologie-cim-10", code="E11", display=""),
        role=ConditionRole.FAMILY,
        certainty=certainty,
    )
    bundle = made(conditions=(condition,))
    (resource,) = of(bundle, "FamilyMemberHistory")
    code = resource["condition"][0]["code"]
    assert code["text"] == text
    assert ("coding" in code) is coded
    assert f"<p>Famille : {text}</p>" in of(bundle, "Composition")[0]["section"][0]["text"]["div"]


def test_a_problem_without_a_code_of_its_own_has_the_one_that_says_so() -> None:
    known = Code(system="https://smt.esante.gouv.fr/terminologie-cim-10", code="I10", display="HTA")
    words = Condition(text=reader().read("fatigue du soir", "fatigue du soir"))
    hypertension = Condition(text=reader().read("HTA", "HTA"), code=known)
    uncoded, coded = of(made(conditions=(words, hypertension)), "Condition")
    assert [one["code"] for one in uncoded["code"]["coding"]] == ["R69"]
    assert uncoded["code"]["text"] == "fatigue du soir"
    assert [one["code"] for one in coded["code"]["coding"]] == ["I10"]


@pytest.mark.parametrize(
    ("sorts", "code"),
    [
        ([OrderKind.IMAGING, OrderKind.IMAGING], "55115-0"),
        ([OrderKind.REFERRAL], "96349-6"),
        ([OrderKind.LABORATORY], "57832-8"),
        ([OrderKind.IMAGING, OrderKind.LABORATORY], "57832-8"),
        ([], "57832-8"),
    ],
)
def test_a_request_for_one_sort_of_thing_is_typed_so(sorts: list[OrderKind], code: str) -> None:
    bundle = made(
        kind=reader().read(DocumentKind.TEST_REQUEST, "DEMANDE"),
        orders=tuple(Order(kind=sort, text=reader().read("x", "x")) for sort in sorts),
    )
    for kind in ("Composition", "DocumentReference"):
        codes = [one["code"] for one in of(bundle, kind)[0]["type"]["coding"]]
        assert codes == [code, "demande-d-examens"]


def test_nobody_takes_a_line_of_the_narrative_for_what_it_is_not() -> None:
    def stated(text: str, certainty: Certainty, role: ConditionRole) -> Condition:
        return Condition(text=reader().read(text, text), certainty=certainty, role=role)

    bundle = made(
        conditions=(
            stated("HTA", Certainty.CONFIRMED, ConditionRole.PROBLEM),
            stated("diabète", Certainty.NEGATED, ConditionRole.PROBLEM),
            stated("pneumopathie", Certainty.HYPOTHESIS, ConditionRole.DIAGNOSIS),
            stated("phlébite", Certainty.CONFIRMED, ConditionRole.HISTORY),
            stated("AVC", Certainty.NEGATED, ConditionRole.HISTORY),
        ),
        allergies=(Allergy(text=reader().read("Iode", "Iode"), certainty=Certainty.NEGATED),),
        medications=(
            Medication(
                drug=reader().read(Drug(text="AMLOR"), "arrêt AMLOR"), action=MedicationAction.STOP
            ),
        ),
    )
    lines = [
        line
        for section in of(bundle, "Composition")[0]["section"][:3]
        for line in re.findall("<p>(.*?)</p>", section["text"]["div"])
    ]
    assert lines == [
        "HTA",
        "Nié : diabète",
        "Hypothèse : pneumopathie",
        "Antécédent : phlébite",
        "Antécédent : Nié : AVC",
        "Nié : Iode",
        "Arrêt : AMLOR",
    ]


def test_no_known_allergy_is_said() -> None:
    said = Allergy(text=reader().read("Pas d'allergie", "Pas d'allergie"), none_known=True)
    (resource,) = of(made(allergies=(said,)), "AllergyIntolerance")
    assert {c["code"] for c in resource["code"]["coding"]} == {"716186003", "no-known-allergies"}


def test_a_blood_pressure_has_both_components_even_when_one_is_missing() -> None:
    panel = blood_pressure(reader())
    only = panel.model_copy(update={"components": panel.components[:1]})
    (resource,) = of(made(measurements=(only,)), "Observation")
    assert "http://hl7.org/fhir/StructureDefinition/bp" in resource["meta"]["profile"]
    assert "valueQuantity" in resource["component"][0]
    assert resource["component"][1]["dataAbsentReason"]["coding"][0]["code"] == "unknown"


def test_an_unread_body_mass_index_claims_no_profile_that_wants_a_value() -> None:
    value: Value[Quantity] = reader().read(qty("24", "kg/m²", "kg/m2"), "?", state=State.UNREAD)
    row = next(row for row in MEASUREMENTS if row[0] == "bmi")
    unread = measurement(reader(), row).model_copy(update={"value": value})
    (resource,) = of(made(measurements=(unread,)), "Observation")
    assert "profile" not in resource["meta"]
    assert resource["category"][0]["coding"][0]["code"] == "vital-signs"


def test_a_height_in_metres_is_sent_in_centimetres() -> None:
    height = next(row for row in MEASUREMENTS if row[0] == "height")
    (resource,) = of(made(measurements=(measurement(reader(), height),)), "Observation")
    assert resource["valueQuantity"]["value"] == 172
    assert resource["valueQuantity"]["code"] == "cm"


def test_a_line_that_stops_a_drug_is_an_order_not_to_take_it() -> None:
    line = Medication(
        drug=reader().read(Drug(text="AMLOR"), "arrêt AMLOR"), action=MedicationAction.STOP
    )
    (resource,) = of(made(medications=(line,)), "MedicationRequest")
    assert resource["doNotPerform"] is True
    assert resource["status"] == "draft"


def test_a_certificate_holds_its_days() -> None:
    sick = Certificate(
        kind="sick-leave",
        text=reader().read("Arrêt de 3 jours", "Arrêt de 3 jours"),
        start=reader().read(DAY, "12/11"),
        end=reader().read(DAY + dt.timedelta(days=2), "14/11"),
    )
    (resource,) = of(made(certificates=(sick,)), "Observation")
    assert [part["valueDateTime"] for part in resource["component"]] == ["2026-11-12", "2026-11-14"]


def test_an_unread_sex_is_unknown() -> None:
    sex = reader().read(Sex.FEMALE, "?", state=State.UNREAD)
    (resource,) = of(made(patient=Patient(sex=sex)), "Patient")
    assert resource["gender"] == "unknown"


@pytest.mark.parametrize(
    ("body", "system"), [("2741275987001", systems.NIR), ("7741275987001", systems.NIA)]
)
def test_a_number_given_while_waiting_has_its_own_system(body: str, system: str) -> None:
    number = reader().read(nir(body), "n° SS")
    (resource,) = of(made(patient=Patient(nir=number)), "Patient")
    assert (
        resource["identifier"][1] | {"system": system, "value": nir(body)}
        == (resource["identifier"][1])
    )


def test_the_identity_is_provisional_and_carries_no_ins() -> None:
    number = reader().read(nir("2741275987001"), "NIR")
    (resource,) = of(made(patient=Patient(nir=number)), "Patient")
    assert resource["extension"][0]["extension"][0]["valueCoding"]["code"] == "PROV"
    assert not {one["system"] for one in resource["identifier"]} & systems.INS


# --- dosage ---------------------------------------------------------------------------------


def line(steps: tuple[Dosage, ...], **more: Any) -> Json:
    medication = Medication(
        drug=reader().read(Drug(text="AMLOR"), "AMLOR"),
        dosage=reader().read(steps, "ligne"),
        **more,
    )
    return of(made(medications=(medication,)), "MedicationRequest")[0]


def test_a_supply_duration_bounds_one_step_and_not_a_taper() -> None:
    months = reader().read(qty("3", "mois", "mo"), "QSP 3 mois")
    simple = line((Dosage(text="1 le matin", timing=daily(1, "MORN")),), supply_duration=months)
    repeat = simple["dosageInstruction"][0]["timing"]["repeat"]
    assert repeat["boundsDuration"]["code"] == "mo"
    assert "dispenseRequest" not in simple
    taper = line(DOSAGES[2][1], supply_duration=months)
    days = [
        step["timing"]["repeat"]["boundsDuration"]["value"] for step in taper["dosageInstruction"]
    ]
    assert days == [3, 3]
    assert taper["dispenseRequest"]["expectedSupplyDuration"]["code"] == "mo"


@pytest.mark.parametrize(
    ("first", "second", "sequences"),
    [
        (("MORN", None), ("EVE", None), [1, 1]),
        (("MORN", None), ("MORN", None), [1, 2]),
        (("MORN", 3), ("EVE", 3), [1, 1]),
        (("MORN", 3), ("EVE", None), [1, 2]),
        ((None, 3), (None, 3), [1, 2]),
    ],
)
def test_steps_side_by_side_share_a_number(
    first: tuple[str | None, int | None],
    second: tuple[str | None, int | None],
    sequences: list[int],
) -> None:
    steps = tuple(
        Dosage(
            sequence=number,
            text=f"{number} cp",
            timing=daily(
                1,
                *([when] if when else []),
                bounds=qty(str(days), "jours", "d") if days else None,
            ),
        )
        for number, (when, days) in enumerate((first, second), 1)
    )
    assert [step["sequence"] for step in line(steps)["dosageInstruction"]] == sequences


def test_a_form_without_a_sure_code_travels_as_text() -> None:
    form = reader().read(Code(system="", code="", display="lyophilisat"), "lyoc")
    medication = Medication(drug=reader().read(Drug(text="SPASFON"), "SPASFON"), form=form)
    (request,) = of(made(medications=(medication,)), "MedicationRequest")
    told = request["contained"][0]["form"]
    assert told["text"] == "lyophilisat"
    assert "coding" not in told


def test_pulse_oximetry_is_also_oxygen_saturation() -> None:
    row = ("spo2", "59408-5", "Oxygen saturation by Pulse oximetry", qty("97", "%", "%"), "97")
    (resource,) = of(made(measurements=(measurement(reader(), row),)), "Observation")
    assert [one["code"] for one in resource["code"]["coding"]] == ["2708-6", "59408-5"]
    assert len(resource["meta"]["profile"]) == 2


def test_codes_of_measurements_without_loinc_are_published() -> None:
    from pipeline.extraction.measurements import vocabulary

    text = Path(vocabulary.__file__).with_name("vocabulary.toml").read_text(encoding="utf-8")
    keys = {
        entry["key"].replace("_", "-")
        for entry in tomllib.loads(text)["measurement"]
        if not entry["loinc"]
    }
    assert systems.MEASUREMENT == vocabulary.OWN
    assert set(systems.MEASUREMENTS) == keys


def test_what_a_dosage_cannot_structure_is_kept_as_text() -> None:
    step = dosage(
        Dosage(
            text="21 j sur 28",
            timing=daily(1, cycle="21 j sur 28", event="après chaque selle", start_day=2),
            min_interval=qty("6", "h", "h"),
            condition="si fièvre",
        )
    )
    details = {part["url"] for part in step["extension"][0]["extension"]}
    assert details == {"condition", "cycle", "event", "startDay", "minInterval"}
    said = {part["text"] for part in step["additionalInstruction"]}
    assert said == {"si fièvre", "21 j sur 28", "après chaque selle", "espacer d'au moins 6 h"}


def test_moments_and_times_of_day_never_meet() -> None:
    timing = daily(2, "MORN", time_of_day=("08:00",))
    repeat = dosage(Dosage(text="x", timing=timing))["timing"]["repeat"]
    assert repeat["when"] == ["MORN"]
    assert "timeOfDay" not in repeat


numbers = st.decimals(min_value=0, max_value=500, places=2)
quantities = st.builds(
    Quantity,
    value=numbers,
    unit=st.sampled_from(("", "mg", "comprimé", "goutte", "dose-poids")),
    ucum=st.sampled_from((None, "mg", "mL")),
)
lengths = st.builds(
    Quantity, value=numbers, unit=st.just("jours"), ucum=st.sampled_from(("d", "wk", "mo", None))
)
ranges = st.tuples(numbers, numbers).map(
    lambda pair: Range(low=qty(str(min(pair)), "mg"), high=qty(str(max(pair)), "mg"))
)
timings = st.builds(
    Timing,
    frequency=st.none() | st.integers(1, 5),
    frequency_max=st.none() | st.integers(5, 9),
    period=st.none() | st.integers(1, 9).map(Decimal),
    period_max=st.none() | st.integers(9, 12).map(Decimal),
    period_unit=st.sampled_from((None, "h", "d", "wk", "mo")),
    when=st.lists(st.sampled_from(("MORN", "NOON", "EVE", "HS", "C", "ACM", "PCV"))).map(tuple),
    offset=st.none() | st.integers(0, 90),
    day_of_week=st.lists(st.sampled_from(("mon", "fri")), max_size=2).map(tuple),
    time_of_day=st.lists(st.sampled_from(("08:00", "20:30")), max_size=2).map(tuple),
    count=st.none() | st.integers(1, 9),
    bounds=st.none() | lengths,
    bounds_text=st.text(max_size=8),
    cycle=st.text(max_size=8),
    event=st.text(max_size=8),
    start_day=st.none() | st.integers(1, 30),
)
dosages = st.builds(
    Dosage,
    sequence=st.integers(1, 3),
    text=st.text(max_size=20),
    dose=st.none() | quantities | ranges,
    dose_per_kg=st.booleans(),
    timing=st.none() | timings,
    as_needed=st.booleans(),
    as_needed_for=st.text(max_size=8),
    min_interval=st.none() | lengths,
    site=st.text(max_size=8),
    condition=st.text(max_size=8),
    additional=st.lists(st.text(max_size=8), max_size=2).map(tuple),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(dosages, max_size=3).map(tuple), supply=st.none() | lengths)
def test_any_dosage_makes_a_sound_line(steps: tuple[Dosage, ...], supply: Quantity | None) -> None:
    more = {} if supply is None else {"supply_duration": reader().read(supply, "QSP")}
    line(steps, **more)


# --- text and weight ------------------------------------------------------------------------


def test_decimals_keep_their_digits() -> None:
    weight = measurement(reader(), MEASUREMENTS[0])
    text = dumps(made(measurements=(weight,)))
    assert '"value":72.50' in text
    assert dumps(loads(text)) == text


def test_a_bundle_an_entry_a_line_is_the_same_bundle() -> None:
    bundle = made(measurements=(measurement(reader(), MEASUREMENTS[0]),))
    text = b"".join(lines(bundle))
    assert loads(text) == bundle
    assert len(text.splitlines()) == len(bundle["entry"]) + 2


def test_control_characters_of_a_reading_never_reach_the_bundle() -> None:
    condition = Condition(text=reader().read("HTA\x0c\x00 ancienne", "HTA\x0c"))
    assert "\\u0000" not in dumps(made(conditions=(condition,)))


def test_drafting_loads_no_model_of_fhir() -> None:
    code = (
        "import sys, pipeline.fhir.drafting, pipeline.fhir.checking, pipeline.fhir.validating;"
        "sys.exit(any(name.startswith(('fhir.', 'ucumvert')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
