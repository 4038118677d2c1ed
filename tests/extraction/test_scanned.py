"""What is doubted because it was read from ink: a misread one is likelier than such a number."""

from __future__ import annotations

import datetime as dt

import pytest

from pipeline.config import Settings
from pipeline.extraction.evidence import document_from_text
from pipeline.extraction.pipeline import extract
from pipeline.model import Alternative, Extraction, Line, Quantity, State, ZoneKind

HEAD = "Dr Alain FOURNEL\nMédecine générale\n\nMme ROY Zoé, née le 12/03/1986\nle 12/11/2026\n\n"


def _scanned(
    text: str,
    head: str = HEAD,
    kind: ZoneKind = ZoneKind.PRINTED,
    only: str = "",
    **of_words: object,
) -> Extraction:
    """`text` extracted as if it had been read from a scan, below a letterhead; `of_words` is what
    an engine says of each word, or of the `only` one."""

    def read(line: Line) -> Line:
        words = tuple(
            word.model_copy(update=of_words if only in ("", word.text) else {})
            for word in line.words
        )
        return line.model_copy(update={"engine": "tesseract 5.3", "kind": kind, "words": words})

    document = document_from_text(head + text)
    pages = tuple(
        page.model_copy(update={"lines": tuple(map(read, page.lines))}) for page in document.pages
    )
    scanned = document.model_copy(update={"pages": pages})
    return extract(scanned, Settings(), dt.date(2026, 11, 23))


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
        ("MONAZOL 300 mg\npendant 3 jours", State.DOUBTFUL),
        ("MONAZOL 300 mg le soir pendant 3 jours", State.SURE),
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


@pytest.mark.parametrize(
    ("day", "state"), [("12/11/2026", State.SURE), ("16 octobre 1982", State.DOUBTFUL)]
)
def test_a_date_of_long_ago_is_hardly_the_documents(day: str, state: State) -> None:
    found = _scanned(f"Dr Alain FOURNEL\nle {day}\nOrdonnance\n\nLASILIX 40 mg\n", head="")
    assert found.date is not None
    assert found.date.state is state


def test_an_old_date_below_the_name_is_the_birth_date_though_its_label_is_not_read() -> None:
    head = "Dr Alain FOURNEL\nMme ROY Zoé\nvie le 16 octobre 1982\nValbourg - 17/10/2026\n\n"
    found = _scanned("Ordonnance\n\nLASILIX 40 mg\n", head=head)
    assert found.date is not None
    assert found.date.value == dt.date(2026, 10, 17)
    assert found.patient.birth_date is not None
    assert found.patient.birth_date.value == dt.date(1982, 10, 16)
    assert found.patient.birth_date.state is State.DOUBTFUL


@pytest.mark.parametrize(
    ("text", "kind", "state"),
    [
        ("1 cp le soir, AR 1 fois", ZoneKind.HANDWRITTEN, State.SURE),
        ("1 cp le soir, AR", ZoneKind.PRINTED, State.SURE),
        ("1 cp le soir, AR", ZoneKind.HANDWRITTEN, State.DOUBTFUL),
        ("1 cp le soir, AR\n5 fais", ZoneKind.HANDWRITTEN, State.DOUBTFUL),
    ],
)
def test_a_renewal_that_a_hand_left_at_the_end_of_its_row_is_doubted(
    text: str, kind: ZoneKind, state: State
) -> None:
    (line,) = _scanned(f"Ordonnance\n\nLASILIX 40 mg\n{text}\n", kind=kind).medications
    assert line.repeats is not None
    assert line.repeats.state is state


@pytest.mark.parametrize(
    ("text", "kind", "state"),
    [
        ("Suivie pour PR, va bien", ZoneKind.PRINTED, State.SURE),
        ("Suivie pour PR, va bien", ZoneKind.HANDWRITTEN, State.DOUBTFUL),
        ("Antécédents : PR", ZoneKind.HANDWRITTEN, State.SURE),
    ],
)
def test_letters_read_by_hand_are_a_problem_where_problems_stand(
    text: str, kind: ZoneKind, state: State
) -> None:
    found = _scanned(f"Consultation\n\n{text}\n", kind=kind)
    (problem,) = [one for one in found.conditions if one.text.value == "PR"]
    assert problem.text.state is state


def test_a_short_name_that_an_engine_only_offered_is_doubted() -> None:
    offered = (Alternative(text="RAGE", confidence=0.95),)
    found = _scanned("Ordonnance\n\nRoge 1 injection\n", alternatives=offered)
    assert {one.drug.state for one in found.medications} == {State.DOUBTFUL}


