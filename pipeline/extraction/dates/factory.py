"""The component `reprise_dates`: the date of the document."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.context import context
from pipeline.extraction.dates.document import document_date

COMPONENT = "reprise_dates"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads the document's date from all rows."""
    found = context(doc)
    found.date = document_date(found.lines, found.today)
    return doc
