"""Measurements in lines of text: a label of the vocabulary, then the value it announces.

Each way of reading a value is one function of `_READERS`; the entry of the vocabulary says which.
Values come out in the entry's unit; what was written stays in the evidence. Numbers that state a
goal or a condition (« objectif TA < 140/90 », « si T° > 38,5 ») are no measurements.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Literal, cast

from pipeline.extraction.dates.reading import DateMention, find_dates
from pipeline.extraction.evidence import HARDLY, TEXT_ENGINE, Span, TextLine, thresholds, value
from pipeline.extraction.measurements.mending import mended
from pipeline.extraction.measurements.vocabulary import (
    Entry,
    Label,
    find_labels,
    units,
    vocabulary,
    words,
)
from pipeline.model import Measurement, Quantity, Range, Value, ZoneKind

Comparator = Literal["<", "<=", ">", ">="]

IMPLAUSIBLE = "Valeur peu plausible : à vérifier."
DIGITS_REPAIRED = "Chiffres rétablis dans un nombre mal lu."
CM_OR_MM = "cmHg ou mmHg ? À vérifier."
DIASTOLIC_ABOVE = "La diastolique dépasse la systolique."
NO_LABEL = "Mesure sans libellé."


@dataclass(frozen=True, slots=True)
class Found:
    """A value as read: characters `start` to `end` of its line, and what they say."""

    key: str
    content: Quantity | Range | str | DateMention
    start: int
    end: int
    rule: str
    doubts: tuple[str, ...] = ()
    site: str = ""
    parts: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is looked for: characters `start` to `end` of `line`, after `label`.

    `masked` is the folded line with its dates hidden, `dates` what was hidden.
    """

    line: TextLine
    label: Label
    start: int
    end: int
    masked: str
    dates: tuple[DateMention, ...]
    today: dt.date

    @property
    def text(self) -> str:
        return self.masked[self.start : self.end]


# --- numbers --------------------------------------------------------------------------------

# Digits as OCR may leave them: a letter counts only where digits stand around it.
_DIGITS = r"(?:\d|[oil|](?=[.,]?\d))(?:\d|[oil|](?=\d)|[oi|](?![a-z0-9]))*"
_NUMBER = (
    r"(?:\d{1,3}(?:[ \u202f]\d{3})+(?![\d.,]|\s\d)|"
    rf"{_DIGITS}(?:[.,]\d+|\s?[.,]\s?\d+(?=\s?[a-z%]))?)"
)
_REPAIR = str.maketrans("oil|", "0111")
_COMPARATOR = (
    r"(?P<cmp><\s?=|>\s?=|[<>≤≥]|"
    r"(?:inf(?:erieure?)?|sup(?:erieure?)?)s?\.?\s+(?:ou egale?s?\s+)?a\b)?"
)
_FILLERS = "|".join(words()["fillers"])
_CONNECT = re.compile(
    rf"(?:\([^)\d]{{1,25}}\)|\d\s?(?:fois|x)\b|[\s:=~≈…_\[()»«\-–.&']|\x00+\)?|\b(?:{_FILLERS})\b){{0,14}}"
)
_STRICT = re.compile(
    r"(?:\s|\b(?:a|jusqu'a|de|est|evaluee?s?|cotee?s?|mesuree?|objectivee?|importante?|severe|"
    r"moderee?|profonde?|legere|isolee?|sinusale?|au|repos|franche|bien|toleree?|pnn|discrete?|"
    r"neutrophiles?|polynucleaires|chiffree?s?|abdominale?s?|thoracique|constante?|stable|"
    r"normale?s?|correcte?s?|equilibree?s?|controlee?s?|retrouvee?s?|augmentee?s?|elevee?s?|bonne|"
    r"ce|jour|matin|soir|arterielle)\b|"
    r"[:=(~≈]|\x00+){0,8}"
)
"""What may stand between a finding (« tachycardie », « fièvre ») and its number."""

_FINDINGS = frozenset(words()["findings"])
_NOT_AFTER = re.compile(
    r"\s?(?:ans?\b|annees?\b|jours?\b|j\b|j/|mois\b|sem(?:aines?)?\b|heures?\b|h\b|fois\b|cps?\b|"
    r"comprimes?\b|gel(?:ules?)?\b|mg\b|bouffees?\b|ml\b(?!\s?/)|eme\b|e\b|er\b|ere\b|prises?\b|"
    r"x\s?\d|cig|/\s?\d|°\s?[a-z]{3})"
)
_GOAL = re.compile(
    r"(?:objectifs?|cibles?|visant|viser|maintenir|si|en cas de|en cas d'|quand|lorsque|seuil|"
    r"normes?|"
    r"but|pour obtenir|controle tensionnel|tolerance|sauf si|surveill\w+ si|consulter si|si la|"
    r"si le|"
    r"delivre[er]? si)\s*(?:(?:de|d'|la|le|les|une?|l'|tensionnelle?s?|glycemique|>|<|:|une)\s*)*$"
)
_NEGATED = re.compile(r"(?:\bpas|\babsence|\bsans|\bni|\baucune?)\s+(?:(?:de|d')\s*)?(?:\w+\s+)?$")
_ANTE = re.compile(r"(?:\bpas|\bni|\bnon)\s+$")


def _number(written: str) -> tuple[Decimal, bool] | None:
    """The number `written` stands for, and whether letters had to be taken for digits."""
    clean = written.translate(_REPAIR)
    repaired = clean != written
    clean = re.sub(r"\s", "", clean).replace(",", ".")
    try:
        return Decimal(clean), repaired
    except InvalidOperation:
        return None


def _tidy(number: Decimal, places: int = 2) -> Decimal:
    """`number` with at most `places` decimals and no trailing zeros."""
    rounded = round(number, places)
    text = f"{rounded:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def _comparator(written: str | None) -> Comparator | None:
    if not written:
        return None
    tight = written.replace(" ", "")
    if tight.startswith("inf"):
        return "<=" if "egal" in tight else "<"
    if tight.startswith("sup"):
        return ">=" if "egal" in tight else ">"
    return cast(Comparator, {"≤": "<=", "≥": ">="}.get(tight, tight))


def _implausible(entry: Entry, number: Decimal) -> bool:
    return entry.plausible is not None and not entry.plausible[0] <= number <= entry.plausible[1]


def _connected(place: Place) -> int:
    """Where the value may begin: after the words and signs that only lead to it."""
    strict = place.label.listed.split(" ")[0] in _FINDINGS or place.label.listed in _FINDINGS
    pattern = _STRICT if strict else _CONNECT
    match = pattern.match(place.masked, place.start, place.end)
    return match.end() if match else place.start


# --- ways to read a value -------------------------------------------------------------------

_NUMBER_AT = re.compile(rf"{_COMPARATOR}\s*(?:a\s+)?(?:\+\s?)?(?P<n>{_NUMBER})")
_TO = re.compile(rf"\s?(?:-|–|a|et)\s?(?P<n>{_NUMBER})")


def _quantity(entry: Entry, number: Decimal, factor: Decimal) -> Quantity:
    scaled = number if factor == 1 else _tidy(number * factor, 2 if abs(factor) < 20 else 1)
    return Quantity(value=_plain(scaled), unit=entry.unit, ucum=entry.ucum)


