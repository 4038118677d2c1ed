"""Scoring of dosage lines against their annotated reading, field by field and line by line.

The truth is JSON lines of `text` and `medications` as the conventions of the annotated set define
them (one object a medicine: `drug`, `strength`, `form`, `route`, `dosage` steps, supply). A field
counts where truth or reading has it; a line is wholly right when every medicine is there, none is
invented, and every field agrees. Readings that the annotation allows (`doseAlternatives`,
`whenAlternatives`, `strengthOptional`, `routeOptional`) are right.

Equivalent ways to say one thing are one: 24 h and 1 day, `n` a day and one every 24/n hours, `n`
units in one intake a day and one unit `n` times a day where only units a day are said, several
moments in one step or in steps of the same dose.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from pipeline.config import Settings
from pipeline.evaluation.bundles import Mark
from pipeline.evaluation.tallies import Tally
from pipeline.extraction.drugs import read_medications
from pipeline.extraction.evidence import document_from_text, text_lines
from pipeline.model import Dosage, Medication, MedicationAction, Quantity, Range
from pipeline.terminology import Terminology
from pipeline.terminology.names import fold_name, squash

Truth = Mapping[str, Any]
FIELDS: Final = (
    "drug",
    "strength",
    "form",
    "route",
    "dose",
    "frequency",
    "when",
    "days",
    "duration",
    "cycle",
    "event",
    "count",
    "asNeeded",
    "asNeededFor",
    "maximum",
    "interval",
    "site",
    "condition",
    "instruction",
    "supply",
    "repeats",
    "dispense",
    "dispenseInterval",
    "substitution",
    "ald",
    "status",
)


@dataclass
class Score:
    """Right and compared fields; wholly right and all lines; what went wrong where; the lines of
    which something is flagged."""

    right: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    lines_right: int = 0
    lines: int = 0
    sure_and_wrong: int = 0
    flagged_and_right: int = 0
    flagged: set[str] = field(default_factory=set)
    mistakes: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def field_accuracy(self) -> float:
        total = sum(self.compared.values())
        return sum(self.right.values()) / total if total else 1.0

    @property
    def line_accuracy(self) -> float:
        return self.lines_right / self.lines if self.lines else 1.0

    def table(self) -> str:
        """One row a field: right, compared, share; then fields and lines together."""
        rows = [
            f"{name:<18}{self.right[name]:>6}{self.compared[name]:>6}"
            f"{self.right[name] / self.compared[name]:>8.3f}"
            for name in FIELDS
            if self.compared[name]
        ]
        rows.append(f"{'all fields':<32}{self.field_accuracy:>6.3f}")
        rows.append(
            f"{'whole lines':<18}{self.lines_right:>6}{self.lines:>6}{self.line_accuracy:>8.3f}"
        )
        return "\n".join(rows)


def score_lines(lines: Iterable[Truth], settings: Settings) -> Score:
    """Reads each line as a prescription of its own and compares it with its truth."""
    terminology = Terminology.load(settings)
    score = Score()
    for line in lines:
        document = document_from_text(str(line["text"]))
        read = read_medications(text_lines(document), settings, prescription=True)
        _score_line(line, read, terminology, score)
    return score


_OF_DOSAGE: Final = frozenset(FIELDS) - {
    "drug", "strength", "form", "supply", "repeats", "dispense", "dispenseInterval",
    "substitution", "ald", "status",
}  # fmt: skip
_KINDS: Final = {
    "drug": frozenset(["drug"]),
    "strength": frozenset(["strength"]),
    "form": frozenset(["form"]),
    "dosage": _OF_DOSAGE,
}


def reliability(lines: Iterable[Truth], settings: Settings) -> dict[str, Tally]:
    """How surely each kind of value was stated and whether it is right: drug, strength, form and
    dosage as a whole. Fields that a line names in `free` are left to taste."""
    terminology = Terminology.load(settings)
    tallies = {kind: Tally() for kind in _KINDS}
    for line in lines:
        document = document_from_text(str(line["text"]))
        read = read_medications(text_lines(document), settings, prescription=True)
        for truth, medication in _paired(list(line["medications"]), read, terminology):
            if medication is None:
                continue
            wrong = frozenset(FIELDS)
            if truth is not None:
                rows = _compare(truth, medication, terminology)
                wrong = frozenset(name for name, _, _, same in rows if not same)
            wrong -= frozenset(line.get("free", ()))
            for kind, fields in _KINDS.items():
                value = getattr(medication, kind)
                if value is not None and value.value is not None:
                    mark = Mark(state=value.state.value, confidence=value.confidence)
                    tallies[kind].present(not wrong & fields, mark)
    return tallies


def load(path: Path) -> list[Truth]:
    """The annotated lines of a JSON-lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


