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
    from pipeline.errors import RepriseError
    from pipeline.reimport.assignment import Assignment
    from pipeline.reimport.matching import Traits
    from pipeline.reimport.receipts import Delivery, Effect, Receipt
    from pipeline.reimport.reconciliation import Reconciliation
    from pipeline.reimport.sending import Outcome
    from pipeline.reporting.summary import Summary

    Waiting = Callable[[RepriseError, float], None]

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


# Waits that are not worth a line.
SHORT_WAIT = 1.0


@contextmanager
def delivery(total: int) -> Iterator[tuple[Callable[[object], None], Waiting]]:
    """Listeners for a send of `total` documents: one for receipts, one for waits."""
    with Progress(
        SpinnerColumn(),
        TextColumn("Envoi"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("documents"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda _: bar.advance(task), waiting


def waiting(problem: RepriseError, seconds: float) -> None:
    """Say why nothing happens for a while."""
    if seconds >= SHORT_WAIT:
        console.print(f"{problem.sentence} Nouvel essai dans {seconds:.0f} s.", style="yellow")


def print_delivery(outcome: Outcome) -> None:
    """What a send did, or would do, patient by patient, and the count at the end."""
    whose = _patients(outcome)
    table = _documents("Patient", dry_run=outcome.dry_run)
    shown = ""
    for receipt in sorted(outcome.receipts, key=lambda one: (whose[one.document], one.document)):
        patient = whose[receipt.document]
        if shown and patient != shown:
            table.add_section()
        first = "" if patient == shown else patient
        table.add_row(_plain(first), *_document(receipt, dry_run=outcome.dry_run))
        shown = patient
    console.print(table)
    counts = Counter(_state(receipt, outcome.dry_run) for receipt in outcome.receipts)
    said = ", ".join(f"{state} : {count}" for state, count in counts.items())
    if outcome.dry_run:
        console.print(f"Essai, rien n'a été écrit. Documents {said}.")
    else:
        console.print(f"Lot {outcome.batch}. Documents {said}.")
    if (count := outcome.reconciliation) is not None:
        console.print(_verdict(count))
    if outcome.questions:
        clear = sum(one.proposal.clear is not None for one in outcome.questions)
        console.print(
            f"{len(outcome.questions)} documents attendent qu'on désigne leur patient : voyez "
            f"« reprise assign ». Pour {clear}, un seul patient correspond sans réserve "
            "(--accept-clear l'accepte)."
        )


def _verdict(count: Reconciliation) -> str:
    if not count.checked:
        return f"Relecture impossible. {count.sentence}"
    said = f"Relecture : {count.expected} ressources attendues, {count.found} trouvées"
    return f"{said}, chacune une seule fois." if count.complete else f"{said} : voyez le détail."


def _patients(outcome: Outcome) -> dict[str, str]:
    """What to call the patient of each document; new ones are numbered."""
    new: dict[str, str] = {}
    named = {}
    for receipt in outcome.receipts:
        named[receipt.document] = receipt.patient or "?"
    for one in outcome.assignments:
        if one.decision is None:
            named[one.document] = "à désigner"
        elif named[one.document] == "?":
            first = one.decision.first
            new.setdefault(first or "", f"nouveau n° {len(new) + 1}")
            named[one.document] = one.decision.reference or new[first or ""]
    return named


def print_receipts(receipts: Sequence[Receipt]) -> None:
    """A line a document: where it stands after `unsend`."""
    table = _documents()
    for receipt in receipts:
        table.add_row(*_document(receipt))
    console.print(table)


def _documents(*before: str, dry_run: bool = False) -> Table:
    table = Table(title="Ce qui serait fait" if dry_run else "Documents", title_justify="left")
    for name in before:
        table.add_column(name, overflow="fold")
    table.add_column("Document", overflow="fold", min_width=36)
    table.add_column("Suite")
    table.add_column("Ressources", overflow="fold")
    table.add_column("À faire", overflow="fold")
    return table


def _words(dry_run: bool) -> tuple[Mapping[Delivery, str], Mapping[Effect, str]]:
    """How to say where documents stand and what becomes of resources, or would."""
    from pipeline.reimport.receipts import DELIVERY_NAMES, EFFECT_NAMES, Delivery, Effect

    if not dry_run:
        return DELIVERY_NAMES, EFFECT_NAMES
    planned = {
        Effect.CREATE: "à créer",
        Effect.UPDATE: "à mettre à jour",
        Effect.REMOVED: "à retirer",
    }
    return {**DELIVERY_NAMES, Delivery.SENT: "à envoyer"}, {**EFFECT_NAMES, **planned}


def _state(receipt: Receipt, dry_run: bool) -> str:
    states, _ = _words(dry_run)
    writes = {"create", "update", "removed"}
    idle = receipt.delivery == "sent" and not any(s.effect in writes for s in receipt.resources)
    return "rien à faire" if dry_run and idle else states[receipt.delivery]


def _document(receipt: Receipt, *, dry_run: bool = False) -> tuple[Text, str, str, Text]:
    _, names = _words(dry_run)
    effects = Counter(names[sent.effect] for sent in receipt.resources)
    if receipt.delivery == "withdrawn":
        effects = Counter()
    conflicts = [s.reference for s in receipt.resources if s.effect == "conflict"]
    return (
        _plain(f"{receipt.title}\n{receipt.document}".strip()),
        _state(receipt, dry_run),
        ", ".join(f"{effect} : {count}" for effect, count in effects.items()),
        _plain("\n".join([receipt.sentence, *conflicts]).strip()),
    )


def print_questions(questions: Sequence[Assignment], titles: Mapping[str, str]) -> None:
    """Documents whose patient a person must name, with those it may be and why.

    The one place where identities are shown: there is no choosing between people without them.
    """
    table = Table(title="Patients à désigner", title_justify="left", show_lines=True)
    table.add_column("Document", overflow="fold", min_width=36)
    table.add_column("Le papier dit", overflow="fold")
    table.add_column("Patients possibles", overflow="fold")
    for question in questions:
        proposal = question.proposal
        lines = [proposal.sentence or "Un seul patient correspond :"]
        for one in proposal.candidates:
            lines.append(
                f"{one.patient.reference} ({one.probability:.0%}) {_identity(one.patient.traits)}"
            )
            lines.append(f"  {', '.join((*one.reasons, *one.against))}")
        title = titles.get(question.document, "")
        table.add_row(
            _plain(f"{title}\n{question.document}".strip()),
            _plain(_identity(question.traits)),
            _plain("\n".join(lines)),
        )
    console.print(table)


def _identity(traits: Traits) -> str:
    """A patient's name, birth date and sex as people say them."""
    names = [*traits.used_families[:1], *(f"(né·e {one})" for one in traits.birth_families)]
    if not traits.used_families:
        names = list(traits.birth_families[:1])
    said = " ".join([*traits.given, *names]) or "nom inconnu"
    if traits.birth_date is not None:
        said += f", {traits.birth_date:%d/%m/%Y}"
    if traits.sex is not None:
        said += {"female": ", F", "male": ", H"}.get(traits.sex.value, "")
    return said


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
