"""What the command line shows: progress with rate and ETA, and tables of what came in and out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from pipeline.model import State

if TYPE_CHECKING:
    from pipeline import batch
    from pipeline.reporting.summary import Summary

# A log file gets a line now and then instead of a bar.
SECONDS_BETWEEN_LINES = 15.0

console = Console(highlight=False)
if not console.is_terminal:
    console.width = 120


class _Rate(ProgressColumn):
    """Pages a minute, as measured over the last pages."""

    def render(self, task: Task) -> Text:
        speed = task.speed
        return Text("" if not speed else f"{60 * speed:.0f} pages/min", style="cyan")


@contextmanager
def progress() -> Iterator[Callable[[batch.Progress], None]]:
    """A listener that draws a bar on a terminal, and writes plain lines elsewhere."""
    if console.is_terminal:
        with _bar() as listener:
            yield listener
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Callable[[batch.Progress], None]]:
    with Progress(
        SpinnerColumn(),
        TextColumn("Lecture"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pages"),
        _Rate(),
        TimeElapsedColumn(),
        TextColumn("reste"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}", style="yellow"),
        console=console,
    ) as bar:
        task = bar.add_task("", total=None, failed="")

        def listen(progress: batch.Progress) -> None:
            failed = f"{progress.failed} mises de côté" if progress.failed else ""
            bar.update(task, completed=progress.done, total=progress.total, failed=failed)

        yield listen


def _lines() -> Callable[[batch.Progress], None]:
    start = last = time.monotonic()
    first: int | None = None

    def listen(progress: batch.Progress) -> None:
        nonlocal last, first
        first = progress.done if first is None else first
        now = time.monotonic()
        if now - last < SECONDS_BETWEEN_LINES:
            return
        last = now
        rate = (progress.done - first) / max(now - start, 1e-9)
        left = f", reste {(progress.total - progress.done) / rate:.0f} s" if rate else ""
        console.print(
            f"{progress.done}/{progress.total} pages, {60 * rate:.0f} pages/min{left}, "
            f"{progress.failed} mises de côté, {progress.documents} documents"
        )

    return listen


def print_plan(plan: batch.Plan) -> None:
    """What a run would do (`--dry-run`)."""
    table = Table(title="Ce qui serait fait", title_justify="left")
    table.add_column("Fichier", overflow="fold")
    table.add_column("Pages", justify="right")
    table.add_column("Suite")
    for scan in plan.new:
        table.add_row(_plain(scan.origins[0]), str(scan.page_count), "à lire")
    for scan in plan.known:
        table.add_row(_plain(scan.origins[0]), str(scan.page_count), "déjà connu")
    for origin, error in plan.refused:
        table.add_row(_plain(origin), "", Text(error.sentence, style="yellow"))
    for waiting in plan.listing.waiting:
        table.add_row(_plain(waiting.origin), "", Text(waiting.reason, style="dim"))
    console.print(table)


def print_summary(summary: Summary) -> None:
    """What came in and what came out, file by file."""
    table = Table(title="Fichiers", title_justify="left")
    table.add_column("Fichier", overflow="fold")
    table.add_column("Pages", justify="right")
    table.add_column("Documents", justify="right")
    table.add_column("Sûres", justify="right", style="green")
    table.add_column("À vérifier", justify="right", style="yellow")
    table.add_column("Illisibles", justify="right", style="red")
    table.add_column("État", overflow="fold")
    for file in summary.files:
        entries = [entry for entry in summary.documents if entry.row.sha256 == file.scan.sha256]
        counts = [
            sum(field.value.state is state for entry in entries for field in entry.fields)
            for state in State
        ]
        asides = [a for a in summary.aside if a.origin == file.scan.origins[0]]
        states = {row.state.value for row, _ in file.pages}
        if asides:
            state = Text(asides[0].sentence, style="yellow")
        elif "waiting" in states or "read" in states:
            state = Text("en cours")
        else:
            state = Text("lu", style="green")
        table.add_row(
            _plain("\n".join(file.scan.origins)),
            str(len(file.pages)),
            str(len(entries)),
            *(str(count) if entries else "" for count in counts),
            state,
        )
    known = {file.scan.origins[0] for file in summary.files}
    for aside in summary.aside:
        if aside.origin not in known:
            table.add_row(
                _plain(aside.origin), "", "", "", "", "", Text(aside.sentence, style="yellow")
            )
    for waiting in summary.waiting:
        reason = Text(waiting.reason, style="dim")
        table.add_row(_plain(waiting.origin), "", "", "", "", "", reason)
    console.print(table)
    console.print(
        f"{len(summary.files)} fichiers, {sum(summary.page_states.values())} pages, "
        f"{len(summary.documents)} documents, {len(summary.aside)} mis de côté ; "
        f"valeurs : {summary.states[State.SURE]} sûres, "
        f"{summary.states[State.DOUBTFUL]} à vérifier, {summary.states[State.UNREAD]} illisibles."
    )


def _plain(text: str) -> Text:
    """File names are data: no markup, no control characters on the terminal."""
    return Text("".join(c if c.isprintable() or c == "\n" else "�" for c in text))