def _score_line(
    line: Truth, read: Sequence[Medication], terminology: Terminology, score: Score
) -> None:
    truths: list[Truth] = list(line["medications"])
    before = len(score.mistakes)
    for truth, medication in _paired(truths, read, terminology):
        name = str(line.get("id", ""))
        if truth is None or medication is None:
            score.compared["drug"] += 1
            missing = "" if truth is None else str(truth["drug"])
            extra = "" if medication is None else medication.drug.evidence.text
            score.mistakes.append((name, "drug", missing, extra))
            continue
        for field_name, wanted, got, same in _compare(truth, medication, terminology):
            score.compared[field_name] += 1
            if same:
                score.right[field_name] += 1
            else:
                score.mistakes.append((name, field_name, str(wanted), str(got)))
    score.lines += 1
    right = len(score.mistakes) == before
    score.lines_right += right
    flagged = any(_flagged(medication) for medication in read)
    if flagged:
        score.flagged.add(str(line.get("id", "")))
    score.sure_and_wrong += not right and not flagged
    score.flagged_and_right += right and flagged


def _flagged(medication: Medication) -> bool:
    values = (medication.drug, medication.strength, medication.form, medication.dosage)
    return any(value is not None and value.state != "sure" for value in values)


def _paired(
    truths: Sequence[Truth], read: Sequence[Medication], terminology: Terminology
) -> list[tuple[Truth | None, Medication | None]]:
    """Each truth with the reading of the same medicine, in order; what is left stands alone."""
    rest = list(read)
    pairs: list[tuple[Truth | None, Medication | None]] = []
    for truth in truths:
        match = next((m for m in rest if _same_drug(truth, m, terminology)), None)
        if match is None and len(truths) == len(read):
            match = rest[0] if rest else None
        if match is not None:
            rest.remove(match)
        pairs.append((truth, match))
    pairs += [(None, medication) for medication in rest]
    return pairs


def _same_drug(truth: Truth, medication: Medication, terminology: Terminology) -> bool:
    drug = medication.drug.value
    if drug is None:
        return False
    wanted = {squash(fold_name(str(truth["drug"])))}
    if fold_name(str(truth["drug"])).endswith(" lp"):
        wanted.add(squash(fold_name(str(truth["drug"]))[:-3]))
    names = {squash(fold_name(name)) for name in (drug.name or "", drug.text)}
    if wanted & names:
        return True
    surface = str(truth.get("drugSurface", ""))
    doubtful_name = "nom commercial incertain" in str(truth.get("note", ""))
    if surface and squash(fold_name(surface)) in names and drug.name is None:
        return doubtful_name
    mine = {s for e in terminology.find(drug.name or drug.text) for s in e.substances}
    theirs = {s for e in terminology.find(str(truth["drug"])) for s in e.substances}
    return bool(mine) and mine == theirs and squash(fold_name(surface)) in names