def _plain(number: Decimal) -> Decimal:
    """`number` without exponent, so that 1E+2 is never shown."""
    return Decimal(f"{number:f}")


def _read_number(entry: Entry, place: Place) -> Iterator[Found]:
    at = _connected(place)
    match = _NUMBER_AT.match(place.masked, at, place.end)
    if match is None:
        return
    parsed = _number(match["n"])
    if parsed is None:
        return
    number, repaired = parsed
    end = match.end()
    high: Decimal | None = None
    to = _TO.match(place.masked, end, place.end)
    if to is not None:
        second = _number(to["n"])
        tight = (
            "-" in to[0] or place.masked[at - 7 : at].strip().endswith("entre") or " a " in to[0]
        )
        if second is not None and second[0] > number and tight and not to[0].startswith(" -  "):
            high, repaired = second[0], repaired or second[1]
            end = to.end()
    unit = entry.unit_pattern.match(place.masked, end)
    after = end if unit is None else unit.end()
    if unit is None:
        # « Hb (g/dL) : 10,7 »
        bracket = re.compile(r"\s*\(").match(place.masked, place.start, at)
        unit = entry.unit_pattern.match(place.masked, bracket.end(), at) if bracket else None
    doubts: tuple[str, ...] = (DIGITS_REPAIRED,) if repaired else ()
    if unit is not None:
        end = after
        written = re.sub(r"\s", "", unit["u"])
        written = re.sub(r"/[1i|]$", "/l", written)
        if other := entry.other_units.get(written):
            entry = vocabulary()[other]
            factor = entry.units[written]
        else:
            factor = next(
                (f for u, f in entry.units.items() if u.replace(" ", "") == written), Decimal(1)
            )
        if factor < 1 and "mm" in written and re.fullmatch(r"\d{1,3}\.\d{3}", match["n"]):
            number *= 1000
    else:
        if place.label.listed in entry.needs_unit or _NOT_AFTER.match(place.masked, end):
            return
        if high is not None and high > 31 and number < 13:
            return
        factor, guessed = _factor_without_unit(entry, number)
        doubts += guessed
    if entry.key == "creatinine" and factor == 1000:
        # mmol/L is written for µmol/L.
        factor = Decimal(1)
    quantity = _quantity(entry, number, factor)
    top = None if high is None else _quantity(entry, high, factor)
    outside = _implausible(entry, quantity.value) or (
        top is not None and _implausible(entry, top.value)
    )
    if outside and entry.within_plausible:
        return
    if outside and unit is None and place.label.listed in _FINDINGS:
        return
    comparator = _comparator(match["cmp"])
    content: Quantity | Range = quantity.model_copy(update={"comparator": comparator})
    if top is not None:
        content = Range(low=quantity, high=top)
    yield Found(
        key=entry.key,
        content=content,
        start=match.start(),
        end=end,
        rule="number",
        doubts=doubts + ((IMPLAUSIBLE,) if outside else ()),
    )


def _factor_without_unit(entry: Entry, number: Decimal) -> tuple[Decimal, tuple[str, ...]]:
    """Factor to the entry's unit for a number written alone, and what makes that doubtful."""
    if entry.large is not None and number >= entry.large[0]:
        return entry.units[entry.large[1]], ()
    for limit, unit in entry.guess_unit:
        if number <= limit:
            certain = entry.ambiguous_below is not None and number >= entry.ambiguous_below
            return entry.units[unit], () if certain else (entry.ambiguous,)
    return Decimal(1), ()


def _read_number_or_sign(entry: Entry, place: Place) -> Iterator[Found]:
    found = tuple(_read_number(entry, place))
    if found:
        yield from found
    elif entry.key != "fetal_heart_rate" or place.label.listed not in (
        "bruits du coeur",
        "bruits du cœur",
        "AC",
        "activite cardiaque",
    ):
        yield from _read_sign(entry, place)


_PAIR = re.compile(
    rf"(?P<s>{_DIGITS}(?:[.,]\d)?)\s?(?:/|\\|-|–|sur|\||mmhg\s?/)\s?(?P<d>{_DIGITS}(?:[.,]\d)?)"
    r"(?!\d|[.,]\d|\s?[/\\]\d|[/\\]\s\d)"
    r"(?P<u>\s?(?:mm?\s?m?hg|cm\s?hg|mm de mercure|cm de mercure|mm(?![a-z])|"
    r"cm(?![a-z])))?"
)
_SITE = re.compile(
    r"(?:au\s+|aux\s+)?(?P<limb>bras\s+|mb?r?e?\s*sup\w*\s+|"
    r"poignet\s+)?(?:\()?\b(?P<side>droite?|gauche|dte?|dt|gche|d|g)\b\)?"
)
_POSTURE = re.compile(r"\b(?P<posture>couchee?|debout|assise?|repos|decubitus)\b")
_MORE_PAIRS = re.compile(
    r"(?:[\s,;.:()\-]|\b(?:puis|et|au|a|droite?|gauche|bras|d|g|dt|dte|gche|couchee?|debout|"
    r"assise?|apres|repos|controle|ensuite|s'ameliorant|remontant|remontee?|ameliore|min|mn|le|"
    r"soir|matin)\b|\b\d{1,2}\s?(?:min|mn)\b){0,8}"
)


def _side(text: str) -> str:
    match = _SITE.search(text)
    side = {"d": "droit", "g": "gauche"}[match["side"][0]] if match else ""
    site = f"bras {side}" if side else ""
    posture = _POSTURE.search(text)
    return ", ".join(filter(None, (site, posture["posture"] if posture else "")))


def _read_pressure(entry: Entry, place: Place) -> Iterator[Found]:
    at = _connected(place)
    previous = place.start
    for _ in range(4):
        compared = re.compile(_COMPARATOR + r"\s*").match(place.masked, at, place.end)
        comparator = _comparator(compared["cmp"]) if compared else None
        begin = compared.end() if compared else at
        match = _PAIR.match(place.masked, begin, place.end)
        if match is None:
            return
        found = _pressure(match, comparator)
        if found is None:
            return
        site = _side(re.split(r"[,;]", place.masked[previous : match.start()])[-1])
        after = re.match(
            r"\s?\(?\s?(?:au\s+)?(?:bras\s+)?\b(?:droite?|gauche|[dg])\b\)?|\s?\(?(?:couchee?|"
            r"debout|assise?)\)?",
            place.masked[match.end() :],
        )
        if after:
            site = _side(after[0]) or site
        yield replace(found, site=site)
        previous = match.end()
        more = _MORE_PAIRS.match(place.masked, match.end(), place.end)
        at = more.end() if more else match.end()


