"""Negation, hypothesis, family and past around a problem, from rules in `qualifiers.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.model import Certainty


@dataclass(frozen=True, slots=True)
class Qualified:
    """What the words around a problem make of it."""

    certainty: Certainty
    family: bool
    past: bool


@cache
def _rules() -> tuple[dict[str, tuple[re.Pattern[str], re.Pattern[str]]], re.Pattern[str]]:
    data = tomllib.loads(Path(__file__).with_name("qualifiers.toml").read_text("utf-8"))
    rules = {}
    for name in ("negated", "hypothesis", "family", "past"):
        before, after = data[name]["before"], data[name]["after"]
        rules[name] = (
            re.compile(rf"(?<![a-z])(?:{'|'.join(before)})"),
            re.compile(rf"(?:{'|'.join(after)})"),
        )
    boundary = re.compile("|".join(data["boundaries"]["words"]))
    return rules, boundary


_SENTENCE = re.compile(r"[.;!]\s|\n|\t|\s[-–•]\s|\)\s*,|:\s+(?=\w+\s\w+\s\w+\s\w+)")
_COMMA = re.compile(r",\s")


def clause_before(folded: str, start: int) -> str:
    """What stands before `start` in its sentence, after the last word that ends a qualifier's
    reach."""
    before = folded[max(0, start - 120) : start]
    for pattern in (_SENTENCE, _rules()[1]):
        cuts = list(pattern.finditer(before))
        if cuts:
            before = before[cuts[-1].end() :]
    return before


def qualify(folded: str, start: int, end: int) -> Qualified:
    """How the problem at characters `start` to `end` of a folded line is meant."""
    rules, _ = _rules()
    before = clause_before(folded, start)
    after = folded[end : end + 45]
    negated = _negated_before(before) or bool(rules["negated"][1].match(after))
    supposed = _near(rules["hypothesis"][0], before, 40) or bool(
        rules["hypothesis"][1].match(after)
    )
    family = _near(rules["family"][0], before, 60) or bool(rules["family"][1].match(after))
    past = _near(rules["past"][0], before, 40) or bool(rules["past"][1].match(after))
    if supposed and not re.search(r"pas (?:de |d')(?:suspicion|argument|doute)", before):
        certainty = Certainty.HYPOTHESIS
    elif negated:
        certainty = Certainty.NEGATED
    else:
        certainty = Certainty.CONFIRMED
    return Qualified(certainty, family, past)


def _near(pattern: re.Pattern[str], before: str, reach: int) -> bool:
    return bool(pattern.search(before[-reach:]))


def _negated_before(before: str) -> bool:
    """Whether a negation reaches the end of `before`.

    It reaches over a list (« pas de fièvre, toux ni dyspnée ») as long as no verb or other start
    of a new statement stands between.
    """
    matches = list(_rules()[0]["negated"][0].finditer(before))
    if not matches:
        return False
    last = matches[-1]
    between = before[last.end() :]
    if len(between) > 70:
        return False
    pieces = _COMMA.split(between)
    if len(pieces) == 1:
        return len(between.split()) <= 6
    if re.search(r"(?:sans|non|0|plus)$", last[0].strip()):
        return False
    # A list goes on with bare names; an adjective or a verb starts a new statement.
    return not pieces[-1].strip() and all(len(piece.split()) <= 4 for piece in pieces)


def certainty_of(folded: str, start: int, end: int) -> Certainty:
    """The certainty alone of what stands at `start` to `end`."""
    return qualify(folded, start, end).certainty