def _compare(
    truth: Truth, medication: Medication, terminology: Terminology
) -> list[tuple[str, object, object, bool]]:
    """Field, wanted, got and whether they agree, for each field that either side has."""
    rows: list[tuple[str, object, object, bool]] = []

    def add(name: str, wanted: object, got: object, same: bool | None = None) -> None:
        if wanted or got or (wanted != got and (wanted is not None or got is not None)):
            rows.append((name, wanted, got, wanted == got if same is None else same))

    add("drug", truth["drug"], medication.drug.value, _same_drug(truth, medication, terminology))
    wanted_strength = [_amount(part) for part in truth.get("strength", [])]
    strength = medication.strength.value if medication.strength is not None else None
    got_strength = [(_number(q.value), q.unit or None) for q in strength.parts] if strength else []
    optional = bool(truth.get("strengthOptional"))
    same_strength = wanted_strength == got_strength or (optional and not got_strength)
    add("strength", wanted_strength, got_strength, same_strength)
    form = medication.form.value.display if medication.form and medication.form.value else None
    add("form", truth.get("form"), form)
    steps: Sequence[Dosage] = medication.dosage.value or () if medication.dosage else ()
    route = next((step.route.display for step in steps if step.route is not None), None)
    same_route = truth.get("route") == route
    add("route", truth.get("route"), route, same_route or bool(truth.get("routeOptional")))
    wanted_steps = [_flat(step) for step in truth.get("dosage", [])]
    got_steps = [_flat(_as_truth(step)) for step in steps]
    wanted_steps, got_steps = _split(wanted_steps), _split(got_steps)
    for place in range(max(len(wanted_steps), len(got_steps))):
        wanted = wanted_steps[place] if place < len(wanted_steps) else {}
        got = got_steps[place] if place < len(got_steps) else {}
        rows += _compare_step(wanted, got)
    supply = _quantity(medication.supply_duration)
    add("supply", _time(truth.get("expectedSupplyDuration")), supply)
    add("repeats", truth.get("numberOfRepeatsAllowed"),
        medication.repeats.value if medication.repeats else None)  # fmt: skip
    dispensed = medication.dispense_quantity
    add("dispense", _amount_or_none(truth.get("dispenseQuantity")),
        None if dispensed is None or dispensed.value is None
        else (_number(dispensed.value.value), dispensed.value.unit))  # fmt: skip
    add("dispenseInterval", _time(truth.get("dispenseInterval")),
        _quantity(medication.dispense_interval))  # fmt: skip
    substitution = medication.substitution.value if medication.substitution else None
    add("substitution",
        (truth["substitutionAllowed"], truth.get("substitutionNotAllowedReason"))
        if "substitutionAllowed" in truth else None,
        (substitution.allowed, substitution.reason) if substitution else None)  # fmt: skip
    add("ald", truth.get("ald"), medication.ald.value if medication.ald else None)
    statuses = {
        MedicationAction.CONTINUE: "continue",
        MedicationAction.STOP: "stopped",
        MedicationAction.SWITCH: "start",
        MedicationAction.START: "start",
    }
    wanted_status = str(truth.get("status", "start"))
    add("status", wanted_status, statuses[medication.action],
        wanted_status == statuses[medication.action]
        or (wanted_status not in ("continue", "stopped")
        and medication.action in (MedicationAction.START, MedicationAction.SWITCH)))  # fmt: skip
    return rows


def _compare_step(
    wanted: Mapping[str, Any], got: Mapping[str, Any]
) -> list[tuple[str, object, object, bool]]:
    rows: list[tuple[str, object, object, bool]] = []
    spread = _same_daily_units(wanted, got)
    for name in sorted({*wanted, *got}):
        if name in ("doses", "whens"):
            continue
        one, other = wanted.get(name), got.get(name)
        if one in (None, "", (), False) and other in (None, "", (), False):
            continue
        if name == "dose":
            same = one == other or other in wanted.get("doses", []) or spread
        elif name == "frequency":
            same = one == other or spread
        elif name == "when":
            same = one == other or other in wanted.get("whens", [])
        elif name in ("asNeededFor", "site", "condition", "event", "cycle"):
            same = _same_text(one, other)
        elif name == "instruction":
            same = _same_texts(one or (), other or ())
        else:
            same = one == other
        rows.append((name, one, other, same))
    return rows


