"""Strengths of medicines as comparable numbers: `1 g` and `1000 mg` are one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

Strengths = tuple[tuple[Decimal, str], ...]
"""Value and base unit (mg, UI, ml, %, mmol, or empty) of each substance in order."""

_BASE: Final[dict[str, tuple[Decimal, str]]] = {
    "mg": (Decimal(1), "mg"),
    "g": (Decimal(1000), "mg"),
    "µg": (Decimal("0.001"), "mg"),
    "ug": (Decimal("0.001"), "mg"),
    "microgrammes": (Decimal("0.001"), "mg"),
    "microgramme": (Decimal("0.001"), "mg"),
    "ng": (Decimal("0.000001"), "mg"),
    "nanogrammes": (Decimal("0.000001"), "mg"),
    "grammes": (Decimal(1000), "mg"),
    "ui": (Decimal(1), "UI"),
    "u": (Decimal(1), "UI"),
    "unites": (Decimal(1), "UI"),
    "unite": (Decimal(1), "UI"),
    "mui": (Decimal(1_000_000), "UI"),
    "millions d'ui": (Decimal(1_000_000), "UI"),
    "millions d'unites": (Decimal(1_000_000), "UI"),
    "%": (Decimal(1), "%"),
    "pour cent": (Decimal(1), "%"),
    "mmol": (Decimal(1), "mmol"),
    "meq": (Decimal(1), "mEq"),
    "ml": (Decimal(1), "ml"),
    "mbq": (Decimal(1), "MBq"),
}
_NUMBER: Final = r"\d{1,3}(?:[ \u00a0]\d{3})+(?:,\d+)?|\d+(?:[.,]\d+)?"
_UNIT: Final = (
    r"millions? d'(?:ui|unites)|microgrammes?|nanogrammes?|grammes?|pour cent|m\.?u\.?i\.?"
    r"|mmol|meq|mbq|mg|µg|ug|ng|g|u\.?i\.?|unites?|u|ml|%"
)
_STRENGTH: Final = re.compile(rf"({_NUMBER})\s*({_UNIT})?(?![a-z])", re.IGNORECASE)
_FOLD: Final = str.maketrans("éèêàâîïôûùç\u00a0\u03bc", "eeeaaiiouuc µ")


def base(value: Decimal, unit: str) -> tuple[Decimal, str]:
    """A value in the base unit of its kind; an unknown unit stays as it is."""
    key = unit.lower().translate(_FOLD).replace(".", "")
    factor, name = _BASE.get(key, (Decimal(1), unit))
    return (value * factor).normalize(), name


def parse_strength(text: str) -> Strengths:
    """The strength at the start of what follows a product's name ("500 mg/62,5 mg, comprimé").

    Volumes ("pour 5 ml") are left out, and a number whose unit comes later takes that unit
    (`10/80 mg`). Empty where there is none.
    """
    head = text.lower().translate(_FOLD)
    head = re.split(r", (?=[a-z])| pour (?=\d)|(?<=[a-z%]) en | par (?=\w)", head)[0]
    found: list[tuple[Decimal, str]] = []
    end = 0
    for match in _STRENGTH.finditer(head):
        if found and head[end : match.start()].strip(" ()") not in ("/", "+", "-", "et", ""):
            break
        value = Decimal(re.sub(r"[ \u00a0]", "", match.group(1)).replace(",", "."))
        found.append((value, match.group(2) or ""))
        end = match.end()
    if not any(unit for _, unit in found):
        return ()
    unit = ""
    result: list[tuple[Decimal, str]] = []
    for value, own in reversed(found):
        unit = own or unit
        result.insert(0, base(value, unit))
    solid = [part for part in result if part[1] != "ml"]
    return tuple(solid)


def written(strengths: Iterable[tuple[Decimal, str]]) -> str:
    """A strength in compact French: `500 mg/62,5 mg`."""
    return "/".join(f"{format(value.normalize(), 'f')} {unit}".strip() for value, unit in strengths)


def read(text: str) -> Strengths:
    """The inverse of `written`."""
    parts: list[tuple[Decimal, str]] = []
    for piece in text.split("/"):
        value, _, unit = piece.partition(" ")
        parts.append((Decimal(value), unit))
    return tuple(parts)
