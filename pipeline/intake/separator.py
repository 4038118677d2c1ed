"""The sheet to print and lay between two documents of a batch."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pikepdf
import zxingcpp

from pipeline.intake.splitting import SEPARATOR

_WIDTH, _HEIGHT = 595, 842  # A4 in points
_QR_SIDE = 240


def separator_pdf() -> bytes:
    """An A4 PDF of one page: the title in French and the QR code, three times so that one
    survives a jammed corner; drawn as vectors, without a font file."""
    pdf = pikepdf.new()
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.Type1,
        BaseFont=pikepdf.Name("/Helvetica-Bold"),
        Encoding=pikepdf.Name.WinAnsiEncoding,
    )
    page = pdf.add_blank_page(page_size=(_WIDTH, _HEIGHT))
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
    lines = [
        _text("FEUILLE SÉPARATRICE", 34, 740),
        _text("Un nouveau document commence après cette feuille.", 15, 705),
        _qr((_WIDTH - _QR_SIDE) / 2, 330, _QR_SIDE),
        _qr(60, 90, _QR_SIDE / 2),
        _qr(_WIDTH - 60 - _QR_SIDE / 2, 90, _QR_SIDE / 2),
        _text("Reprise - ne pas écrire sur cette feuille", 11, 60),
    ]
    page.Contents = pdf.make_stream("\n".join(lines).encode("cp1252"))
    buffer = BytesIO()
    pdf.save(buffer, deterministic_id=True)
    return buffer.getvalue()


def _text(text: str, size: int, y: float) -> str:
    """A centred line; Helvetica Bold averages 0.58 em a letter, near enough to centre."""
    x = (_WIDTH - 0.55 * size * len(text)) / 2
    return f"BT /F {size} Tf {x:.1f} {y:.1f} Td ({text}) Tj ET"


def _qr(x: float, y: float, side: float) -> str:
    """The code's dark modules as filled squares, lower left corner at (x, y), in points."""
    code = zxingcpp.create_barcode(SEPARATOR, zxingcpp.BarcodeFormat.QRCode, ec_level="H")
    modules = np.array(code.to_image(scale=1, add_quiet_zones=False)) < 128
    step = side / len(modules)
    squares = (
        f"{x + column * step:.2f} {y + side - (row + 1) * step:.2f} {step:.2f} {step:.2f} re"
        for row, column in zip(*np.nonzero(modules), strict=True)
    )
    return "\n".join(squares) + " f"
