"""The component `reprise_drugs`."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.context import context
from pipeline.extraction.drugs.medications import read_medications
from pipeline.model import DocumentKind

COMPONENT = "reprise_drugs"
_ORDONNANCES = (DocumentKind.PRESCRIPTION, DocumentKind.PRESCRIPTION_BIZONE)

_FEW = 2


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads the medicines of a document, each with its dosage."""
    found = context(doc)
    kind = found.kind
    # A row or two that say nothing of a note are prescription lines typed by themselves.
    bare = kind is not None and kind.evidence.rule == "kinds.layout" and len(found.body) <= _FEW
    ordonnance = bare or (kind is not None and kind.value in _ORDONNANCES)
    found.medications = read_medications(found.passages, found.settings, prescription=ordonnance)
    return doc
