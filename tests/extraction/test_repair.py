"""What OCR misreads on print, told by the words beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.extraction.evidence import document_from_text, text_lines
from pipeline.extraction.repair.reading import repaired
from pipeline.model import Alternative


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("e VOGALENE LYOC 7,5 mg", "• VOGALENE LYOC 7,5 mg"),
        ("© Smecta 3 g", "• Smecta 3 g"),
        ("BU protéines ©, sucre ©", "BU protéines 0, sucre 0"),
        ("LEVOTHYROX 100 Hg", "LEVOTHYROX 100 µg"),
        ("LEVOTHYROX 112 lg", "LEVOTHYROX 112 µg"),
        ("ZYMAD 100000. UI ampoule", "ZYMAD 100000 UI ampoule"),
        ("Dextro 1,69 g/1", "Dextro 1,69 g/l"),
        ("dans l'æil droit", "dans l'œil droit"),
        ("Sp0O2 94%", "SpO2 94%"),
        ("SpO 2 98 %, Sp O2 98 %", "SpO2 98 %, SpO2 98 %"),
        ("PRÉ NOM : Zoé", "PRÉNOM : Zoé"),
        ("DPA 31/12/2 026 ; PA : 14 0/60", "DPA 31/12/2026 ; PA : 140/60"),
        ("le 28/10/20 26", "le 28/10/2026"),
        ("née le 28/10/20 26 mois", "née le 28/10/20 26 mois"),
        ("TA 14 9/60", "TA 149/60"),
        ("TA 14/10, 39°%6, FR 16", "TA 14/10, 39°6, FR 16"),
        ("HU 17 e BDC 144/min e BU : sucre 0", "HU 17 • BDC 144/min • BU : sucre 0"),
        # and what must stay
        ("TA 120/80 mm Hg", "TA 120/80 mm Hg"),
        ("e vogalene", "e vogalene"),
        ("soit 3 ug. Hg", "soit 3 µg. Hg"),
        ("A Paris", "A Paris"),
        ("Le 12. Novembre", "Le 12. Novembre"),
    ],
)
def test_words_set_right_by_their_neighbours(read: str, meant: str) -> None:
    (line,) = text_lines(document_from_text(read))
    assert repaired(line).text == meant


def test_the_evidence_keeps_what_was_read() -> None:
    (line,) = text_lines(document_from_text("LEVOTHYROX 100 Hg"))
    mended = repaired(line)
    assert mended.span().read_text == "LEVOTHYROX 100 Hg"
    assert mended.span().repaired == (("Hg", "µg"),)


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("/ cp le soir", "1 cp le soir"),
        ("Prendre / comprimé, QSP / mois", "Prendre 1 comprimé, QSP 1 mois"),
        ("112 cp soir", "1/2 cp soir"),
        ("/14 cpr si angoisse", "1/4 cpr si angoisse"),
        ("née le 1610811954", "née le 16/08/1954"),
        ("DDR /910912025", "DDR 19/09/2025"),
        ("DPA : 201/2/2025", "DPA : 20/12/2025"),
        ("le 23//0/26", "le 23/10/26"),
        ("TA 1418 aux 2 bras", "TA 14/8 aux 2 bras"),
        ("TA = 13,519", "TA = 13,5/9"),
        ("Doliprane 500 ms cp", "Doliprane 500 mg cp"),
        ("KARDEGIC 75 mS, 1 sachet", "KARDEGIC 75 mg, 1 sachet"),
        ("DOLIPRANE pendant 6 ms", "DOLIPRANE pendant 6 ms"),
        ("Revoir dans 3 ms", "Revoir dans 3 ms"),
        ("Doliprane 500 cp", "Doliprane 500 cp"),
        ("1 (p à midi", "1 cp à midi"),
        ("1 epr le soir", "1 cpr le soir"),
        ("1 (par jour)", "1 (par jour)"),
        ("LOVENOX 6 000 V/l : 1 inj", "LOVENOX 6 000 UI : 1 inj"),
        ("LEVOTHYROX 112 mcg", "LEVOTHYROX 112 mcg"),
        ("COAPROVEL 12,5 62,5 ms", "COAPROVEL 12,5 62,5 mg"),
        ("TA : 12/9,51 T 36,7°C", "TA : 12/9,5 T 36,7°C"),
        ("PA : 160160 mmHg", "PA : 160/60 mmHg"),
        ("FR 271min", "FR 27/min"),
        ("BDC /50 bpm", "BDC 150 bpm"),
        ("lovule le soir", "1 ovule le soir"),
        ("} pulvérisation matin", "1 pulvérisation matin"),
        ("T° = 3892", "T° = 38,2"),
        ("le 2/ novembre 2025", "le 21 novembre 2025"),
        ("- 7 1 gél 1 jour", "- > 1 gél / jour"),
        ("- 2 un patch 2 x 1 j", "- > un patch 2 x / j"),
        ("1 application 2 fois 1 jour", "1 application 2 fois / jour"),
        # and what must stay
        ("12/05/1980", "12/05/1980"),
        ("Tél 0110112026", "Tél 0110112026"),
        ("2 cp / jour", "2 cp / jour"),
        ("40 mg / comprimé", "40 mg / comprimé"),
        ("14 cp", "14 cp"),
        ("12 cp", "12 cp"),
        ("TA 120/80", "TA 120/80"),
        ("pression 130 mmHg", "pression 130 mmHg"),
        ("TA 14/8", "TA 14/8"),
        ("TA 13,5/8,5/ pouls 70", "TA 13,5/8,5/ pouls 70"),
        ("TA 111/71 mmHg", "TA 111/71 mmHg"),
        ("EVA 5 /10", "EVA 5 /10"),
        ("T 172 cm", "T 172 cm"),
        ("RPPS 10991234567", "RPPS 10991234567"),
        ("24101126", "24101126"),
        ("1 cp 1 jour sur 2", "1 cp 1 jour sur 2"),
        ("1 sachet x 1 j", "1 sachet x 1 j"),
        ("- 7 comprimés", "- 7 comprimés"),
        ("- 2 1/2 cp le soir", "- 2 1/2 cp le soir"),
    ],
)
def test_figures_that_only_their_place_tells(read: str, meant: str) -> None:
    (line,) = text_lines(document_from_text(read))
    assert repaired(line).text == meant


def test_what_was_taken_otherwise_than_read_is_never_sure() -> None:
    (line,) = text_lines(document_from_text("TA 1418 aux 2 bras"))
    mended = repaired(line)
    assert mended.span().reading <= 0.5
    assert mended.span().read_text == "TA 1418 aux 2 bras"


def test_another_reading_of_the_engine_may_be_the_day() -> None:
    (line,) = text_lines(document_from_text("le 28111/025"))
    token = line.tokens[1]
    other = Alternative(text="28/11/2025", confidence=0.2)
    word = token.word.model_copy(update={"alternatives": (other,)})
    line = replace(line, tokens=(line.tokens[0], replace(token, word=word)))
    assert repaired(line).text == "le 28/11/2025"


def test_a_piece_of_a_figure_is_not_taken_for_the_whole_of_it() -> None:
    (line,) = text_lines(document_from_text("DDR 19/03/2 026"))
    label, day, rest = line.tokens
    whole = Alternative(text="19/03/2026", confidence=0.2)
    word = day.word.model_copy(update={"alternatives": (whole,), "confidence": 0.4})
    mended = repaired(replace(line, tokens=(label, replace(day, word=word), rest)))
    assert mended.text == "DDR 19/03/2026"


def test_another_reading_of_the_engine_may_be_the_unit() -> None:
    (line,) = text_lines(document_from_text("CRESTOR 5 vf"))
    *rest, unit = line.tokens
    other = Alternative(text="mg", confidence=0.2)
    word = unit.word.model_copy(update={"alternatives": (other,)})
    mended = repaired(replace(line, tokens=(*rest, replace(unit, word=word))))
    assert mended.text == "CRESTOR 5 mg"
    assert mended.tokens[-1].word.confidence <= 0.5


@pytest.mark.parametrize("read", ["née le 16/01/90", "née le 16.01.1990", "née le 6-1-1990"])
def test_a_day_that_was_read_is_not_given_up_for_another_reading(read: str) -> None:
    (line,) = text_lines(document_from_text(read))
    token = line.tokens[2]
    other = Alternative(text="26/02/1960", confidence=0.4)
    word = token.word.model_copy(update={"alternatives": (other,)})
    line = replace(line, tokens=(*line.tokens[:2], replace(token, word=word)))
    assert repaired(line).text == read