def _pressure(match: re.Match[str], comparator: Comparator | None) -> Found | None:
    systolic, diastolic = _number(match["s"]), _number(match["d"])
    if systolic is None or diastolic is None:
        return None
    high, low = systolic[0], diastolic[0]
    doubts: tuple[str, ...] = (DIGITS_REPAIRED,) if systolic[1] or diastolic[1] else ()
    centimetres = high <= 30
    if (centimetres and low > 20) or (not centimetres and low < 20 and low > 2):
        doubts += (CM_OR_MM,)
    high = high * 10 if centimetres else high
    low = low * 10 if low <= 20 and (centimetres or low > 2) else low
    parts = []
    for key, number, group in (("systolic_bp", high, "s"), ("diastolic_bp", low, "d")):
        entry = vocabulary()[key]
        if entry.plausible is not None and not Decimal(10) <= number <= Decimal(400):
            return None
        quantity = Quantity(
            value=_tidy(number), unit=entry.unit, ucum=entry.ucum, comparator=comparator
        )
        reasons = doubts + ((IMPLAUSIBLE,) if _implausible(entry, number) else ())
        if low >= high:
            reasons += (DIASTOLIC_ABOVE,)
        parts.append(
            Found(key, quantity, match.start(group), match.end(group), "pressure", reasons)
        )
    return Found(
        key="blood_pressure_panel",
        content="",
        start=match.start(),
        end=match.end(),
        rule="pressure",
        parts=tuple(parts),
    )


def _read_pressure_part(entry: Entry, place: Place) -> Iterator[Found]:
    for found in _read_number(entry, place):
        if isinstance(found.content, Quantity):
            limit = 30 if entry.key == "systolic_bp" else 20
            number = found.content.value
            if number <= limit:
                number *= 10
            doubts = tuple(doubt for doubt in found.doubts if doubt != IMPLAUSIBLE)
            if _implausible(entry, number):
                doubts += (IMPLAUSIBLE,)
            content = found.content.model_copy(update={"value": _tidy(number)})
            yield replace(found, content=content, doubts=doubts)


_TEMPERATURE = re.compile(
    r"(?:[a-z]{0,2}\s?°?c?\s?[:=]?\s?)?"
    + _COMPARATOR
    + r"\s*(?P<n>[34]\d)(?:\s?(?:°|º|\*|o)\s?c?\s?(?P<d1>\d)(?!\d)|\s?[.,]\s?(?P<d2>\d{1,2})|"
    r"\s(?P<d3>\d)(?![\d/.,]|\s?[a-z]))?"
    r"(?P<u>\s?(?:°|º|\*)\s?c?(?![a-z0-9])|\s?degres?|\s?c(?![a-z0-9]))?"
)


def _read_temperature(entry: Entry, place: Place) -> Iterator[Found]:
    at = _connected(place)
    match = _TEMPERATURE.match(place.masked, at, place.end)
    if match is None or (match["u"] is None and _NOT_AFTER.match(place.masked, match.end())):
        return
    if re.match(r"\d|\s?(?:cm|kg|m\d|/\s?\d|/[a-z])", place.masked[match.end() :]):
        return
    decimals = match["d1"] or match["d2"] or match["d3"]
    number = Decimal(match["n"] + (f".{decimals}" if decimals else ""))
    if _implausible(entry, number) and not (match["u"] or decimals):
        return
    yield Found(
        key=entry.key,
        content=Quantity(
            value=number, unit=entry.unit, ucum=entry.ucum, comparator=_comparator(match["cmp"])
        ),
        start=match.start("n"),
        end=match.end(),
        rule="temperature",
        doubts=((IMPLAUSIBLE,) if _implausible(entry, number) else ())
        + ((DIGITS_REPAIRED,) if match["d3"] else ()),
    )


_WEIGHT_RANGE = re.compile(
    r"(?P<low>\d{1,3}(?:[.,]\d)?)\s?(?:-|–|a|et)\s?(?P<high>\d{1,3}(?:[.,]\d)?)\s?kgs?(?![a-z²2/])"
)
_WEIGHT = re.compile(
    rf"{_COMPARATOR}\s*(?:(?P<k>\d{{1,2}})\s?kgs?\s?(?P<g>\d{{3}}|\d00)(?:\s?gr?(?![a-z]))?(?!\d)"
    rf"|(?P<n>{_NUMBER})\s?(?P<u>kgs?(?![a-z²2])(?!\s?/\s?m)|kilos?(?![a-z])|"
    rf"gr?(?:rammes?)?(?![a-z/]))?)"
)


def _read_weight(entry: Entry, place: Place) -> Iterator[Found]:
    at = _connected(place)
    between = _WEIGHT_RANGE.match(place.masked, at, place.end)
    if between is not None:
        low, high = (Decimal(between[name].replace(",", ".")) for name in ("low", "high"))
        if low < high and not _implausible(entry, low) and not _implausible(entry, high):
            bottom, top = (_quantity(entry, number, Decimal(1)) for number in (low, high))
            content = Range(low=bottom, high=top)
            yield Found(entry.key, content, between.start(), between.end(), "weight")
            return
    match = _WEIGHT.match(place.masked, at, place.end)
    if match is None:
        return
    doubts: tuple[str, ...] = ()
    if match["k"]:
        kilograms = Decimal(match["k"]) + Decimal(match["g"]) / 1000
    else:
        parsed = _number(match["n"])
        if parsed is None:
            return
        kilograms, repaired = parsed
        doubts = (DIGITS_REPAIRED,) if repaired else ()
        unit = match["u"] or ""
        if unit.startswith("g"):
            kilograms /= 1000
        if not unit:
            # A bare "P" is a pulse, parity or a place as well: it needs its colon or a unit.
            short = place.label.listed in ("P", "Pd")
            if short and not re.match(r"\s?[:=]", place.masked[place.start :]):
                return
            if _NOT_AFTER.match(place.masked, match.end()) or re.match(
                r"\s?(?:%|cm|/)", place.masked[match.end() :]
            ):
                return
            if kilograms > 500:
                kilograms /= 1000
    outside = _implausible(entry, kilograms)
    if outside and not (match["u"] or match["k"]):
        return
    yield from _with_unit(entry, kilograms, match, doubts, outside, "weight")


def _with_unit(
    entry: Entry,
    number: Decimal,
    match: re.Match[str],
    doubts: tuple[str, ...],
    outside: bool,
    rule: str,
) -> Iterator[Found]:
    comparator = _comparator(match.groupdict().get("cmp"))
    yield Found(
        key=entry.key,
        content=Quantity(
            value=_tidy(number, 3), unit=entry.unit, ucum=entry.ucum, comparator=comparator
        ),
        start=match.start(),
        end=match.end(),
        rule=rule,
        doubts=doubts + ((IMPLAUSIBLE,) if outside else ()),
    )


_BIRTH_WEIGHT = re.compile(
    rf"(?:(?P<k>\d)\s?kgs?\s?(?P<g>\d{{3}})(?:\s?gr?(?![a-z]))?|(?P<n>{_NUMBER})\s?"
    r"(?P<u>kgs?(?![a-z])|gr?(?:rammes?)?(?![a-z/]))?)"
)


def _read_birth_weight(entry: Entry, place: Place) -> Iterator[Found]:
    match = _BIRTH_WEIGHT.match(place.masked, _connected(place), place.end)
    if match is None:
        return
    doubts: tuple[str, ...] = ()
    if match["k"]:
        grams = Decimal(match["k"]) * 1000 + Decimal(match["g"])
    else:
        parsed = _number(match["n"])
        if parsed is None:
            return
        grams, repaired = parsed
        doubts = (DIGITS_REPAIRED,) if repaired else ()
        if (match["u"] or "").startswith("k") or (not match["u"] and grams < 10):
            grams *= 1000
        if not match["u"] and not 300 <= grams <= 6500:
            return
    yield from _with_unit(entry, grams, match, doubts, _implausible(entry, grams), "birth-weight")


