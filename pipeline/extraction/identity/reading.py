"""Who the paper is about and who wrote it, told apart by labels, civility and place on the page.

A row is cut at its wide gaps into parts; parts that stand under one another form blocks. A name
belongs to the prescriber when a title (« Dr ») leads it or a speciality stands beside it in its
block, to the patient when a label, a civility or a birth date does. Numbers go to whom their
label names; telephone and address to the block they stand in.
"""

from __future__ import annotations

import datetime as dt
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, cached_property
from itertools import takewhile

from rapidfuzz import fuzz

from pipeline.extraction.dates.reading import DateMention, find_dates, is_old, role
from pipeline.extraction.evidence import (
    TEXT_ENGINE,
    Span,
    TextLine,
    doubted,
    fold,
    joined,
    thresholds,
    value,
)
from pipeline.extraction.identity.birth_place import read_birth_place
from pipeline.extraction.identity.identifiers import (
    BAD_FINESS,
    BAD_RPPS,
    NO_KEY,
    Number,
    find_nir,
    find_number,
    find_phone,
    finess_is_valid,
    luhn_is_valid,
)
from pipeline.extraction.identity.names import (
    BORN,
    ONE_NAME,
    NameWord,
    ParsedName,
    is_given_name,
    name_words,
    parse_name,
    vocabulary,
)
from pipeline.extraction.repair.vocabulary import folded
from pipeline.model import HumanName, Patient, Prescriber, Quantity, Sex, Value, ZoneKind

BIRTH_AFTER = "Date de naissance postérieure au document."
NO_FAMILY = "Nom de famille non lu."
NO_GIVEN = "Prénom non lu."
CUT_SHORT = "Le nom s'arrête sur une particule : sa suite est à lire."
ELISION = "Une apostrophe a pu être perdue (N'…)."
IN_TWO = "Nom lu en deux mots : l'espace est à vérifier."
GOES_ON = "Le mot écrit sous le nom est peut-être un autre prénom."
AGE_DIFFERS = "L'âge et la date de naissance ne concordent pas."
SEX_DIFFERS = "La civilité et le numéro de sécurité sociale ne concordent pas."
NIR_BIRTH = "Le numéro de sécurité sociale et la date de naissance ne concordent pas."
SEVERAL_NAMES = "Plusieurs noms possibles sur le document."
SEVERAL_NUMBERS = "Plusieurs numéros de ce type sur le document."
NO_LABEL_DATE = "Date sans libellé près du nom : date de naissance ?"


def _any_of(terms: Sequence[str]) -> str:
    """A pattern for any of `terms` on folded text, the longest first, spaces loose."""
    return "|".join(
        re.escape(term).replace(r"\ ", r"\s?") for term in sorted(terms, key=len, reverse=True)
    )


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    words = vocabulary()
    labels = words["labels"]
    doctor = words["prescriber"]
    patterns = {
        f"label_{name}": re.compile(
            rf"(?<![a-z0-9'])(?:{_any_of(terms)})(?![a-z])\s?(?:\([a-z0-9]\))?\s*[:=.;]?[\s._…]*"
        )
        for name, terms in labels.items()
    }
    patterns["title"] = re.compile(rf"(?<![a-z])(?:{_any_of(doctor['titles'])})(?![a-z])\.?\s*")
    patterns["practice"] = re.compile(rf"(?<![a-z])(?:{_any_of(doctor['practice'])})(?![a-z])")
    patterns["staff"] = re.compile(rf"[\s,:(–-]*(?:{_any_of(doctor['staff'])})(?![a-z])")
    patterns["others"] = re.compile(rf"(?<![a-z])(?:{_any_of(doctor['others'])})(?![a-z])")
    for name in ("finess", "am"):
        patterns[name] = re.compile(rf"(?<![a-z])(?:{_any_of(doctor[name])})(?![a-z])")
    # « R.PPS. », « R. .P.P.S. »: its points are seen or not, and with room around them.
    pointed = r"[\s.]{0,3}".join("rpps")
    patterns["rpps"] = re.compile(rf"(?<![a-z])(?:{_any_of(doctor['rpps'])}|{pointed})(?![a-z])")
    patient = words["patient"]
    civilities = {
        "female": patient["civility_female"],
        "male": patient["civility_male"],
        "child": patient["civility_child"],
    }
    patterns["civility"] = re.compile(
        r"(?<![a-z0-9'])(?:"
        + "|".join(f"(?P<{sex}>{_any_of(terms)})" for sex, terms in civilities.items())
        + r")(?:\.|(?![a-z'0-9]))\s*"
    )
    return patterns


@cache
def _specialities() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (name, re.compile(rf"(?<![a-z])(?:{_any_of(terms)})(?![a-z])"))
        for name, terms in vocabulary()["specialities"].items()
    )


# --- parts and blocks -----------------------------------------------------------------------


@dataclass
class Block:
    """Parts that stand under one another, as on a letterhead."""

    parts: list[Part] = field(default_factory=list)

    @cached_property
    def folded(self) -> str:
        return "\n".join(part.line.folded for part in self.parts)

    @cached_property
    def is_prescribers(self) -> bool:
        """Whether the block says things that only a practitioner's does."""
        return bool(
            _patterns()["rpps"].search(self.folded)
            or _patterns()["finess"].search(self.folded)
            or any(pattern.search(self.folded) for _, pattern in _specialities())
            or any(_leading_title(part.line) for part in self.parts)
        )


@dataclass(eq=False)
class Part:
    """A piece of a row with its place among the rows and its block."""

    line: TextLine
    number: int
    block: Block


def _pitch(parts: Sequence[TextLine]) -> float:
    return statistics.median(part.level.height for part in parts) if parts else 1.0


def _parts(lines: Sequence[TextLine]) -> list[Part]:
    pieces = _whole([piece for line in lines for piece in _cells(line)])
    height = _pitch(pieces)
    reach = 0.6 if all(piece.engine == TEXT_ENGINE for piece in pieces) else 1.5
    parts: list[Part] = []
    for number, piece in enumerate(pieces):
        block = None
        for above in reversed(parts[-12:]):
            if above.line.page != piece.page or above.line.number == piece.number:
                continue
            gap = piece.level.y - above.line.level.bottom
            if gap > reach * height:
                continue
            if _aligned(above.line, piece):
                block = above.block
                break
        if block is None:
            block = Block()
        part = Part(piece, number, block)
        block.parts.append(part)
        parts.append(part)
    return parts


_BREAKS_OFF = re.compile(
    r"(?:(?<![a-z])(?:ne|nee|epouse|veuve|mme|mlle|m\.|monsieur|madame|nom de naissance\s*:?|-)|"
    r"(?<![a-z])(?:nee?(?:\(e\))?\s+le|date de naissance|ddn)\s*:?"
    r"(?:\s*\d{1,2}(?:er)?(?:\s+[a-z]+)?)?)\s*$"
)


def _cells(line: TextLine) -> Iterator[TextLine]:
    """The columns of a row; a label alone in its own, as in a table, goes with the next, and so
    does a family name with the given names behind a wide gap."""
    open_cell: TextLine | None = None
    for piece in line.parts():
        if open_cell is None:
            open_cell = piece
        elif _ends_in_label(open_cell):
            colon = open_cell.text.rstrip(" :") + " :"
            open_cell = joined(replace(open_cell, text=colon), piece)
        elif _half_a_name(open_cell, piece):
            open_cell = joined(open_cell, piece)
        else:
            yield open_cell
            open_cell = piece
    if open_cell is not None:
        yield open_cell


def _ends_in_label(piece: TextLine) -> bool:
    """Whether a cell is a label alone, or ends in one with its colon."""
    text = piece.folded.strip(" :.") + " "
    labels = [pattern for key, pattern in _patterns().items() if key.startswith("label_")]
    if any(pattern.fullmatch(text) for pattern in labels):
        return True
    if not piece.folded.rstrip().endswith(":"):
        return False
    return any(match.end() == len(text) for one in labels for match in one.finditer(text))


