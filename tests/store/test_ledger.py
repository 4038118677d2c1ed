"""The ledger keeps every page in exactly one state, whatever order things happen in."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from pipeline.errors import CorruptFile, UnreadablePage
from pipeline.model import (
    Box,
    Decision,
    DecisionAction,
    Document,
    DocumentKind,
    Evidence,
    Extraction,
    Legibility,
    Page,
    Quality,
    Scan,
    Size,
    State,
    Value,
)
from pipeline.store.ledger import Ledger, extraction_of, migrate, page_of
from pipeline.store.packing import pack
from pipeline.store.tables import Base, DocumentState, PageState, ScanState

SCAN = Scan(
    sha256="ab" * 32,
    sha1="cd" * 20,
    size=1234,
    media_type="application/pdf",
    origins=("lot 1/scan é.pdf",),
    page_count=3,
)


def page(number: int) -> Page:
    return Page(
        number=number,
        size=Size(width=100, height=140),
        dpi=300,
        quality=Quality(legibility=Legibility.GOOD),
        fingerprint=f"{number:016x}",
    )


def document(*numbers: int) -> Document:
    return Document(
        id=f"doc-{numbers[0]}", scan=SCAN, pages=tuple(map(page, numbers)), reason="une page"
    )


def extraction(document_id: str) -> Extraction:
    evidence = Evidence(
        page=1,
        boxes=(Box(x=1, y=2, width=3, height=4),),
        size=Size(width=100, height=140),
        text="Ordonnance",
        engine="tesseract 5",
        rule="titre",
        reading=0.9,
    )
    kind = Value[DocumentKind](
        value=DocumentKind.PRESCRIPTION, state=State.SURE, confidence=0.99, evidence=evidence
    )
    return Extraction(document_id=document_id, kind=kind)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def test_the_migrations_make_the_tables_that_a_new_ledger_has(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.sqlite").close()
    with (
        create_engine(f"sqlite:///{tmp_path / 'old.sqlite'}").begin() as old,
        create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}").begin() as new,
    ):
        migrate(old)
        for connection in (old, new):
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
        versions = [MigrationContext.configure(c).get_current_revision() for c in (old, new)]
    assert versions[0] == versions[1]


def test_a_ledger_cut_off_while_it_was_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Base.metadata.create_all

    def cut_off(connection: Connection) -> None:
        made(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(Base.metadata, "create_all", cut_off)
    with pytest.raises(KeyboardInterrupt):
        Ledger(tmp_path / "ledger.sqlite")
    monkeypatch.undo()
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert ledger.take(SCAN)


def test_an_older_ledger_is_migrated_when_it_is_opened(tmp_path: Path) -> None:
    with create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}").begin() as connection:
        migrate(connection, "0001")
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert ledger.validations("nobody") == []


def test_the_same_bytes_under_another_name_are_one_scan_with_two_origins(ledger: Ledger) -> None:
    assert ledger.take(SCAN)
    assert not ledger.take(SCAN.model_copy(update={"origins": ("copie.pdf",)}))
    assert not ledger.take(SCAN)
    [(scan, row)] = ledger.scans()
    assert scan.origins == ("copie.pdf", "lot 1/scan é.pdf")
    assert row.state is ScanState.TAKEN
    assert [p.state for p in ledger.pages(SCAN.sha256)] == [PageState.WAITING] * 3


def test_a_page_goes_from_waiting_to_a_document_and_keeps_what_was_read(ledger: Ledger) -> None:
    ledger.take(SCAN)
    for number in (1, 2):
        ledger.page_read(SCAN.sha256, number, pack(page(number)), "v1")
    ledger.page_refused(SCAN.sha256, 3, UnreadablePage(), "v1")
    assert ledger.close_scan(SCAN.sha256, {2: PageState.BLANK}, ["doc-1"]) == []
    ledger.document_done(document(1), pack(extraction("doc-1")), "v1")
    states = [row.state for row in ledger.pages(SCAN.sha256)]
    assert states == [PageState.IN_DOCUMENT, PageState.BLANK, PageState.QUARANTINED]
    assert page_of(ledger.pages(SCAN.sha256)[0]) == page(1)
    [row] = ledger.documents()
    assert row.state is DocumentState.DRAFT
    assert extraction_of(row) == extraction("doc-1")


def test_what_is_entered_together_is_in_the_ledger_whole_or_not_at_all(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.take(SCAN)
    with pytest.raises(KeyboardInterrupt), ledger.together():
        ledger.page_read(SCAN.sha256, 1, pack(page(1)), "v1")
        ledger.close_scan(SCAN.sha256, {}, ["doc-1"])
        raise KeyboardInterrupt
    assert [row.state for row in ledger.pages(SCAN.sha256)] == [PageState.WAITING] * 3
    other = Ledger(tmp_path / "ledger.sqlite")
    with ledger.together():
        ledger.page_read(SCAN.sha256, 1, pack(page(1)), "v1")
        assert ledger.pages(SCAN.sha256)[0].state is PageState.READ
        ledger.document_done(document(1), pack(extraction("doc-1")), "v1")
        assert other.documents() == []
    assert [row.id for row in other.documents()] == ["doc-1"]
    assert other.pages(SCAN.sha256)[0].state is PageState.IN_DOCUMENT


def test_a_page_that_was_never_entered_cannot_be_read(ledger: Ledger) -> None:
    ledger.take(SCAN)
    with pytest.raises(LookupError):
        ledger.page_read(SCAN.sha256, 4, pack(page(4)), "v1")


def test_a_second_split_drops_documents_that_are_no_more_but_no_validated_one(
    ledger: Ledger,
) -> None:
    ledger.take(SCAN)
    for number in (1, 2, 3):
        ledger.page_read(SCAN.sha256, number, pack(page(number)), "v1")
    ledger.close_scan(SCAN.sha256, {}, ["doc-1", "doc-2", "doc-3"])
    for number in (1, 2, 3):
        ledger.document_done(document(number), pack(extraction(f"doc-{number}")), "v1")
    ledger.document_validated("doc-3", [], "Dr Test", "0" * 64)
    dropped = ledger.close_scan(SCAN.sha256, {}, ["doc-1"])
    assert dropped == ["doc-2"]
    assert {row.id for row in ledger.documents()} == {"doc-1", "doc-3"}
    # Pages wait for their new document: a crash here is seen by the next run.
    assert {row.state for row in ledger.pages(SCAN.sha256)} == {PageState.READ}


def test_a_refused_scan_has_a_code_and_a_sentence_and_no_page(ledger: Ledger) -> None:
    scan = Scan.unusable(b"\xff\xd8", "photo.jpg")
    ledger.refuse_scan(scan, CorruptFile())
    [(_, row)] = ledger.scans()
    assert (row.state, row.code) == (ScanState.QUARANTINED, "fichier-abime")
    assert ledger.pages(scan.sha256) == []


def test_decisions_are_events_in_the_order_they_were_taken(ledger: Ledger) -> None:
    ledger.take(SCAN)
    ledger.page_read(SCAN.sha256, 1, pack(page(1)), "v1")
    ledger.document_done(document(1), pack(extraction("doc-1")), "v1")
    decisions = [
        Decision(
            action=action,
            field="urn:uuid:1#birthDate",
            old="1974-12-25",
            new=new,
            who="Dr Test",
            when=dt.datetime(2026, 11, 20, 9, minute, tzinfo=dt.UTC),
        )
        for minute, (action, new) in enumerate(
            [(DecisionAction.CORRECT, "1974-12-26"), (DecisionAction.CONFIRM, None)]
        )
    ]
    ledger.document_validated("doc-1", decisions, "Dr Test", "0" * 64)
    ledger.document_validated("doc-1", [], "Dr Autre", "1" * 64)
    vouched = [(row.who, row.sha256) for row in ledger.validations("doc-1")]
    assert vouched == [("Dr Test", "0" * 64), ("Dr Autre", "1" * 64)]
    assert ledger.decisions("doc-1") == decisions
    assert ledger.documents()[0].state is DocumentState.VALIDATED
