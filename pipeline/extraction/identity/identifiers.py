"""Numbers that identify people and practices in France, with their checks.

NIR: 13 characters and a key, 97 minus the rest of the division by 97, Corsica's 2A and 2B counting
as 19 and 18. RPPS (11 digits) and FINESS (9 characters): Luhn. AM: 9 digits, no public check.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Letters that engines put for digits.
_DIGITS = str.maketrans(
    {
        "O": "0",
        "o": "0",
        "Q": "0",
        "D": "0",
        "I": "1",
        "l": "1",
        "|": "1",
        "i": "1",
        "S": "5",
        "s": "5",
        "B": "8",
        "Z": "2",
    }
)
_D = r"[0-9OoQDIl|iSsBZ]"
_SEP = r"[\s.\-_/]{0,2}"

BAD_KEY = "La clé du numéro de sécurité sociale ne correspond pas."
NO_KEY = "Numéro de sécurité sociale sans clé."
DIGITS_REPAIRED = "Chiffres rétablis dans un numéro mal lu."
SEX_LOST = "Premier chiffre du numéro de sécurité sociale déduit de la clé."
BAD_RPPS = "Le contrôle du numéro RPPS échoue."
BAD_FINESS = "Le contrôle du numéro FINESS échoue."
WRONG_LENGTH = "Numéro incomplet ou trop long."


def nir_key(body: str) -> int:
    """The key of a NIR's first 13 characters. Raises `ValueError` when they are not a number."""
    return 97 - int(body.upper().replace("2A", "19").replace("2B", "18")) % 97


def nir_is_valid(nir: str) -> bool:
    """Whether 15 characters form a NIR whose key is right."""
    match = re.fullmatch(r"[1-478]\d{4}(?:\d{2}|2[AB])\d{6}(\d{2})", nir)
    return match is not None and nir_key(nir[:13]) == int(match[1])


def luhn_is_valid(digits: str) -> bool:
    """Whether the last digit closes the others by the Luhn formula (ISO/IEC 7812)."""
    if not digits.isdigit():
        return False
    total = 0
    for position, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + position % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def finess_is_valid(number: str) -> bool:
    """Whether 9 characters are a FINESS number: Luhn, with Corsica's letters as digits."""
    plain = number.upper().replace("2A", "20", 1) if number.upper().startswith("2A") else number
    plain = plain.upper().replace("2B", "20", 1) if plain.upper().startswith("2B") else plain
    return len(plain) == 9 and luhn_is_valid(plain)


@dataclass(frozen=True, slots=True)
class Number:
    """An identifier at characters `start` to `end` of a text, without its spaces."""

    number: str
    start: int
    end: int
    doubts: tuple[str, ...] = ()


_NIR = re.compile(
    rf"(?<![0-9A-Za-z])(?P<s>[1-478Il|]){_SEP}(?P<y>{_D}{{2}}){_SEP}(?P<m>{_D}{{2}}){_SEP}"
    rf"(?P<d>2\s?[ABab]|{_D}{{2}}){_SEP}(?P<c>{_D}{{3}}){_SEP}(?P<o>{_D}{{3}})"
    rf"(?:{_SEP}(?:cl[eé]\s*:?\s*)?(?P<k>{_D}{{2}}))?(?![0-9])"
)


def find_nir(text: str, labelled: bool) -> Number | None:
    """A NIR in `text`. Without a label only one whose key is right counts."""
    for match in _NIR.finditer(text):
        department = re.sub(r"\s", "", match["d"]).upper()
        corsica = department in ("2A", "2B")
        parts = [
            match[name].translate(_DIGITS) if not (name == "d" and corsica) else department
            for name in "symdco"
        ]
        body = "".join(parts)
        key = (match["k"] or "").translate(_DIGITS)
        written = "".join(match[name] for name in "symdco") + (match["k"] or "")
        repaired = re.sub(r"\s", "", written).upper() != body + key
        if sum(c.isalpha() for c in re.sub(r"\s", "", written)) > (5 if corsica else 4):
            continue
        valid = bool(key) and nir_is_valid(body + key)
        if not valid and not labelled:
            continue
        doubts: tuple[str, ...] = ()
        if not key:
            doubts += (NO_KEY,)
        elif not valid:
            doubts += (BAD_KEY,)
        if repaired and not valid:
            doubts += (DIGITS_REPAIRED,)
        return Number(body + key, match.start(), match.end(), doubts)
    return _without_sex(text) if labelled else None


_HEADLESS = re.compile(
    r"(?<![0-9A-Za-z])(?P<y>\d{2})\s?(?P<m>\d{2})\s?(?P<d>\d{2}|2[AB])\s?(?P<c>\d{3})\s?(?P<o>\d{3})"
    r"\s?(?P<k>\d{2})(?![0-9])"
)


def _without_sex(text: str) -> Number | None:
    """A NIR whose first digit, a lone stroke, was not read: the one digit that fits the key."""
    match = _HEADLESS.search(text)
    if match is None:
        return None
    rest = "".join(match[name] for name in "ymdcok")
    fitting = [sex for sex in "12" if nir_is_valid(sex + rest)]
    if len(fitting) != 1:
        return None
    return Number(fitting[0] + rest, match.start(), match.end(), (SEX_LOST,))


_RUN = re.compile(rf"{_D}(?:[\s.\-]?{_D})*")


def find_number(text: str, start: int, length: int) -> Number | None:
    """A run of about `length` digits right after `start`, spaces and dots between allowed."""
    lead = re.compile(r"[\s:;.,°=nNoO\-]*?(?=\d|[OIl|]\d)").match(text, start)
    if lead is None:
        return None
    match = _RUN.match(text, lead.end())
    if match is None:
        return None
    written = re.sub(r"[\s.\-]", "", match[0])
    end = match.end()
    if len(written) > length:
        # What follows after the right number of digits may be another number.
        count = 0
        for offset, character in enumerate(match[0]):
            count += not re.match(r"[\s.\-]", character)
            if count == length:
                following = match[0][offset + 1 : offset + 2]
                if following in (" ", ".", "-", "\t"):
                    end = match.start() + offset + 1
                    written = written[:length]
                break
    digits = written.translate(_DIGITS)
    if len(digits) < length - 3:
        return None
    doubts: tuple[str, ...] = ()
    if digits != written:
        doubts += (DIGITS_REPAIRED,)
    if len(digits) != length:
        doubts += (WRONG_LENGTH,)
    return Number(digits, match.start(), end, doubts)


_PHONE = re.compile(
    r"(?<![0-9.,/])(?:(?:\+|00)\s?33\s?(?:\(0\)\s?)?|"
    r"[0Oo]\s?)(?P<a>[1-9Il])(?P<r>(?:[\s.\-/_]{0,2}[0-9OoIl]{2}){4})(?![0-9])"
)


def find_phone(text: str) -> Number | None:
    """A French telephone number, as ten digits in pairs: `01 99 00 12 34`."""
    match = _PHONE.search(text)
    if match is None:
        return None
    rest = re.sub(r"[\s.\-/_]", "", match["r"])
    digits = "0" + (match["a"] + rest).translate(_DIGITS)
    doubts = (DIGITS_REPAIRED,) if not (match["a"] + rest).isdigit() else ()
    pairs = " ".join(digits[at : at + 2] for at in range(0, 10, 2))
    return Number(pairs, match.start(), match.end(), doubts)