def _whole(pieces: Sequence[TextLine]) -> list[TextLine]:
    """The pieces, each that breaks off in a name or a birth date joined with the one below it."""
    result: list[TextLine] = []
    taken: set[int] = set()
    for index, piece in enumerate(pieces):
        if index in taken:
            continue
        below = next(
            (
                at
                for at in range(index + 1, min(index + 8, len(pieces)))
                if _under(piece, pieces[at])
            ),
            None,
        )
        if below is not None and below not in taken and _breaks_off(piece, pieces[below]):
            taken.add(below)
            piece = joined(piece, pieces[below])
            # « Mme Anne-Sophie », « Petit-Jean (née DA », « SILVA) »
            rest = below + 1
            if rest < len(pieces) and _in_brackets(piece) and _under(pieces[below], pieces[rest]):
                taken.add(rest)
                piece = joined(piece, pieces[rest])
        result.append(piece)
    return result


def _under(piece: TextLine, other: TextLine) -> bool:
    """Whether `other` begins right below where `piece` does, or, where that breaks off in the
    middle of a name, anywhere below it."""
    height = min(piece.level.height, other.level.height)
    indented = other.level.x - piece.level.x
    reach = piece.level.width if _BREAKS_OFF.search(piece.folded) else 2 * height
    return (
        piece.page == other.page
        and piece.number < other.number
        and other.level.y - piece.level.bottom < 1.5 * height
        and -2 * height < indented < max(reach, 2 * height)
    )


def _breaks_off(piece: TextLine, below: TextLine) -> bool:
    text = piece.folded
    if ":" in below.folded[:20]:
        return False
    if _BREAKS_OFF.search(text):
        return True
    return _in_brackets(piece) or _half_a_name(piece, below) or _half_born(piece, below)


def _half_born(piece: TextLine, below: TextLine) -> bool:
    """Whether a row ends on the particle of a birth name: « née BEN », « AMAR »."""
    born = _BIRTH_NAME.search(piece.folded)
    words = name_words(piece.text, born.end()) if born is not None else []
    if not words or not words[-1].is_particle or piece.text[words[-1].end :].strip(" ."):
        return False
    following = name_words(below.text, 0)
    return bool(following) and len(following) <= 2 and following[0].in_capitals


def _in_brackets(piece: TextLine) -> bool:
    """Whether a birth name's bracket is still open: « (née DA », « (nom de naissance : LE »."""
    return max(map(piece.folded.rfind, ("(ne", "(nom de"))) > piece.folded.rfind(")")


def _half_a_name(piece: TextLine, below: TextLine) -> bool:
    """Whether a row ends with half a name, and the other half is below.

    That is given names alone and then the family name, or the other way round; or the first part
    of a family name in its field, the rest alone on the row below. On a letterhead the title of
    the practitioner leads.
    """
    whole = _patterns()["label_whole"].match(piece.folded)
    field = None if whole else _patterns()["label_family"].match(piece.folded)
    title = _leading_title(piece)
    lead = field or title or _patterns()["civility"].search(piece.folded) or whole
    if lead is None:
        return False
    if title is not None and _says_practice(below.folded):
        return False
    words = name_words(piece.text, lead.end())
    following = name_words(below.text, 0)
    if not words or not following or piece.text[words[-1].end :].strip(" ."):
        return False
    family = [word.in_capitals or word.is_particle for word in words]
    first = following[0]
    if first.folded in vocabulary()["names"]["never"]:
        return False
    behind = below.folded[following[-1].end :].strip(" .(")
    alone = len(following) <= 2 and (not behind or behind.startswith(("nee", "epouse")))
    if field is not None:
        return alone and not any(is_given_name(word.text) for word in following)
    if words[-1].is_particle:  # « Mme Camille DU », « PLESSIS »
        return first.in_capitals and alone
    known = [is_given_name(word.text) for word in words]
    more = [is_given_name(word.text) for word in following]
    if all(family) and alone and all(one.in_capitals for one in following):
        # « Mme WATTRELOS », « MANON HUGUETTE »; « Dr ANNE », « KERMARREC »
        return any(known) != any(more) and (all(known) or all(more))
    if not any(family):
        named = first.in_capitals or (title is None and alone and first.text[0].isupper())
        return all(known) and named
    return all(family) and not first.in_capitals and is_given_name(first.text)


def _says_practice(folded: str) -> bool:
    """Whether a row of a letterhead says a speciality or a place, and no name."""
    return _patterns()["practice"].search(folded) is not None or any(
        pattern.search(folded) for _, pattern in _specialities()
    )


def _aligned(one: TextLine, other: TextLine) -> bool:
    shared = min(one.level.right, other.level.right) - max(one.level.x, other.level.x)
    return shared > 0.3 * min(one.level.width, other.level.width)


def _neighbours(part: Part) -> Iterator[Part]:
    """The parts right above and right below in the block."""
    index = part.block.parts.index(part)
    if index > 0:
        yield part.block.parts[index - 1]
    if index + 1 < len(part.block.parts):
        yield part.block.parts[index + 1]


_EDGE = " -–•*|["
"""What may stand in front of a part: a bullet, or the side of a frame."""


def _leading_title(line: TextLine) -> re.Match[str] | None:
    """« Dr » at the start of a part, with a name after it."""
    offset = len(line.folded) - len(line.folded.lstrip(_EDGE))
    match = _patterns()["title"].match(line.folded, offset)
    if match is None or not line.text[offset].isupper():
        return None
    return match if name_words(line.text, match.end()) else None


# --- names ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """A name that may be the patient's or the prescriber's, and how strongly it seems so."""

    name: ParsedName
    part: Part
    score: float
    rule: str
    trust: float = 0.99
    sex: tuple[Sex, int, int] | None = None
    more: Span | None = None

    @property
    def span(self) -> Span:
        return self.part.line.span(self.name.start, self.name.end)

    @property
    def spans(self) -> list[Span]:
        """Where the name stands: in one piece, or with given names behind a bracket."""
        return [self.span] if self.more is None else [self.span, self.more]


_ABOUT_PATIENTS = ("birth_date", "nir", "age", "sex", "local_id")
"""Labels of what may stand behind a patient's name on its row."""


_BEHIND = re.compile(rf"[fmh]\b|nee?\b|epouse|ep\b|\d{{1,3}}\s?ans|le\s\d|\d\d[/.]|ne\(e\)|{BORN}")
"""What stands there without a label."""


def _is_pure_name(line: TextLine) -> list[NameWord] | None:
    """The words of a part that is nothing but a name (and perhaps « née X » or a birth date)."""
    text = line.text
    words = name_words(text, len(text) - len(text.lstrip(_EDGE)))
    if not 2 <= len(words) <= 6:
        return None
    rest = line.folded[words[-1].end :].strip(" ,.;-()") + " "
    labels = [_patterns()[f"label_{key}"] for key in _ABOUT_PATIENTS]
    if rest.strip() and not (_BEHIND.match(rest) or any(label.match(rest) for label in labels)):
        return None
    capitals = [word for word in words if word.in_capitals and not word.is_particle]
    proper = [word for word in words if not word.in_capitals and not word.is_particle]
    known = [word for word in words if is_given_name(word.text)]
    if any(word.folded in vocabulary()["names"]["never"] for word in words):
        return None
    if capitals and proper:
        return words if all(word.text[0].isupper() for word in proper) else None
    return words if known and len(known) < len(words) else None


def _patient_names(
    parts: Sequence[Part], dates: dict[int, tuple[DateMention, ...]]
) -> list[Candidate]:
    found: list[Candidate] = []
    for part in parts:
        found += _labelled_whole(part)
        found += _with_civility(part, dates)
        found += _bare(part, dates)
    return [_completed(candidate) for candidate in found]


