"""Page numbers as paper bears them."""

from __future__ import annotations

import pytest

from pipeline.folios import folio


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1/2", (1, 2)),
        ("Page 2/3", (2, 3)),
        ("- page 2 sur 3 -", (2, 3)),
        ("feuillet 1 / 2", (1, 2)),
        ("- 212 -", (2, 2)),
        ("-1l2-", (1, 2)),
        ("212", None),
        ("3/2", None),
        ("le 1/2", None),
        ("1/2 cp", None),
        ("12/05/1980", None),
    ],
)
def test_a_page_number_stands_alone(text: str, number: tuple[int, int] | None) -> None:
    assert folio(text) == number
