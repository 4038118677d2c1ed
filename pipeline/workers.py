"""Worker processes: how they start, what they may take, and how they are spoken to.

One process loads the stages, once, and each worker is a fork of it: workers that load for
themselves would spend a second and a half of processor time each on the same thing.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.loading import many_modules

if TYPE_CHECKING:
    from distributed import Client

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS"), "1")
# Freed memory of a page (glibc, bytes) is kept for the next one, in one arena for all threads; a
# colour page or a whole draft is returned, lest what lies between two of them keeps both. Dask has
# workers return every freed image to the system at once, so that each next one is built from fresh
# pages: a fifth of their time.
ALLOCATION = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**24),
    "MALLOC_TRIM_THRESHOLD_": str(2**26),
}
# The scheduler gives a worker one task at a time and blames nobody else for its death.
DASK: dict[str, Any] = {
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.worker.daemon": False,
    # As `multiprocessing` is told, see `_fork_server`; for a method that it knows by name, Dask
    # would load pandas in this process.
    "distributed.worker.multiprocessing-method": None,
    # Nothing is held twice that could be moved or dropped, and nobody watches the cluster.
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.client.scheduler-info-interval": "60s",
    # Dask's own sampling of workers costs more than it tells here.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "30s",
    # Event loops measure their own lag, by default fifty times a second; nobody reads the figure.
    "distributed.admin.tick.interval": "5s",
    "distributed.admin.tick.limit": "60s",
    "distributed.nanny.pre-spawn-environ": ONE_THREAD | ALLOCATION,
    "distributed.comm.timeouts.connect": "60s",
    # Dask always opens a status port; with no routes it has nothing to tell anyone.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


@contextmanager
def workers(count: int, scratch: Path) -> Iterator[Client]:
    """Worker processes of one thread each, spoken to over mutual TLS on loopback.

    Their temporary files, which hold pages, stay in `scratch`, and none outlives the run or, after
    a crash, the start of the next.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        with _fork_server():
            # Loaded while the other process loads the stages.
            with many_modules():
                import dask
                from distributed import Client, LocalCluster
                from distributed.security import Security

            temporary = {"distributed.nanny.environ": {"TMPDIR": str(scratch.resolve())}}
            with (
                dask.config.set(DASK | temporary),
                LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    protocol="tls://",
                    security=Security.temporary(),
                    dashboard_address=None,
                    scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                    memory_limit=0,
                    local_directory=str(scratch),
                    silence_logs=logging.CRITICAL,
                ) as cluster,
                Client(cluster) as client,
            ):
                yield client
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _fork_server() -> Iterator[None]:
    """The process that all workers are forks of; its environment is theirs.

    Python ends it only some time after this process, when nobody counts any more what it and the
    workers have taken; so it is waited for here. Not so where the run is broken off: a worker may
    be left that ends with this process only.
    """
    _stop_fork_server()
    before = dict(os.environ)
    os.environ.update(ONE_THREAD | ALLOCATION)
    try:
        multiprocessing.set_start_method("forkserver", force=True)
        multiprocessing.set_forkserver_preload(["pipeline.preloaded"])
        forkserver.ensure_running()
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
    _stop_fork_server()


def _stop_fork_server() -> None:
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
