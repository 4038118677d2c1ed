"""From dosage steps back to French, and the check that nothing was lost on the way."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from pipeline.extraction.dosage.reading import ONE_AT_A_TIME, read_dosage
from pipeline.extraction.dosage.vocabulary import vocabulary
from pipeline.model import Dosage, Quantity, Range, Timing

_MOMENTS: Final = {
    "MORN": "le matin",
    "NOON": "le midi",
    "AFT": "l'après-midi",
    "EVE": "le soir",
    "NIGHT": "la nuit",
    "HS": "au coucher",
    "WAKE": "au réveil",
    "AC": "avant les repas",
    "PC": "après les repas",
    "C": "pendant les repas",
    "ACM": "avant le petit déjeuner",
    "ACD": "avant le déjeuner",
    "ACV": "avant le dîner",
    "PCM": "après le petit déjeuner",
    "PCD": "après le déjeuner",
    "PCV": "après le dîner",
    "CM": "au petit déjeuner",
    "CD": "au déjeuner",
    "CV": "au dîner",
}
_DAYS: Final = {
    "mon": "lundi",
    "tue": "mardi",
    "wed": "mercredi",
    "thu": "jeudi",
    "fri": "vendredi",
    "sat": "samedi",
    "sun": "dimanche",
}
_PERIODS: Final = {
    "s": ("seconde", "secondes"),
    "min": ("minute", "minutes"),
    "h": ("heure", "heures"),
    "d": ("jour", "jours"),
    "wk": ("semaine", "semaines"),
    "mo": ("mois", "mois"),
    "a": ("an", "ans"),
}


def render(dosages: Sequence[Dosage]) -> str:
    """The steps in plain French, in their order: "1 comprimé, 3 fois par jour, pendant 7 jours"."""
    return " puis ".join(_step(dosage) for dosage in dosages)


def says_the_same(dosages: Sequence[Dosage], *, insulin: bool = False) -> bool:
    """Whether the steps, rendered and read again, are the same steps."""
    again = read_dosage(render(dosages), insulin=insulin).dosages
    if len(again) != len(dosages):
        return False
    return all(_meaning(one) == _meaning(other) for one, other in zip(dosages, again, strict=True))


def _meaning(dosage: Dosage) -> Dosage:
    """A step without what rendering does not carry: its own words, and a route its unit implies."""
    timing = dosage.timing
    if timing is not None:
        timing = timing.model_copy(
            update={
                "bounds_text": "",
                "cycle": "" if timing.cycle == "" else "cycle",
                "start_day": timing.start_day,
            }
        )
    return dosage.model_copy(
        update={
            "text": "",
            "sequence": 1,
            "route": None if dosage.route is None else dosage.route.display,
            "timing": timing,
            "additional": tuple(sorted(dosage.additional)),
        }
    )


def _step(dosage: Dosage) -> str:
    parts: list[str] = []
    if dosage.condition:
        told = dosage.condition[0].isalpha()
        parts.append(f"si {dosage.condition}" if told else f"{dosage.condition} :")
    if dosage.dose is not None:
        parts.append(_dose(dosage.dose) + ("/kg" if dosage.dose_per_kg else ""))
    if dosage.timing is not None:
        timing = _timing(dosage.timing)
        high = dosage.dose.high if isinstance(dosage.dose, Range) else dosage.dose
        if high is not None and high.unit in ONE_AT_A_TIME and high.value > 1:
            # "2 applications par jour" would be one, twice a day
            timing = [f"1 fois {part}" if part.startswith("par ") else part for part in timing]
        parts += timing
    if dosage.as_needed:
        parts.append(f"si {dosage.as_needed_for}" if dosage.as_needed_for else "si besoin")
    if dosage.max_dose is not None:
        limit = dosage.max_dose
        period = _length(limit.denominator.value, limit.denominator.ucum or "d", alone=True)
        parts.append(f"maximum {_number_of(limit.numerator)} par {period}")
    if dosage.min_interval is not None:
        interval = dosage.min_interval
        parts.append(f"intervalle de {_length(interval.value, interval.ucum or 'h')}")
    if dosage.route is not None:
        parts.append(_route(dosage.route.display))
    if dosage.site:
        parts.append(dosage.site)
    parts += dosage.additional
    return ", ".join(parts)


def _route(name: str) -> str:
    return f"voie {name}"


def _dose(dose: Quantity | Range) -> str:
    if isinstance(dose, Range):
        high = _number_of(dose.high)
        return f"{_number(dose.low.value)} à {high}"
    return _number_of(dose)


def _number_of(quantity: Quantity) -> str:
    unit = vocabulary().units.get(quantity.unit)
    name = quantity.unit
    if unit is not None and quantity.value >= 2:
        name = unit.plural
    return f"{_number(quantity.value)} {name}".strip()


def _number(value: Decimal) -> str:
    return format(value, "f").replace(".", ",")


def _length(value: Decimal, unit: str, *, alone: bool = False) -> str:
    """`7 jours`; with `alone`, a single one is named without its number (`jour`)."""
    names = _PERIODS[unit]
    if alone and value == 1:
        return names[0]
    return f"{_number(value)} {names[value >= 2]}"


def _timing(timing: Timing) -> list[str]:
    parts: list[str] = []
    if timing.count is not None and (timing.count == 1 or not timing.event):
        parts.append("en prise unique")
    moments = [_MOMENTS[code] for code in timing.when]
    if timing.offset is not None and moments:
        moments[0] = f"{timing.offset} minutes {moments[0]}"
    days = [_DAYS[day] for day in timing.day_of_week]
    said = len(timing.when) or len(timing.time_of_day)
    general = all(code in ("AC", "PC", "C") for code in timing.when)
    daily = timing.period == 1 and timing.period_unit == "d"
    implied = daily and said == timing.frequency and not general
    implied = implied or (
        bool(days) and timing.period_unit == "wk" and timing.frequency == len(days)
    )
    if timing.cycle in ("jours pairs", "jours impairs"):
        implied = True
    if timing.frequency is not None and not implied:
        parts.append(_frequency(timing))
    if moments:
        parts.append(", ".join(moments[:-1]) + (" et " if moments[:-1] else "") + moments[-1])
    if timing.time_of_day:
        parts.append("à " + " et à ".join(_clock(one) for one in timing.time_of_day))
    if days:
        parts.append("le " + ", ".join(days))
    if timing.cycle:
        parts.append(timing.cycle)
    if timing.event:
        parts.append(timing.event)
    if timing.start_day is not None:
        parts.append(_course(timing))
    elif timing.bounds is not None:
        parts.append(f"pendant {_bounds(timing.bounds)}")
    if timing.bounds_text and timing.start_day is None:
        parts.append(timing.bounds_text)
    return parts


def _clock(time: str) -> str:
    hours, minutes = time.split(":")
    return f"{int(hours)}h{minutes if minutes != '00' else ''}"


def _frequency(timing: Timing) -> str:
    unit = timing.period_unit or "d"
    period = timing.period or Decimal(1)
    if timing.period_max is not None:
        length = f"{_number(period)} à {_length(timing.period_max, unit)}"
    else:
        length = _length(period, unit, alone=period == 1)
    every = "toutes les" if unit in ("h", "wk") else "tous les"
    if timing.frequency == 1 and timing.frequency_max is None:
        if period == 1:
            return f"par {length}"
        return f"{every} {length}"
    times = f"{timing.frequency} fois"
    if timing.frequency_max is not None:
        times = f"{timing.frequency} à {timing.frequency_max} fois"
    return f"{times} par {length}" if period == 1 else f"{times} {every} {length}"


def _bounds(bounds: Quantity | Range) -> str:
    if isinstance(bounds, Range):
        unit = bounds.high.ucum or "d"
        return f"{_number(bounds.low.value)} à {_length(bounds.high.value, unit)}"
    return _length(bounds.value, bounds.ucum or "d")


def _course(timing: Timing) -> str:
    first = timing.start_day or 1
    if isinstance(timing.bounds, Quantity) and timing.bounds.ucum == "d":
        last = first + int(timing.bounds.value) - 1
        return f"J{first}" if last == first else f"J{first} à J{last}"
    if timing.bounds is None:
        return "les jours suivants"
    return f"J{first}"
