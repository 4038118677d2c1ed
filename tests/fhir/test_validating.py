"""Decisions of people turn drafts into validated Bundles, and nothing slips through."""

from __future__ import annotations

import copy
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from pipeline.config import Settings
from pipeline.errors import BadDecision, StaleValue, Undecided
from pipeline.fhir import systems
from pipeline.fhir.checking import problems
from pipeline.fhir.drafting import draft
from pipeline.fhir.fields import Field, fields
from pipeline.fhir.validating import confirm_all_sure, open_fields, validate
from pipeline.model import (
    Allergy,
    BirthPlace,
    Certainty,
    Certificate,
    Condition,
    ConditionRole,
    Decision,
    DecisionAction,
    DocumentKind,
    Dosage,
    Drug,
    Extraction,
    HumanName,
    Medication,
    MedicationAction,
    Order,
    OrderKind,
    Patient,
    Prescriber,
    Quantity,
    Section,
    State,
    Strength,
    Value,
)
from tests.fhir.examples import (
    DOCTOR,
    MEASUREMENTS,
    RECORDED,
    VALIDATED,
    Reader,
    blood_pressure,
    daily,
    decisions,
    document,
    draft_of,
    drafts,
    measurement,
    qty,
    validated,
)

Json = dict[str, Any]
DAY = dt.date(2026, 11, 12)
CONFIRM, CORRECT, REJECT, ADD = DecisionAction


def reader() -> Reader:
    return Reader(0, clean=True)


def made(**content: Any) -> Json:
    """A draft with the given content, all sure but for what the content says."""
    paper, original = document(0)
    filled = {
        "kind": reader().read(DocumentKind.CONSULTATION, "CONSULTATION"),
        "date": reader().read(DAY, "12/11/2026"),
        **content,
    }
    read = Extraction(document_id=paper.id, **filled)
    bundle = draft(read, paper, original, Settings(), RECORDED)
    assert problems(bundle) == []
    return bundle


def of(bundle: Json, kind: str) -> list[Json]:
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind]


def url_of(bundle: Json, kind: str) -> str:
    return next(str(e["fullUrl"]) for e in bundle["entry"] if e["resource"]["resourceType"] == kind)


def field_of(bundle: Json, kind: str, path: str) -> Field:
    return next(f for f in fields(bundle) if f.kind == kind and f.path == path)


def decide(
    action: DecisionAction, field: str, old: Any = None, new: Any = None, **more: Any
) -> Decision:
    return Decision(
        action=action, field=field, old=old, new=new, who=DOCTOR, when=VALIDATED, **more
    )


def done(bundle: Json, *made_decisions: Decision, when: dt.datetime = VALIDATED) -> Json:
    result = validate(bundle, made_decisions, DOCTOR, when)
    assert problems(result) == []
    return result


def weight(state: State = State.SURE) -> Any:
    value: Value[Quantity] = reader().read(qty("72.5", "kg", "kg"), "72,5", state=state)
    return measurement(reader(), MEASUREMENTS[0]).model_copy(update={"value": value})


def line(text: str = "1 cp le matin", **more: Any) -> Medication:
    filled: dict[str, Any] = {
        "drug": reader().read(Drug(text="AMLOR 5 mg", substances=("AMLODIPINE",)), "AMLOR 5 mg"),
        "strength": reader().read(Strength(parts=(qty("5", "mg", "mg"),)), "5 mg"),
        "dosage": reader().read((Dosage(text=text, timing=daily(1, "MORN")),), text),
        **more,
    }
    return Medication(**filled)


# --- what must be decided -------------------------------------------------------------------


def test_every_kind_of_document_can_be_validated() -> None:
    for bundle in validated(12):
        assert problems(bundle) == []


@pytest.mark.parametrize("state", [State.DOUBTFUL, State.UNREAD])
def test_a_document_with_an_undecided_value_is_refused(state: State) -> None:
    bundle = made(measurements=(weight(state),))
    with pytest.raises(Undecided) as caught:
        validate(bundle, (), DOCTOR, VALIDATED)
    field = field_of(bundle, "Observation", "valueQuantity")
    assert caught.value.fields == (field.name,)
    with pytest.raises(Undecided):
        confirm_all_sure(bundle, DOCTOR, VALIDATED)