_HEIGHT = re.compile(
    rf"{_COMPARATOR}\s*(?:(?P<m>[012])\s?m\s?(?P<c>\d{{2}})(?!\d)|"
    rf"(?P<f>[012][.,]\d{{1,2}})\s?(?P<fm>m(?![a-z]))?"
    rf"|(?P<n>{_NUMBER})\s?(?P<u>cm(?![a-z])|mm(?![a-z]))?)"
)


def _read_height(entry: Entry, place: Place) -> Iterator[Found]:
    match = _HEIGHT.match(place.masked, _connected(place), place.end)
    if match is None:
        return
    doubts: tuple[str, ...] = ()
    certain = True
    if match["m"]:
        centimetres = Decimal(match["m"]) * 100 + Decimal(match["c"])
    elif match["f"]:
        centimetres = Decimal(match["f"].replace(",", ".")) * 100
        certain = match["fm"] is not None
    else:
        parsed = _number(match["n"])
        if parsed is None:
            return
        centimetres, repaired = parsed
        doubts = (DIGITS_REPAIRED,) if repaired else ()
        certain = match["u"] is not None
        if match["u"] == "mm":
            centimetres /= 10
    after = place.masked[match.end() :]
    if not certain:
        if re.match(r"\s?(?:cm|mm|°|kg|%|/|x\s?\d)", after) or _NOT_AFTER.match(after):
            return
        if not 40 <= centimetres <= 220:
            return
    if place.label.listed == "mesure" and not (certain and centimetres >= 40):
        return
    if place.label.listed == "taille" and centimetres < 20:
        # « nodule de taille 5 cm » is no height.
        return
    if re.match(r"\s?(?:x|\*)\s?\d", after):
        return
    yield from _with_unit(
        entry, centimetres, match, doubts, _implausible(entry, centimetres), "height"
    )


_SCORE = re.compile(
    r"(?P<n>\d{1,2})(?:\s?[-–a]\s?(?P<h>\d{1,2}))?\s?(?P<o>/\s?(?P<of>\d{1,2}))?(?!\d|[.,]\d)"
)


def _read_score(entry: Entry, place: Place) -> Iterator[Found]:
    at = _connected(place)
    compared = re.compile(_COMPARATOR + r"\s*").match(place.masked, at, place.end)
    begin = compared.end() if compared else at
    match = _SCORE.match(place.masked, begin, place.end)
    if match is None:
        return
    if match["of"] and int(match["of"]) != entry.out_of:
        return
    if not match["of"]:
        if place.label.listed in entry.slash_only:
            return
        if _NOT_AFTER.match(place.masked, match.end()):
            return
    low, high = Decimal(match["n"]), Decimal(match["h"]) if match["h"] else None
    comparator = _comparator(compared["cmp"]) if compared else None
    quantity = Quantity(value=low, unit=entry.unit, ucum=entry.ucum, comparator=comparator)
    content: Quantity | Range = quantity
    if high is not None:
        if high <= low:
            return
        content = Range(low=quantity, high=quantity.model_copy(update={"value": high}))
    outside = _implausible(entry, low)
    if outside and not match["of"]:
        return
    yield Found(
        key=entry.key,
        content=content,
        start=match.start(),
        end=match.end(),
        rule="score",
        doubts=(IMPLAUSIBLE,) if outside else (),
    )


_WEEKS = r"(?P<w>\d{1,2})"
_DAYS = r"(?P<j>[0-6])"
_WEEKS_MARK = r"(?:sa\b|s\.a\.?|semaines?\s+d'amenorrhee|sem(?:aines?)?(?:\s+d')?\s?amenorrhee)"
_GESTATION = (
    re.compile(rf"(?<![\d/.,+]){_WEEKS}\s?\+\s?{_DAYS}\s?(?:j(?:ours?)?)?\s?{_WEEKS_MARK}"),
    re.compile(
        rf"(?<![\d/.,+]){_WEEKS}\s?{_WEEKS_MARK}(?:\s?(?:\+|et|"
        rf"plus)\s?{_DAYS}(?!\d)(?:\s?j(?:ours?)?\b)?|"
        r"\s?(?P<k>[0-6])\s?j(?:ours?)?\b)?"
    ),
    re.compile(rf"(?<![\d/.,+]){_WEEKS}\s?sa(?P<k>[0-6])(?!\d)\s?(?:j(?:ours?)?\b)?"),
    re.compile(rf"(?<![\d/.,+]){_WEEKS}\s?\+\s?{_DAYS}(?!\d)(?:\s?j(?:ours?)?\b)?"),
)


def _gestation(match: re.Match[str], entry: Entry) -> Found:
    groups = match.groupdict()
    days = int(groups["w"]) * 7 + int(groups.get("j") or groups.get("k") or 0)
    number = Decimal(days)
    return Found(
        key=entry.key,
        content=Quantity(value=number, unit=entry.unit, ucum=entry.ucum),
        start=match.start(),
        end=match.end(),
        rule="gestation",
        doubts=(IMPLAUSIBLE,) if _implausible(entry, number) else (),
    )


def _read_gestation(entry: Entry, place: Place) -> Iterator[Found]:
    at = _connected(place)
    for pattern in _GESTATION:
        match = pattern.match(place.masked, at, place.end)
        if match is not None and (
            place.label.listed != "terme" or "sa" in match[0] or "+" in match[0]
        ):
            yield _gestation(match, entry)
            return


def _read_date(entry: Entry, place: Place) -> Iterator[Found]:
    at = place.start
    for mention in place.dates:
        if mention.span.start < at or mention.span.start >= place.end:
            continue
        between = place.line.folded[at : mention.span.start]
        if re.fullmatch(
            r"(?:[\s:=(.,;\-~]|\b(?:le|au|du|est|prevue?|fixee?|precisee?|environ|theorique|"
            r"corrigee?|echo|selon|date|a)\b)*",
            between,
        ):
            yield Found(
                entry.key, mention, mention.span.start, mention.span.end, "date", mention.doubts
            )
        return


_SIGN = re.compile(
    r"(?P<plus>\+{1,4}|(?:\+\s){1,3}\+)(?![\d\w])|(?P<zero>(?:0|o|ø|-)(?![\w/+-]|[.,]\d|\s[-+]\s?\d))|"
    r"(?P<none>neg(?:atif|ative|atifs|atives)?s?\b\.?|absente?s?\b|absence\b|aucune?\b|nulle?\b|"
    r"non percus?\b|non\b|ras\b)|"
    r"(?P<trace>traces?\b)|(?P<cross>(?:(?P<count>une|un|deux|trois|quatre|[1-4])\s?croix))|"
    r"(?P<present>presente?s?\b|percus?\b|percue?s?\b|bien percus?\b|positif?s?\b|positives?\b|"
    r"pos\b|actifs?\b|ressentis?\b|bons?\b|oui\b|reguliers?\b|normaux\b|decrits\b)"
)
_COUNTS = {"un": 1, "une": 1, "deux": 2, "trois": 3, "quatre": 4}


