"""What the paper asks for: medications with their dosage, and other orders."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from pipeline.fhir import systems
from pipeline.fhir.elements import (
    Json,
    absent,
    clean,
    coded,
    coding,
    concept,
    date,
    duration,
    extension,
    number,
    quantity_range,
    ratio,
    simple_quantity,
)
from pipeline.fhir.paper import Paper, is_read, machine_read
from pipeline.model import (
    Appointment,
    Code,
    Dosage,
    Drug,
    Medication,
    MedicationAction,
    Order,
    Quantity,
    Range,
    Ratio,
    Strength,
    Substitution,
    Timing,
    Value,
)


def medication_request(paper: Paper, read: Medication, key: str) -> Json:
    """A prescription line: the drug as written and coded, its structure, its dosage.

    A server searches by `medicationCodeableConcept`; form and strength stay structured in the
    contained Medication that `supportingInformation` points to. A line that stops a drug is
    an order not to take it, from the first draft on.
    """
    resource: Json = {
        "resourceType": "MedicationRequest",
        **machine_read(),
        "contained": [_medication(paper, read)],
        "extension": [extension(systems.MEDICATION_ACTION, valueCode=read.action.value)],
        "identifier": [paper.identifier(key)],
        "status": "draft",
        "intent": "order",
        "category": [
            concept(coding(f"{systems.TERMINOLOGY}/medicationrequest-category", "community"))
        ],
        "reportedBoolean": True,
        "medicationCodeableConcept": paper.element(read.drug, _drug, "CodeableConcept"),
        **paper.subject(),
        **paper.encounter(),
        "supportingInformation": [{"reference": "#medication", "type": "Medication"}],
        **paper.dated("authoredOn"),
        **paper.by("requester"),
        "groupIdentifier": paper.group,
    }
    if read.action is MedicationAction.STOP:
        resource["doNotPerform"] = True
    if read.ald is not None:
        resource["reasonReference"] = [paper.reference("Observation", f"{key}/ald")]
    if line := clean(read.drug.evidence.text):
        resource["note"] = [{"text": f"Ligne lue : {line}"}]
    dosage = _dosage(paper, read)
    if dosage:
        resource["dosageInstruction"] = dosage
    if dispense := _dispense(paper, read):
        resource["dispenseRequest"] = dispense
    if read.substitution is not None:
        resource["substitution"] = _substitution(paper, read.substitution)
    return resource


def service_request(paper: Paper, read: Order, key: str) -> Json:
    """An examination, care or opinion that the paper asks for."""
    return _request(
        paper, read.text, key, (read.kind.value, systems.ORDER_TITLES[read.kind]), read.code
    )


def appointment(paper: Paper, read: Appointment, key: str) -> Json:
    """The next visit, in the note's words and as a date where it gives one."""
    resource = _request(paper, read.text, key, systems.FOLLOW_UP, None)
    if read.date is not None:
        resource |= paper.primitive("occurrenceDateTime", read.date, date, "DateTime")
    return resource


def _request(
    paper: Paper, text: Value[str], key: str, kind: tuple[str, str], code: Code | None
) -> Json:
    return {
        "resourceType": "ServiceRequest",
        **machine_read(),
        "identifier": [paper.identifier(key)],
        "requisition": paper.group,
        "status": "draft",
        "intent": "order",
        "category": [concept(coding(systems.ORDER_KIND, *kind), text=kind[1])],
        "code": paper.element(
            text, lambda said: coded((code,) if code else (), said), "CodeableConcept"
        ),
        **paper.subject(),
        **paper.encounter(),
        **paper.dated("authoredOn"),
        **paper.by("requester"),
    }


# --- the drug -------------------------------------------------------------------------------


def _drug(drug: Drug) -> Json:
    return coded(drug.codings, drug.text)


def _medication(paper: Paper, read: Medication) -> Json:
    drug = read.drug.value
    resource: Json = {"resourceType": "Medication", "id": "medication"}
    if drug is not None:
        resource["code"] = _drug(drug)
    else:
        resource["code"] = {"extension": [absent()]}
    if read.form is not None:
        resource["form"] = paper.element(
            read.form, lambda code: coded((code,), code.display), "CodeableConcept"
        )
    substances = drug.substances if drug is not None else ()
    parts = read.strength.value.parts if read.strength and read.strength.value else ()
    if read.strength is not None:
        if len(substances) != max(len(parts), 1):
            named = [(drug.name or drug.text) if drug is not None else ""] * max(len(parts), 1)
        else:
            named = list(substances)
        ingredients = [_ingredient(name) for name in named]
        for ingredient, ratios in zip(ingredients, _strengths(read.strength.value), strict=False):
            ingredient["strength"] = ratios
        first = paper.element(
            read.strength,
            lambda strength: ingredients[0].get("strength", {}),
        )
        ingredients[0]["strength"] = first | {
            "extension": paper.marks(
                read.strength, lambda other: {"valueRatio": _strengths(other)[0]}
            )
        }
        resource["ingredient"] = ingredients
    elif substances:
        resource["ingredient"] = [_ingredient(name) for name in substances]
    return resource


