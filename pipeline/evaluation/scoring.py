"""Scores Bundles against the truth: what was found, what is right, what is silently wrong.

Every fact of the truth and every value presented is counted exactly once per kind, so leaving
things out costs recall, inventing costs precision, and flagging everything shows as the share of
right values flagged. A document that no Bundle covers misses all its facts; a Bundle of no known
document has only wrong values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from rapidfuzz import fuzz

from pipeline.errors import UsageError
from pipeline.evaluation.bundles import (
    BundleReading,
    Mark,
    Presented,
    PresentedMedication,
    read_bundle,
)
from pipeline.evaluation.comparing import (
    PARTS,
    Fact,
    Parts,
    alike,
    dosage_parts,
    fold,
    quantity,
    same_measurement,
    same_part,
    same_sign,
    says,
    strengths,
    truth_dose,
)
from pipeline.evaluation.tallies import Difference, Report, Tally
from pipeline.evaluation.truths import Place, TruthDocument, read_truth

Json = Mapping[str, Any]


def evaluate(bundles: Path, truth: Path) -> Report:
    """Score the Bundles in a folder (`drafts`, or the output folder that holds it).

    Raises `UsageError` when a folder is missing, empty or not what it should be.
    """
    folder = bundles / "drafts" if (bundles / "drafts").is_dir() else bundles
    if not folder.is_dir():
        raise UsageError("Le dossier des bundles est introuvable.")
    readings = [_read(path) for path in sorted(folder.glob("*.json"))]
    return score(readings, read_truth(truth))


def _read(path: Path) -> BundleReading:
    try:
        return read_bundle(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise UsageError("Un des bundles n'est pas un Bundle FHIR lisible.") from error


def score(readings: Sequence[BundleReading], documents: Sequence[TruthDocument]) -> Report:
    """Pair Bundles with documents by source file and pages, then count."""
    report = Report()
    left = list(readings)
    for document in documents:
        report.documents[document.mode] = report.documents.get(document.mode, 0) + 1
        ours = [reading for reading in left if _same_scan(reading, document)]
        best = max(ours, key=lambda reading: _overlap(reading, document), default=None)
        if best is None or _overlap(best, document) == 0:
            _Comparison(report, document, None).count()
            continue
        left.remove(best)
        exact = best.pages == document.pages
        report.found[document.mode] = report.found.get(document.mode, 0) + exact
        report.unread += best.unread
        _Comparison(report, document, best).count()
    report.strays = len(left)
    for stray in left:
        _count_stray(report, stray, documents)
    return report


def _same_scan(reading: BundleReading, document: TruthDocument) -> bool:
    if document.sha1 and reading.sha1:
        return document.sha1 == reading.sha1
    name = PurePosixPath(document.scan).name
    return PurePosixPath(reading.title).name.startswith(name)


def _overlap(reading: BundleReading, document: TruthDocument) -> float:
    union = reading.pages | document.pages
    return len(reading.pages & document.pages) / len(union) if union else 0.0


def _count_stray(report: Report, stray: BundleReading, documents: Sequence[TruthDocument]) -> None:
    """All that a Bundle of no document presents is wrong."""
    mode = next((d.mode for d in documents if _same_scan(stray, d)), "none")
    for value in stray.values:
        report.tally(mode, value.kind).present(False, value.mark, value.marked)
    for medication in stray.medications:
        _Comparison.present_invented(report, mode, medication)


class _Comparison:
    """One document of the truth against the Bundle that covers it, if any."""

    def __init__(
        self, report: Report, document: TruthDocument, reading: BundleReading | None
    ) -> None:
        self.report, self.document, self.reading = report, document, reading

    def count(self) -> None:
        for kind, fact, same, optional in _single_facts(self.document.facts):
            self._single(kind, fact, same, optional)
        self._measurements()
        self._texts(
            "allergy",
            _allergies(self.document.facts),
            lambda read, truth: bool(read == truth or (read and truth and alike(read, truth))),
        )
        self._texts("condition", _conditions(self.document.facts), _same_condition)
        self._orders()
        self._medications()

    def _values(self, kind: str) -> list[Presented]:
        return [v for v in self.reading.values if v.kind == kind] if self.reading else []

    def _tally(self, kind: str) -> Tally:
        return self.report.tally(self.document.mode, kind)

    def _differ(self, kind: str, truth: object, presented: object, state: str) -> None:
        self.report.differences.append(
            Difference(
                self.document.scan, self.document.mode, kind, str(truth), str(presented), state
            )
        )

    def _present(self, kind: str, value: Presented, right: bool, fact: str, truth: object) -> None:
        tally = self._tally(kind)
        tally.present(right, value.mark, value.marked)
        if not right:
            self._differ(kind, truth, value.value, value.mark.state)
            return
        places = self._places(fact)
        if places and value.mark.region is not None:
            tally.placed += 1
            tally.on_ink += _on_ink(value.mark, places)

    def _places(self, fact: str) -> tuple[Place, ...]:
        """Where a fact stands; a name is one element, with one evidence for all its parts."""
        together = _NAME_PARTS if fact in _NAME_PARTS else (fact,)
        return tuple(p for part in together for p in self.document.places.get(part, ()))

    def _single(
        self, kind: str, fact: Fact, same: Callable[[Fact, Fact], bool], optional: bool
    ) -> None:
        """A fact that a document has at most once. An `optional` one follows from the paper without
        standing on it: it may be left out, but not be wrong."""
        tally = self._tally(kind)
        stated = fact is not None and not optional
        values = self._values(kind)
        found = False
        for value in values:
            right = fact is not None and not found and same(value.value, fact)
            found = found or right
            if right and optional:
                stated = True
            self._present(kind, value, right, _PLACES.get(kind, kind), fact)
        tally.truth += stated
        if stated and not values:
            self._differ(kind, fact, "", "missing")

    def _measurements(self) -> None:
        facts = list(_leaves(self.document.facts.get("measurements", ())))
        tally = self._tally("measurement")
        values = self._values("measurement")
        for path, fact in facts:
            match = next((v for v in values if same_measurement(v.value, fact)), None)
            optional = fact.get("optional", False)
            tally.truth += match is not None or not optional
            if match is None and optional:
                continue
            if match is None:
                wrong = next((v for v in values if same_sign(v.value[0], fact["loinc"])), None)
                if wrong is None:
                    self._differ("measurement", fact, "", "missing")
                continue
            values.remove(match)
            self._present("measurement", match, True, path, fact)
        for value in values:
            self._present("measurement", value, False, "", "")

    def _texts(
        self, kind: str, facts: list[tuple[str, Fact, bool]], same: Callable[[Fact, Fact], bool]
    ) -> None:
        tally = self._tally(kind)
        values = self._values(kind)
        for path, fact, optional in facts:
            match = next((v for v in values if same(v.value, fact)), None)
            tally.truth += match is not None or not optional
            if match is None and optional:
                continue
            if match is None:
                self._differ(kind, fact, "", "missing")
                continue
            values.remove(match)
            self._present(kind, match, True, path, fact)
        for value in values:
            self._present(kind, value, False, "", "")

    def _orders(self) -> None:
        """Orders: one line of the paper may become several requests."""
        facts = [
            (f"orders[{i}]", fold(o["text"]))
            for i, o in enumerate(self.document.facts.get("orders", ()))
        ]
        tally = self._tally("order")
        tally.truth += len(facts)
        met: set[str] = set()
        for value in self._values("order"):
            path = next((p for p, text in facts if alike(value.value, text)), None)
            if path is None:
                self._present("order", value, False, "", "")
            elif path not in met:
                met.add(path)
                self._present("order", value, True, path, "")
        for path, text in facts:
            if path not in met:
                self._differ("order", text, "", "missing")

    # --- medications ------------------------------------------------------------------------

    def _medications(self) -> None:
        facts: list[Json] = list(self.document.facts.get("medications", ()))
        read = list(self.reading.medications) if self.reading else []
        pairs: dict[int, PresentedMedication] = {}
        for exact in (True, False):
            for index, fact in enumerate(facts):
                if index in pairs:
                    continue
                match = next(
                    (
                        m
                        for m in read
                        if _same_drug(m, fact) and (not exact or _same_strength(m, fact))
                    ),
                    None,
                )
                if match is not None:
                    pairs[index] = match
                    read.remove(match)
        # A misread name still stands beside its own strength and dosage: pair it by the line.
        for index in range(len(facts)):
            if index not in pairs:
                match = self._on_line(read, index)
                if match is not None:
                    pairs[index] = match
                    read.remove(match)
        for index, fact in enumerate(facts):
            self._medication(index, fact, pairs.get(index))
        for invented in read:
            self._differ("drug", "", invented.names[0], invented.drug.mark.state)
            self.present_invented(self.report, self.document.mode, invented)

    def _on_line(
        self, read: Sequence[PresentedMedication], index: int
    ) -> PresentedMedication | None:
        places = self.document.places.get(f"medications[{index}]", ())
        return next((m for m in read if places and _on_ink(m.drug.mark, places, 0.5)), None)

    def _medication(self, index: int, fact: Json, read: PresentedMedication | None) -> None:
        path = f"medications[{index}]"
        wanted = strengths(quantity(s) for s in fact.get("strength", ()))
        truth = dosage_parts(
            [truth_dose(s) for s in fact["dosage"]], fact.get("expectedSupplyDuration")
        )
        self._tally("medication").truth += 1
        self._tally("drug").truth += 1
        self._tally("strength").truth += bool(wanted)
        self._tally("dosage").truth += 1
        self._tally("repeats").truth += "numberOfRepeatsAllowed" in fact
        self._tally("substitution").truth += "substitutionAllowed" in fact
        self._parts(read, truth, fact)
        if read is None:
            self._differ("drug", fact["drug"], "", "missing")
            return
        right = _same_drug(read, fact)
        same_strength = _same_strength(read, fact)
        self._present("drug", read.drug, right, path, fact["drug"])
        if read.strength is not None:
            self._present("strength", read.strength, bool(wanted) and same_strength, path, wanted)
        elif wanted:
            self._differ("strength", wanted, "", "missing")
        self._tally("medication").present(
            right and same_strength,
            _weakest(read.drug, read.strength, bool(wanted)),
            read.drug.marked,
        )
        if read.dosage is not None:
            self._present(
                "dosage", read.dosage, _same_dosage(read.parts, truth), f"{path}.dosage", truth
            )
        else:
            self._differ("dosage", truth, "", "missing")
        if read.repeats is not None:
            said = str(fact.get("numberOfRepeatsAllowed"))
            self._present("repeats", read.repeats, read.repeats.value == said, "", said)
        if read.substitution is not None:
            refused = fact.get("substitutionAllowed") is False
            self._present(
                "substitution",
                read.substitution,
                refused == (read.substitution.value == "refused"),
                "",
                refused,
            )

    def _parts(self, read: PresentedMedication | None, truth: Parts, fact: Json) -> None:
        """Accuracy of each part of the dosage, over all prescription lines of the paper."""
        by_part = self.report.dosage_parts.setdefault(self.document.mode, {})
        mark = read.dosage.mark if read is not None and read.dosage is not None else None
        for part in PARTS:
            tally = by_part.setdefault(part, Tally())
            tally.truth += 1
            if mark is not None and read is not None:
                tally.present(same_part(part, read.parts, truth), mark)

    @staticmethod
    def present_invented(report: Report, mode: str, medication: PresentedMedication) -> None:
        """A prescription line that the paper does not have: every part of it is wrong."""
        report.tally(mode, "medication").present(
            False, _weakest(medication.drug, medication.strength), medication.drug.marked
        )
        parts = (
            medication.drug,
            medication.strength,
            medication.dosage,
            medication.repeats,
            medication.substitution,
        )
        for value in parts:
            if value is not None:
                report.tally(mode, value.kind).present(False, value.mark, value.marked)


# --- facts ----------------------------------------------------------------------------------

_PLACES = {
    "family": "patient.family", "given": "patient.given", "birth-family": "patient.birth_family",
    "sex": "patient.sex", "birth-date": "patient.birthDate", "nir": "patient.nir", "date": "date",
    "prescriber": "prescriber.family", "rpps": "prescriber.rpps",
}  # fmt: skip

_NAME_PARTS = ("patient.family", "patient.given", "patient.birth_family")


def _equal(read: Fact, truth: Fact) -> bool:
    return bool(read == truth)


def _single_facts(facts: Json) -> Iterator[tuple[str, Fact, Callable[[Fact, Fact], bool], bool]]:
    """(kind, value, comparison, optional) of what a document says once."""
    patient, prescriber = facts.get("patient", {}), facts.get("prescriber", {})
    implied = patient.get("implied", ())
    yield "kind", facts["kind"], _same_kind, False
    yield "date", facts.get("date"), _equal, False
    yield "family", _folded(patient.get("family")), _equal, False
    yield "given", _folded(" ".join(patient.get("given", ()))), _equal, False
    yield "birth-family", _folded(patient.get("birth_family")), _equal, False
    yield "sex", patient.get("sex"), _equal, "sex" in implied
    yield "birth-date", patient.get("birthDate"), _equal, False
    yield "nir", patient.get("nir"), _equal, False
    name = f"{prescriber.get('given') or ''} {prescriber.get('family') or ''}"
    yield "prescriber", _folded(name), _equal, False
    yield "rpps", prescriber.get("rpps"), _equal, "rpps" in prescriber.get("implied", ())


def _folded(text: str | None) -> str | None:
    return fold(text) or None if text else None


def _same_kind(read: Fact, truth: Fact) -> bool:
    return truth in str(read).split("|")


def _leaves(measurements: Sequence[Json]) -> Iterator[tuple[str, Json]]:
    for index, fact in enumerate(measurements):
        for leaf in fact.get("components") or [fact]:
            yield f"measurements[{index}]", leaf


def _allergies(facts: Json) -> list[tuple[str, Fact, bool]]:
    return [
        (f"allergies[{i}]", "" if a.get("noneKnown") else fold(a["text"]), False)
        for i, a in enumerate(facts.get("allergies", ()))
    ]


def _conditions(facts: Json) -> list[tuple[str, Fact, bool]]:
    """Conditions with their certainty; an optional one may be left out, but not be wrong."""
    return [
        (
            f"conditions[{i}]",
            (fold(c["text"]), c.get("certainty", "confirmed")),
            c.get("optional", False),
        )
        for i, c in enumerate(facts.get("conditions", ()))
    ]


def _same_condition(read: Fact, truth: Fact) -> bool:
    """The same words, or nearly, and the same certainty: a denied symptom is not a symptom."""
    close = alike(read[0], truth[0]) or fuzz.ratio(read[0], truth[0]) >= 90
    return bool(close and read[1] == truth[1])


def _same_drug(read: PresentedMedication, fact: Json) -> bool:
    """Whether the drug presented is the one written, by its text or a coding's display."""
    wanted = fold(fact["drug"])
    return any(says(wanted, name) for name in read.names)


