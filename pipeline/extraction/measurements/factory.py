"""The component `reprise_measurements`: vital signs, biology, obstetrics."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.context import context
from pipeline.extraction.measurements.reading import read_measurements

COMPONENT = "reprise_measurements"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads every measurement of the body."""
    found = context(doc)
    found.measurements = read_measurements(found.passages, found.day, found.today)
    return doc
