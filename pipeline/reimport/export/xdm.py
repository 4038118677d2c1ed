"""IHE_XDM.ZIP of one document, and beside it what the mail that carries it needs.

Names of files and folders say nothing of the patient; what the mail's subject and attachment
are to be called stands inside MESSAGE.TXT.
"""

from __future__ import annotations

import base64
import io
import re
import unicodedata
import zipfile
from html import unescape
from pathlib import Path
from typing import Any, Final

import pipeline
from pipeline.config import Settings
from pipeline.errors import ReimportError
from pipeline.fhir import systems
from pipeline.imaging.decoding import decode
from pipeline.model import Page
from pipeline.reimport.export.cda import cda
from pipeline.reimport.export.header import Header, header
from pipeline.reimport.export.metadata import metadata
from pipeline.reimport.export.pdfa import Passage, Sheet, pdf_a
from pipeline.reimport.export.writing import Folder
from pipeline.store.ledger import Ledger, page_of

Json = dict[str, Any]

SUBSET: Final = "IHE_XDM/SUBSET01/"
DOCUMENT: Final = "DOC0001.XML"
# Sections of the Composition that the scan itself shows already.
_NOT_VALUES: Final = frozenset({"Texte lu", "Original numérisé"})
_TYPE_LENGTH: Final = 40


class ReadingMissing(ReimportError):
    """The ledger no longer knows how the pages of a validated document were read."""

    code = "lecture-absente"
    sentence = "La lecture des pages n'est plus dans ce dossier : relancez « reprise run »."


def write_xdm(out: Path, document: str, bundle: Json, folder: Folder) -> None:
    """Write the package of a validated `document` to a folder of its name.

    Raises `HeaderIncomplete` or `ReadingMissing`, and the `InputError` of an original that can
    no longer be decoded; nothing is written then.
    """
    said = header(bundle)
    pdf = pdf_a(said.title, _sheets(out, bundle), _passages(bundle, said))
    package = xdm(said, cda(said, pdf))
    folder.write(f"{document}/IHE_XDM.ZIP", package)
    folder.write(f"{document}/DOCUMENT.PDF", pdf)
    folder.write(f"{document}/MESSAGE.TXT", _message(said).encode())


def xdm(said: Header, document: bytes) -> bytes:
    """The zip around a CDA document; the same content gives the same bytes."""
    files = {
        "README.TXT": _readme(said).encode(),
        "INDEX.HTM": _index(said).encode(),
        f"{SUBSET}METADATA.XML": metadata(said, document, DOCUMENT),
        f"{SUBSET}{DOCUMENT}": document,
    }
    made = said.validated.timetuple()[:6]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name in ("IHE_XDM/", SUBSET):
            package.writestr(zipfile.ZipInfo(name, made), b"")
        for name, data in files.items():
            info = zipfile.ZipInfo(name, made)
            info.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(info, data)
    return buffer.getvalue()


# --- what the PDF shows ---------------------------------------------------------------------


def _sheets(out: Path, bundle: Json) -> list[Sheet]:
    """The document's pages: decoded from the bytes in the Bundle, read as the ledger has it."""
    scan = next(
        entry["resource"]
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == "DocumentReference"
    )
    contents = [content["attachment"] for content in scan["content"]]
    pages = next(one for one in contents[0]["extension"] if one["url"] == systems.PAGES)
    numbers = [part["valuePositiveInt"] for part in pages["extension"] if part["url"] == "page"]
    # An excerpt holds this document's pages only, counted from 1.
    places = numbers if len(contents) == 1 else range(1, len(numbers) + 1)
    attachment = contents[-1]
    data = _bytes(bundle, attachment)
    sha256 = next(
        one["value"].removeprefix("sha256-")
        for one in scan["identifier"]
        if one["system"] == systems.SCAN_NAMES
    )
    read = _pages(out, sha256)
    if not all(number in read for number in numbers):
        raise ReadingMissing
    settings = Settings()
    return [
        Sheet(decode(data, attachment["contentType"], place, settings), read[number])
        for number, place in zip(numbers, places, strict=True)
    ]


def _bytes(bundle: Json, attachment: Json) -> bytes:
    if "data" in attachment:
        return base64.b64decode(attachment["data"])
    binary = next(
        entry["resource"] for entry in bundle["entry"] if entry["fullUrl"] == attachment["url"]
    )
    return base64.b64decode(binary["data"])


