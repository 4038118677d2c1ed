"""Decisions of people on the fields of a draft, applied one after the other.

A decision names its field as `fullUrl#path` (see `fields`). The path may be a field, an element
inside one (`name[0].family`), another element of a resource (`verificationStatus`), or empty
for a whole resource. Values are compared without their extensions.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pipeline.errors import BadDecision, StaleValue
from pipeline.fhir import systems
from pipeline.fhir.elements import Json, clean, extension, instant
from pipeline.fhir.fields import Field, Path, lookup, parse, plain, resource_fields, write
from pipeline.fhir.records import narrative
from pipeline.model import Decision, DecisionAction, State

# What a document states or asks for: resources that a person may add or take out.
CLINICAL = frozenset(
    {
        "AllergyIntolerance", "Condition", "FamilyMemberHistory", "MedicationRequest",
        "Observation", "ServiceRequest",
    }
)  # fmt: skip

# The element without which a resource says nothing: rejecting it takes the resource out.
_ESSENCE = {
    "AllergyIntolerance": "code",
    "Condition": "code",
    "FamilyMemberHistory": "condition[0].code",
    "MedicationRequest": "medicationCodeableConcept",
    "ServiceRequest": "code",
}

# Elements that identify or connect resources, or that validation itself sets.
_PROTECTED = frozenset(
    {
        "resourceType", "id", "meta", "extension", "status", "docStatus", "subject", "patient",
        "encounter", "content", "target", "agent", "entity", "entry", "masterIdentifier",
        "groupIdentifier", "requisition", "custodian", "author", "attester",
    }
)  # fmt: skip

# Stands where something was taken out, so that other paths still hold until all is decided.
_REMOVED: Any = object()


class Revision:
    """Resources of a Bundle by fullUrl while decisions change them, and who decided on what."""

    def __init__(self, bundle: Json) -> None:
        self.resources: dict[str, Json] = {
            entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]
        }
        self.removed: set[str] = set()
        self.decided: dict[str, Decision] = {}
        self.by_hand: dict[str, list[str]] = {}

    def apply(self, decision: Decision) -> None:
        """Carry out one decision; raises `BadDecision` or `StaleValue`."""
        url, hash_sign, path = decision.field.partition("#")
        if not hash_sign:
            raise BadDecision("Le champ d'une décision s'écrit « fullUrl#chemin ».")
        new = plain(numbers(decision.new))
        if not path:
            self._whole(url, decision, new)
            return
        if url not in self.resources or url in self.removed:
            raise BadDecision("La décision porte sur une ressource absente du document.")
        try:
            steps = parse(path)
        except ValueError:
            raise BadDecision("Le chemin du champ n'est pas valide.") from None
        self._element(url, self.resources[url], steps, decision, new)

    # --- whole resources --------------------------------------------------------------------

    def _whole(self, url: str, decision: Decision, new: Any) -> None:
        if decision.action is DecisionAction.REJECT:
            resource = self.resources.get(url, {})
            if resource.get("resourceType") not in CLINICAL:
                raise BadDecision("Cette partie du document ne peut pas être retirée.")
            self._remove(url, decision)
        elif decision.action is DecisionAction.ADD:
            if not isinstance(new, dict) or new.get("resourceType") not in CLINICAL:
                raise BadDecision("Seule une donnée clinique peut être ajoutée au document.")
            if url in self.resources or not _is_fresh(url):
                raise BadDecision("Une donnée ajoutée porte un identifiant neuf (urn:uuid:…).")
            self.resources[url] = new
            self.decided[f"{url}#"] = decision
            self.by_hand[url] = [""]
        else:
            raise BadDecision("Une donnée entière ne peut qu'être ajoutée ou retirée.")

    def _remove(self, url: str, decision: Decision) -> None:
        self.removed.add(url)
        self.decided[f"{url}#"] = decision

    # --- elements ---------------------------------------------------------------------------

    def _element(self, url: str, resource: Json, path: Path, decision: Decision, new: Any) -> None:
        field = _field_of(url, resource, path)
        if path[0] in _PROTECTED and (field is None or field.path != write(path)):
            raise BadDecision("Ce champ ne se décide pas.")
        current = plain(lookup(resource, path))
        if field is not None and field.path == write(path):
            current = field.value
        match decision.action:
            case DecisionAction.CONFIRM:
                if current in (None, {}) or field is None:
                    raise BadDecision("Il n'y a pas de valeur lue à confirmer dans ce champ.")
                if decision.old is not None:
                    _same(decision.old, current, _inner(url, resource, path))
            case DecisionAction.CORRECT:
                _same(decision.old, current, _inner(url, resource, path))
                if new is None:
                    raise BadDecision("Une correction donne la nouvelle valeur.")
            case DecisionAction.REJECT:
                _same(decision.old, current, _inner(url, resource, path))
                self._reject(url, resource, path, decision, field)
                return
            case DecisionAction.ADD:
                if current is not None or decision.old is not None:
                    raise StaleValue
                if new is None:
                    raise BadDecision("Un ajout donne la nouvelle valeur.")
        if decision.action is not DecisionAction.CONFIRM:
            inner = _inner(url, resource, path)
            kept = {
                step: lookup(resource, (*path, *step))
                for step in inner
                if lookup(plain(numbers(decision.old)), step) == lookup(new, step)
            }
            _store(resource, path, new)
            for step, element in kept.items():
                _object_at(resource, (*path, *step[:-1]))[str(step[-1])] = element
            self.by_hand.setdefault(url, []).append(write(path))
        self._mark(url, resource, path, field, decision)

    def _mark(
        self, url: str, resource: Json, path: Path, field: Field | None, decision: Decision
    ) -> None:
        """Put the decision on the element, beside the evidence of what the machine read."""
        self.decided[f"{url}#{write(path)}"] = decision
        extensions = list(field.extensions) if field is not None else []
        target = path if field is None or _beside(field, path) else parse(field.path)
        changed = decision.action is not DecisionAction.CONFIRM
        dropped = {systems.ALTERNATIVE, systems.DECISION, systems.ABSENT}
        if changed:
            dropped.add(systems.AI_CONFIDENCE)
        kept = [_settled(one) for one in extensions if one["url"] in _OURS - dropped]
        if field is not None:
            self.decided[field.name] = decision
        _attach(resource, target, [*kept, decision_extension(decision)])

    def _reject(
        self, url: str, resource: Json, path: Path, decision: Decision, field: Field | None
    ) -> None:
        kind, written = resource["resourceType"], write(path)
        if kind == "Composition" and written == "type":
            raise BadDecision("Le type du document se corrige, il ne se retire pas.")
        if written == _ESSENCE.get(kind) or (
            kind == "Observation" and len(path) == 1 and str(path[0]).startswith("value")
        ):
            self._remove(url, decision)
            return
        if field is not None:
            self.decided[field.name] = decision
        self.decided[f"{url}#{written}"] = decision
        if kind == "Composition" and path[0] == "date":
            resource.pop("date", None)
            resource["_date"] = {
                "extension": [
                    extension(systems.ABSENT, valueCode="asked-unknown"),
                    decision_extension(decision),
                ]
            }
            return
        if kind == "Observation" and path[0] == "component" and len(path) == 3:
            self._reject_component(url, resource, path, decision)
        elif written == "dosageInstruction[0]":
            resource["dosageInstruction"] = _REMOVED
        elif path[-1] == "allowedCodeableConcept":
            resource["substitution"] = _REMOVED
        elif written.startswith("qualification["):
            resource["qualification"] = _REMOVED
        elif path[0] == "extension" or (kind == "Composition" and path[-1] == "text"):
            _store(resource, path[:-1], _REMOVED)
        else:
            _store(resource, path, _REMOVED)

    def _reject_component(self, url: str, resource: Json, path: Path, decision: Decision) -> None:
        """A panel keeps its other components; a blood pressure says what is missing."""
        component = lookup(resource, path[:-1])
        for name in [name for name in component if name.lstrip("_").startswith("value")]:
            del component[name]
        component["dataAbsentReason"] = {
            "extension": [decision_extension(decision)],
            "coding": [{"system": systems.ABSENT_REASON, "code": "unknown", "display": "Unknown"}],
        }
        codes = {code.get("code") for code in resource["code"].get("coding", ())}
        if systems.BLOOD_PRESSURE not in codes:
            _store(resource, path[:-1], _REMOVED)
        left = [
            part
            for part in resource["component"]
            if part is not _REMOVED and "dataAbsentReason" not in part
        ]
        has_value = any(name.lstrip("_").startswith("value") for name in resource)
        if not left and not has_value:
            self._remove(url, decision)

    def prune(self) -> None:
        """Take out what was rejected, and what is empty after that."""
        for url in self.removed:
            self.resources.pop(url, None)
        for resource in self.resources.values():
            _prune(resource)


def apply_all(bundle: Json, decisions: Sequence[Decision]) -> Revision:
    """The Bundle's resources after all decisions, in their order."""
    revision = Revision(bundle)
    for decision in decisions:
        revision.apply(decision)
    return revision


