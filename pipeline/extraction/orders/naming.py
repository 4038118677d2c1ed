"""What names an examination or care that a paper may ask for."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from pipeline.model import OrderKind


@cache
def _kinds() -> tuple[tuple[OrderKind, re.Pattern[str]], ...]:
    data = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))
    return tuple(
        (OrderKind(kind), re.compile(rf"(?<![a-z0-9'-])(?:{'|'.join(patterns)})"))
        for kind, patterns in data["kinds"].items()
    )


def order_kind(folded: str) -> tuple[int, OrderKind] | None:
    """Where the earliest word stands that names something to ask for, and of which kind it is."""
    found = [
        (match.start(), kind) for kind, pattern in _kinds() if (match := pattern.search(folded))
    ]
    return min(found, key=lambda item: item[0]) if found else None
