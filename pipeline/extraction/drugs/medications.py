"""Prescription lines: which medicine, how strong, how taken, for how long, and how surely."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from typing import Final, TypeVar

from rapidfuzz.distance import OSA

from pipeline.config import Settings
from pipeline.extraction.dosage import Found, Prescribed, read_dosage
from pipeline.extraction.dosage.codes import form_code, route_code
from pipeline.extraction.dosage.grammar import Amount, Form, Mark, Route, elements
from pipeline.extraction.dosage.rendering import says_the_same
from pipeline.extraction.dosage.vocabulary import vocabulary
from pipeline.extraction.drugs.mentions import (
    Mention,
    Word,
    exact_mentions,
    near_mention,
    phrases_of,
    readings,
    words,
    words_of,
)
from pipeline.extraction.evidence import (
    HARDLY,
    RESTORED,
    TEXT_ENGINE,
    Kind,
    Span,
    TextLine,
    doubted,
    fold,
    value,
)
from pipeline.model import (
    Code,
    Dosage,
    Drug,
    Match,
    Medication,
    MedicationAction,
    Quantity,
    Range,
    State,
    Timing,
    Value,
    ZoneKind,
)
from pipeline.terminology import Entry, Product, Terminology
from pipeline.terminology.names import fold_name, squash
from pipeline.terminology.strengths import Strengths, base

T = TypeVar("T")

ATC = ("http://www.whocc.no/atc", "https://smt.esante.gouv.fr/terminologie-atc")
CIS = (
    "http://data.esante.gouv.fr/ansm/medicament/SpecialitePharmaceutique",
    "https://smt.esante.gouv.fr/terminologie-bdpm",
)
CIP13 = (
    "http://data.esante.gouv.fr/ansm/medicament/Presentation",
    "https://smt.esante.gouv.fr/terminologie-cip_ucd",
)

_SENTENCE_END: Final = re.compile(r"[.;!?](?=\s+[A-ZÀ-Ý])|\t")
_GOES_ON: Final = re.compile(
    r"\s*(?:\d|½|un |une |deux |trois |prendre|posologie|matin|midi|soir|le |si |max|ne pas"
    r"|a renouveler|q\.?s\.?p|pendant|pdt|durant|(?:traitement )?pour |x \d"
    r"|[a-z]+ \d+ (?:j|sem|mois))"
)
_CLOSE: Final = 0.9
"""Similarity below which a strength in common does not confirm a corrected name: many medicines
share one."""
_IDENTIFIER: Final = 11
"""Figures of a row that make it one of an identifier (RPPS), whatever its label was read as."""
_SHORT: Final = 40
"""Characters that are read beside a name even where no word of dosage is known among them."""
_PROSE: Final = 160
"""Characters behind a name in prose that may speak of its dosage."""
_BULLET: Final = re.compile(r"^\s*(?:[-–—•*·>→+□]|o(?=\s)|\d{1,2}\s*[).°/-]|\(\d{1,2}\))\s*(?=\S)")
_PRESCRIBING: Final = frozenset(["prescription", "treatment"])
_CONCLUDING: Final = frozenset(["conclusion", "plan"])
_TREATMENT: Final = re.compile(r"\W*(?:traitements?|ttt|tt|trt)\b(?P<plain>\s*(?:[:.-]|$))?")
_NOT_TAKEN: Final = frozenset(["allergies", "family", "tests", "orders", "lifestyle"])
_QUOTED: Final = re.compile(
    r"(?:par|mal[gq9]r[ec]|avec|sous|apres)\s+(?:\w{1,3}\s+|l'|de\s+la\s+)?$"
)
_DIGIT: Final = re.compile(r"\d")


@dataclass
class _Item:
    """A medicine on its way: its mention and the passages that speak of its use. `prescribed` tells
    that its row is of a prescription, `begun` that the treatment it is named in begins with this
    paper, `common_unsure` that what one row says for several may be said of the last alone,
    `unread_below` that the row right below its last one may go on with it and was not understood.
    """

    mention: Mention
    line: TextLine
    prefix: tuple[int, int]
    passages: list[tuple[TextLine, int, int]] = field(default_factory=list)
    said: Prescribed = field(default_factory=Prescribed)
    before: Prescribed = field(default_factory=Prescribed)
    action: MedicationAction | None = None
    ald: Span | None = None
    in_ald: bool = True
    common: tuple[TextLine, Prescribed] | None = None
    common_unsure: bool = False
    line_like: bool = False
    prescribed: bool = False
    begun: bool = False
    unread_below: bool = False


def read_medications(
    lines: Sequence[TextLine], settings: Settings, *, prescription: bool
) -> tuple[Medication, ...]:
    """The medicines that `lines` prescribe or say are taken, in reading order.

    `lines` are the rows of one document without letterhead and identity, each with its section;
    `prescription` tells that the document is an ordonnance, so that its untitled rows are
    prescription lines. Allergies and denied medicines are not returned.
    """
    terminology = Terminology.load(settings)
    items = _items(lines, terminology, prescription)
    _share_common(items)
    medications = [_medication(item, terminology) for item in items]
    return _without_repeats(medications, items)


# --- finding the lines ------------------------------------------------------------------------


def _items(lines: Sequence[TextLine], terminology: Terminology, prescription: bool) -> list[_Item]:
    items: list[_Item] = []
    zone: tuple[bool, Span] | None = None
    last: _Item | None = None
    last_row = -2
    below: tuple[TextLine, _Item] | None = None
    begins = concluded = False
    for position, line in enumerate(lines):
        concluded = concluded or line.section in _CONCLUDING
        title = _TREATMENT.match(line.folded)
        if title is not None:
            # « Traitement : » alone is what is taken in a history, what is given in a prescription
            begins = title["plain"] is not None and (prescription or concluded)
        heading = _zone(line)
        if heading is not None:
            zone, last = heading, None
            continue
        if line.section in _NOT_TAKEN and line.section != "lifestyle":
            last = None
            continue
        prescribing = line.section in _PRESCRIBING or (prescription and not line.section)
        found = _on_line(line, terminology, prescribing)
        if found:
            for item in found:
                item.begun = begins
                if zone is not None:
                    item.in_ald, item.ald = zone
            if below is not None:
                _only_its_own(items, *below)
                below = None
            items += found
            last, last_row = found[-1], position
            continue
        if not line.text.strip():
            continue
        if last is not None and position - last_row <= 3 and _continues(line, last):
            last.passages.append((line, 0, len(line.text)))
            last.said = _read(last)
            last_row = position
            continue
        common = _common(line) if items else None
        if common is not None:
            for item in items:
                if item.said.supply is None and item.common is None:
                    item.common = (line, common)
            if last is not None and position - last_row == 1 and not _FOR_ALL.search(line.folded):
                below = (line, last)
            last = None
            continue
        if last is not None and position - last_row == 1:
            last.unread_below = _may_go_on(line, lines[last_row])
        last = None
    if below is not None:
        row, owner = below
        for item in items:
            shared = item.common is not None and item.common[0] is row
            item.common_unsure = shared and item is not owner
    return items


_FOR_ALL: Final = re.compile(r"\btou(?:t|s|tes?)\b|\bensemble\b|ordonnance|prescription")
"""Words of a row that speaks of all medicines above it, not of the nearest alone."""


def _only_its_own(items: Sequence[_Item], row: TextLine, owner: _Item) -> None:
    """Leaves a row between two medicines, such as « QSP 1 mois », to the one it stands below."""
    for item in items:
        if item is not owner and item.common is not None and item.common[0] is row:
            item.common = None


def _may_go_on(line: TextLine, above: TextLine) -> bool:
    """Whether a row of a scan that was not understood may belong to the one close above it: it
    speaks of doses and days, or was hardly read."""
    if TEXT_ENGINE in (line.engine, above.engine) or line.page != above.page:
        return False
    close = line.level.y - above.level.bottom < max(line.level.height, above.level.height)
    if line.section != above.section or not close or _OTHER_MATTER.match(line.folded):
        return False
    unread = min(word.confidence for word in line.span().words) < HARDLY
    return unread or _MAY_CONTINUE.search(line.folded) is not None


def _zone(line: TextLine) -> tuple[bool, Span] | None:
    """Whether a row opens the zone of the long-lasting disease (ALD) or the other one."""
    text = line.folded
    if any(phrase in text for phrase in phrases_of("zones", "other")):
        return False, line.span()
    if any(phrase in text for phrase in phrases_of("zones", "ald")) and not _DIGIT.search(text):
        return True, line.span()
    return None


def _on_line(line: TextLine, terminology: Terminology, prescribing: bool) -> list[_Item]:
    """The medicines of one row, each with the stretch that speaks of it."""
    mentions = [
        _without_strength(line, mention, terminology)
        for mention in exact_mentions(line, terminology, lookalikes=prescribing)
    ]
    mentions = _brand_in_brackets(line, [m for m in mentions if not _is_everyday(line, m)])
    if prescribing:
        mentions = _acid(line, mentions, terminology)
    items: list[_Item] = []
    begin = 0
    kept: list[Mention] = []
    for mention in mentions:
        start = kept[-1].end if kept else 0
        told = prescribing and (kept or _DIGIT.search(line.text, 0, mention.start))
        if told and _REFERRED_TO.search(line.folded, start, mention.start):
            continue
        if not ((kept or prescribing) and _is_reason(line, start, mention.start)):
            kept.append(mention)
    kept = [mention for mention in kept if not _denied(line, mention)]
    for index, mention in enumerate(kept):
        end = kept[index + 1].start if index + 1 < len(kept) else len(line.text)
        item = _Item(mention, line, (begin, mention.start))
        item.line_like = _starts_line(line, mention)
        stop = end
        if not (item.line_like and prescribing):
            stop = min(_sentence_end(line, mention.end, end), mention.end + _PROSE)
        item.passages = [(line, _behind_name(line, mention), stop)]
        begin = end
        item.said = _read(item)
        item.before = _before(line, *item.prefix)
        items.append(item)
    items = _misspelled(line, terminology, items, prescribing)
    real = [item for item in items if _is_medicine(item, prescribing)]
    if len(real) < len(items):
        # a word that is no medicine belongs to what is said of the one before it
        for item in real:
            later = [
                other.mention.start for other in real if other.mention.start > item.mention.end
            ]
            first, start, end = item.passages[0]
            stop = min(later, default=len(line.text))
            if end < stop and item.line_like and prescribing:
                item.passages = [(first, start, stop)]
                item.said = _read(item)
    items = real
    for item in items:
        item.prescribed = prescribing
    if prescribing:
        _doses_in_front(line, items)
    _switches(items)
    if not items or (not items[0].line_like and prescribing):
        unknown = _unlisted(line, terminology, prescribing, items)
        if unknown is not None:
            own = [item for item in items if item.said.says_anything]
            items = [unknown, *own] if unknown.passages[0][2] < len(line.text) else [unknown]
    return items


def _is_sum(number: str, entry: Entry | None) -> bool:
    """Whether a number is what the substances of a medicine weigh together: « Modopar 125 » holds
    100 mg and 25 mg."""
    if entry is None or len(entry.strengths) != 1 or len(entry.strengths[0]) < 2:
        return False
    return sum(amount for amount, _ in entry.strengths[0]) == Decimal(number.replace(",", "."))


_LAST_WORD: Final = re.compile(r"(?<=\s)[^\W\d_]{3,}$")


def _behind_name(line: TextLine, mention: Mention) -> int:
    """Where the words behind a name begin: with the form that is part of it, as in
    « Spasfon Lyoc »."""
    last = _LAST_WORD.search(line.folded, mention.start, mention.end)
    if last is None:
        return mention.end
    meanings = vocabulary().phrases.get((last.group(),), {})
    return last.start() if {"unit", "form"} & meanings.keys() else mention.end


_NUMBERED: Final = re.compile(r"(?P<name>.*[^\W\d_])\s+(?P<number>\d+(?:[.,]\d+)?)")
_UNIT: Final = re.compile(r"\s?(?:mg|g|µg|microg\w*|mcg|ui|%)(?![a-z0-9])")


def _without_strength(line: TextLine, mention: Mention, terminology: Terminology) -> Mention:
    """« MACROGOL 4000 mg »: a number that has its unit is a strength, though names have it too."""
    match = _NUMBERED.fullmatch(mention.text)
    if match is None:
        return mention
    if _is_sum(match["number"], mention.entry):
        end = mention.start + match.end("name")
        return replace(mention, end=end, text=match["name"], name=match["name"].upper())
    if _UNIT.match(line.folded, mention.end) is None:
        return mention
    shorter = line.piece(0, mention.start + match.end("name"))
    found = () if shorter is None else tuple(exact_mentions(shorter, terminology))
    return next((one for one in found if one.start == mention.start), mention)


_NAME: Final = r"((?:acide |Acide |ACIDE )?[^\W\d_][\w'-]{4,}(?:\s(?:lp|LP))?)\s+"
_NAME_AND_STRENGTH: Final = re.compile(_NAME + r"(?=\d[\d ,.]*\s?(?:mg|g|µg|microg|mcg|ui|UI)\b)")
_NAME_AND_FIGURE: Final = re.compile(_NAME + r"(?=\d{1,4}\b|\d[\d,.]*\s?[a-zµ])")
_LONE_FIGURE: Final = re.compile(r"\s*(?P<value>\d+(?:[.,]\d+)?)\s*(?:$|[,;+&)]|et\b)")
_ACTION_AND_NAME: Final = re.compile(
    r"(?i:\b(?:arr[eê]t(?:er)?|stop(?:per)?|suspendre|remplacer|poursui(?:vre|te)|continuer"
    r"|reprendre)\s+(?:(?:de|du|le|la)\s+|[dl]['’])?)([^\W\d_]{6,})"
)
"""What is stopped or goes on may stand there without its strength."""
_FEW_LETTERS: Final = 5
"""Letters up to which a name that the engine only offered may be another word."""
_FAR: Final = 0.8
"""Similarity under which a strength has to confirm a name."""
_LIKE: Final = 0.85
"""Similarity from which a name is taken for a listed one that no strength confirms."""


def _nearest(
    line: TextLine,
    row: Sequence[Word],
    behind: Sequence[Word],
    terminology: Terminology,
    strengths: Strengths,
) -> Mention | None:
    """The medicine that the words `row` nearly spell, with the number `behind` them where a name
    ends with it (`PREVENAR 13`)."""
    if behind and re.fullmatch(r"\d{2,4}", behind[0].text):
        numbered = near_mention(line, [*row, behind[0]], terminology)
        if numbered is not None and numbered.listed.endswith(" " + behind[0].text):
            return numbered
    return near_mention(line, row, terminology, strengths=strengths)


def _acid(line: TextLine, mentions: list[Mention], terminology: Terminology) -> list[Mention]:
    """`Aeide folique`: the acid whose first word was misread."""
    before = words(line, 0, mentions[0].start) if mentions else []
    if not before or before[-1].text == "acide":
        return mentions
    name = f"acide {fold_name(mentions[0].text)}"
    entries = terminology.at(name)
    if not entries or OSA.distance(before[-1].text, "acide") > 2:
        return mentions
    start = before[-1].start
    whole = replace(
        mentions[0], start=start, text=line.text[start : mentions[0].end],
        match=Match.NORMALISED, similarity=0.9, entries=entries, listed=name,
    )  # fmt: skip
    return [whole, *mentions[1:]]


def _misspelled(
    line: TextLine, terminology: Terminology, items: list[_Item], prescribing: bool
) -> list[_Item]:
    """Adds misspelled names that stand in front of a strength which their medicine has."""
    found: list[_Item] = []
    patterns = (_NAME_AND_FIGURE, _ACTION_AND_NAME) if prescribing else (_NAME_AND_STRENGTH,)
    for match in itertools.chain.from_iterable(one.finditer(line.text) for one in patterns):
        start, end = match.span(1)
        if any(i.mention.start < end and start < i.mention.end for i in [*items, *found]):
            continue
        row = words(line, start, end)
        if not row or row[0].text in words_of("ordinary") | words_of("no_name", "words"):
            continue
        if terminology.at(row[0].text) or vocabulary().known(row[0].text) is not None:
            continue
        if _no_medicine().search(line.folded[max(0, start - 60) : start]):
            continue
        stop = min((i.mention.start for i in items if i.mention.start > start), default=None)
        item = _Item(Mention(start, end, "", Match.NONE, 0.0), line, (start, start))
        item.passages = [(line, end, len(line.text) if stop is None else stop)]
        item.said = _read(item)
        figure = _LONE_FIGURE.match(line.text, end)
        asked = _base_strengths(item.said)
        if not asked and figure is not None and prescribing:
            asked = ((Decimal(figure["value"].replace(",", ".")), ""),)
        near = _nearest(line, row, words(line, end), terminology, asked)
        entry = None if near is None else near.entry
        if near is None or entry is None or near.similarity < 0.8:
            continue
        acted = match.re is _ACTION_AND_NAME and near.similarity >= _LIKE
        if entry.is_insulin and prescribing:  # its units are a dose, no strength
            item.mention = near
            item.said = _read(item)
        elif not (acted or near.end > end) and (
            not asked or (entry.has_strength(asked) is False and not _is_multiple(item.said, entry))
        ):
            continue
        item.mention = near
        if near.end > end:
            item.passages = [(line, near.end, item.passages[0][2])]
            item.said = _read(item)
        item.line_like = _starts_line(line, near)
        found.append(item)
    if not found:
        return items
    everything = sorted([*items, *found], key=lambda item: item.mention.start)
    for place, item in enumerate(everything):
        if item in found or (place and everything[place - 1] in found):
            earlier = everything[place - 1].mention.end if place else 0
            item.before = _before(line, earlier, item.mention.start)
    for item, following in itertools.pairwise(everything):
        first, start, end = item.passages[0]
        if end > following.mention.start:
            item.passages = [(first, start, following.mention.start)]
            item.said = _read(item)
    return everything


def _sentence_end(line: TextLine, start: int, end: int) -> int:
    """Where the sentence that begins at `start` ends, no later than `end`."""
    for match in _SENTENCE_END.finditer(line.text, start, end):
        if not _GOES_ON.match(line.folded, match.end()):
            return match.start()
    return end


def _brand_in_brackets(line: TextLine, mentions: list[Mention]) -> list[Mention]:
    """`POTASSIUM (Diffu-K)` names one medicine: the brand, which is the more precise name."""
    result: list[Mention] = []
    for mention in mentions:
        last = result[-1] if result else None
        between = line.folded[last.end : mention.start] if last is not None else ""
        if last is not None and re.fullmatch(r"\s*[®]?\s*\(\s*", between):
            if mention.entry is not None and mention.entry.kind == "brand":
                result[-1] = mention
                continue
            if last.entry is not None and last.entry.kind == "brand":
                continue
        result.append(mention)
    return result


_REFERRED_TO: Final = re.compile(
    r"(?:\b(?:apre[s5]|avant|a distance d[eu]|a distance de la)\s+|\bd'intervalle avec\s+)"
    r"(?:la prise (?:de |du )?|l[ea] |[li1]')?$"
)
"""« 48 h après la Mifégyne »: a medicine that only tells when another is taken."""


def _doses_in_front(line: TextLine, items: Sequence[_Item]) -> None:
    """Gives each medicine the dose in front of its name, which is not of the one before."""
    for place, item in enumerate(items):
        before = items[place - 1] if place else None
        bullet = _BULLET.match(line.text)
        first = before.mention.end if before else bullet.end() if bullet else 0
        start = _dose_in_front(line, first, item.mention.start)
        if start is None or item.passages[0][1] < item.mention.end:
            continue
        item.passages = [(line, start, item.mention.start), *item.passages]
        item.said = _read(item)
        item.line_like = item.line_like or before is None
        if before is not None and before.passages[-1][2] > start:
            row, begin, _ = before.passages[-1]
            before.passages[-1] = (row, begin, start)
            before.said = _read(before)


def _dose_in_front(line: TextLine, start: int, end: int) -> int | None:
    """Where the dose begins in front of a name: `Prendre 1 comprimé de Spasfon`, or its form:
    `collyre Azarga`."""
    if end - start < 4:
        return None
    found = elements(line.text[start:end])
    if start < 4 and len(found) == 1 and isinstance(found[0], Form):
        return start if found[0].name not in (None, "vaccin") else None
    of = bool(found) and isinstance(found[-1], Mark) and found[-1].text in ("de", "d", "du")
    for place in range(len(found) - 1, -1, -1):
        element = found[place]
        if isinstance(element, Amount):
            counted = element.kind == "count" or element.unit == "ml"
            led = all(isinstance(e, Mark) and e.text.isalpha() for e in found[:place])
            return start + element.start if counted and (of or led) else None
        word = isinstance(element, Mark) and element.text.isalpha()
        if not (word or isinstance(element, Route | Form)):
            return None
    return None


def _is_reason(line: TextLine, start: int, end: int) -> bool:
    """Whether a medicine is only named in a complaint ("non calmée par le paracétamol")."""
    text = line.folded[start:end]
    return bool(_QUOTED.search(text)) and bool(
        re.search(r"\b(?:si|en cas|calm\w*|soulag\w*|mal[gq9]r[ec]|insuffisan\w*)\b", text)
    )


_SAID_NO: Final = re.compile(r"\s*:?\s*(?:non|nori|rion|n0n)\s*(?:[,;.)]|$)")


def _denied(line: TextLine, mention: Mention) -> bool:
    """Whether the words around it say that the medicine is not taken, or not as a medicine."""
    if _SAID_NO.match(line.folded, mention.end):
        return True
    start = 0
    for match in _SENTENCE_END.finditer(line.text, 0, mention.start):
        start = match.end()
    before = line.folded[start : mention.start]
    plain = re.sub(r"[^a-z0-9'-]+", " ", before).strip()
    if _no_medicine().search(plain):
        return True
    return any(plain.endswith((" " + w, w + " le", w + " la")) or plain == w
               for w in phrases_of("negated", "near"))  # fmt: skip


@cache
def _no_medicine() -> re.Pattern[str]:
    """The words in front of a name that make it an allergy, a level or a misuse."""
    phrases = "|".join(re.escape(phrase) for phrase in phrases_of("negated", "before"))
    return re.compile(rf"\b(?:{phrases})\b")


def _starts_line(line: TextLine, mention: Mention) -> bool:
    """Whether nothing but bullets and lead words stands in front of the name."""
    bullet = _BULLET.match(line.text)
    start = bullet.end() if bullet else 0
    if mention.start - start > _PROSE:
        return False
    before = words(line, min(start, mention.start), mention.start)
    lead = words_of("lead", "words")
    return len(before) < 8 and all(
        # a bullet or a number may be read as any single character
        word.text in lead or word.text.isdecimal() or len(word.text) == 1
        for word in before
    )


def _is_everyday(line: TextLine, mention: Mention) -> bool:
    """Whether a name is an ordinary word inside a row (`pommade`), which cuts no dosage in two."""
    folded = fold_name(line.text[mention.start : mention.end])
    return folded in words_of("everyday") and not _starts_line(line, mention)


def _is_medicine(item: _Item, prescribing: bool) -> bool:
    """Whether a listed name is a medicine here, and not a word, a value or a place."""
    mention, line = item.mention, item.line
    folded = mention.listed or line.folded[mention.start : mention.end]
    folded = re.sub(r"[^a-z0-9]+", " ", folded).strip()
    dosed = bool(item.said.strength or any(d.dose or d.timing for d in item.said.dosages))
    if line.kind is ZoneKind.STAMP and not dosed:
        return False  # nobody prescribes by a stamp; its words are badly read
    after = line.folded[mention.end : mention.end + 24].strip(" :=")
    number = re.match(r"[<>]?\s*\d[\d.,]*\s*([a-zµ%/0-9]+)", after)
    branded = mention.entry is not None and mention.entry.kind == "brand"  # « LANTUS 100 UI/mL »
    if (
        number
        and not branded
        and any(number.group(1).startswith(u) for u in phrases_of("laboratory", "units"))
    ):
        return False
    written = line.text[mention.start : mention.end]
    if folded in words_of("everyday"):
        return prescribing and written.isupper() and dosed and item.line_like
    if folded in words_of("ambiguous"):
        precise = item.said.strength is not None and bool(item.said.dosages)
        acted = prescribing and _action(item.before) in ("switch", "stop", "continue")
        return (dosed or acted) and (item.line_like or prescribing or precise)
    if len(folded) <= 3 and folded.isalpha():
        return prescribing and item.line_like
    if line.section == "lifestyle":
        return dosed
    if len(folded) <= 5 and written.islower() and mention.entry is not None:
        return dosed and (item.line_like or prescribing)
    if mention.entry is not None and mention.entry.kind == "homeopathic":
        return bool(re.match(r"\d{1,3}\s?(?:ch|dh|k)\b", after)) or (prescribing and dosed)
    return True


_LABEL: Final = 9
"""Letters from which a word two letters away from one that is no name is that word misread."""


def _is_no_name(word: str) -> bool:
    """Whether a folded word is none of a medicine's name: « prendre », « resologie »."""
    known = words_of("no_name", "words")
    if word in known or word in words_of("ordinary"):
        return True
    long = len(word) >= _LABEL
    return long and any(len(k) >= _LABEL and OSA.distance(k, word) <= 2 for k in known)


