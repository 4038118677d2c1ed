"""CIM-10 labels from the user's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.errors import SetupError
from pipeline.terminology import Labels, import_cim10

ATIH = (
    "A00|3|CHOLERA|Choléra\nA000|0|CHOLERA A VIBRIO|Choléra à Vibrio cholerae 01, biovar cholerae\n"
    "I10|3|HYPERTENSION ESSENTIELLE|Hypertension essentielle (primitive)\n"
    "J45|3|ASTHME|Asthme\nJ450|0|ASTHME A PREDOM. ALLERGIQUE|Asthme à prédominance allergique\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-8-sig"])
def test_labels_are_found_whatever_the_encoding(tmp_path: Path, encoding: str) -> None:
    source = tmp_path / "LIBCIM10.TXT"
    source.write_bytes(ATIH.encode(encoding))
    store = tmp_path / f"{encoding}.sqlite"
    assert import_cim10(source, store) == 5
    labels = Labels.load(Settings(terminology=store))
    text = "ATCD : ASTHME à prédominance allergique, hypertension essentielle (primitive)."
    found = labels.find(text)
    assert [(one.code, text[one.start : one.end]) for one in found] == [
        ("J45.0", "ASTHME à prédominance allergique"),
        ("I10", "hypertension essentielle (primitive"),
    ]


def test_only_whole_words_count(tmp_path: Path) -> None:
    source = tmp_path / "cim.csv"
    source.write_text("code;label\nJ45;Asthme\n", "utf-8")
    store = tmp_path / "store.sqlite"
    import_cim10(source, store)
    assert Labels.load(Settings(terminology=store)).find("asthmes, asthmeux, post-asthme") != ()
    assert [one.start for one in Labels.load(Settings(terminology=store)).find("asthmeux")] == []


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert len(Labels.load(Settings())) == 0
    assert Labels.load(Settings()).find("asthme") == ()
    with pytest.raises(SetupError):
        import_cim10(tmp_path / "missing.txt", tmp_path / "store.sqlite")
    empty = tmp_path / "empty.txt"
    empty.write_text("rien ici", "utf-8")
    with pytest.raises(SetupError):
        import_cim10(empty, tmp_path / "store.sqlite")
