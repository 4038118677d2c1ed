"""The evaluation report as tables for a terminal, in French like everything people read."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table

from pipeline.evaluation.tallies import SHOWN, Report, Tally

_TITLES = {
    "medication": "médicament (nom + dosage)", "kind": "type de document", "date": "date",
    "family": "nom", "given": "prénoms", "birth-family": "nom de naissance", "sex": "sexe",
    "birth-date": "date de naissance", "nir": "NIR", "prescriber": "prescripteur", "rpps": "RPPS",
    "drug": "nom du médicament", "strength": "dosage du produit", "dosage": "posologie entière",
    "repeats": "renouvellements", "substitution": "non substituable", "measurement": "mesures",
    "allergy": "allergies", "condition": "problèmes", "order": "examens et soins demandés",
    "identity": "identité (ensemble)", "all": "tout",
    "dose": "dose", "unit": "unité", "frequency": "fréquence", "when": "moments",
    "duration": "durée", "as_needed": "si besoin", "maximum": "maximum",
}  # fmt: skip
_COLUMNS = (
    "vérité", "présentées", "justes", "précision", "rappel", "F1", "sûres", "fausses sûres",
    "erreurs muettes", "justes signalées", "calibration", "sur l'encre",
)  # fmt: skip


def tables(report: Report, *, by_mode: bool = True) -> Group:
    """One table a rendering mode, then all modes, then the parts of dosages and the documents."""
    shown = []
    modes = sorted(report.tallies)
    if by_mode:
        for mode in modes:
            kinds = {kind: report.tally(mode, kind) for kind in SHOWN}
            count = report.documents.get(mode, 0)
            found = report.found.get(mode, 0)
            shown.append(_table(f"{mode} : {found}/{count} documents retrouvés", kinds))
    total, found = sum(report.documents.values()), sum(report.found.values())
    title = f"tous modes : {found}/{total} documents retrouvés, {report.strays} en trop"
    shown.append(_table(title, {kind: report.overall(kind) for kind in SHOWN}))
    for mode in modes:
        shown.append(_table(f"{mode} : parties de la posologie", report.dosage_parts.get(mode, {})))
    return Group(*shown)


def _table(title: str, tallies: dict[str, Tally]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("valeur")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for kind, tally in tallies.items():
        if not tally.truth and not tally.presented:
            continue
        on_ink = f"{tally.on_ink / tally.placed:.0%}" if tally.placed else "–"
        table.add_row(
            _TITLES.get(kind, kind), str(tally.truth), str(tally.presented), str(tally.right),
            f"{tally.precision:.3f}", f"{tally.recall:.3f}", f"{tally.f1:.3f}", str(tally.sure),
            str(tally.sure_wrong), f"{tally.silent_error_rate:.2%}", f"{tally.flagged_share:.1%}",
            f"{tally.calibration_error:.3f}" if tally.calibration else "–", on_ink,
            style="bold" if kind in ("medication", "all") else None,
        )  # fmt: skip
    return table