def _unlisted(
    line: TextLine, terminology: Terminology, prescribing: bool, items: Sequence[_Item]
) -> _Item | None:
    """A prescription line whose first words are in no list: a near name, or the words as read."""
    if line.kind is ZoneKind.STAMP or len(_DIGIT.findall(line.text)) >= _IDENTIFIER:
        return None
    bullet = _BULLET.match(line.text)
    begin = bullet.end() if bullet else 0
    dosed_at = begin
    begin = _behind_dose(line, begin) if prescribing else begin
    row = words(line, begin)
    lead = words_of("lead", "words")
    skipped = 0
    misread = vocabulary().misread
    while skipped < len(row) and misread.get(row[skipped].text, row[skipped].text) in lead:
        skipped += 1
    row = row[skipped:]
    if not row or row[0].text.isdecimal():
        return None
    if len(row[0].text) < 3 and (len(row) < 2 or near_mention(line, row[:2], terminology) is None):
        return None  # unless a name was cut in two: « Sk énan »
    if _is_no_name(row[0].text):
        return None
    # A word of dosage in small letters goes on with the row above: « jours puis 2 cp ».
    if vocabulary().known(row[0].text) is not None and line.text[row[0].start].islower():
        return None
    start = row[0].start
    size = _name_size(line, row)
    if size == 0:
        return None
    end = row[size - 1].end
    if items and items[0].mention.start < end:
        return None
    if not prescribing and not _DIGIT.search(line.text, end, end + 40):
        return None
    if _no_medicine().search(line.folded):
        return None
    cut = items and not _is_reason(line, end, items[0].mention.start)
    stop = items[0].mention.start if cut else min(len(line.text), end + 2 * _PROSE)
    name = Mention(start, end, line.text[start:end], Match.NONE, 0.0)
    front = [(line, dosed_at, begin)] if begin > dosed_at else []
    item = _Item(name, line, (begin, start), [*front, (line, end, stop)], line_like=True)
    item.said = _read(item)
    item.before = _before(line, 0, start)
    item.action = _ACTIONS.get(_action(item.before))
    dosages = item.said.dosages
    strong = item.said.strength is not None
    dosed = any(d.dose is not None for d in dosages)
    timed = any(d.timing is not None for d in dosages)
    counted = any(d.dose is not None and _has_unit(d) for d in dosages)
    likely = (strong and (dosed or timed)) or (counted and timed)
    limited = any(d.max_dose is not None or d.as_needed for d in dosages)
    told = likely or strong or (prescribing and (counted or limited or (dosed and timed)))
    formed = prescribing and (timed or item.said.form is not None)
    if not (told or formed):
        return None
    asked = _base_strengths(item.said)
    mention = _nearest(line, row[:size], row[size:], terminology, asked)
    far = mention is not None and mention.match is Match.FUZZY and mention.similarity < _FAR
    if far and mention is not None and mention.entry is not None:
        mention = mention if mention.entry.has_strength(asked) else None
    if not told and (mention is None or mention.similarity < _LIKE):
        return None
    if mention is not None:
        item.mention = mention
        item.passages = [*front, (line, mention.end, stop)]
        item.said = _read(item)
        return item
    # dates and sizes of a report look like strengths: a name in no list needs more than them
    strength = item.said.strength
    united = strength is not None and all(part.unit for part in strength.value.parts)
    needed = any(d.as_needed for d in dosages)
    listed = prescribing and line.section in ("", "prescription")
    if not united and _DATED.search(line.folded):
        return None
    untitled = listed and (strong or counted or dosed)
    rhythm = any(d.timing and (d.timing.frequency or d.timing.count) for d in dosages)
    if not (untitled or ((united or counted) and (rhythm or needed))):
        return None
    if not prescribing and not (strong and dosed and timed and _looks_named(line, start, end)):
        return None
    if item.said.unexplained and not prescribing:
        return None
    return item


