"""Files are written whole, originals are kept, and odd names lead nowhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.errors import EmptyFile
from pipeline.model import Scan
from pipeline.store.files import folder_name, keep_original, quarantine, write_atomically


def test_an_interrupted_write_leaves_the_old_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "draft.json"
    write_atomically(path, b"old")

    def crash(_descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", crash)
    with pytest.raises(OSError, match="no space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_damaged_copy_of_an_original_is_mended(tmp_path: Path) -> None:
    data = b"scan"
    sha256 = hashlib.sha256(data).hexdigest()
    path = keep_original(tmp_path, sha256, data)
    path.write_bytes(b"sc")
    assert keep_original(tmp_path, sha256, data).read_bytes() == data


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("ordonnance.pdf", "ordonnance-abababab"),
        ("../../etc/passwd", "passwd-abababab"),
        ("lot é/scan n° 3.tiff", "scan-n-3-abababab"),
        ("..", "scan-abababab"),
        ("a\nb.pdf", "a-b-abababab"),
        ("…", "scan-abababab"),
    ],
)
def test_folder_names_are_plain_and_stay_in_their_parent(origin: str, name: str) -> None:
    assert folder_name(origin, "ab" * 32) == name


def test_quarantine_holds_the_original_and_the_reason(tmp_path: Path) -> None:
    scan = Scan.unusable(b"", "vide.pdf")
    keep_original(tmp_path, scan.sha256, b"")
    folder = quarantine(tmp_path, scan, EmptyFile())
    assert (folder / "original.pdf").read_bytes() == b""
    reason = json.loads((folder / "reason.json").read_text("utf-8"))
    assert reason["code"] == "fichier-vide"
    assert reason["sentence"].startswith("Le fichier est vide")
    assert reason["when"]
