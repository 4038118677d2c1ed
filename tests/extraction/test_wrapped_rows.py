"""Sentences that a column broke over two rows, read as one."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.model import Extraction, Medication

Extracted = Callable[[str], Extraction]


def _months(medication: Medication) -> str:
    found = medication.supply_duration
    return "" if found is None or found.value is None else f"{found.value.value:f}"


def _repeats(medication: Medication) -> int | None:
    return None if medication.repeats is None else medication.repeats.value


def test_renewal_on_the_next_row_belongs_to_its_own_medicine(extracted: Extracted) -> None:
    one, other = extracted(
        "Ordonnance\n\nMONAZOL 300 mg\n   1 ovule au coucher pendant 1 jour\n"
        "GAVISCON 500 mg/267 mg sachets\n"
        "   1 sachet matin midi et soir après les repas, pour 1 mois, à\n   renouveler 1 fois\n"
    ).medications
    assert (_repeats(one), _repeats(other)) == (None, 1)


def test_second_row_of_a_column_goes_on_with_the_one_above_it(extracted: Extracted) -> None:
    one, other = extracted(
        "Ordonnance\n\n"
        "OPTIMIZETTE 75 µg          1 comprimé par jour\n"
        "GAVISCON 500 mg/267 mg     1 sachet matin, midi et soir après les repas,\n"
        "                           pour 1 mois, à renouveler 5 fois\n"
    ).medications
    assert (_months(one), _repeats(one)) == ("", None)
    assert (_months(other), _repeats(other)) == ("1", 5)


def test_unit_of_a_duration_on_the_next_row(extracted: Extracted) -> None:
    (medication,) = extracted(
        "Ordonnance\n\nIBUPROFENE 400 mg 1 comprimé 2 fois par jour pendant 5\njours\n"
    ).medications
    assert medication.dosage is not None and medication.dosage.value is not None
    timing = medication.dosage.value[0].timing
    assert timing is not None and timing.bounds is not None


def test_medicine_below_a_full_row_is_a_prescription_of_its_own(extracted: Extracted) -> None:
    found = extracted(
        "Ordonnance\n\nRAMIPRIL 10 mg comprimé 1/2 comprimé le soir, QSP 3 mois\n"
        "AMLOR 5 mg 1 gélule le matin\n"
    ).medications
    assert [one.drug.value.name for one in found if one.drug.value] == ["RAMIPRIL", "AMLOR"]


def test_next_visit_is_no_dosage(extracted: Extracted) -> None:
    found = extracted("Ordonnance\n\nDONORMYL 15 mg\n1 cp au coucher\nRevoir dans 2 semaines\n")
    (medication,) = found.medications
    assert medication.dosage is not None and "Revoir" not in medication.dosage.evidence.text
    assert medication.dosage.reasons == ()
