"""Whose record a document belongs to: identifier first, then birth date, sex and folded names.

Candidates are weighed as in record linkage (Fellegi and Sunter, 1969): each trait that agrees or
disagrees adds its weight in bits to the odds that two descriptions are of one person. The weights
are our own, set from how often two strangers share a trait in a practice of some ten thousand
patients. A weight never decides alone: a clear match also has no trait against it and no rival.
Nothing is merged or created here; the outcome is a proposal, or a question for a person.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from rapidfuzz.distance import OSA

from pipeline.fhir import systems
from pipeline.model import Frozen, Probability, Sex

Json = dict[str, Any]

# Odds, in bits, that a patient taken at random from the roster is the one meant.
PRIOR: Final = -14.0
CLEAR: Final = 0.999
POSSIBLE: Final = 0.3
SHOWN: Final = 5


class Agreement(StrEnum):
    SAME = "same"
    NEAR = "near"
    PART = "part"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


_WEIGHTS: Final[Mapping[str, Mapping[Agreement, float]]] = {
    "nir": {Agreement.SAME: 20, Agreement.NEAR: 6, Agreement.DIFFERENT: -12},
    "number": {Agreement.SAME: 12, Agreement.DIFFERENT: -4},
    "birth": {Agreement.SAME: 12, Agreement.NEAR: 5, Agreement.DIFFERENT: -8},
    "sex": {Agreement.SAME: 1, Agreement.DIFFERENT: -5},
    "family": {
        Agreement.SAME: 9,
        Agreement.NEAR: 6,
        Agreement.PART: 5,
        Agreement.DIFFERENT: -5,
    },
    "given": {
        Agreement.SAME: 7,
        Agreement.NEAR: 4,
        Agreement.PART: 4,
        Agreement.DIFFERENT: -7,
    },
}

_REASONS: Final[Mapping[tuple[str, Agreement], str]] = {
    ("nir", Agreement.SAME): "même numéro de sécurité sociale",
    ("nir", Agreement.NEAR): "numéro de sécurité sociale presque identique : faute de lecture ?",
    ("nir", Agreement.DIFFERENT): "numéro de sécurité sociale différent",
    ("number", Agreement.SAME): "même numéro de dossier",
    ("number", Agreement.DIFFERENT): "numéro de dossier différent",
    ("birth", Agreement.SAME): "même date de naissance",
    ("birth", Agreement.NEAR): "date de naissance proche : chiffre mal lu, jour et mois inversés ?",
    ("birth", Agreement.DIFFERENT): "date de naissance différente",
    ("sex", Agreement.SAME): "même sexe",
    ("sex", Agreement.DIFFERENT): "sexe différent",
    ("family", Agreement.SAME): "même nom",
    ("family", Agreement.NEAR): "nom presque identique : faute de lecture ?",
    ("family", Agreement.PART): "une partie du nom est la même : nom composé ou d'usage ?",
    ("family", Agreement.DIFFERENT): "nom différent : nom d'usage ou de naissance ?",
    ("given", Agreement.SAME): "même prénom",
    ("given", Agreement.NEAR): "prénom presque identique : faute de lecture ou jumeaux ?",
    ("given", Agreement.PART): "le prénom est abrégé ou n'est pas le premier",
    ("given", Agreement.DIFFERENT): "prénom différent",
}  # fmt: skip
_SWAPPED: Final = "le nom d'usage de l'un est le nom de naissance de l'autre"
_CARD: Final = "même numéro mais une autre personne : carte d'un parent ?"


class Traits(Frozen):
    """What tells a patient apart. `birth_families` and `used_families` are as written."""

    birth_families: tuple[str, ...] = ()
    used_families: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    sex: Sex | None = None
    birth_date: dt.date | None = None
    nir: str | None = None
    numbers: tuple[str, ...] = ()

    @property
    def families(self) -> tuple[str, ...]:
        return (*self.birth_families, *self.used_families)


class KnownPatient(Frozen):
    """A patient of the roster; `reference` is `Patient/id`, or `Patient?identifier=system|value`
    where only an identifier is known and the server has to say which resource bears it."""

    reference: str
    traits: Traits


class Candidate(Frozen):
    """A known patient with the probability that it is the one meant, and why, in French.

    `against` holds what a person must look at; `ruled_out` is set when a trait plainly differs,
    so that this candidate does not stand in the way of another.
    """

    patient: KnownPatient
    probability: Probability
    reasons: tuple[str, ...]
    against: tuple[str, ...]
    ruled_out: bool = False


class Proposal(Frozen):
    """The likeliest known patients; `clear` is set when one only can be meant.

    `sentence` tells the person in French what there is to decide.
    """

    clear: Candidate | None
    candidates: tuple[Candidate, ...]
    sentence: str


class Roster:
    """Known patients, found again by birth date, name or number without comparing with all."""

    def __init__(self, patients: Iterable[KnownPatient]) -> None:
        self._patients: list[KnownPatient] = []
        self._by: dict[str, list[int]] = defaultdict(list)
        for patient in patients:
            self.add(patient)

    def add(self, patient: KnownPatient) -> None:
        for key in _keys(patient.traits):
            self._by[key].append(len(self._patients))
        self._patients.append(patient)

    def near(self, traits: Traits) -> list[KnownPatient]:
        """Those that share a birth date, a word of the name, or a number with `traits`."""
        positions = {position for key in _keys(traits) for position in self._by.get(key, ())}
        return [self._patients[position] for position in sorted(positions)]


def traits_of(patient: Json) -> Traits:
    """The traits of a FHIR Patient; elements that are missing or unread are left out."""
    birth: list[str] = []
    used: list[str] = []
    given: list[str] = []
    for name in patient.get("name", ()):
        if name.get("family"):
            (birth if name.get("use") == "official" else used).append(str(name["family"]))
        for one in name.get("given") or ():
            if one and one not in given:
                given.append(str(one))
    nir = None
    numbers = []
    for identifier in patient.get("identifier", ()):
        value = identifier.get("value")
        if not value:
            continue
        if identifier.get("system") in systems.SOCIAL_SECURITY | systems.INS:
            nir = nir or str(value)
        elif any(c.get("code") == "PI" for c in identifier.get("type", {}).get("coding", ())):
            numbers.append(str(value))
    gender = patient.get("gender")
    return Traits(
        birth_families=tuple(birth),
        used_families=tuple(used),
        given=tuple(given),
        sex=Sex(gender) if gender in {"female", "male"} else None,
        birth_date=_date(patient.get("birthDate")),
        nir=nir,
        numbers=tuple(numbers),
    )


def known_patient(patient: Json) -> KnownPatient:
    """A Patient read from the target server, as an entry of the roster."""
    return KnownPatient(reference=f"Patient/{patient['id']}", traits=traits_of(patient))


def patient_key(traits: Traits, document: str) -> str:
    """What a decision about a patient is remembered by: a hash of the folded traits.

    An identity without a name, a first name or a birth date says too little to be shared among
    documents: its key is the document's own.
    """
    parts: list[str] = [
        "|".join(sorted(fold(family) for family in traits.families)),
        "|".join(fold(given) for given in traits.given),
        traits.birth_date.isoformat() if traits.birth_date else "",
        traits.sex.value if traits.sex else "",
        _digits(traits.nir),
        "|".join(sorted(traits.numbers)),
    ]
    if not (parts[0] and parts[1] and parts[2]):
        parts.append(document)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def propose(traits: Traits, roster: Roster) -> Proposal:
    """Whom of the `roster` the paper may mean, best first."""
    compared = [compare(traits, known) for known in roster.near(traits)]
    compared.sort(key=lambda candidate: -candidate.probability)
    possible = [c for c in compared if c.probability >= POSSIBLE or _same_number(traits, c)]
    if not possible:
        return Proposal(
            clear=None, candidates=(), sentence="Aucun patient connu ne correspond : à décider."
        )
    best = possible[0]
    shown = tuple(possible[:SHOWN])
    rivals = [c for c in possible[1:] if not c.ruled_out or _same_number(traits, c)]
    if rivals:
        return Proposal(
            clear=None, candidates=shown, sentence="Plusieurs patients peuvent correspondre."
        )
    if not is_clear(best):
        return Proposal(
            clear=None,
            candidates=shown,
            sentence="Un patient ressemble, mais quelque chose ne concorde pas : à vérifier.",
        )
    return Proposal(clear=best, candidates=shown, sentence="")


def is_clear(candidate: Candidate) -> bool:
    """Whether nothing speaks against this candidate and the odds are beyond doubt."""
    return candidate.probability >= CLEAR and not candidate.against


def compare(paper: Traits, known: KnownPatient) -> Candidate:
    """How likely the paper's patient is the known one, with what agrees and what does not."""
    other = known.traits
    family, swapped = _families(paper, other)
    found = {
        "nir": _nir(paper.nir, other.nir),
        "number": _numbers(paper.numbers, other.numbers),
        "birth": _birth(paper.birth_date, other.birth_date),
        "sex": _sex(paper.sex, other.sex),
        "family": family,
        "given": _given(paper.given, other.given),
    }
    bits = PRIOR + sum(_WEIGHTS[trait].get(level, 0.0) for trait, level in found.items())
    reasons: list[str] = []
    against: list[str] = []
    for trait, level in found.items():
        reason = _REASONS.get((trait, level))
        if reason is not None:
            (against if _speaks_against(trait, level, found) else reasons).append(reason)
    if swapped:
        reasons.append(_SWAPPED)
    if found["nir"] is Agreement.SAME and Agreement.DIFFERENT in (found["given"], found["birth"]):
        against.append(_CARD)
    return Candidate(
        patient=known,
        probability=1 / (1 + 2.0**-bits),
        reasons=tuple(reasons),
        against=tuple(against),
        ruled_out=Agreement.DIFFERENT in (found["given"], found["birth"], found["nir"]),
    )


