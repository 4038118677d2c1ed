"""Letterheads and patient's blocks as practices lay them out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.model import Extraction

Extracted = Callable[[str], Extraction]
HEAD = "Dr Alain FOURNEL\nMédecine générale\nRPPS : 10990520172\n\n"
BODY = "\nOrdonnance\n\nAMLOR 5 mg\n1 gélule le matin\n\nDr Alain FOURNEL\n"


@pytest.mark.parametrize(
    "block",
    [
        "NOM              MOREAU-LACROIX\nPRÉNOM           Zoé\nDDN              03/06/1966\n",
        "Nom, prénom      MOREAU-LACROIX, Zoé\nNée le           03/06/1966\n",
        "Nom et prénom MOREAU-LACROIX Zoé\nDate de naissance 03/06/1966\n",
        "Identité MOREAU-LACROIX Zoé\nNée le 03-06-1966 - 60 ans\n",
        "Patient(e) : Mme MOREAU-LACROIX Zoé\nDDN : 03/06/1966 (60 ans)\n",
        "Madame Zoé MOREAU-LACROIX\n60 ans, née le 03/06/1966\n",
        "Nom d'usage : MOREAU-LACROIX       Née le 03/06/1966\nPrénom : Zoé       Âge : 60 ans\n",
    ],
)
def test_patients_in_tables_columns_and_fields(extracted: Extracted, block: str) -> None:
    found = extracted(f"{HEAD}{block}\nValbourg, 12/11/2026\n{BODY}")
    (name,) = (one.value for one in found.patient.names)
    assert name is not None
    assert (name.family, name.given) == ("MOREAU-LACROIX", ("Zoé",))
    assert found.patient.birth_date is not None
    assert str(found.patient.birth_date.value) == "1966-06-03"
    assert found.date is not None and str(found.date.value) == "2026-11-12"
    assert [one.drug.value.name for one in found.medications if one.drug.value] == ["AMLOR"]


@pytest.mark.parametrize(
    "dateline",
    [
        "Saint-Rémy-les-Ormes, le mercredi 12 novembre 2025",
        "Valbourg, 12/11/2025",
        "Hautmarais - 12/11/2025",
        "Fait à Valbourg, le 12/11/2025",
    ],
)
def test_a_dateline_is_no_medicine(extracted: Extracted, dateline: str) -> None:
    found = extracted(f"{HEAD}Mme ROY Zoé\nN° Facturation 99 1 92054 2\n\n{dateline}\n{BODY}")
    assert [one.drug.value.name for one in found.medications if one.drug.value] == ["AMLOR"]
    assert found.date is not None and str(found.date.value) == "2025-11-12"


def test_the_number_is_that_of_the_doctor_who_signs(extracted: Extracted) -> None:
    found = extracted(
        "Dr Valérie Roussel                    Dr Jeanne HERVIEU\n"
        "Médecine générale                     Médecine générale\n"
        "Diplômée de Lyon                      RPPS : 10990000019\n"
        "N° RPPS 10992525955\n\n"
        "Mme ROY Zoé, née le 12/03/1988\n\nle 12/11/2026\n\nAMLOR 5 mg\n1 gélule le matin\n\n\n"
        "Dr Valérie Roussel\n"
    )
    assert found.prescriber.name is not None and found.prescriber.name.value is not None
    assert found.prescriber.name.value.family == "Roussel"
    assert found.prescriber.rpps is not None
    assert found.prescriber.rpps.value == "10992525955"


def test_a_colleagues_number_is_nobodys_else(extracted: Extracted) -> None:
    found = extracted(
        "Dr Valérie Roussel                    Dr Jeanne HERVIEU\n"
        "Médecine générale                     Médecine générale\n"
        "Diplômée de Lyon                      RPPS : 10990000019\n\n"
        "Mme ROY Zoé, née le 12/03/1988\n\nle 12/11/2026\n\nAMLOR 5 mg\n1 gélule le matin\n\n\n"
        "Dr Valérie Roussel\n"
    )
    assert found.prescriber.rpps is None


def test_a_number_with_its_unit_is_a_strength(extracted: Extracted) -> None:
    (medication,) = extracted(
        f"{HEAD}Mme ROY Zoé\n\nOrdonnance\n\nMACROGOL 4000 mg : 1 sachet par jour\n"
    ).medications
    assert medication.strength is not None and medication.strength.value is not None
    assert [int(part.value) for part in medication.strength.value.parts] == [4000]


def test_a_dip_stick_is_no_medicine(extracted: Extracted) -> None:
    found = extracted(
        f"{HEAD}Mme ROY Zoé\n\nConsultation de grossesse\n\n13 SA\nAlbumine + - Sucre 0\n"
    )
    assert found.medications == ()
