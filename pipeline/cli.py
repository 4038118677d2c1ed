"""The `reprise` command: thin verbs over the rooms.

Exit statuses: 0 done; 2 the command cannot be carried out; 3 done, with something in quarantine;
4 a bundle was refused; 5 something is missing on this machine; 6 the target refused; 7 a decision
is missing or does not fit.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline import __version__
from pipeline.config import Settings
from pipeline.errors import (
    BundleError,
    InputError,
    ReimportError,
    RepriseError,
    SetupError,
    Undecided,
    UsageError,
)
from pipeline.loading import many_modules

if TYPE_CHECKING:
    from pipeline.reimport.authentication import Authentication
    from pipeline.reimport.client import Target

# Verbs import their rooms when they run: `reprise --help` and each worker stay quick and small.

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Des feuilles numérisées aux dossiers FHIR R4, sans réseau.",
)


def _named(who: str) -> str:
    if not who.strip():
        raise typer.BadParameter("il faut le nom d'une personne")
    return who.strip()


Who = Annotated[
    str, typer.Option("--as", metavar="NOM", help="La personne qui décide.", callback=_named)
]
Out = Annotated[Path, typer.Argument(help="Dossier de sortie d'un « reprise run ».")]


def main() -> None:
    """Run the command; an error of ours is one French sentence and its exit status."""
    try:
        app()
    except RepriseError as error:
        typer.echo(f"reprise : {error.sentence} [{error.code}]", err=True)
        sys.exit(error.exit_status)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Affiche la version.")] = False,
) -> None:
    if version:
        typer.echo(f"reprise {__version__}")
        raise typer.Exit


@app.command()
def run(
    inbox: Annotated[Path, typer.Argument(help="Dossier des fichiers numérisés.")],
    out: Annotated[Path, typer.Option(help="Dossier de sortie.")],
    jobs: Annotated[
        int, typer.Option(min=1, help="Processus de lecture en parallèle.")
    ] = os.cpu_count() or 1,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Reprend où l'on s'était arrêté.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Dit ce qui serait fait, sans rien écrire.")
    ] = False,
    keep_intermediate: Annotated[
        bool, typer.Option("--keep-intermediate", help="Garde les images préparées.")
    ] = False,
) -> None:
    """Lit les fichiers de INBOX et écrit dans OUT un brouillon FHIR par document."""
    with many_modules():
        from pipeline import batch, terminal

    if not inbox.is_dir():
        raise UsageError(f"Le dossier {inbox} n'existe pas.")
    if out.resolve().is_relative_to(inbox.resolve()):
        raise UsageError("Le dossier de sortie ne peut pas être dans le dossier d'arrivée.")
    settings = Settings()
    if dry_run:
        terminal.print_plan(batch.plan(inbox, out, settings))
        return
    with terminal.progress() as listener:
        listing = batch.run(
            inbox,
            out,
            settings,
            jobs=jobs,
            fresh=not resume,
            keep_intermediate=keep_intermediate,
            listener=listener,
        )
    summary = batch.report(out, listing)
    terminal.print_summary(summary)
    typer.echo(f"Compte rendu : {out / 'report.html'}")
    if summary.aside:
        raise typer.Exit(InputError.exit_status)


@app.command()
def status(out: Out) -> None:
    """Dit où en est chaque fichier et chaque page."""
    from pipeline import batch, terminal

    if not batch.ledger_path(out).is_file():
        raise UsageError(f"Aucun travail dans {out} : lancez d'abord « reprise run ».")
    terminal.print_summary(batch.summary(out))


@app.command()
def extract(
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="FILE|-", help="Le texte d'un document."),
    ] = None,
    lines: Annotated[
        str | None,
        typer.Option("--lines", metavar="FILE|-", help="Chaque ligne est un document."),
    ] = None,
) -> None:
    """Passe un texte à l'extraction et affiche le brouillon FHIR (une ligne par document)."""
    from pipeline.fhir.serialising import dumps, operation_outcome

    if (text is None) == (lines is None):
        raise UsageError("Donnez soit --text, soit --lines.")
    settings = Settings()
    if text is not None:
        typer.echo(dumps(_draft_of(_read_text(text), settings), indent=1))
        return
    assert lines is not None
    for line in _read_text(lines).splitlines():
        try:
            draft = _draft_of(line, settings)
        except RepriseError as error:
            # One answer a line, whatever a line holds, so that both can be read side by side.
            draft = operation_outcome(error)
        typer.echo(dumps(draft))


_LONGEST_TEXT: Final = 200_000
"""Characters of one document's text: a hundred dense pages."""