def test_each_open_field_is_needed() -> None:
    for bundle in drafts(6):
        every = decisions(bundle)
        assert {one.field for one in every} == set(open_fields(bundle))
        for left_out in every[:3]:
            with pytest.raises(Undecided) as caught:
                validate(bundle, [one for one in every if one is not left_out], DOCTOR, VALIDATED)
            assert caught.value.fields == (left_out.field,)


def test_a_document_that_holds_nothing_doubtful_is_confirmed_at_once() -> None:
    bundle = draft_of(DocumentKind.CONSULTATION, 3, clean=True)
    before = copy.deepcopy(bundle)
    result = confirm_all_sure(bundle, DOCTOR, VALIDATED)
    assert problems(result) == []
    assert bundle == before


def test_a_document_without_a_date_asks_for_one() -> None:
    bundle = made(date=None, measurements=(weight(),))
    date = f"{url_of(bundle, 'Composition')}#date"
    assert open_fields(bundle) == (date,)
    dated = done(bundle, decide(ADD, date, new="2026-11-05"))
    assert of(dated, "Observation")[0]["effectiveDateTime"] == "2026-11-05"
    assert (
        "http://hl7.org/fhir/StructureDefinition/bodyweight"
        in (of(dated, "Observation")[0]["meta"]["profile"])
    )
    undated = done(bundle, decide(REJECT, date, why="Aucune date sur le papier"))
    assert "effectivePeriod" in of(undated, "Observation")[0]


def test_a_validation_has_a_name() -> None:
    with pytest.raises(BadDecision):
        validate(made(), (), " ", VALIDATED)


# --- decisions ------------------------------------------------------------------------------


def test_confirming_keeps_the_value_and_says_who() -> None:
    bundle = made(measurements=(weight(State.DOUBTFUL),))
    field = field_of(bundle, "Observation", "valueQuantity")
    result = done(bundle, decide(CONFIRM, field.name, field.value))
    after = field_of(result, "Observation", "valueQuantity")
    assert after.value == field.value
    assert after.state is State.SURE
    decision = next(e for e in after.extensions if e["url"] == systems.DECISION)
    assert {p["url"]: next(v for n, v in p.items() if n != "url") for p in decision["extension"]}[
        "who"
    ] == DOCTOR


def test_a_correction_replaces_the_value_and_keeps_where_it_was_read() -> None:
    bundle = made(measurements=(weight(State.DOUBTFUL),))
    field = field_of(bundle, "Observation", "valueQuantity")
    new = {**field.value, "value": 12.5}
    result = done(bundle, decide(CORRECT, field.name, field.value, new))
    after = field_of(result, "Observation", "valueQuantity")
    assert after.value["value"] == Decimal("12.5")
    assert after.evidence["region"] == field.evidence["region"]
    assert after.evidence["text"] == "72,5"
    assert systems.AI_CONFIDENCE not in {e["url"] for e in after.extensions}


def test_an_unread_measurement_gets_its_value() -> None:
    bundle = made(measurements=(weight(State.UNREAD),))
    (name,) = open_fields(bundle)
    new = {"value": 70, "unit": "kg", "system": systems.UCUM, "code": "kg"}
    (resource,) = of(done(bundle, decide(CORRECT, name, None, new)), "Observation")
    assert resource["valueQuantity"]["value"] == 70
    assert "dataAbsentReason" not in resource


def test_an_unread_result_may_turn_out_to_be_text() -> None:
    hba1c = next(row for row in MEASUREMENTS if row[0] == "hba1c")
    value: Value[Quantity] = reader().read(qty("6", "%", "%"), "?", state=State.UNREAD)
    unread = measurement(reader(), hba1c).model_copy(update={"value": value})
    bundle = made(measurements=(unread,))
    name = open_fields(bundle)[0].replace("valueQuantity", "valueString")
    (resource,) = of(done(bundle, decide(CORRECT, name, None, "non fait")), "Observation")
    assert resource["valueString"] == "non fait"
    assert any(e["url"] == systems.EVIDENCE for e in resource["_valueString"]["extension"])