def _same_daily_units(wanted: Mapping[str, Any], got: Mapping[str, Any]) -> bool:
    """`2 sachets/j` may be two at once or one twice a day."""
    one, other = wanted.get("dose"), got.get("dose")
    if not one or not other or wanted.get("when") or got.get("when"):
        return False
    first, second = wanted.get("frequency"), got.get("frequency")
    if first is None or second is None or one[1] != other[1]:
        return False
    if one[0] == other[0] and first == second:
        return True
    if not isinstance(one[0], Fraction) or not isinstance(other[0], Fraction):
        return False
    once = {first, second}
    alike = one[0] * first[0] == other[0] * second[0]
    return alike and any(most is None and least in _ONCE for least, most in once)


_ONCE: Final = (Fraction(1), Fraction(1, 7))
"""Intakes a day where there is one a day, or one a week."""


def _same_text(one: object, other: object) -> bool:
    a, b = squash(fold_name(str(one or ""))), squash(fold_name(str(other or "")))
    return bool(a) and bool(b) and (a == b or a in b or b in a)


def _same_texts(wanted: Sequence[str], got: Sequence[str]) -> bool:
    return all(any(_same_text(w, g) for g in got) for w in wanted) and bool(wanted)


# --- one shape for both sides -------------------------------------------------------------------


def _as_truth(step: Dosage) -> dict[str, Any]:
    """A step in the shape of the annotation."""
    truth: dict[str, Any] = {"asNeeded": step.as_needed, "asNeededFor": step.as_needed_for}
    if isinstance(step.dose, Range):
        truth["doseRange"] = {"low": _plain(step.dose.low), "high": _plain(step.dose.high)}
    elif step.dose is not None:
        truth["doseQuantity"] = _plain(step.dose)
    truth["dosePerKg"] = step.dose_per_kg
    if step.timing is not None:
        timing = step.timing
        bounds = timing.bounds
        truth["timing"] = {
            "frequency": timing.frequency,
            "frequencyMax": timing.frequency_max,
            "period": timing.period,
            "periodUnit": timing.period_unit,
            "when": list(timing.when),
            "offset": timing.offset,
            "dayOfWeek": list(timing.day_of_week),
            "timeOfDay": list(timing.time_of_day),
            "count": timing.count,
            "cycle": timing.cycle,
            "event": timing.event,
            "boundsText": timing.bounds_text,
        }
        if isinstance(bounds, Quantity):
            truth["timing"]["boundsDuration"] = {"value": bounds.value, "unit": bounds.ucum}
        elif isinstance(bounds, Range):
            truth["timing"]["boundsDuration"] = {"value": bounds.low.value, "unit": bounds.low.ucum}
            truth["timing"]["boundsDurationMax"] = {
                "value": bounds.high.value,
                "unit": bounds.high.ucum,
            }
    if step.max_dose is not None:
        truth["maxDosePerPeriod"] = {
            "numerator": _plain(step.max_dose.numerator),
            "denominator": {
                "value": step.max_dose.denominator.value,
                "unit": step.max_dose.denominator.ucum,
            },
        }
    if step.min_interval is not None:
        truth["minInterval"] = {"value": step.min_interval.value, "unit": step.min_interval.ucum}
    truth["site"] = step.site
    truth["condition"] = step.condition
    truth["additionalInstruction"] = list(step.additional)
    return truth


def _plain(quantity: Quantity) -> dict[str, Any]:
    return {"value": quantity.value, "unit": quantity.unit or None}