def _completed(candidate: Candidate) -> Candidate:
    """The candidate with the given names behind a birth name in brackets, if they stand there:
    « Mme TRAN (née BAUDOUIN) Aline »."""
    line, name = candidate.part.line, candidate.name
    bracket = re.compile(r"\s*[(\[]\s*").match(line.folded, name.end)
    born = _BIRTH_NAME.match(line.folded, bracket.end()) if bracket is not None else None
    if name.given or born is None:
        return candidate
    closing = re.compile(r"\s*[)\]]").match(
        line.folded, max((word.end for word in name_words(line.text, born.end())), default=0)
    )
    given = name_words(line.text, closing.end()) if closing is not None else []
    if not given or any(word.in_capitals and not is_given_name(word.text) for word in given):
        return candidate
    return replace(
        candidate,
        name=replace(
            name,
            given=tuple(re.sub(r"\s?[-–‑]\s?", "-", word.text) for word in given),
            doubts=tuple(doubt for doubt in name.doubts if doubt != ONE_NAME),
        ),
        more=line.span(given[0].start, given[-1].end),
    )


# Labels that need no colon: nothing else begins so.
_SPEAKING = ("patient", "concerne", "identite", "nom et prenom", "nom, prenom", "nom prenom",
             "nom/prenom", "beneficiaire")  # fmt: skip


def _labelled_whole(part: Part) -> Iterator[Candidate]:
    line = part.line
    for match in _patterns()["label_whole"].finditer(line.folded):
        if match.start() > 2 and ":" not in match[0]:
            continue
        colon = re.search(r"[:=]", match[0])
        if not colon and (match.start() > 2 or not match[0].startswith(_SPEAKING)):
            continue
        civility = _patterns()["civility"].match(line.folded, match.end())
        start = civility.end() if civility else match.end()
        if _patterns()["title"].match(line.folded, start):
            continue
        words = name_words(line.text, start)
        parsed = parse_name(words, family_first=civility is None)
        if parsed is None:
            continue
        found = Candidate(parsed, part, 6, "identity.patient.label", sex=_sex_of(civility))
        if len(words) > 1 or civility or _completed(found).more is not None:
            yield found


def _sex_of(civility: re.Match[str] | None) -> tuple[Sex, int, int] | None:
    if civility is None:
        return None
    if civility["female"]:
        return Sex.FEMALE, civility.start("female"), civility.end("female")
    if civility["male"]:
        return Sex.MALE, civility.start("male"), civility.end("male")
    return None


def _civilities(line: TextLine, end: int) -> Iterator[re.Match[str]]:
    """« Mme », « M. » before `end`, with their capitals; « QUE ME NEUR » has none."""
    for match in _patterns()["civility"].finditer(line.folded, 0, end):
        written = line.text[match.start() : match.end()].strip(" .")
        if written[0].isupper() and not (written == "ME" and match.start() > 0):
            yield match


def _with_civility(part: Part, dates: dict[int, tuple[DateMention, ...]]) -> Iterator[Candidate]:
    line = part.line
    for match in _civilities(line, len(line.text)):
        written = line.text[match.start() : match.end()].strip()
        # "M" alone is a letter: it needs its point or a capitalised name right after.
        letter = written in ("M", "Me")
        if letter and match.start() > 0 and line.text[match.start() - 1] not in " \t:":
            continue
        words = name_words(line.text, match.end())
        if not words or words[0].folded in vocabulary()["names"]["never"]:
            continue
        before = line.folded[: match.start()]
        if re.search(r"(?:docteur|dr|pr|chere?|sage[- ]femme)\.?\s*$", before):
            continue
        parsed = parse_name(words, family_first=False)
        if parsed is None:
            continue
        if match["child"] and not parsed.given:
            continue
        score = 5.0
        if match.start() > 3 and not before.rstrip().endswith((":", "patiente", "patient")):
            score -= 0.5
        if any(
            pattern.search(line.folded[words[-1].end :] + "\n" + neighbour.line.folded)
            for neighbour in _neighbours(part)
            for _, pattern in _specialities()
        ) and not _near_birth(part, dates):
            continue
        score += _near_birth(part, dates)
        if part.block.is_prescribers and _patterns()["staff"].match(line.folded, words[-1].end):
            continue
        if re.search(
            r"(?:fille|fils|conjoint|mari|mere|pere|epoux|epouse|accompagnee? de)\s*:?\s*$", before
        ):
            score -= 4
        yield Candidate(parsed, part, score, "identity.patient.civility", sex=_sex_of(match))


def _near_birth(part: Part, dates: dict[int, tuple[DateMention, ...]]) -> float:
    """1 where a birth date stands in the part or right beside it in the block, or a birth name
    behind the name itself."""
    if _birth_name(part, 0) is not None:
        return 1.0
    for near in (part, *_neighbours(part)):
        if any(role(mention) == "birth" for mention in dates[near.number]):
            return 1.0
        if re.search(
            r"(?<![a-z])(?:ddn|ne\(e\)|nee?\s+le|date de naissance|nir|n°\s?ss|\d{1,3}\s?ans)",
            near.line.folded,
        ):
            return 1.0
    return 0.0


def _bare(part: Part, dates: dict[int, tuple[DateMention, ...]]) -> Iterator[Candidate]:
    words = _is_pure_name(part.line)
    if words is None or _leading_title(part.line):
        return
    beside = "\n".join(near.line.folded for near in _neighbours(part))
    if any(pattern.search(beside) for _, pattern in _specialities()):
        return
    parsed = parse_name(words, family_first=True)
    if parsed is None:
        return
    near = _near_birth(part, dates)
    score = 2.0 + 2.0 * near + (0.5 if parsed.by_capitals else 0.0)
    if part.block.is_prescribers and not near:
        return
    yield Candidate(parsed, part, score, "identity.patient.name-line", trust=0.97 if near else 0.9)


def _fields(parts: Sequence[Part]) -> dict[str, tuple[ParsedName, Part, Span]]:
    """Names in the fields of a form: « Nom : », « Prénom : », « Nom de naissance : »."""
    found: dict[str, tuple[ParsedName, Part, Span]] = {}
    for part in parts:
        line = part.line
        for key in ("birth_family", "given", "family"):
            for match in _patterns()[f"label_{key}"].finditer(line.folded):
                if key in found:
                    continue
                # Forms typed without colons: the label opens the part or follows a dash, and a
                # name goes on.
                bare = not re.search(r"[:=]", match[0])
                opens = re.search(r"(?:^|\s[-–|/]\s|[,;]\s)$", line.folded[: match.start()])
                alone = line.folded.strip() == match[0].strip()
                if bare and not alone and (opens is None or not match[0].endswith(" ")):
                    continue
                if key == "family" and re.search(r"(?:pre|sur)$", line.folded[: match.start()]):
                    continue
                if key in ("family", "given") and re.search(
                    r"(?:nom(?:s|\(s\))?\s?(?:et|,|/|-|&)\s?)$", line.folded[: match.start()]
                ):
                    continue
                words = name_words(line.text, match.end())
                if key == "family":
                    words = _hyphenated(line.text, words)
                if not words:
                    follower = next(
                        (other for other in parts if _under(line, other.line)), _below(part)
                    )
                    if follower is not None and line.folded[match.end() :].strip() == "":
                        words = name_words(follower.line.text, 0)
                        line = follower.line
                        part = follower
                if not words:
                    continue
                family = re.sub(r"\s?[-–‑]\s?", "-", " ".join(word.text for word in words))
                capitals = sum(word.in_capitals for word in words)
                parsed = (
                    parse_name(words, family_first=True)
                    if key == "family"
                    and 0 < capitals < len(words)
                    and any(is_given_name(word.text) for word in words)
                    else ParsedName(family, (), words[0].start, words[-1].end)
                )
                assert parsed is not None
                found[key] = (parsed, part, line.span(words[0].start, words[-1].end))
                line, part = part.line, part
    return found


