"""A folder through the whole pipeline, with real engines: nothing is lost, whatever dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pytest
from PIL import Image

from pipeline import batch
from pipeline.config import Settings
from pipeline.errors import BundleError
from pipeline.intake.inbox import list_inbox
from pipeline.intake.scanning import inspect
from pipeline.model import Document
from pipeline.reporting.summary import Summary
from pipeline.store.ledger import Ledger
from pipeline.store.tables import PageState
from pipeline.tasks import read_page_at
from tests.conftest import ROOT

INBOX = ROOT / "samples" / "inbox"
PRINTED = "ordonnance imprimée.pdf"
CERTIFICATE = "certificat.pdf"
BATCH = "lot du lundi.pdf"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def fill(inbox: Path, *names: str) -> None:
    for name in names:
        shutil.copy2(INBOX / name, inbox / name)


def go(inbox: Path, out: Path, settings: Settings | None = None, jobs: int = 1) -> Summary:
    listing = batch.run(inbox, out, settings or Settings(), jobs=jobs)
    return batch.report(out, listing)


def drafts(out: Path) -> dict[str, Any]:
    """Draft Bundles by id, without the time stamps that differ between two runs."""

    def timeless(node: Any) -> Any:
        if isinstance(node, dict):
            stamps = {"recorded", "timestamp", "occurredDateTime"}
            if node.get("resourceType") == "DocumentReference":
                stamps.add("date")
            return {key: timeless(value) for key, value in node.items() if key not in stamps}
        return [timeless(item) for item in node] if isinstance(node, list) else node

    return {
        path.stem: timeless(json.loads(path.read_text("utf-8")))
        for path in sorted((out / "drafts").glob("*.json"))
    }


def fake_tesseract(folder: Path, script: str) -> Settings:
    """Settings with an engine that runs `script` first, then reads as Tesseract does.

    In the script `$page` is the path of the page image, `$PPID` the worker.
    """
    path = folder / "tesseract"
    real = shutil.which("tesseract")
    path.write_text(
        "#!/bin/bash\n"
        'if [[ "$1" == *page.pgm ]]; then page="$1"\n' + script + "\nfi\n"
        f'exec {real} "$@"\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Settings(tesseract=str(path))


def test_every_page_ends_in_one_state_and_a_second_run_does_nothing(
    inbox: Path, tmp_path: Path
) -> None:
    fill(inbox, PRINTED, BATCH)
    shutil.copy2(inbox / PRINTED, inbox / "copie de l'ordonnance.pdf")
    before = {path.name: path.read_bytes() for path in inbox.iterdir()}
    out = tmp_path / "out"
    summary = go(inbox, out, jobs=2)
    assert {path.name: path.read_bytes() for path in inbox.iterdir()} == before
    assert len(summary.files) == 2, "the same bytes under two names are one scan"
    ended = {PageState.IN_DOCUMENT, PageState.BLANK, PageState.SEPARATOR}
    assert set(summary.page_states) <= ended
    in_documents = [page.number for entry in summary.documents for page in entry.pages]
    assert len(in_documents) == summary.page_states[PageState.IN_DOCUMENT]
    assert set(drafts(out)) == {entry.row.id for entry in summary.documents}
    modified = {path: path.stat().st_mtime_ns for path in (out / "drafts").iterdir()}
    again = go(inbox, out)
    assert [entry.row.id for entry in again.documents] == [
        entry.row.id for entry in summary.documents
    ]
    assert {path: path.stat().st_mtime_ns for path in (out / "drafts").iterdir()} == modified
    assert not (out / "work").exists()


def test_a_draft_that_fails_beside_its_page_is_left_to_a_task_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = INBOX / CERTIFICATE
    scan = inspect(path.read_bytes(), path.name, Settings())
    reading = read_page_at(path, scan, 1, Settings(), False, tmp_path)
    assert reading.drafted is not None and reading.drafted.bundle.parent == tmp_path

    def fail(*_: object) -> None:
        raise BundleError

    monkeypatch.setattr("pipeline.runner.draft_from_document", fail)
    again = read_page_at(path, scan, 1, Settings(), False, tmp_path)
    assert again.drafted is None
    assert again.page == reading.page


def test_a_page_and_its_document_enter_the_ledger_together(tmp_path: Path) -> None:
    """Cut off between the two, the page would be read and its document nowhere."""
    path = INBOX / CERTIFICATE
    scan = inspect(path.read_bytes(), path.name, Settings())
    reading = read_page_at(path, scan, 1, Settings(), False, tmp_path)
    assert reading.drafted is not None
    ledger = Ledger(batch.ledger_path(tmp_path))
    ledger.take(scan)
    work = batch._Work(ledger, tmp_path, Settings(), False, lambda _: None)
    lost = reading.drafted.bundle.rename(tmp_path / "lost.json")
    with pytest.raises(FileNotFoundError):
        work._page_read(batch._PageTask(scan, 1), reading)
    assert ledger.pages(scan.sha256)[0].state is PageState.WAITING
    lost.rename(reading.drafted.bundle)
    work._page_read(batch._PageTask(scan, 1), reading)
    assert ledger.pages(scan.sha256)[0].state is PageState.IN_DOCUMENT
    assert drafts(tmp_path).keys() == {row.id for row in ledger.documents()}


def test_the_last_files_are_drafted_when_workers_would_be_idle(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page takes a second, a draft a fifth of it: small pieces keep all at it until the end."""
    fill(inbox, PRINTED, CERTIFICATE, "page tournée.jpg", "bilan à jeun.png")
    ledger = Ledger(batch.ledger_path(tmp_path / "out"))
    work = batch._Work(ledger, tmp_path / "out", Settings(), False, lambda _: None)
    pages = list(work.tasks(list_inbox(inbox, Settings()), fresh=False, last=3))
    assert [task.last for task in pages if isinstance(task, batch._PageTask)] == [False] + [
        True
    ] * 3
    left = set(pages)
    when_drafted = []
    with ThreadPoolExecutor(max_workers=2) as engine:

        def submit(_: object, task: batch._Task) -> Any:
            if isinstance(task, batch._DocumentTask):
                when_drafted.append(len(left))
            future: Any = engine.submit(time.sleep, 0.05)
            future.release = lambda: None
            return future

        def settle(task: batch._Task, _: object) -> list[batch._Task]:
            left.discard(task)
            if isinstance(task, batch._DocumentTask):
                return []
            document = Document(id=task.scan.sha256, scan=task.scan, pages=(), reason="")
            return [batch._DocumentTask(document, last=task.last)]

        monkeypatch.setattr(work, "_submit", submit)
        monkeypatch.setattr(work, "_settle", settle)
        client: Any = None
        work.carry_out(client, pages, 2)
    assert len(when_drafted) == 4
    assert max(when_drafted[1:]) < 2, "all but the first wait until a worker has no page to read"