def _behind_dose(line: TextLine, start: int) -> int:
    """Where the name begins behind a dose that opens a row: `2 bouffées de …`."""
    found = elements(line.text[start : start + 60])
    for element, following in itertools.pairwise(found):
        if isinstance(element, Amount):
            of = isinstance(following, Mark) and following.text in ("de", "d")
            counted = element.kind == "count" or element.unit == "ml"
            return start + following.end if of and counted else start
        if not (isinstance(element, Mark) and element.text.isalpha()):
            break
    return start


_DATED: Final = re.compile(
    r"\b\d{1,2}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?\d{2,4}\b"
    r"|\b(?:au|le|du) \d{1,2}/\d{1,2}\b"
    r"|\b(?:janv|fevr|mars|avr|mai|juin|juil|aout|sept|oct|nov|dec)[a-z]*\.?\s+(?:19|20)\d\d\b"
)


def _has_unit(dosage: Dosage) -> bool:
    """Whether a dose counts something: tablets, millilitres, units."""
    dose = dosage.dose
    return bool(dose.unit if isinstance(dose, Quantity) else dose and dose.high.unit)


def _looks_named(line: TextLine, start: int, end: int) -> bool:
    text = line.text[start:end]
    return text[:1].isupper() and " " not in text.strip()


def _name_size(line: TextLine, row: Sequence[Word]) -> int:
    """How many words stand in front of the first number or word of dosage."""
    known = vocabulary()
    size = 0
    for word in row[:5]:
        if word.text[0].isdigit() or any(
            c in line.text[word.start - 1 : word.start] for c in "(:,"
        ):
            break
        if size and known.known(word.text) is not None and word.text not in ("lp", "vitamine"):
            break
        if size and len(word.text) > 4 and {"form", "unit"} & readings(word.text):
            break
        written = line.text[word.start : word.end]
        if size and (
            re.fullmatch(r"[IVXL]+", written) or re.fullmatch(r"[IlOS\d]*\d[IlOS\d]*", written)
        ):
            break
        size += 1
    return size


