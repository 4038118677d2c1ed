"""When two clinical values say the same thing, and when they only look alike."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.evaluation.comparing import (
    PARTS,
    Dose,
    alike,
    dosage_parts,
    fold,
    quantity,
    same_measurement,
    same_part,
    strengths,
    truth_dose,
)

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("N'Guessan", "n guessan"),
        ("LEFÈVRE", "lefevre"),
        ("Saint-Martin  de", "saint martin de"),
        ("Cœur", "coeur"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_words_must_be_whole() -> None:
    assert alike("angine", "angine erythemateuse")
    assert not alike("angine", "angines")
    assert not alike("", "angine")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ({"value": 1, "unit": "g"}, {"value": 1000, "unit": "mg"}, True),
        ({"value": 75, "unit": "µg"}, {"value": 0.075, "code": "mg"}, True),
        ({"value": 75, "unit": "microgrammes"}, {"value": 75, "code": "ug"}, True),
        ({"value": 100, "unit": "UI"}, {"value": 100, "unit": "UI", "code": "[iU]"}, True),
        ({"value": 15, "unit": "mg/g"}, {"value": 15, "code": "mg/g"}, True),
        ({"value": 500, "unit": "mg"}, {"value": 500}, False),
        ({"value": 500, "unit": "mg"}, {"value": 50, "unit": "mg"}, False),
        ({"value": 500, "unit": "mg"}, {"value": 500, "unit": "UI"}, False),
    ],
)
def test_strength_quantities(left: Json, right: Json, same: bool) -> None:
    assert (strengths([quantity(left)]) == strengths([quantity(right)])) is same


@pytest.mark.parametrize(
    ("read", "truth", "same"),
    [
        ((("8310-5",), (38.4, "cel")), {"loinc": "8310-5", "value": 38.4, "unit": "Cel"}, True),
        ((("8310-5",), (39.4, "cel")), {"loinc": "8310-5", "value": 38.4, "unit": "Cel"}, False),
        ((("2708-6",), (97.0, "%")), {"loinc": "59408-5", "value": 97, "unit": "%"}, True),
        ((("8867-4",), (97.0, "/min")), {"loinc": "59408-5", "value": 97, "unit": "%"}, False),
        ((("49051-6",), (24 * 7.0, "d")), {"loinc": "18185-9", "value": 168, "unit": "d"}, True),
        ((("8665-2",), "2026-03-01"), {"loinc": "8665-2", "date": "2026-03-01"}, True),
        ((("8665-2",), "2026-01-03"), {"loinc": "8665-2", "date": "2026-03-01"}, False),
        ((("20454-5",), "négatif"), {"loinc": "20454-5", "text": "0"}, True),
        ((("20454-5",), "++"), {"loinc": "20454-5", "text": "+"}, False),
        ((("11977-6",), "2"), {"loinc": "11977-6", "value": 2, "unit": "{#}"}, True),
        (
            (("2345-7",), (1.32, "g/l")),
            {
                "loinc": "14749-6",
                "value": 7.33,
                "unit": "mmol/L",
                "alternatives": [{"loinc": "2345-7", "value": 1.32, "unit": "g/L"}],
            },
            True,
        ),
    ],
)
def test_measurements(read: object, truth: Json, same: bool) -> None:
    assert same_measurement(read, truth) is same


def _fhir(dose: Json | None, repeat: Json, **more: Any) -> Dose:
    bounds = repeat.get("boundsDuration")
    return Dose(dose, None, repeat, more.get("as_needed", False), bounds, more.get("maximum"))


TWICE = {
    "doseQuantity": {"value": 1, "unit": "comprimé"},
    "timing": {"frequency": 2, "period": 1, "periodUnit": "d", "when": ["MORN", "EVE"]},
    "asNeeded": False,
}
WEEK = {"value": 1, "code": "wk", "unit": "semaine"}
MORNING_AND_EVENING = {"when": ["MORN", "EVE"], "boundsDuration": WEEK}
TABLET = {"value": 1, "unit": "cp"}


@pytest.mark.parametrize(
    ("read", "differing"),
    [
        (_fhir({"value": 1, "unit": "cp"}, {"when": ["EVE", "MORN"], "boundsDuration": WEEK}), []),
        (
            _fhir(
                {"value": 1, "unit": "Comprimé", "code": "15054000"},
                {
                    "frequency": 1, "period": 12, "periodUnit": "h", "when": ["MORN", "EVE"],
                    "boundsDuration": {"value": 7, "code": "d"},
                },
            ),
            [],
        ),
        (_fhir({"value": 1, "unit": "gélule"}, MORNING_AND_EVENING), ["unit"]),
        (_fhir({"value": 2, "unit": "cp"}, MORNING_AND_EVENING), ["dose"]),
        (_fhir(TABLET, {"when": ["MORN"], "boundsDuration": WEEK}), ["frequency", "when"]),
        (_fhir({"value": 1, "unit": "cp"}, {"when": ["MORN", "EVE"]}), ["duration"]),
        (_fhir(TABLET, MORNING_AND_EVENING, as_needed=True), ["as_needed"]),
    ],
)  # fmt: skip
def test_dosages_differ_in_just_the_parts_that_differ(read: Dose, differing: list[str]) -> None:
    truth = dosage_parts([truth_dose(TWICE)], {"value": 7, "unit": "d"})
    parts = dosage_parts([read], None)
    assert [name for name in PARTS if not same_part(name, parts, truth)] == differing


def test_every_eight_hours_is_three_times_a_day() -> None:
    every = {"timing": {"frequency": 1, "period": 8, "periodUnit": "h"}, "asNeeded": False}
    thrice = _fhir(None, {"frequency": 3, "period": 1, "periodUnit": "d"})
    truth = dosage_parts([truth_dose(every)], None)
    assert same_part("frequency", dosage_parts([thrice], None), truth)


def test_bedtime_may_be_read_as_evening_but_not_the_other_way_round() -> None:
    night = dosage_parts([_fhir(None, {"when": ["HS"]})], None)
    evening = dosage_parts([_fhir(None, {"when": ["EVE"]})], None)
    assert same_part("when", evening, night)
    assert not same_part("when", night, evening)


def test_steps_are_compared_in_their_order() -> None:
    down = [
        _fhir({"value": n, "unit": "cp"}, {"frequency": 1, "period": 1, "periodUnit": "d"})
        for n in (3, 2, 1)
    ]
    truth = dosage_parts(down, None)
    assert same_part("dose", dosage_parts(down, None), truth)
    assert not same_part("dose", dosage_parts(down[::-1], None), truth)
    assert not same_part("dose", dosage_parts(down[:1], None), truth)


@pytest.mark.parametrize(
    ("element", "a_day"),
    [
        ({"value": 8, "unit": "bouffée", "period": 1, "periodUnit": "d"}, 8.0),
        ({"numerator": {"value": 4, "unit": "cp"}, "denominator": {"value": 1, "code": "d"}}, 4.0),
        ({"numerator": {"value": 4, "unit": "cp"}, "denominator": {"value": 24, "code": "h"}}, 4.0),
    ],
)
def test_maximum_a_day(element: Json, a_day: float) -> None:
    assert dosage_parts([_fhir(None, {}, maximum=element)], None).maximum == a_day
