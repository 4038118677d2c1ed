"""FHIR JSON as the R4 specification writes it: names, types, cardinality, formats.

`fhir.resources` forgives too much (a number in quotes, an empty list, a wrong code), so its
R4B models, which have the elements of R4 for all types used here, are walked as a table of
elements: https://hl7.org/fhir/R4/json.html and https://hl7.org/fhir/R4/datatypes.html.
"""

from __future__ import annotations

import datetime as dt
import importlib
import re
import string
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from lxml import etree


@dataclass(frozen=True)
class Problem:
    """Something wrong in a Bundle. `path` leads to it; `message` never holds a patient's value."""

    code: str
    path: str
    message: str


@dataclass(frozen=True)
class Node:
    """An object of the Bundle: where it is, its FHIR type, its content.

    `parents` are the objects around it from the Bundle inwards, `name` the element it fills.
    """

    path: str
    type: str
    name: str
    content: dict[str, Any]
    parents: tuple[Node, ...]


@dataclass(frozen=True)
class Element:
    """One element of a type: its JSON name, type, whether it repeats, what it may hold."""

    type: str
    many: bool
    primitive: bool
    choice: str | None
    codes: frozenset[str]
    targets: frozenset[str]


_SCALARS = {bool: "Boolean"}
# Names that pydantic's own types have for two primitives of FHIR.
_MARKERS = {"EncodedBytes": "Base64Binary", "UuidVersion": "Uuid"}


@cache
def elements(type_name: str) -> dict[str, Element]:
    """Elements of a FHIR type by JSON name; empty when R4 has no such type."""
    models = importlib.import_module("fhir.resources.R4B")
    try:
        model = models.get_fhir_model_class(type_name)
    except (KeyError, LookupError, ValueError):
        return {}
    return {
        field.alias or name: element
        for name, field in model.model_fields.items()
        if not name.endswith("__ext") and name not in ("fhir_comments", "resource_type")
        for element in [_element(field.annotation, field.json_schema_extra or {})]
    }


