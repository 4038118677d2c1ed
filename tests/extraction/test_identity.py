"""Patient and prescriber told apart, with names in their French shapes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.extraction.evidence import TextLine
from pipeline.extraction.identity.identifiers import nir_key
from pipeline.extraction.identity.names import name_words, parse_name
from pipeline.extraction.identity.reading import read_patient, read_prescriber
from pipeline.model import Extraction, Patient, Sex, State, ZoneKind

Rows = Callable[[str], tuple[TextLine, ...]]
TODAY = dt.date(2026, 11, 23)
DAY = dt.date(2026, 11, 12)


@pytest.mark.parametrize(
    ("text", "family", "given"),
    [
        ("MARTIN Sophie", "MARTIN", ("Sophie",)),
        ("Sophie MARTIN", "MARTIN", ("Sophie",)),
        ("DE LA FONTAINE Rémi", "DE LA FONTAINE", ("Rémi",)),
        ("Anne-Sophie LE GOFF", "LE GOFF", ("Anne-Sophie",)),
        ("NGUYEN VAN Zoé Marie", "NGUYEN VAN", ("Zoé", "Marie")),
        ("Jean-Baptiste D'HERVÉ", "D'HERVÉ", ("Jean-Baptiste",)),
        ("MARTIN-DUPONT Marie-Claire", "MARTIN-DUPONT", ("Marie-Claire",)),
        ("Dany Deguette", "Deguette", ("Dany",)),
        ("Guillaume De Brissac", "De Brissac", ("Guillaume",)),
        ("Chahinez Marques do brito, 84 ans", "Marques do brito", ("Chahinez",)),
        ("DURAND SOPHIE", "DURAND", ("SOPHIE",)),
        ("MARTlN Sophie", "MARTIN", ("Sophie",)),
        ("MART|N Sophie", "MARTIN", ("Sophie",)),
        ("RENOU/ER Sophie", "RENOUIER", ("Sophie",)),
        ("MARTI N Sophie", "MARTI N", ("Sophie",)),
        ("MARTIN Sophie D.D.N. 12.03.1988", "MARTIN", ("Sophie",)),
        ("MARTIN Sophie WE le 12/03/1988", "MARTIN", ("Sophie",)),
        ("MARTIN Sophie, Duke de naissance", "MARTIN", ("Sophie",)),
    ],
)
def test_family_and_given_names(text: str, family: str, given: tuple[str, ...]) -> None:
    parsed = parse_name(name_words(text, 0), family_first=False)
    assert parsed is not None
    assert (parsed.family, parsed.given) == (family, given)


@pytest.mark.parametrize("text", ["XARDEL QUIBEUF", "Wme XARDEL Sophie"])
def test_an_order_that_nothing_tells_is_doubted(text: str) -> None:
    parsed = parse_name(name_words(text, 0), family_first=True)
    assert parsed is not None
    assert parsed.doubts


def _patient(rows: Rows, text: str) -> Patient:
    return read_patient(rows(text), DAY, TODAY)


LETTERHEAD = """Docteur Valérie ROUSSEL                 12 rue des Tilleuls
Médecine générale                        01999 Valbourg
RPPS : 10999174559                       Tél. 01 99 00 12 34

