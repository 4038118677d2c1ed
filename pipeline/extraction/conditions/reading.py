"""Problems as notes state them.

Two ways: items of the passages that list problems (reason, history, diagnosis), kept in the note's
own words; and problems of the table anywhere in the body. Both carry what the words around say:
negated, supposed, the family's, past. A code comes from the table, else from the CIM-10 labels that
the user imported, and only where it says what the item says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.extraction.conditions.qualifiers import Qualified, clause_before, qualify
from pipeline.extraction.conditions.vocabulary import Hit, find_problems
from pipeline.extraction.evidence import HARDLY, UNKNOWN_BY_HAND, TextLine, fold, value
from pipeline.extraction.sections.reading import find_title, listing
from pipeline.model import Certainty, Code, Condition, ConditionRole, ZoneKind
from pipeline.terminology import Labels
from pipeline.terminology.cim10 import SYSTEM

LETTERS_BY_HAND = "Sigle lu à la main hors des antécédents : à relire."
UNREAD_IN_FRONT = "Les mots qui précèdent sont mal lus : une négation peut s'y trouver."
_ROLES = {
    "reason": ConditionRole.REASON,
    "information": ConditionRole.REASON,
    "history": ConditionRole.HISTORY,
    "family": ConditionRole.FAMILY,
    "conclusion": ConditionRole.DIAGNOSIS,
}
_LISTS = frozenset({"reason", "information", "history", "family", "conclusion"})
_NO_PROBLEMS = frozenset({"allergies", "orders", "prescription", "treatment"})
_SPLIT = re.compile(r"\s*(?:[,;•]|\.(?=\s|$)|\s[-–]\s|\s/\s|\s\+\s)\s*")
_NOTHING = re.compile(
    r"(?:ras|0|o|aucune?s?.{0,12}|neant|nc|non|sans particularite|pas d'antecedents?.*|"
    r"pas d'atcd.*|rien.*|-|"
    r"oui|inconnus?|cf\b.*|voir\b.*|idem.*|medicaux|chirurgicaux|familiaux|\W*)"
)
_NO_PROBLEM_ITEM = re.compile(
    r"(?:\d+\s?(?:mg|g|ml|ui|cp|%|/j|sa\b)|\b(?:ta|fc|pouls|poids|taille|imc|g\d\s?p\d|dpa|ddr|"
    r"groupe)\b\s*[:=]?\s*\d|"
    r"\b(?:vit|marie|mariee|retraite|profession|travaille|enfants?|autonome|celibataire|veuf|"
    r"veuve)\b|"
    r"\b(?:qsp|pdt|a renouveler|renouvelable)\b|\b(?:pendant|pour|durant)\s\d|"
    r"\b\d+\s(?:cp|comp|gel)|"
    r"\b(?:souples?|normale?s?|normaux|conservee?s?|libres?|percus?|symetriques?)\b|"
    r"\bsans particularite|\bhygieno|\b(?:repos|reconvoquer|reconsulter|consulter)\b|"
    r"\btabac\b|\bgestes?\b|\ballerg|certificat|\b(?:dr|docteur|rdv|revoir|page)\b)"
)
_CONDITIONAL = re.compile(
    r"\b(?:si|en cas de|en cas d|consulter si|reconsulter si|sauf si|quand|lors|contre|"
    r"traitement (?:de|du|pour)|"
    r"prevention|prophylaxie|depistage|recherche|serologies?|vaccin\w*|surveillance)\s*"
    r"(?:de |d'|la |le |l'|une? |des |les )*$"
)


def read_conditions(lines: Sequence[TextLine], labels: Labels) -> tuple[Condition, ...]:
    """Problems of the body in reading order, the same statement once.

    `labels` are the imported ones of the CIM-10, which may be none.
    """
    found: list[Condition] = []
    seen: set[tuple[str, Certainty, ConditionRole]] = set()
    for line, lists in listing(lines):
        if line.struck:
            continue
        listed = lists and (len(line.text) <= 110 or find_title(line) is not None)
        for condition in _of_line(line, listed, labels):
            name = (condition.text.value or condition.text.evidence.text).casefold()
            key = (name, condition.certainty, condition.role)
            if key not in seen:
                seen.add(key)
                found.append(condition)
    return tuple(_without_echoes(found))


def _without_echoes(conditions: Sequence[Condition]) -> Iterator[Condition]:
    """Drops a problem of the body that a list already names with the same certainty."""
    listed = {
        (one.code.code, one.certainty)
        for one in conditions
        if one.code is not None and one.role is not ConditionRole.PROBLEM
    }
    for one in conditions:
        echo = one.code is not None and (one.code.code, one.certainty) in listed
        if one.role is not ConditionRole.PROBLEM or not echo:
            yield one


_SEROLOGY = re.compile(
    r"\s*\(?(?::\s*)?(?:ig\s?[gm]\b|(?:non\s+)?immunis|immune\b|(?:neg|pos)\w*\s*[,/;)]\s*\w+\s*:)|"
    r"(?<=toxoplasmose)\s*[:=]?\s*(?:neg|pos|-|\+)|"
    r"(?<=rubeole)\s*[:=]?\s*(?:neg|pos|-|\+)"
)
"""Behind the name of an infection: what a serology found, which is no disease."""
_IF = re.compile(r"(?<![a-z])(?:si|en cas d(?:e|'))\s[^.;:,]{0,40}$")


def _of_line(line: TextLine, lists: bool, labels: Labels) -> Iterator[Condition]:
    hits = tuple(find_problems(line.text, line.folded))
    covered: list[tuple[int, int]] = []
    if line.section in _LISTS and lists:
        title = find_title(line)
        start = title.end if title is not None else 0
        for begin, end in _items(line, start):
            covered.append((begin, end))
            inside = [hit for hit in hits if begin <= hit.start and hit.end <= end]
            condition = _listed(line, begin, end, inside, labels)
            if condition is not None:
                yield condition
            elif inside:
                covered.pop()
    if line.section in _NO_PROBLEMS:
        return
    for hit in hits:
        if _SEROLOGY.match(line.folded, hit.end):
            continue
        if any(begin <= hit.start and hit.end <= end for begin, end in covered):
            continue
        before = line.folded[: hit.start]
        if _CONDITIONAL.search(before) or _IF.search(before) or "allerg" in line.folded:
            continue
        yield _named(line, hit, lists)


def _items(line: TextLine, start: int) -> Iterator[tuple[int, int]]:
    at = start
    folded = line.folded
    for match in _SPLIT.finditer(folded, start):
        yield at, match.start()
        at = match.end()
    yield at, len(folded)


def _trimmed(line: TextLine, begin: int, end: int) -> tuple[int, int]:
    lead = re.compile(r"[\s\-•*:.>–·]*(?:\d[.)]\s)?").match(line.folded, begin, end)
    begin = lead.end() if lead else begin
    while end > begin and line.text[end - 1] in " .,;:-\t":
        end -= 1
    return begin, end


_STRIPPED = re.compile(
    r"^(?:pas\s+(?:de\s+|d')|absence\s+(?:de\s+|d')|suspicions?\s+(?:de\s+|d'|"
    r"du\s+)?(?:une?\s+)?|probables?\s+|possibles?\s+|"
    r"(?:douleur\s+)?evoquant\s+|sans\s+|a\s+eliminer\s*:?\s+|eliminer\s+(?:une?\s+)?|"
    r"suspecte\w*\s+(?:de\s+)?|"
    r"antecedents?\s+(?:de\s+|d')|atcd\s+(?:de\s+|d')|hypothese\s*:?\s+(?:de\s+)?|"
    r"evocat\w+ (?:de |d')|aspect\s+(?:de\s+|d')|"
    r"tableau\s+(?:de\s+|d')|de\s+|d'|\?\s*)"
)
_TRAILING = re.compile(
    r"\s*(?:\(?\?+\)?|,?\s*a\s+eliminer|,?\s*a\s+evoquer|a\s+confirmer|probables?|possibles?|"
    r"suspectee?s?|eventuel\w*|"
    r"\((?:chez )?(?:sa |son |la |le |ses )?(?:mere|pere|parents?|s(?:oe|œ)urs?|"
    r"freres?|tante|oncle|fils|fille|grand[^)]{2,16})\))\s*$"
)


_BULLET = re.compile(r"(?:[^a-z]|o\s)*")


def _listed(
    line: TextLine, begin: int, end: int, hits: Sequence[Hit], labels: Labels
) -> Condition | None:
    begin, end = _trimmed(line, begin, end)
    folded = line.folded[begin:end]
    if len(folded) < 2 or len(folded) > 90 or _NOTHING.fullmatch(folded):
        return None
    if _NO_PROBLEM_ITEM.search(folded) and not hits:
        return None
    if re.search(r"allerg|\d\s?(?:mg|µg)\b", folded):
        return None
    if not hits and (
        line.section in ("conclusion", "reason", "information") and len(folded.split()) > 9
    ):
        return None
    if not any(character.isalpha() for character in folded):
        return None
    lead = _STRIPPED.match(folded)
    name_begin = begin + (lead.end() if lead else 0)
    trail = _TRAILING.search(line.folded[name_begin:end])
    name_end = name_begin + trail.start() if trail else end
    if name_end - name_begin < 2:
        return None
    # What stands before the row's title is a bullet: « 0 MC : toux » denies no cough.
    bullet = _BULLET.match(line.folded) if find_title(line) is not None else None
    meant = line.folded if bullet is None else " " * bullet.end() + line.folded[bullet.end() :]
    qualified = qualify(meant, name_begin, name_end)
    certainty = qualified.certainty
    if certainty is Certainty.NEGATED and lead is None and hits:
        certainty = qualify(meant, hits[0].start, hits[0].end).certainty
    if certainty is Certainty.NEGATED and not hits:
        # « Pas de documentation bactériologique » denies no problem that we know.
        return None
    role = _ROLES[line.section]
    if qualified.family and role is ConditionRole.HISTORY:
        role = ConditionRole.FAMILY
    span = line.span(name_begin, name_end)
    onset = re.search(r"\b(?:19|20)\d{2}\b", span.text)
    hit, label = _code(hits, name_begin, name_end), _labelled(span.text, labels)
    if hit is None or (label is not None and hit.end - hit.start < len(label.display)):
        code = label
    else:
        code = hit.problem.code
    strange = not hits and code is None and line.kind is ZoneKind.HANDWRITTEN
    return Condition(
        text=value(
            "condition",
            span.text.strip(),
            span,
            f"conditions.{line.section}",
            trust=0.97,
            doubts=(*((UNKNOWN_BY_HAND,) if strange else ()), *_unread_in_front(line, name_begin)),
        ),
        code=code,
        certainty=certainty,
        role=role,
        onset=onset[0] if onset else "",
    )


def _unread_in_front(line: TextLine, start: int) -> tuple[str, ...]:
    """A doubt where a word that may deny or soften the problem at `start` was hardly read:
    « par de dyspnée » denies it."""
    clause = line.span(start - len(clause_before(line.folded, start)), start)
    hardly = any(
        word.confidence < HARDLY and any(map(str.isalpha, word.text)) for word in clause.words
    )
    return (UNREAD_IN_FRONT,) if hardly else ()


def _code(hits: Sequence[Hit], begin: int, end: int) -> Hit | None:
    """The problem of the table that an item is: the one hit that makes up most of it."""
    inside = [hit for hit in hits if begin <= hit.start and hit.end <= end]
    if not inside:
        return None
    longest = max(inside, key=lambda hit: hit.end - hit.start)
    # One word of a long item is not what the item says.
    return longest if (longest.end - longest.start) >= 0.5 * (end - begin) else None


def _labelled(text: str, labels: Labels) -> Code | None:
    """The CIM-10 code whose label is what an item says, but for a side, a date or an article."""
    found = max(labels.find(text), key=lambda one: one.end - one.start, default=None)
    if found is None:
        return None
    rest = fold(text[: found.start] + " " + text[found.end :])
    if re.sub(r"[\W\d]|\b(?:droite?s?|gauches?|bilatera\w+|en|le|la|une?|de|du)\b", "", rest):
        return None
    return Code(system=SYSTEM, code=found.code, display=found.label)


def _named(line: TextLine, hit: Hit, listed: bool) -> Condition:
    qualified: Qualified = qualify(line.folded, hit.start, hit.end)
    role = _ROLES.get(line.section, ConditionRole.PROBLEM) if listed else ConditionRole.PROBLEM
    if qualified.family:
        role = ConditionRole.FAMILY
    elif qualified.past and role is ConditionRole.PROBLEM:
        role = ConditionRole.HISTORY
    span = line.span(hit.start, hit.end)
    letters = hit.end - hit.start <= 3 and line.kind is ZoneKind.HANDWRITTEN
    return Condition(
        text=value(
            "condition",
            span.text,
            span,
            "conditions.table",
            trust=0.95,
            doubts=(
                *((LETTERS_BY_HAND,) if letters and not listed else ()),
                *_unread_in_front(line, hit.start),
            ),
        ),
        code=hit.problem.code,
        certainty=qualified.certainty,
        role=role,
    )
