"""A sender that is killed at any moment: the next one finishes its work, nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.reimport.receipts import receipts_folder
from tests.reimport import bundles
from tests.reimport.killing import points, send_and_kill, send_whole
from tests.reimport.server import FhirServer


def test_ten_kills_leave_each_resource_once(tmp_path: Path) -> None:
    sent = bundles.fill(tmp_path, 6)
    server = FhirServer()
    with server.serve() as url:
        killed = [
            send_and_kill(tmp_path, url, server.requests.total, after)
            for after in points(seed=5, count=10, most=40)
        ]
        assert send_whole(tmp_path, url) == 0
        folder = receipts_folder(tmp_path, url)
    assert killed.count(True) >= 8
    assert {kind: server.count(kind) for kind in bundles.kinds(sent)} == dict(bundles.kinds(sent))
    assert set(server.writes.values()) == {1}
    assert json.loads((folder / "reconciliation.json").read_bytes())["complete"] is True