@pytest.mark.parametrize("action", [CONFIRM, CORRECT, REJECT])
def test_a_decision_on_another_value_is_a_conflict(action: DecisionAction) -> None:
    bundle = made(measurements=(weight(State.DOUBTFUL),))
    field = field_of(bundle, "Observation", "valueQuantity")
    old = {**field.value, "value": 99}
    with pytest.raises(StaleValue):
        done(bundle, decide(action, field.name, old, field.value))


def test_a_correction_without_the_old_value_is_a_conflict() -> None:
    bundle = made(measurements=(weight(State.DOUBTFUL),))
    field = field_of(bundle, "Observation", "valueQuantity")
    with pytest.raises(StaleValue):
        done(bundle, decide(CORRECT, field.name, None, field.value))


def test_decisions_follow_one_another() -> None:
    bundle = made(measurements=(weight(State.DOUBTFUL),))
    field = field_of(bundle, "Observation", "valueQuantity")
    first, second = ({**field.value, "value": value} for value in (80, 81))
    result = done(
        bundle,
        decide(CORRECT, field.name, field.value, first),
        decide(CORRECT, field.name, first, second),
    )
    assert of(result, "Observation")[0]["valueQuantity"]["value"] == 81


def test_a_part_of_a_value_can_be_corrected() -> None:
    name = reader().read(HumanName(family="MARTlN", given=("Zoé",)), "x", state=State.DOUBTFUL)
    bundle = made(patient=Patient(names=(name,)))
    field = field_of(bundle, "Patient", "name[0]")
    result = done(bundle, decide(CORRECT, f"{field.name}.family", "MARTlN", "MARTIN"))
    assert of(result, "Patient")[0]["name"][0]["family"] == "MARTIN"
    assert open_fields(result) == ()


def test_a_birth_place_is_decided_where_it_stands() -> None:
    read = BirthPlace(text="Valb0urg (01987)", town="Valb0urg", insee="01987")
    place = reader().read(read, "Valb0urg (01987)", state=State.DOUBTFUL)
    bundle = made(patient=Patient(birth_place=place))
    field = field_of(bundle, "Patient", "extension[1].valueAddress")
    assert field.value == {"text": "Valb0urg (01987)", "city": "Valb0urg"}
    kept = of(done(bundle, decide(CONFIRM, field.name, field.value)), "Patient")[0]
    urls = [one["url"] for one in kept["extension"][1]["valueAddress"]["extension"]]
    assert urls.count(systems.INSEE_CODE) == 1
    # A corrected town is another town: the code that was read with it does not stay.
    new = {"text": "Valbourg", "city": "Valbourg"}
    corrected = of(done(bundle, decide(CORRECT, field.name, field.value, new)), "Patient")[0]
    assert corrected["extension"][1]["valueAddress"]["city"] == "Valbourg"
    assert systems.INSEE_CODE not in str(corrected)
    rejected = of(done(bundle, decide(REJECT, field.name, field.value)), "Patient")[0]
    assert [one["url"] for one in rejected["extension"]] == [systems.IDENTITY_RELIABILITY]
    with pytest.raises(BadDecision):
        done(bundle, decide(REJECT, f"{field.url}#extension[0]"))


def test_a_missing_value_can_be_added() -> None:
    bundle = made()
    field = f"{url_of(bundle, 'Patient')}#birthDate"
    (patient,) = of(done(bundle, decide(ADD, field, new="1974-12-25")), "Patient")
    assert patient["birthDate"] == "1974-12-25"
    with pytest.raises(StaleValue):
        done(
            bundle,
            decide(ADD, field, new="1974-12-25"),
            decide(ADD, field, new="1975-12-25"),
        )


def test_a_rejected_drug_takes_its_line_and_all_that_leads_there() -> None:
    bundle = made(
        medications=(line(ald=reader().read(True, "ALD")), line()),
        sections=(Section(title="", text="x", page=1),),
    )
    field = next(f for f in fields(bundle) if f.path == "medicationCodeableConcept")
    result = done(bundle, decide(REJECT, field.name, field.value))
    assert len(of(result, "MedicationRequest")) == 1
    assert of(result, "Observation") == []
    assert field.url not in str(result)


def test_a_rejected_reading_leaves_the_rest_of_the_line() -> None:
    bundle = made(medications=(line(),))
    for path in ("contained[0].ingredient[0].strength", "dosageInstruction[0]"):
        field = field_of(bundle, "MedicationRequest", path)
        result = done(bundle, decide(REJECT, field.name, field.value))
        assert path not in {f.path for f in fields(result)}
        assert of(result, "MedicationRequest")[0]["medicationCodeableConcept"]["text"]


