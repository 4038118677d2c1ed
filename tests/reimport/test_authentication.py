"""Who we are to a target: basic, bearer, and SMART Backend Services with its signed assertion."""

from __future__ import annotations

import json
import logging
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from pipeline.reimport.authentication import (
    ASSERTION_TYPE,
    Authentication,
    BackendServices,
    Basic,
    Bearer,
)
from pipeline.reimport.client import Client, Patience, Target
from pipeline.reimport.errors import AccessDenied, InsecureTarget

URL = "https://dossier.example/fhir"
TOKEN_URL = "https://acces.example/token"
PATIENT = {"resourceType": "Patient", "id": "1"}


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


RSA_PEM = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
EC_PEM = pem(ec.generate_private_key(ec.SECP384R1()))


def client(authentication: Authentication | None, transport: httpx.MockTransport) -> Client:
    return Client(Target(URL, authentication), Patience(tries=3), transport, pause=lambda _: None)


@pytest.mark.parametrize(
    ("authentication", "header"),
    [
        (None, None),
        (Basic("cabinet", "s3cret"), "Basic Y2FiaW5ldDpzM2NyZXQ="),
        (Bearer("abc"), "Bearer abc"),
    ],
)
def test_simple_ways(authentication: Authentication | None, header: str | None) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(200, json=PATIENT)

    with client(authentication, httpx.MockTransport(answer)) as open_client:
        open_client.once("GET", "Patient/1")
    assert seen == [header]


class Authority:
    """An authorization server and the FHIR server behind it; `asked` counts tokens given."""

    def __init__(self, key: RSAKey | ECKey, algorithm: str, life: int = 300) -> None:
        self.key, self.algorithm, self.life = key, algorithm, life
        self.asked = 0
        self.good = ""
        self.identifiers: set[str] = set()
        self.failures: list[httpx.Response] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if str(request.url) == TOKEN_URL:
            return self.give(request)
        if request.headers.get("Authorization") != f"Bearer {self.good}":
            return httpx.Response(401)
        return httpx.Response(200, json=PATIENT)

    def give(self, request: httpx.Request) -> httpx.Response:
        if self.failures:
            return self.failures.pop()
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        assert form["grant_type"] == "client_credentials"
        assert form["client_assertion_type"] == ASSERTION_TYPE
        assert form["scope"] == "system/*.cruds"
        token = jwt.decode(form["client_assertion"], self.key, algorithms=[self.algorithm])
        assert token.header["kid"] == "key-1"
        claims = token.claims
        assert claims["iss"] == claims["sub"] == "reprise"
        assert claims["aud"] == TOKEN_URL
        assert 0 < claims["exp"] - claims["iat"] <= 300
        assert claims["jti"] not in self.identifiers
        self.identifiers.add(claims["jti"])
        self.asked += 1
        self.good = f"token-{self.asked}"
        return httpx.Response(
            200,
            json={"access_token": self.good, "token_type": "bearer", "expires_in": self.life},
        )


def services(private_key: str = RSA_PEM) -> BackendServices:
    return BackendServices("reprise", TOKEN_URL, private_key, "key-1")


@pytest.mark.parametrize(
    ("private_key", "public", "algorithm"),
    [
        (RSA_PEM, RSAKey.import_key(RSA_PEM), "RS384"),
        (EC_PEM, ECKey.import_key(EC_PEM), "ES384"),
    ],
    ids=["rsa", "ec"],
)
def test_backend_services(private_key: str, public: RSAKey | ECKey, algorithm: str) -> None:
    authority = Authority(public, algorithm)
    with client(services(private_key), httpx.MockTransport(authority)) as open_client:
        for _ in range(3):
            assert open_client.once("GET", "Patient/1").resource == PATIENT
    assert authority.asked == 1


def test_a_token_that_ends_soon_is_not_used() -> None:
    authority = Authority(RSAKey.import_key(RSA_PEM), "RS384", life=20)
    with client(services(), httpx.MockTransport(authority)) as open_client:
        open_client.once("GET", "Patient/1")
        open_client.once("GET", "Patient/1")
    assert authority.asked == 2


def test_a_token_that_was_revoked_is_replaced_once() -> None:
    authority = Authority(RSAKey.import_key(RSA_PEM), "RS384")
    with client(services(), httpx.MockTransport(authority)) as open_client:
        open_client.once("GET", "Patient/1")
        authority.good = "another"
        assert open_client.once("GET", "Patient/1").status == 200
    assert authority.asked == 2


def test_an_authority_that_fails_is_tried_again() -> None:
    authority = Authority(RSAKey.import_key(RSA_PEM), "RS384")
    authority.failures = [httpx.Response(503), httpx.Response(500)]
    with client(services(), httpx.MockTransport(authority)) as open_client:
        assert open_client.repeat("GET", "Patient/1").status == 200


def test_an_authority_that_refuses(caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority(RSAKey.import_key(RSA_PEM), "RS384")
    authority.failures = [httpx.Response(400, json={"error": "invalid_client"})]
    with (
        caplog.at_level(logging.DEBUG),
        client(services(), httpx.MockTransport(authority)) as open_client,
        pytest.raises(AccessDenied) as refused,
    ):
        open_client.repeat("GET", "Patient/1")
    assert refused.value.status == 400
    assert "PRIVATE KEY" not in caplog.text


def test_a_key_that_is_none() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=PATIENT))
    with (
        client(services("not a key"), transport) as open_client,
        pytest.raises(AccessDenied, match="clé privée"),
    ):
        open_client.once("GET", "Patient/1")


def test_tokens_are_not_asked_for_in_the_clear() -> None:
    client_ = BackendServices("reprise", "http://acces.example/token", RSA_PEM, "key-1")
    with pytest.raises(InsecureTarget):
        Client(Target(URL, client_))


def test_secrets_are_not_shown() -> None:
    shown = repr([Basic("cabinet", "s3cret"), Bearer("t0ken"), services()])
    for secret in ("s3cret", "t0ken", "PRIVATE KEY"):
        assert secret not in shown


def test_the_token_address_is_discovered() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/fhir/.well-known/smart-configuration"
        return httpx.Response(200, content=json.dumps({"token_endpoint": TOKEN_URL}))

    with client(None, httpx.MockTransport(answer)) as open_client:
        assert open_client.token_url() == TOKEN_URL
