"""How fast validated bundles reach a FHIR server, beside the same resources PUT by a plain client.

`python -m pipeline.evaluation.send_benchmark`, from a checkout, starts HAPI's JPA server (Java,
Maven) and sends generated bundles to it in blocks. After each block a plain HTTP client PUTs the
same resources one by one, under other ids, to the same server; blocks take turns at going first.
The sender does more (it checks, compares, creates actors on condition, keeps receipts and reads
back) and may write in transactions and for several patients at once; the plain client does not.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from pipeline.errors import SetupError
from pipeline.fhir import systems
from pipeline.fhir.serialising import dumps, loads
from pipeline.reimport.assignment import Policy
from pipeline.reimport.client import MEDIA_TYPE, Target
from pipeline.reimport.receipts import Delivery
from pipeline.reimport.sending import send

Json = dict[str, Any]

BLOCKS = 6
PER_BLOCK = 10
PROMISED = 0.8


@dataclass(frozen=True)
class Figures:
    """Bundles and resources sent, seconds each way, and the ratio of bundles a second."""

    bundles: int
    resources: int
    sender_seconds: float
    plain_seconds: float

    @property
    def ratio(self) -> float:
        return self.plain_seconds / self.sender_seconds


def measure(base_url: str, blocks: Sequence[Sequence[Json]], scratch: Path) -> Figures:
    """Send each block both ways to an empty server at `base_url`; the first block only warms up.

    Raises `AssertionError` when a bundle does not arrive.
    """
    sender = plain = 0.0
    bundles = resources = 0
    for number, block in enumerate(blocks):
        out = scratch / str(number)
        if number % 2:
            plain_once = _by_plain_client(base_url, block)
            sender_once = _by_sender(base_url, block, out)
        else:
            sender_once = _by_sender(base_url, block, out)
            plain_once = _by_plain_client(base_url, block)
        if number:
            sender += sender_once
            plain += plain_once
            bundles += len(block)
            resources += sum(len(bundle["entry"]) for bundle in block)
    return Figures(bundles, resources, sender, plain)


def _by_sender(base_url: str, block: Sequence[Json], out: Path) -> float:
    folder = out / "validated"
    folder.mkdir(parents=True)
    for number, bundle in enumerate(block):
        (folder / f"{number:04}.json").write_text(dumps(bundle), encoding="utf-8")
    policy = Policy(who="bench", accept_clear=True, create_unmatched=True)
    start = time.perf_counter()
    outcome = send(out, Target(base_url), policy)
    seconds = time.perf_counter() - start
    assert all(receipt.delivery is Delivery.SENT for receipt in outcome.receipts)
    assert outcome.reconciliation is not None
    assert outcome.reconciliation.complete
    return seconds


def _by_plain_client(base_url: str, block: Sequence[Json]) -> float:
    requests = [request for bundle in block for request in plain_puts(bundle)]
    headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        start = time.perf_counter()
        for reference, body in requests:
            client.put(f"{base_url}/{reference}", content=body).raise_for_status()
        return time.perf_counter() - start


def plain_puts(bundle: Json) -> list[tuple[str, bytes]]:
    """Each resource of a bundle as a PUT of its own, under an id that the sender does not use.

    A server refuses references to what is not there yet, so those that point ahead are left out.
    """
    places = {
        entry["fullUrl"]: f"{entry['resource']['resourceType']}/{uuid.uuid4()}"
        for entry in bundle["entry"]
    }
    written: set[str] = set()
    requests = []
    for entry in bundle["entry"]:
        reference = places[entry["fullUrl"]]
        written.add(entry["fullUrl"])
        resource = _backward(entry["resource"], places, written)
        resource["id"] = reference.partition("/")[2]
        # Not the identifiers that the sender creates its actors by.
        resource.pop("identifier", None)
        requests.append((reference, dumps(resource).encode()))
    return requests


def _backward(node: Any, places: dict[str, str], written: set[str]) -> Any:
    if isinstance(node, list):
        made = [_backward(one, places, written) for one in node]
        return [one for one in made if one not in ({}, [], None)]
    if not isinstance(node, dict):
        return node
    target = node.get("reference")
    if isinstance(target, str) and target in places:
        return {**node, "reference": places[target]} if target in written else {}
    made_dict = {name: _backward(value, places, written) for name, value in node.items()}
    return {name: value for name, value in made_dict.items() if value not in ({}, [], None)}


def _of_one_practice(bundle: Json) -> Json:
    """The bundle with the identifiers of one prescriber and one practice, as in one stack."""
    for entry in bundle["entry"]:
        resource, request = entry["resource"], entry["request"]
        for kind, system, value in _PRACTICE:
            if resource["resourceType"] == kind and request["method"] == "POST":
                resource["identifier"] = [{"system": system, "value": value}]
                request["ifNoneExist"] = f"identifier={system}|{value}"
    return bundle


_PRACTICE = (
    ("Practitioner", systems.RPPS, "10990000017"),
    ("PractitionerRole", systems.AMELI, "991234567"),
    ("Organization", systems.PRACTICE_NAMES, "10990000017"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    parser.add_argument("--per-block", type=int, default=PER_BLOCK)
    arguments = parser.parse_args()
    try:
        from tests.conformance.engines import hapi_server
        from tests.reimport.bundles import texts
    except ModuleNotFoundError as missing:
        raise SetupError("Ce banc d'essai se lance depuis le dépôt des sources.") from missing

    count = (arguments.blocks + 1) * arguments.per_block
    bundles = [_of_one_practice(loads(text)) for text in texts(count)]
    blocks = [
        bundles[start : start + arguments.per_block]
        for start in range(0, count, arguments.per_block)
    ]
    with tempfile.TemporaryDirectory() as scratch, hapi_server() as base_url:
        figures = measure(base_url, blocks, Path(scratch))
    report = {
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        **asdict(figures),
        "sender_bundles_per_second": round(figures.bundles / figures.sender_seconds, 2),
        "plain_bundles_per_second": round(figures.bundles / figures.plain_seconds, 2),
        "ratio": round(figures.ratio, 2),
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0 if figures.ratio >= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