"""


@pytest.mark.parametrize(
    ("text", "family", "given", "birth"),
    [
        ("Mme MARTIN Sophie née DURAND\nNée le 12/03/1988", "MARTIN", ("Sophie",), "DURAND"),
        ("MARTIN Sophie (née LE GOFF)\nnée le 12/03/1988", "MARTIN", ("Sophie",), "LE GOFF"),
        ("Patient : M. BERNARD Paul\nDDN 12/03/1988", "BERNARD", ("Paul",), None),
        ("Nom : LE GOFF\nPrénom : Anne\nNée KERVEL", "LE GOFF", ("Anne",), "KERVEL"),
        ("Nom BEN AMAR\nPrénom Paul\nné le 29 avril 1956", "BEN AMAR", ("Paul",), None),
        ("Concerne : Mme Chloé OLLIVIER\nNée le 02/06/1991", "OLLIVIER", ("Chloé",), None),
        ("Nom de naissance : DUPONT\nPrénoms : Marie Anne", "DUPONT", ("Marie", "Anne"), "DUPONT"),
        ("BOYER Inès, née le 26/04/2000", "BOYER", ("Inès",), None),
        ("BOYER Inès - Naissance :      26/04/2000", "BOYER", ("Inès",), None),
        ("BOYER Inès - D. D.N. 26.04.2000", "BOYER", ("Inès",), None),
        ("| BOYER Inès\n| née le 26/04/2000", "BOYER", ("Inès",), None),
        ("concernant : BOYER Inès\nNaissance : 26/04/2000", "BOYER", ("Inès",), None),
        ("Mme BOYER (née ROY) Inès Marie", "BOYER", ("Inès", "Marie"), "ROY"),
        ("Patiente : BOYER (née ROY) Inès", "BOYER", ("Inès",), "ROY"),
        ("Mme BOYER Inès (nom de naissance : LE\nGOFF)", "BOYER", ("Inès",), "LE GOFF"),
        (
            "Nom, prénom : Mme BOYER Inès née\n          ROY - DDN 26.04.2000",
            "BOYER",
            ("Inès",),
            "ROY",
        ),
        ("Madame Inès BOYER née BEN\nAMAR\nnée le 26/04/2000", "BOYER", ("Inès",), "BEN AMAR"),
        ("Hme BOYER, Inès, née le 26/04/2000", "BOYER", ("Inès",), None),
        ("Patiente : Mme BOYER          Inès Marie", "BOYER", ("Inès", "Marie"), None),
        ("Mme BOYER\nINÈS HUGUETTE\nnée le 26/04/2000", "BOYER", ("INÈS", "HUGUETTE"), None),
        ("Nom d'usage : BOYER\nPrénom (s) : Inès", "BOYER", ("Inès",), None),
        ("Mme BOYER Inès, née le T avril 2000", "BOYER", ("Inès",), None),
    ],
)
def test_the_patient_has_names(
    rows: Rows, text: str, family: str, given: tuple[str, ...], birth: str | None
) -> None:
    patient = _patient(rows, LETTERHEAD + text)
    first = patient.names[0].value
    assert first is not None
    assert (first.family, first.given) == (family, given)
    official = [n.value for n in patient.names if n.value and n.value.use == "official"]
    assert [name.family for name in official] == ([birth] if birth else [])


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        ("Mme MARTIN Sophie", Sex.FEMALE),
        ("M. BERNARD Paul", Sex.MALE),
        ("Nom : BERNARD\nPrénom : Camille\nSexe : F", Sex.FEMALE),
        ("BERNARD Camille, né le 02/06/1991", Sex.MALE),
    ],
)
def test_sex_from_civility_field_or_agreement(rows: Rows, text: str, sex: Sex) -> None:
    found = _patient(rows, LETTERHEAD + text).sex
    assert found is not None
    assert found.value is sex


def test_birth_date_age_and_number_check_one_another(rows: Rows) -> None:
    body = "2880375915123"
    nir = f"{body}{nir_key(body):02d}"
    good = _patient(rows, f"Mme MARTIN Sophie\nNée le 12/03/1988 (38 ans)\nNIR : {nir}")
    assert good.birth_date is not None
    assert good.birth_date.state is State.SURE
    assert good.nir is not None
    assert good.nir.state is State.SURE
    bad = _patient(rows, f"M. MARTIN Paul\nNé le 12/03/1978 (38 ans)\nNIR : {nir}")
    assert bad.birth_date is not None
    assert bad.birth_date.state is State.DOUBTFUL
    assert bad.nir is not None
    assert bad.nir.state is State.DOUBTFUL
    assert bad.sex is not None
    assert bad.sex.state is State.DOUBTFUL


@pytest.mark.parametrize(
    ("text", "town", "insee"),
    [
        ("Née le 12/03/1988 à Valbourg", "Valbourg", None),
        ("née le 12 mars 1988 à Saint-Aubry-sur-Loire (45)", "Saint-Aubry-sur-Loire", None),
        ("Née le 12/03/1988 à La Ferrière (Orne), 38 ans", "La Ferrière", None),
        ("Née à L'Isle-d'Aval le 12/03/1988", "L'Isle-d'Aval", None),
        ("Née le 12/03/1988\nLieu de naissance : Paris 12e", "Paris 12e", None),
        ("Née le 12/03/1988 à Valbourg (01250)", "Valbourg", None),  # may be a postal code
        ("Née le 12/03/1988 à Valbourg (INSEE 01987)", "Valbourg", "01987"),
        ("Née le 12/03/1988\nLieu de naissance (code INSEE) : 2A951", None, "2A951"),
        (
            "Née le 12/03/1988 à Valbourg (75915)\nNIR : 2 88 03 75 915 123 {key}",
            "Valbourg",
            "75915",
        ),
    ],
)
def test_birth_places(rows: Rows, text: str, town: str | None, insee: str | None) -> None:
    text = text.format(key=f"{nir_key('2880375915123'):02d}")
    place = _patient(rows, f"{LETTERHEAD}Mme MARTIN Sophie\n{text}\n").birth_place
    assert place is not None
    assert place.value is not None
    assert (place.value.town, place.value.insee) == (town, insee)
    assert place.state is State.SURE


@pytest.mark.parametrize(
    "text", ["Née le 12/03/1988 à 39 SA", "Née à terme, 3200 g", "Née le 12/03/1988 à la maternité"]
)
def test_a_term_is_no_birth_place(rows: Rows, text: str) -> None:
    assert _patient(rows, f"{LETTERHEAD}Mme MARTIN Sophie\n{text}\n").birth_place is None


def test_a_commune_that_the_number_denies_is_doubted(rows: Rows) -> None:
    nir = f"2880375915123{nir_key('2880375915123'):02d}"
    text = f"Mme MARTIN Sophie\nNée le 12/03/1988 à Valbourg (INSEE 01987)\nNIR : {nir}"
    place = _patient(rows, text).birth_place
    assert place is not None
    assert place.state is State.DOUBTFUL


@pytest.mark.parametrize(
    "block",
    [
        "Madame Sophie MARTIN\nNom de naissance : DURAND\nNée le 12/03/1988",
        "MARTIN Sophie\nNom de naissance : DURAND\nDate de naissance : 12/03/1988",
        "Nom, prénom : MARTIN, Sophie\nNom de naissance : DURAND",
        "Nom et prénoms : MARTIN Sophie\nNom de jeune fille : DURAND",
        "Patiente : Sophie MARTIN, nom de naissance DURAND",
        "Dossier de : MARTIN Sophie\nNom de naissance DURAND",
        "Usager : MARTIN Sophie\nNom de naissance : DURAND",
        "Prénom et nom : Sophie MARTIN\nNom de naissance : DURAND",
        "Nom du patient : MARTIN\nNom de naissance : DURAND\nPrénom du patient : Sophie",
        "Nom : MARTIN (nom de naissance : DURAND)\nPrénom : Sophie",
    ],
)
def test_a_birth_name_in_its_field_stands_beside_the_used_one(rows: Rows, block: str) -> None:
    names = [one.value for one in _patient(rows, f"{LETTERHEAD}{block}\n\nOrdonnance\n").names]
    found = [(name.use, name.family, name.given) for name in names if name]
    assert found == [("usual", "MARTIN", ("Sophie",)), ("official", "DURAND", ("Sophie",))]


@pytest.mark.parametrize(
    "block",
    [
        "Nom : _____ MARTIN ____\nPrénom : ..... Sophie",
        "Nom du patient\nMARTIN\nPrénom\nSophie",
        "M. / Mme : MARTIN Sophie",
        "Patient(e) (Nom Prénom) MARTIN Sophie",
        "Vu ce jour : MARTIN Sophie",
        "Nom (usage) : MARTIN\nPrénom : Sophie",
        "Nom patient : MARTIN\nPrénom patient : Sophie",
    ],
)
def test_names_in_the_fields_of_forms(rows: Rows, block: str) -> None:
    (name,) = (one.value for one in _patient(rows, f"{LETTERHEAD}{block}\n\nOrdonnance\n").names)
    assert name is not None
    assert (name.family, name.given) == ("MARTIN", ("Sophie",))


def test_a_number_broken_over_two_rows_is_whole(rows: Rows) -> None:
    body = "2930989929088"
    key = f"{nir_key(body):02d}"
    patient = _patient(
        rows, f"Mme LAMBERT Thérèse\nN° Sécurité sociale : 2 93 09 89 929\n088 {key}"
    )
    assert patient.nir is not None
    assert patient.nir.value == body + key


def test_the_prescriber_is_not_the_patient(rows: Rows) -> None:
    lines = rows(LETTERHEAD + "Mme MARTIN Sophie\nnée le 12/03/1988\n\nDr Valérie Roussel")
    patient = read_patient(lines, DAY, TODAY)
    prescriber = read_prescriber(lines, patient)
    assert prescriber.name is not None
    assert prescriber.name.value is not None
    assert prescriber.name.value.family.upper() == "ROUSSEL"
    assert prescriber.name.value.given == ("Valérie",)
    assert prescriber.speciality is not None
    assert prescriber.speciality.value == "médecine générale"
    assert prescriber.rpps is not None
    assert prescriber.rpps.value == "10999174559"
    assert prescriber.phone is not None
    assert prescriber.phone.value == "01 99 00 12 34"
    assert prescriber.address is not None
    assert prescriber.address.value == "12 rue des Tilleuls, 01999 Valbourg"
    assert patient.phone is None


def test_a_midwife_needs_no_title(rows: Rows) -> None:
    lines = rows("Cabinet du Lavoir\nClaire DELAUNAY\nSage-femme libérale\n\nMme ROY Zoé")
    prescriber = read_prescriber(lines, read_patient(lines, DAY, TODAY))
    assert prescriber.name is not None
    assert prescriber.name.value is not None
    assert prescriber.name.value.family == "DELAUNAY"
    assert prescriber.speciality is not None
    assert prescriber.speciality.value == "sage-femme"


@pytest.mark.parametrize(
    ("head", "family", "given", "state"),
    [
        ("Docteur Jean-François\nVIDAL\nMédecine générale", "VIDAL", "Jean-François", State.SURE),
        ("Docteur VIDAL\nJean-François\nMédecine générale", "VIDAL", "Jean-François", State.SURE),
        ("DR ANNE\nVIDAL\nMédecine générale", "VIDAL", "ANNE", State.SURE),
        ("Dr Jean-François\nMédecine générale", "Jean-François", "", State.DOUBTFUL),
        ("Dr Anne\nMédecine générale\n\n\n\n\nDr Anne VIDAL", "VIDAL", "Anne", State.SURE),
        ("Dr VIDAL\nMédecine générale", "VIDAL", "", State.SURE),
    ],
)
def test_a_prescriber_is_no_given_name_alone(
    rows: Rows, head: str, family: str, given: str, state: State
) -> None:
    name = read_prescriber(rows(head), Patient()).name
    assert name is not None and name.value is not None
    assert (name.value.family, " ".join(name.value.given), name.state) == (family, given, state)


def test_a_two_letter_word_in_capitals_is_no_civility(rows: Rows) -> None:
    patient = _patient(rows, "Patient : M. BAR ME LIN Marcel, né le 12/03/1988")
    assert patient.sex is not None and patient.sex.value is Sex.MALE


@pytest.mark.parametrize("label", ["R.PPS.", "R. .P.P.S.", "RP.P.s.", "N° RPPS :", "R.P.P.S"])
def test_points_of_an_abbreviation_come_and_go(rows: Rows, label: str) -> None:
    found = read_prescriber(rows(f"Dr Anne MOREL\n{label} 10999174559"), Patient()).rpps
    assert found is not None and found.value == "10999174559"


def test_another_doctor_is_not_the_writer(rows: Rows) -> None:
    lines = rows("Médecin traitant : Dr Paul DURAND\nVu ce jour\n\nDr Anne MOREL")
    prescriber = read_prescriber(lines, Patient())
    assert prescriber.name is not None
    assert prescriber.name.value is not None
    assert prescriber.name.value.family == "MOREL"


@pytest.mark.parametrize("number", ["10999174558", "1099917455"])
def test_a_number_that_fails_its_check_is_doubted(rows: Rows, number: str) -> None:
    prescriber = read_prescriber(rows(f"Dr Anne MOREL\nRPPS {number}"), Patient())
    assert prescriber.rpps is not None
    assert prescriber.rpps.state is State.DOUBTFUL


def test_where_the_same_number_stands_twice_the_one_that_passes_counts(rows: Rows) -> None:
    text = "Dr Anne MOREL\nRPPS 109991745591\n\n\nDr Anne MOREL\nRPPS 10999174559"
    prescriber = read_prescriber(rows(text), Patient())
    assert prescriber.rpps is not None
    assert prescriber.rpps.value == "10999174559"


def test_nothing_about_anybody_invents_nobody(rows: Rows) -> None:
    lines = rows("TA 13/8\nRevoir dans 2 semaines")
    patient = read_patient(lines, DAY, TODAY)
    assert patient == Patient()
    assert read_prescriber(lines, patient).name is None


@pytest.mark.parametrize(
    ("rows_text", "family", "given_names"),
    [
        ("Concerne : M. Jérôme\nGarnier\nNé le 20/12/1999", "Garnier", ("Jérôme",)),
        ("Mme Anne-Sophie\nPetit-Jean (née DA SILVA)", "Petit-Jean", ("Anne-Sophie",)),
        ("Mme Anne-Sophie\nPetit-Jean (née DA\nSILVA)", "Petit-Jean", ("Anne-Sophie",)),
        ("Nguyen VAN Chloé née Ferrand", "Nguyen VAN", ("Chloé",)),
        ("Mme Noémie Gaëlle Delorme", "Delorme", ("Noémie", "Gaëlle")),
        ("NOM : SAINT - MARTIN\nPrénom : Camille", "SAINT-MARTIN", ("Camille",)),
        ("NOM : MARTIN - Prénom : Camille", "MARTIN", ("Camille",)),
        ("NOM : Nguyen\nVAN\nPrénom : Inès", "Nguyen VAN", ("Inès",)),
        ("NOM : Hubert.\nPRÉNOM : Raphaël....", "Hubert", ("Raphaël",)),
    ],
)
def test_names_as_fields_by_hand_hold_them(
    rows: Rows, rows_text: str, family: str, given_names: tuple[str, ...]
) -> None:
    (name, *others) = _patient(rows, LETTERHEAD + rows_text).names
    assert name.value is not None
    assert (name.value.family, name.value.given) == (family, given_names)
    born = [other.value.family for other in others if other.value is not None]
    assert born in ([], ["DA SILVA"], ["Ferrand"])
    assert bool(born) == (("née" in rows_text and "SILVA)" in rows_text) or "Ferrand" in rows_text)


@pytest.mark.parametrize(
    ("name", "kind", "state"),
    [
        ("FERR AND Chloé", ZoneKind.HANDWRITTEN, State.DOUBTFUL),
        ("FERR AND Chloé", ZoneKind.PRINTED, State.SURE),
        ("DE BRISSAC Chloé", ZoneKind.HANDWRITTEN, State.SURE),
    ],
)
def test_a_space_in_a_name_by_hand_is_doubted(
    rows: Rows, name: str, kind: ZoneKind, state: State
) -> None:
    lines = rows(LETTERHEAD + f"Mme {name}\nNée le 3/4/1960")
    patient = read_patient([replace(line, kind=kind) for line in lines], DAY, TODAY)
    assert patient.names[0].state is state


@pytest.mark.parametrize(
    ("name", "family", "other"),
    [
        ("GUER IN Louise", "GUER IN", "GUERIN"),
        ("LAMBER T Louise", "LAMBERT", "LAMBER T"),
        ("LAMBER T, Louise", "LAMBERT", "LAMBER T"),
        ("DE LAM BER TIN Louise", "DE LAMBERTIN", "DE LAM BER TIN"),
    ],
)
def test_capitals_by_hand_that_stand_apart_may_be_one_name(
    rows: Rows, name: str, family: str, other: str
) -> None:
    lines = [replace(line, kind=ZoneKind.HANDWRITTEN) for line in rows(f"Mme {name}\n")]
    (read, *_) = read_patient(lines, DAY, TODAY).names
    assert read.state is State.DOUBTFUL
    assert read.value is not None and read.value.given == ("Louise",)
    assert (read.value.family, *(one.family for one in read.alternatives)) == (family, other)


def test_a_row_that_ends_with_a_family_name_goes_on_below(rows: Rows) -> None:
    (name,) = _patient(rows, "Nom et prénom : DU PLESSIS\nJean-Baptiste, né le 30/04/1984\n").names
    assert name.value is not None
    assert (name.value.family, name.value.given) == ("DU PLESSIS", ("Jean-Baptiste",))


def test_a_name_does_not_end_with_a_particle(rows: Rows) -> None:
    (whole,) = _patient(rows, "Madame Camille Hélène DU\nPLESSIS\nNée le 30/09/1964\n").names
    assert whole.value is not None
    assert (whole.value.family, whole.state) == ("DU PLESSIS", State.SURE)
    (cut,) = _patient(rows, "Madame Camille Hélène DU\nNée le 30/09/1964\n").names
    assert cut.state is State.DOUBTFUL


@pytest.mark.parametrize(
    ("unread", "family", "given"), [("MOREAU", "", ("Gaëlle",)), ("Gaëlle", "MOREAU", ())]
)
def test_half_a_name_is_kept_where_the_other_half_is_not_read(
    rows: Rows, unread: str, family: str, given: tuple[str, ...]
) -> None:
    lines = []
    for line in rows("Nom : MOREAU\nPrénom : Gaëlle\nNée le 27/12/1973\n"):
        tokens = tuple(
            replace(token, word=token.word.model_copy(update={"confidence": 0.1}))
            if token.word.text == unread
            else token
            for token in line.tokens
        )
        lines.append(replace(line, tokens=tokens))
    (name,) = read_patient(lines, DAY, TODAY).names
    assert name.value is not None
    assert (name.value.family, name.value.given, name.state) == (family, given, State.DOUBTFUL)


def test_a_family_name_without_a_given_name_is_doubted(
    extracted: Callable[[str], Extraction],
) -> None:
    """It may be the birth name alone, or nobody's who is treated."""
    head = "Dr Anne MOREL\nMédecine générale\n\nLe 12/11/2026\n\n"
    for text, state in [
        ("Nom de naissance : ROY\nNée le 12/03/1988\n", State.DOUBTFUL),
        ("Nom : ROY\nPrénom : Zoé\nNée le 12/03/1988\n", State.SURE),
    ]:
        patient = extracted(head + text + "\nTA 12/7, examen normal.").patient
        assert patient.names and {name.state for name in patient.names} == {state}
