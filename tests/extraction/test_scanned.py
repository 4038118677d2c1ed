"""What is doubted because it was read from ink: a misread one is likelier than such a number."""

from __future__ import annotations

import datetime as dt

import pytest

from pipeline.config import Settings
from pipeline.extraction.evidence import document_from_text
from pipeline.extraction.pipeline import extract
from pipeline.model import Extraction, State

HEAD = "Dr Alain FOURNEL\nMédecine générale\n\nMme ROY Zoé, née le 12/03/1986\nle 12/11/2026\n\n"


def _scanned(text: str) -> Extraction:
    """`text` extracted as if Tesseract had read it from a scan."""
    document = document_from_text(HEAD + text)
    pages = tuple(
        page.model_copy(
            update={
                "lines": tuple(
                    line.model_copy(update={"engine": "tesseract 5.3"}) for line in page.lines
                )
            }
        )
        for page in document.pages
    )
    read = document.model_copy(update={"pages": pages})
    return extract(read, Settings(), dt.date(2026, 11, 23))


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("LASILIX 40 mg\n1 cp à midi, QSP 1 mois", State.SURE),
        ("LASILIX 40 mg\n3 cp à midi, QSP 1 mois", State.SURE),
        ("LASILIX 40 mg\n7 cp à midi, QSP 1 mois", State.DOUBTFUL),
        ("SPECIAFOLDINE 0,4 mg\n4-0-0", State.DOUBTFUL),
        ("VENTOLINE 100 µg\n2 bouffées si gêne", State.SURE),
        ("VENTOLINE 100 µg\n7 bouffées si gêne", State.DOUBTFUL),
        ("IBUPROFENE 400 mg\ncp matin et soir pendant 14 jours", State.DOUBTFUL),
        ("TOBREX 0,3 %\n8 gouttes le soir", State.SURE),
    ],
)
def test_a_number_that_nobody_takes_at_once_is_doubted(text: str, state: State) -> None:
    (line,) = _scanned(f"Ordonnance\n\n{text}\n").medications
    assert line.dosage is not None
    assert line.dosage.state is state


def test_what_was_born_as_text_is_taken_at_its_word() -> None:
    found = extract(
        document_from_text(HEAD + "Ordonnance\n\nNOVATREX 2,5 mg\n6 cp le lundi\n"), Settings()
    )
    (line,) = found.medications
    assert line.dosage is not None
    assert line.dosage.state is State.SURE


@pytest.mark.parametrize(("weight", "state"), [("17", State.DOUBTFUL), ("77", State.SURE)])
def test_a_weight_is_held_against_the_age(weight: str, state: State) -> None:
    found = _scanned(f"Consultation\n\nExamen : poids {weight} kg, TA 12/8\n")
    (value,) = (one.value for one in found.measurements if one.key == "weight")
    assert value is not None
    assert value.state is state


def test_no_line_of_a_prescription_is_left_out() -> None:
    found = _scanned(
        "Ordonnance\n\n3) UVEDOSE 100000 UI\n1 ampoule par mois\nY LANTUS 100 UI/mL sty\n"
        "14 UI matin et 10 UI le soir\n5) Zymad 100000 UI\n1 ampoule par mois\n"
    )
    names = [line.drug.value.name for line in found.medications if line.drug.value]
    assert names == ["UVEDOSE", "LANTUS", "ZYMAD"]
