"""What the command line shows: progress with rate and ETA, and tables of what came in and out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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
    from pipeline.doctor import Check
    from pipeline.reimport.assignment import Assignment
    from pipeline.reimport.receipts import Receipt
    from pipeline.reimport.sending import Outcome
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


DELIVERIES = {
    "sent": "envoyé",
    "held": "retenu : il faut quelqu'un",
    "waiting": "à réessayer",
    "refused": "refusé",
    "withdrawn": "retiré",
}
EFFECTS = {
    "create": "à créer ou créé",
    "update": "mis à jour",
    "same": "déjà là",
    "found": "retrouvé",
    "kept": "gardé tel que modifié",
    "deleted": "retiré",
    "conflict": "modifié depuis",
}


def print_delivery(outcome: Outcome) -> None:
    """What a send did, or would do, document by document, and the count at the end."""
    print_receipts(outcome.receipts)
    if outcome.questions:
        print_questions(outcome.questions)
    if (count := outcome.reconciliation) is not None:
        verdict = "tout y est, une seule fois" if count.complete else count.sentence or "incomplet"
        console.print(f"Relecture : {count.found}/{count.expected} ressources ; {verdict}.")
    console.print(f"Lot {outcome.batch}{' (essai, rien d’écrit)' if outcome.dry_run else ''}.")


def print_receipts(receipts: Sequence[Receipt]) -> None:
    """A line a document: where it stands and what became of its resources."""
    table = Table(title="Documents", title_justify="left")
    table.add_column("Document")
    table.add_column("Suite")
    table.add_column("Ressources")
    table.add_column("Pourquoi", overflow="fold")
    for receipt in receipts:
        effects = Counter(EFFECTS[sent.effect.value] for sent in receipt.resources)
        table.add_row(
            receipt.document,
            DELIVERIES[receipt.delivery.value],
            ", ".join(f"{count} {effect}" for effect, count in effects.items()),
            receipt.sentence,
        )
    console.print(table)


def print_questions(questions: Sequence[Assignment]) -> None:
    """Documents whose patient a person must name, with those it may be and why."""
    table = Table(title="Patients à désigner", title_justify="left")
    table.add_column("Document")
    table.add_column("Ce qu'on sait", overflow="fold")
    table.add_column("Patients possibles", overflow="fold")
    for question in questions:
        candidates = "\n".join(
            f"{c.patient.reference} ({c.probability:.0%}) : {', '.join((*c.reasons, *c.against))}"
            for c in question.proposal.candidates
        )
        table.add_row(question.document, question.proposal.sentence, _plain(candidates))
    console.print(table)


def print_checks(checks: Sequence[Check]) -> None:
    """What `reprise doctor` found."""
    table = Table(show_header=False)
    for check in checks:
        mark = Text("✓", style="green") if check.ok else Text("✗", style="red")
        table.add_row(mark, check.name, check.version, check.sentence)
    console.print(table)


def print_handwriting(figures: Mapping[str, Any]) -> None:
    """The error rates of `reprise evaluate-handwriting`, in all and by source."""
    table = Table(title=f"Écriture manuscrite : {figures['engine']}", title_justify="left")
    table.add_column("")
    for way in ("lu", "décodé"):
        for rate in ("CER", "CER sans casse", "WER"):
            table.add_column(f"{rate} ({way})", justify="right")
    for name, rows in [("ensemble", figures), *figures["sources"].items()]:
        rates = [
            f"{100 * rows[way][rate]:.1f} %"
            for way in ("greedy", "decoded")
            for rate in ("cer", "cer_ci", "wer")
        ]
        table.add_row(name, *rates)
    console.print(table)
    console.print(
        f"Calibration (ECE) : {figures['calibration']['ece']:.3f} ; "
        f"{figures['speed']['ms_line']:.0f} ms par ligne et par cœur."
    )


def _plain(text: str) -> Text:
    """File names are data: no markup, no control characters on the terminal."""
    return Text("".join(c if c.isprintable() or c == "\n" else "�" for c in text))
