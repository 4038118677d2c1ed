"""The component `reprise_orders`."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.context import context
from pipeline.extraction.orders.reading import read_orders

COMPONENT = "reprise_orders"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads the examinations and the care that the paper asks for."""
    found = context(doc)
    kind = found.kind.value if found.kind is not None else None
    found.orders = read_orders(found.passages, kind, found.medications)
    return doc