def test_half_a_blood_pressure_can_be_rejected() -> None:
    bundle = made(measurements=(blood_pressure(reader()),))
    first, second = (f for f in fields(bundle) if f.path.startswith("component"))
    (resource,) = of(done(bundle, decide(REJECT, first.name, first.value)), "Observation")
    assert "dataAbsentReason" in resource["component"][0]
    both = [decide(REJECT, f.name, f.value) for f in (first, second)]
    assert of(done(bundle, *both), "Observation") == []


def test_an_unread_passage_is_typed_in_or_thrown_out() -> None:
    unread: Value[str] = reader().read("", "~~ kq", state=State.UNREAD)
    bundle = made(unread=(unread,))
    (name,) = open_fields(bundle)
    typed = done(bundle, decide(CORRECT, name, None, "Revoir <dans> 8 jours"))
    assert "Revoir &lt;dans&gt; 8 jours" in str(of(typed, "Composition")[0])
    assert "non lu" not in str(of(typed, "Composition")[0])
    gone = done(bundle, decide(REJECT, name, None))
    assert "à relire" not in str(of(gone, "Composition")[0])


def test_a_value_inside_another_is_decided_on_its_own_in_any_order() -> None:
    months = reader().read(qty("3", "mois", "mo"), "QSP 3", state=State.DOUBTFUL)
    dosage = reader().read(
        (Dosage(text="1 cp", timing=daily(1, "MORN")),), "1 cp", state=State.DOUBTFUL
    )
    bundle = made(medications=(line(dosage=dosage, supply_duration=months),))
    whole, inner = (f for f in fields(bundle) if f.path.startswith("dosageInstruction"))
    new = copy.deepcopy(whole.value) | {"text": "2 cp"}
    six = {**inner.value, "value": 6}
    steps = [
        decide(CORRECT, whole.name, whole.value, new),
        decide(CORRECT, inner.name, inner.value, six),
    ]
    for order in (steps, steps[::-1]):
        (request,) = of(done(bundle, *order), "MedicationRequest")
        (step,) = request["dosageInstruction"]
        assert step["text"] == "2 cp"
        assert step["timing"]["repeat"]["boundsDuration"]["value"] == 6


def test_a_dosage_can_become_several_steps() -> None:
    bundle = made(medications=(line(),))
    field = field_of(bundle, "MedicationRequest", "dosageInstruction[0]")
    steps = [{"sequence": 1, "text": "2 cp"}, {"sequence": 2, "text": "1 cp"}]
    name = field.name.removesuffix("[0]")
    (request,) = of(done(bundle, decide(CORRECT, name, [field.value], steps)), "MedicationRequest")
    assert [step["text"] for step in request["dosageInstruction"]] == ["2 cp", "1 cp"]
    assert any(e["url"] == systems.EVIDENCE for e in request["dosageInstruction"][0]["extension"])


def test_a_corrected_drug_leaves_no_trace_of_the_wrong_one_in_its_structure() -> None:
    bundle = made(medications=(line(),))
    field = field_of(bundle, "MedicationRequest", "medicationCodeableConcept")
    new = {"text": "AMODEX 500 mg"}
    (request,) = of(
        done(bundle, decide(CORRECT, field.name, field.value, new)), "MedicationRequest"
    )
    medication = request["contained"][0]
    assert medication["code"] == new
    assert medication["ingredient"][0]["itemCodeableConcept"] == new


def test_a_corrected_number_of_the_prescriber_reaches_the_request() -> None:
    rpps = reader().read("10990000007", "RPPS", state=State.DOUBTFUL)
    name = reader().read(HumanName(family="ROY"), "Dr ROY")
    bundle = made(prescriber=Prescriber(rpps=rpps, name=name))
    field = field_of(bundle, "Practitioner", "identifier[0]")
    decision = decide(CORRECT, f"{field.name}.value", "10990000007", "10990000001")
    result = done(bundle, decision)
    for entry in result["entry"]:
        if entry["resource"]["resourceType"] in ("Practitioner", "Organization"):
            assert entry["request"]["ifNoneExist"].endswith("|10990000001")


