"""The benchmark measures what it says: CPU of descendants, memory of the largest of them."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from pipeline.evaluation.benchmark import Benchmark, measure, page_images, show

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
    cost = measure((sys.executable, "-c", GRANDCHILD, HOLD))
    assert 110 < cost.peak < 400


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
