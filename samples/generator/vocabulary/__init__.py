"""The two vocabularies: one to develop with, one kept for measuring."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Split = Literal["development", "heldout"]
Words = dict[str, list[str]]


@dataclass(frozen=True)
class Drug:
    """A product as prescribers write it. `plan` names how it is usually taken (`posology`).

    `strengths` are as written, parts of a combination parted by `/`; `chronic` names the long
    disease it is taken for; `pregnancy` says that a midwife prescribes it.
    """

    name: str
    strengths: tuple[str, ...]
    form: str
    plan: str
    chronic: str = ""
    pregnancy: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """Names, wordings, drugs and clinical phrases of one split."""

    split: Split
    people: Words
    wording: Words
    posology: Words
    clinic: Words
    drugs: tuple[Drug, ...]


@cache
def vocabulary(split: Split) -> Vocabulary:
    """Read the vocabulary of a split from its TOML file beside this module."""
    data = tomllib.loads((Path(__file__).parent / f"{split}.toml").read_text(encoding="utf-8"))
    drugs = tuple(
        Drug(
            name=drug["name"],
            strengths=tuple(drug["strengths"]),
            form=drug["form"],
            plan=drug["plan"],
            chronic=drug.get("chronic", ""),
            pregnancy=drug.get("pregnancy", False),
        )
        for drug in data["drugs"]
    )
    return Vocabulary(
        split, data["people"], data["wording"], data["posology"], data["clinic"], drugs
    )
