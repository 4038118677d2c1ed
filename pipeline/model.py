"""The frozen types that flow from stage to stage. No I/O, nothing of ours imported.

Coordinates: every `Box` outside the imaging room is in pixels of the **original** page raster as
decoded (origin top left, x to the right, y down), next to that raster's `Size`. A document that
was born as text has pages measured in characters: one column is one pixel wide, one line one
pixel high, so that evidence works the same way.

Confidence: probabilities between 0 and 1 that a value is right, calibrated per kind of value.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Frozen(BaseModel):
    """Base of every type here: immutable, hashable, and strict about its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- geometry -------------------------------------------------------------------------------


class Size(Frozen):
    """Width and height of a page raster in pixels."""

    width: int
    height: int


class Box(Frozen):
    """An upright rectangle in original page pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def area(self) -> float:
        return self.width * self.height

    @classmethod
    def around(cls, boxes: tuple[Box, ...]) -> Box:
        """The smallest box that holds all of `boxes` (at least one)."""
        x = min(box.x for box in boxes)
        y = min(box.y for box in boxes)
        right = max(box.right for box in boxes)
        bottom = max(box.bottom for box in boxes)
        return cls(x=x, y=y, width=right - x, height=bottom - y)

    def intersection(self, other: Box) -> float:
        """Area shared with `other`, in square pixels."""
        width = min(self.right, other.right) - max(self.x, other.x)
        height = min(self.bottom, other.bottom) - max(self.y, other.y)
        return max(0.0, width) * max(0.0, height)

    def percent(self, size: Size) -> str:
        """The box as a W3C media fragment, `xywh=percent:x,y,w,h` of a page of `size`."""
        values = (
            100 * self.x / size.width,
            100 * self.y / size.height,
            100 * self.width / size.width,
            100 * self.height / size.height,
        )
        return "xywh=percent:" + ",".join(f"{min(max(v, 0.0), 100.0):.2f}" for v in values)


# --- what a page says -----------------------------------------------------------------------


class Step(Frozen):
    """A stage that took part in a result: its name, version and the hash of its settings."""

    name: str
    version: str
    settings: str = ""


class ZoneKind(StrEnum):
    PRINTED = "printed"
    HANDWRITTEN = "handwritten"
    STAMP = "stamp"
    BARCODE = "barcode"


class Zone(Frozen):
    """A part of a page of one kind; `payload` is what a barcode says."""

    kind: ZoneKind
    box: Box
    confidence: Probability = 1.0
    payload: str | None = None


class Alternative(Frozen):
    """Another reading of the same ink. `source` names what proposed it (engine or lexicon)."""

    text: str
    confidence: Probability
    source: str = ""


class Word(Frozen):
    """One word as read. `confidence` is the engine's calibrated probability of the whole word."""

    text: str
    box: Box
    confidence: Probability
    alternatives: tuple[Alternative, ...] = ()


class Line(Frozen):
    """Words of one line from left to right, with the engine (name and version) that read them.

    `struck` marks a line the writer crossed out; `note` says why this reading was preferred.
    """

    words: tuple[Word, ...]
    box: Box
    kind: ZoneKind
    engine: str
    struck: bool = False
    note: str = ""

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


class Legibility(StrEnum):
    GOOD = "good"
    POOR = "poor"
    UNREADABLE = "unreadable"


class Quality(Frozen):
    """Verdict on a page's image; `advice` tells the assistant in French what to do."""

    legibility: Legibility
    advice: str = ""
    sharpness: float = 0.0
    contrast: float = 0.0


class Page(Frozen):
    """One page of a scan, read. `number` counts from 1 within the scan file.

    `rotation` is the clockwise turn in degrees that makes the original upright;
    `fingerprint` is a 64-bit perceptual hash in hexadecimal, alike for rescans of one sheet.
    """

    number: int
    size: Size
    dpi: float
    rotation: Literal[0, 90, 180, 270] = 0
    blank: bool = False
    quality: Quality
    fingerprint: str
    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()
    steps: tuple[Step, ...] = ()


