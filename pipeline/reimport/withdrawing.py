"""Take back what was sent, by its receipts, where the server allows and nobody has edited it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from pipeline.reimport.assignment import forget_created
from pipeline.reimport.bundles import digest, entries_of, holds, load, placed
from pipeline.reimport.client import (
    Client,
    Patience,
    Target,
    entry_status,
    outcome_text,
    problem_of,
)
from pipeline.reimport.errors import (
    Action,
    NotValidated,
    RecordDiffers,
    ServerProblem,
    VersionConflict,
)
from pipeline.reimport.receipts import (
    ACTORS,
    Delivery,
    Effect,
    Receipt,
    Sent,
    read_receipts,
    receipts_folder,
    sole_sender,
    write_receipt,
)

Json = dict[str, Any]


def unsend(
    out: Path,
    target: Target,
    *,
    batch: str | None = None,
    documents: Collection[str] | None = None,
    patience: Patience | None = None,
    transport: httpx.BaseTransport | None = None,
    on_wait: Callable[[ServerProblem, float], None] | None = None,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
) -> tuple[Receipt, ...]:
    """Delete from `target` what a batch, or some documents, or (with neither) every send made.

    A document with a resource that was edited since stays whole, for a person to look at. Actors
    that this software made go last, and stay where the record refers to them. Returns the new
    receipts; run again to resume. Raises `AlreadySending` and `InsecureTarget`.
    """
    folder = receipts_folder(out, target.base_url)
    with (
        sole_sender(folder),
        Client(target, patience or Patience(), transport, on_wait) as client,
    ):
        chosen = [
            receipt
            for receipt in read_receipts(folder)
            if receipt.resources
            and receipt.delivery is not Delivery.WITHDRAWN
            and (batch is None or receipt.batch == batch)
            and (documents is None or receipt.document in documents)
        ]
        receipts = []
        actors: dict[str, Sent] = {}
        for receipt in chosen:
            path = out / "validated" / f"{receipt.document}.json"
            result = _withdraw(client, receipt, path, now())
            write_receipt(folder, result)
            receipts.append(result)
            if result.delivery is Delivery.WITHDRAWN:
                made = (sent for sent in receipt.resources if _is_own_actor(sent))
                actors.update((sent.reference, sent) for sent in made)
        ordered = sorted(actors.values(), key=lambda sent: -_order(sent))
        gone = {sent.reference for sent in ordered if _delete_unreferenced(client, sent)}
        if gone:
            forget_created(folder, gone)
    return tuple(receipts)


def _withdraw(client: Client, receipt: Receipt, path: Path, when: dt.datetime) -> Receipt:
    documents = [sent for sent in receipt.resources if not _is_actor(sent)]
    problem: ServerProblem | None = None
    try:
        delete_unedited(client, documents, lambda: _written(receipt, path))
    except ServerProblem as met:
        problem = met
    if problem is None:
        return receipt.model_copy(
            update={"delivery": Delivery.WITHDRAWN, "when": when, "sentence": "", "code": ""}
        )
    held = Delivery.WAITING if problem.action is Action.RETRY else Delivery.HELD
    return receipt.model_copy(
        update={
            "delivery": held,
            "when": when,
            "sentence": problem.sentence,
            "code": problem.code,
            "status": problem.status,
            "answer": problem.said,
        }
    )


def _written(receipt: Receipt, path: Path) -> dict[str, Json]:
    """What we sent, by reference; nothing when the validated file is not there any more."""
    places = {sent.full_url: sent.reference for sent in receipt.resources}
    try:
        entries = entries_of(load(path))
    except NotValidated:
        return {}
    return {
        places[entry.full_url]: placed(entry.resource, places)
        for entry in entries
        if entry.full_url in places
    }


def delete_unedited(
    client: Client, resources: Sequence[Sent], written: Callable[[], dict[str, Json]]
) -> None:
    """Delete in one transaction what is still there; reads before every try.

    A write of ours that arrived late makes another version of the same content: only another
    content (than `written` gives) is somebody's edit. Raises `RecordDiffers` for one, or when the
    record refers to what would go.
    """
    tried = 0
    while True:
        tried += 1
        held = client.read_many([sent.reference for sent in resources], "id,meta")
        there = []
        for sent in resources:
            resource = held[sent.reference]
            if isinstance(resource, int):
                continue
            version = resource.get("meta", {}).get("versionId")
            if version != sent.version and not _is_ours(client, sent, written()):
                raise RecordDiffers(
                    "Ce document a été modifié dans le dossier depuis l'envoi : il y reste."
                )
            there.append(sent)
        if not there:
            return
        bundle: Json = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [{"request": {"method": "DELETE", "url": sent.reference}} for sent in there],
        }
        try:
            answer = client.once("POST", "", bundle)
            for entry in (answer.resource or {}).get("entry", []):
                status = entry_status(entry)
                problem = problem_of(status, None, outcome_text(entry.get("response", {})))
                if problem is not None:
                    raise problem
            return
        except VersionConflict as referred:
            raise RecordDiffers(
                "Le dossier fait référence à ce document : il y reste.",
                status=referred.status,
                said=referred.said,
            ) from referred
        except ServerProblem as problem:
            # 404 or 410: gone since we looked, by a request of ours that arrived twice.
            gone = problem.status in {httpx.codes.NOT_FOUND, httpx.codes.GONE}
            if problem.action is not Action.RETRY and not gone:
                raise
            client.wait(tried, problem)


def _is_ours(client: Client, sent: Sent, written: Mapping[str, Json]) -> bool:
    ours = written.get(sent.reference)
    if ours is None or digest(ours) != sent.digest:
        return False
    return holds(client.read_many([sent.reference])[sent.reference], ours)


def _delete_unreferenced(client: Client, sent: Sent) -> bool:
    """Delete an actor unless something refers to it; whether it is gone."""
    try:
        client.repeat("DELETE", sent.reference)
    except ServerProblem as problem:
        return problem.status in {httpx.codes.NOT_FOUND, httpx.codes.GONE}
    return True


def _is_actor(sent: Sent) -> bool:
    return sent.reference.partition("/")[0] in ACTORS


def _is_own_actor(sent: Sent) -> bool:
    return _is_actor(sent) and sent.ours and sent.effect is not Effect.KEPT


def _order(sent: Sent) -> int:
    """Roles refer to practitioners and organizations, so they go first."""
    return int(sent.reference.startswith("PractitionerRole/"))
