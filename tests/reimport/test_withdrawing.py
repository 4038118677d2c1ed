"""Taking back what was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.reimport.client import Target
from pipeline.reimport.receipts import Delivery, Receipt
from pipeline.reimport.sending import Outcome, send
from pipeline.reimport.withdrawing import unsend
from tests.reimport import bundles
from tests.reimport.chaos import Chaos, proxy
from tests.reimport.server import FhirServer

TARGET = Target("http://127.0.0.1/fhir")


def send_to(server: FhirServer, out: Path) -> Outcome:
    return send(
        out, TARGET, bundles.EVERYONE, transport=server.transport(), patience=bundles.STUBBORN
    )


def take_back(server: FhirServer, out: Path, **chosen: Any) -> tuple[Receipt, ...]:
    return unsend(out, TARGET, transport=server.transport(), patience=bundles.STUBBORN, **chosen)


@pytest.fixture
def server() -> FhirServer:
    server = FhirServer()
    server._put("Patient/before", {"resourceType": "Patient"})
    return server


def test_all_that_was_made_goes_and_nothing_else(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 4)
    send_to(server, tmp_path)
    receipts = take_back(server, tmp_path)
    assert {receipt.delivery for receipt in receipts} == {Delivery.WITHDRAWN}
    assert set(server.held) == {"Patient/before"}
    assert take_back(server, tmp_path) == ()


def test_what_was_taken_back_can_be_sent_again(server: FhirServer, tmp_path: Path) -> None:
    sent = bundles.fill(tmp_path, 4)
    send_to(server, tmp_path)
    take_back(server, tmp_path)
    result = send_to(server, tmp_path)
    assert {receipt.delivery for receipt in result.receipts} == {Delivery.SENT}
    assert set(bundles.put_references(sent)) <= server.held.keys()


def test_one_document_or_one_batch(server: FhirServer, tmp_path: Path) -> None:
    sent = bundles.fill(tmp_path, 2)
    first = send_to(server, tmp_path)
    (receipt,) = take_back(server, tmp_path, documents=["document-0001"])
    assert receipt.document == "document-0001"
    assert set(bundles.put_references(sent[:1])) <= server.held.keys()
    assert not set(bundles.put_references(sent[1:])) & server.held.keys()
    assert take_back(server, tmp_path, batch="another") == ()
    assert len(take_back(server, tmp_path, batch=first.batch)) == 1


def test_an_edited_document_stays(server: FhirServer, tmp_path: Path) -> None:
    sent = bundles.fill(tmp_path, 2)
    send_to(server, tmp_path)
    edited = next(r for r in bundles.put_references(sent[:1]) if r.startswith("Composition/"))
    server.edit(edited, title="Corrigé dans le dossier")
    receipts = {receipt.document: receipt for receipt in take_back(server, tmp_path)}
    assert receipts["document-0000"].delivery is Delivery.HELD
    assert "modifié" in receipts["document-0000"].sentence
    assert receipts["document-0001"].delivery is Delivery.WITHDRAWN
    assert set(bundles.put_references(sent[:1])) <= server.held.keys()


def test_an_actor_that_others_refer_to_stays(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 1)
    send_to(server, tmp_path)
    patient = next(r for r in server.held if r.startswith("Patient/s"))
    server._put(
        "Observation/another",
        {"resourceType": "Observation", "subject": {"reference": patient}},
    )
    (receipt,) = take_back(server, tmp_path)
    assert receipt.delivery is Delivery.WITHDRAWN
    assert patient in server.held


def test_a_server_that_does_not_delete_keeps_them(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 1)
    send_to(server, tmp_path)
    inner = server.transport()

    def refuse(request: httpx.Request) -> httpx.Response:
        if b"DELETE" in request.content:
            return httpx.Response(403)
        return inner.handle_request(request)

    (receipt,) = unsend(tmp_path, TARGET, transport=httpx.MockTransport(refuse))
    assert (receipt.delivery, receipt.code) == (Delivery.HELD, "acces-refuse")


def test_a_harmful_network_takes_back_all_the_same(server: FhirServer, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 4)
    with server.serve() as upstream, proxy(upstream, Chaos(9, rate=0.3)) as url:
        send(tmp_path, Target(url), bundles.EVERYONE, patience=bundles.STUBBORN)
        receipts = unsend(tmp_path, Target(url), patience=bundles.STUBBORN)
    assert {receipt.delivery for receipt in receipts} == {Delivery.WITHDRAWN}
    kept = {reference.partition("/")[0] for reference in server.held}
    assert kept <= {"Patient", "Practitioner", "PractitionerRole", "Organization", "Device"}