def _speaks_against(trait: str, level: Agreement, found: Mapping[str, Agreement]) -> bool:
    """Whether a person must look: a trait differs, or is only near where that is treacherous.

    Twins have near NIRs, near first names and one birth date; a near NIR or first name is a slip
    of the pen only when a person says so. A near first name is forgiven under the same NIR.
    """
    if level is Agreement.DIFFERENT:
        return True
    if trait in {"nir", "birth"}:
        return level is Agreement.NEAR
    if trait == "given" and level in {Agreement.NEAR, Agreement.PART}:
        return found["nir"] is not Agreement.SAME
    return False


def _same_number(paper: Traits, candidate: Candidate) -> bool:
    return _nir(paper.nir, candidate.patient.traits.nir) is Agreement.SAME


# --- one trait at a time --------------------------------------------------------------------


def fold(text: str) -> str:
    """Lower case, no accents, ligatures undone, everything but letters and digits a blank."""
    plain = text.casefold().replace("œ", "oe").replace("æ", "ae")
    decomposed = unicodedata.normalize("NFKD", plain)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", bare).split())


# Shapes that readers of print and of handwriting take for one another, as one letter each.
_CONFUSED: Final = (
    ("rn", "m"), ("nn", "m"), ("cl", "d"), ("vv", "w"), ("0", "o"), ("1", "l"), ("5", "s"),
    ("8", "b"), ("i", "l"), ("j", "l"), ("q", "g"), ("9", "g"), ("u", "n"), ("v", "n"),
    ("c", "e"), ("o", "a"), ("f", "t"), ("h", "b"),
)  # fmt: skip


