"""Workers are forks of a process that loaded all they need, and are counted when they end."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pipeline import workers

BURN = 0.5  # seconds


def burn() -> None:
    end = time.process_time() + BURN
    while time.process_time() < end:
        pass


def test_what_workers_are_forks_of_has_one_thread_and_no_ledger() -> None:
    """A fork has none of its parent's threads, but the locks that they held."""
    program = (
        "import os, sys, pipeline.preloaded;"
        "print(len(os.listdir('/proc/self/task')), 'pipeline.runner' in sys.modules,"
        "{'sqlalchemy', 'onnxruntime', 'pandas', 'typer'} & sys.modules.keys())"
    )
    environment = os.environ | workers.ONE_THREAD
    command = [sys.executable, "-c", program]
    shown = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert shown.stdout.strip() == "1 True set()", shown.stderr


def test_a_worker_has_loaded_everything_before_its_first_task(tmp_path: Path) -> None:
    with workers.workers(1, tmp_path / "work") as client:
        [loaded] = client.run(lambda: "pipeline.preloaded" in sys.modules).values()
    assert loaded


def test_workers_keep_freed_memory_and_leave_their_files_in_the_scratch_folder(
    tmp_path: Path,
) -> None:
    """Dask would have them return it, and each image built from fresh pages costs twice."""
    before = dict(os.environ)
    with workers.workers(1, tmp_path / "work") as client:
        [inside] = client.run(lambda: dict(os.environ)).values()
        [started_with] = client.run(lambda: Path("/proc/self/environ").read_bytes()).values()
        [folder] = client.run(tempfile.gettempdir).values()
    assert workers.ALLOCATION.items() <= inside.items()
    for name, value in workers.ALLOCATION.items():
        # What is set later, the allocator does not see.
        assert f"{name}={value}".encode() in started_with.split(b"\0")
    assert inside["OMP_THREAD_LIMIT"] == "1"
    assert Path(folder) == tmp_path / "work"
    assert dict(os.environ) == before
    assert not (tmp_path / "work").exists()


def test_what_workers_took_is_counted_when_they_have_ended(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with workers.workers(2, tmp_path / "work") as client:
        client.run(burn)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before > 2 * BURN


def test_a_run_that_is_broken_off_waits_for_no_worker() -> None:
    """One that Dask was still starting is nobody's to end, but this process's when it ends."""
    with pytest.raises(KeyboardInterrupt), workers._fork_server():
        worker = multiprocessing.Process(target=time.sleep, args=(120,))
        worker.start()
        raise KeyboardInterrupt
    assert worker.is_alive()
    worker.kill()
    worker.join()
    workers._stop_fork_server()