def _ingredient(name: str) -> Json:
    item = concept(text=name) if clean(name) else {"extension": [absent()]}
    return {"itemCodeableConcept": item}


def _strengths(strength: Strength | None) -> list[Json]:
    """Strength of each substance as a Ratio, per unit of presentation unless said otherwise."""
    if strength is None:
        return []
    per = strength.per or Quantity(value=Decimal(1))
    return [ratio(Ratio(numerator=part, denominator=per)) for part in strength.parts]


def _substitution(paper: Paper, value: Value[Substitution]) -> Json:
    system = f"{systems.TERMINOLOGY}/v3-substanceAdminSubstitution"

    def build(read: Substitution) -> Json:
        code = ("G", "generic composition") if read.allowed else ("N", "none")
        return concept(coding(system, *code))

    result: Json = {"allowedCodeableConcept": paper.element(value, build, "CodeableConcept")}
    reason = value.value.reason if value.value else None
    if reason is not None:
        text = systems.SUBSTITUTION_REASONS[reason]
        result["reason"] = concept(coding(systems.SUBSTITUTION_REASON, reason, text), text=text)
    return result


def _dispense(paper: Paper, read: Medication) -> Json:
    result: Json = {}
    if read.repeats is not None:
        result |= paper.primitive("numberOfRepeatsAllowed", read.repeats, int, "UnsignedInt")
    if read.dispense_quantity is not None:
        result["quantity"] = paper.element(read.dispense_quantity, simple_quantity, "Quantity")
    if read.dispense_interval is not None:
        result["dispenseInterval"] = paper.element(read.dispense_interval, duration, "Duration")
    if read.supply_duration is not None and not _supply_fits(read):
        result["expectedSupplyDuration"] = paper.element(read.supply_duration, duration, "Duration")
    return result


# --- dosage ---------------------------------------------------------------------------------


def _steps(read: Medication) -> list[Dosage]:
    """Steps of a dosage, numbered as FHIR means it: one number for steps side by side.

    "1 le matin, 2 le soir" is taken together; "2 pendant 3 jours puis 1" is not.
    """
    steps = read.dosage.value if read.dosage is not None else None
    numbered: list[Dosage] = []
    group: list[Dosage] = []
    for step in steps or ():
        together = all(_side_by_side(step, other) for other in group)
        group = [*group, step] if group and together else [step]
        number = numbered[-1].sequence if numbered else 0
        sequence = number if len(group) > 1 else number + 1
        numbered.append(step.model_copy(update={"sequence": sequence}))
    return numbered


def _side_by_side(one: Dosage, other: Dosage) -> bool:
    """Whether two steps are taken in the same days: at other moments, times or weekdays."""
    if one.sequence == other.sequence:
        return True
    a, b = one.timing or Timing(), other.timing or Timing()
    if (a.bounds, a.start_day, a.cycle, a.event) != (b.bounds, b.start_day, b.cycle, b.event):
        return False
    return any(
        mine and its and not set(mine) & set(its)
        for mine, its in (
            (a.when, b.when),
            (a.time_of_day, b.time_of_day),
            (a.day_of_week, b.day_of_week),
        )
    )


def _supply_fits(read: Medication) -> bool:
    """Whether "QSP" can be the bounds of the dosage, as the French guides ask.

    It cannot where steps follow one another or have bounds of their own that differ.
    """
    steps = _steps(read)
    if read.supply_duration is None or not steps or len({s.sequence for s in steps}) > 1:
        return False
    bounds = [s.timing.bounds for s in steps if s.timing is not None]
    return all(b is None or b == read.supply_duration.value for b in bounds)


def _dosage(paper: Paper, read: Medication) -> list[Json]:
    """The steps of the dosage; the marks of the whole stand on the first."""
    if read.dosage is None:
        return []
    steps = [dosage(step) for step in _steps(read)] or [{}]
    if is_read(read.dosage) and steps[0].keys() <= {"sequence"}:
        # Nothing could be structured: the line itself, as it was read.
        steps[0] = {"sequence": 1, "text": clean(read.dosage.evidence.text) or "?"}
    if read.supply_duration is not None and _supply_fits(read):
        bounds = paper.element(read.supply_duration, duration, "Duration")
        for step in steps if read.supply_duration.value is not None else steps[:1]:
            step.setdefault("timing", {}).setdefault("repeat", {})["boundsDuration"] = bounds
            # One value, one mark: further steps repeat the duration alone.
            bounds = {name: part for name, part in bounds.items() if name != "extension"}
    steps[0]["extension"] = [
        *paper.marks(read.dosage, _alternative_dosage),
        *steps[0].get("extension", []),
    ]
    return steps