class Scan(Frozen):
    """A file that came in: its hashes, true media type and every name it came under.

    `origins` are paths relative to the inbox, with `/` between folders.
    """

    sha256: str
    sha1: str
    size: int
    media_type: str
    origins: tuple[str, ...]
    page_count: int

    @classmethod
    def unusable(cls, data: bytes, origin: str) -> Scan:
        """The record of bytes that are no scan we can read: no type, no page."""
        return cls(
            sha256=hashlib.sha256(data).hexdigest(),
            sha1=hashlib.sha1(data, usedforsecurity=False).hexdigest(),
            size=len(data),
            media_type="application/octet-stream",
            origins=(origin,),
            page_count=0,
        )


class Document(Frozen):
    """One paper document: some pages of one scan, and why (in French) they were put together."""

    id: str
    scan: Scan
    pages: tuple[Page, ...]
    reason: str

    @property
    def page_numbers(self) -> tuple[int, ...]:
        return tuple(page.number for page in self.pages)


# --- values and where they come from --------------------------------------------------------


class State(StrEnum):
    """What a person must do with a value: glance, look, or read the paper."""

    SURE = "sure"
    DOUBTFUL = "doubtful"
    UNREAD = "unread"


class Evidence(Frozen):
    """Where a value was read: page of the scan, boxes on it, the text, who read it and how."""

    page: int
    boxes: Annotated[tuple[Box, ...], Field(min_length=1)]
    size: Size
    text: str
    engine: str
    rule: str
    reading: Probability
    kind: ZoneKind = ZoneKind.PRINTED

    @property
    def region(self) -> str:
        return Box.around(self.boxes).percent(self.size)


T = TypeVar("T")


class Value(Frozen, Generic[T]):
    """A value of type T that cannot exist without its evidence.

    `reasons` say in French why it is doubtful or unread; `alternatives` come best first.
    Raises `ValueError` when an unread value carries a value, or a read one none.
    """

    value: T | None
    state: State
    confidence: Probability
    evidence: Evidence
    reasons: tuple[str, ...] = ()
    alternatives: tuple[T, ...] = ()

    @model_validator(mode="after")
    def _unread_has_no_value(self) -> Self:
        if (self.state is State.UNREAD) != (self.value is None):
            raise ValueError("a value is absent exactly when it is unread")
        return self


class Quantity(Frozen):
    """A number with its unit as French readers see it, and its UCUM code where there is one."""

    value: Decimal
    unit: str = ""
    ucum: str | None = None
    comparator: Literal["<", "<=", ">", ">="] | None = None


class Range(Frozen):
    """From `low` to `high`, both included."""

    low: Quantity
    high: Quantity


class Ratio(Frozen):
    numerator: Quantity
    denominator: Quantity


class Code(Frozen):
    """A code in a terminology, by its canonical FHIR system."""

    system: str
    code: str
    display: str


# --- people ---------------------------------------------------------------------------------


class Sex(StrEnum):
    FEMALE = "female"
    MALE = "male"
    UNKNOWN = "unknown"


class HumanName(Frozen):
    """A name; `official` is the birth name, `usual` the name used (FR Core's slices)."""

    family: str
    given: tuple[str, ...] = ()
    prefix: str = ""
    use: Literal["official", "usual"] = "usual"


class BirthPlace(Frozen):
    """Where somebody was born, as written (`text`); `insee` is the commune's code (COG)."""

    text: str
    town: str | None = None
    insee: str | None = None


class Patient(Frozen):
    names: tuple[Value[HumanName], ...] = ()
    sex: Value[Sex] | None = None
    birth_date: Value[dt.date] | None = None
    birth_place: Value[BirthPlace] | None = None
    age: Value[Quantity] | None = None
    nir: Value[str] | None = None
    local_id: Value[str] | None = None
    phone: Value[str] | None = None
    address: Value[str] | None = None