# --- reading beside the name ------------------------------------------------------------------


def _read(item: _Item) -> Prescribed:
    text = "\n".join(line.text[start:end] for line, start, end in item.passages)
    silent = not _MAY_CONTINUE.search(fold(text)) and not _TELLING.search(fold(text))
    if silent and (not item.line_like or len(text) > _SHORT):
        return Prescribed()
    entry = item.mention.entry
    strengths: set[Decimal] = set()
    insulin = False
    if entry is not None:
        insulin = entry.is_insulin
        for offered in entry.strengths:
            for amount, unit in offered:
                strengths.add(amount)
                if unit == "mg":
                    strengths |= {amount / 1000, amount * 1000}
    return read_dosage(
        text.replace("\t", " "),
        strengths=strengths,
        forms=() if entry is None else entry.forms,
        insulin=insulin,
    )


def _before(line: TextLine, start: int, end: int) -> Prescribed:
    """What the words in front of a name say of it, in the same sentence."""
    for match in _SENTENCE_END.finditer(line.text, start, end):
        start = match.end()
    if end - start > 40 and not _TELLING.search(line.folded, start, end):
        return Prescribed()
    return read_dosage(line.text[max(start, end - 80) : end])


def _switches(items: list[_Item]) -> None:
    """Tells which of two medicines on a row takes the other's place."""
    for index, item in enumerate(items):
        if item.action is None:
            item.action = _ACTIONS.get(_action(item.before))
        here = _action(item.said)
        following = items[index + 1] if index + 1 < len(items) else None
        if here == "switch":
            text = item.line.folded[
                item.mention.end : (following.mention.start if following else None)
            ]
            instead = re.search(r"remplacement d|a la place d|au lieu d|en relais d|relais d", text)
            if following is not None and instead:
                item.action, following.action = MedicationAction.SWITCH, MedicationAction.STOP
            elif following is not None:
                item.action = MedicationAction.STOP
                following.action = MedicationAction.SWITCH
            elif item.action is None:
                item.action = MedicationAction.SWITCH
        elif _action(item.before) == "switch" and following is not None and index == 0:
            between = item.line.folded[item.mention.end : following.mention.start]
            if re.search(r"\bpar\b|\bpour\b|->|→", between):
                item.action = MedicationAction.STOP
                following.action = MedicationAction.SWITCH
        elif here in ("stop", "past", "continue") and following is not None:
            # "X 10 mg, arrêt Y": the word in front of the next name belongs to it
            said = item.said.action
            assert said is not None
            between = item.line.text[item.mention.end : following.mention.start]
            if _ARTICLES.fullmatch(between[said.end :]):
                following.action = _ACTIONS[here]
                item.said = replace(item.said, action=None)
    for item, following in itertools.pairwise(items):
        if following.action is None and item.action in _SHARED and not _action(following.said):
            between = item.line.folded[item.mention.end : following.mention.start]
            if _AND.search(between):
                following.action = item.action  # "Poursuivre Kardégic 75 et Tahor 20"


