"""Dosage lines of French prescriptions with their structured reading.

A plan names how a drug is usually taken; each plan draws a scheme (the truth) and then words it.
The structure is that of `docs/evaluation.md`: steps with `doseQuantity` or `doseRange`, `timing`
as in FHIR, and the facts of the whole line (`expectedSupplyDuration`, `numberOfRepeatsAllowed`,
`substitutionAllowed`) beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from samples.generator.vocabulary import Drug, Vocabulary

Step = dict[str, Any]

UNITS = {
    "comprimé": "comprimé",
    "gélule": "gélule",
    "sachet": "sachet",
    "suppositoire": "suppositoire",
    "ovule": "ovule",
    "aérosol": "bouffée",
    "poudre": "bouffée",
    "collyre": "goutte",
    "spray nasal": "pulvérisation",
    "ampoule": "ampoule",
    "seringue": "injection",
    "crème": "application",
    "lyophilisat": "lyophilisat",
}
NUMBER_WORDS = {1: "une", 2: "deux", 3: "trois", 4: "quatre"}
SPANS = {"d": ("jour", "j"), "wk": ("semaine", "sem"), "mo": ("mois", "mois")}
WEEKDAYS = {"lundi": "mon", "jeudi": "thu", "dimanche": "sun"}
REASONS = {
    "pain": ("douleur", "douleurs", "fièvre", "douleur ou fièvre"),
    "inflammation": ("douleur", "douleurs"),
    "nausea": ("nausées", "vomissements"),
    "diarrhoea": ("diarrhée",),
    "reliever": ("gêne respiratoire", "crise"),
    "sachets": ("constipation", "douleurs"),
    "quarter": ("angoisse", "anxiété"),
    "bedtime": ("insomnie", "prurit"),
}


@dataclass(frozen=True)
class Regimen:
    """The words of a dosage and what they mean. `facts` are those of the whole line."""

    text: str
    steps: tuple[Step, ...]
    facts: dict[str, Any] = field(default_factory=dict)


class _Wording:
    """Picks words of one vocabulary with one random source."""

    def __init__(self, rng: Random, words: Vocabulary) -> None:
        self.rng = rng
        self.words = words.posology

    def pick(self, key: str) -> str:
        return self.rng.choice(self.words[key])

    def unit(self, unit: str, count: float) -> str:
        text = self.pick(f"unit_{unit}")
        if count > 1 and not text.endswith(".") and len(text) > 5:
            head, dash, tail = text.partition("-")
            text = f"{head}s{dash}{tail}"
        return text

    def dose(self, count: float, unit: str) -> str:
        return f"{french_number(count)} {self.unit(unit, count)}"

    def when(self, moments: tuple[str, ...]) -> str:
        return self.pick("when_" + "_".join(moments))

    def span(self, key: str, count: int, unit: str) -> str:
        name, short = SPANS[unit]
        plural = "s" if count > 1 and not name.endswith("s") else ""
        return self.pick(key).format(n=count, unit=name + plural, abbr=short)


def french_number(value: float) -> str:
    """A dose as written: ½ and ¼ as fractions, a decimal comma."""
    fractions = {0.25: "1/4 de", 0.5: "1/2", 0.75: "3/4 de", 1.5: "1 et 1/2"}
    return fractions.get(value) or f"{value:g}".replace(".", ",")


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": int(value) if float(value).is_integer() else value, "unit": unit}


def _daily(frequency: int, moments: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    timing: dict[str, Any] = {"frequency": frequency, "period": 1, "periodUnit": "d"}
    if moments:
        timing["when"] = list(moments)
    return timing | more


def _step(dose: dict[str, Any] | None, timing: dict[str, Any] | None = None, **more: Any) -> Step:
    step: Step = {"sequence": 1}
    if dose is not None:
        step["doseRange" if "low" in dose else "doseQuantity"] = dose
    if timing:
        step["timing"] = timing
    return {**step, "asNeeded": False, **more}


def _bounded(word: _Wording, days: tuple[int, ...]) -> tuple[str, dict[str, Any]]:
    count = word.rng.choice(days)
    unit = "d"
    if count % 7 == 0 and word.rng.random() < 0.3:
        count, unit = count // 7, "wk"
    return word.span("duration", count, unit), {"boundsDuration": {"value": count, "unit": unit}}


def _renewal(word: _Wording) -> tuple[str, dict[str, Any]]:
    """Supply and repeats of a long treatment; often left unsaid."""
    text: list[str] = []
    facts: dict[str, Any] = {}
    if word.rng.random() < 0.65:
        months = word.rng.choice((1, 1, 3, 3, 6))
        text.append(word.span("supply", months, "mo"))
        facts["expectedSupplyDuration"] = {"value": months, "unit": "mo"}
        if months == 1 and word.rng.random() < 0.6:
            times = word.rng.choice((1, 2, 5))
            text.append(word.pick("repeats").format(n=times))
            facts["numberOfRepeatsAllowed"] = times
    return ", ".join(text), facts


def _join(*parts: str) -> str:
    text = " ".join(part for part in parts if part)
    return text.replace(" ,", ",")


def _scheme(moments: tuple[str, ...], dose: float) -> str:
    number = f"{dose:g}".replace(".", ",") if dose != 0.5 else "½"
    return "-".join(number if m in moments else "0" for m in ("MORN", "NOON", "EVE"))


def _at_moments(
    word: _Wording, dose: float, unit: str, moments: tuple[str, ...], extra: str = ""
) -> tuple[str, Step]:
    """`dose` at each of `moments`: in words, or as a n-n-n scheme."""
    timing = _daily(len(moments), moments)
    if "HS" not in moments and not extra and word.rng.random() < 0.18:
        return _scheme(moments, dose), _step(
            _quantity(dose, unit), timing, doseAlternatives=[_quantity(dose, "")]
        )
    text = _join(word.dose(dose, unit), word.when(moments), extra)
    return text, _step(_quantity(dose, unit), timing)


def _times_a_day(word: _Wording, dose: float, unit: str, times: int) -> tuple[str, dict[str, Any]]:
    if times == 1:
        return _join(word.dose(dose, unit), word.pick("once")), _daily(1)
    text = word.pick("times").format(n=times, word=NUMBER_WORDS[times].replace("une", "1"))
    return _join(word.dose(dose, unit), text), _daily(times)


def regimen(rng: Random, words: Vocabulary, drug: Drug) -> Regimen:
    """A way to take `drug` after its plan, in the words of one vocabulary."""
    word = _Wording(rng, words)
    unit = UNITS.get(drug.form, "")
    match drug.plan:
        case "daily":
            dose = rng.choice((1, 1, 1, 1, 0.5, 2)) if drug.form == "comprimé" else 1
            moments = rng.choice((("MORN",), ("MORN",), ("EVE",), ("NOON",)))
            if rng.random() < 0.25:
                text, timing = _times_a_day(word, dose, unit, 1)
                step = _step(_quantity(dose, unit), timing)
            else:
                text, step = _at_moments(word, dose, unit, moments)
            more, facts = _renewal(word)
            return Regimen(_with(text, more), (step,), facts)
        case "evening" | "twice" | "fasting" | "meals" | "after-meals":
            return _long_term(word, drug, unit)
        case "antibiotic" | "inflammation" | "meals-course" | "course":
            return _course(word, drug, unit)
        case "pain" | "nausea" | "diarrhoea" | "reliever" | "sachets" | "quarter":
            return _as_needed(word, drug, unit)
        case "bedtime":
            text = _join(word.dose(1, unit), word.when(("HS",)))
            step = _step(_quantity(1, unit), _daily(1, ("HS",)))
            if rng.random() < 0.4:
                reason = rng.choice(REASONS["bedtime"])
                needed = word.pick("needed").format(reason=reason)
                step = step | {"asNeeded": True}
                if reason in needed:
                    step["asNeededFor"] = reason
                text = _join(text, needed)
            return Regimen(text, (step,))
        case "short":
            text = (
                f"{word.dose(2, unit)} {word.when(('MORN',))} le 1er jour{word.pick('step_join')}"
            )
            text += f"{word.dose(1, unit)} par jour les 4 jours suivants"
            first = _daily(1, ("MORN",), boundsDuration={"value": 1, "unit": "d"})
            after = _daily(1, boundsDuration={"value": 4, "unit": "d"})
            return Regimen(
                text,
                (
                    _step(_quantity(2, unit), first),
                    _step(_quantity(1, unit), after) | {"sequence": 2},
                ),
            )
        case "single":
            text = f"{word.dose(1, unit)} en prise unique"
            return Regimen(text, (_step(_quantity(1, unit), {"count": 1}),))
        case "taper":
            return _taper(word, unit)
        case "insulin":
            return _insulin(word)
        case "inhaler":
            dose = rng.choice((1, 2))
            text, step = _at_moments(word, dose, unit, ("MORN", "EVE"), extra=" ")
            more, facts = _renewal(word)
            return Regimen(_with(text.strip(), more), (step,), facts)
        case "eye" | "nose" | "cream":
            return _local(word, drug, unit)
        case "ovule":
            days, bounds = _bounded(word, (1, 3, 6))
            text = _join(word.dose(1, unit), word.when(("HS",)), days)
            return Regimen(text, (_step(_quantity(1, unit), _daily(1, ("HS",), **bounds)),))
        case "injection":
            days, bounds = _bounded(word, (7, 10, 15))
            text = f"{word.dose(1, unit)} sous-cutanée par jour {days}"
            return Regimen(text, (_step(_quantity(1, unit), _daily(1, **bounds)),))
        case "weekly":
            day = rng.choice(list(WEEKDAYS))
            text = _join(word.dose(1, unit), word.pick("weekday").format(day=day))
            timing = {
                "frequency": 1,
                "period": 1,
                "periodUnit": "wk",
                "dayOfWeek": [WEEKDAYS[day]],
            }
            more, facts = _renewal(word)
            return Regimen(_with(text, more), (_step(_quantity(1, unit), timing),), facts)
        case "ampoule":
            months = rng.choice((1, 2, 3))
            each = "par mois" if months == 1 else f"tous les {months} mois"
            timing = {"frequency": 1, "period": months, "periodUnit": "mo"}
            return Regimen(_join(word.dose(1, unit), each), (_step(_quantity(1, unit), timing),))
        case "continuous":
            text, timing = _times_a_day(word, 1, unit, 1)
            text = _join(text, rng.choice(("à heure fixe", "en continu", "")))
            more, facts = _renewal(word)
            return Regimen(_with(text, more), (_step(_quantity(1, unit), timing),), facts)
    raise ValueError(f"unknown plan {drug.plan}")


def _with(text: str, more: str) -> str:
    return f"{text}, {more}" if more else text


def _long_term(word: _Wording, drug: Drug, unit: str) -> Regimen:
    moments: tuple[str, ...]
    extra = ""
    instruction: dict[str, Any] = {}
    dose = 1.0
    match drug.plan:
        case "evening":
            moments = ("EVE",)
        case "twice":
            moments = ("MORN", "EVE")
        case "fasting":
            moments, extra = ("MORN",), word.pick("fasting")
            instruction = {"additionalInstruction": [extra]}
        case "meals":
            moments = word.rng.choice((("MORN", "EVE"), ("MORN", "NOON", "EVE")))
            if word.rng.random() < 0.5:
                extra = word.pick("meal_C")
        case _:
            moments, extra = ("MORN", "NOON", "EVE"), "après les repas"
    text, step = _at_moments(word, dose, unit, moments, extra)
    more, facts = _renewal(word)
    if drug.plan == "fasting" and word.rng.random() < 0.3:
        words = word.pick("not_substitutable")
        facts["substitutionAllowed"] = False
        for reason in ("MTE", "EFG"):
            if reason in words:
                facts["substitutionNotAllowedReason"] = reason
        more = f"{more}, {words}" if more else words
    return Regimen(_with(text, more), (step | instruction,), facts)


def _course(word: _Wording, drug: Drug, unit: str) -> Regimen:
    rng = word.rng
    days, bounds = _bounded(word, (5, 6, 7, 10) if drug.plan == "antibiotic" else (3, 5, 7, 14, 30))
    if drug.plan == "course":
        moment = rng.choice((("MORN",), ("EVE",)))
        text, step = _at_moments(word, 1, unit, moment)
    elif rng.random() < 0.4:
        moments = rng.choice((("MORN", "EVE"), ("MORN", "NOON", "EVE")))
        text, step = _at_moments(word, 1, unit, moments)
    elif drug.plan == "antibiotic" and rng.random() < 0.2:
        hours = rng.choice((8, 12))
        text = _join(word.dose(1, unit), word.pick("every_hours").format(n=hours))
        step = _step(_quantity(1, unit), {"frequency": 1, "period": hours, "periodUnit": "h"})
    else:
        dose = rng.choice((1, 1, 2)) if drug.plan == "antibiotic" else 1
        text, timing = _times_a_day(word, dose, unit, rng.choice((2, 3)))
        step = _step(_quantity(dose, unit), timing)
    if drug.plan in ("inflammation", "meals-course") and "-" not in text and rng.random() < 0.5:
        text = _join(text, word.pick("meal_C" if drug.plan == "inflammation" else "meal_AC"))
    step["timing"] = step["timing"] | bounds
    return Regimen(_join(text, days), (step,))


def _as_needed(word: _Wording, drug: Drug, unit: str) -> Regimen:
    rng = word.rng
    dose: dict[str, Any] = _quantity(1, unit)
    said = word.dose(1, unit)
    if drug.plan == "quarter":
        dose, said = _quantity(0.25, unit), word.dose(0.25, unit)
    elif drug.plan in ("reliever", "sachets", "pain") and rng.random() < 0.5:
        join = word.pick("range_join")
        dose = {"low": _quantity(1, unit), "high": _quantity(2, unit)}
        said = f"1{join}{word.dose(2, unit)}"
    reason = rng.choice(REASONS[drug.plan])
    needed = word.pick("needed").format(reason=reason)
    more: dict[str, Any] = {"asNeeded": True}
    if reason in needed:
        more["asNeededFor"] = reason
    timing: dict[str, Any] | None = None
    often = ""
    if drug.plan in ("pain", "nausea", "diarrhoea", "sachets") and rng.random() < 0.6:
        times = rng.choice((2, 3, 4)) if drug.plan != "sachets" else 1
        often = (
            word.pick("times").format(n=times, word=NUMBER_WORDS[times])
            if times > 1
            else "par jour"
        )
        timing = _daily(times)
    tail = ""
    if drug.plan == "pain" and rng.random() < 0.3:
        hours = rng.choice((4, 6))
        tail = ", " + word.pick("interval").format(n=hours)
        more["minInterval"] = {"value": hours, "unit": "h"}
    elif drug.plan in ("pain", "reliever", "diarrhoea") and rng.random() < 0.5:
        most = {"pain": 4, "reliever": 8, "diarrhoea": 6}[drug.plan]
        tail = ", " + word.pick("maximum").format(n=most)
        more["maxDosePerPeriod"] = {"value": most, "unit": unit, "period": 1, "periodUnit": "d"}
    if timing is not None and rng.random() < 0.4:
        days, bounds = _bounded(word, (3, 5))
        timing = timing | bounds
        return Regimen(_join(said, often, needed, days) + tail, (_step(dose, timing, **more),))
    return Regimen(_join(said, often, needed) + tail, (_step(dose, timing, **more),))


def _taper(word: _Wording, unit: str) -> Regimen:
    rng = word.rng
    if rng.random() < 0.5:
        days = rng.choice((3, 4, 5))
        moment = word.when(("MORN",))
        count = rng.choice((2, 3))
        span = word.span("duration", days, "d")
        timing = _daily(1, ("MORN",), boundsDuration={"value": days, "unit": "d"})
        return Regimen(
            f"{word.dose(count, unit)} {moment} {span}", (_step(_quantity(count, unit), timing),)
        )
    steps: list[Step] = []
    parts: list[str] = []
    for sequence, count in enumerate((3, 2, 1), start=1):
        days = rng.choice((2, 3, 5))
        where = f" {word.when(('MORN',))}" if sequence == 1 else ""
        span = word.span("duration", days, "d")
        parts.append(f"{word.dose(count, unit)}{where} {span}")
        moments = ("MORN",) if sequence == 1 else ()
        timing = _daily(1, moments, boundsDuration={"value": days, "unit": "d"})
        steps.append(_step(_quantity(count, unit), timing) | {"sequence": sequence})
    return Regimen(word.pick("step_join").join(parts), tuple(steps))


def _insulin(word: _Wording) -> Regimen:
    rng = word.rng
    evening = rng.randint(8, 34)
    if rng.random() < 0.6:
        text = f"{evening} UI {word.when(rng.choice((('EVE',), ('HS',))))}"
        moments = ("HS",) if "coucher" in text else ("EVE",)
        return Regimen(text, (_step(_quantity(evening, "UI"), _daily(1, moments)),))
    morning = evening + rng.randint(1, 6)
    text = f"{morning} UI {word.when(('MORN',))} et {evening} UI {word.when(('EVE',))}"
    return Regimen(
        text,
        (
            _step(_quantity(morning, "UI"), _daily(1, ("MORN",))),
            _step(_quantity(evening, "UI"), _daily(1, ("EVE",))) | {"sequence": 2},
        ),
    )


def _local(word: _Wording, drug: Drug, unit: str) -> Regimen:
    rng = word.rng
    days, bounds = _bounded(word, (5, 7, 10))
    place: dict[str, Any] = {}
    site = ""
    if drug.plan == "eye":
        site = word.pick("eyes")
        place = {"site": site}
    elif drug.plan == "nose":
        site = "dans chaque narine"
        place = {"site": site}
    dose = 1 if drug.plan != "nose" else rng.choice((1, 2))
    if drug.plan != "eye" and rng.random() < 0.5:
        moments = rng.choice((("MORN", "EVE"), ("EVE",)))
        text = _join(word.dose(dose, unit), site, word.when(moments), days)
        timing = _daily(len(moments), moments, **bounds)
    else:
        times = rng.choice((2, 3))
        often = word.pick("times").format(n=times, word=NUMBER_WORDS[times])
        text = _join(word.dose(dose, unit), site, often, days)
        timing = _daily(times, **bounds)
    return Regimen(text, (_step(_quantity(dose, unit), timing, **place),))
