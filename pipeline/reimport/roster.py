"""The practice's list of patients, from a CSV export or from the target server itself.

Exports come in many hands: UTF-8 or Windows or UTF-16, semicolons, commas or tabs, headings of
every software. Columns are found by their names, folded; a row that cannot be used is reported
by its line number and never guessed at.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from pipeline.fhir import systems
from pipeline.model import Frozen, Sex
from pipeline.reimport.client import Client
from pipeline.reimport.errors import RosterColumns, RosterUnreadable
from pipeline.reimport.matching import KnownPatient, Traits, fold, known_patient
from pipeline.store.files import write_atomically

# Values in one search.
ASKED_AT_ONCE: Final = 20

# Field → headings it goes by in exports, folded.
HEADINGS: Final[Mapping[str, frozenset[str]]] = {
    "fhir": frozenset({"id fhir", "identifiant fhir", "fhir", "fhir id", "patient id fhir"}),
    "number": frozenset({
        "ipp", "numero de dossier", "n de dossier", "no dossier", "num dossier", "numero dossier",
        "n dossier", "code patient", "numero patient", "n patient", "identifiant", "id", "dossier",
    }),
    "nir": frozenset({
        "nir", "ins", "matricule ins", "numero de securite sociale", "n securite sociale",
        "no securite sociale", "n ss", "nss", "numero ss", "num secu", "securite sociale",
        "numero d assure", "immatriculation",
    }),
    "birth_family": frozenset({
        "nom de naissance", "nom naissance", "nom de jeune fille", "nom de famille", "nomnaissance",
        "nom patronymique", "nom jf",
    }),
    "used_family": frozenset({
        "nom d usage", "nom usage", "nom utilise", "nom marital", "nom d epouse", "nom usuel",
        "nomusage",
    }),
    "family": frozenset({"nom", "nom patient", "patient nom", "last name", "name", "family"}),
    "given": frozenset({
        "prenom", "prenoms", "premier prenom", "prenom s", "prenom de naissance", "first name",
        "prenom utilise", "prenom patient", "given",
    }),
    "birth_date": frozenset({
        "date de naissance", "date naissance", "ne le", "nee le", "ne e le", "naissance", "ddn",
        "datenaissance", "birth date", "birthdate", "date de naiss",
    }),
    "sex": frozenset({"sexe", "genre", "civilite", "sex", "gender", "titre"}),
}  # fmt: skip

_FEMALE: Final = frozenset({"f", "femme", "feminin", "female", "mme", "madame", "mlle", "2"})
_MALE: Final = frozenset({"m", "h", "homme", "masculin", "male", "monsieur", "mr", "1"})


class Row(Frozen):
    """A row of the list that was left out: its line in the file and the reason in French."""

    line: int
    reason: str


class RosterImport(Frozen):
    """What a list gave: its patients, the rows left out, and how the file was understood."""

    patients: tuple[KnownPatient, ...]
    left_out: tuple[Row, ...]
    encoding: str
    columns: Mapping[str, str]


def read_roster(data: bytes, number_system: str = systems.LOCAL_PATIENT_NAMES) -> RosterImport:
    """The patients in a CSV export; numbers of the practice belong to `number_system`.

    Raises `RosterUnreadable` for a file that is no such text, `RosterColumns` when there is no
    column for name, first name or birth date, or none that leads to a record.
    """
    text, encoding = _decode(data)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)))
    if not rows:
        raise RosterUnreadable
    columns = _columns(rows[0])
    patients: list[KnownPatient] = []
    left_out: list[Row] = []
    for line, cells in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        values = {
            field: cells[position].strip()
            for field, position in columns.items()
            if position < len(cells)
        }
        made = _patient(values, number_system)
        if isinstance(made, str):
            left_out.append(Row(line=line, reason=made))
        else:
            patients.append(made)
    return RosterImport(
        patients=tuple(patients),
        left_out=tuple(left_out),
        encoding=encoding,
        columns={field: rows[0][position].strip() for field, position in columns.items()},
    )


def search_roster(client: Client, patients: Sequence[Traits]) -> tuple[KnownPatient, ...]:
    """Patients of the target server that may be meant by `patients`, each once.

    Asks by NIR, by the practice's number, by birth date and by each name. Raises `ServerProblem`.
    """
    asked: dict[str, set[str]] = {"identifier": set(), "birthdate": set(), "family": set()}
    for traits in patients:
        if traits.nir:
            bare = traits.nir.replace(" ", "")
            asked["identifier"].update((bare, bare[:13]))
        asked["identifier"].update(traits.numbers)
        if traits.birth_date is not None:
            asked["birthdate"].add(traits.birth_date.isoformat())
        asked["family"].update(traits.families)
    found: dict[str, KnownPatient] = {}
    for query in _queries(asked):
        for resource in client.search(f"Patient?{query}&_count=100"):
            if resource.get("resourceType") == "Patient" and resource.get("active") is not False:
                known = known_patient(resource)
                found[known.reference] = known
    return tuple(found[reference] for reference in sorted(found))


def _queries(asked: Mapping[str, set[str]]) -> Iterator[str]:
    """One search for several values: a comma between them means "or", one inside is escaped."""
    for name, values in asked.items():
        escaped = [quote(value.replace(",", "\\,"), safe="") for value in sorted(values)]
        # HAPI takes one birth date at a time.
        many = 1 if name == "birthdate" else ASKED_AT_ONCE
        for start in range(0, len(escaped), many):
            yield f"{name}=" + ",".join(escaped[start : start + many])


_PATIENTS: Final = TypeAdapter(tuple[KnownPatient, ...])


def roster_path(out: Path) -> Path:
    return out / "roster.json"


def keep_roster(out: Path, patients: Sequence[KnownPatient]) -> None:
    """Keep the list in the output folder, for the sends to come."""
    write_atomically(roster_path(out), _PATIENTS.dump_json(tuple(patients), indent=1))


def kept_roster(out: Path) -> tuple[KnownPatient, ...]:
    """The list kept in the output folder, empty when none was imported.

    Raises `RosterUnreadable` when the file was damaged.
    """
    try:
        return _PATIENTS.validate_json(roster_path(out).read_bytes())
    except FileNotFoundError:
        return ()
    except ValidationError as damaged:
        raise RosterUnreadable from damaged


def _decode(data: bytes) -> tuple[str, str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text, encoding
    raise RosterUnreadable


def _delimiter(text: str) -> str:
    heading = text.partition("\n")[0]
    return max(";,\t|", key=heading.count)


def _columns(heading: Sequence[str]) -> dict[str, int]:
    columns: dict[str, int] = {}
    for position, title in enumerate(heading):
        folded = fold(title)
        for field, names in HEADINGS.items():
            if folded in names and field not in columns:
                columns[field] = position
    named = {"family", "birth_family", "used_family"} & columns.keys()
    led = {"fhir", "number", "nir"} & columns.keys()
    if not named or not {"given", "birth_date"} <= columns.keys():
        raise RosterColumns
    if not led:
        raise RosterColumns(
            "La liste des patients doit avoir une colonne qui mène au dossier : identifiant FHIR, "
            "numéro de dossier ou numéro de sécurité sociale."
        )
    return columns


def _patient(values: Mapping[str, str], number_system: str) -> KnownPatient | str:
    """A row's patient, or the reason in French why the row cannot be used."""
    family = values.get("family", "")
    birth_family = values.get("birth_family", "")
    used_family = values.get("used_family", "")
    # A bare "nom" beside a "nom d'usage" is the birth name, and the other way round.
    if family and not birth_family:
        birth_family = family
    elif family and not used_family:
        used_family = family
    if not (birth_family or used_family):
        return "le nom manque"
    written = values.get("birth_date", "")
    birth_date = _date(written)
    if written and birth_date is None:
        return "la date de naissance est illisible"
    nir = re.sub(r"[^0-9ABab]", "", values.get("nir", "")).upper()
    if nir and len(nir) not in {13, 15}:
        return "le numéro de sécurité sociale n'a ni 13 ni 15 chiffres"
    number = values.get("number", "")
    reference = _reference(values.get("fhir", ""), number, nir, number_system)
    if reference is None:
        return "rien ne mène au dossier : ni identifiant ni numéro"
    return KnownPatient(
        reference=reference,
        traits=Traits(
            birth_families=(birth_family,) if birth_family else (),
            used_families=(used_family,) if used_family else (),
            given=tuple(part for part in re.split(r"[\s,]+", values.get("given", "")) if part),
            sex=_sex(values.get("sex", "")),
            birth_date=birth_date,
            nir=nir or None,
            numbers=(number,) if number else (),
        ),
    )


def _reference(fhir: str, number: str, nir: str, number_system: str) -> str | None:
    if fhir:
        return f"Patient/{fhir.removeprefix('Patient/')}"
    if number:
        return f"Patient?identifier={quote(number_system, safe=':/.')}|{quote(number, safe='')}"
    if nir:
        return f"Patient?identifier={quote(systems.social_security(nir), safe=':/.')}|{nir}"
    return None


def _date(written: str) -> dt.date | None:
    """A birth date in French order or ISO; a two-digit year is not guessed at."""
    bare = written.strip().partition(" ")[0].partition("T")[0]
    for pattern in (r"(?P<d>\d{1,2})[/.-](?P<m>\d{1,2})[/.-](?P<y>\d{4})",
                    r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})",
                    r"(?P<d>\d{2})(?P<m>\d{2})(?P<y>(?:18|19|20)\d{2})"):  # fmt: skip
        found = re.fullmatch(pattern, bare)
        if found:
            try:
                return dt.date(int(found["y"]), int(found["m"]), int(found["d"]))
            except ValueError:
                return None
    return None


def _sex(written: str) -> Sex | None:
    folded = fold(written)
    if folded in _FEMALE:
        return Sex.FEMALE
    return Sex.MALE if folded in _MALE else None
