"""The component `reprise_identity`: patient and prescriber."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.context import context
from pipeline.extraction.identity.reading import read_patient, read_prescriber

COMPONENT = "reprise_identity"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads who the paper is about and who wrote it."""
    found = context(doc)
    found.patient = read_patient(found.lines, found.day, found.today)
    found.prescriber = read_prescriber(found.lines, found.patient)
    return doc