def test_a_worker_that_dies_takes_no_page_with_it(inbox: Path, tmp_path: Path) -> None:
    fill(inbox, PRINTED, CERTIFICATE)
    marker = tmp_path / "died"
    settings = fake_tesseract(
        tmp_path, f'if mkdir "{marker}" 2>/dev/null; then kill -9 $PPID; sleep 5; fi'
    )
    summary = go(inbox, tmp_path / "out", settings)
    assert marker.is_dir()
    assert len(summary.documents) == 2
    assert not summary.aside


def test_a_page_that_kills_every_worker_is_put_aside_and_the_others_are_read(
    inbox: Path, tmp_path: Path
) -> None:
    fill(inbox, PRINTED, CERTIFICATE)
    guilty = tmp_path / "guilty"
    count = tmp_path / "count"
    # The first page that is read is the guilty one, every time it comes back.
    settings = fake_tesseract(
        tmp_path,
        f'sum=$(tail -c 100000 "$page" | cksum); [ -e "{guilty}" ] || echo "$sum" > "{guilty}"\n'
        f'if [ "$(cat "{guilty}")" = "$sum" ]; then echo x >> "{count}"; '
        "kill -9 $PPID; sleep 5; fi",
    )
    out = tmp_path / "out"
    summary = go(inbox, out, settings)
    assert count.read_text().count("x") == settings.attempts
    assert len(summary.documents) == 1
    [aside] = summary.aside
    assert aside.code == "page-en-echec"
    [folder] = (out / "quarantine").iterdir()
    reason = json.loads((folder / "reason.json").read_text("utf-8"))
    assert reason["detail"] == "worker-died"
    assert (folder / "original.pdf").read_bytes() == (inbox / aside.origin).read_bytes()


