"""Sentences that a column broke over two rows, read as one."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from pipeline.model import Extraction, Medication, Quantity

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


def test_names_and_birth_dates_broken_over_two_rows(extracted: Extracted) -> None:
    for block, family, given, born, birth_family in (
        ("NGUYEN VAN Chloé Louise (née\nSAINT-MARTIN)\nnée le 29.04.1984",
         "NGUYEN VAN", ("Chloé", "Louise"), "1984-04-29", "SAINT-MARTIN"),
        ("Concerne : Mme Yasmine\nMOREAU-LACROIX (née GAILLARD)\nNé(e) le : 04/01/2000",
         "MOREAU-LACROIX", ("Yasmine",), "2000-01-04", "GAILLARD"),
        ("Mme CASTELLI Agathe, née le 22\nseptembre 1940", "CASTELLI", ("Agathe",),
         "1940-09-22", ""),
        ("Patient Mme BESSON Jeanne, née\nle 27/08/1986", "BESSON", ("Jeanne",), "1986-08-27", ""),
        ("Mme NOËL Zoé (née BEN\nAMAR)\nnée le 25.04.1978", "NOËL", ("Zoé",), "1978-04-25",
         "BEN AMAR"),
    ):  # fmt: skip
        patient = extracted(f"Dr Alain FOURNEL\nMédecine générale\n\n{block}\n").patient
        names = {one.value.use: one.value for one in patient.names if one.value is not None}
        assert (names["usual"].family, names["usual"].given) == (family, given), block
        assert patient.birth_date is not None and str(patient.birth_date.value) == born
        official = names.get("official")
        assert (official.family if official else "") == birth_family


def test_rows_that_end_with_a_name_are_not_joined_with_another_field(
    extracted: Extracted,
) -> None:
    patient = extracted("Mme MARTIN Sophie\nPaul Durand, infirmier\n").patient
    assert patient.names[0].value is not None and patient.names[0].value.given == ("Sophie",)


def test_dosage_in_a_column_of_its_own_may_have_a_title(extracted: Extracted) -> None:
    (medication,) = extracted(
        "ORDONNANCE\n\n"
        "1) ACUPAN 20 mg ampoule        Posologie : 1 amp. x 2/j si besoin, sans dépasser 4\n"
        "                               par jour\n"
    ).medications
    assert medication.dosage is not None and medication.dosage.value is not None
    (dosage,) = medication.dosage.value
    assert dosage.as_needed and dosage.max_dose is not None


def test_a_dosage_with_its_title_is_no_medicine(extracted: Extracted) -> None:
    found = extracted("Ordonnance\n\nACUPAN 20 mg\nPosologie : 1 ampoule 3x/jour si douleurs\n")
    (medication,) = found.medications
    assert medication.dosage is not None and medication.dosage.value is not None


def test_a_value_on_the_row_below_its_label(extracted: Extracted) -> None:
    found = extracted(
        "Note de consultation\n\nMotif : toux. Examen clinique : TA : 10/6 - 38°0. SaO2 :\n"
        "95 % - FR 22. Abdomen souple.\n"
    )
    assert "spo2" in {one.key for one in found.measurements}


def test_numbered_and_arrowed_medicines_open_rows_of_their_own(extracted: Extracted) -> None:
    """The row above one may be the longest of the page, or end in a length of time."""
    for first, second in [("1 - ", "2 - "), ("→ ", "→ ")]:
        one, other = extracted(
            f"Ordonnance\n\n{first}FOSAMAX 70 mg\n"
            "1 cp 1 fois par semaine le lundi, qsp 1 mois, AR 2\n"
            f"{second}MACROGOL 10 g\n1 à 2 sachets par jour si douleurs pendant 3 j\n"
        ).medications
        assert one.drug.value is not None and other.drug.value is not None
        assert (one.drug.value.name, other.drug.value.name) == ("FOSAMAX", "MACROGOL 4000")
        assert _repeats(one) == 2 and _repeats(other) is None
        assert one.dosage is not None and other.dosage is not None


def test_a_line_goes_on_behind_page_number_and_running_head(extracted: Extracted) -> None:
    found = extracted(
        "Dr Claire DELAUNAY\nMédecine générale\n\nMme AUBERT Marie\n\nOrdonnance\n\n"
        "FOSAMAX 70 mg cp\n1/2\fDr Claire Delaunay - AUBERT Marie\n"
        "1 cp une fois par semaine, le dimanche\n2/2\n"
    )
    (medication,) = found.medications
    assert medication.dosage is not None and medication.dosage.value is not None
    (dosage,) = medication.dosage.value
    assert dosage.timing is not None and dosage.timing.day_of_week == ("sun",)
    assert isinstance(dosage.dose, Quantity) and dosage.dose.value == 1
    assert all("Claire" not in one.text.evidence.text for one in found.conditions)


def test_half_a_tablet_on_the_last_row_is_no_page_number(extracted: Extracted) -> None:
    (medication,) = extracted("Ordonnance\n\nLEXOMIL 6 mg\n1/4 le soir\n").medications
    assert medication.dosage is not None and medication.dosage.value is not None
    (dosage,) = medication.dosage.value
    assert isinstance(dosage.dose, Quantity) and dosage.dose.value == Decimal("0.25")
