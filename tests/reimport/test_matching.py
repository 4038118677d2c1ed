"""Whose record: clear matches are proposed, everything else is a question."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pipeline.fhir import systems
from pipeline.model import Sex
from pipeline.reimport.assignment import Assignment, Decision, Policy, assign
from pipeline.reimport.matching import (
    KnownPatient,
    Proposal,
    Roster,
    Traits,
    compare,
    fold,
    patient_key,
    propose,
    traits_of,
)

BORN = dt.date(1984, 3, 17)
NOW = dt.datetime(2026, 11, 23, 20, 0, tzinfo=dt.UTC)


def nir(body: str) -> str:
    return f"{body}{97 - int(body) % 97:02d}"


MOTHER_NIR = nir("2840399123456")


def traits(**changes: Any) -> Traits:
    fields: dict[str, Any] = {
        "birth_families": ("Fictif",),
        "given": ("Camille",),
        "sex": Sex.FEMALE,
        "birth_date": BORN,
    }
    return Traits(**{**fields, **changes})


def known(name: str, **changes: Any) -> KnownPatient:
    return KnownPatient(reference=f"Patient/{name}", traits=traits(**changes))


def ask(paper: Traits, *patients: KnownPatient) -> Proposal:
    stranger = known("other", birth_families=("Bernard",), given=("Yves",), birth_date=None)
    return propose(paper, Roster([*patients, stranger]))


# paper, the one known patient, whether the match is clear, a word of the reasons
ONE = [
    ("the same", traits(), known("a"), True, "même nom"),
    ("accents and case", traits(birth_families=("FICTÎF",)), known("a"), True, "même nom"),
    (
        "used name on paper, both names known",
        traits(birth_families=(), used_families=("Dupré",)),
        known("a", used_families=("Dupré",)),
        True,
        "même nom",
    ),
    (
        "birth name written as the used name",
        traits(birth_families=(), used_families=("Fictif",)),
        known("a", used_families=("Dupré",)),
        True,
        "nom d'usage de l'un",
    ),
    (
        "a slip in the name",
        traits(birth_families=("Fictlf",)),
        known("a"),
        True,
        "nom presque identique",
    ),
    (
        "married name unknown here",
        traits(birth_families=(), used_families=("Dupré",)),
        known("a"),
        False,
        "nom d'usage ou de naissance",
    ),
    (
        "a slip in the NIR",
        traits(nir=MOTHER_NIR[:9] + "8" + MOTHER_NIR[10:]),
        known("a", nir=MOTHER_NIR),
        False,
        "numéro de sécurité sociale presque identique",
    ),
    (
        "another NIR",
        traits(nir=nir("2840399987321")),
        known("a", nir=MOTHER_NIR),
        False,
        "numéro de sécurité sociale différent",
    ),
    (
        "day and month swapped",
        traits(birth_date=dt.date(1984, 3, 7)),
        known("a", birth_date=dt.date(1984, 7, 3)),
        False,
        "jour et mois",
    ),
    ("a digit of the birth date", traits(birth_date=BORN.replace(day=11)), known("a"), False, "lu"),
    ("another sex", traits(sex=Sex.MALE), known("a"), False, "sexe différent"),
    ("a near first name", traits(given=("Camile",)), known("a"), False, "jumeaux"),
    ("an initial", traits(given=("C.",)), known("a"), False, "abrégé"),
    ("no birth date read", traits(birth_date=None), known("a"), False, "même nom"),
    (
        "no birth date read, the NIR was",
        traits(birth_date=None, nir=MOTHER_NIR),
        known("a", nir=MOTHER_NIR),
        True,
        "même numéro de sécurité",
    ),
    (
        "compound first name in two ways",
        traits(given=("Jean-Pierre",)),
        known("a", given=("Jean", "Pierre")),
        True,
        "même prénom",
    ),
    (
        "brothers with half a first name",
        traits(given=("Jean", "Pierre")),
        known("a", given=("Jean", "Paul")),
        False,
        "prénom",
    ),
    (
        "half of a double name",
        traits(birth_families=("Fictif-Dupré",)),
        known("a"),
        True,
        "une partie du nom",
    ),
    ("one's number", traits(numbers=("P-12",)), known("a", numbers=("p 12",)), True, "dossier"),
    ("another number", traits(numbers=("P-12",)), known("a", numbers=("P-13",)), False, "dossier"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("paper", "patient", "clear", "reason"), [case[1:] for case in ONE], ids=[c[0] for c in ONE]
)
def test_one_known_patient(paper: Traits, patient: KnownPatient, clear: bool, reason: str) -> None:
    proposal = ask(paper, patient)
    assert (proposal.clear is not None) is clear
    best = proposal.candidates[0]
    assert best.patient is patient
    assert any(reason in text for text in (*best.reasons, *best.against))
    assert bool(proposal.sentence) is not clear
    if not clear and best.probability >= 0.999:
        assert best.against


def test_a_stranger_matches_nobody() -> None:
    proposal = ask(
        traits(birth_families=("Inconnu",), given=("Zoé",), birth_date=dt.date(2001, 1, 2))
    )
    assert proposal.clear is None
    assert proposal.candidates == ()


def test_two_patients_with_one_name_and_birth_date() -> None:
    first, second = known("a", nir=MOTHER_NIR), known("b")
    proposal = ask(traits(), first, second)
    assert proposal.clear is None
    assert {c.patient.reference for c in proposal.candidates} == {"Patient/a", "Patient/b"}
    # A number tells them apart only when both have one.
    other = known("b", nir=nir("2840399555321"))
    told = ask(traits(nir=MOTHER_NIR), first, other)
    assert told.clear is not None
    assert told.clear.patient is first
    assert ask(traits(nir=MOTHER_NIR), first, second).clear is None


def test_twins_are_not_taken_for_each_other() -> None:
    lea, leo = known("lea", given=("Léa",)), known("leo", given=("Léo",), sex=Sex.MALE)
    for paper in (traits(given=("Léa",)), traits(given=("Léo",), sex=Sex.MALE)):
        proposal = ask(paper, lea, leo)
        if proposal.clear is not None:
            assert proposal.clear.patient.traits.given == paper.given
    # One twin only is known, the paper is the other's.
    assert ask(traits(given=("Léa",), sex=None), leo).clear is None
    # Same sex, first names one letter apart, numbers one apart.
    marie = known("m1", given=("Marie",), nir=nir("2840399123001"))
    maria = known("m2", given=("Maria",), nir=nir("2840399123002"))
    assert ask(traits(given=("Marie",)), marie, maria).clear is None
    assert ask(traits(given=("Marie",), nir=nir("2840399123002")), marie, maria).clear is None


def test_a_child_with_the_mothers_card() -> None:
    mother = known("mother", nir=MOTHER_NIR)
    paper = traits(given=("Nino",), sex=Sex.MALE, birth_date=dt.date(2021, 5, 4), nir=MOTHER_NIR)
    alone = ask(paper, mother)
    assert alone.clear is None
    assert any("carte d'un parent" in reason for reason in alone.candidates[0].against)
    # The child is known too, without a number: still a question, since the number says otherwise.
    child = known("child", given=("Nino",), sex=Sex.MALE, birth_date=dt.date(2021, 5, 4))
    both = ask(paper, mother, child)
    assert both.clear is None
    assert both.candidates[0].patient is child


def test_a_daughter_with_her_mothers_first_name() -> None:
    mother = known("mother", nir=MOTHER_NIR)
    paper = traits(birth_date=dt.date(2019, 3, 17), nir=MOTHER_NIR)
    assert ask(paper, mother).clear is None


def test_odds_rise_with_each_trait_that_agrees() -> None:
    person = known("a", nir=MOTHER_NIR)
    papers = [
        Traits(birth_families=("Fictif",)),
        Traits(birth_families=("Fictif",), given=("Camille",)),
        traits(sex=None),
        traits(),
        traits(nir=MOTHER_NIR),
    ]
    odds = [compare(paper, person).probability for paper in papers]
    assert odds == sorted(odds)
    assert odds[0] < 0.1
    assert odds[-1] > 0.999999


def test_traits_of_a_patient_leave_out_what_was_not_read() -> None:
    patient = {
        "resourceType": "Patient",
        "name": [
            {"use": "official", "family": "Fictif", "given": ["Anne", None]},
            {"use": "usual", "_family": {"extension": []}},
        ],
        "gender": "unknown",
        "birthDate": "1984",
        "identifier": [
            {"system": systems.ENTITY_NAMES, "value": "abc/1/patient"},
            {"system": systems.NIR, "_value": {"extension": []}},
            {"system": systems.NIR, "value": MOTHER_NIR},
            {"type": {"coding": [{"code": "PI"}]}, "system": "urn:x", "value": "P-1"},
        ],
    }
    assert traits_of(patient) == Traits(
        birth_families=("Fictif",), given=("Anne",), nir=MOTHER_NIR, numbers=("P-1",)
    )


def test_fold() -> None:
    assert fold("  L'ŒUVRE-d'Été ") == "l oeuvre d ete"


def test_an_incomplete_identity_is_not_shared_among_documents() -> None:
    assert patient_key(traits(), "one") == patient_key(traits(), "two")
    assert patient_key(traits(birth_date=None), "one") != patient_key(
        traits(birth_date=None), "two"
    )


# --- assignments ----------------------------------------------------------------------------


def patient(
    given: str = "Camille", family: str = "Fictif", born: str = "1984-03-17"
) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "name": [{"use": "official", "family": family, "given": [given]}],
        "birthDate": born,
        "gender": "female",
    }


def assigned(
    papers: dict[str, dict[str, Any]],
    *patients: KnownPatient,
    accept: bool = True,
    create: bool = True,
    decisions: dict[str, Decision] | None = None,
) -> dict[str, Assignment]:
    policy = Policy(who="Dr Exemple", accept_clear=accept, create_unmatched=create)
    made = assign(papers, patients, decisions or {}, policy, NOW)
    return {assignment.document: assignment for assignment in made}


def test_a_clear_match_is_only_proposed() -> None:
    result = assigned({"d": patient()}, known("a"), accept=False)["d"]
    assert result.decision is None
    assert result.proposal.clear is not None


def test_a_clear_match_may_be_accepted_for_all() -> None:
    result = assigned({"d": patient()}, known("a"))["d"]
    assert result.decision is not None
    assert result.decision.reference == "Patient/a"


def test_two_papers_of_one_new_patient_make_one() -> None:
    result = assigned({"d1": patient(), "d2": patient(), "d3": patient(family="FICTIF")})
    assert {a.decision.first for a in result.values() if a.decision} == {"d1"}
    assert {a.decision.reference for a in result.values() if a.decision} == {None}


def test_two_papers_that_may_be_of_one_new_patient_are_a_question() -> None:
    result = assigned({"d1": patient(), "d2": patient(given="Camila")})
    assert result["d1"].decision is not None
    assert result["d2"].decision is None
    assert result["d2"].proposal.candidates


def test_a_doubt_is_never_decided_by_policy() -> None:
    result = assigned({"d": patient(given="Camila")}, known("a"))["d"]
    assert result.decision is None


def test_a_decision_outlives_the_roster() -> None:
    first = assigned({"d1": patient()})["d1"].decision
    assert first is not None
    later = assigned({"d2": patient()}, accept=False, create=False, decisions={first.key: first})
    assert later["d2"].decision == first
