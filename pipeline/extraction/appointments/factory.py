"""The component `reprise_appointments`."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.appointments.reading import read_appointments
from pipeline.extraction.context import context

COMPONENT = "reprise_appointments"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Reads when the patient is to be seen again."""
    found = context(doc)
    found.appointments = read_appointments(found.passages, found.day, found.today)
    return doc