def _read_sign(entry: Entry, place: Place) -> Iterator[Found]:
    at = re.compile(r"(?:[\s:=(.]|\x00+|\b(?:est|sont|a|la|bu|bien|recherche|de)\b){0,6}").match(
        place.masked, place.start, place.end
    )
    match = _SIGN.match(place.masked, at.end() if at else place.start, place.end)
    if match is None:
        return
    if match["plus"]:
        content = re.sub(r"\s", "", match["plus"])
    elif match["cross"]:
        count = match["count"]
        content = "+" * (_COUNTS.get(count) or int(count))
    elif match["trace"]:
        content = "traces"
    elif match["present"]:
        content = "+"
    else:
        content = "négatif"
    if entry.key == "fetal_heart_rate" and (
        match["zero"]
        or match["none"]
        or not (match["plus"] or "percu" in match[0] or "present" in match[0])
    ):
        return
    yield Found(entry.key, content, match.start(), match.end(), "sign")


_DILATION = re.compile(
    r"(?:(?:col|est|ouvert|dilate|dilatee|dehiscent|permeable|admet|efface|court|souple|centre|"
    r"median|a|au|de|:|=|,|\s|\(|-|mi-long|long|posterieur|ramolli|mou)\s*){0,10}?"
    r"(?P<n>\d{1,2}(?:[.,]\d)?)\s?(?P<u>cm|doigts?|dgts?)\b"
)


def _read_dilation(entry: Entry, place: Place) -> Iterator[Found]:
    match = _DILATION.match(place.masked, place.start, place.end)
    if match is None:
        return
    number = Decimal(match["n"].replace(",", "."))
    if number > 10:
        return
    if match["u"] == "cm":
        content: Quantity | str = Quantity(value=number, unit=entry.unit, ucum=entry.ucum)
    else:
        content = f"{match['n']} doigt" + ("s" if number > 1 else "")
    yield Found(entry.key, content, match.start("n"), match.end(), "dilation")


_GROUP = re.compile(
    r"(?:(?:[\s:=(.,-]|\b(?:sanguin|rh|rhesus|abo|est|de|type)\b|/){0,6})"
    r"(?P<g>ab|[abo0])(?:\s|\b|(?=[+-]))[\s,/]{0,3}(?P<r>(?:(?:rhd?|rhesus|resus|d)\s?)?[.:]?\s?"
    r"(?P<s>\+|-|–|pos(?:itif)?\b|neg(?:atif)?\b))"
)
_RHESUS_ONLY = re.compile(r"\s*[:=]?\s*(?P<s>\+|pos(?:itif)?\b|neg(?:atif)?\b)")


def _read_blood_group(entry: Entry, place: Place) -> Iterator[Found]:
    match = _GROUP.match(place.masked, place.start)
    if match is None or place.label.listed == "rhesus":
        return
    group = match["g"].upper().replace("0", "O")
    sign = "+" if match["s"][0] in "+p" else "-"
    start = match.start("g")
    yield Found(entry.key, group + sign, start, match.end(), "blood-group")


_APGAR = re.compile(
    r"(?P<a>10|\d)\s?(?:/|-|–|,|\s|puis|et)\s?(?P<b>10|\d)(?:\s?(?:/|-|–|,|\s|et)\s?(?P<c>10|"
    r"\d))?(?!\d)"
)


def _read_apgar(entry: Entry, place: Place) -> Iterator[Found]:
    at = _connected(place)
    match = _APGAR.match(place.masked, at, place.end)
    if match is None:
        single = _SCORE.match(place.masked, at, place.end)
        if single is not None and single["of"] == "10" and not single["h"]:
            yield _score_part("apgar1", single, "n")
        return
    if match["b"] == "10" and match["c"] is None and "/" in match[0]:
        # "9/10": a score out of ten, or minutes 1 and 5: both are written so.
        minutes = re.match(r"\s?(?:a|et)\s?(?:1|une)\b", place.masked[match.end() :])
        if minutes:
            yield _score_part("apgar1", match, "a")
            return
    for key, group in (("apgar1", "a"), ("apgar5", "b"), ("apgar10", "c")):
        if match[group] is not None:
            yield _score_part(key, match, group)


def _score_part(key: str, match: re.Match[str], group: str) -> Found:
    entry = vocabulary()[key]
    quantity = Quantity(value=Decimal(match[group]), unit=entry.unit, ucum=entry.ucum)
    return Found(key, quantity, match.start(group), match.end(group), "apgar")


_TOBACCO = re.compile(
    r"(?:[\s:=(,]|\b(?:actif|active|a|chronique|ancien|estime|quotidien|environ|actuel)\b){0,6}"
    r"(?P<v>(?P<n>\d{1,2})(?:\s?(?:a|-)\s?\d{1,2})?\s?(?:cig(?:arettes?)?s?\.?|c)\s?(?:/|"
    r"par)\s?j(?:our)?\b"
    r"|(?:sevree?|arrete\w*|stoppe\w*)\b(?:\s+(?:depuis|en|il y a)\s[^,.;]{1,20})?|0(?![\d.,/])|"
    r"non\b|aucun\b|actif\b|active\b|neg\w*\b)"
)
_SMOKER = re.compile(
    r"\b(?P<v>(?:non|ancien(?:ne)?|ex)[\s-]*fumeu(?:r|se)s?|fumeu(?:r|se)(?:\s+active?|\s+(?:de|"
    r"a)\s+\d{1,2}\s+cig\w*(?:\s?/\s?j\w*|\s+par\s+jour)?)?|"
    r"non[\s-]tabagique|ne fume pas|n'a jamais fume|tabagisme (?:actif|sevre|passif)|"
    r"pas (?:de )?tabac|pas de tabagisme|(?:absence d'intoxication|sans intoxication|"
    r"pas d'intoxication) (?:ethylo?|alcoolo)?-?\s?tabagique)"
)


def _read_tobacco(entry: Entry, place: Place) -> Iterator[Found]:
    match = _TOBACCO.match(place.masked, place.start)
    if match is None:
        return
    written = place.line.text[match.start("v") : match.end("v")].strip()
    content = (
        "non fumeur"
        if match["v"] in ("0", "non", "aucun") or match["v"].startswith("neg")
        else written
    )
    yield Found(entry.key, content, match.start("v"), match.end("v"), "tobacco")


_EYE = r"(?P<e>odg|od|og|o\.d\.?|o\.g\.?|(?:oeil|œil)\s+(?:droit|gauche)|bino(?:culaire)?)"
_ACUITY = re.compile(
    rf"{_EYE}\s*[:=]?\s*(?P<v>\d{{1,2}}(?:[.,]\d)?\s?/\s?10)(?!\d)"
    rf"|(?P<w>\d{{1,2}}(?:[.,]\d)?\s?/\s?10)(?!\d)(?:\s?(?:a|en)?\s?{_EYE.replace('<e>', '<f>')})?"
)


