"""How we prove to a target server who we are: HTTP basic, bearer, or SMART Backend Services.

SMART Backend Services (HL7 SMART App Launch 2, "Backend Services" and "Client Authentication:
Asymmetric"): a JWT signed with our private key (RS384 or ES384) buys a short-lived access token.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator
from dataclasses import dataclass, field
from threading import Lock

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from pipeline.reimport.errors import AccessDenied

ASSERTION_SECONDS = 240
# A token is asked for again this long before it ends, so that none expires on its way.
MARGIN_SECONDS = 30
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Basic:
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Bearer:
    token: str = field(repr=False)


@dataclass(frozen=True)
class BackendServices:
    """A client registered at the authorization server with the public half of `private_key`.

    `private_key` is PEM text: RSA (signed RS384) or EC on P-384 (ES384); `key_id` names it in the
    registered key set.
    """

    client_id: str
    token_url: str
    private_key: str = field(repr=False)
    key_id: str
    scope: str = "system/*.cruds"


Authentication = Basic | Bearer | BackendServices


def http_auth(authentication: Authentication | None) -> httpx.Auth | None:
    """What the HTTP client needs to authenticate every request; None for no authentication."""
    match authentication:
        case None:
            return None
        case Basic(user, password):
            return httpx.BasicAuth(user, password)
        case Bearer(token):
            return _BearerAuth(token)
        case BackendServices():
            return _BackendAuth(authentication)


class _BearerAuth(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class _BackendAuth(httpx.Auth):
    """Asks for a token when there is none or it ends soon, and once more after a 401."""

    requires_response_body = True

    def __init__(self, client: BackendServices) -> None:
        self._client = client
        self._lock = Lock()
        self._token = ""
        self._ends = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._current()
        if not token:
            token = self._keep((yield token_request(self._client)))
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._forget(token)
            token = self._keep((yield token_request(self._client)))
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    def _current(self) -> str:
        with self._lock:
            return self._token if time.monotonic() < self._ends else ""

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._token == token:
                self._ends = 0.0

    def _keep(self, response: httpx.Response) -> str:
        token, seconds = _token(response)
        with self._lock:
            self._token = token
            self._ends = time.monotonic() + seconds - MARGIN_SECONDS
        return token


def token_request(client: BackendServices) -> httpx.Request:
    """The form that asks for an access token, with a freshly signed assertion.

    Raises `AccessDenied` when the private key cannot be used.
    """
    return httpx.Request(
        "POST",
        client.token_url,
        data={
            "grant_type": "client_credentials",
            "scope": client.scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": _assertion(client),
        },
        headers={"Accept": "application/json"},
    )


def _assertion(client: BackendServices) -> str:
    now = int(time.time())
    claims = {
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": client.token_url,
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    try:
        key, algorithm = _key(client.private_key)
        header = {"alg": algorithm, "kid": client.key_id, "typ": "JWT"}
        return jwt.encode(header, claims, key, algorithms=[algorithm])
    except (JoseError, ValueError) as unusable:
        raise AccessDenied(
            "La clé privée est inutilisable : fournissez une clé RSA ou EC P-384 au format PEM."
        ) from unusable


def _key(pem: str) -> tuple[RSAKey | ECKey, str]:
    try:
        return RSAKey.import_key(pem), "RS384"
    except (JoseError, ValueError, TypeError):
        return ECKey.import_key(pem), "ES384"


def _token(response: httpx.Response) -> tuple[str, float]:
    """Access token and its life in seconds, from the authorization server's answer."""
    if response.is_server_error:
        # The caller's retries see this as they see any answer of the kind.
        raise httpx.RemoteProtocolError("the authorization server failed")
    try:
        answer = response.json()
        return str(answer["access_token"]), float(answer.get("expires_in", 300))
    except (ValueError, KeyError, TypeError) as refused:
        raise AccessDenied(
            "Le serveur d'autorisation refuse de donner un jeton : vérifiez le client et sa clé.",
            status=response.status_code,
        ) from refused
