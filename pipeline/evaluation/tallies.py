"""What an evaluation counts, and the figures that follow from the counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.evaluation.bundles import Mark
from pipeline.evaluation.comparing import PARTS

IDENTITY = ("family", "given", "birth-family", "sex", "birth-date", "nir")
LEAVES = (
    "kind", "date", *IDENTITY, "prescriber", "rpps", "drug", "strength", "dosage", "repeats",
    "substitution", "measurement", "allergy", "condition", "order",
)  # fmt: skip
# Kinds made of others, shown beside them and not counted again in "all".
COMPOSITES: dict[str, tuple[str, ...]] = {"identity": IDENTITY, "all": LEAVES}
SHOWN = ("medication", *LEAVES, *COMPOSITES)


@dataclass
class Tally:
    """Counts of one kind of value. `placed` are right values whose place is known."""

    truth: int = 0
    presented: int = 0
    right: int = 0
    sure: int = 0
    sure_wrong: int = 0
    right_flagged: int = 0
    unmarked: int = 0
    placed: int = 0
    on_ink: int = 0
    calibration: list[tuple[float, bool]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add the counts of another tally."""
        for name in (
            "truth",
            "presented",
            "right",
            "sure",
            "sure_wrong",
            "right_flagged",
            "unmarked",
            "placed",
            "on_ink",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.calibration += other.calibration

    def present(self, right: bool, mark: Mark, marked: bool = True) -> None:
        """Count a presented value."""
        self.presented += 1
        self.right += right
        self.unmarked += not marked
        if mark.state == "sure":
            self.sure += 1
            self.sure_wrong += not right
        else:
            self.right_flagged += right
        if mark.confidence is not None:
            self.calibration.append((mark.confidence, right))

    @property
    def precision(self) -> float:
        return self.right / self.presented if self.presented else 0.0

    @property
    def recall(self) -> float:
        """Share of the truth's facts presented rightly; for single facts the exact accuracy."""
        return self.right / self.truth if self.truth else 0.0

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    @property
    def silent_error_rate(self) -> float:
        """Wrong values presented as sure, over all presented as sure."""
        return self.sure_wrong / self.sure if self.sure else 0.0

    @property
    def flagged_share(self) -> float:
        """Right values that are flagged, over all right values."""
        return self.right_flagged / self.right if self.right else 0.0

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over ten bins of confidence."""
        total = len(self.calibration)
        error = 0.0
        for low in range(10):
            inside = [p for p in self.calibration if low <= min(p[0] * 10, 9.99) < low + 1]
            if inside:
                confidence = sum(c for c, _ in inside) / len(inside)
                accuracy = sum(right for _, right in inside) / len(inside)
                error += abs(confidence - accuracy) * len(inside) / total
        return error

    def as_json(self) -> dict[str, Any]:
        """Counts and figures, rounded for reading."""
        figures = {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "silentErrorRate": self.silent_error_rate,
            "rightValuesFlagged": self.flagged_share,
            "calibrationError": self.calibration_error,
            "onInk": self.on_ink / self.placed if self.placed else 0.0,
        }
        counts = {
            "truth": self.truth, "presented": self.presented, "right": self.right,
            "sure": self.sure, "sureWrong": self.sure_wrong, "withoutEvidence": self.unmarked,
        }  # fmt: skip
        return {**counts, **{name: round(figure, 4) for name, figure in figures.items()}}


@dataclass(frozen=True)
class Difference:
    """One mistake, for whoever mends it: what the paper says, what was presented and how."""

    scan: str
    mode: str
    kind: str
    truth: str
    presented: str
    state: str


@dataclass
class Report:
    """Tallies by rendering mode and kind of value; `dosage_parts` by mode and part.

    `documents` counts those of the truth, `found` those with a Bundle of exactly their pages.
    """

    tallies: dict[str, dict[str, Tally]] = field(default_factory=dict)
    dosage_parts: dict[str, dict[str, Tally]] = field(default_factory=dict)
    documents: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    strays: int = 0
    unread: int = 0
    differences: list[Difference] = field(default_factory=list)

    def tally(self, mode: str, kind: str) -> Tally:
        """The tally of a kind in a mode, made when missing; composites are summed up."""
        if kind in COMPOSITES:
            total = Tally()
            for leaf in COMPOSITES[kind]:
                total.add(self.tally(mode, leaf))
            return total
        return self.tallies.setdefault(mode, {}).setdefault(kind, Tally())

    def overall(self, kind: str) -> Tally:
        """The tally of a kind over all modes."""
        total = Tally()
        for mode in list(self.tallies):
            total.add(self.tally(mode, kind))
        return total

    def as_json(self) -> dict[str, Any]:
        """All figures: `modes` → mode → kind → figures, `all` over the modes."""
        modes = {
            mode: {
                "documents": self.documents.get(mode, 0),
                "documentsFound": self.found.get(mode, 0),
                "kinds": {kind: self.tally(mode, kind).as_json() for kind in SHOWN},
                "dosageParts": {
                    part: tally.as_json() for part, tally in self.dosage_parts.get(mode, {}).items()
                },
            }
            for mode in sorted(self.tallies)
        }
        parts = {part: Tally() for part in PARTS}
        for tallies in self.dosage_parts.values():
            for part, tally in tallies.items():
                parts[part].add(tally)
        return {
            "documents": sum(self.documents.values()),
            "documentsFound": sum(self.found.values()),
            "bundlesOfNoDocument": self.strays,
            "unread": self.unread,
            "all": {
                "kinds": {kind: self.overall(kind).as_json() for kind in SHOWN},
                "dosageParts": {part: tally.as_json() for part, tally in parts.items()},
            },
            "modes": modes,
        }
