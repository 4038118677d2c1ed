"""Extraction on real wording: 61 annotated reports beside the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.errors import UsageError
from pipeline.evaluation.reports import ReportScores, score_reports


@pytest.fixture(scope="module")
def scored(shared_dir: Path) -> ReportScores:
    return score_reports(shared_dir / "clinical-text" / "parhaf_dev.jsonl", Settings())


@pytest.mark.parametrize("kind", ["measurement", "blood_pressure", "drug", "allergy", "negated"])
def test_reports_are_read(scored: ReportScores, kind: str) -> None:
    score = scored.scores[kind]
    assert scored.reports >= 60
    assert score.truth > 0
    assert score.f1 >= 0.95, (score.misses, score.extras)


def test_no_blood_pressure_becomes_a_date(scored: ReportScores) -> None:
    assert scored.dates_from_pressures == 0


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        score_reports(tmp_path / "absent.jsonl", Settings())
