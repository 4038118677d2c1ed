"""French dates in a line of text, as they are written and as OCR leaves them.

Day before month, always; a date never takes a part from a calendar default. Numbers that belong to
a blood pressure, a score or a fraction are not dates: a day and a month without a year count only
where a word such as « le » or « DDR » says so.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from pipeline.extraction.evidence import Span, TextLine


@dataclass(frozen=True, slots=True)
class DateMention:
    """A date as written at `span`.

    `date` is None where the writing names no possible day; `year_written` is False where the year
    must come from the context, `century_written` where only two digits of it were written.
    `doubts` are French sentences.
    """

    span: Span
    rule: str
    day: int
    month: int
    year: int | None
    century_written: bool = True
    doubts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def year_written(self) -> bool:
        return self.year is not None

    @property
    def date(self) -> dt.date | None:
        return _date(self.year, self.month, self.day)

    def near(self, context: dt.date | None) -> dt.date | None:
        """The date, its year taken from the nearest `context` where none is written."""
        if self.year is not None:
            return self.date
        if context is None:
            return None
        candidates = (_date(context.year + step, self.month, self.day) for step in (-1, 0, 1))
        return min(
            (date for date in candidates if date is not None),
            key=lambda date: abs((date - context).days),
            default=None,
        )


def _date(year: int | None, month: int, day: int) -> dt.date | None:
    if year is None:
        return None
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


@cache
def _vocabulary() -> dict[str, dict[str, object]]:
    return tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))


@cache
def month_numbers() -> dict[str, int]:
    """Folded month names and abbreviations, with their numbers."""
    return {
        name: int(number)
        for number, names in _vocabulary()["months"].items()
        if isinstance(names, list)
        for name in names
    }


@cache
def _weekdays() -> dict[str, int]:
    return {k: v for k, v in _vocabulary()["weekdays"].items() if isinstance(v, int)}


@cache
def _numbers() -> dict[str, int]:
    return {k: v for k, v in _vocabulary()["numbers"].items() if isinstance(v, int)}


# Letters that engines put for digits.
DIGIT = r"[0-9oOlI|!]"
_DIGITS = str.maketrans({"o": "0", "O": "0", "l": "1", "I": "1", "|": "1", "!": "1"})
REPAIRED = "Chiffres rétablis dans une date mal lue."
CENTURY = "Année écrite sur deux chiffres."
NO_YEAR = "Année absente : déduite de la date du document."
IMPOSSIBLE = "Cette date n'existe pas."
SWAPPED = "Ordre jour/mois incertain."
WEEKDAY = "Le jour de la semaine ne correspond pas à la date."
SEPARATORS = "Séparateurs de la date mal lus."

_NUMERIC = re.compile(
    rf"(?<![0-9A-Za-z/.,+-])(?P<d>{DIGIT}{{1,2}})\s?(?P<s>[/.\-–,])\s?(?P<m>{DIGIT}{{1,2}})"
    rf"\s?(?P=s)\s?(?P<y>{DIGIT}{{4}}|{DIGIT}{{2}})(?![0-9A-Za-z/]|[.,]\d)"
)
_SPACED = re.compile(r"(?<![0-9/.,-])(?P<d>\d{2})\s(?P<m>\d{2})\s(?P<y>(?:19|20)\d{2})(?![0-9/])")
_ISO = re.compile(r"(?<![0-9/.-])(?P<y>(?:19|20)\d{2})[-/.](?P<m>\d{2})[-/.](?P<d>\d{2})(?![0-9/])")
# Separators read as a digit (mostly "/" as 1 or 7) or lost.
_RUN = re.compile(
    r"(?<![0-9/])(?P<d>\d{2})[/1|I7]?(?P<m>\d{2})[/1|I7]?(?P<y>(?:19|20)\d{2})(?![0-9/])"
)
_WORDED = re.compile(
    r"(?<![0-9a-z])(?:(?P<w>[a-z]{5,8})\.?\s+(?:le\s+)?)?"
    r"(?P<d>\d[0-9oli|!]?|[oli|!]\d)\s?(?:er|e|°)?[\s\-./]{0,3}"
    r"(?P<m>[a-z01|!]{3,10})\b\.?[\s\-./,]{0,3}"
    r"(?P<y>[0-9oli|!]{4}|'?\d{2}(?!\d|\s?(?:mg|h|ans|kg|cp|%|j\b|g\b)))?(?![0-9a-z])"
)
_SHORT = re.compile(
    rf"(?<![0-9A-Za-z/.,+])(?P<d>{DIGIT}{{1,2}})\s?[/.]\s?(?P<m>{DIGIT}{{1,2}})(?![0-9A-Za-z/%°]|[.,]\d)"
)
_SHORT_CUE = re.compile(
    r"(?:\b(?:le|du|au|des|date|ddr|dr|dpa|dpt|ddg|dg|regles|rdv|jusqu'au|jusque|depuis|terme|"
    r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|vu|vue|revu|revue)\s*[:=]?\s*(?:le\s+)?)$"
)
_LETTERS_WORD = r"(?:[a-z]+(?:-[a-z]+)*)"
_LETTERS = re.compile(
    rf"\b(?P<d>{_LETTERS_WORD})\s+(?P<m>janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|"
    rf"octobre|novembre|decembre)\s+(?P<y>(?:deux\s+mille|mil(?:le)?\s+neuf\s+cents?)"
    rf"(?:[\s-]+(?:et|un|une|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|"
    rf"quatorze|quinze|seize|vingts?|trente|quarante|cinquante|soixante))*)\b"
)


def find_dates(line: TextLine, today: dt.date) -> tuple[DateMention, ...]:
    """Every date of `line`, from left to right. Two-digit years are those nearest before
    `today` (one year ahead is allowed, for appointments and due dates)."""
    found: list[DateMention] = []
    taken: list[tuple[int, int]] = []
    for mention in _mentions(line, today):
        if all(mention.span.end <= start or end <= mention.span.start for start, end in taken):
            taken.append((mention.span.start, mention.span.end))
            found.append(mention)
    return tuple(sorted(found, key=lambda mention: mention.span.start))


def _mentions(line: TextLine, today: dt.date) -> Iterator[DateMention]:
    text, folded = line.text, line.folded
    if any(character.isdigit() for character in text):
        for match in _ISO.finditer(text):
            yield from _numeric(line, match, today, "dates.iso")
        for match in _NUMERIC.finditer(text):
            yield from _numeric(line, match, today, "dates.numeric")
        for match in _WORDED.finditer(folded):
            yield from _worded(line, match, today)
        for match in _SPACED.finditer(text):
            yield from _numeric(line, match, today, "dates.spaced")
        for match in _RUN.finditer(text):
            if re.search(
                r"(?:\ble|date|naissance|nee?(?:\(e\))?|ddn|du)\s*(?:le)?\s*:?\s*$",
                folded[: match.start()],
            ):
                yield from _numeric(line, match, today, "dates.separators-lost", (SEPARATORS,))
        for match in _SHORT.finditer(text):
            if _SHORT_CUE.search(folded[: match.start()]):
                yield from _numeric(line, match, today, "dates.no-year")
    if "mil" in folded:
        for match in _LETTERS.finditer(folded):
            yield from _letters(line, match)


def _year(written: str, today: dt.date) -> tuple[int, bool]:
    if len(written) == 4:
        return int(written), True
    year = today.year // 100 * 100 + int(written)
    return (year if year <= today.year + 1 else year - 100), False


def _numeric(
    line: TextLine,
    match: re.Match[str],
    today: dt.date,
    rule: str,
    doubts: tuple[str, ...] = (),
) -> Iterator[DateMention]:
    parts = match.groupdict()
    written = [part for part in (parts["d"], parts["m"], parts.get("y")) if part]
    if not any(character.isdigit() for part in written for character in part):
        return
    if sum(not character.isdigit() for part in written for character in part) > 3:
        return
    clean = {name: parts[name].translate(_DIGITS) for name in "dmy" if parts.get(name)}
    if any(clean[name] != parts[name] for name in clean):
        doubts += (REPAIRED,)
    day, month = int(clean["d"]), int(clean["m"])
    year, century = _year(clean["y"], today) if "y" in clean else (None, True)
    if "y" not in clean and not (1 <= day <= 31 and 1 <= month <= 12):
        return
    if year is not None and not 1880 <= year <= today.year + 5:
        return
    if month > 12 >= day and _date(year, day, month):
        day, month = month, day
        doubts += (SWAPPED,)
    elif _date(year or 2024, month, day) is None:
        if day > 39 or month > 19:
            return
        doubts += (IMPOSSIBLE,)
    yield DateMention(
        span=line.span(match.start(), match.end()),
        rule=rule,
        day=day,
        month=month,
        year=year,
        century_written=century,
        doubts=doubts,
    )


@cache
def _month(word: str) -> tuple[int, bool] | None:
    """Number of the month that `word` names, and whether its letters had to be set right."""
    months = month_numbers()
    if word in months:
        return months[word], False
    plain = word.translate(str.maketrans("01|!", "olii")).replace("rn", "m")
    if plain in months:
        return months[plain], True
    if len(word) < 4:
        return None
    full = [name for name in months if len(name) >= 4]
    limit = 1 if len(word) < 7 else 2
    best = process.extract(word, full, scorer=Levenshtein.distance, score_cutoff=limit, limit=2)
    if not best or (len(best) > 1 and best[0][1] == best[1][1]):
        return None
    return months[best[0][0]], True


def _worded(line: TextLine, match: re.Match[str], today: dt.date) -> Iterator[DateMention]:
    found = _month(match["m"])
    if found is None:
        return
    month, repaired = found
    if repaired and not match["y"]:
        return
    day_text = match["d"].translate(_DIGITS)
    year_text = (match["y"] or "").strip("'").translate(_DIGITS)
    doubts: tuple[str, ...] = ()
    if day_text != match["d"] or year_text != (match["y"] or "").strip("'"):
        doubts += (REPAIRED,)
    if not day_text.isdigit() or (year_text and not year_text.isdigit()):
        return
    if (
        len(match["m"]) < 5
        and not year_text
        and not _SHORT_CUE.search(line.folded[: match.start()])
    ):
        # "2 sept" may be a number of something: a year or a word that announces a date is needed.
        return
    day = int(day_text)
    year, century = _year(year_text, today) if year_text else (None, True)
    if year is not None and not 1880 <= year <= today.year + 5:
        return
    date = _date(year or 2024, month, day)
    if date is None:
        doubts += (IMPOSSIBLE,)
    start = match.start("d")
    weekday = _weekdays().get(match["w"] or "")
    if weekday is not None:
        start = match.start("w")
        if year is not None and date is not None and date.weekday() != weekday:
            doubts += (WEEKDAY,)
    remarks = ("Nom du mois rétabli.",) if repaired else ()
    yield DateMention(
        span=line.span(start, match.end()),
        rule="dates.month-name" + ("+repair" if repaired else ""),
        day=day,
        month=month,
        year=year,
        century_written=century,
        doubts=doubts,
        remarks=remarks,
    )


def _letters(line: TextLine, match: re.Match[str]) -> Iterator[DateMention]:
    day = _number(match["d"])
    year = _number_of_year(match["y"])
    if day is None or year is None:
        return
    month = month_numbers()[match["m"]]
    yield DateMention(
        span=line.span(match.start(), match.end()),
        rule="dates.in-letters",
        day=day,
        month=month,
        year=year,
        doubts=() if _date(year, month, day) else (IMPOSSIBLE,),
    )


def _number(words: str) -> int | None:
    return _numbers().get(words.strip().replace(" ", "-"))


def _number_of_year(words: str) -> int | None:
    match = re.match(r"(deux\s+mille|mil(?:le)?\s+neuf\s+cents?)[\s-]*(.*)", words)
    if match is None:
        return None
    base = 2000 if match[1].startswith("deux") else 1900
    rest = re.sub(r"[\s-]+", "-", match[2]).strip("-")
    if not rest:
        return base
    exact = _numbers().get(rest)
    if exact is not None:
        return base + exact
    pieces = rest.replace("quatre-vingts", "quatre-vingt").split("-")
    for cut in range(len(pieces) - 1, 0, -1):
        tens = _numbers().get("-".join(pieces[:cut]))
        units = _numbers().get("-".join(piece for piece in pieces[cut:] if piece != "et"))
        if tens is not None and units is not None and tens >= 20 and units < 20:
            return base + tens + units
    return None


# --- what a date is the date of -------------------------------------------------------------


@cache
def _roles() -> tuple[tuple[str, re.Pattern[str]], ...]:
    roles = []
    for role, cues in _vocabulary()["roles"].items():
        if isinstance(cues, list):
            terms = "|".join(re.escape(cue) for cue in sorted(cues, key=len, reverse=True))
            roles.append((role, re.compile(rf"(?<![a-z])(?:{terms})[\s:.,;=]*(?:le\s*)?[:\s]*$")))
    return tuple(roles)


_LONG_BEFORE = re.compile(
    r"(?P<birth>\bn[ée]e?\s?(?:\(e\))?\s+(?:[\w'-]+\s+){0,4}le\s*:?\s*$|"
    # « Né(e) le » with its brackets misread
    r"\bn[ée][(\[{li1|]?e?[)\]}li1|]{1,2}\s?le\s*:?\s*$|\bnee?\s+le\)\s*le\s*:?\s*$)|"
    r"(?P<result>\b(?:bilan|biologie|echographie|echo|radio|irm|scanner|resultats?|prelevement|"
    r"vaccin\w*|operee?|hospitalisee?|accouchee?|cesarienne|ecbu|frottis|mammographie|"
    r"posee?|retire|debute|introduit|depuis|arrete)\b[^.;]{0,40}$)|"
    r"(?P<next>\b(?:rdv|rendez.vous|prochaine?|revoir|controle|reprise|prevue?|"
    r"programmee?)\b[^.;]{0,40}$)"
)


_RECENT = 3
"""Years within which a paper that comes in was written."""


def is_old(mention: DateMention, today: dt.date) -> bool:
    """Whether a date is likelier that of a birth, its label not read, than of the document."""
    return mention.date is not None and mention.date.year < today.year - _RECENT


def role(mention: DateMention, above: TextLine | None = None) -> str:
    """What the words before a date say it is: a key of `roles`, or "" where they say nothing.

    Where nothing stands before it on its row, the end of the row `above` speaks for it.

    The longest cue wins; a bare « le » or « du » gives way to a telling word earlier on.
    """
    cells = mention.span.line.folded[: mention.span.start].split("\t")
    # A date alone in its column is what the column before it says.
    before = cells[-1] if cells[-1].strip() or len(cells) == 1 else f"{cells[-2]} "
    if not before.strip() and above is not None:
        before = f"{above.folded} "
    # « Date de naissance (JJ/MM/AAAA) : »
    before = re.sub(r"\((?!e\))[^()]{2,20}\)", "", before)
    best, length = "", 0
    for name, cues in _roles():
        match = cues.search(before)
        if match is not None and len(match[0].strip(" :.,;=")) > length:
            best, length = name, len(match[0].strip(" :.,;="))
    if length <= 4 and best in ("", "document", "period_start", "period_end"):
        longer = _LONG_BEFORE.search(before)
        if longer is not None and longer.lastgroup:
            return longer.lastgroup
    return best
