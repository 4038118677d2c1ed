"""The `reprise` command: thin verbs over the rooms.

Exit statuses: 0 done; 2 the command cannot be carried out; 3 done, with something in quarantine;
4 a bundle was refused; 5 something is missing on this machine; 6 the target refused.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline import __version__
from pipeline.config import Settings
from pipeline.errors import InputError, RepriseError, UsageError

# Verbs import their rooms when they run: `reprise --help` and each worker stay quick and small.

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Des feuilles numérisées aux dossiers FHIR R4, sans réseau.",
)

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
    from pipeline.extraction.evidence import document_from_text
    from pipeline.fhir.serialising import dumps
    from pipeline.runner import draft_from_document

    if (text is None) == (lines is None):
        raise UsageError("Donnez soit --text, soit --lines.")
    settings = Settings()
    source = text if text is not None else lines
    assert source is not None
    content = _read_text(source)
    for body in [content] if text is not None else content.splitlines():
        document = document_from_text(body)
        bundle = draft_from_document(document, body.encode(), settings).bundle
        typer.echo(dumps(bundle, indent=None if lines else 1))


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


if __name__ == "__main__":
    main()