def _alternative_dosage(steps: Sequence[Dosage]) -> Json:
    if len(steps) == 1:
        return {"valueDosage": dosage(steps[0])}
    return {"valueString": clean(" ; ".join(step.text for step in steps)) or "?"}


def dosage(step: Dosage) -> Json:
    """One FHIR Dosage. What its structure cannot say is kept as text and in our extension."""
    result: Json = {"sequence": step.sequence}
    if details := _details(step):
        result["extension"] = [extension(systems.DOSAGE_DETAIL, parts=details)]
    if text := clean(step.text):
        result["text"] = text
    if additional := [concept(text=text) for text in _additional(step) if clean(text)]:
        result["additionalInstruction"] = additional
    if step.timing is not None and (timing := _timing(step.timing)):
        result["timing"] = timing
    if clean(step.as_needed_for):
        result["asNeededCodeableConcept"] = concept(text=step.as_needed_for)
    elif step.as_needed:
        result["asNeededBoolean"] = True
    if clean(step.site):
        result["site"] = concept(text=step.site)
    if step.route is not None:
        result["route"] = coded((step.route,), step.route.display)
    if step.dose is not None:
        result["doseAndRate"] = [_dose(step.dose, step.dose_per_kg)]
    if step.max_dose is not None:
        result["maxDosePerPeriod"] = ratio(step.max_dose)
    return result


def _dose(dose: Quantity | Range, per_kg: bool) -> Json:
    if isinstance(dose, Range):
        low, high = (_per_kg(part) if per_kg else part for part in (dose.low, dose.high))
        return {"doseRange": quantity_range(Range(low=low, high=high))}
    return {"doseQuantity": simple_quantity(_per_kg(dose) if per_kg else dose)}


def _per_kg(dose: Quantity) -> Quantity:
    """`dose` for each kilogram of body weight, in a unit that says so."""
    if dose.unit.endswith("/kg") or (dose.ucum or "").endswith("/kg"):
        return dose
    return dose.model_copy(
        update={"unit": f"{dose.unit}/kg", "ucum": f"{dose.ucum}/kg" if dose.ucum else None}
    )


def _additional(step: Dosage) -> list[str]:
    """Instructions in words, among them those that the timing has no field for."""
    timing = step.timing or Timing()
    interval = step.min_interval
    spaced = f"espacer d'au moins {number(interval.value)} {interval.unit}" if interval else ""
    return [*step.additional, step.condition, timing.cycle, timing.event, spaced]


def _details(step: Dosage) -> list[Json]:
    """Sub-extensions of what FHIR's Dosage has no element for, so that nothing is lost."""
    timing = step.timing or Timing()
    said = [
        ("condition", step.condition),
        ("cycle", timing.cycle),
        ("event", timing.event),
        ("boundsText", timing.bounds_text),
    ]
    details = [extension(url, valueString=clean(text)) for url, text in said if clean(text)]
    if timing.start_day is not None:
        details.append(extension("startDay", valueInteger=timing.start_day))
    if step.min_interval is not None:
        details.append(extension("minInterval", valueDuration=duration(step.min_interval)))
    return details


# Moments that stand for a meal itself; an offset from them says nothing (tim-9).
_AT_MEAL = {"C", "CM", "CD", "CV"}


def _timing(timing: Timing) -> Json:
    """FHIR Timing. `when` goes before `timeOfDay` (tim-10), `offset` only beside it (tim-9)."""
    repeat: Json = {}
    bounds = timing.bounds
    if isinstance(bounds, Range):
        repeat["boundsRange"] = quantity_range(bounds)
    elif bounds is not None:
        repeat["boundsDuration"] = duration(bounds)
    if timing.count is not None:
        repeat["count"] = timing.count
    if timing.frequency is not None:
        repeat["frequency"] = timing.frequency
        if timing.frequency_max is not None:
            repeat["frequencyMax"] = timing.frequency_max
    if timing.period_unit is not None and timing.period is not None:
        repeat["period"] = number(timing.period)
        if timing.period_max is not None:
            repeat["periodMax"] = number(timing.period_max)
        repeat["periodUnit"] = timing.period_unit
    if timing.day_of_week:
        repeat["dayOfWeek"] = list(timing.day_of_week)
    if timing.when:
        repeat["when"] = list(timing.when)
        if timing.offset is not None and not _AT_MEAL & set(timing.when):
            repeat["offset"] = timing.offset
    elif timing.time_of_day:
        repeat["timeOfDay"] = [
            time if time.count(":") == 2 else f"{time}:00" for time in timing.time_of_day
        ]
    return {"repeat": repeat} if repeat else {}
