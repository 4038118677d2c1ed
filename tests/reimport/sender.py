"""A whole send as a process of its own, which tests may kill."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.reimport.client import Patience, Target
from pipeline.reimport.sending import send
from tests.reimport.bundles import EVERYONE


def run(out: Path, url: str) -> None:
    """Send and exit with status 0 when every document is on the server, 1 when one is not."""
    patience = Patience(tries=25, first=0.01, longest=0.2)
    outcome = send(out, Target(url), EVERYONE, patience=patience)
    sys.exit(0 if outcome.reconciliation is not None and outcome.reconciliation.complete else 1)
