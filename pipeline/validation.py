"""Decisions of a clinician on drafts: carried out, written, and kept in the ledger as events."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.batch import draft_path, ledger_path
from pipeline.errors import RepriseError, UsageError
from pipeline.fhir.serialising import dumps, loads
from pipeline.fhir.validating import open_fields, validate
from pipeline.model import Decision
from pipeline.store.files import write_atomically
from pipeline.store.ledger import Ledger
from pipeline.store.tables import DocumentState


@dataclass(frozen=True)
class Outcome:
    """A document that was validated, or the sentence that says why it was not."""

    document: str
    error: RepriseError | None = None


def validated_path(out: Path, document_id: str) -> Path:
    return out / "validated" / f"{document_id}.json"


def read_decisions(path: Path, who: str) -> dict[str, list[Decision]]:
    """Decisions by document id from a JSON file: `{"<id>": [{"action": …, "field": …}, …]}`.

    `who` and `when` may be left out: they are the person at the keyboard and now. Raises
    `UsageError` when the file is not like that.
    """
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    try:
        content = json.loads(path.read_text("utf-8"))
        return {
            document: [Decision.model_validate({"who": who, "when": now} | one) for one in many]
            for document, many in content.items()
        }
    except (OSError, ValueError, AttributeError, TypeError, ValidationError) as error:
        raise UsageError(
            f"Le fichier de décisions {path.name} n'est pas un JSON de la forme attendue."
        ) from error


def validate_documents(
    out: Path, decisions: Mapping[str, Sequence[Decision]], who: str
) -> list[Outcome]:
    """Apply the decisions document by document; one that is refused leaves the others alone."""
    ledger = _open(out)
    try:
        known = {row.id: row for row in ledger.documents()}
        outcomes = []
        for document, taken in decisions.items():
            if document not in known or not draft_path(out, document).is_file():
                error = UsageError(f"Aucun brouillon ne porte l'identifiant {document}.")
                outcomes.append(Outcome(document, error))
                continue
            outcomes.append(_validate(ledger, out, document, taken, who))
        return outcomes
    finally:
        ledger.close()


def validate_all_sure(out: Path, who: str) -> list[Outcome]:
    """Confirm every draft that holds nothing doubtful and nothing unread; leave the others."""
    ledger = _open(out)
    try:
        return [
            _validate(ledger, out, row.id, (), who)
            for row in ledger.documents()
            if row.state is DocumentState.DRAFT and not open_fields(_draft(out, row.id))
        ]
    finally:
        ledger.close()


def waiting(out: Path) -> list[str]:
    """Ids of the drafts that nobody has validated yet."""
    ledger = _open(out)
    try:
        return [row.id for row in ledger.documents() if row.state is DocumentState.DRAFT]
    finally:
        ledger.close()


def _validate(
    ledger: Ledger, out: Path, document: str, taken: Sequence[Decision], who: str
) -> Outcome:
    try:
        bundle = validate(_draft(out, document), taken, who, dt.datetime.now(dt.UTC))
    except RepriseError as error:
        return Outcome(document, error)
    data = (dumps(bundle, indent=1) + "\n").encode()
    write_atomically(validated_path(out, document), data)
    ledger.document_validated(document, taken, who, hashlib.sha256(data).hexdigest())
    return Outcome(document)


def _draft(out: Path, document: str) -> dict[str, Any]:
    return loads(draft_path(out, document).read_bytes())


def _open(out: Path) -> Ledger:
    if not ledger_path(out).is_file():
        raise UsageError(f"Aucun travail dans {out} : lancez d'abord « reprise run ».")
    return Ledger(ledger_path(out))
