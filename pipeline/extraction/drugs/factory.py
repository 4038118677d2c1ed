"""The component `reprise_drugs`."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.context import context
from pipeline.extraction.drugs.medications import read_medications
from pipeline.model import DocumentKind

COMPONENT = "reprise_drugs"
_ORDONNANCES = (DocumentKind.PRESCRIPTION, DocumentKind.PRESCRIPTION_BIZONE)


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads the medicines of a document, each with its dosage."""
    found = context(doc)
    ordonnance = found.kind is not None and found.kind.value in _ORDONNANCES
    found.medications = read_medications(found.passages, found.settings, prescription=ordonnance)
    return doc