def _read_acuity(entry: Entry, place: Place) -> Iterator[Found]:
    for match in _ACUITY.finditer(place.masked, place.start, place.end):
        eye = (match["e"] or match["f"] or "").replace(".", "")
        site = {"od": "œil droit", "og": "œil gauche"}.get(eye, "")
        if "droit" in eye:
            site = "œil droit"
        elif "gauche" in eye:
            site = "œil gauche"
        elif eye:
            site = site or "deux yeux"
        group = "v" if match["v"] else "w"
        content = re.sub(r"\s", "", match[group]).replace(",", ".")
        yield Found(entry.key, content, match.start(), match.end(), "acuity", site=site)


Reader = Callable[[Entry, Place], Iterator[Found]]

_READERS: dict[str, Reader] = {
    "number": _read_number,
    "number_or_sign": _read_number_or_sign,
    "pressure": _read_pressure,
    "pressure_part": _read_pressure_part,
    "temperature": _read_temperature,
    "weight": _read_weight,
    "birth_weight": _read_birth_weight,
    "height": _read_height,
    "score": _read_score,
    "gestation": _read_gestation,
    "date": _read_date,
    "sign": _read_sign,
    "dilation": _read_dilation,
    "blood_group": _read_blood_group,
    "apgar": _read_apgar,
    "tobacco": _read_tobacco,
    "acuity": _read_acuity,
}

# --- what needs no label --------------------------------------------------------------------

_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9}
_OBSTETRIC = (
    re.compile(r"(?<![a-z0-9])g\s?(?P<g>\d{1,2})\s?[,/-]?\s?p\s?(?P<p>\d{1,2})(?!\d|[.,]\d)"),
    re.compile(
        r"(?<![a-z0-9])g\s?(?P<g>iv|vi{0,3}|i{1,3}|ix)\s?[,/-]?\s?p\s?(?P<p>iv|vi{0,3}|i{1,3}|"
        r"0)(?![a-z0-9])"
    ),
    re.compile(
        r"(?<![a-z0-9])(?P<g>iv|vi{0,3}|i{1,3}|ix)\s?g\s?[,/-]?\s?(?P<p>iv|vi{0,3}|i{0,3}|0|"
        r"o)\s?p(?![a-z0-9])"
    ),
    re.compile(r"(?<![a-z0-9])(?P<g>\d{1,2})\s?g\s?[,/-]?\s?(?P<p>\d{1,2})\s?p(?![a-z0-9])"),
    re.compile(
        r"(?<![a-z0-9])(?P<g>\d{1,2})\s?(?:eme|ieme|e|er|ere)?\s?gestes?\s?[,;/-]?\s?(?:et\s)?"
        r"(?P<p>\d{1,2})\s?(?:eme|ieme|e|er|ere)?\s?pares?\b"
    ),
    re.compile(
        r"(?<![a-z0-9])gestes?\s?[:=]?\s?(?P<g>\d{1,2})\s?[,;/-]?\s?pares?\s?[:=]?\s?(?P<p>\d{1,2})(?!\d)"
    ),
    re.compile(
        r"(?<![a-z0-9])gestite\s?[:=]?\s?(?P<g>\d{1,2})\s?[,;/-]?\s?parite\s?[:=]?\s?(?P<p>\d{1,2})(?!\d)"
    ),
)
_OBSTETRIC_ALONE = (
    (re.compile(r"(?<![a-z0-9])(?P<g>\d{1,2})\s?(?:eme|ieme|e|er|ere)?\s?gestes?\b"), "gravidity"),
    (re.compile(r"(?<![a-z0-9])gestite\s?[:=]?\s?(?P<g>\d{1,2})(?!\d)"), "gravidity"),
    (re.compile(r"(?<![a-z0-9])(?P<g>\d{1,2})\s?(?:eme|ieme|e|er|ere)?\s?pares?\b"), "parity"),
    (re.compile(r"(?<![a-z0-9])(?:parite|pare)\s?[:=]?\s?(?P<g>\d{1,2})(?!\d)"), "parity"),
)
_OBSTETRIC_WORDS = (
    (re.compile(r"\b(?:primigeste)\b"), "gravidity", 1),
    (re.compile(r"\b(?:nulligeste)\b"), "gravidity", 0),
    (re.compile(r"\b(?:deuxieme\s+geste|secondigeste)\b"), "gravidity", 2),
    (re.compile(r"\b(?:primipare)\b"), "parity", 1),
    (re.compile(r"\b(?:nullipare)\b"), "parity", 0),
    (re.compile(r"\b(?:deuxieme\s+pare|secondipare)\b"), "parity", 2),
)


def _obstetric_number(written: str) -> int:
    if written in ("", "o", "0"):
        return 0
    return int(written) if written.isdigit() else _ROMAN[written]


def _obstetric(folded: str) -> Iterator[Found]:
    # Letters for the digits of "G1P0".
    mended = re.sub(r"(?<![a-z])g\s?[il|](?=\s?,?\s?p\s?[\doil|])", "g1", folded)
    mended = re.sub(r"(?<=[g\d])(\s?,?\s?)p\s?o(?![a-z])", r"\1p0", mended)
    mended = re.sub(r"(?<=g\d)(\s?,?\s?)p\s?[il|](?![a-z])", r"\1p1", mended)
    if len(mended) == len(folded):
        folded = mended
    for pattern in _OBSTETRIC:
        for match in pattern.finditer(folded):
            for key, group in (("gravidity", "g"), ("parity", "p")):
                yield _count(key, _obstetric_number(match[group]), match.start(), match.end())
    for alone, key in _OBSTETRIC_ALONE:
        for match in alone.finditer(folded):
            yield _count(key, int(match["g"]), match.start(), match.end())
    for spelled, key, number in _OBSTETRIC_WORDS:
        for match in spelled.finditer(folded):
            yield _count(key, number, match.start(), match.end())


def _count(key: str, number: int, start: int, end: int) -> Found:
    entry = vocabulary()[key]
    quantity = Quantity(value=Decimal(number), unit=entry.unit, ucum=entry.ucum)
    doubts = (IMPLAUSIBLE,) if _implausible(entry, quantity.value) else ()
    return Found(key, quantity, start, end, "obstetric", doubts)


_GROUP_ALONE = re.compile(
    r"(?<![\w'])(?P<g>AB|A|B|O)\s?(?:[Rr]h(?:[ée]sus)?(?:\s?D)?\.?)\s?[:]?\s?"
    r"(?P<s>\+|-|pos(?:itif)?\b|n[ée]g(?:atif)?\b|Pos\b|N[ée]g\b)"
)
_STRIP_NEGATIVE = re.compile(
    r"(?<![a-z])(?:bu|bandelette(?:\s+urinaire)?)\s*(?:[:=]|est|ce jour)?\s*"
    r"(?:neg(?:atif|ative)?s?\b|normale?\b|ras\b|0(?![\w.,/]))"
)
_KILOGRAMS = re.compile(r"(?<![\w/.,])(?P<k>\d{1,2})\s?kgs?\s?(?P<g>\d{3})(?!\d)")
_BARE_PAIR = re.compile(
    r"(?<![\w/.,])(?P<s>\d{2,3})\s?/\s?(?P<d>\d{2,3})(?P<u>\s?mm?\s?m?hg)(?![a-z])"
)


