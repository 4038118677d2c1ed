"""The paper a Bundle comes from: identities of its resources and marks on its values."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

from pipeline.fhir import systems
from pipeline.fhir.elements import Json, coding, date, marks
from pipeline.model import Document, State, Value

T = TypeVar("T")

AI_LABEL: Final = MappingProxyType(
    coding(
        f"{systems.TERMINOLOGY}/v3-ObservationValue", "AIAST", "Artificial Intelligence asserted"
    )
)
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, systems.BASE)


@dataclass(frozen=True)
class Attachment:
    """What is kept as the original: bytes, true media type, and the source file's name.

    The bytes are the scan itself, or, when the scan holds other documents too, the pages of this
    document only, so that no record receives another patient's pages.
    """

    data: bytes
    media_type: str
    title: str


@dataclass(frozen=True)
class Paper:
    """One paper document while its resources are being built.

    `date` is the document's date where it was read; `recorded` the time of drafting. Ids are
    UUIDv5 of the scan's hash, the document's first page and the entity's key, so that a second
    run gives the same ones.
    """

    document: Document
    date: Value[dt.date] | None
    recorded: dt.datetime
    has_practitioner: bool

    @property
    def stem(self) -> str:
        """What starts every entity identifier of this document."""
        return f"{self.document.scan.sha256[:16]}/{self.document.page_numbers[0]}"

    def id(self, key: str) -> str:
        pages = self.document.page_numbers
        return str(uuid.uuid5(_NAMESPACE, f"{self.document.scan.sha256}/{pages[0]}/{key}"))

    def url(self, key: str) -> str:
        return f"urn:uuid:{self.id(key)}"

    def reference(self, kind: str, key: str) -> Json:
        return {"reference": self.url(key), "type": kind}

    def identifier(self, key: str) -> Json:
        return {"system": systems.ENTITY_NAMES, "value": f"{self.stem}/{key}"}

    @property
    def group(self) -> Json:
        """Identifier shared by all the lines of one ordonnance."""
        return {"system": systems.DOCUMENT_NAMES, "value": self.stem}

    @property
    def day(self) -> str | None:
        """The paper's date, None when it was not read."""
        if self.date is None or self.date.value is None:
            return None
        return date(self.date.value)

    def dated(self, name: str) -> Json:
        """A date element that repeats the paper's date, absent where that is unknown.

        Only the Composition's date carries the evidence; this is a copy.
        """
        if self.day is None:
            return {f"_{name}": {"extension": [{"url": systems.ABSENT, "valueCode": "unknown"}]}}
        return {name: self.day}

    def subject(self, name: str = "subject") -> Json:
        return {name: self.reference("Patient", "patient")}

    def encounter(self) -> Json:
        return {"encounter": self.reference("Encounter", "encounter")}

    def by(self, name: str, *, many: bool = False) -> Json:
        """`name` as a reference to the prescriber; nothing when the paper names none."""
        if not self.has_practitioner:
            return {}
        reference = self.reference("Practitioner", "practitioner")
        return {name: [reference] if many else reference}

    def marks(self, value: Value[T], alternative: Callable[[T], Json] | None = None) -> list[Json]:
        return marks(value, self.reference("DocumentReference", "scan"), alternative)

    def element(self, value: Value[T], build: Callable[[T], Json], choice: str = "") -> Json:
        """A complex element with its marks; only the marks when the value is unread.

        `choice` is the name of the datatype in `value[x]`, for alternatives.
        """
        alternative = (lambda other: {f"value{choice}": build(other)}) if choice else None
        body = {} if value.value is None else build(value.value)
        own = body.pop("extension", [])
        return {"extension": [*self.marks(value, alternative), *own], **body}

    def primitive(
        self, name: str, value: Value[T], build: Callable[[T], object], choice: str = ""
    ) -> Json:
        """A primitive element `name` with its marks beside it, as FHIR JSON writes that."""
        alternative = (lambda other: {f"value{choice}": build(other)}) if choice else None
        result: Json = {} if value.value is None else {name: build(value.value)}
        return {**result, f"_{name}": {"extension": self.marks(value, alternative)}}


def machine_read(*profiles: str) -> Json:
    """`meta` of a resource that a machine filled in: the AI label, and profiles if any."""
    return {
        "meta": {**({"profile": list(profiles)} if profiles else {}), "security": [dict(AI_LABEL)]}
    }


def is_read(value: Value[T] | None) -> bool:
    """Whether there is a value that was read (surely or doubtfully)."""
    return value is not None and value.state is not State.UNREAD