_ARTICLES: Final = re.compile(r"[\s:,]*(?:(?:de|du|des|le|la|les|son|sa)\s+|[ld]['’])*[\s:,]*")
_SHARED: Final = (MedicationAction.CONTINUE, MedicationAction.STOP)
_AND: Final = re.compile(r"\b(?:et|ainsi que)\s+(?:l[ea]s?\s+|l'|d[eu]\s+|d')?$")
_TELLING: Final = re.compile(
    r"besoin|\bsb\b|\bsi\b|demande|poursui|continu|mainten|maintien|idem|inchange|reconduc"
    r"|arret|stop|suspen|interrom|cess|sevrage|rempla|relai|relay|switch|place|lieu|passage|passer"
    r"|introdui|introduction|debut|instaur|ajout|commenc|initi|repris|reprendre|pause|renouvel"
    r"|terap|changer|majore|augment|diminu|mise|prescri"
)
_ACTIONS: Final = {
    "continue": MedicationAction.CONTINUE,
    "stop": MedicationAction.STOP,
    "past": MedicationAction.STOP,
    "switch": MedicationAction.SWITCH,
    "start": MedicationAction.START,
}


def _action(said: Prescribed) -> str:
    return "" if said.action is None else said.action.value


_MAY_CONTINUE: Final = re.compile(
    r"\d|/j|\bcp|matin|midi|soir|jour|coucher|fois|besoin|renouvel|substitu|\bns\b|\bnr\b|\bsi\b|\bun"
    r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|quotidien|hebdo|mensuel|voie|per os"
    r"|boite|qsp|\bx\b|repas|jeun|semaine|mois|application|comprime|gelule|sachet|heure|gramme"
    r"|goutte|gtte|bouff|pulv|narine|dosette|ampoule|patch|suppo|ovule|inject|capsule|cuill|dose"
    r"|\bgel\b|creme|pommade|lotion|collyre|couche|lesion|\bsur l"
)
_OTHER_MATTER: Final = re.compile(
    r"[\W\d_]*(?:(?:a |a re)?revoir|rdv|rendez[- ]vous|reviendra|reconsulter|arret de travail"
    r"|surveillance|(?:prochaine? )?(?:controle|consultation|visite))\b"
)
_MAY_SHARE: Final = re.compile(r"qsp|q\.s|pour|renouvel|\bar\b|\bnr\b|traitement|ordonnance|tout")


def _continues(line: TextLine, last: _Item) -> bool:
    """Whether a row without a name goes on with the dosage of the medicine above it."""
    if line.section != last.line.section:
        return False
    if not last.line_like or not _MAY_CONTINUE.search(line.folded) or len(line.text) > 160:
        return False
    if _OTHER_MATTER.match(line.folded):
        return False
    said = read_dosage(line.text.replace("\t", " "))
    if not said.dosages and said.dispense_quantity is None and said.substitution is None:
        return False
    if said.action is not None:
        return False
    explained = not said.unexplained or len(" ".join(said.unexplained)) < 0.3 * len(line.text)
    dosed = any(
        d.dose is not None or d.timing is not None or d.as_needed or d.max_dose is not None
        for d in said.dosages
    )
    return explained and (dosed or not said.dosages)


