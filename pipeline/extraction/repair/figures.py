"""Figures that only their place tells to be misread.

Many hands write a one and a slash alike: « / cp » is one tablet, « 2410912026 » a day written
24/09/2026, « TA 1418 » a pressure of 14/8. The sign of degrees looks like a 9: « T° 3892 » is 38°2.
What is taken otherwise than it was read is never sure: a person looks at the ink.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile

from pipeline.extraction.evidence import COLUMN_GAP, TextLine, fold
from pipeline.extraction.repair.vocabulary import folded

DISPUTED = 0.5
"""Most confidence in what was taken otherwise than it was read."""

_STROKE = "1/lI|"
_EDGES = re.compile(r"^(?:(?!\(p)[(\[])*(.*?)[)\],;.:]*$")
_DATES = tuple(
    re.compile(
        rf"([\d{_STROKE}]{{2}})[{_STROKE}]([\d{_STROKE}]{{2}})[{_STROKE}]([\d{_STROKE}]{{{n}}})"
    )
    for n in (4, 2)
)
_WRITTEN_DAY = re.compile(r"[0-3]?\d([./-])[01]?\d\1(?:19|20)?\d\d")
_WRITTEN_PRESSURE = re.compile(r"\d{1,3}(?:[.,]\d)?/\d{1,3}(?:[.,]\d)?/?")
_PRESSURE_LABEL = re.compile(r"(?:t\.?a\.?|p\.?a\.?|tension|arterielle)[:=]?")
_TEMPERATURE_LABEL = re.compile(r"(?:t°|t|temp|temperature)[:=.]?")
_TEMPERATURE = re.compile(r"(3[4-9]|4[01])9?(\d)")
_PHONE = re.compile(r"tel|port|fax|mobile")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_FRACTION = re.compile(r"1?[1/lI|]{1,2}([24])")
_LIKE_MILLIGRAMS = re.compile(r"m[s5fjyqa9]|[nr]ng|mgg|mga")
_LIKE_UNITS = re.compile(r"[uv][il1/|!]{1,2}")
# « cp » and « cpr » in a hand whose c is open or looped
_LIKE_TABLET = re.compile(r"(?:\(p|eg|cg|ep)(?P<more>[rs])?")
_ARROW_HEADS = frozenset(["7", "2", "»", ">", "?"])
_BEGINS_DOSAGE = frozenset(["un", "une", "soit", "prendre"])
_RATE = re.compile(r"(\d{2,3})[1lI|]min\b")


def figures(line: TextLine) -> Iterator[tuple[int, str]]:
    """Places of the tokens that are to be taken otherwise than read, and what they then say."""
    written = [line.text[token.start : token.end] for token in line.tokens]
    for place, text in enumerate(written):
        edges = _EDGES.match(text)
        if edges is None or not edges[1]:
            continue
        core = edges[1]
        beside = place and line.text[line.tokens[place].start - 1] != COLUMN_GAP
        before = written[place - 1] if beside else ""
        after = fold(written[place + 1]).strip(".,;:()") if place + 1 < len(written) else ""
        others = [one.text.strip(".,;:()") for one in line.tokens[place].word.alternatives]
        meant = (
            (_day([core, *others]) if not _PHONE.match(fold(before)) else None)
            or (
                _pressure([core, *others])
                if _is_labelled(written[:place], _PRESSURE_LABEL)
                else None
            )
            or (_temperature(core) if _is_labelled(written[:place], _TEMPERATURE_LABEL) else None)
            or _arrow(written[:place], core, after)
            or _each_day(written[:place], core, written[place + 1 : place + 3])
            or _count(core, before, after)
            or _rate(core)
            or _unit([core, *others], written[:place])
        )
        if meant is not None and meant != core:
            yield place, text[: edges.start(1)] + meant + text[edges.end(1) :]


def _digits(text: str) -> str:
    return re.sub(f"[{re.escape(_STROKE)}]", "1", text)


def _day(readings: list[str]) -> str | None:
    """The first reading that is a day, strokes taken as they must be for that; None where the day
    that was read needs nothing."""
    if _WRITTEN_DAY.fullmatch(readings[0]):
        return None
    for read in readings:
        for pattern in _DATES:
            match = pattern.fullmatch(read)
            if match is None:
                continue
            day, month, year = map(_digits, match.groups())
            short = len(year) == 2
            if short and "/" not in read:
                continue  # eight figures may be any number
            if (
                1 <= int(day) <= 31
                and 1 <= int(month) <= 12
                and (short or year[:2] in ("19", "20"))
            ):
                return f"{day}/{month}/{year}"
    return None


def _is_labelled(before: list[str], label: re.Pattern[str]) -> bool:
    """Whether the words before a value say what it measures."""
    words = [word for word in before[-2:] if word not in (":", "=")]
    return bool(words) and label.fullmatch(fold(words[-1])) is not None


def _temperature(core: str) -> str | None:
    match = _TEMPERATURE.fullmatch(core)
    return f"{match[1]},{match[2]}" if match is not None else None


def _pressure(readings: list[str]) -> str | None:
    """The first reading that is a pressure in just one way, cmHg or mmHg; None where the one that
    was read needs nothing."""
    if _WRITTEN_PRESSURE.fullmatch(readings[0]):
        return None
    for read in readings:
        if read[-1:] in _STROKE and re.fullmatch(r"\d+/\d+[.,]\d", read[:-1]):
            return read[:-1]  # « 12/9,5 / T° 36,7 »
        if not re.fullmatch(rf"[\d,.{re.escape(_STROKE)}]+", read):
            return None
        found = {
            (_digits(read[:at]), _digits(read[at + 1 :]))
            for at in range(1, len(read) - 1)
            if read[at] in _STROKE
        }
        likely = {pair for pair in found if _plausible(*pair)}
        if len(likely) == 1:
            return "/".join(likely.pop())
    return None


def _plausible(systolic: str, diastolic: str) -> bool:
    if not all(re.fullmatch(r"\d{1,3}(?:[.,]\d)?", value) for value in (systolic, diastolic)):
        return False
    if systolic[0] == "0" or diastolic[0] == "0":
        return False
    high, low = (float(value.replace(",", ".")) for value in (systolic, diastolic))
    centimetres = 7 <= high <= 25 and 3 <= low <= 15
    return high > low and (centimetres or (70 <= high <= 250 and 30 <= low <= 150))


def _arrow(before: list[str], core: str, after: str) -> str | None:
    """« - 7 1 cp » at the start of a row: an arrow before how to take it; « - 2 1/2 cp » is two and
    a half."""
    half = _FRACTION.fullmatch(after) and core != "2"
    follows = half or _NUMBER.fullmatch(after) or after in _BEGINS_DOSAGE
    pointed = before in (["-"], ["–"], ["—"]) and core in _ARROW_HEADS
    return ">" if pointed and follows else None


def _each_day(before: list[str], core: str, behind: list[str]) -> str | None:
    """« 1 gél 1 jour » and « 2 x 1 j »: by the day; not « 1 jour sur 2 »."""
    after, *rest = [fold(word).strip(".,;:()") for word in behind] or [""]
    if core not in _STROKE or after not in ("j", "jour") or rest == ["sur"] or len(before) < 2:
        return None
    last, earlier = (fold(word).strip(".,") for word in (before[-1], before[-2]))
    times = last in ("x", "fois", "fs") and _NUMBER.fullmatch(earlier)
    return "/" if times or last in folded("counted") - {"fois"} else None


def _count(core: str, before: str, after: str) -> str | None:
    """« / cp » and « QSP / mois »: one; « 112 cp »: a half; « 2/ novembre »: the 21st."""
    if after in folded("months") and re.fullmatch(r"[12]?/", core):
        return core.replace("/", "1")
    tablet = _LIKE_TABLET.fullmatch(core)
    if tablet is not None and _NUMBER.fullmatch(before):
        return "cp" + (tablet["more"] or "")
    counted = after in folded("counted")
    last = fold(before).rstrip(".,;:")
    glued = re.fullmatch(r"[lI|/]([^\W\d]{3,})", core)
    if glued is not None and fold(glued[1]) in folded("counted"):
        return f"1 {glued[1]}"
    if core in ("/", "I", "l", "|", "!", "]", "[", "}", "{"):
        spans = after in folded("spans") and last in folded("lasting")
        return "1" if spans or (counted and not _ends_a_value(last)) else None
    part = _FRACTION.fullmatch(core)
    if counted and part is not None and core not in ("12", "14", "1/2", "1/4"):
        return f"1/{part[1]}"
    if core[0] == "/" and _NUMBER.fullmatch(core[1:]) and after in folded("measured"):
        return None if _ends_a_value(last) else f"1{core[1:]}"
    return None


def _unit(readings: list[str], before: list[str]) -> str | None:
    """The unit that the engine had in mind too, or that the strokes are like, where a strength
    stands behind a name: « Doliprane 500 ms »."""
    amount = list(takewhile(_NUMBER.fullmatch, reversed(before)))[::-1]
    name = fold(before[-len(amount) - 1]).strip(",.()") if 0 < len(amount) < len(before) else ""
    if len(name) < 4 or not name.isalpha() or name in folded("lasting"):
        return None
    read = fold(readings[0])
    if read in folded("measured") | folded("counted") | folded("spans") or len(read) > 3:
        return None
    offered = next((one for one in readings[1:] if fold(one) in folded("strengths")), None)
    if offered is not None:
        return offered.lower() if fold(offered) != "ui" else "UI"
    # « 6 000 » is one number, « 12,5 62,5 » are two
    grouped = all(re.fullmatch(r"\d{3}", part) for part in amount[1:])
    number = float(("".join(amount) if grouped else amount[-1]).replace(",", "."))
    if number >= 100 and _LIKE_UNITS.fullmatch(read):
        return "UI"
    # « 3 ms » may be three months
    return "mg" if number >= 5 and _LIKE_MILLIGRAMS.fullmatch(read) else None


def _ends_a_value(word: str) -> bool:
    """Whether a word is a figure or a unit: then « / » behind it means "per"."""
    return bool(word) and (word[-1].isdigit() or word in folded("measured") | folded("counted"))


def _rate(core: str) -> str | None:
    match = _RATE.fullmatch(core)
    return f"{match[1]}/min" if match is not None else None
