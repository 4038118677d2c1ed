"""From lexemes to the elements of a dosage: amounts, rates, moments, durations and the rest.

Each rule is a function that reads one element where the cursor stands, moves the cursor behind it
and returns it, or returns `None` and leaves the cursor alone. `elements` tries them in the order of
`RULES` at each place; what no rule reads comes back as `Unexplained`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal

from pipeline.extraction.dosage.lexer import Lexeme, complaint, is_known, lex
from pipeline.extraction.dosage.vocabulary import vocabulary
from pipeline.model import PeriodUnit, Weekday


@dataclass(frozen=True, slots=True)
class Element:
    """Characters `start` to `end`; `repaired` when a spelling in it was guessed."""

    start: int = field(default=0, kw_only=True)
    end: int = field(default=0, kw_only=True)
    repaired: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Part:
    """A value with its unit (`mg`, `UI`, `%`; empty where the line gives none)."""

    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Time(Element):
    """A length of time, from `low` to `high` when it is a range."""

    low: Decimal
    high: Decimal | None
    unit: PeriodUnit


@dataclass(frozen=True, slots=True)
class Amount(Element):
    """How much is taken: `2 cp`, `1 à 2 bouffées`, `15 mg/kg`, or a bare number.

    `strength` is that of one unit where the amount says it ("1 cp de 500 mg").
    """

    low: Decimal
    high: Decimal | None
    unit: str
    kind: Literal["count", "measure", "number"]
    per_kg: bool = False
    strength: tuple[Part, ...] = ()
    per: Part | None = None


@dataclass(frozen=True, slots=True)
class Strong(Element):
    """A strength that cannot be a dose: several substances or a concentration."""

    parts: tuple[Part, ...]
    per: Part | None = None


@dataclass(frozen=True, slots=True)
class Rate(Element):
    """How often: `count` times in each `period`; either may be left unsaid.

    `bare` is a number of intakes written without a word for them ("3/j").
    """

    count: Decimal | None
    count_max: Decimal | None = None
    period: Decimal | None = None
    period_max: Decimal | None = None
    unit: PeriodUnit | None = None
    bare: bool = False
    split: bool = False


@dataclass(frozen=True, slots=True)
class Scheme(Element):
    """Numbers for morning, noon, evening (and bedtime), or for the steps of a taper."""

    values: tuple[Decimal, ...]
    unit: str


@dataclass(frozen=True, slots=True)
class When(Element):
    """Moments of the day (FHIR EventTiming), with minutes before or after them."""

    codes: tuple[str, ...]
    offset: int | None = None
    all_meals: bool = False


@dataclass(frozen=True, slots=True)
class Clock(Element):
    times: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Days(Element):
    """Days of the week; `left` are those that were taken out of it ("sauf mardi")."""

    days: tuple[Weekday, ...]
    left: tuple[Weekday, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounds(Element):
    time: Time | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Course(Element):
    """Days of the treatment: `J2 à J5`, `les 3 premiers jours`; `end` `None` is open."""

    first: int
    last: int | None
    days: tuple[int, ...] = ()
    text: str = ""
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Cycle(Element):
    """`on` of every `of` units of time, at `moment` ("un soir sur deux"); `text` is what was
    written."""

    text: str
    on: Decimal | None = None
    of: Decimal | None = None
    unit: PeriodUnit = "d"
    parity: bool = False
    pause: Time | None = None
    moment: str = ""


@dataclass(frozen=True, slots=True)
class Supply(Element):
    time: Time


@dataclass(frozen=True, slots=True)
class Dispense(Element):
    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class DispenseInterval(Element):
    time: Time


@dataclass(frozen=True, slots=True)
class Repeats(Element):
    """Renewals of the prescription; `said` is false when their number is not written."""

    count: int
    said: bool = True


@dataclass(frozen=True, slots=True)
class Need(Element):
    """As needed, for a complaint or under a condition when one is given; `strange` where no list
    has a word of the complaint, which may be misread."""

    reason: str = ""
    condition: str = ""
    strange: bool = False


@dataclass(frozen=True, slots=True)
class Maximum(Element):
    """The most that may be taken in `period`; without an amount it speaks of what stands before.

    `times` is true when intakes are counted, not units.
    """

    amount: Amount | None = None
    period: Time | None = None
    times: bool = False


@dataclass(frozen=True, slots=True)
class Interval(Element):
    """The least time between intakes; without a time it speaks of the rate before it. `renewed`
    where what is given is given again then ("à renouveler toutes les 72 h")."""

    time: Time | None = None
    renewed: bool = False


@dataclass(frozen=True, slots=True)
class Once(Element):
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Event(Element):
    """What an intake goes with; `strange` where no list has a word of it, which may be misread."""

    text: str
    strange: bool = False


@dataclass(frozen=True, slots=True)
class Instruction(Element):
    text: str


@dataclass(frozen=True, slots=True)
class Route(Element):
    name: str


@dataclass(frozen=True, slots=True)
class Site(Element):
    name: str
    route: str | None


@dataclass(frozen=True, slots=True)
class Form(Element):
    """A form named beside the drug; `unit` is the unit of the same name, if one counts it."""

    name: str | None
    route: str | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class NoSubstitution(Element):
    reason: Literal["MTE", "EFG", "CIF"] | None


@dataclass(frozen=True, slots=True)
class Action(Element):
    name: str


@dataclass(frozen=True, slots=True)
class Then(Element):
    """A new step begins."""


@dataclass(frozen=True, slots=True)
class Alternating(Element):
    """What follows takes turns with what stands before."""


@dataclass(frozen=True, slots=True)
class Equivalence(Element):
    """What follows says the same in other words ("soit 2 g par jour")."""


@dataclass(frozen=True, slots=True)
class Mark(Element):
    """Punctuation, or a word that carries nothing by itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Unexplained(Element):
    text: str
    number: bool = False


# --- the cursor -------------------------------------------------------------------------------


class Cursor:
    """A place in a line of lexemes."""

    def __init__(self, text: str, lexemes: tuple[Lexeme, ...]) -> None:
        self.text = text
        self.lexemes = lexemes
        self.place = 0

    @property
    def done(self) -> bool:
        return self.place >= len(self.lexemes)

    def peek(self, ahead: int = 0) -> Lexeme | None:
        place = self.place + ahead
        return self.lexemes[place] if 0 <= place < len(self.lexemes) else None

    def has(self, kind: str, ahead: int = 0) -> bool:
        lexeme = self.peek(ahead)
        return lexeme is not None and kind in lexeme.readings

    def any_of(self, kinds: frozenset[str], ahead: int = 0) -> bool:
        lexeme = self.peek(ahead)
        return lexeme is not None and not kinds.isdisjoint(lexeme.readings)

    def take(self, kind: str) -> Any | None:
        """The value of a reading of that kind, past which the cursor moves."""
        lexeme = self.peek()
        if lexeme is None or kind not in lexeme.readings:
            return None
        self.place += 1
        return lexeme.readings[kind]

    def word(self, *texts: str) -> bool:
        """Moves past one of these words or signs."""
        lexeme = self.peek()
        if lexeme is None or lexeme.text not in texts:
            return False
        self.place += 1
        return True

    def sees(self, *texts: str, ahead: int = 0) -> bool:
        lexeme = self.peek(ahead)
        return lexeme is not None and lexeme.text in texts

    def sees_start(self, word: str) -> bool:
        """Whether the phrase at the cursor begins with `word`."""
        lexeme = self.peek()
        return lexeme is not None and lexeme.text.split(" ")[0] == word

    def since(self, start: int) -> dict[str, Any]:
        """Place and repair of the element that began at lexeme `start`, as keyword arguments."""
        members = self.lexemes[start : self.place]
        return {
            "start": members[0].start,
            "end": members[-1].end,
            "repaired": any(member.repaired for member in members),
        }

    def written(self, start: int) -> str:
        """The text from lexeme `start` up to the cursor, its misread words set right."""
        parts: list[str] = []
        end = None
        for lexeme in self.lexemes[start : self.place]:
            if end is not None:
                word = len(parts[-1]) > 2 and parts[-1][-3:].isalpha()
                glued = end == lexeme.start and word and lexeme.text[0].isalnum()
                parts.append(" " if glued else self.text[end : lexeme.start])
            as_read = self.text[lexeme.start : lexeme.end]
            parts.append(_spelled(lexeme.text, as_read) if lexeme.repaired else as_read)
            end = lexeme.end
        return "".join(parts)


def _spelled(stems: str, as_read: str) -> str:
    """Misread words as French spells them; the last keeps its plural."""
    text = " ".join(vocabulary().spelling.get(word, word) for word in stems.split(" "))
    if not text[-1:].isalpha():
        return text
    return text + "s" if as_read[-1:] in ("s", "5") and not text.endswith("s") else text


Rule = Callable[[Cursor], Element | None]
_FRACTIONS: Final = {
    (1, 2): "0.5",
    (1, 4): "0.25",
    (3, 4): "0.75",
    (1, 3): "0.333",
    (2, 3): "0.667",
}


def elements(text: str, *, strengths: Collection[Decimal] = ()) -> tuple[Element, ...]:
    """The elements of a dosage text from left to right; nothing is left out.

    `strengths` that the medicine has tell figures apart that an engine ran together.
    """
    cursor = Cursor(text, lex(text, strengths=strengths))
    found: list[Element] = []
    while not cursor.done:
        start = cursor.place
        lexeme = cursor.lexemes[start]
        for rule in _rules(frozenset(lexeme.readings), lexeme.text):
            element = rule(cursor)
            if element is not None:
                found.append(element)
                break
            cursor.place = start
        else:
            found.append(_leftover(cursor))
    return tuple(found)


