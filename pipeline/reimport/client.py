"""One FHIR server over HTTP: exchanges that are retried where that is safe, answers judged.

Every failure becomes an error of `errors`, which says whether to try again, to ask a person or to
stop. Only requests that can be repeated without harm are repeated here.
"""

from __future__ import annotations

import email.utils
import ipaddress
import logging
import random
import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from pipeline.errors import UsageError
from pipeline.fhir.serialising import dumps, loads
from pipeline.reimport.authentication import Authentication, BackendServices, http_auth
from pipeline.reimport.errors import (
    AccessDenied,
    Action,
    ContentRefused,
    InsecureTarget,
    NotAFhirServer,
    ServerBusy,
    ServerFault,
    ServerProblem,
    ServerSilent,
    TooLarge,
    UntrustedServer,
    VersionConflict,
)

Json = dict[str, Any]

MEDIA_TYPE = "application/fhir+json"

# It would log every URL, and searches name patients.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Target:
    """A FHIR R4 server: its base URL, who we are there, and times in seconds.

    `certificates` is a file of authorities to trust instead of the system's; verification is
    never off. Plain HTTP is for this machine alone.
    """

    base_url: str
    authentication: Authentication | None = None
    certificates: str | None = None
    connect_seconds: float = 10.0
    answer_seconds: float = 60.0


@dataclass(frozen=True)
class Patience:
    """How often and how long to wait for a server; seconds.

    Waits double from `first` to `longest`, each drawn between half of it and all of it. A
    `Retry-After` longer than `retry_after` ends the tries: the next run takes over.
    """

    tries: int = 7
    first: float = 0.5
    longest: float = 30.0
    retry_after: float = 120.0

    def wait(self, tried: int, problem: ServerProblem, draw: random.Random) -> float:
        """Seconds to wait after the `tried`-th failure; raises `problem` when there is no more."""
        asked = problem.retry_after or 0.0
        if tried >= self.tries or asked > self.retry_after:
            raise problem
        doubled = min(self.longest, self.first * 2.0 ** (tried - 1))
        return max(asked, draw.uniform(doubled / 2, doubled))


@dataclass(frozen=True)
class Answer:
    """A successful answer: status, resource (None without a body), version and reference."""

    status: int
    resource: Json | None
    version: str | None
    reference: str | None


