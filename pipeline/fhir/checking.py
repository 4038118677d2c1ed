"""Our own check of a Bundle before it is written: empty means it may be.

Form of FHIR JSON and R4B models, required codes, UCUM, references, invariants, the evidence on
every value, and the state a draft or a validated Bundle must be in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

from pipeline.errors import BundleError
from pipeline.fhir import systems
from pipeline.fhir.bindings import binding_problems
from pipeline.fhir.invariants import invariant_problems
from pipeline.fhir.structure import Node, Problem, elements, walk

__all__ = ["Problem", "ensure_sound", "problems"]


def problems(bundle: dict[str, Any]) -> list[Problem]:
    """Everything wrong with a Bundle, in order; no message holds a patient's value."""
    nodes, found = walk(bundle)
    if found:
        # Rules are only meaningful on well-formed JSON; a broken form is reason enough.
        return found
    found = _model_problems(bundle)
    for node in nodes:
        found.extend(binding_problems(node))
        found.extend(invariant_problems(node))
    if found or not isinstance(bundle.get("entry"), list):
        return found
    return [
        *_entry_problems(bundle),
        *_reference_problems(bundle, nodes),
        *_evidence_problems(bundle, nodes),
        *_scan_problems(nodes),
        *_state_problems(bundle, nodes),
    ]


def ensure_sound(bundle: dict[str, Any]) -> None:
    """Raise `BundleError` when the Bundle has problems; their codes are on it as a note."""
    found = problems(bundle)
    if found:
        error = BundleError()
        error.add_note("\n".join(f"{p.code} {p.path} {p.message}" for p in found[:20]))
        raise error


def _model_problems(bundle: dict[str, Any]) -> list[Problem]:
    from fhir.resources.R4B.bundle import Bundle
    from pydantic import ValidationError

    try:
        Bundle.model_validate(_lean(bundle))
    except ValidationError as error:
        return [
            Problem("model", ".".join(str(step) for step in detail["loc"]), str(detail["type"]))
            for detail in error.errors(include_input=False, include_url=False)
        ]
    return []


def _lean(value: Any, name: str = "") -> Any:
    """What models must see of a Bundle: no bytes of scans, which the walk has checked and they
    would copy, and simple extensions, most of all objects and many alike, as models already."""
    if isinstance(value, list):
        return [_lean(part, name) for part in value]
    if not isinstance(value, dict):
        return "AAAA" if name == "data" and isinstance(value, str) else value
    if name == "extension" and not any(isinstance(part, dict | list) for part in value.values()):
        return _simple_extension(*chain.from_iterable(value.items()))
    return {name: _lean(part, name) for name, part in value.items()}


@lru_cache(maxsize=1024, typed=True)
def _simple_extension(*content: Any) -> Any:
    """The model of an extension of these names and values; its JSON where it is none."""
    from fhir.resources.R4B.extension import Extension
    from pydantic import ValidationError

    extension = dict(zip(content[::2], content[1::2], strict=True))
    try:
        return Extension.model_validate(extension)
    except ValidationError:
        return extension


# --- the Bundle -----------------------------------------------------------------------------


def _entry_problems(bundle: dict[str, Any]) -> Iterator[Problem]:
    if bundle.get("type") != "transaction":
        yield Problem("bundle", "Bundle.type", "not a transaction")
    urls = Counter(entry.get("fullUrl") for entry in bundle["entry"])
    for index, entry in enumerate(bundle["entry"]):
        path = f"Bundle.entry[{index}]"
        url, resource, request = (entry.get(n) for n in ("fullUrl", "resource", "request"))
        if not isinstance(url, str) or resource is None or request is None:
            yield Problem("bdl-3", path, "an entry without fullUrl, resource or request")
            continue
        if urls[url] > 1:
            yield Problem("bdl-7", path, "a fullUrl used twice")
        if not re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", url):
            yield Problem("full-url", path, "a fullUrl that is no UUID")
        yield from _request_problems(path, url, resource, request)
    kinds = Counter(entry.get("resource", {}).get("resourceType") for entry in bundle["entry"])
    for kind in ("Patient", "DocumentReference", "Composition", "Encounter"):
        if kinds[kind] != 1:
            yield Problem("bundle", "Bundle.entry", f"a document has exactly one {kind}")
    if not kinds["Provenance"]:
        yield Problem("bundle", "Bundle.entry", "a document without Provenance")


