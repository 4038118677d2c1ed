"""A draft and the decisions of people become a validated Bundle.

Validating says that the transcription is right. It never says more than the note: a suspected
condition stays a suspicion, and an order gets the status that its own dates give it.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from pipeline.errors import BadDecision, BundleError, Undecided
from pipeline.fhir import records, systems
from pipeline.fhir.checking import ensure_sound
from pipeline.fhir.deciding import CLINICAL, Revision, apply_all, decision_extension
from pipeline.fhir.elements import Json, absent, clean, coded, coding, concept, extension, instant
from pipeline.fhir.fields import fields, marked_elements, resource_fields
from pipeline.fhir.paper import AI_LABEL
from pipeline.fhir.statements import UNCODED, vital_sign_profiles
from pipeline.fhir.transactions import entry
from pipeline.model import (
    Certainty,
    Decision,
    DecisionAction,
    DocumentKind,
    MedicationAction,
    OrderKind,
)

__all__ = ["confirm_all_sure", "open_fields", "validate"]


def open_fields(draft: Json) -> tuple[str, ...]:
    """Names of the fields that a person must decide on before the document can be validated.

    These are the doubtful and the unread ones, and the document's date when none was found.
    """
    names = [field.name for field in fields(draft) if field.state != "sure"]
    for one in draft["entry"]:
        resource = one["resource"]
        if resource["resourceType"] == "Composition" and _is_undated(resource):
            names.append(f"{one['fullUrl']}#date")
    return tuple(dict.fromkeys(names))


def confirm_all_sure(draft: Json, who: str, when: dt.datetime) -> Json:
    """The validated Bundle of a draft that holds nothing doubtful.

    Raises `Undecided` when it does.
    """
    return validate(draft, (), who, when)


def validate(draft: Json, decisions: Sequence[Decision], who: str, when: dt.datetime) -> Json:
    """The validated Bundle: `decisions` carried out in order, then the whole vouched for by `who`.

    Raises `Undecided` while a doubtful or unread value waits for a decision, `StaleValue` when a
    decision was taken on another value than the draft's, `BadDecision` when one makes no sense.
    The draft is left as it is.
    """
    if not clean(who):
        raise BadDecision("Une validation porte le nom de la personne qui valide.")
    bundle = copy.deepcopy(draft)
    revision = apply_all(bundle, decisions)
    revision.prune()
    entries = [(url, resource) for url, resource in revision.resources.items()]
    left = open_fields({"entry": [{"fullUrl": u, "resource": r} for u, r in entries]})
    if left:
        raise Undecided(
            f"{len(left)} valeur(s) douteuse(s) ou illisible(s) attendent encore une décision.",
            left,
        )
    _Document(revision, who, when).settle()
    validated = {
        **bundle,
        "meta": {"profile": [systems.VALIDATED_BUNDLE]},
        "timestamp": instant(when),
        "entry": [entry(url, resource) for url, resource in revision.resources.items()],
    }
    try:
        ensure_sound(validated)
    except BundleError as error:
        if decisions:
            refused = BadDecision("Une valeur décidée ne convient pas à son champ.")
            for note in getattr(error, "__notes__", ()):
                refused.add_note(note)
            raise refused from None
        raise
    return validated


def _is_undated(composition: Json) -> bool:
    """Whether no date was found and nobody has said that there is none."""
    if "date" in composition:
        return False
    marks = {e["url"] for e in composition.get("_date", {}).get("extension", ())}
    return not marks & {systems.EVIDENCE, systems.DECISION}


class _Document:
    """The resources of one document, made consistent with what was decided."""

    def __init__(self, revision: Revision, who: str, when: dt.datetime) -> None:
        self.revision = revision
        self.who = who
        self.when = when
        self.resources = revision.resources
        self.composition_url, self.composition = next(self._of("Composition"))
        self.day: str | None = self.composition.get("date")
        self.kind = _kind(self.composition)

    def _of(self, kind: str) -> Iterator[tuple[str, Json]]:
        return ((u, r) for u, r in list(self.resources.items()) if r["resourceType"] == kind)

    def settle(self) -> None:
        self._complete_added()
        self._drop_references()
        self._copy_date()
        self._copy_kind()
        self._code_problems()
        self._copy_drugs()
        self._copy_prescriber()
        for _, resource in self.resources.items():
            self._set_status(resource)
        self._rewrite_sections()
        self._label()
        self._vouch()

    # --- keeping copies in step ---------------------------------------------------------------

    def _complete_added(self) -> None:
        """What a person added belongs to this patient, visit and day like everything else."""
        patient, _ = next(self._of("Patient"))
        encounter, visit = next(self._of("Encounter"))
        stem = visit["identifier"][0]["value"].removesuffix("/encounter")
        number = 0
        for url, paths in self.revision.by_hand.items():
            if paths != [""] or url not in self.resources:
                continue
            number += 1
            resource = self.resources[url]
            kind = resource["resourceType"]
            decision = self.revision.decided[f"{url}#"]
            subject = (
                "patient" if kind in ("AllergyIntolerance", "FamilyMemberHistory") else "subject"
            )
            resource["id"] = url.removeprefix("urn:uuid:")
            resource[subject] = {"reference": patient, "type": "Patient"}
            if kind != "FamilyMemberHistory":
                resource["encounter"] = {"reference": encounter, "type": "Encounter"}
            resource["identifier"] = [
                {"system": systems.ENTITY_NAMES, "value": f"{stem}/added/{number}"}
            ]
            resource.setdefault("extension", []).append(decision_extension(decision))
            for name, value in _ADDED_DEFAULTS.get(kind, {}).items():
                resource.setdefault(name, copy.deepcopy(value))
            for name in _DATES.get(kind, ()):
                if name not in resource and self.day is not None:
                    resource[name] = self.day

    def _drop_references(self) -> None:
        """Take out references to resources that were rejected."""
        gone = self.revision.removed
        if not gone:
            return
        for resource in self.resources.values():
            if resource["resourceType"] != "Provenance":
                _without_references(resource, gone)
        # The ALD statement of a line that was taken out goes with it.
        used = {
            reference["reference"]
            for _, request in self._of("MedicationRequest")
            for reference in request.get("reasonReference", ())
        }
        for url, observation in self._of("Observation"):
            codes = {c.get("code") for c in observation["code"].get("coding", ())}
            if systems.LONG_TERM_CONDITION in codes and url not in used:
                del self.resources[url]
                self.revision.removed.add(url)

    def _copy_date(self) -> None:
        """The document's date wherever it is repeated; a date with marks is its own."""
        for resource in self.resources.values():
            for name in _DATES.get(resource["resourceType"], ()):
                self._put_date(resource, name)
            if self.day and _is_only_absent(resource.get("effectivePeriod")):
                del resource["effectivePeriod"]
                resource["effectiveDateTime"] = self.day
            if resource["resourceType"] == "Encounter":
                for name in ("start", "end"):
                    self._put_date(resource["period"], name)
            if resource["resourceType"] == "DocumentReference":
                self._put_date(resource["context"]["period"], "start")
                attachment = resource["content"][0]["attachment"]
                attachment.pop("creation", None)
                if self.day:
                    attachment["creation"] = self.day

    def _put_date(self, holder: Json, name: str) -> None:
        marks = {e["url"] for e in holder.get(f"_{name}", {}).get("extension", ())}
        if marks & {systems.EVIDENCE, systems.DECISION}:
            return
        if name not in holder and f"_{name}" not in holder:
            return
        holder.pop(name, None)
        holder.pop(f"_{name}", None)
        if self.day is not None:
            holder[name] = self.day
        elif name == "effectiveDateTime":
            holder["effectivePeriod"] = {"extension": [absent()]}
        else:
            holder[f"_{name}"] = {"extension": [absent()]}

    def _copy_kind(self) -> None:
        if self.kind is None:
            return
        made = records.document_type(self.kind, self._requested())
        marks = self.composition["type"].get("extension")
        self.composition["type"] = {**({"extension": marks} if marks else {}), **made}
        self.composition |= records.category(self.kind)
        for _, scan in self._of("DocumentReference"):
            scan["type"] = copy.deepcopy(made)
            scan |= records.category(self.kind)
        self.composition["title"] = records.title(self.kind, self.day, validated=True)

    def _requested(self) -> set[OrderKind]:
        """The sorts of orders in the document; next visits aside."""
        codes = {
            one.get("code")
            for _, request in self._of("ServiceRequest")
            for category in request.get("category", ())
            for one in category.get("coding", ())
        }
        return {sort for sort in OrderKind if sort.value in codes}

    def _code_problems(self) -> None:
        """A problem in a person's own words alone gets the code of one that has none."""
        for _, condition in self._of("Condition"):
            code = condition.get("code", {})
            if "coding" not in code and "text" in code:
                code["coding"] = coded((UNCODED,))["coding"]

    def _copy_drugs(self) -> None:
        """What stands beside the drug in a line follows what was corrected."""
        for url, request in self._of("MedicationRequest"):
            paths = self.revision.by_hand.get(url, [])
            if any(path.startswith("medicationCodeableConcept") for path in paths):
                code = _plain_concept(request["medicationCodeableConcept"])
                for medication in request.get("contained", ()):
                    medication["code"] = code
                    for ingredient in medication.get("ingredient", ()):
                        ingredient["itemCodeableConcept"] = {"text": _text(code)}
            substitution = request.get("substitution", {})
            codes = {
                c.get("code")
                for c in substitution.get("allowedCodeableConcept", {}).get("coding", ())
            }
            if codes and "N" not in codes:
                substitution.pop("reason", None)
            stops = request.get("doNotPerform") is True
            for one in request.get("extension", ()):
                if one["url"] == systems.MEDICATION_ACTION:
                    said = MedicationAction(one["valueCode"])
                    if stops:
                        said = MedicationAction.STOP
                    elif said is MedicationAction.STOP:
                        said = MedicationAction.START
                    one["valueCode"] = said.value

    def _copy_prescriber(self) -> None:
        """The practice's own identifier and name follow the prescriber's."""
        practitioner: Json = next((r for _, r in self._of("Practitioner")), {})
        rpps = next(
            (
                one["value"]
                for one in practitioner.get("identifier", ())
                if one.get("system") == systems.RPPS and "value" in one
            ),
            None,
        )
        for url, practice in self._of("Organization"):
            own = (systems.PRACTICE_NAMES, systems.ENTITY_NAMES)
            for one in practice["identifier"]:
                if one.get("system") in own and rpps is not None:
                    one |= {"system": systems.PRACTICE_NAMES, "value": rpps}
            if f"{url}#name" not in self.revision.decided and practitioner.get("name"):
                name = practitioner["name"][0]
                said = " ".join([*(g for g in name.get("given", ()) if g), name.get("family", "")])
                practice["name"] = clean(f"Cabinet de {said}")

    # --- statuses -------------------------------------------------------------------------------

    def _set_status(self, resource: Json) -> None:
        match resource["resourceType"]:
            case "Observation":
                resource["status"] = "final"
                profiles = vital_sign_profiles(resource["code"], resource)
                if profiles:
                    resource.setdefault("meta", {})["profile"] = profiles
            case "Composition":
                resource["status"] = "final"
                resource["attester"] = [
                    {"mode": "professional", "time": instant(self.when),
                     "party": {"display": clean(self.who)}}
                ]  # fmt: skip
            case "DocumentReference":
                resource["docStatus"] = "final"
            case "Condition" | "AllergyIntolerance":
                self._set_certainty(resource)
                resource["recordedDate"] = instant(self.when)
            case "MedicationRequest":
                resource["status"] = self._order_status(resource, _days(resource))
            case "ServiceRequest":
                resource["status"] = self._order_status(resource, None)

    def _set_certainty(self, resource: Json) -> None:
        """The status that the note's own certainty calls for; a person's word on it stays."""
        status = resource.get("verificationStatus", {})
        marks = {e["url"]: e for e in status.get("extension", ())}
        if systems.DECISION in marks or systems.CERTAINTY not in marks:
            return
        said = Certainty(marks[systems.CERTAINTY]["valueCode"])
        codes = _CERTAINTY[resource["resourceType"]]
        status["coding"] = [coding(status["coding"][0]["system"], codes[said])]

    def _order_status(self, order: Json, days: Decimal | None) -> str:
        """Active while the order's own duration runs, completed after it, unknown without one."""
        if order.get("doNotPerform") is True:
            return "completed"
        start = order.get("occurrenceDateTime") or order.get("authoredOn")
        if not isinstance(start, str) or len(start) < 10:
            return "unknown"
        first, today = dt.date.fromisoformat(start[:10]), self.when.astimezone().date()
        if first >= today:
            return "active"
        if "occurrenceDateTime" in order:
            return "completed"
        if days is None:
            return "unknown"
        return "active" if (today - first).days <= days else "completed"

    # --- narrative and provenance -----------------------------------------------------------

    def _rewrite_sections(self) -> None:
        """Sections say what the resources now hold; added resources find their section."""
        clinical = [(u, r) for u, r in self.resources.items() if r["resourceType"] in CLINICAL]
        others = [
            section
            for section in self.composition.get("section", ())
            if section["title"] not in records.CLINICAL_SECTIONS
            and {"text", "entry", "section"} & section.keys()
        ]
        for section in others:
            if section["title"] == records.UNREAD_TITLE:
                section["title"] = "Passages relus"
                for passage in section["section"]:
                    passage["title"] = "Passage relu"
        self.composition["section"] = [*records.clinical_sections(clinical), *others]

    def _label(self) -> None:
        """Where people wrote some of a resource, each element that a machine read says so itself.

        The label of the whole stays while there is one. AI Transparency on FHIR would add
        PROCESSINLINELABEL there, which R4's own code system lacks: validators refuse it.
        """
        for url, written in self.revision.by_hand.items():
            resource = self.resources.get(url, {})
            meta = resource.get("meta", {})
            labels = meta.get("security", [])
            if AI_LABEL not in labels:
                continue
            of_machine = [e for f, e in marked_elements(url, resource) if f.path not in written]
            for element in of_machine:
                element["extension"].append(
                    extension(systems.INLINE_LABEL, valueCoding=dict(AI_LABEL))
                )
            if not of_machine:
                labels.remove(AI_LABEL)
            for holder, name in ((meta, "security"), (resource, "meta")):
                if holder.get(name) in ([], {}):
                    del holder[name]

    def _vouch(self) -> None:
        """The verifier in the provenance, and a provenance of what people changed by hand."""
        url, made = next(self._of("Provenance"))
        verifiers = dict.fromkeys([d.who for d in self.revision.decided.values()] + [self.who])
        agents = [
            {"type": concept(coding(_PARTICIPANT, "verifier")), "who": {"display": clean(name)}}
            for name in verifiers
        ]
        made["agent"] = [*made["agent"], *agents]
        made["recorded"] = instant(self.when)
        made["target"] = [
            target
            for one in made["target"]
            if (target := self._target(one["reference"], by_hand=False)) is not None
        ]
        by_hand = [
            target
            for one in self.revision.by_hand
            if (target := self._target(one, by_hand=True)) is not None
        ]
        if by_hand:
            self.resources[records.sibling_url(url, "by-hand")] = {
                "resourceType": "Provenance",
                "target": by_hand,
                "occurredDateTime": instant(self.when),
                "recorded": instant(self.when),
                "activity": concept(
                    coding(f"{systems.TERMINOLOGY}/v3-DataOperation", "UPDATE", "revise"),
                    text="Corrections et ajouts à la relecture",
                ),
                "agent": [
                    {
                        "type": concept(coding(_PARTICIPANT, "enterer")),
                        "who": {"display": clean(name)},
                    }
                    for name in dict.fromkeys(
                        d.who
                        for d in self.revision.decided.values()
                        if d.action in (DecisionAction.CORRECT, DecisionAction.ADD)
                    )
                ],
                "entity": made["entity"],
            }

    def _target(self, url: str, *, by_hand: bool) -> Json | None:
        """A provenance target with the elements that a machine read, or that people wrote."""
        if url not in self.resources:
            return None
        resource = self.resources[url]
        kind = resource["resourceType"]
        written = self.revision.by_hand.get(url, [])
        if by_hand:
            paths = [path for path in written if path]
        else:
            paths = [
                field.path for field in resource_fields(url, resource) if field.path not in written
            ]
        marks = [extension(systems.TARGET_PATH, valueString=f"{kind}.{path}") for path in paths]
        reference = {"reference": url, "type": kind}
        return {**({"extension": marks} if marks else {}), **reference}