def _leftover(c: Cursor) -> Element:
    start = c.place
    lexeme = c.lexemes[start]
    c.place += 1
    if lexeme.is_sign and lexeme.text not in "<>=%":
        return Mark(lexeme.text, **c.since(start))
    guessed = lexeme.repaired and "times" in lexeme.readings
    if ("filler" in lexeme.readings or "meal_relation" in lexeme.readings) and not guessed:
        return Mark(lexeme.text, **c.since(start))
    return Unexplained(c.written(start), "number" in lexeme.readings, **c.since(start))


# --- numbers ----------------------------------------------------------------------------------


def number(c: Cursor) -> Decimal | None:
    """`2`, `0,5`, `½`, `1/2`, `1 ½`, `un et demi`, `vingt-huit`, `XL` (before drops)."""
    start = c.place
    fraction: Decimal | None = c.take("fraction")
    if fraction is not None:
        return fraction
    value: Decimal | None = c.take("number")
    if value is not None:
        divided = _slash_fraction(c, value)
        if divided is not None:
            return divided
        # "0,25 1/2 cp" is a strength and a dose, not a mixed number
        mixed = value == int(value) and (value < _MIXED or c.sees("et"))
        return value + _and_a_fraction(c) if mixed else value
    value = _in_letters(c)
    if value is not None:
        return value + _and_a_fraction(c)
    lexeme = c.peek()
    if lexeme is None:
        return None
    roman, misread = lexeme.readings.get("roman"), lexeme.readings.get("misread")
    c.place += 1
    unit = c.peek()
    counted = unit is not None and not {"unit", "measure"}.isdisjoint(unit.readings)
    drops = unit is not None and unit.readings.get("unit") == "goutte"
    if roman is not None and drops and c.written(start).isupper():
        return Decimal(roman)
    if c.text[lexeme.end : lexeme.end + 1] in ("'", "’"):
        misread = None  # an article
    if misread is not None:
        timed = unit is not None and "period" in unit.readings
        once = c.has("period_adverb") or c.has("moment") or c.has("moments") or c.sees("foi")
        if misread == 1 and (once or (c.sees("par", "/") and c.has("period", 1))):
            return Decimal(misread)
        ranged = c.sees("ou", "a") and c.has("number", 1)
        if counted or ranged or (timed and (misread == 1 or c.any_of(_LEADS_TIME, -2))):
            return Decimal(misread)
        value = _slash_fraction(c, misread) if misread == 1 else None
        if value is not None:
            return value
    c.place = start
    return None


_LEADS_TIME: Final = frozenset(["supply", "duration", "every"])
_MIXED: Final = 5
"""From here on a fraction behind a number is a dose of its own: "10 1/2 cp" is 10 mg, half a
tablet."""


def _slash_fraction(c: Cursor, numerator: Decimal) -> Decimal | None:
    """`1/2` after its numerator; not in `1/2 j` or `1/4 h`, where the slash divides time."""
    if not c.sees("/") or not c.has("number", 1) or (c.has("period", 2) and not c.has("unit", 2)):
        return None
    below = c.peek(1)
    assert below is not None
    value = _FRACTIONS.get((int(numerator), int(below.readings["number"])))
    if value is None or numerator != int(numerator) or c.sees("/", ahead=2):
        return None
    c.place += 2
    return Decimal(value)


def _and_a_fraction(c: Cursor) -> Decimal:
    """What follows a whole number: ` ½`, ` 1/2`, ` et demi`."""
    start = c.place
    c.word("et")
    fraction: Decimal | None = c.take("fraction")
    if fraction is None:
        top = c.take("number")
        fraction = None if top is None else _slash_fraction(c, top)
    if fraction is None or _scheme_ahead(c):
        c.place = start
        return Decimal(0)
    return fraction


def _scheme_ahead(c: Cursor) -> bool:
    """Whether `-0-1/2` follows: the fraction before it is its first number, as in `5 1/2-0-1/2`."""
    counted = c.any_of(frozenset(["number", "fraction"]), 1)
    return c.sees("-") and counted and (c.sees("-", ahead=2) or c.sees("-", ahead=4))


def _in_letters(c: Cursor) -> Decimal | None:
    """A whole number in French words, hyphenated or not."""
    total = current = Decimal(0)
    last: Decimal | None = None
    while True:
        start = c.place
        if last is not None:
            joined = c.word("-") or c.word("et")
            if joined and not c.has("number_word"):
                c.place = start
                break
        value: Decimal | None = c.take("number_word")
        if value is None:
            c.place = start
            break
        if (
            last is None
            or (value == 100 and last < 10)
            or (last >= 100 and value < 100)
            or value == 1000
        ):
            fits = True
        elif value == 20:
            fits = last == 4
        else:
            fits = (last >= 20 and value < (20 if last in (20, 60, 80) else 10)) or (
                last == 10 and value in (7, 8, 9)
            )
        if not fits:
            c.place = start
            break
        if value == 1000:
            total, current = (current or Decimal(1)) * 1000, Decimal(0)
        elif value == 100:
            current = (current or Decimal(1)) * 100
        elif value == 20 and last == 4:
            current += 76
            value = Decimal(80)
        else:
            current += value
        last = value
    return None if last is None else total + current


def span(c: Cursor) -> tuple[Decimal, Decimal | None] | None:
    """A number, or a range of two (`1 à 2`, `1-2`, `1 ou 2`)."""
    low = number(c)
    if low is None:
        return None
    start = c.place
    if c.word("a", "ou", "-", "ou a"):
        high = number(c)
        if high is not None and high > low:
            return low, high
    c.place = start
    return low, None


# --- time -------------------------------------------------------------------------------------


def _period(c: Cursor) -> tuple[Decimal, PeriodUnit] | None:
    letter, before, after = c.peek(), c.peek(-1), c.peek(1)
    if letter is None:
        return None
    apart = before is not None and before.end < letter.start
    numbered = after is not None and after.start == letter.end and "number" in after.readings
    if letter.text == "j" and apart and numbered:
        return None  # "x 3 J1": a day of the treatment
    unit = c.take("period")
    if unit is None:
        return None
    return (Decimal(3), "mo") if unit == "trimester" else (Decimal(1), unit)


def time(c: Cursor) -> Time | None:
    """`7 jours`, `5 à 7 j`, `une semaine`."""
    start = c.place
    first = c.peek()
    elided = first is not None and c.text[first.end : first.end + 1] in ("'", "’")
    if not c.word("les", "la", "le") and (elided or not c.has("period", 1)):
        c.word("l")  # "l mois" is one month
    length = span(c)
    if c.sees("-") and c.has("period", 1) and c.has("fraction", -1):  # "une demi-heure"
        c.place += 1
    period = None if length is None else _period(c)
    if length is None or period is None:
        c.place = start
        return None
    low, high = length
    factor, unit = period
    return Time(low * factor, None if high is None else high * factor, unit, **c.since(start))


def span_in(text: str) -> Time | None:
    """The first length of time in a text: that of `par paliers de 2 jours`."""
    cursor = Cursor(text, lex(text))
    while not cursor.done:
        here = cursor.place
        length = time(cursor)
        if length is not None:
            return length
        cursor.place = here + 1
    return None


_CLOCK_JOINTS: Final = ("et", ",", "-", "/", "puis", ";", "+")


def _clock(c: Cursor) -> tuple[str, bool] | None:
    """One time of day and whether it can be nothing else (minutes are written)."""
    start = c.place
    hour = c.take("number")
    if hour is None:
        hour = _in_letters(c)
        if not c.sees("heure"):
            hour = None
    if hour is None or hour != int(hour) or hour > 24:
        c.place = start
        return None
    lexeme = c.peek()
    if lexeme is None or not (lexeme.readings.get("period") == "h" or lexeme.text == ":"):
        c.place = start
        return None
    colon = lexeme.text == ":"
    c.place += 1
    following = c.peek()
    minutes = None
    if following is not None and following.start == lexeme.end and len(following.text) == 2:
        next_hour = c.peek(1)  # "12h16h"
        if next_hour is None or next_hour.text != "h" or next_hour.start != following.end:
            minutes = c.take("number")
    if (minutes is None and colon) or (minutes is not None and minutes > 59):
        c.place = start
        return None
    return f"{int(hour) % 24:02d}:{int(minutes or 0):02d}", minutes is not None


def clock(c: Cursor) -> Element | None:
    """`à 8h`, `8h et 20h`, `20h30`; a lone `8h` is no time of day."""
    start = c.place
    said = c.word("a", "vers", "des")
    first = _clock(c)
    if first is None:
        return None
    plain = c.lexemes[start].readings.get("number")
    sure = first[1] or said or _between_moments(c, start) or _is_hour(c, start, plain)
    times = [first[0]]
    while True:
        here = c.place
        joined = any([c.word(*_CLOCK_JOINTS), c.word("a", "vers")])
        another = _clock(c) if joined or c.has("number") else None
        if another is None:
            c.place = here
            break
        times.append(another[0])
        sure = True
    if not sure or c.has("interval_after") or c.has("later"):
        return None
    return Clock(tuple(times), **c.since(start))


def _is_hour(c: Cursor, start: int, value: Decimal | None) -> bool:
    """Whether a lone hour behind a dose is one of the day: nothing is taken every 21 hours."""
    hour = value is not None and (value in (7, 9, 10, 11) or 13 <= value <= 23)
    before = c.lexemes[start - 1] if start else None
    return hour and before is not None and bool({"unit", "measure"} & before.readings.keys())


