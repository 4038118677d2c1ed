"""The component `reprise_conditions`."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.conditions.reading import read_conditions
from pipeline.extraction.context import context
from pipeline.terminology import Labels

COMPONENT = "reprise_conditions"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads problems, diagnoses, reasons and history with their certainty."""
    found = context(doc)
    found.conditions = read_conditions(found.passages, Labels.load(found.settings))
    return doc
