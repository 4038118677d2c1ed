"""Scoring cannot be fooled: not by leaving out, not by inventing, not by flagging everything."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.evaluation.bundles import read_bundle
from pipeline.evaluation.scoring import evaluate, score
from pipeline.evaluation.tables import tables
from pipeline.evaluation.tallies import LEAVES, Report
from pipeline.evaluation.truths import TruthDocument, read_truth
from samples.generator.contents import paper
from samples.generator.vocabulary import Split, vocabulary
from tests.evaluation.perfect import Perfect

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]


def documents(split: Split, count: int) -> list[Json]:
    """Papers as truth, each in a scan of its own."""
    words = vocabulary(split)
    return [
        {**paper(Random(seed), words).facts, "pages": [1], "mode": "printed", "scan": f"{seed}.pdf"}
        for seed in range(count)
    ]


def scored(facts: list[Json], bundles: list[Json]) -> Report:
    truth = [TruthDocument(f["scan"], "", frozenset(f["pages"]), f["mode"], f, {}) for f in facts]
    return score([read_bundle(bundle) for bundle in bundles], truth)


def perfect(facts: list[Json], state: str = "sure") -> list[Json]:
    return [Perfect(f["scan"], f, state).bundle() for f in copy.deepcopy(facts)]


@pytest.mark.parametrize("split", ["development", "heldout"])
def test_what_a_perfect_reader_presents_is_all_right(split: Split) -> None:
    facts = documents(split, 300)
    report = scored(facts, perfect(facts))
    for kind in ("medication", *LEAVES):
        tally = report.overall(kind)
        assert tally.truth > 0, kind
        assert (tally.precision, tally.recall) == (1.0, 1.0), (
            kind,
            [d for d in report.differences if d.kind == kind][:3],
        )
    everything = report.overall("all")
    assert everything.silent_error_rate == 0
    assert everything.flagged_share == 0
    for tallies in report.dosage_parts.values():
        assert all(tally.recall == 1.0 for tally in tallies.values())
    assert not report.differences


def test_flagging_everything_shows() -> None:
    facts = documents("development", 20)
    report = scored(facts, perfect(facts, "doubtful"))
    assert report.overall("all").flagged_share == 1.0
    assert report.overall("all").f1 == 1.0


def test_presenting_nothing_scores_nothing() -> None:
    facts = documents("development", 20)
    report = scored(facts, [])
    everything = report.overall("all")
    assert everything.truth > 100
    assert (everything.recall, everything.f1, everything.silent_error_rate) == (0.0, 0.0, 0.0)
    assert report.found == {}


def test_unread_values_are_not_found() -> None:
    facts = documents("development", 10)
    report = scored(facts, perfect(facts, "unread"))
    assert report.overall("medication").right == 0
    assert report.unread > 0


def test_a_bundle_of_no_document_is_wrong_throughout() -> None:
    facts = documents("development", 8)
    report = scored(facts[:4], perfect(facts))
    everything = report.overall("all")
    assert report.strays == 4
    assert everything.recall == 1.0
    assert everything.precision < 0.9
    assert everything.silent_error_rate > 0.1


def _resources(bundle: Json, kind: str) -> list[Json]:
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind]


def _other_drug(bundle: Json) -> None:
    _resources(bundle, "MedicationRequest")[0]["medicationCodeableConcept"]["text"] = "INCONNUOL"


def _ten_times_the_strength(bundle: Json) -> None:
    product = _resources(bundle, "MedicationRequest")[0]["contained"][0]
    product["ingredient"][0]["strength"]["numerator"]["value"] *= 10


def _ten_times_the_dose(bundle: Json) -> None:
    step = _resources(bundle, "MedicationRequest")[0]["dosageInstruction"][0]
    dose = step["doseAndRate"][0]
    quantity = dose.get("doseQuantity") or dose["doseRange"]["high"]
    quantity["value"] *= 10


def _another_birth_date(bundle: Json) -> None:
    _resources(bundle, "Patient")[0]["birthDate"] = "1901-01-01"


def _twice(bundle: Json) -> None:
    bundle["entry"].append(copy.deepcopy(bundle["entry"][-1]))


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (_other_drug, "drug"),
        (_ten_times_the_strength, "strength"),
        (_ten_times_the_dose, "dosage"),
        (_another_birth_date, "birth-date"),
        (_twice, "drug"),
    ],
)
def test_a_wrong_value_that_looks_sure_is_a_silent_error(
    spoil: Callable[[Json], None], kind: str
) -> None:
    facts = [
        d
        for d in documents("development", 60)
        if d["kind"] == "ordonnance"
        and "birthDate" in d["patient"]
        and "strength" in d["medications"][0]
    ][:1]
    for state, silent in (("sure", True), ("doubtful", False)):
        bundles = perfect(facts, state)
        spoil(bundles[0])
        tally = scored(facts, bundles).overall(kind)
        assert tally.precision < 1.0
        assert bool(tally.sure_wrong) is silent


def test_a_denied_symptom_is_not_the_symptom() -> None:
    facts = [
        d
        for d in documents("development", 80)
        if any(c["certainty"] == "negated" for c in d["conditions"])
    ][:1]
    bundles = perfect(facts)
    for condition in _resources(bundles[0], "Condition"):
        condition.pop("verificationStatus")
    assert scored(facts, bundles).overall("condition").sure_wrong >= 1


def test_values_without_evidence_count_as_sure() -> None:
    facts = documents("development", 3)
    bundles = perfect(facts, "doubtful")
    for bundle in bundles:
        for patient in _resources(bundle, "Patient"):
            patient["birthDate"] = "1901-01-01"
            patient.pop("_birthDate", None)
    tally = scored(facts, bundles).overall("birth-date")
    assert tally.unmarked == tally.sure_wrong == 3


def test_committed_truth_against_perfect_bundles(tmp_path: Path) -> None:
    """From files: regions lie on the ink that the truth names, and the report prints."""
    drafts = tmp_path / "drafts"
    drafts.mkdir()
    folder = ROOT / "samples" / "truth"
    number = 0
    for path in sorted(folder.glob("*.json")):
        scan = json.loads(path.read_text(encoding="utf-8"))
        for facts in scan["documents"]:
            number += 1
            bundle = Perfect(scan["scan"], facts).bundle()
            (drafts / f"{number}.json").write_text(json.dumps(bundle), encoding="utf-8")
    report = evaluate(tmp_path, folder)
    everything = report.overall("all")
    assert sum(report.found.values()) == number == len(read_truth(folder))
    assert everything.f1 == 1.0
    assert everything.placed > 50
    assert everything.on_ink == everything.placed
    assert report.as_json()["all"]["kinds"]["all"]["recall"] == 1.0
    assert len(tables(report).renderables) > 6


@pytest.mark.parametrize("content", [None, "[]", "{", '{"scan": "a.pdf"}'])
def test_bad_truth_is_said_in_french(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "a.json").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError):
        evaluate(tmp_path, tmp_path)
