"""What we ask of a target server is what its published requirements say, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from pipeline.fhir.definitions import capability_statement
from pipeline.reimport.assignment import Policy
from pipeline.reimport.client import Target
from pipeline.reimport.sending import questions, send
from pipeline.reimport.withdrawing import unsend
from tests.reimport import bundles
from tests.reimport.server import FhirServer

TARGET = Target("http://127.0.0.1/fhir")
SHAPING = {"_summary", "_elements", "_count"}
INTERACTIONS = {"PUT": "update", "DELETE": "delete", "POST": "create"}


class Asked:
    """Interactions of whole sends: (type or "" for the system, interaction), and searches."""

    def __init__(self) -> None:
        self.interactions: set[tuple[str, str]] = set()
        self.searches: set[tuple[str, str]] = set()

    def hear(self, method: str, url: str, body: Any) -> None:
        parts = urlsplit(url)
        kind, _, identity = parts.path.strip("/").partition("/")
        if method == "POST" and not kind:
            self.interactions.add(("", body["type"]))
            for entry in body["entry"]:
                request = entry["request"]
                self.hear(request["method"], request["url"], entry.get("resource"))
        elif method == "GET" and not identity:
            self.interactions.add((kind, "search-type"))
            self.searches.update((kind, name) for name, _ in parse_qsl(parts.query))
        else:
            self.interactions.add((kind, INTERACTIONS.get(method, "read")))


def test_a_target_is_asked_for_what_the_requirements_say(tmp_path: Path) -> None:
    bundles.fill(tmp_path, 12)
    server, asked = FhirServer(), Asked()
    inner = server.transport()

    def hear(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().removeprefix("/fhir")
        asked.hear(request.method, path, json.loads(request.content or b"null"))
        return inner.handle_request(request)

    transport = httpx.MockTransport(hear)
    questions(tmp_path, TARGET, Policy(who=bundles.DOCTOR), transport=transport)
    send(tmp_path, TARGET, bundles.EVERYONE, dry_run=True, transport=transport)
    send(tmp_path, TARGET, bundles.EVERYONE, transport=transport)
    unsend(tmp_path, TARGET, transport=transport)

    (rest,) = capability_statement()["rest"]
    stated = {("", one["code"]) for one in rest["interaction"]}
    named: set[tuple[str, str]] = set()
    for one in rest["resource"]:
        stated.update((one["type"], interaction["code"]) for interaction in one["interaction"])
        named.update((one["type"], parameter["name"]) for parameter in one["searchParam"])
    assert asked.interactions <= stated
    assert {pair for pair in asked.searches if pair[1] not in SHAPING} <= named
    # And it says no more than that: each kind of interaction and parameter is used.
    assert {code for _, code in stated} == {code for _, code in asked.interactions}
    assert {name for _, name in named} == {name for _, name in asked.searches} - SHAPING
