"""Exports: what is written, once each, and what is left out with a sentence."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import UsageError
from pipeline.fhir.serialising import dumps, loads
from pipeline.reimport.export import Kind, export
from tests.reimport.export.conftest import Outcome

KINDS: tuple[Kind, ...] = ("ndjson", "transactions", "xdm")


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["reference"]} if isinstance(node.get("reference"), str) else set()
        return found.union(*(references(child) for child in node.values()))
    if isinstance(node, list):
        return set().union(*(references(child) for child in node))
    return set()


def resources(folder: Path) -> list[dict[str, Any]]:
    return [
        loads(line)
        for path in sorted(folder.glob("*.ndjson"))
        for line in path.read_text("utf-8").splitlines()
    ]


def test_ndjson_holds_each_resource_once_and_every_reference_leads_somewhere(
    validated_out: Outcome, tmp_path: Path
) -> None:
    exported = export(validated_out.path, "ndjson", tmp_path / "to")
    assert not exported.left_out
    found = resources(tmp_path / "to")
    ids = [f"{one['resourceType']}/{one['id']}" for one in found]
    assert len(ids) == len(set(ids))
    written = {
        entry["request"]["url"]
        for bundle in validated_out.bundles.values()
        for entry in bundle["entry"]
        if entry["request"]["method"] == "PUT"
    }
    assert written <= set(ids)
    for one in found:
        assert {r for r in references(one) if not r.startswith("#")} <= set(ids)
    assert "urn:uuid:" not in "".join(
        path.read_text("utf-8") for path in (tmp_path / "to").glob("*.ndjson")
    )
    for path in (tmp_path / "to").glob("*.ndjson"):
        kinds = {loads(line)["resourceType"] for line in path.read_text("utf-8").splitlines()}
        assert kinds == {path.stem}


def test_transactions_are_one_per_patient_and_hold_everything(
    validated_out: Outcome, tmp_path: Path
) -> None:
    exported = export(validated_out.path, "transactions", tmp_path / "to")
    bundles = [loads(path.read_bytes()) for path in exported.files if path.suffix == ".json"]
    put = [
        entry["request"]["url"]
        for bundle in bundles
        for entry in bundle["entry"]
        if entry["request"]["method"] == "PUT"
    ]
    assert sorted(put) == sorted(
        entry["request"]["url"]
        for bundle in validated_out.bundles.values()
        for entry in bundle["entry"]
        if entry["request"]["method"] == "PUT"
    )
    for bundle in bundles:
        urls = [entry["fullUrl"] for entry in bundle["entry"]]
        assert len(urls) == len(set(urls))
        assert references(bundle) - {"#medication"} <= set(urls)
        kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
        assert kinds.count("Patient") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_export_gives_the_same_bytes_and_the_index_agrees(
    validated_out: Outcome, tmp_path: Path, kind: Kind
) -> None:
    once = export(validated_out.path, kind, tmp_path / "once")
    again = export(validated_out.path, kind, tmp_path / "again")
    assert [path.read_bytes() for path in once.files] == [p.read_bytes() for p in again.files]
    check = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path / "once"
    )
    assert check.returncode == 0
    listed = (tmp_path / "once" / "SHA256SUMS").read_text("utf-8").splitlines()
    assert len(listed) == len(once.files) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_files_say_nothing_of_a_patient(
    validated_out: Outcome, tmp_path: Path, kind: Kind
) -> None:
    exported = export(validated_out.path, kind, tmp_path / "to")
    names = " ".join(str(path.relative_to(tmp_path)) for path in exported.files).casefold()
    for bundle in validated_out.bundles.values():
        for entry in bundle["entry"]:
            for name in entry["resource"].get("name", ()):
                if isinstance(name, dict):
                    assert name.get("family", "\0").casefold() not in names


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda bundle: {**bundle, "meta": {}}, "validé par un soignant"),
        (lambda bundle: {**bundle, "entry": bundle["entry"][1:]}, "modifié"),
        (lambda bundle: [], "illisible"),
    ],
)
def test_what_nobody_validated_stays_behind(
    validated_out: Outcome, tmp_path: Path, spoil: Any, word: str
) -> None:
    folder = tmp_path / "out" / "validated"
    folder.mkdir(parents=True)
    bundle = next(iter(validated_out.bundles.values()))
    (folder / "a.json").write_text(dumps(spoil(bundle)), "utf-8")
    exported = export(tmp_path / "out", "ndjson", tmp_path / "to")
    assert exported.files == ()
    assert [left.document for left in exported.left_out] == ["a"]
    assert word in exported.left_out[0].sentence


def test_nothing_validated_or_a_folder_in_use_is_refused(
    validated_out: Outcome, tmp_path: Path
) -> None:
    with pytest.raises(UsageError):
        export(tmp_path, "ndjson", tmp_path / "to")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "old.json").write_text(json.dumps({}))
    with pytest.raises(UsageError):
        export(validated_out.path, "ndjson", tmp_path / "used")
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["old.json"]


def test_the_command_says_what_was_left_and_ends_with_a_status(
    validated_out: Outcome, tmp_path: Path
) -> None:
    runner = CliRunner()
    command = ["export", str(validated_out.path), "--to", str(tmp_path / "to")]
    done = runner.invoke(app, [*command, "--as", "xdm"])
    assert done.exit_code == 4
    assert "RPPS" in done.stderr
    assert isinstance(runner.invoke(app, [*command, "--as", "xls"]).exception, UsageError)
    fresh = ["export", str(validated_out.path), "--as", "ndjson", "--to", str(tmp_path / "n")]
    assert runner.invoke(app, fresh).exit_code == 0
