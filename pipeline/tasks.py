"""What a worker process is asked for: a kept original's path in, values that pickle out.

Apart from `batch.py`, so that workers load neither the ledger nor the report; and the stages are
imported by the worker that runs them, so that whoever hands out the work starts quickly.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Settings
from pipeline.intake.splitting import split
from pipeline.loading import many_modules
from pipeline.model import Document, Scan
from pipeline.store.files import write_synced
from pipeline.store.packing import pack


@dataclass(frozen=True)
class Drafted:
    """A document's result: the document without what its pages say, its extraction as the ledger
    keeps it, and the file that holds the draft Bundle, megabytes with its scan."""

    document: Document
    extraction: bytes
    bundle: Path


@dataclass(frozen=True)
class Reading:
    """A page's result: the page as the ledger keeps it, its preview, images asked for by name and,
    where the page is a whole scan and one document, that document's."""

    page: bytes
    preview: bytes
    intermediate: Mapping[str, bytes]
    drafted: Drafted | None = None


def read_page_at(
    path: Path,
    scan: Scan,
    number: int,
    settings: Settings,
    keep_intermediate: bool,
    spool: Path,
    draft: bool = True,
) -> Reading:
    """Read page `number` (from 1) of the scan kept at `path`, and, unless `draft` is false, draft
    what needs no other page: one task costs half of what two do.

    Raises `InputError` for a page that cannot be used.
    """
    with many_modules():
        from pipeline.runner import page_from_scan

    data = path.read_bytes()
    result = page_from_scan(data, scan, number, settings, keep_intermediate)
    drafted: list[Drafted] = []
    if draft and scan.page_count == 1:
        # Should it fail, the document's own task will say why.
        with suppress(Exception):
            documents = split(scan, (result.page,)).documents
            drafted = [_drafted(document, data, settings, spool) for document in documents]
    return Reading(pack(result.page), result.preview, result.intermediate, *drafted)


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
    pages = tuple(page.model_copy(update={"lines": (), "zones": ()}) for page in document.pages)
    bare = document.model_copy(update={"pages": pages})
    return Drafted(bare, pack(result.extraction), bundle)
