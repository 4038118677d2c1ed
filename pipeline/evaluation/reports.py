"""Scores extraction on annotated reports of the PARHAF collection.

The annotations (`parhaf.json`) are facts read off 61 development reports: for each report its id,
measurements (vocabulary key, value, offset), medicines (name as written, offset), allergies (name,
or "" for « none known », offset) and denied problems (words, offset). The texts stay where they
are: `../shared/clinical-text/parhaf_dev.jsonl`, one JSON object a line with `id` and `text`.

Medicines, allergies and problems are compared as sets of folded names in a report, measurements as
sets of (key, value): a value that a report says twice counts once.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config import Settings
from pipeline.errors import UsageError
from pipeline.evaluation.comparing import alike, fold
from pipeline.extraction.pipeline import document_from_text, extract
from pipeline.model import Certainty, Extraction, Measurement, Quantity, Range

ANNOTATIONS = Path(__file__).with_name("parhaf.json")
KINDS = ("measurement", "blood_pressure", "drug", "allergy", "negated")


@dataclass
class Score:
    """Counts of one kind; `misses` and `extras` name the report and what differs."""

    truth: int = 0
    found: int = 0
    right: int = 0
    misses: list[tuple[str, str]] = field(default_factory=list)
    extras: list[tuple[str, str]] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.truth if self.truth else 1.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass
class ReportScores:
    """Scores by kind, dates read out of a blood pressure, and reports a CPU second."""

    scores: dict[str, Score]
    dates_from_pressures: int
    reports: int
    per_second: float


def score_reports(texts: Path, settings: Settings) -> ReportScores:
    """Extract every annotated report of the file `texts` and compare.

    Raises `UsageError` when the file is missing or holds none of the annotated reports.
    """
    truth: Mapping[str, Any] = json.loads(ANNOTATIONS.read_text("utf-8"))
    reports = [report for report in _read(texts) if report["id"] in truth]
    if not reports:
        raise UsageError("Aucun des comptes rendus annotés n'est dans ce fichier.")
    scores = {kind: Score() for kind in KINDS}
    dates = 0
    extract(document_from_text(reports[0]["text"]), settings)  # load once, outside the clock
    spent = 0.0
    for report in reports:
        started = time.process_time()
        extraction = extract(document_from_text(report["text"]), settings)
        spent += time.process_time() - started
        _count(scores, report["id"], truth[report["id"]], extraction)
        dates += _dates_from_pressures(extraction)
    return ReportScores(scores, dates, len(reports), len(reports) / spent if spent else 0.0)


def _read(texts: Path) -> list[dict[str, str]]:
    try:
        lines = texts.read_text("utf-8").split("\n")
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError("Le fichier des comptes rendus ne peut pas être lu.") from error


def _count(
    scores: Mapping[str, Score], name: str, truth: Mapping[str, Any], extraction: Extraction
) -> None:
    wanted = {(key, value) for key, value, _ in truth["measurements"]}
    found = {
        (one.key, said)
        for one in extraction.measurements
        if one.key != "tobacco_status" and (said := _said(one))
    }
    pressures = {one for one in wanted if one[0] == "blood_pressure_panel"}
    read = {one for one in found if one[0] == "blood_pressure_panel"}
    _exact(scores["measurement"], name, wanted, found)
    _exact(scores["blood_pressure"], name, pressures, read)
    _alike(
        scores["drug"],
        name,
        (drug for drug, _ in truth["drugs"]),
        (one.drug.evidence.text for one in extraction.medications),
    )
    _alike(
        scores["allergy"],
        name,
        (allergy or "aucune" for allergy, _ in truth["allergies"]),
        (
            "aucune" if one.none_known else one.text.value
            for one in extraction.allergies
            if one.text.value is not None
        ),
    )
    _alike(
        scores["negated"],
        name,
        (problem for problem, _ in truth["negated"]),
        (
            one.text.value
            for one in extraction.conditions
            if one.certainty is Certainty.NEGATED and one.text.value is not None
        ),
    )


def _said(measurement: Measurement) -> str:
    if measurement.components:
        return "/".join(_said(part) for part in measurement.components)
    content = measurement.value.value if measurement.value is not None else None
    if isinstance(content, Quantity):
        return f"{content.value.normalize():f}"
    if isinstance(content, Range):
        return f"{content.low.value.normalize():f}-{content.high.value.normalize():f}"
    return str(content) if content is not None else ""


def _exact(
    score: Score, name: str, truth: set[tuple[str, str]], found: set[tuple[str, str]]
) -> None:
    score.truth += len(truth)
    score.found += len(found)
    score.right += len(truth & found)
    score.misses += [(name, f"{key} {value}") for key, value in sorted(truth - found)]
    score.extras += [(name, f"{key} {value}") for key, value in sorted(found - truth)]


def _alike(score: Score, name: str, truth: Iterable[str], found: Iterable[str]) -> None:
    wanted = {fold(text) for text in truth}
    left = {fold(text) for text in found}
    score.truth += len(wanted)
    score.found += len(left)
    same: Callable[[str, str], bool] = alike
    for text in sorted(wanted):
        match = next((one for one in sorted(left) if one == text), None)
        match = match or next((one for one in sorted(left) if same(one, text)), None)
        if match is None:
            score.misses.append((name, text))
            continue
        left.remove(match)
        score.right += 1
    score.extras += [(name, text) for text in sorted(left)]


_PRESSURE = re.compile(r"(?i)\b(?:TA|PA|tension)\b[^.\n]{0,15}\b\d{1,2}\s?/\s?\d{1,2}\b")


def _dates_from_pressures(extraction: Extraction) -> int:
    """How many of the dates read stand in words that say a blood pressure."""
    dates = [extraction.date, extraction.patient.birth_date]
    dates += [one.date for one in extraction.appointments]
    dates += [one.date for one in extraction.measurements]
    for certificate in extraction.certificates:
        dates += [certificate.start, certificate.end]
    return sum(
        bool(_PRESSURE.search(one.evidence.text)) or bool(_INSIDE.fullmatch(one.evidence.text))
        for one in dates
        if one is not None
    )


_INSIDE = re.compile(r"\d{1,2}/\d{1,2}(?:\s?mmHg)?")
