"""The report's content, drawn from the ledger: files, documents, pages, what needs a person."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from pipeline import __version__
from pipeline.imaging.likeness import are_alike
from pipeline.model import Page, Scan, State
from pipeline.reporting.fields import Field, fields
from pipeline.store.ledger import Ledger, extraction_of, page_of
from pipeline.store.tables import DocumentRow, PageRow, PageState, ScanRow, ScanState


@dataclass(frozen=True)
class DocumentEntry:
    """A document with its fields; those a person must look at come first."""

    row: DocumentRow
    scan: Scan
    pages: tuple[Page, ...]
    fields: tuple[Field, ...]

    @property
    def open(self) -> int:
        return sum(field.value.state is not State.SURE for field in self.fields)


@dataclass(frozen=True)
class FileEntry:
    """A file that came in and the pages it has."""

    scan: Scan
    row: ScanRow
    pages: tuple[tuple[PageRow, Page | None], ...]


@dataclass(frozen=True)
class Rescan:
    """Two pages of different files that look like one sheet scanned twice: a proposal only."""

    first: str
    first_page: int
    second: str
    second_page: int


@dataclass(frozen=True)
class Waiting:
    """A file in the inbox that is not taken yet, and why (French)."""

    origin: str
    reason: str


@dataclass(frozen=True)
class Aside:
    """A file or page in quarantine: what is wrong and, in the same sentence, what to do."""

    origin: str
    page: int | None
    code: str
    sentence: str


@dataclass(frozen=True)
class Summary:
    files: tuple[FileEntry, ...]
    documents: tuple[DocumentEntry, ...]
    aside: tuple[Aside, ...]
    waiting: tuple[Waiting, ...]
    rescans: tuple[Rescan, ...]
    at: dt.datetime

    @property
    def states(self) -> Counter[State]:
        return Counter(field.value.state for entry in self.documents for field in entry.fields)

    @property
    def page_states(self) -> Counter[PageState]:
        return Counter(row.state for file in self.files for row, _ in file.pages)


def summarise(ledger: Ledger, waiting: tuple[Waiting, ...] = ()) -> Summary:
    """Read the whole ledger into what the report shows."""
    files = tuple(
        FileEntry(scan, row, tuple((page, page_of(page)) for page in ledger.pages(scan.sha256)))
        for scan, row in ledger.scans()
    )
    by_hash = {file.scan.sha256: file for file in files}
    documents = []
    for row in ledger.documents():
        extraction = extraction_of(row)
        if extraction is None:
            continue
        file = by_hash[row.sha256]
        pages = tuple(
            page
            for page_row, page in file.pages
            if page is not None and page_row.document_id == row.id
        )
        shown = sorted(fields(extraction), key=lambda field: field.value.state is State.SURE)
        documents.append(DocumentEntry(row, file.scan, pages, tuple(shown)))
    return Summary(
        files=files,
        documents=tuple(sorted(documents, key=lambda entry: (entry.open == 0, entry.row.id))),
        aside=tuple(_aside(ledger, files)),
        waiting=waiting,
        rescans=tuple(_rescans(files)),
        at=dt.datetime.now().astimezone(),
    )


def _aside(ledger: Ledger, files: tuple[FileEntry, ...]) -> list[Aside]:
    found = [Aside(row.path, None, row.code, row.sentence) for row in ledger.refusals()]
    for file in files:
        origin = file.scan.origins[0]
        if file.row.state is ScanState.QUARANTINED:
            found.append(Aside(origin, None, file.row.code, file.row.sentence))
        found += [
            Aside(origin, row.number, row.code, row.sentence)
            for row, _ in file.pages
            if row.state is PageState.QUARANTINED
        ]
    return found


def _rescans(files: tuple[FileEntry, ...]) -> list[Rescan]:
    """Pages of different files with almost the same fingerprint."""
    known = [
        (page.fingerprint, file.scan, page.number)
        for file in files
        for row, page in file.pages
        if page is not None and row.state is PageState.IN_DOCUMENT
    ]
    return [
        Rescan(scan.origins[0], number, other.origins[0], other_number)
        for (mark, scan, number), (other_mark, other, other_number) in combinations(known, 2)
        if scan.sha256 != other.sha256 and are_alike(mark, other_mark)
    ]


def as_json(summary: Summary) -> dict[str, Any]:
    """The report as plain JSON (`out/report.json`): names and states, no patient value."""
    return {
        "version": __version__,
        "at": summary.at.isoformat(timespec="seconds"),
        "counts": {
            "files": len(summary.files),
            "pages": sum(len(file.pages) for file in summary.files),
            "page_states": {state.value: count for state, count in summary.page_states.items()},
            "documents": len(summary.documents),
            "values": {state.value: summary.states[state] for state in State},
        },
        "files": [
            {
                "origins": list(file.scan.origins),
                "sha256": file.scan.sha256,
                "state": file.row.state.value,
                "code": file.row.code or None,
                "pages": [
                    {
                        "number": row.number,
                        "state": row.state.value,
                        "document": row.document_id,
                        "code": row.code or None,
                    }
                    for row, _ in file.pages
                ],
            }
            for file in summary.files
        ],
        "documents": [
            {
                "id": entry.row.id,
                "origin": entry.scan.origins[0],
                "pages": [page.number for page in entry.pages],
                "reason": entry.row.reason,
                "state": entry.row.state.value,
                "values": {
                    state.value: sum(field.value.state is state for field in entry.fields)
                    for state in State
                },
            }
            for entry in summary.documents
        ],
        "quarantine": [
            {"origin": a.origin, "page": a.page, "code": a.code, "sentence": a.sentence}
            for a in summary.aside
        ],
        "waiting": [{"origin": w.origin, "reason": w.reason} for w in summary.waiting],
        "possible_rescans": [
            {
                "first": {"origin": r.first, "page": r.first_page},
                "second": {"origin": r.second, "page": r.second_page},
            }
            for r in summary.rescans
        ],
    }
