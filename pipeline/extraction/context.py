"""What the components of the extraction pipeline read and write on a spaCy `Doc`.

Each component takes the rows it needs from `Context` and puts what it found back there; nothing
else passes between them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from spacy.tokens import Doc

from pipeline.config import Settings
from pipeline.extraction.evidence import TextLine
from pipeline.model import (
    Allergy,
    Appointment,
    Certificate,
    Condition,
    DocumentKind,
    Measurement,
    Medication,
    Order,
    Patient,
    Prescriber,
    Section,
    Value,
)


@dataclass
class Context:
    """One document on its way through the components.

    `lines` are all rows; `body` those that are no letterhead, each with its section; `passages`
    the body as it is meant to be read, wrapped rows joined and cut at the titles inside.
    """

    lines: tuple[TextLine, ...]
    settings: Settings
    today: dt.date
    body: tuple[TextLine, ...] = ()
    passages: tuple[TextLine, ...] = ()
    kind: Value[DocumentKind] | None = None
    date: Value[dt.date] | None = None
    patient: Patient = field(default_factory=Patient)
    prescriber: Prescriber = field(default_factory=Prescriber)
    medications: tuple[Medication, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    conditions: tuple[Condition, ...] = ()
    orders: tuple[Order, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    appointments: tuple[Appointment, ...] = ()
    unread: tuple[Value[str], ...] = ()
    sections: tuple[Section, ...] = ()

    @property
    def day(self) -> dt.date | None:
        """The document's date where it was read."""
        return self.date.value if self.date is not None else None


Doc.set_extension("context", default=None, force=True)


def context(doc: Doc) -> Context:
    """The context of a document. Raises `ValueError` for a `Doc` that came without one."""
    found = doc._.context
    if not isinstance(found, Context):
        raise ValueError("the document has no extraction context")
    return found
