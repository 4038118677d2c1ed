"""From the characters of a dosage line to lexemes: what each word or phrase may mean.

Engines confuse characters that look alike (`l`/`1`, `O`/`0`, `rn`/`m`), lose accents and glue words
together (`1cpx3/j`). The lexer takes glued words apart and repairs what has one plausible repair;
a repaired lexeme says so, and the value that rests on it is doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from pipeline.extraction.dosage.vocabulary import Confusion, Readings, simple, stem, vocabulary


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
  | (?P<rounded>(?<![^\W_])[\dil|][\do]{0,2}\s?[\do]{3}(?=\s?(?:[uv]i|u)\b))
  | (?P<decimal>(?<![\d.,])\d+[.,]\d+(?!\d*[os](?:[\s%]|$)))
  | (?P<blurred>(?<![^\W_])(?:[oli|]*\d[\doli|]*[.,](?:[\do]{0,2}s(?=[\s%/])|[\doli|]{1,3})
      |[oli|]{1,2}[.,]\d[\doli|]?)(?=\s|[a-zµ%/]|$))
  | (?P<days>(?<![^\W_])(?:lu|ma|me|je|ve|sa|di)(?:[-/.](?:lu|ma|me|je|ve|sa|di))+(?![^\W_]))
  | (?P<dotted>(?<![^\W_])(?:[^\W\d_]\.){2,}[^\W\d_]?(?![^\W_]))
  | (?P<word>(?:[^\W_]|[½¼¾⅓⅔|¥])(?:(?!(?<![\dj])\d+[.,]\d)(?:[^\W_]|[½¼¾⅓⅔|¥]))*(?:\(s\))?)
  | (?P<arrow>[-=]+>|→|⇒)
  | (?P<sign>\S)
    """,
    re.VERBOSE,
)
_DIGITS: Final = str.maketrans("oqliz|!s", "00112115")
_LETTERS: Final = str.maketrans("015|!8$9", "olsllbsg")
_ALIKE: Final = str.maketrans("ivq", "lug")
_PAIRS: Final = (("rn", "m"), ("nn", "m"), ("rl", "n"), ("uu", "w"), ("cl", "d"), ("ll", "u"))
_ALIKE_IN_LONG_WORDS: Final = str.maketrans("ef", "ct")
"""Confusions that would make too many short words the same."""
_BEFORE_HOURS: Final = ("/", "les", "par", "a", "le", "et", "de", "intervalle", "apre", ",")
_BEFORE_EVENING: Final = ("le", "et", "matin", "midi", "chaque")
_SHORT: Final = frozenset(
    [
        *("soir", "midi", "jour", "moi", "foi", "repa", "pui", "prise", "matin", "jeun", "heure"),
        *("toute", "deux"),
    ]
)
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
        "as_needed",
        "as_needed_for",
    ]
)
_BEFORE_NUMBERS: Final = frozenset(["duration", "supply", "maximum", "renewal"])
"""What is followed by a number, so that one glued to it is no misread letter."""
_GLUABLE_FILLERS: Final = frozenset(["et", "par", "le", "les", "la", "a", "de", "tou", "en"])
_WEEK: Final = re.compile(r"s[1-9]\d?(?![^\W_])(?!\s?(?:m?g|µg|ml|ui|%|cp|gel|/))")
_DAY: Final = re.compile(r"j(?:\d|[oil](?![a-z]))[\doil]?")
_DAY_IN_SEVEN: Final = re.compile(r"\d[il]\s?/\s?[27](?!\d)")
_TENS_OF_GRAMS: Final = re.compile(r"\d+[oO]+g")
_SHORT_WORD: Final = re.compile(r"\s+([^\W\d_]{2,3})(?![^\W_])")
_NEXT_WORD: Final = re.compile(r"\s+([^\W\d_][^\W_]{3,})")
_WARMTH: Final = re.compile(r"\s+t\s?°")
_ENDING_IN_A: Final = frozenset(["déjà", "voilà", "delà", "cela"])
_NOT_FRENCH: Final = re.compile(r"[áãåíìóòõúñýø]")
_FIVE: Final = re.compile(
    r"(?<![Mm][,/+-])(?<![Mm][,/+-]\s)(?<![Mm]\s)(?<![Mm]\set\s)(?<![/+-])\bS(?=\s?(?:j|jours?|mois|sem|semaines?|h|min|m[gq]|g|ml|µg|UI"
    r"|cps?|comp|g[eé]l|g[fto]{1,2}e?s?|gou[tf]+es|appl|fois|bouff)\b)"
    r"|(?<![^\W_])S(?=\s?%)|(?<=[x×]\s)S(?=\s?/)|[:,]\s*S(?=\s?(?:m[gq]|ml|µg|cps?|g[eé]l|gou[tf]+es)\b)"
)
"""A five that was read as a capital S; not the evening of « M, M, S »."""
_FIVE_MEASURED: Final = re.compile(r"(?<![^\W_])S(?=(?:m[gq]|µg|ml)(?![^\W_]))")
_FIVE_HUNDRED: Final = re.compile(r"S[0oO]{2}")
_DAYS_BY_LETTERS: Final = {
    "lu": "lundi", "ma": "mardi", "me": "mercredi", "je": "jeudi", "ve": "vendredi",
    "sa": "samedi", "di": "dimanche",
}  # fmt: skip
_NOUGHT_INSIDE: Final = re.compile(r"(?<=[a-z])0(?=[a-z])|(?<=[a-z]{3})0$")
_DAYS: Final = re.compile(r"\d{1,2}i(?![^\W_])(?!\s?(?:mg|g|cp|gel|ml|ui|µg|%|/|sach|amp|gou|inj))")
_BEFORE_DAYS: Final = re.compile(r"[^\W\d_]{2,}[2-9]\s(?=(?:j|jours?|sem|semaines?|mois)\b)")
_SCHEME_AND_NEED: Final = re.compile(r"(\d{1,2})(si|sb)")
_ROMAN: Final = re.compile(r"(?=[xvil])(?:xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_ROMAN_DROPS: Final = re.compile(r"([xvil]+)(?:gouttes?|gtt?e?s?)")
_ROMAN_VALUES: Final = {"i": 1, "v": 5, "x": 10, "l": 50}


def lex(text: str, *, strengths: Collection[Decimal] = ()) -> tuple[Lexeme, ...]:
    """The lexemes of `text` from left to right, with offsets into it.

    `strengths` are those of the medicine spoken of: `801 cp` of one that has 80 is `80` and `1 cp`.
    """
    return _phrases(_in_context(_apart(_pieces(text), strengths)))


# --- words ------------------------------------------------------------------------------------


def _pieces(text: str) -> list[_Piece]:
    # Ligatures are written out only word by word, so that offsets stay those of `text`.
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    found: list[_Piece] = []
    tokens = list(_TOKEN.finditer(lowered))
    for place, match in enumerate(tokens):
        raw, start, end = match.group(), match.start(), match.end()
        kind = match.lastgroup
        if place + 1 < len(tokens) and (whole := _cut(match, tokens[place + 1])) is not None:
            found.append(_Piece(whole, start, tokens[place + 1].end(), repaired=True))
        elif place and _cut(tokens[place - 1], match) is not None:
            continue
        elif kind == "thousands":
            found += _thousands(raw, start)
        elif kind == "rounded":
            figures = raw.translate(_DIGITS).replace(" ", "")
            found.append(_Piece(figures, start, end, Decimal(figures), repaired=True))
        elif kind == "decimal":
            found.append(_Piece(raw, start, end, _decimal(raw)))
        elif kind == "blurred":
            figures = raw.translate(_DIGITS)
            found.append(_Piece(figures, start, end, _decimal(figures), repaired=True))
        elif kind == "days":
            for day in re.finditer(r"[^\W_]+", raw):
                place_of = start + day.start()
                found.append(_Piece(_DAYS_BY_LETTERS[day.group()], place_of, start + day.end()))
        elif kind == "dotted":
            letters = simple(raw.replace(".", ""))
            if letters == "se":  # "s.c."
                found.append(_Piece("sc", start, end, repaired=True))
            else:
                found += _word(letters, start, end)
        elif _TENS_OF_GRAMS.fullmatch(text, start, end):
            figures = raw[:-1].translate(_DIGITS)
            found.append(_Piece(figures, start, end - 1, Decimal(figures), True))
            found.append(_Piece("g", end - 1, end))
        elif re.fullmatch(r"\d+q", raw):
            found.append(_Piece(raw[:-1], start, end - 1, Decimal(raw[:-1])))
            found.append(_Piece("g", end - 1, end, repaired=True))
        elif raw == "cl" and lowered[end : end + 1] in ("'", "’"):
            found.append(_Piece("d", start, end, repaired=True))
        elif raw in ("m1", "mi", "m|") and found and (found[-1].number or found[-1].text == "/"):
            found.append(_Piece("ml", start, end, repaired=True))
        elif text[start] == "S" and raw[1:].isdecimal() and _WEEK.match(lowered, start):
            found.append(_Piece("s", start, start + 1))
            found.append(_Piece(raw[1:], start + 1, end, Decimal(raw[1:])))
        elif raw == "eps" and found and found[-1].number is not None:
            found.append(_Piece("cp", start, end, repaired=True))  # no sports lesson
        elif raw in ("hsi", "hsb") and found and found[-1].number is not None:
            found.append(_Piece("h", start, start + 1))  # "14 hsi douleur"
            found.append(_Piece(raw[1:], start + 1, end))
        elif raw == "s" and any(five.end() == end for five in _FIVE.finditer(text, 0)):
            found.append(_Piece("5", start, end, Decimal(5), repaired=True))
        elif text[start:end] in ("lM", "1M", "|M"):
            found.append(_Piece("im", start, end, repaired=True))
        elif text[start] == "S" and _FIVE_HUNDRED.fullmatch(text, start, end):
            found.append(_Piece("500", start, end, Decimal(500), repaired=True))
        elif text[start] == "S" and _FIVE_MEASURED.match(text, start):
            found.append(_Piece("5", start, start + 1, Decimal(5), repaired=True))
            found += _word(simple(raw[1:]), start + 1, end)
        elif (
            raw[-1].isdigit()
            and _BEFORE_DAYS.match(lowered, start)
            and simple(raw) not in vocabulary().misread
        ):
            found += _word(simple(raw[:-1]), start, end - 1)  # "1 cp5 j", "soir5 jours"
            five = raw[-1] == "5"  # which may be an s
            found.append(_Piece(raw[-1], end - 1, end, Decimal(raw[-1]), repaired=five))
        elif kind == "word" and raw[:-1] in ("mg", "g", "ui") and lowered[end:].startswith("/c"):
            found += _word(raw[:-1], start, end - 1)  # "60 mgs/c"
            found.append(_Piece("s", end - 1, end))
        elif raw[0].isdigit() and (scheme := _SCHEME_AND_NEED.fullmatch(raw)) is not None:
            found.append(_Piece(scheme[1], start, end - 2, Decimal(scheme[1])))
            found.append(_Piece(scheme[2], end - 2, end))
        elif raw == "5i" and _complains(lowered, end):
            found.append(_Piece("si", start, end, repaired=True))
        elif (
            kind == "word"
            and raw[-1] == "à"
            and (len(raw) > 2 or raw[0].isdigit())
            and raw not in _ENDING_IN_A
        ):
            found += _word(simple(raw[:-1]), start, end - 1)  # "IMà"
            found.append(_Piece("a", end - 1, end))
        elif kind == "word" and raw[-1] == "t" and lowered[end : end + 1] == "°" and len(raw) > 1:
            found += _word(simple(raw[:-1]), start, end - 1)  # "siT°"
            found.append(_Piece("t", end - 1, end))
        elif kind == "word" and _is_days(text, lowered, start, end):
            found.append(_Piece(raw[:-1], start, end - 1, Decimal(raw[:-1])))
            found.append(_Piece("j", end - 1, end, repaired=True))
        elif kind == "word":
            pieces = _word(simple(raw.removesuffix("(s)")), start, end)
            if _NOT_FRENCH.search(raw):
                pieces = [piece._replace(repaired=True) for piece in pieces]
            found += pieces
        elif kind == "arrow":
            found.append(_Piece("→", start, end))
        elif raw not in "'’`®™":
            sign = {"–": "-", "—": "-", "‑": "-", "×": "x", "*": "x"}.get(raw, raw)
            found.append(_Piece(sign, start, end))
    return found


def _cut(first: re.Match[str], second: re.Match[str]) -> str | None:
    """The word that an engine cut in two: `pendan t`, `sans dép asser`."""
    if second.start() != first.end() + 1 or not (first.group() + second.group()).isalpha():
        return None
    words = vocabulary()
    start, end = simple(first.group()), simple(second.group())
    whole = start + end
    tail = len(end) == 1 and start not in words.common and words.known(whole) in words.common
    if len(whole) < 4 or (
        words.known(start) and words.known(end) and min(len(start), len(end)) < 4 and not tail
    ):
        return None
    return words.known(whole) or (whole if whole in words.complaints else None)


def _apart(found: Sequence[_Piece], strengths: Collection[Decimal]) -> Sequence[_Piece]:
    """Figures that lost the space between strength and dose, or whose `g` was read as a 9."""
    if not strengths:
        return found
    result: list[_Piece] = []
    for place, piece in enumerate(found):
        head, last = piece.text[:-1], piece.text[-1:]
        after = found[place + 1] if place + 1 < len(found) else None
        before = found[place - 1] if place else None
        if piece.number is None or piece.number in strengths or not piece.text.isdecimal():
            result.append(piece)
        elif piece.text == "9" and before is not None and _grams(before.text, strengths):
            result.append(piece._replace(text="g", number=None, repaired=True))
        elif head and last == "9" and _grams(head, strengths) and not _measured(after):
            middle = piece.end - 1
            result.append(_Piece(head, piece.start, middle, Decimal(head), True))
            result.append(_Piece("g", middle, piece.end, None, True))
        elif head and last in "1234" and Decimal(head) in strengths and Decimal(head) >= 5:
            dosed = _counted(after) or (after is not None and after.text == "/")
            if dosed and after is not None and after.number is None:
                middle = piece.end - 1
                result.append(_Piece(head, piece.start, middle, Decimal(head), True))
                result.append(_Piece(last, middle, piece.end, Decimal(last), True))
            else:
                result.append(piece)
        else:
            result.append(piece)
    return result


def _grams(text: str, strengths: Collection[Decimal]) -> bool:
    """Whether a figure is a strength in grams: its thousandfold is one in milligrams."""
    if not text.isdecimal() or not 1 <= int(text) <= 12:
        return False
    return Decimal(text) in strengths and 1000 * Decimal(text) in strengths


def _measured(after: _Piece | None) -> bool:
    """Whether a unit of measure or of time follows."""
    if after is None:
        return False
    readings = vocabulary().phrases.get((after.text,), {})
    return bool(readings.keys() & {"measure", "period"})


def _in_context(found: Sequence[_Piece]) -> list[_Piece]:
    """Letters that only their neighbours tell: `/i` and `5 i` are days, `/6 b` hours."""
    return [_meant(found, place) for place in range(len(found))]


def _meant(found: Sequence[_Piece], place: int) -> _Piece:
    """The piece at `place` as its neighbours say that it is meant."""
    piece = found[place]
    before = found[place - 1] if place else None
    after = found[place + 1] if place + 1 < len(found) else None
    numbered = before is not None and before.number is not None
    if piece.text in ("i", "1") and _is_day(found, place):
        return piece._replace(text="j", number=None, repaired=True)
    if piece.text == "%" and not numbered and _counted(after):
        half = Decimal(_HALVES["½"])
        return piece._replace(text="½", number=half, repaired=True)  # "% comp."
    if piece.text == "b" and before is not None and before.number is not None:
        glued = before.end == piece.start and before.number <= 72
        if glued or (place > 1 and found[place - 2].text in _BEFORE_HOURS):
            return piece._replace(text="h", repaired=True)
    if piece.text == "sl" and after is not None and after.text.isalpha():
        meaning = vocabulary().phrases.get((after.text,), {})
        if "complaint" in meaning or not meaning or after.text == "pas":
            return piece._replace(text="si", repaired=True)
    in_evening = before is not None and before.text in _BEFORE_EVENING
    if piece.text == "soit" and (after is None or (after.number is None and in_evening)):
        return piece._replace(text="soir", repaired=True)
    for confusion in vocabulary().confusions.get(piece.text, ()):
        if _fits(confusion, found, place):
            return piece._replace(text=confusion.meant, number=None, repaired=True)
    return piece


def _fits(confusion: Confusion, found: Sequence[_Piece], place: int) -> bool:
    """Whether the neighbours of the piece at `place` are those of `confusion`."""
    if confusion.after_number and not (place and found[place - 1].number is not None):
        return False
    if confusion.if_repaired and not found[place].repaired:
        return False
    return all(
        (found[place + at].text if 0 <= place + at < len(found) else "") in texts
        for at, texts in confusion.neighbours
    )


def _is_day(found: Sequence[_Piece], place: int) -> bool:
    """Whether an `i`, or a 1 behind a stroke, is the `j` of days: « 2/i », « 5 i »."""
    piece = found[place]
    before = found[place - 1] if place else None
    after = found[place + 1] if place + 1 < len(found) else None
    if before is None:
        return False
    if before.text != "/":
        numbered = piece.text == "i" and before.number is not None
        return numbered and not _counted(after) and not _ranged(found, place)
    counted = after is not None and (after.number is not None or after.text in ("/", "cp"))
    earlier = found[place - 2] if place > 1 else None
    worded = earlier is not None and earlier.number is None
    if worded and piece.text == "i":
        return True
    return (piece.text == "i" or earlier is None or worded) and not counted


def _is_days(text: str, lowered: str, start: int, end: int) -> bool:
    """Whether a number and a letter that looks like `j` are days: `x 6i`, `5l/7`."""
    written = text[end - 1] == "i" and _DAYS.match(lowered, start)
    return bool(written or _DAY_IN_SEVEN.match(lowered, start))


def _complains(lowered: str, end: int) -> bool:
    """Whether a complaint or its like follows: a word that is none of dosage."""
    if _WARMTH.match(lowered, end):
        return True
    short = _SHORT_WORD.match(lowered, end)
    if short is not None and "complaint" in vocabulary().phrases.get((simple(short[1]),), {}):
        return True
    following = _NEXT_WORD.match(lowered, end)
    if following is None:
        return False
    words = vocabulary()
    word = simple(following[1])
    return word in words.complaints or word == "besoin" or words.known(word) is None


def _counted(after: _Piece | None) -> bool:
    """Whether a unit or a number follows, so that an `i` before it is a one."""
    if after is None:
        return False
    return after.number is not None or "unit" in vocabulary().phrases.get((after.text,), {})


def _ranged(found: Sequence[_Piece], place: int) -> bool:
    """Whether `à 2` or `-0-1` follows, so that an `i` before it is a one."""
    ahead = found[place + 1 : place + 3]
    return len(ahead) == 2 and ahead[0].text in ("a", "ou", "-") and ahead[1].number is not None


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
    parts = _split(word)
    for place, (text, number, fixed) in enumerate(parts, start=1):
        # a repaired part may have had another length: the last takes what is left
        stop = end if fixed and place == len(parts) else min(start + len(text), end)
        pieces.append(_Piece(text, start, stop, number, fixed))
        start = stop
    if pieces and pieces[-1].end < end:
        pieces[-1] = pieces[-1]._replace(end=end)
    return pieces


@lru_cache(maxsize=1)
def _usual() -> frozenset[str]:
    """Words that are often glued to others."""
    phrases = vocabulary().phrases.items()
    fractions = (key[0] for key, meant in phrases if len(key) == 1 and "fraction" in meant)
    return vocabulary().common | _GLUABLE_FILLERS | frozenset(fractions)


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
    if word[-1] == "x" and word in words.complaints:
        return ((word, None, False),)  # "toux" is no "tous"
    if stem(word) in words.ordinary and words.known(word) is None:
        return ((word, None, False),)
    known = words.known(word)
    if known is not None:
        return ((known, None, False),)
    if word in words.misread:
        return ((words.misread[word], None, True),)
    if len(word) > 1 and _ROMAN.fullmatch(word):
        return ((word, None, False),)
    if word == "js":
        return (("j", None, False), ("5", Decimal(5), True))
    drops = _ROMAN_DROPS.fullmatch(word)
    if drops is not None and _ROMAN.fullmatch(drops[1]):
        return ((drops[1], None, False), ("goutte", None, False))
    if len(word) > 3 and word[0] in "il" and (known := words.known("j" + word[1:])) is not None:
        return ((known, None, True),)
    if _DAY.fullmatch(word):
        figures = word[1:].translate(_DIGITS)
        return (("j", None, False), (figures, Decimal(figures), not word[1:].isdecimal()))
    if words.phrases.get((word[:-1],), {}).keys() & _BEFORE_NUMBERS and word[-1] in "123456789il|":
        figure = word[-1].translate(_DIGITS)
        return ((word[:-1], None, False), (figure, Decimal(figure), figure != word[-1]))
    digits = sum(c.isdigit() for c in word)
    if digits == 1 and stem(clear := word.translate(_LETTERS)) in words.ordinary:
        return ((stem(clear), None, True),)  # "ju5"
    if digits == 1 and _NOUGHT_INSIDE.search(word):
        return tuple((text, n, True) for text, n, _ in _split(_NOUGHT_INSIDE.sub("o", word)))
    figured = _FIGURE_BEHIND.fullmatch(word)
    if figured is not None:
        head, figure = figured[1] or figured[3], figured[2] or figured[4]
        if head == "lp" or words.known(head) in words.common or len(words.known(head) or "") > 5:
            return ((words.known(head) or head, None, False), (figure, Decimal(figure), False))
    if digits and len(word) - digits >= 3:
        spelled = _looks_like(word)
        if spelled is not None:
            return ((spelled, None, True),)
    if digits == 1 and len(word) >= 3 and words.known(word[1:]) is None:
        letters = words.known(word.translate(_LETTERS))  # "5em", "gé1"
        if letters is None and len(word) > 5:
            letters = _spelled(word.translate(_LETTERS))
        if letters is not None:
            return ((letters, None, True),)
    if digits and len(word) - digits >= 4 and (meant := complaint(word)) is not None:
        return ((simple(meant), None, True),)
    parts = _segment(word)
    if parts is not None:
        # "semain" has lost a letter and is not "se" and "main"
        odd = any(
            fixed
            or text not in _usual()
            or (
                text not in _GLUABLE_FILLERS and words.phrases.get((text,), {}).keys() == {"filler"}
            )
            for text, _, fixed in parts
        )
        worded = all(number is None for _, number, _ in parts)
        lost = _spelled(word) if odd and worded and len(word) > 4 else None
        return ((lost, None, True),) if lost and abs(len(lost) - len(word)) < 2 else parts
    if sum(c.isdigit() or c in "½¼¾⅓⅔" for c in word) and sum(c.isalpha() for c in word) > 2:
        spelled = _spelled(word)
        if spelled is not None:
            return ((spelled, None, True),)
    if digits == 1 and _LETTER_READ_AS_DIGIT.fullmatch(word):
        return ((stem(clear), None, True),)
    counted = _FIGURE_BEFORE.fullmatch(word)
    if counted is not None and (meant := _spelled(counted[2])) in words.common:
        return ((counted[1], Decimal(counted[1]), False), (str(meant), None, True))
    if any(c.isdigit() for c in word):
        # digits beside letters of no meaning: the name of a drug (`b12`), or ink gone wrong
        return tuple(
            (piece, Decimal(piece) if piece.isdecimal() else None, False)
            for piece in re.findall(r"\d+|\D+", word)
        )
    spelled = _spelled(word)
    if spelled is not None:
        return ((spelled, None, True),)
    return _two_words(word) or ((word, None, False),)


_FIGURE_BEHIND: Final = re.compile(r"([a-z]{3,}|cp|sc|im|iv)([1-46-9]|[1-9]\d)|(lp)(\d{1,3})")
"""A word and the figure glued to it: `soir1 semaine`, `cp3 fois`, `LP5 mg`; a 5 may be an s."""
_LETTER_READ_AS_DIGIT: Final = re.compile(r"[a-z]{2,}[015][a-z]{2,}|[a-z]{4,}5")
"""A word that no list has, one letter of it read as a digit: `accè5`, `mou1ée`."""
_FIGURE_BEFORE: Final = re.compile(r"(\d{1,3})([a-z]{5,})")
"""A figure and the word glued to it, which may be misread: `2boiffées`."""


def _two_words(word: str) -> tuple[tuple[str, Decimal | None, bool], ...] | None:
    """Two words glued together, one of them misread as well: `avantchaqie`."""
    words = vocabulary()
    if len(word) < 8 or word in words.complaints or stem(word) in words.ordinary:
        return None
    for place in range(3, len(word) - 2):
        left, right = words.known(word[:place]), words.known(word[place:])
        if left in words.common and (other := _spelled(word[place:])) in words.common:
            return (str(left), None, True), (str(other), None, True)
        if right in words.common and (other := _spelled(word[:place])) in words.common:
            return (str(other), None, True), (str(right), None, True)
    return None


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
    cost, parts = final
    worded = all(number is None for _, number, _ in parts)
    whole = len(parts) == 2 and all(len(text) > 2 for text, _, _ in parts)  # "sansdépasser"
    likely = 3.6 if whole else 2.8
    if len(parts) > 2 and len(word) > 3.5 * len(parts):
        likely = 1.3 * len(parts)  # "matinetsoir"
    return None if worded and cost > likely else parts


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
        inside = before.isalpha() and after.isalpha()
        if before.isdigit() or after.isdigit() or (inside and not int(piece)):
            return None  # a nought among letters is an o
        return 1.0, (piece, Decimal(piece), False)
    figures = piece.translate(_DIGITS)
    digits = sum(c.isdigit() for c in piece)
    if figures.isdecimal() and len(piece) <= (7 if digits > 2 else 5):
        if before.isdigit() or after.isdigit() or (before.isalpha() and piece[0] in "zqs"):
            return None
        rest = vocabulary().known(word[end:]) if end < len(word) else None
        counted = rest is not None and rest not in _GLUABLE_FILLERS
        counted = counted and (len(rest or "") > 1 or rest == "g")
        if digits or (start == 0 and counted and piece in ("l", "i", "|", "lo", "io")):
            return 1.3 + 0.2 * (len(piece) - digits), (figures, Decimal(figures), True)
    words = vocabulary()
    if piece[-1] == "x" and piece in words.complaints:
        return 1.2, (piece, None, False)  # "touxsèche"
    known = words.known(piece)
    free = piece in words.complaints or stem(piece) in words.ordinary
    if known is None and free and len(piece) > 3 and (start or end < len(word)):
        return 1.8, (piece, None, True)  # "sisécheresse"
    if known is None:
        meant = words.misread.get(piece) if start or end < len(word) else None
        if meant is None and len(piece) > 3 and not piece[-1].isdigit():
            meant = _looks_like(piece) or _singly().get(_DOUBLED.sub(r"\1", stem(piece)))
        return None if meant is None else (1.6, (meant, None, True))
    readings = words.phrases.get((known,), {})
    if not (_GLUABLE & readings.keys() or known in _GLUABLE_FILLERS):
        cost = 1.4 if len(piece) > 1 and readings else 1.8 if len(piece) > 3 else None
        return None if cost is None else (cost, (known, None, False))
    if known in ("cs", "cc", "cm", "ap", "av", "ir", "hs") and not before.isdigit():
        return None
    if len(piece) == 1:
        beside_digit = before.isdigit() or after.isdigit() or (before == "" and known == "x")
        return (1.1 if beside_digit or known in "xj" else 3.0), (known, None, False)
    return 1.0, (known, None, False)


def meant(word: str) -> str:
    """The word of the vocabulary that a single one is or most likely was; itself where none."""
    parts = _split(simple(word))
    return parts[0][0] if len(parts) == 1 else word


def lookalike(word: str, *, pairs: bool = True) -> str:
    """A spelling in which characters that engines take for one another are the same.

    With `pairs`, also two that look like one (`rn` and `m`).
    """
    word = word.translate(_LETTERS).translate(_ALIKE)
    for seen, meant in 2 * _PAIRS if pairs else ():  # what one pair leaves may be another
        word = word.replace(seen, meant)
    return word.translate(_ALIKE_IN_LONG_WORDS) if len(word) > 3 else word


@lru_cache(maxsize=2)
def _lookalikes(*, pairs: bool) -> dict[str, str]:
    """Words by their look-alike spelling; where two share one, the likelier word in a dosage."""
    words = vocabulary()
    ranked = sorted(words.words, key=lambda word: (word in words.common, word))
    return {lookalike(word, pairs=pairs): word for word in ranked if len(word) > 2}


@lru_cache(maxsize=2)
def _free_lookalikes(*, pairs: bool) -> dict[str, str]:
    """Words of complaints and other free text, by their look-alike spelling."""
    words = vocabulary()
    known = sorted({*words.complaints, *words.ordinary})
    return {lookalike(word, pairs=pairs): word for word in known if len(word) > 4}


def _looks_like(word: str) -> str | None:
    """The vocabulary's word that `word` spells but for characters that look alike."""
    return _look_up(word, _lookalikes)


def _look_up(word: str, spellings: Callable[..., dict[str, str]]) -> str | None:
    for pairs in (False, True):
        for written in (word, stem(word.translate(_LETTERS))):
            found = spellings(pairs=pairs).get(lookalike(written, pairs=pairs))
            if found is not None:
                return found
    return None


@lru_cache(maxsize=1)
def _long_words() -> dict[int, list[str]]:
    """Words of more than three letters by their length."""
    found: dict[int, list[str]] = {}
    for word in sorted(vocabulary().words):
        if len(word) > 3:
            found.setdefault(len(word), []).append(word)
    return found


_DOUBLED: Final = re.compile(r"(.)\1")


@lru_cache(maxsize=1)
def _singly() -> dict[str, str]:
    """Words by their spelling without doubled letters; where two share one, the likelier."""
    words = vocabulary()
    ranked = sorted(words.words, key=lambda word: (word in words.common, word))
    return {_DOUBLED.sub(r"\1", word): word for word in ranked if len(word) > 3}


@lru_cache(maxsize=4096)
def complaint(word: str) -> str | None:
    """The complaint that `word` is a misreading of; `None` where it is one, or far from any."""
    folded = simple(word)
    known = vocabulary().complaints
    usual = stem(folded) in vocabulary().ordinary or vocabulary().known(folded) is not None
    if folded in known or len(folded) < 4 or usual:
        return None
    if len(folded) == 4:
        alike = (word for word in known if lookalike(word) == lookalike(folded))
        return next((known[word] for word in alike), None)
    spelled = _look_up(folded, _free_lookalikes)
    if spelled in known:
        return known[str(spelled)]
    clear = folded.translate(_LETTERS)
    match = process.extractOne(clear, list(known), scorer=OSA.distance, score_cutoff=1)
    return None if match is None else known[match[0]]


@lru_cache(maxsize=4096)
def is_known(word: str) -> bool:
    """Whether some list has the word: of dosage, of complaints or of ordinary ones."""
    folded, words = simple(word), vocabulary()
    return (
        folded in words.complaints
        or stem(folded) in words.ordinary
        or words.known(folded) is not None
    )


def _spelled(word: str) -> str | None:
    """The vocabulary's word that `word` most plausibly is a misreading of."""
    words = vocabulary()
    found = None if stem(word) in words.ordinary else _looks_like(word)
    if found is None and len(word) > 4 and word not in words.complaints:
        found = _look_up(word, _free_lookalikes)
    if found is not None and stem(found) != stem(word):
        return found
    word = stem(word)
    if len(word) < 4 or word in words.ordinary:
        return None
    single = _singly().get(_DOUBLED.sub(r"\1", word)) or _singly().get(
        stem(_DOUBLED.sub(r"\1", word))
    )
    if single is not None:
        return single
    allowed = 1 if len(word) < 10 else 2
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
        return _nearly_looks_like(word)

    if len(word) == 4:
        near = [match for match in near if match[0] in _SHORT]
        if not near:
            return None

    least = min(distance for _, distance, _ in near)
    numbers = [
        one
        for one, distance, _ in near
        if distance == least and "number_word" in words.phrases.get((one,), {})
    ]
    if len(numbers) > 1:
        return None  # "quatrze" is four or fourteen

    def rank(found: tuple[str, float, int]) -> tuple[float, bool, bool]:
        return found[1], found[0] not in words.common, len(found[0]) != len(word)

    return str(min(near, key=rank)[0])


def _nearly_looks_like(word: str) -> str | None:
    """The one word that a long one spells but for look-alikes and a letter more, less or other."""
    if len(word) < 6 or word in vocabulary().complaints:
        return None
    clear = lookalike(word)
    known = {**_free_lookalikes(pairs=True), **_lookalikes(pairs=True)}
    near = process.extract(
        clear,
        [one for one in known if abs(len(one) - len(clear)) < 2 and len(one) > 4],
        scorer=OSA.distance,
        score_cutoff=1,
        limit=6,
    )
    meant = {known[alike]: OSA.distance(word, known[alike]) for alike, _, _ in near}
    ranked = sorted(meant, key=lambda one: meant[one])
    alone = len(ranked) == 1 or (len(ranked) > 1 and meant[ranked[0]] < meant[ranked[1]])
    return ranked[0] if alone else None


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
        listed = piece.text == "," and key and len(key[-1]) == 1 and key[-1].isalpha()  # "m, m, s"
        if (listed or piece.text in "-.") and key and piece.text not in words.starts:
            follower = found[position + offset + 1 : position + offset + 2]
            tight = follower and follower[0].start - found[position + offset - 1].end <= 2
            if not tight:
                break
            continue
        key.append(piece.text)
        readings = words.phrases.get(tuple(key))
        if key == ["a", "l"] and _counted(
            found[position + offset + 1] if position + offset + 1 < len(found) else None
        ):
            break  # "1/2 à l cp": a one
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