def _between_moments(c: Cursor, start: int) -> bool:
    """Whether a time of day stands in a row of moments: `matin, 14 h et coucher`."""
    after = c.sees(*_CLOCK_JOINTS) and c.has("moment", 1)
    return after or (
        start > 1
        and c.lexemes[start - 1].text in _CLOCK_JOINTS
        and "moment" in c.lexemes[start - 2].readings
    )


def worn(c: Cursor) -> Element | None:
    """`de 8 h à 20 h`: how long a patch stays on."""
    start = c.place
    if not c.word("de", "entre") or _clock(c) is None or not c.word("a", "et") or _clock(c) is None:
        return None
    return Instruction(c.written(start), **c.since(start))


def every(c: Cursor) -> Element | None:
    """`toutes les 6 h`, `tous les 2 jours`, `chaque 15 jours`, `/8h`, `par 3 mois`."""
    start = c.place
    if c.take("every") is None:
        return None
    lengths = span(c) if not c.has("period") else (Decimal(1), None)
    period = None if lengths is None else _period(c)
    if lengths is None or period is None:
        return None
    low, high = lengths
    factor, unit = period
    return Rate(
        Decimal(1), None, low * factor, None if high is None else high * factor, unit,
        **c.since(start),
    )  # fmt: skip


def _per(c: Cursor) -> tuple[Decimal, PeriodUnit, bool] | None:
    """`/j`, `par jour`, `/ 8 h`, `par 24 h`, `quotidien`; the last tells that a length was said."""
    start = c.place
    adverb: PeriodUnit | None = c.take("period_adverb")
    if adverb is not None:
        return Decimal(1), adverb, False
    within = c.sees("dan") and c.sees("le", "la", ahead=1)  # "dans la journée", no "dans 3 jours"
    if not (c.word("/", "par", "le", "la") or (within and c.word("dan"))):
        return None
    article = c.sees("le", "la", "dans", ahead=-1)
    c.word("les", "la", "l")
    length = None if article else c.take("number") or _in_letters(c)
    period = _period(c)
    if period is None:
        c.place = start
        return None
    factor, unit = period
    if article and (unit != "d" or c.lexemes[c.place - 1].text not in ("journee", "jour")):
        c.place = start
        return None
    if length is not None and unit == "h" and length == 24:
        return Decimal(1), "d", False
    return (length or Decimal(1)) * factor, unit, length is not None


def rate(c: Cursor) -> Element | None:
    """`x 3/j`, `3 fois par jour`, `3/j`, `en 2 prises`, `/j`, `quotidien`, `x3`."""
    start = c.place
    adverb = c.take("frequency_adverb")
    if adverb is not None:
        count, unit = adverb.split("/")
        return Rate(Decimal(count), None, Decimal(1), None, unit, **c.since(start))
    split = c.word("en") and True
    times = c.take("times") is not None
    if times and c.has("times"):
        c.place += 1
    counts = span(c)
    if counts is not None:
        if _is_amount(c) and not c.has("intake"):
            return None
        worded = times
        if not times and c.sees("x") and _multiplies(c):
            return None
        while c.any_of(frozenset(["times", "intake"])) and not c.sees("x x"):
            c.place += 1
            worded = True
        if c.word("max", "maximum"):  # "3 fois max par jour"
            c.place -= 1
        per = _per(c)
        low, high = counts
        if per is not None:
            period, unit, _ = per
            return Rate(
                low, high, period, None, unit, not worded and not split, split, **c.since(start)
            )
        here = c.place
        repeated = every(c) if worded else None
        if isinstance(repeated, Rate):
            return Rate(low, high, repeated.period, None, repeated.unit, **c.since(start))
        c.place = here
        if worded and (not c.has("period") or _course_day_ahead(c)):
            if times and c.word("/"):  # the unit after the slash was not written: "x3/"
                pass
            return Rate(low, high, None, None, None, False, split, **c.since(start))
        return None
    if times or split:
        return None
    per = _per(c)
    if per is None:
        return None
    period, unit, said = per
    return Rate(Decimal(1) if said else None, None, period, None, unit, **c.since(start))


def _course_day_ahead(c: Cursor) -> bool:
    """Whether a day of the treatment (`J1`) stands at the cursor."""
    return c.sees("j") and c.has("number", 1)


def _multiplies(c: Cursor) -> bool:
    """Whether `x` stands between a dose and its number of intakes (`1 x 3/j`, not `3 x 1 cp`)."""
    here = c.place
    c.place += 1
    counted = span(c) is not None and not _is_amount(c)
    c.place = here
    return counted


def _is_amount(c: Cursor) -> bool:
    """Whether a unit stands at the cursor, so that the number before it counts it."""
    return c.any_of(frozenset(["unit", "measure", "dispense"]))


def hours(c: Cursor) -> Element | None:
    """A lone `6h` between dose and rest: every six hours."""
    start = c.place
    length = c.take("number")
    unit = c.peek()
    if length not in (2, 3, 4, 6, 8, 12, 24, 48, 72) or unit is None:
        return None
    if unit.readings.get("period") != "h" or c.any_of(_TIME_USES, 1):
        return None
    c.place += 1
    return Rate(Decimal(1), None, length, None, "h", **c.since(start))


_TIME_USES: Final = frozenset(["interval_after", "meal_relation", "later", "duration_after"])


def cycle(c: Cursor) -> Element | None:
    """`1 j/2`, `un jour sur deux`, `5 j/7`, `21 jours sur 28`, `21/7`, `10 jours par mois`."""
    start = c.place
    parity = c.take("cycle_day_parity")
    if parity is not None:
        return Cycle(parity, parity=True, **c.since(start))
    c.word("les")
    on = number(c)
    if on is None and c.has("misread") and c.has("period", 1) and c.sees("sur", "/", ahead=2):
        on = Decimal(c.take("misread") or 1)  # "l jour sur 2"
    if on is None:
        return None
    moment = c.take("moment")
    if moment is not None:
        of = number(c) if c.word("sur", "/") else None
        if of is None or of <= on:
            return None
        return Cycle(c.written(start), on, of, moment=moment, **c.since(start))
    period = _period(c)
    if period is None:
        if on in (21, 24, 22, 84) and c.word("/"):
            of = c.take("number")
            if of in (7, 28, 4, 6):
                return Cycle(c.written(start), on, on + of if of < 21 else of, **c.since(start))
        return None
    unit = period[1]
    if c.word("sur", "/"):
        c.word("les")
        of = number(c)
        if of == on == 7 and unit == "d":  # "7 j/7": every day
            return Rate(None, None, Decimal(1), None, "d", **c.since(start))
        if of is not None and of > on:
            other = c.peek()
            if other is not None and other.readings.get("period") in (unit, "d", "wk"):
                c.place += 1
            return Cycle(c.written(start), on, of, unit, **c.since(start))
        if of is None and c.has("period"):
            c.place -= 1
    if unit == "d":
        per = _per(c)
        if per is not None and per[1] in ("wk", "mo") and not per[2]:
            if per[1] == "wk":
                return Cycle(c.written(start), on, Decimal(7), "d", **c.since(start))
            return Cycle(c.written(start), **c.since(start))
    return None


def pause(c: Cursor) -> Element | None:
    """`7 jours d'arrêt`, `arrêt 7 jours`: the idle part of a cycle."""
    start = c.place
    c.take("then")
    c.word("avec", ",")
    if c.take("pause") is not None:
        length = time(c)
    else:
        length = time(c)
        if length is not None and (c.take("pause") is None):
            return None
    if length is None:
        return None
    return Cycle(c.written(start), pause=length, **c.since(start))


def course(c: Cursor) -> Element | None:
    """`J1`, `J2 à J5`, `J0/J4/J30`, `1er jour`, `les 3 premiers jours`, `du 16e au 25e jour`."""
    start = c.place
    if c.take("following_days") is not None:
        return Course(2, None, text=c.written(start), **c.since(start))
    week = _course_week(c)
    if week is not None:
        return Course(7 * week - 6, 7 * week, text=c.written(start), **c.since(start))
    c.place = start
    c.word("les", "le", "a", "de", "du", "au", "la")
    if c.has("first") and c.has("period", 1):
        c.place += 1
        if _period(c) != (Decimal(1), "d"):
            return None
        return Course(1, 1, text=c.written(start), **c.since(start))
    first = _course_day(c)
    if first is None:
        return _first_days(c, start)
    days = [first]
    ranged = False
    while True:
        here = c.place
        linked = c.word("a", "-", "au", "→")
        joined = linked or c.word(",", "/", "et", ";", "+")
        following = c.sees("et", ahead=-1)
        if joined or c.has("period"):
            c.word("a", "les", "le")
            day = _course_day(c) or _course_month(c)
            if day is None and linked and c.has("number") and not _is_amount_ahead(c):
                day = int(c.take("number") or 0)
            if day is not None and day > days[-1]:
                ranged = ranged or linked or (following and day == days[-1] + 1)
                days.append(day)
                continue
        c.place = here
        break
    if c.take("of_cycle") is not None:
        return Cycle(c.written(start), **c.since(start))
    if len(days) == 1:
        return Course(first, first, text=c.written(start), **c.since(start))
    daily = len(days) > 2 and all(b == a + 1 for a, b in itertools.pairwise(days))  # "J1-J2-J3"
    if (ranged and len(days) == 2) or daily:
        return Course(days[0], days[-1], text=c.written(start), **c.since(start))
    return Course(days[0], days[-1], tuple(days), c.written(start), **c.since(start))