def _hyphenated(text: str, words: list[NameWord]) -> list[NameWord]:
    """The words of a family name in its field with what a wide hyphen joins to them:
    « SAINT - MARTIN », but not « MARTIN - Prénom : Sophie »."""
    if not words or not all(word.in_capitals for word in words):
        return words
    dash = re.compile(r"\s[-–‑]\s").match(text, words[-1].end)
    if dash is None:
        return words
    more = name_words(text, dash.end())
    if not more or not all(word.in_capitals for word in more) or text[more[-1].end :].strip(" ."):
        return words
    first, second = words[-1], more[0]
    hyphenated = NameWord(f"{first.text}-{second.text}", first.start, second.end)
    return [*words[:-1], hyphenated, *more[1:]]


def _below(part: Part) -> Part | None:
    index = part.block.parts.index(part)
    return part.block.parts[index + 1] if index + 1 < len(part.block.parts) else None


_BIRTH_NAME = re.compile(
    r"(?<![a-z])(?P<kind>nee?|epouse|epse|ep\.?|veuve|vve|nom de naissance|nom de jeune fille|"
    r"njf)\s*[:.]?\s+(?!le\s*[:\d(]|le\s+1er|le\s+[a-z]+\s+\d|\(e\)|en\b|a\b|au\b)"
)


def _birth_name(part: Part, after: int) -> tuple[str, ParsedName, Span] | None:
    """« née DUPONT » (birth) or « épouse DUPONT » (used) after a name: kind, name and place."""
    line = part.line
    match = _BIRTH_NAME.search(line.folded, after)
    if match is None:
        return None
    words = name_words(line.text, match.end())
    if not words:
        return None
    if words[0].text[0].islower() and not words[0].is_particle:
        return None
    if words[0].text == "le" and re.search(r"\d", line.text[match.end() : match.end() + 20]):
        return None  # « née le T mai 1976 »: a day misread
    kind = "birth" if match["kind"].startswith(("ne", "nom", "njf")) else "used"
    if 0 < sum(word.in_capitals for word in words) < len(words):
        # « Mme DURAND née MARTIN Sophie »
        parsed = parse_name(words, family_first=True)
        if parsed is not None and parsed.by_capitals:
            return kind, parsed, line.span(parsed.start, parsed.end)
    family = " ".join(word.text for word in words)
    whole = ParsedName(family, (), words[0].start, words[-1].end)
    return kind, whole, line.span(words[0].start, words[-1].end)


# --- the patient ----------------------------------------------------------------------------


def _human(
    parsed: ParsedName,
    use: str,
    given: tuple[str, ...],
    spans: Sequence[Span],
    rule: str,
    trust: float,
    doubts: Sequence[str],
) -> Value[HumanName]:
    name = HumanName(
        family=parsed.family, given=given, use="official" if use == "official" else "usual"
    )
    others: tuple[HumanName, ...] = ()
    by_hand = any(span.line.kind is ZoneKind.HANDWRITTEN for span in spans)
    if _cut_short(parsed.family):
        doubts = (*doubts, CUT_SHORT)
    # « Y VINEC »: a letter that is a particle between two names begins none
    loose = any(
        len(word) == 1 and not (place and NameWord(word, 0, 0).is_particle)
        for place, word in enumerate(parsed.family.split())
    )
    if loose or (
        by_hand
        and (
            _in_two(parsed.family)
            or _in_pieces(parsed.family)
            or any(len(part) == 1 for name in (*given, *parsed.given) for part in name.split())
            or any(_LETTER_LEFT.match(span.line.text, span.end) for span in spans)
        )
    ):
        doubts = (*doubts, IN_TWO)
        whole = re.sub(r"\s", "", parsed.family + "".join(n for n in parsed.given if len(n) == 1))
        others = (name.model_copy(update={"family": whole}),)
        if by_hand and _in_pieces(parsed.family):
            name, others = name.model_copy(update={"family": _in_one(parsed.family)}), (name,)
    if by_hand and _ELIDED.match(fold(parsed.family)):
        doubts = (*doubts, ELISION)
    name, reading, unread = _readable(name, spans)
    return value(
        "name",
        name,
        tuple(spans),
        rule,
        reading=reading,
        trust=trust,
        doubts=(*doubts, *unread),
        alternatives=others,
    )


def _readable(
    name: HumanName, spans: Sequence[Span]
) -> tuple[HumanName, float | None, tuple[str, ...]]:
    """`name` without the half that was not read where the other half was, how well that one was
    read, and what to say of it."""
    least = thresholds()["name"].unread

    def worst(words: Sequence[str]) -> float:
        wanted = {part for word in words for part in re.split(r"\W+", fold(word)) if part}
        return min(
            (
                token.word.confidence
                for span in spans
                for token in span.tokens
                if wanted & set(re.split(r"\W+", fold(token.word.text)))
            ),
            default=1.0,
        )

    family, given = worst((name.family,)), worst(name.given)
    if name.given and family < least <= given:
        return name.model_copy(update={"family": ""}), given, (NO_FAMILY,)
    if name.given and given < least <= family:
        return name.model_copy(update={"given": ()}), family, (NO_GIVEN,)
    return name, None, ()


_ELIDED = re.compile(r"n[b-df-hj-np-tv-xz]")
"""« NGUESSAN »: what no name begins with unless an apostrophe stands behind the N."""


def _cut_short(family: str) -> bool:
    """Whether a family name stops on a particle, whose name is elsewhere: « Florence DE »."""
    last = family.split()[-1:]
    return any(NameWord(word, 0, 0).is_particle and not word[0].islower() for word in last)


def _in_two(family: str) -> bool:
    """Whether a family name has two words, the first of them no particle: by hand the space may be
    none. Nothing follows a particle that is the last word."""
    words = [NameWord(word, 0, 0) for word in family.split()]
    return len(words) > 1 and (words[-1].is_particle or not any(word.is_particle for word in words))


_PIECES = 3


def _in_pieces(family: str) -> bool:
    """Whether a family name is one that a hand wrote in pieces: « ETCHEVER RY », « K HOUR Y »."""
    _, words = _behind_particles(family)
    pieces = [word for word in words if not NameWord(word, 0, 0).is_particle]
    short = any(len(piece) <= 2 for piece in pieces)
    return len(words) > 1 and (short or len(pieces) >= _PIECES)


def _behind_particles(family: str) -> tuple[list[str], list[str]]:
    """The particles that a family name begins with, and its other words."""
    words = family.split()
    particles = list(takewhile(lambda word: NameWord(word, 0, 0).is_particle, words))
    return particles, words[len(particles) :]


def _in_one(family: str) -> str:
    particles, pieces = _behind_particles(family)
    return " ".join([*particles, "".join(pieces)])


# A capital or two left behind a name, as spaced capitals leave them: « LAMBER T ». F, H and M are
# sexes.
_LETTER_LEFT = re.compile(r"\s(?![FHM]\b)[A-ZÀ-ÖØ-Þ]{1,2}(?![\w.'’-])")