def _element(annotation: Any, extra: dict[str, Any]) -> Element:
    many = False
    annotation = _without_none(annotation)
    if typing.get_origin(annotation) is list:
        many = True
        annotation = _without_none(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is typing.Annotated:
        marker = annotation.__metadata__[0]
        name = marker.__name__ if isinstance(marker, type) else type(marker).__name__
        name = _MARKERS.get(name, name)
        primitive = True
    elif annotation in _SCALARS:
        name, primitive = _SCALARS[annotation], True
    else:
        name = annotation.__name__.removesuffix("Type")
        primitive = not hasattr(annotation, "get_model_klass")
    codes = extra.get("enum_values", ())
    return Element(
        type=name,
        many=many,
        primitive=primitive,
        choice=extra.get("one_of_many"),
        # A list that ends in "+" is the specification's shorthand, not the whole value set.
        codes=frozenset(() if "+" in codes else codes),
        targets=frozenset(extra.get("enum_reference_types", ())),
    )


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        (annotation, *_) = (part for part in typing.get_args(annotation) if part is not type(None))
    return annotation


# --- primitives -----------------------------------------------------------------------------

_DATE = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_ZONE = r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"
_FORMATS = {
    "Code": re.compile(r"[^\s]+(\s[^\s]+)*"),
    "Id": re.compile(r"[A-Za-z0-9\-.]{1,64}"),
    "Uri": re.compile(r"\S+"),
    "Url": re.compile(r"\S+"),
    "Canonical": re.compile(r"\S+"),
    "Oid": re.compile(r"urn:oid:[0-2](\.(0|[1-9]\d*))+"),
    "Uuid": re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "Date": re.compile(_DATE),
    "DateTime": re.compile(rf"{_DATE}|\d{{4}}-\d\d-\d\dT{_CLOCK}{_ZONE}"),
    "Instant": re.compile(rf"\d{{4}}-\d\d-\d\dT{_CLOCK}{_ZONE}"),
    "Time": re.compile(_CLOCK),
    "String": re.compile(r"[\r\n\t\u0020-\uffff\U00010000-\U0010ffff]*"),
    "Markdown": re.compile(r"[\r\n\t\u0020-\uffff\U00010000-\U0010ffff]*"),
}
_INTEGERS = {"Integer": -(2**31), "UnsignedInt": 0, "PositiveInt": 1}
_BASE64 = (string.ascii_letters + string.digits + "+/").encode()
_XHTML = "{http://www.w3.org/1999/xhtml}"
_BANNED_XHTML = {f"{_XHTML}{name}" for name in ("script", "form", "iframe", "object", "base")}


def primitive_problem(type_name: str, value: Any) -> str | None:
    """What is wrong with the JSON `value` of a primitive, None when nothing is."""
    if type_name == "Boolean":
        return None if isinstance(value, bool) else "not true or false"
    if type_name in _INTEGERS:
        if isinstance(value, bool) or not isinstance(value, int):
            return "not an integer"
        return None if _INTEGERS[type_name] <= value < 2**31 else "integer out of range"
    if type_name == "Decimal":
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return "not a number"
        return None if Decimal(str(value)).is_finite() else "not a finite number"
    if not isinstance(value, str):
        return "not a string"
    if not value.strip():
        return "an empty string"
    if type_name == "Base64Binary":
        return _base64_problem(value)
    if type_name == "Xhtml":
        return _xhtml_problem(value)
    pattern = _FORMATS.get(type_name)
    if pattern is not None and not pattern.fullmatch(value):
        return f"not a {type_name}"
    if type_name in ("Date", "DateTime", "Instant"):
        return _day_problem(value)
    return None


def _day_problem(value: str) -> str | None:
    if len(value) >= 10:
        try:
            dt.date.fromisoformat(value[:10])
        except ValueError:
            return "no such day"
    return None


def _base64_problem(value: str) -> str | None:
    # Told by its form: to decode a scan takes four times as long.
    body = value.rstrip("=")
    padding = len(value) - len(body)
    if len(value) % 4 or padding > 2 or not body.isascii():
        return "not base64"
    return "not base64" if body.encode().translate(None, _BASE64) else None


def _xhtml_problem(value: str) -> str | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(value.encode(), parser)
    except etree.XMLSyntaxError:
        return "not well-formed XHTML"
    if root.tag != f"{_XHTML}div":
        return "not an XHTML div"
    if any(node.tag in _BANNED_XHTML for node in root.iter()):
        return "active content in a narrative"
    text = any(str(part).strip() for part in root.itertext())
    return None if text or root.find(f".//{_XHTML}img") is not None else "an empty narrative"


# --- the walk -------------------------------------------------------------------------------

Report = Callable[[str, str, str], None]


def walk(bundle: Any) -> tuple[list[Node], list[Problem]]:
    """All objects of a resource in document order, and what breaks the form of FHIR JSON."""
    found: list[Problem] = []
    nodes: list[Node] = []

    def report(code: str, path: str, message: str) -> None:
        found.append(Problem(code, path, message))

    nodes.extend(_objects(bundle, "Resource", "", "", (), report))
    return nodes, found


def _objects(
    value: Any, type_name: str, name: str, path: str, parents: tuple[Node, ...], report: Report
) -> Iterator[Node]:
    if not isinstance(value, dict):
        report("structure", path, "not an object")
        return
    if not value:
        report("structure", path, "an empty object")
        return
    if type_name == "Resource":
        type_name = str(value.get("resourceType"))
        path = path or type_name
    table = elements(type_name)
    if not table:
        report("structure", path, "no such type of resource")
        return
    node = Node(path, type_name, name, value, parents)
    yield node
    _check_choices(node, table, report)
    for key, part in value.items():
        if key == "resourceType" and "id" in table and "meta" in table:
            continue
        yield from _member(node, key, part, table, report)


def _member(
    node: Node, key: str, part: Any, table: dict[str, Element], report: Report
) -> Iterator[Node]:
    path = f"{node.path}.{key}"
    sibling = key.startswith("_")
    element = table.get(key[1:] if sibling else key)
    if element is None or (sibling and not element.primitive):
        report("structure", path, "no such element")
        return
    if element.many != isinstance(part, list):
        report("structure", path, "a list" if not element.many else "not a list")
        return
    if element.many and not part:
        report("structure", path, "an empty list")
    for index, item in enumerate(part if element.many else [part]):
        where = f"{path}[{index}]" if element.many else path
        if item is None:
            if not (element.many and element.primitive and _filled(node.content, key, index)):
                report("structure", where, "null")
        elif sibling:
            yield from _objects(item, "Element", key, where, (*node.parents, node), report)
        elif element.primitive:
            message = primitive_problem(element.type, item)
            if message is not None:
                report("value", where, message)
            elif element.codes and item not in element.codes:
                report("binding", where, "not a code of the required value set")
        else:
            yield from _objects(item, element.type, key, where, (*node.parents, node), report)


def _filled(content: dict[str, Any], key: str, index: int) -> bool:
    """Whether the other half of a primitive list has something where this half has null."""
    other = content.get(key[1:] if key.startswith("_") else f"_{key}")
    return isinstance(other, list) and index < len(other) and other[index] is not None


def _check_choices(node: Node, table: dict[str, Element], report: Report) -> None:
    seen: dict[str, str] = {}
    for key in node.content:
        name = key.removeprefix("_")
        element = table.get(name)
        choice = element.choice if element is not None else None
        if choice is not None and seen.setdefault(choice, name) != name:
            report("structure", f"{node.path}.{name}", "a second value for one choice")
