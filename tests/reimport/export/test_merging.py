"""Two papers of one patient become one record; of near patients they do not."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.fhir import systems
from pipeline.model import DocumentKind
from pipeline.reimport.export.merging import Entry, merged
from tests.fhir.examples import validated_of

Json = dict[str, Any]


def resource(bundle: Json, kind: str) -> Json:
    found: Json = next(
        e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind
    )
    return found


def another_paper(bundle: Json) -> Json:
    """A second paper that says the same: other ids, other paper identifiers."""
    text = copy.deepcopy(bundle)

    def renew(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: renew(child) for name, child in node.items()}
        if isinstance(node, list):
            return [renew(child) for child in node]
        if isinstance(node, str) and node.startswith("urn:uuid:"):
            return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, node)}"
        return node

    renewed: Json = renew(text)
    for entry in renewed["entry"]:
        identity = entry["fullUrl"].removeprefix("urn:uuid:")
        if entry["request"]["method"] == "PUT":
            entry["resource"]["id"] = identity
            entry["request"]["url"] = f"{entry['resource']['resourceType']}/{identity}"
        elif entry["resource"]["resourceType"] == "Patient":
            entry["request"]["ifNoneExist"] += "-2"
            entry["resource"]["identifier"][0]["value"] += "-2"
    return renewed


def patients(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.resource["resourceType"] == "Patient"]


@pytest.fixture(scope="module")
def example() -> Json:
    """A paper with the patient's address and telephone and the prescriber's RPPS number."""
    for seed in range(200):
        bundle = validated_of(DocumentKind.CERTIFICATE, seed, clean=True)
        patient = resource(bundle, "Patient")
        known = any(entry["request"]["url"] == "Practitioner" for entry in bundle["entry"])
        if known and "address" in patient and "telecom" in patient:
            return bundle
    raise AssertionError("no example has all of them")


@pytest.fixture
def paper(example: Json) -> Json:
    return copy.deepcopy(example)


def test_one_identity_on_two_papers_is_one_patient(paper: Json) -> None:
    entries = merged({"a": paper, "b": another_paper(paper)})
    (patient,) = patients(entries)
    assert len(patient.queries) == 2
    for name in ("name", "address", "telecom"):
        assert len(patient.resource[name]) == len(resource(paper, "Patient")[name])
    subjects = {e.resource["subject"]["reference"] for e in entries if "subject" in e.resource}
    assert subjects == {patient.url}
    kinds = [entry.resource["resourceType"] for entry in entries]
    assert kinds.count("Composition") == 2
    assert kinds.count("Practitioner") == 1


def test_what_only_the_second_paper_says_is_added_and_its_provenance_follows(paper: Json) -> None:
    second = another_paper(paper)
    resource(second, "Patient")["address"][0]["text"] = "8 quai des Brumes, 00000 Villefictive"
    entries = merged({"a": paper, "b": second})
    (patient,) = patients(entries)
    assert [one["text"] for one in patient.resource["address"]] == [
        resource(paper, "Patient")["address"][0]["text"],
        "8 quai des Brumes, 00000 Villefictive",
    ]
    paths = [
        [
            extension["valueString"]
            for target in entry.resource["target"]
            if target["reference"] == patient.url
            for extension in target.get("extension", ())
            if extension["url"] == systems.TARGET_PATH and ".address" in extension["valueString"]
        ]
        for entry in entries
        if entry.resource["resourceType"] == "Provenance"
    ]
    assert [one for one in paths if one] == [["Patient.address[0]"], ["Patient.address[1]"]]


def test_bundles_are_left_as_they_are(paper: Json) -> None:
    second = another_paper(paper)
    before = copy.deepcopy((paper, second))
    merged({"a": paper, "b": second})
    assert (paper, second) == before


def _twin(patient: Json) -> None:
    patient["name"][0]["given"] = ["Autre"]


def _born_another_day(patient: Json) -> None:
    patient["birthDate"] = "1931-02-03"


def _nameless(patient: Json) -> None:
    del patient["name"]


@pytest.mark.parametrize("change", [_twin, _born_another_day, _nameless])
def test_near_identities_stay_apart(paper: Json, change: Callable[[Json], None]) -> None:
    second = another_paper(paper)
    change(resource(second, "Patient"))
    assert len(patients(merged({"a": paper, "b": second}))) == 2


def test_identities_without_a_name_are_never_one(paper: Json) -> None:
    second = another_paper(paper)
    for bundle in (paper, second):
        _nameless(resource(bundle, "Patient"))
    assert len(patients(merged({"a": paper, "b": second}))) == 2