def _common(line: TextLine) -> Prescribed | None:
    """A row that gives a duration or renewal for the medicines above it."""
    if len(line.text) > 120 or not _MAY_SHARE.search(line.folded):
        return None
    said = read_dosage(line.text.replace("\t", " "))
    if said.supply is None and said.repeats is None:
        return None
    # A row that says how to take something is about one medicine, though its name was not read.
    if any(d.dose is not None or (d.timing and _times(d.timing)) for d in said.dosages):
        return None
    loose = set(re.findall(r"[^\W\d_]+", " ".join(said.unexplained).lower()))
    allowed = {w for phrase in phrases_of("common", "words") for w in phrase.split()}
    return said if loose <= allowed | {"prescription", "pour"} else None


def _times(timing: Timing) -> bool:
    """Whether a timing says more than how long."""
    return timing.model_copy(update={"bounds": None}) != Timing()


def _share_common(items: Sequence[_Item]) -> None:
    """ "le tout pendant 7 jours" behind the last medicine of a row is said of all of them."""
    for index, item in enumerate(items):
        text = item.line.folded[item.mention.end :]
        if not re.search(r"\b(?:le ?t[o0]ut|l'ensemble|tous|les deux|les 2|les trois)\b", text):
            continue
        bounds = next(
            (d.timing.bounds for d in item.said.dosages if d.timing and d.timing.bounds), None
        )
        for other in items[:index]:
            if other.line is not item.line:
                continue
            if item.said.supply is not None and other.said.supply is None:
                other.common = (item.line, item.said)
            if bounds is not None:
                other.said = _bounded(other.said, bounds)


def _bounded(said: Prescribed, bounds: object) -> Prescribed:
    if said.steps is None:
        return said
    steps = tuple(
        d.model_copy(update={"timing": d.timing.model_copy(update={"bounds": bounds})})
        if d.timing is not None and d.timing.bounds is None
        else d
        for d in said.steps.value
    )
    return replace(said, steps=replace(said.steps, value=steps))


# --- values -----------------------------------------------------------------------------------


def _spans(item: _Item, start: int, end: int) -> list[Span]:
    """The spans on the rows of a stretch of an item's joined passages."""
    spans: list[Span] = []
    offset = 0
    for line, first, last in item.passages:
        length = last - first
        low, high = max(start, offset), min(end, offset + length)
        if low < high:
            span = line.span(first + low - offset, first + high - offset)
            if span.start < span.end and span.words:
                spans.append(span)
        offset += length + 1
    return spans


def _value(
    item: _Item, kind: Kind, found: Found[T] | None, rule: str, **more: object
) -> Value[T] | None:
    if found is None:
        return None
    spans = _spans(item, found.start, found.end)
    if not spans:
        return None
    if found.repaired and "doubts" not in more:
        more["doubts"] = (RESTORED,)
    return value(kind, found.value, spans, rule, **more)  # type: ignore[arg-type]


def _medication(item: _Item, terminology: Terminology) -> Medication:
    said = item.said
    entry = item.mention.entry
    asked = _base_strengths(said)
    known = None if entry is None else entry.has_strength(asked)
    weighed = [str(part.value) for part in said.strength.value.parts] if said.strength else []
    whole = len(weighed) == 1 and _is_sum(weighed[0], entry)
    if known is False and (whole or _is_multiple(said, entry)):
        known = None
    drug = _drug(item, terminology, known)
    struck = item.line.struck
    if struck:
        drug = doubted(drug, "Ligne barrée sur le document.")
    unread = item.prescribed and not item.line_like
    unread = unread and any(len(word) > 4 for word in item.before.unexplained)
    unread = unread or _unsure_in_front(item)
    if (item.action in _SHARED and item.before.unexplained) or unread:
        drug = doubted(drug, "Des mots devant ce nom n'ont pas été compris.")
    strength_doubts = (
        (f"Aucune présentation connue de {_shown(item)} n'a ce dosage.",) if known is False else ()
    )
    if said.strength is not None and any(not part.unit for part in said.strength.value.parts):
        strength_doubts = (*strength_doubts, "Dosage écrit sans unité.")
    if not known:  # a presentation confirms its figures
        strength_doubts = (*strength_doubts, *_handwritten(item, said.strength))
    strength = _value(
        item, "strength", said.strength, "dosage.strength",
        trust=1.0 if known else 0.97, doubts=strength_doubts,
        decisive=_figures(item, said.strength) if known else None,
    )  # fmt: skip
    dosage = _dosage(item)
    supply = _value(item, "supply", said.supply, "dosage.supply") or _shared(item, "supply")
    if dosage is not None and supply is not None and supply.state is not State.SURE:
        dosage = doubted(dosage, SUPPLY_UNSURE)
    return Medication(
        drug=drug,
        strength=strength,
        form=_form(item),
        dosage=dosage,
        action=_final_action(item, struck),
        repeats=_value(
            item, "supply", said.repeats, "dosage.renewal", doubts=_uncounted_renewal(item)
        )
        or _shared(item, "repeats"),
        supply_duration=supply,
        dispense_quantity=_value(item, "supply", said.dispense_quantity, "dosage.dispense"),
        dispense_interval=_value(item, "supply", said.dispense_interval, "dosage.dispense"),
        substitution=_value(item, "substitution", said.substitution, "dosage.substitution"),
        ald=_ald(item),
    )


def _figures(item: _Item, found: Found[T] | None) -> Span | None:
    """The figures of a strength: where the medicine is known to have it, its unit is certain."""
    if found is None:
        return None
    for span in _spans(item, found.start, found.end):
        last = max((match.end() for match in _DIGIT.finditer(span.text)), default=0)
        if last:
            return span.line.span(span.start, span.start + last)
    return None


def _shown(item: _Item) -> str:
    entry = item.mention.entry
    return item.mention.text if entry is None else entry.name


def _listed(item: _Item) -> str:
    """The name a misread one was taken for: `SCOPODERM`, by which `SCOPODERM TTS` is known too."""
    shown, listed = _shown(item), item.mention.listed
    return listed.upper() if listed and listed != fold_name(shown) else shown


def _unsure_in_front(item: _Item) -> bool:
    """Whether a word in front of a name was hardly read: « ce aprovel » may be another medicine,
    « Assergies : aspirine » none."""
    start, end = item.prefix
    return any(
        word.confidence < HARDLY and re.search(r"[^\W\d_]{2}", word.text)
        for word in item.line.span(start, end).words
    )


def _in_pieces(mention: Mention) -> bool:
    """Whether a space stands in a name that has none: « co aprovel »."""
    name = "" if mention.entry is None else fold_name(mention.entry.name)
    read = fold_name(mention.text)
    return " " in read and " " not in name and squash(read) == squash(name)


def _shared(item: _Item, name: str) -> Value[T] | None:
    """A value said once for several medicines, with the evidence of the row that says it."""
    if item.common is None:
        return None
    line, said = item.common
    found: Found[T] | None = getattr(said, name)
    if found is None:
        return None
    span = line.span() if line is item.line else line.span(found.start, found.end)
    doubts = (
        *((RESTORED,) if found.repaired else ()),
        *((ONE_FOR_ALL,) if item.common_unsure else ()),
    )
    return value("supply", found.value, span, f"dosage.{name}.common", doubts=doubts)


def _base_strengths(said: Prescribed) -> Strengths:
    if said.strength is None:
        return ()
    return tuple(base(part.value, part.unit) for part in said.strength.value.parts)


