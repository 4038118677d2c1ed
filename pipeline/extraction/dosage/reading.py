"""From the elements of a dosage text to FHIR-like dosage steps.

`read_dosage` walks the elements once. A new step begins at "puis", at a day of the treatment, or
where a dose comes while the step at hand already has a dose and its timing. What a line leaves
unsaid stays unsaid: nothing here fills in a usual dose.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Generic, Literal, TypeVar

from pipeline.extraction.dosage.codes import route_code
from pipeline.extraction.dosage.grammar import (
    Action,
    Alternating,
    Amount,
    Bounds,
    Clock,
    Course,
    Cycle,
    Days,
    Dispense,
    DispenseInterval,
    Element,
    Equivalence,
    Event,
    Form,
    Instruction,
    Interval,
    Mark,
    Maximum,
    Need,
    NoSubstitution,
    Once,
    Part,
    Rate,
    Repeats,
    Route,
    Scheme,
    Site,
    Strong,
    Supply,
    Then,
    Time,
    Unexplained,
    When,
    elements,
    span_in,
)
from pipeline.extraction.dosage.vocabulary import vocabulary
from pipeline.extraction.evidence import RESTORED
from pipeline.model import (
    Dosage,
    PeriodUnit,
    Quantity,
    Range,
    Ratio,
    Strength,
    Substitution,
    Timing,
    Weekday,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A value and the characters it was read from."""

    value: T
    start: int
    end: int
    repaired: bool = False


@dataclass(frozen=True)
class Prescribed:
    """What the words beside a drug's name say.

    `doubts` are French sentences for the person who checks; `unexplained` the words no rule reads.
    `steps` holds the characters of the whole dosage, first step to last.
    """

    steps: Found[tuple[Dosage, ...]] | None = None
    strength: Found[Strength] | None = None
    form: Found[str] | None = None
    supply: Found[Quantity] | None = None
    repeats: Found[int] | None = None
    dispense_quantity: Found[Quantity] | None = None
    dispense_interval: Found[Quantity] | None = None
    substitution: Found[Substitution] | None = None
    action: Found[str] | None = None
    unexplained: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def dosages(self) -> tuple[Dosage, ...]:
        return () if self.steps is None else self.steps.value

    @property
    def says_anything(self) -> bool:
        return self.steps is not None or self.strength is not None


@dataclass
class _Step:
    """A step while it is being read."""

    dose: Amount | None = None
    rate: Rate | None = None
    whens: list[str] = field(default_factory=list)
    offset: int | None = None
    all_meals: bool = False
    times: tuple[str, ...] = ()
    days: tuple[Weekday, ...] = ()
    bounds: Time | None = None
    bounds_text: str = ""
    course: Course | None = None
    cycle: Cycle | None = None
    event: str = ""
    count: int | None = None
    needed: bool = False
    reason: str = ""
    condition: str = ""
    maximum: Maximum | None = None
    interval: Time | None = None
    route: str | None = None
    site: str = ""
    instructions: list[str] = field(default_factory=list)
    start: int | None = None
    end: int = 0
    linked: bool = False
    moment_first: bool = False
    condition_first: bool = False
    spread: bool = False

    @property
    def timed(self) -> bool:
        """Whether the step already says when or how often."""
        return bool(
            self.rate is not None
            or self.whens
            or self.times
            or self.days
            or self.bounds is not None
            or self.course is not None
            or self.event
            or self.count is not None
            or self.cycle is not None
        )

    def covers(self, element: Element) -> None:
        self.start = element.start if self.start is None else min(self.start, element.start)
        self.end = max(self.end, element.end)


_MASS: Final = frozenset(["mg", "g", "µg", "ng", "UI", "MUI", "mmol", "mEq", "%"])
_VOLUME: Final = frozenset(["ml", "cl", "l"])
ONE_AT_A_TIME: Final = frozenset(
    ["application", "bain", "lavage", "lavement", "injection", "aérosol", "compresse"]
)
_SPREAD: Final = frozenset(["application", "pression", "noisette", "pulvérisation"])
_TIME_NAMES: Final[dict[PeriodUnit, tuple[str, str]]] = {
    "s": ("seconde", "secondes"),
    "min": ("minute", "minutes"),
    "h": ("heure", "heures"),
    "d": ("jour", "jours"),
    "wk": ("semaine", "semaines"),
    "mo": ("mois", "mois"),
    "a": ("an", "ans"),
}
_MOST: Final = 24
"""Doses a day beyond which a maximum is more likely misread ("4g" as 49)."""
_CUT_OFF: Final = re.compile(r"(?i)\b(?:pdt|pendant|qsp|durant|x)\s*[:.]?\s*$")
_MEAL_MOMENTS: Final = {"M": "MORN", "D": "NOON", "V": "EVE"}
_EARS: Final = {
    "œil droit": "oreille droite",
    "œil gauche": "oreille gauche",
    "les deux yeux": "les deux oreilles",
}


def read_dosage(
    text: str,
    *,
    strengths: Collection[Decimal] = (),
    forms: Collection[str] = (),
    insulin: bool = False,
) -> Prescribed:
    """What `text`, the words around one drug's name, says about taking it.

    `strengths` are the strengths its presentations have, whatever their unit: they tell whether a
    bare number is a strength. `forms` are theirs too: they tell a capsule ("gél") from a gel. For
    an `insulin`, units are always a dose.
    """
    known = frozenset(strengths)
    return _Reader(text, known, forms, insulin).read(elements(text, strengths=known))


def duration_quantity(time: Time) -> Quantity | Range:
    """A length of time in French words and UCUM."""
    low = _time_quantity(time.low, time.unit)
    if time.high is None:
        return low
    return Range(low=low, high=_time_quantity(time.high, time.unit))


