"""Codes of pharmaceutical forms and routes (EDQM Standard Terms), from `codes.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pipeline.model import Code

EDQM = "http://standardterms.edqm.eu"


@cache
def _codes() -> dict[str, dict[str, Code]]:
    data = tomllib.loads(Path(__file__).with_name("codes.toml").read_text("utf-8"))
    return {
        kind: {
            name: Code(system=EDQM if code else "", code=code, display=name)
            for name, code in table.items()
        }
        for kind, table in data.items()
    }


def route_code(name: str) -> Code:
    """The code of a route by its French name (`orale`). Raises `KeyError` for an unknown one."""
    return _codes()["route"][name]


def form_code(name: str) -> Code:
    """The code of a form by its French name; system and code are empty where none is sure."""
    return _codes()["form"].get(name) or Code(system="", code="", display=name)
