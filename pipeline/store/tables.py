"""The ledger's tables: every scan, page and document in exactly one state, and what happened."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import DateTime, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class ScanState(StrEnum):
    """A scan waits until all its pages have ended; a refused one is wholly in quarantine."""

    TAKEN = "taken"
    DONE = "done"
    QUARANTINED = "quarantined"


class PageState(StrEnum):
    WAITING = "waiting"
    READ = "read"
    IN_DOCUMENT = "in-document"
    BLANK = "blank"
    SEPARATOR = "separator"
    QUARANTINED = "quarantined"


class DocumentState(StrEnum):
    DRAFT = "draft"
    VALIDATED = "validated"
    QUARANTINED = "quarantined"


class Base(DeclarativeBase):
    """Base of the ledger's tables."""


class ScanRow(Base):
    """A file's content, known by its SHA-256; `scan` is the `model.Scan` as JSON."""

    __tablename__ = "scan"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    scan: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[ScanState]
    code: Mapped[str] = mapped_column(default="")
    sentence: Mapped[str] = mapped_column(default="")
    taken_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))


class OriginRow(Base):
    """A name, relative to the inbox, under which a scan's bytes came in."""

    __tablename__ = "origin"
    __table_args__ = (UniqueConstraint("sha256", "path"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("scan.sha256"))
    path: Mapped[str]
    seen_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))


class RefusalRow(Base):
    """A file whose bytes could not be had at all (a link out of the inbox, one that vanished)."""

    __tablename__ = "refusal"

    path: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str]
    sentence: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))


class PageRow(Base):
    """A page of a scan; `reading` is the `model.Page` as compressed JSON once it has been read.

    `made_by` names the code and settings that read it, so that a rerun knows a stale result.
    """

    __tablename__ = "page"

    sha256: Mapped[str] = mapped_column(ForeignKey("scan.sha256"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[PageState]
    made_by: Mapped[str] = mapped_column(default="")
    reading: Mapped[bytes | None] = mapped_column(LargeBinary)
    document_id: Mapped[str | None] = mapped_column(ForeignKey("document.id"))
    code: Mapped[str] = mapped_column(default="")
    sentence: Mapped[str] = mapped_column(default="")


class DocumentRow(Base):
    """A paper document; `extraction` is the `model.Extraction` as compressed JSON."""

    __tablename__ = "document"

    id: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("scan.sha256"))
    pages: Mapped[str]
    reason: Mapped[str]
    state: Mapped[DocumentState]
    made_by: Mapped[str]
    extraction: Mapped[bytes | None] = mapped_column(LargeBinary)
    code: Mapped[str] = mapped_column(default="")
    sentence: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))


class DecisionRow(Base):
    """A person's decision on one field of a document, kept as an event: never changed."""

    __tablename__ = "decision"

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("document.id"), index=True)
    decision: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))


class ValidationRow(Base):
    """A person vouched for a whole document: an event too. `sha256` is of the validated file."""

    __tablename__ = "validation"

    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("document.id"), index=True)
    who: Mapped[str]
    sha256: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
