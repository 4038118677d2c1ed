"""Letterheads and patient's blocks as practices lay them out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.config import Settings
from pipeline.extraction.evidence import document_from_text
from pipeline.extraction.pipeline import extract
from pipeline.model import Box, Extraction, Quantity, State

Extracted = Callable[[str], Extraction]
HEAD = "Dr Alain FOURNEL\nMédecine générale\nRPPS : 10990520172\n\n"
BODY = "\nOrdonnance\n\nAMLOR 5 mg\n1 gélule le matin\n\nDr Alain FOURNEL\n"


@pytest.mark.parametrize(
    "block",
    [
        "NOM              MOREAU-LACROIX\nPRÉNOM           Zoé\nDDN              03/06/1966\n",
        "Nom, prénom      MOREAU-LACROIX, Zoé\nNée le           03/06/1966\n",
        "Identité MOREAU-LACROIX Zoé, DD N 03/06/1966, Âge 60 ans\n",
        "NOM MOREAU-LACROIX - PRÉNOM Zoé - DDN 03/06/1966\n",
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


def test_who_works_at_the_practice_is_no_patient(extracted: Extracted) -> None:
    found = extracted(
        "Dr. Marc-Antoine Leroux\nMédecine générale\nMme Odile SENECHAL, infirmière\n"
        "RPPS : 10990520172\nTéléphone : 01 99 00 61 27\n\nLe 07/09/2026\n\n"
        "D'HERVÉ Gérard Jean-Baptiste\n\nCompte-rendu de consultation\nATCD : asthme\n"
    )
    assert [one.value.family for one in found.patient.names if one.value] == ["D'HERVÉ"]


def test_two_numbers_in_one_block_are_doubted(extracted: Extracted) -> None:
    found = extracted(
        "Dr. Marc-Antoine Leroux\nRPPS : 10990000019\nRPPS n° 10990520172\nMédecine générale\n\n"
        f"Mme ROY Zoé, née le 12/03/1988\n{BODY}"
    )
    assert found.prescriber.rpps is not None
    assert found.prescriber.rpps.state is State.DOUBTFUL


def test_a_few_letters_are_no_echo_of_the_letterhead(extracted: Extracted) -> None:
    found = extracted(
        "Dr Catherine FRANCK\nMédecine générale\n12 rue des Tilleuls\nRPPS : 10990520172\n\n"
        "Mme ROY Zoé, née le 12/03/1988\n\nConsultation\nMotif : fièvre\nTA 17,5/7,5 / 39°8\n"
        "FR 20\nDiagnostic : lombalgie commune\nCAT :\n2/ ELIQUIS 2,5 mg : 1 cp matin et soir\n"
    )
    values = {one.key: one.value for one in found.measurements}
    assert {"respiratory_rate", "temperature", "blood_pressure_panel"} <= values.keys()
    (panel,) = (one for one in found.measurements if one.key == "blood_pressure_panel")
    parts = [part.value.value for part in panel.components if part.value is not None]
    assert [part.value for part in parts if isinstance(part, Quantity)] == [175, 75]
    assert [one.text.value for one in found.conditions] == ["fièvre", "lombalgie commune"]


def test_services_on_a_letterhead_are_no_orders_and_no_title(extracted: Extracted) -> None:
    found = extracted(
        "Dr Alain FOURNEL\nMme Odile SENECHAL, infirmière\nÉchographie - ECG - Petite chirurgie\n"
        "N° RPPS 10990520172\nTél. 01 99 00 12 34\n\nNom : BRUNET Hélène\nsexe : F\n\n"
        "Prescription médicale\n1 AMLOR 5 mg cp 1 gélule le matin\n2. TAHOR 40 mg\n1 cp le soir\n"
    )
    assert [one.drug.value.name for one in found.medications if one.drug.value] == [
        "AMLOR", "TAHOR",
    ]  # fmt: skip
    assert found.orders == ()


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


@pytest.mark.parametrize(
    ("block", "family", "given", "birth"),
    [
        ("Mme DURAND née MARTIN Sophie", "DURAND", ("Sophie",), "MARTIN"),
        ("Mme DE LA TOUR née LE GOFF Anne-Laure", "DE LA TOUR", ("Anne-Laure",), "LE GOFF"),
        ("Mme DURAND Sophie née MARTIN", "DURAND", ("Sophie",), "MARTIN"),
        ("Mme DURAND Sophie (née MARTIN)", "DURAND", ("Sophie",), "MARTIN"),
    ],
)
def test_birth_names_before_and_after_the_given_name(
    extracted: Extracted, block: str, family: str, given: tuple[str, ...], birth: str
) -> None:
    patient = extracted(f"{HEAD}{block}\nnée le 03/06/1966\n{BODY}").patient
    names = {one.value.use: one.value for one in patient.names if one.value is not None}
    assert (names["usual"].family, names["usual"].given) == (family, given)
    assert (names["official"].family, names["official"].given) == (birth, given)
    assert patient.names[0].reasons == ()


SHARED = (
    "Dr Jeanne HERVIEU                     Valérie Roussel\n"
    "Médecine générale                     Sage-femme\n\n"
    "Mme ROY Zoé, née le 12/03/1988\n\nle 12/11/2026\n\nAMLOR 5 mg\n1 gélule le matin\n"
)


def test_of_two_names_on_a_letterhead_the_one_in_a_bad_stamp_signs(extracted: Extracted) -> None:
    name = extracted(f"{SHARED}\n\n\n\nValérie Roussfl\n").prescriber.name
    assert name is not None and name.value is not None
    assert (name.value.family, name.reasons) == ("Roussel", ())


def test_of_two_names_that_nobody_signs_the_larger_is_taken_and_doubted() -> None:
    document = document_from_text(SHARED)
    page = document.pages[0]
    head = page.lines[0]
    large = tuple(
        word.model_copy(update={"box": Box(x=word.box.x, y=-0.6, width=word.box.width, height=1.6)})
        if word.text in ("Valérie", "Roussel")
        else word
        for word in head.words
    )
    lines = (head.model_copy(update={"words": large}), *page.lines[1:])
    document = document.model_copy(update={"pages": (page.model_copy(update={"lines": lines}),)})
    name = extract(document, Settings()).prescriber.name
    assert name is not None and name.value is not None
    assert name.value.family == "Roussel"
    assert name.reasons


def test_a_degree_in_initials_is_nobodys_name(extracted: Extracted) -> None:
    found = extracted(
        "Docteur Thomas BERTHIER\nD.U. de médecine du sport\nMédecine générale\n\n"
        f"Mme ROY Zoé, née le 12/03/1988\n\nle 12/11/2026\n{BODY.partition('Dr')[0]}"
    )
    assert found.prescriber.name is not None and found.prescriber.name.value is not None
    assert found.prescriber.name.value.family == "BERTHIER"
    assert len(found.medications) == 1


def test_a_short_name_of_the_prescriber_hides_no_row(extracted: Extracted) -> None:
    found = extracted(
        "Dr Anne LE\nMédecine générale\n\nMme ROY Zoé\n\nOrdonnance\n\nLEVOTHYROX 50 µg\n"
        "1 cp le matin\n"
    )
    assert [one.drug.value.name for one in found.medications if one.drug.value] == ["LEVOTHYROX"]


FOOT = "\nDr Alain FOURNEL\nMédecine générale\n12 rue des Tilleuls\nRPPS : 10990520172\n"


@pytest.mark.parametrize(
    "rows",
    ["Radiographie du thorax", "- Rééducation à la marche, 20 séances", "- Glycémie à jeun"],
)
def test_a_request_above_its_letterhead_is_no_part_of_it(extracted: Extracted, rows: str) -> None:
    found = extracted(f"Le 12/11/2026\nAnalyses\nMme ROY Zoé\nNée le 12/03/1988\n{rows}\n{FOOT}")
    assert [one.text.value for one in found.orders] == [rows.removeprefix("- ")]


def test_the_number_of_an_order_of_doctors_and_of_a_sheet_are_no_medicines(
    extracted: Extracted,
) -> None:
    found = extracted(
        "Dr Alain FOURNEL\nMédecine générale\nCabinet des Saules\nOrdre n° 47/5890\n"
        "Mme ROY Zoé\n\nOrdonnance\n\nAMLOR 5 mg\n1 gélule le matin\nFeuillet 1/2\f"
        "ROY Zoé (suite)\nTAHOR 40 mg\n1 cp le soir\nFeuillet 2/2\n"
    )
    assert [one.drug.value.name for one in found.medications if one.drug.value] == [
        "AMLOR", "TAHOR",
    ]  # fmt: skip
    assert found.unread == ()