def _unlabelled(line: TextLine, masked: str) -> Iterator[Found]:
    for match in _BARE_PAIR.finditer(masked):
        found = _pressure(match, None)
        if found is not None:
            yield found
    for entry in vocabulary().values():
        for patterns, source in ((entry.bare, masked), (entry.bare_written, line.text)):
            for pattern in patterns:
                for match in pattern.finditer(source):
                    yield from _bare(entry, match)
    for pattern in _GESTATION[:3]:
        for match in pattern.finditer(masked):
            yield _gestation(match, vocabulary()["gestational_age"])
    for match in _GROUP_ALONE.finditer(line.text):
        sign = "+" if match["s"][0] in "+pP" else "-"
        yield Found(
            "abo_group",
            match["g"].replace("0", "O") + sign,
            match.start(),
            match.end(),
            "unlabelled",
        )
    for match in _STRIP_NEGATIVE.finditer(line.folded):
        yield Found("urine_protein_dip", "négatif", match.start(), match.end(), "strip-negative")
    for match in _KILOGRAMS.finditer(masked):
        kilograms = Decimal(match["k"]) + Decimal(match["g"]) / 1000
        quantity = Quantity(value=_tidy(kilograms, 3), unit="kg", ucum="kg")
        yield Found("weight", quantity, match.start(), match.end(), "unlabelled")
    yield from _obstetric(line.folded)
    for match in _SMOKER.finditer(line.folded):
        yield Found(
            "tobacco_status",
            line.text[match.start("v") : match.end("v")],
            match.start("v"),
            match.end("v"),
            "tobacco",
        )


def _bare(entry: Entry, match: re.Match[str]) -> Iterator[Found]:
    written = match["n"].replace(",", ".")
    tail = match.groupdict().get("d")
    if entry.reads == "height" and "m" in written:
        metres, centimetres = re.split(r"\s?m\s?", written)
        number = Decimal(metres) * 100 + Decimal(centimetres)
    else:
        number = Decimal(written + (f".{tail}" if tail else ""))
    if _implausible(entry, number):
        return
    quantity = Quantity(value=number, unit=entry.unit, ucum=entry.ucum)
    yield Found(entry.key, quantity, match.start("n"), match.end(), "unlabelled")


# --- lines ----------------------------------------------------------------------------------

_STRIP = re.compile(r"(?<![a-z])(?:bu|b\.u\.?|bandelette(?:\s+urinaire)?s?|labstix|bdl)(?![a-z])")
# Protein and sugar side by side are read off a strip, whether or not it is named.
_STRIP_PAIR = re.compile(
    r"(?<![a-z])(?:albumine?|albu|alb|proteines?|prot)\s*[:=]?\s*(?:0|neg\w*|traces?|\+{1,4}|"
    r"-)[\s,;/–-]+(?:sucres?|glucose|glu)(?![a-z])|"
    r"(?<![a-z])(?:sucres?|glucose)\s*[:=]?\s*(?:0|neg\w*|traces?|\+{1,4}|"
    r"-)[\s,;/–-]+(?:albumine?|albu|alb|proteines?|prot)(?![a-z])|"
    r"(?<![a-z])(?:albumine?|albu|alb)\s*[:=]?\s*(?:traces?|\+{1,4})(?!\w)"
)
_WINDOW = 70


def _mask(line: TextLine, dates: Sequence[DateMention]) -> str:
    masked = line.folded
    for mention in dates:
        start, end = mention.span.start, mention.span.end
        before = masked[:start]
        # Only dates with a year, or told by "du"/"le", are surely no value.
        if re.search(r"apgar[\s:=]*$", before):
            continue
        if mention.year_written or re.search(r"\b(?:du|le)\s*$", before):
            cue = re.search(r"\b(?:du|le|au|en date du)\s*$", before)
            start = cue.start() if cue else start
            masked = masked[:start] + "\x00" * (end - start) + masked[end:]
    return masked


def _labelled(
    line: TextLine,
    masked: str,
    dates: Sequence[DateMention],
    today: dt.date,
    following: TextLine | None,
) -> Iterator[tuple[Label, Found]]:
    strip = _STRIP.search(line.folded) or _STRIP_PAIR.search(line.folded)
    labels = find_labels(
        line.text,
        line.folded,
        (strip.end() if strip.re is _STRIP else strip.start()) if strip else None,
    )
    for index, label in enumerate(labels):
        before = line.folded[max(0, label.start - 40) : label.start]
        clause = re.split(r"[.;\n]|,\s", before)[-1]
        if _GOAL.search(clause):
            continue
        if label.listed in _FINDINGS and _NEGATED.search(clause):
            continue
        end = labels[index + 1].start if index + 1 < len(labels) else len(masked)
        # A label inside the wording of another one's value must not cut it short.
        end = min(max(end, label.end), label.end + _WINDOW, len(masked))
        place = Place(line, label, label.end, end, masked, tuple(dates), today)
        for key in label.keys:
            entry = vocabulary()[key]
            found = tuple(_READERS[entry.reads](entry, place))
            if found:
                for one in found:
                    yield label, one
                break


def _trend(line: TextLine, end: int) -> str:
    after = line.text[end : end + 60]
    match = re.match(
        r"\s*\(\s*(?:soit\s+)?((?:[+\-–]\s?\d|stable|perte|prise|en (?:hausse|baisse)|vs\b|"
        r"contre\b|M\d)[^)]{0,40})\)",
        after,
        re.IGNORECASE,
    ) or re.match(
        r"\s*,?\s*(?:soit\s+)?([+\-–]\s?\d{1,3}(?:[.,]\d{1,2})?\s?(?:kg|g)\b(?:\s+(?:en|"
        r"depuis)\s+[^,.;)]{2,25})?|"
        r"(?:en\s+(?:hausse|baisse)|stable)\b|[↑↓↗↘])",
        after,
        re.IGNORECASE,
    )
    return match[1].strip() if match else ""


def _measured_on(
    line: TextLine, label: Label | None, found: Found, dates: Sequence[DateMention]
) -> DateMention | None:
    """A date that stands between label and value, or right after the value."""
    for mention in dates:
        between = label is not None and label.end <= mention.span.start < found.start
        after = (
            re.fullmatch(r"\s*\(?\s*(?:le|du|au)?\s*", line.folded[found.end : mention.span.start])
            if mention.span.start >= found.end
            else None
        )
        if between or (after is not None and line.folded[found.end : mention.span.start].strip()):
            return mention
    return None


def read_measurements(
    lines: Sequence[TextLine], document_date: dt.date | None, today: dt.date
) -> tuple[Measurement, ...]:
    """Every measurement in `lines`, in reading order, each once.

    `document_date` gives the year to dates written without one; `today` is the latest day a
    reading can be of.
    """
    results: list[Measurement] = []
    seen: set[tuple[object, ...]] = set()
    lines = [mended(line) for line in lines]
    for index, line in enumerate(lines):
        if line.struck or not any(character.isalnum() for character in line.text):
            continue
        following = lines[index + 1] if index + 1 < len(lines) else None
        for measurement in _of_line(line, following, document_date, today):
            identity = _identity(measurement)
            if identity not in seen:
                seen.add(identity)
                results.append(measurement)
    return tuple(_paired(results))


