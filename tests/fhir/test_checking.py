"""Our own check finds what is wrong and nothing else."""

from __future__ import annotations

import base64
import copy
import time

import pytest

from pipeline.errors import BundleError
from pipeline.fhir.bindings import COMMON_UNITS
from pipeline.fhir.checking import ensure_sound, problems
from pipeline.fhir.invariants import is_nir
from pipeline.fhir.serialising import dumps, loads
from pipeline.fhir.structure import primitive_problem
from pipeline.model import DocumentKind
from tests.fhir.examples import draft_of, drafts, nir, validated
from tests.fhir.faults import FAULTS, Fault, plant, sound


def test_the_bundle_that_faults_are_planted_in_is_sound() -> None:
    assert problems(sound()) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault: Fault) -> None:
    bundle = plant(fault)
    assert bundle != sound(), "the fault changes nothing"
    found = problems(bundle)
    assert found, fault.name
    said = " ".join(f"{p.code} {p.path} {p.message}" for p in found)
    for value in ("LEFÈVRE", "1974", "274127598700", "AMLOR", "Pénicilline"):
        assert value not in said, "a message holds a value of the patient"


def test_no_false_alarm_on_drafts_and_validated_bundles() -> None:
    alarms = [problem for bundle in (*drafts(18), *validated(18)) for problem in problems(bundle)]
    assert alarms == []


def test_a_bundle_read_from_its_text_is_as_sound_as_before() -> None:
    bundle = draft_of(DocumentKind.CONSULTATION, 2)
    again = loads(dumps(bundle))
    assert again == bundle
    assert problems(again) == []


def test_ensure_sound_raises_with_a_stable_code() -> None:
    ensure_sound(sound())
    with pytest.raises(BundleError) as caught:
        ensure_sound(plant(FAULTS[0]))
    assert caught.value.code == "bundle-invalide"


def test_checking_leaves_the_bundle_alone() -> None:
    bundle = sound()
    before = copy.deepcopy(bundle)
    problems(bundle)
    assert bundle == before


def test_drafting_and_checking_stay_within_their_time() -> None:
    bundles = list(drafts(6))
    problems(bundles[0])  # loads the models once for a whole run
    start = time.process_time()
    for bundle in drafts(12):
        problems(bundle)
    assert (time.process_time() - start) / 12 < 0.15


def test_units_known_without_a_parser_are_ucum() -> None:
    from ucumvert.parser import get_ucum_parser

    parser = get_ucum_parser()
    for unit in COMMON_UNITS:
        parser.parse(unit)


@pytest.mark.parametrize(
    ("number", "good"),
    [
        (nir("2741275987001"), True),
        (nir("1850699123045"), True),
        (nir("180072A951042"), True),
        (nir("280072B970117"), True),
        ("274127598700100", False),
        ("2741275987001", False),
        ("", False),
        ("27412759870014X", False),
    ],
)
def test_the_key_of_a_social_security_number(number: str, good: bool) -> None:
    assert is_nir(number) is good


@pytest.mark.parametrize("text", ["AA==", "AAA=", "AAAA", "+/9zAAA="])
def test_base64_is_known_by_its_form(text: str) -> None:
    assert primitive_problem("Base64Binary", text) is None
    assert base64.b64decode(text, validate=True)


@pytest.mark.parametrize(
    "text",
    ["A", "AA", "AAA", "A===", "====", "AAAA====", "AA=A", "AA==AAAA", "AA A", "AAA-", "AAAé"],
)
def test_what_is_no_base64_is_refused(text: str) -> None:
    assert primitive_problem("Base64Binary", text) == "not base64"
