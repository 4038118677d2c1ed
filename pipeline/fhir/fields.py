"""Fields of a Bundle: the elements that hold a read value, and the paths that name them.

A field is named `fullUrl#path`, where the path is the FHIRPath of the element inside its
resource in the names that JSON uses: `urn:uuid:…#component[0].valueQuantity`. An unread
measurement has its marks on `dataAbsentReason`, an unread date of one on `effectivePeriod`; their
fields are still `value…` and `effectiveDateTime`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.fhir import systems
from pipeline.fhir.elements import Json
from pipeline.model import State

_STEP = re.compile(r"([A-Za-z]\w*)(?:\[(\d+)\])?")
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Field:
    """An element with evidence.

    `value` is its FHIR JSON without extensions, None when it is unread; `extensions` are those
    of the element (evidence, original text, alternatives …).
    """

    url: str
    kind: str
    path: str
    state: State
    value: Any
    extensions: tuple[Json, ...]

    @property
    def name(self) -> str:
        return f"{self.url}#{self.path}"

    @property
    def alternatives(self) -> tuple[Any, ...]:
        """Other readings as FHIR JSON, the likeliest first."""
        return tuple(
            next(value for name, value in one.items() if name.startswith("value"))
            for one in self.extensions
            if one["url"] == systems.ALTERNATIVE
        )

    @property
    def evidence(self) -> dict[str, Any]:
        """The evidence as a flat mapping; `reason` is a list."""
        found = next(e for e in self.extensions if e["url"] == systems.EVIDENCE)
        flat: dict[str, Any] = {"reason": []}
        for part in found["extension"]:
            value = next(value for name, value in part.items() if name.startswith("value"))
            if part["url"] == "reason":
                flat["reason"].append(value)
            else:
                flat[part["url"]] = value
        return flat


def parse(path: str) -> Path:
    """Steps of a path; raises `ValueError` when it is not one of ours."""
    steps: list[str | int] = []
    for part in path.split("."):
        match = _STEP.fullmatch(part)
        if match is None:
            raise ValueError("not a path to an element")
        steps.append(match[1])
        if match[2] is not None:
            steps.append(int(match[2]))
    return tuple(steps)


def write(path: Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".")


def fields(bundle: Json) -> Iterator[Field]:
    """Every field of the Bundle, in the order of its entries."""
    for entry in bundle["entry"]:
        yield from resource_fields(entry["fullUrl"], entry["resource"])


def resource_fields(url: str, resource: Json) -> Iterator[Field]:
    """Fields of one resource, contained ones among them."""
    return (field for field, _ in marked_elements(url, resource))


def marked_elements(url: str, resource: Json) -> Iterator[tuple[Field, Json]]:
    """Fields of one resource, each with the JSON object whose `extension` has its marks."""
    for path, element in _marked(resource, ()):
        yield _field(url, resource, path, element), element


def _marked(node: Any, path: Path) -> Iterator[tuple[Path, Json]]:
    """(path, element or `_element`) wherever an evidence extension stands."""
    if isinstance(node, list):
        for index, child in enumerate(node):
            yield from _marked(child, (*path, index))
    elif isinstance(node, dict):
        if any(e.get("url") == systems.EVIDENCE for e in node.get("extension", ())):
            yield path, node
        for name, child in node.items():
            if name != "extension" and isinstance(child, dict | list):
                yield from _marked(child, (*path, name))
        # A value may itself stand in an extension: where the patient was born.
        for index, one in enumerate(node.get("extension", ())):
            for name, child in one.items():
                if isinstance(child, dict):
                    yield from _marked(child, (*path, "extension", index, name))


def _field(url: str, resource: Json, path: Path, element: Json) -> Field:
    extensions = tuple(element["extension"])
    found = next(e for e in extensions if e["url"] == systems.EVIDENCE)
    state = next(p["valueCode"] for p in found["extension"] if p["url"] == "state")
    last = path[-1]
    value: Any
    if last == "dataAbsentReason":
        path = (*path[:-1], expected_value(resource, path))
        value = None
    elif last == "effectivePeriod":
        path = (*path[:-1], "effectiveDateTime")
        value = None
    elif isinstance(last, str) and last.startswith("_"):
        path = (*path[:-1], last[1:])
        value = lookup(resource, path)
    else:
        value = plain(element)
    if state == State.UNREAD:
        value = None
    return Field(
        url=url,
        kind=resource["resourceType"],
        path=write(path),
        state=State(state),
        value=None if value == {} else value,
        extensions=extensions,
    )


def expected_value(resource: Json, path: Path) -> str:
    """Name of the `value[x]` that an unread measurement should have, from its code."""
    holder = lookup(resource, path[:-1])
    codings = holder.get("code", {}).get("coding", ())
    codes = {code.get("code") for code in codings}
    if systems.LONG_TERM_CONDITION in codes:
        return "valueBoolean"
    if codes & {systems.CERTIFICATE_START[0], systems.CERTIFICATE_END[0]}:
        return "valueDateTime"
    if any(code.get("system") == systems.CERTIFICATE for code in codings):
        return "valueString"
    return "valueQuantity"


def lookup(resource: Json, path: Path) -> Any:
    """The element at `path`, None where there is none."""
    node: Any = resource
    for step in path:
        if isinstance(node, dict) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            return None
    return node


def plain(value: Any) -> Any:
    """A value without extensions and ids of elements, to compare or to take over."""
    if isinstance(value, dict):
        return {
            name: plain(part)
            for name, part in value.items()
            if name != "extension" and not name.startswith("_")
        }
    return [plain(part) for part in value] if isinstance(value, list) else value
