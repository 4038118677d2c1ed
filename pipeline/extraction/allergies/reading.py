"""Allergies and intolerances as notes state them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from pipeline.extraction.conditions.qualifiers import certainty_of
from pipeline.extraction.evidence import TextLine, value
from pipeline.extraction.sections.reading import find_title, listing
from pipeline.model import Allergy, Certainty

_NONE_TEXT = "Pas d'allergie connue"


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    data = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))
    reactions = "|".join(sorted(map(re.escape, data["reactions"]), key=len, reverse=True))
    return {
        "none": re.compile(r"(?<![a-z])(?:" + "|".join(data["none"]) + r")(?![a-z])"),
        "none_value": re.compile(r"(?:" + "|".join(data["none_values"]) + r")\s*[.;]?\s*"),
        "reaction": re.compile(rf"(?<![a-z])(?:{reactions})(?![a-z])"),
    }


_LABEL = re.compile(
    r"(?<![a-z])(?P<k>allergies?|intolerances?|hypersensibilites?)"
    r"(?:\s+et\s+intolerances?)?(?:\s+(?:medicamenteuses?|alimentaires?|connues?|respiratoires?|"
    r"de contact|vraie|croisee|severe|immediate|averee|prouvee))*"
    r"(?:\s?\([^)]*\))?\s*(?P<s>:|=|aux?\b|a la\b|a l'|a\b|contre (?:la |le |les |l')?|->|-\s)"
)
_ADJECTIVE = re.compile(
    r"(?<![a-z])(?P<k>allergique|intolerante?)\s*(?P<s>aux?\b|a la\b|a l'|a\b|:)"
)
_ARTICLE = re.compile(
    r"^(?:aux?\s+|a\s+(?:la\s+|l')?|la\s+|le\s+|les\s+|l'|des\s+|du\s+|de\s+la\s+|d')"
)
_SPLIT = re.compile(r"\s*(?:,|;|\bet\b(?:\s+(?:a|aux?)\b)?|\+|/(?!\d)|•)\s*")


def read_allergies(lines: Sequence[TextLine]) -> tuple[Allergy, ...]:
    """Allergies of the body, each once; « pas d'allergie connue » as an entry of its own."""
    found: list[Allergy] = []
    seen: set[str] = set()
    for line, listed in listing(lines):
        if line.struck or line.section == "family":
            continue
        for allergy in _of_line(line, listed and line.section == "allergies"):
            text = (allergy.text.value or allergy.text.evidence.text).casefold()
            key = f"{allergy.none_known}:{text if not allergy.none_known else ''}"
            if key not in seen:
                seen.add(key)
                found.append(allergy)
    return tuple(found)


def _of_line(line: TextLine, listed: bool) -> Iterator[Allergy]:
    folded = line.folded
    none = _patterns()["none"].search(folded)
    # "Pas d'allergie à la pénicilline" denies one allergy, not all.
    if none is not None and not re.match(r"\s+(?:a|aux?)\b", folded[none.end() :]):
        yield _none(line, none.start(), none.end())
        return
    spoken = False
    for match in (*_LABEL.finditer(folded), *_ADJECTIVE.finditer(folded)):
        kind = "intolerance" if match["k"].startswith("intol") else "allergy"
        rest_start = match.end()
        rest = folded[rest_start:]
        if match["s"] in (":", "=", "->") or match["s"].startswith("-"):
            empty = _patterns()["none_value"].fullmatch(rest.strip())
            if empty is not None and rest.strip():
                yield _none(line, match.start(), len(folded))
                spoken = True
                continue
        spoken = True
        yield from _items(line, rest_start, kind, match.start())
    if spoken or not listed:
        return
    title = find_title(line)
    start = title.end if title is not None else 0
    rest = folded[start:].strip(" -•*:\t")
    if not rest:
        return
    if _patterns()["none_value"].fullmatch(rest):
        yield _none(line, 0, len(folded))
        return
    # Prose in the passage is no list of allergens.
    if len(rest) <= 80:
        yield from _items(line, start, "allergy", start)


def _none(line: TextLine, start: int, end: int) -> Allergy:
    read = value("allergy", _NONE_TEXT, line.span(start, end), "allergies.none-known", trust=0.99)
    return Allergy(text=read, none_known=True)


def _items(line: TextLine, start: int, kind: str, label_start: int) -> Iterator[Allergy]:
    """The allergens named from `start` on, up to the end of the sentence."""
    folded = line.folded
    stop = re.compile(
        r"\.(?:\s|$)|;|\t|\s-\s|\b(?:qui|avec|depuis|traitee?|lors|en \d{4}|dans|mais|donc|"
        r"pas d|chez)\b"
    ).search(folded, start)
    end = stop.start() if stop else len(folded)
    text = folded[start:end]
    certainty = certainty_of(folded, label_start, start)
    reaction_match = _patterns()["reaction"].search(folded, start)
    bracket = re.search(r"[(:]", text.lstrip(" :"))
    list_end = end
    if bracket is not None:
        list_end = start + (len(text) - len(text.lstrip(" :"))) + bracket.start()
    at = start
    for piece in _SPLIT.split(folded[start:list_end]):
        begin = folded.index(piece, at) if piece else at
        at = begin + len(piece)
        lead = re.match(r"[\s:=\-•*?]*", piece)
        begin += lead.end() if lead else 0
        article = _ARTICLE.match(folded[begin:at])
        begin += article.end() if article else 0
        lead_reaction = re.match(
            rf"(?:{_patterns()['reaction'].pattern})\s+(?:sous|aux?|a la|a l'|a|avec|apres|"
            rf"secondaire a(?:ux?)?|suite a)\s+(?:la |le |l'|prise de )?",
            folded[begin:at],
        )
        reaction = ""
        if lead_reaction is not None:
            said = _patterns()["reaction"].match(folded, begin)
            reaction = line.text[begin : said.end()] if said is not None else ""
            begin += lead_reaction.end()
        if len(folded[begin:at].split()) > 5 or re.search(
            r"\b(?:traitement|par|pour|donc|mise|arret)\b", folded[begin:at]
        ):
            continue
        span = line.span(begin, at)
        name = span.text.strip(" .,:;-?")
        if len(name) < 2 or len(name) > 60 or not any(c.isalpha() for c in name):
            continue
        if _patterns()["reaction"].fullmatch(folded[begin:at].strip()):
            continue
        if re.match(r"(?:aucune?|non|neant|pas|ras|connue)\b", folded[begin:at]):
            continue
        if "?" in folded[begin : at + 2]:
            certainty = Certainty.HYPOTHESIS
        if not reaction and reaction_match is not None and reaction_match.start() >= at:
            reaction = line.text[reaction_match.start() : reaction_match.end()]
        name_span = line.span(begin, begin + len(line.text[begin:at].rstrip(" .,:;-?")))
        yield Allergy(
            text=value("allergy", name, name_span, f"allergies.{kind}", trust=0.97),
            kind="intolerance" if kind == "intolerance" else "allergy",
            certainty=certainty,
            reaction=reaction,
        )