def test_a_piece_of_the_prescribers_name_is_no_name() -> None:
    found = _scanned(
        "Ordonnance\n\nLASILIX 40 mg\n", head="Dr Al ain FOURNEL\nMédecine générale\n\n"
    )
    assert found.prescriber.name is not None
    assert found.prescriber.name.state is State.DOUBTFUL


@pytest.mark.parametrize(
    ("row", "confidence", "state"),
    [
        ("1) ce Aprovel 150 mg", 0.95, State.SURE),
        ("1) ce Aprovel 150 mg", 0.5, State.DOUBTFUL),
        ("Assergies : aspirine", 0.5, State.DOUBTFUL),
    ],
)
def test_a_medicine_behind_a_word_that_was_hardly_read_is_doubted(
    row: str, confidence: float, state: State
) -> None:
    front = row.removeprefix("1) ").split()[0]
    found = _scanned(f"Ordonnance\n\n{row}\n", only=front, confidence=confidence)
    (medication,) = found.medications
    assert medication.drug.state is state


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ("Mme NEY Zoé, née le 12/03/1986", State.SURE),
        ("Mme NGUESSAN Zoé, née le 12/03/1986", State.DOUBTFUL),
        ("Patient : Mme ROY Zoé\nJeanne\nNée le 12/03/1986", State.DOUBTFUL),
        ("Patient : Mme ROY Zoé\nNée le 12/03/1986\nOrdonnance", State.SURE),
    ],
)
def test_a_name_by_hand_that_may_not_be_whole_is_doubted(rows: str, state: State) -> None:
    head = f"Dr Alain FOURNEL\nMédecine générale\n\n{rows}\n\n"
    found = _scanned("LASILIX 40 mg\n", head=head, kind=ZoneKind.HANDWRITTEN)
    assert {name.state for name in found.patient.names} == {state}


def test_the_number_of_a_prescriber_who_is_not_certain_is_not_certain() -> None:
    head = "Dr Jeanne HERVIEU            Dr Paul BERTIN\nRPPS : 10990000019\n\n"
    found = _scanned("Ordonnance\n\nLASILIX 40 mg\n", head=head)
    assert found.prescriber.name is not None and found.prescriber.rpps is not None
    assert found.prescriber.name.state is State.DOUBTFUL
    assert found.prescriber.rpps.state is State.DOUBTFUL


def test_a_name_alone_that_cannot_be_read_is_unread() -> None:
    head = "Dr Alain FOURNEL\nNom : VANDERGECKE\nnée le 12/03/1986\n\n"
    found = _scanned("Ordonnance\n\nLASILIX 40 mg\n", head=head, confidence=0.1)
    assert {name.value for name in found.patient.names} <= {None}


@pytest.mark.parametrize(
    ("text", "kind", "state"),
    [
        ("1 comprimé le matin", ZoneKind.HANDWRITTEN, State.SURE),
        ("1 comprimé si douleur", ZoneKind.HANDWRITTEN, State.SURE),
        ("1 comprimé", ZoneKind.HANDWRITTEN, State.DOUBTFUL),
        ("1 comprimé", ZoneKind.PRINTED, State.SURE),
    ],
)
def test_a_dose_by_hand_of_which_nothing_says_when_is_doubted(
    text: str, kind: ZoneKind, state: State
) -> None:
    (line,) = _scanned(f"Ordonnance\n\nAERIUS 5 mg : {text}\n", kind=kind).medications
    assert line.dosage is not None
    assert line.dosage.state is state


@pytest.mark.parametrize(
    ("row", "of_below", "state"),
    [
        ("pendant 7 jours", 0.95, State.SURE),
        ("du repas pdt 30 j", 0.95, State.DOUBTFUL),
        ("rdxix", 0.1, State.DOUBTFUL),
        ("A revoir dans 3 mois", 0.95, State.SURE),
        ("Bien cordialement", 0.95, State.SURE),
    ],
)
def test_a_dosage_is_doubted_where_the_row_below_may_go_on_with_it(
    row: str, of_below: float, state: State
) -> None:
    found = _scanned(
        f"Ordonnance\n\nAERIUS 5 mg\n1 cp le soir au coucher\n{row}\n",
        only=row.split()[0],
        confidence=of_below,
    )
    (line,) = found.medications
    assert line.dosage is not None
    assert line.dosage.state is state


@pytest.mark.parametrize(
    ("text", "only", "state"),
    [
        ("Pas de fièvre", "Pas", State.DOUBTFUL),
        ("Par de fièvre", "Par", State.DOUBTFUL),
        ("Gorge rouge. Fièvre", "Gorge", State.SURE),
    ],
)
def test_a_problem_behind_a_word_hardly_read_may_be_denied(
    text: str, only: str, state: State
) -> None:
    found = _scanned(f"Consultation\n\nExamen : {text}\n", only=only, confidence=0.55)
    (problem,) = found.conditions
    assert problem.text.state is state


