"""Measurements as French doctors and midwives note them, with LOINC codes and UCUM units.

Each drawer returns the words and the facts. Facts: `loinc`, `value` and `unit` (UCUM), or
`components` for a panel, or `text` for an ordinal result; `alternatives` are other true ways to
code the same reading (g/L beside mmol/L). Conversions: glucose 1 g/L = 5.551 mmol/L, creatinine
1 mg/L = 8.84 µmol/L, 1 cmHg = 10 mmHg; French term is 41 weeks, the last period plus 287 days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from random import Random
from typing import Any

Fact = dict[str, Any]
Noted = tuple[str, list[Fact]]


def _decimal(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}".replace(".", ",")


def _fact(loinc: str, value: float, unit: str, **more: Any) -> Fact:
    return {"loinc": loinc, "value": round(value, 3), "unit": unit, **more}


def blood_pressure(rng: Random) -> Noted:
    """TA in cmHg (13/8, 13,5/8,5) or mmHg (135/85)."""
    half = rng.random() < 0.25
    systolic = rng.randint(21, 36) * 5 if half else rng.randint(10, 18) * 10
    diastolic = rng.randint(11, min(20, systolic // 5 - 5)) * 5 if half else rng.randint(6, 9) * 10
    if diastolic >= systolic - 20:
        diastolic = systolic - 40
    centimetres = f"{systolic / 10:g}/{diastolic / 10:g}".replace(".", ",")
    millimetres = f"{systolic}/{diastolic}"
    text = rng.choice(
        (
            f"TA {centimetres}", f"TA : {centimetres}", f"TA {centimetres} aux 2 bras",
            f"TA {millimetres} mmHg", f"PA {millimetres} mmHg", f"TA = {centimetres}",
            f"PA : {millimetres}", f"tension {centimetres}",
        )
    )  # fmt: skip
    parts = [_fact("8480-6", systolic, "mm[Hg]"), _fact("8462-4", diastolic, "mm[Hg]")]
    return text, [{"loinc": "85354-9", "components": parts}]


def pulse(rng: Random) -> Noted:
    rate = rng.randint(52, 112)
    form = rng.choice(
        ("FC {}", "FC {} bpm", "FC : {}/min", "pouls {}", "Pouls : {}/min", "FC = {}")
    )
    return form.format(rate), [_fact("8867-4", rate, "/min")]


def temperature(rng: Random) -> Noted:
    degrees = rng.randint(362, 399) / 10
    whole, tenth = f"{degrees:.1f}".split(".")
    form = rng.choice(
        ("T° {d}", "T° {w}°{t}", "T {d}°C", "Température : {d} °C", "{w}°{t}", "T° = {d}")
    )
    text = form.format(d=_decimal(degrees), w=whole, t=tenth)
    return text, [_fact("8310-5", degrees, "Cel")]


def saturation(rng: Random) -> Noted:
    percent = rng.randint(91, 100)
    form = rng.choice(("SpO2 {} %", "SpO2 {}%", "Sat {} % AA", "SaO2 : {} %", "sat {}%"))
    return form.format(percent), [_fact("59408-5", percent, "%")]


def respiration(rng: Random) -> Noted:
    rate = rng.randint(12, 28)
    return rng.choice(("FR {}/min", "FR {}", "FR : {}/min")).format(rate), [
        _fact("9279-1", rate, "/min")
    ]


def weight(rng: Random, kilograms: float | None = None) -> Noted:
    kilos = kilograms if kilograms is not None else rng.randint(960, 2100) / 20
    number = f"{kilos:.1f}".replace(".", ",").removesuffix(",0")
    form = rng.choice(
        ("Poids {} kg", "Poids : {} kg", "P {} kg", "P : {} kg", "poids = {} kg", "Pds {} kg")
    )
    return form.format(number), [_fact("29463-7", round(kilos, 1), "kg")]


def body(rng: Random) -> Noted:
    """Weight, height and body mass index on one line."""
    height = rng.randint(150, 192)
    kilos = round(rng.uniform(19.0, 33.0) * (height / 100) ** 2)
    index = kilos / (height / 100) ** 2
    said = rng.choice((f"{height} cm", f"1m{height - 100}", f"1,{height - 100} m"))
    weight_text, facts = weight(rng, kilos)
    label = rng.choice(("Taille ", "Taille : ", "T "))
    text = f"{weight_text}, {label}{said}"
    facts = [*facts, _fact("8302-2", height, "cm")]
    if rng.random() < 0.6:
        text += f", IMC {_decimal(index)}"
        facts.append(_fact("39156-5", round(index, 1), "kg/m2"))
    return text, facts


def pain(rng: Random) -> Noted:
    score = rng.randint(2, 9)
    if rng.random() < 0.7:
        form = rng.choice(("EVA {}/10", "EVA : {}/10", "EVA {}"))
        return form.format(score), [_fact("38208-5", score, "{score}")]
    return f"EN {score}/10", [_fact("72514-3", score, "{score}")]


def glucose(rng: Random) -> Noted:
    grams = rng.randint(85, 260) / 100
    millimoles = round(grams * 5.551, 2)
    label = rng.choice(("HGT", "Glycémie capillaire", "Dextro"))
    form = rng.choice(("{} {} g/L", "{} : {} g/L", "{} {} g/l"))
    other = {"loinc": "41653-7", "value": round(grams * 100, 1), "unit": "mg/dL"}
    plain = {"loinc": "14743-9", "value": grams, "unit": "g/L"}
    return form.format(label, _decimal(grams, 2)), [
        _fact("14743-9", millimoles, "mmol/L", alternatives=[other, plain])
    ]


def hba1c(rng: Random) -> Noted:
    percent = rng.randint(56, 98) / 10
    form = rng.choice(("HbA1c {} %", "HbA1c : {}%", "HbA1c = {} %"))
    return form.format(_decimal(percent)), [_fact("4548-4", percent, "%")]


def haemoglobin(rng: Random) -> Noted:
    grams = rng.randint(92, 152) / 10
    form = rng.choice(("Hb {} g/dL", "Hb : {} g/dL", "hémoglobine {} g/dL"))
    return form.format(_decimal(grams)), [_fact("718-7", grams, "g/dL")]


def ferritin(rng: Random) -> Noted:
    value = rng.randint(6, 180)
    form = rng.choice(("ferritine {} µg/L", "Ferritine : {} ng/mL"))
    return form.format(value), [_fact("2276-4", value, "ng/mL")]


def crp(rng: Random) -> Noted:
    value = rng.randint(6, 140)
    return rng.choice(("CRP {} mg/L", "CRP : {} mg/L", "CRP {}")).format(value), [
        _fact("1988-5", value, "mg/L")
    ]


def creatinine(rng: Random) -> Noted:
    value = rng.randint(52, 140)
    other = {"loinc": "2160-0", "value": round(value / 88.4, 2), "unit": "mg/dL"}
    form = rng.choice(("créatinine {} µmol/L", "créat {} µmol/L", "Créatininémie : {} µmol/L"))
    return form.format(value), [_fact("14682-9", value, "umol/L", alternatives=[other])]


def tsh(rng: Random) -> Noted:
    value = rng.randint(30, 680) / 100
    return rng.choice(("TSH {} mUI/L", "TSH : {} mUI/L")).format(_decimal(value, 2)), [
        _fact("3016-3", value, "m[IU]/L")
    ]


def peak_flow(rng: Random) -> Noted:
    value = rng.randint(20, 55) * 10
    return rng.choice(("DEP {} L/min", "DEP : {} L/min")).format(value), [
        _fact(
            "33452-4",
            value,
            "L/min",
            alternatives=[{"loinc": "19935-6", "value": value, "unit": "L/min"}],
        )
    ]


VITALS: tuple[Callable[[Random], Noted], ...] = (pulse, temperature, saturation, respiration)
RESULTS: tuple[Callable[[Random], Noted], ...] = (
    glucose, hba1c, haemoglobin, ferritin, crp, creatinine, tsh,
)  # fmt: skip


def vitals(rng: Random) -> list[Noted]:
    """The vital signs of one consultation: blood pressure nearly always, some of the others."""
    noted = [blood_pressure(rng)] if rng.random() < 0.92 else []
    noted += [draw(rng) for draw in VITALS if rng.random() < 0.5]
    if rng.random() < 0.6:
        noted.append(weight(rng) if rng.random() < 0.6 else body(rng))
    if rng.random() < 0.25:
        noted.append(pain(rng))
    if rng.random() < 0.12:
        noted.append(peak_flow(rng))
    return noted or [blood_pressure(rng)]


def results(rng: Random) -> list[Noted]:
    """A few laboratory results copied into the note."""
    return [draw(rng) for draw in rng.sample(RESULTS, rng.choice((1, 2, 2, 3)))]


def pregnancy(rng: Random, day: dt.date) -> list[Noted]:
    """A midwife's examination on `day`: term, gravidity, fundus, heart beat, dip stick."""
    weeks, days = rng.randint(12, 39), rng.randint(0, 6)
    age = weeks * 7 + days
    last_period = day - dt.timedelta(days=age)
    due = last_period + dt.timedelta(days=287)
    gravida = rng.randint(1, 5)
    para = rng.randint(0, gravida - 1)
    noted: list[Noted] = []
    term = rng.choice(
        ("{w} SA + {d}", "{w} SA+{d}", "{w} SA + {d} j", "Terme : {w} SA {d} j", "{w}+{d} SA")
    )
    if days == 0:
        term = rng.choice(("{w} SA", "Terme {w} SA"))
    noted.append((term.format(w=weeks, d=days), [_fact("18185-9", age, "d")]))
    gestity = rng.choice((f"G{gravida}P{para}", f"G{gravida} P{para}"))
    noted.append((gestity, [_fact("11996-6", gravida, "{#}"), _fact("11977-6", para, "{#}")]))
    dmy = "%d/%m/%Y"
    if rng.random() < 0.7:
        form = rng.choice(("DDR {}", "DDR : {}", "DDR le {}"))
        noted.append(
            (form.format(last_period.strftime(dmy)),
             [{"loinc": "8665-2", "date": last_period.isoformat()}])
        )  # fmt: skip
    if rng.random() < 0.7:
        form = rng.choice(("DPA {}", "DPA : {}", "Terme prévu le {}"))
        noted.append(
            (form.format(due.strftime(dmy)), [{"loinc": "11778-8", "date": due.isoformat()}])
        )
    noted.append(blood_pressure(rng))
    kilos = rng.randint(104, 190) / 2
    noted.append(weight(rng, kilos))
    if weeks >= 20:
        height = min(weeks - 4, 32) + rng.randint(-1, 2)
        noted.append(
            (
                rng.choice(("HU {} cm", "HU : {} cm", "HU {}")).format(height),
                [_fact("11881-0", height, "cm")],
            )
        )
    beat = rng.randint(122, 158)
    form = rng.choice(("BDC {}/min", "BDC : {} bpm", "BDCF {}/min"))
    noted.append((form.format(beat), [_fact("55283-6", beat, "/min")]))
    protein, sugar = rng.choice((("0", "0"), ("négatif", "négatif"), ("traces", "0"), ("+", "0")))
    stick = rng.choice(
        (
            "BU : albumine {p}, sucre {s}",
            "BU : protéines {p}, sucre {s}",
            "Albumine {p} - Sucre {s}",
        )
    )
    noted.append(
        (stick.format(p=protein, s=sugar),
         [{"loinc": "20454-5", "text": protein}, {"loinc": "25428-4", "text": sugar}])
    )  # fmt: skip
    return noted
