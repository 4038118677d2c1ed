"""A small FHIR server in memory for quick tests, atomic and versioned.

It knows read, search by identifier, name and birth date, conditional create, update with
`If-Match`, delete, batch and transaction; nothing else. The engines of others are in
tests/conformance.
"""

from __future__ import annotations

import base64
import copy
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

Json = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, text: str = "refused") -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass
class FhirServer:
    """`held` maps "Type/id" to the current resource, `gone` are deleted ones; `writes` counts."""

    held: dict[str, Json] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    requests: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: int = 0

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Json]:
        named = {name.lower(): value for name, value in headers.items()}
        with self.lock:
            self.requests[method] += 1
            try:
                resource: Json | None = None
                if body and "json" not in named.get("content-type", "json"):
                    resource = _binary(path.strip("/"), named, body)
                elif body:
                    resource = json.loads(body)
                return self._interact(method, path.strip("/"), named, resource)
            except Refused as refused:
                return refused.status, {}, outcome(refused.text)

    def count(self, kind: str) -> int:
        return sum(reference.startswith(f"{kind}/") for reference in self.held)

    def edit(self, reference: str, **changes: object) -> None:
        """Someone changes a resource in the record."""
        self._put(reference, {**self.held[reference], **changes})

    def delete(self, reference: str) -> None:
        """Someone removes a resource from the record."""
        del self.held[reference]
        self.gone.add(reference)

    def transport(self) -> httpx.MockTransport:
        def handle(request: httpx.Request) -> httpx.Response:
            path = request.url.raw_path.decode().removeprefix("/fhir")
            status, headers, body = self.answer(
                request.method, path, dict(request.headers), request.content
            )
            return httpx.Response(status, headers=headers, json=body)

        return httpx.MockTransport(handle)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Base URL of this server on the loopback interface."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                status, headers, body = server.answer(
                    self.command,
                    self.path.removeprefix("/fhir"),
                    dict(self.headers.items()),
                    self.rfile.read(length),
                )
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/fhir+json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                return

        with serving(Handler) as port:
            yield f"http://127.0.0.1:{port}/fhir"

    def _interact(
        self, method: str, path: str, headers: Mapping[str, str], body: Json | None
    ) -> tuple[int, dict[str, str], Json]:
        parts = urlsplit(path)
        place = parts.path
        if method == "POST" and not place:
            assert body is not None
            return 200, {}, self._bundle(body)
        if method == "GET" and "/" in place:
            return 200, {}, self._read(place)
        if method == "GET":
            found = self._search(place, parts.query)
            entries = [{"resource": one, "search": {"mode": "match"}} for one in found]
            page = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
            return 200, {}, page if "_summary=count" in parts.query else page | {"entry": entries}
        if method == "POST":
            assert body is not None
            status, resource = self._create(place, body, headers.get("if-none-exist"))
            return status, self._named(resource), resource
        if method == "PUT":
            assert body is not None
            status, resource = self._update(place, body, headers.get("if-match"))
            return status, self._named(resource), resource
        if method == "DELETE":
            self._delete(place)
            return 200, {}, outcome("deleted", "information")
        raise Refused(405)

    def _bundle(self, bundle: Json) -> Json:
        atomic = bundle["type"] == "transaction"
        before = (dict(self.held), set(self.gone), self.writes.copy())
        entries = []
        for entry in bundle["entry"]:
            request = entry["request"]
            headers = {
                "if-none-exist": request.get("ifNoneExist"),
                "if-match": request.get("ifMatch"),
            }
            headers = {name: value for name, value in headers.items() if value}
            try:
                status, named, resource = self._interact(
                    request["method"], request["url"], headers, entry.get("resource")
                )
            except Refused as refused:
                if atomic:
                    self.held, self.gone, self.writes = before
                    raise
                entries.append(
                    {"response": {"status": str(refused.status), "outcome": outcome(refused.text)}}
                )
                continue
            response = {"status": f"{status} OK", "etag": named.get("ETag", "")}
            if "Location" in named:
                response["location"] = named["Location"]
            answer: Json = {"response": response}
            if request["method"] == "GET":
                answer["resource"] = resource
            entries.append(answer)
        return {"resourceType": "Bundle", "type": f"{bundle['type']}-response", "entry": entries}

    def _read(self, reference: str) -> Json:
        if reference in self.gone:
            raise Refused(410)
        if reference not in self.held:
            raise Refused(404)
        return copy.deepcopy(self.held[reference])

    def _search(self, kind: str, query: str) -> list[Json]:
        shaping = {"_count", "_elements", "_summary"}
        wanted = {name: value for name, value in parse_qsl(query) if name not in shaping}
        return [
            copy.deepcopy(resource)
            for reference, resource in self.held.items()
            if reference.startswith(f"{kind}/") and _matches(resource, wanted)
        ]

    def _create(self, kind: str, resource: Json, condition: str | None) -> tuple[int, Json]:
        if condition:
            found = self._search(kind, condition)
            if len(found) > 1:
                raise Refused(412, "several match")
            if found:
                return 200, found[0]
        self.numbers += 1
        return 201, self._put(f"{kind}/s{self.numbers}", resource)

    def _update(self, reference: str, resource: Json, match: str | None) -> tuple[int, Json]:
        current = self.held.get(reference)
        if match:
            version = current["meta"]["versionId"] if current else None
            if match != f'W/"{version}"':
                raise Refused(412, "another version")
        return 200 if current else 201, self._put(reference, resource)

    def _delete(self, reference: str) -> None:
        if reference not in self.held:
            raise Refused(404)
        text = json.dumps([r for name, r in self.held.items() if name != reference])
        if f'"{reference}"' in text and reference.startswith(("Patient/", "Practitioner/")):
            raise Refused(409, "still referred to")
        self.delete(reference)

    def _put(self, reference: str, resource: Json) -> Json:
        kind, _, identity = reference.partition("/")
        if resource.get("resourceType") != kind:
            raise Refused(400, "another type")
        old = self.held.get(reference)
        version = int(old["meta"]["versionId"]) + 1 if old else 1
        stored = copy.deepcopy(resource)
        stored["id"] = identity
        stored["meta"] = {
            **stored.get("meta", {}),
            "versionId": str(version),
            "lastUpdated": "2026-11-23T20:00:00Z",
        }
        self.held[reference] = stored
        self.gone.discard(reference)
        self.writes[reference] += 1
        return copy.deepcopy(stored)

    def _named(self, resource: Json) -> dict[str, str]:
        version = resource["meta"]["versionId"]
        place = f"{resource['resourceType']}/{resource['id']}/_history/{version}"
        return {"ETag": f'W/"{version}"', "Location": f"http://here.example/fhir/{place}"}


