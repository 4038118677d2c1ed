"""From the characters of a dosage line to lexemes: what each word or phrase may mean.

Engines confuse characters that look alike (`l`/`1`, `O`/`0`, `rn`/`m`), lose accents and glue words
together (`1cpx3/j`). The lexer takes glued words apart and repairs what has one plausible repair;
a repaired lexeme says so, and the value that rests on it is doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from pipeline.extraction.dosage.vocabulary import Readings, simple, stem, vocabulary


@dataclass(frozen=True, slots=True)
class Lexeme:
    """Characters `start` to `end` of a text and what they may mean; a sign has no readings.

    `text` is the spelling the vocabulary knows; `repaired` marks a spelling that was guessed.
    """

    text: str
    readings: Readings
    start: int
    end: int
    repaired: bool = False

    @property
    def is_sign(self) -> bool:
        return not self.text[:1].isalnum()


class _Piece(NamedTuple):
    """A word, number or sign before phrases are put together."""

    text: str
    start: int
    end: int
    number: Decimal | None = None
    repaired: bool = False


_TOKEN: Final = re.compile(
    r"""
    (?P<thousands>(?<![\d.,/])\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?![\d]))
  | (?P<decimal>(?<![\d.,])\d+[.,]\d+)
  | (?P<blurred>(?<![^\W_])(?:[oli|]*\d[\doli|]*[.,][\doli|]{1,3}|[oli|]{1,2}[.,]\d[\doli|]?)
      (?=\s|[a-zµ%]|$))
  | (?P<dotted>(?<![^\W_])(?:[^\W\d_]\.){2,}[^\W\d_]?(?![^\W_]))
  | (?P<word>(?:[^\W_]|[½¼¾⅓⅔|¥])+(?:\(s\))?)
  | (?P<arrow>[-=]+>|→|⇒)
  | (?P<sign>\S)
    """,
    re.VERBOSE,
)
_DIGITS: Final = str.maketrans("oqliz|!s", "00112115")
_LETTERS: Final = str.maketrans("015|!8$", "olsllbs")
_LOOKALIKE: Final = (
    ("rn", "m"),
    ("ri", "n"),
    ("vv", "w"),
    ("ii", "u"),
    ("cl", "d"),
    ("i", "l"),
    ("1", "l"),
)
_BEFORE_EVENING: Final = ("le", "et", "matin", "midi", "chaque")
_SHORT: Final = frozenset(["soir", "midi", "jour", "moi", "foi", "repa", "pui", "prise", "matin"])
"""Words so common that a four-letter word is taken for a misreading of them."""
_HALVES: Final = {"½": "0.5", "¼": "0.25", "¾": "0.75", "⅓": "0.333", "⅔": "0.667"}
_GLUABLE: Final = frozenset(
    [
        "unit",
        "measure",
        "period",
        "moment",
        "times",
        "duration",
        "supply",
        "route",
        "renewal",
        "maximum",
        "every",
        "fraction",
        "intake",
        "meal",
        "meal_relation",
        "number_word",
    ]
)
_GLUABLE_FILLERS: Final = frozenset(["et", "par", "le", "les", "la", "a", "de", "tou", "en"])
_DAY: Final = re.compile(r"j(?:\d|[oil](?![a-z]))[\doil]?")
_ROMAN: Final = re.compile(r"(?=[xvil])(?:xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_ROMAN_VALUES: Final = {"i": 1, "v": 5, "x": 10, "l": 50}


def lex(text: str) -> tuple[Lexeme, ...]:
    """The lexemes of `text` from left to right, with offsets into it."""
    return _phrases(_in_context(_pieces(text)))


# --- words ------------------------------------------------------------------------------------


def _pieces(text: str) -> list[_Piece]:
    # Ligatures are written out only word by word, so that offsets stay those of `text`.
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    found: list[_Piece] = []
    for match in _TOKEN.finditer(lowered):
        raw, start, end = match.group(), match.start(), match.end()
        kind = match.lastgroup
        if kind == "thousands":
            found += _thousands(raw, start)
        elif kind == "decimal":
            found.append(_Piece(raw, start, end, _decimal(raw)))
        elif kind == "blurred":
            figures = raw.translate(_DIGITS)
            found.append(_Piece(figures, start, end, _decimal(figures), repaired=True))
        elif kind == "dotted":
            found += _word(simple(raw.replace(".", "")), start, end)
        elif kind == "word":
            found += _word(simple(raw.removesuffix("(s)")), start, end)
        elif kind == "arrow":
            found.append(_Piece("→", start, end))
        elif raw not in "'’`®™":
            sign = {"–": "-", "—": "-", "‑": "-", "×": "x", "*": "x"}.get(raw, raw)
            found.append(_Piece(sign, start, end))
    return found


def _in_context(found: Sequence[_Piece]) -> list[_Piece]:
    """Letters that only their neighbours tell: `/i` and `5 i` are days, `/6 b` hours."""
    result = list(found)
    for place, piece in enumerate(found):
        before = found[place - 1] if place else None
        after = found[place + 1] if place + 1 < len(found) else None
        numbered = before is not None and before.number is not None
        if piece.text in ("i", "1") and before is not None and before.text == "/":
            counted = after is not None and (after.number is not None or after.text in ("/", "cp"))
            earlier = found[place - 2] if place > 1 else None
            if (piece.text == "i" or earlier is None or earlier.number is None) and not counted:
                result[place] = piece._replace(text="j", number=None, repaired=True)
        elif piece.text == "i" and numbered and (after is None or after.number is None):
            result[place] = piece._replace(text="j", repaired=True)
        elif piece.text == "b" and numbered and place > 1:
            if found[place - 2].text in ("/", "les", "par", "a", "le"):
                result[place] = piece._replace(text="h", repaired=True)
        elif piece.text == "sl" and after is not None and after.text.isalpha():
            meaning = vocabulary().phrases.get((after.text,), {})
            if "complaint" in meaning or not meaning:
                result[place] = piece._replace(text="si", repaired=True)
        elif (
            piece.text == "soit"
            and (after is None or after.number is None)
            and (after is None or (before is not None and before.text in _BEFORE_EVENING))
        ):
            result[place] = piece._replace(text="soir", repaired=True)
    return result


def _decimal(text: str) -> Decimal:
    """A number written the French or the English way; `100.000` is a hundred thousand."""
    whole, _, part = text.replace(",", ".").partition(".")
    if part == "000" and whole.strip("0") and "." in text:
        return Decimal(whole + part)
    return Decimal(f"{whole}.{part}") if part else Decimal(whole)


def _thousands(raw: str, start: int) -> list[_Piece]:
    """`100 000` is one number; `75 160` is two, since only round groups are put together."""
    groups = raw.split()
    if all(int(group) % 100 == 0 for group in groups[1:]) and int(groups[0]) > 0:
        return [_Piece("".join(groups), start, start + len(raw), Decimal("".join(groups)))]
    pieces: list[_Piece] = []
    offset = 0
    for group in groups:
        offset = raw.index(group, offset)
        place = start + offset
        pieces.append(_Piece(group, place, place + len(group), Decimal(group)))
        offset += len(group)
    return pieces


def _word(word: str, start: int, end: int) -> list[_Piece]:
    """The pieces a cluster of letters and digits stands for."""
    if len(word) != end - start:  # ligatures or dots: offsets inside the word are lost
        return [_Piece(text, start, end, number, fixed) for text, number, fixed in _split(word)]
    pieces: list[_Piece] = []
    for text, number, fixed in _split(word):
        size = len(text) if not fixed else None
        pieces.append(_Piece(text, start, end if size is None else start + size, number, fixed))
        start = pieces[-1].end
    if pieces and pieces[-1].end < end:
        pieces[-1] = pieces[-1]._replace(end=end)
    return pieces


@lru_cache(maxsize=20_000)
def _split(word: str) -> tuple[tuple[str, Decimal | None, bool], ...]:
    """Text, number and whether it was repaired, of each part of a cluster."""
    words = vocabulary()
    if word.isdecimal():
        return ((word, Decimal(word), False),)
    if word in _HALVES:
        return ((word, Decimal(_HALVES[word]), False),)
    if word in words.misread_halves:
        return (("½", Decimal("0.5"), True),)
    known = words.known(word)
    if known is not None:
        return ((known, None, False),)
    if word in words.misread:
        return ((words.misread[word], None, True),)
    if len(word) > 1 and _ROMAN.fullmatch(word):
        return ((word, None, False),)
    if _DAY.fullmatch(word):
        figures = word[1:].translate(_DIGITS)
        return (("j", None, False), (figures, Decimal(figures), not word[1:].isdecimal()))
    digits = sum(c.isdigit() for c in word)
    if digits and len(word) - digits >= 3:
        spelled = _lookalikes().get(lookalike(stem(word.translate(_LETTERS))))
        if spelled is not None:
            return ((spelled, None, True),)
    parts = _segment(word)
    if parts is not None:
        return parts
    if sum(c.isdigit() or c in "½¼¾⅓⅔" for c in word) and sum(c.isalpha() for c in word) > 2:
        spelled = _spelled(word)
        if spelled is not None:
            return ((spelled, None, True),)
    if any(c.isdigit() for c in word):
        # digits beside letters of no meaning: the name of a drug (`b12`), or ink gone wrong
        return tuple(
            (piece, Decimal(piece) if piece.isdecimal() else None, False)
            for piece in re.findall(r"\d+|\D+", word)
        )
    spelled = _spelled(word)
    if spelled is not None:
        return ((spelled, None, True),)
    return ((word, None, False),)


def _segment(word: str) -> tuple[tuple[str, Decimal | None, bool], ...] | None:
    """`word` as known words and numbers glued together, with the fewest and surest parts."""
    if len(word) > 24:
        return None
    best: list[tuple[float, tuple[tuple[str, Decimal | None, bool], ...]] | None]
    best = [None] * (len(word) + 1)
    best[0] = (0.0, ())
    for start in range(len(word)):
        here = best[start]
        if here is None:
            continue
        for end in range(start + 1, len(word) + 1):
            piece = word[start:end]
            part = _part(piece, word, start, end)
            if part is None:
                continue
            cost, content = part
            total = here[0] + cost
            there = best[end]
            if there is None or total < there[0]:
                best[end] = (total, (*here[1], content))
    final = best[len(word)]
    if final is None or (len(final[1]) < 2 and not any(c.isdigit() for c in word)):
        return None
    if not any(number is not None for _, number, _ in final[1]) and final[0] > 2.8:
        return None
    return final[1]


def _part(
    piece: str, word: str, start: int, end: int
) -> tuple[float, tuple[str, Decimal | None, bool]] | None:
    """What a stretch of a glued word costs and means, if it may mean anything."""
    before = word[start - 1] if start else ""
    after = word[end] if end < len(word) else ""
    if start == 0 and end < len(word) and piece in vocabulary().misread_halves:
        return 1.5, ("½", Decimal("0.5"), True)
    if piece in _HALVES:
        return 1.0, (piece, Decimal(_HALVES[piece]), False)
    if piece[0].isdigit() and piece.isdecimal():
        if before.isdigit() or after.isdigit():
            return None
        return 1.0, (piece, Decimal(piece), False)
    figures = piece.translate(_DIGITS)
    if figures.isdecimal() and len(piece) <= 5:
        digits = sum(c.isdigit() for c in piece)
        if before.isdigit() or after.isdigit():
            return None
        rest = vocabulary().known(word[end:]) if end < len(word) else None
        counted = rest is not None and rest not in _GLUABLE_FILLERS
        counted = counted and (len(rest or "") > 1 or rest == "g")
        if digits or (start == 0 and counted and piece in ("l", "i", "|", "lo", "io")):
            return 1.3 + 0.2 * (len(piece) - digits), (figures, Decimal(figures), True)
    words = vocabulary()
    known = words.known(piece)
    if known is None:
        meant = words.misread.get(piece) if start or end < len(word) else None
        return None if meant is None else (1.6, (meant, None, True))
    readings = words.phrases.get((known,), {})
    if not (_GLUABLE & readings.keys() or known in _GLUABLE_FILLERS):
        return (1.4, (known, None, False)) if len(piece) > 1 and readings else None
    if piece in ("cs", "cc", "cm", "ap", "av") and not before.isdigit():
        return None
    if len(piece) == 1:
        beside_digit = before.isdigit() or after.isdigit() or (before == "" and known == "x")
        return (1.1 if beside_digit or known in "xj" else 3.0), (known, None, False)
    return 1.0, (known, None, False)


def lookalike(word: str) -> str:
    """A spelling in which characters that engines take for one another are the same."""
    word = word.translate(_LETTERS)
    for seen, meant in _LOOKALIKE:
        word = word.replace(seen, meant)
    return word


@lru_cache(maxsize=1)
def _lookalikes() -> dict[str, str]:
    return {lookalike(word): word for word in sorted(vocabulary().words) if len(word) > 2}


@lru_cache(maxsize=1)
def _long_words() -> dict[int, list[str]]:
    """Words of more than three letters by their length."""
    found: dict[int, list[str]] = {}
    for word in sorted(vocabulary().words):
        if len(word) > 3:
            found.setdefault(len(word), []).append(word)
    return found


@lru_cache(maxsize=4096)
def complaint(word: str) -> str | None:
    """The complaint that `word` is a misreading of; `None` where it is one, or far from any."""
    folded = simple(word)
    known = vocabulary().complaints
    if folded in known or len(folded) < 5 or stem(folded) in vocabulary().ordinary:
        return None
    clear = folded.translate(_LETTERS)
    for seen, meant in (("ii", "u"), ("rn", "m")):
        clear = clear.replace(seen, meant)
    match = process.extractOne(clear, list(known), scorer=OSA.distance, score_cutoff=1)
    return None if match is None else known[match[0]]


def _spelled(word: str) -> str | None:
    """The vocabulary's word that `word` most plausibly is a misreading of."""
    words = vocabulary()
    word = stem(word)
    if len(word) < 3 or word in words.ordinary:
        return None
    found = _lookalikes().get(lookalike(word))
    if found is not None:
        return found
    if len(word) < 4:
        return None
    allowed = 1 if len(word) < 8 else 2
    near = [
        match
        for length in range(len(word) - allowed, len(word) + allowed + 1)
        for match in process.extract(
            word,
            _long_words().get(length, []),
            scorer=OSA.distance,
            score_cutoff=allowed,
            limit=None,
        )
    ]
    if not near:
        return None

    if len(word) == 4:
        near = [match for match in near if match[0] in _SHORT]
        if not near:
            return None

    def rank(found: tuple[str, float, int]) -> tuple[float, bool, bool]:
        return found[1], found[0] not in words.common, len(found[0]) != len(word)

    return str(min(near, key=rank)[0])


