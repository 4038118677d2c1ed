"""What a worker process is asked for: a kept original's path in, values that pickle out.

Apart from `batch.py`, so that workers load neither the ledger nor the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Settings
from pipeline.fhir.serialising import dumps
from pipeline.model import Document, Scan
from pipeline.runner import PageResult, draft_from_document, page_from_scan


@dataclass(frozen=True)
class Drafted:
    """A document's result as JSON texts: types of ours with parameters do not pickle as such."""

    extraction: str
    bundle: str


def read_page_at(
    path: Path, scan: Scan, number: int, settings: Settings, keep_intermediate: bool
) -> PageResult:
    """Read page `number` (from 1) of the scan kept at `path`.

    Raises `InputError` for a page that cannot be used.
    """
    return page_from_scan(path.read_bytes(), scan, number, settings, keep_intermediate)


def draft_document_at(path: Path, document: Document, settings: Settings) -> Drafted:
    """Draft a document of the scan kept at `path`. Raises `BundleError` when a check fails."""
    result = draft_from_document(document, path.read_bytes(), settings)
    return Drafted(
        extraction=result.extraction.model_dump_json(exclude_defaults=True),
        bundle=dumps(result.bundle, indent=1) + "\n",
    )
