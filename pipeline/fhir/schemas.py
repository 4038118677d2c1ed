"""The published schemas: where they are, and how they are made again.

`python -m pipeline.fhir.schemas` writes `schemas/` of a checkout from the types and constants of
the code; a test compares the two.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pipeline
from pipeline.errors import SetupError
from pipeline.fhir import systems
from pipeline.fhir.definitions import definitions
from pipeline.model import Extraction

EXTRACTION = "extraction.schema.json"


def folder() -> Path:
    """The folder of schemas: inside an installed package, beside the package in a checkout.

    Raises `SetupError` when there is neither.
    """
    package = Path(pipeline.__file__).resolve().parent
    for place in (package / "schemas", package.parent / "schemas"):
        if (place / EXTRACTION).is_file():
            return place
    raise SetupError("Les schémas manquent : réinstallez le logiciel.")


def extraction_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of an extraction record as `Extraction.model_dump_json` writes it."""
    schema = Extraction.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{systems.BASE}/{EXTRACTION}",
        **schema,
    }


def contents() -> dict[str, str]:
    """Text of every schema by its path under `schemas/`."""
    made: dict[str, Any] = {EXTRACTION: extraction_schema()}
    made |= {f"fhir/{name}": resource for name, resource in definitions().items()}
    return {
        name: json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        for name, content in made.items()
    }


def publish(place: Path) -> None:
    """Write all schemas under `place`, and take away FHIR definitions that are no more."""
    texts = contents()
    (place / "fhir").mkdir(parents=True, exist_ok=True)
    for old in (place / "fhir").glob("*.json"):
        if f"fhir/{old.name}" not in texts:
            old.unlink()
    for name, text in texts.items():
        (place / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    publish(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("schemas"))
