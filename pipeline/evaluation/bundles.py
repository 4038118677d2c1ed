"""What a Bundle presents: values with their state, confidence and place, whatever made it.

Only the output contract is relied on: FHIR R4 elements and the evidence extension, on the element
that holds the value or on one around it. A value without evidence counts as presented surely:
nothing tells the reader to look.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.evaluation.comparing import (
    Dose,
    Fact,
    Parts,
    dosage_parts,
    fold,
    measured,
    quantity,
    strengths,
)

EVIDENCE = "https://reprise.example/fhir/StructureDefinition/evidence"
CERTAINTY = "https://reprise.example/fhir/StructureDefinition/certainty"
NIR_SYSTEMS = tuple(f"urn:oid:1.2.250.1.213.1.4.{n}" for n in (8, 9, 10, 11, 13, 14))
RPPS_SYSTEM = "https://rpps.esante.gouv.fr"
NO_KNOWN_ALLERGY = ("no-known-allergies", "716186003", "409137002")
Json = Mapping[str, Any]
Grade = Literal["sure", "doubtful", "unread"]


@dataclass(frozen=True)
class Mark:
    """The evidence of a value: its state, probability, page and region (percent x, y, w, h)."""

    state: Grade
    confidence: float | None = None
    page: int | None = None
    region: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Presented:
    """One value that a Bundle shows, comparable with a fact of the truth."""

    kind: str
    value: Fact
    mark: Mark
    marked: bool


@dataclass(frozen=True)
class PresentedMedication:
    """A prescription line. `dosage` is None when the line has no structure at all."""

    names: tuple[str, ...]
    drug: Presented
    strength: Presented | None
    dosage: Presented | None
    parts: Parts | None
    repeats: Presented | None
    substitution: Presented | None


@dataclass(frozen=True)
class BundleReading:
    """A Bundle's source (file name, SHA-1, pages) and all that it presents."""

    title: str
    sha1: str
    pages: frozenset[int]
    values: tuple[Presented, ...]
    medications: tuple[PresentedMedication, ...]
    unread: int


# --- evidence -------------------------------------------------------------------------------


def _mark(*elements: Any) -> Mark | None:
    """The evidence of the first of `elements` (inner to outer) that carries one."""
    for element in elements:
        for found in (element or {}).get("extension", ()):
            if found.get("url") == EVIDENCE:
                return _evidence(found)
    return None


def _evidence(extension: Json) -> Mark:
    parts: dict[str, Any] = {}
    for part in extension.get("extension", ()):
        for name, value in part.items():
            if name.startswith("value"):
                parts[part.get("url", "")] = value
    region = None
    numbers = re.findall(r"-?\d+(?:\.\d+)?", str(parts.get("region", "")))
    if len(numbers) == 4:
        x, y, width, height = map(float, numbers)
        region = (x, y, width, height)
    confidence = parts.get("confidence")
    state = parts.get("state")
    return Mark(
        state if state in ("sure", "doubtful", "unread") else "sure",
        float(confidence) if confidence is not None else None,
        parts.get("page"),
        region,
    )


def _presented(kind: str, value: Fact, *elements: Any) -> Presented:
    found = _mark(*elements)
    return Presented(kind, value, found or Mark("sure"), found is not None)


def _primitive(kind: str, holder: Json, name: str) -> Presented | None:
    if holder.get(name) in (None, ""):
        return None
    return _presented(kind, str(holder[name]), holder.get(f"_{name}"), holder)


def _all_marks(node: Any) -> Iterator[Mark]:
    if isinstance(node, list):
        for child in node:
            yield from _all_marks(child)
    elif isinstance(node, dict):
        if node.get("url") == EVIDENCE:
            yield _evidence(node)
            return
        for child in node.values():
            yield from _all_marks(child)


# --- resources ------------------------------------------------------------------------------


def read_bundle(bundle: Json) -> BundleReading:
    """All values of a Bundle that the truth can speak of."""
    resources: list[Json] = [entry.get("resource", {}) for entry in bundle.get("entry", ())]
    by_kind: dict[str, list[Json]] = {}
    for resource in resources:
        by_kind.setdefault(resource.get("resourceType", ""), []).append(resource)
    title, sha1, pages = _source(by_kind.get("DocumentReference", []))
    marks = list(_all_marks(resources))
    if not pages:
        pages = frozenset(mark.page for mark in marks if mark.page is not None)
    values = [
        *_document(by_kind.get("Composition", []), by_kind.get("DocumentReference", [])),
        *(value for patient in by_kind.get("Patient", []) for value in _patient(patient)),
        *(value for person in by_kind.get("Practitioner", []) for value in _prescriber(person)),
        *(value for seen in by_kind.get("Observation", []) for value in _measurements(seen)),
        *_statements("allergy", by_kind.get("AllergyIntolerance", [])),
        *_statements("condition", by_kind.get("Condition", [])),
        *_orders(by_kind.get("ServiceRequest", [])),
    ]
    requests = [*by_kind.get("MedicationRequest", []), *by_kind.get("MedicationStatement", [])]
    known = {resource.get("id", ""): resource for resource in by_kind.get("Medication", [])}
    medications = [found for request in requests if (found := _medication(request, known))]
    return BundleReading(
        title,
        sha1,
        pages,
        tuple(value for value in values if value.mark.state != "unread"),
        tuple(medications),
        sum(mark.state == "unread" for mark in marks),
    )