def _request_problems(
    path: str, url: str, resource: dict[str, Any], request: dict[str, Any]
) -> Iterator[Problem]:
    kind, identity = resource["resourceType"], url.removeprefix("urn:uuid:")
    if request.get("method") == "PUT":
        if resource.get("id") != identity or request.get("url") != f"{kind}/{identity}":
            yield Problem("request", path, "id, fullUrl and request do not agree")
    elif request.get("method") == "POST" and request.get("url") == kind:
        query = request.get("ifNoneExist", "")
        if not re.fullmatch(r"identifier=[^\s+|&]+(\||%7C)[^\s+|&]+", query):
            yield Problem("request", path, "a create without a well-formed condition")
        elif not _names(query, resource):
            yield Problem("request", path, "a condition on no identifier of the resource")
    else:
        yield Problem("request", path, "neither a PUT nor a conditional create")


def _names(query: str, resource: dict[str, Any]) -> bool:
    from urllib.parse import unquote

    wanted = unquote(query.removeprefix("identifier="))
    return any(
        f"{one.get('system')}|{one.get('value')}" == wanted
        for one in resource.get("identifier", ())
    )


# --- references -----------------------------------------------------------------------------


def _reference_problems(bundle: dict[str, Any], nodes: list[Node]) -> Iterator[Problem]:
    there = {
        entry["fullUrl"]: entry["resource"]["resourceType"]
        for entry in bundle["entry"]
        if "fullUrl" in entry and "resource" in entry
    }
    used: set[str] = set()
    for node in nodes:
        if node.type == "Reference":
            reference = node.content.get("reference")
            if reference is None:
                if not {"identifier", "display", "extension"} & node.content.keys():
                    yield Problem("reference", node.path, "a reference to nothing")
                continue
            kind = _kind_of(reference, node, there)
            if kind is None:
                yield Problem("reference", node.path, "a reference that leads nowhere")
                continue
            used.add(f"{_resource_of(node).path}{reference}")
            if node.content.get("type", kind) != kind:
                yield Problem("reference", node.path, "a reference to another type than it says")
            allowed = elements(node.parents[-1].type)[node.name].targets
            if allowed and kind not in allowed and "Resource" not in allowed:
                yield Problem("reference", node.path, "a reference to a type not allowed here")
    for node in nodes:
        if node.name == "contained":
            owner = node.parents[-1].path
            if f"{owner}#{node.content.get('id')}" not in used:
                yield Problem("dom-3", node.path, "a contained resource that nothing refers to")
            if "contained" in node.content:
                yield Problem("dom-2", node.path, "a contained resource in a contained one")
    patients = {url for url, kind in there.items() if kind == "Patient"}
    for node in nodes:
        if node.name in ("subject", "patient") and node.content.get("reference") not in patients:
            yield Problem("reference", node.path, "a statement about somebody else")


def _kind_of(reference: str, node: Node, there: dict[str, str]) -> str | None:
    """Type of what is referred to: a contained resource, an entry, or an id on the server."""
    if reference.startswith("#"):
        for one in _resource_of(node).content.get("contained", ()):
            if one.get("id") == reference[1:]:
                return str(one["resourceType"])
        return None
    if reference.startswith("urn:"):
        return there.get(reference)
    match = re.fullmatch(r"(?:https?://\S+/)?([A-Z]\w+)/[A-Za-z0-9\-.]{1,64}", reference)
    return match[1] if match is not None else None


def _resource_of(node: Node) -> Node:
    """The resource that an object belongs to, contained ones counting as their owner's."""
    for parent in node.parents:
        if parent.name == "resource":
            return parent
    return node


# --- evidence -------------------------------------------------------------------------------

_SINGLE = {
    "state": "valueCode",
    "confidence": "valueDecimal",
    "page": "valuePositiveInt",
    "region": "valueString",
    "text": "valueString",
    "engine": "valueString",
    "rule": "valueString",
}
_NEEDED = {"state", "confidence", "page", "region"}
_REGION = re.compile(r"xywh=percent:(\d+\.?\d*),(\d+\.?\d*),(\d+\.?\d*),(\d+\.?\d*)")


def _evidence_problems(bundle: dict[str, Any], nodes: list[Node]) -> Iterator[Problem]:
    numbers = _pages(nodes)
    for node in nodes:
        if node.type == "Extension" and node.content.get("url") == systems.EVIDENCE:
            yield from _shape_problems(node, numbers)
            yield from _holder_problems(node)


def _pages(nodes: list[Node]) -> set[int]:
    return {
        part["valuePositiveInt"]
        for node in nodes
        if node.type == "Extension" and node.content.get("url") == systems.PAGES
        for part in node.content.get("extension", ())
        if part.get("url") == "page"
    }


def _shape_problems(node: Node, numbers: set[int]) -> Iterator[Problem]:
    parts = node.content.get("extension", ())
    count = Counter(part.get("url") for part in parts)
    for name in _NEEDED - count.keys():
        yield Problem("evidence", node.path, f"evidence without its {name}")
    for part in parts:
        name = part.get("url")
        expected = "valueString" if name == "reason" else _SINGLE.get(name)
        if expected is None or expected not in part:
            yield Problem("evidence", node.path, "a part that evidence does not have")
        elif name in _SINGLE and count[name] > 1:
            yield Problem("evidence", node.path, f"two of {name}")
        else:
            message = _part_problem(name, part[expected], numbers)
            if message:
                yield Problem("evidence", node.path, message)


