"""Marks that are not writing: barcodes and stamps, in pixels of the raster they are found on."""

from __future__ import annotations

import zxingcpp

from pipeline.model import Box, Zone, ZoneKind
from pipeline.raster import Pixels

_FORMATS = (
    zxingcpp.BarcodeFormat.QRCode
    | zxingcpp.BarcodeFormat.DataMatrix
    | zxingcpp.BarcodeFormat.Code128
)


def barcodes(grey: Pixels) -> tuple[Zone, ...]:
    """QR codes, Data Matrix and Code 128 on a (height, width) grey page, with what they say."""
    found = zxingcpp.read_barcodes(
        grey, formats=_FORMATS, try_invert=False, text_mode=zxingcpp.TextMode.Plain
    )
    return tuple(
        Zone(kind=ZoneKind.BARCODE, box=_box(code.position), payload=code.text)
        for code in found
        if code.valid
    )


def _box(position: zxingcpp.Position) -> Box:
    corners = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    x = min(corner.x for corner in corners)
    y = min(corner.y for corner in corners)
    return Box(
        x=x,
        y=y,
        width=max(corner.x for corner in corners) - x,
        height=max(corner.y for corner in corners) - y,
    )
