"""Published schemas say what the code does."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import pipeline
from pipeline.fhir import schemas
from pipeline.fhir.definitions import definitions
from pipeline.model import DocumentKind
from tests.fhir.examples import extraction

ROOT = Path(pipeline.__file__).resolve().parents[1]


def test_published_schemas_have_not_drifted() -> None:
    """`python -m pipeline.fhir.schemas` writes them again."""
    place = schemas.folder()
    there = {
        path.relative_to(place).as_posix(): path.read_text(encoding="utf-8")
        for path in place.rglob("*.json")
    }
    assert there == schemas.contents()


def test_publishing_replaces_what_is_no_more(tmp_path: Path) -> None:
    (tmp_path / "fhir").mkdir()
    (tmp_path / "fhir" / "StructureDefinition-old.json").write_text("{}", encoding="utf-8")
    schemas.publish(tmp_path)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")}
    assert written == schemas.contents().keys()


@pytest.mark.parametrize("kind", DocumentKind)
def test_an_extraction_record_fits_its_schema(kind: DocumentKind) -> None:
    schema = json.loads((schemas.folder() / schemas.EXTRACTION).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    read, _, _ = extraction(kind, 1)
    record = json.loads(read.model_dump_json())
    assert list(validator.iter_errors(record)) == []
    del record["kind"]
    assert list(validator.iter_errors(record))


@pytest.mark.parametrize("name", sorted(definitions()))
def test_a_definition_is_well_formed(name: str) -> None:
    from fhir.resources.R4B import get_fhir_model_class

    resource = definitions()[name]
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_the_wheel_takes_the_schemas_along() -> None:
    assert '"schemas" = "pipeline/schemas"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
