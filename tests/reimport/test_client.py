"""Answers judged, waits honoured, addresses and certificates checked."""

from __future__ import annotations

import datetime as dt
import email.utils
import logging
import ssl
from collections.abc import Callable

import httpx
import pytest

from pipeline.reimport.client import (
    Client,
    Patience,
    Target,
    parse_etag,
    parse_location,
    problem_of,
)
from pipeline.reimport.errors import (
    Action,
    InsecureTarget,
    NotAFhirServer,
    ServerBusy,
    ServerProblem,
    ServerSilent,
    UntrustedServer,
)
from tests.reimport.server import outcome

URL = "https://dossier.example/fhir"
PATIENT = {"resourceType": "Patient", "id": "1", "meta": {"versionId": "3"}}


def client(
    answer: Callable[[httpx.Request], httpx.Response], waits: list[float], **patience: float
) -> Client:
    return Client(
        Target(URL),
        Patience(**{"tries": 4, "first": 1.0, "longest": 8.0, **patience}),  # type: ignore[arg-type]
        httpx.MockTransport(answer),
        pause=waits.append,
    )


def test_waits_grow_and_end() -> None:
    waits: list[float] = []
    with client(lambda _: httpx.Response(500), waits) as open_client, pytest.raises(ServerProblem):
        open_client.repeat("GET", "Patient/1")
    assert len(waits) == 3
    for wait, longest in zip(waits, (1, 2, 4), strict=True):
        assert longest / 2 <= wait <= longest


def test_retry_after_in_seconds_and_as_a_date() -> None:
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)
    answers = iter([
        httpx.Response(503, headers={"Retry-After": "17"}),
        httpx.Response(429, headers={"Retry-After": email.utils.format_datetime(at, usegmt=True)}),
        httpx.Response(503, headers={"Retry-After": "soon"}),
        httpx.Response(200, json=PATIENT),
    ])  # fmt: skip
    waits: list[float] = []
    with client(lambda _: next(answers), waits) as open_client:
        assert open_client.repeat("GET", "Patient/1").version == "3"
    assert waits[0] == 17
    assert 57 < waits[1] <= 60
    assert waits[2] <= 4


def test_a_wait_that_is_too_long_is_left_to_the_next_run() -> None:
    waits: list[float] = []

    def busy(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503, headers={"Retry-After": "3600"})

    with client(busy, waits) as open_client, pytest.raises(ServerBusy):
        open_client.repeat("GET", "Patient/1")
    assert waits == []


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (httpx.ConnectError("x"), ServerSilent),
        (httpx.ConnectTimeout("x"), ServerSilent),
        (httpx.ReadTimeout("x"), ServerSilent),
        (httpx.RemoteProtocolError("x"), ServerSilent),
        (httpx.UnsupportedProtocol("x"), NotAFhirServer),
    ],
)
def test_failures_without_an_answer(failure: Exception, error: type[ServerProblem]) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise failure

    with client(fail, []) as open_client, pytest.raises(error):
        open_client.once("GET", "Patient/1")


def test_a_certificate_that_nobody_vouches_for() -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        try:
            raise ssl.SSLCertVerificationError("self-signed")
        except ssl.SSLError as cause:
            raise httpx.ConnectError("x") from cause

    with client(fail, []) as open_client, pytest.raises(UntrustedServer):
        open_client.repeat("GET", "Patient/1")


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(200, content=b'{"resourceType": "Pat'), ServerSilent),
        (httpx.Response(200, html="<p>Welcome</p>"), NotAFhirServer),
        (httpx.Response(302, headers={"Location": "/login"}), NotAFhirServer),
    ],
)
def test_success_that_is_none(response: httpx.Response, error: type[ServerProblem]) -> None:
    with client(lambda _: response, []) as open_client, pytest.raises(error):
        open_client.once("GET", "Patient/1")


def test_every_status_has_an_action_and_a_sentence() -> None:
    for status in [*range(300, 600)]:
        problem = problem_of(status, None, "")
        assert problem is not None
        assert problem.action in Action
        assert problem.sentence.endswith((".", "?"))
        assert problem.retryable is (problem.action is Action.RETRY)
    assert problem_of(204, None, "") is None


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://dossier.example/fhir", True),
        ("http://127.0.0.1:8080/fhir", True),
        ("http://localhost/fhir", True),
        ("http://[::1]/fhir", True),
        ("http://dossier.example/fhir", False),
        ("http://127.0.0.1.dossier.example/fhir", False),
        ("ftp://dossier.example", False),
        ("dossier.example", False),
        ("https://", False),
        ("https://cabinet:secret@dossier.example/fhir", False),
    ],
)
def test_addresses(url: str, good: bool) -> None:
    if good:
        Client(Target(url), transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    else:
        with pytest.raises(InsecureTarget):
            Client(Target(url))


def test_a_search_follows_its_pages_but_no_other_server() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "dossier.example"
        page = int(request.url.params.get("page", "1"))
        following = {
            1: f"{URL}?page=2",
            2: f"{URL}/Patient?page=3",
            3: "https://elsewhere.example/",
        }
        link = [{"relation": "next", "url": following[page]}] if page < last else []
        entry = [
            {"resource": {"resourceType": "Patient", "id": str(page)}},
            {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
        ]
        return httpx.Response(200, json={"resourceType": "Bundle", "link": link, "entry": entry})

    last = 3
    with client(answer, []) as open_client:
        found = open_client.search("Patient?family=x")
        assert [one["id"] for one in found] == ["1", "2", "3"]
        last = 4
        with pytest.raises(NotAFhirServer):
            open_client.search("Patient?family=x")


def test_reading_many_asks_again_for_the_whole_batch() -> None:
    answers = iter([
        httpx.Response(200, json={"resourceType": "Bundle", "entry": [
            {"response": {"status": "200"}, "resource": PATIENT},
            {"response": {"status": "503", "outcome": outcome("busy")}},
        ]}),
        httpx.Response(200, json={"resourceType": "Bundle", "entry": [
            {"response": {"status": "200 OK"}, "resource": PATIENT},
            {"response": {"status": "410 Gone"}},
        ]}),
    ])  # fmt: skip
    with client(lambda _: next(answers), []) as open_client:
        found = open_client.read_many(["Patient/1", "Patient/2"])
    assert found == {"Patient/1": PATIENT, "Patient/2": 410}


@pytest.mark.parametrize(
    ("location", "parsed"),
    [
        ("https://dossier.example/fhir/Patient/1/_history/2", ("Patient/1", "2")),
        ("Patient/1/_history/2", ("Patient/1", "2")),
        ("/fhir/Patient/1", ("Patient/1", None)),
        ("", (None, None)),
    ],
)
def test_locations(location: str, parsed: tuple[str | None, str | None]) -> None:
    assert parse_location(location) == parsed


@pytest.mark.parametrize(("tag", "version"), [('W/"7"', "7"), ('"7"', "7"), ("7", "7"), ("", None)])
def test_etags(tag: str, version: str | None) -> None:
    assert parse_etag(tag) == version


def test_nothing_of_a_search_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    empty = httpx.Response(200, json={"resourceType": "Bundle"})
    with caplog.at_level(logging.DEBUG), client(lambda _: empty, []) as open_client:
        open_client.search("Patient?family=Imaginaire")
    assert "Imaginaire" not in caplog.text