# --- phrases ----------------------------------------------------------------------------------


def _phrases(found: Sequence[_Piece]) -> tuple[Lexeme, ...]:
    """Pieces put together where they form a phrase of the vocabulary, the longest first."""
    words = vocabulary()
    lexemes: list[Lexeme] = []
    position = 0
    while position < len(found):
        piece = found[position]
        if piece.number is not None and piece.text not in words.starts:
            lexemes.append(_number(piece))
            position += 1
            continue
        size, readings = _longest(found, position)
        if size == 0:
            lexemes.append(_unknown(piece) if piece.number is None else _number(piece))
            position += 1
            continue
        members = found[position : position + size]
        text = " ".join(member.text for member in members)
        lexemes.append(
            Lexeme(
                text=text,
                readings=_with_letters(text, readings),
                start=members[0].start,
                end=members[-1].end,
                repaired=any(member.repaired for member in members),
            )
        )
        position += size
    return tuple(lexemes)


def _longest(found: Sequence[_Piece], position: int) -> tuple[int, Readings]:
    """How many pieces from `position` form the longest phrase, and what it means."""
    words = vocabulary()
    if found[position].text not in words.starts:
        return 0, {}
    key: list[str] = []
    best: tuple[int, Readings] = (0, {})
    for offset, piece in enumerate(found[position:]):
        if len(key) > words.longest:
            break
        if piece.text in "-." and key and piece.text not in words.starts:
            follower = found[position + offset + 1 : position + offset + 2]
            tight = follower and follower[0].start - found[position + offset - 1].end <= 2
            if not tight:
                break
            continue
        key.append(piece.text)
        readings = words.phrases.get(tuple(key))
        if readings is not None:
            best = (offset + 1, readings)
    return best


