"""When two clinical values say the same thing.

Text is compared without case, accents and punctuation. Masses are compared in milligrams,
durations in days (a month of 30, a year of 365), frequencies in times a day; measured values
within half a percent, which is less than the last digit that people write.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Json = Mapping[str, Any]
Fact: TypeAlias = Any
Amount: TypeAlias = tuple[float, str]

_MASS = {"g": 1000.0, "mg": 1.0, "µg": 0.001, "ug": 0.001, "mcg": 0.001, "μg": 0.001,
         "microgramme": 0.001, "microgrammes": 0.001, "gamma": 0.001, "kg": 1e6}  # fmt: skip
_INTERNATIONAL = ("ui", "iu", "[iu]", "u", "unité", "unités")
_DAYS = {"s": 1 / 86400, "min": 1 / 1440, "h": 1 / 24, "d": 1.0, "wk": 7.0, "mo": 30.0, "a": 365.0}
_DAY_WORDS = {"jour": "d", "j": "d", "semaine": "wk", "sem": "wk", "mois": "mo", "an": "a",
              "annee": "a", "heure": "h"}  # fmt: skip
_DOSE_UNITS = (
    ("compr", "comprimé"), ("cp", "comprimé"), ("gelul", "gélule"), ("gel", "gélule"),
    ("capsule", "gélule"), ("sach", "sachet"), ("suppo", "suppositoire"), ("ovul", "ovule"),
    ("bouff", "bouffée"), ("inhal", "bouffée"), ("gout", "goutte"), ("gtt", "goutte"),
    ("ampoul", "ampoule"), ("inj", "injection"), ("appli", "application"),
    ("pulver", "pulvérisation"), ("lyo", "lyophilisat"), ("patch", "patch"), ("ui", "UI"),
    ("iu", "UI"),
)  # fmt: skip
# The same sign under several LOINC codes.
_SAME_SIGN = (
    frozenset({"59408-5", "2708-6"}),
    frozenset({"18185-9", "49051-6", "49052-4", "11884-4"}),
    frozenset({"33452-4", "19935-6"}),
    frozenset({"55283-6", "11948-7"}),
)
# Units of measurements: one name for each, and the factor to a common one.
_UNITS = {
    "mmhg": ("mm[hg]", 1.0), "cm[hg]": ("mm[hg]", 10.0), "bpm": ("/min", 1.0),
    "{beats}/min": ("/min", 1.0), "{breaths}/min": ("/min", 1.0), "°c": ("cel", 1.0),
    "m": ("cm", 100.0), "g": ("kg", 0.001), "wk": ("d", 7.0), "ug/l": ("ng/ml", 1.0),
    "m[iu]/l": ("m[iu]/l", 1.0), "u[iu]/ml": ("m[iu]/l", 1.0), "mui/l": ("m[iu]/l", 1.0),
    "{#}": ("", 1.0), "{score}": ("", 1.0), "1": ("", 1.0), "{index}": ("", 1.0),
}  # fmt: skip
_ORDINALS = {"0": "0", "neg": "0", "negatif": "0", "negative": "0", "non": "0", "absence": "0",
             "absent": "0", "traces": "traces", "trace": "traces", "plus": "+"}  # fmt: skip


def fold(text: str) -> str:
    """`text` in lower case without accents; anything but letters and digits is a space."""
    plain = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "oe"))
    letters = "".join(c for c in plain if not unicodedata.combining(c)).lower()
    return " ".join(re.findall(r"[a-z0-9]+", letters))


def says(part: str, whole: str) -> bool:
    """Whether the folded words of `part` stand in `whole`, in a row."""
    return bool(part) and f" {part} " in f" {whole} "


def alike(read: str, truth: str) -> bool:
    """Whether one folded phrase says the other: equal, or one holds the other's words."""
    return says(read, truth) or says(truth, read)