def _skeleton(folded: str) -> str:
    for seen, meant in _CONFUSED:
        folded = folded.replace(seen, meant)
    return folded.replace(" ", "")


def _words(one: str, other: str) -> Agreement:
    """Agreement of two folded names."""
    a, b = one.replace(" ", ""), other.replace(" ", "")
    if a == b:
        return Agreement.SAME
    longest = max(len(a), len(b))
    allowed = 2 if longest >= 8 else 1 if longest >= 4 else 0
    if OSA.distance(a, b) <= allowed or (longest >= 4 and _skeleton(one) == _skeleton(other)):
        return Agreement.NEAR
    if set(one.split()) & set(other.split()):
        return Agreement.PART
    return Agreement.DIFFERENT


_ORDER: Final = (Agreement.SAME, Agreement.NEAR, Agreement.PART, Agreement.DIFFERENT)


def _best(levels: Iterable[Agreement]) -> Agreement:
    return min(levels, key=_ORDER.index, default=Agreement.UNKNOWN)


def _families(paper: Traits, known: Traits) -> tuple[Agreement, bool]:
    """Best agreement of any of the names, and whether it is of a birth name with a used name."""
    straight = _best(
        _words(fold(a), fold(b))
        for mine, theirs in (
            (paper.birth_families, known.birth_families),
            (paper.used_families, known.used_families),
        )
        for a in mine
        for b in theirs
    )
    crossed = _best(
        _words(fold(a), fold(b))
        for mine, theirs in (
            (paper.birth_families, known.used_families),
            (paper.used_families, known.birth_families),
        )
        for a in mine
        for b in theirs
    )
    levels = [level for level in (straight, crossed) if level is not Agreement.UNKNOWN]
    best = _best(levels)
    return best, best is not Agreement.DIFFERENT and best is crossed and straight is not best


