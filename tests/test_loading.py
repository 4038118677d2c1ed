"""What modules keep is not looked through for garbage."""

from __future__ import annotations

import subprocess
import sys


def test_what_was_imported_is_left_out_of_garbage_collection() -> None:
    code = (
        "import gc\n"
        "from pipeline.loading import many_modules\n"
        "with many_modules():\n"
        "    import pipeline.model\n"
        "    assert not gc.isenabled()\n"
        "frozen = gc.get_freeze_count()\n"
        "assert frozen > 10_000 and gc.isenabled()\n"
        "with many_modules():\n"
        "    import pipeline.model\n"
        "    kept = [[] for _ in range(10)]\n"
        "assert gc.get_freeze_count() <= frozen\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
