"""The component `reprise_repair`."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.context import context
from pipeline.extraction.repair.reading import repaired

COMPONENT = "reprise_repair"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Sets misread words of the trade right, before anything else is read."""
    found = context(doc)
    found.lines = tuple(repaired(line) for line in found.lines)
    return doc