def _flat(step: Truth) -> dict[str, Any]:
    """A step of the annotation as comparable fields."""
    timing: Truth = step.get("timing") or {}
    flat: dict[str, Any] = {
        "dose": _dose(step),
        "doses": [_dose({"doseQuantity": other}) for other in step.get("doseAlternatives", [])],
        "frequency": _frequency(timing),
        "when": tuple(timing.get("when") or ()),
        "whens": [tuple(other) for other in timing.get("whenAlternatives", [])],
        "days": tuple(timing.get("dayOfWeek") or ()),
        "duration": _bounds(timing),
        "cycle": timing.get("cycle") or "",
        "event": timing.get("event") or "",
        "count": timing.get("count"),
        "asNeeded": bool(step.get("asNeeded")),
        "asNeededFor": step.get("asNeededFor") or "",
        "maximum": _ratio(step.get("maxDosePerPeriod")),
        "interval": _time(step.get("minInterval")),
        "site": step.get("site") or "",
        "condition": step.get("condition") or "",
        "instruction": tuple(step.get("additionalInstruction") or ()),
    }
    if timing.get("timeOfDay"):
        flat["when"] = tuple(str(one)[:5] for one in timing["timeOfDay"])
    return flat


def _split(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Steps with one moment each, where several moments share a dose and nothing else is said."""
    result: list[dict[str, Any]] = []
    for step in steps:
        moments = step["when"]
        frequency = step["frequency"]
        plain = frequency in (None, (Fraction(len(moments)), None))
        if len(moments) > 1 and not step["whens"] and plain:
            for moment in moments:
                result.append({**step, "when": (moment,), "frequency": (Fraction(1), None)})
        else:
            result.append(dict(step))
    return result


def _number(value: object) -> Fraction:
    return Fraction(str(value))


def _amount(part: Truth) -> tuple[Fraction, str | None]:
    return _number(part["value"]), part.get("unit")


def _amount_or_none(part: Truth | None) -> tuple[Fraction, str | None] | None:
    return None if part is None else _amount(part)


def _dose(step: Truth) -> tuple[object, ...] | None:
    per_kg = ("per_kg",) if step.get("dosePerKg") else ()
    if step.get("doseQuantity") is not None:
        value, unit = _amount(step["doseQuantity"])
        return (value, unit, *per_kg)
    if step.get("doseRange") is not None:
        low, unit = _amount(step["doseRange"]["low"])
        high, _ = _amount(step["doseRange"]["high"])
        return ((low, high), unit, *per_kg)
    return None


_HOURS: Final[dict[str, Fraction]] = {
    "min": Fraction(1, 60),
    "h": Fraction(1),
    "d": Fraction(24),
    "wk": Fraction(168),
    "mo": Fraction(730),
    "a": Fraction(8766),
}


def _frequency(timing: Truth) -> tuple[Fraction, Fraction | None] | None:
    """Intakes a day, and at most; `None` where no rate is said."""
    if timing.get("frequency") is None or timing.get("period") is None:
        return None
    days = _number(timing["period"]) * _HOURS[timing["periodUnit"]] / Fraction(24)
    most = timing.get("frequencyMax")
    return _number(timing["frequency"]) / days, None if most is None else _number(most) / days


def _bounds(timing: Truth) -> tuple[object, ...] | None:
    low, high = _time(timing.get("boundsDuration")), _time(timing.get("boundsDurationMax"))
    return None if low is None else (low, high)


def _time(quantity: Truth | None) -> Fraction | None:
    """Hours."""
    if quantity is None:
        return None
    hours: Fraction = _number(quantity["value"]) * _HOURS[str(quantity["unit"])]
    return hours


def _quantity(value: Any) -> Fraction | None:
    if value is None or value.value is None:
        return None
    content = value.value.low if isinstance(value.value, Range) else value.value
    return _time({"value": content.value, "unit": content.ucum})


def _ratio(ratio: Truth | None) -> tuple[object, ...] | None:
    if ratio is None:
        return None
    return (*_amount(ratio["numerator"]), _time(ratio["denominator"]))
