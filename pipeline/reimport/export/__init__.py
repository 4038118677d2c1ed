"""Exports of validated documents for those without a FHIR door."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import RepriseError
from pipeline.fhir import systems
from pipeline.fhir.checking import problems
from pipeline.fhir.serialising import loads
from pipeline.reimport.bundles import validated
from pipeline.reimport.errors import NotValidated
from pipeline.reimport.export.merging import Json
from pipeline.reimport.export.ndjson import write_ndjson
from pipeline.reimport.export.transactions import write_transactions
from pipeline.reimport.export.writing import Folder
from pipeline.reimport.export.xdm import write_xdm

Kind = Literal["ndjson", "transactions", "xdm"]


@dataclass(frozen=True)
class LeftOut:
    """A document that is not in the export, and the French sentence that says why."""

    document: str
    sentence: str


@dataclass(frozen=True)
class Exported:
    """What an export wrote, and what it could not."""

    files: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]


def export(out: Path, kind: Kind, target: Path) -> Exported:
    """Write the documents validated in `out` to the empty or new folder `target`.

    `ndjson`: a file per resource type for `$import`; `transactions`: a Bundle per patient; `xdm`:
    a folder per document with its `IHE_XDM.ZIP`. Raises `UsageError` when nothing was validated
    or `target` holds something already.
    """
    paths = validated(out)
    folder = Folder(target)
    bundles: dict[str, Json] = {}
    left_out: list[LeftOut] = []
    for document, path in paths.items():
        try:
            bundles[document] = _validated(path)
        except RepriseError as error:
            left_out.append(LeftOut(document, error.sentence))
    match kind:
        case "ndjson":
            write_ndjson(bundles, folder)
        case "transactions":
            write_transactions(bundles, folder)
        case "xdm":
            for document, bundle in bundles.items():
                try:
                    write_xdm(out, document, bundle, folder)
                except RepriseError as error:
                    left_out.append(LeftOut(document, error.sentence))
    return Exported(folder.close(), tuple(left_out))


def _validated(path: Path) -> Json:
    try:
        bundle = loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise NotValidated("Le fichier de ce document validé est illisible.") from error
    if systems.VALIDATED_BUNDLE not in bundle.get("meta", {}).get("profile", ()):
        raise NotValidated("Ce document n'a pas été validé par un soignant : il n'est pas exporté.")
    if problems(bundle):
        raise NotValidated("Le fichier de ce document validé a été modifié : validez-le à nouveau.")
    return bundle
