"""Decisions from a file reach the drafts of an output folder, and the ledger keeps them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline import cli, validation
from pipeline.batch import draft_path, ledger_path
from pipeline.config import Settings
from pipeline.errors import Undecided, UsageError
from pipeline.fhir.drafting import draft
from pipeline.fhir.fields import fields
from pipeline.fhir.serialising import dumps, loads
from pipeline.fhir.validating import open_fields
from pipeline.model import DocumentKind
from pipeline.store.ledger import Ledger
from pipeline.store.packing import pack
from pipeline.store.tables import DocumentState
from pipeline.validation import read_decisions, validated_path
from tests.fhir.examples import RECORDED, decisions, extraction

WHO = "Dr Alix Relecture"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path


def enter(out: Path, seed: int, *, clean: bool) -> str:
    """A document with its draft in the output folder and the ledger; its id."""
    read, paper, original = extraction(DocumentKind.CONSULTATION, seed, clean=clean)
    ledger = Ledger(ledger_path(out))
    ledger.take(paper.scan)
    for page in paper.pages:
        ledger.page_read(paper.scan.sha256, page.number, pack(page), "v1")
    ledger.document_done(paper, pack(read), "v1")
    ledger.close()
    path = draft_path(out, paper.id)
    path.parent.mkdir(exist_ok=True)
    bundle = draft(read, paper, original, Settings(), RECORDED)
    path.write_text(dumps(bundle), encoding="utf-8")
    return paper.id


def write(out: Path, taken: dict[str, list[dict[str, Any]]]) -> Path:
    path = out / "decisions.json"
    path.write_text(json.dumps(taken), encoding="utf-8")
    return path


def as_json(out: Path, document: str) -> list[dict[str, Any]]:
    """Decisions that leave nothing open, as a file holds them: who and when left out."""
    bundle = loads(draft_path(out, document).read_bytes())
    return [json.loads(one.model_dump_json(exclude={"who", "when"})) for one in decisions(bundle)]


def state_of(out: Path, document: str) -> tuple[DocumentState, list[Any], list[Any]]:
    ledger = Ledger(ledger_path(out))
    try:
        (state,) = (row.state for row in ledger.documents() if row.id == document)
        return state, ledger.decisions(document), ledger.validations(document)
    finally:
        ledger.close()


def test_decisions_are_carried_out_and_kept_as_events(out: Path) -> None:
    document = enter(out, 1, clean=False)
    taken = read_decisions(write(out, {document: as_json(out, document)}), WHO)
    (outcome,) = validation.validate_documents(out, taken, WHO)
    assert outcome.error is None
    data = validated_path(out, document).read_bytes()
    assert open_fields(loads(data)) == ()
    state, events, vouched = state_of(out, document)
    assert state is DocumentState.VALIDATED
    assert events == taken[document]
    assert {event.who for event in events} == {WHO}
    assert [(v.who, v.sha256) for v in vouched] == [(WHO, hashlib.sha256(data).hexdigest())]


def test_events_hold_numbers_as_numbers(out: Path) -> None:
    document = enter(out, 3, clean=True)
    bundle = loads(draft_path(out, document).read_bytes())
    field = next(f for f in fields(bundle) if f.path == "valueQuantity")
    new = json.loads(dumps({**field.value, "value": 71}))
    taken = {"action": "correct", "field": field.name, "old": json.loads(dumps(field.value))}
    made = read_decisions(write(out, {document: [{**taken, "new": {**new, "value": 71.5}}]}), WHO)
    (outcome,) = validation.validate_documents(out, made, WHO)
    assert outcome.error is None
    _, (event,), _ = state_of(out, document)
    assert event.new["value"] == 71.5


def test_a_document_with_an_open_value_is_refused_and_nothing_is_kept(out: Path) -> None:
    document = enter(out, 1, clean=False)
    (outcome,) = validation.validate_documents(out, {document: ()}, WHO)
    assert isinstance(outcome.error, Undecided)
    assert not validated_path(out, document).exists()
    assert state_of(out, document) == (DocumentState.DRAFT, [], [])


def test_all_sure_takes_what_holds_no_doubt_and_leaves_the_rest(out: Path) -> None:
    sure, doubtful = enter(out, 3, clean=True), enter(out, 1, clean=False)
    (outcome,) = validation.validate_all_sure(out, WHO)
    assert (outcome.document, outcome.error) == (sure, None)
    assert validation.waiting(out) == [doubtful]
    assert [v.who for v in state_of(out, sure)[2]] == [WHO]
    assert validation.validate_all_sure(out, WHO) == []


def test_an_unknown_document_is_named_and_the_others_go_on(out: Path) -> None:
    document = enter(out, 3, clean=True)
    outcomes = validation.validate_documents(out, {"nobody's": (), document: ()}, WHO)
    assert [outcome.error is None for outcome in outcomes] == [False, True]


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"a": 3}', '{"a": [{"action": "guess", "field": "x"}]}', '{"a": [{"field": "x"}]}'],
)
def test_a_file_that_holds_no_decisions(out: Path, text: str) -> None:
    path = out / "decisions.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError):
        read_decisions(path, WHO)


def test_the_command_says_what_is_left_to_decide(out: Path) -> None:
    document = enter(out, 1, clean=False)
    path = write(out, {document: []})
    run = CliRunner().invoke(cli.app, ["validate", str(out), "--as", WHO, "--decisions", str(path)])
    assert run.exit_code == 4
    bundle = loads(draft_path(out, document).read_bytes())
    assert all(f"  {name}\n" in run.stderr for name in open_fields(bundle))
    assert "0 validés, 1 refusés, 1 à relire" in run.stdout


def test_nobody_validates_without_a_name(out: Path) -> None:
    enter(out, 3, clean=True)
    run = CliRunner().invoke(cli.app, ["validate", str(out), "--as", " ", "--all-sure"])
    assert run.exit_code == 2
    assert not (out / "validated").exists()