def _time_quantity(value: Decimal, unit: PeriodUnit) -> Quantity:
    names = _TIME_NAMES[unit]
    return Quantity(value=_plain(value), unit=names[value >= 2], ucum=unit)


def quantity(value: Decimal, unit: str) -> Quantity:
    """A number of `unit`, with its UCUM code where it has one."""
    return Quantity(value=_plain(value), unit=unit, ucum=vocabulary().ucum.get(unit))


def _plain(value: Decimal) -> Decimal:
    """Without trailing zeros or exponent."""
    return Decimal(format(value.normalize(), "f"))


def _is_short(value: Decimal) -> bool:
    """Whether three decimals say all of it."""
    return 1000 * value == (1000 * value).to_integral_value()


def strength_of(parts: Sequence[Part], per: Part | None = None) -> Strength:
    return Strength(
        parts=tuple(quantity(part.value, part.unit) for part in parts),
        per=None if per is None else quantity(per.value, per.unit),
    )


class _Reader:
    """Walks the elements of one text; `read` gives the result."""

    def __init__(
        self, text: str, strengths: frozenset[Decimal], forms: Collection[str], insulin: bool
    ) -> None:
        self.text = text
        self.strengths = strengths
        names = {word for form in forms for word in form.split()}
        self.capsule = bool(names & {"gélule", "comprimé", "capsule"}) and "gel" not in names
        self.on_skin = False
        self.insulin = insulin
        self.steps: list[_Step] = [_Step()]
        self.after_then = False
        self.skipping = False
        self.strength: Found[Strength] | None = None
        self.provisional: Amount | None = None
        self.multiple = False
        self.left: tuple[Weekday, ...] = ()
        self.form: Found[str] | None = None
        self.form_unit: str | None = None
        self.form_route: str | None = None
        self.found: dict[str, Found[object]] = {}
        self.unexplained: list[str] = []
        self.doubts: list[str] = []
        self.repaired = False

    @property
    def step(self) -> _Step:
        return self.steps[-1]

    # --- the walk -----------------------------------------------------------------------------

    def read(self, found: Sequence[Element]) -> Prescribed:
        found = _by_turns(found)
        self.on_skin = any(isinstance(e, Amount) and e.unit in _SPREAD for e in found)
        for place, element in enumerate(found):
            self.take(element, found[place + 1 :])
        return self.result()

    def take(self, element: Element, rest: Sequence[Element]) -> None:
        if self.skipping:
            if (isinstance(element, Mark) and element.text in ",;.)(") or isinstance(element, Then):
                self.skipping = False
            elif (
                isinstance(element, Amount)
                and element.kind == "count"
                and element.low >= 5
                and not isinstance(next(iter(rest), None), Rate)
            ):
                handed = Quantity(value=_plain(element.low), unit=element.unit)
                self.keep("dispense_quantity", handed, element)
                return
            elif isinstance(element, Amount | Rate | Strong | Mark):
                return
            else:
                self.skipping = False
        match element:
            case Mark():
                if element.text == "ou" and self.step.whens:
                    self.doubts.append("Moments de prise au choix.")
                return
            case Unexplained():
                self.unexplained.append(element.text)
                return
            case Equivalence():
                # « 200 mg soit 1 comp matin »: behind a strength alone it is the dose that follows.
                self.skipping = self.step.dose is not None or self.step.timed
                return
            case Then():
                self.after_then = self.step.start is not None or self.provisional is not None
                return
            case Alternating():
                self.alternate(element, rest)
                return
        if element.repaired and not isinstance(element, Form):
            self.repaired = True
        if self.about_medicine(element):
            return
        routed = isinstance(element, Route) and any(isinstance(e, Amount | Rate) for e in rest)
        aside = isinstance(element, Instruction | Form | Route | Site) and not routed
        if self.after_then and not aside:
            self.steps.append(_Step())
            self.after_then = False
        match element:
            case Amount():
                self.take_amount(element, rest)
            case Strong():
                self.take_strong(element)
            case Scheme():
                self.take_scheme(element, rest)
            case Rate():
                self.take_rate(element)
            case When() | Clock():
                self.take_moment(element, rest)
            case Days():
                self.step.days = element.days
                self.left = element.left
            case Bounds():
                self.take_bounds(element)
            case Course():
                self.take_course(element)
            case Cycle():
                self.take_cycle(element)
            case Need():
                self.take_need(element)
            case Maximum():
                self.take_maximum(element)
            case Interval():
                self.take_interval(element)
            case Once():
                if (
                    self.step.dose is not None
                    or self.provisional is not None
                    or not element.at_once
                ):
                    self.step.count = 1
                if element.at_once and self.step.count is None:
                    self.step.count = 1
            case Event():
                self.step.event = element.text
                if element.strange:
                    self.doubts.append("Moment de prise à vérifier.")
            case Instruction():
                self.step.instructions.append(element.text)
                if element.text == "IV lente":
                    self.step.route = self.step.route or "intraveineuse"
            case Route():
                self.step.route = element.name
            case Site():
                self.step.site = element.name
                if "auriculaire" in (self.step.route, self.form_route):
                    self.step.site = _EARS.get(element.name, element.name)  # "OD" of an ear drop
                if not (element.repaired and self.form_route):  # a gel on what looks like an eye
                    self.step.route = self.step.route or element.route
        if isinstance(element, Strong | Amount) and self.strength_is(element):
            return
        self.step.covers(element)

    def strength_is(self, element: Element) -> bool:
        """Whether an element only gives the strength, which is no part of the dosage."""
        counted = isinstance(element, Amount) and bool(element.strength)
        return not counted and self.strength is not None and self.strength.start == element.start

    def about_medicine(self, element: Element) -> bool:
        """Takes what concerns the medicine or its supply, not a step of its use."""
        match element:
            case Form():
                self.take_form(element)
            case Supply():
                self.keep("supply", duration_quantity(element.time), element)
            case Dispense():
                value = Quantity(value=element.value, unit=element.unit)
                self.keep("dispense_quantity", value, element)
            case DispenseInterval():
                self.keep("dispense_interval", duration_quantity(element.time), element)
            case Repeats():
                self.keep("repeats", element.count, element)
                if not element.said:
                    self.doubts.append("Nombre de renouvellements non écrit.")
            case NoSubstitution():
                self.keep(
                    "substitution", Substitution(allowed=False, reason=element.reason), element
                )
            case Action():
                self.keep("action", element.name, element)
            case _:
                return False
        return True

    def keep(self, name: str, value: object, element: Element) -> None:
        if name in self.found and self.found[name].value != value:
            self.doubts.append("Deux indications différentes sur la même ligne.")
            return
        self.found[name] = Found(value, element.start, element.end, element.repaired)

    def take_form(self, element: Form) -> None:
        if self.capsule and element.name == "gel" and not self.on_skin:
            element = replace(element, name="gélule", route="orale", unit="gélule")
        if element.name is not None and self.form is None:
            self.form = Found(element.name, element.start, element.end, element.repaired)
        self.form_unit = self.form_unit or element.unit
        self.form_route = self.form_route or element.route

    # --- doses --------------------------------------------------------------------------------

    def branch(self) -> _Step:
        """A further part of the same step: another dose at another moment."""
        self.steps.append(_Step(linked=True))
        return self.step

    @property
    def closed(self) -> bool:
        """Whether the step at hand has a dose and its timing, so that a dose begins a new one."""
        step = self.step
        dosed = step.dose is not None or (self.provisional is not None and len(self.steps) == 1)
        return dosed and (step.timed or bool(step.condition))

    def take_amount(self, amount: Amount, rest: Sequence[Element]) -> None:
        if amount.strength:
            self.set_strength(strength_of(amount.strength, amount.per), amount)
        if self.is_form_of_strength(amount, rest):
            self.set_strength(strength_of([Part(amount.low, "")]), amount)
            self.form_unit = self.form_unit or amount.unit
            return
        if self.is_strength(amount, rest):
            value = strength_of([Part(amount.low, amount.unit)])
            self.set_strength(value, amount)
            if self.step.dose is None:
                self.provisional = amount
            return
        step = self.step
        if amount.kind == "number" and self.strength is not None and amount.low >= 5:
            following = next(iter(rest), None)
            if isinstance(following, Amount) and following.kind == "count":
                # "50 passer à 62,5 1 cp": another strength
                self.set_strength(strength_of([Part(amount.low, amount.unit)]), amount)
                return
        if step.dose is not None and not self.closed:
            if self.same_as_strength(amount):
                return
            if amount.unit == step.dose.unit and self.hands_out(amount, rest):
                return
            if step.dose.kind == "number" and amount.kind == "number":
                self.unexplained.append(self.text[amount.start : amount.end])
                return
            taking_turns = any(isinstance(other, Alternating) for other in rest)
            if step.moment_first or step.condition_first or step.needed or taking_turns:
                step = self.branch()
            else:
                self.doubts.append("Deux doses pour la même prise.")
                return
        elif self.closed:
            if amount.kind == "number" and not self.continues(rest):
                # a number left alone behind a complete dosage, often a count of boxes cut off
                self.unexplained.append(self.text[amount.start : amount.end])
                return
            if self.hands_out(amount, rest):
                return
            if step.dose is None and self.provisional is not None and not self.distinct(amount):
                # "500 mg matin et soir 1 cp": the dose comes after its moments
                pass
            else:
                step = self.branch()
                step.days, self.left = self.left, ()  # "1 cp/j sauf mardi 1/2 cp"
        step.dose = amount

    def hands_out(self, amount: Amount, rest: Sequence[Element]) -> bool:
        """Takes "1 gélule matin et soir, 56 gélules" for what the pharmacist hands out."""
        if amount.kind != "count" or self.continues(rest):
            return False
        last = self.step
        apart = "," in self.text[max(0, amount.start - 2) : amount.start]
        rated = last.rate is not None and last.dose is not None and last.dose.unit == amount.unit
        few = apart and rated and amount.low > 1 and all(isinstance(e, Mark) for e in rest)
        if amount.low < 5 and not few:  # "1 patch toutes les 72 h, 4 patchs"
            return False
        handed = Quantity(value=_plain(amount.low), unit=amount.unit)
        self.keep("dispense_quantity", handed, amount)
        return True

    def distinct(self, amount: Amount) -> bool:
        """Whether an amount speaks of another intake than the strength before it."""
        before = self.provisional
        bare = before is not None and before.kind == amount.kind == "number"
        return amount.kind == "measure" or (bare and amount.low >= 5)

    def continues(self, rest: Sequence[Element]) -> bool:
        """Whether timing follows a bare number, so that it is a dose."""
        for element in rest:
            if isinstance(element, Mark):
                continue
            timing = When | Rate | Clock | Days | Course | Cycle | Event | Once | Need
            return isinstance(element, timing)
        return False

    def is_form_of_strength(self, amount: Amount, rest: Sequence[Element]) -> bool:
        """Whether "4,6 patch 1 par jour", "75 sachet 1/j" gives a strength with its form."""
        if self.strength is not None or amount.kind != "count" or self.step.dose is not None:
            return False
        unit = vocabulary().units.get(amount.unit)
        formed = amount.unit == "sachet" or (unit is not None and unit.form is not None)
        odd = 4 * amount.low != int(4 * amount.low)
        strong = amount.low >= 5 and amount.low in self.strengths
        following = next((e for e in rest if not isinstance(e, Mark)), None)
        dosed = isinstance(following, Amount) or (isinstance(following, Rate) and following.bare)
        return formed and (odd or strong) and dosed and len(self.steps) == 1

    def is_strength(self, amount: Amount, rest: Sequence[Element]) -> bool:
        """Whether an amount gives the strength of the medicine (and perhaps the dose too)."""
        if self.strength is not None or amount.per_kg or amount.high is not None:
            return False
        if len(self.steps) > 1 and not self.step.linked:
            return False
        if amount.kind == "measure":
            following = next((e for e in rest if not isinstance(e, Mark)), None)
            if amount.unit in _VOLUME and isinstance(following, Amount):
                return following.kind == "count"  # "0,4 ml 1 injection"
            return not (amount.unit in _VOLUME or (self.insulin and amount.unit in ("UI", "MUI")))
        if amount.kind != "number" or self.step.dose is not None or self.step.timed:
            return False
        if amount.low in self.strengths and amount.low >= 5:
            return True
        following = next((e for e in rest if not isinstance(e, Mark)), None)
        alone = all(isinstance(e, Mark | Action | Unexplained) for e in rest)
        if alone and (amount.low in self.strengths or amount.low != int(amount.low)):
            return True
        if isinstance(following, Amount | Scheme | Form) and amount.low >= 5:
            return True
        if isinstance(following, Amount):
            # "0,25 1 cp", "2,5 1 le matin": what no unit follows stands before the dose
            broken = following.kind == "count" and amount.low != int(amount.low)
            return broken or amount.low in self.strengths
        if isinstance(following, Scheme) and amount.low != int(amount.low):
            return True  # "0,25 : ½ - ½ - 1"
        return amount.low >= 15

    def same_as_strength(self, amount: Amount) -> bool:
        if self.strength is None or len(self.strength.value.parts) != 1:
            return False
        part = self.strength.value.parts[0]
        return part.value == amount.low and part.unit == amount.unit

    def set_strength(self, value: Strength, element: Element) -> None:
        if self.strength is None:
            self.strength = Found(value, element.start, element.end, element.repaired)
        elif self.strength.value != value:
            self.doubts.append("Deux dosages différents pour le même médicament.")

    def take_strong(self, element: Strong) -> None:
        value = strength_of(element.parts, element.per)
        if self.strength is None and (len(element.parts) > 1 or element.per is not None):
            self.multiple = True
        self.set_strength(value, element)

    def take_scheme(self, scheme: Scheme, rest: Sequence[Element]) -> None:
        """Splits a scheme into its moments, or into the days of a taper."""
        unit = scheme.unit or self.form_unit or ""
        if self.closed:
            self.branch()
        step = self.step
        if step.dose is not None:
            unit = unit or step.dose.unit
            if step.dose.low != 1:
                self.doubts.append("Schéma de prises et dose à la fois.")
            step.dose = None
        if self.insulin and not unit:
            unit = "UI"
        values = scheme.values
        falling = all(a > b for a, b in itertools.pairwise(values)) and values[-1] > 0
        tapering = any("dégressi" in i or "progressi" in i for i in step.instructions) or any(
            isinstance(e, Instruction) and "dégressi" in e.text for e in rest
        )
        kind: Literal["count", "measure", "number"]
        kind = "number" if not unit else "measure" if unit in _MASS | _VOLUME else "count"
        if (falling and (len(values) > 3 or tapering)) or len(values) > 4:
            self.taper(values, unit, kind, scheme, rest)
            return
        codes = ("MORN", "NOON", "EVE", "HS")
        grouped: dict[Decimal, list[str]] = {}
        for value, code in zip(values, codes, strict=False):
            if value:
                grouped.setdefault(value, []).append(code)
        base = self.step
        for index, (value, moments) in enumerate(grouped.items()):
            part = base if index == 0 else self.branch()
            part.dose = Amount(value, None, unit, kind, start=scheme.start, end=scheme.end)
            part.whens = moments
            part.covers(scheme)

    def taper(
        self,
        values: tuple[Decimal, ...],
        unit: str,
        kind: Literal["count", "measure", "number"],
        scheme: Scheme,
        rest: Sequence[Element],
    ) -> None:
        """`4-3-2-1`: as many steps, each as long as the line says, else a day."""
        length: Time | None = None
        day = Time(Decimal(1), None, "d")
        for element in rest:
            if isinstance(element, Bounds) and element.time is not None:
                length = element.time
                break
            if isinstance(element, Instruction) and "palier" in element.text:
                day = span_in(element.text) or day
        if length is not None and length.high is None and length.low % len(values) == 0:
            day = replace(length, low=length.low / len(values))
        for index, value in enumerate(values):
            if index:
                self.steps.append(_Step())
            self.step.dose = Amount(value, None, unit, kind, start=scheme.start, end=scheme.end)
            self.step.rate = Rate(None, None, Decimal(1), None, "d")
            self.step.bounds = day
            self.step.spread = True
            self.step.covers(scheme)

    # --- timing -------------------------------------------------------------------------------

    def take_rate(self, rate: Rate) -> None:
        step = self.step
        if step.maximum is not None and rate.bare and rate.unit in ("wk", "mo"):
            self.doubts.append("Deux maximums sur la même ligne.")
            return
        if step.rate is None:
            if rate.bare and self.closed and step.dose is not None and step.whens:
                # "1 matin 1/j": nothing new is said
                pass
            step.rate = rate
            return
        old = step.rate
        if step.course is not None and old.count is not None and rate.count is not None:
            self.steps.append(_Step(rate=rate))  # "3 fois J1, 2 fois J2"
            return
        if rate.split:
            step.rate = replace(old, count=rate.count, count_max=rate.count_max, split=True)
            if old.count is not None and old.count != rate.count:
                self.doubts.append("Deux fréquences sur la même ligne.")
            return
        if old.period is None and rate.count is None:
            step.rate = replace(old, period=rate.period, unit=rate.unit)
            return
        if old.count is None and rate.period is None:
            step.rate = replace(old, count=rate.count, count_max=rate.count_max)
            return
        if old.count is None and rate.unit == old.unit and rate.period == old.period:
            step.rate = rate
            return
        if rate.count is None and rate.unit == old.unit:
            return
        if (
            rate.unit in ("d", "wk", "mo")
            and rate.count == 1
            and old.count is not None
            and old.unit in ("d", None)
            and self.text[rate.start : rate.start + 1] == "/"
            and rate.period is not None
            and step.bounds is None
        ):
            step.bounds = Time(rate.period, None, rate.unit, start=rate.start, end=rate.end)
            return
        if _per_day(old) == _per_day(rate):
            return
        if rate.count == 1 and rate.unit in ("d", "wk") and old.unit == "d":
            step.cycle = Cycle(self.text[rate.start : rate.end], start=rate.start, end=rate.end)
            return
        self.doubts.append("Deux fréquences sur la même ligne.")

    def take_moment(self, element: When | Clock, rest: Sequence[Element]) -> None:
        step = self.step
        if step.whens and step.bounds is not None and isinstance(next(iter(rest), None), Bounds):
            self.steps.append(_Step())  # "1 gél le soir 7 j, matin et soir 7 j"
            step = self.step
        dosed = step.dose is not None
        if step.moment_first and dosed and (step.whens or step.times):
            step = self.branch()
            step.moment_first = True
            dosed = False
        elif not dosed and not step.timed and (self.provisional is None or len(self.steps) > 1):
            step.moment_first = True
        elif not dosed and not step.timed and self.provisional is not None:
            # "500 mg matin 1 cp soir 2 cp" begins with its moments as well
            step.moment_first = True
        if isinstance(element, Clock):
            step.times = (*step.times, *element.times)
            return
        step.offset = element.offset if element.offset is not None else step.offset
        step.all_meals = step.all_meals or element.all_meals
        meals = all(code in ("AC", "PC", "C") for code in element.codes)
        for part in reversed(self.steps):
            for code in element.codes:
                if code not in part.whens:
                    part.whens.append(code)
            if not (meals and part.linked):
                break  # "6-8-6 UI avant les repas" is said of every part

    def take_bounds(self, bounds: Bounds) -> None:
        step = self.step
        if step.spread:
            return
        if bounds.time is None:
            step.bounds_text = step.bounds_text or bounds.text
            return
        if step.bounds is not None and step.bounds.low != bounds.time.low:
            self.doubts.append("Deux durées sur la même ligne.")
            return
        step.bounds = bounds.time

    def take_course(self, course: Course) -> None:
        if self.step.course is not None or (
            self.closed and self.step.course is None and self.step.bounds is not None
        ):
            self.steps.append(_Step())
        self.step.course = course

    def take_cycle(self, cycle: Cycle) -> None:
        step = self.step
        if cycle.pause is not None:
            if step.bounds is None and len(self.steps) > 1 and self.steps[-2].bounds is not None:
                self.steps.pop()
                step = self.step
            if step.bounds is not None:
                text = self.text[step.bounds.start : cycle.end].strip()
                step.cycle = replace(cycle, text=text)
                step.bounds = None
                return
            step.cycle = cycle
            return
        if cycle.parity and step.cycle is not None and step.dose is not None:
            step = self.branch()
        step.cycle = cycle
        if cycle.moment and not step.whens:
            step.whens.append(cycle.moment)

    def take_need(self, need: Need) -> None:
        step = self.step
        if need.condition:
            if step.condition and (step.dose is not None or step.condition_first):
                step = self.branch()
                step.condition_first = True
            elif step.dose is None and not step.timed:
                step.condition_first = True
            step.condition = need.condition
            step.covers(need)
            return
        step.needed = True
        step.reason = step.reason or need.reason
        if need.strange:
            self.doubts.append("Motif de prise à vérifier.")

    def take_maximum(self, maximum: Maximum) -> None:
        step = self.step
        if maximum.amount is not None:
            step.maximum = maximum
            return
        # "4 g/j maximum": what stands before is the limit
        if step.rate is not None and step.rate.count is not None and not step.rate.split:
            count = Amount(step.rate.count_max or step.rate.count, None, "", "number")
            period = Time(step.rate.period or Decimal(1), None, step.rate.unit or "d")
            step.maximum = Maximum(count, period, times=not step.rate.bare)
            step.rate = None
            if step.linked and step.dose is None:
                self.merge_maximum()
            return
        if step.dose is not None and step.rate is not None:
            period = Time(step.rate.period or Decimal(1), None, step.rate.unit or "d")
            limit = replace(step.dose, low=step.dose.high or step.dose.low, high=None)
            step.maximum = Maximum(limit, period)
            if step.linked:
                step.dose = None
                self.merge_maximum()
            elif step.dose.high is None:
                step.rate, step.dose = None, None
            return
        self.doubts.append("Maximum sans valeur.")

    def merge_maximum(self) -> None:
        """Gives the maximum that was taken for a step of its own to the step before."""
        extra = self.steps.pop()
        self.step.maximum = extra.maximum
        self.step.needed = self.step.needed or extra.needed
        self.step.end = max(self.step.end, extra.end)

    def take_interval(self, interval: Interval) -> None:
        step = self.step
        patch = step.dose is not None and step.dose.unit == "patch" and step.rate is None
        if interval.time is not None and interval.renewed and patch:
            length = interval.time  # a patch "à renouveler toutes les 72 h"
            step.rate = Rate(Decimal(1), None, length.low, None, length.unit)
        elif interval.time is not None:
            step.interval = interval.time
        elif step.rate is not None and step.rate.unit == "h" and step.rate.period is not None:
            step.interval = Time(step.rate.period, None, "h")
        else:
            self.doubts.append("Intervalle sans valeur.")

    def alternate(self, element: Alternating, rest: Sequence[Element]) -> None:
        """Two doses that take turns: each every other day."""
        every_other = Rate(Decimal(1), None, Decimal(2), None, "d")
        if not any(isinstance(other, Amount) for other in rest):
            for step in self.steps[-2:]:
                step.rate = every_other
            self.step.covers(element)
            return
        if self.step.rate is None or _per_day(self.step.rate) == 1:
            self.step.rate = every_other
        self.steps.append(_Step(rate=every_other))
        self.step.covers(element)

    # --- the result ---------------------------------------------------------------------------

    def result(self) -> Prescribed:
        if self.provisional is not None and self.steps[0].dose is None and not self.multiple:
            first = self.steps[0]
            if self.states_dose(first):
                first.dose = self.provisional
                first.covers(self.provisional)
        self.implicit_one()
        self.count_forms()
        steps = self.grouped([step for step in self.steps if self.says(step)])
        # "2 cp matin, 1 cp midi, 0 soir": nothing is taken in the evening
        steps = [step for step in steps if not _is_nothing(step)] or steps
        self.share(steps)
        dosages = tuple(self.dosage(step, sequence) for sequence, step in enumerate(steps, start=1))
        whole: Found[tuple[Dosage, ...]] | None = None
        if dosages:
            starts = [step.start for step in steps if step.start is not None]
            whole = Found(dosages, min(starts), max(step.end for step in steps), self.repaired)
        if self.form is None:
            self.form = self.form_of_unit(steps)
        doubts = list(self.doubts)
        if self.repaired:
            doubts.append(RESTORED)
        if dosages and _CUT_OFF.search(self.text):
            doubts.append("Durée annoncée mais non lue.")
        meaningful = [word for word in self.unexplained if any(c.isalnum() for c in word)]
        if meaningful:
            doubts.append("Mots non interprétés : " + ", ".join(dict.fromkeys(meaningful)) + ".")
        return Prescribed(
            steps=whole,
            strength=self.strength,
            form=self.form,
            unexplained=tuple(meaningful),
            doubts=tuple(dict.fromkeys(doubts)),
            **self.found,  # type: ignore[arg-type]
        )

    def states_dose(self, step: _Step) -> bool:
        """Whether a line without another dose means its strength to be the dose."""
        injected = step.route in ("intraveineuse", "intramusculaire", "sous-cutanée")
        said = step.timed or step.needed or step.maximum is not None or bool(step.condition)
        return said or injected

    def implicit_one(self) -> None:
        """`1/j` counts units: one of them, so many times."""
        for step in self.steps:
            rate = step.rate
            if rate is None or not rate.bare or rate.count is None:
                continue
            provisional = step.dose is not None and step.dose is self.provisional
            if step.dose is None or provisional:
                unit = self.form_unit or ""
                kind: Literal["count", "number"] = "count" if unit else "number"
                step.dose = Amount(Decimal(1), None, unit, kind, start=rate.start, end=rate.end)
        if self.multiple and self.steps[0].dose is None and self.states_dose(self.steps[0]):
            unit = self.form_unit or ""
            at = self.steps[0].start or 0
            self.steps[0].dose = Amount(
                Decimal(1), None, unit, "count" if unit else "number", start=at, end=at
            )

    def count_forms(self) -> None:
        """ "sachet : un le midi": a bare number counts the form that was named."""
        for step in self.steps:
            dose = step.dose
            if dose is None or self.is_dose_of_strength(dose):
                continue
            if dose.kind == "number" and dose is not self.provisional:
                unit = self.form_unit or ""
                step.dose = replace(dose, unit=unit, kind="count" if unit else "number")

    def is_dose_of_strength(self, dose: Amount) -> bool:
        """Whether a bare number counts no units but is a strength: "1 gél puis 50 matin"."""
        return dose.kind == "number" and dose.low >= 15 and dose.low in self.strengths

    def says(self, step: _Step) -> bool:
        return step.start is not None and bool(
            step.dose is not None
            or step.timed
            or step.needed
            or step.maximum is not None
            or step.instructions
            or step.condition
            or step.bounds_text
            or step.route
            or step.site
            or step.interval is not None
        )

    def grouped(self, steps: list[_Step]) -> list[_Step]:
        """Parts with the same dose at different moments become one step."""
        result: list[_Step] = []
        for step in steps:
            last = result[-1] if result else None
            if (
                last is not None
                and step.linked
                and _same_dose(last.dose, step.dose)
                and last.rate is None
                and step.rate is None
                and not (last.bounds or last.condition or step.condition or last.event)
                and not (step.event or step.course or last.course or last.count or step.count)
                and ((last.whens and step.whens) or (last.times and step.times))
                and (not step.days or step.days == last.days)
            ):
                last.whens += [code for code in step.whens if code not in last.whens]
                last.times = (*last.times, *step.times)
                last.bounds, last.bounds_text = step.bounds, last.bounds_text or step.bounds_text
                last.needed, last.reason = last.needed or step.needed, last.reason or step.reason
                last.maximum = last.maximum or step.maximum
                last.interval = last.interval or step.interval
                last.route, last.site = last.route or step.route, last.site or step.site
                last.instructions += step.instructions
                last.end = max(last.end, step.end)
            else:
                result.append(step)
        return result

    def share(self, steps: list[_Step]) -> None:
        """Gives linked parts what was said once for all: duration, route, place."""
        for index in range(len(steps) - 1, 0, -1):
            step, before = steps[index], steps[index - 1]
            if step.linked and before.bounds is None and not before.spread and before.whens:
                before.bounds = step.bounds
                before.bounds_text = before.bounds_text or step.bounds_text
        for before, step in itertools.pairwise(steps):
            step.route = step.route or before.route
            step.site = step.site or before.site
            if step.dose is None and step.linked:
                continue
            rhythm = step.rate or step.whens or step.times or step.days or step.cycle
            if step.dose is None and rhythm:
                # "1 gél le soir 3 jours puis matin et soir" goes on with the dose
                step.dose = before.dose
                continue
            named = before.dose is not None and before.dose.kind != "number"
            bare = step.dose is not None and step.dose.kind == "number"
            strong = step.dose is not None and self.is_dose_of_strength(step.dose)
            if bare and named and not strong and before.dose is not self.provisional:
                assert step.dose is not None and before.dose is not None
                step.dose = replace(step.dose, unit=before.dose.unit, kind=before.dose.kind)
            self.go_on_daily(before, step)

    @staticmethod
    def go_on_daily(before: _Step, step: _Step) -> None:
        """ "3 cp le matin 2 jours puis 2 cp 5 jours": what was taken once a day still is, when in
        the day is not said."""
        if step.dose is None or step.bounds is None or before.bounds is None:
            return
        silent = replace(step, bounds=None)
        if silent.timed or step.needed or step.bounds.unit not in ("d", "wk"):
            return
        once = len(before.whens) == 1 and before.rate is None
        if once or (before.rate is not None and _per_day(before.rate) == 1):
            step.rate = Rate(Decimal(1), None, Decimal(1), None, "d")

    def form_of_unit(self, steps: list[_Step]) -> Found[str] | None:
        units = vocabulary().units
        for step in steps:
            most = None if step.maximum is None else step.maximum.amount
            for amount in (step.dose, most):
                name = units[amount.unit].form if amount and amount.unit in units else None
                if amount is not None and name is not None:
                    return Found(name, amount.start, amount.end, amount.repaired)
        return None

    def dosage(self, step: _Step, sequence: int) -> Dosage:
        dose = step.dose
        split = step.rate is not None and step.rate.split
        if dose is not None and split and step.rate is not None and step.rate.count:
            share = dose.low / step.rate.count
            if dose.high is None and _is_short(share):
                dose = replace(dose, low=share)
            else:
                step.instructions.append(f"en {step.rate.count} prises")
                step.rate = replace(step.rate, count=None, split=False)
        if (
            dose is not None
            and dose.unit in ONE_AT_A_TIME
            and step.rate is not None
            and step.rate.count is None
            and step.rate.period == 1
            and dose.low == int(dose.low)
            and dose.low > 1
        ):
            step.rate = replace(step.rate, count=dose.low, count_max=dose.high)
            dose = replace(dose, low=Decimal(1), high=None)
        if (
            dose is not None
            and step.rate is not None
            and step.rate.count is None
            and step.rate.unit == "wk"
            and dose.low == len(step.days) > 1
        ):
            # "2 cp/semaine (mercredi et samedi)" is one on each of the days
            step.rate = replace(step.rate, count=dose.low)
            dose = replace(dose, low=Decimal(1))
        route = step.route
        counted = dose or (None if step.maximum is None else step.maximum.amount)
        unit = vocabulary().units.get(counted.unit) if counted is not None else None
        route = route or (unit.route if unit is not None else None) or self.form_route
        if dose is not None and dose.unit == "g" and route in ("ophtalmique", "auriculaire"):
            dose = replace(dose, unit="goutte", kind="count")  # nobody drips grams
            self.doubts.append("« g » compris « goutte ».")
        start = step.start or 0
        return Dosage(
            sequence=sequence,
            text=self.text[start : step.end].strip(" ,;:-"),
            dose=None if dose is None else self.dose(dose),
            dose_per_kg=dose is not None and dose.per_kg,
            timing=self.timing(step),
            as_needed=step.needed,
            as_needed_for=step.reason,
            max_dose=self.limit(step.maximum, dose),
            min_interval=(
                None
                if step.interval is None
                else _time_quantity(step.interval.low, step.interval.unit)
            ),
            route=None if route is None else route_code(route),
            site=step.site,
            condition=step.condition,
            additional=tuple(dict.fromkeys(step.instructions)),
        )

    def dose(self, dose: Amount) -> Quantity | Range:
        low = quantity(dose.low, dose.unit)
        if dose.high is None:
            return low
        return Range(low=low, high=quantity(dose.high, dose.unit))

    def limit(self, maximum: Maximum | None, dose: Amount | None) -> Ratio | None:
        if maximum is None or maximum.amount is None:
            return None
        amount = maximum.amount
        value, unit = amount.low, amount.unit
        if amount.kind == "number" and dose is not None:
            unit = dose.unit
            if maximum.times or dose.kind == "measure":
                value = value * (dose.high or dose.low)
        elif amount.kind == "number":
            unit = self.form_unit or ""
        period = maximum.period or Time(Decimal(1), None, "d")
        daily = period.unit in ("h", "d") and period.low in (1, 24)
        if daily and dose is not None and unit == dose.unit and value > _MOST * dose.low:
            self.doubts.append("Maximum hors de proportion avec la dose.")
        return Ratio(
            numerator=quantity(value, unit),
            denominator=_time_quantity(period.low, period.unit),
        )

    def timing(self, step: _Step) -> Timing | None:
        apart = step.all_meals and len(step.whens) == 2 and step.whens[0] in ("AC", "PC", "C")
        whens = list(step.whens) if apart else _with_meals(step.whens)  # "et le soir"
        frequency: Decimal | None = None
        frequency_max: Decimal | None = None
        period: Decimal | None = None
        period_max: Decimal | None = None
        unit: PeriodUnit | None = None
        cycle = step.cycle.text if step.cycle is not None else ""
        intakes = len(whens) or len(step.times)
        general = [code for code in whens if code in ("AC", "PC", "C")]
        if general:  # how many meals there are is only sometimes said
            others = len(whens) - len(general)
            intakes = 3 * len(general) + others if step.all_meals else 0
        if step.rate is not None:
            rate = step.rate
            period, period_max = rate.period or Decimal(1), rate.period_max
            unit = rate.unit or "d"
            frequency, frequency_max = rate.count, rate.count_max
            if frequency is None:
                daily = unit == "d" and period == 1
                frequency = Decimal(intakes) if daily and intakes else Decimal(1)
            elif intakes > 1 and frequency == 1 and unit == "d" and period == 1:
                frequency = Decimal(intakes)
                self.doubts.append("Fréquence et moments de prise ne s'accordent pas.")
            elif intakes > frequency and unit == "d" and period == 1:
                self.doubts.append("Fréquence et moments de prise ne s'accordent pas.")
        elif intakes:
            frequency, period, unit = Decimal(intakes), Decimal(1), "d"
        once_a_day = unit in (None, "d") and period in (None, 1) and frequency in (None, 1)
        if step.days and once_a_day:
            frequency, period, unit = Decimal(len(step.days)), Decimal(1), "wk"
        if step.cycle is not None and step.cycle.on is not None and step.cycle.of is not None:
            daily = frequency is None or (frequency == 1 and unit == "d" and period == 1)
            on, of = step.cycle.on, step.cycle.of
            again = frequency == 1 and unit == "d" and period == of  # said before in other words
            if step.cycle.unit == "d" and (daily or again) and on == 1:
                frequency, period, unit, cycle = Decimal(1), of, "d", ""
            elif step.cycle.unit == "d" and of == 7 and (daily or on == len(step.days)):
                frequency, period, unit, cycle = on, Decimal(1), "wk", ""
        if step.cycle is not None and step.cycle.parity:
            frequency, period, unit = Decimal(1), Decimal(2), "d"
        bounds = None if step.bounds is None else duration_quantity(step.bounds)
        text, start_day, event = step.bounds_text, None, step.event
        # "3 cp en une prise le matin pendant 5 jours" is one intake a day, not one in all
        if step.count == 1 and frequency is None and step.bounds is not None and not event:
            frequency, period, unit = Decimal(1), Decimal(1), "d"  # "en une prise pendant 3 j"
        again = any([bounds, step.days, step.rate, step.cycle])
        count = None if again and frequency is not None else step.count
        if step.course is not None:
            course = step.course
            if course.days:
                count = count or len(course.days)
                event = event or course.text
            else:
                start_day = course.first
                text = text or course.text
                length = course.length
                if length is None and course.last is not None:
                    length = course.last - course.first + 1
                if bounds is None and length is not None:
                    bounds = _time_quantity(Decimal(length), "d")
        if step.all_meals and frequency is None:
            frequency, period, unit = Decimal(3), Decimal(1), "d"
        if not any([frequency, whens, step.times, step.days, bounds, text, cycle, event, count]):
            return None
        return Timing(
            frequency=None if frequency is None else int(frequency),
            frequency_max=None if frequency_max is None else int(frequency_max),
            period=None if period is None else _plain(period),
            period_max=None if period_max is None else _plain(period_max),
            period_unit=unit,
            when=tuple(whens),
            offset=step.offset,
            day_of_week=step.days,
            time_of_day=step.times,
            count=count,
            bounds=bounds,
            bounds_text=text,
            cycle=cycle,
            event=event,
            start_day=start_day,
        )