def _number(piece: _Piece) -> Lexeme:
    return Lexeme(piece.text, {"number": piece.number}, piece.start, piece.end, piece.repaired)


def _with_letters(text: str, readings: Readings) -> Readings:
    """Adds the Roman number or misread digit that a word of the vocabulary may also be."""
    extra: Readings = {}
    roman = _roman(text)
    if roman is not None:
        extra["roman"] = roman
    if text in ("l", "i", "o"):
        extra["misread"] = Decimal(text.translate(_DIGITS))
    return {**readings, **extra} if extra else readings


def _unknown(piece: _Piece) -> Lexeme:
    readings: Readings = {}
    roman = _roman(piece.text)
    if roman is not None:
        readings["roman"] = roman
    figures = piece.text.translate(_DIGITS)
    if figures.isdecimal() and len(piece.text) <= 3 and piece.text not in ("s", "ss", "z"):
        readings["misread"] = Decimal(figures)
    return Lexeme(piece.text, readings, piece.start, piece.end, piece.repaired)


def _roman(text: str) -> Decimal | None:
    if not text or not _ROMAN.fullmatch(text):
        return None
    values = [_ROMAN_VALUES[letter] for letter in text]
    total = sum(
        -value if value < following else value
        for value, following in zip(values, [*values[1:], 0], strict=True)
    )
    return Decimal(total)


def repaired(lexeme: Lexeme) -> Lexeme:
    """`lexeme` marked as guessed."""
    return replace(lexeme, repaired=True)