def _source(references: Iterable[Json]) -> tuple[str, str, frozenset[int]]:
    title, sha1 = "", ""
    pages: set[int] = set()
    for reference in references:
        for content in reference.get("content", ()):
            attachment = content.get("attachment", {})
            title = title or attachment.get("title", "")
            sha1 = sha1 or _hexadecimal(attachment.get("hash", ""))
            pages |= _stated_pages(
                [
                    *attachment.get("extension", ()),
                    *content.get("extension", ()),
                    *reference.get("extension", ()),
                ]
            )
    return title, sha1, frozenset(pages)


def _hexadecimal(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).hex()
    except binascii.Error:
        return text.lower()


def _stated_pages(extensions: Iterable[Json]) -> set[int]:
    """Pages of a page range: sub-extensions `page`, or from `first` to `last`."""
    pages: set[int] = set()
    for extension in extensions:
        parts = extension.get("extension", ())
        named = {part.get("url"): part.get("valuePositiveInt") for part in parts}
        if "pages" not in str(extension.get("url", "")):
            continue
        listed = [
            p["valuePositiveInt"]
            for p in parts
            if p.get("url") == "page" and "valuePositiveInt" in p
        ]
        pages.update(listed)
        if not listed and named.get("first") and named.get("last"):
            pages.update(range(named["first"], named["last"] + 1))
    return pages


def _document(compositions: list[Json], references: list[Json]) -> Iterator[Presented]:
    for composition in compositions[:1]:
        if date := _primitive("date", composition, "date"):
            yield Presented("date", str(date.value)[:10], date.mark, date.marked)
        kind = composition.get("type", {})
        codes = [code.get("code", "") for code in kind.get("coding", ())]
        if codes:
            yield _presented("kind", "|".join(codes), kind)


def _patient(patient: Json) -> Iterator[Presented]:
    names = [name for name in patient.get("name", ()) if name.get("family") or name.get("given")]
    by_use = {name.get("use", "usual"): name for name in reversed(names)}
    usual = by_use.get("usual") or by_use.get("official")
    official = by_use.get("official")
    if usual:
        if usual.get("family"):
            yield _presented("family", fold(usual["family"]), usual)
        given = [name for name in usual.get("given", ()) if name]
        if given:
            yield _presented("given", fold(" ".join(given)), usual)
        if official is not None and official is not usual and official.get("family"):
            yield _presented("birth-family", fold(official["family"]), official)
    if sex := _primitive("sex", patient, "gender"):
        yield sex
    if born := _primitive("birth-date", patient, "birthDate"):
        yield born
    for identifier in patient.get("identifier", ()):
        if identifier.get("system") in NIR_SYSTEMS and identifier.get("value"):
            yield _presented("nir", identifier["value"].replace(" ", ""), identifier)


def _prescriber(person: Json) -> Iterator[Presented]:
    for name in person.get("name", ())[:1]:
        said = fold(" ".join([*(g for g in name.get("given", ()) if g), name.get("family", "")]))
        if said:
            yield _presented("prescriber", said, name)
    for identifier in person.get("identifier", ()):
        if identifier.get("system") == RPPS_SYSTEM and identifier.get("value"):
            yield _presented("rpps", identifier["value"].replace(" ", ""), identifier)


def _measurements(observation: Json) -> Iterator[Presented]:
    """The leaves of an Observation: its own value and those of its components."""
    for part in (observation, *observation.get("component", ())):
        codes = tuple(
            code.get("code", "")
            for code in part.get("code", {}).get("coding", ())
            if code.get("system", "").endswith("loinc.org")
        )
        value = _value(part)
        if codes and value is not None and "30525-0" not in codes:
            held = next((part.get(n) or part.get(f"_{n}") for n in _value_names(part)), None)
            inner = held if isinstance(held, dict) else None
            names = [part.get(f"_{name}") for name in _value_names(part)]
            yield _presented("measurement", (codes, value), inner, *names, part, observation)


def _value_names(part: Json) -> list[str]:
    return [name for name in part if name.startswith("value")]


def _value(part: Json) -> Fact | None:
    if "valueQuantity" in part:
        return measured(part["valueQuantity"])
    for name in ("valueDateTime", "valueString", "valueInteger", "valueBoolean"):
        if part.get(name) not in (None, ""):
            return str(part[name])
    concept = part.get("valueCodeableConcept")
    if concept:
        displays = [code.get("display", "") for code in concept.get("coding", ())]
        return str(concept.get("text") or next(iter(displays), ""))
    return None


