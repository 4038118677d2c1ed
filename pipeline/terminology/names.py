"""Names of medicines made comparable: folding, look-alike characters, salts and laboratories."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).with_name("data")

_LIGATURES: Final = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "µ": "u", "μ": "u"})
_NOT_NAME: Final = re.compile(r"[^a-z0-9/]+")
_LOOKALIKE: Final = str.maketrans(
    {
        "0": "o",
        "q": "g",
        "1": "l",
        "i": "l",
        "j": "l",
        "|": "l",
        "5": "s",
        "8": "b",
        "2": "z",
        "9": "g",
    }
)
_RUNS: Final = (
    ("rn", "m"),
    ("rl", "n"),
    ("vv", "w"),
    ("cl", "d"),
    ("ll", "l"),
    ("nn", "n"),
    ("u", "v"),
)
_FAINT: Final = str.maketrans("ef", "ct")
"""Letters that differ by a stroke which blurs; compared after the runs."""
_SALT: Final = re.compile(
    r"\b(?:(?:di|mono|sesqui|hemi)?(?:chlorhydrate|bromhydrate|iodhydrate|sulfate|phosphate|nitrate"
    r"|acetate|maleate|fumarate|tartrate|citrate|succinate|mesilate|mesylate|tosilate|besilate"
    r"|besylate|esilate|oxalate|malate|lactate|gluconate|glucoheptonate|pamoate|embonate|benzoate"
    r"|propionate|dipropionate|valerate|furoate|butyrate|trometamol|salicylate|undecylenate"
    r"|bisulfate|hydrogenosulfate|hydrogenotartrate|edisilate|napsilate|stearate|palmitate"
    r"|hemisuccinate|ethanolate|hemifumarate|arginine|erbumine|tert butylamine|dichlorhydrate"
    r"|bitartrate|xinafoate|etexilate|proxetil|axetil|medoxomil|cilexetil|medocaril)"
    r"(?: acide)?)\s+(?:de |d )"
)
_STATE: Final = re.compile(
    r"\b(?:anhydre|element|(?:mono|di|tri|tetra|penta|hexa|hepta|hemi|sesqui)?hydrate?e?|base|micronise?e?"
    r"|sodique|disodique|potassique|calcique|magnesique|monosodique|dipotassique|trihydratee"
    r"|monohydratee|lyophilisee?|racemique|basique|humaine?|recombinante?|sec|purifiee?|de tert"
    r"|(?:chlorhydrate|maleate|fumarate|sulfate|tartrate|besilate|mesilate|citrate|succinate"
    r"|bromhydrate|acetate|phosphate|arginine|erbumine|tosilate|valerate|dipropionate|propionate"
    r"|furoate|hydrogenotartrate|hydrogenosulfate|trometamol|oxalate|nitrate|lactate) (?:de|d)$"
    r"|tert butylamine|arginine|erbumine|medoxomil|cilexetil|axetil|proxetil|etexilate)\b"
)
_ELEMENTS: Final = frozenset(
    [
        *("potassium", "sodium", "calcium", "magnesium", "zinc", "fer", "lithium", "ammonium"),
        *("cuivre", "manganese", "aluminium", "argent", "ferreux", "ferrique", "strontium"),
        *("bismuth", "baryum", "selenium"),
    ]
)


def fold_name(text: str) -> str:
    """`text` in lower case without accents, signs as single spaces; `/` between names is kept."""
    plain = text.lower().translate(_LIGATURES)
    if not plain.isascii():
        letters = unicodedata.normalize("NFD", plain)
        plain = "".join(c for c in letters if not unicodedata.combining(c))
    return _NOT_NAME.sub(" ", plain).replace(" /", "/").replace("/ ", "/").strip()


def squash(name: str) -> str:
    """A folded name without its spaces: `DIFFU-K` and `DIFFUK` are one."""
    return name.replace(" ", "").replace("/", "")


def lookalike(name: str) -> str:
    """A folded name in which characters that engines take for one another are the same."""
    key = squash(name).translate(_LOOKALIKE)
    for seen, meant in _RUNS:
        key = key.replace(seen, meant)
    return key.translate(_FAINT)


@cache
def laboratories() -> frozenset[str]:
    """Words of laboratories' names that follow a generic's name."""
    text = (DATA / "laboratories.txt").read_text("utf-8")
    return frozenset(
        fold_name(line) for line in text.splitlines() if line and not line.startswith("#")
    )


def without_laboratory(name: str) -> str:
    """A folded name without the laboratory behind it: `amoxicilline arrow` → `amoxicilline`."""
    words = name.split()
    known = laboratories()
    while len(words) > 1 and words[-1] in known:
        words.pop()
    return " ".join(words)


def is_element(name: str) -> bool:
    """Whether a folded name is that of an element, which many salts have in common."""
    return bool(name) and name.split()[-1] in _ELEMENTS


def whole_substance(raw: str) -> str:
    """A substance's full name, folded: `SODIUM (ALGINATE DE)` is `alginate de sodium`."""
    raw = re.sub(r"^\([A-Z±+, -]{1,5}\)[- ]*", "", raw)  # "(S)-MALATE DE …"
    outside, _, inside = raw.partition("(")
    turned = re.match(r"(.+ (?:de|d'|d’))\s*\)", inside.strip(), re.IGNORECASE)
    if turned is None:
        return fold_name(outside) or fold_name(raw)
    return fold_name(f"{turned.group(1)} {outside}")


def substance_name(raw: str) -> str:
    """The usual name of a substance, folded: its salt and state of hydration are left out.

    Salts of the elements keep theirs: `chlorure de potassium` is no `potassium`.
    """
    name = whole_substance(raw)
    stripped = _SALT.sub("", name)
    if stripped.split()[-1:] and stripped.split()[-1] in _ELEMENTS:
        stripped = name
    stripped = re.sub(r"\s+", " ", _STATE.sub(" ", stripped)).strip()
    return stripped or name
