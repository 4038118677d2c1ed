"""Page numbers as paper bears them: « 2/3 », « page 2 sur 3 », « - 1/2 - »."""

from __future__ import annotations

import re

_FOLIO = re.compile(
    r"\W*(?:(?:page|p\.|feuillet|feuille|folio)\s*)?(\d{1,2})\s*(?:/|sur|de)\s*(\d{1,2})\W*",
    re.IGNORECASE,
)
# Many hands write a one and a slash alike; between dashes no number of three figures stands.
_BETWEEN_DASHES = re.compile(r"[-–—]\s*([1-9])[1lI|]([1-9])\s*[-–—]")


def folio(text: str) -> tuple[int, int] | None:
    """The number of a page and of how many, where `text` says nothing else and they fit."""
    found = _FOLIO.fullmatch(text) or _BETWEEN_DASHES.fullmatch(text.strip())
    if found is None:
        return None
    index, total = int(found[1]), int(found[2])
    return (index, total) if 1 <= index <= total else None