def _pages(out: Path, sha256: str) -> dict[int, Page]:
    path = out / "ledger.sqlite"
    if not path.is_file():
        raise ReadingMissing
    ledger = Ledger(path)
    try:
        read = (page_of(row) for row in ledger.pages(sha256))
        return {page.number: page for page in read if page is not None}
    finally:
        ledger.close()


def _passages(bundle: Json, said: Header) -> list[Passage]:
    """What was validated, in the words of the Composition; first who it is about."""
    composition = next(
        entry["resource"]
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == "Composition"
    )
    subject, author = said.subject, said.author
    names = [f"{subject.used_family} {subject.used_given}".strip()] if subject.used_family else []
    if subject.birth_family:
        given = " ".join(subject.birth_given)
        names.append(f"Nom de naissance : {subject.birth_family} {given}".strip())
    passages = [
        Passage("Patient", (*names, f"Date de naissance : {subject.birth_date:%d/%m/%Y}")),
        Passage(
            "Prescripteur",
            (f"{author.prefix} {author.given} {author.family}".strip(), f"RPPS {author.rpps}"),
        ),
    ]
    for section in composition.get("section", ()):
        if section.get("title") not in _NOT_VALUES:
            passages.append(Passage(section.get("title", ""), tuple(_lines(section))))
    when = f"{said.validated:%d/%m/%Y à %H:%M (%Z)}"
    passages.append(Passage("Relecture", (f"Validé par {said.validator} le {when}.",)))
    return passages


def _lines(section: Json) -> list[str]:
    """The narrative of a section and of those in it, a line per paragraph."""
    div = section.get("text", {}).get("div", "")
    lines = [
        unescape(re.sub(r"<[^>]+>", "", part)).strip()
        for part in re.split(r"</p>|</li>|</tr>|<br\s*/>", div)
    ]
    for inner in section.get("section", ()):
        lines += [inner.get("title", ""), *_lines(inner)]
    return [line for line in lines if line]


# --- what people read -----------------------------------------------------------------------


def _readme(said: Header) -> str:
    lines = (
        "Document de santé au format IHE XDM",
        "",
        f"Émetteur : {said.practice.name}",
        f"Logiciel : Reprise {pipeline.__version__}",
        "",
        "Ouvrez INDEX.HTM dans un navigateur, ou importez cette archive dans votre logiciel.",
        "",
        "INDEX.HTM                       page d'accueil",
        "README.TXT                      ce fichier",
        "IHE_XDM/SUBSET01/METADATA.XML   fiche du document (empreinte SHA-1, taille)",
        "IHE_XDM/SUBSET01/DOC0001.XML    document CDA R2, le PDF/A à l'intérieur",
    )
    return "\r\n".join((*lines, ""))


def _index(said: Header) -> str:
    kind = _escaped(said.type.display)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML Basic 1.1//EN" '
        '"http://www.w3.org/TR/xhtml-basic/xhtml-basic11.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="fr">\n'
        "<head><title>Document de santé</title></head>\n"
        f"<body><h1>Document de santé</h1><p>Émetteur : {_escaped(said.practice.name)}</p>\n"
        f'<ul><li><a href="{SUBSET}{DOCUMENT}">{kind}</a></li>\n'
        '<li><a href="README.TXT">Lisez-moi</a></li></ul></body></html>\n'
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _message(said: Header) -> str:
    """What a secure mail must be called; its subject and attachment name the patient by rule."""
    subject = said.subject
    family = subject.birth_family or subject.used_family
    given = subject.birth_given[0] if subject.birth_given else subject.used_given
    kind = _file_part(said.type.display)[:_TYPE_LENGTH].rstrip("-")
    attachment = f"{said.day:%Y%m%d}_{kind}_{_file_part(family).upper()}_{_file_part(given)}.pdf"
    born = f"{subject.birth_date:%d/%m/%Y}"
    lines = (
        f"Objet : XDM/1.0/DDM+{said.type.display} {family} {given} [{born}]",
        "X-MSS-INS : N",
        "Pièce jointe 1 : IHE_XDM.ZIP",
        f"Pièce jointe 2 : DOCUMENT.PDF, à renommer {attachment}",
    )
    return "\r\n".join((*lines, ""))


def _file_part(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")