@pytest.mark.parametrize(
    ("row", "kind", "state"),
    [
        ("- NFS plaquettes", ZoneKind.HANDWRITTEN, State.SURE),
        ("- RAT", ZoneKind.HANDWRITTEN, State.DOUBTFUL),
        ("- RAT", ZoneKind.PRINTED, State.SURE),
    ],
)
def test_an_examination_by_hand_that_no_list_has_is_doubted(
    row: str, kind: ZoneKind, state: State
) -> None:
    found = _scanned(f"Ordonnance de biologie\n\n{row}\n", kind=kind)
    (order,) = found.orders
    assert order.text.state is state


@pytest.mark.parametrize(
    ("kind", "state"), [(ZoneKind.PRINTED, State.SURE), (ZoneKind.HANDWRITTEN, State.DOUBTFUL)]
)
def test_a_name_must_be_read_more_surely_by_hand(kind: ZoneKind, state: State) -> None:
    found = _scanned("Ordonnance\n\nLASILIX 40 mg\n", kind=kind, only="ROY", confidence=0.86)
    assert {name.state for name in found.patient.names} == {state}


def test_a_label_that_was_misread_is_no_medicine() -> None:
    found = _scanned(
        "Ordonnance\n\nFOSAMAX 70 mg\nresologie : 1 comprimé une fois par semaine, AR 2\n",
        kind=ZoneKind.HANDWRITTEN,
    )
    (line,) = found.medications
    assert line.repeats is not None and line.repeats.value == 2


@pytest.mark.parametrize(
    ("text", "only", "state"),
    [
        ("Hémoglobine : 10,9, ETS", "ETS", State.SURE),
        ("Hémoglobine : 18,9 ETS", "ETS", State.DOUBTFUL),
        ("Terme : 34 SA", "Terme", State.SURE),
        ("Terme : 34 SA 4 1", "Terme", State.DOUBTFUL),
        ("PAS 75 kg", "PAS", State.DOUBTFUL),
        ("PAS 135 mmHg", "Examen", State.SURE),
        ("FC 75", "FC", State.DOUBTFUL),
        ("ferritine 75", "ferritine", State.SURE),
    ],
)
def test_a_measurement_is_doubted_for_what_stands_around_its_figures(
    text: str, only: str, state: State
) -> None:
    found = _scanned(
        f"Consultation\n\nExamen :\n{text}\n", kind=ZoneKind.HANDWRITTEN, only=only, confidence=0.45
    )
    parts = [part for one in found.measurements for part in (one, *one.components)]
    assert {part.value.state for part in parts if part.value is not None} == {state}


@pytest.mark.parametrize(
    ("rows", "days"),
    [
        ("FUCIDINE 2 %            durant 10 jours\n1 application matin et soir", 10),
        ("FUCIDINE 2 %            pdt 10 j\n1 application matin et soir", 10),
        ("FUCIDINE 2 %\n1 application matin et soir\npendant 10 jours", 10),
    ],
)
def test_a_duration_at_the_right_end_of_a_row_in_a_plan_is_its_medicines(
    rows: str, days: int
) -> None:
    (line,) = _scanned(f"Consultation\n\nConduite à tenir :\n{rows}\n").medications
    assert line.dosage is not None and line.dosage.value is not None
    (step,) = line.dosage.value
    assert step.timing is not None and isinstance(step.timing.bounds, Quantity)
    assert step.timing.bounds.value == days


@pytest.mark.parametrize("row", ["QSP 1 mars", "pour 1 mais"])
def test_a_month_misread_behind_its_number_is_restored_and_doubted(row: str) -> None:
    (line,) = _scanned(f"Ordonnance\n\nINDAPAMIDE 1,5 mg\n1 cp le matin\n{row}\n").medications
    assert line.supply_duration is not None and line.supply_duration.value is not None
    assert line.supply_duration.value.unit == "mois"
    assert line.supply_duration.state is State.DOUBTFUL


