"""Medicines on rows: names under noise, what they are told apart from, and what surrounds them."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.evaluation.posology import load, score_lines
from pipeline.extraction.dosage import read_dosage
from pipeline.extraction.drugs import read_medications
from pipeline.extraction.evidence import TextLine, document_from_text, text_lines
from pipeline.extraction.pipeline import extract
from pipeline.model import (
    Alternative,
    Box,
    Document,
    Extraction,
    Line,
    Match,
    Medication,
    MedicationAction,
    Quantity,
    State,
    Word,
    ZoneKind,
)
from pipeline.terminology import Terminology
from pipeline.terminology.names import fold_name, squash

SETTINGS = Settings()


def read(text: str, *, prescription: bool = True) -> tuple[Medication, ...]:
    return read_medications(
        text_lines(document_from_text(text)), SETTINGS, prescription=prescription
    )


def names(medications: Sequence[Medication]) -> list[str | None]:
    return [m.drug.value.name if m.drug.value else None for m in medications]


def written(
    words: Sequence[Word], *, kind: ZoneKind = ZoneKind.PRINTED, struck: bool = False
) -> tuple[TextLine, ...]:
    """Rows of a document of one line with these words."""
    base = document_from_text(" ".join(word.text for word in words))
    page = base.pages[0]
    line = Line(
        words=tuple(words),
        box=Box.around(tuple(word.box for word in words)),
        kind=kind,
        engine="test",
        struck=struck,
    )
    return text_lines(
        Document(
            id=base.id,
            scan=base.scan,
            pages=(page.model_copy(update={"lines": (line,)}),),
            reason=base.reason,
        )
    )


def word(text: str, x: int, confidence: float = 1.0, alternatives: Sequence[str] = ()) -> Word:
    return Word(
        text=text,
        box=Box(x=x, y=0, width=len(text), height=1),
        confidence=confidence,
        alternatives=tuple(Alternative(text=one, confidence=0.3) for one in alternatives),
    )


def sentence(text: str, confidence: float = 1.0) -> list[Word]:
    words: list[Word] = []
    x = 0
    for piece in text.split():
        words.append(word(piece, x, confidence))
        x += len(piece) + 1
    return words


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "name", "match"),
    [
        ("DOLIPRANE 1000 mg 1 cp x 3/j", "DOLIPRANE", Match.EXACT),
        ("Lévothyrox 75 µg/j", "LEVOTHYROX", Match.EXACT),
        ("DIFFUK 600mg : 1-0-0", "DIFFU-K", Match.EXACT),
        ("Diffu-K 600 mg 1 gél/j", "DIFFU-K", Match.EXACT),
        ("CACIT VIT D3 2 comprimés par jour", "CACIT VITAMINE D3", Match.EXACT),
        ("XATRAL LP 10 mg: 1 cp le soir", "XATRAL LP", Match.EXACT),
        ("AMOXICILLINE ARROW 500 mg 1 gél x3/j", "AMOXICILLINE", Match.EXACT),
        ("POTASSIUM (Diffu-K®) : 1 gélule matin et soir", "DIFFU-K", Match.EXACT),
        ("Pravastatine / ezetimibe 20 / 10mg soir", "EZETIMIBE", None),
        ("D0LIPRANE 1000 mg 1 cp x3/j", "DOLIPRANE", Match.NORMALISED),
        ("IMODlUM 2 mg 1 gél après chaque selle", "IMODIUM", Match.NORMALISED),
        ("ZOPRHEN 8 mg 1 cp matin et soir", "ZOPHREN", Match.FUZZY),
        ("Gliclazine 60 mg 1cp matin", "GLICLAZIDE", Match.FUZZY),
        ("Paracétarnol 1 g x 3/j", "PARACETAMOL", Match.NORMALISED),
        ("RAMIPRIL5 mg : 1-0-0", "RAMIPRIL", Match.EXACT),
        ("Furosénnide 20 mg 1 cp/j", "FUROSEMIDE", Match.NORMALISED),
        ("Kéfoprofènegel 2 applications/j", "KETOPROFENE", Match.NORMALISED),
        ("PoursuivreTahor 20 1 cp/j", "TAHOR", Match.NORMALISED),
        ("Acidee tranexamique 500 mg 2 cp", "ACIDE TRANEXAMIQUE", Match.NORMALISED),
        ("Preyenar 13 1 injection IM", "PREVENAR 13", Match.FUZZY),
        ("Naroxène 500 mg 1 cp x 2/j", "NAPROXENE", Match.FUZZY),
        ("Differrine gel le soir", "DIFFERINE", Match.FUZZY),
        ("Forlx 10 g 2 sachets/j", "FORLAX", Match.FUZZY),
        ("Novo mix 30 22 UI matin", "NOVOMIX 30", Match.NORMALISED),
        ("Modopar 125 1 gél x 3/j", "MODOPAR", Match.EXACT),
        ("oroken 200 1 cp x 2/j", "OROKEN", Match.EXACT),
    ],
)
def test_name_is_met(line: str, name: str, match: Match | None) -> None:
    found = read(line)[0].drug.value
    assert found is not None
    assert found.name is not None
    if match is None:
        assert name in found.name
    else:
        assert (found.name, found.match) == (name, match)


@pytest.mark.parametrize("line", ["Zorglubine 20 mg 1 cp matin et soir", "Plirvex 5 mg 1 cp/j"])
def test_a_name_in_no_list_is_kept_as_read_and_flagged(line: str) -> None:
    (medication,) = read(line)
    drug = medication.drug.value
    assert drug is not None
    assert drug.text == line.split()[0]
    assert drug.name is None
    assert drug.match is Match.NONE
    assert medication.drug.state is State.DOUBTFUL


def test_a_misread_name_with_units_is_no_other_drug_than_an_insulin() -> None:
    assert "LANVIS" not in names(read("Lantis 24 U à 22 h"))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Prendre 1 comprimé de Spasfon 80 mg le soir", "1 comprimé de 80 mg le soir"),
        ("2 bouffées de Ventoline 100 matin et soir", "2 bouffées de 100 matin et soir"),
        ("Donner 5 ml de Toplexil le soir", "5 ml le soir"),
        ("Faire une injection SC de Lovenox chaque jour", "une injection SC chaque jour"),
        ("collyre Azarga 1 goutte le soir", "collyre 1 goutte le soir"),
    ],
)
def test_what_stands_in_front_of_a_name_is_said_of_it(line: str, text: str) -> None:
    (medication,) = read(line)
    wanted = read_dosage(text)
    assert medication.dosage is not None
    assert medication.dosage.value is not None
    steps = [step.model_copy(update={"text": ""}) for step in medication.dosage.value]
    assert steps == [step.model_copy(update={"text": ""}) for step in wanted.dosages]


def test_a_dose_in_front_of_a_name_is_not_of_the_medicine_before() -> None:
    first, second = read("Amlor 5 mg 1 gél matin et 2 sachets de Movicol le soir")
    doses = [m.dosage.value[0].dose for m in (first, second) if m.dosage and m.dosage.value]
    assert [dose.unit for dose in doses if isinstance(dose, Quantity)] == ["gélule", "sachet"]


@pytest.mark.parametrize(
    "line",
    [
        "Cytotec 200 µg : 4 cp 48 h après la Mifégyne",
        "Acide folique 5 mg 1 cp/j sauf le jour du méthotrexate",
    ],
)
def test_a_medicine_that_only_tells_when_is_not_prescribed(line: str) -> None:
    assert len(read(line)) == 1


def test_a_near_name_without_the_strength_is_not_believed() -> None:
    """No presentation of the near name has 777 mg: the name stays doubtful or as read."""
    (medication,) = read("Gliclazine 777 mg 1 cp matin")
    assert medication.drug.state is State.DOUBTFUL


@pytest.mark.parametrize(
    ("line", "never"),
    [
        ("IMODIUM 2 mg 1 gél x3/j", "SODIUM"),
        ("LASILIX 40 mg 1 cp matin", "LASIX"),
        ("ZYLORIC 100 mg 1 cp/j", "ZYRTEC"),
        ("LAMISIL 250 mg 1 cp/j", "LAMICTAL"),
        ("LAMICTAL 100 mg 1 cp/j", "LAMISIL"),
        ("PREVISCAN 20 mg 1 cp/j", "PREVENAR"),
        ("SERESTA 10 mg le soir", "SEROPRAM"),
        ("CELEBREX 200 mg 1 gél/j", "CELEXA"),
        ("DAFALGAN 1 g x 3/j", "DAONIL"),
        ("ESIDREX 25 mg 1/j", "ESIDREI"),
    ],
)
def test_look_alikes_stay_apart(line: str, never: str) -> None:
    assert names(read(line)) == [line.split()[0]]
    assert never not in names(read(line))


def test_every_inexact_match_says_how_far_it_went() -> None:
    drug = read("Gliclazine 60 mg 1cp matin")[0].drug
    assert drug.value is not None
    assert 0.8 < drug.value.similarity < 1
    assert any("rapproché" in reason for reason in drug.reasons)


def test_the_engines_own_candidates_are_heard() -> None:
    words = [word("Sexesta", 0, 0.6, ["Seresta"]), *[]]
    words += [word("10", 8), word("mg", 11), word("1", 14), word("cp", 16), word("/j", 19)]
    (medication,) = read_medications(written(words), SETTINGS, prescription=True)
    drug = medication.drug.value
    assert drug is not None
    assert (drug.name, drug.match) == ("SERESTA", Match.LATTICE)


def test_fuzzy_names_are_for_prescription_lines_only() -> None:
    assert read("Il dit prendre de la gliclazine depuis l'été.", prescription=False) == ()


# --- what is no medicine ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "Mode de vie : consommation chronique de kétamine (2g/jour environ)",
        "Allergie à la pénicilline",
        "Allergie : amoxicilline (urticaire)",
        "Intolérance à la codéine",
        "Potassium 4,2 mmol/l",
        "Sodium 138 mmol/L potassium 3.1 mmol/L",
        "Pas de paracétamol pris ce jour",
        "Carence en vitamine D",
        "Vit à domicile avec son époux",
        "Récepteurs à la progestérone positifs",
        "Lithium sérique : taux de lithium 0,8 mmol/l",
        "TA 13/8, poids 72 kg, glycémie 1,1 g/l",
        "Repos 3 jours",
        "10 séances de kinésithérapie",
    ],
)
def test_no_medicine_here(line: str) -> None:
    assert read(line, prescription=False) == ()


def test_a_medicine_in_a_complaint_is_not_prescribed() -> None:
    line = "Contramal 50 mg x 4 par jour (Si douleur non calmée par le paracétamol) 2 Boites"
    (medication,) = read(line)
    assert names([medication]) == ["CONTRAMAL"]
    assert medication.dosage is not None
    assert medication.dosage.value is not None
    assert medication.dosage.value[0].as_needed_for == "douleur non calmée par le paracétamol"


# --- strength, form, route ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("AUGMENTIN 500 mg/62,5 mg 2 cp x2/j", [("500", "mg"), ("62.5", "mg")]),
        ("Liptruzet 10/80 mg 1 comprimé le soir", [("10", "mg"), ("80", "mg")]),
        ("Innovair 200/6 µg 1 bouffée matin et soir", [("200", "µg"), ("6", "µg")]),
        ("LOVENOX 6000 UI - 1 injection sous cutanée/j", [("6000", "UI")]),
        ("UVEDOSE 100 000 UI 1 ampoule tous les 3 mois", [("100000", "UI")]),
        ("Lévothyrox 75 microg 1 cp/j", [("75", "µg")]),
        ("Spéciafoldine 0,4 mg 1 cp/j", [("0.4", "mg")]),
        ("Paracétamol : un comprimé d'un gramme si besoin", [("1", "g")]),
        ("KARDEGIC 75 1 sachet/j", [("75", "")]),
    ],
)
def test_strength(line: str, parts: list[tuple[str, str]]) -> None:
    strength = read(line)[0].strength
    assert strength is not None
    assert strength.value is not None
    assert [(str(q.value), q.unit) for q in strength.value.parts] == parts


def test_a_strength_no_presentation_has_is_doubtful_and_not_rewritten() -> None:
    (medication,) = read("AMLOR 17 mg 1 cp le soir")
    assert medication.strength is not None
    assert medication.strength.value is not None
    assert medication.strength.value.parts[0].value == Decimal(17)
    assert medication.strength.state is State.DOUBTFUL


def test_a_daily_dose_of_several_units_is_no_wrong_strength() -> None:
    (medication,) = read("solupred 80mg par jour")
    assert medication.strength is not None
    assert medication.strength.state is State.SURE


def test_capsules_for_inhalation_are_not_swallowed() -> None:
    (medication,) = read("Ultibro 1 gélule matin")
    assert medication.dosage is not None
    assert medication.dosage.value is not None
    route = medication.dosage.value[0].route
    assert route is not None
    assert route.code == "20020000"


# --- several lines ------------------------------------------------------------------------------


def test_two_medicines_on_a_row() -> None:
    line = "- INEXIUM 40 mg 1 cp / jour pendant 2 mois puis INEXIUM 20mg 1cp/jour pendant 1 mois."
    first, second = read(line)
    assert first.strength is not None
    assert second.strength is not None
    assert first.strength.evidence.text == "40 mg"
    assert second.strength.evidence.text == "20mg"


def test_a_dosage_on_the_next_row_belongs_to_the_medicine_above() -> None:
    text = "AMOXICILLINE 1 g\n1 comprimé matin et soir pendant 6 jours\n\nDOLIPRANE 1 g\n1 cp x 3/j"
    first, second = read(text)
    for medication, row in (
        (first, "1 comprimé matin et soir pendant 6 jours"),
        (second, "1 cp x 3/j"),
    ):
        assert medication.dosage is not None
        assert medication.dosage.evidence.text == row


def test_a_common_duration_is_given_to_every_medicine() -> None:
    found = read("AMLOR 5 mg 1 gél/j\nTAHOR 10 mg 1 cp le soir\nQSP 3 mois, à renouveler 3 fois")
    assert len(found) == 2
    for medication in found:
        assert medication.supply_duration is not None
        assert medication.supply_duration.value is not None
        assert medication.supply_duration.value.value == 3
        assert medication.repeats is not None
        assert medication.repeats.value == 3


def test_bizone() -> None:
    found = read(
        "Prescriptions relatives au traitement de l'affection de longue durée reconnue\n"
        "METFORMINE 850 mg 1 cp matin et soir\n"
        "Prescriptions SANS RAPPORT avec l'affection de longue durée\n"
        "DOLIPRANE 1 g si douleur"
    )
    assert [m.ald.value if m.ald else None for m in found] == [True, False]


@pytest.mark.parametrize(
    ("line", "actions"),
    [
        ("Poursuivre Candesartan 8 mg le matin", [MedicationAction.CONTINUE]),
        ("Arrêt KARDEGIC 75", [MedicationAction.STOP]),
        ("XARELTO 20 mg 1-0-0 (stoppé il y a 3 jours)", [MedicationAction.STOP]),
        (
            "Remplacer AMLOR par COVERSYL 5 mg 1/j",
            [MedicationAction.STOP, MedicationAction.SWITCH],
        ),
        (
            "LOVENOX 4000 UI, relais par PREVISCAN 20 mg",
            [MedicationAction.STOP, MedicationAction.SWITCH],
        ),
        (
            "ELIQUIS 5 mg matin et soir à la place de PREVISCAN",
            [MedicationAction.SWITCH, MedicationAction.STOP],
        ),
        ("Poursuivre KARDEGIC 75 et TAHOR 20", [MedicationAction.CONTINUE] * 2),
        (
            "Stop LASILIX, poursuivre TRIATEC 5 mg 1/j",
            [MedicationAction.STOP, MedicationAction.CONTINUE],
        ),
        (
            "Stop Xaarelto ; début Eliiquis 5 mg 1 cp x 2/j",
            [MedicationAction.STOP, MedicationAction.START],
        ),
        (
            "Stop Furosémide, pouursuivre Ramipril 5 mg 1/j",
            [MedicationAction.STOP, MedicationAction.CONTINUE],
        ),
        (
            "on continue bisoprolol 2,5 et on arrete le lercan",
            [MedicationAction.CONTINUE, MedicationAction.STOP],
        ),
        ("KARDEGIC 75 1 sachet le midi, ne pas arrêter", [MedicationAction.START]),
        (
            "Relais Héparine par Coumadine 5 mg 1 cp le soir",
            [MedicationAction.STOP, MedicationAction.SWITCH],
        ),
        ("DOLIPRANE 1 g x 3/j", [MedicationAction.START]),
    ],
)
def test_actions(line: str, actions: list[MedicationAction]) -> None:
    assert [m.action for m in read(line)] == actions


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Traitement : RAMIPRIL 5 mg 1 cp/j", MedicationAction.START),
        ("TTT : RAMIPRIL 5 mg 1 cp/j", MedicationAction.START),
        ("Traitement habituel : RAMIPRIL 5 mg 1 cp/j", MedicationAction.CONTINUE),
        ("Motif : HTA\nTraitement : RAMIPRIL 5 mg 1 cp/j\nExamen : TA 12/7\n"
         "Conclusion : HTA équilibrée", MedicationAction.CONTINUE),
        ("Motif : HTA\nExamen : TA 16/9\nConclusion : HTA\nTraitement : RAMIPRIL 5 mg 1 cp/j",
         MedicationAction.START),
    ],
)  # fmt: skip
def test_what_a_treatment_title_heads(text: str, action: MedicationAction) -> None:
    (medication,) = extract(document_from_text(text), Settings()).medications
    assert medication.action is action


def test_substitution_and_renewal() -> None:
    (medication,) = read("LEVOTHYROX 75 µg 1 cp/j QSP 3 mois AR 1 fois NS (MTE)")
    assert medication.substitution is not None
    assert medication.substitution.value is not None
    assert (medication.substitution.value.allowed, medication.substitution.value.reason) == (
        False,
        "MTE",
    )
    assert medication.repeats is not None
    assert medication.repeats.value == 1


# --- trust --------------------------------------------------------------------------------------


def test_a_struck_line_is_never_started() -> None:
    rows = written(sentence("DOLIPRANE 1 g x 3/j"), struck=True)
    (medication,) = read_medications(rows, SETTINGS, prescription=True)
    assert medication.action is MedicationAction.STOP
    assert medication.drug.state is State.DOUBTFUL


def test_a_handwritten_digit_that_is_not_beyond_question_is_checked() -> None:
    for name, state in (("DOLIPRANE", State.SURE), ("ZORBAXIL", State.DOUBTFUL)):
        text = f"{name} 500 mg 2 cp matin et soir"
        rows = written(sentence(text, 0.94), kind=ZoneKind.HANDWRITTEN)
        (medication,) = read_medications(rows, SETTINGS, prescription=True)
        assert medication.strength is not None
        assert medication.strength.state is state  # a presentation confirms the first
        assert medication.dosage is not None
        assert medication.dosage.state is State.DOUBTFUL


def test_unreadable_ink_gives_no_value() -> None:
    rows = written(sentence("DOLIPRANE 500 mg 2 cp matin et soir", 0.1))
    (medication,) = read_medications(rows, SETTINGS, prescription=True)
    assert medication.drug.state is State.UNREAD
    assert medication.drug.value is None


def test_every_value_points_at_its_words() -> None:
    (medication,) = read("  DOLIPRANE 1000 mg  cp : 1 cp matin et soir pendant 5 jours QSP 1 boîte")
    assert medication.dosage is not None
    assert medication.strength is not None
    assert medication.strength.evidence.boxes[0] == Box(x=12, y=0, width=7, height=1)
    assert medication.dosage.evidence.text == "1 cp matin et soir pendant 5 jours"


def test_a_row_without_room_goes_on_in_the_next() -> None:
    text = (
        "ORDONNANCE\n1/ Bisoprolol 5 mg comprimés 1 cpr le soir, QSP 6\nmois\n"
        "2/ Cortancyl 20 mg 3 cpr le matin pendant 2\njours puis 2 cpr x 5 j\n"
        "3/ Paracétamol 1 g 1 gélule 2 fois par jour si\ndouleurs, sans dépasser 4 par jour"
    )
    first, second, third = extract(document_from_text(text), SETTINGS).medications
    assert first.supply_duration is not None
    assert first.supply_duration.value is not None
    assert (int(first.supply_duration.value.value), first.supply_duration.value.ucum) == (6, "mo")
    assert second.dosage is not None
    assert len(second.dosage.value or ()) == 2
    assert third.dosage is not None
    assert third.dosage.value is not None
    assert third.dosage.value[0].as_needed


def test_how_an_unread_medicine_is_taken_is_not_shared_with_others() -> None:
    atarax, *_ = read("ATARAX 25 mg\n1 cp au coucher\nXq 50\n1 comprimé chaque matin, qsp 1 mois")
    assert names([atarax]) == ["ATARAX"]
    assert atarax.supply_duration is None


def test_a_name_that_the_engine_cut_is_one_name() -> None:
    (medication,) = read("5/ JANU VIA 50mg comprimé\n1 comprimé chaque matin")
    assert names([medication]) == ["JANUVIA"]
    assert medication.drug.value is not None
    assert medication.drug.value.match is Match.NORMALISED


def test_an_unknown_name_under_the_title_of_a_prescription_is_kept_and_doubtful() -> None:
    extraction = extract(
        document_from_text("ORDONNANCE\nZzorglub 50 mg\n1 comprimé chaque matin"), SETTINGS
    )
    (medication,) = extraction.medications
    assert medication.drug.value is not None
    assert medication.drug.value.text == "Zzorglub"
    assert medication.drug.state is State.DOUBTFUL


# --- measured -----------------------------------------------------------------------------------

_CONFUSED = {
    "1": "lI", "0": "Oo", "l": "1I", "o": "0", "é": "eè", "è": "e", "à": "a", "u": "v",
    "n": "ri", "r": "t", "s": "5", "g": "q", ",": ".", ".": ",", "t": "f", "j": "i", "c": "e",
}  # fmt: skip


def confused(text: str, rng: random.Random) -> str:
    """`text` with one character read as one that looks like it, or one space lost."""
    places = [i for i, c in enumerate(text) if c in _CONFUSED or c == " "]
    place = rng.choice(places)
    instead = "" if text[place] == " " else rng.choice(_CONFUSED[text[place]])
    return text[:place] + instead + text[place + 1 :]


def test_real_dosage_lines(shared_dir: Path) -> None:
    score = score_lines(load(shared_dir / "clinical-text" / "posology_dev.jsonl"), SETTINGS)
    assert score.line_accuracy >= 0.95, score.mistakes
    assert score.field_accuracy >= 0.99, score.table()
    assert score.sure_and_wrong <= 1, score.mistakes


def test_real_dosage_lines_with_a_misread_character(shared_dir: Path) -> None:
    rng = random.Random(11)
    lines = [
        {**line, "text": confused(str(line["text"]), rng)}
        for line in load(shared_dir / "clinical-text" / "posology_dev.jsonl")
    ]
    score = score_lines(lines, SETTINGS)
    assert score.line_accuracy >= 0.85, score.mistakes
    assert score.sure_and_wrong / score.lines <= 0.05, score.mistakes


def test_medicines_of_real_reports(shared_dir: Path) -> None:
    """Sixty-two reports of PARHAF (CC BY 4.0), annotated by hand for the medicines taken."""
    truth = json.loads((Path(__file__).with_name("data") / "parhaf_drugs.json").read_text("utf-8"))
    lines = (shared_dir / "clinical-text" / "parhaf_dev.jsonl").read_text("utf-8").split("\n")
    texts = {record["id"]: record["text"] for record in map(json.loads, filter(None, lines))}
    terminology = Terminology.load(SETTINGS)

    def keys(name: str) -> set[object]:
        entries = terminology.find(name)
        return {squash(fold_name(name))} | {
            frozenset(entry.substances) for entry in entries if entry.substances
        }

    right = missed = invented = 0
    for identifier, annotation in truth.items():
        wanted = [keys(name) for name in annotation["drugs"]]
        allowed = [keys(name) for name in annotation.get("optional", [])]
        got: list[set[object]] = []
        for medication in extract(document_from_text(texts[identifier]), SETTINGS).medications:
            drug = medication.drug.value
            assert drug is not None
            own: set[object] = keys(drug.text) | (keys(drug.name) if drug.name else set())
            got.append(own | ({frozenset(drug.substances)} if drug.substances else set()))
        right += sum(any(one & other for other in got) for one in wanted)
        missed += sum(not any(one & other for other in got) for one in wanted)
        invented += sum(not any(one & other for other in [*wanted, *allowed]) for one in got)
    assert right > 150
    assert 2 * right / (2 * right + missed + invented) >= 0.95


def test_a_misread_name_is_put_forward_as_understood_and_kept_as_read() -> None:
    (medication,) = read("Kardege 160 mg sachets : 1 sachet par jour")
    assert medication.drug.value is not None
    assert medication.drug.value.text == "KARDEGIC"
    assert medication.drug.evidence.text == "Kardege"


def test_a_name_that_a_wide_hand_spaces_is_put_forward_in_one_piece(
    extracted: Callable[[str], Extraction],
) -> None:
    (medication,) = extracted("Ordonnance\n\nco aprovel 150 mg/12,5 mg\n").medications
    assert medication.drug.value is not None
    assert (medication.drug.value.text, medication.drug.value.name) == ("COAPROVEL", "COAPROVEL")
    assert medication.drug.evidence.text == "co aprovel"


def test_a_word_of_a_stamp_is_no_medicine() -> None:
    box = Box(x=0, y=0, width=40, height=10)
    words = [Word(text="FORENE", box=box, confidence=0.5)]
    (plain,) = written(words)
    assert names(read_medications((plain,), SETTINGS, prescription=True)) == ["FORENE"]
    stamped = dataclasses.replace(plain, kind=ZoneKind.STAMP)
    assert read_medications((stamped,), SETTINGS, prescription=True) == ()
    (dosed,) = text_lines(document_from_text("Radienne 1 cp le soir"))
    assert len(read_medications((dosed,), SETTINGS, prescription=True)) == 1
    stamped = dataclasses.replace(dosed, kind=ZoneKind.STAMP)
    assert read_medications((stamped,), SETTINGS, prescription=True) == ()


@pytest.mark.parametrize(
    "row", ["Page 1/2", "jours puis 2 cp x 5 j", "dépasser 4 par jour", "RPP 8 : 10.9.94 618 4099"]
)
def test_rows_that_name_no_medicine(row: str) -> None:
    extraction = extract(document_from_text(f"ORDONNANCE\nDoliprane 1 g\n\n\n{row}"), SETTINGS)
    assert names(extraction.medications) == ["DOLIPRANE"]


def test_a_strength_in_common_does_not_confirm_a_name_some_letters_away() -> None:
    (medication,) = read("CalcitD3 500 mg : 1 cp par jour")
    assert medication.drug.state is State.DOUBTFUL
    (nearer,) = read("Amoxiciline 500 mg : 1 gélule matin et soir")
    assert nearer.drug.state is State.SURE