def test_a_corrected_date_and_kind_reach_every_copy() -> None:
    date = reader().read(DAY, "12/11", state=State.DOUBTFUL)
    own = weight().model_copy(update={"date": reader().read(dt.date(2026, 10, 2), "le 02/10")})
    bundle = made(date=date, measurements=(weight(), own), medications=(line(),))
    composition = url_of(bundle, "Composition")
    kind = field_of(bundle, "Composition", "type")
    code = {"coding": [{"system": systems.DOCUMENT_KIND, "code": "ordonnance"}]}
    result = done(
        bundle,
        decide(CORRECT, f"{composition}#date", "2026-11-12", "2026-11-02"),
        decide(CORRECT, kind.name, kind.value, code),
    )
    assert "2026-11-12" not in str([e["resource"] for e in result["entry"]])
    assert of(result, "Encounter")[0]["period"] == {"start": "2026-11-02", "end": "2026-11-02"}
    days = [one["effectiveDateTime"] for one in of(result, "Observation")]
    assert days == ["2026-11-02", "2026-10-02"]
    assert of(result, "DocumentReference")[0]["type"]["coding"][0]["code"] == "57833-6"
    assert of(result, "Composition")[0]["title"].startswith("Ordonnance du 02/11/2026")


def test_what_the_machine_missed_is_added_by_hand() -> None:
    bundle = made(medications=(line(),))
    url = "urn:uuid:3f2b8c1e-0000-4000-8000-000000000001"
    new = {
        "resourceType": "MedicationRequest",
        "medicationCodeableConcept": {"text": "DOLIPRANE 1 g"},
        "dosageInstruction": [{"text": "1 si douleur", "asNeededBoolean": True}],
    }
    result = done(bundle, decide(ADD, f"{url}#", new=new))
    added = of(result, "MedicationRequest")[1]
    assert added["id"] == url.removeprefix("urn:uuid:")
    assert added["subject"]["reference"] == url_of(bundle, "Patient")
    assert added["authoredOn"] == "2026-11-12"
    assert "security" not in added.get("meta", {})
    treatments = next(
        s for s in of(result, "Composition")[0]["section"] if s["title"] == "Traitements"
    )
    assert url in {entry["reference"] for entry in treatments["entry"]}


@pytest.mark.parametrize(
    ("path", "action", "new"),
    [
        ("status", CORRECT, "active"),
        ("subject", CORRECT, {"reference": "Patient/1"}),
        ("id", CORRECT, "1"),
        ("meta.profile[0]", CORRECT, "x"),
        ("a b", CORRECT, "x"),
        ("valueString", CONFIRM, None),
        ("valueQuantity", CORRECT, None),
        ("valueQuantity", CORRECT, {"value": "lourd"}),
        ("valueQuantity", CORRECT, {"value": 72, "unit": "kg", "code": "kilos",
                                    "system": "http://unitsofmeasure.org"}),
        ("note[3].text", ADD, "x"),
    ],
)  # fmt: skip
def test_a_senseless_decision_is_refused(path: str, action: DecisionAction, new: Any) -> None:
    bundle = made(measurements=(weight(),))
    url = url_of(bundle, "Observation")
    resource = of(bundle, "Observation")[0]
    old = None
    if action is CORRECT:
        old = resource.get(path) if path != "meta.profile[0]" else None
        old = {k: v for k, v in old.items() if k != "extension"} if isinstance(old, dict) else old
    with pytest.raises(BadDecision):
        validate(bundle, [decide(action, f"{url}#{path}", old, new)], DOCTOR, VALIDATED)


@pytest.mark.parametrize("field", ["urn:uuid:nowhere#code", "no hash", ""])
def test_a_decision_on_no_field_is_refused(field: str) -> None:
    with pytest.raises(BadDecision):
        validate(made(), [decide(CORRECT, field, None, "x")], DOCTOR, VALIDATED)


def test_messages_of_refusals_hold_no_value() -> None:
    bundle = made(measurements=(weight(State.DOUBTFUL),))
    field = field_of(bundle, "Observation", "valueQuantity")
    for decision in (
        decide(CORRECT, field.name, {"value": 99}, {"value": 98}),
        decide(CORRECT, field.name, field.value, {"value": "SECRET"}),
    ):
        with pytest.raises((StaleValue, BadDecision)) as caught:
            validate(bundle, [decision], DOCTOR, VALIDATED)
        assert not any(word in str(caught.value) for word in ("SECRET", "72", "99", "98"))