def _is_amount_ahead(c: Cursor) -> bool:
    return c.any_of(frozenset(["unit", "measure", "dispense", "times"]), 1)


def _course_day(c: Cursor) -> int | None:
    """`J1` or `16e jour`."""
    start = c.place
    letter = c.peek()
    if letter is not None and letter.text == "j":
        figure = c.peek(1)
        if figure is not None and figure.start - letter.end <= 1 and "number" in figure.readings:
            value = figure.readings["number"]
            if value == int(value) and not c.any_of(frozenset(["unit", "measure"]), 2):
                c.place += 2
                return int(value)
        return None
    value = c.take("number")
    if value is None and c.sees("1 er", "1er", "premier") and c.sees("au", ahead=1):
        c.place += 1  # "du 1er au 25 du mois"
        return 1
    if value is not None and c.take("ordinal") is not None:
        if c.lexemes[c.place].readings.get("period") == "d" if not c.done else False:
            c.place += 1
            return int(value)
        if c.sees("au", "a", "et"):  # "du 16e au 25e jour"
            return int(value)
    c.place = start
    return None


def _course_week(c: Cursor) -> int | None:
    """`la 2e semaine`, `1ère semaine`, `S2`: a week of the treatment, counted from 1."""
    c.word("la", "en")
    letter, figure = c.peek(), c.peek(1)
    if c.sees("s") and c.has("number", 1) and letter is not None and figure is not None:
        if figure.start != letter.end:
            return None
        c.place += 1
        return int(c.take("number") or 1)
    value: Decimal | None = Decimal(1) if c.take("first") is not None else c.take("ordinal_word")
    if value is None:
        value = c.take("number")
        if c.take("ordinal") is None:
            return None
    return int(value or 0) if _period(c) == (Decimal(1), "wk") else None


def _course_month(c: Cursor) -> int | None:
    """The day of `M6`, a month of a course of injections."""
    letter, figure = c.peek(), c.peek(1)
    if letter is None or figure is None or letter.text != "m" or figure.start > letter.end + 1:
        return None
    value = figure.readings.get("number")
    if value is None or value != int(value):
        return None
    c.place += 2
    return 30 * int(value)


def ages(c: Cursor) -> Element | None:
    """`à 2 mois, 4 mois et 11 mois`, `à 2, 4 et 11 mois`: when a child is given a vaccine."""
    start = c.place
    if not c.word("a"):
        return None
    said: list[str] = []
    unit: PeriodUnit | None = None
    while (value := c.take("number")) is not None and value == int(value):
        named: PeriodUnit | None = c.take("period")
        unit = named or unit
        said.append(f"{value} {_AGES.get(named, '')}".strip() if named else str(value))
        here = c.place
        if not (c.word(",", "et", "puis", "/", "-") or c.take("then")):
            break
        c.word("a")
        if not c.has("number"):
            c.place = here
            break
    apart = c.any_of(frozenset(["interval", "interval_after"]))
    if not said or unit not in _AGES or not c.has("period", -1) or apart:
        return None
    text = f"à {', '.join(said[:-1])} et {said[-1]}" if said[1:] else f"à {said[0]}"
    return Event(text, **c.since(start))


_AGES: Final[dict[PeriodUnit, str]] = {"wk": "semaines", "mo": "mois", "a": "ans"}


def _first_days(c: Cursor, start: int) -> Element | None:
    c.word("les")
    value = number(c)
    if value is None or value != int(value):
        return None
    if c.take("following_days") is not None:
        return Course(2, None, text=c.written(start), length=int(value), **c.since(start))
    if c.take("first") is not None and c.take("period") is not None:
        length = int(value)
        return Course(1, length, text=c.written(start), **c.since(start))
    return None


def duration(c: Cursor) -> Element | None:
    """`pendant 7 jours`, `x 5 j`, `7 jours`, `au long cours`, `jusqu'à 36 SA`."""
    start = c.place
    text = c.take("open_ended")
    if text is not None:
        return Bounds(None, text, **c.since(start))
    if c.sees("des le") and not c.has("number", 1):
        return None  # "dès le projet de grossesse": an event
    if c.take("until") is not None:
        return _bounds_text(c, start)
    said = c.take("duration") is not None
    if said:
        c.word(":")
        c.take("maximum")
        c.word("de", "une")
        c.place -= c.sees("une", ahead=-1)
        c.word("les")
    elif c.has("times") and not c.sees("foi"):
        c.place += 1
        said = True
    length = time(c)
    if length is None:
        return None
    if length.unit in ("d", "wk", "mo", "a") and c.sees("minimum", "mini", "au moin"):
        c.place += 1
        return Bounds(length, **c.since(start))
    offset = length.unit in ("h", "min") or not c.has("meal_relation")
    if c.any_of(_TIME_USES) and offset and not c.has("duration_after"):
        return None
    c.take("duration_after")
    if c.has("maximum") and not c.has("number", 1):  # "5 jours maxi"
        c.place += 1
    if not said and (c.sees("/") or c.has("of_cycle") or length.unit in ("min", "s")):
        return None
    if not said and length.unit == "h" and length.low < 24:
        return None
    if length.unit == "min":
        return Instruction(c.written(start), **c.since(start))
    return Bounds(length, **c.since(start))


def _bounds_text(c: Cursor, start: int) -> Element | None:
    time(c)  # an age: "jusqu'à 18 mois"
    while not c.done and not c.sees(",", ";", ".", ")", "(", ":"):
        if c.any_of(_STOPS) and c.place > start + 1:
            break
        if _starts_amount(c):
            break
        c.place += 1
    return Bounds(None, c.written(start), **c.since(start))


def gestation(c: Cursor) -> Element | None:
    """`à 28 SA`, `de 12 à 36 SA`."""
    start = c.place
    c.word("a", "vers", "de", "des", "entre")
    weeks = span(c)
    if weeks is None:
        return None
    if c.word("et", "et a") and number(c) is None:
        return None
    c.word("+") and number(c)
    if c.take("gestation") is None:
        return None
    if c.word("+"):
        number(c)
    if weeks[1] is not None:
        return Bounds(None, c.written(start), **c.since(start))
    return _event(c, start)


# --- moments ----------------------------------------------------------------------------------


def moments(c: Cursor) -> Element | None:
    """`matin, midi et soir`, `le soir au coucher`, `M M S`, `30 min avant le coucher`."""
    start = c.place
    ahead = time(c)
    if ahead is not None:
        before = c.take("moment") if c.sees_start("avant") else None
        if before is None or ahead.unit not in ("min", "h"):
            return None
        minutes = int(ahead.low * (60 if ahead.unit == "h" else 1))
        return When((before,), minutes, **c.since(start))
    together = c.take("moments")
    if together is not None:
        return When(tuple(together.split()), **c.since(start))
    code = c.take("moment")
    return None if code is None else When((code,), **c.since(start))


def meals(c: Cursor) -> Element | None:
    """`avant les repas`, `30 min avant le petit déjeuner`, `au déjeuner et au dîner`."""
    start = c.place
    ahead = time(c)
    if ahead is not None and ahead.unit not in ("min", "h"):
        return None
    shortened = c.sees("av", "avt", "ap", "apr")
    relation = c.take("meal_relation")
    if relation is None:
        return None
    if shortened:
        c.word(".", ",")
    c.word("de", "du", "des", "le", "les", "la", "l")
    meal_text = c.peek()
    meal = c.take("meal")
    if meal is None or meal_text is None:
        return None
    every_meal = meal == "*" and any(
        w in meal_text.text for w in ("chaque", "chacun", "3", "troi", "princip")
    )
    every_meal = every_meal or (meal == "*" and "chaque" in c.lexemes[c.place - 2].text)
    if meal == "*" and (moment := c.peek()) is not None and "moment" in moment.readings:
        suffix = {"MORN": "M", "NOON": "D", "EVE": "V"}.get(moment.readings["moment"])
        if suffix is not None:
            c.place += 1
            meal = suffix
    codes = [relation + meal.strip("*")]
    while meal != "*":
        here = c.place
        c.word(",", "et", "-")
        other_relation = c.take("meal_relation")
        c.word("le", "la", "l")
        meal = c.take("meal")
        if meal in (None, "*"):
            c.place = here
            break
        codes.append((other_relation or relation) + meal)
    offset = None
    if ahead is not None:
        offset = int(ahead.low * (60 if ahead.unit == "h" else 1))
    return When(tuple(codes), offset, every_meal, **c.since(start))


def weekdays(c: Cursor) -> Element | None:
    """`lundi, mercredi et vendredi`, `du lundi au vendredi`, `sauf le dimanche`."""
    start = c.place
    excluded = c.take("except") is not None
    c.take("every")
    c.word("le", "les", "du", "chaque")
    week: list[Weekday] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    if c.has("month") and c.written(c.place + 1)[-1:] == "s":
        return None  # "mars"
    day: Weekday | None = c.take("weekday")
    if day is None:
        return None
    days = [day]
    while True:
        here = c.place
        through = c.word("au", "a")
        if not through:
            while c.word(",", "et", "-", "/", "le", "les", "&", "+", "."):
                pass
        other: Weekday | None = c.take("weekday")
        if other is None:
            c.place = here
            break
        if through and week.index(other) > week.index(days[-1]):
            days += week[week.index(days[-1]) + 1 : week.index(other) + 1]
        else:
            days.append(other)
    named = tuple(one for one in week if one in days)
    others = tuple(one for one in week if one not in days)
    return Days(*((others, named) if excluded else (named,)), **c.since(start))