def _patient_name(
    parts: Sequence[Part], dates: dict[int, tuple[DateMention, ...]]
) -> tuple[tuple[Value[HumanName], ...], Part | None, tuple[Sex, Span] | None]:
    fields = _fields(parts)
    if "family" in fields:
        parsed, part, span = fields["family"]
        given: tuple[str, ...] = parsed.given
        spans = [span]
        doubts = [doubt for doubt in parsed.doubts if "Un seul nom" not in doubt]
        if "given" in fields:
            first, _, given_span = fields["given"]
            given = tuple(re.sub(r"[-–‑]", "-", first.family).split(" "))
            if not parsed.given:
                spans.append(given_span)
        elif not given:
            doubts.append(NO_GIVEN)
        official = fields.get("birth_family")
        names = [_human(parsed, "usual", given, spans, "identity.patient.fields", 0.99, doubts)]
        if official is not None:
            names.append(
                _human(
                    official[0],
                    "official",
                    given,
                    [official[2]],
                    "identity.patient.fields",
                    0.99,
                    official[0].doubts,
                )
            )
        else:
            for near in (part, *_neighbours(part), *part.block.parts):
                extra = _birth_name(near, 0)
                if extra is not None and extra[0] == "birth":
                    names.append(
                        _human(
                            extra[1],
                            "official",
                            given,
                            [extra[2]],
                            "identity.patient.birth-name",
                            0.98,
                            (),
                        )
                    )
                    break
        civility = _civility_before(part.line, span.start)
        return tuple(names), part, civility
    candidates = sorted(_patient_names(parts, dates), key=lambda c: (-c.score, c.part.number))
    born = fields.get("birth_family")
    if born is not None and ("given" in fields or not candidates):
        parsed, part, span = born
        given = ()
        spans = [span]
        if "given" in fields:
            given = tuple(fields["given"][0].family.split(" "))
            spans.append(fields["given"][2])
        return (
            (_human(parsed, "official", given, spans, "identity.patient.fields", 0.99, ()),),
            part,
            None,
        )
    if not candidates:
        return (), None, None
    best = candidates[0]
    doubts = list(best.name.doubts)
    spans = best.spans
    rivals = [
        other
        for other in candidates[1:]
        if other.score >= best.score - 0.4
        and _key(other.name) != _key(best.name)
        and not _compatible(other.name, best.name)
        and other.part.number != best.part.number
    ]
    if rivals and best.score < 6:
        doubts.append(SEVERAL_NAMES)
    name = best.name
    if not name.given:
        fuller = next((c for c in candidates if c.name.given and _compatible(c.name, name)), None)
        if fuller is not None:
            name, spans = fuller.name, fuller.spans
            doubts = list(name.doubts)
    under = _below(best.part)
    if under is not None and name.given and _lone_name(under.line):
        doubts.append(GOES_ON)
    names = []
    extra = _birth_name(best.part, best.name.end)
    for candidate in candidates:
        # The birth name may stand where the name is written a second time, or right below it.
        if extra is not None or not _compatible(candidate.name, name):
            continue
        extra = _birth_name(candidate.part, candidate.name.end)
        below = _below(candidate.part)
        if (
            extra is None
            and below is not None
            and _BIRTH_NAME.match(below.line.folded.lstrip(" ("))
        ):
            extra = _birth_name(below, 0)
    if born is not None and _key(born[0]) != re.sub(r"[^a-z]", "", name.family.casefold()):
        extra = "birth", replace(born[0], given=()), born[2]
    if extra is not None and extra[1].given and not name.given:
        name = replace(name, given=extra[1].given)
        doubts = [doubt for doubt in doubts if doubt != ONE_NAME]
        spans = [*spans, extra[2]]
    if extra is not None and extra[0] == "used":
        names.append(_human(extra[1], "usual", name.given, [extra[2]], best.rule, best.trust, ()))
        names.append(_human(name, "official", name.given, spans, best.rule, best.trust, doubts))
    else:
        names.append(_human(name, "usual", name.given, spans, best.rule, best.trust, doubts))
        if extra is not None:
            names.append(
                _human(
                    extra[1],
                    "official",
                    name.given,
                    [extra[2]],
                    "identity.patient.birth-name",
                    0.98,
                    extra[1].doubts,
                )
            )
    sex = None
    if best.sex is not None:
        sex = best.sex[0], best.part.line.span(best.sex[1], best.sex[2])
    return tuple(names), best.part, sex


def _lone_name(line: TextLine) -> bool:
    """Whether a row is one word that may be a given name: no title of a document, no label."""
    word = line.text.strip(" .,")
    named = re.fullmatch(r"[A-ZÀ-Ý][a-zà-ÿ'-]{2,}", word) is not None
    return named and fold(word) not in folded("words")


def _civility_before(line: TextLine, start: int) -> tuple[Sex, Span] | None:
    for match in _civilities(line, start):
        found = _sex_of(match)
        if found is not None:
            return found[0], line.span(found[1], found[2])
    return None


def _key(name: ParsedName) -> str:
    return re.sub(r"[^a-z]", "", (name.family + "".join(name.given)).casefold())


def _compatible(one: ParsedName, other: ParsedName) -> bool:
    """Whether two readings may be the same name, one of them shorter."""
    return one.family.casefold() == other.family.casefold()


_SEX = re.compile(
    r"sexe\s*[:=]?\s*(?:(?P<female>feminin|femme|fille|f)|(?P<male>masculin|homme|garcon|m|"
    r"h))(?![a-z])"
)
_SEX_WORDS = re.compile(
    r"(?<![a-z])(?:(?P<female>patiente|nee|agee|interessee|femme de|jeune femme|jeune fille|"
    r"fillette)|"
    r"(?P<male>ne le|age de|homme de|jeune homme|jeune garcon|garconnet|patient(?!e)))(?![a-z(])"
)
_AGE = re.compile(
    r"(?:\(|age(?:e|\(e\))?\s+de\s+|age\s*:\s*|,\s*|-\s*|\s)(?P<n>\d{1,3})\s?(?P<u>ans?|mois|"
    r"semaines|jours)\b(?!\s?(?:auparavant|plus tot|apres|avant))"
)
_UNITS = {"an": "a", "ans": "a", "mois": "mo", "semaines": "wk", "jours": "d"}


def _sex(
    parts: Sequence[Part],
    civility: tuple[Sex, Span] | None,
    nir: Value[str] | None,
    name_part: Part | None,
) -> Value[Sex] | None:
    stated: list[tuple[Sex, Span, str, float]] = []
    for part in parts:
        match = _SEX.search(part.line.folded)
        if match is not None:
            sex = Sex.FEMALE if match["female"] else Sex.MALE
            stated.append((sex, part.line.span(match.start(), match.end()), "sex-field", 0.99))
            break
    if civility is not None:
        stated.append((*civility, "civility", 0.99))
    number = nir.value if nir is not None else None
    if number and nir is not None and number[0] in "12378":
        sex = Sex.FEMALE if number[0] in "248" else Sex.MALE
    if not stated and name_part is not None:
        for part in (*name_part.block.parts, *parts):
            match = _SEX_WORDS.search(part.line.folded)
            if match is None:
                continue
            near = part.block is name_part.block
            written = part.line.text[match.start() : match.end()]
            if (
                written.casefold() in ("patient", "né le", "ne le")
                and re.match(r"\s?(?:\(e\)|:)|\s*$", part.line.folded[match.end() :])
                and "n" not in written[:1].casefold()
            ):
                continue
            found = Sex.FEMALE if match["female"] else Sex.MALE
            span = part.line.span(match.start(), match.end())
            stated.append((found, span, "agreement", 0.97 if near else 0.93))
            break
    if not stated:
        if number and nir is not None:
            return value(
                "sex",
                sex,
                _span_of(parts, nir),
                "identity.patient.sex.nir",
                trust=0.97,
                doubts=nir.reasons if nir.reasons else (),
            )
        return None
    first = stated[0]
    doubts = []
    if len({one[0] for one in stated}) > 1:
        doubts.append("La civilité et le sexe écrits ne concordent pas.")
    if number and sex is not first[0]:
        doubts.append(SEX_DIFFERS)
    return value(
        "sex", first[0], first[1], f"identity.patient.sex.{first[2]}", trust=first[3], doubts=doubts
    )


def _span_of(parts: Sequence[Part], read: Value[str]) -> tuple[Span, ...]:
    """The part a value was read from, found again by its boxes."""
    for part in parts:
        boxes = {token.word.box for token in part.line.tokens}
        if part.line.page == read.evidence.page and any(
            box in boxes or any(word.intersection(box) > 0 for word in boxes)
            for box in read.evidence.boxes
        ):
            return (part.line.span(),)
    return (parts[0].line.span(),)