_PARTICIPANT = f"{systems.TERMINOLOGY}/provenance-participant-type"

# Elements that repeat the document's date.
_DATES = {
    "MedicationRequest": ("authoredOn",),
    "ServiceRequest": ("authoredOn",),
    "Observation": ("effectiveDateTime",),
    "FamilyMemberHistory": ("date",),
}

# Validated statuses of what the note affirms, suspects or denies.
_CERTAINTY = {
    "Condition": {
        Certainty.CONFIRMED: "confirmed",
        Certainty.HYPOTHESIS: "provisional",
        Certainty.NEGATED: "refuted",
    },
    "AllergyIntolerance": {
        Certainty.CONFIRMED: "confirmed",
        Certainty.HYPOTHESIS: "unconfirmed",
        Certainty.NEGATED: "refuted",
    },
}

# What a resource added by hand gets when it does not say it itself.
_ADDED_DEFAULTS: dict[str, dict[str, Any]] = {
    "MedicationRequest": {"intent": "order", "reportedBoolean": True},
    "ServiceRequest": {"intent": "order"},
    "FamilyMemberHistory": {"status": "partial"},
    "Condition": {
        "verificationStatus": concept(
            coding(f"{systems.TERMINOLOGY}/condition-ver-status", "confirmed")
        ),
    },
    "AllergyIntolerance": {
        "clinicalStatus": concept(
            coding(f"{systems.TERMINOLOGY}/allergyintolerance-clinical", "active")
        ),
        "verificationStatus": concept(
            coding(f"{systems.TERMINOLOGY}/allergyintolerance-verification", "confirmed")
        ),
    },
}

