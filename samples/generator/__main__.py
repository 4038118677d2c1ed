"""`python -m samples.generator documents --out DIR --count N --seed S [--modes …] [--split …]`
and `python -m samples.generator samples`, which makes the committed inbox again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

from samples.generator.inbox import store_inbox
from samples.generator.scans import MODES, Mode, scans, store
from samples.generator.vocabulary import Split


def main() -> None:
    """Write scans with their truth; progress on standard output."""
    parser = argparse.ArgumentParser(prog="python -m samples.generator")
    verbs = parser.add_subparsers(dest="verb", required=True)
    documents = verbs.add_parser("documents", help="scans of practice paper with ground truth")
    documents.add_argument("--out", type=Path, required=True)
    documents.add_argument("--count", type=int, default=40)
    documents.add_argument("--seed", type=int, default=1)
    documents.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    documents.add_argument("--split", choices=("development", "heldout"), default="development")
    committed = verbs.add_parser("samples", help="the small inbox committed in samples/")
    committed.add_argument("--out", type=Path, default=Path(__file__).parents[1])
    chosen = parser.parse_args()
    if chosen.verb == "samples":
        store_inbox(chosen.out)
        return
    modes = cast("list[Mode]", chosen.modes)
    made = 0
    for scan in scans(chosen.count, chosen.seed, cast("Split", chosen.split), modes):
        store(scan, chosen.out)
        made += len(scan.truth["documents"])
        print(f"{made}/{chosen.count} {scan.name}", flush=True)


if __name__ == "__main__":
    main()
