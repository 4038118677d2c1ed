"""Prescription lines with their readings in a readable notation, and ink gone wrong on them."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any, Final

LINES: Final = Path(__file__).with_name("data") / "prescription_lines.tsv"
_AMOUNT: Final = re.compile(r"(?P<value>[\d.]+)\s*(?P<unit>.*)")
_LENGTH: Final = re.compile(r"(?P<value>[\d.]*)\s*(?P<unit>min|h|d|wk|mo|a)")
_RATE: Final = re.compile(r"(\d+)(?:-(\d+))?/(\d*)(?:-(\d+))?(min|h|d|wk|mo|a)")
_ONE_OF: Final = (None, "comprimé", "gélule", "injection", "ampoule", "sachet", "patch")


def prescription_lines() -> list[dict[str, Any]]:
    """Each line as `pipeline.evaluation.posology` wants it, `⏎` for the end of a row; `free` names
    fields left to taste."""
    rows = LINES.read_text("utf-8").splitlines()
    pairs = [row.split("\t") for row in rows if row and not row.startswith("#")]
    return [
        {"id": f"{number:03}", "text": text.replace("⏎", "\n"), **_reading(reading)}
        for number, (text, reading) in enumerate(pairs, 1)
    ]


def _reading(reading: str) -> dict[str, Any]:
    free: set[str] = set()
    medicines = [_medicine(one, free) for one in reading.split(" & ")]
    return {"medications": medicines, "free": free}


def _medicine(reading: str, free: set[str]) -> dict[str, Any]:
    name, *rest = reading.split(";", 1)
    medicine: dict[str, Any] = {"drug": name.strip(), "dosage": []}
    for place, written in enumerate("".join(rest).split(" | ")):
        step: dict[str, Any] = {"sequence": place + 1, "asNeeded": False, "timing": {}}
        for token in filter(None, map(str.strip, written.split(";"))):
            key, _, value = token.partition("=")
            if key == "free":
                free.update(value.split(","))
            elif not _of_medicine(medicine, key, value):
                _of_step(step, key, value)
        if len(step["timing"]) or len(step) > 3:
            _intakes(step["timing"])
            _alternatives(step, medicine.get("strength", []))
            medicine["dosage"].append(step)
    return medicine


def _of_medicine(medicine: dict[str, Any], key: str, value: str) -> bool:
    """Whether a token is of the medicine as a whole, which then has it."""
    if key == "s":
        parts = value.split("/")[0].split(",")
        medicine["strength"] = [_amount(part) for part in parts]
    elif key in ("form", "route"):
        medicine[key] = value
    elif key == "qsp":
        medicine["expectedSupplyDuration"] = _length(value)
    elif key == "ar":
        medicine["numberOfRepeatsAllowed"] = int(value)
    elif key == "box":
        medicine["dispenseQuantity"] = _amount(value)
    elif key == "every":
        medicine["dispenseInterval"] = _length(value)
    elif key == "sub":
        medicine |= {"substitutionAllowed": False, "substitutionNotAllowedReason": value or None}
    elif key == "ald":
        medicine["ald"] = True
    elif key == "st":
        medicine["status"] = value
    else:
        return False
    return True


def _of_step(step: dict[str, Any], key: str, value: str) -> None:
    timing = step["timing"]
    if key == "d":
        low, _, high = value.partition("..")
        if high:
            top = _amount(high)
            step["doseRange"] = {"low": {**_amount(low), "unit": top["unit"]}, "high": top}
        else:
            step["doseQuantity"] = _amount(value)
    elif key == "dsame":  # the dose goes on, though the words do not say it again
        step["doseQuantity"] = _amount(value)
    elif key == "f":
        found = _RATE.fullmatch(value)
        assert found is not None, value
        least, most, period, period_max, unit = found.groups()
        timing |= {"frequency": int(least), "period": int(period or 1), "periodUnit": unit}
        timing |= {"frequencyMax": int(most)} if most else {}
        timing |= {"periodMax": int(period_max)} if period_max else {}
    elif key == "w":
        timing["when"] = value.split(",")
    elif key == "at":
        timing["timeOfDay"] = value.split(",")
    elif key == "off":
        timing["offset"] = int(value)
    elif key == "days":
        timing["dayOfWeek"] = value.split(",")
    elif key == "b":
        timing["boundsDuration"] = _length(value)
    elif key == "J":
        first, _, last = value.partition("-")
        days = int(last or first) - int(first) + 1
        timing["boundsDuration"] = {"value": days, "unit": "d"}
    elif key == "n":
        timing["count"] = int(value)
    elif key == "ev":
        timing["event"] = value
    elif key == "cyc":
        timing["cycle"] = value
    elif key == "prn":
        step["asNeeded"] = True
    elif key == "for":
        step["asNeededFor"] = value
    elif key == "max":
        amount, _, period = value.partition("/")
        step["maxDosePerPeriod"] = {"numerator": _amount(amount), "denominator": _length(period)}
    elif key == "int":
        step["minInterval"] = _length(value)
    elif key == "kg":
        step["dosePerKg"] = True
    elif key == "site":
        step["site"] = value
    elif key == "cond":
        step["condition"] = value
    elif key == "ins":
        step.setdefault("additionalInstruction", []).append(value)
    else:
        raise AssertionError(key)


def _intakes(timing: dict[str, Any]) -> None:
    """Moments and hours say how often, where the reading leaves it unsaid."""
    moments = timing.get("when") or timing.get("timeOfDay") or []
    meals = {"AC", "PC", "C"} & set(moments)
    if moments and not meals and "frequency" not in timing:
        timing |= {"frequency": len(moments), "period": 1, "periodUnit": "d"}


def _alternatives(step: dict[str, Any], strength: list[dict[str, Any]]) -> None:
    """A dose that is the strength may be read as one unit."""
    if step.get("doseQuantity") in strength:
        step["doseAlternatives"] = [{"value": "1", "unit": unit} for unit in _ONE_OF]


def _amount(written: str) -> dict[str, Any]:
    found = _AMOUNT.fullmatch(written.strip())
    assert found is not None, written
    return {"value": found["value"], "unit": found["unit"] or None}


def _length(written: str) -> dict[str, Any]:
    found = _LENGTH.fullmatch(written.strip())
    assert found is not None, written
    return {"value": found["value"] or "1", "unit": found["unit"]}


# --- ink gone wrong -------------------------------------------------------------------------------

_CONFUSED: Final = {
    "1": "lI|", "0": "Oo", "l": "1I", "o": "0", "é": "eè", "è": "eé", "ê": "e", "à": "a",
    "â": "a", "ç": "c", "u": "v", "s": "5", "g": "q9", ",": ".", ".": ",", "j": "i", "c": "e",
    "t": "f", "i": "l", "½": "Y",
}  # fmt: skip
_PAIRS: Final = {"m": "rn", "n": "ri", "d": "cl", "w": "vv"}


_LONG: Final = re.compile(r"(?<=[^\W\d_])[^\W\d_]{5,}")
"""A word of six letters or more, without its first, which a reader needs most."""


def misread(text: str, rng: random.Random, share: float = 0.04, *, worn: bool = False) -> str:
    """`text` as an engine might read it: look-alikes, lost accents, spaces gone or doubled.

    About `share` of the characters change, at least one does; sometimes all is upper case. In
    `worn` ink also letters of long words are lost, doubled or cut off, and "mg" is read "mq".
    """
    if rng.random() < 0.1:
        return text.upper()
    long = {i for word in _LONG.finditer(text) for i in range(word.start(), word.end())}
    places = [
        i
        for i, c in enumerate(text)
        if c in _CONFUSED or c in _PAIRS or c == " " or (worn and i in long)
    ]
    count = max(1, round(share * len(text)))
    chosen = set(rng.sample(places, min(count, len(places))))
    result = []
    for place, character in enumerate(text):
        if place not in chosen:
            result.append(character)
        elif worn and place in long and (rng.random() < 0.5 or character not in _CONFUSED):
            result.append(rng.choice(["", 2 * character, character + " "]))
        elif character == " ":
            result.append(rng.choice(["", "  "]))
        elif character in _PAIRS:
            result.append(_PAIRS[character])
        else:
            result.append(rng.choice(_CONFUSED[character]))
    read = "".join(result)
    return re.sub(r"\bmg\b", "mq", read, count=1) if worn and rng.random() < 0.3 else read
