"""Sending: once, whatever happens, and never over someone's edits."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.errors import UsageError
from pipeline.fhir.records import INLINE_LIMIT
from pipeline.fhir.serialising import dumps, loads
from pipeline.reimport.assignment import Policy, decide, recall
from pipeline.reimport.client import Patience, Target
from pipeline.reimport.errors import AlreadySending, InsecureTarget, PatientUndecided
from pipeline.reimport.matching import known_patient
from pipeline.reimport.receipts import (
    Delivery,
    Effect,
    read_receipts,
    receipts_folder,
    sole_sender,
)
from pipeline.reimport.roster import keep_roster
from pipeline.reimport.sending import Outcome, choose, questions, send, titles
from tests.reimport import bundles
from tests.reimport.chaos import FAULTS, Chaos, proxy
from tests.reimport.server import FhirServer, outcome

TARGET = Target("http://127.0.0.1/fhir")
COUNT = 6
NOW = dt.datetime(2026, 11, 23, 20, 0, tzinfo=dt.UTC)


def send_to(
    server: FhirServer, out: Path, policy: Policy = bundles.EVERYONE, **more: Any
) -> Outcome:
    return send(
        out, TARGET, policy, transport=server.transport(), patience=bundles.STUBBORN, **more
    )


def expect_once(server: FhirServer, sent: list[dict[str, Any]]) -> None:
    assert {kind: server.count(kind) for kind in bundles.kinds(sent)} == dict(bundles.kinds(sent))
    assert set(bundles.put_references(sent)) <= server.held.keys()


@pytest.fixture
def server() -> FhirServer:
    return FhirServer()


def test_everything_is_there_once_however_often_it_is_sent(
    server: FhirServer, tmp_path: Path
) -> None:
    sent = bundles.fill(tmp_path, COUNT)
    for _ in range(3):
        result = send_to(server, tmp_path)
        assert {receipt.delivery for receipt in result.receipts} == {Delivery.SENT}
        assert result.reconciliation is not None
        assert result.reconciliation.complete
        assert result.reconciliation.expected == result.reconciliation.found > 0
    expect_once(server, sent)
    assert set(server.writes.values()) == {1}


def test_references_lead_to_what_the_server_holds(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, COUNT)
    send_to(server, tmp_path)
    text = json.dumps(list(server.held.values()))
    assert "urn:uuid:" not in text


@pytest.mark.parametrize("seed", [1, 2])
def test_a_harmful_network_changes_nothing(server: FhirServer, tmp_path: Path, seed: int) -> None:
    sent = bundles.fill(tmp_path, COUNT, papers=2)
    chaos = Chaos(seed, rate=0.4)
    with server.serve() as upstream, proxy(upstream, chaos) as url:
        for _ in range(3):
            result = send(tmp_path, Target(url), bundles.EVERYONE, patience=bundles.STUBBORN)
    assert result.reconciliation is not None
    assert result.reconciliation.complete
    assert {receipt.delivery for receipt in result.receipts} == {Delivery.SENT}
    assert set(FAULTS) <= chaos.met.keys()
    expect_once(server, sent)


def test_a_server_that_stays_silent_leaves_documents_to_be_sent_again(
    server: FhirServer, tmp_path: Path
) -> None:
    sent = bundles.fill(tmp_path, 3)
    transport = server.transport()
    passed = itertools.count()

    def dying(request: httpx.Request) -> httpx.Response:
        # The server dies for good after it has done the first transaction.
        if next(passed) > 15 or request.method == "DELETE":
            raise httpx.ConnectError("down")
        return transport.handle_request(request)

    short = Patience(tries=2, first=0.001, longest=0.002)
    broken = send(
        tmp_path,
        TARGET,
        bundles.EVERYONE,
        transport=httpx.MockTransport(dying),
        patience=short,
        parallel=1,
    )
    assert Delivery.WAITING in {receipt.delivery for receipt in broken.receipts}
    assert broken.reconciliation is not None
    assert not broken.reconciliation.complete
    assert all(r.sentence for r in broken.receipts if r.delivery is Delivery.WAITING)

    whole = send_to(server, tmp_path)
    assert {receipt.delivery for receipt in whole.receipts} == {Delivery.SENT}
    expect_once(server, sent)


def test_an_edit_in_the_record_survives(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 3)
    first = send_to(server, tmp_path)
    reference = next(r for r in server.held if r.startswith("Composition/"))
    server.edit(reference, title="Corrigé dans le dossier")
    again = send_to(server, tmp_path)
    assert server.held[reference]["title"] == "Corrigé dans le dossier"
    effects = {s.reference: s.effect for r in again.receipts for s in r.resources}
    assert effects[reference] is Effect.KEPT
    assert {receipt.delivery for receipt in again.receipts} == {Delivery.SENT}
    assert {r.batch for r in again.receipts} == {first.batch}


def changed(out: Path, name: str) -> str:
    """Validate a document again with another title; the reference of its Composition."""
    path = out / "validated" / name
    bundle = loads(path.read_bytes())
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Composition":
            entry["resource"]["title"] = "Validé à nouveau"
            path.write_text(dumps(bundle), encoding="utf-8")
            return str(entry["request"]["url"])
    raise AssertionError("no Composition")


def test_a_document_validated_again_is_updated(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 3)
    send_to(server, tmp_path)
    reference = changed(tmp_path, "document-0001.json")
    result = send_to(server, tmp_path)
    assert server.held[reference]["title"] == "Validé à nouveau"
    assert server.writes[reference] == 2
    effects = {s.reference: s.effect for r in result.receipts for s in r.resources}
    assert effects[reference] is Effect.UPDATE
    assert [r for r, n in server.writes.items() if n > 1] == [reference]


def test_what_a_document_no_longer_says_leaves_the_record(
    server: FhirServer, tmp_path: Path
) -> None:
    before, after = bundles.revalidated(tmp_path)
    path = tmp_path / "validated" / "document.json"
    send_to(server, tmp_path)
    (gone,) = bundles.references_of(before) - bundles.references_of(after)
    assert gone.startswith("MedicationRequest/")
    path.write_text(after, encoding="utf-8")
    for dry_run in (True, False):
        (receipt,) = send_to(server, tmp_path, dry_run=dry_run).receipts
        effects = {s.reference: s.effect for s in receipt.resources}
        assert receipt.delivery is Delivery.SENT
        assert effects[gone] is Effect.REMOVED
        assert (gone in server.held) is dry_run
    again = send_to(server, tmp_path)
    assert again.reconciliation is not None
    assert again.reconciliation.complete
    assert again.reconciliation.expected == len(loads(after)["entry"])
    # Said again, it is there again: the tombstone is our own.
    path.write_text(before, encoding="utf-8")
    (receipt,) = send_to(server, tmp_path).receipts
    assert receipt.delivery is Delivery.SENT
    assert gone in server.held


def test_what_a_document_no_longer_says_stays_where_someone_edited_it(
    server: FhirServer, tmp_path: Path
) -> None:
    before, after = bundles.revalidated(tmp_path)
    send_to(server, tmp_path)
    (gone,) = bundles.references_of(before) - bundles.references_of(after)
    server.edit(gone, note=[{"text": "vu avec le patient"}])
    (tmp_path / "validated" / "document.json").write_text(after, encoding="utf-8")
    (receipt,) = send_to(server, tmp_path).receipts
    assert (receipt.delivery, receipt.code) == (Delivery.HELD, "dossier-different")
    assert [s.reference for s in receipt.resources if s.effect is Effect.CONFLICT] == [gone]
    assert gone in server.held


def test_a_harmful_network_takes_out_what_is_no_longer_said(
    server: FhirServer, tmp_path: Path
) -> None:
    before, after = bundles.revalidated(tmp_path)
    send_to(server, tmp_path)
    (tmp_path / "validated" / "document.json").write_text(after, encoding="utf-8")
    with server.serve() as upstream, proxy(upstream, Chaos(5, rate=0.4)) as url:
        # The same target as far as receipts know.
        folder = receipts_folder(tmp_path, TARGET.base_url)
        folder.rename(receipts_folder(tmp_path, url))
        for _ in range(2):
            result = send(tmp_path, Target(url), bundles.EVERYONE, patience=bundles.STUBBORN)
    assert result.reconciliation is not None
    assert result.reconciliation.complete
    assert set(server.held) & bundles.references_of(before) == bundles.references_of(after)


def test_papers_of_one_patient_are_written_one_after_the_other(
    server: FhirServer, tmp_path: Path
) -> None:
    bundles.fill(tmp_path, 8, papers=2)
    inner = server.transport()
    at_work: Counter[str] = Counter()
    together: list[int] = []
    overlaps: list[str] = []
    lock = threading.Lock()

    def watched(request: httpx.Request) -> httpx.Response:
        whose = set(re.findall(rb'"Patient/[^"]+"', request.content))
        if b'"transaction"' not in request.content or len(whose) != 1:
            return inner.handle_request(request)
        (patient,) = (one.decode() for one in whose)
        with lock:
            at_work[patient] += 1
            together.append(sum(at_work.values()))
            if at_work[patient] > 1:
                overlaps.append(patient)
        time.sleep(0.05)
        try:
            return inner.handle_request(request)
        finally:
            with lock:
                at_work[patient] -= 1

    result = send(
        tmp_path,
        TARGET,
        bundles.EVERYONE,
        parallel=4,
        transport=httpx.MockTransport(watched),
        patience=bundles.STUBBORN,
    )
    assert {receipt.delivery for receipt in result.receipts} == {Delivery.SENT}
    assert server.count("Patient") == 4
    assert overlaps == []
    assert max(together) > 1


def test_a_change_on_both_sides_goes_to_a_person(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 3)
    send_to(server, tmp_path)
    reference = changed(tmp_path, "document-0001.json")
    server.edit(reference, title="Corrigé dans le dossier")
    for dry_run in (True, False, False):
        result = send_to(server, tmp_path, dry_run=dry_run)
        states = {r.document: r.delivery for r in result.receipts}
        assert states["document-0001"] is Delivery.HELD
        assert states["document-0000"] is states["document-0002"] is Delivery.SENT
        held = next(r for r in result.receipts if r.document == "document-0001")
        assert held.code == "dossier-different"
        assert [s.reference for s in held.resources if s.effect is Effect.CONFLICT] == [reference]
    assert server.held[reference]["title"] == "Corrigé dans le dossier"


def test_what_was_deleted_in_the_record_is_not_made_again(
    server: FhirServer, tmp_path: Path
) -> None:
    bundles.fill(tmp_path, 3)
    send_to(server, tmp_path)
    reference = next(r for r in server.held if r.startswith("Provenance/"))
    server.delete(reference)
    result = send_to(server, tmp_path)
    assert reference not in server.held
    assert result.reconciliation is not None
    assert result.reconciliation.complete
    assert [line.deleted for line in result.reconciliation.lines if line.deleted] == [(reference,)]


def test_receipts_that_are_lost_are_made_again(server: FhirServer, tmp_path: Path) -> None:
    sent = bundles.fill(tmp_path, COUNT)
    send_to(server, tmp_path)
    for path in receipts_folder(tmp_path, TARGET.base_url).rglob("*.json"):
        path.unlink()
    result = send_to(server, tmp_path)
    assert {receipt.delivery for receipt in result.receipts} == {Delivery.SENT}
    assert set(server.writes.values()) == {1}
    expect_once(server, sent)


def test_a_dry_run_writes_nothing(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 4)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    result = send_to(server, tmp_path, dry_run=True)
    effects = {s.effect for r in result.receipts for s in r.resources}
    assert effects == {Effect.CREATE, Effect.FOUND}
    assert not server.held
    assert result.reconciliation is None
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before
    send_to(server, tmp_path)
    again = send_to(server, tmp_path, dry_run=True)
    assert {s.effect for r in again.receipts for s in r.resources} == {Effect.SAME, Effect.FOUND}


def test_nothing_is_created_silently(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 2)
    result = send_to(server, tmp_path, Policy(who=bundles.DOCTOR))
    assert not server.held
    assert {r.delivery for r in result.receipts} == {Delivery.HELD}
    assert {r.code for r in result.receipts} == {"patient-a-choisir"}
    assert [q.document for q in result.questions] == ["document-0000", "document-0001"]


def test_a_decision_is_remembered(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 2)
    asked = send_to(server, tmp_path, Policy(who=bundles.DOCTOR)).questions
    server.held["Patient/known"] = {
        "resourceType": "Patient",
        "id": "known",
        "meta": {"versionId": "1"},
    }
    folder = receipts_folder(tmp_path, TARGET.base_url)
    decide(folder, asked[0], "Patient/known", bundles.DOCTOR, NOW)
    decide(folder, asked[1], None, bundles.DOCTOR, NOW)
    for _ in range(2):
        result = send_to(server, tmp_path, Policy(who=bundles.DOCTOR))
        assert {r.delivery for r in result.receipts} == {Delivery.SENT}
    assert result.receipts[0].patient == "Patient/known"
    assert server.count("Patient") == 2
    assert "name" not in server.held["Patient/known"]
    assert all(decision.reference for decision in recall(folder).values())


def test_a_person_names_a_patient_who_is_there(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 1)
    server._put("Patient/known", {"resourceType": "Patient"})
    more: Any = {"transport": server.transport(), "now": lambda: NOW}

    def name(document: str, reference: str | None) -> tuple[str, ...]:
        return choose(tmp_path, TARGET, document, reference, bundles.DOCTOR, **more)

    for reference in ("known", "toto", "Patient/", "Patient/a b", "Practitioner/known"):
        with pytest.raises(UsageError):
            name("document-0000", reference)
    with pytest.raises(UsageError):
        name("document-0009", None)
    with pytest.raises(PatientUndecided):
        name("document-0000", "Patient/nobody")
    assert recall(receipts_folder(tmp_path, TARGET.base_url)) == {}
    assert name("document-0000", "Patient/known") == ("document-0000",)
    (asked,) = questions(tmp_path, TARGET, Policy(who=bundles.DOCTOR), **more)
    assert asked.decision is not None
    assert asked.decision.reference == "Patient/known"
    assert titles(tmp_path)["document-0000"].startswith("Ordonnance")


def test_nothing_validated_is_nothing_to_send(server: FhirServer, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        send_to(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_whom_the_list_does_not_know_the_server_may(server: FhirServer, tmp_path: Path) -> None:
    first, second = bundles.fill(tmp_path, 2)
    known = known_patient(first["entry"][0]["resource"] | {"id": "from-list"})
    keep_roster(tmp_path, [known])
    server._put("Patient/from-list", {"resourceType": "Patient"})
    person = {name: second["entry"][0]["resource"][name] for name in ("name", "birthDate")}
    server._put("Patient/there", {"resourceType": "Patient", **person})
    result = send_to(server, tmp_path)
    assert [receipt.patient for receipt in result.receipts] == [
        "Patient/from-list",
        "Patient/there",
    ]
    assert server.count("Patient") == 2


def test_a_bundle_that_nobody_validated_is_not_sent(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 3)
    folder = tmp_path / "validated"
    path = folder / "document-0000.json"
    bundle = loads(path.read_bytes())
    bundle["meta"]["profile"] = ["https://reprise.example/fhir/StructureDefinition/draft-bundle"]
    path.write_text(dumps(bundle), encoding="utf-8")
    tampered = loads((folder / "document-0001.json").read_bytes())
    tampered["entry"][4]["resource"]["status"] = "imaginary"
    (folder / "document-0001.json").write_text(dumps(tampered), encoding="utf-8")
    (folder / "document-0002.json").write_text('{"resourceType": "Bun', encoding="utf-8")
    result = send_to(server, tmp_path)
    assert {(r.delivery, r.code) for r in result.receipts} == {(Delivery.REFUSED, "non-valide")}
    assert not server.held


@pytest.mark.parametrize(
    ("status", "delivery", "code", "requests"),
    [
        (400, Delivery.REFUSED, "contenu-refuse", 1),
        (401, Delivery.HELD, "acces-refuse", 1),
        (403, Delivery.HELD, "acces-refuse", 1),
        (404, Delivery.REFUSED, "adresse-fhir", 1),
        (409, Delivery.HELD, "version-differente", 3),
        (412, Delivery.HELD, "version-differente", 3),
        (413, Delivery.HELD, "envoi-trop-lourd", 1),
        (422, Delivery.REFUSED, "contenu-refuse", 1),
        (429, Delivery.WAITING, "serveur-occupe", 3),
        (500, Delivery.WAITING, "serveur-en-panne", 3),
        (502, Delivery.WAITING, "serveur-en-panne", 3),
        (503, Delivery.WAITING, "serveur-occupe", 3),
        (504, Delivery.WAITING, "serveur-en-panne", 3),
    ],
)
def test_bad_answers_are_told_apart(
    server: FhirServer, tmp_path: Path, status: int, delivery: Delivery, code: str, requests: int
) -> None:
    bundles.fill(tmp_path, 1)
    transport = server.transport()
    refused = []

    def refuse(request: httpx.Request) -> httpx.Response:
        if b'"transaction"' in request.content:
            refused.append(request)
            return httpx.Response(status, json=outcome("the server's own words"))
        return transport.handle_request(request)

    result = send(
        tmp_path,
        TARGET,
        bundles.EVERYONE,
        transport=httpx.MockTransport(refuse),
        patience=Patience(tries=3, first=0.001, longest=0.002),
    )
    (receipt,) = result.receipts
    assert (receipt.delivery, receipt.code, receipt.status) == (delivery, code, status)
    assert "the server's own words" in receipt.answer
    assert receipt.sentence
    assert "the server's own words" not in receipt.sentence
    assert len(refused) == requests
    # What was refused once goes through when the cause is gone.
    assert send_to(server, tmp_path).receipts[0].delivery is Delivery.SENT


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_a_large_scan_travels_as_the_bytes_it_is(
    server: FhirServer, tmp_path: Path, rate: float
) -> None:
    (bundle,) = bundles.fill(tmp_path, 1)
    bundle = bundles.with_large_scan(bundle, INLINE_LIMIT + 256)
    (tmp_path / "validated" / "document-0000.json").write_text(dumps(bundle), encoding="utf-8")
    binary = bundle["entry"][-1]["resource"]
    reference = f"Binary/{binary['id']}"
    with server.serve() as upstream, proxy(upstream, Chaos(11, rate)) as url:
        for _ in range(3):
            result = send(tmp_path, Target(url), bundles.EVERYONE, patience=bundles.STUBBORN)
        assert {receipt.delivery for receipt in result.receipts} == {Delivery.SENT}
        assert result.reconciliation is not None
        assert result.reconciliation.complete
    held = server.held[reference]
    assert held["data"] == binary["data"]
    assert held["securityContext"]["reference"] in server.held
    expect_once(server, [bundle])
    if not rate:
        assert server.writes[reference] == 1


def test_large_documents_go_in_several_transactions(
    server: FhirServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.reimport.sending.TRANSACTION_ENTRIES", 3)
    sent = bundles.fill(tmp_path, 3)
    assert send_to(server, tmp_path).reconciliation is not None
    expect_once(server, sent)


def test_an_identifier_borne_twice_is_reported(server: FhirServer, tmp_path: Path) -> None:
    (bundle,) = bundles.fill(tmp_path, 1)
    kind, condition = next(c for c in bundles.conditions([bundle]) if c[0] == "Organization")
    system, _, value = condition.removeprefix("identifier=").rpartition("|")
    for number in (1, 2):
        server._put(
            f"{kind}/double{number}",
            {"resourceType": kind, "identifier": [{"system": system, "value": value}]},
        )
    (receipt,) = send_to(server, tmp_path).receipts
    assert (receipt.delivery, receipt.code) == (Delivery.HELD, "identifiant-en-double")


def test_one_sender_at_a_time(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 1)
    folder = receipts_folder(tmp_path, TARGET.base_url)
    with sole_sender(folder), pytest.raises(AlreadySending):
        send_to(server, tmp_path)


def test_patients_travel_encrypted(tmp_path: Path) -> None:
    bundles.fill(tmp_path, 1)
    with pytest.raises(InsecureTarget):
        send(tmp_path, Target("http://dossier.example/fhir"), bundles.EVERYONE)


def test_the_report_says_it_in_french(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 2)
    send_to(server, tmp_path)
    folder = receipts_folder(tmp_path, TARGET.base_url)
    page = (folder / "reconciliation.html").read_text(encoding="utf-8")
    assert "Chaque document envoyé se trouve une seule fois sur le serveur" in page
    report = json.loads((folder / "reconciliation.json").read_bytes())
    assert report["complete"] is True
    assert report["deliveries"] == {"sent": 2}
    assert len(read_receipts(folder)) == 2


def test_the_report_says_first_what_is_left_to_do(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 3)
    send_to(server, tmp_path)
    reference = changed(tmp_path, "document-0001.json")
    server.edit(reference, title="Corrigé dans le dossier")
    send_to(server, tmp_path)
    folder = receipts_folder(tmp_path, TARGET.base_url)
    page = (folder / "reconciliation.html").read_text(encoding="utf-8")
    assert "1 document(s) sur 3 ne sont pas envoyés" in page
    assert page.index("document-0001") < page.index("document-0000")
    assert reference in page
    lines = json.loads((folder / "reconciliation.json").read_bytes())["lines"]
    assert [line["conflicts"] for line in lines if line["conflicts"]] == [[reference]]
    assert all(line["title"] for line in lines)
