"""When the patient is to be seen again.

A delay stays in the note's own words: counting it into a day would invent one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from pipeline.extraction.dates.reading import find_dates
from pipeline.extraction.evidence import TextLine, value
from pipeline.model import Appointment

_CUE = re.compile(
    r"(?<![a-z])(?:(?:a |le |la )?revoir|(?:prochain(?:e)?s? )?(?:rdv|rendez[- ]vous|"
    r"rv)\b(?! (?:pris|annule|honore))|prochaine? (?:consultation|cs|visite|controle|"
    r"seance)|(?:sera|est) (?:revue?|a revoir)|reviendra|revient|je (?:le|la) (?:reverrai|"
    r"revois|reverrais)|"
    r"reconvo\w+|consultation (?:de )?(?:controle|suivi)|controle (?:clinique )?(?:dans|le|a|"
    r"en)\b|revoyure|"
    r"reevaluation (?:dans|le|a)|a reconsulter|cs (?:de )?controle|suivi (?:dans|a)|"
    r"revu(?:e)? dans)"
)
_WHEN = re.compile(
    r"(?:dans|sous|d'ici|a|en)\s+(?:environ\s+)?(?:une?|deux|trois|quatre|six|\d{1,2}(?:\s?(?:a|"
    r"-)\s?\d{1,2})?)\s?"
    r"(?:jours?|j\b|semaines?|sem\b|mois|ans?)|si besoin|\bsb\b|si (?:persistance|aggravation|"
    r"fievre)|"
    r"\b(?:lundi|mardi|mercredi|jeudi|vendredi|samedi)\b|la semaine prochaine|le mois prochain|"
    r"a \d{1,2}\s?sa\b|"
    r"a j\d|au besoin|dans (?:quelques jours|le mois|la semaine)|en fin de|avant (?:le|la)|"
    r"apres (?:le|la|les)|avec (?:le|les) (?:bilan|resultats?)"
)
_PAST = re.compile(r"\b(?:etait|avait|a ete|s'est|n'a pas|lors (?:de la|du)|depuis)\b[^.]{0,40}$")


def read_appointments(
    lines: Sequence[TextLine], day: dt.date | None, today: dt.date
) -> tuple[Appointment, ...]:
    """Next visits of the body: the words, and the day where one is written."""
    found: list[Appointment] = []
    seen: set[str] = set()
    for line in lines:
        if line.struck or line.section in ("history", "family", "allergies"):
            continue
        match = _CUE.search(line.folded)
        if match is None or _PAST.search(line.folded[: match.start()]):
            continue
        date = None
        mention = next(
            (one for one in find_dates(line, today) if one.span.start >= match.start()), None
        )
        when = _WHEN.search(line.folded, match.start())
        if mention is None and when is None:
            continue
        if mention is not None:
            read = mention.near(day)
            doubts = list(mention.doubts)
            if not mention.year_written:
                if day is not None and read is not None and read < day:
                    read = _next_year(read)
                doubts.append("Année absente : déduite de la date du document.")
            elif day is not None and read is not None and read < day:
                doubts.append("Rendez-vous antérieur au document.")
            date = value(
                "appointment",
                read,
                mention.span,
                f"appointments.{mention.rule}",
                trust=0.97,
                doubts=doubts,
                remarks=mention.remarks,
            )
        stop = re.compile(r"\.(?:\s|$)|\t").search(line.folded, match.end())
        span = line.span(match.start(), stop.start() if stop else len(line.text))
        if span.text.casefold() in seen:
            continue
        seen.add(span.text.casefold())
        found.append(
            Appointment(
                text=value("appointment", span.text, span, "appointments.next-visit", trust=0.96),
                date=date,
            )
        )
    return tuple(found)


def _next_year(date: dt.date) -> dt.date | None:
    try:
        return date.replace(year=date.year + 1)
    except ValueError:
        return None