# --- what validating says -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("certainty", "condition", "allergy"),
    [
        (Certainty.CONFIRMED, "confirmed", "confirmed"),
        (Certainty.HYPOTHESIS, "provisional", "unconfirmed"),
        (Certainty.NEGATED, "refuted", "refuted"),
    ],
)
def test_validating_never_says_more_than_the_note(
    certainty: Certainty, condition: str, allergy: str
) -> None:
    bundle = made(
        conditions=(
            Condition(
                text=reader().read("pneumopathie", "?"),
                certainty=certainty,
                role=ConditionRole.DIAGNOSIS,
            ),
        ),
        allergies=(Allergy(text=reader().read("péni", "péni"), certainty=certainty),),
    )
    result = done(bundle)
    for kind, expected in (("Condition", condition), ("AllergyIntolerance", allergy)):
        (resource,) = of(result, kind)
        assert resource["verificationStatus"]["coding"][0]["code"] == expected
        assert resource["recordedDate"].startswith("2026-11-24")


def test_the_narrative_says_no_more_than_the_note_either() -> None:
    bundle = made(
        conditions=(
            Condition(text=reader().read("asthme", "asthme"), certainty=Certainty.HYPOTHESIS),
            Condition(text=reader().read("diabète", "diabète"), certainty=Certainty.NEGATED),
            Condition(text=reader().read("HTA", "HTA")),
        ),
        allergies=(Allergy(text=reader().read("péni", "péni"), certainty=Certainty.HYPOTHESIS),),
    )
    problems_, allergies = of(done(bundle), "Composition")[0]["section"][:2]
    for line in ("Hypothèse : asthme", "Nié : diabète", "HTA"):
        assert f"<p>{line}</p>" in problems_["text"]["div"]
    assert "<p>Hypothèse : péni</p>" in allergies["text"]["div"]


@pytest.mark.parametrize("certainty", Certainty)
def test_no_known_allergy_is_affirmed(certainty: Certainty) -> None:
    none = Allergy(text=reader().read("Pas d'allergie", "x"), none_known=True, certainty=certainty)
    (resource,) = of(done(made(allergies=(none,))), "AllergyIntolerance")
    assert resource["verificationStatus"]["coding"][0]["code"] == "confirmed"


def test_a_problem_corrected_to_words_alone_keeps_a_code() -> None:
    bundle = made(conditions=(Condition(text=reader().read("HTAP", "HTAP")),))
    field = field_of(bundle, "Condition", "code")
    corrected = done(bundle, decide(CORRECT, field.name, field.value, {"text": "fatigue"}))
    code = of(corrected, "Condition")[0]["code"]
    assert (code["text"], code["coding"][0]["code"]) == ("fatigue", "R69")


def test_the_type_of_a_request_follows_what_is_left_of_it() -> None:
    orders = tuple(
        Order(kind=kind, text=reader().read(kind.value, "x"))
        for kind in (OrderKind.IMAGING, OrderKind.LABORATORY)
    )
    bundle = made(kind=reader().read(DocumentKind.TEST_REQUEST, "DEMANDE"), orders=orders)
    field = next(f for f in fields(bundle) if f.value and f.value.get("text") == "laboratory")
    result = done(bundle, decide(REJECT, field.name, field.value))
    for kind in ("Composition", "DocumentReference"):
        assert of(result, kind)[0]["type"]["coding"][0]["code"] == "55115-0"


def test_a_person_may_say_that_the_certainty_was_misread() -> None:
    bundle = made(conditions=(Condition(text=reader().read("HTA", "HTA")),))
    field = f"{url_of(bundle, 'Condition')}#verificationStatus"
    system = f"{systems.TERMINOLOGY}/condition-ver-status"
    old, new = (
        {"coding": [{"system": system, "code": code}]} for code in ("unconfirmed", "provisional")
    )
    (resource,) = of(done(bundle, decide(CORRECT, field, old, new)), "Condition")
    assert resource["verificationStatus"]["coding"][0]["code"] == "provisional"