def _with_meals(codes: list[str]) -> list[str]:
    """Moments and meals said of the same intake put together: morning + before meals = ACM."""
    general = [code for code in codes if code in ("AC", "PC", "C")]
    moments = [code for code in codes if code in _MEAL_MOMENTS.values()]
    if general and moments:
        suffixes = {moment: suffix for suffix, moment in _MEAL_MOMENTS.items()}
        return [
            general[0] + suffixes[code] if code in suffixes else code
            for code in codes
            if code not in general
        ]
    at_meals = {
        _MEAL_MOMENTS[code[-1]]
        for code in codes
        if len(code) > 1 and code[:-1] in ("AC", "PC", "C")
    }
    return [code for code in codes if code not in at_meals]


def _by_turns(found: Sequence[Element]) -> Sequence[Element]:
    """« ½ cp un jour, ¾ cp le lendemain »: each every other day."""
    day = [i for i, e in enumerate(found) if isinstance(e, Bounds) and _is_a_day(e.time)]
    next_day = [i for i, e in enumerate(found) if isinstance(e, Course) and "lendemain" in e.text]
    if len(day) != 1 or len(next_day) != 1 or next_day[0] < day[0]:
        return found
    if any(isinstance(element, Then) for element in found[day[0] : next_day[0]]):
        return found
    turns = list(found)
    for place in (day[0], next_day[0]):
        start, end = found[place].start, found[place].end
        turns[place] = Rate(Decimal(1), None, Decimal(2), None, "d", start=start, end=end)
    return turns


def _is_a_day(time: Time | None) -> bool:
    return time is not None and time.unit == "d" and time.low == 1 and time.high is None


def _is_nothing(step: _Step) -> bool:
    """Whether a step says that at its moments nothing is taken."""
    none = step.dose is not None and not step.dose.low and step.dose.high is None
    return none and not step.condition and bool(step.whens or step.times)


def _same_dose(one: Amount | None, other: Amount | None) -> bool:
    if one is None or other is None:
        return False
    alike = one.unit == other.unit or not one.unit or not other.unit
    return one.low == other.low and one.high == other.high and alike


def _per_day(rate: Rate) -> Decimal | None:
    """Intakes a day, where the period is in hours or days."""
    hours = {"h": Decimal(1), "d": Decimal(24), "wk": Decimal(168)}.get(rate.unit or "d")
    if hours is None or rate.period is None:
        return None
    return (rate.count or Decimal(1)) * 24 / (rate.period * hours)
