"""The component `reprise_kinds`: what kind of paper it is."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.context import context
from pipeline.extraction.kinds.reading import asking, prescription_rows, read_kind

COMPONENT = "reprise_kinds"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads the kind of paper from its titles, its words and its rows."""
    found = context(doc)
    if found.lines:
        found.kind = read_kind(
            found.body or found.lines,
            prescription_rows(found.body),
            found.measurements,
            asking(found.passages),
        )
    return doc