@pytest.mark.parametrize(
    ("medication", "day", "status"),
    [
        (line(supply_duration=reader().read(qty("3", "mois", "mo"), "QSP")), 24, "active"),
        (line(supply_duration=reader().read(qty("7", "jours", "d"), "QSP")), 24, "completed"),
        (line(supply_duration=reader().read(qty("7", "jours", "d"), "QSP"),
              repeats=reader().read(1, "AR")), 24, "active"),
        (line(), 24, "unknown"),
        (line(), 12, "active"),
        (line(action=MedicationAction.STOP), 24, "completed"),
    ],
)  # fmt: skip
def test_an_order_is_active_only_by_its_own_dates(
    medication: Medication, day: int, status: str
) -> None:
    when = dt.datetime(2026, 11, day, 12, tzinfo=dt.UTC)
    (resource,) = of(done(made(medications=(medication,)), when=when), "MedicationRequest")
    assert resource["status"] == status
    assert resource["authoredOn"] == "2026-11-12"


def test_statuses_say_validated() -> None:
    bundle = made(
        measurements=(weight(),),
        orders=(Order(kind=OrderKind.LABORATORY, text=reader().read("NFS", "NFS")),),
        certificates=(Certificate(kind="sport", text=reader().read("apte", "apte")),),
    )
    result = done(bundle)
    assert {one["status"] for one in of(result, "Observation")} == {"final"}
    assert of(result, "Composition")[0]["status"] == "final"
    assert of(result, "DocumentReference")[0]["docStatus"] == "final"
    assert of(result, "ServiceRequest")[0]["status"] != "draft"
    assert result["meta"]["profile"] == [systems.VALIDATED_BUNDLE]


def test_the_verifier_is_named_and_hand_work_has_its_own_provenance() -> None:
    bundle = made(measurements=(weight(State.DOUBTFUL),))
    field = field_of(bundle, "Observation", "valueQuantity")
    result = done(bundle, decide(CORRECT, field.name, field.value, {**field.value, "value": 70}))
    machine, hand = of(result, "Provenance")
    verifier = machine["agent"][-1]
    assert verifier["type"]["coding"][0]["code"] == "verifier"
    assert verifier["who"]["display"] == DOCTOR
    (target,) = hand["target"]
    assert target["extension"][0]["valueString"] == "Observation.valueQuantity"
    of_machine = next(t for t in machine["target"] if t["reference"] == field.url)
    assert "extension" not in of_machine


def labels(resource: Json) -> set[str]:
    return {one["code"] for one in resource.get("meta", {}).get("security", ())}


def test_only_what_a_machine_read_is_labelled_so() -> None:
    bundle = made(measurements=(weight(State.DOUBTFUL), weight()), medications=(line(),))
    first, second = (f for f in fields(bundle) if f.path == "valueQuantity")
    drug = field_of(bundle, "MedicationRequest", "medicationCodeableConcept")
    result = done(
        bundle,
        decide(CORRECT, first.name, first.value, {**first.value, "value": 70}),
        decide(CONFIRM, second.name, second.value),
        decide(CORRECT, drug.name, drug.value, {"text": "AMODEX"}),
    )
    # Rewritten whole, confirmed as read, rewritten in part.
    rewritten, confirmed = of(result, "Observation")
    (request,) = of(result, "MedicationRequest")
    assert labels(rewritten) == set()
    assert labels(confirmed) == {"AIAST"}
    assert labels(request) == {"AIAST"}
    labelled = {
        field.path: any(e["url"] == systems.INLINE_LABEL for e in field.extensions)
        for field in fields(result)
        if field.kind == "MedicationRequest"
    }
    assert labelled == {
        "medicationCodeableConcept": False,
        "contained[0].ingredient[0].strength": True,
        "dosageInstruction[0]": True,
    }


def test_ids_stay_so_that_a_second_validation_overwrites_the_first() -> None:
    bundle = draft_of(DocumentKind.PREGNANCY, 1)
    every = decisions(bundle)
    first = validate(bundle, every, DOCTOR, VALIDATED)
    again = validate(bundle, every, DOCTOR, VALIDATED)
    assert first == again
    drafted = {entry["fullUrl"] for entry in bundle["entry"]}
    assert drafted <= {entry["fullUrl"] for entry in first["entry"]}
