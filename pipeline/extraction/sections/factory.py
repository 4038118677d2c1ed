"""The component `reprise_sections`: rows get the passage they stand in."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.extraction.context import context
from pipeline.extraction.sections.head import head_rows
from pipeline.extraction.sections.reading import HEAD, flowed, in_sections, passages

COMPONENT = "reprise_sections"


@Language.component(COMPONENT)
def component(doc: Doc) -> Doc:
    """Sets apart the letterhead and places the other rows under their titles."""
    found = context(doc)
    head = head_rows(found.lines, found.patient, found.prescriber, found.date)
    found.lines = in_sections(found.lines, head)
    found.body = tuple(line for line in found.lines if line.section != HEAD)
    found.passages = flowed(found.body, found.lines)
    found.sections = passages(found.lines)
    return doc