def test_a_run_killed_half_way_and_started_again_gives_the_same_bundles(
    inbox: Path, tmp_path: Path
) -> None:
    fill(inbox, PRINTED, CERTIFICATE, BATCH)
    go(inbox, tmp_path / "whole", jobs=2)
    expected = drafts(tmp_path / "whole")
    out = tmp_path / "cut"
    command = [sys.executable, "-m", "pipeline", "run", str(inbox), "--out", str(out), "--jobs=2"]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not drafts(out) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(drafts(out)) < len(expected), "the run was cut off before its end"
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    assert drafts(out) == expected


def make_bad_inbox(inbox: Path) -> dict[str, str]:
    """Everything people drop by mistake, with the code each must end under ("" for a document
    or a blank page)."""
    good = (INBOX / CERTIFICATE).read_bytes()
    ink = Image.new("L", (1240, 1754), 255)
    photo = np.random.default_rng(7).integers(0, 255, (12, 9, 3), dtype=np.uint8)
    (inbox / "vide.pdf").write_bytes(b"")
    (inbox / "texte.pdf").write_text("ceci n'est pas un PDF", "utf-8")
    (inbox / "tronquée.jpg").write_bytes((INBOX / "page tournée.jpg").read_bytes()[:60_000])
    with pikepdf.open(INBOX / CERTIFICATE) as pdf:
        pdf.save(inbox / "protégé.pdf", encryption=pikepdf.Encryption(owner="a", user="b"))
    with pikepdf.new() as pdf:
        pdf.save(inbox / "sans page.pdf")
    Image.new("L", (1, 1)).save(inbox / "point.png")
    Image.new("1", (30_000, 30_000), 1).save(inbox / "immense.png")
    ink.save(inbox / "blanche.png", dpi=(150, 150))
    Image.fromarray(photo).resize((1600, 1200), Image.Resampling.BICUBIC).save(
        inbox / "vacances.jpg"
    )
    (inbox / "a\nb.pdf").write_bytes(good)
    outside = inbox.parent / "ailleurs.pdf"
    outside.write_bytes(good)
    (inbox / "lien.pdf").symlink_to(outside)
    return {
        "vide.pdf": "fichier-vide",
        "texte.pdf": "format-inconnu",
        "tronquée.jpg": "fichier-abime",
        "protégé.pdf": "fichier-protege",
        "sans page.pdf": "sans-page",
        "point.png": "image-trop-petite",
        "immense.png": "image-trop-grande",
        "vacances.jpg": "pas-un-document",
        "lien.pdf": "hors-du-dossier",
    }


def test_bad_input_ends_in_one_state_each_and_the_batch_goes_on(
    inbox: Path, tmp_path: Path
) -> None:
    expected = make_bad_inbox(inbox)
    before = {path.name: path.read_bytes() for path in inbox.iterdir()}
    out = tmp_path / "out"
    summary = go(inbox, out, Settings(patience_seconds=1.0), jobs=2)
    assert {aside.origin: aside.code for aside in summary.aside} == expected
    assert all(aside.sentence.endswith(".") for aside in summary.aside)
    [entry] = summary.documents
    assert entry.scan.origins == ("a\nb.pdf",)
    assert summary.page_states[PageState.BLANK] == 1
    assert {path.name: path.read_bytes() for path in inbox.iterdir()} == before
    kept = {
        json.loads(path.read_text("utf-8"))["origins"][0]: path.parent
        for path in (out / "quarantine").glob("*/reason.json")
    }
    assert set(kept) == set(expected) - {"lien.pdf"}, "a link's target is never read"
    for origin, folder in kept.items():
        [original] = [path for path in folder.iterdir() if path.name != "reason.json"]
        assert original.read_bytes() == before[origin]
    assert not [path for path in out.rglob("*") if "\n" in path.name]


def test_whoever_hands_out_the_work_loads_no_stage() -> None:
    """The stages cost a second and a hundred megabytes, and only workers need them; Dask is loaded
    where there is work to hand out."""
    program = (
        "import sys, pipeline.batch, pipeline.tasks;"
        "heavy = {'spacy', 'onnxruntime', 'cv2', 'distributed', 'pipeline.runner'};"
        "print(heavy & sys.modules.keys())"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stdout.strip() == "set()", shown.stderr
