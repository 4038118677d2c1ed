"""The benchmark measures what it says: CPU of descendants, memory of the largest of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from pipeline.evaluation.benchmark import (
    Benchmark,
    Cost,
    _is_becoming,
    benchmark,
    measure,
    page_images,
    show,
)

BURN = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass"
GRANDCHILD = (
    "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
)
HOLD = "import time; block = bytearray(120_000_000); time.sleep(1.5)"


def test_cpu_of_descendants_is_counted() -> None:
    cost = measure((sys.executable, "-c", GRANDCHILD, BURN))
    assert 0.4 <= cost.cpu < 5
    assert cost.wall >= 0.4


def test_sleep_costs_nothing() -> None:
    cost = measure(("sleep", "0.3"))
    assert cost.wall >= 0.3
    assert cost.cpu < 0.2


def test_memory_is_that_of_the_process_below() -> None:
    cost = measure((sys.executable, "-c", GRANDCHILD, HOLD), watched=True)
    assert 110 < cost.peak < 400


def test_the_start_is_no_part_of_what_a_page_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost(command: Sequence[str | Path], *, watched: bool = False) -> Cost:
        if command[0] == "tesseract":
            return Cost(wall=1.0, cpu=1.0, peak=50.0 * watched)
        pages, jobs = len(list(Path(command[2]).iterdir())), int(str(command[-1]))
        return Cost(wall=5.0 + 2.0 * pages / jobs, cpu=3.0 + 1.5 * pages, peak=400.0 * watched)

    monkeypatch.setattr("pipeline.evaluation.benchmark.measure", cost)
    images = [tmp_path / f"{number}.png" for number in range(6)]
    for image in images:
        image.touch()
    result = benchmark(Path("reprise"), images)
    assert result.ratio == pytest.approx(1.5)
    assert result.startup_cpu == pytest.approx(3.0)
    assert result.ratio_with_startup == pytest.approx(2.0)
    assert result.speedup == pytest.approx(2.0)
    assert result.peak_mb == pytest.approx(400.0)


def test_a_child_that_is_not_yet_another_program_has_no_memory_of_its_own() -> None:
    child = subprocess.Popen(("sleep", "5"))
    try:
        assert _is_becoming(os.getpid(), os.getpid())
        assert not _is_becoming(child.pid, os.getpid())
    finally:
        child.kill()
        child.wait()


def test_a_failing_command_gives_no_figures() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        measure((sys.executable, "-c", "raise SystemExit(3)"))


def test_ratios() -> None:
    result = Benchmark(
        pages=20, engine_cpu=2.0, pipeline_cpu=3.0, startup_cpu=4.0,
        one_worker=4.0, two_workers=2.0, peak_mb=400,
    )  # fmt: skip
    assert (result.ratio, result.speedup) == (1.5, 2.0)
    assert result.ratio_with_startup == pytest.approx(1.6)
    text = StringIO()
    show(result, Console(file=text, width=120))
    assert "1.50" in text.getvalue()


def test_pages_are_a4_at_300_dpi_and_repeat(tmp_path: Path) -> None:
    first, second = (
        page_images(_made(tmp_path / name), count=1)[0].read_bytes() for name in ("a", "b")
    )
    assert first == second
    with Image.open(tmp_path / "a" / "page 01.png") as image:
        assert image.width == 2480
        assert image.mode in ("L", "RGB")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
