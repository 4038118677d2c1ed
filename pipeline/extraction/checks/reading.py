"""Contradictions between values: body mass index, pregnancy dates, days of leave, half a name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from pipeline.extraction.evidence import doubted
from pipeline.model import Certificate, Measurement, Patient, Quantity, Value

T = TypeVar("T")

BMI = "L'IMC ne correspond pas au poids et à la taille."
TERM = "Le terme ne correspond pas à la date des dernières règles."
DUE = "La date prévue ne correspond pas à la date des dernières règles."
FUNDAL = "La hauteur utérine ne correspond pas au terme."
LMP_AFTER = "Dernières règles postérieures au document."
ENDS_BEFORE = "La fin précède le début."
FAR = "Dates éloignées de celle du document."
HALF_A_NAME = "Prénom non lu : ce nom peut n'être que le nom de naissance, ou pas celui du patient."
LIGHT = "Poids très faible pour cet âge."
PARITY = "La parité dépasse la gestité."

TERM_DAYS = 287
"""French due date: last period plus 41 weeks."""


def _number(measurements: Sequence[Measurement], key: str) -> Decimal | None:
    found = [one for one in measurements if one.key == key and one.value is not None]
    if len(found) == 1 and found[0].value is not None:
        content = found[0].value.value
        if isinstance(content, Quantity):
            return content.value
    return None


def _day(measurements: Sequence[Measurement], key: str) -> dt.date | None:
    for one in measurements:
        if one.key == key and one.value is not None and isinstance(one.value.value, dt.date):
            return one.value.value
    return None


def checked_measurements(
    measurements: Sequence[Measurement], day: dt.date | None, born: dt.date | None = None
) -> tuple[Measurement, ...]:
    """The measurements, those that contradict one another, the document's day or the patient's
    birth date doubted."""
    doubts: dict[str, list[str]] = {}

    def doubt(reason: str, *keys: str) -> None:
        for key in keys:
            doubts.setdefault(key, []).append(reason)

    weight, height, index = (_number(measurements, key) for key in ("weight", "height", "bmi"))
    if weight and height and index:
        expected = weight / (height / 100) ** 2
        if abs(expected - index) > max(Decimal("0.6"), expected * Decimal("0.03")):
            doubt(BMI, "weight", "height", "bmi")
    if weight and born and day and (day - born).days > 15 * 366 and weight < 30:
        doubt(LIGHT, "weight")
    last, due = _day(measurements, "lmp"), _day(measurements, "edd")
    age = _number(measurements, "gestational_age")
    if last is not None and day is not None and last > day:
        doubt(LMP_AFTER, "lmp")
    if (
        last is not None
        and day is not None
        and age is not None
        and abs((day - last).days - int(age)) > 10
    ):
        doubt(TERM, "lmp", "gestational_age")
    if last is not None and due is not None and not 270 <= (due - last).days <= 297:
        doubt(DUE, "lmp", "edd")
    fundal = _number(measurements, "fundal_height")
    if (
        fundal is not None
        and age is not None
        and age >= 140
        and abs(fundal - min(age / 7 - 4, Decimal(33))) > 8
    ):
        doubt(FUNDAL, "fundal_height")
    gravida, para = _number(measurements, "gravidity"), _number(measurements, "parity")
    if gravida is not None and para is not None and para > gravida:
        doubt(PARITY, "gravidity", "parity")
    return tuple(_with(one, doubts.get(one.key, [])) for one in measurements)


def _with(measurement: Measurement, reasons: Sequence[str]) -> Measurement:
    if not reasons or measurement.value is None:
        return measurement
    return measurement.model_copy(update={"value": doubted(measurement.value, *reasons)})


def checked_patient(patient: Patient) -> Patient:
    """The patient; names without any given name beside them are doubted."""
    if any(name.value is not None and name.value.given for name in patient.names):
        return patient
    names = tuple(doubted(name, HALF_A_NAME) for name in patient.names)
    return patient.model_copy(update={"names": names})


def checked_certificates(
    certificates: Sequence[Certificate], day: dt.date | None
) -> tuple[Certificate, ...]:
    """The certificates, days that cannot be doubted."""
    return tuple(_checked(one, day) for one in certificates)


def _checked(certificate: Certificate, day: dt.date | None) -> Certificate:
    start, end = certificate.start, certificate.end
    reasons: list[str] = []
    if start and end and start.value and end.value and end.value < start.value:
        reasons.append(ENDS_BEFORE)
    if day is not None:
        for one in (start, end):
            if one is not None and one.value is not None and abs((one.value - day).days) > 400:
                reasons.append(FAR)
    if not reasons:
        return certificate
    return certificate.model_copy(
        update={"start": _doubt(start, reasons), "end": _doubt(end, reasons)}
    )


def _doubt(one: Value[dt.date] | None, reasons: Sequence[str]) -> Value[dt.date] | None:
    return None if one is None else doubted(one, *reasons)