@pytest.mark.parametrize(
    ("rows", "months"),
    [
        ("SALBUTAMOL 100 µg\n1 bouffée si gêne\nSTAGID 700 mg\n1 cp le soir\nQSP 1 mois\n"
         "FLECAINE 100 mg\n1 cp le matin", [None, 1, None]),
        ("AMLOR 5 mg\n1 gél le matin\nTAHOR 10 mg\n1 cp le soir\nQSP 3 mois", [3, 3]),
        ("AMLOR 5 mg\n1 gél le matin\nTAHOR 10 mg\n1 cp le soir\nLe tout pour 3 mois", [3, 3]),
    ],
)  # fmt: skip
def test_a_duration_below_one_of_several_medicines_is_its_own(
    rows: str, months: list[int | None]
) -> None:
    found = [line.supply_duration for line in _scanned(f"Ordonnance\n\n{rows}\n").medications]
    assert [
        one.value.value if one and isinstance(one.value, Quantity) else None for one in found
    ] == months


def test_a_duration_written_once_at_the_end_is_doubted_for_all_but_the_last() -> None:
    rows = "AMLOR 5 mg\n1 gél le matin\nTAHOR 10 mg\n1 cp le soir\n"
    once = _scanned(f"Ordonnance\n\n{rows}QSP 3 mois\n").medications
    of_all = _scanned(f"Ordonnance\n\n{rows}Le tout pour 3 mois\n").medications
    states = [
        [line.supply_duration.state for line in found if line.supply_duration]
        for found in (once, of_all)
    ]
    assert states == [[State.DOUBTFUL, State.SURE], [State.SURE, State.SURE]]


def test_a_dosage_whose_duration_is_hardly_read_is_doubted() -> None:
    found = _scanned(
        "Ordonnance\n\nTAHOR 10 mg\n1 cp le soir, QSP 3 mois\n", only="QSP", confidence=0.2
    )
    (line,) = found.medications
    assert line.dosage is not None and line.dosage.state is State.DOUBTFUL


def test_a_birth_date_behind_a_label_misread_is_not_the_documents() -> None:
    head = "Dr Alain FOURNEL\n\nMme ROY Zoé\nNé le) le 12/03/1986\n\n"
    found = _scanned("Ordonnance\n\nLASILIX 40 mg\n", head=head)
    assert found.date is None
    assert found.patient.birth_date is not None
    assert found.patient.birth_date.value == dt.date(1986, 3, 12)


def test_a_birth_date_behind_a_mark_that_was_misread_is_doubted() -> None:
    head = "Dr Alain FOURNEL\n\nNom : ROY\nPrénom : Zoé\nSexe : F\n0 12/03/1986\nle 12/11/2026\n\n"
    born = _scanned("LASILIX 40 mg\n", head=head, kind=ZoneKind.HANDWRITTEN).patient.birth_date
    assert born is not None
    assert (born.value, born.state) == (dt.date(1986, 3, 12), State.DOUBTFUL)


@pytest.mark.parametrize(
    ("text", "kind", "state"),
    [
        ("Poids : 83 kg", ZoneKind.HANDWRITTEN, State.SURE),
        ("Poids : 84 kg", ZoneKind.HANDWRITTEN, State.DOUBTFUL),
        ("Poids : 84 kg", ZoneKind.PRINTED, State.SURE),
    ],
)
def test_a_four_by_hand_may_be_a_nine(text: str, kind: ZoneKind, state: State) -> None:
    found = _scanned(f"Consultation\n\nExamen :\n{text}\n", kind=kind, confidence=0.8)
    (value,) = (one.value for one in found.measurements if one.key == "weight")
    assert value is not None and value.state is state


@pytest.mark.parametrize(
    ("row", "state"), [("- 7 1 cp le soir", State.DOUBTFUL), ("- > 1 cp le soir", State.SURE)]
)
def test_a_figure_taken_for_an_arrow_is_shown_to_a_person(row: str, state: State) -> None:
    (line,) = _scanned(f"Ordonnance\n\nAERIUS 5 mg\n{row}\n", kind=ZoneKind.HANDWRITTEN).medications
    assert line.dosage is not None and line.dosage.value is not None
    assert line.dosage.state is state


@pytest.mark.parametrize(
    ("doctor", "patient", "states"),
    [
        ("Dr Alain FOURNEL", "Mme VINEC Zoé", (State.SURE, State.SURE)),
        ("Dr Alain DE", "Mme VINEC Zoé", (State.DOUBTFUL, State.SURE)),
        ("Dr Alain FOURNEL", "Mme Y VINEC Zoé", (State.SURE, State.DOUBTFUL)),
    ],
)
def test_a_name_in_print_that_is_not_whole_is_doubted(
    doctor: str, patient: str, states: tuple[State, State]
) -> None:
    head = f"{doctor}\nMédecine générale\n\n{patient}, née le 12/03/1986\n\n"
    found = _scanned("Ordonnance\n\nLASILIX 40 mg\n", head=head)
    assert found.prescriber.name is not None
    (name,) = found.patient.names
    assert (found.prescriber.name.state, name.state) == states
