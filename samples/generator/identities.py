"""People who do not exist, with identifiers that no one can hold.

NIR: commune codes 901 to 988, which are not attributed, and a valid key (97 minus the first
thirteen digits modulo 97, Corsica's 2A and 2B read as 19 and 18). RPPS: unused block 1099…,
closed by a Luhn digit. FINESS and AM: department 99. Telephones: ranges reserved for fiction.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass
from random import Random
from typing import Literal

from samples.generator.vocabulary import Vocabulary

Sex = Literal["female", "male"]
PHONE_RANGES = ("0199 00", "0261 91", "0353 01", "0465 71", "0536 49", "0639 98")


@dataclass(frozen=True)
class Person:
    """A patient. `birth_family` is set when the family name in use is another one."""

    family: str
    birth_family: str
    given: tuple[str, ...]
    sex: Sex
    birth_date: dt.date
    nir: str

    def age(self, on: dt.date) -> int:
        """Age in whole years on a day."""
        born = self.birth_date
        return on.year - born.year - ((on.month, on.day) < (born.month, born.day))

    @property
    def title(self) -> str:
        return "Mme" if self.sex == "female" else "M."


@dataclass(frozen=True)
class Professional:
    """A prescriber and the practice on the letterhead. `sex` follows the first name's ending."""

    given: str
    family: str
    midwife: bool
    rpps: str
    am: str
    finess: str
    phone: str
    practice: str
    street: str
    town: str

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}"


def luhn_digit(digits: str) -> str:
    """The digit that makes `digits` + digit pass the Luhn check (ISO/IEC 7812)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def nir_key(body: str) -> int:
    """Control key of the thirteen characters of a NIR."""
    return 97 - int(body.replace("2A", "19").replace("2B", "18")) % 97


def _nir(rng: Random, sex: Sex, born: dt.date) -> str:
    departments = [f"{n:02d}" for n in range(1, 96) if n != 20] + ["2A", "2B"] * 3
    body = (
        ("2" if sex == "female" else "1")
        + f"{born.year % 100:02d}{born.month:02d}{rng.choice(departments)}"
        + f"{rng.randint(901, 988)}{rng.randint(1, 399):03d}"
    )
    return f"{body}{nir_key(body):02d}"


def spaced_nir(nir: str) -> str:
    """A NIR as cards print it: 2 74 03 75 915 123 45."""
    cuts = ((0, 1), (1, 3), (3, 5), (5, 7), (7, 10), (10, 13), (13, 15))
    return " ".join(nir[start:end] for start, end in cuts)


def phone(rng: Random) -> str:
    """A telephone number of a range reserved for fiction, as dialled: 01 99 00 12 34."""
    digits = rng.choice(PHONE_RANGES).replace(" ", "") + f"{rng.randint(0, 9999):04d}"
    return " ".join(digits[i : i + 2] for i in range(0, 10, 2))


def unaccented(text: str) -> str:
    """`text` without its accents, as capitals are often written."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def person(rng: Random, words: Vocabulary, wanted: Sex | None, ages: tuple[int, int]) -> Person:
    """A patient of the `wanted` sex (either when None) and of an age within `ages` in 2026."""
    drawn: Sex = rng.choice(("female", "female", "male"))
    sex = wanted or drawn
    family = rng.choice(words.people["families"])
    birth_family = family
    if sex == "female" and rng.random() < 0.4:
        birth_family = rng.choice([f for f in words.people["families"] if f != family])
    names = words.people[sex]
    given = [rng.choice(names)]
    if rng.random() < 0.12:
        given.append(rng.choice([n for n in names if n != given[0]]))
    born = dt.date(2026, 1, 1) - dt.timedelta(days=rng.randint(ages[0] * 366, ages[1] * 365))
    return Person(family, birth_family, tuple(given), sex, born, _nir(rng, sex, born))


def professional(rng: Random, words: Vocabulary, midwife: bool) -> Professional:
    """A general practitioner or a midwife with a practice."""
    name = rng.choice(words.people["prescribers"])
    given, _, family = name.partition(" ")
    rpps = "1099" + f"{rng.randint(0, 999999):06d}"
    finess = f"99{rng.randint(0, 999999):06d}"
    return Professional(
        given=given,
        family=family,
        midwife=midwife,
        rpps=rpps + luhn_digit(rpps),
        am=f"99 {'5' if midwife else '1'} {rng.randint(0, 99999):05d} {rng.randint(0, 9)}",
        finess=finess + luhn_digit(finess),
        phone=phone(rng),
        practice=rng.choice(words.people["practices"]),
        street=rng.choice(words.people["streets"]),
        town=rng.choice(words.people["towns"]),
    )
