"""Sections, problems, allergies, orders, certificates, next visits and kinds of paper."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.extraction import conditions
from pipeline.extraction.conditions.qualifiers import qualify
from pipeline.extraction.evidence import TextLine, document_from_text
from pipeline.extraction.pipeline import extract
from pipeline.extraction.sections.reading import find_title, flowed, in_sections
from pipeline.model import (
    Certainty,
    ConditionRole,
    DocumentKind,
    Extraction,
    OrderKind,
    State,
    Value,
    ZoneKind,
)
from pipeline.terminology import import_cim10

Rows = Callable[[str], tuple[TextLine, ...]]
Extracted = Callable[[str], Extraction]
HEAD = (
    "Dr Anne MOREL\nMédecine générale\n\nLyon, le 12/11/2026\n\nMme ROY Zoé, née le 12/03/1988\n\n"
)


# --- sections -------------------------------------------------------------------------------


def test_a_strange_word_by_hand_is_to_be_read_again() -> None:
    document = document_from_text(HEAD + "Motif : fatique\nATCD : asthme\n")
    by_hand = [
        page.model_copy(
            update={
                "lines": tuple(
                    line.model_copy(update={"kind": ZoneKind.HANDWRITTEN}) for line in page.lines
                )
            }
        )
        for page in document.pages
    ]
    found = extract(document.model_copy(update={"pages": tuple(by_hand)}), Settings())
    states = {one.text.value: one.text.state for one in found.conditions}
    assert states == {"fatique": State.DOUBTFUL, "asthme": State.SURE}


def test_titles_in_prose_count_where_their_colon_was_lost(extracted: Extracted) -> None:
    found = extracted(
        HEAD + "Motif de consultation : fièvre. À l'examen TA 11/7 38°3. Bon état général. "
        "Diagnostic lombalgie commune. Traitement\nSINGULAIR 10 mg\n1 cp le soir\n"
    )
    texts = {one.text.value for one in found.conditions}
    assert texts == {"fièvre", "lombalgie commune"}


def test_a_dated_consultation_heads_no_note(extracted: Extracted) -> None:
    kind = extracted(
        HEAD.replace("Lyon, le", "Consultation du") + "1/ JANUVIA 50 mg 1 cp le soir\n"
    ).kind
    assert kind.value is DocumentKind.PRESCRIPTION


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("ATCD : HTA", "history"),
        ("Antécédents familiaux :", "family"),
        ("Motif de consultation : toux", "reason"),
        ("- Allergies : pénicilline", "allergies"),
        ("À l'examen :", "examination"),
        ("Au total : angine", "conclusion"),
        ("CAT :", "plan"),
        ("Traitement en cours", "treatment"),
        ("Renseignements cliniques dyslipidémie", "information"),
    ],
)
def test_a_title_opens_its_section(rows: Rows, text: str, section: str) -> None:
    title = find_title(rows(text)[0])
    assert title is not None
    assert title.section == section


def test_titles_inside_a_paragraph_cut_it(rows: Rows) -> None:
    text = "Motif : toux. Antécédents : HTA, asthme. Examen clinique : TA 13/8. CAT : repos"
    pieces = flowed(in_sections(rows(text), frozenset()))
    assert [piece.section for piece in pieces] == ["reason", "history", "examination", "plan"]


def test_a_wrapped_row_goes_on_in_the_next(rows: Rows) -> None:
    text = "ATCD : fracture du poignet, césarienne, diabète de type\n2, migraine ancienne\nTA 13/8"
    pieces = flowed(in_sections(rows(text), frozenset()))
    assert pieces[0].text.endswith("diabète de type 2, migraine ancienne")
    boxes = pieces[0].span().boxes
    assert len(boxes) == 2
    assert boxes[0].y != boxes[1].y


# --- problems -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "term", "certainty"),
    [
        ("pas de fièvre", "fièvre", Certainty.NEGATED),
        ("absence de dyspnée", "dyspnée", Certainty.NEGATED),
        ("sans toux", "toux", Certainty.NEGATED),
        ("pas de fièvre, toux, ni dyspnée", "toux", Certainty.NEGATED),
        ("pas de souffle, légers œdèmes", "œdèmes", Certainty.CONFIRMED),
        ("VIH : négatif", "VIH", Certainty.NEGATED),
        ("suspicion de phlébite", "phlébite", Certainty.HYPOTHESIS),
        ("pneumopathie ?", "pneumopathie", Certainty.HYPOTHESIS),
        ("embolie pulmonaire à éliminer", "embolie pulmonaire", Certainty.HYPOTHESIS),
        ("phlébite surale possible", "phlébite", Certainty.HYPOTHESIS),
        ("phlébite et angine possible", "phlébite", Certainty.CONFIRMED),
        ("angine", "angine", Certainty.CONFIRMED),
        ("pas de fièvre mais une toux", "toux", Certainty.CONFIRMED),
    ],
)
def test_what_the_words_around_make_of_a_problem(
    rows: Rows, text: str, term: str, certainty: Certainty
) -> None:
    line = rows(text)[0]
    start = line.text.index(term)
    assert qualify(line.folded, start, start + len(term)).certainty is certainty


def test_normal_findings_and_advice_are_no_problems(extracted: Extracted) -> None:
    text = (
        "ATCD : DNID, abdomen souple, mobilité conservée\n"
        "Conclusion : zona. Règles hygiéno-diététiques\n"
    )
    found = extracted(HEAD + "Consultation\n\n" + text).conditions
    assert [one.text.value for one in found] == ["DNID", "zona"]
    asked = extracted(HEAD + "Consultation\n\nMotif : renouvellement d'ordonnance\n").conditions
    assert [one.text.value for one in asked] == ["renouvellement d'ordonnance"]


def test_a_list_with_bullets_ends_at_the_row_that_has_none(extracted: Extracted) -> None:
    text = "Antécédents :\n- ulcère gastrique\n- GEU\nPouls périphériques perçus\n"
    found = extracted(HEAD + "Consultation\n\n" + text).conditions
    assert [one.text.value for one in found] == ["ulcère gastrique", "GEU"]


def test_a_long_lasting_treatment_is_no_history(extracted: Extracted) -> None:
    text = (
        "Motif : cervicalgies. Traitement au long cours :\nFUROSEMIDE 40 mg : 0-0-2, qsp 1 mois\n"
    )
    found = extracted(HEAD + "Consultation\n\n" + text)
    assert [one.text.value for one in found.conditions] == ["cervicalgies"]
    assert [one.drug.value.name for one in found.medications if one.drug.value] == ["FUROSEMIDE"]


def test_medicines_below_allergies_said_on_one_row_are_medicines(extracted: Extracted) -> None:
    text = "Allergies : pénicilline\nTIT :\nPravastatine 20 mg : 1 cp le soir\n"
    found = extracted(HEAD + "Consultation\n\n" + text)
    assert [one.text.value for one in found.allergies] == ["pénicilline"]
    assert [one.drug.value.name for one in found.medications if one.drug.value] == ["PRAVASTATINE"]
    more = extracted(HEAD + "Consultation\n\nAllergies : pénicilline\n- iode 2015\n").allergies
    assert len(more) == 2


def test_what_stands_before_a_title_denies_nothing(extracted: Extracted) -> None:
    found = extracted(HEAD + "Consultation\n\n0 Motif : gonalgies\nHématurie : non\n").conditions
    assert [(one.text.value, one.certainty) for one in found] == [
        ("gonalgies", Certainty.CONFIRMED),
        ("Hématurie", Certainty.NEGATED),
    ]


def test_the_familys_problems_are_the_familys(rows: Rows) -> None:
    line = rows("HTA chez la mère")[0]
    assert qualify(line.folded, 0, 3).family
    line = rows("père : infarctus")[0]
    assert qualify(line.folded, 7, 16).family


def test_problems_of_a_note(extracted: Extracted) -> None:
    found = extracted(
        HEAD + "Motif : toux\nATCD : HTA, diabète de type 2, appendicectomie en 1999\n"
        "Antécédents familiaux : cancer du sein\nPas de fièvre\n"
        "Conclusion : suspicion de pneumopathie\nDOLIPRANE 1 g si douleur ou fièvre\n"
    )
    said = {
        (one.text.value, one.code.code if one.code else None, one.certainty, one.role)
        for one in found.conditions
    }
    assert said == {
        ("toux", "R05", Certainty.CONFIRMED, ConditionRole.REASON),
        ("HTA", "I10", Certainty.CONFIRMED, ConditionRole.HISTORY),
        ("diabète de type 2", "E11.9", Certainty.CONFIRMED, ConditionRole.HISTORY),
        ("appendicectomie en 1999", "Z90.4", Certainty.CONFIRMED, ConditionRole.HISTORY),
        ("cancer du sein", "C50.9", Certainty.CONFIRMED, ConditionRole.FAMILY),
        ("fièvre", "R50.9", Certainty.NEGATED, ConditionRole.PROBLEM),
        ("pneumopathie", "J18.9", Certainty.HYPOTHESIS, ConditionRole.DIAGNOSIS),
    }


# --- allergies ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Allergies : pénicilline (urticaire)", [("pénicilline", "allergy", "urticaire")]),
        ("Allergique à l'iode", [("iode", "allergy", "")]),
        ("Allergie à la pénicilline et aux acariens", [("pénicilline", "allergy", ""),
                                                       ("acariens", "allergy", "")]),
        ("intolérance à la codéine", [("codéine", "intolerance", "")]),
        ("Allergies : œdème de Quincke sous PYOSTACINE", [("PYOSTACINE", "allergy",
                                                           "œdème de Quincke")]),
        ("Devant l'allergie à l'azithromycine, traitement par C3G", [("azithromycine", "allergy",
                                                                      "")]),
    ],
)  # fmt: skip
def test_allergies(extracted: Extracted, text: str, expected: list[tuple[str, str, str]]) -> None:
    found = extracted(HEAD + text)
    assert [(one.text.value, one.kind, one.reaction) for one in found.allergies] == expected
    assert not any(one.none_known for one in found.allergies)


@pytest.mark.parametrize(
    "text",
    ["Pas d'allergie connue", "Allergies : aucune connue", "Allergies : 0", "Allergie : non",
     "Aucun antécédent allergique rapporté", "Allergies\nNéant"],
)  # fmt: skip
def test_none_known_is_said_explicitly(extracted: Extracted, text: str) -> None:
    (one,) = extracted(HEAD + text).allergies
    assert one.none_known


def test_asthma_without_allergy_is_no_statement_about_allergies(extracted: Extracted) -> None:
    assert extracted(HEAD + "ATCD : asthme sévère, non allergique").allergies == ()


# --- orders ---------------------------------------------------------------------------------


def test_orders_of_a_request(extracted: Extracted) -> None:
    found = extracted(
        HEAD + "DEMANDE D'EXAMENS\nFaire pratiquer :\n- NFS, plaquettes\n- TSH\n"
        "- Radiographie du genou droit\n- 10 séances de kinésithérapie\n"
        "- Pansements par IDE à domicile\nRenseignements cliniques : lombalgie\n"
    )
    assert found.kind.value is DocumentKind.TEST_REQUEST
    assert [(one.kind, one.text.value) for one in found.orders] == [
        (OrderKind.LABORATORY, "NFS, plaquettes"),
        (OrderKind.LABORATORY, "TSH"),
        (OrderKind.IMAGING, "Radiographie du genou droit"),
        (OrderKind.PHYSIOTHERAPY, "10 séances de kinésithérapie"),
        (OrderKind.NURSING, "Pansements par IDE à domicile"),
    ]


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("Analyses médicales\nBilan sanguin :\n- NFS\n- TSH", ["NFS", "TSH"]),
        ("Bilan à réaliser\nFaire pratiquer par IDE :\n- Pansement simple", ["Pansement simple"]),
        ("Ordonnance\nPrélèvement à domicile par IDE :\n. NFS\n1 - TSH", ["NFS", "TSH"]),
        ("Ordonnance\nBilan sanguin", ["Bilan sanguin"]),
        ("Demande d'examens\n- Glycémie à jeun\nÀ jeun", ["Glycémie à jeun"]),
        ("Demande d'examens\n- Vitamine D (25 OH)\n- TSH", ["Vitamine D (25 OH)", "TSH"]),
        (
            "Ordonnance\n- Injections             quotidiennes par une infirmière à\n"
            "  domicile pendant 10 jours",
            ["Injections quotidiennes par une infirmière à domicile pendant 10 jours"],
        ),
    ],
)
def test_what_heads_a_list_is_no_order(extracted: Extracted, text: str, orders: list[str]) -> None:
    found = extracted(f"{HEAD}{text}\n")
    assert [one.text.value for one in found.orders] == orders
    assert found.medications == ()


@pytest.mark.parametrize(
    ("text", "kind", "state"),
    [
        ("Radiographie du bassin", DocumentKind.TEST_REQUEST, State.SURE),
        ("NFS\nVitamine D (25 OH)\n\nIndication : asthénie", DocumentKind.TEST_REQUEST, State.SURE),
        (
            "Radiographie du bassin\nen charge, bilatérale",
            DocumentKind.PRESCRIPTION,
            State.DOUBTFUL,
        ),
        ("VITAMINE D 100 000 UI\n1 ampoule", DocumentKind.PRESCRIPTION, State.SURE),
        ("AMLOR 5 mg\n1 gélule le matin\nNFS", DocumentKind.PRESCRIPTION, State.SURE),
    ],
)
def test_an_ordonnance_that_only_asks_for_examinations_is_a_request(
    extracted: Extracted, text: str, kind: DocumentKind, state: State
) -> None:
    found = extracted(f"{HEAD}ORDONNANCE\n\n{text}\n").kind
    assert (found.value, found.state) == (kind, state)


def test_results_and_denials_are_no_orders(extracted: Extracted) -> None:
    found = extracted(HEAD + "Examen clinique :\nTSH 2,3 mUI/L\nCAT :\nPas de radio\nRadio normale")
    assert found.orders == ()


# --- certificates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "start", "end"),
    [
        ("Je soussignée certifie que l'état de santé de Mme ROY nécessite un arrêt de travail de "
         "3 jours, du 12/11/2026 au 14/11/2026 inclus.", "sick-leave", "2026-11-12", "2026-11-14"),
        ("Arrêt de travail de 5 jours à compter du 12/11/2026", "sick-leave", "2026-11-12",
         "2026-11-16"),
        ("Je certifie que Mme ROY ne présente pas de contre-indication à la pratique du sport",
         "sport", None, None),
        ("Je certifie que Mme ROY s'est présentée ce jour à mon cabinet.", "presence", None, None),
        ("Je certifie que Mme ROY est enceinte", "pregnancy", None, None),
    ],
)  # fmt: skip
def test_certificates(
    extracted: Extracted, text: str, kind: str, start: str | None, end: str | None
) -> None:
    found = extracted(HEAD + "CERTIFICAT MÉDICAL\n" + text)
    assert found.kind.value is DocumentKind.CERTIFICATE
    (one,) = found.certificates
    assert one.kind == kind
    days = [value.value.isoformat() if value and value.value else None
            for value in (one.start, one.end)]  # fmt: skip
    assert days == [start, end]


def test_a_leave_that_ends_before_it_starts_is_doubted(extracted: Extracted) -> None:
    found = extracted(HEAD + "CERTIFICAT\nArrêt de travail du 14/11/2026 au 12/11/2026")
    (one,) = found.certificates
    assert one.end is not None
    assert one.end.state is State.DOUBTFUL


@pytest.mark.parametrize(
    ("text", "start", "end", "sure"),
    [
        ("Prolongation AT jusqu'au 27/11/26", None, "2026-11-27", True),
        ("Lumbago. AT jusqu'au 20/11/2026", None, "2026-11-20", True),
        ("Arrêt de travail à compter de ce jour jusqu'au 22/11/2026 inclus", "2026-11-12",
         "2026-11-22", True),
        ("Arrêt de travail de 5 jours, jusqu'au 16/11/2026 inclus", None, "2026-11-16", True),
        ("Arrêt de travail de 5 jours, jusqu'au 25/11/2026 inclus", None, "2026-11-25", False),
        ("Arrêt de travail jusqu'au 10/11/2026", None, "2026-11-10", False),
        ("Arrêt de travail jusqu'à vendredi inclus", None, "2026-11-13", False),
    ],
)  # fmt: skip
def test_the_end_of_a_leave_is_held_against_its_length_and_the_day_of_the_paper(
    extracted: Extracted, text: str, start: str | None, end: str, sure: bool
) -> None:
    found = extracted(HEAD + "CONSULTATION\n" + text)
    (one,) = found.certificates
    assert one.kind == "sick-leave"
    assert one.end is not None and _day(one.end) == end
    assert (one.end.state is State.SURE) == sure
    assert _day(one.start) == (start or "")
    assert not found.medications


# --- next visit -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said", "day"),
    [
        ("Revoir dans 2 semaines", "Revoir dans 2 semaines", None),
        ("À revoir si besoin", "À revoir si besoin", None),
        ("RDV le 14/12/2026 à 10h", "RDV le 14/12/2026 à 10h", dt.date(2026, 12, 14)),
        ("Prochain RDV le 5 janvier", "Prochain RDV le 5 janvier", dt.date(2027, 1, 5)),
    ],
)
def test_the_next_visit(extracted: Extracted, text: str, said: str, day: dt.date | None) -> None:
    (one,) = extracted(HEAD + text).appointments
    assert one.text.value == said
    assert (one.date.value if one.date is not None else None) == day


# --- short notes ----------------------------------------------------------------------------

_MARKS = {Certainty.CONFIRMED: "+", Certainty.NEGATED: "-", Certainty.HYPOTHESIS: "?"}


def table() -> list[tuple[str, str]]:
    """Short notes and what they say."""
    rows = (Path(__file__).with_name("data") / "statement_lines.tsv").read_text("utf-8")
    lines = [row for row in rows.splitlines() if row and row[0] != "#"]
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines]


def _day(value: Value[dt.date] | None) -> str:
    return "" if value is None or value.value is None else value.value.isoformat()


def _said(found: Extraction, asked: str) -> list[str]:
    """What a note says, of the kinds that `asked` speaks of."""
    said = []
    for one in found.conditions:
        role = "" if one.role is ConditionRole.PROBLEM else f"@{one.role.value}"
        said.append(f"p{_MARKS[one.certainty]}{one.text.value}{role}")
    said += ["a-" if one.none_known else f"a{one.text.value}" for one in found.allergies]
    said += [f"o{one.kind.value}" for one in found.orders]
    for paper in found.certificates:
        start = "" if f"c{paper.kind} .." in asked else _day(paper.start)
        days = f" {start}..{_day(paper.end)}" if ".." in asked else ""
        said.append(f"c{paper.kind}{days}")
    said += [f"v{_day(one.date)}" for one in found.appointments]
    kinds = {one[0] for one in asked.split("; ")}
    return [one for one in said if one[0] in kinds]


@pytest.mark.parametrize(("text", "expected"), table())
def test_a_short_note_says_what_the_table_has(
    extracted: Extracted, text: str, expected: str
) -> None:
    found = extracted(HEAD + text.replace(" / ", "\n"))
    assert _said(found, expected) == expected.split("; ")


# --- CIM-10 ---------------------------------------------------------------------------------


def test_problems_get_the_code_of_the_imported_label_that_says_them(tmp_path: Path) -> None:
    source, store = tmp_path / "cim.csv", tmp_path / "store.sqlite"
    source.write_text(
        "code;label\nK04.0;Pulpite\nH65.0;Otite moyenne aiguë séreuse\n"
        "L98.4;Ulcère chronique de la peau, non classé ailleurs\nG47.4;Narcolepsie et cataplexie\n"
        "D86.9;Sarcoïdose, sans précision\nI10;Une autre hypertension\n",
        "utf-8",
    )
    import_cim10(source, store)
    text = (
        "ATCD : HTA, sarcoïdose en 2012, pulpite récidivante, otite moyenne aiguë séreuse droite\n"
        "Diagnostic : narcolepsie"
    )
    found = extract(document_from_text(HEAD + text), Settings(terminology=store), dt.date.today())
    codes = {one.text.value: one.code.code if one.code else None for one in found.conditions}
    assert codes == {
        "HTA": "I10",
        "sarcoïdose en 2012": "D86.9",
        "pulpite récidivante": None,
        "otite moyenne aiguë séreuse droite": "H65.0",
        "narcolepsie": None,
    }


def test_a_serology_is_no_disease(extracted: Extracted) -> None:
    found = extracted(
        HEAD + "Toxoplasmose : non immunisée\nRubéole : immunisée\nSyphilis : négative"
    )
    assert [(one.text.value, one.certainty) for one in found.conditions] == [
        ("Syphilis", Certainty.NEGATED)
    ]


def test_codes_of_the_table_are_codes() -> None:
    path = Path(conditions.__file__).with_name("problems.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    terms = [term for row in rows for term in row["terms"].split("|")]
    assert len(terms) == len(set(terms)) > 600
    assert all(re.fullmatch(r"[A-Z]\d\d(?:\.\d)?", row["code"]) for row in rows if row["code"])
    assert sum(bool(row["code"]) for row in rows) >= 350


# --- kinds ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ORDONNANCE\nDOLIPRANE 1 g 1 cp 3 fois par jour", DocumentKind.PRESCRIPTION),
        ("DOLIPRANE 1 g\n1 cp 3 fois par jour pendant 5 jours", DocumentKind.PRESCRIPTION),
        ("Prescriptions relatives au traitement de l'affection de longue durée reconnue\n"
         "METFORMINE 500 mg 1 cp matin\nMALADIES INTERCURRENTES\nDOLIPRANE 1 g 1 cp/j",
         DocumentKind.PRESCRIPTION_BIZONE),
        ("Motif : toux\nÀ l'examen : TA 13/8\nCAT : repos", DocumentKind.CONSULTATION),
        ("Consultation prénatale\n24 SA + 3, HU 24 cm\nBDC +", DocumentKind.PREGNANCY),
        ("Ordonnance de biologie\nFaire pratiquer :\n- NFS", DocumentKind.TEST_REQUEST),
        ("Certificat médical\nJe certifie avoir examiné ce jour", DocumentKind.CERTIFICATE),
    ],
)  # fmt: skip
def test_the_kind_of_paper(extracted: Extracted, text: str, kind: DocumentKind) -> None:
    assert extracted(HEAD + text).kind.value is kind
