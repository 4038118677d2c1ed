"""What a page costs: the whole pipeline against the bare OCR engine, in the same run.

Twenty printed A4 pages at 300 dpi are made (seed fixed). `tesseract IMAGE - --psm 6 -l fra` reads
each page image with one thread; then `reprise run` takes the same pages as PNG files. CPU seconds
are those of the child processes and their descendants (user + system). Starting the command and
its workers, with all that a first page loads, is paid once a run, not once a page: what a page
costs is what nineteen more add to a run over one, the rest is reported as the start, and the ratio
is given with it as well. Memory is the greatest resident set of any process below the command with
its own children, sampled twenty times a second in a run that is not timed: on a machine that is
fully at work, looking costs a few per cent of it. Two workers against one compare wall times of
the pages alone, where each worker has had its first.
"""

from __future__ import annotations

import compileall
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

PAGES = 20
LIMIT = 1800.0
ONE_THREAD = {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Cost:
    """One command: wall and CPU seconds with all descendants, peak memory of one process in MB (0
    where nobody watched)."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Benchmark:
    """Figures of one run, seconds a page. `ratio` is pipeline over engine, the start excluded."""

    pages: int
    engine_cpu: float
    pipeline_cpu: float
    startup_cpu: float
    one_worker: float
    two_workers: float
    peak_mb: float

    @property
    def ratio(self) -> float:
        return self.pipeline_cpu / self.engine_cpu

    @property
    def ratio_with_startup(self) -> float:
        return (self.pipeline_cpu + self.startup_cpu / self.pages) / self.engine_cpu

    @property
    def speedup(self) -> float:
        """Throughput of two workers over one."""
        return self.one_worker / self.two_workers

    def as_json(self) -> dict[str, Any]:
        figures = {
            "engineCpuPerPage": self.engine_cpu,
            "pipelineCpuPerPage": self.pipeline_cpu,
            "ratio": self.ratio,
            "startupCpu": self.startup_cpu,
            "ratioWithStartup": self.ratio_with_startup,
            "wallPerPageOneWorker": self.one_worker,
            "wallPerPageTwoWorkers": self.two_workers,
            "twoWorkersOverOne": self.speedup,
            "peakWorkerMegabytes": self.peak_mb,
        }
        return {"pages": self.pages, **{name: round(figure, 3) for name, figure in figures.items()}}


class _PeakMemory:
    """Watches the processes below `pid`; `megabytes` is the most that one of them needed.

    What a worker's own children hold (an engine that it started and waits for) counts with it.
    """

    def __init__(self, pid: int) -> None:
        self.megabytes = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(pid,), daemon=True)

    def __enter__(self) -> _PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self, pid: int) -> None:
        while not self._stop.wait(0.05):
            parents, sizes = _processes()
            for process, size in sizes.items():
                if process != pid and _is_below(process, pid, parents):
                    needed = size + sum(
                        sizes[child] for child, parent in parents.items()
                        if parent == process
                        and not _has_children(child, parents)
                        and not _is_becoming(child, parent)
                    )  # fmt: skip
                    self.megabytes = max(self.megabytes, needed)


def _processes() -> tuple[dict[int, int], dict[int, float]]:
    """Parent and resident megabytes of every process, from /proc."""
    parents: dict[int, int] = {}
    sizes: dict[int, float] = {}
    page = resource.getpagesize() / 2**20
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name stands in brackets and may hold spaces; the parent is the second after it.
            state = (folder / "stat").read_text().rpartition(")")[2].split()
            resident = int((folder / "statm").read_text().split()[1])
        except (OSError, IndexError):
            continue  # it ended while we looked
        parents[int(folder.name)] = int(state[1])
        sizes[int(folder.name)] = resident * page
    return parents, sizes


def _is_becoming(process: int, parent: int) -> bool:
    """Whether a new process is still in its parent's memory, not yet the program it starts."""
    try:
        lines = [Path(f"/proc/{number}/cmdline").read_bytes() for number in (process, parent)]
    except OSError:
        return True
    return lines[0] == lines[1]


def _is_below(process: int, root: int, parents: dict[int, int]) -> bool:
    while process in parents and process != root:
        process = parents[process]
    return process == root


def _has_children(process: int, parents: dict[int, int]) -> bool:
    return process in parents.values()


def measure(command: Sequence[str | Path], *, watched: bool = False) -> Cost:
    """Run `command` with one-thread libraries and measure it; its memory too where `watched`.

    Raises `subprocess.CalledProcessError` when it fails, a page put aside included: a page that
    was not read would make the figures better than they are; `subprocess.TimeoutExpired` after
    `LIMIT` seconds.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, **ONE_THREAD},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with _PeakMemory(process.pid) if watched else nullcontext() as peak:
        try:
            status = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status:
        raise subprocess.CalledProcessError(status, [str(part) for part in command])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, cpu, 0.0 if peak is None else peak.megabytes)


def engine_cost(images: Iterable[Path]) -> float:
    """CPU seconds a page of the bare engine."""
    return statistics.mean(
        measure(("tesseract", str(image), "-", "--psm", "6", "-l", "fra")).cpu for image in images
    )


def benchmark(reprise: Path, images: Sequence[Path]) -> Benchmark:
    """Compare `reprise run` with the engine on three page images or more (one page a file)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inbox = _inbox(folder / "inbox", images)
        # A first page for every worker: each further one costs what a page costs.
        runs = {
            "start": (_inbox(folder / "first", images[:1]), "1"),
            "one": (inbox, "1"),
            "start-two": (_inbox(folder / "first-two", images[:2]), "2"),
            "two": (inbox, "2"),
        }
        costs = {
            label: measure((reprise, "run", source, "--out", folder / label, "--jobs", jobs))
            for label, (source, jobs) in runs.items()
        }
        again = (reprise, "run", inbox, "--out", folder / "memory", "--jobs", "2")
        peak = measure(again, watched=True).peak
        engine = engine_cost(sorted(inbox.iterdir()))
    count = len(images)
    page = (costs["one"].cpu - costs["start"].cpu) / (count - 1)
    return Benchmark(
        pages=count,
        engine_cpu=engine,
        pipeline_cpu=page,
        startup_cpu=costs["one"].cpu - count * page,
        one_worker=(costs["one"].wall - costs["start"].wall) / (count - 1),
        two_workers=(costs["two"].wall - costs["start-two"].wall) / (count - 2),
        peak_mb=peak,
    )


def _inbox(folder: Path, images: Iterable[Path]) -> Path:
    folder.mkdir()
    for image in images:
        shutil.copy(image, folder / image.name)
    return folder


def show(result: Benchmark, console: Console) -> None:
    """Print the figures beside what is asked of them."""
    table = Table(title=f"{result.pages} pages A4 imprimées à 300 ppp", title_justify="left")
    for column in ("mesure", "valeur", "limite"):
        table.add_column(column, justify="left" if column == "mesure" else "right")
    rows = (
        ("tesseract seul, s de processeur par page", f"{result.engine_cpu:.2f}", ""),
        ("chaîne entière, s de processeur par page", f"{result.pipeline_cpu:.2f}", ""),
        ("rapport", f"{result.ratio:.2f}", "≤ 1,6"),
        ("rapport, démarrage compris", f"{result.ratio_with_startup:.2f}", ""),
        ("démarrage, s de processeur", f"{result.startup_cpu:.2f}", ""),
        ("deux ouvriers contre un", f"{result.speedup:.2f}", "≥ 1,8"),
        ("mémoire d'un ouvrier, Mo", f"{result.peak_mb:.0f}", "≤ 500"),
    )
    for row in rows:
        table.add_row(*row)
    console.print(table)


def page_images(folder: Path, count: int = PAGES, seed: int = 20) -> list[Path]:
    """Make `count` printed pages as PNG images; the same seed gives the same pages."""
    # The generator is no part of the installed package: it is there in a checkout only.
    from samples.generator.pages import printed_pages

    return printed_pages(folder, count, seed)


def main() -> None:
    """`python -m pipeline.evaluation.benchmark`: make the pages, measure, print, write JSON."""
    console = Console()
    root = Path(__file__).parents[2]
    # As after any first run: where Python is told not to keep what it compiles, every process
    # would compile all of it again.
    compileall.compile_dir(root / "pipeline", quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        images = page_images(Path(folder))
        result = benchmark(root / ".venv" / "bin" / "reprise", images)
    show(result, console)
    out = root / "out"
    out.mkdir(exist_ok=True)
    (out / "benchmark.json").write_text(json.dumps(result.as_json(), indent=1) + "\n")


if __name__ == "__main__":
    main()