def _same_strength(read: PresentedMedication, fact: Json) -> bool:
    wanted = strengths(quantity(s) for s in fact.get("strength", ()))
    said = read.strength.value if read.strength is not None else ()
    return bool(said == wanted)


def _same_dosage(read: Parts | None, truth: Parts) -> bool:
    return all(same_part(part, read, truth) for part in PARTS)


def _weakest(drug: Presented, strength: Presented | None, wanted: bool = False) -> Mark:
    """The state of a drug with its strength: the weaker of both; a `wanted` strength that is not
    there is an unread one."""
    if strength is None and wanted:
        return Mark("unread")
    if strength is not None and strength.mark.state != "sure":
        return strength.mark
    return drug.mark


def _on_ink(mark: Mark, places: Sequence[Place], share: float = 0.3) -> bool:
    """Whether the evidence's region covers, or lies on, a place where the fact is written."""
    if mark.region is None:
        return False
    x, y, width, height = mark.region
    for place in places:
        left, top, w, h = place.box
        if mark.page is not None and mark.page != place.page:
            continue
        across = min(x + width, left + w) - max(x, left)
        down = min(y + height, top + h) - max(y, top)
        smaller = min(width * height, w * h)
        if across > 0 and down > 0 and across * down >= share * smaller > 0:
            return True
    return False
