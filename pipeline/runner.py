"""The order of the stages, for one page and for one document. Reads like a table of contents.

Everything here is a function from values to values, runs in any process, and knows nothing of
the ledger: `batch.py` calls it for many files.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import cv2

from pipeline.config import Settings
from pipeline.extraction.pipeline import extract
from pipeline.fhir.checking import ensure_sound
from pipeline.fhir.drafting import draft
from pipeline.fhir.paper import Attachment
from pipeline.imaging.decoding import decode
from pipeline.imaging.preparing import prepare
from pipeline.imaging.quality import reconsidered
from pipeline.intake.excerpt import excerpt
from pipeline.model import Document, Page, Scan
from pipeline.ocr.reading import read_page
from pipeline.raster import Raster
from pipeline.results import DocumentResult, PageResult, step
from pipeline.terminology import lexicon

PREVIEW_HEIGHT = 900


def page_from_scan(
    data: bytes, scan: Scan, number: int, settings: Settings, keep_intermediate: bool = False
) -> PageResult:
    """Bytes to words: decode, prepare, read. Raises `InputError` for a page that cannot be used."""
    raster = decode(data, scan.media_type, number, settings)
    prepared = prepare(raster, settings)
    preview = _preview(raster)
    # Reading asks for memory of its own, and no longer for the page's colours.
    del raster
    reading = read_page(prepared, settings, lexicon(settings))
    page = Page(
        number=number,
        size=prepared.size,
        dpi=prepared.dpi,
        rotation=reading.rotation,
        blank=prepared.blank,
        quality=reconsidered(prepared.quality, reading.lines),
        fingerprint=prepared.fingerprint,
        zones=(*prepared.zones, *reading.zones),
        lines=reading.lines,
        steps=(*prepared.steps, step("ocr", settings)),
    )
    intermediate = {"prepared.png": _encode(prepared.grey, ".png")} if keep_intermediate else {}
    return PageResult(page=page, preview=preview, intermediate=intermediate)


def draft_from_document(document: Document, data: bytes, settings: Settings) -> DocumentResult:
    """Words to Bundle: extract, draft, check. Raises `BundleError` when a check fails."""
    extraction = extract(document, settings)
    extraction = extraction.model_copy(
        update={"steps": (*extraction.steps, step("extraction", settings))}
    )
    bundle = draft(extraction, document, _attachment(document, data), settings)
    ensure_sound(bundle)
    return DocumentResult(extraction=extraction, bundle=bundle)


def _attachment(document: Document, data: bytes) -> Attachment:
    """The scan, or only this document's pages of it: no record receives another's pages."""
    scan = document.scan
    if len(document.pages) < scan.page_count:
        data = excerpt(data, scan.media_type, document.page_numbers)
    return Attachment(
        data=data, media_type=scan.media_type, title=PurePosixPath(scan.origins[0]).name
    )


def _preview(raster: Raster) -> bytes:
    """The page as the assistant sees it, small: JPEG, at most `PREVIEW_HEIGHT` pixels high."""
    scale = min(1.0, PREVIEW_HEIGHT / raster.small.shape[0])
    small = cv2.resize(raster.small, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    return _encode(small, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 55)


def _encode(pixels: Any, suffix: str, *parameters: int) -> bytes:
    done, data = cv2.imencode(suffix, pixels, list(parameters))
    assert done, f"OpenCV cannot write {suffix}"
    return bytes(data)
