"""The component `reprise_checks`."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.checks.reading import (
    checked_certificates,
    checked_measurements,
    checked_patient,
)
from pipeline.extraction.context import context

COMPONENT = "reprise_checks"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Compares values with one another; a contradiction lowers trust in both."""
    found = context(doc)
    birth = found.patient.birth_date
    born = birth.value if birth is not None else None
    found.measurements = checked_measurements(found.measurements, found.day, born)
    found.patient = checked_patient(found.patient)
    found.certificates = checked_certificates(found.certificates, found.day)
    return doc
