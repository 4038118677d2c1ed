"""After a send: read back what the server holds, count it, and say so in French.

The report is for the practice: one line for each document, what is there, what is missing, what
was edited since, and what a person has to do. `reconciliation.json` holds the same.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader

from pipeline.model import Frozen
from pipeline.reimport.client import Client
from pipeline.reimport.errors import ServerProblem
from pipeline.reimport.receipts import (
    DELIVERY_NAMES,
    EFFECT_NAMES,
    Delivery,
    Effect,
    Receipt,
)
from pipeline.store.files import write_atomically

# Identifiers in one search.
ASKED_AT_ONCE: Final = 25
# What nobody expects on the server any more.
GONE: Final = frozenset({Effect.DELETED, Effect.REMOVED})


class Line(Frozen):
    """One document against the server: resources expected, found again, missing (references).

    `effects` counts what became of its resources in the last run.
    """

    document: str
    title: str = ""
    delivery: Delivery
    patient: str | None
    expected: int
    found: int
    missing: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    effects: Mapping[str, int] = {}
    sentence: str = ""


class Double(Frozen):
    """An identifier that several resources of the server bear, with how many."""

    reference: str
    count: int


class Reconciliation(Frozen):
    """The count after a send. `complete` says that every sent document is there exactly once.

    `checked` is false when the server could not be read back; `sentence` then says why.
    """

    target: str
    batch: str = ""
    when: dt.datetime
    checked: bool
    complete: bool
    deliveries: Mapping[str, int]
    expected: int
    found: int
    lines: tuple[Line, ...]
    doubles: tuple[Double, ...] = ()
    sentence: str = ""


def reconcile(
    client: Client,
    batch: str,
    receipts: Sequence[Receipt],
    searches: Mapping[str, str],
    when: dt.datetime,
) -> Reconciliation:
    """Read back every resource of the `receipts` and count those there.

    `searches` gives for each actor (by reference) the search that must find it alone. Reads only.
    """
    sentence = ""
    doubles: list[Double] = []
    missing: set[str] = set()
    try:
        missing = client.missing(
            sent.reference
            for receipt in receipts
            for sent in receipt.resources
            if receipt.delivery is Delivery.SENT and sent.effect not in GONE
        )
        doubles = _doubles(client, searches)
    except ServerProblem as problem:
        sentence = problem.sentence
    checked = not sentence
    lines = tuple(_line(receipt, missing, checked) for receipt in receipts)
    sent = [line for line in lines if line.delivery is Delivery.SENT]
    return Reconciliation(
        target=client.target.base_url,
        batch=batch,
        when=when,
        checked=checked,
        complete=checked and not doubles and all(not line.missing for line in sent),
        deliveries=dict(Counter(line.delivery.value for line in lines)),
        expected=sum(line.expected for line in sent),
        found=sum(line.found for line in sent),
        lines=lines,
        doubles=tuple(doubles),
        sentence=sentence,
    )


def write_report(folder: Path, reconciliation: Reconciliation) -> Path:
    """Write `reconciliation.json` and `reconciliation.html`; returns the latter's path."""
    text = reconciliation.model_dump_json(indent=1)
    write_atomically(folder / "reconciliation.json", text.encode())
    page = _TEMPLATE.render(
        r=reconciliation,
        names=DELIVERY_NAMES,
        effects=EFFECT_NAMES,
        waiting=sum(line.delivery is not Delivery.SENT for line in reconciliation.lines),
        rows=sorted(reconciliation.lines, key=_urgency),
    )
    path = folder / "reconciliation.html"
    write_atomically(path, page.encode())
    return path


def _doubles(client: Client, searches: Mapping[str, str]) -> list[Double]:
    """Actors whose search does not find exactly one; asked for many at a time."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for reference, query in searches.items():
        kind, _, value = query.partition("?identifier=")
        kinds.setdefault(kind, []).append((reference, value))
    found: list[Double] = []
    for kind, several in kinds.items():
        for start in range(0, len(several), ASKED_AT_ONCE):
            part = several[start : start + ASKED_AT_ONCE]
            values = ",".join(value for _, value in part)
            if client.count(f"{kind}?identifier={values}") == len(part):
                continue
            counts = [(name, client.count(f"{kind}?identifier={value}")) for name, value in part]
            found.extend(Double(reference=name, count=n) for name, n in counts if n != 1)
    return found


def _line(receipt: Receipt, missing: set[str], checked: bool) -> Line:
    expected = [sent for sent in receipt.resources if sent.effect not in GONE]
    sent_out = receipt.delivery is Delivery.SENT
    lost = tuple(sent.reference for sent in expected if sent_out and sent.reference in missing)
    return Line(
        document=receipt.document,
        title=receipt.title,
        delivery=receipt.delivery,
        patient=receipt.patient,
        expected=len(expected),
        found=len(expected) - len(lost) if checked and sent_out else 0,
        missing=lost,
        kept=_with(receipt, Effect.KEPT),
        deleted=_with(receipt, Effect.DELETED),
        conflicts=_with(receipt, Effect.CONFLICT),
        effects=dict(Counter(sent.effect.value for sent in receipt.resources)),
        sentence=receipt.sentence,
    )


def _with(receipt: Receipt, effect: Effect) -> tuple[str, ...]:
    return tuple(sent.reference for sent in receipt.resources if sent.effect is effect)


def _urgency(line: Line) -> tuple[int, str]:
    order = (Delivery.REFUSED, Delivery.HELD, Delivery.WAITING, Delivery.WITHDRAWN, Delivery.SENT)
    return (-1 if line.missing else order.index(line.delivery), line.document)


_TEMPLATE: Final = Environment(
    loader=PackageLoader("pipeline.reimport", "."),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("reconciliation.html.j2")
