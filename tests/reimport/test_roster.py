"""Lists of patients as practices export them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pipeline.fhir import systems
from pipeline.model import Sex
from pipeline.reimport.client import Client, Target
from pipeline.reimport.errors import RosterColumns, RosterUnreadable
from pipeline.reimport.matching import Traits
from pipeline.reimport.roster import keep_roster, kept_roster, read_roster, search_roster
from tests.reimport.server import FhirServer

ROWS = (
    [
        "N° dossier",
        "Nom de naissance",
        "Nom d'usage",
        "Prénom(s)",
        "Né(e) le",
        "Sexe",
        "N° sécurité sociale",
    ],
    ["P-1", "Exemplaire", "Dupré", "Zoé Anne", "17-03-1984", "F", "2 84 03 99 123 456 42"],
    ["P-2", "Fictif", "", "Hugues", "1990-12-01", "Masculin", ""],
)
LOCAL = f"Patient?identifier={systems.LOCAL_PATIENT_NAMES}|"
NUMBER = f"Patient?identifier={systems.NIR}|"


def table(delimiter: str, rows: tuple[list[str], ...] = ROWS) -> str:
    return "\r\n".join(delimiter.join(cells) for cells in rows) + "\r\n"


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_any_hand(delimiter: str, encoding: str) -> None:
    result = read_roster(table(delimiter).encode(encoding))
    assert result.left_out == ()
    first, second = result.patients
    assert first.traits == Traits(
        birth_families=("Exemplaire",),
        used_families=("Dupré",),
        given=("Zoé", "Anne"),
        sex=Sex.FEMALE,
        birth_date=dt.date(1984, 3, 17),
        nir="284039912345642",
        numbers=("P-1",),
    )
    assert first.reference == LOCAL + "P-1"
    assert (second.traits.sex, second.traits.birth_date) == (Sex.MALE, dt.date(1990, 12, 1))


@pytest.mark.parametrize(
    ("heading", "row", "reference"),
    [
        ("id fhir;nom;prenom;ddn", "Patient/7;A;B;01/02/1990", "Patient/7"),
        ("id fhir;nom;prenom;ddn", "7;A;B;01/02/1990", "Patient/7"),
        ("ipp;nom;prénom;date naissance", "1+2;A;B;01021990", LOCAL + "1%2B2"),
        ("NIR;NOM;PRÉNOM;NÉ LE", "2840399123456;A;B;1.2.1990", NUMBER + "2840399123456"),
    ],
)  # fmt: skip
def test_what_leads_to_the_record(heading: str, row: str, reference: str) -> None:
    (patient,) = read_roster(f"{heading}\n{row}\n".encode()).patients
    assert patient.reference == reference


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("P-1;;Zoé;17/03/1984;", "le nom manque"),
        ("P-1;Fictif;Zoé;31/02/1984;", "la date de naissance est illisible"),
        ("P-1;Fictif;Zoé;17/03/84;", "la date de naissance est illisible"),
        (
            "P-1;Fictif;Zoé;17/03/1984;12345",
            "le numéro de sécurité sociale n'a ni 13 ni 15 chiffres",
        ),
        (";Fictif;Zoé;17/03/1984;", "rien ne mène au dossier : ni identifiant ni numéro"),
    ],
)
def test_rows_that_cannot_be_used_are_told(row: str, reason: str) -> None:
    result = read_roster(f"ipp;nom;prénom;date de naissance;nir\n\n{row}\n".encode())
    assert result.patients == ()
    assert [(left.line, left.reason) for left in result.left_out] == [(3, reason)]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", RosterUnreadable),
        (b"PK\x03\x04\x00\x00\x00", RosterUnreadable),
        (b"\x81\x8d", RosterUnreadable),
        (b"nom;age\nA;3\n", RosterColumns),
        ("nom;prénom;date de naissance\nA;B;01/01/1990\n".encode(), RosterColumns),
    ],
)
def test_files_that_are_no_list(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_roster(data)


def test_a_list_is_kept(tmp_path: Path) -> None:
    assert kept_roster(tmp_path) == ()
    patients = read_roster(table(";").encode()).patients
    keep_roster(tmp_path, patients)
    assert kept_roster(tmp_path) == patients
    (tmp_path / "roster.json").write_text("[{]", encoding="utf-8")
    with pytest.raises(RosterUnreadable):
        kept_roster(tmp_path)


def test_the_server_itself_is_a_list() -> None:
    server = FhirServer()
    people = [("Fictif", "1984-03-17"), ("Autre", "1984-03-17"), ("Loin", "1950-01-01")]
    for number, (family, born) in enumerate(people):
        server._put(
            f"Patient/{number}",
            {"resourceType": "Patient", "name": [{"family": family}], "birthDate": born},
        )
    server.edit("Patient/1", active=False)
    with Client(Target("http://127.0.0.1/fhir"), transport=server.transport()) as client:
        paper = Traits(used_families=("Fictif",), birth_date=dt.date(1984, 3, 17))
        found = search_roster(client, [paper, paper])
    assert [patient.reference for patient in found] == ["Patient/0"]
