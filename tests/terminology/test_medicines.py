"""The built-in lists: what they hold, that it is true, and how they are looked up."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.terminology import Terminology, import_cim10, lexicon
from pipeline.terminology.names import fold_name, lookalike

BUILT_IN = Settings()


def test_the_curated_list_is_wide_enough() -> None:
    entries = [entry for entry in Terminology.load(BUILT_IN).entries if entry.substances]
    substances = [e for e in entries if e.kind == "substance" and e.atc]
    brands = [e for e in entries if e.kind == "brand" and e.atc]
    described = [e for e in brands if e.strengths and e.forms and e.routes]
    assert len(substances) >= 500
    assert len(brands) >= 1_000
    assert len(described) >= 1_000


def test_the_curated_list_agrees_with_the_official_files(official_store: Path) -> None:
    """Every strength of a listed brand is one the official files know under that name."""
    official = {
        (entry.name, entry.kind): entry
        for entry in Terminology.load(Settings(terminology=official_store)).entries
        if entry.key is not None
    }
    compared = 0
    for entry in Terminology.load(BUILT_IN).entries:
        known = official.get((entry.name, entry.kind))
        if known is None or entry.kind != "brand" or not entry.substances:
            continue
        compared += 1
        assert set(entry.substances) == set(known.substances), entry.name
        assert set(entry.strengths) <= set(known.strengths), entry.name
        assert set(entry.routes) <= set(known.routes), entry.name
    assert compared >= 1_000


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("doliprane", "DOLIPRANE"),
        ("DOLIPRANE", "DOLIPRANE"),
        ("Lévothyrox", "LEVOTHYROX"),
        ("diffu k", "DIFFU-K"),
        ("Diffuk", "DIFFU-K"),
        ("amoxicilline/acide clavulanique", "AMOXICILLINE/ACIDE CLAVULANIQUE"),
        ("Spasfon", "SPASFON"),
        ("Ventoline", "VENTOLINE"),
        ("Utrogestan", "UTROGESTAN"),
        ("Cerazette", "CERAZETTE"),
    ],
)
def test_find(written: str, name: str) -> None:
    assert Terminology.load(BUILT_IN).find(written)[0].name == name


def test_near_names_come_nearest_first() -> None:
    near = Terminology.load(BUILT_IN).near("gliclazine", edits=2)
    assert near[0].entry.name == "GLICLAZIDE"
    assert 0.85 < near[0].similarity < 1
    assert Terminology.load(BUILT_IN).near("zzzzzzzzzz", edits=2) == ()


def test_look_alike_characters_meet() -> None:
    assert lookalike(fold_name("D0L1PRANE")) == lookalike(fold_name("DOLIPRANE"))
    alike = Terminology.load(BUILT_IN).alike("d0liprane")
    assert alike[0].entry.name == "DOLIPRANE"
    assert lookalike("imodium") != lookalike("sodium")


def _load_in_a_fresh_process(store: Path | None) -> tuple[float, float]:
    """CPU seconds to load every list, and the megabytes that the process then holds."""
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from pipeline.config import Settings\n"
        "from pipeline.terminology import Labels, Terminology\n"
        "settings = Settings(terminology=Path(sys.argv[1])) if sys.argv[1:] else Settings()\n"
        "begin = time.process_time()\n"
        "terminology = Terminology.load(settings)\n"
        "terminology.near('doliprame', edits=2); terminology.alike('d0liprane')\n"
        "Labels.load(settings).find('hypertension essentielle')\n"
        "status = Path('/proc/self/status').read_text()\n"
        "held = int(status.split('VmRSS:')[1].split()[0]) / 1024\n"
        "print(time.process_time() - begin, held)\n"
    )
    command = [sys.executable, "-c", code, *([] if store is None else [str(store)])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes


def test_built_in_lists_load_fast_and_small() -> None:
    """Under two seconds, and 150 MB together with the interpreter."""
    seconds, megabytes = _load_in_a_fresh_process(None)
    assert seconds < 2
    assert megabytes < 150


def test_imported_lists_load_fast_and_small(official_store: Path, tmp_path: Path) -> None:
    """The official files, and as many labels as the CIM-10 has."""
    store, labels = tmp_path / "store.sqlite", tmp_path / "labels.txt"
    shutil.copy(official_store, store)
    rows = (f"A{n // 1000:02}{n % 10}|affection numéro {n} de siège précis" for n in range(42_000))
    labels.write_text("\n".join(rows), "utf-8")
    import_cim10(labels, store)
    seconds, megabytes = _load_in_a_fresh_process(store)
    assert seconds < 2
    assert megabytes < 150


def test_lexicon_lists_marketed_names_first() -> None:
    words = lexicon(BUILT_IN)
    assert "DOLIPRANE" in words
    assert len(words) > 3_000
