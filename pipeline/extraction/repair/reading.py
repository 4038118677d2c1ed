"""Set misread words of the trade right by their shape.

Two words have one shape when they differ only where OCR confuses characters; words that the
engine was not sure of may also be a letter away from one. Only words of the vocabulary are ever
written, bullets before a capitalised word and noughts, and the evidence keeps what was read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from pipeline.extraction.evidence import TextLine, Token, fold
from pipeline.extraction.repair.figures import DISPUTED, figures
from pipeline.extraction.repair.vocabulary import trade_words
from pipeline.model import Alternative

_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("0o", "o"), ("o0", "o"))
_CLASSES = str.maketrans(
    {
        "0": "o",
        "q": "o",
        "1": "l",
        "i": "l",
        "|": "l",
        "!": "l",
        "í": "l",
        "5": "s",
        "8": "b",
        "€": "e",
        "ı": "l",
        "$": "s",
        "æ": "œ",
    }
)


def shape(word: str) -> str:
    """What `word` looks like to an engine: confusable characters fall into one."""
    folded = fold(word)
    for pair, single in _PAIRS:
        folded = folded.replace(pair, single)
    return folded.translate(_CLASSES)


_UNSURE = 0.75
"""Below this confidence a word may be taken for the one of the vocabulary that is nearest."""


@cache
def _words() -> dict[str, str]:
    """The words of the vocabulary by their folded form, each in small letters where it has them."""
    return {fold(word): word for word in sorted(trade_words(), key=str.islower)}


@cache
def _shapes() -> dict[str, str]:
    """The words of the vocabulary by their shape, with the case of their ends."""
    shapes: dict[str, str] = {}
    for word in trade_words():
        shapes.setdefault(_cased(shape(word), word), word)
    return shapes


def _cased(key: str, word: str) -> str:
    """The shape with the case of its first letter, so that « Poids » and « poids » stay apart."""
    return ("A" if word[:1].isupper() else "a") + ("A" if word[-1:].isupper() else "a") + key


# What a round bullet is read as, and a nought with a stroke or a dot in it.
_BULLETS = frozenset("eoO©®°¢@¤»«*=~")
_NOUGHT = re.compile(r"^(?:[©®Ø]|O0|0O|OO)(?=[,;.]?$)")
# Behind a number: « µg » and what it is read as. « mm Hg » has a word in front.
_MICROGRAMS = re.compile(r"^(?:[uüûUjyplH]g|pig|µq)(?=[,;.]?$)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_DEGREES = re.compile(r"(?<=\d\d°)%(?=\d)")
_STOPPED = re.compile(r"(\d+)\.")
_UNITS = frozenset(["ui", "mg", "g", "ml", "µg", "kg", "cm"])

_CORE = re.compile(r"[^\W_](?:[\w/|!€$'-]*[\w|!€$])?")


def repaired(line: TextLine) -> TextLine:
    """`line` with misread vocabulary set right; the same line when there is nothing to do."""
    line = _uncut(line)
    glued = {
        place
        for first, (one, two) in enumerate(pairwise(line.tokens))
        if one.end == two.start
        for place in (first, first + 1)
    }
    other = {place: meant for place, meant in figures(line) if place not in glued}
    text = ""
    tokens: list[Token] = []
    changed = False
    at = 0
    for index, token in enumerate(line.tokens):
        text += line.text[at : token.start]
        written = line.text[token.start : token.end]
        if index in other:
            better = other[index]
            least = min(token.word.confidence, DISPUTED)
            token = replace(token, word=token.word.model_copy(update={"confidence": least}))
        elif _is_bullet(line, index):
            better = "•"
        else:
            before = line.tokens[index - 1].word.text if index else ""
            after = line.tokens[index + 1].word.text if index + 1 < len(line.tokens) else ""
            better = _better(_beside(written, before, after))
            if better == written and token.word.confidence < _UNSURE:
                better = _meant(written, token.word.alternatives)
        changed |= better != written
        tokens.append(replace(token, start=len(text), end=len(text) + len(better)))
        text += better
        at = token.end
    return replace(line, text=text, tokens=tuple(tokens)) if changed else line


_CUT = re.compile(
    r"(?<![\d,.])(?:0[,.](?P<nought> )\d{1,3}\b|\d{1,3},(?P<unit> )[25]\s?(?:mg|µg|g|%)(?!\w))"
    r"|(?<!\w)DD(?P<label> )N(?!\w)"
    r"|(?<![\d/.-])[0-3]?\d(?P<s>[/.-])[01]?\d(?P=s)"
    r"(?:[12](?P<thousand> )\d{3}|(?:19|20)(?P<century> )\d\d)(?!\d|\s*(?:ans|mois|SA|kg))"
    r"|(?<!\w)[TP]A\s?[:=]?\s?1\d(?P<pressure> )\d/\d{2,3}(?!\d)"
)


def _uncut(line: TextLine) -> TextLine:
    """`line` with figures such as « 0, 05 » and « 12, 5 mg » in one piece: no number ends with a
    comma after 0, and of a strength nobody names two with one unit; nor is there a year 2.
    The label « DDN » and words of the vocabulary that a wide hand spaces likewise."""
    gaps = [match.start(match.lastgroup or 0) for match in _CUT.finditer(line.text)]
    for gap in sorted({*gaps, *_inside_words(line)}, reverse=True):
        tokens = tuple(
            replace(token, start=token.start - 1, end=token.end - 1) if token.start > gap else token
            for token in line.tokens
        )
        line = replace(line, text=line.text[:gap] + line.text[gap + 1 :], tokens=tokens)
    return line


def _inside_words(line: TextLine) -> list[int]:
    """Places of the spaces within words of the vocabulary: « SpO 2 », « PRÉ NOM »."""
    known = _words()
    words = [(token, line.folded[token.start : token.end]) for token in line.tokens]
    return [
        one.end
        for (one, first), (other, second) in pairwise(words)
        if other.start == one.end + 1
        and first + second in known
        and not {first, second} <= known.keys()
        and not (len(first) == len(second) == 2 and second.isalpha())  # « mm Hg »
    ]


def _beside(written: str, before: str, after: str) -> str:
    """A word that only the words `before` and `after` it tell to be misread."""
    if _NUMBER.fullmatch(before):
        written = _MICROGRAMS.sub("µg", written)
    if _STOPPED.fullmatch(written) and fold(after.rstrip(".,;")) in _UNITS:
        written = written[:-1]
    written = _DEGREES.sub("", written)
    return _NOUGHT.sub("0", written) if before else written


def _is_bullet(line: TextLine, index: int) -> bool:
    """Whether a word is a lone round character before a capitalised word: any at the start of a
    row, « e », which is no word, also between two values."""
    read = line.tokens[index].word.text
    if index + 1 >= len(line.tokens) or read not in (_BULLETS if index == 0 else ("e",)):
        return False
    following = line.tokens[index + 1]
    return (
        line.text[following.start].isupper()
        and len(following.word.text) > (2 if index == 0 else 1)
        and line.text[line.tokens[index].end] == " "
    )


def _meant(written: str, alternatives: Sequence[Alternative]) -> str:
    """The word of the vocabulary that the engine had in mind too, or that one letter more, less or
    other makes of a long word it was not sure of (two of a very long one)."""
    match = _CORE.search(written)
    if match is None or fold(match[0]) in _words() or not match[0].isalpha():
        return written
    core = fold(match[0])
    found = None
    for other in sorted(alternatives, key=lambda one: -one.confidence):
        other_core = _CORE.search(other.text)
        if other_core is not None and len(other_core[0]) > 2 and fold(other_core[0]) in _words():
            found = fold(other_core[0])
            break
    if found is None and len(core) >= 7:
        near = process.extract(
            core,
            list(_words()),
            scorer=Levenshtein.distance,
            score_cutoff=1 if len(core) < 12 else 2,
            limit=2,
        )
        if near and (len(near) == 1 or near[0][1] < near[1][1]):
            found = near[0][0]
    if found is None:
        return written
    word = _words()[found]
    if match[0].isupper():
        word = word.upper()
    elif match[0][0].isupper():
        word = word[0].upper() + word[1:]
    return written[: match.start()] + word + written[match.end() :]


_BORN = re.compile(r"[NnL][ée][cC({\[]{0,2}[eéc][)}\]]{1,2}")
"""« Né(e) » by hand, whose brackets look like letters; a bracket at its end tells it."""


def _better(written: str) -> str:
    if _BORN.fullmatch(written):
        return "né(e)" if written[0] == "n" else "Né(e)"
    match = _CORE.search(written)
    if match is None:
        return written
    core = match[0]
    if fold(core) in _words() or not any(character.isalpha() for character in core):
        return written
    word = _shapes().get(_cased(shape(core), core))
    # Short words have too many neighbours: there only digits for letters count as misread.
    if word is None or (len(core) <= 4 and not any(c.isdigit() or c in "|!l" for c in core)):
        return written
    return written[: match.start()] + word + written[match.end() :]
