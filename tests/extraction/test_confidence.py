"""Stated confidences against how often the values are right: generated papers as text, read
clean and by an engine whose words are wrong as often as it says, and prescription lines."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from pipeline.config import Settings
from pipeline.evaluation.bundles import read_bundle
from pipeline.evaluation.posology import reliability
from pipeline.evaluation.scoring import score
from pipeline.evaluation.tallies import LEAVES, Report, Tally
from pipeline.evaluation.truths import TruthDocument
from pipeline.extraction.evidence import document_from_text
from pipeline.model import Document, Line, Word
from pipeline.runner import draft_from_document
from samples.generator.contents import Paper, paper
from samples.generator.vocabulary import vocabulary
from tests.extraction.prescriptions import misread, prescription_lines

SETTINGS = Settings()
ENOUGH = 100
"""Values of a kind from which an error of calibration says something."""


def written(sheet: Paper) -> str:
    """A paper as plain text, row by row."""
    head = (*sheet.letterhead, *sheet.identifiers, *sheet.contact, "", sheet.dateline, "")
    patient = [passage.text for passage in sheet.patient_lines]
    body = [passage.text if passage.role != "gap" else "" for passage in sheet.body]
    return "\n".join([*head, *patient, "", sheet.title, "", *body, "", *sheet.closing])


def read_by_engine(document: Document, rng: random.Random, doubt: float) -> Document:
    """Its words as a calibrated engine reads them, wrong in `doubt` of cases on average."""

    def word(one: Word) -> Word:
        confidence = 1 - min(0.6, rng.expovariate(1 / doubt))
        text = one.text
        if rng.random() > confidence:
            tries = (misread(text, rng, 0.1) for _ in range(5))
            text = next(
                (t for t in tries if t.casefold() != text.casefold() and " " not in t), text
            )
        return one.model_copy(update={"text": text, "confidence": round(confidence, 4)})

    def line(one: Line) -> Line:
        return one.model_copy(update={"words": tuple(map(word, one.words))})

    pages = (
        page.model_copy(update={"lines": tuple(map(line, page.lines))}) for page in document.pages
    )
    return document.model_copy(update={"pages": tuple(pages)})


def papers(count: int, seed: int, doubt: float) -> Report:
    """Generated papers against their facts; `doubt` 0 reads them as they were written."""
    rng = random.Random(seed)
    words = vocabulary("development")
    readings, truths = [], []
    for number in range(count):
        sheet = paper(rng, words)
        text = written(sheet)
        document = document_from_text(text)
        if doubt:
            document = read_by_engine(document, rng, doubt)
        reading = read_bundle(draft_from_document(document, text.encode(), SETTINGS).bundle)
        readings.append(reading)
        truths.append(
            TruthDocument(
                scan=f"{number}.txt", sha1=reading.sha1, pages=reading.pages, mode="text",
                facts=sheet.facts, places={},
            )
        )  # fmt: skip
    return score(readings, truths)


def overconfidence(tally: Tally, above: float = 0.9) -> float:
    """By how much values stated with more than `above` are less often right than stated."""
    told = [pair for pair in tally.calibration if pair[0] > above]
    return sum(confidence - right for confidence, right in told) / len(told) if told else 0.0


@pytest.mark.parametrize(("doubt", "error"), [(0.0, 0.05), (0.02, 0.07)])
def test_confidences_on_generated_papers(doubt: float, error: float) -> None:
    report = papers(110, 31, doubt)
    tallies = {kind: report.overall(kind) for kind in LEAVES}
    common = {kind: tally for kind, tally in tallies.items() if len(tally.calibration) >= ENOUGH}
    errors = {kind: round(tally.calibration_error, 3) for kind, tally in common.items()}
    assert {"drug", "strength", "dosage", "measurement", "family", "date"} <= errors.keys()
    assert max(errors.values()) <= error, errors
    bold = {kind: round(overconfidence(tally), 3) for kind, tally in common.items()}
    assert max(bold.values()) <= 0.01, bold


def test_confidences_on_prescription_lines() -> None:
    lines = prescription_lines()
    tallies: dict[str, Tally] = defaultdict(Tally)
    for seed, worn in [(0, None), (11, False), (12, True)]:
        rng = random.Random(seed)
        noisy = lines
        if worn is not None:
            noisy = [{**line, "text": misread(line["text"], rng, worn=worn)} for line in lines]
        for kind, tally in reliability(noisy, SETTINGS).items():
            tallies[kind].add(tally)
    errors = {kind: round(tally.calibration_error, 3) for kind, tally in tallies.items()}
    assert errors.keys() == {"drug", "strength", "form", "dosage"}
    assert max(errors.values()) <= 0.06, errors
    assert max(map(overconfidence, tallies.values())) <= 0.01


def test_what_is_doubted_is_stated_less_surely() -> None:
    lines = prescription_lines()
    rng = random.Random(13)
    noisy = [{**line, "text": misread(line["text"], rng, worn=True)} for line in lines]
    dosage = reliability(noisy, SETTINGS)["dosage"]
    assert min(confidence for confidence, _ in dosage.calibration) < 0.75