_DAYS = {
    "s": Decimal(1) / 86400,
    "min": Decimal(1) / 1440,
    "h": Decimal(1) / 24,
    "d": Decimal(1),
    "wk": Decimal(7),
    "mo": Decimal(30),
    "a": Decimal(365),
}


def _days(request: Json) -> Decimal | None:
    """How many days a prescription covers with its renewals, None when it does not say.

    Steps with one sequence number run side by side, others one after the other.
    """
    dispense = request.get("dispenseRequest", {})
    times = 1 + int(dispense.get("numberOfRepeatsAllowed", 0))
    steps = request.get("dosageInstruction", ())
    lengths: dict[int, Decimal] = {}
    for step in steps:
        repeat = step.get("timing", {}).get("repeat", {})
        bounds = repeat.get("boundsDuration") or repeat.get("boundsRange", {}).get("high", {})
        length = _length(bounds)
        if length is None and repeat.get("count") == 1 and "period" not in repeat:
            length = Decimal(1)
        if length is None:
            lengths.clear()
            break
        sequence = step.get("sequence", 1)
        lengths[sequence] = max(length, lengths.get(sequence, Decimal(0)))
    total = _length(dispense.get("expectedSupplyDuration", {}))
    if lengths:
        total = sum(lengths.values(), Decimal(0))
    return None if total is None else total * times


