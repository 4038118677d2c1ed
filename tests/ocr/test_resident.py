"""One Tesseract reads page after page, and no page is taken for another."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.config import Settings
from pipeline.ocr import tesseract
from pipeline.ocr.resident import Resident
from tests.conftest import ROOT

# Answers each name of an image with a page of hOCR whose word is the name, after `$1`.
ENGINE = """#!/bin/bash
echo "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><body>"
while read -r page; do
  %s
  echo "<div class='ocr_page' title='image \\"$page\\"'><div><span>$page</span></div>"
  echo "</div>"
done
"""


def engine(folder: Path, before: str = ":") -> Resident:
    """An engine that runs `before`, a line of shell, before it answers for `$page`."""
    path = folder / "engine"
    path.write_text(ENGINE % before)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Resident(str(path), ())


def word(engine: Resident, image: str) -> str | None:
    page = engine.read(Path(image))
    return None if page is None else "".join(str(text) for text in page.itertext()).strip()


def printed(text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    page = np.full((200, 900), 255, np.uint8)
    return np.asarray(
        cv2.putText(page, text, (30, 120), cv2.FONT_HERSHEY_SIMPLEX, 2, 0, 4), np.uint8
    )


def test_one_process_answers_for_each_page_as_it_comes(tmp_path: Path) -> None:
    made = engine(tmp_path, f"echo x >> {tmp_path}/asked")
    assert [word(made, f"/{n}/page.tif") for n in range(3)] == [f"/{n}/page.tif" for n in range(3)]
    assert (tmp_path / "asked").read_text() == "x\n" * 3
    made.stop()


def test_a_process_that_ends_is_followed_by_another(tmp_path: Path) -> None:
    made = engine(tmp_path, '[[ "$page" == *bad* ]] && exit 1')
    assert word(made, "/first.tif") == "/first.tif"
    assert word(made, "/bad.tif") is None
    assert word(made, "/second.tif") == "/second.tif"
    made.stop()
    assert word(Resident(str(tmp_path / "nowhere"), ()), "/page.tif") is None


def test_an_answer_for_another_page_is_no_answer(tmp_path: Path) -> None:
    made = engine(tmp_path, '[[ "$page" == *second* ]] && page=/first.tif')
    assert word(made, "/first.tif") == "/first.tif"
    assert word(made, "/second.tif") is None
    assert word(made, "/third.tif") == "/third.tif"
    made.stop()


def test_a_reading_that_is_broken_off_leaves_no_answer_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = engine(tmp_path)
    assert word(made, "/first.tif") == "/first.tif"

    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.ocr.resident.os.read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.read(Path("/second.tif"))
    monkeypatch.undo()
    assert word(made, "/third.tif") == "/third.tif"
    made.stop()


def test_it_reads_what_a_process_for_each_page_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [printed(text) for text in ("Paracetamol 500 mg", "Amoxicilline 1 g", "Kardegic 75")]
    staying = [tesseract.raw_lines(page, 200, Settings()) for page in pages]
    assert staying[0][0].text == "Paracetamol 500 mg"
    monkeypatch.setattr(Resident, "read", lambda *_: None)
    assert [tesseract.raw_lines(page, 200, Settings()) for page in pages] == staying


def test_what_it_took_is_counted_when_its_own_process_has_ended(tmp_path: Path) -> None:
    """Or else nobody would know what a page costs: most of it is spent there."""
    engine(tmp_path, "for i in {1..300000}; do :; done")
    program = (
        "import sys; from pathlib import Path; from pipeline.ocr.resident import resident\n"
        "assert resident(sys.argv[1], ()).read(Path('/page.tif')) is not None"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [sys.executable, "-c", program, str(tmp_path / "engine")]
    subprocess.run(command, check=True, cwd=ROOT, env=dict(os.environ))
    with_engine = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    subprocess.run([sys.executable, "-c", program.partition("\n")[0]], check=True, cwd=ROOT)
    alone = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before - with_engine
    assert with_engine - alone > 0.2
