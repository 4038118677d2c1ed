"""`reprise extract`: any text to a draft, or one clear sentence that says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline import cli
from pipeline.extraction.evidence import document_from_text


def extract(*arguments: str, given: str | None = None) -> tuple[int, str]:
    run = CliRunner().invoke(cli.app, ["extract", *arguments], input=given)
    return run.exit_code, run.stdout + (str(run.exception) if run.exception else "")


def requests(bundle: dict[str, object]) -> list[dict[str, Any]]:
    entries = bundle["entry"]
    assert isinstance(entries, list)
    resources = [entry["resource"] for entry in entries]
    return [one for one in resources if one["resourceType"] == "MedicationRequest"]


def test_a_bare_prescription_line_is_a_medication_request() -> None:
    status, said = extract("--text", "-", given="Doliprane 1 g 1 cp x 3/j pdt 5 j")
    assert status == 0
    (request,) = requests(json.loads(said))
    (dosage,) = request["dosageInstruction"]
    repeat = dosage["timing"]["repeat"]
    assert (repeat["frequency"], repeat["period"], repeat["periodUnit"]) == (3, 1, "d")
    assert dosage["doseAndRate"][0]["doseQuantity"]["value"] == 1


@pytest.mark.parametrize(
    ("line", "name"),
    [("N0vorapid 6-8-6", "NOVORAPID"), ("L0catop 1 foi5/j 5j", "LOCATOP")],
)
def test_a_misread_line_by_itself_is_a_prescription_line(line: str, name: str) -> None:
    status, said = extract("--text", "-", given=line)
    assert status == 0
    (request,) = requests(json.loads(said))
    assert request["medicationCodeableConcept"]["text"] == name


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour, merci de votre visite.",
        "?",
        "12/7",
        "\u0000\u0001\ufffd",
        "👩‍⚕️ 3 cp",
        "TA TA TA 13/8/7 /j x x x",
        "<script>alert(1)</script>",
    ],
)
def test_any_text_makes_a_draft(text: str) -> None:
    status, said = extract("--text", "-", given=text)
    assert status == 0, said
    assert json.loads(said)["resourceType"] == "Bundle"


@pytest.mark.parametrize("text", ["", "  \n\n\t\n"])
def test_a_text_of_nothing_is_said_to_be_empty(text: str) -> None:
    status, said = extract("--text", "-", given=text)
    assert status != 0
    assert "Le texte est vide" in said


def test_a_text_too_long_is_refused_with_its_limit() -> None:
    status, said = extract("--text", "-", given="Doliprane 1 g\n" * 20_000)
    assert status != 0
    assert "trop long" in said
    assert "200000" in said


def test_a_file_that_is_no_text_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "page.bin").write_bytes(b"\xff\xfe\x00\x81")
    status, said = extract("--text", str(tmp_path / "page.bin"))
    assert status != 0
    assert "UTF-8" in said


def test_every_line_has_an_answer() -> None:
    status, said = extract("--lines", "-", given="Doliprane 1 g matin\n\nTA 13/8\n")
    kinds = [json.loads(line)["resourceType"] for line in said.splitlines()]
    assert (status, kinds) == (0, ["Bundle", "OperationOutcome", "Bundle"])


def test_a_very_wide_row_goes_on_in_the_next() -> None:
    (page,) = document_from_text("Doliprane 1 g 1 cp matin " * 400).pages
    assert len(page.lines) > 1
    assert sum(len(line.words) for line in page.lines) == 2400
    (page,) = document_from_text("a" * 10_000).pages
    assert max(word.box.width for line in page.lines for word in line.words) <= 2_000
