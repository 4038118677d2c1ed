"""A folder of scans through the pipeline: what is new, on which worker, tried how often.

Workers are Dask processes of one thread; they get paths and values and give back values, and what
is large as a file in the run's scratch folder. Only this module writes elsewhere: a page's reading
or a document's draft gets its place on the disk whole, then its new state goes to the ledger in one
transaction, so that a run cut off anywhere is taken up by the next.
"""

from __future__ import annotations

import asyncio
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import __version__
from pipeline.config import Settings
from pipeline.errors import InputError, PageCrashed, RepriseError, SetupError, UnreadablePage
from pipeline.intake.inbox import Listing, list_inbox, read
from pipeline.intake.scanning import inspect
from pipeline.intake.splitting import split
from pipeline.model import Document, Page, Scan
from pipeline.reporting.page import render
from pipeline.reporting.summary import Summary, Waiting, as_json, summarise
from pipeline.results import DRAFTING_ROOMS, READING_ROOMS, code_version
from pipeline.store.files import (
    adopt,
    keep_original,
    original_path,
    quarantine,
    write_atomically,
    write_json,
)
from pipeline.store.ledger import Ledger, page_of
from pipeline.store.packing import unpack
from pipeline.store.tables import DocumentState, PageRow, PageState, ScanState
from pipeline.tasks import Drafted, Reading, draft_document_at, read_page_at
from pipeline.workers import workers

if TYPE_CHECKING:
    from distributed import Client, Future

# When nothing ends for this long, in seconds, a page hangs; looked at this often.
STALLED_SECONDS = 300.0
WATCH_SECONDS = 20.0
# The pages of this many last files for each worker are drafted when none is left to read: in small
# pieces, what remains keeps all workers at it until the end.
LAST_FILES = 3
# A run looks again for files that were still being written, this many times their patience long.
PATIENCES = 2


@dataclass(frozen=True)
class Progress:
    """How far a run has come, in pages: `done` of `total`; `failed` are among the done."""

    done: int
    total: int
    failed: int
    documents: int


Listener = Callable[[Progress], None]


@dataclass(frozen=True)
class _PageTask:
    """`last` are those whose drafts wait until all pages have been read."""

    scan: Scan
    number: int
    last: bool = False


@dataclass(frozen=True)
class _DocumentTask:
    document: Document
    last: bool = False


_Task = _PageTask | _DocumentTask


@dataclass(frozen=True)
class Plan:
    """What a run would do: scans with the pages still to read, and files it leaves alone."""

    new: tuple[Scan, ...]
    known: tuple[Scan, ...]
    refused: tuple[tuple[str, RepriseError], ...]
    listing: Listing


def plan(inbox: Path, out: Path, settings: Settings) -> Plan:
    """Look at everything and touch nothing (`--dry-run`)."""
    listing = list_inbox(inbox, settings)
    seen: set[str] = set()
    if ledger_path(out).is_file():
        ledger = Ledger(ledger_path(out))
        seen = {scan.sha256 for scan, _ in ledger.scans()}
        ledger.close()
    new: list[Scan] = []
    known: list[Scan] = []
    refused = [(file.origin, file.error) for file in listing.refused]
    for file in listing.ready:
        try:
            scan = inspect(read(file, settings), file.origin, settings)
        except InputError as error:
            refused.append((file.origin, error))
        else:
            (known if scan.sha256 in seen else new).append(scan)
            seen.add(scan.sha256)
    return Plan(tuple(new), tuple(known), tuple(refused), listing)


def run(
    inbox: Path,
    out: Path,
    settings: Settings,
    *,
    jobs: int,
    fresh: bool = False,
    keep_intermediate: bool = False,
    listener: Listener = lambda _: None,
) -> Listing:
    """Take in, read, split, draft; returns the listing, whose waiting files were left alone.

    `fresh` reads everything again but what a person has validated.
    """
    ledger = Ledger(ledger_path(out))
    try:
        deadline = time.monotonic() + PATIENCES * settings.patience_seconds
        while True:
            listing = list_inbox(inbox, settings)
            work = _Work(ledger, out, settings, keep_intermediate, listener)
            tasks = work.tasks(listing, fresh, last=LAST_FILES * jobs if jobs > 1 else 0)
            # As soon as each worker has one: what is left is taken in while they read.
            first = list(islice(tasks, jobs))
            if first:
                with workers(len(first), _scratch(out)) as client:
                    work.carry_out(client, chain(first, tasks), len(first))
            work.report_progress()
            if not listing.waiting or time.monotonic() > deadline:
                return listing
            fresh = False
            time.sleep(settings.stable_seconds)
    finally:
        ledger.close()


