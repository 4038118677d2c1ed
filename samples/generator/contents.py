"""What the papers of a French general practice or midwife say, with the facts they state.

A `Paper` is independent of its look: blocks of text with roles, and `facts` (the truth, format
in docs/evaluation.md). All wording comes from one vocabulary.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from samples.generator import measurements
from samples.generator.identities import (
    Person,
    Professional,
    person,
    phone,
    professional,
    spaced_nir,
    unaccented,
)
from samples.generator.posology import regimen
from samples.generator.vocabulary import Drug, Vocabulary

Kind = Literal[
    "ordonnance", "ordonnance-bizone", "note-de-consultation", "suivi-de-grossesse",
    "demande-d-examens", "certificat",
]  # fmt: skip
Role = Literal["heading", "drug", "dosage", "prescription", "text", "zone", "measurement", "gap"]
KINDS: dict[Kind, int] = {
    "ordonnance": 42,
    "ordonnance-bizone": 8,
    "note-de-consultation": 24,
    "suivi-de-grossesse": 12,
    "demande-d-examens": 7,
    "certificat": 7,
}
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
    "octobre", "novembre", "décembre",
)  # fmt: skip
ABBREVIATED = (
    "janv.", "févr.", "mars", "avr.", "mai", "juin",
    "juil.", "août", "sept.", "oct.", "nov.", "déc.",
)  # fmt: skip
WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
WOMENS_HISTORY = ("césarienne", "hystérectomie")
LAST_DAY = dt.date(2026, 11, 20)


@dataclass(frozen=True)
class Passage:
    """One line of the body. `facts` are paths into the paper's facts that it states."""

    role: Role
    text: str
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Paper:
    """One document: blocks from top to bottom and what they state."""

    kind: Kind
    prescriber: Professional
    patient: Person
    date: dt.date
    letterhead: tuple[str, ...]
    identifiers: tuple[str, ...]
    contact: tuple[str, ...]
    dateline: str
    patient_lines: tuple[Passage, ...]
    title: str
    body: tuple[Passage, ...]
    closing: tuple[str, ...]
    facts: dict[str, Any]


def long_date(day: dt.date) -> str:
    """A date in words: 12 novembre 2026, 1er mars 2026."""
    number = "1er" if day.day == 1 else str(day.day)
    return f"{number} {MONTHS[day.month - 1]} {day.year}"


def _date_words(day: dt.date) -> dict[str, str]:
    return {
        "weekday": WEEKDAYS[day.weekday()],
        "dmy": day.strftime("%d/%m/%Y"),
        "dots": day.strftime("%d.%m.%Y"),
        "dashed": day.strftime("%d-%m-%Y"),
        "short": day.strftime("%d/%m/%y"),
        "abbr": f"{day.day} {ABBREVIATED[day.month - 1]} {day.year}",
        "long": long_date(day),
    }


class _Pen:
    """Random choices within one vocabulary, for one patient."""

    def __init__(self, rng: Random, words: Vocabulary) -> None:
        self.rng = rng
        self.words = words
        self.childbearing = False
        self.female = False

    def drugs(self, *, chronic: bool = False, midwife: bool = False) -> list[Drug]:
        """The drugs that this patient could be given."""
        women = ("continuous", "ovule")
        return [
            drug
            for drug in self.words.drugs
            if (drug.chronic or not chronic)
            and (drug.pregnancy or not midwife)
            and (self.childbearing or not (drug.pregnancy or drug.plan in women))
        ]

    def wording(self, key: str) -> str:
        return self.rng.choice(self.words.wording[key])

    def clinic(self, key: str, count: int = 1) -> list[str]:
        return self.rng.sample(self.words.clinic[key], count)

    def optional(self, key: str) -> str:
        """A wording that only one vocabulary has; empty without a draw where it has none."""
        return self.wording(key) if key in self.words.wording else ""

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability


def paper(
    rng: Random,
    words: Vocabulary,
    kind: Kind | None = None,
    prescriber: Professional | None = None,
    patient: Person | None = None,
) -> Paper:
    """One document of `kind` (drawn by frequency when None) by `prescriber` for `patient`."""
    pen = _Pen(rng, words)
    if kind is None:
        kind = rng.choices(list(KINDS), weights=list(KINDS.values()))[0]
    midwife = kind == "suivi-de-grossesse" or (kind == "ordonnance" and pen.chance(0.15))
    prescriber = prescriber or professional(rng, words, midwife)
    if prescriber.midwife or kind == "suivi-de-grossesse":
        patient = patient or person(rng, words, "female", (18, 44))
    ages = (18, 62) if kind == "certificat" else (19, 91)
    patient = patient or person(rng, words, None, ages)
    day = LAST_DAY - dt.timedelta(days=rng.randint(0, 400))
    pen.female = patient.sex == "female"
    pen.childbearing = pen.female and patient.age(day) < 50
    facts: dict[str, Any] = {
        "kind": kind,
        "date": day.isoformat(),
        "medications": [],
        "measurements": [],
        "allergies": [],
        "conditions": [],
        "orders": [],
    }
    letterhead, identifiers, contact, head_facts = _letterhead(pen, prescriber)
    patient_lines, patient_facts = _patient_block(pen, patient, day)
    facts |= {"patient": patient_facts, "prescriber": head_facts}
    match kind:
        case "ordonnance":
            title, body = pen.wording("prescription_titles"), _prescription(pen, prescriber, facts)
        case "ordonnance-bizone":
            title, body = "", _bizone(pen, facts)
        case "note-de-consultation":
            title, body = pen.wording("note_titles"), _note(pen, facts)
        case "suivi-de-grossesse":
            title, body = pen.wording("pregnancy_titles"), _pregnancy(pen, facts, day)
        case "demande-d-examens":
            title, body = pen.wording("test_titles"), _tests(pen, facts)
        case "certificat":
            title = pen.wording("certificate_titles")
            body = _certificate(pen, facts, patient, prescriber, day)
    town = prescriber.town.split(" ", 1)[1]
    dateline = pen.wording("date").format(town=town, **_date_words(day))
    closing = (f"{pen.wording('practitioner_titles')} {prescriber.name}",)
    return Paper(
        kind, prescriber, patient, day, letterhead, identifiers, contact, dateline,
        patient_lines, title, tuple(body), closing, facts,
    )  # fmt: skip


# --- who ------------------------------------------------------------------------------------


def _letterhead(
    pen: _Pen, who: Professional
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], dict[str, Any]]:
    capitals = pen.chance(0.5)
    family = who.family.upper() if capitals else who.family
    title = "" if who.midwife else pen.wording("practitioner_titles")
    first = f"{title} {who.given} {family}".strip()
    if capitals and pen.chance(0.3):
        first = first.upper()
    speciality = pen.wording("midwife" if who.midwife else "general")
    lines = [first, speciality]
    if pen.chance(0.4):
        lines.append(pen.rng.choice(pen.words.wording["degrees"]))
    if who.practice and pen.chance(0.6):
        lines.insert(pen.rng.choice((0, len(lines))), who.practice)
    facts: dict[str, Any] = {
        "family": who.family,
        "given": who.given,
        "speciality": "sage-femme" if who.midwife else "médecine générale",
    }
    identifiers = []
    if pen.chance(0.85):
        identifiers.append(pen.wording("rpps").format(who.rpps))
        facts["rpps"] = who.rpps
    if pen.chance(0.5):
        identifiers.append(pen.wording("am").format(who.am))
    if pen.chance(0.25):
        identifiers.append(pen.wording("finess").format(who.finess))
        facts["finess"] = who.finess
    contact = [who.street, who.town]
    if pen.chance(0.85):
        contact.append(pen.wording("phone").format(who.phone))
    return tuple(lines), tuple(identifiers), tuple(contact), facts


