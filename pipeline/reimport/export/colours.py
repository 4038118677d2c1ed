"""The sRGB colour space as an ICC profile of version 2, the newest that PDF/A-1 allows."""

from __future__ import annotations

import struct
from functools import cache
from typing import Final

# IEC 61966-2-1: primaries and white adapted to D50 (Bradford), as profiles state them.
_WHITE: Final = (0.9642, 1.0, 0.8249)
_COLUMNS: Final = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
_CURVE_POINTS: Final = 1024
_NAME: Final = b"sRGB IEC61966-2.1"


@cache
def srgb() -> bytes:
    """A matrix and tone curve display profile (ICC.1:1998-09)."""
    curve = _curve()
    tags = {
        b"desc": _description(),
        b"cprt": b"text\0\0\0\0No copyright, use freely\0",
        b"wtpt": _xyz(_WHITE),
        **{name: _xyz(column) for name, column in _COLUMNS.items()},
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    offset = 128 + 4 + 12 * len(tags)
    placed: dict[bytes, int] = {}
    table, body = b"", b""
    for name, data in tags.items():
        if data not in placed:  # the three curves are one
            placed[data] = offset + len(body)
            body += data + b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", name, placed[data], len(data))
    size = offset + len(body)
    # Size, no preferred engine, version 2.1, class, colour space, connection space, date,
    # signature, platform, flags, manufacturer, model, attributes, intent, illuminant, creator.
    header = struct.pack(
        ">I4xI4s4s4s6H4s4xI4x4xQI3i4x44x",
        size, 0x02100000, b"mntr", b"RGB ", b"XYZ ", 2026, 1, 1, 0, 0, 0, b"acsp",
        0, 0, 0, *(_fixed(value) for value in _WHITE),
    )  # fmt: skip
    return header + struct.pack(">I", len(tags)) + table + body


def _fixed(value: float) -> int:
    """s15Fixed16."""
    return round(value * 65536)


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(_fixed(value) for value in values))


def _curve() -> bytes:
    points = []
    for step in range(_CURVE_POINTS):
        x = step / (_CURVE_POINTS - 1)
        y = x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4
        points.append(round(65535 * y))
    return b"curv\0\0\0\0" + struct.pack(f">I{_CURVE_POINTS}H", _CURVE_POINTS, *points)


def _description() -> bytes:
    """textDescriptionType: ASCII, then empty Unicode and ScriptCode parts."""
    text = _NAME + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * (4 + 4 + 2 + 1 + 67)
