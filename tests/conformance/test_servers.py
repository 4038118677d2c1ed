"""Sends to the servers of others, through a harmful network and with a sender that is killed."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.fhir.serialising import dumps
from pipeline.reimport.client import Patience, Target
from pipeline.reimport.receipts import Delivery, receipts_folder
from pipeline.reimport.reconciliation import Reconciliation
from pipeline.reimport.sending import send
from pipeline.reimport.withdrawing import unsend
from tests.reimport import bundles
from tests.reimport.chaos import FAULTS, Chaos, proxy
from tests.reimport.killing import points, send_and_kill, send_whole

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(3600)]

COUNT = int(os.environ.get("REPRISE_CONFORMANCE_BUNDLES", "200"))
PATIENCE = Patience(tries=25, first=0.02, longest=0.5)


@pytest.fixture(params=["hapi_server", "medplum_server"])
def server(request: pytest.FixtureRequest) -> str:
    base: str = request.getfixturevalue(request.param)
    return base


def counted(base: str, kinds: set[str]) -> dict[str, int]:
    """How many resources of each type the server holds, by its own count."""
    answers = {
        kind: httpx.get(f"{base}/{kind}", params={"_summary": "count"}, timeout=60).json()
        for kind in kinds
    }
    return {kind: answer["total"] for kind, answer in answers.items()}


def expect_once(base: str, sent: list[dict[str, Any]]) -> None:
    """Each resource of `sent` is on the server, and nothing beside."""
    expected = bundles.kinds(sent)
    assert counted(base, set(expected)) == dict(expected)
    for reference in bundles.put_references(sent[:: max(1, len(sent) // 20)]):
        assert httpx.get(f"{base}/{reference}", timeout=60).status_code == 200


def test_three_sends_through_a_harmful_network(server: str, tmp_path: Path) -> None:
    sent = bundles.fill(tmp_path, COUNT, papers=2)
    chaos = Chaos(seed=20261123, rate=0.15)
    with proxy(server, chaos) as url:
        for _ in range(3):
            result = send(tmp_path, Target(url), bundles.EVERYONE, patience=PATIENCE)
    assert {receipt.delivery for receipt in result.receipts} == {Delivery.SENT}
    assert result.reconciliation is not None
    assert result.reconciliation.complete
    assert result.reconciliation.found == result.reconciliation.expected > 10 * COUNT
    assert set(FAULTS) <= chaos.met.keys()
    expect_once(server, sent)


def test_ten_kills_of_the_sender(server: str, tmp_path: Path) -> None:
    sent = bundles.fill(tmp_path, COUNT, papers=2)
    chaos = Chaos(seed=1, rate=0.0)
    passed: Callable[[], int] = lambda: chaos.passed  # noqa: E731
    with proxy(server, chaos) as url:
        killed = [
            send_and_kill(tmp_path, url, passed, after)
            for after in points(seed=7, count=10, most=max(60, 2 * COUNT))
        ]
        assert killed.count(True) >= 8
        assert send_whole(tmp_path, url) == 0
        report = receipts_folder(tmp_path, url) / "reconciliation.json"
    assert Reconciliation.model_validate_json(report.read_bytes()).complete
    expect_once(server, sent)


def test_a_large_scan_is_kept_whole(
    server: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (bundle,) = bundles.fill(tmp_path, 1)
    bundle = bundles.with_large_scan(bundle, 3 * 1024 * 1024)
    (tmp_path / "validated" / "document-0000.json").write_text(dumps(bundle), encoding="utf-8")
    binary = bundle["entry"][-1]["resource"]
    for _ in range(2):
        result = send(tmp_path, Target(server), bundles.EVERYONE, patience=PATIENCE)
        assert {receipt.delivery for receipt in result.receipts} == {Delivery.SENT}
        assert result.reconciliation is not None
        assert result.reconciliation.complete
    expect_once(server, [bundle])
    if request.node.callspec.params["server"] == "hapi_server":
        answer = httpx.get(f"{server}/Binary/{binary['id']}", timeout=60)
        assert answer.headers["content-type"].startswith("application/pdf")
        assert base64.b64encode(answer.content).decode() == binary["data"]
    receipts = unsend(tmp_path, Target(server), patience=PATIENCE)
    assert {receipt.delivery for receipt in receipts} == {Delivery.WITHDRAWN}
    assert counted(server, {"Composition", "Binary"}) == {"Composition": 0, "Binary": 0}


def test_what_a_document_no_longer_says_leaves_the_record(server: str, tmp_path: Path) -> None:
    before, after = bundles.revalidated(tmp_path)
    path = tmp_path / "validated" / "document.json"
    for text in (before, after, before, after):
        path.write_text(text, encoding="utf-8")
        result = send(tmp_path, Target(server), bundles.EVERYONE, patience=PATIENCE)
        assert {receipt.delivery for receipt in result.receipts} == {Delivery.SENT}
        assert result.reconciliation is not None
        assert result.reconciliation.complete
        there = {
            reference
            for reference in bundles.references_of(before)
            if httpx.get(f"{server}/{reference}", timeout=60).status_code == 200
        }
        assert there == bundles.references_of(text)


def test_an_edit_survives_and_the_rest_is_taken_back(server: str, tmp_path: Path) -> None:
    sent = bundles.fill(tmp_path, 6)
    target = Target(server)
    send(tmp_path, target, bundles.EVERYONE, patience=PATIENCE)
    reference = next(r for r in bundles.put_references(sent) if r.startswith("Composition/"))
    edited = httpx.get(f"{server}/{reference}").json() | {"title": "Corrigé dans le dossier"}
    httpx.put(f"{server}/{reference}", json=edited).raise_for_status()
    again = send(tmp_path, target, bundles.EVERYONE, patience=PATIENCE)
    assert {receipt.delivery for receipt in again.receipts} == {Delivery.SENT}
    assert httpx.get(f"{server}/{reference}").json()["title"] == "Corrigé dans le dossier"

    receipts = unsend(tmp_path, target, patience=PATIENCE)
    states = [receipt.delivery for receipt in receipts]
    assert states.count(Delivery.HELD) == 1
    assert states.count(Delivery.WITHDRAWN) == len(sent) - 1
    assert counted(server, {"Composition"}) == {"Composition": 1}
