"""The dosage grammar: every form of the catalogue, and back to French."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extraction.dosage import Prescribed, read_dosage, render, says_the_same
from pipeline.extraction.dosage.codes import form_code, route_code
from pipeline.extraction.dosage.vocabulary import vocabulary
from pipeline.model import Dosage, Quantity, Range, Ratio, Timing

DATA = Path(__file__).with_name("data")


def quantity_text(quantity: Quantity | Range) -> str:
    if isinstance(quantity, Range):
        return f"{quantity_text(quantity.low)}..{quantity_text(quantity.high)}"
    return f"{format(quantity.value, 'f')} {quantity.unit}".strip()


def said(line: str) -> str:
    """All that a line says, in one readable string."""
    read = read_dosage(line)
    parts: list[str] = []
    if read.strength is not None:
        strength = read.strength.value
        text = "/".join(quantity_text(part) for part in strength.parts)
        parts.append(
            f"[{text} pour {quantity_text(strength.per)}]" if strength.per else f"[{text}]"
        )
    if read.form is not None:
        parts.append(f"<{read.form.value}>")
    parts.append(render(read.dosages))
    if read.supply is not None:
        parts.append(f"supply={quantity_text(read.supply.value)}")
    if read.repeats is not None:
        parts.append(f"repeats={read.repeats.value}")
    if read.dispense_quantity is not None:
        parts.append(f"dispense_quantity={quantity_text(read.dispense_quantity.value)}")
    if read.dispense_interval is not None:
        parts.append(f"dispense_interval={quantity_text(read.dispense_interval.value)}")
    if read.substitution is not None:
        parts.append(f"substitution={read.substitution.value.reason or 'NS'}")
    if read.action is not None:
        parts.append(f"action={read.action.value}")
    return " ".join(parts)


def table() -> list[tuple[str, str]]:
    lines = (DATA / "dosage.tsv").read_text("utf-8").splitlines()
    return [
        (line.split("\t")[0], line.split("\t")[1])
        for line in lines
        if line and not line.startswith("#")
    ]


@pytest.mark.parametrize(("line", "reading"), table(), ids=lambda text: text[:40])
def test_line_is_read_as_the_table_says(line: str, reading: str) -> None:
    assert said(line).strip() == reading.strip()


@pytest.mark.parametrize(
    ("misread", "meant"),
    [
        ("l cp rnatin midi et s0ir", "1 cp matin midi et soir"),
        ("1-O-1", "1-0-1"),
        ("l-0-l", "1-0-1"),
        ("1cpx3/j", "1 cp x 3/j"),
        ("1cpmatinetsoir", "1 cp matin et soir"),
        ("Y2 cp le soir", "½ cp le soir"),
        ("1 ep matin et soir", "1 cp matin et soir"),
        ("1 cp 3 fois par iour", "1 cp 3 fois par jour"),
        ("1 cp/i pdt 7 i", "1 cp/j pdt 7 j"),
        ("1 cornprimé par jour", "1 comprimé par jour"),
        ("1 gelule matin el soir", "1 gélule matin et soir"),
        ("1 cp toutes les6h", "1 cp toutes les 6 h"),
        ("1 cp sl besoin", "1 cp si besoin"),
        ("1 cp le matin et 1 cp le soit", "1 cp le matin et 1 cp le soir"),
        ("2 bouffees matin et soir", "2 bouffées matin et soir"),
        ("1O mg le soir", "10 mg le soir"),
        ("| ou 2 cp x 3/j", "1 ou 2 cp x 3/j"),
        ("XVgouttes au coucher", "XV gouttes au coucher"),
        ("1 cp le soir av coucher", "1 cp le soir au coucher"),
        ("1 cp 5i/7", "1 cp 5j/7"),
        ("2 cp x 3/j sansdépasser 6 cp/j", "2 cp x 3/j sans dépasser 6 cp/j"),
        ("S cp par jour S jours", "5 cp par jour 5 jours"),
        ("Smg matin et soir1 semaine", "5mg matin et soir 1 semaine"),
        ("1 inj s/e par jour", "1 inj s/c par jour"),
        ("2boiffées à 8b et 20b", "2 bouffées à 8h et 20h"),
        ("20 mg/m1 1 gtte le soir", "20 mg/ml 1 gtte le soir"),
        ("1 dosett 3 fois par jour", "1 dosette 3 fois par jour"),
        ("1/2 à l cp si doul0ureux", "1/2 à 1 cp si douloureux"),
        ("1 cp couche r pdf 5 j", "1 cp coucher pdt 5 j"),
        ("1 cp tutes les 6 h", "1 cp toutes les 6 h"),
        ("1 cp à 8b, J4-JS, 5i dl", "1 cp à 8h, J4-J5, si dl"),
        ("1 cp av, repas", "1 cp av. repas"),
        ("1 suppo m et 5, pendant l mois", "1 suppo m et s, pendant 1 mois"),
        ("60 mgs/c, 1 inj s.e.", "60 mg s/c, 1 inj s.c."),
        ("1-0-1si vertiges", "1-0-1 si vertiges"),
        ("1 cp dlx jours", "1 cp dix jours"),
        ("1 e à s le soir", "1 c à s le soir"),
        ("1 UI sl > 2 g/l", "1 UI si > 2 g/l"),
        ("1 cp par jour fous le5 jours", "1 cp par jour tous les jours"),
        ("1 inj SC1 fois par jour", "1 inj SC 1 fois par jour"),
        ("1à 2 patchss", "1 à 2 patchs"),
        ("1 cp matin et soir5 jours", "1 cp matin et soir 5 jours"),
        ("0,12S mg 1 cp dés le début", "0,125 mg 1 cp dès le début"),
    ],
)
def test_misread_line_means_the_same(misread: str, meant: str) -> None:
    assert said(misread) == said(meant)


@pytest.mark.parametrize("misread", ["l cp rnatin", "Y2 cp le soir", "1-O-1", "1O mg le soir"])
def test_a_guessed_spelling_is_never_silent(misread: str) -> None:
    assert read_dosage(misread).doubts


@pytest.mark.parametrize(
    "line",
    [
        "1 cp matin gloubi",
        "1 cp x3/j 2 fois par jour",
        "1 cp matin et soir 3",
        "schmilblick 2 cp/j",
        "1 cp si dou1oirr",
        "1 cp avant chaque repassidouleurs",
        "1 cp pendant quatrze jours",
        "S1| 1 cp",
    ],
)
def test_what_is_not_understood_is_said(line: str) -> None:
    assert read_dosage(line).doubts


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("1 cp à renouveler 2 h après", "repeats"),
        ("1 cp renouvelable toutes les 4 h", "repeats"),
        ("4-3-2-1 cp", "MORN"),
        ("1 cp pendant max 3 jours", "maximum"),
    ],
)
def test_traps(line: str, wrong: str) -> None:
    read = read_dosage(line)
    if wrong == "repeats":
        assert read.repeats is None
        assert read.dosages[0].min_interval is not None
    elif wrong == "MORN":
        assert [d.dose.value for d in read.dosages if isinstance(d.dose, Quantity)] == [4, 3, 2, 1]
        assert all(d.timing is not None and not d.timing.when for d in read.dosages)
    else:
        assert read.dosages[0].max_dose is None


def test_insulin_units_are_a_dose_and_no_strength() -> None:
    read = read_dosage("10 UI le soir", insulin=True)
    assert read.strength is None
    assert read.dosages[0].dose == Quantity(value=Decimal(10), unit="UI", ucum="[iU]")


def test_a_bare_number_is_a_strength_where_the_medicine_has_it() -> None:
    read = read_dosage("75 1 sachet/j", strengths=[Decimal(75), Decimal(160)])
    assert read.strength is not None
    assert read.strength.value.parts[0] == Quantity(value=Decimal(75))


def test_offsets_lead_back_to_the_words() -> None:
    line = "500 mg : 1 cp x 3/j QSP 7 jours, AR 2"
    read = read_dosage(line)
    for found, text in (
        (read.strength, "500 mg"),
        (read.steps, "1 cp x 3/j"),
        (read.supply, "QSP 7 jours"),
        (read.repeats, "AR 2"),
    ):
        assert found is not None
        assert line[found.start : found.end] == text


def test_every_form_and_route_of_the_vocabulary_has_a_place_in_the_codes() -> None:
    words = vocabulary()
    routes = {unit.route for unit in words.units.values() if unit.route}
    routes |= set(words.form_routes.values()) | set(words.site_routes.values())
    assert all(route_code(route).code.isdecimal() for route in routes)
    assert form_code("comprimé").code == "15054000"
    assert form_code("forme inconnue").code == ""


def test_nothing_in_nothing_out() -> None:
    assert read_dosage("") == Prescribed()
    assert read_dosage("   ,;  ").dosages == ()


# --- renderer ∘ parser --------------------------------------------------------------------------

_COUNTED = ["comprimé", "gélule", "sachet", "bouffée", "goutte", "ampoule", "application", "patch"]
_NUMBERS = [Decimal(n) for n in ("0.25", "0.5", "1", "1.5", "2", "3", "4", "10")]
_MOMENTS = ["MORN", "NOON", "EVE", "HS"]
_WEEK: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]
_WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def counted(value: Decimal, unit: str) -> Quantity:
    return Quantity(value=value, unit=unit, ucum=vocabulary().ucum.get(unit))


@st.composite
def doses(draw: st.DrawFn) -> Quantity | Range:
    unit = draw(st.sampled_from(_COUNTED))
    low = draw(st.sampled_from(_NUMBERS))
    if draw(st.booleans()) and low == int(low):
        high = low + draw(st.integers(1, 3))
        return Range(low=counted(low, unit), high=counted(high, unit))
    return counted(low, unit)


def lengths() -> st.SearchStrategy[Quantity]:
    names = {"d": ("jour", "jours"), "wk": ("semaine", "semaines"), "mo": ("mois", "mois")}
    return st.builds(
        lambda value, unit: Quantity(value=Decimal(value), unit=names[unit][value >= 2], ucum=unit),
        st.integers(1, 60),
        st.sampled_from(["d", "wk", "mo"]),
    )


@st.composite
def timings(draw: st.DrawFn) -> Timing:
    kind = draw(st.sampled_from(["daily", "moments", "every", "days", "clock"]))
    bounds = draw(st.none() | lengths())
    if kind == "daily":
        least = draw(st.integers(1, 6))
        most = draw(st.none() | st.integers(least + 1, 8))
        return Timing(
            frequency=least, frequency_max=most, period=Decimal(1), period_unit="d", bounds=bounds
        )
    if kind == "moments":
        chosen = draw(st.sets(st.sampled_from(_MOMENTS), min_size=1))
        when = tuple(code for code in _MOMENTS if code in chosen)
        if when == ("EVE", "HS"):
            when = ("HS",)
        return Timing(
            frequency=len(when), period=Decimal(1), period_unit="d", when=when, bounds=bounds
        )
    if kind == "every":
        unit, period = draw(
            st.sampled_from([("h", 4), ("h", 6), ("h", 72), ("d", 2), ("d", 15), ("mo", 3)])
        )
        return Timing(
            frequency=1,
            period=Decimal(period),
            period_unit=unit,
            bounds=bounds,
        )
    if kind == "days":
        days = draw(st.sets(st.sampled_from(_WEEK), min_size=1))
        chosen_days = tuple(day for day in _WEEK if day in days)
        return Timing(
            frequency=len(chosen_days),
            period=Decimal(1),
            period_unit="wk",
            day_of_week=chosen_days,
            bounds=bounds,
        )
    times = draw(st.sets(st.integers(1, 23), min_size=1, max_size=4))
    clock = tuple(f"{hour:02d}:00" for hour in sorted(times))
    return Timing(
        frequency=len(clock), period=Decimal(1), period_unit="d", time_of_day=clock, bounds=bounds
    )


@st.composite
def dosages(draw: st.DrawFn) -> Dosage:
    dose = draw(doses())
    unit = dose.high.unit if isinstance(dose, Range) else dose.unit
    needed = draw(st.booleans())
    known = vocabulary().units[unit]
    limit = draw(st.none() | st.integers(2, 12))
    interval = draw(st.none() | st.sampled_from([2, 4, 6]))
    return Dosage(
        text="",
        dose=dose,
        timing=draw(timings()),
        as_needed=needed,
        as_needed_for=draw(st.sampled_from(["", "douleur", "fièvre"])) if needed else "",
        max_dose=None
        if limit is None
        else Ratio(
            numerator=counted(Decimal(limit), unit),
            denominator=Quantity(value=Decimal(1), unit="jour", ucum="d"),
        ),
        min_interval=None
        if interval is None
        else Quantity(value=Decimal(interval), unit="heures", ucum="h"),
        route=None if known.route is None else route_code(known.route),
        additional=draw(st.sampled_from([(), ("à jeun",), ("sans croquer",)])),
    )


@settings(max_examples=250, deadline=None)
@given(dosages())
def test_rendered_steps_read_back_as_they_were(dosage: Dosage) -> None:
    assert says_the_same([dosage]), render([dosage])


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    read = read_dosage(text)
    for found in (read.steps, read.strength, read.form):
        assert found is None or 0 <= found.start <= found.end <= len(text)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "1",
                "2",
                "3",
                "1/2",
                "½",
                "cp",
                "gél",
                "mg",
                "matin",
                "soir",
                "midi",
                "x",
                "/",
                "j",
                "par",
                "jour",
                "fois",
                "si",
                "besoin",
                "pendant",
                "puis",
                "max",
                "toutes",
                "les",
                "h",
                "à",
                "et",
                ",",
                ";",
                "(",
                ")",
                "-",
                "500",
                "QSP",
                "mois",
                "AR",
                "douleur",
                "repas",
                "avant",
                "J1",
                "lundi",
                "sur",
                "7",
            ]
        ),
        max_size=16,
    )
)
def test_any_words_of_dosage_are_read_without_an_error(words: list[str]) -> None:
    text = " ".join(words)
    read = read_dosage(text)
    assert all(dosage.text in text for dosage in read.dosages)


def test_a_taper_once_a_day_goes_on_once_a_day() -> None:
    found = read_dosage("3 cp chaque matin x 2 j, puis 2 cp pdt 5 j, puis 1 cp pendant 5 jours")
    assert found.steps is not None
    timings = [dosage.timing for dosage in found.steps.value]
    assert [timing.frequency for timing in timings if timing] == [1, 1, 1]
    assert [timing.when for timing in timings if timing] == [("MORN",), (), ()]


def test_how_often_a_step_is_taken_is_not_guessed_from_several_times_a_day() -> None:
    found = read_dosage("1 cp 3 fois par jour 3 jours puis 1 cp 5 jours")
    assert found.steps is not None
    last = found.steps.value[-1].timing
    assert last is not None and last.frequency is None


@pytest.mark.parametrize("text", ["1 sachet par jour si besoin pdt", "1 cp le soir, QSP"])
def test_a_duration_that_was_announced_and_not_read_is_doubted(text: str) -> None:
    assert "Durée annoncée mais non lue." in read_dosage(text).doubts


def test_a_duration_that_was_read_is_not() -> None:
    assert read_dosage("1 sachet par jour si besoin pdt 3 j").doubts == ()