def quantity(element: Json) -> Amount:
    """A Quantity as (value, unit): masses in mg, international units as UI."""
    value = float(element.get("value") or 0)
    unit = str(element.get("code") or element.get("unit") or "").strip().lower()
    spelled = str(element.get("unit") or "").strip().lower()
    for name in (unit, spelled):
        if name in _MASS:
            return value * _MASS[name], "mg"
        if name in _INTERNATIONAL:
            return value, "UI"
    if "/" in unit:
        top, _, below = unit.partition("/")
        scaled, name = quantity({"value": value, "unit": top})
        return scaled, f"{name}/{below}"
    return value, unit


def strengths(parts: Iterable[Amount]) -> tuple[tuple[float, str], ...]:
    """Strengths of a product's substances, in an order of their own."""
    return tuple(sorted((round(value, 4), unit) for value, unit in parts))


def measured(element: Json) -> tuple[float, str]:
    """A measured Quantity as (value, unit) in one unit for each kind of quantity."""
    unit = str(element.get("code") or element.get("unit") or "").lower()
    name, factor = _UNITS.get(unit, (unit, 1.0))
    return float(element["value"]) * factor, name


def same_sign(read: Iterable[str], truth: str) -> bool:
    """Whether LOINC codes name the sign that `truth` names."""
    codes = set(read)
    return truth in codes or any(truth in group and codes & group for group in _SAME_SIGN)


def same_measurement(read: Fact, truth: Json) -> bool:
    """Whether a presented (codes, value) says what a measurement of the truth says."""
    codes, value = read
    for option in (truth, *truth.get("alternatives", ())):
        if not same_sign(codes, option["loinc"]):
            continue
        if "date" in option and str(value)[:10] == option["date"]:
            return True
        if "text" in option and isinstance(value, str):
            return _ordinal(value) == _ordinal(option["text"])
        if "value" in option and isinstance(value, tuple):
            wanted = measured(option)
            # A unit that nobody wrote (INR, scores, counts) may be missing.
            same_unit = value[1] == wanted[1] or "" in (value[1], wanted[1])
            if same_unit and abs(value[0] - wanted[0]) <= 0.005 * max(abs(wanted[0]), 1e-9):
                return True
        if "value" in option and isinstance(value, str) and value == f"{option['value']:g}":
            return True
    return False


def _ordinal(text: str) -> str:
    plain = text.strip().lower()
    if plain and set(plain) == {"+"}:
        return plain
    for word in fold(text).split():
        if word in _ORDINALS:
            return _ORDINALS[word]
    return fold(text)


# --- dosage ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dose:
    """One step of a dosage in FHIR terms, from a Bundle or from the truth."""

    dose: Json | None
    dose_range: Json | None
    repeat: Json
    as_needed: bool
    bounds: Json | None
    maximum: Json | None
    unit_optional: bool = False


@dataclass(frozen=True)
class Parts:
    """A dosage, comparable part by part; each tuple has one item a step."""

    dose: tuple[tuple[float, float] | None, ...]
    unit: tuple[str, ...]
    frequency: tuple[float | None, ...]
    when: tuple[tuple[str, ...], ...]
    duration: tuple[float, ...]
    as_needed: bool
    maximum: float | None
    unit_optional: tuple[bool, ...] = ()


def same_part(name: str, read: Parts | None, truth: Parts) -> bool:
    """Whether one part of a dosage, by its field's name, is read as the truth has it.

    A unit may be missing where the line has none (1-0-1); bedtime may be read as evening.
    """
    if read is None:
        return False
    ours, theirs = getattr(read, name), getattr(truth, name)
    if name == "unit" and len(ours) == len(theirs):
        optional = truth.unit_optional
        return all(
            a == b or (not a and free) for a, b, free in zip(ours, theirs, optional, strict=True)
        )
    if name == "when":
        return bool(ours == theirs or ours == tuple(_evening(w) for w in theirs))
    return bool(ours == theirs)


