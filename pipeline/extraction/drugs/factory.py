"""The component `reprise_drugs`."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.context import context
from pipeline.extraction.drugs.medications import read_medications
from pipeline.extraction.evidence import fold
from pipeline.extraction.orders.naming import order_kind
from pipeline.model import DocumentKind, Medication, OrderKind

COMPONENT = "reprise_drugs"
_ORDONNANCES = (DocumentKind.PRESCRIPTION, DocumentKind.PRESCRIPTION_BIZONE)
# Papers on which what is measured in blood and urine is named more often than it is prescribed.
_MEASURING = (DocumentKind.TEST_REQUEST, DocumentKind.PREGNANCY)

_FEW = 2


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads the medicines of a document, each with its dosage."""
    found = context(doc)
    kind = found.kind
    # A row or two that say nothing of a note are prescription lines typed by themselves.
    bare = kind is not None and kind.evidence.rule == "kinds.layout" and len(found.body) <= _FEW
    ordonnance = bare or (kind is not None and kind.value in _ORDONNANCES)
    read = read_medications(found.passages, found.settings, prescription=ordonnance)
    if kind is not None and kind.value in _MEASURING:
        read = tuple(one for one in read if not _is_analyte(one))
    found.medications = read
    return doc


def _is_analyte(medication: Medication) -> bool:
    """Whether a name that is also one of something measured says nothing of how it is taken:
    « Vitamine D (25 OH) »."""
    named = order_kind(fold(medication.drug.evidence.text))
    strength = medication.strength.value if medication.strength is not None else None
    amount = strength is not None and any(part.unit for part in strength.parts)
    return named == (0, OrderKind.LABORATORY) and not (amount or medication.dosage)
