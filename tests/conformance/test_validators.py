"""What independent validators say of our bundles, and of bundles with one fault each."""

from __future__ import annotations

import pytest

from pipeline.fhir.serialising import dumps
from pipeline.fhir.validating import validate
from pipeline.model import DocumentKind
from tests.conformance import engines, papers
from tests.fhir import examples, faults

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(900)]

# Four of each kind of document.
COUNT = 24
# Faults of base R4 or FR Core that HAPI lets pass (measured with 8.6.0).
HAPI_LETS_PASS = {
    "duration in kilograms",
    "unit without its period",
    "id that is not the fullUrl's",
    "put to another place",
    "create without condition",
}


@pytest.fixture(scope="module")
def bundles() -> dict[str, str]:
    made = {
        f"{state}-{number}": dumps(bundle)
        for state, bundles in (
            ("draft", examples.drafts(COUNT)),
            ("validated", examples.validated(COUNT)),
        )
        for number, bundle in enumerate(bundles)
    }
    # And of what the whole extraction makes of a paper of each kind.
    for kind in DocumentKind:
        draft = papers.draft_of(kind)
        decided = validate(draft, examples.decisions(draft), examples.DOCTOR, examples.VALIDATED)
        made[f"draft-{kind}"], made[f"validated-{kind}"] = dumps(draft), dumps(decided)
    assert len(made) == 2 * (COUNT + len(DocumentKind))
    return made


def test_hapi_finds_no_error_in_any_bundle(
    hapi_validator: engines.HapiValidator, bundles: dict[str, str]
) -> None:
    found = {name: hapi_validator.faults(text) for name, text in bundles.items()}
    assert {name: messages for name, messages in found.items() if messages} == {}


def test_medplum_finds_no_error_in_any_bundle(
    medplum_validator: str, bundles: dict[str, str]
) -> None:
    found = {
        name: [m for m in engines.medplum_messages(medplum_validator, text) if m.is_fault]
        for name, text in bundles.items()
    }
    assert {name: messages for name, messages in found.items() if messages} == {}


def test_hapi_finds_the_planted_faults(hapi_validator: engines.HapiValidator) -> None:
    assert hapi_validator.faults(dumps(faults.sound())) == ()
    passed = {
        fault.name: fault.official
        for fault in faults.FAULTS
        if not hapi_validator.faults(dumps(faults.plant(fault)))
    }
    assert len(faults.FAULTS) - len(passed) >= 30
    if hapi_validator.fr_core:
        assert {name for name, official in passed.items() if official} <= HAPI_LETS_PASS


@pytest.mark.parametrize(
    "name",
    [
        "reference that leads nowhere",
        "moments and times of day",
        "social security number with a wrong key",
        "unit that is not UCUM",
        "gender outside the value set",
    ],
)
def test_hapi_finds_the_faults_that_matter_most(
    hapi_validator: engines.HapiValidator, name: str
) -> None:
    (fault,) = [fault for fault in faults.FAULTS if fault.name == name]
    assert hapi_validator.faults(dumps(faults.plant(fault)))


@pytest.mark.parametrize(
    ("system", "code", "severity"),
    [
        ("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item", None),
        ("http://terminology.hl7.org/CodeSystem/condition-category", "imaginary", "error"),
        ("https://smt.esante.gouv.fr/terminologie-cim-10", "R69", "warning"),
    ],
)
def test_an_unknown_system_is_told_apart_from_an_unknown_code(
    hapi_validator: engines.HapiValidator, system: str, code: str, severity: str | None
) -> None:
    condition = {
        "resourceType": "Condition",
        "subject": {"display": "x"},
        "category": [{"coding": [{"system": system, "code": code}]}],
    }
    messages = hapi_validator.messages(dumps(condition))
    about = {m.severity for m in messages if system in m.text or code in m.text}
    assert about <= ({"information", "warning", severity} if severity else set())
    assert severity is None or severity in about
    assert any(message.is_fault for message in messages) is (severity == "error")
