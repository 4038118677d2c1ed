"""The ledger: one SQLite file in WAL mode that says where every page is.

Only the runner and the verbs that record a person's decision write to it. What happens to one
document is one transaction, so that a crash leaves either the old state or the new one.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
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


def _pack(model: Scan | Page | Extraction | Decision) -> bytes:
    return zlib.compress(model.model_dump_json(exclude_defaults=True).encode())


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Ledger:
    """An open ledger file; created and migrated to the newest schema when it is opened."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _set_pragmas)
        with self._engine.begin() as connection:
            _bring_up_to_date(connection)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with Session(self._engine) as session, session.begin():
            yield session

    # --- scans -------------------------------------------------------------------------------

    def take(self, scan: Scan) -> bool:
        """Enter a scan with its pages waiting; known bytes only gain an origin.

        Returns whether the bytes were new.
        """
        with self._transaction() as session:
            row = insert(ScanRow).values(
                sha256=scan.sha256, scan=_pack(scan), state=ScanState.TAKEN, taken_at=_now()
            )
            entered = session.execute(row.on_conflict_do_nothing().returning(ScanRow.sha256))
            new = entered.first() is not None
            if new:
                pages = range(1, scan.page_count + 1)
                waiting = {"sha256": scan.sha256, "state": PageState.WAITING}
                session.execute(insert(PageRow), [waiting | {"number": page} for page in pages])
            _add_origins(session, scan)
            return new

    def refuse_scan(self, scan: Scan, error: RepriseError) -> None:
        """Enter a file that cannot be used at all."""
        with self._transaction() as session:
            session.merge(
                ScanRow(
                    sha256=scan.sha256,
                    scan=_pack(scan),
                    state=ScanState.QUARANTINED,
                    code=error.code,
                    sentence=error.sentence,
                    taken_at=_now(),
                )
            )
            session.flush()
            _add_origins(session, scan)

    def refuse_path(self, path: str, error: RepriseError) -> None:
        """Note a file whose bytes could not be had."""
        with self._transaction() as session:
            session.merge(
                RefusalRow(path=path, code=error.code, sentence=error.sentence, at=_now())
            )

    def forget_refusals(self, paths: Sequence[str]) -> None:
        """Drop refusals that have been overcome: the file's bytes are in now."""
        with self._transaction() as session:
            for path in paths:
                if (row := session.get(RefusalRow, path)) is not None:
                    session.delete(row)

    def scans(self) -> list[tuple[Scan, ScanRow]]:
        """All scans in the order they came, each with every origin it came under."""
        with Session(self._engine) as session:
            origins: dict[str, list[str]] = {}
            for row in session.scalars(select(OriginRow).order_by(OriginRow.path)):
                origins.setdefault(row.sha256, []).append(row.path)
            return [
                (
                    _unpack(Scan, row.scan).model_copy(
                        update={"origins": tuple(origins.get(row.sha256, ()))}
                    ),
                    row,
                )
                for row in session.scalars(
                    select(ScanRow).order_by(ScanRow.taken_at, ScanRow.sha256)
                )
            ]

    def refusals(self) -> list[RefusalRow]:
        with Session(self._engine) as session:
            return list(session.scalars(select(RefusalRow).order_by(RefusalRow.path)))

    # --- pages -------------------------------------------------------------------------------

    def pages(self, sha256: str) -> list[PageRow]:
        with Session(self._engine) as session:
            rows = select(PageRow).where(PageRow.sha256 == sha256).order_by(PageRow.number)
            return list(session.scalars(rows))

    def page_read(self, sha256: str, page: Page, made_by: str) -> None:
        change = {"state": PageState.READ, "reading": _pack(page), "code": "", "sentence": ""}
        with self._transaction() as session:
            _set_pages(session, sha256, (page.number,), made_by=made_by, **change)

    def page_refused(self, sha256: str, number: int, error: RepriseError, made_by: str) -> None:
        change = {"state": PageState.QUARANTINED, "code": error.code, "sentence": error.sentence}
        with self._transaction() as session:
            _set_pages(session, sha256, (number,), made_by=made_by, **change)

    def read_again(self, sha256: str) -> None:
        """Put a scan's pages back to waiting: the code or settings that read them changed."""
        with self._transaction() as session:
            session.get_one(ScanRow, sha256).state = ScanState.TAKEN
            for row in session.scalars(select(PageRow).where(PageRow.sha256 == sha256)):
                row.state = PageState.WAITING
                row.document_id = None
                row.reading = None
                row.code = row.sentence = ""

    # --- documents ---------------------------------------------------------------------------

    def documents(self) -> list[DocumentRow]:
        with Session(self._engine) as session:
            rows = select(DocumentRow).order_by(DocumentRow.sha256, DocumentRow.pages)
            return list(session.scalars(rows))

    def close_scan(
        self, sha256: str, states: dict[int, PageState], documents: Sequence[str]
    ) -> list[str]:
        """End a scan: pages that went into no document get their state; documents that an
        earlier split made and this one did not are dropped, unless a person validated them.

        Returns the ids of the dropped ones.
        """
        with self._transaction() as session:
            pages = update(PageRow).where(PageRow.sha256 == sha256)
            parted = pages.where(PageRow.state == PageState.IN_DOCUMENT)
            session.execute(parted.values(state=PageState.READ))
            session.execute(pages.values(document_id=None))
            for number, state in states.items():
                _set_pages(session, sha256, (number,), state=state)
            stale = delete(DocumentRow).where(
                DocumentRow.sha256 == sha256,
                DocumentRow.id.not_in(documents),
                DocumentRow.state != DocumentState.VALIDATED,
            )
            dropped = session.scalars(stale.returning(DocumentRow.id)).all()
            session.execute(
                update(ScanRow).where(ScanRow.sha256 == sha256).values(state=ScanState.DONE)
            )
            return list(dropped)

    def document_done(
        self,
        document: Document,
        extraction: Extraction | None,
        made_by: str,
        error: RepriseError | None = None,
    ) -> None:
        """Enter a document's result, its pages with it, in one transaction."""
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
            "extraction": None if extraction is None else _pack(extraction),
            "updated_at": _now(),
            **outcome,
        }
        state = PageState.QUARANTINED if error else PageState.IN_DOCUMENT
        with self._transaction() as session:
            entry = insert(DocumentRow).values(id=document.id, **row)
            session.execute(entry.on_conflict_do_update(index_elements=["id"], set_=row))
            change = {"state": state, "document_id": document.id, **outcome}
            _set_pages(session, document.scan.sha256, document.page_numbers, **change)

    def document_validated(
        self, document_id: str, decisions: Sequence[Decision], who: str, sha256: str
    ) -> None:
        """Record decisions and the word of `who` for the whole as events.

        `sha256` is of the validated file.
        """
        with self._transaction() as session:
            row = session.get_one(DocumentRow, document_id)
            row.state = DocumentState.VALIDATED
            row.updated_at = _now()
            session.add_all(
                DecisionRow(document_id=document_id, decision=_pack(decision), at=_now())
                for decision in decisions
            )
            session.add(ValidationRow(document_id=document_id, who=who, sha256=sha256, at=_now()))

    def validations(self, document_id: str) -> list[ValidationRow]:
        """Who vouched for the document, in the order they did."""
        with Session(self._engine) as session:
            rows = select(ValidationRow).where(ValidationRow.document_id == document_id)
            return list(session.scalars(rows.order_by(ValidationRow.id)))

    def decisions(self, document_id: str) -> list[Decision]:
        with Session(self._engine) as session:
            rows = select(DecisionRow).where(DecisionRow.document_id == document_id)
            return [
                _unpack(Decision, row.decision)
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
    return None if row.reading is None else _unpack(Page, row.reading)


def extraction_of(row: DocumentRow) -> Extraction | None:
    return None if row.extraction is None else _unpack(Extraction, row.extraction)


def _unpack(kind: type[Any], data: bytes) -> Any:
    return kind.model_validate_json(zlib.decompress(data))


def _set_pages(session: Session, sha256: str, numbers: Sequence[int], **values: Any) -> None:
    """Change pages of a scan without loading their readings. Raises `LookupError` for a page that
    was never entered."""
    chosen = PageRow.sha256 == sha256, PageRow.number.in_(numbers)
    changed = session.scalars(
        update(PageRow).where(*chosen).values(**values).returning(PageRow.number)
    )
    if len(changed.all()) != len(numbers):
        raise LookupError("pages that the ledger does not have")


def _add_origins(session: Session, scan: Scan) -> None:
    seen = {"sha256": scan.sha256, "seen_at": _now()}
    rows = [seen | {"path": path} for path in scan.origins]
    if rows:
        session.execute(insert(OriginRow).on_conflict_do_nothing(), rows)


def _set_pragmas(connection: Any, _record: object) -> None:
    """WAL keeps readers going while the runner writes; FULL survives a power cut."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
