"""FHIR JSON as text and back, with decimals that keep their digits.

`7.50` and `7.5` do not say the same thing about how a value was measured, so a Bundle in memory
holds `Decimal` where FHIR says decimal. Python's encoder does not know that type: use `dumps`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pipeline.errors import RepriseError

# A private-use character fences numbers in the encoder's output; text that was read never holds it.
_FENCE = "\ue000"
_FENCED = re.compile(f'"{_FENCE}([^"{_FENCE}]+){_FENCE}"')


def dumps(resource: object, *, indent: int | None = None) -> str:
    """FHIR JSON text of `resource`; a `Decimal` becomes a number with all its digits."""
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(
        resource, ensure_ascii=False, indent=indent, separators=separators, default=_fenced
    )
    # Base64 holds no fence: megabytes of it are not searched.
    return _FENCED.sub(r"\1", text) if _FENCE in text else text


def lines(bundle: dict[str, Any]) -> Iterator[bytes]:
    """FHIR JSON of a sound Bundle with entries, an entry a line: a scan's bytes, in one of them,
    are not held a second time as part of the whole."""
    head = {name: part for name, part in bundle.items() if name != "entry"}
    yield f'{dumps(head)[:-1]},"entry":[\n'.encode()
    for place, entry in enumerate(bundle["entry"]):
        if place:
            yield b",\n"
        yield from _parts(entry)
    yield b"\n]}\n"


def _parts(entry: dict[str, Any]) -> Iterator[bytes]:
    """An entry's text; the base64 of a Binary, where nothing can need an escape, goes round the
    encoder, which looks at each character."""
    resource = entry.get("resource", {})
    if resource.get("resourceType") != "Binary" or "data" not in resource:
        yield dumps(entry).encode()
        return
    text = dumps(entry | {"resource": resource | {"data": _FENCE}})
    before, _, after = text.partition(_FENCE)
    yield before.encode()
    yield resource["data"].encode()
    yield after.encode()


def loads(text: str | bytes) -> dict[str, Any]:
    """The resource that FHIR JSON `text` holds; numbers with a point become `Decimal`.

    Raises `ValueError` when the text is not a JSON object.
    """
    resource = json.loads(text, parse_float=Decimal)
    if not isinstance(resource, dict):
        raise ValueError("a FHIR resource is a JSON object")
    return resource


def operation_outcome(error: RepriseError) -> dict[str, Any]:
    """FHIR's way to say that there is no Bundle, and why."""
    issue = {
        "severity": "error",
        "code": "processing",
        "details": {"text": error.sentence},
        "diagnostics": error.code,
    }
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _fenced(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{_FENCE}{value:f}{_FENCE}"
    raise TypeError(f"{type(value).__name__} is not FHIR JSON")