def _patient_block(
    pen: _Pen, who: Person, day: dt.date
) -> tuple[tuple[Passage, ...], dict[str, Any]]:
    family = who.family.upper()
    if pen.chance(0.35):
        family = unaccented(family)
    given = " ".join(who.given)
    facts: dict[str, Any] = {"family": who.family, "given": list(who.given), "sex": who.sex}
    stated = False
    lines: list[Passage] = []
    ending = "e" if who.sex == "female" else ""
    birth = pen.wording("birth")
    if who.sex == "male" and birth.startswith(("née", "Née")):
        birth = birth.replace("née", "né", 1).replace("Née", "Né", 1)
    birth = birth.format(e=ending, age=who.age(day), **_date_words(who.birth_date))
    maiden = ""
    if who.birth_family != who.family and pen.chance(0.7):
        maiden = pen.wording("birth_name").format(BIRTH=who.birth_family.upper())
        facts["birth_family"] = who.birth_family
    if pen.chance(0.3):
        for field in pen.wording("name_fields").format(FAMILY=family, Given=given).split("|"):
            path = "patient.given" if "prénom" in field.lower() else "patient.family"
            lines.append(Passage("text", field, (path,)))
        if maiden:
            plain = maiden.strip("()")
            plain = plain[0].upper() + plain[1:]
            if labelled := pen.optional("birth_name_fields"):
                plain = labelled.format(BIRTH=who.birth_family.upper())
            lines.append(Passage("text", plain, ("patient.birth_family",)))
        sexes = pen.words.wording["sex_female" if who.sex == "female" else "sex_male"]
        said = [sex for sex in sexes if len(sex) > 1]
        if pen.chance(0.6):
            lines.append(Passage("text", pen.rng.choice(said), ("patient.sex",)))
            stated = True
    else:
        wording = pen.wording("name")
        long_title = "Madame" if who.sex == "female" else "Monsieur"
        name = wording.format(title=who.title, long_title=long_title, FAMILY=family, Given=given)
        stated = "title}" in wording
        paths = ["patient.family", "patient.given"]
        if maiden:
            name = f"{name} {maiden}"
            paths.append("patient.birth_family")
        lines.append(Passage("text", name, tuple(paths)))
    if pen.chance(0.88):
        stated = stated or "née " in birth.lower() or "né " in birth.lower()
        facts["birthDate"] = who.birth_date.isoformat()
        if len(lines) == 1 and not maiden and pen.chance(0.35) and birth[0].islower():
            first = lines[0]
            lines[0] = Passage(
                "text", f"{first.text}, {birth}", (*first.facts, "patient.birthDate")
            )
        else:
            lines.append(Passage("text", birth, ("patient.birthDate",)))
    if pen.chance(0.4):
        nir = spaced_nir(who.nir) if pen.chance(0.75) else who.nir
        lines.append(Passage("text", pen.wording("nir").format(nir), ("patient.nir",)))
        facts["nir"] = who.nir
        stated = True  # its first digit
    if maiden:
        stated = True
    if not stated:
        facts["implied"] = ["sex"]
    if age := pen.optional("age_line"):
        lines.append(Passage("text", age.format(age=who.age(day))))
    if pen.chance(0.12):
        people = pen.words.people
        home = f"{pen.rng.choice(people['streets'])}, {pen.rng.choice(people['towns'])}"
        lines.append(Passage("text", pen.wording("address").format(home)))
    if pen.chance(0.08):
        lines.append(Passage("text", pen.wording("phone").format(phone(pen.rng))))
    return tuple(lines), facts


# --- what -----------------------------------------------------------------------------------


def strength_facts(strength: str) -> list[dict[str, Any]]:
    """`500 mg/62,5 mg` as quantities; a concentration (`100 UI/mL`) keeps its whole unit."""
    parts = []
    if strength.endswith(("UI/mL", "mg/g")):
        number, unit = strength.split(" ")
        return [{"value": _number(number), "unit": unit}]
    for part in strength.split("/"):
        number, unit = part.split(" ")
        parts.append({"value": _number(number), "unit": unit})
    return parts


def _number(text: str) -> float:
    """A number as written in French; whole ones without a point."""
    value = float(text.replace(",", "."))
    return int(value) if value.is_integer() else value


