"""The verbs of reimport as a person sees them, against a server on the loopback interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from typer.testing import CliRunner, Result

from pipeline import cli
from pipeline.errors import RepriseError
from pipeline.fhir.serialising import loads
from tests.reimport import bundles
from tests.reimport.server import FhirServer, outcome
from tests.reimport.test_authentication import RSA_PEM

WHO = ["--as", bundles.DOCTOR]


@pytest.fixture
def server() -> FhirServer:
    return FhirServer()


@pytest.fixture
def url(server: FhirServer) -> Iterator[str]:
    with server.serve() as base:
        yield base


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline import terminal

    monkeypatch.setattr(terminal.console, "width", 200)


def reprise(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(one) for one in arguments])


def test_a_dry_run_says_patient_by_patient_what_would_be_done(
    server: FhirServer, url: str, tmp_path: Path
) -> None:
    bundles.fill(tmp_path, 3)
    planned = reprise("send", tmp_path, "--to", url, *WHO, "--create-unmatched", "--dry-run")
    assert planned.exit_code == 0
    for said in ("Ce qui serait fait", "nouveau n° 1", "nouveau n° 3", "à créer", "à envoyer : 3"):
        assert said in planned.stdout
    assert "Essai, rien n'a été écrit" in planned.stdout
    assert not server.held
    assert not (tmp_path / "receipts").exists() or not list(tmp_path.rglob("receipts/*/*.json"))

    sent = reprise("send", tmp_path, "--to", url, *WHO, "--create-unmatched")
    assert sent.exit_code == 0
    assert "envoyé : 3" in sent.stdout
    assert "chacune une seule fois" in sent.stdout
    assert "reconciliation.html" in sent.stdout

    again = reprise("send", tmp_path, "--to", url, *WHO, "--dry-run")
    assert "rien à faire : 3" in again.stdout
    assert "Patient/s" in again.stdout
    edited = next(r for r in server.held if r.startswith("Composition/"))
    server.edit(edited, title="Corrigé dans le dossier")
    assert (
        "modifiées depuis, laissées : 1"
        in reprise("send", tmp_path, "--to", url, *WHO, "--dry-run").stdout
    )


def test_identities_are_shown_only_where_one_chooses_between_them(
    server: FhirServer, url: str, tmp_path: Path
) -> None:
    (bundle,) = bundles.fill(tmp_path, 1)
    patient = bundle["entry"][0]["resource"]
    server._put(
        "Patient/there",
        {"resourceType": "Patient", "name": patient["name"], "birthDate": patient["birthDate"]},
    )
    family = patient["name"][0]["family"]
    held = reprise("send", tmp_path, "--to", url, *WHO)
    assert held.exit_code == 6
    assert "à désigner" in held.stdout
    assert "Pour 1, un seul patient correspond" in held.stdout
    assert family not in held.stdout

    asked = reprise("assign", tmp_path, "--to", url, *WHO)
    assert asked.exit_code == 0
    assert family in asked.stdout
    assert "Patient/there" in asked.stdout
    named = reprise(
        "assign", tmp_path, "--to", url, *WHO,
        "--document", "document-0000", "--patient", "Patient/there",
    )  # fmt: skip
    assert "1 document(s)" in named.stdout
    assert "désigné" in reprise("assign", tmp_path, "--to", url, *WHO).stdout
    assert reprise("send", tmp_path, "--to", url, *WHO).exit_code == 0
    assert server.count("Patient") == 1


def test_what_was_sent_is_taken_back(server: FhirServer, url: str, tmp_path: Path) -> None:
    bundles.fill(tmp_path, 2)
    nothing = reprise("unsend", tmp_path, "--to", url)
    assert nothing.exit_code == 0
    assert "Rien de ce dossier" in nothing.stdout
    reprise("send", tmp_path, "--to", url, *WHO, "--create-unmatched")
    taken = reprise("unsend", tmp_path, "--to", url)
    assert taken.exit_code == 0
    assert taken.stdout.count("retiré du serveur") == 2
    assert not server.held


def test_an_address_where_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline import terminal
    from pipeline.reimport import sending
    from pipeline.reimport.client import Patience

    bundles.fill(tmp_path, 1)
    monkeypatch.setattr(terminal, "SHORT_WAIT", 0.0)
    monkeypatch.setattr(sending, "Patience", lambda: Patience(tries=4, first=0.01))
    tried = reprise("send", tmp_path, "--to", "http://127.0.0.1:9/fhir", *WHO)
    assert isinstance(tried.exception, RepriseError)
    assert tried.exception.code == "serveur-muet"
    assert tried.stdout.count("Nouvel essai dans") == 3


class Guarded(FhirServer):
    """A server that wants a token, and says where to ask for one."""

    base = ""
    asked = 0

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        if path == "/.well-known/smart-configuration":
            return 200, {}, {"token_endpoint": f"{self.base}/token"}
        if path == "/token":
            form = parse_qs(body.decode())
            assert form["scope"] == ["system/*.write"]
            assert form["client_assertion"]
            self.asked += 1
            return 200, {}, {"access_token": "given", "token_type": "bearer", "expires_in": 300}
        if headers.get("Authorization") != "Bearer given":
            return 401, {}, outcome("no token")
        return super().answer(method, path, headers, body)


def test_a_whole_send_as_a_backend_service(tmp_path: Path) -> None:
    bundles.fill(tmp_path, 1)
    key = tmp_path / "key.pem"
    key.write_text(RSA_PEM, encoding="utf-8")
    server = Guarded()
    with server.serve() as base:
        server.base = base
        denied = reprise("send", tmp_path, "--to", base, *WHO, "--token", "another")
        assert isinstance(denied.exception, RepriseError)
        assert denied.exception.code == "acces-refuse"
        sent = reprise(
            "send", tmp_path, "--to", base, *WHO, "--create-unmatched", "--client-id", "reprise",
            "--key", key, "--key-id", "key-1", "--scope", "system/*.write",
        )  # fmt: skip
    assert sent.exit_code == 0, sent.output
    assert server.asked == 1
    assert server.count("Composition") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--user", "cabinet"],
        ["--user", "cabinet", "--password", "x", "--token", "y"],
        ["--client-id", "reprise"],
    ],
)
def test_half_an_authentication_is_refused(url: str, tmp_path: Path, arguments: list[str]) -> None:
    bundles.fill(tmp_path, 1)
    tried = reprise("send", tmp_path, "--to", url, *WHO, *arguments)
    assert isinstance(tried.exception, RepriseError)
    assert tried.exception.code == "usage"


def test_receipts_hold_what_the_server_answered(
    server: FhirServer, url: str, tmp_path: Path
) -> None:
    bundles.fill(tmp_path, 1)
    reprise("send", tmp_path, "--to", url, *WHO, "--create-unmatched")
    (path,) = tmp_path.glob("receipts/*/documents/*.json")
    receipt = loads(path.read_bytes())
    assert receipt["title"]
    for one in receipt["resources"]:
        assert server.held[one["reference"]]["meta"]["versionId"] == one["version"]
