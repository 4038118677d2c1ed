"""From a read document to all that it says: a spaCy pipeline, one component a concern.

The tokens of the spaCy document are the words of the pages; components pass what they find through
the document's `Context`. Order matters: identity and date come before the sections, which leave
the letterhead out of what the clinical components read.
"""

from __future__ import annotations

import datetime as dt
from functools import cache

from catalogue import Registry
from spacy.lang.xx import MultiLanguage
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import registry

from pipeline.config import Settings
from pipeline.errors import UnreadablePage
from pipeline.extraction import (
    allergies,
    appointments,
    certificates,
    checks,
    conditions,
    dates,
    drugs,
    identity,
    kinds,
    measurements,
    orders,
    repair,
    sections,
    unread,
)
from pipeline.extraction.context import Context, context
from pipeline.extraction.evidence import document_from_text, text_lines
from pipeline.model import Document, Extraction

__all__ = ["COMPONENTS", "document_from_text", "extract", "pipeline"]

COMPONENTS = (
    repair.COMPONENT,
    dates.COMPONENT,
    identity.COMPONENT,
    sections.COMPONENT,
    measurements.COMPONENT,
    kinds.COMPONENT,
    drugs.COMPONENT,
    allergies.COMPONENT,
    conditions.COMPONENT,
    orders.COMPONENT,
    certificates.COMPONENT,
    appointments.COMPONENT,
    unread.COMPONENT,
    checks.COMPONENT,
)
"""The components in the order in which they run."""


def _without_plugins() -> None:
    """Keep spaCy from importing every plug-in that is installed: our components register
    themselves, and edsnlp, here for its list of medicines, would bring 100 MB along."""
    for found in vars(registry).values():
        if isinstance(found, Registry):
            found.entry_points = False


@cache
def pipeline() -> Language:
    """The pipeline, built once a process."""
    _without_plugins()
    # Words come from the page, so no tokeniser is needed: spaCy's French one takes two seconds
    # to be built.
    nlp = MultiLanguage()
    # Nothing here asks for a word's shape or prefix; to make them costs a tenth of the time.
    nlp.vocab.lex_attr_getters = {}  # type: ignore[attr-defined]
    for name in COMPONENTS:
        nlp.add_pipe(name)
    return nlp


def extract(document: Document, settings: Settings, today: dt.date | None = None) -> Extraction:
    """All that `document` says, each value with its evidence and its state. Raises
    `UnreadablePage` when there is not a single line.

    Dates after `today` (the current day unless given) are flagged; nothing else depends on it.
    """
    nlp = pipeline()
    lines = text_lines(document)
    words = [token.word.text for line in lines for token in line.tokens]
    # Words of patients must not stay in the vocabulary of a process that reads many.
    with nlp.memory_zone():
        doc = Doc(nlp.vocab, words=words)
        doc._.context = Context(lines, settings, today or dt.date.today())
        found = context(nlp(doc))
    if found.kind is None:
        raise UnreadablePage
    return Extraction(
        document_id=document.id,
        kind=found.kind,
        date=found.date,
        patient=found.patient,
        prescriber=found.prescriber,
        medications=found.medications,
        measurements=found.measurements,
        allergies=found.allergies,
        conditions=found.conditions,
        orders=found.orders,
        certificates=found.certificates,
        appointments=found.appointments,
        unread=found.unread,
        sections=found.sections,
    )