def _statements(kind: str, resources: Iterable[Json]) -> Iterator[Presented]:
    for resource in resources:
        code = resource.get("code", {})
        codings = code.get("coding", ())
        text = code.get("text") or next((c.get("display", "") for c in codings), "")
        status = resource.get("verificationStatus", {})
        negated = any(c.get("code") == "refuted" for c in status.get("coding", ()))
        hypothesis = any(
            e.get("url") == CERTAINTY and e.get("valueCode") == "hypothesis"
            for e in status.get("extension", ())
        )
        certainty = "negated" if negated else "hypothesis" if hypothesis else "confirmed"
        if kind == "allergy":
            none = any(c.get("code") in NO_KNOWN_ALLERGY for c in codings)
            if negated and not none:
                continue
            yield _presented(kind, "" if none else fold(text), code, resource)
        elif text:
            yield _presented(kind, (fold(text), certainty), code, resource)


def _orders(requests: Iterable[Json]) -> Iterator[Presented]:
    for request in requests:
        categories = [
            code.get("code", "")
            for category in request.get("category", ())
            for code in category.get("coding", ())
        ]
        text = request.get("code", {}).get("text", "")
        if text and not any("follow" in c or "visit" in c or "suivi" in c for c in categories):
            yield _presented("order", fold(text), request.get("code"), request)


# --- medication -----------------------------------------------------------------------------


def _medication(request: Json, known: Mapping[str, Json]) -> PresentedMedication | None:
    concept = request.get("medicationCodeableConcept", {})
    contained = [c for c in request.get("contained", ()) if c.get("resourceType") == "Medication"]
    reference = request.get("medicationReference", {}).get("reference", "")
    product: Json = contained[0] if contained else known.get(reference.rsplit("/", 1)[-1], {})
    code = concept or product.get("code", {})
    said = [code.get("text", ""), *(c.get("display", "") for c in code.get("coding", ()))]
    names = tuple(fold(name) for name in said if name)
    if not names:
        return None
    drug = _presented("drug", names[0], code, product.get("code"), request)
    if drug.mark.state == "unread":
        return None
    ratios = [
        i["strength"]
        for i in product.get("ingredient", ())
        if i.get("strength", {}).get("numerator")
    ]
    strength = None
    if ratios:
        strength = _presented(
            "strength", strengths([_strength(ratio) for ratio in ratios]), ratios[0], product, code
        )
    dispense = request.get("dispenseRequest", {})
    steps = request.get("dosageInstruction") or request.get("dosage") or []
    structured = [
        step
        for step in steps
        if step.get("timing")
        or step.get("doseAndRate")
        or "asNeededBoolean" in step
        or "asNeededCodeableConcept" in step
    ]
    parts = dosage = None
    if structured:
        parts = dosage_parts(
            [_dose(step) for step in structured], dispense.get("expectedSupplyDuration")
        )
        dosage = _presented("dosage", parts, steps[0], request)
        if dosage.mark.state == "unread":
            parts = dosage = None
    repeats = _primitive("repeats", dispense, "numberOfRepeatsAllowed")
    allowed = request.get("substitution", {})
    substitution = None
    if "allowedCodeableConcept" in allowed or "allowedBoolean" in allowed:
        held = allowed.get("allowedCodeableConcept") or {}
        refused = allowed.get("allowedBoolean") is False or any(
            c.get("code") == "N" for c in held.get("coding", ())
        )
        substitution = _presented(
            "substitution", "refused" if refused else "allowed", held, allowed
        )
    return PresentedMedication(names, drug, strength, dosage, parts, repeats, substitution)


def _strength(ratio: Json) -> tuple[float, str]:
    """A strength; per unit of presentation unless the denominator has a unit of its own."""
    value, unit = quantity(ratio["numerator"])
    below = ratio.get("denominator", {})
    per = below.get("code") or below.get("unit") or ""
    if per and per not in ("1", "{unit}") and per.lower() in ("ml", "l", "g", "dose", "h"):
        amount = float(below.get("value", 1)) or 1.0
        return value / amount, f"{unit}/{per.lower()}"
    return value, unit


def _dose(step: Json) -> Dose:
    """One FHIR Dosage as comparable parts."""
    rates = step.get("doseAndRate") or [{}]
    repeat = step.get("timing", {}).get("repeat", {})
    return Dose(
        dose=rates[0].get("doseQuantity"),
        dose_range=rates[0].get("doseRange"),
        repeat=repeat,
        as_needed=bool(step.get("asNeededBoolean") or step.get("asNeededCodeableConcept")),
        bounds=repeat.get("boundsDuration") or repeat.get("boundsRange", {}).get("high"),
        maximum=step.get("maxDosePerPeriod"),
    )