def _strength_words(pen: _Pen, strength: str) -> str:
    text = strength
    if "/" in text and not text.endswith(("UI/mL", "mg/g")):
        units = {part.split(" ")[1] for part in text.split("/")}
        if len(units) == 1 and pen.chance(0.7):
            unit = units.pop()
            text = "/".join(part.split(" ")[0] for part in text.split("/")) + f" {unit}"
    if "µg" in text and pen.chance(0.4):
        text = text.replace("µg", pen.rng.choice(("microgrammes", "mcg", "µg")))
    if text.endswith("000 UI") and pen.chance(0.5):
        text = f"{text[:-6]} 000 UI"
    if pen.chance(0.12):
        text = text.replace(" mg", "mg")
    return text


def _medication(
    pen: _Pen, drug: Drug, facts: dict[str, Any], ald: bool | None = None
) -> tuple[str, str, str]:
    """Adds `drug` to the facts; returns its line, its dosage line and its path."""
    entry: dict[str, Any] = {"drug": drug.name}
    name = drug.name
    style = pen.rng.random()
    if style < 0.25:
        name = name.capitalize() if " " not in name and "-" not in name else name.title()
    elif style < 0.5:
        name = unaccented(name.upper())
    elif name.islower():
        name = name.capitalize()
    words = [name]
    if drug.strengths:
        strength = pen.rng.choice(drug.strengths)
        entry["strength"] = strength_facts(strength)
        words.append(_strength_words(pen, strength))
    if drug.form in ("comprimé", "gélule", "sachet") and pen.chance(0.5):
        words.append(pen.rng.choice(pen.words.posology[f"form_{drug.form}"]))
        entry["form"] = drug.form
    elif drug.form not in ("comprimé", "gélule", "sachet") and pen.chance(0.6):
        words.append(drug.form)
        entry["form"] = drug.form
    if len(words) == 3 and "name_order" in pen.words.wording:
        words = [pen.wording("name_order").format(*words)]
    dosage = regimen(pen.rng, pen.words, drug)
    said = dosage.text
    if said[0].isdigit() and "-" not in said[:3] and (lead := pen.optional("dosage_lead")):
        said = lead + said
    entry |= {"dosageText": said, "dosage": list(dosage.steps), **dosage.facts}
    if ald is not None:
        entry["ald"] = ald
    facts["medications"].append(entry)
    return " ".join(words), said, f"medications[{len(facts['medications']) - 1}]"


def _prescribed(
    pen: _Pen, drugs: list[Drug], facts: dict[str, Any], ald: bool | None = None
) -> list[Passage]:
    """Prescription lines: drug and dosage on two lines, on one, or in two columns."""
    layout = pen.rng.choice(("below", "below", "below", "beside", "colon"))
    markers = pen.words.wording.get("markers", ["", "", "-", "•", "{n})", "{n}/", "{n}."])
    marker = pen.rng.choice(markers)
    lines: list[Passage] = []
    for number, drug in enumerate(drugs, start=1):
        text, dosage, path = _medication(pen, drug, facts, ald)
        text = f"{marker.format(n=number)} {text}".strip()
        if layout == "below":
            lines += [
                Passage("drug", text, (path,)),
                Passage(
                    "dosage",
                    dosage[0].upper() + dosage[1:] if pen.chance(0.3) else dosage,
                    (f"{path}.dosage",),
                ),
            ]
        else:
            join = {"beside": "  ", "colon": " : "}[layout]
            lines.append(Passage("prescription", f"{text}{join}{dosage}", (path, f"{path}.dosage")))
    return lines


def _choose_drugs(pen: _Pen, count: int, midwife: bool = False) -> list[Drug]:
    drugs = pen.drugs(midwife=midwife)
    return pen.rng.sample(drugs, min(count, len(drugs)))