class Prescriber(Frozen):
    name: Value[HumanName] | None = None
    speciality: Value[str] | None = None
    rpps: Value[str] | None = None
    am: Value[str] | None = None
    finess: Value[str] | None = None
    address: Value[str] | None = None
    phone: Value[str] | None = None


# --- medication -----------------------------------------------------------------------------


class Match(StrEnum):
    """How far a written drug name went to meet a known one."""

    EXACT = "exact"
    NORMALISED = "normalised"
    FUZZY = "fuzzy"
    LATTICE = "lattice"
    NONE = "none"


class Drug(Frozen):
    """A drug as written (`text`) and, when matched, what the terminology knows of it.

    `cis` and `cip13` identify a product in the French drug database (BDPM); they are set only
    when name, strength and form leave one product.
    """

    text: str
    name: str | None = None
    substances: tuple[str, ...] = ()
    match: Match = Match.NONE
    similarity: Probability = 0.0
    codings: tuple[Code, ...] = ()


class Strength(Frozen):
    """Strength of each substance in order, e.g. 500 mg/62,5 mg; `per` for 100 mg per 5 mL."""

    parts: Annotated[tuple[Quantity, ...], Field(min_length=1)]
    per: Quantity | None = None


PeriodUnit = Literal["s", "min", "h", "d", "wk", "mo", "a"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Timing(Frozen):
    """FHIR `Timing.repeat`, with the same meanings and codes (`when` is EventTiming).

    `offset` is in minutes. `cycle` and `event` keep what `repeat` cannot say ("21 j sur 28",
    "après chaque selle"). `start_day` counts from 1 ("J2 à J5").
    """

    frequency: int | None = None
    frequency_max: int | None = None
    period: Decimal | None = None
    period_max: Decimal | None = None
    period_unit: PeriodUnit | None = None
    when: tuple[str, ...] = ()
    offset: int | None = None
    day_of_week: tuple[Weekday, ...] = ()
    time_of_day: tuple[str, ...] = ()
    count: int | None = None
    bounds: Quantity | Range | None = None
    bounds_text: str = ""
    cycle: str = ""
    event: str = ""
    start_day: int | None = None


class Dosage(Frozen):
    """One step of a dosage. `text` is the step as written; see FHIR R4 `Dosage`."""

    sequence: int = 1
    text: str
    dose: Quantity | Range | None = None
    dose_per_kg: bool = False
    timing: Timing | None = None
    as_needed: bool = False
    as_needed_for: str = ""
    max_dose: Ratio | None = None
    min_interval: Quantity | None = None
    route: Code | None = None
    site: str = ""
    condition: str = ""
    additional: tuple[str, ...] = ()


class MedicationAction(StrEnum):
    """What the line asks: start or renew, continue, stop, or put in another's place."""

    START = "start"
    CONTINUE = "continue"
    STOP = "stop"
    SWITCH = "switch"


class Substitution(Frozen):
    """Whether the pharmacist may substitute, and the legal reason (MTE, EFG, CIF) if not."""

    allowed: bool
    reason: Literal["MTE", "EFG", "CIF"] | None = None


class Medication(Frozen):
    """A prescription line. `dosage` evidence text is the dosage line verbatim."""

    drug: Value[Drug]
    strength: Value[Strength] | None = None
    form: Value[Code] | None = None
    dosage: Value[tuple[Dosage, ...]] | None = None
    action: MedicationAction = MedicationAction.START
    repeats: Value[int] | None = None
    supply_duration: Value[Quantity] | None = None
    dispense_quantity: Value[Quantity] | None = None
    dispense_interval: Value[Quantity] | None = None
    substitution: Value[Substitution] | None = None
    ald: Value[bool] | None = None


# --- clinical statements --------------------------------------------------------------------


class Measurement(Frozen):
    """One measurement, or a panel (blood pressure) whose `components` hold the values.

    `key` is the entry of the measurement vocabulary; `code` its LOINC code.
    """

    key: str
    code: Code
    value: Value[Quantity] | Value[Range] | Value[str] | Value[dt.date] | Value[bool] | None = None
    components: tuple[Measurement, ...] = ()
    body_site: str = ""
    trend: str = ""
    date: Value[dt.date] | None = None


class Certainty(StrEnum):
    """What the note itself says; a validation never changes it."""

    CONFIRMED = "confirmed"
    HYPOTHESIS = "hypothesis"
    NEGATED = "negated"


class ConditionRole(StrEnum):
    PROBLEM = "problem"
    DIAGNOSIS = "diagnosis"
    REASON = "reason"
    HISTORY = "history"
    FAMILY = "family"


class Condition(Frozen):
    text: Value[str]
    code: Code | None = None
    certainty: Certainty = Certainty.CONFIRMED
    role: ConditionRole = ConditionRole.PROBLEM
    onset: str = ""


class Allergy(Frozen):
    """An allergy or intolerance; `none_known` is the explicit "pas d'allergie connue"."""

    text: Value[str]
    kind: Literal["allergy", "intolerance"] = "allergy"
    none_known: bool = False
    certainty: Certainty = Certainty.CONFIRMED
    reaction: str = ""


class OrderKind(StrEnum):
    LABORATORY = "laboratory"
    IMAGING = "imaging"
    PHYSIOTHERAPY = "physiotherapy"
    NURSING = "nursing"
    REFERRAL = "referral"
    OTHER = "other"


class Order(Frozen):
    kind: OrderKind
    text: Value[str]
    code: Code | None = None


class Certificate(Frozen):
    """A certificate or sick leave with the days it covers, both included."""

    kind: Literal["sick-leave", "sport", "presence", "pregnancy", "other"]
    text: Value[str]
    start: Value[dt.date] | None = None
    end: Value[dt.date] | None = None


class Appointment(Frozen):
    """The next visit, as a date or as a delay in the note's own words."""

    text: Value[str]
    date: Value[dt.date] | None = None


class Section(Frozen):
    """A passage of the note under its title (empty for untitled text), for people to read."""

    title: str
    text: str
    page: int


class DocumentKind(StrEnum):
    PRESCRIPTION = "ordonnance"
    PRESCRIPTION_BIZONE = "ordonnance-bizone"
    CONSULTATION = "note-de-consultation"
    PREGNANCY = "suivi-de-grossesse"
    TEST_REQUEST = "demande-d-examens"
    CERTIFICATE = "certificat"


class Extraction(Frozen):
    """All that a document says, ready for review and for FHIR."""

    document_id: str
    kind: Value[DocumentKind]
    date: Value[dt.date] | None = None
    patient: Patient = Patient()
    prescriber: Prescriber = Prescriber()
    medications: tuple[Medication, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    conditions: tuple[Condition, ...] = ()
    orders: tuple[Order, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    appointments: tuple[Appointment, ...] = ()
    unread: tuple[Value[str], ...] = ()
    sections: tuple[Section, ...] = ()
    steps: tuple[Step, ...] = ()


# --- review ---------------------------------------------------------------------------------


class DecisionAction(StrEnum):
    CONFIRM = "confirm"
    CORRECT = "correct"
    REJECT = "reject"
    ADD = "add"


class Decision(Frozen):
    """A person's word on one field of a draft.

    `field` is the FHIRPath of the element inside its resource, led by the entry's fullUrl:
    `urn:uuid:…#valueQuantity`. `old` and `new` are FHIR JSON.
    """

    action: DecisionAction
    field: str
    old: object | None = None
    new: object | None = None
    who: str
    when: dt.datetime
    why: str = ""

    @field_serializer("old", "new", when_used="json")
    def _as_numbers(self, value: object) -> object:
        """FHIR JSON has numbers where memory has `Decimal`, which pydantic would write as text."""
        if isinstance(value, dict):
            return {name: self._as_numbers(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._as_numbers(part) for part in value]
        return float(value) if isinstance(value, Decimal) else value