def _identity(measurement: Measurement) -> tuple[object, ...]:
    content = measurement.value.value if measurement.value is not None else None
    parts = tuple(_identity(part) for part in measurement.components)
    date = measurement.date.value if measurement.date is not None else None
    return (measurement.key, repr(content), measurement.body_site, date, parts)


def _of_line(
    line: TextLine, following: TextLine | None, document_date: dt.date | None, today: dt.date
) -> Iterator[Measurement]:
    dates = find_dates(line, today)
    masked = _mask(line, dates)
    taken: list[tuple[int, int, str]] = []
    found: list[tuple[Label | None, Found]] = [
        *_labelled(line, masked, dates, today, following),
    ]
    for _, one in found:
        taken.append((one.start, one.end, one.key))
    for one in _unlabelled(line, masked):
        pairs = one.rule == "obstetric"
        free = all(
            one.end <= start or end <= one.start or (pairs and key != one.key)
            for start, end, key in taken
        )
        clause = re.split(r"[.;]|,\s", line.folded[max(0, one.start - 40) : one.start])[-1]
        if free and not _GOAL.search(re.sub(r"[<>≤≥]\s*$", "", clause)):
            found.append((None, one))
            taken.append((one.start, one.end, one.key))
    found.sort(key=lambda item: item[1].start)
    for label, one in found:
        built = _measurement(line, label, one, dates, document_date)
        if built is not None:
            yield built


_UNIT_UNSURE = "Unité lue avec peu de certitude."


def _decisive(line: TextLine, found: Found) -> tuple[Span, tuple[str, ...]]:
    """What makes the value: its figures. A unit that was met in the vocabulary but read with less
    certainty is a doubt."""
    whole = line.span(found.start, found.end)
    digits = [place for place, character in enumerate(whole.text) if character.isdigit()]
    if not digits:
        return whole, ()
    figures = line.span(whole.start, whole.start + digits[-1] + 1)
    if whole.reading < min(figures.reading, thresholds()["measurement"].sure):
        return figures, (_UNIT_UNSURE,)
    return whole, ()


_LABEL_HARDLY = 0.5
"""Confidence under which a label by hand may be another one: « PAS » for « Pds »."""
_LABEL_UNSURE = "Intitulé lu avec peu de certitude."
_UNIT_UNREAD = "Ce qui suit le chiffre n'est pas lu : une autre unité, ou la fin de la valeur ?"
_UNIT_OTHER = "L'unité écrite est celle d'une autre mesure."


_UNITLESS = re.compile(r"\d[^\w%°]*$")


def _ink_doubts(line: TextLine, label: Label | None, found: Found) -> tuple[str, ...]:
    """What in the words around a value read from ink says that it may be another."""
    if line.engine == TEXT_ENGINE:
        return ()
    doubts: list[str] = []
    short = label is not None and len(label.listed) <= 3 and line.kind is ZoneKind.HANDWRITTEN
    if label is not None and short and line.span(label.start, label.end).reading < _LABEL_HARDLY:
        doubts.append(_LABEL_UNSURE)
    entry = vocabulary()[found.key]
    behind = next((token for token in line.tokens if token.start >= found.end), None)
    if behind is None or line.text[found.end : behind.start].strip(" "):
        return tuple(doubts)
    text = line.folded[behind.start : behind.end].rstrip(".,;:)")
    goes_on = entry.reads == "gestation" and re.match(r"\+?\d", text) is not None
    counted = _UNITLESS.search(line.folded, found.start, found.end) is not None
    counted = counted and not isinstance(found.content, str)
    if goes_on or (counted and behind.word.confidence < HARDLY and any(map(str.isalpha, text))):
        doubts.append(_UNIT_UNREAD)
    elif counted and text in units() and text not in {**entry.units, **entry.other_units}:
        doubts.append(_UNIT_OTHER)
    return tuple(doubts)


def _measurement(
    line: TextLine,
    label: Label | None,
    found: Found,
    dates: Sequence[DateMention],
    document_date: dt.date | None,
) -> Measurement | None:
    if _has_other_figures(line, found.start, found.end):
        parts = tuple(replace(part, doubts=(*part.doubts, DIGITS_REPAIRED)) for part in found.parts)
        found = replace(found, doubts=(*found.doubts, DIGITS_REPAIRED), parts=parts)
    entry = vocabulary()[found.key]
    start = label.start if label is not None and label.end <= found.start else found.start
    rule = f"measurements.{found.key}.{found.rule}"
    whole = line.span(start, found.end)
    mention = _measured_on(line, label, found, dates) if entry.reads != "date" else None
    date: Value[dt.date] | None = None
    if mention is not None:
        day = mention.near(document_date)
        if day is not None:
            date = value("date", day, mention.span, mention.rule, doubts=mention.doubts)
    trend = _trend(line, found.end)
    decisive, unit_doubts = _decisive(line, found)
    unit_doubts += _ink_doubts(line, label, found)
    found = replace(found, doubts=(*found.doubts, *unit_doubts))
    if found.parts:
        components = tuple(
            Measurement(
                key=part.key,
                code=vocabulary()[part.key].code,
                value=value(
                    "measurement",
                    cast(Quantity, part.content),
                    whole,
                    rule,
                    decisive=decisive,
                    doubts=(*part.doubts, *unit_doubts),
                ),
            )
            for part in found.parts
        )
        return Measurement(
            key=entry.key,
            code=entry.code,
            components=components,
            body_site=found.site,
            trend=trend,
            date=date,
        )
    content = found.content
    read: Value[Quantity] | Value[Range] | Value[str] | Value[dt.date]
    if isinstance(content, DateMention):
        day = content.near(document_date)
        doubts = found.doubts
        if day is not None and not content.year_written:
            doubts += ("Année absente : déduite de la date du document.",)
        read = value("measurement", day, (whole,), rule, decisive=decisive, doubts=doubts)
    elif isinstance(content, Range):
        read = value("measurement", content, (whole,), rule, decisive=decisive, doubts=found.doubts)
    elif isinstance(content, Quantity):
        read = value("measurement", content, whole, rule, decisive=decisive, doubts=found.doubts)
    else:
        read = value("measurement", content, whole, rule, decisive=decisive, doubts=found.doubts)
    return Measurement(
        key=entry.key,
        code=entry.code,
        value=read,
        body_site=found.site,
        trend=trend,
        date=date,
    )


def _has_other_figures(line: TextLine, start: int, end: int) -> bool:
    """Whether the digits of a stretch are others than those of the words that were read."""
    return any(
        re.sub(r"\D", "", line.text[token.start : token.end]) != re.sub(r"\D", "", token.word.text)
        for token in line.span(start, end).tokens
    )


def _paired(measurements: Sequence[Measurement]) -> Iterator[Measurement]:
    """Systolic and diastolic written one after the other become one blood pressure."""
    panel = vocabulary()["blood_pressure_panel"]
    pending: Measurement | None = None
    for measurement in measurements:
        if pending is not None:
            if measurement.key == "diastolic_bp":
                yield Measurement(key=panel.key, code=panel.code, components=(pending, measurement))
                pending = None
                continue
            yield pending
            pending = None
        if measurement.key == "systolic_bp":
            pending = measurement
        else:
            yield measurement
    if pending is not None:
        yield pending