def _given(paper: Sequence[str], known: Sequence[str]) -> Agreement:
    mine = [fold(given) for given in paper if fold(given)]
    theirs = [fold(given) for given in known if fold(given)]
    if not mine or not theirs:
        return Agreement.UNKNOWN
    # "Jean-Pierre", "Jean Pierre" and ("Jean", "Pierre") are one way of writing; "Jean Pierre" and
    # "Jean Paul" are brothers.
    if " ".join(mine) == " ".join(theirs):
        return Agreement.SAME
    if mine[0] == theirs[0]:
        alone = len(mine) == 1 or len(theirs) == 1
        return Agreement.SAME if alone or set(mine[1:]) & set(theirs[1:]) else Agreement.PART
    level = _words(mine[0], theirs[0])
    if level is Agreement.DIFFERENT:
        initial = len(mine[0]) == 1 or len(theirs[0]) == 1
        if (initial and mine[0][0] == theirs[0][0]) or set(mine) & set(theirs):
            return Agreement.PART
    return level


def _birth(paper: dt.date | None, known: dt.date | None) -> Agreement:
    if paper is None or known is None:
        return Agreement.UNKNOWN
    if paper == known:
        return Agreement.SAME
    if (paper.year, paper.month, paper.day) == (known.year, known.day, known.month):
        return Agreement.NEAR
    a, b = f"{paper:%d%m%Y}", f"{known:%d%m%Y}"
    return Agreement.NEAR if OSA.distance(a, b) <= 1 else Agreement.DIFFERENT


def _sex(paper: Sex | None, known: Sex | None) -> Agreement:
    stated = {Sex.FEMALE, Sex.MALE}
    if paper not in stated or known not in stated:
        return Agreement.UNKNOWN
    return Agreement.SAME if paper is known else Agreement.DIFFERENT


def _nir(paper: str | None, known: str | None) -> Agreement:
    a, b = _digits(paper), _digits(known)
    if not a or not b:
        return Agreement.UNKNOWN
    shortest = min(len(a), len(b))
    if shortest >= 13 and a[:13] == b[:13]:
        # The same number with another key was misread somewhere.
        keys_agree = len(a) < 15 or len(b) < 15 or a == b
        return Agreement.SAME if keys_agree else Agreement.NEAR
    return Agreement.NEAR if OSA.distance(a[:13], b[:13]) <= 2 else Agreement.DIFFERENT


def _numbers(paper: Sequence[str], known: Sequence[str]) -> Agreement:
    mine, theirs = ({fold(number) for number in side} for side in (paper, known))
    if not mine or not theirs:
        return Agreement.UNKNOWN
    return Agreement.SAME if mine & theirs else Agreement.DIFFERENT


def _digits(nir: str | None) -> str:
    return re.sub(r"[^0-9AB]", "", (nir or "").upper())


def _date(text: object) -> dt.date | None:
    try:
        return dt.date.fromisoformat(str(text))
    except ValueError:
        return None


def _keys(traits: Traits) -> set[str]:
    keys = {f"n{word}" for family in traits.families for word in fold(family).split()}
    keys.update(f"p{fold(number)}" for number in traits.numbers)
    if traits.birth_date is not None:
        keys.add(f"b{traits.birth_date}")
    if _digits(traits.nir):
        keys.add(f"s{_digits(traits.nir)[:13]}")
    return keys
