"""Exported PDFs by veraPDF, the reference checker of PDF/A (a process of its own)."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pikepdf
import pytest

from pipeline.raster import Raster
from pipeline.reimport.export import export
from pipeline.reimport.export.pdfa import Passage, Sheet, pdf_a
from tests.conftest import ROOT
from tests.reimport.export.conftest import Outcome, page_of_scan

VERAPDF = ROOT / "tests" / "verapdf"

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def classpath() -> str:
    """The checker, built when it has not been; offline where Maven has all it needs."""
    built = VERAPDF / "target" / "classpath.txt"
    if not built.is_file():
        for offline in (["-o"], []):
            done = subprocess.run(["mvn", "-q", "-B", *offline, "compile"], cwd=VERAPDF)
            if done.returncode == 0:
                break
    return f"{VERAPDF / 'target' / 'classes'}:{built.read_text('utf-8').strip()}"


def verdicts(classpath: str, files: Sequence[Path]) -> list[str]:
    command = ["java", "-cp", classpath, "example.reprise.PdfA", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_every_exported_pdf_is_pdf_a_1b(
    validated_out: Outcome, tmp_path: Path, classpath: str
) -> None:
    exported = export(validated_out.path, "xdm", tmp_path / "to")
    files = [path for path in exported.files if path.name == "DOCUMENT.PDF"]
    assert files
    assert verdicts(classpath, files) == ["ok"] * len(files)


def test_colour_turned_pages_and_rare_letters_are_pdf_a_1b_too(
    tmp_path: Path, classpath: str
) -> None:
    pixels = np.full((877, 620, 3), (250, 240, 200), np.uint8)
    turned = page_of_scan().model_copy(update={"rotation": 90})
    lines = ("Œdème ≥ 2 cm → à revoir, 37,5 °C, µg, 日",) * 90
    data = pdf_a("Note & <suite>", [Sheet(Raster(pixels, 75.0), turned)], [Passage("Œ", lines)])
    (tmp_path / "a.pdf").write_bytes(data)
    assert verdicts(classpath, [tmp_path / "a.pdf"]) == ["ok"]


def test_the_checker_finds_what_is_missing(tmp_path: Path, classpath: str) -> None:
    pixels = np.full((877, 620), 255, np.uint8)
    data = pdf_a("Note", [Sheet(Raster(pixels, 75.0), page_of_scan())], [])
    spoilt = []
    for name in ("OutputIntents", "Metadata"):
        with pikepdf.open(io.BytesIO(data)) as pdf:
            del pdf.Root[f"/{name}"]
            spoilt.append(tmp_path / f"{name}.pdf")
            pdf.save(spoilt[-1], object_stream_mode=pikepdf.ObjectStreamMode.disable)
    assert all(verdict.startswith("broken") for verdict in verdicts(classpath, spoilt))
