"""Receipts: what a target server answered for each document, kept so that a send can be resumed.

One JSON file per document in `OUT/receipts/<target>/`, replaced whole and flushed to the disk
before the next step, so that a sender killed at any moment leaves the old receipt or the new one.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from pipeline.model import Frozen
from pipeline.reimport.errors import AlreadySending
from pipeline.store.files import write_atomically

# Those that a server may know already and that several documents share.
ACTORS: Final = frozenset({"Patient", "Practitioner", "PractitionerRole", "Organization", "Device"})


class Effect(StrEnum):
    """What became of one resource on the server, or would in a dry run.

    DELETED: someone removed it from the record. REMOVED: we did, since the document no longer
    says it.
    """

    CREATE = "create"
    UPDATE = "update"
    SAME = "same"
    FOUND = "found"
    KEPT = "kept"
    DELETED = "deleted"
    CONFLICT = "conflict"
    REMOVED = "removed"


class Delivery(StrEnum):
    """Where a document stands with a target."""

    SENT = "sent"
    HELD = "held"
    WAITING = "waiting"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


# What people read.
DELIVERY_NAMES: Final = MappingProxyType(
    {
        Delivery.SENT: "envoyé",
        Delivery.HELD: "à voir",
        Delivery.WAITING: "à renvoyer",
        Delivery.REFUSED: "refusé",
        Delivery.WITHDRAWN: "retiré du serveur",
    }
)
EFFECT_NAMES: Final = MappingProxyType(
    {
        Effect.CREATE: "créées",
        Effect.UPDATE: "mises à jour",
        Effect.REMOVED: "retirées",
        Effect.SAME: "déjà là",
        Effect.FOUND: "déjà connues",
        Effect.KEPT: "modifiées depuis, laissées",
        Effect.DELETED: "supprimées depuis, laissées",
        Effect.CONFLICT: "en conflit",
    }
)


class Sent(Frozen):
    """One resource: our `full_url`, where the server keeps it, and which version we left there.

    `digest` is of the content we last wrote or found equal; `ours` is whether this software made
    the resource (so that it may be taken back); `effect` is that of the last run.
    """

    full_url: str
    reference: str
    version: str | None
    digest: str
    ours: bool
    effect: Effect


class Receipt(Frozen):
    """What one target answered for one document.

    `title` says in French what kind of paper it is and of which day. `sentence` is French and says
    what a person has to do, empty when all is well; `answer` holds the server's own words. `batch`
    names the run that last changed something; `bundle` is the hash of the validated file as it
    last passed our own checks.
    """

    document: str
    title: str = ""
    target: str
    delivery: Delivery
    batch: str
    when: dt.datetime
    patient: str | None = None
    resources: tuple[Sent, ...] = ()
    sentence: str = ""
    code: str = ""
    status: int | None = None
    answer: str = ""
    tries: int = 0
    bundle: str = ""


def receipts_folder(out: Path, base_url: str) -> Path:
    """Where the receipts of one target lie; its name shows the host, and a hash tells apart."""
    url = base_url.rstrip("/")
    host = re.sub(r"[^a-z0-9.-]+", "-", urlsplit(url).netloc.rpartition("@")[2].lower())
    return out / "receipts" / f"{host}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Keep `receipt` in place of the document's last one, durably."""
    write_atomically(_path(folder, receipt.document), receipt.model_dump_json(indent=2).encode())


def read_receipt(folder: Path, document: str) -> Receipt | None:
    """The document's receipt, None when it was never sent (or its file is no receipt)."""
    try:
        return Receipt.model_validate_json(_path(folder, document).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def read_receipts(folder: Path) -> tuple[Receipt, ...]:
    """All receipts of a target, by document."""
    names = sorted(path.stem for path in (folder / "documents").glob("*.json"))
    found = (read_receipt(folder, name) for name in names)
    return tuple(receipt for receipt in found if receipt is not None)


@contextmanager
def sole_sender(folder: Path) -> Iterator[None]:
    """Keep other senders out of `folder`. Raises `AlreadySending`; a killed one leaves no lock."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise AlreadySending from taken
        yield


def _path(folder: Path, document: str) -> Path:
    return folder / "documents" / f"{document}.json"