# --- values ---------------------------------------------------------------------------------


def numbers(value: Any) -> Any:
    """`value` with `Decimal` where plain JSON readers make floats."""
    if isinstance(value, dict):
        return {str(name): numbers(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [numbers(part) for part in value]
    return Decimal(str(value)) if isinstance(value, float) else value


def _same(old: Any, current: Any, inner: Sequence[Path] = ()) -> None:
    """Raise `StaleValue` unless `old` is the current value, other fields inside it aside."""
    seen, there = (_without(plain(numbers(value)), inner) for value in (old, current))
    if seen != there and not (seen in (None, {}) and there in (None, {})):
        raise StaleValue


def _without(value: Any, inner: Sequence[Path]) -> Any:
    """A copy of `value` without the elements at the relative paths `inner`."""
    value = copy.deepcopy(value)
    for path in inner:
        holder = lookup(value, path[:-1])
        if isinstance(holder, dict):
            holder.pop(path[-1], None)
    if inner:
        _prune(value)
    return value


def decision_extension(decision: Decision) -> Json:
    """Who decided what on an element, when and why."""
    parts = [
        extension("action", valueCode=decision.action.value),
        extension("who", valueString=clean(decision.who)),
        extension("when", valueDateTime=instant(decision.when)),
    ]
    if why := clean(decision.why):
        parts.append(extension("why", valueString=why))
    return extension(systems.DECISION, parts=parts)


def _settled(one: Json) -> Json:
    """An evidence extension once a person has decided: nothing is left to look at."""
    if one["url"] != systems.EVIDENCE:
        return one
    parts = [part for part in one["extension"] if part["url"] != "reason"]
    return {
        **one,
        "extension": [
            extension("state", valueCode=State.SURE.value) if part["url"] == "state" else part
            for part in parts
        ],
    }


# --- places ---------------------------------------------------------------------------------


def _is_fresh(url: str) -> bool:
    try:
        return url == f"urn:uuid:{uuid.UUID(url.removeprefix('urn:uuid:'))}"
    except ValueError:
        return False


def _field_of(url: str, resource: Json, path: Path) -> Field | None:
    """The innermost field at a path or around it.

    A list of dosage steps is the field on its first step; a `value[x]` of another type than the
    one expected of an unread value is that value's field.
    """
    best: Field | None = None
    for field in resource_fields(url, resource):
        own = parse(field.path)
        around = path[: len(own)] == own
        listed = path == ("dosageInstruction",) and own == ("dosageInstruction", 0)
        if around or listed or _beside(field, path):
            best = field
    return best


def _beside(field: Field, path: Path) -> bool:
    own = parse(field.path)
    return (
        own[:-1] == path[:-1]
        and own != path
        and str(own[-1]).startswith("value")
        and str(path[-1]).startswith("value")
    )


def _inner(url: str, resource: Json, path: Path) -> list[Path]:
    """Fields inside the element at `path`, by their paths from there: values of their own."""
    paths = (parse(field.path) for field in resource_fields(url, resource))
    first = (*path, 0) if path == ("dosageInstruction",) else path
    return [
        own[len(path) :] for own in paths if own[: len(path)] == path and own not in (path, first)
    ]


def _store(resource: Json, path: Path, new: Any) -> None:
    """Put `new` at `path`; the last step may be new in an object, or the end of a list."""
    holder = lookup(resource, path[:-1])
    last = path[-1]
    if isinstance(last, int):
        holder = _list_at(resource, path[:-1])
        if last > len(holder):
            raise BadDecision("Le chemin du champ saute un élément de la liste.")
        holder[last : last + 1] = [new]
        return
    if holder is None:
        holder = _object_at(resource, path[:-1])
    if not isinstance(holder, dict):
        raise BadDecision("Le chemin du champ ne mène pas à un élément.")
    old = holder.get(last)
    holder.pop(f"_{last}", None)
    for choice in ("value", "effective"):
        if last.startswith(choice):
            for name in [n for n in holder if n.lstrip("_").startswith(choice)]:
                del holder[name]
    if last.startswith("value"):
        holder.pop("dataAbsentReason", None)
    if isinstance(old, dict) and "div" in old and isinstance(new, str):
        holder[last] = narrative(new)
    else:
        holder[last] = new
    if last == "boundsDuration":
        _repeat_bounds(resource, plain(old), new)


def _list_at(resource: Json, path: Path) -> list[Any]:
    holder = lookup(resource, path)
    if holder is None:
        parent = lookup(resource, path[:-1])
        if not isinstance(parent, dict):
            raise BadDecision("Le chemin du champ ne mène pas à un élément.")
        holder = parent[path[-1]] = []
    if not isinstance(holder, list):
        raise BadDecision("Le chemin du champ ne mène pas à une liste.")
    return holder


def _object_at(resource: Json, path: Path) -> Json:
    """The object at `path`, made with those around it where they are missing."""
    node: Any = resource
    for step in path:
        if isinstance(step, int):
            if not isinstance(node, list) or step >= len(node):
                raise BadDecision("Le chemin du champ ne mène pas à un élément.")
            node = node[step]
        else:
            if not isinstance(node, dict):
                raise BadDecision("Le chemin du champ ne mène pas à un élément.")
            node = node.setdefault(step, {})
    if not isinstance(node, dict):
        raise BadDecision("Le chemin du champ ne mène pas à un élément.")
    return node


def _repeat_bounds(resource: Json, old: Any, new: Any) -> None:
    """Steps that repeat one duration of supply follow its first."""
    for step in resource.get("dosageInstruction", ())[1:]:
        repeat = step.get("timing", {}).get("repeat", {})
        if old is not None and plain(repeat.get("boundsDuration")) == old:
            repeat["boundsDuration"] = new


def _attach(resource: Json, path: Path, extensions: list[Json]) -> None:
    """Set the extensions of the element at `path`, beside it when it is a primitive."""
    element = lookup(resource, path)
    if isinstance(element, list) and element and isinstance(element[0], dict):
        element = element[0]
    if isinstance(element, dict):
        own = [e for e in element.get("extension", ()) if e["url"] not in _OURS]
        element["extension"] = [*extensions, *own]
    elif element is not None:
        holder = lookup(resource, path[:-1])
        last = path[-1]
        if isinstance(holder, dict) and isinstance(last, str):
            holder[f"_{last}"] = {"extension": extensions}


_OURS = frozenset(
    {
        systems.EVIDENCE, systems.ALTERNATIVE, systems.DECISION, systems.ABSENT,
        systems.ORIGINAL_TEXT, systems.AI_CONFIDENCE, systems.DERIVATION,
    }
)  # fmt: skip


def _prune(node: Any) -> bool:
    """Drop what was removed or is empty; whether the node itself is left with nothing."""
    if isinstance(node, dict):
        for name in [n for n, part in node.items() if part is _REMOVED or _prune(part)]:
            del node[name]
        return not node
    if isinstance(node, list):
        node[:] = [part for part in node if part is not _REMOVED and not _prune(part)]
        return not node
    return False
