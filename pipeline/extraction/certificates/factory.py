"""The component `reprise_certificates`."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.certificates.reading import read_certificates
from pipeline.extraction.context import context
from pipeline.extraction.sections.reading import flowed

COMPONENT = "reprise_certificates"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads certificates and sick leave with the days they cover."""
    found = context(doc)
    kind = found.kind.value if found.kind is not None else None
    found.certificates = read_certificates(flowed(found.lines), kind, found.day, found.today)
    return doc
