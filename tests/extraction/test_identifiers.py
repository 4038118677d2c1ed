"""NIR, RPPS, FINESS and telephone numbers, with their checks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extraction.identity.identifiers import (
    find_nir,
    find_number,
    find_phone,
    finess_is_valid,
    luhn_is_valid,
    nir_is_valid,
    nir_key,
)

# Commune codes 901 to 988 are not attributed: no such number exists.
departments = st.one_of(
    st.integers(1, 95).map(lambda n: f"{n:02d}"), st.sampled_from(["2A", "2B", "97", "99"])
)
bodies = st.builds(
    "{}{:02d}{:02d}{}{:03d}{:03d}".format,
    st.sampled_from("1237"),
    st.integers(0, 99),
    st.integers(1, 12),
    departments,
    st.integers(901, 988),
    st.integers(1, 999),
)


@given(bodies)
def test_a_number_with_its_key_is_found_in_any_spacing(body: str) -> None:
    nir = f"{body}{nir_key(body):02d}"
    cuts = ((0, 1), (1, 3), (3, 5), (5, 7), (7, 10), (10, 13), (13, 15))
    spaced = " ".join(nir[start:end] for start, end in cuts)
    for written in (nir, spaced, f"NIR : {spaced}", f"{nir[:13]} clé {nir[13:]}"):
        found = find_nir(written, labelled=False)
        assert found is not None
        assert found.number == nir
        assert found.doubts == ()


@given(bodies, st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_breaks_the_key(body: str, place: int, step: int) -> None:
    nir = f"{body}{nir_key(body):02d}"
    if not nir[place].isdigit():
        return
    wrong = nir[:place] + str((int(nir[place]) + step) % 10) + nir[place + 1 :]
    assert not nir_is_valid(wrong)


def test_a_wrong_key_is_kept_and_said() -> None:
    found = find_nir("2 88 03 75 915 123 39", labelled=True)
    assert found is not None
    assert found.doubts
    assert find_nir("2 88 03 75 915 123 39", labelled=False) is None


def test_a_missing_key_is_said() -> None:
    found = find_nir("NIR 2 88 03 75 915 123", labelled=True)
    assert found is not None
    assert any("sans clé" in doubt for doubt in found.doubts)


def test_letters_read_for_digits_are_set_right_when_the_key_agrees() -> None:
    key = nir_key("2880375915123")
    found = find_nir(f"2 88 O3 75 9l5 123 {key:02d}", labelled=True)
    assert found is not None
    assert found.number == f"2880375915123{key:02d}"
    assert found.doubts == ()


@given(st.integers(0, 999_999))
def test_luhn_takes_one_digit_of_ten(number: int) -> None:
    body = f"1099{number:06d}"
    assert sum(luhn_is_valid(f"{body}{digit}") for digit in range(10)) == 1


@pytest.mark.parametrize(
    ("text", "length", "expected", "clean"),
    [
        (": 10999174559", 11, "10999174559", True),
        (" n° 109 991 745 59", 11, "10999174559", True),
        (": 99 1 01234 5", 9, "991012345", True),
        (" 10999174559 - FINESS 990000018", 11, "10999174559", True),
        (" 1O999174559", 11, "10999174559", False),
        (" 109991745591", 11, "109991745591", False),
    ],
)
def test_a_labelled_number(text: str, length: int, expected: str, clean: bool) -> None:
    found = find_number(text, 0, length)
    assert found is not None
    assert found.number == expected
    assert (found.doubts == ()) is clean


def test_no_number_after_a_label_is_none() -> None:
    assert find_number(" du médecin", 0, 11) is None


@pytest.mark.parametrize(
    "text",
    ["Tél. 01 99 00 12 34", "Tél : 01.99.00.12.34", "+33 1 99 00 12 34", "0199001234",
     "01-99-00-12-34"],
)  # fmt: skip
def test_a_telephone_number_in_pairs(text: str) -> None:
    found = find_phone(text)
    assert found is not None
    assert found.number == "01 99 00 12 34"


def test_finess_closes_by_luhn() -> None:
    assert sum(finess_is_valid(f"99000001{digit}") for digit in range(10)) == 1


def test_a_lost_first_digit_is_the_one_that_fits_the_key() -> None:
    body = "170050297330333"
    assert nir_key(body[:13]) == int(body[13:])
    found = find_nir("N° SS : 70 05 02 973 303 33", True)
    assert found is not None
    assert found.number == body
    assert found.doubts
    assert find_nir("70 05 02 973 303 33", False) is None
    assert find_nir("N° SS : 70 05 02 973 303 34", True) is None