def _prescription(pen: _Pen, who: Professional, facts: dict[str, Any]) -> list[Passage]:
    count = pen.rng.choices((1, 2, 3, 4, 5, 6), weights=(8, 22, 28, 22, 12, 8))[0]
    drugs = _choose_drugs(pen, count, who.midwife)
    lines = _prescribed(pen, drugs, facts)
    if pen.chance(0.06):
        kilos = pen.rng.randint(45, 98)
        facts["measurements"].append({"loinc": "29463-7", "value": kilos, "unit": "kg"})
        said = pen.wording("weight").format(kilos)
        lines.insert(0, Passage("measurement", said, ("measurements[0]",)))
    open_ended = [m for m in facts["medications"] if _open_ended(m)]
    if len(open_ended) == len(drugs) > 1 and pen.chance(0.6):
        months = pen.rng.choice((1, 2, 3))
        for medication in open_ended:
            medication["expectedSupplyDuration"] = {"value": months, "unit": "mo"}
        said = pen.wording("common_duration").format(n=months)
        lines += [Passage("gap", ""), Passage("text", said)]
    return lines


def _open_ended(medication: dict[str, Any]) -> bool:
    """Whether a line says nothing of how long, so that a duration for all can apply to it."""
    steps = medication["dosage"]
    return (
        "expectedSupplyDuration" not in medication
        and len(steps) == 1
        and not steps[0]["asNeeded"]
        and "boundsDuration" not in steps[0].get("timing", {})
        and "count" not in steps[0].get("timing", {})
    )


def _bizone(pen: _Pen, facts: dict[str, Any]) -> list[Passage]:
    chronic = pen.drugs(chronic=True)
    disease = pen.rng.choice(sorted({drug.chronic for drug in chronic}))
    related = [drug for drug in chronic if drug.chronic == disease]
    others = [drug for drug in pen.drugs() if not drug.chronic and not drug.pregnancy]
    lines = [Passage("zone", text) for text in pen.words.wording["bizone_ald"]]
    first = pen.rng.sample(related, min(len(related), pen.rng.choice((1, 2, 3))))
    lines += _prescribed(pen, first, facts, ald=True)
    lines += [Passage("gap", "")]
    lines += [Passage("zone", text) for text in pen.words.wording["bizone_other"]]
    return lines + _prescribed(
        pen, pen.rng.sample(others, pen.rng.choice((1, 2))), facts, ald=False
    )


def _condition(pen: _Pen, facts: dict[str, Any], text: str, role: str, certainty: str) -> str:
    facts["conditions"].append({"text": text, "role": role, "certainty": certainty})
    return f"conditions[{len(facts['conditions']) - 1}]"


def _finding(pen: _Pen, facts: dict[str, Any], text: str) -> Passage:
    """A line of the examination. What it denies may be read as a denied condition, or left."""
    denied = ""
    for lead in ("Pas de ", "Pas d'"):
        denied = denied or text.partition(lead)[2]
    if text.endswith(" : non"):
        denied = text.removesuffix(" : non")
    if not denied:
        return Passage("text", text)
    path = _condition(pen, facts, denied, "problem", "negated")
    facts["conditions"][-1]["optional"] = True
    return Passage("text", text, (path,))


def _allergy(pen: _Pen, facts: dict[str, Any]) -> Passage:
    if pen.chance(0.5):
        facts["allergies"].append({"text": "", "noneKnown": True})
        text = pen.wording("no_allergy")
    else:
        plain, article = pen.clinic("allergies")[0].split("|")
        facts["allergies"].append({"text": plain, "noneKnown": False})
        text = pen.wording("allergy").format(plain, article=article)
    return Passage("text", text, (f"allergies[{len(facts['allergies']) - 1}]",))


def _measured(pen: _Pen, noted: list[measurements.Noted], facts: dict[str, Any]) -> list[Passage]:
    """Measurements one a line, or several on one line parted by commas or dashes."""
    pieces: list[tuple[str, tuple[str, ...]]] = []
    for text, values in noted:
        start = len(facts["measurements"])
        facts["measurements"].extend(values)
        pieces.append((text, tuple(f"measurements[{start + i}]" for i in range(len(values)))))
    width = pen.rng.choice((1, 2, 3, 4))
    join = pen.rng.choice(pen.words.wording.get("joins", [", ", " - ", "   ", " ; "]))
    lines = []
    for start in range(0, len(pieces), width):
        group = pieces[start : start + width]
        text = join.join(piece for piece, _ in group)
        lines.append(Passage("measurement", text, tuple(p for _, paths in group for p in paths)))
    return lines