def _evening(moments: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("EVE" if moment == "HS" else moment for moment in moments)


PARTS = ("dose", "unit", "frequency", "when", "duration", "as_needed", "maximum")


def dosage_parts(steps: Sequence[Dose], supply: Json | None) -> Parts:
    """The parts of a dosage; "QSP 1 mois" and "pendant 1 mois" are one duration, as in FHIR."""
    bounds = tuple(days for step in steps if (days := _days(step.bounds)) is not None)
    supplied = _days(supply)
    if not bounds and supplied is not None:
        bounds = (supplied,)
    if len(set(bounds)) == 1:
        bounds = bounds[:1]
    return Parts(
        tuple(_amount(step) for step in steps),
        tuple(_unit(step) for step in steps),
        tuple(_a_day(step.repeat) for step in steps),
        tuple(_moments(step.repeat) for step in steps),
        bounds,
        any(step.as_needed for step in steps),
        next((m for step in steps if (m := _maximum(step.maximum)) is not None), None),
        tuple(step.unit_optional for step in steps),
    )


def truth_dose(step: Json) -> Dose:
    """A step as the truth writes it."""
    timing = step.get("timing", {})
    return Dose(
        step.get("doseQuantity"),
        step.get("doseRange"),
        timing,
        bool(step.get("asNeeded")),
        timing.get("boundsDuration"),
        step.get("maxDosePerPeriod"),
        any(not option.get("unit") for option in step.get("doseAlternatives", ())),
    )


def _amount(step: Dose) -> tuple[float, float] | None:
    if step.dose_range:
        low, high = (quantity(step.dose_range.get(end, {}))[0] for end in ("low", "high"))
        return low, high
    if step.dose and step.dose.get("value") is not None:
        value = quantity(step.dose)[0]
        return value, value
    return None


def _unit(step: Dose) -> str:
    dose = step.dose or (step.dose_range or {}).get("high") or {}
    for said in (str(dose.get("unit") or ""), str(dose.get("code") or "")):
        plain = fold(said)
        for start, name in _DOSE_UNITS:
            if plain.startswith(start):
                return name
        if quantity({"value": 1, "unit": said})[1] in ("mg", "UI"):
            return quantity({"value": 1, "unit": said})[1]
    return ""


def _a_day(repeat: Json) -> float | None:
    """Times a day; moments of the day count one each."""
    moments = len(_times_of_day(repeat) or repeat.get("timeOfDay", ()))
    period, unit = repeat.get("period"), repeat.get("periodUnit")
    if repeat.get("dayOfWeek") and unit in (None, "d"):
        return len(repeat["dayOfWeek"]) * max(moments, 1) / 7
    if unit and period:
        times = float(repeat.get("frequencyMax") or repeat.get("frequency") or 1)
        if moments > times and float(period) * _DAYS[unit] >= 1:
            times = float(moments)
        return round(times / (float(period) * _DAYS[unit]), 4)
    return float(moments) if moments else None


def _times_of_day(repeat: Json) -> list[str]:
    """Moments of the day; a meal says when only where it names one ("au petit déjeuner")."""
    meals = {"M": "MORN", "D": "NOON", "V": "EVE"}
    found = []
    for code in repeat.get("when", ()):
        if code in ("C", "AC", "PC"):
            continue
        at_meal = code.startswith(("AC", "PC", "C")) and code[-1] in meals
        found.append("MORN" if code == "WAKE" else meals[code[-1]] if at_meal else code)
    return found


def _moments(repeat: Json) -> tuple[str, ...]:
    return tuple(sorted([*_times_of_day(repeat), *repeat.get("dayOfWeek", ())]))


def _days(duration: Json | None) -> float | None:
    if not duration or duration.get("value") is None:
        return None
    unit = str(duration.get("code") or duration.get("unit") or "d")
    unit = unit if unit in _DAYS else _DAY_WORDS.get(fold(unit).rstrip("s") or "", "")
    unit = unit or {"mois": "mo"}.get(fold(str(duration.get("unit"))), "d")
    return round(float(duration["value"]) * _DAYS[unit], 3)


def _maximum(element: Json | None) -> float | None:
    """The most in one day, from a Ratio or from the truth's own form."""
    if not element:
        return None
    if "numerator" in element:
        below = _days(element.get("denominator", {})) or 1.0
        return round(quantity(element["numerator"])[0] / below, 3)
    return round(
        quantity(element)[0]
        / (float(element.get("period", 1)) * _DAYS[element.get("periodUnit", "d")]),
        3,
    )
