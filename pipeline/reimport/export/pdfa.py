"""A validated document as PDF/A-1b: the scan with its text layer, then the validated values.

Archiving rules: ISO 19005-1, level B. No file outside this one is needed to show it: fonts and
the colour profile are embedded, and the metadata are XMP.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
import pikepdf
import reportlab
from PIL import Image
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from pipeline.model import Box, Page, Size
from pipeline.raster import Raster
from pipeline.reimport.export.colours import srgb

A4: Final = (210 * mm, 297 * mm)
MARGIN: Final = 18 * mm
QUALITY: Final = 85
FONT, BOLD = "Vera", "VeraBd"
INVISIBLE: Final = 3
_TEXT: Final = ParagraphStyle("text", fontName=FONT, fontSize=10, leading=14)
_HEADING: Final = ParagraphStyle("heading", fontName=BOLD, fontSize=11, leading=18, spaceBefore=8)
_TITLE: Final = ParagraphStyle("title", fontName=BOLD, fontSize=14, leading=22)


@dataclass(frozen=True)
class Sheet:
    """One page of the scan: its pixels as decoded, and what was read on it."""

    raster: Raster
    page: Page


@dataclass(frozen=True)
class Passage:
    """Lines of the values' page under a heading."""

    heading: str
    lines: tuple[str, ...]


def pdf_a(title: str, sheets: Sequence[Sheet], values: Sequence[Passage]) -> bytes:
    """The PDF/A-1b of a document; the same content gives the same bytes.

    Pages of the scan stand upright in their own size, each word invisibly over its ink; `values`
    follow on A4. Pixels are stored as JPEG.
    """
    _register_fonts()
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=True, pageCompression=1, initialFontName=FONT)
    for sheet in sheets:
        _scan_page(canvas, sheet)
    _value_pages(canvas, title, values)
    canvas.save()
    return _archival(buffer.getvalue(), title)


def _register_fonts() -> None:
    fonts = Path(reportlab.__file__).parent / "fonts"
    for name in (FONT, BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(fonts / f"{name}.ttf")))


# --- the scan -------------------------------------------------------------------------------


def _scan_page(canvas: Canvas, sheet: Sheet) -> None:
    turns = sheet.page.rotation // 90
    upright = np.rot90(sheet.raster.pixels, -turns)
    height, width = upright.shape[:2]
    scale = 72 / sheet.raster.dpi
    canvas.setPageSize((width * scale, height * scale))
    picture = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(upright)).save(picture, "JPEG", quality=QUALITY)
    picture.seek(0)
    canvas.drawImage(ImageReader(picture), 0, 0, width * scale, height * scale)
    for line in sheet.page.lines:
        for word in line.words:
            box = turned(word.box, sheet.page.size, sheet.page.rotation)
            _invisible_word(canvas, _drawable(word.text), box, scale, height * scale)
    canvas.showPage()


def turned(box: Box, size: Size, rotation: int) -> Box:
    """`box` of an original page of `size` where it is once the page is turned clockwise."""
    match rotation:
        case 90:
            return Box(x=size.height - box.bottom, y=box.x, width=box.height, height=box.width)
        case 180:
            return Box(
                x=size.width - box.right,
                y=size.height - box.bottom,
                width=box.width,
                height=box.height,
            )
        case 270:
            return Box(x=box.y, y=size.width - box.right, width=box.height, height=box.width)
    return box


def _invisible_word(canvas: Canvas, text: str, box: Box, scale: float, top: float) -> None:
    """Put `text` over its ink: as high as the box, and stretched to its width."""
    size = box.height * scale
    natural = pdfmetrics.stringWidth(text, FONT, size)
    if not text or size <= 0 or natural <= 0 or box.width <= 0:
        return
    drawn = canvas.beginText(box.x * scale, top - box.bottom * scale + 0.2 * size)
    drawn.setTextRenderMode(INVISIBLE)
    drawn.setFont(FONT, size)
    drawn.setHorizScale(100 * box.width * scale / natural)
    drawn.textOut(f"{text} ")
    canvas.drawText(drawn)


def _drawable(text: str) -> str:
    """`text` with each character that the font lacks as its code, so that none goes unseen."""
    glyphs = pdfmetrics.getFont(FONT).face.charToGlyph
    plain = " ".join(text.split())
    return "".join(c if ord(c) in glyphs else f"[U+{ord(c):04X}]" for c in plain)


# --- the values -----------------------------------------------------------------------------


def _value_pages(canvas: Canvas, title: str, values: Sequence[Passage]) -> None:
    width, height = A4
    paragraphs = [Paragraph(escape(_drawable(title)), _TITLE)]
    for passage in values:
        paragraphs.append(Paragraph(escape(_drawable(passage.heading)), _HEADING))
        paragraphs += [Paragraph(escape(_drawable(line)), _TEXT) for line in passage.lines]
    canvas.setPageSize(A4)
    y = top = height - MARGIN
    waiting = paragraphs
    while waiting:
        paragraph, *waiting = waiting
        _, needed = paragraph.wrap(width - 2 * MARGIN, top - MARGIN)
        if needed > top - MARGIN:  # longer than a page
            waiting = [*paragraph.split(width - 2 * MARGIN, top - MARGIN), *waiting]
            continue
        if needed > y - MARGIN:
            canvas.showPage()
            canvas.setPageSize(A4)
            y = top
        paragraph.drawOn(canvas, MARGIN, y - needed)
        y -= needed
    canvas.showPage()


# --- archiving ------------------------------------------------------------------------------


def _archival(data: bytes, title: str) -> bytes:
    """Add what makes a PDF a PDF/A-1b: XMP, an output intent, no document information."""
    result = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        if "/Info" in pdf.trailer:
            del pdf.trailer["/Info"]
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
            metadata["dc:title"] = title
            metadata["xmp:CreatorTool"] = "Reprise"
            metadata["pdfaid:part"] = "1"
            metadata["pdfaid:conformance"] = "B"
        profile = pikepdf.Stream(pdf, srgb())
        profile.N = 3
        pdf.Root.OutputIntents = pikepdf.Array(
            [
                pikepdf.Dictionary(
                    Type=pikepdf.Name.OutputIntent,
                    S=pikepdf.Name.GTS_PDFA1,
                    OutputConditionIdentifier=pikepdf.String("sRGB IEC61966-2.1"),
                    Info=pikepdf.String("sRGB IEC61966-2.1"),
                    DestOutputProfile=pdf.make_indirect(profile),
                )
            ]
        )
        pdf.Root.Lang = pikepdf.String("fr-FR")
        pdf.save(
            result,
            force_version="1.4",
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
            deterministic_id=True,
        )
    return result.getvalue()