def _note(pen: _Pen, facts: dict[str, Any]) -> list[Passage]:
    rng = pen.rng
    lines: list[Passage] = []
    if pen.chance(0.85):
        reason = pen.clinic("reasons")[0]
        path = _condition(pen, facts, reason, "reason", "confirmed")
        lines.append(Passage("text", f"{pen.wording('reason_heading')} {reason}", (path,)))
    if pen.chance(0.7):
        history = [h for h in pen.words.clinic["history"] if pen.female or h not in WOMENS_HISTORY]
        past = rng.sample(history, rng.choice((1, 2)))
        problems = pen.clinic("problems", rng.choice((0, 1, 2)))
        paths = [_condition(pen, facts, text, "history", "confirmed") for text in past]
        paths += [_condition(pen, facts, text, "problem", "confirmed") for text in problems]
        lines.append(
            Passage(
                "text",
                f"{pen.wording('history_heading')} {', '.join(past + problems)}",
                tuple(paths),
            )
        )
    if pen.chance(0.6):
        lines.append(_allergy(pen, facts))
    if pen.chance(0.35):
        lines.append(Passage("heading", pen.wording("treatment_heading")))
        chronic = pen.drugs(chronic=True)
        lines += _prescribed(pen, rng.sample(chronic, rng.choice((1, 2))), facts)
    lines.append(Passage("heading", pen.wording("exam_heading")))
    lines += _measured(pen, measurements.vitals(rng), facts)
    if pen.chance(0.35):
        lines += _measured(pen, measurements.results(rng), facts)
    lines += [_finding(pen, facts, text) for text in pen.clinic("findings", rng.choice((1, 2)))]
    if pen.chance(0.5):
        absent = pen.clinic("negated")[0]
        path = _condition(pen, facts, absent, "problem", "negated")
        lines.append(
            Passage(
                "text",
                f"Pas de {absent}" if absent[0] not in "aeiouéœ" else f"Pas d'{absent}",
                (path,),
            )
        )
    if pen.chance(0.8):
        if pen.chance(0.3):
            text = pen.clinic("suspected")[0]
            said = rng.choice(("suspicion de {}", "{} ?", "{} à éliminer")).format(text)
            path = _condition(pen, facts, text, "diagnosis", "hypothesis")
        else:
            text = said = pen.clinic("diagnoses")[0]
            path = _condition(pen, facts, text, "diagnosis", "confirmed")
        lines.append(Passage("text", f"{pen.wording('conclusion_heading')} {said}", (path,)))
    if pen.chance(0.7):
        lines.append(Passage("heading", pen.wording("plan_heading")))
        lines += _prescribed(pen, _choose_drugs(pen, rng.choice((1, 2, 3))), facts)
    if pen.chance(0.35):
        lines.append(_next_visit(pen, facts))
    return _as_prose(lines) if pen.chance(0.2) else lines


def _as_prose(lines: list[Passage]) -> list[Passage]:
    """The same note written on without new lines, prescriptions apart."""
    told: list[Passage] = []
    for line in lines:
        joins = line.role in ("text", "measurement", "heading")
        if joins and told and told[-1].role == "text":
            last = told[-1]
            stop = " " if last.text.endswith((":", ".")) else ". "
            told[-1] = Passage("text", last.text + stop + line.text, (*last.facts, *line.facts))
        elif joins:
            told.append(Passage("text", line.text, line.facts))
        else:
            told.append(line)
    return told


def _next_visit(pen: _Pen, facts: dict[str, Any]) -> Passage:
    text = pen.wording("next_visit").format(n=pen.rng.choice((2, 3, 4, 6)))
    facts["appointment"] = text
    return Passage("text", text)