def months(c: Cursor) -> Element | None:
    """`en novembre et en mars`: when in the year."""
    start = c.place
    c.word("en", "debut", "fin", "de")
    if c.take("month") is None:
        return None
    while True:
        here = c.place
        while c.word(",", "et", "puis", "a", "en", "/", "-") or c.take("then"):
            pass
        if c.take("month") is None:
            c.place = here
            return _event(c, start)


def scheme(c: Cursor) -> Element | None:
    """`1-0-1`, `½ - 0 - ½ cp`, `10/0/12 UI`, `1 0 1`: one number for each moment."""
    start = c.place
    values: list[Decimal] = []
    sign: str | None = None
    repairs = 0
    while len(values) < 6:
        if values:
            joint = c.peek()
            if joint is None:
                break
            if joint.text in ("-", "/", "+", "."):
                if sign not in (None, joint.text):
                    break
                sign = joint.text
                c.place += 1
            elif sign in (None, "") and (
                joint.text == "o" or ("number" in joint.readings and joint.text in "0123")
            ):
                sign = ""
            elif sign != "":
                break
        value = _scheme_value(c, sign)
        if value is None:
            if values and sign != "":
                c.place -= 1
            break
        repairs += not c.has("number", -1)
        values.append(value)
    if len(values) not in (3, 4) and not (len(values) > 4 and sign == "-"):
        return None
    if not any(values):
        return None
    if sign == "" and (0 not in values or max(values) > 3 or len(values) != 3):
        return None
    if sign in ("/", "+") and 0 not in values and len(set(values)) > 1 and sign == "/":
        return None
    if (c.has("period") and not _course_day_ahead(c)) or (c.sees("/") and c.has("number", 1)):
        return None
    here = c.place
    unit = c.take("unit") or c.take("measure") or ""
    if unit == "cm":
        c.place, unit = here, ""
    return Scheme(tuple(values), unit, **{**c.since(start), "repaired": _guessed(c, start)})


def _guessed(c: Cursor, start: int) -> bool:
    members = c.lexemes[start : c.place]
    return any(
        m.repaired or ("misread" in m.readings and "number" not in m.readings) for m in members
    )


def _scheme_value(c: Cursor, sign: str | None) -> Decimal | None:
    lexeme = c.peek()
    if lexeme is None:
        return None
    if "misread" in lexeme.readings:
        c.place += 1
        seen = Decimal(lexeme.readings["misread"])
        return (_slash_fraction(c, seen) if sign != "/" else None) or seen
    if sign != "/":
        fraction: Decimal | None = c.take("fraction")
        if fraction is not None:
            return fraction
    value: Decimal | None = c.take("number")
    if value is None:
        return None
    if sign != "/":
        below = _slash_fraction(c, value)
        if below is not None:
            return below
    lexeme = c.peek()
    if lexeme is not None and "fraction" in lexeme.readings:
        c.place += 1
        value += lexeme.readings["fraction"]
    return value if value <= 200 else None


# --- amounts ----------------------------------------------------------------------------------


def amount(c: Cursor) -> Element | None:
    """`2 cp`, `1 à 2 bouffées`, `500 mg`, `15 mg/kg`, `10/80 mg`, `5 mg/ml`, `1 cp de 1 g`."""
    start = c.place
    several = _several(c)
    if several is not None:
        return several
    c.place = start
    values = span(c)
    if values is None:
        return None
    low, high = values
    here = c.place
    c.word("petite", "grosse", "petit", "gros")
    if low < 1 and c.sees("de", "d") and c.has("unit", 1):
        c.place += 1
    if c.has("unit") and not (c.has("measure") and c.sees("cc")):
        unit = c.take("unit")
        assert unit is not None
        if unit == "prise":
            return None
        weight = _dose_weight(c, unit)
        unit = weight or unit
        if high is None and low == int(low):
            low += _fraction_behind(c)
        c.word("sec", "secable")
        here = c.place
        if c.word("/", "par") and c.word("kg", "kilo", "kilogramme"):
            return Amount(low, high, unit, "count", True, **c.since(start))
        c.place = here
        strength, per = _own_strength(c)
        return Amount(low, high, unit, "count", False, strength, per, **c.since(start))
    if c.has("measure"):
        unit = c.take("measure")
        assert unit is not None
        after = c.place
        if c.word("/", "par"):
            if c.word("kg", "kilo", "kilogramme"):
                return Amount(low, high, unit, "measure", True, **c.since(start))
            if c.word("prise", "injection", "inj"):
                return Amount(low, high, unit, "measure", **c.since(start))
            delivered = c.take("number") if _is_patch(c) else None
            if c.take("period") == "h" and high is None and unit in ("µg", "mg"):
                hourly = Part(delivered or Decimal(1), "h")
                return Strong((Part(low, unit),), hourly, **c.since(start))
        c.place = after
        return Amount(low, high, unit, "measure", **c.since(start))
    c.place = here
    if high is not None and c.sees("-", ahead=-2):
        return None
    if high is not None and c.sees("a", ahead=-2) and c.has("period"):
        c.place = start  # "un demi à 14 h" is a dose and its hour
        low, high = number(c) or low, None
    elif c.has("period") or c.has("ordinal"):
        return None
    return Amount(low, high, "", "number", **{**c.since(start), "repaired": _guessed(c, start)})


def _is_patch(c: Cursor) -> bool:
    """Whether the line counts patches, so that "50 µg/24 h" is what one delivers."""
    return any(lexeme.readings.get("unit") == "patch" for lexeme in c.lexemes)


def _fraction_behind(c: Cursor) -> Decimal:
    """The half of `1 cp et demi` or `1 cp 1/2`."""
    here = c.place
    value = _and_a_fraction(c)
    if value and (c.has("unit") or c.has("measure")):
        c.place, value = here, Decimal(0)
    return value


def _dose_weight(c: Cursor, unit: str) -> str | None:
    """`1 dose de 12 kg`, `1 dose 12 kg`, `dose-poids`: a dose for a child's weight."""
    if unit not in ("dose", "dose-poids", "pipette"):
        return None
    start = c.place
    c.word("de", "pour", "(", "a")
    c.word("un", "poids")
    if number(c) is not None and c.word("kg", "kilo"):
        c.word(")")
        return "dose-poids"
    c.place = start
    return None


def _own_strength(c: Cursor) -> tuple[tuple[Part, ...], Part | None]:
    """The strength of the unit just counted: `de 500 mg`, `à 1 g`, `(500 mg)`, `d'un gramme`."""
    start = c.place
    if c.word("de", "a", "d", "(", "dose a", "dosee a"):
        opened = c.sees("(", ahead=-1)
        here = c.place
        several = _several(c)
        if several is not None:
            if opened:
                c.word(")")
            return several.parts, several.per
        c.place = here
        value = number(c)
        unit = None if value is None else c.take("measure")
        if value is not None and unit not in (None, "ml", "cl", "l"):
            if c.sees("/") or c.sees("par"):
                c.place = start
                return (), None
            if opened:
                c.word(")")
            return (Part(value, str(unit)),), None
        if value is not None and value >= 5 and unit is None and not c.any_of(_COUNTED):
            return (Part(value, ""),), None  # "2 bouffées de (Ventoline) 100"
        c.place = here
    c.place = start
    return (), None


_COUNTED: Final = frozenset(["unit", "period", "times", "intake", "dispense", "gestation"])


def _several(c: Cursor) -> Strong | None:
    """A strength of several substances or a concentration, which cannot be a dose by itself."""
    start = c.place
    values: list[tuple[Decimal, str | None]] = []
    while True:
        lexeme = c.peek()
        if lexeme is None or "number" not in lexeme.readings:
            break
        c.place += 1
        values.append((lexeme.readings["number"], c.take("measure")))
        here = c.place
        if not (c.word("/") or (values[-1][1] is not None and c.word("-", "+"))):
            break
        if not c.has("number"):
            c.place = here
            break
    if not values:
        return None
    if len(values) >= 2 and values[-1][1] in ("ml", "cl") and values[0][1] is not None:
        volume, unit = values.pop()
        parts = tuple(Part(value, one or values[-1][1] or "") for value, one in values)
        return Strong(parts, Part(volume, unit or "ml"), **c.since(start))
    last = values[-1][1]
    if len(values) >= 2:
        plain = all(unit is None for _, unit in values)
        whole = {(int(a), int(b)) for (a, _), (b, _) in itertools.pairwise(values)}
        if plain and (whole & _FRACTIONS.keys() or min(v for v, _ in values) <= 1):
            return None
        if plain and (len(values) > 3 or c.has("period") or c.has("unit") or c.has("times")):
            return None
        if last is None and not plain:
            mixed = len(values) == 2 and values[1][0] >= 10 and not c.any_of(_COUNTED)
            if not mixed or c.has("period"):
                return None
            parts = tuple(Part(value, unit or "") for value, unit in values)  # "1 g/125"
            return Strong(parts, **c.since(start))
        if c.has("period"):
            return None
        if not plain and whole & _FRACTIONS.keys() and values[0][1] is None:
            return None
        parts = tuple(Part(value, unit or last or "") for value, unit in values)
        return Strong(parts, _per_volume(c), **c.since(start))
    if last is None:
        return None
    if last == "%":
        return Strong((Part(values[0][0], "%"),), **c.since(start))
    per = _per_volume(c)
    if per is None:
        return None
    return Strong((Part(values[0][0], last),), per, **c.since(start))


