"""FHIR datatypes from values: codes, quantities, names, and the evidence each value carries."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from pipeline.fhir import systems
from pipeline.model import Code, HumanName, Quantity, Range, Ratio, State, Value

Json = dict[str, Any]
T = TypeVar("T")


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def clean(text: str) -> str:
    """`text` as a FHIR string may hold it: no control characters, no blank ends."""
    return _CONTROL.sub(" ", text).strip()


def coding(system: str, code: str, display: str = "") -> Json:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def concept(*codings: Json, text: str = "") -> Json:
    """A CodeableConcept; at least one of codings and text must be there."""
    text = clean(text)
    return {**({"coding": list(codings)} if codings else {}), **({"text": text} if text else {})}


def coded(codes: Sequence[Code], text: str = "") -> Json:
    """A CodeableConcept; what the vocabulary knows by its name alone becomes its text."""
    named = next((c.display for c in codes if not c.code), "")
    known = (coding(c.system, c.code, c.display) for c in codes if c.code)
    return concept(*known, text=text or named)


def extension(url: str, **value: object) -> Json:
    """An extension with its `value…` or, as `parts`, its sub-extensions."""
    if "parts" in value:
        return {"url": url, "extension": value["parts"]}
    return {"url": url, **value}


def absent(reason: str = "unknown") -> Json:
    return extension(systems.ABSENT, valueCode=reason)


def number(value: Decimal) -> int | Decimal:
    """`value` as JSON writes it: an int when it has no digits after the point."""
    return int(value) if value == value.to_integral_value() and _exponent(value) >= 0 else value


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def quantity(value: Quantity) -> Json:
    """A Quantity: UCUM when the unit has a code there, EDQM for units of presentation."""
    result: Json = {"value": number(value.value)}
    if value.comparator:
        result["comparator"] = value.comparator
    unit = value.unit or value.ucum or ""
    if unit:
        result["unit"] = unit
    if value.ucum:
        result |= {"system": systems.UCUM, "code": value.ucum}
    elif unit in systems.EDQM_UNITS:
        result |= {"system": systems.EDQM, "code": systems.EDQM_UNITS[unit]}
    return result


def simple_quantity(value: Quantity) -> Json:
    """A Quantity for places that allow no comparator (ranges, doses)."""
    return quantity(value.model_copy(update={"comparator": None}))


def quantity_range(value: Range) -> Json:
    return {"low": simple_quantity(value.low), "high": simple_quantity(value.high)}


def ratio(value: Ratio) -> Json:
    return {"numerator": quantity(value.numerator), "denominator": quantity(value.denominator)}


def duration(value: Quantity) -> Json:
    """A Duration; without a UCUM code of time only the text of the unit is kept."""
    return quantity(value)


# French forms of address → code of the civility list that FR Core binds `prefix` to.
_PREFIXES = {
    "m": "M", "mr": "M", "monsieur": "M",
    "mme": "MME", "madame": "MME", "mlle": "MME", "mademoiselle": "MME",
}  # fmt: skip
# Titles of health professionals go to `suffix`, as FR Core's practitioner has it.
_SUFFIXES = {"dr": "DR", "docteur": "DR", "pr": "PR", "professeur": "PR"}


def human_name(name: HumanName) -> Json:
    """A HumanName as FR Core slices it; an official name always has family and given names."""
    result: Json = {"use": name.use}
    if family := clean(name.family):
        result["family"] = family
    elif name.use == "official":
        result["_family"] = {"extension": [absent()]}
    if given := [clean(part) for part in name.given if clean(part)]:
        result["given"] = given
    elif name.use == "official":
        result |= {"given": [None], "_given": [{"extension": [absent()]}]}
    title = name.prefix.rstrip(".").lower()
    if title in _SUFFIXES:
        result["suffix"] = [_SUFFIXES[title]]
    elif title:
        result["prefix"] = [_PREFIXES.get(title, name.prefix)]
    return result


def date(value: dt.date) -> str:
    return value.isoformat()


def instant(value: dt.datetime) -> str:
    """`value` to the second with its zone; a naive time is taken as the machine's own zone."""
    return value.astimezone().isoformat(timespec="seconds")


def confidence(probability: float) -> Decimal:
    return Decimal(str(round(probability, 4)))


def evidence(value: Value[Any]) -> Json:
    """The evidence extension of one value: what was read, where, by whom, how surely."""
    source = value.evidence
    parts = [
        extension("state", valueCode=value.state.value),
        extension("confidence", valueDecimal=confidence(value.confidence)),
        extension("page", valuePositiveInt=source.page),
        extension("region", valueString=source.region),
    ]
    said = [("text", source.text), ("engine", source.engine), ("rule", source.rule)]
    said.extend(("reason", reason) for reason in value.reasons)
    parts.extend(extension(url, valueString=clean(text)) for url, text in said if clean(text))
    return extension(systems.EVIDENCE, parts=parts)


def marks(
    value: Value[T], scan: Json, alternative: Callable[[T], Json] | None = None
) -> list[Json]:
    """All extensions of an element that holds a read or an unread value.

    `scan` is the reference to the DocumentReference; `alternative` makes `{"value…": …}` of
    another reading. An unread value says so with a data-absent-reason.
    """
    result = []
    if value.state is State.UNREAD:
        result.append(absent())
    else:
        if text := clean(value.evidence.text):
            result.append(extension(systems.ORIGINAL_TEXT, valueString=text))
        result.append(extension(systems.AI_CONFIDENCE, valueDecimal=confidence(value.confidence)))
    result.append(
        extension(systems.DERIVATION, parts=[extension("reference", valueReference=scan)])
    )
    result.append(evidence(value))
    if alternative is not None:
        result.extend(
            extension(systems.ALTERNATIVE, **alternative(other)) for other in value.alternatives
        )
    return result