def _binary(reference: str, headers: Mapping[str, str], data: bytes) -> Json:
    """The Binary that bytes are, with the document whose rules of access it follows."""
    return {
        "resourceType": reference.partition("/")[0],
        "id": reference.partition("/")[2],
        "contentType": headers["content-type"],
        "securityContext": {"reference": headers["x-security-context"]},
        "data": base64.b64encode(data).decode(),
    }


def outcome(text: str, severity: str = "error") -> Json:
    issue = {"severity": severity, "code": "processing", "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _matches(resource: Json, wanted: Mapping[str, str]) -> bool:
    """Whether each parameter has one of its values, which commas part."""
    return all(
        any(_has(resource, name, value) for value in values.split(","))
        for name, values in wanted.items()
    )


def _has(resource: Json, name: str, value: str) -> bool:
    match name:
        case "identifier":
            system, bar, code = value.rpartition("|")
            return any(
                one.get("value") == code and (not bar or one.get("system") == system)
                for one in resource.get("identifier", ())
            )
        case "birthdate":
            return bool(resource.get("birthDate") == value)
        case "family":
            return any(
                str(one.get("family", "")).casefold().startswith(value.casefold())
                for one in resource.get("name", ())
            )
        case "_id":
            return bool(resource["id"] == value)
        case _:
            raise Refused(400, f"unknown parameter {name}")


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Serve on a free port of the loopback interface until the block ends."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            # Clients that are killed leave broken connections: that is what is being tested.
            return

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