def summary(out: Path, listing: Listing | None = None) -> Summary:
    """What the ledger says now; `listing` adds the files that wait in the inbox."""
    waiting = () if listing is None else listing.waiting
    ledger = Ledger(ledger_path(out))
    try:
        return summarise(ledger, tuple(Waiting(file.origin, file.reason) for file in waiting))
    finally:
        ledger.close()


def report(out: Path, listing: Listing | None = None) -> Summary:
    """Write `report.html` and `report.json`."""
    content = summary(out, listing)
    write_json(out / "report.json", as_json(content))
    html = render(content, lambda sha256, number: preview_path(out, sha256, number))
    write_atomically(out / "report.html", html.encode())
    return content


def ledger_path(out: Path) -> Path:
    return out / "ledger.sqlite"


def draft_path(out: Path, document_id: str) -> Path:
    return out / "drafts" / f"{document_id}.json"


def preview_path(out: Path, sha256: str, number: int) -> Path:
    return out / "pages" / sha256[:2] / f"{sha256}-{number}.jpg"


def _scratch(out: Path) -> Path:
    """What workers write while a run lasts, on the same disk as what is made of it."""
    return out / "work"


# --- taking in --------------------------------------------------------------------------------


def _take_in(
    ledger: Ledger, listing: Listing, out: Path, settings: Settings
) -> Iterator[tuple[Scan, int]]:
    """Claim each ready file by its content: copy, verify, then enter it in the ledger. Each scan
    whose bytes are new is handed on, with the number of files after it, before the next is looked
    at."""
    overcome: list[str] = []
    for refused in listing.refused:
        ledger.refuse_path(refused.origin, refused.error)
    for left, file in zip(reversed(range(len(listing.ready))), listing.ready, strict=True):
        try:
            data = read(file, settings)
        except InputError as error:
            ledger.refuse_path(file.origin, error)
            continue
        overcome.append(file.origin)
        try:
            scan = inspect(data, file.origin, settings)
        except InputError as error:
            scan = Scan.unusable(data, file.origin)
            keep_original(out, scan.sha256, data)
            quarantine(out, scan, error)
            ledger.refuse_scan(scan, error)
        else:
            keep_original(out, scan.sha256, data)
            del data
            if ledger.take(scan):
                yield scan, left
    ledger.forget_refusals(overcome)


# --- carrying out -----------------------------------------------------------------------------