def _draft_of(text: str, settings: Settings) -> dict[str, Any]:
    """The draft Bundle of one document's text; raises `UsageError` where there is none to make."""
    from pipeline.extraction.evidence import document_from_text
    from pipeline.runner import draft_from_document

    if not text.strip():
        raise UsageError("Le texte est vide : il n'y a rien à lire.")
    if len(text) > _LONGEST_TEXT:
        raise UsageError(
            f"Le texte est trop long ({len(text)} caractères, au plus {_LONGEST_TEXT}) : "
            "donnez un document à la fois."
        )
    return draft_from_document(document_from_text(text), text.encode(), settings).bundle


def _read_text(source: str) -> str:
    """The text of a file, or of the standard input for `-`."""
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
    except OSError as error:
        raise UsageError(f"Le fichier {source} ne peut pas être lu.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"Le fichier {source} n'est pas du texte UTF-8.") from error


@app.command()
def separator(
    out: Annotated[Path, typer.Argument(help="Fichier PDF à écrire.")] = Path("separateur.pdf"),
) -> None:
    """Écrit la feuille de séparation à imprimer et à glisser entre deux documents."""
    from pipeline.intake.separator import separator_pdf

    out.write_bytes(separator_pdf())
    typer.echo(f"Feuille de séparation : {out}")


@app.command()
def evaluate(
    bundles: Annotated[Path, typer.Argument(help="Dossier des brouillons, ou de sortie.")],
    truth: Annotated[Path, typer.Argument(help="Dossier de la vérité de terrain.")],
    json_out: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Écrit les chiffres en JSON.")
    ] = None,
) -> None:
    """Note les brouillons contre la vérité : rappel, précision, erreurs silencieuses."""
    from pipeline import terminal
    from pipeline.evaluation.scoring import evaluate as score
    from pipeline.evaluation.tables import tables

    report = score(bundles, truth)
    if json_out != "-":
        terminal.console.print(tables(report))
    if json_out is not None:
        _write_json(json_out, report.as_json())


@app.command()
def evaluate_handwriting(
    folder: Annotated[Path, typer.Argument(help="Dossier avec lines.tsv et ses images.")],
    json_out: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Écrit les chiffres en JSON.")
    ] = None,
) -> None:
    """Mesure la lecture de l'écriture manuscrite, par source et par scripteur."""
    from pipeline import terminal
    from pipeline.evaluation.handwriting import evaluate_handwriting as score

    figures = score(folder)
    if json_out != "-":
        terminal.print_handwriting(figures)
    if json_out is not None:
        _write_json(json_out, figures)


@app.command()
def doctor() -> None:
    """Dit si tout ce qu'il faut est sur cette machine : moteurs, langues, poids, terminologies."""
    from pipeline import terminal
    from pipeline.doctor import examine

    checks = examine(Settings())
    terminal.print_checks(checks)
    if not all(check.ok for check in checks):
        raise typer.Exit(SetupError.exit_status)


@app.command()
def validate(
    out: Out,
    who: Who,
    decisions: Annotated[
        Path | None, typer.Option(help="Fichier JSON des décisions, par document.")
    ] = None,
    all_sure: Annotated[
        bool, typer.Option("--all-sure", help="Valide les documents où rien n'est douteux.")
    ] = False,
) -> None:
    """Applique des décisions aux brouillons et écrit les dossiers validés."""
    from pipeline import validation

    if (decisions is None) != all_sure:
        raise UsageError("Donnez soit --decisions, soit --all-sure.")
    if decisions is None:
        outcomes = validation.validate_all_sure(out, who)
    else:
        taken = validation.read_decisions(decisions, who)
        outcomes = validation.validate_documents(out, taken, who)
    refused = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in refused:
        assert outcome.error is not None
        typer.echo(f"{outcome.document} : {outcome.error.sentence}", err=True)
        if isinstance(outcome.error, Undecided):
            for field in outcome.error.fields:
                typer.echo(f"  {field}", err=True)
    typer.echo(
        f"Documents : {len(outcomes) - len(refused)} validés, {len(refused)} refusés, "
        f"{len(validation.waiting(out))} à relire."
    )
    if refused:
        raise typer.Exit(BundleError.exit_status)


terminology = typer.Typer(no_args_is_help=True, help="Médicaments et diagnostics.")
app.add_typer(terminology, name="terminology")


@terminology.command("import")
def import_terminology(
    folder: Annotated[Path, typer.Argument(help="Dossier des fichiers officiels de la BDPM.")],
    target: Annotated[Path, typer.Option(help="Fichier à écrire.")] = Path("bdpm.sqlite"),
    cim10: Annotated[
        Path | None, typer.Option(help="Fichier CSV des libellés de la CIM-10 (code, libellé).")
    ] = None,
) -> None:
    """Importe la base publique des médicaments telle qu'on la télécharge."""
    from pipeline.terminology import import_cim10
    from pipeline.terminology.bdpm import import_bdpm

    summary = import_bdpm(folder, target)
    if cim10 is not None:
        typer.echo(f"{import_cim10(cim10, target)} libellés de la CIM-10.")
    typer.echo(
        f"{summary.products} spécialités, {summary.presentations} présentations, "
        f"{summary.names} noms, au {summary.as_of:%d/%m/%Y}. Source : {summary.source}.\n"
        f"Pour l'utiliser : REPRISE_TERMINOLOGY={target}"
    )


