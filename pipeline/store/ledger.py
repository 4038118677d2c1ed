"""The ledger: one SQLite file in WAL mode that says where every page is.

Only the runner and the verbs that record a person's decision write to it. What happens to one
document is one transaction, so that a crash leaves either the old state or the new one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    create_engine,
    delete,
    event,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from pipeline.errors import RepriseError
from pipeline.model import Decision, Document, Extraction, Page, Scan
from pipeline.store.packing import pack, unpack
from pipeline.store.tables import (
    Base,
    DecisionRow,
    DocumentRow,
    DocumentState,
    OriginRow,
    PageRow,
    PageState,
    RefusalRow,
    ScanRow,
    ScanState,
    ValidationRow,
)

MIGRATIONS = Path(__file__).parent / "migrations"

# Rows are written through the tables themselves: by way of the objects they are read as, it takes
# three times as long.
_SCANS = cast(Table, ScanRow.__table__)
_ORIGINS = cast(Table, OriginRow.__table__)
_REFUSALS = cast(Table, RefusalRow.__table__)
_PAGES = cast(Table, PageRow.__table__)
_DOCUMENTS = cast(Table, DocumentRow.__table__)
_DECISIONS = cast(Table, DecisionRow.__table__)
_VALIDATIONS = cast(Table, ValidationRow.__table__)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Ledger:
    """An open ledger file; created and migrated to the newest schema when it is opened."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{path}")
        self._open: Connection | None = None
        event.listen(self._engine, "connect", _set_pragmas)
        with self._engine.begin() as connection:
            _bring_up_to_date(connection)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All that is entered within goes in as one transaction: whole or, where anything is
        raised, not at all."""
        with self._transaction() as connection:
            self._open = connection
            try:
                yield
            finally:
                self._open = None

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._open is not None:
            yield self._open
        else:
            with self._engine.begin() as connection:
                yield connection

    @property
    def _source(self) -> Engine | Connection:
        """Where rows are read from: what an open transaction has entered is there already."""
        return self._open or self._engine

    # --- scans -------------------------------------------------------------------------------

    def take(self, scan: Scan) -> bool:
        """Enter a scan with its pages waiting; known bytes only gain an origin.

        Returns whether the bytes were new.
        """
        row = {"sha256": scan.sha256, "scan": pack(scan), "state": ScanState.TAKEN}
        waiting = {"sha256": scan.sha256, "state": PageState.WAITING}
        with self._transaction() as connection:
            entry = insert(_SCANS).values(row | {"taken_at": _now()}).on_conflict_do_nothing()
            new = connection.execute(entry.returning(_SCANS.c.sha256)).first() is not None
            if new:
                pages = range(1, scan.page_count + 1)
                connection.execute(insert(_PAGES), [waiting | {"number": page} for page in pages])
            _add_origins(connection, scan)
            return new

    def refuse_scan(self, scan: Scan, error: RepriseError) -> None:
        """Enter a file that cannot be used at all."""
        outcome = {
            "scan": pack(scan),
            "state": ScanState.QUARANTINED,
            "code": error.code,
            "sentence": error.sentence,
            "taken_at": _now(),
        }
        with self._transaction() as connection:
            _put(connection, _SCANS, {"sha256": scan.sha256}, outcome)
            _add_origins(connection, scan)

    def refuse_path(self, path: str, error: RepriseError) -> None:
        """Note a file whose bytes could not be had."""
        outcome = {"code": error.code, "sentence": error.sentence, "at": _now()}
        with self._transaction() as connection:
            _put(connection, _REFUSALS, {"path": path}, outcome)

    def forget_refusals(self, paths: Sequence[str]) -> None:
        """Drop refusals that have been overcome: the file's bytes are in now."""
        with self._transaction() as connection:
            connection.execute(delete(_REFUSALS).where(_REFUSALS.c.path.in_(paths)))

    def scans(self) -> list[tuple[Scan, ScanRow]]:
        """All scans in the order they came, each with every origin it came under."""
        with Session(self._source) as session:
            origins: dict[str, list[str]] = {}
            for row in session.scalars(select(OriginRow).order_by(OriginRow.path)):
                origins.setdefault(row.sha256, []).append(row.path)
            return [
                (
                    unpack(Scan, row.scan).model_copy(
                        update={"origins": tuple(origins.get(row.sha256, ()))}
                    ),
                    row,
                )
                for row in session.scalars(
                    select(ScanRow).order_by(ScanRow.taken_at, ScanRow.sha256)
                )
            ]

    def refusals(self) -> list[RefusalRow]:
        with Session(self._source) as session:
            return list(session.scalars(select(RefusalRow).order_by(RefusalRow.path)))

    # --- pages -------------------------------------------------------------------------------

    def pages(self, sha256: str) -> list[PageRow]:
        with Session(self._source) as session:
            rows = select(PageRow).where(PageRow.sha256 == sha256).order_by(PageRow.number)
            return list(session.scalars(rows))

    def page_read(self, sha256: str, number: int, reading: bytes, made_by: str) -> None:
        """Enter what a page says, a `Page` as it is packed."""
        change = {"state": PageState.READ, "reading": reading, "code": "", "sentence": ""}
        with self._transaction() as connection:
            _set_pages(connection, sha256, (number,), made_by=made_by, **change)

    def page_refused(self, sha256: str, number: int, error: RepriseError, made_by: str) -> None:
        change = {"state": PageState.QUARANTINED, "code": error.code, "sentence": error.sentence}
        with self._transaction() as connection:
            _set_pages(connection, sha256, (number,), made_by=made_by, **change)

    def read_again(self, sha256: str) -> None:
        """Put a scan's pages back to waiting: the code or settings that read them changed."""
        change = {"state": PageState.WAITING, "document_id": None, "reading": None}
        with self._transaction() as connection:
            _set_scan(connection, sha256, ScanState.TAKEN)
            pages = update(_PAGES).where(_PAGES.c.sha256 == sha256)
            connection.execute(pages.values(change | {"code": "", "sentence": ""}))

    # --- documents ---------------------------------------------------------------------------

    def documents(self) -> list[DocumentRow]:
        with Session(self._source) as session:
            rows = select(DocumentRow).order_by(DocumentRow.sha256, DocumentRow.pages)
            return list(session.scalars(rows))

    def close_scan(
        self, sha256: str, states: Mapping[int, PageState], documents: Sequence[str]
    ) -> list[str]:
        """End a scan: pages that went into no document get their state; documents that an
        earlier split made and this one did not are dropped, unless a person validated them.

        Returns the ids of the dropped ones.
        """
        with self._transaction() as connection:
            pages = update(_PAGES).where(_PAGES.c.sha256 == sha256)
            parted = pages.where(_PAGES.c.state == PageState.IN_DOCUMENT)
            connection.execute(parted.values(state=PageState.READ))
            connection.execute(pages.values(document_id=None))
            for number, state in states.items():
                _set_pages(connection, sha256, (number,), state=state)
            stale = delete(_DOCUMENTS).where(
                _DOCUMENTS.c.sha256 == sha256,
                _DOCUMENTS.c.id.not_in(documents),
                _DOCUMENTS.c.state != DocumentState.VALIDATED,
            )
            dropped = connection.scalars(stale.returning(_DOCUMENTS.c.id)).all()
            _set_scan(connection, sha256, ScanState.DONE)
            return list(dropped)

    def document_done(
        self,
        document: Document,
        extraction: bytes | None,
        made_by: str,
        error: RepriseError | None = None,
    ) -> None:
        """Enter a document's result, an `Extraction` as it is packed, and its pages with it, in
        one transaction."""
        outcome = {
            "code": error.code if error else "",
            "sentence": error.sentence if error else "",
        }
        row: dict[str, Any] = {
            "sha256": document.scan.sha256,
            "pages": ",".join(map(str, document.page_numbers)),
            "reason": document.reason,
            "state": DocumentState.QUARANTINED if error else DocumentState.DRAFT,
            "made_by": made_by,
            "extraction": extraction,
            "updated_at": _now(),
            **outcome,
        }
        state = PageState.QUARANTINED if error else PageState.IN_DOCUMENT
        with self._transaction() as connection:
            _put(connection, _DOCUMENTS, {"id": document.id}, row)
            change = {"state": state, "document_id": document.id, **outcome}
            _set_pages(connection, document.scan.sha256, document.page_numbers, **change)

    def document_validated(
        self, document_id: str, decisions: Sequence[Decision], who: str, sha256: str
    ) -> None:
        """Record decisions and the word of `who` for the whole as events.

        `sha256` is of the validated file.
        """
        at = _now()
        document = {"document_id": document_id, "at": at}
        events = [document | {"decision": pack(decision)} for decision in decisions]
        change = {"state": DocumentState.VALIDATED, "updated_at": at}
        with self._transaction() as connection:
            chosen = update(_DOCUMENTS).where(_DOCUMENTS.c.id == document_id)
            _only(connection.execute(chosen.values(change)).rowcount, 1)
            if events:
                connection.execute(insert(_DECISIONS), events)
            connection.execute(insert(_VALIDATIONS), document | {"who": who, "sha256": sha256})

    def validations(self, document_id: str) -> list[ValidationRow]:
        """Who vouched for the document, in the order they did."""
        with Session(self._source) as session:
            rows = select(ValidationRow).where(ValidationRow.document_id == document_id)
            return list(session.scalars(rows.order_by(ValidationRow.id)))

    def decisions(self, document_id: str) -> list[Decision]:
        with Session(self._source) as session:
            rows = select(DecisionRow).where(DecisionRow.document_id == document_id)
            return [
                unpack(Decision, row.decision)
                for row in session.scalars(rows.order_by(DecisionRow.id))
            ]


