"""Kill a sender at points chosen by a seed: when it has made so many requests."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.reimport import sender

# A server process that has imported the sender once, so that each start is a fork of it.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([sender.__name__])


def send_and_kill(out: Path, url: str, requests: Callable[[], int], after: int) -> bool:
    """Start a sender and kill it (SIGKILL) once it has made `after` requests; whether it was."""
    start = requests()
    process = _start(out, url)
    while process.is_alive():
        if requests() - start >= after:
            process.kill()
            break
        time.sleep(0.001)
    return _end(process) < 0


def send_whole(out: Path, url: str) -> int:
    """Run a sender to its end; its exit status."""
    return _end(_start(out, url))


def points(seed: int, count: int, most: int) -> list[int]:
    """`count` numbers of requests after which to kill, from the first to the `most`-th."""
    draw = random.Random(seed)
    return sorted(draw.sample(range(1, most + 1), count))


def _start(out: Path, url: str) -> ForkServerProcess:
    process = _CONTEXT.Process(target=sender.run, args=(out, url), daemon=True)
    process.start()
    return process


def _end(process: ForkServerProcess) -> int:
    process.join()
    assert process.exitcode is not None
    return process.exitcode