roster = typer.Typer(no_args_is_help=True, help="Patients déjà connus du logiciel cible.")
app.add_typer(roster, name="roster")


@roster.command("import")
def import_roster(
    patients: Annotated[Path, typer.Argument(help="Export CSV des patients.")],
    out: Annotated[Path, typer.Option(help="Dossier de sortie d'un « reprise run ».")],
) -> None:
    """Importe la liste des patients, à laquelle les documents seront rapprochés."""
    from pipeline.reimport.roster import keep_roster, read_roster

    try:
        data = patients.read_bytes()
    except OSError as error:
        raise UsageError(f"Le fichier {patients} ne peut pas être lu.") from error
    found = read_roster(data)
    keep_roster(out, found.patients)
    typer.echo(f"{len(found.patients)} patients, {len(found.left_out)} lignes laissées de côté.")
    for row in found.left_out:
        typer.echo(f"  ligne {row.line} : {row.reason}")


Url = Annotated[str, typer.Option("--to", metavar="URL", help="Adresse du serveur FHIR R4.")]
User = Annotated[str | None, typer.Option("--user", help="Authentification simple : le nom.")]
Password = Annotated[
    str | None, typer.Option(envvar="REPRISE_TARGET_PASSWORD", help="…et le mot de passe.")
]
Token = Annotated[
    str | None, typer.Option(envvar="REPRISE_TARGET_TOKEN", help="Jeton d'accès (bearer).")
]
ClientId = Annotated[str | None, typer.Option(help="SMART Backend Services : identifiant client.")]
TokenUrl = Annotated[
    str | None, typer.Option(help="…où demander un jeton ; sinon, là où le serveur le dit.")
]
Key = Annotated[Path | None, typer.Option(help="…clé privée PEM (RSA, ou EC P-384).")]
KeyId = Annotated[str | None, typer.Option(help="…nom de la clé.")]
Scope = Annotated[str, typer.Option(help="…droits à demander.")]
SCOPE = "system/*.cruds"
Certificates = Annotated[Path | None, typer.Option(help="Autorités de confiance (PEM).")]


@app.command()
def send(
    out: Out,
    to: Url,
    who: Who,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Montre, par patient, ce qui serait fait.")
    ] = False,
    accept_clear: Annotated[
        bool, typer.Option("--accept-clear", help="Accepte les rapprochements sans ambiguïté.")
    ] = False,
    create_unmatched: Annotated[
        bool, typer.Option("--create-unmatched", help="Crée les patients que personne ne connaît.")
    ] = False,
    parallel: Annotated[int, typer.Option(min=1, help="Patients en parallèle.")] = 4,
    user: User = None,
    password: Password = None,
    token: Token = None,
    client_id: ClientId = None,
    token_url: TokenUrl = None,
    key: Key = None,
    key_id: KeyId = None,
    scope: Scope = SCOPE,
    certificates: Certificates = None,
) -> None:
    """Envoie les dossiers validés au serveur, une seule fois, et vérifie qu'ils y sont."""
    from pipeline import terminal
    from pipeline.reimport.assignment import Policy
    from pipeline.reimport.bundles import validated
    from pipeline.reimport.receipts import receipts_folder
    from pipeline.reimport.sending import send as deliver

    access = _access(user, password, token, client_id, key, key_id, scope)
    target = _target(to, certificates, access, token_url)
    policy = Policy(who=who, accept_clear=accept_clear, create_unmatched=create_unmatched)
    with terminal.delivery(len(validated(out))) as (on_receipt, on_wait):
        outcome = deliver(
            out,
            target,
            policy,
            dry_run=dry_run,
            parallel=parallel,
            on_receipt=on_receipt,
            on_wait=on_wait,
        )
    terminal.print_delivery(outcome)
    if not dry_run:
        typer.echo(f"Compte rendu : {receipts_folder(out, to) / 'reconciliation.html'}")
    if any(receipt.delivery.value != "sent" for receipt in outcome.receipts) and not dry_run:
        raise typer.Exit(ReimportError.exit_status)