def _per_volume(c: Cursor) -> Part | None:
    """`/ml`, `/5 ml`, `pour 5 ml`, `/dose`, `/bouffée` behind a strength."""
    start = c.place
    if c.word("/", "par") and c.take("period") == "h":  # a patch's rate of delivery: "25 µg/h"
        return Part(Decimal(1), "h")
    c.place = start
    if c.word("/", "pour", "par"):
        value = number(c) or Decimal(1)
        unit = c.take("measure")
        if unit in ("ml", "l", "cl", "g"):
            return Part(value, str(unit))
        if value == 1 and c.peek() is not None and (c.has("unit")):
            name = c.take("unit")
            if name in ("dose", "bouffée", "pulvérisation", "goutte", "cuillère-mesure"):
                return Part(value, str(name))
    c.place = start
    return None


def dispense(c: Cursor) -> Element | None:
    """`2 boîtes`, `1 tube`: what the pharmacist hands out."""
    start = c.place
    c.take("supply")
    c.word(":")
    value = number(c)
    if value is None or value != int(value):
        return None
    container = c.take("dispense")
    if container is None:
        return None
    following = c.peek()
    taken = following is not None and (
        following.text in ("/", "x", "par") or "moment" in following.readings
    )
    if container == "flacon" and taken:
        return None
    here = c.place
    if c.word("de") and c.has("number"):
        c.place += 1
        if not (c.take("unit") or c.take("measure")):
            pass
    else:
        c.place = here
    return Dispense(value, container, **c.since(start))


# --- need, maximum, interval ------------------------------------------------------------------

_STOPS: Final = frozenset(
    [
        "maximum",
        "duration",
        "supply",
        "then",
        "renewal",
        "renewal_none",
        "once",
        "dispense",
        "moment",
        "moments",
        "period_adverb",
        "every",
        "instruction",
        "substitution_none",
        "open_ended",
        "as_needed",
        "interval",
        "until",
        "frequency_adverb",
        "fractioned_dispensing",
        "interval_after",
        "weekday",
    ]
)
_WEAK_STOPS: Final = frozenset(["ar", "r", "a r", "min", "sur", "b", "pour", "encore"])


def _starts_amount(c: Cursor) -> bool:
    """Whether an amount, rate or time begins at the cursor, which ends a free text."""
    if c.any_of(frozenset(["number", "number_word", "fraction"])):
        here = c.place
        before = c.peek(-1)
        compared = before is not None and (
            before.text in ("<", ">", "=", "a", "≥", "≤", "de", "°")
            or "comparison" in before.readings
        )
        value = span(c)
        ends = value is not None and (
            c.any_of(frozenset(["unit", "measure", "times", "intake", "dispense", "period"]))
            or c.any_of(frozenset(["moment", "moments"]))
            or c.sees("/")
            or c.done
            or c.sees(".", ")", ";")
        )
        c.place = here
        return ends and not (compared and not c.any_of(frozenset(["number_word"])))
    return (c.has("times") and c.has("number", 1)) or (c.sees("/") and c.has("period", 1))


def _free_text(c: Cursor) -> str:
    """Words up to the next element; signs of comparison and their numbers belong to it."""
    start = c.place
    while not c.done:
        lexeme = c.lexemes[c.place]
        if lexeme.text in (",", ";", "(", ")", "→") or (lexeme.text == ":" and c.place > start):
            break
        if lexeme.text == ".":
            break
        if lexeme.text == "-" and not _tight(c):
            break
        if c.place > start:
            stop = c.any_of(_STOPS) and not (
                lexeme.text in _WEAK_STOPS and not c.has("number", 1) and not c.has("period", 2)
            )
            if stop or _starts_amount(c) or _meal_ahead(c) or c.sees("rajouter", "ajouter"):
                break
        elif _starts_amount(c):
            break
        c.place += 1
    while c.place > start and (c.has("filler", -1) or c.has("meal_relation", -1)):
        c.place -= 1
    return c.written(start)


def _tight(c: Cursor) -> bool:
    """A hyphen inside a word, with no space around it."""
    before, here, after = c.peek(-1), c.peek(), c.peek(1)
    if before is None or here is None or after is None:
        return False
    return before.end == here.start and here.end == after.start


def _meal_ahead(c: Cursor) -> bool:
    return c.has("meal_relation") and (c.has("meal", 1) or c.has("meal", 2))


def need(c: Cursor) -> Element | None:
    """`si besoin`, `sb`, `si douleur`, `en cas de crise`, `si glycémie > 2 g/l`."""
    start = c.place
    if c.take("as_needed") is not None:
        c.word("(", ":", ",") if c.has("as_needed_for", 1) else None
        here = c.place
        if c.take("as_needed_for") is not None:
            reason = _reason(c)
            if reason:
                return _needed(c, start, reason)
        c.place = here
        if c.word("pour") and not c.has("number"):
            reason = _reason(c)
            if reason:
                return Need(reason, **c.since(start))
        c.place = here
        return Need(**c.since(start))
    if c.take("as_needed_for") is None:
        return None
    conditional = c.has("condition") or (c.has("condition", 1) and c.sees("pas", "la", "l", "le"))
    here = c.place
    reason = _condition(c) if conditional else _reason(c)
    if not reason:
        return None
    if conditional:
        return Need(condition=c.text[c.lexemes[here].start : c.lexemes[c.place - 1].end],
                    **c.since(start))  # fmt: skip
    return _needed(c, start, reason)


def _needed(c: Cursor, start: int, reason: str) -> Need:
    """A need for a complaint, with words that an engine misread set right and marked so."""
    place = c.since(start)
    corrected = " ".join(complaint(word) or word for word in reason.split())
    place["repaired"] = place["repaired"] or corrected != reason
    strange = not all(map(is_known, re.findall(r"[^\W\d_]{3,}|\w*\d\w*[^\W\d_]\w*", corrected)))
    return Need(corrected, strange=strange, **place)


def _reason(c: Cursor) -> str:
    """A complaint, its shorthand written out."""
    start = c.place
    text = _free_text(c)
    if not text:
        return ""
    text += _compared(c)
    members = c.lexemes[start : c.place]
    if any("complaint" in member.readings for member in members):
        words = [
            member.readings.get("complaint", c.text[member.start : member.end])
            for member in members
        ]
        text = " ".join(words)
    return text.strip(" .,;:-")


def _compared(c: Cursor) -> str:
    """A comparison in brackets behind a complaint: ` (EVA > 6)`."""
    here = c.place
    if c.word("("):
        compared = False
        while not c.done and not c.sees("("):
            compared = compared or c.sees("<", ">", "≥", "≤", "=") or c.has("comparison")
            if c.word(")"):
                if compared:
                    return " " + c.written(here)
                break
            c.place += 1
    c.place = here
    return ""


def _condition(c: Cursor) -> str:
    """A condition with its numbers: it ends at a colon, comma or arrow."""
    start = c.place
    while not c.done and not c.sees(":", ",", ";", "→", ")", "("):
        if c.any_of(frozenset(["then", "supply", "renewal"])) and not c.sees("r", "ar", "pour"):
            break
        c.place += 1
    return c.written(start)


def laboratory(c: Cursor) -> Element | None:
    """`> 1,5 g/l :`, `1 à 1,5 g/l`: a measured value under which a dose of a scheme is taken."""
    start = c.place
    compared = c.word("<", ">", "≥", "≤") or c.take("comparison") is not None
    c.word("=")
    if not compared:
        c.word("entre", "de")
    if span(c) is None:
        return None
    if c.word("et") and span(c) is None:
        return None
    if c.take("measure") is not None and c.word("/"):
        if not (c.word("l", "dl", "litre", "i", "1") or (compared and c.word("j"))):
            return None
    elif not (compared and c.sees(":", "→", "=")):
        return None
    return Need(condition=c.written(start), **c.since(start))


def maximum(c: Cursor) -> Element | None:
    """`max 4/j`, `sans dépasser 4 g par jour`, `jusqu'à 3 fois par jour`; or `max` after a rate."""
    start = c.place
    if c.has("number") and c.sees("/", ahead=1):  # "5/j max"
        least = number(c) or Decimal(1)
        per = _per(c)
        if per is not None and c.take("maximum") is not None:
            count = Amount(least, None, "", "number", **c.since(start))
            return Maximum(count, Time(per[0], None, per[1]), **c.since(start))
        c.place = start
    bare = c.has("number") and c.has("maximum", 1)
    if bare or (c.has("number") and c.any_of(_LIMITED, 1) and c.has("maximum", 2)):
        least = number(c) or Decimal(1)
        counted, measured = (None, None) if bare else (c.take("unit"), c.take("measure"))
        count = Amount(
            least, None, counted or measured or "",
            "count" if counted else "measure" if measured else "number", **c.since(start),
        )  # fmt: skip
        c.place += 1
        per = _per(c)
        if per is None:
            return None
        return Maximum(count, Time(per[0], None, per[1]), **c.since(start))
    if c.take("maximum") is None:
        return None
    while c.word(":", "de", "=", "a", "maximum") or c.take("maximum"):
        pass
    until = c.lexemes[start].text.startswith("jusqu")
    values = span(c)
    if values is None:
        return None if until else Maximum(**c.since(start))
    low, high = values
    value = high or low
    unit, kind, times = "", "number", False
    if c.has("unit") and not c.has("intake"):
        unit, kind = c.take("unit") or "", "count"
    elif c.has("measure"):
        unit, kind = c.take("measure") or "", "measure"
    elif c.any_of(frozenset(["times", "intake"])):
        c.place += 1
        times = True
    per_kg = kind == "measure" and c.sees("/") and c.sees("kg", ahead=1)
    if per_kg:
        c.place += 2
    if kind == "number" and not times and c.has("period"):
        period_unit = _period(c)
        if period_unit is None or (until and period_unit[1] in ("mo", "a")):
            return None  # "jusqu'à 18 mois" is an age
        length = Time(value, None, period_unit[1], **c.since(start))
        return Bounds(length, **c.since(start))
    if until and c.has("gestation"):
        return None
    here = c.place
    c.word("max", "maximum")
    per = _per(c)
    if per is None:
        c.place = here
        if c.word("/"):
            pass
        if until and kind == "number" and not times:
            return None
    period = None
    if per is not None:
        period = Time(per[0], None, per[1], **c.since(start))
    what = Amount(value, None, unit, kind, per_kg, **c.since(start))  # type: ignore[arg-type]
    return Maximum(what, period, times, **c.since(start))