def _nir(parts: Sequence[Part]) -> Value[str] | None:
    best: tuple[Number, Part, bool] | None = None
    for index, part in enumerate(parts):
        labels = list(_patterns()["label_nir"].finditer(part.line.folded))
        labelled = bool(labels)
        if not labelled:
            # The label may stand alone above the number, or before a wide gap on its row.
            beside = parts[index - 1] if index else None
            near = [next(_neighbours(part), None)]
            if beside is not None and beside.line.number == part.line.number:
                near.append(beside)
            labelled = any(
                one is not None
                and _patterns()["label_nir"].fullmatch(one.line.folded.strip() + " ")
                for one in near
            )
        text = part.line.text
        found = find_nir(text, labelled)
        below = _below(part)
        if labelled and below is not None and (found is None or NO_KEY in found.doubts):
            # The number may be broken over two rows.
            whole = joined(part.line, below.line)
            longer = find_nir(whole.text, labelled)
            if longer is not None and (found is None or not longer.doubts):
                part, found = replace(part, line=whole), longer
        if found is not None and (best is None or (best[0].doubts and not found.doubts)):
            best = (found, part, labelled)
    if best is None:
        return None
    number, part, labelled = best
    return value(
        "identifier",
        number.number,
        part.line.span(number.start, number.end),
        "identity.patient.nir" + ("" if labelled else ".by-key"),
        doubts=number.doubts,
        trust=0.99,
    )


_BELOW_NAME = 6
"""Rows from the patient's name on that a birth date may stand in."""


_MARK = 3
"""Characters of a mark (« ° ») in front of a date that stands alone."""


def _birth_date(
    parts: Sequence[Part],
    dates: dict[int, tuple[DateMention, ...]],
    name_part: Part | None,
    document_date: dt.date | None,
    today: dt.date,
) -> tuple[Value[dt.date], Part] | None:
    chosen: list[tuple[int, DateMention, Part, tuple[str, ...]]] = []
    for part in parts:
        for mention in dates[part.number]:
            if role(mention) == "birth" and mention.year_written:
                near = name_part is not None and part.block is name_part.block
                chosen.append((0 if near else 1, mention, part, ()))
            elif _label_alone_before(part, mention) and mention.year_written:
                chosen.append((1, mention, part, ()))
    if not chosen and name_part is not None:
        for part in (name_part, *_neighbours(name_part)):
            for mention in dates[part.number]:
                own = mention.date != document_date
                if mention.year_written and own and role(mention) == "":
                    chosen.append((2, mention, part, (NO_LABEL_DATE,)))
        # « vie le 16 octobre 1982 », « 0 16/10/1982 »: a label misread, where birth dates stand
        index = parts.index(name_part)
        for part in parts[index : index + _BELOW_NAME]:
            for mention in dates[part.number]:
                rest = len(part.line.text.strip()) - len(mention.span.text)
                told = role(mention) == "document" or (role(mention) == "" and rest <= _MARK)
                if mention.year_written and is_old(mention, today) and told:
                    chosen.append((3, mention, part, (NO_LABEL_DATE,)))
    if not chosen:
        return None
    chosen.sort(key=lambda item: (item[0], item[2].number))
    _, mention, part, doubts = chosen[0]
    others = {item[1].date for item in chosen if item[0] == chosen[0][0]} - {mention.date}
    alternatives = tuple(date for date in others if date is not None)
    if alternatives:
        doubts += ("Plusieurs dates de naissance possibles.",)
    if not mention.century_written:
        doubts += ("Année de naissance écrite sur deux chiffres.",)
    read = value(
        "birth_date",
        mention.date,
        mention.span,
        f"identity.patient.birth-date.{mention.rule.removeprefix('dates.')}",
        trust=0.99,
        doubts=(*mention.doubts, *doubts),
        remarks=mention.remarks,
        alternatives=alternatives,
    )
    return read, part


def _label_alone_before(part: Part, mention: DateMention) -> bool:
    """Whether the part holds only the date, and the part before it only the label."""
    if mention.span.text.strip() != part.line.text.strip(" .:"):
        return False
    for near in _neighbours(part):
        if _patterns()["label_birth_date"].fullmatch(near.line.folded.strip() + " "):
            return True
    return False


def _age(parts: Sequence[Part], name_part: Part | None) -> tuple[Value[Quantity], Part] | None:
    if name_part is None:
        return None
    index = parts.index(name_part)
    for part in (*name_part.block.parts, *parts[index : index + 4], *parts[:30]):
        match = _AGE.search(" " + part.line.folded)
        if match is None:
            continue
        near = part.block is name_part.block or part is name_part
        if not near and "age" not in match[0] and "patient" not in part.line.folded:
            continue
        if match["u"] != "ans" and match["u"] != "an" and "age" not in match[0]:
            continue
        start = max(match.start("n") - 1, 0)
        quantity = Quantity(value=Decimal(match["n"]), unit=match["u"], ucum=_UNITS[match["u"]])
        span = part.line.span(start, match.end() - 1)
        return value("age", quantity, span, "identity.patient.age", trust=0.98), part
    return None


_STREET = re.compile(
    r"(?<![\d/,])\d{1,4}\s?(?:bis|ter|quater|[a-d])?,?\s+(?:\w+\s+)?(?:rue|avenue|av\.?|"
    r"boulevard|bd|blvd|place|pl\.?|chemin|ch\.?|impasse|allee|allees|route|rte|quai|cours|"
    r"square|passage|residence|lotissement|lieu-dit|hameau|sentier|faubourg|fbg|esplanade|villa|"
    r"cite|montee|venelle|ruelle|promenade|parvis|rond-point|domaine|traverse|voie|mail|clos|"
    r"sente)\b"
)
_TOWN = re.compile(r"(?<!\d)(?:f-)?\d{5}\s+[a-z][a-z' -]{2,}")


def _address(block_parts: Sequence[Part]) -> Value[str] | None:
    spans: list[Span] = []
    for part in block_parts:
        street = _STREET.search(part.line.folded)
        town = _TOWN.search(part.line.folded)
        if street is None and town is None:
            if spans:
                break
            continue
        start = min(match.start() for match in (street, town) if match is not None)
        end = town.end() if town is not None else len(part.line.text)
        cut = re.search(r"\s[-–—]\s*(?=tel|rpps|n°|☎)|\s*(?:tel|☎)", part.line.folded[start:])
        if cut is not None:
            end = min(end, start + cut.start())
        spans.append(part.line.span(start, end))
        if town is not None:
            break
    if not spans:
        return None
    text = ", ".join(re.sub(r"\s+[-–—•]\s+", ", ", span.text.strip(" -–,")) for span in spans)
    return value("contact", text, spans, "identity.address", trust=0.97)


def _phone(block_parts: Sequence[Part]) -> Value[str] | None:
    for part in block_parts:
        if re.search(r"(?<![a-z])fax", part.line.folded) and "tel" not in part.line.folded:
            continue
        found = find_phone(part.line.text)
        if found is not None:
            span = part.line.span(found.start, found.end)
            return value(
                "contact", found.number, span, "identity.phone", trust=0.98, doubts=found.doubts
            )
    return None


def read_patient(
    lines: Sequence[TextLine], document_date: dt.date | None, today: dt.date
) -> Patient:
    """The patient of a document; `document_date` bounds the birth date and checks the age."""
    parts = _parts(lines)
    if not parts:
        return Patient()
    dates = {part.number: find_dates(part.line, today) for part in parts}
    names, name_part, civility = _patient_name(parts, dates)
    nir = _nir(parts)
    born = _birth_date(parts, dates, name_part, document_date, today)
    birth = born[0] if born is not None else None
    age = _age(parts, name_part)
    local = _local_id(parts)
    sex = _sex(parts, civility, nir, name_part)
    own: tuple[Part, ...] = ()
    if name_part is not None:
        same = name_part.block.parts
        mixed = name_part.block.is_prescribers
        index = same.index(name_part)
        own = tuple(same[index:]) if mixed else tuple(same)
        own = tuple(part for part in own if not _is_prescriber_line(part.line))
    patient = Patient(
        names=names,
        sex=sex,
        birth_date=birth,
        birth_place=read_birth_place(
            (part.line for part in (*([born[1]] if born is not None else []), *own)),
            nir.value if nir is not None else None,
        ),
        age=age[0] if age is not None else None,
        nir=nir,
        local_id=local,
        phone=_phone(own),
        address=_address(own),
    )
    return _cross_checked(patient, document_date, today)