def _is_multiple(said: Prescribed, entry: Entry | None) -> bool:
    """Whether the one amount of a line is a dose of several units ("Solupred 80 mg")."""
    asked = _base_strengths(said)
    if entry is None or len(asked) != 1 or said.strength is None:
        return False
    part = said.strength.value.parts[0]
    same = any(
        isinstance(d.dose, Quantity) and d.dose.value == part.value and d.dose.unit == part.unit
        for d in said.dosages
    )
    amount, unit = asked[0]
    offered = {v for strengths in entry.strengths for v, u in strengths if u == unit and v > 0}
    return same and any((amount * 2) % v == 0 for v in offered)


def _handwritten(item: _Item, found: Found[T] | None) -> tuple[str, ...]:
    """A doubt where a digit was written by hand and not read beyond question."""
    if found is None:
        return ()
    for span in _spans(item, found.start, found.end):
        if span.line.kind is not ZoneKind.HANDWRITTEN:
            continue
        if any(_DIGIT.search(word.text) and word.confidence < 0.95 for word in span.words):
            return ("Chiffre manuscrit à vérifier.",)
    return ()


def _uncounted_renewal(item: _Item) -> tuple[str, ...]:
    """A doubt where a hand ended its row with « AR »: the number may stand on the next one."""
    found = item.said.repeats
    if found is None:
        return ()
    (*_, span) = _spans(item, found.start, found.end) or [item.line.span()]
    ends = span.end == len(span.line.text.rstrip()) and not _DIGIT.search(span.text)
    by_hand = span.line.kind is ZoneKind.HANDWRITTEN
    return (RENEWAL_UNCOUNTED,) if ends and by_hand and found.value else ()


def _drug(item: _Item, terminology: Terminology, known: bool | None) -> Value[Drug]:
    mention, entry = item.mention, item.mention.entry
    doubts: list[str] = []
    remarks: list[str] = []
    trust = 1.0
    if mention.match is Match.NONE:
        doubts.append("Médicament absent des listes : nom gardé tel qu'il a été lu.")
        trust = 0.75
    elif mention.match is not Match.EXACT:
        far = round(100 * mention.similarity)
        remarks.append(f"Nom rapproché de {_shown(item)} (ressemblance {far} %).")
        if mention.match is Match.LATTICE and not known and len(mention.listed) <= _FEW_LETTERS:
            doubts.append("Nom court que rien d'autre sur la ligne ne confirme.")
        if mention.match is Match.FUZZY:
            trust = 0.95 if known else 0.8
            if not known:
                doubts.append("Nom corrigé sans que le dosage le confirme.")
            elif mention.similarity < _CLOSE:
                doubts.append("Nom corrigé de plusieurs lettres.")
        else:
            trust = 0.98 if known else 0.94
        if known is False:
            doubts.append("Le dosage écrit n'existe pas pour ce nom.")
        if mention.others:
            remarks.append("Autres noms proches : " + ", ".join(mention.others) + ".")
    substances = mention.substances
    name: str | None = mention.name or None
    if entry is not None:
        substances = substances or entry.substances
        name = name or _canonical(mention, entry)
        name = _with_variant(item, name)
    codings, products = _codings(item, terminology)
    # What was misread is not what is written: the evidence keeps it.
    as_read = mention.match in (Match.EXACT, Match.NONE) and not _in_pieces(mention)
    written = mention.text if as_read else _listed(item)
    drug = Drug(
        text=written,
        name=name,
        substances=substances,
        match=mention.match,
        similarity=mention.similarity,
        codings=codings,
    )
    others = tuple(Drug(text=other, name=other) for other in mention.others)
    del products
    return value(
        "drug",
        drug,
        item.line.span(mention.start, mention.end),
        f"drugs.{mention.match.value}",
        reading=mention.reading,
        trust=trust,
        doubts=doubts,
        remarks=remarks,
        alternatives=others,
    )


def _canonical(mention: Mention, entry: Entry) -> str:
    """The entry's name; a salt keeps its own (`CARBONATE DE CALCIUM` is not `CALCIUM`)."""
    written = fold_name(mention.text)
    if entry.kind == "substance" and mention.match is Match.EXACT and " de " in written:
        return written.upper()
    return entry.name


def _with_variant(item: _Item, name: str) -> str:
    """`LP` behind a name belongs to it."""
    behind = item.line.text[item.mention.end : item.mention.end + 5]
    if re.match(r"\s*L\.?P(?:\b|(?=\d))", behind, re.IGNORECASE) and not name.endswith(" LP"):
        return f"{name} LP"
    words_written = item.mention.text.split()
    if words_written[-1].upper() in ("LP", "L.P") and not name.endswith(" LP"):
        return f"{name} LP"
    return name


def _codings(item: _Item, terminology: Terminology) -> tuple[tuple[Code, ...], tuple[Product, ...]]:
    """ATC, and the CIS and CIP13 codes where name, strength and form leave one product."""
    entry = item.mention.entry
    if entry is None:
        return (), ()
    products = terminology.products(entry)
    asked = _base_strengths(item.said)
    if asked:
        products = tuple(p for p in products if sorted(p.strength) == sorted(asked)) or tuple(
            p for p in products if asked[0] in p.strength
        )
    if item.said.form is not None:
        named = item.said.form.value.split()[0]
        products = tuple(p for p in products if p.form.startswith(named)) or products
    marketed = tuple(p for p in products if p.marketed)
    products = marketed or products
    atc = next((p.atc for p in products if p.atc), None) or (entry.atc[0] if entry.atc else None)
    found: list[Code] = []
    if atc is not None:
        display = "/".join(entry.substances) or entry.name.lower()
        found += [Code(system=system, code=atc, display=display) for system in ATC]
    if len(products) == 1 and entry.kind == "brand" and asked:
        product = products[0]
        found += [Code(system=system, code=product.cis, display=product.label) for system in CIS]
        if len(product.cip13) == 1:
            found += [
                Code(system=system, code=product.cip13[0], display=product.label)
                for system in CIP13
            ]
    return tuple(found), products


def _form(item: _Item) -> Value[Code] | None:
    found = item.said.form
    if found is None:
        return None
    coded = Found(form_code(found.value), found.start, found.end, found.repaired)
    return _value(item, "form", coded, "dosage.form")


_ROUTES: Final = {
    "voie buccale autre": "buccale",
    "buccogingivale": "buccale",
    "gingivale": "buccale",
}


_TAKEN_LIKE_ORAL: Final = frozenset(
    ["inhalée", "sublinguale", "buccale", "vaginale", "rectale", "nasale"]
)
"""Routes of tablets, capsules and the like that are not swallowed."""


def _dosage(item: _Item) -> Value[tuple[Dosage, ...]] | None:
    said, before = item.said, item.before
    if said.steps is None:
        return None
    steps = said.steps.value
    doubts = list(said.doubts)
    if before.dosages and before.dosages[0].as_needed and not steps[0].as_needed:
        first = before.dosages[0]
        steps = tuple(
            d.model_copy(update={"as_needed": True, "as_needed_for": first.as_needed_for})
            for d in steps
        )
    steps = _routed(item, steps)
    if not doubts and not says_the_same(said.steps.value, insulin=_insulin(item)):
        doubts.append("La posologie structurée ne redit pas le texte.")
    spans = _spans(item, said.steps.start, said.steps.end)
    if not spans:
        return None
    doubts += _handwritten(item, said.steps)
    if (
        any(span.line.engine != TEXT_ENGINE for span in spans)
        and any(map(_is_many, steps))
        and not _insulin(item)
    ):
        doubts.append(MANY)
    if any(span.line.engine != TEXT_ENGINE for span in spans) and _only_strength(item, steps):
        doubts.append(HOW_LOST)
    if any(span.line.kind is ZoneKind.HANDWRITTEN for span in spans) and _never_when(steps):
        doubts.append(WHEN_LOST)
    if any(_UNCOUNTED.search(text) for span in spans for text in span.text.split("\n")):
        doubts.append(COUNT_LOST)
    if item.unread_below:
        doubts.append(ROW_BELOW)
    if any(map(_figure_in_front, spans)):
        doubts.append(ARROW)
    trust = 0.975 if any(d.dose is not None for d in steps) else 0.935
    return value(
        "dosage", steps, spans, "dosage.grammar",
        reading=_of_words(spans), trust=trust, doubts=doubts,
    )  # fmt: skip


