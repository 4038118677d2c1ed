"""Set misread words of the trade right by their shape.

Two words have one shape when they differ only where OCR confuses characters. Only words of the
vocabulary are ever written, and the evidence keeps what was read.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path

from pipeline.extraction.evidence import TextLine, Token, fold

_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
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
    }
)


def shape(word: str) -> str:
    """What `word` looks like to an engine: confusable characters fall into one."""
    folded = fold(word)
    for pair, single in _PAIRS:
        folded = folded.replace(pair, single)
    return folded.translate(_CLASSES)


@cache
def _vocabulary() -> tuple[dict[str, str], frozenset[str]]:
    data = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))
    words: list[str] = data["words"]
    shapes: dict[str, str] = {}
    for word in words:
        shapes.setdefault(_cased(shape(word), word), word)
    return shapes, frozenset(fold(word) for word in words)


def _cased(key: str, word: str) -> str:
    """The shape with the case of its first letter, so that « Poids » and « poids » stay apart."""
    return ("A" if word[:1].isupper() else "a") + ("A" if word[-1:].isupper() else "a") + key


_CORE = re.compile(r"[^\W_](?:[\w/|!€$'-]*[\w|!€$])?")


def repaired(line: TextLine) -> TextLine:
    """`line` with misread vocabulary set right; the same line when there is nothing to do."""
    shapes, known = _vocabulary()
    line = _decimals(line)
    text = ""
    tokens: list[Token] = []
    changed = False
    at = 0
    for token in line.tokens:
        text += line.text[at : token.start]
        written = line.text[token.start : token.end]
        better = _better(written, shapes, known)
        changed |= better != written
        tokens.append(replace(token, start=len(text), end=len(text) + len(better)))
        text += better
        at = token.end
    return replace(line, text=text, tokens=tuple(tokens)) if changed else line


_CUT_DECIMAL = re.compile(r"(?<![\d,.])0[,.]( )\d{1,3}\b")


def _decimals(line: TextLine) -> TextLine:
    """`line` with figures such as « 0, 05 » in one piece: no number ends with a comma after 0."""
    gaps = [match.start(1) for match in _CUT_DECIMAL.finditer(line.text)]
    for gap in reversed(gaps):
        tokens = tuple(
            replace(token, start=token.start - 1, end=token.end - 1) if token.start > gap else token
            for token in line.tokens
        )
        line = replace(line, text=line.text[:gap] + line.text[gap + 1 :], tokens=tokens)
    return line


def _better(written: str, shapes: dict[str, str], known: frozenset[str]) -> str:
    match = _CORE.search(written)
    if match is None:
        return written
    core = match[0]
    if fold(core) in known or not any(character.isalpha() for character in core):
        return written
    word = shapes.get(_cased(shape(core), core))
    # Short words have too many neighbours: there only digits for letters count as misread.
    if word is None or (len(core) <= 4 and not any(c.isdigit() or c in "|!l" for c in core)):
        return written
    return written[: match.start()] + word + written[match.end() :]