def _is_prescriber_line(line: TextLine) -> bool:
    return bool(
        _leading_title(line)
        or _patterns()["rpps"].search(line.folded)
        or any(pattern.search(line.folded) for _, pattern in _specialities())
    )


def _local_id(parts: Sequence[Part]) -> Value[str] | None:
    for part in parts:
        match = _patterns()["label_local_id"].search(part.line.folded)
        if match is None:
            continue
        number = re.compile(r"(?:n°\s?)?[:\s]*([A-Z]{0,3}\d[\dA-Z\-/]{2,14})\b").match(
            part.line.text, match.end()
        )
        if number is not None:
            span = part.line.span(number.start(1), number.end(1))
            return value("identifier", number[1], span, "identity.patient.local-id", trust=0.97)
    return None


def _cross_checked(patient: Patient, document_date: dt.date | None, today: dt.date) -> Patient:
    """The patient with every contradiction between its values said on both of them."""
    latest = document_date or today
    birth, age, nir = patient.birth_date, patient.age, patient.nir
    if birth is not None and birth.value is not None:
        if birth.value > latest or birth.value.year < latest.year - 120:
            birth = doubted(birth, BIRTH_AFTER)
        if age is not None and age.value is not None and birth.value is not None:
            days = (latest - birth.value).days
            unit = {"a": 365.25, "mo": 30.44, "wk": 7.0, "d": 1.0}[age.value.ucum or "a"]
            if document_date is not None and not -0.1 <= days / unit - float(age.value.value) < 1.1:
                birth, age = doubted(birth, AGE_DIFFERS), doubted(age, AGE_DIFFERS)
        if nir is not None and nir.value is not None and birth.value is not None:
            month = int(nir.value[3:5]) if nir.value[3:5].isdigit() else 0
            known = 1 <= month <= 12
            if nir.value[1:3] != f"{birth.value.year % 100:02d}" or (
                known and month != birth.value.month
            ):
                birth, nir = doubted(birth, NIR_BIRTH), doubted(nir, NIR_BIRTH)
    if nir is not None and patient.sex is not None and SEX_DIFFERS in patient.sex.reasons:
        nir = doubted(nir, SEX_DIFFERS)
    return patient.model_copy(update={"birth_date": birth, "age": age, "nir": nir})


# --- the prescriber -------------------------------------------------------------------------


def _prescriber_names(parts: Sequence[Part]) -> Iterator[Candidate]:
    last = max(part.number for part in parts)
    for part in parts:
        line = part.line
        for match in _patterns()["title"].finditer(line.folded):
            if not line.text[match.start()].isupper():
                continue
            words = name_words(line.text, match.end())
            parsed = parse_name(words, family_first=False)
            if parsed is None or words[0].folded in vocabulary()["names"]["never"]:
                continue
            before = line.folded[: match.start()]
            leading = not before.strip(" -–•\t")
            score = 2.0 + 2.0 * leading + (1.0 if part.number <= 0.3 * last + 2 else 0.0)
            context = before + "\n" + _above(part)
            if _patterns()["others"].search(context):
                score -= 4
            if part.block.is_prescribers and leading:
                beside = "\n".join(near.line.folded for near in (part, *_neighbours(part)))
                if any(pattern.search(beside) for _, pattern in _specialities()):
                    score += 1.5
            if parsed.given:
                score += 0.5
            if re.search(r"signataire|signe|soussigne", before):
                score += 2
            yield Candidate(parsed, part, score, "identity.prescriber.title", trust=0.99)
        yield from _beside_speciality(part)


def _above(part: Part) -> str:
    index = part.block.parts.index(part)
    return part.block.parts[index - 1].line.folded if index else ""


def _beside_speciality(part: Part) -> Iterator[Candidate]:
    """A midwife's letterhead: a name without title, its speciality above, below or beside."""
    line = part.line
    folded = line.folded
    inline = next(
        (match for _, pattern in _specialities() if (match := pattern.search(folded))), None
    )
    offset = len(line.text) - len(line.text.lstrip(_EDGE))
    civility = _patterns()["civility"].match(folded, offset)
    start = civility.end() if civility and line.text[offset].isupper() else offset
    if inline is not None:
        words = name_words(line.text, start, inline.start())
        if inline.start() == offset:
            words = name_words(line.text, inline.end())
        if (
            2 <= len(words) <= 5
            and any(len(word.text) > 2 for word in words)  # « D.U. »
            and not any(word.folded in vocabulary()["names"]["never"] for word in words)
        ):
            parsed = parse_name(words, family_first=False)
            if parsed is not None and parsed.given:
                yield Candidate(parsed, part, 4.0, "identity.prescriber.speciality", trust=0.98)
        return
    if _leading_title(line):
        return
    words = name_words(line.text, start)
    rest = folded[words[-1].end :].strip(" ,.-") if words else ""
    if (
        not 2 <= len(words) <= 5
        or rest
        or all(len(word.text) < 3 for word in words)
        or any(word.folded in vocabulary()["names"]["never"] for word in words)
    ):
        return
    if _patterns()["practice"].search(folded):
        return
    for near in _neighbours(part):
        if any(pattern.search(near.line.folded) for _, pattern in _specialities()):
            parsed = parse_name(words, family_first=False)
            if parsed is not None and parsed.given:
                known = parsed.by_capitals or any(is_given_name(w.text) for w in words)
                yield Candidate(
                    parsed,
                    part,
                    4.5 + 0.5 * known,
                    "identity.prescriber.speciality",
                    trust=0.98 if known else 0.93,
                )
            return


def read_prescriber(lines: Sequence[TextLine], patient: Patient) -> Prescriber:
    """Who wrote the document: name, speciality, numbers, address and telephone."""
    parts = _parts(lines)
    if not parts:
        return Prescriber()
    patient_names = {_fold_name(one.value.family) for one in patient.names if one.value}
    candidates = [
        candidate
        for candidate in _prescriber_names(parts)
        if not (
            candidate.rule.endswith("speciality")
            and _fold_name(candidate.name.family) in patient_names
        )
    ]
    candidates.sort(key=lambda c: (-c.score, c.part.number))
    name: Value[HumanName] | None = None
    home: Block | None = None
    if candidates:
        best = candidates[0]
        same = [c for c in candidates[1:] if _same_family(c, best)]
        doubts = list(best.name.doubts)
        contenders = _contenders(candidates)
        if len(contenders) > 1:
            signed = [one for one in contenders if _signs(parts, one)]
            if len(signed) == 1:
                best = signed[0]
                doubts = list(best.name.doubts)
                same = [c for c in candidates if c is not best and _same_family(c, best)]
            else:
                best = _largest(contenders)
                same = [c for c in candidates if c is not best and _same_family(c, best)]
                doubts = [*best.name.doubts, SEVERAL_NAMES]
        parsed = best.name
        # The signature may say what the letterhead's capitals hide, and the reverse.
        if not parsed.given:
            same += [c for c in candidates if _says_more(c.name, parsed)]
        clearer = next((c for c in same if c.name.by_capitals or not c.name.doubts), None)
        unclear = not parsed.given or bool(parsed.doubts)
        if unclear and clearer is not None and clearer.name.given and not clearer.name.doubts:
            best, parsed, doubts = clearer, clearer.name, []
        if not parsed.given:
            doubts = [doubt for doubt in doubts if "Un seul nom" not in doubt]
            by_hand = best.span.line.kind is ZoneKind.HANDWRITTEN
            # « Dr Jean-François »: a patient may say so, a letterhead goes on
            first = is_given_name(parsed.family) and not parsed.family.isupper()
            if by_hand or len(parsed.family) < _WHOLE or first:
                doubts.append(HALF_READ)
        if _cut_short(parsed.family):
            doubts.append(CUT_SHORT)
        human = HumanName(family=parsed.family, given=parsed.given)
        name = value("name", human, best.span, best.rule, trust=best.trust, doubts=doubts)
        home = best.part.block
    speciality, speciality_part = _speciality(parts, home)
    if home is None and speciality_part is not None:
        home = speciality_part.block
    own = _letterhead(parts, home, patient)
    family = name.value.family if name is not None and name.value is not None else ""
    own_or_shared = [
        part for part in parts if part.block is home or not _of_colleague(part.block, family)
    ]
    unsure = (SEVERAL_NAMES,) if name is not None and SEVERAL_NAMES in name.reasons else ()
    return Prescriber(
        name=name,
        speciality=speciality,
        rpps=_labelled_number(own_or_shared, home, "rpps", 11, unsure),
        am=_labelled_number(own_or_shared, home, "am", 9, unsure),
        finess=_labelled_number(own_or_shared, home, "finess", 9, unsure),
        address=_address(own),
        phone=_phone(own),
    )


