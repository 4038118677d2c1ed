"""Measurements: every entry of the vocabulary, as notes write it."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.extraction.evidence import document_from_text, text_lines
from pipeline.extraction.measurements.reading import read_measurements
from pipeline.extraction.measurements.vocabulary import vocabulary
from pipeline.extraction.pipeline import extract
from pipeline.model import Extraction, Measurement, Quantity, Range, State
from tests.extraction.prescriptions import misread

TODAY = dt.date(2026, 11, 23)
DAY = dt.date(2026, 11, 12)


def _read(text: str) -> tuple[Measurement, ...]:
    return read_measurements(text_lines(document_from_text(text)), DAY, TODAY)


def _said(one: Measurement) -> str:
    if one.components:
        return "/".join(_said(part) for part in one.components)
    assert one.value is not None
    content = one.value.value
    if isinstance(content, Quantity):
        return f"{content.comparator or ''}{content.value.normalize():f}"
    if isinstance(content, Range):
        return f"{content.low.value.normalize():f}-{content.high.value.normalize():f}"
    return str(content)


CASES = [
    ("TA 13/8", "blood_pressure_panel 130/80"),
    ("TA: 13,5/8,5", "blood_pressure_panel 135/85"),
    ("PA 135/85 mmHg", "blood_pressure_panel 135/85"),
    ("TA 120-80", "blood_pressure_panel 120/80"),
    ("T.A. : 14 / 9", "blood_pressure_panel 140/90"),
    ("TA13/8", "blood_pressure_panel 130/80"),
    ("tension 13/8 aux 2 bras", "blood_pressure_panel 130/80"),
    ("TA le 12/11/2026 : 13/8", "blood_pressure_panel 130/80"),
    ("PAS 135 PAD 85", "blood_pressure_panel 135/85"),
    ("FC 78 bpm", "heart_rate 78"),
    ("pouls : 80/min", "heart_rate 80"),
    ("tachycarde à 120 bpm", "heart_rate 120"),
    ("FR 22 c/min", "respiratory_rate 22"),
    ("SpO2 97 %", "spo2 97"),
    ("sat 97% AA", "spo2 97"),
    ("SaO₂ : 96 % sous 2 L", "spo2 96"),
    ("T° 38,4", "temperature 38.4"),
    ("38°4", "temperature 38.4"),
    ("T 37,2", "temperature 37.2"),
    ("fièvre à 39,2", "temperature 39.2"),
    ("poids 82 kg", "weight 82"),
    ("P: 71,5", "weight 71.5"),
    ("3 kg 450", "weight 3.45"),
    ("Poids : 3450 g", "weight 3.45"),
    ("taille 1m75", "height 175"),
    ("T 1,75 m", "height 175"),
    ("Taille : 175 cm", "height 175"),
    ("IMC 26.8 kg/m²", "bmi 26.8"),
    ("TT 98 cm", "waist 98"),
    ("PC 35,5 cm", "head_circumference 35.5"),
    ("PB 14 cm", "brachial_circumference 14"),
    ("EVA 6/10", "pain_eva 6"),
    ("douleur cotée à 7/10", "pain_eva 7"),
    ("EN 4", "pain_numeric 4"),
    ("Glasgow 15/15", "glasgow 15"),
    ("DEP 350 L/min", "peak_flow 350"),
    ("HGT 1,20 g/L", "capillary_glucose 6.66"),
    ("dextro : 6,7 mmol/L", "capillary_glucose 6.7"),
    ("GAJ 1,05 g/L", "fasting_glucose 5.83"),
    ("glycémie 5,8 mmol/L", "glucose_serum 5.8"),
    ("HbA1c 7,2 %", "hba1c 7.2"),
    ("HbA1c du 02/10/2026 : 7,2 %", "hba1c 7.2"),
    ("HbA1c 55 mmol/mol", "hba1c_ifcc 55"),
    ("Hb (g/dL) : 10.7", "hemoglobin 10.7"),
    ("hémoglobine à 112 g/L", "hemoglobin 11.2"),
    ("ferritine 12 ng/mL", "ferritin 12"),
    ("plaquettes 215 G/L", "platelets 215"),
    ("plaquettes 215 000/mm3", "platelets 215"),
    ("GB 7200/mm3", "leukocytes 7.2"),
    ("CRP < 5", "crp <5"),
    ("créat 92 µmol/L", "creatinine 92"),
    ("créat 10 mg/L", "creatinine 88.4"),
    ("DFG 75 mL/min/1,73m²", "egfr 75"),
    ("TSH 2,3 mUI/L", "tsh 2.3"),
    ("LDL 0,95 g/L", "ldl 2.46"),
    ("K+ 4,2 mmol/L", "potassium 4.2"),
    ("Na 138", "sodium 138"),
    ("INR 2,4", "inr 2.4"),
    ("bHCG 1250 UI/L", "bhcg 1250"),
    ("29 SA", "gestational_age 203"),
    ("24 SA + 3", "gestational_age 171"),
    ("24+3 SA", "gestational_age 171"),
    ("terme 32 SA 5 j", "gestational_age 229"),
    ("DDR 10/07/2026", "lmp 2026-07-10"),
    ("DPA : 16/04/2027", "edd 2027-04-16"),
    ("DDG 24/07/2026", "conception_date 2026-07-24"),
    ("HU 27", "fundal_height 27"),
    ("BDC 142/min", "fetal_heart_rate 142"),
    ("BDC + 153/mn", "fetal_heart_rate 153"),
    ("BU : hématurie 0", "urine_blood_dip négatif"),
    ("BU : glucose 0", "urine_glucose_dip négatif"),
    ("BU : gluc négatif", "urine_glucose_dip négatif"),
    ("MAF bien perçus", "fetal_movements +"),
    ("col ouvert à 3 cm", "cervix_dilation 3"),
    ("col 2 doigts", "cervix_dilation 2 doigts"),
    ("BU : protéines ++", "urine_protein_dip ++"),
    ("albu 0", "urine_protein_dip négatif"),
    ("glycosurie neg", "urine_glucose_dip négatif"),
    ("BU : leuco +", "urine_leuko_dip +"),
    ("nitrites neg", "urine_nitrite_dip négatif"),
    ("BU : sang ++", "urine_blood_dip ++"),
    ("acétone 0", "urine_ketone_dip négatif"),
    ("Groupe A+", "abo_group A+"),
    ("GS : O neg", "abo_group O-"),
    ("A Rh négatif", "abo_group A-"),
    ("PN 3450 g", "birth_weight 3450"),
    ("PN: 3,450 kg", "birth_weight 3450"),
    ("15 PA", "smoking_packyears 15"),
    ("non fumeuse", "tobacco_status non fumeuse"),
    ("FEVG 55 %", "lvef 55"),
    ("VEMS 2,1 L (75 %)", "fev1 2.1"),
    ("FC entre 78 et 84", "heart_rate 78-84"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_measurement_is_read_as_written(text: str, expected: str) -> None:
    assert [f"{one.key} {_said(one)}" for one in _read(text)] == [expected]


def table() -> list[tuple[str, str]]:
    """Lines of notes and what they say, `-` for nothing."""
    path = Path(__file__).with_name("data") / "measurement_lines.tsv"
    rows = [row for row in path.read_text("utf-8").splitlines() if row and row[0] != "#"]
    return [(row.split("\t")[0], row.split("\t")[1]) for row in rows]


def _all_said(text: str) -> str:
    return "; ".join(f"{one.key} {_said(one)}" for one in _read(text)) or "-"


@pytest.mark.parametrize(("text", "expected"), table())
def test_a_line_of_a_note_says_what_the_table_has(text: str, expected: str) -> None:
    assert _all_said(text) == expected


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_misread_lines_say_the_same_or_are_doubted(seed: int) -> None:
    rng = random.Random(seed)
    wrong, silent = [], []
    for text, expected in table():
        spoiled = misread(text, rng)
        if (got := _all_said(spoiled)) == expected:
            continue
        wrong.append((spoiled, expected, got))
        values = [
            value
            for one in _read(spoiled)
            for value in ([one.value] if one.value else [part.value for part in one.components])
        ]
        if values and all(value is not None and value.state is State.SURE for value in values):
            silent.append((spoiled, expected, got))
    assert len(wrong) <= 0.1 * len(table()), wrong
    assert len(silent) <= 0.02 * len(table()), silent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("G2P1", ["gravidity 2", "parity 1"]),
        ("IIG IP", ["gravidity 2", "parity 1"]),
        ("2e geste 1e pare", ["gravidity 2", "parity 1"]),
        ("G1PO", ["gravidity 1", "parity 0"]),
        ("Apgar 9/10/10", ["apgar1 9", "apgar5 10", "apgar10 10"]),
        ("AV OD 8/10 OG 10/10", ["visual_acuity 8/10", "visual_acuity 10/10"]),
        ("Albumine 0 - Sucre 0", ["urine_protein_dip négatif", "urine_glucose_dip négatif"]),
        ("TA 13/8 FC 72 P 82 kg", ["blood_pressure_panel 130/80", "heart_rate 72", "weight 82"]),
    ],
)
def test_several_on_one_row(text: str, expected: list[str]) -> None:
    assert [f"{one.key} {_said(one)}" for one in _read(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "objectif TA < 140/90",
        "si T° > 38,5",
        "HTA depuis 10 ans",
        "fièvre depuis 3 jours",
        "apyrétique",
        "fractures de K4 à K8",
        "KRAS G12C",
        "pas de fièvre",
        "asthme depuis 15 ans",
        "nodule de taille 5 mm",
    ],
)
def test_goals_conditions_and_durations_are_no_measurements(text: str) -> None:
    assert _read(text) == ()


def test_every_entry_can_be_met() -> None:
    met = {one.key for text, _ in CASES for one in _read(text)}
    met |= {"systolic_bp", "diastolic_bp", "apgar1", "apgar5", "apgar10", "visual_acuity"}
    met |= {"gravidity", "parity", "fev1_percent"}
    assert set(vocabulary()) <= met


def test_the_vocabulary_covers_the_notation_list(shared_dir: Path) -> None:
    listed = json.loads((shared_dir / "clinical-text" / "vitals_notation.json").read_text("utf-8"))
    for entry in listed:
        if entry["key"] == "spo2_generic":
            continue  # a second code of "spo2", which the FHIR room adds
        ours = vocabulary()[entry["key"]]
        assert entry["loinc"] is None or ours.code.code == entry["loinc"]
        assert entry["ucum"] in (None, "date", ours.ucum)


def test_units_have_the_codes_of_ucum() -> None:
    (pressure,) = _read("TA 13/8")
    values = [part.value.value for part in pressure.components if part.value is not None]
    assert all(isinstance(one, Quantity) and one.ucum == "mm[Hg]" for one in values)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("FC 400 bpm", "peu plausible"),
        ("TA 8/13", "dépasse"),
        ("TA 13/85", "cmHg ou mmHg"),
        ("dextro 1,8", "Unité non écrite"),
        ("TA l3/8", "Chiffres rétablis"),
        ("DDR le 10.07", "Année absente"),
    ],
)
def test_what_is_odd_is_doubted(text: str, reason: str) -> None:
    (one,) = _read(text)
    values = [one.value] if one.value is not None else [part.value for part in one.components]
    assert all(value is not None and value.state is State.DOUBTFUL for value in values)
    assert any(reason in said for value in values if value is not None for said in value.reasons)


def test_trend_side_and_day_stay_with_the_value() -> None:
    (weight,) = _read("Poids 70 kg (-2 kg en 3 mois)")
    assert weight.trend == "-2 kg en 3 mois"
    right, left = _read("TA 14/9 bras droit, 13/8 bras gauche")
    assert (right.body_site, left.body_site) == ("bras droit", "bras gauche")
    (glycated,) = _read("HbA1c du 02/10/2026 : 7,2 %")
    assert glycated.date is not None
    assert glycated.date.value == dt.date(2026, 10, 2)


def test_a_sentence_about_the_patient_is_no_field_of_the_head() -> None:
    text = "Examen clinique :\n- Patiente consciente avec score de Glasgow 15/15\n- TA 13/8"
    found = extract(document_from_text(text), Settings(), TODAY).measurements
    assert [one.key for one in found] == ["glasgow", "blood_pressure_panel"]


def test_the_evidence_names_its_rule_and_its_words() -> None:
    (one,) = _read("Constantes : FC 78 bpm ce jour")
    assert one.value is not None
    assert one.value.evidence.rule == "measurements.heart_rate.number"
    assert one.value.evidence.text == "FC 78 bpm"


def test_a_unit_that_was_hardly_read_is_a_doubt_and_no_loss() -> None:
    row = text_lines(document_from_text("HbA1c 7,2 %"))[0]
    tokens = tuple(
        replace(token, word=token.word.model_copy(update={"confidence": 0.2}))
        if token.word.text == "%"
        else token
        for token in row.tokens
    )
    (measurement,) = read_measurements([replace(row, tokens=tokens)], TODAY, TODAY)
    assert measurement.value is not None
    assert measurement.value.state is State.DOUBTFUL
    assert measurement.value.value is not None


@pytest.mark.parametrize("join", [", ", " ; ", " / ", " | ", " • ", " - ", "   "])
def test_vital_signs_on_one_row_however_they_are_parted(
    extracted: Callable[[str], Extraction], join: str
) -> None:
    row = join.join(("TA 12/8", "FC 72", "T° 37,2", "SpO2 98 %", "FR 14/min", "Poids 70 kg"))
    found = {one.key for one in extracted(f"Examen clinique :\n{row}\n").measurements}
    assert found == {
        "blood_pressure_panel", "heart_rate", "temperature", "spo2", "respiratory_rate", "weight",
    }  # fmt: skip