_LIMITED: Final = frozenset(["unit", "measure"])


def interval(c: Cursor) -> Element | None:
    """`espacées de 4 h`, `6 h d'intervalle`, `minimum 2 h entre chaque prise`."""
    start = c.place
    said = c.take("interval") is not None
    if said:
        if c.take("interval_after") is not None:
            c.word("de", "d")
        while c.word("de", "d", ":", "au moins", "minimum", "un", "a", "moin", "les prise"):
            pass
    else:
        c.word("a", "avec", "tous", "toutes les")
    length = time(c)
    if length is None or length.unit in ("mo", "a"):
        least = c.lexemes[start].text in ("minimum", "mini", "au moin")
        if said and least and length is None and c.place == start + 1:
            return Interval(None, **c.since(start))
        return None
    here = c.place
    c.take("interval")
    after = c.take("interval_after") is not None
    if not after:
        c.place = here
    if not said and not after:
        return None
    return Interval(length, **c.since(start))


# --- what surrounds the dosage ----------------------------------------------------------------


def supply(c: Cursor) -> Element | None:
    """`QSP 3 mois`, `pour 1 mois`, `traitement pour 15 jours`."""
    start = c.place
    if c.take("supply") is None:
        return None
    c.word(":")
    c.word("une", "un", "les") if not c.has("period", 1) else None
    length = time(c)
    if length is None:
        return None
    if length.unit in ("h", "min"):
        return None
    return Supply(length, **c.since(start))


def renewal(c: Cursor) -> Element | None:
    """`AR 2`, `à renouveler 3 fois`, `R3`, `NR`; not `à renouveler 2 h après`."""
    start = c.place
    if c.take("renewal_none") is not None:
        return Repeats(0, **c.since(start))
    head = c.peek()
    if c.sees("renouvellement", ahead=1) and (said := c.take("number")) is not None:
        c.place += 1  # "3 renouvellements"
        return Repeats(int(said), **c.since(start))
    if c.take("renewal") is None or head is None:
        return None
    c.word(":", "x", "=")
    if "renouv" in head.text:
        c.word(".")
    here = c.place
    each = c.take("every") is not None
    if each or c.word("apre", "au bout de", "dan", "apres"):
        length = time(c)
        if length is not None and length.unit in ("h", "min"):
            behind = c.place
            if number(c) is None or c.take("times") is None or _per(c) is not None:
                c.place = behind  # "toutes les 20 min 3 fois" is no three times a day
            return Interval(length, each, **c.since(start))
        if length is not None:  # "à renouveler dans 3 mois" says when, not how often
            return Instruction(c.written(start), **c.since(start))
        c.place = here
    if c.word("a") and _course_day(c) is not None:
        return Instruction(c.written(start), **c.since(start))
    c.place = here
    value = number(c)
    if value is not None and value == int(value):
        period = c.peek()
        if period is not None and "period" in period.readings:
            if period.readings["period"] in ("h", "min"):
                length = Time(value, None, period.readings["period"], **c.since(start))
                c.place += 1
                c.take("later")
                c.word("si", "apre")
                return Interval(length, **c.since(start))
            c.place = here
            if head.text == "r":
                return None
            if c.word("pendant", "pour", "jusqu a"):
                pass
            time(c)
            return Instruction(c.written(start), **c.since(start))
        worded = c.take("times") is not None
        if worded and (c.take("every") is not None or c.word("apre", "dan", "au bout de", "apres")):
            length = time(c)
            if length is not None and length.unit in ("h", "min"):
                return Interval(length, **c.since(start))
            c.place = here + 2
        elif worded:
            after = c.place
            c.word("si", "besoin")
            length = time(c)
            if length is not None and length.unit in ("h", "min"):
                c.take("later")
                return Interval(length, **c.since(start))
            c.place = after
        if value <= 24:
            return Repeats(int(value), **c.since(start))
    c.place = here
    if head.text == "r":
        return None
    if c.sees("pendant", "pour", "tou"):
        here = c.place
        c.place += 1
        if time(c) is not None:
            return Instruction(c.written(start), **c.since(start))
        c.place = here
    return Repeats(1, said=False, **c.since(start))


def redose(c: Cursor) -> Element | None:
    """`à répéter après 5 min`, `à répéter 2 h après`: one more intake, no renewal."""
    start = c.place
    if c.take("redose") is None:
        return None
    here = c.place
    if c.word("a") and _course_day(c) is not None:
        return Instruction(c.written(start), **c.since(start))
    c.place = here
    if number(c) is not None and c.take("times") is None:
        c.place = here
    if c.take("every") is None:
        c.word("apre", "au bout de", "dan")
    length = time(c)
    if length is not None and length.unit in ("h", "min"):
        c.take("later")
        return Interval(length, **c.since(start))
    c.place = here
    return Instruction(c.written(start), **c.since(start))


def adjusting(c: Cursor) -> Element | None:
    """`diminuer si diarrhée`, `augmenter à 2/j si besoin`: when the dose changes."""
    start = c.place
    if c.take("adjusting") is None:
        return None
    called_for = False
    while not c.done and not c.sees(",", ";", ".", "(", ")", ":") and not c.has("then"):
        called_for = called_for or c.any_of(_CALLS_FOR)
        c.place += 1
    return Instruction(c.written(start), **c.since(start)) if called_for else None


_CALLS_FOR: Final = frozenset(["as_needed", "as_needed_for"])


def monitoring(c: Cursor) -> Element | None:
    """`NFS tous les mois`, `contrôle INR dans 48 h`: what is watched, up to the next comma."""
    start = c.place
    if c.take("monitoring") is None:
        return None
    while not c.done and not c.sees(",", ";", ".", "(", ")", ":", "<", ">") and not c.has("then"):
        c.place += 1
    compared = c.sees("<", ">") or c.has("condition", -1)
    return None if compared else Instruction(c.written(start), **c.since(start))


def handling(c: Cursor) -> Element | None:
    """`à retirer le soir`, `laisser poser 5 min`: what is done with it, up to the next comma."""
    start = c.place
    if c.take("handling") is None:
        return None
    while not c.done and not c.sees(",", ";", ".", "(", ")", ":") and not c.any_of(_HANDLED):
        c.place += 1
    return Instruction(c.written(start), **c.since(start))


_HANDLED: Final = frozenset(["then", "supply", "duration", "renewal", "as_needed", "every"])


def fractioned(c: Cursor) -> Element | None:
    """`délivrance fractionnée de 7 jours`, `délivrance hebdomadaire`."""
    start = c.place
    adverb = c.take("fractioned_adverb")
    if adverb is not None:
        value, unit = adverb.split()
        length = Time(Decimal(value), None, unit, **c.since(start))
        return DispenseInterval(length, **c.since(start))
    if c.take("fractioned_dispensing") is None:
        return None
    while (
        c.word(":", "par", "de", "a", "en", "(")
        or c.take("every")
        or c.take("fractioned_dispensing")
    ):
        pass
    here = c.place
    length_ = time(c)
    if length_ is None:
        c.place = here
        if c.has("period"):
            period = _period(c)
            assert period is not None
            length_ = Time(period[0], None, period[1], **c.since(start))
        elif c.has("period_adverb"):
            length_ = Time(Decimal(1), None, c.take("period_adverb") or "d", **c.since(start))
    if length_ is None:
        return Instruction(c.written(start), **c.since(start))
    here = c.place
    if not c.word("en") or time(c) is None:  # "de sept jours en sept jours"
        c.place = here
    return DispenseInterval(length_, **c.since(start))


def substitution(c: Cursor) -> Element | None:
    start = c.place
    reason: Literal["MTE", "EFG", "CIF"] | None = None
    found = False
    while True:
        here = c.place
        c.word("(", "-", ":", ",", "/") if found else None
        if c.take("substitution_none") is not None:
            found = True
            continue
        for name in ("MTE", "EFG", "CIF"):
            if c.take(f"substitution_{name}") is not None:
                reason, found = name, True
                break
        else:
            c.place = here
            break
    if not found:
        return None
    if reason is not None:
        c.word(")") if c.sees("(") else None
    return NoSubstitution(reason, **c.since(start))