def _part_problem(name: str, value: Any, numbers: set[int]) -> str | None:
    if name == "state" and value not in ("sure", "doubtful", "unread"):
        return "a state that does not exist"
    if name == "confidence" and not 0 <= value <= 1:
        return "a confidence that is no probability"
    if name == "page" and value not in numbers:
        return "a page that the document does not have"
    if name == "region":
        match = _REGION.fullmatch(value)
        if match is None or any(float(part) > 100 for part in match.groups()):
            return "a region that is not on the page"
    return None


def _holder_problems(node: Node) -> Iterator[Problem]:
    """An unread element holds no value and says so; a read one holds a value."""
    holder = node.parents[-1]
    state = next(
        (p.get("valueCode") for p in node.content.get("extension", ()) if p.get("url") == "state"),
        None,
    )
    absent = any(e.get("url") == systems.ABSENT for e in holder.content.get("extension", ()))
    if holder.name == "dataAbsentReason":
        if state != "unread":
            yield Problem("evidence", node.path, "a read value that is absent")
        return
    if holder.name == "_gender" and state == "unread":
        if _primitive_of(holder) != "unknown":
            yield Problem("evidence", node.path, "an unread element with a value")
        return
    if absent != (state == "unread"):
        yield Problem("evidence", node.path, "the state and the absence do not agree")
    if holder.name.startswith("_"):
        filled = _primitive_of(holder) is not None
    else:
        filled = bool(_said(holder.content))
    if state == "unread" and filled and holder.type != "Narrative":
        yield Problem("evidence", node.path, "an unread element with a value")
    if state in ("sure", "doubtful") and not filled:
        yield Problem("evidence", node.path, "a read element without a value")


# Parts of an element that say what kind of value it has, not the value itself.
_KIND_PARTS = {"extension", "id", "use", "type", "system", "sequence", "rank"}


def _said(content: dict[str, Any]) -> set[str]:
    return {name for name in content if name not in _KIND_PARTS and not name.startswith("_")}


def _primitive_of(holder: Node) -> Any:
    owner = holder.parents[-1].content
    value = owner.get(holder.name[1:])
    if isinstance(value, list):
        index = int(holder.path.rsplit("[", 1)[1].rstrip("]"))
        return value[index] if index < len(value) else None
    return value


# --- the scan and the state -----------------------------------------------------------------


def _scan_problems(nodes: list[Node]) -> Iterator[Problem]:
    for node in nodes:
        if node.type != "Attachment" or node.name != "attachment":
            continue
        content = node.content
        for name in ("title", "hash", "contentType"):
            if name not in content:
                yield Problem("scan", node.path, f"an original without its {name}")
        if "data" in content:
            data = base64.b64decode(content["data"])
            try:
                expected = base64.b64decode(content.get("hash", ""), validate=True)
            except binascii.Error:
                expected = b""
            if hashlib.sha1(data, usedforsecurity=False).digest() != expected:
                yield Problem("scan", node.path, "an original that is not what its hash says")
            if content.get("size") != len(data):
                yield Problem("scan", node.path, "an original of another size than it says")


def _state_problems(bundle: dict[str, Any], nodes: list[Node]) -> Iterator[Problem]:
    profiles = bundle.get("meta", {}).get("profile", ())
    draft, validated = (one in profiles for one in (systems.DRAFT_BUNDLE, systems.VALIDATED_BUNDLE))
    if draft == validated:
        yield Problem("state", "Bundle.meta", "neither a draft nor a validated document")
        return
    for node in nodes:
        status = node.content.get("status")
        if node.name == "resource" and node.type in _DRAFT_STATUS:
            is_draft = status == _DRAFT_STATUS[node.type]
            if is_draft != draft:
                yield Problem("state", f"{node.path}.status", "a status that is not the Bundle's")
        said = node.content.get("valueCode") if node.content.get("url") == "state" else None
        if validated and said in ("doubtful", "unread"):
            yield Problem("state", node.path, "a value that nobody has decided on")
    if validated and not _verified(nodes):
        yield Problem("state", "Bundle.entry", "a validated document that nobody verified")


_DRAFT_STATUS = {
    "MedicationRequest": "draft",
    "ServiceRequest": "draft",
    "Observation": "preliminary",
    "Composition": "preliminary",
}


def _verified(nodes: list[Node]) -> bool:
    return any(
        coding.get("code") == "verifier"
        for node in nodes
        if node.type == "ProvenanceAgent"
        for coding in node.content.get("type", {}).get("coding", ())
    )
