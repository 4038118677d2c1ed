"""Documents meet patients: proposals, the decisions of people, and how these are remembered.

A decision belongs to an identity as written (`patient_key`), so that every document with the same
identity follows it, today and in a later send. It is kept per target in
`OUT/receipts/<target>/patients.json`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.model import Frozen
from pipeline.reimport.errors import RosterUnreadable
from pipeline.reimport.matching import (
    KnownPatient,
    Proposal,
    Roster,
    Traits,
    patient_key,
    propose,
    traits_of,
)
from pipeline.store.files import write_atomically

Json = dict[str, Any]


class Decision(Frozen):
    """Whose record an identity belongs to.

    `reference` leads to the patient on the target; None is a new patient who is not there yet,
    to be made from the paper of the document `first`. `who` decided, `when`.
    """

    key: str
    reference: str | None
    first: str | None
    traits: Traits
    who: str
    when: dt.datetime


class Assignment(Frozen):
    """The patient of one document: decided on, or a question with what is known."""

    document: str
    key: str
    traits: Traits
    decision: Decision | None
    proposal: Proposal


class Policy(Frozen):
    """What may be decided without asking for each document, in whose name.

    `accept_clear` takes clear proposals; `create_unmatched` makes new patients of identities that
    nobody known resembles.
    """

    who: str
    accept_clear: bool = False
    create_unmatched: bool = False


def assign(
    patients: Mapping[str, Json],
    known: Sequence[KnownPatient],
    decisions: Mapping[str, Decision],
    policy: Policy,
    when: dt.datetime,
) -> tuple[Assignment, ...]:
    """One assignment for each document, given its FHIR Patient by document id.

    Identities are compared with the known patients and with those that this or an earlier send
    creates, so that one person on two papers does not become two.
    """
    made = {key: d for key, d in decisions.items() if d.first is not None}
    taken: dict[str, Decision] = dict(decisions)
    # A new patient who was created meanwhile is known twice: by the target and by the decision.
    created = {decision.reference for decision in made.values()}
    roster = Roster(patient for patient in known if patient.reference not in created)
    for earlier in made.values():
        roster.add(_new_patient(earlier))
    assigned = []
    for document in sorted(patients):
        traits = traits_of(patients[document])
        key = patient_key(traits, document)
        decision = taken.get(key)
        proposal = Proposal(clear=None, candidates=(), sentence="")
        if decision is None:
            proposal = propose(traits, roster)
            decision = _decide(document, key, traits, proposal, made, policy, when)
            if decision is not None:
                taken[key] = decision
                if decision.first == document:
                    made[key] = decision
                    roster.add(_new_patient(decision))
        assigned.append(
            Assignment(
                document=document, key=key, traits=traits, decision=decision, proposal=proposal
            )
        )
    return tuple(assigned)


def decide(
    folder: Path, assignment: Assignment, reference: str | None, who: str, when: dt.datetime
) -> Decision:
    """Record a person's word: the patient at `reference`, or a new one when that is None."""
    decision = Decision(
        key=assignment.key,
        reference=reference,
        first=assignment.document if reference is None else None,
        traits=assignment.traits,
        who=who,
        when=when,
    )
    remember(folder, [decision])
    return decision


_DECISIONS = TypeAdapter(tuple[Decision, ...])


def remember(folder: Path, decisions: Iterable[Decision]) -> None:
    """Add decisions to those kept for a target, in place of earlier ones on the same identity."""
    kept = recall(folder)
    kept.update((decision.key, decision) for decision in decisions)
    ordered = tuple(kept[key] for key in sorted(kept))
    write_atomically(folder / "patients.json", _DECISIONS.dump_json(ordered, indent=1))


def forget_created(folder: Path, references: Collection[str]) -> None:
    """New patients that were taken back from the target are new again."""
    remember(
        folder,
        [
            decision.model_copy(update={"reference": None})
            for decision in recall(folder).values()
            if decision.first is not None and decision.reference in references
        ],
    )


def recall(folder: Path) -> dict[str, Decision]:
    """Decisions kept for a target, by key. Raises `RosterUnreadable` when the file is damaged."""
    try:
        kept = _DECISIONS.validate_json((folder / "patients.json").read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as damaged:
        raise RosterUnreadable(
            "Les choix de patients enregistrés sont illisibles : restaurez patients.json."
        ) from damaged
    return {decision.key: decision for decision in kept}


def _new_patient(decision: Decision) -> KnownPatient:
    """A patient whom this or an earlier send makes, as one more to compare with."""
    return KnownPatient(reference=f"#{decision.key}", traits=decision.traits)


def _decide(
    document: str,
    key: str,
    traits: Traits,
    proposal: Proposal,
    made: Mapping[str, Decision],
    policy: Policy,
    when: dt.datetime,
) -> Decision | None:
    if proposal.clear is not None:
        if not policy.accept_clear:
            return None
        reference: str | None = proposal.clear.patient.reference
        first = None
        if reference is not None and reference.startswith("#"):
            same = made[reference.removeprefix("#")]
            reference, first = same.reference, same.first
    elif proposal.candidates or not policy.create_unmatched or not traits.families:
        return None
    else:
        reference, first = None, document
    return Decision(
        key=key, reference=reference, first=first, traits=traits, who=policy.who, when=when
    )