def titration(c: Cursor) -> Element | None:
    """`augmenter de 5 mg tous les 5 jours`, `+2 UI tous les 3 j`: how the dose changes."""
    start = c.place
    if c.word("+"):
        if number(c) is None or not (c.take("measure") or c.take("unit")) or every(c) is None:
            return None
        while not c.done and not c.sees(",", ";", ".", "(", ")", ":") and not c.has("then"):
            c.place += 1
        return Instruction(c.written(start), **c.since(start))
    if c.take("titration_bare") is not None:  # "augmenter 5 gouttes par semaine"
        c.word(".")
        here = c.place
        if number(c) is None or not (c.take("measure") or c.take("unit")):
            c.place = here
        if every(c) is None and (c.place == here or _per(c) is None):
            return None
        if c.has("until") or c.has("maximum"):  # "jusqu'à 150 mg matin et soir"
            while not c.done and not c.sees(",", ";", ".", "(", ")") and not c.has("then"):
                c.place += 1
        return Instruction(c.written(start), **c.since(start))
    if c.take("titration") is None:
        return None
    c.word("la", "dose", "de", "d")
    if number(c) is not None:
        _ = c.take("measure") or c.take("unit") or c.take("period")
    here = c.place
    c.word(",", "par")
    if every(c) is None:
        c.place = here
        if _per(c) is None:
            c.place = here
    here = c.place
    if c.word("jusqu a", "jusqua") or c.take("until"):
        if number(c) is not None:
            _ = c.take("measure") or c.take("unit")
            if _per(c) is None:
                pass
        else:
            c.place = here
    return Instruction(c.written(start), **c.since(start))


def once(c: Cursor) -> Element | None:
    start = c.place
    if c.take("once") is not None:
        return Once(**c.since(start))
    if c.take("once_at_once") is not None:
        return Once(at_once=True, **c.since(start))
    return None


def event(c: Cursor) -> Element | None:
    """`après chaque selle`, `dès les premiers symptômes`, `avant les soins`."""
    start = c.place
    lexeme = c.peek()
    if c.take("event") is None or lexeme is None:
        return None
    if lexeme.text == "des le" and c.has("number"):
        return None
    if c.has("moment") or c.has("period"):
        return None
    written = c.text[lexeme.start : lexeme.end].lower()
    if lexeme.text.split()[0] == "des" and not {"è", "é"} & set(written):
        return None  # an article
    if not c.any_of(_STOPS):  # "avant le rapport max 1/j"
        _free_text(c)
    return _event(c, start)


def _event(c: Cursor, start: int) -> Event:
    text = _ACUTE.sub("dès", c.written(start))
    strange = not all(map(is_known, _LONG_WORD.findall(text)))
    return Event(text, strange, **c.since(start))


_ACUTE: Final = re.compile(r"^dés\b")
_LONG_WORD: Final = re.compile(r"[^\W\d_]{4,}")


def within(c: Cursor) -> Element | None:
    """`dans les 24 h après l'accouchement`, `après 1 semaine`: when, which is no duration."""
    start = c.place
    later = c.word("apre", "au bout de")
    if not (later or c.word("dan")):
        return None
    c.word("les", "le", "la")
    length = time(c)
    if length is None or (later and length.unit in ("h", "min")):
        return None
    while not c.done and not c.sees(",", ";", ".", "(", ")", ":") and not c.any_of(_STOPS):
        c.place += 1
    return _event(c, start)


def relative(c: Cursor) -> Element | None:
    """`30 min avant le rapport`, `1 à 2 h avant la consommation`: how long before or after what."""
    start = c.place
    length = time(c)
    if length is None or length.unit not in ("min", "h", "d"):
        return None
    if c.has("event") and (c.sees_start("avant") or c.sees_start("apre")):
        c.place += 1
        if not c.any_of(_STOPS):
            _free_text(c)
        return _event(c, start)
    if not c.word("avant", "apre", "avant le", "avant la", "apre la", "apre le"):
        return None
    named = c.lexemes[c.place - 1].text.endswith((" le", " la"))
    if not (c.word("le", "la", "les", "l", "chaque", "un", "une") or named) or c.done:
        return None
    if c.any_of(frozenset(["number", "period", "moment", "meal"])):
        return None
    _free_text(c)
    return _event(c, start)


def relay(c: Cursor) -> Element | None:
    """`puis relais per os`: another step, by another route."""
    start = c.place
    c.take("then")
    if not c.word("relai", "relais", "relais par", "relai par") or not c.has("route"):
        return None
    here = c.place
    c.place += 1
    if c.done or c.sees(",", ";", ".", ")"):
        return Instruction(c.written(start), **c.since(start))
    c.place = here
    return Then(**c.since(start))


def then(c: Cursor) -> Element | None:
    start = c.place
    if c.take("then") is None:
        return None
    if c.has("action"):
        name = c.take("action")
        if name in ("stop", "past"):
            return Instruction(c.written(start), **c.since(start))
    c.word(",", ":")
    return Then(**c.since(start))


def _phrase(kind: str, make: Callable[..., Element]) -> Rule:
    """A rule for elements that are one phrase of the vocabulary with a value."""

    def rule(c: Cursor) -> Element | None:
        start = c.place
        value = c.take(kind)
        return None if value is None else make(value, **c.since(start))

    return rule


def _site(name: str, **place: Any) -> Element:
    return Site(name, vocabulary().site_routes.get(name), **place)


def place(c: Cursor) -> Element | None:
    """`sur les plaques rouges du visage`, `sur tout le corps`: where it is put, in free words."""
    start = c.place
    if not c.word("sur"):
        return None
    here = c.place
    whole = c.word("tout", "toute", "toutes", "tou", "chaque")
    if not (c.word("le", "la", "les", "l") or whole):
        return None
    here = here if whole else c.place
    if c.any_of(_NO_PLACE) or not _free_text(c):
        return None
    members = c.lexemes[here : c.place]
    known = [m.readings["site"] for m in members if "site" in m.readings and not m.repaired]
    alone = members[0].readings.get("site") if len(members) == 1 else None
    name = alone or c.written(here)
    route = next((vocabulary().site_routes.get(one) for one in known), None)
    return Site(name, route, **c.since(start))


_NO_PLACE: Final = frozenset(["period", "meal", "number", "fraction", "measure", "number_word"])


def form(c: Cursor) -> Element | None:
    """A form or unit named without a number: `10 mg cp :`, `500 mg sachet`."""
    start = c.place
    both = c.peek()
    if both is None:
        return None
    words = vocabulary()
    named = both.readings.get("form")
    unit = both.readings.get("unit")
    if both.text == "gel" and "é" not in c.text[both.start : both.end].lower():
        named, unit = "gel", None
    if unit is not None and unit != "prise":
        c.place += 1
        known = words.units[unit]
        return Form(known.form or named, known.route, unit, **c.since(start))
    if named is not None:
        c.place += 1
        return Form(named, words.form_routes.get(named), None, **c.since(start))
    return None


def _flag(kind: str, make: Callable[..., Element]) -> Rule:
    def rule(c: Cursor) -> Element | None:
        start = c.place
        return None if c.take(kind) is None else make(**c.since(start))

    return rule


_NUMBER: Final = "number number_word fraction misread roman"
RULES: Final[tuple[tuple[Rule, frozenset[str]], ...]] = tuple(
    (rule, frozenset(starts.split()))
    for rule, starts in (
        (_phrase("instruction", Instruction), "instruction"),
        (titration, "titration titration_bare =+"),
        (pause, f"then pause =avec =, {_NUMBER}"),
        (adjusting, "adjusting"),
        (relay, "then action"),
        (then, "then"),
        (_flag("alternatively", Alternating), "alternatively"),
        (
            substitution,
            "substitution_none substitution_MTE substitution_EFG substitution_CIF",
        ),
        (renewal, "renewal renewal_none number"),
        (redose, "redose"),
        (handling, "handling"),
        (monitoring, "monitoring"),
        (fractioned, "fractioned_dispensing fractioned_adverb"),
        (once, "once once_at_once"),
        (laboratory, f"comparison =< => =≥ =≤ =entre =de {_NUMBER}"),
        (meals, f"meal_relation {_NUMBER}"),
        (scheme, _NUMBER),
        (interval, f"interval =a =avec =tou =les {_NUMBER}"),
        (maximum, "maximum number"),
        (within, "=dan =apre =au"),
        (relative, _NUMBER),
        (worn, "=de =entre"),
        (gestation, f"=a =vers =de =des =entre {_NUMBER}"),
        (ages, "=a"),
        (
            course,
            "following_days first ordinal_word period =s =les =le =a =de =du =au =la =en "
            + _NUMBER,
        ),
        (cycle, f"cycle_day_parity =les {_NUMBER}"),
        (clock, "number number_word =a =vers =des"),
        (supply, "supply"),
        (dispense, f"supply {_NUMBER}"),
        (duration, f"open_ended until duration times =les =la =le =l {_NUMBER}"),
        (rate, f"frequency_adverb times period_adverb =en =/ =par =dan =le =la {_NUMBER}"),
        (every, "every"),
        (hours, "number"),
        (months, "month =en =debut =fin =de"),
        (weekdays, "except every weekday =le =les =du"),
        (moments, f"moment moments {_NUMBER}"),
        (amount, _NUMBER),
        (need, "as_needed as_needed_for"),
        (event, "event"),
        (_flag("equivalence", Equivalence), "equivalence"),
        (_phrase("route", Route), "route"),
        (place, "=sur"),
        (_phrase("site", _site), "site"),
        (form, "form unit"),
        (_phrase("action", Action), "action"),
    )
)
"""Rules in the order they are tried, with the readings and words (`=word`) each may begin with.

The more a rule demands, the earlier it stands.
"""


@lru_cache(maxsize=4096)
def _rules(kinds: frozenset[str], text: str) -> tuple[Rule, ...]:
    """The rules that may begin with a lexeme of these readings."""
    keys = kinds | {f"={text}"}
    return tuple(rule for rule, starts in RULES if not starts.isdisjoint(keys))