def _pregnancy(pen: _Pen, facts: dict[str, Any], day: dt.date) -> list[Passage]:
    lines = _measured(pen, measurements.pregnancy(pen.rng, day), facts)
    extra = [
        "MAF +",
        "Col long fermé postérieur",
        "Pas de contraction utérine",
        "Œdèmes : non",
        "Présentation céphalique",
    ]
    for text in pen.rng.sample(extra, 2):
        if text == "MAF +":
            facts["measurements"].append({"loinc": "57088-7", "text": "+", "optional": True})
            path = f"measurements[{len(facts['measurements']) - 1}]"
            lines.append(Passage("measurement", text, (path,)))
        else:
            lines.append(_finding(pen, facts, text))
    if pen.chance(0.4):
        lines.append(_allergy(pen, facts))
    if pen.chance(0.35):
        lines += _measured(
            pen, [measurements.haemoglobin(pen.rng), measurements.ferritin(pen.rng)], facts
        )
    if pen.chance(0.6):
        lines.append(Passage("heading", pen.wording("plan_heading")))
        lines += _prescribed(pen, _choose_drugs(pen, pen.rng.choice((1, 2)), midwife=True), facts)
    if pen.chance(0.5):
        lines.append(_next_visit(pen, facts))
    return lines


def _tests(pen: _Pen, facts: dict[str, Any]) -> list[Passage]:
    drawn = pen.rng.choices(("laboratory", "imaging", "nursing"), weights=(6, 3, 1))[0]
    count = pen.rng.choice((3, 4, 5, 6)) if drawn == "laboratory" else 1
    asked = pen.clinic(drawn, count)
    lead = {
        "laboratory": ("Faire pratiquer :", "Prière de réaliser :", "Faire au laboratoire :"),
        "imaging": ("Faire pratiquer :", "Merci de réaliser :"),
        "nursing": ("Faire pratiquer :",),
    }[drawn]
    lines = [Passage("text", pen.rng.choice(lead))] if pen.chance(0.7) else []
    for text in asked:
        kind = "physiotherapy" if "kiné" in text else drawn
        facts["orders"].append({"kind": kind, "text": text})
        lines.append(Passage("text", f"- {text}", (f"orders[{len(facts['orders']) - 1}]",)))
    if pen.chance(0.5):
        reason = pen.clinic("problems")[0]
        path = _condition(pen, facts, reason, "reason", "confirmed")
        lines.append(Passage("text", f"Renseignements cliniques : {reason}", (path,)))
    return lines


def _certificate(
    pen: _Pen, facts: dict[str, Any], patient: Person, who: Professional, day: dt.date
) -> list[Passage]:
    days = pen.rng.choice((2, 3, 5, 7))
    end = day + dt.timedelta(days=days - 1)
    ending = "e" if patient.sex == "female" else ""
    text = pen.rng.choice(pen.words.clinic["certificates"])
    if "{start}" in text:
        facts["certificate"] = {
            "kind": "sick-leave",
            "start": day.isoformat(),
            "end": end.isoformat(),
        }
    said = text.format(
        pe="e"
        if who.given.endswith("e")
        and not who.given.startswith(("Philippe", "Pierre", "Georges", "Christophe", "Guillaume"))
        else "",
        e=ending,
        prescriber=f"Dr {who.name}",
        patient=f"{patient.title} {patient.family.upper()} {patient.given[0]}",
        born=f"né{ending} le {patient.birth_date:%d/%m/%Y}",
        days=days,
        start=f"{day:%d/%m/%Y}",
        end=f"{end:%d/%m/%Y}",
    )
    facts["patient"] |= {"birthDate": patient.birth_date.isoformat()}
    facts["patient"].pop("implied", None)
    return [
        Passage("text", said, ("certificate",)),
        Passage(
            "text",
            "Certificat établi à la demande de l'intéressé"
            + ending
            + " et remis en main propre pour faire valoir ce que de droit.",
        ),
    ]