@app.command()
def assign(
    out: Out,
    to: Url,
    who: Who,
    document: Annotated[
        str | None, typer.Option("--document", help="Document dont on désigne le patient.")
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option("--patient", help="Référence du patient (Patient/…), ou « nouveau »."),
    ] = None,
    user: User = None,
    password: Password = None,
    token: Token = None,
    client_id: ClientId = None,
    token_url: TokenUrl = None,
    key: Key = None,
    key_id: KeyId = None,
    scope: Scope = SCOPE,
    certificates: Certificates = None,
) -> None:
    """Montre les documents dont le patient est à désigner, ou le désigne."""
    from pipeline import terminal
    from pipeline.reimport.assignment import Policy
    from pipeline.reimport.sending import choose, questions, titles

    if (document is None) != (patient is None):
        raise UsageError("Donnez --document et --patient ensemble.")
    access = _access(user, password, token, client_id, key, key_id, scope)
    target = _target(to, certificates, access, token_url)
    if document is not None and patient is not None:
        reference = None if patient == "nouveau" else patient
        decided = choose(out, target, document, reference, who)
        typer.echo(f"Décision enregistrée pour {len(decided)} document(s) de cette identité.")
        return
    asked = [one for one in questions(out, target, Policy(who=who)) if one.decision is None]
    if not asked:
        typer.echo("Le patient de chaque document est désigné.")
        return
    terminal.print_questions(asked, titles(out))
    typer.echo("Pour désigner : --document ID --patient Patient/… (ou « nouveau »).")


@app.command()
def unsend(
    out: Out,
    to: Url,
    batch: Annotated[str | None, typer.Option(help="Lot à reprendre ; sinon tout.")] = None,
    user: User = None,
    password: Password = None,
    token: Token = None,
    client_id: ClientId = None,
    token_url: TokenUrl = None,
    key: Key = None,
    key_id: KeyId = None,
    scope: Scope = SCOPE,
    certificates: Certificates = None,
) -> None:
    """Retire du serveur ce qui a été envoyé, d'après les reçus, si personne n'y a touché."""
    from pipeline import terminal
    from pipeline.reimport.withdrawing import unsend as withdraw

    access = _access(user, password, token, client_id, key, key_id, scope)
    target = _target(to, certificates, access, token_url)
    receipts = withdraw(out, target, batch=batch, on_wait=terminal.waiting)
    if not receipts:
        typer.echo("Rien de ce dossier ne se trouve à cette adresse.")
        return
    terminal.print_receipts(receipts)
    if any(receipt.delivery.value != "withdrawn" for receipt in receipts):
        raise typer.Exit(ReimportError.exit_status)


@app.command()
def export(
    out: Out,
    kind: Annotated[
        str, typer.Option("--as", metavar="FORMAT", help="ndjson, transactions ou xdm.")
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Dossier vide ou nouveau.")],
) -> None:
    """Écrit les dossiers validés en fichiers, pour un logiciel sans porte FHIR."""
    from typing import get_args

    from pipeline.reimport.export import Kind
    from pipeline.reimport.export import export as write

    chosen: Kind | None = next((one for one in get_args(Kind) if one == kind), None)
    if chosen is None:
        raise UsageError("--as veut ndjson, transactions ou xdm.")
    exported = write(out, chosen, to)
    typer.echo(f"{len(exported.files)} fichiers, {len(exported.left_out)} documents laissés.")
    for left in exported.left_out:
        typer.echo(f"{left.document} : {left.sentence}", err=True)
    if exported.left_out:
        raise typer.Exit(BundleError.exit_status)


def _access(
    user: str | None,
    password: str | None,
    token: str | None,
    client_id: str | None,
    key: Path | None,
    key_id: str | None,
    scope: str,
) -> Authentication | None:
    """One way of authentication, or none; a half-given one is an error."""
    from pipeline.reimport.authentication import BackendServices, Basic, Bearer

    if sum(value is not None for value in (user, token, client_id)) > 1:
        raise UsageError("Choisissez une seule authentification.")
    if client_id is not None:
        if key is None or key_id is None:
            raise UsageError("Donnez --key et --key-id avec --client-id.")
        return BackendServices(client_id, "", _read_text(str(key)), key_id, scope)
    if token is not None:
        return Bearer(token)
    if user is not None:
        if password is None:
            raise UsageError("Donnez le mot de passe (REPRISE_TARGET_PASSWORD) avec --user.")
        return Basic(user, password)
    return None


def _target(
    to: str, certificates: Path | None, access: Authentication | None, token_url: str | None
) -> Target:
    """The server, with where to ask for tokens there when `access` needs one."""
    from pipeline.reimport.authentication import BackendServices
    from pipeline.reimport.client import Client, Target

    trusted = None if certificates is None else str(certificates)
    if isinstance(access, BackendServices):
        if token_url is None:
            with Client(Target(to, None, trusted)) as client:
                token_url = client.token_url()
        access = replace(access, token_url=token_url)
    return Target(to, access, trusted)


def _write_json(target: str, content: object) -> None:
    """JSON to a file, or to the standard output for `-`."""
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        Path(target).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