RENEWAL_UNCOUNTED: Final = "Nombre de renouvellements non écrit ou non lu."
HOW_LOST: Final = "Le dosage tient lieu de dose : la prise elle-même n'a peut-être pas été lue."
WHEN_LOST: Final = "Rien n'est lu de quand ni combien de fois le prendre."
COUNT_LOST: Final = "Le nombre devant l'unité de prise n'a pas été lu."
ONE_FOR_ALL: Final = "Écrit une seule fois, en bas : pour ce médicament aussi ?"
ARROW: Final = "Un chiffre devant la prise a été pris pour une flèche."
SUPPLY_UNSURE: Final = "La durée écrite avec elle est à vérifier."
ROW_BELOW: Final = "La ligne qui suit n'a pas été comprise : elle en dit peut-être plus."
_UNCOUNTED: Final = re.compile(
    r"^\W*(?:prendre|posologie\s*:?)?\s*(?:cp[sr]?|comprim[ée]s?|g[ée]l(?:ules?)?|sachets?|amp(?:oules?)?"
    r"|ovules?|suppo\w*|bouff[ée]es?|gouttes?|inj(?:ections?)?)\b(?!\s*(?:de\s+)?\d)",
    re.IGNORECASE,
)
MANY: Final = "Nombre élevé pour une prise : 1, 4 ou 7 ?"
_FEW: Final = dict.fromkeys(
    (
        "comprimé", "gélule", "capsule", "sachet", "ampoule", "suppositoire", "ovule", "patch",
        "comprimé vaginal", "injection", "application", "", "flacon", "pulvérisation",
    ),
    3,
) | {"bouffée": 4}  # fmt: skip
"""What is taken by ones and twos, and the most of it that one intake has without a second look:
beyond that a misread 1 is likelier than the number."""


def _only_strength(item: _Item, steps: Sequence[Dosage]) -> bool:
    """Whether a dosage says no more than the strength and how long: « 300 mg pendant 3 jours »."""
    strength = item.said.strength
    if strength is None or len(steps) != 1 or not isinstance(dose := steps[0].dose, Quantity):
        return False
    weighed = [(part.value, part.unit) for part in strength.value.parts]
    timing = steps[0].timing
    return (dose.value, dose.unit) in weighed and (timing is None or not _times(timing))


def _figure_in_front(span: Span) -> bool:
    """Whether a figure was read on the row before `span` that is taken for an arrow: « - 7 1 cp »
    may be what it looks like."""
    return any(
        _DIGIT.search(token.word.text) and span.line.text[token.start : token.end] == ">"
        for token in span.line.tokens
        if token.end <= span.start
    )


def _never_when(steps: Sequence[Dosage]) -> bool:
    """Whether a dosage gives a dose and no word of when: « 1 comprimé »."""
    if len(steps) != 1:
        return False
    (only,) = steps
    timed = only.timing is not None and _times(only.timing)
    return only.dose is not None and not (timed or only.as_needed or only.max_dose)


def _is_many(step: Dosage) -> bool:
    dose = step.dose.high if isinstance(step.dose, Range) else step.dose
    return dose is not None and dose.value > _FEW.get(dose.unit, 9999)


def _of_words(spans: Sequence[Span]) -> float:
    """The probability that the words of a dosage were read right: that of the least certain, where
    one met letter by letter in the vocabulary is read wrong less often than the engine fears."""
    known = vocabulary().known
    return min(
        1 - (1 - word.confidence) * (_MET if known(fold(word.text.strip(",.;:()"))) else 1)
        for span in spans
        for word in span.words
    )


_MET: Final = 0.4
"""How much of an engine's doubt of a word is left when it is one of the vocabulary."""


def _insulin(item: _Item) -> bool:
    entry = item.mention.entry
    return entry is not None and entry.is_insulin


def _routed(item: _Item, steps: tuple[Dosage, ...]) -> tuple[Dosage, ...]:
    """Routes corrected by what the medicine allows: capsules for inhalation are not swallowed."""
    entry = item.mention.entry
    if entry is None or not entry.routes:
        return steps
    allowed = [_ROUTES.get(route, route) for route in entry.routes]
    if "orale" in allowed or len(set(allowed)) != 1:
        return steps
    try:
        only = route_code(allowed[0])
    except KeyError:
        return steps
    implied = {"orale", "inhalée"}
    if allowed[0] not in _TAKEN_LIKE_ORAL:
        return steps  # a capsule is no cream, whatever else has that name
    return tuple(
        d.model_copy(update={"route": only})
        if d.route is not None and d.route.display in implied and d.route != only
        else d
        for d in steps
    )


def _final_action(item: _Item, struck: bool) -> MedicationAction:
    if struck:
        return MedicationAction.STOP
    said = _ACTIONS.get(_action(item.said))
    if item.action is not None and item.action is not MedicationAction.START:
        return item.action
    if said is not None and said is not MedicationAction.SWITCH:
        return said
    if item.action is not None:
        return item.action
    begun = item.begun and item.line.section == "treatment"
    if item.line.section in ("treatment", "history", "story", "reason") and not begun:
        return MedicationAction.CONTINUE
    return MedicationAction.START


def _ald(item: _Item) -> Value[bool] | None:
    if item.ald is not None:
        return value("substitution", item.in_ald, item.ald, "drugs.ald.zone")
    for line, start, end in item.passages:
        for match in re.finditer(r"\ba\.?l\.?d\b", line.folded[start:end]):
            span = line.span(start + match.start(), start + match.end())
            denied = line.folded[: span.start].rstrip().endswith(("hors", "non", "sans"))
            return value("substitution", not denied, span, "drugs.ald.inline")
    return None


# --- the document -----------------------------------------------------------------------------


def _without_repeats(
    medications: Sequence[Medication], items: Sequence[_Item]
) -> tuple[Medication, ...]:
    """Drops bare mentions of a medicine that another line says more about."""
    detailed = {_identity(m) for m in medications if m.dosage is not None or m.strength is not None}
    seen: set[object] = set()
    result: list[Medication] = []
    for medication, item in zip(medications, items, strict=True):
        identity = _identity(medication)
        bare = medication.dosage is None and medication.strength is None
        if bare and identity in detailed and not item.line_like:
            continue
        drug = medication.drug.value
        # Two brands of one substance are two lines, be their dosage the same.
        key: object = (
            identity if drug is None else (drug.name or drug.text).casefold(),
            medication.action,
            None if medication.strength is None else medication.strength.value,
            None if medication.dosage is None or medication.dosage.value is None
            else tuple(d.model_copy(update={"text": ""}) for d in medication.dosage.value),
        )  # fmt: skip
        if key in seen:
            continue
        seen.add(key)
        result.append(medication)
    return tuple(result)


def _identity(medication: Medication) -> object:
    drug = medication.drug.value
    if drug is None:
        return medication.drug.evidence.text
    return drug.substances or drug.name or drug.text.lower()
