"""Answers judged, waits honoured, addresses and certificates checked."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.errors import UsageError
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


def authority(name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate for `name` that vouches for itself, good for an hour, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


@contextmanager
def encrypted(folder: Path, name: str) -> Iterator[tuple[int, Path]]:
    """A FHIR server behind TLS as `name`; yields its port and the authority's file."""
    certificate, key = authority(name)
    trusted, private = folder / f"{name}.pem", folder / f"{name}.key"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(PATIENT).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1], trusted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_certificates_are_verified(tmp_path: Path) -> None:
    with encrypted(tmp_path, "localhost") as (port, trusted):
        url = f"https://localhost:{port}/fhir"
        with Client(Target(url)) as open_client, pytest.raises(UntrustedServer):
            open_client.repeat("GET", "Patient/1")
        with Client(Target(url, certificates=str(trusted))) as open_client:
            assert open_client.once("GET", "Patient/1").resource == PATIENT
    with encrypted(tmp_path, "dossier.example") as (port, trusted):
        target = Target(f"https://localhost:{port}/fhir", certificates=str(trusted))
        with Client(target) as open_client, pytest.raises(UntrustedServer):
            open_client.repeat("GET", "Patient/1")


@pytest.mark.parametrize("certificates", ["missing.pem", "empty.pem"])
def test_authorities_that_are_none(tmp_path: Path, certificates: str) -> None:
    (tmp_path / "empty.pem").write_text("no certificate", encoding="utf-8")
    with pytest.raises(UsageError):
        Client(Target(URL, certificates=str(tmp_path / certificates)))


def test_a_server_that_never_answers_is_left_after_a_while() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/fhir"
        start = time.monotonic()
        with (
            Client(Target(url, answer_seconds=0.2), Patience(tries=2, first=0.01)) as open_client,
            pytest.raises(ServerSilent),
        ):
            open_client.repeat("GET", "Patient/1")
        assert time.monotonic() - start < 5


def test_a_wait_is_told() -> None:
    told: list[tuple[str, float]] = []
    waits: list[float] = []
    answers = iter([httpx.Response(429, headers={"Retry-After": "12"}), httpx.Response(200)])
    open_client = client(lambda _: next(answers), waits)
    open_client.on_wait = lambda problem, seconds: told.append((problem.code, seconds))
    with open_client:
        open_client.repeat("GET", "Patient/1")
    assert told == [("serveur-occupe", 12.0)]
    assert waits == [12.0]


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


@pytest.mark.parametrize(
    "url",
    [
        "https://[::1",
        "https://dossier.example:abc/fhir",
        "https://dossier.example:99999/fhir",
        "https://exa mple/fhir",
        "https://xn--/fhir",
        "https://dossier.example/fhir\n",
    ],
)
def test_what_is_no_address_at_all(url: str) -> None:
    with pytest.raises(NotAFhirServer, match="mal écrite"):
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
