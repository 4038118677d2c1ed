"""Extractions of every kind of document, seeded, with all that an extraction can hold.

`extraction(kind, seed)` gives one with its document; `draft_of` and `validated_of` make Bundles
of it. States follow the seed: some values are doubtful, some unread, unless `clean` is set.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from pipeline.config import Settings
from pipeline.fhir.drafting import Attachment, draft
from pipeline.fhir.fields import Field, fields, lookup, parse
from pipeline.fhir.validating import open_fields, validate
from pipeline.model import (
    Allergy,
    Alternative,
    Appointment,
    BirthPlace,
    Box,
    Certainty,
    Certificate,
    Code,
    Condition,
    ConditionRole,
    Decision,
    DecisionAction,
    Document,
    DocumentKind,
    Dosage,
    Drug,
    Evidence,
    Extraction,
    HumanName,
    Legibility,
    Line,
    Match,
    Measurement,
    Medication,
    MedicationAction,
    Order,
    OrderKind,
    Page,
    Patient,
    Prescriber,
    Quality,
    Quantity,
    Range,
    Ratio,
    Scan,
    Section,
    Sex,
    Size,
    State,
    Step,
    Strength,
    Substitution,
    Timing,
    Value,
    Word,
    ZoneKind,
)

T = TypeVar("T")

PAGE = Size(width=2480, height=3508)
RECORDED = dt.datetime(2026, 11, 23, 18, 30, tzinfo=dt.UTC)
LOINC = "http://loinc.org"
EDQM = "http://standardterms.edqm.eu"
ORAL = Code(system=EDQM, code="20053000", display="Voie orale")
SUBCUTANEOUS = Code(system=EDQM, code="20066000", display="Voie sous-cutanée")
TABLET = Code(system=EDQM, code="10219000", display="Comprimé")
CAPSULE = Code(system=EDQM, code="10210000", display="Gélule")


def nir(body: str) -> str:
    """A 13-character number with its two-digit key."""
    digits = body.replace("2A", "19").replace("2B", "18")
    return f"{body}{97 - int(digits) % 97:02d}"


class Reader:
    """Hands out values as a reader would: sure, doubtful or unread, each with its evidence."""

    def __init__(self, seed: int, *, clean: bool = False, page: int = 1) -> None:
        self.random = random.Random(seed)
        self.clean = clean
        self.page = page
        self.row = 0

    def evidence(self, text: str) -> Evidence:
        self.row += 1
        box = Box(x=180.0, y=120.0 + 41 * (self.row % 78), width=14.0 * len(text) + 20, height=36)
        return Evidence(
            page=self.page,
            boxes=(box,),
            size=PAGE,
            text=text,
            engine="tesseract 5.3.0",
            rule="exemple 1",
            reading=0.93,
            kind=ZoneKind.PRINTED,
        )

    def read(self, value: T, text: str, *others: T, state: State | None = None) -> Value[T]:
        if state is None:
            state = State.SURE if self.clean else self._state()
        evidence = self.evidence(text)
        if state is State.UNREAD:
            return Value[Any](
                value=None,
                state=state,
                confidence=0.12,
                evidence=evidence,
                reasons=("Écriture illisible",),
            )
        return Value[Any](
            value=value,
            state=state,
            confidence=0.97 if state is State.SURE else 0.61,
            evidence=evidence,
            reasons=() if state is State.SURE else ("Lecture incertaine",),
            alternatives=others if state is State.DOUBTFUL else (),
        )

    def _state(self) -> State:
        draw = self.random.random()
        return State.UNREAD if draw < 0.08 else State.DOUBTFUL if draw < 0.25 else State.SURE

    def pick(self, options: Sequence[T]) -> T:
        return self.random.choice(options)

    def some(self, options: Sequence[T], least: int = 1) -> list[T]:
        return self.random.sample(list(options), self.random.randint(least, len(options)))

    def maybe(self, chance: float = 0.5) -> bool:
        return self.random.random() < chance


def qty(value: str, unit: str = "", ucum: str | None = None, comparator: Any = None) -> Quantity:
    return Quantity(value=Decimal(value), unit=unit, ucum=ucum, comparator=comparator)


DAY = qty("1", "jour", "d")


def page(number: int) -> Page:
    words = (Word(text="Ordonnance", box=Box(x=180, y=90, width=300, height=40), confidence=0.9,
                  alternatives=(Alternative(text="0rdonnance", confidence=0.1),)),)  # fmt: skip
    line = Line(words=words, box=words[0].box, kind=ZoneKind.PRINTED, engine="tesseract 5.3.0")
    return Page(
        number=number,
        size=PAGE,
        dpi=300,
        quality=Quality(legibility=Legibility.GOOD),
        fingerprint="00ff00ff00ff00ff",
        lines=(line,),
    )


def document(seed: int, pages: Sequence[int] = (1,)) -> tuple[Document, Attachment]:
    data = f"%PDF-1.4\n% exemple {seed}\n%%EOF\n".encode()
    scan = Scan(
        sha256=hashlib.sha256(data).hexdigest(),
        sha1=hashlib.sha1(data).hexdigest(),
        size=len(data),
        media_type="application/pdf",
        origins=(f"lot 1/ordonnance é {seed}.pdf",),
        page_count=max(pages),
    )
    made = Document(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scan.sha256}/{pages[0]}")),
        scan=scan,
        pages=tuple(page(number) for number in pages),
        reason="Une seule page",
    )
    return made, Attachment(
        data=data, media_type="application/pdf", title=f"ordonnance é {seed}.pdf"
    )


# --- people ---------------------------------------------------------------------------------

FAMILIES = ("LEFÈVRE", "D'ARTOIS", "N'GUYEN-ROY", "MARTIN", "BERNARD", "DE LA TOUR")
GIVEN = (("Camille",), ("Jean", "Paul"), ("Maëlle",), ("Zoé", "Anne"), ("Luc",))


def patient(reader: Reader, day: dt.date) -> Patient:
    birth = dt.date(reader.random.randint(1930, day.year - 2), reader.random.randint(1, 12), 9)
    sex = reader.pick((Sex.FEMALE, Sex.MALE))
    family, given = reader.pick(FAMILIES), reader.pick(GIVEN)
    names = [
        reader.read(
            HumanName(family=family, given=given, prefix=reader.pick(("Mme", "M.", ""))),
            f"{family} {' '.join(given)}",
            HumanName(family="MARTlN", given=given),
        )
    ]
    if reader.maybe(0.4):
        names.append(
            reader.read(
                HumanName(family="DUPONT", given=given if reader.maybe() else (), use="official"),
                "née DUPONT",
            )
        )
    first = "2" if sex is Sex.FEMALE else "1"
    commune = reader.pick(("2A951", "75987", "13901", "2B970"))
    number = nir(f"{first}{birth:%y%m}{commune}{reader.random.randint(1, 999):03d}")
    return Patient(
        names=tuple(names),
        sex=reader.read(sex, "F") if reader.maybe(0.8) else None,
        birth_date=reader.read(birth, f"{birth:%d/%m/%Y}", birth.replace(day=4)),
        birth_place=reader.read(
            BirthPlace(text=f"Villefictive ({commune})", town="Villefictive", insee=commune),
            f"à Villefictive ({commune})",
            BirthPlace(text="Villefictlve", town="Villefictlve"),
        )
        if reader.maybe(0.4)
        else None,
        age=reader.read(qty(str(day.year - birth.year), "ans", "a"), "ans")
        if reader.maybe(0.4)
        else None,
        nir=reader.read(number, number) if reader.maybe(0.5) else None,
        local_id=reader.read("P-00172", "dossier P-00172") if reader.maybe(0.3) else None,
        phone=reader.read("06 39 98 12 34", "06 39 98 12 34") if reader.maybe(0.3) else None,
        address=reader.read("3 rue des Lilas, 00000 Villefictive", "3 rue des Lilas")
        if reader.maybe(0.4)
        else None,
    )


def prescriber(reader: Reader) -> Prescriber:
    if reader.maybe(0.07):
        return Prescriber()
    name = HumanName(family=reader.pick(FAMILIES), given=("Dominique",), prefix="Dr")
    rpps = f"1099{reader.random.randint(0, 9_999_999):07d}"
    return Prescriber(
        name=reader.read(name, f"Dr Dominique {name.family}"),
        speciality=reader.read("Médecine générale", "Médecine générale"),
        rpps=reader.read(rpps, f"RPPS {rpps}") if reader.maybe(0.8) else None,
        am=reader.read("991234567", "AM 99 1 23456 7") if reader.maybe(0.4) else None,
        finess=reader.read("990000012", "FINESS 990000012") if reader.maybe(0.3) else None,
        address=reader.read("12 place du Marché, 00000 Villefictive", "12 place du Marché"),
        phone=reader.read("01 99 00 12 34", "Tél. 01 99 00 12 34"),
    )


# --- medications ----------------------------------------------------------------------------


def daily(frequency: int, *when: str, **more: Any) -> Timing:
    return Timing(frequency=frequency, period=Decimal(1), period_unit="d", when=when, **more)


DOSAGES: tuple[tuple[str, tuple[Dosage, ...]], ...] = (
    (
        "1 cp matin et soir pendant 7 jours",
        (Dosage(text="1 cp matin et soir pendant 7 jours", dose=qty("1", "comprimé"), route=ORAL,
                timing=daily(2, "MORN", "EVE", bounds=qty("7", "jours", "d"))),),
    ),
    (
        "1 à 2 gélules si douleur, max 6/j, espacer de 6 h",
        (Dosage(text="1 à 2 gélules si douleur, max 6/j, espacer de 6 h", as_needed=True,
                as_needed_for="douleur",
                dose=Range(low=qty("1", "gélule"), high=qty("2", "gélule")),
                max_dose=Ratio(numerator=qty("6", "gélule"), denominator=DAY),
                min_interval=qty("6", "h", "h")),),
    ),
    (
        "40 mg pendant 3 jours puis 20 mg pendant 3 jours puis arrêt",
        tuple(
            Dosage(sequence=number, text=f"{dose} mg pendant 3 jours", dose=qty(dose, "mg", "mg"),
                   timing=daily(1, "MORN", bounds=qty("3", "jours", "d")))
            for number, dose in enumerate(("40", "20"), 1)
        ),
    ),
    (
        "15 mg/kg toutes les 6 h",
        (Dosage(text="15 mg/kg toutes les 6 h", dose=qty("15", "mg", "mg"), dose_per_kg=True,
                timing=Timing(frequency=1, period=Decimal(6), period_unit="h")),),
    ),
    (
        "1 injection SC tous les 12 jours le lundi",
        (Dosage(text="1 injection SC tous les 12 jours le lundi", route=SUBCUTANEOUS,
                dose=qty("0.4", "mL", "mL"),
                timing=Timing(frequency=1, period=Decimal(12), period_unit="d",
                              day_of_week=("mon",))),),
    ),
    (
        "1 cp 30 min avant le dîner, 21 j sur 28",
        (Dosage(text="1 cp 30 min avant le dîner, 21 j sur 28", dose=qty("1", "comprimé"),
                timing=daily(1, "ACV", offset=30, cycle="21 j sur 28"),
                additional=("avec un grand verre d'eau",)),),
    ),
    (
        "2 à 8 h et 20 h de J2 à J5",
        (Dosage(text="2 à 8 h et 20 h de J2 à J5", dose=qty("2"),
                timing=daily(2, time_of_day=("08:00", "20:00"), start_day=2,
                             bounds=Range(low=qty("3", "jours", "d"),
                                          high=qty("4", "jours", "d")))),),
    ),
    (
        "1 cp le matin, 1/2 cp le soir",
        (Dosage(text="1 cp le matin", dose=qty("1", "comprimé"), timing=daily(1, "MORN")),
         Dosage(text="1/2 cp le soir", dose=qty("0.5", "comprimé"), timing=daily(1, "EVE"))),
    ),
    (
        "1 sachet après chaque selle liquide, œil droit",
        (Dosage(text="1 sachet après chaque selle liquide", as_needed=True,
                dose=qty("1", "sachet"), site="œil droit", condition="si fièvre",
                timing=Timing(event="après chaque selle", count=4, frequency_max=4,
                              frequency=1, period=Decimal(1), period_max=Decimal(2),
                              period_unit="d", bounds_text="jusqu'à amélioration")),),
    ),
)  # fmt: skip

DRUGS: tuple[tuple[Drug, Strength | None, Code | None], ...] = (
    (
        Drug(text="AMLOR 5 mg gél", name="AMLOR", substances=("AMLODIPINE",), match=Match.EXACT,
             similarity=1.0,
             codings=(Code(system="https://smt.esante.gouv.fr/terminologie-atc", code="C08CA01",
                           display="amlodipine"),)),
        Strength(parts=(qty("5", "mg", "mg"),)), CAPSULE,
    ),
    (
        Drug(text="AUGMENTIN 500 mg/62,5 mg", name="AUGMENTIN",
             substances=("AMOXICILLINE", "ACIDE CLAVULANIQUE"), match=Match.NORMALISED,
             similarity=0.97),
        Strength(parts=(qty("500", "mg", "mg"), qty("62.5", "mg", "mg"))), TABLET,
    ),
    (
        Drug(text="Doliprane susp 2,4 %", name="DOLIPRANE", substances=("PARACÉTAMOL",),
             match=Match.FUZZY, similarity=0.9),
        Strength(parts=(qty("100", "mg", "mg"),), per=qty("5.00", "mL", "mL")), None,
    ),
    (Drug(text="sirop contre la toux"), None, None),
    (Drug(text="KARDEGIC 75", name="KARDEGIC"), Strength(parts=(qty("75"),)), None),
)  # fmt: skip


def medication(reader: Reader, *, bizone: bool = False) -> Medication:
    drug, strength, form = reader.pick(DRUGS)
    line, steps = reader.pick(DOSAGES)
    other = (DOSAGES[0][1],)
    return Medication(
        drug=reader.read(drug, drug.text, Drug(text="AMOXICILLINE")),
        strength=reader.read(strength, drug.text) if strength else None,
        form=reader.read(form, form.display) if form else None,
        dosage=reader.read(steps, line, *other) if reader.maybe(0.9) else None,
        action=reader.pick((*(MedicationAction.START,) * 5, *MedicationAction)),
        repeats=reader.read(reader.random.randint(0, 5), "AR 2") if reader.maybe(0.4) else None,
        supply_duration=reader.read(qty("3", "mois", "mo"), "QSP 3 mois", qty("8", "mois", "mo"))
        if reader.maybe()
        else None,
        dispense_quantity=reader.read(qty("2", "boîtes"), "2 boîtes")
        if reader.maybe(0.3)
        else None,
        dispense_interval=reader.read(qty("7", "jours", "d"), "tous les 7 jours")
        if reader.maybe(0.15)
        else None,
        substitution=reader.read(
            reader.pick(
                (Substitution(allowed=False, reason="MTE"), Substitution(allowed=False),
                 Substitution(allowed=True))
            ),
            "non substituable (MTE)",
        )
        if reader.maybe(0.3)
        else None,
        ald=reader.read(reader.maybe(), "zone ALD") if bizone else None,
    )  # fmt: skip


# --- statements -----------------------------------------------------------------------------


def loinc(code: str, display: str) -> Code:
    return Code(system=LOINC, code=code, display=display)


MEASUREMENTS = (
    ("weight", "29463-7", "Body weight", qty("72.50", "kg", "kg"), "P 72,50 kg"),
    ("height", "8302-2", "Body height", qty("1.72", "m", "m"), "T 1m72"),
    ("temperature", "8310-5", "Body temperature", qty("38.2", "°C", "Cel"), "T° 38,2"),
    ("heart-rate", "8867-4", "Heart rate", qty("78", "/min", "/min"), "FC 78"),
    ("respiratory-rate", "9279-1", "Respiratory rate", qty("16", "/min", "/min"), "FR 16"),
    ("bmi", "39156-5", "Body mass index (BMI) [Ratio]", qty("24.5", "kg/m²", "kg/m2"), "24,5"),
    ("oxygen-saturation", "2708-6", "Oxygen saturation in Arterial blood",
     qty("97", "%", "%"), "SpO2 97 %"),
    ("head", "9843-4", "Head Occipital-frontal circumference", qty("41", "cm", "cm"), "PC 41"),
    ("hba1c", "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood",
     qty("6.8", "%", "%"), "HbA1c 6,8 %"),
    ("crp", "1988-5", "C reactive protein [Mass/volume] in Serum or Plasma",
     qty("5", "mg/L", "mg/L", "<"), "CRP < 5"),
)  # fmt: skip


def measurement(reader: Reader, row: tuple[str, str, str, Quantity, str]) -> Measurement:
    key, code, display, value, text = row
    return Measurement(
        key=key,
        code=loinc(code, display),
        value=reader.read(value, text, value.model_copy(update={"value": value.value + 1})),
        trend="en hausse" if reader.maybe(0.1) else "",
        date=reader.read(dt.date(2026, 10, 2), "le 02/10") if reader.maybe(0.1) else None,
    )


def blood_pressure(reader: Reader) -> Measurement:
    parts = tuple(
        Measurement(
            key=key,
            code=loinc(code, display),
            value=reader.read(qty(value, "mmHg", "mm[Hg]"), "TA 13/8"),
        )
        for key, code, display, value in (
            ("systolic", "8480-6", "Systolic blood pressure", "130"),
            ("diastolic", "8462-4", "Diastolic blood pressure", "80"),
        )
    )
    return Measurement(
        key="blood-pressure",
        code=loinc("85354-9", "Blood pressure panel with all children optional"),
        components=parts if reader.maybe(0.9) else parts[:1],
        body_site="bras gauche" if reader.maybe(0.2) else "",
    )


def pregnancy(reader: Reader, day: dt.date) -> tuple[Measurement, ...]:
    last_period = day - dt.timedelta(days=150)
    return (
        Measurement(
            key="last-period",
            code=loinc("8665-2", "Last menstrual period start date"),
            value=reader.read(last_period, f"DDR {last_period:%d/%m/%y}"),
        ),
        Measurement(
            key="gestational-age",
            code=loinc("49051-6", "Gestational age in weeks"),
            value=reader.read(qty("21", "SA", "wk"), "21 SA"),
        ),
        Measurement(
            key="fundal-height",
            code=loinc("11881-0", "Uterus Fundal height Tape measure"),
            value=reader.read(Range(low=qty("20", "cm", "cm"), high=qty("21", "cm", "cm")), "HU"),
        ),
        Measurement(
            key="proteinuria",
            code=loinc("20454-5", "Protein [Presence] in Urine by Test strip"),
            value=reader.read("traces", "BU : traces"),
        ),
        Measurement(
            key="movements",
            code=loinc("57088-7", "Fetal Movement - Reported"),
            value=reader.read(True, "MAF +"),
        ),
    )


CONDITIONS = (
    ("HTA", "I10", ConditionRole.PROBLEM, Certainty.CONFIRMED),
    ("suspicion de pneumopathie", None, ConditionRole.DIAGNOSIS, Certainty.HYPOTHESIS),
    ("pas de diabète", "E11", ConditionRole.PROBLEM, Certainty.NEGATED),
    ("toux depuis 3 jours", None, ConditionRole.REASON, Certainty.CONFIRMED),
    ("appendicectomie 1998", None, ConditionRole.HISTORY, Certainty.CONFIRMED),
    ("père : IDM à 50 ans", None, ConditionRole.FAMILY, Certainty.CONFIRMED),
)


def condition(reader: Reader, row: tuple[str, str | None, Any, Certainty]) -> Condition:
    text, code, role, certainty = row
    system = "https://smt.esante.gouv.fr/terminologie-cim-10"
    return Condition(
        text=reader.read(text, text, "HTAP"),
        code=Code(system=system, code=code, display=text) if code else None,
        certainty=certainty,
        role=role,
        onset="1998" if role is ConditionRole.HISTORY else "",
    )


def allergies(reader: Reader) -> tuple[Allergy, ...]:
    if reader.maybe(0.4):
        text = "Pas d'allergie connue"
        return (Allergy(text=reader.read(text, text), none_known=True),)
    rows: tuple[tuple[str, Any, Certainty, str], ...] = (
        ("Pénicilline", "allergy", Certainty.CONFIRMED, "urticaire"),
        ("Lactose", "intolerance", Certainty.HYPOTHESIS, ""),
        ("Aspirine", "allergy", Certainty.NEGATED, ""),
    )
    return tuple(
        Allergy(text=reader.read(text, text), kind=kind, certainty=certainty, reaction=reaction)
        for text, kind, certainty, reaction in reader.some(rows)
    )


ORDERS = (
    (OrderKind.LABORATORY, "NFS, ionogramme, créatinine"),
    (OrderKind.IMAGING, "Radiographie du genou gauche F + P"),
    (OrderKind.PHYSIOTHERAPY, "10 séances de rééducation du rachis"),
    (OrderKind.NURSING, "Ablation des fils à J10"),
    (OrderKind.REFERRAL, "Avis cardiologique"),
    (OrderKind.OTHER, "Bas de contention classe 2"),
)


def certificate(reader: Reader, day: dt.date) -> Certificate:
    return Certificate(
        kind=reader.pick(("sick-leave", "sport", "presence", "pregnancy", "other")),
        text=reader.read("Arrêt de travail de 5 jours", "Arrêt de travail de 5 jours"),
        start=reader.read(day, f"du {day:%d/%m}") if reader.maybe(0.8) else None,
        end=reader.read(day + dt.timedelta(days=4), "au 05") if reader.maybe(0.8) else None,
    )


# --- documents ------------------------------------------------------------------------------


def extraction(
    kind: DocumentKind, seed: int, *, clean: bool = False, pages: Sequence[int] = (1,)
) -> tuple[Extraction, Document, Attachment]:
    """An extraction of `kind` that follows `seed`; all values sure when `clean`."""
    reader = Reader(seed, clean=clean, page=pages[0])
    paper, original = document(seed, pages)
    day = dt.date(2026, 11, reader.random.randint(1, 22))
    fields: dict[str, Any] = {
        "document_id": paper.id,
        "kind": reader.read(kind, "ORDONNANCE"),
        "date": reader.read(day, f"le {day:%d/%m/%Y}", day.replace(day=1))
        if clean or reader.maybe(0.9)
        else None,
        "patient": patient(reader, day),
        "prescriber": prescriber(reader),
        "sections": (
            Section(title="Motif", text="Toux & fièvre <38,5\nTA 13/8", page=pages[0]),
            Section(title="", text="Revoir si besoin", page=pages[0]),
        ),
        "steps": (Step(name="imaging", version="1"), Step(name="ocr", version="5.3", settings="a")),
    }
    if not clean and reader.maybe(0.4):
        fields["unread"] = (reader.read("", "~~~ kq", state=State.UNREAD),)
    match kind:
        case DocumentKind.PRESCRIPTION | DocumentKind.PRESCRIPTION_BIZONE:
            bizone = kind is DocumentKind.PRESCRIPTION_BIZONE
            count = reader.random.randint(1, 6)
            fields["medications"] = tuple(medication(reader, bizone=bizone) for _ in range(count))
            if reader.maybe(0.3):
                fields["measurements"] = (measurement(reader, MEASUREMENTS[0]),)
        case DocumentKind.CONSULTATION | DocumentKind.PREGNANCY:
            fields["measurements"] = (
                blood_pressure(reader),
                *(measurement(reader, row) for row in reader.some(MEASUREMENTS)),
                *(pregnancy(reader, day) if kind is DocumentKind.PREGNANCY else ()),
            )
            fields["conditions"] = tuple(condition(reader, row) for row in reader.some(CONDITIONS))
            fields["allergies"] = allergies(reader)
            fields["medications"] = tuple(medication(reader) for _ in range(2))
            fields["orders"] = (Order(kind=ORDERS[0][0], text=reader.read("NFS", "bio : NFS")),)
            fields["appointments"] = (
                Appointment(
                    text=reader.read("Revoir dans 1 mois", "RDV 1 mois"),
                    date=reader.read(day + dt.timedelta(days=30), "le 22")
                    if reader.maybe()
                    else None,
                ),
            )
        case DocumentKind.TEST_REQUEST:
            fields["orders"] = tuple(
                Order(
                    kind=order,
                    text=reader.read(text, text),
                    code=loinc("58410-2", "CBC panel - Blood by Automated count")
                    if order is OrderKind.LABORATORY
                    else None,
                )
                for order, text in reader.some(ORDERS)
            )
        case DocumentKind.CERTIFICATE:
            fields["certificates"] = (certificate(reader, day),)
    return Extraction(**fields), paper, original


def draft_of(kind: DocumentKind, seed: int, *, clean: bool = False) -> dict[str, Any]:
    """The draft Bundle of `extraction(kind, seed)`."""
    return draft(*extraction(kind, seed, clean=clean), Settings(), RECORDED)


def drafts(count: int, *, clean: bool = False) -> Iterator[dict[str, Any]]:
    """`count` drafts that go through all the kinds of document in turn."""
    kinds = list(DocumentKind)
    for seed in range(count):
        yield draft_of(kinds[seed % len(kinds)], seed, clean=clean)


# --- decisions ------------------------------------------------------------------------------

DOCTOR = "Dr Alix Relecture"
VALIDATED = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)

# What a reviewer types for an unread value, by the last element of its path.
READINGS: dict[str, Any] = {
    "name": {"use": "usual", "family": "RELU", "given": ["Camille"]},
    "gender": "female",
    "birthDate": "1974-12-25",
    "telecom": {"system": "phone", "value": "06 39 98 00 01"},
    "address": {"text": "1 rue Relue"},
    "valueAddress": {"text": "Relue (01)", "city": "Relue"},
    "medicationCodeableConcept": {"text": "DOLIPRANE 1000 mg cp"},
    "form": {"text": "comprimé"},
    "strength": {
        "numerator": {"value": 1000, "unit": "mg"},
        "denominator": {"value": 1},
    },
    "boundsDuration": {
        "value": 1, "unit": "mois", "system": "http://unitsofmeasure.org", "code": "mo",
    },
    "expectedSupplyDuration": {
        "value": 1, "unit": "mois", "system": "http://unitsofmeasure.org", "code": "mo",
    },
    "dosageInstruction": {"sequence": 1, "text": "1 cp par jour"},
    "numberOfRepeatsAllowed": 1,
    "quantity": {"value": 1, "unit": "boîte"},
    "dispenseInterval": {
        "value": 7, "unit": "jour", "system": "http://unitsofmeasure.org", "code": "d",
    },
    "allowedCodeableConcept": {
        "coding": [
            {
                "system": "http://terminology.hl7.org/CodeSystem/v3-substanceAdminSubstitution",
                "code": "N",
            }
        ]
    },
    "type": {
        "coding": [
            {
                "system": "https://reprise.example/fhir/CodeSystem/document-kind",
                "code": "note-de-consultation",
            }
        ]
    },
    "date": "2026-11-05",
    "effectiveDateTime": "2026-11-05",
    "occurrenceDateTime": "2026-12-05",
    "valueDateTime": "2026-11-05",
    "valueString": "Texte relu",
    "valueBoolean": True,
    "text": "Passage relu & corrigé",
    "code": {"text": "Relu"},
}  # fmt: skip
_UNITS = {
    "8480-6": ("mm[Hg]", 130), "8462-4": ("mm[Hg]", 80), "29463-7": ("kg", 72),
    "8302-2": ("cm", 172), "8310-5": ("Cel", 37), "8867-4": ("/min", 70),
    "9279-1": ("/min", 16), "39156-5": ("kg/m2", 24), "2708-6": ("%", 97), "9843-4": ("cm", 41),
}  # fmt: skip


def reading(field: Field, resource: dict[str, Any]) -> Any:
    """What a reviewer would enter for an unread field of `resource`."""
    path = parse(field.path)
    last = next(step for step in reversed(path) if isinstance(step, str))
    if last == "identifier":
        system = lookup(resource, path)["system"]
        values = {
            "urn:oid:1.2.250.1.213.1.4.13": nir("2741275987001"),
            "https://rpps.esante.gouv.fr": "10990000001",
            "https://www.ameli.fr": "991234567",
            "https://finess.esante.gouv.fr": "990000012",
        }
        kept = {n: v for n, v in lookup(resource, path).items() if n in ("use", "type", "system")}
        return {**kept, "value": values.get(system, "P-1")}
    if last == "valueQuantity":
        holder = lookup(resource, path[:-1])
        code = holder["code"]["coding"][0]["code"]
        unit, value = _UNITS.get(code, ("%", 5))
        return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return READINGS[last]


def decisions(bundle: dict[str, Any]) -> list[Decision]:
    """Decisions that leave nothing open: doubtful values confirmed, unread ones entered."""
    resources = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    made = []
    for field in fields(bundle):
        if field.state is State.SURE:
            continue
        action = DecisionAction.CONFIRM
        new = None
        if field.state is State.UNREAD:
            action = DecisionAction.CORRECT
            new = reading(field, resources[field.url])
        made.append(
            Decision(
                action=action,
                field=field.name,
                old=field.value,
                new=new,
                who=DOCTOR,
                when=VALIDATED,
            )
        )
    for name in open_fields(bundle):
        if name.endswith("#date") and name not in {one.field for one in made}:
            made.append(
                Decision(
                    action=DecisionAction.ADD,
                    field=name,
                    new="2026-11-05",
                    who=DOCTOR,
                    when=VALIDATED,
                )
            )
    return made


def validated_of(kind: DocumentKind, seed: int, *, clean: bool = False) -> dict[str, Any]:
    """The validated Bundle of `draft_of(kind, seed)`, all its open values decided on."""
    bundle = draft_of(kind, seed, clean=clean)
    return validate(bundle, decisions(bundle), DOCTOR, VALIDATED)


def validated(count: int, *, clean: bool = False) -> Iterator[dict[str, Any]]:
    """`count` validated Bundles that go through all the kinds of document in turn."""
    kinds = list(DocumentKind)
    for seed in range(count):
        yield validated_of(kinds[seed % len(kinds)], seed, clean=clean)
