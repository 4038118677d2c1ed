"""The component `reprise_unread`."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.context import context
from pipeline.extraction.unread.reading import unread_rows

COMPONENT = "reprise_unread"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Keeps the rows whose ink could not be read, so that a person reads them."""
    found = context(doc)
    found.unread = unread_rows(found.lines)
    return doc
