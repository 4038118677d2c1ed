"""What a worker process is asked for: a kept original's path in, values that pickle out.

Apart from `batch.py`, so that workers load neither the ledger nor the report; and the stages are
imported by the worker that runs them, so that whoever hands out the work starts quickly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Settings
from pipeline.intake.splitting import split
from pipeline.loading import many_modules
from pipeline.model import Document, Scan
from pipeline.results import PageResult
from pipeline.store.files import write_synced


@dataclass(frozen=True)
class Drafted:
    """A document's result: the extraction as JSON text, since types of ours with parameters do
    not pickle as such, and the file that holds the draft Bundle, megabytes with its scan."""

    extraction: str
    bundle: Path


@dataclass(frozen=True)
class Reading:
    """A page's result and, where the page is a whole scan and one document, that document's."""

    result: PageResult
    drafted: Drafted | None = None


def read_page_at(
    path: Path, scan: Scan, number: int, settings: Settings, keep_intermediate: bool, spool: Path
) -> Reading:
    """Read page `number` (from 1) of the scan kept at `path`, and draft what needs no other page:
    one task costs half of what two do.

    Raises `InputError` for a page that cannot be used.
    """
    with many_modules():
        from pipeline.runner import page_from_scan

    data = path.read_bytes()
    result = page_from_scan(data, scan, number, settings, keep_intermediate)
    if scan.page_count > 1:
        return Reading(result)
    try:
        drafts = [
            _drafted(one, data, settings, spool) for one in split(scan, (result.page,)).documents
        ]
    except Exception:
        return Reading(result)  # the document's own task will say why
    return Reading(result, *drafts)


def draft_document_at(path: Path, document: Document, settings: Settings, spool: Path) -> Drafted:
    """Draft a document of the scan kept at `path`; the Bundle goes to a file in `spool`, which
    whoever asked puts in its place. Raises `BundleError` when a check fails."""
    return _drafted(document, path.read_bytes(), settings, spool)


def _drafted(document: Document, data: bytes, settings: Settings, spool: Path) -> Drafted:
    with many_modules():
        from pipeline.fhir.serialising import lines
        from pipeline.runner import draft_from_document

    result = draft_from_document(document, data, settings)
    bundle = spool / f"{document.id}.json"
    write_synced(bundle, lines(result.bundle))
    return Drafted(result.extraction.model_dump_json(exclude_defaults=True), bundle)
