"""Labels of measurements set right where an engine took characters for ones that look alike.

`Ternp 38,2` is a temperature and `plaquette5 98 000` no count of 5. Only words of the vocabulary
are written, only over words that are none of French; the evidence keeps what was read.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache, lru_cache
from typing import Final

from pipeline.extraction.evidence import TextLine, Token, fold
from pipeline.extraction.measurements.vocabulary import short_words, vocabulary, words

_LETTERS: Final = str.maketrans("01i|!589qjv$", "olllls" + "bgglus")
_PAIRS: Final = (("rn", "m"), ("rl", "n"), ("uu", "w"), ("cl", "d"), ("ll", "u"))
_FAINT: Final = str.maketrans("ef", "ct")
_CORE: Final = re.compile(r"[^\W_](?:[^\W_]|[|!$])*")
_SHORTEST: Final = 4
_DIGITS: Final = str.maketrans("oOiIl|", "001111")
_FIGURE: Final = re.compile(r"[\doOiIl|]+(?:[.,/+-][\doOiIl|]+)*")
_VOLUME: Final = re.compile(r".*\dl|.*/[lI|]|[oO]2")
"""Figures whose last letter is litres, and oxygen."""


def _shape(word: str) -> str:
    """What a folded word looks like to an engine."""
    shape = word.translate(_LETTERS)
    for pair, single in _PAIRS:
        shape = shape.replace(pair, single)
    return shape.translate(_FAINT)


@cache
def _known() -> tuple[dict[str, str], frozenset[str]]:
    """Words of labels and of what is said of them by their shape; words that are left alone."""
    terms = [
        term for entry in vocabulary().values() for term in (*entry.labels, *entry.strip_labels)
    ]
    listed = {word for term in (*terms, *words()["said"]) for word in re.findall(r"[a-z]+", term)}
    shapes = {_shape(word): word for word in sorted(listed) if len(word) >= _SHORTEST}
    return shapes, frozenset(listed) | frozenset(map(fold, words()["no_label"]))


def mended(line: TextLine) -> TextLine:
    """`line` with misread words of measurements set right; itself when there is none."""
    better = [_mended_word(line.text[token.start : token.end]) for token in line.tokens]
    pairs = list(zip(line.tokens, better, strict=True))
    if all(line.text[token.start : token.end] == word for token, word in pairs):
        return line
    text, at = "", 0
    tokens: list[Token] = []
    for token, word in pairs:
        text += line.text[at : token.start]
        tokens.append(replace(token, start=len(text), end=len(text) + len(word)))
        text += word
        at = token.end
    return replace(line, text=text + line.text[at:], tokens=tuple(tokens))


@lru_cache(maxsize=20_000)
def _mended_word(written: str) -> str:
    return _spaced(_figures(_CORE.sub(_better, written)))


def _figures(written: str) -> str:
    """`2O` and `8/l0` are figures; who reads a value tells that letters were taken for digits."""
    core = written.strip("().:;,")
    letters = core.translate({ord(c): None for c in "0123456789.,/+-"})
    plain = letters and len(letters) < len(core) and any(c.isdigit() for c in core)
    if not plain or _FIGURE.fullmatch(core) is None or _VOLUME.fullmatch(core):
        return written
    return written.replace(core, core.translate(_DIGITS))


def _spaced(written: str) -> str:
    """`EVAà 5`, `à6/10`: an `à` that lost its space."""
    if (
        len(written) > 2
        and written[-1] == "à"
        and (written[:-1] in _labels() or fold(written[:-1]) in _labels())
    ):
        return written[:-1] + " à"
    if len(written) > 1 and written[0] == "à" and written[1].isdigit():
        return "à " + written[1:]
    return written


@cache
def _labels() -> frozenset[str]:
    """Single words that announce a value, as written."""
    entries = vocabulary().values()
    return frozenset(term for entry in entries for term in (*entry.labels, *entry.abbreviations))


def _better(match: re.Match[str]) -> str:
    written = match[0]
    folded = fold(written)
    shapes, known = _known()
    if (short := short_words().get(folded)) is not None:
        return short
    letters = sum(character.isalpha() for character in folded)
    if len(folded) < _SHORTEST or letters < 3 or folded in known or not folded[-2:].strip("0123"):
        return written
    word = shapes.get(_shape(folded))
    return written if word is None else word