@dataclass
class Client:
    """An open connection to `target`; use as a context manager. Safe to share among threads.

    `on_wait` hears of each wait for the server: the problem, and for how many seconds.
    """

    target: Target
    patience: Patience = field(default_factory=Patience)
    transport: httpx.BaseTransport | None = None
    on_wait: Callable[[ServerProblem, float], None] | None = None
    pause: Callable[[float], None] = time.sleep
    draw: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        _check_address(self.target.base_url)
        if isinstance(self.target.authentication, BackendServices):
            _check_address(self.target.authentication.token_url)
        verify: ssl.SSLContext | bool = True
        if self.target.certificates is not None:
            try:
                verify = ssl.create_default_context(cafile=self.target.certificates)
            except OSError as unusable:
                raise UsageError(
                    "Le fichier des autorités de confiance est illisible : donnez du PEM."
                ) from unusable
        self._http = httpx.Client(
            auth=http_auth(self.target.authentication),
            timeout=httpx.Timeout(self.target.answer_seconds, connect=self.target.connect_seconds),
            headers={"Accept": MEDIA_TYPE},
            transport=self.transport,
            verify=verify,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def once(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One exchange at `path` (relative to the base). Raises `ServerProblem`."""
        if body is None:
            return self._exchange(method, path, None, headers or {})
        named = {**(headers or {}), "Content-Type": MEDIA_TYPE}
        return self._exchange(method, path, dumps(body).encode(), named)

    def upload(self, reference: str, data: bytes, media_type: str, about: str) -> Answer:
        """PUT the bytes of a Binary as they are: as JSON, servers refuse large ones.

        `about` is the resource whose rules of access the bytes follow. Raises `ServerProblem`.
        """
        headers = {"Content-Type": media_type, "X-Security-Context": about}
        return self._exchange("PUT", reference, data, headers)

    def _exchange(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        base = self.target.base_url.rstrip("/")
        try:
            response = self._http.request(
                method, f"{base}/{path}" if path else base, content=content, headers=headers
            )
        except httpx.HTTPError as failure:
            raise _silent(failure) from failure
        return read_answer(response)

    def repeat(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`once`, tried again with growing waits while the server asks for that.

        For requests that may arrive twice without harm. Raises the last `ServerProblem`.
        """
        return self.trying(lambda: self.once(method, path, body, headers))

    def trying(self, act: Callable[[], Answer]) -> Answer:
        """`act`, again after each problem that a retry may mend."""
        tried = 0
        while True:
            tried += 1
            try:
                return act()
            except ServerProblem as problem:
                if problem.action is not Action.RETRY:
                    raise
                self.wait(tried, problem)

    def wait(self, tried: int, problem: ServerProblem) -> None:
        """Pause before another try; raises `problem` when patience has ended."""
        seconds = self.patience.wait(tried, problem, self.draw)
        if self.on_wait is not None:
            self.on_wait(problem, seconds)
        self.pause(seconds)

    def token_url(self) -> str:
        """Where the server says that access tokens are given (SMART configuration)."""
        configuration = self.repeat("GET", ".well-known/smart-configuration").resource or {}
        if not isinstance(configuration.get("token_endpoint"), str):
            raise NotAFhirServer("Le serveur ne dit pas où demander un jeton d'accès.")
        return str(configuration["token_endpoint"])

    def search(self, query: str) -> list[Json]:
        """Every resource that matches `query` ("Type?name=value"), all pages.

        A link to the next page is followed only within the target.
        """
        base = self.target.base_url.rstrip("/")
        found: list[Json] = []
        path: str | None = query
        while path is not None:
            page = self.repeat("GET", path).resource or {}
            for entry in page.get("entry", ()):
                if entry.get("search", {}).get("mode", "match") == "match":
                    found.append(entry["resource"])
            path = None
            for link in page.get("link", ()):
                if link.get("relation") == "next":
                    path = _within(base, str(link.get("url", "")))
        return found

    def count(self, query: str) -> int:
        """How many resources match `query`, by the server's own count."""
        page = self.repeat("GET", f"{query}&_summary=count").resource or {}
        return int(page.get("total", len(page.get("entry", ()))))

    def absent(self, references: Iterable[str]) -> set[str]:
        """Which of `references` ("Type/id") the server does not hold (or has deleted)."""
        missing: set[str] = set()
        for part in _by_type(references):
            query = _id_query(part)
            held: set[str] = set()
            if self.count(query):
                found = self.search(f"{query}&_elements=id&_count={len(part)}")
                held = {f"{one['resourceType']}/{one['id']}" for one in found}
            missing.update(reference for reference in part if reference not in held)
        return missing

    def missing(self, references: Iterable[str]) -> set[str]:
        """`absent` for references that should all be there: counted, read where a count is off."""
        missing: set[str] = set()
        for part in _by_type(references):
            if self.count(_id_query(part)) != len(part):
                read = self.read_many(part, "id")
                missing.update(name for name, answer in read.items() if isinstance(answer, int))
        return missing

    def read_many(self, references: list[str], elements: str = "") -> dict[str, Json | int]:
        """The resources at `references` ("Type/id") in as few requests as the server allows.

        A missing one is given as its status, 404 or 410. `elements` limits what comes back.
        """
        suffix = f"?_elements={elements}" if elements else ""
        found: dict[str, Json | int] = {}
        for start in range(0, len(references), READ_AT_ONCE):
            part = references[start : start + READ_AT_ONCE]
            batch: Json = {
                "resourceType": "Bundle",
                "type": "batch",
                "entry": [
                    {"request": {"method": "GET", "url": f"{reference}{suffix}"}}
                    for reference in part
                ],
            }
            found.update(self._read_batch(part, batch))
        return found

    def _read_batch(self, references: list[str], batch: Json) -> dict[str, Json | int]:
        found: dict[str, Json | int] = {}

        def act() -> Answer:
            answer = self.once("POST", "", batch)
            entries = (answer.resource or {}).get("entry", [])
            if len(entries) != len(references):
                raise NotAFhirServer(status=answer.status)
            for reference, entry in zip(references, entries, strict=True):
                status = entry_status(entry)
                if status in {404, 410}:
                    found[reference] = status
                    continue
                problem = problem_of(status, None, outcome_text(entry.get("response", {})))
                if problem is not None:
                    raise problem
                if not isinstance(entry.get("resource"), dict):
                    raise ServerFault(status=status)
                found[reference] = entry["resource"]
            return answer

        self.trying(act)
        return found


# Reads in one batch: servers limit the entries of a Bundle.
READ_AT_ONCE = 50


def _by_type(references: Iterable[str]) -> Iterator[list[str]]:
    """Distinct references in parts of one type each."""
    kinds: dict[str, list[str]] = {}
    for reference in dict.fromkeys(references):
        kinds.setdefault(reference.partition("/")[0], []).append(reference)
    for several in kinds.values():
        for start in range(0, len(several), READ_AT_ONCE):
            yield several[start : start + READ_AT_ONCE]


def _id_query(references: Sequence[str]) -> str:
    kind = references[0].partition("/")[0]
    return f"{kind}?_id=" + ",".join(reference.partition("/")[2] for reference in references)


def entry_status(entry: Json) -> int:
    """HTTP status of one entry of a batch or transaction response; 0 when there is none."""
    words = str(entry.get("response", {}).get("status", "")).split()
    return int(words[0]) if words and words[0].isdigit() else 0


def read_answer(response: httpx.Response) -> Answer:
    """A good answer as typed; raises the `ServerProblem` that a bad one is."""
    resource: Json | None = None
    if response.content:
        try:
            resource = loads(response.content)
        except ValueError as broken:
            if response.is_success:
                if "json" in response.headers.get("content-type", "json"):
                    # Success with half a body: the connection or a proxy cut it.
                    raise ServerSilent(status=response.status_code) from broken
                raise NotAFhirServer(status=response.status_code) from broken
    problem = problem_of(
        response.status_code,
        response.headers.get("Retry-After"),
        outcome_text({"outcome": resource}),
    )
    if problem is not None:
        raise problem
    location = response.headers.get("Location") or response.headers.get("Content-Location") or ""
    reference, version = parse_location(location)
    tag = response.headers.get("ETag", "")
    meta = (resource or {}).get("meta", {})
    if reference is None and resource is not None and "id" in resource:
        reference = f"{resource['resourceType']}/{resource['id']}"
    return Answer(
        status=response.status_code,
        resource=resource,
        version=parse_etag(tag) or version or meta.get("versionId"),
        reference=reference,
    )


def problem_of(status: int, retry_after: str | None, said: str) -> ServerProblem | None:
    """What an HTTP status means for us; None for success."""
    if 200 <= status < 300:
        return None
    kind: type[ServerProblem]
    match status:
        case 401 | 403:
            kind = AccessDenied
        case 409 | 412:
            kind = VersionConflict
        case 413 | 507:
            kind = TooLarge
        case 429 | 503:
            kind = ServerBusy
        case 408 | 425:
            kind = ServerFault
        case 404 | 405 | 501:
            kind = NotAFhirServer
        case _ if status >= 500:
            kind = ServerFault
        case _ if 300 <= status < 400:
            kind = NotAFhirServer
        case _:
            kind = ContentRefused
    return kind(status=status, said=said, retry_after=_seconds(retry_after))


def outcome_text(response: Json) -> str:
    """The issues of an OperationOutcome as text for a receipt."""
    outcome = response.get("outcome")
    if not isinstance(outcome, dict) or outcome.get("resourceType") != "OperationOutcome":
        return ""
    said = []
    for issue in outcome.get("issue", ()):
        if issue.get("severity") in {"error", "fatal"}:
            text = issue.get("diagnostics") or issue.get("details", {}).get("text", "")
            said.append(f"{issue.get('code', '')}: {text}")
    return "; ".join(said)[:2000]


def parse_location(location: str) -> tuple[str | None, str | None]:
    """Reference and version in a Location: `…/Type/id/_history/version`."""
    parts = urlsplit(location).path.strip("/").split("/")
    version = None
    if len(parts) >= 4 and parts[-2] == "_history":
        version = parts[-1]
        parts = parts[:-2]
    if len(parts) < 2:
        return None, None
    return f"{parts[-2]}/{parts[-1]}", version


def parse_etag(tag: str) -> str | None:
    """The version in an ETag; some servers give it bare inside Bundles."""
    bare = tag.removeprefix("W/").strip('"')
    return bare or None


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds from now; None when it says nothing usable."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(Decimal(retry_after.strip()))
    try:
        moment = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


def _silent(failure: httpx.HTTPError) -> ServerProblem:
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UntrustedServer()
        cause = cause.__cause__ or cause.__context__
    if isinstance(failure, httpx.UnsupportedProtocol | httpx.TooManyRedirects):
        return NotAFhirServer()
    return ServerSilent()


def _check_address(url: str) -> None:
    """Raises `InsecureTarget`, or `NotAFhirServer` for what is no address at all."""
    try:
        if re.search(r"\s", url):
            raise ValueError("a blank")
        parts = urlsplit(url)
        # Each of these refuses something: a port out of range, a host that is no name.
        _ = parts.port, httpx.URL(url).host
    except (ValueError, httpx.InvalidURL) as wrong:
        raise NotAFhirServer("L'adresse du serveur est mal écrite : vérifiez-la.") from wrong
    if "@" in parts.netloc:
        raise InsecureTarget("Retirez le mot de passe de l'adresse : donnez-le à part.")
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname:
        if parts.hostname == "localhost":
            return
        try:
            if ipaddress.ip_address(parts.hostname).is_loopback:
                return
        except ValueError:
            pass
    raise InsecureTarget


def _within(base: str, url: str) -> str:
    """`url` relative to `base`. Raises `NotAFhirServer` when it leads elsewhere."""
    for prefix in (f"{base}/", f"{base}?"):
        if url.startswith(prefix):
            return url[len(base) :].removeprefix("/")
    if not url or "://" in url:
        raise NotAFhirServer("Le serveur renvoie vers une autre adresse : corrigez la sienne.")
    return url.removeprefix("/")