def _says_more(name: ParsedName, short: ParsedName) -> bool:
    """Whether `name` has for its given names all that `short` says."""
    return _fold_name("".join(name.given)) == _fold_name(short.family)


def _same_family(one: Candidate, other: Candidate) -> bool:
    return _fold_name(one.name.family) == _fold_name(other.name.family)


def _contenders(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best candidate and the others of a letterhead that several share, each once."""
    best = candidates[0]
    contenders = [best]
    for one in candidates[1:]:
        headed = one.score >= best.score - 0.4 or (one.score >= 4 and one.name.given)
        if headed and not any(_same_family(one, other) for other in contenders):
            contenders.append(one)
    return contenders


_WHOLE = 4
"""Letters that a prescriber's name alone has at least; what is shorter may be a piece of it."""
HALF_READ = "Un seul nom : l'autre n'a peut-être pas été lu."
_LARGER = 1.2
_STAMPED = 0.8  # what is read in a stamp is less sure than this
_SIGNED = 85.0  # likeness in per cent of a name in a stamp, which is read less well


def _largest(contenders: Sequence[Candidate]) -> Candidate:
    """The contender whose printed name is clearly larger than the others', else the first."""
    ranked = sorted(
        (one for one in contenders if _is_printed(one)),
        key=lambda one: -one.part.line.level.height,
    )
    if len(ranked) < 2:
        return contenders[0]
    height, following = (one.part.line.level.height for one in ranked[:2])
    return ranked[0] if height >= _LARGER * following else contenders[0]


def _is_printed(candidate: Candidate) -> bool:
    """Whether a name stands in print, and not in a stamp of a size and reading of its own."""
    line = candidate.part.line
    return line.kind is ZoneKind.PRINTED and candidate.span.reading > _STAMPED


def _signs(parts: Sequence[Part], candidate: Candidate) -> bool:
    """Whether the candidate's family name comes again at the foot of the document, or on a further
    page of it."""
    last = max(part.number for part in parts)
    family = _fold_name(candidate.name.family)
    return any(
        part.number > candidate.part.number + 1
        and (part.number >= last - 6 or part.line.page > candidate.part.line.page)
        and fuzz.partial_ratio(family, _fold_name(part.line.text)) >= _SIGNED
        and len(_fold_name(part.line.text)) >= len(family)
        for part in parts
    )


def _fold_name(family: str) -> str:
    return re.sub(r"[^a-z]", "", fold(family))


def _speciality(parts: Sequence[Part], home: Block | None) -> tuple[Value[str] | None, Part | None]:
    ordered = sorted(
        parts, key=lambda part: (home is not None and part.block is not home, part.number)
    )
    last = max(part.number for part in parts)
    for part in ordered:
        for name, pattern in _specialities():
            match = pattern.search(part.line.folded)
            if match is None:
                continue
            headed = part.number <= max(0.35 * last, 8)
            alone = match.start() <= 25 and len(part.line.text) - match.end() <= 40
            if not (part.block is home or (headed and alone)):
                continue
            if _patterns()["others"].search(part.line.folded[: match.start()]):
                continue
            span = part.line.span(match.start(), match.end())
            return value(
                "speciality", name, span, "identity.prescriber.speciality", trust=0.98
            ), part
    return None, None


def _letterhead(parts: Sequence[Part], home: Block | None, patient: Patient) -> tuple[Part, ...]:
    """Parts of the letterhead: the writer's block, then the head and foot of the page."""
    taken = [one.evidence for one in patient.names]
    taken += [one.evidence for one in (patient.address, patient.phone) if one is not None]
    own_boxes = {(e.page, box) for e in taken for box in e.boxes}
    patient_blocks = {
        id(part.block)
        for part in parts
        if any(
            part.line.page == page and box.intersection(part.line.box) > 0
            for page, box in own_boxes
        )
    }
    last = max(part.number for part in parts)
    own = [part for part in parts if part.block is home] if home is not None else []
    rest = [
        part
        for part in parts
        if part not in own
        and id(part.block) not in patient_blocks
        and (part.number <= max(0.3 * last, 10) or part.number >= last - 4)
    ]
    return (*own, *rest)


def _labelled_number(
    parts: Sequence[Part], home: Block | None, kind: str, length: int, doubts: tuple[str, ...]
) -> Value[str] | None:
    """The number after its label: where several prescribers share a letterhead, the one in the
    writer's own block, with `doubts` where it is not certain who that is. Where it is written
    twice (a stamp, a foot), the reading that passes its checks and was read best counts."""
    found = [
        (number, line, part.block is home)
        for index, part in enumerate(parts)
        for number, line in _numbers_after(parts, index, part, kind, length)
    ]
    if not found:
        return None
    owned = any(own for *_, own in found)
    number, line, _ = min(
        (one for one in found if one[2] or not owned or _same_number(one, found)),
        key=lambda item: (len(item[0].doubts), -item[1].span(item[0].start, item[0].end).reading),
    )
    others = {one.number for one, _, own in found if not one.doubts and (own or not owned)} - {
        number.number
    }
    doubts += number.doubts
    if others:
        doubts += (SEVERAL_NUMBERS,)
    return value(
        "identifier",
        number.number,
        line.span(number.start, number.end),
        f"identity.prescriber.{kind}",
        trust=0.99,
        doubts=doubts,
    )


def _of_colleague(block: Block, family: str) -> bool:
    """Whether a block opens with the title and name of somebody else than the prescriber."""
    if not family:
        return False
    titled = [part.line for part in block.parts if _leading_title(part.line)]
    return bool(titled) and not any(
        _fold_name(family) in _fold_name(part.line.text) for part in block.parts
    )


def _same_number(
    one: tuple[Number, TextLine, bool], found: Sequence[tuple[Number, TextLine, bool]]
) -> bool:
    """Whether a number outside the writer's block is, but for a few characters, one inside it."""
    return any(
        own and sum(a != b for a, b in zip(number.number, one[0].number, strict=False)) <= 2
        for number, _, own in found
    )


def _numbers_after(
    parts: Sequence[Part], index: int, part: Part, kind: str, length: int
) -> Iterator[tuple[Number, TextLine]]:
    for match in _patterns()[kind].finditer(part.line.folded):
        if match[0] == "am" and part.line.text[match.start() : match.end()] != "AM":
            continue
        found, line = find_number(part.line.text, match.end(), length), part.line
        if found is None and not part.line.text[match.end() :].strip(" :.n°N"):
            following = parts[index + 1] if index + 1 < len(parts) else None
            if following is not None:
                found, line = find_number(following.line.text, 0, length), following.line
        if found is None:
            continue
        doubts = found.doubts
        if not doubts and kind == "rpps" and not luhn_is_valid(found.number):
            doubts += (BAD_RPPS,)
        if not doubts and kind == "finess" and not finess_is_valid(found.number):
            doubts += (BAD_FINESS,)
        yield replace(found, doubts=doubts), line