def _bring_up_to_date(connection: Connection) -> None:
    """Give a new file the tables as they are now, and an older one its migrations.

    All in one transaction, which SQLite's driver does not begin for definitions by itself: a
    ledger cut off here is none yet. Alembic is only loaded where there is something to migrate:
    that takes as long as to read a short page.
    """
    connection.exec_driver_sql("BEGIN")
    newest = max(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/*_*.py"))
    if not inspect(connection).get_table_names():
        Base.metadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:it)"), {"it": newest})
    elif connection.scalar(text("SELECT version_num FROM alembic_version")) != newest:
        migrate(connection)


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the tables of an open ledger to `revision`."""
    import alembic.command
    import alembic.config

    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, revision)


def page_of(row: PageRow) -> Page | None:
    """The page as it was read, or None when it has not been."""
    return None if row.reading is None else unpack(Page, row.reading)


def extraction_of(row: DocumentRow) -> Extraction | None:
    return None if row.extraction is None else unpack(Extraction, row.extraction)


def _put(
    connection: Connection, table: Table, key: dict[str, Any], content: dict[str, Any]
) -> None:
    """Enter a row, or change the one that has its key."""
    row = insert(table).values(key | content)
    connection.execute(row.on_conflict_do_update(index_elements=list(key), set_=content))


def _set_scan(connection: Connection, sha256: str, state: ScanState) -> None:
    changed = connection.execute(
        update(_SCANS).where(_SCANS.c.sha256 == sha256).values(state=state)
    )
    _only(changed.rowcount, 1)


def _set_pages(connection: Connection, sha256: str, numbers: Sequence[int], **values: Any) -> None:
    """Change pages of a scan without loading their readings."""
    chosen = _PAGES.c.sha256 == sha256, _PAGES.c.number.in_(numbers)
    changed = connection.execute(update(_PAGES).where(*chosen).values(values))
    _only(changed.rowcount, len(numbers))


def _only(changed: int, expected: int) -> None:
    """Raise `LookupError` where a change met other rows than those that it was for."""
    if changed != expected:
        raise LookupError("not in the ledger")


def _add_origins(connection: Connection, scan: Scan) -> None:
    seen = {"sha256": scan.sha256, "seen_at": _now()}
    rows = [seen | {"path": path} for path in scan.origins]
    if rows:
        connection.execute(insert(_ORIGINS).on_conflict_do_nothing(), rows)


def _set_pragmas(connection: Any, _record: object) -> None:
    """WAL keeps readers going while the runner writes; FULL survives a power cut."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