class _Work:
    """One run's open tasks and where their results go."""

    def __init__(
        self,
        ledger: Ledger,
        out: Path,
        settings: Settings,
        keep_intermediate: bool,
        listener: Listener,
    ) -> None:
        self._ledger = ledger
        self._out = out
        self._settings = settings
        self._keep_intermediate = keep_intermediate
        self._listener = listener
        suffix = f"{__version__}/{settings.fingerprint}"
        self._reads = f"{code_version(*READING_ROOMS)}/{suffix}"
        self._drafts = f"{code_version(*READING_ROOMS, *DRAFTING_ROOMS)}/{suffix}"
        self._tries: dict[_Task, int] = {}
        self._done = self._total = self._failed = self._documents = 0

    def tasks(self, listing: Listing, fresh: bool, last: int) -> Iterator[_Task]:
        """What earlier runs left, then the pages of the files that come in, each as it does; the
        `last` files are marked."""
        yield from self._open_tasks(fresh)
        for scan, left in _take_in(self._ledger, listing, self._out, self._settings):
            self._total += scan.page_count
            for number in range(1, scan.page_count + 1):
                yield _PageTask(scan, number, left < last)

    def _open_tasks(self, fresh: bool) -> list[_Task]:
        """What the ledger shows to be unfinished, or made by other code or settings."""
        current: dict[str, bool] = {}
        validated: set[str] = set()
        for document in self._ledger.documents():
            if document.state is DocumentState.VALIDATED:
                validated.add(document.sha256)
            current[document.id] = document.made_by == self._drafts and (
                document.state is not DocumentState.DRAFT
                or draft_path(self._out, document.id).is_file()
            )
        tasks: list[_Task] = []
        for scan, row in self._ledger.scans():
            if row.state is ScanState.QUARANTINED:
                continue
            pages = self._ledger.pages(scan.sha256)
            self._total += len(pages)
            # A person's decisions stand on the reading they were made on.
            if scan.sha256 in validated:
                self._done += len(pages)
                continue
            if fresh or any(self._is_stale(page) for page in pages):
                self._ledger.read_again(scan.sha256)
                pages = self._ledger.pages(scan.sha256)
            waiting = [page for page in pages if page.state is PageState.WAITING]
            self._done += len(pages) - len(waiting)
            if waiting:
                tasks += [_PageTask(scan, page.number) for page in waiting]
            elif (
                row.state is not ScanState.DONE
                or any(page.state is PageState.READ for page in pages)
                or not all(current[page.document_id] for page in pages if page.document_id)
            ):
                tasks += self._documents_of(scan, _read(pages))
        return tasks

    def _is_stale(self, page: PageRow) -> bool:
        if page.state is PageState.WAITING:
            return False
        return page.made_by != self._reads or page.code == PageCrashed.code

    def carry_out(self, client: Client, tasks: Iterable[_Task], jobs: int) -> None:
        """Run all tasks, and those that they lead to, until none is open."""
        running: dict[Future[Any], _Task] = {}
        put_off: deque[_DocumentTask] = deque()
        ended: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()

        def start(task: _Task) -> None:
            future = self._submit(client, task)
            running[future] = task
            future.add_done_callback(ended.put)

        def settle(future: Future[Any]) -> None:
            for following in self._settle(running.pop(future), future):
                if isinstance(following, _DocumentTask) and following.last:
                    put_off.append(following)
                else:
                    start(following)
            while put_off and len(running) < jobs:
                start(put_off.popleft())
            future.release()
            self.report_progress()

        for task in tasks:
            start(task)
            while not ended.empty():
                settle(ended.get())
        self.report_progress()
        last = time.monotonic()
        while running:
            try:
                settle(ended.get(timeout=WATCH_SECONDS))
            except queue.Empty:
                _look_after(client, time.monotonic() - last)
            else:
                last = time.monotonic()

    def report_progress(self) -> None:
        self._listener(Progress(self._done, self._total, self._failed, self._documents))

    def _submit(self, client: Client, task: _Task) -> Future[Any]:
        match task:
            case _PageTask(scan, number, last):
                path = original_path(self._out, scan.sha256)
                return client.submit(
                    read_page_at,
                    path,
                    scan,
                    number,
                    self._settings,
                    self._keep_intermediate,
                    _scratch(self._out),
                    draft=not last,
                    pure=False,
                )
            case _DocumentTask(document):
                path = original_path(self._out, document.scan.sha256)
                return client.submit(
                    draft_document_at,
                    path,
                    document,
                    self._settings,
                    _scratch(self._out),
                    pure=False,
                    priority=10,
                )

    def _settle(self, task: _Task, future: Future[Any]) -> Sequence[_Task]:
        """Enter one task's result; returns the tasks that it makes possible."""
        error: BaseException | None = None
        try:
            result = future.result()
        except (Exception, asyncio.CancelledError) as raised:
            error = raised
        else:
            if isinstance(task, _PageTask):
                return self._page_read(task, result)
            self._drafted(result)
            return []
        if isinstance(error, RepriseError):
            known = error
        else:
            self._tries[task] = self._tries.get(task, 0) + 1
            if self._tries[task] < self._settings.attempts:
                return [task]
            known = PageCrashed()
        # A class or our own notes say what broke without repeating what was on the page.
        notes = getattr(error, "__notes__", ())
        detail = "\n".join(notes) if isinstance(error, RepriseError) else _name(error)
        if isinstance(task, _PageTask):
            return self._page_failed(task, known, detail)
        self._document_failed(task, known, detail)
        return []

    def _page_read(self, task: _PageTask, reading: Reading) -> Sequence[_Task]:
        sha256, number = task.scan.sha256, task.number
        write_atomically(preview_path(self._out, sha256, number), reading.preview)
        folder = self._out / "intermediate" / sha256
        for name, data in reading.intermediate.items():
            write_atomically(folder / f"{number}-{name}", data)
        if self._keep_intermediate:
            page = unpack(Page, reading.page).model_dump(mode="json", exclude_defaults=True)
            write_json(folder / f"{number}-page.json", page)
        with self._ledger.together():
            self._ledger.page_read(sha256, number, reading.page, self._reads)
            if reading.drafted is None:
                following = self._page_ended(task, reading.page)
                return [replace(document, last=task.last) for document in following]
            self._done += 1
            self._close(task.scan, {}, [reading.drafted.document.id])
            self._drafted(reading.drafted)
            return []

    def _page_failed(self, task: _PageTask, error: RepriseError, detail: str) -> Sequence[_Task]:
        self._failed += 1
        self._quarantine_page(task.scan, task.number, error, detail)
        return self._page_ended(task)

    def _quarantine_page(
        self, scan: Scan, number: int, error: RepriseError, detail: str = ""
    ) -> None:
        pages = () if scan.page_count == 1 else (number,)
        quarantine(self._out, scan, error, pages, detail)
        self._ledger.page_refused(scan.sha256, number, error, self._reads)

    def _page_ended(self, task: _PageTask, page: bytes | None = None) -> list[_DocumentTask]:
        """A page has been tried; `page` is what it says, packed."""
        self._done += 1
        if task.scan.page_count == 1:
            return self._documents_of(task.scan, () if page is None else (unpack(Page, page),))
        rows = self._ledger.pages(task.scan.sha256)
        if any(row.state is PageState.WAITING for row in rows):
            return []
        return self._documents_of(task.scan, _read(rows))

    def _documents_of(self, scan: Scan, pages: tuple[Page, ...]) -> list[_DocumentTask]:
        """Split a scan whose pages have all been tried; its documents are drafted next."""
        result = split(scan, pages)
        advice = {page.number: page.quality.advice for page in pages}
        for number in result.unreadable:
            self._quarantine_page(scan, number, UnreadablePage(advice[number] or None))
        states = dict.fromkeys(result.blank, PageState.BLANK) | dict.fromkeys(
            result.separators, PageState.SEPARATOR
        )
        self._close(scan, states, [document.id for document in result.documents])
        return [_DocumentTask(document) for document in result.documents]

    def _close(self, scan: Scan, states: Mapping[int, PageState], documents: Sequence[str]) -> None:
        for document_id in self._ledger.close_scan(scan.sha256, states, documents):
            draft_path(self._out, document_id).unlink(missing_ok=True)

    def _drafted(self, result: Drafted) -> None:
        adopt(result.bundle, draft_path(self._out, result.document.id))
        self._ledger.document_done(result.document, result.extraction, self._drafts)
        self._documents += 1

    def _document_failed(self, task: _DocumentTask, error: RepriseError, detail: str) -> None:
        document = task.document
        self._failed += len(document.pages)
        quarantine(self._out, document.scan, error, document.page_numbers, detail)
        draft_path(self._out, document.id).unlink(missing_ok=True)
        self._ledger.document_done(document, None, self._drafts, error)


def _read(rows: Iterable[PageRow]) -> tuple[Page, ...]:
    """Those of the pages that have been read."""
    return tuple(page for row in rows if (page := page_of(row)) is not None)


def _look_after(client: Client, idle: float) -> None:
    """Nothing has ended for `idle` seconds: a page may hang, or no worker may be alive.

    Restarting the workers makes what they were at count as one failed try. Raises `SetupError`
    when there are none.
    """
    if idle < STALLED_SECONDS:
        return
    if not client.scheduler_info()["workers"]:
        raise SetupError("Les processus de lecture ne démarrent pas : vérifiez la mémoire libre.")
    client.restart()


def _name(error: BaseException | None) -> str:
    from distributed.scheduler import KilledWorker

    return "worker-died" if isinstance(error, KilledWorker) else type(error).__name__
