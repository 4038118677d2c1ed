"""The component `reprise_allergies`."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.allergies.reading import read_allergies
from pipeline.extraction.context import context

COMPONENT = "reprise_allergies"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads allergies, intolerances and the statement that none is known."""
    found = context(doc)
    found.allergies = read_allergies(found.passages)
    return doc