def _length(duration: Json) -> Decimal | None:
    if "value" not in duration or duration.get("code") not in _DAYS:
        return None
    return Decimal(duration["value"]) * _DAYS[duration["code"]]


def _is_only_absent(element: Json | None) -> bool:
    """Whether an element only says that it is absent, with no evidence of its own."""
    return element is not None and [e["url"] for e in element.get("extension", ())] == [
        systems.ABSENT
    ]


def _kind(composition: Json) -> DocumentKind | None:
    for one in composition["type"].get("coding", ()):
        if one.get("system") == systems.DOCUMENT_KIND:
            try:
                return DocumentKind(one.get("code"))
            except ValueError:
                raise BadDecision("Ce type de document n'existe pas.") from None
    return None


def _plain_concept(element: Json) -> Json:
    return {name: part for name, part in element.items() if name in ("coding", "text")}


def _text(code: Json) -> str:
    displays = [c["display"] for c in code.get("coding", ()) if "display" in c]
    return str(code.get("text") or next(iter(displays), "?"))


def _without_references(node: Any, gone: set[str]) -> bool:
    """Take references to `gone` out of a resource; whether the node itself is one."""
    if isinstance(node, dict):
        if node.get("reference") in gone and isinstance(node.get("reference"), str):
            return True
        for name in [n for n, part in node.items() if _without_references(part, gone)]:
            del node[name]
        return False
    if isinstance(node, list) and node:
        node[:] = [part for part in node if not _without_references(part, gone)]
        return not node
    return False
